//! A filter whose columns and literals are known, and how it is worked out in three-valued logic.

use std::convert::Infallible;

use super::pattern::Pattern;
use super::value::{Value, ValueSet};

/// A condition on one row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Predicate {
    /// All hold.
    And(Vec<Predicate>),
    /// One holds.
    Or(Vec<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
    /// Something that is not made of conditions.
    Leaf(Leaf),
}

/// A condition that is not made of others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Leaf {
    /// The same for every row; `None` is unknown.
    Constant(Option<bool>),
    /// Of one column, by its index in the filter.
    Column(usize, Test),
    /// Two columns of one type, by their indexes in the filter.
    Columns(usize, Operator, usize),
}

/// A condition on the value of one column. Where the value is null it is unknown, save for [`Test::IsNull`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// The value is null; never unknown.
    IsNull,
    /// The value is NaN.
    IsNan,
    /// The value stands so to this one.
    Compare(Operator, Value),
    /// The value is one of these. With a null among them it is unknown where it would be false.
    In { values: ValueSet, has_null: bool },
    /// The text begins so.
    StartsWith(Vec<u8>),
    /// The text fits the pattern.
    Like(Pattern),
}

/// Comparison of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// The operator with its sides exchanged.
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    /// Whether it holds between values that compare so; `None` is NaN on a side.
    pub(crate) fn holds(self, ordering: Option<std::cmp::Ordering>) -> bool {
        match self {
            Self::Equal => ordering.is_some_and(std::cmp::Ordering::is_eq),
            Self::NotEqual => ordering.is_none_or(std::cmp::Ordering::is_ne),
            Self::Less => ordering.is_some_and(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => ordering.is_some_and(std::cmp::Ordering::is_le),
            Self::Greater => ordering.is_some_and(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => ordering.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

/// What conditions are worked out in: the bits of a batch, what may be the case in a file, sets of rows.
pub(crate) trait Logic: Sized {
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn not(self) -> Self;
}

impl Predicate {
    /// What it always is.
    pub(crate) const fn constant(value: Option<bool>) -> Self {
        Self::Leaf(Leaf::Constant(value))
    }

    /// The same, for a filter in which column `i` is `indexes[i]`.
    pub(crate) fn renumbered(&self, indexes: &[usize]) -> Self {
        let of = |index: &usize| indexes.get(*index).copied().unwrap_or(usize::MAX);
        let all = |parts: &[Self]| parts.iter().map(|part| part.renumbered(indexes)).collect();
        match self {
            Self::And(parts) => Self::And(all(parts)),
            Self::Or(parts) => Self::Or(all(parts)),
            Self::Not(inner) => Self::Not(Box::new(inner.renumbered(indexes))),
            Self::Leaf(Leaf::Constant(value)) => Self::constant(*value),
            Self::Leaf(Leaf::Column(index, test)) => Self::Leaf(Leaf::Column(of(index), test.clone())),
            Self::Leaf(Leaf::Columns(left, operator, right)) => {
                Self::Leaf(Leaf::Columns(of(left), *operator, of(right)))
            }
        }
    }

    /// Works it out from what its leaves are.
    pub(crate) fn fold<L: Logic, E>(&self, leaf: &mut impl FnMut(&Leaf) -> Result<L, E>) -> Result<L, E> {
        match self {
            Self::Leaf(one) => leaf(one),
            Self::Not(inner) => Ok(inner.fold(leaf)?.not()),
            Self::And(parts) => Self::fold_parts(parts, leaf, Some(true), L::and),
            Self::Or(parts) => Self::fold_parts(parts, leaf, Some(false), L::or),
        }
    }

    /// As [`Predicate::fold`], from leaves that are known for certain.
    pub(crate) fn work_out<L: Logic>(&self, mut leaf: impl FnMut(&Leaf) -> L) -> L {
        match self.fold::<L, Infallible>(&mut |one| Ok(leaf(one))) {
            Ok(whole) => whole,
            Err(never) => match never {},
        }
    }

    fn fold_parts<L: Logic, E>(
        parts: &[Self],
        leaf: &mut impl FnMut(&Leaf) -> Result<L, E>,
        empty: Option<bool>,
        join: fn(L, L) -> L,
    ) -> Result<L, E> {
        let Some((first, rest)) = parts.split_first() else { return leaf(&Leaf::Constant(empty)) };
        let mut whole = first.fold(leaf)?;
        for part in rest {
            whole = join(whole, part.fold(leaf)?);
        }
        Ok(whole)
    }

    /// Calls `visit` with every leaf.
    pub(crate) fn for_each_leaf<'a>(&'a self, visit: &mut impl FnMut(&'a Leaf)) {
        match self {
            Self::Leaf(leaf) => visit(leaf),
            Self::Not(inner) => inner.for_each_leaf(visit),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.for_each_leaf(visit)),
        }
    }
}
