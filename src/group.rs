//! Security groups: owners who choose, members who gain.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`CreateGroup`] | `groups.manage` | `Created` |
//! | [`DefineGroup`] | `groups.manage` | `Defined` |
//! | [`AddGroupOwner`], [`RemoveGroupOwner`] | group ownership, or `groups.manage` | `OwnerAdded`, `OwnerRemoved` |
//! | [`DeleteGroup`] | `groups.manage` | everything that ends, then `Deleted` |
//!
//! Who is in one is a [`Participant`]. Rules: GRP-1 to GRP-3, GRP-7.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{GroupId, InvitationId, LinkId, OrganizationId, PrincipalId};
use crate::invitation::InvitationEvent;
use crate::link::LinkEvent;
use crate::name::Name;
use crate::ordered::OrdSet;
use crate::participant::Participant;
use crate::project::unassign_group;
use crate::refusal::{Precondition, rule_errors};
use crate::role::Privilege;
use crate::subscription::{Feature, UsageLimit};
use crate::tree::OrganizationTree;

/// A security group of one organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub(crate) id: GroupId,
    pub(crate) organization: OrganizationId,
    pub(crate) name: Name,
    pub(crate) gives: BTreeSet<Privilege>,
    pub(crate) owners: OrdSet<PrincipalId>,
    pub(crate) members: OrdSet<Participant>,
}

impl Group {
    /// Its identifier.
    pub const fn id(&self) -> GroupId {
        self.id
    }

    /// The organization that it lives in.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Its name.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// What it gives its members at home.
    pub const fn gives(&self) -> &BTreeSet<Privilege> {
        &self.gives
    }

    /// Who chooses its members.
    pub fn owners(&self) -> impl Iterator<Item = PrincipalId> + '_ {
        self.owners.iter().copied()
    }

    /// Who gains what it gives.
    pub fn members(&self) -> impl Iterator<Item = Participant> + '_ {
        self.members.iter().copied()
    }
}

/// Creates a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateGroup {
    /// Where it lives.
    pub organization: OrganizationId,
    /// The new group.
    pub group: GroupId,
    /// Its name.
    pub name: Name,
    /// What it gives at home; the actor hands on no more than they hold.
    pub gives: BTreeSet<Privilege>,
    /// Its first owner, a member of the organization.
    pub owner: PrincipalId,
}

impl CreateGroup {
    /// A group of this name, with its first owner, that gives nothing yet.
    pub const fn new(organization: OrganizationId, group: GroupId, name: Name, owner: PrincipalId) -> Self {
        Self { organization, group, name, gives: BTreeSet::new(), owner }
    }

    /// The same, giving these privileges as well.
    #[must_use]
    pub fn giving(mut self, privileges: impl IntoIterator<Item = Privilege>) -> Self {
        self.gives.extend(privileges);
        self
    }
}

impl Command for CreateGroup {
    type Output = ();
    type Error = GroupError;

    fn operation(&self) -> Operation {
        Operation::CreateGroup
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), GroupError> {
        let (tree, at, organization) = (scene.tree, scene.at, self.organization);
        tree.require(Feature::SecurityGroups, at)?;
        tree.room(organization, UsageLimit::Groups, at)?;
        tree.fresh(self.group.uuid())?;
        tree.member_of(organization, self.owner)?;
        tree.check_declared(organization, &self.gives)?;
        scene.may_hand_on(organization, &self.gives)?;
        let (group, name, gives, owner) = (self.group, self.name.clone(), self.gives.clone(), self.owner);
        scene.emit(GroupEvent::Created { organization, group, name, gives, owner });
        Ok(())
    }
}

/// Says what a group is called and gives at home; every link that inherits gives the same at
/// once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefineGroup {
    /// Where it lives.
    pub organization: OrganizationId,
    /// The group.
    pub group: GroupId,
    /// What it is called from now on.
    pub name: Name,
    /// What it gives from now on.
    pub gives: BTreeSet<Privilege>,
}

impl Command for DefineGroup {
    type Output = ();
    type Error = GroupError;

    fn operation(&self) -> Operation {
        Operation::DefineGroup
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).group(self.group)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), GroupError> {
        let (tree, organization) = (scene.tree, self.organization);
        let group = tree.group_in(organization, self.group)?;
        tree.check_declared(organization, &self.gives)?;
        let added: BTreeSet<Privilege> = self.gives.difference(&group.gives).cloned().collect();
        let taken: BTreeSet<Privilege> = group.gives.difference(&self.gives).cloned().collect();
        if !added.is_empty() {
            tree.require(Feature::SecurityGroups, scene.at)?;
        }
        // CLM-4: neither handed on nor taken by one who does not hold it.
        scene.may_hand_on(organization, &added)?;
        scene.may_hand_on(organization, &taken)?;
        scene.may_widen_links(self.group, &added)?;
        let (group, name, gives) = (self.group, self.name.clone(), self.gives.clone());
        scene.emit(GroupEvent::Defined { organization, group, name, gives });
        Ok(())
    }
}

/// Makes a member of the organization an owner of a group: they choose its members and gain
/// nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddGroupOwner {
    /// Where the group lives.
    pub organization: OrganizationId,
    /// The group.
    pub group: GroupId,
    /// The new owner.
    pub owner: PrincipalId,
}

impl Command for AddGroupOwner {
    type Output = ();
    type Error = GroupError;

    fn operation(&self) -> Operation {
        Operation::ChangeGroupOwners
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).group(self.group)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), GroupError> {
        let (tree, organization, owner) = (scene.tree, self.organization, self.owner);
        tree.require(Feature::SecurityGroups, scene.at)?;
        let group = tree.group_in(organization, self.group)?;
        tree.member_of(organization, owner)?;
        if group.owners.contains(&owner) {
            return Err(GroupError::AlreadyOwner { principal: owner });
        }
        // MEM-8: who owns a group hands on what it gives; one who only manages groups makes
        // owners for no more than they hold.
        if !scene.actor().is_some_and(|actor| group.owners.contains(&actor)) {
            scene.may_hand_on(organization, &group.gives)?;
            scene.may_widen_links(self.group, &group.gives)?;
        }
        scene.emit(GroupEvent::OwnerAdded { organization, group: self.group, owner });
        Ok(())
    }
}

/// Ends a group ownership; the last owner stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoveGroupOwner {
    /// Where the group lives.
    pub organization: OrganizationId,
    /// The group.
    pub group: GroupId,
    /// Who is no longer to own it.
    pub owner: PrincipalId,
}

impl Command for RemoveGroupOwner {
    type Output = ();
    type Error = GroupError;

    fn operation(&self) -> Operation {
        Operation::ChangeGroupOwners
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).group(self.group)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), GroupError> {
        let (organization, owner) = (self.organization, self.owner);
        let group = scene.tree.group_in(organization, self.group)?;
        if !group.owners.contains(&owner) {
            return Err(GroupError::NoOwner { principal: owner });
        }
        // GRP-1: it has at least one owner.
        if group.owners.len() == 1 {
            return Err(GroupError::LastOwner { group: self.group });
        }
        // CLM-4: one who only manages groups takes no ownership from one who holds more.
        if !scene.actor().is_some_and(|actor| group.owners.contains(&actor)) {
            scene.may_take_from(organization, owner)?;
        }
        scene.emit(GroupEvent::OwnerRemoved { organization, group: self.group, owner });
        Ok(())
    }
}

/// What ended with a group (GRP-7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GroupEnded {
    /// Its links.
    pub links: Vec<LinkId>,
    /// The groups that it was nested in.
    pub nested_in: Vec<GroupId>,
    /// Its pending invitations.
    pub invitations: Vec<InvitationId>,
}

/// Deletes a group; its links, nestings and pending invitations end in the same commit
/// (GRP-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteGroup {
    /// Where it lives.
    pub organization: OrganizationId,
    /// The group.
    pub group: GroupId,
}

impl Command for DeleteGroup {
    type Output = GroupEnded;
    type Error = GroupError;

    fn operation(&self) -> Operation {
        Operation::DeleteGroup
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).group(self.group)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<GroupEnded, GroupError> {
        let group = scene.tree.group_in(self.organization, self.group)?;
        // CLM-4: deleting it takes what it gives from its members.
        scene.may_hand_on(self.organization, &group.gives)?;
        Ok(end_group(scene, group))
    }
}

/// Everything that a group carries ends with it, each as its own event.
pub(crate) fn end_group(scene: &mut Scene<'_>, group: &Group) -> GroupEnded {
    let (tree, at) = (scene.tree, scene.at);
    let mut ended = GroupEnded::default();
    for link in tree.links_of(group.id) {
        scene.emit(LinkEvent::Ended { link: link.id, source: link.source, target: link.target });
        ended.links.push(link.id);
    }
    let participant = Participant::Group(group.id);
    for outer in tree.groups_holding(participant).filter_map(|id| tree.groups.get(&id)) {
        scene.emit(GroupEvent::MemberRemoved { organization: outer.organization, group: outer.id, participant });
        ended.nested_in.push(outer.id);
    }
    let organization = group.organization;
    for id in tree.pending_invitations(organization, at) {
        if tree.invitations.get(&id).is_some_and(|invitation| invitation.group == group.id) {
            scene.emit(InvitationEvent::Revoked { organization, invitation: id });
            ended.invitations.push(id);
        }
    }
    // MEM-5: nor is it in any project.
    unassign_group(scene, group.id, |_| true);
    scene.emit(GroupEvent::Deleted { organization, group: group.id });
    ended
}

/// What happened to a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GroupEvent {
    /// It was created.
    Created {
        /// Where it lives.
        organization: OrganizationId,
        /// Which.
        group: GroupId,
        /// Its name.
        name: Name,
        /// What it gives.
        gives: BTreeSet<Privilege>,
        /// Its first owner.
        owner: PrincipalId,
    },
    /// Its name or what it gives changed.
    Defined {
        /// Where it lives.
        organization: OrganizationId,
        /// Which.
        group: GroupId,
        /// Its name.
        name: Name,
        /// What it gives.
        gives: BTreeSet<Privilege>,
    },
    /// Someone became an owner of it.
    OwnerAdded {
        /// Where it lives.
        organization: OrganizationId,
        /// Which.
        group: GroupId,
        /// Who.
        owner: PrincipalId,
    },
    /// Someone is no longer an owner of it.
    OwnerRemoved {
        /// Where it lives.
        organization: OrganizationId,
        /// Which.
        group: GroupId,
        /// Who.
        owner: PrincipalId,
    },
    /// Someone became a member of it.
    MemberAdded {
        /// Where it lives.
        organization: OrganizationId,
        /// Which.
        group: GroupId,
        /// Who.
        participant: Participant,
        /// Whether the actor let themself in.
        self_granted: bool,
    },
    /// Someone is no longer a member of it.
    MemberRemoved {
        /// Where it lives.
        organization: OrganizationId,
        /// Which.
        group: GroupId,
        /// Who.
        participant: Participant,
    },
    /// It was deleted.
    Deleted {
        /// Where it lived.
        organization: OrganizationId,
        /// Which.
        group: GroupId,
    },
}

rule_errors! {
    /// Why a group was not created, changed or deleted.
    pub enum GroupError + Precondition {
        #[error("{principal} owns the group already")]
        AlreadyOwner { principal: PrincipalId } = Conflict, "group.already_owner", "GRP-1";
        #[error("{principal} does not own the group")]
        NoOwner { principal: PrincipalId } = NotFound, "group.no_owner", "GRP-1";
        #[error("a group has at least one owner: name another before this one goes")]
        LastOwner { group: GroupId } = Conflict, "group.last_owner", "GRP-1";
        #[error("they are in the group already")]
        AlreadyParticipant = Conflict, "group.already_member", "GRP-1";
        #[error("they are not in the group")]
        NoParticipant = NotFound, "group.no_member", "GRP-1";
        #[error("{group} holds this group already, at some distance: groups are not nested in a circle")]
        WouldCycle { group: GroupId } = Conflict, "group.would_cycle", "GRP-3";
    }
}

impl GroupEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::Created { organization, group, name, gives, owner } => tree.put_group(Group {
                id: *group,
                organization: *organization,
                name: name.clone(),
                gives: gives.clone(),
                owners: [*owner].into_iter().collect(),
                members: OrdSet::new(),
            }),
            Self::Defined { group, name, gives, .. } => tree.define_group(*group, name.clone(), gives.clone()),
            Self::OwnerAdded { group, owner, .. } => tree.add_group_owner(*group, *owner),
            Self::OwnerRemoved { group, owner, .. } => tree.remove_group_owner(*group, *owner),
            Self::MemberAdded { group, participant, .. } => tree.add_participant(*group, *participant),
            Self::MemberRemoved { group, participant, .. } => tree.remove_participant(*group, *participant),
            Self::Deleted { group, .. } => tree.drop_group(*group),
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Created { organization, .. }
            | Self::Defined { organization, .. }
            | Self::OwnerAdded { organization, .. }
            | Self::OwnerRemoved { organization, .. }
            | Self::MemberAdded { organization, .. }
            | Self::MemberRemoved { organization, .. }
            | Self::Deleted { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        match self {
            Self::Created { owner, .. } | Self::OwnerAdded { owner, .. } | Self::OwnerRemoved { owner, .. } => {
                vec![*owner]
            }
            Self::MemberAdded { participant, .. } | Self::MemberRemoved { participant, .. } => {
                participant.principal().into_iter().collect()
            }
            Self::Defined { .. } | Self::Deleted { .. } => Vec::new(),
        }
    }
}

impl OrganizationTree {
    /// A group.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(&id).map(Arc::as_ref)
    }

    /// The groups that live in an organization.
    pub fn groups(&self, organization: OrganizationId) -> impl Iterator<Item = &Group> {
        self.index.groups(organization).filter_map(|id| self.group(id))
    }

    /// A group of that organization; one of another answers like one that does not exist.
    pub(crate) fn group_in(&self, organization: OrganizationId, id: GroupId) -> Result<&Group, Precondition> {
        let group = self.group(id).filter(|group| group.organization == organization);
        group.ok_or(Precondition::NotFound { what: "group" })
    }

    /// Whether a principal owns a group as an active member of the organization it lives in.
    pub fn owns_group(&self, principal: PrincipalId, group: GroupId) -> bool {
        self.groups.get(&group).is_some_and(|group| {
            group.owners.contains(&principal) && self.is_active_member(group.organization, principal)
        })
    }
}
