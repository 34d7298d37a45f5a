//! The index made at once from the state: edges are gathered and sorted, so that each row is
//! written once, and each table has its size from the start.

use super::organization::OrganizationRow;
use super::principal::{Edge, PrincipalRow};
use super::row::{AboveRow, Bond, Holding, Way};
use super::trie::{Row, hash};
use super::DenseIndex;
use crate::access::catalog::Catalog;
use crate::id::{OrganizationId, PrincipalId};
use crate::link::Link;
use crate::organization::Organization;
use crate::principal::Principal;
use crate::tree::OrganizationTree;

impl DenseIndex {
    /// The index of a tree's primary state, from nothing, but for support access.
    pub(crate) fn derive(tree: &OrganizationTree) -> Self {
        let (mut index, catalog) = (Self { links_stand: tree.links_window(), ..Self::default() }, tree.catalog());
        index.put_organizations(tree);
        index.put_principals(tree);
        tree.roles.values().for_each(|role| index.put_role(catalog, role));
        tree.groups.values().for_each(|group| index.put_group(catalog, group));
        index.put_links(catalog, tree.links.values());
        index
    }

    /// All organizations; the root has the first number, as it has in a tree that grew.
    fn put_organizations(&mut self, tree: &OrganizationTree) {
        let others = tree.organizations().filter(|organization| organization.id() != tree.root());
        let row = |organization: &Organization| {
            let id = organization.id().uuid();
            let mut row = OrganizationRow::of(id);
            row.number = self.above.push(AboveRow::of(id));
            row
        };
        self.organizations = tree.organization(tree.root()).into_iter().chain(others).map(row).collect();
        tree.organizations().for_each(|organization| self.put_organization(organization));
    }

    /// All principals, with where they are a member and which groups they are in.
    fn put_principals(&mut self, tree: &OrganizationTree) {
        // In the order of the tables, so that each is filled while it is close at hand.
        let edge = |principal: PrincipalId, edge| (hash(principal.uuid()).reverse_bits(), principal, edge);
        let mut edges = Vec::with_capacity(tree.members.len().saturating_add(tree.principals.len()));
        let known = tree.principals.iter().filter(|(_, principal)| **principal != Principal::Erased);
        edges.extend(known.map(|(id, _)| edge(*id, Edge::Known)));
        // Members come by organization, of which each is looked up once.
        let mut last = None;
        for ((organization, principal), member) in &tree.members {
            let known = last.filter(|(id, _)| id == organization);
            let (_, place) = known.unwrap_or_else(|| (*organization, self.number(*organization)));
            last = Some((*organization, place));
            let holding = Holding::new(self.held(tree.catalog(), &member.grants), member.suspended);
            edges.push(edge(*principal, Edge::Held(place, holding)));
        }
        for group in tree.groups.values() {
            let number = self.groups.number(group.id.uuid());
            for participant in &group.members {
                match participant.principal() {
                    Some(principal) => edges.push(edge(principal, Edge::In(number))),
                    None => self.set_participant(group.id, *participant, true),
                }
            }
        }
        edges.sort_unstable();
        let rows = edges.chunk_by(|(_, one, _), (_, other, _)| one == other).filter_map(|edges| {
            let mut row = PrincipalRow::of(edges.first()?.1.uuid());
            row.set_all(&mut self.lists, edges.iter().map(|(_, _, edge)| *edge));
            Some(row)
        });
        self.principals = rows.collect();
    }

    /// All links, by their targets.
    fn put_links<'a>(&mut self, catalog: &Catalog, links: impl Iterator<Item = &'a Link>) {
        let bond = |link: &Link| {
            let (here, below) = self.bonds_of(catalog, link);
            (link.target, self.groups.number(link.group.uuid()), here, below)
        };
        let mut bonds: Vec<(OrganizationId, u32, Way, Option<Bond>)> = links.map(bond).collect();
        bonds.sort_unstable_by_key(|(target, group, ..)| (*target, *group));
        bonds.dedup_by_key(|(target, group, ..)| (*target, *group));
        for bonds in bonds.chunk_by(|(one, ..), (other, ..)| one == other) {
            let Some((target, ..)) = bonds.first() else { continue };
            let number = self.number(*target);
            if let Some(row) = self.organizations.edit(target.uuid()) {
                row.set_all_active(&mut self.lists, bonds.iter().map(|(_, group, here, _)| (*group, *here)));
            }
            for (_, group, _, below) in bonds.iter().filter(|(.., below)| below.is_some()) {
                self.set_reaching(number, *group, *below);
            }
        }
    }
}
