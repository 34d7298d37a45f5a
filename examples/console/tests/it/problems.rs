//! Whatever is wrong with a request is a problem too.

use std::time::Duration;

use bailiwick::{
    BoxedRepository, Commit, CommitError, CommitKey, MemoryRepository, OrganizationId, Page, Receipt, Repository,
    Version,
};
use bailiwick_console::{Limits, ProxySecret};
use serde_json::json;

use crate::support::*;

const CREATE: &str = "/api/providers";

fn provider() -> serde_json::Value {
    json!({ "name": "Fabrikam", "owner": { "principal": ADA, "name": "Ada" } })
}

#[tokio::test]
async fn a_body_must_be_what_it_is_to_be() {
    let console = Console::new(limits());
    let by_operator = || console.by(OPERATOR, "POST", CREATE);
    by_operator().send_raw("text/plain", "{}").await.problem(415, "body.not_json");
    by_operator().send_raw("application/json", "{").await.problem(400, "body.syntax");
    by_operator().send_raw("application/json", "").await.problem(400, "body.syntax");
    let mut unknown = provider();
    unknown["plan"] = json!("Enterprise");
    let problem = by_operator().body(unknown).send().await.problem(422, "body.invalid");
    assert!(problem["detail"].as_str().unwrap().contains("unknown field `plan`"), "{problem}");
    for wrong in ["", "a\u{202e}b"] {
        let mut body = provider();
        body["name"] = json!(wrong);
        by_operator().body(body).send().await.problem(422, "body.invalid");
    }
    let nil = json!({ "name": "F", "owner": { "principal": "00000000-0000-0000-0000-000000000000", "name": "Ada" } });
    by_operator().body(nil).send().await.problem(422, "body.invalid");
    let long = json!({ "name": "F".repeat(70_000) });
    by_operator().body(long).send().await.problem(413, "body.too_large");
}

#[tokio::test]
async fn a_path_and_a_query_must_be_what_they_are_to_be() {
    let console = Console::new(limits());
    let get = |path: &str| console.get(ADA, path);
    get("/api/organizations/here").send().await.problem(400, "path.invalid");
    get("/api/organizations/00000000-0000-0000-0000-000000000000").send().await.problem(400, "path.invalid");
    let base = format!("/api/organizations/{NOBODY}");
    get(&format!("{base}/check?principal=me&claim=backups.view")).send().await.problem(400, "query.invalid");
    get(&format!("{base}/check?principal={ADA}")).send().await.problem(400, "query.invalid");
    get(&format!("{base}/check?principal={ADA}&claim=Not+One")).send().await.problem(400, "query.invalid");
    get(&format!("{base}/roster?skip=-1")).send().await.problem(400, "query.invalid");
    get(&format!("{base}/roster?limit=0")).send().await.problem(400, "query.invalid");
    get(&format!("{base}/audit?page=1")).send().await.problem(400, "query.invalid");
    get("/api/nothing").send().await.problem(404, "route.unknown");
    get("/api/nothing").without("bailiwick-principal").send().await.problem(404, "route.unknown");
    let answer = console.by(ADA, "PATCH", base).send().await;
    assert_eq!(answer.headers["allow"], "GET,HEAD");
    answer.problem(405, "method.unknown");
}

#[tokio::test]
async fn a_request_must_say_who_asks_and_under_which_key() {
    let console = Console::new(limits());
    let post = || console.post(OPERATOR, CREATE, provider());
    let missing = post().without("bailiwick-principal").send().await.problem(401, "principal.missing");
    assert_eq!(missing["header"], "Bailiwick-Principal");
    post().without("idempotency-key").send().await.problem(400, "header.missing");
    post().key("").send().await.problem(400, "header.invalid");
    post().key(&"k".repeat(256)).send().await.problem(400, "header.invalid");
    post().key("00000000-0000-0000-0000-000000000000").send().await.problem(400, "header.invalid");
    // Which of two would count?
    post().with("bailiwick-principal", ADA).send().await.problem(400, "header.invalid");
    post().with("bailiwick-acting", "home").send().await.problem(400, "header.invalid");
    post().with("bailiwick-address", "nobody").send().await.problem(400, "header.invalid");
    post().with("bailiwick-version", "latest").send().await.problem(400, "header.invalid");
    console.get("ada", "/").send().await.problem(400, "header.invalid");
}

#[tokio::test]
async fn a_key_takes_effect_once_for_one_caller_and_one_request() {
    let console = Console::new(limits());
    let found = |key: &str| console.post(OPERATOR, CREATE, provider()).key(key);
    let first = found("found").send().await.done();
    assert_eq!((first.status.as_u16(), &first.body["repeated"]), (201, &json!(false)));
    let again = found("found").send().await.done();
    assert_eq!((again.status.as_u16(), &again.body["repeated"]), (200, &json!(true)));
    assert_eq!(first.body["id"], again.body["id"]);
    assert_ne!(found("other").send().await.done().body["id"], again.body["id"]);

    // Another caller's key of the same text is another key; the same UUID is the same.
    let root = again.id();
    console.subscribe(&root).await;
    let customers = format!("/api/organizations/{root}/customers");
    console.post(ADA, &customers, json!({ "name": "N" })).acting(&root).key("found").send().await.done();
    let uuid = "7e57ab1e-0000-4000-8000-000000000001";
    console.post(ADA, &customers, json!({ "name": "M" })).acting(&root).key(uuid).send().await.done();
    let groups = format!("/api/organizations/{root}/groups");
    console.post(ADA, &groups, json!({ "name": "G" })).acting(&root).key(uuid).send().await.problem(409, "key.reused");
}

#[tokio::test]
async fn an_answer_can_be_asked_for_that_has_seen_a_version() {
    let console = Console::new(limits());
    let root = console.found().await;
    let get = |version: u64| {
        console.get(ADA, format!("/api/organizations/{root}")).with("bailiwick-version", version.to_string())
    };
    assert_eq!(get(1).send().await.done().body["version"], 1);
    let answer = get(2).send().await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.problem(412, "version.not_yet");
}

#[tokio::test]
async fn where_there_is_a_secret_the_proxy_must_send_it() {
    let secret = "0123456789abcdef0123456789abcdef";
    let guarded = Limits { proxy_secret: ProxySecret::new(secret.to_owned()), ..limits() };
    let console = Console::new(guarded);
    let get = |path: &str| console.get(ADA, path);
    for path in ["/", "/api/providers", "/openapi.json", "/style.css", "/nowhere"] {
        get(path).send().await.problem(401, "proxy.unknown");
        get(path).with("bailiwick-proxy-secret", &secret[1..]).send().await.problem(401, "proxy.unknown");
    }
    get("/").with("bailiwick-proxy-secret", secret).send().await.done();
    get("/health").send().await.done();
    get("/ready").send().await.done();
}

#[tokio::test]
async fn every_answer_has_an_identifier_and_stays_to_itself() {
    let console = Console::new(limits());
    let answer = console.get(ADA, "/api/nothing").with("x-request-id", "request-17").send().await;
    assert_eq!(answer.headers["x-request-id"], "request-17");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let own = console.get(ADA, "/health").send().await;
    assert_eq!(own.headers["x-request-id"].len(), 36);
    // It ties a commit to the request.
    let root = console.post(OPERATOR, CREATE, provider()).with("x-request-id", "request-18").send().await.id();
    let trail = console.get(ADA, format!("/api/organizations/{root}/audit")).send().await.done().body;
    assert_eq!(trail[0]["commit"]["correlation"], "request-18");
}

/// A repository that fails, or never answers.
#[derive(Clone, Copy)]
enum Broken {
    Fails,
    Hangs,
}

#[derive(Debug, thiserror::Error)]
#[error("the disk is gone")]
struct Gone;

impl Broken {
    async fn answer<T>(self) -> Result<T, Gone> {
        match self {
            Self::Fails => Err(Gone),
            Self::Hangs => std::future::pending().await,
        }
    }
}

impl Repository for Broken {
    type Error = Gone;

    async fn commit(&self, _: Commit) -> Result<Receipt, CommitError<Gone>> {
        self.answer().await.map_err(CommitError::Unknown)
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, Gone> {
        MemoryRepository::new().receipt(key).await.map_err(|_| Gone)
    }

    async fn head(&self, _: OrganizationId) -> Result<Version, Gone> {
        self.answer().await
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: std::num::NonZeroU32) -> Result<Page, Gone> {
        MemoryRepository::new().read(root, after, limit).await.map_err(|_| Gone)
    }

    async fn root_of(&self, _: OrganizationId) -> Result<Option<OrganizationId>, Gone> {
        self.answer().await
    }

    async fn roots(&self, _: Option<OrganizationId>, _: std::num::NonZeroU32) -> Result<Vec<OrganizationId>, Gone> {
        self.answer().await
    }
}

#[tokio::test]
async fn a_store_that_fails_is_neither_a_yes_nor_a_no() {
    let console = Console::over(BoxedRepository::new(Broken::Fails), limits());
    console.get(ADA, "/ready").send().await.problem(503, "storage.failed");
    console.get(ADA, "/health").send().await.done();
    let problem = console.get(ADA, format!("/api/organizations/{NOBODY}")).send().await.problem(503, "storage.failed");
    assert!(!problem.to_string().contains("disk"), "{problem}");
    console.post(OPERATOR, CREATE, provider()).send().await.problem(503, "storage.unknown");
}

#[tokio::test]
async fn a_store_that_hangs_is_not_waited_for() {
    let hurried = Limits { time: Duration::from_millis(20), ..limits() };
    let console = Console::over(BoxedRepository::new(Broken::Hangs), hurried);
    console.get(ADA, "/ready").send().await.problem(504, "request.timed_out");
}
