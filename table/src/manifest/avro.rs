//! Records of Avro files, read by Iceberg field id.

mod value;

use std::collections::HashMap;

pub(super) use value::Value;

use crate::avro::{Container, Cursor, Fault, Header, RecordType};
use crate::{Result, TableError};

/// Reads every record of an Avro file. `visit` is given the record's index and fields.
pub(super) fn for_each_record(
    bytes: &[u8],
    path: &str,
    mut visit: impl FnMut(usize, Record<'_>) -> Result<()>,
) -> Result<()> {
    let refused = |fault| refused(path, fault);
    let mut container = Container::open(bytes).map_err(refused)?;
    let schema = container.schema().clone();
    let mut index = 0;
    while let Some(block) = container.next_block().map_err(refused)? {
        let mut cursor = Cursor::new(&block.bytes);
        let has_room = |n: usize| n == 0 || (schema.bytes_min > 0 && n <= block.bytes.len() / schema.bytes_min);
        if !has_room(block.n_records) {
            let cause = format!("`{}` records in a block of `{}` bytes", block.n_records, block.bytes.len());
            return Err(refused(Fault::Corrupt(cause)));
        }
        for _ in 0..block.n_records {
            let values = value::decode(&schema, &mut cursor).map_err(|cause| refused(Fault::Corrupt(cause)))?;
            visit(index, Record { values: &values, schema: &schema, path })?;
            index += 1;
        }
        if cursor.n_left() > 0 {
            let cause = format!("a block holds more than its `{}` records", block.n_records);
            return Err(refused(Fault::Corrupt(cause)));
        }
    }
    Ok(())
}

/// What the header of an Avro file says under that key.
pub(super) fn header_value(bytes: &[u8], path: &str, key: &str) -> Result<Option<String>> {
    let mut value = None;
    let header = Header::read_with(&mut Cursor::new(bytes), &mut |other, text| {
        if other == key.as_bytes() {
            value = Some(String::from_utf8_lossy(text).into_owned());
        }
    });
    header.map_err(|fault| refused(path, fault))?;
    Ok(value)
}

fn refused(path: &str, fault: Fault) -> TableError {
    match fault {
        Fault::Corrupt(cause) => TableError::corrupt(path, format!("not a valid avro file: {cause}")),
        Fault::Unsupported(cause) => TableError::unsupported(path, cause),
    }
}

/// One record and the schema it was written with.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    values: &'a [Value<'a>],
    schema: &'a RecordType,
    path: &'a str,
}

impl<'a> Record<'a> {
    fn new(value: &'a Value<'a>, path: &'a str) -> Option<Self> {
        match value {
            Value::Record(schema, values) => Some(Self { values, schema, path }),
            _ => None,
        }
    }

    /// The field with this Iceberg field id; `name` finds it in files whose schema has no ids.
    /// `None` if the field is absent or null.
    pub(super) fn get(&self, field_id: i32, name: &str) -> Option<&'a Value<'a>> {
        self.values.get(self.schema.index_of(field_id, name)?).filter(|value| **value != Value::Null)
    }

    pub(super) fn error(&self, detail: impl std::fmt::Display) -> TableError {
        TableError::corrupt(self.path, detail)
    }

    fn missing(&self, name: &str) -> TableError {
        self.error(format!("field `{name}` is missing or has the wrong type"))
    }

    pub(super) fn record(&self, field_id: i32, name: &str) -> Result<Record<'a>> {
        self.get(field_id, name).and_then(|value| Record::new(value, self.path)).ok_or_else(|| self.missing(name))
    }

    pub(super) fn optional_long(&self, field_id: i32, name: &str) -> Result<Option<i64>> {
        match self.get(field_id, name) {
            None => Ok(None),
            Some(value) => long(value).map(Some).ok_or_else(|| self.missing(name)),
        }
    }

    pub(super) fn long(&self, field_id: i32, name: &str) -> Result<i64> {
        self.optional_long(field_id, name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn optional_int(&self, field_id: i32, name: &str) -> Result<Option<i32>> {
        self.optional_long(field_id, name)?
            .map(|value| i32::try_from(value).map_err(|_| self.error(format!("field `{name}` is out of range"))))
            .transpose()
    }

    /// A count or size: not negative.
    pub(super) fn optional_count(&self, field_id: i32, name: &str) -> Result<Option<u64>> {
        self.optional_long(field_id, name)?
            .map(|value| u64::try_from(value).map_err(|_| self.error(format!("field `{name}` is negative: `{value}`"))))
            .transpose()
    }

    pub(super) fn count(&self, field_id: i32, name: &str) -> Result<u64> {
        self.optional_count(field_id, name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn optional_string(&self, field_id: i32, name: &str) -> Result<Option<&'a str>> {
        match self.get(field_id, name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.missing(name)),
        }
    }

    pub(super) fn string(&self, field_id: i32, name: &str) -> Result<&'a str> {
        self.optional_string(field_id, name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn optional_bytes(&self, field_id: i32, name: &str) -> Result<Option<&'a [u8]>> {
        match self.get(field_id, name) {
            None => Ok(None),
            Some(value) => bytes(value).map(Some).ok_or_else(|| self.missing(name)),
        }
    }

    pub(super) fn boolean(&self, field_id: i32, name: &str) -> Option<bool> {
        match self.get(field_id, name) {
            Some(Value::Boolean(value)) => Some(*value),
            _ => None,
        }
    }

    /// The elements of a list of records; empty if the list is absent.
    pub(super) fn records(&self, field_id: i32, name: &str) -> Result<Vec<Record<'a>>> {
        let Some(value) = self.get(field_id, name) else { return Ok(Vec::new()) };
        let Value::Array(items) = value else { return Err(self.missing(name)) };
        items.iter().map(|item| Record::new(item, self.path).ok_or_else(|| self.missing(name))).collect()
    }

    /// The elements of a list of integers; empty if the list is absent.
    pub(super) fn integers(&self, field_id: i32, name: &str) -> Result<Vec<i64>> {
        let Some(value) = self.get(field_id, name) else { return Ok(Vec::new()) };
        let Value::Array(items) = value else { return Err(self.missing(name)) };
        items.iter().map(|item| long(item).ok_or_else(|| self.missing(name))).collect()
    }

    /// A map from column id to a value, which Avro keeps as a list of pairs: its own maps have text for keys.
    /// Ids of the key and value fields are those of the spec.
    pub(super) fn map<T>(
        &self,
        field_id: i32,
        name: &str,
        (key_id, value_id): (i32, i32),
        convert: impl Fn(&'a Value<'a>) -> Option<T>,
    ) -> Result<HashMap<i32, T>> {
        let mut map = HashMap::new();
        for pair in self.records(field_id, name)? {
            let key = pair.optional_int(key_id, "key")?.ok_or_else(|| self.missing(name))?;
            if let Some(value) = pair.get(value_id, "value") {
                map.insert(key, convert(value).ok_or_else(|| self.missing(name))?);
            }
        }
        Ok(map)
    }
}

pub(super) fn long(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Long(value) => Some(*value),
        _ => None,
    }
}

pub(super) fn bytes<'a>(value: &Value<'a>) -> Option<&'a [u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
