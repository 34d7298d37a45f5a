//! The map of a sharded repository: where each tree is, and what no two shards may both have.

use std::fmt;

use crate::id::{CommitKey, OrganizationId};
use crate::repository::MoveNumber;

/// One of the repositories that trees are spread over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u32);

impl ShardId {
    /// The shard of this number, for as long as it holds a tree.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a tree has come from one shard to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MovePhase {
    /// It is being copied. It is read where it was, and takes no commit.
    Copying,
    /// The copy is whole. It is read and committed to where it goes, once that is open.
    Clearing,
    /// The move is being undone. It is read where it was, and takes no commit.
    Returning,
}

/// A move that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeMove {
    /// Where the tree goes.
    pub to: ShardId,
    /// How far it has come.
    pub phase: MovePhase,
}

/// Where a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardPlace {
    /// Where it is, or comes from.
    pub shard: ShardId,
    /// The last move that began.
    pub number: MoveNumber,
    /// The move that is under way.
    pub moving: Option<TreeMove>,
}

impl ShardPlace {
    /// The place of a tree that has not been moved.
    pub const fn first(shard: ShardId) -> Self {
        Self { shard, number: MoveNumber::new(0), moving: None }
    }

    /// Where it is read, and committed to if it can be.
    pub const fn home(self) -> ShardId {
        match self.moving {
            Some(TreeMove { to, phase: MovePhase::Clearing }) => to,
            _ => self.shard,
        }
    }

    /// Whether its home takes commits, or will without anything further to decide.
    pub const fn takes_commits(self) -> bool {
        matches!(self.moving, None | Some(TreeMove { phase: MovePhase::Clearing, .. }))
    }
}

/// What a commit needs to itself before a shard is given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardClaim {
    /// Its key, which takes effect once in all shards (R4, R5).
    pub key: CommitKey,
    /// Its trees, the first of which the key is kept with.
    pub roots: Vec<OrganizationId>,
    /// The organizations that it creates, which must be new in all shards (R12).
    pub created: Vec<OrganizationId>,
    /// Where a tree is placed that has no place, unless another tree of the commit has one.
    pub newcomer: ShardId,
}

/// The answer to a claim: where its trees are, all with one home, or why nothing was claimed.
pub type Claimed = Result<Vec<(OrganizationId, ShardPlace)>, ClaimRefusal>;

/// Why nothing was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimRefusal {
    /// The key is kept with another tree.
    KeyElsewhere {
        /// That tree.
        root: OrganizationId,
    },
    /// Another key has claimed an organization.
    OrganizationHeld {
        /// The organization.
        organization: OrganizationId,
        /// That key.
        by: CommitKey,
    },
    /// A tree takes no commits now.
    Moving {
        /// The tree.
        root: OrganizationId,
    },
    /// Its two trees are in two shards.
    Apart {
        /// Each with its shard.
        trees: [(OrganizationId, ShardId); 2],
    },
}

/// Where each tree is, which tree each key is kept with, and which key made each organization:
/// what a [`ShardedRepository`](super::ShardedRepository) must know beyond its shards. An
/// embedder implements it, or takes [`MemoryShardMap`](super::MemoryShardMap) or that of
/// `bailiwick-postgres`.
///
/// It must be at least as durable as the shards, shared by every process that uses them, and
/// each call is one moment: all of it or nothing, in one order for everybody.
pub trait ShardMap: Send + Sync {
    /// What goes wrong with its storage.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Claims what a commit needs, all or nothing, checking in the order of
    /// [`ClaimRefusal`]'s variants. What is claimed stays so until it is
    /// [released](Self::release), and is the claimant's own when the key is sent again. A
    /// tree without a place is given one, and keeps it whatever becomes of the commit.
    fn claim(&self, claim: &ShardClaim) -> impl Future<Output = Result<Claimed, Self::Error>> + Send;

    /// Takes back one claim of a key, whose commit is certainly not there. When as many were
    /// taken back as were made, the key and its organizations are free again; a key of which
    /// one commit is there never is.
    fn release(&self, key: CommitKey) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The tree that a key is kept with, if it is claimed.
    fn tree_of(&self, key: CommitKey) -> impl Future<Output = Result<Option<OrganizationId>, Self::Error>> + Send;

    /// Where trees are, in the order asked.
    fn places(
        &self,
        roots: &[OrganizationId],
    ) -> impl Future<Output = Result<Vec<Option<ShardPlace>>, Self::Error>> + Send;

    /// Puts a tree that is at `from` at `to`, and says whether it was there.
    fn replace(
        &self,
        root: OrganizationId,
        from: ShardPlace,
        to: ShardPlace,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

impl ShardClaim {
    /// Where its trees are, or will be if they have no place yet; for a [`ShardMap`] to use.
    /// [`ClaimRefusal::Moving`] or [`ClaimRefusal::Apart`] if they cannot be committed to together.
    pub fn settle(&self, place: impl Fn(OrganizationId) -> Option<ShardPlace>) -> Claimed {
        let known: Vec<_> = self.roots.iter().map(|root| (*root, place(*root))).collect();
        if let Some((root, _)) = known.iter().find(|(_, place)| place.is_some_and(|place| !place.takes_commits())) {
            return Err(ClaimRefusal::Moving { root: *root });
        }
        // A tree that begins in a commit of two, as in a detach, begins beside the other.
        let beside = known.iter().find_map(|(_, place)| *place).map_or(self.newcomer, ShardPlace::home);
        let settled: Vec<_> =
            known.into_iter().map(|(root, place)| (root, place.unwrap_or(ShardPlace::first(beside)))).collect();
        match settled.as_slice() {
            [(one, first), (other, second)] if first.home() != second.home() => {
                Err(ClaimRefusal::Apart { trees: [(*one, first.home()), (*other, second.home())] })
            }
            _ => Ok(settled),
        }
    }
}
