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

/// How many rounds each program gets, one about with the one beside it; the fastest counts, since
/// the others were disturbed.
const ROUNDS: usize = 9;
/// How many answers are compared.
const COMPARED: usize = 10_000;
/// How many organizations a page asks about.
const PAGE: usize = 100;

/// Nanoseconds for one answer of a program, and of the one that was asked beside it.
#[derive(Clone, Copy)]
struct Pair {
    own: f64,
    beside: f64,
}

/// The questions of one size.
struct Asks {
    mixed: Vec<Ask>,
    hot: Vec<Ask>,
    /// What the plain maps answer to the first of the mixed ones.
    expected: Vec<bool>,
}

impl Asks {
    fn of(world: &World, count: usize, by_maps: &mut dyn FnMut(&Ask) -> bool) -> Self {
        let mixed = world.mixed(count);
        let expected = mixed.iter().take(COMPARED).map(by_maps).collect();
        Self { mixed, hot: world.hot(count), expected }
    }

    fn few(&self) -> Self {
        let few = |asks: &[Ask]| asks[..100_000].to_vec();
        Self { mixed: few(&self.mixed), hot: few(&self.hot), expected: self.expected.clone() }
    }

    /// Compares the answers with the plain maps', then times them beside another program.
    fn put_to(
        &self,
        name: &str,
        answer: &mut dyn FnMut(&Ask) -> bool,
        beside: &mut dyn FnMut(&Ask) -> bool,
    ) -> [Pair; 2] {
        for (ask, expected) in self.mixed.iter().zip(&self.expected) {
            assert_eq!(answer(ask), *expected, "{name} answers {ask:?} otherwise");
        }
        [&self.mixed, &self.hot].map(|asks| {
            let mut best = Pair { own: f64::MAX, beside: f64::MAX };
            for _ in 0..ROUNDS {
                best.beside = best.beside.min(once(asks.len(), || asks.iter().filter(|ask| beside(ask)).count()));
                best.own = best.own.min(once(asks.len(), || asks.iter().filter(|ask| answer(ask)).count()));
            }
            best
        })
    }
}

/// Nanoseconds for each of `count`.
fn once(count: usize, run: impl FnOnce() -> usize) -> f64 {
    let start = Instant::now();
    black_box(run());
    start.elapsed().as_nanos() as f64 / count as f64
}

/// The fastest of some rounds.
fn best(count: usize, mut run: impl FnMut() -> usize) -> f64 {
    (0..ROUNDS).map(|_| once(count, &mut run)).fold(f64::MAX, f64::min)
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |size: &Size| wanted.is_empty() || wanted.contains(&format!("{size:?}"));
    for size in Size::ALL.into_iter().filter(wanted) {
        let world = World::new(size);
        let (organizations, memberships) = (world.organizations(), world.memberships());
        println!("\n## {size:?}: {organizations} organizations, {memberships} memberships\n");
        println!("| program | mixed, ns | hot, ns | plain maps beside it | × plain, mixed | × plain, hot |");
        println!("|---|--:|--:|--:|--:|--:|");
        measure(&world, size);
    }
}

fn print(name: &str, [mixed, hot]: [Pair; 2]) {
    println!(
        "| {name} | {:.0} | {:.0} | {:.0}, {:.0} | {:.2} | {:.2} |",
        mixed.own,
        hot.own,
        mixed.beside,
        hot.beside,
        mixed.beside / mixed.own,
        hot.beside / hot.own
    );
}

fn measure(world: &World, size: Size) {
    let maps = PlainMaps::of(world);
    let mut by_maps =
        |ask: &Ask| maps.allows(ask.principal.uuid(), ask.organization.uuid(), world.claims[ask.claim].as_str());
    let asks = Asks::of(world, if size == Size::S { 200_000 } else { 1_000_000 }, &mut by_maps);
    forest(world, &asks, &mut by_maps);
    one_tree(world, &asks, &mut by_maps);
    if size != Size::L {
        let few = asks.few();
        let cedar = cedar::Prepared::new(world);
        let name = "cedar-policy, entities prepared";
        print(name, few.put_to(name, &mut |ask| cedar.allows(world, ask), &mut by_maps));
        drop(cedar);
        let casbin = casbin::Prepared::new(world);
        let name = "casbin, one policy a role";
        print(name, few.put_to(name, &mut |ask| casbin.allows(world, ask), &mut by_maps));
    }
}

fn forest(world: &World, asks: &Asks, by_maps: &mut dyn FnMut(&Ask) -> bool) {
    let (at, trees) = (now(), world.trees(Shape::Forest));
    let mut known = |ask: &Ask| {
        let access = trees[ask.estate].access();
        access.allows(ask.principal, ask.organization, &world.claims[ask.claim], at)
    };
    let name = "bailiwick, a known tree of the forest";
    print(name, asks.put_to(name, &mut known, by_maps));
    let directory = Directory::new(Logs::of(world, Duration::ZERO), world.domain.clone());
    for estate in &world.estates {
        pollster::block_on(directory.tree(estate.top())).unwrap();
    }
    let mut reader = directory.reader();
    let mut through = |ask: &Ask| reader.allows(ask.principal, ask.organization, &world.claims[ask.claim], at).unwrap();
    let name = "bailiwick, through the directory";
    print(name, asks.put_to(name, &mut through, by_maps));
    let [mixed, hot] = asks.put_to(name, &mut through, &mut known);
    println!(
        "| the same, of a known tree beside it | {:.2} | {:.2} | | | |",
        mixed.own / mixed.beside,
        hot.own / hot.beside
    );
}

fn one_tree(world: &World, asks: &Asks, by_maps: &mut dyn FnMut(&Ask) -> bool) {
    let at = now();
    let Some(tree) = world.trees(Shape::OneTree).pop() else { return };
    let mut by_id = |ask: &Ask| tree.access().allows(ask.principal, ask.organization, &world.claims[ask.claim], at);
    let name = "bailiwick, one tree";
    let line = asks.put_to(name, &mut by_id, by_maps);
    print(name, line);
    by_handle(world, &tree, asks, line[1].own);
    pages(world, &tree, line[0].own);
    let bytes = tree.access().index_bytes();
    println!(
        "\n{:.0} bytes of index a membership, {:.0} an organization",
        bytes as f64 / world.memberships() as f64,
        bytes as f64 / world.organizations() as f64
    );
}

/// Hot questions by handles, each looked up before.
fn by_handle(world: &World, tree: &OrganizationTree, asks: &Asks, by_id: f64) {
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
    println!("| bailiwick, one tree, by handles | | {hot:.0} | | | {:.2} of by id |", hot / by_id);
}

/// One principal and a page of organizations of their estate: single checks, and one call.
fn pages(world: &World, tree: &OrganizationTree, mixed: f64) {
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
    println!("| bailiwick, a page of 100: each by itself | {single:.0} | | | | |");
    println!(
        "| bailiwick, a page of 100: in one call | {at_once:.0} | | | {:.2} of mixed ones, {:.2} of by itself | |",
        at_once / mixed,
        at_once / single
    );
}
