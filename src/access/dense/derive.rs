//! The index made at once from the state: edges are gathered and sorted, so that each row is
//! written once, and each table has its size from the start.

use smallvec::SmallVec;

use super::DenseIndex;
use super::organization::OrganizationRow;
use super::principal::{Edge, PrincipalRow};
use super::row::{AboveRow, Bond, Holding, Lists, Way};
use super::trie::{Key, Row};
use crate::id::{OrganizationId, PrincipalId};
use crate::link::Link;
use crate::organization::Organization;
use crate::principal::Principal;
use crate::tree::OrganizationTree;

impl DenseIndex {
    /// The index of a tree's primary state, from nothing, but for support access.
    pub(crate) fn derive(tree: &OrganizationTree) -> Self {
        let (mut index, catalog) = (Self { links_stand: tree.links_window(), ..Self::default() }, tree.catalog());
        for group in tree.groups.keys() {
            index.groups.number(group.uuid());
        }
        index.put_organizations(tree);
        index.put_principals(tree);
        tree.roles.values().for_each(|role| index.put_role(catalog, role));
        tree.groups.values().for_each(|group| index.put_group(catalog, group));
        index
    }

    /// All organizations, with the links to them.
    fn put_organizations(&mut self, tree: &OrganizationTree) {
        let places = Places::of(tree);
        let row = |organization: &Organization| {
            let mut row = OrganizationRow::of(organization.id().uuid().into());
            let above: SmallVec<[u32; 8]> =
                organization.ancestors().iter().filter_map(|id| places.number(*id)).collect();
            let inactive = !organization.is_itself_active();
            self.adjust(|index| &mut index.inactive, false, inactive);
            let mut itself = AboveRow::of(organization.id().uuid());
            itself.inactive = inactive;
            row.number = self.above.push(itself);
            row.set_there(true);
            row.set_ancestors(&mut self.lists, &above);
            row
        };
        let mut rows: Vec<OrganizationRow> = places.organizations(tree).map(row).collect();
        let bonds = self.bonds(tree);
        let mut elsewhere: Vec<LinkBond> = Vec::new();
        for bonds in bonds.chunk_by(|one, other| one.target == other.target) {
            let number = bonds.first().and_then(|bond| places.number(bond.target));
            match number.and_then(|number| rows.get_mut(usize::try_from(number).ok()?)) {
                Some(row) => row.set_all_active(&mut self.lists, bonds.iter().map(|bond| (bond.group, bond.here))),
                None => elsewhere.extend(bonds),
            }
        }
        self.front.organizations = rows.into_iter().collect();
        // ERR-3: in a log that was tampered with, a link may lead to what is not there.
        elsewhere.into_iter().for_each(|bond| self.set_active(bond.target, bond.group, Some(bond.here)));
        for bond in bonds.iter().filter(|bond| bond.below.is_some()) {
            let target = self.number(bond.target);
            self.set_reaching(target, bond.group, bond.below);
        }
    }

    /// All links, by target and then by the number of their group.
    fn bonds(&mut self, tree: &OrganizationTree) -> Vec<LinkBond> {
        let mut bond = |link: &Link| {
            let (here, below) = self.bonds_of(tree.catalog(), link);
            LinkBond { target: link.target, group: self.groups.number(link.group.uuid()), here, below }
        };
        let mut bonds = Vec::with_capacity(tree.links.len());
        bonds.extend(tree.links.values().map(|link| bond(link)));
        bonds.sort_unstable_by_key(|bond| (bond.target, bond.group));
        bonds.dedup_by_key(|bond| (bond.target, bond.group));
        bonds
    }

    /// All principals, with where they are a member and which groups they are in.
    fn put_principals(&mut self, tree: &OrganizationTree) {
        let participants = tree.groups.values().map(|group| group.members.len());
        let many = participants.fold(tree.members.len().saturating_add(tree.principals.len()), usize::saturating_add);
        let mut heaps = Heaps::with_room_for(many);
        let known = tree.principals.iter().filter(|(_, principal)| **principal != Principal::Erased);
        known.for_each(|(id, _)| heaps.add(*id, Edge::Known));
        // Members come by organization, of which each is looked up once.
        let mut last = None;
        for ((organization, principal), member) in &tree.members {
            let known = last.filter(|(id, _)| id == organization);
            let (_, place) = known.unwrap_or_else(|| (*organization, self.number(*organization)));
            last = Some((*organization, place));
            let holding = Holding::new(self.held(tree.catalog(), &member.grants), member.suspended);
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

/// Edges of principals, in heaps by the order of the tables that their rows will lie in: each is
/// sorted by itself, and filled in while it is close at hand.
struct Heaps(Vec<Vec<(u64, PrincipalId, Edge)>>);

impl Heaps {
    const COUNT: usize = 1 << 8;

    fn with_room_for(edges: usize) -> Self {
        // A little more than an equal share, lest any heap is moved to where it has room.
        let share = edges.saturating_add(edges >> 4).saturating_add(Self::COUNT) / Self::COUNT;
        Self(std::iter::repeat_with(|| Vec::with_capacity(share)).take(Self::COUNT).collect())
    }

    fn add(&mut self, principal: PrincipalId, edge: Edge) {
        let order = Key::from(principal.uuid()).hash().reverse_bits();
        let heap = usize::try_from(order >> 56).ok().and_then(|heap| self.0.get_mut(heap));
        heap.into_iter().for_each(|heap| heap.push((order, principal, edge)));
    }

    /// A row for each principal, in the order of the tables.
    fn rows(self, lists: &mut Lists) -> Vec<PrincipalRow> {
        let mut rows = Vec::new();
        for mut heap in self.0 {
            heap.sort_unstable();
            rows.extend(heap.chunk_by(|(_, one, _), (_, other, _)| one == other).filter_map(|edges| {
                let mut row = PrincipalRow::of(edges.first()?.1.uuid().into());
                row.set_all(lists, edges.iter().map(|(_, _, edge)| *edge));
                Some(row)
            }));
        }
        rows
    }
}

/// What a link says of its target.
#[derive(Clone, Copy)]
struct LinkBond {
    target: OrganizationId,
    group: u32,
    here: Way,
    below: Option<Bond>,
}

/// The numbers of organizations: the root has the first, as in a tree that grew, and the others
/// follow in the order of their identifiers.
struct Places {
    root: Option<OrganizationId>,
    others: Vec<OrganizationId>,
}

impl Places {
    fn of(tree: &OrganizationTree) -> Self {
        let root = tree.organization(tree.root()).map(Organization::id);
        let ids = tree.organizations().map(Organization::id);
        Self { root, others: ids.filter(|id| Some(*id) != root).collect() }
    }

    /// All organizations in the order of their numbers.
    fn organizations<'a>(&self, tree: &'a OrganizationTree) -> impl Iterator<Item = &'a Organization> {
        let root = self.root;
        let others = tree.organizations().filter(move |organization| Some(organization.id()) != root);
        tree.organization(tree.root()).into_iter().chain(others)
    }

    fn number(&self, id: OrganizationId) -> Option<u32> {
        if self.root == Some(id) {
            return Some(0);
        }
        let place = self.others.binary_search(&id).ok()?;
        u32::try_from(place.saturating_add(usize::from(self.root.is_some()))).ok()
    }
}
