//! The columns of an Avro file, in Arrow's terms.
//!
//! Source: Iceberg spec, Appendix A, "Avro".

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit, UnionFields, UnionMode};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::avro::{ItemType, Meaning, RecordType, Type};

/// The columns with their field ids. A column that no Iceberg type fits has [`unreadable`] in place of a type,
/// so that it can be left out.
pub(super) fn arrow_schema(record: &RecordType) -> Schema {
    Schema::new(record.fields.iter().map(|field| named(&field.name, field.id, &field.data_type)).collect::<Vec<_>>())
}

/// What is null in some rows has a union around it. `None` for a union of more than one type beside null.
pub(super) fn without_null(data_type: &Type) -> Option<&Type> {
    let Type::Union(branches) = data_type else { return Some(data_type) };
    let mut values = branches.iter().filter(|branch| **branch != Type::Null);
    match (values.next(), values.next()) {
        (Some(Type::Union(_)), _) | (Some(_), Some(_)) => None,
        (Some(only), None) => Some(only),
        (None, _) => Some(&Type::Null),
    }
}

/// Key and value of an array that stands for a map.
pub(super) fn pair(item: &ItemType) -> Option<[&crate::avro::Field; 2]> {
    match &item.data_type {
        Type::Record(record) if item.is_map => match record.fields.as_slice() {
            [key, value] => Some([key, value]),
            _ => None,
        },
        _ => None,
    }
}

/// A type that the resolver finds no conversion for.
fn unreadable() -> DataType {
    DataType::Union(UnionFields::empty(), UnionMode::Sparse)
}

fn named(name: &str, id: Option<i32>, data_type: &Type) -> Field {
    let metadata = id.map(|id| (PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string()));
    Field::new(name, arrow_type(data_type), true).with_metadata(metadata.into_iter().collect::<HashMap<_, _>>())
}

fn arrow_type(data_type: &Type) -> DataType {
    let Some(data_type) = without_null(data_type) else { return unreadable() };
    match data_type {
        Type::Null => DataType::Null,
        Type::Boolean => DataType::Boolean,
        Type::Int(meaning) => match meaning {
            Meaning::Date => DataType::Date32,
            Meaning::TimeMillis => DataType::Time32(TimeUnit::Millisecond),
            _ => DataType::Int32,
        },
        Type::Long(meaning) => match meaning {
            Meaning::TimeMicros => DataType::Time64(TimeUnit::Microsecond),
            Meaning::TimestampMillis => DataType::Timestamp(TimeUnit::Millisecond, None),
            Meaning::TimestampMicros => DataType::Timestamp(TimeUnit::Microsecond, None),
            Meaning::TimestampNanos => DataType::Timestamp(TimeUnit::Nanosecond, None),
            _ => DataType::Int64,
        },
        Type::Float => DataType::Float32,
        Type::Double => DataType::Float64,
        Type::String => DataType::Utf8,
        Type::Bytes => DataType::Binary,
        Type::Fixed(size) => match i32::try_from(*size) {
            Ok(size @ 1..) => DataType::FixedSizeBinary(size),
            _ => unreadable(),
        },
        Type::Decimal { precision, scale, .. } => match (u8::try_from(*precision), i8::try_from(*scale)) {
            (Ok(precision @ 1..=38), Ok(scale)) if i32::from(scale) <= i32::from(precision) => {
                DataType::Decimal128(precision, scale)
            }
            _ => unreadable(),
        },
        Type::Array(item) => match pair(item) {
            Some([key, value]) => map(key.id, &key.data_type, value.id, &value.data_type),
            None if item.is_map => unreadable(),
            None => DataType::List(Arc::new(named("element", item.id, &item.data_type))),
        },
        Type::Map(item) => map(item.key_id, &Type::String, item.id, &item.data_type),
        Type::Record(record) => DataType::Struct(arrow_schema(record).fields),
        Type::Enum | Type::Union(_) => unreadable(),
    }
}

fn map(key_id: Option<i32>, key: &Type, value_id: Option<i32>, value: &Type) -> DataType {
    let key = named("key", key_id, key).with_nullable(false);
    let entries = DataType::Struct([key, named("value", value_id, value)].into_iter().collect());
    DataType::Map(Arc::new(Field::new("key_value", entries, false)), false)
}
