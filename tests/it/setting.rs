//! SET: automation, workflows, secrets, inherited settings and onboarding.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick::*;

use crate::support::*;
use crate::things::*;

const ACTIONS: [ActionKind; 6] = [
    ActionKind::SecurityPatch,
    ActionKind::CriticalPatch,
    ActionKind::OtherPatch,
    ActionKind::Runbook,
    ActionKind::DriftCorrection,
    ActionKind::AlertRemediation,
];

fn set(organization: OrganizationId, key: SettingKey, value: SettingValue) -> ChangeSetting {
    ChangeSetting { organization, key, value: Some(value) }
}

fn automation(organization: OrganizationId, level: AutomationLevel) -> ChangeSetting {
    set(organization, SettingKey::Automation, SettingValue::Automation(level))
}

fn theme() -> SettingKey {
    SettingKey::Custom(tag("theme"))
}

fn number(number: i64) -> SettingValue {
    SettingValue::Number(number)
}

// spec: SET-1
#[test]
fn each_level_says_which_actions_need_approval() {
    let mut world = World::new();
    let approvals = |world: &World| ACTIONS.map(|action| world.tree.approval(root(), &action));
    let (auto, needed) = (Approval::Automatic, Approval::Needed);
    assert_eq!(approvals(&world), [needed; 6], "nothing set is manual");
    world.ada(&automation(root(), AutomationLevel::Manual)).unwrap();
    assert_eq!(approvals(&world), [needed; 6]);
    world.ada(&automation(root(), AutomationLevel::SemiAutomatic)).unwrap();
    assert_eq!(approvals(&world), [auto, auto, needed, needed, needed, needed]);
    assert_eq!(world.tree.approval(root(), &ActionKind::Custom(tag("own"))), needed);
    world.ada(&automation(root(), AutomationLevel::FullyAutomatic)).unwrap();
    assert_eq!(approvals(&world), [auto; 6]);
    assert_eq!(world.tree.approval(root(), &ActionKind::Custom(tag("own"))), auto);
    // Below it is inherited; where there is no organization, or none that is active, nothing
    // happens by itself.
    let contoso = world.child(2, root(), "Contoso");
    assert_eq!(world.tree.approval(contoso, &ActionKind::Runbook), auto);
    assert_eq!(world.tree.approval(organization(99), &ActionKind::Runbook), needed);
    world.ada(&DeactivateOrganization { organization: contoso, with_descendants: false }).unwrap();
    assert_eq!(world.tree.approval(contoso, &ActionKind::Runbook), needed);
}

// spec: SET-2
#[test]
fn the_kill_switch_stops_everything_automatic_and_at_the_root_the_whole_tree() {
    let (mut world, contoso, store) = World::three_levels();
    world.ada(&automation(root(), AutomationLevel::FullyAutomatic)).unwrap();
    let switch = |organization, on| SetKillSwitch { organization, on };
    world.run(ada(), contoso, &switch(contoso, true)).unwrap();
    for level in [AutomationLevel::Manual, AutomationLevel::SemiAutomatic, AutomationLevel::FullyAutomatic] {
        world.run(ada(), contoso, &automation(contoso, level)).unwrap();
        for action in ACTIONS {
            assert_eq!(world.tree.approval(contoso, &action), Approval::Stopped(contoso));
        }
    }
    assert_eq!(world.tree.approval(store, &ActionKind::Runbook), Approval::Automatic);
    assert_eq!(world.tree.approval(root(), &ActionKind::Runbook), Approval::Automatic);
    world.ada(&switch(root(), true)).unwrap();
    for place in [root(), contoso, store] {
        assert_eq!(world.tree.approval(place, &ActionKind::SecurityPatch), Approval::Stopped(root()));
    }
    world.ada(&switch(root(), false)).unwrap();
    world.run(ada(), contoso, &switch(contoso, false)).unwrap();
    assert_eq!(world.tree.approval(contoso, &ActionKind::Runbook), Approval::Automatic);
    let bob = world.user(20, "Bob", &[contoso]);
    forbidden(world.run(bob, contoso, &switch(contoso, true)));
}

// spec: SET-3
#[test]
fn a_major_incident_launches_the_bound_workflow_and_nothing_less_does() {
    let (mut world, contoso, store) = World::three_levels();
    let bind = |workflow| BindIncidentWorkflow { organization: contoso, workflow };
    let defined = |number, active| DefineWorkflow { organization: contoso, workflow: workflow(number), active };
    let not_active = |number| AutomationError::NotActive { workflow: workflow(number) };
    assert_eq!(rule(world.run(ada(), contoso, &bind(Some(workflow(1))))), not_active(1));
    world.run(ada(), contoso, &defined(1, false)).unwrap();
    assert_eq!(rule(world.run(ada(), contoso, &bind(Some(workflow(1))))), not_active(1));
    world.run(ada(), contoso, &defined(1, true)).unwrap();
    // One of its own: the definition of another organization is none.
    let foreign = BindIncidentWorkflow { organization: store, workflow: Some(workflow(1)) };
    assert_eq!(rule(world.run(ada(), store, &foreign)), not_active(1));
    let launched = |world: &World, priority, hosts| world.tree.incident_workflow(contoso, priority, hosts);
    assert_eq!(launched(&world, IncidentPriority::P1, 3), None, "not bound yet");
    world.run(ada(), contoso, &bind(Some(workflow(1)))).unwrap();
    for hosts in [MAJOR_INCIDENT_HOSTS, 4, u64::MAX] {
        assert_eq!(launched(&world, IncidentPriority::P1, hosts), Some(workflow(1)));
    }
    for hosts in [0, 1, 2] {
        assert_eq!(launched(&world, IncidentPriority::P1, hosts), None);
    }
    for priority in [IncidentPriority::P2, IncidentPriority::P3, IncidentPriority::P4] {
        assert_eq!(launched(&world, priority, 1_000), None);
    }
    assert_eq!(world.tree.incident_workflow(store, IncidentPriority::P1, 3), None);
    assert_eq!(world.tree.incident_workflow(organization(99), IncidentPriority::P1, 3), None);
    // One that is switched off launches nothing; none disables it.
    world.run(ada(), contoso, &defined(1, false)).unwrap();
    assert_eq!(launched(&world, IncidentPriority::P1, 3), None);
    world.run(ada(), contoso, &defined(1, true)).unwrap();
    world.run(ada(), contoso, &bind(None)).unwrap();
    assert_eq!(launched(&world, IncidentPriority::P1, 3), None);

    let bob = world.user(20, "Bob", &[contoso]);
    forbidden(world.run(bob, contoso, &bind(None)));
    world.grant(bob, "organizations.edit", contoso);
    world.run(bob, contoso, &bind(Some(workflow(1)))).unwrap();
}

fn secret_of(number: u8) -> AgentSecret {
    AgentSecret::from_entropy([number; 32])
}

// spec: SET-4
#[test]
fn a_secret_is_made_at_creation_and_admits_agents() {
    let (mut world, contoso, _) = World::three_levels();
    assert!(world.tree.admits_agent(root(), &secret()));
    assert!(world.tree.admits_agent(contoso, &secret()));
    assert!(!world.tree.admits_agent(contoso, &secret_of(1)));
    assert!(!world.tree.admits_agent(organization(99), &secret()));
    world.ada(&DeactivateOrganization { organization: contoso, with_descendants: true }).unwrap();
    assert!(!world.tree.admits_agent(contoso, &secret()), "nobody registers with one that rests");
}

// spec: SET-4
#[test]
fn seeing_and_regenerating_need_the_claim_to_edit() {
    let (mut world, contoso, _) = World::three_levels();
    let bob = world.user(20, "Bob", &[contoso]);
    let carol = world.user(21, "Carol", &[]);
    world.grant(bob, "organizations.view", contoso);
    let seen = |world: &World, who| world.tree.agent_secret(who, contoso, world.at).map(|secret| secret.cloned());
    assert!(matches!(seen(&world, bob), Err(Denial::Forbidden { .. })));
    assert!(matches!(seen(&world, carol), Err(Denial::NotFound { .. })));
    assert!(matches!(world.tree.agent_secret(ada(), organization(99), world.at), Err(Denial::NotFound { .. })));
    let regenerate = RegenerateSecret { organization: contoso, secret: secret_of(1) };
    forbidden(world.run(bob, contoso, &regenerate));
    world.grant(bob, "organizations.edit", contoso);
    assert_eq!(seen(&world, bob), Ok(Some(secret())));
    world.run(bob, contoso, &regenerate).unwrap();
    assert_eq!(seen(&world, bob), Ok(Some(secret_of(1))));
}

// spec: SET-4
// spec: CLM-12
#[test]
fn the_claim_that_replaces_the_row_is_asked_for_when_seeing_too() {
    let replaced = BTreeMap::from([(Operation::RegenerateSecret, claim("backups.restore"))]);
    let mut world = World::with(Rules { authority: replaced, ..Rules::provider() });
    let bob = world.user(20, "Bob", &[]);
    let carol = world.user(21, "Carol", &[]);
    world.grant(bob, "organizations.edit", root());
    world.grant(carol, "backups.restore", root());
    assert!(world.tree.agent_secret(bob, root(), world.at).is_err());
    assert!(world.tree.agent_secret(carol, root(), world.at).is_ok());
    let regenerate = RegenerateSecret { organization: root(), secret: secret_of(1) };
    forbidden(world.run(bob, root(), &regenerate));
    world.run(carol, root(), &regenerate).unwrap();
}

// spec: SET-4
#[test]
fn regenerating_voids_the_old_one_and_says_that_agents_register_again() {
    let mut world = World::new();
    let regenerate = RegenerateSecret { organization: root(), secret: secret_of(1) };
    world.ada(&regenerate).unwrap();
    let effects: Vec<Effect> = world.log.last().unwrap().recorded.effects().map(|(_, effect)| effect).collect();
    assert_eq!(effects, [Effect::RegisterAgentsAgain(root())]);
    assert!(!world.tree.admits_agent(root(), &secret()));
    assert!(world.tree.admits_agent(root(), &secret_of(1)));
    assert_eq!(rule(world.ada(&regenerate)), SecretError::Unchanged);
}

// spec: SET-4
#[test]
fn a_secret_shows_in_no_output_log_or_export() {
    let mut world = World::new();
    let shown = secret_of(0xab).reveal();
    let regenerate = RegenerateSecret { organization: root(), secret: secret_of(0xab) };
    let described = format!("{regenerate:?} {:?}", secret_of(0xab));
    world.ada(&regenerate).unwrap();
    let refused = world.ada(&regenerate).unwrap_err();
    let log: Vec<&Recorded> = world.log.iter().map(|changes| &changes.recorded).collect();
    let export = world.tree.export(ada(), ada(), log.iter().copied(), world.at).unwrap();
    let everything = format!(
        "{described} {refused} {refused:?} {:?} {:?} {} {}",
        world.tree,
        world.log,
        serde_json::to_string(&log).unwrap(),
        serde_json::to_string(&export).unwrap(),
    );
    assert!(!everything.contains(&shown) && !everything.contains("ababab") && !everything.contains("171, 171"));
}

// spec: SET-5
#[test]
fn unset_means_the_nearest_ancestors_then_the_accounts_default() {
    let defaults = BTreeMap::from([(theme(), number(7))]);
    let mut world = World::with(Rules { settings: defaults, ..Rules::provider() });
    let contoso = world.child(2, root(), "Contoso");
    let store = world.child(3, contoso, "Store");
    let found = |world: &World, place| world.tree.setting(place, &theme()).map(|found| (found.value, found.source));
    let default = Some((number(7), SettingSource::Default));
    assert_eq!([root(), contoso, store].map(|place| found(&world, place)), [default.clone(), default.clone(), default]);
    assert_eq!(world.tree.setting(store, &SettingKey::Automation), None);
    assert_eq!(found(&world, organization(99)), None);
    world.ada(&set(root(), theme(), number(1))).unwrap();
    world.run(ada(), contoso, &set(contoso, theme(), number(2))).unwrap();
    let from = |value, place| Some((number(value), SettingSource::Organization(place)));
    assert_eq!(
        [root(), contoso, store].map(|place| found(&world, place)),
        [from(1, root()), from(2, contoso), from(2, contoso)]
    );
    world.run(ada(), store, &set(store, theme(), number(3))).unwrap();
    assert_eq!(found(&world, store), from(3, store));
    for place in [store, contoso] {
        world.run(ada(), place, &ChangeSetting { organization: place, key: theme(), value: None }).unwrap();
    }
    assert_eq!(found(&world, store), from(1, root()));
    world.run(ada(), contoso, &automation(contoso, AutomationLevel::SemiAutomatic)).unwrap();
    assert_eq!(world.tree.automation(store), AutomationLevel::SemiAutomatic);
    assert_eq!(world.tree.automation(root()), AutomationLevel::Manual);
}

// spec: SET-5
#[test]
fn nobody_below_overrides_what_is_locked() {
    let (mut world, contoso, store) = World::three_levels();
    world.ada(&set(root(), theme(), number(1))).unwrap();
    world.run(ada(), store, &set(store, theme(), number(3))).unwrap();
    let lock = |organization, locked| LockSetting { organization, key: theme(), locked };
    world.ada(&lock(root(), true)).unwrap();
    // What was set below before counts no more, two levels down as well.
    for place in [contoso, store] {
        let found = world.tree.setting(place, &theme()).unwrap();
        assert_eq!((found.value, found.source), (number(1), SettingSource::Organization(root())));
        assert!(found.locked);
        let locked = SettingError::Locked { key: theme(), by: root() };
        assert_eq!(rule(world.run(ada(), place, &set(place, theme(), number(4)))), locked);
        let clear = ChangeSetting { organization: place, key: theme(), value: None };
        assert_eq!(rule(world.run(ada(), place, &clear)), locked);
        assert_eq!(rule(world.run(ada(), place, &lock(place, true))), locked);
        world.run(ada(), place, &set(place, SettingKey::Custom(tag("other")), number(4))).unwrap();
    }
    // Whoever locked it changes it, and it stays locked.
    world.ada(&set(root(), theme(), number(5))).unwrap();
    assert!(!world.tree.setting(root(), &theme()).unwrap().locked);
    assert_eq!(world.tree.setting(store, &theme()).unwrap().value, number(5));
    assert!(world.tree.setting(store, &theme()).unwrap().locked);
    world.ada(&lock(root(), false)).unwrap();
    assert_eq!(world.tree.setting(store, &theme()).unwrap().value, number(3));
    // Clearing what is locked unlocks it.
    world.ada(&lock(root(), true)).unwrap();
    world.ada(&ChangeSetting { organization: root(), key: theme(), value: None }).unwrap();
    world.run(ada(), contoso, &set(contoso, theme(), number(2))).unwrap();
    assert_eq!(rule(world.ada(&lock(root(), true))), SettingError::NotSet { key: theme() });
}

// spec: SET-5
#[test]
fn of_two_locks_the_topmost_binds() {
    let (mut world, contoso, store) = World::three_levels();
    let lock = |organization| LockSetting { organization, key: theme(), locked: true };
    world.run(ada(), contoso, &set(contoso, theme(), number(2))).unwrap();
    world.run(ada(), contoso, &lock(contoso)).unwrap();
    assert_eq!(world.tree.setting(store, &theme()).unwrap().value, number(2));
    world.ada(&set(root(), theme(), number(1))).unwrap();
    world.ada(&lock(root())).unwrap();
    for place in [contoso, store] {
        assert_eq!(world.tree.setting(place, &theme()).unwrap().value, number(1));
    }
}

// spec: SET-5
#[test]
fn a_value_of_the_wrong_kind_is_refused() {
    let mut world = World::new();
    let wrong = |key: &SettingKey| SettingError::WrongKind { key: key.clone() };
    let values = [SettingValue::Flag(true), number(1), SettingValue::Choice(tag("dark"))];
    for value in values {
        let refused = rule(world.ada(&set(root(), SettingKey::Automation, value.clone())));
        assert_eq!(refused, wrong(&SettingKey::Automation));
        world.ada(&set(root(), theme(), value)).unwrap();
    }
    let level = SettingValue::Automation(AutomationLevel::Manual);
    assert_eq!(rule(world.ada(&set(root(), theme(), level))), wrong(&theme()));
    for text in ["", "theme", "custom:", "Automation", "custom:\u{200b}"] {
        assert!(serde_json::from_value::<SettingKey>(text.into()).is_err(), "{text}");
    }
    let bob = world.user(20, "Bob", &[]);
    forbidden(world.run(bob, root(), &set(root(), theme(), number(1))));
}

// spec: SET-6
#[test]
fn creation_asks_for_the_seeds_of_the_rules() {
    let own = Seed::Custom(tag("dashboards"));
    let seeds = BTreeSet::from([Seed::DefaultAlerts, Seed::ComplianceData, own.clone()]);
    let mut world = World::with(Rules { seeds: seeds.clone(), ..Rules::provider() });
    let contoso = world.child(2, root(), "Contoso");
    for place in [root(), contoso] {
        let asked: BTreeMap<Seed, SeedStatus> =
            world.tree.seeds(place).map(|(seed, how)| (seed.clone(), how)).collect();
        assert_eq!(asked, seeds.iter().map(|seed| (seed.clone(), SeedStatus::Asked)).collect());
    }
    let effects = world.log.last().unwrap().recorded.effects();
    assert_eq!(effects.filter(|(_, effect)| *effect == Effect::Seed(contoso)).count(), 3);
    assert_eq!(world.tree.seeds(organization(99)).count(), 0);
}

// spec: SET-6
#[test]
fn each_seed_is_reported_done_or_failed_and_can_be_asked_for_again() {
    let mut world = World::new();
    let report = |seed: Seed, outcome| ReportSeed { organization: root(), seed, outcome };
    let again = |seed: Seed| AskSeedAgain { organization: root(), seed };
    let status = |world: &World, of: Seed| world.tree.seeds(root()).find(|(seed, _)| **seed == of).map(|(_, how)| how);
    let (alerts, data) = (Seed::DefaultAlerts, Seed::ComplianceData);
    world.operate(&report(alerts.clone(), SeedOutcome::Failed)).unwrap();
    world.operate(&report(data.clone(), SeedOutcome::Done)).unwrap();
    assert_eq!(status(&world, alerts.clone()), Some(SeedStatus::Failed));
    assert_eq!(status(&world, data.clone()), Some(SeedStatus::Done));
    let not_asked = |seed: Seed| OnboardingError::NotAsked { seed };
    assert_eq!(rule(world.operate(&report(data.clone(), SeedOutcome::Failed))), not_asked(data.clone()));
    world.ada(&again(alerts.clone())).unwrap();
    assert_eq!(status(&world, alerts.clone()), Some(SeedStatus::Asked));
    let effects = world.log.last().unwrap().recorded.effects().map(|(_, effect)| effect);
    assert_eq!(effects.collect::<Vec<_>>(), [Effect::Seed(root())]);
    let waiting = OnboardingError::AlreadyAsked { seed: alerts.clone() };
    assert_eq!(rule(world.operate(&again(alerts.clone()))), waiting);
    world.operate(&report(alerts, SeedOutcome::Done)).unwrap();
    world.operate(&again(data)).unwrap();
    // One that nobody named is neither done nor asked for.
    let unknown = Seed::Custom(tag("unknown"));
    assert_eq!(rule(world.ada(&again(unknown.clone()))), not_asked(unknown.clone()));
    assert_eq!(rule(world.operate(&report(unknown.clone(), SeedOutcome::Done))), not_asked(unknown));
    let bob = world.user(20, "Bob", &[]);
    forbidden(world.run(bob, root(), &again(Seed::DefaultAlerts)));
    forbidden(world.ada(&report(Seed::ComplianceData, SeedOutcome::Done)));
}
