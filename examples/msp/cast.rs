//! Who plays: identifiers that follow from names, so that every run finds them again, and
//! what the service declares once.

use std::sync::Arc;

use bailiwick::{
    AgentSecret, Catalog, Claim, ClaimDeclaration, Domain, GroupId, InvalidId, OrganizationId, PrincipalId, Rules,
};
use uuid::Uuid;

use crate::Result;

const SERVICE: Uuid = Uuid::from_u128(0xba11_1c0d_e000_4000_8000_0000_0000_0001);

/// The identifier that belongs to a name.
pub(crate) fn id<T: TryFrom<Uuid, Error = InvalidId>>(kind: &str, name: impl ToString) -> Result<T, InvalidId> {
    Uuid::new_v5(&SERVICE, format!("{kind} {}", name.to_string()).as_bytes()).try_into()
}

/// The secret for the agents of an organization. The example must give the same each time it
/// runs; a service draws it from the system's randomness.
pub(crate) fn secret(name: &str) -> AgentSecret {
    let mut entropy = [0; 32];
    for (half, word) in entropy.chunks_exact_mut(16).zip(["first", "second"]) {
        half.copy_from_slice(Uuid::new_v5(&SERVICE, format!("{word} half for {name}").as_bytes()).as_bytes());
    }
    AgentSecret::from_entropy(entropy)
}

/// The roles of the story.
#[derive(Clone, Copy)]
pub(crate) struct Cast {
    pub(crate) operator: PrincipalId,
    pub(crate) ada: PrincipalId,
    pub(crate) ben: PrincipalId,
    pub(crate) chloe: PrincipalId,
    pub(crate) nora: PrincipalId,
    pub(crate) olaf: PrincipalId,
    pub(crate) fabrikam: OrganizationId,
    pub(crate) northwind: OrganizationId,
    pub(crate) wholesale: OrganizationId,
    pub(crate) retail: OrganizationId,
    pub(crate) contoso: OrganizationId,
    pub(crate) labs: OrganizationId,
    pub(crate) litware: OrganizationId,
    pub(crate) adventure: OrganizationId,
    pub(crate) technicians: GroupId,
    pub(crate) auditors: GroupId,
    pub(crate) admins: GroupId,
}

impl Cast {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            operator: id("user", "the operator")?,
            ada: id("user", "Ada")?,
            ben: id("user", "Ben")?,
            chloe: id("user", "Chloe")?,
            nora: id("user", "Nora")?,
            olaf: id("user", "Olaf")?,
            fabrikam: id("organization", "Fabrikam")?,
            northwind: id("organization", "Northwind Traders")?,
            wholesale: id("organization", "Northwind Wholesale")?,
            retail: id("organization", "Northwind Retail")?,
            contoso: id("organization", "Contoso")?,
            labs: id("organization", "Contoso Labs")?,
            litware: id("organization", "Litware")?,
            adventure: id("organization", "Adventure Works")?,
            technicians: id("group", "Technicians")?,
            auditors: id("group", "Auditors")?,
            admins: id("group", "Northwind Admins")?,
        })
    }
}

/// The claims that there are, and the rules of a managed service provider.
pub(crate) fn domain() -> Result<Arc<Domain>> {
    let claim = |name: &str| name.parse::<Claim>();
    let catalog = Catalog::new([
        ClaimDeclaration::view(claim("backups.view")?, "See backups"),
        ClaimDeclaration::manage(claim("backups.restore")?, "Restore a backup").implying(claim("backups.view")?),
        ClaimDeclaration::manage(claim("patches.approve")?, "Approve a patch"),
        ClaimDeclaration::view(claim("reports.view")?, "Read reports").requiring("reporting".parse()?),
    ])?;
    Ok(Arc::new(Domain { catalog, rules: Rules::provider() }))
}
