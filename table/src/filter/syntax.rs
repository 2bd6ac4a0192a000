//! A filter as it was written: columns by name, literals without a type.

use super::predicate::Operator;

/// A condition on one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    /// `TRUE`, `FALSE` or `NULL`.
    Constant(Option<bool>),
    /// A boolean column.
    Column(ColumnName),
    Compare {
        left: Operand,
        operator: Operator,
        right: Operand,
    },
    In {
        column: ColumnName,
        list: Vec<Literal>,
    },
    Like {
        column: ColumnName,
        pattern: Literal,
        escape: Option<char>,
    },
    StartsWith {
        column: ColumnName,
        prefix: Literal,
    },
    IsNull(ColumnName),
    IsNan(ColumnName),
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    Column(ColumnName),
    Literal(Literal),
}

/// The name of a column, from the outermost struct inwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnName {
    pub(super) parts: Vec<String>,
    pub(super) place: Place,
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) kind: LiteralKind,
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LiteralKind {
    Null,
    Boolean(bool),
    /// Digits, with sign, point and exponent where there are some.
    Number(String),
    Text(String),
    /// `X'…'`
    Bytes(Vec<u8>),
    /// `DATE '…'`
    Date(String),
    /// `TIME '…'`
    Time(String),
    /// `TIMESTAMP '…'`
    Timestamp(String),
    /// `UUID '…'`
    Uuid(String),
}

/// Where something stands in the filter's text: line and character, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) character: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line > 1 {
            write!(f, "line {}, ", self.line)?;
        }
        write!(f, "character {}", self.character)
    }
}

impl ColumnName {
    /// The dotted name.
    pub(super) fn dotted(&self) -> String {
        self.parts.join(".")
    }
}

impl LiteralKind {
    /// What it is, for messages.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Boolean(true) => "TRUE".to_owned(),
            Self::Boolean(false) => "FALSE".to_owned(),
            Self::Number(text) => format!("the number {text}"),
            Self::Text(text) => format!("the text '{text}'"),
            Self::Bytes(_) => "a binary literal".to_owned(),
            Self::Date(text) => format!("DATE '{text}'"),
            Self::Time(text) => format!("TIME '{text}'"),
            Self::Timestamp(text) => format!("TIMESTAMP '{text}'"),
            Self::Uuid(text) => format!("UUID '{text}'"),
        }
    }
}
