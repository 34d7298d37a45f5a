//! Pages for the eye: plain HTML and one stylesheet, without a script. Each shows what its
//! viewer may see, by name.

mod audit;
mod check;
mod home;
mod invitation;
mod roster;
mod tree;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};

use crate::problem::Problem;
use crate::service::Service;
use crate::view::View;

/// Nothing but the stylesheet and the icon is loaded, nothing runs, and a form goes nowhere
/// else: were a name ever to escape its quotes, it could do nothing.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// The pages.
pub(crate) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/", get(home::page))
        .route("/organizations/{organization}", get(tree::page))
        .route("/organizations/{organization}/roster", get(roster::page))
        .route("/organizations/{organization}/check", get(check::page))
        .route("/organizations/{organization}/audit", get(audit::page))
        .route("/organizations/{organization}/invitations/{invitation}", get(invitation::page))
        .route("/style.css", get(async || file("text/css; charset=utf-8", include_str!("style.css"))))
        .route("/icon.svg", get(async || file("image/svg+xml", include_str!("icon.svg"))))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=300")], text)
}

/// A page, or the problem in its place.
type Shown = Result<Page, Problem>;

/// A whole page, with its policy.
pub(crate) struct Page(Markup);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        ([(CONTENT_SECURITY_POLICY, POLICY)], self.0).into_response()
    }
}

/// Which of the pages of an organization it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Tree,
    Roster,
    Check,
    Audit,
}

/// A page of an organization: the way down to it, its pages, and what this one shows.
fn of(view: &View, tab: Option<Tab>, title: &str, body: &Markup) -> Page {
    let base = format!("/organizations/{}", view.organization);
    let name = view.name(view.organization);
    let above = view.tree.path(view.organization).filter(|id| *id != view.organization && view.sees(*id));
    let tabs = [
        (Tab::Tree, "", "Tree"),
        (Tab::Roster, "/roster", "Roster"),
        (Tab::Check, "/check", "Check"),
        (Tab::Audit, "/audit", "Audit trail"),
    ];
    whole(
        &format!("{title} · {name}"),
        &html! {
            nav.path aria-label="Above" {
                a href="/" { "All" }
                @for id in above {
                    a href={ "/organizations/" (id) } { (view.name(id)) }
                }
                span { (name) }
            }
            nav.tabs aria-label="Pages" {
                @for (each, path, label) in tabs {
                    a href={ (base) (path) } aria-current=[(tab == Some(each)).then_some("page")] { (label) }
                }
            }
            (body)
            footer { "Version " (view.tree.version()) " of the tree, " (words::instant(view.at)) }
        },
    )
}

/// The frame around everything.
fn whole(title: &str, body: &Markup) -> Page {
    Page(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
            }
            body {
                header { a.brand href="/" { "Bailiwick" } }
                main { (body) }
            }
        }
    })
}

/// Whether a browser asked for a page, so that a problem is one as well.
pub(crate) fn is_wanted_by(request: &Request) -> bool {
    let accepts = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accepts.is_some_and(|accept| accept.contains("text/html")) && !request.uri().path().starts_with("/api/")
}

/// A problem as a page.
pub(crate) fn problem(problem: &Problem) -> impl IntoResponse + use<> {
    let body = html! {
        section.problem {
            p.status { (problem.status.as_u16()) }
            h1 { (problem.title()) }
            p { (problem.detail) }
            p.faint { code { (problem.code) } }
            p { a href="/" { "Back to the beginning" } }
        }
    };
    (problem.status, whole(problem.title(), &body))
}
