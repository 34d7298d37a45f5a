//! Where commits go: the repository that an embedder implements, and its contract.
//!
//! The contract is numbered; each sentence has a test in the [conformance
//! suite](crate::conformance) and a saboteur store that breaks just that sentence.
//!
//! | | a repository |
//! |---|---|
//! | R1 | writes a commit whole, its events and its records together, if each of its trees is at the version it was decided on |
//! | R2 | otherwise refuses it with [`CommitRefusal::Conflict`], and nothing of it is there |
//! | R3 | writes both trees of an attach or detach, or neither |
//! | R4 | answers a commit whose key it has with the first receipt, and writes nothing again, whatever has happened since |
//! | R5 | refuses a key that it has with other content: [`CommitRefusal::KeyReused`] |
//! | R6 | reads commits in the order of their versions, without gap or repetition, at most as many as asked for, and says where the head is |
//! | R7 | gives back exactly what it was given, to the letter |
//! | R8 | gives with a page the records last written by its commits, and for an erased one that it is erased |
//! | R9 | holds no byte of a record's value, once it is replaced or erased, in anything that it answers |
//! | R10 | answers the head of a tree that it does not have with zero, and its page as empty |
//! | R11 | keeps trees apart: nothing of one is in the answer to another |
//! | R12 | refuses an organization that any tree has or had: [`CommitRefusal::OrganizationTaken`]; an attach or detach moves it |
//! | R13 | answers which tree an organization is in |
//! | R14 | lists its trees in the order of their identifiers, by page |
//! | R15 | shows every acknowledged commit to whatever reads after it, and keeps it when it is opened again |
//! | R16 | leaves, when a commit's future is dropped half way, all of it or nothing |
//! | R17 | answers a failed commit with [`CommitError::NotWritten`] only if it is certainly not there and never will be; otherwise with [`CommitError::Unknown`] |
//! | R18 | answers the receipt of a key that it has, and none for another |
//! | R19 | answers the last snapshot of a tree that it was given, whole and unchanged, or none |
//! | R20 | answers with a snapshot every record of its tree as it stands now, and none that is erased |
//! | R21 | keeps a snapshot only of a version that its tree is at, and replaces it by one of the same or a later version |
//!
//! Snapshots are for quick starts and can be thrown away at any time. A repository that keeps
//! none leaves [`Repository::keep_snapshot`] and [`Repository::snapshot`] as they are: it is
//! slower to load from, and nothing else.

mod boxed;
#[cfg(feature = "conformance")]
pub mod conformance;
mod memory;
mod portable;
pub mod sharded;

use std::future::Future;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::{Changes, Event, Recorded, Version};
use crate::id::{CommitKey, OrganizationId};
use crate::person::{Record, RecordKey};
use crate::snapshot::Snapshot;

pub use boxed::{BoxError, BoxFuture, BoxedRepository, DynRepository};
pub use memory::{MemoryError, MemoryRepository};
pub use portable::{Carried, MoveNumber, Portable};
pub use sharded::{
    ClaimRefusal, Claimed, MemoryShardMap, MovePhase, ShardClaim, ShardId, ShardMap, ShardPlace, ShardedError,
    ShardedRepository, TreeMove,
};

/// What is written all or nothing: the changes of one tree, or of the two of an attach or
/// detach (REP-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    changes: Changes,
    other: Option<Changes>,
}

impl From<Changes> for Commit {
    fn from(changes: Changes) -> Self {
        Self { changes, other: None }
    }
}

impl Commit {
    /// The changes of two trees, decided together by an attach or detach; both carry the
    /// same key.
    pub(crate) fn joint(changes: Changes, other: Changes) -> Self {
        Self { changes, other: Some(other) }
    }

    /// The key under which it takes effect once (REP-3).
    pub const fn key(&self) -> CommitKey {
        self.changes.recorded.key
    }

    /// The changes, one tree at a time.
    pub fn parts(&self) -> impl Iterator<Item = &Changes> {
        std::iter::once(&self.changes).chain(&self.other)
    }

    /// The organizations that it puts into a tree, each with that tree and whether it was
    /// created (and so must be new everywhere) or came from the other tree.
    pub fn placements(&self) -> impl Iterator<Item = Placement> + '_ {
        self.parts().flat_map(|part| part.recorded.placements())
    }

    /// The receipt for it.
    pub fn receipt(&self) -> Receipt {
        let versions = self.parts().map(|part| (part.root(), part.recorded.version)).collect();
        Receipt { key: self.key(), versions }
    }

    /// What tells whether two commits of one key have the same content: a hash over the
    /// events and over which records are written. The values of records are left out, lest
    /// a hash of personal data outlive its erasure (GDP-3).
    pub fn fingerprint(&self) -> Result<Fingerprint, serde_json::Error> {
        let mut hash = Sha256::new();
        for part in self.parts() {
            let records: Vec<(&RecordKey, bool)> =
                part.records.iter().map(|(key, record)| (key, record.is_some())).collect();
            hash.update(serde_json::to_vec(&(&part.recorded, records))?);
        }
        Ok(Fingerprint(hash.finalize().into()))
    }
}

/// An organization and the tree that a commit puts it into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The organization.
    pub organization: OrganizationId,
    /// The tree that it is in from this commit on.
    pub root: OrganizationId,
    /// Whether it is a new one, which no tree may have or have had.
    pub created: bool,
}

/// Tells the contents of commits apart; see [`Commit::fingerprint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Its bytes, for a store to keep.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The fingerprint with these bytes, as a store kept them.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// That a commit is there, and the versions that it made. The version serves as a token: a
/// directory elsewhere can be asked for a tree at least that fresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The key of the commit.
    pub key: CommitKey,
    /// Each tree with the version that the commit made of it.
    pub versions: Vec<(OrganizationId, Version)>,
}

impl Receipt {
    /// The version that the commit made of this tree.
    pub fn version_of(&self, root: OrganizationId) -> Option<Version> {
        self.versions.iter().find(|(tree, _)| *tree == root).map(|(_, version)| *version)
    }
}

/// Why a repository refused a commit; nothing of it is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitRefusal {
    /// A tree has moved on from the version that the commit was decided on (REP-2).
    #[error("tree {root} is at version {found}, not at {expected}: decide again on the present one")]
    Conflict {
        /// The tree.
        root: OrganizationId,
        /// The version that the commit was decided on.
        expected: Version,
        /// The version that the tree is at.
        found: Version,
    },
    /// The key belongs to a commit of other content (REP-7).
    #[error("the key {key} belongs to another commit")]
    KeyReused {
        /// The key.
        key: CommitKey,
    },
    /// An organization of that identifier exists or existed (HIE-7).
    #[error("the organization identifier {organization} was used before: choose a new one")]
    OrganizationTaken {
        /// The organization.
        organization: OrganizationId,
    },
}

/// Why a commit was not acknowledged (REP-7).
#[derive(Debug, thiserror::Error)]
pub enum CommitError<E> {
    /// Refused; nothing of it is there.
    #[error(transparent)]
    Refused(CommitRefusal),
    /// It failed and is certainly not there, nor will it be.
    #[error("the commit was not written: {0}")]
    NotWritten(#[source] E),
    /// It may be there or not: send it again with the same key.
    #[error("it is not known whether the commit was written: {0}")]
    Unknown(#[source] E),
}

/// A stretch of one tree's commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The commits, in order and without gap.
    pub commits: Vec<Recorded>,
    /// The records last written by these commits; `None` is erased.
    pub records: Vec<(RecordKey, Option<Record>)>,
    /// The newest version of the tree when this was read. A page that ends before it is not
    /// the last.
    pub head: Version,
}

/// A snapshot that was kept, and what it does not hold itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSnapshot {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Every record of the tree as it stands now, whichever commit wrote it; none that is erased.
    pub records: Vec<(RecordKey, Record)>,
}

/// Stores commits. See the [module](self) for the contract.
///
/// ```
/// use bailiwick::{MemoryRepository, Repository, OrganizationId, Version};
/// let repository = MemoryRepository::new();
/// let root = OrganizationId::from_u128(1)?;
/// assert_eq!(pollster::block_on(repository.head(root))?, Version::ZERO);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Repository: Send + Sync {
    /// What goes wrong with the storage itself. It never becomes an allow or a deny.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Writes a commit, all or nothing (R1 to R5, R12, R15 to R17).
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Receipt, CommitError<Self::Error>>> + Send;

    /// The receipt of the commit with this key, if there is one (R18).
    fn receipt(&self, key: CommitKey) -> impl Future<Output = Result<Option<Receipt>, Self::Error>> + Send;

    /// The newest version of a tree; zero for one that is not there (R10).
    fn head(&self, root: OrganizationId) -> impl Future<Output = Result<Version, Self::Error>> + Send;

    /// The commits after a version, oldest first, at most `limit` (R6 to R9).
    fn read(
        &self,
        root: OrganizationId,
        after: Version,
        limit: NonZeroU32,
    ) -> impl Future<Output = Result<Page, Self::Error>> + Send;

    /// The tree that an organization is in, or was in when it was deleted (R13).
    fn root_of(
        &self,
        organization: OrganizationId,
    ) -> impl Future<Output = Result<Option<OrganizationId>, Self::Error>> + Send;

    /// The trees after this one in the order of their identifiers, at most `limit` (R14).
    fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> impl Future<Output = Result<Vec<OrganizationId>, Self::Error>> + Send;

    /// Keeps a snapshot of a tree in place of the one before (R19, R21). By default none
    /// is kept.
    fn keep_snapshot(&self, _snapshot: Snapshot) -> impl Future<Output = Result<(), Self::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// The snapshot of a tree that is kept, if any, with the tree's records (R19, R20).
    fn snapshot(
        &self,
        _root: OrganizationId,
    ) -> impl Future<Output = Result<Option<KeptSnapshot>, Self::Error>> + Send {
        std::future::ready(Ok(None))
    }
}

impl Recorded {
    /// The organizations that it puts into its tree.
    pub(crate) fn placements(&self) -> impl Iterator<Item = Placement> + '_ {
        self.events.iter().flat_map(|event| event.placements(self.root))
    }
}

impl Event {
    /// The organizations that this event puts into `root`.
    fn placements(&self, root: OrganizationId) -> Vec<Placement> {
        let place = |organization, created| Placement { organization, root, created };
        match self {
            Event::Organization(event) => {
                event.created().map(|organization| place(organization, true)).into_iter().collect()
            }
            Event::Transfer(event) => event.arrived().map(|organization| place(organization, false)).collect(),
            _ => Vec::new(),
        }
    }
}
