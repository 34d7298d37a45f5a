//! Listing the organizations that someone can see, by page.
//!
//! Rules: LST-1 to LST-3.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{OrganizationId, PrincipalId};
use crate::name::Region;
use crate::organization::Organization;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// How many organizations a page holds: 1 to 1,000, 100 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageLimit(u16);

/// The page asked for is empty, or larger than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page holds 1 to 1000 organizations, not {0}")]
pub struct InvalidPageLimit(u64);

impl PageLimit {
    /// The most that one page holds.
    pub const GREATEST: u16 = 1_000;

    /// This many; [`InvalidPageLimit`] unless from 1 to 1,000.
    pub fn new(limit: u64) -> Result<Self, InvalidPageLimit> {
        let small = u16::try_from(limit).ok().filter(|limit| (1..=Self::GREATEST).contains(limit));
        small.map(Self).ok_or(InvalidPageLimit(limit))
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(100)
    }
}

/// What a listing is sorted by; what is equal is sorted by identifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListingOrder {
    /// By name.
    #[default]
    Name,
    /// By creation, oldest first.
    Created,
    /// By level, root first.
    Level,
}

/// Which organizations are wanted.
///
/// ```
/// use bailiwick::{Listing, PageLimit};
/// let northern = Listing { region: Some("eu-north".parse()?), limit: PageLimit::new(20)?, ..Listing::default() };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// How many to pass over.
    pub skip: usize,
    /// How many a page holds.
    pub limit: PageLimit,
    /// Those whose name or description holds this text, upper and lower case alike.
    pub search: Option<String>,
    /// Those of exactly this region.
    pub region: Option<Region>,
    /// Only those that are active, unless `is_active` says otherwise.
    pub active_only: bool,
    /// Those that are active, or those that are not; overrides `active_only`.
    pub is_active: Option<bool>,
    /// What they are sorted by.
    pub order: ListingOrder,
    /// Those after this one, in that order; see [`ListingPage::next`]. It neither skips nor
    /// repeats one while the tree changes.
    pub after: Option<ListingCursor>,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            skip: 0,
            limit: PageLimit::default(),
            search: None,
            region: None,
            active_only: true,
            is_active: None,
            order: ListingOrder::default(),
            after: None,
        }
    }
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListingCursor {
    key: ListingKey,
    organization: OrganizationId,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ListingKey {
    Name(String),
    Created(Timestamp),
    Level(usize),
}

impl ListingOrder {
    fn cursor(self, organization: &Organization) -> ListingCursor {
        let key = match self {
            Self::Name => ListingKey::Name(organization.name().as_str().to_lowercase()),
            Self::Created => ListingKey::Created(organization.created()),
            Self::Level => ListingKey::Level(organization.level()),
        };
        ListingCursor { key, organization: organization.id() }
    }
}

/// A page of a listing.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ListingPage {
    /// The organizations, in order.
    pub organizations: Vec<OrganizationId>,
    /// How many there are in all, whatever the page.
    pub total: usize,
    /// Where to go on, unless this is the last page.
    pub next: Option<ListingCursor>,
}

impl fmt::Debug for ListingPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListingPage({} of {})", self.organizations.len(), self.total)
    }
}

/// How many hosts of an organization are in which state, as the embedder counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCounts {
    /// Those that answer.
    pub online: u64,
    /// Those that do not.
    pub offline: u64,
    /// Those that have not been heard of for long.
    pub stale: u64,
}

impl ListingPage {
    /// The page with the host counts of each organization, which the embedder is asked for.
    pub fn with_hosts<'a>(
        &'a self,
        count: impl Fn(OrganizationId) -> HostCounts + 'a,
    ) -> impl Iterator<Item = (OrganizationId, HostCounts)> + 'a {
        self.organizations.iter().map(move |organization| (*organization, count(*organization)))
    }
}

impl OrganizationTree {
    /// The organizations that a principal can see, by page, with the total (LST-1).
    pub fn list(&self, viewer: PrincipalId, listing: &Listing, at: Timestamp) -> ListingPage {
        let mut found: Vec<ListingCursor> = self
            .visible_to(viewer, at)
            .filter(|organization| self.is_listed(organization, listing))
            .map(|organization| listing.order.cursor(organization))
            .collect();
        found.sort();
        let total = found.len();
        let after = listing.after.as_ref();
        let rest = found.into_iter().filter(|cursor| after.is_none_or(|after| cursor > after)).skip(listing.skip);
        let mut page: Vec<ListingCursor> = rest.take(usize::from(listing.limit.0).saturating_add(1)).collect();
        let more = page.len() > usize::from(listing.limit.0);
        page.truncate(usize::from(listing.limit.0));
        let next = page.last().filter(|_| more).cloned();
        ListingPage { organizations: page.into_iter().map(|cursor| cursor.organization).collect(), total, next }
    }

    /// The distinct regions of the organizations that a principal can see, sorted (LST-2).
    pub fn regions(&self, viewer: PrincipalId, at: Timestamp) -> BTreeSet<Region> {
        self.visible_to(viewer, at).filter_map(|organization| organization.region().cloned()).collect()
    }

    fn visible_to(&self, viewer: PrincipalId, at: Timestamp) -> impl Iterator<Item = &Organization> {
        self.organizations().filter(move |organization| self.sees(viewer, organization.id(), at))
    }

    fn is_listed(&self, organization: &Organization, listing: &Listing) -> bool {
        let id = organization.id();
        let wanted = listing.is_active.or(listing.active_only.then_some(true));
        let holds = |text: &String| {
            let text = text.to_lowercase();
            organization.name().as_str().to_lowercase().contains(&text)
                || self.description(id).is_some_and(|description| description.as_str().to_lowercase().contains(&text))
        };
        wanted.is_none_or(|active| self.is_active(id) == active)
            && listing.region.as_ref().is_none_or(|region| organization.region() == Some(region))
            && listing.search.as_ref().is_none_or(holds)
    }
}
