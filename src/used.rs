//! Identifiers: once used in a tree, none is ever used there again (HIE-7).
//!
//! What is there says so by being there. Beside that the tree keeps the *spent* ones: of what is
//! gone, of people who were erased, of locations and of the operator's engineers.

use uuid::Uuid;

use crate::id::{LinkId, OrganizationId};
use crate::ordered::OrdMap;
use crate::refusal::Precondition;
use crate::tree::OrganizationTree;

impl OrganizationTree {
    /// HIE-7: an identifier once used is never used again.
    pub(crate) fn fresh(&self, id: Uuid) -> Result<(), Precondition> {
        if self.has_used(id) { Err(Precondition::IdAlreadyUsed { id }) } else { Ok(()) }
    }

    /// Whether anything has, or ever had, this identifier here: then no command takes it for
    /// something new (HIE-7).
    pub fn has_used(&self, id: Uuid) -> bool {
        self.index.dense.is_taken(id)
            || LinkId::new(id).is_ok_and(|link| self.index.ends_of(link).is_some())
            || self.spent.contains(&id)
            || has(&self.roles, id)
            || has(&self.invitations, id)
            || has(&self.projects, id)
            || has(&self.offers, id)
            || has(&self.policies, id)
            || has(&self.supports, id)
    }

    /// The identifiers of everything that is there and would be in another tree.
    pub(crate) fn present(&self) -> impl Iterator<Item = Uuid> + '_ {
        let organizations = self.organizations.keys().map(|id| id.uuid());
        let principals = self.principals.keys().map(|id| id.uuid());
        let roles = self.roles.keys().map(|id| id.uuid());
        let groups = self.groups.keys().map(|id| id.uuid());
        let links = self.links.values().map(|link| link.id.uuid());
        let invitations = self.invitations.keys().map(|id| id.uuid());
        let projects = self.projects.keys().map(|id| id.uuid());
        let policies = self.policies.keys().map(|id| id.uuid());
        let supports = self.supports.keys().map(|id| id.uuid());
        let things =
            roles.chain(groups).chain(links).chain(invitations).chain(projects).chain(policies).chain(supports);
        // A location that came with its organization has the identifier of that.
        let own = |id: &Uuid| OrganizationId::new(*id).is_ok_and(|id| self.contains(id));
        let locations = self.organizations.values().flat_map(|place| place.locations.all.keys().map(|id| id.uuid()));
        organizations.chain(principals).chain(things).chain(locations.filter(move |id| !own(id)))
    }

    /// Every identifier that was ever used here, in order.
    pub(crate) fn all_used(&self) -> Vec<Uuid> {
        let offers = self.offers.keys().map(|id| id.uuid());
        let mut all: Vec<Uuid> = self.present().chain(offers).chain(self.spent.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Keeps an identifier of what may go, or is no longer what it was.
    pub(crate) fn spend(&mut self, id: impl Into<Uuid>) {
        self.spent.insert(id.into());
    }
}

fn has<K: Ord + TryFrom<Uuid>, V>(map: &OrdMap<K, V>, id: Uuid) -> bool {
    !map.is_empty() && K::try_from(id).is_ok_and(|id| map.contains_key(&id))
}
