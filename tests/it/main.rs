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
mod claim;
mod concurrency;
mod deletion;
mod directory;
mod docs;
mod error;
mod group;
mod hierarchy;
mod invitation;
mod licensing;
mod link;
mod member;
mod model;
mod relocation;
mod project_groups;
mod repository;
mod roster;
mod support;
mod transfer;
mod wire;
mod capability;
mod erasure;
mod examine;
mod hierarchy;
mod listing;
mod location;
mod passdown_model;
mod policy;
mod recording;
mod repository;
mod schedule;
mod setting;
mod support;
mod support_access;
mod things;
