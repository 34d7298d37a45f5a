//! What is read. A row that cannot be read or is missing is an error, never skipped.

use std::num::NonZeroU32;

use bailiwick::{
    CommitKey, KeptSnapshot, OrganizationId, Page, Receipt, Record, RecordKey, Recorded, Snapshot, Version,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::SqliteError;

fn organization(uuid: Uuid) -> Result<OrganizationId, SqliteError> {
    Ok(OrganizationId::new(uuid)?)
}

/// The version in a column, which the schema keeps above zero.
fn version(row: &Row<'_>, column: usize) -> rusqlite::Result<Version> {
    let number: i64 = row.get(column)?;
    let positive = u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number));
    positive.map(Version::new)
}

pub(crate) fn head(connection: &Connection, root: OrganizationId) -> Result<Version, SqliteError> {
    let mut head = connection.prepare_cached("SELECT head FROM tree WHERE root = ?1")?;
    Ok(head.query_row([root.uuid()], |row| version(row, 0)).optional()?.unwrap_or_default())
}

pub(crate) fn receipt(connection: &Connection, key: CommitKey) -> Result<Option<Receipt>, SqliteError> {
    let mut parts = connection.prepare_cached("SELECT root, version FROM recorded WHERE key = ?1 ORDER BY part")?;
    let parts = parts.query_map([key.uuid()], |row| Ok((row.get(0)?, version(row, 1)?)))?;
    let versions = parts.map(|part| part.map_err(SqliteError::from)).map(|part| {
        let (root, version) = part?;
        Ok((organization(root)?, version))
    });
    let versions = versions.collect::<Result<Vec<_>, SqliteError>>()?;
    Ok((!versions.is_empty()).then_some(Receipt { key, versions }))
}

pub(crate) fn root_of(connection: &Connection, of: OrganizationId) -> Result<Option<OrganizationId>, SqliteError> {
    let mut root = connection.prepare_cached("SELECT root FROM organization WHERE id = ?1")?;
    root.query_row([of.uuid()], |row| row.get(0)).optional()?.map(organization).transpose()
}

pub(crate) fn roots(
    connection: &Connection,
    after: Option<OrganizationId>,
    limit: NonZeroU32,
) -> Result<Vec<OrganizationId>, SqliteError> {
    // Before the first is nil, which is no identifier.
    let after = after.map_or(Uuid::nil(), OrganizationId::uuid);
    let mut roots = connection.prepare_cached("SELECT root FROM tree WHERE root > ?1 ORDER BY root LIMIT ?2")?;
    let roots = roots.query_map(params![after, limit.get()], |row| row.get(0))?;
    roots.map(|root| organization(root?)).collect()
}

pub(crate) fn page(
    connection: &Connection,
    root: OrganizationId,
    after: Version,
    limit: NonZeroU32,
) -> Result<Page, SqliteError> {
    let head = head(connection, root)?;
    let mut page = Page { commits: Vec::new(), records: Vec::new(), head };
    let wanted = head.get().saturating_sub(after.get()).min(u64::from(limit.get()));
    // The bounds are at most the head, which came out of such a column.
    let bound = |version: u64| i64::try_from(version).unwrap_or(i64::MAX);
    let last = after.get().saturating_add(wanted);
    let between = params![root.uuid(), bound(after.get()), bound(last)];

    let mut commits = connection.prepare_cached(
        "SELECT version, body FROM recorded WHERE root = ?1 AND version > ?2 AND version <= ?3 ORDER BY version",
    )?;
    let mut rows = commits.query(between)?;
    for expected in (1..=wanted).map(|step| Version::new(after.get().saturating_add(step))) {
        let missing = SqliteError::Gap { root, version: expected };
        let row = rows.next()?.ok_or(missing)?;
        page.commits.push(recorded(row, root, expected)?);
    }

    let mut records = connection
        .prepare_cached("SELECT key, value FROM record WHERE root = ?1 AND version > ?2 AND version <= ?3")?;
    let mut rows = records.query(between)?;
    while let Some(row) = rows.next()? {
        page.records.push(record(row, root)?);
    }
    Ok(page)
}

pub(crate) fn snapshot(connection: &Connection, root: OrganizationId) -> Result<Option<KeptSnapshot>, SqliteError> {
    let mut kept = connection.prepare_cached("SELECT version, body FROM snapshot WHERE root = ?1")?;
    let kept = kept.query_row([root.uuid()], |row| Ok(Snapshot::new(root, version(row, 0)?, row.get(1)?)));
    let Some(snapshot) = kept.optional()? else { return Ok(None) };
    let mut records =
        connection.prepare_cached("SELECT key, value FROM record WHERE root = ?1 AND value IS NOT NULL")?;
    let (mut rows, mut records) = (records.query([root.uuid()])?, Vec::new());
    while let Some(row) = rows.next()? {
        let (key, value) = record(row, root)?;
        records.extend(value.map(|value| (key, value)));
    }
    Ok(Some(KeptSnapshot { snapshot, records }))
}

/// The commit in a row of which the tree and the version are known.
fn recorded(row: &Row<'_>, root: OrganizationId, expected: Version) -> Result<Recorded, SqliteError> {
    if version(row, 0)? != expected {
        return Err(SqliteError::Gap { root, version: expected });
    }
    let body = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
    let recorded: Recorded =
        serde_json::from_str(body).map_err(|error| SqliteError::UnreadableCommit { root, version: expected, error })?;
    if (recorded.root, recorded.version) == (root, expected) {
        return Ok(recorded);
    }
    Err(SqliteError::Misplaced { root, version: expected, of: recorded.root, found: recorded.version })
}

fn record(row: &Row<'_>, root: OrganizationId) -> Result<(RecordKey, Option<Record>), SqliteError> {
    let (key, value): (String, Option<String>) = (row.get(0)?, row.get(1)?);
    let read = serde_json::from_str(&key).and_then(|key| {
        let record = value.as_deref().map(serde_json::from_str).transpose()?;
        Ok((key, record))
    });
    // The error of the decoder would repeat what it read.
    read.map_err(|_| SqliteError::UnreadableRecord { root, key })
}
