//! What a row is made of: columns, their values, and the tables they are in.

use std::fmt;

use uuid::Uuid;

use crate::id::{GroupId, InvitationId, LinkId, OrganizationId, PrincipalId, ProjectId, RoleId, SupportId};
use crate::time::Timestamp;

/// An instant in a column: microseconds since 1970 in UTC, rounded up, or one of two numbers
/// that stand for no start and no end.
///
/// What counts from a start on, and no longer at an end, does so at every whole microsecond
/// exactly as the tree says, because both are rounded the same way.
///
/// ```
/// use bailiwick::{Timestamp, rows::Instant};
/// let noon: Timestamp = "2026-01-01T12:00:00.000000001Z".parse()?;
/// assert_eq!(Instant::of(noon).get(), 1_767_268_800_000_001);
/// assert!(Instant::EVER < Instant::of(noon) && Instant::of(noon) < Instant::NEVER);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// Before every instant: what has no start, counts from here on.
    pub const EVER: Self = Self(-9_000_000_000_000_000_000);
    /// After every instant: what has no end, counts until here.
    pub const NEVER: Self = Self(9_000_000_000_000_000_000);

    /// An instant, rounded up.
    pub fn of(at: Timestamp) -> Self {
        let beyond = i64::from(!at.timestamp_subsec_nanos().is_multiple_of(1_000));
        Self(at.timestamp_micros().saturating_add(beyond))
    }

    /// A start, or none.
    pub(super) fn start(at: Option<Timestamp>) -> Self {
        at.map_or(Self::EVER, Self::of)
    }

    /// An end, or none.
    pub(super) fn end(at: Option<Timestamp>) -> Self {
        at.map_or(Self::NEVER, Self::of)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// Text that tells of a person; its debug output shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal(pub(super) String);

impl Personal {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// An identifier.
    Id,
    /// Text.
    Text,
    /// A whole number, or an [`Instant`].
    Number,
    /// Yes or no.
    Flag,
}

/// The value of a column in a row. Its debug output does not show text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// None; only in a column that is optional.
    Nothing,
    /// An identifier.
    Id(Uuid),
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Id(id) => write!(f, "Id({id})"),
            Self::Text(_) => f.write_str("Text(…)"),
            Self::Number(number) => write!(f, "Number({number})"),
            Self::Flag(flag) => write!(f, "Flag({flag})"),
        }
    }
}

/// A column of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it may hold nothing.
    pub optional: bool,
    /// What it says.
    pub about: &'static str,
}

/// A table of rows. That of a tree has the root before its columns and its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What its rows are.
    pub about: &'static str,
    /// Its columns, without the root.
    pub columns: &'static [Column],
    /// How many of them, from the first on, are its key, after the root.
    pub key: usize,
    /// Whether its rows are of the domain, and so of no tree.
    pub of_domain: bool,
}

impl Table {
    /// The columns of its key, without the root.
    pub fn key_columns(&self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().take(self.key)
    }
}

/// What a field of a row becomes in a column.
pub(super) trait Field {
    const KIND: ColumnKind;
    const OPTIONAL: bool = false;

    fn value(&self) -> Value;
}

macro_rules! fields {
    ($($field:ty: $kind:ident, $value:expr;)*) => {$(
        impl Field for $field {
            const KIND: ColumnKind = ColumnKind::$kind;

            fn value(&self) -> Value {
                let value: fn(&Self) -> Value = $value;
                value(self)
            }
        }
    )*};
}

fields! {
    OrganizationId: Id, |id| Value::Id(id.uuid());
    PrincipalId: Id, |id| Value::Id(id.uuid());
    GroupId: Id, |id| Value::Id(id.uuid());
    RoleId: Id, |id| Value::Id(id.uuid());
    LinkId: Id, |id| Value::Id(id.uuid());
    InvitationId: Id, |id| Value::Id(id.uuid());
    SupportId: Id, |id| Value::Id(id.uuid());
    ProjectId: Id, |id| Value::Id(id.uuid());
    String: Text, |text| Value::Text(text.clone());
    &'static str: Text, |text| Value::Text((*text).to_owned());
    Personal: Text, |text| Value::Text(text.0.clone());
    i64: Number, |number| Value::Number(*number);
    Instant: Number, |at| Value::Number(at.0);
    bool: Flag, |flag| Value::Flag(*flag);
}

impl<F: Field> Field for Option<F> {
    const KIND: ColumnKind = F::KIND;
    const OPTIONAL: bool = true;

    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Nothing, Field::value)
    }
}

/// Declares the rows: for each the table, how many columns are its key, and the columns.
macro_rules! rows {
    ($(
        $(#[doc = $about:literal])+
        $variant:ident($row:ident in $table:literal, key $key:literal $(, $domain:ident)?) {
            $($(#[doc = $says:literal])+ $column:ident: $type:ty,)+
        }
    )+) => {
        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $row {
                $($(#[doc = $says])+ pub $column: $type,)+
            }

            impl $row {
                /// The table that it is in.
                pub const TABLE: Table = Table {
                    name: $table,
                    about: concat!($($about),+).trim_ascii(),
                    columns: &[$(Column {
                        name: stringify!($column),
                        kind: <$type as Field>::KIND,
                        optional: <$type as Field>::OPTIONAL,
                        about: concat!($($says),+).trim_ascii(),
                    }),+],
                    key: $key,
                    of_domain: rows!(@of_domain $($domain)?),
                };
            }

            impl From<$row> for Row {
                fn from(row: $row) -> Self {
                    Self::$variant(row)
                }
            }
        )+

        /// A row of any table.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Row {
            $($(#[doc = $about])+ $variant($row),)+
        }

        impl Row {
            /// The table that it is in.
            pub const fn table(&self) -> Table {
                match self { $(Self::$variant(_) => $row::TABLE,)+ }
            }

            /// Its values, in the order of the table's columns.
            pub fn values(&self) -> Vec<Value> {
                match self { $(Self::$variant(row) => vec![$(row.$column.value()),+],)+ }
            }

            /// The values of its key.
            pub fn key(&self) -> Vec<Value> {
                let mut values = self.values();
                values.truncate(self.table().key);
                values
            }
        }

        /// Every table.
        pub const TABLES: &[Table] = &[$($row::TABLE),+];
    };
    (@of_domain) => { false };
    (@of_domain of_domain) => { true };
}

pub(super) use rows;
