//! A reader beside a writer, and the slowest of many writes: what a mean would hide.
//!
//! `cargo bench --bench beside`; with `BAILIWICK_BENCH=S,M,L` at the sizes of that list, and
//! otherwise at S and M.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench reads the clock, and fails by panicking"
)]

mod world;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bailiwick::{
    CommitKey, Context, Directory, GrantPrivilege, MemberEvent, OrganizationTree, PrincipalId, Privilege, Reader,
    RevokePrivilege,
};
use world::{Ask, Logs, Shape, World, now};

/// How long each turn takes.
const TURN: Duration = Duration::from_millis(500);
/// How often a reader is measured alone, and then beside a writer: a host is not as fast all the time.
const TURNS: u32 = 10;
/// How long a commit takes.
const COMMIT: Duration = Duration::from_millis(5);
/// How many writes the slowest is sought among.
const WRITES: usize = 200_000;
/// How often each write is timed.
const PASSES: usize = 3;

fn main() {
    for size in world::sizes() {
        let world = World::new(size);
        println!("\n{size:?}");
        for pause in [COMMIT, Duration::ZERO] {
            beside(&world, pause);
        }
        slowest(&world);
    }
}

/// Checks a second, in millions, until it is told to stop.
fn read(reader: &mut Reader<'_>, world: &World, asks: &[Ask], stop: &AtomicBool) -> f64 {
    let (start, mut checks, mut allowed, at) = (Instant::now(), 0_u64, 0_u64, now());
    while !stop.load(Ordering::Relaxed) {
        for ask in asks {
            let is = reader.allows(ask.principal, ask.organization, &world.claims[ask.claim], at);
            allowed += u64::from(is.unwrap());
        }
        checks += asks.len() as u64;
    }
    assert!(allowed > 0 && allowed < checks);
    checks as f64 / start.elapsed().as_secs_f64() / 1e6
}

/// One reader by turns alone and beside a writer that commits without pause.
fn beside(world: &World, pause: Duration) {
    let directory = Directory::new(Logs::of(world, pause), world.domain.clone());
    for estate in &world.estates {
        pollster::block_on(directory.tree(estate.top())).unwrap();
    }
    let (asks, commits) = (world.hot(300), AtomicUsize::new(0));
    let measured = |write: bool| {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| read(&mut directory.reader(), world, &asks, &stop));
            if write {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        grant(&directory, world, commits.fetch_add(1, Ordering::Relaxed));
                    }
                });
            }
            thread::sleep(TURN);
            stop.store(true, Ordering::Relaxed);
            reader.join().unwrap()
        })
    };
    let (mut alone, mut beside) = (0.0, 0.0);
    for _ in 0..TURNS {
        alone += measured(false) / f64::from(TURNS);
        beside += measured(true) / f64::from(TURNS);
    }
    let commits = commits.load(Ordering::Relaxed) as f64 / (TURN * TURNS).as_secs_f64();
    println!(
        "commits of {pause:?}: {alone:.1} million checks a second alone, {beside:.1} beside {commits:.0} commits a second: {:.2}",
        beside / alone
    );
}

/// Grants and revokes the same, for one after the other.
fn grant(directory: &Directory<Logs<'_>>, world: &World, number: usize) {
    let estate = &world.estates[number / 2 % world.estates.len()];
    let (who, at) = (estate.users[number / 2 / world.estates.len() % estate.users.len()], estate.top());
    let privilege: Privilege = world.claims[world::CLAIMS].clone().into();
    let key = CommitKey::from_u128(number as u128 + 1).unwrap();
    let context = Context::principal(estate.owner, at, now(), key);
    let done = if number.is_multiple_of(2) {
        pollster::block_on(directory.execute(at, &context, &GrantPrivilege::new(at, who, privilege))).map(drop).is_ok()
    } else {
        let revoke = RevokePrivilege { organization: at, principal: who, privilege };
        pollster::block_on(directory.execute(at, &context, &revoke)).map(drop).is_ok()
    };
    assert!(done, "the grant numbered {number} was refused");
}

/// People who come into one tree, one commit each, while the state before is still held. They come
/// three times into the same tree, and the least time of each counts: what is slow because of them
/// is slow again, and what is slow because something else had the processor is not.
fn slowest(world: &World) {
    let Some(tree) = world.trees(Shape::OneTree).pop() else { return };
    let mut times = vec![Duration::MAX; WRITES];
    // All are kept till the end: an allocator sorts what was let go of when it is next asked for much.
    let all: Vec<_> = (0..PASSES).map(|_| with_newcomers(world, tree.clone(), &mut times)).collect();
    times.sort_unstable();
    let at = |part: usize| times[(WRITES - 1) * part / 10_000];
    println!(
        "{WRITES} newcomers, each a commit: half within {:?}, 99.99 % within {:?}, the slowest {:?}",
        at(5_000),
        at(9_999),
        at(10_000)
    );
    drop(all);
}

/// The tree with all of them; each time is lowered to what the commit of that number took.
fn with_newcomers(world: &World, mut tree: OrganizationTree, times: &mut [Duration]) -> OrganizationTree {
    let mut draw = fastrand::Rng::with_seed(3);
    let mut commit = world.commit(tree.root());
    for (number, time) in times.iter_mut().enumerate() {
        let principal = PrincipalId::from_u128(draw.u128(1 << 96..)).unwrap();
        let organization = world.estates[number % world.estates.len()].top();
        commit.version = tree.version().next();
        commit.events =
            vec![MemberEvent::UserKnown { principal }.into(), MemberEvent::Added { organization, principal }.into()];
        let held = tree.clone();
        let start = Instant::now();
        tree.advance(&commit).unwrap();
        *time = start.elapsed().min(*time);
        drop(held);
    }
    tree
}
