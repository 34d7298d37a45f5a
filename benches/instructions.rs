//! Instructions of a check, which are the same in every run, whatever else a machine does.
//!
//! `cargo bench --bench instructions`, with valgrind installed; `BAILIWICK_BENCH` chooses sizes. The program runs
//! itself under callgrind, with some rounds of questions and with none.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench fails by panicking"
)]

mod world;

use std::hint::black_box;
use std::process::Command;
use std::time::Duration;

use bailiwick::{Access, Directory, OrganizationTree};
use world::{Ask, Logs, Shape, Size, World, now};

/// How many questions a round has.
const QUESTIONS: usize = 300;
/// How many rounds are counted.
const ROUNDS: usize = 10;

/// How a question is asked.
const WAYS: [&str; 3] = ["by identifier", "by handles", "through the directory"];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, size, way, rounds] = arguments.as_slice() {
        return work(size, way, rounds.parse().unwrap());
    }
    for size in world::sizes() {
        for way in WAYS {
            let count = |rounds| count(&arguments[0], size, way, rounds);
            let counted = (count(ROUNDS) - count(0)) as f64 / (ROUNDS * QUESTIONS) as f64;
            println!("{size:?}, a hot check {way}: {counted:.0} instructions");
        }
    }
}

/// What callgrind counts of this program.
fn count(program: &str, size: Size, way: &str, rounds: usize) -> u64 {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", program, &format!("{size:?}"), way])
        .arg(rounds.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    let collected = said.lines().find_map(|line| line.split("Collected : ").nth(1));
    collected.unwrap_or_else(|| panic!("callgrind said: {said}")).trim().parse().unwrap()
}

fn work(size: &str, way: &str, rounds: usize) {
    let size = Size::ALL.into_iter().find(|one| format!("{one:?}") == size).unwrap();
    let world = World::new(size);
    let asks = world.hot(QUESTIONS);
    if way == WAYS[2] {
        return through_directory(&world, &asks, rounds);
    }
    let tree = world.trees(Shape::OneTree).pop().unwrap();
    if way == WAYS[0] {
        by_identifier(&world, &tree, &asks, rounds)
    } else {
        by_handles(&world, tree.access(), &asks, rounds)
    }
}

fn by_identifier(world: &World, tree: &OrganizationTree, asks: &[Ask], rounds: usize) {
    let at = now();
    for ask in (0..rounds).flat_map(|_| asks) {
        black_box(tree.access().allows(ask.principal, ask.organization, &world.claims[ask.claim], at));
    }
}

fn through_directory(world: &World, asks: &[Ask], rounds: usize) {
    let directory = Directory::new(Logs::of(world, Duration::ZERO), world.domain.clone());
    for estate in &world.estates {
        pollster::block_on(directory.tree(estate.top())).unwrap();
    }
    let (mut reader, at) = (directory.reader(), now());
    for ask in (0..rounds).flat_map(|_| asks) {
        black_box(reader.allows(ask.principal, ask.organization, &world.claims[ask.claim], at));
    }
}

fn by_handles(world: &World, access: Access<'_>, asks: &[Ask], rounds: usize) {
    let at = now();
    let resolve = |ask: &Ask| {
        let who = access.principal(ask.principal).unwrap();
        (who, access.organization(ask.organization).unwrap(), access.claim(&world.claims[ask.claim]).unwrap())
    };
    let resolved: Vec<_> = asks.iter().map(resolve).collect();
    for (who, place, claim) in (0..rounds).flat_map(|_| &resolved) {
        black_box(access.allows_by(*who, *place, *claim, at));
    }
}
