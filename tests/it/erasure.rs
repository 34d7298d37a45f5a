//! GDP: erasing a person, and exporting what is known of one.

use std::collections::BTreeMap;

use bailiwick::*;

use crate::support::*;
use crate::things::*;

const NAME: &str = "Zoltana Quibble";
const ADDRESS: &str = "Zoltana.Quibble@secret-people.example";
const OTHER: &str = "zq@elsewhere.example";

fn zoltana() -> PrincipalId {
    principal(30)
}

fn erase(principal: PrincipalId) -> ErasePerson {
    ErasePerson { root: root(), principal, successors: BTreeMap::new() }
}

fn erase_with(principal: PrincipalId, successors: &[(OrganizationId, PrincipalId)]) -> ErasePerson {
    ErasePerson { successors: successors.iter().copied().collect(), ..erase(principal) }
}

fn invite(number: u128, organization: OrganizationId, group: GroupId, to: &str) -> Invite {
    Invite {
        invitation: invitation(number),
        organization,
        group,
        address: address(to),
        role: GroupRole::Member,
        token: token(u8::try_from(number).unwrap()).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    }
}

fn said(world: &World, who: PrincipalId, text: &str) -> Context {
    world.context(who, root()).because(because(text))
}

/// Where a life has left traces: a name, two addresses, her own reasons and others' on her.
fn lived() -> (World, OrganizationId) {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let person = Person::named(name(NAME)).reachable_at(address(ADDRESS));
    let join = AddMember { organization: root(), principal: zoltana(), person: Some(person) };
    let context = said(&world, ada(), "Hired Zoltana Quibble, see ZOLTANA.quibble@secret-people.EXAMPLE, on Monday");
    world.run_in(&context, &join).unwrap();
    world.run(ada(), contoso, &AddMember { organization: contoso, principal: zoltana(), person: None }).unwrap();
    world.grant(zoltana(), "owner", contoso);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    world.join(zoltana(), team);
    // Invited under another address, accepted with that; declined and pending under the first.
    let second = world.team(2, root(), "Second", &[]);
    world.ada(&invite(1, root(), second, OTHER)).unwrap();
    let accept = AcceptInvitation { token: token(1), address: address(OTHER), verified: true, name: name(NAME) };
    world.newcomer(zoltana(), &accept).unwrap();
    let third = world.team(3, root(), "Third", &[]);
    world.ada(&invite(2, root(), third, ADDRESS)).unwrap();
    world.newcomer(zoltana(), &DeclineInvitation { invitation: invitation(2), address: address(ADDRESS) }).unwrap();
    let fourth = world.team(4, contoso, "Fourth", &[]);
    world.run(ada(), contoso, &invite(3, contoso, fourth, ADDRESS)).unwrap();
    world.ada(&invite(4, root(), third, OTHER)).unwrap();
    let edit = EditOrganization {
        description: Edit::Set("Ask zoltana quibble or write to zq@elsewhere.example.".parse().unwrap()),
        ..EditOrganization::of(contoso)
    };
    let context = world.context(zoltana(), contoso).because(because("I, who was born in Atlantis, say so"));
    world.run_in(&context, &edit).unwrap();
    (world, contoso)
}

const TRACES: [&str; 5] = ["zoltana", "quibble", "secret-people", "zq@", "atlantis"];

/// Every record of a tree, as a store keeps them; secrets aside, this is all the personal
/// data there is.
fn records(world: &World) -> BTreeMap<RecordKey, Record> {
    let mut records = BTreeMap::new();
    for (key, record) in world.log.iter().flat_map(|changes| changes.records.clone()) {
        match record {
            Some(record) => records.insert(key, record),
            None => records.remove(&key),
        };
    }
    records
}

#[track_caller]
fn assert_no_trace(what: &str, text: &str) {
    let text = text.to_lowercase();
    for trace in TRACES {
        assert!(!text.contains(trace), "{what} still tells `{trace}`: {text}");
    }
}

// spec: GDP-1
// abuse: 91
#[test]
fn names_and_addresses_are_gone_everywhere_and_access_ends() {
    let (mut world, contoso) = lived();
    let before = serde_json::to_string(&records(&world).into_iter().collect::<Vec<_>>()).unwrap().to_lowercase();
    assert!(TRACES.iter().all(|trace| before.contains(trace)), "{before}");
    let context = said(&world, ada(), "Zoltana Quibble asked to be forgotten");
    world.run_in(&context, &erase(zoltana())).unwrap();

    let kept: Vec<_> = records(&world).into_iter().collect();
    assert_no_trace("the records", &serde_json::to_string(&kept).unwrap());
    assert!(world.replayed() == world.tree);
    assert_eq!(world.tree.label(zoltana()), ERASED);
    assert_eq!(world.tree.person(zoltana()), None);
    assert_eq!(world.tree.memberships(zoltana()).count(), 0);
    assert_eq!(world.tree.access().organizations(zoltana(), None, world.at), []);
    for number in 1..=4 {
        assert_eq!(world.tree.invitee(invitation(number)), None);
    }
    for place in [root(), contoso] {
        assert_eq!(world.tree.pending_invitations(place, world.at).count(), 0);
    }
    for typed in [ADDRESS, OTHER] {
        assert_eq!(world.tree.invitations_to(address(typed).key()).count(), 0, "no key of it is left");
    }
    // What others said stays, with a placeholder; what tells of nobody stays as it is.
    let description = world.tree.description(contoso).unwrap().to_string();
    assert_eq!(description, format!("Ask {ERASED} or write to {ERASED}."));
    let reasons = records(&world).into_values().filter_map(|record| match record {
        Record::Reason { text, .. } => Some(text.to_string()),
        _ => None,
    });
    let reasons: Vec<String> = reasons.collect();
    assert!(reasons.contains(&format!("Hired {ERASED}, see {ERASED}, on Monday")), "{reasons:?}");
    assert!(reasons.contains(&format!("{ERASED} asked to be forgotten")), "{reasons:?}");
    assert_eq!(reasons.len(), 2);
    assert!(world.tree.admits_agent(contoso, &secret()));
    assert!(world.tree.person(ada()).is_some());
    let lines = world.tree.roster_lines(root(), world.at);
    assert!(lines.iter().all(|line| line.subject != RosterSubject::Principal(zoltana())));
    assert_no_trace("the roster", &serde_json::to_string(&lines).unwrap());
}

// spec: GDP-1
#[test]
fn a_token_that_was_out_is_worth_nothing_after() {
    let (mut world, _) = lived();
    world.ada(&erase(zoltana())).unwrap();
    for number in [3, 4] {
        for typed in [ADDRESS, OTHER] {
            let token = token(number);
            let accept = AcceptInvitation { token, address: address(typed), verified: true, name: name("X") };
            assert_eq!(code(world.newcomer(principal(31), &accept)), "not_found");
        }
    }
    assert_eq!(
        code(
            world.newcomer(principal(31), &DeclineInvitation { invitation: invitation(3), address: address(ADDRESS) })
        ),
        "not_found"
    );
}

// spec: GDP-1
#[test]
fn it_cannot_be_undone_and_the_identifier_is_never_used_again() {
    let (mut world, contoso) = lived();
    world.ada(&erase(zoltana())).unwrap();
    assert!(world.tree.has_used(zoltana().uuid()));
    let person = Person::named(name("Somebody"));
    for organization in [root(), contoso] {
        let join = AddMember { organization, principal: zoltana(), person: Some(person.clone()) };
        assert_eq!(code(world.run(ada(), organization, &join)), "id.already_used");
    }
    let team = world.team(9, root(), "Ninth", &[]);
    world.ada(&invite(9, root(), team, "new@x.org")).unwrap();
    let accept = AcceptInvitation { token: token(9), address: address("new@x.org"), verified: true, name: name("New") };
    assert_eq!(code(world.newcomer(zoltana(), &accept)), "not_found");
    let support = GrantSupport { support: access(1), organization: root(), engineer: zoltana(), duration: hours(1) };
    assert_eq!(rule(world.ada(&support)), SupportError::OfTheTree { principal: zoltana() });
    assert!(world.run(zoltana(), root(), &erase(ada())).is_err());
}

// spec: GDP-1
// spec: GDP-3
// abuse: 89
// abuse: 95
#[test]
fn the_log_is_the_same_to_the_byte_and_says_who_did_what() {
    let (mut world, _) = lived();
    let log = |world: &World, upto: usize| {
        let commits: Vec<&Recorded> = world.log[..upto].iter().map(|changes| &changes.recorded).collect();
        serde_json::to_vec(&commits).unwrap()
    };
    let (length, before) = (world.log.len(), log(&world, world.log.len()));
    assert_no_trace("the log", &String::from_utf8(before.clone()).unwrap());
    world.ada(&erase(zoltana())).unwrap();
    assert_eq!(log(&world, length), before, "append-only stays append-only");
    let commits: Vec<Recorded> = serde_json::from_slice(&log(&world, world.log.len())).unwrap();
    let theirs = AuditFilter { principal: Some(zoltana()), ..AuditFilter::default() };
    let did: Vec<&Recorded> =
        commits.iter().filter(|commit| theirs.admits(commit) && commit.actor == Actor::Principal(zoltana())).collect();
    assert_eq!(did.len(), 3, "accepted, declined, edited");
    assert_eq!(world.tree.label(did[0].actor.id()), ERASED);
    let erased = commits.last().unwrap();
    assert_eq!(erased.operations, [Operation::ErasePerson]);
    assert!(erased.events.contains(&ErasureEvent::Erased { principal: zoltana() }.into()));
    // The log alone, with what records are left, makes the tree.
    let records = records(&world).into_iter().map(|(key, record)| (key, Some(record)));
    let again = OrganizationTree::replay(root(), world.tree.domain().clone(), &commits, records).unwrap();
    assert!(again == world.tree);
}

// spec: GDP-3
// abuse: 89
#[test]
fn no_debug_output_or_error_tells_of_a_person() {
    let (mut world, contoso) = lived();
    let said = said(&world, zoltana(), "Zoltana, born in Atlantis");
    let edit: EditOrganization =
        EditOrganization { description: Edit::Set("Zoltana".parse().unwrap()), ..EditOrganization::of(root()) };
    let mut told = format!("{:?} {:?} {:?} {said:?} {edit:?}", world.tree, world.log, records(&world));
    let team = group(3);
    let refusals = [
        world.ada(&invite(20, root(), team, OTHER)).unwrap_err().to_string(),
        format!("{:?}", world.ada(&invite(20, root(), team, ADDRESS)).unwrap_err()),
        format!("{:?}", world.ada(&invite(20, root(), group(2), OTHER)).unwrap_err()),
        format!("{:?}", invite(20, root(), team, ADDRESS)),
        format!("{:?}", world.run(zoltana(), contoso, &SetLegalHold { organization: root(), hold: true }).unwrap_err()),
        format!("{:?}", world.ada(&erase_with(zoltana(), &[(root(), zoltana())])).unwrap_err()),
        format!("{:?}", world.tree.export(ada(), zoltana(), [], world.at).unwrap()),
        format!("{:?}", world.tree.list(ada(), &Listing::default(), world.at)),
        format!("{:?}", "Zoltana Quibble @ secret-people".parse::<Address>()),
        format!("{:?}", world.tree.examine(world.at)),
    ];
    told.push_str(&refusals.join(" "));
    assert_no_trace("debug output", &told);
    world.ada(&erase(zoltana())).unwrap();
    assert_no_trace("debug output", &format!("{:?} {:?}", world.tree, world.log));
}

// spec: GDP-4
// abuse: 94
#[test]
fn the_last_owner_is_not_erased_without_a_successor_for_each() {
    let (mut world, contoso, store) = World::three_levels();
    let bob = world.user(20, "Bob", &[contoso, store]);
    let last = |organizations: &[OrganizationId]| Precondition::LastOwner { organizations: organizations.to_vec() };
    let as_operator = |world: &mut World, command: &ErasePerson| world.operate(command);
    let refused = rule(as_operator(&mut world, &erase(ada())));
    assert_eq!(refused, last(&[root(), contoso, store]).into());
    let some = erase_with(ada(), &[(contoso, bob)]);
    assert_eq!(rule(as_operator(&mut world, &some)), last(&[root(), store]).into());
    let all = erase_with(ada(), &[(root(), bob), (contoso, bob), (store, bob)]);
    as_operator(&mut world, &all).unwrap();
    for place in [root(), contoso, store] {
        assert_eq!(world.tree.acting_owners(place, world.at).collect::<Vec<_>>(), [bob]);
    }
    assert_eq!(world.tree.principal(ada()), Some(Principal::Erased));
}

// spec: GDP-4
#[test]
fn a_successor_is_an_active_member_who_is_a_user_wherever_named() {
    let (mut world, contoso, _) = World::three_levels();
    let bob = world.user(20, "Bob", &[]);
    let person = Person::named(name("Robot"));
    let machine = CreateMachineIdentity { organization: contoso, identity: principal(21), person };
    world.run(ada(), contoso, &machine).unwrap();
    let dora = world.user(22, "Dora", &[contoso]);
    world.run(ada(), contoso, &SuspendMember { organization: contoso, principal: dora }).unwrap();
    let unable = |organization, principal| ErasureError::CannotSucceed { organization, principal };
    for who in [bob, principal(21), dora, ada(), principal(77)] {
        let command = erase_with(ada(), &[(root(), bob), (contoso, who), (organization(3), bob)]);
        assert_eq!(rule(world.operate(&command)), unable(contoso, who));
    }
    // Also where nobody has to follow: a group is not left to one who is no member.
    let carol = world.user(23, "Carol", &[contoso]);
    let team = world.team(1, contoso, "Team", &[]);
    world.run(ada(), contoso, &AddGroupOwner { organization: contoso, group: team, owner: carol }).unwrap();
    world.run(ada(), contoso, &RemoveGroupOwner { organization: contoso, group: team, owner: ada() }).unwrap();
    let stray = erase_with(carol, &[(contoso, principal(77))]);
    assert_eq!(rule(world.ada(&stray)), unable(contoso, principal(77)));
    let nowhere = erase_with(carol, &[(organization(99), bob)]);
    assert_eq!(rule(world.ada(&nowhere)), unable(organization(99), bob));
    world.ada(&erase(carol)).unwrap();
    assert_eq!(world.tree.group(team).unwrap().owners().collect::<Vec<_>>(), [ada()], "it keeps an owner (GRP-1)");
}

// abuse: 94
#[test]
fn under_a_legal_hold_nobody_is_erased_and_repeating_changes_nothing() {
    let (mut world, contoso) = lived();
    let bob = world.user(20, "Bob", &[]);
    let team = world.team(8, root(), "Technicians", &["backups.view"]);
    world.join(bob, team);
    world.link(1, team, contoso, LinkTerms::default());
    let hold = |hold| SetLegalHold { organization: contoso, hold };
    world.run(ada(), contoso, &hold(true)).unwrap();
    let held = ErasureError::LegalHold { organizations: vec![contoso] };
    assert_eq!(rule(world.ada(&erase(zoltana()))), held);
    assert_eq!(rule(world.operate(&erase(zoltana()))), held);
    assert_eq!(rule(world.ada(&erase(bob))), held, "who comes in through a link is recorded there too");
    world.run(ada(), contoso, &hold(false)).unwrap();
    world.ada(&erase(zoltana())).unwrap();
    let (records, tree) = (records(&world), world.tree.clone());
    let context = said(&world, ada(), "Zoltana asked again");
    world.run_in(&context, &erase(zoltana())).unwrap();
    assert_eq!(world.log.last().unwrap().recorded.events, []);
    assert!(self::records(&world) == records);
    assert!(world.tree.compare_access(&tree, world.at).is_empty());
}

// spec: GDP-1
#[test]
fn the_operator_or_an_owner_of_the_root_erases_and_nobody_else() {
    let (mut world, contoso) = lived();
    let bob = world.user(20, "Bob", &[contoso]);
    world.grant(bob, "owner", contoso);
    forbidden(world.run(bob, root(), &erase(zoltana())));
    let below = ErasePerson { root: contoso, ..erase(zoltana()) };
    assert_eq!(code(world.run(ada(), contoso, &below)), "not_found");
    assert_eq!(code(world.operate(&erase(principal(77)))), "not_found");
    // A lapse keeps nobody from it (LIC-10, abuse case 77).
    world.subscribe("Free", Window::ALWAYS);
    world.operate(&erase(zoltana())).unwrap();
    world.ada(&erase(bob)).unwrap();
}

// spec: GDP-1
// abuse: 92
#[test]
fn a_name_is_found_however_it_is_written_and_no_word_around_it_is_touched() {
    let cases = [
        ("Ada met ADA and ada.", "{} met {} and {}."),
        ("Canada stays", "Canada stays"),
        ("(Ada)/Ada's", "({})/{}'s"),
        ("mail ada@people.example now", "mail {} now"),
        ("äAda", "ä{}"),
        ("no one", "no one"),
    ];
    for (text, expected) in cases {
        let mut world = World::new();
        let place = world.child(2, root(), "Contoso");
        let person = Person::named(name("Ada")).reachable_at(address("ada@people.example"));
        world.ada(&AddMember { organization: root(), principal: principal(20), person: Some(person) }).unwrap();
        let description = Edit::Set(text.parse().unwrap());
        world.ada(&EditOrganization { description, ..EditOrganization::of(place) }).unwrap();
        world.ada(&erase(principal(20))).unwrap();
        assert_eq!(world.tree.description(place).unwrap().as_str(), expected.replace("{}", ERASED));
        assert_eq!(world.tree.label(ada()), "Ada", "another of that name is another person");
    }
    // Two letters count as a whole word; what becomes too long is erased.
    for (text, left) in [("Al, also Alfred".to_owned(), true), ("Al ".repeat(600), false)] {
        let mut world = World::new();
        let person = Some(Person::named(name("Al")));
        world.ada(&AddMember { organization: root(), principal: principal(20), person }).unwrap();
        let description = Edit::Set(text.parse().unwrap());
        world.ada(&EditOrganization { description, ..EditOrganization::of(root()) }).unwrap();
        world.ada(&erase(principal(20))).unwrap();
        let found = world.tree.description(root()).map(|text| text.to_string());
        assert_eq!(found, left.then(|| format!("{ERASED}, also Alfred")));
    }
}

fn commits(world: &World) -> Vec<Recorded> {
    world.log.iter().map(|changes| changes.recorded.clone()).collect()
}

// spec: GDP-2
#[test]
fn an_export_covers_ninety_days_and_says_so() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let bob = world.user(20, "Bob", &[contoso]);
    world.grant(bob, "organizations.edit", contoso);
    let team = world.team(1, contoso, "Team", &[]);
    world.join(bob, team);
    let create = CreateProject { organization: contoso, project: project(1), name: name("Migration") };
    world.run(ada(), contoso, &create).unwrap();
    let add = AddProjectMember { organization: contoso, project: project(1), principal: bob };
    world.run(ada(), contoso, &add).unwrap();
    let invite_bob = invite(1, root(), world.team(2, root(), "Second", &[]), "bob@people.example");
    world.ada(&invite_bob).unwrap();
    let old = world.at;
    world.at = old + days(90) + minutes(1);
    let switch = SetKillSwitch { organization: contoso, on: true };
    let context = world.context(bob, contoso).because(because("because I can"));
    world.run_in(&context, &switch).unwrap();

    let export = world.tree.export(bob, bob, &commits(&world), world.at).unwrap();
    assert_eq!((export.since, export.at, export.principal), (world.at - days(90), world.at, bob));
    assert_eq!(export.person.as_ref().unwrap().name, name("Bob"));
    let places: Vec<_> = export.memberships.records.iter().map(|found| found.organization).collect();
    assert_eq!(places, [root(), contoso]);
    assert_eq!(export.groups.records, [ExportedGroup { organization: contoso, group: team, role: GroupRole::Member }]);
    assert_eq!(export.projects.records, [project(1)]);
    assert_eq!(export.invitations.total, 0, "sent before");
    assert_eq!(export.activity.total, 1);
    let did = &export.activity.records[0];
    assert_eq!((did.by_them, did.reason.as_deref()), (true, Some("because I can")));
    assert_eq!(did.operations, [Operation::SetKillSwitch]);
    // What happened ninety days ago to the instant is still in it.
    let then = world.tree.export(bob, bob, &commits(&world), old + days(90)).unwrap();
    assert!(then.activity.total > 5 && then.invitations.total == 1);
    assert!(then.activity.records.windows(2).all(|pair| pair[0].version > pair[1].version), "the latest first");
    assert!(then.activity.records.iter().any(|found| !found.by_them));
    // At the beginning of the calendar nothing overflows.
    assert_eq!(world.tree.export(bob, bob, [], Timestamp::MIN_UTC).unwrap().since, Timestamp::MIN_UTC);
}

// spec: GDP-2
#[test]
fn a_section_is_cut_at_its_cap_and_says_so() {
    let mut world = World::with(Rules { export_cap: 3, ..Rules::provider() });
    for _ in 0..2 {
        world.ada(&SetKillSwitch { organization: root(), on: true }).unwrap();
    }
    let activity = |world: &World| world.tree.export(ada(), ada(), &commits(world), world.at).unwrap().activity;
    let whole = activity(&world);
    assert_eq!((whole.records.len(), whole.total, whole.cut), (3, 3, false));
    world.ada(&SetKillSwitch { organization: root(), on: true }).unwrap();
    let cut = activity(&world);
    assert_eq!((cut.records.len(), cut.total, cut.cut), (3, 4, true));
    assert_eq!(cut.records[0].version, world.tree.version(), "the latest are kept");
    assert_eq!(World::new().tree.rules().export_cap, 10_000);
}

// spec: GDP-2
#[test]
fn an_export_holds_no_secret_and_no_token_and_is_for_oneself_or_an_owner() {
    let (world, contoso) = lived();
    let export = world.tree.export(zoltana(), zoltana(), &commits(&world), world.at).unwrap();
    assert_eq!(export.invitations.total, 4, "under either address");
    let text = serde_json::to_string(&export).unwrap().to_lowercase();
    assert!(text.contains("zoltana"));
    for secret in [secret().reveal(), token(3).reveal(), token(1).reveal()] {
        assert!(!text.contains(&secret));
    }
    let hash = serde_json::to_string(&token(3).hash()).unwrap();
    assert!(!text.contains(hash.trim_matches('"')));
    assert_eq!(world.tree.export(ada(), zoltana(), [], world.at).unwrap().principal, zoltana());
    assert!(world.tree.export(zoltana(), ada(), [], world.at).is_err());
    assert!(world.tree.export(ada(), principal(77), [], world.at).is_err());
    assert!(world.owns(zoltana(), contoso), "owning below is not enough");
}

// spec: GDP-1
// spec: GDP-2
#[test]
fn the_exports_of_others_tell_nothing_of_one_who_was_erased() {
    let (mut world, _) = lived();
    world.ada(&erase(zoltana())).unwrap();
    for who in [ada(), zoltana()] {
        let export = world.tree.export(ada(), who, &commits(&world), world.at).unwrap();
        assert_no_trace("an export", &serde_json::to_string(&export).unwrap());
    }
}
