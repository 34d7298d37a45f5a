//! What a commit writes.
//!
//! Locks are taken in one order, so that no two commits wait for each other: the key, then
//! the trees by their roots, then organizations by their identifiers. What refuses a commit
//! is found with these locks held, before anything else is written, let alone committed.

use std::collections::BTreeMap;

use bailiwick::{Changes, Commit, CommitError, CommitRefusal, Fingerprint, OrganizationId, Receipt, Snapshot};
use deadpool_postgres::{Object, Transaction};
use uuid::Uuid;

use crate::read::{self, number};
use crate::rows::ReadModels;
use crate::statements::Statements;
use crate::{Hook, HookError, PostgresError};

/// What has become of a commit whose transaction is still open.
pub(crate) enum Written {
    /// It is there, as far as this transaction goes, or was there before: to be committed.
    There(Receipt),
    /// Nothing of it may be there.
    Refused(CommitRefusal),
}

/// Whether the key is the commit's now; with the number of this transaction.
pub(crate) enum Key {
    /// It is, as far as this transaction goes.
    Claimed(String),
    /// A commit has it.
    Used(String, Receipt, Fingerprint),
}

/// Claims the key. Of two transactions with one key, the second waits for the first to end.
pub(crate) async fn claim_key(
    transaction: &Transaction<'_>,
    statements: &Statements,
    commit: &Commit,
    fingerprint: &Fingerprint,
) -> Result<Key, PostgresError> {
    let key = commit.key();
    let mut parts =
        commit.parts().map(|part| Ok::<_, PostgresError>((part.root().uuid(), number(part.recorded.version)?)));
    let (first, other) = (parts.next().transpose()?, parts.next().transpose()?);
    let ((root, version), (other_root, other_version)) = (first.unzip(), other.unzip());
    let statement = transaction.prepare_cached(&statements.claim_key).await?;
    let fingerprint: &[u8] = fingerprint.bytes();
    let claimed = transaction
        .query_opt(&statement, &[&key.uuid(), &fingerprint, &root, &version, &other_root, &other_version])
        .await?;
    if let Some(row) = claimed {
        return Ok(Key::Claimed(row.try_get(0)?));
    }
    let statement = transaction.prepare_cached(&statements.used_key).await?;
    let row = transaction.query_one(&statement, &[&key.uuid()]).await?;
    let (receipt, fingerprint) = read::receipt_in(&row, key)?;
    Ok(Key::Used(row.try_get(5)?, receipt, fingerprint))
}

/// Writes a commit that has its key, within the transaction of the caller, who undoes it if
/// it is refused.
pub(crate) async fn commit(
    transaction: &Transaction<'_>,
    statements: &Statements,
    commit: &Commit,
    read_models: Option<&ReadModels>,
    hook: &impl Hook,
) -> Result<Written, PostgresError> {
    let mut parts: Vec<&Changes> = commit.parts().collect();
    parts.sort_by_key(|part| part.root());
    for part in &parts {
        if let Some(refusal) = advance(transaction, statements, part).await? {
            return Ok(Written::Refused(refusal));
        }
    }
    if let Some(organization) = place(transaction, statements, commit).await? {
        return Ok(Written::Refused(CommitRefusal::OrganizationTaken { organization }));
    }
    for part in &parts {
        write_part(transaction, statements, part).await?;
        if let Some(read_models) = read_models {
            read_models.follow(transaction, statements, part).await?;
        }
    }
    hook.write(transaction, commit).await.map_err(of_hook)?;
    Ok(Written::There(commit.receipt()))
}

/// An error of the embedder's; one of the server's that is a matter of trying again is told
/// as such.
fn of_hook(error: HookError) -> PostgresError {
    match error.downcast::<tokio_postgres::Error>().map(|error| PostgresError::from(*error)) {
        Ok(error @ (PostgresError::Contended { .. } | PostgresError::Connection(_))) => error,
        Ok(error) => PostgresError::Hook(error.into()),
        Err(error) => PostgresError::Hook(error),
    }
}

/// Moves a tree on to the version of this part, if it is at the one before, and locks it.
async fn advance(
    transaction: &Transaction<'_>,
    statements: &Statements,
    part: &Changes,
) -> Result<Option<CommitRefusal>, PostgresError> {
    let (root, expected) = (part.root(), part.base());
    let (version, base) = (number(part.recorded.version)?, number(expected)?);
    let advanced = if base == 0 {
        let statement = transaction.prepare_cached(&statements.found).await?;
        transaction.execute(&statement, &[&root.uuid(), &version]).await?
    } else {
        let statement = transaction.prepare_cached(&statements.advance).await?;
        transaction.execute(&statement, &[&root.uuid(), &version, &base]).await?
    };
    if advanced == 1 {
        return Ok(None);
    }
    let statement = transaction.prepare_cached(&statements.head).await?;
    let row = transaction.query_opt(&statement, &[&root.uuid()]).await?;
    if row.as_ref().map(|row| row.try_get(1)).transpose()? == Some(true) {
        return Err(PostgresError::Fenced { root });
    }
    let found = read::head_in(row)?;
    if found == expected {
        // It came in between, so this transaction has too low a number for what follows it.
        return Err(PostgresError::Contended { message: format!("version {expected} was committed meanwhile") });
    }
    Ok(Some(CommitRefusal::Conflict { root, expected, found }))
}

/// Puts organizations into their trees, and answers one that is taken.
async fn place(
    transaction: &Transaction<'_>,
    statements: &Statements,
    commit: &Commit,
) -> Result<Option<OrganizationId>, PostgresError> {
    // By identifier, each once.
    let (mut created, mut moved) = (BTreeMap::new(), BTreeMap::new());
    for placement in commit.placements() {
        let (organization, root) = (placement.organization, placement.root.uuid());
        let placed = if placement.created { &mut created } else { &mut moved };
        if placed.insert(organization, root).is_some() && placement.created {
            return Ok(Some(organization));
        }
    }
    let columns = |placed: &BTreeMap<OrganizationId, Uuid>| -> (Vec<Uuid>, Vec<Uuid>) {
        placed.iter().map(|(organization, root)| (organization.uuid(), *root)).unzip()
    };
    if !created.is_empty() {
        let (organizations, roots) = columns(&created);
        let statement = transaction.prepare_cached(&statements.create).await?;
        let rows = transaction.query(&statement, &[&organizations, &roots]).await?;
        for row in rows {
            created.remove(&OrganizationId::new(row.try_get(0)?)?);
        }
        if let Some(taken) = commit.placements().find(|placement| created.contains_key(&placement.organization)) {
            return Ok(Some(taken.organization));
        }
    }
    if !moved.is_empty() {
        let (organizations, roots) = columns(&moved);
        let statement = transaction.prepare_cached(&statements.relocate).await?;
        transaction.execute(&statement, &[&organizations, &roots]).await?;
    }
    Ok(None)
}

/// One tree's part of a commit: the commit itself, and its records.
pub(crate) async fn write_part(
    transaction: &Transaction<'_>,
    statements: &Statements,
    part: &Changes,
) -> Result<(), PostgresError> {
    let (root, version) = (part.root().uuid(), number(part.recorded.version)?);
    let body = serde_json::to_string(&part.recorded).map_err(PostgresError::Encode)?;
    let statement = transaction.prepare_cached(&statements.record_commit).await?;
    transaction.execute(&statement, &[&root, &version, &body]).await?;
    if part.records.is_empty() {
        return Ok(());
    }
    // Written twice in one commit, a record is what was written last.
    let mut records = BTreeMap::new();
    for (key, record) in &part.records {
        let key = serde_json::to_string(key).map_err(PostgresError::Encode)?;
        let value = record.as_ref().map(serde_json::to_string).transpose().map_err(PostgresError::Encode)?;
        records.insert(key, value);
    }
    let (keys, values): (Vec<String>, Vec<Option<String>>) = records.into_iter().unzip();
    let statement = transaction.prepare_cached(&statements.write_records).await?;
    transaction.execute(&statement, &[&root, &keys, &version, &values]).await?;
    Ok(())
}

/// Keeps a snapshot, unless its tree is not at its version or there is a later one.
pub(crate) async fn snapshot(
    client: &Object,
    statements: &Statements,
    snapshot: &Snapshot,
) -> Result<(), PostgresError> {
    // No tree is at a version beyond what a column holds.
    let Ok(version) = number(snapshot.version()) else { return Ok(()) };
    let statement = client.prepare_cached(&statements.keep_snapshot).await?;
    client.execute(&statement, &[&snapshot.root().uuid(), &version, &snapshot.bytes()]).await?;
    Ok(())
}

/// The last statement before the COMMIT.
pub(crate) async fn seal(
    transaction: &Transaction<'_>,
    statements: &Statements,
    number: &str,
) -> Result<(), CommitError<PostgresError>> {
    let present = async {
        let statement = transaction.prepare_cached(&statements.seal).await?;
        Ok(transaction.query_one(&statement, &[]).await?.try_get(0)?)
    };
    let present: Option<String> = present.await.map_err(CommitError::NotWritten)?;
    // Whether the hook committed what it ended, nobody knows.
    let ended = CommitError::Unknown(PostgresError::HookEndedTransaction);
    if present.as_deref() == Some(number) { Ok(()) } else { Err(ended) }
}
