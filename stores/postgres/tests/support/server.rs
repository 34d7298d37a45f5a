//! A PostgreSQL server that a test starts, kills and throws away.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tokio_postgres::Config;

/// Whether the server writes to disk before it answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    Yes,
    No,
}

/// A server on a directory and a port of its own. It is stopped, and its directory removed,
/// when this is dropped or the process ends, however it ends.
pub(crate) struct Server {
    binaries: PathBuf,
    directory: PathBuf,
    port: u16,
    /// Waits for the end of its input, which comes with the end of this process.
    keeper: Child,
}

impl Server {
    /// Starts an empty one, made with more arguments for `initdb`; `None` if PostgreSQL is not
    /// installed.
    pub(crate) fn start_with(durable: Durable, more: &[&str]) -> Option<Self> {
        let server = Self::new(binaries()?);
        let data = server.data();
        let usual = ["-D", &data, "-U", "bailiwick", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"];
        server.run("initdb", &[&usual, more].concat());
        server.configure("max_connections = 200\nmax_prepared_transactions = 4\n");
        if durable == Durable::No {
            server.configure("fsync = off\n");
        }
        server.launch();
        Some(server)
    }

    /// A copy of a running one that follows it, under this name.
    pub(crate) fn standby(primary: &Self, name: &str) -> Self {
        let server = Self::new(primary.binaries.clone());
        let source = format!("host=127.0.0.1 port={} user=bailiwick application_name={name}", primary.port);
        server.run("pg_basebackup", &["-D", &server.data(), "-d", &source, "-R", "-X", "stream", "-c", "fast"]);
        server.launch();
        server
    }

    fn new(binaries: PathBuf) -> Self {
        let made = as_owner("mktemp").args(["-d", "/tmp/bailiwick-postgres-XXXXXX"]).output().unwrap();
        let directory = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim());
        let stop = format!(
            "cat >/dev/null; '{}' -D '{directory}/data' -m immediate stop; rm -rf '{directory}'",
            binaries.join("pg_ctl").display(),
            directory = directory.display()
        );
        let mut keeper = as_owner("sh");
        keeper.args(["-c", &stop]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // In a group of its own, so that what ends the tests by a signal does not end it.
        keeper.process_group(0);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { binaries, directory, port, keeper: keeper.spawn().unwrap() }
    }

    fn data(&self) -> String {
        self.directory.join("data").display().to_string()
    }

    /// Adds to its configuration; to be followed by a start or a reload.
    pub(crate) fn configure(&self, lines: &str) {
        let file = self.directory.join("data/postgresql.auto.conf");
        // The owner's file is written through the owner, since others may not.
        let mut append =
            as_owner("tee").arg("-a").arg(file).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut append.stdin.take().unwrap(), lines.as_bytes()).unwrap();
        assert!(append.wait().unwrap().success());
    }

    /// Starts it, or starts it again; waits until it answers.
    pub(crate) fn launch(&self) {
        let log = self.directory.join("log").display().to_string();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={}",
            self.port,
            self.directory.display()
        );
        // What a killed server has left holds its directory for a moment.
        for _ in 0..100 {
            let mut start = as_owner(self.binaries.join("pg_ctl"));
            start.args(["-w", "-t", "60", "-D", &self.data(), "-l", &log, "-o", &options, "start"]);
            start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            if start.status().unwrap().success() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("the server does not start: {}", fs::read_to_string(log).unwrap_or_default());
    }

    /// Starts it anew, whether it has ended by itself or not.
    pub(crate) fn relaunch(&self) {
        let mut stop = as_owner(self.binaries.join("pg_ctl"));
        stop.args(["-D", &self.data(), "-m", "immediate", "stop"]).stdout(Stdio::null()).stderr(Stdio::null());
        let _stopped = stop.status().unwrap();
        self.launch();
    }

    pub(crate) fn reload(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "reload"]);
    }

    pub(crate) fn promote(&self) {
        self.run("pg_ctl", &["-w", "-D", &self.data(), "promote"]);
    }

    /// Kills every process of it at once, without a warning.
    pub(crate) fn kill(&self) {
        let file = self.directory.join("data/postmaster.pid");
        let read = as_owner("head").args(["-n", "1"]).arg(file).output().unwrap();
        let first: u32 = String::from_utf8(read.stdout).unwrap().trim().parse().unwrap();
        let all: Vec<String> = [first].into_iter().chain(children(first)).map(|id| id.to_string()).collect();
        // One that ends by itself meanwhile is no matter.
        let _killed = Command::new("kill").arg("-9").args(&all).stderr(Stdio::null()).status().unwrap();
        while Path::new(&format!("/proc/{first}")).exists() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How to connect to it.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user("bailiwick").dbname("postgres");
        config
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn run(&self, binary: &str, arguments: &[&str]) {
        let output = as_owner(self.binaries.join(binary)).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{binary}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ended = self.keeper.wait();
    }
}

/// The newest that is installed.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter_map(|version| Some(version.ok()?.path())).max_by_key(number)?;
    let binaries = newest.join("bin");
    binaries.join("initdb").exists().then_some(binaries)
}

/// A command of the user whose the server is: it does not run for root.
pub(crate) fn as_owner(command: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut owned;
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        let users = fs::read_to_string("/etc/passwd").unwrap();
        let user = if users.lines().any(|line| line.starts_with("postgres:")) { "postgres" } else { "nobody" };
        owned = Command::new("runuser");
        owned.args(["-u", user, "--"]).arg(command);
    } else {
        owned = Command::new(command);
    }
    owned.current_dir("/");
    owned
}

/// The processes that a process has started.
fn children(of: u32) -> Vec<u32> {
    let parent = |id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok())
    };
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(|id| parent(*id) == Some(of)).collect()
}
