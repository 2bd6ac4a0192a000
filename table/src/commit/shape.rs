//! How manifests of a table look: the partition types of its specs, and the schemas that stand in their headers.

use iceberg::spec::{PartitionSpec, PrimitiveType, Type};
use serde_json::Value;

use super::target::CommitBase;
use crate::ids::{FieldId, SpecId};
use crate::manifest::{ManifestContent, ManifestShape, PartitionColumn, version_number};
use crate::table::Table;
use crate::{Result, TableError};

/// The shape of manifests that list files of that content under that spec.
///
/// # Errors
/// [`TableError::InvalidRequest`] if the table has no such spec; [`TableError::Unsupported`] if no schema of the table
/// has a column that the spec is made of.
pub(super) fn manifest_shape(base: &CommitBase, spec_id: SpecId, content: ManifestContent) -> Result<ManifestShape> {
    let table = &base.table;
    let spec = table.metadata().partition_spec_by_id(spec_id.get()).ok_or_else(|| {
        TableError::invalid(format!(
            "the table has no partition spec `{spec_id}`; files must be written under one of it"
        ))
    })?;
    let partition = spec.fields().iter().map(|field| {
        let value_type = partition_type(table, FieldId::new(field.source_id), field.transform)?;
        Ok(PartitionColumn { name: field.name.clone(), field_id: field.field_id, value_type })
    });
    Ok(ManifestShape {
        version: version_number(table.metadata().format_version()),
        content,
        spec_id,
        spec_fields: serde_json::to_value(spec.fields()).map_err(TableError::internal)?,
        partition: partition.collect::<Result<_>>()?,
        schema: schema_json(base, spec)?,
    })
}

fn partition_type(table: &Table, source: FieldId, transform: iceberg::spec::Transform) -> Result<PrimitiveType> {
    let source_type = table.primitive_type(source).ok_or_else(|| {
        TableError::unsupported(
            table.metadata_location(),
            format!("a partition spec is made of the column with field id `{source}`, which no schema has"),
        )
    })?;
    match transform.result_type(&Type::Primitive(source_type)) {
        Ok(Type::Primitive(value_type)) => Ok(value_type),
        Ok(other) => Err(TableError::internal(format!("transform `{transform}` gives `{other}`"))),
        Err(error) => Err(TableError::unsupported(table.metadata_location(), error.message())),
    }
}

/// The schema as it is stored, with types that the metadata library has no name for: the current one if it has the
/// spec's columns, else one that does.
fn schema_json(base: &CommitBase, spec: &PartitionSpec) -> Result<Value> {
    let metadata = base.table.metadata();
    let current = metadata.current_schema();
    let has_all = |schema: &iceberg::spec::Schema| {
        spec.fields().iter().all(|field| schema.field_by_id(field.source_id).is_some())
    };
    let with_columns = metadata.schemas_iter().filter(|schema| has_all(schema)).max_by_key(|schema| schema.schema_id());
    let schema = if has_all(current) { current } else { with_columns.unwrap_or(current) };
    let stored = base.document.get("schemas").and_then(Value::as_array).into_iter().flatten();
    let wanted = i64::from(schema.schema_id());
    let stored = stored.into_iter().find(|stored| stored.get("schema-id").and_then(Value::as_i64) == Some(wanted));
    match stored {
        Some(stored) => Ok(stored.clone()),
        None => serde_json::to_value(&**schema).map_err(TableError::internal),
    }
}
