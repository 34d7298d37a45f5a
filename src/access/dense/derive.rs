//! The index made at once from the state: edges are put beside the others of their row, so that
//! each row is written once, and each table has its size from the start.

use super::buckets::Buckets;
use super::numbered::{Membership, Numbered, organizations};
use super::organization::OrganizationRow;
use super::principal::{Edge, PrincipalRow};
use super::row::{AboveRow, Bond, Holding, Way};
use super::trie::Row;
use super::{DenseIndex, Ends};
use crate::id::{Bounds, GroupId, LinkId, OrganizationId, PrincipalId};
use crate::participant::Participant;
use crate::principal::Principal;
use crate::tree::OrganizationTree;

impl DenseIndex {
    /// The index of a tree's primary state, whose numbers these are, but for support access; and
    /// the ends of each link.
    pub(crate) fn derive(tree: &OrganizationTree, numbered: &Numbered) -> (Self, Vec<(LinkId, Ends)>) {
        let (mut index, catalog) = (Self { links_stand: tree.links_window(), ..Self::default() }, tree.catalog());
        for group in &numbered.groups {
            index.groups.number(group.uuid());
        }
        let ends = index.put_organizations(tree, numbered);
        index.put_principals(tree, numbered);
        tree.roles.values().for_each(|role| index.put_role(catalog, role));
        for group in tree.groups.values() {
            index.put_group(catalog, group);
            let nested = group.members.range(Participant::Group(GroupId::MIN)..);
            nested.for_each(|nested| index.set_participant(group.id, *nested, true));
        }
        (index, ends)
    }

    /// All organizations, with the links to them; the ends of those.
    fn put_organizations(&mut self, tree: &OrganizationTree, numbered: &Numbered) -> Vec<(LinkId, Ends)> {
        let (links, mut ends) = (tree.links.values().zip(&numbered.links), Vec::with_capacity(tree.links.len()));
        let bonds = links.map(|(link, (group, target))| {
            let (here, below) = self.bonds_of(tree.catalog(), link);
            ends.push((link.id, (*group, *target)));
            (*target, LinkBond { group: *group, here, below })
        });
        let mut bonds = Buckets::of(numbered.organizations.len(), &bonds.collect::<Vec<_>>());
        // The links of a group that is not there may come before those of others.
        bonds.iter_mut().for_each(|bonds| bonds.sort_unstable_by_key(|bond| bond.group));
        let inactive = organizations(tree).map(|organization| !organization.is_itself_active());
        let mut there = inactive.zip(&numbered.above);
        let row = |((number, id), bonds): ((u32, &OrganizationId), &[LinkBond])| {
            let (mut row, mut itself) = (OrganizationRow::of(id.uuid().into()), AboveRow::of(id.uuid()));
            let mut above = None;
            if let Some((inactive, lineage)) = there.next() {
                row.set_there(true);
                itself.inactive = inactive;
                above = numbered.lineages.get(*lineage);
            }
            self.adjust(|index| &mut index.inactive, false, itself.inactive);
            row.number = number;
            let active = bonds.iter().map(|bond| (bond.group, bond.here));
            row.set_all(&mut self.lists, above.map(|above| above.as_slice()).unwrap_or_default(), active);
            (row, itself)
        };
        let (rows, above): (Vec<_>, Vec<_>) = (0..).zip(&numbered.organizations).zip(bonds.iter()).map(row).unzip();
        (self.front.organizations, self.above) = (rows.into_iter().collect(), above.into_iter().collect());
        for (target, bonds) in (0..).zip(bonds.iter()) {
            let reaching = bonds.iter().filter(|bond| bond.below.is_some());
            reaching.for_each(|bond| self.set_reaching(target, bond.group, bond.below));
        }
        ends
    }

    /// All principals, with where they are a member and which groups they are in.
    fn put_principals(&mut self, tree: &OrganizationTree, numbered: &Numbered) {
        let mut edges = Vec::with_capacity(numbered.members.len().saturating_add(numbered.participants.len()));
        let held: Vec<_> = numbered.grants.iter().map(|grants| self.held(tree.catalog(), grants)).collect();
        for Membership { place, who, grants, suspended } in &numbered.members {
            let holding = Holding::new(held.get(*grants).copied().flatten(), *suspended);
            edges.push((*who, Edge::Held(*place, holding)));
        }
        edges.extend(numbered.participants.iter().map(|(who, group)| (*who, Edge::In(*group))));
        let mut edges = Buckets::of(numbered.principals.len(), &edges);
        let known = tree.principals.values().map(|principal| *principal != Principal::Erased);
        let all = numbered.principals.iter().zip(known.chain(std::iter::repeat(false))).zip(edges.iter_mut());
        let row = |((id, known), edges): ((&PrincipalId, bool), &mut [Edge])| {
            let mut row = PrincipalRow::of(id.uuid().into());
            row.set_known(known);
            edges.sort_unstable();
            row.set_all(&mut self.lists, edges);
            (known || !edges.is_empty()).then_some(row)
        };
        let mut rows = Vec::with_capacity(numbered.principals.len());
        rows.extend(all.filter_map(row));
        self.front.principals = rows.into_iter().collect();
    }
}

/// What a link says of its target.
#[derive(Clone, Copy)]
struct LinkBond {
    group: u32,
    here: Way,
    below: Option<Bond>,
}
