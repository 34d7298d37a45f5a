//! The commands of the random tests: what is asked, and how a few random numbers become a
//! command that fits what is there.

use bailiwick::*;

use super::naive::{Naive, holds_any};
use crate::support::*;

/// An acceptance; the real command holds a token, which cannot be printed.
#[derive(Clone, Debug)]
pub(super) struct Accept {
    pub(super) number: u8,
    pub(super) address: Address,
    pub(super) verified: bool,
}

impl Accept {
    pub(super) fn token(&self) -> InvitationToken {
        token(self.number)
    }
}

macro_rules! asked {
    ($($name:ident),* $(,)?) => {
        #[derive(Clone, Debug)]
        pub(super) enum Asked {
            $($name($name),)*
            AcceptInvitation(Accept),
        }

        impl Asked {
            pub(super) const KINDS: &'static [&'static str] = &[$(stringify!($name),)* "AcceptInvitation"];

            pub(super) const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                    Self::AcceptInvitation(_) => "AcceptInvitation",
                }
            }

            /// Decides it: the changes, or the sentence and code of the refusal.
            pub(super) fn decide(&self, tree: &OrganizationTree, context: &Context) -> Result<Changes, String> {
                fn told<E: RuleError>(refusal: Refusal<E>) -> String {
                    format!("{} ({}): {refusal}", refusal.code(), refusal.rule())
                }
                match self {
                    $(Self::$name(command) => {
                        tree.decide(context, command).map(|decided| decided.changes).map_err(told)
                    })*
                    Self::AcceptInvitation(accept) => {
                        let command = AcceptInvitation {
                            token: accept.token(),
                            address: accept.address.clone(),
                            verified: accept.verified,
                            name: name("Newcomer"),
                        };
                        tree.decide(context, &command).map(|decided| decided.changes).map_err(told)
                    }
                }
            }
        }
    };
}

asked! {
    CreateOrganization, EditOrganization, ChangeTreeSettings, MoveOrganization, DeactivateOrganization,
    ReactivateOrganization, DeleteOrganization, RecordSubscription, AssignCapability, WithdrawCapability, AddMember,
    CreateMachineIdentity, SuspendMember, RestoreMember, TransferOwnership, RemoveMember, GrantPrivilege,
    RevokePrivilege, DefineRole, DeleteRole, CreateGroup, DefineGroup, AddGroupOwner, RemoveGroupOwner,
    AddGroupMember, RemoveGroupMember, DeleteGroup, LinkGroup, ChangeLink, EndLink, OptOutOfLink, OptInToLink, Invite,
    ResendInvitation, RevokeInvitation, DeclineInvitation, CreateProject, AddProjectMember, RemoveProjectMember,
    DeleteProject, ShareResource, UnshareResource, OfferAttachment, WithdrawOffer, ApplyReview,
}

/// How often each kind is drawn: what makes things, more often than what ends them.
pub(super) const WEIGHTS: &[(u32, &str)] = &[
    (8, "CreateOrganization"),
    (2, "EditOrganization"),
    (1, "ChangeTreeSettings"),
    (6, "MoveOrganization"),
    (2, "DeactivateOrganization"),
    (3, "ReactivateOrganization"),
    (3, "DeleteOrganization"),
    (3, "RecordSubscription"),
    (5, "AssignCapability"),
    (2, "WithdrawCapability"),
    (6, "AddMember"),
    (2, "CreateMachineIdentity"),
    (4, "SuspendMember"),
    (3, "RestoreMember"),
    (2, "TransferOwnership"),
    (3, "RemoveMember"),
    (14, "GrantPrivilege"),
    (4, "RevokePrivilege"),
    (6, "DefineRole"),
    (2, "DeleteRole"),
    (10, "CreateGroup"),
    (5, "DefineGroup"),
    (3, "AddGroupOwner"),
    (2, "RemoveGroupOwner"),
    (12, "AddGroupMember"),
    (3, "RemoveGroupMember"),
    (2, "DeleteGroup"),
    (14, "LinkGroup"),
    (4, "ChangeLink"),
    (2, "EndLink"),
    (4, "OptOutOfLink"),
    (3, "OptInToLink"),
    (8, "Invite"),
    (3, "ResendInvitation"),
    (3, "RevokeInvitation"),
    (3, "DeclineInvitation"),
    (6, "AcceptInvitation"),
    (2, "CreateProject"),
    (2, "AddProjectMember"),
    (2, "RemoveProjectMember"),
    (1, "DeleteProject"),
    (3, "ShareResource"),
    (2, "UnshareResource"),
    (3, "OfferAttachment"),
    (3, "WithdrawOffer"),
    (2, "ApplyReview"),
];

/// A few random numbers, which become a command on what is there when its turn comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) kind: &'static str,
    pub(super) actor: u8,
    pub(super) pass: u8,
    pub(super) a: u8,
    pub(super) b: u8,
    pub(super) c: u8,
    pub(super) d: u8,
}

/// What is drawn upon besides the model: the numbers that are next.
#[derive(Clone, Debug)]
pub(super) struct Pools {
    pub(super) organizations: u128,
    pub(super) groups: u128,
    pub(super) links: u128,
    pub(super) roles: u128,
    pub(super) invitations: u128,
    pub(super) projects: u128,
    pub(super) offers: u128,
    pub(super) machines: u128,
    /// The token of each sending, by invitation, the last of each at the end.
    pub(super) tokens: Vec<(InvitationId, u8, Address)>,
}

/// The people: Ada, four users of the root, two who are not known yet.
pub(super) const PEOPLE: [u128; 7] = [1, 2, 3, 4, 5, 6, 7];

pub(super) fn reporting() -> CapabilityName {
    "reporting".parse().unwrap()
}

pub(super) fn managing() -> CapabilityName {
    "managing".parse().unwrap()
}

pub(super) fn letter_box(number: u128) -> Address {
    address(&format!("p{number}@people.example"))
}

fn pick<T: Clone>(things: &[T], number: u8) -> Option<T> {
    if things.is_empty() { None } else { Some(things[usize::from(number) % things.len()].clone()) }
}

/// What can be granted or written into a group.
fn some_privilege(model: &Naive, number: u8) -> Privilege {
    let roles: Vec<Privilege> = model.roles.iter().map(|role| RoleRef::Defined(role.id).into()).collect();
    match number % 14 {
        0 | 1 => Privilege::OWNER,
        2 => privilege("backups.view"),
        3 => privilege("backups.restore"),
        4 => privilege("backups.*"),
        5 => privilege("reports.view"),
        6 => privilege("members.manage"),
        7 => privilege("claims.grant"),
        8 => privilege("groups.manage"),
        9 => RoleRef::ManageOrganization.into(),
        10 => RoleRef::ManageMspCustomers.into(),
        11 => privilege("roles.manage"),
        _ => pick(&roles, number / 14).unwrap_or_else(|| privilege("backups.delete")),
    }
}

fn some_privileges(model: &Naive, number: u8, other: u8) -> std::collections::BTreeSet<Privilege> {
    let first = some_privilege(model, number);
    if other.is_multiple_of(2) { [first].into() } else { [first, some_privilege(model, other)].into() }
}

fn some_window(at: Timestamp, number: u8) -> Window {
    let (hour, day) = (minutes(60), days(1));
    match number % 12 {
        0 => Window::until(at + hour),
        1 => Window::until(at + day),
        2 => Window::starting(at),
        3 => Window::starting(at + hour),
        4 => Window::new(Some(at + hour), Some(at + day)).unwrap(),
        5 => Window::until(at),
        _ => Window::ALWAYS,
    }
}

impl Step {
    /// The command that these numbers are, and where its actor would act from.
    pub(super) fn resolve(
        &self,
        model: &Naive,
        tree: &OrganizationTree,
        pools: &mut Pools,
    ) -> Option<(Asked, OrganizationId)> {
        let at = model.at;
        let Self { a, b, c, d, .. } = *self;
        let places: Vec<OrganizationId> = model.places.iter().map(|place| place.id).collect();
        let place = if a == 255 { organization(77) } else { pick(&places, a)? };
        let who = principal(PEOPLE[usize::from(b) % PEOPLE.len()]);
        let machines: Vec<PrincipalId> =
            model.principals.iter().filter(|(_, home)| home.is_some()).map(|(id, _)| *id).collect();
        let who = if b % 9 == 8 { pick(&machines, c).unwrap_or(who) } else { who };
        let seated: Vec<PrincipalId> =
            model.seats.iter().filter(|seat| seat.place == place).map(|seat| seat.who).collect();
        let seated = if b > 230 { who } else { pick(&seated, b).unwrap_or(who) };
        let asked = match self.kind {
            "CreateOrganization" => {
                if model.places.len() >= 7 {
                    return None;
                }
                let id = if d == 0 {
                    organization(pools.organizations)
                } else {
                    next(&mut pools.organizations, organization)
                };
                let owner = (b % 3 == 0).then_some(who);
                let slug = (c % 8 == 0).then(|| "same".parse().unwrap());
                Asked::CreateOrganization(CreateOrganization {
                    organization: id,
                    parent: place,
                    name: name("Customer"),
                    slug,
                    owner,
                    secret: secret(),
                })
            }
            "EditOrganization" => Asked::EditOrganization(EditOrganization {
                slug: match c % 3 {
                    0 => Edit::Set("same".parse().unwrap()),
                    1 => Edit::Clear,
                    _ => Edit::Keep,
                },
                name: Some(name(if d % 2 == 0 { "Customer" } else { "Client" })),
                ..EditOrganization::of(place)
            }),
            "ChangeTreeSettings" => Asked::ChangeTreeSettings(ChangeTreeSettings {
                root: if c == 0 { place } else { model.root },
                levels: Some(LevelLimit::new(2 + d % 3).unwrap()),
                straight_invitations: (b % 2 == 0).then_some(c % 2 == 0),
            }),
            "MoveOrganization" => Asked::MoveOrganization(MoveOrganization {
                organization: pick(&places[1..], a).unwrap_or(place),
                new_parent: pick(&places, b)?,
                sever: c % 3 != 0,
            }),
            "DeactivateOrganization" => {
                let organization = if d < 220 { pick(&places[1..], a).unwrap_or(place) } else { place };
                Asked::DeactivateOrganization(DeactivateOrganization { organization, with_descendants: c % 3 != 0 })
            }
            "ReactivateOrganization" => {
                let resting: Vec<OrganizationId> =
                    model.places.iter().filter(|place| !place.active).map(|place| place.id).collect();
                let organization = pick(&resting, a).unwrap_or(place);
                Asked::ReactivateOrganization(ReactivateOrganization { organization })
            }
            "DeleteOrganization" => {
                let leaves: Vec<OrganizationId> =
                    places.iter().copied().filter(|id| *id != model.root && model.children(*id).is_empty()).collect();
                let organization = if d < 200 { pick(&leaves, a).unwrap_or(place) } else { place };
                // The root stays: without it there would be nothing to do.
                let mode =
                    if c % 2 == 0 || organization == model.root { DeletionMode::Soft } else { DeletionMode::Hard };
                let evidence = match d % 16 {
                    0 => Evidence::none(at - minutes(6)),
                    1 => Evidence::none(at).with(BlockerKind::Hosts, 1),
                    _ => Evidence::none(at),
                };
                Asked::DeleteOrganization(DeleteOrganization { organization, evidence, mode })
            }
            "RecordSubscription" => {
                let (plan, status) = match c % 8 {
                    0 => ("Free", SubscriptionStatus::Active),
                    1 => ("Small", SubscriptionStatus::Active),
                    2 => ("Enterprise", SubscriptionStatus::PastDue),
                    3 => ("Enterprise", SubscriptionStatus::Cancelled),
                    _ => ("Enterprise", SubscriptionStatus::Active),
                };
                let term = if c % 8 == 7 { Window::until(at + days(1)) } else { Window::ALWAYS };
                let root = if d % 16 == 0 { place } else { model.root };
                Asked::RecordSubscription(RecordSubscription { root, plan: plan.parse().unwrap(), status, term })
            }
            "AssignCapability" => {
                let capable: Vec<OrganizationId> = places
                    .iter()
                    .copied()
                    .filter(|id| {
                        let parent = model.place(*id).unwrap().parent;
                        parent.is_some_and(|parent| model.is_capable(parent, &reporting(), at))
                    })
                    .collect();
                let organization = if d % 3 == 0 { pick(&capable, a).unwrap_or(model.root) } else { place };
                let until = match c % 4 {
                    0 => Some(at + minutes(90)),
                    1 => Some(at + days(2)),
                    _ => None,
                };
                let capability = if c > 200 { managing() } else { reporting() };
                Asked::AssignCapability(AssignCapability { organization, capability, until })
            }
            "WithdrawCapability" => {
                let has: Vec<(OrganizationId, CapabilityName)> = model
                    .places
                    .iter()
                    .flat_map(|place| place.capabilities.iter().map(|(name, _)| (place.id, name.clone())))
                    .collect();
                let (organization, capability) = pick(&has, a).unwrap_or((place, reporting()));
                Asked::WithdrawCapability(WithdrawCapability { organization, capability })
            }
            "AddMember" => {
                let number = PEOPLE[usize::from(b) % PEOPLE.len()];
                let person = (who == principal(number) && place == model.root)
                    .then(|| Person::named(name("Person")).reachable_at(letter_box(number)));
                Asked::AddMember(AddMember { organization: place, principal: who, person })
            }
            "CreateMachineIdentity" => {
                if machines.len() >= 2 {
                    return None;
                }
                let identity = if d < 4 { who } else { next(&mut pools.machines, principal) };
                let person = Person::named(name("Machine"));
                Asked::CreateMachineIdentity(CreateMachineIdentity { organization: place, identity, person })
            }
            "SuspendMember" => Asked::SuspendMember(SuspendMember { organization: place, principal: seated }),
            "RestoreMember" => {
                let suspended: Vec<(OrganizationId, PrincipalId)> =
                    model.seats.iter().filter(|seat| seat.suspended).map(|seat| (seat.place, seat.who)).collect();
                if suspended.is_empty() && d > 64 {
                    return None;
                }
                let (organization, principal) = pick(&suspended, a).unwrap_or((place, seated));
                Asked::RestoreMember(RestoreMember { organization, principal })
            }
            "TransferOwnership" => Asked::TransferOwnership(TransferOwnership { organization: place, to: seated }),
            "RemoveMember" => Asked::RemoveMember(RemoveMember { organization: place, principal: seated }),
            "GrantPrivilege" => Asked::GrantPrivilege(GrantPrivilege {
                organization: place,
                principal: seated,
                privilege: if c == 255 { privilege("nothing.here") } else { some_privilege(model, c) },
                window: some_window(at, d),
            }),
            "RevokePrivilege" => {
                let held: Vec<(OrganizationId, PrincipalId, Privilege)> = model
                    .seats
                    .iter()
                    .flat_map(|seat| seat.grants.iter().map(|(held, _)| (seat.place, seat.who, held.clone())))
                    .collect();
                let (organization, principal, privilege) = pick(&held, c)?;
                Asked::RevokePrivilege(RevokePrivilege { organization, principal, privilege })
            }
            "DefineRole" => {
                let known: Vec<RoleId> = model.roles.iter().map(|role| role.id).collect();
                let again = known.len() >= 3 || d % 3 == 0;
                let id = if again { pick(&known, d) } else { None };
                let id = id.unwrap_or_else(|| next(&mut pools.roles, role));
                let organization = model.roles.iter().find(|role| role.id == id).map_or(place, |role| role.place);
                let organization = if b > 240 { place } else { organization };
                let claims = match c % 7 {
                    0 => vec!["backups.view"],
                    1 => vec!["backups.*"],
                    2 => vec!["backups.delete", "reports.view"],
                    3 => vec!["members.manage"],
                    4 => vec!["groups.manage", "backups.restore"],
                    5 if b % 8 == 0 => vec!["owner"],
                    _ => vec!["claims.grant", "reports.view"],
                };
                let claims = claims.into_iter().map(|name| name.parse().unwrap()).collect();
                Asked::DefineRole(DefineRole { organization, role: id, name: name("Role"), claims })
            }
            "DeleteRole" => {
                let known: Vec<(OrganizationId, RoleId)> =
                    model.roles.iter().map(|role| (role.place, role.id)).collect();
                let (home, role) = pick(&known, d)?;
                let organization = if b > 240 { place } else { home };
                Asked::DeleteRole(DeleteRole { organization, role })
            }
            "CreateGroup" => {
                if model.groups.len() >= 5 {
                    return None;
                }
                let id = if d == 0 { group(pools.groups) } else { next(&mut pools.groups, group) };
                let gives = some_privileges(model, c, d);
                Asked::CreateGroup(CreateGroup {
                    organization: place,
                    group: id,
                    name: name("Group"),
                    gives,
                    owner: seated,
                })
            }
            "DefineGroup" => {
                let team = pick(&model.groups, a)?;
                let mut gives = some_privileges(model, c, d);
                if b % 3 == 0 {
                    gives.extend(team.gives.iter().cloned());
                }
                let organization = if b > 240 { place } else { team.home };
                Asked::DefineGroup(DefineGroup { organization, group: team.id, name: name("Group"), gives })
            }
            "AddGroupOwner" | "RemoveGroupOwner" | "AddGroupMember" | "RemoveGroupMember" | "DeleteGroup" => {
                let team = pick(&model.groups, a)?;
                let organization = if d > 245 { place } else { team.home };
                let seated: Vec<PrincipalId> =
                    model.seats.iter().filter(|seat| seat.place == team.home).map(|seat| seat.who).collect();
                let seated = if b > 230 { who } else { pick(&seated, b).unwrap_or(who) };
                let id = team.id;
                match self.kind {
                    "AddGroupOwner" => Asked::AddGroupOwner(AddGroupOwner { organization, group: id, owner: seated }),
                    "RemoveGroupOwner" => {
                        let owner = if c > 240 { seated } else { pick(&team.owners, b).unwrap_or(seated) };
                        Asked::RemoveGroupOwner(RemoveGroupOwner { organization, group: id, owner })
                    }
                    "AddGroupMember" => {
                        let nested = pick(&model.groups, c).map(|group| Participant::Group(group.id));
                        let participant = nested.filter(|_| d % 3 == 0).unwrap_or(Participant::Principal(seated));
                        Asked::AddGroupMember(AddGroupMember { organization, group: id, participant })
                    }
                    "RemoveGroupMember" => {
                        let participant = pick(&team.members, c).unwrap_or(Participant::Principal(seated));
                        Asked::RemoveGroupMember(RemoveGroupMember { organization, group: id, participant })
                    }
                    _ => Asked::DeleteGroup(DeleteGroup { organization, group: id }),
                }
            }
            "LinkGroup" => {
                if model.links.len() >= 6 {
                    return None;
                }
                let team = pick(&model.groups, a)?;
                let below: Vec<OrganizationId> =
                    places.iter().copied().filter(|id| model.is_above(team.home, *id)).collect();
                let target = if d % 5 == 0 { pick(&places, b) } else { pick(&below, b) }?;
                let terms = self.terms(model, &team.gives, target);
                let source = if d > 245 { place } else { team.home };
                let id = next(&mut pools.links, link);
                Asked::LinkGroup(LinkGroup { link: id, source, group: team.id, target, terms })
            }
            "ChangeLink" => {
                let tie = pick(&model.links, a)?;
                let gives = model.group(tie.group)?.gives.clone();
                let terms = self.terms(model, &gives, tie.target);
                Asked::ChangeLink(ChangeLink { source: tie.source, group: tie.group, target: tie.target, terms })
            }
            "EndLink" => {
                let tie = pick(&model.links, a)?;
                let organization = match b % 8 {
                    0 => place,
                    1..=4 => tie.source,
                    _ => tie.target,
                };
                Asked::EndLink(EndLink { organization, link: tie.id })
            }
            "OptOutOfLink" => {
                let tie = pick(&model.links, a)?;
                let reached: Vec<OrganizationId> =
                    places.iter().copied().filter(|id| model.reaches(&tie, *id)).collect();
                let organization = if d % 8 == 0 { place } else { pick(&reached, b).unwrap_or(place) };
                Asked::OptOutOfLink(OptOutOfLink { organization, link: tie.id })
            }
            "OptInToLink" => {
                let out: Vec<(OrganizationId, LinkId)> = model
                    .links
                    .iter()
                    .flat_map(|tie| tie.opted_out.iter().map(|id| (*id, tie.id)))
                    .filter(|(id, _)| places.contains(id))
                    .collect();
                let (organization, link) = pick(&out, a)?;
                let organization = if d % 4 == 0 { place } else { organization };
                Asked::OptInToLink(OptInToLink { organization, link })
            }
            "Invite" => {
                let team = pick(&model.groups, a)?;
                let number = PEOPLE[usize::from(b) % PEOPLE.len()];
                let typed = letter_box(number);
                let typed = if d % 2 == 0 { typed } else { address(&typed.typed().to_uppercase()) };
                let id = next(&mut pools.invitations, invitation);
                let secret = u8::try_from(pools.tokens.len() + 1).unwrap();
                let secret = if d == 0 { 1 } else { secret };
                pools.tokens.push((id, secret, typed.clone()));
                Asked::Invite(Invite {
                    invitation: id,
                    organization: team.home,
                    group: team.id,
                    address: typed,
                    role: if c % 2 == 0 { GroupRole::Member } else { GroupRole::Owner },
                    token: token(secret).hash(),
                    lifetime: match d % 5 {
                        0 => Some(Period::seconds(3600).unwrap()),
                        1 => Some(Period::seconds(91 * 86_400).unwrap()).filter(|_| d > 128),
                        _ => None,
                    },
                    other_role: if d % 3 == 0 { OtherRole::Refuse } else { OtherRole::Replace },
                })
            }
            "ResendInvitation" | "RevokeInvitation" | "DeclineInvitation" | "AcceptInvitation" => {
                self.answer(model, place, pools)?
            }
            "CreateProject" => {
                let project = next(&mut pools.projects, project);
                Asked::CreateProject(CreateProject { organization: place, project, name: name("Project") })
            }
            "AddProjectMember" | "RemoveProjectMember" | "DeleteProject" => {
                let job = pick(&model.projects, a)?;
                let seated: Vec<PrincipalId> =
                    model.seats.iter().filter(|seat| seat.place == job.place).map(|seat| seat.who).collect();
                let organization = if d > 245 { place } else { job.place };
                let (project, seated) = (job.id, if b > 230 { who } else { pick(&seated, b).unwrap_or(who) });
                match self.kind {
                    "AddProjectMember" => {
                        Asked::AddProjectMember(AddProjectMember { organization, project, principal: seated })
                    }
                    "RemoveProjectMember" => {
                        let principal = pick(&job.members, c).unwrap_or(seated);
                        Asked::RemoveProjectMember(RemoveProjectMember { organization, project, principal })
                    }
                    _ => Asked::DeleteProject(DeleteProject { organization, project }),
                }
            }
            "ShareResource" => {
                let below: Vec<OrganizationId> =
                    places.iter().copied().filter(|id| model.is_above(place, *id)).collect();
                let target = if d % 5 == 0 { pick(&places, b)? } else { pick(&below, b)? };
                let kind =
                    if c % 5 == 0 { ResourceKind::Gateway } else { ResourceKind::Custom("report".parse().unwrap()) };
                let resource = ResourceId::from_u128(0x1200_0000 + u128::from(c % 3)).unwrap();
                Asked::ShareResource(ShareResource(Share { resource, kind, source: place, target }))
            }
            "UnshareResource" => {
                let Share { resource, source, target, .. } = pick(&model.shares, a)?;
                let source = if d % 4 == 0 { place } else { source };
                Asked::UnshareResource(UnshareResource { resource, source, target })
            }
            "OfferAttachment" => {
                let offer = next(&mut pools.offers, offer);
                let counterpart = if c % 5 == 0 { pick(&places, b)? } else { organization(500) };
                let side = if d % 3 == 0 { OfferSide::Joining } else { OfferSide::Taking };
                Asked::OfferAttachment(OfferAttachment { offer, organization: place, counterpart, side })
            }
            "WithdrawOffer" => {
                let (offer, home) = pick(&model.offers, a)?;
                let organization = if d % 4 == 0 { place } else { home };
                Asked::WithdrawOffer(WithdrawOffer { organization, offer })
            }
            "ApplyReview" => {
                let mut review = tree.begin_review(place, at);
                let reviewers: Vec<PrincipalId> = PEOPLE.iter().map(|number| principal(*number)).collect();
                for (index, (line, judged)) in review.lines.iter_mut().enumerate() {
                    let own = RosterSubject::Principal(reviewers[0]);
                    let reviewer = if line.subject == own && d > 8 { reviewers[1] } else { reviewers[0] };
                    let revoke = (u32::from(c) | u32::from(b) << 8) >> (index % 16) & 3 == 3;
                    let verdict = if revoke { Verdict::Revoke } else { Verdict::Keep };
                    *judged = (d > 16 || index > 0).then_some((reviewer, verdict));
                }
                Asked::ApplyReview(ApplyReview { review })
            }
            other => unreachable!("{other}"),
        };
        let from = asked.home(model).unwrap_or(place);
        Some((asked, from))
    }

    fn terms(&self, model: &Naive, gives: &[Privilege], target: OrganizationId) -> LinkTerms {
        let Self { a, b, c, d, .. } = *self;
        let below: Vec<OrganizationId> =
            model.places.iter().map(|place| place.id).filter(|id| model.is_above(target, *id)).collect();
        let narrowed = match c % 4 {
            0 => pick(gives, d).map(|one| [one].into()),
            1 => Some([some_privilege(model, a ^ d)].into()),
            _ => None,
        };
        LinkTerms {
            gives: narrowed.map_or(LinkGives::Inherit, LinkGives::Narrowed),
            makes_owners: c % 3 == 0,
            reach: match d % 3 {
                0 => Reach::Target,
                1 => Reach::Children,
                _ => Reach::Subtree,
            },
            future: b % 2 == 0,
            exclusions: pick(&below, a).filter(|_| b % 3 == 0).into_iter().collect(),
            window: some_window(model.at, a / 2 + b / 3),
        }
    }

    fn answer(&self, model: &Naive, place: OrganizationId, pools: &mut Pools) -> Option<Asked> {
        let Self { a, b, c, d, .. } = *self;
        let pending: Vec<InvitationId> = model
            .invitations
            .iter()
            .filter(|letter| model.is_pending(letter, model.at))
            .map(|letter| letter.id)
            .collect();
        let all: Vec<InvitationId> = model.invitations.iter().map(|letter| letter.id).collect();
        let id = if c % 4 == 0 { pick(&all, a)? } else { pick(&pending, a).or_else(|| pick(&all, a))? };
        let letter = model.letter(id)?.clone();
        let sent: Vec<(u8, Address)> = pools
            .tokens
            .iter()
            .filter(|(other, ..)| *other == id)
            .map(|(_, secret, to)| (*secret, to.clone()))
            .collect();
        let (secret, to) = sent.last()?.clone();
        let stray = letter_box(PEOPLE[usize::from(b) % PEOPLE.len()]);
        let organization = if d > 245 { place } else { letter.place };
        Some(match self.kind {
            "ResendInvitation" => {
                let fresh = u8::try_from(pools.tokens.len() + 1).unwrap();
                let fresh = if d == 0 { secret } else { fresh };
                pools.tokens.push((id, fresh, to));
                let (token, lifetime) = (token(fresh).hash(), None);
                Asked::ResendInvitation(ResendInvitation {
                    organization,
                    group: letter.group,
                    invitation: id,
                    token,
                    lifetime,
                })
            }
            "RevokeInvitation" => Asked::RevokeInvitation(RevokeInvitation { organization, invitation: id }),
            "DeclineInvitation" => {
                let address = if d % 8 == 0 { stray } else { to };
                Asked::DeclineInvitation(DeclineInvitation { invitation: id, address })
            }
            _ => {
                // Now and then an older token, another's address, or one that is not verified.
                let number = if d % 8 == 1 { sent[0].0 } else { secret };
                let address = if d % 8 == 0 { stray } else { to };
                Asked::AcceptInvitation(Accept { number, address, verified: d % 8 != 2 })
            }
        })
    }
}

fn next<T>(number: &mut u128, make: fn(u128) -> T) -> T {
    *number += 1;
    make(*number - 1)
}

impl Asked {
    /// Where one would act from to ask for it.
    fn home(&self, model: &Naive) -> Option<OrganizationId> {
        let parent = |id: OrganizationId| model.place(id).and_then(|place| place.parent).unwrap_or(model.root);
        macro_rules! homes {
            ($($name:ident),* $(,)?) => {
                match self {
                    Self::DeleteOrganization(c) => parent(c.organization),
                    Self::AssignCapability(c) => parent(c.organization),
                    Self::WithdrawCapability(c) => parent(c.organization),
                    Self::LinkGroup(c) => c.source,
                    Self::ChangeLink(c) => c.source,
                    $(Self::$name(c) => c.organization,)*
                    _ => return None,
                }
            };
        }
        Some(homes! {
            MoveOrganization, DeactivateOrganization, ReactivateOrganization, AddMember, SuspendMember, RestoreMember,
            TransferOwnership, RemoveMember, GrantPrivilege, RevokePrivilege, DefineRole, DeleteRole, CreateGroup,
            DefineGroup, AddGroupOwner, RemoveGroupOwner, AddGroupMember, RemoveGroupMember, DeleteGroup, EndLink,
            OptOutOfLink, OptInToLink, Invite, ResendInvitation, RevokeInvitation, AddProjectMember,
            RemoveProjectMember, DeleteProject, WithdrawOffer,
        })
    }
}

impl Step {
    /// Who asks, and from where: mostly someone who may, as far as the model knows.
    pub(super) fn context(
        &self,
        model: &Naive,
        asked: &Asked,
        home: OrganizationId,
        at: Timestamp,
        key: CommitKey,
    ) -> Context {
        let everyone: Vec<PrincipalId> = PEOPLE
            .iter()
            .map(|number| principal(*number))
            .chain(model.principals.iter().filter(|(_, home)| home.is_some()).map(|(id, _)| *id))
            .collect();
        let random = everyone[usize::from(self.actor) % everyone.len()];
        if self.actor > 235 {
            return Context::principal(random, home, at, key);
        }
        if self.actor > 230 {
            return Context::newcomer(random, at, key);
        }
        let turned = usize::from(self.actor) % everyone.len();
        let in_turn = everyone[turned..].iter().chain(&everyone[..turned]);
        let newcomers = matches!(asked, Asked::AcceptInvitation(_) | Asked::DeclineInvitation(_));
        let mut owner = None;
        for who in in_turn {
            let mut ways = vec![Context::principal(*who, home, at, key)];
            if newcomers {
                ways.insert(0, Context::newcomer(*who, at, key));
            }
            for context in ways {
                if model.objections(&context, asked).0.is_empty() {
                    return context;
                }
            }
            if owner.is_none() && holds_any(&model.held(*who, home, at, super::naive::DORMANT)) {
                owner = Some(*who);
            }
        }
        let operator = Context::operator(operator(), at, key);
        if model.objections(&operator, asked).0.is_empty() {
            return operator;
        }
        Context::principal(owner.unwrap_or(random), home, at, key)
    }
}
