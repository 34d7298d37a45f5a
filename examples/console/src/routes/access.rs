//! Who may do what, and why.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bailiwick::{Claim, PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asked, At};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::routes::In;
use crate::service::Service;
use crate::view::Told;

pub(super) fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(check))
}

/// Whether someone may do something.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Question {
    /// Who.
    #[param(value_type = Uuid)]
    principal: PrincipalId,
    /// What.
    #[param(value_type = String, example = "backups.restore")]
    claim: Claim,
}

/// The answer, and why.
#[derive(Serialize, ToSchema)]
struct Answer {
    allowed: bool,
    /// The same as a sentence.
    sentence: String,
    /// Every way that leads there, if it is allowed.
    paths: Vec<Told>,
    /// Every reason against it, if it is not.
    reasons: Vec<Told>,
    /// The version of the tree that the answer was given on.
    version: u64,
    /// Until when that version answers so, if it may change by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// Ask whether someone may do something here, and why. Everyone may ask about themselves, and
/// one who sees a roster about those who are on it.
#[utoipa::path(get, path = "/api/organizations/{organization}/check", tag = "access", params(In, Question),
    responses((status = 200, body = Answer)))]
async fn check(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(In { organization }): At<In>,
    Asked(Question { principal, claim }): Asked<Question>,
) -> Result<Json<Answer>, Problem> {
    let view = service.view(&caller, organization).await?;
    let explanation = view.explain(principal, &claim)?;
    Ok(Json(Answer {
        allowed: explanation.decision.allowed,
        sentence: view.tree.with_names(&explanation),
        paths: explanation.paths.iter().map(|path| view.tell(path)).collect(),
        reasons: explanation.reasons.iter().map(|reason| view.tell(reason)).collect(),
        version: explanation.decision.version.get(),
        until: explanation.decision.until,
    }))
}
