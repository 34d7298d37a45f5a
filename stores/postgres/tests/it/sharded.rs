//! One repository over two databases, with its map in a third: the contract, and the move of
//! a tree with writers at it and stopped at many points.

mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Poll;

use bailiwick::conformance::{self, Harness, HarnessError};
use bailiwick::{
    Changes, Commit, CommitError, CommitRefusal, MoveNumber, OrganizationId, Page, Portable, Repository, ShardClaim,
    ShardId, ShardMap, ShardedError, ShardedRepository, Version,
};
use bailiwick_postgres::{Cursor, Namespace, Options, PostgresError, PostgresRepository, PostgresShardMap, Timeouts};
use tokio::runtime::Runtime;

use crate::support::sample::{WHOLE, changes, commit, key, named, person, tree};
use crate::support::{Database, pool, runtime};

const A: ShardId = ShardId::new(1);
const B: ShardId = ShardId::new(2);

type Sharded = ShardedRepository<PostgresRepository, PostgresShardMap>;

/// Two databases for shards, and one for the map.
struct Three([Database; 3]);

impl Three {
    async fn new() -> Option<Self> {
        Some(Self([Database::new().await?, Database::new().await?, Database::new().await?]))
    }

    /// In this namespace of each, with new trees placed so.
    async fn open(&self, namespace: &Namespace, place: fn(u128) -> ShardId) -> Sharded {
        let Self([a, b, map]) = self;
        let options = Options { namespace: namespace.clone(), ..Options::default() };
        let shard = async |database: &Database| {
            let pool = pool(database.config(), Timeouts::default(), 16);
            PostgresRepository::open_with(pool, options.clone()).await.unwrap()
        };
        let map = PostgresShardMap::open(pool(map.config(), Timeouts::default(), 16), namespace.clone()).await;
        let shards = [(A, shard(a).await), (B, shard(b).await)];
        ShardedRepository::new(shards, map.unwrap()).placing(move |root| place(root.uuid().as_u128()))
    }

    async fn in_a(&self) -> Sharded {
        self.open(&Namespace::default(), |_| A).await
    }
}

/// The trees that the suite joins are in one shard, and half of the others in another.
fn together(root: u128) -> ShardId {
    if root < 3 || root.is_multiple_of(2) { A } else { B }
}

struct InNamespaces {
    databases: Three,
    runtime: Runtime,
    number: AtomicU32,
}

impl Harness for InNamespaces {
    type Storage = Namespace;
    type Repository = Sharded;

    fn storage(&self) -> Result<Namespace, HarnessError> {
        Ok(format!("storage_{}", self.number.fetch_add(1, Ordering::Relaxed)).parse()?)
    }

    fn open(&self, namespace: &Namespace) -> Result<Sharded, HarnessError> {
        Ok(self.runtime.block_on(self.databases.open(namespace, together)))
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

// spec: REP-5
#[test]
fn two_databases_and_a_map_keep_the_contract() {
    let runtime = runtime();
    let Some(databases) = runtime.block_on(Three::new()) else { return };
    let report = conformance::run(&InNamespaces { databases, runtime, number: AtomicU32::new(0) });
    assert!(report.passed(), "{report}");
}

/// A tree whose person was named, named anew by each commit, and erased by the last but one.
async fn live(repository: &Sharded, commits: u64) {
    for version in 1..=commits {
        let mut changes = changes(1, version);
        match commits - version {
            1 => changes.records = vec![(person(), None)],
            0 => changes.records = Vec::new(),
            _ => changes.records = vec![(person(), named("Sentinel-erased"))],
        }
        repository.commit(changes.into()).await.unwrap();
    }
    repository.commit(commit(2, 1)).await.unwrap();
}

type Told = (BTreeMap<OrganizationId, Page>, Vec<String>);

async fn everything(repository: &Sharded) -> Told {
    let (mut pages, mut told) = (BTreeMap::new(), Vec::new());
    for root in repository.roots(None, WHOLE).await.unwrap() {
        let page = repository.read(root, Version::ZERO, WHOLE).await.unwrap();
        for commit in page.commits.iter().step_by(50) {
            told.push(format!("{:?}", repository.receipt(commit.key).await.unwrap()));
        }
        told.push(format!("{root} in {:?}", repository.root_of(root).await.unwrap()));
        pages.insert(root, page);
    }
    (pages, told)
}

/// That a shard has nothing of a tree, and takes nothing for it.
async fn has_left(repository: &Sharded, shard: ShardId, database: &Database) {
    let shard = repository.shard(shard).unwrap();
    assert_eq!(shard.head(tree(1)).await.unwrap(), Version::ZERO);
    assert_eq!(shard.root_of(tree(1)).await.unwrap(), None);
    for version in [1, 301] {
        let mut stray = under(changes(1, version), 1 << 120);
        stray.records.clear();
        assert!(matches!(shard.commit(stray.into()).await, Err(CommitError::NotWritten(PostgresError::Fenced { .. }))));
    }
    let left = "SELECT (SELECT count(*) FROM bailiwick.recorded WHERE root = $1)
                     + (SELECT count(*) FROM bailiwick.record WHERE root = $1)";
    let left: i64 = database.client().await.query_one(left, &[&tree(1).uuid()]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

fn under(mut changes: Changes, with: u128) -> Changes {
    changes.recorded.key = key(with);
    changes
}

// spec: REP-2
// spec: REP-3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_changes_nothing_but_the_place() {
    let Some(databases) = Three::new().await else { return };
    let repository = databases.in_a().await;
    live(&repository, 300).await;
    let before = everything(&repository).await;
    for (to, from, left) in [(B, A, &databases.0[0]), (A, B, &databases.0[1]), (B, A, &databases.0[0])] {
        repository.move_tree(tree(1), to).await.unwrap();
        assert_eq!(everything(&repository).await, before);
        assert_eq!(repository.shard_of(tree(1)).await.unwrap(), Some(to));
        has_left(&repository, from, left).await;
    }
    // A key from before the move takes effect once, and is no other commit's.
    assert_eq!(repository.commit(commit(1, 7)).await.unwrap().version_of(tree(1)), Some(Version::new(7)));
    let reused = under(changes(1, 301), 1 << 64 | 7);
    let refused = repository.commit(reused.into()).await.unwrap_err();
    assert!(matches!(refused, CommitError::Refused(CommitRefusal::KeyReused { .. })), "{refused}");
    repository.commit(commit(1, 301)).await.unwrap();
    // Its feed shows the tree where it is.
    let feed = repository.shard(B).unwrap().feed(Cursor::START, WHOLE).await.unwrap();
    assert!(feed.commits.iter().all(|commit| commit.root == tree(1)));
    let database = databases.0[1].client().await;
    let erased = "SELECT count(*) FROM bailiwick.record WHERE value LIKE '%Sentinel-erased%'";
    assert_eq!(database.query_one(erased, &[]).await.unwrap().get::<_, i64>(0), 0);
}

/// Polls a future so often, and drops it if it has not answered by then.
async fn drop_after<T>(future: impl Future<Output = T>, polls: u32) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    std::future::poll_fn(|context| match left.checked_sub(1) {
        None => Poll::Ready(None),
        Some(fewer) => {
            left = fewer;
            future.as_mut().poll(context).map(Some)
        }
    })
    .await
}

// abuse: 107
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_dropped_anywhere_is_ended_or_taken_back() {
    let Some(databases) = Three::new().await else { return };
    let repository = databases.in_a().await;
    live(&repository, 4).await;
    let (mut dropped, mut undone) = (0, 0);
    for polls in (0..).step_by(3) {
        let from = repository.shard_of(tree(1)).await.unwrap().unwrap();
        let to = if from == A { B } else { A };
        let before = everything(&repository).await;
        let ended = drop_after(repository.move_tree(tree(1), to), polls).await;
        assert_eq!(everything(&repository).await, before, "dropped after {polls} polls");
        let taken_back = polls.is_multiple_of(2) && repository.undo_move(tree(1)).await.is_ok();
        if taken_back && ended.is_none() && repository.shard_of(tree(1)).await.unwrap() == Some(from) {
            undone += 1;
        } else {
            repository.move_tree(tree(1), to).await.unwrap();
        }
        assert_eq!(everything(&repository).await, before, "dropped after {polls} polls and ended or taken back");
        // It takes commits again, since it is by their versions that it refuses one.
        let refused = repository.commit(commit(1, 100)).await.unwrap_err();
        assert!(matches!(refused, CommitError::Refused(CommitRefusal::Conflict { .. })), "{refused}");
        if let Some(answer) = ended {
            answer.unwrap();
            break;
        }
        dropped += 1;
    }
    assert!(dropped > 10 && undone > 3, "{dropped} {undone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_lose_nothing_while_a_tree_moves_to_and_fro() {
    const WRITERS: u128 = 4;
    let Some(databases) = Three::new().await else { return };
    let repository = Arc::new(databases.in_a().await);
    live(&repository, 300).await;
    let (done, waited) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers = (1..=WRITERS).map(|writer| {
        let (repository, done, waited) = (repository.clone(), done.clone(), waited.clone());
        tokio::spawn(async move {
            let mut written = Vec::new();
            while !done.load(Ordering::SeqCst) {
                let next = repository.head(tree(1)).await.unwrap().next();
                let with = writer << 100 | written.len() as u128;
                let commit: Commit = under(changes(1, next.get()), with).into();
                match repository.commit(commit).await {
                    Ok(receipt) => written.push((receipt.key, receipt.version_of(tree(1)).unwrap())),
                    Err(CommitError::Refused(CommitRefusal::Conflict { .. })) => {}
                    Err(CommitError::NotWritten(ShardedError::Moving { .. })) => {
                        waited.fetch_add(1, Ordering::SeqCst);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            written
        })
    });
    let writers: Vec<_> = writers.collect();
    for to in [B, A, B, A, B] {
        repository.move_tree(tree(1), to).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    done.store(true, Ordering::SeqCst);
    let mut written = BTreeSet::new();
    for writer in writers {
        written.extend(writer.await.unwrap());
    }
    let page = repository.read(tree(1), Version::ZERO, WHOLE).await.unwrap();
    let there: BTreeSet<_> = page.commits.iter().skip(300).map(|commit| (commit.key, commit.version)).collect();
    assert_eq!(there, written);
    assert!(written.len() > 20 && waited.load(Ordering::SeqCst) > 0, "{} {waited:?}", written.len());
    has_left(&repository, A, &databases.0[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mover_that_slept_touches_nothing_of_a_later_move() {
    let Some(databases) = Three::new().await else { return };
    let repository = databases.in_a().await;
    live(&repository, 300).await;
    for to in [B, A] {
        repository.move_tree(tree(1), to).await.unwrap();
    }
    let (a, b) = (repository.shard(A).unwrap(), repository.shard(B).unwrap());
    let carried = a.export(tree(1), Version::ZERO, WHOLE).await.unwrap();
    let (late, last) = (MoveNumber::new(1), MoveNumber::new(2));
    let refused = [
        a.fence(tree(1), late).await.err(),
        b.import(tree(1), late, carried.clone()).await.err(),
        b.open(tree(1), late).await.err(),
        a.clear(tree(1), late).await.err(),
        a.import(tree(1), last, carried).await.err(),
        a.clear(tree(1), last).await.err(),
    ];
    for (step, refused) in refused.into_iter().enumerate() {
        assert!(matches!(refused, Some(PostgresError::Overtaken { .. })), "{step}: {refused:?}");
    }
    repository.commit(commit(1, 301)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_is_given_back_is_free_and_one_that_is_not_stays() {
    let Some(databases) = Three::new().await else { return };
    let repository = databases.in_a().await;
    let map = repository.map();
    let claim = ShardClaim { key: key(9), roots: vec![tree(2)], created: vec![tree(4)], newcomer: B };
    map.claim(&claim).await.unwrap().unwrap();
    map.claim(&claim).await.unwrap().unwrap();
    map.release(key(9)).await.unwrap();
    let pending = repository.commit(under(changes(4, 1), 10).into()).await.unwrap_err();
    assert!(matches!(pending, CommitError::NotWritten(ShardedError::OrganizationPending { .. })), "{pending}");
    let other = repository.commit(under(changes(5, 1), 9).into()).await.unwrap_err();
    assert!(matches!(other, CommitError::NotWritten(ShardedError::KeyPending { .. })), "{other}");
    map.release(key(9)).await.unwrap();
    repository.commit(under(changes(4, 1), 10).into()).await.unwrap();
    repository.commit(under(changes(5, 1), 9).into()).await.unwrap();
    assert_eq!(repository.shard_of(tree(2)).await.unwrap(), Some(B));
}
