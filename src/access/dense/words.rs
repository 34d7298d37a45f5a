//! A short row of numbers, in place while it is short and shared once it is long.

use std::sync::Arc;

use smallvec::SmallVec;

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
}

impl<const INLINE: usize> FromIterator<u32> for Words<INLINE> {
    fn from_iter<I: IntoIterator<Item = u32>>(words: I) -> Self {
        let words: SmallVec<[u32; 16]> = words.into_iter().collect();
        match u8::try_from(words.len()) {
            Ok(short) if words.len() <= INLINE => {
                let mut inline = [0; INLINE];
                inline.iter_mut().zip(words).for_each(|(place, word)| *place = word);
                Self::Inline(short, inline)
            }
            _ => Self::Shared(words.as_slice().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_a_vector_holds() {
        for len in 0..40 {
            let plain: Vec<u32> = (100..100 + len).collect();
            let words: Words<5> = plain.iter().copied().collect();
            assert_eq!(words.as_slice(), plain);
            assert_eq!(matches!(words, Words::Inline(..)), len <= 5, "a short list is in place");
        }
    }
}
