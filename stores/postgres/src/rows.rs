//! Read models: the tables that a team joins, beside the log and in step with it.
//!
//! Each tree's rows are at a version, in `read_tree`. A commit that finds them at the one
//! before writes what differs; any other makes them anew from the log, as opening does. Who
//! writes rows of a tree holds the lock of its row in `tree`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use bailiwick::rows::{Column, ColumnKind, Row, TABLES, Table, Value};
use bailiwick::{Changes, Domain, OrganizationId, OrganizationTree, Version};
use deadpool_postgres::{Object, Transaction};
use tokio_postgres::IsolationLevel;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::read::{self, number};
use crate::statements::Statements;
use crate::{Namespace, PostgresError};

/// The newest shape of the tables that is known here. Another one is made anew.
const SHAPE: i32 = 1;

const PAGE: NonZeroU32 = NonZeroU32::new(1_000).unwrap();

/// What is kept beside the log.
pub(crate) struct ReadModels {
    domain: Arc<Domain>,
    namespace: Namespace,
}

impl ReadModels {
    /// Makes the tables if they are not there, or of another shape, and brings them in step
    /// with the log, tree by tree.
    pub(crate) async fn prepare(
        client: &mut Object,
        statements: &Statements,
        namespace: Namespace,
        domain: Arc<Domain>,
    ) -> Result<Self, PostgresError> {
        let models = Self { domain, namespace };
        let transaction = begin(client).await?;
        // Processes that start together wait for each other here.
        transaction.query(&statements.read_model_lock, &[]).await?;
        models.make(&transaction).await?;
        models.write_domain(&transaction).await?;
        transaction.commit().await?;
        loop {
            let transaction = begin(client).await?;
            let behind: Option<Uuid> =
                transaction.query_opt(&statements.behind, &[]).await?.map(|row| row.try_get(0)).transpose()?;
            let Some(root) = behind else { return Ok(models) };
            models.make_anew(&transaction, statements, OrganizationId::new(root)?).await?;
            transaction.commit().await?;
        }
    }

    /// Brings the rows of a tree in step with a part of a commit that was just written.
    pub(crate) async fn follow(
        &self,
        transaction: &Transaction<'_>,
        statements: &Statements,
        part: &Changes,
    ) -> Result<(), PostgresError> {
        let root = part.root();
        match part.rows()? {
            Some(changes) if version(transaction, statements, root).await? == part.base() => {
                for (table, rows) in by_table(&changes.gone) {
                    self.delete(transaction, &table, root, &rows).await?;
                }
                self.write(transaction, Some(root), &changes.written).await?;
                stand_at(transaction, statements, root, part.recorded.version).await
            }
            _ => self.make_anew(transaction, statements, root).await,
        }
    }

    /// Brings the rows of a tree in step with its log, if they are not: it was carried over.
    pub(crate) async fn catch_up(
        &self,
        transaction: &Transaction<'_>,
        statements: &Statements,
        root: OrganizationId,
    ) -> Result<(), PostgresError> {
        let statement = transaction.prepare_cached(&statements.head).await?;
        let head = read::head_in(transaction.query_opt(&statement, &[&root.uuid()]).await?)?;
        if version(transaction, statements, root).await? == head {
            return Ok(());
        }
        self.make_anew(transaction, statements, root).await
    }

    /// Makes the rows of a tree from its log.
    async fn make_anew(
        &self,
        transaction: &Transaction<'_>,
        statements: &Statements,
        root: OrganizationId,
    ) -> Result<(), PostgresError> {
        transaction.query(&statements.lock_tree, &[&root.uuid()]).await?;
        let tree = self.replay(transaction, statements, root).await?;
        self.clear(transaction, statements, root).await?;
        if tree.version() == Version::ZERO {
            return Ok(());
        }
        self.write(transaction, Some(root), &tree.rows()).await?;
        stand_at(transaction, statements, root, tree.version()).await
    }

    /// Deletes the rows of a tree, whatever they are of: it was carried away, or they are made
    /// anew.
    pub(crate) async fn clear(
        &self,
        transaction: &Transaction<'_>,
        statements: &Statements,
        root: OrganizationId,
    ) -> Result<(), PostgresError> {
        for table in TABLES.iter().filter(|table| !table.of_domain) {
            let all = self.namespace.within(&format!("DELETE FROM bailiwick.{} WHERE root = $1", table.name));
            transaction.execute(&all, &[&root.uuid()]).await?;
        }
        transaction.execute(&statements.rows_nowhere, &[&root.uuid()]).await?;
        Ok(())
    }

    async fn replay(
        &self,
        transaction: &Transaction<'_>,
        statements: &Statements,
        root: OrganizationId,
    ) -> Result<OrganizationTree, PostgresError> {
        let mut tree = OrganizationTree::empty(root, self.domain.clone());
        loop {
            let page = read::page_in(transaction, statements, root, tree.version(), PAGE).await?;
            page.commits.iter().try_for_each(|commit| tree.advance(commit))?;
            page.records.into_iter().for_each(|(key, record)| tree.absorb(key, record));
            if tree.version() >= page.head {
                return Ok(tree);
            }
        }
    }

    /// Makes the tables, unless they are there in the shape that is known.
    async fn make(&self, transaction: &Transaction<'_>) -> Result<(), PostgresError> {
        let asked =
            "SELECT count(*) > 0 FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relname = 'read_model'";
        let marked: bool = transaction.query_one(asked, &[&self.namespace.as_str()]).await?.try_get(0)?;
        let asked = self.namespace.within("SELECT shape FROM bailiwick.read_model");
        let found: i32 = if marked { transaction.query_one(&asked, &[]).await?.try_get(0)? } else { 0 };
        if found > SHAPE {
            return Err(PostgresError::LaterReadModels { found, known: SHAPE });
        }
        if found < SHAPE {
            self.drop_all(transaction).await?;
            let tables: String = TABLES.iter().map(create).collect();
            transaction.batch_execute(&self.namespace.within(&tables)).await?;
            transaction.batch_execute(&self.namespace.within(include_str!("rows.sql"))).await?;
            let mark = self.namespace.within("INSERT INTO bailiwick.read_model (shape) VALUES ($1)");
            transaction.execute(&mark, &[&SHAPE]).await?;
        }
        Ok(())
    }

    /// Drops whatever is there of another shape: all that begins with `read_`. A view of the
    /// embedder's that leans on it is in the way, and the server says which.
    async fn drop_all(&self, transaction: &Transaction<'_>) -> Result<(), PostgresError> {
        let asked = "SELECT relkind = 'v', relname::text FROM pg_class
                     WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'v') AND starts_with(relname, 'read_')
                     ORDER BY relkind DESC, oid DESC";
        for row in transaction.query(asked, &[&self.namespace.as_str()]).await? {
            let (is_view, name): (bool, &str) = (row.try_get(0)?, row.try_get(1)?);
            let kind = if is_view { "VIEW" } else { "TABLE" };
            transaction.batch_execute(&format!("DROP {kind} \"{}\".\"{name}\"", self.namespace)).await?;
        }
        Ok(())
    }

    async fn write_domain(&self, transaction: &Transaction<'_>) -> Result<(), PostgresError> {
        for table in TABLES.iter().filter(|table| table.of_domain) {
            transaction.execute(&self.namespace.within(&format!("DELETE FROM bailiwick.{}", table.name)), &[]).await?;
        }
        self.write(transaction, None, &self.domain.rows()).await
    }

    async fn write(
        &self,
        transaction: &Transaction<'_>,
        root: Option<OrganizationId>,
        rows: &[Row],
    ) -> Result<(), PostgresError> {
        for (table, rows) in by_table(rows) {
            let statement = transaction.prepare_cached(&self.namespace.within(&insert(&table))).await?;
            let values: Vec<Vec<Value>> = rows.iter().map(|row| row.values()).collect();
            send(transaction, &statement, root, table.columns.iter(), &values).await?;
        }
        Ok(())
    }

    async fn delete(
        &self,
        transaction: &Transaction<'_>,
        table: &Table,
        root: OrganizationId,
        rows: &[&Row],
    ) -> Result<(), PostgresError> {
        let statement = transaction.prepare_cached(&self.namespace.within(&delete(table))).await?;
        let keys: Vec<Vec<Value>> = rows.iter().map(|row| row.key()).collect();
        send(transaction, &statement, Some(root), table.key_columns(), &keys).await
    }
}

async fn begin(client: &mut Object) -> Result<Transaction<'_>, PostgresError> {
    Ok(client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?)
}

/// The rows of each table.
fn by_table(rows: &[Row]) -> Vec<(Table, Vec<&Row>)> {
    let mut tables: BTreeMap<&str, (Table, Vec<&Row>)> = BTreeMap::new();
    for row in rows {
        let table = row.table();
        tables.entry(table.name).or_insert_with(|| (table, Vec::new())).1.push(row);
    }
    tables.into_values().collect()
}

const fn kind_of(column: &Column) -> &'static str {
    match column.kind {
        ColumnKind::Id => "uuid",
        ColumnKind::Text => "text",
        ColumnKind::Number => "bigint",
        ColumnKind::Flag => "boolean",
    }
}

fn key_of(table: &Table) -> Vec<&'static str> {
    let root = (!table.of_domain).then_some("root");
    root.into_iter().chain(table.key_columns().map(|column| column.name)).collect()
}

fn create(table: &Table) -> String {
    let root = (!table.of_domain).then(|| "root uuid NOT NULL".to_owned());
    let columns = table.columns.iter().map(|column| {
        let presence = if column.optional { "" } else { " NOT NULL" };
        format!("{} {}{presence}", column.name, kind_of(column))
    });
    let columns: Vec<String> = root.into_iter().chain(columns).collect();
    let (columns, key) = (columns.join(", "), key_of(table).join(", "));
    format!("CREATE TABLE bailiwick.{} ({columns}, PRIMARY KEY ({key}));\n", table.name)
}

/// The parameters of a statement that has a root, if its table has, and an array for each of
/// these columns.
fn arrays<'c>(table: &Table, columns: impl Iterator<Item = &'c Column>) -> String {
    let first = if table.of_domain { 1 } else { 2 };
    let arrays = (first..).zip(columns).map(|(place, column)| format!("${place}::{}[]", kind_of(column)));
    arrays.collect::<Vec<_>>().join(", ")
}

fn insert(table: &Table) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let set: Vec<String> = columns.iter().skip(table.key).map(|name| format!("{name} = excluded.{name}")).collect();
    let instead = if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", set.join(", ")) };
    let root = if table.of_domain { "" } else { "$1::uuid, " };
    let (name, key, arrays) = (table.name, key_of(table).join(", "), arrays(table, table.columns.iter()));
    format!("INSERT INTO bailiwick.{name} SELECT {root}* FROM unnest({arrays}) ON CONFLICT ({key}) DO {instead}")
}

fn delete(table: &Table) -> String {
    let keys: Vec<&str> = table.key_columns().map(|column| column.name).collect();
    let name = table.name;
    if keys.is_empty() {
        return format!("DELETE FROM bailiwick.{name} WHERE root = $1");
    }
    let (keys, arrays) = (keys.join(", "), arrays(table, table.key_columns()));
    format!("DELETE FROM bailiwick.{name} WHERE root = $1 AND ({keys}) IN (SELECT * FROM unnest({arrays}))")
}

/// Sends a statement with a root and, for each column, an array of the values of all rows.
async fn send(
    transaction: &Transaction<'_>,
    statement: &tokio_postgres::Statement,
    root: Option<OrganizationId>,
    columns: impl Iterator<Item = &'static Column>,
    rows: &[Vec<Value>],
) -> Result<(), PostgresError> {
    let root = root.map(OrganizationId::uuid);
    let arrays: Vec<Box<dyn ToSql + Sync + Send>> =
        columns.enumerate().map(|(place, column)| array(column, rows, place)).collect();
    let root = root.iter().map(|root| -> &(dyn ToSql + Sync) { root });
    let parameters: Vec<&(dyn ToSql + Sync)> =
        root.chain(arrays.iter().map(|array| -> &(dyn ToSql + Sync) { &**array })).collect();
    transaction.execute(statement, &parameters).await?;
    Ok(())
}

/// The values of all rows in one place.
fn array(column: &Column, rows: &[Vec<Value>], place: usize) -> Box<dyn ToSql + Sync + Send> {
    let values = rows.iter().map(|row| row.get(place).cloned().unwrap_or(Value::Nothing));
    macro_rules! all {
        ($kind:ident) => {
            Box::new(
                values
                    .map(|value| if let Value::$kind(value) = value { Some(value) } else { None })
                    .collect::<Vec<_>>(),
            )
        };
    }
    match column.kind {
        ColumnKind::Id => all!(Id),
        ColumnKind::Text => all!(Text),
        ColumnKind::Number => all!(Number),
        ColumnKind::Flag => all!(Flag),
    }
}

/// The version that the rows of a tree are at.
async fn version(
    transaction: &Transaction<'_>,
    statements: &Statements,
    root: OrganizationId,
) -> Result<Version, PostgresError> {
    let statement = transaction.prepare_cached(&statements.rows_at).await?;
    read::head_in(transaction.query_opt(&statement, &[&root.uuid()]).await?)
}

async fn stand_at(
    transaction: &Transaction<'_>,
    statements: &Statements,
    root: OrganizationId,
    version: Version,
) -> Result<(), PostgresError> {
    let statement = transaction.prepare_cached(&statements.rows_stand_at).await?;
    transaction.execute(&statement, &[&root.uuid(), &number(version)?]).await?;
    Ok(())
}
