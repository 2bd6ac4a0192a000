//! From the records of a block to columns: those that are asked for are collected, others passed over.

use arrow_array::ArrayRef;
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};

use super::columns::{pair, without_null};
use super::values::{Offsets, Values};
use crate::avro::{Cursor, RecordType, Type};
use crate::scan::columns::FileColumn;

/// Items without a byte of their own in one array or map, at most: their number costs a file nothing.
const EMPTY_ITEMS_MAX: usize = 1 << 20;

/// What happens with a field of a record.
#[derive(Debug)]
pub(super) enum Step {
    Read(Column),
    Skip(Type),
}

impl Step {
    /// The columns that are read.
    pub(super) fn read(steps: &mut [Self]) -> impl Iterator<Item = &mut Column> {
        steps.iter_mut().filter_map(|step| match step {
            Self::Read(column) => Some(column),
            Self::Skip(_) => None,
        })
    }

    /// Steps for the fields of a record, whose columns are `found`.
    pub(super) fn of_record(record: &RecordType, found: &[FileColumn], leaves: &[bool]) -> Option<Vec<Self>> {
        if record.fields.len() != found.len() {
            return None;
        }
        let steps = record.fields.iter().zip(found).map(|(field, found)| {
            if leaves.get(found.leaves.clone())?.contains(&true) {
                Some(Self::Read(Column::new(&field.data_type, found, leaves)?))
            } else {
                Some(Self::Skip(field.data_type.clone()))
            }
        });
        steps.collect()
    }

    /// Takes the value that comes next.
    pub(super) fn take(&mut self, cursor: &mut Cursor<'_>) -> Result<(), String> {
        match self {
            Self::Read(column) => column.push(cursor),
            Self::Skip(data_type) => skip(data_type, cursor),
        }
    }
}

/// A column that is read.
#[derive(Debug)]
pub(super) struct Column {
    union: Option<Branches>,
    nulls: NullBufferBuilder,
    values: Values,
    data_type: DataType,
}

/// Which branch of a union is which.
#[derive(Debug, Clone, Copy)]
struct Branches {
    null: Option<usize>,
    value: Option<usize>,
}

impl Column {
    /// `None` if `found` was not made from `data_type`, or cannot be read.
    fn new(data_type: &Type, found: &FileColumn, leaves: &[bool]) -> Option<Self> {
        let union = match data_type {
            Type::Union(branches) => Some(Branches {
                null: branches.iter().position(|branch| *branch == Type::Null),
                value: branches.iter().position(|branch| *branch != Type::Null),
            }),
            _ => None,
        };
        let (values, data_type) = values(without_null(data_type)?, found, leaves)?;
        Some(Self { union, nulls: NullBufferBuilder::new(0), values, data_type })
    }

    pub(super) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// Takes what was collected.
    pub(super) fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = match self.values {
            // All of them are null already.
            Values::Null(_) => {
                self.nulls = NullBufferBuilder::new(0);
                None
            }
            _ => self.nulls.finish(),
        };
        self.values.take(nulls)
    }

    pub(super) fn push_null(&mut self) -> Result<(), String> {
        self.nulls.append_null();
        self.values.push_default()
    }

    fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), String> {
        if let Some(branches) = self.union {
            let branch = cursor.length()?;
            if Some(branch) == branches.null {
                return self.push_null();
            }
            if Some(branch) != branches.value {
                return Err(format!("a union has no branch `{branch}`"));
            }
        }
        self.nulls.append_non_null();
        match &mut self.values {
            Values::Null(n) => *n += 1,
            Values::Boolean(values) => values.append(boolean(cursor)?),
            Values::Int(values, _) => {
                let value = cursor.long()?;
                values.push(i32::try_from(value).map_err(|_| format!("`{value}` is no int"))?);
            }
            Values::Long(values, _) => values.push(cursor.long()?),
            Values::Float(values) => values.push(f32::from_le_bytes(cursor.array()?)),
            Values::Double(values) => values.push(f64::from_le_bytes(cursor.array()?)),
            Values::Text(offsets, bytes) | Values::Bytes(offsets, bytes) => {
                let value = cursor.bytes()?;
                bytes.extend_from_slice(value);
                offsets.push(value.len())?;
            }
            Values::Fixed(size, bytes) => bytes.extend_from_slice(cursor.take(*size)?),
            Values::Decimal { fixed, unscaled, .. } => {
                let value = match fixed {
                    Some(size) => cursor.take(*size)?,
                    None => cursor.bytes()?,
                };
                unscaled.push(crate::avro::unscaled(value).ok_or("a decimal has more than 38 digits")?);
            }
            Values::Struct { steps, n, .. } => {
                *n += 1;
                for step in steps {
                    step.take(cursor)?;
                }
            }
            Values::List { item, item_bytes_min, offsets, .. } => {
                let n = items(cursor, *item_bytes_min, |cursor| item.push(cursor))?;
                offsets.push(n)?;
            }
            Values::Map { key, value, offsets, .. } => {
                let n = items(cursor, 1, |cursor| {
                    key.push(cursor)?;
                    value.push(cursor)
                })?;
                offsets.push(n)?;
            }
        }
        Ok(())
    }
}

/// Room for values, and their Arrow type with the leaves that are read.
fn values(data_type: &Type, found: &FileColumn, leaves: &[bool]) -> Option<(Values, DataType)> {
    let values = match (data_type, &found.data_type) {
        (Type::Null, _) => Values::Null(0),
        (Type::Boolean, _) => Values::Boolean(BooleanBufferBuilder::new(0)),
        (Type::Int(meaning), _) => Values::Int(Vec::new(), *meaning),
        (Type::Long(meaning), _) => Values::Long(Vec::new(), *meaning),
        (Type::Float, _) => Values::Float(Vec::new()),
        (Type::Double, _) => Values::Double(Vec::new()),
        (Type::String, _) => Values::Text(Offsets::default(), Vec::new()),
        (Type::Bytes, _) => Values::Bytes(Offsets::default(), Vec::new()),
        (Type::Fixed(size), DataType::FixedSizeBinary(_)) => Values::Fixed(*size, Vec::new()),
        (Type::Decimal { fixed, .. }, DataType::Decimal128(precision, scale)) => {
            Values::Decimal { fixed: *fixed, precision: *precision, scale: *scale, unscaled: Vec::new() }
        }
        (Type::Record(record), DataType::Struct(fields)) => {
            let steps = Step::of_record(record, &found.children, leaves)?;
            let kept: Fields = fields.iter().zip(&steps).filter_map(|(field, step)| kept(field, step)).collect();
            return Some((Values::Struct { steps, fields: kept.clone(), n: 0 }, DataType::Struct(kept)));
        }
        (Type::Array(item), DataType::List(field)) => {
            let [element] = found.children.as_slice() else { return None };
            let element = Column::new(&item.data_type, element, leaves)?;
            let field = typed(field, &element);
            let data_type = DataType::List(field.clone());
            let item_bytes_min = item.bytes_min;
            let values = Values::List { item: Box::new(element), item_bytes_min, field, offsets: Offsets::default() };
            return Some((values, data_type));
        }
        (Type::Array(item) | Type::Map(item), DataType::Map(entries, sorted)) => {
            let [found_key, found_value] = found.children.as_slice() else { return None };
            let DataType::Struct(fields) = entries.data_type() else { return None };
            let (key_type, value_type) = match pair(item) {
                Some([key, value]) => (&key.data_type, &value.data_type),
                None => (&Type::String, &item.data_type),
            };
            let key = Column::new(key_type, found_key, leaves)?;
            let value = Column::new(value_type, found_value, leaves)?;
            let fields = [typed(fields.first()?, &key), typed(fields.get(1)?, &value)].into_iter().collect();
            let field: FieldRef = Field::clone(entries).with_data_type(DataType::Struct(fields)).into();
            let data_type = DataType::Map(field.clone(), *sorted);
            let values = Values::Map { key: Box::new(key), value: Box::new(value), field, offsets: Offsets::default() };
            return Some((values, data_type));
        }
        _ => return None,
    };
    Some((values, found.data_type.clone()))
}

fn kept(field: &FieldRef, step: &Step) -> Option<FieldRef> {
    match step {
        Step::Read(column) => Some(typed(field, column)),
        Step::Skip(_) => None,
    }
}

fn typed(field: &FieldRef, column: &Column) -> FieldRef {
    Field::clone(field).with_data_type(column.data_type().clone()).into()
}

fn boolean(cursor: &mut Cursor<'_>) -> Result<bool, String> {
    match cursor.array()? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(format!("`{other}` is no boolean")),
    }
}

/// Visits the items of an array or map. Returns how many there are.
fn items(
    cursor: &mut Cursor<'_>,
    item_bytes_min: usize,
    mut visit: impl FnMut(&mut Cursor<'_>) -> Result<(), String>,
) -> Result<usize, String> {
    let mut n_items = 0_usize;
    loop {
        let n = cursor.n_items(item_bytes_min)?;
        if n == 0 {
            return Ok(n_items);
        }
        n_items = n_items
            .checked_add(n)
            .filter(|n| item_bytes_min > 0 || *n <= EMPTY_ITEMS_MAX)
            .ok_or_else(|| format!("an array of more than `{EMPTY_ITEMS_MAX}` items that take no byte"))?;
        for _ in 0..n {
            visit(cursor)?;
        }
    }
}

/// Passes over a value.
fn skip(data_type: &Type, cursor: &mut Cursor<'_>) -> Result<(), String> {
    match data_type {
        Type::Null => Ok(()),
        Type::Boolean => boolean(cursor).map(|_| ()),
        Type::Int(_) | Type::Long(_) | Type::Enum => cursor.long().map(|_| ()),
        Type::Float => cursor.take(4).map(|_| ()),
        Type::Double => cursor.take(8).map(|_| ()),
        Type::String | Type::Bytes | Type::Decimal { fixed: None, .. } => cursor.bytes().map(|_| ()),
        Type::Fixed(size) | Type::Decimal { fixed: Some(size), .. } => cursor.take(*size).map(|_| ()),
        Type::Array(item) => items(cursor, item.bytes_min, |cursor| skip(&item.data_type, cursor)).map(|_| ()),
        Type::Map(item) => {
            let skip_pair = |cursor: &mut Cursor<'_>| {
                cursor.bytes()?;
                skip(&item.data_type, cursor)
            };
            items(cursor, 1, skip_pair).map(|_| ())
        }
        Type::Union(branches) => {
            let branch = cursor.length()?;
            let branch = branches.get(branch).ok_or_else(|| format!("a union has no branch `{branch}`"))?;
            skip(branch, cursor)
        }
        Type::Record(record) => skip_record(record, cursor),
    }
}

/// Passes over a record.
pub(super) fn skip_record(record: &RecordType, cursor: &mut Cursor<'_>) -> Result<(), String> {
    record.fields.iter().try_for_each(|field| skip(&field.data_type, cursor))
}
