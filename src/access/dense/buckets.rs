//! Items in buckets by number, put there by counting.

/// So many buckets, with what is in each in the order in which it came.
pub(crate) struct Buckets<T> {
    all: Vec<T>,
    /// Where each bucket ends, and the next begins.
    ends: Vec<usize>,
}

impl<T: Copy> Buckets<T> {
    /// With what comes with the number of its bucket, which is below `buckets`.
    pub(crate) fn of(buckets: usize, items: &[(u32, T)]) -> Self {
        let place = |bucket: &u32| usize::try_from(*bucket).unwrap_or(usize::MAX);
        let mut ends = vec![0_usize; buckets];
        for (bucket, _) in items {
            ends.get_mut(place(bucket)).into_iter().for_each(|count| *count = count.saturating_add(1));
        }
        // First where each bucket begins, then where it is filled up to.
        let mut begin = 0_usize;
        for end in &mut ends {
            begin = begin.saturating_add(std::mem::replace(end, begin));
        }
        let mut all: Vec<T> = items.iter().map(|(_, item)| *item).collect();
        for (bucket, item) in items {
            let Some(end) = ends.get_mut(place(bucket)) else { continue };
            all.get_mut(*end).into_iter().for_each(|place| *place = *item);
            *end = end.saturating_add(1);
        }
        Self { all, ends }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[T]> {
        let mut begin = 0_usize;
        self.ends.iter().map(move |end| self.all.get(std::mem::replace(&mut begin, *end)..*end).unwrap_or_default())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let (mut rest, mut begin) = (self.all.as_mut_slice(), 0_usize);
        self.ends.iter().map(move |end| {
            let len = end.saturating_sub(std::mem::replace(&mut begin, *end));
            rest.split_off_mut(..len).unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a vector for each bucket: none, few and many, of which some have nothing.
    #[test]
    fn each_bucket_has_what_is_its_own_in_order() {
        for (buckets, items) in [(0, 0), (1, 0), (1, 5), (300, 200), (300, 20_000)] {
            let (mut expected, mut all, mut draw) = (vec![Vec::new(); buckets], Vec::new(), 7_u32);
            for item in 0..items {
                draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let bucket = usize::try_from(draw >> 8).unwrap() % buckets;
                expected[bucket].push(item);
                all.push((u32::try_from(bucket).unwrap(), item));
            }
            let mut found = Buckets::of(buckets, &all);
            assert!(found.iter().eq(expected.iter().map(Vec::as_slice)));
            assert!(found.iter_mut().map(|bucket| &*bucket).eq(expected.iter().map(Vec::as_slice)));
        }
    }
}
