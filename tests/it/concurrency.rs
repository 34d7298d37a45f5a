//! What two do at once: the second gets a conflict, is decided again on the new state, and
//! ends in the refusal of the rule.

use std::num::NonZeroU32;
use std::sync::Mutex;

use bailiwick::*;
use pollster::block_on;

use crate::support::*;

/// A repository to which someone else commits first, once.
struct Interrupted {
    inner: MemoryRepository,
    first: Mutex<Option<Commit>>,
    conflicts: Mutex<u32>,
}

impl Interrupted {
    fn by(inner: MemoryRepository, first: Commit) -> Self {
        Self { inner, first: Mutex::new(Some(first)), conflicts: Mutex::new(0) }
    }

    fn conflicts(&self) -> u32 {
        *self.conflicts.lock().unwrap()
    }
}

impl Repository for Interrupted {
    type Error = MemoryError;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<MemoryError>> {
        let first = self.first.lock().unwrap().take();
        if let Some(first) = first {
            self.inner.commit(first).await?;
        }
        let outcome = self.inner.commit(commit).await;
        if matches!(outcome, Err(CommitError::Refused(CommitRefusal::Conflict { .. }))) {
            *self.conflicts.lock().unwrap() += 1;
        }
        outcome
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, MemoryError> {
        self.inner.receipt(key).await
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, MemoryError> {
        self.inner.head(root).await
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, MemoryError> {
        self.inner.read(root, after, limit).await
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, MemoryError> {
        self.inner.root_of(organization).await
    }

    async fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, MemoryError> {
        self.inner.roots(after, limit).await
    }
}

/// The commits of a world, in a repository.
fn stored(world: &World) -> MemoryRepository {
    let repository = MemoryRepository::new();
    for changes in &world.log {
        block_on(repository.commit(changes.clone().into())).unwrap();
    }
    repository
}

/// The refusal that the second of two commands ends in, when both were decided on the same
/// state: the first is committed between the second's decision and its commit.
fn second<A: Command, B: Command>(
    world: &World,
    first: (PrincipalId, OrganizationId, &A),
    then: (PrincipalId, OrganizationId, &B),
) -> Refusal<B::Error> {
    let decided = world.tree.decide(&world.context(first.0, first.1), first.2);
    let Ok(decided) = decided else { panic!("the first is possible") };
    assert!(world.tree.decide(&world.context(then.0, then.1), then.2).is_ok(), "and so is the second, alone");

    // By hand: whoever decided on what is no longer so is refused by the repository.
    let repository = stored(world);
    let late = world.tree.decide(&world.context(then.0, then.1), then.2);
    block_on(repository.commit(decided.changes.clone().into())).unwrap();
    let Ok(late) = late else { panic!("possible") };
    let refused = block_on(repository.commit(late.changes.into())).unwrap_err();
    let head = world.tree.version();
    assert!(matches!(refused, CommitError::Refused(CommitRefusal::Conflict { expected, found, .. })
            if expected == head && found == head.next()));

    // By the directory: it decides again.
    let interrupted = Interrupted::by(stored(world), decided.changes.into());
    let directory = Directory::new(interrupted, world.tree.domain().clone());
    let context = world.context(then.0, then.1);
    match block_on(directory.execute(root(), &context, then.2)) {
        Err(DirectoryError::Refused(refusal)) => {
            assert_eq!(directory.repository().conflicts(), 1);
            assert_eq!(block_on(directory.repository().head(root())).unwrap(), world.tree.version().next());
            refusal
        }
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("both took effect"),
    }
}

/// Ada and Grace, who both own the root.
fn two_owners() -> (World, PrincipalId) {
    let mut world = World::new();
    let grace = world.user(2, "Grace", &[]);
    world.grant(grace, "owner", root());
    (world, grace)
}

fn last_owner() -> Precondition {
    Precondition::LastOwner { organizations: vec![root()] }
}

// abuse: 34
// abuse: 35
#[test]
fn two_at_once_do_not_remove_the_last_owner() {
    let (world, grace) = two_owners();
    let revoke = |principal| RevokePrivilege { organization: root(), principal, privilege: Privilege::OWNER };
    let leave = |principal| RemoveMember { organization: root(), principal };
    let suspend = |principal| SuspendMember { organization: root(), principal };
    let end = |principal| GrantPrivilege {
        organization: root(),
        principal,
        privilege: Privilege::OWNER,
        window: Window::until(world.at + days(1)),
    };
    // Each revokes the other; each steps down; one is suspended, leaves, or is given an end.
    let refusal = second(&world, (ada(), root(), &revoke(grace)), (grace, root(), &revoke(ada())));
    assert_eq!(refusal.kind(), Kind::Forbidden, "an owner no more");
    let refusal = second(&world, (ada(), root(), &revoke(ada())), (grace, root(), &revoke(grace)));
    assert_eq!(refusal.into_rule(), Some(last_owner().into()));
    let refusal = second(&world, (ada(), root(), &leave(ada())), (grace, root(), &leave(grace)));
    assert_eq!(refusal.into_rule(), Some(last_owner().into()));
    let refusal = second(&world, (ada(), root(), &suspend(grace)), (ada(), root(), &leave(ada())));
    assert_eq!(refusal.into_rule(), Some(last_owner().into()));
    let refusal = second(&world, (ada(), root(), &end(ada())), (grace, root(), &end(grace)));
    assert_eq!(refusal.into_rule(), Some(last_owner().into()));
}

// abuse: 65
#[test]
fn two_moves_at_once_close_no_circle() {
    let mut world = World::new();
    let (west, east) = (world.child(2, root(), "West"), world.child(3, root(), "East"));
    let moving = |organization, new_parent| MoveOrganization { organization, new_parent, sever: false };
    let refusal = second(&world, (ada(), root(), &moving(west, east)), (ada(), root(), &moving(east, west)));
    assert_eq!(refusal.into_rule(), Some(RelocationError::Blocked { obstacles: vec![Obstacle::WouldCycle] }));
}

// abuse: 67
#[test]
fn no_child_is_created_while_its_parent_is_deleted() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let create = CreateOrganization {
        organization: organization(3),
        parent: contoso,
        name: name("Site"),
        slug: None,
        owner: None,
        secret: secret(),
    };
    let delete = |mode| DeleteOrganization { organization: contoso, evidence: Evidence::none(world.at), mode };
    let [soft, hard] = [DeletionMode::Soft, DeletionMode::Hard].map(delete);
    let refusal = second(&world, (ada(), contoso, &create), (ada(), root(), &hard));
    let blockers = vec![Blocker { kind: BlockerKind::ChildOrganizations, count: 1 }];
    assert_eq!(refusal.into_rule(), Some(DeletionError::Blocked { blockers }));
    let refusal = second(&world, (ada(), root(), &hard), (ada(), contoso, &create));
    assert_eq!(refusal.kind(), Kind::NotFound);
    let refusal = second(&world, (ada(), root(), &soft), (ada(), contoso, &create));
    assert_eq!(refusal.into_rule(), Some(Precondition::Inactive { organization: contoso }.into()));
}

// abuse: 71
// spec: DEL-4
#[test]
fn a_cascade_that_is_not_committed_has_done_nothing() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    world.team(1, contoso, "Team", &["backups.view"]);
    let repository = stored(&world);
    let evidence = Evidence::none(world.at);
    let delete = DeleteOrganization { organization: contoso, evidence, mode: DeletionMode::Hard };
    let decided = world.tree.decide(&world.context(ada(), root()), &delete).unwrap();
    // The process ends here: the next one finds all of it.
    let directory = Directory::new(repository.clone(), world.tree.domain().clone());
    let found = block_on(directory.tree(root())).unwrap();
    assert!(found == world.tree);
    // It ends after the commit: the next one finds nothing of it.
    block_on(repository.commit(decided.changes.into())).unwrap();
    let found = block_on(directory.tree(root())).unwrap();
    assert!(found.organization(contoso).is_none() && found.group(group(1)).is_none());
    assert!(found.examine(world.at).is_empty());
    assert_eq!(found.version(), world.tree.version().next(), "one commit, never a half");
}

// spec: HIE-5
// spec: HIE-7
#[test]
fn both_trees_of_an_attach_change_or_neither_does() {
    let world = World::new();
    let mut other = World::founded(organization(60), "Detached", ada());
    other.at = world.at;
    let repository = stored(&world);
    for changes in &other.log {
        block_on(repository.commit(changes.clone().into())).unwrap();
    }
    let attach = AttachOrganization { organization: organization(60), new_parent: root() };
    let joint = world.tree.attach(&other.tree, &world.context(ada(), root()), &attach).unwrap();
    let heads = || [root(), organization(60)].map(|root| block_on(repository.head(root)).unwrap());
    // Either side has moved on: nothing of it is there.
    let rename = |root| EditOrganization { name: Some(name("Renamed")), ..EditOrganization::of(root) };
    let edited = other.tree.decide(&other.context(ada(), organization(60)), &rename(organization(60))).unwrap();
    block_on(repository.commit(edited.changes.into())).unwrap();
    let before = heads();
    let refused = block_on(repository.commit(joint.commit)).unwrap_err();
    assert!(matches!(refused, CommitError::Refused(CommitRefusal::Conflict { .. })));
    assert_eq!(heads(), before);

    let directory = Directory::new(repository.clone(), world.tree.domain().clone());
    let done = block_on(directory.attach(root(), &world.context(ada(), root()), &attach)).unwrap();
    assert_eq!(done.output, Some(Preflight::default()));
    assert_eq!(heads(), before.map(Version::next), "one commit, a version of each");
    let find = |root| block_on(directory.tree(root)).unwrap();
    assert!(find(root()).organization(organization(60)).is_some());
    assert_eq!(find(organization(60)).organizations().count(), 0);
    // And out again, into the tree that goes on where it ended.
    let detach = DetachOrganization { organization: organization(60), sever: false };
    block_on(directory.detach(root(), &world.context(ada(), root()), &detach)).unwrap();
    assert_eq!(heads(), before.map(|version| version.next().next()));
    assert!(find(root()).organization(organization(60)).is_none());
    assert!(find(organization(60)).access().owns(ada(), organization(60), world.at));
    block_on(directory.attach(root(), &world.context(ada(), root()), &attach)).unwrap();
}

// spec: HIE-12
#[test]
fn of_two_who_accept_an_offer_one_does() {
    let mut world = World::new();
    let kim = principal(30);
    let other = World::founded(organization(60), "Detached", kim);
    let (offer, side) = (offer(1), OfferSide::Taking);
    world.ada(&OfferAttachment { offer, organization: root(), counterpart: organization(60), side }).unwrap();
    let repository = stored(&world);
    for changes in &other.log {
        block_on(repository.commit(changes.clone().into())).unwrap();
    }
    let directory = Directory::new(repository, world.tree.domain().clone());
    let from = |number: u128| {
        let key = CommitKey::from_u128(number).unwrap();
        Context::principal(kim, organization(60), world.at, key)
    };
    block_on(directory.accept_offer(root(), organization(60), &from(1), offer)).unwrap();
    let again = block_on(directory.accept_offer(root(), organization(60), &from(2), offer)).unwrap_err();
    let missing = Refusal::Denied(Denial::NotFound { operation: Operation::AcceptOffer });
    assert!(matches!(again, DirectoryError::Refused(refusal) if refusal == missing));
    // The same one again is the same.
    let same = block_on(directory.accept_offer(root(), organization(60), &from(1), offer)).unwrap();
    assert_eq!(same.output, None);
}
