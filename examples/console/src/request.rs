//! What every request goes through: an identifier, a line in the log, a limit of time, and
//! headers that keep answers to themselves.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bailiwick::{CommitKey, CorrelationId};
use tokio::time::{Instant, timeout};

use crate::configuration::Limits;
use crate::pages;
use crate::problem::Problem;

/// Ties the answer, the log and the audit trail together.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an identifier, if it has none that can be used, and writes one line about
/// it: the route, not the address; the code of a refusal, not its sentence. Both could tell of
/// a person.
pub(crate) async fn trace(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).and_then(|id| CorrelationId::new(id.to_str().ok()?).ok());
    let id = given.or_else(|| CorrelationId::new(&CommitKey::random().to_string()).ok());
    if let Some(id) = &id {
        request.extensions_mut().insert(id.clone());
    }
    let (method, started) = (request.method().clone(), Instant::now());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let wants_page = pages::is_wanted_by(&request);

    let mut response = next.run(request).await;

    let id = id.as_ref().map_or("none", CorrelationId::as_str);
    let code = response.extensions().get::<Problem>().map_or("", |problem| problem.code);
    let (status, milliseconds) = (response.status().as_u16(), started.elapsed().as_millis());
    tracing::info!(request = id, %method, route, status, code, milliseconds, "answered");
    if let Some(problem) = response.extensions().get::<Problem>().filter(|_| wants_page) {
        response = pages::problem(problem).into_response();
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Gives a request up that takes too long. What it was about to write is there whole, or not
/// at all; the same key tells.
pub(crate) async fn within_time(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let late = || {
        let detail = "it took too long: send it again with the same Idempotency-Key";
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "request.timed_out", detail).into_response()
    };
    timeout(limits.time, next.run(request)).await.unwrap_or_else(|_| late())
}
