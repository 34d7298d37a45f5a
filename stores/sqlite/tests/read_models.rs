//! The read models equal the tree: after each commit of random histories, each row is there,
//! and SQL answers who may do what where and when as the tree does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "test code")]

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
        if seed < 3 {
            history.corners(|history, changes| file.commit(history, changes));
        }
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
    // Every command of the script has taken effect, and that of a request in a corner.
    assert!(done.len() == 37 && done.values().all(|count| *count >= 3), "{done:?}");
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
        let arrival = joint.commit.parts().find(|part| part.root() == other).unwrap();
        assert_eq!(arrival.rows(), Ok(None), "a tree that ended and begins again is read from its log");
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

/// The views, each with one rule broken, and the rule.
fn broken_views() -> Vec<(&'static str, String)> {
    let sql = include_str!("../src/rows.sql");
    let views = &sql[sql.find("CREATE VIEW").unwrap()..];
    let breaks = [
        ("HIE-10: inactive organizations deny", "AND NOT above.active", "AND false"),
        ("LIC-6: along the whole path", "HAVING count(*) = (", "HAVING 0 < ("),
        ("LIC-6: until the first ends", "min(assigned.valid_until) AS", "max(assigned.valid_until) AS"),
        ("LIC-8: claims require capabilities", "held.requires IS NULL OR capable.capability IS NOT NULL", "true"),
        ("GRP-8: the target alone", "link.reach = 'subtree' OR", "true OR"),
        ("GRP-8: children", "path.distance = 1", "false"),
        ("GRP-8: those present", "link.reaches_future OR", "true OR"),
        ("GRP-8: exclusions", "AND excluded.link_id = link.link_id", "AND false"),
        (
            "GRP-8: over everything below",
            "above.ancestor_id = excluded.organization_id",
            "above.ancestor_id = excluded.organization_id AND above.distance = 0",
        ),
        ("GRP-8: opting out", "AND out.link_id = link.link_id", "AND false"),
        ("LIC-4: a plan with links", "AND plan.grants_links", ""),
        ("LIC-4: the start", "subscription.covers_from,", "-9000000000000000000,"),
        ("LIC-4: the lapse", "min(subscription.lapses_at + lapse.grace, 9000000000000000000)", "9000000000000000000"),
        ("LIC-4: the grace period", "subscription.lapses_at + lapse.grace", "subscription.lapses_at"),
        ("GRP-8: the start of a link", "max(link.valid_from, standing.valid_from)", "standing.valid_from"),
        ("GRP-8: the end of a link", "min(link.valid_until, standing.valid_until)", "standing.valid_until"),
        ("GRP-3: nested at home", "WHERE inside.organization_id = around.organization_id", "WHERE false"),
        ("GRP-3: nested only at home or where linked", "WHERE inside.organization_id = around.organization_id", ""),
        ("GRP-3: nested where linked", "AND link.organization_id = around.organization_id", "AND false"),
        ("GRP-3: at any distance", "around.inner_id = nested.group_id", "false"),
        (
            "MEM-7: suspended where the group lives",
            "home.principal_id = member.principal_id AND NOT home.suspended",
            "home.principal_id = member.principal_id",
        ),
        ("GRP-2: Owner goes down where the link says so", "AND (link.makes_owners OR gives.privilege <> 'owner')", ""),
        ("GRP-2: narrowed by the link", "AND NOT link.narrowed", ""),
        ("GRP-2: narrowed to what the group gives", "NOT held.narrowed OR", "true OR"),
        ("GRP-2: roles of the group", "role.role_id = gives.role_id", "false"),
        ("SUP-3: granted", "WHERE state = 'granted'", ""),
        ("SUP-1: an engineer is not known", "held.privilege = 'support:view' OR", "false OR"),
        ("CLM-3: roles", "holding.role_id", "NULL"),
        ("MEM-7: suspended there", "AND member.suspended", "AND false"),
        ("CLM-6: direct grants", "FROM read_grant", "FROM read_grant WHERE false"),
    ];
    let broken = |(rule, found, instead): (&'static str, &str, &str)| {
        assert!(views.contains(found), "{rule}: {found}");
        (rule, views.replace(found, instead))
    };
    breaks.map(broken).into()
}

/// What views answer in place of those that are there.
fn allowed_by(views: &str, other: &mut Connection, micros: i64) -> Allowed {
    let transaction = other.transaction().unwrap();
    let names = "SELECT name FROM sqlite_schema WHERE type = 'view'";
    let names: Vec<String> =
        transaction.prepare(names).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names.iter().for_each(|name| transaction.execute_batch(&format!("DROP VIEW {name}")).unwrap());
    transaction.execute_batch(views).unwrap();
    let allowed = allowed_in(&transaction, root(), micros);
    transaction.rollback().unwrap();
    allowed
}

// spec: CLM-7
#[test]
fn a_view_that_breaks_a_rule_is_caught() {
    let mut uncaught = broken_views();
    // Links stay, or are suspended at once, or after a while.
    for seed in 0..3 {
        let mut history = History::new(seed);
        let file = File::new(domain(seed));
        let mut other = Connection::open(file.storage.path().join("trees.sqlite")).unwrap();
        history.begin(|history, changes| file.commit(history, changes));
        history.corners(|history, changes| {
            file.commit(history, changes);
            // From when all the corners are there.
            let done = history.done.contains_key("request support");
            for micros in instants(&history.tree).into_iter().filter(|_| done) {
                let expected = allowed(&history.tree, instant(micros));
                uncaught.retain(|(_, views)| allowed_by(views, &mut other, micros) == expected);
            }
        });
    }
    let uncaught: Vec<&str> = uncaught.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(uncaught, Vec::<&str>::new());
}

/// The page that tells of the tables.
fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/read-models.md")).unwrap()
}

#[test]
fn the_page_says_every_table_and_column() {
    let mut tables = String::new();
    for table in TABLES {
        tables += &format!("### `{}`\n\n{}\n\n| column | |\n|---|---|\n", table.name, table.about);
        if !table.of_domain {
            tables += "| `root` | key; the tree |\n";
        }
        for (place, column) in table.columns.iter().enumerate() {
            let key = if place < table.key { "key; " } else { "" };
            let optional = if column.optional { "optional; " } else { "" };
            tables += &format!("| `{}` | {key}{optional}{} |\n", column.name, column.about);
        }
        tables += "\n";
    }
    let page = page();
    let told = page.split_once("## Tables\n\n").unwrap().1;
    assert!(told.trim_end() == tables.trim_end(), "docs/read-models.md should end with:\n{tables}");
    let (file, _) = lived(1, 0);
    let views = "SELECT name FROM sqlite_schema WHERE type = 'view'";
    let mut views = file.reader.prepare(views).unwrap();
    let views = views.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    views.for_each(|view| assert!(page.contains(&format!("`{view}`")), "{view}"));
}

#[test]
fn the_queries_of_the_page_answer() {
    let page = page();
    let queries: Vec<&str> = page.split("```sql\n").skip(1).map(|query| query.split_once("```").unwrap().0).collect();
    let mut history = History::new(0);
    let file = File::new(domain(0));
    history.begin(|history, changes| file.commit(history, changes));
    history.staff(|history, changes| file.commit(history, changes));
    let ask = |query: &str, place: OrganizationId| -> Vec<String> {
        let mut query = file.reader.prepare(query).unwrap();
        let columns = query.column_count();
        let all = [
            (":root", rusqlite::types::Value::Blob(root().uuid().as_bytes().to_vec())),
            (":organization", rusqlite::types::Value::Blob(place.uuid().as_bytes().to_vec())),
            (":at", rusqlite::types::Value::Integer(history.at.timestamp_micros())),
        ];
        for (name, value) in &all {
            if let Some(index) = query.parameter_index(name).unwrap() {
                query.raw_bind_parameter(index, value).unwrap();
            }
        }
        let (mut rows, mut told) = (query.raw_query(), Vec::new());
        while let Some(row) = rows.next().unwrap() {
            let value = |index| match row.get_unwrap::<_, rusqlite::types::Value>(index) {
                rusqlite::types::Value::Text(text) => text,
                value => format!("{value:?}"),
            };
            told.push((0..columns).map(value).collect::<Vec<_>>().join(" "));
        }
        told
    };
    let below = history::organization(3);
    assert_eq!(ask(queries[0], below), ["Ada", "Person 2"]);
    assert_eq!(
        ask(queries[1], root()),
        ["Place 2 Integer(1) Integer(0)", "Place 3 Integer(1) Integer(0)", "Place 4 Integer(1) Integer(0)"]
    );
    assert_eq!(ask(queries[2], below), ["Restorers Fabrikam Integer(9000000000000000000)"]);
    assert_eq!((queries.len(), ask(queries[2], history::organization(4)).len()), (3, 0));
}
