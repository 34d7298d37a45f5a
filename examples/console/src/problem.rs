//! What a refusal looks like: problem details (RFC 9457), with the stable code of the library.
//!
//! The fields of a refusal, such as all blockers of a deletion, are members of the problem. A
//! problem holds identifiers, never names: what is refused may be about something that the
//! caller must not see.

use std::convert::Infallible;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bailiwick::{BoxError, CommitRefusal, Denial, DirectoryError, Kind, Refusal, RuleError, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Why a request was not answered as asked.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    rule: Option<&'static str>,
    retry_after: Option<u64>,
    members: Map<String, Value>,
}

/// A problem as it is answered (RFC 9457). The fields of a refusal come beside these.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Details<'a> {
    /// Names the kind of problem: `urn:bailiwick:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// A sentence, with identifiers.
    detail: &'a str,
    /// The stable code, such as `link.not_downward`.
    code: &'a str,
    /// The rule of the library that refused, such as `GRP-4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    /// In how many seconds to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(flatten)]
    #[schema(ignore)]
    members: &'a Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), rule: None, retry_after: None, members: Map::new() }
    }

    /// The status in words.
    pub(crate) fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Problem")
    }

    fn details(&self) -> Details<'_> {
        Details {
            kind: format!("urn:bailiwick:problem:{}", self.code),
            title: self.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            rule: self.rule,
            retry_after: self.retry_after,
            members: &self.members,
        }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    const fn again_in(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// What is not there, and what the caller may not see: the answer is the same (ERR-4).
    pub(crate) fn not_found() -> Self {
        let (denial, rule) = ("there is no such thing here", Some("ERR-4"));
        Self { rule, ..Self::new(StatusCode::NOT_FOUND, "not_found", denial) }
    }

    /// A header that is missing or cannot be read.
    pub(crate) fn header(status: StatusCode, code: &'static str, name: &'static str, wanted: &str) -> Self {
        Self::new(status, code, format!("the header {name} is {wanted}")).with("header", name)
    }

    /// A refusal of the library's, at `at`.
    pub(crate) fn refused<E: RuleError + Serialize>(refusal: &Refusal<E>, at: Timestamp) -> Self {
        let kind = refusal.kind();
        let status = StatusCode::from_u16(kind.http_status()).unwrap_or(StatusCode::CONFLICT);
        let members = match refusal {
            // ERR-4: not even the operation, or one could tell what is hidden from what is not.
            Refusal::Denied(Denial::NotFound { .. }) => return Self::not_found(),
            Refusal::Denied(denial) => members(serde_json::to_value(denial)),
            Refusal::Rule(error) => members(serde_json::to_value(error)),
        };
        let (code, rule) = (refusal.code(), Some(refusal.rule()));
        let mut problem = Self { rule, members, ..Self::new(status, code, refusal.to_string()) };
        if kind == Kind::TooMany {
            problem.retry_after = seconds_until(problem.members.get("from"), at);
        }
        problem
    }

    pub(crate) fn denied(denial: Denial, at: Timestamp) -> Self {
        Self::refused(&Refusal::<bailiwick::OrganizationError>::Denied(denial), at)
    }

    /// What went wrong with a write.
    pub(crate) fn of_write<E: RuleError + Serialize>(error: DirectoryError<E, BoxError>, at: Timestamp) -> Self {
        match error {
            DirectoryError::Refused(refusal) => Self::refused(&refusal, at),
            other => Self::of_storage(&other),
        }
    }

    /// What went wrong with a read.
    pub(crate) fn of_read(error: DirectoryError<Infallible, BoxError>) -> Self {
        Self::of_storage(&error)
    }

    pub(crate) fn of_repository(error: BoxError) -> Self {
        Self::of_storage(&DirectoryError::<Infallible, BoxError>::Storage(error))
    }

    fn of_storage<E: std::fmt::Debug>(error: &DirectoryError<E, BoxError>) -> Self {
        let (unavailable, conflict) = (StatusCode::SERVICE_UNAVAILABLE, StatusCode::CONFLICT);
        match error {
            DirectoryError::CommitRefused(CommitRefusal::KeyReused { .. }) => {
                Self::new(conflict, "key.reused", "the Idempotency-Key belongs to another request: choose a new one")
            }
            DirectoryError::CommitRefused(CommitRefusal::OrganizationTaken { organization }) => {
                let detail = "the identifier was used before: choose another Idempotency-Key";
                Self::new(conflict, "id.already_used", detail).with("id", organization.to_string())
            }
            DirectoryError::CommitRefused(_) | DirectoryError::Contended { .. } => {
                let detail = "others wrote first, each time: send it again with the same Idempotency-Key";
                Self::new(unavailable, "contended", detail).again_in(1)
            }
            DirectoryError::NotYet { wanted, found, .. } => {
                let detail = format!("the tree is at version {found}, not yet at {wanted}");
                Self::new(StatusCode::PRECONDITION_FAILED, "version.not_yet", detail).again_in(1)
            }
            DirectoryError::Unknown(error) => {
                tracing::error!(%error, "it is not known whether a commit was written");
                let detail = "it is not known whether it was written: send it again with the same Idempotency-Key";
                Self::new(unavailable, "storage.unknown", detail).again_in(1)
            }
            DirectoryError::Storage(error) => {
                tracing::error!(%error, "the storage failed");
                Self::new(unavailable, "storage.failed", "the storage failed: try again later").again_in(5)
            }
            _ => {
                tracing::error!("what is stored is not in order");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "storage.out_of_order", "what is stored is not in order")
            }
        }
    }
}

/// The fields of an error, without the names of the variants around them.
fn members(error: Result<Value, serde_json::Error>) -> Map<String, Value> {
    let Ok(Value::Object(error)) = error else { return Map::new() };
    match error.into_iter().next() {
        Some((shared, inner)) if shared == "precondition" => members(Ok(inner)),
        Some((_, Value::Object(fields))) => fields,
        _ => Map::new(),
    }
}

fn seconds_until(from: Option<&Value>, at: Timestamp) -> Option<u64> {
    let from: Timestamp = from?.as_str()?.parse().ok()?;
    // Rounded up: a moment too early is refused once more.
    let wait = from.signed_duration_since(at).num_milliseconds().max(0);
    u64::try_from(wait).ok().map(|wait| wait.div_ceil(1000))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.details()).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        // For the log, and for a page in its place.
        response.extensions_mut().insert(self);
        response
    }
}

pub(crate) async fn unknown_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "route.unknown", "there is no such route: see /openapi.json")
}

pub(crate) async fn unknown_method() -> Problem {
    let detail = "the route does not know this method: see the header Allow";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method.unknown", detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_fields_of_an_error_are_found_under_its_variants() {
        let of = |value: Value| Value::Object(members(Ok(value)));
        assert_eq!(of(json!({"blocked": {"blockers": [1]}})), json!({"blockers": [1]}));
        assert_eq!(of(json!({"precondition": {"limit_reached": {"used": 3}}})), json!({"used": 3}));
        assert_eq!(of(json!({"precondition": "no_acting_organization"})), json!({}));
        assert_eq!(of(json!("token_reused")), json!({}));
    }

    #[test]
    fn a_wait_is_rounded_up_and_never_negative() {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let wait = |from: &str| seconds_until(Some(&from.into()), at);
        assert_eq!(wait("2026-01-01T00:00:00.001Z"), Some(1));
        assert_eq!(wait("2026-01-01T00:10:00Z"), Some(600));
        assert_eq!(wait("2025-01-01T00:00:00Z"), Some(0));
        assert_eq!(wait("soon"), None);
    }
}
