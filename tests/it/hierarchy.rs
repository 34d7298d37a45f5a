//! HIE: the hierarchy.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::support::*;

fn create(number: u128, parent: OrganizationId, called: &str) -> CreateOrganization {
    CreateOrganization {
        organization: organization(number),
        parent,
        name: name(called),
        slug: None,
        owner: None,
        secret: secret(),
    }
}

fn levels(limit: u8) -> ChangeTreeSettings {
    ChangeTreeSettings { root: root(), levels: Some(LevelLimit::new(limit).unwrap()), straight_invitations: None }
}

// spec: HIE-1
#[test]
fn a_root_has_no_parent_and_a_child_has_the_one_it_was_created_under() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    assert_eq!(world.tree.root(), root(), "a root is its own root");
    assert_eq!(world.tree.organization(root()).unwrap().parent(), None);
    assert_eq!(world.tree.organization(contoso).unwrap().parent(), Some(root()));
    // Parent and root are worked out; the command named the parent once and the root never.
    assert_eq!(world.tree.organization(site).unwrap().ancestors(), [root(), contoso]);
    assert_eq!(world.tree.path(site).collect::<Vec<_>>(), [root(), contoso, site]);
    assert!(world.replayed() == world.tree);
}

// spec: HIE-2
#[test]
fn one_level_too_deep_is_refused_with_the_limit_and_the_level() {
    let mut world = World::new();
    let second = world.child(2, root(), "Second");
    let third = world.child(3, second, "Third");
    let refusal = world.run(ada(), third, &create(4, third, "Fourth")).unwrap_err();
    assert_eq!(refusal.to_string(), "the tree is limited to 3 levels; level 4 was asked for");
    assert_eq!(refusal.into_rule(), Some(OrganizationError::TooDeep { limit: 3, level: 4 }));
    assert!(world.replayed() == world.tree);
}

// spec: HIE-2
#[test]
fn a_tree_sets_its_own_bound_from_one_level_to_thirty_two() {
    assert!(LevelLimit::new(0).is_err() && LevelLimit::new(33).is_err());
    let mut world = World::new();
    world.ada(&levels(1)).unwrap();
    let refusal = world.ada(&create(2, root(), "Second")).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(OrganizationError::TooDeep { limit: 1, level: 2 }));

    world.ada(&levels(32)).unwrap();
    let mut deepest = root();
    for number in 2..=32 {
        deepest = world.child(number, deepest, "Level");
    }
    assert_eq!(world.tree.level(deepest), Some(32));
    let refusal = world.run(ada(), deepest, &create(33, deepest, "Level")).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(OrganizationError::TooDeep { limit: 32, level: 33 }));
}

// spec: HIE-2
#[test]
fn the_bound_is_lowered_to_the_depth_in_use_and_no_further() {
    let mut world = World::new();
    world.child(2, root(), "Second");
    let refusal = world.ada(&levels(1)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(SettingsError::LevelsInUse { limit: 1, used: 2 }));
    world.ada(&levels(2)).unwrap();
    assert_eq!(world.tree.settings().levels, LevelLimit::TWO);
}

// spec: HIE-3
#[test]
fn a_sub_organization_is_created_under_the_acting_organization_alone() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let refusal = world.ada(&create(3, contoso, "Site")).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(OrganizationError::NotActingFrom { parent: contoso }));
    world.run(ada(), contoso, &create(3, contoso, "Site")).unwrap();
}

// spec: HIE-3
#[test]
fn creating_takes_an_owner_of_the_parent() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[root()]);
    world.grant(grace, "organizations.create", root());
    let refusal = world.run(grace, root(), &create(2, root(), "Contoso")).unwrap_err();
    assert_eq!(refusal.kind(), Kind::Forbidden);
    assert!(refusal.to_string().contains("to create a sub-organization needs ownership in the organization"));
}

// spec: HIE-3
#[test]
fn where_the_rules_permit_it_who_manages_customers_creates_them() {
    let claim = claim("organizations.create");
    let mut world = World::with(Rules::custom().authority(Operation::CreateOrganization, claim).build().unwrap());
    let grace = world.user(2, "Grace", &[root()]);
    let refusal = world.run(grace, root(), &create(2, root(), "Contoso")).unwrap_err();
    assert!(refusal.to_string().contains("`organizations.create`"), "{refusal}");
    let privilege = Privilege::Role(RoleRef::ManageMspCustomers);
    world.ada(&GrantPrivilege { organization: root(), principal: grace, privilege, window: Window::ALWAYS }).unwrap();
    let named = CreateOrganization { owner: Some(ada()), ..create(2, root(), "Contoso") };
    world.run(grace, root(), &named).unwrap();
    assert!(world.owns(ada(), organization(2)) && !world.owns(grace, organization(2)));
}

// spec: HIE-3
#[test]
fn creating_takes_a_subscription_that_grants_it_and_both_organizations_active() {
    let mut world = World::bare(Rules::provider());
    let refusal = world.ada(&create(2, root(), "Contoso")).unwrap_err();
    assert_eq!(refusal.code(), "subscription.feature_missing");

    world.subscribe("Enterprise", Window::ALWAYS);
    let contoso = world.child(2, root(), "Contoso");
    world.ada(&DeactivateOrganization { organization: contoso, with_descendants: false }).unwrap();
    let inactive = |organization| OrganizationError::from(Precondition::Inactive { organization });
    let refusal = world.run(ada(), contoso, &create(3, contoso, "Site")).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(inactive(contoso)));

    world.ada(&ReactivateOrganization { organization: contoso }).unwrap();
    world.ada(&DeactivateOrganization { organization: root(), with_descendants: true }).unwrap();
    let refusal = world.run(ada(), contoso, &create(3, contoso, "Site")).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(inactive(contoso)), "the root rests");
}

// spec: HIE-3
#[test]
fn the_first_owner_is_the_creator_unless_another_user_is_named() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    assert!(world.owns(ada(), contoso));

    let grace = world.user(2, "Grace", &[root()]);
    world.ada(&CreateOrganization { owner: Some(grace), ..create(3, root(), "Tailspin") }).unwrap();
    assert!(world.owns(grace, organization(3)) && !world.owns(ada(), organization(3)));
    assert!(world.tree.member(organization(3), ada()).is_none());

    let missing = Some(OrganizationError::from(Precondition::NotFound { what: "user" }));
    let nobody = CreateOrganization { owner: Some(principal(77)), ..create(4, root(), "Wingtip") };
    assert_eq!(world.ada(&nobody).unwrap_err().into_rule(), missing);
}

// spec: HIE-3
#[test]
fn a_machine_identity_that_creates_names_a_person_as_owner() {
    let mut world = World::new();
    let pipeline = principal(9);
    let person = Person::named(name("Pipeline"));
    world.ada(&CreateMachineIdentity { organization: root(), identity: pipeline, person }).unwrap();
    world.grant(pipeline, "owner", root());
    let refusal = world.run(pipeline, root(), &create(2, root(), "Contoso")).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(OrganizationError::NoOwner));
    let named = |owner| CreateOrganization { owner: Some(owner), ..create(2, root(), "Contoso") };
    assert_eq!(world.run(pipeline, root(), &named(pipeline)).unwrap_err().code(), "not_found");
    world.run(pipeline, root(), &named(ada())).unwrap();
}

// A customer's owner does not draw in the people of another customer, nor learns of them.
// spec: HIE-3
// spec: ERR-4
#[test]
fn a_person_of_another_branch_is_named_like_one_who_does_not_exist() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let tailspin = world.child(3, root(), "Tailspin");
    let team = world.team(1, tailspin, "Team", &["backups.view"]);
    let invite = Invite {
        invitation: invitation(1),
        organization: tailspin,
        group: team,
        address: address("eve@tailspin.example"),
        role: GroupRole::Member,
        token: token(1).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    };
    world.run(ada(), tailspin, &invite).unwrap();
    let eve = principal(5);
    let accept = AcceptInvitation {
        token: token(1),
        address: address("eve@tailspin.example"),
        verified: true,
        name: name("Eve"),
    };
    world.newcomer(eve, &accept).unwrap();
    let named = |owner| CreateOrganization { owner: Some(owner), ..create(4, contoso, "Site") };
    let known = world.run(ada(), contoso, &named(eve)).unwrap_err();
    let unknown = world.run(ada(), contoso, &named(principal(77))).unwrap_err();
    assert_eq!(known, unknown);
}

// spec: HIE-7
#[test]
fn an_identifier_of_another_tree_answers_like_one_that_does_not_exist() {
    let mut world = World::new();
    let elsewhere = World::founded(organization(50), "Elsewhere", ada());
    let foreign = elsewhere.tree.root();
    assert!(world.tree.organization(foreign).is_none());
    assert!(!world.may(ada(), "backups.view", foreign));
    for organization in [foreign, organization(99)] {
        let edit = EditOrganization { name: Some(name("Mine")), ..EditOrganization::of(organization) };
        let denial = Denial::NotFound { operation: Operation::EditOrganization };
        assert_eq!(world.ada(&edit).unwrap_err(), Refusal::Denied(denial));
        let denial = Denial::NotFound { operation: Operation::CreateGroup };
        let group = CreateGroup {
            organization: root(),
            group: group(1),
            name: name("Team"),
            gives: BTreeSet::new(),
            owner: ada(),
        };
        assert_eq!(world.run(ada(), organization, &group).unwrap_err(), Refusal::Denied(denial));
    }
    let why = |organization| world.tree.access().explain(ada(), organization, &claim("backups.view"), world.at).reasons;
    assert_eq!(why(foreign), why(organization(99)));
}

// spec: HIE-7
// abuse: 47
#[test]
fn an_identifier_is_never_used_again() {
    assert!(OrganizationId::from_u128(0).is_err() && PrincipalId::from_u128(0).is_err());
    assert!("00000000-0000-0000-0000-000000000000".parse::<GroupId>().is_err());

    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let team = world.team(1, contoso, "Team", &[]);
    world.grant(ada(), "backups.view", contoso);
    let delete =
        DeleteOrganization { organization: contoso, evidence: Evidence::none(world.at), mode: DeletionMode::Hard };
    world.ada(&delete).unwrap();

    let used = |id: uuid::Uuid| Precondition::IdAlreadyUsed { id };
    let refusal = world.ada(&create(2, root(), "Contoso")).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(used(contoso.uuid()).into()));
    let again =
        |group| CreateGroup { organization: root(), group, name: name("Team"), gives: BTreeSet::new(), owner: ada() };
    assert_eq!(world.ada(&again(team)).unwrap_err().into_rule(), Some(used(team.uuid()).into()));
    // Nor as something else: the organization's identifier as a person's.
    let principal = PrincipalId::new(contoso.uuid()).unwrap();
    let join = AddMember { organization: root(), principal, person: None };
    assert_eq!(world.ada(&join).unwrap_err().into_rule(), Some(used(contoso.uuid()).into()));
    // And nothing of what was there is inherited.
    assert_eq!(world.tree.access().organizations(ada(), None, world.at), [root()]);
    assert!(world.replayed() == world.tree);
}

// spec: HIE-8
#[test]
fn a_name_has_one_to_128_characters_after_trimming_and_no_control_characters() {
    assert_eq!(Name::new("  Contoso\t").unwrap().as_str(), "Contoso");
    assert_eq!(Name::new(" \n ").unwrap_err(), InvalidText::Empty { what: "a name" });
    assert!(Name::new(&"ü".repeat(128)).is_ok(), "characters count, not bytes");
    let long = InvalidText::TooLong { what: "a name", limit: 128, length: 129 };
    assert_eq!(Name::new(&"x".repeat(129)).unwrap_err(), long);
    assert!(Name::new(&format!(" {} ", "x".repeat(128))).is_ok());
    let control = InvalidText::Character { what: "a name", character: '\u{7}' };
    assert_eq!(Name::new("Con\u{7}toso").unwrap_err(), control);
}

// spec: HIE-8
#[test]
fn a_slug_is_derived_from_the_name_unique_in_the_tree_and_survives_a_rename() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso Köln");
    let twin = world.child(3, root(), "Contoso Köln");
    let slug = |world: &World, id| world.tree.organization(id).unwrap().slug().to_string();
    assert_eq!(slug(&world, contoso), "contoso-koln");
    assert_eq!(slug(&world, twin), "contoso-koln-2");

    let edit = |edit: EditOrganization| EditOrganization { name: Some(name("Wingtip")), ..edit };
    world.ada(&edit(EditOrganization::of(contoso))).unwrap();
    assert_eq!(world.tree.organization(contoso).unwrap().name().as_str(), "Wingtip");
    assert_eq!(slug(&world, contoso), "contoso-koln", "unchanged by the rename");
    world.ada(&EditOrganization { slug: Edit::Clear, ..EditOrganization::of(contoso) }).unwrap();
    assert_eq!(slug(&world, contoso), "wingtip", "derived anew when asked");

    let taken: Slug = "wingtip".parse().unwrap();
    let asked = EditOrganization { slug: Edit::Set(taken.clone()), ..EditOrganization::of(twin) };
    assert_eq!(world.ada(&asked).unwrap_err().into_rule(), Some(OrganizationError::SlugTaken { slug: taken.clone() }));
    let asked = CreateOrganization { slug: Some(taken.clone()), ..create(4, root(), "Other") };
    assert_eq!(world.ada(&asked).unwrap_err().into_rule(), Some(OrganizationError::SlugTaken { slug: taken.clone() }));
    assert_eq!(world.tree.by_slug(&taken).unwrap().id(), contoso);
}

// spec: HIE-8
#[test]
fn an_organization_carries_a_description_a_region_tags_and_a_status() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let description: Description = "Bakes bread.".parse().unwrap();
    let tags: BTreeSet<Tag> = ["gold".parse().unwrap()].into();
    let edit = EditOrganization {
        region: Edit::Set("eu-west".parse().unwrap()),
        tags: Some(tags.clone()),
        description: Edit::Set(description.clone()),
        ..EditOrganization::of(contoso)
    };
    world.ada(&edit).unwrap();
    let found = world.tree.organization(contoso).unwrap();
    assert_eq!(found.region().unwrap().as_str(), "eu-west");
    assert_eq!(found.tags(), &tags);
    assert!(found.is_itself_active());
    assert_eq!(world.tree.description(contoso), Some(&description));
    let clear = EditOrganization { region: Edit::Clear, description: Edit::Clear, ..EditOrganization::of(contoso) };
    world.ada(&clear).unwrap();
    assert_eq!(world.tree.organization(contoso).unwrap().region(), None);
    assert_eq!(world.tree.description(contoso), None);
    assert_eq!(world.tree.organization(contoso).unwrap().tags(), &tags, "what is not named stays");
}

// spec: HIE-9
#[test]
fn authentication_is_configured_at_the_root_alone_and_counts_for_the_tree() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    for kind in [AuthenticationKind::Sso, AuthenticationKind::Scim, AuthenticationKind::IdentityProvider] {
        let configuration: Option<CorrelationId> = Some("idp-1".parse().unwrap());
        let configure =
            |organization| ConfigureAuthentication { organization, kind, configuration: configuration.clone() };
        let refusal = world.run(ada(), contoso, &configure(contoso)).unwrap_err();
        assert_eq!(refusal.into_rule(), Some(SettingsError::NotTheRoot { kind, organization: contoso }));
        world.ada(&configure(root())).unwrap();
        assert_eq!(world.tree.settings().authentication.get(&kind), configuration.as_ref());
        world.ada(&ConfigureAuthentication { organization: root(), kind, configuration: None }).unwrap();
        assert!(world.tree.settings().authentication.is_empty());
    }
}

// spec: HIE-10
#[test]
fn an_organization_is_effectively_active_when_it_and_all_its_ancestors_are() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    let refusal = world.ada(&DeactivateOrganization { organization: contoso, with_descendants: false }).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(DeletionError::ActiveDescendants { count: 1 }));

    world.ada(&DeactivateOrganization { organization: contoso, with_descendants: true }).unwrap();
    assert!(world.tree.organization(site).unwrap().is_itself_active());
    assert!(!world.tree.is_active(site) && !world.tree.is_active(contoso) && world.tree.is_active(root()));

    world.ada(&ReactivateOrganization { organization: contoso }).unwrap();
    assert!(world.tree.is_active(site));
    // What rests already need not be asked for.
    world.run(ada(), contoso, &DeactivateOrganization { organization: site, with_descendants: false }).unwrap();
    world.ada(&DeactivateOrganization { organization: contoso, with_descendants: false }).unwrap();
}

// spec: HIE-10
// abuse: 70
#[test]
fn where_something_on_the_path_is_deactivated_every_check_denies() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    let team = world.team(1, root(), "Team", &["backups.view"]);
    let grace = world.user(2, "Grace", &[root(), site]);
    world.join(grace, team);
    world.link(1, team, site, LinkTerms::default());
    world.grant(grace, "backups.restore", site);
    assert!(world.may(grace, "backups.view", site) && world.may(grace, "backups.restore", site));

    let delete =
        DeleteOrganization { organization: site, evidence: Evidence::none(world.at), mode: DeletionMode::Soft };
    world.ada(&delete).unwrap();
    let denied = |world: &World| {
        !["backups.view", "backups.restore"].iter().any(|claim| world.may(grace, claim, site))
            && !world.owns(ada(), site)
            && world.tree.access().principals(site, None, world.at).is_empty()
    };
    assert!(denied(&world), "soft-deleted itself");
    world.ada(&ReactivateOrganization { organization: site }).unwrap();
    assert!(world.may(grace, "backups.view", site));

    world.ada(&DeactivateOrganization { organization: root(), with_descendants: true }).unwrap();
    assert!(denied(&world), "below one that is deactivated");
    let why = world.tree.access().explain(grace, site, &claim("backups.view"), world.at);
    assert_eq!(why.reasons.first(), Some(&DenialReason::Inactive { organization: root() }));
}

// spec: HIE-10
#[test]
fn in_one_that_is_not_active_only_reactivating_deleting_and_reading_are_possible() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let team = world.team(1, contoso, "Team", &[]);
    world.ada(&DeactivateOrganization { organization: contoso, with_descendants: false }).unwrap();
    let inactive = Precondition::Inactive { organization: contoso };

    let edit = EditOrganization { name: Some(name("Other")), ..EditOrganization::of(contoso) };
    assert_eq!(world.ada(&edit).unwrap_err().into_rule(), Some(inactive.clone().into()));
    let leave = RemoveGroupMember { organization: contoso, group: team, participant: Participant::Principal(ada()) };
    assert_eq!(world.ada(&leave).unwrap_err().into_rule(), Some(inactive.clone().into()));
    let grant = GrantPrivilege {
        organization: contoso,
        principal: ada(),
        privilege: privilege("backups.view"),
        window: Window::ALWAYS,
    };
    assert_eq!(world.ada(&grant).unwrap_err().into_rule(), Some(inactive.clone().into()));
    let again = DeactivateOrganization { organization: contoso, with_descendants: false };
    assert_eq!(world.ada(&again).unwrap_err().into_rule(), Some(inactive.into()));

    let limit = 10.try_into().unwrap();
    let roster = world.tree.roster(ada(), contoso, &RosterFilter::default(), 0, limit, world.at).unwrap();
    assert_eq!(roster.total, 1, "reading is possible");
    world.ada(&ReactivateOrganization { organization: contoso }).unwrap();
    world.ada(&DeactivateOrganization { organization: contoso, with_descendants: false }).unwrap();
    let delete =
        DeleteOrganization { organization: contoso, evidence: Evidence::none(world.at), mode: DeletionMode::Hard };
    world.ada(&delete).unwrap();
}

// Every row of the authority table but those of reactivation, deletion and billing stops at
// an organization that is not active.
// spec: HIE-10
#[test]
fn the_operations_that_reach_an_inactive_organization_are_these() {
    let reaching: Vec<Operation> =
        Operation::ALL.iter().copied().filter(|operation| operation.reaches_inactive()).collect();
    let expected = [
        Operation::ReactivateOrganization,
        Operation::DeleteOrganization,
        Operation::HardDeleteOrganization,
        Operation::RecordSubscription,
    ];
    assert_eq!(reaching, expected);
}

// A group owner who names a foreign organization is not told that it rests.
// spec: ERR-4
// spec: HIE-10
#[test]
fn that_an_organization_is_inactive_is_told_to_those_who_see_it() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let tailspin = world.child(3, root(), "Tailspin");
    let grace = world.user(2, "Grace", &[contoso]);
    let team = world.team(1, contoso, "Team", &[]);
    world.run(ada(), contoso, &AddGroupOwner { organization: contoso, group: team, owner: grace }).unwrap();
    let add = AddGroupMember { organization: tailspin, group: team, participant: Participant::Principal(grace) };
    let active = world.run(grace, contoso, &add).unwrap_err();
    world.ada(&DeactivateOrganization { organization: tailspin, with_descendants: false }).unwrap();
    let inactive = world.run(grace, contoso, &add).unwrap_err();
    assert_eq!(active, inactive);
    assert_eq!(active.into_rule(), Some(Precondition::NotFound { what: "group" }.into()));
}

// spec: HIE-11
#[test]
fn what_is_above_below_and_beside_is_answered() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    let plant = world.child(4, contoso, "Plant");
    let tailspin = world.child(5, root(), "Tailspin");
    let tree = &world.tree;
    assert_eq!(tree.ancestors(site).collect::<Vec<_>>(), [contoso, root()]);
    assert_eq!(tree.descendants(root()).collect::<Vec<_>>(), [contoso, site, plant, tailspin]);
    assert_eq!(tree.descendants(site).count(), 0);
    assert_eq!(tree.children(root()).collect::<Vec<_>>(), [contoso, tailspin]);
    assert_eq!(tree.level(plant), Some(3));
    assert_eq!(tree.level(organization(99)), None);
    assert_eq!(tree.path(plant).collect::<Vec<_>>(), [root(), contoso, plant]);
    assert_eq!(tree.lowest_common_ancestor(site, plant), Some(contoso));
    assert_eq!(tree.lowest_common_ancestor(site, tailspin), Some(root()));
    assert_eq!(tree.lowest_common_ancestor(site, contoso), Some(contoso));
    assert_eq!(tree.lowest_common_ancestor(site, organization(99)), None);
    assert!(tree.is_ancestor(contoso, site) && !tree.is_ancestor(site, contoso) && !tree.is_ancestor(site, site));
}

// spec: HIE-11
#[test]
fn a_tree_is_drawn_with_its_links() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso \"C\"");
    let site = world.child(3, contoso, "Site");
    let team = world.team(1, root(), "Team", &["backups.view"]);
    world.link(1, team, contoso, LinkTerms { reach: Reach::Subtree, ..LinkTerms::default() });
    world.run(ada(), contoso, &DeactivateOrganization { organization: site, with_descendants: false }).unwrap();

    let text = world.tree.draw_text(root());
    assert_eq!(
        text,
        "Fabrikam  [Team]\n\
         └── Contoso \"C\"\n    \
             │   ← Team of Fabrikam, and everything below\n    \
             └── Site (deactivated)\n"
    );
    let dot = world.tree.draw_dot(root());
    assert!(dot.starts_with("digraph organizations {\n") && dot.ends_with("}\n"));
    assert!(dot.contains(&format!("\"{}\" [label=\"Contoso \\\"C\\\"\"];", contoso)));
    assert!(dot.contains(&format!("\"{}\" -> \"{}\";", contoso, site)));
    let edge = format!("\"{}\" -> \"{}\" [style=dashed, label=\"Team of Fabrikam", root(), contoso);
    assert!(dot.contains(&edge), "{dot}");
    let mermaid = world.tree.draw_mermaid(root());
    let node = |id: OrganizationId| format!("o{}", id.uuid().simple());
    assert!(mermaid.starts_with("flowchart TD\n"));
    assert!(mermaid.contains(&format!("{}[\"Contoso #quot;C#quot;\"]", node(contoso))));
    assert!(mermaid.contains(&format!("{} --> {}", node(contoso), node(site))));
    assert!(mermaid.contains(&format!("{} -. \"Team of Fabrikam", node(root()))), "{mermaid}");
    // A part of it draws alone, without the links from outside.
    assert!(!world.tree.draw_dot(contoso).contains("dashed"));
}
