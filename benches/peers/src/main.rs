//! The same questions, asked of bailiwick, of plain maps and of other projects, and one table
//! of what an answer takes.
//!
//! `cargo run --release -- S M L` in this folder. Every program's answers are first compared
//! with those of the plain maps on 10,000 questions.

mod casbin;
mod cedar;
#[path = "../../world/mod.rs"]
mod world;

use std::hint::black_box;
use std::time::{Duration, Instant};

use bailiwick::{Directory, OrganizationId, OrganizationTree, PrincipalId};
use world::{Ask, Logs, PlainMaps, Shape, Size, World, now};

/// How many rounds each program gets; the fastest counts, since the others were disturbed.
const ROUNDS: usize = 7;
/// How many answers are compared.
const COMPARED: usize = 10_000;
/// How many organizations a page asks about.
const PAGE: usize = 100;

struct Line {
    name: &'static str,
    mixed: f64,
    hot: f64,
}

/// The questions of one size.
struct Asks {
    mixed: Vec<Ask>,
    hot: Vec<Ask>,
}

impl Asks {
    fn of(world: &World, count: usize) -> Self {
        Self { mixed: world.mixed(count), hot: world.hot(count) }
    }

    /// Compares the answers with the plain maps', then times them.
    fn put_to(&self, name: &'static str, expected: &[bool], mut answer: impl FnMut(&Ask) -> bool) -> Line {
        for (ask, expected) in self.mixed.iter().zip(expected).take(COMPARED) {
            assert_eq!(answer(ask), *expected, "{name} answers {ask:?} otherwise");
        }
        let mut time = |asks: &[Ask]| best(asks.len(), || asks.iter().filter(|ask| answer(ask)).count());
        Line { name, mixed: time(&self.mixed), hot: time(&self.hot) }
    }
}

/// The fastest of some rounds, in nanoseconds for each of `count`.
fn best(count: usize, mut run: impl FnMut() -> usize) -> f64 {
    let round = || {
        let start = Instant::now();
        black_box(run());
        start.elapsed().as_nanos() as f64 / count as f64
    };
    std::iter::repeat_with(round).take(ROUNDS).fold(f64::MAX, f64::min)
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |size: &Size| wanted.is_empty() || wanted.contains(&format!("{size:?}"));
    for size in Size::ALL.into_iter().filter(wanted) {
        let world = World::new(size);
        let (organizations, memberships) = (world.organizations(), world.memberships());
        println!("\n## {size:?}: {organizations} organizations, {memberships} memberships\n");
        println!("| program | mixed, ns | hot, ns | × plain, mixed | × plain, hot |\n|---|--:|--:|--:|--:|");
        measure(&world, size);
    }
}

fn print(line: &Line, plain: &Line) {
    let (mixed, hot) = (plain.mixed / line.mixed, plain.hot / line.hot);
    println!("| {} | {:.0} | {:.0} | {mixed:.1} | {hot:.1} |", line.name, line.mixed, line.hot);
}

fn measure(world: &World, size: Size) {
    let asks = Asks::of(world, if size == Size::S { 200_000 } else { 1_000_000 });
    let maps = PlainMaps::of(world);
    let by_maps =
        |ask: &Ask| maps.allows(ask.principal.uuid(), ask.organization.uuid(), world.claims[ask.claim].as_str());
    let expected: Vec<bool> = asks.mixed.iter().take(COMPARED).map(by_maps).collect();
    let plain = asks.put_to("plain maps", &expected, by_maps);
    print(&plain, &plain);
    drop(maps);
    forest(world, &asks, &expected, &plain);
    one_tree(world, &asks, &expected, &plain);
    if size != Size::L {
        let few = Asks { mixed: asks.mixed[..100_000].to_vec(), hot: asks.hot[..100_000].to_vec() };
        let cedar = cedar::Prepared::new(world);
        print(&few.put_to("cedar-policy, entities prepared", &expected, |ask| cedar.allows(world, ask)), &plain);
        drop(cedar);
        let casbin = casbin::Prepared::new(world);
        print(&few.put_to("casbin, one policy a role", &expected, |ask| casbin.allows(world, ask)), &plain);
    }
}

fn forest(world: &World, asks: &Asks, expected: &[bool], plain: &Line) {
    let (at, trees) = (now(), world.trees(Shape::Forest));
    let by_id = |ask: &Ask| {
        let access = trees[ask.estate].access();
        access.allows(ask.principal, ask.organization, &world.claims[ask.claim], at)
    };
    print(&asks.put_to("bailiwick, a known tree of the forest", expected, by_id), plain);
    drop(trees);
    let directory = Directory::new(Logs::of(world, Duration::ZERO), world.domain.clone());
    for estate in &world.estates {
        pollster::block_on(directory.tree(estate.top())).unwrap();
    }
    let mut reader = directory.reader();
    let through = |ask: &Ask| {
        let tree = reader.tree_of(ask.organization);
        tree.is_some_and(|tree| tree.access().allows(ask.principal, ask.organization, &world.claims[ask.claim], at))
    };
    print(&asks.put_to("bailiwick, through the directory", expected, through), plain);
}

fn one_tree(world: &World, asks: &Asks, expected: &[bool], plain: &Line) {
    let at = now();
    let Some(tree) = world.trees(Shape::OneTree).pop() else { return };
    let by_id = |ask: &Ask| tree.access().allows(ask.principal, ask.organization, &world.claims[ask.claim], at);
    let line = asks.put_to("bailiwick, one tree", expected, by_id);
    print(&line, plain);
    by_handle(world, &tree, asks, &line);
    pages(world, &tree);
    let bytes = tree.access().index_bytes();
    println!(
        "\n{:.0} bytes of index a membership, {:.0} an organization",
        bytes as f64 / world.memberships() as f64,
        bytes as f64 / world.organizations() as f64
    );
}

/// Hot questions by handles, each looked up before.
fn by_handle(world: &World, tree: &OrganizationTree, asks: &Asks, by_id: &Line) {
    let (at, access) = (now(), tree.access());
    let resolved: Vec<_> = (asks.hot.iter().take(300))
        .filter_map(|ask| {
            let who = access.principal(ask.principal)?;
            Some((who, access.organization(ask.organization)?, access.claim(&world.claims[ask.claim])?))
        })
        .collect();
    let rounds = asks.hot.len() / 300;
    let run = || {
        (0..rounds)
            .flat_map(|_| &resolved)
            .filter(|(who, place, what)| access.allows_by(*who, *place, *what, at))
            .count()
    };
    let hot = best(rounds * 300, run);
    println!("| bailiwick, one tree, by handles | | {hot:.0} | | {:.2} of by id |", hot / by_id.hot);
}

/// One principal and a page of organizations of their estate: single checks, and one call.
fn pages(world: &World, tree: &OrganizationTree) {
    let (at, access) = (now(), tree.access());
    let mut draw = fastrand::Rng::with_seed(11);
    let page = |_| {
        let estate = &world.estates[draw.usize(..world.estates.len())];
        let who = estate.users[draw.usize(..estate.users.len())];
        let places = (0..PAGE).map(|_| {
            let of = &world.estates[draw.usize(..world.estates.len())];
            of.organizations[draw.usize(..of.organizations.len())].0
        });
        (who, places.collect::<Vec<OrganizationId>>(), draw.usize(..world.claims.len()))
    };
    let pages: Vec<(PrincipalId, Vec<OrganizationId>, usize)> = (0..2_000).map(page).collect();
    let single = best(pages.len() * PAGE, || {
        let one = |(who, places, claim): &(PrincipalId, Vec<OrganizationId>, usize)| {
            places.iter().filter(|place| access.allows(*who, **place, &world.claims[*claim], at)).count()
        };
        pages.iter().map(one).sum()
    });
    let at_once = best(pages.len() * PAGE, || {
        let all = |(who, places, claim): &(PrincipalId, Vec<OrganizationId>, usize)| {
            access.allows_each(*who, places, &world.claims[*claim], at).into_iter().filter(|allowed| *allowed).count()
        };
        pages.iter().map(all).sum()
    });
    println!("| bailiwick, a page of 100: each by itself | {single:.0} | | | |");
    println!("| bailiwick, a page of 100: in one call | {at_once:.0} | | {:.2} of by itself | |", at_once / single);
}
