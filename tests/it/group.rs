//! GRP: security groups, who is in them and what they give at home.

use bailiwick::*;

use crate::support::*;

fn member(who: PrincipalId) -> Participant {
    Participant::Principal(who)
}

fn put(participant: Participant, group: GroupId, organization: OrganizationId) -> AddGroupMember {
    AddGroupMember { organization, group, participant }
}

fn take(participant: Participant, group: GroupId, organization: OrganizationId) -> RemoveGroupMember {
    RemoveGroupMember { organization, group, participant }
}

fn owned(owner: PrincipalId, group: GroupId) -> AddGroupOwner {
    AddGroupOwner { organization: root(), group, owner }
}

fn define(group: GroupId, gives: &[&str]) -> DefineGroup {
    let gives = gives.iter().map(|name| privilege(name)).collect();
    DefineGroup { organization: root(), group, name: name("Team"), gives }
}

// spec: GRP-1
#[test]
fn owners_edit_the_membership_and_get_nothing_more() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    let linus = world.user(3, "Linus", &[]);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    world.ada(&owned(grace, team)).unwrap();
    assert!(!world.may(grace, "backups.view", root()), "owning gives nothing");
    world.run(grace, root(), &put(member(linus), team, root())).unwrap();
    assert!(world.may(linus, "backups.view", root()));
    // A member gains and does not choose.
    let refusal = world.run(linus, root(), &put(member(grace), team, root())).unwrap_err();
    assert_eq!(refusal.to_string(), "to add a member to a group needs group ownership of the group");
    assert_eq!(world.run(linus, root(), &take(member(ada()), team, root())).unwrap_err().kind(), Kind::Forbidden);
    let again = world.run(grace, root(), &put(member(linus), team, root())).unwrap_err();
    assert_eq!(again.into_rule(), Some(GroupError::AlreadyParticipant));
    world.run(grace, root(), &take(member(linus), team, root())).unwrap();
    assert!(!world.may(linus, "backups.view", root()));
    let again = world.run(grace, root(), &take(member(linus), team, root())).unwrap_err();
    assert_eq!(again.into_rule(), Some(GroupError::NoParticipant));
}

// spec: GRP-1
#[test]
fn a_group_has_at_least_one_owner() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    let team = world.team(1, root(), "Team", &[]);
    let without = |owner| RemoveGroupOwner { organization: root(), group: team, owner };
    assert_eq!(world.ada(&without(ada())).unwrap_err().into_rule(), Some(GroupError::LastOwner { group: team }));
    assert_eq!(world.ada(&without(grace)).unwrap_err().into_rule(), Some(GroupError::NoOwner { principal: grace }));
    world.ada(&owned(grace, team)).unwrap();
    let again = world.ada(&owned(grace, team)).unwrap_err();
    assert_eq!(again.into_rule(), Some(GroupError::AlreadyOwner { principal: grace }));
    world.ada(&without(ada())).unwrap();
    assert_eq!(world.tree.group(team).unwrap().owners().collect::<Vec<_>>(), [grace]);
}

// spec: GRP-1
// abuse: 61
#[test]
fn a_group_owner_lets_themself_in_only_where_they_could_be_given_what_it_gives() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    world.ada(&owned(grace, team)).unwrap();
    let refusal = world.run(grace, root(), &put(member(grace), team, root())).unwrap_err();
    let claims = vec!["backups.view".parse().unwrap()];
    assert_eq!(refusal.into_rule(), Some(Precondition::HandsOnMore { claims }.into()));

    // One who holds it may be both, and the trail says that they let themself in.
    world.grant(grace, "backups.view", root());
    world.run(grace, root(), &put(member(grace), team, root())).unwrap();
    let self_granted = |world: &World| {
        let events = &world.log.last().unwrap().recorded.events;
        matches!(events[..], [Event::Group(GroupEvent::MemberAdded { self_granted: true, .. })])
    };
    assert!(self_granted(&world));
    let linus = world.user(3, "Linus", &[]);
    world.run(grace, root(), &put(member(linus), team, root())).unwrap();
    assert!(!self_granted(&world));
}

// spec: GRP-1
// spec: MEM-8
// abuse: 61
#[test]
fn nobody_lets_themself_in_by_a_group_that_is_nested() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    let (inner, outer) = (world.team(1, root(), "Inner", &[]), world.team(2, root(), "Outer", &["backups.delete"]));
    world.ada(&owned(grace, inner)).unwrap();
    world.ada(&put(Participant::Group(inner), outer, root())).unwrap();
    let refusal = world.run(grace, root(), &put(member(grace), inner, root())).unwrap_err();
    assert_eq!(refusal.code(), "claim.hands_on_more", "the outer group gives more than they hold");

    // Nor the other way: in the inner one first, and then that one let in.
    world.ada(&take(Participant::Group(inner), outer, root())).unwrap();
    world.run(grace, root(), &put(member(grace), inner, root())).unwrap();
    world.ada(&owned(grace, outer)).unwrap();
    let refusal = world.run(grace, root(), &put(Participant::Group(inner), outer, root())).unwrap_err();
    assert_eq!(refusal.code(), "claim.hands_on_more");
    assert!(!world.may(grace, "backups.delete", root()));
}

// spec: MEM-8
#[test]
fn one_who_only_manages_groups_makes_no_owners_of_what_they_do_not_hold_and_takes_none() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let (grace, linus) = (world.user(2, "Grace", &[]), world.user(3, "Linus", &[]));
    world.grant(grace, "groups.manage", root());
    let team = world.team(1, root(), "Team", &["backups.view"]);
    let refusal = world.run(grace, root(), &owned(grace, team)).unwrap_err();
    assert_eq!(refusal.code(), "claim.hands_on_more");
    world.grant(grace, "backups.view", root());
    world.link(1, team, contoso, LinkTerms::default());
    let refusal = world.run(grace, root(), &owned(grace, team)).unwrap_err();
    assert_eq!(refusal.code(), "claim.hands_on_more", "it gives in Contoso too, where they hold nothing");
    world.ada(&EndLink { organization: root(), link: link(1) }).unwrap();
    world.run(grace, root(), &owned(linus, team)).unwrap();
    let without = RemoveGroupOwner { organization: root(), group: team, owner: ada() };
    let refusal = world.run(grace, root(), &without).unwrap_err();
    let more = Precondition::HoldsMore { organization: root(), principal: ada() };
    assert_eq!(refusal.into_rule(), Some(more.into()));
}

// spec: GRP-2
#[test]
fn a_group_gives_its_claims_and_roles_at_home() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    let claims = ["backups.restore".parse().unwrap()].into();
    world.ada(&DefineRole { organization: root(), role: role(1), name: name("Ops"), claims }).unwrap();
    let gives = [privilege("groups.view"), Privilege::Role(RoleRef::Defined(role(1)))].into();
    world.ada(&CreateGroup { organization: root(), group: group(1), name: name("Team"), gives, owner: ada() }).unwrap();
    world.join(grace, group(1));
    let may = |world: &World| {
        ["groups.view", "backups.restore", "backups.delete"].map(|claim| world.may(grace, claim, root()))
    };
    assert_eq!(may(&world), [true, true, false]);
    world.ada(&define(group(1), &["backups.delete"])).unwrap();
    assert_eq!(may(&world), [false, false, true]);
    let undeclared = world.ada(&define(group(1), &["backups.format"])).unwrap_err();
    let claim = "backups.format".parse().unwrap();
    assert_eq!(undeclared.into_rule(), Some(Precondition::UndeclaredClaim { claim }.into()));
}

// spec: GRP-2
#[test]
fn at_a_link_a_group_gives_the_same_or_a_narrower_set() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let tailspin = world.child(3, root(), "Tailspin");
    let grace = world.user(2, "Grace", &[]);
    let team = world.team(1, root(), "Team", &["backups.restore", "groups.view"]);
    world.join(grace, team);
    let narrowed = |claims: &[&str]| LinkTerms::default().giving_only(claims.iter().map(|claim| privilege(claim)));
    world.link(1, team, contoso, LinkTerms::default());
    world.link(2, team, tailspin, narrowed(&["backups.view"]));
    let may = |world: &World, place| {
        ["backups.restore", "backups.view", "groups.view"].map(|claim| world.may(grace, claim, place))
    };
    assert_eq!(may(&world, root()), [true; 3]);
    assert_eq!(may(&world, contoso), [true; 3]);
    assert_eq!(may(&world, tailspin), [false, true, false], "what is implied at home can be all there is");

    let change = |claims| ChangeLink { source: root(), group: team, target: tailspin, terms: narrowed(claims) };
    let refusal = world.ada(&change(&["backups.delete"])).unwrap_err();
    let wider = LinkError::Wider { claims: vec![claim("backups.delete")] };
    assert_eq!(refusal.into_rule(), Some(wider));
    // Narrower than a group that has come to give less is narrower still.
    world.ada(&define(team, &["groups.view"])).unwrap();
    assert_eq!(may(&world, tailspin), [false; 3]);
    assert_eq!(may(&world, contoso), [false, false, true]);
}

// spec: GRP-2
// abuse: 62
#[test]
fn a_group_that_carries_owner_makes_owners_below_only_where_the_link_says_so() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let tailspin = world.child(3, root(), "Tailspin");
    let grace = world.user(2, "Grace", &[]);
    let owners = world.team(1, root(), "Owners", &["owner", "groups.view"]);
    world.join(grace, owners);
    world.link(1, owners, contoso, LinkTerms::default());
    world.link(2, owners, tailspin, LinkTerms { makes_owners: true, ..LinkTerms::default() });
    assert!(world.owns(grace, root()) && world.owns(grace, tailspin));
    assert!(!world.owns(grace, contoso));
    assert!(!world.may(grace, "backups.view", contoso), "nor what Owner implies");
    assert!(world.may(grace, "groups.view", contoso), "but what else it gives");
    // Such owners do not count as the last.
    let revoke = RevokePrivilege { organization: tailspin, principal: ada(), privilege: Privilege::OWNER };
    let last = Precondition::LastOwner { organizations: vec![tailspin] };
    assert_eq!(world.ada(&revoke).unwrap_err().into_rule(), Some(last.into()));
    // Nor is a narrowed Owner passed on without the flag.
    let terms = LinkTerms::default().giving_only([Privilege::OWNER]);
    world.ada(&ChangeLink { source: root(), group: owners, target: contoso, terms }).unwrap();
    assert!(!world.tree.access().reaches(grace, contoso, world.at));
}

// What is added to a group beside Owner goes below where Owner does not.
// spec: GRP-2
// spec: MEM-8
#[test]
fn what_a_group_is_given_beside_owner_is_handed_on_below_as_well() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[]);
    world.grant(grace, "owner", root());
    let team = world.team(1, root(), "Team", &[]);
    world.ada(&owned(grace, team)).unwrap();
    world.link(1, team, contoso, LinkTerms::default());
    for gives in [&["backups.delete"][..], &["owner", "backups.delete"]] {
        let refusal = world.run(grace, root(), &define(team, gives)).unwrap_err();
        assert_eq!(refusal.code(), "claim.hands_on_more", "Grace holds nothing in Contoso");
    }
    world.run(grace, root(), &define(team, &["owner"])).unwrap();
}

// spec: GRP-3
#[test]
fn users_machine_identities_and_groups_can_be_in_a_group() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    let person = Person::named(name("Robot"));
    world.ada(&CreateMachineIdentity { organization: root(), identity: principal(10), person }).unwrap();
    let outer = world.team(1, root(), "Outer", &["backups.view"]);
    let inner = world.team(2, root(), "Inner", &[]);
    world.ada(&put(member(principal(10)), outer, root())).unwrap();
    world.ada(&put(Participant::Group(inner), outer, root())).unwrap();
    world.join(grace, inner);
    assert!(world.may(grace, "backups.view", root()) && world.may(principal(10), "backups.view", root()));
    assert!(!world.may(principal(77), "backups.view", root()));
}

// spec: GRP-3
#[test]
fn a_nested_group_is_of_the_same_organization_or_of_an_ancestor_that_has_linked_it_there() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    let tailspin = world.child(4, root(), "Tailspin");
    let grace = world.user(2, "Grace", &[]);
    let base = world.team(1, root(), "Base", &[]);
    world.join(grace, base);
    let local = world.team(2, site, "Local", &["backups.view"]);
    let missing = GroupError::from(Precondition::NotFound { what: "group" });
    let nest = |nested| put(Participant::Group(nested), local, site);
    assert_eq!(world.ada(&nest(base)).unwrap_err().into_rule(), Some(missing.clone()), "not linked");
    let other = world.team(3, tailspin, "Other", &[]);
    assert_eq!(world.ada(&nest(other)).unwrap_err().into_rule(), Some(missing.clone()), "of a cousin");
    assert_eq!(world.ada(&nest(group(99))).unwrap_err().into_rule(), Some(missing.clone()), "of nowhere");
    let below = world.team(4, contoso, "Middle", &[]);
    let upward = put(Participant::Group(local), below, contoso);
    assert_eq!(world.ada(&upward).unwrap_err().into_rule(), Some(missing), "of a descendant");

    world.link(1, base, site, LinkTerms::default());
    world.ada(&nest(base)).unwrap();
    assert!(world.may(grace, "backups.view", site));
    // With the link the nesting ends, in the same commit.
    world.ada(&EndLink { organization: site, link: link(1) }).unwrap();
    assert!(!world.may(grace, "backups.view", site));
    assert_eq!(world.tree.group(local).unwrap().members().count(), 0);
}

// spec: GRP-3
// abuse: 58
#[test]
fn a_cycle_of_any_length_is_refused() {
    let mut world = World::new();
    let groups: Vec<GroupId> = (1..=9).map(|number| world.team(number, root(), "Team", &[])).collect();
    let nest = |inner, outer| put(Participant::Group(inner), outer, root());
    for pair in groups.windows(2) {
        let (outer, inner) = (pair[0], pair[1]);
        let own = world.ada(&nest(outer, outer)).unwrap_err();
        assert_eq!(own.into_rule(), Some(GroupError::WouldCycle { group: outer }));
        world.ada(&nest(inner, outer)).unwrap();
        // Closing the circle from the first to the last, at every length.
        let refusal = world.ada(&nest(groups[0], inner)).unwrap_err();
        assert_eq!(refusal.into_rule(), Some(GroupError::WouldCycle { group: groups[0] }));
    }
    // Two ways to the same group are no cycle.
    world.ada(&nest(groups[8], groups[0])).unwrap();
}

/// Nests three groups in a circle, as no command does, by a commit that was tampered with.
fn circle() -> (World, Vec<PrincipalId>) {
    let mut world = World::new();
    let people: Vec<PrincipalId> = (2..=4).map(|number| world.user(number, &format!("User{number}"), &[])).collect();
    for (number, gives) in [(1, "backups.view"), (2, "groups.view"), (3, "projects.view")] {
        let team = world.team(number, root(), "Team", &[gives]);
        world.join(people[usize::try_from(number).unwrap() - 1], team);
    }
    let nest = |inner, outer| put(Participant::Group(group(inner)), group(outer), root());
    world.ada(&nest(2, 1)).unwrap();
    world.ada(&nest(3, 2)).unwrap();
    let mut decided = world.tree.decide(&world.context(ada(), root()), &define(group(1), &["backups.view"])).unwrap();
    decided.changes.recorded.events = vec![Event::Group(GroupEvent::MemberAdded {
        organization: root(),
        group: group(3),
        participant: Participant::Group(group(1)),
        self_granted: false,
    })];
    world.tree.apply(&decided.changes).unwrap();
    (world, people)
}

// abuse: 58
#[test]
fn where_a_cycle_got_in_evaluation_ends_and_the_examination_names_it() {
    let (world, people) = circle();
    for who in &people {
        for claim in ["backups.view", "groups.view", "projects.view"] {
            assert!(world.may(*who, claim, root()));
        }
        assert!(!world.may(*who, "backups.delete", root()));
    }
    let violations = world.tree.examine(world.at);
    for number in 1..=3 {
        assert!(violations.contains(&Violation::GroupCycle { group: group(number) }), "{violations:?}");
    }
}

// abuse: 59
#[test]
fn what_was_asked_before_makes_no_difference_to_an_answer() {
    let (world, people) = circle();
    let claims: Vec<Claim> = catalog().declarations().map(|declared| declared.name.clone()).collect();
    let questions: Vec<Question> = people
        .iter()
        .flat_map(|who| {
            let ask = |claim: &Claim| Question { principal: *who, organization: root(), claim: claim.clone() };
            claims.iter().map(ask).collect::<Vec<_>>()
        })
        .collect();
    let forward = world.tree.access().check_all(&questions, world.at);
    let mut backward = world.tree.access().check_all(questions.iter().rev(), world.at);
    backward.reverse();
    assert_eq!(forward, backward);
    for (question, answer) in questions.iter().zip(forward) {
        // Each alone, on a tree that was never asked anything.
        let (fresh, _) = circle();
        assert_eq!(fresh.may(question.principal, question.claim.as_str(), root()), answer);
    }
}

// spec: GRP-7
#[test]
fn with_a_group_end_its_links_nestings_and_pending_invitations() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[]);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    let outer = world.team(2, root(), "Outer", &["backups.restore"]);
    let local = world.team(3, contoso, "Local", &["backups.delete"]);
    world.join(grace, team);
    world.link(1, team, contoso, LinkTerms::default());
    for (outer, place) in [(outer, root()), (local, contoso)] {
        world.ada(&put(Participant::Group(team), outer, place)).unwrap();
    }
    for (number, into) in [(1, team), (2, outer)] {
        let invite = Invite {
            invitation: invitation(number),
            organization: root(),
            group: into,
            address: address("new@people.example"),
            role: GroupRole::Member,
            token: token(u8::try_from(number).unwrap()).hash(),
            lifetime: None,
            other_role: OtherRole::Refuse,
        };
        world.ada(&invite).unwrap();
    }
    let version = world.tree.version();
    let ended = world.ada(&DeleteGroup { organization: root(), group: team }).unwrap();
    let expected = GroupEnded { links: vec![link(1)], nested_in: vec![outer, local], invitations: vec![invitation(1)] };
    assert_eq!(ended, expected);
    assert_eq!(world.tree.version(), version.next(), "in one commit");
    assert!(world.tree.group(team).is_none() && world.tree.link(link(1)).is_none());
    assert_eq!(world.tree.group(local).unwrap().members().count(), 0);
    assert!(world.tree.pending_invitations(root(), world.at).eq([invitation(2)]));
    for claim in ["backups.view", "backups.restore", "backups.delete"] {
        assert!(!world.may(grace, claim, root()) && !world.may(grace, claim, contoso));
    }
    let again = world.ada(&DeleteGroup { organization: root(), group: team }).unwrap_err();
    assert_eq!(again.into_rule(), Some(Precondition::NotFound { what: "group" }.into()));
    assert!(world.replayed() == world.tree);
}
