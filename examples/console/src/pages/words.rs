//! Small things that several pages say.

use bailiwick::{Grantable, Link, Path, Reach, Timestamp};
use maud::{Markup, html};

use crate::view::View;

/// An instant, for people and for programs.
pub(super) fn instant(at: Timestamp) -> Markup {
    html! { time datetime=(at.to_rfc3339()) { (at.format("%-d %b %Y, %H:%M")) " UTC" } }
}

/// How many claims are shown before they fold.
const FEW: usize = 4;

/// What someone may do, in few words.
pub(super) fn claims(claims: &[Grantable]) -> Markup {
    let list = html! { ul.chips { @for claim in claims { li { code { (claim) } } } } };
    html! {
        @if claims.contains(&Grantable::Owner) {
            span.owner { "Everything, as an owner" }
        } @else if claims.is_empty() {
            span.faint { "Nothing yet" }
        } @else if claims.len() > FEW {
            details { summary { (claims.len()) " claims" } (list) }
        } @else {
            (list)
        }
    }
}

/// One way by which something is held, as steps from the person to the organization.
pub(super) fn way(view: &View, path: &Path) -> Markup {
    let until = match path {
        Path::Grant { until, .. } | Path::Group { until, .. } | Path::Support { until, .. } => until,
    };
    html! {
        ol.way {
            @match path {
                Path::Grant { privilege, .. } => li { "Grant of " b { (view.tree.with_names(privilege)) } },
                Path::Support { .. } => li { "Support access, to view" },
                Path::Group { chain, link, .. } => {
                    @for (position, group) in chain.iter().enumerate() {
                        li { @if position == 0 { "Member of " } @else { "nested in " } b { (view.name(*group)) } }
                    }
                    @if let Some(link) = link.and_then(|link| view.tree.link(link)) {
                        li { "linked from " b { (view.name(link.source())) } " to " b { (view.name(link.target())) } (reach(link)) }
                    }
                }
            }
            @if let Some(until) = until { li.faint { "until " (instant(*until)) } }
        }
    }
}

/// How far a link goes.
fn reach(link: &Link) -> &'static str {
    match link.terms().reach {
        Reach::Target => "",
        Reach::Children => " and its customers",
        Reach::Subtree => " and everything below",
    }
}
