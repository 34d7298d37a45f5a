//! Maps of what comes in order.

use std::sync::Arc;

use super::{Entries, MOST, Node, OrdMap};

/// How many entries a node is given, so that one that comes later finds room.
const FILL: usize = MOST - 2;

/// A map in the making: each entry comes after the one before.
pub(crate) struct Builder<K, V> {
    leaf: Entries<K, V>,
    /// The branches on the way to the leaf, from below.
    branches: Vec<Entries<K, Node<K, V>>>,
    len: usize,
}

impl<K, V> Default for Builder<K, V> {
    fn default() -> Self {
        Self { leaf: Entries::new(), branches: Vec::new(), len: 0 }
    }
}

impl<K: Ord + Clone, V> Builder<K, V> {
    /// Adds an entry; gives it back if it does not come after the last.
    pub(crate) fn push(&mut self, key: K, value: V) -> Result<(), (K, V)> {
        if self.leaf.last().is_some_and(|(last, _)| *last >= key) {
            return Err((key, value));
        }
        if self.leaf.len() == FILL {
            self.close_leaf();
        }
        self.leaf.push((key, value));
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    fn close_leaf(&mut self) {
        let leaf = std::mem::take(&mut self.leaf);
        if let Some((lowest, _)) = leaf.first() {
            self.add(0, (lowest.clone(), Node::Leaf(Arc::new(leaf))));
        }
    }

    /// Adds a node to the branch of a level, which is closed first if it is full.
    fn add(&mut self, level: usize, node: (K, Node<K, V>)) {
        match self.branches.get_mut(level) {
            Some(nodes) if nodes.len() < FILL => nodes.push(node),
            Some(nodes) => {
                let full = std::mem::replace(nodes, [node].into_iter().collect());
                if let Some((lowest, _)) = full.first() {
                    self.add(level.saturating_add(1), (lowest.clone(), Node::Branch(Arc::new(full))));
                }
            }
            None => self.branches.push([node].into_iter().collect()),
        }
    }

    pub(crate) fn finish(mut self) -> OrdMap<K, V> {
        if self.len == 0 {
            return OrdMap::default();
        }
        if self.branches.is_empty() {
            return OrdMap { root: Node::Leaf(Arc::new(self.leaf)), len: self.len };
        }
        self.close_leaf();
        let mut level = 0_usize;
        while level.saturating_add(1) < self.branches.len() {
            let nodes = self.branches.get_mut(level).map(std::mem::take).unwrap_or_default();
            level = level.saturating_add(1);
            if let Some((lowest, _)) = nodes.first() {
                self.add(level, (lowest.clone(), Node::Branch(Arc::new(nodes))));
            }
        }
        let top = self.branches.pop().unwrap_or_default();
        OrdMap { root: Node::Branch(Arc::new(top)), len: self.len }
    }
}
