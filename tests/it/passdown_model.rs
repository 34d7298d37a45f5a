//! What is passed down, held against a naive model: plain vectors that are scanned, folded
//! from the events of a random history and asked the same questions after every command.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bailiwick::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::*;
use crate::things::*;

/// The root, two children, and one below the first, which moves between the two.
const PLACES: u128 = 4;
const NETS: [&str; 6] = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0"];
const ADDRESSES: [&str; 5] = ["10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1"];
const TAGS: [&str; 3] = ["gold", "silver", "trial"];
const ENGINEERS: u128 = 2;

fn place(number: u128) -> OrganizationId {
    organization(1 + number % PLACES)
}

fn places() -> impl Iterator<Item = OrganizationId> {
    (0..PLACES).map(place)
}

fn capability(number: u8) -> CapabilityName {
    if number == 0 { reporting() } else { "patching".parse().unwrap() }
}

fn key(number: u8) -> SettingKey {
    if number == 0 { SettingKey::Automation } else { SettingKey::Custom(tag("theme")) }
}

fn value(key: &SettingKey, number: u8) -> SettingValue {
    let levels = [AutomationLevel::Manual, AutomationLevel::SemiAutomatic, AutomationLevel::FullyAutomatic];
    match key {
        SettingKey::Automation => SettingValue::Automation(levels[usize::from(number % 3)]),
        SettingKey::Custom(_) => SettingValue::Number(i64::from(number)),
    }
}

fn some_tags(mask: u8) -> BTreeSet<Tag> {
    TAGS.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, name)| tag(name)).collect()
}

fn some_nets(mask: u8) -> BTreeSet<Subnet> {
    NETS.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, net)| net.parse().unwrap()).collect()
}

fn spot(number: u128, at: OrganizationId) -> LocationId {
    if number == 0 { LocationId::default_of(at) } else { location(number) }
}

fn supporter(number: u128) -> PrincipalId {
    principal(900 + number % ENGINEERS)
}

#[derive(Clone, Debug)]
enum Step {
    Pass(i64),
    Set(u128, u8, u8),
    Clear(u128, u8),
    Lock(u128, u8, bool),
    Kill(u128, bool),
    Workflow(u128, u128, bool),
    Bind(u128, Option<u128>),
    Assign(u128, u8, Option<i64>),
    Withdraw(u128, u8),
    Locate(u128, u128, u8),
    Default(u128, u128),
    Pin(u128, u128, Option<u128>),
    DeleteLocation(u128, u128),
    Tags(u128, u8),
    Policy(u128, u128, bool, [u8; 3], Option<u8>),
    Adjust(u128, u128, u128, Option<u8>),
    Report(u128, u128, u64, u8),
    DropPolicy(u128, u128),
    Grant(u128, u128, u128, i64),
    Request(u128, u128, u128, Option<i64>),
    Approve(u128, u128),
    Deny(u128, u128),
    End(u128, u128),
    Stop(u128),
    Govern(u128, Option<i64>),
    Hold(u128, bool),
    Move(bool),
    Rest(u128, bool),
    Seed(u128, bool, Option<bool>),
}

/// One step of a theme: histories about one thing go deeper into it than those about all.
fn step(theme: u8) -> BoxedStrategy<Step> {
    let at = || 0..PLACES;
    let (id, two, small) = (|| 0..4_u128, || 0..2_u8, || 0..8_u8);
    let (flag, hours, support) = (any::<bool>, || 1..60_i64, || 0..12_u128);
    // One subnet, or two.
    let nets = || (0..6_u8, 0..6_u8).prop_map(|(a, b)| (1 << a) | (1 << b));
    let pass = || (1..2_000_i64).prop_map(Step::Pass);
    let rest = || (1..PLACES, flag()).prop_map(|(a, b)| Step::Rest(a, b));
    let moving = || flag().prop_map(Step::Move);
    match theme {
        0 => prop_oneof![
            5 => (at(), two(), small()).prop_map(|(a, b, c)| Step::Set(a, b, c)),
            2 => (at(), two()).prop_map(|(a, b)| Step::Clear(a, b)),
            4 => (at(), two(), flag()).prop_map(|(a, b, c)| Step::Lock(a, b, c)),
            2 => (at(), flag()).prop_map(|(a, b)| Step::Kill(a, b)),
            2 => (at(), 0..2_u128, flag()).prop_map(|(a, b, c)| Step::Workflow(a, b, c)),
            2 => (at(), prop::option::of(0..2_u128)).prop_map(|(a, b)| Step::Bind(a, b)),
            1 => moving(),
            1 => rest(),
        ]
        .boxed(),
        1 => prop_oneof![
            2 => pass(),
            7 => (at(), two(), prop::option::of(-5..60_i64)).prop_map(|(a, b, c)| Step::Assign(a, b, c)),
            1 => (at(), two()).prop_map(|(a, b)| Step::Withdraw(a, b)),
            2 => (support(), at(), 0..ENGINEERS, hours()).prop_map(|(a, b, c, d)| Step::Grant(a, b, c, d)),
            1 => moving(),
        ]
        .boxed(),
        2 => prop_oneof![
            6 => (at(), id(), nets()).prop_map(|(a, b, c)| Step::Locate(a, b, c)),
            1 => (at(), id()).prop_map(|(a, b)| Step::Default(a, b)),
            2 => (at(), 0..2_u128, prop::option::of(id())).prop_map(|(a, b, c)| Step::Pin(a, b, c)),
            1 => (at(), id()).prop_map(|(a, b)| Step::DeleteLocation(a, b)),
        ]
        .boxed(),
        3 => prop_oneof![
            4 => (at(), small()).prop_map(|(a, b)| Step::Tags(a, b)),
            4 => (at(), 1..4_u128, flag(), [small(), small(), small()], prop::option::of(small()))
                .prop_map(|(a, b, c, d, e)| Step::Policy(a, b, c, d, e)),
            4 => (at(), 1..4_u128, at(), prop::option::of(small())).prop_map(|(a, b, c, d)| Step::Adjust(a, b, c, d)),
            6 => (1..4_u128, at(), 0..4_u64, 0..4_u8).prop_map(|(a, b, c, d)| Step::Report(a, b, c, d)),
            1 => (at(), 1..4_u128).prop_map(|(a, b)| Step::DropPolicy(a, b)),
            2 => moving(),
            1 => rest(),
        ]
        .boxed(),
        4 => prop_oneof![
            2 => pass(),
            3 => (support(), at(), 0..ENGINEERS, hours()).prop_map(|(a, b, c, d)| Step::Grant(a, b, c, d)),
            5 => (support(), at(), 0..ENGINEERS, prop::option::of(hours()))
                .prop_map(|(a, b, c, d)| Step::Request(a, b, c, d)),
            5 => (support(), at()).prop_map(|(a, b)| Step::Approve(a, b)),
            1 => (support(), at()).prop_map(|(a, b)| Step::Deny(a, b)),
            2 => (support(), at()).prop_map(|(a, b)| Step::End(a, b)),
            1 => at().prop_map(Step::Stop),
            1 => rest(),
            1 => moving(),
        ]
        .boxed(),
        5 => prop_oneof![
            2 => pass(),
            3 => (at(), prop::option::of(1..100_i64)).prop_map(|(a, b)| Step::Govern(a, b)),
            3 => (at(), flag()).prop_map(|(a, b)| Step::Hold(a, b)),
            2 => (at(), flag(), prop::option::of(flag())).prop_map(|(a, b, c)| Step::Seed(a, b, c)),
            1 => rest(),
        ]
        .boxed(),
        _ => (0..6_u8).prop_flat_map(step).boxed(),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    (0..8_u8).prop_flat_map(|theme| prop::collection::vec(step(theme), 10..50))
}

#[derive(Clone)]
struct NaiveOrganization {
    id: OrganizationId,
    parent: Option<OrganizationId>,
    active: bool,
    tags: BTreeSet<Tag>,
    kill: bool,
    bound: Option<WorkflowId>,
    default: LocationId,
    retention: Option<Period>,
    hold: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum NaiveSupport {
    Asked { duration: Period, lapses: Timestamp },
    Given { from: Timestamp, until: Timestamp },
    Over,
}

#[derive(Clone)]
struct NaivePolicy {
    id: PolicyId,
    home: OrganizationId,
    version: u64,
    definition: PolicyDefinition,
    adjusted: Vec<(OrganizationId, PolicySettings)>,
    reported: Vec<(OrganizationId, PolicyStatus)>,
}

/// Vectors to be scanned.
#[derive(Clone, Default)]
struct Naive {
    organizations: Vec<NaiveOrganization>,
    settings: Vec<(OrganizationId, SettingKey, SettingValue, bool)>,
    capabilities: Vec<(OrganizationId, CapabilityName, Option<Timestamp>)>,
    workflows: Vec<(OrganizationId, WorkflowId, bool)>,
    locations: Vec<(OrganizationId, LocationId, BTreeSet<Subnet>)>,
    pins: Vec<(OrganizationId, AgentId, LocationId)>,
    policies: Vec<NaivePolicy>,
    supports: Vec<(SupportId, OrganizationId, PrincipalId, NaiveSupport)>,
    seeds: Vec<(OrganizationId, Seed, SeedStatus)>,
    used: Vec<uuid::Uuid>,
}

impl Naive {
    fn organization(&self, id: OrganizationId) -> &NaiveOrganization {
        self.organizations.iter().find(|organization| organization.id == id).unwrap()
    }

    fn change(&mut self, id: OrganizationId) -> &mut NaiveOrganization {
        self.organizations.iter_mut().find(|organization| organization.id == id).unwrap()
    }

    /// From the root down to the organization itself.
    fn path(&self, id: OrganizationId) -> Vec<OrganizationId> {
        let mut path = self.organization(id).parent.map(|parent| self.path(parent)).unwrap_or_default();
        path.push(id);
        path
    }

    fn active(&self, id: OrganizationId) -> bool {
        self.path(id).iter().all(|id| self.organization(*id).active)
    }

    fn fold(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Organization(OrganizationEvent::Created { organization, parent, profile }) => {
                let default = LocationId::default_of(*organization);
                self.organizations.push(NaiveOrganization {
                    id: *organization,
                    parent: *parent,
                    active: true,
                    tags: profile.tags.clone(),
                    kill: false,
                    bound: None,
                    default,
                    retention: None,
                    hold: false,
                });
                self.locations.push((*organization, default, BTreeSet::new()));
                self.used.push(organization.uuid());
            }
            Event::Organization(OrganizationEvent::Edited { organization, profile }) => {
                self.change(*organization).tags = profile.tags.clone();
            }
            Event::Organization(OrganizationEvent::Moved { organization, parent }) => {
                self.change(*organization).parent = Some(*parent);
            }
            Event::Deletion(DeletionEvent::Deactivated { organization }) => self.change(*organization).active = false,
            Event::Deletion(DeletionEvent::Reactivated { organization }) => self.change(*organization).active = true,
            Event::Setting(event) => self.fold_setting(event),
            Event::Automation(AutomationEvent::KillSwitchSet { organization, on }) => {
                self.change(*organization).kill = *on
            }
            Event::Automation(AutomationEvent::WorkflowBound { organization, workflow }) => {
                self.change(*organization).bound = *workflow;
            }
            Event::Automation(AutomationEvent::WorkflowDefined { organization, workflow, active }) => {
                self.workflows.retain(|(place, id, _)| (place, id) != (organization, workflow));
                self.workflows.push((*organization, *workflow, *active));
            }
            Event::Capability(CapabilityEvent::Assigned { organization, capability, until }) => {
                self.capabilities.retain(|(place, name, _)| (place, name) != (organization, capability));
                self.capabilities.push((*organization, capability.clone(), *until));
            }
            Event::Capability(CapabilityEvent::Withdrawn { organization, capability }) => {
                self.capabilities.retain(|(place, name, _)| (place, name) != (organization, capability));
            }
            Event::Location(event) => self.fold_location(event),
            Event::Policy(event) => self.fold_policy(event),
            Event::Support(event) => self.fold_support(at, event),
            Event::Recording(RecordingEvent::Governed { organization, policy }) => {
                self.change(*organization).retention = policy.retention;
            }
            Event::Recording(RecordingEvent::HoldSet { organization, hold }) => self.change(*organization).hold = *hold,
            Event::Onboarding(OnboardingEvent::Seeded { organization, seed, status }) => {
                self.seeds.retain(|(place, name, _)| (place, name) != (organization, seed));
                self.seeds.push((*organization, seed.clone(), *status));
            }
            _ => {}
        }
        // POL-4: a report counts as long as the organization has stayed in the selector.
        let now = self.clone();
        for policy in &mut self.policies {
            let stays = |target: OrganizationId| now.selected(policy.home, &policy.definition.selector, target);
            policy.reported.retain(|(target, _)| stays(*target));
        }
        for policy in &mut self.policies {
            policy.adjusted.retain(|(target, _)| *target != policy.home && now.path(*target).contains(&policy.home));
        }
    }

    fn fold_setting(&mut self, event: &SettingEvent) {
        let found = |(place, name, _, _): &(OrganizationId, SettingKey, SettingValue, bool), id, key: &SettingKey| {
            *place == id && name == key
        };
        match event {
            SettingEvent::Set { organization, key, value } => {
                let locked = self.settings.iter().any(|row| found(row, *organization, key) && row.3);
                self.settings.retain(|row| !found(row, *organization, key));
                self.settings.push((*organization, key.clone(), value.clone(), locked));
            }
            SettingEvent::Cleared { organization, key } => self.settings.retain(|row| !found(row, *organization, key)),
            SettingEvent::LockSet { organization, key, locked } => {
                self.settings.iter_mut().filter(|row| found(row, *organization, key)).for_each(|row| row.3 = *locked);
            }
        }
    }

    fn fold_location(&mut self, event: &LocationEvent) {
        match event {
            LocationEvent::Defined { organization, id, location } => {
                self.locations.retain(|(place, other, _)| (place, other) != (organization, id));
                self.locations.push((*organization, *id, location.subnets.clone()));
                self.used.push(id.uuid());
            }
            LocationEvent::MadeDefault { organization, id } => self.change(*organization).default = *id,
            LocationEvent::AgentPinned { organization, agent, location } => {
                self.pins.retain(|(place, other, _)| (place, other) != (organization, agent));
                self.pins.push((*organization, *agent, *location));
            }
            LocationEvent::AgentUnpinned { organization, agent } => {
                self.pins.retain(|(place, other, _)| (place, other) != (organization, agent));
            }
            LocationEvent::Deleted { organization, id } => {
                self.locations.retain(|(place, other, _)| (place, other) != (organization, id));
            }
        }
    }

    fn fold_policy(&mut self, event: &PolicyEvent) {
        match event {
            PolicyEvent::Defined { organization, policy, definition } => {
                self.used.push(policy.uuid());
                let old = self.policies.iter().find(|old| old.id == *policy).cloned();
                self.policies.retain(|old| old.id != *policy);
                let mut adjusted = old.as_ref().map(|old| old.adjusted.clone()).unwrap_or_default();
                adjusted.iter_mut().for_each(|(_, own)| own.retain(|name, _| definition.settings.contains_key(name)));
                adjusted.retain(|(_, own)| !own.is_empty());
                let (version, definition) = (old.map_or(0, |old| old.version) + 1, definition.clone());
                let (id, home, reported) = (*policy, *organization, Vec::new());
                self.policies.push(NaivePolicy { id, home, version, definition, adjusted, reported });
            }
            PolicyEvent::Overridden { policy, target, settings, .. } => {
                let found = self.policies.iter_mut().find(|found| found.id == *policy).unwrap();
                found.version += 1;
                found.reported.retain(|(place, _)| place != target);
                found.adjusted.retain(|(place, _)| place != target);
                if !settings.is_empty() {
                    found.adjusted.push((*target, settings.clone()));
                }
            }
            PolicyEvent::Reported { organization, policy, status, .. } => {
                let found = self.policies.iter_mut().find(|found| found.id == *policy).unwrap();
                found.reported.retain(|(place, _)| place != organization);
                found.reported.push((*organization, *status));
            }
            PolicyEvent::Deleted { policy, .. } => self.policies.retain(|found| found.id != *policy),
        }
    }

    fn fold_support(&mut self, at: Timestamp, event: &SupportEvent) {
        let mut set = |id: SupportId, state| {
            self.supports.iter_mut().filter(|row| row.0 == id).for_each(|row| row.3 = state);
        };
        match *event {
            SupportEvent::Granted { organization, support, engineer, until } => {
                self.supports.push((support, organization, engineer, NaiveSupport::Given { from: at, until }));
                self.used.push(support.uuid());
            }
            SupportEvent::Requested { organization, support, engineer, duration, lapses } => {
                self.supports.push((support, organization, engineer, NaiveSupport::Asked { duration, lapses }));
                self.used.push(support.uuid());
            }
            SupportEvent::Approved { support, until, .. } => set(support, NaiveSupport::Given { from: at, until }),
            SupportEvent::Denied { support, .. } | SupportEvent::Ended { support, .. } => {
                set(support, NaiveSupport::Over)
            }
        }
    }

    fn setting(&self, id: OrganizationId, key: &SettingKey) -> Option<(SettingValue, OrganizationId, bool)> {
        let own = |id: OrganizationId| self.settings.iter().find(|row| row.0 == id && row.1 == *key);
        let path = self.path(id);
        if let Some(row) = path.iter().filter_map(|id| own(*id)).find(|row| row.3) {
            return Some((row.2.clone(), row.0, row.0 != id));
        }
        let nearest = path.iter().rev().find_map(|id| own(*id))?;
        Some((nearest.2.clone(), nearest.0, false))
    }

    fn locked_above(&self, id: OrganizationId, key: &SettingKey) -> bool {
        let above: Vec<OrganizationId> = self.path(id).into_iter().filter(|above| *above != id).collect();
        self.settings.iter().any(|row| row.3 && row.1 == *key && above.contains(&row.0))
    }

    fn own_end(&self, id: OrganizationId, capability: &CapabilityName) -> Option<Option<Timestamp>> {
        self.capabilities.iter().find(|row| row.0 == id && row.1 == *capability).map(|row| row.2)
    }

    fn capable(&self, id: OrganizationId, capability: &CapabilityName, at: Timestamp) -> bool {
        self.path(id).iter().all(|id| match self.own_end(*id, capability) {
            None => false,
            Some(None) => true,
            Some(Some(until)) => at < until,
        })
    }

    fn locate(&self, id: OrganizationId, agent: AgentId, address: IpAddr) -> LocationId {
        if let Some(pin) = self.pins.iter().find(|row| row.0 == id && row.1 == agent) {
            return pin.2;
        }
        let mut best: Option<(u8, LocationId)> = None;
        for (place, location, nets) in &self.locations {
            for net in nets.iter().filter(|net| *place == id && net.contains(address)) {
                if best.is_none_or(|(length, _)| net.prefix_length() > length) {
                    best = Some((net.prefix_length(), *location));
                }
            }
        }
        best.map_or(self.organization(id).default, |(_, location)| location)
    }

    fn has_location(&self, place: OrganizationId, id: LocationId) -> bool {
        self.locations.iter().any(|row| row.0 == place && row.1 == id)
    }

    fn selected(&self, home: OrganizationId, selector: &Selector, target: OrganizationId) -> bool {
        let organization = self.organization(target);
        let below = match selector.depth {
            SelectorDepth::Children => organization.parent == Some(home),
            SelectorDepth::Descendants => target != home && self.path(target).contains(&home),
        };
        let has = |tag: &Tag| organization.tags.contains(tag);
        below
            && selector.all_of.iter().all(has)
            && (selector.any_of.is_empty() || selector.any_of.iter().any(has))
            && !selector.none_of.iter().any(has)
    }

    fn policy(&self, id: PolicyId) -> Option<&NaivePolicy> {
        self.policies.iter().find(|policy| policy.id == id)
    }

    fn status(policy: &NaivePolicy, target: OrganizationId) -> PolicyStatus {
        let reported = policy.reported.iter().find(|(place, _)| *place == target);
        reported.map_or(PolicyStatus::Pending, |(_, status)| *status)
    }

    fn support(&self, id: SupportId, place: OrganizationId, at: Timestamp) -> Option<NaiveSupport> {
        let state = self.supports.iter().find(|row| row.0 == id && row.1 == place)?.3;
        Some(match state {
            NaiveSupport::Asked { lapses: end, .. } | NaiveSupport::Given { until: end, .. } if end <= at => {
                NaiveSupport::Over
            }
            state => state,
        })
    }

    fn looks(&self, engineer: PrincipalId, place: OrganizationId, at: Timestamp) -> bool {
        self.active(place)
            && self.supports.iter().any(|row| {
                row.1 == place
                    && row.2 == engineer
                    && matches!(row.3, NaiveSupport::Given { from, until } if from <= at && at < until)
            })
    }

    /// What ends by itself, in order.
    fn ends(&self) -> Vec<(Timestamp, OrganizationId, Timed)> {
        let mut ends = Vec::new();
        for (place, name, until) in &self.capabilities {
            ends.extend(until.map(|until| (until, *place, Timed::Capability(name.clone()))));
        }
        for (id, place, _, state) in &self.supports {
            match state {
                NaiveSupport::Asked { lapses, .. } => ends.push((*lapses, *place, Timed::SupportRequest(*id))),
                NaiveSupport::Given { until, .. } => ends.push((*until, *place, Timed::Support(*id))),
                NaiveSupport::Over => {}
            }
        }
        ends.sort();
        ends
    }
}

/// The tree and its model, side by side.
struct Pair {
    world: World,
    naive: Naive,
    folded: usize,
    taken: usize,
    refused: usize,
    answers: usize,
}

impl Pair {
    fn new() -> Self {
        let mut world = World::new();
        world.child(2, root(), "Contoso");
        world.child(3, root(), "Adatum");
        world.child(4, organization(2), "Store");
        Self { world, naive: Naive::default(), folded: 0, taken: 0, refused: 0, answers: 0 }
    }

    /// Runs a command of which the model says whether it is taken, where it says so.
    fn run<C: Command>(&mut self, operator: Option<PrincipalId>, command: &C, expected: Option<bool>) {
        let (at, key) = (self.world.at, self.world.key());
        let context = match operator {
            Some(operator) => Context::operator(operator, at, key).because(because("as agreed")),
            None => Context::principal(ada(), root(), at, key),
        };
        let done = self.world.run_in(&context, command);
        match &done {
            Ok(_) => self.taken += 1,
            Err(_) => self.refused += 1,
        }
        if let Some(expected) = expected {
            let told = done.as_ref().err().map(|refusal| refusal.code());
            assert_eq!(done.is_ok(), expected, "{}: {told:?}", command.operation());
        }
    }

    #[allow(clippy::too_many_lines, reason = "one arm for each step")]
    fn step(&mut self, step: &Step) {
        let (naive, at) = (self.naive.clone(), self.world.at);
        let after = |hours: i64| at + chrono::TimeDelta::hours(hours);
        match *step {
            Step::Pass(minutes) => self.world.pass(chrono::TimeDelta::minutes(minutes)),
            Step::Set(to, of, number) => {
                let (organization, key) = (place(to), key(of));
                let taken = naive.active(organization) && !naive.locked_above(organization, &key);
                let value = Some(value(&key, number));
                self.run(None, &ChangeSetting { organization, key, value }, Some(taken));
            }
            Step::Clear(to, of) => {
                let (organization, key) = (place(to), key(of));
                let taken = naive.active(organization) && !naive.locked_above(organization, &key);
                self.run(None, &ChangeSetting { organization, key, value: None }, Some(taken));
            }
            Step::Lock(to, of, locked) => {
                let (organization, key) = (place(to), key(of));
                let set = naive.settings.iter().any(|row| row.0 == organization && row.1 == key);
                let taken = naive.active(organization) && !naive.locked_above(organization, &key) && set;
                self.run(None, &LockSetting { organization, key, locked }, Some(taken));
            }
            Step::Kill(to, on) => {
                self.run(None, &SetKillSwitch { organization: place(to), on }, Some(naive.active(place(to))));
            }
            Step::Workflow(to, number, active) => {
                let (organization, workflow) = (place(to), workflow(number));
                let taken = naive.active(organization);
                self.run(None, &DefineWorkflow { organization, workflow, active }, Some(taken));
            }
            Step::Bind(to, number) => {
                let (organization, workflow) = (place(to), number.map(workflow));
                let defined = workflow.is_none_or(|id| naive.workflows.contains(&(organization, id, true)));
                let taken = naive.active(organization) && defined;
                self.run(None, &BindIncidentWorkflow { organization, workflow }, Some(taken));
            }
            Step::Assign(to, of, hours) => {
                let (organization, capability, until) = (place(to), capability(of), hours.map(after));
                let operator = (organization == root()).then(operator);
                let parent = naive.organization(organization).parent;
                let covered = parent.is_none_or(|parent| naive.capable(parent, &capability, at));
                let taken = naive.active(organization) && covered && until.is_none_or(|until| at < until);
                self.run(operator, &AssignCapability { organization, capability, until }, Some(taken));
            }
            Step::Withdraw(to, of) => {
                let (organization, capability) = (place(to), capability(of));
                let operator = (organization == root()).then(operator);
                let taken = naive.active(organization) && naive.own_end(organization, &capability).is_some();
                self.run(operator, &WithdrawCapability { organization, capability }, Some(taken));
            }
            Step::Locate(to, number, mask) => {
                let (organization, id, subnets) = (place(to), spot(number, place(to)), some_nets(mask));
                let own = naive.has_location(organization, id);
                let others = naive.locations.iter().filter(|row| row.0 == organization && row.1 != id);
                let free = others.clone().all(|row| row.2.is_disjoint(&subnets));
                let taken = naive.active(organization) && free && (own || !naive.used.contains(&id.uuid()));
                let location = Location { name: name("Office"), kind: LocationKind::Physical, subnets };
                self.run(None, &DefineLocation { organization, id, location }, Some(taken));
            }
            Step::Default(to, number) => {
                let (organization, id) = (place(to), spot(number, place(to)));
                let taken = naive.active(organization) && naive.has_location(organization, id);
                self.run(None, &MakeDefaultLocation { organization, id }, Some(taken));
            }
            Step::Pin(to, number, where_to) => {
                let (organization, location) = (place(to), where_to.map(|number| spot(number, place(to))));
                let there = location.is_none_or(|id| naive.has_location(organization, id));
                let pin = PinAgent { organization, agent: agent(1 + number), location };
                self.run(None, &pin, Some(naive.active(organization) && there));
            }
            Step::DeleteLocation(to, number) => {
                let (organization, id) = (place(to), spot(number, place(to)));
                let spare = naive.has_location(organization, id) && naive.organization(organization).default != id;
                self.run(None, &DeleteLocation { organization, id }, Some(naive.active(organization) && spare));
            }
            Step::Tags(to, mask) => {
                let edit = EditOrganization { tags: Some(some_tags(mask)), ..EditOrganization::of(place(to)) };
                self.run(None, &edit, Some(naive.active(place(to))));
            }
            Step::Policy(to, number, deep, [all, any, none], setting) => {
                let (organization, policy) = (place(to), policy(number));
                // Fewer tags at once, so that something is selected.
                let (all_of, any_of, none_of) = (some_tags(all & 1), some_tags(any & 3), some_tags(none & 4));
                let depth = if deep { SelectorDepth::Descendants } else { SelectorDepth::Children };
                let selector = Selector { depth, all_of, any_of, none_of };
                let settings = setting.map(|number| (tag("window"), SettingValue::Number(number.into())));
                let settings = settings.into_iter().chain([(tag("reboot"), SettingValue::Flag(true))]).collect();
                let definition = PolicyDefinition { name: name("Patch"), settings, selector };
                let fits = match naive.policy(policy) {
                    Some(found) => found.home == organization && found.definition != definition,
                    None => !naive.used.contains(&policy.uuid()),
                };
                let taken = naive.active(organization) && fits;
                self.run(None, &DefinePolicy { organization, policy, definition }, Some(taken));
            }
            Step::Adjust(to, number, target, setting) => {
                let (organization, policy, target) = (place(to), policy(number), place(target));
                let settings: PolicySettings =
                    setting.map(|number| (tag("window"), SettingValue::Number(number.into()))).into_iter().collect();
                let fits = naive.policy(policy).is_some_and(|found| {
                    let before = found.adjusted.iter().find(|(place, _)| *place == target);
                    found.home == organization
                        && naive.selected(organization, &found.definition.selector, target)
                        && settings.keys().all(|name| found.definition.settings.contains_key(name))
                        && before.map(|(_, own)| own.clone()).unwrap_or_default() != settings
                });
                let adjust = OverridePolicy { organization, policy, target, settings };
                self.run(None, &adjust, Some(naive.active(organization) && fits));
            }
            Step::Report(number, to, behind, status) => {
                let (policy, organization) = (policy(number), place(to));
                let found = naive.policy(policy);
                let version = found.map_or(1, |found| found.version).saturating_sub(behind / 2);
                let fits = found.is_some_and(|found| {
                    version == found.version && naive.selected(found.home, &found.definition.selector, organization)
                });
                let states =
                    [PolicyStatus::Pending, PolicyStatus::Applied, PolicyStatus::Failed, PolicyStatus::Drifted];
                let status = states[usize::from(status)];
                let report = ReportPolicyStatus { policy, organization, version, status };
                self.run(Some(operator()), &report, Some(naive.active(organization) && fits));
            }
            Step::DropPolicy(to, number) => {
                let (organization, policy) = (place(to), policy(number));
                let own = naive.policy(policy).is_some_and(|found| found.home == organization);
                self.run(None, &DeletePolicy { organization, policy }, Some(naive.active(organization) && own));
            }
            Step::Grant(number, to, who, hours) => {
                let (support, organization) = (access(number), place(to));
                let grant =
                    GrantSupport { support, organization, engineer: supporter(who), duration: self::hours(hours) };
                let taken = naive.active(organization) && !naive.used.contains(&support.uuid());
                self.run(None, &grant, Some(taken));
            }
            Step::Request(number, to, who, hours) => {
                let (support, organization) = (access(number), place(to));
                let request = RequestSupport { support, organization, duration: hours.map(self::hours) };
                let taken = naive.active(organization) && !naive.used.contains(&support.uuid());
                self.run(Some(supporter(who)), &request, Some(taken));
            }
            Step::Approve(number, to) => {
                let (support, organization) = (access(number), place(to));
                let asked = matches!(naive.support(support, organization, at), Some(NaiveSupport::Asked { .. }));
                self.run(None, &ApproveSupport { organization, support }, Some(naive.active(organization) && asked));
                if let (Some(NaiveSupport::Asked { duration, .. }), true) =
                    (naive.support(support, organization, at), naive.active(organization))
                {
                    let until = at + chrono::TimeDelta::seconds(duration.as_seconds());
                    let event = SupportEvent::Approved { organization, support, until };
                    assert_eq!(self.world.log.last().unwrap().recorded.events, [Event::from(event)]);
                }
            }
            Step::Deny(number, to) => {
                let (support, organization) = (access(number), place(to));
                let asked = matches!(naive.support(support, organization, at), Some(NaiveSupport::Asked { .. }));
                self.run(None, &DenySupport { organization, support }, Some(naive.active(organization) && asked));
            }
            Step::End(number, to) => {
                let (support, organization) = (access(number), place(to));
                let open = naive.support(support, organization, at).is_some_and(|state| state != NaiveSupport::Over);
                self.run(None, &EndSupport { organization, support }, Some(naive.active(organization) && open));
            }
            Step::Stop(to) => {
                let organization = place(to);
                let taken = naive.active(organization);
                self.run(None, &StopAllSupport { organization }, Some(taken));
                if taken {
                    let status = self.world.tree.support_status(organization, at);
                    assert_eq!(status, SupportStatus::default(), "the emergency stop left something");
                }
            }
            Step::Govern(to, days) => {
                let (organization, retention) = (place(to), days.map(|days| hours(24 * days)));
                let policy = RecordingPolicy { captures: BTreeSet::new(), retention };
                self.run(None, &GovernRecordings { organization, policy }, Some(naive.active(organization)));
            }
            Step::Hold(to, hold) => {
                let organization = place(to);
                let taken = naive.active(organization) && naive.organization(organization).hold != hold;
                self.run(None, &SetLegalHold { organization, hold }, Some(taken));
            }
            Step::Move(first) => {
                let new_parent = organization(if first { 2 } else { 3 });
                let there = MoveOrganization { organization: organization(4), new_parent, sever: true };
                self.run(None, &there, None);
            }
            Step::Rest(to, rest) => {
                let organization = place(to);
                if rest {
                    let deactivate = DeactivateOrganization { organization, with_descendants: true };
                    self.run(None, &deactivate, Some(naive.active(organization)));
                } else {
                    let resting = !naive.organization(organization).active;
                    self.run(None, &ReactivateOrganization { organization }, Some(resting));
                }
            }
            Step::Seed(to, alerts, outcome) => {
                let organization = place(to);
                let seed = if alerts { Seed::DefaultAlerts } else { Seed::ComplianceData };
                let asked = naive.seeds.contains(&(organization, seed.clone(), SeedStatus::Asked));
                let active = naive.active(organization);
                match outcome {
                    Some(done) => {
                        let outcome = if done { SeedOutcome::Done } else { SeedOutcome::Failed };
                        let report = ReportSeed { organization, seed, outcome };
                        self.run(Some(operator()), &report, Some(active && asked));
                    }
                    None => self.run(None, &AskSeedAgain { organization, seed }, Some(active && !asked)),
                }
            }
        }
        self.catch_up();
    }

    /// Folds what was committed since, as it comes out of a store.
    fn catch_up(&mut self) {
        for changes in &self.world.log[self.folded..] {
            let stored = serde_json::to_string(&changes.recorded).unwrap();
            let recorded: Recorded = serde_json::from_str(&stored).unwrap();
            recorded.events.iter().for_each(|event| self.naive.fold(recorded.at, event));
        }
        self.folded = self.world.log.len();
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, tree: T, model: T) {
        self.answers += 1;
        assert_eq!(tree, model, "{what}");
    }

    /// Every derived answer, now and at instants around what is to come.
    fn compare(&mut self) {
        let (naive, now) = (self.naive.clone(), self.world.at);
        let tree = self.world.tree.clone();
        let forgotten: Vec<_> = naive.used.iter().filter(|id| !tree.has_used(**id)).collect();
        self.same("what is not to be used again", forgotten, Vec::new());
        for id in places() {
            for key in [key(0), key(1)] {
                let found = tree.setting(id, &key).map(|found| (found.value, found.source, found.locked));
                let expected = naive.setting(id, &key);
                let expected = expected.map(|(value, from, locked)| (value, SettingSource::Organization(from), locked));
                self.same("a setting", found, expected);
            }
            self.compare_automation(&tree, &naive, id);
            self.compare_places(&tree, &naive, id);
            self.compare_policies(&tree, &naive, id);
            let organization = naive.organization(id);
            let account = naive.organization(root()).retention.unwrap_or(hours(24 * 90));
            let retention = organization.retention.unwrap_or(account);
            self.same("the retention", tree.retention(id), retention);
            let period = chrono::TimeDelta::seconds(retention.as_seconds());
            for made in [now, now - period, now - period + chrono::TimeDelta::seconds(1), now - days(1_000)] {
                let kept = match organization.hold {
                    true => Err(RecordingKept::LegalHold),
                    false if made + period > now => Err(RecordingKept::Retained { until: made + period }),
                    false => Ok(()),
                };
                self.same("the clean-up", tree.may_delete_recording(id, made, RecordingDeleter::Retention, now), kept);
            }
            let by = RecordingDeleter::Principal(ada());
            let kept = match (organization.hold, naive.active(id)) {
                (true, _) => Err(RecordingKept::LegalHold),
                (false, true) => Ok(()),
                (false, false) => Err(RecordingKept::NotAllowed),
            };
            self.same("a deletion", tree.may_delete_recording(id, now, by, now), kept);
            let seeds: BTreeMap<Seed, SeedStatus> = tree.seeds(id).map(|(seed, how)| (seed.clone(), how)).collect();
            let expected = naive.seeds.iter().filter(|row| row.0 == id).map(|row| (row.1.clone(), row.2)).collect();
            self.same("the seeds", seeds, expected);
        }
        let ends = naive.ends();
        let coming = ends.iter().map(|(end, _, _)| *end).filter(|end| *end > now);
        let just_before = coming.clone().map(|end| end - chrono::TimeDelta::nanoseconds(1));
        let instants: BTreeSet<Timestamp> = coming.chain(just_before).chain([now]).collect();
        for at in instants {
            self.compare_access(&tree, &naive, at);
        }
        let next = ends.iter().find(|(end, _, _)| *end > now).cloned();
        let found = tree.next_transition(now).map(|found| (found.at, found.organization, found.what));
        self.same("what comes next", found, next);
        let told = tree.endings(now, now + days(2)).into_iter().map(|found| (found.at, found.organization, found.what));
        let within = ends.into_iter().filter(|(end, _, _)| now <= *end && *end < now + days(2)).collect::<Vec<_>>();
        self.same("what ends within two days", told.collect(), within);
    }

    fn compare_automation(&mut self, tree: &OrganizationTree, naive: &Naive, id: OrganizationId) {
        let level = match naive.setting(id, &SettingKey::Automation) {
            Some((SettingValue::Automation(level), _, _)) => level,
            _ => AutomationLevel::Manual,
        };
        self.same("the level", tree.automation(id), level);
        for action in
            [ActionKind::SecurityPatch, ActionKind::CriticalPatch, ActionKind::OtherPatch, ActionKind::Runbook]
        {
            let by_itself = match level {
                AutomationLevel::Manual => false,
                AutomationLevel::SemiAutomatic => {
                    action == ActionKind::SecurityPatch || action == ActionKind::CriticalPatch
                }
                AutomationLevel::FullyAutomatic => true,
            };
            let expected = if naive.organization(root()).kill {
                Approval::Stopped(root())
            } else if naive.organization(id).kill {
                Approval::Stopped(id)
            } else if by_itself && naive.active(id) {
                Approval::Automatic
            } else {
                Approval::Needed
            };
            self.same("an approval", tree.approval(id, &action), expected);
        }
        let bound = naive.organization(id).bound.filter(|bound| naive.workflows.contains(&(id, *bound, true)));
        for (priority, hosts) in [(IncidentPriority::P1, 3), (IncidentPriority::P1, 2), (IncidentPriority::P2, 9)] {
            let major = priority == IncidentPriority::P1 && hosts > 2 && naive.active(id);
            self.same("a launch", tree.incident_workflow(id, priority, hosts), bound.filter(|_| major));
        }
    }

    fn compare_places(&mut self, tree: &OrganizationTree, naive: &Naive, id: OrganizationId) {
        let found: BTreeSet<LocationId> = tree.locations(id).map(|(id, _)| id).collect();
        let expected = naive.locations.iter().filter(|row| row.0 == id).map(|row| row.1).collect();
        self.same("the locations", found, expected);
        for number in 0..3 {
            for address in ADDRESSES {
                let (agent, address): (AgentId, IpAddr) = (agent(1 + number), address.parse().unwrap());
                let expected = Some(naive.locate(id, agent, address));
                self.same("where an agent is", tree.locate(id, agent, address), expected);
            }
        }
    }

    fn compare_policies(&mut self, tree: &OrganizationTree, naive: &Naive, id: OrganizationId) {
        let mut found: Vec<EffectivePolicy> = tree.effective_policies(id);
        found.sort_by_key(|found| found.policy);
        let applies =
            naive.policies.iter().filter(|policy| naive.selected(policy.home, &policy.definition.selector, id));
        let mut expected: Vec<EffectivePolicy> = applies
            .map(|policy| {
                let own = policy.adjusted.iter().find(|(place, _)| *place == id).map(|(_, own)| own.clone());
                let own = own.unwrap_or_default();
                let mut settings = policy.definition.settings.clone();
                settings.extend(own.clone());
                let (overridden, status) = (own.into_keys().collect(), Naive::status(policy, id));
                let (from, version) = (policy.home, policy.version);
                EffectivePolicy { policy: policy.id, from, version, settings, overridden, status }
            })
            .collect();
        expected.sort_by_key(|found| found.policy);
        self.same("the policies", found, expected);
        for policy in naive.policies.iter().filter(|policy| policy.home == id) {
            let mut summary = BTreeMap::new();
            for target in places().filter(|target| naive.selected(id, &policy.definition.selector, *target)) {
                *summary.entry(Naive::status(policy, target)).or_insert(0) += 1;
            }
            self.same("a summary", tree.policy_summary(policy.id), summary);
        }
    }

    fn compare_access(&mut self, tree: &OrganizationTree, naive: &Naive, at: Timestamp) {
        let (view, reports, restore) = (claim("backups.view"), claim("reports.view"), claim("backups.restore"));
        for id in places() {
            for number in 0..2 {
                let capability = capability(number);
                self.same("a capability", tree.is_capable(id, &capability, at), naive.capable(id, &capability, at));
                let path = naive.path(id);
                if path.iter().all(|id| naive.own_end(*id, &capability).is_some()) {
                    let earliest = path.iter().filter_map(|id| naive.own_end(*id, &capability).flatten()).min();
                    self.same("the end of a capability", tree.capability_end(id, &capability), earliest);
                }
            }
            let capable = naive.capable(id, &reporting(), at);
            self.same("Ada's reports", tree.access().allows(ada(), id, &reports, at), naive.active(id) && capable);
            for engineer in (0..ENGINEERS).map(supporter) {
                let looks = naive.looks(engineer, id, at);
                self.same("a look", tree.access().allows(engineer, id, &view, at), looks);
                self.same("a report", tree.access().allows(engineer, id, &reports, at), looks && capable);
                self.same("more than a look", tree.access().allows(engineer, id, &restore, at), false);
                self.same("reaching", tree.access().principals(id, None, at).contains(&engineer), looks);
            }
            let open = |wanted: fn(&NaiveSupport) -> bool| -> Vec<SupportId> {
                let mut open: Vec<SupportId> = (naive.supports.iter())
                    .filter(|row| row.1 == id && naive.support(row.0, id, at).is_some_and(|state| wanted(&state)))
                    .map(|row| row.0)
                    .collect();
                open.sort();
                open
            };
            let active = open(|state| matches!(state, NaiveSupport::Given { .. }));
            let until = |id: &SupportId| naive.supports.iter().find(|row| row.0 == *id).map(|row| row.3);
            let ends = active.iter().filter_map(until).filter_map(|state| match state {
                NaiveSupport::Given { until, .. } => Some(until),
                _ => None,
            });
            let pending = open(|state| matches!(state, NaiveSupport::Asked { .. }));
            let expected = SupportStatus { active_until: ends.max(), active, pending };
            self.same("the status of support", tree.support_status(id, at), expected);
        }
        for engineer in (0..ENGINEERS).map(supporter) {
            let expected: Vec<OrganizationId> = places().filter(|id| naive.looks(engineer, *id, at)).collect();
            self.same("all they look at", tree.access().organizations(engineer, None, at), expected);
        }
    }
}

// spec: LIC-6
// spec: SET-5
// spec: LOC-2
// spec: POL-4
// spec: SUP-2
// spec: REC-2
// spec: AUD-4
#[test]
fn what_is_passed_down_is_what_a_naive_model_says() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(128);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let totals = std::cell::Cell::new([0_usize; 3]);
    let run = runner.run(&steps(), |steps| {
        let mut pair = Pair::new();
        pair.catch_up();
        for step in &steps {
            pair.step(step);
            pair.compare();
        }
        assert!(pair.world.replayed() == pair.world.tree);
        snapshots_lead_to(&pair.world.tree, &pair.world.log);
        let [taken, refused, answers] = totals.get();
        totals.set([taken + pair.taken, refused + pair.refused, answers + pair.answers]);
        Ok(())
    });
    let [taken, refused, answers] = totals.get();
    println!("{cases} histories: {taken} commands taken, {refused} refused, {answers} answers compared");
    run.unwrap();
    assert!(taken > refused / 2, "too much is refused to say anything");
}
