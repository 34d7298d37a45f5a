//! Who may do what where, and why.

pub(crate) mod catalog;
pub(crate) mod claim;
pub(crate) mod dense;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod handle;
pub(crate) mod set;
mod walk;
pub(crate) mod what_if;
