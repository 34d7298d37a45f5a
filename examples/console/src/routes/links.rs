//! Links: a group of a provider, made active at its customers.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use bailiwick::{
    EndLink, Grantable, GroupId, LinkGives, LinkGroup, LinkId, LinkTerms, OptOutOfLink, OrganizationId, Privilege,
    Reach, Window,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::providers::Term;
use crate::extract::{At, Body};
use crate::identity::Writer;
use crate::routes::{In, Written};
use crate::service::{Done, Nothing, Service};

pub(super) fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(link)).routes(routes!(end)).routes(routes!(opt_out))
}

/// A link of a group that lives in the organization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewLink {
    /// The group.
    #[schema(value_type = Uuid)]
    group: GroupId,
    /// Where it is to be active.
    #[schema(value_type = Uuid)]
    target: OrganizationId,
    /// How far it reaches: `target`, `children` or `subtree`.
    #[serde(default)]
    #[schema(value_type = String, example = "subtree")]
    reach: Reach,
    /// Whether it reaches customers that come later too.
    #[serde(default)]
    future: bool,
    /// Those that it does not reach, nor anything below them.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    except: BTreeSet<OrganizationId>,
    /// What it gives of what the group gives; all of it if this is left out.
    #[schema(value_type = Option<Vec<String>>)]
    gives: Option<BTreeSet<Grantable>>,
    /// Whether a group of owners makes owners there too.
    #[serde(default)]
    makes_owners: bool,
    /// When it counts.
    #[serde(default)]
    #[schema(value_type = Option<Term>)]
    term: Window,
}

impl NewLink {
    fn terms(self) -> LinkTerms {
        let narrowed = |gives: BTreeSet<Grantable>| gives.into_iter().map(Privilege::from).collect();
        LinkTerms {
            gives: self.gives.map_or(LinkGives::Inherit, |gives| LinkGives::Narrowed(narrowed(gives))),
            makes_owners: self.makes_owners,
            reach: self.reach,
            future: self.future,
            exclusions: self.except,
            window: self.term,
        }
    }
}

/// What a link reaches.
#[derive(Serialize, ToSchema)]
struct Reached {
    /// The organizations in its reach now.
    reaches: Vec<Uuid>,
}

/// Link a group of the organization to one below it.
#[utoipa::path(post, path = "/api/organizations/{organization}/links", tag = "links", params(In),
    request_body = NewLink, responses((status = 201, body = Done<Reached>)))]
async fn link(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(In { organization: source }): At<In>,
    Body(new): Body<NewLink>,
) -> Written<Reached> {
    let (link, group, target): (LinkId, _, _) = (writer.new_id("link")?, new.group, new.target);
    let link_group = LinkGroup { link, source, group, target, terms: new.terms() };
    let done = service.execute(&writer, source, &link_group).await?;
    Ok(done.map(|reached| Reached { reaches: reached.into_iter().map(Into::into).collect() }).made(link))
}

/// The link in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Which {
    /// An organization that the link comes from, goes to, or reaches.
    #[param(value_type = Uuid)]
    organization: OrganizationId,
    /// The link.
    #[param(value_type = Uuid)]
    link: LinkId,
}

/// End a link, from where it comes from or from where it goes to.
#[utoipa::path(delete, path = "/api/organizations/{organization}/links/{link}", tag = "links", params(Which),
    responses((status = 200, body = Done<Nothing>)))]
async fn end(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(Which { organization, link }): At<Which>,
) -> Written {
    Ok(service.execute(&writer, organization, &EndLink { organization, link }).await?.plain())
}

/// Opt an organization out of a link that reaches it.
#[utoipa::path(post, path = "/api/organizations/{organization}/links/{link}/opt-out", tag = "links", params(Which),
    responses((status = 200, body = Done<Nothing>)))]
async fn opt_out(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(Which { organization, link }): At<Which>,
) -> Written {
    Ok(service.execute(&writer, organization, &OptOutOfLink { organization, link }).await?.plain())
}
