//! ERR and GDP-3: what a refusal says, what it hides, and what no input breaks.

use std::collections::BTreeSet;

use bailiwick::*;
use proptest::prelude::*;

use crate::support::*;

fn edit(organization: OrganizationId) -> EditOrganization {
    EditOrganization { name: Some(name("Mine")), ..EditOrganization::of(organization) }
}

/// A customer whose owner knows nothing but the customer.
fn outsider() -> (World, OrganizationId, PrincipalId) {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let team = world.team(1, contoso, "Team", &[]);
    let invite = Invite {
        invitation: invitation(1),
        organization: contoso,
        group: team,
        address: address("eve@people.example"),
        role: GroupRole::Member,
        token: token(1).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    };
    world.run(ada(), contoso, &invite).unwrap();
    let eve = principal(50);
    let accept =
        AcceptInvitation { token: token(1), address: address("eve@people.example"), verified: true, name: name("Eve") };
    world.newcomer(eve, &accept).unwrap();
    (world, contoso, eve)
}

// spec: ERR-1
#[test]
fn a_denial_says_what_would_be_needed_and_nothing_of_what_the_actor_cannot_see() {
    let (mut world, contoso, eve) = outsider();
    let refused = world.run(eve, contoso, &edit(contoso)).unwrap_err();
    let need =
        |authority, place, organization| vec![Need { demand: Demand { authority, place }, claim: None, organization }];
    let ways = vec![
        need(Authority::Claim("organizations.edit"), Place::Organization, Some(contoso)),
        need(Authority::Claim("customers.edit"), Place::Parent, None),
    ];
    assert_eq!(refused, Refusal::Denied(Denial::Forbidden { operation: Operation::EditOrganization, ways }));
    assert_eq!((refused.rule(), refused.code(), refused.kind()), ("CLM-12", "forbidden", Kind::Forbidden));
    assert_eq!(
        refused.to_string(),
        format!(
            "to edit an organization needs `organizations.edit` in the organization {contoso}; or `customers.edit` of its parent"
        )
    );
    let wire = serde_json::to_string(&refused).unwrap();
    for shown in [refused.to_string(), format!("{refused:?}"), wire] {
        assert!(!shown.contains(&root().to_string()), "{shown}");
    }
    let Refusal::Denied(denial) = refused else { panic!() };
    assert_eq!((denial.operation(), denial.needs().len()), (Operation::EditOrganization, 2));
    assert_eq!(format!("{denial:?}"), format!("Denial({denial})"));
}

// spec: ERR-1
#[test]
fn each_refusal_is_typed_and_says_rule_object_and_remedy_in_a_sentence() {
    let errors = [
        told(OrganizationError::TooDeep { limit: 3, level: 4 }),
        told(GroupError::WouldCycle { group: group(1) }),
        told(LinkError::ToItself { organization: root() }),
        told(InvitationError::Duplicate { invitation: invitation(1) }),
        told(InvitationError::DailyCap { scope: CapScope::Inviter, cap: 100, from: noon() }),
        told(ReviewError::Open { count: 3 }),
        told(GrantError::Precondition(Precondition::LastOwner { organizations: vec![root(), organization(2)] })),
        told(GrantError::Precondition(Precondition::HandsOnMore { claims: vec![Grantable::Owner] })),
        told(MemberError::Precondition(Precondition::FeatureMissing {
            feature: Feature::UserManagement,
            plan: None,
            root: root(),
        })),
    ];
    let expected = [
        ("HIE-2", "organization.too_deep", Kind::Conflict, "3"),
        ("GRP-3", "group.would_cycle", Kind::Conflict, "circle"),
        ("GRP-4", "link.to_itself", Kind::Conflict, "needs no link"),
        ("INV-3", "invitation.duplicate", Kind::Conflict, "resend it instead"),
        (
            "INV-4",
            "invitation.daily_cap",
            Kind::TooMany,
            "100 messages a day by one inviter is the most: allowed again from 2026-01-01 12:00:00 UTC",
        ),
        ("ROS-2", "review.open", Kind::Conflict, "3 lines"),
        ("CLM-5", "owner.last", Kind::Conflict, "name another owner first"),
        ("CLM-4", "claim.hands_on_more", Kind::Forbidden, "owner"),
        ("LIC-3", "subscription.feature_missing", Kind::PaymentRequired, "user management"),
    ];
    for ((sentence, said, named, of), (rule, code, kind, text)) in errors.into_iter().zip(expected) {
        assert_eq!((said, named, of), (rule, code, kind), "{sentence}");
        assert!(sentence.contains(text) && !sentence.contains('{') && !sentence.ends_with('.'), "{sentence}");
    }
    let kinds = [
        (Kind::Invalid, 422),
        (Kind::Forbidden, 403),
        (Kind::PaymentRequired, 402),
        (Kind::NotFound, 404),
        (Kind::Conflict, 409),
        (Kind::Gone, 410),
        (Kind::TooMany, 429),
    ];
    assert!(kinds.iter().all(|(kind, status)| kind.http_status() == *status));
}

fn told<E: RuleError>(error: E) -> (String, &'static str, &'static str, Kind) {
    let refusal = Refusal::Rule(error.clone());
    assert_eq!((refusal.to_string(), refusal.rule(), refusal.code()), (error.to_string(), error.rule(), error.code()));
    (error.to_string(), error.rule(), error.code(), error.kind())
}

// spec: ERR-2
#[test]
fn a_refused_operation_alters_neither_the_tree_nor_the_draft_it_was_part_of() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    let grant = |who, what: &str| GrantPrivilege {
        organization: root(),
        principal: who,
        privilege: privilege(what),
        window: Window::ALWAYS,
    };
    let context = world.context(ada(), root());
    let mut with = world.tree.draft(context.clone());
    let mut without = world.tree.draft(context);
    with.run(&grant(bob, "backups.view")).unwrap();
    without.run(&grant(bob, "backups.view")).unwrap();
    with.run(&grant(bob, "nothing.at.all")).unwrap_err();
    with.run(&grant(principal(99), "backups.view")).unwrap_err();
    with.run(&RemoveMember { organization: root(), principal: ada() }).unwrap_err();
    assert!(with.tree() == without.tree());
    assert_eq!(with.finish(), without.finish());
    let before = world.tree.clone();
    world.ada(&RemoveMember { organization: root(), principal: ada() }).unwrap_err();
    assert!(world.tree == before && world.replayed() == before);
}

// spec: ERR-4
#[test]
fn an_organization_that_is_hidden_answers_as_one_that_is_not_there() {
    let (mut world, contoso, eve) = outsider();
    let litware = world.child(3, root(), "Litware");
    let resting = world.child(4, root(), "Resting");
    world.ada(&DeactivateOrganization { organization: resting, with_descendants: false }).unwrap();
    let nowhere = organization(77);
    fn answer<C: Command>(world: &mut World, who: PrincipalId, acting: OrganizationId, command: &C) -> [String; 4] {
        let Err(refusal) = world.run(who, acting, command) else { panic!("it is refused") };
        let tell = serde_json::to_string(&(refusal.code(), refusal.rule(), refusal.kind())).unwrap();
        [refusal.to_string(), format!("{refusal:?}"), tell, refusal.kind().http_status().to_string()]
    }
    for hidden in [root(), litware, resting] {
        for who in [eve, principal(88)] {
            let acting = contoso;
            let same = |a: [String; 4], b: [String; 4]| assert_eq!(a, b);
            let w = &mut world;
            same(answer(w, who, acting, &edit(hidden)), answer(w, who, acting, &edit(nowhere)));
            let add = |organization| AddMember { organization, principal: eve, person: None };
            same(answer(w, who, acting, &add(hidden)), answer(w, who, acting, &add(nowhere)));
            let rest = |organization| DeactivateOrganization { organization, with_descendants: true };
            same(answer(w, who, acting, &rest(hidden)), answer(w, who, acting, &rest(nowhere)));
            let wake = |organization| ReactivateOrganization { organization };
            same(answer(w, who, acting, &wake(hidden)), answer(w, who, acting, &wake(nowhere)));
            let link = |target| LinkGroup {
                link: link(1),
                source: contoso,
                group: group(1),
                target,
                terms: LinkTerms::default(),
            };
            same(answer(w, who, acting, &link(hidden)), answer(w, who, acting, &link(nowhere)));
            same(answer(w, who, hidden, &edit(contoso)), answer(w, who, nowhere, &edit(contoso)));
            let look = |organization| {
                let limit = std::num::NonZeroU32::MIN;
                w.tree.roster(who, organization, &RosterFilter::default(), 0, limit, w.at).unwrap_err()
            };
            assert_eq!(look(hidden), look(nowhere));
        }
    }
    let refused = world.run(eve, contoso, &edit(litware)).unwrap_err();
    assert_eq!(refused, Refusal::Denied(Denial::NotFound { operation: Operation::EditOrganization }));
    assert_eq!((refused.rule(), refused.code(), refused.kind()), ("ERR-4", "not_found", Kind::NotFound));
}

// spec: ERR-4
#[test]
fn a_principal_who_is_hidden_answers_as_one_who_is_not_there() {
    let (mut world, contoso, eve) = outsider();
    let hidden = world.user(3, "Hidden", &[]);
    world.grant(eve, "owner", contoso);
    let grant = |principal| GrantPrivilege {
        organization: contoso,
        principal,
        privilege: privilege("backups.view"),
        window: Window::ALWAYS,
    };
    let there = world.run(eve, contoso, &grant(hidden)).unwrap_err();
    let absent = world.run(eve, contoso, &grant(principal(77))).unwrap_err();
    let generic =
        |refusal: Refusal<GrantError>, who: PrincipalId| refusal.to_string().replace(&who.to_string(), "they");
    assert_eq!(generic(there, hidden), generic(absent, principal(77)));
    let join = |principal| AddGroupMember {
        organization: contoso,
        group: group(1),
        participant: Participant::Principal(principal),
    };
    let there = world.run(ada(), contoso, &join(hidden)).unwrap_err();
    let absent = world.run(ada(), contoso, &join(principal(77))).unwrap_err();
    assert_eq!((there.code(), there.rule()), (absent.code(), absent.rule()));
    let remove = |principal| RemoveMember { organization: contoso, principal };
    let there = world.run(eve, contoso, &remove(hidden)).unwrap_err();
    let absent = world.run(eve, contoso, &remove(principal(77))).unwrap_err();
    assert_eq!((there.code(), there.rule()), (absent.code(), absent.rule()));
}

/// Collects everything that could be written to a log while something happens.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn note(&mut self, thing: &impl std::fmt::Debug) {
        self.0.push(format!("{thing:?}"));
        self.0.push(format!("{thing:#?}"));
    }
}

// spec: GDP-3
#[test]
fn no_personal_data_is_in_events_nor_in_any_debug_output() {
    const SENTINELS: [&str; 6] = ["Zaphod", "zaphod@", "Trillian", "trillian@", "Ford", "Marvin"];
    let mut world = World::new();
    let mut seen = Seen::default();
    let zaphod = principal(42);
    let person = Person::named(name("Zaphod")).reachable_at(address("zaphod@heart.example"));
    let add = AddMember { organization: root(), principal: zaphod, person: Some(person) };
    seen.note(&add);
    world.ada(&add).unwrap();
    let person = Person::named(name("Marvin"));
    let robot = CreateMachineIdentity { organization: root(), identity: principal(70), person };
    seen.note(&robot);
    world.ada(&robot).unwrap();
    let team = world.team(1, root(), "Team", &[]);
    let invite = Invite {
        invitation: invitation(1),
        organization: root(),
        group: team,
        address: address("trillian@heart.example"),
        role: GroupRole::Member,
        token: token(1).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    };
    seen.note(&invite);
    let context = world.context(ada(), root()).because("Ford asked for Zaphod".parse().unwrap());
    world.run_in(&context, &invite).unwrap();
    let again = Invite { invitation: invitation(2), token: token(2).hash(), ..invite };
    seen.note(&world.ada(&again).unwrap_err());
    seen.note(
        &world
            .newcomer(
                zaphod,
                &DeclineInvitation { invitation: invitation(1), address: address("zaphod@heart.example") },
            )
            .unwrap_err(),
    );
    let accept = |from: &str| AcceptInvitation {
        token: token(1),
        address: address(from),
        verified: true,
        name: name("Trillian"),
    };
    seen.note(&world.newcomer(zaphod, &accept("zaphod@heart.example")).unwrap_err());
    world.newcomer(principal(50), &accept("trillian@heart.example")).unwrap();
    let create = CreateProject { organization: root(), project: project(1), name: name("Project") };
    world.ada(&create).unwrap();
    let provision = ProvisionProjectMember {
        organization: root(),
        project: project(1),
        principal: principal(51),
        person: Person::named(name("Ford")).reachable_at(address("trillian@earth.example")),
    };
    seen.note(&provision);
    world.ada(&provision).unwrap();
    let describe = EditOrganization {
        description: Edit::Set("Where Zaphod works".parse().unwrap()),
        ..EditOrganization::of(root())
    };
    world.ada(&describe).unwrap();
    world.ada(&SuspendMember { organization: root(), principal: zaphod }).unwrap();
    world.ada(&RemoveMember { organization: root(), principal: zaphod }).unwrap();
    seen.note(&world.tree);
    seen.note(&world.log);
    seen.note(&world.tree.access().explain(principal(50), root(), &claim("groups.view"), world.at));
    seen.note(&world.tree.person(principal(51)));
    seen.note(&world.tree.examine(world.at));
    for changes in &world.log {
        seen.0.push(serde_json::to_string(&changes.recorded).unwrap());
        let commit = Commit::from(changes.clone());
        seen.note(&commit);
        seen.note(&commit.fingerprint().unwrap());
    }
    for text in &seen.0 {
        for sentinel in SENTINELS {
            assert!(!text.to_lowercase().contains(&sentinel.to_lowercase()), "{sentinel} is in {text}");
        }
    }
    let records: Vec<String> = world
        .log
        .iter()
        .flat_map(|changes| &changes.records)
        .map(|record| serde_json::to_string(record).unwrap())
        .collect();
    for sentinel in SENTINELS {
        assert!(records.iter().any(|record| record.contains(sentinel)), "{sentinel} was planted");
    }
    for bad in ["zaphod@@heart.example", "zaphod heart", "zaphod\u{0}@heart.example"] {
        let error = bad.parse::<Address>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("zaphod"), "an error does not repeat an address");
    }
}

// spec: GDP-3
#[test]
fn what_tells_commits_apart_is_no_hash_of_personal_data() {
    let world = World::new();
    let add = |who: &str| AddMember {
        organization: root(),
        principal: principal(42),
        person: Some(Person::named(name(who))),
    };
    let context = world.context(ada(), root());
    let print = |who: &str| {
        let changes = world.tree.decide(&context, &add(who)).unwrap().changes;
        Commit::from(changes).fingerprint().unwrap()
    };
    assert_eq!(print("Zaphod"), print("Ford"));
}

/// Texts that tend to break parsers, with whatever else comes along.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9._+-]{1,12}@[a-z0-9.-]{1,12}",
        "[a-z_.*-]{0,20}",
        "[ \\t\\n\\x00\u{200B}\u{FEFF}\u{202E}a-z@.]{0,12}",
        "[0-9a-fA-F-]{30,70}",
        Just("\u{212A}\u{131}\u{130}ß@\u{1F600}.example".to_owned()),
        Just("@".repeat(10_000)),
        Just(".".repeat(10_000)),
        Just("00000000-0000-0000-0000-000000000000".to_owned()),
    ]
}

/// What reads, writes as what reads the same; and reading never panics, nor does decoding.
fn survives<T>(text: &str) -> Result<(), TestCaseError>
where
    T: std::str::FromStr + serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let parsed = text.parse::<T>().ok();
    let decoded = serde_json::from_value::<T>(serde_json::Value::String(text.to_owned())).ok();
    prop_assert_eq!(&parsed, &decoded, "one way in");
    if let Some(value) = parsed {
        let wire = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(&serde_json::from_str::<T>(&wire).unwrap(), &value);
        let _ = format!("{value:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    // spec: ERR-3
    // abuse: 8
    #[test]
    fn no_text_makes_a_parser_panic_and_what_is_read_is_read_again(text in texts()) {
        survives::<Claim>(&text)?;
        survives::<Grantable>(&text)?;
        survives::<Address>(&text)?;
        survives::<Name>(&text)?;
        survives::<Slug>(&text)?;
        survives::<Region>(&text)?;
        survives::<Tag>(&text)?;
        survives::<Description>(&text)?;
        survives::<Reason>(&text)?;
        survives::<CorrelationId>(&text)?;
        survives::<PlanName>(&text)?;
        survives::<CapabilityName>(&text)?;
        survives::<OrganizationId>(&text)?;
        survives::<PrincipalId>(&text)?;
        survives::<CommitKey>(&text)?;
        if let Ok(token) = text.parse::<InvitationToken>() {
            prop_assert_eq!(token.reveal(), text.to_lowercase());
        }
        if let Ok(name) = text.parse::<Name>() {
            let length = name.as_str().chars().count();
            prop_assert!((1..=128).contains(&length) && name.as_str().trim() == name.as_str());
            let slug = Slug::of(&name);
            prop_assert_eq!(slug.as_str().parse::<Slug>().unwrap(), slug);
        }
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.typed(), &text, "kept as typed");
            let upper = text.to_ascii_uppercase();
            if let Ok(other) = upper.parse::<Address>() {
                prop_assert_eq!(other.key(), address.key());
            }
        }
    }

    // spec: ERR-3
    // abuse: 97
    #[test]
    fn no_number_makes_time_overflow(seconds in any::<i64>(), at in any::<i64>(), other in any::<i64>(), version in any::<u64>()) {
        let instant = |seconds: i64| chrono::DateTime::from_timestamp(seconds % 8_210_000_000_000, 0).unwrap_or(noon());
        let (at, other) = (instant(at), instant(other));
        if let Ok(period) = Period::seconds(seconds) {
            prop_assert!(seconds > 0 && period.as_seconds() == seconds);
            if let Ok(after) = period.after(at) {
                prop_assert!(after > at);
            }
            prop_assert_eq!(period.after(Timestamp::MAX_UTC), Err(InvalidTime::Overflow));
            let wire = serde_json::to_string(&period).unwrap();
            prop_assert_eq!(serde_json::from_str::<Period>(&wire).unwrap(), period);
        } else {
            prop_assert!(serde_json::from_value::<Period>(seconds.into()).is_err());
        }
        match Window::new(Some(at), Some(other)) {
            Ok(window) => {
                prop_assert!(window.contains(at) && !window.contains(other));
                let wire = serde_json::to_string(&window).unwrap();
                prop_assert_eq!(serde_json::from_str::<Window>(&wire).unwrap(), window);
            }
            Err(InvalidTime::Empty { .. }) => prop_assert!(other <= at),
            Err(error) => prop_assert!(false, "{error}"),
        }
        let version = Version::new(version);
        prop_assert!(version.next() >= version && version.previous() <= version);
    }

    // spec: ERR-3
    #[test]
    fn no_bytes_make_the_reading_of_a_commit_panic(text in any::<String>(), cut in 0_usize..2_000) {
        let _ = serde_json::from_str::<Recorded>(&text);
        let _ = serde_json::from_str::<Branch>(&text);
        let world = World::new();
        let whole = serde_json::to_string(&world.log[0].recorded).unwrap();
        let cut = cut.min(whole.len());
        if let (Some(head), Some(tail)) = (whole.get(..cut), whole.get(cut..)) {
            let read = serde_json::from_str::<Recorded>(&format!("{head}{text}{tail}"));
            if let Ok(commit) = read {
                let mut tree = OrganizationTree::empty(root(), world.tree.domain().clone());
                let _ = tree.advance(&commit);
                let _ = tree.examine(noon());
            }
        }
    }
}

// spec: ERR-3
#[test]
fn commits_that_make_no_sense_leave_a_tree_that_can_be_asked() {
    let world = World::new();
    let (who, place) = (principal(9), organization(99));
    let events: Vec<Event> = vec![
        MemberEvent::Removed { organization: place, principal: who }.into(),
        GroupEvent::Deleted { organization: place, group: group(9) }.into(),
        GroupEvent::MemberAdded {
            organization: place,
            group: group(9),
            participant: Participant::Group(group(9)),
            self_granted: false,
        }
        .into(),
        LinkEvent::Ended { link: link(9), source: place, target: place }.into(),
        InvitationEvent::Accepted { organization: place, invitation: invitation(9), by: who, verified: true }.into(),
        OrganizationEvent::Moved { organization: place, parent: place }.into(),
        OrganizationEvent::Moved { organization: root(), parent: root() }.into(),
        DeletionEvent::Deleted { organization: root() }.into(),
        TransferEvent::Arrived { under: Some(place), branch: Box::default(), former: None }.into(),
        MemberEvent::Added { organization: place, principal: who }.into(),
        LinkEvent::Linked {
            link: link(9),
            source: root(),
            group: group(9),
            target: place,
            terms: LinkTerms::target(),
            present: [place].into(),
        }
        .into(),
    ];
    for event in events {
        let mut tree = world.tree.clone();
        let mut recorded = world.log[0].recorded.clone();
        (recorded.version, recorded.events) = (tree.version().next(), vec![event.clone()]);
        tree.advance(&recorded).unwrap();
        assert!(!tree.examine(noon()).contains(&Violation::Index), "{event:?}");
        tree.access().explain(ada(), root(), &claim("backups.view"), noon());
        tree.roster_lines(root(), noon());
        tree.draw_text(root());
        assert_eq!(tree.next_transition(Timestamp::MAX_UTC), None);
        let depth = tree.depth();
        assert!(depth <= 32, "{event:?} {depth}");
    }
}

// spec: ERR-3
#[test]
fn a_period_beyond_the_calendar_is_refused_and_not_wrapped() {
    let mut world = World::new();
    let team = world.team(1, root(), "Team", &[]);
    world.at = Timestamp::MAX_UTC - days(1);
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
    let refused = world.ada(&invite).unwrap_err().into_rule().unwrap();
    assert!(matches!(refused, InvitationError::Precondition(Precondition::Time { .. })), "{refused}");
    let codes: BTreeSet<&str> = [refused.code(), refused.rule()].into();
    assert_eq!(codes, ["time.invalid", "ERR-3"].into());
}
