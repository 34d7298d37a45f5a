//! The repositories of the crate keep the contract, and the suite catches those that break
//! a sentence of it.

mod saboteur;

use bailiwick::conformance::{self, Harness, HarnessError, Sentence};
use bailiwick::{BoxedRepository, MemoryRepository};

use saboteur::Sabotage;

struct InMemory;

impl Harness for InMemory {
    type Storage = MemoryRepository;
    type Repository = MemoryRepository;

    fn storage(&self) -> Result<MemoryRepository, HarnessError> {
        Ok(MemoryRepository::new())
    }

    fn open(&self, storage: &MemoryRepository) -> Result<MemoryRepository, HarnessError> {
        Ok(storage.clone())
    }
}

struct Boxed;

impl Harness for Boxed {
    type Storage = BoxedRepository;
    type Repository = BoxedRepository;

    fn storage(&self) -> Result<BoxedRepository, HarnessError> {
        Ok(BoxedRepository::new(MemoryRepository::new()))
    }

    fn open(&self, storage: &BoxedRepository) -> Result<BoxedRepository, HarnessError> {
        Ok(storage.clone())
    }
}

// spec: REP-2
// spec: REP-3
// spec: REP-7
#[test]
fn memory_keeps_the_contract() {
    let report = conformance::run(&InMemory);
    assert!(report.passed(), "{report}");
}

#[test]
fn a_boxed_repository_keeps_the_contract() {
    let report = conformance::run(&Boxed);
    assert!(report.passed(), "{report}");
}

#[test]
fn the_saboteur_without_sabotage_keeps_the_contract() {
    let report = conformance::run(&Sabotage::None);
    assert!(report.passed(), "{report}");
}

// spec: REP-5
// abuse: 71
// abuse: 103
// abuse: 104
// abuse: 106
// abuse: 107
// abuse: 109
#[test]
fn every_sabotage_is_caught_by_the_check_of_its_sentence() {
    for sabotage in Sabotage::ALL {
        let sentence = sabotage.breaks();
        let failure = sentence.check(sabotage).expect_err(&format!("{sabotage:?} passes the check of {sentence}"));
        assert!(!matches!(failure, conformance::Failure::Harness(_)), "{sabotage:?}: {failure}");
        println!("{sentence:?} {sabotage:?}: {failure}");
    }
}

// spec: REP-5
#[test]
fn every_sentence_has_a_saboteur() {
    for sentence in Sentence::ALL {
        assert!(Sabotage::ALL.iter().any(|sabotage| sabotage.breaks() == *sentence), "{sentence}");
    }
}

#[test]
fn a_report_names_the_sentence_and_what_was_expected_and_found() {
    let report = conformance::run(&Sabotage::TreesUnordered);
    assert!(!report.passed());
    let failures: Vec<Sentence> = report.failures().map(|(sentence, _)| sentence).collect();
    assert_eq!(failures, [Sentence::R14]);
    let text = report.to_string();
    assert!(text.contains("20 of 21 sentences hold"), "{text}");
    assert!(text.contains("R14: a repository lists its trees in the order of their identifiers"), "{text}");
    assert!(text.contains("expected [OrganizationId("), "{text}");
}
