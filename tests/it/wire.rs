//! REP-6: what is stored, kept as files that every later version must read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bailiwick::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Checks that a file of this name holds `value` and reads as it; `BLESS=1` writes it.
fn golden<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(file: &str, value: &T) {
    let path = folder().join(format!("{file}.json"));
    let written = format!("{}\n", serde_json::to_string_pretty(value).unwrap());
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(&path, &written).unwrap();
    }
    let stored = std::fs::read_to_string(&path)
        .unwrap_or_else(|_| panic!("{file}.json is missing: write it with BLESS=1 and keep it for ever"));
    let read: T = serde_json::from_str(&stored).unwrap_or_else(|error| panic!("{file}.json: {error}"));
    assert_eq!(&read, value, "{file}.json reads as something else");
    assert_eq!(stored, written, "{file}.json would be written differently now");
}

fn recorded(event: Event) -> Recorded {
    let mut world = World::new();
    let operation = Operation::EditOrganization;
    let context = world.context(ada(), root()).correlated("request-17".parse().unwrap());
    world.run_in(&context, &EditOrganization::of(root())).unwrap();
    let recorded = world.log.pop().unwrap().recorded;
    Recorded { operations: vec![operation], events: vec![event], ..recorded }
}

fn profile() -> Profile {
    Profile {
        name: name("Contoso Ltd"),
        slug: "contoso-ltd".parse().unwrap(),
        region: Some("eu-north".parse().unwrap()),
        tags: BTreeSet::from(["pilot".parse().unwrap()]),
    }
}

fn window() -> Window {
    Window::new(Some(noon()), Some(noon() + days(30))).unwrap()
}

fn terms() -> LinkTerms {
    LinkTerms {
        gives: LinkGives::Narrowed([privilege("backups.view")].into()),
        makes_owners: true,
        reach: Reach::Subtree,
        future: true,
        exclusions: [organization(4)].into(),
        window: window(),
    }
}

/// A tree with everything that can leave it, and with something that stays.
pub fn estate() -> World {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let below = world.child(3, contoso, "Below");
    let bob = world.user(2, "Bob", &[contoso, below]);
    let person = Person::named(name("Robot"));
    let robot = CreateMachineIdentity { organization: contoso, identity: principal(70), person };
    world.run(ada(), contoso, &robot).unwrap();
    let claims = ["backups.*".parse().unwrap()].into();
    let define = DefineRole { organization: contoso, role: role(1), name: name("Restorer"), claims };
    world.run(ada(), contoso, &define).unwrap();
    let granted = RoleRef::Defined(role(1)).into();
    let grant = GrantPrivilege { organization: below, principal: bob, privilege: granted, window: window() };
    world.run(ada(), below, &grant).unwrap();
    let team = world.team(1, contoso, "Team", &["backups.view"]);
    world.join(bob, team);
    world.link(1, team, below, LinkTerms { reach: Reach::Children, ..LinkTerms::default() });
    let invite = |number: u8| Invite {
        invitation: invitation(u128::from(number)),
        organization: contoso,
        group: team,
        address: address(&format!("eve{number}@people.example")),
        role: GroupRole::Owner,
        token: token(number).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    };
    for number in 1..=4 {
        world.run(ada(), contoso, &invite(number)).unwrap();
    }
    world.pass(minutes(10));
    let resend = ResendInvitation {
        organization: contoso,
        group: team,
        invitation: invitation(1),
        token: token(9).hash(),
        lifetime: None,
    };
    world.run(ada(), contoso, &resend).unwrap();
    let revoke = RevokeInvitation { organization: contoso, invitation: invitation(2) };
    world.run(ada(), contoso, &revoke).unwrap();
    let decline = DeclineInvitation { invitation: invitation(3), address: address("eve3@people.example") };
    world.newcomer(principal(53), &decline).unwrap();
    let accept = AcceptInvitation {
        token: token(4),
        address: address("eve4@people.example"),
        verified: true,
        name: name("Eve"),
    };
    world.newcomer(principal(54), &accept).unwrap();
    let create = CreateProject { organization: contoso, project: project(1), name: name("Project") };
    world.run(ada(), contoso, &create).unwrap();
    let selector = Selector { any_of: ["gold".parse().unwrap()].into(), ..Selector::default() };
    let settings = [("level".parse().unwrap(), SettingValue::Number(3))].into();
    let definition = PolicyDefinition { name: name("Backups"), settings, selector };
    let policy = PolicyId::from_u128(0x1700_0001).unwrap();
    world.run(ada(), contoso, &DefinePolicy { organization: contoso, policy, definition }).unwrap();
    let resource = ResourceId::from_u128(0x1200_0001).unwrap();
    let kind = ResourceKind::User;
    let share = ShareResource(Share { resource, kind, source: contoso, target: below });
    world.run(ada(), contoso, &share).unwrap();
    let offering = OfferAttachment {
        offer: offer(1),
        organization: root(),
        counterpart: organization(90),
        side: OfferSide::Taking,
    };
    world.ada(&offering).unwrap();
    world
}

/// The same, and the commits of its leaving.
fn departure() -> (Vec<Event>, Vec<Event>, Offer) {
    let world = estate();
    let contoso = organization(2);
    let made = world.tree.offers(root(), world.at).next().unwrap().clone();
    let context = world.context(ada(), root());
    let joint = world.tree.detach(&context, &DetachOrganization { organization: contoso, sever: true }).unwrap();
    let mut parts = joint.commit.parts().map(|part| part.recorded.events.clone());
    (parts.next().unwrap(), parts.next().unwrap(), made)
}

/// One event of every kind that there is.
fn events() -> Vec<Event> {
    let (organization, parent, principal) = (organization(2), Some(root()), principal(2));
    let (group, link, invitation, role) = (group(1), link(1), invitation(1), role(1));
    let (project, resource) = (project(1), ResourceId::from_u128(0x1200_0001).unwrap());
    let capability: CapabilityName = "reporting".parse().unwrap();
    let (source, target, offer) = (root(), organization, offer(1));
    let participant = Participant::Principal(principal);
    let gives: BTreeSet<Privilege> =
        [privilege("owner"), privilege("backups.*"), RoleRef::ManageMspCustomers.into(), RoleRef::Defined(role).into()]
            .into();
    let (left, arrived, made) = departure();
    let transfers = left.into_iter().chain(arrived).filter(|event| event.noun() == "transfer");
    let subscription = Subscription {
        plan: "Enterprise".parse().unwrap(),
        status: SubscriptionStatus::PastDue,
        term: window(),
        since: noon(),
    };
    let mut events: Vec<Event> = transfers.collect();
    events.extend(kept(organization));
    events.extend::<[Event; 53]>([
        OrganizationEvent::Created { organization, parent, profile: profile() }.into(),
        OrganizationEvent::Edited { organization, profile: profile() }.into(),
        OrganizationEvent::Moved { organization, parent: root() }.into(),
        SettingsEvent::LevelsLimited { root: root(), levels: LevelLimit::THREE }.into(),
        SettingsEvent::StraightInvitationsSet { root: root(), allowed: false }.into(),
        SettingsEvent::AuthenticationConfigured {
            root: root(),
            kind: AuthenticationKind::IdentityProvider,
            configuration: Some("config-1".parse().unwrap()),
        }
        .into(),
        DeletionEvent::Deactivated { organization }.into(),
        DeletionEvent::Reactivated { organization }.into(),
        DeletionEvent::Deleted { organization }.into(),
        OfferEvent::Made { offer: made }.into(),
        OfferEvent::Accepted { organization, offer }.into(),
        OfferEvent::Declined { organization, offer }.into(),
        OfferEvent::Withdrawn { organization, offer }.into(),
        SubscriptionEvent::Recorded { root: root(), subscription }.into(),
        CapabilityEvent::Assigned { organization, capability: capability.clone(), until: Some(noon()) }.into(),
        CapabilityEvent::Withdrawn { organization, capability }.into(),
        MemberEvent::UserKnown { principal }.into(),
        MemberEvent::IdentityCreated { principal, home: organization }.into(),
        MemberEvent::Added { organization, principal }.into(),
        MemberEvent::Suspended { organization, principal }.into(),
        MemberEvent::Restored { organization, principal }.into(),
        MemberEvent::Removed { organization, principal }.into(),
        GrantEvent::Granted {
            organization,
            principal,
            grant: Grant { privilege: RoleRef::ManageOrganization.into(), window: window() },
        }
        .into(),
        GrantEvent::Revoked { organization, principal, privilege: Privilege::OWNER }.into(),
        RoleEvent::Defined {
            organization,
            role,
            name: name("Restorer"),
            claims: ["backups.*".parse().unwrap()].into(),
        }
        .into(),
        RoleEvent::Deleted { organization, role }.into(),
        ProjectEvent::Created { organization, project, name: name("Project") }.into(),
        ProjectEvent::MemberAdded { organization, project, principal }.into(),
        ProjectEvent::MemberRemoved { organization, project, principal }.into(),
        ProjectEvent::GroupAdded { organization, project, group }.into(),
        ProjectEvent::GroupRemoved { organization, project, group }.into(),
        ProjectEvent::Deleted { organization, project }.into(),
        ResourceEvent::Shared {
            share: Share { resource, kind: ResourceKind::Custom("printer".parse().unwrap()), source, target },
        }
        .into(),
        ResourceEvent::Unshared { resource, source, target }.into(),
        GroupEvent::Created { organization, group, name: name("Team"), gives: gives.clone(), owner: principal }.into(),
        GroupEvent::Defined { organization, group, name: name("Team"), gives }.into(),
        GroupEvent::OwnerAdded { organization, group, owner: principal }.into(),
        GroupEvent::OwnerRemoved { organization, group, owner: principal }.into(),
        GroupEvent::MemberAdded { organization, group, participant, self_granted: true }.into(),
        GroupEvent::MemberRemoved { organization, group, participant: Participant::Group(group) }.into(),
        GroupEvent::Deleted { organization, group }.into(),
        LinkEvent::Linked { link, source, group, target, terms: terms(), present: [organization].into() }.into(),
        LinkEvent::Changed { link, source, target, terms: LinkTerms::default(), present: [].into() }.into(),
        LinkEvent::OptedOut { organization, link }.into(),
        LinkEvent::OptedIn { organization, link }.into(),
        LinkEvent::Ended { link, source, target }.into(),
        InvitationEvent::Sent {
            organization,
            invitation,
            group,
            role: GroupRole::Member,
            inviter: ada(),
            token: token(1).hash(),
            until: noon() + days(7),
        }
        .into(),
        InvitationEvent::Resent {
            organization,
            invitation,
            by: ada(),
            token: token(2).hash(),
            until: noon() + days(7),
        }
        .into(),
        InvitationEvent::Accepted { organization, invitation, by: principal, verified: true }.into(),
        InvitationEvent::Declined { organization, invitation }.into(),
        InvitationEvent::Revoked { organization, invitation }.into(),
        AuditEvent::Refused {
            operation: Operation::LinkGroup,
            code: "link.not_downward".parse().unwrap(),
            rule: "GRP-4".parse().unwrap(),
            organization: Some(organization),
            exists: true,
        }
        .into(),
        AuditEvent::Reviewed {
            organization,
            as_of: noon(),
            lines: vec![
                ReviewedLine { subject: RosterSubject::Principal(principal), reviewer: ada(), verdict: Verdict::Keep },
                ReviewedLine {
                    subject: RosterSubject::Invitation(invitation),
                    reviewer: ada(),
                    verdict: Verdict::Revoke,
                },
            ],
        }
        .into(),
    ]);
    events
}

/// Those of what an organization keeps to itself.
fn kept(organization: OrganizationId) -> Vec<Event> {
    let key = SettingKey::Custom("quiet_hours".parse().unwrap());
    let (workflow, agent) = (WorkflowId::from_u128(0x1400_0001).unwrap(), AgentId::from_u128(0x1500_0001).unwrap());
    let (id, policy) = (LocationId::from_u128(0x1600_0001).unwrap(), PolicyId::from_u128(0x1700_0001).unwrap());
    let (support, engineer) = (SupportId::from_u128(0x1800_0001).unwrap(), operator());
    let settings: PolicySettings = [("level".parse().unwrap(), SettingValue::Number(3))].into();
    let location = Location {
        name: name("Head office"),
        kind: LocationKind::Physical,
        subnets: ["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()].into(),
    };
    let selector = Selector {
        depth: SelectorDepth::Descendants,
        all_of: ["gold".parse().unwrap()].into(),
        any_of: ["backup".parse().unwrap()].into(),
        none_of: ["lab".parse().unwrap()].into(),
    };
    let definition = PolicyDefinition { name: name("Backups"), settings: settings.clone(), selector };
    let recordings = RecordingPolicy {
        captures: [Capture::Screen, Capture::Custom("audio".parse().unwrap())].into(),
        retention: Some(Period::seconds(86_400).unwrap()),
    };
    let (until, duration) = (noon() + days(1), Period::seconds(3_600).unwrap());
    vec![
        SettingEvent::Set { organization, key: key.clone(), value: SettingValue::Flag(true) }.into(),
        SettingEvent::Cleared { organization, key: SettingKey::Automation }.into(),
        SettingEvent::LockSet { organization, key, locked: true }.into(),
        AutomationEvent::KillSwitchSet { organization, on: true }.into(),
        AutomationEvent::WorkflowDefined { organization, workflow, active: true }.into(),
        AutomationEvent::WorkflowBound { organization, workflow: Some(workflow) }.into(),
        SecretEvent::Regenerated { organization }.into(),
        OnboardingEvent::Seeded { organization, seed: Seed::DefaultAlerts, status: SeedStatus::Asked }.into(),
        LocationEvent::Defined { organization, id, location }.into(),
        LocationEvent::MadeDefault { organization, id }.into(),
        LocationEvent::AgentPinned { organization, agent, location: id }.into(),
        LocationEvent::AgentUnpinned { organization, agent }.into(),
        LocationEvent::Deleted { organization, id }.into(),
        PolicyEvent::Defined { organization, policy, definition }.into(),
        PolicyEvent::Overridden { organization, policy, target: organization, settings }.into(),
        PolicyEvent::Reported { organization, policy, version: 2, status: PolicyStatus::Drifted }.into(),
        PolicyEvent::Deleted { organization, policy }.into(),
        SupportEvent::Granted { organization, support, engineer, until }.into(),
        SupportEvent::Requested { organization, support, engineer, duration, lapses: until }.into(),
        SupportEvent::Approved { organization, support, until }.into(),
        SupportEvent::Denied { organization, support }.into(),
        SupportEvent::Ended { organization, support }.into(),
        RecordingEvent::Governed { organization, policy: recordings }.into(),
        RecordingEvent::HoldSet { organization, hold: true }.into(),
        ErasureEvent::Erased { principal: principal(2) }.into(),
    ]
}

/// What an event is called where it is stored, such as `group.created`.
fn called(event: &Event) -> String {
    let value = serde_json::to_value(event).unwrap();
    let (noun, inner) = value.as_object().unwrap().iter().next().unwrap();
    let variant = inner.as_object().unwrap().keys().next().unwrap();
    format!("{noun}.{variant}")
}

/// The kinds of event that the source declares, by noun.
fn declared() -> BTreeSet<String> {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut noun = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("pub enum ").filter(|rest| rest.ends_with("Event {")) {
                noun = rest.strip_suffix("Event {").filter(|noun| !noun.is_empty()).map(snake);
            } else if line == "}" {
                noun = None;
            } else if let (Some(noun), Some(rest)) = (&noun, line.strip_prefix("    ")) {
                let variant = rest.trim_end_matches([' ', '{', ',']);
                if variant.chars().next().is_some_and(char::is_uppercase) && variant.chars().all(char::is_alphanumeric)
                {
                    found.insert(format!("{noun}.{}", snake(variant)));
                }
            }
        }
    }
    found
}

fn snake(camel: &str) -> String {
    let mut text = String::new();
    for c in camel.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_lowercase());
    }
    text
}

// spec: REP-6
#[test]
fn every_kind_of_event_reads_as_it_was_first_written() {
    let mut seen: BTreeMap<String, Event> = BTreeMap::new();
    for event in events() {
        seen.entry(called(&event)).or_insert(event);
    }
    assert_eq!(seen.keys().cloned().collect::<BTreeSet<_>>(), declared(), "one of each, and each has its file");
    for (called, event) in seen {
        golden(&called, &recorded(event));
    }
}

// spec: REP-6
#[test]
fn every_kind_of_record_reads_as_it_was_first_written() {
    let person = Person::named(name("Ada Ångström")).reachable_at(address("Ada@Bücher.example"));
    let records: [(&str, RecordKey, Record); 5] = [
        ("secret", RecordKey::Secret(root()), Record::Secret(secret())),
        ("person", RecordKey::Person(ada()), Record::Person(person)),
        ("invitee", RecordKey::Invitee(invitation(1)), Record::Invitee(address("eve@people.example"))),
        ("description", RecordKey::Description(root()), Record::Description("Backups\nfor all".parse().unwrap())),
        (
            "reason",
            RecordKey::Reason(Version::new(7)),
            Record::Reason { by: ada(), text: "They asked".parse().unwrap() },
        ),
    ];
    for (kind, key, record) in records {
        golden(&format!("record.{kind}"), &(key, Some(record)));
    }
}

// spec: REP-6
#[test]
fn a_branch_and_a_receipt_read_as_they_were_first_written() {
    let (_, arrived, _) = departure();
    let branch = arrived.into_iter().find_map(|event| match event {
        Event::Transfer(TransferEvent::Arrived { branch, .. }) => Some(*branch),
        _ => None,
    });
    let branch = branch.unwrap();
    let value = serde_json::to_value(&branch).unwrap();
    for (part, held) in value.as_object().unwrap() {
        assert!(!held.as_array().unwrap().is_empty(), "nothing of {part} is in the branch");
    }
    golden("branch", &branch);
    let key = CommitKey::from_u128(0xfeed_0001).unwrap();
    golden("receipt", &Receipt { key, versions: vec![(root(), Version::new(3)), (organization(2), Version::new(1))] });
}

// spec: REP-6
#[test]
fn no_golden_file_is_left_over() {
    let mut known: BTreeSet<String> = declared();
    known.extend(["person", "invitee", "description", "secret", "reason"].map(|kind| format!("record.{kind}")));
    known.extend(["branch", "receipt", "snapshot", "snapshot.1", "snapshot.2"].map(str::to_owned));
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let stems: BTreeSet<String> = files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(stems.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "what was written stays readable");
}

fn sample() -> Value {
    serde_json::to_value(recorded(GroupEvent::Deleted { organization: root(), group: group(1) }.into())).unwrap()
}

fn refused(value: Value) -> String {
    serde_json::from_value::<Recorded>(value).expect_err("it is not known").to_string()
}

// spec: REP-6
// abuse: 110
#[test]
fn what_a_later_version_wrote_is_an_error_that_says_so() {
    assert!(serde_json::from_value::<Recorded>(sample()).is_ok());
    for format in [json!(0), json!(2), json!(u32::MAX)] {
        let mut value = sample();
        value["format"] = format.clone();
        assert_eq!(refused(value), format!("format {format} is not known; this version reads format 1"));
    }
    let mut noun = sample();
    noun["events"] = json!([{ "spaceship": { "launched": {} } }]);
    assert!(refused(noun).starts_with("unknown variant `spaceship`"));
    let mut kind = sample();
    kind["events"] = json!([{ "group": { "painted": { "group": group(1) } } }]);
    assert!(refused(kind).starts_with("unknown variant `painted`"));
    let mut operation = sample();
    operation["operations"] = json!(["launch_spaceship"]);
    assert!(refused(operation).starts_with("unknown variant `launch_spaceship`"));
    let mut field = sample();
    field["colour"] = json!("red");
    assert!(refused(field).starts_with("unknown field `colour`"));
    for missing in ["format", "root", "version", "at", "actor", "key", "operations", "events"] {
        let mut value = sample();
        value.as_object_mut().unwrap().remove(missing);
        assert_eq!(refused(value), format!("missing field `{missing}`"));
    }
}

/// Every object in it that holds fields rather than names a kind, made to hold one more.
fn with_one_more_field(value: &Value) -> Vec<Value> {
    let mut changed = Vec::new();
    match value {
        Value::Object(fields) => {
            let mut more = fields.clone();
            more.insert("of_a_later_version".into(), json!(1));
            changed.push(Value::Object(more));
            for (name, field) in fields {
                for inner in with_one_more_field(field) {
                    let mut outer = fields.clone();
                    outer.insert(name.clone(), inner);
                    changed.push(Value::Object(outer));
                }
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                for inner in with_one_more_field(item) {
                    let mut outer = items.clone();
                    outer[position] = inner;
                    changed.push(Value::Array(outer));
                }
            }
        }
        _ => {}
    }
    changed
}

// spec: REP-6
// abuse: 110
#[test]
fn an_unknown_field_is_never_passed_over_at_whatever_depth() {
    let mut tried = 0;
    for event in events() {
        let wire = serde_json::to_value(recorded(event.clone())).unwrap();
        for changed in with_one_more_field(&wire) {
            tried += 1;
            let text = changed.to_string();
            let near = text.find("of_a_later_version").map(|at| &text[at.saturating_sub(90)..at]);
            assert!(serde_json::from_value::<Recorded>(changed).is_err(), "after {near:?}");
        }
    }
    assert!(tried > 200, "{tried}");
    let person = json!({ "person": { "name": "Ada", "born": "1815" } });
    assert!(serde_json::from_value::<Record>(person).is_err());
}
