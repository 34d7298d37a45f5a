//! Security groups: owners choose, members gain.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use bailiwick::{
    AddGroupMember, CreateGroup, DeleteGroup, Grantable, GroupEnded, GroupId, Name, OrganizationId, Participant,
    PrincipalId, RemoveGroupMember,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::extract::{At, Body};
use crate::identity::Writer;
use crate::routes::{In, Written};
use crate::service::{Done, Nothing, Service};

pub(super) fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(delete))
        .routes(routes!(add_member))
        .routes(routes!(remove_member))
}

/// A group of an organization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    /// What it is called.
    #[schema(value_type = String, example = "Technicians")]
    name: Name,
    /// What its members may do: claims, families of claims such as `backups.*`, or `owner`.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["backups.restore"]))]
    gives: BTreeSet<Grantable>,
    /// Its first owner; whoever creates it if it is left out.
    #[schema(value_type = Option<Uuid>)]
    owner: Option<PrincipalId>,
}

/// Create a group.
#[utoipa::path(post, path = "/api/organizations/{organization}/groups", tag = "groups", params(In),
    request_body = NewGroup, responses((status = 201, body = Done<Nothing>)))]
async fn create(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(In { organization }): At<In>,
    Body(NewGroup { name, gives, owner }): Body<NewGroup>,
) -> Written {
    let (group, owner): (GroupId, _) = (writer.new_id("group")?, owner.unwrap_or(writer.caller.principal));
    let gives = gives.into_iter().map(Into::into).collect();
    let create = CreateGroup { organization, group, name, gives, owner };
    Ok(service.execute(&writer, organization, &create).await?.plain().made(group))
}

/// The group in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Which {
    /// Where the group lives.
    #[param(value_type = Uuid)]
    organization: OrganizationId,
    /// The group.
    #[param(value_type = Uuid)]
    group: GroupId,
}

/// What ended with a group.
#[derive(Serialize, ToSchema)]
struct Ended {
    links: Vec<Uuid>,
    /// The groups that it was nested in.
    nested_in: Vec<Uuid>,
    /// The invitations into it that were pending.
    invitations: Vec<Uuid>,
}

/// Delete a group. Told is what ended with it.
#[utoipa::path(delete, path = "/api/organizations/{organization}/groups/{group}", tag = "groups", params(Which),
    responses((status = 200, body = Done<Ended>)))]
async fn delete(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(Which { organization, group }): At<Which>,
) -> Written<Ended> {
    let told = |ended: GroupEnded| Ended {
        links: ended.links.into_iter().map(Into::into).collect(),
        nested_in: ended.nested_in.into_iter().map(Into::into).collect(),
        invitations: ended.invitations.into_iter().map(Into::into).collect(),
    };
    Ok(service.execute(&writer, organization, &DeleteGroup { organization, group }).await?.map(told))
}

/// Who is to gain what a group gives.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMember {
    #[schema(value_type = Uuid)]
    principal: PrincipalId,
}

/// Add a member to a group.
#[utoipa::path(post, path = "/api/organizations/{organization}/groups/{group}/members", tag = "groups",
    params(Which), request_body = NewMember, responses((status = 200, body = Done<Nothing>)))]
async fn add_member(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(Which { organization, group }): At<Which>,
    Body(NewMember { principal }): Body<NewMember>,
) -> Written {
    let add = AddGroupMember { organization, group, participant: Participant::Principal(principal) };
    Ok(service.execute(&writer, organization, &add).await?.plain())
}

/// The member of a group in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Who {
    /// Where the group lives.
    #[param(value_type = Uuid)]
    organization: OrganizationId,
    /// The group.
    #[param(value_type = Uuid)]
    group: GroupId,
    /// The member.
    #[param(value_type = Uuid)]
    principal: PrincipalId,
}

/// Remove a member from a group.
#[utoipa::path(delete, path = "/api/organizations/{organization}/groups/{group}/members/{principal}", tag = "groups",
    params(Who), responses((status = 200, body = Done<Nothing>)))]
async fn remove_member(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(Who { organization, group, principal }): At<Who>,
) -> Written {
    let remove = RemoveGroupMember { organization, group, participant: Participant::Principal(principal) };
    Ok(service.execute(&writer, organization, &remove).await?.plain())
}
