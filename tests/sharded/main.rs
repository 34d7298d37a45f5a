//! One repository over several: the contract through it, and the move of a tree, stopped
//! after each of its steps and with writers at it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "test code: it fails by panicking, and shares its helpers within one binary"
)]

mod contract;
mod flaky;
mod moving;
mod world;
