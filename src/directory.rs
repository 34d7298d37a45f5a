//! The directory: live trees over a repository.
//!
//! It keeps each tree that was asked for, catches up from the commits since its version,
//! decides again on a conflict up to a bound, and takes the version that a commit returned
//! as a token, so that a check elsewhere can ask for a tree at least that fresh. Trees fill
//! from committed records only (abuse case 101).

mod loading;

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::command::{Command, Context, Operation};
use crate::draft::Draft;
use crate::event::{Changes, Recorded, Version};
use crate::forest::{Forest, Reader};
use crate::founding::FoundDetached;
use crate::id::{OfferId, OrganizationId};
use crate::obstacle::Preflight;
use crate::organization::OrganizationError;
use crate::refusal::{Refusal, RuleError};
use crate::relocation::RelocationError;
use crate::repository::{Commit, CommitError, CommitRefusal, Receipt, Repository};
use crate::snapshot::SnapshotError;
use crate::transfer::{AttachOrganization, DetachOrganization};
use crate::tree::{Domain, OrganizationTree, OutOfOrder};

/// How often a command is decided again when others commit first.
pub(crate) const ATTEMPTS: u32 = 16;

/// How many commits are read at once while catching up.
pub(crate) const PAGE: NonZeroU32 = match NonZeroU32::new(512) {
    Some(page) => page,
    None => NonZeroU32::MIN,
};

/// Why a directory could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError<E, S> {
    /// The tree refused it.
    #[error(transparent)]
    Refused(Refusal<E>),
    /// The repository refused it for good.
    #[error(transparent)]
    CommitRefused(CommitRefusal),
    /// The storage failed; nothing was written.
    #[error("the storage failed: {0}")]
    Storage(#[source] S),
    /// It is not known whether it was written: send it again with the same key.
    #[error("it is not known whether it was written: {0}")]
    Unknown(#[source] S),
    /// Others committed first, each time.
    #[error("others committed first, {attempts} times in a row: try again later")]
    Contended {
        /// How often it was decided.
        attempts: u32,
    },
    /// The tree cannot be written as a snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// What is stored does not follow from what was read.
    #[error("what is stored is not in order: {0}")]
    OutOfOrder(#[from] OutOfOrder),
    /// The tree is not as fresh as was asked for.
    #[error("tree {root} is at version {found}, not yet at {wanted}")]
    NotYet {
        /// The tree.
        root: OrganizationId,
        /// The version asked for.
        wanted: Version,
        /// The version stored.
        found: Version,
    },
}

impl<E, S> DirectoryError<E, S> {
    /// The refusal, if it was the tree that refused it.
    pub const fn refusal(&self) -> Option<&Refusal<E>> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// What was done: the receipt, and the answer, unless the same key had taken effect before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// That it is there.
    pub receipt: Receipt,
    /// The answer. `None` if the commit was there already: the key was sent before (REP-3).
    pub output: Option<T>,
}

/// Live trees over a repository. Share one by reference between threads.
///
/// ```
/// # use std::sync::Arc;
/// use bailiwick::{AgentSecret, Catalog, CommitKey, Context, Directory, Domain, FoundTree, MemoryRepository, OrganizationId, Person, PrincipalId, Rules};
/// # pollster::block_on(async {
/// let domain = Arc::new(Domain { catalog: Catalog::new([])?, rules: Rules::provider() });
/// let directory = Directory::new(MemoryRepository::new(), domain);
/// let (root, ada) = (OrganizationId::from_u128(1)?, PrincipalId::from_u128(10)?);
/// let context = Context::operator(PrincipalId::from_u128(99)?, "2026-01-01T00:00:00Z".parse()?, CommitKey::from_u128(1)?);
/// let found = FoundTree { root, name: "Fabrikam".parse()?, owner: ada, person: Person::named("Ada".parse()?), secret: AgentSecret::from_entropy([7; 32]) };
/// let done = directory.execute(root, &context, &found).await?;
/// let tree = directory.at_least(root, done.receipt.version_of(root).unwrap_or_default()).await?;
/// assert!(tree.access().owns(ada, root, context.at));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Directory<R> {
    repository: R,
    domain: Arc<Domain>,
    forest: ArcSwap<Forest>,
    pub(crate) records_refusals: bool,
}

impl<R: Repository> Directory<R> {
    /// A directory over a repository, for one domain.
    pub fn new(repository: R, domain: Arc<Domain>) -> Self {
        Self { repository, domain, forest: ArcSwap::default(), records_refusals: false }
    }

    /// The same, writing refused operations into the audit trail (AUD-3).
    #[must_use]
    pub fn recording_refusals(self) -> Self {
        Self { records_refusals: true, ..self }
    }

    /// The repository.
    pub const fn repository(&self) -> &R {
        &self.repository
    }

    /// Gives the repository back.
    pub fn into_repository(self) -> R {
        self.repository
    }

    /// The tree as it stands in the repository now. A root that is not there gives an empty
    /// tree at version zero.
    pub async fn tree(&self, root: OrganizationId) -> Result<OrganizationTree, DirectoryError<Infallible, R::Error>> {
        self.current(root).await
    }

    /// A reader of the trees kept here, for one thread.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.forest, &self.domain.catalog)
    }

    /// The tree kept here, if it is at `version` or later; otherwise caught up, and refused if
    /// the repository is not there yet.
    pub async fn at_least(
        &self,
        root: OrganizationId,
        version: Version,
    ) -> Result<OrganizationTree, DirectoryError<Infallible, R::Error>> {
        let kept = self.cached(root);
        let tree = if kept.version() >= version { kept } else { self.current(root).await? };
        if tree.version() >= version {
            Ok(tree)
        } else {
            Err(DirectoryError::NotYet { root, wanted: version, found: tree.version() })
        }
    }

    /// The tree as it was at an earlier version (AUD-2). Personal data is as it is now.
    pub async fn tree_at(
        &self,
        root: OrganizationId,
        version: Version,
    ) -> Result<OrganizationTree, DirectoryError<Infallible, R::Error>> {
        let mut tree = OrganizationTree::empty(root, self.domain.clone());
        let mut read = Version::ZERO;
        loop {
            let page = self.repository.read(root, read, PAGE).await.map_err(DirectoryError::Storage)?;
            for commit in &page.commits {
                read = commit.version;
                if commit.version <= version {
                    tree.advance(commit)?;
                }
            }
            page.records.into_iter().for_each(|(key, record)| tree.absorb(key, record));
            if read >= page.head || page.commits.is_empty() {
                break;
            }
        }
        if tree.version() == version {
            Ok(tree)
        } else {
            Err(DirectoryError::NotYet { root, wanted: version, found: read })
        }
    }

    /// Decides, commits and applies a command.
    pub async fn execute<C: Command>(
        &self,
        root: OrganizationId,
        context: &Context,
        command: &C,
    ) -> Result<Done<C::Output>, DirectoryError<C::Error, R::Error>> {
        let operation = Some(command.operation());
        self.settle_draft(root, context, operation, |draft: &mut Draft| draft.run(command)).await
    }

    /// Decides several commands in one commit; `steps` is run again on a conflict.
    pub async fn execute_draft<T, E: RuleError>(
        &self,
        root: OrganizationId,
        context: &Context,
        steps: impl Fn(&mut Draft) -> Result<T, Refusal<E>>,
    ) -> Result<Done<T>, DirectoryError<E, R::Error>> {
        self.settle_draft(root, context, None, steps).await
    }

    async fn settle_draft<T, E: RuleError>(
        &self,
        root: OrganizationId,
        context: &Context,
        operation: Option<Operation>,
        steps: impl Fn(&mut Draft) -> Result<T, Refusal<E>>,
    ) -> Result<Done<T>, DirectoryError<E, R::Error>> {
        let steps = &steps;
        self.settle(root, context, operation, move || async move {
            let mut draft = self.current(root).await?.draft(context.clone());
            match steps(&mut draft) {
                Ok(output) => Ok((Commit::from(draft.finish()), output)),
                Err(refusal) => self.refuse(root, context, draft.attempted(), refusal).await,
            }
        })
        .await
    }

    /// Founds a tree of one's own from within another (HIE-4).
    pub async fn found_detached(
        &self,
        root: OrganizationId,
        context: &Context,
        command: &FoundDetached,
    ) -> Result<Done<()>, DirectoryError<OrganizationError, R::Error>> {
        self.settle(command.root, context, Some(Operation::FoundDetached), move || async move {
            let tree = self.current(root).await?;
            match tree.found_detached(context, command) {
                Ok(changes) => Ok((Commit::from(changes), ())),
                Err(refusal) => {
                    let attempted = Some((Operation::FoundDetached, context.acting));
                    self.refuse(root, context, attempted, refusal).await
                }
            }
        })
        .await
    }

    /// Detaches a subtree into a tree of its own; both are written at once (HIE-6).
    pub async fn detach(
        &self,
        root: OrganizationId,
        context: &Context,
        command: &DetachOrganization,
    ) -> Result<Done<Preflight>, DirectoryError<RelocationError, R::Error>> {
        self.settle(root, context, Some(Operation::DetachOrganization), move || async move {
            match self.current(root).await?.detach(context, command) {
                Ok(joint) => Ok((joint.commit, joint.preflight)),
                Err(refusal) => {
                    let attempted = Some((Operation::DetachOrganization, Some(command.organization)));
                    self.refuse(root, context, attempted, refusal).await
                }
            }
        })
        .await
    }

    /// Attaches a tree under an organization of the tree of `root`; both are written at once
    /// (HIE-5).
    pub async fn attach(
        &self,
        root: OrganizationId,
        context: &Context,
        command: &AttachOrganization,
    ) -> Result<Done<Preflight>, DirectoryError<RelocationError, R::Error>> {
        self.settle(root, context, Some(Operation::AttachOrganization), move || async move {
            let (tree, other) = (self.current(root).await?, self.current(command.organization).await?);
            match tree.attach(&other, context, command) {
                Ok(joint) => Ok((joint.commit, joint.preflight)),
                Err(refusal) => {
                    let attempted = Some((Operation::AttachOrganization, Some(command.new_parent)));
                    self.refuse(root, context, attempted, refusal).await
                }
            }
        })
        .await
    }

    /// Accepts an offer kept in the tree of `offering`, for the side in the tree of
    /// `receiving` (HIE-12).
    pub async fn accept_offer(
        &self,
        offering: OrganizationId,
        receiving: OrganizationId,
        context: &Context,
        offer: OfferId,
    ) -> Result<Done<Preflight>, DirectoryError<RelocationError, R::Error>> {
        self.settle(offering, context, Some(Operation::AcceptOffer), move || async move {
            let (tree, other) = (self.current(offering).await?, self.current(receiving).await?);
            match tree.accept_offer(&other, context, offer) {
                Ok(joint) => Ok((joint.commit, joint.preflight)),
                Err(refusal) => {
                    self.refuse(receiving, context, Some((Operation::AcceptOffer, context.acting)), refusal).await
                }
            }
        })
        .await
    }

    /// Declines an offer kept in the tree of `offering`.
    pub async fn decline_offer(
        &self,
        offering: OrganizationId,
        receiving: OrganizationId,
        context: &Context,
        offer: OfferId,
    ) -> Result<Done<()>, DirectoryError<RelocationError, R::Error>> {
        self.settle(offering, context, Some(Operation::DeclineOffer), move || async move {
            let (tree, other) = (self.current(offering).await?, self.current(receiving).await?);
            match tree.decline_offer(&other, context, offer) {
                Ok(changes) => Ok((Commit::from(changes), ())),
                Err(refusal) => {
                    self.refuse(receiving, context, Some((Operation::DeclineOffer, context.acting)), refusal).await
                }
            }
        })
        .await
    }

    /// Decides and commits until it is there, refused, or others came first too often.
    async fn settle<T, E, F>(
        &self,
        root: OrganizationId,
        context: &Context,
        operation: Option<Operation>,
        decide: impl Fn() -> F,
    ) -> Result<Done<T>, DirectoryError<E, R::Error>>
    where
        F: Future<Output = Result<(Commit, T), DirectoryError<E, R::Error>>>,
    {
        // REP-3: the same key takes effect once, however often it is sent.
        if let Some(receipt) = self.repository.receipt(context.key).await.map_err(DirectoryError::Storage)? {
            self.check_same(&receipt, root, context, operation).await?;
            return Ok(Done { receipt, output: None });
        }
        for _ in 0..ATTEMPTS {
            let (commit, output) = decide().await?;
            match self.send(&commit).await {
                Ok(receipt) => {
                    commit.parts().for_each(|changes| self.advance(changes));
                    return Ok(Done { receipt, output: Some(output) });
                }
                Err(CommitError::Refused(CommitRefusal::Conflict { .. })) => {}
                Err(CommitError::Refused(refusal)) => return Err(DirectoryError::CommitRefused(refusal)),
                Err(CommitError::NotWritten(error)) => return Err(DirectoryError::Storage(error)),
                Err(CommitError::Unknown(error)) => return Err(DirectoryError::Unknown(error)),
            }
        }
        Err(DirectoryError::Contended { attempts: ATTEMPTS })
    }

    /// REP-7: a key that is there belongs to the same operation, by the same actor, in the same
    /// tree; another one is not done just because its key is.
    async fn check_same<E>(
        &self,
        receipt: &Receipt,
        root: OrganizationId,
        context: &Context,
        operation: Option<Operation>,
    ) -> Result<(), DirectoryError<E, R::Error>> {
        let reused = DirectoryError::CommitRefused(CommitRefusal::KeyReused { key: context.key });
        let Some(version) = receipt.version_of(root) else { return Err(reused) };
        let page = self.repository.read(root, version.previous(), NonZeroU32::MIN).await;
        let page = page.map_err(DirectoryError::Storage)?;
        let same = |commit: &Recorded| {
            let operations = operation.is_none_or(|operation| commit.operations == [operation]);
            commit.key == context.key && commit.actor == context.actor && operations
        };
        if page.commits.first().is_some_and(same) { Ok(()) } else { Err(reused) }
    }

    /// REP-7: only after an unknown outcome is a commit sent again, with the same key.
    async fn send(&self, commit: &Commit) -> Result<Receipt, CommitError<R::Error>> {
        match self.repository.commit(commit.clone()).await {
            Err(CommitError::Unknown(_)) => self.repository.commit(commit.clone()).await,
            outcome => outcome,
        }
    }

    fn cached(&self, root: OrganizationId) -> OrganizationTree {
        let kept = self.forest.load().tree(root).cloned();
        kept.unwrap_or_else(|| OrganizationTree::empty(root, self.domain.clone()))
    }

    /// Keeps a tree, unless a newer one is kept already.
    fn keep(&self, tree: &OrganizationTree, placed: &[OrganizationId]) {
        let tree = Arc::new(tree.clone());
        self.forest.rcu(|forest| {
            let mut forest = Forest::clone(forest);
            forest.keep(&tree, placed);
            forest
        });
    }

    /// Applies what was just committed, if the tree kept here is at that version.
    pub(crate) fn advance(&self, changes: &Changes) {
        let mut tree = self.cached(changes.root());
        if tree.apply(changes).is_ok() {
            let placed: Vec<_> = changes.recorded.placements().map(|placement| placement.organization).collect();
            self.keep(&tree, &placed);
        }
    }
}
