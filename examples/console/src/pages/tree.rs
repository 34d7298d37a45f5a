//! The tree from one organization down, with its groups and the links that reach into it.

use std::sync::Arc;

use axum::extract::State;
use bailiwick::{Link, Organization, OrganizationId, Reach};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Shown, Tab, of, words};
use crate::extract::At;
use crate::identity::Caller;
use crate::service::Service;
use crate::view::View;

#[derive(Deserialize)]
pub(super) struct Where {
    organization: OrganizationId,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    caller: Caller,
    At(Where { organization }): At<Where>,
) -> Shown {
    let view = service.view(&caller, organization).await?;
    let subject = view.subject()?;
    let body = html! {
        h1 { (subject.name()) @if !view.children(organization).is_empty() { ", and what is below" } }
        ul.tree { (branch(&view, subject)) }
        p.legend.faint { span.group { "Group" } " lives there · " span.link { "Link" } " comes from above" }
    };
    Ok(of(&view, Some(Tab::Tree), "Tree", &body))
}

fn branch(view: &View, organization: &Organization) -> Markup {
    let (children, links) = (view.children(organization.id()), view.links(organization.id()));
    html! {
        li {
            div.node {
                div.name {
                    a href={ "/organizations/" (organization.id()) } { (organization.name()) }
                    @if !organization.is_itself_active() { span.badge.rests { "deactivated" } }
                    @for group in view.groups(organization.id()) { span.group { (group.name()) } }
                }
                @if organization.region().is_some() || !organization.tags().is_empty() {
                    p.faint {
                        @if let Some(region) = organization.region() { (region) " " }
                        @for tag in organization.tags() { "#" (tag) " " }
                    }
                }
                @for link in links {
                    @if link.target() == organization.id() { p.link { (caption(view, link)) } }
                    @else { p.link.passing { (passing(view, link)) } }
                }
            }
            @if !children.is_empty() {
                ul { @for child in children { (branch(view, child)) } }
            }
        }
    }
}

/// Which group comes this way, from a link that goes further up.
fn passing(view: &View, link: &Link) -> Markup {
    html! { b { (view.name(link.group())) } ", by the link to " (view.name(link.target())) }
}

/// Which group comes from where, how far it goes, and where it does not.
fn caption(view: &View, link: &Link) -> Markup {
    let except = link.terms().exclusions.iter().chain(link.opted_out());
    let except: Vec<String> = except.filter(|id| view.sees(**id)).map(|id| view.name(*id)).collect();
    let over = link.terms().window.is_over(view.at);
    let reach = match link.terms().reach {
        Reach::Target => "",
        Reach::Children => ", here and at its customers",
        Reach::Subtree => ", here and everywhere below",
    };
    html! {
        b { (view.name(link.group())) } " of " (view.name(link.source())) (reach)
        @if !except.is_empty() { ", except " (except.join(", ")) }
        @if over { " — over" }
        @else if let Some(end) = link.terms().window.end() { ", until " (words::instant(end)) }
    }
}
