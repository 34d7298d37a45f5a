//! The index: what can be derived from the tree's primary state, kept in step with it.
//!
//! It stores edges, not their product; those that a check joins are in the dense index. The tree
//! changes its state only through the methods here, so that state and index cannot come apart;
//! [`Index::derive`] builds the same from the state alone, for the examination and the tests
//! (AUD-5), and for a tree that is loaded from a snapshot, which has the numbers of what is in it.

mod derive;
mod ends;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::ends::LinkEnds;
use crate::access::dense::DenseIndex;
use crate::address::{Address, AddressKey};
use crate::group::Group;
use crate::id::{
    Bounds, GroupId, InvitationId, LinkId, OfferId, OrganizationId, PolicyId, PrincipalId, ProjectId, ResourceId,
    RoleId, SupportId,
};
use crate::invitation::Invitation;
use crate::link::Link;
use crate::member::Member;
use crate::name::{Name, Slug};
use crate::offer::Offer;
use crate::ordered::{OrdMap, OrdSet};
use crate::organization::Organization;
use crate::participant::Participant;
use crate::person::{Record, RecordKey};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::project::Project;
use crate::resource::Share;
use crate::role::{Privilege, Role};
use crate::subscription::Subscription;
use crate::support::Support;
use crate::time::Timestamp;
use crate::token::TokenHash;
use crate::tree::OrganizationTree;

/// What lives in an organization, or is shared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Belonging {
    Role(RoleId),
    Group(GroupId),
    Invitation(InvitationId),
    Project(ProjectId),
    Offer(OfferId),
    ShareIn(ResourceId),
    Policy(PolicyId),
    Support(SupportId),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(crate) children: OrdSet<(OrganizationId, OrganizationId)>,
    pub(crate) slugs: OrdMap<Slug, OrganizationId>,
    pub(crate) belongings: OrdSet<(OrganizationId, Belonging)>,
    pub(crate) owned_groups: OrdSet<(PrincipalId, GroupId)>,
    link_ends: LinkEnds,
    pub(crate) tokens: OrdMap<TokenHash, InvitationId>,
    pub(crate) sendings: OrdSet<(Timestamp, InvitationId)>,
    pub(crate) supported: OrdMap<(PrincipalId, OrganizationId), BTreeSet<SupportId>>,
    pub(crate) addresses: OrdSet<(AddressKey, RecordKey)>,
    pub(crate) dense: DenseIndex,
}

impl PartialEq for Index {
    /// Whether both say the same; numbers follow the order of history and may differ.
    fn eq(&self, other: &Self) -> bool {
        self.children == other.children
            && self.slugs == other.slugs
            && self.belongings == other.belongings
            && self.owned_groups == other.owned_groups
            && self.link_ends.all(&self.dense) == other.link_ends.all(&other.dense)
            && self.tokens == other.tokens
            && self.sendings == other.sendings
            && self.supported == other.supported
            && self.addresses == other.addresses
            && self.dense == other.dense
    }
}

impl Index {
    /// The organizations to which an engineer of the operator's has support access.
    pub(crate) fn supported_by(&self, engineer: PrincipalId) -> impl Iterator<Item = OrganizationId> + '_ {
        let row = (engineer, OrganizationId::MIN)..=(engineer, OrganizationId::MAX);
        self.supported.range(row).map(|((_, organization), _)| *organization)
    }

    /// The group that a link is of, and its target.
    pub(crate) fn ends_of(&self, link: LinkId) -> Option<(GroupId, OrganizationId)> {
        self.link_ends.get(&self.dense, link)
    }

    /// The second halves of the pairs that begin with `first`.
    pub(crate) fn row<A, B>(set: &OrdSet<(A, B)>, first: A) -> impl Iterator<Item = &B>
    where
        A: Ord + Clone,
        B: Ord + Clone + Bounds,
    {
        set.range((first.clone(), B::MIN)..=(first, B::MAX)).map(|(_, second)| second)
    }
}

/// The address in a record, by which it is found.
fn address_of(record: &Record) -> Option<&AddressKey> {
    match record {
        Record::Person(person) => person.address.as_ref().map(Address::key),
        Record::Invitee(address) => Some(address.key()),
        Record::Description(_) | Record::Secret(_) | Record::Reason { .. } => None,
    }
}

macro_rules! belongings {
    ($($method:ident: $variant:ident($id:ident);)*) => {
        impl Index { $(
            pub(crate) fn $method(&self, organization: OrganizationId) -> impl Iterator<Item = $id> + '_ {
                let row = (organization, Belonging::$variant($id::MIN))..=(organization, Belonging::$variant($id::MAX));
                self.belongings.range(row).filter_map(|(_, belonging)| match belonging {
                    Belonging::$variant(id) => Some(*id),
                    _ => None,
                })
            }
        )* }
    };
}

belongings! {
    roles: Role(RoleId);
    groups: Group(GroupId);
    invitations: Invitation(InvitationId);
    projects: Project(ProjectId);
    offers: Offer(OfferId);
    shares_in: ShareIn(ResourceId);
    policies: Policy(PolicyId);
    support: Support(SupportId);
}

impl OrganizationTree {
    fn belongs(&mut self, organization: OrganizationId, belonging: Belonging) {
        self.index.belongings.insert((organization, belonging));
    }

    fn belongs_no_more(&mut self, organization: OrganizationId, belonging: Belonging) {
        self.index.belongings.remove(&(organization, belonging));
    }

    pub(crate) fn put_organization(&mut self, organization: Organization) {
        if let Some(old) = self.organizations.get(&organization.id()).cloned() {
            self.unindex_organization(&old);
        }
        if let Some(parent) = organization.parent() {
            self.index.children.insert((parent, organization.id()));
        }
        self.index.slugs.insert(organization.slug().clone(), organization.id());
        self.index.dense.put_organization(&organization);
        self.organizations.insert(organization.id(), organization.into());
    }

    pub(crate) fn drop_organization(&mut self, id: OrganizationId) {
        if let Some(old) = self.organizations.remove(&id) {
            self.spend(id);
            self.unindex_organization(&old);
            self.index.dense.drop_organization(id);
        }
    }

    /// Activates or deactivates an organization itself (HIE-10).
    pub(crate) fn set_active(&mut self, id: OrganizationId, active: bool) {
        if let Some(organization) = self.organizations.get_mut(&id).map(Arc::make_mut) {
            organization.active = active;
            self.index.dense.put_organization(organization);
        }
    }

    pub(crate) fn put_subscription(&mut self, subscription: Option<Subscription>) {
        self.subscription = subscription.map(Arc::new);
        self.index.dense.links_stand = self.links_window();
    }

    pub(crate) fn put_principal(&mut self, id: PrincipalId, principal: Principal) {
        let known = principal != Principal::Erased;
        if !known {
            self.spend(id);
        }
        self.index.dense.set_known(id, known);
        self.principals.insert(id, principal);
    }

    pub(crate) fn drop_principal(&mut self, id: PrincipalId) {
        self.spend(id);
        self.index.dense.set_known(id, false);
        self.principals.remove(&id);
    }

    /// To change what no index is made from.
    pub(crate) fn organization_mut(&mut self, id: OrganizationId) -> Option<&mut Organization> {
        self.organizations.get_mut(&id).map(Arc::make_mut)
    }

    fn unindex_organization(&mut self, old: &Organization) {
        if let Some(parent) = old.parent() {
            self.index.children.remove(&(parent, old.id()));
        }
        self.index.slugs.remove(old.slug());
    }

    pub(crate) fn put_member(&mut self, organization: OrganizationId, principal: PrincipalId, mut member: Member) {
        self.index.dense.put_member(&self.domain.catalog, organization, principal, &mut member);
        self.members.insert((organization, principal), member);
    }

    pub(crate) fn drop_member(&mut self, organization: OrganizationId, principal: PrincipalId) {
        self.index.dense.drop_member(organization, principal);
        self.members.remove(&(organization, principal));
    }

    /// Changes what a member is; nothing if they are none.
    pub(crate) fn edit_member(
        &mut self,
        organization: OrganizationId,
        principal: PrincipalId,
        change: impl FnOnce(&mut Member),
    ) {
        if let Some(member) = self.members.get_mut(&(organization, principal)) {
            change(member);
            self.index.dense.put_member(&self.domain.catalog, organization, principal, member);
        }
    }

    pub(crate) fn put_role(&mut self, role: Role) {
        self.belongs(role.organization, Belonging::Role(role.id));
        self.index.dense.put_role(&self.domain.catalog, &role);
        self.roles.insert(role.id, role);
    }

    pub(crate) fn drop_role(&mut self, id: RoleId) {
        if let Some(role) = self.roles.remove(&id) {
            self.spend(id);
            self.belongs_no_more(role.organization, Belonging::Role(id));
            self.index.dense.drop_role(id);
        }
    }

    pub(crate) fn put_group(&mut self, group: Group) {
        self.belongs(group.organization, Belonging::Group(group.id));
        self.index.dense.put_group(&self.domain.catalog, &group);
        group.members.iter().for_each(|member| {
            self.index.dense.set_participant(group.id, *member, true);
        });
        group.owners.iter().for_each(|owner| {
            self.index.owned_groups.insert((*owner, group.id));
        });
        self.groups.insert(group.id, group.into());
    }

    pub(crate) fn drop_group(&mut self, id: GroupId) {
        if let Some(group) = self.groups.remove(&id) {
            self.spend(id);
            self.belongs_no_more(group.organization, Belonging::Group(id));
            self.index.dense.drop_group(&group);
            group.members.iter().for_each(|member| {
                self.index.dense.set_participant(id, *member, false);
            });
            group.owners.iter().for_each(|owner| {
                self.index.owned_groups.remove(&(*owner, id));
            });
        }
    }

    /// Says anew what a group is called and gives.
    pub(crate) fn define_group(&mut self, id: GroupId, name: Name, gives: BTreeSet<Privilege>) {
        if let Some(group) = self.groups.get_mut(&id).map(Arc::make_mut) {
            (group.name, group.gives) = (name, gives);
            self.index.dense.put_group(&self.domain.catalog, group);
        }
    }

    pub(crate) fn add_participant(&mut self, id: GroupId, participant: Participant) {
        if let Some(group) = self.groups.get_mut(&id).map(Arc::make_mut) {
            group.members.insert(participant);
            self.index.dense.set_participant(id, participant, true);
        }
    }

    pub(crate) fn remove_participant(&mut self, id: GroupId, participant: Participant) {
        if let Some(group) = self.groups.get_mut(&id).map(Arc::make_mut) {
            group.members.remove(&participant);
            self.index.dense.set_participant(id, participant, false);
        }
    }

    pub(crate) fn add_group_owner(&mut self, id: GroupId, owner: PrincipalId) {
        if let Some(group) = self.groups.get_mut(&id).map(Arc::make_mut) {
            group.owners.insert(owner);
            self.index.owned_groups.insert((owner, id));
        }
    }

    pub(crate) fn remove_group_owner(&mut self, id: GroupId, owner: PrincipalId) {
        if let Some(group) = self.groups.get_mut(&id).map(Arc::make_mut) {
            group.owners.remove(&owner);
            self.index.owned_groups.remove(&(owner, id));
        }
    }

    pub(crate) fn put_link(&mut self, link: Link) {
        let ends = self.index.dense.put_link(&self.domain.catalog, &link);
        self.index.link_ends.put(link.id, ends);
        self.links.insert((link.group, link.target), link.into());
    }

    pub(crate) fn drop_link(&mut self, id: LinkId) {
        if let Some(link) = self.index.ends_of(id).and_then(|ends| self.links.remove(&ends)) {
            self.spend(id);
            self.index.link_ends.drop(id);
            self.index.dense.drop_link(&link);
        }
    }

    /// Changes a link where it is; nothing if it is not there.
    pub(crate) fn edit_link(&mut self, id: LinkId, change: impl FnOnce(&mut Link)) {
        let ends = self.index.ends_of(id);
        if let Some(link) = ends.and_then(|ends| self.links.get_mut(&ends)).map(Arc::make_mut) {
            change(link);
            self.index.dense.put_link(&self.domain.catalog, link);
        }
    }

    pub(crate) fn put_invitation(&mut self, invitation: Invitation) {
        self.belongs(invitation.organization, Belonging::Invitation(invitation.id));
        invitation.tokens().for_each(|token| {
            self.index.tokens.insert(token, invitation.id);
        });
        invitation.sendings.iter().for_each(|sending| {
            self.index.sendings.insert((sending.at, invitation.id));
        });
        self.invitations.insert(invitation.id, invitation);
    }

    pub(crate) fn drop_invitation(&mut self, id: InvitationId) {
        if let Some(invitation) = self.invitations.remove(&id) {
            self.spend(id);
            self.belongs_no_more(invitation.organization, Belonging::Invitation(id));
            invitation.tokens().for_each(|token| {
                self.index.tokens.remove(&token);
            });
            invitation.sendings.iter().for_each(|sending| {
                self.index.sendings.remove(&(sending.at, id));
            });
        }
    }

    pub(crate) fn put_project(&mut self, project: Project) {
        self.belongs(project.organization, Belonging::Project(project.id));
        self.projects.insert(project.id, project);
    }

    pub(crate) fn drop_project(&mut self, id: ProjectId) {
        if let Some(project) = self.projects.remove(&id) {
            self.spend(id);
            self.belongs_no_more(project.organization, Belonging::Project(id));
        }
    }

    pub(crate) fn put_offer(&mut self, offer: Offer) {
        self.belongs(offer.organization, Belonging::Offer(offer.id));
        self.offers.insert(offer.id, offer);
    }

    pub(crate) fn drop_offer(&mut self, id: OfferId) {
        if let Some(offer) = self.offers.remove(&id) {
            self.spend(id);
            self.belongs_no_more(offer.organization, Belonging::Offer(id));
        }
    }

    pub(crate) fn put_share(&mut self, share: Share) {
        self.belongs(share.target, Belonging::ShareIn(share.resource));
        self.shares.insert((share.resource, share.target), share);
    }

    pub(crate) fn drop_share(&mut self, resource: ResourceId, target: OrganizationId) {
        if self.shares.remove(&(resource, target)).is_some() {
            self.belongs_no_more(target, Belonging::ShareIn(resource));
        }
    }

    pub(crate) fn put_policy(&mut self, policy: Policy) {
        self.belongs(policy.organization, Belonging::Policy(policy.id));
        self.policies.insert(policy.id, policy);
    }

    pub(crate) fn drop_policy(&mut self, id: PolicyId) {
        if let Some(policy) = self.policies.remove(&id) {
            self.spend(id);
            self.belongs_no_more(policy.organization, Belonging::Policy(id));
        }
    }

    pub(crate) fn put_support(&mut self, support: Support) {
        // SUP-1, HIE-7: an engineer of the operator's never becomes a user of the tree.
        self.spend(support.engineer);
        self.belongs(support.organization, Belonging::Support(support.id));
        let place = (support.engineer, support.organization);
        let mut all = self.index.supported.get(&place).cloned().unwrap_or_default();
        all.insert(support.id);
        self.index.supported.insert(place, all);
        self.index.dense.set_engineer(support.engineer, true);
        self.supports.insert(support.id, support);
    }

    pub(crate) fn drop_support(&mut self, id: SupportId) {
        let Some(support) = self.supports.remove(&id) else { return };
        self.spend(id);
        self.belongs_no_more(support.organization, Belonging::Support(id));
        let (engineer, place) = (support.engineer, (support.engineer, support.organization));
        if let Some(all) = self.index.supported.get_mut(&place) {
            all.remove(&id);
        }
        if self.index.supported.get(&place).is_some_and(BTreeSet::is_empty) {
            self.index.supported.remove(&place);
            let elsewhere = self.index.supported_by(engineer).next().is_some();
            self.index.dense.set_engineer(engineer, elsewhere);
        }
    }

    pub(crate) fn put_record(&mut self, key: RecordKey, record: Option<Record>) {
        if let Some(old) = self.records.remove(&key).as_ref().and_then(address_of) {
            self.index.addresses.remove(&(old.clone(), key));
        }
        if let Some(record) = record {
            if let Some(address) = address_of(&record) {
                self.index.addresses.insert((address.clone(), key));
            }
            self.records.insert(key, record);
        }
    }
}
