//! Adventure Works comes back.

use bailiwick::{AttachOrganization, LinkGroup, LinkTerms, Repository};

use crate::cast::{Cast, id};
use crate::desk::{Desk, Who};
use crate::views::called;
use crate::{Result, paper};

pub(crate) async fn come_back(desk: &mut Desk) -> Result<()> {
    paper::step(
        "Adventure Works comes back",
        &[
            ("HIE-5", "a tree is attached under another with its whole subtree and all identifiers"),
            ("HIE-7", "identifiers that left with it may come back with it, and nothing else may use them"),
        ],
    );
    let Cast { ada, fabrikam, adventure, technicians, .. } = desk.cast;
    if desk.directory.repository().root_of(adventure).await? != Some(adventure) {
        paper::line("·", "it is not a tree of its own");
        return Ok(());
    }
    let by_ada = Who::Member(ada, fabrikam);
    let context = desk.context(by_ada)?;
    let attach = AttachOrganization { organization: adventure, new_parent: fabrikam };
    desk.directory.attach(fabrikam, &context, &attach).await?;
    desk.note(by_ada, "attaches Adventure Works under Fabrikam", "HIE-5").await?;

    let terms = LinkTerms::subtree().with_future();
    let link = id("link", "Technicians to Adventure Works, again")?;
    let link = LinkGroup { link, source: fabrikam, group: technicians, target: adventure, terms };
    let reached = desk.does(by_ada, "links the Technicians to it again", &link).await?;
    let tree = desk.tree().await?;
    paper::line(" ", &format!("reaches {}", paper::list(reached.into_iter().map(|id| called(&tree, id)))));
    Ok(())
}
