//! What is known about a table, gathered in one place. The names of the fields are those of `--json`.

use std::collections::BTreeMap;

use frazil_table::file::{FileContent, FileEntry};
use frazil_table::lineage::Lineage;
use frazil_table::manifest::live_files;
use frazil_table::{FieldId, SnapshotId, Table};
use iceberg::spec::{FormatVersion, NestedField, Schema, SnapshotRef, Type};
use serde::Serialize;
use serde_json::Value;

use super::partition::partition_text;
use crate::error::CliError;
use crate::format::time::commit_timestamp;

/// Table property for the size of data files, and its default. Source: Iceberg documentation, "Write properties".
const TARGET_FILE_SIZE_PROPERTY: &str = "write.target-file-size-bytes";
const TARGET_FILE_SIZE_BYTES_DEFAULT: u64 = 512 * 1024 * 1024;

/// Everything that `inspect` shows.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) table: String,
    pub(crate) table_uuid: String,
    pub(crate) format_version: u8,
    pub(crate) location: String,
    pub(crate) metadata_file: String,
    pub(crate) last_updated: String,
    pub(crate) last_sequence_number: i64,
    pub(crate) current_schema_id: i32,
    pub(crate) schemas: Vec<SchemaReport>,
    pub(crate) partition_specs: Vec<SpecReport>,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) snapshots: Vec<SnapshotReport>,
    pub(crate) refs: Vec<RefReport>,
    /// `None` if the branch has no snapshot.
    pub(crate) files: Option<FilesReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SchemaReport {
    pub(crate) schema_id: i32,
    pub(crate) key: Vec<String>,
    pub(crate) columns: Vec<ColumnReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ColumnReport {
    pub(crate) id: i32,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) type_text: String,
    pub(crate) required: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct SpecReport {
    pub(crate) spec_id: i32,
    pub(crate) is_default: bool,
    pub(crate) fields: Vec<SpecFieldReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SpecFieldReport {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) transform: String,
    /// Name of the source column; its id where the column is gone.
    pub(crate) source: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct SnapshotReport {
    pub(crate) snapshot_id: i64,
    pub(crate) parent_snapshot_id: Option<i64>,
    pub(crate) sequence_number: i64,
    pub(crate) timestamp: String,
    #[serde(skip)]
    pub(crate) timestamp_ms: i64,
    pub(crate) operation: String,
    pub(crate) schema_id: Option<i32>,
    /// It is the branch's head or an ancestor of it.
    pub(crate) is_on_branch: bool,
    /// Counts of the snapshot's summary; `None` where its writer gave none.
    pub(crate) added_data_files: Option<u64>,
    pub(crate) removed_data_files: Option<u64>,
    pub(crate) added_rows: Option<u64>,
    pub(crate) removed_rows: Option<u64>,
    pub(crate) added_delete_files: Option<u64>,
    pub(crate) removed_delete_files: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct RefReport {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) snapshot_id: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct FilesReport {
    pub(crate) branch: String,
    pub(crate) snapshot_id: i64,
    /// A data file below this size is small.
    pub(crate) small_file_size_bytes: u64,
    pub(crate) total: Counts,
    pub(crate) partitions: Vec<PartitionReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PartitionReport {
    pub(crate) spec_id: i32,
    /// `name=value`, separated by `/`; empty where the spec has no fields.
    pub(crate) partition: String,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// Live files.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Counts {
    pub(crate) data_files: u64,
    /// Rows in data files, deleted ones included.
    pub(crate) data_rows: u64,
    pub(crate) data_bytes: u64,
    pub(crate) small_files: u64,
    /// Small files among the data files; 0 without any.
    pub(crate) small_file_ratio: f64,
    pub(crate) position_delete_files: u64,
    pub(crate) equality_delete_files: u64,
    pub(crate) deletion_vectors: u64,
    /// Entries of delete files: positions, or keys that may match no row or many.
    pub(crate) delete_entries: u64,
    pub(crate) delete_bytes: u64,
}

impl Counts {
    fn add(&mut self, file: &FileEntry, small_file_size_bytes: u64) {
        if file.content == FileContent::Data {
            self.data_files += 1;
            self.data_rows = self.data_rows.saturating_add(file.record_count);
            self.data_bytes = self.data_bytes.saturating_add(file.file_size_bytes);
            self.small_files += u64::from(file.file_size_bytes < small_file_size_bytes);
            self.small_file_ratio = ratio(self.small_files, self.data_files);
            return;
        }
        if file.is_deletion_vector() {
            self.deletion_vectors += 1;
        } else if file.content == FileContent::EqualityDeletes {
            self.equality_delete_files += 1;
        } else {
            self.position_delete_files += 1;
        }
        self.delete_entries = self.delete_entries.saturating_add(file.record_count);
        // One puffin file holds many vectors; each counts for its own part.
        let bytes = file.content_range.map_or(file.file_size_bytes, |(_, length)| length);
        self.delete_bytes = self.delete_bytes.saturating_add(bytes);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people, of numbers far below the limit")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Gathers all of it. Only the files of the branch's head need more than the table's metadata.
///
/// # Errors
/// What reading the head's manifests gives.
pub(crate) async fn gather(table: &Table, lineage: &Lineage, branch: &str) -> Result<Report, CliError> {
    let metadata = table.metadata();
    let mut schemas: Vec<SchemaReport> = metadata.schemas_iter().map(|schema| schema_report(table, schema)).collect();
    schemas.sort_by_key(|schema| schema.schema_id);
    let mut snapshots: Vec<SnapshotReport> =
        metadata.snapshots().map(|snapshot| snapshot_report(snapshot, lineage)).collect();
    // v1 tables have no sequence numbers, and their commit times are all there is.
    snapshots.sort_by_key(|snapshot| (snapshot.sequence_number, snapshot.timestamp_ms, snapshot.snapshot_id));
    let files = match lineage.head() {
        None => None,
        Some(head) => Some(files_report(table, head, branch).await?),
    };
    Ok(Report {
        table: table.name().to_owned(),
        table_uuid: metadata.uuid().to_string(),
        format_version: match metadata.format_version() {
            FormatVersion::V1 => 1,
            FormatVersion::V2 => 2,
            FormatVersion::V3 => 3,
        },
        location: metadata.location().to_owned(),
        metadata_file: table.metadata_location().to_owned(),
        last_updated: commit_timestamp(metadata.last_updated_ms()),
        last_sequence_number: metadata.last_sequence_number(),
        current_schema_id: metadata.current_schema_id(),
        schemas,
        partition_specs: spec_reports(table),
        properties: metadata.properties().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        snapshots,
        refs: ref_reports(table)?,
        files,
    })
}

fn schema_report(table: &Table, schema: &Schema) -> SchemaReport {
    let key = schema.identifier_field_ids().filter_map(|id| schema.name_by_field_id(id)).map(str::to_owned);
    let columns = schema.as_struct().fields().iter().map(|field| ColumnReport {
        id: field.id,
        name: field.name.clone(),
        type_text: type_text(table, field),
        required: field.required,
    });
    let mut key: Vec<String> = key.collect();
    key.sort();
    SchemaReport { schema_id: schema.schema_id(), key, columns: columns.collect() }
}

/// The type of a field as the table spec writes it, with the fields of nested types.
fn type_text(table: &Table, field: &NestedField) -> String {
    if let Some(foreign) = table.foreign_types().get(&FieldId::new(field.id)) {
        return foreign.clone();
    }
    match field.field_type.as_ref() {
        Type::Primitive(primitive) => primitive.to_string(),
        Type::Struct(fields) => {
            let fields: Vec<String> =
                fields.fields().iter().map(|child| format!("{}: {}", child.name, type_text(table, child))).collect();
            format!("struct<{}>", fields.join(", "))
        }
        Type::List(list) => format!("list<{}>", type_text(table, &list.element_field)),
        Type::Map(map) => {
            format!("map<{}, {}>", type_text(table, &map.key_field), type_text(table, &map.value_field))
        }
    }
}

fn spec_reports(table: &Table) -> Vec<SpecReport> {
    let metadata = table.metadata();
    let source = |id: i32| {
        let schema = table.schema_with(FieldId::new(id));
        schema.and_then(|schema| schema.name_by_field_id(id)).map_or_else(|| id.to_string(), str::to_owned)
    };
    let spec = |spec: &iceberg::spec::PartitionSpecRef| SpecReport {
        spec_id: spec.spec_id(),
        is_default: spec.spec_id() == metadata.default_partition_spec_id(),
        fields: spec
            .fields()
            .iter()
            .map(|field| SpecFieldReport {
                id: field.field_id,
                name: field.name.clone(),
                transform: field.transform.to_string(),
                source: source(field.source_id),
            })
            .collect(),
    };
    let mut specs: Vec<SpecReport> = metadata.partition_specs_iter().map(spec).collect();
    specs.sort_by_key(|spec| spec.spec_id);
    specs
}

fn snapshot_report(snapshot: &SnapshotRef, lineage: &Lineage) -> SnapshotReport {
    let summary = snapshot.summary();
    let count = |key: &str| summary.additional_properties.get(key).and_then(|text| text.parse().ok());
    SnapshotReport {
        snapshot_id: snapshot.snapshot_id(),
        parent_snapshot_id: snapshot.parent_snapshot_id(),
        sequence_number: snapshot.sequence_number(),
        timestamp: commit_timestamp(snapshot.timestamp_ms()),
        timestamp_ms: snapshot.timestamp_ms(),
        operation: summary.operation.as_str().to_owned(),
        schema_id: snapshot.schema_id(),
        is_on_branch: lineage.index_of(SnapshotId::new(snapshot.snapshot_id())).is_some(),
        added_data_files: count("added-data-files"),
        removed_data_files: count("deleted-data-files"),
        added_rows: count("added-records"),
        removed_rows: count("deleted-records"),
        added_delete_files: count("added-delete-files"),
        removed_delete_files: count("removed-delete-files"),
    }
}

/// Branches and tags. The metadata library shows them one at a time by name only, but writes all of them down.
fn ref_reports(table: &Table) -> Result<Vec<RefReport>, CliError> {
    let metadata = table.metadata();
    let written =
        serde_json::to_value(metadata).map_err(|error| CliError::Internal(format!("metadata as JSON: {error}")))?;
    let mut refs: Vec<RefReport> = Vec::new();
    for (name, value) in written.get("refs").and_then(Value::as_object).into_iter().flatten() {
        if let (Some(kind), Some(snapshot)) =
            (value.get("type").and_then(Value::as_str), metadata.snapshot_for_ref(name))
        {
            refs.push(RefReport { name: name.clone(), kind: kind.to_owned(), snapshot_id: snapshot.snapshot_id() });
        }
    }
    if refs.is_empty()
        && let Some(current) = metadata.current_snapshot()
    {
        // Tables of format version 1 have a current snapshot and write no refs.
        let name = frazil_table::MAIN_BRANCH.to_owned();
        refs.push(RefReport { name, kind: "branch".to_owned(), snapshot_id: current.snapshot_id() });
    }
    refs.sort_by(|left, right| (&left.kind, &left.name).cmp(&(&right.kind, &right.name)));
    Ok(refs)
}

async fn files_report(table: &Table, head: &SnapshotRef, branch: &str) -> Result<FilesReport, CliError> {
    let target = table.metadata().properties().get(TARGET_FILE_SIZE_PROPERTY).and_then(|text| text.parse().ok());
    // As for a rewrite: three quarters of the target are large enough.
    let small_file_size_bytes = target.unwrap_or(TARGET_FILE_SIZE_BYTES_DEFAULT) / 4 * 3;
    let live = live_files(table, head).await?;
    let mut total = Counts::default();
    let mut by_partition: BTreeMap<_, Counts> = BTreeMap::new();
    for file in live.data.iter().chain(&live.deletes) {
        total.add(file, small_file_size_bytes);
        let counts = by_partition.entry((file.spec_id, file.partition.clone())).or_default();
        counts.add(file, small_file_size_bytes);
    }
    let partitions = by_partition.into_iter().map(|((spec_id, tuple), counts)| PartitionReport {
        spec_id: spec_id.get(),
        partition: partition_text(table, spec_id, &tuple),
        counts,
    });
    Ok(FilesReport {
        branch: branch.to_owned(),
        snapshot_id: head.snapshot_id(),
        small_file_size_bytes,
        total,
        partitions: partitions.collect(),
    })
}
