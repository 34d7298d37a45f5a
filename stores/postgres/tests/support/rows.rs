//! The read models of a tree, compared with the tree.

use bailiwick::rows::{Column, ColumnKind, Row, TABLES, Table, Value};
use bailiwick::{OrganizationId, OrganizationTree};
use tokio_postgres::Client;
use uuid::Uuid;

/// What a table holds, of one tree if it is not of the domain, in order.
async fn rows_in(reader: &Client, table: &Table, root: OrganizationId) -> Vec<Vec<Value>> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let root = (!table.of_domain).then(|| root.uuid());
    let of = if root.is_some() { "WHERE root = $1" } else { "WHERE $1::uuid IS NULL" };
    let asked = format!("SELECT {} FROM bailiwick.{} {of}", columns.join(", "), table.name);
    let value = |row: &tokio_postgres::Row, (index, column): (usize, &Column)| {
        match column.kind {
            ColumnKind::Id => row.get::<_, Option<Uuid>>(index).map(Value::Id),
            ColumnKind::Text => row.get::<_, Option<String>>(index).map(Value::Text),
            ColumnKind::Number => row.get::<_, Option<i64>>(index).map(Value::Number),
            ColumnKind::Flag => row.get::<_, Option<bool>>(index).map(Value::Flag),
        }
        .unwrap_or(Value::Nothing)
    };
    let rows = reader.query(&asked, &[&root]).await.unwrap();
    let of = |row| table.columns.iter().enumerate().map(|column| value(row, column)).collect();
    let mut rows: Vec<Vec<Value>> = rows.iter().map(of).collect();
    rows.sort();
    rows
}

/// That each table holds what the tree says, and no more, at the version of the tree. Answers
/// how many rows of the tree those are.
pub(crate) async fn check_rows(reader: &Client, tree: &OrganizationTree) -> usize {
    let (of_tree, of_domain) = (tree.rows(), tree.domain().rows());
    for table in TABLES {
        let rows = if table.of_domain { &of_domain } else { &of_tree };
        let mut expected: Vec<Vec<Value>> =
            rows.iter().filter(|row| row.table().name == table.name).map(Row::values).collect();
        expected.sort();
        let found = rows_in(reader, table, tree.root()).await;
        assert_eq!(found, expected, "{} at version {}", table.name, tree.version());
    }
    let version = i64::try_from(tree.version().get()).unwrap();
    assert_eq!(rows_at(reader, tree.root()).await, Some(version), "the version of the rows");
    of_tree.len()
}

/// Whether any row of a tree is there.
pub(crate) async fn has_rows(reader: &Client, root: OrganizationId) -> bool {
    for table in TABLES.iter().filter(|table| !table.of_domain) {
        if !rows_in(reader, table, root).await.is_empty() {
            return true;
        }
    }
    rows_at(reader, root).await.is_some()
}

/// The version that the rows of a tree are at.
async fn rows_at(reader: &Client, root: OrganizationId) -> Option<i64> {
    let asked = "SELECT version FROM bailiwick.read_tree WHERE root = $1";
    reader.query_opt(asked, &[&root.uuid()]).await.unwrap().map(|row| row.get(0))
}
