//! Avro container files, read by Iceberg field id.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use apache_avro::types::Value;
use apache_avro::validator::{RecordFieldNameValidator, set_record_field_name_validator};
use apache_avro::{AvroResult, Schema};

use crate::{Result, TableError};

/// Java writes partition fields under names with letters of any script, which the Avro specification does
/// not allow and every other reader takes. Fields are found by id here, so no name can do harm.
struct AnyFieldName;

impl RecordFieldNameValidator for AnyFieldName {
    fn validate(&self, _name: &str) -> AvroResult<()> {
        Ok(())
    }
}

/// The Avro library keeps this for the whole process; only the first call has an effect, and all are alike.
static ALLOW_ANY_FIELD_NAME: LazyLock<()> = LazyLock::new(|| {
    let _ = set_record_field_name_validator(Box::new(AnyFieldName));
});

/// Runs a parser on bytes that nobody vouches for: a panic in it becomes an error of this one file.
pub(super) fn guarded<T>(path: &str, parse: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|_| Err(TableError::corrupt(path, "not a valid avro file")))
}

/// Reads every record of an Avro file. `visit` is given the record's fields.
pub(super) fn for_each_record(
    bytes: &[u8],
    path: &str,
    mut visit: impl FnMut(usize, Record<'_>) -> Result<()>,
) -> Result<()> {
    let corrupt = |error: apache_avro::Error| TableError::corrupt(path, format!("not a valid avro file: {error}"));
    LazyLock::force(&ALLOW_ANY_FIELD_NAME);
    let reader = apache_avro::Reader::new(bytes).map_err(corrupt)?;
    let schema = reader.writer_schema().clone();
    for (index, value) in reader.enumerate() {
        let value = value.map_err(corrupt)?;
        visit(index, Record::new(&value, &schema, path)?)?;
    }
    Ok(())
}

/// One record and the schema it was written with.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    values: &'a [(String, Value)],
    schema: &'a apache_avro::schema::RecordSchema,
    path: &'a str,
}

impl<'a> Record<'a> {
    fn new(value: &'a Value, schema: &'a Schema, path: &'a str) -> Result<Self> {
        match (value, schema) {
            (Value::Record(values), Schema::Record(schema)) => Ok(Self { values, schema, path }),
            _ => Err(TableError::corrupt(path, "an avro record was expected")),
        }
    }

    /// The field with this Iceberg field id; `name` finds it in files whose schema has no ids.
    /// `None` if the field is absent or null.
    pub(super) fn get(&self, field_id: i32, name: &str) -> Option<(&'a Value, &'a Schema)> {
        let by_id = self
            .schema
            .fields
            .iter()
            .position(|field| field.custom_attributes.get("field-id").and_then(|id| id.as_i64()) == Some(field_id.into()));
        let index = by_id.or_else(|| self.schema.lookup.get(name).copied())?;
        let value = &self.values.get(index)?.1;
        non_null(value, &self.schema.fields.get(index)?.schema)
    }

    pub(super) fn error(&self, detail: impl std::fmt::Display) -> TableError {
        TableError::corrupt(self.path, detail)
    }

    fn missing(&self, name: &str) -> TableError {
        self.error(format!("field `{name}` is missing or has the wrong type"))
    }

    pub(super) fn record(&self, field_id: i32, name: &str) -> Result<Record<'a>> {
        let (value, schema) = self.get(field_id, name).ok_or_else(|| self.missing(name))?;
        Record::new(value, schema, self.path)
    }

    pub(super) fn optional_long(&self, field_id: i32, name: &str) -> Result<Option<i64>> {
        match self.get(field_id, name) {
            None => Ok(None),
            Some((value, _)) => long(value).map(Some).ok_or_else(|| self.missing(name)),
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
            Some((Value::String(text), _)) => Ok(Some(text)),
            Some(_) => Err(self.missing(name)),
        }
    }

    pub(super) fn string(&self, field_id: i32, name: &str) -> Result<&'a str> {
        self.optional_string(field_id, name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn optional_bytes(&self, field_id: i32, name: &str) -> Result<Option<&'a [u8]>> {
        match self.get(field_id, name) {
            None => Ok(None),
            Some((value, _)) => bytes(value).map(Some).ok_or_else(|| self.missing(name)),
        }
    }

    pub(super) fn boolean(&self, field_id: i32, name: &str) -> bool {
        matches!(self.get(field_id, name), Some((Value::Boolean(true), _)))
    }

    /// The elements of a list of records; empty if the list is absent.
    pub(super) fn records(&self, field_id: i32, name: &str) -> Result<Vec<Record<'a>>> {
        let Some((value, schema)) = self.get(field_id, name) else { return Ok(Vec::new()) };
        let (Value::Array(items), Schema::Array(schema)) = (value, schema) else { return Err(self.missing(name)) };
        items
            .iter()
            .map(|item| {
                let (value, schema) = non_null(item, &schema.items).ok_or_else(|| self.missing(name))?;
                Record::new(value, schema, self.path)
            })
            .collect()
    }

    /// The elements of a list of integers; empty if the list is absent.
    pub(super) fn integers(&self, field_id: i32, name: &str) -> Result<Vec<i64>> {
        let Some((value, _)) = self.get(field_id, name) else { return Ok(Vec::new()) };
        let Value::Array(items) = value else { return Err(self.missing(name)) };
        items.iter().map(|item| long(unwrap_union(item)).ok_or_else(|| self.missing(name))).collect()
    }

    /// A map from column id to a value, which Avro keeps as a list of pairs (or, in some files, as a map
    /// with text keys). Ids of the key and value fields are those of the spec.
    pub(super) fn map<T>(
        &self,
        field_id: i32,
        name: &str,
        (key_id, value_id): (i32, i32),
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<HashMap<i32, T>> {
        let mut map = HashMap::new();
        for pair in self.records(field_id, name)? {
            let key = pair.optional_int(key_id, "key")?.ok_or_else(|| self.missing(name))?;
            if let Some((value, _)) = pair.get(value_id, "value") {
                map.insert(key, convert(value).ok_or_else(|| self.missing(name))?);
            }
        }
        Ok(map)
    }
}

fn unwrap_union(value: &Value) -> &Value {
    match value {
        Value::Union(_, inner) => inner,
        other => other,
    }
}

fn non_null<'a>(value: &'a Value, schema: &'a Schema) -> Option<(&'a Value, &'a Schema)> {
    match (value, schema) {
        (Value::Null, _) => None,
        (Value::Union(branch, inner), Schema::Union(union)) => {
            let schema = union.variants().get(usize::try_from(*branch).ok()?)?;
            non_null(inner, schema)
        }
        (value, schema) => Some((value, schema)),
    }
}

/// An integer of any width, and the date and time types that Avro keeps as one.
pub(super) fn long(value: &Value) -> Option<i64> {
    match value {
        Value::Int(value) | Value::Date(value) | Value::TimeMillis(value) => Some(i64::from(*value)),
        Value::Long(value)
        | Value::TimeMicros(value)
        | Value::TimestampMillis(value)
        | Value::TimestampMicros(value)
        | Value::TimestampNanos(value)
        | Value::LocalTimestampMillis(value)
        | Value::LocalTimestampMicros(value)
        | Value::LocalTimestampNanos(value) => Some(*value),
        _ => None,
    }
}

pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => Some(bytes),
        _ => None,
    }
}
