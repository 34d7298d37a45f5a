//! Validated text: names, slugs, regions, tags, descriptions and notes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidText {
    /// Nothing is left after trimming.
    #[error("{what} must not be empty")]
    Empty {
        /// What the text was for.
        what: &'static str,
    },
    /// More characters than allowed.
    #[error("{what} has {length} characters; at most {limit} are allowed")]
    TooLong {
        /// What the text was for.
        what: &'static str,
        /// Characters allowed.
        limit: usize,
        /// Characters given.
        length: usize,
    },
    /// It names nothing that is known.
    #[error("{what} of that name is not known")]
    Unknown {
        /// What the text was for.
        what: &'static str,
    },
    /// A character that this text must not hold, named by its code point.
    #[error("{what} must not contain the character U+{:04X}", *character as u32)]
    Character {
        /// What the text was for.
        what: &'static str,
        /// The offending character.
        character: char,
    },
}

/// Characters that take no room on a screen, so that two names look the same.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

fn line_character(c: char) -> bool {
    !is_invisible(c)
}

fn prose_character(c: char) -> bool {
    matches!(c, '\n' | '\t') || !is_invisible(c)
}

fn token_character(c: char) -> bool {
    c.is_ascii_graphic()
}

fn slug_character(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// The first character that is not allowed. Most texts are ASCII and have none, which is seen many
/// bytes in a step if none of them ends the search.
#[inline]
fn refused(text: &str, allowed: impl Fn(char) -> bool) -> Option<char> {
    if text.is_ascii() && text.bytes().fold(true, |all, byte| all & allowed(byte.into())) {
        return None;
    }
    text.chars().find(|c| !allowed(*c))
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $what:literal, $limit:literal, $allowed:path $(, $debug:literal)?;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most characters one can have.
            pub const LIMIT: usize = $limit;

            /// The text, trimmed; [`InvalidText`] if it is empty, too long, or holds a
            /// character that it must not.
            pub fn new(text: &str) -> Result<Self, InvalidText> {
                let text = text.trim();
                if text.is_empty() {
                    return Err(InvalidText::Empty { what: $what });
                }
                // It has no more characters than bytes, and need not be counted if these are few.
                if text.len() > Self::LIMIT {
                    let length = text.chars().count();
                    if length > Self::LIMIT {
                        return Err(InvalidText::TooLong { what: $what, limit: Self::LIMIT, length });
                    }
                }
                match refused(text, $allowed) {
                    Some(character) => Err(InvalidText::Character { what: $what, character }),
                    None => Ok(Self(text.into())),
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            #[allow(unreachable_code, reason = "prose that may tell of a person is not shown")]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(return f.write_str($debug);)?
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }

        impl FromStr for $name {
            type Err = InvalidText;
            fn from_str(text: &str) -> Result<Self, InvalidText> { Self::new(text) }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;
            fn try_from(text: String) -> Result<Self, InvalidText> { Self::new(&text) }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String { (*text.0).into() }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(&self.0) }
        }
    )*};
}

texts! {
    /// The name of an organization, a group, a role or a project: 1 to 128 characters after
    /// trimming, none of them a control or invisible character (HIE-8).
    Name: "a name", 128, line_character;
    /// The short name of an organization in addresses: lower-case ASCII letters, digits and
    /// hyphens, unique in its tree (HIE-8).
    Slug: "a slug", 160, slug_character;
    /// A region, compared exactly.
    Region: "a region", 64, line_character;
    /// A tag of an organization.
    Tag: "a tag", 64, line_character;
    /// What an organization is for, in prose. Its debug output shows nothing.
    Description: "a description", 2000, prose_character, "Description(…)";
    /// Why something was done, in the words of who did it. Its debug output shows nothing.
    Reason: "a reason", 2000, prose_character, "Reason(…)";
    /// The identifier that ties a commit to a request elsewhere.
    CorrelationId: "a correlation id", 128, token_character;
    /// The name of a plan, as the embedder defines them.
    PlanName: "a plan's name", 64, line_character;
    /// The name of a capability, as the embedder defines them.
    CapabilityName: "a capability's name", 64, token_character;
}

impl Slug {
    /// The slug derived from a name: transliterated, lower-cased, hyphenated (HIE-8). A name
    /// that leaves nothing over gives `organization`.
    pub fn of(name: &Name) -> Self {
        let derived: String = slug::slugify(name.as_str()).chars().take(Self::LIMIT - 20).collect();
        match derived.trim_matches('-') {
            "" => Self("organization".into()),
            derived => Self(derived.into()),
        }
    }

    /// The same slug with a number behind it, for when the plain one is taken.
    pub(crate) fn numbered(&self, number: usize) -> Self {
        let stem: String = self.0.chars().take(Self::LIMIT - 20).collect();
        Self(format!("{stem}-{number}").into())
    }
}
