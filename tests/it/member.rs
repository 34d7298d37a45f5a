//! MEM: members, machine identities, projects, resources.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::support::*;

fn add(who: PrincipalId, organization: OrganizationId) -> AddMember {
    AddMember { organization, principal: who, person: None }
}

fn remove(who: PrincipalId, organization: OrganizationId) -> RemoveMember {
    RemoveMember { organization, principal: who }
}

fn grant(who: PrincipalId, what: &str, organization: OrganizationId) -> GrantPrivilege {
    GrantPrivilege { organization, principal: who, privilege: privilege(what), window: Window::ALWAYS }
}

fn robot(number: u128, organization: OrganizationId) -> CreateMachineIdentity {
    let person = Person::named(name("Robot"));
    CreateMachineIdentity { organization, identity: principal(number), person }
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

fn not_a_member(organization: OrganizationId, principal: PrincipalId) -> Precondition {
    Precondition::NotAMember { organization, principal }
}

const NOT_OF_THE_ROOT: Precondition = Precondition::NotFound { what: "user or machine identity of the root" };

// spec: MEM-1
#[test]
fn a_user_of_the_root_has_nothing_below_before_being_added() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[]);
    assert!(!world.tree.access().reaches(grace, contoso, world.at));
    let missing = not_a_member(contoso, grace);

    assert_eq!(
        world.ada(&grant(grace, "backups.view", contoso)).unwrap_err().into_rule(),
        Some(missing.clone().into()),
        "a claim"
    );
    let privilege = Privilege::Role(RoleRef::ManageOrganization);
    let role = GrantPrivilege { organization: contoso, principal: grace, privilege, window: Window::ALWAYS };
    assert_eq!(world.ada(&role).unwrap_err().into_rule(), Some(missing.clone().into()), "a role");
    let team = world.team(1, contoso, "Team", &["backups.view"]);
    let owner = AddGroupOwner { organization: contoso, group: team, owner: grace };
    assert_eq!(world.ada(&owner).unwrap_err().into_rule(), Some(missing.clone().into()), "group ownership");
    let first = CreateGroup {
        organization: contoso,
        group: group(2),
        name: name("Second"),
        gives: BTreeSet::new(),
        owner: grace,
    };
    assert_eq!(world.ada(&first).unwrap_err().into_rule(), Some(missing.clone().into()));
    let member = AddGroupMember { organization: contoso, group: team, participant: Participant::Principal(grace) };
    assert_eq!(world.ada(&member).unwrap_err().into_rule(), Some(missing.into()), "group membership");

    world.ada(&add(grace, contoso)).unwrap();
    assert!(!world.tree.access().reaches(grace, contoso, world.at), "membership alone gives nothing");
    for () in [
        world.ada(&grant(grace, "backups.view", contoso)).unwrap(),
        world.ada(&role).unwrap(),
        world.ada(&owner).unwrap(),
        world.ada(&member).unwrap(),
    ] {}
    let again = world.ada(&add(grace, contoso)).unwrap_err().into_rule();
    assert_eq!(again, Some(MemberError::AlreadyMember { organization: contoso, principal: grace }));
}

// spec: MEM-1
#[test]
fn below_the_root_only_those_of_the_root_are_added() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let unknown = principal(7);
    assert_eq!(world.ada(&add(unknown, contoso)).unwrap_err().into_rule(), Some(NOT_OF_THE_ROOT.into()));
    // One who came in below alone is no user of the root either.
    let team = world.team(1, contoso, "Team", &[]);
    world.ada(&invite(1, contoso, team, "eve@contoso.example")).unwrap();
    let address = address("eve@contoso.example");
    let accept = AcceptInvitation { token: token(1), address, verified: true, name: name("Eve") };
    world.newcomer(principal(5), &accept).unwrap();
    let tailspin = world.child(3, root(), "Tailspin");
    assert_eq!(world.ada(&add(principal(5), tailspin)).unwrap_err().into_rule(), Some(NOT_OF_THE_ROOT.into()));
    world.ada(&add(principal(5), root())).unwrap();
    world.ada(&add(principal(5), tailspin)).unwrap();
}

// spec: MEM-1
#[test]
fn whoever_adds_a_member_does_not_overwrite_what_is_known_of_them() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[]);
    let person = Person::named(name("Mallory")).reachable_at(address("mallory@evil.example"));
    world.ada(&AddMember { organization: contoso, principal: grace, person: Some(person) }).unwrap();
    let known = world.tree.person(grace).unwrap();
    assert_eq!(known.address, Some(address("grace@people.example")));
}

// spec: MEM-2
#[test]
fn a_machine_identity_of_the_root_is_added_below_and_one_created_below_stays_there() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    world.ada(&robot(10, root())).unwrap();
    world.ada(&robot(11, contoso)).unwrap();
    assert_eq!(world.tree.principal(principal(11)), Some(Principal::Machine { home: contoso }));
    assert!(!world.tree.access().reaches(principal(10), contoso, world.at));

    world.ada(&add(principal(10), contoso)).unwrap();
    world.ada(&grant(principal(10), "backups.view", contoso)).unwrap();
    assert!(world.may(principal(10), "backups.view", contoso));
    world.ada(&grant(principal(11), "backups.view", contoso)).unwrap();
    for elsewhere in [root(), site] {
        let refusal = world.ada(&add(principal(11), elsewhere)).unwrap_err();
        assert_eq!(refusal.into_rule(), Some(NOT_OF_THE_ROOT.into()));
        assert!(!world.may(principal(11), "backups.view", elsewhere));
    }
    // Removed from where it was created, it is removed from everywhere.
    world.ada(&remove(principal(10), root())).unwrap();
    assert!(world.tree.member(contoso, principal(10)).is_none());
}

// spec: MEM-3
#[test]
fn whether_newcomers_are_invited_straight_into_a_sub_organization_is_a_setting_of_the_tree() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let team = world.team(1, contoso, "Team", &[]);
    world.ada(&invite(1, contoso, team, "eve@contoso.example")).unwrap();
    let set = |allowed| ChangeTreeSettings { root: root(), levels: None, straight_invitations: Some(allowed) };
    world.ada(&set(false)).unwrap();
    let refusal = world.ada(&invite(2, contoso, team, "kim@contoso.example")).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(InvitationError::RootMembersOnly));
    // It is judged again when what was sent before is accepted.
    let accept = || AcceptInvitation {
        token: token(1),
        address: address("eve@contoso.example"),
        verified: true,
        name: name("Eve"),
    };
    let refusal = world.newcomer(principal(5), &accept()).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(InvitationError::RootMembersOnly));
    // Members of the root are invited below, and anyone to the root.
    world.user(3, "Linus", &[]);
    world.ada(&invite(3, contoso, team, "linus@people.example")).unwrap();
    let base = world.team(2, root(), "Base", &[]);
    world.ada(&invite(4, root(), base, "kim@contoso.example")).unwrap();

    world.ada(&set(true)).unwrap();
    world.newcomer(principal(5), &accept()).unwrap();
    assert!(World::with(Rules::provider()).tree.settings().straight_invitations, "by default yes");
    assert!(!World::with(Rules::single_level()).tree.settings().straight_invitations);
}

/// Grace with everything that a membership of Contoso can carry.
fn furnished() -> (World, OrganizationId, PrincipalId) {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[contoso]);
    let team = world.team(1, contoso, "Team", &["backups.view"]);
    let base = world.team(2, root(), "Base", &["backups.restore"]);
    world.join(grace, team);
    world.join(grace, base);
    world.link(1, base, contoso, LinkTerms::default());
    world.ada(&AddGroupOwner { organization: contoso, group: team, owner: grace }).unwrap();
    world.grant(grace, "owner", contoso);
    world.ada(&CreateProject { organization: contoso, project: project(1), name: name("Project") }).unwrap();
    world.ada(&AddProjectMember { organization: contoso, project: project(1), principal: grace }).unwrap();
    let admins = world.team(3, contoso, "Admins", &[]);
    world.ada(&invite(1, contoso, admins, "Grace@people.example")).unwrap();
    world.ada(&invite(2, contoso, admins, "someone@people.example")).unwrap();
    (world, contoso, grace)
}

// spec: MEM-4
#[test]
fn a_member_who_is_removed_loses_everything_there_in_one_commit() {
    let (mut world, contoso, grace) = furnished();
    let version = world.tree.version();
    let left = world.ada(&remove(grace, contoso)).unwrap();
    assert_eq!(world.tree.version(), version.next());

    assert!(world.tree.member(contoso, grace).is_none());
    assert!(world.tree.grants_of(contoso, grace).is_empty());
    let team = world.tree.group(group(1)).unwrap();
    assert!(team.members().all(|member| member != Participant::Principal(grace)));
    assert!(team.owners().all(|owner| owner != grace));
    assert_eq!(world.tree.projects(contoso).next().unwrap().members().count(), 0);
    let revoked = InvitationState::Revoked { at: world.at };
    assert_eq!(world.tree.invitation(invitation(1)).unwrap().state(world.at), revoked);
    let pending: Vec<_> = world.tree.pending_invitations(contoso, world.at).collect();
    assert_eq!(pending, [invitation(2)], "those to others stay");
    // Each loss is an event of that commit.
    let events = &world.log.last().unwrap().recorded.events;
    assert_eq!(events.len(), 6, "{events:?}");

    // The answer lists what is left, and through what.
    let path = |link| Path::Group { chain: vec![group(2)], link, until: None };
    let expected = [
        Reached { organization: root(), paths: vec![path(None)] },
        Reached { organization: contoso, paths: vec![path(Some(link(1)))] },
    ];
    assert_eq!(left, expected);
    assert!(world.may(grace, "backups.restore", contoso) && !world.may(grace, "backups.delete", contoso));
}

// spec: MEM-4
// abuse: 46
#[test]
fn one_who_is_added_again_starts_from_nothing() {
    let (mut world, contoso, grace) = furnished();
    world.run(grace, contoso, &remove(grace, contoso)).unwrap();
    world.ada(&EndLink { organization: contoso, link: link(1) }).unwrap();
    world.pass(minutes(1));
    world.ada(&add(grace, contoso)).unwrap();
    let member = world.tree.member(contoso, grace).unwrap();
    assert_eq!((member.since(), member.grants().len(), member.is_suspended()), (world.at, 0, false));
    assert!(!world.tree.access().reaches(grace, contoso, world.at));
    assert!(!world.tree.owns_group(grace, group(1)));
}

// spec: MEM-4
// abuse: 46
#[test]
fn a_suspension_does_not_outlive_the_membership_either() {
    let (mut world, contoso, grace) = furnished();
    world.ada(&SuspendMember { organization: contoso, principal: grace }).unwrap();
    world.ada(&remove(grace, contoso)).unwrap();
    world.ada(&add(grace, contoso)).unwrap();
    assert!(!world.tree.member(contoso, grace).unwrap().is_suspended());
}

// spec: MEM-4
#[test]
fn removal_from_the_root_is_removal_from_the_whole_tree() {
    let (mut world, contoso, grace) = furnished();
    // Ada owns the root; what Grace is in a child that Ada does not own is in nobody's way.
    world
        .ada(&CreateOrganization {
            organization: organization(9),
            parent: root(),
            name: name("Own"),
            slug: None,
            owner: Some(grace),
            secret: secret(),
        })
        .unwrap();
    let refusal = world.ada(&remove(grace, root())).unwrap_err();
    let last = Precondition::LastOwner { organizations: vec![organization(9)] };
    assert_eq!(refusal.into_rule(), Some(last.into()));
    world.run(grace, organization(9), &add(ada(), organization(9))).unwrap();
    world.run(grace, organization(9), &grant(ada(), "owner", organization(9))).unwrap();
    let left = world.ada(&remove(grace, root())).unwrap();
    assert_eq!(left, []);
    assert_eq!(world.tree.memberships(grace).count(), 0);
    assert!(world.tree.access().organizations(grace, None, world.at).is_empty());
    let _ = contoso;
}

// spec: MEM-4
#[test]
fn a_member_who_alone_owns_a_group_is_not_removed_before_another_does() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    world
        .ada(&CreateGroup {
            organization: root(),
            group: group(1),
            name: name("Team"),
            gives: BTreeSet::new(),
            owner: grace,
        })
        .unwrap();
    let refusal = world.ada(&remove(grace, root())).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(MemberError::LastGroupOwner { groups: vec![group(1)] }));
    world.ada(&AddGroupOwner { organization: root(), group: group(1), owner: ada() }).unwrap();
    world.ada(&remove(grace, root())).unwrap();
}

// spec: MEM-5
// abuse: 40
#[test]
fn a_project_is_seen_and_joined_where_it_was_created_alone() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let site = world.child(3, contoso, "Site");
    let tailspin = world.child(4, root(), "Tailspin");
    world.ada(&CreateProject { organization: contoso, project: project(1), name: name("Project") }).unwrap();
    assert_eq!(world.tree.projects(contoso).count(), 1);
    let missing = ProjectError::from(Precondition::NotFound { what: "project" });
    for elsewhere in [root(), site, tailspin] {
        assert_eq!(world.tree.projects(elsewhere).count(), 0);
        let join = AddProjectMember { organization: elsewhere, project: project(1), principal: ada() };
        assert_eq!(world.ada(&join).unwrap_err().into_rule(), Some(missing.clone()));
        let delete = DeleteProject { organization: elsewhere, project: project(1) };
        assert_eq!(world.ada(&delete).unwrap_err().into_rule(), Some(missing.clone()));
    }
    let grace = world.user(2, "Grace", &[]);
    let join = AddProjectMember { organization: contoso, project: project(1), principal: grace };
    assert_eq!(world.ada(&join).unwrap_err().into_rule(), Some(not_a_member(contoso, grace).into()));
    world.ada(&add(grace, contoso)).unwrap();
    world.ada(&join).unwrap();
    let already = ProjectError::AlreadyMember { principal: grace };
    assert_eq!(world.ada(&join).unwrap_err().into_rule(), Some(already));
    let leave = RemoveProjectMember { organization: contoso, project: project(1), principal: grace };
    world.run(grace, contoso, &leave).unwrap();
    assert_eq!(world.ada(&leave).unwrap_err().into_rule(), Some(ProjectError::NoMember { principal: grace }));
}

// spec: MEM-5
#[test]
fn only_a_project_of_the_root_brings_in_new_people_and_only_by_the_claim_for_it() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let linus = world.user(3, "Linus", &[contoso]);
    for (number, place) in [(1, root()), (2, contoso)] {
        world.ada(&CreateProject { organization: place, project: project(number), name: name("Project") }).unwrap();
    }
    let provision = |organization, number| ProvisionProjectMember {
        organization,
        project: project(number),
        principal: principal(5),
        person: Person::named(name("Eve")),
    };
    let refusal = world.ada(&provision(contoso, 2)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(ProjectError::NotTheRoot { organization: contoso }));
    world.grant(linus, "projects.manage", root());
    assert_eq!(world.run(linus, root(), &provision(root(), 1)).unwrap_err().kind(), Kind::Forbidden);
    world.grant(linus, "projects.provision", root());
    world.run(linus, root(), &provision(root(), 1)).unwrap();
    assert!(world.tree.member(root(), principal(5)).is_some());
    assert_eq!(world.tree.projects(root()).next().unwrap().members().collect::<Vec<_>>(), [principal(5)]);
    let again = world.ada(&provision(root(), 1)).unwrap_err();
    assert_eq!(again.into_rule(), Some(ProjectError::AlreadyMember { principal: principal(5) }));
}

// spec: MEM-6
#[test]
fn each_kind_of_resource_flows_down_or_stays() {
    let own = |kind: &str| ResourceKind::Custom(kind.parse().unwrap());
    let rules = Rules::custom().resource(own("template"), Flow::Down).resource(own("vault"), Flow::Stays);
    let mut world = World::with(rules.build().unwrap());
    let contoso = world.child(2, root(), "Contoso");
    let tailspin = world.child(3, root(), "Tailspin");
    use ResourceKind::{AppConnection, Gateway, Group, MachineIdentity, Project, Relay, User};
    for kind in [User, Group, MachineIdentity, own("template")] {
        assert_eq!(world.tree.flow_of(&kind), Flow::Down, "{kind}");
    }
    let share = |kind, source, target| {
        ShareResource(Share { resource: ResourceId::from_u128(1).unwrap(), kind, source, target })
    };
    for kind in [Project, AppConnection, Gateway, Relay, own("vault"), own("undeclared")] {
        let refusal = world.ada(&share(kind.clone(), root(), contoso)).unwrap_err();
        assert_eq!(refusal.into_rule(), Some(ResourceError::Stays { kind }));
    }
    // Downward only, and only when asked.
    for (from, to) in [(contoso, root()), (contoso, tailspin), (root(), root())] {
        let refusal = world.ada(&share(own("template"), from, to)).unwrap_err();
        assert_eq!(refusal.into_rule(), Some(ResourceError::NotDownward { from, to }));
    }
    assert_eq!(world.tree.shared_with(contoso).count(), 0);
    world.ada(&share(own("template"), root(), contoso)).unwrap();
    assert_eq!(world.tree.shared_with(contoso).count(), 1);
    assert_eq!(world.tree.shared_with(tailspin).count(), 0);
    let resource = ResourceId::from_u128(1).unwrap();
    let refusal = world.ada(&share(own("template"), root(), contoso)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(ResourceError::AlreadyShared { resource }));
    world.ada(&UnshareResource { resource, source: root(), target: contoso }).unwrap();
    assert_eq!(world.tree.shared_with(contoso).count(), 0);
}

// spec: MEM-7
// abuse: 52
#[test]
fn a_suspended_user_is_denied_there_on_every_path_and_restored_to_what_they_had() {
    let (mut world, contoso, grace) = furnished();
    let paths = world.tree.access().paths(grace, contoso, world.at);
    assert_eq!(paths.len(), 3, "by a grant, a group there and a link");
    let before = world.tree.member(contoso, grace).unwrap().clone();
    world.ada(&SuspendMember { organization: contoso, principal: grace }).unwrap();
    for claim in ["backups.view", "backups.restore", "organizations.edit"] {
        assert!(!world.may(grace, claim, contoso));
    }
    assert!(!world.owns(grace, contoso) && !world.tree.owns_group(grace, group(1)));
    assert!(world.tree.access().organizations(grace, None, world.at) == [root()], "elsewhere nothing changes");
    let refusal = world.ada(&SuspendMember { organization: contoso, principal: grace }).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(MemberError::AlreadySuspended { principal: grace }));

    world.ada(&RestoreMember { organization: contoso, principal: grace }).unwrap();
    assert_eq!(world.tree.member(contoso, grace), Some(&before));
    assert_eq!(world.tree.access().paths(grace, contoso, world.at), paths);
    let refusal = world.ada(&RestoreMember { organization: contoso, principal: grace }).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(MemberError::NotSuspended { principal: grace }));
}

// A group of the place where they are suspended lends them nothing elsewhere.
// spec: MEM-7
// abuse: 52
#[test]
fn a_suspended_user_gains_nothing_below_through_the_groups_of_that_place() {
    let (mut world, contoso, grace) = furnished();
    world.ada(&RevokePrivilege { organization: contoso, principal: grace, privilege: Privilege::OWNER }).unwrap();
    assert!(world.may(grace, "backups.restore", contoso));
    world.ada(&SuspendMember { organization: root(), principal: grace }).unwrap();
    assert!(!world.may(grace, "backups.restore", contoso), "the group lives in the root");
    assert!(world.may(grace, "backups.view", contoso), "this one does not");
}

// abuse: 31
#[test]
fn only_an_active_membership_counts_anywhere() {
    let (mut world, contoso, grace) = furnished();
    // Invited as an owner of a group, and not come in yet: nothing.
    let asked = Invite { role: GroupRole::Owner, ..invite(3, contoso, group(3), "eve@contoso.example") };
    world.ada(&asked).unwrap();
    assert!(!world.tree.access().reaches(principal(5), contoso, world.at));
    assert!(!world.tree.owns_group(principal(5), group(3)));
    // Suspended: an owner on paper, in no rule.
    world.ada(&SuspendMember { organization: contoso, principal: grace }).unwrap();
    assert!(world.tree.acting_owners(contoso, world.at).eq([ada()]));
    let edit = EditOrganization { name: Some(name("Mine")), ..EditOrganization::of(contoso) };
    assert_eq!(world.run(grace, contoso, &edit).unwrap_err().kind(), Kind::Forbidden);
    let add = AddGroupMember { organization: contoso, group: group(1), participant: Participant::Principal(ada()) };
    assert_eq!(world.run(grace, contoso, &add).unwrap_err().kind(), Kind::Forbidden);
    let transfer = TransferOwnership { organization: contoso, to: grace };
    assert_eq!(world.ada(&transfer).unwrap_err().into_rule(), Some(MemberError::CannotOwn { principal: grace }));
    let leave = remove(ada(), contoso);
    let last = Precondition::LastOwner { organizations: vec![contoso] };
    assert_eq!(world.ada(&leave).unwrap_err().into_rule(), Some(last.into()));
}

// spec: MEM-7
#[test]
fn ownership_passes_from_one_user_to_another_in_one_step() {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    let transfer = TransferOwnership { organization: root(), to: grace };
    let version = world.tree.version();
    world.ada(&transfer).unwrap();
    assert_eq!(world.tree.version(), version.next());
    assert!(world.owns(grace, root()) && !world.owns(ada(), root()));
    assert!(world.tree.member(root(), ada()).is_some(), "a member still");
    assert_eq!(world.run(ada(), root(), &transfer).unwrap_err().kind(), Kind::Forbidden);

    let to = |to| TransferOwnership { organization: root(), to };
    let refusal = world.run(grace, root(), &to(grace)).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(MemberError::NoOwnershipToTransfer));
    let refusal = world.run(grace, root(), &to(principal(77))).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(not_a_member(root(), principal(77)).into()));
    world.run(grace, root(), &robot(10, root())).unwrap();
    let refusal = world.run(grace, root(), &to(principal(10))).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(MemberError::CannotOwn { principal: principal(10) }));
}

/// Mallory manages everything but owns nothing, and holds `backups.view` until tomorrow.
fn mallory(world: &mut World) -> PrincipalId {
    let mallory = world.user(6, "Mallory", &[]);
    for claim in ["claims.grant", "roles.manage", "groups.manage", "members.manage"] {
        world.grant(mallory, claim, root());
    }
    let window = Window::until(world.at + days(1));
    let privilege = privilege("backups.view");
    world.ada(&GrantPrivilege { organization: root(), principal: mallory, privilege, window }).unwrap();
    mallory
}

fn more(claims: &[&str]) -> Precondition {
    Precondition::HandsOnMore { claims: claims.iter().map(|claim| claim.parse().unwrap()).collect() }
}

// spec: MEM-8
#[test]
fn nobody_lengthens_their_own_access_by_a_grant() {
    let mut world = World::new();
    let mallory = mallory(&mut world);
    let friend = world.user(7, "Friend", &[]);
    let longer = |who, until| GrantPrivilege {
        organization: root(),
        principal: who,
        privilege: privilege("backups.view"),
        window: Window::until(until),
    };
    let end = world.at + days(1);
    let refusal = world.run(mallory, root(), &longer(mallory, end + minutes(1))).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(more(&["backups.view"]).into()));
    let refusal = world.run(mallory, root(), &longer(mallory, end - minutes(1))).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(Precondition::OwnAccess { principal: mallory }.into()));
    // To others as long as their own, not a moment more.
    let refusal = world.run(mallory, root(), &longer(friend, end + minutes(1))).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(more(&["backups.view"]).into()));
    world.run(mallory, root(), &longer(friend, end)).unwrap();
    let refusal = world.run(mallory, root(), &grant(friend, "backups.delete", root())).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(sorted(more(&["backups.delete", "backups.view"]).into())));
}

/// The claims of a refusal in the catalog's order, which a test does not depend on.
fn sorted(error: GrantError) -> GrantError {
    match error {
        GrantError::Precondition(Precondition::HandsOnMore { mut claims }) => {
            let catalog = catalog();
            let order: Vec<Grantable> =
                catalog.declarations().map(|declared| Grantable::Claim(declared.name.clone())).collect();
            claims.sort_by_key(|claim| order.iter().position(|other| other == claim));
            Precondition::HandsOnMore { claims }.into()
        }
        error => error,
    }
}

// spec: MEM-8
#[test]
fn nobody_hands_on_more_than_they_hold_by_a_role_or_a_group() {
    let mut world = World::new();
    let mallory = mallory(&mut world);
    let claims = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let define = |number, names: &[&str]| DefineRole {
        organization: root(),
        role: role(number),
        name: name("Ops"),
        claims: claims(names),
    };
    let refused = |code: &str| (Kind::Forbidden, code.to_owned());
    let answer = |refusal: Refusal<RoleError>| (refusal.kind(), refusal.code().to_owned());
    let refusal = world.run(mallory, root(), &define(1, &["backups.restore"])).unwrap_err();
    assert_eq!(answer(refusal), refused("claim.hands_on_more"));
    // Nor by widening one that they have themselves.
    world.ada(&define(1, &["members.view"])).unwrap();
    let refusal = world.run(mallory, root(), &define(1, &["members.view", "backups.restore"])).unwrap_err();
    assert_eq!(answer(refusal), refused("claim.hands_on_more"));

    let create = |gives: &[&str]| CreateGroup {
        organization: root(),
        group: group(1),
        name: name("Team"),
        gives: gives.iter().map(|name| privilege(name)).collect(),
        owner: mallory,
    };
    let refusal = world.run(mallory, root(), &create(&["backups.restore"])).unwrap_err();
    assert_eq!(refusal.code(), "claim.hands_on_more");
    world.run(mallory, root(), &create(&["members.view"])).unwrap();
    let define = DefineGroup {
        organization: root(),
        group: group(1),
        name: name("Team"),
        gives: [privilege("backups.restore")].into(),
    };
    assert_eq!(world.run(mallory, root(), &define).unwrap_err().code(), "claim.hands_on_more");
    // Nor by an invitation or a link: both take an owner.
    let refusal = world.run(mallory, root(), &invite(1, root(), group(1), "friend@evil.example")).unwrap_err();
    assert_eq!(refusal.kind(), Kind::Forbidden);
    let contoso = world.child(2, root(), "Contoso");
    let (source, group, target) = (root(), group(1), contoso);
    let link = LinkGroup { link: link(1), source, group, target, terms: LinkTerms::default() };
    assert_eq!(world.run(mallory, root(), &link).unwrap_err().code(), "not_found");
}

// A role is defined above and gives below: who defines it there may hold little below.
// spec: MEM-8
#[test]
fn nobody_gains_below_by_widening_a_role_above() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let mallory = world.user(6, "Mallory", &[contoso]);
    let linus = world.user(3, "Linus", &[contoso]);
    for claim in ["roles.manage", "backups.delete"] {
        world.grant(mallory, claim, root());
    }
    let define = |names: &[&str]| DefineRole {
        organization: root(),
        role: role(1),
        name: name("Ops"),
        claims: names.iter().map(|name| name.parse().unwrap()).collect(),
    };
    world.ada(&define(&["backups.view"])).unwrap();
    for who in [mallory, linus] {
        let privilege = Privilege::Role(RoleRef::Defined(role(1)));
        let (organization, window) = (contoso, Window::ALWAYS);
        world.ada(&GrantPrivilege { organization, principal: who, privilege, window }).unwrap();
    }
    let refusal = world.run(mallory, root(), &define(&["backups.view", "backups.delete"])).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(Precondition::OwnAccess { principal: mallory }.into()));
    assert!(!world.may(mallory, "backups.delete", contoso));
    world.ada(&define(&["backups.view", "backups.delete"])).unwrap();
    assert!(world.may(linus, "backups.delete", contoso));
}

// abuse: 43
#[test]
fn adding_a_powerful_user_lends_their_power_to_nobody() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let grace = world.user(2, "Grace", &[contoso]);
    let linus = world.user(3, "Linus", &[]);
    world.grant(linus, "owner", root());
    world.grant(grace, "members.manage", contoso);
    let before = world.tree.access().claims(grace, contoso, world.at);
    world.run(grace, contoso, &add(linus, contoso)).unwrap();
    assert!(!world.tree.access().reaches(linus, contoso, world.at), "an owner of the root, and nothing here");
    assert_eq!(world.tree.access().claims(grace, contoso, world.at), before);
    assert!(!world.tree.access().reaches(grace, root(), world.at));
}

// abuse: 37
// abuse: 38
#[test]
fn the_owners_who_count_are_active_people_with_a_direct_claim_without_end() {
    let mut world = World::new();
    let last = Some(GrantError::from(Precondition::LastOwner { organizations: vec![root()] }));
    let grace = world.user(2, "Grace", &[]);
    let revoke = || RevokePrivilege { organization: root(), principal: ada(), privilege: Privilege::OWNER };
    let own =
        |who, window| GrantPrivilege { organization: root(), principal: who, privilege: Privilege::OWNER, window };
    assert_eq!(world.ada(&revoke()).unwrap_err().into_rule(), last);

    // With an end, or before its start.
    world.ada(&own(grace, Window::until(world.at + days(9)))).unwrap();
    assert_eq!(world.ada(&revoke()).unwrap_err().into_rule(), last);
    world.ada(&own(grace, Window::starting(world.at + days(1)))).unwrap();
    assert_eq!(world.ada(&revoke()).unwrap_err().into_rule(), last);
    // A machine identity.
    world.ada(&robot(10, root())).unwrap();
    world.ada(&own(principal(10), Window::ALWAYS)).unwrap();
    assert_eq!(world.ada(&revoke()).unwrap_err().into_rule(), last);
    // Through a group.
    let owners = world.team(1, root(), "Owners", &["owner"]);
    let linus = world.user(3, "Linus", &[]);
    world.join(linus, owners);
    assert!(world.owns(linus, root()));
    assert_eq!(world.ada(&revoke()).unwrap_err().into_rule(), last);
    // Suspended.
    world.ada(&own(grace, Window::ALWAYS)).unwrap();
    world.ada(&SuspendMember { organization: root(), principal: grace }).unwrap();
    assert_eq!(world.ada(&revoke()).unwrap_err().into_rule(), last);
    // Removed.
    world.ada(&remove(grace, root())).unwrap();
    assert_eq!(world.ada(&revoke()).unwrap_err().into_rule(), last);

    // Nor is the last one's claim given an end, or put off.
    for window in [Window::until(world.at + days(9)), Window::starting(world.at + minutes(1))] {
        assert_eq!(world.ada(&own(ada(), window)).unwrap_err().into_rule(), last);
    }
    world.ada(&add(grace, root())).unwrap();
    world.ada(&own(grace, Window::ALWAYS)).unwrap();
    world.ada(&own(ada(), Window::until(world.at + days(9)))).unwrap();
}

// abuse: 40
// abuse: 41
#[test]
fn what_belongs_to_another_organization_is_not_found_by_its_identifier() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let tailspin = world.child(3, root(), "Tailspin");
    let grace = world.user(2, "Grace", &[contoso]);
    let team = world.team(1, contoso, "Team", &["backups.view"]);
    world.join(grace, team);
    let claims: BTreeSet<Grantable> = ["backups.view".parse().unwrap()].into();
    let ops = DefineRole { organization: contoso, role: role(1), name: name("Ops"), claims };
    world.ada(&ops).unwrap();
    world.ada(&invite(1, contoso, team, "eve@contoso.example")).unwrap();

    // Ada owns both, so that only the pair of identifiers can tell.
    let group = Precondition::NotFound { what: "group" };
    let participant = Participant::Principal(grace);
    let remove_from = RemoveGroupMember { organization: tailspin, group: team, participant };
    assert_eq!(world.ada(&remove_from).unwrap_err().into_rule(), Some(group.clone().into()));
    let delete = DeleteGroup { organization: tailspin, group: team };
    assert_eq!(world.ada(&delete).unwrap_err().into_rule(), Some(group.clone().into()));
    let asked = invite(2, tailspin, team, "kim@tailspin.example");
    assert_eq!(world.ada(&asked).unwrap_err().into_rule(), Some(group.into()));
    let role_missing = Precondition::NotFound { what: "role" };
    let taken = DefineRole { organization: tailspin, ..ops.clone() };
    assert_eq!(world.ada(&taken).unwrap_err().into_rule(), Some(role_missing.clone().into()));
    let delete = DeleteRole { organization: tailspin, role: role(1) };
    assert_eq!(world.ada(&delete).unwrap_err().into_rule(), Some(role_missing.clone().into()));
    let privilege = Privilege::Role(RoleRef::Defined(role(1)));
    let (organization, window) = (tailspin, Window::ALWAYS);
    let given = GrantPrivilege { organization, principal: ada(), privilege, window };
    assert_eq!(world.ada(&given).unwrap_err().into_rule(), Some(role_missing.into()));
    let member = not_a_member(tailspin, grace);
    assert_eq!(world.ada(&remove(grace, tailspin)).unwrap_err().into_rule(), Some(member.clone().into()));
    let suspend = SuspendMember { organization: tailspin, principal: grace };
    assert_eq!(world.ada(&suspend).unwrap_err().into_rule(), Some(member.into()));
    let invitation_missing = Precondition::NotFound { what: "invitation" };
    let revoke = RevokeInvitation { organization: tailspin, invitation: invitation(1) };
    assert_eq!(world.ada(&revoke).unwrap_err().into_rule(), Some(invitation_missing.into()));
    // Nothing of Contoso has changed by any of it.
    assert!(world.may(grace, "backups.view", contoso));
    assert_eq!(world.tree.pending_invitations(contoso, world.at).count(), 1);
}

// abuse: 49
#[test]
fn membership_is_looked_up_by_key_however_many_members_there_are() {
    let mut world = World::new();
    for number in 100..350 {
        world.user(number, &format!("User{number}"), &[]);
    }
    world.grant(principal(349), "backups.view", root());
    assert!(world.may(principal(349), "backups.view", root()));
    assert!(world.tree.member(root(), principal(349)).is_some());
    assert!(world.tree.member(root(), principal(350)).is_none());
    assert_eq!(world.tree.members(root()).count(), 251);
    let limit = 100.try_into().unwrap();
    let page = world.tree.roster(ada(), root(), &RosterFilter::default(), 200, limit, world.at).unwrap();
    assert_eq!((page.lines.len(), page.total), (51, 251));
}

// abuse: 50
#[test]
fn an_acting_organization_that_is_left_out_is_an_error_and_none_is_picked() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    // Ada owns several: which one she acts from is nowhere guessed.
    let create = CreateOrganization {
        organization: organization(3),
        parent: contoso,
        name: name("Site"),
        slug: None,
        owner: None,
        secret: secret(),
    };
    let refusal = world.newcomer(ada(), &create).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(OrganizationError::NotActingFrom { parent: contoso }));
    let (evidence, mode) = (Evidence::none(world.at), DeletionMode::Soft);
    let refusal = world.newcomer(ada(), &DeleteOrganization { organization: contoso, evidence, mode }).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(Precondition::NoActingOrganization.into()));
    let context = Context::newcomer(ada(), world.at, world.key());
    let found = FoundDetached { root: organization(60), name: name("Own"), secret: secret() };
    let refusal = world.tree.found_detached(&context, &found).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(Precondition::NoActingOrganization.into()));
}

// abuse: 53
#[test]
fn no_claim_to_see_is_enough_to_change_anything() {
    let catalog = catalog();
    for operation in Operation::ALL {
        for demand in operation.requirement().iter().copied().flatten() {
            if let Authority::Claim(name) = demand.authority {
                let declared = catalog.declaration(&claim(name)).unwrap();
                assert_eq!(declared.access, AccessKind::Manage, "{operation}");
            }
        }
    }
    // And nothing that is only seen implies anything that is managed.
    for declared in catalog.declarations().filter(|declared| declared.access == AccessKind::View) {
        let mut world = World::new();
        world
            .operate(&AssignCapability { organization: root(), capability: "reporting".parse().unwrap(), until: None })
            .unwrap();
        let grace = world.user(2, "Grace", &[]);
        world.grant(grace, declared.name.as_str(), root());
        let claims = world.tree.access().claims(grace, root(), world.at);
        for held in catalog.names(&claims) {
            assert_eq!(catalog.declaration(held).unwrap().access, AccessKind::View, "{} gives {held}", declared.name);
        }
    }
}

/// Every command of a tree that needs a claim, by one who sees everything and manages
/// nothing.
// abuse: 53
#[test]
fn one_who_sees_everything_changes_nothing() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let team = world.team(1, root(), "Team", &[]);
    let grace = world.user(2, "Grace", &[contoso]);
    for declared in catalog().declarations().filter(|declared| declared.access == AccessKind::View) {
        world.grant(grace, declared.name.as_str(), root());
    }
    fn denied<C: Command>(world: &mut World, command: &C) {
        let refusal = world.run(principal(2), root(), command).map(|_| ()).unwrap_err();
        assert!(matches!(refusal, Refusal::Denied(Denial::Forbidden { .. })), "{:?}", command.operation());
    }
    let claims = BTreeSet::new();
    let evidence = Evidence::none(world.at);
    let other = ada();
    denied(&mut world, &EditOrganization::of(contoso));
    denied(&mut world, &DeactivateOrganization { organization: contoso, with_descendants: true });
    denied(&mut world, &DeleteOrganization { organization: contoso, evidence, mode: DeletionMode::Hard });
    denied(&mut world, &add(other, contoso));
    denied(&mut world, &remove(other, contoso));
    denied(&mut world, &SuspendMember { organization: contoso, principal: other });
    denied(&mut world, &robot(10, root()));
    denied(&mut world, &CreateProject { organization: root(), project: project(1), name: name("Project") });
    denied(&mut world, &grant(other, "backups.view", root()));
    denied(&mut world, &RevokePrivilege { organization: root(), principal: other, privilege: Privilege::OWNER });
    denied(&mut world, &DefineRole { organization: root(), role: role(1), name: name("Ops"), claims });
    denied(&mut world, &DeleteGroup { organization: root(), group: team });
    let capability: CapabilityName = "reporting".parse().unwrap();
    denied(&mut world, &AssignCapability { organization: contoso, capability, until: None });
}
