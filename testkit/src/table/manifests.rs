//! Manifests and manifest lists of a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::executor::block_on;
use iceberg::spec::{ManifestContentType, ManifestFile, ManifestListWriter, ManifestWriterBuilder};

use super::{Commit, TestTable};
use crate::stored::StoredFile;

/// Status of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Added,
    Existing,
    Deleted,
}

/// An entry, with everything filled in that readers inherit.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) status: Status,
    pub(crate) snapshot_id: i64,
    pub(crate) data_sequence: i64,
    pub(crate) file_sequence: i64,
    pub(crate) first_row_id: Option<i64>,
    pub(crate) file: Arc<StoredFile>,
    /// The data sequence number of an added file is written, not inherited.
    explicit: bool,
}

impl Entry {
    pub(crate) fn is_live(&self) -> bool {
        self.status != Status::Deleted
    }
}

/// A manifest as one manifest list has it.
#[derive(Debug, Clone)]
pub(crate) struct ManifestState {
    pub(crate) file: ManifestFile,
    pub(crate) entries: Arc<Vec<Entry>>,
}

/// Manifests hold data or deletes of one partition spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    spec_id: i32,
    is_data: bool,
}

impl TestTable {
    /// Writes the manifests that a commit needs; returns its whole list in order.
    pub(super) fn arrange_manifests(
        &mut self,
        commit: &Commit,
        parent: Option<i64>,
        snapshot_id: i64,
        sequence: i64,
    ) -> Vec<ManifestState> {
        let mut to_remove: BTreeSet<&str> = commit.remove.iter().map(String::as_str).collect();
        let mut kept = Vec::new();
        let mut merged: BTreeMap<Group, Vec<Entry>> = BTreeMap::new();
        for manifest in parent.map_or_else(Vec::new, |parent| self.manifests[&parent].clone()) {
            // Manifests with nothing but removed files are left out of later lists.
            if !manifest.entries.iter().any(Entry::is_live) {
                continue;
            }
            let keys: Vec<String> = manifest.entries.iter().map(|entry| entry.file.key()).collect();
            let is_hit = |(entry, key): (&Entry, &String)| entry.is_live() && to_remove.contains(key.as_str());
            if !commit.merge_all() && !manifest.entries.iter().zip(&keys).any(is_hit) {
                kept.push(manifest);
                continue;
            }
            let mut rewritten = Vec::new();
            for (entry, key) in manifest.entries.iter().zip(&keys).filter(|(entry, _)| entry.is_live()) {
                let mut entry = entry.clone();
                entry.status = Status::Existing;
                if to_remove.remove(key.as_str()) {
                    entry.status = Status::Deleted;
                    entry.snapshot_id = snapshot_id;
                }
                rewritten.push(entry);
            }
            let group = group_of(&rewritten[0].file);
            if commit.merge_all() {
                merged.entry(group).or_default().extend(rewritten);
            } else {
                kept.push(self.write_manifest(group, rewritten, snapshot_id));
            }
        }
        assert!(to_remove.is_empty(), "not live in the parent snapshot: {to_remove:?}");

        let mut groups = merged;
        for addition in &commit.add {
            let entry = Entry {
                status: Status::Added,
                snapshot_id,
                data_sequence: addition.data_sequence.unwrap_or(sequence),
                file_sequence: sequence,
                first_row_id: None,
                file: addition.file.clone(),
                explicit: addition.data_sequence.is_some(),
            };
            groups.entry(group_of(&addition.file)).or_default().push(entry);
        }
        let mut fresh = Vec::new();
        for (group, entries) in groups {
            let n = if commit.merge_all() { usize::MAX } else { commit.manifests.files_max };
            for chunk in entries.chunks(n.min(entries.len()).max(1)) {
                fresh.push(self.write_manifest(group, chunk.to_vec(), snapshot_id));
            }
        }
        if commit.manifests.new_first {
            fresh.extend(kept);
            fresh
        } else {
            kept.extend(fresh);
            kept
        }
    }

    fn write_manifest(&mut self, group: Group, entries: Vec<Entry>, snapshot_id: i64) -> ManifestState {
        self.n_files += 1;
        let path = format!("{}/metadata/{snapshot_id}-m{}.avro", self.location, self.n_files);
        let output = self.io.new_output(path).unwrap();
        let schema = &self.iceberg_schemas[&self.current_schema_id];
        let spec = &self.history.specs[&group.spec_id];
        let builder = ManifestWriterBuilder::new(
            output,
            Some(snapshot_id),
            schema.clone(),
            self.iceberg_specs[&group.spec_id].clone(),
        );
        let mut writer = match (self.version, group.is_data) {
            (1, true) => builder.build_v1(),
            (1, false) => panic!("v1 tables have no delete files"),
            (2, true) => builder.build_v2_data(),
            (2, false) => builder.build_v2_deletes(),
            (_, true) => builder.build_v3_data(),
            (_, false) => builder.build_v3_deletes(),
        };
        for entry in &entries {
            let file = entry.file.to_manifest(self.schema(), spec, entry.first_row_id);
            let file_sequence = Some(entry.file_sequence);
            match entry.status {
                Status::Added if entry.explicit => writer.add_file(file, entry.data_sequence),
                Status::Added => writer.add_file(file, -1),
                Status::Existing => {
                    writer.add_existing_file(file, entry.snapshot_id, entry.data_sequence, file_sequence)
                }
                Status::Deleted => writer.add_delete_file(file, entry.data_sequence, file_sequence),
            }
            .unwrap();
        }
        let file = block_on(writer.write_manifest_file()).unwrap();
        ManifestState { file, entries: Arc::new(entries) }
    }

    /// Writes a manifest list; returns its manifests with what it assigned to them.
    pub(super) async fn write_list(
        &mut self,
        path: &str,
        mut manifests: Vec<ManifestState>,
        parent: Option<i64>,
        snapshot_id: i64,
        sequence: i64,
    ) -> Vec<ManifestState> {
        let output = self.io.new_output(path).unwrap().writer().await.unwrap();
        let mut writer = match self.version {
            1 => ManifestListWriter::v1(output, snapshot_id, parent),
            2 => ManifestListWriter::v2(output, snapshot_id, parent, sequence),
            _ => ManifestListWriter::v3(output, snapshot_id, parent, sequence, Some(self.next_row_id)),
        };
        for manifest in &mut manifests {
            if manifest.file.added_snapshot_id == snapshot_id {
                manifest.file.sequence_number = sequence;
                if manifest.file.min_sequence_number < 0 {
                    manifest.file.min_sequence_number = sequence;
                }
            }
            if self.version > 2 && manifest.file.content == ManifestContentType::Data {
                self.assign_row_ids(manifest);
            }
        }
        writer.add_manifests(manifests.iter().map(|manifest| manifest.file.clone())).unwrap();
        writer.close().await.unwrap();
        manifests
    }

    /// Gives ids to rows that have none. Source: Iceberg spec, "First Row ID Assignment", "First Row ID Inheritance".
    fn assign_row_ids(&mut self, manifest: &mut ManifestState) {
        if manifest.file.first_row_id.is_none() {
            manifest.file.first_row_id = Some(self.next_row_id);
            let live = manifest.entries.iter().filter(|entry| entry.is_live());
            self.next_row_id += live.map(|entry| entry.file.record_count).sum::<u64>();
        }
        let mut next = manifest.file.first_row_id.unwrap();
        for entry in Arc::make_mut(&mut manifest.entries) {
            if entry.is_live() && entry.first_row_id.is_none() {
                entry.first_row_id = Some(i64::try_from(next).unwrap());
                next += entry.file.record_count;
            }
        }
    }
}

impl Commit {
    fn merge_all(&self) -> bool {
        self.manifests.merge
    }
}

fn group_of(file: &StoredFile) -> Group {
    Group { spec_id: file.file.scope().0, is_data: file.is_data() }
}
