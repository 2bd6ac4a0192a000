//! Output columns: which fields of a table, in which Arrow types.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema as ArrowSchema, SchemaRef, TimeUnit};
use iceberg::spec::{Literal, NestedField, NestedFieldRef, PrimitiveType, Schema, Type};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::ids::FieldId;
use crate::metadata::ForeignFields;
use crate::table::Table;
use crate::{Result, TableError};

/// Field id of `_row_id`. Source: Iceberg spec, "Reserved Field IDs".
pub(super) const ROW_ID: i32 = 2_147_483_540;

/// Field id of `_last_updated_sequence_number`. Source: as above.
pub(super) const LAST_UPDATED: i32 = 2_147_483_539;

/// Time zone of all `timestamptz` columns.
const UTC: &str = "+00:00";

/// Name of the entries of an Arrow map, as the iceberg crate writes it.
const MAP_ENTRIES: &str = "key_value";

const EXTENSION_NAME: &str = "ARROW:extension:name";
const UUID_EXTENSION: &str = "arrow.uuid";

/// What to read: output columns by field id. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Projection {
    columns: Arc<[Column]>,
    arrow_schema: SchemaRef,
    field_ids: Arc<[FieldId]>,
}

/// Where an output column comes from.
#[derive(Debug, Clone)]
pub(super) enum Column {
    /// A top-level field.
    Field(Arc<Target>),
    /// A leaf that may lie inside structs; null where one of them is null.
    Key(Arc<Target>),
    /// `_row_id`
    RowId(FieldRef),
    /// `_last_updated_sequence_number`
    LastUpdated(FieldRef),
}

/// A field to read, with what is needed where a file does not have it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) id: i32,
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) kind: TargetKind,
    pub(super) initial_default: Option<Literal>,
    pub(super) arrow: FieldRef,
}

/// Type of a [`Target`].
#[derive(Debug)]
pub(super) enum TargetKind {
    Primitive(PrimitiveType),
    /// The type `unknown`: always null.
    Unknown,
    Struct(Vec<Target>),
    List(Box<Target>),
    Map(Box<Target>, Box<Target>),
}

/// Fields that are kept of a schema.
enum Keep<'a> {
    All,
    /// These, with everything inside them, and the parents that lead to them.
    Only(&'a BTreeSet<i32>),
}

impl Projection {
    /// Output fields in this order, each with everything inside it. `foreign` as in [`Table::foreign_fields`].
    ///
    /// # Errors
    /// [`TableError::Unsupported`] names a column whose type cannot be read; leave it out.
    pub fn new(fields: &[NestedFieldRef], foreign: &ForeignFields) -> Result<Self> {
        let targets = fields.iter().map(|field| target(field, &field.name, &Keep::All, foreign));
        Ok(Self::of_targets(targets.collect::<Result<Vec<_>>>()?))
    }

    /// All columns of a schema, in its order.
    ///
    /// # Errors
    /// As [`Projection::new`].
    pub fn of_schema(table: &Table, schema: &Schema) -> Result<Self> {
        Self::new(schema.as_struct().fields(), table.foreign_fields())
    }

    /// Only these fields of a schema. A nested field keeps its parents, with the selected children only.
    /// Top-level columns come in the order in which `ids` first names something of theirs.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if the schema has no such field; else as [`Projection::new`].
    pub fn select(table: &Table, schema: &Schema, ids: &[FieldId]) -> Result<Self> {
        let wanted: BTreeSet<i32> = ids.iter().map(|id| id.get()).collect();
        let mut top_level = Vec::new();
        for id in ids {
            let field = schema.as_struct().fields().iter().find(|field| holds(field, id.get())).ok_or_else(|| {
                TableError::invalid(format!("schema `{}` has no field with id `{id}`", schema.schema_id()))
            })?;
            if !top_level.iter().any(|other: &&NestedFieldRef| other.id == field.id) {
                top_level.push(field);
            }
        }
        let keep = Keep::Only(&wanted);
        let targets = top_level.into_iter().map(|field| target(field, &field.name, &keep, table.foreign_fields()));
        Ok(Self::of_targets(targets.collect::<Result<Vec<_>>>()?))
    }

    /// Key columns as equality deletes compare them: column `i` is the leaf `ids[i]`, taken out of the structs
    /// around it (null where one of them is null), in the type of the newest schema of the table that has it.
    /// A column that was dropped from the table is still found. All columns are nullable.
    ///
    /// # Errors
    /// [`TableError::Corrupt`] if no schema of the table has the field, or it cannot be compared.
    pub fn keys(table: &Table, ids: &[FieldId]) -> Result<Self> {
        let columns = ids.iter().map(|id| {
            let field = newest_field(table, *id).ok_or_else(|| {
                TableError::corrupt(
                    table.metadata_location(),
                    format!("equality deletes use field id `{id}`, which no schema of the table has"),
                )
            })?;
            if !field.field_type.is_primitive() {
                return Err(TableError::corrupt(
                    table.metadata_location(),
                    format!("equality deletes use column `{}`, which is no primitive", field.name),
                ));
            }
            let mut target = target(&field, &field.name, &Keep::All, table.foreign_fields())?;
            target.required = false;
            target.arrow = Arc::new(target.arrow.as_ref().clone().with_nullable(true));
            Ok(Column::Key(Arc::new(target)))
        });
        Ok(Self::of_columns(columns.collect::<Result<Vec<_>>>()?))
    }

    /// Appends the columns `_row_id` and `_last_updated_sequence_number`: what the file says, and where it says
    /// nothing, what follows from its manifest entry. `_row_id` is null in a file without a first row id.
    /// Source: Iceberg spec, "Row Lineage".
    pub fn with_lineage(self) -> Self {
        let lineage = |id: i32, name: &str| {
            let metadata = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())]);
            Arc::new(Field::new(name, DataType::Int64, true).with_metadata(metadata))
        };
        let mut columns = self.columns.to_vec();
        columns.push(Column::RowId(lineage(ROW_ID, "_row_id")));
        columns.push(Column::LastUpdated(lineage(LAST_UPDATED, "_last_updated_sequence_number")));
        Self::of_columns(columns)
    }

    /// Appends key columns, as [`Projection::keys`] gives them.
    ///
    /// # Errors
    /// As [`Projection::keys`].
    pub fn with_keys(self, table: &Table, ids: &[FieldId]) -> Result<Self> {
        if ids.is_empty() {
            return Ok(self);
        }
        let keys = Self::keys(table, ids)?;
        Ok(Self::of_columns(self.columns.iter().chain(keys.columns.iter()).cloned().collect()))
    }

    /// The columns of both, these first.
    pub fn and(self, other: &Self) -> Self {
        Self::of_columns(self.columns.iter().chain(other.columns.iter()).cloned().collect())
    }

    /// Schema of the batches. Every field, nested ones too, carries its id as `PARQUET:field_id`; uuid columns
    /// carry the extension name `arrow.uuid`.
    pub fn arrow_schema(&self) -> &SchemaRef {
        &self.arrow_schema
    }

    /// Field id of each column.
    pub fn field_ids(&self) -> &[FieldId] {
        &self.field_ids
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn of_targets(targets: Vec<Target>) -> Self {
        Self::of_columns(targets.into_iter().map(|target| Column::Field(Arc::new(target))).collect())
    }

    fn of_columns(columns: Vec<Column>) -> Self {
        let fields: Vec<FieldRef> = columns.iter().map(|column| column.arrow().clone()).collect();
        Self {
            field_ids: columns.iter().map(|column| FieldId::new(column.id())).collect(),
            arrow_schema: Arc::new(ArrowSchema::new(fields)),
            columns: columns.into(),
        }
    }
}

impl Target {
    /// Files may have values of the field: they have none of a column that is always null.
    pub(super) fn is_stored(&self) -> bool {
        !matches!(self.kind, TargetKind::Unknown)
    }
}

impl Column {
    fn id(&self) -> i32 {
        match self {
            Self::Field(target) | Self::Key(target) => target.id,
            Self::RowId(_) => ROW_ID,
            Self::LastUpdated(_) => LAST_UPDATED,
        }
    }

    fn arrow(&self) -> &FieldRef {
        match self {
            Self::Field(target) | Self::Key(target) => &target.arrow,
            Self::RowId(field) | Self::LastUpdated(field) => field,
        }
    }
}

/// The field is `id`, or has it inside.
fn holds(field: &NestedField, id: i32) -> bool {
    field.id == id
        || match field.field_type.as_ref() {
            Type::Primitive(_) => false,
            Type::Struct(fields) => fields.fields().iter().any(|child| holds(child, id)),
            Type::List(list) => holds(&list.element_field, id),
            Type::Map(map) => holds(&map.key_field, id) || holds(&map.value_field, id),
        }
}

/// The field as the newest schema that has it describes it.
fn newest_field(table: &Table, id: FieldId) -> Option<NestedFieldRef> {
    let current = table.metadata().current_schema();
    if let Some(field) = current.field_by_id(id.get()) {
        return Some(field.clone());
    }
    let with_field = table.metadata().schemas_iter().filter_map(|schema| {
        let field = schema.field_by_id(id.get())?;
        Some((schema.schema_id(), field.clone()))
    });
    // Schema ids are handed out in ascending order.
    with_field.max_by_key(|(schema_id, _)| *schema_id).map(|(_, field)| field)
}

/// `path` is the field's dotted name, for messages.
fn target(field: &NestedField, path: &str, keep: &Keep<'_>, foreign: &ForeignFields) -> Result<Target> {
    // A field that is named itself is kept whole.
    let keep = match keep {
        Keep::Only(ids) if !ids.contains(&field.id) => keep,
        _ => &Keep::All,
    };
    let child = |child: &NestedField| target(child, &format!("{path}.{}", child.name), keep, foreign);
    let (kind, data_type) = match (foreign.types.get(&FieldId::new(field.id)), field.field_type.as_ref()) {
        (Some(foreign), _) if foreign == "unknown" => (TargetKind::Unknown, DataType::Null),
        (Some(foreign), _) => {
            return Err(TableError::unsupported(
                path,
                format!("column `{path}` has type `{foreign}`, which cannot be read yet; leave it out with --columns"),
            ));
        }
        (None, Type::Primitive(primitive)) => (TargetKind::Primitive(primitive.clone()), arrow_type(primitive, path)?),
        (None, Type::Struct(fields)) => {
            let kept = fields.fields().iter().filter(|field| keep.touches(field));
            let children = kept.map(|field| child(field)).collect::<Result<Vec<_>>>()?;
            let data_type = DataType::Struct(children.iter().map(|child| child.arrow.clone()).collect());
            (TargetKind::Struct(children), data_type)
        }
        (None, Type::List(list)) => {
            let element = child(&list.element_field)?;
            let data_type = DataType::List(element.arrow.clone());
            (TargetKind::List(Box::new(element)), data_type)
        }
        (None, Type::Map(map)) => {
            // A key cannot be read in part: it would no longer be a key.
            let key_path = format!("{path}.{}", map.key_field.name);
            let key = target(&map.key_field, &key_path, &Keep::All, foreign)?;
            let value_keep = if keep.touches(&map.value_field) { keep } else { &Keep::All };
            let value_path = format!("{path}.{}", map.value_field.name);
            let value = target(&map.value_field, &value_path, value_keep, foreign)?;
            let entries = DataType::Struct([key.arrow.clone(), value.arrow.clone()].into_iter().collect());
            let data_type = DataType::Map(Arc::new(Field::new(MAP_ENTRIES, entries, false)), false);
            (TargetKind::Map(Box::new(key), Box::new(value)), data_type)
        }
    };
    let mut metadata = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), field.id.to_string())]);
    if matches!(kind, TargetKind::Primitive(PrimitiveType::Uuid)) {
        metadata.insert(EXTENSION_NAME.to_owned(), UUID_EXTENSION.to_owned());
    }
    // A column that is always null cannot be required, whatever the schema says.
    let required = field.required && !matches!(kind, TargetKind::Unknown);
    Ok(Target {
        id: field.id,
        name: path.to_owned(),
        required,
        arrow: Arc::new(Field::new(&field.name, data_type, !required).with_metadata(metadata)),
        kind,
        initial_default: foreign.initial_default(field),
    })
}

impl Keep<'_> {
    fn touches(&self, field: &NestedField) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.iter().any(|id| holds(field, *id)),
        }
    }
}

/// Arrow type of a primitive. Strings and binaries have 32-bit offsets: batches are small.
fn arrow_type(primitive: &PrimitiveType, path: &str) -> Result<DataType> {
    let unsupported = |detail: &str| TableError::unsupported(path, format!("column `{path}`: {detail}"));
    Ok(match primitive {
        PrimitiveType::Boolean => DataType::Boolean,
        PrimitiveType::Int => DataType::Int32,
        PrimitiveType::Long => DataType::Int64,
        PrimitiveType::Float => DataType::Float32,
        PrimitiveType::Double => DataType::Float64,
        PrimitiveType::Decimal { precision, scale } => match (u8::try_from(*precision), i8::try_from(*scale)) {
            (Ok(precision @ 1..=38), Ok(scale)) if i32::from(scale) <= i32::from(precision) => {
                DataType::Decimal128(precision, scale)
            }
            _ => return Err(unsupported("a decimal has 1 to 38 digits, and a scale of at most as many")),
        },
        PrimitiveType::Date => DataType::Date32,
        PrimitiveType::Time => DataType::Time64(TimeUnit::Microsecond),
        PrimitiveType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        PrimitiveType::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        PrimitiveType::TimestampNs => DataType::Timestamp(TimeUnit::Nanosecond, None),
        PrimitiveType::TimestamptzNs => DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
        PrimitiveType::String => DataType::Utf8,
        PrimitiveType::Uuid => DataType::FixedSizeBinary(16),
        PrimitiveType::Fixed(length) => DataType::FixedSizeBinary(
            i32::try_from(*length).map_err(|_| unsupported("values of this fixed length do not fit in memory"))?,
        ),
        PrimitiveType::Binary => DataType::Binary,
    })
}
