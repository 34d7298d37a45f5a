//! Shards and a map that stop, as a process does, before or after any of their calls.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bailiwick::{
    Carried, Claimed, Commit, CommitError, CommitKey, MemoryRepository, MemoryShardMap, MoveNumber, OrganizationId,
    Page, Portable, Receipt, Repository, ShardClaim, ShardMap, ShardPlace, Version,
};

/// So many points that no move comes to their end.
const LOSING: i64 = 1 << 40;

/// Counts the calls of a move, and stops at one of them.
#[derive(Clone, Debug)]
pub struct Fuse(Arc<AtomicI64>);

impl Fuse {
    /// One that lets everything through.
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MAX)))
    }

    /// Stops at this point: each call has two, before it and after it.
    pub fn set(&self, point: i64) {
        self.0.store(point, Ordering::SeqCst);
    }

    /// Stops nothing from now on; whatever is imported loses what it is to keep or erase.
    pub fn lose(&self) {
        self.set(LOSING);
    }

    fn loses(&self) -> bool {
        (LOSING / 2..=LOSING).contains(&self.0.load(Ordering::SeqCst))
    }

    pub fn remove(&self) {
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
pub enum Failed<E> {
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Inner(E),
}

#[derive(Clone, Debug)]
pub struct Flaky<T> {
    pub inner: T,
    pub fuse: Fuse,
}

type Fails = Failed<bailiwick::MemoryError>;

/// What is not part of a move goes through.
impl Repository for Flaky<MemoryRepository> {
    type Error = Fails;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<Fails>> {
        self.inner.commit(commit).await.map_err(|error| match error {
            CommitError::Refused(refusal) => CommitError::Refused(refusal),
            CommitError::NotWritten(error) => CommitError::NotWritten(Failed::Inner(error)),
            CommitError::Unknown(error) => CommitError::Unknown(Failed::Inner(error)),
        })
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, Fails> {
        self.inner.receipt(key).await.map_err(Failed::Inner)
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, Fails> {
        self.inner.head(root).await.map_err(Failed::Inner)
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, Fails> {
        self.inner.read(root, after, limit).await.map_err(Failed::Inner)
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, Fails> {
        self.inner.root_of(organization).await.map_err(Failed::Inner)
    }

    async fn roots(&self, after: Option<OrganizationId>, limit: NonZeroU32) -> Result<Vec<OrganizationId>, Fails> {
        self.inner.roots(after, limit).await.map_err(Failed::Inner)
    }
}

impl Portable for Flaky<MemoryRepository> {
    async fn fence(&self, root: OrganizationId, number: MoveNumber) -> Result<Version, Fails> {
        self.fuse.around(self.inner.fence(root, number)).await
    }

    async fn open(&self, root: OrganizationId, number: MoveNumber) -> Result<(), Fails> {
        self.fuse.around(self.inner.open(root, number)).await
    }

    async fn export(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Vec<Carried>, Fails> {
        self.fuse.around(self.inner.export(root, after, limit)).await
    }

    async fn import(
        &self,
        root: OrganizationId,
        number: MoveNumber,
        mut commits: Vec<Carried>,
    ) -> Result<Version, Fails> {
        if self.fuse.loses() {
            commits.iter_mut().filter(|carried| carried.recorded.version > Version::new(290)).for_each(|carried| {
                carried.records.clear();
            });
        }
        self.fuse.around(self.inner.import(root, number, commits)).await
    }

    async fn clear(&self, root: OrganizationId, number: MoveNumber) -> Result<(), Fails> {
        self.fuse.around(self.inner.clear(root, number)).await
    }
}

impl ShardMap for Flaky<MemoryShardMap> {
    type Error = Fails;

    async fn claim(&self, claim: &ShardClaim) -> Result<Claimed, Fails> {
        self.inner.claim(claim).await.map_err(Failed::Inner)
    }

    async fn release(&self, key: CommitKey) -> Result<(), Fails> {
        self.inner.release(key).await.map_err(Failed::Inner)
    }

    async fn tree_of(&self, key: CommitKey) -> Result<Option<OrganizationId>, Fails> {
        self.inner.tree_of(key).await.map_err(Failed::Inner)
    }

    async fn places(&self, roots: &[OrganizationId]) -> Result<Vec<Option<ShardPlace>>, Fails> {
        self.inner.places(roots).await.map_err(Failed::Inner)
    }

    async fn replace(&self, root: OrganizationId, from: ShardPlace, to: ShardPlace) -> Result<bool, Fails> {
        self.fuse.around(self.inner.replace(root, from, to)).await
    }
}
