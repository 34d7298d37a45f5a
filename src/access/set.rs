//! Sets of declared claims, as bits numbered by the catalog.

use smallvec::SmallVec;

/// A set of claims of one [`Catalog`](crate::Catalog), Owner among them or not.
///
/// Bit 0 is Owner; the others follow the catalog's order. There is no limit to their number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClaimSet {
    words: SmallVec<[u64; 2]>,
}

pub(crate) const OWNER_BIT: usize = 0;

impl ClaimSet {
    /// How many claims a word has.
    pub(crate) const WORD: usize = 64;

    /// Without any claim.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every bit below `count`.
    pub(crate) fn first(count: usize) -> Self {
        let mut set = Self::new();
        (0..count).for_each(|bit| set.insert(bit));
        set
    }

    pub(crate) fn of(words: &[u64]) -> Self {
        let used = words.iter().rposition(|word| *word != 0).map_or(0, |last| last.saturating_add(1));
        Self { words: SmallVec::from_slice(words.get(..used).unwrap_or_default()) }
    }

    pub(crate) fn words(&self) -> impl Iterator<Item = u64> {
        self.words.iter().copied()
    }

    pub(crate) fn insert(&mut self, bit: usize) {
        let word = bit / Self::WORD;
        if self.words.len() <= word {
            self.words.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << (bit % Self::WORD);
        }
    }

    pub(crate) fn remove(&mut self, bit: usize) {
        if let Some(word) = self.words.get_mut(bit / Self::WORD) {
            *word &= !(1 << (bit % Self::WORD));
        }
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }

    #[inline]
    pub(crate) fn contains(&self, bit: usize) -> bool {
        self.words.get(bit / Self::WORD).is_some_and(|word| word & (1 << (bit % Self::WORD)) != 0)
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(word, more)| *word |= more);
    }

    /// This set without what `other` has.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut left = self.clone();
        left.words.iter_mut().zip(&other.words).for_each(|(word, gone)| *word &= !gone);
        while left.words.last() == Some(&0) {
            left.words.pop();
        }
        left
    }

    /// Whether Owner is in it.
    pub fn is_owner(&self) -> bool {
        self.contains(OWNER_BIT)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many claims are in it, Owner counted as one.
    pub fn len(&self) -> usize {
        self.bits().count()
    }

    /// Whether every claim of this set is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.without(other).is_empty()
    }

    pub(crate) fn bits(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            (0..Self::WORD)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| index.saturating_mul(Self::WORD).saturating_add(bit))
        })
    }
}
