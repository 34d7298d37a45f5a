//! Questions: who is there, who may do what and why, and what would happen if.

use std::num::NonZeroU32;

use bailiwick::{AccessChange, Claim, EndLink, MoveOrganization, OrganizationTree, RosterFilter};

use crate::cast::{Cast, id};
use crate::desk::{Desk, Who};
use crate::views::{called, claims, way};
use crate::{Result, paper};

pub(crate) async fn roster(desk: &Desk) -> Result<()> {
    paper::step(
        "Who is at Northwind",
        &[("ROS-1", "one roster of all who have access and all who are invited, and why")],
    );
    let (tree, Cast { ada, northwind, .. }) = (desk.tree().await?, desk.cast);
    let page = tree.roster(ada, northwind, &RosterFilter::default(), 0, NonZeroU32::MAX, desk.now)?;
    let rows = page.lines.iter().map(|line| {
        let through: Vec<String> = match line.invited {
            Some((group, role, _)) => vec![tree.with_names(format!("to be {role} of {group}"))],
            None => line.paths.iter().map(|path| way(&tree, path)).collect(),
        };
        let standing = match (line.invited, line.is_member) {
            (Some((_, _, until)), _) => format!("until {}", paper::at(until)),
            (None, true) => "member".to_owned(),
            (None, false) => "from above".to_owned(),
        };
        [line.label.clone().unwrap_or_default(), standing, through.join("; "), claims(&line.claims)]
    });
    paper::table(["who", "standing", "through", "may"], rows);
    paper::line("=", &format!("{} in all", page.total));
    Ok(())
}

pub(crate) async fn explain(desk: &Desk) -> Result<()> {
    paper::step(
        "Who may, and why",
        &[
            ("CLM-7", "someone may if at least one path leads there; in every other case the answer is no"),
            ("CLM-9", "each answer can be explained: by every path, or by every reason against it"),
            ("LIC-8", "a claim may need a capability: without it the answer is no, for that reason"),
        ],
    );
    let (tree, at) = (desk.tree().await?, desk.now);
    let Cast { ada, ben, chloe, nora, contoso, northwind, wholesale, retail, .. } = desk.cast;
    let (restore, reports): (Claim, Claim) = ("backups.restore".parse()?, "reports.view".parse()?);
    for (who, place, claim) in [
        (ben, retail, &restore),
        (ben, wholesale, &restore),
        (chloe, contoso, &reports),
        (chloe, northwind, &reports),
        (nora, northwind, &restore),
        (ada, northwind, &restore),
    ] {
        let explanation = tree.access().explain(who, place, claim, at);
        let mark = if explanation.decision.allowed { "✓" } else { "✗" };
        let text = tree.with_names(&explanation);
        let mut lines = text.lines();
        paper::line(mark, lines.next().unwrap_or_default());
        lines.for_each(|line| paper::line("   ", line));
        if let Some(until) = explanation.decision.until {
            paper::line("   ", &format!("(to be asked again at {} at the latest)", paper::at(until)));
        }
    }
    Ok(())
}

pub(crate) async fn what_if(desk: &mut Desk) -> Result<()> {
    paper::step(
        "What if the Technicians left Northwind",
        &[("CLM-10", "a change is tried first: who would gain, and who would lose, which access")],
    );
    let Cast { ada, fabrikam, .. } = desk.cast;
    let link = id("link", "links Technicians to Northwind Traders")?;
    let context = desk.context(Who::Member(ada, fabrikam))?;
    let tree = desk.tree().await?;
    let decided = tree.decide(&context, &EndLink { organization: fabrikam, link })?;
    changes(&tree, &tree.what_if(&decided.changes, desk.now)?);
    paper::line("=", "nothing was committed; the tree is as it was");
    Ok(())
}

/// Who gains and who loses what.
pub(crate) fn changes(tree: &OrganizationTree, changes: &[AccessChange]) {
    let rows = changes.iter().map(|change| {
        let (who, place) = (called(tree, change.principal), called(tree, change.organization));
        [who, place, claims(&change.gains), claims(&change.loses)]
    });
    paper::table(["who", "where", "gains", "loses"], rows);
}

pub(crate) async fn relocate(desk: &mut Desk) -> Result<()> {
    paper::step(
        "Contoso Labs moves to Northwind",
        &[
            ("HIE-6", "what would break is found first; the move is refused, or severs it on request"),
            ("HIE-6", "nobody becomes an owner by it"),
        ],
    );
    let Cast { ada, fabrikam, northwind, labs, .. } = desk.cast;
    let tree = desk.tree().await?;
    let preflight = tree.preflight_move(labs, northwind, desk.now)?;
    preflight.blockers.iter().for_each(|obstacle| paper::line("!", &tree.with_names(obstacle)));
    preflight.warnings.iter().for_each(|obstacle| paper::line("·", &tree.with_names(obstacle)));

    let by_ada = Who::Member(ada, fabrikam);
    let mut relocation = MoveOrganization { organization: labs, new_parent: northwind, sever: false };
    desk.is_refused(by_ada, "moves Contoso Labs", &relocation).await?;
    relocation.sever = true;
    desk.does(by_ada, "moves Contoso Labs, severing that link", &relocation).await?;
    let after = desk.tree().await?;
    changes(&after, &tree.compare_access(&after, desk.now));
    Ok(())
}
