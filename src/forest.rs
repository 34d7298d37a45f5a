//! The trees that a directory keeps, and readers of them.

mod hints;

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use self::hints::{Hints, Recent};
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
        self.tree.spent.contains(&id) && !self.tree.departed.contains(&id)
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

    #[inline]
    fn kept(&self, number: u32) -> Option<&Kept> {
        self.trees.get(number)?.as_ref()
    }

    /// The number of the tree that an organization is in, or was removed from.
    fn home(&self, organization: OrganizationId) -> Option<u32> {
        let is = |test: &dyn Fn(&Kept) -> bool| {
            let mut hints = self.hints.of(hash(organization));
            hints.find(|number| self.kept(*number).is_some_and(test))
        };
        is(&|kept| kept.tree.contains(organization)).or_else(|| is(&|kept| kept.removed(organization)))
    }
}

/// Reads the trees that a [`Directory`](crate::Directory) keeps, without waiting for anyone:
/// one for each thread that answers checks.
///
/// ```
/// # use bailiwick::{Claim, OrganizationId, PrincipalId, Reader, Timestamp};
/// fn may(
///     reader: &mut Reader<'_>,
///     who: PrincipalId,
///     place: OrganizationId,
///     what: &Claim,
///     at: Timestamp,
/// ) -> Option<bool> {
///     reader.allows(who, place, what, at)
/// }
/// ```
pub struct Reader<'d> {
    forest: Cache<&'d ArcSwap<Forest>, Arc<Forest>>,
    /// Of the domain that all of the trees are of.
    catalog: &'d Catalog,
    recent: Recent,
}

impl<'d> Reader<'d> {
    pub(crate) fn new(forest: &'d ArcSwap<Forest>, catalog: &'d Catalog) -> Self {
        Self { forest: Cache::new(forest), catalog, recent: Recent::default() }
    }

    /// The newest state kept of the tree that an organization is in, or was removed from; always
    /// that of a whole commit. `None` says nothing about the organization, only that its tree is
    /// not kept: ask the directory for it.
    pub fn tree_of(&mut self, organization: OrganizationId) -> Option<&OrganizationTree> {
        let forest = self.forest.load();
        forest.kept(forest.home(organization)?).map(|kept| &*kept.tree)
    }

    /// Whether a principal may do `claim` in an organization, as [`Access::allows`] of
    /// [its tree](Self::tree_of) answers, and sooner than through the tree. `None` says nothing
    /// about the organization, only that its tree is not kept: ask the directory for it (CLM-7).
    pub fn allows(
        &mut self,
        principal: PrincipalId,
        organization: OrganizationId,
        claim: &Claim,
        at: Timestamp,
    ) -> Option<bool> {
        let (forest, catalog) = (self.forest.load(), self.catalog);
        let hash = hash(organization);
        let hint = self.recent.get_or_set(hash, || forest.hints.of(hash).next())?;
        // A hint is nearly always right; the row that says so is read anyway.
        let hinted = forest.kept(hint).map(|kept| kept.access(catalog));
        hinted.and_then(|access| access.allows_if_there(principal, organization, claim, at)).or_else(|| {
            let home = forest.home(organization)?;
            self.recent.set(hash, home);
            Some(forest.kept(home)?.access(catalog).allows(principal, organization, claim, at))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::command::Context;
    use crate::founding::FoundTree;
    use crate::id::CommitKey;
    use crate::person::Person;
    use crate::rules::Rules;
    use crate::secret::AgentSecret;
    use crate::tree::Domain;

    fn ada() -> PrincipalId {
        PrincipalId::from_u128(10).unwrap()
    }

    fn founded(domain: &Arc<Domain>, root: OrganizationId) -> Arc<OrganizationTree> {
        let mut tree = OrganizationTree::empty(root, domain.clone());
        let context =
            Context::operator(ada(), "2026-01-01T00:00:00Z".parse().unwrap(), CommitKey::from_u128(1).unwrap());
        let (person, secret) = (Person::named("Ada".parse().unwrap()), AgentSecret::from_entropy([7; 32]));
        let found = FoundTree { root, name: "Root".parse().unwrap(), owner: ada(), person, secret };
        let decided = tree.decide(&context, &found).unwrap();
        tree.apply(&decided.changes).unwrap();
        Arc::new(tree)
    }

    /// Two identifiers whose hashes are the same by half.
    fn alike() -> [OrganizationId; 2] {
        let mut seen = BTreeMap::new();
        let spread = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128;
        let ids = (1..1_000_000_u128).map(|number| OrganizationId::from_u128(number.wrapping_mul(spread)).unwrap());
        let mut pairs = ids.filter_map(|id| seen.insert(hash(id) >> 32, id).map(|other| [other, id]));
        pairs.next().unwrap()
    }

    // spec: REP-5
    #[test]
    fn a_hint_of_another_organization_leads_nobody_astray() {
        let domain = Arc::new(Domain { catalog: Catalog::new([]).unwrap(), rules: Rules::provider() });
        let [one, other] = alike();
        let (claim, at) = ("organizations.view".parse().unwrap(), "2026-01-02T00:00:00Z".parse().unwrap());
        let forest = ArcSwap::<Forest>::default();
        let mut reader = Reader::new(&forest, &domain.catalog);
        let keep = |root| {
            forest.rcu(|forest| {
                let mut forest = Forest::clone(forest);
                forest.keep(&founded(&domain, root), &[root]);
                forest
            });
        };
        keep(one);
        assert_eq!(reader.allows(ada(), one, &claim, at), Some(true));
        assert_eq!(reader.allows(ada(), other, &claim, at), None, "its tree is not kept");
        assert!(reader.tree_of(other).is_none());
        keep(other);
        for root in [one, other, one] {
            assert_eq!(reader.allows(ada(), root, &claim, at), Some(true));
            assert_eq!(reader.tree_of(root).map(OrganizationTree::root), Some(root));
        }
    }
}
