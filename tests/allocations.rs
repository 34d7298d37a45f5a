//! A check allocates nothing, whatever gives it or does not.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "../benches/world/mod.rs"]
mod world;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use world::{Ask, Shape, Size, World, now};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_check_allocates_nothing() {
    let world = World::new(Size::S);
    let mut tree = world.trees(Shape::OneTree).pop().unwrap();
    let special = world.special_ways(&mut tree);
    let ways = world.ways().into_iter().chain(special).chain([("anything", world.mixed(5_000))]);
    let (at, access) = (now(), tree.access());
    let allows = |ask: &Ask| access.allows(ask.principal, ask.organization, &world.claims[ask.claim], at);
    for (name, asks) in ways {
        let region = Region::new(ALLOCATOR);
        let allowed = asks.iter().filter(|ask| allows(ask)).count();
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations), (0, 0), "by {name}");
        assert!(allowed > 0, "nothing was allowed by {name}");
        assert_eq!(name == "anything", allowed < asks.len(), "{name}");
    }
    // And the counter counts.
    let region = Region::new(ALLOCATOR);
    assert!(!access.organizations(world.estates[0].users[0], None, at).is_empty());
    assert!(region.change().allocations > 0);
}
