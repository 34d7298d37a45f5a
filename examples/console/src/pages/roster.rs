//! Everyone with access to an organization, everyone invited, and why each one is there.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::State;
use bailiwick::{OrganizationId, RosterFilter, RosterLine, RosterSubject};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Shown, Tab, of, words};
use crate::extract::{Asked, At};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::service::Service;
use crate::view::View;

const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

#[derive(Deserialize)]
pub(super) struct Where {
    organization: OrganizationId,
}

/// Which lines.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lines {
    text: Option<String>,
    #[serde(default)]
    skip: usize,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(Where { organization }): At<Where>,
    Asked(Lines { text, skip }): Asked<Lines>,
) -> Shown {
    let view = service.view(&caller, organization).await?;
    let filter = RosterFilter { text: text.clone().filter(|text| !text.is_empty()), ..RosterFilter::default() };
    let page = view.tree.roster(caller.principal, organization, &filter, skip, PAGE, view.at);
    let page = page.map_err(|denial| Problem::denied(denial, view.at))?;
    let shown = skip.saturating_add(page.lines.len());
    let body = html! {
        h1 { "Who is at " (view.name(organization)) }
        form.search method="get" {
            label for="text" { "Name or address" }
            input #text name="text" type="search" value=[text.as_deref()];
            button { "Find" }
        }
        table.roster {
            thead { tr { th { "Who" } th { "Standing" } th { "Why" } th { "May" } } }
            tbody { @for line in &page.lines { (row(&view, line)) } }
        }
        p.faint {
            (page.total) " in all"
            @if shown < page.total { " · " a href={ "?skip=" (shown) } { "more" } }
        }
    };
    Ok(of(&view, Some(Tab::Roster), "Roster", &body))
}

fn row(view: &View, line: &RosterLine) -> Markup {
    let label = line.label.as_deref().unwrap_or(if line.invited.is_some() { "Someone invited" } else { "Erased" });
    html! {
        tr {
            td.who {
                @match line.subject {
                    RosterSubject::Invitation(id) if view.owns() => {
                        a href={ "/organizations/" (view.organization) "/invitations/" (id) } { (label) }
                    }
                    _ => b { (label) },
                }
                @if line.looks_alike { span.badge.warns { "looks like another" } }
            }
            td data-label="Standing" { div { (standing(line)) } }
            td data-label="Why" {
                div { (why(view, line)) }
            }
            td data-label="May" {
                div { @if line.invited.is_some() { span.faint { "Nothing yet" } } @else { (words::claims(&line.claims)) } }
            }
        }
    }
}

fn why(view: &View, line: &RosterLine) -> Markup {
    html! {
        @if let Some((group, role, _)) = line.invited {
                    "Invited into " b { (view.name(group)) } " as " (role)
                } @else if line.paths.is_empty() {
                    span.faint { "A member to whom nothing is given" }
                } @else {
                    @for path in &line.paths { (words::way(view, path)) }
                }
    }
}

fn standing(line: &RosterLine) -> Markup {
    html! {
        @if let Some((_, _, until)) = line.invited {
            span.badge.waits { "invited" } " " span.faint { "until " (words::instant(until)) }
        } @else if line.is_suspended {
            span.badge.rests { "suspended" }
        } @else if line.is_member {
            span.badge { "member" }
        } @else {
            span.badge.above { "from above" }
        }
    }
}
