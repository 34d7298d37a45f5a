//! What this service declares once: its claims, and the rules of a managed service provider.
//! A team that copies the example begins here.

use std::error::Error;
use std::sync::Arc;

use bailiwick::{Catalog, Claim, ClaimDeclaration, Domain, Rules};

/// The claims that there are beside those of the library, and the rules.
pub(crate) fn domain() -> Result<Arc<Domain>, Box<dyn Error + Send + Sync>> {
    let claim = Claim::new;
    let catalog = Catalog::new([
        ClaimDeclaration::view(claim("backups.view")?, "See backups"),
        ClaimDeclaration::manage(claim("backups.restore")?, "Restore a backup").implying(claim("backups.view")?),
        ClaimDeclaration::manage(claim("patches.approve")?, "Approve a patch"),
        ClaimDeclaration::view(claim("reports.view")?, "Read reports").requiring("reporting".parse()?),
    ])?;
    Ok(Arc::new(Domain { catalog, rules: Rules::provider() }))
}
