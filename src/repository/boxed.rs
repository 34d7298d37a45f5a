//! Repositories behind `dyn`, for those who choose one while the program runs.
//!
//! A generic [`Repository`] costs nothing; this form boxes each future and each error.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;

use super::{Commit, CommitError, KeptSnapshot, Page, Receipt, Repository};
use crate::event::Version;
use crate::id::{CommitKey, OrganizationId};
use crate::snapshot::Snapshot;

/// A boxed future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whatever went wrong in the storage behind a [`BoxedRepository`].
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BoxError(Box<dyn Error + Send + Sync>);

impl BoxError {
    /// Boxes an error.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }

    /// The error as the storage gave it, if it is of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl From<Box<dyn Error + Send + Sync>> for BoxError {
    fn from(error: Box<dyn Error + Send + Sync>) -> Self {
        Self(error)
    }
}

/// [`Repository`] with boxed futures and errors, so that it can be a `dyn`. Every repository
/// is one; [`BoxedRepository`] makes a repository of one again.
pub trait DynRepository: Send + Sync {
    /// See [`Repository::commit`].
    fn commit_boxed(&self, commit: Commit) -> BoxFuture<'_, Result<Receipt, CommitError<BoxError>>>;

    /// See [`Repository::receipt`].
    fn receipt_boxed(&self, key: CommitKey) -> BoxFuture<'_, Result<Option<Receipt>, BoxError>>;

    /// See [`Repository::head`].
    fn head_boxed(&self, root: OrganizationId) -> BoxFuture<'_, Result<Version, BoxError>>;

    /// See [`Repository::read`].
    fn read_boxed(
        &self,
        root: OrganizationId,
        after: Version,
        limit: NonZeroU32,
    ) -> BoxFuture<'_, Result<Page, BoxError>>;

    /// See [`Repository::root_of`].
    fn root_of_boxed(&self, organization: OrganizationId) -> BoxFuture<'_, Result<Option<OrganizationId>, BoxError>>;

    /// See [`Repository::roots`].
    fn roots_boxed(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> BoxFuture<'_, Result<Vec<OrganizationId>, BoxError>>;

    /// See [`Repository::keep_snapshot`].
    fn keep_snapshot_boxed(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), BoxError>>;

    /// See [`Repository::snapshot`].
    fn snapshot_boxed(&self, root: OrganizationId) -> BoxFuture<'_, Result<Option<KeptSnapshot>, BoxError>>;
}

impl<R: Repository> DynRepository for R {
    fn commit_boxed(&self, commit: Commit) -> BoxFuture<'_, Result<Receipt, CommitError<BoxError>>> {
        Box::pin(async move {
            self.commit(commit).await.map_err(|error| match error {
                CommitError::Refused(refusal) => CommitError::Refused(refusal),
                CommitError::NotWritten(error) => CommitError::NotWritten(BoxError::new(error)),
                CommitError::Unknown(error) => CommitError::Unknown(BoxError::new(error)),
            })
        })
    }

    fn receipt_boxed(&self, key: CommitKey) -> BoxFuture<'_, Result<Option<Receipt>, BoxError>> {
        Box::pin(async move { self.receipt(key).await.map_err(BoxError::new) })
    }

    fn head_boxed(&self, root: OrganizationId) -> BoxFuture<'_, Result<Version, BoxError>> {
        Box::pin(async move { self.head(root).await.map_err(BoxError::new) })
    }

    fn read_boxed(
        &self,
        root: OrganizationId,
        after: Version,
        limit: NonZeroU32,
    ) -> BoxFuture<'_, Result<Page, BoxError>> {
        Box::pin(async move { self.read(root, after, limit).await.map_err(BoxError::new) })
    }

    fn root_of_boxed(&self, organization: OrganizationId) -> BoxFuture<'_, Result<Option<OrganizationId>, BoxError>> {
        Box::pin(async move { self.root_of(organization).await.map_err(BoxError::new) })
    }

    fn roots_boxed(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> BoxFuture<'_, Result<Vec<OrganizationId>, BoxError>> {
        Box::pin(async move { self.roots(after, limit).await.map_err(BoxError::new) })
    }

    fn keep_snapshot_boxed(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move { self.keep_snapshot(snapshot).await.map_err(BoxError::new) })
    }

    fn snapshot_boxed(&self, root: OrganizationId) -> BoxFuture<'_, Result<Option<KeptSnapshot>, BoxError>> {
        Box::pin(async move { self.snapshot(root).await.map_err(BoxError::new) })
    }
}

/// A repository of a kind that is chosen while the program runs. Clones share it.
///
/// ```
/// use bailiwick::{BoxedRepository, MemoryRepository, OrganizationId, Repository, Version};
/// let repository = BoxedRepository::new(MemoryRepository::new());
/// let root = OrganizationId::from_u128(7)?;
/// assert_eq!(pollster::block_on(repository.head(root))?, Version::ZERO);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct BoxedRepository(Arc<dyn DynRepository>);

impl BoxedRepository {
    /// Boxes a repository.
    pub fn new(repository: impl Repository + 'static) -> Self {
        Self(Arc::new(repository))
    }
}

impl From<Arc<dyn DynRepository>> for BoxedRepository {
    fn from(repository: Arc<dyn DynRepository>) -> Self {
        Self(repository)
    }
}

impl fmt::Debug for BoxedRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxedRepository(…)")
    }
}

impl Repository for BoxedRepository {
    type Error = BoxError;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<BoxError>> {
        self.0.commit_boxed(commit).await
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, BoxError> {
        self.0.receipt_boxed(key).await
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, BoxError> {
        self.0.head_boxed(root).await
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, BoxError> {
        self.0.read_boxed(root, after, limit).await
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, BoxError> {
        self.0.root_of_boxed(organization).await
    }

    async fn roots(&self, after: Option<OrganizationId>, limit: NonZeroU32) -> Result<Vec<OrganizationId>, BoxError> {
        self.0.roots_boxed(after, limit).await
    }

    async fn keep_snapshot(&self, snapshot: Snapshot) -> Result<(), BoxError> {
        self.0.keep_snapshot_boxed(snapshot).await
    }

    async fn snapshot(&self, root: OrganizationId) -> Result<Option<KeptSnapshot>, BoxError> {
        self.0.snapshot_boxed(root).await
    }
}
