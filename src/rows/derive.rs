//! What each thing in a tree, and the domain, says as rows.

use std::collections::BTreeSet;

use super::kinds::*;
use super::table::{Instant, Personal};
use crate::access::catalog::Catalog;
use crate::access::claim::{Claim, Grantable};
use crate::access::set::ClaimSet;
use crate::group::Group;
use crate::id::{GroupId, OrganizationId, PrincipalId, RoleId};
use crate::invitation::Invitation;
use crate::invitation_state::InvitationState;
use crate::link::Link;
use crate::member::Member;
use crate::organization::Organization;
use crate::participant::{GroupRole, Participant};
use crate::person::{Record, RecordKey};
use crate::principal::Principal;
use crate::project::Project;
use crate::reach::{LinkGives, Reach};
use crate::role::{Privilege, Role, RoleRef};
use crate::rules::Lapse;
use crate::subscription::{Feature, SubscriptionStatus};
use crate::support::Support;
use crate::support_state::SupportState;
use crate::tree::{Domain, OrganizationTree};

/// What support access gives: every claim of the view kind (SUP-1). No claim has a colon.
const SUPPORT: &str = "support:view";

pub(super) fn subscription(tree: &OrganizationTree) -> Vec<Row> {
    let row = tree.subscription().map(|subscription| {
        let (start, lapse) = (subscription.term.start(), tree.lapse_instant());
        SubscriptionRow {
            plan: subscription.plan.to_string(),
            status: match subscription.status {
                SubscriptionStatus::Trial => "trial",
                SubscriptionStatus::Active => "active",
                SubscriptionStatus::PastDue => "past_due",
                SubscriptionStatus::Cancelled => "cancelled",
            },
            valid_from: Instant::start(start),
            valid_until: Instant::end(subscription.term.end()),
            covers_from: Instant::start(if subscription.is_running() { start } else { lapse }),
            lapses_at: Instant::end(lapse),
        }
    });
    row.into_iter().map(Row::from).collect()
}

pub(super) fn organization(organization: &Organization) -> Vec<Row> {
    let organization_id = organization.id();
    let profile = &organization.profile;
    let own = OrganizationRow {
        organization_id,
        parent_id: organization.parent(),
        name: profile.name.to_string(),
        slug: profile.slug.to_string(),
        region: profile.region.as_ref().map(ToString::to_string),
        active: organization.active,
        created_at: Instant::of(organization.created),
    };
    let path = std::iter::once(&organization_id).chain(organization.ancestors().iter().rev());
    let path = (0_i64..).zip(path).map(|(distance, id)| PathRow { organization_id, ancestor_id: *id, distance });
    let tags = profile.tags.iter().map(|tag| TagRow { organization_id, tag: tag.to_string() });
    let capabilities = organization.capabilities().iter().map(|(capability, until)| CapabilityRow {
        organization_id,
        capability: capability.to_string(),
        valid_until: Instant::end(*until),
    });
    let rows = std::iter::once(own.into()).chain(path.map(Row::from)).chain(tags.map(Row::from));
    rows.chain(capabilities.map(Row::from)).collect()
}

pub(super) fn principal(principal_id: PrincipalId, principal: Principal) -> Vec<Row> {
    let (kind, home_id) = match principal {
        Principal::User => ("user", None),
        Principal::Machine { home } => ("machine", Some(home)),
        Principal::Erased => ("erased", None),
    };
    vec![PrincipalRow { principal_id, kind, home_id }.into()]
}

pub(super) fn record(key: RecordKey, record: &Record) -> Vec<Row> {
    match (key, record) {
        (RecordKey::Person(principal_id), Record::Person(person)) => vec![
            PersonRow {
                principal_id,
                name: Personal(person.name.to_string()),
                address: person.address.as_ref().map(|address| Personal(address.typed().to_owned())),
            }
            .into(),
        ],
        (RecordKey::Invitee(invitation_id), Record::Invitee(address)) => {
            vec![InviteeRow { invitation_id, address: Personal(address.typed().to_owned()) }.into()]
        }
        _ => Vec::new(),
    }
}

pub(super) fn member((organization_id, principal_id): (OrganizationId, PrincipalId), member: &Member) -> Vec<Row> {
    let own = MemberRow {
        organization_id,
        principal_id,
        since: Instant::of(member.since()),
        suspended: member.is_suspended(),
    };
    let grants = member.grants().iter().map(|grant| {
        let (privilege, role_id) = named(&grant.privilege);
        GrantRow {
            organization_id,
            principal_id,
            privilege,
            role_id,
            valid_from: Instant::start(grant.window.start()),
            valid_until: Instant::end(grant.window.end()),
        }
    });
    std::iter::once(own.into()).chain(grants.map(Row::from)).collect()
}

/// What a privilege is called in a column, and the role if it is one that was defined.
fn named(privilege: &Privilege) -> (String, Option<RoleId>) {
    match privilege {
        Privilege::Claim(grantable) => (grantable.to_string(), None),
        Privilege::Role(RoleRef::Defined(role)) => (format!("role:{role}"), Some(*role)),
        Privilege::Role(RoleRef::ManageOrganization) => ("role:manage_organization".to_owned(), None),
        Privilege::Role(RoleRef::ManageMspCustomers) => ("role:manage_msp_customers".to_owned(), None),
    }
}

pub(super) fn role(role: &Role) -> Vec<Row> {
    let role_id = role.id;
    let own = RoleRow { role_id, organization_id: role.organization, name: role.name.to_string() };
    let gives = role.claims.iter().map(|claim| RoleGivesRow { role_id, privilege: claim.to_string() });
    std::iter::once(own.into()).chain(gives.map(Row::from)).collect()
}

pub(super) fn group(group: &Group) -> Vec<Row> {
    let group_id = group.id;
    let own = GroupRow { group_id, organization_id: group.organization, name: group.name.to_string() };
    let gives = group.gives.iter().map(|privilege| {
        let (privilege, role_id) = named(privilege);
        GroupGivesRow { group_id, privilege, role_id }
    });
    std::iter::once(own.into()).chain(gives.map(Row::from)).collect()
}

pub(super) fn owner(group_id: GroupId, principal_id: PrincipalId) -> Row {
    GroupOwnerRow { group_id, principal_id }.into()
}

pub(super) fn participant(group_id: GroupId, participant: Participant) -> Row {
    match participant {
        Participant::Principal(principal_id) => GroupMemberRow { group_id, principal_id }.into(),
        Participant::Group(inner_id) => NestingRow { group_id, inner_id }.into(),
    }
}

pub(super) fn link(link: &Link) -> Vec<Row> {
    let (link_id, terms) = (link.id, &link.terms);
    let own = LinkRow {
        link_id,
        source_id: link.source,
        group_id: link.group,
        target_id: link.target,
        reach: match terms.reach {
            Reach::Target => "target",
            Reach::Children => "children",
            Reach::Subtree => "subtree",
        },
        reaches_future: terms.future,
        makes_owners: terms.makes_owners,
        narrowed: matches!(terms.gives, LinkGives::Narrowed(_)),
        valid_from: Instant::start(terms.window.start()),
        valid_until: Instant::end(terms.window.end()),
    };
    let none = BTreeSet::new();
    let gives = match &terms.gives {
        LinkGives::Inherit => &none,
        LinkGives::Narrowed(gives) => gives,
    };
    let gives = gives.iter().map(|privilege| {
        let (privilege, role_id) = named(privilege);
        LinkGivesRow { link_id, privilege, role_id }
    });
    let present = link.present.iter().filter(|_| !terms.future);
    let present = present.map(|id| LinkPresentRow { link_id, organization_id: *id });
    let exclusions = terms.exclusions.iter().map(|id| LinkExclusionRow { link_id, organization_id: *id });
    let opted_out = link.opted_out.iter().map(|id| LinkOptOutRow { link_id, organization_id: *id });
    let rows = std::iter::once(own.into()).chain(gives.map(Row::from)).chain(present.map(Row::from));
    rows.chain(exclusions.map(Row::from)).chain(opted_out.map(Row::from)).collect()
}

pub(super) fn invitation(invitation: &Invitation) -> Vec<Row> {
    let (state, state_at, accepted_by_id) = match invitation.state {
        InvitationState::Pending { until } => ("pending", until, None),
        InvitationState::Accepted { at, by } => ("accepted", at, Some(by)),
        InvitationState::Declined { at } => ("declined", at, None),
        InvitationState::Revoked { at } => ("revoked", at, None),
        InvitationState::Expired { at } => ("expired", at, None),
    };
    let row = InvitationRow {
        invitation_id: invitation.id,
        organization_id: invitation.organization,
        group_id: invitation.group,
        becomes: match invitation.role {
            GroupRole::Owner => "owner",
            GroupRole::Member => "member",
        },
        inviter_id: invitation.inviter,
        sendings: i64::try_from(invitation.sendings.len()).unwrap_or(i64::MAX),
        sent_at: Instant::start(invitation.sendings.last().map(|sending| sending.at)),
        state,
        state_at: Instant::of(state_at),
        accepted_by_id,
    };
    vec![row.into()]
}

pub(super) fn support(support: &Support) -> Vec<Row> {
    let (state, valid_from, valid_until) = match support.state {
        SupportState::Requested { lapses, .. } => ("requested", Instant::EVER, Instant::of(lapses)),
        SupportState::Granted { from, until } => ("granted", Instant::of(from), Instant::of(until)),
        SupportState::Denied { at } => ("denied", Instant::of(at), Instant::of(at)),
        SupportState::Ended { at } => ("ended", Instant::of(at), Instant::of(at)),
        SupportState::Lapsed { at } => ("lapsed", Instant::of(at), Instant::of(at)),
    };
    let row = SupportRow {
        support_id: support.id,
        organization_id: support.organization,
        engineer_id: support.engineer,
        given_by_id: support.given_by,
        state,
        valid_from,
        valid_until,
    };
    vec![row.into()]
}

pub(super) fn project(project: &Project) -> Vec<Row> {
    let (project_id, organization_id) = (project.id, project.organization);
    vec![ProjectRow { project_id, organization_id, name: project.name.to_string() }.into()]
}

pub(super) fn domain(domain: &Domain) -> Vec<Row> {
    let (catalog, rules) = (&domain.catalog, &domain.rules);
    let owner =
        PrivilegeRow { privilege: Grantable::Owner.to_string(), claim: Grantable::Owner.to_string(), requires: None };
    let mut rows = vec![owner.into()];
    for (privilege, stands_for) in privileges(catalog) {
        rows.extend(catalog.names(&stands_for).map(|claim| {
            let requires = catalog.declaration(claim).and_then(|declaration| declaration.requires.as_ref());
            let (claim, requires) = (claim.to_string(), requires.map(ToString::to_string));
            Row::from(PrivilegeRow { privilege: privilege.clone(), claim, requires })
        }));
    }
    rows.extend(rules.plans.iter().map(|(plan, grants)| {
        let grants_links = grants.features.contains(&Feature::CrossOrganizationLinks);
        Row::from(PlanRow { plan: plan.to_string(), grants_links })
    }));
    let grace = rules.grace.map_or(0, |grace| grace.as_seconds().saturating_mul(1_000_000));
    rows.push(LapseRow { links_stay: rules.lapse == Lapse::Freeze, grace }.into());
    rows
}

/// Everything that can be granted and is not defined in a tree, with the claims it stands for.
fn privileges(catalog: &Catalog) -> Vec<(String, ClaimSet)> {
    let claims = || catalog.declarations().map(|declaration| &declaration.name);
    let families: BTreeSet<Claim> = claims().flat_map(families_of).collect();
    let grantables = claims().cloned().map(Grantable::Claim).chain(families.into_iter().map(Grantable::Family));
    let grantables = std::iter::once(Grantable::Owner).chain(grantables);
    let grantables = grantables.map(|grantable| (grantable.to_string(), catalog.expand(&grantable)));
    let roles = [RoleRef::ManageOrganization, RoleRef::ManageMspCustomers];
    let roles = roles.map(|role| (named(&role.into()).0, role.expand(catalog)));
    grantables.chain(roles).chain([(SUPPORT.to_owned(), catalog.views())]).collect()
}

/// The families that a claim is below.
fn families_of(claim: &Claim) -> Vec<Claim> {
    let dots = claim.as_str().match_indices('.');
    dots.filter_map(|(dot, _)| Claim::new(claim.as_str().get(..dot)?).ok()).collect()
}
