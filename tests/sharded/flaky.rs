//! Shards and a map that stop, as a process does, before or after any of their calls.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bailiwick::{
    Carried, Claimed, Commit, CommitError, CommitKey, MoveNumber, OrganizationId, Page, Portable, Receipt, Repository,
    ShardClaim, ShardMap, ShardPlace, Version,
};

/// So many points that no move comes to their end.
const LOSING: i64 = 1 << 40;

/// Counts the calls of a move, and stops at one of them.
#[derive(Clone, Debug)]
pub(crate) struct Fuse(Arc<AtomicI64>);

impl Fuse {
    /// One that lets everything through.
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MAX)))
    }

    /// Stops at this point: each call has two, before it and after it.
    pub(crate) fn set(&self, point: i64) {
        self.0.store(point, Ordering::SeqCst);
    }

    /// Stops nothing from now on; whatever is imported loses what it is to keep or erase.
    pub(crate) fn lose(&self) {
        self.set(LOSING);
    }

    fn loses(&self) -> bool {
        (LOSING / 2..=LOSING).contains(&self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn remove(&self) {
        self.set(i64::MAX);
    }

    fn point(&self) -> Result<(), Stopped> {
        // What has stopped once does nothing more.
        if self.0.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(Stopped) }
    }

    async fn around<T, E>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, Failed<E>> {
        self.point().map_err(|_| Failed::Stopped)?;
        let answer = call.await.map_err(Failed::Inner)?;
        self.point().map_err(|_| Failed::Stopped)?;
        Ok(answer)
    }
}

struct Stopped;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed<E> {
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Inner(E),
}

#[derive(Clone, Debug)]
pub(crate) struct Flaky<T> {
    pub(crate) inner: T,
    pub(crate) fuse: Fuse,
}

/// What is not part of a move goes through.
impl<R: Repository> Repository for Flaky<R> {
    type Error = Failed<R::Error>;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<Self::Error>> {
        self.inner.commit(commit).await.map_err(|error| match error {
            CommitError::Refused(refusal) => CommitError::Refused(refusal),
            CommitError::NotWritten(error) => CommitError::NotWritten(Failed::Inner(error)),
            CommitError::Unknown(error) => CommitError::Unknown(Failed::Inner(error)),
        })
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, Self::Error> {
        self.inner.receipt(key).await.map_err(Failed::Inner)
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, Self::Error> {
        self.inner.head(root).await.map_err(Failed::Inner)
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, Self::Error> {
        self.inner.read(root, after, limit).await.map_err(Failed::Inner)
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, Self::Error> {
        self.inner.root_of(organization).await.map_err(Failed::Inner)
    }

    async fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, Self::Error> {
        self.inner.roots(after, limit).await.map_err(Failed::Inner)
    }
}

impl<R: Portable> Portable for Flaky<R> {
    async fn fence(&self, root: OrganizationId, number: MoveNumber) -> Result<Version, Self::Error> {
        self.fuse.around(self.inner.fence(root, number)).await
    }

    async fn open(&self, root: OrganizationId, number: MoveNumber) -> Result<(), Self::Error> {
        self.fuse.around(self.inner.open(root, number)).await
    }

    async fn export(
        &self,
        root: OrganizationId,
        after: Version,
        limit: NonZeroU32,
    ) -> Result<Vec<Carried>, Self::Error> {
        self.fuse.around(self.inner.export(root, after, limit)).await
    }

    async fn import(
        &self,
        root: OrganizationId,
        number: MoveNumber,
        mut commits: Vec<Carried>,
    ) -> Result<Version, Self::Error> {
        if self.fuse.loses() {
            commits.iter_mut().filter(|carried| carried.recorded.version > Version::new(290)).for_each(|carried| {
                carried.records.clear();
            });
        }
        self.fuse.around(self.inner.import(root, number, commits)).await
    }

    async fn clear(&self, root: OrganizationId, number: MoveNumber) -> Result<(), Self::Error> {
        self.fuse.around(self.inner.clear(root, number)).await
    }
}

impl<M: ShardMap> ShardMap for Flaky<M> {
    type Error = Failed<M::Error>;

    async fn claim(&self, claim: &ShardClaim) -> Result<Claimed, Self::Error> {
        self.inner.claim(claim).await.map_err(Failed::Inner)
    }

    async fn release(&self, key: CommitKey) -> Result<(), Self::Error> {
        self.inner.release(key).await.map_err(Failed::Inner)
    }

    async fn tree_of(&self, key: CommitKey) -> Result<Option<OrganizationId>, Self::Error> {
        self.inner.tree_of(key).await.map_err(Failed::Inner)
    }

    async fn places(&self, roots: &[OrganizationId]) -> Result<Vec<Option<ShardPlace>>, Self::Error> {
        self.inner.places(roots).await.map_err(Failed::Inner)
    }

    async fn replace(&self, root: OrganizationId, from: ShardPlace, to: ShardPlace) -> Result<bool, Self::Error> {
        self.fuse.around(self.inner.replace(root, from, to)).await
    }
}
