//! A primary that dies, and the standby that takes over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bailiwick::{CommitError, Receipt, Repository, Version};
use bailiwick_postgres::{Cursor, Options, PostgresError, PostgresRepository, Timeouts};
use tokio::task::JoinSet;
use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;

use crate::support::sample::{WHOLE, commit, tree};
use crate::support::server::{Durable, Server};
use crate::support::{connect, own_server, pool};

const WRITERS: u128 = 8;
/// Acknowledgements before the primary is killed.
const BEFORE: usize = 400;
/// Commits of each writer after the standby has taken over.
const AFTER: u64 = 20;

/// A primary whose commits wait for its standby.
async fn pair() -> Option<(Server, Server)> {
    let primary = own_server(Durable::Yes)?;
    let standby = Server::standby(&primary, "standby");
    primary.configure("synchronous_standby_names = 'standby'\n");
    primary.reload();
    let client = connect(&primary.config()).await;
    let state = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    while client.query_one(state, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some((primary, standby))
}

/// Whichever of the two takes writes.
fn either(primary: &Server, standby: &Server) -> Config {
    let mut config = primary.config();
    config.host("127.0.0.1").port(standby.port());
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    config
}

/// Sends one commit until it is acknowledged.
async fn insist(repository: &PostgresRepository, number: u128, version: u64) -> Receipt {
    loop {
        match repository.commit(commit(number, version)).await {
            Ok(receipt) => return receipt,
            Err(CommitError::Refused(refusal)) => panic!("{refusal}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

// spec: REP-2
// spec: REP-7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_commit_is_lost_when_the_standby_takes_over() {
    let Some((primary, standby)) = pair().await else { return };
    let repository = PostgresRepository::connect(either(&primary, &standby)).await.unwrap();
    let acknowledged = Arc::new(Mutex::new(BTreeMap::new()));
    let finish = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 1..=WRITERS {
        let (repository, acknowledged, finish) = (repository.clone(), acknowledged.clone(), finish.clone());
        writers.spawn(async move {
            let mut left = AFTER;
            for version in 1.. {
                let receipt = insist(&repository, writer, version).await;
                acknowledged.lock().unwrap().insert(receipt.key, receipt);
                if finish.load(Ordering::SeqCst) > 0 {
                    left -= 1;
                }
                if left == 0 {
                    break;
                }
            }
        });
    }
    while acknowledged.lock().unwrap().len() < BEFORE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::task::block_in_place(|| primary.kill());
    let before = acknowledged.lock().unwrap().len();
    tokio::task::block_in_place(|| standby.promote());
    finish.store(1, Ordering::SeqCst);
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }

    let promoted = PostgresRepository::connect(standby.config()).await.unwrap();
    let acknowledged = acknowledged.lock().unwrap().clone();
    let (mut found, mut keys) = (0, BTreeMap::new());
    for root in promoted.roots(None, WHOLE).await.unwrap() {
        for recorded in promoted.read(root, Version::ZERO, WHOLE).await.unwrap().commits {
            found += 1;
            keys.insert(recorded.key, (root, recorded.version));
        }
    }
    let is_there = |receipt: &&Receipt| receipt.versions.first() == keys.get(&receipt.key);
    let lost = acknowledged.len() - acknowledged.values().filter(is_there).count();
    let doubled = found - keys.len();
    println!(
        "acknowledged {} ({before} by the primary), found {found}, lost {lost}, doubled {doubled}",
        acknowledged.len()
    );
    assert_eq!((lost, doubled), (0, 0));
    assert!(before >= BEFORE && acknowledged.len() > before);
    drop(primary);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_read_and_followed_and_never_written() {
    let Some((primary, standby)) = pair().await else { return };
    let repository = PostgresRepository::connect(primary.config()).await.unwrap();
    repository.commit(commit(1, 1)).await.unwrap();
    let mut config = standby.config();
    config.target_session_attrs(TargetSessionAttrs::Any);
    // It has written everything down, and shows it a moment later.
    let reader = loop {
        match PostgresRepository::connect(config.clone()).await {
            Ok(reader) => break reader,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    while reader.feed(Cursor::START, WHOLE).await.unwrap().commits.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(reader.read(tree(1), Version::ZERO, WHOLE).await.unwrap().head, Version::new(1));
    let answer = reader.commit(commit(1, 2)).await;
    assert!(matches!(answer, Err(CommitError::NotWritten(PostgresError::ReadOnly { .. }))), "{answer:?}");
}

// Whoever cancels a server's wait for its standby makes it acknowledge, with a warning, what
// the standby does not have. So nothing here cancels: this side stops listening instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_gone_is_waited_for_and_then_unknown() {
    let Some((primary, standby)) = pair().await else { return };
    let short = Duration::from_millis(300);
    let timeouts = Timeouts { statement: short, ..Timeouts::default() };
    let options = Options { commit_timeout: 3 * short, ..Options::default() };
    let repository = PostgresRepository::open_with(pool(primary.config(), timeouts, 4), options).await.unwrap();
    repository.commit(commit(1, 1)).await.unwrap();
    let (naive, other) = (connect(&primary.config()).await, connect(&primary.config()).await);
    naive.batch_execute("CREATE TABLE naive (id integer)").await.unwrap();
    tokio::task::block_in_place(|| standby.kill());

    let naive = tokio::spawn(async move { naive.execute("INSERT INTO naive VALUES (1)", &[]).await });
    while !naive.is_finished() {
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        other.query(cancel, &[]).await.unwrap();
        tokio::time::sleep(short / 10).await;
    }
    assert_eq!(naive.await.unwrap().unwrap(), 1, "acknowledged, and on one machine only");

    let answer = repository.commit(commit(1, 2)).await;
    assert!(matches!(answer, Err(CommitError::Unknown(PostgresError::NoAnswer))), "{answer:?}");
    let again = repository.commit(commit(1, 2)).await;
    assert!(matches!(again, Err(CommitError::Unknown(PostgresError::Cancelled { .. }))), "{again:?}");
    tokio::task::block_in_place(|| standby.launch());
    assert_eq!(insist(&repository, 1, 2).await, commit(1, 2).receipt());
    assert_eq!(repository.read(tree(1), Version::ZERO, WHOLE).await.unwrap().commits.len(), 2);
}

// What a primary has on its own disk and not on the standby's is there when it is started
// again. Told to whoever sends it again, it must be on both by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_waits_for_the_standby_too() {
    let Some((primary, standby)) = pair().await else { return };
    let options = Options { commit_timeout: Duration::from_millis(500), ..Options::default() };
    let open =
        async || PostgresRepository::open_with(pool(primary.config(), Timeouts::default(), 4), options.clone()).await;
    let repository = open().await.unwrap();
    repository.commit(commit(1, 1)).await.unwrap();
    tokio::task::block_in_place(|| standby.kill());
    let answer = repository.commit(commit(1, 2)).await;
    assert!(matches!(answer, Err(CommitError::Unknown(PostgresError::NoAnswer))), "{answer:?}");
    tokio::task::block_in_place(|| {
        primary.kill();
        primary.launch();
    });
    let repository = open().await.unwrap();
    assert_eq!(repository.receipt(commit(1, 2).key()).await.unwrap(), Some(commit(1, 2).receipt()), "it is there");
    let again = repository.commit(commit(1, 2)).await;
    assert!(matches!(again, Err(CommitError::Unknown(PostgresError::NoAnswer))), "{again:?}");
    tokio::task::block_in_place(|| standby.launch());
    assert_eq!(insist(&repository, 1, 2).await, commit(1, 2).receipt());
}
