//! Repositories in memory that each break one sentence of the contract.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use chrono::SubsecRound;

use bailiwick::conformance::{Harness, HarnessError, Sentence};
use bailiwick::{
    Changes, Commit, CommitError, CommitKey, CommitRefusal, KeptSnapshot, MemoryError, MemoryRepository, Name,
    OrganizationId, Page, Person, Reason, Receipt, Record, Repository, Snapshot, Version,
};

macro_rules! sabotages {
    ($($sentence:ident: $($(#[$doc:meta])* $name:ident),+;)*) => {
        /// What a [`Saboteur`] does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Sabotage {
            /// Nothing.
            None,
            $($($(#[$doc])* $name,)+)*
        }

        impl Sabotage {
            pub(super) const ALL: &[Self] = &[$($(Self::$name),+),*];

            /// The sentence that it breaks.
            pub(super) fn breaks(self) -> Sentence {
                match self {
                    Self::None => panic!("it breaks none"),
                    $($(Self::$name)|+ => Sentence::$sentence,)*
                }
            }
        }
    };
}

sabotages! {
    R1: /// Events without their records.
        RecordsLeftOut;
    R2: /// The conflict is told after the commit was written on top.
        WrittenThoughRefused,
        /// The version is compared first and written later.
        ComparedTooEarly;
    R3: /// The first tree stays written when the second conflicts.
        OneSideOnly;
    R4: /// Sent again, it is written again.
        WrittenAgain,
        /// Sent again, it conflicts with itself.
        ConflictsWithItself;
    R5: /// Any content is taken for the first.
        KeyReusedUnseen;
    R6: /// The last commit of a page is lost and the page looks complete.
        EndsEarly,
        /// The second commit of a page is lost.
        Gap,
        /// More commits than asked for.
        LimitIgnored,
        /// The head is where the page ends.
        HeadOfThePage;
    R7: /// Names in lower case.
        CaseFolded,
        /// Prose cut at 255 characters.
        TextCut,
        /// Instants to the microsecond.
        InstantsCut;
    R8: /// Erased records are not told of.
        ErasuresLeftOut,
        /// Every page with all records of the tree.
        RecordsOfLaterPages;
    R9: /// A page with its records as they were then.
        HistoryKept;
    R10: /// Every tree has been committed to once.
        AbsentTreeHasAHead;
    R11: /// A record is kept once for all trees.
        RecordsShared;
    R12: /// Two trees may have one organization.
        OrganizationTwice;
    R13: /// An organization stays where it was created.
        NeverMoved,
        /// Every organization is a tree.
        RootOfItself;
    R14: /// The greatest identifier first.
        TreesUnordered,
        /// A page of trees begins with the last of the page before.
        TreesTwice;
    R15: /// What was written is gone when it is opened again.
        Forgotten;
    R16: /// One tree is written, and then, a poll later, the other.
        HalfWhenDropped,
        /// A commit that is dropped leaves a transaction open, in which later ones are lost.
        LeakedTransaction;
    R17: /// A lost answer is told as certainly not written.
        NotWrittenThoughWritten;
    R18: /// A receipt for any key.
        ReceiptForAnyKey,
        /// A receipt that names one of two trees.
        ReceiptOfOneSide;
    R19: /// The last byte of a snapshot is lost.
        SnapshotCut,
        /// One snapshot is kept for all trees.
        SnapshotOfAnotherTree;
    R20: /// The records as they were when the snapshot was kept.
        RecordsOfTheSnapshot,
        /// A snapshot without its records.
        SnapshotAlone;
    R21: /// Whatever came last is kept.
        EarlierSnapshotKept,
        /// A snapshot is kept that is ahead of its tree.
        SnapshotAhead;
}

/// A memory repository and its sabotage. Clones share what is stored.
#[derive(Clone)]
pub(super) struct Saboteur {
    sabotage: Sabotage,
    inner: MemoryRepository,
    /// Everything that was ever written, in order.
    history: Arc<Mutex<Vec<Changes>>>,
    obstructed: Arc<AtomicBool>,
    leaked: Arc<AtomicBool>,
    /// The last snapshot that was given, of any tree, and the records of its tree then.
    last: Arc<Mutex<Option<KeptSnapshot>>>,
}

/// Leaks when it is dropped.
struct Leak<'a>(&'a AtomicBool);

impl Drop for Leak<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Harness for Sabotage {
    type Storage = Saboteur;
    type Repository = Saboteur;

    fn storage(&self) -> Result<Saboteur, HarnessError> {
        Ok(Saboteur {
            sabotage: *self,
            inner: MemoryRepository::new(),
            history: Arc::default(),
            obstructed: Arc::default(),
            leaked: Arc::default(),
            last: Arc::default(),
        })
    }

    fn open(&self, storage: &Saboteur) -> Result<Saboteur, HarnessError> {
        if *self == Self::Forgotten { self.storage() } else { Ok(storage.clone()) }
    }

    fn obstruct(&self, storage: &Saboteur) -> Result<bool, HarnessError> {
        storage.obstructed.store(true, Ordering::SeqCst);
        Ok(true)
    }

    fn restore(&self, storage: &Saboteur) -> Result<(), HarnessError> {
        storage.obstructed.store(false, Ordering::SeqCst);
        Ok(())
    }
}

type Answer = Result<Receipt, CommitError<MemoryError>>;

impl Saboteur {
    fn history(&self) -> MutexGuard<'_, Vec<Changes>> {
        self.history.lock().unwrap()
    }

    async fn write(&self, commit: Commit) -> Answer {
        let parts: Vec<Changes> = commit.parts().cloned().collect();
        let receipt = self.inner.commit(commit).await?;
        self.history().extend(parts);
        Ok(receipt)
    }

    /// Writes one tree's part after the head, wherever that is, and under another key.
    async fn write_on_top(&self, mut part: Changes) -> Answer {
        loop {
            part.recorded.version = self.inner.head(part.root()).await.map_err(CommitError::NotWritten)?.next();
            part.recorded.key = another(part.recorded.key, part.recorded.version);
            match self.write(part.clone().into()).await {
                Err(CommitError::Refused(CommitRefusal::Conflict { .. })) => {}
                answer => return answer,
            }
        }
    }

    /// Whether each tree is at the version that the commit was decided on.
    async fn fits(&self, commit: &Commit) -> bool {
        for part in commit.parts() {
            if self.inner.head(part.root()).await.unwrap() != part.base() {
                return false;
            }
        }
        true
    }

    /// Writes the parts one after the other, with a pause in between.
    async fn write_by_halves(&self, commit: Commit) -> Answer {
        for (mut part, is_second) in commit.parts().cloned().zip([false, true]) {
            if is_second {
                pause().await;
                part.recorded.key = another(part.recorded.key, Version::ZERO);
            }
            self.write(part.into()).await?;
        }
        Ok(commit.receipt())
    }
}

/// The part of a commit of one tree.
fn alone(commit: &Commit) -> Option<Changes> {
    let mut parts = commit.parts();
    parts.next().filter(|_| parts.next().is_none()).cloned()
}

/// A key that follows from another one.
fn another(key: CommitKey, version: Version) -> CommitKey {
    CommitKey::from_u128(!key.uuid().as_u128() ^ u128::from(version.get())).unwrap()
}

/// Pending once.
async fn pause() {
    let mut polled = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Repository for Saboteur {
    type Error = MemoryError;

    async fn commit(&self, commit: Commit) -> Answer {
        let known = self.inner.receipt(commit.key()).await.map_err(CommitError::NotWritten)?;
        match (self.sabotage, alone(&commit), &known) {
            (Sabotage::RecordsLeftOut, Some(mut part), _) => {
                part.records.clear();
                self.write(part.into()).await
            }
            (Sabotage::WrittenThoughRefused, Some(part), _) => {
                let answer = self.write(commit).await;
                if matches!(answer, Err(CommitError::Refused(CommitRefusal::Conflict { .. }))) {
                    self.write_on_top(part).await?;
                }
                answer
            }
            (Sabotage::ComparedTooEarly, Some(part), None) => {
                let fits = self.inner.head(part.root()).await.is_ok_and(|head| head == part.base());
                std::thread::sleep(std::time::Duration::from_millis(20));
                match self.write(commit.clone()).await {
                    Err(CommitError::Refused(CommitRefusal::Conflict { .. })) if fits => {
                        self.write_on_top(part).await?;
                        Ok(commit.receipt())
                    }
                    answer => answer,
                }
            }
            (Sabotage::WrittenAgain, Some(mut part), Some(first)) => {
                part.recorded.events.clear();
                self.write_on_top(part).await?;
                Ok(first.clone())
            }
            (Sabotage::ConflictsWithItself, Some(part), Some(_)) => {
                let found = self.inner.head(part.root()).await.map_err(CommitError::NotWritten)?;
                Err(CommitError::Refused(CommitRefusal::Conflict { root: part.root(), expected: part.base(), found }))
            }
            (Sabotage::KeyReusedUnseen, _, Some(first)) => Ok(first.clone()),
            (Sabotage::OrganizationTwice, ..) => match self.write(commit.clone()).await {
                Err(CommitError::Refused(CommitRefusal::OrganizationTaken { .. })) => Ok(commit.receipt()),
                answer => answer,
            },
            (Sabotage::OneSideOnly, None, _) => self.write_by_halves(commit).await,
            (Sabotage::HalfWhenDropped, None, _) if self.fits(&commit).await => self.write_by_halves(commit).await,
            (Sabotage::LeakedTransaction, ..) if self.leaked.load(Ordering::SeqCst) => Ok(commit.receipt()),
            (Sabotage::LeakedTransaction, ..) => {
                let leak = Leak(&self.leaked);
                pause().await;
                std::mem::forget(leak);
                self.write(commit).await
            }
            (Sabotage::NotWrittenThoughWritten, ..) if self.obstructed.load(Ordering::SeqCst) => {
                self.write(commit).await?;
                Err(CommitError::NotWritten(MemoryError::Poisoned))
            }
            _ => self.write(commit).await,
        }
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, MemoryError> {
        let receipt = self.inner.receipt(key).await?;
        Ok(match self.sabotage {
            Sabotage::ReceiptForAnyKey => receipt.or(Some(Receipt { key, versions: Vec::new() })),
            Sabotage::ReceiptOfOneSide => receipt.map(|mut receipt| {
                receipt.versions.truncate(1);
                receipt
            }),
            _ => receipt,
        })
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, MemoryError> {
        let head = self.inner.head(root).await?;
        Ok(if self.sabotage == Sabotage::AbsentTreeHasAHead { head.max(Version::new(1)) } else { head })
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, MemoryError> {
        let limit = if self.sabotage == Sabotage::LimitIgnored { NonZeroU32::MAX } else { limit };
        let mut page = self.inner.read(root, after, limit).await?;
        self.spoil(&mut page, root).await?;
        Ok(page)
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, MemoryError> {
        let root = self.inner.root_of(organization).await?;
        Ok(match self.sabotage {
            Sabotage::RootOfItself => root.and(Some(organization)),
            Sabotage::NeverMoved => {
                let commits: Vec<Commit> = self.history().iter().cloned().map(Commit::from).collect();
                let first =
                    commits.iter().flat_map(Commit::placements).find(|place| place.organization == organization);
                first.map(|place| place.root)
            }
            _ => root,
        })
    }

    async fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, MemoryError> {
        let mut roots = self.inner.roots(after, limit).await?;
        match self.sabotage {
            Sabotage::TreesUnordered => roots.reverse(),
            Sabotage::TreesTwice => roots.splice(..0, after).for_each(drop),
            _ => {}
        }
        Ok(roots)
    }

    async fn keep_snapshot(&self, snapshot: Snapshot) -> Result<(), MemoryError> {
        let page = self.inner.read(snapshot.root(), Version::ZERO, NonZeroU32::MAX).await?;
        let records = page.records.into_iter().filter_map(|(key, record)| Some((key, record?))).collect();
        self.last.lock().unwrap().replace(KeptSnapshot { snapshot: snapshot.clone(), records });
        self.inner.keep_snapshot(snapshot).await
    }

    async fn snapshot(&self, root: OrganizationId) -> Result<Option<KeptSnapshot>, MemoryError> {
        let kept = self.inner.snapshot(root).await?;
        let last = self.last.lock().unwrap().clone();
        let of_root = |last: &KeptSnapshot| last.snapshot.root() == root;
        Ok(match self.sabotage {
            Sabotage::SnapshotCut => kept.map(|KeptSnapshot { snapshot, records }| {
                let (_, bytes) = snapshot.bytes().split_last().unwrap();
                KeptSnapshot { snapshot: Snapshot::new(root, snapshot.version(), bytes.to_vec()), records }
            }),
            Sabotage::SnapshotOfAnotherTree => kept.and(last),
            Sabotage::SnapshotAhead => last.filter(of_root),
            Sabotage::EarlierSnapshotKept => kept.and(last.filter(of_root)),
            Sabotage::RecordsOfTheSnapshot => kept.and(last.filter(of_root)),
            Sabotage::SnapshotAlone => {
                kept.map(|KeptSnapshot { snapshot, .. }| KeptSnapshot { snapshot, records: Vec::new() })
            }
            _ => kept,
        })
    }
}

impl Saboteur {
    async fn spoil(&self, page: &mut Page, root: OrganizationId) -> Result<(), MemoryError> {
        match self.sabotage {
            Sabotage::EndsEarly if page.commits.len() > 1 => {
                page.commits.pop();
                page.head = page.commits.last().map(|commit| commit.version).unwrap_or_default();
            }
            Sabotage::Gap if page.commits.len() > 2 => drop(page.commits.remove(1)),
            Sabotage::HeadOfThePage => {
                page.head = page.commits.last().map_or(page.head, |commit| commit.version);
            }
            Sabotage::CaseFolded => {
                for (_, record) in &mut page.records {
                    if let Some(Record::Person(person)) = record {
                        *person = Person::named(Name::new(&person.name.as_str().to_lowercase()).unwrap());
                    }
                }
            }
            Sabotage::TextCut => {
                for (_, record) in &mut page.records {
                    if let Some(Record::Reason { text: reason, .. }) = record {
                        *reason = Reason::new(&reason.as_str().chars().take(255).collect::<String>()).unwrap();
                    }
                }
            }
            Sabotage::InstantsCut => {
                for commit in &mut page.commits {
                    commit.at = commit.at.trunc_subsecs(6);
                }
            }
            Sabotage::ErasuresLeftOut => page.records.retain(|(_, record)| record.is_some()),
            Sabotage::RecordsOfLaterPages => {
                page.records = self.inner.read(root, Version::ZERO, NonZeroU32::MAX).await?.records;
            }
            Sabotage::HistoryKept => {
                let versions: Vec<Version> = page.commits.iter().map(|commit| commit.version).collect();
                let history = self.history();
                let written =
                    history.iter().filter(|part| part.root() == root && versions.contains(&part.recorded.version));
                page.records = written.flat_map(|part| part.records.clone()).collect();
            }
            Sabotage::RecordsShared => {
                let history = self.history();
                for (key, record) in &mut page.records {
                    let of_any_tree = history.iter().flat_map(|part| &part.records).rfind(|(other, _)| other == key);
                    *record = of_any_tree.and_then(|(_, record)| record.clone());
                }
            }
            _ => {}
        }
        Ok(())
    }
}
