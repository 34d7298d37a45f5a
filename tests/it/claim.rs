//! CLM: claims, roles, grants, and who may do what.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::support::*;

fn grant(who: PrincipalId, what: Privilege, organization: OrganizationId) -> GrantPrivilege {
    GrantPrivilege { organization, principal: who, privilege: what, window: Window::ALWAYS }
}

fn revoke(who: PrincipalId, what: Privilege, organization: OrganizationId) -> RevokePrivilege {
    RevokePrivilege { organization, principal: who, privilege: what }
}

fn owned_by(world: &mut World, number: u128, called: &str, owner: PrincipalId) -> OrganizationId {
    let organization = organization(number);
    let create = CreateOrganization {
        organization,
        parent: root(),
        name: name(called),
        slug: None,
        owner: Some(owner),
        secret: secret(),
    };
    world.ada(&create).unwrap();
    organization
}

fn last_owner(organizations: &[OrganizationId]) -> Precondition {
    Precondition::LastOwner { organizations: organizations.to_vec() }
}

// spec: CLM-1
#[test]
fn owning_the_parent_gives_nothing_in_the_child_nor_the_reverse() {
    let mut world = World::new();
    let carol = world.user(3, "Carol", &[]);
    let contoso = owned_by(&mut world, 2, "Contoso", carol);
    assert!(world.owns(ada(), root()) && world.owns(carol, contoso));
    let access = world.tree.access();
    assert!(access.claims(ada(), contoso, world.at).is_empty());
    assert!(access.claims(carol, root(), world.at).is_empty());
    world.grant(carol, "backups.restore", root());
    let litware = world.child(4, root(), "Litware");
    assert!(!world.may(carol, "backups.restore", litware));
    let denied = world.run(ada(), root(), &grant(carol, privilege("backups.view"), contoso)).unwrap_err();
    assert!(matches!(denied, Refusal::Denied(Denial::Forbidden { operation: Operation::Grant, .. })), "{denied}");
}

// spec: CLM-2
#[test]
fn a_catalog_refuses_what_is_declared_twice_not_at_all_or_in_a_circle() {
    let view = |name: &str| ClaimDeclaration::view(claim(name), "");
    let twice = Catalog::new([view("a.b"), view("a.b")]).unwrap_err();
    assert_eq!(twice, InvalidCatalog::Twice(claim("a.b")));
    assert_eq!(Catalog::new([view("groups.manage")]).unwrap_err(), InvalidCatalog::Twice(claim("groups.manage")));
    let missing = Catalog::new([view("a.b").implying(claim("a.c"))]).unwrap_err();
    assert_eq!(missing, InvalidCatalog::Undeclared { claim: claim("a.b"), implied: claim("a.c") });
    let circle = Catalog::new([
        view("a.a").implying(claim("a.b")),
        view("a.b").implying(claim("a.c")),
        view("a.c").implying(claim("a.b")),
    ]);
    assert_eq!(circle.unwrap_err(), InvalidCatalog::Cycle { claims: vec![claim("a.b"), claim("a.c")] });
    let own = Catalog::new([view("a.a").implying(claim("a.a"))]).unwrap_err();
    assert_eq!(own, InvalidCatalog::Cycle { claims: vec![claim("a.a")] });
    let long = Catalog::new((0..200).map(|n| {
        let declaration = view(&format!("long.n{n}"));
        if n == 0 { declaration } else { declaration.implying(claim(&format!("long.n{}", n - 1))) }
    }))
    .unwrap();
    assert_eq!(long.expand(&claim("long.n199").into()).len(), 200, "at whatever distance");
    for bad in ["", ".", "a.", ".a", "A.b", "a b", "a..b", "ä.b", "owner", "a.*", &"a".repeat(129)] {
        assert!(bad.parse::<Claim>().is_err(), "{bad}");
    }
    for bad in ["", "*", ".*", "a.*.b", "a*", "owner.*", "Owner"] {
        assert!(bad.parse::<Grantable>().is_err(), "{bad}");
    }
}

// spec: CLM-2
#[test]
fn a_claim_has_a_description_an_access_kind_and_what_it_implies() {
    let catalog = catalog();
    let restore = catalog.declaration(&claim("backups.restore")).unwrap();
    assert_eq!((restore.description.as_str(), restore.access), ("Restore backups", AccessKind::Manage));
    assert_eq!(restore.implies, [claim("backups.view")]);
    assert_eq!(catalog.declaration(&claim("reports.view")).unwrap().requires, Some("reporting".parse().unwrap()));
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    world.grant(bob, "backups.restore", root());
    assert!(world.may(bob, "backups.view", root()), "what is implied comes with it");
    assert!(!world.may(bob, "backups.delete", root()));
}

// spec: CLM-2
#[test]
fn what_is_not_declared_is_refused_wherever_it_could_be_written() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    for text in ["backups.burn", "nothing.*"] {
        let undeclared = Precondition::UndeclaredClaim { claim: text.parse().unwrap() };
        let refused = world.ada(&grant(bob, privilege(text), root())).unwrap_err();
        assert_eq!(refused.into_rule(), Some(GrantError::Precondition(undeclared.clone())));
        let claims = BTreeSet::from([text.parse().unwrap()]);
        let define = DefineRole { organization: root(), role: role(1), name: name("Role"), claims };
        let refused = world.ada(&define).unwrap_err();
        assert_eq!(refused.into_rule(), Some(RoleError::Precondition(undeclared.clone())));
        let gives = BTreeSet::from([privilege(text)]);
        let create = CreateGroup { organization: root(), group: group(1), name: name("Group"), gives, owner: ada() };
        let refused = world.ada(&create).unwrap_err();
        assert_eq!(refused.into_rule(), Some(GroupError::Precondition(undeclared)));
    }
}

// spec: CLM-2
#[test]
fn a_wildcard_covers_every_declared_claim_beneath_it() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    world.grant(bob, "backups.*", root());
    for held in ["backups.view", "backups.restore", "backups.delete"] {
        assert!(world.may(bob, held, root()), "{held}");
    }
    for not in ["reports.view", "groups.view"] {
        assert!(!world.may(bob, not, root()), "{not}");
    }
    assert!(!claim("backupset.view").is_below(&claim("backups")));
}

// spec: CLM-2
// spec: LIC-8
#[test]
fn a_claim_that_depends_on_a_capability_is_denied_without_it_and_the_reason_says_so() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let bob = world.user(2, "Bob", &[contoso]);
    world.grant(bob, "reports.view", contoso);
    let reporting: CapabilityName = "reporting".parse().unwrap();
    let reasons = |world: &World| world.tree.access().explain(bob, contoso, &claim("reports.view"), world.at).reasons;
    let missing = |organization| vec![DenialReason::MissingCapability { capability: reporting.clone(), organization }];
    assert!(!world.may(bob, "reports.view", contoso) && !world.may(ada(), "reports.view", contoso));
    assert_eq!(reasons(&world), missing(root()));
    let until = Some(noon() + days(1));
    world.operate(&AssignCapability { organization: root(), capability: reporting.clone(), until }).unwrap();
    assert_eq!(reasons(&world), missing(contoso));
    world.ada(&AssignCapability { organization: contoso, capability: reporting.clone(), until: None }).unwrap();
    assert!(world.may(bob, "reports.view", contoso));
    let question = Question { principal: bob, organization: contoso, claim: claim("reports.view") };
    assert_eq!(world.tree.access().check(&question, world.at).until, until);
    world.at = noon() + days(1);
    assert!(!world.may(bob, "reports.view", contoso), "an expiry above takes it away at that instant");
    let nobody = world.user(3, "Carol", &[contoso]);
    let explained = world.tree.access().explain(nobody, contoso, &claim("reports.view"), world.at).reasons;
    assert!(explained.contains(&DenialReason::NoPath), "the capability alone would not help: {explained:?}");
}

// spec: CLM-3
#[test]
fn owner_implies_every_claim_of_its_organization() {
    let world = World::new();
    let access = world.tree.access();
    for declaration in world.tree.catalog().declarations().filter(|declaration| declaration.requires.is_none()) {
        assert!(access.allows(ada(), root(), &declaration.name, world.at), "{}", declaration.name);
    }
    assert!(access.claims(ada(), root(), world.at).is_owner());
}

// spec: CLM-3
#[test]
fn a_role_is_usable_where_it_is_defined_and_beneath_and_nowhere_else() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let below = world.child(3, contoso, "Below");
    let litware = world.child(4, root(), "Litware");
    let bob = world.user(2, "Bob", &[contoso, below, litware]);
    let claims = BTreeSet::from(["backups.restore".parse().unwrap()]);
    let define = DefineRole { organization: contoso, role: role(1), name: name("Restorer"), claims };
    world.run(ada(), contoso, &define).unwrap();
    let restorer = Privilege::Role(RoleRef::Defined(role(1)));
    for place in [contoso, below] {
        world.run(ada(), place, &grant(bob, restorer.clone(), place)).unwrap();
        assert!(world.may(bob, "backups.restore", place));
    }
    for place in [root(), litware] {
        let refused = world.run(ada(), place, &grant(bob, restorer.clone(), place)).unwrap_err();
        assert_eq!(refused.into_rule(), Some(Precondition::NotFound { what: "role" }.into()));
    }
    assert_eq!(world.tree.roles_usable_in(below).map(Role::id).collect::<Vec<_>>(), [role(1)]);
    assert_eq!(world.tree.roles_usable_in(litware).count(), 0);
    let narrower = DefineRole {
        organization: contoso,
        role: role(1),
        name: name("Viewer"),
        claims: BTreeSet::from(["backups.view".parse().unwrap()]),
    };
    world.run(ada(), contoso, &narrower).unwrap();
    assert!(!world.may(bob, "backups.restore", below) && world.may(bob, "backups.view", below));
    world.run(ada(), contoso, &DeleteRole { organization: contoso, role: role(1) }).unwrap();
    assert!(!world.may(bob, "backups.view", contoso) && !world.may(bob, "backups.view", below));
    assert!(world.replayed() == world.tree);
}

// spec: CLM-3
#[test]
fn a_role_never_carries_owner_and_manage_organization_gives_all_but_that() {
    let mut world = World::new();
    let claims = BTreeSet::from([Grantable::Owner]);
    let define = DefineRole { organization: root(), role: role(1), name: name("Boss"), claims };
    assert_eq!(world.ada(&define).unwrap_err().into_rule(), Some(RoleError::CarriesOwner));
    let bob = world.user(2, "Bob", &[]);
    world.ada(&grant(bob, RoleRef::ManageOrganization.into(), root())).unwrap();
    let access = world.tree.access();
    for declaration in world.tree.catalog().declarations().filter(|declaration| declaration.requires.is_none()) {
        assert!(access.allows(bob, root(), &declaration.name, world.at), "{}", declaration.name);
    }
    assert!(!world.owns(bob, root()));
}

// spec: CLM-3
#[test]
fn manage_msp_customers_creates_edits_deactivates_and_assigns_without_owning() {
    let rules = Rules::custom().authority(Operation::CreateOrganization, claim("organizations.create")).build();
    let mut world = World::with(rules.unwrap());
    let bob = world.user(2, "Bob", &[]);
    let carol = world.user(3, "Carol", &[]);
    world.ada(&grant(bob, RoleRef::ManageMspCustomers.into(), root())).unwrap();
    let contoso = organization(2);
    let create = CreateOrganization {
        organization: contoso,
        parent: root(),
        name: name("Contoso"),
        slug: None,
        owner: Some(carol),
        secret: secret(),
    };
    world.run(bob, root(), &create).unwrap();
    let rename = EditOrganization { name: Some(name("Contoso Ltd")), ..EditOrganization::of(contoso) };
    world.run(bob, root(), &rename).unwrap();
    let capability: CapabilityName = "reporting".parse().unwrap();
    world.operate(&AssignCapability { organization: root(), capability: capability.clone(), until: None }).unwrap();
    world.run(bob, root(), &AssignCapability { organization: contoso, capability, until: None }).unwrap();
    let below = organization(3);
    let create = CreateOrganization {
        organization: below,
        parent: contoso,
        name: name("Below"),
        slug: None,
        owner: None,
        secret: secret(),
    };
    world.run(carol, contoso, &create).unwrap();
    let grandchild = EditOrganization { name: Some(name("Other")), ..EditOrganization::of(below) };
    assert!(world.run(bob, root(), &grandchild).is_err(), "direct children only");
    let rest = DeactivateOrganization { organization: contoso, with_descendants: true };
    world.run(bob, root(), &rest).unwrap();
    assert!(!world.owns(bob, contoso) && world.tree.access().claims(bob, contoso, world.at).is_empty());
    assert!(world.tree.member(contoso, bob).is_none());
    assert!(world.run(bob, root(), &ReactivateOrganization { organization: contoso }).is_err(), "that is an owner's");
}

// spec: CLM-4
#[test]
fn owners_grant_and_revoke_claims_and_roles() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    for what in [privilege("backups.view"), RoleRef::ManageOrganization.into(), Privilege::OWNER] {
        world.ada(&grant(bob, what.clone(), root())).unwrap();
        assert_eq!(world.tree.grants_of(root(), bob).len(), 1);
        assert_eq!(
            world.ada(&grant(bob, what.clone(), root())).unwrap_err().into_rule(),
            Some(GrantError::AlreadyGranted)
        );
        world.ada(&revoke(bob, what.clone(), root())).unwrap();
        assert!(world.tree.access().claims(bob, root(), world.at).is_empty());
        assert_eq!(world.ada(&revoke(bob, what, root())).unwrap_err().into_rule(), Some(GrantError::NotGranted));
    }
}

// spec: CLM-4
#[test]
fn one_who_is_no_owner_hands_on_no_more_than_they_hold_and_never_owner() {
    let mut world = World::new();
    let (bob, carol) = (world.user(2, "Bob", &[]), world.user(3, "Carol", &[]));
    for held in ["claims.grant", "backups.view", "roles.manage", "groups.manage"] {
        world.grant(bob, held, root());
    }
    world.run(bob, root(), &grant(carol, privilege("backups.view"), root())).unwrap();
    let more = |claims: &[&str]| Precondition::HandsOnMore {
        claims: claims.iter().map(|claim| claim.parse().unwrap()).collect(),
    };
    let refused = world.run(bob, root(), &grant(carol, privilege("backups.restore"), root())).unwrap_err();
    assert_eq!(refused.into_rule(), Some(more(&["backups.restore"]).into()));
    let refused = world.run(bob, root(), &grant(carol, privilege("backups.*"), root())).unwrap_err();
    assert_eq!(refused.into_rule(), Some(more(&["backups.restore", "backups.delete"]).into()));
    let Some(GrantError::Precondition(Precondition::HandsOnMore { claims })) =
        world.run(bob, root(), &grant(carol, Privilege::OWNER, root())).unwrap_err().into_rule()
    else {
        panic!("never Owner")
    };
    assert_eq!(claims.first(), Some(&Grantable::Owner));
    let claims = BTreeSet::from(["backups.restore".parse().unwrap()]);
    let define = DefineRole { organization: root(), role: role(1), name: name("Wider"), claims };
    let refused = world.run(bob, root(), &define).unwrap_err();
    assert_eq!(refused.into_rule(), Some(more(&["backups.restore"]).into()));
    let gives = BTreeSet::from([privilege("backups.restore")]);
    let create = CreateGroup { organization: root(), group: group(1), name: name("Wider"), gives, owner: bob };
    let refused = world.run(bob, root(), &create).unwrap_err();
    assert_eq!(refused.into_rule(), Some(more(&["backups.restore"]).into()));
    world.ada(&revoke(bob, privilege("claims.grant"), root())).unwrap();
    let without = world.run(bob, root(), &grant(carol, privilege("backups.view"), root())).unwrap_err();
    assert!(matches!(without, Refusal::Denied(Denial::Forbidden { operation: Operation::Grant, .. })));
}

// spec: CLM-4
#[test]
fn one_who_is_no_owner_takes_nothing_from_suspends_or_removes_one_who_holds_more() {
    let mut world = World::new();
    let (bob, carol) = (world.user(2, "Bob", &[]), world.user(3, "Carol", &[]));
    for held in ["claims.grant", "members.manage", "backups.view"] {
        world.grant(bob, held, root());
    }
    world.grant(carol, "backups.restore", root());
    world.grant(carol, "members.view", root());
    let more = || Precondition::HoldsMore { organization: root(), principal: carol };
    let refused = world.run(bob, root(), &revoke(carol, privilege("members.view"), root())).unwrap_err();
    assert_eq!(refused.into_rule(), Some(more().into()));
    let refused = world.run(bob, root(), &SuspendMember { organization: root(), principal: carol }).unwrap_err();
    assert_eq!(refused.into_rule(), Some(more().into()));
    let refused = world.run(bob, root(), &RemoveMember { organization: root(), principal: carol }).unwrap_err();
    assert_eq!(refused.into_rule(), Some(more().into()));
    let shorter =
        GrantPrivilege { window: Window::until(noon() + days(1)), ..grant(carol, privilege("members.view"), root()) };
    assert_eq!(world.run(bob, root(), &shorter).unwrap_err().into_rule(), Some(more().into()), "nor by shortening");
    world.ada(&revoke(carol, privilege("backups.restore"), root())).unwrap();
    world.run(bob, root(), &revoke(carol, privilege("members.view"), root())).unwrap();
    world.run(bob, root(), &RemoveMember { organization: root(), principal: carol }).unwrap();
}

// spec: CLM-5
#[test]
fn the_creator_is_the_first_owner_and_whatever_would_take_the_last_one_is_refused() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    assert_eq!(world.tree.acting_owners(contoso, world.at).collect::<Vec<_>>(), [ada()]);
    let here = || last_owner(&[contoso]);
    let revoked = world.run(ada(), contoso, &revoke(ada(), Privilege::OWNER, contoso)).unwrap_err();
    assert_eq!(revoked.into_rule(), Some(here().into()));
    let left = world.run(ada(), contoso, &RemoveMember { organization: contoso, principal: ada() }).unwrap_err();
    assert_eq!(left.into_rule(), Some(here().into()));
    let suspended = world.run(ada(), contoso, &SuspendMember { organization: contoso, principal: ada() }).unwrap_err();
    assert_eq!(suspended.into_rule(), Some(here().into()));
    for window in [Window::until(noon() + days(400)), Window::starting(noon() + days(1))] {
        let ending = GrantPrivilege { window, ..grant(ada(), Privilege::OWNER, contoso) };
        let refused = world.run(ada(), contoso, &ending).unwrap_err();
        assert_eq!(refused.into_rule(), Some(here().into()), "{window:?}");
    }
    let bob = world.user(2, "Bob", &[contoso]);
    world.grant(bob, "owner", contoso);
    world.run(bob, contoso, &revoke(ada(), Privilege::OWNER, contoso)).unwrap();
    let removed = world.run(bob, contoso, &RemoveMember { organization: contoso, principal: bob }).unwrap_err();
    assert_eq!(removed.into_rule(), Some(here().into()));
}

// spec: CLM-5
#[test]
fn only_a_person_who_owns_directly_and_without_end_counts() {
    let mut world = World::new();
    let machine = principal(70);
    let person = Person::named(name("Pipeline"));
    world.ada(&CreateMachineIdentity { organization: root(), identity: machine, person }).unwrap();
    world.grant(machine, "owner", root());
    let (bob, carol, dan) = (world.user(2, "Bob", &[]), world.user(3, "Carol", &[]), world.user(4, "Dan", &[]));
    world.grant(bob, "owner", root());
    world.ada(&SuspendMember { organization: root(), principal: bob }).unwrap();
    let ending = GrantPrivilege { window: Window::until(noon() + days(1)), ..grant(carol, Privilege::OWNER, root()) };
    world.ada(&ending).unwrap();
    let owners = world.team(1, root(), "Owners", &["owner"]);
    world.join(dan, owners);
    assert!(world.owns(machine, root()) && world.owns(carol, root()) && world.owns(dan, root()));
    assert_eq!(world.tree.acting_owners(root(), world.at).collect::<Vec<_>>(), [ada()]);
    let refused = world.run(dan, root(), &revoke(ada(), Privilege::OWNER, root())).unwrap_err();
    assert_eq!(refused.into_rule(), Some(last_owner(&[root()]).into()));
    let leave = GroupError::Precondition(Precondition::NotFound { what: "group" });
    assert_ne!(
        Some(leave),
        world.ada(&DeleteGroup { organization: root(), group: owners }).err().and_then(Refusal::into_rule)
    );
    assert!(!world.owns(dan, root()) && world.owns(ada(), root()), "the owner who counts was another");
    world.ada(&RestoreMember { organization: root(), principal: bob }).unwrap();
    world.run(bob, root(), &revoke(ada(), Privilege::OWNER, root())).unwrap();
}

// spec: CLM-5
#[test]
fn a_removal_that_would_strip_several_organizations_names_every_one() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    let contoso = owned_by(&mut world, 2, "Contoso", bob);
    let litware = owned_by(&mut world, 3, "Litware", bob);
    let wingtip = owned_by(&mut world, 4, "Wingtip", ada());
    world.run(ada(), wingtip, &AddMember { organization: wingtip, principal: bob, person: None }).unwrap();
    let refused = world.ada(&RemoveMember { organization: root(), principal: bob }).unwrap_err();
    assert_eq!(refused.into_rule(), Some(last_owner(&[contoso, litware]).into()));
}

// spec: CLM-6
#[test]
fn a_grant_counts_from_exactly_its_start_and_no_longer_at_exactly_its_end() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    let (from, until) = (noon() + days(1), noon() + days(2));
    let window = Window::new(Some(from), Some(until)).unwrap();
    let timed = GrantPrivilege { window, ..grant(bob, privilege("backups.view"), root()) };
    world.ada(&timed).unwrap();
    let tick = chrono::TimeDelta::nanoseconds(1);
    for (at, may) in [(from - tick, false), (from, true), (until - tick, true), (until, false)] {
        world.at = at;
        assert_eq!(world.may(bob, "backups.view", root()), may, "{at}");
    }
    assert_eq!(world.ada(&timed).unwrap_err().into_rule(), Some(GrantError::AlreadyOver));
    assert_eq!(Window::new(Some(from), Some(from)), Err(InvalidTime::Empty { from, until: from }));
    assert_eq!(Window::new(Some(until), Some(from)), Err(InvalidTime::Empty { from: until, until: from }));
}

// spec: CLM-12
#[test]
fn an_embedder_puts_a_claim_of_their_own_in_the_place_of_a_row() {
    let create = |number| CreateOrganization {
        organization: organization(number),
        parent: root(),
        name: name("Contoso"),
        slug: None,
        owner: None,
        secret: secret(),
    };
    let mut default = World::new();
    let bob = default.user(2, "Bob", &[]);
    default.grant(bob, "backups.delete", root());
    let need = Need {
        demand: Demand { authority: Authority::Owner, place: Place::Organization },
        claim: None,
        organization: Some(root()),
    };
    let operation = Operation::CreateOrganization;
    let denial = Denial::Forbidden { operation, ways: vec![vec![need.clone()]] };
    assert_eq!(default.run(bob, root(), &create(2)).unwrap_err(), Refusal::Denied(denial));

    let rules = Rules::custom().authority(operation, claim("backups.delete")).build().unwrap();
    let mut world = World::with(rules);
    let (bob, carol) = (world.user(2, "Bob", &[]), world.user(3, "Carol", &[]));
    world.grant(bob, "backups.delete", root());
    world.run(bob, root(), &create(2)).unwrap();
    let missing = Need { claim: Some(claim("backups.delete")), ..need };
    let denial = Denial::Forbidden { operation, ways: vec![vec![missing]] };
    let refused = world.run(carol, root(), &create(3)).unwrap_err();
    assert_eq!(refused, Refusal::Denied(denial));
    assert!(refused.to_string().contains("`backups.delete`"), "{refused}");
    for fixed in [Operation::FoundTree, Operation::RecordSubscription, Operation::AcceptInvitation] {
        let refused = Rules::custom().authority(fixed, claim("backups.view")).build();
        assert_eq!(refused.unwrap_err(), InvalidRules::NotReplaceable(fixed));
    }
}

// spec: CLM-12
#[test]
fn what_only_the_operator_does_no_owner_does() {
    let mut world = World::new();
    let record = RecordSubscription {
        root: root(),
        plan: "Enterprise".parse().unwrap(),
        status: SubscriptionStatus::Active,
        term: Window::ALWAYS,
    };
    let refused = world.ada(&record).unwrap_err();
    assert!(matches!(refused, Refusal::Denied(Denial::Forbidden { operation: Operation::RecordSubscription, .. })));
    world.operate(&record).unwrap();
}
