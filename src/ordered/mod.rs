//! Ordered maps and sets that are cloned in no time: B+ trees, whose nodes are shared until one
//! of the clones changes them.
//!
//! What comes in order fills each node as it comes, so that a tree is loaded in one pass; what
//! differs between two clones is found without a look at what they share.

mod build;
mod differences;
mod iter;
mod set;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use smallvec::SmallVec;

pub(crate) use self::build::in_order;
pub(crate) use self::differences::Difference;
pub(crate) use self::iter::Iter;
pub(crate) use self::set::OrdSet;

/// How many entries a node has at most.
const MOST: usize = 16;
/// A node with no more than this is put together with one beside it.
const FEW: usize = MOST / 4;

/// Entries in the order of their keys. Those of a branch are nodes, each under a key that is
/// none above the least of its own, and above all of the node before it.
type Entries<K, T> = SmallVec<[(K, T); MOST]>;

#[derive(Clone)]
enum Node<K, V> {
    /// Of a map that is empty; in no branch.
    Empty,
    Leaf(Arc<Entries<K, V>>),
    Branch(Arc<Entries<K, Node<K, V>>>),
}

/// Values by key, in the order of the keys.
#[derive(Clone)]
pub(crate) struct OrdMap<K, V> {
    root: Node<K, V>,
    len: usize,
}

impl<K, V> Default for OrdMap<K, V> {
    fn default() -> Self {
        Self { root: Node::Empty, len: 0 }
    }
}

/// How many entries come before, of those that are in order. All are looked at, which waits for
/// memory once: what a search in halves looks at next depends on what it has found.
fn count<K, T>(entries: &Entries<K, T>, before: impl Fn(&K) -> bool) -> usize {
    entries.iter().filter(|(key, _)| before(key)).count()
}

/// Where the node is under which a key would be.
fn node_of<K: Ord, T>(nodes: &Entries<K, T>, key: &K) -> usize {
    count(nodes, |lowest| lowest <= key).saturating_sub(1)
}

/// Where the entry of a key is; if it is not there, where it would be.
fn entry_of<K: Ord, T>(entries: &Entries<K, T>, key: &K) -> Result<usize, usize> {
    let place = count(entries, |other| other < key);
    if entries.get(place).is_some_and(|(other, _)| other == key) { Ok(place) } else { Err(place) }
}

impl<K, V> OrdMap<K, V> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> Iter<'_, K, V> {
        Iter::all(&self.root, self.len)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> OrdMap<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let mut node = &self.root;
        loop {
            match node {
                Node::Empty => return None,
                Node::Branch(nodes) => node = &nodes.get(node_of(nodes, key))?.1,
                Node::Leaf(entries) => {
                    let place = entry_of(entries, key).ok()?;
                    return entries.get(place).map(|(_, value)| value);
                }
            }
        }
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The entries whose keys lie in a range.
    pub(crate) fn range(&self, range: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &V)> {
        let iter = match range.start_bound() {
            Bound::Included(start) => Iter::starting(&self.root, start, |key| key < start),
            Bound::Excluded(start) => Iter::starting(&self.root, start, |key| key <= start),
            Bound::Unbounded => self.iter(),
        };
        iter.take_while(move |(key, _)| match range.end_bound() {
            Bound::Included(end) => *key <= end,
            Bound::Excluded(end) => *key < end,
            Bound::Unbounded => true,
        })
    }
}

impl<K: Ord + Clone, V: Clone> OrdMap<K, V> {
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let mut node = &mut self.root;
        loop {
            match node {
                Node::Empty => return None,
                Node::Branch(nodes) => {
                    let place = node_of(nodes, key);
                    node = &mut Arc::make_mut(nodes).get_mut(place)?.1;
                }
                Node::Leaf(entries) => {
                    let place = entry_of(entries, key).ok()?;
                    return Arc::make_mut(entries).get_mut(place).map(|(_, value)| value);
                }
            }
        }
    }

    /// Puts a value in; answers the one that was there.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (old, split) = self.root.insert(key, value);
        if let Some(right) = split {
            let left = std::mem::replace(&mut self.root, Node::Empty);
            let lowest = left.lowest().unwrap_or(&right.0).clone();
            self.root = Node::Branch(Arc::new([(lowest, left), right].into_iter().collect()));
        }
        if old.is_none() {
            self.len = self.len.saturating_add(1);
        }
        old
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        // Lest a way is copied to what is not there.
        self.get(key)?;
        let old = self.root.remove(key)?;
        self.len = self.len.saturating_sub(1);
        while let Node::Branch(nodes) = &self.root
            && let [(_, only)] = nodes.as_slice()
        {
            self.root = only.clone();
        }
        if self.len == 0 {
            self.root = Node::Empty;
        }
        Some(old)
    }
}

/// Puts an entry in where it belongs. The upper half of what is full, or the entry alone if it
/// comes after all others, is given back to be put beside it: what comes in order fills nodes.
fn put<K: Clone, T>(entries: &mut Entries<K, T>, place: usize, entry: (K, T)) -> Option<Entries<K, T>> {
    if entries.len() < MOST {
        entries.insert(place, entry);
        return None;
    }
    if place == entries.len() {
        return Some([entry].into_iter().collect());
    }
    let mut right: Entries<K, T> = entries.drain(MOST / 2..).collect();
    match place.checked_sub(MOST / 2) {
        Some(place) if place > 0 => right.insert(place, entry),
        _ => entries.insert(place, entry),
    }
    Some(right)
}

impl<K, V> Node<K, V> {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Leaf(entries) => entries.len(),
            Self::Branch(nodes) => nodes.len(),
        }
    }

    /// A key that is not above any in it.
    fn lowest(&self) -> Option<&K> {
        match self {
            Self::Empty => None,
            Self::Leaf(entries) => entries.first().map(|(key, _)| key),
            Self::Branch(nodes) => nodes.first().map(|(key, _)| key),
        }
    }

    /// Whether both are the same in memory.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, Self::Empty) => true,
            (Self::Leaf(one), Self::Leaf(other)) => Arc::ptr_eq(one, other),
            (Self::Branch(one), Self::Branch(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl<K: Ord + Clone, V: Clone> Node<K, V> {
    /// The value that was there, and the node that is now beside this one.
    fn insert(&mut self, key: K, value: V) -> (Option<V>, Option<(K, Self)>) {
        match self {
            Self::Empty => {
                *self = Self::Leaf(Arc::new([(key, value)].into_iter().collect()));
                (None, None)
            }
            Self::Leaf(entries) => {
                let found = entry_of(entries, &key);
                let entries = Arc::make_mut(entries);
                let place = match found {
                    Ok(place) => {
                        let old = entries.get_mut(place).map(|(_, old)| std::mem::replace(old, value));
                        return (old, None);
                    }
                    Err(place) => place,
                };
                let right = put(entries, place, (key, value));
                (None, right.and_then(|right| Some((right.first()?.0.clone(), Self::Leaf(Arc::new(right))))))
            }
            Self::Branch(nodes) => {
                let place = node_of(nodes, &key);
                let nodes = Arc::make_mut(nodes);
                let Some((lowest, node)) = nodes.get_mut(place) else { return (None, None) };
                if key < *lowest {
                    *lowest = key.clone();
                }
                let (old, split) = node.insert(key, value);
                let right = split.and_then(|split| put(nodes, place.saturating_add(1), split));
                (old, right.and_then(|right| Some((right.first()?.0.clone(), Self::Branch(Arc::new(right))))))
            }
        }
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::Empty => None,
            Self::Leaf(entries) => {
                let place = entry_of(entries, key).ok()?;
                Some(Arc::make_mut(entries).remove(place).1)
            }
            Self::Branch(nodes) => {
                let place = node_of(nodes, key);
                let nodes = Arc::make_mut(nodes);
                let (_, node) = nodes.get_mut(place)?;
                let old = node.remove(key);
                let len = node.len();
                if len == 0 {
                    nodes.remove(place);
                } else if len <= FEW {
                    unite(nodes, place.saturating_sub(1));
                }
                old
            }
        }
    }

    /// Takes the entries of a node of the same level in after its own, if there is room.
    fn absorb(&mut self, other: &Self) -> bool {
        let room = self.len().saturating_add(other.len()) <= MOST;
        match (self, other) {
            (Self::Leaf(own), Self::Leaf(other)) if room => Arc::make_mut(own).extend(other.iter().cloned()),
            (Self::Branch(own), Self::Branch(other)) if room => Arc::make_mut(own).extend(other.iter().cloned()),
            _ => return false,
        }
        true
    }
}

/// Makes one of two nodes side by side, if one has room for both.
fn unite<K: Ord + Clone, V: Clone>(nodes: &mut Entries<K, Node<K, V>>, left: usize) {
    let right = left.saturating_add(1);
    if let Some([(_, one), (_, other)]) = nodes.get_mut(left..=right)
        && one.absorb(other)
    {
        nodes.remove(right);
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for OrdMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && (self.root.is(&other.root) || self.iter().eq(other.iter()))
    }
}

impl<K: Eq, V: Eq> Eq for OrdMap<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for OrdMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Clone, V: Clone> Extend<(K, V)> for OrdMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        entries.into_iter().for_each(|(key, value)| drop(self.insert(key, value)));
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for OrdMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut entries = entries.into_iter();
        let (mut map, out_of_order) = in_order(&mut entries);
        map.extend(out_of_order.into_iter().chain(entries));
        map
    }
}

impl<'a, K, V> IntoIterator for &'a OrdMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;
    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}
