//! Refusals: what an operation answers when it may not, or must not, happen.
//!
//! | refusal | means | what to do |
//! |---|---|---|
//! | [`Refusal::Denied`] | the actor may not | obtain what [`Denial::needs`] lists |
//! | [`Refusal::Rule`] | the domain forbids it, whoever asks | see the error of the noun |
//!
//! Both have a [`Kind`], which suggests an HTTP status, and a stable `code`, such as
//! `link.not_downward` (ERR-1). A refused operation changes nothing (ERR-2).

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::access::claim::{Claim, Grantable};
use crate::command::{Demand, Operation};
use crate::id::{OrganizationId, PrincipalId};
use crate::name::PlanName;
use crate::subscription::{Feature, UsageLimit};
use crate::time::{InvalidTime, Timestamp};

/// What sort of refusal it is, and so what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The input cannot be right in any state of the tree: correct it.
    Invalid,
    /// The actor lacks what the operation requires.
    Forbidden,
    /// The subscription does not grant it.
    PaymentRequired,
    /// There is no such thing, or the actor may not see it.
    NotFound,
    /// The state of the tree is against it: change that first.
    Conflict,
    /// It was there and is over.
    Gone,
    /// Too much in too short a time: the error says from when it is allowed.
    TooMany,
}

impl Kind {
    /// The HTTP status that suits it.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 422,
            Self::Forbidden => 403,
            Self::PaymentRequired => 402,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::TooMany => 429,
        }
    }
}

/// What every rule error can tell of itself.
pub trait RuleError: std::error::Error + Clone + PartialEq + Send + Sync + 'static {
    /// What sort of refusal it is.
    fn kind(&self) -> Kind;
    /// Its stable name, such as `group.would_cycle`.
    fn code(&self) -> &'static str;
    /// The identifier of the rule that it enforces.
    fn rule(&self) -> &'static str;
}

/// Defines a noun's errors: each variant with its sentence, kind, code and rule.
///
/// With `+ Precondition` the enum also carries the refusals that all nouns share.
macro_rules! rule_errors {
    (
        $(#[$outer:meta])*
        pub enum $name:ident $(+ $shared:ident)? {
            $(
                #[error($($text:tt)*)]
                $variant:ident $({ $($field:ident: $type:ty),* $(,)? })? = $kind:ident, $code:literal, $rule:literal;
            )*
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $name {
            $(
                #[doc = concat!("`", $code, "` (", $rule, ")")]
                #[error($($text)*)]
                $variant $({ $(#[doc = concat!("The ", stringify!($field), " that the sentence names.")] $field: $type),* })?,
            )*
            $(
                /// A refusal that every noun shares.
                #[error(transparent)]
                $shared(#[from] $crate::refusal::$shared),
            )?
        }

        impl $crate::refusal::RuleError for $name {
            fn kind(&self) -> $crate::refusal::Kind {
                match self {
                    $(Self::$variant { .. } => $crate::refusal::Kind::$kind,)*
                    $(Self::$shared(shared) => shared.kind(),)?
                }
            }

            fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)*
                    $(Self::$shared(shared) => shared.code(),)?
                }
            }

            fn rule(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $rule,)*
                    $(Self::$shared(shared) => shared.rule(),)?
                }
            }
        }
    };
}
pub(crate) use rule_errors;

/// Several things in one sentence.
pub(crate) fn list<T: fmt::Display>(things: &[T]) -> String {
    things.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

rule_errors! {
    /// Refusals that every noun shares.
    pub enum Precondition {
        #[error("there is no such {what} here")]
        NotFound { what: &'static str } = NotFound, "not_found", "ERR-4";
        #[error("organization {organization} is not active: reactivate it, or the ancestor that is deactivated, first")]
        Inactive { organization: OrganizationId } = Conflict, "organization.inactive", "HIE-10";
        #[error("the plan of root {root} ({}) does not grant {feature}: record a subscription that does", plan.as_ref().map_or("none", PlanName::as_str))]
        FeatureMissing { feature: Feature, plan: Option<PlanName>, root: OrganizationId } = PaymentRequired, "subscription.feature_missing", "LIC-3";
        #[error("organization {organization} uses {used} of {allowed} {limit}: free one or change the plan")]
        LimitReached { organization: OrganizationId, limit: UsageLimit, allowed: u64, used: u64 } = PaymentRequired, "subscription.limit_reached", "LIC-9";
        #[error("the identifier {id} was used before: choose a new one")]
        IdAlreadyUsed { id: Uuid } = Conflict, "id.already_used", "HIE-7";
        #[error("{principal} is not a member of organization {organization}: add them first")]
        NotAMember { organization: OrganizationId, principal: PrincipalId } = Conflict, "member.missing", "MEM-1";
        #[error("`{claim}` is not declared in the catalog")]
        UndeclaredClaim { claim: Grantable } = Invalid, "claim.undeclared", "CLM-2";
        #[error("one who is not an owner hands on only what they hold; missing: {}", list(claims))]
        HandsOnMore { claims: Vec<Grantable> } = Forbidden, "claim.hands_on_more", "CLM-4";
        #[error("{principal} holds more than the actor does in organization {organization}: an owner must do it")]
        HoldsMore { organization: OrganizationId, principal: PrincipalId } = Forbidden, "claim.holds_more", "CLM-4";
        #[error("nobody lengthens their own access: another owner must do it")]
        OwnAccess { principal: PrincipalId } = Forbidden, "claim.own_access", "MEM-8";
        #[error("this would leave without an owner who can act: {}; name another owner first", list(organizations))]
        LastOwner { organizations: Vec<OrganizationId> } = Conflict, "owner.last", "CLM-5";
        #[error("{time}")]
        Time { time: String } = Invalid, "time.invalid", "ERR-3";
        #[error("the clock went back to {at}, before the last commit at {last}: nothing is done until it has caught up")]
        ClockWentBack { at: Timestamp, last: Timestamp } = Conflict, "time.went_back", "AUD-1";
        #[error("the organization one acts from must be named")]
        NoActingOrganization = Invalid, "acting.missing", "HIE-3";
    }
}

impl From<InvalidTime> for Precondition {
    fn from(time: InvalidTime) -> Self {
        Self::Time { time: time.to_string() }
    }
}

/// One unmet demand of the authority table, with who would meet it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// What is demanded.
    pub demand: Demand,
    /// The claim that stands in for it, where the embedder replaced the row (CLM-12).
    pub claim: Option<Claim>,
    /// Where it is demanded.
    pub organization: Option<OrganizationId>,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.claim {
            Some(claim) => write!(f, "`{claim}`")?,
            None => write!(f, "{}", self.demand.authority)?,
        }
        match self.organization {
            Some(organization) => write!(f, " in {} {organization}", self.demand.place),
            None => write!(f, " of {}", self.demand.place),
        }
    }
}

/// Why the actor may not.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    /// The actor cannot see what the command names, or it does not exist: the answer is the
    /// same (ERR-4).
    NotFound {
        /// What was attempted.
        operation: Operation,
    },
    /// The actor sees it and lacks what the operation requires.
    Forbidden {
        /// What was attempted.
        operation: Operation,
        /// Ways to be allowed; each lists what is missing for it.
        ways: Vec<Vec<Need>>,
    },
}

impl Denial {
    /// What was attempted.
    pub const fn operation(&self) -> Operation {
        match self {
            Self::NotFound { operation } | Self::Forbidden { operation, .. } => *operation,
        }
    }

    /// The ways to be allowed, each a list of what is missing; empty where nothing is told.
    pub fn needs(&self) -> &[Vec<Need>] {
        match self {
            Self::NotFound { .. } => &[],
            Self::Forbidden { ways, .. } => ways,
        }
    }

    /// What sort of refusal it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NotFound,
            Self::Forbidden { .. } => Kind::Forbidden,
        }
    }

    /// Its stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Forbidden { .. } => "forbidden",
        }
    }
}

impl std::error::Error for Denial {}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { .. } => f.write_str("there is no such thing here"),
            Self::Forbidden { operation, ways } => {
                write!(f, "to {operation} needs ")?;
                let ways: Vec<String> = ways.iter().map(|way| list(way)).collect();
                f.write_str(&ways.join("; or "))
            }
        }
    }
}

impl fmt::Debug for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Denial({self})")
    }
}

/// A refused operation: the actor may not, or the domain forbids it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal<E> {
    /// The actor may not.
    #[error("{0}")]
    Denied(Denial),
    /// The domain forbids it.
    #[error("{0}")]
    Rule(E),
}

impl<E: RuleError> Refusal<E> {
    /// What sort of refusal it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Denied(denial) => denial.kind(),
            Self::Rule(error) => error.kind(),
        }
    }

    /// Its stable name, such as `link.not_downward`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(denial) => denial.code(),
            Self::Rule(error) => error.code(),
        }
    }

    /// The identifier of the rule that it enforces.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Denied(Denial::NotFound { .. }) => "ERR-4",
            Self::Denied(Denial::Forbidden { .. }) => "CLM-12",
            Self::Rule(error) => error.rule(),
        }
    }

    /// The error of the noun, if it was one.
    pub fn into_rule(self) -> Option<E> {
        match self {
            Self::Denied(_) => None,
            Self::Rule(error) => Some(error),
        }
    }
}

impl<E> From<Denial> for Refusal<E> {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}
