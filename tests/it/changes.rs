//! Changes, applied to the state that they were decided on, to another one, and altered.

use bailiwick::*;

use super::support::*;

/// Ada grants Bob a claim in the root, for a reason.
fn granted(world: &World, bob: PrincipalId, what: &str) -> Changes {
    let context = world.context(ada(), root()).because("A first day".parse().unwrap());
    world.tree.decide(&context, &GrantPrivilege::new(root(), bob, privilege(what))).unwrap().changes
}

/// The same changes, as they come from a log.
fn stored(changes: &Changes) -> Changes {
    Changes::new(changes.recorded.clone(), changes.records.clone())
}

fn applied(tree: &OrganizationTree, changes: &Changes) -> OrganizationTree {
    let mut tree = tree.clone();
    tree.apply(changes).unwrap();
    tree
}

// spec: REP-6
#[test]
fn what_was_decided_makes_the_same_state_as_what_was_stored() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    let changes = granted(&world, bob, "backups.view");
    let after = applied(&world.tree, &changes);
    assert!(after == applied(&world.tree, &stored(&changes)));
    assert_eq!((after.version(), after.at()), (changes.recorded.version, changes.recorded.at));
    assert!(after.clone().apply(&changes).is_err(), "they do not follow the state that they made");
}

// spec: REP-2
#[test]
fn what_was_altered_since_is_applied_as_it_reads() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    let mut changes = granted(&world, bob, "backups.view");
    changes.recorded.events = granted(&world, bob, "backups.restore").recorded.events;
    assert!(applied(&world.tree, &changes).access().allows(bob, root(), &claim("backups.restore"), world.at));
    assert!(applied(&world.tree, &changes) == applied(&world.tree, &stored(&changes)));
    let mut silent = granted(&world, bob, "backups.view");
    silent.records.clear();
    assert!(applied(&world.tree, &silent) == applied(&world.tree, &stored(&silent)));
}

// spec: REP-2
#[test]
fn a_state_of_the_same_version_that_differs_keeps_what_it_has() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    let changes = granted(&world, bob, "backups.view");
    let mut erased = world.tree.clone();
    erased.absorb(RecordKey::Person(bob), None);
    assert!(applied(&erased, &changes).person(bob).is_none());
    assert!(applied(&world.tree, &changes).person(bob).is_some());
}

// spec: REP-2
#[test]
fn what_was_decided_within_a_draft_is_not_taken_by_a_later_moment_of_it() {
    let mut world = World::new();
    let [bob, cleo] = [world.user(2, "Bob", &[]), world.user(3, "Cleo", &[])];
    let grant = |who| GrantPrivilege::new(root(), who, privilege("backups.view"));
    let mut draft = world.tree.draft(world.context(ada(), root()));
    draft.run(&grant(bob)).unwrap();
    let within = draft.tree().clone();
    let changes = within.decide(&world.context(ada(), root()), &grant(ada())).unwrap().changes;
    draft.run(&grant(cleo)).unwrap();
    let later = applied(draft.tree(), &changes);
    assert!(later.access().allows(cleo, root(), &claim("backups.view"), world.at));
    assert!(later == applied(draft.tree(), &stored(&changes)));
    // The moments of a draft are not the state that it began at either.
    let changes = draft.finish();
    assert!(applied(&within, &changes) == applied(&within, &stored(&changes)));
}
