//! The audit trail of a directory's trees: what is read of it, and the refusals that go into it.
//!
//! Rules: AUD-1, AUD-3.

use std::convert::Infallible;
use std::num::NonZeroU32;

use sha2::{Digest, Sha256};

use crate::audit::{AuditFilter, RecordRefusal};
use crate::command::{Command, Context, Operation, Scene};
use crate::directory::{ATTEMPTS, Directory, DirectoryError, PAGE};
use crate::event::{Recorded, Version};
use crate::id::{CommitKey, InvalidId, OrganizationId};
use crate::refusal::{Refusal, RuleError};
use crate::repository::{Commit, CommitError, CommitRefusal, Repository};
use crate::tree::{OrganizationTree, OutOfOrder};

impl<R: Repository> Directory<R> {
    /// The commits of a tree that a filter admits, oldest first, from after a version, at
    /// most `limit`; the version of the last is where the next page begins (AUD-1).
    pub async fn audit(
        &self,
        root: OrganizationId,
        filter: &AuditFilter,
        after: Version,
        limit: NonZeroU32,
    ) -> Result<Vec<Recorded>, DirectoryError<Infallible, R::Error>> {
        let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let (mut found, mut read) = (Vec::new(), after);
        loop {
            let mut more = false;
            let page = self.repository().read(root, read, PAGE).await.map_err(DirectoryError::Storage)?;
            // Abuse case 109: a trail with a gap, or one that ends early, is no answer.
            for commit in page.commits {
                if commit.root != root || commit.version != read.next() {
                    let (version, at) = (commit.version, read);
                    return Err(OutOfOrder { root: commit.root, version, tree: root, at }.into());
                }
                read = commit.version;
                more = true;
                if filter.admits(&commit) {
                    found.push(commit);
                }
                if found.len() == limit {
                    return Ok(found);
                }
            }
            if read >= page.head {
                return Ok(found);
            }
            if !more {
                return Err(DirectoryError::NotYet { root, wanted: page.head, found: read });
            }
        }
    }

    /// AUD-3: a refused operation is written into the trail, if that was asked for, under the
    /// operation that was attempted; then it is answered.
    pub(crate) async fn refuse<T, E: RuleError>(
        &self,
        root: OrganizationId,
        context: &Context,
        attempted: Option<(Operation, Option<OrganizationId>)>,
        refusal: Refusal<E>,
    ) -> Result<T, DirectoryError<E, R::Error>> {
        if let Some((operation, organization)) = attempted.filter(|_| self.records_refusals)
            && let Ok(record) = RecordRefusal::of(operation, organization, &refusal)
        {
            self.record(root, context, &record).await?;
        }
        Err(DirectoryError::Refused(refusal))
    }

    async fn record<E: RuleError>(
        &self,
        root: OrganizationId,
        context: &Context,
        record: &RecordRefusal,
    ) -> Result<(), DirectoryError<E, R::Error>> {
        for _ in 0..ATTEMPTS {
            let tree: OrganizationTree = self.current(root).await?;
            if tree.version() == Version::ZERO {
                return Ok(());
            }
            let Ok(key) = refusal_key(context.key, tree.version()) else { return Ok(()) };
            let acting = context.acting.filter(|acting| tree.organization(*acting).is_some());
            let context = Context { acting, key, ..context.clone() };
            let mut scene = Scene::new(&tree, &context, context.at.max(tree.at()));
            let Ok(()) = record.decide(&mut scene) else { return Ok(()) };
            let changes = scene.into_changes(Operation::RecordRefusal);
            match self.repository().commit(Commit::from(changes.clone())).await {
                Ok(_) => {
                    self.advance(&changes);
                    return Ok(());
                }
                Err(CommitError::Refused(CommitRefusal::Conflict { .. })) => {}
                Err(CommitError::Refused(refusal)) => return Err(DirectoryError::CommitRefused(refusal)),
                Err(CommitError::NotWritten(error) | CommitError::Unknown(error)) => {
                    return Err(DirectoryError::Storage(error));
                }
            }
        }
        Ok(())
    }
}

/// REP-3: the key of the commit that records a refusal. It is not the key of what was refused:
/// that one has not taken effect, and may still.
fn refusal_key(key: CommitKey, version: Version) -> Result<CommitKey, InvalidId> {
    let mut hash = Sha256::new();
    hash.update(b"refusal");
    hash.update(key.uuid().as_bytes());
    hash.update(version.get().to_be_bytes());
    let bits = hash.finalize().iter().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    CommitKey::from_u128(bits)
}
