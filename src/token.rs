//! Invitation tokens: 256 bits, handed out once, kept only as a hash (INV-5).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::hex;

/// The secret that comes with an invitation. It cannot be printed, serialized or compared;
/// [`InvitationToken::reveal`] writes it into the message, once.
///
/// ```
/// use bailiwick::InvitationToken;
/// let token = InvitationToken::from_entropy([7; 32]);
/// let link = format!("https://example.org/join/{}", token.reveal());
/// let presented: InvitationToken = link.rsplit('/').next().unwrap_or_default().parse()?;
/// assert_eq!(presented.hash(), token.hash());
/// # Ok::<(), bailiwick::InvalidToken>(())
/// ```
pub struct InvitationToken([u8; 32]);

/// The text is no token: 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is 64 hexadecimal digits")]
pub struct InvalidToken;

impl InvitationToken {
    /// The token of these 256 bits, which must come from a good source of randomness.
    pub const fn from_entropy(entropy: [u8; 32]) -> Self {
        Self(entropy)
    }

    /// The token as text, for the message to the person who is invited and nothing else.
    pub fn reveal(&self) -> String {
        hex::encode(&self.0)
    }

    /// What is kept of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl std::str::FromStr for InvitationToken {
    type Err = InvalidToken;
    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        Ok(Self(hex::decode(text)?))
    }
}

impl Drop for InvitationToken {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The hash of a token, which is all that is kept of it. Its debug output shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Whether a token presented has this hash, compared in constant time.
    pub(crate) fn matches(&self, token: &InvitationToken) -> bool {
        self.0.ct_eq(&token.hash().0).into()
    }
}

impl TryFrom<String> for TokenHash {
    type Error = InvalidToken;
    fn try_from(text: String) -> Result<Self, InvalidToken> {
        Ok(Self(hex::decode(&text)?))
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> String {
        hex::encode(&hash.0)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}
