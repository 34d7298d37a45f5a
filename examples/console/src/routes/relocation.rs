//! Moving a customer, and splitting one off; what would break is found first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bailiwick::{
    AccessChange, CommitKey, DetachOrganization, Grantable, MoveOrganization, OrganizationId, Preflight, PrincipalId,
    Refusal, RelocationError,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asked, At, Body};
use crate::identity::{Caller, Writer};
use crate::problem::Problem;
use crate::routes::{In, Written};
use crate::service::{Done, Service};
use crate::view::{Told, View};

pub(super) fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(preview, relocate)).routes(routes!(detach))
}

/// Where to, and at what cost.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Move {
    /// The new parent.
    #[schema(value_type = Uuid)]
    parent: OrganizationId,
    /// Whether links and the rest that would break are severed with it.
    #[serde(default)]
    sever: bool,
}

/// Where to.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct To {
    /// The new parent.
    #[param(value_type = Uuid)]
    parent: OrganizationId,
}

/// What was found before a move.
#[derive(Serialize, ToSchema)]
struct Found {
    /// What stands against it, unless it is severed.
    blockers: Vec<Told>,
    /// What changes with it.
    warnings: Vec<Told>,
}

impl Found {
    fn of(view: &View, preflight: &Preflight) -> Self {
        let told = |obstacles: &[bailiwick::Obstacle]| obstacles.iter().map(|obstacle| view.tell(obstacle)).collect();
        Self { blockers: told(&preflight.blockers), warnings: told(&preflight.warnings) }
    }
}

/// What a move would do.
#[derive(Serialize, ToSchema)]
struct Preview {
    #[serde(flatten)]
    found: Found,
    /// Who would gain and who would lose what, with everything severed that can be.
    changes: Vec<Change>,
}

/// What someone would gain and lose somewhere.
#[derive(Serialize, ToSchema)]
struct Change {
    #[schema(value_type = Uuid)]
    principal: PrincipalId,
    #[schema(value_type = Uuid)]
    organization: OrganizationId,
    /// Both by name.
    text: String,
    #[schema(value_type = Vec<String>)]
    gains: Vec<Grantable>,
    #[schema(value_type = Vec<String>)]
    loses: Vec<Grantable>,
}

impl Change {
    fn of(view: &View, change: AccessChange) -> Self {
        let AccessChange { principal, organization, gains, loses } = change;
        let text = format!("{} in {}", view.name(principal), view.name(organization));
        Self { principal, organization, text, gains, loses }
    }
}

/// Try a move, and change nothing: what stands against it, and who would gain and lose what.
#[utoipa::path(get, path = "/api/organizations/{organization}/move", tag = "relocation", params(In, To),
    responses((status = 200, body = Preview)))]
async fn preview(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(In { organization }): At<In>,
    Asked(To { parent }): Asked<To>,
) -> Result<Json<Preview>, Problem> {
    let view = service.view(&caller, organization).await?;
    let relocation = MoveOrganization { organization, new_parent: parent, sever: true };
    match view.tree.decide(&caller.context(view.at, CommitKey::random()), &relocation) {
        Ok(decided) => {
            let changes = view.tree.what_if(&decided.changes, view.at).unwrap_or_default();
            let changes = changes.into_iter().map(|change| Change::of(&view, change)).collect();
            Ok(Json(Preview { found: Found::of(&view, &decided.output), changes }))
        }
        // What cannot be severed is an answer too.
        Err(Refusal::Rule(RelocationError::Blocked { obstacles })) => {
            let preflight = Preflight { blockers: obstacles, warnings: Vec::new() };
            Ok(Json(Preview { found: Found::of(&view, &preflight), changes: Vec::new() }))
        }
        Err(refusal) => Err(Problem::refused(&refusal, view.at)),
    }
}

/// Move an organization with everything below it under another one of the same provider.
#[utoipa::path(post, path = "/api/organizations/{organization}/move", tag = "relocation", params(In),
    request_body = Move, responses((status = 200, body = Done<Found>)))]
async fn relocate(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(In { organization }): At<In>,
    Body(Move { parent, sever }): Body<Move>,
) -> Written<Found> {
    let view = service.view(&writer.caller, organization).await?;
    let relocation = MoveOrganization { organization, new_parent: parent, sever };
    let done = service.execute(&writer, organization, &relocation).await?;
    Ok(done.map(|preflight| Found::of(&view, &preflight)))
}

/// At what cost.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Detach {
    /// Whether links and the rest that would break are severed with it.
    #[serde(default)]
    sever: bool,
}

/// Split an organization off, with everything below it, into a tree of its own.
#[utoipa::path(post, path = "/api/organizations/{organization}/detach", tag = "relocation", params(In),
    request_body = Detach, responses((status = 200, body = Done<Found>)))]
async fn detach(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(In { organization }): At<In>,
    Body(Detach { sever }): Body<Detach>,
) -> Written<Found> {
    let view = service.view(&writer.caller, organization).await?;
    let (root, detach) = (view.tree.root(), DetachOrganization { organization, sever });
    let done = service.directory().detach(root, &writer.context(view.at), &detach).await;
    Ok(service.done(root, done, view.at)?.map(|preflight| Found::of(&view, &preflight)))
}
