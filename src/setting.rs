//! Settings of an organization: inherited unless set, and lockable from above.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`ChangeSetting`] | `organizations.edit` | `Set` or `Cleared` |
//! | [`LockSetting`] | `organizations.edit` | `Locked` or `Unlocked` |
//!
//! The effective value is that of the topmost organization on the path that locks it, else
//! that of the nearest that sets it, else the account's default. Rules: SET-5.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::automation::AutomationLevel;
use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId};
use crate::name::Tag;
use crate::refusal::rule_errors;
use crate::tree::OrganizationTree;

/// Which setting: one that the crate knows, or one of the embedder's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SettingKey {
    /// How much happens without approval (SET-1).
    Automation,
    /// One of the embedder's own.
    Custom(Tag),
}

impl fmt::Display for SettingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automation => f.write_str("automation"),
            Self::Custom(name) => write!(f, "custom:{name}"),
        }
    }
}

impl TryFrom<String> for SettingKey {
    type Error = crate::InvalidText;
    fn try_from(text: String) -> Result<Self, crate::InvalidText> {
        match text.strip_prefix("custom:") {
            Some(name) => Tag::new(name).map(Self::Custom),
            None if text == "automation" => Ok(Self::Automation),
            None => Err(crate::InvalidText::Unknown { what: "a setting" }),
        }
    }
}

impl From<SettingKey> for String {
    fn from(key: SettingKey) -> String {
        key.to_string()
    }
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingValue {
    /// Of [`SettingKey::Automation`].
    Automation(AutomationLevel),
    /// A switch of the embedder's.
    Flag(bool),
    /// A number of the embedder's.
    Number(i64),
    /// A choice of the embedder's, by its name.
    Choice(Tag),
}

impl SettingValue {
    pub(crate) const fn suits(&self, key: &SettingKey) -> bool {
        matches!(
            (key, self),
            (SettingKey::Automation, Self::Automation(_))
                | (SettingKey::Custom(_), Self::Flag(_) | Self::Number(_) | Self::Choice(_))
        )
    }
}

/// A setting as an organization has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its value here.
    pub value: SettingValue,
    /// Whether nobody below overrides it.
    pub locked: bool,
}

/// The settings of one organization.
pub(crate) type Settings = BTreeMap<SettingKey, Setting>;

/// Where the effective value of a setting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    /// From this organization: the one asked for, or an ancestor.
    Organization(OrganizationId),
    /// From the account's default.
    Default,
}

/// The effective value of a setting, with where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EffectiveSetting {
    /// The value.
    pub value: SettingValue,
    /// Where it came from.
    pub source: SettingSource,
    /// Whether it is locked there, so that it cannot be overridden here.
    pub locked: bool,
}

/// Sets a setting, or clears it so that it is inherited again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSetting {
    /// The organization.
    pub organization: OrganizationId,
    /// Which setting.
    pub key: SettingKey,
    /// Its value; `None` inherits.
    pub value: Option<SettingValue>,
}

impl Command for ChangeSetting {
    type Output = ();
    type Error = SettingError;

    fn operation(&self) -> Operation {
        Operation::ChangeSetting
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), SettingError> {
        let (organization, key) = (self.organization, self.key.clone());
        if let Some(by) = scene.tree.lock_above(organization, &key) {
            return Err(SettingError::Locked { key, by });
        }
        match &self.value {
            Some(value) if !value.suits(&key) => Err(SettingError::WrongKind { key }),
            Some(value) => {
                scene.emit(SettingEvent::Set { organization, key, value: value.clone() });
                Ok(())
            }
            None => {
                scene.emit(SettingEvent::Cleared { organization, key });
                Ok(())
            }
        }
    }
}

/// Locks a setting that is set here, so that nobody below overrides it, or unlocks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockSetting {
    /// The organization.
    pub organization: OrganizationId,
    /// Which setting.
    pub key: SettingKey,
    /// Whether it is locked.
    pub locked: bool,
}

impl Command for LockSetting {
    type Output = ();
    type Error = SettingError;

    fn operation(&self) -> Operation {
        Operation::ChangeSetting
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), SettingError> {
        let (organization, key, locked) = (self.organization, self.key.clone(), self.locked);
        if let Some(by) = scene.tree.lock_above(organization, &key) {
            return Err(SettingError::Locked { key, by });
        }
        if !scene.tree.find(organization)?.settings.contains_key(&key) {
            return Err(SettingError::NotSet { key });
        }
        scene.emit(SettingEvent::LockSet { organization, key, locked });
        Ok(())
    }
}

/// What happened to a setting of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SettingEvent {
    /// It was set.
    Set {
        /// Where.
        organization: OrganizationId,
        /// Which.
        key: SettingKey,
        /// Its value.
        value: SettingValue,
    },
    /// It is inherited again.
    Cleared {
        /// Where.
        organization: OrganizationId,
        /// Which.
        key: SettingKey,
    },
    /// It was locked or unlocked.
    LockSet {
        /// Where.
        organization: OrganizationId,
        /// Which.
        key: SettingKey,
        /// Whether it is locked.
        locked: bool,
    },
}

rule_errors! {
    /// Why a setting was not changed.
    pub enum SettingError + Precondition {
        #[error("{by} has locked `{key}`: it must be unlocked there")]
        Locked { key: SettingKey, by: OrganizationId } = Conflict, "setting.locked", "SET-5";
        #[error("`{key}` is not set here: set it before locking it")]
        NotSet { key: SettingKey } = Conflict, "setting.not_set", "SET-5";
        #[error("that is no value for `{key}`")]
        WrongKind { key: SettingKey } = Invalid, "setting.wrong_kind", "SET-5";
    }
}

impl SettingEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        let (Self::Set { organization: id, .. }
        | Self::Cleared { organization: id, .. }
        | Self::LockSet { organization: id, .. }) = self;
        let Some(organization) = tree.organization_mut(*id) else { return };
        match self {
            Self::Set { key, value, .. } => {
                let locked = organization.settings.get(key).is_some_and(|setting| setting.locked);
                organization.settings.insert(key.clone(), Setting { value: value.clone(), locked });
            }
            Self::Cleared { key, .. } => {
                organization.settings.remove(key);
            }
            Self::LockSet { key, locked, .. } => {
                if let Some(setting) = organization.settings.get_mut(key) {
                    setting.locked = *locked;
                }
            }
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        let (Self::Set { organization, .. } | Self::Cleared { organization, .. } | Self::LockSet { organization, .. }) =
            self;
        vec![*organization]
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// The effective value of a setting, and where it came from; `None` if nobody on the path
    /// sets it and the account has no default (SET-5).
    pub fn setting(&self, organization: OrganizationId, key: &SettingKey) -> Option<EffectiveSetting> {
        let own = |id: OrganizationId| self.organizations.get(&id)?.settings.get(key).map(|setting| (id, setting));
        let on_path: Vec<(OrganizationId, &Setting)> = self.path(organization).filter_map(own).collect();
        // A lock binds everything below it, however far.
        let binding = on_path.iter().find(|(_, setting)| setting.locked).or(on_path.last());
        if let Some((id, setting)) = binding {
            let locked = setting.locked && *id != organization;
            return Some(EffectiveSetting {
                value: setting.value.clone(),
                source: SettingSource::Organization(*id),
                locked,
            });
        }
        self.organizations.get(&organization)?;
        let value = self.rules().settings.get(key)?.clone();
        Some(EffectiveSetting { value, source: SettingSource::Default, locked: false })
    }

    /// The ancestor that locks a setting, if one does.
    fn lock_above(&self, organization: OrganizationId, key: &SettingKey) -> Option<OrganizationId> {
        let locks = |id: &OrganizationId| {
            *id != organization
                && self
                    .organizations
                    .get(id)
                    .and_then(|place| place.settings.get(key))
                    .is_some_and(|setting| setting.locked)
        };
        self.path(organization).find(locks)
    }
}
