//! The repository keeps the contract on a real server, and what the server adds to it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[path = "../../../../tests/sharded/flaky.rs"]
#[allow(dead_code, reason = "a part of it is for the tests in memory")]
mod flaky;
#[path = "../../../sqlite/tests/support/history.rs"]
mod history;
#[path = "../support/mod.rs"]
mod support;

mod contract;
mod failover;
mod failure;
mod feed;
mod hook;
mod proxy;
mod read_models;
mod schema;
mod sharded;
