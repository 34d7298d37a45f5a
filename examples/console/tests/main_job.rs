//! The main job by HTTP alone: the console as a process, on a file, stopped and started again.

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

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

const OPERATOR: &str = "00000000-0000-4000-8000-000000000099";
const ADA: &str = "00000000-0000-4000-8000-00000000000a";
const BEN: &str = "00000000-0000-4000-8000-00000000000b";
const NORA: &str = "00000000-0000-4000-8000-00000000000d";
const OLAF: &str = "00000000-0000-4000-8000-00000000000e";

/// The console as a process, killed when it is dropped.
struct Console {
    process: Child,
    address: String,
    log: Option<JoinHandle<Vec<String>>>,
    keys: u32,
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick-console"));
    command.env_clear().env("BAILIWICK_OPERATOR", OPERATOR).envs(variables.iter().copied());
    command
}

impl Console {
    /// Starts it on a port that is free, and waits until it says which.
    fn start(file: &Path) -> Self {
        let file = ("BAILIWICK_SQLITE", file.to_str().unwrap());
        let variables = [file, ("BAILIWICK_LISTEN", "127.0.0.1:0"), ("BAILIWICK_TIME_LIMIT", "2")];
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

    fn ask(&mut self, who: &str, method: &str, path: &str, acting: Option<&str>, body: &Value) -> (u16, Value) {
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
    fn does(&mut self, method: &str, path: &str, acting: &str, body: Value) -> Value {
        let (status, answer) = self.ask(ADA, method, path, Some(acting), &body);
        assert!((200..300).contains(&status), "{method} {path}: {answer}");
        answer
    }

    #[track_caller]
    fn makes(&mut self, path: &str, acting: &str, body: Value) -> String {
        self.does("POST", path, acting, body)["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn is_refused(&mut self, method: &str, path: &str, acting: &str, body: Value, code: &str) -> Value {
        let (status, answer) = self.ask(ADA, method, path, Some(acting), &body);
        assert!((400..500).contains(&status) && answer["code"] == code, "{method} {path}: {answer}");
        answer
    }

    #[track_caller]
    fn get(&mut self, path: &str) -> Value {
        let (status, answer) = self.ask(ADA, "GET", path, None, &json!({}));
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    fn allows(&mut self, organization: &str, claim: &str) -> bool {
        self.get(&format!("/api/organizations/{organization}/check?principal={BEN}&claim={claim}"))["allowed"] == true
    }

    fn terminate(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Stops it, and gives back what it has written.
    fn stop(mut self) -> Vec<String> {
        self.terminate();
        assert!(self.process.wait().unwrap().success());
        self.log.take().unwrap().join().unwrap()
    }
}

fn at(organization: &str, rest: &str) -> String {
    format!("/api/organizations/{organization}{rest}")
}

/// What was made, for the second day.
struct Made {
    fabrikam: String,
    northwind: String,
    retail: String,
    wholesale: String,
    contoso: String,
    litware: String,
    admins: String,
}

fn found(console: &mut Console) -> Made {
    let new = json!({ "name": "Fabrikam", "owner": { "principal": ADA, "name": "Ada" } });
    let (status, founded) = console.ask(OPERATOR, "POST", "/api/providers", None, &new);
    assert_eq!(status, 201, "{founded}");
    let fabrikam = founded["id"].as_str().unwrap().to_owned();
    let customers = at(&fabrikam, "/customers");
    console.is_refused("POST", &customers, &fabrikam, json!({ "name": "Early" }), "subscription.feature_missing");
    let plan = json!({ "plan": "Enterprise", "status": "active" });
    assert_eq!(console.ask(OPERATOR, "PUT", &at(&fabrikam, "/subscription"), None, &plan).0, 200);

    let northwind = console.makes(&customers, &fabrikam, json!({ "name": "Northwind Traders" }));
    let [contoso, litware] =
        ["Contoso", "Litware"].map(|name| console.makes(&customers, &fabrikam, json!({ "name": name })));
    let below = at(&northwind, "/customers");
    let [retail, wholesale] = ["Northwind Retail", "Northwind Wholesale"]
        .map(|name| console.makes(&below, &northwind, json!({ "name": name })));
    let admins = json!({ "name": "Northwind Admins", "gives": ["backups.view"] });
    let admins = console.makes(&at(&northwind, "/groups"), &northwind, admins);
    Made { fabrikam, northwind, retail, wholesale, contoso, litware, admins }
}

fn link(console: &mut Console, made: &Made) {
    let Made { fabrikam, northwind, retail, wholesale, admins, .. } = made;
    console.does("POST", &at(fabrikam, "/members"), fabrikam, json!({ "principal": BEN, "name": "Ben" }));
    let group = json!({ "name": "Technicians", "gives": ["backups.restore"] });
    let group = console.makes(&at(fabrikam, "/groups"), fabrikam, group);
    let members = at(fabrikam, &format!("/groups/{group}/members"));
    console.does("POST", &members, fabrikam, json!({ "principal": BEN }));
    let terms =
        json!({ "group": group, "target": northwind, "reach": "subtree", "future": true, "except": [wholesale] });
    let linked = console.does("POST", &at(fabrikam, "/links"), fabrikam, terms);
    assert_eq!(linked["outcome"]["reaches"].as_array().unwrap().len(), 2, "{linked}");
    let up = json!({ "group": admins, "target": fabrikam });
    console.is_refused("POST", &at(northwind, "/links"), northwind, up, "link.to_ancestor");
    assert!(console.allows(retail, "backups.restore"));
    assert!(!console.allows(wholesale, "backups.restore"));
}

fn invite(console: &mut Console, made: &Made) {
    let Made { northwind, admins, .. } = made;
    let path = at(northwind, "/invitations");
    let body = |address: &str| json!({ "group": admins, "address": address, "role": "member" });
    let sent = console.does("POST", &path, northwind, body("nora@northwind.example"));
    let invitation = sent["id"].as_str().unwrap();
    console.is_refused("POST", &path, northwind, body("Nora@northwind.example"), "invitation.duplicate");
    let resend = format!("{path}/{invitation}/resend");
    let wait = console.is_refused("POST", &resend, northwind, json!({}), "invitation.cooling_down");
    assert!((1..=600).contains(&wait["retry_after"].as_u64().unwrap()), "{wait}");

    let accept = json!({ "token": sent["outcome"]["token"], "name": "Nora" });
    let wrong = console.ask(OLAF, "POST", &format!("{path}/accept"), None, &accept);
    assert_eq!((wrong.0, &wrong.1["code"]), (403, &json!("invitation.recipient_mismatch")));
    let right = console.ask(NORA, "POST", &format!("{path}/accept"), None, &accept);
    assert_eq!(right.0, 200, "{}", right.1);

    let olafs = console.makes(&path, northwind, body("olaf@northwind.example"));
    assert_eq!(console.ask(OLAF, "POST", &format!("{path}/{olafs}/decline"), None, &json!({})).0, 200);
    console.is_refused("POST", &path, northwind, body("olaf@northwind.example"), "invitation.cooling_down");
    let peters = console.makes(&path, northwind, body("peter@northwind.example"));
    console.does("DELETE", &format!("{path}/{peters}"), northwind, json!({}));
}

/// The roster, a what-if, a move, a deletion that is refused and one that is clean.
fn look_and_leave(console: &mut Console, made: &Made) {
    let Made { fabrikam, northwind, retail, contoso, litware, .. } = made;
    let roster = console.get(&at(northwind, "/roster"));
    let names: Vec<&str> =
        roster["lines"].as_array().unwrap().iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(names, ["Ada", "Ben", "Nora"]);

    let tried = console.get(&at(retail, &format!("/move?parent={contoso}")));
    assert_eq!(tried["changes"][0]["text"], "Ben in Northwind Retail", "{tried}");
    console.does("POST", &at(retail, "/move"), fabrikam, json!({ "parent": contoso }));
    assert!(!console.allows(retail, "backups.restore"));

    let now = bailiwick::Timestamp::from(SystemTime::now()).to_rfc3339();
    let kinds = [
        "hosts",
        "backup_reports",
        "connected_agents",
        "registered_machines",
        "client_encryption_keys",
        "connection_strings",
        "client_backup_configurations",
        "held_recordings",
    ];
    let counts: serde_json::Map<String, Value> = kinds.iter().map(|kind| ((*kind).to_owned(), json!(0))).collect();
    let mut deletion = json!({ "for_good": true, "as_of": now, "counts": counts });
    console.does("POST", &at(litware, "/deletion"), fabrikam, deletion.clone());
    deletion["counts"]["hosts"] = json!(12);
    let refused = console.is_refused("POST", &at(contoso, "/deletion"), fabrikam, deletion, "deletion.blocked");
    assert_eq!(refused["blockers"].as_array().unwrap().len(), 2, "{refused}");

    console.is_refused("POST", &at(northwind, "/detach"), fabrikam, json!({}), "relocation.blocked");
    console.does("POST", &at(northwind, "/detach"), fabrikam, json!({ "sever": true }));
}

/// What must be the same, however often it is started again.
fn everything(console: &mut Console, made: &Made) -> Vec<Value> {
    let Made { fabrikam, northwind, retail, contoso, .. } = made;
    let mut seen: Vec<Value> = [fabrikam, northwind, retail, contoso].map(|id| console.get(&at(id, ""))).into();
    seen.extend(
        [at(fabrikam, "/audit"), at(northwind, "/roster"), at(contoso, "/roster")].map(|path| console.get(&path)),
    );
    seen
}

#[test]
fn the_main_job_is_done_and_still_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trees.sqlite");
    let mut console = Console::start(&file);
    let made = found(&mut console);
    link(&mut console, &made);
    invite(&mut console, &made);
    look_and_leave(&mut console, &made);
    let before = everything(&mut console, &made);
    assert!(before[4].as_array().unwrap().len() > 10, "{}", before[4]);
    let log = console.stop().join("\n");
    for told in ["code=\"invitation.cooling_down\"", "route=\"/api/organizations/{organization}/roster\"", "stopped"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    for person in ["northwind.example", "Nora", "Ada", NORA] {
        assert!(!log.contains(person), "{person} in the log: {log}");
    }

    let mut console = Console::start(&file);
    assert_eq!(everything(&mut console, &made), before);
    let (status, gone) = console.ask(ADA, "GET", &at(&made.litware, ""), None, &json!({}));
    assert_eq!((status, &gone["code"]), (404, &json!("not_found")));
    console.stop();
}

#[test]
fn a_request_in_flight_is_finished_before_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut console = Console::start(&folder.path().join("trees.sqlite"));
    let body = json!({ "name": "Fabrikam", "owner": { "principal": ADA, "name": "Ada" } }).to_string();
    let (first, rest) = body.split_at(10);
    let mut stream = TcpStream::connect(&console.address).unwrap();
    write!(
        stream,
        "POST /api/providers HTTP/1.1\r\nHost: console\r\nBailiwick-Principal: {OPERATOR}\r\nIdempotency-Key: slow\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{first}",
        body.len()
    )
    .unwrap();
    thread::sleep(Duration::from_millis(200));
    console.terminate();
    thread::sleep(Duration::from_millis(200));
    assert!(TcpStream::connect(&console.address).is_err(), "it takes new requests");
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(console.process.wait().unwrap().success());
}

#[test]
fn a_connection_without_a_request_does_not_keep_it_from_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let console = Console::start(&folder.path().join("trees.sqlite"));
    let mut stream = TcpStream::connect(&console.address).unwrap();
    write!(stream, "GET /health HTTP/1.1\r\nHost:").unwrap();
    thread::sleep(Duration::from_millis(200));
    let asked = Instant::now();
    assert!(console.stop().join("\n").contains("left connections"));
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
}

#[test]
fn it_does_not_start_open_to_the_world() {
    let output = command(&[("BAILIWICK_LISTEN", "0.0.0.0:0")]).output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("set BAILIWICK_PROXY_SECRET"), "{error}");
}
