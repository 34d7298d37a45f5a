//! The trees that a directory keeps, and readers of them.

mod hints;

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use self::hints::Hints;
use crate::access::catalog::Catalog;
use crate::access::claim::Claim;
use crate::access::dense::Front;
use crate::access::dense::paged::Pages;
use crate::access::dense::trie::{Key, Numbers};
use crate::access::evaluate::Access;
use crate::id::{OrganizationId, PrincipalId};
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// Trees by their roots, and where to look for an organization.
#[derive(Clone, Default)]
pub(crate) struct Forest {
    roots: Numbers,
    /// By the numbers of their roots.
    trees: Pages<Option<Kept>>,
    hints: Hints,
}

/// A tree, with what a check reads first beside it: else a reader who has found the tree would
/// have to wait for that. It fills one cache line.
#[derive(Clone)]
#[repr(align(64))]
struct Kept {
    front: Front,
    tree: Arc<OrganizationTree>,
}

impl Kept {
    #[inline]
    fn access<'a>(&'a self, catalog: &'a Catalog) -> Access<'a> {
        Access::by_front(&self.tree, &self.front, catalog)
    }

    /// Whether an organization was removed here, and did not leave for another tree.
    fn removed(&self, organization: OrganizationId) -> bool {
        let id = organization.uuid();
        self.tree.used.contains(&id) && !self.tree.departed.contains(&id)
    }
}

#[inline]
fn hash(organization: OrganizationId) -> u64 {
    Key::from(organization.uuid()).hash()
}

impl Forest {
    pub(crate) fn tree(&self, root: OrganizationId) -> Option<&OrganizationTree> {
        self.trees.get(self.roots.find(root.uuid())?)?.as_ref().map(|kept| &*kept.tree)
    }

    /// Keeps a tree with the organizations that came into it, unless a newer state of it is
    /// kept already.
    pub(crate) fn keep(&mut self, tree: &Arc<OrganizationTree>, placed: &[OrganizationId]) {
        let number = self.roots.number(tree.root().uuid());
        let Some(row) = self.trees.edit(number) else { return };
        if row.as_ref().is_none_or(|kept| kept.tree.version() < tree.version()) {
            *row = Some(Kept { front: tree.index.dense.front.clone(), tree: tree.clone() });
            for organization in placed {
                self.hints.add(hash(*organization), number);
            }
        }
    }

    /// The trees where an organization may be.
    #[inline]
    fn hinted(&self, organization: OrganizationId) -> impl Iterator<Item = &Kept> {
        self.hints.of(hash(organization)).filter_map(|tree| self.trees.get(tree)?.as_ref())
    }

    /// The tree that an organization is in, or was removed from.
    fn kept_of(&self, organization: OrganizationId) -> Option<&Kept> {
        let is_there = |kept: &&Kept| kept.tree.contains(organization);
        let kept = self.hinted(organization).find(is_there);
        kept.or_else(|| self.hinted(organization).find(|kept| kept.removed(organization)))
    }
}

/// Reads the trees that a [`Directory`](crate::Directory) keeps, without waiting for anyone:
/// one for each thread that answers checks.
///
/// ```
/// # use bailiwick::{Claim, Directory, OrganizationId, PrincipalId, Repository, Timestamp};
/// fn may<R: Repository>(
///     directory: &Directory<R>,
///     who: PrincipalId,
///     place: OrganizationId,
///     what: &Claim,
///     at: Timestamp,
/// ) -> Option<bool> {
///     directory.reader().allows(who, place, what, at)
/// }
/// ```
pub struct Reader<'d> {
    forest: Cache<&'d ArcSwap<Forest>, Arc<Forest>>,
    /// Of the domain that all of the trees are of.
    catalog: &'d Catalog,
}

impl<'d> Reader<'d> {
    pub(crate) fn new(forest: &'d ArcSwap<Forest>, catalog: &'d Catalog) -> Self {
        Self { forest: Cache::new(forest), catalog }
    }

    /// The newest state kept of the tree that an organization is in, or was removed from; always
    /// that of a whole commit. `None` says nothing about the organization, only that its tree is
    /// not kept: ask the directory for it.
    pub fn tree_of(&mut self, organization: OrganizationId) -> Option<&OrganizationTree> {
        self.forest.load().kept_of(organization).map(|kept| &*kept.tree)
    }

    /// Whether a principal may do `claim` in an organization, as [`Access::allows`] of
    /// [its tree](Self::tree_of) answers, and sooner than through the tree. `None` says nothing
    /// about the organization, only that its tree is not kept.
    pub fn allows(
        &mut self,
        principal: PrincipalId,
        organization: OrganizationId,
        claim: &Claim,
        at: Timestamp,
    ) -> Option<bool> {
        let (forest, catalog) = (self.forest.load(), self.catalog);
        // The first hint is nearly always right; the row that says so is read anyway.
        let hinted = forest.hinted(organization).next()?.access(catalog);
        hinted.allows_if_there(principal, organization, claim, at).or_else(|| {
            let access = forest.kept_of(organization)?.access(catalog);
            Some(access.allows(principal, organization, claim, at))
        })
    }
}
