//! The live files of a snapshot, counted by partition in one pass over its manifests.
//!
//! What is kept grows with partitions, and by a few bytes for each delete file that names its data file; never
//! with data files.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use frazil_table::file::{FileContent, FileEntry, PartitionTuple};
use frazil_table::manifest::{EntryStatus, ManifestContent, ManifestFile, visit_manifests};
use frazil_table::storage::identity;
use frazil_table::{SpecId, Table};
use serde::Serialize;

use crate::error::CliError;

/// Counts of live files.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Counts {
    pub(crate) data_files: u64,
    /// Rows in data files, deleted ones included.
    pub(crate) data_rows: u64,
    pub(crate) data_bytes: u64,
    /// 0 without data files.
    pub(crate) average_file_size_bytes: u64,
    pub(crate) small_files: u64,
    /// Small files among the data files; 0 without any.
    pub(crate) small_file_ratio: f64,
    pub(crate) position_delete_files: u64,
    pub(crate) equality_delete_files: u64,
    pub(crate) deletion_vectors: u64,
    /// Entries of delete files: positions, or keys that may match no row or many.
    pub(crate) delete_entries: u64,
    pub(crate) delete_bytes: u64,
    /// Positions in position delete files and deletion vectors.
    pub(crate) deleted_positions: u64,
    /// Those among the rows of the data files, 1 at most.
    pub(crate) deleted_row_ratio: f64,
    /// Keys in equality delete files.
    pub(crate) equality_delete_entries: u64,
    /// Data files that equality deletes apply to, by partition and sequence number.
    pub(crate) data_files_under_equality_deletes: u64,
    /// Delete files that apply to no data file, by partition, sequence number and the data file that they name.
    pub(crate) dangling_delete_files: u64,
}

impl Counts {
    /// Delete files of all kinds.
    pub(crate) fn delete_files(&self) -> u64 {
        self.position_delete_files + self.equality_delete_files + self.deletion_vectors
    }

    fn add_data(&mut self, file: &FileEntry, small_file_size_bytes: u64) {
        self.data_files += 1;
        self.data_rows = self.data_rows.saturating_add(file.record_count);
        self.data_bytes = self.data_bytes.saturating_add(file.file_size_bytes);
        self.small_files += u64::from(file.file_size_bytes < small_file_size_bytes);
    }

    fn add_delete(&mut self, file: &FileEntry) {
        if file.content == FileContent::EqualityDeletes {
            self.equality_delete_files += 1;
            self.equality_delete_entries = self.equality_delete_entries.saturating_add(file.record_count);
        } else {
            if file.is_deletion_vector() {
                self.deletion_vectors += 1;
            } else {
                self.position_delete_files += 1;
            }
            self.deleted_positions = self.deleted_positions.saturating_add(file.record_count);
        }
        self.delete_entries = self.delete_entries.saturating_add(file.record_count);
        // One puffin file holds many vectors; each counts for its own part.
        let bytes = file.content_range.map_or(file.file_size_bytes, |(_, length)| length);
        self.delete_bytes = self.delete_bytes.saturating_add(bytes);
    }

    /// Adds the counts of another partition.
    fn add_counts(&mut self, other: &Self) {
        self.data_files += other.data_files;
        self.data_rows = self.data_rows.saturating_add(other.data_rows);
        self.data_bytes = self.data_bytes.saturating_add(other.data_bytes);
        self.small_files += other.small_files;
        self.position_delete_files += other.position_delete_files;
        self.equality_delete_files += other.equality_delete_files;
        self.deletion_vectors += other.deletion_vectors;
        self.delete_entries = self.delete_entries.saturating_add(other.delete_entries);
        self.delete_bytes = self.delete_bytes.saturating_add(other.delete_bytes);
        self.deleted_positions = self.deleted_positions.saturating_add(other.deleted_positions);
        self.equality_delete_entries = self.equality_delete_entries.saturating_add(other.equality_delete_entries);
        self.dangling_delete_files += other.dangling_delete_files;
    }

    fn finish(&mut self) {
        self.average_file_size_bytes = self.data_bytes.checked_div(self.data_files).unwrap_or(0);
        self.small_file_ratio = ratio(self.small_files, self.data_files);
        self.deleted_row_ratio = ratio(self.deleted_positions, self.data_rows).min(1.0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people, of numbers far below the limit")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The counts of one partition of one spec.
#[derive(Debug, Clone)]
pub(crate) struct PartitionCounts {
    pub(crate) spec_id: SpecId,
    pub(crate) tuple: PartitionTuple,
    pub(crate) counts: Counts,
}

/// The counts of a snapshot.
#[derive(Debug, Clone)]
pub(crate) struct FileCounts {
    /// By spec and partition.
    pub(crate) partitions: Vec<PartitionCounts>,
    pub(crate) total: Counts,
    /// Data files under another spec than newer equality deletes, which therefore do not reach them.
    pub(crate) data_files_beyond_equality_deletes: u64,
}

/// Counts the live files that a snapshot's manifests list. Data files below `small_file_size_bytes` are small.
///
/// # Errors
/// What reading a manifest gives.
pub(crate) async fn count(
    table: &Table,
    manifests: &[ManifestFile],
    small_file_size_bytes: u64,
) -> Result<FileCounts, CliError> {
    let live = |content| {
        manifests.iter().filter(move |manifest| manifest.content == content && manifest.may_have_live_files())
    };
    let mut tally = Tally { small_file_size_bytes, ..Tally::default() };
    // Deletes first: each data file then shows by itself which of them concern it.
    for content in [ManifestContent::Deletes, ManifestContent::Data] {
        visit_manifests(table, live(content), |_, entries| {
            for entry in entries.iter().filter(|entry| entry.status != EntryStatus::Deleted) {
                match entry.file.content {
                    FileContent::Data => tally.add_data(&entry.file),
                    FileContent::PositionDeletes | FileContent::EqualityDeletes => {
                        let is_global = table.is_unpartitioned(entry.file.spec_id);
                        tally.add_delete(&entry.file, is_global);
                    }
                }
            }
        })
        .await?;
    }
    Ok(tally.finish())
}

/// Number of delete files by data sequence number.
type BySequence = BTreeMap<i64, u64>;

#[derive(Debug, Default)]
struct Partition {
    counts: Counts,
    equality: BySequence,
    /// Position delete files that do not name their data file.
    positions: BySequence,
    data_sequence_min: Option<i64>,
}

/// Deletes that name one data file, which has not been seen yet.
#[derive(Debug, Default)]
struct Named {
    /// By the partition's place, the sequence number, and how many.
    deletes: Vec<(usize, i64, u64)>,
}

#[derive(Debug, Default)]
struct Tally {
    small_file_size_bytes: u64,
    places: BTreeMap<(SpecId, PartitionTuple), usize>,
    partitions: Vec<Partition>,
    /// By a hash of the data file's path. Two paths with one hash could hide a delete that dangles, no more.
    named: HashMap<u64, Named>,
    /// Highest sequence number of equality deletes that apply to all partitions.
    global_equality_max: Option<i64>,
    /// Highest sequence number of equality deletes of a spec that apply within their partition.
    equality_max_by_spec: BTreeMap<SpecId, i64>,
    global_places: Vec<usize>,
    data_files_under_equality_deletes: u64,
    data_files_under_global_deletes: u64,
    data_files_beyond_equality_deletes: u64,
}

impl Tally {
    fn place(&mut self, file: &FileEntry) -> usize {
        let next = self.partitions.len();
        let place = *self.places.entry((file.spec_id, file.partition.clone())).or_insert(next);
        if place == next {
            self.partitions.push(Partition::default());
        }
        place
    }

    fn add_delete(&mut self, file: &FileEntry, is_unpartitioned: bool) {
        let place = self.place(file);
        let sequence = file.data_sequence_number.get();
        if file.content == FileContent::EqualityDeletes {
            if is_unpartitioned {
                self.global_equality_max = self.global_equality_max.max(Some(sequence));
                if !self.global_places.contains(&place) {
                    self.global_places.push(place);
                }
            } else {
                let highest = self.equality_max_by_spec.entry(file.spec_id).or_insert(sequence);
                *highest = sequence.max(*highest);
            }
        }
        let Some(partition) = self.partitions.get_mut(place) else { return };
        partition.counts.add_delete(file);
        if file.content == FileContent::EqualityDeletes {
            *partition.equality.entry(sequence).or_default() += 1;
            return;
        }
        match &file.referenced_data_file {
            None => *partition.positions.entry(sequence).or_default() += 1,
            Some(path) => self.named.entry(hash(identity(path))).or_default().deletes.push((place, sequence, 1)),
        }
    }

    fn add_data(&mut self, file: &FileEntry) {
        let place = self.place(file);
        let sequence = file.data_sequence_number.get();
        if !self.named.is_empty()
            && let Some(named) = self.named.get_mut(&hash(file.key()))
        {
            // A delete with a lower number was meant for another file of that name.
            named.deletes.retain(|(_, delete, _)| *delete < sequence);
        }
        if self.equality_max_by_spec.iter().any(|(spec_id, highest)| *spec_id != file.spec_id && sequence < *highest) {
            self.data_files_beyond_equality_deletes += 1;
        }
        let is_under_global = self.global_equality_max.is_some_and(|highest| sequence < highest);
        self.data_files_under_global_deletes += u64::from(is_under_global);
        let small_file_size_bytes = self.small_file_size_bytes;
        let Some(partition) = self.partitions.get_mut(place) else { return };
        partition.counts.add_data(file, small_file_size_bytes);
        partition.data_sequence_min = Some(partition.data_sequence_min.map_or(sequence, |least| least.min(sequence)));
        let highest = partition.equality.last_key_value().map(|(highest, _)| *highest);
        if is_under_global || highest.is_some_and(|highest| sequence < highest) {
            partition.counts.data_files_under_equality_deletes += 1;
            self.data_files_under_equality_deletes += 1;
        }
    }

    fn finish(mut self) -> FileCounts {
        let least = self.partitions.iter().filter_map(|partition| partition.data_sequence_min).min();
        for (place, partition) in self.partitions.iter_mut().enumerate() {
            let is_global = self.global_places.contains(&place);
            let scope_min = if is_global { least } else { partition.data_sequence_min };
            // Equality deletes apply to lower numbers only, those by position to their own too.
            let equality = dangling(&partition.equality, |delete| scope_min.is_none_or(|data| data >= delete));
            let positions =
                dangling(&partition.positions, |delete| partition.data_sequence_min.is_none_or(|data| data > delete));
            partition.counts.dangling_delete_files += equality + positions;
            if is_global {
                partition.counts.data_files_under_equality_deletes = self.data_files_under_global_deletes;
            }
        }
        for (place, _, n) in self.named.values().flat_map(|named| &named.deletes) {
            if let Some(partition) = self.partitions.get_mut(*place) {
                partition.counts.dangling_delete_files += n;
            }
        }
        let mut total = Counts::default();
        let mut partitions = Vec::with_capacity(self.partitions.len());
        for ((spec_id, tuple), place) in self.places {
            let Some(partition) = self.partitions.get_mut(place) else { continue };
            partition.counts.finish();
            total.add_counts(&partition.counts);
            partitions.push(PartitionCounts { spec_id, tuple, counts: std::mem::take(&mut partition.counts) });
        }
        total.data_files_under_equality_deletes = self.data_files_under_equality_deletes;
        total.finish();
        FileCounts { partitions, total, data_files_beyond_equality_deletes: self.data_files_beyond_equality_deletes }
    }
}

fn dangling(deletes: &BySequence, is_dangling: impl Fn(i64) -> bool) -> u64 {
    deletes.iter().filter(|(sequence, _)| is_dangling(**sequence)).map(|(_, n)| n).sum()
}

fn hash(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
