//! Participants of a group: who is in it, by themselves or through a nested group.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`AddGroupMember`] | group ownership | `MemberAdded` |
//! | [`RemoveGroupMember`] | group ownership, `groups.manage`, or oneself | `MemberRemoved` |
//!
//! Rules: GRP-1, GRP-3, GRP-7.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::group::{Group, GroupError, GroupEvent};
use crate::id::{Bounds, GroupId, OrganizationId, PrincipalId};
use crate::refusal::Precondition;
use crate::subscription::Feature;
use crate::tree::OrganizationTree;

/// Who a group holds: a user or machine identity, or another group (GRP-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Participant {
    /// A user or machine identity.
    Principal(PrincipalId),
    /// A nested group: of the same organization, or of an ancestor that is linked there.
    Group(GroupId),
}

impl Participant {
    pub(crate) const fn principal(self) -> Option<PrincipalId> {
        match self {
            Self::Principal(principal) => Some(principal),
            Self::Group(_) => None,
        }
    }
}

impl Bounds for Participant {
    const MIN: Self = Self::Principal(PrincipalId::MIN);
    const MAX: Self = Self::Group(GroupId::MAX);
}

/// What the invited person becomes in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupRole {
    /// They choose its members.
    Owner,
    /// They gain what it gives.
    Member,
}

impl fmt::Display for GroupRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Member => "member",
        })
    }
}

/// Adds a member of the organization, or another group, to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddGroupMember {
    /// Where the group lives.
    pub organization: OrganizationId,
    /// The group.
    pub group: GroupId,
    /// Who gains what it gives.
    pub participant: Participant,
}

impl Command for AddGroupMember {
    type Output = ();
    type Error = GroupError;

    fn operation(&self) -> Operation {
        Operation::AddGroupMember
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).group(self.group)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), GroupError> {
        let (tree, at, organization) = (scene.tree, scene.at, self.organization);
        tree.require(Feature::SecurityGroups, at)?;
        let group = tree.group_in(organization, self.group)?;
        match self.participant {
            Participant::Principal(principal) => {
                tree.member_of(organization, principal)?;
            }
            Participant::Group(nested) => {
                // GRP-3: of the same organization, or of an ancestor that has linked it there.
                if !tree.is_group_active(nested, organization, at) {
                    return Err(Precondition::NotFound { what: "group" }.into());
                }
                if nested == self.group || tree.holds_group(nested, self.group) {
                    return Err(GroupError::WouldCycle { group: nested });
                }
            }
        }
        if group.members.contains(&self.participant) {
            return Err(GroupError::AlreadyParticipant);
        }
        // GRP-1: one who could not be given the group's claims, nor those of a group that it is
        // nested in, does not make themself a member, nor lets in a group that they are in.
        let self_granted = scene.actor().is_some_and(|actor| tree.stands_for(self.participant, actor));
        if self_granted {
            for outer in tree.with_holders(group) {
                scene.may_hand_on(outer.organization, &outer.gives)?;
                scene.may_widen_links(outer.id, &outer.gives)?;
            }
        }
        let (group, participant) = (self.group, self.participant);
        scene.emit(GroupEvent::MemberAdded { organization, group, participant, self_granted });
        Ok(())
    }
}

/// Removes a member or a nested group from a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoveGroupMember {
    /// Where the group lives.
    pub organization: OrganizationId,
    /// The group.
    pub group: GroupId,
    /// Who loses what it gives.
    pub participant: Participant,
}

impl Command for RemoveGroupMember {
    type Output = ();
    type Error = GroupError;

    fn operation(&self) -> Operation {
        Operation::RemoveGroupMember
    }

    fn subjects(&self) -> Subjects {
        let subjects = Subjects::organization(self.organization).group(self.group);
        self.participant.principal().map_or(subjects, |principal| subjects.principal(principal))
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), GroupError> {
        let (tree, organization, participant) = (scene.tree, self.organization, self.participant);
        let group = tree.group_in(organization, self.group)?;
        if !group.members.contains(&participant) {
            return Err(GroupError::NoParticipant);
        }
        let chooses =
            |actor: PrincipalId| group.owners.contains(&actor) || participant == Participant::Principal(actor);
        if !scene.actor().is_some_and(chooses) {
            scene.may_hand_on(organization, &group.gives)?;
        }
        scene.emit(GroupEvent::MemberRemoved { organization, group: self.group, participant });
        Ok(())
    }
}

impl OrganizationTree {
    /// The groups that hold a participant directly, in the order of their identifiers.
    pub(crate) fn groups_holding(&self, participant: Participant) -> impl Iterator<Item = GroupId> {
        self.index.dense.groups_holding(participant).into_iter()
    }

    /// Whether `outer` holds `inner`, at whatever distance.
    pub(crate) fn holds_group(&self, outer: GroupId, inner: GroupId) -> bool {
        let mut seen = BTreeSet::from([inner]);
        let mut waiting = vec![inner];
        while let Some(next) = waiting.pop() {
            if next == outer {
                return true;
            }
            let holders = self.groups_holding(Participant::Group(next));
            waiting.extend(holders.filter(|holder| seen.insert(*holder)));
        }
        false
    }

    /// The group, and every group that it is nested in, at whatever distance.
    fn with_holders<'a>(&'a self, group: &'a Group) -> Vec<&'a Group> {
        let mut seen = BTreeSet::from([group.id]);
        let mut found = vec![group];
        let mut waiting = vec![group.id];
        while let Some(next) = waiting.pop() {
            for outer in self.groups_holding(Participant::Group(next)) {
                if seen.insert(outer) {
                    found.extend(self.group(outer));
                    waiting.push(outer);
                }
            }
        }
        found
    }

    /// Whether a participant is the principal, or a group that they are in at some distance.
    fn stands_for(&self, participant: Participant, principal: PrincipalId) -> bool {
        match participant {
            Participant::Principal(other) => other == principal,
            Participant::Group(group) => {
                let mut direct = self.groups_holding(Participant::Principal(principal));
                direct.any(|inner| inner == group || self.holds_group(group, inner))
            }
        }
    }
}
