//! POL: tags, selectors and automation policies.

use std::collections::BTreeMap;

use bailiwick::*;

use crate::support::*;
use crate::things::*;

fn settings(pairs: &[(&str, i64)]) -> PolicySettings {
    pairs.iter().map(|(name, number)| (tag(name), SettingValue::Number(*number))).collect()
}

fn selecting(depth: SelectorDepth, all_of: &[&str], any_of: &[&str], none_of: &[&str]) -> Selector {
    Selector { depth, all_of: tags(all_of), any_of: tags(any_of), none_of: tags(none_of) }
}

fn definition(selector: Selector, pairs: &[(&str, i64)]) -> PolicyDefinition {
    PolicyDefinition { name: name("Patch on Sundays"), settings: settings(pairs), selector }
}

fn define(number: u128, organization: OrganizationId, definition: PolicyDefinition) -> DefinePolicy {
    DefinePolicy { organization, policy: policy(number), definition }
}

fn everything() -> Selector {
    selecting(SelectorDepth::Descendants, &[], &[], &[])
}

/// The status of policy 1 at an organization, if it applies there.
fn status(world: &World, place: OrganizationId) -> Option<PolicyStatus> {
    world.tree.effective_policies(place).iter().find(|found| found.policy == policy(1)).map(|found| found.status)
}

fn version(world: &World) -> u64 {
    world.tree.policies(root()).next().unwrap().version()
}

fn report(world: &mut World, place: OrganizationId, status: PolicyStatus) {
    let version = version(world);
    world.operate(&ReportPolicyStatus { policy: policy(1), organization: place, version, status }).unwrap();
}

/// Contoso and Store, and Adatum beside Contoso.
fn world() -> (World, OrganizationId, OrganizationId, OrganizationId) {
    let (mut world, contoso, store) = World::three_levels();
    let adatum = world.child(4, root(), "Adatum");
    (world, contoso, store, adatum)
}

// spec: POL-1
#[test]
fn a_selector_picks_children_or_descendants_by_all_any_and_none() {
    let (mut world, contoso, store, adatum) = world();
    world.tag(contoso, &["gold", "eu"]);
    world.tag(store, &["gold"]);
    world.tag(adatum, &["silver", "eu", "trial"]);
    let (children, below) = (SelectorDepth::Children, SelectorDepth::Descendants);
    let cases: [(Selector, Vec<OrganizationId>); 9] = [
        (selecting(children, &[], &[], &[]), vec![contoso, adatum]),
        (selecting(below, &[], &[], &[]), vec![contoso, store, adatum]),
        (selecting(below, &["gold"], &[], &[]), vec![contoso, store]),
        (selecting(children, &["gold"], &[], &[]), vec![contoso]),
        (selecting(below, &["gold", "eu"], &[], &[]), vec![contoso]),
        (selecting(below, &[], &["gold", "silver"], &[]), vec![contoso, store, adatum]),
        (selecting(below, &[], &["nowhere"], &[]), vec![]),
        (selecting(below, &["eu"], &["gold", "silver"], &["trial"]), vec![contoso]),
        (selecting(below, &["gold"], &[], &["gold"]), vec![]),
    ];
    for (selector, expected) in cases {
        assert_eq!(world.tree.select(root(), &selector).collect::<Vec<_>>(), expected, "{selector:?}");
    }
    // Of the acting organization: what lies beside it is not below it, nor is it itself.
    assert_eq!(world.tree.select(contoso, &everything()).collect::<Vec<_>>(), [store]);
    assert_eq!(world.tree.select(organization(99), &everything()).count(), 0);
    // It follows the tags as they change.
    let gold = selecting(below, &["gold"], &[], &[]);
    world.tag(contoso, &[]);
    world.tag(adatum, &["gold"]);
    assert_eq!(world.tree.select(root(), &gold).collect::<Vec<_>>(), [store, adatum]);
}

// spec: POL-2
#[test]
fn a_policy_is_named_versioned_and_answered_with_where_it_comes_from() {
    let (mut world, contoso, store, adatum) = world();
    let reached = world.ada(&define(1, root(), definition(everything(), &[("window", 2)]))).unwrap();
    assert_eq!(reached, [contoso, store, adatum]);
    let own = define(2, contoso, definition(selecting(SelectorDepth::Children, &[], &[], &[]), &[("reboot", 1)]));
    world.run(ada(), contoso, &own).unwrap();
    let found = world.tree.effective_policies(store);
    let from: Vec<_> = found.iter().map(|found| (found.policy, found.from, found.version)).collect();
    assert_eq!(from, [(policy(2), contoso, 1), (policy(1), root(), 1)]);
    assert_eq!(found[1].settings, settings(&[("window", 2)]));
    assert_eq!(world.tree.effective_policies(root()), []);
    assert_eq!(world.tree.effective_policies(contoso).len(), 1, "its own is for others");
    world.ada(&define(1, root(), definition(everything(), &[("window", 3)]))).unwrap();
    assert_eq!(version(&world), 2);
    assert_eq!(world.tree.policies(root()).next().unwrap().definition().name, name("Patch on Sundays"));
    world.run(ada(), contoso, &DeletePolicy { organization: contoso, policy: policy(2) }).unwrap();
    assert_eq!(world.tree.effective_policies(store).len(), 1);
}

// spec: POL-2
#[test]
fn defining_and_deleting_are_refused_with_what_is_wrong() {
    let (mut world, contoso, _, _) = world();
    let first = define(1, root(), definition(everything(), &[]));
    world.ada(&first).unwrap();
    assert_eq!(rule(world.ada(&first)), PolicyError::Unchanged);
    // A policy of another organization answers as one that is not there.
    let stolen = define(1, contoso, definition(everything(), &[]));
    assert_eq!(code(world.run(ada(), contoso, &stolen)), "not_found");
    let delete = |organization, number| DeletePolicy { organization, policy: policy(number) };
    assert_eq!(code(world.run(ada(), contoso, &delete(contoso, 1))), "not_found");
    assert_eq!(code(world.ada(&delete(root(), 9))), "not_found");
    world.ada(&delete(root(), 1)).unwrap();
    assert_eq!(code(world.ada(&first)), "id.already_used");
    let bob = world.user(20, "Bob", &[contoso]);
    forbidden(world.run(bob, root(), &define(3, root(), definition(everything(), &[]))));
    world.grant(bob, "policies.manage", contoso);
    world.run(bob, contoso, &define(3, contoso, definition(everything(), &[]))).unwrap();
    forbidden(world.run(bob, root(), &define(4, root(), definition(everything(), &[]))));
}

// spec: POL-3
#[test]
fn a_status_is_reported_counted_and_pending_again_after_a_change() {
    let (mut world, contoso, store, adatum) = world();
    world.ada(&define(1, root(), definition(everything(), &[("window", 2)]))).unwrap();
    let counts = |world: &World| world.tree.policy_summary(policy(1));
    assert_eq!(counts(&world), BTreeMap::from([(PolicyStatus::Pending, 3)]));
    report(&mut world, contoso, PolicyStatus::Applied);
    report(&mut world, store, PolicyStatus::Failed);
    report(&mut world, adatum, PolicyStatus::Drifted);
    let each = [PolicyStatus::Applied, PolicyStatus::Failed, PolicyStatus::Drifted].map(|status| (status, 1));
    assert_eq!(counts(&world), BTreeMap::from(each));
    report(&mut world, store, PolicyStatus::Applied);
    assert_eq!(status(&world, store), Some(PolicyStatus::Applied));
    world.ada(&define(1, root(), definition(everything(), &[("window", 3)]))).unwrap();
    assert_eq!(counts(&world), BTreeMap::from([(PolicyStatus::Pending, 3)]));
    assert_eq!(world.tree.policy_summary(policy(9)), BTreeMap::new());
}

// spec: POL-3
#[test]
fn a_report_on_an_older_version_or_from_elsewhere_is_refused() {
    let (mut world, contoso, _, adatum) = world();
    let children = selecting(SelectorDepth::Children, &["gold"], &[], &[]);
    world.tag(contoso, &["gold"]);
    world.ada(&define(1, root(), definition(children.clone(), &[("window", 2)]))).unwrap();
    world.ada(&define(1, root(), definition(children, &[("window", 3)]))).unwrap();
    let report = |organization, version| ReportPolicyStatus {
        policy: policy(1),
        organization,
        version,
        status: PolicyStatus::Applied,
    };
    for version in [0, 1, 3, u64::MAX] {
        let refused = rule(world.operate(&report(contoso, version)));
        assert_eq!(refused, PolicyError::OtherVersion { version, present: 2 });
    }
    assert_eq!(rule(world.operate(&report(adatum, 2))), PolicyError::NotSelected { organization: adatum });
    let nowhere = organization(99);
    assert_eq!(rule(world.operate(&report(nowhere, 2))), PolicyError::NotSelected { organization: nowhere });
    let unknown = ReportPolicyStatus { policy: policy(9), ..report(contoso, 2) };
    assert_eq!(code(world.operate(&unknown)), "not_found");
    forbidden(world.ada(&report(contoso, 2)));
}

// spec: POL-3
#[test]
fn settings_are_overridden_for_one_organization_and_pending_there_alone() {
    let (mut world, contoso, store, adatum) = world();
    world.ada(&define(1, root(), definition(everything(), &[("reboot", 1), ("window", 2)]))).unwrap();
    report(&mut world, contoso, PolicyStatus::Applied);
    report(&mut world, adatum, PolicyStatus::Applied);
    let adjust = |target, pairs: &[(&str, i64)]| OverridePolicy {
        organization: root(),
        policy: policy(1),
        target,
        settings: settings(pairs),
    };
    let stale = version(&world);
    world.ada(&adjust(contoso, &[("window", 5)])).unwrap();
    assert_eq!(status(&world, contoso), Some(PolicyStatus::Pending));
    assert_eq!(status(&world, adatum), Some(PolicyStatus::Applied));
    let found = world.tree.effective_policies(contoso).remove(0);
    assert_eq!(found.settings, settings(&[("reboot", 1), ("window", 5)]));
    assert_eq!(found.overridden, tags(&["window"]));
    // What was applied before the adjustment is not what is asked for now.
    let late =
        ReportPolicyStatus { policy: policy(1), organization: contoso, version: stale, status: PolicyStatus::Applied };
    let present = version(&world);
    assert_eq!(rule(world.operate(&late)), PolicyError::OtherVersion { version: stale, present });
    report(&mut world, contoso, PolicyStatus::Applied);

    assert_eq!(rule(world.ada(&adjust(contoso, &[("window", 5)]))), PolicyError::Unchanged);
    assert_eq!(rule(world.ada(&adjust(store, &[]))), PolicyError::Unchanged);
    assert_eq!(status(&world, contoso), Some(PolicyStatus::Applied));
    let unknown = rule(world.ada(&adjust(contoso, &[("typo", 5)])));
    assert_eq!(unknown, PolicyError::UnknownSetting { name: tag("typo") });
    assert_eq!(rule(world.ada(&adjust(root(), &[]))), PolicyError::NotSelected { organization: root() });
    let elsewhere = OverridePolicy { organization: contoso, ..adjust(store, &[("window", 5)]) };
    assert_eq!(code(world.run(ada(), contoso, &elsewhere)), "not_found");

    // A setting that the definition drops is adjusted nowhere; taken back, it is as defined.
    world.ada(&define(1, root(), definition(everything(), &[("reboot", 1)]))).unwrap();
    assert_eq!(world.tree.effective_policies(contoso).remove(0).settings, settings(&[("reboot", 1)]));
    world.ada(&adjust(contoso, &[("reboot", 9)])).unwrap();
    world.ada(&adjust(contoso, &[])).unwrap();
    assert_eq!(world.tree.effective_policies(contoso).remove(0).overridden, tags(&[]));
}

// spec: POL-4
#[test]
fn who_leaves_the_selector_loses_the_policy_and_who_enters_gets_it() {
    let (mut world, contoso, store, adatum) = world();
    let gold = selecting(SelectorDepth::Descendants, &["gold"], &[], &[]);
    world.tag(contoso, &["gold"]);
    world.ada(&define(1, root(), definition(gold, &[("window", 2)]))).unwrap();
    report(&mut world, contoso, PolicyStatus::Applied);
    assert_eq!(status(&world, adatum), None);
    world.tag(adatum, &["gold"]);
    world.tag(contoso, &["tin"]);
    assert_eq!((status(&world, contoso), status(&world, adatum)), (None, Some(PolicyStatus::Pending)));
    assert_eq!(world.tree.policy_summary(policy(1)).values().sum::<usize>(), 1);
    // Having been without it, it gets it anew.
    world.tag(contoso, &["gold"]);
    assert_eq!(status(&world, contoso), Some(PolicyStatus::Pending));
    // A tag that the selector does not look at changes nothing.
    report(&mut world, contoso, PolicyStatus::Applied);
    world.tag(contoso, &["gold", "eu"]);
    assert_eq!(status(&world, contoso), Some(PolicyStatus::Applied));
    assert_eq!(status(&world, store), None);
}

// spec: POL-4
#[test]
fn a_move_a_detach_and_a_deletion_leave_nothing_of_a_policy_behind() {
    let (mut world, contoso, store, adatum) = world();
    let below = define(2, contoso, definition(everything(), &[("window", 2)]));
    world.run(ada(), contoso, &below).unwrap();
    let adjust = OverridePolicy {
        organization: contoso,
        policy: policy(2),
        target: store,
        settings: settings(&[("window", 7)]),
    };
    world.run(ada(), contoso, &adjust).unwrap();
    let report =
        ReportPolicyStatus { policy: policy(2), organization: store, version: 2, status: PolicyStatus::Applied };
    world.operate(&report).unwrap();
    let there = MoveOrganization { organization: store, new_parent: adatum, sever: false };
    let preflight = world.ada(&there).unwrap();
    assert!(preflight.warnings.contains(&Obstacle::PolicyLost { policy: policy(2) }));
    assert_eq!(world.tree.effective_policies(store), []);
    world.ada(&MoveOrganization { new_parent: contoso, ..there }).unwrap();
    let back = world.tree.effective_policies(store).remove(0);
    assert_eq!((back.status, back.settings), (PolicyStatus::Pending, settings(&[("window", 2)])));

    // Deleted for good, its adjustment goes with it.
    world.run(ada(), contoso, &adjust).unwrap();
    let hard = DeletionMode::Hard;
    let delete = DeleteOrganization { organization: store, evidence: Evidence::none(world.at), mode: hard };
    world.ada(&delete).unwrap();
    assert_eq!(world.tree.policy_summary(policy(2)), BTreeMap::new());
    assert_eq!(world.tree.examine(world.at), []);
}
