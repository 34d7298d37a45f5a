//! The main job by HTTP alone, on each store: the console as a process, stopped and started again.

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

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use process::{ADA, BEN, Console, NORA, OLAF, OPERATOR, at, command, database, file};

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
fn the_main_job_is_done_on_sqlite_and_still_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    main_job(&file(&folder));
}

#[test]
fn the_main_job_is_done_on_postgresql_and_still_there_after_a_restart() {
    let Some(database) = postgres::runtime().block_on(postgres::Database::new()) else { return };
    main_job(&self::database(&database.config()));
}

fn main_job(store: &(&'static str, String)) {
    let mut console = Console::start(store);
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

    let mut console = Console::start(store);
    assert_eq!(everything(&mut console, &made), before);
    let (status, gone) = console.ask(ADA, "GET", &at(&made.litware, ""), None, &json!({}));
    assert_eq!((status, &gone["code"]), (404, &json!("not_found")));
    console.stop();
}

#[test]
fn a_request_in_flight_is_finished_before_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut console = Console::start(&file(&folder));
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
    let console = Console::start(&file(&folder));
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
