//! The read models equal the tree: after each commit of random histories, each row is there,
//! and SQL answers who may do what where and when as the tree does.

#![allow(clippy::indexing_slicing, reason = "test code")]

use std::sync::Arc;

use bailiwick::*;
use bailiwick_postgres::{PostgresError, PostgresRepository, Timeouts};
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use crate::history::{self, Allowed, History, allowed, domain, instant, instants, root};
use crate::support::rows::check_rows;
use crate::support::{Database, pool, runtime};

struct Kept {
    runtime: Runtime,
    database: Database,
    repository: PostgresRepository,
    /// A team's.
    reader: Client,
}

impl Kept {
    /// `None`, said loudly, if there is no server.
    fn new(domain: Arc<Domain>) -> Option<Self> {
        let runtime = runtime();
        let database = runtime.block_on(Database::new())?;
        let (repository, reader) = runtime.block_on(async {
            let repository = database.open().await.with_read_models(domain).await.unwrap();
            let reader = database.client().await;
            // The planner takes tables that it has no statistics of for large, and compiles.
            reader.batch_execute("SET search_path = bailiwick; SET jit = off").await.unwrap();
            (repository, reader)
        });
        Some(Self { runtime, database, repository, reader })
    }

    fn commit(&self, history: &mut History, changes: Changes) {
        history.tree.apply(&changes).unwrap();
        self.send(changes.into()).unwrap();
    }

    fn send(&self, commit: Commit) -> Result<Receipt, CommitError<PostgresError>> {
        self.runtime.block_on(self.repository.commit(commit))
    }

    /// Commits what concerns two trees.
    fn join(&self, joint: Joint, histories: &mut [&mut History]) {
        for part in joint.commit.parts() {
            let history = histories.iter_mut().find(|history| history.tree.root() == part.root()).unwrap();
            history.tree.apply(part).unwrap();
        }
        self.send(joint.commit).unwrap();
    }

    /// Opens it once more, as another process does.
    fn reopen(&self, seed: u64) -> Result<PostgresRepository, PostgresError> {
        self.runtime.block_on(async { self.database.open().await.with_read_models(domain(seed)).await })
    }

    fn execute(&self, sql: &str) {
        self.runtime.block_on(self.reader.batch_execute(sql)).unwrap();
    }

    /// That each table holds what the tree says, and no more.
    fn check_rows(&self, tree: &OrganizationTree) {
        self.runtime.block_on(check_rows(&self.reader, tree));
    }

    fn allowed(&self, root: OrganizationId, micros: i64) -> Allowed {
        let asked = "SELECT DISTINCT principal_id, organization_id, claim FROM read_access
                     WHERE root = $1 AND valid_from <= $2 AND $2 < valid_until";
        let rows = self.runtime.block_on(self.reader.query(asked, &[&root.uuid(), &micros])).unwrap();
        let ids = |row: &tokio_postgres::Row| {
            (PrincipalId::new(row.get(0)).unwrap(), OrganizationId::new(row.get(1)).unwrap(), row.get(2))
        };
        rows.iter().map(ids).collect()
    }

    fn check_access(&self, tree: &OrganizationTree, micros: i64) {
        let (expected, found) = (allowed(tree, instant(micros)), self.allowed(tree.root(), micros));
        let missing: Vec<_> = expected.difference(&found).collect();
        let beyond: Vec<_> = found.difference(&expected).collect();
        assert!(missing.is_empty() && beyond.is_empty(), "at {micros}: missing {missing:?}, beyond {beyond:?}");
    }
}

// spec: CLM-7
// spec: CLM-11
#[test]
fn sql_answers_as_the_tree_does() {
    for seed in 20..26 {
        let Some(kept) = Kept::new(domain(seed)) else { return };
        let mut history = History::new(seed);
        history.begin(|history, changes| kept.commit(history, changes));
        history.corners(|history, changes| kept.commit(history, changes));
        for step in 0..300 {
            if let Some(changes) = history.step() {
                kept.commit(&mut history, changes);
                kept.check_rows(&history.tree);
            }
            if step % 10 == 9 {
                let edges: Vec<i64> = instants(&history.tree).into_iter().collect();
                let drawn = history.draw(u64::try_from(edges.len()).unwrap());
                kept.check_access(&history.tree, edges[usize::try_from(drawn).unwrap()]);
            }
        }
        assert!(history.done.values().sum::<u32>() > 60, "{:?}", history.done);
    }
}

// spec: HIE-5
// spec: HIE-6
#[test]
fn what_is_attached_or_detached_moves_between_roots() {
    let Some(kept) = Kept::new(domain(0)) else { return };
    let other = history::organization(50);
    let (mut first, mut second) = (History::new(0), History::of(other, 0));
    first.begin(|history, changes| kept.commit(history, changes));
    second.found("Contoso", |history, changes| kept.commit(history, changes));
    for _ in 0..2 {
        let context = Context::principal(history::ada(), root(), first.at, first.key());
        let attach = AttachOrganization { organization: other, new_parent: root() };
        let joint = first.tree.attach(&second.tree, &context, &attach).unwrap();
        kept.join(joint, &mut [&mut first, &mut second]);
        [&first.tree, &second.tree].iter().for_each(|tree| kept.check_rows(tree));

        let context = Context::principal(history::ada(), root(), first.at, first.key());
        let detach = DetachOrganization { organization: other, sever: true };
        let joint = first.tree.detach(&context, &detach).unwrap();
        kept.join(joint, &mut [&mut first, &mut second]);
        [&first.tree, &second.tree].iter().for_each(|tree| kept.check_rows(tree));
        [&first.tree, &second.tree].iter().for_each(|tree| kept.check_access(tree, first.at.timestamp_micros()));
    }
}

#[test]
fn rows_that_are_missing_or_behind_or_of_another_shape_are_made_anew() {
    let seed = 27;
    let Some(kept) = Kept::new(domain(seed)) else { return };
    let mut history = History::new(seed);
    let without = kept.runtime.block_on(kept.database.open());
    let commit = |repository: &PostgresRepository, history: &mut History, changes: Changes| {
        history.tree.apply(&changes).unwrap();
        kept.runtime.block_on(repository.commit(changes.into())).unwrap();
    };
    // One who knows of none has committed, or what was decided is not at hand.
    history.begin(|history, changes| commit(&without, history, changes));
    let next = |history: &mut History| std::iter::repeat_with(|| history.step()).flatten().next().unwrap();
    let changes = next(&mut history);
    commit(&kept.repository, &mut history, changes);
    kept.check_rows(&history.tree);
    let changes = next(&mut history);
    commit(&kept.repository, &mut history, Changes::new(changes.recorded, changes.records));
    kept.check_rows(&history.tree);
    let changes = next(&mut history);
    commit(&without, &mut history, changes);
    kept.reopen(seed).unwrap();
    kept.check_rows(&history.tree);
    // Thrown away by hand.
    kept.execute("DELETE FROM read_member; DELETE FROM read_tree");
    kept.reopen(seed).unwrap();
    kept.check_rows(&history.tree);
    // Of an earlier shape, with a table that is not known any more.
    kept.execute("CREATE TABLE read_old (a integer); UPDATE read_model SET shape = 0; DROP VIEW read_access");
    kept.reopen(seed).unwrap();
    kept.check_rows(&history.tree);
    kept.check_access(&history.tree, history.at.timestamp_micros());
    let old = "SELECT to_regclass('read_old') IS NULL";
    assert!(kept.runtime.block_on(kept.reader.query_one(old, &[])).unwrap().get::<_, bool>(0));
    // Of a later one: not touched.
    kept.execute("UPDATE read_model SET shape = 99");
    assert!(matches!(kept.reopen(seed), Err(PostgresError::LaterReadModels { found: 99, known: 1 })));
}

#[test]
fn many_that_open_at_once_make_them_once() {
    let seed = 28;
    let Some(kept) = Kept::new(domain(seed)) else { return };
    let mut history = History::new(seed);
    history.begin(|history, changes| kept.commit(history, changes));
    kept.execute("UPDATE read_model SET shape = 0");
    kept.runtime.block_on(async {
        let mut opening = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let pool = pool(kept.database.config(), Timeouts::default(), 2);
            let open = async move { PostgresRepository::open(pool).await?.with_read_models(domain(seed)).await };
            opening.spawn(open);
        }
        while let Some(opened) = opening.join_next().await {
            opened.unwrap().unwrap();
        }
    });
    kept.check_rows(&history.tree);
}

// spec: REP-2
#[test]
fn a_commit_that_fails_leaves_neither_log_nor_rows() {
    let seed = 29;
    let Some(kept) = Kept::new(domain(seed)) else { return };
    let mut history = History::new(seed);
    history.begin(|history, changes| kept.commit(history, changes));
    kept.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'full' USING ERRCODE = '53100'; END $$;
         CREATE TRIGGER fail BEFORE INSERT ON read_tree EXECUTE FUNCTION refuse()",
    );
    let before = history.tree.clone();
    let changes = std::iter::repeat_with(|| history.step()).flatten().next().unwrap();
    assert!(matches!(kept.send(changes.clone().into()), Err(CommitError::NotWritten(_))));
    assert_eq!(kept.runtime.block_on(kept.repository.head(root())).unwrap(), before.version());
    kept.check_rows(&before);
    kept.execute("DROP TRIGGER fail ON read_tree");
    kept.commit(&mut history, changes);
    kept.check_rows(&history.tree);
}
