//! Who asks.
//!
//! The service signs nobody in. A proxy in front does, and says in the header
//! `Bailiwick-Principal` who it was; it must remove that header, and the others that begin with
//! `Bailiwick-`, from what comes in from outside. Whoever can send the header is believed, so
//! the service listens to its own machine alone, unless the proxy proves itself by a secret.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bailiwick::{Address, CommitKey, Context, CorrelationId, OrganizationId, PrincipalId, Reason, Timestamp, Version};
use uuid::Uuid;

use crate::configuration::Limits;
use crate::problem::Problem;
use crate::service::Service;

/// Set by the proxy: who is signed in, as a UUID.
pub(crate) const PRINCIPAL: &str = "Bailiwick-Principal";
/// Set by the proxy: the mail address of theirs that it has verified.
pub(crate) const ADDRESS: &str = "Bailiwick-Address";
/// Set by the proxy: that it is the proxy.
const SECRET: &str = "Bailiwick-Proxy-Secret";
/// Set by the client: the organization that they are signed in to.
pub(crate) const ACTING: &str = "Bailiwick-Acting";
/// Set by the client: why, in their words, for the audit trail.
pub(crate) const REASON: &str = "Bailiwick-Reason";
/// Set by the client: the version that an answer must have seen.
pub(crate) const VERSION: &str = "Bailiwick-Version";
/// Set by the client: the same key takes effect once.
pub(crate) const KEY: &str = "Idempotency-Key";

/// Refuses whoever is not the proxy, where there is a secret to tell it by.
pub(crate) async fn require_proxy(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let presented = request.headers().get(SECRET).map_or(&[][..], |value| value.as_bytes());
    if limits.proxy_secret.as_ref().is_some_and(|secret| !secret.is(presented)) {
        let detail = "this service is asked through its proxy";
        return Problem::new(StatusCode::UNAUTHORIZED, "proxy.unknown", detail).into_response();
    }
    next.run(request).await
}

/// Who asks, as the proxy and the request say.
pub(crate) struct Caller {
    pub(crate) principal: PrincipalId,
    pub(crate) is_operator: bool,
    /// What the answer must have seen.
    pub(crate) version: Option<Version>,
    address: Option<Address>,
    acting: Option<OrganizationId>,
    reason: Option<Reason>,
    request: Option<CorrelationId>,
}

impl Caller {
    /// The context of a command of theirs at `at`, under a key.
    pub(crate) fn context(&self, at: Timestamp, key: CommitKey) -> Context {
        let context = match (self.is_operator, self.acting) {
            (true, _) => Context::operator(self.principal, at, key),
            (false, Some(acting)) => Context::principal(self.principal, acting, at, key),
            (false, None) => Context::newcomer(self.principal, at, key),
        };
        Context { reason: self.reason.clone(), correlation: self.request.clone(), ..context }
    }

    /// The address that the proxy has verified; whoever is invited needs one.
    pub(crate) fn address(&self) -> Result<Address, Problem> {
        let wanted = "missing: the proxy sends the address that it has verified";
        self.address.clone().ok_or_else(|| Problem::header(StatusCode::BAD_REQUEST, "header.missing", ADDRESS, wanted))
    }
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let headers = &parts.headers;
        let missing = || {
            let wanted = "missing: the proxy says by it who is signed in";
            Problem::header(StatusCode::UNAUTHORIZED, "principal.missing", PRINCIPAL, wanted)
        };
        let principal = read(headers, PRINCIPAL, "a UUID")?.ok_or_else(missing)?;
        Ok(Self {
            principal,
            is_operator: service.is_operator(principal),
            version: read(headers, VERSION, "a number")?.map(Version::new),
            address: read(headers, ADDRESS, "a mail address")?,
            acting: read(headers, ACTING, "the UUID of an organization")?,
            reason: read(headers, REASON, "at most 2000 characters")?,
            request: parts.extensions.get::<CorrelationId>().cloned(),
        })
    }
}

/// One who wants something changed, and the key under which it takes effect once.
pub(crate) struct Writer {
    pub(crate) caller: Caller,
    key: CommitKey,
}

impl Writer {
    /// The context of a command at `at`.
    pub(crate) fn context(&self, at: Timestamp) -> Context {
        self.caller.context(at, self.key)
    }

    /// The identifier of what is made by this request. It follows from the key, so that a
    /// request that is sent again makes the same thing.
    pub(crate) fn new_id<T: TryFrom<Uuid>>(&self, what: &str) -> Result<T, Problem> {
        let id = Uuid::new_v5(&self.key.uuid(), what.as_bytes());
        id.try_into().map_err(|_| Problem::header(StatusCode::BAD_REQUEST, "header.invalid", KEY, "to be another"))
    }
}

impl FromRequestParts<Arc<Service>> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, service).await?;
        let wanted = "missing: choose one for each change, and send it again with a repetition";
        let missing = || Problem::header(StatusCode::BAD_REQUEST, "header.missing", KEY, wanted);
        let text: String = read(&parts.headers, KEY, "1 to 255 characters")?.ok_or_else(missing)?;
        let wrong = || Problem::header(StatusCode::BAD_REQUEST, "header.invalid", KEY, "1 to 255 characters");
        let fits = (1..=255).contains(&text.len());
        // A UUID is the key; of another text one is made, so that two callers' never meet.
        let key = Uuid::try_parse(&text).unwrap_or_else(|_| Uuid::new_v5(&caller.principal.uuid(), text.as_bytes()));
        let key = CommitKey::new(key).ok().filter(|_| fits).ok_or_else(wrong)?;
        Ok(Self { caller, key })
    }
}

/// The value of a header, if it is there; it must be there once, and be what it is to be.
fn read<T: std::str::FromStr>(headers: &HeaderMap, name: &'static str, wanted: &str) -> Result<Option<T>, Problem> {
    let wrong = || Problem::header(StatusCode::BAD_REQUEST, "header.invalid", name, &format!("to be {wanted}, once"));
    let mut values = headers.get_all(name).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).ok().filter(|_| values.next().is_none());
    text.and_then(|text| text.parse().ok()).map(Some).ok_or_else(wrong)
}
