//! The secret of an organization, by which its agents register.
//!
//! | asked | requires | emits |
//! |---|---|---|
//! | [`OrganizationTree::agent_secret`](crate::OrganizationTree::agent_secret) | `organizations.edit` | nothing |
//! | [`RegenerateSecret`] | `organizations.edit` | `Regenerated` |
//!
//! It is kept as an erasable record, never in the log. Rules: SET-4.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::command::{Command, Context, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::hex;
use crate::id::{Bounds, CommitKey, OrganizationId, PrincipalId};
use crate::person::{Record, RecordKey};
use crate::refusal::rule_errors;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;
use crate::{Denial, InvalidToken};

/// The secret by which agents register: 256 bits of the caller's entropy. Its debug output
/// shows nothing.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentSecret([u8; 32]);

impl AgentSecret {
    /// The secret of these 256 bits, which must come from a good source of randomness.
    pub const fn from_entropy(entropy: [u8; 32]) -> Self {
        Self(entropy)
    }

    /// The secret as text, to be shown to whoever sets up an agent.
    pub fn reveal(&self) -> String {
        hex::encode(&self.0)
    }

    /// Whether an agent presented this secret, compared in constant time.
    pub fn matches(&self, presented: &Self) -> bool {
        self.0.ct_eq(&presented.0).into()
    }
}

impl PartialEq for AgentSecret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for AgentSecret {}

impl Drop for AgentSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for AgentSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentSecret(…)")
    }
}

impl std::str::FromStr for AgentSecret {
    type Err = InvalidToken;
    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        hex::decode(text).map(Self)
    }
}

impl TryFrom<String> for AgentSecret {
    type Error = InvalidToken;
    fn try_from(mut text: String) -> Result<Self, InvalidToken> {
        let secret = text.parse();
        text.zeroize();
        secret
    }
}

impl From<AgentSecret> for String {
    fn from(secret: AgentSecret) -> String {
        secret.reveal()
    }
}

/// Replaces the secret of an organization; the old one is invalid at once, and every agent
/// must register again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegenerateSecret {
    /// The organization.
    pub organization: OrganizationId,
    /// The new secret.
    pub secret: AgentSecret,
}

impl Command for RegenerateSecret {
    type Output = ();
    type Error = SecretError;

    fn operation(&self) -> Operation {
        Operation::RegenerateSecret
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), SecretError> {
        let organization = self.organization;
        if scene.tree.secret(organization).is_some_and(|old| old.matches(&self.secret)) {
            return Err(SecretError::Unchanged);
        }
        scene.write(RecordKey::Secret(organization), Some(Record::Secret(self.secret.clone())));
        scene.emit(SecretEvent::Regenerated { organization });
        Ok(())
    }
}

/// What happened to the secret of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretEvent {
    /// It was replaced; every agent must register again.
    Regenerated {
        /// Where.
        organization: OrganizationId,
    },
}

rule_errors! {
    /// Why a secret was not replaced.
    pub enum SecretError + Precondition {
        #[error("the new secret is the old one: draw new randomness")]
        Unchanged = Invalid, "secret.unchanged", "SET-4";
    }
}

impl SecretEvent {
    pub(crate) fn apply(&self, _: &mut OrganizationTree, _: &Recorded) {}

    /// The organization whose agents must register again.
    pub(crate) const fn regenerated(&self) -> OrganizationId {
        let Self::Regenerated { organization } = self;
        *organization
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        vec![self.regenerated()]
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// The secret of an organization, for one who may see it.
    ///
    /// [`Denial`] unless the viewer holds `organizations.edit` there, or what stands in for it.
    pub fn agent_secret(
        &self,
        viewer: PrincipalId,
        organization: OrganizationId,
        at: Timestamp,
    ) -> Result<Option<&AgentSecret>, Denial> {
        // CLM-12: the row of the table, which an embedder may have replaced.
        let context = Context::principal(viewer, organization, at, CommitKey::MIN);
        let subjects = Subjects::organization(organization);
        Scene::new(self, &context, at).authorize(Operation::RegenerateSecret, &subjects)?;
        Ok(self.secret(organization))
    }

    /// Whether an agent that presents this secret may register with an organization: the
    /// secret is the present one, and the organization effectively active.
    pub fn admits_agent(&self, organization: OrganizationId, presented: &AgentSecret) -> bool {
        self.is_active(organization) && self.secret(organization).is_some_and(|secret| secret.matches(presented))
    }

    fn secret(&self, organization: OrganizationId) -> Option<&AgentSecret> {
        match self.records.get(&RecordKey::Secret(organization)) {
            Some(Record::Secret(secret)) => Some(secret),
            _ => None,
        }
    }
}
