//! The suite that an embedder runs against their own repository (REP-5; feature
//! `conformance`).
//!
//! An embedder says how to open an empty storage by implementing [`Harness`], and asks for a
//! [`Report`] in a test. Each [`Sentence`] of the [contract](crate::Repository) is checked in
//! a storage of its own, by the public calls alone.
//!
//! ```
//! use std::convert::Infallible;
//! use bailiwick::MemoryRepository;
//! use bailiwick::conformance::{self, Harness, HarnessError};
//!
//! struct InMemory;
//!
//! impl Harness for InMemory {
//!     // What outlives an opened repository: a directory, a schema, a bucket.
//!     type Storage = MemoryRepository;
//!     type Repository = MemoryRepository;
//!
//!     fn storage(&self) -> Result<Self::Storage, HarnessError> {
//!         Ok(MemoryRepository::new())
//!     }
//!
//!     fn open(&self, storage: &Self::Storage) -> Result<Self::Repository, HarnessError> {
//!         Ok(storage.clone())
//!     }
//! }
//!
//! # /*
//! #[test]
//! # */
//! fn the_repository_keeps_its_contract() {
//!     let report = conformance::run(&InMemory);
//!     assert!(report.passed(), "{report}");
//! }
//! # the_repository_keeps_its_contract();
//! ```
//!
//! The suite brings no asynchronous runtime. A repository that needs one has its harness
//! override [`Harness::drive`]; then the suite is called from a plain `#[test]`, not from
//! within that runtime.

mod reading;
mod sample;
mod snapshots;
mod subject;
mod writing;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};

use super::Repository;
use subject::Trial;

/// Whatever goes wrong in a harness.
pub type HarnessError = Box<dyn std::error::Error + Send + Sync>;

/// How the suite comes by repositories.
pub trait Harness: Sync {
    /// What a repository stores into, and is opened on again: a directory, a schema.
    type Storage;
    /// The repository under test.
    type Repository: Repository;

    /// An empty storage, which shares nothing with others. Each sentence asks for one.
    fn storage(&self) -> Result<Self::Storage, HarnessError>;

    /// Opens a repository on a storage. The one opened on it before has been dropped.
    fn open(&self, storage: &Self::Storage) -> Result<Self::Repository, HarnessError>;

    /// Waits for a future, on any thread and on several at a time. The default parks the
    /// thread; with Tokio it is `self.runtime.block_on(future)`.
    fn drive<F: Future>(&self, future: F) -> F::Output {
        park_until(future)
    }

    /// Makes the storage fail to write until it is [restored](Self::restore), and says
    /// whether it can: a full disk, a lock held elsewhere, a cut connection. Without it R17
    /// is only tried on storage that works.
    fn obstruct(&self, _storage: &Self::Storage) -> Result<bool, HarnessError> {
        Ok(false)
    }

    /// Undoes [`Self::obstruct`].
    fn restore(&self, _storage: &Self::Storage) -> Result<(), HarnessError> {
        Ok(())
    }
}

/// Polls on this thread, parked in between.
fn park_until<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

macro_rules! sentences {
    ($($variant:ident: $text:literal, $check:path;)*) => {
        /// A sentence of the contract: a repository …
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Sentence {
            $(#[doc = concat!("… ", $text, ".")] $variant,)*
        }

        impl Sentence {
            /// Every sentence, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its words: a repository …
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Checks this sentence alone, in an empty storage.
            pub fn check<H: Harness>(self, harness: &H) -> Result<(), Failure> {
                let trial = Trial::new(harness)?;
                match self { $(Self::$variant => $check(&trial),)* }
            }
        }
    };
}

sentences! {
    R1: "writes a commit whole, its events and its records together, if each of its trees is at the version it was decided on",
        writing::written_whole;
    R2: "otherwise refuses it with `CommitRefusal::Conflict`, and nothing of it is there",
        writing::conflict_leaves_nothing;
    R3: "writes both trees of an attach or detach, or neither",
        writing::both_trees_or_neither;
    R4: "answers a commit whose key it has with the first receipt, and writes nothing again, whatever has happened since",
        writing::sent_again;
    R5: "refuses a key that it has with other content: `CommitRefusal::KeyReused`",
        writing::key_reused;
    R6: "reads commits in the order of their versions, without gap or repetition, at most as many as asked for, and says where the head is",
        reading::pages_without_gap;
    R7: "gives back exactly what it was given, to the letter",
        reading::to_the_letter;
    R8: "gives with a page the records last written by its commits, and for an erased one that it is erased",
        reading::records_with_their_page;
    R9: "holds no byte of a record's value, once it is replaced or erased, in anything that it answers",
        reading::nothing_of_the_erased;
    R10: "answers the head of a tree that it does not have with zero, and its page as empty",
        reading::absent_tree;
    R11: "keeps trees apart: nothing of one is in the answer to another",
        reading::trees_apart;
    R12: "refuses an organization that any tree has or had: `CommitRefusal::OrganizationTaken`; an attach or detach moves it",
        writing::organization_taken;
    R13: "answers which tree an organization is in",
        reading::tree_of_an_organization;
    R14: "lists its trees in the order of their identifiers, by page",
        reading::trees_in_order;
    R15: "shows every acknowledged commit to whatever reads after it, and keeps it when it is opened again",
        reading::acknowledged_is_there;
    R16: "leaves, when a commit's future is dropped half way, all of it or nothing",
        writing::dropped_half_way;
    R17: "answers a failed commit with `CommitError::NotWritten` only if it is certainly not there and never will be; otherwise with `CommitError::Unknown`",
        writing::not_written_is_certain;
    R18: "answers the receipt of a key that it has, and none for another",
        reading::receipts;
    R19: "answers the last snapshot of a tree that it was given, whole and unchanged, or none",
        snapshots::whole_or_none;
    R20: "answers with a snapshot every record of its tree as it stands now, and none that is erased",
        snapshots::present_records;
    R21: "keeps a snapshot only of a version that its tree is at, and replaces it by one of the same or a later version",
        snapshots::no_version_before_or_ahead;
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}: a repository {}", self.text())
    }
}

/// How a repository breaks a sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// It answered otherwise than the sentence demands.
    #[error("{when}: expected {expected}, found {found}")]
    Differs {
        /// What was asked, and after what.
        when: String,
        /// What the sentence demands.
        expected: String,
        /// What the repository answered.
        found: String,
    },
    /// It failed where it must answer.
    #[error("{when}: the storage failed: {error}")]
    Storage {
        /// What was asked, and after what.
        when: String,
        /// Its error.
        #[source]
        error: HarnessError,
    },
    /// It panicked.
    #[error("{when}: it panicked")]
    Panicked {
        /// What was asked, and after what.
        when: String,
    },
    /// The harness failed, or a sample could not be made; the repository is not to blame.
    #[error("the harness failed: {0}")]
    Harness(#[source] HarnessError),
}

/// What the suite found, a verdict for each sentence.
#[derive(Debug)]
pub struct Report {
    verdicts: Vec<(Sentence, Result<(), Failure>)>,
}

impl Report {
    /// Whether every sentence holds.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The sentences that do not hold, and how.
    pub fn failures(&self) -> impl Iterator<Item = (Sentence, &Failure)> {
        self.verdicts.iter().filter_map(|(sentence, verdict)| Some((*sentence, verdict.as_ref().err()?)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} sentences hold", self.verdicts.len() - self.failures().count(), self.verdicts.len())?;
        self.failures().try_for_each(|(sentence, failure)| writeln!(f, "{sentence}\n    {failure}"))
    }
}

/// Checks every sentence of the contract.
pub fn run<H: Harness>(harness: &H) -> Report {
    Report { verdicts: Sentence::ALL.iter().map(|sentence| (*sentence, sentence.check(harness))).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentences_are_those_of_the_contract() {
        let contract = include_str!("mod.rs").replace("[`", "`").replace("`]", "`");
        for sentence in Sentence::ALL {
            assert!(contract.contains(&format!("//! | {sentence:?} | {} |", sentence.text())), "{sentence}");
        }
        assert_eq!(contract.matches("//! | R").count(), Sentence::ALL.len());
    }
}
