//! The index made at once from the state: edges are gathered and sorted, so that each row is
//! written once, and each table has its size from the start.

use foldhash::fast::FixedState;
use indexmap::IndexMap;
use smallvec::SmallVec;

use super::organization::OrganizationRow;
use super::principal::{Edge, PrincipalRow};
use super::row::{AboveRow, Bond, Holding, Lists, Way};
use super::trie::{Key, Row};
use super::{DenseIndex, Ends};
use crate::grant::Grant;
use crate::id::{LinkId, OrganizationId, PrincipalId};
use crate::link::Link;
use crate::organization::Organization;
use crate::principal::Principal;
use crate::tree::OrganizationTree;

impl DenseIndex {
    /// The index of a tree's primary state, from nothing, but for support access; and the ends
    /// of each link.
    pub(crate) fn derive(tree: &OrganizationTree) -> (Self, Vec<(LinkId, Ends)>) {
        let (mut index, catalog) = (Self { links_stand: tree.links_window(), ..Self::default() }, tree.catalog());
        for group in tree.groups.keys() {
            index.groups.number(group.uuid());
        }
        let mut places = Places::of(tree);
        let ends = index.put_organizations(tree, &mut places);
        index.put_principals(tree, &mut places);
        tree.roles.values().for_each(|role| index.put_role(catalog, role));
        tree.groups.values().for_each(|group| index.put_group(catalog, group));
        (index, ends)
    }

    /// All organizations, with the links to them; the ends of those.
    fn put_organizations<'t>(&mut self, tree: &'t OrganizationTree, places: &mut Places) -> Vec<(LinkId, Ends)> {
        let (mut lineage, mut above): (&[OrganizationId], SmallVec<[u32; 8]>) = (&[], SmallVec::new());
        let row = |organization: &'t Organization| {
            let mut row = OrganizationRow::of(organization.id().uuid().into());
            if organization.ancestors() != lineage {
                lineage = organization.ancestors();
                above = lineage.iter().filter_map(|id| places.number(*id)).collect();
            }
            let inactive = !organization.is_itself_active();
            self.adjust(|index| &mut index.inactive, false, inactive);
            let mut itself = AboveRow::of(organization.id().uuid());
            itself.inactive = inactive;
            row.number = self.above.push(itself);
            row.set_there(true);
            row.set_ancestors(&mut self.lists, &above);
            row
        };
        let mut rows: Vec<OrganizationRow> = organizations(tree).map(row).collect();
        let (bonds, elsewhere) = self.bonds(tree, places);
        for bonds in bonds.chunk_by(|one, other| one.target == other.target) {
            let number = bonds.first().and_then(|bond| usize::try_from(bond.target).ok());
            if let Some(row) = number.and_then(|number| rows.get_mut(number)) {
                row.set_all_active(&mut self.lists, bonds.iter().map(|bond| (bond.group, bond.here)));
            }
        }
        self.front.organizations = rows.into_iter().collect();
        for bond in bonds.iter().filter(|bond| bond.below.is_some()) {
            self.set_reaching(bond.target, bond.group, bond.below);
        }
        let mut ends: Vec<_> = bonds.iter().map(|bond| (bond.link, (bond.group, bond.target))).collect();
        // ERR-3: in a log that was tampered with, a link may lead to what is not there.
        ends.extend(elsewhere.into_iter().map(|link| (link.id, self.put_link(tree.catalog(), link))));
        ends
    }

    /// All links, by the number of the target and then of the group; and those to what is not
    /// there.
    fn bonds<'t>(&mut self, tree: &'t OrganizationTree, places: &mut Places) -> (Vec<LinkBond>, Vec<&'t Link>) {
        let (mut bonds, mut elsewhere) = (Vec::with_capacity(tree.links.len()), Vec::new());
        for link in tree.links.values() {
            match places.number(link.target) {
                Some(target) => {
                    let (here, below) = self.bonds_of(tree.catalog(), link);
                    let group = self.groups.number(link.group.uuid());
                    bonds.push(LinkBond { target, group, here, below, link: link.id });
                }
                None => elsewhere.push(&**link),
            }
        }
        bonds.sort_unstable_by_key(|bond| (bond.target, bond.group));
        (bonds, elsewhere)
    }

    /// All principals, with where they are a member and which groups they are in.
    fn put_principals(&mut self, tree: &OrganizationTree, places: &mut Places) {
        let participants = tree.groups.values().map(|group| group.members.len());
        let many = participants.fold(tree.members.len().saturating_add(tree.principals.len()), usize::saturating_add);
        let mut heaps = Heaps::with_room_for(many);
        let known = tree.principals.iter().filter(|(_, principal)| **principal != Principal::Erased);
        known.for_each(|(id, _)| heaps.add(*id, Edge::Known));
        // Members who hold the same share one list.
        let mut sets: IndexMap<*const Grant, Option<u32>, FixedState> = IndexMap::default();
        for ((organization, principal), member) in &tree.members {
            // ERR-3: as above, of members.
            let place = places.number(*organization).unwrap_or_else(|| self.number(*organization));
            let held = || self.held(tree.catalog(), &member.grants);
            let holding = Holding::new(*sets.entry(member.grants.as_ptr()).or_insert_with(held), member.suspended);
            heaps.add(*principal, Edge::Held(place, holding));
        }
        for group in tree.groups.values() {
            let number = self.groups.number(group.id.uuid());
            for participant in &group.members {
                match participant.principal() {
                    Some(principal) => heaps.add(principal, Edge::In(number)),
                    None => self.set_participant(group.id, *participant, true),
                }
            }
        }
        self.front.principals = heaps.rows(&mut self.lists).into_iter().collect();
    }
}

/// One edge of a principal, and where their row will lie in the order of the tables.
type Placed = (u64, Key, Edge);

/// Edges of principals, in heaps by the order of the tables that their rows will lie in: each is
/// taken apart once more, sorted, and filled in while it is close at hand.
struct Heaps(Vec<Vec<Placed>>);

impl Heaps {
    /// How many heaps there are at most.
    const MOST: usize = 1 << 10;
    /// How many edges a heap has at least on average, unless there are fewer in all.
    const MANY: usize = 1 << 11;
    /// How many edges a part of a heap has on average.
    const FEW: usize = 8;

    fn with_room_for(edges: usize) -> Self {
        let count = (edges / Self::MANY).clamp(1, Self::MOST);
        // A little more than an equal share, lest many heaps are moved to where they have room.
        let share = (edges / count).saturating_add(edges / count / 8);
        Self(std::iter::repeat_with(|| Vec::with_capacity(share)).take(count).collect())
    }

    fn add(&mut self, principal: PrincipalId, edge: Edge) {
        let key = Key::from(principal.uuid());
        let order = key.hash().reverse_bits();
        let (heap, _) = split(order, self.0.len());
        self.0.get_mut(heap).into_iter().for_each(|heap| heap.push((order, key, edge)));
    }

    /// A row for each principal, in the order of the tables.
    fn rows(self, lists: &mut Lists) -> Vec<PrincipalRow> {
        let (mut rows, mut parts, count) = (Vec::new(), Parts::default(), self.0.len());
        for heap in self.0 {
            let into = (heap.len() / Self::FEW).max(1);
            parts.take(&heap, into, |order| split(split(order, count).1, into).0);
            for part in parts.iter_mut() {
                part.sort_unstable();
                rows.extend(part.chunk_by(|(_, one, _), (_, other, _)| one == other).filter_map(|edges| {
                    let mut row = PrincipalRow::of(edges.first()?.1);
                    row.set_all(lists, edges.iter().map(|(_, _, edge)| *edge));
                    Some(row)
                }));
            }
        }
        rows
    }
}

/// The edges of a heap, those of one part after those of another.
#[derive(Default)]
struct Parts {
    edges: Vec<Placed>,
    ends: Vec<usize>,
}

impl Parts {
    fn take(&mut self, heap: &[Placed], parts: usize, part_of: impl Fn(u64) -> usize) {
        self.ends.clear();
        self.ends.resize(parts, 0);
        for (order, ..) in heap {
            self.ends.get_mut(part_of(*order)).into_iter().for_each(|count| *count = count.saturating_add(1));
        }
        // First where each part begins, then where it is filled up to.
        let mut begin = 0_usize;
        for end in &mut self.ends {
            begin = begin.saturating_add(std::mem::replace(end, begin));
        }
        self.edges.clear();
        self.edges.extend_from_slice(heap);
        for edge in heap {
            let Some(end) = self.ends.get_mut(part_of(edge.0)) else { continue };
            self.edges.get_mut(*end).into_iter().for_each(|place| *place = *edge);
            *end = end.saturating_add(1);
        }
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut [Placed]> {
        let (mut rest, mut begin) = (self.edges.as_mut_slice(), 0_usize);
        self.ends.iter().filter_map(move |end| {
            let len = end.saturating_sub(std::mem::replace(&mut begin, *end));
            let (part, others) = std::mem::take(&mut rest).split_at_mut_checked(len)?;
            rest = others;
            Some(part)
        })
    }
}

/// Which of so many parts of the same length a place is in, and the place there.
fn split(place: u64, parts: usize) -> (usize, u64) {
    let place = (place >> 32).saturating_mul(u64::try_from(parts).unwrap_or_default());
    (usize::try_from(place >> 32).unwrap_or_default(), place << 32)
}

/// What a link says of its target.
struct LinkBond {
    target: u32,
    group: u32,
    here: Way,
    below: Option<Bond>,
    link: LinkId,
}

/// All organizations in the order of their numbers: the root has the first, as in a tree that
/// grew, and the others follow by their identifiers.
fn organizations(tree: &OrganizationTree) -> impl Iterator<Item = &Organization> {
    let root = tree.organization(tree.root());
    let others = tree.organizations().filter(|organization| organization.id() != tree.root());
    root.into_iter().chain(others)
}

/// The numbers of organizations.
struct Places {
    root: Option<OrganizationId>,
    others: Vec<OrganizationId>,
    /// Which of the others was found last: what is asked for next is often close behind.
    last: usize,
}

impl Places {
    fn of(tree: &OrganizationTree) -> Self {
        let root = tree.organization(tree.root()).map(Organization::id);
        let ids = tree.organizations().map(Organization::id);
        Self { root, others: ids.filter(|id| Some(*id) != root).collect(), last: 0 }
    }

    fn number(&mut self, id: OrganizationId) -> Option<u32> {
        const NEAR: usize = 8;
        if self.root == Some(id) {
            return Some(0);
        }
        let near = self.others.iter().enumerate().skip(self.last).take(NEAR).find(|(_, other)| **other == id);
        self.last = near.map(|(place, _)| place).or_else(|| self.others.binary_search(&id).ok())?;
        u32::try_from(self.last.saturating_add(usize::from(self.root.is_some()))).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use uuid::Uuid;

    use super::*;

    /// Against a map of sets: of no edge, of a few, of one heap full, and of several heaps.
    #[test]
    fn heaps_give_each_principal_one_row_of_all_their_edges() {
        let mut seen = BTreeSet::new();
        for edges in [0, 3, 900, 20_000_u32] {
            let mut heaps = Heaps::with_room_for(usize::try_from(edges).unwrap());
            seen.insert(heaps.0.len());
            let (mut expected, mut draw) = (BTreeMap::<_, BTreeSet<u32>>::new(), 7_u32);
            for _ in 0..edges {
                draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (principal, group) = ((draw >> 8) % (edges / 4 + 1), draw >> 28);
                if expected.entry(principal).or_default().insert(group) {
                    heaps.add(PrincipalId::from_u128(u128::from(principal) << 40 | 1).unwrap(), Edge::In(group));
                }
            }
            let mut lists = Lists::default();
            let rows = heaps.rows(&mut lists);
            assert!(rows.is_sorted_by_key(|row| row.key().hash().reverse_bits()), "in the order of the tables");
            assert_eq!(rows.len(), expected.len());
            for row in &rows {
                let principal = u32::try_from(Uuid::from(row.key()).as_u128() >> 40).unwrap();
                assert!(row.standing(&lists).groups().eq(expected[&principal].iter().copied()));
            }
        }
        assert_eq!(seen, BTreeSet::from([1, 9]), "how many heaps there were");
    }
}
