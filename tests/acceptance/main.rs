//! The acceptance tests: the five source documents, sentence by sentence. Every sentence that
//! states behaviour is a step that must hold; the tables of steps are `docs/coverage.md`.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod cadres;
mod duplicati_organizations;
mod duplicati_users;
mod flexera;
mod harness;
mod infisical;
#[path = "../it/support.rs"]
#[allow(dead_code)]
mod support;

use harness::Document;

fn documents() -> [Document; 5] {
    [
        duplicati_organizations::document(),
        duplicati_users::document(),
        flexera::document(),
        infisical::document(),
        cadres::document(),
    ]
}

#[test]
fn every_sentence_that_states_behaviour_holds() {
    harness::check(&documents());
}

#[test]
fn every_step_names_a_rule_that_there_is() {
    let rules = include_str!("../../docs/rules.md");
    for document in documents() {
        for step in document.steps() {
            assert!(!step.rules.is_empty(), "no rule: {}", step.sentence);
            for rule in step.rules {
                assert!(rules.contains(&format!("- **{rule}** ")), "{rule} of {:?} is no rule", step.sentence);
            }
        }
    }
}
