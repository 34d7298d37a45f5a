//! Which group each link is of, and where it goes.

use uuid::Uuid;

use crate::access::dense::trie::{Key, Row, Trie};
use crate::id::{GroupId, LinkId, OrganizationId};
use crate::link::Link;

/// The ends of links, by the identifier of the link.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkEnds(Trie<Ends>);

#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    link: Key,
    /// None for a link that is gone.
    ends: Option<(GroupId, OrganizationId)>,
}

impl Row for Ends {
    fn key(&self) -> Key {
        self.link
    }
    fn of(link: Key) -> Self {
        Self { link, ends: None }
    }
}

impl LinkEnds {
    pub(crate) fn get(&self, link: LinkId) -> Option<(GroupId, OrganizationId)> {
        self.0.find(link.uuid().into())?.ends
    }

    pub(super) fn set(&mut self, link: LinkId, ends: Option<(GroupId, OrganizationId)>) {
        if let Some(row) = self.0.edit(link.uuid().into()) {
            row.ends = ends;
        }
    }
}

impl PartialEq for LinkEnds {
    fn eq(&self, other: &Self) -> bool {
        let there = |all: &Self| {
            let rows = all.0.iter().filter_map(|row| Some((Uuid::from(row.link), row.ends?)));
            let mut rows: Vec<_> = rows.collect();
            rows.sort_unstable();
            rows
        };
        there(self) == there(other)
    }
}

impl<'a> FromIterator<&'a Link> for LinkEnds {
    fn from_iter<I: IntoIterator<Item = &'a Link>>(links: I) -> Self {
        let ends = |link: &Link| Ends { link: link.id.uuid().into(), ends: Some((link.group, link.target)) };
        Self(links.into_iter().map(ends).collect())
    }
}
