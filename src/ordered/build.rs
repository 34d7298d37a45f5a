//! Maps of what comes in order.

use std::sync::Arc;

use super::{Entries, MOST, Node, OrdMap};

/// How many entries a node is given, so that one that comes later finds room.
const FILL: usize = MOST - 2;

/// Entries of a node in the making, where they stay: they take much room.
type Open<K, T> = Option<Arc<Entries<K, T>>>;

/// A map of entries for as long as each comes after the one before; and the first that does not.
pub(crate) fn in_order<K: Ord + Clone, V>(mut entries: impl Iterator<Item = (K, V)>) -> (OrdMap<K, V>, Option<(K, V)>) {
    let (mut builder, mut next) = (Builder::default(), entries.next());
    while let Some(first) = next.take_if(|(key, _)| builder.comes_before(key)) {
        let mut leaf: Arc<Entries<K, V>> = Arc::default();
        if let Some(open) = Arc::get_mut(&mut leaf) {
            open.push(first);
            next = fill(open, &mut entries);
        }
        builder.put(leaf);
    }
    (builder.finish(), next)
}

/// Puts in what comes after the last entry, up to the first that does not or has no room.
fn fill<K: Ord, V>(open: &mut Entries<K, V>, entries: &mut impl Iterator<Item = (K, V)>) -> Option<(K, V)> {
    loop {
        let (key, value) = entries.next()?;
        if open.len() == FILL || open.last().is_some_and(|(last, _)| *last >= key) {
            return Some((key, value));
        }
        open.push((key, value));
    }
}

/// A map in the making, by leaves of which each comes after the one before.
struct Builder<K, V> {
    /// The last.
    leaf: Open<K, V>,
    /// The branches on the way to it, from below.
    branches: Vec<Open<K, Node<K, V>>>,
    len: usize,
}

impl<K, V> Default for Builder<K, V> {
    fn default() -> Self {
        Self { leaf: None, branches: Vec::new(), len: 0 }
    }
}

impl<K: Ord + Clone, V> Builder<K, V> {
    /// Whether all that is there comes before a key.
    fn comes_before(&self, key: &K) -> bool {
        let last = self.leaf.as_ref().and_then(|entries| entries.last());
        last.is_none_or(|(last, _)| last < key)
    }

    fn put(&mut self, leaf: Arc<Entries<K, V>>) {
        self.len = self.len.saturating_add(leaf.len());
        if let Some(full) = self.leaf.replace(leaf) {
            self.add(0, Node::Leaf(full));
        }
    }

    /// Adds a node to the branch of a level; what is full goes into that of the level above.
    fn add(&mut self, level: usize, node: Node<K, V>) {
        let Some(lowest) = node.lowest().cloned() else { return };
        if level == self.branches.len() {
            self.branches.push(None);
        }
        let Some(branch) = self.branches.get_mut(level) else { return };
        let full = branch.take_if(|entries| entries.len() == FILL);
        if let Some(entries) = Arc::get_mut(branch.get_or_insert_default()) {
            entries.push((lowest, node));
        }
        if let Some(full) = full {
            self.add(level.saturating_add(1), Node::Branch(full));
        }
    }

    fn finish(mut self) -> OrdMap<K, V> {
        let mut root = self.leaf.take().map_or(Node::Empty, Node::Leaf);
        let mut level = 0_usize;
        while level < self.branches.len() {
            self.add(level, root);
            root = self.branches.get_mut(level).and_then(Option::take).map_or(Node::Empty, Node::Branch);
            level = level.saturating_add(1);
        }
        OrdMap { root, len: self.len }
    }
}
