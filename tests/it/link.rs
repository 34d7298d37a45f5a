//! GRP: links of groups to the organizations below.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::support::*;

fn terms(reach: Reach, future: bool) -> LinkTerms {
    LinkTerms { reach, future, ..LinkTerms::default() }
}

fn linking(number: u128, source: OrganizationId, group: GroupId, target: OrganizationId) -> LinkGroup {
    LinkGroup { link: link(number), source, group, target, terms: LinkTerms::default() }
}

/// The root with Contoso (Site, Plant) and Tailspin below; Grace is in a team of the root.
fn provider() -> (World, GroupId, PrincipalId, [OrganizationId; 4]) {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    let plant = world.child(4, contoso, "Plant");
    let tailspin = world.child(5, root(), "Tailspin");
    let grace = world.user(2, "Grace", &[]);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    world.join(grace, team);
    (world, team, grace, [contoso, site, plant, tailspin])
}

/// In which of these Grace may see backups.
fn reached<const N: usize>(world: &World, places: [OrganizationId; N]) -> [bool; N] {
    places.map(|place| world.may(principal(2), "backups.view", place))
}

// spec: GRP-4
// spec: GRP-5
#[test]
fn a_link_makes_a_group_of_an_ancestor_active_in_a_descendant() {
    let (mut world, team, _, [contoso, site, plant, tailspin]) = provider();
    assert_eq!(reached(&world, [contoso, site]), [false, false]);
    let answer = world.ada(&linking(1, root(), team, site)).unwrap();
    assert_eq!(answer, BTreeSet::from([site]));
    // At home and there, and neither below, above nor beside it.
    assert_eq!(reached(&world, [root(), contoso, site, plant, tailspin]), [true, false, true, false, false]);
    world.ada(&linking(2, root(), team, contoso)).unwrap();
    assert_eq!(reached(&world, [contoso, site, plant]), [true, true, false], "not below the target");
}

// spec: GRP-4
// abuse: 55
#[test]
fn linking_takes_an_owner_of_source_target_and_group() {
    for combination in 0..8_u32 {
        let [source, target, own_group] = [1, 2, 4].map(|bit| combination & bit != 0);
        let (mut world, team, grace, [contoso, ..]) = provider();
        world.ada(&AddMember { organization: contoso, principal: grace, person: None }).unwrap();
        if source {
            world.grant(grace, "owner", root());
        }
        if target {
            world.grant(grace, "owner", contoso);
        }
        if own_group {
            world.ada(&AddGroupOwner { organization: root(), group: team, owner: grace }).unwrap();
        }
        let outcome = world.run(grace, root(), &linking(1, root(), team, contoso));
        let terms = LinkTerms { reach: Reach::Subtree, ..LinkTerms::default() };
        if source && target && own_group {
            outcome.unwrap();
            continue;
        }
        let Err(Refusal::Denied(Denial::Forbidden { ways, .. })) = outcome else { panic!("{outcome:?}") };
        let missing: Vec<Place> = ways[0].iter().map(|need| need.demand.place).collect();
        let wanted = [(source, Place::Source), (target, Place::Target), (own_group, Place::Group)];
        let wanted: Vec<Place> = wanted.into_iter().filter(|(held, _)| !held).map(|(_, place)| place).collect();
        assert_eq!(missing, wanted, "all that is missing is named");
        // Nor does one change what another linked.
        world.ada(&linking(1, root(), team, contoso)).unwrap();
        let change = ChangeLink { source: root(), group: team, target: contoso, terms };
        assert_eq!(world.run(grace, root(), &change).unwrap_err().kind(), Kind::Forbidden);
    }
}

// spec: GRP-4
#[test]
fn each_link_that_does_not_run_downward_is_refused_with_its_own_error() {
    let (mut world, team, _, [contoso, site, plant, tailspin]) = provider();
    let local = world.team(2, contoso, "Local", &[]);
    let deep = world.team(3, site, "Deep", &[]);
    let itself = world.ada(&linking(1, root(), team, root())).unwrap_err();
    assert_eq!(itself.into_rule(), Some(LinkError::ToItself { organization: root() }));
    let ancestor = world.ada(&linking(1, site, deep, contoso)).unwrap_err();
    assert_eq!(ancestor.into_rule(), Some(LinkError::ToAncestor { from: site, to: contoso }));
    let ancestor = world.ada(&linking(1, site, deep, root())).unwrap_err();
    assert_eq!(ancestor.into_rule(), Some(LinkError::ToAncestor { from: site, to: root() }));
    let sibling = world.ada(&linking(1, contoso, local, tailspin)).unwrap_err();
    assert_eq!(sibling.into_rule(), Some(LinkError::NotDownward { from: contoso, to: tailspin }));
    let sibling = world.ada(&linking(1, site, deep, plant)).unwrap_err();
    assert_eq!(sibling.into_rule(), Some(LinkError::NotDownward { from: site, to: plant }));
    let cousin = world.ada(&linking(1, site, deep, tailspin)).unwrap_err();
    assert_eq!(cousin.into_rule(), Some(LinkError::NotDownward { from: site, to: tailspin }));
    // Another tree answers like nothing at all.
    let elsewhere = World::founded(organization(50), "Elsewhere", ada());
    let foreign = world.ada(&linking(1, root(), team, elsewhere.tree.root())).unwrap_err();
    assert_eq!(foreign, Refusal::Denied(Denial::NotFound { operation: Operation::LinkGroup }));
    assert_eq!(foreign, world.ada(&linking(1, root(), team, organization(99))).unwrap_err());

    world.ada(&linking(1, root(), team, site)).unwrap();
    let second = world.ada(&linking(2, root(), team, site)).unwrap_err();
    assert_eq!(second.into_rule(), Some(LinkError::AlreadyLinked { link: link(1) }));
    // Another group to the same target, and the same group to another target.
    world.ada(&linking(2, contoso, local, site)).unwrap();
    world.ada(&linking(3, root(), team, plant)).unwrap();
}

// spec: GRP-5
// spec: GRP-8
#[test]
fn a_link_counts_from_its_start_and_no_longer_at_its_end() {
    let (mut world, team, _, [contoso, ..]) = provider();
    let (from, until) = (world.at + days(1), world.at + days(2));
    let window = Window::new(Some(from), Some(until)).unwrap();
    world.link(1, team, contoso, LinkTerms { window, ..LinkTerms::default() });
    let moment = chrono::TimeDelta::nanoseconds(1);
    let may = |world: &World, at| world.tree.access().allows(principal(2), contoso, &claim("backups.view"), at);
    assert!(!may(&world, from - moment) && may(&world, from));
    assert!(may(&world, until - moment) && !may(&world, until));
    assert!(world.tree.is_group_active(team, contoso, from) && !world.tree.is_group_active(team, contoso, until));
    // At home it is active whatever its links do.
    assert!(world.tree.is_group_active(team, root(), until));

    let over = LinkTerms { window: Window::until(world.at), ..LinkTerms::default() };
    let change = ChangeLink { source: root(), group: team, target: contoso, terms: over };
    assert_eq!(world.ada(&change).unwrap_err().into_rule(), Some(LinkError::AlreadyOver));
}

// spec: GRP-5
#[test]
fn nothing_of_one_target_is_shown_to_another() {
    let (mut world, team, _, [contoso, _, _, tailspin]) = provider();
    let linus = world.user(3, "Linus", &[contoso]);
    world.grant(linus, "owner", contoso);
    world.link(1, team, contoso, LinkTerms::default());
    world.link(2, team, tailspin, LinkTerms::default());
    assert!(!world.tree.sees(linus, tailspin, world.at));
    let refusal = world.run(linus, contoso, &EndLink { organization: tailspin, link: link(2) }).unwrap_err();
    assert_eq!(refusal, Refusal::Denied(Denial::NotFound { operation: Operation::EndLink }));
    // Naming their own side, the other's link is not there.
    let refusal = world.run(linus, contoso, &EndLink { organization: contoso, link: link(2) }).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(Precondition::NotFound { what: "link" }.into()));
    let refusal = world.run(linus, contoso, &OptOutOfLink { organization: contoso, link: link(2) }).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(Precondition::NotFound { what: "link" }.into()));
    let lines = world.tree.roster_lines(contoso, world.at);
    let paths: Vec<&Path> = lines.iter().flat_map(|line| &line.paths).collect();
    let through =
        |number| paths.iter().any(|path| matches!(path, Path::Group { link: Some(id), .. } if *id == link(number)));
    assert!(through(1) && !through(2));
}

// spec: GRP-6
#[test]
fn either_sides_owner_ends_a_link_and_its_access_at_once() {
    let (mut world, team, grace, [contoso, ..]) = provider();
    let above = world.user(3, "Above", &[]);
    let below = world.user(4, "Below", &[contoso]);
    world.grant(above, "owner", root());
    world.grant(below, "owner", contoso);
    for (who, side) in [(above, root()), (below, contoso)] {
        world.link(if who == above { 1 } else { 2 }, team, contoso, LinkTerms::default());
        assert!(world.may(grace, "backups.view", contoso));
        let number = if who == above { 1 } else { 2 };
        let end = EndLink { organization: side, link: link(number) };
        // Not a member of the group, however much they gain by it.
        assert!(world.run(grace, root(), &end).is_err());
        world.run(who, side, &end).unwrap();
        assert!(!world.may(grace, "backups.view", contoso));
        let again = world.run(who, side, &end).unwrap_err();
        assert_eq!(again.into_rule(), Some(Precondition::NotFound { what: "link" }.into()));
    }
}

// spec: GRP-8
#[test]
fn a_reach_is_the_target_its_children_or_all_below() {
    let mut world = World::new();
    world
        .ada(&ChangeTreeSettings { root: root(), levels: Some(LevelLimit::GREATEST), straight_invitations: None })
        .unwrap();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    let room = world.child(4, site, "Room");
    let tailspin = world.child(5, root(), "Tailspin");
    let grace = world.user(2, "Grace", &[]);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    world.join(grace, team);
    world.link(1, team, contoso, LinkTerms::default());
    let places = [contoso, site, room, tailspin];
    assert_eq!(reached(&world, places), [true, false, false, false], "the target alone by default");
    let change = |reach| ChangeLink { source: root(), group: team, target: contoso, terms: terms(reach, false) };
    let answer = world.ada(&change(Reach::Children)).unwrap();
    assert_eq!(answer, BTreeSet::from([contoso, site]));
    assert_eq!(reached(&world, places), [true, true, false, false]);
    let answer = world.ada(&change(Reach::Subtree)).unwrap();
    assert_eq!(answer, BTreeSet::from([contoso, site, room]));
    assert_eq!(reached(&world, places), [true, true, true, false]);
}

// spec: GRP-8
#[test]
fn a_reach_covers_what_exists_now_or_future_ones_too_and_creation_says_so() {
    let (mut world, team, _, [contoso, ..]) = provider();
    let second = world.team(2, root(), "Second", &["backups.restore"]);
    let third = world.team(3, root(), "Third", &[]);
    world.link(1, team, contoso, terms(Reach::Subtree, false));
    world.link(2, second, contoso, terms(Reach::Children, true));
    let window = Window::until(world.at + days(1));
    world.link(3, third, contoso, LinkTerms { window, ..terms(Reach::Subtree, true) });
    let create = |number| CreateOrganization {
        organization: organization(number),
        parent: contoso,
        name: name("New"),
        slug: None,
        owner: None,
        secret: secret(),
    };
    let created = world.run(ada(), contoso, &create(8)).unwrap();
    assert_eq!(created.reached_by, [link(2), link(3)]);
    let new = organization(8);
    world.join(principal(2), second);
    assert!(world.may(principal(2), "backups.restore", new), "reached from the first instant");
    world.ada(&EndLink { organization: contoso, link: link(2) }).unwrap();
    assert_eq!(reached(&world, [new]), [false], "the first link reaches those of its time alone");
    world.pass(days(1));
    assert!(world.run(ada(), contoso, &create(9)).unwrap().reached_by.is_empty(), "what is over reaches nothing");
}

// spec: GRP-8
#[test]
fn exclusions_always_win() {
    let (mut world, team, _, [contoso, site, plant, tailspin]) = provider();
    world.link(1, team, contoso, LinkTerms { exclusions: [site].into(), ..terms(Reach::Subtree, true) });
    assert_eq!(reached(&world, [contoso, site, plant]), [true, false, true]);
    let local = world.team(2, contoso, "Local", &[]);
    let terms = LinkTerms { exclusions: [contoso].into(), ..terms(Reach::Subtree, true) };
    let over = LinkGroup { link: link(2), source: root(), group: team, target: tailspin, terms: terms.clone() };
    let refusal = world.ada(&over).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(LinkError::ExclusionOutside { organization: contoso }));
    let itself = LinkGroup {
        link: link(2),
        source: contoso,
        group: local,
        target: site,
        terms: LinkTerms { exclusions: [site].into(), ..LinkTerms::default() },
    };
    let refusal = world.ada(&itself).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(LinkError::ExclusionOutside { organization: site }));
    // What is created below an excluded one is excluded with it.
    let mut deeper = world.clone();
    deeper
        .ada(&ChangeTreeSettings { root: root(), levels: Some(LevelLimit::GREATEST), straight_invitations: None })
        .unwrap();
    let create = CreateOrganization {
        organization: organization(8),
        parent: site,
        name: name("Room"),
        slug: None,
        owner: None,
        secret: secret(),
    };
    assert!(deeper.run(ada(), site, &create).unwrap().reached_by.is_empty());
    assert_eq!(reached(&deeper, [organization(8)]), [false]);
}

// spec: GRP-8
#[test]
fn the_actor_owns_every_organization_that_is_reached() {
    let (mut world, team, _, [contoso, site, plant, _]) = provider();
    let linus = world.user(3, "Linus", &[site]);
    world.grant(linus, "owner", site);
    let step_down = RevokePrivilege { organization: site, principal: ada(), privilege: Privilege::OWNER };
    world.ada(&step_down).unwrap();
    let wide = LinkGroup { terms: terms(Reach::Subtree, false), ..linking(1, root(), team, contoso) };
    let refusal = world.ada(&wide).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(LinkError::ReachNotOwned { organizations: vec![site] }));
    let but_one = LinkTerms { exclusions: [site].into(), ..terms(Reach::Subtree, false) };
    let answer = world.ada(&LinkGroup { terms: but_one, ..wide }).unwrap();
    assert_eq!(answer, BTreeSet::from([contoso, plant]));
}

// spec: GRP-8
// spec: MEM-8
#[test]
fn a_link_lasts_no_longer_than_its_makers_ownership() {
    let (mut world, team, _, [contoso, ..]) = provider();
    let linus = world.user(3, "Linus", &[contoso]);
    world.grant(linus, "owner", root());
    world.ada(&AddGroupOwner { organization: root(), group: team, owner: linus }).unwrap();
    let end = world.at + days(1);
    let window = Window::until(end);
    let privilege = Privilege::OWNER;
    world.ada(&GrantPrivilege { organization: contoso, principal: linus, privilege, window }).unwrap();
    let until = |until: Option<Timestamp>| LinkGroup {
        terms: LinkTerms { window: Window::new(None, until).unwrap(), ..LinkTerms::default() },
        ..linking(1, root(), team, contoso)
    };
    for longer in [None, Some(end + minutes(1))] {
        let refusal = world.run(linus, root(), &until(longer)).unwrap_err();
        assert_eq!(refusal.into_rule(), Some(LinkError::ReachNotOwned { organizations: vec![contoso] }));
    }
    world.run(linus, root(), &until(Some(end))).unwrap();
}

// spec: GRP-8
#[test]
fn the_owners_of_an_organization_opt_out_of_a_link_by_themselves() {
    let (mut world, team, grace, [contoso, site, plant, _]) = provider();
    let linus = world.user(3, "Linus", &[site]);
    world.grant(linus, "owner", site);
    world.link(1, team, contoso, terms(Reach::Subtree, true));
    let out = OptOutOfLink { organization: site, link: link(1) };
    assert_eq!(world.run(grace, site, &out).unwrap_err().kind(), Kind::Forbidden);
    world.run(linus, site, &out).unwrap();
    assert_eq!(reached(&world, [contoso, site, plant]), [true, false, true]);
    assert_eq!(world.tree.link(link(1)).unwrap().opted_out(), &BTreeSet::from([site]));
    let again = world.run(linus, site, &out).unwrap_err();
    assert_eq!(again.into_rule(), Some(Precondition::NotFound { what: "link" }.into()));

    // They stay out when the terms change; the answer tells whom it reaches.
    world
        .run(ada(), site, &RevokePrivilege { organization: site, principal: ada(), privilege: Privilege::OWNER })
        .unwrap();
    let change = ChangeLink { source: root(), group: team, target: contoso, terms: terms(Reach::Children, true) };
    assert_eq!(world.ada(&change).unwrap(), BTreeSet::from([contoso, plant]));
    assert_eq!(reached(&world, [site]), [false]);

    let refusal = world.ada(&OptInToLink { organization: site, link: link(1) }).unwrap_err();
    assert_eq!(refusal.kind(), Kind::Forbidden, "Ada owns the source, and not the site");
    world.run(linus, site, &OptInToLink { organization: site, link: link(1) }).unwrap();
    assert_eq!(reached(&world, [site]), [true]);
    let again = world.run(linus, site, &OptInToLink { organization: site, link: link(1) }).unwrap_err();
    assert_eq!(again.into_rule(), Some(Precondition::NotFound { what: "link" }.into()));
}

// spec: GRP-8
#[test]
fn explanations_and_rosters_show_which_link_reached_an_organization() {
    let (mut world, team, grace, [contoso, site, ..]) = provider();
    world.link(7, team, contoso, terms(Reach::Subtree, false));
    let expected = Path::Group { chain: vec![team], link: Some(link(7)), until: None };
    let explained = world.tree.access().explain(grace, site, &claim("backups.view"), world.at);
    assert_eq!(explained.paths, std::slice::from_ref(&expected));
    let limit = 10.try_into().unwrap();
    let linked = RosterFilter { origin: Some(Origin::Linked), ..RosterFilter::default() };
    let roster = world.tree.roster(ada(), site, &linked, 0, limit, world.at).unwrap();
    assert_eq!(roster.lines.len(), 1);
    assert_eq!(roster.lines[0].subject, RosterSubject::Principal(grace));
    assert_eq!(roster.lines[0].paths, [expected]);
}

// spec: LIC-4
#[test]
fn a_plain_link_gives_nothing_from_the_instant_of_a_lapse_that_suspends() {
    let mut world = World::bare(Rules::custom().lapse(Lapse::Suspend).build().unwrap());
    world.subscribe("Enterprise", Window::until(world.at + days(1)));
    let contoso = world.child(2, root(), "Contoso");
    let bob = world.user(2, "Bob", &[]);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    world.join(bob, team);
    world.link(1, team, contoso, LinkTerms::target());
    world.pass(days(1) - chrono::TimeDelta::nanoseconds(1));
    assert!(world.may(bob, "backups.view", contoso));
    world.pass(chrono::TimeDelta::nanoseconds(1));
    assert!(!world.may(bob, "backups.view", contoso) && world.may(bob, "backups.view", root()));
}

// spec: GRP-4
#[test]
fn a_link_that_does_not_run_downward_gives_nothing_however_it_got_in() {
    let mut world = World::new();
    let [contoso, litware] = [world.child(2, root(), "Contoso"), world.child(3, root(), "Litware")];
    let bob = world.user(2, "Bob", &[contoso]);
    let team = world.team(1, contoso, "Team", &["backups.view"]);
    world.join(bob, team);
    // No command writes it: a commit that was tampered with.
    let grant = GrantPrivilege::new(contoso, bob, privilege("groups.view"));
    let mut changes = world.tree.decide(&world.context(ada(), contoso), &grant).unwrap().changes;
    changes.recorded.events = vec![
        LinkEvent::Linked {
            link: link(1),
            source: contoso,
            group: team,
            target: litware,
            terms: LinkTerms::target(),
            present: [litware].into(),
        }
        .into(),
    ];
    world.tree.apply(&changes).unwrap();
    assert!(world.may(bob, "backups.view", contoso));
    assert!(!world.may(bob, "backups.view", litware));
    let why = world.tree.access().explain(bob, litware, &claim("backups.view"), world.at);
    assert!(!why.decision.allowed && why.paths.is_empty());
}
