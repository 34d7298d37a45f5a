//! Ordered sets: maps to nothing.

use std::fmt;
use std::ops::RangeBounds;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Difference, Iter, OrdMap};

/// Values in order, each once.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OrdSet<T>(OrdMap<T, ()>);

impl<T> Default for OrdSet<T> {
    fn default() -> Self {
        Self(OrdMap::default())
    }
}

impl<T> OrdSet<T> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> Values<'_, T> {
        Values(self.0.iter())
    }
}

impl<T: Ord> OrdSet<T> {
    pub(crate) fn contains(&self, value: &T) -> bool {
        self.0.contains_key(value)
    }

    pub(crate) fn range(&self, range: impl RangeBounds<T>) -> impl Iterator<Item = &T> {
        self.0.range(range).map(|(value, ())| value)
    }

    /// What is not the same in a later set: each value, and whether it is in that one.
    pub(crate) fn differences<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = (&'a T, bool)> {
        self.0.differences(&later.0).map(|difference| match difference {
            Difference::Gone(value, ()) => (value, false),
            Difference::New(value, ()) | Difference::Changed { key: value, .. } => (value, true),
        })
    }
}

impl<T: Ord + Clone> OrdSet<T> {
    /// Puts a value in; whether it was not there.
    pub(crate) fn insert(&mut self, value: T) -> bool {
        self.0.insert(value, ()).is_none()
    }

    /// Takes a value out; whether it was there.
    pub(crate) fn remove(&mut self, value: &T) -> bool {
        self.0.remove(value).is_some()
    }
}

impl<T: Ord + Clone> Extend<T> for OrdSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        self.0.extend(values.into_iter().map(|value| (value, ())));
    }
}

impl<T: Ord + Clone> FromIterator<T> for OrdSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self(values.into_iter().map(|value| (value, ())).collect())
    }
}

impl<T: fmt::Debug> fmt::Debug for OrdSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Serialize> Serialize for OrdSet<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, T: Ord + Clone + Deserialize<'de>> Deserialize<'de> for OrdSet<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

/// The values of a set in order.
pub(crate) struct Values<'a, T>(Iter<'a, T, ()>);

impl<'a, T> Iterator for Values<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        self.0.next().map(|(value, ())| value)
    }
}

impl<'a, T> IntoIterator for &'a OrdSet<T> {
    type Item = &'a T;
    type IntoIter = Values<'a, T>;
    fn into_iter(self) -> Values<'a, T> {
        self.iter()
    }
}
