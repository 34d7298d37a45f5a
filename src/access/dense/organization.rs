//! An organization's row: what is above it, and which groups are active there.

use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;
use wide::u16x8;

use super::row::{Bond, Lists, NONE, Pairs, Way, count_of, mark_of, put, second};
use super::trie::{Key, Row};

/// How many ancestors fit into a row, and how many groups; with them it fills one cache line.
const ANCESTORS: usize = 3;
const GROUPS: usize = 8;

/// An organization. What concerns it lies in the row itself while it is little, and while the
/// numbers of its groups lie close together; else in a list elsewhere. A row that once needed a
/// list keeps it.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct OrganizationRow {
    key: Key,
    /// The number that stands for it in other rows; none before it has one.
    pub(crate) number: u32,
    /// What is added to each group; the number of the list, if all is there: how many ancestors
    /// there are, the ancestors, then pairs of a group and how it is active.
    group: u32,
    /// The [marks](mark_of) of the groups that live there or are linked, and of some that did or
    /// were once: those cost a look, and give nothing.
    pub(super) among: u32,
    marks: u8,
    ancestors: u8,
    active: u8,
    /// From the root down.
    above: [u32; ANCESTORS],
    /// How each group is active, in four bits.
    ways: u32,
    /// The groups that are linked, sorted.
    groups: [u16; GROUPS],
}

/// It is there: neither removed nor departed.
const THERE: u8 = 1;
/// All is in the list.
const FAR: u8 = 2;

/// How many bits of a word say how a group is active.
const WAY: u32 = 4;

impl Default for OrganizationRow {
    fn default() -> Self {
        Self {
            key: Key::default(),
            number: NONE,
            group: 0,
            among: 0,
            marks: 0,
            ancestors: 0,
            active: 0,
            above: [0; ANCESTORS],
            ways: 0,
            groups: [0; GROUPS],
        }
    }
}

impl Row for OrganizationRow {
    #[inline]
    fn key(&self) -> Key {
        self.key
    }
    fn of(key: Key) -> Self {
        Self { key, ..Self::default() }
    }
}

/// An organization's row, with the lists of which one may be its own.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) row: &'a OrganizationRow,
    lists: &'a Lists,
}

impl OrganizationRow {
    #[inline]
    pub(super) const fn place<'a>(&'a self, lists: &'a Lists) -> Place<'a> {
        Place { row: self, lists }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.key.into()
    }

    /// Whether all that counts is in the row, of one that is there.
    #[inline]
    pub(super) const fn is_plain(&self) -> bool {
        self.marks & (THERE | FAR) == THERE
    }

    const fn is(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    /// Whether it is there: neither removed nor departed.
    pub(crate) const fn is_there(&self) -> bool {
        self.is(THERE)
    }

    pub(super) const fn set_there(&mut self, there: bool) {
        self.marks = if there { self.marks | THERE } else { self.marks & !THERE };
    }

    /// Whether a group may live there or be linked; if not, it is neither.
    #[inline]
    pub(super) const fn may_have(&self, group: u32) -> bool {
        self.among & mark_of(group) != 0
    }

    /// What a row that is near has above it, from the root down.
    #[inline]
    fn ancestors(&self) -> &[u32] {
        self.above.get(..usize::from(self.ancestors)).unwrap_or_default()
    }

    /// Whether an organization is above it, as a row that is near has it.
    #[inline]
    pub(super) fn is_below(&self, organization: u32) -> bool {
        self.ancestors().contains(&organization)
    }

    /// How a group is active by a link, as a row that is near has it.
    #[inline(always)]
    pub(super) fn active(&self, group: u32) -> Option<Way> {
        let wanted = u16::try_from(group.wrapping_sub(self.group)).ok()?;
        let found = u16x8::new(self.groups).simd_eq(u16x8::splat(wanted)).to_bitmask().trailing_zeros();
        (found < u32::from(self.active)).then(|| self.way(found))
    }

    const fn way(&self, place: u32) -> Way {
        Bond::unpack(self.ways.wrapping_shr(place.wrapping_mul(WAY)) % (1 << WAY)).way
    }

    pub(super) fn set_ancestors(&mut self, lists: &mut Lists, ancestors: &[u32]) {
        let active = self.place(lists).bonds();
        self.set_edges(lists, &Edges { ancestors: SmallVec::from_slice(ancestors), active });
    }

    /// Says that a group lives there.
    pub(super) const fn set_home(&mut self, group: u32) {
        self.among |= mark_of(group);
    }

    pub(super) fn set_active(&mut self, lists: &mut Lists, group: u32, way: Option<Way>) {
        let place = self.place(lists);
        let mut edges = Edges { ancestors: SmallVec::from_slice(place.ancestors()), active: place.bonds() };
        let bond = way.map(|way| (group, Bond { way, children_only: false }));
        put(&mut edges.active, group, bond, |(group, _)| *group);
        self.among |= mark_of(group);
        self.set_edges(lists, &edges);
    }

    /// Says at once what is above it, from the root down, and how all groups that are linked are
    /// active, sorted; there was neither before.
    pub(super) fn set_all(&mut self, lists: &mut Lists, above: &[u32], active: impl Iterator<Item = (u32, Way)>) {
        let active: SmallVec<_> = active.map(|(group, way)| (group, Bond { way, children_only: false })).collect();
        self.among = active.iter().fold(self.among, |among, (group, _)| among | mark_of(*group));
        self.set_edges(lists, &Edges { ancestors: SmallVec::from_slice(above), active });
    }

    fn set_edges(&mut self, lists: &mut Lists, edges: &Edges) {
        if self.is(FAR) {
            lists.set(self.group, edges.far());
        } else if let Some(near) = self.with_near(edges) {
            *self = near;
        } else {
            self.group = lists.push(edges.far());
            self.marks |= FAR;
        }
    }

    /// None if these are too many for a row, or too far apart.
    fn with_near(&self, edges: &Edges) -> Option<Self> {
        let group = edges.active.first().map(|(group, _)| *group).unwrap_or_default();
        let (mut above, mut groups, mut ways) = ([0; ANCESTORS], [0; GROUPS], 0);
        above.get_mut(..edges.ancestors.len())?.copy_from_slice(&edges.ancestors);
        let mut free = groups.iter_mut().zip((0..).step_by(4));
        for (at, bond) in &edges.active {
            let (word, shift) = free.next()?;
            *word = u16::try_from(at.wrapping_sub(group)).ok()?;
            let way = Some(bond.pack()).filter(|way| *way < 1 << WAY)?;
            ways |= way << shift;
        }
        let count = |len: usize| u8::try_from(len).ok();
        let (ancestors, active) = (count(edges.ancestors.len())?, count(edges.active.len())?);
        Some(Self { group, ancestors, active, above, ways, groups, ..*self })
    }
}

impl<'a> Place<'a> {
    #[inline]
    pub(crate) const fn number(&self) -> u32 {
        self.row.number
    }

    /// The list of a row that is far: ancestors, and pairs of a group and how it is active.
    fn far(&self) -> Option<(&'a [u32], &'a Pairs<u32>)> {
        let list = if self.row.is(FAR) { self.lists.get(self.row.group) } else { None };
        let [count, rest @ ..] = list? else { return None };
        let count = usize::try_from(*count).unwrap_or(usize::MAX);
        let (ancestors, rest) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        Some((ancestors, rest.as_chunks::<2>().0))
    }

    /// From the root down.
    pub(crate) fn ancestors(&self) -> &'a [u32] {
        match self.far() {
            Some((ancestors, _)) => ancestors,
            None => self.row.ancestors(),
        }
    }

    /// Whether a group may live there or be linked; if not, it is neither.
    pub(crate) const fn may_have(&self, group: u32) -> bool {
        self.row.may_have(group)
    }

    /// How a group is active there by a link to it.
    pub(crate) fn active(&self, group: u32) -> Option<Way> {
        match self.far() {
            Some((_, bonds)) => second(bonds, group).map(|bond| Bond::unpack(bond).way),
            None => self.row.active(group),
        }
    }

    /// The groups that are linked there, with how; sorted.
    pub(crate) fn bonds(&self) -> SmallVec<[(u32, Bond); 8]> {
        if let Some((_, far)) = self.far() {
            return far.iter().map(|[group, bond]| (*group, Bond::unpack(*bond))).collect();
        }
        let row = self.row;
        let groups = row.groups.iter().zip(0..).take(usize::from(row.active));
        let bond = |way: Way| Bond { way, children_only: false };
        groups.map(|(group, place)| (row.group.wrapping_add(u32::from(*group)), bond(row.way(place)))).collect()
    }
}

/// What a row says, to be changed.
struct Edges {
    ancestors: SmallVec<[u32; 8]>,
    active: SmallVec<[(u32, Bond); 8]>,
}

impl Edges {
    fn far(&self) -> Arc<[u32]> {
        let active = self.active.iter().flat_map(|(group, bond)| [*group, bond.pack()]);
        std::iter::once(count_of(&self.ancestors)).chain(self.ancestors.iter().copied()).chain(active).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Against a map: few or many, close together or far apart, under few or many.
    #[test]
    fn it_holds_what_a_map_holds() {
        let (mut near, mut far, mut draw, mut lists) = (0, 0, 7_u32, Lists::default());
        for (few, apart, depth) in [(4, 3, 2), (12, 3, 2), (4, 70_000, 1), (4, 20_000, 3), (2, 1, 9)].repeat(20) {
            let (mut row, mut active, mut above) = (OrganizationRow::default(), BTreeMap::new(), Vec::new());
            for _ in 0..200 {
                draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let group = (draw >> 8) % few * apart;
                let way = match (draw >> 20) % 8 {
                    0 => Some(Way::MakesOwners),
                    1 => Some(Way::Ask),
                    2 => Some(Way::Narrowed(group % 70)),
                    3 => Some(Way::Narrowed(65_536)).filter(|_| draw >> 29 == 0),
                    4 | 5 => Some(Way::Inherit),
                    _ => None,
                };
                if draw >> 30 == 0 {
                    above = (0..(draw >> 10) % (depth + 1)).map(|number| number * 70_000).collect();
                    row.set_ancestors(&mut lists, &above);
                }
                row.set_active(&mut lists, group, way);
                match way {
                    Some(way) => active.insert(group, way),
                    None => active.remove(&group),
                };
                let count = if row.is(FAR) { &mut far } else { &mut near };
                *count += 1;
                let place = row.place(&lists);
                assert_eq!(place.ancestors(), above);
                assert!(place.bonds().into_iter().map(|(group, bond)| (group, bond.way)).eq(active.clone()));
                assert!(active.keys().all(|group| place.may_have(*group)));
                for group in (0..12).map(|number| number * apart).chain([1, 65_536, u32::MAX]) {
                    assert_eq!(place.active(group), active.get(&group).copied(), "of {group}");
                }
            }
        }
        assert!(near > 1_000 && far > 1_000, "both forms are seen: {near} and {far}");
        assert_eq!(size_of::<OrganizationRow>(), 64);
    }
}
