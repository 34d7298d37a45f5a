//! HIE-6: moving a subtree within its tree.

use bailiwick::*;
use proptest::prelude::*;

use crate::support::*;

fn moving(organization: OrganizationId, new_parent: OrganizationId) -> MoveOrganization {
    MoveOrganization { organization, new_parent, sever: false }
}

fn severing(organization: OrganizationId, new_parent: OrganizationId) -> MoveOrganization {
    MoveOrganization { sever: true, ..moving(organization, new_parent) }
}

fn blocked(obstacles: &[Obstacle]) -> Option<RelocationError> {
    Some(RelocationError::Blocked { obstacles: obstacles.to_vec() })
}

/// The root with West (Contoso, with Site) and East below.
fn regions(rules: Rules) -> (World, [OrganizationId; 4]) {
    let mut world = World::with(Rules { levels: LevelLimit::GREATEST, ..rules });
    let west = world.child(2, root(), "West");
    let east = world.child(3, root(), "East");
    let contoso = world.child(4, west, "Contoso");
    let site = world.child(5, contoso, "Site");
    (world, [west, east, contoso, site])
}

// spec: HIE-6
#[test]
fn a_subtree_moves_under_another_parent_with_everything_in_it() {
    let (mut world, [west, east, contoso, site]) = regions(Rules::provider());
    let grace = world.user(2, "Grace", &[contoso, site]);
    let team = world.team(1, contoso, "Team", &["backups.view"]);
    world.join(grace, team);
    world.link(1, team, site, LinkTerms::default());
    let slug = world.tree.organization(contoso).unwrap().slug().clone();
    let found = world.ada(&moving(contoso, east)).unwrap();
    assert_eq!(found, Preflight::default());
    assert_eq!(world.tree.path(site).collect::<Vec<_>>(), [root(), east, contoso, site]);
    assert_eq!(world.tree.children(west).count(), 0);
    assert_eq!(world.tree.organization(contoso).unwrap().slug(), &slug);
    assert!(world.may(grace, "backups.view", contoso) && world.may(grace, "backups.view", site));
    assert!(world.replayed() == world.tree);
}

// spec: HIE-6
#[test]
fn moving_takes_an_owner_of_it_and_of_both_parents() {
    for combination in 0..8_u32 {
        let (mut world, [west, east, contoso, _]) = regions(Rules::provider());
        let grace = world.user(2, "Grace", &[west, east, contoso]);
        let places = [(contoso, Place::Organization), (west, Place::Parent), (east, Place::NewParent)];
        let mut wanted = Vec::new();
        for (bit, (organization, place)) in [1, 2, 4].into_iter().zip(places) {
            if combination & bit != 0 {
                world.grant(grace, "owner", organization);
            } else {
                wanted.push(place);
            }
        }
        let outcome = world.run(grace, root(), &moving(contoso, east));
        if wanted.is_empty() {
            outcome.unwrap();
        } else {
            let Err(Refusal::Denied(Denial::Forbidden { ways, .. })) = outcome else { panic!("{outcome:?}") };
            assert_eq!(ways[0].iter().map(|need| need.demand.place).collect::<Vec<_>>(), wanted);
        }
    }
}

// spec: HIE-6
#[test]
fn nothing_moves_under_itself_or_below_itself_or_to_where_it_is() {
    let (mut world, [west, _, contoso, site]) = regions(Rules::provider());
    for below in [west, contoso, site] {
        let refusal = world.ada(&severing(west, below)).unwrap_err();
        assert_eq!(refusal.into_rule(), blocked(&[Obstacle::WouldCycle]));
    }
    let refusal = world.ada(&severing(contoso, west)).unwrap_err();
    assert_eq!(refusal.into_rule(), blocked(&[Obstacle::AlreadyThere]));
    let refusal = world.tree.preflight_move(root(), west, world.at).unwrap_err();
    assert_eq!(refusal, RelocationError::IsRoot { organization: root() });
}

// spec: HIE-6
// abuse: 64
#[test]
fn the_bound_on_levels_counts_the_whole_subtree() {
    let (mut world, [_, east, contoso, site]) = regions(Rules::provider());
    let levels = |limit| ChangeTreeSettings {
        root: root(),
        levels: Some(LevelLimit::new(limit).unwrap()),
        straight_invitations: None,
    };
    world.ada(&levels(4)).unwrap();
    let deep = world.child(6, east, "Deep");
    // Contoso alone would fit below it; its site would not.
    let refusal = world.ada(&severing(contoso, deep)).unwrap_err();
    assert_eq!(refusal.into_rule(), blocked(&[Obstacle::TooDeep { limit: 4, level: 5 }]));
    world.ada(&moving(contoso, east)).unwrap();
    world.ada(&moving(site, deep)).unwrap();
    assert_eq!(world.tree.depth(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // Whatever is created and moved, no level exceeds the bound, and no path has a circle.
    // abuse: 64
    #[test]
    fn no_sequence_of_moves_gets_past_the_bound(
        limit in 2..6_u8,
        parents in prop::collection::vec(0..100_usize, 1..14),
        moves in prop::collection::vec((0..100_usize, 0..100_usize), 0..20),
    ) {
        let mut world = World::with(Rules { levels: LevelLimit::new(limit).unwrap(), ..Rules::provider() });
        let mut places = vec![root()];
        for (number, parent) in (2..).zip(parents) {
            let parent = places[parent % places.len()];
            let organization = organization(number);
            let create = CreateOrganization { organization, parent, name: name("Place"), slug: None, owner: None, secret: secret() };
            if world.run(ada(), parent, &create).is_ok() {
                places.push(organization);
            }
        }
        for (what, under) in moves {
            let (what, under) = (places[what % places.len()], places[under % places.len()]);
            let level = world.tree.level(under).unwrap();
            let height = world.tree.subtree(what).filter_map(|id| world.tree.level(id)).max().unwrap()
                - world.tree.level(what).unwrap() + 1;
            let fits = level + height <= usize::from(limit);
            let inside = world.tree.subtree(what).any(|id| id == under);
            let there = world.tree.organization(what).unwrap().parent() == Some(under);
            let moved = world.ada(&moving(what, under)).is_ok();
            prop_assert_eq!(moved, fits && !inside && !there && what != root());
            prop_assert!(world.tree.depth() <= usize::from(limit));
        }
        prop_assert!(world.replayed() == world.tree);
    }
}

/// What a subtree can lean on: a group of West that is linked to Contoso and nested there, a
/// role of West, a capability, a shared resource.
fn leaning() -> (World, [OrganizationId; 4]) {
    let template = ResourceKind::Custom("template".parse().unwrap());
    let (mut world, places) = regions(Rules::custom().resource(template.clone(), Flow::Down).build().unwrap());
    let [west, _, contoso, site] = places;
    let grace = world.user(2, "Grace", &[west, contoso]);
    let team = world.team(1, west, "Team", &["backups.view"]);
    let local = world.team(2, contoso, "Local", &["backups.restore"]);
    world.join(grace, team);
    world.link(1, team, contoso, LinkTerms { reach: Reach::Subtree, ..LinkTerms::default() });
    let participant = Participant::Group(team);
    world.ada(&AddGroupMember { organization: contoso, group: local, participant }).unwrap();
    let claims = ["backups.delete".parse().unwrap()].into();
    world.ada(&DefineRole { organization: west, role: role(1), name: name("Ops"), claims }).unwrap();
    let privilege = Privilege::Role(RoleRef::Defined(role(1)));
    let (organization, window) = (contoso, Window::ALWAYS);
    world.ada(&GrantPrivilege { organization, principal: grace, privilege, window }).unwrap();
    let capability: CapabilityName = "reporting".parse().unwrap();
    for organization in [root(), west, contoso, site] {
        let assign = AssignCapability { organization, capability: capability.clone(), until: None };
        if organization == root() { world.operate(&assign).unwrap() } else { world.ada(&assign).unwrap() }
    }
    let resource = ResourceId::from_u128(1).unwrap();
    world.ada(&ShareResource(Share { resource, kind: template, source: west, target: contoso })).unwrap();
    (world, places)
}

fn leanings([_, _, contoso, site]: [OrganizationId; 4]) -> Vec<Obstacle> {
    let capability: CapabilityName = "reporting".parse().unwrap();
    vec![
        Obstacle::Link { link: link(1) },
        Obstacle::Nesting { group: group(2), nested: group(1) },
        Obstacle::Role { role: role(1) },
        Obstacle::Capability { organization: contoso, capability: capability.clone() },
        Obstacle::Capability { organization: site, capability },
        Obstacle::Resource { resource: ResourceId::from_u128(1).unwrap(), organization: contoso },
    ]
}

// spec: HIE-6
#[test]
fn what_would_break_is_found_before_and_can_be_asked_for_alone() {
    let (mut world, places) = leaning();
    let [_, east, contoso, _] = places;
    let version = world.tree.version();
    let found = world.tree.preflight_move(contoso, east, world.at).unwrap();
    assert_eq!(world.tree.version(), version);
    assert_eq!(found.blockers, leanings(places));
    assert!(found.blockers.iter().all(Obstacle::is_severable));
    let refusal = world.ada(&moving(contoso, east)).unwrap_err();
    assert_eq!(refusal.into_rule(), blocked(&leanings(places)));
}

// spec: HIE-6
// abuse: 56
#[test]
fn the_same_commit_severs_what_would_break_and_its_entry_lists_each() {
    let (mut world, places) = leaning();
    let [west, east, contoso, site] = places;
    let (grace, version) = (principal(2), world.tree.version());
    assert!(world.may(grace, "backups.view", site));
    world.ada(&severing(contoso, east)).unwrap();
    assert_eq!(world.tree.version(), version.next());

    let events = &world.log.last().unwrap().recorded.events;
    let listed = |event: Event| assert!(events.contains(&event), "{event:?}");
    let organization = contoso;
    let capability: CapabilityName = "reporting".parse().unwrap();
    listed(LinkEvent::Ended { link: link(1), source: west, target: contoso }.into());
    let participant = Participant::Group(group(1));
    listed(GroupEvent::MemberRemoved { organization, group: group(2), participant }.into());
    let privilege = Privilege::Role(RoleRef::Defined(role(1)));
    listed(GrantEvent::Revoked { organization, principal: grace, privilege }.into());
    listed(CapabilityEvent::Withdrawn { organization, capability: capability.clone() }.into());
    listed(CapabilityEvent::Withdrawn { organization: site, capability: capability.clone() }.into());
    let resource = ResourceId::from_u128(1).unwrap();
    listed(ResourceEvent::Unshared { resource, source: west, target: contoso }.into());
    listed(OrganizationEvent::Moved { organization, parent: east }.into());
    assert_eq!(events.len(), 7, "and nothing else");

    assert!(world.tree.link(link(1)).is_none() && world.tree.shared_with(contoso).count() == 0);
    assert!(!world.tree.access().reaches(grace, contoso, world.at));
    assert!(!world.tree.access().reaches(grace, site, world.at));
    assert!(world.tree.member(contoso, grace).is_some());
    assert!(world.tree.is_capable(west, &capability, world.at));
    assert!(world.replayed() == world.tree);
}

// spec: HIE-6
#[test]
fn links_that_still_run_downward_stay() {
    let (mut world, [west, east, contoso, site]) = regions(Rules::provider());
    let grace = world.user(2, "Grace", &[]);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    world.join(grace, team);
    world.link(1, team, contoso, LinkTerms::default());
    world.link(2, team, west, LinkTerms { reach: Reach::Subtree, ..LinkTerms::default() });
    let more = world.team(2, root(), "More", &["backups.restore"]);
    world.link(3, more, east, LinkTerms { reach: Reach::Subtree, future: true, ..LinkTerms::default() });
    let found = world.ada(&moving(contoso, east)).unwrap();
    let expected = [Obstacle::ReachLost { link: link(2) }, Obstacle::ReachGained { link: link(3) }];
    assert_eq!((found.blockers.len(), &found.warnings[..]), (0, &expected[..]));
    assert!(world.may(grace, "backups.view", contoso), "by the link to itself");
    assert!(!world.may(grace, "backups.view", site), "that of West no longer reaches it");
    world.join(grace, more);
    assert!(world.may(grace, "backups.restore", site), "and that of East does");
}

// A nesting that leans on a link left behind goes with it, and does not wait for another.
// spec: HIE-6
// spec: GRP-3
#[test]
fn a_nesting_that_leans_on_a_link_left_behind_is_severed() {
    let (mut world, [west, east, contoso, _]) = regions(Rules::provider());
    let team = world.team(1, root(), "Team", &[]);
    let local = world.team(2, contoso, "Local", &["backups.view"]);
    world.link(1, team, west, LinkTerms { reach: Reach::Subtree, ..LinkTerms::default() });
    let participant = Participant::Group(team);
    world.ada(&AddGroupMember { organization: contoso, group: local, participant }).unwrap();
    let nesting = Obstacle::Nesting { group: local, nested: team };
    assert_eq!(world.ada(&moving(contoso, east)).unwrap_err().into_rule(), blocked(&[nesting]));
    world.ada(&severing(contoso, east)).unwrap();
    assert_eq!(world.tree.group(local).unwrap().members().count(), 0);
}

// spec: HIE-6
#[test]
fn nobody_becomes_an_owner_by_moving() {
    let (mut world, [_, east, contoso, site]) = regions(Rules::provider());
    let grace = world.user(2, "Grace", &[east]);
    world.grant(grace, "owner", east);
    let owners = world.team(1, root(), "Owners", &["owner", "groups.view"]);
    world.join(grace, owners);
    let reach = LinkTerms { reach: Reach::Subtree, future: true, makes_owners: true, ..LinkTerms::default() };
    world.link(1, owners, east, reach);
    let owned = |world: &World| [contoso, site].map(|place| world.owns(grace, place));
    assert_eq!(owned(&world), [false; 2]);
    let found = world.ada(&moving(contoso, east)).unwrap();
    assert_eq!(found.warnings, [Obstacle::OwnershipRefused { link: link(1) }]);
    assert_eq!(owned(&world), [false; 2], "neither of what moved nor of what lies below");
    // Its own owners can let the link reach it.
    world.run(ada(), contoso, &OptInToLink { organization: contoso, link: link(1) }).unwrap();
    assert_eq!(owned(&world), [true, false]);
    // What is created there is reached as the link says, and is told so.
    let created = world.child(9, east, "New");
    assert!(world.owns(grace, created));
}

// spec: HIE-6
#[test]
fn owners_who_lean_on_the_old_place_are_warned_of() {
    let (mut world, [west, east, contoso, _]) = regions(Rules::provider());
    let grace = world.user(2, "Grace", &[west]);
    let owners = world.team(1, west, "Owners", &["owner"]);
    world.join(grace, owners);
    world.link(1, owners, contoso, LinkTerms { makes_owners: true, ..LinkTerms::default() });
    let found = world.tree.preflight_move(contoso, east, world.at).unwrap();
    assert_eq!(found.blockers, [Obstacle::Link { link: link(1) }]);
    assert_eq!(found.warnings, [Obstacle::OwnerThroughGroup { principal: grace, organization: contoso }]);
    world.ada(&severing(contoso, east)).unwrap();
    assert!(!world.owns(grace, contoso) && world.owns(ada(), contoso));
}

// spec: HIE-6
// spec: LIC-7
#[test]
fn a_capability_to_manage_others_is_not_taken_below_the_root() {
    let msp: CapabilityName = "msp".parse().unwrap();
    let mut world = World::bare(Rules::custom().managing_capability(Some(msp.clone())).build().unwrap());
    world.subscribe("Enterprise", Window::ALWAYS);
    let assign = |organization| AssignCapability { organization, capability: msp.clone(), until: None };
    world.operate(&assign(root())).unwrap();
    let (west, contoso) = (world.child(2, root(), "West"), world.child(3, root(), "Contoso"));
    world.ada(&assign(west)).unwrap();
    world.ada(&assign(contoso)).unwrap();
    let found = world.tree.preflight_move(contoso, west, world.at).unwrap();
    assert_eq!(found.blockers, [Obstacle::Capability { organization: contoso, capability: msp.clone() }]);
    world.ada(&severing(contoso, west)).unwrap();
    assert!(!world.tree.is_capable(contoso, &msp, world.at));
    // And a place that lacks it takes nobody in.
    let site = world.child(4, west, "Site");
    let refusal = world.ada(&severing(site, contoso)).unwrap_err();
    assert_eq!(
        refusal.into_rule(),
        blocked(&[Obstacle::TooDeep { limit: 3, level: 4 }, Obstacle::NotCapable { capability: msp }])
    );
}

// spec: HIE-6
// spec: LIC-9
#[test]
fn a_move_needs_room_and_a_subscription_that_grants_it() {
    let limits = UsageLimits { sub_organizations: Some(1), ..UsageLimits::default() };
    let plan = Plan { features: Feature::OWN.iter().cloned().collect(), limits };
    let mut world = World::with(Rules::custom().plan("Small".parse().unwrap(), plan).build().unwrap());
    let (west, east) = (world.child(2, root(), "West"), world.child(3, root(), "East"));
    let (here, there) = (world.child(4, west, "Here"), world.child(5, east, "There"));
    world.subscribe("Small", Window::until(world.at + days(1)));
    assert_eq!(world.ada(&severing(here, east)).unwrap_err().into_rule(), blocked(&[Obstacle::NoRoom]));
    world.pass(days(1));
    assert_eq!(world.ada(&severing(there, west)).unwrap_err().code(), "subscription.feature_missing");
}

// spec: HIE-7
#[test]
fn a_move_to_a_place_of_another_tree_finds_no_such_place() {
    let (mut world, [_, _, contoso, _]) = regions(Rules::provider());
    let elsewhere = World::founded(organization(50), "Elsewhere", ada());
    for place in [elsewhere.tree.root(), organization(99)] {
        let refusal = world.ada(&severing(contoso, place)).unwrap_err();
        assert_eq!(refusal, Refusal::Denied(Denial::NotFound { operation: Operation::MoveOrganization }));
    }
}
