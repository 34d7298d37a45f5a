//! A repository in memory: the contract in its plainest form, for tests and for trees that
//! live no longer than their process.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{
    Carried, Commit, CommitError, CommitRefusal, Fingerprint, KeptSnapshot, MoveNumber, Page, Portable, Receipt,
    Repository,
};
use crate::event::{Changes, Recorded, Version};
use crate::id::{CommitKey, OrganizationId};
use crate::person::{Record, RecordKey};
use crate::snapshot::Snapshot;

/// What goes wrong in a [`MemoryRepository`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// A thread panicked while it wrote, so that what is there cannot be trusted.
    #[error("a thread panicked while it wrote")]
    Poisoned,
    /// The commit could not be serialized for its fingerprint.
    #[error("the commit cannot be serialized")]
    Encode(#[source] serde_json::Error),
    /// The tree is on its way to another repository, or has gone there.
    #[error("tree {root} takes no commits here: it moves, or has moved, elsewhere")]
    Fenced {
        /// The tree.
        root: OrganizationId,
    },
    /// The call belongs to a move that a later one has overtaken.
    #[error("move {number} of tree {root} is over")]
    Overtaken {
        /// The tree.
        root: OrganizationId,
        /// The move that it belongs to.
        number: u64,
    },
    /// The tree takes commits, and so cannot be written over or cleared.
    #[error("tree {root} takes commits here")]
    NotFenced {
        /// The tree.
        root: OrganizationId,
    },
    /// What is to be imported does not follow from what is there.
    #[error("what is imported of tree {root} does not follow from version {head}")]
    DoesNotFollow {
        /// The tree.
        root: OrganizationId,
        /// The version that is there.
        head: Version,
    },
}

/// A repository in memory. Clones share what is stored.
///
/// ```
/// use bailiwick::{MemoryRepository, OrganizationId, Repository, Version};
/// let repository = MemoryRepository::new();
/// let root = OrganizationId::from_u128(7)?;
/// assert_eq!(pollster::block_on(repository.head(root))?, Version::ZERO);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryRepository {
    stored: Arc<Mutex<Stored>>,
}

#[derive(Debug, Default)]
struct Stored {
    trees: BTreeMap<OrganizationId, Tree>,
    receipts: BTreeMap<CommitKey, (Fingerprint, Receipt)>,
    organizations: BTreeMap<OrganizationId, OrganizationId>,
    /// The last move that each tree has seen, and whether it is fenced by it.
    moves: BTreeMap<OrganizationId, (MoveNumber, bool)>,
}

#[derive(Debug, Default)]
struct Tree {
    /// Each commit with the keys of the records that it wrote; the first is version 1.
    commits: Vec<(Recorded, Vec<RecordKey>)>,
    /// Each record as it was last written, and by which version.
    records: BTreeMap<RecordKey, (Version, Option<Record>)>,
    snapshot: Option<Snapshot>,
}

impl MemoryRepository {
    /// An empty repository.
    pub fn new() -> Self {
        Self::default()
    }

    fn stored(&self) -> Result<MutexGuard<'_, Stored>, MemoryError> {
        self.stored.lock().map_err(|_| MemoryError::Poisoned)
    }
}

impl Repository for MemoryRepository {
    type Error = MemoryError;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<MemoryError>> {
        let fingerprint = commit.fingerprint().map_err(|error| CommitError::NotWritten(MemoryError::Encode(error)))?;
        let mut stored = self.stored().map_err(CommitError::NotWritten)?;
        if let Some((first, receipt)) = stored.receipts.get(&commit.key()) {
            return if *first == fingerprint {
                Ok(receipt.clone())
            } else {
                Err(CommitError::Refused(CommitRefusal::KeyReused { key: commit.key() }))
            };
        }
        if let Some(root) = commit.parts().map(Changes::root).find(|root| stored.is_fenced(*root)) {
            return Err(CommitError::NotWritten(MemoryError::Fenced { root }));
        }
        stored.admit(&commit).map_err(CommitError::Refused)?;
        Ok(stored.write(commit, fingerprint))
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, MemoryError> {
        Ok(self.stored()?.receipts.get(&key).map(|(_, receipt)| receipt.clone()))
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, MemoryError> {
        Ok(self.stored()?.head(root))
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, MemoryError> {
        let (stored, none) = (self.stored()?, Tree::default());
        Ok(stored.trees.get(&root).unwrap_or(&none).page(after, limit))
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, MemoryError> {
        Ok(self.stored()?.organizations.get(&organization).copied())
    }

    async fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, MemoryError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let stored = self.stored()?;
        Ok(stored.trees.range((from, Bound::Unbounded)).map(|(root, _)| *root).take(size(limit)).collect())
    }

    async fn keep_snapshot(&self, snapshot: Snapshot) -> Result<(), MemoryError> {
        if let Some(tree) = self.stored()?.trees.get_mut(&snapshot.root()) {
            tree.keep_snapshot(snapshot);
        }
        Ok(())
    }

    async fn snapshot(&self, root: OrganizationId) -> Result<Option<KeptSnapshot>, MemoryError> {
        Ok(self.stored()?.trees.get(&root).and_then(Tree::snapshot))
    }
}

impl Portable for MemoryRepository {
    async fn fence(&self, root: OrganizationId, number: MoveNumber) -> Result<Version, MemoryError> {
        let mut stored = self.stored()?;
        stored.see(root, number)?;
        stored.moves.insert(root, (number, true));
        Ok(stored.head(root))
    }

    async fn open(&self, root: OrganizationId, number: MoveNumber) -> Result<(), MemoryError> {
        let mut stored = self.stored()?;
        stored.see(root, number)?;
        stored.moves.insert(root, (number, false));
        Ok(())
    }

    async fn export(
        &self,
        root: OrganizationId,
        after: Version,
        limit: NonZeroU32,
    ) -> Result<Vec<Carried>, MemoryError> {
        self.stored()?.export(root, after, limit)
    }

    async fn import(
        &self,
        root: OrganizationId,
        number: MoveNumber,
        commits: Vec<Carried>,
    ) -> Result<Version, MemoryError> {
        let mut stored = self.stored()?;
        stored.see_fenced(root, number)?;
        let head = stored.head(root);
        let new: Vec<_> = commits.into_iter().filter(|carried| carried.recorded.version > head).collect();
        let mut expected = head;
        for Carried { recorded, .. } in &new {
            expected = expected.next();
            if (recorded.root, recorded.version) != (root, expected) {
                return Err(MemoryError::DoesNotFollow { root, head });
            }
        }
        stored.moves.insert(root, (number, true));
        new.into_iter().for_each(|carried| stored.import(carried));
        Ok(expected)
    }

    async fn clear(&self, root: OrganizationId, number: MoveNumber) -> Result<(), MemoryError> {
        let mut stored = self.stored()?;
        stored.see_fenced(root, number)?;
        stored.moves.insert(root, (number, true));
        stored.trees.remove(&root);
        stored.organizations.retain(|_, tree| *tree != root);
        Ok(())
    }
}

impl Stored {
    fn is_fenced(&self, root: OrganizationId) -> bool {
        self.moves.get(&root).is_some_and(|(_, fenced)| *fenced)
    }

    /// That no later move of a tree was seen.
    fn see(&self, root: OrganizationId, number: MoveNumber) -> Result<(), MemoryError> {
        match self.moves.get(&root) {
            Some((last, _)) if *last > number => Err(MemoryError::Overtaken { root, number: number.get() }),
            _ => Ok(()),
        }
    }

    /// The same, and that it is fenced or not there.
    fn see_fenced(&self, root: OrganizationId, number: MoveNumber) -> Result<(), MemoryError> {
        self.see(root, number)?;
        let absent = !self.moves.contains_key(&root) && !self.trees.contains_key(&root);
        if absent || self.is_fenced(root) { Ok(()) } else { Err(MemoryError::NotFenced { root }) }
    }

    fn export(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Vec<Carried>, MemoryError> {
        let (after, none) = (usize::try_from(after.get()).unwrap_or(usize::MAX), Tree::default());
        let tree = self.trees.get(&root).unwrap_or(&none);
        let carry = |(recorded, keys): &(Recorded, Vec<RecordKey>)| {
            let kept = self.receipts.get(&recorded.key);
            // A commit and its key are written together.
            let (fingerprint, receipt) = kept.cloned().ok_or(MemoryError::Poisoned)?;
            let here = recorded.placements().map(|placement| placement.organization);
            let organizations = here.filter(|id| self.organizations.get(id) == Some(&root)).collect();
            let records = tree.last_written(recorded.version, keys).into_iter().collect();
            Ok(Carried { recorded: recorded.clone(), records, organizations, fingerprint, receipt })
        };
        tree.commits.iter().skip(after).take(size(limit)).map(carry).collect()
    }

    fn import(&mut self, carried: Carried) {
        let Carried { recorded, records, organizations, fingerprint, receipt } = carried;
        let root = recorded.root;
        self.organizations.extend(organizations.into_iter().map(|organization| (organization, root)));
        self.receipts.entry(recorded.key).or_insert((fingerprint, receipt));
        self.trees.entry(root).or_default().write(&Changes::new(recorded, records));
    }

    fn head(&self, root: OrganizationId) -> Version {
        self.trees.get(&root).map(Tree::head).unwrap_or_default()
    }

    /// Whether a commit may be written; nothing is until it is known for the whole of it.
    fn admit(&self, commit: &Commit) -> Result<(), CommitRefusal> {
        for part in commit.parts() {
            let (root, found) = (part.root(), self.head(part.root()));
            if part.recorded.version != found.next() {
                return Err(CommitRefusal::Conflict { root, expected: part.base(), found });
            }
        }
        let created = commit.placements().filter(|placement| placement.created);
        match created.map(|placement| placement.organization).find(|id| self.organizations.contains_key(id)) {
            Some(organization) => Err(CommitRefusal::OrganizationTaken { organization }),
            None => Ok(()),
        }
    }

    fn write(&mut self, commit: Commit, fingerprint: Fingerprint) -> Receipt {
        let receipt = commit.receipt();
        let placements = commit.placements().map(|placement| (placement.organization, placement.root));
        self.organizations.extend(placements);
        for part in commit.parts() {
            self.trees.entry(part.root()).or_default().write(part);
        }
        self.receipts.insert(receipt.key, (fingerprint, receipt.clone()));
        receipt
    }
}

impl Tree {
    fn head(&self) -> Version {
        self.commits.last().map(|(recorded, _)| recorded.version).unwrap_or_default()
    }

    fn write(&mut self, changes: &Changes) {
        let version = changes.recorded.version;
        let records = changes.records.iter().map(|(key, record)| (*key, (version, record.clone())));
        self.records.extend(records);
        let keys = changes.records.iter().map(|(key, _)| *key).collect();
        self.commits.push((changes.recorded.clone(), keys));
    }

    fn page(&self, after: Version, limit: NonZeroU32) -> Page {
        let after = usize::try_from(after.get()).unwrap_or(usize::MAX);
        let (mut commits, mut records) = (Vec::new(), BTreeMap::new());
        for (recorded, keys) in self.commits.iter().skip(after).take(size(limit)) {
            commits.push(recorded.clone());
            records.extend(self.last_written(recorded.version, keys));
        }
        Page { commits, records: records.into_iter().collect(), head: self.head() }
    }

    fn keep_snapshot(&mut self, snapshot: Snapshot) {
        let kept = self.snapshot.as_ref().map(Snapshot::version).unwrap_or_default();
        if (kept..=self.head()).contains(&snapshot.version()) {
            self.snapshot = Some(snapshot);
        }
    }

    fn snapshot(&self) -> Option<KeptSnapshot> {
        let records = self.records.iter().filter_map(|(key, (_, record))| Some((*key, record.clone()?)));
        Some(KeptSnapshot { snapshot: self.snapshot.clone()?, records: records.collect() })
    }

    /// R8: a record that a later commit wrote again comes with the page of that one.
    fn last_written(&self, by: Version, keys: &[RecordKey]) -> BTreeMap<RecordKey, Option<Record>> {
        let last = |key| self.records.get_key_value(key).filter(|(_, (version, _))| *version == by);
        keys.iter().filter_map(last).map(|(key, (_, record))| (*key, record.clone())).collect()
    }
}

/// A limit as a number of items in memory.
fn size(limit: NonZeroU32) -> usize {
    usize::try_from(limit.get()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poisoned_lock_is_an_error_and_no_panic() {
        let repository = MemoryRepository::new();
        let other = repository.clone();
        let writer = std::thread::spawn(move || {
            let _stored = other.stored.lock();
            panic!("half way");
        });
        assert!(writer.join().is_err());
        let head = pollster::block_on(repository.head(OrganizationId::from_u128(1).unwrap()));
        assert!(matches!(head, Err(MemoryError::Poisoned)));
    }
}
