//! Automation policies that a parent applies to tagged organizations below it.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`DefinePolicy`] | `policies.manage` | `Defined` |
//! | [`OverridePolicy`] | `policies.manage` | `Overridden` |
//! | [`ReportPolicyStatus`] | the operator | `Reported` |
//! | [`DeletePolicy`] | `policies.manage` | `Deleted` |
//!
//! A selector follows the tags as they change: who enters gets the policy, who leaves loses
//! it, with nothing to be done. Rules: POL-1 to POL-4.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PolicyId, PrincipalId};
use crate::name::{Name, Tag};
use crate::refusal::{Precondition, rule_errors};
use crate::setting::SettingValue;
use crate::tree::OrganizationTree;

/// Which organizations below a policy's own it is for (POL-1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// Children alone, or everything below.
    pub depth: SelectorDepth,
    /// Those that have all of these tags.
    #[serde(default)]
    pub all_of: BTreeSet<Tag>,
    /// Those that have at least one of these, unless there are none here.
    #[serde(default)]
    pub any_of: BTreeSet<Tag>,
    /// Those that have none of these.
    #[serde(default)]
    pub none_of: BTreeSet<Tag>,
}

/// How far a selector looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectorDepth {
    /// At direct children.
    #[default]
    Children,
    /// At everything below.
    Descendants,
}

impl Selector {
    /// Whether an organization with these tags is selected.
    pub fn matches(&self, tags: &BTreeSet<Tag>) -> bool {
        self.all_of.is_subset(tags)
            && (self.any_of.is_empty() || !self.any_of.is_disjoint(tags))
            && self.none_of.is_disjoint(tags)
    }
}

/// The settings of a policy, by name.
pub type PolicySettings = BTreeMap<Tag, SettingValue>;

/// A policy: a named, versioned definition with settings, applied to a selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub(crate) id: PolicyId,
    pub(crate) organization: OrganizationId,
    pub(crate) version: u64,
    pub(crate) definition: PolicyDefinition,
    pub(crate) overrides: BTreeMap<OrganizationId, PolicySettings>,
    /// What was reported of the settings as they are.
    pub(crate) reports: BTreeMap<OrganizationId, PolicyStatus>,
}

/// What a policy says, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDefinition {
    /// Its name.
    pub name: Name,
    /// Its settings.
    pub settings: PolicySettings,
    /// Whom it is for.
    pub selector: Selector,
}

impl Policy {
    /// Its identifier.
    pub const fn id(&self) -> PolicyId {
        self.id
    }

    /// The organization that applies it to others.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// How often it was changed; a changed definition or override counts up.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// What it says, and for whom.
    pub const fn definition(&self) -> &PolicyDefinition {
        &self.definition
    }
}

/// How a policy stands at an organization (POL-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyStatus {
    /// The embedder has not reported on the present settings yet.
    Pending,
    /// It is in force.
    Applied,
    /// It could not be brought into force.
    Failed,
    /// It was in force, and something has changed since.
    Drifted,
}

/// Defines a policy, or changes one: it is then pending again wherever it applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinePolicy {
    /// The organization that applies it to others.
    pub organization: OrganizationId,
    /// The policy: a new identifier, or that of the one to change.
    pub policy: PolicyId,
    /// What it says from now on.
    pub definition: PolicyDefinition,
}

impl Command for DefinePolicy {
    /// The organizations that it applies to now.
    type Output = Vec<OrganizationId>;
    type Error = PolicyError;

    fn operation(&self) -> Operation {
        Operation::ManagePolicies
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Vec<OrganizationId>, PolicyError> {
        let (tree, organization, policy) = (scene.tree, self.organization, self.policy);
        match tree.policies.get(&policy) {
            None => tree.fresh(policy.uuid())?,
            Some(found) if found.organization != organization => {
                return Err(Precondition::NotFound { what: "policy" }.into());
            }
            Some(found) if found.definition == self.definition => return Err(PolicyError::Unchanged),
            Some(_) => {}
        }
        scene.emit(PolicyEvent::Defined { organization, policy, definition: self.definition.clone() });
        Ok(tree.select(organization, &self.definition.selector).collect())
    }
}

/// Adjusts the settings of a policy for one organization, or takes the adjustment back. It is
/// pending again there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverridePolicy {
    /// The organization that applies the policy.
    pub organization: OrganizationId,
    /// The policy.
    pub policy: PolicyId,
    /// For whom.
    pub target: OrganizationId,
    /// The settings that differ there; none takes the adjustment back.
    pub settings: PolicySettings,
}

impl Command for OverridePolicy {
    type Output = ();
    type Error = PolicyError;

    fn operation(&self) -> Operation {
        Operation::ManagePolicies
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), PolicyError> {
        let (organization, policy, target) = (self.organization, self.policy, self.target);
        let found = scene.tree.policy_in(organization, policy)?;
        if !scene.tree.is_selected(found, target) {
            return Err(PolicyError::NotSelected { organization: target });
        }
        if let Some(name) = self.settings.keys().find(|name| !found.definition.settings.contains_key(name)) {
            return Err(PolicyError::UnknownSetting { name: name.clone() });
        }
        // POL-3: only a setting that changes makes it pending again.
        if found.overrides.get(&target).unwrap_or(&PolicySettings::new()) == &self.settings {
            return Err(PolicyError::Unchanged);
        }
        let settings = self.settings.clone();
        scene.emit(PolicyEvent::Overridden { organization, policy, target, settings });
        Ok(())
    }
}

/// Reports how a policy stands at an organization, as of the version that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportPolicyStatus {
    /// The policy.
    pub policy: PolicyId,
    /// Where.
    pub organization: OrganizationId,
    /// The version of the policy that the report is about; a report on an older one is
    /// refused.
    pub version: u64,
    /// How it stands.
    pub status: PolicyStatus,
}

impl Command for ReportPolicyStatus {
    type Output = ();
    type Error = PolicyError;

    fn operation(&self) -> Operation {
        Operation::ReportPolicyStatus
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), PolicyError> {
        let (organization, policy, version, status) = (self.organization, self.policy, self.version, self.status);
        let found = scene.tree.policies.get(&policy).ok_or(Precondition::NotFound { what: "policy" })?;
        if !scene.tree.is_selected(found, organization) {
            return Err(PolicyError::NotSelected { organization });
        }
        if version != found.version {
            return Err(PolicyError::OtherVersion { version, present: found.version });
        }
        scene.emit(PolicyEvent::Reported { organization, policy, version, status });
        Ok(())
    }
}

/// Deletes a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletePolicy {
    /// The organization that applies it.
    pub organization: OrganizationId,
    /// The policy.
    pub policy: PolicyId,
}

impl Command for DeletePolicy {
    type Output = ();
    type Error = PolicyError;

    fn operation(&self) -> Operation {
        Operation::ManagePolicies
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), PolicyError> {
        scene.tree.policy_in(self.organization, self.policy)?;
        scene.emit(PolicyEvent::Deleted { organization: self.organization, policy: self.policy });
        Ok(())
    }
}

/// What happened to a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PolicyEvent {
    /// It was defined or changed.
    Defined {
        /// Who applies it.
        organization: OrganizationId,
        /// Which.
        policy: PolicyId,
        /// What it says.
        definition: PolicyDefinition,
    },
    /// Its settings were adjusted for one organization.
    Overridden {
        /// Who applies it.
        organization: OrganizationId,
        /// Which.
        policy: PolicyId,
        /// For whom.
        target: OrganizationId,
        /// What differs there.
        settings: PolicySettings,
    },
    /// It was reported on.
    Reported {
        /// Where.
        organization: OrganizationId,
        /// Which.
        policy: PolicyId,
        /// Which version of it.
        version: u64,
        /// How it stands.
        status: PolicyStatus,
    },
    /// It was deleted.
    Deleted {
        /// Who applied it.
        organization: OrganizationId,
        /// Which.
        policy: PolicyId,
    },
}

rule_errors! {
    /// Why a policy was not defined, adjusted, reported on or deleted.
    pub enum PolicyError + Precondition {
        #[error("the policy says exactly that already")]
        Unchanged = Conflict, "policy.unchanged", "POL-2";
        #[error("the policy does not apply to {organization}: its selector does not pick it")]
        NotSelected { organization: OrganizationId } = Conflict, "policy.not_selected", "POL-1";
        #[error("the policy has no setting `{name}`")]
        UnknownSetting { name: Tag } = Invalid, "policy.unknown_setting", "POL-3";
        #[error("the report is on version {version}; the policy is at version {present}")]
        OtherVersion { version: u64, present: u64 } = Conflict, "policy.other_version", "POL-3";
    }
}

impl PolicyEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::Defined { organization, policy, definition } => {
                let old = tree.policies.get(policy).cloned();
                let version = old.as_ref().map_or(1, |old| old.version.saturating_add(1));
                let mut overrides = old.map(|old| old.overrides).unwrap_or_default();
                // POL-3: what the policy no longer sets is adjusted nowhere.
                overrides.values_mut().for_each(|own| own.retain(|name, _| definition.settings.contains_key(name)));
                overrides.retain(|_, own| !own.is_empty());
                tree.put_policy(Policy {
                    id: *policy,
                    organization: *organization,
                    version,
                    definition: definition.clone(),
                    overrides,
                    reports: BTreeMap::new(),
                });
            }
            Self::Overridden { policy, target, settings, .. } => {
                if let Some(policy) = tree.policies.get_mut(policy) {
                    // POL-3: a report on the settings before is on an older version.
                    policy.version = policy.version.saturating_add(1);
                    policy.reports.remove(target);
                    if settings.is_empty() {
                        policy.overrides.remove(target);
                    } else {
                        policy.overrides.insert(*target, settings.clone());
                    }
                }
            }
            Self::Reported { organization, policy, status, .. } => {
                if let Some(policy) = tree.policies.get_mut(policy) {
                    policy.reports.insert(*organization, *status);
                }
            }
            Self::Deleted { policy, .. } => tree.drop_policy(*policy),
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Defined { organization, .. }
            | Self::Reported { organization, .. }
            | Self::Deleted { organization, .. } => {
                vec![*organization]
            }
            Self::Overridden { organization, target, .. } => vec![*organization, *target],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

/// A policy as it applies to an organization (POL-2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EffectivePolicy {
    /// The policy.
    pub policy: PolicyId,
    /// The organization that it comes from.
    pub from: OrganizationId,
    /// The version to report on.
    pub version: u64,
    /// Its settings there.
    pub settings: PolicySettings,
    /// Which of them are adjusted for that organization.
    pub overridden: BTreeSet<Tag>,
    /// How it stands.
    pub status: PolicyStatus,
}

impl OrganizationTree {
    /// The organizations below one that a selector picks, as they are tagged now (POL-1).
    pub fn select<'a>(
        &'a self,
        organization: OrganizationId,
        selector: &'a Selector,
    ) -> impl Iterator<Item = OrganizationId> + use<'a> {
        let near = move |id: &OrganizationId| match selector.depth {
            SelectorDepth::Children => self.organization(*id).is_some_and(|place| place.parent() == Some(organization)),
            SelectorDepth::Descendants => true,
        };
        let tagged =
            move |id: &OrganizationId| self.organization(*id).is_some_and(|place| selector.matches(place.tags()));
        self.descendants(organization).filter(near).filter(tagged)
    }

    /// The policies of an organization, which it applies to others.
    pub fn policies(&self, organization: OrganizationId) -> impl Iterator<Item = &Policy> {
        self.index.policies(organization).filter_map(|id| self.policies.get(&id))
    }

    /// The policies that apply to an organization, with where each comes from (POL-2).
    pub fn effective_policies(&self, organization: OrganizationId) -> Vec<EffectivePolicy> {
        let above = self.ancestors(organization).flat_map(|id| self.policies(id));
        let effective = |policy: &Policy| {
            let own = policy.overrides.get(&organization);
            let mut settings = policy.definition.settings.clone();
            settings.extend(own.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
            EffectivePolicy {
                policy: policy.id,
                from: policy.organization,
                version: policy.version,
                settings,
                overridden: own.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
                status: policy.status_at(organization),
            }
        };
        above.filter(|policy| self.is_selected(policy, organization)).map(effective).collect()
    }

    /// How many of the organizations that a policy applies to are in which state (POL-3).
    pub fn policy_summary(&self, policy: PolicyId) -> BTreeMap<PolicyStatus, usize> {
        let mut counts = BTreeMap::new();
        if let Some(policy) = self.policies.get(&policy) {
            for organization in self.select(policy.organization, &policy.definition.selector) {
                let count: &mut usize = counts.entry(policy.status_at(organization)).or_default();
                *count = count.saturating_add(1);
            }
        }
        counts
    }

    pub(crate) fn is_selected(&self, policy: &Policy, organization: OrganizationId) -> bool {
        let Some(place) = self.organization(organization) else { return false };
        let below = match policy.definition.selector.depth {
            SelectorDepth::Children => place.parent() == Some(policy.organization),
            SelectorDepth::Descendants => place.ancestors().contains(&policy.organization),
        };
        below && policy.definition.selector.matches(place.tags())
    }

    /// POL-4: who has left a selector has lost the policy; what was reported before does not
    /// count when they enter it again. An adjustment ends when its organization is gone.
    pub(crate) fn forget_unselected(&mut self, above: impl IntoIterator<Item = OrganizationId>) {
        let policies: Vec<PolicyId> = above.into_iter().flat_map(|id| self.index.policies(id)).collect();
        for id in policies {
            let Some(mut policy) = self.policies.get(&id).cloned() else { continue };
            let (reports, overrides) = (policy.reports.len(), policy.overrides.len());
            let left: Vec<OrganizationId> =
                policy.reports.keys().filter(|id| !self.is_selected(&policy, **id)).copied().collect();
            left.iter().for_each(|id| {
                policy.reports.remove(id);
            });
            policy.overrides.retain(|id, _| self.is_ancestor(policy.organization, *id));
            if (reports, overrides) != (policy.reports.len(), policy.overrides.len()) {
                self.put_policy(policy);
            }
        }
    }

    fn policy_in(&self, organization: OrganizationId, id: PolicyId) -> Result<&Policy, Precondition> {
        let policy = self.policies.get(&id).filter(|policy| policy.organization == organization);
        policy.ok_or(Precondition::NotFound { what: "policy" })
    }
}

impl Policy {
    /// POL-3: a changed definition or setting is pending until it is reported on.
    fn status_at(&self, organization: OrganizationId) -> PolicyStatus {
        self.reports.get(&organization).copied().unwrap_or(PolicyStatus::Pending)
    }
}
