//! The read models equal the tree: after each commit of random histories, each row is there,
//! and SQL answers who may do what where and when as the tree does.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "support/history.rs"]
mod history;

use bailiwick::rows::{ColumnKind, TABLES, Table, Value};
use bailiwick::*;
use bailiwick_sqlite::{SqliteError, SqliteRepository};
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

    /// Commits what concerns two trees.
    fn join(&self, joint: Joint, histories: &mut [&mut History]) {
        for part in joint.commit.parts() {
            let history = histories.iter_mut().find(|history| history.tree.root() == part.root()).unwrap();
            history.tree.apply(part).unwrap();
        }
        block_on(self.repository.commit(joint.commit)).unwrap();
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
    assert!(done.len() == 36 && done.values().all(|count| *count >= 3), "{done:?}");
}

/// A file with a history in it, and the history.
fn lived(seed: u64, steps: u32) -> (File, History) {
    let mut history = History::new(seed);
    let file = File::new(domain(seed));
    history.begin(|history, changes| file.commit(history, changes));
    for _ in 0..steps {
        if let Some(changes) = history.step() {
            file.commit(&mut history, changes);
        }
    }
    (file, history)
}

/// As they would be if nothing had decided them: a store of its own has to find out what
/// they change.
fn bare(changes: &Changes) -> Changes {
    Changes::new(changes.recorded.clone(), changes.records.clone())
}

// spec: REP-6
#[test]
fn what_does_not_say_what_it_was_decided_on_is_replayed_from_the_log() {
    let mut history = History::new(7);
    let file = File::new(domain(7));
    history.begin(|history, changes| file.commit(history, bare(&changes)));
    for _ in 0..60 {
        if let Some(changes) = history.step() {
            assert!(changes.rows().unwrap().is_some() && bare(&changes).rows().unwrap().is_none());
            assert_eq!(changes, bare(&changes), "it is no part of them");
            file.commit(&mut history, bare(&changes));
            check_rows(&file.reader, &history.tree);
        }
    }
}

#[test]
fn rows_that_are_missing_or_behind_or_of_another_shape_are_made_anew() {
    let mut history = History::new(3);
    let storage = tempdir().unwrap();
    let path = storage.path().join("trees.sqlite");
    let without = SqliteRepository::open(&path).unwrap();
    let commit = |repository: &SqliteRepository, history: &mut History, changes: Changes| {
        history.tree.apply(&changes).unwrap();
        block_on(repository.commit(changes.into())).unwrap();
    };
    history.begin(|history, changes| commit(&without, history, changes));
    let reader = Connection::open(&path).unwrap();
    let with = || SqliteRepository::open(&path).unwrap().with_read_models(domain(3)).unwrap();

    // Missing: made at opening.
    let opened = with();
    check_rows(&reader, &history.tree);
    // Behind a process that knows of none: at the next commit of one that does, or opening.
    let mut step = |repository: &SqliteRepository| {
        let changes = std::iter::repeat_with(|| history.step()).flatten().next().unwrap();
        commit(repository, &mut history, changes);
        history.tree.clone()
    };
    step(&without);
    let tree = step(&opened);
    check_rows(&reader, &tree);
    let tree = step(&without);
    drop(with());
    check_rows(&reader, &tree);
    // Thrown away by hand.
    reader.execute_batch("DELETE FROM read_member; DELETE FROM read_tree").unwrap();
    drop(with());
    check_rows(&reader, &tree);
    // Of an earlier shape, with a table that is not known any more.
    reader
        .execute_batch("CREATE TABLE read_old (a INTEGER); UPDATE read_model SET shape = 0; DROP VIEW read_access")
        .unwrap();
    drop(with());
    check_rows(&reader, &tree);
    let old: i64 =
        reader.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'read_old'", [], |row| row.get(0)).unwrap();
    assert_eq!((old, allowed_in(&reader, root(), 0)), (0, allowed(&tree, instant(0))));
    // Of a later one: not touched.
    reader.execute_batch("UPDATE read_model SET shape = 99").unwrap();
    let refused = SqliteRepository::open(&path).unwrap().with_read_models(domain(3));
    assert!(matches!(refused, Err(SqliteError::LaterReadModels { found: 99, known: 1 })));
}

#[test]
fn what_a_claim_stands_for_follows_the_domain_that_is_opened_with() {
    let (file, history) = lived(4, 50);
    let path = file.storage.path().join("trees.sqlite");
    let other = std::sync::Arc::new(Domain { catalog: Catalog::new([]).unwrap(), rules: Rules::provider() });
    drop(SqliteRepository::open(&path).unwrap().with_read_models(other.clone()).unwrap());
    let at = history.tree.at();
    let commits = block_on(file.repository.read(root(), Version::ZERO, std::num::NonZeroU32::MAX)).unwrap();
    let tree = OrganizationTree::replay(root(), other, &commits.commits, commits.records).unwrap();
    check_rows(&file.reader, &tree);
    assert_eq!(allowed_in(&file.reader, root(), at.timestamp_micros()), allowed(&tree, at));
}

// spec: HIE-5
// spec: HIE-6
#[test]
fn what_is_attached_or_detached_moves_between_roots() {
    let (file, mut history) = lived(0, 0);
    let other = history::organization(50);
    let mut second = History::of(other, 0);
    second.found("Contoso", |history, changes| file.commit(history, changes));
    let check = |history: &History, second: &History| {
        check_rows(&file.reader, &history.tree);
        check_rows(&file.reader, &second.tree);
        let at = history.at.timestamp_micros();
        assert_eq!(allowed_in(&file.reader, root(), at), allowed(&history.tree, history.at));
        assert_eq!(allowed_in(&file.reader, other, at), allowed(&second.tree, history.at));
    };
    check(&history, &second);
    for round in 0..2 {
        let context = Context::principal(history::ada(), root(), history.at, history.key());
        let attach = AttachOrganization { organization: other, new_parent: root() };
        let joint = history.tree.attach(&second.tree, &context, &attach).unwrap();
        file.join(joint, &mut [&mut history, &mut second]);
        check(&history, &second);
        assert_eq!(rows_in(&file.reader, &rows::OrganizationRow::TABLE, Some(other)), Vec::<Vec<Value>>::new());
        assert!(history.tree.organization(other).is_some(), "round {round}");

        let context = Context::principal(history::ada(), root(), history.at, history.key());
        let detach = DetachOrganization { organization: other, sever: true };
        let joint = history.tree.detach(&context, &detach).unwrap();
        file.join(joint, &mut [&mut history, &mut second]);
        check(&history, &second);
        assert_eq!(rows_in(&file.reader, &rows::OrganizationRow::TABLE, Some(other)).len(), 1);
    }
}

// spec: REP-2
#[test]
fn a_commit_that_fails_leaves_neither_log_nor_rows() {
    let (file, mut history) = lived(5, 30);
    let before = history.tree.clone();
    let changes = std::iter::repeat_with(|| history.step()).flatten().next().unwrap();
    // The rows fail, so the log is not there.
    file.reader
        .execute_batch("CREATE TRIGGER fail BEFORE INSERT ON read_tree BEGIN SELECT RAISE(ABORT, 'a full disk'); END")
        .unwrap();
    assert!(matches!(block_on(file.repository.commit(changes.clone().into())), Err(CommitError::NotWritten(_))));
    assert_eq!(block_on(file.repository.head(root())).unwrap(), before.version());
    check_rows(&file.reader, &before);
    file.reader.execute_batch("DROP TRIGGER fail").unwrap();
    // The second of two is refused with its rows.
    let mut stale = changes.clone();
    stale.recorded.key = history.key();
    file.commit(&mut history, changes);
    let refused = block_on(file.repository.commit(stale.into()));
    assert!(matches!(refused, Err(CommitError::Refused(CommitRefusal::Conflict { .. }))));
    check_rows(&file.reader, &history.tree);
}

#[test]
fn what_was_altered_after_it_was_decided_is_in_the_rows_as_it_is_in_the_log() {
    let (file, mut history) = lived(5, 30);
    let mut altered = std::iter::repeat_with(|| history.step()).flatten().next().unwrap();
    let profile = Profile {
        name: "Altered".parse().unwrap(),
        slug: "altered".parse().unwrap(),
        region: None,
        tags: std::collections::BTreeSet::new(),
    };
    altered.recorded.events = vec![OrganizationEvent::Edited { organization: root(), profile }.into()];
    file.commit(&mut history, altered);
    check_rows(&file.reader, &history.tree);
    assert_eq!(history.tree.organization(root()).unwrap().name().as_str(), "Altered");
}
