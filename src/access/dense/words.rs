//! A short row of numbers, in place while it is short and shared once it is long.

use std::sync::Arc;

/// A list of numbers. Cloning a long one shares it, so that copying a page of rows costs the
/// same whatever they hold.
#[derive(Clone, Debug)]
pub(crate) enum Words<const INLINE: usize> {
    Inline(u8, [u32; INLINE]),
    Shared(Arc<[u32]>),
}

impl<const INLINE: usize> Default for Words<INLINE> {
    fn default() -> Self {
        Self::Inline(0, [0; INLINE])
    }
}

impl<const INLINE: usize> Words<INLINE> {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Self::Inline(len, words) => words.get(..usize::from(*len)).unwrap_or_default(),
            Self::Shared(words) => words,
        }
    }

    /// How many bytes it holds elsewhere.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Inline(..) => 0,
            Self::Shared(words) => size_of_val(&**words),
        }
    }

    /// Puts `new` in place of the words of `range`, which lies within the list.
    pub(crate) fn splice(&mut self, range: std::ops::Range<usize>, new: &[u32]) {
        let old = self.as_slice();
        let (before, after) = (old.get(..range.start).unwrap_or(old), old.get(range.end..).unwrap_or_default());
        let spliced = before.iter().chain(new).chain(after).copied();
        let len = before.len().saturating_add(new.len()).saturating_add(after.len());
        *self = match u8::try_from(len) {
            Ok(short) if len <= INLINE => {
                let mut words = [0; INLINE];
                words.iter_mut().zip(spliced).for_each(|(place, word)| *place = word);
                Self::Inline(short, words)
            }
            _ => Self::Shared(spliced.collect()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_splices_as_a_vector_does() {
        let (mut words, mut plain) = (Words::<5>::default(), Vec::new());
        for number in 0..40_u32 {
            let middle = plain.len() / 2;
            words.splice(middle..middle, &[number, number + 100]);
            plain.splice(middle..middle, [number, number + 100]);
            assert_eq!(words.as_slice(), plain);
        }
        while !plain.is_empty() {
            let last = plain.len() - 1;
            words.splice(last..last + 1, &[]);
            plain.pop();
            assert_eq!(words.as_slice(), plain);
        }
        assert!(matches!(words, Words::Inline(0, _)), "a list that became short is in place again");
    }
}
