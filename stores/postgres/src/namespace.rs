//! The namespace of the database, a schema in its own words, that the tables are in.

use std::fmt;
use std::str::FromStr;

/// The namespace (`CREATE SCHEMA`) that holds the tables; several repositories may share a
/// database, each in one of its own.
///
/// Lower-case letters, digits and underscores, at most 63, beginning with a letter or an
/// underscore, and not with `pg_`, which is the server's.
///
/// ```
/// use bailiwick_postgres::Namespace;
/// assert_eq!(Namespace::default().to_string(), "bailiwick");
/// let own: Namespace = "tenants_eu".parse()?;
/// assert!("tenants; DROP TABLE tree".parse::<Namespace>().is_err());
/// # Ok::<(), bailiwick_postgres::InvalidNamespace>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(String);

/// It is not a [`Namespace`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no namespace: lower-case letters, digits and underscores, at most 63, not beginning with a digit or `pg_`"
)]
pub struct InvalidNamespace(String);

impl Namespace {
    /// What a name may not exceed, in bytes: the server cuts a longer one.
    const LIMIT: usize = 63;

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same SQL, with the tables of `bailiwick.` in this namespace.
    pub(crate) fn within(&self, sql: &str) -> String {
        sql.replace("bailiwick.", &format!("\"{self}\"."))
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self("bailiwick".to_owned())
    }
}

impl FromStr for Namespace {
    type Err = InvalidNamespace;

    fn from_str(name: &str) -> Result<Self, InvalidNamespace> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let begins = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit()) && !name.starts_with("pg_");
        if begins && name.len() <= Self::LIMIT && name.bytes().all(allowed) {
            return Ok(Self(name.to_owned()));
        }
        Err(InvalidNamespace(name.to_owned()))
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_plain_name() {
        for name in ["a", "_", "tenants_2", &"a".repeat(63)] {
            assert_eq!(name.parse::<Namespace>().unwrap().as_str(), name);
        }
        for name in ["", "2a", "A", "a b", "a\"b", "a;", "pg_catalog", "ä", &"a".repeat(64)] {
            assert_eq!(name.parse::<Namespace>(), Err(InvalidNamespace(name.to_owned())));
        }
    }
}
