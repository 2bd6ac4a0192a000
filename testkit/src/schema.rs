//! Plain schemas and partition specs, and their JSON in table metadata.

use serde_json::{Value as Json, json};

use crate::value::Value;

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `boolean`
    Boolean,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `decimal(precision, scale)`
    Decimal(u8, i8),
    /// `string`
    String,
    /// `date`
    Date,
    /// `timestamp`
    Timestamp,
    /// `binary`
    Binary,
}

impl ColumnType {
    /// The type's name in metadata.
    pub fn name(self) -> String {
        match self {
            Self::Boolean => "boolean".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Long => "long".to_owned(),
            Self::Float => "float".to_owned(),
            Self::Double => "double".to_owned(),
            Self::Decimal(precision, scale) => format!("decimal({precision}, {scale})"),
            Self::String => "string".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::Binary => "binary".to_owned(),
        }
    }

    /// Parses a name such as `int` or `decimal(9,2)`.
    pub fn parse(name: &str) -> Self {
        let compact: String = name.chars().filter(|c| !c.is_whitespace()).collect();
        match compact.as_str() {
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "string" => Self::String,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "binary" => Self::Binary,
            other => {
                let digits = other.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')'));
                let (precision, scale) =
                    digits.and_then(|rest| rest.split_once(',')).unwrap_or_else(|| panic!("no such type: {name}"));
                Self::Decimal(precision.parse().unwrap(), scale.parse().unwrap())
            }
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Field id.
    pub id: i32,
    /// Name.
    pub name: String,
    /// Type.
    pub kind: ColumnType,
    /// Holds no NULL.
    pub required: bool,
    /// Value in files written before the column was added (v3); NULL for none.
    pub initial_default: Value,
}

/// A schema of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableSchema {
    /// Schema id.
    pub id: i32,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Identifier fields.
    pub identifier_ids: Vec<i32>,
}

impl TableSchema {
    /// The column of that name.
    pub fn column(&self, name: &str) -> &Column {
        self.columns.iter().find(|column| column.name == name).unwrap_or_else(|| panic!("no column {name}"))
    }

    /// Ids of the columns in order.
    pub fn ids(&self) -> Vec<i32> {
        self.columns.iter().map(|column| column.id).collect()
    }

    /// Ids of the named columns; names are separated by commas.
    pub fn ids_of(&self, names: &str) -> Vec<i32> {
        names.split(',').map(|name| self.column(name.trim()).id).collect()
    }

    pub(crate) fn to_json(&self) -> Json {
        let fields: Vec<Json> = self.columns.iter().map(Column::to_json).collect();
        json!({
            "type": "struct",
            "schema-id": self.id,
            "identifier-field-ids": self.identifier_ids,
            "fields": fields,
        })
    }
}

impl Column {
    fn to_json(&self) -> Json {
        let mut field = json!({
            "id": self.id,
            "name": self.name,
            "required": self.required,
            "type": self.kind.name(),
        });
        let default = match (&self.initial_default, self.kind) {
            (Value::Null, _) => return field,
            (Value::Boolean(value), _) => json!(value),
            (Value::Long(value), ColumnType::Int | ColumnType::Long) => json!(value),
            (Value::Double(bits), _) => json!(f64::from_bits(*bits)),
            (Value::Decimal(unscaled), ColumnType::Decimal(_, scale)) => json!(decimal_text(*unscaled, scale)),
            (Value::String(value), _) => json!(value),
            (other, kind) => panic!("no JSON default for {other:?} of type {kind:?}"),
        };
        field["initial-default"] = default.clone();
        field["write-default"] = default;
        field
    }
}

fn decimal_text(unscaled: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap();
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// How a partition value is made from its source column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// The value itself.
    Identity,
    /// Hash modulo this number.
    Bucket(u32),
    /// Always NULL: what is left of a dropped field in v1 tables.
    Void,
    /// Numbers down to a multiple of this, text cut to this many characters.
    Truncate(u32),
    /// Years since 1970.
    Year,
    /// Months since 1970.
    Month,
    /// Days since 1970.
    Day,
    /// Hours since 1970.
    Hour,
}

impl Transform {
    /// Its text in metadata.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Identity => "identity".to_owned(),
            Self::Bucket(n) => format!("bucket[{n}]"),
            Self::Void => "void".to_owned(),
            Self::Truncate(width) => format!("truncate[{width}]"),
            Self::Year => "year".to_owned(),
            Self::Month => "month".to_owned(),
            Self::Day => "day".to_owned(),
            Self::Hour => "hour".to_owned(),
        }
    }

    /// Type of the partition value.
    pub(crate) fn result(self, source: ColumnType) -> ColumnType {
        match self {
            Self::Identity | Self::Void | Self::Truncate(_) => source,
            Self::Bucket(_) | Self::Year | Self::Month | Self::Hour => ColumnType::Int,
            // The iceberg crate writes days as dates, as Iceberg's Java library does.
            Self::Day => ColumnType::Date,
        }
    }
}

/// One field of a partition spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionField {
    /// Source column.
    pub source_id: i32,
    /// Field id, from 1000.
    pub field_id: i32,
    /// Name.
    pub name: String,
    /// Transform.
    pub transform: Transform,
}

/// A partition spec of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionSpec {
    /// Spec id.
    pub id: i32,
    /// Fields in order.
    pub fields: Vec<PartitionField>,
}

impl PartitionSpec {
    /// Files of this spec lie in one partition, and its equality deletes are global.
    pub fn is_unpartitioned(&self) -> bool {
        self.fields.iter().all(|field| field.transform == Transform::Void)
    }

    /// The value that all rows of a file share in this column, if the spec says so.
    pub fn identity_index(&self, source_id: i32) -> Option<usize> {
        self.fields.iter().position(|field| field.source_id == source_id && field.transform == Transform::Identity)
    }

    pub(crate) fn fields_json(&self) -> Json {
        let fields: Vec<Json> = self
            .fields
            .iter()
            .map(|field| {
                json!({"source-id": field.source_id, "field-id": field.field_id, "name": field.name, "transform": field.transform.name()})
            })
            .collect();
        Json::Array(fields)
    }

    pub(crate) fn to_json(&self) -> Json {
        json!({"spec-id": self.id, "fields": self.fields_json()})
    }
}
