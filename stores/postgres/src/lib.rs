#![doc = include_str!("../README.md")]

mod error;
mod feed;
mod hook;
mod lease;
mod map;
mod namespace;
mod options;
mod portable;
mod read;
mod rows;
mod schema;
mod statements;
mod write;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bailiwick::{
    Commit, CommitError, CommitKey, CommitRefusal, Domain, Fingerprint, KeptSnapshot, OrganizationId, Page, Receipt,
    Repository, Snapshot, Version,
};
use deadpool_postgres::{Manager, Runtime};
use tokio_postgres::error::Severity;
use tokio_postgres::{Config, IsolationLevel, NoTls};

use hook::Both;
use lease::Lease;
use rows::ReadModels;
use statements::Statements;
use write::{Key, Written};

pub use deadpool_postgres::{Pool, Transaction};
pub use error::PostgresError;
pub use feed::{Cursor, FeedPage, InvalidCursor};
pub use hook::{Hook, HookError, NoHook};
pub use map::PostgresShardMap;
pub use namespace::{InvalidNamespace, Namespace};
pub use options::{Options, Timeouts};

/// How often a transaction is tried that the server undoes for the sake of others.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(5);

/// A repository in a PostgreSQL database. Clones share the pool.
///
/// `H` is what is [written with each commit](Hook): nothing, unless an embedder says so.
pub struct PostgresRepository<H = NoHook> {
    pool: Pool,
    statements: Arc<Statements>,
    options: Arc<Options>,
    read_models: Option<Arc<ReadModels>>,
    hook: Arc<H>,
}

impl PostgresRepository {
    /// Opens the repository in the namespace `bailiwick` of a database of one's own, over a
    /// pool of connections without encryption, with the usual [`Timeouts`].
    ///
    /// For anything else, and for encrypted connections, make a pool and [`open`](Self::open)
    /// it. The errors are those of `open`.
    pub async fn connect(config: Config) -> Result<Self, PostgresError> {
        let mut config = config;
        let timeouts = Timeouts::default();
        timeouts.apply(&mut config);
        let pool = Pool::builder(Manager::new(config, NoTls)).runtime(Runtime::Tokio1);
        let waits = Some(timeouts.statement);
        let pool = pool.wait_timeout(waits).create_timeout(waits).build();
        Self::open(pool.map_err(|_| PostgresError::Corrupt("a pool without a runtime"))?).await
    }

    /// Opens the repository in the namespace `bailiwick`, over the embedder's pool.
    ///
    /// See [`open_with`](Self::open_with) for the errors.
    pub async fn open(pool: Pool) -> Result<Self, PostgresError> {
        Self::open_with(pool, Options::default()).await
    }

    /// Opens the repository over the embedder's pool, and makes its tables if they are not
    /// there; several processes may do so at once. Limits of time are the pool's: see
    /// [`Timeouts`].
    ///
    /// [`PostgresError::Foreign`] if the namespace holds tables of another application,
    /// [`PostgresError::LaterSchema`] if a later version of this crate has made them,
    /// [`PostgresError::SchemaChanged`] if somebody has changed them,
    /// [`PostgresError::Encoding`] if the database cannot hold every text, and
    /// [`PostgresError::NotDurable`] if it acknowledges commits too early.
    pub async fn open_with(pool: Pool, options: Options) -> Result<Self, PostgresError> {
        let mut lease = Lease::default();
        schema::prepare(lease.of(&pool).await?, &options.namespace).await?;
        lease.give_back();
        let statements = Arc::new(Statements::of(&options.namespace));
        let options = Arc::new(options);
        Ok(Self { pool, statements, options, read_models: None, hook: Arc::new(NoHook) })
    }

    /// The same, writing something of the embedder's own with each commit.
    #[must_use]
    pub fn with_hook<H: Hook>(self, hook: H) -> PostgresRepository<H> {
        let Self { pool, statements, options, read_models, hook: _ } = self;
        PostgresRepository { pool, statements, options, read_models, hook: Arc::new(hook) }
    }
}

impl<H: Hook> PostgresRepository<H> {
    /// The same, keeping read models: plain tables of what there is, written in the same
    /// transaction as each commit, for a team to join in SQL. `docs/read-models.md` lists them.
    ///
    /// Trees that have commits and no read models, or older ones, get theirs from the log now,
    /// one by one, and commits to a tree wait while it gets its own. The domain must be that of
    /// the [`Directory`](bailiwick::Directory), and every process that commits should open the
    /// repository so: what another one commits is in the tables from the next opening or commit
    /// on.
    ///
    /// [`PostgresError::LaterReadModels`] if a later version of this crate has made them.
    pub async fn with_read_models(mut self, domain: Arc<Domain>) -> Result<Self, PostgresError> {
        let mut lease = Lease::default();
        let (client, namespace) = (lease.of(&self.pool).await?, self.options.namespace.clone());
        let read_models = ReadModels::prepare(client, &self.statements, namespace, domain).await?;
        lease.give_back();
        self.read_models = Some(Arc::new(read_models));
        Ok(self)
    }

    /// The pool, for whatever else the embedder keeps in the database.
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Commits as [`Repository::commit`] does, and writes something more in the same
    /// transaction, after the repository's own hook.
    ///
    /// ```
    /// # use bailiwick::{Commit, CommitError, Receipt};
    /// # use bailiwick_postgres::{Hook, HookError, PostgresError, PostgresRepository, Transaction};
    /// struct Settle<'a> {
    ///     order: &'a str,
    /// }
    ///
    /// impl Hook for Settle<'_> {
    ///     async fn write(&self, transaction: &Transaction<'_>, _: &Commit) -> Result<(), HookError> {
    ///         transaction.execute("UPDATE orders SET settled = true WHERE id = $1", &[&self.order]).await?;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # async fn send(
    /// #     repository: PostgresRepository, commit: Commit, order: String,
    /// # ) -> Result<Receipt, CommitError<PostgresError>> {
    /// repository.commit_with(commit, &Settle { order: &order }).await
    /// # }
    /// ```
    pub async fn commit_with(&self, commit: Commit, more: &impl Hook) -> Result<Receipt, CommitError<PostgresError>> {
        self.write(&commit, &Both(&*self.hook, more)).await
    }

    /// Every commit of every tree, once each: those after a place in the feed, at most
    /// `limit`. A commit is shown when every transaction of the server that began to write
    /// before it has ended, so the feed lags behind the longest one; none is ever skipped.
    ///
    /// The commits of one tree come in the order of their versions. What each holds in
    /// personal data is not in the feed; [`Repository::read`] answers that.
    ///
    /// [`PostgresError::CursorAhead`] if the server has not come to that place, and so was
    /// put back to an earlier state.
    pub async fn feed(&self, after: Cursor, limit: NonZeroU32) -> Result<FeedPage, PostgresError> {
        let mut lease = Lease::default();
        let page = feed::page(lease.of(&self.pool).await?, &self.statements, after, limit).await?;
        lease.give_back();
        Ok(page)
    }

    /// The place in the feed after everything that it would show by now: whoever begins here
    /// meets what is committed from now on, and what was under way.
    pub async fn feed_end(&self) -> Result<Cursor, PostgresError> {
        let mut lease = Lease::default();
        let end = feed::end(lease.of(&self.pool).await?, &self.statements).await?;
        lease.give_back();
        Ok(end)
    }

    /// Puts every commit that is there anew into the feed, after whatever was read from it:
    /// to be called once after a dump was restored into another cluster, which numbers its
    /// transactions anew. Who follows the feed meets every commit once more and tells it by
    /// its tree and version. Commits wait meanwhile.
    pub async fn renumber_feed(&self) -> Result<(), PostgresError> {
        let mut lease = Lease::default();
        let transaction = lease.of(&self.pool).await?.transaction().await?;
        transaction.batch_execute(&self.statements.renumber).await?;
        transaction.commit().await?;
        lease.give_back();
        Ok(())
    }

    /// Writes a commit, and tries again what the server undid for the sake of others.
    async fn write(&self, commit: &Commit, hook: &impl Hook) -> Result<Receipt, CommitError<PostgresError>> {
        let fingerprint =
            commit.fingerprint().map_err(|error| CommitError::NotWritten(PostgresError::Encode(error)))?;
        let mut tries = 1;
        loop {
            match self.attempt(commit, &fingerprint, hook).await {
                Err(CommitError::NotWritten(error)) if error.is_contention() && tries < TRIES => {
                    tokio::time::sleep(PAUSE.saturating_mul(tries)).await;
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    /// One transaction. Whatever fails before its COMMIT is sent is not written.
    async fn attempt(
        &self,
        commit: &Commit,
        fingerprint: &Fingerprint,
        hook: &impl Hook,
    ) -> Result<Receipt, CommitError<PostgresError>> {
        let not_written = CommitError::<PostgresError>::NotWritten;
        let read_models = self.read_models.as_deref();
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await.map_err(not_written)?;
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = begin.start().await.map_err(|error| not_written(error.into()))?;

        let (number, written) = match write::claim_key(&transaction, &self.statements, commit, fingerprint).await {
            Ok(Key::Claimed(number)) => {
                let written = write::commit(&transaction, &self.statements, commit, read_models, hook).await;
                (number, written.map_err(not_written)?)
            }
            Ok(Key::Used(number, receipt, first)) if first == *fingerprint => (number, Written::There(receipt)),
            Ok(Key::Used(number, ..)) => (number, Written::Refused(CommitRefusal::KeyReused { key: commit.key() })),
            // The same commit, sent before, is under way and may yet be there.
            Err(error) if error.is_wait() => return Err(CommitError::Unknown(error)),
            Err(error) => return Err(not_written(error)),
        };
        match written {
            Written::There(receipt) => {
                write::seal(&transaction, &self.statements, &number).await?;
                match tokio::time::timeout(self.options.commit_timeout, transaction.commit()).await {
                    Ok(committed) => committed.map_err(at_commit)?,
                    Err(_) => return Err(CommitError::Unknown(PostgresError::NoAnswer)),
                }
                lease.give_back();
                Ok(receipt)
            }
            Written::Refused(refusal) => {
                if transaction.rollback().await.is_ok() {
                    lease.give_back();
                }
                Err(CommitError::Refused(refusal))
            }
        }
    }
}

/// What an error in answer to a COMMIT means. Only where the server names a reason for which
/// it undoes a transaction is it certain that it has; a server that shuts down, for one, may
/// say so after the commit.
fn at_commit(error: tokio_postgres::Error) -> CommitError<PostgresError> {
    let undone = error.as_db_error().is_some_and(|told| {
        let reason = told.code().code();
        told.parsed_severity() == Some(Severity::Error)
            && (reason.starts_with("23") || ["40001", "40002", "40P01"].contains(&reason))
    });
    if undone { CommitError::NotWritten(error.into()) } else { CommitError::Unknown(error.into()) }
}

impl<H> Clone for PostgresRepository<H> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            statements: self.statements.clone(),
            options: self.options.clone(),
            read_models: self.read_models.clone(),
            hook: self.hook.clone(),
        }
    }
}

impl<H> fmt::Debug for PostgresRepository<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresRepository({})", self.options.namespace)
    }
}

impl<H: Hook> Repository for PostgresRepository<H> {
    type Error = PostgresError;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<PostgresError>> {
        self.write(&commit, &*self.hook).await
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, PostgresError> {
        let mut lease = Lease::default();
        let receipt = read::receipt(lease.of(&self.pool).await?, &self.statements, key).await?;
        lease.give_back();
        Ok(receipt)
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, PostgresError> {
        let mut lease = Lease::default();
        let head = read::head(lease.of(&self.pool).await?, &self.statements, root).await?;
        lease.give_back();
        Ok(head)
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, PostgresError> {
        let mut lease = Lease::default();
        let page = read::page(lease.of(&self.pool).await?, &self.statements, root, after, limit).await?;
        lease.give_back();
        Ok(page)
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, PostgresError> {
        let mut lease = Lease::default();
        let root = read::root_of(lease.of(&self.pool).await?, &self.statements, organization).await?;
        lease.give_back();
        Ok(root)
    }

    async fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, PostgresError> {
        let mut lease = Lease::default();
        let roots = read::roots(lease.of(&self.pool).await?, &self.statements, after, limit).await?;
        lease.give_back();
        Ok(roots)
    }
    async fn keep_snapshot(&self, snapshot: Snapshot) -> Result<(), PostgresError> {
        let mut lease = Lease::default();
        write::snapshot(lease.of(&self.pool).await?, &self.statements, &snapshot).await?;
        lease.give_back();
        Ok(())
    }

    async fn snapshot(&self, root: OrganizationId) -> Result<Option<KeptSnapshot>, PostgresError> {
        let mut lease = Lease::default();
        let kept = read::snapshot(lease.of(&self.pool).await?, &self.statements, root).await?;
        lease.give_back();
        Ok(kept)
    }
}
