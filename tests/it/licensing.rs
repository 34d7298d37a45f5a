//! LIC: licensing and capabilities.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::support::*;

fn missing(feature: Feature, plan: Option<&str>) -> Precondition {
    let plan = plan.map(|plan| plan.parse().unwrap());
    Precondition::FeatureMissing { feature, plan, root: root() }
}

fn record(plan: &str, status: SubscriptionStatus, term: Window) -> RecordSubscription {
    RecordSubscription { root: root(), plan: plan.parse().unwrap(), status, term }
}

fn create(number: u128, parent: OrganizationId) -> CreateOrganization {
    CreateOrganization {
        organization: organization(number),
        parent,
        name: name("Child"),
        slug: None,
        owner: None,
        secret: secret(),
    }
}

fn capability(name: &str) -> CapabilityName {
    name.parse().unwrap()
}

fn assign(organization: OrganizationId, name: &str, until: Option<Timestamp>) -> AssignCapability {
    AssignCapability { organization, capability: capability(name), until }
}

fn invite(number: u8, organization: OrganizationId, group: GroupId, to: &str) -> Invite {
    Invite {
        invitation: invitation(u128::from(number)),
        organization,
        group,
        address: address(to),
        role: GroupRole::Member,
        token: token(number).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    }
}

fn accept(number: u8, to: &str) -> AcceptInvitation {
    AcceptInvitation { token: token(number), address: address(to), verified: true, name: name("Newcomer") }
}

fn grant(who: PrincipalId, what: &str, organization: OrganizationId) -> GrantPrivilege {
    GrantPrivilege { organization, principal: who, privilege: privilege(what), window: Window::ALWAYS }
}

fn grace_of_a_day() -> Rules {
    Rules::custom().grace(Some(Period::new(days(1)).unwrap())).build().unwrap()
}

// spec: LIC-1
#[test]
fn a_subscription_belongs_to_the_root_and_its_sub_organizations_inherit_it() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let own = RecordSubscription { root: contoso, ..record("Enterprise", SubscriptionStatus::Active, Window::ALWAYS) };
    let refusal = world.operate(&own).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(SubscriptionError::NotTheRoot { organization: contoso, root: root() }));
    // Inherited: what needs a feature is possible below.
    world.run(ada(), contoso, &create(3, contoso)).unwrap();

    let term = Window::new(Some(world.at), Some(world.at + days(30))).unwrap();
    world.operate(&record("Enterprise", SubscriptionStatus::Trial, term)).unwrap();
    let subscription = world.tree.subscription().unwrap();
    assert_eq!((subscription.plan.as_str(), subscription.status), ("Enterprise", SubscriptionStatus::Trial));
    assert_eq!(subscription.term, term);
}

// spec: LIC-1
#[test]
fn only_the_operator_records_a_subscription() {
    let mut world = World::new();
    let refusal = world.ada(&record("Enterprise", SubscriptionStatus::Active, Window::ALWAYS)).unwrap_err();
    assert_eq!(refusal.to_string(), "to record a subscription needs the operator of the service");
}

// spec: LIC-1
#[test]
fn a_detached_tree_inherits_nothing() {
    let world = World::new();
    let found = FoundDetached { root: organization(60), name: name("Detached"), secret: secret() };
    let changes = world.tree.found_detached(&world.context(ada(), root()), &found).unwrap();
    let mut detached = World::of(OrganizationTree::empty(organization(60), world.tree.domain().clone()), world.at);
    detached.commit(changes);
    assert_eq!(detached.tree.subscription(), None);
    assert!(Feature::OWN.iter().all(|feature| !detached.tree.grants(feature, world.at)));
}

// A trial and an active subscription grant, from the start to the end and no longer.
// spec: LIC-1
#[test]
fn a_subscription_grants_while_it_is_on_trial_or_active_and_within_its_term() {
    let mut world = World::bare(Rules::provider());
    let (from, until) = (world.at + days(1), world.at + days(2));
    let term = Window::new(Some(from), Some(until)).unwrap();
    let grants = |world: &World, at| world.tree.grants(&Feature::SubOrganizations, at);
    let moment = chrono::TimeDelta::nanoseconds(1);
    for status in [SubscriptionStatus::Trial, SubscriptionStatus::Active] {
        world.operate(&record("Enterprise", status, term)).unwrap();
        assert!(!grants(&world, from - moment) && grants(&world, from));
        assert!(grants(&world, until - moment) && !grants(&world, until));
    }
    for status in [SubscriptionStatus::PastDue, SubscriptionStatus::Cancelled] {
        world.operate(&record("Enterprise", status, term)).unwrap();
        assert!(!grants(&world, from));
    }
}

// spec: LIC-2
#[test]
fn a_plan_is_a_set_of_features_that_the_embedder_defines() {
    let own = Feature::Custom("backups".parse().unwrap());
    let plan = Plan { features: [own.clone(), Feature::SecurityGroups].into(), limits: UsageLimits::default() };
    let mut world = World::bare(Rules::custom().plan("Basic".parse().unwrap(), plan).build().unwrap());
    world.subscribe("Basic", Window::ALWAYS);
    assert!(world.tree.grants(&own, world.at) && world.tree.grants(&Feature::SecurityGroups, world.at));
    assert!(!world.tree.grants(&Feature::Invitations, world.at));
    let refusal = world.operate(&record("Gold", SubscriptionStatus::Active, Window::ALWAYS)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(SubscriptionError::UnknownPlan { plan: "Gold".parse().unwrap() }));
}

// spec: LIC-2
#[test]
fn of_the_default_plans_only_enterprise_grants_what_the_rules_rely_on() {
    let named = [
        Feature::SubOrganizations,
        Feature::UserManagement,
        Feature::SecurityGroups,
        Feature::CrossOrganizationLinks,
        Feature::Invitations,
    ];
    assert_eq!(Feature::OWN, named);
    for (plan, features) in Rules::provider().plans.iter().map(|(name, plan)| (name, &plan.features)) {
        let granted = named.iter().filter(|feature| features.contains(feature)).count();
        assert_eq!(granted, if plan.as_str() == "Enterprise" { 5 } else { 0 }, "{plan}");
    }
}

/// Every operation that needs a feature, attempted in a world that has what they name.
fn attempts(world: &mut World, contoso: OrganizationId) -> Vec<(Feature, Precondition)> {
    fn refused<C: Command>(world: &mut World, acting: OrganizationId, command: &C) -> (Feature, Precondition)
    where
        C::Error: serde::Serialize,
    {
        let refusal = world.run(ada(), acting, command).map(|_| ()).unwrap_err();
        assert_eq!((refusal.kind(), refusal.rule()), (Kind::PaymentRequired, "LIC-3"), "{refusal}");
        let sentence = refusal.to_string();
        let plan = world.tree.subscription().map(|subscription| subscription.plan.clone());
        let found = Feature::OWN.iter().find(|feature| {
            let feature = (*feature).clone();
            Precondition::FeatureMissing { feature, plan: plan.clone(), root: root() }.to_string() == sentence
        });
        let feature = found.unwrap().clone();
        (feature.clone(), Precondition::FeatureMissing { feature, plan, root: root() })
    }
    let (grace, team, ops) = (principal(2), group(1), role(1));
    let person = Person::named(name("Robot"));
    let terms = LinkTerms { reach: Reach::Subtree, ..LinkTerms::default() };
    vec![
        refused(world, root(), &create(9, root())),
        refused(world, root(), &MoveOrganization { organization: organization(4), new_parent: root(), sever: true }),
        refused(world, root(), &AddMember { organization: contoso, principal: principal(3), person: None }),
        refused(world, root(), &CreateMachineIdentity { organization: root(), identity: principal(8), person }),
        refused(world, root(), &grant(grace, "backups.restore", contoso)),
        refused(
            world,
            root(),
            &DefineRole {
                organization: root(),
                role: ops,
                name: name("Ops"),
                claims: ["backups.*".parse().unwrap()].into(),
            },
        ),
        refused(
            world,
            root(),
            &CreateGroup {
                organization: root(),
                group: group(9),
                name: name("New"),
                gives: BTreeSet::new(),
                owner: ada(),
            },
        ),
        refused(
            world,
            root(),
            &DefineGroup {
                organization: root(),
                group: team,
                name: name("Team"),
                gives: [privilege("backups.*")].into(),
            },
        ),
        refused(world, root(), &AddGroupOwner { organization: root(), group: team, owner: grace }),
        refused(
            world,
            root(),
            &AddGroupMember { organization: root(), group: team, participant: Participant::Principal(ada()) },
        ),
        refused(
            world,
            root(),
            &LinkGroup { link: link(9), source: root(), group: team, target: organization(4), terms: terms.clone() },
        ),
        refused(world, root(), &ChangeLink { source: root(), group: team, target: contoso, terms }),
        refused(world, contoso, &OptInToLink { organization: contoso, link: link(1) }),
        refused(world, root(), &invite(9, root(), team, "new@people.example")),
        refused(
            world,
            root(),
            &ResendInvitation {
                organization: root(),
                group: team,
                invitation: invitation(1),
                token: token(8).hash(),
                lifetime: None,
            },
        ),
    ]
}

/// A world with something of every kind, whose subscription ends in a day.
fn furnished(rules: Rules) -> (World, OrganizationId) {
    let mut world = World::bare(rules);
    let until = world.at + days(1);
    world.subscribe("Enterprise", Window::until(until));
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(4, contoso, "Site");
    let grace = world.user(2, "Grace", &[contoso]);
    world.user(3, "Linus", &[]);
    let team = world.team(1, root(), "Team", &["backups.view"]);
    world.join(grace, team);
    world.link(1, team, contoso, LinkTerms { reach: Reach::Subtree, ..LinkTerms::default() });
    world.run(ada(), contoso, &OptOutOfLink { organization: contoso, link: link(1) }).unwrap();
    let claims = ["backups.view".parse().unwrap()].into();
    world.ada(&DefineRole { organization: root(), role: role(1), name: name("Ops"), claims }).unwrap();
    world.ada(&grant(grace, "backups.view", root())).unwrap();
    world.ada(&CreateProject { organization: root(), project: project(1), name: name("Project") }).unwrap();
    world.ada(&AddProjectMember { organization: root(), project: project(1), principal: grace }).unwrap();
    world.ada(&invite(1, root(), team, "new@people.example")).unwrap();
    assert!(world.may(grace, "backups.view", site), "through the link");
    (world, contoso)
}

// spec: LIC-3
#[test]
fn each_operation_that_needs_a_feature_is_refused_naming_feature_plan_and_root() {
    let (mut world, contoso) = furnished(Rules::provider());
    world.operate(&record("Professional", SubscriptionStatus::Active, Window::ALWAYS)).unwrap();
    let refused = attempts(&mut world, contoso);
    for (feature, precondition) in &refused {
        assert_eq!(*precondition, missing(feature.clone(), Some("Professional")));
    }
    let features: BTreeSet<&Feature> = refused.iter().map(|(feature, _)| feature).collect();
    assert_eq!(features.len(), 5, "each of the five is needed by something");
    assert_eq!(
        missing(Feature::Invitations, Some("Professional")).to_string(),
        format!(
            "the plan of root {} (Professional) does not grant invitations: record a subscription that does",
            root()
        )
    );
}

// spec: LIC-3
// spec: LIC-10
#[test]
fn where_no_subscription_is_recorded_there_are_no_features() {
    let mut world = World::bare(Rules::provider());
    assert!(Feature::OWN.iter().all(|feature| !world.tree.grants(feature, world.at)));
    let refusal = world.ada(&create(2, root())).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(missing(Feature::SubOrganizations, None).into()));
    let own = Feature::Custom("backups".parse().unwrap());
    assert!(!world.tree.grants(&own, world.at));
}

// spec: LIC-4
// abuse: 73
#[test]
fn after_a_lapse_that_freezes_access_stays_and_nothing_new_is_given() {
    let (mut world, contoso) = furnished(Rules::provider());
    let (grace, site) = (principal(2), organization(4));
    world.pass(days(1) - chrono::TimeDelta::nanoseconds(1));
    world.ada(&create(10, root())).unwrap();
    world.pass(chrono::TimeDelta::nanoseconds(1));
    // Nothing was committed in between: the instant alone decides.
    for (feature, precondition) in attempts(&mut world, contoso) {
        assert_eq!(precondition, missing(feature, Some("Enterprise")));
    }
    assert!(world.may(grace, "backups.view", root()) && world.may(grace, "backups.view", site));
}

// spec: LIC-4
// abuse: 52
#[test]
fn after_a_lapse_that_suspends_linked_access_is_denied_at_that_instant() {
    let (mut world, _) = furnished(Rules::custom().lapse(Lapse::Suspend).build().unwrap());
    let (grace, site) = (principal(2), organization(4));
    world.pass(days(1) - chrono::TimeDelta::nanoseconds(1));
    assert!(world.may(grace, "backups.view", site));
    world.pass(chrono::TimeDelta::nanoseconds(1));
    assert!(!world.may(grace, "backups.view", site));
    assert!(world.may(grace, "backups.view", root()), "what is not linked stays");
    let why = world.tree.access().explain(grace, site, &claim("backups.view"), world.at);
    assert_eq!(why.reasons, [DenialReason::LinksSuspended]);
    // A renewal gives it back with nothing to be redone.
    world.subscribe("Enterprise", Window::ALWAYS);
    assert!(world.may(grace, "backups.view", site));
}

// spec: LIC-4
#[test]
fn a_grace_period_runs_from_the_end_of_the_term_to_its_own_end() {
    let mut world = World::bare(grace_of_a_day());
    let end = world.at + days(10);
    world.subscribe("Enterprise", Window::until(end));
    let grants = |at| world.tree.grants(&Feature::Invitations, at);
    let moment = chrono::TimeDelta::nanoseconds(1);
    assert!(grants(end) && grants(end + days(1) - moment));
    assert!(!grants(end + days(1)));
}

// spec: LIC-4
#[test]
fn a_grace_period_runs_from_when_the_subscription_was_recorded_as_lapsed() {
    let mut world = World::bare(grace_of_a_day());
    world.subscribe("Enterprise", Window::until(world.at + days(10)));
    world.pass(days(2));
    world.operate(&record("Enterprise", SubscriptionStatus::PastDue, Window::until(world.at + days(8)))).unwrap();
    let moment = chrono::TimeDelta::nanoseconds(1);
    assert!(world.tree.grants(&Feature::Invitations, world.at + days(1) - moment));
    assert!(!world.tree.grants(&Feature::Invitations, world.at + days(1)));
}

// spec: LIC-4
#[test]
fn in_the_grace_period_of_a_lapse_that_suspends_links_stand() {
    let rules = Rules { lapse: Lapse::Suspend, ..grace_of_a_day() };
    let (mut world, _) = furnished(rules);
    let (grace, site) = (principal(2), organization(4));
    world.pass(days(2) - chrono::TimeDelta::nanoseconds(1));
    assert!(world.may(grace, "backups.view", site));
    world.pass(chrono::TimeDelta::nanoseconds(1));
    assert!(!world.may(grace, "backups.view", site));
}

// abuse: 74
#[test]
fn an_answer_that_rests_on_the_licence_holds_until_it_ends_and_no_longer() {
    let (mut world, _) = furnished(Rules::custom().lapse(Lapse::Suspend).build().unwrap());
    let (grace, site, end) = (principal(2), organization(4), world.at + days(1));
    let question = Question { principal: grace, organization: site, claim: claim("backups.view") };
    let decision = world.tree.access().check(&question, world.at);
    assert!(decision.allowed);
    assert_eq!((decision.version, decision.until), (world.tree.version(), Some(end)));
    // The crate keeps none itself: the same tree answers otherwise from that instant on.
    assert!(!world.tree.access().check(&question, end).allowed);

    world.operate(&assign(root(), "reporting", Some(world.at + minutes(5)))).unwrap();
    world.grant(grace, "reports.view", root());
    let question = Question { principal: grace, organization: root(), claim: claim("reports.view") };
    let decision = world.tree.access().check(&question, world.at);
    assert_eq!((decision.allowed, decision.until), (true, Some(world.at + minutes(5))));
    assert!(!world.tree.access().check(&question, world.at + minutes(5)).allowed);
}

// abuse: 79
#[test]
fn a_term_that_ends_where_no_period_fits_behind_it_is_refused() {
    for rules in [Rules::provider(), grace_of_a_day()] {
        let mut world = World::bare(rules);
        let far = record("Enterprise", SubscriptionStatus::Active, Window::until(Timestamp::MAX_UTC));
        let refusal = world.operate(&far).unwrap_err();
        assert_eq!((refusal.kind(), refusal.code()), (Kind::Invalid, "time.invalid"));
        let late: Timestamp = "9999-12-31T23:59:59Z".parse().unwrap();
        world.subscribe("Enterprise", Window::until(late));
        assert!(world.tree.grants(&Feature::Invitations, world.at));
        assert!(!world.tree.grants(&Feature::Invitations, Timestamp::MAX_UTC));
    }
    assert!(Period::seconds(i64::MAX).is_err() && Period::new(chrono::TimeDelta::MAX).is_err());
    assert!(Period::LONGEST.after(Timestamp::MAX_UTC).is_err());
}

// spec: LIC-5
#[test]
fn a_parent_assigns_to_its_children_what_is_effective_at_itself() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let refusal = world.ada(&assign(contoso, "reporting", None)).unwrap_err();
    let lacking = CapabilityError::NotAtParent { parent: root(), capability: capability("reporting") };
    assert_eq!(refusal.into_rule(), Some(lacking));

    world.operate(&assign(root(), "reporting", None)).unwrap();
    world.ada(&assign(contoso, "reporting", None)).unwrap();
    assert!(world.tree.is_capable(contoso, &capability("reporting"), world.at));
    world.ada(&WithdrawCapability { organization: contoso, capability: capability("reporting") }).unwrap();
    assert!(!world.tree.is_capable(contoso, &capability("reporting"), world.at));
    let again = WithdrawCapability { organization: contoso, capability: capability("reporting") };
    let none = CapabilityError::NotAssigned { capability: capability("reporting") };
    assert_eq!(world.ada(&again).unwrap_err().into_rule(), Some(none));
}

// spec: LIC-5
#[test]
fn at_the_root_the_operator_assigns_and_nowhere_else() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    assert_eq!(world.ada(&assign(root(), "reporting", None)).unwrap_err().kind(), Kind::Forbidden);
    world.operate(&assign(root(), "reporting", None)).unwrap();
    let refusal = world.operate(&assign(contoso, "reporting", None)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(CapabilityError::NotTheParent { organization: contoso }));
    // An owner of the child alone assigns nothing to it, and is not shown its parent.
    let site = world.child(3, contoso, "Site");
    let grace = world.user(2, "Grace", &[site]);
    world.grant(grace, "owner", site);
    let refusal = world.run(grace, site, &assign(site, "reporting", None)).unwrap_err();
    assert_eq!(refusal.kind(), Kind::Forbidden);
    assert!(!refusal.to_string().contains(&contoso.to_string()), "{refusal}");
}

// spec: LIC-6
// abuse: 73
// abuse: 76
#[test]
fn an_end_above_ends_a_capability_below_and_a_renewal_gives_it_back() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    let reporting = capability("reporting");
    let end = world.at + days(1);
    world.operate(&assign(root(), "reporting", Some(end))).unwrap();
    world.ada(&assign(contoso, "reporting", Some(end + days(9)))).unwrap();
    world.run(ada(), contoso, &assign(site, "reporting", None)).unwrap();
    let effective = |world: &World, at| {
        [root(), contoso, site].map(|organization| world.tree.is_capable(organization, &reporting, at))
    };
    assert_eq!(effective(&world, end - chrono::TimeDelta::nanoseconds(1)), [true; 3]);
    assert_eq!(effective(&world, end), [false; 3], "at that very instant, for the whole subtree");
    assert_eq!(world.tree.capability_end(site, &reporting), Some(end), "the earliest on the path");

    world.pass(days(2));
    world.operate(&assign(root(), "reporting", None)).unwrap();
    assert_eq!(effective(&world, world.at), [true; 3], "with nothing to be redone");
    assert_eq!(world.tree.capability_end(site, &reporting), Some(end + days(9)));

    // Withdrawn in the middle: the child keeps its assignment, and has nothing by it.
    world.ada(&WithdrawCapability { organization: contoso, capability: reporting.clone() }).unwrap();
    assert_eq!(effective(&world, world.at), [true, false, false]);
    assert!(world.tree.organization(site).unwrap().capabilities().contains_key(&reporting));
    assert!(!world.tree.is_capable(organization(99), &reporting, world.at));
}

// spec: LIC-6
#[test]
fn an_assignment_that_is_over_before_it_begins_is_refused() {
    let mut world = World::new();
    let refusal = world.operate(&assign(root(), "reporting", Some(world.at))).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(CapabilityError::AlreadyOver { until: world.at }));
    let end = world.at + chrono::TimeDelta::nanoseconds(1);
    world.operate(&assign(root(), "reporting", Some(end))).unwrap();
}

// spec: LIC-7
#[test]
fn only_a_root_lets_others_manage_and_one_who_may_not_creates_no_children() {
    let rules = Rules::custom().managing_capability(Some(capability("msp"))).build().unwrap();
    let mut world = World::with(rules);
    let lacks = |parent| OrganizationError::NotCapable { parent, capability: capability("msp") };
    assert_eq!(world.ada(&create(2, root())).unwrap_err().into_rule(), Some(lacks(root())));
    world.operate(&assign(root(), "msp", None)).unwrap();
    let contoso = world.child(2, root(), "Contoso");
    assert_eq!(world.run(ada(), contoso, &create(3, contoso)).unwrap_err().into_rule(), Some(lacks(contoso)));

    world.ada(&assign(contoso, "msp", None)).unwrap();
    let site = world.child(3, contoso, "Site");
    let refusal = world.run(ada(), contoso, &assign(site, "msp", None)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(CapabilityError::ManagedThemselves { parent: contoso }));
    // Where the rules do not ask for it, nobody needs it.
    World::new().child(2, root(), "Contoso");
}

// spec: LIC-8
#[test]
fn one_who_holds_a_claim_where_its_capability_is_missing_is_denied_for_that_reason() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    assert!(!world.may(ada(), "reports.view", contoso), "an owner holds every claim, and this one needs more");
    let why = world.tree.access().explain(ada(), contoso, &claim("reports.view"), world.at);
    let lacking = DenialReason::MissingCapability { capability: capability("reporting"), organization: root() };
    assert_eq!(why.reasons, [lacking]);
    world.operate(&assign(root(), "reporting", None)).unwrap();
    assert!(!world.may(ada(), "reports.view", contoso));
    world.ada(&assign(contoso, "reporting", None)).unwrap();
    assert!(world.may(ada(), "reports.view", contoso));
}

fn limited(limits: UsageLimits) -> World {
    let plan = Plan { features: Feature::OWN.iter().cloned().collect(), limits };
    let mut world = World::bare(Rules::custom().plan("Small".parse().unwrap(), plan).build().unwrap());
    world.subscribe("Small", Window::ALWAYS);
    world
}

fn reached(limit: UsageLimit, allowed: u64, used: u64) -> Precondition {
    Precondition::LimitReached { organization: root(), limit, allowed, used }
}

// spec: LIC-9
#[test]
fn seats_are_limited_and_a_pending_invitation_reserves_one() {
    let mut world = limited(UsageLimits { seats: Some(3), ..UsageLimits::default() });
    let team = world.team(1, root(), "Team", &[]);
    world.user(2, "Grace", &[]);
    world.ada(&invite(1, root(), team, "new@people.example")).unwrap();
    assert_eq!(world.tree.usage(root(), UsageLimit::Seats, world.at), 3);

    let full = reached(UsageLimit::Seats, 3, 3);
    let refusal = world.ada(&AddMember { organization: root(), principal: principal(3), person: None }).unwrap_err();
    assert_eq!(refusal.to_string(), format!("organization {} uses 3 of 3 seats: free one or change the plan", root()));
    assert_eq!(refusal.into_rule(), Some(full.clone().into()));
    let second = invite(2, root(), team, "more@people.example");
    assert_eq!(world.ada(&second).unwrap_err().into_rule(), Some(full.into()));
    // A machine identity takes none.
    let person = Person::named(name("Robot"));
    world.ada(&CreateMachineIdentity { organization: root(), identity: principal(8), person }).unwrap();

    // Accepting is net zero; an invitation that ends frees its seat.
    world.newcomer(principal(4), &accept(1, "new@people.example")).unwrap();
    assert_eq!(world.tree.usage(root(), UsageLimit::Seats, world.at), 3);
    world.ada(&RemoveMember { organization: root(), principal: principal(4) }).unwrap();
    world.ada(&second).unwrap();
    assert_eq!(world.tree.usage(root(), UsageLimit::Seats, world.at), 3);
    world.pass(days(7));
    assert_eq!(world.tree.usage(root(), UsageLimit::Seats, world.at), 2, "it expired");
    world.user(5, "Linus", &[]);
}

// spec: LIC-9
#[test]
fn sub_organizations_groups_and_pending_invitations_are_limited() {
    let one = UsageLimits {
        sub_organizations: Some(1),
        groups: Some(1),
        pending_invitations: Some(1),
        ..UsageLimits::default()
    };
    let mut world = limited(one);
    world.child(2, root(), "Contoso");
    let refusal = world.ada(&create(3, root())).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(reached(UsageLimit::SubOrganizations, 1, 1).into()));

    let team = world.team(1, root(), "Team", &[]);
    let second = CreateGroup {
        organization: root(),
        group: group(2),
        name: name("Second"),
        gives: BTreeSet::new(),
        owner: ada(),
    };
    assert_eq!(world.ada(&second).unwrap_err().into_rule(), Some(reached(UsageLimit::Groups, 1, 1).into()));

    world.ada(&invite(1, root(), team, "a@people.example")).unwrap();
    let refusal = world.ada(&invite(2, root(), team, "b@people.example")).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(reached(UsageLimit::PendingInvitations, 1, 1).into()));
    world.ada(&RevokeInvitation { organization: root(), invitation: invitation(1) }).unwrap();
    world.ada(&invite(2, root(), team, "b@people.example")).unwrap();
    // Each organization has its own.
    world.team(3, organization(2), "Team", &[]);
}

// A machine identity that bore the address of an invited person would hide the seat taken.
// spec: LIC-9
// spec: MEM-2
#[test]
fn a_machine_identity_has_no_address() {
    let mut world = limited(UsageLimits { seats: Some(2), ..UsageLimits::default() });
    let team = world.team(1, root(), "Team", &[]);
    world.ada(&invite(1, root(), team, "new@people.example")).unwrap();
    let person = Person::named(name("Robot")).reachable_at(address("new@people.example"));
    let robot = CreateMachineIdentity { organization: root(), identity: principal(8), person };
    assert_eq!(world.ada(&robot).unwrap_err().into_rule(), Some(MemberError::MachineAddress));
}

// spec: LIC-10
// abuse: 77
#[test]
fn a_lapse_traps_nobody() {
    let (mut world, contoso) = furnished(Rules::custom().lapse(Lapse::Suspend).build().unwrap());
    let (grace, team, site) = (principal(2), group(1), organization(4));
    world.ada(&grant(grace, "owner", root())).unwrap();
    world.run(ada(), contoso, &AddGroupOwner { organization: root(), group: team, owner: grace }).unwrap();
    world.ada(&CreateProject { organization: root(), project: project(2), name: name("Second") }).unwrap();
    world.pass(days(1));
    assert!(!world.tree.grants(&Feature::UserManagement, world.at));

    // Reading.
    let limit = 10.try_into().unwrap();
    world.tree.roster(ada(), root(), &RosterFilter::default(), 0, limit, world.at).unwrap();
    assert!(world.may(ada(), "backups.view", root()));
    // Ending, revoking, narrowing.
    world.ada(&RevokeInvitation { organization: root(), invitation: invitation(1) }).unwrap();
    let narrow = DefineRole { organization: root(), role: role(1), name: name("Ops"), claims: BTreeSet::new() };
    world.ada(&narrow).unwrap();
    world.ada(&DeleteRole { organization: root(), role: role(1) }).unwrap();
    let gives = BTreeSet::new();
    world.ada(&DefineGroup { organization: root(), group: team, name: name("Team"), gives }).unwrap();
    world.ada(&RevokePrivilege { organization: root(), principal: grace, privilege: Privilege::OWNER }).unwrap();
    world.ada(&SuspendMember { organization: contoso, principal: grace }).unwrap();
    world.ada(&RestoreMember { organization: contoso, principal: grace }).unwrap();
    world.ada(&RemoveGroupOwner { organization: root(), group: team, owner: grace }).unwrap();
    let participant = Participant::Principal(grace);
    world.ada(&RemoveGroupMember { organization: root(), group: team, participant }).unwrap();
    world.ada(&RemoveProjectMember { organization: root(), project: project(1), principal: grace }).unwrap();
    world.ada(&DeleteProject { organization: root(), project: project(2) }).unwrap();
    world.run(ada(), site, &OptOutOfLink { organization: site, link: link(1) }).unwrap();
    world.ada(&EndLink { organization: contoso, link: link(1) }).unwrap();
    world.ada(&DeleteGroup { organization: root(), group: team }).unwrap();
    // Leaving and removing.
    world.run(grace, contoso, &RemoveMember { organization: contoso, principal: grace }).unwrap();
    world.ada(&RemoveMember { organization: root(), principal: grace }).unwrap();
    world.ada(&TransferOwnership { organization: root(), to: principal(3) }).unwrap();
    world.run(ada(), site, &DeactivateOrganization { organization: site, with_descendants: false }).unwrap();
    world.run(ada(), site, &ReactivateOrganization { organization: site }).unwrap();
    world.tree.detach(&world.context(ada(), root()), &DetachOrganization { organization: site, sever: true }).unwrap();
    let evidence = Evidence::none(world.at);
    world.run(ada(), contoso, &DeleteOrganization { organization: site, evidence, mode: DeletionMode::Hard }).unwrap();
}
