//! The audit trail.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bailiwick::{AuditFilter, Recorded, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asked, At};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::routes::In;
use crate::service::Service;
use crate::view::View;

pub(super) fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(audit))
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Page {
    /// The version after which it begins; the last one of the page before.
    #[serde(default)]
    after: u64,
    /// How many commits at the most; 100 if it is left out.
    #[param(value_type = Option<u32>)]
    limit: Option<NonZeroU32>,
    /// Those that are about one noun, such as `invitation`.
    noun: Option<String>,
}

/// One commit: who did what, from where, and why.
#[derive(Serialize, ToSchema)]
struct Entry {
    /// The version that it made.
    version: u64,
    /// Who did it, by name.
    by: String,
    /// Why, in their words.
    reason: Option<String>,
    /// The commit as it is stored, with the events that the caller may see.
    #[schema(value_type = Object)]
    commit: Value,
}

impl Entry {
    fn of(view: &View, mut commit: Recorded) -> Self {
        let (version, by) = (commit.version.get(), view.actor(&commit));
        let reason = view.tree.reason(commit.version).map(|reason| reason.as_str().to_owned());
        commit.events.retain(|event| view.concerns(event));
        Self { version, by, reason, commit: serde_json::to_value(commit).unwrap_or_default() }
    }
}

/// Read what has happened in an organization, the oldest first.
#[utoipa::path(get, path = "/api/organizations/{organization}/audit", tag = "audit", params(In, Page),
    responses((status = 200, body = Vec<Entry>)))]
async fn audit(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(In { organization }): At<In>,
    Asked(Page { after, limit, noun }): Asked<Page>,
) -> Result<Json<Vec<Entry>>, Problem> {
    const USUAL: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
    let view = service.view(&caller, organization).await?;
    view.require_audit()?;
    let filter = AuditFilter { organization: Some(organization), noun, ..AuditFilter::default() };
    let (after, limit) = (Version::new(after), limit.unwrap_or(USUAL));
    let commits = service.directory().audit(view.tree.root(), &filter, after, limit).await.map_err(Problem::of_read)?;
    Ok(Json(commits.into_iter().map(|commit| Entry::of(&view, commit)).collect()))
}
