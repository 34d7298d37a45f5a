//! The console in this process: each route, each problem, the document, and the pages.

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

mod browser;
mod document;
mod pages;
mod problems;
mod routes;
mod support;
