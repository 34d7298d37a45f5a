//! The body of a snapshot: rows by position, in which identifiers are numbers.
//!
//! What there is much of has a row of its own here. What many rows have in common, and what
//! there is little of, is the JSON of the types themselves, as in a commit. A change to any of
//! it is a new [`FORMAT`](super::FORMAT).

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::invitation::Invitation;
use crate::offer::Offer;
use crate::policy::Policy;
use crate::project::Project;
use crate::resource::Share;
use crate::role::Role;
use crate::settings::TreeSettings;
use crate::subscription::Subscription;
use crate::support::Support;
use crate::time::Timestamp;

/// A number of an identifier in [`Body::ids`], or of something in common.
pub(super) type Number = u32;

#[derive(Serialize, Deserialize)]
pub(super) struct Body<'b> {
    pub(super) root: [u8; 16],
    pub(super) version: u64,
    pub(super) at: Instant,
    /// Identifiers of 16 bytes, first the spent ones (HIE-7).
    pub(super) ids: &'b [u8],
    pub(super) spent: Number,
    pub(super) departed: Vec<Number>,
    /// The ancestors of organizations, from the root down.
    pub(super) lineages: Vec<Vec<Number>>,
    /// Organizations without what is their own, as JSON.
    #[serde(borrow)]
    pub(super) templates: Vec<&'b str>,
    #[serde(borrow)]
    pub(super) organizations: Vec<OrganizationRow<'b>>,
    pub(super) principals: Vec<(Number, PrincipalRow)>,
    /// What members hold, as JSON.
    #[serde(borrow)]
    pub(super) grants: Vec<&'b str>,
    /// By organization.
    pub(super) members: Vec<(Number, Vec<MemberRow>)>,
    /// What groups give, as JSON.
    #[serde(borrow)]
    pub(super) gives: Vec<&'b str>,
    #[serde(borrow)]
    pub(super) groups: Vec<GroupRow<'b>>,
    /// Terms of links, as JSON.
    #[serde(borrow)]
    pub(super) terms: Vec<&'b str>,
    pub(super) links: Vec<LinkRow>,
    /// [`Things`] as JSON.
    pub(super) things: &'b str,
}

#[derive(Serialize, Deserialize)]
pub(super) struct OrganizationRow<'b> {
    pub(super) id: Number,
    pub(super) lineage: Number,
    pub(super) name: &'b str,
    pub(super) slug: &'b str,
    pub(super) region: Option<&'b str>,
    #[serde(borrow)]
    pub(super) tags: Vec<&'b str>,
    pub(super) active: bool,
    pub(super) created: Instant,
    /// As JSON, unless they are those that it was created with.
    pub(super) locations: Option<&'b str>,
    pub(super) template: Number,
}

#[derive(Serialize, Deserialize)]
pub(super) enum PrincipalRow {
    User,
    Machine(Number),
    Erased,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MemberRow {
    pub(super) principal: Number,
    pub(super) since: Instant,
    pub(super) suspended: bool,
    pub(super) grants: Number,
}

#[derive(Serialize, Deserialize)]
pub(super) struct GroupRow<'b> {
    pub(super) id: Number,
    pub(super) organization: Number,
    pub(super) name: &'b str,
    pub(super) gives: Number,
    pub(super) owners: Vec<Number>,
    pub(super) principals: Vec<Number>,
    pub(super) groups: Vec<Number>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct LinkRow {
    pub(super) id: Number,
    pub(super) source: Number,
    pub(super) group: Number,
    pub(super) target: Number,
    pub(super) terms: Number,
    /// Nearly always one.
    pub(super) present: SmallVec<[Number; 2]>,
    pub(super) opted_out: Vec<Number>,
}

/// What a tree has little of, as its own types.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Things {
    /// What the rules gave a new tree when this was written: a replay under other rules makes
    /// another tree.
    pub(super) defaults: TreeSettings,
    pub(super) settings: TreeSettings,
    pub(super) subscription: Option<Subscription>,
    pub(super) roles: Vec<Role>,
    pub(super) invitations: Vec<Invitation>,
    pub(super) projects: Vec<Project>,
    pub(super) offers: Vec<Offer>,
    pub(super) shares: Vec<Share>,
    pub(super) policies: Vec<Policy>,
    pub(super) supports: Vec<Support>,
}

/// Seconds since 1970, and nanoseconds.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Instant(i64, u32);

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        Self(at.timestamp(), at.timestamp_subsec_nanos())
    }
}

impl Instant {
    pub(super) const fn timestamp(self) -> Option<Timestamp> {
        Timestamp::from_timestamp(self.0, self.1)
    }
}
