//! What may be true in some rows of which only statistics are known.
//!
//! Every answer is on the safe side: what is not known may be.

use std::cmp::Ordering;

use super::predicate::{Logic, Operator, Test};
use super::value::{Value, ValueSet};

/// What is known about the values of one column in some rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    /// No value is below; NaN stands outside.
    pub(crate) min: Option<Value>,
    /// No value is above; NaN stands outside.
    pub(crate) max: Option<Value>,
    /// Some value may be null.
    pub(crate) maybe_null: bool,
    /// Some value may be neither null nor NaN.
    pub(crate) maybe_value: bool,
    /// Some value may be NaN.
    pub(crate) maybe_nan: bool,
}

/// What a condition may be in some rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// It may be true in some row.
    pub(crate) maybe_true: bool,
    /// It may be false in some row.
    pub(crate) maybe_false: bool,
    /// It may be unknown in some row.
    pub(crate) maybe_unknown: bool,
}

impl Outcome {
    /// Anything.
    pub(crate) const ANY: Self = Self { maybe_true: true, maybe_false: true, maybe_unknown: true };

    /// The same in every row.
    pub(crate) fn constant(value: Option<bool>) -> Self {
        Self { maybe_true: value == Some(true), maybe_false: value == Some(false), maybe_unknown: value.is_none() }
    }

    /// It is true in every row.
    pub(crate) fn is_always_true(self) -> bool {
        !self.maybe_false && !self.maybe_unknown
    }

    /// What is left if both hold of the same rows.
    pub(crate) fn narrowed(self, other: Self) -> Self {
        Self {
            maybe_true: self.maybe_true && other.maybe_true,
            maybe_false: self.maybe_false && other.maybe_false,
            maybe_unknown: self.maybe_unknown && other.maybe_unknown,
        }
    }
}

impl Logic for Outcome {
    fn and(self, other: Self) -> Self {
        Self {
            maybe_true: self.maybe_true && other.maybe_true,
            maybe_false: self.maybe_false || other.maybe_false,
            maybe_unknown: self.maybe_unknown || other.maybe_unknown,
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            maybe_true: self.maybe_true || other.maybe_true,
            maybe_false: self.maybe_false && other.maybe_false,
            maybe_unknown: self.maybe_unknown || other.maybe_unknown,
        }
    }

    fn not(self) -> Self {
        Self { maybe_true: self.maybe_false, maybe_false: self.maybe_true, maybe_unknown: self.maybe_unknown }
    }
}

impl Facts {
    /// All values are null.
    pub(crate) const NULL: Self = Self { min: None, max: None, maybe_null: true, maybe_value: false, maybe_nan: false };

    /// All rows have this value.
    pub(crate) fn of_value(value: Value) -> Self {
        if matches!(value, Value::Float(float) if float.is_nan()) {
            return Self { min: None, max: None, maybe_null: false, maybe_value: false, maybe_nan: true };
        }
        Self { min: Some(value.clone()), max: Some(value), maybe_null: false, maybe_value: true, maybe_nan: false }
    }

    /// What `test` may be in these rows.
    pub(crate) fn outcome(&self, test: &Test) -> Outcome {
        let (maybe_true, maybe_false) = match test {
            Test::IsNull => {
                return Outcome {
                    maybe_true: self.maybe_null,
                    maybe_false: self.maybe_value || self.maybe_nan,
                    maybe_unknown: false,
                };
            }
            Test::IsNan => (self.maybe_nan, self.maybe_value),
            Test::Compare(operator, value) => {
                let (holds, fails) = self.compared(*operator, value);
                // Only `<>` holds for NaN.
                let for_nan = operator.holds(None);
                (
                    self.maybe_value && holds || self.maybe_nan && for_nan,
                    self.maybe_value && fails || self.maybe_nan && !for_nan,
                )
            }
            Test::In { values, has_null } => return self.outcome_of_in(values, *has_null),
            Test::StartsWith(prefix) => {
                let fits =
                    |bound: &Option<Value>| matches!(bound, Some(Value::Bytes(bytes)) if bytes.starts_with(prefix));
                // What lies between two texts that begin alike begins so too.
                let all_do = fits(&self.min) && fits(&self.max);
                (self.maybe_value && self.may_start_with(prefix), self.maybe_value && !all_do)
            }
            Test::Like(pattern) => {
                (self.maybe_value && self.may_start_with(pattern.prefix().as_bytes()), self.maybe_value)
            }
        };
        Outcome { maybe_true, maybe_false, maybe_unknown: self.maybe_null }
    }

    fn outcome_of_in(&self, values: &ValueSet, has_null: bool) -> Outcome {
        let may_hold = values.reaches_into(self.min.as_ref(), self.max.as_ref());
        let is_one_of_them = match (&self.min, &self.max) {
            (Some(min), Some(max)) => min.compare(max) == Some(Ordering::Equal) && values.contains(min),
            _ => false,
        };
        let fails = self.maybe_value && !is_one_of_them || self.maybe_nan;
        Outcome {
            maybe_true: self.maybe_value && may_hold,
            maybe_false: fails && !has_null,
            maybe_unknown: self.maybe_null || fails && has_null,
        }
    }

    /// Whether a value in the bounds may stand so to `value`, and whether one may not.
    fn compared(&self, operator: Operator, value: &Value) -> (bool, bool) {
        let to_min = self.min.as_ref().and_then(|min| min.compare(value));
        let to_max = self.max.as_ref().and_then(|max| max.compare(value));
        let may_be_less = to_min.is_none_or(Ordering::is_lt);
        let may_be_greater = to_max.is_none_or(Ordering::is_gt);
        let may_be_equal = to_min.is_none_or(Ordering::is_le) && to_max.is_none_or(Ordering::is_ge);
        let may = |ordering| match ordering {
            Ordering::Less => may_be_less,
            Ordering::Equal => may_be_equal,
            Ordering::Greater => may_be_greater,
        };
        let orderings = [Ordering::Less, Ordering::Equal, Ordering::Greater];
        let holds = orderings.iter().any(|ordering| may(*ordering) && operator.holds(Some(*ordering)));
        let fails = orderings.iter().any(|ordering| may(*ordering) && !operator.holds(Some(*ordering)));
        (holds, fails)
    }

    fn may_start_with(&self, prefix: &[u8]) -> bool {
        let min_fits = match &self.min {
            Some(Value::Bytes(min)) => min.as_slice() <= prefix || min.starts_with(prefix),
            _ => true,
        };
        let max_fits = match &self.max {
            Some(Value::Bytes(max)) => max.as_slice() >= prefix,
            _ => true,
        };
        min_fits && max_fits
    }
}
