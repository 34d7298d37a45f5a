//! CLM: the answers of the evaluator, and how long they hold.

use std::collections::BTreeSet;

use bailiwick::*;
use proptest::prelude::*;

use crate::support::*;

fn question(principal: PrincipalId, organization: OrganizationId, what: &str) -> Question {
    Question { principal, organization, claim: claim(what) }
}

fn until(end: i64) -> LinkTerms {
    LinkTerms { window: Window::until(noon() + days(end)), ..LinkTerms::default() }
}

/// A tree with one of everything that gives access, some of it for a time.
struct Maze {
    world: World,
    contoso: OrganizationId,
    below: OrganizationId,
    bob: PrincipalId,
    carol: PrincipalId,
    dan: PrincipalId,
    robot: PrincipalId,
    inner: GroupId,
    outer: GroupId,
    local: GroupId,
    link: LinkId,
    deep: LinkId,
}

fn maze() -> Maze {
    let mut world = World::with(Rules { lapse: Lapse::Suspend, ..Rules::provider() });
    world.subscribe("Enterprise", Window::until(noon() + days(40)));
    let contoso = world.child(2, root(), "Contoso");
    let below = world.child(3, contoso, "Below");
    let bob = world.user(2, "Bob", &[contoso]);
    let carol = world.user(3, "Carol", &[]);
    let dan = world.user(4, "Dan", &[contoso, below]);
    let robot = principal(70);
    let person = Person::named(name("Robot"));
    world.ada(&CreateMachineIdentity { organization: root(), identity: robot, person }).unwrap();
    let inner = world.team(1, root(), "Inner", &["backups.view"]);
    let outer = world.team(2, root(), "Outer", &["backups.restore"]);
    let local = world.team(3, contoso, "Local", &["backups.delete", "reports.view"]);
    world.join(carol, inner);
    world.join(robot, inner);
    let nest = AddGroupMember { organization: root(), group: outer, participant: Participant::Group(inner) };
    world.ada(&nest).unwrap();
    let link = world.link(1, outer, contoso, until(30));
    world.link(2, inner, contoso, until(20));
    let deep = world.link(3, outer, below, LinkTerms::default());
    let nest = AddGroupMember { organization: contoso, group: local, participant: Participant::Group(inner) };
    world.run(ada(), contoso, &nest).unwrap();
    let window = Window::new(Some(noon() + days(5)), Some(noon() + days(10))).unwrap();
    let timed = GrantPrivilege { organization: contoso, principal: bob, privilege: privilege("backups.*"), window };
    world.run(ada(), contoso, &timed).unwrap();
    world.grant(bob, "backups.view", contoso);
    let role = GrantPrivilege {
        organization: below,
        principal: dan,
        privilege: RoleRef::ManageOrganization.into(),
        window: Window::until(noon() + days(15)),
    };
    world.run(ada(), below, &role).unwrap();
    let capability: CapabilityName = "reporting".parse().unwrap();
    let end = Some(noon() + days(12));
    world.operate(&AssignCapability { organization: root(), capability: capability.clone(), until: end }).unwrap();
    world.ada(&AssignCapability { organization: contoso, capability, until: None }).unwrap();
    Maze { world, contoso, below, bob, carol, dan, robot, inner, outer, local, link, deep }
}

/// Every instant at which something in the maze changes, and those just before and after.
fn instants() -> Vec<Timestamp> {
    let tick = chrono::TimeDelta::nanoseconds(1);
    (0..45).map(|day| noon() + days(day)).flat_map(|at| [at - tick, at, at + tick]).skip(1).collect()
}

// spec: CLM-7
#[test]
fn each_path_gives_it_and_without_one_the_answer_is_no() {
    let Maze { mut world, contoso, below, bob, carol, dan, robot, outer, link, .. } = maze();
    assert!(world.may(bob, "backups.view", contoso), "a direct grant");
    assert!(world.may(dan, "members.manage", below), "a role");
    assert!(world.may(carol, "backups.view", root()), "a group at home");
    assert!(world.may(carol, "backups.restore", root()), "a nested group");
    assert!(world.may(robot, "backups.restore", contoso), "a nested group through a link");
    assert!(world.may(carol, "backups.delete", contoso), "a linked group nested in one of the organization");
    assert!(!world.may(bob, "backups.restore", contoso) && !world.may(bob, "backups.view", root()));
    assert!(!world.may(principal(99), "backups.view", root()), "an unknown principal");
    assert!(!world.may(ada(), "backups.view", organization(99)), "an unknown organization");
    assert!(!world.may(ada(), "backups.burn", root()), "an unknown claim");
    world.clone().run(ada(), contoso, &EndLink { organization: contoso, link }).unwrap();
    world
        .ada(&RemoveGroupMember { organization: root(), group: outer, participant: Participant::Group(group(1)) })
        .unwrap();
    assert!(!world.may(carol, "backups.restore", root()) && !world.may(robot, "backups.restore", contoso));
    let rest = DeactivateOrganization { organization: contoso, with_descendants: true };
    world.ada(&rest).unwrap();
    for who in [ada(), bob, carol, dan] {
        assert!(world.tree.access().claims(who, contoso, world.at).is_empty(), "an inactive organization");
        assert!(world.tree.access().claims(who, below, world.at).is_empty(), "or one below it");
    }
}

// spec: CLM-8
#[test]
fn every_listing_and_batch_agrees_with_the_single_check_on_every_input() {
    let Maze { world, contoso, below, .. } = maze();
    let access = world.tree.access();
    let people: Vec<PrincipalId> = world.tree.principals().chain([principal(99)]).collect();
    let places = [root(), contoso, below, organization(99)];
    let declared: Vec<Claim> = world.tree.catalog().declarations().map(|claim| claim.name.clone()).collect();
    let mut claims = declared.clone();
    claims.push(claim("backups.burn"));
    for at in instants().into_iter().step_by(2) {
        for place in places {
            let any: BTreeSet<PrincipalId> = access.principals(place, None, at).into_iter().collect();
            for who in &people {
                let set = access.claims(*who, place, at);
                assert_eq!(any.contains(who), !set.is_empty());
                assert_eq!(access.reaches(*who, place, at), !set.is_empty());
                assert_eq!(access.organizations(*who, None, at).contains(&place), !set.is_empty());
                assert_eq!(access.owns(*who, place, at), set.is_owner());
                let questions: Vec<Question> = claims
                    .iter()
                    .map(|claim| Question { principal: *who, organization: place, claim: claim.clone() })
                    .collect();
                let answers = access.check_all(&questions, at);
                let held: Vec<&Claim> = world.tree.catalog().names(&set).collect();
                for (question, answer) in questions.iter().zip(answers) {
                    let allowed = access.allows(*who, place, &question.claim, at);
                    assert_eq!(answer, allowed);
                    assert_eq!(access.check(question, at).allowed, allowed);
                    assert_eq!(held.contains(&&question.claim), allowed, "{question:?} {at}");
                    let explained = access.explain(*who, place, &question.claim, at);
                    assert_eq!(explained.decision.allowed, allowed);
                    assert_eq!((explained.paths.is_empty(), explained.reasons.is_empty()), (!allowed, allowed));
                }
            }
        }
    }
    for at in instants().into_iter().step_by(7) {
        for wanted in &claims {
            for place in places {
                let listed = access.principals(place, Some(wanted), at);
                let checked = people.iter().filter(|who| access.allows(**who, place, wanted, at)).copied();
                assert_eq!(listed, checked.collect::<Vec<_>>());
            }
            for who in &people {
                let listed = access.organizations(*who, Some(wanted), at);
                let checked = places.iter().filter(|place| access.allows(*who, **place, wanted, at)).copied();
                assert_eq!(listed, checked.collect::<Vec<_>>());
            }
        }
    }
}

// spec: CLM-9
#[test]
fn an_allowed_answer_is_explained_by_every_path_and_how_long_each_lasts() {
    let Maze { mut world, contoso, carol, bob, inner, outer, local, link, .. } = maze();
    let end = |day| Some(noon() + days(day));
    let explain = |world: &World, who, what| world.tree.access().explain(who, contoso, &claim(what), world.at);
    let delete = explain(&world, carol, "backups.delete");
    assert_eq!(delete.paths, [Path::Group { chain: vec![inner, local], link: None, until: end(20) }]);
    let view = explain(&world, carol, "backups.view");
    let expected: BTreeSet<Path> = [
        Path::Group {
            chain: vec![inner],
            link: Some(bailiwick::LinkId::from_u128(0x0d00_0002).unwrap()),
            until: end(20),
        },
        Path::Group { chain: vec![inner, local], link: None, until: end(20) },
        Path::Group { chain: vec![inner, outer], link: Some(link), until: end(30) },
    ]
    .into();
    assert_eq!(view.paths.iter().cloned().collect::<BTreeSet<_>>(), expected);
    world.pass(days(5));
    let both = explain(&world, bob, "backups.view");
    let grant = |what, until| Path::Grant { privilege: privilege(what), until };
    let paths: BTreeSet<Path> = both.paths.iter().cloned().collect();
    assert_eq!(paths, [grant("backups.view", None), grant("backups.*", end(10))].into());
    let shown = delete.to_string();
    assert_eq!(
        shown,
        format!(
            "{carol} may backups.delete in {contoso}\n  as a member of group {inner}, nested in group {local}, until {}",
            noon() + days(20)
        )
    );
    let wire = serde_json::to_value(&delete).unwrap();
    assert_eq!(wire["decision"]["allowed"], true);
    assert_eq!(wire["paths"][0]["group"]["chain"][1], local.to_string());
    let role = world.tree.access().explain(principal(4), organization(3), &claim("members.view"), world.at);
    assert_eq!(role.paths, [Path::Grant { privilege: RoleRef::ManageOrganization.into(), until: end(15) }]);
    assert!(role.to_string().contains("by the grant of Manage organization, until"), "{role}");
}

// spec: CLM-9
#[test]
fn a_denied_answer_is_explained_by_the_reasons_and_what_is_missing() {
    let Maze { mut world, contoso, below, bob, carol, dan, inner, outer, local, .. } = maze();
    let reasons = |world: &World, who, place, what: &str| {
        let explained = world.tree.access().explain(who, place, &claim(what), world.at);
        assert!(!explained.decision.allowed, "{explained}");
        let shown = explained.to_string();
        assert!(shown.contains("may not") && shown.lines().count() == explained.reasons.len() + 1, "{shown}");
        serde_json::to_string(&explained).unwrap();
        explained.reasons
    };
    assert_eq!(reasons(&world, ada(), organization(99), "backups.view"), [DenialReason::UnknownOrganization]);
    assert_eq!(reasons(&world, principal(99), root(), "backups.view"), [DenialReason::UnknownPrincipal]);
    assert_eq!(reasons(&world, ada(), root(), "backups.burn"), [DenialReason::UndeclaredClaim]);
    assert_eq!(reasons(&world, bob, root(), "backups.view"), [DenialReason::NoPath]);
    let window = Window::new(Some(noon() + days(5)), Some(noon() + days(10))).unwrap();
    let outside = DenialReason::OutsideGrant { privilege: privilege("backups.*"), window };
    assert_eq!(reasons(&world, bob, contoso, "backups.restore"), [outside]);
    let idle = DenialReason::GroupNotActive { group: local };
    assert_eq!(reasons(&world, carol, below, "backups.delete"), [idle], "a group of the parent is not linked there");
    let mut later = world.clone();
    later.at = noon() + days(20);
    assert_eq!(reasons(&later, carol, contoso, "backups.delete"), [DenialReason::GroupNotActive { group: inner }]);
    later.at = noon() + days(30);
    let gone = reasons(&later, carol, contoso, "backups.restore");
    assert_eq!(gone, [DenialReason::GroupNotActive { group: outer }]);
    later.subscribe("Professional", Window::ALWAYS);
    later.at = noon() + days(30);
    assert!(!later.may(carol, "backups.restore", contoso));
    let mut lapsed = world.clone();
    lapsed.subscribe("Professional", Window::ALWAYS);
    assert_eq!(reasons(&lapsed, carol, contoso, "backups.restore"), [DenialReason::LinksSuspended]);
    world.run(ada(), contoso, &SuspendMember { organization: contoso, principal: bob }).unwrap();
    assert_eq!(reasons(&world, bob, contoso, "backups.view"), [DenialReason::Suspended { organization: contoso }]);
    world.ada(&SuspendMember { organization: root(), principal: carol }).unwrap();
    let both = reasons(&world, carol, contoso, "backups.restore");
    assert_eq!(both, [DenialReason::Suspended { organization: root() }], "where the group lives");
    world.ada(&SuspendMember { organization: root(), principal: dan }).unwrap();
    assert_eq!(reasons(&world, dan, contoso, "backups.view"), [DenialReason::NoPath], "that is not what is in the way");
    let rest = DeactivateOrganization { organization: contoso, with_descendants: true };
    world.ada(&rest).unwrap();
    assert_eq!(reasons(&world, dan, below, "backups.view"), [DenialReason::Inactive { organization: contoso }]);
}

// spec: CLM-10
#[test]
fn a_change_can_be_tried_to_see_who_gains_and_who_loses_what() {
    let Maze { world, contoso, below, carol, robot, bob, link, inner, deep, .. } = maze();
    let end = EndLink { organization: contoso, link };
    let tried = world.tree.decide(&world.context(ada(), contoso), &end).unwrap();
    let what = world.tree.what_if(&tried.changes, world.at).unwrap();
    let lost = |principal, organization| AccessChange {
        principal,
        organization,
        gains: vec![],
        loses: vec![claim("backups.restore").into()],
    };
    assert_eq!(what, [lost(carol, contoso), lost(robot, contoso)]);
    assert!(world.may(carol, "backups.restore", contoso), "nothing has changed");
    let join = AddGroupMember { organization: root(), group: inner, participant: Participant::Principal(bob) };
    let tried = world.tree.decide(&world.context(ada(), root()), &join).unwrap();
    let what = world.tree.what_if(&tried.changes, world.at).unwrap();
    let gains = |organization| {
        let change = what.iter().find(|change| change.organization == organization && change.principal == bob);
        change.map(|change| change.gains.clone()).unwrap_or_default()
    };
    let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<Grantable>>();
    assert_eq!(gains(root()), names(&["backups.view", "backups.restore"]));
    assert_eq!(gains(contoso), names(&["backups.restore", "backups.delete", "reports.view"]));
    assert_eq!(gains(below), names(&["backups.view", "backups.restore"]));
    assert_eq!(what.len(), 3, "and nobody else gains or loses anything");
    let _ = deep;
    let mut moved = world.clone();
    moved.grant(bob, "groups.view", contoso);
    assert!(moved.tree.what_if(&tried.changes, world.at).is_err(), "on another version it says nothing");
}

// spec: CLM-11
#[test]
fn each_answer_carries_its_version_and_holds_until_the_instant_that_it_names() {
    let Maze { world, contoso, below, .. } = maze();
    let access = world.tree.access();
    let people: Vec<PrincipalId> = world.tree.principals().collect();
    let instants = instants();
    let mut changes = 0;
    for who in people {
        for place in [root(), contoso, below] {
            for what in ["backups.view", "backups.restore", "backups.delete", "reports.view", "members.manage"] {
                let asked = question(who, place, what);
                for (from, at) in instants.iter().enumerate() {
                    let decision = access.check(&asked, *at);
                    assert_eq!(decision.version, world.tree.version());
                    assert!(decision.until.is_none_or(|until| until > *at));
                    for later in instants
                        .iter()
                        .skip(from)
                        .take_while(|later| decision.until.is_none_or(|until| **later < until))
                    {
                        let then = access.allows(who, place, &asked.claim, *later);
                        assert_eq!(then, decision.allowed, "{asked:?} decided at {at}, asked at {later}");
                    }
                    if let Some(until) = decision.until {
                        changes += usize::from(access.allows(who, place, &asked.claim, until) != decision.allowed);
                    }
                }
            }
        }
    }
    assert!(changes > 100, "some of them do change: {changes}");
}

// spec: CLM-11
// abuse: 100
#[test]
fn what_an_answer_is_kept_under_differs_with_every_part_of_the_question_and_the_version() {
    let Maze { mut world, contoso, bob, .. } = maze();
    let asked = question(bob, contoso, "backups.view");
    let before = world.tree.access().check(&asked, world.at);
    world.grant(bob, "groups.view", contoso);
    let after = world.tree.access().check(&asked, world.at);
    assert_eq!(before.version.next(), after.version, "each commit makes another version, and so another key");
    let key = |tree: OrganizationId, version: Version, asked: &Question| {
        serde_json::to_string(&(tree, version, asked)).unwrap()
    };
    let others = [
        (root(), after.version, asked.clone()),
        (contoso, before.version, asked.clone()),
        (root(), before.version, question(ada(), contoso, "backups.view")),
        (root(), before.version, question(bob, root(), "backups.view")),
        (root(), before.version, question(bob, contoso, "backups.restore")),
    ];
    let own = key(root(), before.version, &asked);
    assert!(others.iter().all(|(tree, version, asked)| key(*tree, *version, asked) != own));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // abuse: 100
    #[test]
    fn keys_of_questions_do_not_collide(
        a in (1_u128..4, 1_u128..4, "[a-b]{1,2}(\\.[a-b-]{1,2}){0,2}", 0_u64..3),
        b in (1_u128..4, 1_u128..4, "[a-b]{1,2}(\\.[a-b-]{1,2}){0,2}", 0_u64..3),
    ) {
        let key = |(who, place, what, version): &(u128, u128, String, u64)| {
            let asked = question(principal(*who), organization(*place), what);
            serde_json::to_string(&(root(), Version::new(*version), asked)).unwrap()
        };
        prop_assert_eq!(a == b, key(&a) == key(&b));
    }

    // abuse: 44
    #[test]
    fn rights_are_the_union_of_all_sources_in_whatever_order_they_came(order in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let mut world = World::new();
        let bob = world.user(2, "Bob", &[]);
        for step in &order {
            match step {
                0 => world.grant(bob, "backups.view", root()),
                1 => world.grant(bob, "groups.view", root()),
                2 => world.ada(&GrantPrivilege { organization: root(), principal: bob, privilege: RoleRef::ManageMspCustomers.into(), window: Window::ALWAYS }).unwrap(),
                3 => { let team = world.team(1, root(), "One", &["backups.restore"]); world.join(bob, team); }
                4 => { let team = world.team(2, root(), "Two", &["backups.delete"]); world.join(bob, team); }
                _ => { let team = world.team(3, root(), "Three", &[]); world.join(bob, team); }
            }
        }
        let set = world.tree.access().claims(bob, root(), world.at);
        let held: Vec<String> = world.tree.catalog().names(&set).map(ToString::to_string).collect();
        let expected = [
            "organizations.view", "organizations.create", "customers.edit", "customers.deactivate",
            "capabilities.assign", "groups.view", "backups.view", "backups.restore", "backups.delete",
        ];
        prop_assert_eq!(held, expected);
    }
}
