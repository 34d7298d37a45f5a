//! The numbers in a body as those of the index, so that no identifier is looked up.

use uuid::Uuid;

use super::SnapshotError;
use super::body::{Body, Number, size};
use super::read::{Ids, Reader};
use crate::access::dense::numbered::{Membership, Numbered};
use crate::access::dense::row::{NONE, next};
use crate::id::{InvalidId, OrganizationId};

/// What of one kind there is in a body, or is referred to.
struct Kind<'i, I> {
    ids: &'i Ids,
    /// By the number of the identifier.
    numbers: Vec<u32>,
    met: Vec<I>,
}

impl<'i, I: TryFrom<Uuid, Error = InvalidId>> Kind<'i, I> {
    fn of(ids: &'i Ids, there: impl Iterator<Item = Number>) -> Result<Self, SnapshotError> {
        let mut kind = Self { ids, numbers: vec![NONE; ids.len()], met: Vec::with_capacity(there.size_hint().0) };
        for id in there {
            kind.number(id)?;
        }
        Ok(kind)
    }

    fn number(&mut self, id: Number) -> Result<u32, SnapshotError> {
        let number = self.numbers.get_mut(size(id)).ok_or(SnapshotError::Unreadable)?;
        if *number == NONE {
            *number = next(self.met.len());
            self.met.push(self.ids.id(id)?);
        }
        Ok(*number)
    }
}

impl Body<'_> {
    /// What [`Numbered::of`] says of the tree that this becomes.
    pub(super) fn numbered(&self, reader: &Reader, root: OrganizationId) -> Result<Numbered, SnapshotError> {
        let ids = &reader.ids;
        let root = self.organizations.iter().position(|row| ids.id(row.id).is_ok_and(|id: OrganizationId| id == root));
        let (before, others) = self.organizations.split_at(root.unwrap_or_default());
        let (root, others) = others.split_at(usize::from(root.is_some()));
        let rows = || root.iter().chain(before).chain(others);
        let mut organizations = Kind::of(ids, rows().map(|row| row.id))?;
        let mut groups = Kind::of(ids, self.groups.iter().map(|row| row.id))?;
        let mut principals = Kind::of(ids, self.principals.iter().map(|(id, _)| *id))?;
        let mut numbered = Numbered { grants: reader.grants.clone(), ..Numbered::default() };
        for lineage in &self.lineages {
            let lineage = lineage.iter().map(|id| organizations.number(*id)).collect::<Result<_, _>>()?;
            numbered.lineages.push(lineage);
        }
        numbered.above = rows().map(|row| size(row.lineage)).collect();
        if !self.members.is_whole() || !self.links.is_whole() {
            return Err(SnapshotError::Unreadable);
        }
        numbered.members.reserve(self.members.len());
        for (place, rows) in self.members.iter() {
            let place = organizations.number(place)?;
            for row in rows {
                let (who, grants) = (principals.number(row.principal)?, size(row.grants));
                numbered.members.push(Membership { place, who, grants, suspended: row.suspended });
            }
        }
        numbered.participants.reserve(self.groups.iter().map(|row| row.principals.len()).sum());
        for row in &self.groups {
            let group = groups.number(row.id)?;
            for who in &row.principals {
                numbered.participants.push((principals.number(*who)?, group));
            }
        }
        numbered.links.reserve(self.links.len());
        for (group, rows) in self.links.iter() {
            let group = groups.number(group)?;
            for row in rows {
                numbered.links.push((group, organizations.number(row.target)?));
            }
        }
        Ok(Numbered { organizations: organizations.met, groups: groups.met, principals: principals.met, ..numbered })
    }
}
