//! A principal's row: where they are a member, and which groups they are in.

use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;
use wide::u16x16;

use super::row::{Holding, Lists, Pairs, count_of, has, mark_of, pairs_of, put, second};
use super::trie::{Key, Row};

/// How many words fit into a row; with them it fills one cache line.
const NEAR: usize = 16;

/// A principal. What they have lies in the row itself while it is little and its numbers lie
/// close together, as those of one customer's organizations and groups do; else in a list
/// elsewhere. A row that once needed a list keeps it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct PrincipalRow {
    key: Key,
    marks: u8,
    held: u8,
    bare: u8,
    groups: u8,
    /// What is added to each organization; the number of the list, if all is there.
    place: u32,
    /// What is added to each group.
    group: u32,
    /// The [marks](mark_of) of the groups.
    pub(super) among: u32,
    /// The organizations where something is held, then those where nothing is, then the groups,
    /// each sorted; then what is held.
    words: [u16; NEAR],
}

/// Known to the tree and not erased.
const KNOWN: u8 = 1;
/// An engineer with support access to some organization.
const ENGINEER: u8 = 2;
/// A member of the organization that was numbered first, with nothing held: nearly everyone
/// is, of a root.
const FIRST: u8 = 4;
/// All is in the list: how many organizations there are where something is held, and how many
/// where nothing is; then pairs of the first and what is held, the others, and the groups.
const FAR: u8 = 8;

impl Row for PrincipalRow {
    #[inline]
    fn key(&self) -> Key {
        self.key
    }
    fn of(key: Key) -> Self {
        Self { key, ..Self::default() }
    }
}

/// A principal's row, with the lists of which one may be its own.
#[derive(Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub(super) row: &'a PrincipalRow,
    lists: &'a Lists,
}

impl PrincipalRow {
    #[inline]
    pub(super) const fn standing<'a>(&'a self, lists: &'a Lists) -> Standing<'a> {
        Standing { row: self, lists }
    }

    /// Whether all that counts is in the row, of one who is known to the tree and no engineer.
    #[inline]
    pub(super) const fn is_plain(&self) -> bool {
        self.marks & (KNOWN | ENGINEER | FAR) == KNOWN
    }

    /// What a row that is near says of an organization.
    #[inline(always)]
    pub(super) fn holding(&self, organization: u32) -> Option<Holding> {
        // All words are looked at in one step: where a loop would end cannot be foretold.
        let wanted = organization.wrapping_sub(self.place);
        let found = match u16::try_from(wanted) {
            Ok(wanted) => u16x16::new(self.words).simd_eq(u16x16::splat(wanted)).to_bitmask().trailing_zeros(),
            Err(_) => u32::MAX,
        };
        let (held, bare) = (u32::from(self.held), u32::from(self.bare));
        if found < held {
            let holdings = held.wrapping_add(bare).wrapping_add(u32::from(self.groups));
            let word = usize::try_from(holdings.wrapping_add(found)).ok();
            return word.and_then(|word| self.words.get(word)).map(|half| Holding::from_half(*half));
        }
        let bare = found < held.wrapping_add(bare) || (organization == 0 && self.is(FIRST));
        bare.then_some(Holding::NOTHING)
    }

    /// The groups of a row that is near.
    #[inline(always)]
    pub(super) fn groups(&self) -> impl Iterator<Item = u32> {
        let start = usize::from(self.held).wrapping_add(usize::from(self.bare));
        let groups = self.words.get(start..start.wrapping_add(usize::from(self.groups))).unwrap_or_default();
        groups.iter().map(|word| self.group.wrapping_add(u32::from(*word)))
    }

    #[inline]
    const fn is(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    const fn mark(&mut self, mark: u8, on: bool) {
        if on {
            self.marks |= mark;
        } else {
            self.marks &= !mark;
        }
    }

    pub(super) const fn set_known(&mut self, known: bool) {
        self.mark(KNOWN, known);
    }

    pub(super) const fn set_engineer(&mut self, engineer: bool) {
        self.mark(ENGINEER, engineer);
    }

    pub(super) fn set_membership(&mut self, lists: &mut Lists, organization: u32, holding: Option<Holding>) {
        let mut edges = self.standing(lists).edges();
        let bare = holding == Some(Holding::NOTHING);
        put(&mut edges.bare, organization, bare.then_some(organization), |place| *place);
        let held = holding.filter(|_| !bare).map(|holding| (organization, holding));
        put(&mut edges.held, organization, held, |(place, _)| *place);
        self.set_edges(lists, &edges);
    }

    pub(super) fn set_group(&mut self, lists: &mut Lists, group: u32, is_in: bool) {
        let mut edges = self.standing(lists).edges();
        put(&mut edges.groups, group, is_in.then_some(group), |group| *group);
        self.among = edges.marks();
        self.set_edges(lists, &edges);
    }

    /// Says all edges at once, which are sorted; there were none before.
    pub(super) fn set_all(&mut self, lists: &mut Lists, all: &[Edge]) {
        let mut edges = Edges::default();
        for edge in all {
            match *edge {
                Edge::Held(place, Holding::NOTHING) => edges.bare.push(place),
                Edge::Held(place, holding) => edges.held.push((place, holding)),
                Edge::In(group) => edges.groups.push(group),
            }
        }
        self.among = edges.marks();
        self.set_edges(lists, &edges);
    }

    fn set_edges(&mut self, lists: &mut Lists, edges: &Edges) {
        if self.is(FAR) {
            lists.set(self.place, edges.far());
        } else if let Some(near) = self.with_near(edges) {
            *self = near;
        } else {
            self.place = lists.push(edges.far());
            self.mark(FAR, true);
        }
    }

    /// None if these are too many for a row, or too far apart.
    fn with_near(&self, edges: &Edges) -> Option<Self> {
        let (first, bare) = match edges.bare.as_slice() {
            [0, rest @ ..] => (true, rest),
            all => (false, all),
        };
        let lowest = edges.held.iter().map(|(place, _)| *place).chain(bare.iter().copied()).min();
        let (place, group) = (lowest.unwrap_or_default(), edges.groups.first().copied().unwrap_or_default());
        let places = edges.held.iter().map(|(place, _)| place).chain(bare).map(|at| at.wrapping_sub(place));
        let groups = edges.groups.iter().map(|at| at.wrapping_sub(group));
        let mut words = [0; NEAR];
        let mut free = words.iter_mut();
        for word in places.chain(groups).map(|word| u16::try_from(word).ok()) {
            *free.next()? = word?;
        }
        for (_, holding) in &edges.held {
            *free.next()? = holding.to_half()?;
        }
        let count = |len: usize| u8::try_from(len).ok();
        let (held, bare, groups) = (count(edges.held.len())?, count(bare.len())?, count(edges.groups.len())?);
        let mut row = Self { held, bare, groups, place, group, words, ..*self };
        row.mark(FIRST, first);
        Some(row)
    }
}

impl<'a> Standing<'a> {
    pub(crate) fn id(&self) -> Uuid {
        self.row.key.into()
    }

    /// Whether they are known to the tree and not erased.
    #[inline]
    pub(crate) const fn is_known(&self) -> bool {
        self.row.is(KNOWN)
    }

    /// Whether they are an engineer with support access to some organization.
    #[inline]
    pub(crate) const fn is_engineer(&self) -> bool {
        self.row.is(ENGINEER)
    }

    fn far(&self) -> Option<&'a [u32]> {
        if self.row.is(FAR) { self.lists.get(self.row.place) } else { None }
    }

    /// What they hold in an organization, if they are a member there.
    pub(crate) fn holding(&self, organization: u32) -> Option<Holding> {
        match self.far() {
            Some(far) => held_far(far, organization),
            None => self.row.holding(organization),
        }
    }

    /// The groups that they are in.
    pub(crate) fn groups(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (far, near) = match self.far() {
            Some(far) => (parts(far).2, None),
            None => (&[][..], Some(self.row.groups())),
        };
        far.iter().copied().chain(near.into_iter().flatten())
    }

    /// Where they are a member, and what they hold there.
    pub(crate) fn memberships(&self) -> impl Iterator<Item = (u32, Holding)> {
        let edges = self.edges();
        edges.held.into_iter().chain(edges.bare.into_iter().map(|place| (place, Holding::NOTHING)))
    }

    fn edges(&self) -> Edges {
        let row = self.row;
        let (held, bare) = match self.far() {
            Some(far) => {
                let (held, bare, _) = parts(far);
                (held.iter().map(|[at, word]| (*at, Holding::from_word(*word))).collect(), SmallVec::from_slice(bare))
            }
            None => {
                let (held, rest) = row.words.split_at_checked(usize::from(row.held)).unwrap_or_default();
                let (bare, rest) = rest.split_at_checked(usize::from(row.bare)).unwrap_or_default();
                let holdings = rest.iter().skip(usize::from(row.groups)).map(|half| Holding::from_half(*half));
                let place = |word: &u16| row.place.wrapping_add(u32::from(*word));
                let first = row.is(FIRST).then_some(0);
                (
                    held.iter().map(place).zip(holdings).collect(),
                    first.into_iter().chain(bare.iter().map(place)).collect(),
                )
            }
        };
        Edges { held, bare, groups: self.groups().collect() }
    }
}

/// The parts of a list: pairs of an organization and what is held there, the organizations
/// where nothing is, and the groups.
fn parts(far: &[u32]) -> (&Pairs<u32>, &[u32], &[u32]) {
    let [held, bare, rest @ ..] = far else { return Default::default() };
    let (held, rest) = pairs_of(rest, *held);
    let (bare, groups) = rest.split_at_checked(usize::try_from(*bare).unwrap_or(usize::MAX)).unwrap_or((rest, &[]));
    (held, bare, groups)
}

fn held_far(far: &[u32], organization: u32) -> Option<Holding> {
    let (held, bare, _) = parts(far);
    let held = second(held, organization).map(Holding::from_word);
    held.or_else(|| has(bare, organization).then_some(Holding::NOTHING))
}

/// What leads from a principal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Edge {
    /// To an organization that they are a member of, and what they hold there.
    Held(u32, Holding),
    /// To a group that they are in.
    In(u32),
}

/// What a row says, to be changed; each part is sorted.
#[derive(Default)]
struct Edges {
    held: SmallVec<[(u32, Holding); 8]>,
    bare: SmallVec<[u32; 8]>,
    groups: SmallVec<[u32; 8]>,
}

impl Edges {
    fn marks(&self) -> u32 {
        self.groups.iter().fold(0, |marks, group| marks | mark_of(*group))
    }

    fn far(&self) -> Arc<[u32]> {
        let counts = [count_of(&self.held), count_of(&self.bare)];
        let held = self.held.iter().flat_map(|(place, holding)| [*place, holding.word()]);
        counts.into_iter().chain(held).chain(self.bare.iter().copied()).chain(self.groups.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Against a map and a set: few or many, close together or far apart.
    #[test]
    fn it_holds_what_a_map_holds() {
        let (mut near, mut far, mut draw, mut lists) = (0, 0, 7_u32, Lists::default());
        for (few, apart) in [(5, 3), (30, 3), (5, 70_000), (5, 20_000)].repeat(20) {
            let (mut row, mut places, mut groups) = (PrincipalRow::default(), BTreeMap::new(), BTreeSet::new());
            for _ in 0..200 {
                draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let number = (draw >> 8) % few * apart;
                match (draw >> 20) % 8 {
                    what @ 0..3 => {
                        let holding = Holding::new((what > 0).then_some(number % 17_000), what == 1);
                        places.insert(number, holding);
                        row.set_membership(&mut lists, number, Some(holding));
                    }
                    3 | 4 => {
                        places.remove(&number);
                        row.set_membership(&mut lists, number, None);
                    }
                    5 | 6 => {
                        groups.insert(number);
                        row.set_group(&mut lists, number, true);
                    }
                    _ => {
                        groups.remove(&number);
                        row.set_group(&mut lists, number, false);
                    }
                }
                let count = if row.is(FAR) { &mut far } else { &mut near };
                *count += 1;
                assert_eq!(row.among, groups.iter().fold(0, |marks, group| marks | mark_of(*group)));
                let standing = row.standing(&lists);
                assert_eq!(standing.memberships().collect::<BTreeMap<_, _>>(), places);
                assert!(standing.groups().eq(groups.iter().copied()));
                for place in (0..30).map(|number| number * apart).chain([1, 65_536, u32::MAX]) {
                    assert_eq!(standing.holding(place), places.get(&place).copied(), "at {place}");
                }
            }
        }
        assert!(near > 1_000 && far > 1_000, "both forms are seen: {near} and {far}");
        assert_eq!(size_of::<PrincipalRow>(), 64);
    }
}
