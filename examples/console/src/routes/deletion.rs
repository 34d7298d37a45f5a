//! How a customer leaves: refused with everything in the way, or clean.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use bailiwick::{BlockerKind, DeleteOrganization, DeletionMode, Evidence, ReactivateOrganization, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{At, Body};
use crate::identity::Writer;
use crate::routes::{In, Written};
use crate::service::{Done, Nothing, Service};

pub(super) fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(delete)).routes(routes!(reactivate))
}

/// What is known outside of what is to be deleted. A service that counts by itself takes it
/// from there, and not from the request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Deletion {
    /// Whether it is removed for good; otherwise it rests, and can be reactivated.
    #[serde(default)]
    for_good: bool,
    /// When it was counted; at most five minutes ago.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// How many there are: of `hosts`, `backup_reports`, `connected_agents`,
    /// `registered_machines`, `client_encryption_keys`, `connection_strings`,
    /// `client_backup_configurations` and `held_recordings`, each of them.
    #[schema(value_type = BTreeMap<String, u64>)]
    counts: BTreeMap<BlockerKind, u64>,
}

/// Delete an organization, acting from another one. A refusal lists everything in the way.
#[utoipa::path(post, path = "/api/organizations/{organization}/deletion", tag = "deletion", params(In),
    request_body = Deletion, responses((status = 200, body = Done<Nothing>)))]
async fn delete(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(In { organization }): At<In>,
    Body(Deletion { for_good, as_of, counts }): Body<Deletion>,
) -> Written {
    let mode = if for_good { DeletionMode::Hard } else { DeletionMode::Soft };
    let delete = DeleteOrganization { organization, evidence: Evidence { as_of, counts }, mode };
    Ok(service.execute(&writer, organization, &delete).await?.plain())
}

/// Wake an organization up that rests, as it was.
#[utoipa::path(post, path = "/api/organizations/{organization}/reactivation", tag = "deletion", params(In),
    responses((status = 200, body = Done<Nothing>)))]
async fn reactivate(State(service): State<Arc<Service>>, writer: Writer, At(In { organization }): At<In>) -> Written {
    Ok(service.execute(&writer, organization, &ReactivateOrganization { organization }).await?.plain())
}
