//! The read models equal the tree: after each commit of random histories, each row is there,
//! and SQL answers who may do what where and when as the tree does.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "support/history.rs"]
mod history;

use bailiwick::rows::{ColumnKind, TABLES, Table, Value};
use bailiwick::*;
use bailiwick_sqlite::SqliteRepository;
use pollster::block_on;
use rusqlite::{Connection, params};
use tempfile::{TempDir, tempdir};
use uuid::Uuid;

use history::{Allowed, History, allowed, domain, instant, instants, root};

struct File {
    storage: TempDir,
    repository: SqliteRepository,
    /// A team's.
    reader: Connection,
}

impl File {
    fn new(domain: std::sync::Arc<Domain>) -> Self {
        let storage = tempdir().unwrap();
        let path = storage.path().join("trees.sqlite");
        let repository = SqliteRepository::open(&path).unwrap().with_read_models(domain).unwrap();
        let reader = Connection::open(&path).unwrap();
        Self { storage, repository, reader }
    }

    fn commit(&self, history: &mut History, changes: Changes) {
        history.tree.apply(&changes).unwrap();
        block_on(self.repository.commit(changes.into())).unwrap();
    }
}

/// The rows of a table, by their columns' names.
fn rows_in(reader: &Connection, table: &Table, root: Option<OrganizationId>) -> Vec<Vec<Value>> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let of = if root.is_some() { "WHERE root = ?1" } else { "WHERE ?1 IS NULL" };
    let mut rows = reader.prepare(&format!("SELECT {} FROM {} {of}", columns.join(", "), table.name)).unwrap();
    let rows = rows.query_map([root.map(OrganizationId::uuid)], |row| {
        let value = |(index, column): (usize, &rows::Column)| {
            Ok(match column.kind {
                ColumnKind::Id => row.get::<_, Option<Uuid>>(index)?.map(Value::Id),
                ColumnKind::Text => row.get::<_, Option<String>>(index)?.map(Value::Text),
                ColumnKind::Number => row.get::<_, Option<i64>>(index)?.map(Value::Number),
                ColumnKind::Flag => row.get::<_, Option<bool>>(index)?.map(Value::Flag),
            }
            .unwrap_or(Value::Nothing))
        };
        table.columns.iter().enumerate().map(value).collect()
    });
    let mut rows: Vec<Vec<Value>> = rows.unwrap().map(Result::unwrap).collect();
    rows.sort();
    rows
}

/// That each table holds what the tree says, and no more.
fn check_rows(reader: &Connection, tree: &OrganizationTree) {
    let (of_tree, of_domain) = (tree.rows(), tree.domain().rows());
    for table in TABLES {
        let (rows, root) = if table.of_domain { (&of_domain, None) } else { (&of_tree, Some(tree.root())) };
        let mut expected: Vec<Vec<Value>> =
            rows.iter().filter(|row| row.table().name == table.name).map(rows::Row::values).collect();
        expected.sort();
        assert_eq!(rows_in(reader, table, root), expected, "{} at version {}", table.name, tree.version());
    }
}

fn allowed_in(reader: &Connection, root: OrganizationId, micros: i64) -> Allowed {
    let asked = "SELECT principal_id, organization_id, claim FROM read_access
                 WHERE root = ?1 AND valid_from <= ?2 AND ?2 < valid_until";
    let mut asked = reader.prepare_cached(asked).unwrap();
    let rows = asked.query_map(params![root.uuid(), micros], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows = rows.unwrap().map(Result::unwrap);
    let id = |(principal, organization, claim): (Uuid, Uuid, String)| {
        (PrincipalId::new(principal).unwrap(), OrganizationId::new(organization).unwrap(), claim)
    };
    rows.map(id).collect()
}

/// How many answers were compared.
fn check_access(reader: &Connection, history: &mut History, most: u64) -> u64 {
    let edges: Vec<i64> = instants(&history.tree).into_iter().collect();
    let many = u64::try_from(edges.len()).unwrap();
    let mut answers = 0;
    for _ in 0..most {
        let micros = edges[usize::try_from(history.draw(many)).unwrap()];
        let (expected, found) = (allowed(&history.tree, instant(micros)), allowed_in(reader, root(), micros));
        let missing: Vec<_> = expected.difference(&found).collect();
        let beyond: Vec<_> = found.difference(&expected).collect();
        assert!(
            missing.is_empty() && beyond.is_empty(),
            "at {}: missing {missing:?}, beyond {beyond:?}",
            instant(micros)
        );
        answers += u64::try_from(expected.len()).unwrap();
    }
    answers
}

// spec: CLM-7
// spec: CLM-11
#[test]
fn sql_answers_as_the_tree_does() {
    let (mut answers, mut done) = (0, std::collections::BTreeMap::new());
    for seed in 0..12 {
        let mut history = History::new(seed);
        let file = File::new(domain(seed));
        history.begin(|history, changes| file.commit(history, changes));
        for step in 0..400 {
            if let Some(changes) = history.step() {
                file.commit(&mut history, changes);
                check_rows(&file.reader, &history.tree);
            }
            if step % 10 == 9 {
                answers += check_access(&file.reader, &mut history, 4);
            }
        }
        history.done.iter().for_each(|(kind, count)| *done.entry(*kind).or_insert(0) += count);
    }
    assert!(answers > 100_000, "{answers}");
    // Every command of the script has taken effect.
    assert!(done.len() == 36 && done.values().all(|count| *count >= 5), "{done:?}");
}
