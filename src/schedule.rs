//! What changes by itself, and when (AUD-4).

use serde::Serialize;

use crate::id::{InvitationId, LinkId, OfferId, OrganizationId, PrincipalId, SupportId};
use crate::invitation_state::InvitationState;
use crate::name::CapabilityName;
use crate::role::Privilege;
use crate::support_state::SupportState;
use crate::time::{Timestamp, Window};
use crate::tree::OrganizationTree;

/// Something that starts or ends by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Timed {
    /// A grant.
    Grant {
        /// To whom.
        principal: PrincipalId,
        /// What.
        privilege: Privilege,
    },
    /// A link.
    Link(LinkId),
    /// A pending invitation.
    Invitation(InvitationId),
    /// An offer to attach.
    Offer(OfferId),
    /// A capability.
    Capability(CapabilityName),
    /// Support access that was granted.
    Support(SupportId),
    /// A request for support access.
    SupportRequest(SupportId),
    /// The subscription of the tree.
    Subscription,
    /// The grace period after the subscription lapsed (LIC-4).
    Grace,
}

/// That something starts or ends, where and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub organization: OrganizationId,
    /// What.
    pub what: Timed,
    /// Whether it starts; otherwise it ends.
    pub starts: bool,
}

impl OrganizationTree {
    /// When something next changes by itself after `at`, and what.
    pub fn next_transition(&self, at: Timestamp) -> Option<Transition> {
        self.transitions().filter(|transition| transition.at > at).min()
    }

    /// What ends within `[from, until)`, in order, so that people are told before.
    pub fn endings(&self, from: Timestamp, until: Timestamp) -> Vec<Transition> {
        let within = |transition: &Transition| !transition.starts && from <= transition.at && transition.at < until;
        let mut endings: Vec<Transition> = self.transitions().filter(within).collect();
        endings.sort();
        endings
    }

    fn transitions(&self) -> impl Iterator<Item = Transition> + '_ {
        let grants = self.members.iter().flat_map(|((organization, principal), member)| {
            member.grants().iter().flat_map(move |grant| {
                edges(
                    *organization,
                    Timed::Grant { principal: *principal, privilege: grant.privilege.clone() },
                    grant.window,
                )
            })
        });
        let links =
            self.links.values().flat_map(|link| edges(link.target(), Timed::Link(link.id()), link.terms().window));
        let invitations = self.invitations.values().filter_map(|invitation| match invitation.state {
            InvitationState::Pending { until } => {
                Some(end(invitation.organization(), Timed::Invitation(invitation.id()), until))
            }
            _ => None,
        });
        let offers =
            self.offers.values().map(|offer| end(offer.organization(), Timed::Offer(offer.id()), offer.until()));
        let capabilities = self.organizations.values().flat_map(|organization| {
            let ending =
                organization.capabilities().iter().filter_map(|(capability, until)| Some((capability, (*until)?)));
            ending.map(|(capability, until)| end(organization.id(), Timed::Capability(capability.clone()), until))
        });
        let supports = self.supports.values().filter_map(|support| match support.state {
            SupportState::Granted { until, .. } => {
                Some(end(support.organization(), Timed::Support(support.id()), until))
            }
            SupportState::Requested { lapses, .. } => {
                Some(end(support.organization(), Timed::SupportRequest(support.id()), lapses))
            }
            _ => None,
        });
        let term =
            self.subscription().filter(|subscription| subscription.is_running()).map(|subscription| subscription.term);
        let subscription = term.into_iter().flat_map(|term| edges(self.root(), Timed::Subscription, term));
        let grace = self.grace_end().map(|at| end(self.root(), Timed::Grace, at));
        grants
            .chain(links)
            .chain(invitations)
            .chain(offers)
            .chain(capabilities)
            .chain(supports)
            .chain(subscription)
            .chain(grace)
    }
}

fn end(organization: OrganizationId, what: Timed, at: Timestamp) -> Transition {
    Transition { at, organization, what, starts: false }
}

fn edges(organization: OrganizationId, what: Timed, window: Window) -> impl Iterator<Item = Transition> {
    let start = window.start().map(|at| Transition { at, organization, what: what.clone(), starts: true });
    let end = window.end().map(|at| Transition { at, organization, what, starts: false });
    start.into_iter().chain(end)
}
