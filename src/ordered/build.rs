//! Maps of what comes in order.

use std::sync::Arc;

use super::{Entries, MOST, Node, OrdMap};

/// How many entries a node is given, so that one that comes later finds room.
const FILL: usize = MOST - 2;

/// Entries of a node in the making, where they stay: they take much room.
type Open<K, T> = Option<Arc<Entries<K, T>>>;

/// A map in the making: each entry comes after the one before.
pub(crate) struct Builder<K, V> {
    leaf: Open<K, V>,
    /// The branches on the way to the leaf, from below.
    branches: Vec<Open<K, Node<K, V>>>,
    len: usize,
}

impl<K, V> Default for Builder<K, V> {
    fn default() -> Self {
        Self { leaf: None, branches: Vec::new(), len: 0 }
    }
}

/// Puts an entry behind the others, or into a new node if theirs is full, which is given back.
fn push<K, T>(open: &mut Open<K, T>, entry: (K, T)) -> Open<K, T> {
    let full = open.take_if(|entries| entries.len() == FILL);
    if let Some(entries) = Arc::get_mut(open.get_or_insert_default()) {
        entries.push(entry);
    }
    full
}

impl<K: Ord + Clone, V> Builder<K, V> {
    /// Adds an entry; gives it back if it does not come after the last.
    pub(crate) fn push(&mut self, key: K, value: V) -> Result<(), (K, V)> {
        let last = self.leaf.as_ref().and_then(|entries| entries.last());
        if last.is_some_and(|(last, _)| *last >= key) {
            return Err((key, value));
        }
        if let Some(full) = push(&mut self.leaf, (key, value)) {
            self.add(0, Node::Leaf(full));
        }
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    /// Adds a node to the branch of a level.
    fn add(&mut self, level: usize, node: Node<K, V>) {
        let Some(lowest) = node.lowest().cloned() else { return };
        if level == self.branches.len() {
            self.branches.push(None);
        }
        let branch = self.branches.get_mut(level);
        if let Some(full) = branch.and_then(|branch| push(branch, (lowest, node))) {
            self.add(level.saturating_add(1), Node::Branch(full));
        }
    }

    pub(crate) fn finish(mut self) -> OrdMap<K, V> {
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
