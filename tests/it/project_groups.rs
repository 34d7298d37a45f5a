//! MEM-5: groups of projects.

use bailiwick::*;

use crate::support::*;

/// Bea is in *Inner*, which is nested in the root's *Crew*, which is linked to Contoso and
/// assigned to a project there.
fn assigned() -> (World, OrganizationId, LinkId) {
    let mut world = World::new();
    let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
    let (crew, inner) = (world.team(1, root(), "Crew", &[]), world.team(2, root(), "Inner", &[]));
    world.join(bea, inner);
    world.ada(&AddGroupMember { organization: root(), group: crew, participant: Participant::Group(inner) }).unwrap();
    let link = world.link(1, crew, contoso, LinkTerms::default());
    let create = CreateProject { organization: contoso, project: project(1), name: name("Compiler") };
    world.run(ada(), contoso, &create).unwrap();
    world.run(ada(), contoso, &AddProjectGroup { organization: contoso, project: project(1), group: crew }).unwrap();
    (world, contoso, link)
}

fn within(world: &World) -> bool {
    world.tree.is_in_project(principal(2), project(1), world.at)
}

// spec: MEM-5
#[test]
fn a_group_of_a_project_counts_with_those_nested_in_it_until_it_is_taken_off() {
    let (mut world, contoso, _) = assigned();
    assert!(within(&world));
    let twice = AddProjectGroup { organization: contoso, project: project(1), group: group(1) };
    let refusal = world.run(ada(), contoso, &twice).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(ProjectError::AlreadyAssigned { group: group(1) }));
    let off = RemoveProjectGroup { organization: contoso, project: project(1), group: group(1) };
    world.run(ada(), contoso, &off).unwrap();
    assert!(!within(&world));
    let refusal = world.run(ada(), contoso, &off).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(ProjectError::NotAssigned { group: group(1) }));
    assert!(world.replayed() == world.tree);
}

// spec: MEM-5
#[test]
fn a_group_leaves_the_projects_with_its_link_and_does_not_come_back_by_itself() {
    let (mut world, contoso, link) = assigned();
    world.run(ada(), contoso, &EndLink { organization: contoso, link }).unwrap();
    assert!(!within(&world));
    world.link(2, group(1), contoso, LinkTerms::default());
    assert!(!within(&world), "it must be assigned again");
}

// spec: MEM-5
// spec: GRP-7
#[test]
fn a_group_that_is_deleted_leaves_the_projects_in_the_same_commit() {
    let (mut world, contoso, _) = assigned();
    world.ada(&DeleteGroup { organization: root(), group: group(1) }).unwrap();
    assert_eq!(world.tree.projects(contoso).flat_map(Project::groups).count(), 0);
    assert!(world.replayed() == world.tree);
}

// spec: MEM-5
// spec: HIE-6
#[test]
fn a_group_that_stays_behind_is_in_no_project_that_leaves() {
    let (mut world, contoso, _) = assigned();
    let detach = DetachOrganization { organization: contoso, sever: true };
    let joint = world.tree.detach(&world.context(ada(), root()), &detach).unwrap();
    let mut leaving = OrganizationTree::empty(contoso, world.tree.domain().clone());
    for part in joint.commit.parts() {
        if part.root() == root() { world.commit(part.clone()) } else { leaving.apply(part).unwrap() }
    }
    assert_eq!(leaving.projects(contoso).count(), 1);
    assert_eq!(leaving.projects(contoso).flat_map(Project::groups).count(), 0);
    assert_eq!(leaving.examine(world.at), []);
}

// spec: MEM-5
// spec: MEM-7
#[test]
fn one_who_is_suspended_is_in_no_project_of_the_organization() {
    let (mut world, contoso, _) = assigned();
    world.run(ada(), contoso, &AddMember { organization: contoso, principal: principal(2), person: None }).unwrap();
    world.run(ada(), contoso, &SuspendMember { organization: contoso, principal: principal(2) }).unwrap();
    assert!(!within(&world));
    world.run(ada(), contoso, &RestoreMember { organization: contoso, principal: principal(2) }).unwrap();
    assert!(within(&world));
}
