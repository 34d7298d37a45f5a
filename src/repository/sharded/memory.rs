//! A map in memory, for shards in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use super::map::{ClaimRefusal, Claimed, ShardClaim, ShardMap, ShardPlace};
use crate::id::{CommitKey, OrganizationId};
use crate::repository::MemoryError;

/// A [`ShardMap`] in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryShardMap {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    places: BTreeMap<OrganizationId, ShardPlace>,
    keys: BTreeMap<CommitKey, Key>,
    organizations: BTreeMap<OrganizationId, CommitKey>,
}

#[derive(Debug)]
struct Key {
    root: OrganizationId,
    claims: u64,
    organizations: BTreeSet<OrganizationId>,
}

impl MemoryShardMap {
    /// A map of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> Result<MutexGuard<'_, Kept>, MemoryError> {
        self.kept.lock().map_err(|_| MemoryError::Poisoned)
    }
}

impl ShardMap for MemoryShardMap {
    type Error = MemoryError;

    async fn claim(&self, claim: &ShardClaim) -> Result<Claimed, MemoryError> {
        let mut kept = self.kept()?;
        let claimed = kept.judge(claim);
        if let Ok(places) = &claimed {
            kept.keep(claim, places);
        }
        Ok(claimed)
    }

    async fn release(&self, key: CommitKey) -> Result<(), MemoryError> {
        self.kept()?.release(key);
        Ok(())
    }

    async fn tree_of(&self, key: CommitKey) -> Result<Option<OrganizationId>, MemoryError> {
        Ok(self.kept()?.keys.get(&key).map(|key| key.root))
    }

    async fn places(&self, roots: &[OrganizationId]) -> Result<Vec<Option<ShardPlace>>, MemoryError> {
        let kept = self.kept()?;
        Ok(roots.iter().map(|root| kept.places.get(root).copied()).collect())
    }

    async fn replace(&self, root: OrganizationId, from: ShardPlace, to: ShardPlace) -> Result<bool, MemoryError> {
        let mut kept = self.kept()?;
        let there = kept.places.get_mut(&root).filter(|place| **place == from);
        Ok(there.map(|place| *place = to).is_some())
    }
}

impl Kept {
    /// Where the trees of a claim are or will be; or what is in its way.
    fn judge(&self, claim: &ShardClaim) -> Claimed {
        if let Some(key) = self.keys.get(&claim.key).filter(|key| claim.roots.first() != Some(&key.root)) {
            return Err(ClaimRefusal::KeyElsewhere { root: key.root });
        }
        for organization in &claim.created {
            if let Some(by) = self.organizations.get(organization).filter(|by| **by != claim.key) {
                return Err(ClaimRefusal::OrganizationHeld { organization: *organization, by: *by });
            }
        }
        claim.settle(|root| self.places.get(&root).copied())
    }

    fn keep(&mut self, claim: &ShardClaim, places: &[(OrganizationId, ShardPlace)]) {
        let Some((root, _)) = places.first().copied() else { return };
        self.places.extend(places.iter().copied());
        let key = self.keys.entry(claim.key).or_insert(Key { root, claims: 0, organizations: BTreeSet::new() });
        key.claims = key.claims.saturating_add(1);
        key.organizations.extend(&claim.created);
        self.organizations.extend(claim.created.iter().map(|organization| (*organization, claim.key)));
    }

    fn release(&mut self, key: CommitKey) {
        let Some(kept) = self.keys.get_mut(&key) else { return };
        kept.claims = kept.claims.saturating_sub(1);
        if kept.claims == 0
            && let Some(kept) = self.keys.remove(&key)
        {
            for organization in kept.organizations {
                self.organizations.remove(&organization);
            }
        }
    }
}
