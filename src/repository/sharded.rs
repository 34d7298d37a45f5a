//! One repository over several, each of which holds some of the trees.
//!
//! Trees share nothing (HIE-7), so the root is the unit that is placed. What a shard cannot
//! know of the others is in a [`ShardMap`]: where each tree is, which tree a key is kept with,
//! and which key made each organization. A commit claims there what it needs before its shard
//! is given it. The shard decides; the map only keeps two shards from deciding the same.
//!
//! | asked | who answers | why |
//! |---|---|---|
//! | `commit` | the map, then one shard | the claim goes first, so that a crash in between leaves a claim and never a commit that nobody knows of |
//! | `receipt` | the map, then one shard | a key is kept with a tree, and goes where that goes |
//! | `head`, `read` | the map, then one shard | |
//! | `root_of` | all shards, then the map | an attach moves an organization in its shard alone; the map says whose answer counts |
//! | `roots` | all shards, then the map | a shard alone knows that a tree has a commit; the map says whose answer counts |
//!
//! All of R1 to R21 hold where they hold of the shards and the map is durable, with one
//! limit: a commit of two trees that are in two shards is refused, by
//! [`ShardedError::Apart`], since it could not be written all or nothing (R3). A detach is
//! never in that position by itself: the tree that begins is placed beside the one it leaves.

mod map;
mod memory;
mod moving;

use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroU32;

use super::{Commit, CommitError, KeptSnapshot, Page, Receipt, Repository};
use crate::event::Version;
use crate::id::{CommitKey, OrganizationId};
use crate::snapshot::Snapshot;

pub use map::{ClaimRefusal, Claimed, MovePhase, ShardClaim, ShardId, ShardMap, ShardPlace, TreeMove};
pub use memory::MemoryShardMap;

/// How often a question is asked again when the answer moved while it was asked.
const ATTEMPTS: u32 = 16;

/// What goes wrong in a [`ShardedRepository`]; of a commit that is not there, unless a shard
/// says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardedError<S: Error + 'static, M: Error + 'static> {
    /// A shard failed.
    #[error("shard {shard}: {error}")]
    Shard {
        /// Which.
        shard: ShardId,
        /// Its error.
        #[source]
        error: S,
    },
    /// The map failed.
    #[error("the map of the shards: {0}")]
    Map(#[source] M),
    /// A tree is on its way to another shard and takes no commits meanwhile.
    #[error("tree {root} is moving to another shard: try again soon")]
    Moving {
        /// The tree.
        root: OrganizationId,
    },
    /// A commit of two trees that are in two shards.
    #[error("tree {root} is in shard {shard} and tree {other} in shard {other_shard}: move one to the other first")]
    Apart {
        /// One tree.
        root: OrganizationId,
        /// Where it is.
        shard: ShardId,
        /// The other tree.
        other: OrganizationId,
        /// Where that is.
        other_shard: ShardId,
    },
    /// The key was sent before for another tree, and that commit may yet be there.
    #[error("the key {key} was sent for tree {root} before, and may take effect there: choose another")]
    KeyPending {
        /// The key.
        key: CommitKey,
        /// That tree.
        root: OrganizationId,
    },
    /// Another commit that creates this organization was sent before, and may yet be there.
    #[error("another commit was sent that creates organization {organization}: send that again, or choose another")]
    OrganizationPending {
        /// The organization.
        organization: OrganizationId,
        /// The key of that commit.
        by: CommitKey,
    },
    /// The map names a shard that this repository was not given.
    #[error("there is no shard {shard} here, and the map has trees in it")]
    NoShard {
        /// Which.
        shard: ShardId,
    },
    /// A tree to be moved has no commit.
    #[error("there is no tree {root} to move")]
    NoTree {
        /// The tree.
        root: OrganizationId,
    },
    /// A tree to be moved is on its way elsewhere already, or back.
    #[error("tree {root} is moving already, to or from shard {to}: finish that, or undo it")]
    MovingElsewhere {
        /// The tree.
        root: OrganizationId,
        /// Where that move goes.
        to: ShardId,
    },
    /// Another process has taken the move of this tree on meanwhile.
    #[error("another process moves tree {root}: look where it is, and go on from there")]
    MovedMeanwhile {
        /// The tree.
        root: OrganizationId,
    },
    /// The copy of a tree is not what was copied. Nothing is lost: the tree is where it was.
    #[error("the copy of tree {root} differs after version {after}: undo the move")]
    Differs {
        /// The tree.
        root: OrganizationId,
        /// The version up to which both are the same.
        after: Version,
    },
}

/// A repository over several, by a map of which tree is where. See the [module](self).
///
/// ```
/// use bailiwick::{
///     AgentSecret, Catalog, CommitKey, Context, Directory, Domain, FoundTree, MemoryRepository, MemoryShardMap,
///     OrganizationId, Person, PrincipalId, Repository, Rules, ShardId, ShardedRepository, Version,
/// };
/// # pollster::block_on(async {
/// let [eu, us] = [ShardId::new(1), ShardId::new(2)];
/// let shards = [(eu, MemoryRepository::new()), (us, MemoryRepository::new())];
/// let repository = ShardedRepository::new(shards, MemoryShardMap::new()).placing(move |_| eu);
/// let domain = std::sync::Arc::new(Domain { catalog: Catalog::new([])?, rules: Rules::provider() });
/// let directory = Directory::new(repository, domain);
///
/// let (root, ada) = (OrganizationId::from_u128(1)?, PrincipalId::from_u128(10)?);
/// let found = FoundTree { root, name: "Fabrikam".parse()?, owner: ada, person: Person::named("Ada".parse()?), secret: AgentSecret::from_entropy([7; 32]) };
/// let context = Context::operator(PrincipalId::from_u128(99)?, "2026-01-01T00:00:00Z".parse()?, CommitKey::from_u128(1)?);
/// directory.execute(root, &context, &found).await?;
///
/// directory.repository().move_tree(root, us).await?;
/// assert_eq!(directory.repository().shard_of(root).await?, Some(us));
/// assert!(directory.tree(root).await?.access().owns(ada, root, context.at));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ShardedRepository<R, M> {
    shards: BTreeMap<ShardId, R>,
    map: M,
    newcomer: Box<dyn Fn(OrganizationId) -> ShardId + Send + Sync>,
}

type Failed<R, M> = ShardedError<<R as Repository>::Error, <M as ShardMap>::Error>;

impl<R: Repository, M: ShardMap> ShardedRepository<R, M> {
    /// A repository over these shards. The map must have been theirs from their first commit
    /// on; new trees are spread by their identifiers.
    pub fn new(shards: impl IntoIterator<Item = (ShardId, R)>, map: M) -> Self {
        let shards: BTreeMap<ShardId, R> = shards.into_iter().collect();
        let ids: Vec<ShardId> = shards.keys().copied().collect();
        let spread = move |root: OrganizationId| {
            let position = root.uuid().as_u128().checked_rem(ids.len() as u128);
            let position = position.and_then(|position| usize::try_from(position).ok());
            position.and_then(|position| ids.get(position).copied()).unwrap_or(ShardId::new(0))
        };
        Self { shards, map, newcomer: Box::new(spread) }
    }

    /// The same, with new trees placed so: by region, or by which shard has room. A tree that
    /// begins by a detach is placed beside the one that it leaves in any case.
    #[must_use]
    pub fn placing(self, newcomer: impl Fn(OrganizationId) -> ShardId + Send + Sync + 'static) -> Self {
        Self { newcomer: Box::new(newcomer), ..self }
    }

    /// The map.
    pub const fn map(&self) -> &M {
        &self.map
    }

    /// A shard.
    pub fn shard(&self, shard: ShardId) -> Option<&R> {
        self.shards.get(&shard)
    }

    /// Where a tree is, if it has a place.
    pub async fn shard_of(&self, root: OrganizationId) -> Result<Option<ShardId>, Failed<R, M>> {
        Ok(self.place(root).await?.map(ShardPlace::home))
    }

    fn get(&self, shard: ShardId) -> Result<&R, Failed<R, M>> {
        self.shards.get(&shard).ok_or(ShardedError::NoShard { shard })
    }

    async fn place(&self, root: OrganizationId) -> Result<Option<ShardPlace>, Failed<R, M>> {
        Ok(self.map.places(&[root]).await.map_err(ShardedError::Map)?.into_iter().next().flatten())
    }

    /// Sends a claimed commit to its shard, and takes the claim back if it is certainly not
    /// there. That this may fail is no matter: what stays claimed is the same commit's.
    async fn send(
        &self,
        places: &[(OrganizationId, ShardPlace)],
        commit: Commit,
    ) -> Result<Receipt, CommitError<Failed<R, M>>> {
        let key = commit.key();
        let shard = places.first().map_or(ShardId::new(0), |(_, place)| place.home());
        let repository = self.get(shard).map_err(CommitError::NotWritten)?;
        let answer = repository.commit(commit).await;
        if let Err(CommitError::Refused(_) | CommitError::NotWritten(_)) = answer {
            let _released = self.map.release(key).await;
        }
        match answer {
            Ok(receipt) => Ok(receipt),
            Err(CommitError::Refused(refusal)) => Err(CommitError::Refused(refusal)),
            Err(CommitError::Unknown(error)) => Err(CommitError::Unknown(ShardedError::Shard { shard, error })),
            Err(CommitError::NotWritten(error)) => Err(CommitError::NotWritten(match self.moved_since(places).await {
                Some(root) => ShardedError::Moving { root },
                None => ShardedError::Shard { shard, error },
            })),
        }
    }

    /// A tree of these that is moving, or has moved since it was in its place, though it may be
    /// there again.
    async fn moved_since(&self, places: &[(OrganizationId, ShardPlace)]) -> Option<OrganizationId> {
        let roots: Vec<_> = places.iter().map(|(root, _)| *root).collect();
        let now = self.map.places(&roots).await.ok()?;
        let moved =
            |then: ShardPlace, now: Option<ShardPlace>| now.is_some_and(|now| now.moving.is_some() || now != then);
        places.iter().zip(now).find(|((_, then), now)| moved(*then, *now)).map(|((root, _), _)| *root)
    }

    /// What is answered to a commit that could not be claimed. A key that has taken effect
    /// is answered by the shard that has it, wherever the trees of the commit are by now (R4,
    /// R5).
    async fn unclaimed(&self, commit: Commit, refused: ClaimRefusal) -> Result<Receipt, CommitError<Failed<R, M>>> {
        let key = commit.key();
        if let Some((shard, _)) = self.kept(key).await.map_err(CommitError::NotWritten)? {
            let repository = self.get(shard).map_err(CommitError::NotWritten)?;
            return repository.commit(commit).await.map_err(|error| match error {
                CommitError::Refused(refusal) => CommitError::Refused(refusal),
                CommitError::NotWritten(error) => CommitError::NotWritten(ShardedError::Shard { shard, error }),
                CommitError::Unknown(error) => CommitError::Unknown(ShardedError::Shard { shard, error }),
            });
        }
        Err(CommitError::NotWritten(match refused {
            ClaimRefusal::KeyElsewhere { root } => ShardedError::KeyPending { key, root },
            ClaimRefusal::Moving { root } => ShardedError::Moving { root },
            ClaimRefusal::Apart { trees: [(root, shard), (other, other_shard)] } => {
                ShardedError::Apart { root, shard, other, other_shard }
            }
            ClaimRefusal::OrganizationHeld { organization, by } => {
                // R12: of a commit that is there, the organization is taken for good.
                if self.kept(by).await.map_err(CommitError::NotWritten)?.is_some() {
                    return Err(CommitError::Refused(super::CommitRefusal::OrganizationTaken { organization }));
                }
                ShardedError::OrganizationPending { organization, by }
            }
        }))
    }

    /// The receipt of a key, and the shard that has it.
    async fn kept(&self, key: CommitKey) -> Result<Option<(ShardId, Receipt)>, Failed<R, M>> {
        let Some(root) = self.map.tree_of(key).await.map_err(ShardedError::Map)? else { return Ok(None) };
        let Some(place) = self.place(root).await? else { return Ok(None) };
        let shard = place.home();
        // A shard keeps the receipts of a tree that has left it, so it does not matter if
        // this one leaves now.
        let receipt = self.get(shard)?.receipt(key).await;
        let receipt = receipt.map_err(|error| ShardedError::Shard { shard, error })?;
        Ok(receipt.map(|receipt| (shard, receipt)))
    }

    /// Where to ask about a tree. A shard that answers with nothing may have seen it leave
    /// just now, so that only counts if [`Self::stayed`].
    async fn home(&self, root: OrganizationId) -> Result<Option<(ShardId, &R)>, Failed<R, M>> {
        let Some(place) = self.place(root).await? else { return Ok(None) };
        Ok(Some((place.home(), self.get(place.home())?)))
    }

    async fn stayed(&self, root: OrganizationId, shard: ShardId) -> Result<bool, Failed<R, M>> {
        Ok(self.place(root).await?.map(ShardPlace::home) == Some(shard))
    }

    /// The trees of these that are where a shard is that told of them.
    async fn at_home(&self, told: &[(ShardId, OrganizationId)]) -> Result<Vec<OrganizationId>, Failed<R, M>> {
        let roots: Vec<_> = told.iter().map(|(_, root)| *root).collect();
        let places = self.map.places(&roots).await.map_err(ShardedError::Map)?;
        let counts = |((shard, _), place): &(&(ShardId, OrganizationId), Option<ShardPlace>)| {
            place.map(ShardPlace::home) == Some(*shard)
        };
        Ok(told.iter().zip(places).filter(counts).map(|((_, root), _)| *root).collect())
    }
}

impl<R: Repository, M: ShardMap> Repository for ShardedRepository<R, M> {
    type Error = Failed<R, M>;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<Self::Error>> {
        let roots: Vec<_> = commit.parts().map(|part| part.root()).collect();
        let newcomer = roots.first().map_or(ShardId::new(0), |root| (self.newcomer)(*root));
        let created = commit.placements().filter(|placement| placement.created);
        let created = created.map(|placement| placement.organization).collect();
        let claim = ShardClaim { key: commit.key(), roots, created, newcomer };
        // R17: whether the claim was made is no matter, the commit was not sent.
        let claimed = self.map.claim(&claim).await.map_err(|error| CommitError::NotWritten(ShardedError::Map(error)));
        match claimed? {
            Ok(places) => self.send(&places, commit).await,
            Err(refused) => self.unclaimed(commit, refused).await,
        }
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, Self::Error> {
        Ok(self.kept(key).await?.map(|(_, receipt)| receipt))
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, Self::Error> {
        for _ in 0..ATTEMPTS {
            let Some((shard, repository)) = self.home(root).await? else { return Ok(Version::ZERO) };
            let head = repository.head(root).await.map_err(|error| ShardedError::Shard { shard, error })?;
            if head > Version::ZERO || self.stayed(root, shard).await? {
                return Ok(head);
            }
        }
        Err(ShardedError::Moving { root })
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, Self::Error> {
        for _ in 0..ATTEMPTS {
            let none = Page { commits: Vec::new(), records: Vec::new(), head: Version::ZERO };
            let Some((shard, repository)) = self.home(root).await? else { return Ok(none) };
            let page = repository.read(root, after, limit).await;
            let page = page.map_err(|error| ShardedError::Shard { shard, error })?;
            if page.head > Version::ZERO || self.stayed(root, shard).await? {
                return Ok(page);
            }
        }
        Err(ShardedError::Moving { root })
    }

    async fn keep_snapshot(&self, snapshot: Snapshot) -> Result<(), Self::Error> {
        let Some((shard, repository)) = self.home(snapshot.root()).await? else { return Ok(()) };
        repository.keep_snapshot(snapshot).await.map_err(|error| ShardedError::Shard { shard, error })
    }

    async fn snapshot(&self, root: OrganizationId) -> Result<Option<KeptSnapshot>, Self::Error> {
        // A tree that has just left has no snapshot where it was, and one is not needed.
        let Some((shard, repository)) = self.home(root).await? else { return Ok(None) };
        repository.snapshot(root).await.map_err(|error| ShardedError::Shard { shard, error })
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, Self::Error> {
        let mut seen = None;
        for _ in 0..ATTEMPTS {
            let mut told = Vec::new();
            for (shard, repository) in &self.shards {
                let root = repository.root_of(organization).await;
                let root = root.map_err(|error| ShardedError::Shard { shard: *shard, error })?;
                told.extend(root.map(|root| (*shard, root)));
            }
            let Some((_, first)) = told.first() else { return Ok(None) };
            seen = Some(*first);
            if let Some(root) = self.at_home(&told).await?.first() {
                return Ok(Some(*root));
            }
            // The tree has moved between the questions, from a shard asked late to one asked early.
        }
        seen.map_or(Ok(None), |root| Err(ShardedError::Moving { root }))
    }

    async fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, Self::Error> {
        let wanted = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let (mut found, mut after) = (Vec::new(), after);
        loop {
            let mut told = Vec::new();
            // Up to where every shard has told all of its trees.
            let mut until = None;
            for (shard, repository) in &self.shards {
                let roots = repository.roots(after, limit).await;
                let roots = roots.map_err(|error| ShardedError::Shard { shard: *shard, error })?;
                if roots.len() >= wanted {
                    until = until.into_iter().chain(roots.last().copied()).min();
                }
                told.extend(roots.into_iter().map(|root| (*shard, root)));
            }
            told.retain(|(_, root)| until.is_none_or(|until| *root <= until));
            let mut roots = self.at_home(&told).await?;
            roots.sort();
            roots.dedup();
            found.extend(roots);
            after = until;
            if found.len() >= wanted || until.is_none() {
                found.truncate(wanted);
                return Ok(found);
            }
        }
    }
}
