//! The console as a process, on a store of the test's choice.

#![allow(dead_code, reason = "each binary uses a part of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// A SQLite file in this folder, as the console is told of it.
pub fn file(folder: &TempDir) -> (&'static str, String) {
    ("BAILIWICK_SQLITE", folder.path().join("trees.sqlite").to_str().unwrap().to_owned())
}

/// A PostgreSQL database, as the console is told of it.
pub fn database(config: &Config) -> (&'static str, String) {
    let host = match &config.get_hosts()[0] {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.to_str().unwrap().to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let password = config.get_password().map(|password| String::from_utf8(password.to_owned()).unwrap());
    let mut told = format!("host='{host}' port={port} dbname='{}'", config.get_dbname().unwrap());
    told.extend(config.get_user().map(|user| format!(" user='{user}'")));
    told.extend(password.map(|password| format!(" password='{password}'")));
    ("BAILIWICK_POSTGRES_URL", told)
}

pub const OPERATOR: &str = "00000000-0000-4000-8000-000000000099";
pub const ADA: &str = "00000000-0000-4000-8000-00000000000a";
pub const BEN: &str = "00000000-0000-4000-8000-00000000000b";
pub const NORA: &str = "00000000-0000-4000-8000-00000000000d";
pub const OLAF: &str = "00000000-0000-4000-8000-00000000000e";

/// The console as a process, killed when it is dropped.
pub struct Console {
    pub process: Child,
    pub address: String,
    log: Option<JoinHandle<Vec<String>>>,
    keys: u32,
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick-console"));
    command.env_clear().env("BAILIWICK_OPERATOR", OPERATOR).envs(variables.iter().copied());
    command
}

impl Console {
    /// Starts it on a port that is free, and waits until it says which.
    pub fn start(store: &(&'static str, String)) -> Self {
        Self::start_with(store, &[])
    }

    pub fn start_with((variable, store): &(&'static str, String), more: &[(&str, &str)]) -> Self {
        let usual = [(*variable, store.as_str()), ("BAILIWICK_LISTEN", "127.0.0.1:0"), ("BAILIWICK_TIME_LIMIT", "2")];
        let variables: Vec<_> = usual.into_iter().chain(more.iter().copied()).collect();
        let mut process = command(&variables).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let said = log.by_ref().map(Result::unwrap).find_map(|line| {
            let address = line.split("address=").nth(1)?.split(' ').next()?;
            Some(address.to_owned())
        });
        let address = said.expect("it says where it listens");
        // Read on, lest the pipe fill up.
        let log = Some(thread::spawn(move || log.map_while(Result::ok).collect()));
        Self { process, address, log, keys: 0 }
    }

    pub fn ask(&mut self, who: &str, method: &str, path: &str, acting: Option<&str>, body: &Value) -> (u16, Value) {
        self.keys += 1;
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("Bailiwick-Principal", who)
            .header("Bailiwick-Address", if who == NORA { "nora@northwind.example" } else { "olaf@northwind.example" })
            .header("Idempotency-Key", format!("{}-{}", self.process.id(), self.keys))
            .header("Content-Type", "application/json");
        let request = acting.into_iter().fold(request, |request, acting| request.header("Bailiwick-Acting", acting));
        let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
        let mut answer = agent.run(request.body(body.to_string()).unwrap()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_else(|_| text.into()))
    }

    /// What is answered to Ada, who acts from there.
    #[track_caller]
    pub fn does(&mut self, method: &str, path: &str, acting: &str, body: Value) -> Value {
        let (status, answer) = self.ask(ADA, method, path, Some(acting), &body);
        assert!((200..300).contains(&status), "{method} {path}: {answer}");
        answer
    }

    #[track_caller]
    pub fn makes(&mut self, path: &str, acting: &str, body: Value) -> String {
        self.does("POST", path, acting, body)["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn is_refused(&mut self, method: &str, path: &str, acting: &str, body: Value, code: &str) -> Value {
        let (status, answer) = self.ask(ADA, method, path, Some(acting), &body);
        assert!((400..500).contains(&status) && answer["code"] == code, "{method} {path}: {answer}");
        answer
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Value {
        let (status, answer) = self.ask(ADA, "GET", path, None, &json!({}));
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub fn allows(&mut self, organization: &str, claim: &str) -> bool {
        self.get(&format!("/api/organizations/{organization}/check?principal={BEN}&claim={claim}"))["allowed"] == true
    }

    pub fn terminate(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Stops it, and gives back what it has written.
    pub fn stop(mut self) -> Vec<String> {
        self.terminate();
        assert!(self.process.wait().unwrap().success());
        self.log.take().unwrap().join().unwrap()
    }
}

pub fn at(organization: &str, rest: &str) -> String {
    format!("/api/organizations/{organization}{rest}")
}
