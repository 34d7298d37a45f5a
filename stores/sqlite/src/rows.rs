//! Read models: the tables that a team joins, beside the log and in step with it.
//!
//! Each tree's rows are at a version, in `read_tree`. A commit that finds them at the one
//! before writes what differs; any other makes them anew from the log, as opening does.

use std::num::NonZeroU32;
use std::sync::Arc;

use bailiwick::rows::{ColumnKind, Row, TABLES, Table, Value};
use bailiwick::{Changes, Domain, OrganizationId, OrganizationTree, Version};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params, params_from_iter};
use uuid::Uuid;

use crate::{SqliteError, read};

/// The newest shape of the tables that is known here. Another one is made anew.
const SHAPE: i64 = 1;

/// As many statements as there are tables, to write and to delete, and those of the log.
const STATEMENTS: usize = 128;

const PAGE: NonZeroU32 = NonZeroU32::new(1_000).unwrap();

/// What is kept beside the log.
pub(crate) struct ReadModels {
    domain: Arc<Domain>,
}

impl ReadModels {
    /// Makes the tables if they are not there, or of another shape, and brings them in step
    /// with the log, tree by tree.
    pub(crate) fn prepare(connection: &mut Connection, domain: Arc<Domain>) -> Result<Self, SqliteError> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let models = Self { domain };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        make(&transaction)?;
        models.write_domain(&transaction)?;
        transaction.commit()?;
        loop {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let Some(root) = behind(&transaction)? else { return Ok(models) };
            models.make_anew(&transaction, root)?;
            transaction.commit()?;
        }
    }

    /// Brings the rows of a tree in step with a part of a commit that was just written.
    pub(crate) fn follow(&self, connection: &Connection, part: &Changes) -> Result<(), SqliteError> {
        let root = part.root();
        match part.rows()? {
            Some(changes) if version(connection, root)? == part.base() => {
                changes.gone.iter().try_for_each(|row| delete(connection, root, row))?;
                changes.written.iter().try_for_each(|row| write(connection, Some(root), row))?;
                stand_at(connection, root, part.recorded.version)
            }
            _ => self.make_anew(connection, root),
        }
    }

    /// Makes the rows of a tree from its log.
    fn make_anew(&self, connection: &Connection, root: OrganizationId) -> Result<(), SqliteError> {
        let tree = self.replay(connection, root)?;
        for table in TABLES.iter().filter(|table| !table.of_domain) {
            connection.execute(&format!("DELETE FROM {} WHERE root = ?1", table.name), [root.uuid()])?;
        }
        tree.rows().iter().try_for_each(|row| write(connection, Some(root), row))?;
        stand_at(connection, root, tree.version())
    }

    fn replay(&self, connection: &Connection, root: OrganizationId) -> Result<OrganizationTree, SqliteError> {
        let mut tree = OrganizationTree::empty(root, self.domain.clone());
        loop {
            let page = read::page(connection, root, tree.version(), PAGE)?;
            page.commits.iter().try_for_each(|commit| tree.advance(commit))?;
            page.records.into_iter().for_each(|(key, record)| tree.absorb(key, record));
            if tree.version() >= page.head {
                return Ok(tree);
            }
        }
    }

    fn write_domain(&self, connection: &Connection) -> Result<(), SqliteError> {
        for table in TABLES.iter().filter(|table| table.of_domain) {
            connection.execute(&format!("DELETE FROM {}", table.name), [])?;
        }
        self.domain.rows().iter().try_for_each(|row| write(connection, None, row))
    }
}

/// Makes the tables, unless they are there in the shape that is known.
fn make(connection: &Connection) -> Result<(), SqliteError> {
    let marked: bool =
        connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'read_model'", [], |row| row.get(0))?;
    let found: i64 =
        if marked { connection.query_row("SELECT shape FROM read_model", [], |row| row.get(0))? } else { 0 };
    if found > SHAPE {
        return Err(SqliteError::LaterReadModels { found, known: SHAPE });
    }
    if found < SHAPE {
        drop_all(connection)?;
        for table in TABLES {
            connection.execute_batch(&create(table))?;
        }
        connection.execute_batch(include_str!("rows.sql"))?;
        connection.execute("INSERT INTO read_model (shape) VALUES (?1)", [SHAPE])?;
    }
    Ok(())
}

/// Drops whatever is there of another shape: all that begins with `read_`.
fn drop_all(connection: &Connection) -> Result<(), SqliteError> {
    let mut found = connection.prepare(
        "SELECT type, name FROM sqlite_schema WHERE type IN ('view', 'table') AND name GLOB 'read_*' ORDER BY type DESC",
    )?;
    let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (kind, name) in found.collect::<rusqlite::Result<Vec<(String, String)>>>()? {
        connection.execute_batch(&format!("DROP {kind} \"{name}\""))?;
    }
    Ok(())
}

fn create(table: &Table) -> String {
    let root = (!table.of_domain).then(|| "root BLOB NOT NULL".to_owned());
    let columns = table.columns.iter().map(|column| {
        let kind = match column.kind {
            ColumnKind::Id => "BLOB",
            ColumnKind::Text => "TEXT",
            ColumnKind::Number | ColumnKind::Flag => "INTEGER",
        };
        let presence = if column.optional { "" } else { " NOT NULL" };
        let check =
            if column.kind == ColumnKind::Flag { format!(" CHECK ({} IN (0, 1))", column.name) } else { String::new() };
        format!("{} {kind}{presence}{check}", column.name)
    });
    let columns: Vec<String> = root.into_iter().chain(columns).collect();
    let key = key_columns(table).join(", ");
    format!("CREATE TABLE {} ({}, PRIMARY KEY ({key})) STRICT, WITHOUT ROWID;", table.name, columns.join(", "))
}

fn key_columns(table: &Table) -> Vec<&'static str> {
    let root = (!table.of_domain).then_some("root");
    root.into_iter().chain(table.key_columns().map(|column| column.name)).collect()
}

/// A tree whose rows are not those of its head.
fn behind(connection: &Connection) -> Result<Option<OrganizationId>, SqliteError> {
    let behind: Option<Uuid> = connection
        .query_row(
            "SELECT tree.root FROM tree LEFT JOIN read_tree USING (root) WHERE version IS NOT head LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(behind.map(OrganizationId::new).transpose()?)
}

/// The version that the rows of a tree are at.
fn version(connection: &Connection, root: OrganizationId) -> Result<Version, SqliteError> {
    let mut version = connection.prepare_cached("SELECT version FROM read_tree WHERE root = ?1")?;
    let version: Option<i64> = version.query_row([root.uuid()], |row| row.get(0)).optional()?;
    // One below zero, which nothing writes, is no version that a commit finds.
    Ok(version.map_or(Version::ZERO, |version| Version::new(u64::try_from(version).unwrap_or(u64::MAX))))
}

fn stand_at(connection: &Connection, root: OrganizationId, version: Version) -> Result<(), SqliteError> {
    let number = i64::try_from(version.get());
    let number = number.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut stand = connection.prepare_cached("REPLACE INTO read_tree (root, version) VALUES (?1, ?2)")?;
    stand.execute(params![root.uuid(), number])?;
    Ok(())
}

fn write(connection: &Connection, root: Option<OrganizationId>, row: &Row) -> Result<(), SqliteError> {
    let values = under(root, row.values());
    let places = vec!["?"; values.len()].join(", ");
    connection
        .prepare_cached(&format!("REPLACE INTO {} VALUES ({places})", row.table().name))?
        .execute(params_from_iter(values))?;
    Ok(())
}

fn delete(connection: &Connection, root: OrganizationId, row: &Row) -> Result<(), SqliteError> {
    let table = row.table();
    let key = key_columns(&table).join(" = ? AND ");
    connection
        .prepare_cached(&format!("DELETE FROM {} WHERE {key} = ?", table.name))?
        .execute(params_from_iter(under(Some(root), row.key())))?;
    Ok(())
}

/// The values of a row as SQLite holds them, after its root.
fn under(root: Option<OrganizationId>, values: Vec<Value>) -> Vec<SqlValue> {
    let root = root.map(|root| Value::Id(root.uuid()));
    let held = |value| match value {
        Value::Nothing => SqlValue::Null,
        Value::Id(id) => SqlValue::Blob(id.into_bytes().to_vec()),
        Value::Text(text) => SqlValue::Text(text),
        Value::Number(number) => SqlValue::Integer(number),
        Value::Flag(flag) => SqlValue::Integer(i64::from(flag)),
    };
    root.into_iter().chain(values).map(held).collect()
}
