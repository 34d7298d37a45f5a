//! Two consoles on one PostgreSQL database: what is committed through one is seen through the
//! other.
//!
//! It takes a second, and prints what it measures. With `BAILIWICK_CONSOLE_SECONDS` it goes on
//! for so long, on a server that writes to disk before it answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "test code: it fails by panicking, and shares its helpers within one binary"
)]

#[path = "../../../stores/postgres/tests/support/mod.rs"]
mod postgres;
mod process;

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::Config;

use postgres::server::Durable;
use process::{ADA, BEN, Console, OPERATOR, at, database};

const SECONDS: &str = "BAILIWICK_CONSOLE_SECONDS";
const CLIENTS: usize = 8;

/// Asks a console over one connection that is kept.
struct Client {
    address: String,
    agent: ureq::Agent,
    /// What its keys begin with.
    number: u32,
    sent: u32,
}

impl Client {
    fn of(console: &Console) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
        Self { address: console.address.clone(), agent, number, sent: 0 }
    }

    fn ask(&mut self, who: &str, method: &str, path: &str, acting: &str, body: &Value) -> Value {
        self.sent += 1;
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("Bailiwick-Principal", who)
            .header("Idempotency-Key", format!("client-{}-{}", self.number, self.sent))
            .header("Content-Type", "application/json");
        let request = if acting.is_empty() { request } else { request.header("Bailiwick-Acting", acting) };
        let mut answer = self.agent.run(request.body(body.to_string()).unwrap()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// A provider with Ben, and a group that he comes into and goes out of.
struct Provider {
    root: String,
    group: String,
}

impl Provider {
    fn found(client: &mut Client) -> Self {
        let new = json!({ "name": "Fabrikam", "owner": { "principal": ADA, "name": "Ada" } });
        let id = |answer: Value| answer["id"].as_str().unwrap().to_owned();
        let root = id(client.ask(OPERATOR, "POST", "/api/providers", "", &new));
        let plan = json!({ "plan": "Enterprise", "status": "active" });
        client.ask(OPERATOR, "PUT", &at(&root, "/subscription"), "", &plan);
        client.ask(ADA, "POST", &at(&root, "/members"), &root, &json!({ "principal": BEN, "name": "Ben" }));
        let group = json!({ "name": "Technicians", "gives": ["backups.view"] });
        let group = id(client.ask(ADA, "POST", &at(&root, "/groups"), &root, &group));
        Self { root, group }
    }

    /// One commit: Ben comes into the group, or goes out of it.
    fn turn(&self, client: &mut Client, member: bool) {
        let members = at(&self.root, &format!("/groups/{}/members", self.group));
        match member {
            true => client.ask(ADA, "POST", &members, &self.root, &json!({ "principal": BEN })),
            false => client.ask(ADA, "DELETE", &format!("{members}/{BEN}"), &self.root, &json!({})),
        };
    }

    fn allows(&self, client: &mut Client) -> bool {
        let check = at(&self.root, &format!("/check?principal={BEN}&claim=backups.view"));
        client.ask(ADA, "GET", &check, "", &json!({}))["allowed"] == true
    }
}

/// Every client commits for so long, each to a tree of its own, half of them through each
/// console: how many commits a second.
fn commits_a_second(consoles: &[Console; 2], providers: &[Provider], time: Duration) -> f64 {
    let start = Instant::now();
    let committed: u32 = thread::scope(|scope| {
        let clients = providers.iter().enumerate().map(|(number, provider)| {
            scope.spawn(move || {
                let mut client = Client::of(&consoles[number % 2]);
                let mut commits = 0;
                while start.elapsed() < time || commits % 2 == 1 {
                    commits += 1;
                    provider.turn(&mut client, commits % 2 == 1);
                }
                commits
            })
        });
        clients.collect::<Vec<_>>().into_iter().map(|client| client.join().unwrap()).sum()
    });
    f64::from(committed) / start.elapsed().as_secs_f64()
}

/// Every client commits through the first console, and asks the second as soon as that is
/// acknowledged: how long until the answer that has seen it. The first answer must have.
fn acknowledged_until_seen(consoles: &[Console; 2], providers: &[Provider], time: Duration) -> Vec<Duration> {
    let start = Instant::now();
    thread::scope(|scope| {
        let clients = providers.iter().map(|provider| {
            scope.spawn(move || {
                let [mut here, mut there] = [0, 1].map(|console| Client::of(&consoles[console]));
                let mut waits = Vec::new();
                while start.elapsed() < time || waits.len() % 2 == 1 {
                    let member = waits.len() % 2 == 0;
                    provider.turn(&mut here, member);
                    let acknowledged = Instant::now();
                    assert_eq!(provider.allows(&mut there), member, "the other console has not seen a commit");
                    waits.push(acknowledged.elapsed());
                }
                waits
            })
        });
        clients.collect::<Vec<_>>().into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

fn measure(config: &Config, time: Duration) {
    let store = database(config);
    let consoles = [Console::start(&store), Console::start(&store)];
    let mut founder = Client::of(&consoles[0]);
    let providers: Vec<Provider> = (0..CLIENTS).map(|_| Provider::found(&mut founder)).collect();

    let commits = commits_a_second(&consoles, &providers, time);
    let alone = commits_a_second(&consoles, &providers[..1], time);
    let mut waits = acknowledged_until_seen(&consoles, &providers, time);
    waits.sort();
    let percent = |part: usize| waits[(waits.len() - 1) * part / 100];
    println!("{commits:.0} commits a second by {CLIENTS} clients, {alone:.0} by one");
    println!(
        "from acknowledged to seen through the other: p50 {:.1?}, p99 {:.1?}, of {}; each by the first check",
        percent(50),
        percent(99),
        waits.len()
    );
}

#[test]
fn a_commit_through_one_is_seen_by_the_next_check_through_the_other() {
    let seconds = std::env::var(SECONDS).ok().map(|seconds| seconds.parse().unwrap());
    if let Some(seconds) = seconds {
        let Some(server) = postgres::own_server(Durable::Yes) else { return };
        return measure(&server.config(), Duration::from_secs(seconds));
    }
    let Some(database) = postgres::runtime().block_on(postgres::Database::new()) else { return };
    measure(&database.config(), Duration::from_millis(500));
}

#[test]
fn a_console_that_nobody_asks_follows_the_commits_of_another() {
    let Some(database) = postgres::runtime().block_on(postgres::Database::new()) else { return };
    let store = process::database(&database.config());
    let (active, idle) = (Console::start(&store), Console::start_with(&store, &[("BAILIWICK_LOG", "debug")]));
    // It begins at the end of the feed, once it has found that.
    thread::sleep(Duration::from_millis(300));
    let provider = Provider::found(&mut Client::of(&active));
    thread::sleep(Duration::from_secs(1));
    let log = idle.stop();
    let followed = format!("followed root={} version=4", provider.root);
    assert!(log.iter().any(|line| line.contains(&followed)), "{followed}: {log:?}");
}
