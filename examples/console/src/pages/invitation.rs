//! The life of an invitation: how it stands, and everything that has become of it.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::State;
use bailiwick::{
    AuditFilter, Event, InvitationEvent, InvitationId, InvitationState, OrganizationId, Recorded, Version,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Shown, of, words};
use crate::extract::At;
use crate::identity::Caller;
use crate::problem::Problem;
use crate::service::Service;
use crate::view::View;

#[derive(Deserialize)]
pub(super) struct Which {
    organization: OrganizationId,
    invitation: InvitationId,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(Which { organization, invitation }): At<Which>,
) -> Shown {
    let view = service.view(&caller, organization).await?;
    let found = view.invitation(invitation)?;
    let noun = Some("invitation".to_owned());
    let filter = AuditFilter { organization: Some(organization), noun, ..AuditFilter::default() };
    let trail = service.directory().audit(view.tree.root(), &filter, Version::ZERO, NonZeroU32::MAX);
    let trail = trail.await.map_err(Problem::of_read)?;
    let state = found.state(view.at);
    let address = view.tree.invitee(invitation).map_or("an erased address", |address| address.typed());
    let body = html! {
        h1 { "Invitation of " (address) }
        p.lead { "Into " b { (view.name(found.group())) } ", as " b { (found.role()) } "." }
        (states(state))
        ol.timeline {
            @for commit in &trail {
                @for event in commit.events.iter().filter_map(|event| step(event, invitation)) {
                    (moment(&view, commit, event))
                }
            }
            @match state {
                InvitationState::Pending { until } => {
                    li.ahead { (words::instant(until)) p { "It expires by itself, unless something becomes of it." } }
                }
                InvitationState::Expired { at } => li { (words::instant(at)) p { "It " b { "expired" } " by itself." } },
                _ => {}
            }
        }
    };
    Ok(of(&view, None, "Invitation", &body))
}

/// The states that there are, with the present one marked.
fn states(now: InvitationState) -> Markup {
    let all = [
        ("pending", matches!(now, InvitationState::Pending { .. })),
        ("accepted", matches!(now, InvitationState::Accepted { .. })),
        ("declined", matches!(now, InvitationState::Declined { .. })),
        ("revoked", matches!(now, InvitationState::Revoked { .. })),
        ("expired", matches!(now, InvitationState::Expired { .. })),
    ];
    html! {
        ol.states aria-label="States" {
            @for (name, is_now) in all { li class=(name) aria-current=[is_now.then_some("step")] { (name) } }
        }
    }
}

/// The event, if it is one of this invitation.
fn step(event: &Event, id: InvitationId) -> Option<&InvitationEvent> {
    let Event::Invitation(event) = event else { return None };
    let (InvitationEvent::Sent { invitation, .. }
    | InvitationEvent::Resent { invitation, .. }
    | InvitationEvent::Accepted { invitation, .. }
    | InvitationEvent::Declined { invitation, .. }
    | InvitationEvent::Revoked { invitation, .. }) = event;
    (*invitation == id).then_some(event)
}

fn moment(view: &View, commit: &Recorded, event: &InvitationEvent) -> Markup {
    let by = view.actor(commit);
    html! {
        li {
            (words::instant(commit.at))
            p {
                @match event {
                    InvitationEvent::Sent { until, .. } => { (by) " had it " b { "sent" } ", to end at " (words::instant(*until)) "." }
                    InvitationEvent::Resent { until, .. } => {
                        (by) " had it " b { "sent again" } ", to end at " (words::instant(*until)) ". The token before it is void."
                    }
                    InvitationEvent::Accepted { .. } => { (by) " " b { "accepted" } " it." }
                    InvitationEvent::Declined { .. } => { "The invited person " b { "declined" } " it." }
                    InvitationEvent::Revoked { .. } => { (by) " took it " b { "back" } "." }
                }
            }
        }
    }
}
