//! Rows by identifier: a hash table in pieces, each cloned in no time and copied alone when it
//! is changed, so that no single write has to move much.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use uuid::Uuid;

use super::branch::Branch;
use super::buckets::Buckets;
use super::paged::Paged;
use super::row::next;

/// An identifier in two words, as it is hashed and compared.
#[derive(Clone, Copy, Debug, Default, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64, u64);

impl PartialEq for Key {
    /// In one step: most are compared with what they are equal to.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        (self.0 ^ other.0) | (self.1 ^ other.1) == 0
    }
}

impl Key {
    /// The hash of the identifier. It is the same in every process, so that a replay is a replay.
    #[inline]
    pub(crate) fn hash(self) -> u64 {
        FixedState::with_seed(0x6261_696c_6977_6963).hash_one(u128::from(self.0) << 64 | u128::from(self.1))
    }

    #[inline]
    const fn is_nil(self) -> bool {
        self.0 | self.1 == 0
    }
}

impl From<Uuid> for Key {
    #[inline]
    fn from(id: Uuid) -> Self {
        let (high, low) = id.as_u64_pair();
        Self(high, low)
    }
}

impl From<Key> for Uuid {
    fn from(Key(high, low): Key) -> Self {
        Self::from_u64_pair(high, low)
    }
}

/// A row that knows whose it is.
pub(crate) trait Row: Clone + Default {
    /// Whose row it is; nil for one that is not in use.
    fn key(&self) -> Key;

    /// An empty row of this one.
    fn of(key: Key) -> Self;
}

/// Rows, found by their identifier and never removed.
#[derive(Clone, Debug)]
pub(crate) struct Trie<R> {
    root: Node<R>,
}

/// A table that is probed in order, or 128 of them chosen by seven bits of the hash.
#[derive(Clone, Debug)]
pub(super) enum Node<R> {
    Table(Arc<[R]>),
    /// None, in a branch, for what is as it was before.
    Branch(Option<Arc<Branch<R>>>),
}

/// How many bytes a table has at most: one of more is split, so that a write copies no more.
const TABLE: usize = 1 << 14;
const BITS: u32 = 7;
pub(super) const CHILDREN: usize = 1 << BITS;
/// Where the bits of a hash that choose a branch end; the others choose a place in a table.
const DEEPEST: u32 = 21;

/// A place among the children of a branch.
#[inline]
fn child(bits: u64) -> usize {
    usize::try_from(bits & u64::from(u32::MAX)).unwrap_or_default() % CHILDREN
}

/// Where a row is, if it is there: in this table, from this place on.
#[derive(Clone, Copy)]
pub(crate) struct Probe<'a, R> {
    rows: &'a [R],
    place: usize,
}

impl<'a, R: Row> Probe<'a, R> {
    #[inline]
    fn new(rows: &'a [R], hash: u64) -> Self {
        let mask = rows.len().wrapping_sub(1);
        Self { rows, place: usize::try_from(hash >> 32).unwrap_or_default() & mask }
    }

    /// The row at the place.
    #[inline]
    pub(crate) fn row(&self) -> Option<&'a R> {
        self.rows.get(self.place)
    }

    #[inline]
    fn next(self) -> Self {
        Self { place: self.place.wrapping_add(1) & self.rows.len().wrapping_sub(1), ..self }
    }

    /// The row of an identifier.
    #[inline]
    pub(crate) fn find(mut self, key: Key) -> Option<&'a R> {
        loop {
            let row = self.row()?;
            if row.key() == key {
                return Some(row);
            }
            if row.key().is_nil() {
                return None;
            }
            self = self.next();
        }
    }
}

impl<R: Row> Default for Trie<R> {
    fn default() -> Self {
        Self { root: Node::empty() }
    }
}

impl<R: Row> Trie<R> {
    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<&R> {
        self.probe(key.hash()).find(key)
    }

    /// Where the row of an identifier with this hash is.
    #[inline(always)]
    pub(crate) fn probe(&self, hash: u64) -> Probe<'_, R> {
        let mut node = &self.root;
        let mut bits = hash;
        loop {
            match node {
                Node::Branch(branch) => match branch.as_ref().and_then(|branch| branch.child(child(bits))) {
                    Some(child) => node = child,
                    None => return Probe::new(&[], hash),
                },
                Node::Table(rows) => return Probe::new(rows, hash),
            }
            bits >>= BITS;
        }
    }

    /// The row of an identifier, to be changed; a new one if it was not seen before.
    pub(crate) fn edit(&mut self, key: Key) -> Option<&mut R> {
        let hash = key.hash();
        if self.probe(hash).find(key).is_none() {
            self.root.insert(R::of(key), hash, 0);
        }
        let (mut node, mut bits) = (&mut self.root, hash);
        let rows = loop {
            match node {
                Node::Branch(branch) => node = Branch::child_mut(branch.as_mut()?, child(bits))?,
                Node::Table(rows) => break Arc::make_mut(rows),
            }
            bits >>= BITS;
        };
        let mut probe = Probe::new(rows, hash);
        while probe.row()?.key() != key {
            probe = probe.next();
        }
        let place = probe.place;
        rows.get_mut(place)
    }

    /// How many bytes the rows take, with what leads to them.
    pub(crate) fn bytes(&self) -> usize {
        self.root.bytes()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &R> {
        let mut waiting = vec![&self.root];
        let tables = std::iter::from_fn(move || {
            loop {
                match waiting.pop()? {
                    Node::Branch(branch) => waiting.extend(branch.iter().flat_map(|branch| branch.iter())),
                    Node::Table(rows) => return Some(rows),
                }
            }
        });
        tables.flat_map(|rows| rows.iter()).filter(|row| !row.key().is_nil())
    }
}

/// Rows of which no two have the same identifier.
impl<R: Row> FromIterator<R> for Trie<R> {
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        let rows: Vec<R> = rows.into_iter().collect();
        if Node::<R>::is_one_table(rows.len()) {
            let hashed = |row: R| (row.key().hash(), row);
            return Self { root: Node::filled(rows.len(), rows.into_iter().map(hashed)) };
        }
        let hashed: Vec<(u64, &R)> = rows.iter().map(|row| (row.key().hash(), row)).collect();
        Self { root: Node::of(&hashed, 0) }
    }
}

impl<R: Row> Node<R> {
    /// How many rows a table has at most.
    const MOST: usize = 1 << (TABLE / size_of::<R>()).ilog2();

    const fn is_one_table(rows: usize) -> bool {
        has_room(rows.saturating_sub(1), Self::MOST)
    }

    /// A node of these rows, which come with their hashes.
    fn of(rows: &[(u64, &R)], depth: u32) -> Self {
        if Self::is_one_table(rows.len()) || depth > DEEPEST {
            return Self::filled(rows.len(), rows.iter().map(|(hash, row)| (*hash, (*row).clone())));
        }
        let below: Vec<_> = rows.iter().map(|row| (next(child(row.0 >> depth)), *row)).collect();
        let (below, mut children) = (Buckets::of(CHILDREN, &below), Self::empty_ones());
        for (child, rows) in children.iter_mut().zip(below.iter()).filter(|(_, rows)| !rows.is_empty()) {
            *child = Self::of(rows, depth.saturating_add(BITS));
        }
        Branch::node(children)
    }

    /// A table of so many rows with their hashes, of which no two have the same identifier.
    fn filled(count: usize, all: impl Iterator<Item = (u64, R)>) -> Self {
        let (mut size, others) = (2_usize, count.saturating_sub(1));
        while !has_room(others, size) {
            size = size.saturating_mul(2);
        }
        Self::table(size, all)
    }

    /// A table of this size with these rows and their hashes, for which it has room.
    fn table(size: usize, all: impl Iterator<Item = (u64, R)>) -> Self {
        let mut rows: Arc<[R]> = std::iter::repeat_with(R::default).take(size).collect();
        let table = Arc::make_mut(&mut rows);
        all.for_each(|(hash, row)| put(table, row, hash));
        Self::Table(rows)
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Table(rows) => size_of_val(&**rows),
            Self::Branch(branch) => {
                let children = branch.iter().flat_map(|branch| branch.iter());
                children.map(Self::bytes).fold(size_of::<Branch<R>>(), usize::saturating_add)
            }
        }
    }

    fn empty() -> Self {
        Self::table(2, std::iter::empty())
    }

    /// The children of a branch of nothing, which are one until they are written to.
    fn empty_ones() -> [Self; CHILDREN] {
        let empty = Self::empty();
        std::array::from_fn(|_| empty.clone())
    }

    /// Puts in a row that is not there.
    fn insert(&mut self, row: R, hash: u64, depth: u32) {
        match self {
            Self::Branch(branch) => {
                let child = branch.as_mut().and_then(|branch| Branch::child_mut(branch, child(hash >> depth)));
                if let Some(node) = child {
                    node.insert(row, hash, depth.saturating_add(BITS));
                }
            }
            Self::Table(rows) if is_roomy(rows, hash) => put(Arc::make_mut(rows), row, hash),
            Self::Table(rows) => {
                let old = rows.clone();
                let hashed = |row: &R| (row.key().hash(), row.clone());
                let all = old.iter().filter(|row| !row.key().is_nil()).map(hashed).chain([(hash, row)]);
                if old.len() < Self::MOST || depth > DEEPEST {
                    *self = Self::table(old.len().saturating_mul(2), all);
                } else {
                    *self = Branch::node(Self::empty_ones());
                    all.for_each(|(hash, row)| self.insert(row, hash, depth));
                }
            }
        }
    }
}

/// Puts a row that is not there into a table that has room for it.
fn put<R: Row>(rows: &mut [R], row: R, hash: u64) {
    let mut probe = Probe::new(rows, hash);
    while probe.row().is_some_and(|taken| !taken.key().is_nil()) {
        probe = probe.next();
    }
    let place = probe.place;
    if let Some(free) = rows.get_mut(place) {
        *free = row;
    }
}

fn used<R: Row>(rows: &[R]) -> usize {
    rows.iter().filter(|row| !row.key().is_nil()).count()
}

/// Whether a table has room for a row. Where two of a few places are free, one is left when the
/// other is taken, and a large table need not be counted.
fn is_roomy<R: Row>(rows: &[R], hash: u64) -> bool {
    const NEAR: usize = 8;
    let Probe { place, .. } = Probe::new(rows, hash);
    let near = rows.get(place..place.saturating_add(NEAR)).map(used);
    near.is_some_and(|used| used.saturating_add(2) <= NEAR) || has_room(used(rows), rows.len())
}

/// Five eighths full is full: most rows are where they are looked for first, and one place is
/// always free.
const fn has_room(used: usize, rows: usize) -> bool {
    used.saturating_add(1).saturating_mul(8) <= rows.saturating_mul(5)
}

/// Numbers of identifiers. A number, once given, is never another's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    numbers: Trie<Number>,
    ids: Paged<Uuid>,
}

#[derive(Clone, Debug, Default)]
struct Number {
    key: Key,
    number: Option<u32>,
}

impl Row for Number {
    fn key(&self) -> Key {
        self.key
    }
    fn of(key: Key) -> Self {
        Self { key, number: None }
    }
}

impl Numbers {
    /// The number of an identifier that was seen before.
    pub(crate) fn find(&self, id: Uuid) -> Option<u32> {
        self.numbers.find(id.into())?.number
    }

    /// The identifier of this number.
    pub(crate) fn id(&self, number: u32) -> Option<Uuid> {
        self.ids.get(number).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Uuid)> {
        (0..).zip(self.ids.iter().copied())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.numbers.bytes().saturating_add(self.ids.bytes())
    }

    /// The number of an identifier; a new one if it was not seen before.
    pub(crate) fn number(&mut self, id: Uuid) -> u32 {
        self.find(id).unwrap_or_else(|| {
            let number = self.ids.push(id);
            if let Some(row) = self.numbers.edit(id.into()) {
                row.number = Some(number);
            }
            number
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_identifier_keeps_its_number() {
        let mut table = Numbers::default();
        let id = |number: u32| Uuid::from_u128(u128::from(number) << 40 | 1);
        for number in 0..60_000 {
            assert!(table.find(id(number)).is_none());
            assert_eq!(table.number(id(number)), number);
        }
        for number in 0..60_000 {
            assert_eq!(table.number(id(number)), number);
            assert_eq!(table.id(number), Some(id(number)));
        }
        assert!(matches!(table.numbers.root, Node::Branch(Some(_))));
        assert_eq!(table.numbers.iter().count(), 60_000);
    }

    #[test]
    fn a_clone_does_not_see_what_comes_later() {
        let (mut trie, id) = (Trie::<Number>::default(), |number| Uuid::from_u128(number).into());
        trie.edit(id(1)).unwrap().number = Some(7);
        let older = trie.clone();
        trie.edit(id(1)).unwrap().number = Some(8);
        trie.edit(id(2)).unwrap();
        assert!(older.find(id(2)).is_none() && trie.find(id(2)).is_some());
        assert_eq!(older.find(id(1)).unwrap().number, Some(7));
    }

    /// Every clone against a map of its own: rows in branches that are shared, changed and made
    /// whole again, of one level and of two.
    #[test]
    fn clones_hold_what_maps_hold() {
        for rows in [3_000_u32, 60_000] {
            let mut trie = Trie::<Number>::default();
            let id = |number: u32| Key::from(Uuid::from_u128(u128::from(number) << 40 | 1));
            (0..rows).for_each(|number| trie.edit(id(number)).unwrap().number = Some(number));
            let (mut plain, mut draw) = (BTreeMap::new(), 7_u32);
            let mut clones = vec![(trie.clone(), plain.clone())];
            for step in 0..300 {
                draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Some come back to an older clone, so that one branch changes in two ways.
                if draw >> 30 == 0 {
                    (trie, plain) = clones[usize::try_from(draw >> 8).unwrap() % clones.len()].clone();
                }
                let number = (draw >> 4) % (rows + 100);
                trie.edit(id(number)).unwrap().number = Some(rows + step);
                plain.insert(number, rows + step);
                if step % 3 == 0 {
                    clones.push((trie.clone(), plain.clone()));
                }
            }
            for (trie, plain) in &clones {
                let there = plain.keys().copied().filter(|number| *number >= rows).count();
                assert_eq!(trie.iter().count(), usize::try_from(rows).unwrap() + there);
                for number in (0..rows).step_by(97).chain(plain.keys().copied()) {
                    let expected = plain.get(&number).copied().unwrap_or(number);
                    assert_eq!(trie.find(id(number)).unwrap().number, Some(expected), "of {number}");
                }
            }
        }
    }

    #[test]
    fn it_grows_where_no_branch_is_left() {
        let mut node = Node::<Number>::empty();
        let numbers = (1..2_000).map(|id| Number::of(Uuid::from_u128(id).into()));
        numbers.for_each(|row| node.insert(row.clone(), row.key.hash(), DEEPEST + BITS));
        let Node::Table(rows) = node else { panic!("it branched") };
        assert_eq!((used(&rows), rows.len()), (1_999, 4_096));
        assert_eq!(size_of::<Node<Number>>(), 16);
    }
}
