//! Hints: in which trees an organization may be.
//!
//! One that is read says nothing by itself: the tree must be asked. So it may be seen too early,
//! and is written in place, where all clones see it; only a table that grows is another one. It is
//! short, since there is one for every organization of every tree, and a check waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many tables there are; each grows by itself, lest a write has to move all.
const TABLES: usize = 128;

/// Tables of hints, probed in order. A hint is half of an organization's hash and, below it, one
/// more than the number of the tree; zero is no hint.
///
/// A forest is put in place after its hints were written: whoever sees it sees them, so that they
/// need no order of their own.
#[derive(Clone)]
pub(super) struct Hints {
    tables: Arc<[Arc<[AtomicU64]>; TABLES]>,
    /// How many places of each table are taken.
    taken: Arc<[AtomicUsize; TABLES]>,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            tables: Arc::new(std::array::from_fn(|_| Arc::default())),
            taken: Arc::new([const { AtomicUsize::new(0) }; TABLES]),
        }
    }
}

/// The table that a hint with this hash is in; the hash's upper bits choose it, and those below
/// them the place.
#[inline]
fn table_of(hash: u64) -> usize {
    usize::try_from(hash >> 57).unwrap_or_default() % TABLES
}

/// The bits of a hint that are the hash's.
const TAG: u64 = 0xffff_ffff_0000_0000;

#[inline]
fn hint(hash: u64, tree: u32) -> u64 {
    hash & TAG | u64::from(tree).wrapping_add(1)
}

/// The number of the tree; none if this is no hint.
#[inline]
fn tree_of(hint: u64) -> Option<u32> {
    u32::try_from((hint & !TAG).checked_sub(1)?).ok()
}

/// The places of a table from where a hint with this hash is sought.
#[inline]
fn places(table: &[AtomicU64], hash: u64) -> impl Iterator<Item = &AtomicU64> {
    let mask = table.len().wrapping_sub(1);
    let start = usize::try_from(hash >> 32).unwrap_or_default();
    (0..table.len()).filter_map(move |step| table.get(start.wrapping_add(step) & mask))
}

impl Hints {
    /// The numbers of the trees where an organization with this hash may be.
    #[inline]
    pub(super) fn of(&self, hash: u64) -> impl Iterator<Item = u32> {
        let table = self.tables.get(table_of(hash)).map_or(&[][..], |table| table);
        let hints = places(table, hash).map(|place| place.load(Ordering::Relaxed)).take_while(|hint| *hint != 0);
        let same = hints.filter(move |hint| (hint ^ hash) & TAG == 0);
        same.filter_map(tree_of)
    }

    /// Adds that an organization with this hash may be in a tree.
    pub(super) fn add(&mut self, hash: u64, tree: u32) {
        if self.of(hash).any(|known| known == tree) {
            return;
        }
        let number = table_of(hash);
        let (Some(table), Some(taken)) = (self.tables.get(number), self.taken.get(number)) else { return };
        let many = taken.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        // Three quarters full is full.
        if many.saturating_mul(4) > table.len().saturating_mul(3) {
            let size = many.saturating_mul(2).next_power_of_two().max(16);
            let larger: Arc<[AtomicU64]> = std::iter::repeat_with(AtomicU64::default).take(size).collect();
            let hints = table.iter().map(|place| place.load(Ordering::Relaxed)).filter(|hint| *hint != 0);
            hints.for_each(|hint| put(&larger, hint));
            if let Some(table) = Arc::make_mut(&mut self.tables).get_mut(number) {
                *table = larger;
            }
        }
        if let Some(table) = self.tables.get(number) {
            put(table, hint(hash, tree));
        }
    }
}

/// The hints that one reader read last, each at a place of its own, close at hand.
pub(super) struct Recent(Box<[u64; RECENT]>);

/// Four kilobytes, an eighth of what a processor keeps closest.
const RECENT: usize = 512;

impl Default for Recent {
    fn default() -> Self {
        Self(Box::new([0; RECENT]))
    }
}

impl Recent {
    /// The tree where an organization with this hash may be: the one that was read last, or else
    /// the one that `read` answers.
    #[inline]
    pub(super) fn get_or_set(&mut self, hash: u64, read: impl FnOnce() -> Option<u32>) -> Option<u32> {
        let hint = self.0.get(Self::place(hash)).copied().unwrap_or_default();
        if (hint ^ hash) & TAG == 0
            && let Some(tree) = tree_of(hint)
        {
            return Some(tree);
        }
        let tree = read()?;
        self.set(hash, tree);
        Some(tree)
    }

    #[inline]
    pub(super) fn set(&mut self, hash: u64, tree: u32) {
        if let Some(place) = self.0.get_mut(Self::place(hash)) {
            *place = hint(hash, tree);
        }
    }

    #[inline]
    fn place(hash: u64) -> usize {
        usize::try_from(hash >> 32).unwrap_or_default() % RECENT
    }
}

/// Writes a hint to the first place that is free, which others may take meanwhile.
fn put(table: &[AtomicU64], hint: u64) {
    let mut places = places(table, hint);
    places.find(|place| place.compare_exchange(0, hint, Ordering::Relaxed, Ordering::Relaxed).is_ok());
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::thread;

    use super::*;

    /// Against a map: many with the same tag, many in the same table, and clones.
    #[test]
    fn it_holds_what_a_map_holds() {
        let (mut hints, mut plain) = (Hints::default(), BTreeMap::<u64, BTreeSet<u32>>::new());
        let mut draw = 7_u64;
        for step in 0..20_000 {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let tag = if step % 3 == 0 { 0x0500_0000 | ((draw >> 32) % 7) } else { draw >> 40 };
            let tree = if step % 50 == 0 { u32::MAX - 1 } else { u32::try_from(draw >> 61).unwrap() };
            hints = hints.clone();
            hints.add(tag << 32 | step, tree);
            plain.entry(tag).or_default().insert(tree);
        }
        for (tag, trees) in &plain {
            assert_eq!(hints.of(tag << 32).collect::<BTreeSet<_>>(), *trees, "of {tag:x}");
            assert_eq!(hints.of(tag << 32).count(), trees.len(), "each once, of {tag:x}");
        }
        assert_eq!(hints.of(0xffff_ffff_0000_0000).count(), 0);
    }

    /// A hint that is added to one clone is seen by the others until a table grows, and by those
    /// that come after always; and those of several threads at once are all there.
    #[test]
    fn all_that_is_added_at_once_is_there() {
        let mut hints = Hints::default();
        (0..500).for_each(|tag| hints.add(tag << 32, 1));
        thread::scope(|scope| {
            for tree in 2..5 {
                let mut clone = hints.clone();
                scope.spawn(move || (0..60).for_each(|tag| clone.add(tag << 32, tree)));
            }
        });
        (0..60).for_each(|tag| assert_eq!(hints.of(tag << 32).collect::<BTreeSet<_>>(), BTreeSet::from([1, 2, 3, 4])));
    }
}
