//! Manifest lists: the manifests of a snapshot.

use std::sync::Arc;

use super::avro::{Record, for_each_record};
use crate::Result;
use crate::ids::{SnapshotId, SpecId};

/// What the files of a manifest hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ManifestContent {
    /// Data files.
    Data,
    /// Delete files.
    Deletes,
}

/// Values of one partition field over all files of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSummary {
    /// At least one file may have a null.
    pub contains_null: bool,
    /// Smallest value, as the spec's binary single-value serialization; `None` if all are null or NaN.
    pub lower_bound: Option<Vec<u8>>,
    /// Greatest value, likewise.
    pub upper_bound: Option<Vec<u8>>,
}

/// One manifest as a manifest list describes it. Counts are `None` where an old writer left them out:
/// they may then be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// Where it is.
    pub path: Arc<str>,
    /// Its size; `None` if the list does not say, or says it wrongly. Nothing is read by it.
    pub length_bytes: Option<u64>,
    /// Partition spec of its files.
    pub spec_id: SpecId,
    /// What its files hold.
    pub content: ManifestContent,
    /// Sequence number of the snapshot that added it; 0 in v1 tables.
    pub sequence_number: i64,
    /// Smallest data sequence number of its live files.
    pub min_sequence_number: i64,
    /// Snapshot that added it.
    pub added_snapshot_id: SnapshotId,
    /// Entries with status ADDED.
    pub n_added: Option<u64>,
    /// Entries with status EXISTING.
    pub n_existing: Option<u64>,
    /// Entries with status DELETED.
    pub n_deleted: Option<u64>,
    /// Partition values of its files, a summary for each field of the spec; empty if not written.
    pub partitions: Vec<FieldSummary>,
    /// `_row_id` that the first of its files without one starts at (v3).
    pub first_row_id: Option<u64>,
    /// It is encrypted.
    pub is_encrypted: bool,
    /// Its place in the list.
    pub index: u32,
}

impl ManifestFile {
    /// It may list live files.
    pub fn may_have_live_files(&self) -> bool {
        self.n_added != Some(0) || self.n_existing != Some(0) || self.claims_nothing()
    }

    /// It may list files that were added or removed when it was written.
    pub fn may_have_changes(&self) -> bool {
        self.n_added != Some(0) || self.n_deleted != Some(0) || self.claims_nothing()
    }

    /// No writer keeps a manifest without entries, so one that is said to have none is looked at: reading it
    /// shows whether that is true.
    fn claims_nothing(&self) -> bool {
        [self.n_added, self.n_existing, self.n_deleted] == [Some(0); 3]
    }

    /// Number of live files, where known.
    pub fn n_live(&self) -> Option<u64> {
        self.n_added?.checked_add(self.n_existing?)
    }
}

/// Reads a manifest list.
///
/// # Errors
/// [`TableError::Corrupt`](crate::TableError::Corrupt) if `bytes` is no manifest list.
pub fn parse_manifest_list(bytes: &[u8], path: &str) -> Result<Vec<ManifestFile>> {
    let mut manifests = Vec::new();
    for_each_record(bytes, path, |index, record| {
        manifests.push(manifest(index, record)?);
        Ok(())
    })?;
    Ok(manifests)
}

/// A manifest with everything that its list says of it, so that another list can say it again.
#[derive(Debug, Clone)]
pub(crate) struct ListedManifest {
    /// What readers need.
    pub(crate) file: ManifestFile,
    /// Rows of its files.
    pub(crate) rows: RowCounts,
    /// For each field of the spec, whether a file may have NaN there.
    pub(crate) contains_nan: Vec<Option<bool>>,
    /// How it is encrypted.
    pub(crate) key_metadata: Option<Vec<u8>>,
    /// Where its sequence numbers come from.
    pub(crate) numbers: Numbers,
}

/// Rows of a manifest's files, by the status of their entries; `None` where an old writer left it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowCounts {
    pub(crate) added: Option<u64>,
    pub(crate) existing: Option<u64>,
    pub(crate) deleted: Option<u64>,
}

/// Where the sequence numbers of a manifest come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// An earlier commit gave them.
    Known,
    /// It is written for a commit whose number is not known yet.
    OfCommit {
        /// Lowest number that a live entry has of its own.
        lowest: Option<i64>,
        /// Some live entry takes the commit's.
        inherits: bool,
    },
}

impl ListedManifest {
    /// Its sequence number, and the lowest data sequence number of its live files, in a commit with the number `commit`.
    pub(crate) fn sequence_numbers(&self, commit: i64) -> (i64, i64) {
        match self.numbers {
            Numbers::Known => (self.file.sequence_number, self.file.min_sequence_number),
            Numbers::OfCommit { lowest, inherits: true } => {
                (commit, lowest.map_or(commit, |lowest| lowest.min(commit)))
            }
            // Without live entries any number tells the truth; the highest keeps no delete file from being dropped.
            Numbers::OfCommit { lowest, inherits: false } => (commit, lowest.unwrap_or(commit)),
        }
    }
}

/// Reads a manifest list with everything in it.
///
/// # Errors
/// As [`parse_manifest_list`].
pub(crate) fn parse_listed_manifests(bytes: &[u8], path: &str) -> Result<Vec<ListedManifest>> {
    let mut manifests = Vec::new();
    for_each_record(bytes, path, |index, record| {
        let summaries = record.records(507, "partitions")?;
        manifests.push(ListedManifest {
            file: manifest(index, record)?,
            rows: RowCounts {
                added: record.optional_count(512, "added_rows_count")?,
                existing: record.optional_count(513, "existing_rows_count")?,
                deleted: record.optional_count(514, "deleted_rows_count")?,
            },
            contains_nan: summaries.iter().map(|summary| summary.boolean(518, "contains_nan")).collect(),
            key_metadata: record.optional_bytes(519, "key_metadata")?.map(<[u8]>::to_vec),
            numbers: Numbers::Known,
        });
        Ok(())
    })?;
    Ok(manifests)
}

fn manifest(index: usize, record: Record<'_>) -> Result<ManifestFile> {
    let content = match record.optional_int(517, "content")? {
        None | Some(0) => ManifestContent::Data,
        Some(1) => ManifestContent::Deletes,
        Some(other) => return Err(record.error(format!("manifest content `{other}` is unknown"))),
    };
    // The counts were renamed in Iceberg 1.5; the ids stayed.
    let count = |id, name: &str, old_name: &str| match record.optional_count(id, name)? {
        None => record.optional_count(id, old_name),
        some => Ok(some),
    };
    Ok(ManifestFile {
        path: record.string(500, "manifest_path")?.into(),
        length_bytes: record.optional_count(501, "manifest_length").unwrap_or(None),
        spec_id: SpecId::new(record.optional_int(502, "partition_spec_id")?.unwrap_or(0)),
        content,
        sequence_number: record.optional_long(515, "sequence_number")?.unwrap_or(0),
        min_sequence_number: record.optional_long(516, "min_sequence_number")?.unwrap_or(0),
        added_snapshot_id: SnapshotId::new(record.long(503, "added_snapshot_id")?),
        n_added: count(504, "added_files_count", "added_data_files_count")?,
        n_existing: count(505, "existing_files_count", "existing_data_files_count")?,
        n_deleted: count(506, "deleted_files_count", "deleted_data_files_count")?,
        partitions: record.records(507, "partitions")?.into_iter().map(summary).collect::<Result<_>>()?,
        first_row_id: record.optional_count(520, "first_row_id")?,
        is_encrypted: record.optional_bytes(519, "key_metadata")?.is_some_and(|key| !key.is_empty()),
        index: u32::try_from(index).map_err(|_| record.error("more than 2^32 manifests"))?,
    })
}

fn summary(record: Record<'_>) -> Result<FieldSummary> {
    Ok(FieldSummary {
        contains_null: record.boolean(509, "contains_null").unwrap_or(true),
        lower_bound: record.optional_bytes(510, "lower_bound")?.map(<[u8]>::to_vec),
        upper_bound: record.optional_bytes(511, "upper_bound")?.map(<[u8]>::to_vec),
    })
}
