//! The contract, sentence by sentence, and databases that break one.

mod saboteur;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bailiwick::conformance::{self, Harness, HarnessError, Sentence};
use bailiwick::{Catalog, Domain, Rules};
use bailiwick_postgres::{Namespace, Options, PostgresRepository, Timeouts};
use tokio::runtime::Runtime;

use crate::support::{Database, pool, runtime};

/// One database, and a namespace in it for each storage.
struct InNamespaces<'d> {
    database: &'d Database,
    runtime: Runtime,
    number: AtomicU32,
    /// What is done to the tables of each once they are there.
    sabotage: &'d str,
    read_models: bool,
}

impl<'d> InNamespaces<'d> {
    fn of(database: &'d Database, sabotage: &'d str) -> Self {
        Self { database, runtime: runtime(), number: AtomicU32::new(0), sabotage, read_models: false }
    }

    fn open_with(&self, options: Options) -> Result<PostgresRepository, HarnessError> {
        Ok(self.runtime.block_on(async {
            let pool = pool(self.database.config(), Timeouts::default(), 16);
            let repository = PostgresRepository::open_with(pool, options).await?;
            if !self.read_models {
                return Ok(repository);
            }
            let domain = Domain { catalog: Catalog::new([]).unwrap(), rules: Rules::provider() };
            repository.with_read_models(Arc::new(domain)).await
        })?)
    }

    fn execute(&self, namespace: &Namespace, sql: &str) -> Result<(), HarnessError> {
        let sql = format!("SET search_path = {namespace}; {sql}");
        Ok(self.runtime.block_on(async { self.database.client().await.batch_execute(&sql).await })?)
    }
}

impl Harness for InNamespaces<'_> {
    type Storage = Namespace;
    type Repository = PostgresRepository;

    fn storage(&self) -> Result<Namespace, HarnessError> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("storage_{number}").parse()?;
        drop(self.open(&namespace)?);
        self.execute(&namespace, self.sabotage)?;
        Ok(namespace)
    }

    fn open(&self, namespace: &Namespace) -> Result<PostgresRepository, HarnessError> {
        self.open_with(Options { namespace: namespace.clone(), ..Options::default() })
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    fn obstruct(&self, namespace: &Namespace) -> Result<bool, HarnessError> {
        self.execute(
            namespace,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE 'obstructed' USING ERRCODE = '53100'; END $$;
             CREATE TRIGGER obstruct BEFORE INSERT ON organization EXECUTE FUNCTION refuse()",
        )?;
        Ok(true)
    }

    fn restore(&self, namespace: &Namespace) -> Result<(), HarnessError> {
        self.execute(namespace, "DROP TRIGGER obstruct ON organization; DROP FUNCTION refuse()")
    }
}

// spec: REP-2
// spec: REP-3
// spec: REP-7
// abuse: 103
// abuse: 104
// abuse: 106
// abuse: 107
#[test]
fn a_database_keeps_the_contract() {
    let Some(database) = runtime().block_on(Database::new()) else { return };
    let report = conformance::run(&InNamespaces::of(&database, ""));
    assert!(report.passed(), "{report}");
    assert_eq!(runtime().block_on(deadlocks(&database)), 0, "locks are taken in one order");
}

// spec: REP-2
// spec: REP-3
#[test]
fn a_database_with_read_models_keeps_the_contract() {
    let Some(database) = runtime().block_on(Database::new()) else { return };
    let report = conformance::run(&InNamespaces { read_models: true, ..InNamespaces::of(&database, "") });
    assert!(report.passed(), "{report}");
    assert_eq!(runtime().block_on(deadlocks(&database)), 0, "locks are taken in one order");
}

/// How often two have waited for each other, once every repository is closed and has told.
async fn deadlocks(database: &Database) -> i64 {
    let client = database.client().await;
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while client.query_one(others, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    client.query_one(deadlocks, &[]).await.unwrap().get(0)
}

/// A trigger before each row of a table, with this body, which finds the tables of its storage.
fn trigger(table: &str, when: &str, body: &str) -> String {
    format!(
        "CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
         AS $$ BEGIN {body} END $$;
         CREATE TRIGGER sabotage BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION sabotage()"
    )
}

/// What breaks a sentence, done to the tables. [`saboteur`] breaks the others.
fn sabotages() -> [(Sentence, String); 18] {
    let always = "INSERT OR UPDATE";
    let tree_of_its_own = "INSERT INTO tree (root, head) VALUES (NEW.id, 1) ON CONFLICT DO NOTHING; RETURN NEW;";
    let for_all_trees = "IF pg_trigger_depth() = 1 THEN
                             UPDATE record SET value = NEW.value WHERE key = NEW.key AND root <> NEW.root;
                         END IF;
                         RETURN NEW;";
    let of_one_tree = "NEW.other_root := NULL; NEW.other_version := NULL; RETURN NEW;";
    [
        (Sentence::R1, trigger("record", "INSERT", "RETURN NULL;")),
        (Sentence::R2, trigger("tree", "UPDATE", "NEW.head := OLD.head; RETURN NEW;")),
        (Sentence::R3, trigger("tree", always, "NEW.head := least(NEW.head, 2); RETURN NEW;")),
        (Sentence::R4, trigger("commit_key", "INSERT", "NEW.version := 1; RETURN NEW;")),
        (Sentence::R5, trigger("commit_key", "INSERT", "NEW.key := gen_random_uuid(); RETURN NEW;")),
        (Sentence::R6, trigger("recorded", "INSERT", "IF NEW.version = 2 THEN RETURN NULL; END IF; RETURN NEW;")),
        (Sentence::R7, trigger("recorded", "INSERT", "NEW.body := lower(NEW.body); RETURN NEW;")),
        (Sentence::R8, trigger("record", always, "IF NEW.value IS NULL THEN RETURN NULL; END IF; RETURN NEW;")),
        (Sentence::R9, trigger("record", "UPDATE", "NEW.value := OLD.value; RETURN NEW;")),
        (Sentence::R10, trigger("organization", "INSERT", tree_of_its_own)),
        (Sentence::R11, trigger("record", always, for_all_trees)),
        (Sentence::R12, trigger("organization", "INSERT", "NEW.id := gen_random_uuid(); RETURN NEW;")),
        (Sentence::R13, trigger("organization", "UPDATE", "RETURN OLD;")),
        (Sentence::R14, trigger("tree", "INSERT", "RETURN NULL;")),
        (Sentence::R18, trigger("commit_key", "INSERT", of_one_tree)),
        (Sentence::R19, trigger("snapshot", always, "NEW.body := substr(NEW.body, 2); RETURN NEW;")),
        (Sentence::R20, trigger("record", "UPDATE", "RETURN OLD;")),
        (Sentence::R21, trigger("snapshot", "UPDATE", "RETURN NULL;")),
    ]
}

/// That the repository is found to break a sentence, and not the harness.
fn caught<H: Harness>(sentence: Sentence, harness: &H, sabotage: &str) {
    let Err(failure) = sentence.check(harness) else { panic!("{sentence:?} holds in spite of {sabotage}") };
    assert!(!matches!(failure, conformance::Failure::Harness(_)), "{sentence:?}: {failure}");
}

// spec: REP-5
#[test]
fn a_database_that_breaks_a_sentence_is_caught() {
    let Some(database) = runtime().block_on(Database::new()) else { return };
    for (number, (sentence, sabotage)) in (1..).zip(sabotages()) {
        let harness = InNamespaces::of(&database, &sabotage);
        harness.number.store(1_000 * number, Ordering::Relaxed);
        caught(sentence, &harness, &sabotage);
    }
}

#[test]
fn every_sentence_has_its_saboteur() {
    let broken = sabotages().into_iter().map(|(sentence, _)| sentence).chain(saboteur::BROKEN);
    assert_eq!(broken.collect::<BTreeSet<_>>(), Sentence::ALL.iter().copied().collect());
}
