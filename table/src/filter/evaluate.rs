//! Which rows of a batch match.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, TimeUnit};

use super::predicate::{Leaf, Logic, Operator, Predicate, Test};
use super::value::{Value, ValueSet, contains_float};
use crate::{Result, TableError};

/// A condition in each row of a batch. Where neither bit is set it is unknown.
struct Truth {
    holds: BooleanBuffer,
    fails: BooleanBuffer,
}

impl Logic for Truth {
    fn and(self, other: Self) -> Self {
        Self { holds: &self.holds & &other.holds, fails: &self.fails | &other.fails }
    }

    fn or(self, other: Self) -> Self {
        Self { holds: &self.holds | &other.holds, fails: &self.fails & &other.fails }
    }

    fn not(self) -> Self {
        Self { holds: self.fails, fails: self.holds }
    }
}

/// One bit for each row: whether `predicate` is true. `columns` are those of the filter.
///
/// # Errors
/// [`TableError::Internal`] if a column is missing, or of another type than the filter's.
pub(super) fn matches(predicate: &Predicate, columns: &[ArrayRef], n_rows: usize) -> Result<BooleanBuffer> {
    let truth = predicate.fold(&mut |leaf| match leaf {
        Leaf::Constant(value) => {
            Ok(Truth { holds: constant(n_rows, *value == Some(true)), fails: constant(n_rows, *value == Some(false)) })
        }
        Leaf::Column(index, test) => of_test(test, column(columns, *index, n_rows)?),
        Leaf::Columns(left, operator, right) => {
            of_columns(column(columns, *left, n_rows)?, *operator, column(columns, *right, n_rows)?)
        }
    })?;
    Ok(truth.holds)
}

fn column(columns: &[ArrayRef], index: usize, n_rows: usize) -> Result<&ArrayRef> {
    let column = columns.get(index).filter(|column| column.len() == n_rows);
    column.ok_or_else(|| TableError::internal("a column of the filter is missing"))
}

fn constant(n_rows: usize, bit: bool) -> BooleanBuffer {
    if bit { BooleanBuffer::new_set(n_rows) } else { BooleanBuffer::new_unset(n_rows) }
}

/// Rows whose value is not null.
fn valid(array: &ArrayRef) -> BooleanBuffer {
    match array.logical_nulls() {
        Some(nulls) => nulls.inner().clone(),
        None => constant(array.len(), true),
    }
}

fn of_test(test: &Test, array: &ArrayRef) -> Result<Truth> {
    let valid = valid(array);
    if matches!(test, Test::IsNull) {
        return Ok(Truth { holds: !&valid, fails: valid });
    }
    // The type `unknown`: all values are null.
    if matches!(array.data_type(), DataType::Null) {
        return Ok(Truth { holds: constant(array.len(), false), fails: constant(array.len(), false) });
    }
    let bits = bits(test, array)?;
    let fails =
        if matches!(test, Test::In { has_null: true, .. }) { constant(array.len(), false) } else { &!&bits & &valid };
    Ok(Truth { holds: &bits & &valid, fails })
}

/// Whether `test` holds for each value; what stands under a null is arbitrary.
fn bits(test: &Test, array: &ArrayRef) -> Result<BooleanBuffer> {
    let n = array.len();
    Ok(match array.data_type() {
        DataType::Boolean => {
            let values = array.as_boolean().values();
            each_number(test, n, |row| i128::from(values.value(row)))?
        }
        DataType::Int32 => numbers(test, array.as_primitive::<Int32Type>().values())?,
        DataType::Date32 => numbers(test, array.as_primitive::<Date32Type>().values())?,
        DataType::Int64 => numbers(test, array.as_primitive::<Int64Type>().values())?,
        DataType::Time64(TimeUnit::Microsecond) => {
            numbers(test, array.as_primitive::<Time64MicrosecondType>().values())?
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            numbers(test, array.as_primitive::<TimestampMicrosecondType>().values())?
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            numbers(test, array.as_primitive::<TimestampNanosecondType>().values())?
        }
        DataType::Decimal128(..) => numbers(test, array.as_primitive::<Decimal128Type>().values())?,
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().values();
            floats(test, n, |row| f64::from(values[row]))?
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().values();
            floats(test, n, |row| values[row])?
        }
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            match test {
                Test::Like(pattern) => BooleanBuffer::collect_bool(n, |row| pattern.fits(values.value(row))),
                _ => bytes(test, n, |row| values.value(row).as_bytes())?,
            }
        }
        DataType::Binary => {
            let values = array.as_binary::<i32>();
            bytes(test, n, |row| values.value(row))?
        }
        DataType::FixedSizeBinary(_) => {
            let values = array.as_fixed_size_binary();
            bytes(test, n, |row| values.value(row))?
        }
        other => return Err(misfit(&format!("a column of type `{other}`"))),
    })
}

fn misfit(what: &str) -> TableError {
    TableError::internal(format!("a filter on {what} that does not fit"))
}

/// Numbers in the width they are stored in, so that comparing them is as fast as it can be.
fn numbers<T>(test: &Test, values: &[T]) -> Result<BooleanBuffer>
where
    T: Copy + PartialOrd + TryFrom<i128> + Into<i128>,
{
    if let Test::Compare(operator, Value::Number(value)) = test {
        return Ok(match T::try_from(*value) {
            Ok(value) => compared(*operator, values, value),
            // Beyond the type's range all values are on one side.
            Err(_) => constant(values.len(), operator.holds(Some(0_i128.cmp(value)))),
        });
    }
    each_number(test, values.len(), |row| values[row].into())
}

fn compared<T: Copy + PartialOrd>(operator: Operator, values: &[T], value: T) -> BooleanBuffer {
    let n = values.len();
    match operator {
        Operator::Equal => BooleanBuffer::collect_bool(n, |row| values[row] == value),
        Operator::NotEqual => BooleanBuffer::collect_bool(n, |row| values[row] != value),
        Operator::Less => BooleanBuffer::collect_bool(n, |row| values[row] < value),
        Operator::LessOrEqual => BooleanBuffer::collect_bool(n, |row| values[row] <= value),
        Operator::Greater => BooleanBuffer::collect_bool(n, |row| values[row] > value),
        Operator::GreaterOrEqual => BooleanBuffer::collect_bool(n, |row| values[row] >= value),
    }
}

fn each_number(test: &Test, n: usize, value_of: impl Fn(usize) -> i128) -> Result<BooleanBuffer> {
    match test {
        Test::Compare(operator, Value::Number(value)) => {
            Ok(BooleanBuffer::collect_bool(n, |row| operator.holds(Some(value_of(row).cmp(value)))))
        }
        Test::In { values: ValueSet::Numbers(values), .. } => {
            Ok(BooleanBuffer::collect_bool(n, |row| values.binary_search(&value_of(row)).is_ok()))
        }
        _ => Err(misfit("numbers")),
    }
}

fn floats(test: &Test, n: usize, value_of: impl Fn(usize) -> f64) -> Result<BooleanBuffer> {
    match test {
        Test::IsNan => Ok(BooleanBuffer::collect_bool(n, |row| value_of(row).is_nan())),
        Test::Compare(operator, Value::Float(value)) => {
            Ok(BooleanBuffer::collect_bool(n, |row| operator.holds(value_of(row).partial_cmp(value))))
        }
        Test::In { values: ValueSet::Floats(values), .. } => {
            Ok(BooleanBuffer::collect_bool(n, |row| contains_float(values, value_of(row))))
        }
        Test::In { values, .. } if values.len() == 0 => Ok(constant(n, false)),
        _ => Err(misfit("floats")),
    }
}

fn bytes<'a>(test: &Test, n: usize, value_of: impl Fn(usize) -> &'a [u8]) -> Result<BooleanBuffer> {
    match test {
        Test::Compare(operator, Value::Bytes(value)) => {
            Ok(BooleanBuffer::collect_bool(n, |row| operator.holds(Some(value_of(row).cmp(value)))))
        }
        Test::In { values: ValueSet::Bytes(values), .. } => Ok(BooleanBuffer::collect_bool(n, |row| {
            let value = value_of(row);
            values.binary_search_by(|other| other.as_slice().cmp(value)).is_ok()
        })),
        Test::StartsWith(prefix) => Ok(BooleanBuffer::collect_bool(n, |row| value_of(row).starts_with(prefix))),
        Test::In { values, .. } if values.len() == 0 => Ok(constant(n, false)),
        _ => Err(misfit("text")),
    }
}

fn of_columns(left: &ArrayRef, operator: Operator, right: &ArrayRef) -> Result<Truth> {
    let both = &valid(left) & &valid(right);
    let orderings = orderings(left, right)?;
    let bits = BooleanBuffer::collect_bool(left.len(), |row| operator.holds(orderings(row)));
    Ok(Truth { holds: &bits & &both, fails: &!&bits & &both })
}

type Ordering<'a> = Box<dyn Fn(usize) -> Option<std::cmp::Ordering> + 'a>;

/// How the values of two arrays of one type compare in each row.
fn orderings<'a>(left: &'a ArrayRef, right: &'a ArrayRef) -> Result<Ordering<'a>> {
    macro_rules! primitive {
        ($type:ty) => {{
            let (a, b) = (left.as_primitive_opt::<$type>(), right.as_primitive_opt::<$type>());
            let (Some(a), Some(b)) = (a, b) else { return Err(misfit("two columns")) };
            Box::new(move |row: usize| a.value(row).partial_cmp(&b.value(row)))
        }};
    }
    macro_rules! bytes {
        ($cast:ident $(::<$offset:ty>)?) => {{
            let (a, b) = (left.$cast$(::<$offset>)?(), right.$cast$(::<$offset>)?());
            let (Some(a), Some(b)) = (a, b) else { return Err(misfit("two columns")) };
            Box::new(move |row: usize| Some(a.value(row).cmp(b.value(row))))
        }};
    }
    Ok(match left.data_type() {
        DataType::Boolean => {
            let (a, b) = (left.as_boolean_opt(), right.as_boolean_opt());
            let (Some(a), Some(b)) = (a, b) else { return Err(misfit("two columns")) };
            Box::new(move |row: usize| Some(a.value(row).cmp(&b.value(row))))
        }
        DataType::Int32 => primitive!(Int32Type),
        DataType::Date32 => primitive!(Date32Type),
        DataType::Int64 => primitive!(Int64Type),
        DataType::Time64(TimeUnit::Microsecond) => primitive!(Time64MicrosecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => primitive!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => primitive!(TimestampNanosecondType),
        DataType::Decimal128(..) => primitive!(Decimal128Type),
        DataType::Float32 => primitive!(Float32Type),
        DataType::Float64 => primitive!(Float64Type),
        DataType::Utf8 => bytes!(as_string_opt::<i32>),
        DataType::Binary => bytes!(as_binary_opt::<i32>),
        DataType::FixedSizeBinary(_) => bytes!(as_fixed_size_binary_opt),
        other => return Err(misfit(&format!("columns of type `{other}`"))),
    })
}
