//! Numbers for identifiers: what a row is found by.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use uuid::Uuid;

use super::paged::Paged;

/// A row that knows whose it is.
pub(crate) trait Row: Clone + Default {
    /// Whose row it is; nil for one that is not in use.
    fn id(&self) -> Uuid;

    /// An empty row of this one.
    fn of(id: Uuid) -> Self;
}

/// Rows by number, and numbers by identifier. A number, once given, is never another's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table<R: Row> {
    root: Node,
    rows: Paged<R>,
}

/// Hashed: a table of slots that is probed in order, or 64 of them chosen by six bits more.
#[derive(Clone, Debug)]
enum Node {
    Slots { used: usize, slots: Arc<[Slot]> },
    Branch(Arc<[Node]>),
}

/// Half of the hash, to pass by most others, and the number.
#[derive(Clone, Copy, Debug)]
struct Slot {
    tag: u32,
    number: u32,
}

const EMPTY: Slot = Slot { tag: 0, number: u32::MAX };
const BITS: u32 = 6;
const WIDTH: u64 = 1 << BITS;
const CHILDREN: usize = 1 << BITS;
/// A table of more slots is split, so that no single write copies much.
const MOST_SLOTS: usize = 512;
/// Where the bits of a hash that choose a branch end.
const DEEPEST: u32 = 30;

impl Default for Node {
    fn default() -> Self {
        Self::Slots { used: 0, slots: Arc::from([EMPTY; 4]) }
    }
}

/// The hash of an identifier. It is the same in every process, so that a replay is a replay.
#[inline]
pub(crate) fn hash(id: Uuid) -> u64 {
    FixedState::with_seed(0x6261_696c_6977_6963).hash_one(id.as_u128())
}

#[inline]
fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}

/// A place among the children of a branch.
#[inline]
fn place(bits: u64) -> usize {
    usize::try_from(bits % WIDTH).unwrap_or_default()
}

#[inline]
fn start(tag: u32, mask: usize) -> usize {
    usize::try_from(tag).unwrap_or(usize::MAX) & mask
}

impl<R: Row> Table<R> {
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&R> {
        self.rows.get(number)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut R> {
        self.rows.get_mut(number)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &R> {
        self.rows.iter()
    }

    /// The number and the row of an identifier that was seen.
    #[inline]
    pub(crate) fn find(&self, id: Uuid) -> Option<(u32, &R)> {
        self.find_hashed(id, hash(id))
    }

    #[inline]
    pub(crate) fn find_hashed(&self, id: Uuid, hash: u64) -> Option<(u32, &R)> {
        let mut node = &self.root;
        let mut bits = hash;
        let slots = loop {
            match node {
                Node::Branch(children) => node = children.get(place(bits))?,
                Node::Slots { slots, .. } => break slots,
            }
            bits >>= BITS;
        };
        let mask = slots.len().wrapping_sub(1);
        let mut place = start(tag(hash), mask);
        loop {
            let slot = slots.get(place)?;
            if slot.tag == tag(hash)
                && let Some(row) = self.rows.get(slot.number)
                && row.id() == id
            {
                return Some((slot.number, row));
            }
            if slot.number == EMPTY.number {
                return None;
            }
            place = place.wrapping_add(1) & mask;
        }
    }

    /// The number of an identifier; a new one if it was not seen before.
    pub(crate) fn number(&mut self, id: Uuid) -> u32 {
        let hash = hash(id);
        if let Some((number, _)) = self.find_hashed(id, hash) {
            return number;
        }
        let number = self.rows.push(R::of(id));
        self.root.insert(hash, number, 0, &|number| self.rows.get(number).map(|row| self::hash(row.id())));
        number
    }

    /// The number and the row, to be changed.
    pub(crate) fn edit(&mut self, id: Uuid) -> (u32, Option<&mut R>) {
        let number = self.number(id);
        (number, self.rows.get_mut(number))
    }
}

impl Node {
    /// Puts in a number that is not there. `hash_of` gives the hashes of those that are.
    fn insert(&mut self, hash: u64, number: u32, depth: u32, hash_of: &dyn Fn(u32) -> Option<u64>) {
        match self {
            Self::Branch(children) => {
                if let Some(child) = Arc::make_mut(children).get_mut(place(hash >> depth)) {
                    child.insert(hash, number, depth.saturating_add(BITS), hash_of);
                }
            }
            Self::Slots { used, slots } if used.saturating_mul(3) < slots.len().saturating_mul(2) => {
                *used = used.saturating_add(1);
                put(Arc::make_mut(slots), Slot { tag: tag(hash), number });
            }
            Self::Slots { slots, .. } if slots.len() < MOST_SLOTS || depth > DEEPEST => {
                let mut wider = vec![EMPTY; slots.len().saturating_mul(2)];
                let mut used: usize = 0;
                for slot in slots.iter().filter(|slot| slot.number != EMPTY.number) {
                    put(&mut wider, *slot);
                    used = used.saturating_add(1);
                }
                *self = Self::Slots { used, slots: wider.into() };
                self.insert(hash, number, depth, hash_of);
            }
            Self::Slots { slots, .. } => {
                let old = slots.clone();
                *self = Self::Branch(std::iter::repeat_with(Self::default).take(CHILDREN).collect());
                for slot in old.iter().filter(|slot| slot.number != EMPTY.number) {
                    if let Some(hash) = hash_of(slot.number) {
                        self.insert(hash, slot.number, depth, hash_of);
                    }
                }
                self.insert(hash, number, depth, hash_of);
            }
        }
    }
}

/// Puts a slot into the first empty place from where its tag points; there is one.
fn put(slots: &mut [Slot], slot: Slot) {
    let mask = slots.len().wrapping_sub(1);
    let mut place = start(slot.tag, mask);
    while slots.get(place).is_some_and(|taken| taken.number != EMPTY.number) {
        place = place.wrapping_add(1) & mask;
    }
    if let Some(free) = slots.get_mut(place) {
        *free = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Bare(Uuid);

    impl Row for Bare {
        fn id(&self) -> Uuid {
            self.0
        }
        fn of(id: Uuid) -> Self {
            Self(id)
        }
    }

    #[test]
    fn each_identifier_keeps_its_number() {
        let mut table = Table::<Bare>::default();
        let id = |number: u32| Uuid::from_u128(u128::from(number) << 40 | 1);
        for number in 0..60_000 {
            assert!(table.find(id(number)).is_none());
            assert_eq!(table.number(id(number)), number);
        }
        for number in 0..60_000 {
            assert_eq!(table.number(id(number)), number);
            assert_eq!(table.find(id(number)).map(|(number, row)| (number, row.id())), Some((number, id(number))));
        }
        assert!(matches!(table.root, Node::Branch(_)));
    }

    #[test]
    fn a_clone_does_not_see_what_comes_later() {
        let mut table = Table::<Bare>::default();
        table.number(Uuid::from_u128(1));
        let older = table.clone();
        table.number(Uuid::from_u128(2));
        assert!(older.find(Uuid::from_u128(2)).is_none() && table.find(Uuid::from_u128(2)).is_some());
    }

    /// Hashes that agree in every bit that chooses a branch are told apart by their rows.
    #[test]
    fn what_collides_is_kept_apart() {
        let mut root = Node::default();
        for number in 0..2_000 {
            root.insert(0, number, 0, &|_| Some(0));
        }
        let mut node = &root;
        while let Node::Branch(children) = node {
            node = &children[0];
        }
        let Node::Slots { used, .. } = node else { unreachable!() };
        assert_eq!(*used, 2_000);
    }
}
