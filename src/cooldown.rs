//! When an invitation may be sent, and what is judged again when it is accepted.
//!
//! Rules: INV-4, INV-6, MEM-3.

use std::fmt;
use std::num::NonZeroU32;

use serde::Serialize;

use crate::address::{Address, AddressKey};
use crate::command::{Context, Operation, Scene, Subjects};
use crate::id::{Bounds, CommitKey, GroupId, InvitationId, OrganizationId, PrincipalId};
use crate::invitation::{Invitation, InvitationError, Sending};
use crate::invitation_state::{InvitationState, InvitationStep};
use crate::person::{Record, RecordKey};
use crate::refusal::Precondition;
use crate::subscription::{Feature, UsageLimit};
use crate::time::{Period, Timestamp};
use crate::token::TokenHash;
use crate::tree::OrganizationTree;

const DAY: Period = Period::of_minutes(24 * 60);

impl OrganizationTree {
    /// INV-4: the waits and the daily caps, each refusal saying from when it is allowed.
    pub(crate) fn may_send(
        &self,
        scene: &Scene<'_>,
        organization: OrganizationId,
        group: GroupId,
        to: &AddressKey,
        by: PrincipalId,
    ) -> Result<(), InvitationError> {
        let (rules, at) = (&self.rules().invitations, scene.at);
        let earlier = || self.invitations_to(to).filter(|invitation| invitation.group == group);
        // The wait runs from the last sending, whatever became of it.
        let last = earlier().flat_map(|invitation| &invitation.sendings).map(|sending| sending.at).max();
        if let Some(from) = wait(last, rules.resend_wait, at)? {
            return Err(InvitationError::CoolingDown { from });
        }
        let declined = earlier().filter_map(|invitation| match invitation.state {
            InvitationState::Declined { at } => Some(at),
            _ => None,
        });
        if let Some(from) = wait(declined.max(), rules.decline_wait, at)? {
            return Err(InvitationError::DeclinedRecently { from });
        }
        let to_address =
            |invitation: &Invitation, _: &Sending| self.invitee(invitation.id).is_some_and(|other| other.key() == to);
        self.check_cap(CapScope::Address, rules.daily_per_address, at, to_address)?;
        self.check_cap(CapScope::Inviter, rules.daily_per_inviter, at, |_, sending| sending.by == by)?;
        let here = |invitation: &Invitation, _: &Sending| invitation.organization == organization;
        self.check_cap(CapScope::Organization, rules.daily_per_organization, at, here)
    }

    fn check_cap(
        &self,
        scope: CapScope,
        cap: NonZeroU32,
        at: Timestamp,
        counts: impl Fn(&Invitation, &Sending) -> bool,
    ) -> Result<(), InvitationError> {
        let since = (DAY.before(at), InvitationId::MAX);
        let recent = self.index.sendings.range((std::ops::Bound::Excluded(since), std::ops::Bound::Unbounded));
        let counted: Vec<Timestamp> = recent
            .filter_map(|(at, id)| self.invitations.get(id).map(|invitation| (*at, invitation)))
            .filter(|(at, invitation)| {
                invitation.sendings.iter().any(|sending| sending.at == *at && counts(invitation, sending))
            })
            .map(|(at, _)| at)
            .collect();
        // The cap frees up when the oldest of the last `cap` sendings is a day old.
        let cap_size = usize::try_from(cap.get()).unwrap_or(usize::MAX);
        match counted.len().checked_sub(cap_size).and_then(|oldest| counted.get(oldest)) {
            Some(oldest) => {
                let from = DAY.after(*oldest).map_err(Precondition::from)?;
                Err(InvitationError::DailyCap { scope, cap: cap.get(), from })
            }
            None => Ok(()),
        }
    }

    /// MEM-3: whether one who is no member of the root may be invited here.
    pub(crate) fn may_come_in(&self, organization: OrganizationId, key: &AddressKey) -> Result<(), InvitationError> {
        let known = |person| self.is_member(self.root(), person);
        if organization == self.root() || self.settings.straight_invitations || self.people_at(key).any(known) {
            Ok(())
        } else {
            Err(InvitationError::RootMembersOnly)
        }
    }

    /// INV-2: every invitation ends; zero is no [`Period`], and too long is refused.
    pub(crate) fn invitation_end(&self, lifetime: Option<Period>, at: Timestamp) -> Result<Timestamp, InvitationError> {
        let rules = &self.rules().invitations;
        let lifetime = lifetime.unwrap_or(rules.lifetime);
        if lifetime > rules.longest {
            return Err(InvitationError::LifetimeTooLong { longest: rules.longest.as_seconds() });
        }
        Ok(lifetime.after(at).map_err(Precondition::from)?)
    }

    pub(crate) fn fresh_token(&self, token: TokenHash) -> Result<(), InvitationError> {
        if self.index.tokens.contains_key(&token) { Err(InvitationError::TokenReused) } else { Ok(()) }
    }

    /// INV-6: everything is judged again at acceptance, and what fails is named.
    pub(crate) fn judge_acceptance(
        &self,
        found: &Invitation,
        by: PrincipalId,
        at: Timestamp,
    ) -> Result<(), InvitationError> {
        let organization = found.organization;
        if !self.is_active(organization) {
            return Err(Precondition::Inactive { organization }.into());
        }
        self.group_in(organization, found.group)?;
        self.require(Feature::Invitations, at)?;
        let suspended = |organization| self.members.get(&(organization, by)).is_some_and(|member| member.suspended);
        if suspended(organization) || suspended(self.root()) {
            return Err(InvitationError::Suspended { principal: by });
        }
        let root_member = self.is_member(self.root(), by);
        if organization != self.root() && !self.settings.straight_invitations && !root_member {
            return Err(InvitationError::RootMembersOnly);
        }
        if !self.may_still_invite(found, at) {
            return Err(InvitationError::InviterNoLongerEntitled);
        }
        self.seat_holds(organization, at)
    }

    /// INV-6, CLM-12: whether whoever sent it last still meets the row of what they did.
    fn may_still_invite(&self, found: &Invitation, at: Timestamp) -> bool {
        let resent = found.sendings.len() > 1;
        let operation = if resent { Operation::ResendInvitation } else { Operation::Invite };
        let context = Context::principal(found.inviter, found.organization, at, CommitKey::MIN);
        let subjects = Subjects::organization(found.organization).group(found.group);
        Scene::new(self, &context, at).authorize(operation, &subjects).is_ok()
    }

    /// LIC-9: the seat was reserved when it was sent, so that accepting takes none; but a
    /// plan may have shrunk since.
    fn seat_holds(&self, organization: OrganizationId, at: Timestamp) -> Result<(), InvitationError> {
        match self.room(organization, UsageLimit::Seats, at) {
            Err(Precondition::LimitReached { allowed, used, .. }) if used == allowed => Ok(()),
            other => Ok(other?),
        }
    }

    pub(crate) fn step_invitation(
        &mut self,
        id: InvitationId,
        step: InvitationStep,
        at: Timestamp,
        change: impl FnOnce(&mut Invitation),
    ) {
        if let Some(mut invitation) = self.invitations.get(&id).cloned()
            && let Ok(state) = invitation.state.step(step, at)
        {
            invitation.state = state;
            change(&mut invitation);
            self.put_invitation(invitation);
        }
    }

    /// An invitation.
    pub fn invitation(&self, id: InvitationId) -> Option<&Invitation> {
        self.invitations.get(&id)
    }

    /// The address that an invitation went to, unless it was erased. It is for the owners of
    /// the organization and the person themself; nobody else may see it (INV-8).
    pub fn invitee(&self, id: InvitationId) -> Option<&Address> {
        match self.records.get(&RecordKey::Invitee(id)) {
            Some(Record::Invitee(address)) => Some(address),
            _ => None,
        }
    }

    pub(crate) fn invitation_in(
        &self,
        organization: OrganizationId,
        id: InvitationId,
    ) -> Result<&Invitation, Precondition> {
        let invitation = self.invitations.get(&id).filter(|invitation| invitation.organization == organization);
        invitation.ok_or(Precondition::NotFound { what: "invitation" })
    }

    /// The invitations of an organization that are pending at `at`.
    pub fn pending_invitations(
        &self,
        organization: OrganizationId,
        at: Timestamp,
    ) -> impl Iterator<Item = InvitationId> + '_ {
        let pending =
            move |id: &InvitationId| self.invitations.get(id).is_some_and(|invitation| invitation.is_pending(at));
        self.index.invitations(organization).filter(pending)
    }

    /// When the pending invitations of an organization end, if nothing becomes of them.
    pub(crate) fn pending_ends(&self, organization: OrganizationId, at: Timestamp) -> Vec<Timestamp> {
        let states = self.pending_invitations(organization, at).filter_map(|id| self.invitations.get(&id));
        let end = |invitation: &Invitation| match invitation.state {
            InvitationState::Pending { until } => Some(until),
            _ => None,
        };
        states.filter_map(end).collect()
    }

    /// The invitations that went to an address, whatever became of them: what the invited
    /// person may see (INV-8).
    pub fn invitations_to<'a>(&'a self, key: &AddressKey) -> impl Iterator<Item = &'a Invitation> + use<'a> {
        self.records_at(key).filter_map(|key| match key {
            RecordKey::Invitee(id) => self.invitations.get(&id),
            _ => None,
        })
    }

    /// The principals whose verified address this is.
    pub(crate) fn people_at<'a>(&'a self, key: &AddressKey) -> impl Iterator<Item = PrincipalId> + use<'a> {
        self.records_at(key).filter_map(|key| match key {
            RecordKey::Person(principal) => Some(principal),
            _ => None,
        })
    }

    fn records_at<'a>(&'a self, key: &AddressKey) -> impl Iterator<Item = RecordKey> + use<'a> {
        let first = RecordKey::Person(PrincipalId::MIN);
        let last = RecordKey::Invitee(InvitationId::MAX);
        self.index.addresses.range((key.clone(), first)..=(key.clone(), last)).map(|(_, key)| *key)
    }
}

/// From when it is allowed again, if that is still to come.
fn wait(last: Option<Timestamp>, period: Period, at: Timestamp) -> Result<Option<Timestamp>, Precondition> {
    let from = last.map(|last| period.after(last)).transpose()?;
    Ok(from.filter(|from| at < *from))
}

/// What a daily cap counts over (INV-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CapScope {
    /// Messages to one address in the tree.
    Address,
    /// Messages by one inviter.
    Inviter,
    /// Messages in one organization.
    Organization,
}

impl fmt::Display for CapScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "to one address",
            Self::Inviter => "by one inviter",
            Self::Organization => "in one organization",
        })
    }
}
