//! Persistent arrays: cloned in no time, changed by copying one page and the way to it.

use std::sync::Arc;

use super::row::count_of;

const BITS: u32 = 7;
const WIDTH: usize = 1 << BITS;

/// Rows by number, from zero, never removed. Those below one that was written to can be there
/// as they are by default.
#[derive(Clone, Debug)]
pub(crate) enum Pages<T> {
    /// The first 128, or fewer.
    Page(Arc<[T]>),
    Branch(Arc<Branch<T>>),
}

#[derive(Clone, Debug)]
pub(crate) struct Branch<T> {
    /// How many bits of a number choose a row below a child; the others choose the child.
    shift: u32,
    children: [Pages<T>; WIDTH],
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self::Page(Arc::from([]))
    }
}

impl<T> Branch<T> {
    /// Which child a number is below, and the number there.
    #[inline]
    const fn split(&self, number: usize) -> (usize, usize) {
        let child = number >> self.shift;
        (child, number ^ (child << self.shift))
    }
}

impl<T> Pages<T> {
    #[inline(always)]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let (mut node, mut number) = (self, usize::try_from(number).ok()?);
        loop {
            match node {
                Self::Page(rows) => return rows.get(number),
                Self::Branch(branch) => {
                    let (child, rest) = branch.split(number);
                    (node, number) = (branch.children.get(child)?, rest);
                }
            }
        }
    }

    /// How many bytes the rows take, with what leads to them.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Page(rows) => size_of_val(&**rows),
            Self::Branch(branch) => {
                branch.children.iter().map(Self::bytes).fold(size_of_val(&**branch), usize::saturating_add)
            }
        }
    }

    fn holds(&self, number: usize) -> bool {
        match self {
            Self::Page(_) => number < WIDTH,
            Self::Branch(branch) => branch.split(number).0 < WIDTH,
        }
    }
}

impl<T: Clone + Default> Pages<T> {
    /// A row, to be changed.
    pub(crate) fn edit(&mut self, number: u32) -> Option<&mut T> {
        let (mut node, mut number) = (self, usize::try_from(number).ok()?);
        loop {
            node.make_room(number);
            match node {
                Self::Page(rows) => return Arc::make_mut(rows).get_mut(number),
                Self::Branch(branch) => {
                    let (child, rest) = branch.split(number);
                    (node, number) = (Arc::make_mut(branch).children.get_mut(child)?, rest);
                }
            }
        }
    }

    /// Sees to it that a page is long enough for a number, or a branch high enough.
    fn make_room(&mut self, number: usize) {
        while !self.holds(number) {
            let shift = match self {
                Self::Page(_) => BITS,
                Self::Branch(branch) => branch.shift.saturating_add(BITS),
            };
            let (old, none) = (std::mem::take(self), Self::default());
            let mut children: [Self; WIDTH] = std::array::from_fn(|_| none.clone());
            let [first, ..] = &mut children;
            *first = old;
            *self = Self::Branch(Arc::new(Branch { shift, children }));
        }
        if let Self::Page(rows) = self
            && number >= rows.len()
        {
            let len = number.saturating_add(1).next_power_of_two().clamp(4, WIDTH);
            *rows = rows.iter().cloned().chain(std::iter::repeat_with(T::default)).take(len).collect();
        }
    }
}

/// Rows that are added at the end.
#[derive(Clone, Debug)]
pub(crate) struct Paged<T> {
    pages: Pages<T>,
    len: u32,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { pages: Pages::default(), len: 0 }
    }
}

impl<T> Paged<T> {
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        if number < self.len { self.pages.get(number) } else { None }
    }

    /// How many bytes the rows take, with what leads to them.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.bytes()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len).filter_map(|number| self.get(number))
    }
}

impl<T> FromIterator<T> for Paged<T> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        let (mut rows, mut len) = (rows.into_iter().peekable(), 0_u32);
        let mut level = Vec::new();
        while rows.peek().is_some() {
            let page: Arc<[T]> = rows.by_ref().take(WIDTH).collect();
            len = len.saturating_add(count_of(&page));
            level.push(Pages::Page(page));
        }
        let mut shift = BITS;
        while level.len() > 1 {
            let mut below = level.into_iter().peekable();
            level = Vec::new();
            while below.peek().is_some() {
                let children = std::array::from_fn(|_| below.next().unwrap_or_default());
                level.push(Pages::Branch(Arc::new(Branch { shift, children })));
            }
            shift = shift.saturating_add(BITS);
        }
        Self { pages: level.pop().unwrap_or_default(), len }
    }
}

impl<T: Clone + Default> Paged<T> {
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        if number < self.len { self.pages.edit(number) } else { None }
    }

    /// Adds a row, and answers its number.
    pub(crate) fn push(&mut self, row: T) -> u32 {
        let number = self.len;
        self.len = number.saturating_add(1);
        if let Some(place) = self.pages.edit(number) {
            *place = row;
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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

    /// Of no level to three, each then added to.
    #[test]
    fn it_is_filled_at_once_as_row_by_row() {
        for len in [0, 1, 5, 127, 128, 129, 5_000, 16_384, 16_385, 40_000] {
            let mut paged: Paged<u32> = (0..len).collect();
            assert!(paged.iter().copied().eq(0..len));
            assert_eq!(paged.get(len), None);
            (len..len + 200).for_each(|number| assert_eq!(paged.push(number), number));
            *paged.get_mut(len / 2).unwrap() = 7;
            let expected = (0..len + 200).map(|number| if number == len / 2 { 7 } else { number });
            assert!(paged.iter().copied().eq(expected), "of {len}");
        }
    }

    /// Against a map: numbers far apart, written in any order.
    #[test]
    fn pages_hold_what_a_map_holds() {
        let (mut pages, mut plain, mut draw) = (Pages::<u32>::default(), BTreeMap::new(), 7_u32);
        for step in 1..2_000 {
            draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = draw >> (draw % 29);
            *pages.edit(number).unwrap() = step;
            plain.insert(number, step);
            for near in [number.wrapping_sub(1), number.wrapping_add(1), number.wrapping_add(128), number ^ 1 << 14] {
                let found = pages.get(near).copied().unwrap_or_default();
                assert_eq!(found, plain.get(&near).copied().unwrap_or_default(), "at {near}");
            }
        }
        for (number, step) in &plain {
            assert_eq!(pages.get(*number), Some(step), "at {number}");
        }
        assert_eq!(size_of::<Pages<u32>>(), 16);
    }
}
