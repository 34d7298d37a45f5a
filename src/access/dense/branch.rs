//! Branches of a trie, which are changed without being copied.

use std::sync::Arc;

use super::trie::{CHILDREN, Node, Row};

/// How many children change before a branch is whole again.
const CHANGES: usize = 16;

/// To copy a branch is to count each of its children anew, in a line of memory that is wanted for
/// nothing else. So the first few that change go beside a branch that others have too.
// In this order, lest what a reader goes by lies in one line with the count of holders.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Branch<R> {
    children: [Node<R>; CHILDREN],
    /// What is none among the children is here; a whole branch.
    before: Option<Arc<Self>>,
}

impl<R: Row> Branch<R> {
    pub(super) fn node(children: [Node<R>; CHILDREN]) -> Node<R> {
        Node::Branch(Some(Arc::new(Self { children, before: None })))
    }

    #[inline(always)]
    pub(super) fn child(&self, place: usize) -> Option<&Node<R>> {
        match self.children.get(place) {
            Some(Node::Branch(None)) => self.unchanged(place),
            child => child,
        }
    }

    #[cold]
    fn unchanged(&self, place: usize) -> Option<&Node<R>> {
        self.before.as_ref()?.children.get(place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Node<R>> {
        (0..CHILDREN).filter_map(|place| self.child(place))
    }

    /// A child, to be changed.
    pub(super) fn child_mut(this: &mut Arc<Self>, place: usize) -> Option<&mut Node<R>> {
        if Arc::get_mut(this).is_none() && this.before.is_none() {
            let children = [const { Node::Branch(None) }; CHILDREN];
            *this = Arc::new(Self { children, before: Some(this.clone()) });
        }
        let branch = Arc::make_mut(this);
        if let Some(Node::Branch(None)) = branch.children.get(place) {
            branch.take(place);
        }
        branch.children.get_mut(place)
    }

    /// Takes a child over from before; all of them, if it is one too many.
    fn take(&mut self, place: usize) {
        let changed = self.children.iter().filter(|child| !matches!(child, Node::Branch(None))).count();
        let before = if changed == CHANGES { self.before.take() } else { None };
        match before.map(Arc::unwrap_or_clone) {
            Some(before) => {
                let all = self.children.iter_mut().zip(before.children);
                let unchanged = all.filter(|(child, _)| matches!(child, Node::Branch(None)));
                unchanged.for_each(|(child, before)| *child = before);
            }
            None => {
                let child = self.child(place).cloned();
                if let Some((place, child)) = self.children.get_mut(place).zip(child) {
                    *place = child;
                }
            }
        }
    }
}
