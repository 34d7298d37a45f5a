//! The hierarchy: what is above, below and beside an organization (HIE-11).

use std::sync::Arc;

use crate::id::{OrganizationId, PrincipalId};
use crate::index::Index;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

impl OrganizationTree {
    /// From the root down to the organization itself; empty if there is no such one.
    pub fn path(&self, id: OrganizationId) -> impl Iterator<Item = OrganizationId> + '_ {
        let organization = self.organizations.get(&id);
        organization
            .into_iter()
            .flat_map(|organization| organization.ancestors().iter().copied().chain([organization.id()]))
    }

    /// From the parent up to the root.
    pub fn ancestors(&self, id: OrganizationId) -> impl Iterator<Item = OrganizationId> + '_ {
        let organization = self.organizations.get(&id);
        organization.into_iter().flat_map(|organization| organization.ancestors().iter().rev().copied())
    }

    /// Directly below, in the order of their identifiers.
    pub fn children(&self, id: OrganizationId) -> impl Iterator<Item = OrganizationId> + '_ {
        // ERR-3: each is deeper than its parent, so that a log that was tampered with is walked
        // to its end as well.
        let level = self.level(id);
        Index::row(&self.index.children, id).copied().filter(move |child| self.level(*child) > level)
    }

    /// Below, at whatever distance, each before what is below it.
    pub fn descendants(&self, id: OrganizationId) -> impl Iterator<Item = OrganizationId> + '_ {
        self.subtree(id).skip(1)
    }

    /// The organization itself, then everything below it.
    pub fn subtree(&self, id: OrganizationId) -> impl Iterator<Item = OrganizationId> + '_ {
        let mut waiting: Vec<OrganizationId> =
            self.organizations.get(&id).map(|organization| organization.id()).into_iter().collect();
        std::iter::from_fn(move || {
            let next = waiting.pop()?;
            let from = waiting.len();
            waiting.extend(self.children(next));
            if let Some(children) = waiting.get_mut(from..) {
                children.reverse();
            }
            Some(next)
        })
    }

    /// Counted from 1 at the root.
    pub fn level(&self, id: OrganizationId) -> Option<usize> {
        self.organizations.get(&id).map(|organization| organization.level())
    }

    /// How many levels the tree has.
    pub fn depth(&self) -> usize {
        self.height(self.root())
    }

    /// How many levels the subtree has, the organization's own included.
    pub(crate) fn height(&self, id: OrganizationId) -> usize {
        let level = self.level(id).unwrap_or_default();
        let levels = self.subtree(id).filter_map(|id| self.level(id));
        levels.max().map_or(0, |deepest| deepest.saturating_sub(level).saturating_add(1))
    }

    /// Whether `above` is an ancestor of `below`; an organization is none of its own.
    pub fn is_ancestor(&self, above: OrganizationId, below: OrganizationId) -> bool {
        let dense = &self.index.dense;
        let (above, below) = (dense.place(above.uuid()), dense.place(below.uuid()));
        below.zip(above).is_some_and(|(below, above)| below.ancestors().contains(&above.row.number))
    }

    /// The lowest organization that both are in the subtree of.
    pub fn lowest_common_ancestor(&self, a: OrganizationId, b: OrganizationId) -> Option<OrganizationId> {
        let pairs = self.path(a).zip(self.path(b));
        pairs.take_while(|(a, b)| a == b).map(|(common, _)| common).last()
    }

    /// Whether an organization and all its ancestors are active (HIE-10).
    pub fn is_active(&self, id: OrganizationId) -> bool {
        self.contains(id) && self.inactive_on_path(id).is_none()
    }

    /// The topmost deactivated organization on the path.
    pub(crate) fn inactive_on_path(&self, id: OrganizationId) -> Option<OrganizationId> {
        if self.index.dense.inactive == 0 {
            return None;
        }
        self.path(id).find(|id| self.organizations.get(id).is_some_and(|organization| !organization.is_itself_active()))
    }

    /// Whether a principal may know of an organization: they are a member or have access
    /// there, or may see what is below an ancestor of it (ERR-4).
    pub fn sees(&self, principal: PrincipalId, id: OrganizationId, at: Timestamp) -> bool {
        let access = self.access().dormant(true);
        let views =
            |id| crate::Claim::new("organizations.view").is_ok_and(|claim| access.allows(principal, id, &claim, at));
        self.contains(id)
            && (self.is_member(id, principal) || access.reaches(principal, id, at) || self.ancestors(id).any(views))
    }

    pub(crate) fn path_to(&self, id: OrganizationId) -> Arc<[OrganizationId]> {
        self.path(id).collect()
    }
}
