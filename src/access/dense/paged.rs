//! A persistent array: cloned in no time, changed by copying one page and the way to it.

use std::sync::Arc;

const BITS: u32 = 7;
const WIDTH: usize = 1 << BITS;
const MASK: u32 = (1 << BITS) - 1;

/// The place of a number among 128.
#[inline]
fn place(number: u32) -> usize {
    usize::try_from(number & MASK).unwrap_or_default()
}

/// Rows by number, from zero. They are added at the end, changed in place, and never removed.
#[derive(Clone, Debug)]
pub(crate) struct Paged<T> {
    root: Node<T>,
    /// How far a number is shifted to choose a child of the root.
    shift: u32,
    len: u32,
}

#[derive(Clone, Debug)]
enum Node<T> {
    /// at most 128 rows; those at the end are not in use yet.
    Page(Arc<[T]>),
    Branch(Arc<[Node<T>]>),
}

impl<T: Clone + Default> Default for Paged<T> {
    fn default() -> Self {
        Self { root: Node::Page(Arc::from([])), shift: 0, len: 0 }
    }
}

impl<T> Paged<T> {
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        if number >= self.len {
            return None;
        }
        let (mut node, mut shift) = (&self.root, self.shift);
        loop {
            match node {
                Node::Branch(children) => node = children.get(place(number >> shift))?,
                Node::Page(rows) => return rows.get(place(number)),
            }
            shift = shift.saturating_sub(BITS);
        }
    }

    /// How many bytes the rows take, with what leads to them.
    pub(crate) fn bytes(&self) -> usize {
        self.root.bytes()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len).filter_map(|number| self.get(number))
    }
}

impl<T: Clone + Default> Paged<T> {
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        if number >= self.len {
            return None;
        }
        let (mut node, mut shift) = (&mut self.root, self.shift);
        loop {
            match node {
                Node::Branch(children) => {
                    node = Arc::make_mut(children).get_mut(place(number >> shift))?;
                }
                Node::Page(rows) => return Arc::make_mut(rows).get_mut(place(number)),
            }
            shift = shift.saturating_sub(BITS);
        }
    }

    /// Adds a row, and answers its number.
    pub(crate) fn push(&mut self, row: T) -> u32 {
        let number = self.len;
        if number.checked_shr(self.shift.saturating_add(BITS)).unwrap_or_default() > 0 {
            let full = std::mem::replace(&mut self.root, Node::Page(Arc::from([])));
            self.root = Node::Branch(Arc::from([full]));
            self.shift = self.shift.saturating_add(BITS);
        }
        self.root.make_room(number, self.shift);
        self.len = number.saturating_add(1);
        if let Some(place) = self.get_mut(number) {
            *place = row;
        }
        number
    }
}

impl<T> Node<T> {
    fn bytes(&self) -> usize {
        match self {
            Self::Page(rows) => size_of_val(&**rows),
            Self::Branch(children) => {
                children.iter().map(Self::bytes).fold(size_of_val(&**children), usize::saturating_add)
            }
        }
    }
}

impl<T: Clone + Default> Node<T> {
    /// Sees to it that the page of the next number is there and long enough.
    fn make_room(&mut self, number: u32, shift: u32) {
        let place = place(number >> shift);
        match self {
            Self::Page(rows) if place >= rows.len() => {
                let len = rows.len().saturating_mul(2).clamp(4, WIDTH);
                let filled = rows.iter().cloned().chain(std::iter::repeat_with(T::default));
                *rows = filled.take(len).collect();
            }
            Self::Page(_) => {}
            Self::Branch(children) => {
                let below = shift.saturating_sub(BITS);
                if place >= children.len() {
                    let new = if below == 0 { Self::Page(Arc::from([])) } else { Self::Branch(Arc::from([])) };
                    *children = children.iter().cloned().chain([new]).collect();
                }
                if let Some(child) = Arc::make_mut(children).get_mut(place) {
                    child.make_room(number, below);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every length up to one of three levels, against a vector; an older clone stays as it was.
    #[test]
    fn it_holds_what_a_vector_holds() {
        let (mut paged, mut plain) = (Paged::default(), Vec::new());
        for number in 0..5_000_u32 {
            let old = paged.clone();
            assert_eq!(paged.push(number), number);
            plain.push(number);
            let changed = number / 2;
            *paged.get_mut(changed).unwrap() += 7;
            plain[usize::try_from(changed).unwrap()] += 7;
            assert_eq!(old.get(number), None);
            if number > 1 {
                assert_eq!(old.get(changed).copied(), Some(plain[usize::try_from(changed).unwrap()] - 7));
            }
        }
        assert_eq!(paged.iter().copied().collect::<Vec<_>>(), plain);
        assert_eq!(paged.get(5_000), None);
    }
}
