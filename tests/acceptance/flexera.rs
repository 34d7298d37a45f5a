//! Flexera, managing child organizations.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick::*;

use crate::harness::Aside::*;
use crate::harness::*;
use crate::support::*;

pub fn document() -> Document {
    Document { title: "Flexera: managing child organizations", lines: lines() }
}

fn capability(name: &str) -> CapabilityName {
    name.parse().unwrap()
}

fn assigning(organization: OrganizationId, name: &str, until: Option<Timestamp>) -> AssignCapability {
    AssignCapability { organization, capability: capability(name), until }
}

/// Where an organization needs the capability `msp` to have children of its own.
fn provider() -> World {
    let rules = Rules::custom().managing_capability(Some(capability("msp"))).build().unwrap();
    let mut world = World::with(rules);
    world.operate(&assigning(root(), "msp", None)).unwrap();
    world
}

fn tags(names: &[&str]) -> BTreeSet<Tag> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn tag(world: &mut World, organization: OrganizationId, names: &[&str]) {
    let edit = EditOrganization { tags: Some(tags(names)), ..EditOrganization::of(organization) };
    world.run(ada(), organization, &edit).unwrap();
}

/// The policy *Patching* of the root, for its children tagged `retail`.
fn patching(days: i64) -> DefinePolicy {
    let settings = PolicySettings::from([("days".parse().unwrap(), SettingValue::Number(days))]);
    let selector = Selector { all_of: tags(&["retail"]), ..Selector::default() };
    let definition = PolicyDefinition { name: name("Patching"), settings, selector };
    DefinePolicy { organization: root(), policy: policy(), definition }
}

fn policy() -> PolicyId {
    PolicyId::from_u128(0x1200_0001).unwrap()
}

fn reporting(world: &World, organization: OrganizationId, status: PolicyStatus) -> ReportPolicyStatus {
    let version = world.tree.policies(root()).next().unwrap().version();
    ReportPolicyStatus { policy: policy(), organization, version, status }
}

fn lines() -> Vec<Line> {
    vec![
        aside("Skip to main content", Reference),
        step("An MSP can create its own customer organizations (tenants)", &["HIE-3"], || {
            let mut world = provider();
            world.ada(&create(2, root(), "Contoso")).unwrap();
            assert!(world.owns(ada(), organization(2)));
        }),
        step("Parent with MSP features, children with customer capabilities", &["HIE-1", "LIC-5", "LIC-7"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            world.operate(&assigning(root(), "reporting", None)).unwrap();
            world.ada(&assigning(contoso, "reporting", None)).unwrap();
            assert!(world.tree.is_capable(root(), &capability("msp"), world.at));
            assert!(!world.tree.is_capable(contoso, &capability("msp"), world.at));
            assert!(world.tree.is_capable(contoso, &capability("reporting"), world.at));
        }),
        step("The parent can manage child organizations through UI or API", &["CLM-3"], || {
            let mut world = provider();
            let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
            world.ada(&giving(bea, Privilege::Role(RoleRef::ManageMspCustomers), root())).unwrap();
            let rename = EditOrganization { name: Some(name("Contoso Ltd")), ..EditOrganization::of(contoso) };
            world.run(bea, root(), &rename).unwrap();
            assert_eq!(world.tree.organization(contoso).unwrap().name().as_str(), "Contoso Ltd");
        }),
        step("Children may have their own respective child organizations", &["HIE-2", "LIC-7"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            let theirs = create(3, contoso, "Contoso's customer");
            assert_eq!(code(world.run(ada(), contoso, &theirs)), "organization.not_capable");
            world.ada(&assigning(contoso, "msp", None)).unwrap();
            world.run(ada(), contoso, &theirs).unwrap();
        }),
        aside("Consider the following", Reference),
        step("Parent: owned by an MSP, enabling it to manage its children", &["CLM-3", "CLM-1"], || {
            let mut world = provider();
            let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
            world.ada(&giving(bea, Privilege::Role(RoleRef::ManageMspCustomers), root())).unwrap();
            world.operate(&assigning(root(), "reporting", None)).unwrap();
            world.run(bea, root(), &assigning(contoso, "reporting", None)).unwrap();
            let deactivate = DeactivateOrganization { organization: contoso, with_descendants: false };
            world.run(bea, root(), &deactivate).unwrap();
            assert!(!world.owns(bea, contoso), "without being an owner of it");
        }),
        step("Child: a customer's system that is managed by the MSP", &["CLM-3"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            let bea = world.user(2, "Bea", &[contoso]);
            world.run(ada(), contoso, &giving(bea, Privilege::OWNER, contoso)).unwrap();
            let rename = EditOrganization { name: Some(name("Mine")), ..EditOrganization::of(root()) };
            assert_eq!(code(world.run(bea, contoso, &rename)), "forbidden", "and does not manage it");
        }),
        step("A child can also be a parent for its own customers", &["HIE-2", "LIC-7"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            world.ada(&assigning(contoso, "msp", None)).unwrap();
            let theirs = world.child(3, contoso, "Contoso's customer");
            assert_eq!(world.tree.organization(theirs).unwrap().parent(), Some(contoso));
        }),
        aside("This section includes the following topics", Reference),
        step("Child organizations require at least one owner", &["CLM-5"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            assert_eq!(world.tree.acting_owners(contoso, world.at).collect::<Vec<_>>(), [ada()]);
            let revoke = RevokePrivilege { organization: contoso, principal: ada(), privilege: Privilege::OWNER };
            assert_eq!(code(world.run(ada(), contoso, &revoke)), "owner.last");
            let leave = RemoveMember { organization: contoso, principal: ada() };
            assert_eq!(code(world.run(ada(), contoso, &leave)), "owner.last");
        }),
        step("An owner is a user there who manages all aspects of it", &["CLM-3", "CLM-5"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            let bea = world.user(2, "Bea", &[contoso]);
            world.run(ada(), contoso, &giving(bea, Privilege::OWNER, contoso)).unwrap();
            for declaration in world.tree.catalog().declarations().filter(|declared| declared.requires.is_none()) {
                assert!(world.may(bea, declaration.name.as_str(), contoso), "{}", declaration.name);
            }
            let robot = CreateMachineIdentity {
                organization: contoso,
                identity: principal(50),
                person: Person::named(name("Robot")),
            };
            world.run(bea, contoso, &robot).unwrap();
            let owner = giving(principal(50), Privilege::OWNER, contoso);
            world.run(bea, contoso, &owner).unwrap();
            assert!(!world.tree.acting_owners(contoso, world.at).any(|owner| owner == principal(50)), "a user");
        }),
        step("Add new users, to give them a way to sign in", &["MEM-1"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            let person = Person::named(name("Bea")).reachable_at(address("bea@contoso.example"));
            world.ada(&AddMember { organization: root(), principal: principal(2), person: Some(person) }).unwrap();
            assert_eq!(world.tree.principal(principal(2)), Some(Principal::User));
            assert!(world.tree.member(contoso, principal(2)).is_none(), "known at the root; nothing below");
        }),
        step("Grant administrators the Manage organization role", &["CLM-3", "CLM-4"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            let bea = world.user(2, "Bea", &[contoso]);
            world.run(ada(), contoso, &giving(bea, Privilege::Role(RoleRef::ManageOrganization), contoso)).unwrap();
            assert!(world.may(bea, "members.manage", contoso));
        }),
        step("It gives full admin access to all available capabilities", &["CLM-3", "LIC-8"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            let bea = world.user(2, "Bea", &[contoso]);
            world.run(ada(), contoso, &giving(bea, Privilege::Role(RoleRef::ManageOrganization), contoso)).unwrap();
            assert!(!world.may(bea, "reports.view", contoso), "not available");
            let explanation = world.tree.access().explain(bea, contoso, &claim("reports.view"), world.at);
            let capability = capability("reporting");
            let missing = DenialReason::MissingCapability { capability, organization: root() };
            assert!(explanation.reasons.contains(&missing), "{explanation}");
            world.operate(&assigning(root(), "reporting", None)).unwrap();
            world.ada(&assigning(contoso, "reporting", None)).unwrap();
            assert!(world.may(bea, "reports.view", contoso), "available");
        }),
        step("Manage organization: organization-level super admin role", &["CLM-3"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            let bea = world.user(2, "Bea", &[contoso]);
            world.run(ada(), contoso, &giving(bea, Privilege::Role(RoleRef::ManageOrganization), contoso)).unwrap();
            assert!(!world.tree.access().reaches(bea, root(), world.at), "of that organization");
        }),
        step("This role has all possible permissions within the organization", &["CLM-3"], || {
            let mut world = provider();
            world.operate(&assigning(root(), "reporting", None)).unwrap();
            let bea = world.user(2, "Bea", &[]);
            world.ada(&giving(bea, Privilege::Role(RoleRef::ManageOrganization), root())).unwrap();
            for declaration in world.tree.catalog().declarations() {
                assert!(world.may(bea, declaration.name.as_str(), root()), "{}", declaration.name);
            }
            assert!(!world.owns(bea, root()), "all claims, and not ownership");
        }),
        step("Managing children takes Manage MSP Customer or Manage organization", &["CLM-3", "CLM-12"], || {
            let mut world = provider();
            let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
            let rename = EditOrganization { name: Some(name("Other")), ..EditOrganization::of(contoso) };
            assert_ne!(code(world.run(bea, root(), &rename)), "done");
            for role in [RoleRef::ManageMspCustomers, RoleRef::ManageOrganization] {
                let mut world = world.clone();
                world.ada(&giving(bea, Privilege::Role(role), root())).unwrap();
                assert_eq!(code(world.run(bea, root(), &rename)), "done", "{role}");
            }
        }),
        step("You can assign only the capabilities available to you", &["LIC-5"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            let assign = assigning(contoso, "reporting", None);
            assert_eq!(code(world.ada(&assign)), "capability.not_at_parent");
            world.operate(&assigning(root(), "reporting", None)).unwrap();
            world.ada(&assign).unwrap();
            assert!(world.tree.is_capable(contoso, &capability("reporting"), world.at));
        }),
        step("Capabilities that are unavailable come from the service's operator", &["LIC-5"], || {
            let mut world = provider();
            let assign = assigning(root(), "reporting", None);
            assert_ne!(code(world.ada(&assign)), "done", "no root assigns to itself");
            world.operate(&assign).unwrap();
            assert!(world.tree.is_capable(root(), &capability("reporting"), world.at));
        }),
        step("The MSP capability enables children to manage their own children", &["LIC-7"], || {
            let mut world = provider();
            let (contoso, woodgrove) = (world.child(2, root(), "Contoso"), world.child(3, root(), "Woodgrove"));
            world.ada(&assigning(contoso, "msp", None)).unwrap();
            assert_eq!(code(world.run(ada(), contoso, &create(4, contoso, "Berlin"))), "done");
            assert_eq!(code(world.run(ada(), woodgrove, &create(5, woodgrove, "Paris"))), "organization.not_capable");
        }),
        step("Only a parent not managed by another parent can assign it", &["LIC-7"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            world.ada(&assigning(contoso, "msp", None)).unwrap();
            let berlin = world.child(3, contoso, "Berlin");
            let refused = world.run(ada(), contoso, &assigning(berlin, "msp", None));
            assert_eq!(code(refused), "capability.managed_themselves");
        }),
        step("On expiry, neither you nor any child has them any longer", &["LIC-6", "LIC-8"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            let end = world.at + days(30);
            world.operate(&assigning(root(), "reporting", Some(end))).unwrap();
            world.ada(&assigning(contoso, "reporting", None)).unwrap();
            world.pass(days(30) - chrono::TimeDelta::nanoseconds(1));
            assert!(world.may(ada(), "reports.view", root()) && world.may(ada(), "reports.view", contoso));
            world.at = end;
            assert!(!world.may(ada(), "reports.view", root()) && !world.may(ada(), "reports.view", contoso));
        }),
        step("Renew in time, so that children retain what you assigned", &["LIC-6", "AUD-4"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            let end = world.at + days(30);
            world.operate(&assigning(root(), "reporting", Some(end))).unwrap();
            world.ada(&assigning(contoso, "reporting", None)).unwrap();
            let due = world.tree.endings(world.at, end + days(1));
            assert!(
                due.iter().any(|ending| ending.at == end && ending.what == Timed::Capability(capability("reporting")))
            );
            world.operate(&assigning(root(), "reporting", Some(end + days(365)))).unwrap();
            world.at = end;
            assert!(world.may(ada(), "reports.view", contoso), "renewed in time");
            world.at = end + days(366);
            assert!(!world.may(ada(), "reports.view", contoso));
            world.operate(&assigning(root(), "reporting", None)).unwrap();
            assert!(world.may(ada(), "reports.view", contoso), "and late, with nothing to be redone below");
        }),
        aside("More information on the capabilities required by MSPs", Reference),
        step("Groups let you assign automation policies to multiple children", &["POL-1", "POL-2"], || {
            let mut world = provider();
            let (contoso, woodgrove) = (world.child(2, root(), "Contoso"), world.child(3, root(), "Woodgrove"));
            tag(&mut world, contoso, &["retail"]);
            tag(&mut world, woodgrove, &["retail", "gold"]);
            let chosen = world.ada(&patching(7)).unwrap();
            assert_eq!(chosen, [contoso, woodgrove]);
        }),
        step("Tags group the organizations that a policy is applied to", &["POL-1"], || {
            let mut world = provider();
            let (contoso, woodgrove) = (world.child(2, root(), "Contoso"), world.child(3, root(), "Woodgrove"));
            tag(&mut world, contoso, &["retail", "gold"]);
            tag(&mut world, woodgrove, &["retail", "pilot"]);
            let select = |selector: Selector| world.tree.select(root(), &selector).collect::<Vec<_>>();
            assert_eq!(select(Selector { all_of: tags(&["retail", "gold"]), ..Selector::default() }), [contoso]);
            assert_eq!(
                select(Selector { any_of: tags(&["gold", "pilot"]), ..Selector::default() }),
                [contoso, woodgrove]
            );
            assert_eq!(select(Selector { none_of: tags(&["pilot"]), ..Selector::default() }), [contoso]);
        }),
        step("Consistent enforcement and compliance across children", &["POL-4"], || {
            let mut world = provider();
            let contoso = world.child(2, root(), "Contoso");
            world.ada(&patching(7)).unwrap();
            assert!(world.tree.effective_policies(contoso).is_empty());
            tag(&mut world, contoso, &["retail"]);
            assert_eq!(world.tree.effective_policies(contoso).len(), 1, "one that begins to match receives it");
            tag(&mut world, contoso, &[]);
            assert!(world.tree.effective_policies(contoso).is_empty(), "one that ceases to match loses it");
        }),
        step("View applied policies, monitor their status, adjust settings", &["POL-2", "POL-3"], || {
            let mut world = provider();
            let (contoso, woodgrove) = (world.child(2, root(), "Contoso"), world.child(3, root(), "Woodgrove"));
            tag(&mut world, contoso, &["retail"]);
            tag(&mut world, woodgrove, &["retail"]);
            world.ada(&patching(7)).unwrap();
            let seen = &world.tree.effective_policies(contoso)[0];
            assert_eq!((seen.from, seen.status), (root(), PolicyStatus::Pending));
            world.operate(&reporting(&world, contoso, PolicyStatus::Applied)).unwrap();
            world.operate(&reporting(&world, woodgrove, PolicyStatus::Failed)).unwrap();
            let counts = BTreeMap::from([(PolicyStatus::Applied, 1), (PolicyStatus::Failed, 1)]);
            assert_eq!(world.tree.policy_summary(policy()), counts);
            let settings = PolicySettings::from([("days".parse().unwrap(), SettingValue::Number(3))]);
            let adjust = OverridePolicy { organization: root(), policy: policy(), target: contoso, settings };
            world.ada(&adjust).unwrap();
            let seen = &world.tree.effective_policies(contoso)[0];
            assert_eq!(seen.settings.values().collect::<Vec<_>>(), [&SettingValue::Number(3)]);
            assert_eq!((seen.overridden.len(), seen.status), (1, PolicyStatus::Pending));
            world.ada(&patching(14)).unwrap();
            assert_eq!(world.tree.policy_summary(policy()), BTreeMap::from([(PolicyStatus::Pending, 2)]));
        }),
        aside("More information on the policy manager", Reference),
    ]
}
