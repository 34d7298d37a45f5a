//! The move of a tree: whole, stopped at each point, taken back, and with writers at it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bailiwick::{
    AttachOrganization, CommitError, Directory, DirectoryError, EditOrganization, MemoryRepository, MemoryShardMap,
    MoveNumber, Portable, Repository, ShardId, ShardMap, ShardedError, ShardedRepository, Version,
};
use pollster::block_on;

use crate::flaky::{Flaky, Fuse};
use crate::world::{
    A, B, CONTOSO, ERASED, FABRIKAM, NORTHWIND, by_ada, changes, domain, everything, key, live, organization, sharded,
    whole,
};

type Stopping = ShardedRepository<Flaky<MemoryRepository>, Flaky<MemoryShardMap>>;

fn stopping() -> (Directory<Stopping>, Fuse) {
    let fuse = Fuse::new();
    let shard = || Flaky { inner: MemoryRepository::new(), fuse: fuse.clone() };
    let map = Flaky { inner: MemoryShardMap::new(), fuse: fuse.clone() };
    let repository = ShardedRepository::new([(A, shard()), (B, shard())], map).placing(|_| A);
    let directory = Directory::new(repository, domain());
    block_on(live(&directory));
    (directory, fuse)
}

fn moving<S: std::error::Error, M: std::error::Error>(error: &CommitError<ShardedError<S, M>>) -> bool {
    matches!(error, CommitError::NotWritten(ShardedError::Moving { .. }))
}

/// That a tree takes its next commit, once.
fn takes_commits(repository: &Stopping, with: u128) {
    let next = block_on(repository.head(organization(FABRIKAM))).unwrap().next().get();
    let commit = changes(FABRIKAM, next, with);
    let receipt = block_on(repository.commit(commit.clone().into())).unwrap();
    assert_eq!(block_on(repository.commit(commit.into())).unwrap(), receipt);
    assert_eq!(block_on(repository.head(organization(FABRIKAM))).unwrap(), Version::new(next));
}

/// That it has one home, which has all of it, and that nothing is left elsewhere.
fn is_in(repository: &Stopping, shard: ShardId) {
    assert_eq!(block_on(repository.shard_of(organization(FABRIKAM))).unwrap(), Some(shard));
    let other = repository.shard(if shard == A { B } else { A }).unwrap();
    let left = block_on(whole(other, FABRIKAM)).unwrap();
    assert_eq!((left.commits.len(), left.records.len(), left.head), (0, 0, Version::ZERO));
    assert_eq!(block_on(other.root_of(organization(CONTOSO))).unwrap(), None);
    // A shard that no move has come to does not know that it has no business with the tree.
    let places = block_on(repository.map().places(&[organization(FABRIKAM)])).unwrap();
    if places[0].unwrap().number == MoveNumber::default() {
        return;
    }
    let next = block_on(repository.head(organization(FABRIKAM))).unwrap().next().get();
    for version in [1, next] {
        let stray = block_on(other.commit(changes(FABRIKAM, version, 5_000_000).into()));
        assert!(stray.is_err(), "a second home has taken version {version}");
    }
}

#[test]
fn a_move_changes_nothing_but_the_place() {
    let (directory, _) = stopping();
    let repository = directory.repository();
    let before = block_on(everything(repository));
    let tree = block_on(directory.tree(organization(FABRIKAM))).unwrap();
    for to in [B, A, B] {
        block_on(repository.move_tree(organization(FABRIKAM), to)).unwrap();
        assert_eq!(block_on(everything(repository)), before);
        assert_eq!(block_on(repository.shard_of(organization(FABRIKAM))).unwrap(), Some(to));
        assert_eq!(block_on(repository.shard_of(organization(NORTHWIND))).unwrap(), Some(A));
        let rebuilt = Directory::new(repository.shard(to).unwrap().clone(), domain());
        let rebuilt = block_on(rebuilt.tree(organization(FABRIKAM))).unwrap();
        assert_eq!(format!("{rebuilt:?}"), format!("{tree:?}"));
    }
    is_in(repository, B);
    assert!(!serde_json::to_string(&block_on(whole(repository, FABRIKAM)).unwrap().records).unwrap().contains(ERASED));
    takes_commits(repository, 5_000_001);
    // It is there already, and a tree that is nowhere cannot be moved.
    block_on(repository.move_tree(organization(FABRIKAM), B)).unwrap();
    let nothing = block_on(repository.move_tree(organization(CONTOSO), B)).unwrap_err();
    assert!(matches!(nothing, ShardedError::NoTree { .. }), "{nothing}");
}

// spec: REP-2
// spec: REP-3
// abuse: 107
#[test]
fn a_move_that_stops_anywhere_is_ended_by_calling_it_again() {
    let mut point = 0;
    loop {
        let (directory, fuse) = stopping();
        let (repository, root) = (directory.repository(), organization(FABRIKAM));
        let before = block_on(everything(repository));
        fuse.set(point);
        let ended = block_on(repository.move_tree(root, B)).is_ok();
        fuse.remove();
        assert_eq!(block_on(everything(repository)), before, "stopped at {point}");
        let next = block_on(repository.head(root)).unwrap().next().get();
        let sent = block_on(repository.commit(changes(FABRIKAM, next, 5_000_000).into()));
        assert!(sent.is_ok() || sent.as_ref().is_err_and(moving), "stopped at {point}: {sent:?}");
        let expected = block_on(everything(repository));

        // Stopped a second time, two points on from where it goes on.
        fuse.set(2);
        let _stopped = block_on(repository.move_tree(root, B));
        fuse.remove();
        assert_eq!(block_on(everything(repository)), expected, "stopped at {point} and again");
        block_on(repository.move_tree(root, B)).unwrap();
        assert_eq!(block_on(everything(repository)), expected, "stopped at {point} and ended");
        is_in(repository, B);
        if sent.is_err() {
            block_on(repository.commit(changes(FABRIKAM, next, 5_000_000).into())).unwrap();
        }
        takes_commits(repository, 5_000_001);
        if ended {
            break;
        }
        point += 1;
    }
    assert!(point > 20, "the fuse was never met: {point}");
}

#[test]
fn a_move_that_stops_anywhere_is_taken_back_or_can_only_be_ended() {
    let (mut undone, mut gone_on) = (0, 0);
    for point in 0.. {
        let (directory, fuse) = stopping();
        let (repository, root) = (directory.repository(), organization(FABRIKAM));
        let before = block_on(everything(repository));
        fuse.set(point);
        let ended = block_on(repository.move_tree(root, B)).is_ok();
        for stop in 0..10 {
            fuse.set(stop);
            let _stopped = block_on(repository.undo_move(root));
        }
        fuse.remove();
        match block_on(repository.undo_move(root)) {
            Ok(()) if !ended && block_on(repository.shard_of(root)).unwrap() == Some(A) => {
                undone += 1;
                is_in(repository, A);
            }
            Ok(()) => is_in(repository, B),
            Err(ShardedError::MovingElsewhere { to, .. }) => {
                gone_on += 1;
                assert_eq!(to, B);
                block_on(repository.move_tree(root, B)).unwrap();
                is_in(repository, B);
            }
            Err(error) => panic!("{error}"),
        }
        assert_eq!(block_on(everything(repository)), before, "stopped at {point}");
        takes_commits(repository, 5_000_001);
        // The same again, whatever was left behind.
        block_on(repository.move_tree(root, A)).unwrap();
        block_on(repository.move_tree(root, B)).unwrap();
        is_in(repository, B);
        if ended {
            break;
        }
    }
    assert!(undone > 10 && gone_on > 3, "{undone} {gone_on}");
}

#[test]
fn a_copy_that_differs_is_never_made_the_tree() {
    let (directory, fuse) = stopping();
    let (repository, root) = (directory.repository(), organization(FABRIKAM));
    let before = block_on(everything(repository));
    fuse.lose();
    for _ in 0..2 {
        let differs = block_on(repository.move_tree(root, B)).unwrap_err();
        assert!(matches!(differs, ShardedError::Differs { .. }), "{differs}");
        assert_eq!(block_on(everything(repository)), before);
    }
    fuse.remove();
    block_on(repository.undo_move(root)).unwrap();
    is_in(repository, A);
    takes_commits(repository, 5_000_001);
    block_on(repository.move_tree(root, B)).unwrap();
    is_in(repository, B);
}

#[test]
fn a_mover_that_slept_touches_nothing_of_a_later_move() {
    let (directory, _) = stopping();
    let (repository, root) = (directory.repository(), organization(FABRIKAM));
    for to in [B, A] {
        block_on(repository.move_tree(root, to)).unwrap();
    }
    let before = block_on(everything(repository));
    let (a, b) = (repository.shard(A).unwrap(), repository.shard(B).unwrap());
    let carried = block_on(a.export(root, Version::ZERO, std::num::NonZeroU32::MAX)).unwrap();
    // What a mover of the first move would do next, at each of its steps.
    let late = MoveNumber::new(1);
    assert!(block_on(a.fence(root, late)).is_err());
    assert!(block_on(b.import(root, late, carried.clone())).is_err());
    assert!(block_on(b.open(root, late)).is_err());
    assert!(block_on(a.clear(root, late)).is_err());
    // And one of the last move, once that has ended.
    assert!(block_on(a.import(root, MoveNumber::new(2), carried)).is_err());
    assert!(block_on(a.clear(root, MoveNumber::new(2))).is_err());
    assert_eq!(block_on(everything(repository)), before);
    takes_commits(repository, 5_000_001);
}

// spec: HIE-5
// spec: HIE-6
#[test]
fn two_trees_in_two_shards_are_joined_after_one_was_moved() {
    let repository = sharded(|_| A);
    let directory = Directory::new(repository, domain());
    block_on(live(&directory));
    let (fabrikam, northwind) = (organization(FABRIKAM), organization(NORTHWIND));
    block_on(directory.repository().move_tree(northwind, B)).unwrap();

    let attach = AttachOrganization { organization: northwind, new_parent: fabrikam };
    let refused = block_on(directory.attach(fabrikam, &by_ada(5_000_000), &attach)).unwrap_err();
    let DirectoryError::Storage(ShardedError::Apart { .. }) = refused else { panic!("{refused}") };
    assert!(refused.to_string().contains("move one to the other first"), "{refused}");

    // The key of the detach that made the second tree is answered, though they are apart.
    let detached = block_on(directory.repository().receipt(key(6))).unwrap().unwrap();
    assert_eq!(detached.versions.len(), 2);

    block_on(directory.repository().move_tree(northwind, A)).unwrap();
    block_on(directory.attach(fabrikam, &by_ada(5_000_000), &attach)).unwrap();
    let home = block_on(directory.repository().root_of(northwind)).unwrap();
    assert_eq!(home, Some(fabrikam));
    // What has joined goes where its tree goes.
    block_on(directory.repository().move_tree(fabrikam, B)).unwrap();
    assert_eq!(block_on(directory.repository().root_of(northwind)).unwrap(), Some(fabrikam));
}

#[test]
fn writers_lose_nothing_while_a_tree_moves_to_and_fro() {
    const WRITERS: u128 = 4;
    let (directory, fuse) = stopping();
    fuse.remove();
    let (directory, root) = (Arc::new(directory), organization(FABRIKAM));
    let before = block_on(directory.repository().head(root)).unwrap().get();
    let (done, waited) = (AtomicBool::new(false), AtomicU64::new(0));
    let written: u64 = std::thread::scope(|scope| {
        let write = |writer: u128| {
            let (directory, done, waited) = (&directory, &done, &waited);
            move || {
                let mut written = 0;
                while !done.load(Ordering::SeqCst) {
                    let name = format!("Contoso {writer} {written}").parse().unwrap();
                    let context = by_ada((writer << 64) + written);
                    let edit = EditOrganization { name: Some(name), ..EditOrganization::of(organization(CONTOSO)) };
                    match block_on(directory.execute(root, &context, &edit)) {
                        Ok(done) => {
                            assert!(done.output.is_some(), "a commit was there that nobody was told of");
                            written += 1;
                        }
                        Err(DirectoryError::Storage(ShardedError::Moving { .. })) => {
                            waited.fetch_add(1, Ordering::SeqCst);
                            std::thread::yield_now();
                        }
                        Err(DirectoryError::Contended { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                u64::try_from(written).unwrap()
            }
        };
        let writers: Vec<_> = (1..=WRITERS).map(|writer| scope.spawn(write(writer))).collect();
        for to in [B, A].into_iter().cycle().take(40) {
            block_on(directory.repository().move_tree(root, to)).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        done.store(true, Ordering::SeqCst);
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    let page = block_on(whole(directory.repository(), FABRIKAM)).unwrap();
    assert_eq!(page.head.get(), before + written);
    let keys: BTreeSet<_> = page.commits.iter().map(|commit| commit.key).collect();
    assert_eq!(keys.len(), page.commits.len());
    assert!(written > 40 && waited.load(Ordering::SeqCst) > 0, "{written} written, {waited:?} waited");
    is_in(directory.repository(), A);
}
