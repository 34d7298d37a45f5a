//! A branch: everything of a subtree, cut from one tree to be grafted onto another.
//!
//! It is what an attach or detach carries over, identifiers kept (HIE-5, HIE-6).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::group::Group;
use crate::id::{OrganizationId, PrincipalId};
use crate::invitation::Invitation;
use crate::link::Link;
use crate::member::Member;
use crate::organization::Organization;
use crate::participant::Participant;
use crate::person::{Record, RecordKey};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::project::Project;
use crate::resource::Share;
use crate::role::Role;
use crate::tree::OrganizationTree;

/// Everything of a subtree but its personal data, which goes as records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// Each before what is below it; the first is the top.
    pub(crate) organizations: Vec<Organization>,
    pub(crate) principals: Vec<(PrincipalId, Principal)>,
    pub(crate) members: Vec<(OrganizationId, PrincipalId, Member)>,
    pub(crate) roles: Vec<Role>,
    pub(crate) groups: Vec<Group>,
    pub(crate) links: Vec<Link>,
    pub(crate) invitations: Vec<Invitation>,
    pub(crate) projects: Vec<Project>,
    pub(crate) shares: Vec<Share>,
    #[serde(default)]
    pub(crate) policies: Vec<Policy>,
    /// The identifiers that are not to be used again where it goes.
    pub(crate) used: Vec<Uuid>,
}

impl Branch {
    /// The organization at its top.
    pub fn top(&self) -> Option<OrganizationId> {
        self.organizations.first().map(Organization::id)
    }

    /// The organizations in it.
    pub fn organizations(&self) -> impl Iterator<Item = OrganizationId> + '_ {
        self.organizations.iter().map(Organization::id)
    }

    /// The principals who are members in it, and those who were, if it was a whole tree.
    pub fn principals(&self) -> impl Iterator<Item = PrincipalId> + '_ {
        self.principals.iter().map(|(principal, _)| *principal)
    }
}

impl OrganizationTree {
    /// Everything below and at `top`. Nothing in it leans on what stays; that was severed.
    pub(crate) fn branch(&self, top: OrganizationId) -> Branch {
        let places: Vec<OrganizationId> = self.subtree(top).collect();
        let members: Vec<(OrganizationId, PrincipalId, Member)> = (places.iter())
            .flat_map(|place| self.members(*place).map(|(principal, member)| (*place, principal, member.clone())))
            .collect();
        let mut people: BTreeSet<PrincipalId> = members.iter().map(|(_, principal, _)| *principal).collect();
        if top == self.root() {
            // Those who left are known to the tree that ends, and must be to the one that goes on.
            people.extend(self.principals.keys());
        }
        let at = |ids: &mut dyn Iterator<Item = Uuid>| ids.collect::<Vec<Uuid>>();
        let roles: Vec<Role> =
            places.iter().flat_map(|id| self.index.roles(*id)).filter_map(|id| self.roles.get(&id)).cloned().collect();
        let groups: Vec<Group> = places.iter().flat_map(|id| self.groups(*id)).cloned().collect();
        let links: Vec<Link> = places.iter().flat_map(|id| self.links_out(*id)).cloned().collect();
        let invitations: Vec<Invitation> = places
            .iter()
            .flat_map(|id| self.index.invitations(*id))
            .filter_map(|id| self.invitations.get(&id))
            .cloned()
            .collect();
        // MEM-5: a group that stays behind is in no project that leaves.
        let own = |project: &Project| Project {
            groups: project.groups.iter().filter(|id| groups.iter().any(|group| group.id == **id)).copied().collect(),
            ..project.clone()
        };
        let projects: Vec<Project> = places.iter().flat_map(|id| self.projects(*id)).map(own).collect();
        let shares = self.shares.values().filter(|share| places.contains(&share.source)).cloned().collect();
        let policies: Vec<Policy> = places.iter().flat_map(|id| self.policies(*id)).cloned().collect();
        let mut used = at(&mut places.iter().map(|id| id.uuid()));
        used.extend(people.iter().map(|id| id.uuid()));
        used.extend(roles.iter().map(|role| role.id.uuid()));
        used.extend(groups.iter().map(|group| group.id.uuid()));
        used.extend(links.iter().map(|link| link.id.uuid()));
        used.extend(invitations.iter().map(|invitation| invitation.id.uuid()));
        used.extend(policies.iter().map(|policy| policy.id.uuid()));
        used.extend(projects.iter().map(|project| project.id.uuid()));
        let locations = places.iter().flat_map(|id| self.locations(*id)).map(|(id, _)| id.uuid());
        used.extend(locations.filter(|id| !places.iter().any(|place| place.uuid() == *id)));
        if top == self.root() {
            used = self.all_used();
        }
        Branch {
            organizations: places.iter().filter_map(|id| self.organization(*id)).cloned().collect(),
            principals: people.iter().filter_map(|id| Some((*id, *self.principals.get(id)?))).collect(),
            members,
            roles,
            groups,
            links,
            invitations,
            projects,
            shares,
            policies,
            used,
        }
    }

    /// The records that go with a branch.
    pub(crate) fn records_of(&self, branch: &Branch) -> Vec<(RecordKey, Record)> {
        let people = branch.principals().map(RecordKey::Person);
        let invitees = branch.invitations.iter().map(|invitation| RecordKey::Invitee(invitation.id));
        let kept = branch.organizations().flat_map(|id| [RecordKey::Description(id), RecordKey::Secret(id)]);
        let keys = people.chain(invitees).chain(kept);
        keys.filter_map(|key| Some((key, self.records.get(&key)?.clone()))).collect()
    }

    /// The people of a branch who are members nowhere else in this tree.
    pub(crate) fn only_in(&self, branch: &Branch) -> Vec<PrincipalId> {
        let places: BTreeSet<OrganizationId> = branch.organizations().collect();
        let only = |principal: &PrincipalId| self.memberships(*principal).all(|place| places.contains(&place));
        branch.principals().filter(only).collect()
    }

    /// Puts a branch below `above`, or makes it the whole tree.
    pub(crate) fn graft(&mut self, branch: &Branch, above: &[OrganizationId]) {
        let cut = branch.organizations.first().map_or(0, |top| top.ancestors.len());
        for organization in &branch.organizations {
            let mut organization = organization.clone();
            organization.ancestors = above.iter().chain(organization.ancestors.iter().skip(cut)).copied().collect();
            self.put_organization(organization);
        }
        for (id, principal) in &branch.principals {
            // A person known on both sides is one person.
            if !self.principals.contains_key(id) {
                self.put_principal(*id, *principal);
            }
        }
        for (organization, principal, member) in &branch.members {
            self.put_member(*organization, *principal, member.clone());
        }
        branch.roles.iter().for_each(|role| self.put_role(role.clone()));
        branch.groups.iter().for_each(|group| self.put_group(group.clone()));
        branch.links.iter().for_each(|link| self.put_link(link.clone()));
        branch.invitations.iter().for_each(|invitation| self.put_invitation(invitation.clone()));
        branch.projects.iter().for_each(|project| self.put_project(project.clone()));
        branch.policies.iter().for_each(|policy| self.put_policy(policy.clone()));
        branch.shares.iter().for_each(|share| self.put_share(share.clone()));
        for id in &branch.used {
            self.departed.remove(id);
            if !self.has_used(*id) {
                self.spend(*id);
            }
        }
    }

    /// Takes a subtree out. Its identifiers stay used, and may come back with it alone; its
    /// people stay known, so that they can come in again by themselves.
    pub(crate) fn prune(&mut self, top: OrganizationId) {
        let branch = self.branch(top);
        let gone: Vec<PrincipalId> = self.only_in(&branch).into_iter().filter(|id| !self.is_user(*id)).collect();
        let nested: Vec<_> = branch
            .groups
            .iter()
            .flat_map(|group| {
                let outer = self.groups_holding(Participant::Group(group.id));
                outer.map(|outer| (outer, Participant::Group(group.id))).collect::<Vec<_>>()
            })
            .collect();
        nested.into_iter().for_each(|(outer, participant)| self.remove_participant(outer, participant));
        branch.links.iter().for_each(|link| self.drop_link(link.id));
        branch.groups.iter().for_each(|group| self.drop_group(group.id));
        branch.roles.iter().for_each(|role| self.drop_role(role.id));
        branch.invitations.iter().for_each(|invitation| self.drop_invitation(invitation.id));
        branch.projects.iter().for_each(|project| self.drop_project(project.id));
        branch.policies.iter().for_each(|policy| self.drop_policy(policy.id));
        branch.shares.iter().for_each(|share| self.drop_share(share.resource, share.target));
        branch.members.iter().for_each(|(organization, principal, _)| self.drop_member(*organization, *principal));
        for organization in branch.organizations() {
            let offers: Vec<_> = self.index.offers(organization).collect();
            offers.into_iter().for_each(|offer| self.drop_offer(offer));
            let supports: Vec<_> = self.index.support(organization).collect();
            supports.into_iter().for_each(|support| self.drop_support(support));
            self.drop_organization(organization);
        }
        gone.into_iter().for_each(|principal| self.drop_principal(principal));
        self.departed.extend(branch.used);
    }
}
