//! DEL: deactivation and deletion.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::support::*;

fn delete(organization: OrganizationId, mode: DeletionMode, evidence: Evidence) -> DeleteOrganization {
    DeleteOrganization { organization, evidence, mode }
}

/// A hard deletion that nothing outside stands against.
fn remove(world: &World, organization: OrganizationId) -> DeleteOrganization {
    delete(organization, DeletionMode::Hard, Evidence::none(world.at))
}

fn blocked(blockers: &[(BlockerKind, u64)]) -> DeletionError {
    let blocker = |(kind, count): &(BlockerKind, u64)| Blocker { kind: kind.clone(), count: *count };
    DeletionError::Blocked { blockers: blockers.iter().map(blocker).collect() }
}

// spec: DEL-1
#[test]
fn nobody_deletes_the_organization_they_act_from() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    for mode in [DeletionMode::Soft, DeletionMode::Hard] {
        let own = delete(site, mode, Evidence::none(world.at));
        let refusal = world.run(ada(), site, &own).unwrap_err();
        assert_eq!(refusal.into_rule(), Some(DeletionError::ActingFrom { organization: site }));
        // Nor one above it: the ground would go from under their feet.
        let above = delete(contoso, mode, Evidence::none(world.at));
        let refusal = world.run(ada(), site, &above).unwrap_err();
        assert_eq!(refusal.into_rule(), Some(DeletionError::ActingFrom { organization: contoso }));
    }
    let hard = remove(&world, site);
    world.run(ada(), contoso, &hard).unwrap();
}

// spec: DEL-1
#[test]
fn whoever_deletes_owns_the_target() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[contoso]);
    world.grant(grace, "owner", root());
    for claim in ["organizations.hard_delete", "organizations.deactivate"] {
        world.grant(grace, claim, contoso);
    }
    for mode in [DeletionMode::Soft, DeletionMode::Hard] {
        let command = delete(contoso, mode, Evidence::none(world.at));
        let refusal = world.run(grace, root(), &command).unwrap_err();
        assert!(refusal.to_string().contains("ownership in the organization"), "{refusal}");
    }
    world.grant(grace, "owner", contoso);
    let hard = remove(&world, contoso);
    world.run(grace, root(), &hard).unwrap();
}

// spec: DEL-2
#[test]
fn the_refusal_lists_every_blocker_with_its_count() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    world.child(3, contoso, "Site");
    world.child(4, contoso, "Plant");
    let own = BlockerKind::Custom("open tickets".parse().unwrap());
    let mut evidence = Evidence::none(world.at).with(own.clone(), 9);
    let mut expected = vec![(BlockerKind::ChildOrganizations, 2)];
    for (count, kind) in (1..).zip(BlockerKind::COUNTED) {
        evidence = evidence.with(kind.clone(), count);
        expected.push((kind.clone(), count));
    }
    expected.push((own, 9));
    for mode in [DeletionMode::Soft, DeletionMode::Hard] {
        let refusal = world.ada(&delete(contoso, mode, evidence.clone())).unwrap_err();
        let sentence = refusal.to_string();
        assert!(sentence.starts_with("in the way: 2 child organizations, 1 hosts, 2 backup reports"), "{sentence}");
        assert!(sentence.ends_with("8 recordings under legal hold, 9 open tickets"), "{sentence}");
        assert_eq!(refusal.into_rule(), Some(blocked(&expected)));
    }
    // Each alone is enough.
    let site = organization(3);
    for kind in BlockerKind::COUNTED {
        let evidence = Evidence::none(world.at).with(kind.clone(), 1);
        let refusal = world.ada(&delete(site, DeletionMode::Soft, evidence)).unwrap_err();
        assert_eq!(refusal.into_rule(), Some(blocked(&[(kind.clone(), 1)])));
    }
    world.ada(&delete(site, DeletionMode::Soft, Evidence::none(world.at))).unwrap();
}

// spec: DEL-2
#[test]
fn what_the_crate_knows_it_counts_itself() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    world.child(3, contoso, "Site");
    let false_counts =
        Evidence::none(world.at).with(BlockerKind::ChildOrganizations, 0).with(BlockerKind::ActiveSubscription, 7);
    let refusal = world.ada(&delete(contoso, DeletionMode::Soft, false_counts)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(blocked(&[(BlockerKind::ChildOrganizations, 1)])));
}

// spec: DEL-2
#[test]
fn a_subscription_that_is_not_over_blocks_the_deletion_of_its_root() {
    let mut world = World::new();
    let subscribed = Some(blocked(&[(BlockerKind::ActiveSubscription, 1)]));
    let status = |world: &mut World, status, term| {
        let plan = "Enterprise".parse().unwrap();
        world.operate(&RecordSubscription { root: root(), plan, status, term }).unwrap();
    };
    let hard = remove(&world, root());
    use SubscriptionStatus::{Active, Cancelled, PastDue, Trial};
    for open in [Trial, Active, PastDue] {
        status(&mut world, open, Window::ALWAYS);
        assert_eq!(world.operate(&hard).unwrap_err().into_rule(), subscribed);
    }
    let end = world.at + minutes(1);
    status(&mut world, Active, Window::until(end));
    assert_eq!(world.operate(&hard).unwrap_err().into_rule(), subscribed);
    let mut over = world.clone();
    over.pass(minutes(1));
    over.operate(&hard).unwrap();
    status(&mut world, Cancelled, Window::ALWAYS);
    world.operate(&hard).unwrap();
    assert_eq!(world.tree.organizations().count(), 0);
}

// spec: DEL-2
// abuse: 68
#[test]
fn counts_are_no_older_than_five_minutes_and_none_is_missing() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let counted = world.at;
    world.pass(minutes(5));
    let soft = |as_of| delete(contoso, DeletionMode::Soft, Evidence::none(as_of));
    let moment = chrono::TimeDelta::nanoseconds(1);
    let stale = |as_of| Some(DeletionError::StaleEvidence { as_of, oldest: counted });
    let early = counted - moment;
    assert_eq!(world.ada(&soft(early)).unwrap_err().into_rule(), stale(early));
    let ahead = world.at + moment;
    assert_eq!(world.ada(&soft(ahead)).unwrap_err().into_rule(), stale(ahead), "nor of the future");

    let nothing = Evidence { as_of: world.at, counts: [(BlockerKind::Hosts, 0)].into() };
    let kinds = BlockerKind::COUNTED.iter().filter(|kind| **kind != BlockerKind::Hosts).cloned().collect();
    let refusal = world.ada(&delete(contoso, DeletionMode::Soft, nothing)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(DeletionError::MissingEvidence { kinds }));
    world.ada(&soft(counted)).unwrap();

    let rules = Rules::custom().evidence_age(Period::seconds(60).unwrap()).build().unwrap();
    let mut strict = World::with(rules);
    let contoso = strict.child(2, root(), "Contoso");
    strict.pass(minutes(1));
    let too_old = delete(contoso, DeletionMode::Soft, Evidence::none(strict.at - minutes(1) - moment));
    assert_eq!(strict.ada(&too_old).unwrap_err().code(), "deletion.stale_evidence");
}

// spec: DEL-3
#[test]
fn deleting_deactivates_by_default() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let soft = delete(contoso, DeletionMode::default(), Evidence::none(world.at));
    world.ada(&soft).unwrap();
    assert!(!world.tree.organization(contoso).unwrap().is_itself_active());
    let refusal = world.ada(&soft).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(DeletionError::AlreadyInactive { organization: contoso }));
    // Afterwards it can still be removed for good.
    let hard = remove(&world, contoso);
    world.ada(&hard).unwrap();
    assert!(world.tree.organization(contoso).is_none());
}

// Every owner holds the claim; where the embedder puts one of their own in its row, that is
// what is asked for.
// spec: DEL-3
#[test]
fn removing_for_good_takes_the_claim_besides_and_no_hosts() {
    let row = Operation::HardDeleteOrganization.requirement();
    let demands = [
        Demand { authority: Authority::Owner, place: Place::Organization },
        Demand { authority: Authority::Claim("organizations.hard_delete"), place: Place::Organization },
    ];
    assert_eq!(row.first().unwrap(), &demands);
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    assert!(world.may(ada(), "organizations.hard_delete", contoso));
    let hosts = Evidence::none(world.at).with(BlockerKind::Hosts, 1);
    let refusal = world.ada(&delete(contoso, DeletionMode::Hard, hosts)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(blocked(&[(BlockerKind::Hosts, 1)])));
    let hard = remove(&world, contoso);
    world.ada(&hard).unwrap();
}

/// Contoso with something of every kind in it.
fn furnished() -> (World, OrganizationId) {
    let own = ResourceKind::Custom("template".parse().unwrap());
    let mut world = World::with(Rules::custom().resource(own.clone(), Flow::Down).build().unwrap());
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[contoso]);
    let base = world.team(1, root(), "Base", &["backups.view"]);
    let (team, outer) = (world.team(2, contoso, "Team", &["backups.view"]), world.team(3, contoso, "Outer", &[]));
    world.join(grace, team);
    world.link(1, base, contoso, LinkTerms::default());
    for nested in [base, team] {
        let participant = Participant::Group(nested);
        world.ada(&AddGroupMember { organization: contoso, group: outer, participant }).unwrap();
    }
    let claims = ["backups.view".parse().unwrap()].into();
    world.ada(&DefineRole { organization: contoso, role: role(1), name: name("Ops"), claims }).unwrap();
    let (principal, window) = (grace, Window::ALWAYS);
    let privilege = Privilege::Role(RoleRef::Defined(role(1)));
    world.ada(&GrantPrivilege { organization: contoso, principal, privilege, window }).unwrap();
    world.ada(&CreateProject { organization: contoso, project: project(1), name: name("Project") }).unwrap();
    let resource = ResourceId::from_u128(1).unwrap();
    world.ada(&ShareResource(Share { resource, kind: own, source: root(), target: contoso })).unwrap();
    let capability: CapabilityName = "reporting".parse().unwrap();
    let until = None;
    world.operate(&AssignCapability { organization: root(), capability: capability.clone(), until }).unwrap();
    world.ada(&AssignCapability { organization: contoso, capability, until }).unwrap();
    let invite = Invite {
        invitation: invitation(1),
        organization: contoso,
        group: team,
        address: address("new@people.example"),
        role: GroupRole::Member,
        token: token(1).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    };
    world.ada(&invite).unwrap();
    let (organization, counterpart, side) = (contoso, organization(70), OfferSide::Taking);
    world.ada(&OfferAttachment { offer: offer(1), organization, counterpart, side }).unwrap();
    let description = Edit::Set("Bakes bread.".parse().unwrap());
    world.ada(&EditOrganization { description, ..EditOrganization::of(contoso) }).unwrap();
    let identity = principal_of_a_machine();
    let person = Person::named(name("Robot"));
    world.ada(&CreateMachineIdentity { organization: contoso, identity, person }).unwrap();
    (world, contoso)
}

fn principal_of_a_machine() -> PrincipalId {
    principal(10)
}

// spec: DEL-4
// abuse: 71
#[test]
fn a_hard_deletion_ends_everything_in_one_commit_that_names_each() {
    let (mut world, contoso) = furnished();
    let (grace, version) = (principal(2), world.tree.version());
    let hard = remove(&world, contoso);
    world.ada(&hard).unwrap();
    assert_eq!(world.tree.version(), version.next());

    let changes = world.log.last().unwrap();
    let events: Vec<&Event> = changes.recorded.events.iter().collect();
    let organization = contoso;
    let named = |event: Event| assert_eq!(events.iter().filter(|other| ***other == event).count(), 1, "{event:?}");
    let source = root();
    named(LinkEvent::Ended { link: link(1), source, target: contoso }.into());
    for nested in [group(1), group(2)] {
        let participant = Participant::Group(nested);
        named(GroupEvent::MemberRemoved { organization, group: group(3), participant }.into());
    }
    for number in [2, 3] {
        named(GroupEvent::Deleted { organization, group: group(number) }.into());
    }
    named(InvitationEvent::Revoked { organization, invitation: invitation(1) }.into());
    named(ProjectEvent::Deleted { organization, project: project(1) }.into());
    let resource = ResourceId::from_u128(1).unwrap();
    named(ResourceEvent::Unshared { resource, source, target: contoso }.into());
    named(OfferEvent::Withdrawn { organization, offer: offer(1) }.into());
    named(RoleEvent::Deleted { organization, role: role(1) }.into());
    named(CapabilityEvent::Withdrawn { organization, capability: "reporting".parse().unwrap() }.into());
    named(GrantEvent::Revoked { organization, principal: ada(), privilege: Privilege::OWNER }.into());
    for principal in [ada(), grace, principal_of_a_machine()] {
        named(MemberEvent::Removed { organization, principal }.into());
    }
    assert_eq!(events.last(), Some(&&Event::from(DeletionEvent::Deleted { organization })), "the last of all");
    let erased: BTreeSet<RecordKey> =
        changes.records.iter().filter(|(_, record)| record.is_none()).map(|(key, _)| *key).collect();
    assert!(erased.contains(&RecordKey::Description(contoso)) && erased.contains(&RecordKey::Invitee(invitation(1))));

    // Nothing of it is left, and what was above is as it was.
    assert!(world.tree.organization(contoso).is_none() && world.tree.member(contoso, grace).is_none());
    assert!(world.tree.group(group(2)).is_none() && world.tree.role(role(1)).is_none());
    assert!(world.tree.link(link(1)).is_none() && world.tree.invitation(invitation(1)).is_none());
    assert!(world.tree.group(group(1)).is_some());
    assert!(!world.tree.access().reaches(grace, contoso, world.at));
    assert_eq!(world.tree.invitations_to(address("new@people.example").key()).count(), 0);
    let accept = AcceptInvitation {
        token: token(1),
        address: address("new@people.example"),
        verified: true,
        name: name("Newcomer"),
    };
    let refusal = world.newcomer(principal(5), &accept).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(Precondition::NotFound { what: "invitation" }.into()));
    assert!(world.replayed() == world.tree);
}

// spec: DEL-5
#[test]
fn a_deactivated_organization_comes_back_as_it_was() {
    let (mut world, contoso) = furnished();
    let grace = principal(2);
    let before = world.tree.clone();
    world.ada(&delete(contoso, DeletionMode::Soft, Evidence::none(world.at))).unwrap();
    let back = ReactivateOrganization { organization: contoso };
    // It takes an owner of it, whatever else one holds.
    world.grant(grace, "organizations.deactivate", root());
    assert_eq!(world.run(grace, root(), &back).unwrap_err().kind(), Kind::Forbidden);
    world.ada(&back).unwrap();
    let refusal = world.ada(&back).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(DeletionError::AlreadyActive { organization: contoso }));

    let tree = &world.tree;
    assert_eq!(tree.organization(contoso), before.organization(contoso));
    assert!(tree.members(contoso).eq(before.members(contoso)));
    assert!(tree.groups(contoso).eq(before.groups(contoso)));
    assert!(tree.links_into(contoso).eq(before.links_into(contoso)));
    assert!(tree.projects(contoso).eq(before.projects(contoso)));
    assert!(tree.pending_invitations(contoso, world.at).eq([invitation(1)]));
    let claims = |tree: &OrganizationTree| tree.access().claims(grace, contoso, world.at);
    assert_eq!(claims(tree), claims(&before));
}

// spec: DEL-5
#[test]
fn one_below_a_deactivated_organization_can_be_reactivated_and_rests_until_that_is() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    world.run(ada(), contoso, &DeactivateOrganization { organization: site, with_descendants: false }).unwrap();
    world.ada(&DeactivateOrganization { organization: contoso, with_descendants: false }).unwrap();
    world.ada(&ReactivateOrganization { organization: site }).unwrap();
    assert!(!world.tree.is_active(site));
    world.ada(&ReactivateOrganization { organization: contoso }).unwrap();
    assert!(world.tree.is_active(site));
}

// Not even the operator deletes what is not there.
// spec: DEL-1
#[test]
fn what_is_not_there_is_not_deleted() {
    let mut world = World::new();
    for mode in [DeletionMode::Soft, DeletionMode::Hard] {
        let delete = DeleteOrganization { organization: organization(70), evidence: Evidence::none(world.at), mode };
        let refusal = world.operate(&delete).unwrap_err();
        let missing = Precondition::NotFound { what: "organization" };
        assert_eq!(refusal.into_rule(), Some(DeletionError::Precondition(missing)));
    }
}
