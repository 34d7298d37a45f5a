//! What differs between two maps of which one came from the other.

use std::cmp::Ordering;

use super::{Node, OrdMap};

/// One entry that is not the same in both.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference<'a, K, V> {
    /// It is there no more.
    Gone(&'a K, &'a V),
    /// It was not there.
    New(&'a K, &'a V),
    /// It has another value.
    Changed { key: &'a K, old: &'a V, new: &'a V },
}

/// What of a map is still to come, the next last.
enum Part<'a, K, V> {
    Node { node: &'a Node<K, V>, level: usize },
    Entry(&'a K, &'a V),
}

struct Parts<'a, K, V>(Vec<Part<'a, K, V>>);

impl<'a, K: Ord, V> Parts<'a, K, V> {
    fn of(map: &'a OrdMap<K, V>) -> Self {
        let (mut node, mut level) = (&map.root, 0_usize);
        while let Node::Branch(nodes) = node
            && let Some((_, first)) = nodes.first()
        {
            (node, level) = (first, level.saturating_add(1));
        }
        Self(vec![Part::Node { node: &map.root, level }])
    }

    /// A key that is not above that of anything to come.
    fn lowest(&self) -> Option<&'a K> {
        match self.0.last()? {
            Part::Node { node, .. } => node.lowest(),
            Part::Entry(key, _) => Some(key),
        }
    }

    /// How far the next part is from an entry.
    fn level(&self) -> usize {
        match self.0.last() {
            Some(Part::Node { level, .. }) => level.saturating_add(1),
            _ => 0,
        }
    }

    /// Puts what is in the next node in its place.
    fn open(&mut self) {
        let Some(Part::Node { node, level }) = self.0.pop() else { return };
        match node {
            Node::Empty => {}
            Node::Leaf(entries) => self.0.extend(entries.iter().rev().map(|(key, value)| Part::Entry(key, value))),
            Node::Branch(nodes) => {
                let level = level.saturating_sub(1);
                self.0.extend(nodes.iter().rev().map(|(_, node)| Part::Node { node, level }));
            }
        }
    }

    fn entry(&mut self) -> Option<(&'a K, &'a V)> {
        match self.0.pop()? {
            Part::Entry(key, value) => Some((key, value)),
            Part::Node { .. } => None,
        }
    }
}

/// Whether the next parts are one node that both have.
fn shared<K, V>(one: &Parts<'_, K, V>, other: &Parts<'_, K, V>) -> bool {
    match (one.0.last(), other.0.last()) {
        (Some(Part::Node { node: one, .. }), Some(Part::Node { node: other, .. })) => one.is(other),
        _ => false,
    }
}

impl<K: Ord, V: PartialEq> OrdMap<K, V> {
    /// What is not the same in a later map, in the order of the keys. It costs what differs, and
    /// the way to it.
    pub(crate) fn differences<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = Difference<'a, K, V>> {
        let (mut old, mut new) = (Parts::of(self), Parts::of(later));
        std::iter::from_fn(move || {
            loop {
                if shared(&old, &new) {
                    old.0.pop();
                    new.0.pop();
                    continue;
                }
                // What begins first is looked into; of two that begin together, the larger.
                let order = match (old.lowest(), new.lowest()) {
                    (None, None) if old.0.is_empty() && new.0.is_empty() => return None,
                    (None, _) => Ordering::Greater,
                    (_, None) => Ordering::Less,
                    (Some(one), Some(other)) => one.cmp(other),
                };
                let (old_level, new_level) = (old.level(), new.level());
                match order {
                    Ordering::Less if old_level > 0 => old.open(),
                    Ordering::Greater if new_level > 0 => new.open(),
                    Ordering::Less => return old.entry().map(|(key, value)| Difference::Gone(key, value)),
                    Ordering::Greater => return new.entry().map(|(key, value)| Difference::New(key, value)),
                    Ordering::Equal if old_level > new_level => old.open(),
                    Ordering::Equal if new_level > old_level => new.open(),
                    Ordering::Equal if old_level > 0 => {
                        old.open();
                        new.open();
                    }
                    Ordering::Equal => {
                        let ((key, old), (_, new)) = old.entry().zip(new.entry())?;
                        if old != new {
                            return Some(Difference::Changed { key, old, new });
                        }
                    }
                }
            }
        })
    }
}
