//! A naive model of a tree, and random and exhaustive tests against it.
//!
//! The model ([`naive`]) is plain vectors and linear scans, written from `docs/rules.md`. It
//! learns what happened from the events of committed changes alone, and answers every
//! question by looking at everything. Its predictions ([`predict`]) say of a command, before
//! it is decided, which rules it would break.

mod naive;
mod predict;
mod random;
mod small;
mod step;
