//! HIE: the hierarchy.

use bailiwick::*;

use crate::support::*;

// spec: HIE-1
#[test]
fn a_root_has_no_parent_and_a_child_has_the_one_it_was_created_under() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    assert_eq!(world.tree.organization(root()).unwrap().parent(), None);
    assert_eq!(world.tree.organization(contoso).unwrap().parent(), Some(root()));
    assert_eq!(world.tree.path(contoso).collect::<Vec<_>>(), [root(), contoso]);
}

// spec: HIE-2
#[test]
fn one_level_too_deep_is_refused_with_the_limit_and_the_level() {
    let mut world = World::new();
    let second = world.child(2, root(), "Second");
    let third = world.child(3, second, "Third");
    let create = CreateOrganization {
        organization: organization(4),
        parent: third,
        name: name("Fourth"),
        slug: None,
        owner: None,
    };
    let refusal = world.run(ada(), third, &create).unwrap_err();
    assert_eq!(refusal.into_rule(), Some(OrganizationError::TooDeep { limit: 3, level: 4 }));
    assert!(world.replayed() == world.tree);
}
