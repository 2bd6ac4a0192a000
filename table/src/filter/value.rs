//! Values in the few forms in which columns are compared.

use std::cmp::Ordering;

/// A value that is not null, in the terms of its column's type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Booleans (0, 1), integers, dates, times and timestamps in their unit; decimals without their point. It may be
    /// a number that the column's type cannot hold: comparing with it is sound all the same.
    Number(i128),
    /// Compared as IEEE 754 says: NaN is equal to nothing, and the zeros are equal.
    Float(f64),
    /// Text, binary, fixed, uuid: compared byte by byte, which for text is the order of its code points.
    Bytes(Vec<u8>),
}

impl Value {
    /// How the values compare; `None` where one is NaN, or they are of different kinds.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// Distinct values of one kind, ascending. No NaN.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ValueSet {
    Numbers(Vec<i128>),
    /// Negative zero is in it as positive zero.
    Floats(Vec<f64>),
    Bytes(Vec<Vec<u8>>),
}

impl ValueSet {
    /// A set of the kind of the values; those of another kind are left out, and so is NaN.
    pub(crate) fn new(values: Vec<Value>) -> Self {
        match values.first() {
            Some(Value::Float(_)) => {
                let floats = values.into_iter().filter_map(|value| match value {
                    Value::Float(value) if !value.is_nan() => Some(value + 0.0),
                    _ => None,
                });
                let mut floats: Vec<f64> = floats.collect();
                floats.sort_unstable_by(f64::total_cmp);
                floats.dedup();
                Self::Floats(floats)
            }
            Some(Value::Bytes(_)) => {
                let bytes = values.into_iter().filter_map(|value| match value {
                    Value::Bytes(value) => Some(value),
                    _ => None,
                });
                let mut bytes: Vec<Vec<u8>> = bytes.collect();
                bytes.sort_unstable();
                bytes.dedup();
                Self::Bytes(bytes)
            }
            Some(Value::Number(_)) | None => {
                let numbers = values.into_iter().filter_map(|value| match value {
                    Value::Number(value) => Some(value),
                    _ => None,
                });
                let mut numbers: Vec<i128> = numbers.collect();
                numbers.sort_unstable();
                numbers.dedup();
                Self::Numbers(numbers)
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Floats(floats) => floats.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    pub(crate) fn contains(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Numbers(numbers), Value::Number(value)) => numbers.binary_search(value).is_ok(),
            (Self::Floats(floats), Value::Float(value)) => contains_float(floats, *value),
            (Self::Bytes(bytes), Value::Bytes(value)) => bytes.binary_search(value).is_ok(),
            _ => false,
        }
    }

    /// Some value is not below `min` and not above `max`, as far as these are known.
    pub(crate) fn reaches_into(&self, min: Option<&Value>, max: Option<&Value>) -> bool {
        let is_below = |ordering: Option<Ordering>| ordering.is_some_and(Ordering::is_lt);
        // They ascend: the first that is not below decides.
        match self {
            Self::Numbers(numbers) => {
                let is_below_min = |value: &i128| match min {
                    Some(Value::Number(min)) => value < min,
                    _ => false,
                };
                numbers.get(numbers.partition_point(is_below_min)).is_some_and(|value| match max {
                    Some(Value::Number(max)) => value <= max,
                    _ => true,
                })
            }
            Self::Floats(floats) => {
                let is_below_min = |value: &f64| match min {
                    Some(Value::Float(min)) => is_below(value.partial_cmp(min)),
                    _ => false,
                };
                floats.get(floats.partition_point(is_below_min)).is_some_and(|value| match max {
                    Some(Value::Float(max)) => !is_below(max.partial_cmp(value)),
                    _ => true,
                })
            }
            Self::Bytes(bytes) => {
                let is_below_min = |value: &Vec<u8>| match min {
                    Some(Value::Bytes(min)) => value < min,
                    _ => false,
                };
                bytes.get(bytes.partition_point(is_below_min)).is_some_and(|value| match max {
                    Some(Value::Bytes(max)) => value <= max,
                    _ => true,
                })
            }
        }
    }

    /// The values, one after the other.
    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = Value> + '_> {
        match self {
            Self::Numbers(numbers) => Box::new(numbers.iter().map(|value| Value::Number(*value))),
            Self::Floats(floats) => Box::new(floats.iter().map(|value| Value::Float(*value))),
            Self::Bytes(bytes) => Box::new(bytes.iter().map(|value| Value::Bytes(value.clone()))),
        }
    }
}

/// Adding zero makes the negative zero positive and changes nothing else.
pub(crate) fn contains_float(floats: &[f64], value: f64) -> bool {
    floats.binary_search_by(|other| other.total_cmp(&(value + 0.0))).is_ok()
}
