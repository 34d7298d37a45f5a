//! Handles: who, where and what, looked up once for many questions.

use super::catalog::{Catalog, ClaimDeclaration};
use super::claim::Claim;
use super::dense::organization::Place;
use super::dense::principal::Standing;
use super::dense::trie::Key;
use super::evaluate::Access;
use crate::id::{OrganizationId, PrincipalId};
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// A principal of one state of a tree, looked up once.
#[derive(Clone, Copy)]
pub struct PrincipalHandle<'a> {
    tree: &'a OrganizationTree,
    id: PrincipalId,
    standing: Standing<'a>,
}

/// An organization of one state of a tree, looked up once.
#[derive(Clone, Copy)]
pub struct OrganizationHandle<'a> {
    tree: &'a OrganizationTree,
    id: OrganizationId,
    place: Place<'a>,
}

/// A claim of one domain's catalog, looked up once.
#[derive(Clone, Copy)]
pub struct ClaimHandle<'a> {
    catalog: &'a Catalog,
    bit: usize,
    declaration: &'a ClaimDeclaration,
}

impl<'a> Access<'a> {
    /// A principal, looked up for many questions; none if the tree never heard of them.
    ///
    /// ```
    /// # use bailiwick::{Claim, OrganizationId, OrganizationTree, PrincipalId, Timestamp};
    /// /// The organizations that a page may list.
    /// fn listed(tree: &OrganizationTree, who: PrincipalId, page: &[OrganizationId], at: Timestamp) -> Option<usize> {
    ///     let access = tree.access();
    ///     let view: Claim = "organizations.view".parse().ok()?;
    ///     let (who, view) = (access.principal(who)?, access.claim(&view)?);
    ///     let seen = page.iter().filter_map(|id| access.organization(*id));
    ///     Some(seen.filter(|place| access.allows_by(who, *place, view, at)).count())
    /// }
    /// ```
    pub fn principal(&self, id: PrincipalId) -> Option<PrincipalHandle<'a>> {
        Some(PrincipalHandle { tree: self.tree, id, standing: self.index().standing(id.uuid())? })
    }

    /// An organization, looked up for many questions; none if the tree never heard of it.
    pub fn organization(&self, id: OrganizationId) -> Option<OrganizationHandle<'a>> {
        Some(OrganizationHandle { tree: self.tree, id, place: self.index().place(id.uuid())? })
    }

    /// A claim, looked up for many questions; none if it is not declared.
    pub fn claim(&self, claim: &Claim) -> Option<ClaimHandle<'a>> {
        let (bit, declaration) = self.catalog.numbered(claim)?;
        Some(ClaimHandle { catalog: self.catalog, bit, declaration })
    }

    /// As [`Access::allows`], by handles. Those of another state, another tree or another
    /// domain are looked up again, by what they stand for.
    pub fn allows_by(
        &self,
        principal: PrincipalHandle<'a>,
        organization: OrganizationHandle<'a>,
        claim: ClaimHandle<'a>,
        at: Timestamp,
    ) -> bool {
        let here = std::ptr::eq(principal.tree, self.tree)
            && std::ptr::eq(organization.tree, self.tree)
            && std::ptr::eq(claim.catalog, self.catalog);
        if !here {
            return self.allows(principal.id, organization.id, &claim.declaration.name, at);
        }
        self.holds_at(principal.standing, organization.place, claim.bit, at)
            && self.provides(organization.id, claim.declaration, at)
    }

    /// Whether a principal may do `claim` in each of these organizations, in their order: what
    /// a page of a list needs. It costs far less than as many single checks, since it looks
    /// for all of them before it decides on the first.
    pub fn allows_each(
        &self,
        principal: PrincipalId,
        organizations: &[OrganizationId],
        claim: &Claim,
        at: Timestamp,
    ) -> Vec<bool> {
        let (Some(principal), Some(claim)) = (self.principal(principal), self.claim(claim)) else {
            return vec![false; organizations.len()];
        };
        let ids = organizations.iter().map(|id| Key::from(id.uuid()));
        let hashes: Vec<(Key, u64)> = ids.map(|id| (id, id.hash())).collect();
        let places: Vec<_> = hashes.iter().map(|(id, hash)| self.index().place_hashed(*id, *hash)).collect();
        let decide = |(id, place): (&OrganizationId, Option<Place<'a>>)| {
            place.is_some_and(|place| {
                self.holds_at(principal.standing, place, claim.bit, at) && self.provides(*id, claim.declaration, at)
            })
        };
        organizations.iter().zip(places).map(decide).collect()
    }
}
