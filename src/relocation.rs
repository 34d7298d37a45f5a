//! Moving a subtree.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`MoveOrganization`] | ownership of it, its old and its new parent | what is severed, then `Moved` |
//!
//! What would break is found before anything changes, and can be asked for alone with
//! [`OrganizationTree::preflight_move`](crate::OrganizationTree::preflight_move). Rules: HIE-6.

use std::collections::BTreeSet;

use crate::capability::CapabilityEvent;
use crate::command::{Command, Operation, Scene, Subjects};
use crate::group::GroupEvent;
use crate::id::{OrganizationId, PrincipalId, RoleId};
use crate::link::{LinkEvent, refuse_ownership};
use crate::member::end_membership;
use crate::name::CapabilityName;
use crate::obstacle::{Obstacle, Preflight};
use crate::organization::OrganizationEvent;
use crate::participant::Participant;
use crate::principal::Principal;
use crate::reach::{LinkGives, Reach};
use crate::refusal::{list, rule_errors};
use crate::resource::ResourceEvent;
use crate::role::{Privilege, RoleRef, sever_role};
use crate::subscription::{Feature, UsageLimit};
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// Moves an organization, with everything below it, under another parent of the same tree.
/// Nobody becomes an owner by it (HIE-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveOrganization {
    /// The organization.
    pub organization: OrganizationId,
    /// Its new parent.
    pub new_parent: OrganizationId,
    /// Whether links and the rest that would break are severed in the same commit.
    pub sever: bool,
}

impl Command for MoveOrganization {
    /// What was found; its severable blockers were severed.
    type Output = Preflight;
    type Error = RelocationError;

    fn operation(&self) -> Operation {
        Operation::MoveOrganization
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).under(self.new_parent)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Preflight, RelocationError> {
        let (tree, at, organization, parent) = (scene.tree, scene.at, self.organization, self.new_parent);
        tree.require(Feature::SubOrganizations, at)?;
        let preflight = tree.preflight_move(organization, parent, at)?;
        let obstacles = preflight.remaining(self.sever);
        if !obstacles.is_empty() {
            return Err(RelocationError::Blocked { obstacles });
        }
        sever(scene, organization, &preflight);
        scene.emit(OrganizationEvent::Moved { organization, parent });
        refuse_ownership(scene, organization);
        Ok(preflight)
    }
}

rule_errors! {
    /// Why an organization was not moved, attached or detached.
    pub enum RelocationError + Precondition {
        #[error("in the way: {}", list(obstacles))]
        Blocked { obstacles: Vec<Obstacle> } = Conflict, "relocation.blocked", "HIE-6";
        #[error("{organization} is a root: attach it instead")]
        IsRoot { organization: OrganizationId } = Conflict, "relocation.is_root", "HIE-1";
        #[error("{organization} is not a root: move it, or detach it first")]
        NotRoot { organization: OrganizationId } = Conflict, "relocation.not_root", "HIE-5";
    }
}

/// Severs what the pre-flight found severable, each as its own event.
pub(crate) fn sever(scene: &mut Scene<'_>, top: OrganizationId, preflight: &Preflight) {
    let tree = scene.tree;
    for obstacle in &preflight.blockers {
        match obstacle {
            Obstacle::Link { link } => {
                if let Some(link) = tree.link(*link) {
                    scene.emit(LinkEvent::Ended { link: link.id, source: link.source, target: link.target });
                }
            }
            Obstacle::Nesting { group, nested } => {
                if let Some(outer) = tree.groups.get(group) {
                    let participant = Participant::Group(*nested);
                    scene.emit(GroupEvent::MemberRemoved {
                        organization: outer.organization,
                        group: *group,
                        participant,
                    });
                }
            }
            Obstacle::Role { role } => sever_role(scene, *role, |id| id == top || tree.is_ancestor(top, id)),
            Obstacle::Capability { organization, capability } => {
                let (organization, capability) = (*organization, capability.clone());
                scene.emit(CapabilityEvent::Withdrawn { organization, capability });
            }
            Obstacle::Resource { resource, organization } => {
                if let Some(share) = tree.shares.get(&(*resource, *organization)) {
                    let (resource, source, target) = (share.resource, share.source, share.target);
                    scene.emit(ResourceEvent::Unshared { resource, source, target });
                }
            }
            Obstacle::MachineIdentity { principal, organization } => {
                end_membership(scene, *organization, *principal);
            }
            _ => {}
        }
    }
}

/// Whether a link to a target outside a subtree still reaches it below `above`.
fn keeps_reach(link: &crate::Link, above: &BTreeSet<OrganizationId>) -> bool {
    above.contains(&link.target) && link.terms.reach == Reach::Subtree
}

impl OrganizationTree {
    /// What a move would meet and change, without moving (HIE-6).
    ///
    /// [`RelocationError`] if either organization is not in this tree, or the first is the root.
    pub fn preflight_move(
        &self,
        organization: OrganizationId,
        new_parent: OrganizationId,
        at: Timestamp,
    ) -> Result<Preflight, RelocationError> {
        self.exists(new_parent)?;
        let Some(old_parent) = self.find(organization)?.parent() else {
            return Err(RelocationError::IsRoot { organization });
        };
        let mut found = Vec::new();
        if organization == new_parent || self.is_ancestor(organization, new_parent) {
            found.push(Obstacle::WouldCycle);
            return Ok(Preflight::of(found));
        }
        if old_parent == new_parent {
            found.push(Obstacle::AlreadyThere);
        }
        found.extend(self.placement_obstacles(new_parent, self.height(organization), at));
        let above: BTreeSet<OrganizationId> = self.path(new_parent).collect();
        found.extend(self.leanings(organization, &above, at));
        for (place, capability) in self.assigned_below(organization) {
            if !self.covers(new_parent, place == organization, &capability, at) {
                found.push(Obstacle::Capability { organization: place, capability });
            }
        }
        let gained = self.links_reaching_child_of(new_parent, at).into_iter();
        found.extend(gained.filter(|link| !self.is_in_reach(link, organization)).map(|link| self.reach_gained(link)));
        Ok(Preflight::of(found))
    }

    /// What stands against a subtree of this height below an organization.
    pub(crate) fn placement_obstacles(&self, parent: OrganizationId, height: usize, at: Timestamp) -> Vec<Obstacle> {
        let mut found = Vec::new();
        let level = self.level(parent).unwrap_or_default().saturating_add(height);
        if !self.settings.levels.allows(level) {
            found.push(Obstacle::TooDeep { limit: self.settings.levels.get(), level });
        }
        if self.room(parent, UsageLimit::SubOrganizations, at).is_err() {
            found.push(Obstacle::NoRoom);
        }
        if let Some(capability) =
            self.rules().managing_capability.as_ref().filter(|capability| !self.is_capable(parent, capability, at))
        {
            found.push(Obstacle::NotCapable { capability: capability.clone() });
        }
        found
    }

    /// LIC-5, LIC-7: whether a new parent could assign a capability that is assigned to its
    /// new child, or below that.
    pub(crate) fn covers(
        &self,
        parent: OrganizationId,
        to_child: bool,
        capability: &CapabilityName,
        at: Timestamp,
    ) -> bool {
        let managing = self.rules().managing_capability.as_ref() == Some(capability);
        self.is_capable(parent, capability, at) && (!managing || (to_child && parent == self.root()))
    }

    /// What a link that will reach a subtree is to it.
    pub(crate) fn reach_gained(&self, link: &crate::Link) -> Obstacle {
        if self.passes_ownership(link) {
            Obstacle::OwnershipRefused { link: link.id }
        } else {
            Obstacle::ReachGained { link: link.id }
        }
    }

    /// The capabilities assigned in a subtree, each where it is.
    pub(crate) fn assigned_below(
        &self,
        top: OrganizationId,
    ) -> impl Iterator<Item = (OrganizationId, CapabilityName)> + '_ {
        let organizations = self.subtree(top).filter_map(|id| self.organizations.get(&id));
        organizations.flat_map(|organization| {
            organization.capabilities().keys().map(move |capability| (organization.id(), capability.clone()))
        })
    }

    /// What in a subtree leans on places other than `above`, which stay above it.
    pub(crate) fn leanings(
        &self,
        top: OrganizationId,
        above: &BTreeSet<OrganizationId>,
        at: Timestamp,
    ) -> Vec<Obstacle> {
        let subtree: BTreeSet<OrganizationId> = self.subtree(top).collect();
        let foreign = |id: OrganizationId| !subtree.contains(&id) && !above.contains(&id);
        let mut found = Vec::new();
        for link in subtree.iter().flat_map(|id| self.links_in(*id)) {
            if foreign(link.source) {
                found.push(Obstacle::Link { link: link.id });
            }
        }
        for link in self.links_into(top).filter(|link| !subtree.contains(&link.target)) {
            if !keeps_reach(link, above) {
                found.push(Obstacle::ReachLost { link: link.id });
            }
        }
        let lost = self.effective_policies(top).into_iter().filter(|policy| !above.contains(&policy.from));
        found.extend(lost.map(|policy| Obstacle::PolicyLost { policy: policy.policy }));
        self.group_leanings(&subtree, above, &foreign, &mut found);
        for principal in subtree.iter().flat_map(|id| self.members(*id)).map(|(principal, _)| principal) {
            if let Some(Principal::Machine { home }) = self.principal(principal).filter(|_| above.is_empty())
                && foreign(home)
            {
                let places = self.memberships(principal).filter(|place| subtree.contains(place));
                found.extend(places.map(|organization| Obstacle::MachineIdentity { principal, organization }));
                let alone = |group: &&crate::Group| group.owners.len() == 1 && group.owners.contains(&principal);
                let orphaned = subtree.iter().flat_map(|id| self.groups(*id)).filter(alone);
                found.extend(orphaned.map(|group| Obstacle::GroupOwner { group: group.id }));
            }
        }
        let shares = self.shares.values().filter(|share| subtree.contains(&share.target) && foreign(share.source));
        found.extend(shares.map(|share| Obstacle::Resource { resource: share.resource, organization: share.target }));
        for organization in &subtree {
            let owners = self.access().principals(*organization, None, at);
            let leaning = owners.into_iter().filter(|principal| {
                self.access().owns(*principal, *organization, at)
                    && !self
                        .grants_of(*organization, *principal)
                        .iter()
                        .any(|grant| grant.privilege == Privilege::OWNER)
                    && !self.acting_through(*principal, &subtree)
            });
            found.extend(
                leaning.map(|principal| Obstacle::OwnerThroughGroup { principal, organization: *organization }),
            );
        }
        found
    }

    /// Whether a principal is in some group that lives in the subtree.
    fn acting_through(&self, principal: PrincipalId, subtree: &BTreeSet<OrganizationId>) -> bool {
        let groups = self.groups_holding(Participant::Principal(principal));
        groups.filter_map(|group| self.groups.get(&group)).any(|group| subtree.contains(&group.organization))
    }

    /// Nestings and roles in a subtree that come from places that would not be above it.
    fn group_leanings(
        &self,
        subtree: &BTreeSet<OrganizationId>,
        above: &BTreeSet<OrganizationId>,
        foreign: &impl Fn(OrganizationId) -> bool,
        found: &mut Vec<Obstacle>,
    ) {
        let role = |privilege: &Privilege| match privilege {
            Privilege::Role(RoleRef::Defined(role)) => {
                self.roles.get(role).filter(|role| foreign(role.organization)).map(|role| role.id)
            }
            _ => None,
        };
        let roles = |privileges: &BTreeSet<Privilege>| -> Vec<RoleId> { privileges.iter().filter_map(role).collect() };
        let mut used = Vec::new();
        for organization in subtree {
            for group in self.groups(*organization) {
                used.extend(roles(&group.gives));
                let nested = group.members.iter().filter_map(|participant| match participant {
                    Participant::Group(nested) => self.groups.get(nested),
                    Participant::Principal(_) => None,
                });
                // GRP-3: a nesting holds through a link, and a link from outside ends or is lost.
                let lost = nested.filter(|nested| {
                    let links = self.links_toward(nested.id, *organization);
                    let mut links = links.filter(|link| self.is_in_reach(link, *organization)).peekable();
                    let kept = |link: &crate::Link| subtree.contains(&link.target) || keeps_reach(link, above);
                    foreign(nested.organization) || (links.peek().is_some() && !links.any(kept))
                });
                found.extend(lost.map(|nested| Obstacle::Nesting { group: group.id, nested: nested.id }));
            }
            let grants = self.members(*organization).flat_map(|(_, member)| member.grants());
            used.extend(grants.filter_map(|grant| role(&grant.privilege)));
            for link in self.links_in(*organization) {
                if let LinkGives::Narrowed(gives) = &link.terms.gives {
                    used.extend(roles(gives));
                }
            }
        }
        found.extend(used.into_iter().map(|role| Obstacle::Role { role }));
    }
}
