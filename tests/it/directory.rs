//! The directory over a repository that can fail: retries, caches, the trail, refusals.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

use bailiwick::*;
use pollster::block_on;

use crate::support::*;

/// What goes wrong next.
const FINE: u8 = 0;
const ANSWER_LOST: u8 = 1;
const ANSWER_LOST_TWICE: u8 = 2;
const NOT_WRITTEN: u8 = 3;
const ENDS_EARLY: u8 = 4;
const GAP: u8 = 5;
const NO_SNAPSHOT: u8 = 6;

/// Memory behind a wire that fails as it is told, and notes what is read.
#[derive(Default)]
struct Wire {
    inner: MemoryRepository,
    mode: AtomicU8,
    reads: Mutex<Vec<Version>>,
    /// What is answered in place of the snapshot that is kept.
    doctored: Mutex<Option<KeptSnapshot>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the wire broke")]
struct Broken;

impl Repository for Wire {
    type Error = Broken;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<Broken>> {
        let mode = self.mode.load(Ordering::SeqCst);
        if mode == NOT_WRITTEN {
            return Err(CommitError::NotWritten(Broken));
        }
        let answer = self.inner.commit(commit).await.map_err(|error| match error {
            CommitError::Refused(refusal) => CommitError::Refused(refusal),
            _ => CommitError::NotWritten(Broken),
        });
        if mode == ANSWER_LOST || mode == ANSWER_LOST_TWICE {
            self.mode.store(mode - 1, Ordering::SeqCst);
            return Err(CommitError::Unknown(Broken));
        }
        answer
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, Broken> {
        self.inner.receipt(key).await.map_err(|_| Broken)
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, Broken> {
        self.inner.head(root).await.map_err(|_| Broken)
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, Broken> {
        self.reads.lock().unwrap().push(after);
        let mut page = self.inner.read(root, after, limit).await.map_err(|_| Broken)?;
        match self.mode.load(Ordering::SeqCst) {
            ENDS_EARLY => page.commits.clear(),
            GAP if page.commits.len() > 1 => drop(page.commits.remove(0)),
            _ => {}
        }
        Ok(page)
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, Broken> {
        self.inner.root_of(organization).await.map_err(|_| Broken)
    }

    async fn roots(&self, after: Option<OrganizationId>, limit: NonZeroU32) -> Result<Vec<OrganizationId>, Broken> {
        self.inner.roots(after, limit).await.map_err(|_| Broken)
    }

    async fn keep_snapshot(&self, snapshot: Snapshot) -> Result<(), Broken> {
        self.inner.keep_snapshot(snapshot).await.map_err(|_| Broken)
    }

    async fn snapshot(&self, root: OrganizationId) -> Result<Option<KeptSnapshot>, Broken> {
        if self.mode.load(Ordering::SeqCst) == NO_SNAPSHOT {
            return Err(Broken);
        }
        let kept = self.inner.snapshot(root).await.map_err(|_| Broken)?;
        Ok(self.doctored.lock().unwrap().clone().or(kept))
    }
}

fn domain() -> Arc<Domain> {
    Arc::new(Domain { catalog: catalog(), rules: Rules::provider() })
}

fn key(number: u128) -> CommitKey {
    CommitKey::from_u128(number).unwrap()
}

fn as_ada(number: u128) -> Context {
    Context::principal(ada(), root(), noon(), key(number))
}

fn add(number: u128) -> AddMember {
    AddMember { organization: root(), principal: principal(number), person: None }
}

fn grant(who: u128, what: &str) -> GrantPrivilege {
    GrantPrivilege {
        organization: root(),
        principal: principal(who),
        privilege: privilege(what),
        window: Window::ALWAYS,
    }
}

/// A directory with the root founded and subscribed: two commits.
fn directory() -> Directory<Wire> {
    founded(Directory::new(Wire::default(), domain()))
}

fn founded(directory: Directory<Wire>) -> Directory<Wire> {
    let found = FoundTree {
        root: root(),
        name: name("Fabrikam"),
        owner: ada(),
        person: Person::named(name("Ada")),
        secret: secret(),
    };
    block_on(directory.execute(root(), &Context::operator(operator(), noon(), key(1)), &found)).unwrap();
    let subscribe = RecordSubscription {
        root: root(),
        plan: "Enterprise".parse().unwrap(),
        status: SubscriptionStatus::Active,
        term: Window::ALWAYS,
    };
    block_on(directory.execute(root(), &Context::operator(operator(), noon(), key(2)), &subscribe)).unwrap();
    directory
}

fn set(directory: &Directory<Wire>, mode: u8) {
    directory.repository().mode.store(mode, Ordering::SeqCst);
}

fn head(directory: &Directory<Wire>) -> u64 {
    block_on(directory.repository().inner.head(root())).unwrap().get()
}

fn now(directory: &Directory<Wire>) -> OrganizationTree {
    block_on(directory.at_least(root(), Version::new(head(directory)))).unwrap()
}

fn trail(directory: &Directory<Wire>, filter: &AuditFilter) -> Vec<Recorded> {
    block_on(directory.audit(root(), filter, Version::ZERO, NonZeroU32::MAX)).unwrap()
}

// spec: REP-3
// spec: REP-7
#[test]
fn a_commit_whose_answer_went_missing_is_sent_again_and_takes_effect_once() {
    let directory = directory();
    set(&directory, ANSWER_LOST);
    let done = block_on(directory.execute(root(), &as_ada(10), &add(2))).unwrap();
    assert_eq!((done.output, head(&directory)), (Some(()), 3));
    set(&directory, ANSWER_LOST_TWICE);
    let unknown = block_on(directory.execute(root(), &as_ada(11), &add(3))).unwrap_err();
    assert!(matches!(unknown, DirectoryError::Unknown(Broken)), "{unknown}");
    assert_eq!(head(&directory), 4, "it was there");
    let again = block_on(directory.execute(root(), &as_ada(11), &add(3))).unwrap();
    assert_eq!((again.output, again.receipt.version_of(root())), (None, Some(Version::new(4))));
    assert_eq!(head(&directory), 4);
}

// spec: REP-3
#[test]
fn a_key_that_was_sent_before_a_crash_is_recognised_by_a_directory_that_starts_anew() {
    let directory = directory();
    let first = block_on(directory.execute(root(), &as_ada(10), &add(2))).unwrap();
    block_on(directory.execute(root(), &as_ada(11), &add(3))).unwrap();
    let restarted = Directory::new(directory.into_repository(), domain());
    let again = block_on(restarted.execute(root(), &as_ada(10), &add(2))).unwrap();
    assert_eq!((again.receipt, again.output), (first.receipt, None));
    assert_eq!(head(&restarted), 4);
}

// spec: REP-7
#[test]
fn what_is_certainly_not_written_is_not_sent_again_and_is_not_there() {
    let directory = directory();
    set(&directory, NOT_WRITTEN);
    let failed = block_on(directory.execute(root(), &as_ada(10), &add(2))).unwrap_err();
    assert!(matches!(failed, DirectoryError::Storage(Broken)), "{failed}");
    set(&directory, FINE);
    assert_eq!(head(&directory), 2);
    block_on(directory.execute(root(), &as_ada(10), &add(2))).unwrap();
}

// spec: REP-7
// abuse: 106
#[test]
fn a_key_that_comes_again_with_other_content_is_refused() {
    let directory = directory();
    block_on(directory.execute(root(), &as_ada(10), &add(2))).unwrap();
    let reused = |error: &dyn std::fmt::Display| {
        assert_eq!(error.to_string(), CommitRefusal::KeyReused { key: key(10) }.to_string())
    };
    reused(&block_on(directory.execute(root(), &as_ada(10), &grant(2, "backups.view"))).unwrap_err());
    let other = Context::principal(principal(2), root(), noon(), key(10));
    reused(&block_on(directory.execute(root(), &other, &add(3))).unwrap_err());
    reused(&block_on(directory.execute(organization(9), &as_ada(10), &add(2))).unwrap_err());
    let tree = now(&directory);
    let decided = tree.decide(&as_ada(10), &add(4)).unwrap();
    let refused = block_on(directory.repository().commit(decided.changes.into())).unwrap_err();
    assert!(matches!(refused, CommitError::Refused(CommitRefusal::KeyReused { .. })));
    assert_eq!(head(&directory), 3);
}

// spec: REP-2
#[test]
fn a_commit_is_refused_once_the_tree_is_past_the_version_it_was_decided_on() {
    let directory = directory();
    let tree = now(&directory);
    let late = tree.decide(&as_ada(10), &add(2)).unwrap();
    block_on(directory.execute(root(), &as_ada(11), &add(3))).unwrap();
    let refused = block_on(directory.repository().commit(late.changes.into())).unwrap_err();
    let CommitError::Refused(CommitRefusal::Conflict { expected, found, .. }) = refused else { panic!("{refused}") };
    assert_eq!((expected.get(), found.get()), (2, 3));
    assert!(now(&directory).principal(principal(2)).is_none(), "what was refused is not there");
    block_on(directory.execute(root(), &as_ada(10), &add(2))).unwrap();
    assert_eq!(head(&directory), 4, "decided again on the present one, under the same key");
}

// spec: REP-2
#[test]
fn both_trees_of_a_detach_are_written_or_neither() {
    let directory = directory();
    let contoso = organization(2);
    let create = CreateOrganization {
        organization: contoso,
        parent: root(),
        name: name("Contoso"),
        slug: None,
        owner: None,
        secret: secret(),
    };
    block_on(directory.execute(root(), &as_ada(10), &create)).unwrap();
    let detach = DetachOrganization { organization: contoso, sever: false };
    set(&directory, NOT_WRITTEN);
    assert!(block_on(directory.detach(root(), &as_ada(11), &detach)).is_err());
    set(&directory, FINE);
    assert_eq!(block_on(directory.repository().root_of(contoso)).unwrap(), Some(root()));
    assert_eq!(block_on(directory.repository().head(contoso)).unwrap(), Version::ZERO);
    let done = block_on(directory.detach(root(), &as_ada(11), &detach)).unwrap();
    assert!(done.receipt.version_of(root()).is_some() && done.receipt.version_of(contoso).is_some());
    assert_eq!(block_on(directory.repository().root_of(contoso)).unwrap(), Some(contoso));
    assert!(now(&directory).organization(contoso).is_none());
    let again = block_on(directory.detach(root(), &as_ada(11), &detach)).unwrap();
    assert_eq!((again.receipt, again.output), (done.receipt, None));
}

// spec: REP-4
// abuse: 101
#[test]
fn a_cache_reads_only_what_changed_and_holds_only_what_was_committed() {
    let directory = directory();
    let elsewhere = Directory::new(directory.repository().inner.clone(), domain());
    block_on(elsewhere.execute(root(), &as_ada(10), &add(2))).unwrap();
    directory.repository().reads.lock().unwrap().clear();
    let kept = block_on(directory.at_least(root(), Version::new(2))).unwrap();
    assert_eq!(kept.version().get(), 2);
    assert!(directory.repository().reads.lock().unwrap().is_empty(), "fresh enough without reading");
    let fresh = block_on(directory.at_least(root(), Version::new(3))).unwrap();
    assert_eq!(*directory.repository().reads.lock().unwrap(), [Version::new(2)], "only what came since");
    assert!(fresh.principal(principal(2)).is_some());
    let ahead = block_on(directory.at_least(root(), Version::new(4))).unwrap_err();
    assert!(matches!(ahead, DirectoryError::NotYet { wanted, found, .. } if (wanted.get(), found.get()) == (4, 3)));
    set(&directory, NOT_WRITTEN);
    assert!(block_on(directory.execute(root(), &as_ada(11), &add(3))).is_err());
    set(&directory, FINE);
    let after = block_on(directory.at_least(root(), Version::ZERO)).unwrap();
    assert!(after.principal(principal(3)).is_none(), "nothing of what the store did not take");
    let whole = OrganizationTree::replay(root(), domain(), &trail(&directory, &AuditFilter::default()), []).unwrap();
    assert_eq!((whole.version(), whole.examine(noon())), (after.version(), vec![]));
}

// abuse: 109
#[test]
fn a_page_that_ends_early_or_has_a_gap_is_an_error_and_never_looks_complete() {
    let directory = directory();
    for number in 3..6 {
        block_on(directory.execute(root(), &as_ada(number + 20), &add(number))).unwrap();
    }
    let fresh = Directory::new(Wire { inner: directory.repository().inner.clone(), ..Wire::default() }, domain());
    set(&fresh, ENDS_EARLY);
    let version = Version::new(5);
    assert!(matches!(block_on(fresh.at_least(root(), version)), Err(DirectoryError::NotYet { .. })));
    assert!(matches!(block_on(fresh.tree_at(root(), Version::new(3))), Err(DirectoryError::NotYet { .. })));
    let all = AuditFilter::default();
    let audit = block_on(fresh.audit(root(), &all, Version::ZERO, NonZeroU32::MAX));
    assert!(matches!(audit, Err(DirectoryError::NotYet { .. })));
    set(&fresh, GAP);
    assert!(matches!(block_on(fresh.at_least(root(), version)), Err(DirectoryError::OutOfOrder(_))));
    let audit = block_on(fresh.audit(root(), &all, Version::ZERO, NonZeroU32::MAX));
    assert!(matches!(audit, Err(DirectoryError::OutOfOrder(_))));
    set(&fresh, FINE);
    assert_eq!(trail(&fresh, &all).len(), 5);
}

// spec: AUD-1
// abuse: 97
#[test]
fn the_trail_is_read_by_page_without_gap_or_repetition() {
    let directory = directory();
    for number in 3..9 {
        block_on(directory.execute(root(), &as_ada(number + 20), &add(number))).unwrap();
    }
    let filter = AuditFilter { noun: Some("member".into()), ..AuditFilter::default() };
    let mut after = Version::ZERO;
    let mut read = Vec::new();
    loop {
        let page = block_on(directory.audit(root(), &filter, after, NonZeroU32::new(2).unwrap())).unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = last.version;
        read.extend(page);
    }
    assert_eq!(read, trail(&directory, &filter));
    assert_eq!(read.iter().map(|commit| commit.version.get()).collect::<Vec<_>>(), [1, 3, 4, 5, 6, 7, 8]);
    let beyond = block_on(directory.audit(root(), &filter, Version::new(u64::MAX), NonZeroU32::MAX)).unwrap();
    assert_eq!(beyond, []);
    assert_eq!(NonZeroU32::new(0), None, "there is no page of nothing");
    assert_eq!((Version::new(u64::MAX).next(), Version::ZERO.previous()), (Version::new(u64::MAX), Version::ZERO));
}

// spec: AUD-2
#[test]
fn a_tree_is_given_as_it_was_at_an_earlier_version() {
    let directory = directory();
    block_on(directory.execute(root(), &as_ada(10), &add(2))).unwrap();
    block_on(directory.execute(root(), &as_ada(11), &grant(2, "backups.view"))).unwrap();
    let granted = now(&directory);
    let revoke =
        RevokePrivilege { organization: root(), principal: principal(2), privilege: privilege("backups.view") };
    block_on(directory.execute(root(), &as_ada(12), &revoke)).unwrap();
    let may = |tree: &OrganizationTree| tree.access().allows(principal(2), root(), &claim("backups.view"), noon());
    let past = block_on(directory.tree_at(root(), Version::new(4))).unwrap();
    assert!(past == granted && may(&past) && !may(&now(&directory)));
    assert_eq!(block_on(directory.tree_at(root(), Version::ZERO)).unwrap().version(), Version::ZERO);
    assert!(matches!(block_on(directory.tree_at(root(), Version::new(6))), Err(DirectoryError::NotYet { .. })));
}

fn refusals(directory: &Directory<Wire>) -> Vec<(Recorded, AuditEvent)> {
    let filter = AuditFilter { noun: Some("audit".into()), ..AuditFilter::default() };
    let event = |commit: Recorded| match commit.events.clone().pop() {
        Some(Event::Audit(event)) => (commit, event),
        other => panic!("{other:?}"),
    };
    trail(directory, &filter).into_iter().map(event).collect()
}

// spec: AUD-3
// spec: ERR-4
#[test]
fn a_refused_operation_is_recorded_as_what_was_attempted_with_the_true_reason() {
    let directory = founded(Directory::new(Wire::default(), domain()).recording_refusals());
    block_on(directory.execute(root(), &as_ada(10), &add(2))).unwrap();
    assert!(block_on(directory.execute(root(), &as_ada(11), &add(2))).is_err());
    let bob = |number| Context::principal(principal(2), root(), noon(), key(number));
    assert!(block_on(directory.execute(root(), &bob(12), &add(3))).is_err());
    let contoso = organization(2);
    let create = CreateOrganization {
        organization: contoso,
        parent: root(),
        name: name("Contoso"),
        slug: None,
        owner: None,
        secret: secret(),
    };
    block_on(directory.execute(root(), &as_ada(13), &create)).unwrap();
    let edit = |organization| EditOrganization { name: Some(name("Mine")), ..EditOrganization::of(organization) };
    let hidden = block_on(directory.execute(root(), &bob(14), &edit(contoso))).unwrap_err();
    let absent = block_on(directory.execute(root(), &bob(15), &edit(organization(77)))).unwrap_err();
    assert_eq!(hidden.to_string(), absent.to_string(), "both are answered alike");
    let detach = DetachOrganization { organization: contoso, sever: false };
    assert!(block_on(directory.detach(root(), &bob(16), &detach)).is_err());
    let recorded = refusals(&directory);
    let told = |(commit, event): &(Recorded, AuditEvent)| match event {
        AuditEvent::Refused { operation, code, rule, organization, exists } => {
            assert_eq!((&commit.operations[..], commit.acting), (&[Operation::RecordRefusal][..], Some(root())));
            (commit.actor.principal().unwrap(), *operation, code.to_string(), rule.to_string(), *organization, *exists)
        }
        other => panic!("{other:?}"),
    };
    let line = |who, operation, code: &str, rule: &str, organization, exists| {
        (who, operation, code.to_owned(), rule.to_owned(), Some(organization), exists)
    };
    let stranger = principal(2);
    assert_eq!(
        recorded.iter().map(told).collect::<Vec<_>>(),
        [
            line(ada(), Operation::AddMember, "member.already", "MEM-1", root(), true),
            line(stranger, Operation::AddMember, "forbidden", "CLM-12", root(), true),
            line(stranger, Operation::EditOrganization, "not_found", "ERR-4", contoso, true),
            line(stranger, Operation::EditOrganization, "not_found", "ERR-4", organization(77), false),
            line(stranger, Operation::DetachOrganization, "not_found", "ERR-4", contoso, true),
        ]
    );
}

// spec: AUD-3
// spec: REP-3
#[test]
fn a_refusal_that_was_recorded_does_not_use_up_the_key_of_what_was_refused() {
    let directory = founded(Directory::new(Wire::default(), domain()).recording_refusals());
    for _ in 0..2 {
        let refused = block_on(directory.execute(root(), &as_ada(10), &grant(2, "backups.view"))).unwrap_err();
        assert!(matches!(refused, DirectoryError::Refused(_)), "a retry is refused again: {refused}");
    }
    assert_eq!(refusals(&directory).len(), 2);
    block_on(directory.execute(root(), &as_ada(11), &add(2))).unwrap();
    let done = block_on(directory.execute(root(), &as_ada(10), &grant(2, "backups.view"))).unwrap();
    assert_eq!(done.output, Some(()), "and goes through once nothing is in the way");
}

// spec: AUD-3
// spec: ERR-2
#[test]
fn without_that_setting_a_refusal_leaves_no_trace() {
    let directory = directory();
    let before = now(&directory);
    assert!(block_on(directory.execute(root(), &as_ada(10), &grant(2, "backups.view"))).is_err());
    assert_eq!(head(&directory), 2);
    assert!(now(&directory) == before);
}

#[test]
fn its_futures_can_be_sent_between_threads() {
    fn sent<T: Send>(_: T) {}
    let directory = Directory::new(MemoryRepository::new(), domain());
    let root = organization(1);
    let context = Context::operator(principal(99), noon(), CommitKey::from_u128(1).unwrap());
    let subscribe = RecordSubscription::active(root, "Enterprise".parse().unwrap());
    sent(directory.execute(root, &context, &subscribe));
    sent(directory.execute_draft(root, &context, |draft: &mut Draft| draft.run(&subscribe)));
    sent(directory.detach(root, &context, &DetachOrganization { organization: root, sever: false }));
    sent(directory.tree(root));
}

/// A directory of five commits with a snapshot of the first four, and what is in it.
fn with_a_snapshot() -> (Directory<Wire>, OrganizationTree, KeptSnapshot) {
    let directory = directory();
    block_on(directory.execute(root(), &as_ada(20), &add(2))).unwrap();
    block_on(directory.execute(root(), &as_ada(21), &grant(2, "backups.view"))).unwrap();
    assert_eq!(block_on(directory.keep_snapshot(root())).unwrap(), Version::new(4));
    let person = Person::named(name("Sentinel"));
    let add = AddMember { organization: root(), principal: principal(3), person: Some(person) };
    block_on(directory.execute(root(), &as_ada(22), &add)).unwrap();
    let tree = block_on(directory.tree(root())).unwrap();
    let kept = block_on(directory.repository().inner.snapshot(root())).unwrap().unwrap();
    (directory, tree, kept)
}

/// The same repository in another process.
fn started_anew(directory: Directory<Wire>) -> Directory<Wire> {
    let repository = directory.into_repository();
    repository.reads.lock().unwrap().clear();
    Directory::new(repository, domain())
}

#[test]
fn a_start_begins_at_the_snapshot() {
    let (directory, tree, _) = with_a_snapshot();
    let directory = started_anew(directory);
    assert!(block_on(directory.tree(root())).unwrap() == tree);
    assert_eq!(*directory.repository().reads.lock().unwrap(), [Version::new(4)]);
    let found = directory.reader().tree_of(root()).map(OrganizationTree::version);
    assert_eq!(found, Some(Version::new(5)), "its organizations are found");
    assert!(block_on(directory.tree(root())).unwrap() == tree);
    assert_eq!(directory.repository().reads.lock().unwrap().last(), Some(&Version::new(5)), "it is loaded once");
}

#[test]
fn a_snapshot_that_is_of_no_use_is_passed_over() {
    let (_, _, kept) = with_a_snapshot();
    let ahead = {
        let (directory, ..) = with_a_snapshot();
        (6..9_u128)
            .for_each(|number| drop(block_on(directory.execute(root(), &as_ada(number * 10), &add(number))).unwrap()));
        block_on(directory.keep_snapshot(root())).unwrap();
        block_on(directory.repository().inner.snapshot(root())).unwrap().unwrap()
    };
    let (version, bytes) = (kept.snapshot.version(), kept.snapshot.bytes());
    let of_another = {
        let other = founded_elsewhere();
        KeptSnapshot { snapshot: other.snapshot().unwrap(), records: Vec::new() }
    };
    let with = |snapshot| KeptSnapshot { snapshot, ..kept.clone() };
    let damaged = with(Snapshot::new(root(), version, bytes[..bytes.len() - 1].to_vec()));
    let later = with(Snapshot::new(root(), version, [&[9], &bytes[1..]].concat()));
    for (why, doctored) in [("ahead", ahead), ("of another", of_another), ("damaged", damaged), ("later", later)] {
        let (directory, tree, _) = with_a_snapshot();
        directory.repository().doctored.lock().unwrap().replace(doctored);
        let directory = started_anew(directory);
        assert!(block_on(directory.tree(root())).unwrap() == tree, "{why}");
        assert!(directory.repository().reads.lock().unwrap().contains(&Version::ZERO), "{why}: the log was read");
    }
    let (directory, tree, _) = with_a_snapshot();
    set(&directory, NO_SNAPSHOT);
    assert!(block_on(started_anew(directory).tree(root())).unwrap() == tree);
}

/// A tree of another root.
fn founded_elsewhere() -> OrganizationTree {
    World::founded(organization(77), "Elsewhere", ada()).tree
}

// spec: GDP-3
// abuse: 89
#[test]
fn what_is_erased_after_a_snapshot_is_in_no_answer_and_stays_erased() {
    let (directory, ..) = with_a_snapshot();
    assert_eq!(block_on(directory.keep_snapshot(root())).unwrap(), Version::new(5));
    let kept = || block_on(directory.repository().inner.snapshot(root())).unwrap().unwrap();
    let text = |kept: &KeptSnapshot| serde_json::to_string(&kept.records).unwrap();
    assert!(text(&kept()).contains("Sentinel"));
    let erase = ErasePerson { root: root(), principal: principal(3), successors: Default::default() };
    block_on(directory.execute(root(), &as_ada(30), &erase)).unwrap();
    let (kept, tree) = (kept(), block_on(directory.tree(root())).unwrap());
    assert_eq!(kept.snapshot.version(), Version::new(5), "the snapshot itself is as it was");
    assert!(!text(&kept).contains("Sentinel"));
    assert!(!kept.snapshot.bytes().windows(8).any(|window| window == b"Sentinel"));
    let directory = started_anew(directory);
    let again = block_on(directory.tree(root())).unwrap();
    assert!(again == tree && again.person(principal(3)).is_none());
}
