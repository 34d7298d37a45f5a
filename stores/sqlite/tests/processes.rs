//! Eight threads in two processes commit to one file, and one process is killed half way.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use bailiwick::{
    Actor, Changes, CommitError, CommitKey, CommitRefusal, Format, Name, OrganizationId, Person, PrincipalId, Record,
    RecordKey, Recorded, Repository, Timestamp, Version,
};
use bailiwick_sqlite::SqliteRepository;
use pollster::block_on;

/// Tells this binary, run once more, that it is a writer: `number directory commits`.
const WRITER: &str = "BAILIWICK_SQLITE_WRITER";

const THREADS: u64 = 4;
/// Commits of each thread of the process that is left to finish.
const COMMITS: u64 = 200;
/// Of each thread of the other: more than it will come to.
const ENDLESS: u64 = 10_000;
/// Acknowledgements after which the other process is killed.
const KILLED_AFTER: usize = 150;

fn root() -> OrganizationId {
    OrganizationId::from_u128(1).unwrap()
}

/// A commit of a writer's on a version; each tells its key in a record, too.
fn changes(writer: u64, number: u64, base: Version) -> Changes {
    let key = CommitKey::from_u128(u128::from(writer) << 64 | u128::from(number)).unwrap();
    let person = PrincipalId::from_u128(u128::from(writer)).unwrap();
    let name = Name::new(&format!("Commit {number}")).unwrap();
    let recorded = Recorded {
        format: Format,
        root: root(),
        version: base.next(),
        at: Timestamp::UNIX_EPOCH,
        actor: Actor::Operator(person),
        acting: None,
        key,
        correlation: None,
        operations: Vec::new(),
        events: Vec::new(),
    };
    Changes::new(recorded, vec![(RecordKey::Person(person), Some(Record::Person(Person::named(name))))])
}

/// Commits one after the other, each decided again on the present version until it is
/// acknowledged, and then noted in a file.
fn write(repository: &SqliteRepository, writer: u64, commits: u64, noted: &Path) {
    let mut noted = OpenOptions::new().append(true).create(true).open(noted).unwrap();
    for number in 1..=commits {
        let receipt = loop {
            let base = block_on(repository.head(root())).unwrap();
            match block_on(repository.commit(changes(writer, number, base).into())) {
                Ok(receipt) => break receipt,
                Err(CommitError::Refused(CommitRefusal::Conflict { .. }) | CommitError::NotWritten(_)) => {}
                Err(error) => panic!("writer {writer}: {error}"),
            }
        };
        let version = receipt.version_of(root()).unwrap();
        // Unbuffered, in one call: a line of a killed process is whole or not there.
        noted.write_all(format!("{} {version}\n", receipt.key).as_bytes()).unwrap();
    }
}

/// What a process does that was started as a writer.
#[test]
fn writer() {
    let Ok(task) = std::env::var(WRITER) else { return };
    let [process, commits, directory] = task.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let (process, commits): (u64, u64) = (process.parse().unwrap(), commits.parse().unwrap());
    let directory = Path::new(directory);
    // A thread that fails takes its process along, or the test would wait for the others.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::abort();
    }));
    // One repository for two threads each, so that threads share a connection and do not.
    thread::scope(|scope| {
        for pair in 0..THREADS / 2 {
            scope.spawn(move || {
                let repository = SqliteRepository::open(directory.join("trees.sqlite")).unwrap();
                thread::scope(|scope| {
                    for thread in [2 * pair, 2 * pair + 1] {
                        let (repository, noted) = (&repository, notes(directory, process));
                        scope.spawn(move || write(repository, 100 * process + thread, commits, &noted));
                    }
                });
            });
        }
    });
}

fn notes(directory: &Path, process: u64) -> PathBuf {
    directory.join(format!("acknowledged-{process}"))
}

fn start(directory: &Path, process: u64, commits: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture"])
        .env(WRITER, format!("{process} {commits} {}", directory.display()))
        .spawn()
        .unwrap()
}

/// Every acknowledged commit with its version, in the order in which it was noted.
fn acknowledged(directory: &Path, process: u64) -> Vec<(CommitKey, u64)> {
    let noted = fs::read_to_string(notes(directory, process)).unwrap_or_default();
    let note = |line: &str| {
        let (key, version) = line.split_once(' ').unwrap();
        (key.parse().unwrap(), version.parse().unwrap())
    };
    // A line without its end is one that is being written.
    noted.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(note).collect()
}

// spec: REP-2
// spec: REP-7
// abuse: 71
#[test]
fn no_acknowledged_commit_is_lost_when_a_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let (mut killed, mut finished) = (start(directory.path(), 1, ENDLESS), start(directory.path(), 2, COMMITS));
    let noted = |process| acknowledged(directory.path(), process).len();
    while noted(1) < KILLED_AFTER || noted(2) == 0 {
        assert!(killed.try_wait().unwrap().is_none(), "it ended before it was killed");
        assert!(finished.try_wait().unwrap().is_none_or(|status| status.success()));
        thread::sleep(Duration::from_millis(1));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(finished.wait().unwrap().success());

    let repository = SqliteRepository::open(directory.path().join("trees.sqlite")).unwrap();
    let page = block_on(repository.read(root(), Version::ZERO, NonZeroU32::MAX)).unwrap();
    let versions: Vec<u64> = page.commits.iter().map(|commit| commit.version.get()).collect();
    assert_eq!(versions, (1..=page.head.get()).collect::<Vec<_>>(), "in order and without gap");

    let found: BTreeMap<CommitKey, u64> =
        page.commits.iter().map(|commit| (commit.key, commit.version.get())).collect();
    let doubled = page.commits.len() - found.len();
    let all: Vec<_> = [1, 2].into_iter().flat_map(|process| acknowledged(directory.path(), process)).collect();
    let lost = all.iter().filter(|(key, version)| found.get(key) != Some(version)).count();
    let keys: BTreeSet<_> = all.iter().map(|(key, _)| *key).collect();
    let unanswered = found.keys().filter(|key| !keys.contains(key)).count();
    println!(
        "acknowledged {}, found {}, lost {lost}, doubled {doubled}, written but unanswered {unanswered}",
        all.len(),
        versions.len()
    );
    assert_eq!((lost, doubled), (0, 0));
    assert!(all.len() >= KILLED_AFTER + usize::try_from(THREADS * COMMITS).unwrap());
    // Each thread of the killed process had at most one commit under way.
    assert!(unanswered <= usize::try_from(THREADS).unwrap());

    // Each thread's commits stand in the order in which it sent them, none left out, and its
    // record is that of the last.
    let mut sent: BTreeMap<PrincipalId, Vec<CommitKey>> = BTreeMap::new();
    for commit in &page.commits {
        let Actor::Operator(writer) = commit.actor else { panic!("{:?}", commit.actor) };
        sent.entry(writer).or_default().push(commit.key);
    }
    assert_eq!(sent.len(), page.records.len());
    for (writer, keys) in sent {
        let of_writer = (1..).map(|number| writer.uuid().as_u128() << 64 | number);
        assert!(keys.iter().zip(of_writer).all(|(key, number)| key.uuid().as_u128() == number), "{writer}: {keys:?}");
        let name = Name::new(&format!("Commit {}", keys.len())).unwrap();
        assert!(page.records.contains(&(RecordKey::Person(writer), Some(Record::Person(Person::named(name))))));
    }
    // What is sent again is answered with the first receipt.
    for (key, version) in all {
        let receipt = block_on(repository.receipt(key)).unwrap().unwrap();
        assert_eq!(receipt.versions, [(root(), Version::new(version))]);
    }
}
