//! Onboarding: what the embedder seeds when an organization is created.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`ReportSeed`] | the operator | `Reported` |
//! | [`AskSeedAgain`] | `organizations.edit`, or the operator | `Asked` |
//!
//! Creation itself asks for every seed of the rules. Rules: SET-6.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId};
use crate::name::Tag;
use crate::refusal::rule_errors;
use crate::tree::OrganizationTree;

/// What is seeded: one that the crate names, or one of the embedder's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Seed {
    /// Default alerts.
    DefaultAlerts,
    /// Compliance data.
    ComplianceData,
    /// One of the embedder's own.
    Custom(Tag),
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DefaultAlerts => f.write_str("default_alerts"),
            Self::ComplianceData => f.write_str("compliance_data"),
            Self::Custom(name) => write!(f, "custom:{name}"),
        }
    }
}

impl TryFrom<String> for Seed {
    type Error = crate::InvalidText;
    fn try_from(text: String) -> Result<Self, crate::InvalidText> {
        match (text.as_str(), text.strip_prefix("custom:")) {
            ("default_alerts", _) => Ok(Self::DefaultAlerts),
            ("compliance_data", _) => Ok(Self::ComplianceData),
            (_, Some(name)) => Tag::new(name).map(Self::Custom),
            _ => Err(crate::InvalidText::Unknown { what: "a seed" }),
        }
    }
}

impl From<Seed> for String {
    fn from(seed: Seed) -> String {
        seed.to_string()
    }
}

/// How a seed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedStatus {
    /// The embedder is to do it.
    Asked,
    /// It is there.
    Done,
    /// It failed; it can be asked for again.
    Failed,
}

/// How a seed went, as the embedder reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedOutcome {
    /// It is there.
    Done,
    /// It failed.
    Failed,
}

/// Reports how a seed went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportSeed {
    /// The organization.
    pub organization: OrganizationId,
    /// Which.
    pub seed: Seed,
    /// How it went.
    pub outcome: SeedOutcome,
}

impl Command for ReportSeed {
    type Output = ();
    type Error = OnboardingError;

    fn operation(&self) -> Operation {
        Operation::ReportSeed
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), OnboardingError> {
        let seeds = &scene.tree.find(self.organization)?.seeds;
        if seeds.get(&self.seed) != Some(&SeedStatus::Asked) {
            return Err(OnboardingError::NotAsked { seed: self.seed.clone() });
        }
        let status = match self.outcome {
            SeedOutcome::Done => SeedStatus::Done,
            SeedOutcome::Failed => SeedStatus::Failed,
        };
        scene.emit(OnboardingEvent::Seeded { organization: self.organization, seed: self.seed.clone(), status });
        Ok(())
    }
}

/// Asks for a seed again that is not waiting to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskSeedAgain {
    /// The organization.
    pub organization: OrganizationId,
    /// Which.
    pub seed: Seed,
}

impl Command for AskSeedAgain {
    type Output = ();
    type Error = OnboardingError;

    fn operation(&self) -> Operation {
        Operation::AskSeedAgain
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), OnboardingError> {
        let seeds = &scene.tree.find(self.organization)?.seeds;
        if seeds.get(&self.seed) == Some(&SeedStatus::Asked) {
            return Err(OnboardingError::AlreadyAsked { seed: self.seed.clone() });
        }
        // SET-6: one that was asked for before, or that the rules have come to name since.
        if !seeds.contains_key(&self.seed) && !scene.tree.rules().seeds.contains(&self.seed) {
            return Err(OnboardingError::NotAsked { seed: self.seed.clone() });
        }
        let status = SeedStatus::Asked;
        scene.emit(OnboardingEvent::Seeded { organization: self.organization, seed: self.seed.clone(), status });
        Ok(())
    }
}

/// What happened to a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OnboardingEvent {
    /// It was asked for, or reported on.
    Seeded {
        /// Where.
        organization: OrganizationId,
        /// Which.
        seed: Seed,
        /// How it stands now.
        status: SeedStatus,
    },
}

rule_errors! {
    /// Why a seed was not reported or asked for.
    pub enum OnboardingError + Precondition {
        #[error("`{seed}` was not asked for")]
        NotAsked { seed: Seed } = Conflict, "onboarding.not_asked", "SET-6";
        #[error("`{seed}` is waiting to be done already")]
        AlreadyAsked { seed: Seed } = Conflict, "onboarding.already_asked", "SET-6";
    }
}

impl OnboardingEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        let Self::Seeded { organization, seed, status } = self;
        if let Some(organization) = tree.organization_mut(*organization) {
            organization.seeds.insert(seed.clone(), *status);
        }
    }

    /// The organization where a seed is to be done, if this asks for one.
    pub(crate) const fn asked(&self) -> Option<OrganizationId> {
        match self {
            Self::Seeded { organization, status: SeedStatus::Asked, .. } => Some(*organization),
            Self::Seeded { .. } => None,
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        let Self::Seeded { organization, .. } = self;
        vec![*organization]
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// How each seed of an organization stands.
    pub fn seeds(&self, organization: OrganizationId) -> impl Iterator<Item = (&Seed, SeedStatus)> {
        let place = self.organizations.get(&organization);
        place.into_iter().flat_map(|place| &place.seeds).map(|(seed, status)| (seed, *status))
    }
}
