//! What the operator does: found a provider, record what it pays for, assign capabilities.

use std::sync::Arc;

use axum::extract::State;
use bailiwick::{
    Address, AgentSecret, AssignCapability, CapabilityName, FoundTree, Name, OrganizationId, Person, PlanName,
    PrincipalId, RecordSubscription, SubscriptionStatus, Timestamp, Window,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{At, Body};
use crate::identity::Writer;
use crate::routes::{In, Written};
use crate::service::{Done, Nothing, Service, entropy};

pub(super) fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(found)).routes(routes!(subscribe)).routes(routes!(assign))
}

/// A provider and its first owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewProvider {
    /// What it is called.
    #[schema(value_type = String, example = "Fabrikam")]
    name: Name,
    owner: NewPerson,
}

/// Someone whom the proxy signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPerson {
    /// As the proxy knows them.
    #[schema(value_type = Uuid)]
    pub(super) principal: PrincipalId,
    /// What they are called.
    #[schema(value_type = String, example = "Ada")]
    pub(super) name: Name,
    /// Their mail address, if it is verified.
    #[schema(value_type = Option<String>, example = "ada@fabrikam.example")]
    pub(super) address: Option<Address>,
}

impl NewPerson {
    pub(super) fn person(self) -> Person {
        Person { name: self.name, address: self.address }
    }
}

/// Found a provider: a tree of its own, for its first owner.
#[utoipa::path(post, path = "/api/providers", tag = "operator", request_body = NewProvider,
    responses((status = 201, body = Done<Nothing>)))]
async fn found(State(service): State<Arc<Service>>, writer: Writer, Body(new): Body<NewProvider>) -> Written {
    let root: OrganizationId = writer.new_id("organization")?;
    let (owner, secret) = (new.owner.principal, AgentSecret::from_entropy(entropy()?));
    let found = FoundTree { root, name: new.name, owner, person: new.owner.person(), secret };
    let at = service.now();
    let done = service.directory().execute(root, &writer.context(at), &found).await;
    Ok(service.done(root, done, at)?.plain().made(root))
}

/// What a provider pays for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Subscription {
    /// The plan; `Enterprise` has every feature.
    #[schema(value_type = String, example = "Enterprise")]
    plan: PlanName,
    /// How it stands: `trial`, `active`, `past_due` or `cancelled`.
    #[schema(value_type = String, example = "active")]
    status: SubscriptionStatus,
    /// When it begins and ends, if it does.
    #[serde(default)]
    #[schema(value_type = Option<Term>)]
    term: Window,
}

/// From when until when; without an edge where it is left out.
#[derive(ToSchema)]
#[allow(dead_code, reason = "the document describes the library's window by it")]
pub(super) struct Term {
    /// From when on.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Until when; no longer at that instant.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// Record the subscription of a provider.
#[utoipa::path(put, path = "/api/organizations/{organization}/subscription", tag = "operator", params(In),
    request_body = Subscription, responses((status = 200, body = Done<Nothing>)))]
async fn subscribe(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(In { organization: root }): At<In>,
    Body(Subscription { plan, status, term }): Body<Subscription>,
) -> Written {
    Ok(service.execute(&writer, root, &RecordSubscription { root, plan, status, term }).await?.plain())
}

/// The capability in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Capability {
    /// The organization.
    #[param(value_type = Uuid)]
    organization: OrganizationId,
    /// The capability.
    #[param(value_type = String, example = "reporting")]
    capability: CapabilityName,
}

/// For how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Assignment {
    /// Until when; without an end if it is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// Assign a capability: the operator to a provider, a parent to its customer.
#[utoipa::path(put, path = "/api/organizations/{organization}/capabilities/{capability}", tag = "organizations",
    params(Capability), request_body = Assignment, responses((status = 200, body = Done<Nothing>)))]
async fn assign(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(Capability { organization, capability }): At<Capability>,
    Body(Assignment { until }): Body<Assignment>,
) -> Written {
    let assign = AssignCapability { organization, capability, until };
    Ok(service.execute(&writer, organization, &assign).await?.plain())
}
