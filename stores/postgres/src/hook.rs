//! What an embedder writes in the same transaction as a commit: an outbox.

use bailiwick::Commit;
use deadpool_postgres::Transaction;

/// Whatever goes wrong in a [`Hook`].
pub type HookError = Box<dyn std::error::Error + Send + Sync>;

/// Writes something of the embedder's own in the transaction of each commit, so that both are
/// there or neither is.
///
/// It runs after the commit is known to fit, and not again when the same commit is sent
/// again. It runs again when the server undid the transaction for the sake of others, so it
/// should do nothing but write through the transaction it is given. It may neither commit
/// that nor roll it back. If it fails, nothing of the commit is there
/// ([`CommitError::NotWritten`](bailiwick::CommitError::NotWritten)).
///
/// ```
/// use bailiwick::Commit;
/// use bailiwick_postgres::{Hook, HookError, Transaction};
///
/// struct Outbox;
///
/// impl Hook for Outbox {
///     async fn write(&self, transaction: &Transaction<'_>, commit: &Commit) -> Result<(), HookError> {
///         for (id, effect) in commit.parts().flat_map(|part| part.recorded.effects()) {
///             let (id, effect) = (format!("{id:?}"), format!("{effect:?}"));
///             transaction.execute("INSERT INTO outbox (id, effect) VALUES ($1, $2)", &[&id, &effect]).await?;
///         }
///         Ok(())
///     }
/// }
/// # async fn open(pool: bailiwick_postgres::Pool) -> Result<(), bailiwick_postgres::PostgresError> {
/// use bailiwick_postgres::PostgresRepository;
///
/// let repository = PostgresRepository::open(pool).await?.with_hook(Outbox);
/// # let _ = repository; Ok(()) }
/// ```
pub trait Hook: Send + Sync {
    /// Writes what belongs to this commit.
    fn write(
        &self,
        transaction: &Transaction<'_>,
        commit: &Commit,
    ) -> impl Future<Output = Result<(), HookError>> + Send;
}

/// Nothing is written with a commit.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHook;

impl Hook for NoHook {
    async fn write(&self, _: &Transaction<'_>, _: &Commit) -> Result<(), HookError> {
        Ok(())
    }
}

/// One hook and then another.
pub(crate) struct Both<'a, A, B>(pub(crate) &'a A, pub(crate) &'a B);

impl<A: Hook, B: Hook> Hook for Both<'_, A, B> {
    async fn write(&self, transaction: &Transaction<'_>, commit: &Commit) -> Result<(), HookError> {
        self.0.write(transaction, commit).await?;
        self.1.write(transaction, commit).await
    }
}
