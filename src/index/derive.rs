//! The index made at once from the state alone: what is in order is gathered, sorted and then
//! put in, so that every insertion falls beside the one before.

use std::collections::{BTreeMap, BTreeSet};

use super::{Belonging, Index, address_of};
use crate::access::dense::DenseIndex;
use crate::access::dense::buckets::Buckets;
use crate::access::dense::numbered::{Numbered, organizations};
use crate::id::OrganizationId;
use crate::ordered::{OrdMap, OrdSet};
use crate::tree::OrganizationTree;

impl Index {
    /// The index of a tree's primary state, whose numbers these are, from nothing.
    pub(crate) fn derive(tree: &OrganizationTree, numbered: &Numbered) -> Self {
        let groups = || tree.groups.values();
        let invitations = || tree.invitations.values();
        let mut supported: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for support in tree.supports.values() {
            supported.entry((support.engineer, support.organization)).or_default().insert(support.id);
        }
        let (dense, ends) = DenseIndex::derive(tree, numbered);
        let mut index = Self {
            children: children(tree, numbered),
            slugs: sorted_map(
                tree.organizations.values().map(|organization| (organization.slug().clone(), organization.id())),
            ),
            belongings: belongings(tree),
            owned_groups: sorted(groups().flat_map(|group| group.owners.iter().map(|owner| (*owner, group.id)))),
            link_ends: ends.into_iter().collect(),
            tokens: sorted_map(invitations().flat_map(|sent| sent.tokens().map(|token| (token, sent.id)))),
            sendings: sorted(invitations().flat_map(|sent| sent.sendings.iter().map(|sending| (sending.at, sent.id)))),
            supported: supported.into_iter().collect(),
            addresses: sorted(
                tree.records.iter().filter_map(|(key, record)| Some((address_of(record)?.clone(), *key))),
            ),
            dense,
        };
        for (engineer, _) in index.supported.keys() {
            index.dense.set_engineer(*engineer, true);
        }
        index
    }
}

/// The organizations below each. They come in order, and what is in order is sorted at once, but for
/// a root that others come before, and for a parent that is not there.
fn children(tree: &OrganizationTree, numbered: &Numbered) -> OrdSet<(OrganizationId, OrganizationId)> {
    let parent = |lineage: &usize| numbered.lineages.get(*lineage)?.last().copied();
    let parents = organizations(tree).zip(&numbered.above);
    let mut below = Vec::with_capacity(numbered.above.len());
    below.extend(parents.filter_map(|(below, lineage)| Some((parent(lineage)?, below.id()))));
    let mut children = Vec::with_capacity(below.len());
    let below = Buckets::of(numbered.organizations.len(), &below);
    let parents = numbered.organizations.iter().zip(below.iter());
    children.extend(parents.flat_map(|(parent, below)| below.iter().map(|below| (*parent, *below))));
    sorted(children.into_iter())
}

/// What lives in each organization, or is shared with it.
fn belongings(tree: &OrganizationTree) -> OrdSet<(OrganizationId, Belonging)> {
    let roles = tree.roles.values().map(|role| (role.organization, Belonging::Role(role.id)));
    let groups = tree.groups.values().map(|group| (group.organization, Belonging::Group(group.id)));
    let invitations = tree.invitations.values().map(|sent| (sent.organization, Belonging::Invitation(sent.id)));
    let projects = tree.projects.values().map(|project| (project.organization, Belonging::Project(project.id)));
    let offers = tree.offers.values().map(|offer| (offer.organization, Belonging::Offer(offer.id)));
    let shares = tree.shares.values().map(|share| (share.target, Belonging::ShareIn(share.resource)));
    let policies = tree.policies.values().map(|policy| (policy.organization, Belonging::Policy(policy.id)));
    let supports = tree.supports.values().map(|support| (support.organization, Belonging::Support(support.id)));
    let things = roles.chain(groups).chain(invitations).chain(projects);
    sorted(things.chain(offers).chain(shares).chain(policies).chain(supports))
}

fn sorted<T: Ord + Clone>(items: impl Iterator<Item = T>) -> OrdSet<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.into_iter().collect()
}

fn sorted_map<K: Ord + Clone, V: Ord + Clone>(rows: impl Iterator<Item = (K, V)>) -> OrdMap<K, V> {
    let mut rows: Vec<(K, V)> = rows.collect();
    rows.sort_unstable();
    rows.into_iter().collect()
}
