//! The numbers in a body as those of the index, so that no identifier is looked up.

use uuid::Uuid;

use super::SnapshotError;
use super::body::{Body, Number};
use super::read::{Ids, number_of};
use crate::access::dense::numbered::{Numbered, next};
use crate::access::dense::row::NONE;
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
        let mut kind = Self { ids, numbers: vec![NONE; ids.len()], met: Vec::new() };
        for id in there {
            kind.number(id)?;
        }
        Ok(kind)
    }

    fn number(&mut self, id: Number) -> Result<u32, SnapshotError> {
        let number = self.numbers.get_mut(number_of(id)?).ok_or(SnapshotError::Unreadable)?;
        if *number == NONE {
            *number = next(self.met.len());
            self.met.push(self.ids.id(id)?);
        }
        Ok(*number)
    }
}

impl Body<'_> {
    /// What [`Numbered::of`] says of the tree that this becomes.
    pub(super) fn numbered(&self, ids: &Ids, root: OrganizationId) -> Result<Numbered, SnapshotError> {
        let is_root = |id| ids.id(id).is_ok_and(|id: OrganizationId| id == root);
        let (mut first, others): (Vec<_>, Vec<_>) = self.organizations.iter().partition(|row| is_root(row.id));
        first.extend(others);
        let mut organizations = Kind::of(ids, first.iter().map(|row| row.id))?;
        let mut groups = Kind::of(ids, self.groups.iter().map(|row| row.id))?;
        let mut principals = Kind::of(ids, self.principals.iter().map(|(id, _)| *id))?;
        let mut numbered = Numbered::default();
        for lineage in &self.lineages {
            let lineage = lineage.iter().map(|id| organizations.number(*id)).collect::<Result<_, _>>()?;
            numbered.lineages.push(lineage);
        }
        numbered.above = first.iter().map(|row| number_of(row.lineage)).collect::<Result<_, _>>()?;
        for (place, rows) in &self.members {
            let place = organizations.number(*place)?;
            for row in rows {
                numbered.members.push((place, principals.number(row.principal)?));
            }
        }
        for row in &self.groups {
            let group = groups.number(row.id)?;
            for who in &row.principals {
                numbered.participants.push((principals.number(*who)?, group));
            }
        }
        for row in &self.links {
            numbered.links.push((groups.number(row.group)?, organizations.number(row.target)?));
        }
        Ok(Numbered { organizations: organizations.met, groups: groups.met, principals: principals.met, ..numbered })
    }
}
