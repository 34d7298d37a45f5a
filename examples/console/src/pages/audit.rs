//! The audit trail, the newest first: who did what, from where, and why; what was refused too.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::State;
use bailiwick::{AuditEvent, AuditFilter, Event, OrganizationId, Recorded, Version};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Shown, Tab, of, words};
use crate::extract::{Asked, At};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::service::Service;
use crate::view::View;

/// How many versions a page covers.
const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

#[derive(Deserialize)]
pub(super) struct Where {
    organization: OrganizationId,
}

/// Which page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    before: Option<u64>,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(Where { organization }): At<Where>,
    Asked(Before { before }): Asked<Before>,
) -> Shown {
    let view = service.view(&caller, organization).await?;
    view.require_audit()?;
    let before = before.unwrap_or_else(|| view.tree.version().get().saturating_add(1));
    let after = before.saturating_sub(1).saturating_sub(PAGE.get().into());
    let filter = AuditFilter { organization: Some(organization), ..AuditFilter::default() };
    let found = service.directory().audit(view.tree.root(), &filter, Version::new(after), PAGE).await;
    let mut commits = found.map_err(Problem::of_read)?;
    commits.retain(|commit| commit.version.get() < before);
    let body = html! {
        h1 { "What has happened at " (view.name(organization)) }
        ol.trail { @for commit in commits.iter().rev() { (entry(&view, commit)) } }
        @if commits.is_empty() { p.empty { "Nothing between these versions." } }
        @if after > 0 { p { a href={ "?before=" (after.saturating_add(1)) } { "Earlier" } } }
    };
    Ok(of(&view, Some(Tab::Audit), "Audit trail", &body))
}

fn entry(view: &View, commit: &Recorded) -> Markup {
    let refused = commit.events.iter().find_map(|event| match event {
        Event::Audit(AuditEvent::Refused { operation, code, rule, .. }) => Some((operation, code, rule)),
        _ => None,
    });
    let operations: Vec<String> = commit.operations.iter().map(ToString::to_string).collect();
    html! {
        li.refused[refused.is_some()] {
            p.when { (words::instant(commit.at)) span.version { (commit.version) } }
            div {
                p.what {
                    @match refused {
                        Some((operation, ..)) => { b { (operation) } " " span.badge.no { "refused" } " " }
                        None => { b { (operations.join(", ")) } " " }
                    }
                    span.faint {
                        "by " (view.actor(commit))
                        @if let Some(acting) = commit.acting.filter(|acting| view.sees(*acting)) {
                            ", from " (view.name(acting))
                        }
                    }
                }
                @if let Some((_, code, rule)) = refused {
                    p.events { (rule.as_str()) " · " code { (code.as_str()) } }
                }
                @if let Some(reason) = view.tree.reason(commit.version) { blockquote { (reason) } }
                @if refused.is_none() { (events(view, commit)) }
            }
        }
    }
}

/// What changed, in the words in which it is stored.
fn events(view: &View, commit: &Recorded) -> Markup {
    let lines: Vec<_> =
        commit.events.iter().filter(|event| view.concerns(event)).map(|event| line(view, commit, event)).collect();
    let list = html! {
        ul.events { @for (noun, kind, names) in &lines { li { b { (noun) } " " (kind) @if !names.is_empty() { ": " (names.join(", ")) } } } }
    };
    html! {
        @if lines.len() > 3 {
            details { summary { (lines.len()) " changes" } (list) }
        } @else {
            (list)
        }
    }
}

/// The noun, what became of it, and what else is named. The organization that is looked at
/// goes without saying, and so does whoever did it; a link says it all.
fn line(view: &View, commit: &Recorded, event: &Event) -> (&'static str, String, Vec<String>) {
    let stored = serde_json::to_value(event).unwrap_or_default();
    let inner = stored.as_object().and_then(|event| event.values().next()).and_then(Value::as_object);
    let Some((kind, fields)) = inner.and_then(|event| event.iter().next()) else {
        return (event.noun(), String::new(), Vec::new());
    };
    let known = [view.organization.uuid(), commit.actor.id().uuid()];
    let name = |value: &Value| {
        let id = Uuid::try_parse(value.as_str()?).ok().filter(|id| !known.contains(id))?;
        view.tree.name_of(id)
    };
    let names = match fields.get("link").and_then(name) {
        Some(link) => vec![link],
        None => {
            let others = fields.as_object().into_iter().flatten().filter(|(key, _)| *key != "invitation");
            // A participant is a principal or a group, one level further in.
            let values = others.flat_map(|(_, value)| match value {
                Value::Object(inner) => inner.values().collect(),
                value => vec![value],
            });
            values.filter_map(name).collect()
        }
    };
    (event.noun(), kind.replace('_', " "), names)
}
