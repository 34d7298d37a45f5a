//! Members: users and machine identities, and what they are in an organization.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`AddMember`] | `members.manage` | `UserKnown`, `Added` |
//! | [`SuspendMember`], [`RestoreMember`] | `members.manage` | `Suspended`, `Restored` |
//! | [`TransferOwnership`] | ownership | `Granted`, `Revoked` |
//! | [`RemoveMember`] | `members.manage`, or oneself | everything that ends, then `Removed` |
//!
//! Users are known to the tree, whose root they sign in at; what they may do they may as
//! members. Rules: MEM-1 to MEM-4, MEM-7.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access::explain::Reached;
use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::grant::{Grant, GrantEvent};
use crate::group::GroupEvent;
use crate::id::{GroupId, OrganizationId, PrincipalId};
use crate::index::Index;
use crate::invitation::InvitationEvent;
use crate::participant::Participant;
use crate::person::{Person, Record, RecordKey};
use crate::principal::Principal;
use crate::project::ProjectEvent;
use crate::refusal::{Precondition, list, rule_errors};
use crate::role::Privilege;
use crate::subscription::{Feature, UsageLimit};
use crate::support::end_support_given_by;
use crate::time::{Timestamp, Window};
use crate::tree::OrganizationTree;

/// What a principal is in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub(crate) since: Timestamp,
    pub(crate) suspended: bool,
    /// Sorted by privilege, and shared by those who hold the same.
    pub(crate) grants: Arc<[Grant]>,
}

impl Member {
    /// Since when.
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether every check there denies, while nothing is lost (MEM-7).
    pub const fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// What they hold directly.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }
}

/// Adds a principal to an organization, where they have nothing before (MEM-1). At the root
/// a user may be new to the tree; below it they must be a member of the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddMember {
    /// Where to.
    pub organization: OrganizationId,
    /// Who.
    pub principal: PrincipalId,
    /// What is known of them; written if nothing is known yet.
    pub person: Option<Person>,
}

impl AddMember {
    /// Someone whom the tree knows, added to an organization below the root.
    pub const fn known(organization: OrganizationId, principal: PrincipalId) -> Self {
        Self { organization, principal, person: None }
    }

    /// Someone with what is known of them, added to the root.
    pub const fn new(organization: OrganizationId, principal: PrincipalId, person: Person) -> Self {
        Self { organization, principal, person: Some(person) }
    }
}

impl Command for AddMember {
    type Output = ();
    type Error = MemberError;

    fn operation(&self) -> Operation {
        Operation::AddMember
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), MemberError> {
        let (tree, at) = (scene.tree, scene.at);
        let (organization, principal) = (self.organization, self.principal);
        tree.require(Feature::UserManagement, at)?;
        if tree.is_member(organization, principal) {
            return Err(MemberError::AlreadyMember { organization, principal });
        }
        match tree.principals.get(&principal) {
            None if organization == tree.root() => {
                tree.fresh(principal.uuid())?;
                scene.emit(MemberEvent::UserKnown { principal });
            }
            Some(Principal::Erased) => return Err(Precondition::IdAlreadyUsed { id: principal.uuid() }.into()),
            // MEM-2: one created in a sub-organization is usable there only.
            Some(Principal::Machine { home }) if *home != tree.root() => {
                return Err(Precondition::NotFound { what: "user or machine identity of the root" }.into());
            }
            // MEM-1: users and machine identities of the root are added below.
            _ if organization != tree.root() && !tree.is_member(tree.root(), principal) => {
                return Err(Precondition::NotFound { what: "user or machine identity of the root" }.into());
            }
            _ => {}
        }
        if !matches!(tree.principals.get(&principal), Some(Principal::Machine { .. })) {
            tree.room(organization, UsageLimit::Seats, at)?;
        }
        // An address decides who may accept an invitation: nobody overwrites another's.
        if let Some(person) = self.person.as_ref().filter(|_| tree.person(principal).is_none()) {
            scene.write(RecordKey::Person(principal), Some(Record::Person(person.clone())));
        }
        scene.emit(MemberEvent::Added { organization, principal });
        Ok(())
    }
}

/// Suspends a member: every check there denies, and nothing is lost (MEM-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuspendMember {
    /// Where.
    pub organization: OrganizationId,
    /// Who.
    pub principal: PrincipalId,
}

impl Command for SuspendMember {
    type Output = ();
    type Error = MemberError;

    fn operation(&self) -> Operation {
        Operation::SuspendMember
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), MemberError> {
        let (organization, principal) = (self.organization, self.principal);
        if scene.tree.member_of(organization, principal)?.suspended {
            return Err(MemberError::AlreadySuspended { principal });
        }
        scene.may_take_from(organization, principal)?;
        // CLM-5: a suspended user is no owner who can act.
        scene.tree.keep_owner([organization], principal, scene.at)?;
        scene.emit(MemberEvent::Suspended { organization, principal });
        Ok(())
    }
}

/// Restores a suspended member to exactly what they had (MEM-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreMember {
    /// Where.
    pub organization: OrganizationId,
    /// Who.
    pub principal: PrincipalId,
}

impl Command for RestoreMember {
    type Output = ();
    type Error = MemberError;

    fn operation(&self) -> Operation {
        Operation::RestoreMember
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), MemberError> {
        let (organization, principal) = (self.organization, self.principal);
        if !scene.tree.member_of(organization, principal)?.suspended {
            return Err(MemberError::NotSuspended { principal });
        }
        // CLM-4: to give back is to hand on; one who is not an owner gives back no more than
        // they hold.
        scene.may_take_from(organization, principal)?;
        scene.emit(MemberEvent::Restored { organization, principal });
        Ok(())
    }
}

/// Makes another user the owner and ends the actor's own direct ownership, in one step
/// (MEM-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferOwnership {
    /// Of which organization.
    pub organization: OrganizationId,
    /// To whom: an active member who is a user.
    pub to: PrincipalId,
}

impl Command for TransferOwnership {
    type Output = ();
    type Error = MemberError;

    fn operation(&self) -> Operation {
        Operation::TransferOwnership
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), MemberError> {
        let (tree, at) = (scene.tree, scene.at);
        let (organization, to) = (self.organization, self.to);
        let member = tree.member_of(organization, to)?;
        // CLM-5: the owner who counts is a person who can act.
        if member.suspended || !tree.is_user(to) {
            return Err(MemberError::CannotOwn { principal: to });
        }
        let Some(from) =
            scene.actor().filter(|actor| tree.acting_owners(organization, at).any(|owner| owner == *actor))
        else {
            return Err(MemberError::NoOwnershipToTransfer);
        };
        if from == to {
            return Err(MemberError::NoOwnershipToTransfer);
        }
        let grant = Grant { privilege: Privilege::OWNER, window: Window::ALWAYS };
        scene.emit(GrantEvent::Granted { organization, principal: to, grant });
        scene.emit(GrantEvent::Revoked { organization, principal: from, privilege: Privilege::OWNER });
        Ok(())
    }
}

/// Removes a member, or leaves. Claims, roles, group ownerships and memberships, projects
/// and pending invitations to their address end in the same commit; from the root, in the
/// whole tree (MEM-4). Answers what access remains, and through what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoveMember {
    /// From where.
    pub organization: OrganizationId,
    /// Who; the actor themself leaves.
    pub principal: PrincipalId,
}

impl Command for RemoveMember {
    type Output = Vec<Reached>;
    type Error = MemberError;

    fn operation(&self) -> Operation {
        Operation::RemoveMember
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).principal(self.principal)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Vec<Reached>, MemberError> {
        let (tree, at, principal) = (scene.tree, scene.at, self.principal);
        tree.member_of(self.organization, principal)?;
        let organizations = tree.removal_scope(self.organization, principal);
        // CLM-4: an owner of the root removes from the whole tree; one who is not, only where
        // nobody loses more than they hold.
        if !scene.actor().is_some_and(|actor| tree.access().owns(actor, self.organization, at)) {
            organizations.iter().try_for_each(|organization| scene.may_take_from(*organization, principal))?;
        }
        tree.keep_owner(organizations.iter().copied(), principal, at)?;
        let orphaned: Vec<GroupId> = Index::row(&tree.index.owned_groups, principal)
            .filter_map(|group| tree.groups.get(group))
            .filter(|group| organizations.contains(&group.organization) && group.owners.len() == 1)
            .map(|group| group.id)
            .collect();
        if !orphaned.is_empty() {
            return Err(MemberError::LastGroupOwner { groups: orphaned });
        }
        for organization in organizations {
            end_membership(scene, organization, principal);
        }
        if self.organization == tree.root() {
            tree.subtree(tree.root()).for_each(|place| {
                revoke_invitations(scene, place, principal);
                end_support_given_by(scene, place, principal);
            });
        }
        let after = scene.preview();
        Ok(after.access().everything_of(principal, at))
    }
}

/// Everything that a membership carries ends with it, each as its own event.
pub(crate) fn end_membership(scene: &mut Scene<'_>, organization: OrganizationId, principal: PrincipalId) {
    let tree = scene.tree;
    for grant in tree.grants_of(organization, principal) {
        scene.emit(GrantEvent::Revoked { organization, principal, privilege: grant.privilege.clone() });
    }
    let participant = Participant::Principal(principal);
    for group in tree.index.groups(organization).filter_map(|id| tree.groups.get(&id)) {
        if group.members.contains(&participant) {
            scene.emit(GroupEvent::MemberRemoved { organization, group: group.id, participant });
        }
        if group.owners.contains(&principal) {
            scene.emit(GroupEvent::OwnerRemoved { organization, group: group.id, owner: principal });
        }
    }
    for project in tree.index.projects(organization).filter_map(|id| tree.projects.get(&id)) {
        if project.members.contains(&principal) {
            scene.emit(ProjectEvent::MemberRemoved { organization, project: project.id, principal });
        }
    }
    revoke_invitations(scene, organization, principal);
    end_support_given_by(scene, organization, principal);
    scene.emit(MemberEvent::Removed { organization, principal });
}

/// MEM-4: the pending invitations of their address end with a membership, each once.
fn revoke_invitations(scene: &mut Scene<'_>, organization: OrganizationId, principal: PrincipalId) {
    let tree = scene.tree;
    let Some(address) = tree.person(principal).and_then(|person| person.address.as_ref()) else { return };
    for invitation in tree.invitations_to(address.key()) {
        let pending = invitation.organization == organization && invitation.is_pending(scene.at);
        if pending && !scene.has_revoked(invitation.id) {
            scene.emit(InvitationEvent::Revoked { organization, invitation: invitation.id });
        }
    }
}

/// What happened to a member or a machine identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MemberEvent {
    /// A user became known to the tree.
    UserKnown {
        /// Who.
        principal: PrincipalId,
    },
    /// A machine identity was created.
    IdentityCreated {
        /// Which.
        principal: PrincipalId,
        /// Where.
        home: OrganizationId,
    },
    /// They became a member.
    Added {
        /// Where.
        organization: OrganizationId,
        /// Who.
        principal: PrincipalId,
    },
    /// They were suspended.
    Suspended {
        /// Where.
        organization: OrganizationId,
        /// Who.
        principal: PrincipalId,
    },
    /// They were restored.
    Restored {
        /// Where.
        organization: OrganizationId,
        /// Who.
        principal: PrincipalId,
    },
    /// They were removed, or left.
    Removed {
        /// Where.
        organization: OrganizationId,
        /// Who.
        principal: PrincipalId,
    },
}

rule_errors! {
    /// Why a member was not added, suspended, restored or removed.
    pub enum MemberError + Precondition {
        #[error("{principal} is a member of {organization} already")]
        AlreadyMember { organization: OrganizationId, principal: PrincipalId } = Conflict, "member.already", "MEM-1";
        #[error("a machine identity has no address: leave it out")]
        MachineAddress = Invalid, "member.machine_address", "MEM-2";
        #[error("{principal} is suspended already")]
        AlreadySuspended { principal: PrincipalId } = Conflict, "member.already_suspended", "MEM-7";
        #[error("{principal} is not suspended")]
        NotSuspended { principal: PrincipalId } = Conflict, "member.not_suspended", "MEM-7";
        #[error("{principal} cannot own an organization: an owner is a user who is not suspended")]
        CannotOwn { principal: PrincipalId } = Conflict, "member.cannot_own", "CLM-5";
        #[error("only one who holds Owner directly and without end transfers it, and to another")]
        NoOwnershipToTransfer = Conflict, "member.no_ownership", "MEM-7";
        #[error("they are the only owner of {}: name another first", list(groups))]
        LastGroupOwner { groups: Vec<GroupId> } = Conflict, "group.last_owner", "GRP-1";
    }
}

impl MemberEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, commit: &Recorded) {
        match *self {
            Self::UserKnown { principal } => tree.put_principal(principal, Principal::User),
            Self::IdentityCreated { principal, home } => tree.put_principal(principal, Principal::Machine { home }),
            Self::Added { organization, principal } => {
                let member = Member { since: commit.at, suspended: false, grants: Arc::default() };
                tree.put_member(organization, principal, member);
            }
            Self::Suspended { organization, principal } => tree.set_suspended(organization, principal, true),
            Self::Restored { organization, principal } => tree.set_suspended(organization, principal, false),
            Self::Removed { organization, principal } => tree.drop_member(organization, principal),
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::UserKnown { .. } => Vec::new(),
            Self::IdentityCreated { home: organization, .. }
            | Self::Added { organization, .. }
            | Self::Suspended { organization, .. }
            | Self::Restored { organization, .. }
            | Self::Removed { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        match self {
            Self::UserKnown { principal }
            | Self::IdentityCreated { principal, .. }
            | Self::Added { principal, .. }
            | Self::Suspended { principal, .. }
            | Self::Restored { principal, .. }
            | Self::Removed { principal, .. } => vec![*principal],
        }
    }
}

impl OrganizationTree {
    fn set_suspended(&mut self, organization: OrganizationId, principal: PrincipalId, suspended: bool) {
        self.edit_member(organization, principal, |member| member.suspended = suspended);
    }

    /// MEM-4: removal from the root is from the whole tree; so is that of a machine identity
    /// from where it was created.
    fn removal_scope(&self, organization: OrganizationId, principal: PrincipalId) -> Vec<OrganizationId> {
        let home =
            matches!(self.principals.get(&principal), Some(Principal::Machine { home }) if *home == organization);
        if organization == self.root() || home { self.memberships(principal).collect() } else { vec![organization] }
    }

    /// What a principal is in an organization, if they are a member there.
    pub fn member(&self, organization: OrganizationId, principal: PrincipalId) -> Option<&Member> {
        self.members.get(&(organization, principal))
    }

    /// The members of an organization, in the order of their identifiers.
    pub fn members(&self, organization: OrganizationId) -> impl Iterator<Item = (PrincipalId, &Member)> {
        crate::table::under(&self.members, organization)
    }

    /// The organizations that a principal is a member of, in the order of their identifiers.
    pub fn memberships(&self, principal: PrincipalId) -> impl Iterator<Item = OrganizationId> + '_ {
        self.index.dense.memberships(principal).into_iter()
    }

    /// Whether one is a member who is not suspended: the one predicate for what counts.
    pub(crate) fn is_active_member(&self, organization: OrganizationId, principal: PrincipalId) -> bool {
        self.index.dense.holding(organization, principal).is_some_and(|holding| !holding.is_suspended())
    }

    /// Whether one is a member, suspended or not.
    pub(crate) fn is_member(&self, organization: OrganizationId, principal: PrincipalId) -> bool {
        self.index.dense.holding(organization, principal).is_some()
    }

    pub(crate) fn member_of(
        &self,
        organization: OrganizationId,
        principal: PrincipalId,
    ) -> Result<&Member, Precondition> {
        self.members.get(&(organization, principal)).ok_or(Precondition::NotAMember { organization, principal })
    }

    /// LIC-9: members who are users, and the addresses of pending invitations that are not
    /// yet members.
    pub(crate) fn seats(&self, organization: OrganizationId, at: Timestamp) -> usize {
        let users = self.members(organization).filter(|(principal, _)| self.is_user(*principal)).count();
        let newcomers: std::collections::BTreeSet<_> = self
            .pending_invitations(organization, at)
            .filter_map(|id| self.invitee(id))
            .map(|address| address.key())
            .filter(|key| !self.people_at(key).any(|person| self.is_member(organization, person)))
            .collect();
        users.saturating_add(newcomers.len())
    }
}
