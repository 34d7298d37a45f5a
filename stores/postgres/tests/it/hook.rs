//! What an embedder writes with a commit is there with it, or neither is.

use bailiwick::{Commit, CommitError, Repository, Version};
use bailiwick_postgres::{Hook, HookError, PostgresError, Transaction};

use crate::support::Database;
use crate::support::sample::{commit, tree};

/// A row for each commit.
struct Outbox;

impl Hook for Outbox {
    async fn write(&self, transaction: &Transaction<'_>, commit: &Commit) -> Result<(), HookError> {
        let key = commit.key().to_string();
        transaction.execute("INSERT INTO outbox (id) VALUES ($1)", &[&key]).await?;
        Ok(())
    }
}

async fn database() -> Option<Database> {
    let database = Database::new().await?;
    let outbox = "CREATE TABLE outbox (id text PRIMARY KEY)";
    database.client().await.batch_execute(outbox).await.unwrap();
    Some(database)
}

async fn rows(database: &Database) -> i64 {
    database.client().await.query_one("SELECT count(*) FROM outbox", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn an_outbox_has_a_row_for_each_commit_and_none_for_others() {
    let Some(database) = database().await else { return };
    let repository = database.open().await.with_hook(Outbox);
    repository.commit(commit(1, 1)).await.unwrap();
    assert_eq!(rows(&database).await, 1);
    repository.commit(commit(1, 1)).await.unwrap();
    assert_eq!(rows(&database).await, 1, "sent again, it is not written again");
    let conflict = repository.commit(commit(1, 3)).await;
    assert!(matches!(conflict, Err(CommitError::Refused(_))));
    assert_eq!(rows(&database).await, 1, "refused");
    // A hook that fails takes its commit along.
    let client = database.client().await;
    let key = commit(1, 2).key().to_string();
    client.execute("INSERT INTO outbox (id) VALUES ($1)", &[&key]).await.unwrap();
    let failed = repository.commit(commit(1, 2)).await;
    assert!(matches!(failed, Err(CommitError::NotWritten(PostgresError::Hook(_)))), "{failed:?}");
    assert_eq!(repository.head(tree(1)).await.unwrap(), Version::new(1));
    client.execute("DELETE FROM outbox WHERE id = $1", &[&key]).await.unwrap();
    repository.commit(commit(1, 2)).await.unwrap();
    assert_eq!(rows(&database).await, 2);
}

/// What one commit takes along.
struct Row(&'static str);

impl Hook for Row {
    async fn write(&self, transaction: &Transaction<'_>, _: &Commit) -> Result<(), HookError> {
        transaction.execute("INSERT INTO outbox (id) VALUES ($1)", &[&self.0]).await?;
        Ok(())
    }
}

#[tokio::test]
async fn one_commit_may_take_something_along() {
    let Some(database) = database().await else { return };
    let repository = database.open().await.with_hook(Outbox);
    // Spawned, so that its future is one that can be sent.
    let sending = tokio::spawn({
        let repository = repository.clone();
        async move { repository.commit_with(commit(1, 1), &Row("of this one")).await }
    });
    sending.await.unwrap().unwrap();
    assert_eq!((rows(&database).await, repository.head(tree(1)).await.unwrap()), (2, Version::new(1)));
}

/// Does what a hook must not, after the repository's own.
struct Runs(&'static str);

impl Hook for Runs {
    async fn write(&self, transaction: &Transaction<'_>, _: &Commit) -> Result<(), HookError> {
        let _hidden = transaction.batch_execute(self.0).await;
        Ok(())
    }
}

// A COMMIT of a transaction in which a statement failed undoes it, and says so by no error.
// abuse: 107
#[tokio::test]
async fn a_hook_that_hides_a_failure_is_found_out() {
    let Some(database) = database().await else { return };
    let repository = database.open().await;
    let hides = repository.commit_with(commit(1, 1), &Runs("INSERT INTO nowhere VALUES (1)")).await;
    assert!(matches!(hides, Err(CommitError::NotWritten(_))), "{hides:?}");
    for ending in ["ROLLBACK", "ROLLBACK; BEGIN", "ROLLBACK; BEGIN; INSERT INTO outbox VALUES ('of another')"] {
        let ended = repository.commit_with(commit(1, 1), &Runs(ending)).await;
        assert!(matches!(ended, Err(CommitError::Unknown(PostgresError::HookEndedTransaction))), "{ended:?}");
    }
    assert_eq!((rows(&database).await, repository.head(tree(1)).await.unwrap()), (0, Version::ZERO));
    repository.commit(commit(1, 1)).await.unwrap();
}

/// Locks two rows one after the other.
struct Locks([&'static str; 2]);

impl Hook for Locks {
    async fn write(&self, transaction: &Transaction<'_>, _: &Commit) -> Result<(), HookError> {
        for row in self.0 {
            transaction.query("SELECT id FROM outbox WHERE id = $1 FOR UPDATE", &[&row]).await?;
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        Ok(())
    }
}

#[tokio::test]
async fn hooks_that_wait_for_each_other_are_tried_again() {
    let Some(database) = database().await else { return };
    let repository = database.open().await;
    database.client().await.batch_execute("INSERT INTO outbox VALUES ('a'), ('b')").await.unwrap();
    let (one, other) = (Locks(["a", "b"]), Locks(["b", "a"]));
    let (one, other) =
        tokio::join!(repository.commit_with(commit(1, 1), &one), repository.commit_with(commit(2, 1), &other));
    assert_eq!((one.unwrap(), other.unwrap()), (commit(1, 1).receipt(), commit(2, 1).receipt()));
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let client = database.client().await;
    while client.query_one(deadlocks, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
