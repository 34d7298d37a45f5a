//! A console in this process, with a clock that is set, and the story of a small provider.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use bailiwick::{BoxedRepository, MemoryRepository, Timestamp};
use bailiwick_console::{Limits, Service, router};
use serde_json::{Value, json};
use tower::ServiceExt;

pub const OPERATOR: &str = "00000000-0000-4000-8000-000000000099";
pub const ADA: &str = "00000000-0000-4000-8000-00000000000a";
pub const BEN: &str = "00000000-0000-4000-8000-00000000000b";
pub const CHLOE: &str = "00000000-0000-4000-8000-00000000000c";
pub const NORA: &str = "00000000-0000-4000-8000-00000000000d";
pub const OLAF: &str = "00000000-0000-4000-8000-00000000000e";
/// Nobody that any tree has.
pub const NOBODY: &str = "00000000-0000-4000-8000-0000000000ff";

pub fn limits() -> Limits {
    Limits { proxy_secret: None, body: 64 * 1024, time: Duration::from_secs(10) }
}

/// An answer: its status, its headers, and its body.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// The answer, if it is a success.
    #[track_caller]
    pub fn done(self) -> Self {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text);
        self
    }

    /// The problem, if it is that one.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status.as_u16(), self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], format!("urn:bailiwick:problem:{code}"));
        self.body
    }

    /// The identifier of what was made.
    #[track_caller]
    pub fn id(self) -> String {
        self.done().body["id"].as_str().expect("something was made").to_owned()
    }
}

pub struct Console {
    pub router: Router,
    seconds: Arc<AtomicI64>,
    keys: Mutex<u64>,
}

/// A request that is being put together.
pub struct Asking<'a> {
    console: &'a Console,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Console {
    pub fn new(limits: Limits) -> Self {
        Self::over(BoxedRepository::new(MemoryRepository::new()), limits)
    }

    pub fn over(repository: BoxedRepository, limits: Limits) -> Self {
        let seconds = Arc::new(AtomicI64::new(0));
        let (since, start) = (seconds.clone(), "2026-03-02T09:00:00Z".parse::<Timestamp>().unwrap());
        let clock = Arc::new(move || start + chrono::TimeDelta::seconds(since.load(Ordering::SeqCst)));
        let service = Service::new(repository, OPERATOR.parse().unwrap(), clock).unwrap();
        Self { router: router(service, limits), seconds, keys: Mutex::new(0) }
    }

    pub fn pass(&self, minutes: i64) {
        self.seconds.fetch_add(minutes * 60, Ordering::SeqCst);
    }

    pub fn now(&self) -> String {
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        (start + chrono::TimeDelta::seconds(self.seconds.load(Ordering::SeqCst))).to_rfc3339()
    }

    /// A request of someone, under a key of its own.
    pub fn by(&self, principal: &str, method: &'static str, path: impl Into<String>) -> Asking<'_> {
        let mut keys = self.keys.lock().unwrap();
        *keys += 1;
        let asking = Asking { console: self, method, path: path.into(), headers: Vec::new(), body: None };
        asking.with("bailiwick-principal", principal).with("idempotency-key", format!("test-{keys}"))
    }

    pub fn get(&self, principal: &str, path: impl Into<String>) -> Asking<'_> {
        self.by(principal, "GET", path)
    }

    pub fn post(&self, principal: &str, path: impl Into<String>, body: Value) -> Asking<'_> {
        self.by(principal, "POST", path).body(body)
    }
}

impl Asking<'_> {
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Without a header that requests have otherwise.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    pub fn key(self, key: &str) -> Self {
        self.without("idempotency-key").with("idempotency-key", key)
    }

    pub fn acting(self, organization: &str) -> Self {
        self.with("bailiwick-acting", organization)
    }

    pub fn address(self, address: &str) -> Self {
        self.with("bailiwick-address", address)
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Sends it, with its body as JSON.
    pub async fn send(self) -> Answer {
        let (content, body) = match &self.body {
            Some(body) => ("application/json", body.to_string()),
            None => ("", String::new()),
        };
        self.send_raw(content, body).await
    }

    /// Sends it with this body, whatever it is.
    pub async fn send_raw(self, content_type: &str, body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let response = self.console.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 10_000_000).await.unwrap().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body, text }
    }
}

/// A provider with two customers, one of them with a customer of its own; technicians that
/// reach all but one; someone invited.
pub struct Story {
    pub fabrikam: String,
    pub northwind: String,
    pub retail: String,
    pub wholesale: String,
    pub contoso: String,
    pub technicians: String,
    pub admins: String,
    pub link: String,
    /// Of Nora, into the admins; pending.
    pub invitation: String,
    pub token: String,
}

impl Console {
    pub async fn customer(&self, parent: &str, name: &str) -> String {
        let path = format!("/api/organizations/{parent}/customers");
        self.post(ADA, path, json!({ "name": name })).acting(parent).send().await.id()
    }

    pub async fn group(&self, organization: &str, name: &str, gives: &[&str]) -> String {
        let path = format!("/api/organizations/{organization}/groups");
        self.post(ADA, path, json!({ "name": name, "gives": gives })).acting(organization).send().await.id()
    }

    pub async fn employ(&self, organization: &str, principal: &str, name: &str) {
        let path = format!("/api/organizations/{organization}/members");
        let body = json!({ "principal": principal, "name": name });
        self.post(ADA, path, body).acting(organization).send().await.done();
    }

    pub async fn invite(&self, organization: &str, group: &str, address: &str) -> (String, String) {
        let path = format!("/api/organizations/{organization}/invitations");
        let body = json!({ "group": group, "address": address, "role": "member" });
        let sent = self.post(ADA, path, body).acting(organization).send().await.done();
        let token = sent.body["outcome"]["token"].as_str().unwrap().to_owned();
        (sent.id(), token)
    }

    pub async fn found(&self) -> String {
        let body = json!({
            "name": "Fabrikam",
            "owner": { "principal": ADA, "name": "Ada", "address": "ada@fabrikam.example" },
        });
        self.post(OPERATOR, "/api/providers", body).send().await.id()
    }

    pub async fn subscribe(&self, root: &str) {
        let path = format!("/api/organizations/{root}/subscription");
        let body = json!({ "plan": "Enterprise", "status": "active" });
        self.by(OPERATOR, "PUT", path).body(body).send().await.done();
    }

    pub async fn story(&self) -> Story {
        let fabrikam = self.found().await;
        self.subscribe(&fabrikam).await;
        let northwind = self.customer(&fabrikam, "Northwind Traders").await;
        let retail = self.customer(&northwind, "Northwind Retail").await;
        let wholesale = self.customer(&northwind, "Northwind Wholesale").await;
        let contoso = self.customer(&fabrikam, "Contoso").await;
        self.employ(&fabrikam, BEN, "Ben").await;
        let technicians = self.group(&fabrikam, "Technicians", &["backups.restore", "patches.approve"]).await;
        let path = format!("/api/organizations/{fabrikam}/groups/{technicians}/members");
        self.post(ADA, path, json!({ "principal": BEN })).acting(&fabrikam).send().await.done();
        let terms = json!({
            "group": technicians, "target": northwind, "reach": "subtree", "future": true, "except": [wholesale],
        });
        let path = format!("/api/organizations/{fabrikam}/links");
        let link = self.post(ADA, path, terms).acting(&fabrikam).send().await.id();
        let admins = self.group(&northwind, "Northwind Admins", &["backups.view", "roster.view"]).await;
        let (invitation, token) = self.invite(&northwind, &admins, "nora@northwind.example").await;
        Story { fabrikam, northwind, retail, wholesale, contoso, technicians, admins, link, invitation, token }
    }

    /// A little more happens: something is refused, something sent again, someone owns a part.
    pub async fn enliven(&self, story: &Story) {
        let Story { fabrikam, northwind, admins, invitation, .. } = story;
        let path = format!("/api/organizations/{northwind}/invitations");
        let body = json!({ "group": admins, "address": "nora@northwind.example", "role": "owner" });
        let why = "Nora is to run backups from April on";
        let refused = self.post(ADA, &path, body).acting(northwind).send().await;
        refused.problem(409, "invitation.other_role_pending");
        let resend = self.by(ADA, "POST", format!("{path}/{invitation}/resend")).acting(northwind);
        resend.with("bailiwick-reason", why).send().await.done();
        self.employ(fabrikam, CHLOE, "Chloe").await;
        self.employ(northwind, CHLOE, "Chloe").await;
        let members = format!("/api/organizations/{northwind}/groups/{admins}/members");
        self.post(ADA, members, json!({ "principal": CHLOE })).acting(northwind).send().await.done();
        let auditors = self.group(fabrikam, "Auditors", &["backups.view", "audit.view"]).await;
        let terms = json!({
            "group": auditors, "target": story.contoso, "reach": "children",
            "term": { "until": "2026-06-30T00:00:00Z" },
        });
        let links = format!("/api/organizations/{fabrikam}/links");
        self.post(ADA, links, terms).acting(fabrikam).send().await.done();
    }
}
