//! The contract, sentence by sentence, over two shards.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bailiwick::conformance::{self, Harness, HarnessError, Sentence};
use bailiwick::{
    Commit, CommitError, CommitRefusal, MemoryRepository, MemoryShardMap, OrganizationId, Repository, ShardClaim,
    ShardId, ShardMap, ShardedError, ShardedRepository,
};

use crate::world::{A, B, Sharded, changes, key, organization, sharded};

/// Two shards in memory, and where each new tree is placed.
struct TwoShards {
    place: fn(u128) -> ShardId,
    used: Arc<Mutex<BTreeSet<ShardId>>>,
}

impl Harness for TwoShards {
    type Storage = ([MemoryRepository; 2], MemoryShardMap);
    type Repository = Sharded;

    fn storage(&self) -> Result<Self::Storage, HarnessError> {
        Ok(([MemoryRepository::new(), MemoryRepository::new()], MemoryShardMap::new()))
    }

    fn open(&self, ([a, b], map): &Self::Storage) -> Result<Sharded, HarnessError> {
        let (place, used) = (self.place, self.used.clone());
        let shards = [(A, a.clone()), (B, b.clone())];
        Ok(ShardedRepository::new(shards, map.clone()).placing(move |root| {
            let shard = place(root.uuid().as_u128());
            used.lock().unwrap().insert(shard);
            shard
        }))
    }
}

/// The trees that the suite joins are in one shard, and half of the others in another.
fn together(root: u128) -> ShardId {
    if root < 3 || root.is_multiple_of(2) { A } else { B }
}

/// Every other tree is in another shard.
fn apart(root: u128) -> ShardId {
    if root.is_multiple_of(2) { A } else { B }
}

// spec: REP-5
#[test]
fn two_shards_keep_the_contract_where_what_is_joined_is_together() {
    let used = Arc::default();
    let report = conformance::run(&TwoShards { place: together, used: Arc::clone(&used) });
    assert!(report.passed(), "{report}");
    assert_eq!(*used.lock().unwrap(), BTreeSet::from([A, B]));
}

#[test]
fn where_it_is_apart_only_joint_commits_are_refused_and_say_what_to_do() {
    let report = conformance::run(&TwoShards { place: apart, used: Arc::default() });
    let failures: Vec<_> = report.failures().collect();
    let sentences: Vec<Sentence> = failures.iter().map(|(sentence, _)| *sentence).collect();
    assert_eq!(sentences, [Sentence::R3, Sentence::R12, Sentence::R13], "{report}");
    for (sentence, failure) in failures {
        assert!(failure.to_string().contains("move one to the other first"), "{sentence}: {failure}");
    }
}

fn send(repository: &Sharded, commit: impl Into<Commit>) -> Result<(), CommitError<<Sharded as Repository>::Error>> {
    pollster::block_on(repository.commit(commit.into())).map(|_| ())
}

/// A process claims and ends, before its shard has heard of the commit.
fn claim_and_stop(repository: &Sharded, root: u128, with: u128, created: &[u128]) {
    let created = created.iter().map(|number| organization(*number)).collect();
    let claim = ShardClaim { key: key(with), roots: vec![organization(root)], created, newcomer: A };
    pollster::block_on(repository.map().claim(&claim)).unwrap().unwrap();
}

// spec: REP-3
#[test]
fn a_key_takes_effect_once_in_all_shards() {
    let repository = sharded(apart);
    send(&repository, changes(1, 1, 7)).unwrap();
    let other = send(&repository, changes(2, 1, 7)).unwrap_err();
    assert!(matches!(other, CommitError::Refused(CommitRefusal::KeyReused { .. })), "{other}");
    send(&repository, changes(1, 1, 7)).unwrap();
}

#[test]
fn a_key_of_which_nobody_knows_whether_it_takes_effect_is_no_others() {
    let repository = sharded(apart);
    claim_and_stop(&repository, 1, 7, &[]);
    let pending = send(&repository, changes(2, 1, 7)).unwrap_err();
    assert!(matches!(pending, CommitError::NotWritten(ShardedError::KeyPending { .. })), "{pending}");
    send(&repository, changes(1, 1, 7)).unwrap();
}

#[test]
fn a_key_whose_commit_was_refused_is_free_for_another_tree() {
    let repository = sharded(apart);
    let conflict = send(&repository, changes(1, 5, 7)).unwrap_err();
    assert!(matches!(conflict, CommitError::Refused(CommitRefusal::Conflict { .. })), "{conflict}");
    send(&repository, changes(2, 1, 7)).unwrap();
}

// spec: HIE-7
#[test]
fn an_organization_is_new_in_all_shards() {
    let repository = sharded(apart);
    // The first commit of a tree creates the organization of its root.
    send(&repository, changes(1, 1, 7)).unwrap();
    let by_other_key = changes(1, 1, 8);
    let taken = send(&repository, by_other_key).unwrap_err();
    assert!(
        matches!(taken, CommitError::Refused(CommitRefusal::OrganizationTaken { organization: id }) if id == organization(1)),
        "{taken}"
    );
    claim_and_stop(&repository, 2, 9, &[4]);
    let pending = send(&repository, changes(4, 1, 10)).unwrap_err();
    assert!(matches!(pending, CommitError::NotWritten(ShardedError::OrganizationPending { .. })), "{pending}");
    // Whoever claimed it and was refused has given it back.
    let conflict = ShardClaim { key: key(9), roots: vec![organization(2)], created: vec![], newcomer: A };
    pollster::block_on(repository.map().release(conflict.key)).unwrap();
    send(&repository, changes(4, 1, 10)).unwrap();
}

#[test]
fn a_map_that_names_a_shard_that_is_not_here_is_an_error() {
    let map = MemoryShardMap::new();
    let whole = ShardedRepository::new([(A, MemoryRepository::new()), (B, MemoryRepository::new())], map.clone())
        .placing(|_| B);
    send(&whole, changes(1, 1, 7)).unwrap();
    let half = ShardedRepository::new([(A, MemoryRepository::new())], map);
    let missing = pollster::block_on(half.head(organization(1))).unwrap_err();
    assert!(matches!(missing, ShardedError::NoShard { shard } if shard == B), "{missing}");
    let root: OrganizationId = organization(1);
    assert!(pollster::block_on(half.shard_of(root)).unwrap() == Some(B));
}
