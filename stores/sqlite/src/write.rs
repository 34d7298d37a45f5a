//! What a commit writes.

use bailiwick::{Changes, Commit, CommitKey, CommitRefusal, Fingerprint, Receipt, Snapshot};
use rusqlite::{Connection, OptionalExtension, params};

use crate::rows::ReadModels;
use crate::{SqliteError, read};

/// Writes a commit within the transaction of the caller, who undoes it if it is refused.
pub(crate) fn commit(
    connection: &Connection,
    commit: &Commit,
    read_models: Option<&ReadModels>,
) -> Result<Result<Receipt, CommitRefusal>, SqliteError> {
    let key = commit.key();
    let fingerprint = commit.fingerprint().map_err(SqliteError::Encode)?;
    if let Some(first) = fingerprint_of(connection, key)? {
        let receipt = read::receipt(connection, key)?.filter(|_| first == fingerprint);
        return Ok(receipt.ok_or(CommitRefusal::KeyReused { key }));
    }
    for part in commit.parts() {
        let (root, found) = (part.root(), read::head(connection, part.root())?);
        if part.recorded.version != found.next() {
            return Ok(Err(CommitRefusal::Conflict { root, expected: part.base(), found }));
        }
    }
    connection
        .prepare_cached("INSERT INTO commit_key (key, fingerprint) VALUES (?1, ?2)")?
        .execute(params![key.uuid(), fingerprint.bytes()])?;
    for (position, part) in (0_i64..).zip(commit.parts()) {
        write_part(connection, position, part)?;
    }
    for placement in commit.placements() {
        let statement = if placement.created {
            "INSERT INTO organization (id, root) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING"
        } else {
            "INSERT INTO organization (id, root) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET root = excluded.root"
        };
        let (organization, root) = (placement.organization, placement.root);
        let placed = connection.prepare_cached(statement)?.execute(params![organization.uuid(), root.uuid()])?;
        if placed == 0 {
            return Ok(Err(CommitRefusal::OrganizationTaken { organization }));
        }
    }
    if let Some(read_models) = read_models {
        commit.parts().try_for_each(|part| read_models.follow(connection, part))?;
    }
    Ok(Ok(commit.receipt()))
}

fn fingerprint_of(connection: &Connection, key: CommitKey) -> Result<Option<Fingerprint>, SqliteError> {
    let bytes = connection
        .prepare_cached("SELECT fingerprint FROM commit_key WHERE key = ?1")?
        .query_row([key.uuid()], |row| row.get(0))
        .optional()?;
    Ok(bytes.map(Fingerprint::from_bytes))
}

/// One tree's part of a commit: its head, the commit itself, and its records.
fn write_part(connection: &Connection, position: i64, part: &Changes) -> Result<(), SqliteError> {
    let (root, version) = (part.root().uuid(), i64::try_from(part.recorded.version.get()));
    let version = version.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection
        .prepare_cached(
            "INSERT INTO tree (root, head) VALUES (?1, ?2) ON CONFLICT (root) DO UPDATE SET head = excluded.head",
        )?
        .execute(params![root, version])?;
    let body = serde_json::to_string(&part.recorded).map_err(SqliteError::Encode)?;
    connection
        .prepare_cached("INSERT INTO recorded (root, version, key, part, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![root, version, part.recorded.key.uuid(), position, body])?;
    let mut write_record = connection.prepare_cached(
        "INSERT INTO record (root, key, version, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (root, key) DO UPDATE SET version = excluded.version, value = excluded.value",
    )?;
    for (key, record) in &part.records {
        let key = serde_json::to_string(key).map_err(SqliteError::Encode)?;
        let value = record.as_ref().map(serde_json::to_string).transpose().map_err(SqliteError::Encode)?;
        write_record.execute(params![root, key, version, value])?;
    }
    Ok(())
}

/// Keeps a snapshot, unless its tree is not at its version or there is a later one.
pub(crate) fn snapshot(connection: &Connection, snapshot: &Snapshot) -> Result<(), SqliteError> {
    // No tree is at a version beyond what a column holds.
    let Ok(version) = i64::try_from(snapshot.version().get()) else { return Ok(()) };
    let mut keep = connection.prepare_cached(
        "INSERT INTO snapshot (root, version, body) SELECT root, ?2, ?3 FROM tree WHERE root = ?1 AND head >= ?2
         ON CONFLICT (root) DO UPDATE SET version = excluded.version, body = excluded.body
         WHERE excluded.version >= snapshot.version",
    )?;
    keep.execute(params![snapshot.root().uuid(), version, snapshot.bytes()])?;
    Ok(())
}
