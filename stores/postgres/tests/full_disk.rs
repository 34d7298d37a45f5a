//! A disk that is full: that of the tables, and that of the write-ahead log.
//!
//! Small file systems are mounted for it, so it runs as root, and only when it is asked for:
//! `cargo test -p bailiwick-postgres --test full_disk -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use bailiwick::{CommitError, Receipt, Repository, Version};
use bailiwick_postgres::{PostgresError, PostgresRepository, Timeouts};
use tokio_postgres::Config;

use support::sample::{WHOLE, commit, tree};
use support::server::{Durable, as_owner};
use support::{connect, own_server_with, pool};

/// A small file system in memory.
struct Disk {
    directory: PathBuf,
}

impl Disk {
    fn mount() -> Self {
        let directory = tempfile::Builder::new().prefix("bailiwick-disk-").tempdir_in("/tmp").unwrap().keep();
        let disk = Self { directory };
        let mount = ["-t", "tmpfs", "-o", "size=32m,mode=1777", "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(&disk.directory).status().unwrap();
        assert!(mounted.success(), "to mount a file system takes root");
        disk
    }

    /// A directory of the server's on it.
    fn directory(&self) -> String {
        let directory = self.directory.join("of-the-server");
        assert!(as_owner("mkdir").args(["-m", "700"]).arg(&directory).status().unwrap().success());
        directory.display().to_string()
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }

    /// Fills it but for so many bytes.
    fn fill(&self, left: u64) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let mut length = 0;
        while let Ok(written) = ballast.write(&[0; 4_096]) {
            length += u64::try_from(written).unwrap();
        }
        ballast.set_len(length - left).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.directory).status();
        let _removed = fs::remove_dir(&self.directory);
    }
}

async fn open(config: Config) -> PostgresRepository {
    PostgresRepository::open(pool(config, Timeouts::default(), 4)).await.unwrap()
}

/// Commits until the disk is full. Answers the version that is not acknowledged, and why.
async fn fill_by_commits(repository: &PostgresRepository) -> (u64, CommitError<PostgresError>) {
    for version in 1..100_000 {
        let sent = commit(1, version);
        match repository.commit(sent.clone()).await {
            Ok(receipt) => assert_eq!(receipt, sent.receipt()),
            Err(error) => return (version, error),
        }
    }
    panic!("the disk is never full");
}

/// That what was acknowledged is there, and that what failed is written under its key, once.
async fn goes_on(repository: &PostgresRepository, failed: u64) {
    let known = async |version| repository.receipt(commit(1, version).key()).await.unwrap();
    for version in 1..failed {
        assert_eq!(known(version).await, Some(commit(1, version).receipt()), "acknowledged");
    }
    for version in [failed, failed, failed + 1] {
        let receipt: Receipt = repository.commit(commit(1, version)).await.unwrap();
        assert_eq!(receipt, commit(1, version).receipt());
    }
    let page = repository.read(tree(1), Version::ZERO, WHOLE).await.unwrap();
    let versions: Vec<u64> = page.commits.iter().map(|commit| commit.version.get()).collect();
    assert_eq!(versions, (1..=failed + 1).collect::<Vec<_>>(), "each once");
}

// spec: REP-7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts a file system, as root"]
async fn tables_on_a_full_disk_take_nothing_and_lose_nothing() {
    let disk = Disk::mount();
    let Some(server) = own_server_with(Durable::Yes, &[]) else { return };
    let place = format!("CREATE TABLESPACE small LOCATION '{}'", disk.directory());
    let client = connect(&server.config()).await;
    client.batch_execute(&place).await.unwrap();
    client.batch_execute("CREATE DATABASE small TABLESPACE small").await.unwrap();
    let mut config = server.config();
    config.dbname("small");
    let repository = open(config).await;
    disk.fill(256 * 1_024);

    let (failed, error) = fill_by_commits(&repository).await;
    println!("tables: acknowledged {}, then {error}", failed - 1);
    assert!(matches!(error, CommitError::NotWritten(PostgresError::Full { .. })), "{error:?}");
    assert_eq!(repository.head(tree(1)).await.unwrap(), Version::new(failed - 1));
    assert_eq!(repository.receipt(commit(1, failed).key()).await.unwrap(), None);
    disk.free();
    goes_on(&repository, failed).await;
}

// The server crashes, since it cannot go on without its log, and comes up again or not.
// spec: REP-7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts a file system, as root"]
async fn a_write_ahead_log_on_a_full_disk_loses_nothing() {
    let disk = Disk::mount();
    let log = format!("--waldir={}", disk.directory());
    let Some(server) = own_server_with(Durable::Yes, &[&log, "--wal-segsize=1"]) else { return };
    let repository = open(server.config()).await;
    // Less than its next file takes.
    disk.fill(512 * 1_024);

    let (failed, error) = fill_by_commits(&repository).await;
    println!("write-ahead log: acknowledged {}, then {error}", failed - 1);
    let (CommitError::NotWritten(why) | CommitError::Unknown(why)) = &error else { panic!("{error}") };
    // Whether the server says why, before it ends, is its own matter.
    assert!(matches!(why, PostgresError::Full { .. } | PostgresError::Connection(_)), "{error:?}");
    disk.free();
    server.relaunch();
    goes_on(&open(server.config()).await, failed).await;
}
