//! Which group each link is of, and where it goes.

use uuid::Uuid;

use crate::access::dense::DenseIndex;
use crate::access::dense::row::NONE;
use crate::access::dense::trie::{Key, Row, Trie};
use crate::id::{GroupId, LinkId, OrganizationId};
use crate::link::Link;

/// The ends of links by the identifiers of those; as numbers, which the dense index knows.
#[derive(Clone, Debug, Default)]
pub(super) struct LinkEnds(Trie<Ends>);

#[derive(Clone, Copy, Debug)]
struct Ends {
    link: Key,
    /// None for a link that is gone.
    group: u32,
    target: u32,
}

impl Default for Ends {
    fn default() -> Self {
        Self::of(Key::default())
    }
}

impl Row for Ends {
    fn key(&self) -> Key {
        self.link
    }
    fn of(link: Key) -> Self {
        Self { link, group: NONE, target: NONE }
    }
}

impl Ends {
    fn ids(self, dense: &DenseIndex) -> Option<(GroupId, OrganizationId)> {
        let (group, target) = (dense.groups.id(self.group)?, dense.above.get(self.target)?.id);
        Some((GroupId::new(group).ok()?, OrganizationId::new(target).ok()?))
    }
}

impl LinkEnds {
    /// Of all links.
    pub(super) fn derive<'l>(dense: &DenseIndex, links: impl Iterator<Item = &'l Link>) -> Self {
        let ends = links.filter_map(|link| {
            let (group, target) = (dense.groups.find(link.group.uuid())?, dense.place(link.target.uuid())?.number());
            Some(Ends { link: link.id.uuid().into(), group, target })
        });
        Self(ends.collect())
    }

    pub(super) fn get(&self, dense: &DenseIndex, link: LinkId) -> Option<(GroupId, OrganizationId)> {
        self.0.find(link.uuid().into())?.ids(dense)
    }

    pub(super) fn put(&mut self, link: LinkId, (group, target): (u32, u32)) {
        if let Some(row) = self.0.edit(link.uuid().into()) {
            (row.group, row.target) = (group, target);
        }
    }

    pub(super) fn drop(&mut self, link: LinkId) {
        self.put(link, (NONE, NONE));
    }

    /// All of them, in the order of the links.
    pub(super) fn all(&self, dense: &DenseIndex) -> Vec<(Uuid, GroupId, OrganizationId)> {
        let ends = self.0.iter().filter_map(|row| {
            let (group, target) = row.ids(dense)?;
            Some((row.link.into(), group, target))
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_unstable();
        ends
    }
}
