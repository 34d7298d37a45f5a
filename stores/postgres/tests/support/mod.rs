//! What the test binaries share: servers of their own, and sample commits.

#![allow(dead_code, reason = "each binary uses a part of it")]

pub(crate) mod rows;
pub(crate) mod sample;
pub(crate) mod server;

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use bailiwick_postgres::{Options, Pool, PostgresRepository, Timeouts};
use deadpool_postgres::{Manager, Runtime};
use tokio_postgres::{Client, Config, NoTls};

use server::{Durable, Server};

/// A server that is there already, to be used instead of one of the tests' own.
const URL: &str = "BAILIWICK_POSTGRES_URL";

/// Says that a test cannot run, past the capture of its output; where everything must run,
/// it fails.
pub(crate) fn not_run(why: &str) {
    let wanted = "install PostgreSQL (Debian: postgresql), or set BAILIWICK_POSTGRES_URL";
    assert!(std::env::var_os("CI").is_none(), "{why}: {wanted}");
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _told = writeln!(std::io::stderr(), "\n!!! NOT RUN: {name}: {why}: {wanted}");
}

/// A server of a test's own, to be stopped and started; `None`, said loudly, if there is none.
pub(crate) fn own_server(durable: Durable) -> Option<Server> {
    own_server_with(durable, &[])
}

/// The same, made with more arguments for `initdb`.
pub(crate) fn own_server_with(durable: Durable, more: &[&str]) -> Option<Server> {
    let server = Server::start_with(durable, more);
    if server.is_none() {
        not_run("no PostgreSQL server was found under /usr/lib/postgresql");
    }
    server
}

/// Where the tests of this binary make their databases.
fn shared() -> Option<Config> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    if let Ok(url) = std::env::var(URL) {
        return Some(url.parse().unwrap());
    }
    SERVER.get_or_init(|| own_server(Durable::No)).as_ref().map(Server::config)
}

/// An empty database of one test.
pub(crate) struct Database {
    server: Config,
    pub(crate) name: String,
}

impl Database {
    /// `None`, said loudly, if there is no server.
    pub(crate) async fn new() -> Option<Self> {
        Self::with("").await
    }

    /// With more to say as it is created.
    pub(crate) async fn with(more: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(server) = shared() else {
            not_run("there is no server");
            return None;
        };
        let name = format!("bailiwick_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        connect(&server).await.batch_execute(&format!("CREATE DATABASE {name} {more}")).await.unwrap();
        Some(Self { server, name })
    }

    /// How to connect to it.
    pub(crate) fn config(&self) -> Config {
        let mut config = self.server.clone();
        config.dbname(&self.name);
        config
    }

    /// A connection that is not the repository's.
    pub(crate) async fn client(&self) -> Client {
        connect(&self.config()).await
    }

    /// A repository on it, with the usual limits.
    pub(crate) async fn open(&self) -> PostgresRepository {
        self.open_with(Timeouts::default()).await
    }

    pub(crate) async fn open_with(&self, timeouts: Timeouts) -> PostgresRepository {
        let pool = pool(self.config(), timeouts, 16);
        PostgresRepository::open_with(pool, Options::default()).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server of the tests' own is thrown away as a whole.
        if std::env::var_os(URL).is_none() {
            return;
        }
        let (server, name) = (self.server.clone(), self.name.clone());
        let drop =
            async move { connect(&server).await.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await };
        let dropping = std::thread::spawn(|| runtime().block_on(drop));
        let _dropped = dropping.join();
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// One connection.
pub(crate) async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A pool of so many connections.
pub(crate) fn pool(mut config: Config, timeouts: Timeouts, size: usize) -> Pool {
    timeouts.apply(&mut config);
    let wait = Some(std::time::Duration::from_secs(30));
    Pool::builder(Manager::new(config, NoTls))
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(wait)
        .create_timeout(wait)
        .build()
        .unwrap()
}
