//! Cadres, organization management.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bailiwick::*;

use crate::harness::Aside::*;
use crate::harness::*;
use crate::support::*;

pub fn document() -> Document {
    Document { title: "Cadres: organization management", lines: lines() }
}

/// A provider with one customer.
fn customer() -> (World, OrganizationId) {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    (world, contoso)
}

fn engineer() -> PrincipalId {
    principal(900)
}

fn support(number: u128) -> SupportId {
    SupportId::from_u128(0x1400_0000 + number).unwrap()
}

fn workflow(number: u128) -> WorkflowId {
    WorkflowId::from_u128(0x1500_0000 + number).unwrap()
}

fn location(number: u128) -> LocationId {
    LocationId::from_u128(0x1600_0000 + number).unwrap()
}

fn agent(number: u128) -> AgentId {
    AgentId::from_u128(0x1700_0000 + number).unwrap()
}

fn hours(hours: i64) -> Period {
    Period::seconds(hours * 3_600).unwrap()
}

fn granting(number: u128, organization: OrganizationId, duration: Period) -> GrantSupport {
    GrantSupport { support: support(number), organization, engineer: engineer(), duration }
}

/// A support engineer asks for access.
fn request(world: &mut World, number: u128, organization: OrganizationId, duration: Option<Period>) {
    let reason = "A backup fails".parse().unwrap();
    let context = Context::operator(engineer(), world.at, world.key()).because(reason);
    world.run_in(&context, &RequestSupport { support: support(number), organization, duration }).unwrap();
}

fn looks(world: &World, place: OrganizationId) -> bool {
    world.may(engineer(), "backups.view", place)
}

fn level(world: &mut World, organization: OrganizationId, level: AutomationLevel) {
    let value = Some(SettingValue::Automation(level));
    let set = ChangeSetting { organization, key: SettingKey::Automation, value };
    world.run(ada(), organization, &set).unwrap();
}

const ACTIONS: [ActionKind; 6] = [
    ActionKind::SecurityPatch,
    ActionKind::CriticalPatch,
    ActionKind::OtherPatch,
    ActionKind::Runbook,
    ActionKind::DriftCorrection,
    ActionKind::AlertRemediation,
];

fn automatic(world: &World, organization: OrganizationId) -> Vec<ActionKind> {
    let approved = |action: &ActionKind| world.tree.approval(organization, action) == Approval::Automatic;
    ACTIONS.into_iter().filter(approved).collect()
}

/// Customers 2 to 5: Alpha and Beta in `eu`, Gamma in `us`, Delta deactivated.
fn customers() -> World {
    let mut world = World::new();
    for (number, called, region) in [(2, "Alpha", "eu"), (3, "Beta", "eu"), (4, "Gamma", "us"), (5, "Delta", "us")] {
        let customer = world.child(number, root(), called);
        let edit = EditOrganization {
            region: Edit::Set(region.parse().unwrap()),
            description: Edit::Set(format!("Sells to {called}ns").parse().unwrap()),
            ..EditOrganization::of(customer)
        };
        world.ada(&edit).unwrap();
    }
    let rest = DeactivateOrganization { organization: organization(5), with_descendants: false };
    world.ada(&rest).unwrap();
    world
}

fn names(world: &World, listing: &Listing) -> Vec<String> {
    let name = |id: OrganizationId| world.tree.organization(id).unwrap().name().to_string();
    listed(world, ada(), listing).into_iter().map(name).collect()
}

fn retain(organization: OrganizationId, retention: Option<Period>) -> GovernRecordings {
    GovernRecordings { organization, policy: RecordingPolicy { captures: BTreeSet::new(), retention } }
}

/// A tree with Bea in it, in every place where a name or an address is kept.
fn known() -> (World, OrganizationId, PrincipalId) {
    let (mut world, contoso) = customer();
    let bea = world.user(2, "Bea", &[contoso]);
    world.grant(bea, "backups.restore", contoso);
    let crew = world.team(1, contoso, "Crew", &["backups.view"]);
    world.join(bea, crew);
    let context = world.context(bea, contoso).because("Bea Smith asked for it".parse().unwrap());
    world
        .run_in(
            &context,
            &RevokePrivilege { organization: contoso, principal: bea, privilege: privilege("backups.restore") },
        )
        .unwrap();
    (world, contoso, bea)
}

fn erase(world: &mut World, person: PrincipalId) {
    world.operate(&ErasePerson { root: root(), principal: person, successors: BTreeMap::new() }).unwrap();
}

fn export(world: &World, of: PrincipalId) -> Export {
    world.tree.export(of, of, world.log.iter().map(|changes| &changes.recorded), world.at).unwrap()
}

fn lines() -> Vec<Line> {
    vec![
        aside("Boundaries, service ownership, and tenant structure", Summary),
        step("Organization design keeps technicians inside the right boundary", &["CLM-1", "CLM-7"], || {
            let (mut world, contoso) = customer();
            let woodgrove = world.child(3, root(), "Woodgrove");
            let technician = world.user(2, "Bea", &[contoso]);
            world.grant(technician, "backups.*", contoso);
            assert_eq!(world.tree.access().organizations(technician, None, world.at), [contoso]);
            assert!(!world.tree.access().reaches(technician, woodgrove, world.at));
        }),
        aside("This guide keeps the operating model", Summary),
        aside("The manual covers creating, managing, locations, support access", Summary),
        step("Each organization gets a unique secret for agent registration", &["SET-4"], || {
            let mut world = World::new();
            for number in [2, 3] {
                let secret = AgentSecret::from_entropy([u8::try_from(number).unwrap(); 32]);
                world.ada(&CreateOrganization { secret, ..create(number, root(), "Customer") }).unwrap();
            }
            let admits = |place, entropy| {
                world.tree.admits_agent(organization(place), &AgentSecret::from_entropy([entropy; 32]))
            };
            assert_eq!((admits(2, 2), admits(3, 3), admits(2, 3), admits(3, 2)), (true, true, false, false));
        }),
        step("Creation seeds a default location, default alerts, compliance data", &["SET-6", "LOC-1"], || {
            let (mut world, contoso) = customer();
            assert_eq!(
                world.tree.locations(contoso).map(|(id, _)| id).collect::<Vec<_>>(),
                [LocationId::default_of(contoso)]
            );
            let seeds: Vec<(Seed, SeedStatus)> =
                world.tree.seeds(contoso).map(|(seed, status)| (seed.clone(), status)).collect();
            assert_eq!(seeds, [(Seed::DefaultAlerts, SeedStatus::Asked), (Seed::ComplianceData, SeedStatus::Asked)]);
            let effects: Vec<Effect> = world.log.last().unwrap().recorded.effects().map(|(_, effect)| effect).collect();
            assert!(effects.contains(&Effect::Seed(contoso)), "{effects:?}");
            let failed = ReportSeed { organization: contoso, seed: Seed::DefaultAlerts, outcome: SeedOutcome::Failed };
            world.operate(&failed).unwrap();
            world.run(ada(), contoso, &AskSeedAgain { organization: contoso, seed: Seed::DefaultAlerts }).unwrap();
        }),
        step("The organization list is fully paginated by the server", &["LST-1", "LST-3"], || {
            let world = customers();
            let mut listing = Listing { limit: PageLimit::new(2).unwrap(), ..Listing::default() };
            let first = world.tree.list(ada(), &listing, world.at);
            listing.after = first.next.clone();
            let second = world.tree.list(ada(), &listing, world.at);
            assert_eq!((first.organizations.len(), second.organizations.len(), second.next), (2, 2, None));
        }),
        step("skip: offset for pagination, 0 by default", &["LST-1"], || {
            let world = customers();
            assert_eq!(Listing::default().skip, 0);
            assert_eq!(names(&world, &Listing { skip: 2, ..Listing::default() }), ["Fabrikam", "Gamma"]);
        }),
        step("limit: page size, 100 by default, 1000 at most", &["LST-1"], || {
            assert_eq!(Listing::default().limit, PageLimit::new(100).unwrap());
            assert!(PageLimit::new(1_000).is_ok() && PageLimit::new(1_001).is_err() && PageLimit::new(0).is_err());
        }),
        step("search: by name or description", &["LST-1"], || {
            let world = customers();
            let search = |text: &str| names(&world, &Listing { search: Some(text.to_owned()), ..Listing::default() });
            assert_eq!(search("BETA"), ["Beta"]);
            assert_eq!(search("sells to gamma"), ["Gamma"]);
        }),
        step("region: by exact region", &["LST-1"], || {
            let world = customers();
            let region =
                |text: &str| names(&world, &Listing { region: Some(text.parse().unwrap()), ..Listing::default() });
            assert_eq!(region("eu"), ["Alpha", "Beta"]);
            assert!(region("e").is_empty(), "exact");
        }),
        step("active_only: only active organizations, true by default", &["LST-1"], || {
            let world = customers();
            assert!(Listing::default().active_only);
            assert_eq!(names(&world, &Listing::default()), ["Alpha", "Beta", "Fabrikam", "Gamma"]);
            let all = Listing { active_only: false, ..Listing::default() };
            assert_eq!(names(&world, &all), ["Alpha", "Beta", "Delta", "Fabrikam", "Gamma"]);
        }),
        step("is_active: explicit filter, overrides active_only when set", &["LST-1"], || {
            let world = customers();
            let inactive = Listing { is_active: Some(false), active_only: true, ..Listing::default() };
            assert_eq!(names(&world, &inactive), ["Delta"]);
        }),
        step("include_stats: host online, offline, stale", &["LST-1"], || {
            let world = customers();
            let page = world.tree.list(ada(), &Listing::default(), world.at);
            let hosts = HostCounts { online: 3, offline: 1, stale: 1 };
            assert!(page.with_hosts(|_| hosts).all(|(_, counts)| counts == hosts));
        }),
        step("The response includes the total matching count", &["LST-1"], || {
            let world = customers();
            let listing = Listing { limit: PageLimit::new(1).unwrap(), ..Listing::default() };
            let page = world.tree.list(ada(), &listing, world.at);
            assert_eq!((page.organizations.len(), page.total), (1, 4));
        }),
        step("Regions: sorted, distinct, non-null, across accessible organizations", &["LST-2"], || {
            let mut world = customers();
            let regions = |viewer| world.tree.regions(viewer, world.at).into_iter().map(|region| region.to_string());
            assert!(regions(ada()).eq(["eu", "us"]));
            let bea = world.user(2, "Bea", &[organization(4)]);
            let seen: Vec<String> =
                world.tree.regions(bea, world.at).into_iter().map(|region| region.to_string()).collect();
            assert_eq!(seen, ["us"]);
        }),
        step("Updating organizations", &["HIE-8"], || {
            let (mut world, contoso) = customer();
            let edit = EditOrganization {
                name: Some(name("Contoso Ltd")),
                description: Edit::Set("Bakery".parse().unwrap()),
                ..EditOrganization::of(contoso)
            };
            world.run(ada(), contoso, &edit).unwrap();
            let found = world.tree.organization(contoso).unwrap();
            assert_eq!((found.name().as_str(), found.slug().as_str()), ("Contoso Ltd", "contoso"));
            assert_eq!(world.tree.description(contoso).unwrap().as_str(), "Bakery");
        }),
        step("Levels apply to patches, workflows, drift and alert remediation", &["SET-1"], || {
            let (mut world, contoso) = customer();
            for action in ACTIONS {
                assert_eq!(world.tree.approval(contoso, &action), Approval::Needed, "{action:?}");
            }
            level(&mut world, root(), AutomationLevel::FullyAutomatic);
            assert_eq!(automatic(&world, contoso), ACTIONS, "inherited");
        }),
        step("manual: all approvals required, no automatic actions", &["SET-1"], || {
            let (mut world, contoso) = customer();
            level(&mut world, contoso, AutomationLevel::Manual);
            assert_eq!(automatic(&world, contoso), []);
        }),
        step("semi_auto: security and critical patches; runbooks need approval", &["SET-1"], || {
            let (mut world, contoso) = customer();
            level(&mut world, contoso, AutomationLevel::SemiAutomatic);
            assert_eq!(automatic(&world, contoso), [ActionKind::SecurityPatch, ActionKind::CriticalPatch]);
            assert_eq!(world.tree.approval(contoso, &ActionKind::Runbook), Approval::Needed);
        }),
        step("full_auto: all auto-approve", &["SET-1"], || {
            let (mut world, contoso) = customer();
            level(&mut world, contoso, AutomationLevel::FullyAutomatic);
            assert_eq!(automatic(&world, contoso), ACTIONS);
        }),
        step("Kill switch", &["SET-2"], || {
            let (mut world, contoso) = customer();
            level(&mut world, contoso, AutomationLevel::FullyAutomatic);
            for place in [contoso, root()] {
                world.run(ada(), place, &SetKillSwitch { organization: place, on: true }).unwrap();
                assert_eq!(world.tree.approval(contoso, &ActionKind::SecurityPatch), Approval::Stopped(place));
                world.run(ada(), place, &SetKillSwitch { organization: place, on: false }).unwrap();
            }
            assert_eq!(automatic(&world, contoso), ACTIONS);
        }),
        step("Hard delete requires organizations.hard_delete", &["DEL-3"], || {
            let (mut world, contoso) = customer();
            let bea = world.user(2, "Bea", &[contoso]);
            world.run(ada(), contoso, &giving(bea, Privilege::OWNER, contoso)).unwrap();
            let refusal = world.run(principal(77), root(), &deleting(&world, contoso, DeletionMode::Hard)).unwrap_err();
            assert_eq!(refusal.code(), "not_found");
            let needed: Vec<Demand> =
                Operation::HardDeleteOrganization.requirement().iter().copied().flatten().copied().collect();
            let claim = Authority::Claim("organizations.hard_delete");
            assert!(needed.contains(&Demand { authority: claim, place: Place::Organization }), "{needed:?}");
            let member = world.user(3, "Cleo", &[contoso]);
            world.run(ada(), contoso, &giving(member, privilege("organizations.hard_delete"), contoso)).unwrap();
            let alone = world.run(member, root(), &deleting(&world, contoso, DeletionMode::Hard));
            assert_eq!(code(alone), "forbidden", "in addition to owning it");
            world.run(bea, root(), &deleting(&world, contoso, DeletionMode::Hard)).unwrap();
        }),
        step("Otherwise the organization is soft-deleted (deactivated)", &["DEL-3", "DEL-5"], || {
            let (mut world, contoso) = customer();
            assert_eq!(DeletionMode::default(), DeletionMode::Soft);
            world.ada(&deleting(&world, contoso, DeletionMode::default())).unwrap();
            assert!(world.tree.organization(contoso).is_some() && !world.tree.is_active(contoso));
            world.ada(&ReactivateOrganization { organization: contoso }).unwrap();
            assert!(world.tree.is_active(contoso), "and comes back as it was");
        }),
        step("Hard delete permanently removes it and all associated data", &["DEL-4", "HIE-7"], || {
            let (mut world, contoso) = customer();
            world.user(2, "Bea", &[contoso]);
            let crew = world.team(1, contoso, "Crew", &["backups.view"]);
            world
                .run(
                    ada(),
                    contoso,
                    &CreateProject { organization: contoso, project: project(1), name: name("Project") },
                )
                .unwrap();
            world.ada(&deleting(&world, contoso, DeletionMode::Hard)).unwrap();
            assert!(world.tree.organization(contoso).is_none() && world.tree.group(crew).is_none());
            assert_eq!((world.tree.members(contoso).count(), world.tree.projects(contoso).count()), (0, 0));
            assert_eq!(code(world.ada(&create(2, root(), "Again"))), "id.already_used", "for good");
        }),
        step("With hosts it cannot be hard-deleted: they are removed first", &["DEL-2", "DEL-3"], || {
            let (mut world, contoso) = customer();
            let evidence = Evidence::none(world.at).with(BlockerKind::Hosts, 4);
            let delete = DeleteOrganization { organization: contoso, evidence, mode: DeletionMode::Hard };
            let blockers = vec![Blocker { kind: BlockerKind::Hosts, count: 4 }];
            assert_eq!(world.ada(&delete).unwrap_err().into_rule(), Some(DeletionError::Blocked { blockers }));
            world.ada(&deleting(&world, contoso, DeletionMode::Hard)).unwrap();
        }),
        step("Locations are physical or logical groupings within an organization", &["LOC-1"], || {
            let (mut world, contoso) = customer();
            for (number, kind) in [(1, LocationKind::Physical), (2, LocationKind::Logical)] {
                let define = DefineLocation {
                    organization: contoso,
                    id: location(number),
                    location: Location { name: name("Place"), kind, subnets: BTreeSet::new() },
                };
                world.run(ada(), contoso, &define).unwrap();
            }
            assert_eq!(world.tree.locations(contoso).count(), 3);
            assert_eq!(world.tree.locations(root()).count(), 1, "within that organization");
        }),
        step("Create a location with a subnet", &["LOC-1"], || {
            let (mut world, contoso) = customer();
            world.run(ada(), contoso, &at_subnets(contoso, 1, &["192.0.2.0/24", "2001:db8::/32"])).unwrap();
            assert!("192.0.2.0/33".parse::<Subnet>().is_err());
            assert_eq!(
                code(world.run(ada(), contoso, &at_subnets(contoso, 2, &["192.0.2.0/24"]))),
                "location.subnet_taken"
            );
        }),
        step("The subnet assigns agents to locations by their IP address", &["LOC-2", "LOC-4"], || {
            let (mut world, contoso) = customer();
            world.run(ada(), contoso, &at_subnets(contoso, 1, &["10.0.0.0/8"])).unwrap();
            world.run(ada(), contoso, &at_subnets(contoso, 2, &["10.1.0.0/16"])).unwrap();
            let at = |world: &World, address: &str| {
                world.tree.locate(contoso, agent(1), address.parse::<IpAddr>().unwrap()).unwrap()
            };
            assert_eq!((at(&world, "10.2.3.4"), at(&world, "10.1.3.4")), (location(1), location(2)));
            assert_eq!(at(&world, "192.0.2.1"), LocationId::default_of(contoso));
            let pin = PinAgent { organization: contoso, agent: agent(1), location: Some(location(1)) };
            world.run(ada(), contoso, &pin).unwrap();
            assert_eq!(at(&world, "192.0.2.1"), location(1));
        }),
        step("Enabling creates a time-bound view-only grant for support", &["SUP-1"], || {
            let (mut world, contoso) = customer();
            let end = world.run(ada(), contoso, &granting(1, contoso, hours(4))).unwrap();
            assert_eq!(end, world.at + chrono::TimeDelta::hours(4));
            assert!(looks(&world, contoso) && !world.may(engineer(), "backups.restore", contoso), "view-only");
            assert!(!looks(&world, root()));
            world.at = end;
            assert!(!looks(&world, contoso), "time-bound");
        }),
        step("The status says whether access is active and when it expires", &["SUP-2"], || {
            let (mut world, contoso) = customer();
            assert_eq!(world.tree.support_status(contoso, world.at).active_until, None);
            let end = world.run(ada(), contoso, &granting(1, contoso, hours(4))).unwrap();
            let status = world.tree.support_status(contoso, world.at);
            assert_eq!((status.active_until, status.active), (Some(end), vec![support(1)]));
            assert_eq!(world.tree.support_status(contoso, end).active_until, None);
        }),
        step("Normal disable", &["SUP-2"], || {
            let (mut world, contoso) = customer();
            world.run(ada(), contoso, &granting(1, contoso, hours(4))).unwrap();
            world.run(ada(), contoso, &granting(2, contoso, hours(5))).unwrap();
            world.run(ada(), contoso, &EndSupport { organization: contoso, support: support(1) }).unwrap();
            assert_eq!(world.tree.support_status(contoso, world.at).active, [support(2)]);
        }),
        step("Emergency disable deactivates all support access immediately", &["SUP-2", "SUP-5"], || {
            let (mut world, contoso) = customer();
            world.run(ada(), contoso, &granting(1, contoso, hours(4))).unwrap();
            world.run(ada(), contoso, &granting(2, contoso, hours(5))).unwrap();
            request(&mut world, 3, contoso, None);
            let ended = world.run(ada(), contoso, &StopAllSupport { organization: contoso }).unwrap();
            assert_eq!(ended, [support(1), support(2), support(3)]);
            assert_eq!(world.tree.support_status(contoso, world.at), SupportStatus::default());
            assert!(!looks(&world, contoso));
            let late = ApproveSupport { organization: contoso, support: support(3) };
            assert_eq!(code(world.run(ada(), contoso, &late)), "support.over", "an older request is dead");
        }),
        step("When a support engineer requests access: list pending requests", &["SUP-3"], || {
            let (mut world, contoso) = customer();
            request(&mut world, 1, contoso, None);
            assert_eq!(world.tree.support_status(contoso, world.at).pending, [support(1)]);
            assert!(!looks(&world, contoso), "asking gives nothing");
            world.pass(days(7));
            assert!(world.tree.support_status(contoso, world.at).pending.is_empty(), "requests lapse");
        }),
        step("Approve or deny", &["SUP-3", "SUP-5"], || {
            let (mut world, contoso) = customer();
            request(&mut world, 1, contoso, None);
            request(&mut world, 2, contoso, None);
            world.run(ada(), contoso, &ApproveSupport { organization: contoso, support: support(1) }).unwrap();
            world.run(ada(), contoso, &DenySupport { organization: contoso, support: support(2) }).unwrap();
            let status = world.tree.support_status(contoso, world.at);
            assert_eq!((status.active, status.pending), (vec![support(1)], vec![]));
            request(&mut world, 3, contoso, None);
            let own = ApproveSupport { organization: contoso, support: support(3) };
            assert_eq!(code(world.run(engineer(), contoso, &own)), "forbidden", "never one's own");
        }),
        step("On approval, view-only for the requested time, 24 hours by default", &["SUP-3"], || {
            let (mut world, contoso) = customer();
            request(&mut world, 1, contoso, None);
            request(&mut world, 2, contoso, Some(hours(2)));
            world.pass(days(1));
            for (number, hours) in [(1, 24), (2, 2)] {
                let approve = ApproveSupport { organization: contoso, support: support(number) };
                let end = world.run(ada(), contoso, &approve).unwrap();
                assert_eq!(end, world.at + chrono::TimeDelta::hours(hours), "counted from the approval");
            }
            assert!(looks(&world, contoso) && !world.may(engineer(), "backups.restore", contoso));
        }),
        step("All support access changes are logged", &["SUP-4", "AUD-1"], || {
            let (mut world, contoso) = customer();
            request(&mut world, 1, contoso, None);
            world.run(ada(), contoso, &ApproveSupport { organization: contoso, support: support(1) }).unwrap();
            world.run(ada(), contoso, &EndSupport { organization: contoso, support: support(1) }).unwrap();
            let filter = AuditFilter { noun: Some("support".to_owned()), ..AuditFilter::default() };
            let logged: Vec<Actor> = world
                .log
                .iter()
                .map(|changes| &changes.recorded)
                .filter(|commit| filter.admits(commit))
                .map(|commit| commit.actor)
                .collect();
            assert_eq!(logged, [Actor::Operator(engineer()), Actor::Principal(ada()), Actor::Principal(ada())]);
        }),
        step("Organizations can bind an auto-launch workflow for major incidents", &["SET-3"], || {
            let (mut world, contoso) = customer();
            bind(&mut world, contoso, 1);
            assert_eq!(world.tree.incident_workflow(contoso, IncidentPriority::P1, 3), Some(workflow(1)));
        }),
        step("Configurable both via API and through the edit modal", &["SET-3"], || {
            let (mut world, contoso) = customer();
            bind(&mut world, contoso, 1);
            bind(&mut world, contoso, 2);
            assert_eq!(world.tree.incident_workflow(contoso, IncidentPriority::P1, 3), Some(workflow(2)));
        }),
        aside("Open the edit modal and select from the dropdown", Interface),
        step("Only active workflow definitions of the organization are offered", &["SET-3"], || {
            let (mut world, contoso) = customer();
            let define = DefineWorkflow { organization: contoso, workflow: workflow(1), active: false };
            world.run(ada(), contoso, &define).unwrap();
            let elsewhere = DefineWorkflow { organization: root(), workflow: workflow(2), active: true };
            world.ada(&elsewhere).unwrap();
            for number in [1, 2] {
                let bind = BindIncidentWorkflow { organization: contoso, workflow: Some(workflow(number)) };
                assert_eq!(code(world.run(ada(), contoso, &bind)), "automation.not_active");
            }
        }),
        step("Select none to clear the binding", &["SET-3"], || {
            let (mut world, contoso) = customer();
            bind(&mut world, contoso, 1);
            world.run(ada(), contoso, &BindIncidentWorkflow { organization: contoso, workflow: None }).unwrap();
            assert_eq!(world.tree.incident_workflow(contoso, IncidentPriority::P1, 3), None);
        }),
        step("P1 incidents with 3 or more affected hosts launch the workflow", &["SET-3"], || {
            let (mut world, contoso) = customer();
            bind(&mut world, contoso, 1);
            let launched = |priority, hosts| world.tree.incident_workflow(contoso, priority, hosts).is_some();
            assert!(launched(IncidentPriority::P1, 3) && launched(IncidentPriority::P1, u64::MAX));
            assert!(!launched(IncidentPriority::P1, 2) && !launched(IncidentPriority::P2, 300));
        }),
        step("Binding requires organizations.edit", &["SET-3"], || {
            let (mut world, contoso) = customer();
            let bea = world.user(2, "Bea", &[contoso]);
            let clear = BindIncidentWorkflow { organization: contoso, workflow: None };
            assert_eq!(code(world.run(bea, contoso, &clear)), "forbidden");
            world.grant(bea, "organizations.edit", contoso);
            world.run(bea, contoso, &clear).unwrap();
        }),
        step("Each organization has a secret used for agent registration", &["SET-4"], || {
            let (world, contoso) = customer();
            for place in [root(), contoso] {
                assert!(world.tree.admits_agent(place, &secret()));
                assert!(!world.tree.admits_agent(place, &AgentSecret::from_entropy([1; 32])));
            }
        }),
        step("Viewing and regenerating secrets require organizations.edit", &["SET-4"], || {
            let (mut world, contoso) = customer();
            let bea = world.user(2, "Bea", &[contoso]);
            let regenerate = regenerating(contoso);
            assert!(world.tree.agent_secret(bea, contoso, world.at).is_err());
            assert_eq!(code(world.run(bea, contoso, &regenerate)), "forbidden");
            world.grant(bea, "organizations.edit", contoso);
            assert!(world.tree.agent_secret(bea, contoso, world.at).is_ok());
            world.run(bea, contoso, &regenerate).unwrap();
        }),
        step("The view button is disabled for users without this permission", &["SET-4", "CLM-8"], || {
            let (mut world, contoso) = customer();
            let bea = world.user(2, "Bea", &[contoso]);
            let button = |principal| Question { principal, organization: contoso, claim: claim("organizations.edit") };
            let enabled = world.tree.access().check_all(&[button(ada()), button(bea)], world.at);
            assert_eq!(enabled, [true, false]);
        }),
        step("View secret", &["SET-4"], || {
            let (world, contoso) = customer();
            let seen = world.tree.agent_secret(ada(), contoso, world.at).unwrap().unwrap();
            assert_eq!(seen.reveal(), secret().reveal());
            assert!(!format!("{seen:?}").contains(&secret().reveal()));
        }),
        step("Regenerating invalidates existing agent connections", &["SET-4"], || {
            let (mut world, contoso) = customer();
            world.run(ada(), contoso, &regenerating(contoso)).unwrap();
            assert!(!world.tree.admits_agent(contoso, &secret()));
            assert!(world.tree.admits_agent(contoso, &AgentSecret::from_entropy([1; 32])));
        }),
        step("Regenerating requires reconfiguring all registered agents", &["SET-4"], || {
            let (mut world, contoso) = customer();
            world.run(ada(), contoso, &regenerating(contoso)).unwrap();
            let effects: Vec<Effect> = world.log.last().unwrap().recorded.effects().map(|(_, effect)| effect).collect();
            assert_eq!(effects, [Effect::RegisterAgentsAgain(contoso)]);
        }),
        step("Control what session data is captured per organization", &["REC-1"], || {
            let (mut world, contoso) = customer();
            let captures = BTreeSet::from([Capture::Screen, Capture::Terminal]);
            let policy = RecordingPolicy { captures: captures.clone(), retention: None };
            world.run(ada(), contoso, &GovernRecordings { organization: contoso, policy }).unwrap();
            assert_eq!(world.tree.recording_policy(contoso).unwrap().captures, captures);
            assert!(world.tree.recording_policy(root()).unwrap().captures.is_empty());
        }),
        step("Override the account-level retention period per organization", &["REC-1"], || {
            let (mut world, contoso) = customer();
            world.ada(&retain(root(), Some(hours(24 * 30)))).unwrap();
            world.run(ada(), contoso, &retain(contoso, Some(hours(24 * 7)))).unwrap();
            assert_eq!(world.tree.retention(contoso), hours(24 * 7));
        }),
        step("Null inherits the account default, which defaults to 90 days", &["REC-1"], || {
            let (mut world, contoso) = customer();
            assert_eq!(world.tree.retention(contoso), hours(24 * 90));
            world.ada(&retain(root(), Some(hours(24 * 30)))).unwrap();
            world.run(ada(), contoso, &retain(contoso, None)).unwrap();
            assert_eq!(world.tree.retention(contoso), hours(24 * 30));
        }),
        step("Legal hold prevents all recording deletion for an organization", &["REC-2"], || {
            let (mut world, contoso) = customer();
            let (made, by) = (world.at, RecordingDeleter::Principal(ada()));
            assert_eq!(world.tree.may_delete_recording(contoso, made, by, world.at), Ok(()));
            world.run(ada(), contoso, &SetLegalHold { organization: contoso, hold: true }).unwrap();
            assert_eq!(world.tree.may_delete_recording(contoso, made, by, world.at), Err(RecordingKept::LegalHold));
            assert_eq!(world.tree.may_delete_recording(root(), made, by, world.at), Ok(()), "for that organization");
        }),
        step("Neither user action nor the retention clean-up can delete them", &["REC-2"], || {
            let (mut world, contoso) = customer();
            let made = world.at;
            world.pass(days(1_000));
            let may = |world: &World, by| world.tree.may_delete_recording(contoso, made, by, world.at);
            for by in [RecordingDeleter::Principal(ada()), RecordingDeleter::Retention] {
                assert_eq!(may(&world, by), Ok(()));
            }
            world.run(ada(), contoso, &SetLegalHold { organization: contoso, hold: true }).unwrap();
            for by in [RecordingDeleter::Principal(ada()), RecordingDeleter::Retention] {
                assert_eq!(may(&world, by), Err(RecordingKept::LegalHold));
            }
        }),
        step("Anonymize all personal data and deactivate an account", &["GDP-1"], || {
            let (mut world, contoso, bea) = known();
            erase(&mut world, bea);
            assert_eq!((world.tree.person(bea), world.tree.label(bea)), (None, ERASED));
            assert_eq!(world.tree.access().organizations(bea, None, world.at), []);
            assert!(world.tree.member(contoso, bea).is_none());
        }),
        step("This is irreversible", &["GDP-1", "HIE-7"], || {
            let (mut world, _, bea) = known();
            erase(&mut world, bea);
            let person = Some(Person::named(name("Bea")));
            let again = AddMember { organization: root(), principal: bea, person };
            assert_ne!(code(world.ada(&again)), "done");
            let version = world.tree.version();
            erase(&mut world, bea);
            assert!(world.tree.version() > version && world.tree.person(bea).is_none(), "twice is once");
        }),
        step("Names and addresses become placeholders; password hashes go", &["GDP-1", "GDP-3"], || {
            let (mut world, _, bea) = known();
            erase(&mut world, bea);
            let stored = world.replayed();
            assert_eq!((stored.label(bea), stored.label(ada())), (ERASED, "Ada"));
            for changes in &world.log {
                let text = serde_json::to_string(&changes.recorded).unwrap().to_lowercase();
                assert!(!text.contains("bea smith") && !text.contains("bea@people.example"), "{text}");
                assert!(!text.contains("password"), "none is ever kept");
            }
        }),
        step("Export covers the last 90 days, at most 10,000 records a section", &["GDP-2"], || {
            let (mut world, _, bea) = known();
            let begun = export(&world, bea);
            assert_eq!(begun.since, world.at - days(90));
            assert!(!begun.activity.records.is_empty() && !begun.activity.cut);
            world.pass(days(91));
            assert!(export(&world, bea).activity.records.is_empty());
            assert_eq!(Rules::provider().export_cap, 10_000);
            let mut small = World::with(Rules { export_cap: 1, ..Rules::provider() });
            let places: Vec<_> = (2..4).map(|number| small.child(number, root(), "Customer")).collect();
            let bea = small.user(2, "Bea", &places);
            let memberships = export(&small, bea).memberships;
            assert_eq!((memberships.records.len(), memberships.total, memberships.cut), (1, 3, true));
        }),
        step("Excludes passwords, secrets, and encrypted credentials", &["GDP-2"], || {
            let (mut world, contoso) = customer();
            let crew = world.team(1, contoso, "Crew", &["backups.view"]);
            let bea = world.user(2, "Bea", &[contoso]);
            world.run(ada(), contoso, &inviting(1, contoso, crew, "bea@people.example", GroupRole::Member)).unwrap();
            let text = serde_json::to_string(&export(&world, bea)).unwrap();
            assert!(text.contains("bea@people.example"));
            for hidden in [secret().reveal(), token(1).reveal()] {
                assert!(!text.contains(&hidden));
            }
            assert!(!text.contains("token") && !text.contains("secret"));
        }),
        aside("Cross-references", Reference),
    ]
}

fn at_subnets(organization: OrganizationId, number: u128, subnets: &[&str]) -> DefineLocation {
    let subnets = subnets.iter().map(|subnet| subnet.parse().unwrap()).collect();
    let location = Location { name: name("Office"), kind: LocationKind::Physical, subnets };
    DefineLocation { organization, id: self::location(number), location }
}

fn bind(world: &mut World, organization: OrganizationId, number: u128) {
    let workflow = workflow(number);
    world.run(ada(), organization, &DefineWorkflow { organization, workflow, active: true }).unwrap();
    world.run(ada(), organization, &BindIncidentWorkflow { organization, workflow: Some(workflow) }).unwrap();
}

fn regenerating(organization: OrganizationId) -> RegenerateSecret {
    RegenerateSecret { organization, secret: AgentSecret::from_entropy([1; 32]) }
}
