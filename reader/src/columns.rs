//! Columns by name, and the columns of the key.

use std::collections::BTreeSet;

use frazil_table::manifest::ManifestContent;
use frazil_table::manifest::live_files_in;
use frazil_table::scan::Projection;
use frazil_table::{FieldId, Table, TableError};
use iceberg::spec::{Schema, SnapshotRef, Type};

use crate::Result;

/// Names listed in a message at most.
const N_NAMES_SHOWN: usize = 20;

/// The ids of columns given by (dotted) name.
pub(crate) fn ids_of(table: &Table, schema: &Schema, names: &[String]) -> Result<Vec<FieldId>> {
    names
        .iter()
        .map(|name| match schema.field_id_by_name(name) {
            Some(id) => Ok(FieldId::new(id)),
            None => Err(unknown_column(table, schema, name).into()),
        })
        .collect()
}

fn unknown_column(table: &Table, schema: &Schema, name: &str) -> TableError {
    let mut names: Vec<&str> =
        schema.as_struct().fields().iter().map(|field| field.name.as_str()).take(N_NAMES_SHOWN).collect();
    if schema.as_struct().fields().len() > N_NAMES_SHOWN {
        names.push("…");
    }
    TableError::invalid(format!("column `{name}` is not in table `{}`; it has {}", table.name(), names.join(", ")))
}

/// What a consumer gets of a schema. Columns that this schema does not have (yet, or any more) are left out.
pub(crate) fn output(table: &Table, schema: &Schema, ids: Option<&[FieldId]>) -> Result<Projection> {
    Ok(match ids {
        None => Projection::of_schema(table, schema)?,
        Some(ids) => {
            let there: Vec<FieldId> = ids.iter().copied().filter(|id| schema.field_by_id(id.get()).is_some()).collect();
            Projection::select(table, schema, &there)?
        }
    })
}

/// The key of a stream: the columns named, else the identifier fields of `schema`, else the columns that
/// all equality deletes live at `head` compare. Empty if there is none.
///
/// # Errors
/// [`TableError::InvalidRequest`] if a named column is not there, or is no primitive.
pub(crate) async fn key_ids(
    table: &Table,
    schema: &Schema,
    head: Option<&SnapshotRef>,
    named: Option<&[String]>,
) -> Result<Vec<FieldId>> {
    let ids: Vec<FieldId> = match named {
        Some(names) => ids_of(table, schema, names)?,
        None => {
            let mut ids: Vec<FieldId> = schema.identifier_field_ids().map(FieldId::new).collect();
            ids.sort_unstable();
            ids
        }
    };
    if let Some(name) = ids.iter().find_map(|id| nested_name(schema, *id)) {
        return Err(TableError::invalid(format!("column `{name}` is nested and cannot be part of a key")).into());
    }
    if !ids.is_empty() || named.is_some() {
        return Ok(ids);
    }
    match head {
        Some(head) => equality_key(table, head).await,
        None => Ok(Vec::new()),
    }
}

fn nested_name(schema: &Schema, id: FieldId) -> Option<&str> {
    let field = schema.field_by_id(id.get())?;
    (!matches!(*field.field_type, Type::Primitive(_))).then(|| schema.name_by_field_id(id.get())).flatten()
}

async fn equality_key(table: &Table, head: &SnapshotRef) -> Result<Vec<FieldId>> {
    let live = live_files_in(table, head, |manifest| manifest.content == ManifestContent::Deletes).await?;
    let sets: BTreeSet<Vec<FieldId>> = live
        .deletes
        .iter()
        .filter(|file| !file.equality_ids.is_empty())
        .map(|file| {
            let mut ids = file.equality_ids.clone();
            ids.sort_unstable();
            ids
        })
        .collect();
    // Deletes over different columns have no common key.
    Ok(if sets.len() == 1 { sets.into_iter().next().unwrap_or_default() } else { Vec::new() })
}

/// Names of columns, for messages and headers.
pub(crate) fn names_of(table: &Table, ids: &[FieldId]) -> Vec<String> {
    ids.iter()
        .map(|id| {
            let name = table.schema_with(*id).and_then(|schema| schema.name_by_field_id(id.get()));
            name.map_or_else(|| format!("field {id}"), str::to_owned)
        })
        .collect()
}
