//! Against the standard library's map, in random histories with clones.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, u8),
    Edit(u16, u8),
    Remove(u16),
    /// Removes all from one key to another.
    Clear(u16, u16),
    Keep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few keys, so that they are met again; many, so that there are several levels.
    let key = || prop_oneof![0_u16..40, 0_u16..2_000];
    let step = prop_oneof![
        6 => (key(), any::<u8>()).prop_map(|(key, value)| Step::Insert(key, value)),
        2 => (key(), any::<u8>()).prop_map(|(key, value)| Step::Edit(key, value)),
        3 => key().prop_map(Step::Remove),
        1 => (key(), 0_u16..300).prop_map(|(key, many)| Step::Clear(key, key.saturating_add(many))),
        1 => Just(Step::Keep),
    ];
    prop::collection::vec(step, 0..400)
}

/// What a node must be: full enough, in order, and all leaves at one depth, which is answered.
fn sound(node: &Node<u16, u8>, from: Option<u16>, below: Option<u16>, is_root: bool) -> usize {
    assert!(node.len() <= MOST && (node.len() > 0 || (is_root && matches!(node, Node::Empty))));
    match node {
        Node::Empty => 0,
        Node::Leaf(entries) => {
            let keys: Vec<u16> = entries.iter().map(|(key, _)| *key).collect();
            assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(
                keys.iter().all(|key| from.is_none_or(|from| from <= *key) && below.is_none_or(|below| *key < below))
            );
            1
        }
        Node::Branch(nodes) => {
            let ends = nodes.iter().skip(1).map(|(lowest, _)| Some(*lowest)).chain([below]);
            let depths: BTreeSet<usize> =
                nodes.iter().zip(ends).map(|((lowest, node), end)| sound(node, Some(*lowest), end, false)).collect();
            assert_eq!(depths.len(), 1, "leaves lie at different depths");
            depths.first().unwrap() + 1
        }
    }
}

fn check(map: &OrdMap<u16, u8>, model: &BTreeMap<u16, u8>) {
    sound(&map.root, None, None, true);
    assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
    assert!(map.iter().eq(model.iter()));
    let mut iter = map.iter();
    for left in (0..=model.len()).rev() {
        assert_eq!(iter.size_hint().0, left);
        iter.next();
    }
    for key in [0, 1, 20, 39, 40, 500, 1_999, 2_000] {
        assert_eq!(map.get(&key), model.get(&key));
        assert!(map.range(key..).eq(model.range(key..)));
        assert!(map.range(..=key).eq(model.range(..=key)));
        let within = (Bound::Excluded(key), Bound::Excluded(key + 300));
        assert!(map.range(within).eq(model.range(within)));
    }
}

/// The differences by a look at everything.
fn differences<'a>(old: &'a BTreeMap<u16, u8>, new: &'a BTreeMap<u16, u8>) -> Vec<Difference<'a, u16, u8>> {
    let keys: BTreeSet<&u16> = old.keys().chain(new.keys()).collect();
    let difference = |key| match (old.get(key), new.get(key)) {
        (Some(old), Some(new)) => (old != new).then_some(Difference::Changed { key, old, new }),
        (Some(old), None) => Some(Difference::Gone(key, old)),
        (None, new) => new.map(|new| Difference::New(key, new)),
    };
    keys.into_iter().filter_map(difference).collect()
}

proptest! {
    #[test]
    fn it_is_what_a_map_is(start in prop::collection::btree_map(any::<u16>(), any::<u8>(), 0..600), steps in steps()) {
        let (mut map, mut model): (OrdMap<u16, u8>, _) = (start.clone().into_iter().collect(), start);
        let mut kept = vec![(map.clone(), model.clone())];
        for step in steps {
            match step {
                Step::Insert(key, value) => assert_eq!(map.insert(key, value), model.insert(key, value)),
                Step::Edit(key, value) => {
                    assert_eq!(map.get_mut(&key).copied(), model.get(&key).copied());
                    map.get_mut(&key).into_iter().chain(model.get_mut(&key)).for_each(|old| *old = value);
                }
                Step::Remove(key) => assert_eq!(map.remove(&key), model.remove(&key)),
                Step::Clear(from, to) => {
                    for key in from..=to {
                        assert_eq!(map.remove(&key), model.remove(&key));
                    }
                }
                Step::Keep => kept.push((map.clone(), model.clone())),
            }
        }
        check(&map, &model);
        for (older, as_it_was) in &kept {
            check(older, as_it_was);
            assert!(older.differences(&map).eq(differences(as_it_was, &model)));
            assert!(map.differences(older).eq(differences(&model, as_it_was)));
            assert_eq!(*older == map, *as_it_was == model);
        }
    }

    #[test]
    fn whatever_order_it_comes_in_it_is_in_order(entries in prop::collection::vec((any::<u16>(), any::<u8>()), 0..600), sorted: bool) {
        let mut entries = entries;
        if sorted {
            entries.sort_unstable();
        }
        check(&entries.iter().copied().collect(), &entries.into_iter().collect());
    }
}

#[test]
fn what_comes_in_order_fills_its_nodes() {
    let built: OrdMap<u16, u8> = (0..10_000).map(|key| (key, 0)).collect();
    let mut inserted = OrdMap::new();
    for key in 0..10_000 {
        inserted.insert(key, 0);
    }
    for (map, least) in [(built, MOST - 2), (inserted, MOST)] {
        let Node::Branch(nodes) = &map.root else { panic!("a leaf of 10,000") };
        let (mut waiting, mut leaves): (Vec<_>, Vec<usize>) = (nodes.iter().map(|(_, node)| node).collect(), vec![]);
        while let Some(node) = waiting.pop() {
            match node {
                Node::Empty => panic!("nothing among what is there"),
                Node::Leaf(entries) => leaves.push(entries.len()),
                Node::Branch(nodes) => waiting.extend(nodes.iter().map(|(_, node)| node)),
            }
        }
        assert!(leaves.iter().filter(|len| **len < least).count() <= 1);
    }
}

#[test]
fn what_is_shared_is_not_looked_at() {
    /// A value that says when it is compared.
    #[derive(Clone)]
    struct Watched<'c>(&'c std::cell::Cell<u32>);
    impl PartialEq for Watched<'_> {
        fn eq(&self, _: &Self) -> bool {
            self.0.set(self.0.get() + 1);
            true
        }
    }
    let compared = std::cell::Cell::new(0);
    let map: OrdMap<u32, _> = (0..100_000).map(|key| (key, Watched(&compared))).collect();
    let mut later = map.clone();
    later.insert(200_000, Watched(&compared));
    later.remove(&50_000);
    assert_eq!(map.differences(&later).count(), 2);
    assert!(compared.get() < 100, "{} of 100,000 were compared", compared.get());
}
