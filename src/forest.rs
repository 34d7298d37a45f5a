//! The trees that a directory keeps, and readers of them.

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use uuid::Uuid;

use crate::access::dense::trie::{Numbered, Row, Trie};
use crate::id::OrganizationId;
use crate::tree::OrganizationTree;

/// Trees by their roots, and by the organizations in them.
#[derive(Clone, Default)]
pub(crate) struct Forest {
    trees: Numbered<Option<Arc<OrganizationTree>>>,
    homes: Trie<HomeRow>,
}

#[derive(Clone, Default)]
struct HomeRow {
    organization: Uuid,
    tree: u32,
}

impl Row for HomeRow {
    #[inline]
    fn id(&self) -> Uuid {
        self.organization
    }
    fn of(organization: Uuid) -> Self {
        Self { organization, tree: u32::MAX }
    }

    /// They are small, and written only when an organization comes into a tree.
    const MOST: usize = 2_048;
}

impl Forest {
    pub(crate) fn tree(&self, root: OrganizationId) -> Option<&OrganizationTree> {
        self.trees.find(root.uuid()).and_then(Option::as_deref)
    }

    /// Keeps a tree with the organizations that came into it, unless a newer state of it is
    /// kept already.
    pub(crate) fn keep(&mut self, tree: &Arc<OrganizationTree>, placed: &[OrganizationId]) {
        let (number, Some(row)) = self.trees.edit(tree.root().uuid()) else { return };
        if row.as_ref().is_none_or(|kept| kept.version() < tree.version()) {
            *row = Some(tree.clone());
            for organization in placed {
                if let Some(home) = self.homes.edit(organization.uuid()) {
                    home.tree = number;
                }
            }
        }
    }

    #[inline]
    fn tree_of(&self, organization: OrganizationId) -> Option<&OrganizationTree> {
        let home = self.homes.find(organization.uuid())?;
        self.trees.get(home.tree)?.as_deref()
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
///     let mut reader = directory.reader();
///     let tree = reader.tree_of(place)?;
///     Some(tree.access().allows(who, place, what, at))
/// }
/// ```
pub struct Reader<'d> {
    forest: Cache<&'d ArcSwap<Forest>, Arc<Forest>>,
}

impl<'d> Reader<'d> {
    pub(crate) fn new(forest: &'d ArcSwap<Forest>) -> Self {
        Self { forest: Cache::new(forest) }
    }

    /// The newest state kept of the tree that an organization is in, always that of a whole
    /// commit. `None` says nothing about the organization, only that its tree is not kept:
    /// ask the directory for it.
    #[inline]
    pub fn tree_of(&mut self, organization: OrganizationId) -> Option<&OrganizationTree> {
        self.forest.load().tree_of(organization)
    }
}
