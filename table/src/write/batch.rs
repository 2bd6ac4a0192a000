//! The columns of new files, and batches brought into their form.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, SchemaRef};
use iceberg::spec::{NestedField, NestedFieldRef, PrimitiveType, Schema, Type};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::ids::FieldId;
use crate::scan::Projection;
use crate::table::Table;
use crate::{ForeignFields, Result, TableError};

/// Reserved columns. Source: Iceberg spec, "Reserved Field IDs".
pub(super) const ROW_ID: (i32, &str) = (2_147_483_540, "_row_id");
pub(super) const LAST_UPDATED: (i32, &str) = (2_147_483_539, "_last_updated_sequence_number");

/// Columns of files that one writer makes.
#[derive(Debug)]
pub(super) struct RowSchema {
    /// As in the table, in the order of `arrow`.
    pub(super) fields: Vec<NestedFieldRef>,
    pub(super) arrow: SchemaRef,
    /// The schema as JSON, if the metadata can say it.
    pub(super) json: Option<String>,
    /// Columns that batches may have and files do not: always null.
    unstored: HashSet<String>,
}

impl RowSchema {
    /// All columns of the table's current schema.
    ///
    /// # Errors
    /// [`TableError::Unsupported`] names a column whose type cannot be written.
    pub(super) fn of_table(table: &Table, has_row_lineage: bool) -> Result<Self> {
        let schema = table.metadata().current_schema();
        // Source: Iceberg spec, "Unknown type": not stored in data files.
        let is_unknown = |field: &&NestedFieldRef| {
            table.foreign_types().get(&FieldId::new(field.id)).is_some_and(|name| name == "unknown")
        };
        let all = schema.as_struct().fields();
        let mut fields: Vec<NestedFieldRef> = all.iter().filter(|field| !is_unknown(field)).cloned().collect();
        let unstored = all.iter().filter(is_unknown).map(|field| field.name.clone()).collect();
        let mut projection = Projection::new(&fields, table.foreign_fields())?;
        if let Some(field) = projection.arrow_schema().fields().iter().find(|field| holds_null_type(field.data_type()))
        {
            let detail =
                format!("column `{}` has fields of type `unknown` inside, which cannot be written", field.name());
            return Err(TableError::unsupported(table.name(), detail));
        }
        if has_row_lineage {
            projection = projection.with_lineage();
            fields.extend([ROW_ID, LAST_UPDATED].map(|(id, name)| {
                NestedFieldRef::from(NestedField::optional(id, name, Type::Primitive(PrimitiveType::Long)))
            }));
        }
        let json = if table.foreign_types().is_empty() { serde_json::to_string(schema.as_ref()).ok() } else { None };
        Ok(Self { fields, arrow: projection.arrow_schema().clone(), json, unstored })
    }

    /// Top-level columns of the table's current schema, in this order.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if one is not there or cannot be compared.
    pub(super) fn keys(table: &Table, ids: &[FieldId]) -> Result<Self> {
        let schema = table.metadata().current_schema();
        if ids.is_empty() {
            let detail = format!("table `{}` has no identifier fields; name the columns of the key", table.name());
            return Err(TableError::invalid(detail));
        }
        let fields = ids.iter().map(|id| {
            let field = schema.as_struct().fields().iter().find(|field| field.id == id.get()).ok_or_else(|| {
                TableError::invalid(format!(
                    "table `{}` has no top-level column `{id}`; name another key",
                    table.name()
                ))
            })?;
            let is_key = match field.field_type.as_ref() {
                Type::Primitive(PrimitiveType::Float | PrimitiveType::Double) => false,
                Type::Primitive(_) => !table.foreign_types().contains_key(id),
                _ => false,
            };
            if is_key {
                Ok(field.clone())
            } else {
                Err(TableError::invalid(format!("column `{}` cannot be part of a key; name another one", field.name)))
            }
        });
        let fields = fields.collect::<Result<Vec<_>>>()?;
        let projection = Projection::new(&fields, table.foreign_fields())?;
        let json = json_of(&fields, schema.schema_id());
        Ok(Self { fields, arrow: projection.arrow_schema().clone(), json, unstored: HashSet::new() })
    }

    /// Columns that are given as they are.
    pub(super) fn of_fields(fields: Vec<NestedFieldRef>) -> Result<Self> {
        let projection = Projection::new(&fields, &ForeignFields::default())?;
        let json = json_of(&fields, 0);
        Ok(Self { fields, arrow: projection.arrow_schema().clone(), json, unstored: HashSet::new() })
    }

    /// The columns of a batch in the order and types of the file. Columns of `batch` are found by field id, else by
    /// name; optional ones that it lacks are null. Types may differ in names of nested parts and in how text, bytes
    /// and time zones are held.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if a column is missing, unknown, of another type, or null where it must not be.
    pub(super) fn conform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        if batch.schema_ref() == &self.arrow {
            return Ok(batch.clone());
        }
        let mut is_used = vec![false; batch.num_columns()];
        let columns = self.fields.iter().zip(self.arrow.fields()).map(|(field, arrow)| match find(batch, field) {
            Some(index) => {
                if let Some(is_used) = is_used.get_mut(index) {
                    *is_used = true;
                }
                converted(batch.column(index), arrow)
            }
            None if field.required || field.write_default.is_some() || is_lineage(field.id) => {
                Err(TableError::invalid(format!("the rows lack column `{}`; add it", field.name)))
            }
            None => Ok(new_null_array(arrow.data_type(), batch.num_rows())),
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let schema = batch.schema();
        let unknown = schema
            .fields()
            .iter()
            .zip(&is_used)
            .find(|(field, is_used)| !**is_used && !self.unstored.contains(field.name()));
        if let Some((field, _)) = unknown {
            let detail =
                format!("the table has no column `{}` of its own; leave it out or add it to the table", field.name());
            return Err(TableError::invalid(detail));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.arrow.clone(), columns, &options)
            .map_err(|error| TableError::invalid(format!("the rows do not fit the table: {error}")))
    }

    /// The columns of this schema out of a batch that may have more.
    pub(super) fn select(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let indexes = self.fields.iter().map(|field| {
            find(batch, field)
                .ok_or_else(|| TableError::invalid(format!("the rows lack column `{}`; add it", field.name)))
        });
        let indexes = indexes.collect::<Result<Vec<_>>>()?;
        self.conform(&batch.project(&indexes).map_err(TableError::internal)?)
    }
}

/// A schema of these columns as JSON.
fn json_of(fields: &[NestedFieldRef], schema_id: i32) -> Option<String> {
    let schema = Schema::builder().with_schema_id(schema_id).with_fields(fields.to_vec()).build().ok()?;
    serde_json::to_string(&schema).ok()
}

fn is_lineage(id: i32) -> bool {
    id == ROW_ID.0 || id == LAST_UPDATED.0
}

/// Index of the column: by field id, else by name among columns without one.
fn find(batch: &RecordBatch, field: &NestedField) -> Option<usize> {
    let schema = batch.schema_ref();
    let id = field.id.to_string();
    let id_of = |field: &Field| field.metadata().get(PARQUET_FIELD_ID_META_KEY).cloned();
    let by_id = schema.fields().iter().position(|other| id_of(other).as_ref() == Some(&id));
    by_id.or_else(|| schema.fields().iter().position(|other| id_of(other).is_none() && other.name() == &field.name))
}

fn holds_null_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => true,
        DataType::Struct(fields) => fields.iter().any(|field| holds_null_type(field.data_type())),
        DataType::List(field) | DataType::Map(field, _) => holds_null_type(field.data_type()),
        _ => false,
    }
}

fn converted(array: &ArrayRef, to: &Field) -> Result<ArrayRef> {
    if array.data_type() == to.data_type() {
        return Ok(array.clone());
    }
    if !is_alike(array.data_type(), to.data_type()) {
        let detail =
            format!("column `{}` is of type `{}`; give it as `{}`", to.name(), array.data_type(), to.data_type());
        return Err(TableError::invalid(detail));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to.data_type(), &options)
        .map_err(|error| TableError::invalid(format!("column `{}` does not fit the table: {error}", to.name())))
}

/// The same values, held in another way at most.
fn is_alike(from: &DataType, to: &DataType) -> bool {
    use DataType as D;
    match (from, to) {
        (from, to) if from == to => true,
        (D::Utf8 | D::LargeUtf8 | D::Utf8View, D::Utf8) | (D::Binary | D::LargeBinary | D::BinaryView, D::Binary) => {
            true
        }
        (D::Timestamp(from, from_zone), D::Timestamp(to, to_zone)) => {
            from == to && from_zone.is_some() == to_zone.is_some()
        }
        (D::Dictionary(_, value), to) => is_alike(value, to),
        (D::Struct(from), D::Struct(to)) => {
            from.len() == to.len()
                && from
                    .iter()
                    .zip(to)
                    .all(|(from, to)| from.name() == to.name() && is_alike(from.data_type(), to.data_type()))
        }
        (D::List(from) | D::LargeList(from), D::List(to)) => is_alike(from.data_type(), to.data_type()),
        (D::Map(from, _), D::Map(to, _)) => match (from.data_type(), to.data_type()) {
            (D::Struct(from), D::Struct(to)) => {
                from.len() == to.len()
                    && from.iter().zip(to).all(|(from, to)| is_alike(from.data_type(), to.data_type()))
            }
            _ => false,
        },
        _ => false,
    }
}

/// [`RowSchema`] shared by the files of a writer.
pub(super) type SharedSchema = Arc<RowSchema>;
