//! What the rows of the dense index are made of, and those of groups, roles and what is above.

use std::sync::Arc;

use smallvec::{Array, SmallVec};
use uuid::Uuid;

use super::paged::Paged;
use super::words::Words;
use crate::access::set::ClaimSet;

/// No number.
pub(crate) const NONE: u32 = u32::MAX;

/// How a principal holds something directly: a set of privileges, unless it must be asked of
/// the member because a grant of theirs has a start or an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holding(u32);

impl Holding {
    const SUSPENDED: u32 = 1 << 31;
    const TIMED: u32 = 1 << 30;
    /// The empty set, which is always the first.
    pub(super) const NOTHING: Self = Self(0);
    /// How far the marks are from those of half a word.
    const HALF: u32 = 16;

    /// Of a set; its number is far below the marks.
    pub(crate) const fn new(set: Option<u32>, suspended: bool) -> Self {
        let how = match set {
            Some(set) => set,
            None => Self::TIMED,
        };
        Self(if suspended { how | Self::SUSPENDED } else { how })
    }

    pub(crate) const fn is_suspended(self) -> bool {
        self.0 & Self::SUSPENDED != 0
    }

    /// The set; none where the member must be asked.
    pub(crate) const fn set(self) -> Option<u32> {
        if self.0 & Self::TIMED == 0 { Some(self.0 & !Self::SUSPENDED) } else { None }
    }

    pub(super) const fn word(self) -> u32 {
        self.0
    }

    pub(super) const fn from_word(word: u32) -> Self {
        Self(word)
    }

    /// In half a word, if the number of the set is small enough for it.
    pub(super) fn to_half(self) -> Option<u16> {
        let marks = Self::SUSPENDED | Self::TIMED;
        let set = self.0 & !marks;
        let half = set | (self.0 & marks) >> Self::HALF;
        u16::try_from(half).ok().filter(|_| set < Self::TIMED >> Self::HALF)
    }

    #[inline]
    pub(super) fn from_half(half: u16) -> Self {
        let (half, marks) = (u32::from(half), (Self::SUSPENDED | Self::TIMED) >> Self::HALF);
        Self(half & !marks | (half & marks) << Self::HALF)
    }
}

/// How a group is active in an organization by a link to it, or below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a link that has an end, exclusions or the like: the link must be asked.
    Ask,
    /// By a link that inherits, without Owner.
    Inherit,
    /// By a link that inherits, Owner included.
    MakesOwners,
    /// By a link that gives only this set of what the group gives.
    Narrowed(u32),
}

/// A way, and whether it reaches the children alone; packed into a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bond {
    pub(crate) way: Way,
    pub(crate) children_only: bool,
}

impl Bond {
    const CHILDREN_ONLY: u32 = 1 << 31;
    const KINDS: u32 = 3;

    pub(super) const fn pack(self) -> u32 {
        let way = match self.way {
            Way::Ask => 0,
            Way::Inherit => 1,
            Way::MakesOwners => 2,
            Way::Narrowed(set) => set.saturating_add(Self::KINDS),
        };
        if self.children_only { way | Self::CHILDREN_ONLY } else { way }
    }

    #[inline]
    pub(super) const fn unpack(word: u32) -> Self {
        let way = match word & !Self::CHILDREN_ONLY {
            0 => Way::Ask,
            1 => Way::Inherit,
            2 => Way::MakesOwners,
            set => Way::Narrowed(set.saturating_sub(Self::KINDS)),
        };
        Self { way, children_only: word & Self::CHILDREN_ONLY != 0 }
    }
}

/// Pairs sorted by their first half.
pub(super) type Pairs<W> = [[W; 2]];

/// So many pairs at the beginning of a list, and the rest of it.
pub(super) fn pairs_of(words: &[u32], pairs: u32) -> (&Pairs<u32>, &[u32]) {
    let pairs = usize::try_from(pairs).unwrap_or(usize::MAX).saturating_mul(2);
    let (pairs, rest) = words.split_at_checked(pairs).unwrap_or((words, &[]));
    (pairs.as_chunks::<2>().0, rest)
}

/// How long a list is, as a word of it.
pub(super) fn count_of<T>(list: &[T]) -> u32 {
    next(list.len())
}

/// The number of something that comes after so many others.
pub(crate) fn next(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The lists of rows that have more than fits into them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists(Paged<Arc<[u32]>>);

impl Lists {
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&[u32]> {
        self.0.get(number).map(|list| &**list)
    }

    /// Adds a list, and answers its number.
    pub(super) fn push(&mut self, list: Arc<[u32]>) -> u32 {
        self.0.push(list)
    }

    /// Puts a list in the place of the one of this number.
    pub(super) fn set(&mut self, number: u32, list: Arc<[u32]>) {
        if let Some(place) = self.0.get_mut(number) {
            *place = list;
        }
    }

    /// How many bytes all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|list| size_of_val(&**list)).fold(self.0.bytes(), usize::saturating_add)
    }
}

/// The mark of a group, of 32 that all share: without a mark in common, no group is in common.
#[inline]
pub(super) const fn mark_of(group: u32) -> u32 {
    1 << (group % u32::BITS)
}

#[inline]
pub(super) fn has(sorted: &[u32], word: u32) -> bool {
    if sorted.len() > 16 { sorted.binary_search(&word).is_ok() } else { sorted.contains(&word) }
}

/// The second half of the pair with this first half.
#[inline]
pub(super) fn second<W: Copy + Ord>(pairs: &Pairs<W>, first: W) -> Option<W> {
    if pairs.len() > 8 {
        let found = pairs.binary_search_by_key(&first, |[key, _]| *key).ok()?;
        return pairs.get(found).map(|[_, second]| *second);
    }
    pairs.iter().find(|[key, _]| *key == first).map(|[_, second]| *second)
}

/// Puts an item of this key into a sorted list in place of the one that is there; takes that
/// out if there is no new one. Whether there was one.
pub(super) fn put<A, T>(list: &mut SmallVec<A>, key: u32, new: Option<T>, key_of: impl Fn(&T) -> u32) -> bool
where
    A: Array<Item = T>,
{
    let found = list.binary_search_by_key(&key, key_of);
    let (Ok(place) | Err(place)) = found;
    match (found.is_ok(), new) {
        (true, Some(new)) => drop(list.get_mut(place).map(|old| *old = new)),
        (false, Some(new)) => list.insert(place, new),
        (true, None) => drop(list.remove(place)),
        (false, None) => {}
    }
    found.is_ok()
}

/// What an organization is to those below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct AboveRow {
    pub(crate) id: Uuid,
    /// Whether it was itself deactivated.
    pub(crate) inactive: bool,
    /// Pairs of a group and how a link to here reaches further down, sorted.
    reaching: Words<1>,
}

impl AboveRow {
    pub(crate) fn of(id: Uuid) -> Self {
        Self { id, ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.reaching.bytes()
    }

    #[inline]
    fn pairs(&self) -> &Pairs<u32> {
        self.reaching.as_slice().as_chunks::<2>().0
    }

    /// How a link of a group to here reaches further down.
    #[inline]
    pub(crate) fn reaching(&self, group: u32) -> Option<Bond> {
        second(self.pairs(), group).map(Bond::unpack)
    }

    /// Whether one was there before.
    pub(crate) fn set_reaching(&mut self, group: u32, bond: Option<Bond>) -> bool {
        let mut bonds: SmallVec<[(u32, Bond); 4]> = self.bonds().collect();
        let before = put(&mut bonds, group, bond.map(|bond| (group, bond)), |(group, _)| *group);
        self.reaching = bonds.iter().flat_map(|(group, bond)| [*group, bond.pack()]).collect();
        before
    }

    /// The groups whose links to here reach further down, with how.
    pub(crate) fn bonds(&self) -> impl Iterator<Item = (u32, Bond)> + '_ {
        self.pairs().iter().map(|[group, word]| (*group, Bond::unpack(*word)))
    }
}

/// A group: where it lives, and what it gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupRow {
    /// Where it lives; none if it is not there.
    pub(crate) home: u32,
    /// What it gives at home.
    pub(crate) gives: u32,
    /// What it gives below, where a link makes no owners (GRP-2).
    pub(crate) passes: u32,
    /// The list of the groups that hold it, once there was one.
    outer: u32,
    /// The first words of what it gives at home, lest the set be looked for.
    pub(super) given: [u64; GroupRow::GIVEN],
}

impl Default for GroupRow {
    fn default() -> Self {
        Self { home: NONE, gives: 0, passes: 0, outer: NONE, given: [0; Self::GIVEN] }
    }
}

impl GroupRow {
    /// How many words of what it gives are in the row: of 126 claims.
    const GIVEN: usize = 2;

    /// Whether what it gives at home has this bit of this word; none if the word is not here.
    #[inline]
    pub(super) fn has(&self, (word, bit): (u32, u64)) -> Option<bool> {
        let word = usize::try_from(word).ok().and_then(|word| self.given.get(word));
        word.map(|word| word & bit != 0)
    }

    /// The groups that hold it.
    pub(crate) fn outer<'a>(&self, lists: &'a Lists) -> &'a [u32] {
        lists.get(self.outer).unwrap_or_default()
    }

    /// Whether anything changed.
    pub(super) fn set_outer(&mut self, lists: &mut Lists, outer: u32, is_in: bool) -> bool {
        let mut all: SmallVec<[u32; 4]> = SmallVec::from_slice(self.outer(lists));
        let before = put(&mut all, outer, is_in.then_some(outer), |outer| *outer);
        if self.outer == NONE {
            self.outer = lists.push(all.as_slice().into());
        } else {
            lists.set(self.outer, all.as_slice().into());
        }
        before != is_in
    }
}

/// A defined role: where it lives, and which claims it carries.
#[derive(Clone, Debug)]
pub(crate) struct RoleRow {
    /// Where it lives; none if it is not there.
    pub(crate) home: u32,
    pub(crate) claims: ClaimSet,
}

impl Default for RoleRow {
    fn default() -> Self {
        Self { home: NONE, claims: ClaimSet::new() }
    }
}
