//! What is read. A row that cannot be read or is missing is an error, never skipped.

use std::num::NonZeroU32;

use bailiwick::{
    CommitKey, Fingerprint, KeptSnapshot, OrganizationId, Page, Receipt, Record, RecordKey, Recorded, Snapshot, Version,
};
use deadpool_postgres::{Object, Transaction};
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;

use crate::PostgresError;
use crate::statements::Statements;

/// A version as a column holds it.
pub(crate) fn number(version: Version) -> Result<i64, PostgresError> {
    i64::try_from(version.get()).map_err(|_| PostgresError::VersionTooGreat(version))
}

/// The version in a column, which the tables keep above zero.
pub(crate) fn version(number: i64) -> Result<Version, PostgresError> {
    let number = u64::try_from(number).map_err(|_| PostgresError::Corrupt("a version below zero"))?;
    Ok(Version::new(number))
}

pub(crate) async fn head(
    client: &Object,
    statements: &Statements,
    root: OrganizationId,
) -> Result<Version, PostgresError> {
    let statement = client.prepare_cached(&statements.head).await?;
    head_in(client.query_opt(&statement, &[&root.uuid()]).await?)
}

/// The head in the row of a tree, if there is one.
pub(crate) fn head_in(row: Option<Row>) -> Result<Version, PostgresError> {
    row.map_or(Ok(Version::ZERO), |row| version(row.try_get(0)?))
}

pub(crate) async fn receipt(
    client: &Object,
    statements: &Statements,
    key: CommitKey,
) -> Result<Option<Receipt>, PostgresError> {
    let statement = client.prepare_cached(&statements.receipt).await?;
    let row = client.query_opt(&statement, &[&key.uuid()]).await?;
    Ok(row.map(|row| receipt_in(&row, key)).transpose()?.map(|(receipt, _)| receipt))
}

/// The receipt in the row of a key, and what its commit is told by.
pub(crate) fn receipt_in(row: &Row, key: CommitKey) -> Result<(Receipt, Fingerprint), PostgresError> {
    let first = (OrganizationId::new(row.try_get(0)?)?, version(row.try_get(1)?)?);
    let mut versions = vec![first];
    if let (Some(root), Some(other)) = (row.try_get(2)?, row.try_get(3)?) {
        versions.push((OrganizationId::new(root)?, version(other)?));
    }
    let fingerprint = <[u8; 32]>::try_from(row.try_get::<_, &[u8]>(4)?);
    let fingerprint = fingerprint.map_err(|_| PostgresError::Corrupt("a fingerprint of another length"))?;
    Ok((Receipt { key, versions }, Fingerprint::from_bytes(fingerprint)))
}

pub(crate) async fn root_of(
    client: &Object,
    statements: &Statements,
    of: OrganizationId,
) -> Result<Option<OrganizationId>, PostgresError> {
    let statement = client.prepare_cached(&statements.root_of).await?;
    let row = client.query_opt(&statement, &[&of.uuid()]).await?;
    row.map(|row| Ok(OrganizationId::new(row.try_get(0)?)?)).transpose()
}

pub(crate) async fn roots(
    client: &Object,
    statements: &Statements,
    after: Option<OrganizationId>,
    limit: NonZeroU32,
) -> Result<Vec<OrganizationId>, PostgresError> {
    // Before the first is nil, which is no identifier.
    let after = after.map_or(Uuid::nil(), OrganizationId::uuid);
    let statement = client.prepare_cached(&statements.roots).await?;
    let rows = client.query(&statement, &[&after, &i64::from(limit.get())]).await?;
    rows.iter().map(|row| Ok(OrganizationId::new(row.try_get(0)?)?)).collect()
}

pub(crate) async fn page(
    client: &mut Object,
    statements: &Statements,
    root: OrganizationId,
    after: Version,
    limit: NonZeroU32,
) -> Result<Page, PostgresError> {
    // Most who ask have everything already, and one question tells them so.
    let head = head(client, statements, root).await?;
    if head <= after {
        return Ok(Page { commits: Vec::new(), records: Vec::new(), head });
    }
    // From here on, every answer is of one moment.
    let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = snapshot.start().await?;
    let page = page_in(&transaction, statements, root, after, limit).await?;
    transaction.commit().await?;
    Ok(page)
}

pub(crate) async fn page_in(
    transaction: &Transaction<'_>,
    statements: &Statements,
    root: OrganizationId,
    after: Version,
    limit: NonZeroU32,
) -> Result<Page, PostgresError> {
    let statement = transaction.prepare_cached(&statements.head).await?;
    let head = head_in(transaction.query_opt(&statement, &[&root.uuid()]).await?)?;
    let mut page = Page { commits: Vec::new(), records: Vec::new(), head };
    let wanted = head.get().saturating_sub(after.get()).min(u64::from(limit.get()));
    // Both are at most the head, which came out of such a column.
    let (first, last) = (number(after.min(head))?, number(Version::new(after.get().saturating_add(wanted)).min(head))?);

    let statement = transaction.prepare_cached(&statements.commits).await?;
    let rows = transaction.query(&statement, &[&root.uuid(), &first, &last]).await?;
    let mut rows = rows.iter();
    for expected in (1..=wanted).map(|step| Version::new(after.get().saturating_add(step))) {
        let row = rows.next().ok_or(PostgresError::Gap { root, version: expected })?;
        let recorded = recorded(row)?;
        if recorded.version != expected {
            return Err(PostgresError::Gap { root, version: expected });
        }
        page.commits.push(recorded);
    }

    let statement = transaction.prepare_cached(&statements.records).await?;
    let rows = transaction.query(&statement, &[&root.uuid(), &first, &last]).await?;
    page.records = rows.iter().map(|row| record(row, root)).collect::<Result<_, _>>()?;
    Ok(page)
}

pub(crate) async fn snapshot(
    client: &mut Object,
    statements: &Statements,
    root: OrganizationId,
) -> Result<Option<KeptSnapshot>, PostgresError> {
    let of_one_moment = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = of_one_moment.start().await?;
    let statement = transaction.prepare_cached(&statements.snapshot).await?;
    let row = transaction.query_opt(&statement, &[&root.uuid()]).await?;
    let kept = match row {
        Some(row) => {
            let snapshot = Snapshot::new(root, version(row.try_get(0)?)?, row.try_get(1)?);
            let statement = transaction.prepare_cached(&statements.present_records).await?;
            let rows = transaction.query(&statement, &[&root.uuid()]).await?;
            let records = rows.iter().map(|row| record(row, root)).collect::<Result<Vec<_>, _>>()?;
            let records = records.into_iter().filter_map(|(key, record)| Some((key, record?))).collect();
            Some(KeptSnapshot { snapshot, records })
        }
        None => None,
    };
    transaction.commit().await?;
    Ok(kept)
}

/// The commit in a row that begins with its tree, its version and the commit itself.
pub(crate) fn recorded(row: &Row) -> Result<Recorded, PostgresError> {
    let (root, version) = (OrganizationId::new(row.try_get(0)?)?, version(row.try_get(1)?)?);
    let recorded: Recorded = serde_json::from_str(row.try_get(2)?)
        .map_err(|error| PostgresError::UnreadableCommit { root, version, error })?;
    if (recorded.root, recorded.version) == (root, version) {
        return Ok(recorded);
    }
    Err(PostgresError::Misplaced { root, version, of: recorded.root, found: recorded.version })
}

pub(crate) fn record(row: &Row, root: OrganizationId) -> Result<(RecordKey, Option<Record>), PostgresError> {
    let (key, value): (String, Option<&str>) = (row.try_get(0)?, row.try_get(1)?);
    let read = serde_json::from_str(&key).and_then(|key| {
        let record = value.map(serde_json::from_str).transpose()?;
        Ok((key, record))
    });
    // The error of the decoder would repeat what it read.
    read.map_err(|_| PostgresError::UnreadableRecord { root, key })
}
