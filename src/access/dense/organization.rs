//! An organization's row: what is above it, and which groups are active there.

use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;

use super::row::{Bond, Lists, NONE, Pairs, Way, count_of, put, second};
use super::trie::Row;

/// How many words fit into a row; with them it fills one cache line.
const NEAR: usize = 8;

/// An organization. What concerns it lies in the row itself while it is little, and while the
/// numbers of its groups lie close together; else in a list elsewhere.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct OrganizationRow {
    id: Uuid,
    /// The number that stands for it in other rows; none before it has one.
    pub(crate) number: u32,
    /// What is added to each group.
    group: u32,
    /// The list of this row, once it needed one: how many ancestors there are, the ancestors,
    /// then pairs of a group and how it is active.
    list: u32,
    is_far: bool,
    /// Whether it is there: neither removed nor departed.
    pub(crate) there: bool,
    ancestors: u8,
    active: u8,
    /// The ancestors from the root down; then groups with how each is active, in the upper and
    /// the lower half of a word.
    words: [u32; NEAR],
}

const HALF: u32 = 16;

impl Default for OrganizationRow {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            number: NONE,
            group: 0,
            list: NONE,
            is_far: false,
            there: false,
            ancestors: 0,
            active: 0,
            words: [0; NEAR],
        }
    }
}

impl Row for OrganizationRow {
    #[inline]
    fn id(&self) -> Uuid {
        self.id
    }
    fn of(id: Uuid) -> Self {
        Self { id, ..Self::default() }
    }
}

/// An organization's row, with its list if that counts.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) row: &'a OrganizationRow,
    /// From the root down.
    pub(crate) ancestors: &'a [u32],
    far: Option<&'a Pairs<u32>>,
}

impl OrganizationRow {
    #[inline]
    pub(super) fn place<'a>(&'a self, lists: &'a Lists) -> Place<'a> {
        if self.is_far
            && let Some([count, rest @ ..]) = lists.get(self.list)
        {
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            let (ancestors, rest) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            return Place { row: self, ancestors, far: Some(rest.as_chunks::<2>().0) };
        }
        let ancestors = self.words.get(..usize::from(self.ancestors)).unwrap_or_default();
        Place { row: self, ancestors, far: None }
    }

    /// How a group is active, as a row that is near has it.
    #[inline]
    fn active(&self, group: u32) -> Option<Way> {
        let start = usize::from(self.ancestors);
        let words = self.words.get(start..start.wrapping_add(usize::from(self.active)))?;
        let wanted = group.wrapping_sub(self.group);
        let word = words.iter().find(|word| **word >> HALF == wanted)?;
        Some(Bond::unpack(word & u32::from(u16::MAX)).way)
    }

    pub(super) fn set_ancestors(&mut self, lists: &mut Lists, ancestors: &[u32]) {
        let active = self.place(lists).bonds();
        self.set_edges(lists, &Edges { ancestors: SmallVec::from_slice(ancestors), active });
    }

    pub(super) fn set_active(&mut self, lists: &mut Lists, group: u32, way: Option<Way>) {
        let place = self.place(lists);
        let mut edges = Edges { ancestors: SmallVec::from_slice(place.ancestors), active: place.bonds() };
        let bond = way.map(|way| (group, Bond { way, children_only: false }));
        put(&mut edges.active, group, bond, |(group, _)| *group);
        self.set_edges(lists, &edges);
    }

    fn set_edges(&mut self, lists: &mut Lists, edges: &Edges) {
        let near = self.with_near(edges);
        lists.set(&mut self.list, near.is_none().then(|| edges.far()));
        *self = Self { list: self.list, is_far: near.is_none(), ..near.unwrap_or(*self) };
    }

    /// None if these are too many for a row, or too far apart.
    fn with_near(&self, edges: &Edges) -> Option<Self> {
        let group = edges.active.first().map(|(group, _)| *group).unwrap_or_default();
        let mut words = [0; NEAR];
        let mut free = words.iter_mut();
        for ancestor in &edges.ancestors {
            *free.next()? = *ancestor;
        }
        for (at, bond) in &edges.active {
            let (at, bond) = (u16::try_from(at.wrapping_sub(group)).ok()?, u16::try_from(bond.pack()).ok()?);
            *free.next()? = u32::from(at) << HALF | u32::from(bond);
        }
        let count = |len: usize| u8::try_from(len).ok();
        let (ancestors, active) = (count(edges.ancestors.len())?, count(edges.active.len())?);
        Some(Self { group, ancestors, active, words, ..*self })
    }
}

impl Place<'_> {
    #[inline]
    pub(crate) const fn number(&self) -> u32 {
        self.row.number
    }

    /// How a group is active there, its own links alone.
    #[inline]
    pub(crate) fn active(&self, group: u32) -> Option<Way> {
        if let Some(far) = self.far {
            return second(far, group).map(|bond| Bond::unpack(bond).way);
        }
        self.row.active(group)
    }

    /// The groups that are active there, with how; sorted.
    pub(crate) fn bonds(&self) -> SmallVec<[(u32, Bond); 8]> {
        match self.far {
            Some(far) => far.iter().map(|[group, bond]| (*group, Bond::unpack(*bond))).collect(),
            None => {
                let row = self.row;
                let active = row.words.iter().skip(usize::from(row.ancestors)).take(usize::from(row.active));
                let bond = |word: u32| Bond::unpack(word & u32::from(u16::MAX));
                active.map(|word| (row.group.wrapping_add(word >> HALF), bond(*word))).collect()
            }
        }
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
                    0 => Some(Way::Home),
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
                let count = if row.is_far { &mut far } else { &mut near };
                *count += 1;
                let place = row.place(&lists);
                assert_eq!(place.ancestors, above);
                assert!(place.bonds().into_iter().map(|(group, bond)| (group, bond.way)).eq(active.clone()));
                for group in (0..12).map(|number| number * apart).chain([1, 65_536, u32::MAX]) {
                    assert_eq!(place.active(group), active.get(&group).copied(), "of {group}");
                }
            }
        }
        assert!(near > 1_000 && far > 1_000, "both forms are seen: {near} and {far}");
        assert_eq!(size_of::<OrganizationRow>(), 64);
    }
}
