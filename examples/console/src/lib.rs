//! A small service over [`bailiwick`]: JSON over HTTP for programs, pages for people.
//!
//! It is an example to copy. Each concern is a file: [`Configuration`] reads the environment,
//! `store` opens the repository, `follow` keeps trees fresh, `identity` says who asks, `problem` is what a refusal looks
//! like, `routes` has a file for each noun and `pages` one for each page.
//!
//! The service adds no rule of its own. It finds the tree, gives the library a command, and
//! shows what came of it.

mod configuration;
mod domain;
mod extract;
mod follow;
mod health;
mod identity;
mod openapi;
mod pages;
mod problem;
mod request;
mod routes;
mod service;
mod store;
mod view;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};

pub use configuration::{Configuration, InvalidConfiguration, Limits, ProxySecret, Store};
pub use follow::follow;
pub use service::{Clock, Service, wall_clock};
pub use store::Opened;

/// The whole service as a router: the routes and their document, the pages, and what every
/// request goes through.
pub fn router(service: impl Into<Arc<Service>>, limits: Limits) -> Router {
    let (api, document) = routes::api().split_for_parts();
    let limits = Arc::new(limits);
    let guarded = api
        .merge(pages::router())
        .merge(openapi::router(document))
        .fallback(problem::unknown_route)
        .method_not_allowed_fallback(problem::unknown_method)
        .layer(middleware::from_fn_with_state(limits.clone(), identity::require_proxy));
    guarded
        .merge(health::router())
        .layer(DefaultBodyLimit::max(limits.body))
        .layer(middleware::from_fn_with_state(limits, request::within_time))
        .layer(middleware::from_fn(request::trace))
        .with_state(service.into())
}
