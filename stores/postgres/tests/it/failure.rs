//! What fails is told by its kind, nothing is lost, and nothing is there twice.

use std::time::Duration;

use bailiwick::{Commit, CommitError, CommitRefusal, Receipt, Repository, Version};
use bailiwick_postgres::{PostgresError, PostgresRepository, Timeouts};
use tokio_postgres::Client;

use crate::proxy::{Cut, Proxy};
use crate::support::sample::{WHOLE, changes, commit, tree};
use crate::support::{Database, pool};

type Answer = Result<Receipt, CommitError<PostgresError>>;

fn impatient() -> Timeouts {
    let short = Duration::from_millis(300);
    Timeouts { statement: 2 * short, lock: short, ..Timeouts::default() }
}

/// A tree of three commits, and a connection that is not the repository's.
async fn three_commits() -> Option<(Database, PostgresRepository, Client)> {
    let database = Database::new().await?;
    let repository = database.open_with(impatient()).await;
    for version in 1..=3 {
        repository.commit(commit(1, version)).await.unwrap();
    }
    let client = database.client().await;
    Some((database, repository, client))
}

/// A trigger on each row that is inserted into a table.
async fn trigger(client: &Client, when: &str, table: &str, body: &str) {
    let sql = format!(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$;
         CREATE {when} FOR EACH ROW EXECUTE FUNCTION fail()",
        when = when.replace("TABLE", &format!("bailiwick.{table}"))
    );
    client.batch_execute(&sql).await.unwrap();
}

const BEFORE: &str = "TRIGGER fail BEFORE INSERT ON TABLE";
/// With the COMMIT.
const DEFERRED: &str = "CONSTRAINT TRIGGER fail AFTER INSERT ON TABLE DEFERRABLE INITIALLY DEFERRED";

/// That nothing of the fourth commit is there, and that it is written when the fault is gone.
async fn written_afterwards(repository: &PostgresRepository, client: &Client) {
    assert_eq!(repository.head(tree(1)).await.unwrap(), Version::new(3));
    assert_eq!(repository.receipt(commit(1, 4).key()).await.unwrap(), None);
    client.batch_execute("DROP FUNCTION IF EXISTS fail() CASCADE").await.unwrap();
    repository.commit(commit(1, 4)).await.unwrap();
    let page = repository.read(tree(1), Version::ZERO, WHOLE).await.unwrap();
    assert_eq!(page.commits.len(), 4);
}

// spec: REP-7
#[tokio::test]
async fn a_statement_that_takes_too_long_is_not_written() {
    let Some((_database, repository, client)) = three_commits().await else { return };
    trigger(&client, BEFORE, "recorded", "PERFORM pg_sleep(20)").await;
    let answer = repository.commit(commit(1, 4)).await;
    assert!(matches!(answer, Err(CommitError::NotWritten(PostgresError::Cancelled { .. }))), "{answer:?}");
    written_afterwards(&repository, &client).await;
}

// spec: REP-7
#[tokio::test]
async fn a_tree_that_is_locked_for_too_long_is_not_written() {
    let Some((_database, repository, client)) = three_commits().await else { return };
    client.batch_execute("BEGIN; SELECT * FROM bailiwick.tree FOR UPDATE").await.unwrap();
    let answer = repository.commit(commit(1, 4)).await;
    assert!(matches!(answer, Err(CommitError::NotWritten(PostgresError::Locked { .. }))), "{answer:?}");
    client.batch_execute("ROLLBACK").await.unwrap();
    written_afterwards(&repository, &client).await;
}

// The one that was sent first may still be written after the second has been answered.
// spec: REP-7
#[tokio::test]
async fn a_commit_whose_first_sending_is_still_under_way_is_unknown() {
    let Some((_database, repository, client)) = three_commits().await else { return };
    let claim = "INSERT INTO bailiwick.commit_key (key, fingerprint, root, version) VALUES ($1, $2, $1, 4)";
    client.batch_execute("BEGIN").await.unwrap();
    client.execute(claim, &[&commit(1, 4).key().uuid(), &[0_u8; 32].as_slice()]).await.unwrap();
    let answer = repository.commit(commit(1, 4)).await;
    assert!(matches!(answer, Err(CommitError::Unknown(PostgresError::Locked { .. }))), "{answer:?}");
    client.batch_execute("ROLLBACK").await.unwrap();
    written_afterwards(&repository, &client).await;
}

// spec: REP-7
#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_written() {
    let Some((_database, repository, client)) = three_commits().await else { return };
    let full = "RAISE 'could not extend file' USING ERRCODE = '53100'";
    for table in ["commit_key", "recorded"] {
        trigger(&client, BEFORE, table, full).await;
        let answer = repository.commit(commit(1, 4)).await;
        assert!(matches!(answer, Err(CommitError::NotWritten(PostgresError::Full { .. }))), "{answer:?}");
        client.batch_execute("DROP FUNCTION fail() CASCADE").await.unwrap();
    }
    // At the COMMIT itself, the server's word for it is not proof enough.
    trigger(&client, DEFERRED, "recorded", full).await;
    let answer = repository.commit(commit(1, 4)).await;
    assert!(matches!(answer, Err(CommitError::Unknown(PostgresError::Full { .. }))), "{answer:?}");
    written_afterwards(&repository, &client).await;
}

// spec: REP-7
#[tokio::test]
async fn a_commit_that_breaks_a_constraint_at_its_end_is_not_written() {
    let Some((_database, repository, client)) = three_commits().await else { return };
    let doom = "CREATE TABLE doom (root uuid REFERENCES bailiwick.tree DEFERRABLE INITIALLY DEFERRED)";
    client.batch_execute(doom).await.unwrap();
    let body = "INSERT INTO doom VALUES (gen_random_uuid())";
    trigger(&client, BEFORE, "recorded", body).await;
    let answer = repository.commit(commit(1, 4)).await;
    let broken = |code: &tokio_postgres::error::SqlState| code.code() == "23503";
    assert!(
        matches!(&answer, Err(CommitError::NotWritten(PostgresError::Server { code, .. })) if broken(code)),
        "{answer:?}"
    );
    written_afterwards(&repository, &client).await;
}

#[tokio::test]
async fn a_failure_does_not_repeat_what_was_to_be_written() {
    let Some((_database, repository, client)) = three_commits().await else { return };
    client.batch_execute("ALTER TABLE bailiwick.record ADD CHECK (version < 4)").await.unwrap();
    let answer = repository.commit(commit(1, 4)).await;
    let Err(CommitError::NotWritten(error)) = answer else { panic!("{answer:?}") };
    let told = format!("{error} {error:?}");
    assert!(told.contains("check constraint") && !told.contains("Ada"), "{told}");
}

// spec: REP-7
// abuse: 107
#[tokio::test]
async fn a_commit_that_is_dropped_leaves_nothing_open() {
    let Some((database, _, client)) = three_commits().await else { return };
    // One connection, so that whoever comes next would get the one that was left.
    let one = pool(database.config(), Timeouts::default(), 1);
    let repository = PostgresRepository::open(one).await.unwrap();
    client.batch_execute("BEGIN; SELECT * FROM bailiwick.tree FOR UPDATE").await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(200), repository.commit(commit(1, 4))).await;
    assert!(waiting.is_err(), "it waits for the lock");
    let head = tokio::time::timeout(Duration::from_secs(5), repository.head(tree(1))).await;
    assert_eq!(head.unwrap().unwrap(), Version::new(3), "nobody waits behind what was dropped");
    client.batch_execute("ROLLBACK").await.unwrap();
    // The server notices when it has the lock and nobody to answer.
    let open = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()";
    while client.query_one(open, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    repository.commit(commit(1, 4)).await.unwrap();
    let page = repository.read(tree(1), Version::ZERO, WHOLE).await.unwrap();
    assert_eq!(page.commits.len(), 4);
}

// spec: REP-2
// spec: REP-7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_lost_at_any_message_loses_and_doubles_nothing() {
    let Some(database) = Database::new().await else { return };
    let direct = database.open().await;
    let proxy = Proxy::before(&database.config()).await;
    let through = pool(proxy.config(&database.config()), Timeouts::default(), 1);
    let repository = PostgresRepository::open(through).await.unwrap();
    let (mut not_written, mut there, mut lost, mut number) = (0, 0, 0, 0);
    for side in [Cut::Before, Cut::After] {
        for message in 0.. {
            number += 1;
            direct.commit(commit(number, 1)).await.unwrap();
            direct.commit(commit(number + 1_000_000, 1)).await.unwrap();
            let (cuts, joint) = (proxy.cuts(), commit(number, 2));
            proxy.cut(message, side);
            let answer: Answer = repository.commit(joint.clone()).await;
            proxy.pass();
            // It waits for what may still be under way under its key.
            let written_before = async |commit: Commit| {
                let again = direct.commit(commit.clone()).await.unwrap();
                assert_eq!(again, commit.receipt());
            };
            match &answer {
                Ok(receipt) => assert_eq!(*receipt, joint.receipt()),
                Err(CommitError::NotWritten(error)) => {
                    assert!(matches!(error, PostgresError::Connection(_) | PostgresError::Pool(_)), "{error:?}");
                    assert_eq!(direct.receipt(joint.key()).await.unwrap(), None);
                    not_written += 1;
                }
                Err(CommitError::Unknown(error)) => {
                    assert!(matches!(error, PostgresError::Connection(_)), "{error:?}");
                    // What the server was sent, it does, and before it is asked again.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    let found = direct.receipt(joint.key()).await.unwrap();
                    if found.is_some() { there += 1 } else { lost += 1 }
                }
                Err(CommitError::Refused(refusal)) => panic!("{refusal}"),
            }
            written_before(joint.clone()).await;
            written_before(joint).await;
            let page = direct.read(tree(number), Version::ZERO, WHOLE).await.unwrap();
            assert_eq!(page.commits.len(), 2, "once");
            if answer.is_ok() && proxy.cuts() == cuts {
                break;
            }
            assert!(message < 200, "it never goes through");
        }
    }
    println!("not written {not_written}, unknown and there {there}, unknown and not there {lost}");
    assert!(not_written > 8 && there > 0 && lost > 0);
}

#[tokio::test]
async fn two_who_commit_on_one_version_are_told_of_each_other() {
    let Some((_database, repository, _client)) = three_commits().await else { return };
    let mut other = changes(1, 4);
    other.recorded.key = commit(2, 4).key();
    let (one, other) = tokio::join!(repository.commit(commit(1, 4)), repository.commit(other.into()));
    let refused = [one, other].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    let [CommitError::Refused(CommitRefusal::Conflict { expected, found, .. })] = refused.as_slice() else {
        panic!("{refused:?}")
    };
    assert_eq!((expected.get(), found.get()), (3, 4));
}

// abuse: 109
#[tokio::test]
async fn a_missing_commit_is_an_error_wherever_it_is() {
    for missing in 1..=3_u64 {
        let Some((_database, repository, client)) = three_commits().await else { return };
        let delete = format!("DELETE FROM bailiwick.record; DELETE FROM bailiwick.recorded WHERE version = {missing}");
        client.batch_execute(&delete).await.unwrap();
        let page = repository.read(tree(1), Version::ZERO, WHOLE).await;
        let version = Version::new(missing);
        assert!(matches!(page, Err(PostgresError::Gap { version: found, .. }) if found == version), "{page:?}");
    }
}

// spec: REP-6
// abuse: 110
#[tokio::test]
async fn a_commit_that_cannot_be_read_is_an_error_and_not_skipped() {
    let Some((_database, repository, client)) = three_commits().await else { return };
    let kept = "SELECT body FROM bailiwick.recorded WHERE version = 2";
    let kept: String = client.query_one(kept, &[]).await.unwrap().get(0);
    let unreadable = [
        (r#""format":1"#, r#""format":2"#),
        (r#""events":[]"#, r#""events":[{"teleport":{"departed":{}}}]"#),
        (r#""events":[]"#, r#""events":[],"later":true"#),
        (r#""version":2"#, r#""version":-2"#),
        ("{", ""),
    ];
    let update = "UPDATE bailiwick.recorded SET body = $1 WHERE version = 2";
    for (old, new) in unreadable {
        let changed = kept.replacen(old, new, 1);
        assert_ne!(changed, kept);
        client.execute(update, &[&changed]).await.unwrap();
        let page = repository.read(tree(1), Version::ZERO, WHOLE).await;
        let version = Version::new(2);
        let is_it = |found: &Version| *found == version;
        assert!(
            matches!(&page, Err(PostgresError::UnreadableCommit { version, .. }) if is_it(version)),
            "{new}: {page:?}"
        );
        assert_eq!(repository.read(tree(1), version, WHOLE).await.unwrap().commits.len(), 1);
    }
    client.execute(update, &[&kept.replacen(r#""version":2"#, r#""version":3"#, 1)]).await.unwrap();
    let page = repository.read(tree(1), Version::ZERO, WHOLE).await;
    let (two, three) = (Version::new(2), Version::new(3));
    assert!(matches!(page, Err(PostgresError::Misplaced { version, found, .. }) if (version, found) == (two, three)));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_an_error_that_does_not_repeat_it() {
    let Some((_database, repository, client)) = three_commits().await else { return };
    client.batch_execute("UPDATE bailiwick.record SET value = '{\"nobody\":\"Ada\"}'").await.unwrap();
    let error = repository.read(tree(1), Version::ZERO, WHOLE).await.unwrap_err();
    assert!(matches!(error, PostgresError::UnreadableRecord { .. }));
    assert!(!format!("{error:?} {error}").contains("Ada"));
}

// spec: REP-7
#[tokio::test]
async fn a_pool_that_gives_no_connection_is_told() {
    let Some((_database, repository, _client)) = three_commits().await else { return };
    repository.pool().close();
    let answer = repository.commit(commit(1, 4)).await;
    assert!(matches!(answer, Err(CommitError::NotWritten(PostgresError::Pool(_)))), "{answer:?}");
    let head = repository.head(tree(1)).await;
    assert!(matches!(head, Err(PostgresError::Pool(_))), "{head:?}");
}
