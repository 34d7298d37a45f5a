//! Snapshots: a tree's state at one version, so that a start need not replay the whole log.
//!
//! A snapshot is optional and can be thrown away at any time: the log is what counts, and a
//! tree from a snapshot and the commits after it is the tree from all commits. One that another
//! version of this crate wrote, that is damaged, or that was made under rules which give a new
//! tree other settings is an error when it is read, never a guess.
//!
//! It holds no personal data: records stand beside it, as they are now, so that what is erased
//! is in no snapshot (GDP-3). The index is not in it either, and is made anew.

mod body;
mod numbers;
mod read;
mod write;

use std::fmt;
use std::sync::Arc;

use twox_hash::XxHash3_128;

use crate::event::Version;
use crate::id::OrganizationId;
use crate::person::{Record, RecordKey};
use crate::tree::{Domain, OrganizationTree};

/// The format of the bytes. Another one is not read.
const FORMAT: u32 = 3;

/// A tree's state at one version, as bytes for a repository to keep.
///
/// ```
/// # use std::sync::Arc;
/// use bailiwick::{AgentSecret, Catalog, CommitKey, Context, Domain, FoundTree, OrganizationId, OrganizationTree, Person, PrincipalId, Rules, Snapshot};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let domain = Arc::new(Domain { catalog: Catalog::new([])?, rules: Rules::provider() });
/// # let (root, ada) = (OrganizationId::from_u128(1)?, PrincipalId::from_u128(10)?);
/// # let context = Context::operator(PrincipalId::from_u128(99)?, "2026-01-01T00:00:00Z".parse()?, CommitKey::from_u128(1)?);
/// # let found = FoundTree { root, name: "Fabrikam".parse()?, owner: ada, person: Person::named("Ada".parse()?), secret: AgentSecret::from_entropy([7; 32]) };
/// # let mut tree = OrganizationTree::empty(root, domain.clone());
/// # let changes = tree.decide(&context, &found)?.changes;
/// # tree.apply(&changes)?;
/// # let records = changes.records.iter().filter_map(|(key, record)| Some((*key, record.clone()?)));
/// let snapshot: Snapshot = tree.snapshot()?;
/// let loaded = OrganizationTree::from_snapshot(domain, &snapshot, records)?;
/// assert!(loaded == tree);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    root: OrganizationId,
    version: Version,
    bytes: Vec<u8>,
}

/// Why a snapshot could not be made, or not be loaded; then the log is replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Another version of this crate wrote it.
    #[error("the snapshot is of format {found}; this version reads format {known}")]
    Format {
        /// Its format.
        found: u32,
        /// The format that is read here.
        known: u32,
    },
    /// Its bytes are not those that were written.
    #[error("the snapshot is damaged")]
    Damaged,
    /// It is of another tree or version than it was kept as.
    #[error("the snapshot is of another tree or version than it was kept as")]
    Misplaced,
    /// It was made under rules that give a new tree other settings, and a replay under these
    /// makes another tree.
    #[error("the snapshot was made under rules that give a new tree other settings")]
    OtherRules,
    /// What is in it is not valid here.
    #[error("the snapshot holds what is not valid")]
    Unreadable,
    /// The tree cannot be written as a snapshot.
    #[error("the tree cannot be written as a snapshot: {0}")]
    Unwritable(String),
}

impl Snapshot {
    /// The snapshot of a tree at a version with these bytes, as a repository kept them. They are
    /// looked at when it is loaded.
    pub const fn new(root: OrganizationId, version: Version, bytes: Vec<u8>) -> Self {
        Self { root, version, bytes }
    }

    /// The tree.
    pub const fn root(&self) -> OrganizationId {
        self.root
    }

    /// The version that the tree is at in it.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Its bytes: the format, a hash of the rest, and the rest.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The rest, if it is of this format and undamaged.
    fn body(&self) -> Result<&[u8], SnapshotError> {
        let (format, rest) = self.bytes.split_first_chunk().ok_or(SnapshotError::Damaged)?;
        let found = u32::from_le_bytes(*format);
        if found != FORMAT {
            return Err(SnapshotError::Format { found, known: FORMAT });
        }
        let (hash, body) = rest.split_first_chunk().ok_or(SnapshotError::Damaged)?;
        if *hash == hash_of(body) { Ok(body) } else { Err(SnapshotError::Damaged) }
    }
}

/// Against damage, not against forgery: whoever can write a snapshot can also write its hash.
fn hash_of(body: &[u8]) -> [u8; 16] {
    XxHash3_128::oneshot(body).to_le_bytes()
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} at version {}, {} bytes)", self.root, self.version, self.bytes.len())
    }
}

impl OrganizationTree {
    /// Its state at its version, without its records.
    ///
    /// [`SnapshotError::Unwritable`] if it has four thousand million identifiers or more.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        let body = write::body(self)?;
        let bytes = [&FORMAT.to_le_bytes(), &hash_of(&body)[..], &body].concat();
        Ok(Snapshot::new(self.root(), self.version(), bytes))
    }

    /// The tree of a snapshot, with these records, which are all that stand now. What was
    /// committed since is to be [applied](Self::advance) to it.
    ///
    /// Any [`SnapshotError`] but `Unwritable` says that the snapshot is of no use here, and the
    /// log is to be replayed.
    pub fn from_snapshot(
        domain: Arc<Domain>,
        snapshot: &Snapshot,
        records: impl IntoIterator<Item = (RecordKey, Record)>,
    ) -> Result<Self, SnapshotError> {
        read::tree(domain, (snapshot.root, snapshot.version), snapshot.body()?, records)
    }
}
