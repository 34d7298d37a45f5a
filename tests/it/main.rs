//! The integration tests of the crate: one binary, modules by theme. Comments name the rules
//! (`spec:`) and the cases (`abuse:`) that a test proves; both are listed in `docs/rules.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::string_slice,
    unreachable_pub,
    reason = "test code: it fails by panicking, and shares its helpers within one binary"
)]

mod access;
mod audit;
mod capability;
mod changes;
mod claim;
mod concurrency;
mod deletion;
mod directory;
mod docs;
mod erasure;
mod error;
mod examine;
mod group;
mod hierarchy;
mod invitation;
mod licensing;
mod link;
mod listing;
mod location;
mod member;
mod model;
mod passdown_model;
mod policy;
mod project_groups;
mod reader;
mod recording;
mod relocation;
mod repository;
mod roster;
mod schedule;
mod setting;
mod snapshot;
mod support;
mod support_access;
mod things;
mod transfer;
mod wire;
