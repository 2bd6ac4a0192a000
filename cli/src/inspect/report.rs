//! What is known about a table, gathered in one place. The names of the fields are those of `--json`.

use std::collections::{BTreeMap, HashSet};

use frazil_table::lineage::Lineage;
use frazil_table::manifest::manifest_list;
use frazil_table::storage::PathMap;
use frazil_table::{FieldId, SnapshotId, Table};
use iceberg::spec::{FormatVersion, NestedField, Schema, SnapshotRef, Type};
use serde::Serialize;
use serde_json::Value;
use tracing::warn;

use super::files::{Counts, count};
use super::health::{Facts, Health, Named, assess};
use super::history::{Commit, HistoryReport, Reference, Retention};
use super::manifests::ManifestsReport;
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
    pub(crate) history: HistoryReport,
    /// `None` if the branch has no snapshot, as below.
    pub(crate) manifests: Option<ManifestsReport>,
    pub(crate) files: Option<FilesReport>,
    pub(crate) health: Option<Health>,
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
    /// Data files that are older than equality deletes under another partition spec, which do not reach them.
    pub(crate) data_files_beyond_equality_deletes: u64,
    pub(crate) n_partitions: u64,
    /// By spec and partition. If there are more than are to be shown, those with most small files and deletes.
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

/// What `inspect` shows, beside the table and branch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Partitions to show at most.
    pub(crate) n_partitions_max: usize,
    /// The present, milliseconds since the epoch: ages are counted to it.
    pub(crate) now_ms: i64,
}

/// Gathers all of it. Only the files of the branch's head need more than the table's metadata.
///
/// # Errors
/// What reading the head's manifests gives.
pub(crate) async fn gather(
    table: &Table,
    lineage: &Lineage,
    branch: &str,
    settings: Settings,
) -> Result<Report, CliError> {
    let metadata = table.metadata();
    let mut schemas: Vec<SchemaReport> = metadata.schemas_iter().map(|schema| schema_report(table, schema)).collect();
    schemas.sort_by_key(|schema| schema.schema_id);
    let mut snapshots: Vec<SnapshotReport> =
        metadata.snapshots().map(|snapshot| snapshot_report(snapshot, lineage)).collect();
    // v1 tables have no sequence numbers, and their commit times are all there is.
    snapshots.sort_by_key(|snapshot| (snapshot.sequence_number, snapshot.timestamp_ms, snapshot.snapshot_id));
    let (refs, references) = refs(table)?;
    let history = history_report(table, lineage, &references, settings.now_ms).await;
    let mut head = match lineage.head() {
        None => None,
        Some(head) => Some(head_report(table, head, branch).await?),
    };
    let health = head.as_ref().map(|(manifests, files)| judge(files, manifests, &history));
    if let Some((_, files)) = &mut head {
        limit(&mut files.partitions, settings.n_partitions_max);
    }
    let (manifests, files) = head.unzip();
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
        refs,
        history,
        manifests,
        files,
        health,
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
    let count = |key: &str| summary_count(snapshot, key);
    SnapshotReport {
        snapshot_id: snapshot.snapshot_id(),
        parent_snapshot_id: snapshot.parent_snapshot_id(),
        sequence_number: snapshot.sequence_number(),
        timestamp: commit_timestamp(snapshot.timestamp_ms()),
        timestamp_ms: snapshot.timestamp_ms(),
        operation: snapshot.summary().operation.as_str().to_owned(),
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

/// Branches and tags, to be shown and for what they keep. The metadata library shows them one at a time by name
/// only, but writes all of them down.
fn refs(table: &Table) -> Result<(Vec<RefReport>, Vec<Reference>), CliError> {
    let metadata = table.metadata();
    let written =
        serde_json::to_value(metadata).map_err(|error| CliError::Internal(format!("metadata as JSON: {error}")))?;
    let mut refs: Vec<(RefReport, Reference)> = Vec::new();
    for (name, value) in written.get("refs").and_then(Value::as_object).into_iter().flatten() {
        if let (Some(kind), Some(snapshot)) =
            (value.get("type").and_then(Value::as_str), metadata.snapshot_for_ref(name))
        {
            let number = |key: &str| value.get(key).and_then(Value::as_u64);
            let snapshot_id = snapshot.snapshot_id();
            let reference = Reference {
                snapshot_id,
                is_branch: kind == "branch",
                max_snapshot_age_ms: number("max-snapshot-age-ms"),
                min_snapshots_to_keep: number("min-snapshots-to-keep"),
            };
            refs.push((RefReport { name: name.clone(), kind: kind.to_owned(), snapshot_id }, reference));
        }
    }
    if refs.is_empty()
        && let Some(current) = metadata.current_snapshot()
    {
        // Tables of format version 1 have a current snapshot and write no refs.
        let (name, snapshot_id) = (frazil_table::MAIN_BRANCH.to_owned(), current.snapshot_id());
        let reference =
            Reference { snapshot_id, is_branch: true, max_snapshot_age_ms: None, min_snapshots_to_keep: None };
        refs.push((RefReport { name, kind: "branch".to_owned(), snapshot_id }, reference));
    }
    refs.sort_by(|(left, _), (right, _)| (&left.kind, &left.name).cmp(&(&right.kind, &right.name)));
    Ok(refs.into_iter().unzip())
}

async fn history_report(table: &Table, lineage: &Lineage, references: &[Reference], now_ms: i64) -> HistoryReport {
    let metadata = table.metadata();
    let commits: Vec<Commit> = metadata.snapshots().map(commit).collect();
    let line: Vec<Commit> = lineage.snapshots().iter().map(commit).collect();
    let retention = Retention::of(|key| metadata.properties().get(key));
    let metadata_file_bytes = metadata_file_bytes(table).await;
    HistoryReport::new(&commits, &line, references, retention, metadata_file_bytes, now_ms)
}

/// `None` where the file cannot be seen: some catalogs give out metadata that they keep to themselves.
async fn metadata_file_bytes(table: &Table) -> Option<u64> {
    let location = table.metadata_location();
    // A path that the user gave is taken as it is, one from a catalog goes through the path map.
    let unmapped = table.storage().with_path_map(PathMap::default());
    if let Ok(bytes) = unmapped.size(location).await {
        return Some(bytes);
    }
    match table.storage().size(location).await {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            warn!("the size of the metadata file is not known: {error}");
            None
        }
    }
}

fn commit(snapshot: &SnapshotRef) -> Commit {
    let count = |key: &str| summary_count(snapshot, key);
    Commit {
        snapshot_id: snapshot.snapshot_id(),
        parent_snapshot_id: snapshot.parent_snapshot_id(),
        timestamp_ms: snapshot.timestamp_ms(),
        added_data_files: count("added-data-files"),
        added_rows: count("added-records"),
        added_bytes: count("added-files-size"),
    }
}

fn summary_count(snapshot: &SnapshotRef, key: &str) -> Option<u64> {
    snapshot.summary().additional_properties.get(key).and_then(|text| text.parse().ok())
}

async fn head_report(
    table: &Table,
    head: &SnapshotRef,
    branch: &str,
) -> Result<(ManifestsReport, FilesReport), CliError> {
    let properties = table.metadata().properties();
    let target = properties.get(TARGET_FILE_SIZE_PROPERTY).and_then(|text| text.parse().ok());
    // As for a rewrite: three quarters of the target are large enough.
    let small_file_size_bytes = target.unwrap_or(TARGET_FILE_SIZE_BYTES_DEFAULT) / 4 * 3;
    let list = manifest_list(table, head).await?;
    let files = count(table, &list, small_file_size_bytes).await?;
    let partitions = files.partitions.into_iter().map(|partition| PartitionReport {
        spec_id: partition.spec_id.get(),
        partition: partition_text(table, partition.spec_id, &partition.tuple),
        counts: partition.counts,
    });
    let partitions: Vec<PartitionReport> = partitions.collect();
    let report = FilesReport {
        branch: branch.to_owned(),
        snapshot_id: head.snapshot_id(),
        small_file_size_bytes,
        total: files.total,
        data_files_beyond_equality_deletes: files.data_files_beyond_equality_deletes,
        n_partitions: partitions.len() as u64,
        partitions,
    };
    Ok((ManifestsReport::new(&list, properties), report))
}

fn judge(files: &FilesReport, manifests: &ManifestsReport, history: &HistoryReport) -> Health {
    let partitions: Vec<Named<'_>> = files
        .partitions
        .iter()
        .map(|partition| Named { name: &partition.partition, counts: &partition.counts })
        .collect();
    assess(&Facts {
        partitions: &partitions,
        total: &files.total,
        small_file_size_bytes: files.small_file_size_bytes,
        data_files_beyond_equality_deletes: files.data_files_beyond_equality_deletes,
        manifests,
        history,
    })
}

/// Keeps the `n_max` partitions with most small files and deletes, in their order.
fn limit(partitions: &mut Vec<PartitionReport>, n_max: usize) {
    if partitions.len() <= n_max {
        return;
    }
    let weight = |partition: &PartitionReport| partition.counts.small_files + partition.counts.delete_files();
    let mut places: Vec<usize> = (0..partitions.len()).collect();
    // The sort is stable: among equals the first stay.
    places.sort_by_key(|place| std::cmp::Reverse(partitions.get(*place).map(weight)));
    places.truncate(n_max);
    let kept: HashSet<usize> = places.into_iter().collect();
    let mut place = 0;
    partitions.retain(|_| {
        place += 1;
        kept.contains(&(place - 1))
    });
}
