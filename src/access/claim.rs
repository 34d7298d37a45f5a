//! Claims: dotted names, and what can be granted of them.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

/// Why a claim's name was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no claim: write lower-case words of letters, digits, `_` and `-` joined by dots, \
     such as `backups.restore`, at most {max} characters",
    max = Claim::LIMIT
)]
pub struct InvalidClaim(String);

/// The name of a claim, such as `backups.restore` (CLM-2).
///
/// ```
/// use bailiwick::Claim;
/// let restore: Claim = "backups.restore".parse()?;
/// assert!("Backups Restore".parse::<Claim>().is_err());
/// # Ok::<(), bailiwick::InvalidClaim>(())
/// ```
#[derive(Clone, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Claim {
    /// Shared, since the same few claims are held by very many.
    name: Arc<str>,
    /// Of the name, so that a check need not read it twice.
    pub(super) hash: u64,
}

impl Claim {
    /// The most characters a name can have.
    pub const LIMIT: usize = 128;

    /// The claim of this name; [`InvalidClaim`] if it is not dotted lower-case words, or is
    /// `owner`, which is [`Grantable::Owner`].
    pub fn new(name: &str) -> Result<Self, InvalidClaim> {
        let word = |word: &str| {
            !word.is_empty()
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        };
        if name.len() <= Self::LIMIT && name != Grantable::OWNER && name.split('.').all(word) {
            Ok(Self { name: name.into(), hash: FixedState::default().hash_one(name) })
        } else {
            Err(InvalidClaim(name.chars().take(Self::LIMIT).collect()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether both share their name, and so are the same; if not, they may be the same all the
    /// same.
    #[inline]
    pub(super) fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.name, &other.name)
    }

    /// Whether this claim lies below `family`: `backups.restore` below `backups`.
    pub fn is_below(&self, family: &Claim) -> bool {
        self.name.strip_prefix(family.as_str()).is_some_and(|rest| rest.starts_with('.'))
    }
}

impl PartialEq for Claim {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (self.is_shared_with(other) || self.name == other.name)
    }
}

impl Hash for Claim {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claim({})", self.name)
    }
}

impl FromStr for Claim {
    type Err = InvalidClaim;
    fn from_str(name: &str) -> Result<Self, InvalidClaim> {
        Self::new(name)
    }
}

impl TryFrom<String> for Claim {
    type Error = InvalidClaim;
    fn try_from(name: String) -> Result<Self, InvalidClaim> {
        Self::new(&name)
    }
}

impl From<Claim> for String {
    fn from(claim: Claim) -> String {
        claim.name.as_ref().to_owned()
    }
}

/// What can be written into a grant, a role or a group: `owner`, one claim, or `family.*`
/// for every declared claim below a family (CLM-2, CLM-3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Grantable {
    /// Tenant ownership; implies every claim in the organization.
    Owner,
    /// One claim, with what it implies.
    Claim(Claim),
    /// Every declared claim below this family.
    Family(Claim),
}

impl Grantable {
    const OWNER: &str = "owner";
}

impl From<Claim> for Grantable {
    fn from(claim: Claim) -> Self {
        Self::Claim(claim)
    }
}

impl fmt::Display for Grantable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => f.pad(Self::OWNER),
            Self::Claim(claim) => claim.fmt(f),
            Self::Family(family) => write!(f, "{family}.*"),
        }
    }
}

impl FromStr for Grantable {
    type Err = InvalidClaim;
    fn from_str(text: &str) -> Result<Self, InvalidClaim> {
        if text == Self::OWNER {
            return Ok(Self::Owner);
        }
        match text.strip_suffix(".*") {
            Some(family) => Claim::new(family).map(Self::Family),
            None => Claim::new(text).map(Self::Claim),
        }
    }
}

impl TryFrom<String> for Grantable {
    type Error = InvalidClaim;
    fn try_from(text: String) -> Result<Self, InvalidClaim> {
        text.parse()
    }
}

impl From<Grantable> for String {
    fn from(grantable: Grantable) -> String {
        grantable.to_string()
    }
}
