//! Rows of an ordered map whose keys are pairs.

use crate::id::Bounds;
use crate::ordered::OrdMap;

/// The rows under the first half of the key, with its second half.
pub(crate) fn under<A, B, V>(map: &OrdMap<(A, B), V>, first: A) -> impl Iterator<Item = (B, &V)>
where
    A: Ord + Copy,
    B: Ord + Copy + Bounds,
    V: Clone,
{
    map.range((first, B::MIN)..=(first, B::MAX)).map(|((_, second), value)| (*second, value))
}
