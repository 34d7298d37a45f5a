//! The console in this process: each route, each problem, the document, and the pages.

#![allow(unreachable_pub)]

mod browser;
mod document;
mod pages;
mod problems;
mod routes;
mod support;
