//! HIE-4 to HIE-7 and HIE-12: trees that begin, join and part.

use bailiwick::*;

use crate::support::*;
use crate::things::*;

/// The root of the other tree.
fn other_root() -> OrganizationId {
    organization(60)
}

/// A tree of the same service that knows nothing of the first; it has no subscription.
fn detached(owner: PrincipalId) -> World {
    World::founded(other_root(), "Detached", owner)
}

fn attachment(new_parent: OrganizationId) -> AttachOrganization {
    AttachOrganization { organization: other_root(), new_parent }
}

/// Commits both parts, each to its tree.
fn settle(world: &mut World, other: &mut World, joint: Joint) -> Preflight {
    for part in joint.commit.parts() {
        let side = if part.root() == world.tree.root() { &mut *world } else { &mut *other };
        side.commit(part.clone());
    }
    joint.preflight
}

fn attach(world: &mut World, other: &mut World, new_parent: OrganizationId) -> Preflight {
    let joint = world.tree.attach(&other.tree, &world.context(ada(), new_parent), &attachment(new_parent)).unwrap();
    settle(world, other, joint)
}

fn detaching(organization: OrganizationId) -> DetachOrganization {
    DetachOrganization { organization, sever: true }
}

fn detach(world: &mut World, organization: OrganizationId) -> World {
    let mut other = World::of(OrganizationTree::empty(organization, world.tree.domain().clone()), world.at);
    detach_again(world, &mut other, organization);
    other
}

/// Detaches what was a tree before, and goes on where that ended.
fn detach_again(world: &mut World, other: &mut World, organization: OrganizationId) {
    let joint = world.tree.detach(&world.context(ada(), root()), &detaching(organization)).unwrap();
    settle(world, other, joint);
}

fn blocked(obstacles: &[Obstacle]) -> Option<RelocationError> {
    Some(RelocationError::Blocked { obstacles: obstacles.to_vec() })
}

fn invite(number: u8, organization: OrganizationId, group: GroupId, to: &str) -> Invite {
    Invite {
        invitation: invitation(u128::from(number)),
        organization,
        group,
        address: address(to),
        role: GroupRole::Member,
        token: token(number).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    }
}

fn accept(number: u8, to: &str) -> AcceptInvitation {
    AcceptInvitation { token: token(number), address: address(to), verified: true, name: name("Newcomer") }
}

// spec: HIE-4
#[test]
fn a_detached_organization_begins_a_tree_that_shares_nothing() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[contoso]);
    world.grant(grace, "owner", contoso);
    let before = world.tree.clone();
    let found = FoundDetached { root: other_root(), name: name("Detached"), secret: secret() };
    let changes = world.tree.found_detached(&world.context(grace, contoso), &found).unwrap();
    assert!(world.tree == before);
    let mut other = World::of(OrganizationTree::empty(other_root(), world.tree.domain().clone()), world.at);
    other.commit(changes);
    assert_eq!(other.tree.root(), other_root());
    assert_eq!(other.tree.organization(other_root()).unwrap().parent(), None);
    assert!(other.owns(grace, other_root()) && other.tree.subscription().is_none());
    assert_eq!(other.tree.principals().collect::<Vec<_>>(), [grace]);
    assert!(other.tree.organization(contoso).is_none() && world.tree.organization(other_root()).is_none());
    let recorded = &other.log[0].recorded;
    assert_eq!((recorded.acting, recorded.version), (None, Version::new(1)), "not even where it was founded from");
}

// spec: HIE-4
#[test]
fn founding_a_detached_one_takes_an_owner_of_the_acting_organization_who_is_a_person() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    let found = FoundDetached { root: other_root(), name: name("Detached"), secret: secret() };
    let refusal = world.tree.found_detached(&world.context(grace, root()), &found).unwrap_err();
    assert_eq!(refusal.kind(), Kind::Forbidden);
    let refusal = world.tree.found_detached(&world.context(ada(), organization(99)), &found).unwrap_err();
    assert_eq!(refusal.kind(), Kind::NotFound);
    let person = Person::named(name("Robot"));
    world.ada(&CreateMachineIdentity { organization: root(), identity: principal(10), person }).unwrap();
    world.grant(principal(10), "owner", root());
    let refusal = world.tree.found_detached(&world.context(principal(10), root()), &found).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(OrganizationError::NoOwner));
    let taken = FoundDetached { root: root(), ..found.clone() };
    let refusal = world.tree.found_detached(&world.context(ada(), root()), &taken).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(Precondition::IdAlreadyUsed { id: root().uuid() }.into()));

    // Ownership counts now, not at an instant that is chosen.
    let window = Window::until(world.at + minutes(5));
    let (organization, privilege) = (root(), Privilege::OWNER);
    world.ada(&GrantPrivilege { organization, principal: grace, privilege, window }).unwrap();
    world.pass(minutes(5));
    world.ada(&EditOrganization { name: Some(name("Fabrikam Inc")), ..EditOrganization::of(root()) }).unwrap();
    let earlier = Context::principal(grace, root(), world.at - minutes(1), world.key());
    assert_eq!(world.tree.found_detached(&earlier, &found).unwrap_err().code(), "time.went_back");
    world.ada(&DeactivateOrganization { organization: root(), with_descendants: false }).unwrap();
    let refusal = world.tree.found_detached(&world.context(ada(), root()), &found).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(Precondition::Inactive { organization: root() }.into()));
}

/// A detached tree with a child, a group, a link, a project, an invitation and people.
fn furnished() -> World {
    let mut other = detached(ada());
    other.subscribe("Enterprise", Window::ALWAYS);
    let site = other.child(61, other_root(), "Site");
    let grace = other.user(2, "Grace", &[site]);
    let team = other.team(61, other_root(), "Team", &["backups.view"]);
    other.join(grace, team);
    other.link(61, team, site, LinkTerms::default());
    other.ada(&CreateProject { organization: site, project: project(61), name: name("Project") }).unwrap();
    other.ada(&invite(61, other_root(), team, "new@people.example")).unwrap();
    let claims = ["backups.restore".parse().unwrap()].into();
    other.ada(&DefineRole { organization: other_root(), role: role(61), name: name("Ops"), claims }).unwrap();
    let privilege = Privilege::Role(RoleRef::Defined(role(61)));
    let window = Window::ALWAYS;
    other.ada(&GrantPrivilege { organization: site, principal: grace, privilege, window }).unwrap();
    let description = Edit::Set("Bakes bread.".parse().unwrap());
    other.ada(&EditOrganization { description, ..EditOrganization::of(site) }).unwrap();
    // Something that is over before, whose identifier stays used.
    other.team(62, site, "Gone", &[]);
    other.ada(&DeleteGroup { organization: site, group: group(62) }).unwrap();
    cancel(&mut other);
    other
}

fn cancel(world: &mut World) {
    let (plan, status, term) = ("Enterprise".parse().unwrap(), SubscriptionStatus::Cancelled, Window::ALWAYS);
    world.operate(&RecordSubscription { root: world.tree.root(), plan, status, term }).unwrap();
}

/// HIE-7: that what there was in [`furnished`] was used in this tree, be it there or not.
fn has_used_all(tree: &OrganizationTree) {
    let people = [ada(), principal(2)].map(PrincipalId::uuid);
    let things = [link(61).uuid(), role(61).uuid(), invitation(61).uuid(), project(61).uuid()];
    for id in [other_root().uuid(), organization(61).uuid(), group(61).uuid(), group(62).uuid()]
        .into_iter()
        .chain(people)
        .chain(things)
    {
        assert!(tree.has_used(id), "{id} was used");
    }
    assert!(!tree.has_used(group(63).uuid()));
}

/// That everything of [`furnished`] is in this tree and works.
fn is_furnished(world: &World) {
    has_used_all(&world.tree);
    let (tree, grace, site) = (&world.tree, principal(2), organization(61));
    assert_eq!(tree.organization(site).unwrap().parent(), Some(other_root()));
    assert_eq!(tree.organization(other_root()).unwrap().name().as_str(), "Detached");
    assert!(world.may(grace, "backups.view", other_root()) && world.may(grace, "backups.view", site));
    assert!(world.may(grace, "backups.restore", site) && world.owns(ada(), other_root()));
    assert!(tree.link(link(61)).is_some() && tree.role(role(61)).is_some());
    assert!(tree.projects(site).map(Project::id).eq([project(61)]));
    assert!(tree.pending_invitations(other_root(), world.at).eq([invitation(61)]));
    assert_eq!(tree.invitee(invitation(61)).unwrap().typed(), "new@people.example");
    assert_eq!(tree.person(grace).unwrap().address, Some(address("grace@people.example")));
    assert_eq!(tree.description(site).unwrap().as_str(), "Bakes bread.");
}

/// That nothing of it is.
fn is_bare(world: &World) {
    has_used_all(&world.tree);
    let (tree, grace, site) = (&world.tree, principal(2), organization(61));
    assert!(tree.organization(other_root()).is_none() && tree.organization(site).is_none());
    assert!(tree.group(group(61)).is_none() && tree.link(link(61)).is_none() && tree.role(role(61)).is_none());
    assert!(tree.invitation(invitation(61)).is_none() && tree.invitee(invitation(61)).is_none());
    assert!(tree.person(grace).is_none() && tree.description(site).is_none());
    assert!(tree.access().organizations(grace, None, world.at).is_empty());
}

// spec: HIE-5
#[test]
fn a_detached_organization_is_attached_with_its_whole_subtree_and_every_identifier() {
    let mut world = World::new();
    let mut other = furnished();
    is_furnished(&other);
    let found = attach(&mut world, &mut other, root());
    assert_eq!(found, Preflight::default());
    is_furnished(&world);
    is_bare(&other);
    assert_eq!(world.tree.path(organization(61)).collect::<Vec<_>>(), [root(), other_root(), organization(61)]);
    assert_eq!(other.tree.organizations().count(), 0);
    assert!(other.tree.subscription().is_none());
    assert!(world.tree.grants(&Feature::Invitations, world.at), "it lives on the root's from now on");
    world.newcomer(principal(7), &accept(61, "new@people.example")).unwrap();
    assert!(world.replayed() == world.tree && other.replayed() == other.tree);
    // What was used there is used here.
    let again = CreateGroup {
        organization: root(),
        group: group(62),
        name: name("Again"),
        gives: Default::default(),
        owner: ada(),
    };
    assert_eq!(world.ada(&again).unwrap_err().code(), "id.already_used");
}

// spec: HIE-5
#[test]
fn attaching_takes_an_owner_of_both_sides() {
    for (here, there) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut world = World::new();
        let contoso = world.child(2, root(), "Contoso");
        let grace = world.user(2, "Grace", &[contoso]);
        let mut other = detached(ada());
        other.subscribe("Enterprise", Window::ALWAYS);
        other.user(2, "Grace", &[]);
        cancel(&mut other);
        let owner = |organization| GrantPrivilege {
            organization,
            principal: grace,
            privilege: Privilege::OWNER,
            window: Window::ALWAYS,
        };
        if here {
            world.ada(&owner(contoso)).unwrap();
        }
        if there {
            other.subscribe("Enterprise", Window::ALWAYS);
            other.ada(&owner(other_root())).unwrap();
            cancel(&mut other);
        }
        let outcome = world.tree.attach(&other.tree, &world.context(grace, contoso), &attachment(contoso));
        match (here, there) {
            (true, true) => drop(outcome.unwrap()),
            _ => assert_eq!(outcome.unwrap_err().kind(), Kind::Forbidden),
        }
        // One who is nothing there is told nothing.
        let stranger = world.user(3, "Linus", &[contoso]);
        world.ada(&GrantPrivilege { principal: stranger, ..owner(contoso) }).unwrap();
        let outcome = world.tree.attach(&other.tree, &world.context(stranger, contoso), &attachment(contoso));
        let denial = Denial::NotFound { operation: Operation::AttachOrganization };
        assert_eq!(outcome.unwrap_err(), Refusal::Denied(denial));
    }
}

// spec: HIE-5
#[test]
fn an_attach_is_refused_with_every_reason_at_once() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    world.child(3, root(), "Detached");
    let mut other = furnished();
    other.subscribe("Enterprise", Window::ALWAYS);
    for kind in [AuthenticationKind::Scim, AuthenticationKind::Sso] {
        let configuration = Some("idp".parse().unwrap());
        other.ada(&ConfigureAuthentication { organization: other_root(), kind, configuration }).unwrap();
    }
    let expected = [
        Obstacle::TooDeep { limit: 3, level: 4 },
        Obstacle::SlugTaken { slug: "detached".parse().unwrap() },
        Obstacle::Subscribed,
        Obstacle::RootConfiguration { kind: AuthenticationKind::Sso },
        Obstacle::RootConfiguration { kind: AuthenticationKind::Scim },
    ];
    let context = world.context(ada(), contoso);
    let refusal = world.tree.attach(&other.tree, &context, &attachment(contoso)).unwrap_err();
    assert_eq!(refusal.into_rule(), blocked(&expected));
    let found = world.tree.preflight_attach(&other.tree, contoso, world.at).unwrap();
    assert_eq!(found.blockers, expected, "and can be asked for alone");
    assert!(found.blockers.iter().all(|obstacle| !obstacle.is_severable()));

    // Each is mended on its own side.
    cancel(&mut other);
    for kind in [AuthenticationKind::Scim, AuthenticationKind::Sso] {
        other.ada(&ConfigureAuthentication { organization: other_root(), kind, configuration: None }).unwrap();
    }
    let slug = Edit::Set("newcomer".parse().unwrap());
    other.ada(&EditOrganization { slug, ..EditOrganization::of(other_root()) }).unwrap();
    let found = world.tree.preflight_attach(&other.tree, root(), world.at).unwrap();
    assert_eq!(found.blockers, []);
    attach(&mut world, &mut other, root());
}

// spec: HIE-5
#[test]
fn only_a_root_is_attached_and_only_where_it_is_granted_and_active() {
    let mut world = World::new();
    let other = furnished();
    let context = world.context(ada(), root());
    let site = AttachOrganization { organization: organization(61), new_parent: root() };
    let refusal = world.tree.attach(&other.tree, &context, &site).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(RelocationError::NotRoot { organization: organization(61) }));
    // Under itself it is no newcomer.
    let own = AttachOrganization { organization: root(), new_parent: root() };
    assert!(world.tree.attach(&world.tree, &context, &own).is_err());

    let contoso = world.child(2, root(), "Contoso");
    world.ada(&DeactivateOrganization { organization: contoso, with_descendants: false }).unwrap();
    let refusal = world.tree.attach(&other.tree, &world.context(ada(), root()), &attachment(contoso)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(Precondition::Inactive { organization: contoso }.into()));
    world.subscribe("Free", Window::ALWAYS);
    let refusal = world.tree.attach(&other.tree, &context, &attachment(root())).unwrap_err();
    assert_eq!(refusal.code(), "subscription.feature_missing");
}

// An identifier that is something there and was something here is in the way.
// spec: HIE-5
// spec: HIE-7
#[test]
fn what_would_take_an_identifier_that_was_used_is_not_let_in() {
    let mut world = World::new();
    world.team(61, root(), "Mine", &[]);
    world.ada(&DeleteGroup { organization: root(), group: group(61) }).unwrap();
    let other = furnished();
    let refusal = world.tree.attach(&other.tree, &world.context(ada(), root()), &attachment(root())).unwrap_err();
    assert_eq!(refusal.into_rule(), blocked(&[Obstacle::IdTaken { count: 1 }]));
}

// spec: HIE-5
// spec: HIE-7
#[test]
fn a_subtree_leaves_comes_back_and_leaves_again() {
    let mut world = World::new();
    let mut other = furnished();
    attach(&mut world, &mut other, root());
    let ended = other.tree.version();
    for _ in 0..3 {
        world.pass(minutes(1));
        // Here something is created in it and deleted, and so is something while it is away.
        let (here, there) = (world.log.len() as u128 + 1_000, other.log.len() as u128 + 2_000);
        world.team(here, organization(61), "Here", &[]);
        world.ada(&DeleteGroup { organization: organization(61), group: group(here) }).unwrap();
        detach_again(&mut world, &mut other, other_root());
        is_bare(&world);
        is_furnished(&other);
        assert!(other.tree.version() > ended, "its versions go on from where its tree ended");
        assert!(other.tree.subscription().is_none() && other.tree.at() >= world.at);

        other.at = world.at;
        other.subscribe("Enterprise", Window::ALWAYS);
        other.team(there, other_root(), "There", &[]);
        other.ada(&DeleteGroup { organization: other_root(), group: group(there) }).unwrap();
        cancel(&mut other);
        attach(&mut world, &mut other, root());
        is_furnished(&world);
        is_bare(&other);
    }
    assert!(world.replayed() == world.tree && other.replayed() == other.tree);
}

// spec: HIE-6
#[test]
fn a_subtree_is_detached_into_a_tree_of_its_own_and_nobody_becomes_an_owner() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    let grace = world.user(2, "Grace", &[contoso]);
    world.grant(grace, "backups.view", contoso);
    let five = LevelLimit::new(5).unwrap();
    let levels = Some(five);
    world.ada(&ChangeTreeSettings { root: root(), levels, straight_invitations: Some(false) }).unwrap();
    let other = detach(&mut world, contoso);
    assert_eq!((other.tree.root(), other.tree.depth()), (contoso, 2));
    assert_eq!(other.tree.organization(contoso).unwrap().parent(), None);
    assert_eq!(other.tree.path(site).collect::<Vec<_>>(), [contoso, site]);
    assert!(other.tree.subscription().is_none() && !other.tree.settings().straight_invitations);
    assert_eq!(other.tree.settings().levels, five);
    assert!(other.owns(ada(), contoso) && other.may(grace, "backups.view", contoso) && !other.owns(grace, contoso));
    assert!(world.tree.organization(contoso).is_none() && world.tree.organization(site).is_none());
    assert_eq!(world.tree.access().organizations(ada(), None, world.at), [root()]);
    assert!(world.tree.person(grace).is_some(), "a member of the root still");
}

// spec: HIE-6
#[test]
fn detaching_takes_an_owner_of_it_and_of_its_parent() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[contoso]);
    let answer = |world: &World| world.tree.detach(&world.context(grace, root()), &detaching(contoso));
    world.grant(grace, "owner", contoso);
    assert_eq!(answer(&world).unwrap_err().kind(), Kind::Forbidden);
    world.grant(grace, "owner", root());
    answer(&world).unwrap();
    world.ada(&RevokePrivilege { organization: contoso, principal: grace, privilege: Privilege::OWNER }).unwrap();
    assert_eq!(answer(&world).unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(
        world.tree.preflight_detach(root(), world.at).unwrap_err(),
        RelocationError::IsRoot { organization: root() }
    );
}

// spec: HIE-6
// abuse: 56
#[test]
fn what_a_detached_subtree_leaned_on_is_found_and_severed() {
    let template = ResourceKind::Custom("template".parse().unwrap());
    let mut world = World::with(Rules::custom().resource(template.clone(), Flow::Down).build().unwrap());
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[contoso]);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    let wide = world.team(4, root(), "Wide", &["owner"]);
    let local = world.team(2, contoso, "Local", &["backups.restore"]);
    world.join(grace, team);
    world.join(grace, wide);
    world.link(1, team, contoso, LinkTerms::default());
    world.link(2, wide, contoso, LinkTerms { makes_owners: true, ..LinkTerms::default() });
    let participant = Participant::Group(team);
    world.ada(&AddGroupMember { organization: contoso, group: local, participant }).unwrap();
    let claims = ["backups.delete".parse().unwrap()].into();
    world.ada(&DefineRole { organization: root(), role: role(1), name: name("Ops"), claims }).unwrap();
    let privilege = Privilege::Role(RoleRef::Defined(role(1)));
    let window = Window::ALWAYS;
    world.ada(&GrantPrivilege { organization: contoso, principal: grace, privilege, window }).unwrap();
    let capability: CapabilityName = "reporting".parse().unwrap();
    world.operate(&AssignCapability { organization: root(), capability: capability.clone(), until: None }).unwrap();
    world.ada(&AssignCapability { organization: contoso, capability: capability.clone(), until: None }).unwrap();
    let resource = ResourceId::from_u128(1).unwrap();
    world.ada(&ShareResource(Share { resource, kind: template, source: root(), target: contoso })).unwrap();
    let robot = principal(10);
    let person = Person::named(name("Robot"));
    world.ada(&CreateMachineIdentity { organization: root(), identity: robot, person }).unwrap();
    world.ada(&AddMember { organization: contoso, principal: robot, person: None }).unwrap();

    let expected = [
        Obstacle::Link { link: link(1) },
        Obstacle::Link { link: link(2) },
        Obstacle::Nesting { group: local, nested: team },
        Obstacle::Role { role: role(1) },
        Obstacle::Capability { organization: contoso, capability: capability.clone() },
        Obstacle::Resource { resource, organization: contoso },
        Obstacle::MachineIdentity { principal: robot, organization: contoso },
    ];
    let found = world.tree.preflight_detach(contoso, world.at).unwrap();
    assert_eq!(found.blockers, expected);
    assert_eq!(found.warnings, [Obstacle::OwnerThroughGroup { principal: grace, organization: contoso }]);
    let asked = DetachOrganization { organization: contoso, sever: false };
    let refusal = world.tree.detach(&world.context(ada(), root()), &asked).unwrap_err();
    assert_eq!(refusal.into_rule(), blocked(&expected));

    let other = detach(&mut world, contoso);
    let events = &world.log.last().unwrap().recorded.events;
    for number in [1, 2] {
        let ended = LinkEvent::Ended { link: link(number), source: root(), target: contoso };
        assert!(events.contains(&ended.into()), "the commit lists it");
    }
    assert!(!other.tree.access().reaches(grace, contoso, other.at));
    assert_eq!(other.tree.group(local).unwrap().members().count(), 0);
    assert!(other.tree.organization(contoso).unwrap().capabilities().is_empty());
    assert_eq!(other.tree.shared_with(contoso).count(), 0);
    assert!(other.tree.principal(robot).is_none(), "left behind");
    assert!(world.tree.member(root(), robot).is_some() && world.tree.person(robot).is_some());
    assert!(world.replayed() == world.tree && other.replayed() == other.tree);
}

// spec: HIE-6
#[test]
fn a_group_that_only_a_machine_left_behind_owns_is_in_the_way() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let (robot, person) = (principal(10), Person::named(name("Robot")));
    world.ada(&CreateMachineIdentity { organization: root(), identity: robot, person }).unwrap();
    world.ada(&AddMember { organization: contoso, principal: robot, person: None }).unwrap();
    let (group, gives) = (group(1), Default::default());
    world.ada(&CreateGroup { organization: contoso, group, name: name("Team"), gives, owner: robot }).unwrap();
    let refusal = world.tree.detach(&world.context(ada(), root()), &detaching(contoso)).unwrap_err();
    assert_eq!(refusal.into_rule(), blocked(&[Obstacle::GroupOwner { group }]));
    world.ada(&AddGroupOwner { organization: contoso, group, owner: ada() }).unwrap();
    let other = detach(&mut world, contoso);
    assert!(other.tree.group(group).unwrap().owners().eq([ada()]));
}

// What left a tree, or ended with what did, stays used on both sides; what was ended there by itself too.
// spec: HIE-6
// spec: HIE-7
#[test]
fn what_left_or_ended_stays_used() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let (robot, person) = (principal(70), Person::named(name("Robot")));
    world.run(ada(), contoso, &CreateMachineIdentity { organization: contoso, identity: robot, person }).unwrap();
    world.team(1, contoso, "Team", &[]);
    let gone = world.child(3, root(), "Gone");
    for (number, organization) in [(1, contoso), (2, gone)] {
        let (support, duration) = (access(number), hours(1));
        world.ada(&GrantSupport { support, organization, engineer: engineer(), duration }).unwrap();
    }
    let evidence = Evidence::none(world.at);
    world.ada(&DeleteOrganization { organization: gone, evidence, mode: DeletionMode::Hard }).unwrap();
    let other = detach(&mut world, contoso);
    assert!(world.replayed() == world.tree && other.replayed() == other.tree);
    for (tree, ids) in [
        (&world.tree, vec![contoso.uuid(), robot.uuid(), group(1).uuid(), gone.uuid(), engineer().uuid()]),
        (&world.tree, [1, 2].map(|number| access(number).uuid()).to_vec()),
        (&other.tree, vec![contoso.uuid(), robot.uuid(), group(1).uuid()]),
    ] {
        let forgotten: Vec<_> = ids.into_iter().filter(|id| !tree.has_used(*id)).collect();
        assert!(forgotten.is_empty(), "{forgotten:?} of {}", tree.root());
    }
}

// The people of a subtree that left are strangers again, and can come in as such.
// spec: HIE-6
// spec: MEM-1
#[test]
fn one_who_left_with_a_subtree_can_come_in_again() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let team = world.team(1, contoso, "Team", &[]);
    let base = world.team(2, root(), "Base", &["backups.view"]);
    world.ada(&invite(1, contoso, team, "eve@contoso.example")).unwrap();
    let eve = principal(5);
    world.newcomer(eve, &accept(1, "eve@contoso.example")).unwrap();
    let other = detach(&mut world, contoso);
    assert!(other.tree.person(eve).is_some() && world.tree.person(eve).is_none());
    assert!(world.tree.access().organizations(eve, None, world.at).is_empty());
    world.ada(&invite(2, root(), base, "eve@contoso.example")).unwrap();
    world.newcomer(eve, &accept(2, "eve@contoso.example")).unwrap();
    assert!(world.may(eve, "backups.view", root()));
    assert!(world.replayed() == world.tree);
}

// spec: HIE-5
// spec: MEM-1
#[test]
fn one_who_had_left_a_tree_that_joins_can_come_in_again() {
    let mut world = World::new();
    let mut other = detached(ada());
    other.subscribe("Enterprise", Window::ALWAYS);
    let grace = other.user(2, "Grace", &[]);
    other.ada(&RemoveMember { organization: other_root(), principal: grace }).unwrap();
    cancel(&mut other);
    attach(&mut world, &mut other, root());
    assert!(other.tree.person(grace).is_none(), "nothing of a person stays in a tree that ended");
    world.ada(&AddMember { organization: root(), principal: grace, person: None }).unwrap();
}

// spec: HIE-5
// spec: LIC-5
// abuse: 76
#[test]
fn a_capability_that_the_new_parent_could_not_assign_does_not_come_along() {
    let mut world = World::new();
    let mut other = detached(ada());
    for capability in ["reporting", "archiving"] {
        let capability = capability.parse().unwrap();
        other.operate(&AssignCapability { organization: other_root(), capability, until: None }).unwrap();
    }
    let (reporting, archiving): (CapabilityName, CapabilityName) =
        ("reporting".parse().unwrap(), "archiving".parse().unwrap());
    world.operate(&AssignCapability { organization: root(), capability: archiving.clone(), until: None }).unwrap();
    let found = attach(&mut world, &mut other, root());
    let lost = Obstacle::CapabilityLost { organization: other_root(), capability: reporting.clone() };
    assert_eq!((found.blockers.len(), &found.warnings[..]), (0, &[lost][..]));
    assert!(world.tree.is_capable(other_root(), &archiving, world.at));
    // Once the parent has it, it still has to assign it.
    world.operate(&AssignCapability { organization: root(), capability: reporting.clone(), until: None }).unwrap();
    assert!(!world.tree.is_capable(other_root(), &reporting, world.at));
}

// spec: HIE-6
#[test]
fn nobody_becomes_an_owner_by_an_attach() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    let contoso = world.child(2, root(), "Contoso");
    let owners = world.team(1, root(), "Owners", &["owner"]);
    world.join(grace, owners);
    let terms = LinkTerms { reach: Reach::Children, future: true, makes_owners: true, ..LinkTerms::default() };
    world.link(1, owners, contoso, terms);
    let mut other = detached(ada());
    let found = attach(&mut world, &mut other, contoso);
    assert_eq!(found.warnings, [Obstacle::OwnershipRefused { link: link(1) }]);
    assert!(!world.owns(grace, other_root()) && world.owns(ada(), other_root()));
}

fn offering(
    number: u128,
    organization: OrganizationId,
    counterpart: OrganizationId,
    side: OfferSide,
) -> OfferAttachment {
    OfferAttachment { offer: offer(number), organization, counterpart, side }
}

/// Ada's tree takes in Kim's, of which Ada is nothing; the offer is made by either side.
fn hand_over(side: OfferSide) -> (World, World, PrincipalId) {
    let mut world = World::new();
    let kim = principal(30);
    let mut other = detached(kim);
    let until = match side {
        OfferSide::Joining => other.run(kim, other_root(), &offering(1, other_root(), root(), side)),
        OfferSide::Taking => world.ada(&offering(1, root(), other_root(), side)),
    };
    assert_eq!(until.unwrap(), world.at + days(30));
    (world, other, kim)
}

/// The answer to an acceptance by `who`, who owns the side that the offer was made to.
fn accepted(
    world: &World,
    other: &World,
    side: OfferSide,
    who: PrincipalId,
    at: Timestamp,
) -> Result<Joint, Refusal<RelocationError>> {
    let (offering, receiving) = match side {
        OfferSide::Joining => (other, world),
        OfferSide::Taking => (world, other),
    };
    let context = Context::principal(who, receiving.tree.root(), at, world.key());
    offering.tree.accept_offer(&receiving.tree, &context, offer(1))
}

const NO_SUCH_OFFER: Refusal<RelocationError> = Refusal::Denied(Denial::NotFound { operation: Operation::AcceptOffer });

// spec: HIE-12
#[test]
fn an_owner_of_one_side_offers_and_an_owner_of_the_other_accepts() {
    for side in [OfferSide::Joining, OfferSide::Taking] {
        let (mut world, mut other, kim) = hand_over(side);
        let receiver = if side == OfferSide::Joining { ada() } else { kim };
        let joint = accepted(&world, &other, side, receiver, world.at).unwrap();
        settle(&mut world, &mut other, joint);
        assert_eq!(world.tree.organization(other_root()).unwrap().parent(), Some(root()));
        assert!(world.owns(kim, other_root()) && !world.owns(ada(), other_root()), "nobody becomes an owner");
        assert_eq!(other.tree.organizations().count(), 0);
        assert_eq!(world.tree.offers(root(), world.at).count(), 0, "used up");
        assert_eq!(accepted(&world, &other, side, receiver, world.at).unwrap_err(), NO_SUCH_OFFER);
        assert!(world.replayed() == world.tree && other.replayed() == other.tree);
    }
}

// spec: HIE-12
#[test]
fn an_offer_is_accepted_within_thirty_days_and_no_longer() {
    for side in [OfferSide::Joining, OfferSide::Taking] {
        let (world, other, kim) = hand_over(side);
        let receiver = if side == OfferSide::Joining { ada() } else { kim };
        let end = world.at + days(30);
        let offering = if side == OfferSide::Joining { &other } else { &world };
        let place = offering.tree.root();
        let moment = chrono::TimeDelta::nanoseconds(1);
        accepted(&world, &other, side, receiver, end - moment).unwrap();
        assert_eq!(accepted(&world, &other, side, receiver, end).unwrap_err(), NO_SUCH_OFFER);
        assert_eq!(offering.tree.offers(place, end - moment).count(), 1);
        assert_eq!(offering.tree.offers(place, end).count(), 0);
    }
}

// spec: HIE-12
#[test]
fn an_offer_can_be_withdrawn_or_declined() {
    for side in [OfferSide::Joining, OfferSide::Taking] {
        let (mut world, mut other, kim) = hand_over(side);
        let (receiver, maker) = if side == OfferSide::Joining { (ada(), kim) } else { (kim, ada()) };
        let (mut withdrawn, mut rest) = (world.clone(), other.clone());
        let holding = if side == OfferSide::Joining { &mut rest } else { &mut withdrawn };
        let place = holding.tree.root();
        let withdraw = WithdrawOffer { organization: place, offer: offer(1) };
        holding.run(maker, place, &withdraw).unwrap();
        let again = holding.run(maker, place, &withdraw).unwrap_err();
        assert_eq!(again.into_rule(), Some(Precondition::NotFound { what: "offer" }.into()));
        assert_eq!(accepted(&withdrawn, &rest, side, receiver, world.at).unwrap_err(), NO_SUCH_OFFER);

        let (offering, receiving) = match side {
            OfferSide::Joining => (&mut other, &mut world),
            OfferSide::Taking => (&mut world, &mut other),
        };
        let context = receiving.context(receiver, receiving.tree.root());
        let changes = offering.tree.decline_offer(&receiving.tree, &context, offer(1)).unwrap();
        assert_eq!(changes.recorded.acting, None, "the other tree's organizations are not told of");
        offering.commit(changes);
        assert_eq!(accepted(&world, &other, side, receiver, world.at).unwrap_err(), NO_SUCH_OFFER);
    }
}

// spec: HIE-12
// spec: ERR-4
#[test]
fn an_offer_to_others_answers_like_none() {
    let (mut world, other, _) = hand_over(OfferSide::Joining);
    let grace = world.user(2, "Grace", &[]);
    let tailspin = world.child(2, root(), "Tailspin");
    world.run(ada(), tailspin, &AddMember { organization: tailspin, principal: grace, person: None }).unwrap();
    world.grant(grace, "owner", tailspin);
    // A member of the receiving side, an owner elsewhere in it, one who is in no tree, and
    // the one who offered.
    for who in [grace, principal(77), principal(30)] {
        assert_eq!(accepted(&world, &other, OfferSide::Joining, who, world.at).unwrap_err(), NO_SUCH_OFFER);
        let context = world.context(who, root());
        let refusal = other.tree.decline_offer(&world.tree, &context, offer(1)).unwrap_err();
        assert_eq!(refusal, Refusal::Denied(Denial::NotFound { operation: Operation::DeclineOffer }));
    }
    let context = world.context(ada(), root());
    assert_eq!(other.tree.accept_offer(&world.tree, &context, offer(2)).unwrap_err(), NO_SUCH_OFFER);
    // Nor does another tree that Ada owns receive it.
    let third = World::founded(organization(80), "Third", ada());
    assert_eq!(other.tree.accept_offer(&third.tree, &context, offer(1)).unwrap_err(), NO_SUCH_OFFER);
    accepted(&world, &other, OfferSide::Joining, ada(), world.at).unwrap();
}

// spec: HIE-12
#[test]
fn an_offer_falls_with_the_ownership_of_whoever_made_it() {
    let (world, mut other, kim) = hand_over(OfferSide::Joining);
    other.subscribe("Enterprise", Window::ALWAYS);
    let (organization, heir) = (other_root(), principal(31));
    other.run(kim, organization, &AddMember { organization, principal: heir, person: None }).unwrap();
    cancel(&mut other);
    other.run(kim, organization, &TransferOwnership { organization, to: heir }).unwrap();
    assert_eq!(accepted(&world, &other, OfferSide::Joining, ada(), world.at).unwrap_err(), NO_SUCH_OFFER);
    // The new owner offers anew.
    let again = offering(2, organization, root(), OfferSide::Joining);
    other.run(heir, organization, &again).unwrap();
    other.tree.accept_offer(&world.tree, &world.context(ada(), root()), offer(2)).unwrap();
}

// spec: HIE-12
#[test]
fn what_stands_against_an_attach_stands_against_an_acceptance() {
    let (world, mut other, _) = hand_over(OfferSide::Taking);
    other.subscribe("Enterprise", Window::ALWAYS);
    let refusal = accepted(&world, &other, OfferSide::Taking, principal(30), world.at).unwrap_err();
    assert_eq!(refusal.into_rule(), blocked(&[Obstacle::Subscribed]));
}

// spec: HIE-12
#[test]
fn an_offer_is_made_by_an_owner_for_a_root_to_another_tree() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[]);
    let refusal = world.run(grace, root(), &offering(1, root(), other_root(), OfferSide::Taking)).unwrap_err();
    assert_eq!(refusal.kind(), Kind::Forbidden);
    let refusal = world.ada(&offering(1, contoso, other_root(), OfferSide::Joining)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(OfferError::NotRoot { organization: contoso }));
    let refusal = world.ada(&offering(1, root(), contoso, OfferSide::Taking)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(OfferError::SameTree { organization: contoso }));
    // Whether the other side exists is not told.
    world.ada(&offering(1, contoso, organization(99), OfferSide::Taking)).unwrap();
    let refusal = world.ada(&offering(1, contoso, other_root(), OfferSide::Taking)).unwrap_err();
    assert_eq!(refusal.code(), "id.already_used");
}

// To another provider: out of one tree, and by an offer into the next.
// spec: HIE-12
#[test]
fn an_organization_is_handed_over_to_another_provider_and_back() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let kim = principal(30);
    let mut provider = World::founded(organization(80), "Northwind", kim);
    provider.subscribe("Enterprise", Window::ALWAYS);
    let mut other = detach(&mut world, contoso);
    for number in 1..=2 {
        let parent = provider.tree.root();
        other.run(ada(), contoso, &offering(number, contoso, parent, OfferSide::Joining)).unwrap();
        let context = provider.context(kim, parent);
        let joint = other.tree.accept_offer(&provider.tree, &context, offer(number)).unwrap();
        settle(&mut provider, &mut other, joint);
        assert!(provider.owns(ada(), contoso));
        assert_eq!(provider.owns(kim, contoso), number > 1, "nobody becomes an owner by it");
        // And back: Ada makes Kim an owner, who lets it go.
        let (organization, principal, window) = (contoso, kim, Window::ALWAYS);
        if number == 1 {
            provider.run(ada(), contoso, &AddMember { organization, principal, person: None }).unwrap();
            let privilege = Privilege::OWNER;
            provider.run(ada(), contoso, &GrantPrivilege { organization, principal, privilege, window }).unwrap();
        }
        let joint = provider.tree.detach(&provider.context(kim, parent), &detaching(contoso)).unwrap();
        settle(&mut provider, &mut other, joint);
    }
    let joint = world.tree.attach(
        &other.tree,
        &world.context(ada(), root()),
        &AttachOrganization { organization: contoso, new_parent: root() },
    );
    settle(&mut world, &mut other, joint.unwrap());
    assert!(world.owns(ada(), contoso) && world.owns(kim, contoso));
}
