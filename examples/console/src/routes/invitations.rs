//! Invitations: sent, sent again, declined, accepted, taken back.
//!
//! The token is told once, to whoever has the invitation sent. A service that sends mail puts
//! it there instead, and tells nobody else.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bailiwick::{
    AcceptInvitation, Address, DeclineInvitation, GroupId, GroupRole, InvitationId, InvitationState, InvitationToken,
    Invite, Name, OrganizationId, OtherRole, PrincipalId, ResendInvitation, RevokeInvitation, Sending,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{At, Body};
use crate::identity::{Caller, Writer};
use crate::problem::Problem;
use crate::routes::{In, Written};
use crate::service::{Done, Nothing, Service, entropy};

pub(super) fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new()
        .routes(routes!(invite))
        .routes(routes!(accept))
        .routes(routes!(show, revoke))
        .routes(routes!(resend))
        .routes(routes!(decline))
}

/// Whom to invite, into what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInvitation {
    /// The group.
    #[schema(value_type = Uuid)]
    group: GroupId,
    /// Where the message goes.
    #[schema(value_type = String, example = "nora@northwind.example")]
    address: Address,
    /// What they become: `member` or `owner`.
    #[schema(value_type = String, example = "member")]
    role: GroupRole,
}

/// What goes into the message.
#[derive(Serialize, ToSchema)]
struct Message {
    /// Accepts the invitation, for whoever has verified the address. It is told this once.
    token: String,
}

/// Invite an address into a group.
#[utoipa::path(post, path = "/api/organizations/{organization}/invitations", tag = "invitations", params(In),
    request_body = NewInvitation, responses((status = 201, body = Done<Message>)))]
async fn invite(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(In { organization }): At<In>,
    Body(NewInvitation { group, address, role }): Body<NewInvitation>,
) -> Written<Message> {
    let invitation: InvitationId = writer.new_id("invitation")?;
    let secret = InvitationToken::from_entropy(entropy()?);
    let (token, lifetime, other_role) = (secret.hash(), None, OtherRole::Refuse);
    let invite = Invite { invitation, organization, group, address, role, token, lifetime, other_role };
    let done = service.execute(&writer, organization, &invite).await?;
    Ok(done.map(|()| Message { token: secret.reveal() }).made(invitation))
}

/// The invitation in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Which {
    /// Where the group lives.
    #[param(value_type = Uuid)]
    organization: OrganizationId,
    /// The invitation.
    #[param(value_type = Uuid)]
    invitation: InvitationId,
}

/// An invitation as it stands.
#[derive(Serialize, ToSchema)]
struct Shown {
    #[schema(value_type = Uuid)]
    group: GroupId,
    #[schema(value_type = String)]
    role: GroupRole,
    /// Where the messages went, unless it was erased.
    address: Option<String>,
    /// `pending`, `accepted`, `declined`, `revoked` or `expired`, and since or until when.
    #[schema(value_type = Object)]
    state: InvitationState,
    /// When it was sent, and by whom.
    #[schema(value_type = Vec<Object>)]
    sendings: Vec<Sending>,
}

/// Look at an invitation of an organization that one owns.
#[utoipa::path(get, path = "/api/organizations/{organization}/invitations/{invitation}", tag = "invitations",
    params(Which), responses((status = 200, body = Shown)))]
async fn show(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(Which { organization, invitation }): At<Which>,
) -> Result<Json<Shown>, Problem> {
    let view = service.view(&caller, organization).await?;
    let found = view.invitation(invitation)?;
    let address = view.tree.invitee(invitation).map(|address| address.typed().to_owned());
    let (group, role, state, sendings) = (found.group(), found.role(), found.state(view.at), found.sendings().to_vec());
    Ok(Json(Shown { group, role, address, state, sendings }))
}

/// Send a pending invitation again, with a new token; the old one is void.
#[utoipa::path(post, path = "/api/organizations/{organization}/invitations/{invitation}/resend", tag = "invitations",
    params(Which), responses((status = 200, body = Done<Message>)))]
async fn resend(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(Which { organization, invitation }): At<Which>,
) -> Written<Message> {
    let view = service.view(&writer.caller, organization).await?;
    // Without one the library answers, so that it says the same to whoever may not see any.
    let group = match view.tree.invitation(invitation) {
        Some(found) => found.group(),
        None => writer.new_id("group")?,
    };
    let token = InvitationToken::from_entropy(entropy()?);
    let resend = ResendInvitation::new(organization, group, invitation, &token);
    let done = service.execute(&writer, organization, &resend).await?;
    Ok(done.map(|()| Message { token: token.reveal() }))
}

/// Take a pending invitation back.
#[utoipa::path(delete, path = "/api/organizations/{organization}/invitations/{invitation}", tag = "invitations",
    params(Which), responses((status = 200, body = Done<Nothing>)))]
async fn revoke(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(Which { organization, invitation }): At<Which>,
) -> Written {
    Ok(service.execute(&writer, organization, &RevokeInvitation { organization, invitation }).await?.plain())
}

/// Decline one's own invitation, by the address that the proxy has verified.
#[utoipa::path(post, path = "/api/organizations/{organization}/invitations/{invitation}/decline", tag = "invitations",
    params(Which), responses((status = 200, body = Done<Nothing>)))]
async fn decline(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(Which { organization, invitation }): At<Which>,
) -> Written {
    let address = writer.caller.address()?;
    Ok(service.execute(&writer, organization, &DeclineInvitation { invitation, address }).await?.plain())
}

/// What came with the message, and what the invited person is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    /// The token.
    token: String,
    /// What they are called, if they are new to the provider.
    #[schema(value_type = String, example = "Nora")]
    name: Name,
}

/// Where someone has come in.
#[derive(Serialize, ToSchema)]
struct CameIn {
    #[schema(value_type = Uuid)]
    organization: OrganizationId,
    #[schema(value_type = Uuid)]
    group: GroupId,
    #[schema(value_type = String)]
    role: GroupRole,
    #[schema(value_type = Uuid)]
    principal: PrincipalId,
}

/// Accept an invitation, by its token and the address that the proxy has verified.
#[utoipa::path(post, path = "/api/organizations/{organization}/invitations/accept", tag = "invitations", params(In),
    request_body = Acceptance, responses((status = 200, body = Done<CameIn>)))]
async fn accept(
    State(service): State<Arc<Service>>,
    writer: Writer,
    At(In { organization }): At<In>,
    Body(Acceptance { token, name }): Body<Acceptance>,
) -> Written<CameIn> {
    let (principal, address) = (writer.caller.principal, writer.caller.address()?);
    // What is no token opens nothing either: the answer is the same.
    let token = token.parse().map_err(|_| Problem::not_found())?;
    let accept = AcceptInvitation { token, address, verified: true, name };
    let done = service.execute(&writer, organization, &accept).await?;
    Ok(done.map(|(organization, group, role)| CameIn { organization, group, role, principal }))
}
