//! The days after: who is new, what ends soon, what happened, and how it was before.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use bailiwick::{
    Actor, AuditEvent, AuditFilter, Edit, EditOrganization, EndLink, Event, LinkGroup, LinkTerms, OrganizationTree,
    RecordSubscription, Recorded, SubscriptionStatus, Timed, Version, Window,
};
use chrono::TimeDelta;

use crate::cast::{Cast, id};
use crate::customers::Customer;
use crate::desk::{Desk, Who};
use crate::questions::changes;
use crate::views::called;
use crate::{Result, first_day, paper};

pub(crate) async fn morning(desk: &mut Desk, list: &[Customer]) -> Result<()> {
    first_day::take_on(desk, list).await?;
    paper::step("What ends within 30 days", &[("AUD-4", "a tree tells what will change without being touched")]);
    let (tree, now) = (desk.tree().await?, desk.now);
    let rows = tree.endings(now, now + TimeDelta::days(30)).into_iter().map(|ending| {
        let what = match &ending.what {
            Timed::Grant { principal, privilege } => format!("the grant of {privilege} to {principal}"),
            Timed::Link(link) => format!("the link {link}"),
            Timed::Invitation(invitation) => format!("the invitation {invitation}"),
            Timed::Offer(_) => "an offer to attach".to_owned(),
            Timed::Capability(capability) => format!("the capability `{capability}`"),
            Timed::Support(support) => format!("the support access {support}"),
            Timed::SupportRequest(support) => format!("the support request {support}"),
            Timed::Subscription => "the subscription".to_owned(),
            Timed::Grace => "the grace period of the subscription".to_owned(),
        };
        [paper::at(ending.at), called(&tree, ending.organization), tree.with_names(what)]
    });
    paper::table(["when", "where", "what"], rows);
    Ok(())
}

/// A page of the audit trail.
pub(crate) async fn trail(desk: &Desk) -> Result<()> {
    paper::step(
        "The audit trail of Northwind, its last page",
        &[
            ("AUD-1", "each commit records who, from where, when, what and why"),
            ("AUD-3", "refused operations are in it too, if the service wants them"),
        ],
    );
    let (tree, Cast { fabrikam, northwind, .. }) = (desk.tree().await?, desk.cast);
    let filter = AuditFilter { organization: Some(northwind), ..AuditFilter::default() };
    let commits = desk.directory.audit(fabrikam, &filter, Version::ZERO, NonZeroU32::MAX).await?;
    let page = commits.iter().skip(commits.len().saturating_sub(14));
    let rows = page.map(|commit| {
        let refused = commit.events.iter().find_map(|event| match event {
            Event::Audit(AuditEvent::Refused { operation, rule, .. }) => {
                Some(format!("refused to {operation} [{rule}]"))
            }
            _ => None,
        });
        let what = refused.unwrap_or_else(|| paper::list(&commit.operations));
        let nouns: BTreeSet<&str> = commit.events.iter().map(Event::noun).collect();
        [commit.version.to_string(), paper::at(commit.at), actor(&tree, commit), what, paper::list(nouns)]
    });
    paper::table(["version", "at", "who", "what", "changed"], rows);
    paper::line("=", &format!("{} commits concern Northwind", commits.len()));
    Ok(())
}

fn actor(tree: &OrganizationTree, commit: &Recorded) -> String {
    match commit.actor {
        Actor::Principal(principal) => tree.name_of(principal).unwrap_or_else(|| "a newcomer".to_owned()),
        Actor::Operator(_) => "the operator".to_owned(),
    }
}

/// Who had access yesterday, and who has it now.
pub(crate) async fn yesterday(desk: &Desk) -> Result<()> {
    paper::step(
        "Yesterday evening and now",
        &[("AUD-2", "any past version can be had again, and says who had access on a particular day")],
    );
    let fabrikam = desk.cast.fabrikam;
    let now = desk.tree().await?;
    let evening = desk.now - TimeDelta::hours(9);
    let filter = AuditFilter { window: Window::until(evening), ..AuditFilter::default() };
    let commits = desk.directory.audit(fabrikam, &filter, Version::ZERO, NonZeroU32::MAX).await?;
    let version = commits.last().map(|commit| commit.version).unwrap_or_default();
    let then = desk.directory.tree_at(fabrikam, version).await?;
    paper::line("=", &format!("version {version} of {}, now it is {}", paper::at(then.at()), now.version()));
    changes(&now, &then.compare_access(&now, desk.now));
    Ok(())
}

/// The subscription is past due: what is given stays, and nothing more is given.
pub(crate) async fn lapse(desk: &mut Desk) -> Result<()> {
    paper::step(
        "The invoice was not paid",
        &[
            ("LIC-4", "a lapse freezes: access stays, nothing further that needs a feature is given"),
            ("LIC-10", "removal, ending and reading work without a subscription"),
        ],
    );
    let Cast { ada, ben, fabrikam, contoso, retail, auditors, .. } = desk.cast;
    let by_ada = Who::Member(ada, fabrikam);
    let mut subscription = RecordSubscription::active(fabrikam, "Enterprise".parse()?);
    subscription.status = SubscriptionStatus::PastDue;
    desk.does(Who::Operator, "records that Fabrikam is past due", &subscription).await?;
    let link = id("link", "links Auditors to Contoso")?;
    desk.does(by_ada, "ends the link of the Auditors to Contoso", &EndLink { organization: fabrikam, link }).await?;
    let terms = LinkTerms::target();
    let relink = LinkGroup { link: id("link", "again")?, source: fabrikam, group: auditors, target: contoso, terms };
    desk.is_refused(by_ada, "links them again", &relink).await?;
    let explanation = desk.tree().await?.access().explain(ben, retail, &"backups.restore".parse()?, desk.now);
    paper::line("=", &desk.tree().await?.with_names(explanation));
    subscription.status = SubscriptionStatus::Active;
    desk.does(Who::Operator, "records that it has paid", &subscription).await?;
    desk.does(by_ada, "links them again", &relink).await?;
    Ok(())
}

/// A day on which nothing else happens is noted in the description of the root.
pub(crate) async fn quiet(desk: &mut Desk) -> Result<()> {
    paper::step(
        "A quiet day",
        &[("AUD-1", "the reason that is given for a commit is kept with it, and can be erased")],
    );
    let Cast { ada, fabrikam, .. } = desk.cast;
    let by_ada = Who::Member(ada, fabrikam);
    let mut edit = EditOrganization::of(fabrikam);
    edit.description = Edit::Set(format!("A provider of backups. All quiet on day {}.", desk.day).parse()?);
    let context = desk.context(by_ada)?.because("somebody has to write it down".parse()?);
    desk.directory.execute(fabrikam, &context, &edit).await?;
    desk.note(by_ada, "describes Fabrikam", "HIE-8").await?;
    let tree = desk.tree().await?;
    paper::line("=", &format!("description: {}", paper::list(tree.description(fabrikam))));
    paper::line("=", &format!("reason: {}", paper::list(tree.reason(tree.version()))));
    Ok(())
}

/// One line for each day that the file knows of.
pub(crate) async fn history(desk: &Desk) -> Result<()> {
    paper::step("Day by day", &[("AUD-2", "each evening's tree, from the commits up to then")]);
    let fabrikam = desk.cast.fabrikam;
    let commits = desk.directory.audit(fabrikam, &AuditFilter::default(), Version::ZERO, NonZeroU32::MAX).await?;
    let days: BTreeSet<_> = commits.iter().map(|commit| commit.at.date_naive()).collect();
    let mut rows = Vec::new();
    for day in days {
        let of_day: Vec<&Recorded> = commits.iter().filter(|commit| commit.at.date_naive() == day).collect();
        let Some(last) = of_day.last() else { continue };
        let evening = desk.directory.tree_at(fabrikam, last.version).await?;
        let who = evening.access().principals(desk.cast.northwind, None, last.at);
        rows.push([
            day.to_string(),
            of_day.len().to_string(),
            last.version.to_string(),
            evening.organizations().count().to_string(),
            paper::list(who.into_iter().map(|principal| called(&evening, principal))),
        ]);
    }
    paper::table(["day", "commits", "version", "organizations", "with access to Northwind"], rows);
    Ok(())
}
