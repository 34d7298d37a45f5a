//! Snapshots: what they lead to is checked with every history of the models; here is what they
//! hold, and what is refused.

use std::path::PathBuf;
use std::sync::Arc;

use bailiwick::*;

use crate::support::*;
use crate::wire::estate;

/// A tree with something of every kind, where most of it can be told from a default.
fn everything() -> World {
    let mut world = estate();
    let (contoso, bob) = (organization(2), principal(2));
    let tags = Some(["gold".parse().unwrap()].into());
    let region = Edit::Set("eu-north".parse().unwrap());
    world.run(ada(), contoso, &EditOrganization { tags, region, ..EditOrganization::of(contoso) }).unwrap();
    let configure = ConfigureAuthentication {
        organization: root(),
        kind: AuthenticationKind::Sso,
        configuration: Some("sso-1".parse().unwrap()),
    };
    world.ada(&configure).unwrap();
    world.run(ada(), contoso, &SuspendMember { organization: contoso, principal: bob }).unwrap();
    let support = SupportId::from_u128(0x1800_0001).unwrap();
    let context = Context::operator(operator(), world.at, world.key()).because("A ticket".parse().unwrap());
    world.run_in(&context, &RequestSupport { support, organization: contoso, duration: None }).unwrap();
    world
}

fn present(world: &World) -> Vec<(RecordKey, Record)> {
    let all = world.log.iter().flat_map(|changes| changes.records.iter().cloned());
    let last: std::collections::BTreeMap<_, _> = all.collect();
    last.into_iter().filter_map(|(key, record)| Some((key, record?))).collect()
}

fn load(world: &World, snapshot: &Snapshot) -> Result<OrganizationTree, SnapshotError> {
    OrganizationTree::from_snapshot(world.tree.domain().clone(), snapshot, present(world))
}

// spec: REP-6
#[test]
fn a_snapshot_reads_as_it_was_first_written() {
    let world = everything();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/snapshot.bin");
    let snapshot = world.tree.snapshot().unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, snapshot.bytes()).unwrap();
    }
    let stored = std::fs::read(&path).expect("snapshot.bin is missing: write it with BLESS=1");
    let stored = Snapshot::new(root(), world.tree.version(), stored);
    assert!(load(&world, &stored).expect("what others have kept is read") == world.tree);
    assert!(stored == snapshot, "it would be written differently now: that is a new format");
}

#[test]
fn a_snapshot_with_a_changed_or_missing_byte_is_refused() {
    let world = everything();
    let snapshot = world.tree.snapshot().unwrap();
    let with = |bytes: Vec<u8>| load(&world, &Snapshot::new(snapshot.root(), snapshot.version(), bytes));
    for place in 0..snapshot.bytes().len() {
        let mut bytes = snapshot.bytes().to_vec();
        bytes[place] ^= 1;
        let refused = with(bytes).expect_err("a changed byte is seen");
        assert_eq!(matches!(refused, SnapshotError::Format { .. }), place < 4, "{refused}");
        assert_eq!(with(snapshot.bytes()[..place].to_vec()).unwrap_err(), SnapshotError::Damaged);
    }
    assert_eq!(with([snapshot.bytes(), &[0]].concat()).unwrap_err(), SnapshotError::Damaged);
}

#[test]
fn a_snapshot_of_an_earlier_or_a_later_format_is_refused() {
    let world = everything();
    let snapshot = world.tree.snapshot().unwrap();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let earlier = |format: u32| std::fs::read(folder.join(format!("snapshot.{format}.bin"))).expect("it is kept");
    let later = [&4_u32.to_le_bytes(), &snapshot.bytes()[4..]].concat();
    for (found, bytes) in [(1, earlier(1)), (2, earlier(2)), (4, later)] {
        let other = Snapshot::new(snapshot.root(), snapshot.version(), bytes);
        assert_eq!(load(&world, &other).unwrap_err(), SnapshotError::Format { found, known: 3 });
    }
}

#[test]
fn a_snapshot_of_another_tree_or_version_is_refused() {
    let world = everything();
    let snapshot = world.tree.snapshot().unwrap();
    let bytes = || snapshot.bytes().to_vec();
    for other in [
        Snapshot::new(organization(2), snapshot.version(), bytes()),
        Snapshot::new(snapshot.root(), snapshot.version().next(), bytes()),
    ] {
        assert_eq!(load(&world, &other).unwrap_err(), SnapshotError::Misplaced);
    }
}

/// Links and members of what is not there, between those of what is.
// spec: ERR-3
#[test]
fn a_snapshot_of_what_makes_no_sense_holds_all_of_it() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    world.team(50, root(), "Team", &["backups.view"]);
    let numbers = 40..60_u128;
    let linked = |number| LinkEvent::Linked {
        link: link(number),
        source: root(),
        group: group(number),
        target: contoso,
        terms: LinkTerms::subtree(),
        present: [contoso].into(),
    };
    let joined = |number| GroupEvent::MemberAdded {
        organization: root(),
        group: group(50),
        participant: Participant::Principal(principal(number)),
        self_granted: false,
    };
    let member = |number| MemberEvent::Added { organization: organization(number), principal: principal(number) };
    let links: Vec<Event> = numbers.clone().map(|number| linked(number).into()).collect();
    let others = numbers.clone().flat_map(|number| [Event::from(joined(number)), member(number).into()]);
    let advance = |tree: &mut OrganizationTree, events| {
        let version = tree.version().next();
        tree.advance(&Recorded { version, events, ..world.log[0].recorded.clone() }).unwrap();
        assert!(!tree.examine(noon()).contains(&Violation::Index));
    };
    let mut tree = world.tree.clone();
    advance(&mut tree, links.into_iter().chain(others).collect());
    let mut loaded = load(&world, &tree.snapshot().unwrap()).unwrap();
    assert!(loaded == tree);
    for number in numbers {
        let ended = LinkEvent::Ended { link: link(number), source: root(), target: contoso };
        let left = MemberEvent::Removed { organization: organization(number), principal: principal(number) };
        advance(&mut loaded, vec![ended.into(), left.into()]);
    }
}

/// The index numbers the root first, wherever it is in a snapshot.
#[test]
fn a_root_may_have_any_identifier() {
    let top = organization(500);
    let mut world = World::of(OrganizationTree::empty(top, World::new().tree.domain().clone()), noon());
    let person = Person::named(name("Ada"));
    world.operate(&FoundTree { root: top, name: name("Fabrikam"), owner: ada(), person, secret: secret() }).unwrap();
    world.subscribe("Enterprise", Window::ALWAYS);
    let (contoso, above) = (world.child(2, top, "Contoso"), world.child(900, top, "Above"));
    let sales = world.child(3, contoso, "Sales");
    let bob = world.user(2, "Bob", &[contoso]);
    let team = world.team(1, top, "Team", &["backups.view"]);
    world.ada(&AddGroupMember { organization: top, group: team, participant: Participant::Principal(bob) }).unwrap();
    world.link(1, team, above, LinkTerms::target());
    let loaded = load(&world, &world.tree.snapshot().unwrap()).unwrap();
    assert!(loaded == world.tree && loaded.examine(noon()).is_empty());
    for place in [top, contoso, above, sales] {
        for who in [ada(), bob] {
            let allows = |tree: &OrganizationTree| tree.access().allows(who, place, &claim("backups.view"), noon());
            assert_eq!(allows(&loaded), allows(&world.tree), "{who} in {place}");
        }
    }
}

/// What a tree was never told otherwise follows the rules, so a replay under new ones is right
/// and a snapshot from before is not.
#[test]
fn a_snapshot_from_before_the_rules_changed_is_refused() {
    let world = everything();
    let Domain { catalog, rules } = Domain::clone(world.tree.domain());
    let rules = Rules { straight_invitations: !rules.straight_invitations, ..rules };
    let domain = Arc::new(Domain { catalog, rules });
    let loaded = OrganizationTree::from_snapshot(domain, &world.tree.snapshot().unwrap(), []);
    assert_eq!(loaded.unwrap_err(), SnapshotError::OtherRules);
}

// spec: GDP-3
// abuse: 89
#[test]
fn no_personal_data_is_in_a_snapshot() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    world.user(2, "Sentinel", &[contoso]);
    let team = world.team(1, contoso, "Team", &["backups.view"]);
    let invite = Invite::as_member(invitation(1), contoso, team, address("sentinel@secret.example"), &token(1));
    world.run(ada(), contoso, &invite).unwrap();
    let bytes = world.tree.snapshot().unwrap().bytes().to_vec();
    let holds = |word: &str| bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
    for word in ["sentinel", "secret.example", "Ada"] {
        assert!(!holds(word), "{word} is in the snapshot");
    }
    assert!(holds("Contoso") && holds("Team"), "what is no personal data is there to be seen");
    assert!(world.tree.person(principal(2)).is_some());
}
