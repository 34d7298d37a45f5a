//! The repository keeps the contract, and what its file adds to it.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::path::Path;
use std::sync::{Arc, Barrier};

use bailiwick::conformance::{self, Harness, HarnessError};
use bailiwick::{
    Actor, BoxedRepository, Catalog, Changes, Commit, CommitError, CommitKey, Domain, Format, KeptSnapshot, Name,
    OrganizationId, Person, PrincipalId, Receipt, Record, RecordKey, Recorded, Repository, Rules, Snapshot, Timestamp,
    Version,
};
use bailiwick_sqlite::{SqliteError, SqliteRepository};
use pollster::block_on;
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

const WHOLE: std::num::NonZeroU32 = std::num::NonZeroU32::MAX;

fn root() -> OrganizationId {
    OrganizationId::from_u128(1).unwrap()
}

fn person() -> RecordKey {
    RecordKey::Person(PrincipalId::from_u128(1).unwrap())
}

fn named(name: &str) -> Option<Record> {
    Some(Record::Person(Person::named(Name::new(name).unwrap())))
}

/// The commit that makes this version of the one tree of these tests.
fn commit(version: u64, records: Vec<(RecordKey, Option<Record>)>) -> Commit {
    let recorded = Recorded {
        format: Format,
        root: root(),
        version: Version::new(version),
        at: Timestamp::UNIX_EPOCH,
        actor: Actor::Operator(PrincipalId::from_u128(1).unwrap()),
        acting: None,
        key: CommitKey::from_u128(u128::from(version)).unwrap(),
        correlation: None,
        operations: Vec::new(),
        events: Vec::new(),
    };
    Changes::new(recorded, records).into()
}

fn send(repository: &SqliteRepository, commit: Commit) -> Result<Receipt, CommitError<SqliteError>> {
    block_on(repository.commit(commit))
}

/// A file with three commits, and a connection that is not the repository's.
fn three_commits() -> (TempDir, SqliteRepository, Connection) {
    let directory = tempdir().unwrap();
    let repository = SqliteRepository::open(directory.path().join("trees.sqlite")).unwrap();
    for version in 1..=3 {
        send(&repository, commit(version, vec![(person(), named("Ada"))])).unwrap();
    }
    let other = Connection::open(directory.path().join("trees.sqlite")).unwrap();
    (directory, repository, other)
}

/// With read models or without.
struct InFiles {
    read_models: bool,
}

impl Harness for InFiles {
    type Storage = TempDir;
    type Repository = SqliteRepository;

    fn storage(&self) -> Result<TempDir, HarnessError> {
        Ok(tempdir()?)
    }

    fn open(&self, storage: &TempDir) -> Result<SqliteRepository, HarnessError> {
        let repository = SqliteRepository::open(storage.path().join("trees.sqlite"))?;
        Ok(if self.read_models { repository.with_read_models(domain())? } else { repository })
    }

    fn obstruct(&self, storage: &TempDir) -> Result<bool, HarnessError> {
        let connection = Connection::open(storage.path().join("trees.sqlite"))?;
        connection.execute_batch(
            "CREATE TRIGGER obstruct BEFORE INSERT ON organization BEGIN SELECT RAISE(ABORT, 'obstructed'); END",
        )?;
        Ok(true)
    }

    fn restore(&self, storage: &TempDir) -> Result<(), HarnessError> {
        Ok(Connection::open(storage.path().join("trees.sqlite"))?.execute_batch("DROP TRIGGER obstruct")?)
    }
}

fn domain() -> Arc<Domain> {
    Arc::new(Domain { catalog: Catalog::new([]).unwrap(), rules: Rules::provider() })
}

struct InMemory;

impl Harness for InMemory {
    type Storage = BoxedRepository;
    type Repository = BoxedRepository;

    fn storage(&self) -> Result<BoxedRepository, HarnessError> {
        Ok(BoxedRepository::new(SqliteRepository::in_memory()?))
    }

    fn open(&self, storage: &BoxedRepository) -> Result<BoxedRepository, HarnessError> {
        Ok(storage.clone())
    }
}

// spec: REP-2
// spec: REP-3
// abuse: 103
// abuse: 104
// abuse: 106
// abuse: 107
#[test]
fn a_file_keeps_the_contract() {
    let report = conformance::run(&InFiles { read_models: false });
    assert!(report.passed(), "{report}");
}

// spec: REP-2
// spec: REP-3
#[test]
fn a_file_with_read_models_keeps_the_contract() {
    let report = conformance::run(&InFiles { read_models: true });
    assert!(report.passed(), "{report}");
}

#[test]
fn memory_keeps_the_contract() {
    let report = conformance::run(&InMemory);
    assert!(report.passed(), "{report}");
}

// spec: REP-7
#[test]
fn a_commit_that_fails_before_its_end_is_not_written() {
    let (_directory, repository, other) = three_commits();
    other
        .execute_batch("CREATE TRIGGER fail AFTER INSERT ON recorded BEGIN SELECT RAISE(ABORT, 'a full disk'); END")
        .unwrap();
    assert!(matches!(send(&repository, commit(4, Vec::new())), Err(CommitError::NotWritten(_))));
    assert_eq!(block_on(repository.head(root())).unwrap(), Version::new(3));
    other.execute_batch("DROP TRIGGER fail").unwrap();
    send(&repository, commit(4, Vec::new())).unwrap();
}

// spec: REP-7
#[test]
fn a_commit_that_fails_at_its_very_end_is_unknown() {
    let (_directory, repository, other) = three_commits();
    other
        .execute_batch(
            "CREATE TABLE doom (root BLOB REFERENCES tree (root) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER fail AFTER INSERT ON recorded BEGIN INSERT INTO doom VALUES (x'00'); END",
        )
        .unwrap();
    assert!(matches!(send(&repository, commit(4, Vec::new())), Err(CommitError::Unknown(_))));
    assert_eq!(block_on(repository.head(root())).unwrap(), Version::new(3), "nothing of it is seen");
    other.execute_batch("DROP TRIGGER fail").unwrap();
    send(&repository, commit(4, Vec::new())).unwrap();
}

/// Whether any file of a directory holds these bytes.
fn holds(directory: &Path, bytes: &[u8]) -> bool {
    let mut files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.any(|file| std::fs::read(file).unwrap().windows(bytes.len()).any(|window| window == bytes))
}

// spec: GDP-3
// abuse: 89
#[test]
fn no_byte_of_what_was_erased_remains_in_the_file_or_its_log() {
    const ERASED: &str = "Sentinel the Erased";
    const REPLACED: &str = "Sentinel the Replaced";
    let (directory, repository, other) = three_commits();
    let many = (10..500).map(|number| {
        (RecordKey::Person(PrincipalId::from_u128(number).unwrap()), named(&format!("{ERASED} {number}")))
    });
    let erased = (10..500).map(|number| (RecordKey::Person(PrincipalId::from_u128(number).unwrap()), None));
    send(&repository, commit(4, many.collect())).unwrap();
    send(&repository, commit(5, vec![(person(), named(REPLACED))])).unwrap();
    // Some of it is in the file by now, and some only in the log.
    other.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").unwrap();
    send(&repository, commit(6, erased.collect())).unwrap();
    send(&repository, commit(7, vec![(person(), named("Ada"))])).unwrap();
    assert!(holds(directory.path(), ERASED.as_bytes()) && holds(directory.path(), REPLACED.as_bytes()));

    repository.erase_remains().unwrap();
    assert!(!holds(directory.path(), ERASED.as_bytes()));
    assert!(!holds(directory.path(), REPLACED.as_bytes()));
    assert!(holds(directory.path(), b"Ada"));
    let page = block_on(repository.read(root(), Version::ZERO, WHOLE)).unwrap();
    assert_eq!((page.commits.len(), page.records.len()), (7, 491));
}

#[test]
fn remains_that_another_connection_still_reads_are_told_of() {
    let (_directory, repository, other) = three_commits();
    other.execute_batch("BEGIN").unwrap();
    let _: i64 = other.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap();
    assert!(matches!(repository.erase_remains(), Err(SqliteError::InUse)));
    other.execute_batch("COMMIT").unwrap();
    repository.erase_remains().unwrap();
}

// abuse: 109
#[test]
fn a_missing_commit_is_an_error_wherever_it_is() {
    for missing in 1..=3 {
        let (_directory, repository, other) = three_commits();
        other.pragma_update(None, "foreign_keys", false).unwrap();
        other.execute("DELETE FROM recorded WHERE version = ?1", [missing]).unwrap();
        let page = block_on(repository.read(root(), Version::ZERO, WHOLE));
        let version = Version::new(u64::try_from(missing).unwrap());
        assert!(matches!(page, Err(SqliteError::Gap { version: found, .. }) if found == version), "{page:?}");
    }
}

// spec: REP-6
// abuse: 110
#[test]
fn a_commit_that_cannot_be_read_is_an_error_and_not_skipped() {
    let unreadable = [
        (r#""format":1"#, r#""format":2"#),
        (r#""events":[]"#, r#""events":[{"teleport":{"departed":{}}}]"#),
        (r#""events":[]"#, r#""events":[],"later":true"#),
        (r#""version":2"#, r#""version":-2"#),
        ("{", ""),
    ];
    for (old, new) in unreadable {
        let (_directory, repository, other) = three_commits();
        let changed = other.execute("UPDATE recorded SET body = replace(body, ?1, ?2) WHERE version = 2", [old, new]);
        assert_eq!(changed.unwrap(), 1);
        let page = block_on(repository.read(root(), Version::ZERO, WHOLE));
        let version = Version::new(2);
        assert!(
            matches!(page, Err(SqliteError::UnreadableCommit { version: found, .. }) if found == version),
            "{new}: {page:?}"
        );
        assert_eq!(block_on(repository.read(root(), version, WHOLE)).unwrap().commits.len(), 1);
    }
}

#[test]
fn a_row_with_the_commit_of_another_version_is_an_error() {
    let (_directory, repository, other) = three_commits();
    other.execute("UPDATE recorded SET body = replace(body, '\"version\":2', '\"version\":3')", []).unwrap();
    let page = block_on(repository.read(root(), Version::ZERO, WHOLE));
    let (two, three) = (Version::new(2), Version::new(3));
    assert!(matches!(page, Err(SqliteError::Misplaced { version, found, .. }) if (version, found) == (two, three)));
}

#[test]
fn a_record_that_cannot_be_read_is_an_error_that_does_not_repeat_it() {
    let (_directory, repository, other) = three_commits();
    other.execute("UPDATE record SET value = '{\"nobody\":\"Ada\"}'", []).unwrap();
    let error = block_on(repository.read(root(), Version::ZERO, WHOLE)).unwrap_err();
    assert!(matches!(error, SqliteError::UnreadableRecord { .. }));
    assert!(!format!("{error:?} {error}").contains("Ada"));
}

#[test]
fn a_file_of_another_application_is_left_as_it_is() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("cookies.sqlite");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE cookie (name TEXT)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(SqliteRepository::open(&path), Err(SqliteError::Foreign { application_id: 0 })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_a_later_version_is_refused() {
    let (directory, repository, other) = three_commits();
    drop(repository);
    other.pragma_update(None, "user_version", 3).unwrap();
    let opened = SqliteRepository::open(directory.path().join("trees.sqlite"));
    assert!(matches!(opened, Err(SqliteError::LaterSchema { found: 3, known: 2 })));
}

#[test]
fn one_file_is_created_by_many_at_once() {
    for _ in 0..20 {
        let directory = tempdir().unwrap();
        let start = Barrier::new(8);
        let open = || {
            start.wait();
            let repository = SqliteRepository::open(directory.path().join("trees.sqlite"))?;
            block_on(repository.head(root()))
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap().unwrap(), Version::ZERO);
            }
        });
    }
}

#[test]
fn the_schema_is_that_of_the_golden_file() {
    let (_directory, _repository, other) = three_commits();
    let number = |pragma| other.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
    let mut found = format!("PRAGMA application_id = {};\n", number("application_id"));
    found += &format!("PRAGMA user_version = {};\n", number("user_version"));
    let mode: String = other.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    found += &format!("PRAGMA journal_mode = {mode};\n");
    let mut tables = other.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    for table in tables.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        found += &format!("\n{};\n", table.unwrap());
    }
    // A file that others have must be read by every later version: a change here is a new
    // schema version with a migration.
    assert_eq!(found, include_str!("golden/schema.sql"));
}

// spec: REP-6
#[test]
fn a_file_of_the_first_schema_version_is_brought_up_with_all_that_is_in_it() {
    let (directory, repository, other) = three_commits();
    drop(repository);
    // As it was written before there were snapshots.
    other.execute_batch("DROP TABLE snapshot; PRAGMA user_version = 1").unwrap();
    let open = || SqliteRepository::open(directory.path().join("trees.sqlite")).unwrap();
    let repository = open();
    assert_eq!(block_on(repository.read(root(), Version::ZERO, WHOLE)).unwrap().commits.len(), 3);
    send(&repository, commit(4, Vec::new())).unwrap();
    block_on(repository.keep_snapshot(Snapshot::new(root(), Version::new(4), vec![1, 2, 3]))).unwrap();
    drop(repository);
    assert!(block_on(open().snapshot(root())).unwrap().is_some());
    let version: i64 = other.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
}

// spec: GDP-3
#[test]
fn a_snapshot_is_kept_with_the_records_as_they_stand() {
    let (directory, repository, _) = three_commits();
    let snapshot = Snapshot::new(root(), Version::new(3), vec![0, 255, 39]);
    block_on(repository.keep_snapshot(snapshot.clone())).unwrap();
    send(&repository, commit(4, vec![(person(), None)])).unwrap();
    drop(repository);
    let repository = SqliteRepository::open(directory.path().join("trees.sqlite")).unwrap();
    let kept = block_on(repository.snapshot(root())).unwrap().expect("it is kept");
    assert_eq!(kept, KeptSnapshot { snapshot, records: Vec::new() });
    send(&repository, commit(5, vec![(person(), named("Grace"))])).unwrap();
    let kept = block_on(repository.snapshot(root())).unwrap().unwrap();
    assert_eq!(kept.records, [(person(), named("Grace").unwrap())]);
}
