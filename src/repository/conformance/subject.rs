//! The repository under test, asked one question at a time.

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Barrier;
use std::task::Poll;
use std::thread;

use super::sample::{Sample, page_of};
use super::{Failure, Harness};
use crate::event::Version;
use crate::id::{CommitKey, OrganizationId};
use crate::repository::{Commit, CommitError, CommitRefusal, KeptSnapshot, Page, Receipt, Repository};
use crate::snapshot::Snapshot;

/// The storage that one sentence is checked in.
pub(super) struct Trial<'h, H: Harness> {
    pub(super) harness: &'h H,
    pub(super) storage: H::Storage,
}

impl<'h, H: Harness> Trial<'h, H> {
    pub(super) fn new(harness: &'h H) -> Result<Self, Failure> {
        Ok(Self { harness, storage: harness.storage().map_err(Failure::Harness)? })
    }

    /// Opens the storage; whatever was opened on it before must be dropped by now.
    pub(super) fn open(&self) -> Result<Subject<'h, H>, Failure> {
        let repository = self.harness.open(&self.storage).map_err(Failure::Harness)?;
        Ok(Subject { harness: self.harness, repository })
    }
}

/// What a commit was answered with.
pub(super) type Answer<H> = Result<Receipt, CommitError<<<H as Harness>::Repository as Repository>::Error>>;

/// An open repository.
pub(super) struct Subject<'h, H: Harness> {
    harness: &'h H,
    repository: H::Repository,
}

impl<H: Harness> Subject<'_, H> {
    /// Sends a commit.
    pub(super) fn send(&self, commit: &Commit) -> Answer<H> {
        self.harness.drive(self.repository.commit(commit.clone()))
    }

    /// Sends a commit and drops it after so many polls; `None` if it had not answered.
    pub(super) fn send_and_drop(&self, commit: &Commit, polls: u32) -> Option<Answer<H>> {
        self.harness.drive(async {
            let mut sending = pin!(self.repository.commit(commit.clone()));
            let mut left = polls;
            std::future::poll_fn(|context| match left.checked_sub(1) {
                None => Poll::Ready(None),
                Some(fewer) => {
                    left = fewer;
                    sending.as_mut().poll(context).map(Some)
                }
            })
            .await
        })
    }

    /// Sends commits from a thread each, all at once.
    pub(super) fn race(&self, when: &str, commits: &[Commit]) -> Result<Vec<Answer<H>>, Failure> {
        let start = Barrier::new(commits.len());
        let send = |commit| {
            start.wait();
            self.send(commit)
        };
        let joined: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = commits.iter().map(|commit| scope.spawn(move || send(commit))).collect();
            threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
        });
        joined.into_iter().map(|answer| answer.map_err(|_| Failure::Panicked { when: when.into() })).collect()
    }

    /// Sends a commit that must be written.
    pub(super) fn accepts(&self, when: &str, commit: &Commit) -> Result<(), Failure> {
        expect(when, &Ok(commit.receipt()), &told(when, self.send(commit))?)
    }

    /// Sends a commit that must be refused.
    pub(super) fn refuses(&self, when: &str, commit: &Commit, refusal: CommitRefusal) -> Result<(), Failure> {
        expect(when, &Err(refusal), &told(when, self.send(commit))?)
    }

    /// That a tree holds exactly these commits and what they last wrote.
    pub(super) fn holds(&self, when: &str, tree: &[Sample]) -> Result<(), Failure> {
        let Some(root) = tree.first().map(|first| first.root()) else { return Ok(()) };
        let whole = NonZeroU32::MAX;
        compare(when, &page_of(tree, Version::ZERO, whole), &self.page(when, root, Version::ZERO, whole)?)?;
        let head = tree.last().map(Sample::version).unwrap_or_default();
        expect(&format!("{when}: head of tree {root}"), &head, &self.head(when, root)?)
    }

    /// That nothing of a commit is there, as far as its key and its organizations tell.
    pub(super) fn lacks(&self, when: &str, commit: &Commit) -> Result<(), Failure> {
        expect(&format!("{when}: its receipt"), &None, &self.receipt(when, commit.key())?)?;
        for placement in commit.placements().filter(|placement| placement.created) {
            let found = self.root_of(when, placement.organization)?;
            expect(&format!("{when}: the tree of its new organization"), &None, &found)?;
        }
        Ok(())
    }

    pub(super) fn receipt(&self, when: &str, key: CommitKey) -> Result<Option<Receipt>, Failure> {
        self.harness.drive(self.repository.receipt(key)).map_err(|error| storage(when, error))
    }

    pub(super) fn head(&self, when: &str, root: OrganizationId) -> Result<Version, Failure> {
        self.harness.drive(self.repository.head(root)).map_err(|error| storage(when, error))
    }

    pub(super) fn page(
        &self,
        when: &str,
        root: OrganizationId,
        after: Version,
        limit: NonZeroU32,
    ) -> Result<Page, Failure> {
        self.harness.drive(self.repository.read(root, after, limit)).map_err(|error| storage(when, error))
    }

    pub(super) fn keep_snapshot(&self, when: &str, snapshot: &Snapshot) -> Result<(), Failure> {
        self.harness.drive(self.repository.keep_snapshot(snapshot.clone())).map_err(|error| storage(when, error))
    }

    pub(super) fn snapshot(&self, when: &str, root: OrganizationId) -> Result<Option<KeptSnapshot>, Failure> {
        self.harness.drive(self.repository.snapshot(root)).map_err(|error| storage(when, error))
    }

    pub(super) fn root_of(&self, when: &str, organization: OrganizationId) -> Result<Option<OrganizationId>, Failure> {
        self.harness.drive(self.repository.root_of(organization)).map_err(|error| storage(when, error))
    }

    pub(super) fn roots(
        &self,
        when: &str,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, Failure> {
        self.harness.drive(self.repository.roots(after, limit)).map_err(|error| storage(when, error))
    }
}

/// A commit's answer where the storage works: a receipt or a refusal.
fn told<E: std::error::Error + Send + Sync + 'static>(
    when: &str,
    answer: Result<Receipt, CommitError<E>>,
) -> Result<Result<Receipt, CommitRefusal>, Failure> {
    match answer {
        Ok(receipt) => Ok(Ok(receipt)),
        Err(CommitError::Refused(refusal)) => Ok(Err(refusal)),
        Err(error @ (CommitError::NotWritten(_) | CommitError::Unknown(_))) => Err(storage(when, error)),
    }
}

fn storage(when: &str, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Storage { when: when.into(), error: Box::new(error) }
}

/// That what was found is what the sentence demands.
pub(super) fn expect<T: PartialEq + Debug>(when: &str, expected: &T, found: &T) -> Result<(), Failure> {
    if expected == found {
        return Ok(());
    }
    Err(Failure::Differs { when: when.into(), expected: format!("{expected:?}"), found: format!("{found:?}") })
}

/// The same of long texts, told from shortly before where they part.
fn expect_text(when: &str, expected: &str, found: &str) -> Result<(), Failure> {
    let common = expected.chars().zip(found.chars()).take_while(|(a, b)| a == b).count();
    let excerpt = |text: &str| text.chars().skip(common.saturating_sub(40)).take(120).collect::<String>();
    match expected == found {
        true => Ok(()),
        false => expect(&format!("{when}, from character {common} on"), &excerpt(expected), &excerpt(found)),
    }
}

/// That a page is this one, told by its first difference. Records are compared as they are
/// serialized, since their debug output shows nothing.
pub(super) fn compare(when: &str, expected: &Page, found: &Page) -> Result<(), Failure> {
    expect(&format!("{when}: head of the page"), &expected.head, &found.head)?;
    let versions = |page: &Page| page.commits.iter().map(|commit| commit.version.get()).collect::<Vec<_>>();
    expect(&format!("{when}: versions of the page"), &versions(expected), &versions(found))?;
    for (expected, found) in expected.commits.iter().zip(&found.commits) {
        expect_text(&format!("{when}: commit {}", expected.version), &text(expected)?, &text(found)?)?;
    }
    let mut records = found.records.clone();
    records.sort_by_key(|(key, _)| *key);
    let keys = |records: &[(_, _)]| records.iter().map(|(key, _)| *key).collect::<Vec<_>>();
    expect(&format!("{when}: records of the page"), &keys(&expected.records), &keys(&records))?;
    for ((key, expected), (_, found)) in expected.records.iter().zip(&records) {
        expect_text(&format!("{when}: record {key:?}"), &text(expected)?, &text(found)?)?;
    }
    Ok(())
}

/// A value as it is serialized.
pub(super) fn text(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::Harness(error.into()))
}
