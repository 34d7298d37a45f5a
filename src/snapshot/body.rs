//! The body of a snapshot: rows by position, in which identifiers are numbers.
//!
//! What there is much of has a row of its own here. What many rows have in common, and what
//! there is little of, is the JSON of the types themselves, as in a commit. A change to any of
//! it is a new [`FORMAT`](super::FORMAT).

use serde::{Deserialize, Serialize};

use crate::invitation::Invitation;
use crate::offer::Offer;
use crate::policy::Policy;
use crate::project::Project;
use crate::resource::Share;
use crate::role::{Privilege, Role};
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
    /// When something came about.
    pub(super) instants: Vec<Instant>,
    /// Organizations without what is their own, as JSON.
    #[serde(borrow)]
    pub(super) templates: Vec<&'b str>,
    #[serde(borrow)]
    pub(super) organizations: Vec<OrganizationRow<'b>>,
    pub(super) principals: Vec<(Number, PrincipalRow)>,
    pub(super) privileges: Vec<Privilege>,
    /// What members hold.
    pub(super) grants: Vec<Vec<GrantRow>>,
    /// By organization.
    pub(super) members: Runs<MemberRow>,
    /// What groups give.
    pub(super) gives: Vec<Vec<Number>>,
    #[serde(borrow)]
    pub(super) groups: Vec<GroupRow<'b>>,
    /// The sources of links, and their terms as JSON.
    #[serde(borrow)]
    pub(super) terms: Vec<(Number, &'b str)>,
    /// By group.
    pub(super) links: Runs<LinkRow>,
    /// [`Things`] as JSON.
    pub(super) things: &'b str,
}

/// Rows in runs, each below a number that its rows have in common.
#[derive(Serialize, Deserialize)]
pub(super) struct Runs<R> {
    /// With how many rows there are below each.
    heads: Vec<(Number, Number)>,
    rows: Vec<R>,
}

impl<R> Default for Runs<R> {
    fn default() -> Self {
        Self { heads: Vec::new(), rows: Vec::new() }
    }
}

impl<R> Runs<R> {
    pub(super) fn push(&mut self, head: Number, row: R) {
        match self.heads.last_mut() {
            Some((last, count)) if *last == head => *count = count.saturating_add(1),
            _ => self.heads.push((head, 1)),
        }
        self.rows.push(row);
    }

    pub(super) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Each run, with the number that it is below.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Number, &[R])> {
        let mut rest = self.rows.as_slice();
        self.heads.iter().map(move |(head, count)| (*head, rest.split_off(..size(*count)).unwrap_or_default()))
    }

    /// Each row, with the number that it is below.
    pub(super) fn rows(&self) -> impl Iterator<Item = (Number, &R)> {
        self.iter().flat_map(|(head, rows)| rows.iter().map(move |row| (head, row)))
    }

    /// Whether every row is below something, and nothing has rows that are not there.
    pub(super) fn is_whole(&self) -> bool {
        let counts = self.heads.iter().map(|(_, count)| size(*count));
        counts.fold(0, usize::saturating_add) == self.rows.len()
    }
}

/// A number as a length or a place; one that no list can have where it is too large for those.
pub(super) fn size(number: Number) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
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
    pub(super) created: Number,
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

/// A privilege, and the instants from which and until which it is held.
#[derive(PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct GrantRow {
    pub(super) privilege: Number,
    pub(super) from: Option<Number>,
    pub(super) until: Option<Number>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MemberRow {
    pub(super) principal: Number,
    pub(super) since: Number,
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
    pub(super) target: Number,
    pub(super) terms: Number,
    /// The organizations that were present, and those that opted out; none where the target
    /// alone was, and none did.
    pub(super) reached: Option<(Vec<Number>, Vec<Number>)>,
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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::snapshot::{SnapshotError, read};
    use crate::{Catalog, Domain, OrganizationId, OrganizationTree, Rules, Version};

    /// What a body becomes after a change to one that was kept.
    fn changed(change: fn(&mut Body<'_>)) -> Result<OrganizationTree, SnapshotError> {
        let kept = include_bytes!("../../tests/golden/snapshot.bin");
        let mut body: Body<'_> = postcard::from_bytes(&kept[20..]).unwrap();
        change(&mut body);
        let (root, version) = (Uuid::from_bytes(body.root), Version::new(body.version));
        let domain = Domain { catalog: Catalog::new([]).unwrap(), rules: Rules::provider() };
        let bytes = postcard::to_allocvec(&body).unwrap();
        read::tree(Arc::new(domain), (OrganizationId::new(root).unwrap(), version), &bytes, [])
    }

    /// The index is made of a body's numbers, so these must be those of what is there.
    #[test]
    fn rows_out_of_place_are_refused() {
        let tree = changed(|_| {}).unwrap();
        assert_eq!(tree.examine(tree.at()), []);
        let changes: [fn(&mut Body<'_>); 18] = [
            |body| body.organizations.swap(0, 1),
            |body| body.principals.swap(0, 1),
            |body| body.members.rows.swap(0, 1),
            |body| body.members.heads.swap(0, 1),
            |body| body.members.heads.truncate(1),
            |body| body.members.rows.truncate(1),
            |body| body.members.heads[0].1 = Number::MAX,
            |body| body.members.rows[1].principal = body.members.rows[0].principal,
            |body| body.members.rows[0].principal = Number::MAX,
            |body| body.members.rows[0].grants = Number::MAX,
            |body| body.members.rows[0].since = Number::MAX,
            |body| body.links.rows.clear(),
            |body| body.links.heads.push((0, 1)),
            |body| body.links.rows[0].target = Number::MAX,
            |body| body.links.rows[0].terms = Number::MAX,
            |body| body.organizations[0].lineage = Number::MAX,
            |body| body.groups.iter_mut().for_each(|group| group.principals.extend(group.principals.clone())),
            |body| body.ids = &body.ids[..16],
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!(changed(change).err(), Some(SnapshotError::Unreadable), "change {number}");
        }
    }
}
