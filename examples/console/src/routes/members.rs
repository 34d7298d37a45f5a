//! Members, and the roster: everyone with access, and why.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bailiwick::{
    AddMember, Grantable, InvitationId, OrganizationId, PrincipalId, RemoveMember, RosterFilter, RosterLine,
    RosterSubject, Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::providers::NewPerson;
use crate::extract::{Asked, At, Body};
use crate::identity::{Caller, Writer};
use crate::problem::Problem;
use crate::routes::{In, Written};
use crate::service::{Done, Nothing, Service};
use crate::view::{Told, View};

pub(super) fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(add)).routes(routes!(remove)).routes(routes!(roster))
}

/// Add someone: to a provider one who may be new to it, to a customer one of the provider's.
#[utoipa::path(post, path = "/api/organizations/{organization}/members", tag = "members", params(In),
    request_body = NewPerson, responses((status = 200, body = Done<Nothing>)))]
async fn add(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(In { organization }): At<In>,
    Body(new): Body<NewPerson>,
) -> Written {
    let add = AddMember { organization, principal: new.principal, person: Some(new.person()) };
    Ok(service.execute(&writer, organization, &add).await?.plain())
}

/// The member in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Of {
    /// The organization.
    #[param(value_type = Uuid)]
    organization: OrganizationId,
    /// The member.
    #[param(value_type = Uuid)]
    principal: PrincipalId,
}

/// Where someone who was removed still has access.
#[derive(Serialize, ToSchema)]
struct Remains {
    organization: Uuid,
}

/// Remove a member, or leave. Told is where they still have access.
#[utoipa::path(delete, path = "/api/organizations/{organization}/members/{principal}", tag = "members", params(Of),
    responses((status = 200, body = Done<Vec<Remains>>)))]
async fn remove(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(Of { organization, principal }): At<Of>,
) -> Written<Vec<Remains>> {
    let done = service.execute(&writer, organization, &RemoveMember { organization, principal }).await?;
    Ok(done.map(|reached| {
        reached.into_iter().map(|reached| Remains { organization: reached.organization.into() }).collect()
    }))
}

/// Which lines of the roster.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Lines {
    /// Those whose name or address holds this.
    text: Option<String>,
    /// How many to leave out.
    #[serde(default)]
    skip: usize,
    /// How many at the most; 100 if it is left out.
    #[param(value_type = Option<u32>)]
    limit: Option<NonZeroU32>,
}

/// Everyone with access, and everyone invited.
#[derive(Serialize, ToSchema)]
struct Roster {
    lines: Vec<Line>,
    /// How many lines there are in all.
    total: usize,
}

/// Someone with access, or someone invited.
#[derive(Serialize, ToSchema)]
struct Line {
    /// Who has access.
    #[schema(value_type = Option<Uuid>)]
    principal: Option<PrincipalId>,
    /// Which invitation is pending.
    #[schema(value_type = Option<Uuid>)]
    invitation: Option<InvitationId>,
    /// What they are called, or the address that was invited.
    name: Option<String>,
    is_member: bool,
    is_suspended: bool,
    /// What they may do.
    #[schema(value_type = Vec<String>)]
    may: Vec<Grantable>,
    /// What gives it.
    why: Vec<Told>,
    /// Until when an invitation is pending.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Whether another line has an address that looks the same.
    looks_alike: bool,
}

impl Line {
    fn of(view: &View, line: RosterLine) -> Self {
        let (principal, invitation) = match line.subject {
            RosterSubject::Principal(principal) => (Some(principal), None),
            RosterSubject::Invitation(invitation) => (None, Some(invitation)),
        };
        Self {
            principal,
            invitation,
            name: line.label,
            is_member: line.is_member,
            is_suspended: line.is_suspended,
            may: line.claims,
            why: line.paths.iter().map(|path| view.tell(path)).collect(),
            until: line.invited.map(|(_, _, until)| until),
            looks_alike: line.looks_alike,
        }
    }
}

/// Everyone with access, everyone invited, and why.
#[utoipa::path(get, path = "/api/organizations/{organization}/roster", tag = "members", params(In, Lines),
    responses((status = 200, body = Roster)))]
async fn roster(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(In { organization }): At<In>,
    Asked(Lines { text, skip, limit }): Asked<Lines>,
) -> Result<Json<Roster>, Problem> {
    const USUAL: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
    let view = service.view(&caller, organization).await?;
    let filter = RosterFilter { text, ..RosterFilter::default() };
    let page = view.tree.roster(caller.principal, organization, &filter, skip, limit.unwrap_or(USUAL), view.at);
    let page = page.map_err(|denial| Problem::denied(denial, view.at))?;
    let lines = page.lines.into_iter().map(|line| Line::of(&view, line)).collect();
    Ok(Json(Roster { lines, total: page.total }))
}
