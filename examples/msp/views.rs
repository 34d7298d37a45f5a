//! What the tree looks like to people, and that it is the same after opening the file again.

use std::path::Path as FilePath;

use bailiwick::{Grantable, OrganizationTree, Path};
use uuid::Uuid;

use crate::desk::Desk;
use crate::{Result, paper};

/// What something is called, or its identifier if it is gone.
pub(crate) fn called(tree: &OrganizationTree, id: impl Into<Uuid>) -> String {
    let id: Uuid = id.into();
    tree.name_of(id).unwrap_or_else(|| id.to_string())
}

/// One way by which something is held, in few words.
pub(crate) fn way(tree: &OrganizationTree, path: &Path) -> String {
    match path {
        Path::Grant { privilege, .. } => tree.with_names(format!("grant of {privilege}")),
        Path::Support { .. } => "support access".to_owned(),
        Path::Group { chain, link, .. } => {
            let groups: Vec<String> = chain.iter().map(|group| called(tree, *group)).collect();
            let home = link.and_then(|link| tree.link(link)).map(|link| called(tree, link.source()));
            groups.join(" in ") + &home.map(|home| format!(" of {home}")).unwrap_or_default()
        }
    }
}

/// Claims in few words: an owner may do everything.
pub(crate) fn claims(claims: &[Grantable]) -> String {
    match claims.contains(&Grantable::Owner) {
        true => "everything, as an owner".to_owned(),
        false => paper::list(claims),
    }
}

/// Closes the file and opens it again: everything is there.
pub(crate) async fn open_again(desk: Desk, file: &FilePath) -> Result<()> {
    paper::step(
        "The file, opened again",
        &[
            ("REP-2", "what was acknowledged is there; what was refused is not"),
            ("AUD-5", "a loaded tree can be examined: every invariant holds, or the breach is named"),
        ],
    );
    let (before, now, fabrikam) = (desk.tree().await?, desk.now, desk.cast.fabrikam);
    drop(desk);
    let desk = Desk::open(file).await?;
    let after = desk.directory.at_least(fabrikam, before.version()).await?;
    if after != before {
        return Err("the tree is not the same".into());
    }
    let (version, violations) = (after.version(), after.examine(now).len());
    let (organizations, people) = (after.organizations().count(), after.principals().count());
    let what = format!("{organizations} organizations, {people} people, {violations} violations");
    paper::line("=", &format!("the same tree from its {version} commits: {what}"));
    println!();
    paper::block(&after.draw_text(fabrikam));
    println!("\n   Run it again, and it is the next day.");
    Ok(())
}
