//! Whether the process lives, and whether it can answer.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::problem::Problem;
use crate::service::Service;

/// For whoever watches the process; the one part that is not asked through the proxy.
pub(crate) fn router() -> Router<Arc<Service>> {
    Router::new().route("/health", get(health)).route("/ready", get(ready))
}

async fn health() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Asks the repository, and so finds out whether it answers.
async fn ready(State(service): State<Arc<Service>>) -> Result<StatusCode, Problem> {
    service.ask_repository().await?;
    Ok(StatusCode::NO_CONTENT)
}
