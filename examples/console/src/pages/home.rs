//! The beginning: the providers that the viewer may see something of.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::State;
use bailiwick::{Listing, OrganizationId};
use maud::html;
use serde::Deserialize;

use super::{Shown, whole};
use crate::extract::Asked;
use crate::identity::Caller;
use crate::service::Service;

/// How many trees are looked through for a page.
const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(49);

/// Which page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    after: Option<OrganizationId>,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Asked(After { after }): Asked<After>,
) -> Shown {
    let roots = service.roots(after, PAGE).await?;
    let next = roots.last().filter(|_| u32::try_from(roots.len()) == Ok(PAGE.get())).copied();
    let mut found = Vec::new();
    for root in roots {
        found.extend(entry(&service, &caller, root).await?);
    }
    let body = html! {
        h1 { "Organizations" }
        @if found.is_empty() { p.empty { "There is nothing here that you may see." } }
        ul.cards {
            @for (id, name, count) in found {
                li { a href={ "/organizations/" (id) } { b { (name) } span.faint { (count) } } }
            }
        }
        @if let Some(next) = next { p { a href={ "/?after=" (next) } { "More" } } }
    };
    Ok(whole("Organizations", &body))
}

/// A tree by the topmost organization that the viewer sees in it.
async fn entry(
    service: &Service,
    caller: &Caller,
    root: OrganizationId,
) -> Result<Option<(OrganizationId, String, String)>, crate::problem::Problem> {
    let tree = service.directory().tree(root).await.map_err(crate::problem::Problem::of_read)?;
    let listing = Listing { active_only: false, order: bailiwick::ListingOrder::Level, ..Listing::default() };
    let (first, total) = if caller.is_operator {
        (Some(root), tree.organizations().count())
    } else {
        let seen = tree.list(caller.principal, &listing, service.now());
        (seen.organizations.first().copied(), seen.total)
    };
    let count = if total == 1 { "1 organization".to_owned() } else { format!("{total} organizations") };
    Ok(first.and_then(|id| Some((id, tree.name_of(id)?, count))))
}
