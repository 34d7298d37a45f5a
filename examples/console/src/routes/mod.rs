//! The routes, a file for each noun. Each handler reads the request, gives the library one
//! command or question, and says what came of it.

mod access;
mod audit;
mod deletion;
mod groups;
mod invitations;
mod links;
mod members;
mod organizations;
mod providers;
mod relocation;

use std::sync::Arc;

use bailiwick::OrganizationId;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use crate::openapi::Document;
use crate::problem::Problem;
use crate::service::{Done, Nothing, Service};

/// What a write answers.
type Written<T = Nothing> = Result<Done<T>, Problem>;

/// The routes with their document.
pub(crate) fn api() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(providers::routes())
        .merge(organizations::routes())
        .merge(members::routes())
        .merge(groups::routes())
        .merge(links::routes())
        .merge(invitations::routes())
        .merge(access::routes())
        .merge(relocation::routes())
        .merge(deletion::routes())
        .merge(audit::routes())
}

/// The organization in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct In {
    /// The organization.
    #[param(value_type = Uuid)]
    organization: OrganizationId,
}
