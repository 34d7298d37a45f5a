//! The feed skips nothing, whatever runs at the same time.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bailiwick::{OrganizationId, Recorded, Repository, Version};
use bailiwick_postgres::{Cursor, PostgresError, PostgresRepository};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::Database;
use crate::support::sample::{WHOLE, commit, tree};

const WRITERS: u128 = 8;
const COMMITS: u64 = 60;
/// Longer than any transaction of these tests.
const PATIENCE: Duration = Duration::from_secs(60);

type Place = (OrganizationId, Version);

fn place(recorded: &Recorded) -> Place {
    (recorded.root, recorded.version)
}

fn few() -> NonZeroU32 {
    NonZeroU32::new(7).unwrap()
}

/// Reads on until nothing more comes, and as often again as it takes to have seen so many:
/// transactions of other databases of the server hold the feed up as well.
async fn follow(repository: &PostgresRepository, mut after: Cursor, wanted: usize) -> Vec<Place> {
    let mut seen = Vec::new();
    for _ in 0..2_000 {
        let page = repository.feed(after, few()).await.unwrap();
        after = page.next;
        seen.extend(page.commits.iter().map(place));
        if page.commits.is_empty() {
            if seen.len() >= wanted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_at_the_end_meets_what_comes_next() {
    let Some(database) = Database::new().await else { return };
    let repository = database.open().await;
    let empty = repository.feed_end().await.unwrap();
    assert_eq!(repository.feed(empty, few()).await.unwrap().commits, []);
    repository.commit(commit(1, 1)).await.unwrap();
    assert_eq!(follow(&repository, empty, 1).await, [(tree(1), Version::new(1))]);
    let end = repository.feed_end().await.unwrap();
    repository.commit(commit(1, 2)).await.unwrap();
    assert_eq!(follow(&repository, end, 1).await, [(tree(1), Version::new(2))]);
}

// abuse: 109
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_miss_no_commit() {
    let Some(database) = Database::new().await else { return };
    let repository = database.open().await;
    let writing = Arc::new(AtomicBool::new(true));
    let (shown, is_shown) = watch::channel(false);
    let reader = tokio::spawn({
        let (repository, writing) = (repository.clone(), writing.clone());
        async move {
            let (mut after, mut seen) = (Cursor::START, Vec::new());
            while writing.load(Ordering::SeqCst) {
                let page = repository.feed(after, few()).await.unwrap();
                after = page.next;
                seen.extend(page.commits.iter().map(place));
                shown.send_replace(!seen.is_empty());
            }
            (after, seen)
        }
    });
    let mut writers = JoinSet::new();
    for writer in 1..=WRITERS {
        let (repository, mut is_shown) = (repository.clone(), is_shown.clone());
        writers.spawn(async move {
            for version in 1..=COMMITS {
                // The reader is to read while they write. Whatever writes in another database of
                // the server meanwhile holds the feed up, until it ends.
                if version == COMMITS / 2 {
                    let shown = tokio::time::timeout(PATIENCE, is_shown.wait_for(|shown| *shown)).await;
                    shown.expect("the feed shows something").unwrap();
                }
                repository.commit(commit(writer, version)).await.unwrap();
            }
        });
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    writing.store(false, Ordering::SeqCst);
    let (after, mut seen) = reader.await.unwrap();

    let all = usize::try_from(WRITERS).unwrap() * usize::try_from(COMMITS).unwrap();
    seen.extend(follow(&repository, after, all - seen.len()).await);
    let found: BTreeSet<Place> = seen.iter().copied().collect();
    let missed = all - found.len();
    println!("{} writers, commits {all}, seen {}, missed {missed}", WRITERS, seen.len());
    assert_eq!((missed, seen.len()), (0, all), "each once");
    for root in repository.roots(None, WHOLE).await.unwrap() {
        let versions: Vec<u64> = seen.iter().filter(|(of, _)| *of == root).map(|(_, at)| at.get()).collect();
        assert_eq!(versions, (1..=COMMITS).collect::<Vec<_>>(), "in order");
    }
}

// What polling for a greater number does, beside what the feed does, when the transaction
// with the lower number is the slower one.
#[tokio::test]
async fn a_slow_transaction_is_missed_by_numbers_and_not_by_the_feed() {
    let Some(database) = Database::new().await else { return };
    let repository = database.open().await;
    let mut client = database.client().await;
    let slow = client.transaction().await.unwrap();
    let write = "INSERT INTO bailiwick.tree (root, head) VALUES ($1, 1)";
    let first = commit(1, 1);
    let (root, body) = (first.parts().next().unwrap().root(), &first.parts().next().unwrap().recorded);
    slow.execute(write, &[&root.uuid()]).await.unwrap();
    let write = "INSERT INTO bailiwick.recorded (root, version, body) VALUES ($1, 1, $2)";
    slow.execute(write, &[&root.uuid(), &serde_json::to_string(body).unwrap()]).await.unwrap();
    repository.commit(commit(2, 1)).await.unwrap();

    let naive = database.client().await;
    let asked = "SELECT transaction::text::bigint FROM bailiwick.recorded
                 WHERE transaction::text::bigint > $1 ORDER BY transaction";
    let after: Vec<i64> = naive.query(asked, &[&0_i64]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(after.len(), 1, "the faster one is there");
    let page = repository.feed(Cursor::START, few()).await.unwrap();
    assert_eq!(page.commits, [], "it is not shown before the slower one has ended");

    slow.commit().await.unwrap();
    let missed = naive.query(asked, &[after.last().unwrap()]).await.unwrap();
    assert!(missed.is_empty(), "by numbers, the slower one is never seen");
    let seen = follow(&repository, page.next, 2).await;
    assert_eq!(seen.iter().map(|(root, _)| root.uuid().as_u128()).collect::<Vec<_>>(), [1, 2]);
}

// As text, 100 would come before 99.
#[tokio::test]
async fn transactions_come_in_the_order_of_their_numbers() {
    let Some(database) = Database::new().await else { return };
    let repository = database.open().await;
    for version in 1..=12 {
        repository.commit(commit(1, version)).await.unwrap();
    }
    let earlier = "UPDATE bailiwick.recorded SET transaction = (93 + version)::text::xid8";
    database.client().await.batch_execute(earlier).await.unwrap();
    let versions: Vec<u64> =
        follow(&repository, Cursor::START, 12).await.iter().map(|(_, version)| version.get()).collect();
    assert_eq!(versions, (1..=12).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_feed_goes_on_after_a_restore_that_numbers_transactions_anew() {
    let Some(database) = Database::new().await else { return };
    let repository = database.open().await;
    for version in 1..=3 {
        repository.commit(commit(1, version)).await.unwrap();
    }
    let kept: Cursor = follow_to_end(&repository).await.to_string().parse().unwrap();
    // What a dump holds, in a cluster that is far behind the numbers in it.
    let ahead = "UPDATE bailiwick.recorded SET transaction = (transaction::text::bigint + 1000000)::text::xid8";
    database.client().await.batch_execute(ahead).await.unwrap();
    let refused = repository.feed(Cursor::START, WHOLE).await;
    assert!(matches!(refused, Err(PostgresError::CursorAhead(Cursor::START))), "{refused:?}");
    let far = kept.to_string().replacen(char::is_numeric, "9999999", 1);
    let refused = repository.feed(far.parse().unwrap(), WHOLE).await;
    assert!(matches!(refused, Err(PostgresError::CursorAhead(_))), "{refused:?}");

    repository.renumber_feed().await.unwrap();
    repository.commit(commit(1, 4)).await.unwrap();
    let versions: Vec<u64> = follow(&repository, kept, 4).await.iter().map(|(_, version)| version.get()).collect();
    assert_eq!(versions, [1, 2, 3, 4]);
}

async fn follow_to_end(repository: &PostgresRepository) -> Cursor {
    loop {
        let page = repository.feed(Cursor::START, WHOLE).await.unwrap();
        if page.commits.len() == 3 {
            return page.next;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
