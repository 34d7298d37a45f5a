//! What-if: who would gain and who would lose what (CLM-10).

use std::collections::BTreeSet;

use serde::Serialize;

use super::claim::{Claim, Grantable};
use super::set::ClaimSet;
use crate::event::Changes;
use crate::id::{OrganizationId, PrincipalId};
use crate::time::Timestamp;
use crate::tree::{OrganizationTree, OutOfOrder};

/// What one principal gains and loses in one organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessChange {
    /// Who.
    pub principal: PrincipalId,
    /// Where.
    pub organization: OrganizationId,
    /// What they could not do before.
    pub gains: Vec<Grantable>,
    /// What they can no longer do.
    pub loses: Vec<Grantable>,
}

impl OrganizationTree {
    /// The effect of changes on access, before they are committed: who gains and who loses
    /// what at `at` (CLM-10). It looks at everyone known to the tree.
    ///
    /// [`OutOfOrder`] if the changes do not follow this tree's version.
    pub fn what_if(&self, changes: &Changes, at: Timestamp) -> Result<Vec<AccessChange>, OutOfOrder> {
        let mut after = self.clone();
        after.apply(changes)?;
        Ok(self.compare_access(&after, at))
    }

    /// How access differs from that of another state of this tree.
    pub fn compare_access(&self, after: &Self, at: Timestamp) -> Vec<AccessChange> {
        let everyone: BTreeSet<PrincipalId> = self.principals().chain(after.principals()).collect();
        let mut differences = Vec::new();
        for principal in everyone {
            let reached = |tree: &Self| tree.access().organizations(principal, None, at);
            let organizations: BTreeSet<OrganizationId> = reached(self).into_iter().chain(reached(after)).collect();
            for organization in organizations {
                let old = self.access().claims(principal, organization, at);
                let new = after.access().claims(principal, organization, at);
                if old != new {
                    let (gains, loses) = (self.named(&new.without(&old)), self.named(&old.without(&new)));
                    differences.push(AccessChange { principal, organization, gains, loses });
                }
            }
        }
        differences
    }

    pub(crate) fn named(&self, set: &ClaimSet) -> Vec<Grantable> {
        let owner = set.is_owner().then_some(Grantable::Owner);
        owner.into_iter().chain(self.catalog().names(set).map(|claim: &Claim| claim.clone().into())).collect()
    }
}
