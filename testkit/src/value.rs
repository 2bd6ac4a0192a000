//! Plain values and rows, equal when Iceberg calls them equal.

use std::fmt;

/// One value of a row. Types that promote into each other share a form, so that a value stays the same when
/// its column is promoted: `int`, `long`, `date` and timestamps are `Long`, `float` and `double` are `Double`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// No value. Equal to itself, as in equality deletes.
    Null,
    /// `boolean`
    Boolean(bool),
    /// `int`, `long`, `date` in days, `timestamp` in microseconds.
    Long(i64),
    /// The bits of a `double`; `float` widened. There is one NaN, and two zeros.
    Double(u64),
    /// Unscaled value of a `decimal`; the scale is the column's.
    Decimal(i128),
    /// `string`
    String(String),
    /// `binary`
    Bytes(Vec<u8>),
}

/// Values in the order of some list of columns.
pub type Row = Vec<Value>;

impl Value {
    /// A floating-point value.
    pub fn double(value: f64) -> Self {
        Self::Double(if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
    }

    /// The value is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Long(value) => write!(f, "{value}"),
            Self::Double(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Self::Decimal(value) => write!(f, "{value}m"),
            Self::String(value) => write!(f, "{value:?}"),
            Self::Bytes(value) => write!(f, "{value:02x?}"),
        }
    }
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $into:expr),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $into
            }
        })*
    };
}

value_from! {
    bool => |value| Self::Boolean(value),
    i32 => |value| Self::Long(i64::from(value)),
    i64 => |value| Self::Long(value),
    f32 => |value| Self::double(f64::from(value)),
    f64 => |value| Self::double(value),
    i128 => |value| Self::Decimal(value),
    &str => |value| Self::String(value.to_owned()),
    String => |value| Self::String(value),
    Vec<u8> => |value| Self::Bytes(value),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What can be written as a row: a row, a tuple, or one value.
pub trait IntoRow {
    /// The row.
    fn into_row(self) -> Row;
}

impl IntoRow for Row {
    fn into_row(self) -> Row {
        self
    }
}

impl IntoRow for Value {
    fn into_row(self) -> Row {
        vec![self]
    }
}

macro_rules! single_into_row {
    ($($single:ty),*) => {
        $(impl IntoRow for $single {
            fn into_row(self) -> Row {
                vec![self.into()]
            }
        })*
    };
}

single_into_row!(i32, i64, &str, Option<i32>);

macro_rules! tuple_into_row {
    ($($name:ident)*) => {
        impl<$($name: Into<Value>),*> IntoRow for ($($name,)*) {
            fn into_row(self) -> Row {
                #[allow(non_snake_case)]
                let ($($name,)*) = self;
                vec![$($name.into()),*]
            }
        }
    };
}

tuple_into_row!(A);
tuple_into_row!(A B);
tuple_into_row!(A B C);
tuple_into_row!(A B C D);
tuple_into_row!(A B C D E);
