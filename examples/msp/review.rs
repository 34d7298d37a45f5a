//! An access review: each line looked at by somebody else, then one commit.

use bailiwick::{ApplyReview, GrantPrivilege, OptOutOfLink, Privilege, RosterSubject, Verdict};

use crate::cast::Cast;
use crate::desk::{Desk, Who};
use crate::questions::changes;
use crate::views::{called, claims};
use crate::{Result, paper};

pub(crate) async fn review(desk: &mut Desk) -> Result<()> {
    paper::step(
        "Northwind reviews who has access",
        &[
            ("ROS-2", "the roster, line by line, with its reviewer; one commit revokes what is marked"),
            ("MEM-8", "nobody approves their own: a second owner looks at the first one's line"),
            ("GRP-8", "what a link from above gives, an owner opts out of alone"),
        ],
    );
    let Cast { ada, chloe, nora, northwind, .. } = desk.cast;
    let owner = GrantPrivilege::new(northwind, nora, Privilege::OWNER);
    desk.does(Who::Member(ada, northwind), "makes Nora an owner of Northwind, too", &owner).await?;

    let before = desk.tree().await?;
    let mut review = before.begin_review(northwind, desk.now);
    let subjects: Vec<RosterSubject> = review.lines.iter().map(|(line, _)| line.subject).collect();
    for subject in subjects {
        let reviewer = if subject == RosterSubject::Principal(ada) { nora } else { ada };
        let verdict = match subject {
            RosterSubject::Principal(principal) if principal != chloe => Verdict::Keep,
            _ => Verdict::Revoke,
        };
        review.judge(subject, reviewer, verdict);
    }
    let rows = review.lines.iter().map(|(line, judged)| {
        let (reviewer, verdict) = judged.map_or(("nobody".to_owned(), ""), |(reviewer, verdict)| {
            (called(&before, reviewer), if verdict == Verdict::Keep { "keep" } else { "revoke" })
        });
        [line.label.clone().unwrap_or_default(), reviewer, verdict.to_owned(), claims(&line.claims)]
    });
    paper::table(["who", "reviewer", "verdict", "may"], rows);

    let by_nora = Who::Member(nora, northwind);
    let remaining = desk.does(by_nora, "applies the review", &ApplyReview { review }).await?;
    for (principal, link) in remaining {
        paper::line("!", &before.with_names(format!("{principal} still has access by the link {link}")));
        desk.does(by_nora, "opts Northwind out of it", &OptOutOfLink { organization: northwind, link }).await?;
    }
    changes(&before, &before.compare_access(&desk.tree().await?, desk.now));
    Ok(())
}
