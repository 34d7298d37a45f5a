//! Instants, half-open windows and bounded periods.
//!
//! The crate reads no clock: every instant is passed in (REP-1). A window holds from its
//! start and no longer at its end, exactly (CLM-6).

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// An instant in UTC.
pub type Timestamp = DateTime<Utc>;

/// Why a window or a period was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTime {
    /// The window ends at or before its start.
    #[error("it would end at {until}, which is not after its start at {from}")]
    Empty {
        /// Start asked for.
        from: Timestamp,
        /// End asked for.
        until: Timestamp,
    },
    /// A period of zero or less.
    #[error("a period must be longer than zero")]
    NotPositive,
    /// A period above ten years.
    #[error("a period must not be longer than {} days", Period::LONGEST_DAYS)]
    TooLong,
    /// The end lies beyond what the calendar can hold.
    #[error("the end lies beyond what the calendar can hold")]
    Overflow,
}

/// When something counts: `[from, until)`, open on a side that is `None` (CLM-6).
///
/// ```
/// use bailiwick::{Timestamp, Window};
/// let noon: Timestamp = "2026-01-01T12:00:00Z".parse()?;
/// let morning = Window::until(noon);
/// assert!(morning.contains(noon - chrono::TimeDelta::nanoseconds(1)));
/// assert!(!morning.contains(noon));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "RawWindow", into = "RawWindow")]
pub struct Window {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWindow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

impl TryFrom<RawWindow> for Window {
    type Error = InvalidTime;
    fn try_from(raw: RawWindow) -> Result<Self, InvalidTime> {
        Self::new(raw.from, raw.until)
    }
}

impl From<Window> for RawWindow {
    fn from(window: Window) -> Self {
        Self { from: window.from, until: window.until }
    }
}

impl Window {
    /// Without start and end.
    pub const ALWAYS: Self = Self { from: None, until: None };

    /// From `from` until `until`; [`InvalidTime::Empty`] if it would never hold.
    pub fn new(from: Option<Timestamp>, until: Option<Timestamp>) -> Result<Self, InvalidTime> {
        match (from, until) {
            (Some(from), Some(until)) if until <= from => Err(InvalidTime::Empty { from, until }),
            _ => Ok(Self { from, until }),
        }
    }

    /// From now on until `until`.
    pub const fn until(until: Timestamp) -> Self {
        Self { from: None, until: Some(until) }
    }

    /// From `from` on, without end.
    pub const fn starting(from: Timestamp) -> Self {
        Self { from: Some(from), until: None }
    }

    /// Its start, if it has one.
    pub const fn start(&self) -> Option<Timestamp> {
        self.from
    }

    /// Its end, if it has one.
    pub const fn end(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether it holds at `at`: from its start, and no longer at its end.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && !self.is_over(at)
    }

    /// Whether it has ended at `at`.
    pub fn is_over(&self, at: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= at)
    }

    /// The first instant after `at` at which it starts or ends, if any.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        [self.from, self.until].into_iter().flatten().filter(|edge| *edge > at).min()
    }
}

/// Whether an end is no later than another, `None` being never.
pub(crate) fn ends_no_later(end: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    match (end, other) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(end), Some(other)) => end <= other,
    }
}

/// The earlier of two ends, `None` being never.
pub(crate) fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (end, None) | (None, end) => end,
    }
}

/// A length of time: longer than zero, ten years at most, in whole seconds. Zero is refused,
/// never replaced by a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Period(i64);

impl Period {
    /// The longest period, in days.
    pub const LONGEST_DAYS: i64 = 3_653;

    /// The longest period.
    pub const LONGEST: Self = Self(Self::LONGEST_DAYS * 86_400);

    /// This many seconds; [`InvalidTime`] if that is not positive or above ten years.
    pub const fn seconds(seconds: i64) -> Result<Self, InvalidTime> {
        if seconds <= 0 {
            Err(InvalidTime::NotPositive)
        } else if seconds > Self::LONGEST_DAYS * 86_400 {
            Err(InvalidTime::TooLong)
        } else {
            Ok(Self(seconds))
        }
    }

    /// The period as long as this delta; [`InvalidTime`] as for [`Period::seconds`].
    pub const fn new(delta: TimeDelta) -> Result<Self, InvalidTime> {
        Self::seconds(delta.num_seconds())
    }

    /// A period that is known to be within the bounds, for the crate's own defaults.
    pub(crate) const fn of_minutes(minutes: i64) -> Self {
        Self(minutes * 60)
    }

    /// Its length in seconds.
    pub const fn as_seconds(self) -> i64 {
        self.0
    }

    /// The instant this long after `at`; [`InvalidTime::Overflow`] beyond the calendar.
    pub fn after(self, at: Timestamp) -> Result<Timestamp, InvalidTime> {
        TimeDelta::try_seconds(self.0).and_then(|delta| at.checked_add_signed(delta)).ok_or(InvalidTime::Overflow)
    }

    /// The instant this long before `at`, or the beginning of the calendar.
    pub(crate) fn before(self, at: Timestamp) -> Timestamp {
        TimeDelta::try_seconds(self.0).and_then(|delta| at.checked_sub_signed(delta)).unwrap_or(Timestamp::MIN_UTC)
    }
}

impl TryFrom<i64> for Period {
    type Error = InvalidTime;
    fn try_from(seconds: i64) -> Result<Self, InvalidTime> {
        Self::seconds(seconds)
    }
}

impl From<Period> for i64 {
    fn from(period: Period) -> i64 {
        period.0
    }
}
