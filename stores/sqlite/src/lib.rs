//! A repository for [`bailiwick`] in one SQLite file.
//!
//! ```
//! use bailiwick::{OrganizationId, Repository, Version};
//! use bailiwick_sqlite::SqliteRepository;
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("trees.sqlite");
//! let repository = SqliteRepository::open(&path)?;
//! let root = OrganizationId::from_u128(7)?;
//! assert_eq!(pollster::block_on(repository.head(root))?, Version::ZERO);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | | |
//! |---|---|
//! | durable | an acknowledged commit survives a crash and a power failure (write-ahead log, `synchronous = FULL`) |
//! | shared | several threads and several processes of one machine may open the file; do not put it on a network file system |
//! | blocking | a call answers in its first poll and blocks the thread meanwhile, a commit for a write to disk; where that is too long for an asynchronous runtime, call it from a thread for blocking work |
//! | clean | what is erased is overwritten; [`SqliteRepository::erase_remains`] removes it from the write-ahead log too |
//! | joined | with [`SqliteRepository::with_read_models`], plain tables of what there is stand beside the log, in the same transaction |
//! | strict | a row that cannot be read, or one that is missing, is an error and is never skipped |

mod error;
mod read;
mod rows;
mod schema;
mod write;

use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailiwick::{
    Commit, CommitError, CommitKey, Domain, KeptSnapshot, OrganizationId, Page, Receipt, Repository, Snapshot, Version,
};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use rows::ReadModels;

pub use error::SqliteError;

/// A repository in a SQLite file, by one connection.
pub struct SqliteRepository {
    connection: Mutex<Connection>,
    read_models: Option<ReadModels>,
}

impl SqliteRepository {
    /// Opens the file at this path, and creates it if it is not there.
    ///
    /// [`SqliteError::Foreign`] if it belongs to another application, and
    /// [`SqliteError::LaterSchema`] if a later version of this crate has written it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::on(Connection::open_with_flags(path, flags)?)
    }

    /// A repository in memory, gone when it is dropped.
    pub fn in_memory() -> Result<Self, SqliteError> {
        Self::on(Connection::open_in_memory()?)
    }

    fn on(mut connection: Connection) -> Result<Self, SqliteError> {
        schema::prepare(&mut connection)?;
        Ok(Self { connection: Mutex::new(connection), read_models: None })
    }

    /// The same, keeping read models: plain tables of what there is, written in the same
    /// transaction as each commit, for a team to join in SQL. `docs/read-models.md` lists them.
    ///
    /// Trees that have commits and no read models, or older ones, get theirs from the log now,
    /// one by one; that takes as long as reading them. The domain must be that of the
    /// [`Directory`](bailiwick::Directory), and every process that commits should open the file
    /// so: what another one commits is in the tables from the next opening or commit on.
    ///
    /// [`SqliteError::LaterReadModels`] if a later version of this crate has made them.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use bailiwick::{Catalog, Domain, Rules};
    /// use bailiwick_sqlite::SqliteRepository;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("trees.sqlite");
    /// let domain = Arc::new(Domain { catalog: Catalog::new([])?, rules: Rules::provider() });
    /// let repository = SqliteRepository::open(&path)?.with_read_models(domain)?;
    /// # let _ = repository;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_read_models(mut self, domain: Arc<Domain>) -> Result<Self, SqliteError> {
        let read_models = ReadModels::prepare(&mut *self.connection()?, domain)?;
        self.read_models = Some(read_models);
        Ok(self)
    }

    /// Removes what erased and replaced records have left in the file and its write-ahead
    /// log, by writing the file anew. To be called some time after an erasure; it takes as
    /// long as copying the file, and nothing is committed meanwhile. What the file system and
    /// backups keep is beyond it.
    ///
    /// [`SqliteError::InUse`] if another connection reads or writes; then call it again.
    pub fn erase_remains(&self) -> Result<(), SqliteError> {
        let connection = self.connection()?;
        connection.execute_batch("VACUUM")?;
        let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy { Err(SqliteError::InUse) } else { Ok(()) }
    }

    fn connection(&self) -> Result<MutexGuard<'_, Connection>, SqliteError> {
        // A thread that panicked has rolled its transaction back as it unwound.
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // A failed COMMIT whose rollback failed as well would leave its transaction open, and
        // show its writes to every reader.
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        Ok(connection)
    }

    /// Asks in one transaction, so that the whole of an answer is of one moment.
    fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T, SqliteError>) -> Result<T, SqliteError> {
        question(&*self.connection()?.transaction()?)
    }

    fn write(&self, commit: &Commit) -> Result<Receipt, CommitError<SqliteError>> {
        let mut connection = self.connection().map_err(CommitError::NotWritten)?;
        // The lock is taken before anything is read: a process that comes second waits, and then
        // finds that the version has moved on, where it would fail to upgrade its lock.
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| CommitError::NotWritten(error.into()))?;
        // Dropped on the way out of a refusal or a failure, the transaction is rolled back.
        let receipt =
            match write::commit(&transaction, commit, self.read_models.as_ref()).map_err(CommitError::NotWritten)? {
                Ok(receipt) => receipt,
                Err(refusal) => return Err(CommitError::Refused(refusal)),
            };
        transaction.commit().map_err(|error| CommitError::Unknown(error.into()))?;
        Ok(receipt)
    }
}

impl fmt::Debug for SqliteRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteRepository(…)")
    }
}

impl Repository for SqliteRepository {
    type Error = SqliteError;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<SqliteError>> {
        self.write(&commit)
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, SqliteError> {
        self.ask(|connection| read::receipt(connection, key))
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, SqliteError> {
        self.ask(|connection| read::head(connection, root))
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, SqliteError> {
        self.ask(|connection| read::page(connection, root, after, limit))
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, SqliteError> {
        self.ask(|connection| read::root_of(connection, organization))
    }

    async fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, SqliteError> {
        self.ask(|connection| read::roots(connection, after, limit))
    }

    async fn keep_snapshot(&self, snapshot: Snapshot) -> Result<(), SqliteError> {
        write::snapshot(&*self.connection()?, &snapshot)
    }

    async fn snapshot(&self, root: OrganizationId) -> Result<Option<KeptSnapshot>, SqliteError> {
        self.ask(|connection| read::snapshot(connection, root))
    }
}
