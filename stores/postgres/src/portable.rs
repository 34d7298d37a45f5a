//! How a tree goes to another database, and comes from one.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use bailiwick::{
    Carried, Changes, Commit, CommitKey, MoveNumber, OrganizationId, Portable, Receipt, Record, RecordKey, Version,
};
use deadpool_postgres::Transaction;
use tokio_postgres::IsolationLevel;
use uuid::Uuid;

use crate::lease::Lease;
use crate::read::{self, number};
use crate::statements::Statements;
use crate::{Hook, PostgresError, PostgresRepository, write};

/// The number of a move as a column holds it.
fn moved(number: MoveNumber) -> Result<i64, PostgresError> {
    i64::try_from(number.get()).map_err(|_| PostgresError::Corrupt("a move of too great a number"))
}

/// A tree that is carried over keeps its log as it is, and is not committed again: hooks do
/// not run, since what they do was done where it was committed. The feed shows its commits
/// once more, in the database that it came to.
impl<H: Hook> Portable for PostgresRepository<H> {
    async fn fence(&self, root: OrganizationId, number: MoveNumber) -> Result<Version, PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await?;
        let statement = client.prepare_cached(&self.statements.fence).await?;
        let row = client.query_opt(&statement, &[&root.uuid(), &moved(number)?]).await?;
        let head = read::version(row.ok_or(PostgresError::Overtaken { root })?.try_get(0)?)?;
        lease.give_back();
        Ok(head)
    }

    async fn open(&self, root: OrganizationId, number: MoveNumber) -> Result<(), PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await?;
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = begin.start().await?;
        let statement = transaction.prepare_cached(&self.statements.open).await?;
        if transaction.execute(&statement, &[&root.uuid(), &moved(number)?]).await? != 1 {
            return Err(PostgresError::Overtaken { root });
        }
        // What came with the log alone has no rows yet.
        if let Some(read_models) = &self.read_models {
            read_models.catch_up(&transaction, &self.statements, root).await?;
        }
        transaction.commit().await?;
        lease.give_back();
        Ok(())
    }

    async fn export(
        &self,
        root: OrganizationId,
        after: Version,
        limit: NonZeroU32,
    ) -> Result<Vec<Carried>, PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await?;
        let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let transaction = snapshot.start().await?;
        let carried = export(&transaction, &self.statements, root, after, limit).await?;
        transaction.commit().await?;
        lease.give_back();
        Ok(carried)
    }

    async fn import(
        &self,
        root: OrganizationId,
        number: MoveNumber,
        commits: Vec<Carried>,
    ) -> Result<Version, PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await?;
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = begin.start().await?;
        let head = import(&transaction, &self.statements, root, number, commits).await?;
        transaction.commit().await?;
        lease.give_back();
        Ok(head)
    }

    async fn clear(&self, root: OrganizationId, number: MoveNumber) -> Result<(), PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await?;
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = begin.start().await?;
        let Statements { clear_snapshot, clear_records, clear_commits, clear_organizations, .. } = &*self.statements;
        hold(&transaction, &self.statements, root, number).await?;
        set_head(&transaction, &self.statements, root, Version::ZERO).await?;
        for statement in [clear_snapshot, clear_records, clear_commits, clear_organizations] {
            let statement = transaction.prepare_cached(statement).await?;
            transaction.execute(&statement, &[&root.uuid()]).await?;
        }
        if let Some(read_models) = &self.read_models {
            read_models.clear(&transaction, &self.statements, root).await?;
        }
        transaction.commit().await?;
        lease.give_back();
        Ok(())
    }
}

/// Locks a tree that is fenced or not there, and answers its head.
async fn hold(
    transaction: &Transaction<'_>,
    statements: &Statements,
    root: OrganizationId,
    number: MoveNumber,
) -> Result<Version, PostgresError> {
    let statement = transaction.prepare_cached(&statements.hold).await?;
    let row = transaction.query_opt(&statement, &[&root.uuid(), &moved(number)?]).await?;
    read::version(row.ok_or(PostgresError::Overtaken { root })?.try_get(0)?)
}

async fn set_head(
    transaction: &Transaction<'_>,
    statements: &Statements,
    root: OrganizationId,
    head: Version,
) -> Result<(), PostgresError> {
    let statement = transaction.prepare_cached(&statements.set_head).await?;
    transaction.execute(&statement, &[&root.uuid(), &number(head)?]).await?;
    Ok(())
}

async fn import(
    transaction: &Transaction<'_>,
    statements: &Statements,
    root: OrganizationId,
    number: MoveNumber,
    commits: Vec<Carried>,
) -> Result<Version, PostgresError> {
    let head = hold(transaction, statements, root, number).await?;
    let mut last = head;
    for carried in commits.into_iter().filter(|carried| carried.recorded.version > head) {
        last = last.next();
        if (carried.recorded.root, carried.recorded.version) != (root, last) {
            return Err(PostgresError::DoesNotFollow { root, head });
        }
        write_carried(transaction, statements, root, carried).await?;
    }
    set_head(transaction, statements, root, last).await?;
    Ok(last)
}

async fn write_carried(
    transaction: &Transaction<'_>,
    statements: &Statements,
    root: OrganizationId,
    carried: Carried,
) -> Result<(), PostgresError> {
    let Carried { recorded, records, organizations, fingerprint, receipt } = carried;
    let mut parts =
        receipt.versions.iter().map(|(root, version)| Ok::<_, PostgresError>((root.uuid(), number(*version)?)));
    let (first, other) = (parts.next().transpose()?, parts.next().transpose()?);
    let ((first, version), (other, other_version)) = (first.unzip(), other.unzip());
    let bytes: &[u8] = fingerprint.bytes();
    let statement = transaction.prepare_cached(&statements.import_key).await?;
    transaction.execute(&statement, &[&recorded.key.uuid(), &bytes, &first, &version, &other, &other_version]).await?;
    if !organizations.is_empty() {
        let organizations: BTreeSet<Uuid> = organizations.into_iter().map(OrganizationId::uuid).collect();
        let organizations: Vec<Uuid> = organizations.into_iter().collect();
        let roots = vec![root.uuid(); organizations.len()];
        let statement = transaction.prepare_cached(&statements.relocate).await?;
        transaction.execute(&statement, &[&organizations, &roots]).await?;
    }
    write::write_part(transaction, statements, &Changes::new(recorded, records)).await
}

type Records = BTreeMap<Version, Vec<(RecordKey, Option<Record>)>>;

async fn export(
    transaction: &Transaction<'_>,
    statements: &Statements,
    root: OrganizationId,
    after: Version,
    limit: NonZeroU32,
) -> Result<Vec<Carried>, PostgresError> {
    let page = read::page_in(transaction, statements, root, after, limit).await?;
    let Some(last) = page.commits.last().map(|recorded| recorded.version) else { return Ok(Vec::new()) };
    let mut records = records(transaction, statements, root, after, last).await?;
    let keys = page.commits.iter().map(|recorded| recorded.key.uuid()).collect();
    let keys = receipts(transaction, statements, keys).await?;
    let mut carried = Vec::new();
    for recorded in page.commits {
        let (receipt, fingerprint) =
            keys.get(&recorded.key).cloned().ok_or(PostgresError::Corrupt("a commit without its key"))?;
        let records = records.remove(&recorded.version).unwrap_or_default();
        let changes = Changes::new(recorded, Vec::new());
        let commit = Commit::from(changes.clone());
        let placed: Vec<Uuid> = commit.placements().map(|placement| placement.organization.uuid()).collect();
        let mut organizations = Vec::new();
        if !placed.is_empty() {
            let statement = transaction.prepare_cached(&statements.carried_organizations).await?;
            for row in transaction.query(&statement, &[&root.uuid(), &placed]).await? {
                organizations.push(OrganizationId::new(row.try_get(0)?)?);
            }
        }
        carried.push(Carried { recorded: changes.recorded, records, organizations, fingerprint, receipt });
    }
    Ok(carried)
}

/// The records that were last written by the commits of a stretch, by their versions.
async fn records(
    transaction: &Transaction<'_>,
    statements: &Statements,
    root: OrganizationId,
    after: Version,
    last: Version,
) -> Result<Records, PostgresError> {
    let statement = transaction.prepare_cached(&statements.carried_records).await?;
    let mut records = Records::new();
    for row in transaction.query(&statement, &[&root.uuid(), &number(after)?, &number(last)?]).await? {
        records.entry(read::version(row.try_get(2)?)?).or_default().push(read::record(&row, root)?);
    }
    Ok(records)
}

async fn receipts(
    transaction: &Transaction<'_>,
    statements: &Statements,
    keys: Vec<Uuid>,
) -> Result<BTreeMap<CommitKey, (Receipt, bailiwick::Fingerprint)>, PostgresError> {
    let statement = transaction.prepare_cached(&statements.carried_keys).await?;
    let rows = transaction.query(&statement, &[&keys]).await?;
    let read = |row: &tokio_postgres::Row| {
        let key = CommitKey::new(row.try_get(5)?)?;
        Ok((key, read::receipt_in(row, key)?))
    };
    rows.iter().map(read).collect()
}
