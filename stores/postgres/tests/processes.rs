//! Four processes of eight writers each commit to one server, which is killed and started
//! again, and some of the processes are killed as well. Afterwards every acknowledged commit
//! is there once, and the read models equal the trees rebuilt from the log, row for row.
//!
//! It takes a few seconds, with one kill of each; with `BAILIWICK_POSTGRES_LONG` set, a
//! minute with three.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bailiwick::{
    AgentSecret, Catalog, Command, CommitKey, Context, CreateProject, Directory, DirectoryError, Domain, Edit,
    EditOrganization, FoundTree, OrganizationId, OrganizationTree, Page, Person, PrincipalId, ProjectId, Receipt,
    Repository, Rules, Timestamp, Version,
};
use bailiwick_postgres::PostgresRepository;
use tokio_postgres::Config;

use support::rows::check_rows;
use support::sample::{WHOLE, key, tree};
use support::server::{Durable, Server};
use support::{connect, own_server, runtime};

/// Tells this binary, run once more, that it is a process of writers: `number port directory`.
const PROCESS: &str = "BAILIWICK_POSTGRES_PROCESS";
const LONG: &str = "BAILIWICK_POSTGRES_LONG";

const PROCESSES: u64 = 4;
/// Of each process; each works on a tree with those of its number in the others.
const WRITERS: u64 = 8;
const TICK: Duration = Duration::from_millis(100);

type Trees = Directory<PostgresRepository>;

fn person(number: u128) -> PrincipalId {
    PrincipalId::from_u128(number).unwrap()
}

fn roots() -> impl Iterator<Item = OrganizationId> {
    (1..=u128::from(WRITERS)).map(tree)
}

fn server_at(port: u16) -> Config {
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user("bailiwick").dbname("postgres");
    config
}

fn domain() -> Arc<Domain> {
    Arc::new(Domain { catalog: Catalog::new([]).unwrap(), rules: Rules::provider() })
}

/// Opens the repository, keeping read models, as soon as the server is there.
async fn directory(port: u16) -> Trees {
    let open = async || PostgresRepository::connect(server_at(port)).await?.with_read_models(domain()).await;
    loop {
        match open().await {
            Ok(repository) => return Directory::new(repository, domain()),
            Err(_) => tokio::time::sleep(TICK).await,
        }
    }
}

async fn found(directory: &Trees) {
    for (number, root) in (1..).zip(roots()) {
        let context = Context::operator(person(99), Timestamp::UNIX_EPOCH, key(number));
        let found = FoundTree {
            root,
            name: "Fabrikam".parse().unwrap(),
            owner: person(1),
            person: Person::named("Ada".parse().unwrap()),
            secret: AgentSecret::from_entropy([7; 32]),
        };
        directory.execute(root, &context, &found).await.unwrap();
    }
}

/// Sends a command again and again until it is acknowledged.
async fn acknowledge<C: Command>(directory: &Trees, root: OrganizationId, key: CommitKey, command: &C) -> Receipt {
    let context = Context::principal(person(1), root, Timestamp::UNIX_EPOCH, key);
    loop {
        match directory.execute(root, &context, command).await {
            Ok(done) => return done.receipt,
            Err(DirectoryError::Storage(_) | DirectoryError::Unknown(_) | DirectoryError::Contended { .. }) => {
                tokio::time::sleep(TICK / 10).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Renames a root and creates a project in it by turns, and notes each when it is acknowledged.
/// Of the names the last one has a row, and of the projects each.
async fn write(directory: &Trees, process: u64, writer: u64, folder: &Path) {
    let mut noted = OpenOptions::new().append(true).create(true).open(notes(folder, process)).unwrap();
    let root = tree(u128::from(writer));
    for number in 1_u64.. {
        if folder.join("stop").exists() {
            break;
        }
        let place = u128::from(process) << 96 | u128::from(writer) << 64 | u128::from(number);
        let (key, text) = (key(place), format!("Writer {writer} of {process} for the {number}. time"));
        let receipt = if number.is_multiple_of(2) {
            let name = Some(text.parse().unwrap());
            let rename =
                EditOrganization { name, description: Edit::Set(text.parse().unwrap()), ..EditOrganization::of(root) };
            acknowledge(directory, root, key, &rename).await
        } else {
            let project = ProjectId::from_u128(place).unwrap();
            let create = CreateProject { organization: root, project, name: text.parse().unwrap() };
            acknowledge(directory, root, key, &create).await
        };
        let version = receipt.version_of(root).unwrap();
        // Unbuffered, in one call: a line of a killed process is whole or not there.
        noted.write_all(format!("{key} {root} {version}\n").as_bytes()).unwrap();
    }
}

/// The tree as its log alone has it.
fn anew(root: OrganizationId, page: Page) -> OrganizationTree {
    OrganizationTree::replay(root, domain(), &page.commits, page.records).unwrap()
}

/// What a tree holds, as far as these writers change it.
fn told(tree: &OrganizationTree) -> String {
    let organizations: Vec<_> = tree.organizations().collect();
    let description = tree.description(tree.root());
    format!("{} {} {} {:?}\n", tree.root(), tree.version(), serde_json::to_string(&organizations).unwrap(), description)
}

/// What a process does that was started as one of writers.
#[test]
fn process() {
    let Ok(task) = std::env::var(PROCESS) else { return };
    let [number, port, folder] = task.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let (number, port, folder) = (number.parse().unwrap(), port.parse().unwrap(), PathBuf::from(folder));
    // A writer that fails takes its process along, or the test would wait for the others.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::abort();
    }));
    let runtime = runtime();
    let directory = runtime.block_on(directory(port));
    thread::scope(|scope| {
        for writer in 1..=WRITERS {
            let (runtime, directory, folder) = (&runtime, &directory, &folder);
            scope.spawn(move || runtime.block_on(write(directory, number, writer, folder)));
        }
    });
    fs::write(folder.join(format!("done-{number}")), "").unwrap();
    wait_for(&[folder.join("settled")], &mut []);
    runtime.block_on(async {
        let reader = connect(&server_at(port)).await;
        let mut all = String::new();
        for root in roots() {
            // Kept up to date all along, and made anew from the log.
            let live = directory.tree(root).await.unwrap();
            let page = directory.repository().read(root, Version::ZERO, WHOLE).await.unwrap();
            assert_eq!(live, anew(root, page));
            all += &told(&live);
            all += &format!("{} rows\n", check_rows(&reader, &live).await);
        }
        fs::write(folder.join(format!("trees-{number}")), all).unwrap();
    });
}

fn notes(folder: &Path, process: u64) -> PathBuf {
    folder.join(format!("acknowledged-{process}"))
}

fn start(server: &Server, folder: &Path, process: u64) -> (u64, Child) {
    let task = format!("{process} {} {}", server.port(), folder.display());
    let mut child = process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "process", "--nocapture"]).env(PROCESS, task).stdout(Stdio::null());
    (process, child.spawn().unwrap())
}

/// Every acknowledged commit with its tree and version.
fn acknowledged(folder: &Path, process: u64) -> Vec<(CommitKey, (OrganizationId, u64))> {
    let noted = fs::read_to_string(notes(folder, process)).unwrap_or_default();
    let note = |line: &str| {
        let [key, root, version] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        (key.parse().unwrap(), (root.parse().unwrap(), version.parse().unwrap()))
    };
    // A line without its end is one that was being written.
    noted.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(note).collect()
}

/// Lets them write, and kills the server and processes by turns. Gives the processes that
/// are left, and how many there were.
fn disturb(server: &Server, folder: &Path, ticks: u32, kills: u32) -> (Vec<(u64, Child)>, u64) {
    let mut running: Vec<_> = (1..=PROCESSES).map(|process| start(server, folder, process)).collect();
    let mut last = PROCESSES;
    let turn = ticks / (kills + 1);
    for tick in 1..=ticks {
        thread::sleep(TICK);
        if tick % turn == 0 && tick / turn <= kills {
            server.kill();
            server.launch();
        }
        if tick % turn == turn / 2 && tick / turn < kills {
            let (_, mut killed) = running.remove(0);
            killed.kill().unwrap();
            killed.wait().unwrap();
            last += 1;
            running.push(start(server, folder, last));
        }
        for (_, child) in &mut running {
            assert!(child.try_wait().unwrap().is_none(), "it ended before its time");
        }
    }
    (running, last)
}

/// Waits for files that others write, as long as none of these processes fails.
fn wait_for(files: &[PathBuf], running: &mut [(u64, Child)]) {
    for _ in 0..1_200 {
        if files.iter().all(|file| file.exists()) {
            return;
        }
        for (process, child) in &mut *running {
            let failed = child.try_wait().unwrap().filter(|status| !status.success());
            assert!(failed.is_none(), "process {process} has failed, and said why");
        }
        thread::sleep(TICK);
    }
    panic!("not there: {files:?}");
}

/// What the log holds in the end.
struct Log {
    commits: usize,
    /// The tree and version of each key.
    found: BTreeMap<CommitKey, (OrganizationId, u64)>,
    /// How many rows of read models equal the trees made of it.
    rows: usize,
}

/// Reads it through a repository that keeps no read models, and so cannot bring them in step.
async fn log(server: &Server) -> Log {
    let repository = PostgresRepository::connect(server.config()).await.unwrap();
    let reader = connect(&server.config()).await;
    let mut log = Log { commits: 0, found: BTreeMap::new(), rows: 0 };
    for root in roots() {
        let page = repository.read(root, Version::ZERO, WHOLE).await.unwrap();
        log.commits += page.commits.len();
        log.found.extend(page.commits.iter().map(|commit| (commit.key, (root, commit.version.get()))));
        log.rows += check_rows(&reader, &anew(root, page)).await;
    }
    log
}

// spec: REP-2
// spec: REP-7
// abuse: 71
#[test]
fn no_acknowledged_commit_is_lost_when_the_server_and_processes_are_killed() {
    let Some(server) = own_server(Durable::Yes) else { return };
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let folder = folder.path();
    runtime.block_on(async { found(&directory(server.port()).await).await });
    let (ticks, kills) = if std::env::var_os(LONG).is_some() { (600, 3) } else { (40, 1) };
    let (mut running, last) = disturb(&server, folder, ticks, kills);
    fs::write(folder.join("stop"), "").unwrap();
    let named = |what: &str| running.iter().map(|(process, _)| folder.join(format!("{what}-{process}"))).collect();
    let (done, trees): (Vec<_>, Vec<_>) = (named("done"), named("trees"));
    wait_for(&done, &mut running);
    fs::write(folder.join("settled"), "").unwrap();
    wait_for(&trees, &mut running);
    for (_, mut child) in running {
        assert!(child.wait().unwrap().success());
    }
    let distinct: BTreeSet<_> = trees.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    assert_eq!(distinct.len(), 1, "every process has made the same trees of the log");

    let Log { commits, found, rows } = runtime.block_on(log(&server));
    let all: Vec<_> = (1..=last).flat_map(|process| acknowledged(folder, process)).collect();
    let lost = all.iter().filter(|(key, place)| found.get(key) != Some(place)).count();
    let doubled = commits - found.len();
    let founded = usize::try_from(WRITERS).unwrap();
    let unanswered = commits - founded - all.len();
    println!(
        "acknowledged {}, found {}, lost {lost}, doubled {doubled}, written but unanswered {unanswered}; \
         rows of read models equal to the log's {rows}, in {PROCESSES} processes and here",
        all.len(),
        commits - founded
    );
    assert_eq!((lost, doubled), (0, 0));
    // Each writer of a killed process had at most one commit under way.
    let killed = usize::try_from((last - PROCESSES) * WRITERS).unwrap();
    assert!(unanswered <= killed, "{unanswered} of {killed}");
    assert!((1..=last).all(|process| !acknowledged(folder, process).is_empty()), "each has written");
}
