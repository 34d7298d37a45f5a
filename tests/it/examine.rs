//! AUD-5: a tree that was loaded is examined, whatever was done to what it was loaded from.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick::*;

use crate::support::*;
use crate::things::*;

/// Contoso with Store under it and Adatum beside it, and one of everything.
fn world() -> World {
    let (mut world, contoso, store) = World::three_levels();
    world.child(4, root(), "Adatum");
    let bob = world.user(20, "Bob", &[contoso, store]);
    let robot =
        CreateMachineIdentity { organization: contoso, identity: principal(21), person: Person::named(name("Robot")) };
    world.run(ada(), contoso, &robot).unwrap();
    let outer = world.team(1, contoso, "Outer", &["backups.view"]);
    let inner = world.team(2, contoso, "Inner", &[]);
    let nest = AddGroupMember { organization: contoso, group: outer, participant: Participant::Group(inner) };
    world.run(ada(), contoso, &nest).unwrap();
    world.link(1, outer, store, LinkTerms::default());
    let invite = Invite {
        invitation: invitation(1),
        organization: contoso,
        group: inner,
        address: address("new@x.org"),
        role: GroupRole::Member,
        token: token(1).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    };
    world.run(ada(), contoso, &invite).unwrap();
    let define = DefineRole {
        organization: contoso,
        role: role(1),
        name: name("Operator"),
        claims: BTreeSet::from([claim("backups.view").into()]),
    };
    world.run(ada(), contoso, &define).unwrap();
    let privilege = Privilege::Role(RoleRef::Defined(role(1)));
    let grant = GrantPrivilege { organization: contoso, principal: bob, privilege, window: Window::ALWAYS };
    world.run(ada(), contoso, &grant).unwrap();
    let create = CreateProject { organization: contoso, project: project(1), name: name("Migration") };
    world.run(ada(), contoso, &create).unwrap();
    let selector = Selector { depth: SelectorDepth::Descendants, ..Selector::default() };
    let definition = PolicyDefinition { name: name("Patch"), settings: PolicySettings::new(), selector };
    let define = DefinePolicy { organization: contoso, policy: policy(1), definition };
    world.run(ada(), contoso, &define).unwrap();
    world.run(ada(), contoso, &office(1)).unwrap();
    let grant = GrantSupport { support: access(1), organization: contoso, engineer: engineer(), duration: hours(1) };
    world.run(ada(), contoso, &grant).unwrap();
    world
}

fn contoso() -> OrganizationId {
    organization(2)
}

fn store() -> OrganizationId {
    organization(3)
}

fn office(number: u128) -> DefineLocation {
    let location = Location { name: name("Office"), kind: LocationKind::Physical, subnets: subnets(&["10.0.0.0/8"]) };
    DefineLocation { organization: contoso(), id: self::location(number), location }
}

/// The tree of a log to which somebody has added these events.
fn tampered(events: impl IntoIterator<Item = Event>) -> Vec<Violation> {
    let world = world();
    let mut tree = world.tree.clone();
    assert_eq!(tree.examine(world.at), [], "sound before");
    let recorded = Recorded {
        format: Format,
        root: root(),
        version: tree.version().next(),
        at: world.at,
        actor: Actor::Principal(ada()),
        acting: None,
        key: world.key(),
        correlation: None,
        operations: Vec::new(),
        events: events.into_iter().collect(),
    };
    tree.advance(&recorded).unwrap();
    tree.examine(world.at)
}

#[track_caller]
fn assert_found(rule: &str, violation: Violation, events: impl IntoIterator<Item = Event>) {
    let found = tampered(events);
    assert!(found.contains(&violation), "{violation}: {found:?}");
    assert_eq!(violation.rule(), rule);
    assert!(!violation.remedy().is_empty());
    assert!(violation.to_string().contains(rule) && violation.to_string().contains(violation.remedy()));
}

fn created(id: OrganizationId, parent: OrganizationId, slug: &str) -> Event {
    let profile = Profile { name: name("X"), slug: slug.parse().unwrap(), region: None, tags: BTreeSet::new() };
    OrganizationEvent::Created { organization: id, parent: Some(parent), profile }.into()
}

// spec: AUD-5
#[test]
fn what_is_wrong_with_organizations_is_named() {
    let nowhere = created(organization(50), organization(99), "nowhere");
    assert_found("HIE-1", Violation::Path { organization: organization(50) }, [nowhere.clone()]);
    assert_found("CLM-5", Violation::NoOwner { organization: organization(50) }, [nowhere]);
    let limited = SettingsEvent::LevelsLimited { root: root(), levels: LevelLimit::TWO };
    assert_found("HIE-2", Violation::TooDeep { organization: store() }, [limited.into()]);
    let twice = [created(organization(50), root(), "contoso")];
    assert_found("HIE-8", Violation::SlugTwice { slug: "contoso".parse().unwrap() }, twice);
    // What the index says of it is not what the state gives.
    let out_of_step = [created(organization(51), root(), "same"), created(organization(50), root(), "same")];
    assert_found("REP-6", Violation::Index, out_of_step);
}

// spec: AUD-5
#[test]
fn what_is_wrong_with_people_is_named() {
    let unknown = MemberEvent::Added { organization: contoso(), principal: principal(77) };
    let stray = Violation::StrayMember { organization: contoso(), principal: principal(77) };
    assert_found("MEM-1", stray, [unknown.into()]);
    let astray = MemberEvent::Added { organization: store(), principal: principal(21) };
    let stray = Violation::StrayIdentity { principal: principal(21), organization: store() };
    assert_found("MEM-2", stray, [astray.into()]);
    let (organization, principal) = (contoso(), ada());
    let revoked = GrantEvent::Revoked { organization, principal, privilege: Privilege::OWNER };
    assert_found("CLM-5", Violation::NoOwner { organization }, [revoked.into()]);
    let deleted = RoleEvent::Deleted { organization, role: role(1) };
    assert_found("CLM-3", Violation::StrayRole { role: role(1), organization }, [deleted.into()]);
    let erased = ErasureEvent::Erased { principal: self::principal(20) };
    assert_found("GDP-1", Violation::Remembered { principal: self::principal(20) }, [erased.into()]);
    let stranger = ProjectEvent::MemberAdded { organization, project: project(1), principal: self::principal(77) };
    assert_found(
        "MEM-5",
        Violation::StrayProjectMember { project: project(1), principal: self::principal(77) },
        [stranger.into()],
    );
}

// spec: AUD-5
#[test]
fn what_is_wrong_with_groups_is_named() {
    let organization = contoso();
    let gone = GroupEvent::OwnerRemoved { organization, group: group(1), owner: ada() };
    assert_found("GRP-1", Violation::NoGroupOwner { group: group(1) }, [gone.into()]);
    let added = |group, participant| -> Event {
        GroupEvent::MemberAdded { organization, group, participant, self_granted: false }.into()
    };
    let stranger = Participant::Principal(principal(77));
    let stray = Violation::StrayParticipant { group: group(1), participant: stranger };
    assert_found("MEM-1", stray, [added(group(1), stranger)]);
    let circle = added(group(2), Participant::Group(group(1)));
    assert_found("GRP-3", Violation::GroupCycle { group: group(1) }, [circle]);
    let moved = OrganizationEvent::Moved { organization: store(), parent: organization_beside() };
    assert_found("GRP-4", Violation::LinkNotDownward { link: link(1) }, [moved.into()]);
    let deleted = GroupEvent::Deleted { organization, group: group(2) };
    assert_found("INV-1", Violation::StrayInvitation { invitation: invitation(1) }, [deleted.into()]);
}

fn organization_beside() -> OrganizationId {
    organization(4)
}

// spec: AUD-5
#[test]
fn what_is_wrong_with_what_is_passed_down_is_named() {
    let organization = contoso();
    let deleted = LocationEvent::Deleted { organization, id: LocationId::default_of(organization) };
    assert_found("LOC-3", Violation::StrayLocation { organization }, [deleted.into()]);
    let pinned = LocationEvent::AgentPinned { organization, agent: agent(1), location: location(99) };
    assert_found("LOC-3", Violation::StrayLocation { organization }, [pinned.into()]);
    let DefineLocation { id, location, .. } = office(2);
    let subnet = "10.0.0.0/8".parse().unwrap();
    let defined = LocationEvent::Defined { organization, id, location };
    assert_found("LOC-2", Violation::SubnetTwice { organization, subnet }, [defined.into()]);
    let bound = AutomationEvent::WorkflowBound { organization, workflow: Some(workflow(1)) };
    assert_found("SET-3", Violation::StrayWorkflow { organization }, [bound.into()]);
    let key = SettingKey::Automation;
    let set = SettingEvent::Set { organization, key: key.clone(), value: SettingValue::Flag(true) };
    assert_found("SET-5", Violation::StraySetting { organization, key }, [set.into()]);
    let settings = BTreeMap::from([(tag("window"), SettingValue::Number(1))]);
    let overridden = PolicyEvent::Overridden { organization, policy: policy(1), target: root(), settings };
    assert_found("POL-2", Violation::StrayPolicy { policy: policy(1) }, [overridden.into()]);
    let until = noon() + days(1);
    let granted = |number, organization, engineer| -> Event {
        SupportEvent::Granted { organization, support: access(number), engineer, until }.into()
    };
    assert_found("SUP-1", Violation::SupportOfTheTree { support: access(2) }, [granted(2, organization, ada())]);
    let nowhere = self::organization(99);
    assert_found("DEL-4", Violation::StraySupport { support: access(2) }, [granted(2, nowhere, engineer())]);
}
