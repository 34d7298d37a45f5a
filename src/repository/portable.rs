//! How a tree goes from one repository to another, with its log as it is.
//!
//! A commit is decided once and carries what tells it from another: its key, its versions,
//! its fingerprint. So a tree is not committed again elsewhere but carried over: the log as
//! it was recorded, the records as they stand, the receipts of its keys. What is erased stays
//! erased, and a key that took effect before the move is answered after it (R4, R18).

use super::{Fingerprint, Receipt, Repository};
use crate::event::{Recorded, Version};
use crate::id::OrganizationId;
use crate::person::{Record, RecordKey};
use std::num::NonZeroU32;

/// One commit of a tree, as one repository gives it to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The commit as it was recorded.
    pub recorded: Recorded,
    /// The records that were last written by it, as they stand; `None` is erased.
    pub records: Vec<(RecordKey, Option<Record>)>,
    /// The organizations that it put into this tree and that are in it still.
    pub organizations: Vec<OrganizationId>,
    /// What tells its content from that of another commit under its key.
    pub fingerprint: Fingerprint,
    /// Its receipt, with the version of the other tree if it was a commit of two.
    pub receipt: Receipt,
}

/// Which move of a tree a call belongs to: each has a greater number than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MoveNumber(u64);

impl MoveNumber {
    /// The move of this number; the first is 1.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The next move.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A repository that trees can be moved out of and into.
///
/// Each call names the move that it belongs to, and is refused with an error, with nothing
/// done, if the tree has seen a later one: a process that slept through the end of its move
/// cannot touch what came after. Each may be called again.
///
/// | | a portable repository |
/// |---|---|
/// | P1 | answers a commit to a fenced tree, whose key it does not have, with [`CommitError::NotWritten`](super::CommitError::NotWritten); one that was under way is there before the fence is, or never |
/// | P2 | exports the commits of a fenced tree in order, whole, with the records and organizations that are theirs still |
/// | P3 | imports what follows its head, all or nothing, into a tree that is fenced or was never there, and skips what it has; the tree is fenced then |
/// | P4 | opens a tree with everything that was imported, as if it had been committed there |
/// | P5 | clears a fenced tree: its head is zero, its page empty, nothing of its records is left, nor a snapshot of it, none of its organizations is in it, it is in no list of trees; the receipts of its keys stay, and so does the fence |
pub trait Portable: Repository {
    /// Lets nothing more be committed to a tree (P1), and answers its head.
    fn fence(
        &self,
        root: OrganizationId,
        number: MoveNumber,
    ) -> impl Future<Output = Result<Version, Self::Error>> + Send;

    /// Lets a tree be committed to (P4).
    fn open(&self, root: OrganizationId, number: MoveNumber) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The commits after a version, oldest first, at most `limit` (P2).
    fn export(
        &self,
        root: OrganizationId,
        after: Version,
        limit: NonZeroU32,
    ) -> impl Future<Output = Result<Vec<Carried>, Self::Error>> + Send;

    /// Takes commits over as they are (P3), and answers the head. An error if they do not
    /// follow from what is there, or the tree is open.
    fn import(
        &self,
        root: OrganizationId,
        number: MoveNumber,
        commits: Vec<Carried>,
    ) -> impl Future<Output = Result<Version, Self::Error>> + Send;

    /// Removes a fenced tree (P5). An error if it is open.
    fn clear(&self, root: OrganizationId, number: MoveNumber) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
