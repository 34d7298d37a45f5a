//! Readers of the trees that a directory keeps.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use bailiwick::*;
use pollster::block_on;

use crate::support::*;

fn kept(world: &World) -> Directory<MemoryRepository> {
    let repository = MemoryRepository::new();
    for changes in &world.log {
        block_on(repository.commit(changes.clone().into())).unwrap();
    }
    let directory = Directory::new(repository, world.tree.domain().clone());
    block_on(directory.tree(root())).unwrap();
    directory
}

/// Three children of the root; Kim holds a claim in the first.
fn kim_at_a_child() -> (World, [OrganizationId; 3], PrincipalId) {
    let mut world = World::new();
    let places = [2, 3, 4].map(|number| world.child(number, root(), &format!("Child {number}")));
    let kim = world.user(30, "Kim", &places[..1]);
    world.grant(kim, "groups.view", places[0]);
    (world, places, kim)
}

fn numbered(world: &World, key: u128) -> Context {
    Context::principal(ada(), root(), world.at, CommitKey::from_u128(0xabcd_0000_0000 + key).unwrap())
}

// spec: REP-2
/// A claim goes from one person to another in one commit, again and again: whoever reads
/// meanwhile finds that exactly one of them has it.
#[test]
fn no_reader_sees_half_of_a_commit() {
    let mut world = World::new();
    let (kim, lee) = (world.user(30, "Kim", &[]), world.user(31, "Lee", &[]));
    world.grant(kim, "groups.view", root());
    let directory = kept(&world);
    let (view, done) = (claim("groups.view"), AtomicBool::new(false));
    // How often either reader saw Kim have it, and Lee.
    let seen = [(); 2].map(|()| [(); 2].map(|()| AtomicUsize::new(0)));
    thread::scope(|scope| {
        for seen in &seen {
            scope.spawn(|| {
                let mut reader = directory.reader();
                while !done.load(Ordering::Relaxed) {
                    let tree = reader.tree_of(root()).unwrap();
                    let has = [kim, lee].map(|who| tree.access().allows(who, root(), &view, world.at));
                    if has[0] == has[1] {
                        // Told to the writer, which waits for nobody who is gone.
                        done.store(true, Ordering::Relaxed);
                        panic!("{has:?} at version {}", tree.version());
                    }
                    seen[usize::from(has[1])].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let unseen = || seen.iter().flatten().any(|seen| seen.load(Ordering::Relaxed) == 0);
        let mut step = 0;
        while (step < 100 || unseen()) && !done.load(Ordering::Relaxed) {
            let (from, to) = if step % 2 == 0 { (kim, lee) } else { (lee, kim) };
            let privilege = privilege("groups.view");
            let grant = GrantPrivilege::new(root(), to, privilege.clone());
            let revoke = RevokePrivilege { organization: root(), principal: from, privilege };
            let swap = |draft: &mut Draft| {
                draft.run(&revoke)?;
                draft.run(&grant)
            };
            block_on(directory.execute_draft(root(), &numbered(&world, step), swap)).unwrap();
            step += 1;
        }
        done.store(true, Ordering::Relaxed);
    });
}

// spec: REP-5
#[test]
fn a_reader_sees_what_was_committed_and_where_an_organization_is() {
    let mut world = World::new();
    let child = world.child(2, root(), "Child");
    let directory = kept(&world);
    let mut reader = directory.reader();
    assert_eq!(reader.tree_of(child).map(OrganizationTree::root), Some(root()));
    assert!(reader.tree_of(organization(60)).is_none(), "of one that is not kept it says nothing");
    let create = CreateOrganization::new(organization(3), root(), name("New"), secret());
    block_on(directory.execute(root(), &numbered(&world, 1), &create)).unwrap();
    assert!(reader.tree_of(organization(3)).unwrap().access().owns(ada(), organization(3), world.at));
    let detach = DetachOrganization { organization: child, sever: false };
    let owns = |reader: &mut Reader<'_>, place| reader.allows(ada(), place, &claim("members.view"), world.at);
    assert_eq!(owns(&mut reader, child), Some(true));
    block_on(directory.detach(root(), &numbered(&world, 2), &detach)).unwrap();
    for _ in 0..2 {
        assert_eq!(owns(&mut reader, child), Some(true), "by the tree that it is now");
        assert_eq!(reader.tree_of(child).map(OrganizationTree::root), Some(child));
    }
    // One that was removed is still known, lest it is looked for in the storage again and again.
    let (evidence, mode) = (Evidence::none(world.at), DeletionMode::Hard);
    let remove = DeleteOrganization { organization: organization(3), evidence, mode };
    block_on(directory.execute(root(), &numbered(&world, 3), &remove)).unwrap();
    assert_eq!(owns(&mut reader, organization(3)), Some(false));
    assert_eq!(reader.tree_of(organization(3)).map(OrganizationTree::root), Some(root()));
    assert_eq!(owns(&mut reader, organization(60)), None);
}

// spec: CLM-7
#[test]
fn a_reader_answers_as_the_tree_does() {
    let (mut world, places, kim) = kim_at_a_child();
    let team = world.team(1, root(), "Support", &["groups.view", "members.view"]);
    world.join(kim, team);
    world.link(1, team, places[1], LinkTerms::target());
    let compare = |world: &World| {
        let directory = kept(world);
        let (mut reader, mut allowed) = (directory.reader(), 0);
        for who in [ada(), kim, principal(99)] {
            for place in [root(), places[0], places[1], places[2]] {
                for what in ["groups.view", "members.view", "not.declared"].map(claim) {
                    let answer = world.tree.access().allows(who, place, &what, world.at);
                    assert_eq!(reader.allows(who, place, &what, world.at), Some(answer), "{who} {what} {place}");
                    allowed += usize::from(answer);
                }
            }
        }
        allowed
    };
    let plain = compare(&world);
    world.link(2, team, places[2], LinkTerms::subtree());
    let reaching = compare(&world);
    world.ada(&DeactivateOrganization { organization: places[2], with_descendants: false }).unwrap();
    let inactive = compare(&world);
    assert!(plain < reaching && inactive < reaching, "{plain}, {reaching}, {inactive}");
}

// spec: CLM-7
#[test]
fn handles_and_pages_answer_as_single_checks_do() {
    let (mut world, places, kim) = kim_at_a_child();
    let team = world.team(1, root(), "Support", &["groups.view"]);
    world.join(kim, team);
    let link = world.link(1, team, places[1], LinkTerms::target());
    let (tree, at, view) = (&world.tree, world.at, claim("groups.view"));
    let access = tree.access();
    let asked = [root(), places[0], places[1], places[2], organization(99)];
    let singly = asked.map(|place| access.allows(kim, place, &view, at));
    assert_eq!(singly, [true, true, true, false, false]);
    assert_eq!(access.allows_each(kim, &asked, &view, at), singly);
    assert_eq!(access.allows_each(principal(99), &asked, &view, at), [false; 5]);
    assert_eq!(access.allows_each(kim, &asked, &claim("not.declared"), at), [false; 5]);
    let (who, what) = (access.principal(kim).unwrap(), access.claim(&view).unwrap());
    for (place, expected) in asked.into_iter().zip(singly) {
        let by_handle = access.organization(place).is_some_and(|place| access.allows_by(who, place, what, at));
        assert_eq!(by_handle, expected, "{place}");
    }
    // Handles of an earlier state ask the state that they are put to.
    let earlier = tree.clone();
    let (old, place) = (earlier.access().principal(kim).unwrap(), earlier.access().organization(places[1]).unwrap());
    world.ada(&EndLink { organization: root(), link }).unwrap();
    assert!(earlier.access().allows_by(old, place, earlier.access().claim(&view).unwrap(), at));
    let now = &world.tree;
    assert!(!now.access().allows_by(old, place, now.access().claim(&view).unwrap(), at));
}
