//! The dense index: the edges that a check joins, by number and in short rows.
//!
//! Identifiers are numbered once, and rows hold numbers: principal to organizations and
//! groups, organization to groups, group to what it gives. What a row cannot say in a word
//! (a grant with an end, a link with exclusions) it marks, and the state is asked. It is
//! derived from the state by the methods here alone, and never stored.

mod branch;
pub(crate) mod buckets;
mod check;
mod derive;
pub(crate) mod numbered;
pub(crate) mod organization;
pub(crate) mod paged;
pub(crate) mod principal;
pub(crate) mod row;
pub(crate) mod sets;
pub(crate) mod trie;
mod words;

use std::collections::BTreeSet;

use smallvec::SmallVec;
use uuid::Uuid;

use self::organization::{OrganizationRow, Place};
use self::paged::{Paged, Pages};
use self::principal::{PrincipalRow, Standing};
use self::row::{AboveRow, Bond, GroupRow, Holding, Lists, NONE, RoleRow, Way};
use self::sets::Sets;
use self::trie::{Key, Numbers, Row, Trie};
use crate::access::catalog::Catalog;
use crate::access::set::ClaimSet;
use crate::grant::Grant;
use crate::group::Group;
use crate::id::{GroupId, OrganizationId, PrincipalId, RoleId};
use crate::link::Link;
use crate::member::Member;
use crate::organization::Organization;
use crate::participant::Participant;
use crate::reach::{LinkGives, Reach};
use crate::role::{Privilege, Role};
use crate::time::{Timestamp, Window};

/// What every check reads of a tree, close together. Whoever keeps a clone of it beside a tree
/// need not go through the tree to find a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Front {
    principals: Trie<PrincipalRow>,
    organizations: Trie<OrganizationRow>,
    pub(crate) groups: Pages<GroupRow>,
    /// Whether there is anything that rows alone do not answer: inactive organizations, reach
    /// beyond a target, nested groups.
    special: bool,
}

/// The numbers of a link's group and of its target.
pub(crate) type Ends = (u32, u32);

/// The front comes first, in one cache line.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct DenseIndex {
    pub(crate) front: Front,
    /// How many links reach beyond their target; without any, no ancestor is looked at.
    pub(crate) reaching: u32,
    /// How many groups are in groups; without any, no group is followed.
    pub(crate) nestings: u32,
    /// How many organizations are themselves inactive; without any, no path is walked.
    pub(crate) inactive: u32,
    pub(crate) groups: Numbers,
    /// When links give access; none if never (LIC-4).
    pub(crate) links_stand: Option<Window>,
    /// What does not fit into the rows.
    pub(crate) lists: Lists,
    pub(crate) sets: Sets,
    /// By the numbers of organizations.
    pub(crate) above: Paged<AboveRow>,
    roles: Numbers,
    pub(crate) role_rows: Pages<RoleRow>,
}

impl PartialEq for DenseIndex {
    fn eq(&self, other: &Self) -> bool {
        let counts = |Self { inactive, reaching, nestings, links_stand, front, .. }: &Self| {
            (*inactive, *reaching, *nestings, *links_stand, front.special)
        };
        counts(self) == counts(other) && self.edges() == other.edges()
    }
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> SmallVec<[T; 8]> {
    let mut items: SmallVec<[T; 8]> = items.collect();
    items.sort_unstable();
    items
}

impl Front {
    /// Both rows of a question. Either is read before the other is looked at, so that memory is
    /// waited for once.
    #[inline(always)]
    fn rows(&self, principal: Uuid, organization: Uuid) -> Option<(&PrincipalRow, &OrganizationRow)> {
        let (principal, organization) = (Key::from(principal), Key::from(organization));
        let (who, place) = (self.principals.probe(principal.hash()), self.organizations.probe(organization.hash()));
        let (mut standing, mut at) = (who.row()?, place.row()?);
        if (standing.key() != principal) | (at.key() != organization) {
            (standing, at) = (who.find(principal)?, place.find(organization)?);
        }
        Some((standing, at))
    }
}

impl DenseIndex {
    pub(crate) fn put_organization(&mut self, organization: &Organization) {
        let ancestors: Vec<u32> = organization.ancestors().iter().map(|id| self.number(*id)).collect();
        self.put_place(organization.id(), true, &ancestors, !organization.is_itself_active());
    }

    /// Counts something that rows alone do not answer.
    fn adjust(&mut self, count: impl FnOnce(&mut Self) -> &mut u32, before: bool, after: bool) {
        let count = count(self);
        match (before, after) {
            (false, true) => *count = count.saturating_add(1),
            (true, false) => *count = count.saturating_sub(1),
            _ => {}
        }
        self.front.special = self.inactive | self.reaching | self.nestings != 0;
    }

    pub(crate) fn drop_organization(&mut self, id: OrganizationId) {
        self.put_place(id, false, &[], false);
    }

    fn put_place(&mut self, id: OrganizationId, there: bool, ancestors: &[u32], inactive: bool) {
        let number = self.number(id);
        if let Some(row) = self.front.organizations.edit(id.uuid().into()) {
            row.set_there(there);
            row.set_ancestors(&mut self.lists, ancestors);
        }
        if self.above.get(number).is_some_and(|row| row.inactive != inactive)
            && let Some(row) = self.above.get_mut(number)
        {
            row.inactive = inactive;
            self.adjust(|index| &mut index.inactive, !inactive, inactive);
        }
    }

    /// The number of an organization; a new one if it was not seen before.
    fn number(&mut self, id: OrganizationId) -> u32 {
        if let Some(row) = self.front.organizations.find(id.uuid().into()).filter(|row| row.number != NONE) {
            return row.number;
        }
        let number = self.above.push(AboveRow::of(id.uuid()));
        if let Some(row) = self.front.organizations.edit(id.uuid().into()) {
            row.number = number;
        }
        number
    }

    pub(crate) fn set_known(&mut self, principal: PrincipalId, known: bool) {
        if let Some(row) = self.front.principals.edit(principal.uuid().into()) {
            row.set_known(known);
        }
    }

    pub(crate) fn set_engineer(&mut self, principal: PrincipalId, engineer: bool) {
        if let Some(row) = self.front.principals.edit(principal.uuid().into()) {
            row.set_engineer(engineer);
        }
    }

    pub(crate) fn put_member(
        &mut self,
        catalog: &Catalog,
        organization: OrganizationId,
        principal: PrincipalId,
        member: &mut Member,
    ) {
        let set = self.held(catalog, &member.grants);
        if let Some(set) = set {
            self.sets.share(set, &mut member.grants);
        }
        self.set_holding(organization, principal, Some(Holding::new(set, member.suspended)));
    }

    /// The set that these grants are, if none has a start or an end.
    fn held(&mut self, catalog: &Catalog, grants: &[Grant]) -> Option<u32> {
        let timed = grants.iter().any(|grant| grant.window != Window::ALWAYS);
        (!timed).then(|| self.set(catalog, grants.iter().map(|grant| &grant.privilege)))
    }

    pub(crate) fn drop_member(&mut self, organization: OrganizationId, principal: PrincipalId) {
        self.set_holding(organization, principal, None);
    }

    fn set_holding(&mut self, organization: OrganizationId, principal: PrincipalId, holding: Option<Holding>) {
        let organization = self.number(organization);
        if let Some(row) = self.front.principals.edit(principal.uuid().into()) {
            row.set_membership(&mut self.lists, organization, holding);
        }
    }

    /// What a group gives and where it lives; its participants are put by themselves.
    pub(crate) fn put_group(&mut self, catalog: &Catalog, group: &Group) {
        let home = self.number(group.organization);
        let gives = self.set(catalog, &group.gives);
        let passes = match group.gives.contains(&Privilege::OWNER) {
            true => self.set(catalog, group.gives.iter().filter(|privilege| **privilege != Privilege::OWNER)),
            false => gives,
        };
        let number = self.groups.number(group.id.uuid());
        let Some(row) = self.front.groups.edit(number) else { return };
        (row.home, row.gives, row.passes) = (home, gives, passes);
        row.given = Default::default();
        row.given.iter_mut().zip(self.sets.words(catalog, gives)).for_each(|(place, word)| *place = word);
        if let Some(row) = self.front.organizations.edit(group.organization.uuid().into()) {
            row.set_home(number);
        }
    }

    pub(crate) fn drop_group(&mut self, group: &Group) {
        let number = self.groups.number(group.id.uuid());
        if let Some(row) = self.front.groups.edit(number) {
            row.home = NONE;
        }
    }

    fn set_active(&mut self, organization: OrganizationId, group: u32, way: Option<Way>) {
        self.number(organization);
        if let Some(row) = self.front.organizations.edit(organization.uuid().into()) {
            row.set_active(&mut self.lists, group, way);
        }
    }

    pub(crate) fn set_participant(&mut self, group: GroupId, participant: Participant, is_in: bool) {
        let group = self.groups.number(group.uuid());
        match participant {
            Participant::Principal(principal) => {
                if let Some(row) = self.front.principals.edit(principal.uuid().into()) {
                    row.set_group(&mut self.lists, group, is_in);
                }
            }
            Participant::Group(nested) => {
                let number = self.groups.number(nested.uuid());
                if let Some(row) = self.front.groups.edit(number)
                    && row.set_outer(&mut self.lists, group, is_in)
                {
                    self.adjust(|index| &mut index.nestings, !is_in, is_in);
                }
            }
        }
    }

    pub(crate) fn put_link(&mut self, catalog: &Catalog, link: &Link) -> Ends {
        let (here, below) = self.bonds_of(catalog, link);
        self.set_link(link, Some(here), below)
    }

    /// How a link is active at its target, and how it reaches further down.
    fn bonds_of(&mut self, catalog: &Catalog, link: &Link) -> (Way, Option<Bond>) {
        let terms = &link.terms;
        let given = match &terms.gives {
            LinkGives::Inherit if terms.makes_owners => Way::MakesOwners,
            LinkGives::Inherit => Way::Inherit,
            LinkGives::Narrowed(narrowed) => {
                let passes = |privilege: &&Privilege| terms.makes_owners || **privilege != Privilege::OWNER;
                Way::Narrowed(self.set(catalog, narrowed.iter().filter(passes)))
            }
        };
        let plain = terms.window == Window::ALWAYS && terms.exclusions.is_empty() && link.opted_out.is_empty();
        let here = if plain && (terms.future || link.present.contains(&link.target)) { given } else { Way::Ask };
        let below = if plain && terms.future { given } else { Way::Ask };
        let reach = Bond { way: below, children_only: terms.reach == Reach::Children };
        (here, (terms.reach != Reach::Target).then_some(reach))
    }

    pub(crate) fn drop_link(&mut self, link: &Link) {
        self.set_link(link, None, None);
    }

    fn set_link(&mut self, link: &Link, here: Option<Way>, below: Option<Bond>) -> Ends {
        let group = self.groups.number(link.group.uuid());
        self.set_active(link.target, group, here);
        let target = self.number(link.target);
        self.set_reaching(target, group, below);
        (group, target)
    }

    fn set_reaching(&mut self, target: u32, group: u32, below: Option<Bond>) {
        // Where no link reaches, what lies cold need not be read to see that none does here.
        let none = self.reaching == 0 && below.is_none();
        let changes = !none && self.above.get(target).is_some_and(|row| row.reaching(group) != below);
        if changes && let Some(row) = self.above.get_mut(target) {
            let before = row.set_reaching(group, below);
            self.adjust(|index| &mut index.reaching, before, below.is_some());
        }
    }

    pub(crate) fn put_role(&mut self, catalog: &Catalog, role: &Role) {
        let home = self.number(role.organization);
        let number = self.roles.number(role.id.uuid());
        if let Some(row) = self.role_rows.edit(number) {
            row.home = home;
            row.claims = ClaimSet::new();
            role.claims.iter().for_each(|claim| row.claims.extend(&catalog.expand(claim)));
        }
    }

    pub(crate) fn drop_role(&mut self, role: RoleId) {
        let number = self.roles.number(role.uuid());
        if let Some(row) = self.role_rows.edit(number) {
            row.home = NONE;
        }
    }

    /// The number of a set of privileges.
    fn set<'p>(&mut self, catalog: &Catalog, privileges: impl IntoIterator<Item = &'p Privilege>) -> u32 {
        self.sets.number(catalog, &mut self.roles, privileges)
    }

    /// Whether links give access at that instant (LIC-4).
    #[inline(never)]
    pub(crate) fn links_stand_at(&self, at: Timestamp) -> bool {
        self.links_stand.is_some_and(|stand| stand.contains(at))
    }

    /// Whether an organization or group that is there, or a principal who is known, has this
    /// identifier.
    pub(crate) fn is_taken(&self, id: Uuid) -> bool {
        let key = Key::from(id);
        let group = || self.front.groups.get(self.groups.find(id)?);
        self.front.organizations.find(key).is_some_and(OrganizationRow::is_there)
            || self.standing(id).is_some_and(|standing| standing.is_known())
            || group().is_some_and(|group| group.home != NONE)
    }

    /// How many bytes all of it takes.
    pub(crate) fn bytes(&self) -> usize {
        let Front { principals, organizations, groups, .. } = &self.front;
        let rows = [principals.bytes(), organizations.bytes(), groups.bytes(), self.role_rows.bytes()];
        let above = self.above.iter().map(AboveRow::bytes).fold(self.above.bytes(), usize::saturating_add);
        let others = [above, self.groups.bytes(), self.roles.bytes(), self.sets.bytes(), self.lists.bytes()];
        rows.into_iter().chain(others).fold(0, usize::saturating_add)
    }

    /// A principal's row with its list.
    pub(crate) fn standing(&self, principal: Uuid) -> Option<Standing<'_>> {
        self.front.principals.find(principal.into()).map(|row| row.standing(&self.lists))
    }

    /// An organization's row with its list.
    pub(crate) fn place(&self, organization: Uuid) -> Option<Place<'_>> {
        let id = Key::from(organization);
        self.place_hashed(id, id.hash())
    }

    /// As [`DenseIndex::place`], the hash having been reckoned before.
    #[inline]
    pub(crate) fn place_hashed(&self, organization: Key, hash: u64) -> Option<Place<'_>> {
        self.front.organizations.probe(hash).find(organization).map(|row| row.place(&self.lists))
    }

    /// Both rows of a question.
    #[inline(always)]
    pub(crate) fn rows<'a>(
        &'a self,
        front: &'a Front,
        principal: PrincipalId,
        organization: OrganizationId,
    ) -> Option<(Standing<'a>, Place<'a>)> {
        let (who, place) = front.rows(principal.uuid(), organization.uuid())?;
        Some((who.standing(&self.lists), place.place(&self.lists)))
    }

    /// What a member holds in an organization; none if they are no member there.
    pub(crate) fn holding(&self, organization: OrganizationId, principal: PrincipalId) -> Option<Holding> {
        let (standing, place) = self.rows(&self.front, principal, organization)?;
        standing.holding(place.row.number)
    }

    /// The organizations that a principal is a member of, sorted.
    pub(crate) fn memberships(&self, principal: PrincipalId) -> SmallVec<[OrganizationId; 8]> {
        let Some(standing) = self.standing(principal.uuid()) else { return SmallVec::new() };
        let ids = standing.memberships().filter_map(|(number, _)| self.above.get(number));
        sorted(ids.filter_map(|row| OrganizationId::new(row.id).ok()))
    }

    /// The groups that are linked to an organization.
    pub(crate) fn linked(&self, organization: OrganizationId) -> impl Iterator<Item = GroupId> {
        let bonds = self.place(organization.uuid()).map(|place| place.bonds()).unwrap_or_default();
        bonds.into_iter().filter_map(|(group, _)| GroupId::new(self.groups.id(group)?).ok())
    }

    /// The groups that hold a participant directly, sorted.
    pub(crate) fn groups_holding(&self, participant: Participant) -> SmallVec<[GroupId; 8]> {
        let id = |number: u32| GroupId::new(self.groups.id(number)?).ok();
        match participant {
            Participant::Principal(principal) => {
                let standing = self.standing(principal.uuid());
                sorted(standing.into_iter().flat_map(|standing| standing.groups()).filter_map(id))
            }
            Participant::Group(group) => {
                let row = self.groups.find(group.uuid()).and_then(|number| self.front.groups.get(number));
                let outer = row.map(|row| row.outer(&self.lists)).unwrap_or_default();
                sorted(outer.iter().copied().filter_map(id))
            }
        }
    }

    /// Every edge, by identifier and in words, sorted: two indexes of one state say the same,
    /// however their numbers were given.
    pub(crate) fn edges(&self) -> BTreeSet<(&'static str, Uuid, Uuid, String)> {
        let mut edges = BTreeSet::new();
        let organization = |number: u32| self.above.get(number).map(|row| row.id).unwrap_or_default();
        let group = |number: u32| self.groups.id(number).unwrap_or_default();
        let set = |number: u32| self.sets.described(number);
        let described = |way: Way| match way {
            Way::Narrowed(number) => set(number),
            way => format!("{way:?}"),
        };
        for row in self.front.organizations.iter() {
            let place = row.place(&self.lists);
            let above: Vec<Uuid> = place.ancestors().iter().map(|number| organization(*number)).collect();
            edges.extend(row.is_there().then(|| ("organization", row.id(), row.id(), format!("{above:?}"))));
            let active = place.bonds().into_iter().map(|(number, bond)| (group(number), described(bond.way)));
            edges.extend(active.map(|(group, way)| ("active", row.id(), group, way)));
        }
        for row in self.above.iter() {
            edges.extend(row.inactive.then(|| ("inactive", row.id, row.id, String::new())));
            let reaching = row.bonds().map(|(number, bond)| (group(number), bond));
            edges.extend(reaching.map(|(group, bond)| {
                ("reaching", row.id, group, format!("{} {}", described(bond.way), bond.children_only))
            }));
        }
        for row in self.front.principals.iter() {
            let who = row.standing(&self.lists);
            let marks = (who.is_known(), who.is_engineer());
            let marked = (marks != (false, false)).then(|| ("principal", who.id(), who.id(), format!("{marks:?}")));
            edges.extend(marked);
            edges.extend(who.groups().map(|number| ("in", who.id(), group(number), String::new())));
            let held = who.memberships().map(|(number, held)| (organization(number), held.set().map(set), held));
            edges.extend(
                held.map(|(place, set, held)| ("member", who.id(), place, format!("{set:?} {}", held.is_suspended()))),
            );
        }
        for (id, row) in self.groups.iter().filter_map(|(number, id)| Some((id, self.front.groups.get(number)?))) {
            edges.extend(row.outer(&self.lists).iter().map(|outer| ("nested", id, group(*outer), String::new())));
            let gives = format!("{} {}", set(row.gives), set(row.passes));
            edges.extend((row.home != NONE).then(|| ("group", id, organization(row.home), gives)));
        }
        let roles = self.roles.iter().filter_map(|(number, id)| Some((id, self.role_rows.get(number)?)));
        for (id, row) in roles.filter(|(_, row)| row.home != NONE) {
            edges.insert(("role", id, organization(row.home), format!("{:?}", row.claims)));
        }
        edges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sets are numbered in the order of `first`; then a member holds `held`.
    fn index(first: [&str; 2], held: &str) -> DenseIndex {
        let (mut index, catalog) = (DenseIndex::default(), Catalog::new([]).unwrap());
        let (organization, principal) = (OrganizationId::from_u128(1).unwrap(), PrincipalId::from_u128(2).unwrap());
        for name in first.into_iter().chain([held]) {
            let privilege = Privilege::claim(name).unwrap();
            let grants = [Grant { privilege, window: Window::ALWAYS }].into();
            let mut member = Member { since: Timestamp::UNIX_EPOCH, suspended: false, grants };
            index.put_member(&catalog, organization, principal, &mut member);
        }
        index
    }

    #[test]
    fn two_are_equal_if_they_say_the_same_by_other_numbers() {
        let (one, other) = ("groups.view", "members.view");
        assert_eq!(index([one, other], one), index([other, one], one));
        assert_ne!(index([one, other], one), index([one, other], other));
    }
}
