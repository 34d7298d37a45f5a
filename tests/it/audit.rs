//! AUD: the trail, the past, what comes by itself, and the examination.

use bailiwick::*;
use serde_json::json;

use crate::support::*;

// spec: AUD-1
#[test]
fn each_commit_records_who_from_where_when_what_why_and_under_which_key() {
    let mut world = World::new();
    world.pass(minutes(1));
    let context = world
        .context(ada(), root())
        .because("The auditors asked".parse().unwrap())
        .correlated("request-17".parse().unwrap());
    let create = CreateRole {
        organization: root(),
        role: role(1),
        name: name("Auditor"),
        claims: ["audit.view".parse().unwrap()].into(),
    };
    world.run_in(&context, &create).unwrap();
    let Changes { recorded, records, .. } = world.log.last().unwrap().clone();
    assert_eq!(recorded.actor, Actor::Principal(ada()));
    assert_eq!((recorded.acting, recorded.at), (Some(root()), noon() + minutes(1)));
    assert_eq!((recorded.key, recorded.root, recorded.version), (context.key, root(), world.tree.version()));
    assert_eq!(recorded.correlation.map(String::from), Some("request-17".into()));
    assert_eq!(recorded.operations, [Operation::DefineRole]);
    assert!(matches!(&recorded.events[..], [Event::Role(RoleEvent::Defined { .. })]));
    let key = RecordKey::Reason(world.tree.version());
    assert_eq!(records, [(key, Some(Record::Reason { by: ada(), text: "The auditors asked".parse().unwrap() }))]);
    world
        .operate(&RecordSubscription {
            root: root(),
            plan: "Enterprise".parse().unwrap(),
            status: SubscriptionStatus::Trial,
            term: Window::ALWAYS,
        })
        .unwrap();
    assert_eq!(world.log.last().unwrap().recorded.actor, Actor::Operator(operator()), "audited as the operator's");
}

type CreateRole = DefineRole;

// spec: AUD-1
#[test]
fn the_trail_is_filtered_by_organization_principal_kind_and_time_and_all_together() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    world.pass(days(1));
    let bob = world.user(2, "Bob", &[contoso]);
    world.pass(days(1));
    world.grant(bob, "groups.manage", contoso);
    world.pass(days(1));
    let create =
        CreateGroup { organization: contoso, group: group(1), name: name("Team"), gives: [].into(), owner: bob };
    world.run(bob, contoso, &create).unwrap();
    let versions = |filter: AuditFilter| {
        let admitted = world.log.iter().filter(|changes| filter.admits(&changes.recorded));
        admitted.map(|changes| changes.recorded.version.get()).collect::<Vec<_>>()
    };
    let none = AuditFilter::default();
    assert_eq!(versions(none.clone()), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(versions(AuditFilter { organization: Some(contoso), ..none.clone() }), [3, 5, 6, 7]);
    assert_eq!(versions(AuditFilter { principal: Some(bob), ..none.clone() }), [4, 5, 6, 7], "by them or about them");
    assert_eq!(versions(AuditFilter { principal: Some(operator()), ..none.clone() }), [1, 2]);
    assert_eq!(versions(AuditFilter { noun: Some("group".into()), ..none.clone() }), [7]);
    assert_eq!(versions(AuditFilter { noun: Some("grant".into()), ..none.clone() }), [1, 3, 6]);
    assert_eq!(versions(AuditFilter { noun: Some("nothing".into()), ..none.clone() }), [0_u64; 0]);
    let window = Window::new(Some(noon() + days(1)), Some(noon() + days(3))).unwrap();
    assert_eq!(versions(AuditFilter { window, ..none.clone() }), [4, 5, 6], "half-open");
    let all = AuditFilter { organization: Some(contoso), principal: Some(bob), noun: Some("member".into()), window };
    assert_eq!(versions(all), [5]);
}

// spec: AUD-2
#[test]
fn any_past_version_answers_who_had_access_that_day() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    world.grant(bob, "backups.view", root());
    let held = world.tree.clone();
    world.pass(days(1));
    world.ada(&RemoveMember { organization: root(), principal: bob }).unwrap();
    let commits: Vec<Recorded> = world.log.iter().map(|changes| changes.recorded.clone()).collect();
    let past = |version: Version| {
        let commits = commits.iter().take_while(|commit| commit.version <= version);
        OrganizationTree::replay(root(), world.tree.domain().clone(), commits, []).unwrap()
    };
    let then = past(held.version());
    assert!(then.access().allows(bob, root(), &claim("backups.view"), noon()));
    assert_eq!(then.access().principals(root(), Some(&claim("backups.view")), noon()), [ada(), bob]);
    assert_eq!(then.at(), held.at());
    let now = past(world.tree.version());
    assert_eq!(now.access().principals(root(), Some(&claim("backups.view")), world.at), [ada()]);
    let gap = [commits[0].clone(), commits[2].clone()];
    let broken = OrganizationTree::replay(root(), world.tree.domain().clone(), &gap, []).unwrap_err();
    let missing = OutOfOrder { root: root(), version: Version::new(3), tree: root(), at: Version::new(1) };
    assert_eq!(broken, missing);
}

// spec: AUD-4
#[test]
fn a_tree_tells_what_changes_next_by_itself_and_what_ends_for_whom() {
    let mut world = World::with(Rules { grace: Some(Period::seconds(5 * 86_400).unwrap()), ..Rules::provider() });
    let contoso = world.child(2, root(), "Contoso");
    let bob = world.user(2, "Bob", &[contoso]);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    let day = |day| noon() + days(day);
    world.subscribe("Enterprise", Window::until(day(60)));
    let window = Window::new(Some(day(2)), Some(day(40))).unwrap();
    let grant = GrantPrivilege { organization: contoso, principal: bob, privilege: privilege("backups.view"), window };
    world.run(ada(), contoso, &grant).unwrap();
    let link = world.link(1, team, contoso, LinkTerms { window: Window::until(day(30)), ..LinkTerms::default() });
    let capability: CapabilityName = "reporting".parse().unwrap();
    world
        .operate(&AssignCapability { organization: root(), capability: capability.clone(), until: Some(day(50)) })
        .unwrap();
    let invite = Invite {
        invitation: invitation(1),
        organization: root(),
        group: team,
        address: address("eve@people.example"),
        role: GroupRole::Member,
        token: token(1).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    };
    world.ada(&invite).unwrap();
    let offering = OfferAttachment {
        offer: offer(1),
        organization: contoso,
        counterpart: organization(90),
        side: OfferSide::Taking,
    };
    world.run(ada(), contoso, &offering).unwrap();
    let change = |at, organization, what, starts| Transition { at, organization, what, starts };
    let granted = Timed::Grant { principal: bob, privilege: privilege("backups.view") };
    let expected = [
        change(day(2), contoso, granted.clone(), true),
        change(day(7), root(), Timed::Invitation(invitation(1)), false),
        change(day(30), contoso, Timed::Link(link), false),
        change(day(30), contoso, Timed::Offer(offer(1)), false),
        change(day(40), contoso, granted, false),
        change(day(50), root(), Timed::Capability(capability), false),
        change(day(60), root(), Timed::Subscription, false),
        change(day(65), root(), Timed::Grace, false),
    ];
    let mut next = Vec::new();
    let mut at = noon();
    while let Some(transition) = world.tree.next_transition(at) {
        at = transition.at;
        next.push(transition);
    }
    let firsts: Vec<Timestamp> = next.iter().map(|transition| transition.at).collect();
    assert_eq!(firsts, [2, 7, 30, 40, 50, 60, 65].map(day), "each instant once, in order");
    assert_eq!(next[0], expected[0]);
    assert_eq!(world.tree.endings(noon(), day(100)), expected[1..]);
    assert_eq!(world.tree.endings(day(7), day(30)), expected[1..2], "half-open");
    // 30, 7 and 1 days ahead of the end of the grant.
    for ahead in [30, 7, 1] {
        let today = day(40) - days(ahead);
        let due = world.tree.endings(today + days(ahead), today + days(ahead + 1));
        assert_eq!(due, expected[4..5], "{ahead} days ahead");
    }
    world.ada(&RevokeInvitation { organization: root(), invitation: invitation(1) }).unwrap();
    assert_eq!(world.tree.endings(noon(), day(8)), [], "what was revoked no longer ends");
}

/// The same tree after an event that no command leads to.
fn tampered(world: &World, events: serde_json::Value) -> OrganizationTree {
    let mut recorded = world.log.last().unwrap().recorded.clone();
    recorded.version = world.tree.version().next();
    let mut wire = serde_json::to_value(&recorded).unwrap();
    wire["events"] = events;
    let recorded: Recorded = serde_json::from_value(wire).unwrap();
    let mut tree = world.tree.clone();
    tree.advance(&recorded).unwrap();
    tree
}

// spec: AUD-5
#[test]
fn an_examination_names_every_breach_with_its_rule_and_its_remedy() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let litware = world.child(3, root(), "Litware");
    let bob = world.user(2, "Bob", &[]);
    let (one, two) = (world.team(1, root(), "One", &[]), world.team(2, root(), "Two", &[]));
    let create = CreateProject { organization: contoso, project: project(1), name: name("Project") };
    world.run(ada(), contoso, &create).unwrap();
    let machine = principal(70);
    let person = Person::named(name("Robot"));
    world.run(ada(), contoso, &CreateMachineIdentity { organization: contoso, identity: machine, person }).unwrap();
    assert_eq!(world.tree.examine(world.at), [], "a sound tree");
    let stranger = principal(80);
    let resource = ResourceId::from_u128(7).unwrap();
    let share = Share { resource, kind: ResourceKind::User, source: contoso, target: litware };
    let member =
        |group, participant| GroupEvent::MemberAdded { organization: root(), group, participant, self_granted: false };
    let link_terms = LinkTerms::default();
    let cases: Vec<(Vec<Event>, Violation)> = vec![
        (
            vec![SettingsEvent::LevelsLimited { root: root(), levels: LevelLimit::ONE }.into()],
            Violation::TooDeep { organization: contoso },
        ),
        (
            vec![GrantEvent::Revoked { organization: contoso, principal: ada(), privilege: Privilege::OWNER }.into()],
            Violation::NoOwner { organization: contoso },
        ),
        (
            vec![MemberEvent::Added { organization: contoso, principal: stranger }.into()],
            Violation::StrayMember { organization: contoso, principal: stranger },
        ),
        (
            vec![GroupEvent::OwnerRemoved { organization: root(), group: one, owner: ada() }.into()],
            Violation::NoGroupOwner { group: one },
        ),
        (
            vec![member(one, Participant::Principal(stranger)).into()],
            Violation::StrayParticipant { group: one, participant: Participant::Principal(stranger) },
        ),
        (
            vec![member(one, Participant::Group(two)).into(), member(two, Participant::Group(one)).into()],
            Violation::GroupCycle { group: one },
        ),
        (
            vec![
                LinkEvent::Linked {
                    link: link(1),
                    source: root(),
                    group: one,
                    target: root(),
                    terms: link_terms,
                    present: [root()].into(),
                }
                .into(),
            ],
            Violation::LinkNotDownward { link: link(1) },
        ),
        (
            vec![
                GrantEvent::Granted {
                    organization: root(),
                    principal: bob,
                    grant: Grant { privilege: RoleRef::Defined(role(9)).into(), window: Window::ALWAYS },
                }
                .into(),
            ],
            Violation::StrayRole { role: role(9), organization: root() },
        ),
        (
            vec![ProjectEvent::MemberAdded { organization: contoso, project: project(1), principal: bob }.into()],
            Violation::StrayProjectMember { project: project(1), principal: bob },
        ),
        (
            vec![MemberEvent::Added { organization: litware, principal: machine }.into()],
            Violation::StrayIdentity { principal: machine, organization: litware },
        ),
        (vec![ResourceEvent::Shared { share }.into()], Violation::ShareNotDownward { resource, target: litware }),
        (
            vec![
                InvitationEvent::Sent {
                    organization: contoso,
                    invitation: invitation(1),
                    group: one,
                    role: GroupRole::Member,
                    inviter: ada(),
                    token: token(1).hash(),
                    until: noon() + days(7),
                }
                .into(),
            ],
            Violation::StrayInvitation { invitation: invitation(1) },
        ),
        (
            vec![
                OrganizationEvent::Created {
                    organization: organization(5),
                    parent: Some(organization(99)),
                    profile: Profile {
                        name: name("Lost"),
                        slug: "lost".parse().unwrap(),
                        region: None,
                        tags: [].into(),
                    },
                }
                .into(),
            ],
            Violation::Path { organization: organization(5) },
        ),
    ];
    for (events, violation) in cases {
        let tree = tampered(&world, json!(events));
        let found = tree.examine(world.at);
        assert!(found.contains(&violation), "{violation:?} is not in {found:?}");
        let shown = violation.to_string();
        assert!(shown.starts_with(violation.rule()) && shown.ends_with(violation.remedy()), "{shown}");
    }
}

// spec: AUD-1
#[test]
fn the_clock_of_a_tree_never_goes_back() {
    let mut world = World::new();
    world.pass(days(1));
    world.user(2, "Bob", &[]);
    let last = world.at;
    world.at -= chrono::TimeDelta::nanoseconds(1);
    let grant = GrantPrivilege {
        organization: root(),
        principal: principal(2),
        privilege: privilege("backups.view"),
        window: Window::ALWAYS,
    };
    let refused = world.ada(&grant).unwrap_err();
    assert_eq!(refused.into_rule(), Some(Precondition::ClockWentBack { at: world.at, last }.into()));
    let mut held = World::with(Rules { clock: ClockPolicy::Hold, ..Rules::provider() });
    held.pass(days(1));
    held.user(2, "Bob", &[]);
    held.at = noon();
    held.grant(principal(2), "backups.view", root());
    assert_eq!(held.log.last().unwrap().recorded.at, noon() + days(1));
}
