//! The read models of a tree go with it from one database to the other.

use std::collections::BTreeSet;

use bailiwick::{OrganizationTree, Repository, ShardId, ShardedRepository};
use bailiwick_postgres::{Namespace, PostgresRepository, PostgresShardMap, Timeouts};
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use super::{A, B, Three};
use crate::flaky::{Flaky, Fuse};
use crate::history::{self, History, domain, root};
use crate::support::rows::{check_rows, has_rows};
use crate::support::{Database, pool, runtime};

const SEED: u64 = 31;

type Stopping = ShardedRepository<Flaky<PostgresRepository>, Flaky<PostgresShardMap>>;

struct Shards {
    runtime: Runtime,
    databases: Three,
    fuse: Fuse,
    /// A team's, of each database.
    readers: [(ShardId, Client); 2],
}

impl Shards {
    /// `None`, said loudly, if there is no server.
    fn new() -> Option<Self> {
        let runtime = runtime();
        let databases = runtime.block_on(Three::new())?;
        let Three([a, b, _]) = &databases;
        let readers = runtime.block_on(async { [(A, a.client().await), (B, b.client().await)] });
        Some(Self { runtime, databases, fuse: Fuse::new(), readers })
    }

    /// As a process does that starts: it brings rows in step that are not.
    fn open(&self) -> Stopping {
        let Three([a, b, map]) = &self.databases;
        let shard = async |database: &Database| {
            let inner = database.open().await.with_read_models(domain(SEED)).await.unwrap();
            Flaky { inner, fuse: self.fuse.clone() }
        };
        self.runtime.block_on(async {
            let map = pool(map.config(), Timeouts::default(), 16);
            let map = PostgresShardMap::open(map, Namespace::default()).await.unwrap();
            let map = Flaky { inner: map, fuse: self.fuse.clone() };
            ShardedRepository::new([(A, shard(a).await), (B, shard(b).await)], map).placing(|_| A)
        })
    }

    fn commit(&self, repository: &Stopping, history: &mut History, changes: bailiwick::Changes) {
        history.tree.apply(&changes).unwrap();
        self.runtime.block_on(repository.commit(changes.into())).unwrap();
    }

    fn step(&self, repository: &Stopping, history: &mut History) {
        let changes = std::iter::repeat_with(|| history.step()).flatten().next().unwrap();
        self.commit(repository, history, changes);
    }

    /// Where the rows of a tree are: each database has all as the tree says, or none.
    fn places(&self, tree: &OrganizationTree) -> Vec<ShardId> {
        let mut places = Vec::new();
        for (shard, reader) in &self.readers {
            if self.runtime.block_on(has_rows(reader, tree.root())) {
                self.runtime.block_on(check_rows(reader, tree));
                places.push(*shard);
            }
        }
        places
    }

    fn is_at(&self, repository: &Stopping) -> ShardId {
        self.runtime.block_on(repository.shard_of(root())).unwrap().unwrap()
    }
}

// spec: REP-2
// abuse: 107
#[test]
fn rows_are_where_the_tree_is_however_often_its_move_stops() {
    let Some(shards) = Shards::new() else { return };
    let mut repository = shards.open();
    let (mut moving, mut staying) = (History::new(SEED), History::of(history::organization(50), SEED));
    moving.begin(|history, changes| shards.commit(&repository, history, changes));
    staying.found("Contoso", |history, changes| shards.commit(&repository, history, changes));
    (0..20).for_each(|_| shards.step(&repository, &mut moving));
    let mut seen = BTreeSet::new();
    for point in 0.. {
        let from = shards.is_at(&repository);
        let to = if from == A { B } else { A };
        assert_eq!(shards.places(&moving.tree), [from], "before the move");

        shards.fuse.set(point);
        let ended = shards.runtime.block_on(repository.move_tree(root(), to)).is_ok();
        shards.fuse.remove();
        let places = shards.places(&moving.tree);
        seen.insert((places.contains(&from), places.contains(&to)));
        // Another process goes on.
        repository = shards.open();
        if point % 3 == 0
            && shards.runtime.block_on(repository.undo_move(root())).is_ok()
            && shards.is_at(&repository) == from
        {
            assert_eq!(shards.places(&moving.tree), [from], "stopped at {point} and taken back");
        }
        shards.runtime.block_on(repository.move_tree(root(), to)).unwrap();
        assert_eq!(shards.places(&moving.tree), [to], "stopped at {point} and ended");
        assert_eq!(shards.places(&staying.tree), [A], "its neighbour has not moved");
        shards.step(&repository, &mut moving);
        assert_eq!(shards.places(&moving.tree), [to], "after the next commit");
        if ended {
            assert!(point > 14, "the fuse was never met: {point}");
            break;
        }
    }
    // At the source, then at both, then at the target, and never nowhere.
    assert_eq!(seen, BTreeSet::from([(true, false), (true, true), (false, true)]));
}

// What is deleted by hand is made anew by the next opening or commit, and a move may come first.
#[test]
fn rows_of_a_tree_that_leaves_go_even_if_nothing_says_of_which_version_they_are() {
    let Some(shards) = Shards::new() else { return };
    let (repository, mut moving) = (shards.open(), History::new(SEED));
    moving.begin(|history, changes| shards.commit(&repository, history, changes));
    shards.runtime.block_on(shards.readers[0].1.batch_execute("DELETE FROM bailiwick.read_tree")).unwrap();
    shards.runtime.block_on(repository.move_tree(root(), B)).unwrap();
    assert_eq!(shards.places(&moving.tree), [B]);
}
