//! Avro values, decoded by the schema that they were written with.

use crate::avro::{Cursor, RecordType, Type};

/// Values in one record at most. An entry has five statistics for each column; ten thousand columns fit well.
const VALUES_MAX: usize = 1 << 20;

/// A value. Text and bytes are still those of the file.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::manifest) enum Value<'a> {
    Null,
    Boolean(bool),
    /// `int`, `long`, and the dates and times that are kept as one.
    Long(i64),
    Float(f32),
    Double(f64),
    String(&'a str),
    Bytes(&'a [u8]),
    /// Two's complement, big-endian.
    Decimal(&'a [u8]),
    Array(Vec<Value<'a>>),
    /// A map with text keys: Iceberg keeps none in manifests, so only its place is known.
    Map,
    Record(&'a RecordType, Vec<Value<'a>>),
}

/// Decodes one record. Everything in it takes memory in proportion to the bytes it is read from.
///
/// Returns a message that says what is wrong.
pub(super) fn decode<'a>(record: &'a RecordType, cursor: &mut Cursor<'a>) -> Result<Vec<Value<'a>>, String> {
    Decoder { cursor, n_values: 0 }.record(record)
}

struct Decoder<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    n_values: usize,
}

impl<'a> Decoder<'_, 'a> {
    fn record(&mut self, record: &'a RecordType) -> Result<Vec<Value<'a>>, String> {
        let mut values = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            values.push(self.value(&field.data_type).map_err(|cause| at(&field.name, cause))?);
        }
        Ok(values)
    }

    fn value(&mut self, data_type: &'a Type) -> Result<Value<'a>, String> {
        self.n_values += 1;
        if self.n_values > VALUES_MAX {
            return Err(format!("a record has more than `{VALUES_MAX}` values"));
        }
        Ok(match data_type {
            Type::Null => Value::Null,
            Type::Boolean => match self.cursor.array()? {
                [0] => Value::Boolean(false),
                [1] => Value::Boolean(true),
                [other] => return Err(format!("`{other}` is no boolean")),
            },
            Type::Int(_) => {
                let value = self.cursor.long()?;
                Value::Long(i32::try_from(value).map_err(|_| format!("`{value}` is no int"))?.into())
            }
            Type::Long(_) | Type::Enum => Value::Long(self.cursor.long()?),
            Type::Float => Value::Float(f32::from_le_bytes(self.cursor.array()?)),
            Type::Double => Value::Double(f64::from_le_bytes(self.cursor.array()?)),
            Type::String => {
                let text = std::str::from_utf8(self.cursor.bytes()?).map_err(|_| "a text is not UTF-8".to_owned())?;
                Value::String(text)
            }
            Type::Bytes => Value::Bytes(self.cursor.bytes()?),
            Type::Fixed(size) => Value::Bytes(self.cursor.take(*size)?),
            Type::Decimal { fixed: None, .. } => Value::Decimal(self.cursor.bytes()?),
            Type::Decimal { fixed: Some(size), .. } => Value::Decimal(self.cursor.take(*size)?),
            Type::Array(item) => self.array(&item.data_type, item.bytes_min)?,
            Type::Map(item) => self.map(&item.data_type)?,
            Type::Union(branches) => {
                let branch = self.cursor.length()?;
                let branch = branches.get(branch).ok_or_else(|| format!("a union has no branch `{branch}`"))?;
                self.value(branch)?
            }
            Type::Record(record) => Value::Record(record, self.record(record)?),
        })
    }

    fn array(&mut self, item: &'a Type, item_bytes_min: usize) -> Result<Value<'a>, String> {
        let mut items = Vec::new();
        loop {
            match self.cursor.n_items(item_bytes_min)? {
                0 => return Ok(Value::Array(items)),
                n => {
                    for _ in 0..n {
                        items.push(self.value(item)?);
                    }
                }
            }
        }
    }

    fn map(&mut self, item: &'a Type) -> Result<Value<'a>, String> {
        loop {
            match self.cursor.n_items(1)? {
                0 => return Ok(Value::Map),
                n => {
                    for _ in 0..n {
                        self.cursor.bytes()?;
                        self.value(item)?;
                    }
                }
            }
        }
    }
}

/// Names the field once: that deepest inside is the one to look at.
fn at(field: &str, cause: String) -> String {
    if cause.starts_with("field `") { cause } else { format!("field `{field}`: {cause}") }
}
