//! Opens the store, and keeps its blocking calls off the threads that answer requests.

use std::error::Error;
use std::num::NonZeroU32;
use std::sync::Arc;

use bailiwick::{BoxedRepository, Commit, CommitError, CommitKey, OrganizationId, Page, Receipt, Repository, Version};
use bailiwick_postgres::PostgresRepository;
use bailiwick_sqlite::{SqliteError, SqliteRepository};
use tokio::runtime::Handle;
use tokio::task::{JoinError, spawn_blocking};

use crate::configuration::Store;

/// A store that is open.
pub struct Opened {
    /// Where commits go.
    pub repository: BoxedRepository,
    /// What tells of the commits of other processes, if it does.
    pub feed: Option<PostgresRepository>,
}

impl Store {
    /// Opens it; the error says what to do about it.
    pub async fn open(&self) -> Result<Opened, Box<dyn Error + Send + Sync>> {
        match self {
            Self::Sqlite(path) => {
                let repository = BoxedRepository::new(Threaded(Arc::new(SqliteRepository::open(path)?)));
                Ok(Opened { repository, feed: None })
            }
            Self::Postgres(config) => {
                let repository = PostgresRepository::connect((**config).clone()).await?;
                Ok(Opened { repository: BoxedRepository::new(repository.clone()), feed: Some(repository) })
            }
        }
    }
}

/// A SQLite repository whose every call runs on a thread for blocking work. A call whose
/// request was given up runs to its end there: all of it is written, or nothing (R16).
struct Threaded(Arc<SqliteRepository>);

#[derive(Debug, thiserror::Error)]
enum ThreadedError {
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
    #[error("the thread ended before its answer: {0}")]
    Thread(#[from] JoinError),
}

impl Threaded {
    async fn ask<T: Send + 'static, F>(&self, call: F) -> Result<T, ThreadedError>
    where
        F: FnOnce(&SqliteRepository, &Handle) -> Result<T, SqliteError> + Send + 'static,
    {
        let (repository, handle) = (self.0.clone(), Handle::current());
        Ok(spawn_blocking(move || call(&repository, &handle)).await??)
    }
}

impl Repository for Threaded {
    type Error = ThreadedError;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<ThreadedError>> {
        let (repository, handle) = (self.0.clone(), Handle::current());
        match spawn_blocking(move || handle.block_on(repository.commit(commit))).await {
            Ok(outcome) => outcome.map_err(|error| match error {
                CommitError::Refused(refusal) => CommitError::Refused(refusal),
                CommitError::NotWritten(error) => CommitError::NotWritten(error.into()),
                CommitError::Unknown(error) => CommitError::Unknown(error.into()),
            }),
            Err(error) => Err(CommitError::Unknown(error.into())),
        }
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, ThreadedError> {
        self.ask(move |sqlite, handle| handle.block_on(sqlite.receipt(key))).await
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, ThreadedError> {
        self.ask(move |sqlite, handle| handle.block_on(sqlite.head(root))).await
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, ThreadedError> {
        self.ask(move |sqlite, handle| handle.block_on(sqlite.read(root, after, limit))).await
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, ThreadedError> {
        self.ask(move |sqlite, handle| handle.block_on(sqlite.root_of(organization))).await
    }

    async fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, ThreadedError> {
        self.ask(move |sqlite, handle| handle.block_on(sqlite.roots(after, limit))).await
    }
}
