//! LIC-5 to LIC-8: what a parent passes down.

use bailiwick::*;

use crate::support::*;
use crate::things::*;

fn managing() -> CapabilityName {
    "msp".parse().unwrap()
}

// spec: LIC-5
// abuse: 76
#[test]
fn a_parent_assigns_only_what_is_effective_with_it() {
    let (mut world, contoso, store) = World::three_levels();
    let not_at = |parent| CapabilityError::NotAtParent { parent, capability: reporting() };
    assert_eq!(rule(world.assign(contoso, reporting(), None)), not_at(root()));
    world.assign(root(), reporting(), None).unwrap();
    assert_eq!(rule(world.assign(store, reporting(), None)), not_at(contoso));
    world.assign(contoso, reporting(), None).unwrap();
    world.assign(store, reporting(), None).unwrap();
    assert!(world.tree.is_capable(store, &reporting(), world.at));
    let other: CapabilityName = "unheard-of".parse().unwrap();
    assert!(matches!(rule(world.assign(store, other, None)), CapabilityError::NotAtParent { .. }));
}

// spec: LIC-5
#[test]
fn the_operator_assigns_to_the_root_and_a_parent_to_its_children() {
    let (mut world, contoso, store) = World::three_levels();
    let assign = |organization| AssignCapability { organization, capability: reporting(), until: None };
    forbidden(world.ada(&assign(root())));
    let not_the_parent = CapabilityError::NotTheParent { organization: contoso };
    assert_eq!(rule(world.operate(&assign(contoso))), not_the_parent);
    let withdraw = WithdrawCapability { organization: contoso, capability: reporting() };
    assert_eq!(rule(world.operate(&withdraw)), not_the_parent);
    world.operate(&assign(root())).unwrap();

    // Whoever owns the grandparent alone is not the parent; the role for customers suffices in it.
    let bob = world.user(20, "Bob", &[]);
    hidden(world.run(bob, root(), &assign(contoso)));
    let role = Privilege::Role(RoleRef::ManageMspCustomers);
    let grant = GrantPrivilege { organization: root(), principal: bob, privilege: role, window: Window::ALWAYS };
    world.ada(&grant).unwrap();
    world.run(bob, root(), &assign(contoso)).unwrap();
    forbidden(world.run(bob, root(), &assign(store)));
    // The child's own owner assigns nothing to it.
    let carol = world.user(21, "Carol", &[contoso]);
    world.grant(carol, "owner", contoso);
    forbidden(world.run(carol, contoso, &assign(contoso)));
    world.run(carol, contoso, &assign(store)).unwrap();
    hidden(world.run(bob, root(), &assign(organization(99))));
}

// spec: LIC-5
#[test]
fn withdrawing_takes_a_capability_from_everything_below() {
    let (mut world, contoso, store) = World::three_levels();
    for place in [root(), contoso, store] {
        world.assign(place, reporting(), None).unwrap();
    }
    let withdraw = WithdrawCapability { organization: contoso, capability: reporting() };
    world.ada(&withdraw).unwrap();
    assert!(!world.tree.is_capable(store, &reporting(), world.at));
    assert!(world.tree.is_capable(root(), &reporting(), world.at));
    assert_eq!(rule(world.ada(&withdraw)), CapabilityError::NotAssigned { capability: reporting() });
    // Withdrawing needs no subscription (LIC-10).
    world.subscribe("Free", Window::ALWAYS);
    world.run(ada(), contoso, &WithdrawCapability { organization: store, capability: reporting() }).unwrap();
}

// spec: LIC-6
// abuse: 73
#[test]
fn an_end_above_ends_it_below_at_that_instant_and_a_renewal_gives_it_back() {
    let (mut world, contoso, store) = World::three_levels();
    let end = world.at + days(10);
    world.assign(root(), reporting(), Some(end)).unwrap();
    world.assign(contoso, reporting(), Some(end + days(10))).unwrap();
    world.assign(store, reporting(), None).unwrap();
    let before = end - chrono::TimeDelta::nanoseconds(1);
    for place in [root(), contoso, store] {
        assert!(world.tree.is_capable(place, &reporting(), before));
        assert!(!world.tree.is_capable(place, &reporting(), end));
        assert_eq!(world.tree.capability_end(place, &reporting()), Some(end));
    }
    // Renewed above, with nothing done below, though the clock has passed the end.
    world.at = end + days(1);
    assert!(!world.tree.is_capable(store, &reporting(), world.at));
    world.assign(root(), reporting(), None).unwrap();
    assert!(world.tree.is_capable(store, &reporting(), world.at));
    assert_eq!(world.tree.capability_end(store, &reporting()), Some(end + days(10)));
    assert_eq!(world.tree.capability_end(root(), &reporting()), None);
    // A parent whose own has ended passes nothing on.
    world.at = end + days(10);
    assert!(matches!(rule(world.assign(store, reporting(), None)), CapabilityError::NotAtParent { .. }));
}

// spec: LIC-6
#[test]
fn an_assignment_may_outlast_the_parents_and_may_not_be_over() {
    let (mut world, contoso, _) = World::three_levels();
    world.assign(root(), reporting(), Some(world.at + days(1))).unwrap();
    world.assign(contoso, reporting(), Some(world.at + days(2))).unwrap();
    for until in [world.at, world.at - days(1), Timestamp::MIN_UTC] {
        let refused = rule(world.assign(contoso, reporting(), Some(until)));
        assert_eq!(refused, CapabilityError::AlreadyOver { until });
    }
    let ends: Vec<_> = world.tree.organization(contoso).unwrap().capabilities().values().copied().collect();
    assert_eq!(ends, [Some(world.at + days(2))]);
}

// spec: LIC-7
#[test]
fn only_a_root_lets_others_manage() {
    let mut world = World::with(Rules { managing_capability: Some(managing()), ..Rules::provider() });
    let create = |number, parent| CreateOrganization {
        organization: organization(number),
        parent,
        name: name("Customer"),
        slug: None,
        owner: None,
        secret: secret(),
    };
    let lacking = |parent| OrganizationError::NotCapable { parent, capability: managing() };
    assert_eq!(rule(world.ada(&create(2, root()))), lacking(root()));
    let until = world.at + days(30);
    world.assign(root(), managing(), Some(until)).unwrap();
    let contoso = world.child(2, root(), "Contoso");
    assert_eq!(rule(world.run(ada(), contoso, &create(3, contoso))), lacking(contoso));
    world.assign(contoso, managing(), None).unwrap();
    let store = world.child(3, contoso, "Store");
    // Contoso is itself managed: it creates children, and lets none of them manage.
    let refused = rule(world.assign(store, managing(), None));
    assert_eq!(refused, CapabilityError::ManagedThemselves { parent: contoso });
    world.at = until;
    assert_eq!(rule(world.run(ada(), contoso, &create(4, contoso))), lacking(contoso));
}

// spec: LIC-8
#[test]
fn a_claim_without_its_capability_is_denied_and_the_reason_says_so() {
    let (mut world, contoso, store) = World::three_levels();
    let bob = world.user(20, "Bob", &[contoso, store]);
    world.grant(bob, "reports.view", store);
    let views = claim("reports.view");
    let missing = |organization| DenialReason::MissingCapability { capability: reporting(), organization };
    let reasons = |world: &World, who| world.tree.access().explain(who, store, &views, world.at).reasons;
    assert!(!world.may(bob, "reports.view", store));
    // The owner is denied as well: ownership is no capability.
    assert!(world.owns(ada(), store) && !world.may(ada(), "reports.view", store));
    assert_eq!(reasons(&world, bob), [missing(root())]);
    world.assign(root(), reporting(), None).unwrap();
    assert_eq!(reasons(&world, bob), [missing(contoso)]);
    let until = world.at + days(1);
    world.assign(contoso, reporting(), Some(until)).unwrap();
    assert_eq!(reasons(&world, ada()), [missing(store)]);
    world.assign(store, reporting(), None).unwrap();
    assert!(world.may(bob, "reports.view", store) && world.may(ada(), "reports.view", store));

    // Every question agrees, and says until when.
    let access = world.tree.access();
    let question = Question { principal: bob, organization: store, claim: views.clone() };
    let decision = access.check(&question, world.at);
    assert_eq!((decision.allowed, decision.until), (true, Some(until)));
    assert!(access.principals(store, Some(&views), world.at).contains(&bob));
    assert!(!access.principals(store, Some(&views), until).contains(&bob));
    assert_eq!(access.organizations(bob, Some(&views), until), []);
    let names = |at| world.tree.catalog().names(&access.claims(bob, store, at)).cloned().collect::<Vec<_>>();
    assert_eq!(names(world.at), std::slice::from_ref(&views));
    assert_eq!(names(until), []);
    let told = access.explain(bob, store, &views, until);
    assert_eq!(told.reasons, [missing(contoso)]);
    assert!(told.to_string().contains("`reporting` is not effective"), "{told}");
}

// spec: LIC-8
#[test]
fn one_who_holds_nothing_is_told_that_too() {
    let (mut world, _, store) = World::three_levels();
    let bob = world.user(20, "Bob", &[store]);
    let told = world.tree.access().explain(bob, store, &claim("reports.view"), world.at);
    assert!(told.reasons.contains(&DenialReason::NoPath));
}

// abuse: 79
#[test]
fn an_end_in_the_far_future_is_refused_and_nothing_overflows() {
    let (mut world, contoso, _) = World::three_levels();
    let assigned = world.assign(root(), reporting(), Some(DOOMSDAY));
    assert_eq!(code(assigned), "time.invalid");
    let term = Window::until(DOOMSDAY);
    let (plan, status) = ("Enterprise".parse().unwrap(), SubscriptionStatus::Active);
    let subscribe = RecordSubscription { root: root(), plan, status, term };
    assert_eq!(code(world.operate(&subscribe)), "time.invalid");
    // The latest end that is taken is counted with, and kept as it is.
    let latest = DOOMSDAY - chrono::TimeDelta::days(Period::LONGEST_DAYS);
    world.assign(root(), reporting(), Some(latest)).unwrap();
    world.assign(contoso, reporting(), None).unwrap();
    assert!(world.tree.is_capable(contoso, &reporting(), latest - days(1)));
    assert!(!world.tree.is_capable(contoso, &reporting(), DOOMSDAY));
    assert_eq!(world.tree.endings(world.at, DOOMSDAY).len(), 1);
    let stored: Vec<Recorded> = world.log.iter().map(|changes| changes.recorded.clone()).collect();
    let text = serde_json::to_string(&stored).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Recorded>>(&text).unwrap(), stored);
}

// abuse: 76
#[test]
fn a_child_that_keeps_what_its_parent_lost_has_nothing_of_it() {
    let (mut world, contoso, store) = World::three_levels();
    let bob = world.user(20, "Bob", &[store]);
    world.grant(bob, "reports.view", store);
    for place in [root(), contoso, store] {
        world.assign(place, reporting(), None).unwrap();
    }
    assert!(world.may(bob, "reports.view", store));
    world.operate(&WithdrawCapability { organization: root(), capability: reporting() }).unwrap();
    assert!(world.tree.organization(store).unwrap().capabilities().contains_key(&reporting()));
    assert!(!world.may(bob, "reports.view", store));
}
