//! The integration tests of the crate: one binary, modules by theme. Comments name the rules
//! (`spec:`) and the cases (`abuse:`) that a test proves; both are listed in `docs/rules.md`.

mod concurrency;
mod deletion;
mod group;
mod hierarchy;
mod invitation;
mod model;
mod licensing;
mod link;
mod member;
mod model;
mod relocation;
mod repository;
mod support;
mod transfer;
