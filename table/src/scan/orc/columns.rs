//! The columns of an ORC file, in Arrow's terms.
//!
//! Source: Iceberg spec, Appendix A, "ORC": ids and what Iceberg's types stand as are attributes of the types.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, TimeUnit, UnionFields, UnionMode};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::Fault;
use super::messages::Type;

/// Types inside types at most.
const DEPTH_MAX: usize = 64;

/// Kinds of types. Source: `orc_proto.proto`, `Type.Kind`.
pub(super) mod kind {
    pub(in crate::scan::orc) const BOOLEAN: u64 = 0;
    pub(in crate::scan::orc) const BYTE: u64 = 1;
    pub(in crate::scan::orc) const SHORT: u64 = 2;
    pub(in crate::scan::orc) const INT: u64 = 3;
    pub(in crate::scan::orc) const LONG: u64 = 4;
    pub(in crate::scan::orc) const FLOAT: u64 = 5;
    pub(in crate::scan::orc) const DOUBLE: u64 = 6;
    pub(in crate::scan::orc) const STRING: u64 = 7;
    pub(in crate::scan::orc) const BINARY: u64 = 8;
    pub(in crate::scan::orc) const TIMESTAMP: u64 = 9;
    pub(in crate::scan::orc) const LIST: u64 = 10;
    pub(in crate::scan::orc) const MAP: u64 = 11;
    pub(in crate::scan::orc) const STRUCT: u64 = 12;
    pub(in crate::scan::orc) const UNION: u64 = 13;
    pub(in crate::scan::orc) const DECIMAL: u64 = 14;
    pub(in crate::scan::orc) const DATE: u64 = 15;
    pub(in crate::scan::orc) const VARCHAR: u64 = 16;
    pub(in crate::scan::orc) const CHAR: u64 = 17;
    pub(in crate::scan::orc) const TIMESTAMP_INSTANT: u64 = 18;
}

/// The columns with their field ids. A column that no Iceberg type fits has [`unreadable`] in place of a type,
/// so that it can be left out.
pub(super) fn arrow_schema(types: &[Type]) -> Result<Schema, Fault> {
    match types.first() {
        Some(root) if root.kind == kind::STRUCT => {
            let mut tree = Tree { types, is_used: vec![false; types.len()] };
            Ok(Schema::new(tree.fields(0, 0)?))
        }
        _ => Err("its rows are no struct".into()),
    }
}

/// The types of a file, of which each stands in one place only: otherwise a few could be a tree without end.
struct Tree<'a> {
    types: &'a [Type],
    is_used: Vec<bool>,
}

/// A type that the resolver finds no conversion for.
fn unreadable() -> DataType {
    DataType::Union(UnionFields::empty(), UnionMode::Sparse)
}

impl Tree<'_> {
    /// Fields of the struct with this index.
    fn fields(&mut self, index: usize, depth: usize) -> Result<Vec<FieldRef>, Fault> {
        let types = self.types;
        let parent = &types[index];
        if parent.children.len() != parent.names.len() {
            return Err("a struct has not as many names as fields".into());
        }
        let named = parent.children.iter().zip(&parent.names);
        named.map(|(child, name)| self.field(name, index, *child, depth).map(Arc::new)).collect()
    }

    fn field(&mut self, name: &str, parent: usize, child: u32, depth: usize) -> Result<Field, Fault> {
        let index = usize::try_from(child).unwrap_or(usize::MAX);
        // Types stand after those that hold them, so that none holds itself.
        let types = self.types;
        let data_type = types.get(index).filter(|_| index > parent).ok_or("a type has a child that is none")?;
        if std::mem::replace(&mut self.is_used[index], true) {
            return Err("a type stands in two places".into());
        }
        let id = data_type.attribute("iceberg.id").and_then(|id| id.parse::<i32>().ok());
        let metadata = id.map(|id| (PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string()));
        let data_type = self.arrow_type(index, depth + 1)?;
        Ok(Field::new(name, data_type, true).with_metadata(metadata.into_iter().collect::<HashMap<_, _>>()))
    }

    fn arrow_type(&mut self, index: usize, depth: usize) -> Result<DataType, Fault> {
        if depth > DEPTH_MAX {
            return Err("its types are nested too deeply".into());
        }
        let types = self.types;
        let data_type = &types[index];
        Ok(match data_type.kind {
            kind::BOOLEAN => DataType::Boolean,
            kind::BYTE | kind::SHORT | kind::INT => DataType::Int32,
            kind::LONG => match data_type.attribute("iceberg.long-type") {
                Some("TIME") => DataType::Time64(TimeUnit::Microsecond),
                _ => DataType::Int64,
            },
            kind::FLOAT => DataType::Float32,
            kind::DOUBLE => DataType::Float64,
            kind::STRING | kind::VARCHAR | kind::CHAR => DataType::Utf8,
            kind::BINARY => binary(data_type),
            kind::TIMESTAMP | kind::TIMESTAMP_INSTANT => {
                let is_nanos = data_type.attribute("iceberg.timestamp-unit") == Some("NANOS");
                let unit = if is_nanos { TimeUnit::Nanosecond } else { TimeUnit::Microsecond };
                DataType::Timestamp(unit, (data_type.kind == kind::TIMESTAMP_INSTANT).then(|| "+00:00".into()))
            }
            kind::DATE => DataType::Date32,
            kind::DECIMAL => match (u8::try_from(data_type.precision), i8::try_from(data_type.scale)) {
                (Ok(precision @ 1..=38), Ok(scale)) if i32::from(scale) <= i32::from(precision) => {
                    DataType::Decimal128(precision, scale)
                }
                _ => unreadable(),
            },
            kind::STRUCT => DataType::Struct(self.fields(index, depth)?.into()),
            kind::LIST => match data_type.children.as_slice() {
                [element] => DataType::List(Arc::new(self.field("element", index, *element, depth)?)),
                _ => return Err("a list has not one child".into()),
            },
            kind::MAP => match data_type.children.as_slice() {
                [key, value] => {
                    let key = self.field("key", index, *key, depth)?.with_nullable(false);
                    let value = self.field("value", index, *value, depth)?;
                    let entries = DataType::Struct([key, value].into_iter().collect());
                    DataType::Map(Arc::new(Field::new("key_value", entries, false)), false)
                }
                _ => return Err("a map has not two children".into()),
            },
            kind::UNION => unreadable(),
            other => return Err(Fault::Unsupported(format!("the file has a column of orc type `{other}`"))),
        })
    }
}

fn binary(data_type: &Type) -> DataType {
    match data_type.attribute("iceberg.binary-type") {
        Some("UUID") => DataType::FixedSizeBinary(16),
        Some("FIXED") => match data_type.attribute("iceberg.length").and_then(|length| length.parse::<i32>().ok()) {
            Some(length @ 1..) => DataType::FixedSizeBinary(length),
            _ => unreadable(),
        },
        _ => DataType::Binary,
    }
}
