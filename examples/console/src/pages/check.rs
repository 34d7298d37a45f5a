//! A question and its explained answer: who may do what, and why, or why not.

use std::sync::Arc;

use axum::extract::State;
use bailiwick::{AccessKind, Claim, Explanation, OrganizationId, PrincipalId};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Shown, Tab, of, words};
use crate::extract::{Asked, At};
use crate::identity::Caller;
use crate::service::Service;
use crate::view::View;

#[derive(Deserialize)]
pub(super) struct Where {
    organization: OrganizationId,
}

/// What was asked, if something was.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    principal: Option<PrincipalId>,
    claim: Option<Claim>,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(Where { organization }): At<Where>,
    Asked(question): Asked<Question>,
) -> Shown {
    let view = service.view(&caller, organization).await?;
    let answer = match (question.principal, &question.claim) {
        (Some(principal), Some(claim)) => Some(view.explain(principal, claim)?),
        _ => None,
    };
    let body = html! {
        h1 { "Who may, and why" }
        (form(&view, &question))
        @if let Some(explanation) = &answer { (told(&view, explanation)) }
    };
    Ok(of(&view, Some(Tab::Check), "Check", &body))
}

fn form(view: &View, question: &Question) -> Markup {
    let mut people: Vec<(String, PrincipalId)> =
        view.acquaintances().into_iter().map(|principal| (view.name(principal), principal)).collect();
    people.sort();
    let kinds = [(AccessKind::View, "To view"), (AccessKind::Manage, "To manage")];
    html! {
        form.question method="get" {
            div {
                label for="principal" { "May" }
                select #principal name="principal" required {
                    @for (name, principal) in people {
                        option value=(principal) selected[question.principal == Some(principal)] { (name) }
                    }
                }
            }
            div {
                label for="claim" { "do" }
                select #claim name="claim" required {
                    @for (kind, label) in kinds {
                        optgroup label=(label) {
                            @for declared in view.tree.catalog().declarations().filter(|claim| claim.access == kind) {
                                option value=(declared.name) selected[question.claim.as_ref() == Some(&declared.name)] {
                                    (declared.description) " — " (declared.name)
                                }
                            }
                        }
                    }
                }
            }
            div { span.label { "in" } b { (view.name(view.organization)) } }
            button { "Ask" }
        }
    }
}

fn told(view: &View, explanation: &Explanation) -> Markup {
    let asked = &explanation.question;
    let allowed = explanation.decision.allowed;
    html! {
        section.answer.yes[allowed].no[!allowed] aria-live="polite" {
            h2 {
                span.mark aria-hidden="true" { @if allowed { "✓" } @else { "✗" } }
                (view.name(asked.principal)) @if allowed { " may " } @else { " may not " }
                code { (asked.claim) } " in " (view.name(asked.organization))
            }
            @if allowed {
                p { @if explanation.paths.len() == 1 { "One way leads there:" } @else { (explanation.paths.len()) " ways lead there:" } }
                ul.ways { @for path in &explanation.paths { li { (words::way(view, path)) } } }
            } @else {
                ul.reasons { @for reason in &explanation.reasons { li { (view.tree.with_names(reason)) } } }
            }
            @if let Some(until) = explanation.decision.until {
                p.faint { "To be asked again at " (words::instant(until)) " at the latest." }
            }
        }
    }
}
