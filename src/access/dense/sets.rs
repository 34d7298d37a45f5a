//! Sets of privileges by number: nothing, each claim by itself, and what else is held at once.

use std::sync::Arc;

use smallvec::SmallVec;

use super::paged::Paged;
use super::trie::Numbers;
use super::words::Words;
use crate::access::catalog::Catalog;
use crate::access::set::ClaimSet;
use crate::grant::Grant;
use crate::ordered::OrdMap;
use crate::role::{Privilege, RoleRef};

/// Every set of several privileges that was ever held at once, or of a role; there are few, and
/// none is forgotten. Those of one claim have the numbers that the catalog gives them, which all
/// trees share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sets {
    /// The claims of each set as the catalog has those of its own, so many words each, and
    /// whether there are roles besides.
    given: Paged<u64>,
    /// The roles of each, which count where they are usable.
    roles: Paged<Words<3>>,
    /// By what is in each, sorted.
    numbers: OrdMap<Arc<[Privilege]>, u32>,
    /// The grants of those who hold a set directly, without start or end.
    grants: OrdMap<u32, Arc<[Grant]>>,
}

impl Sets {
    /// Whether a set gives a claim; none where that depends on a role.
    #[inline(always)]
    pub(crate) fn gives(&self, catalog: &Catalog, set: u32, bit: usize) -> Option<bool> {
        // Not by a closure, which would be handed all of this in memory.
        match catalog.set_gives(set, bit) {
            None => self.own_gives(catalog, set, bit),
            gives => gives,
        }
    }

    #[inline(never)]
    fn own_gives(&self, catalog: &Catalog, set: u32, bit: usize) -> Option<bool> {
        if self.has(catalog, set, catalog.word_of(bit))? {
            return Some(true);
        }
        (!self.has(catalog, set, catalog.word_of(catalog.roles_bit()))?).then_some(false)
    }

    /// Whether a set that is not the catalog's has this bit of this word.
    fn has(&self, catalog: &Catalog, set: u32, (word, bit): (u32, u64)) -> Option<bool> {
        let row = set.checked_sub(catalog.sets())?.checked_mul(catalog.row)?;
        self.given.get(row.checked_add(word)?).map(|word| word & bit != 0)
    }

    /// The words of a set.
    pub(super) fn words(&self, catalog: &Catalog, set: u32) -> impl Iterator<Item = u64> {
        let (own, of_catalog) = match set.checked_sub(catalog.sets()) {
            Some(own) => (own.checked_mul(catalog.row), None),
            None => (None, catalog.set(set)),
        };
        let own = own.into_iter().flat_map(|row| row..row.saturating_add(catalog.row));
        let words = of_catalog.map(|set| catalog.words(&set)).into_iter().flatten();
        words.chain(own.map_while(|word| self.given.get(word).copied()))
    }

    /// The claims of a set, without those of its roles.
    pub(crate) fn claims(&self, catalog: &Catalog, set: u32) -> ClaimSet {
        let mut claims = ClaimSet::of(&self.words(catalog, set).collect::<SmallVec<[u64; 2]>>());
        claims.remove(catalog.roles_bit());
        claims
    }

    /// The roles of a set.
    pub(crate) fn roles(&self, catalog: &Catalog, set: u32) -> &[u32] {
        let own = set.checked_sub(catalog.sets()).and_then(|own| self.roles.get(own));
        own.map(Words::as_slice).unwrap_or_default()
    }

    /// The number of a set.
    pub(super) fn number<'p>(
        &mut self,
        catalog: &Catalog,
        roles: &mut Numbers,
        privileges: impl IntoIterator<Item = &'p Privilege>,
    ) -> u32 {
        let mut privileges = privileges.into_iter();
        let Some(first) = privileges.next() else { return Catalog::NOTHING };
        let second = privileges.next();
        if let (None, Some(set)) = (second, catalog.set_of(first)) {
            return set;
        }
        let mut all: SmallVec<[&Privilege; 8]> = [first].into_iter().chain(second).chain(privileges).collect();
        all.sort_unstable();
        all.dedup();
        let all: Arc<[Privilege]> = all.into_iter().cloned().collect();
        if let Some(set) = self.numbers.get(&all) {
            return *set;
        }
        let (mut claims, mut defined) = (ClaimSet::new(), Vec::new());
        for privilege in all.iter() {
            match privilege {
                Privilege::Claim(claim) => claims.extend(&catalog.expand(claim)),
                Privilege::Role(RoleRef::Defined(role)) => defined.push(roles.number(role.uuid())),
                Privilege::Role(ready_made) => claims.extend(&ready_made.expand(catalog)),
            }
        }
        if !defined.is_empty() {
            claims.insert(catalog.roles_bit());
        }
        catalog.words(&claims).for_each(|word| {
            self.given.push(word);
        });
        let set = catalog.sets().saturating_add(self.roles.push(defined.into_iter().collect()));
        self.numbers.insert(all, set);
        set
    }

    /// Lets grants that are a set be the same in memory as those of others who hold it.
    pub(super) fn share(&mut self, set: u32, grants: &mut Arc<[Grant]>) {
        match self.grants.get(&set) {
            Some(same) if same == grants => *grants = same.clone(),
            Some(_) => {}
            None => drop(self.grants.insert(set, grants.clone())),
        }
    }

    /// A set in words; one of the catalog's by its number.
    pub(super) fn described(&self, set: u32) -> String {
        let own = self.numbers.iter().find(|(_, number)| **number == set);
        own.map(|(privileges, _)| format!("{privileges:?}")).unwrap_or_else(|| set.to_string())
    }

    /// How many bytes they take, without their names.
    pub(super) fn bytes(&self) -> usize {
        self.given.bytes().saturating_add(self.roles.bytes())
    }
}
