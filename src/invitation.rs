//! Invitations: how someone comes in.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`Invite`] | ownership of the organization and of the group | `Sent` |
//! | [`ResendInvitation`] | ownership of the organization | `Resent` |
//! | [`RevokeInvitation`] | ownership of the organization | `Revoked` |
//!
//! The invited one answers with [`AcceptInvitation`](crate::AcceptInvitation) or
//! [`DeclineInvitation`](crate::DeclineInvitation). The states and steps are in
//! [`InvitationState`]; the cooldowns and caps in [`InvitationRules`](crate::InvitationRules).
//! Rules: INV-1 to INV-10.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::command::{Command, Operation, Scene, Subjects};
use crate::cooldown::CapScope;
use crate::event::{Event, Recorded};
use crate::group::Group;
use crate::id::{GroupId, InvitationId, OrganizationId, PrincipalId};
use crate::invitation_state::{InvitationState, InvitationStep};
use crate::participant::{GroupRole, Participant};
use crate::person::{Record, RecordKey};
use crate::refusal::{Precondition, rule_errors};
use crate::subscription::{Feature, UsageLimit};
use crate::time::{Period, Timestamp};
use crate::token::{InvitationToken, TokenHash};
use crate::tree::OrganizationTree;

/// One message sent for an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sending {
    /// When.
    pub at: Timestamp,
    /// Who had it sent.
    pub by: PrincipalId,
}

/// An invitation of an address into a group. The address is a [`Record`], so that it can be
/// erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    pub(crate) id: InvitationId,
    pub(crate) organization: OrganizationId,
    pub(crate) group: GroupId,
    pub(crate) role: GroupRole,
    pub(crate) inviter: PrincipalId,
    pub(crate) token: TokenHash,
    /// The tokens of earlier sendings, which are never to work again (INV-5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) void: Vec<TokenHash>,
    pub(crate) sendings: Vec<Sending>,
    pub(crate) state: InvitationState,
}

impl Invitation {
    /// Its identifier, which is no secret: it accepts nothing.
    pub const fn id(&self) -> InvitationId {
        self.id
    }

    /// Where the group lives.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// The group.
    pub const fn group(&self) -> GroupId {
        self.group
    }

    /// What the invited person becomes, fixed at the time of inviting.
    pub const fn role(&self) -> GroupRole {
        self.role
    }

    /// Who answers for it: whoever sent it last.
    pub const fn inviter(&self) -> PrincipalId {
        self.inviter
    }

    /// When it was sent, each time.
    pub fn sendings(&self) -> &[Sending] {
        &self.sendings
    }

    /// How it stands at `at`.
    pub fn state(&self, at: Timestamp) -> InvitationState {
        self.state.seen(at)
    }

    /// Its token and those before it; only the first works.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = TokenHash> + '_ {
        std::iter::once(self.token).chain(self.void.iter().copied())
    }

    pub(crate) fn is_pending(&self, at: Timestamp) -> bool {
        matches!(self.state(at), InvitationState::Pending { .. })
    }
}

/// What becomes of a pending invitation with the other role (INV-10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtherRole {
    /// The new one is refused, naming it.
    #[default]
    Refuse,
    /// The new one takes its place.
    Replace,
}

/// Invites an address into a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The new invitation.
    pub invitation: InvitationId,
    /// Where the group lives.
    pub organization: OrganizationId,
    /// The group.
    pub group: GroupId,
    /// The address, as typed.
    pub address: Address,
    /// What the person becomes.
    pub role: GroupRole,
    /// The hash of a new token; the token itself goes into the message.
    pub token: TokenHash,
    /// How long it is pending; `None` is the rules' default.
    pub lifetime: Option<Period>,
    /// What becomes of a pending one with the other role.
    pub other_role: OtherRole,
}

impl Invite {
    /// An invitation to become a member of a group, for as long as the rules say by default.
    pub fn as_member(
        invitation: InvitationId,
        organization: OrganizationId,
        group: GroupId,
        address: Address,
        token: &InvitationToken,
    ) -> Self {
        let (role, token, other_role) = (GroupRole::Member, token.hash(), OtherRole::Refuse);
        Self { invitation, organization, group, address, role, token, lifetime: None, other_role }
    }

    /// An invitation to become an owner of a group.
    pub fn as_owner(
        invitation: InvitationId,
        organization: OrganizationId,
        group: GroupId,
        address: Address,
        token: &InvitationToken,
    ) -> Self {
        Self { role: GroupRole::Owner, ..Self::as_member(invitation, organization, group, address, token) }
    }

    /// The same, pending for so long.
    #[must_use]
    pub const fn lasting(mut self, lifetime: Period) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The same, in place of a pending one with the other role (INV-10).
    #[must_use]
    pub const fn replacing(mut self) -> Self {
        self.other_role = OtherRole::Replace;
        self
    }
}

impl Command for Invite {
    type Output = ();
    type Error = InvitationError;

    fn operation(&self) -> Operation {
        Operation::Invite
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).group(self.group)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), InvitationError> {
        let (tree, at, key) = (scene.tree, scene.at, self.address.key());
        let (organization, invitation) = (self.organization, self.invitation);
        tree.require(Feature::Invitations, at)?;
        let group = tree.group_in(organization, self.group)?;
        tree.fresh(invitation.uuid())?;
        let inviter = scene.actor().ok_or(Precondition::NotFound { what: "inviter" })?;
        if let Some(principal) = tree.people_at(key).find(|person| group.has(*person, self.role)) {
            return Err(InvitationError::AlreadyHasRole { principal });
        }
        tree.may_come_in(organization, key)?;
        let replaced = self.pending_already(tree, at)?;
        tree.may_send(scene, organization, self.group, key, inviter)?;
        if replaced.is_none() {
            self.check_room(tree, at)?;
        }
        let until = tree.invitation_end(self.lifetime, at)?;
        tree.fresh_token(self.token)?;
        if let Some(old) = replaced {
            scene.emit(InvitationEvent::Revoked { organization, invitation: old });
        }
        let (group, role, token) = (self.group, self.role, self.token);
        scene.write(RecordKey::Invitee(invitation), Some(Record::Invitee(self.address.clone())));
        scene.emit(InvitationEvent::Sent { organization, invitation, group, role, inviter, token, until });
        Ok(())
    }
}

impl Invite {
    /// INV-3, INV-10: a pending one with the same role is a duplicate; one with the other
    /// role is replaced or stands in the way.
    fn pending_already(&self, tree: &OrganizationTree, at: Timestamp) -> Result<Option<InvitationId>, InvitationError> {
        let same_group = |invitation: &&Invitation| invitation.group == self.group && invitation.is_pending(at);
        let Some(pending) = tree.invitations_to(self.address.key()).find(same_group) else { return Ok(None) };
        match self.other_role {
            _ if pending.role == self.role => Err(InvitationError::Duplicate { invitation: pending.id }),
            OtherRole::Refuse => Err(InvitationError::OtherRolePending { invitation: pending.id, role: pending.role }),
            OtherRole::Replace => Ok(Some(pending.id)),
        }
    }

    /// INV-4, LIC-9: one more pending invitation, and the seat that it reserves, must fit.
    fn check_room(&self, tree: &OrganizationTree, at: Timestamp) -> Result<(), InvitationError> {
        let (organization, key) = (self.organization, self.address.key());
        let cap = tree.rules().invitations.pending_per_organization.get();
        let mut ends = tree.pending_ends(organization, at);
        ends.sort();
        let over = ends.len().checked_sub(usize::try_from(cap).unwrap_or(usize::MAX));
        if let Some(from) = over.and_then(|over| ends.get(over)) {
            return Err(InvitationError::TooManyPending { organization, cap, from: *from });
        }
        tree.room(organization, UsageLimit::PendingInvitations, at)?;
        let seated = tree.people_at(key).any(|person| tree.is_member(organization, person));
        let reserved = tree.invitations_to(key).any(|other| other.organization == organization && other.is_pending(at));
        if !seated && !reserved {
            tree.room(organization, UsageLimit::Seats, at)?;
        }
        Ok(())
    }
}

/// Sends a pending invitation again, with a new token and end; the old token is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendInvitation {
    /// Where the group lives.
    pub organization: OrganizationId,
    /// The group that it is into.
    pub group: GroupId,
    /// The invitation.
    pub invitation: InvitationId,
    /// The hash of a new token.
    pub token: TokenHash,
    /// How long it is pending from now; `None` is the rules' default.
    pub lifetime: Option<Period>,
}

impl ResendInvitation {
    /// With a new token, for as long as the rules say by default.
    pub fn new(
        organization: OrganizationId,
        group: GroupId,
        invitation: InvitationId,
        token: &InvitationToken,
    ) -> Self {
        Self { organization, group, invitation, token: token.hash(), lifetime: None }
    }
}

impl Command for ResendInvitation {
    type Output = ();
    type Error = InvitationError;

    fn operation(&self) -> Operation {
        Operation::ResendInvitation
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).group(self.group)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), InvitationError> {
        let (tree, at) = (scene.tree, scene.at);
        tree.require(Feature::Invitations, at)?;
        let found = tree.invitation_in(self.organization, self.invitation)?;
        if found.group != self.group {
            return Err(Precondition::NotFound { what: "invitation" }.into());
        }
        let until = tree.invitation_end(self.lifetime, at)?;
        found.state.step(InvitationStep::Resend { until }, at)?;
        let address = tree.invitee(self.invitation).ok_or(Precondition::NotFound { what: "invitation" })?;
        let by = scene.actor().ok_or(Precondition::NotFound { what: "inviter" })?;
        tree.may_send(scene, self.organization, self.group, address.key(), by)?;
        tree.fresh_token(self.token)?;
        let (organization, invitation, token) = (self.organization, self.invitation, self.token);
        scene.emit(InvitationEvent::Resent { organization, invitation, by, token, until });
        Ok(())
    }
}

/// Takes a pending invitation back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokeInvitation {
    /// Where the group lives.
    pub organization: OrganizationId,
    /// The invitation.
    pub invitation: InvitationId,
}

impl Command for RevokeInvitation {
    type Output = ();
    type Error = InvitationError;

    fn operation(&self) -> Operation {
        Operation::RevokeInvitation
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), InvitationError> {
        let (organization, invitation) = (self.organization, self.invitation);
        scene.tree.invitation_in(organization, invitation)?.state.step(InvitationStep::Revoke, scene.at)?;
        scene.emit(InvitationEvent::Revoked { organization, invitation });
        Ok(())
    }
}

/// What happened to an invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InvitationEvent {
    /// It was made, and is to be sent.
    Sent {
        /// Where the group lives.
        organization: OrganizationId,
        /// Which.
        invitation: InvitationId,
        /// Into which group.
        group: GroupId,
        /// As what.
        role: GroupRole,
        /// By whom.
        inviter: PrincipalId,
        /// The hash of its token.
        token: TokenHash,
        /// Its end.
        until: Timestamp,
    },
    /// It is to be sent again.
    Resent {
        /// Where the group lives.
        organization: OrganizationId,
        /// Which.
        invitation: InvitationId,
        /// By whom.
        by: PrincipalId,
        /// The hash of its new token.
        token: TokenHash,
        /// Its new end.
        until: Timestamp,
    },
    /// It was accepted.
    Accepted {
        /// Where the group lives.
        organization: OrganizationId,
        /// Which.
        invitation: InvitationId,
        /// By whom.
        by: PrincipalId,
        /// Whether the service had verified their address. If not, the token alone was
        /// trusted.
        verified: bool,
    },
    /// It was declined.
    Declined {
        /// Where the group lives.
        organization: OrganizationId,
        /// Which.
        invitation: InvitationId,
    },
    /// It was taken back, or what it was into ended.
    Revoked {
        /// Where the group lives.
        organization: OrganizationId,
        /// Which.
        invitation: InvitationId,
    },
}

rule_errors! {
    /// Why an invitation was not sent, accepted, declined or revoked.
    pub enum InvitationError + Precondition {
        #[error("invitation {invitation} is pending for that address and group: resend it instead")]
        Duplicate { invitation: InvitationId } = Conflict, "invitation.duplicate", "INV-3";
        #[error("invitation {invitation} with another role is pending: ask for it to be replaced")]
        OtherRolePending { invitation: InvitationId, role: GroupRole } = Conflict, "invitation.other_role_pending", "INV-10";
        #[error("{principal} has that role in the group already")]
        AlreadyHasRole { principal: PrincipalId } = Conflict, "invitation.already_has_role", "INV-7";
        #[error("only members of the root can be invited here")]
        RootMembersOnly = Conflict, "invitation.root_members_only", "MEM-3";
        #[error("that address was written to not long ago: allowed again from {from}")]
        CoolingDown { from: Timestamp } = TooMany, "invitation.cooling_down", "INV-4";
        #[error("that address declined not long ago: allowed again from {from}")]
        DeclinedRecently { from: Timestamp } = TooMany, "invitation.declined_recently", "INV-4";
        #[error("{cap} messages a day {scope} is the most: allowed again from {from}")]
        DailyCap { scope: CapScope, cap: u32, from: Timestamp } = TooMany, "invitation.daily_cap", "INV-4";
        #[error("{organization} has {cap} pending invitations, which is the most: revoke one first, or wait until {from}")]
        TooManyPending { organization: OrganizationId, cap: u32, from: Timestamp } = TooMany, "invitation.too_many_pending", "INV-4";
        #[error("an invitation is pending for {longest} seconds at the most")]
        LifetimeTooLong { longest: i64 } = Invalid, "invitation.lifetime_too_long", "INV-2";
        #[error("the token was used before: make a new one")]
        TokenReused = Conflict, "invitation.token_reused", "INV-5";
        #[error("the invitation was for another address: sign in with the one that was invited")]
        RecipientMismatch = Forbidden, "invitation.recipient_mismatch", "INV-5";
        #[error("the address is not verified: verify it first")]
        Unverified = Forbidden, "invitation.unverified", "INV-5";
        #[error("the invitation was used by someone else")]
        AlreadyUsed = Gone, "invitation.already_used", "INV-5";
        #[error("the invitation was accepted: remove the member instead")]
        AlreadyAccepted = Conflict, "invitation.already_accepted", "INV-2";
        #[error("the invitation was declined at {at}")]
        Declined { at: Timestamp } = Gone, "invitation.declined", "INV-2";
        #[error("the invitation was revoked at {at}")]
        Revoked { at: Timestamp } = Gone, "invitation.revoked", "INV-2";
        #[error("the invitation expired at {at}: ask for a new one")]
        Expired { at: Timestamp } = Gone, "invitation.expired", "INV-2";
        #[error("whoever sent the invitation may no longer invite: ask an owner for a new one")]
        InviterNoLongerEntitled = Conflict, "invitation.inviter_not_entitled", "INV-6";
        #[error("{principal} is suspended: an owner must restore them first")]
        Suspended { principal: PrincipalId } = Forbidden, "invitation.suspended", "INV-6";
    }
}

impl InvitationEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, commit: &Recorded) {
        let at = commit.at;
        match *self {
            Self::Sent { organization, invitation: id, group, role, inviter, token, until } => {
                let sendings = vec![Sending { at, by: inviter }];
                let (void, state) = (Vec::new(), InvitationState::Pending { until });
                tree.put_invitation(Invitation {
                    id,
                    organization,
                    group,
                    role,
                    inviter,
                    token,
                    void,
                    sendings,
                    state,
                });
            }
            Self::Resent { invitation, by, token, until, .. } => {
                tree.step_invitation(invitation, InvitationStep::Resend { until }, at, |invitation| {
                    invitation.void.push(invitation.token);
                    (invitation.token, invitation.inviter) = (token, by);
                    invitation.sendings.push(Sending { at, by });
                });
            }
            Self::Accepted { invitation, by, .. } => {
                tree.step_invitation(invitation, InvitationStep::Accept { by }, at, |_| {});
            }
            Self::Declined { invitation, .. } => tree.step_invitation(invitation, InvitationStep::Decline, at, |_| {}),
            Self::Revoked { invitation, .. } => tree.step_invitation(invitation, InvitationStep::Revoke, at, |_| {}),
        }
    }

    /// The invitation that a message is to be sent for, if one is.
    pub(crate) const fn sending(&self) -> Option<InvitationId> {
        match self {
            Self::Sent { invitation, .. } | Self::Resent { invitation, .. } => Some(*invitation),
            Self::Accepted { .. } | Self::Declined { .. } | Self::Revoked { .. } => None,
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Sent { organization, .. }
            | Self::Resent { organization, .. }
            | Self::Accepted { organization, .. }
            | Self::Declined { organization, .. }
            | Self::Revoked { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        match self {
            Self::Sent { inviter: by, .. } | Self::Resent { by, .. } | Self::Accepted { by, .. } => vec![*by],
            Self::Declined { .. } | Self::Revoked { .. } => Vec::new(),
        }
    }
}

impl Scene<'_> {
    /// Whether an invitation has been revoked by what was decided so far.
    pub(crate) fn has_revoked(&self, id: InvitationId) -> bool {
        let revokes = |event: &Event| matches!(event, Event::Invitation(InvitationEvent::Revoked { invitation, .. }) if *invitation == id);
        self.events.iter().any(revokes)
    }
}

impl Group {
    /// Whether a principal has a role in the group already.
    pub(crate) fn has(&self, principal: PrincipalId, role: GroupRole) -> bool {
        match role {
            GroupRole::Owner => self.owners.contains(&principal),
            GroupRole::Member => self.members.contains(&Participant::Principal(principal)),
        }
    }
}
