//! Email addresses: kept as typed, compared by a key.
//!
//! | address | compared as | why |
//! |---|---|---|
//! | `Alice@Example.ORG` | `alice@example.org` | ASCII case is folded |
//! | `i@bücher.example` | `i@xn--bcher-kva.example` | the domain is compared in ASCII (IDNA) |
//! | `quac\u{212A}@x.org` | itself | Unicode folding would join different people |
//! | `a+b@x.org` | itself | plus-addresses are different |
//!
//! Rules: INV-3.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};
use unicode_security::confusable_detection::skeleton;

use crate::name::is_invisible;

/// The text is no email address that mail could go to. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAddress {
    /// Not of the form `local@domain`, or too long.
    #[error("that is not an email address of the form `local@domain`")]
    Form,
    /// It holds white space, a control character or one that cannot be seen.
    #[error("an email address must not hold white space, control or invisible characters")]
    Character,
    /// Its domain cannot be written in ASCII (IDNA).
    #[error("the domain of that email address is not valid")]
    Domain,
}

/// What two addresses are compared by (INV-3). Its debug output shows nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressKey(Box<str>);

impl AddressKey {
    /// The form in which addresses that look alike are the same, to mark them in a roster.
    /// The domain is looked at as it is shown, not as `xn--…`, and capital letters that are
    /// not ASCII as small ones.
    pub(crate) fn skeleton(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let (domain, _) = idna::domain_to_unicode(domain);
        let shown = format!("{local}@{domain}").to_lowercase();
        skeleton(&shown).collect()
    }
}

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressKey(…)")
    }
}

/// An email address. Its debug output shows nothing; [`Address::typed`] does.
///
/// ```
/// use bailiwick::Address;
/// let typed: Address = "Alice@Example.org".parse()?;
/// let other: Address = "alice@example.ORG".parse()?;
/// assert_eq!(typed.key(), other.key());
/// assert_eq!(typed.typed(), "Alice@Example.org");
/// # Ok::<(), bailiwick::InvalidAddress>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    typed: Box<str>,
    key: AddressKey,
}

impl Address {
    /// The address written so; [`InvalidAddress`] if no mail could go to it.
    pub fn new(text: &str) -> Result<Self, InvalidAddress> {
        if text.chars().any(|c| c.is_whitespace() || is_invisible(c)) {
            return Err(InvalidAddress::Character);
        }
        // Abuse case 8: a quoted `@` is of use to nobody but those who want to be misread.
        if text.matches('@').count() != 1 {
            return Err(InvalidAddress::Form);
        }
        let options = Options::default().without_display_text().without_domain_literal();
        let parsed = EmailAddress::parse_with_options(text, options).map_err(|_| InvalidAddress::Form)?;
        let domain = idna::domain_to_ascii_strict(parsed.domain()).map_err(|_| InvalidAddress::Domain)?;
        let local = parsed.local_part().to_ascii_lowercase();
        Ok(Self { typed: text.into(), key: AddressKey(format!("{local}@{domain}").into()) })
    }

    /// As it was typed: for display, and where mail goes.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// What it is compared by.
    pub const fn key(&self) -> &AddressKey {
        &self.key
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        Self::new(text)
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;
    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        Self::new(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.typed().to_owned()
    }
}
