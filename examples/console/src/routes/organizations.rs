//! Organizations: a customer is created, an organization is looked at.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bailiwick::{AgentSecret, CreateOrganization, Name, Organization, OrganizationId, PrincipalId, Slug};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::extract::{At, Body};
use crate::identity::{Caller, Writer};
use crate::problem::Problem;
use crate::routes::{In, Written};
use crate::service::{Done, Service, entropy};
use crate::view::View;

pub(super) fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(create))
}

/// A customer of an organization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCustomer {
    /// What it is called.
    #[schema(value_type = String, example = "Northwind Traders")]
    name: Name,
    /// Its short name; one that follows from the name if it is left out.
    #[schema(value_type = Option<String>)]
    slug: Option<Slug>,
    /// Its first owner; whoever creates it if it is left out.
    #[schema(value_type = Option<Uuid>)]
    owner: Option<PrincipalId>,
}

/// What the creator is told.
#[derive(Serialize, ToSchema)]
struct Customer {
    /// Its short name.
    slug: String,
    /// The links from above that reach it already; its owners can opt out of each.
    reached_by: Vec<Uuid>,
}

/// Create a customer below an organization, acting from there.
#[utoipa::path(post, path = "/api/organizations/{organization}/customers", tag = "organizations", params(In),
    request_body = NewCustomer, responses((status = 201, body = Done<Customer>)))]
async fn create(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(In { organization: parent }): At<In>,
    Body(NewCustomer { name, slug, owner }): Body<NewCustomer>,
) -> Written<Customer> {
    let organization: OrganizationId = writer.new_id("organization")?;
    let secret = AgentSecret::from_entropy(entropy()?);
    let create = CreateOrganization { organization, parent, name, slug, owner, secret };
    let told = |created: bailiwick::Created| Customer {
        slug: created.slug.into(),
        reached_by: created.reached_by.into_iter().map(Into::into).collect(),
    };
    Ok(service.execute(&writer, parent, &create).await?.map(told).made(organization))
}

/// An organization as the caller sees it.
#[derive(Serialize, ToSchema)]
struct Shown {
    #[schema(value_type = Uuid)]
    id: OrganizationId,
    name: String,
    slug: String,
    /// What it is a customer of, if it is one.
    #[schema(value_type = Option<Uuid>)]
    parent: Option<OrganizationId>,
    /// Counted from 1 at the provider.
    level: usize,
    /// Whether it and everything above it is active.
    active: bool,
    /// Its own customers.
    customers: Vec<Named>,
    /// The groups that live here, for those who may see groups.
    groups: Vec<Named>,
    /// The links that come here from above, for those who may see groups.
    links: Vec<Named>,
    /// The version of the tree.
    version: u64,
}

/// Something and what it is called.
#[derive(Serialize, ToSchema)]
struct Named {
    id: Uuid,
    name: String,
}

impl Shown {
    fn of(view: &View, organization: &Organization) -> Self {
        let id = organization.id();
        let named = |id: Uuid| Named { id, name: view.name(id) };
        Self {
            id,
            name: organization.name().to_string(),
            slug: organization.slug().to_string(),
            parent: organization.parent().filter(|parent| view.sees(*parent)),
            level: organization.level(),
            active: view.tree.is_active(id),
            customers: view.children(id).into_iter().map(|child| named(child.id().into())).collect(),
            groups: view.groups(id).into_iter().map(|group| named(group.id().into())).collect(),
            links: view.links(id).into_iter().map(|link| named(link.id().into())).collect(),
            version: view.tree.version().get(),
        }
    }
}

/// Look at an organization.
#[utoipa::path(get, path = "/api/organizations/{organization}", tag = "organizations", params(In),
    responses((status = 200, body = Shown)))]
async fn show(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(In { organization }): At<In>,
) -> Result<Json<Shown>, Problem> {
    let view = service.view(&caller, organization).await?;
    Ok(Json(Shown::of(&view, view.subject()?)))
}
