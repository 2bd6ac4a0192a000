//! Writes the metadata of a table on the local disk: commits of files that are there already.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use frazil_table::storage::Storage;
use iceberg::io::FileIO;
use iceberg::spec::{
    DataContentType, DataFile, ManifestFile, ManifestListWriter, ManifestWriterBuilder, PartitionSpec, Schema,
};
use serde_json::{Value as Json, json};

use crate::events::mix;

/// Commit time of the first snapshot; each later one is a second younger.
const FIRST_COMMIT_MS: i64 = 1_704_067_200_000;

/// How a writer treats the manifests of earlier commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestMerging {
    /// Every commit adds one and keeps the others (Iceberg's fast append).
    Never,
    /// As many manifests as this are merged into one. Iceberg's default is 100 (`commit.manifest.min-count-to-merge`).
    At(usize),
}

/// An entry of a manifest, with what readers inherit.
#[derive(Debug, Clone)]
struct Entry {
    snapshot_id: i64,
    sequence: i64,
    file: Arc<DataFile>,
}

#[derive(Debug, Clone)]
struct Manifest {
    file: ManifestFile,
    entries: Vec<Entry>,
}

/// An unpartitioned table of format version 2 under construction.
#[derive(Debug)]
pub struct TableWriter {
    location: String,
    io: FileIO,
    schema_json: Json,
    schema: Arc<Schema>,
    merging: ManifestMerging,
    /// In the order of the manifest list: newest first, as Iceberg writes it.
    manifests: Vec<Manifest>,
    snapshots: Vec<Json>,
    n_manifests: usize,
}

impl TableWriter {
    /// An empty table in a folder.
    ///
    /// # Errors
    /// The schema is not one of Iceberg's.
    pub fn new(folder: &Path, schema_json: Json, merging: ManifestMerging) -> Result<Self> {
        std::fs::create_dir_all(folder.join("metadata"))?;
        Ok(Self {
            location: folder.to_str().context("the folder's name is not UTF-8")?.to_owned(),
            io: Storage::local().file_io(),
            schema: Arc::new(serde_json::from_value(schema_json.clone())?),
            schema_json,
            merging,
            manifests: Vec::new(),
            snapshots: Vec::new(),
            n_manifests: 0,
        })
    }

    /// Commits data files.
    ///
    /// # Errors
    /// A file could not be written.
    pub async fn append(&mut self, files: Vec<DataFile>) -> Result<()> {
        self.commit("append", files).await
    }

    /// Commits delete files.
    ///
    /// # Errors
    /// A file could not be written.
    pub async fn delete(&mut self, files: Vec<DataFile>) -> Result<()> {
        self.commit("delete", files).await
    }

    /// Files of one kind in one snapshot.
    async fn commit(&mut self, operation: &str, files: Vec<DataFile>) -> Result<()> {
        let sequence = i64::try_from(self.snapshots.len())? + 1;
        let snapshot_id = snapshot_id_of(sequence);
        let parent = (sequence > 1).then(|| snapshot_id_of(sequence - 1));
        let is_data = files.iter().all(|file| file.content_type() == DataContentType::Data);
        let n_files = files.len();
        let n_rows: u64 = files.iter().map(DataFile::record_count).sum();
        let mut entries: Vec<Entry> =
            files.into_iter().map(|file| Entry { snapshot_id, sequence, file: Arc::new(file) }).collect();
        if let (ManifestMerging::At(n_min), true) = (self.merging, is_data)
            && self.manifests.len() + 1 >= n_min
        {
            entries.extend(std::mem::take(&mut self.manifests).into_iter().flat_map(|manifest| manifest.entries));
        }
        let manifest = self.write_manifest(snapshot_id, sequence, is_data, entries).await?;
        self.manifests.insert(0, manifest);

        let list = format!("{}/metadata/snap-{snapshot_id}-1.avro", self.location);
        let output = self.io.new_output(&list)?.writer().await?;
        let mut writer = ManifestListWriter::v2(output, snapshot_id, parent, sequence);
        writer.add_manifests(self.manifests.iter().map(|manifest| manifest.file.clone()))?;
        writer.close().await?;

        let mut snapshot = json!({
            "sequence-number": sequence,
            "snapshot-id": snapshot_id,
            "timestamp-ms": FIRST_COMMIT_MS + 1000 * sequence,
            "summary": self.summary(operation, is_data, n_files, n_rows),
            "manifest-list": list,
            "schema-id": 0,
        });
        if let Some(parent) = parent {
            snapshot["parent-snapshot-id"] = json!(parent);
        }
        self.snapshots.push(snapshot);
        Ok(())
    }

    async fn write_manifest(
        &mut self,
        snapshot_id: i64,
        sequence: i64,
        is_data: bool,
        entries: Vec<Entry>,
    ) -> Result<Manifest> {
        self.n_manifests += 1;
        let path = format!("{}/metadata/{:016x}-m{}.avro", self.location, mix(7), self.n_manifests);
        let output = self.io.new_output(path)?;
        let spec = PartitionSpec::unpartition_spec();
        let builder = ManifestWriterBuilder::new(output, Some(snapshot_id), self.schema.clone(), spec);
        let mut writer = if is_data { builder.build_v2_data() } else { builder.build_v2_deletes() };
        for entry in &entries {
            let file = entry.file.as_ref().clone();
            if entry.snapshot_id == snapshot_id {
                // A negative number is left out, to be inherited.
                writer.add_file(file, -1)?;
            } else {
                writer.add_existing_file(file, entry.snapshot_id, entry.sequence, Some(entry.sequence))?;
            }
        }
        let mut file = writer.write_manifest_file().await?;
        file.sequence_number = sequence;
        file.min_sequence_number = entries.iter().map(|entry| entry.sequence).min().unwrap_or(sequence);
        Ok(Manifest { file, entries })
    }

    /// What Iceberg's writers put there.
    fn summary(&self, operation: &str, is_data: bool, n_files: usize, n_rows: u64) -> Json {
        let live = || self.manifests.iter().flat_map(|manifest| &manifest.entries).map(|entry| &entry.file);
        let of = |kind: DataContentType| live().filter(move |file| file.content_type() == kind);
        let n_records = |kind| of(kind).map(|file| file.record_count()).sum::<u64>();
        let n_data_files = of(DataContentType::Data).count();
        let mut summary = json!({
            "operation": operation,
            "total-records": n_records(DataContentType::Data).to_string(),
            "total-files-size": live().map(|file| file.file_size_in_bytes()).sum::<u64>().to_string(),
            "total-data-files": n_data_files.to_string(),
            "total-delete-files": (live().count() - n_data_files).to_string(),
            "total-position-deletes": n_records(DataContentType::PositionDeletes).to_string(),
            "total-equality-deletes": n_records(DataContentType::EqualityDeletes).to_string(),
        });
        let added =
            if is_data { ["added-data-files", "added-records"] } else { ["added-delete-files", "added-deletes"] };
        for (name, count) in added.into_iter().zip([n_files.to_string(), n_rows.to_string()]) {
            summary[name] = json!(count);
        }
        summary
    }

    /// Writes the metadata file; returns its path.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn finish(self) -> Result<String> {
        let head = self.snapshots.last().context("a table without snapshots cannot be measured")?;
        let log: Vec<Json> = self
            .snapshots
            .iter()
            .map(|snapshot| json!({"timestamp-ms": snapshot["timestamp-ms"], "snapshot-id": snapshot["snapshot-id"]}))
            .collect();
        let metadata = json!({
            "format-version": 2,
            "table-uuid": "8e5de2a4-6f0c-4d52-b3a5-0b64e3b7d4cc",
            "location": self.location,
            "last-sequence-number": head["sequence-number"],
            "last-updated-ms": head["timestamp-ms"],
            "last-column-id": self.schema.highest_field_id(),
            "current-schema-id": 0,
            "schemas": [self.schema_json],
            "default-spec-id": 0,
            "partition-specs": [{"spec-id": 0, "fields": []}],
            "last-partition-id": 999,
            "default-sort-order-id": 0,
            "sort-orders": [{"order-id": 0, "fields": []}],
            "properties": {},
            "current-snapshot-id": head["snapshot-id"],
            "refs": {"main": {"snapshot-id": head["snapshot-id"], "type": "branch"}},
            "snapshot-log": log,
            "snapshots": self.snapshots,
        });
        let path = format!("{}/metadata/v{}.metadata.json", self.location, self.snapshots.len());
        std::fs::write(&path, serde_json::to_vec(&metadata)?)?;
        Ok(path)
    }
}

/// Ids as long as those of other writers: they are most of the metadata.
fn snapshot_id_of(sequence: i64) -> i64 {
    i64::try_from(mix(sequence.unsigned_abs()) >> 2).unwrap_or(sequence)
}
