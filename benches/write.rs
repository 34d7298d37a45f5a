//! Commands, clones and loading, from the log and from a snapshot: what grows with the tree, and what does not.
//!
//! `cargo bench --bench write`; with `BAILIWICK_BENCH=S,M,L` at the sizes of that list, and
//! otherwise at S and M.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench fails by panicking"
)]

mod world;

use std::collections::BTreeSet;

use bailiwick::{
    AddGroupMember, BoxedRepository, Changes, Command, CommitKey, Context, Directory, GrantPrivilege, GroupId,
    InvitationId, InvitationToken, Invite, LinkGroup, LinkId, LinkTerms, OrganizationId, OrganizationTree, Participant,
    PrincipalId, Repository, Version,
};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use uuid::Uuid;
use world::{Estate, Shape, Size, World, now};

/// The acting owner of an estate.
fn context(estate: &Estate) -> Context {
    Context::principal(estate.owner, estate.top(), now(), CommitKey::from_u128(1).unwrap())
}

fn writes(criterion: &mut Criterion) {
    for size in world::sizes() {
        let world = World::new(size);
        let Some(tree) = world.trees(Shape::OneTree).pop() else { continue };
        commands(criterion, &world, &tree, size);
        let mut group = criterion.benchmark_group("tree");
        group.bench_function(BenchmarkId::new("clone", format!("{size:?}")), |bencher| bencher.iter(|| tree.clone()));
        drop(tree);
        group.sample_size(10);
        for shape in [Shape::Forest, Shape::OneTree] {
            let logs = world.logs(shape);
            let events = logs.iter().flat_map(|(_, log)| log).map(|commit| commit.events.len() as u64).sum();
            group.throughput(Throughput::Elements(events));
            group.bench_function(BenchmarkId::new(format!("replay {shape:?}"), format!("{size:?}")), |bencher| {
                let replay = || {
                    logs.iter()
                        .map(|(root, log)| OrganizationTree::replay(*root, world.domain.clone(), log, []).unwrap())
                        .collect::<Vec<_>>()
                };
                bencher.iter_batched(|| (), |()| replay(), BatchSize::PerIteration);
            });
        }
        group.finish();
        for shape in [Shape::Forest, Shape::OneTree] {
            load(criterion, &world, shape, size);
            if size != Size::L {
                start(criterion, &world, shape, size);
            }
        }
    }
}

/// Trees from their snapshots, as the replays above are of commits that are in memory already.
fn load(criterion: &mut Criterion, world: &World, shape: Shape, size: Size) {
    let snapshots: Vec<_> = world.trees(shape).iter().map(|tree| tree.snapshot().unwrap()).collect();
    let mut group = criterion.benchmark_group("tree");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(snapshots.iter().map(|snapshot| snapshot.bytes().len() as u64).sum()));
    group.bench_function(BenchmarkId::new(format!("load {shape:?}"), format!("{size:?}")), |bencher| {
        let load = |snapshot| OrganizationTree::from_snapshot(world.domain.clone(), snapshot, []).unwrap();
        bencher.iter_batched(|| (), |()| snapshots.iter().map(load).collect::<Vec<_>>(), BatchSize::PerIteration);
    });
}

/// All trees by a new directory over SQLite in memory: from the log alone, and from snapshots.
fn start(criterion: &mut Criterion, world: &World, shape: Shape, size: Size) {
    let repository = BoxedRepository::new(bailiwick_sqlite::SqliteRepository::in_memory().unwrap());
    let directory = || Directory::new(repository.clone(), world.domain.clone());
    let mut roots = Vec::new();
    for (root, log) in world.logs(shape) {
        roots.push(root);
        for mut commit in log {
            // The logs are of trees that never shared a repository.
            commit.key = CommitKey::new(Uuid::from_u64_pair(roots.len() as u64, commit.version.get())).unwrap();
            pollster::block_on(repository.commit(Changes::new(commit, Vec::new()).into())).unwrap();
        }
    }
    let mut group = criterion.benchmark_group("start");
    group.sample_size(10);
    for from in ["the log", "snapshots"] {
        if from == "snapshots" {
            let keep = |root: &OrganizationId| pollster::block_on(directory().keep_snapshot(*root)).unwrap();
            roots.iter().for_each(|root| assert!(keep(root) > Version::ZERO));
        }
        group.bench_function(BenchmarkId::new(format!("{shape:?} from {from}"), format!("{size:?}")), |bencher| {
            let start = |directory: Directory<_>| {
                roots.iter().for_each(|root| drop(pollster::block_on(directory.tree(*root)).unwrap()));
                directory
            };
            bencher.iter_batched(directory, start, BatchSize::PerIteration);
        });
    }
}

/// Times a command on a tree that others hold too, decided and then applied to a clone.
fn each<C: Command>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    (name, size): (&str, Size),
    tree: &OrganizationTree,
    mut command: impl FnMut() -> (Context, C),
) {
    group.bench_function(BenchmarkId::new(name, format!("{size:?}")), |bencher| {
        bencher.iter_batched(
            &mut command,
            |(context, command)| {
                let Ok(decided) = tree.decide(&context, &command) else { panic!("{name} was refused") };
                let mut next = tree.clone();
                next.apply(&decided.changes).unwrap();
                next
            },
            BatchSize::PerIteration,
        );
    });
}

fn commands(criterion: &mut Criterion, world: &World, tree: &OrganizationTree, size: Size) {
    let mut next = 0;
    let mut estate = || {
        next = (next + 7) % world.estates.len();
        &world.estates[next]
    };
    let mut group = criterion.benchmark_group("decide and apply");
    each(&mut group, ("grant", size), tree, || {
        let of = estate();
        let claim = world.claims[world::CLAIMS].clone();
        (context(of), GrantPrivilege::new(of.top(), of.users[1], claim.into()))
    });
    each(&mut group, ("join a group", size), tree, || {
        let of = estate();
        let (group, _) = of.groups[0];
        let new = |user: &&PrincipalId| !of.members.contains(&(**user, group));
        let participant = Participant::Principal(*of.users.iter().find(new).unwrap());
        (context(of), AddGroupMember { organization: of.top(), group, participant })
    });
    // New ones each time: where they belong is in no cache.
    let mut ids = fastrand::Rng::with_seed(11);
    each(&mut group, ("link", size), tree, || {
        let of = estate();
        let linked: BTreeSet<(GroupId, _)> = of.links.iter().map(|(_, group, target)| (*group, *target)).collect();
        let targets = || of.organizations[1..11].iter().map(|(target, _)| *target);
        let mut free = targets().flat_map(|target| of.groups.iter().map(move |(group, _)| (*group, target)));
        let (group, target) = free.find(|pair| !linked.contains(pair)).unwrap();
        let link = LinkId::from_u128(ids.u128(1..)).unwrap();
        (context(of), LinkGroup { link, source: of.top(), group, target, terms: LinkTerms::target() })
    });
    each(&mut group, ("invite", size), tree, || {
        let of = estate();
        let token = InvitationToken::from_entropy([7; 32]);
        let invitation = InvitationId::from_u128(ids.u128(1..)).unwrap();
        let address = "new.colleague@example.com".parse().unwrap();
        (context(of), Invite::as_member(invitation, of.top(), of.groups[0].0, address, &token))
    });
    group.bench_function(BenchmarkId::new("a draft of ten", format!("{size:?}")), |bencher| {
        bencher.iter_batched(&mut estate, |of| draft_of_ten(world, tree, of), BatchSize::PerIteration);
    });
}

/// Ten grants in one commit.
fn draft_of_ten(world: &World, tree: &OrganizationTree, of: &Estate) -> OrganizationTree {
    let mut draft = tree.draft(context(of));
    for user in &of.users[1..11] {
        let claim = world.claims[world::CLAIMS].clone();
        if draft.run(&GrantPrivilege::new(of.top(), *user, claim.into())).is_err() {
            panic!("a grant was refused");
        }
    }
    let mut next = tree.clone();
    next.apply(&draft.finish()).unwrap();
    next
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(1)).warm_up_time(std::time::Duration::from_millis(300));
    targets = writes
}
criterion_main!(benches);
