//! What the service is told by its environment. A variable that is wrong, or missing where it
//! is needed, keeps it from starting.

use std::env;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bailiwick::PrincipalId;
use subtle::ConstantTimeEq;
use tokio_postgres::Config;
use tracing::Level;

/// Everything that can be set from outside.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where commits go.
    pub store: Store,
    /// Who runs the service.
    pub operator: PrincipalId,
    /// What is asked of every request.
    pub limits: Limits,
    /// How much is written into the log.
    pub log: Level,
}

/// What is asked of every request.
#[derive(Clone, Debug)]
pub struct Limits {
    /// What the proxy in front must send, if anything.
    pub proxy_secret: Option<ProxySecret>,
    /// The longest body, in bytes.
    pub body: usize,
    /// How long an answer may take.
    pub time: Duration,
}

/// Where commits go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(Box<Config>),
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "SQLite file {}", path.display()),
            // Nothing else of the URL: it may hold a password.
            Self::Postgres(config) => {
                write!(f, "PostgreSQL database {}", config.get_dbname().or(config.get_user()).unwrap_or_default())
            }
        }
    }
}

/// The secret shared with the proxy. Its debug output shows nothing.
#[derive(Clone)]
pub struct ProxySecret(String);

impl ProxySecret {
    /// The fewest characters of one.
    pub const SHORTEST: usize = 32;

    /// The secret with this text, unless it is too short to be one.
    pub fn new(text: String) -> Option<Self> {
        (text.len() >= Self::SHORTEST).then_some(Self(text))
    }

    /// Whether this is the secret, compared in constant time.
    pub(crate) fn is(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }
}

impl fmt::Debug for ProxySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxySecret(…)")
    }
}

/// Why the service does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfiguration {
    /// A variable that there must be.
    #[error("{name} is not set: {wanted}")]
    Missing {
        /// Its name.
        name: &'static str,
        /// What it is to hold.
        wanted: &'static str,
    },
    /// A variable that cannot be read. Its value is not repeated: it may be a secret.
    #[error("{name} is not right: {wanted}")]
    Wrong {
        /// Its name.
        name: &'static str,
        /// What it is to hold.
        wanted: &'static str,
    },
    /// It would believe anyone.
    #[error(
        "{listen} can be reached from other machines, and whoever reaches it is believed to be who the header \
         Bailiwick-Principal says: set BAILIWICK_PROXY_SECRET to what your proxy sends, or listen on 127.0.0.1"
    )]
    OpenToTheWorld {
        /// Where it was to listen.
        listen: SocketAddr,
    },
}

impl Configuration {
    /// The configuration in the variables of the process.
    pub fn from_environment() -> Result<Self, InvalidConfiguration> {
        Self::read(|name| env::var(name).ok())
    }

    /// The configuration in these variables.
    ///
    /// [`InvalidConfiguration::OpenToTheWorld`] where another machine could reach it and no
    /// secret is set that would tell the proxy from everybody else.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidConfiguration> {
        let listen = parse(&variable, "BAILIWICK_LISTEN", "an address and a port, such as 127.0.0.1:8080")?;
        let listen = listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
        let proxy_secret = secret(&variable)?;
        if !listen.ip().is_loopback() && proxy_secret.is_none() {
            return Err(InvalidConfiguration::OpenToTheWorld { listen });
        }
        let (name, wanted) = ("BAILIWICK_OPERATOR", "the UUID by which the proxy knows who runs the service");
        let operator = parse(&variable, name, wanted)?.ok_or(InvalidConfiguration::Missing { name, wanted })?;
        let body = parse(&variable, "BAILIWICK_BODY_LIMIT", "a number of bytes")?.unwrap_or(64 * 1024);
        let seconds = parse(&variable, "BAILIWICK_TIME_LIMIT", "a number of seconds")?.unwrap_or(10);
        let log = parse(&variable, "BAILIWICK_LOG", "error, warn, info, debug or trace")?.unwrap_or(Level::INFO);
        let limits = Limits { proxy_secret, body, time: Duration::from_secs(seconds) };
        Ok(Self { listen, store: store(&variable)?, operator, limits, log })
    }
}

fn parse<T: FromStr>(
    variable: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    wanted: &'static str,
) -> Result<Option<T>, InvalidConfiguration> {
    let parsed = variable(name).map(|text| text.parse());
    parsed.transpose().map_err(|_| InvalidConfiguration::Wrong { name, wanted })
}

fn secret(variable: &impl Fn(&str) -> Option<String>) -> Result<Option<ProxySecret>, InvalidConfiguration> {
    let (name, wanted) = ("BAILIWICK_PROXY_SECRET", "32 random characters or more");
    let secret = variable(name).map(|text| ProxySecret::new(text).ok_or(InvalidConfiguration::Wrong { name, wanted }));
    secret.transpose()
}

/// The place for one more kind of store: a variable here, an arm in [`Store::open`].
fn store(variable: &impl Fn(&str) -> Option<String>) -> Result<Store, InvalidConfiguration> {
    let name = "BAILIWICK_POSTGRES_URL";
    let (file, database) =
        (variable("BAILIWICK_SQLITE"), parse(variable, name, "such as postgres://user@host/database")?);
    match (file, database) {
        (Some(_), Some(_)) => Err(InvalidConfiguration::Wrong { name, wanted: "not set beside BAILIWICK_SQLITE" }),
        (None, Some(config)) => Ok(Store::Postgres(Box::new(config))),
        (file, None) => Ok(Store::Sqlite(file.unwrap_or_else(|| "bailiwick.sqlite".to_owned()).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATOR: (&str, &str) = ("BAILIWICK_OPERATOR", "00000000-0000-4000-8000-000000000099");
    const LONG_ENOUGH: &str = "0123456789abcdef0123456789abcdef";

    fn read(variables: &[(&str, &str)]) -> Result<Configuration, InvalidConfiguration> {
        let find = |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        Configuration::read(find)
    }

    #[test]
    fn by_default_it_listens_to_this_machine_alone() {
        let configuration = read(&[OPERATOR]).unwrap();
        assert!(configuration.listen.ip().is_loopback());
        assert_eq!(configuration.store, Store::Sqlite("bailiwick.sqlite".into()));
        assert!(configuration.limits.proxy_secret.is_none());
    }

    #[test]
    fn it_does_not_start_open_to_the_world() {
        for listen in ["0.0.0.0:80", "[::]:80", "192.0.2.7:80"] {
            let error = read(&[OPERATOR, ("BAILIWICK_LISTEN", listen)]).unwrap_err();
            assert_eq!(error, InvalidConfiguration::OpenToTheWorld { listen: listen.parse().unwrap() });
            assert!(error.to_string().contains("BAILIWICK_PROXY_SECRET"), "{error}");
            let guarded = [OPERATOR, ("BAILIWICK_LISTEN", listen), ("BAILIWICK_PROXY_SECRET", LONG_ENOUGH)];
            assert!(read(&guarded).is_ok());
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_not_repeated() {
        let wrong = [
            ("BAILIWICK_LISTEN", "here"),
            ("BAILIWICK_PROXY_SECRET", "too-short"),
            ("BAILIWICK_BODY_LIMIT", "-1"),
            ("BAILIWICK_TIME_LIMIT", "soon"),
            ("BAILIWICK_LOG", "all"),
            ("BAILIWICK_POSTGRES_URL", "postgres://user:password@host:port/trees"),
        ];
        for (name, value) in wrong {
            let message = read(&[OPERATOR, (name, value)]).unwrap_err().to_string();
            assert!(message.contains(name) && !message.contains(value), "{message}");
        }
        assert!(matches!(read(&[]), Err(InvalidConfiguration::Missing { name: "BAILIWICK_OPERATOR", .. })));
    }

    #[test]
    fn one_store_is_chosen_and_its_password_never_shown() {
        let url = ("BAILIWICK_POSTGRES_URL", "postgres://user:geheim@host/trees");
        let configuration = read(&[OPERATOR, url]).unwrap();
        assert_eq!(configuration.store.to_string(), "PostgreSQL database trees");
        assert!(!format!("{configuration:?}").contains("geheim"), "{configuration:?}");
        let both = read(&[OPERATOR, url, ("BAILIWICK_SQLITE", "trees.sqlite")]).unwrap_err();
        assert!(matches!(both, InvalidConfiguration::Wrong { name: "BAILIWICK_POSTGRES_URL", .. }));
    }

    #[test]
    fn a_secret_is_compared_whole_and_never_shown() {
        let secret = ProxySecret::new(LONG_ENOUGH.to_owned()).unwrap();
        assert!(secret.is(LONG_ENOUGH.as_bytes()));
        assert!(!secret.is(&LONG_ENOUGH.as_bytes()[1..]));
        assert!(!secret.is(b""));
        assert!(!format!("{secret:?}").contains(LONG_ENOUGH));
    }
}
