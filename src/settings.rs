//! Settings of a whole tree, and where it authenticates.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`ChangeTreeSettings`] | ownership of the root | `LevelsLimited`, `StraightInvitationsSet` |
//! | [`ConfigureAuthentication`] | ownership of the organization | `AuthenticationConfigured` |
//!
//! Rules: HIE-2, HIE-9, MEM-3.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId};
use crate::name::CorrelationId;
use crate::refusal::{Precondition, rule_errors};
use crate::rules::Rules;
use crate::tree::OrganizationTree;

/// How many levels a tree may have: 1 (no sub-organizations) to 32 (HIE-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct LevelLimit(u8);

/// The number of levels asked for is not from 1 to 32 (HIE-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tree has 1 to 32 levels, not {0}")]
pub struct InvalidLevelLimit(u8);

impl LevelLimit {
    /// Thirty-two levels.
    pub const GREATEST: Self = Self(32);
    /// One level: no sub-organizations.
    pub const ONE: Self = Self(1);
    /// Two levels: a root and its sub-organizations.
    pub const TWO: Self = Self(2);
    /// Three levels.
    pub const THREE: Self = Self(3);

    /// This many levels; [`InvalidLevelLimit`] unless from 1 to 32.
    pub const fn new(levels: u8) -> Result<Self, InvalidLevelLimit> {
        if levels >= 1 && levels <= Self::GREATEST.0 { Ok(Self(levels)) } else { Err(InvalidLevelLimit(levels)) }
    }

    /// How many levels.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether an organization may be at `level`, counted from 1 at the root.
    pub(crate) fn allows(self, level: usize) -> bool {
        level <= usize::from(self.0)
    }
}

impl TryFrom<u8> for LevelLimit {
    type Error = InvalidLevelLimit;
    fn try_from(levels: u8) -> Result<Self, InvalidLevelLimit> {
        Self::new(levels)
    }
}

impl From<LevelLimit> for u8 {
    fn from(limit: LevelLimit) -> u8 {
        limit.0
    }
}

/// What an authentication setting is about (HIE-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationKind {
    /// Single sign-on.
    Sso,
    /// Provisioning of users (SCIM).
    Scim,
    /// The identity provider.
    IdentityProvider,
}

impl fmt::Display for AuthenticationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sso => "SSO",
            Self::Scim => "SCIM",
            Self::IdentityProvider => "identity provider",
        })
    }
}

/// The settings of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeSettings {
    /// How many levels it may have.
    pub levels: LevelLimit,
    /// Whether one who is no member of the root may be invited straight into a
    /// sub-organization (MEM-3).
    pub straight_invitations: bool,
    /// The authentication settings of the root, each with the identifier under which the
    /// embedder keeps the configuration itself.
    pub authentication: BTreeMap<AuthenticationKind, CorrelationId>,
}

impl TreeSettings {
    pub(crate) fn of(rules: &Rules) -> Self {
        Self { levels: rules.levels, straight_invitations: rules.straight_invitations, authentication: BTreeMap::new() }
    }
}

/// Changes the settings of the tree; what is `None` stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeTreeSettings {
    /// The root of the tree.
    pub root: OrganizationId,
    /// How many levels it may have; not fewer than it has.
    pub levels: Option<LevelLimit>,
    /// Whether newcomers may be invited straight into a sub-organization.
    pub straight_invitations: Option<bool>,
}

impl Command for ChangeTreeSettings {
    type Output = ();
    type Error = SettingsError;

    fn operation(&self) -> Operation {
        Operation::ChangeTreeSettings
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.root)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), SettingsError> {
        let tree = scene.tree;
        if self.root != tree.root() {
            return Err(Precondition::NotFound { what: "root" }.into());
        }
        if let Some(levels) = self.levels {
            // HIE-2: lowering the limit below the depth in use is refused.
            let used = tree.depth();
            if !levels.allows(used) {
                return Err(SettingsError::LevelsInUse { limit: levels.get(), used });
            }
            scene.emit(SettingsEvent::LevelsLimited { root: self.root, levels });
        }
        if let Some(allowed) = self.straight_invitations {
            scene.emit(SettingsEvent::StraightInvitationsSet { root: self.root, allowed });
        }
        Ok(())
    }
}

/// Sets or clears an authentication setting; only the root has any (HIE-9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigureAuthentication {
    /// The root; a sub-organization is refused.
    pub organization: OrganizationId,
    /// Which setting.
    pub kind: AuthenticationKind,
    /// The identifier under which the embedder keeps the configuration; `None` clears it.
    pub configuration: Option<CorrelationId>,
}

impl Command for ConfigureAuthentication {
    type Output = ();
    type Error = SettingsError;

    fn operation(&self) -> Operation {
        Operation::ConfigureAuthentication
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), SettingsError> {
        // HIE-9: authentication is configured at the root alone.
        let root = scene.tree.root();
        if self.organization != root {
            return Err(SettingsError::NotTheRoot { kind: self.kind, organization: self.organization });
        }
        let (kind, configuration) = (self.kind, self.configuration.clone());
        scene.emit(SettingsEvent::AuthenticationConfigured { root, kind, configuration });
        Ok(())
    }
}

/// What happened to the settings of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SettingsEvent {
    /// The number of levels was limited.
    LevelsLimited {
        /// The root.
        root: OrganizationId,
        /// The limit.
        levels: LevelLimit,
    },
    /// Straight invitations were allowed or forbidden.
    StraightInvitationsSet {
        /// The root.
        root: OrganizationId,
        /// Whether they are allowed.
        allowed: bool,
    },
    /// An authentication setting was set or cleared.
    AuthenticationConfigured {
        /// The root.
        root: OrganizationId,
        /// Which one.
        kind: AuthenticationKind,
        /// Where the embedder keeps it; `None` is cleared.
        configuration: Option<CorrelationId>,
    },
}

rule_errors! {
    /// Why a change of the tree's settings was refused.
    pub enum SettingsError + Precondition {
        #[error("the tree has {used} levels; the limit cannot be lowered to {limit}")]
        LevelsInUse { limit: u8, used: usize } = Conflict, "settings.levels_in_use", "HIE-2";
        #[error("{kind} is configured at the root alone, not at {organization}")]
        NotTheRoot { kind: AuthenticationKind, organization: OrganizationId } = Conflict, "settings.not_the_root", "HIE-9";
    }
}

impl SettingsEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::LevelsLimited { levels, .. } => tree.settings.levels = *levels,
            Self::StraightInvitationsSet { allowed, .. } => tree.settings.straight_invitations = *allowed,
            Self::AuthenticationConfigured { kind, configuration, .. } => {
                match configuration {
                    Some(configuration) => tree.settings.authentication.insert(*kind, configuration.clone()),
                    None => tree.settings.authentication.remove(kind),
                };
            }
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::LevelsLimited { root, .. }
            | Self::StraightInvitationsSet { root, .. }
            | Self::AuthenticationConfigured { root, .. } => vec![*root],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// The settings of the tree; every organization authenticates as its root does (HIE-9).
    pub const fn settings(&self) -> &TreeSettings {
        &self.settings
    }
}
