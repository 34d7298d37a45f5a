//! Entries one after the other.

use std::slice;

use smallvec::SmallVec;

use super::{Entries, Node, count, node_of};

/// What is still to come of a node.
type Rest<'a, K, T> = slice::Iter<'a, (K, T)>;

/// The entries of a map in order.
pub(crate) struct Iter<'a, K, V> {
    /// Of each branch on the way.
    nodes: SmallVec<[Rest<'a, K, Node<K, V>>; 8]>,
    entries: Rest<'a, K, V>,
    /// How many entries are still to come at least.
    least: usize,
}

fn rest<K, T>(entries: &Entries<K, T>, from: usize) -> Rest<'_, K, T> {
    entries.get(from..).unwrap_or_default().iter()
}

impl<'a, K, V> Iter<'a, K, V> {
    /// All of a node that has so many.
    pub(super) fn all(root: &'a Node<K, V>, len: usize) -> Self {
        let mut iter = Self { nodes: SmallVec::new(), entries: [].iter(), least: len };
        iter.enter(root);
        iter
    }

    /// From where a key would be on, without those that are `before`.
    pub(super) fn starting(root: &'a Node<K, V>, start: &K, before: impl Fn(&K) -> bool) -> Self
    where
        K: Ord,
    {
        let mut iter = Self { nodes: SmallVec::new(), entries: [].iter(), least: 0 };
        let mut node = root;
        loop {
            match node {
                Node::Empty => return iter,
                Node::Branch(nodes) => {
                    let mut nodes = rest(nodes, node_of(nodes, start));
                    let Some((_, next)) = nodes.next() else { return iter };
                    iter.nodes.push(nodes);
                    node = next;
                }
                Node::Leaf(entries) => {
                    iter.entries = rest(entries, count(entries, before));
                    return iter;
                }
            }
        }
    }

    /// Goes down to the first leaf of a node.
    fn enter(&mut self, mut node: &'a Node<K, V>) {
        loop {
            match node {
                Node::Empty => return,
                Node::Branch(nodes) => {
                    let mut nodes = nodes.iter();
                    let Some((_, next)) = nodes.next() else { return };
                    self.nodes.push(nodes);
                    node = next;
                }
                Node::Leaf(entries) => {
                    self.entries = entries.iter();
                    return;
                }
            }
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.entries.next() {
                self.least = self.least.saturating_sub(1);
                return Some((key, value));
            }
            match self.nodes.last_mut()?.next() {
                Some((_, node)) => self.enter(node),
                None => drop(self.nodes.pop()),
            }
        }
    }

    /// So that what is made of all has its size from the start.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.least, None)
    }
}
