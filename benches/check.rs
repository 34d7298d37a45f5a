//! Checks and their like, each beside the simplest correct thing in plain maps.
//!
//! `cargo bench --bench check`; with `BAILIWICK_BENCH=S,M,L` at the sizes of that list, and
//! otherwise at S and M. Every time is that of one question.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench fails by panicking"
)]

mod world;

use std::hint::black_box;

use bailiwick::{OrganizationTree, RosterFilter};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use world::{Ask, PlainMaps, Shape, Size, World, now};

/// One question after the other, for ever.
struct Cycle<'a> {
    asks: &'a [Ask],
    next: usize,
}

impl<'a> Cycle<'a> {
    fn next(&mut self) -> &'a Ask {
        self.next = if self.next + 1 < self.asks.len() { self.next + 1 } else { 0 };
        &self.asks[self.next]
    }
}

/// Times a question over a set of them.
fn each<R>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    size: Size,
    asks: &[Ask],
    mut answer: impl FnMut(&Ask) -> R,
) {
    let mut cycle = Cycle { asks, next: 0 };
    group.bench_function(BenchmarkId::new(name, format!("{size:?}")), |bencher| {
        bencher.iter(|| black_box(answer(black_box(cycle.next()))));
    });
}

fn checks(criterion: &mut Criterion) {
    for size in world::sizes() {
        let world = World::new(size);
        let maps = PlainMaps::of(&world);
        let trees = world.trees(Shape::Forest);
        let Some(tree) = world.trees(Shape::OneTree).pop() else { continue };
        let at = now();
        let plain =
            |ask: &Ask| maps.allows(ask.principal.uuid(), ask.organization.uuid(), world.claims[ask.claim].as_str());
        let allows = |tree: &OrganizationTree, ask: &Ask| {
            tree.access().allows(ask.principal, ask.organization, &world.claims[ask.claim], at)
        };
        let mixed = world.mixed(500_000);
        let (allowed, denied): (Vec<Ask>, Vec<Ask>) = mixed.iter().copied().partition(|ask| plain(ask));
        for (name, asks) in [("mixed", &mixed), ("hot", &world.hot(3_000)), ("allowed", &allowed), ("denied", &denied)]
        {
            let mut group = criterion.benchmark_group(format!("check/{name}"));
            each(&mut group, "plain maps", size, asks, plain);
            each(&mut group, "forest", size, asks, |ask| allows(&trees[ask.estate], ask));
            each(&mut group, "one tree", size, asks, |ask| allows(&tree, ask));
        }
        ways(criterion, &world, &tree, size);
        answers(criterion, &world, &tree, size);
    }
}

/// A check by each way that there is to hold something.
fn ways(criterion: &mut Criterion, world: &World, tree: &OrganizationTree, size: Size) {
    let at = now();
    let mut group = criterion.benchmark_group("check/by");
    for (name, asks) in world.ways() {
        let access = tree.access();
        each(&mut group, name, size, &asks, |ask| {
            access.allows(ask.principal, ask.organization, &world.claims[ask.claim], at)
        });
    }
    let mut special = tree.clone();
    for (name, asks) in world.special_ways(&mut special) {
        let access = special.access();
        assert!(asks.iter().all(|ask| access.allows(ask.principal, ask.organization, &world.claims[ask.claim], at)));
        each(&mut group, name, size, &asks, |ask| {
            access.allows(ask.principal, ask.organization, &world.claims[ask.claim], at)
        });
    }
}

/// What is asked less often: explanations, lists, rosters.
fn answers(criterion: &mut Criterion, world: &World, tree: &OrganizationTree, size: Size) {
    let (at, asks, access) = (now(), world.mixed(20_000), tree.access());
    let mut group = criterion.benchmark_group("answer");
    each(&mut group, "explain", size, &asks, |ask| {
        access.explain(ask.principal, ask.organization, &world.claims[ask.claim], at)
    });
    each(&mut group, "organizations of a principal", size, &asks, |ask| access.organizations(ask.principal, None, at));
    let customers: Vec<Ask> =
        asks.iter().copied().filter(|ask| ask.organization != world.estates[ask.estate].top()).collect();
    each(&mut group, "everyone in an organization", size, &customers, |ask| {
        access.principals(ask.organization, None, at)
    });
    let page = std::num::NonZeroU32::new(50).unwrap();
    group.sample_size(10);
    each(&mut group, "roster page of 50", size, &customers, |ask| {
        tree.roster(world.estates[ask.estate].owner, ask.organization, &RosterFilter::default(), 0, page, at)
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(1)).warm_up_time(std::time::Duration::from_millis(300));
    targets = checks
}
criterion_main!(benches);
