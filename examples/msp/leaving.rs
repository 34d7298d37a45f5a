//! How a customer leaves: not by accident, not in part, and not for nothing.

use bailiwick::{AuditFilter, BlockerKind, DeleteOrganization, DetachOrganization, Event, Evidence};

use crate::cast::Cast;
use crate::desk::{Desk, Who};
use crate::views::called;
use crate::{Result, paper};

pub(crate) async fn refused(desk: &mut Desk) -> Result<()> {
    paper::step(
        "Contoso cannot be deleted",
        &[
            ("DEL-1", "nobody deletes the organization that they are acting from"),
            ("DEL-2", "every blocker is reported, with its count; the counts must be fresh"),
        ],
    );
    let Cast { ada, fabrikam, contoso, .. } = desk.cast;
    let counted = |minutes_ago| {
        Evidence::none(desk.now - chrono::TimeDelta::minutes(minutes_ago))
            .with(BlockerKind::Hosts, 12)
            .with(BlockerKind::ConnectedAgents, 9)
            .with(BlockerKind::BackupReports, 341)
            .with(BlockerKind::ClientEncryptionKeys, 2)
    };
    let (stale, fresh) = (counted(30), counted(1));
    let by_ada = Who::Member(ada, fabrikam);
    desk.is_refused(Who::Member(ada, contoso), "deletes Contoso, from there", &delete(contoso, &fresh)).await?;
    desk.is_refused(by_ada, "deletes Contoso, with the counts of half an hour ago", &delete(contoso, &stale)).await?;
    desk.is_refused(by_ada, "deletes Contoso", &delete(contoso, &fresh)).await
}

fn delete(organization: bailiwick::OrganizationId, evidence: &Evidence) -> DeleteOrganization {
    DeleteOrganization::hard(organization, evidence.clone())
}

pub(crate) async fn delete_litware(desk: &mut Desk) -> Result<()> {
    paper::step(
        "Litware leaves for good",
        &[
            ("DEL-3", "for good only with `organizations.hard_delete`, and without hosts"),
            ("DEL-4", "everything ends in one commit that names each thing, to be revoked elsewhere"),
        ],
    );
    let Cast { ada, fabrikam, litware, .. } = desk.cast;
    let before = desk.tree().await?;
    let nothing = Evidence::none(desk.now);
    desk.does(Who::Member(ada, fabrikam), "deletes Litware", &delete(litware, &nothing)).await?;
    let filter = AuditFilter { organization: Some(litware), ..AuditFilter::default() };
    let commits = desk.directory.audit(fabrikam, &filter, before.version(), std::num::NonZeroU32::MIN).await?;
    for event in commits.iter().flat_map(|commit| &commit.events) {
        paper::line(" ", &before.with_names(format!("{}: {}", event.noun(), what(event)?)));
    }
    Ok(())
}

/// An event in the words in which it is stored.
fn what(event: &Event) -> Result<String> {
    let stored = serde_json::to_value(event)?;
    let inner = stored.as_object().and_then(|event| event.values().next()).and_then(|event| event.as_object());
    let Some((kind, fields)) = inner.and_then(|event| event.iter().next()) else { return Ok(String::new()) };
    let fields = fields.as_object().into_iter().flatten().filter_map(|(_, value)| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        other => other.as_object().map(|inner| paper::list(inner.values().filter_map(|value| value.as_str()))),
    });
    Ok(format!("{} — {}", kind.replace('_', " "), paper::list(fields)))
}

pub(crate) async fn detach(desk: &mut Desk) -> Result<()> {
    paper::step(
        "Adventure Works goes its own way",
        &[
            ("HIE-6", "a subtree is split off into a tree of its own, in one commit of both trees"),
            ("HIE-7", "the two have nothing in common: each answers for its own alone"),
            ("LIC-1", "the new tree has no subscription until one is recorded"),
        ],
    );
    let Cast { ada, fabrikam, adventure, .. } = desk.cast;
    let tree = desk.tree().await?;
    let preflight = tree.preflight_detach(adventure, desk.now)?;
    preflight.blockers.iter().for_each(|obstacle| paper::line("!", &tree.with_names(obstacle)));

    let by_ada = Who::Member(ada, fabrikam);
    let context = desk.context(by_ada)?;
    let mut command = DetachOrganization { organization: adventure, sever: false };
    let refused = desk.directory.detach(fabrikam, &context, &command).await;
    if let Some(refusal) = refused.as_ref().err().and_then(|error| error.refusal()) {
        desk.note_refusal(by_ada, "detaches Adventure Works", refusal).await?;
    }
    command.sever = true;
    desk.directory.detach(fabrikam, &context, &command).await?;
    desk.note(by_ada, "detaches Adventure Works, severing that link", "HIE-6").await?;

    let (ours, theirs) = (desk.tree().await?, desk.directory.tree(adventure).await?);
    let subscription = theirs.subscription().map_or("none", |subscription| subscription.plan.as_str());
    paper::line("=", &format!("subscription of {}: {subscription}", called(&theirs, adventure)));
    paper::line("=", &format!("{} knows of it: {}", called(&ours, fabrikam), ours.organization(adventure).is_some()));
    println!();
    paper::block(&theirs.draw_text(adventure));
    Ok(())
}
