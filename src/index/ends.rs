//! Which group each link is of, and where it goes.

use uuid::Uuid;

use crate::access::dense::row::NONE;
use crate::access::dense::trie::{Key, Row, Trie};
use crate::access::dense::{DenseIndex, Ends};
use crate::id::{GroupId, LinkId, OrganizationId};

/// The ends of links by the identifiers of those; as numbers, which the dense index knows.
#[derive(Clone, Debug, Default)]
pub(super) struct LinkEnds(Trie<EndsRow>);

#[derive(Clone, Copy, Debug)]
struct EndsRow {
    link: Key,
    /// None for a link that is gone.
    group: u32,
    target: u32,
}

impl Default for EndsRow {
    fn default() -> Self {
        Self::of(Key::default())
    }
}

impl Row for EndsRow {
    fn key(&self) -> Key {
        self.link
    }
    fn of(link: Key) -> Self {
        Self { link, group: NONE, target: NONE }
    }
}

impl EndsRow {
    fn ids(self, dense: &DenseIndex) -> Option<(GroupId, OrganizationId)> {
        let (group, target) = (dense.groups.id(self.group)?, dense.above.get(self.target)?.id);
        Some((GroupId::new(group).ok()?, OrganizationId::new(target).ok()?))
    }
}

impl FromIterator<(LinkId, Ends)> for LinkEnds {
    fn from_iter<I: IntoIterator<Item = (LinkId, Ends)>>(links: I) -> Self {
        let ends = |(link, (group, target)): (LinkId, _)| EndsRow { link: link.uuid().into(), group, target };
        Self(links.into_iter().map(ends).collect())
    }
}

impl LinkEnds {
    pub(super) fn get(&self, dense: &DenseIndex, link: LinkId) -> Option<(GroupId, OrganizationId)> {
        self.0.find(link.uuid().into())?.ids(dense)
    }

    pub(super) fn put(&mut self, link: LinkId, (group, target): Ends) {
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
