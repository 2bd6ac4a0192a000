//! What a commit is to change.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use iceberg::spec::Operation;
use serde_json::{Value, json};

use crate::file::{FileContent, FileEntry, PartitionTuple, WrittenFile};
use crate::ids::{DataSequenceNumber, SpecId};
use crate::manifest::version_number;
use crate::storage::identity;
use crate::table::Table;
use crate::{MAIN_BRANCH, Result, TableError};

/// A commit that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitRequest {
    /// The branch that moves; snapshots of others are left alone.
    pub branch: String,
    /// What changes.
    pub change: Change,
    /// What the lock shows of this commit to those who wait for it.
    pub purpose: String,
}

impl CommitRequest {
    /// A change of `main`.
    pub fn new(change: Change) -> Self {
        let purpose = change.name().to_owned();
        Self { branch: MAIN_BRANCH.to_owned(), change, purpose }
    }
}

/// What changes in a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Files; makes a snapshot.
    Snapshot(Box<SnapshotChange>),
    /// Table properties: set, and then dropped.
    Properties {
        /// Set to these values.
        set: BTreeMap<String, String>,
        /// Dropped.
        remove: Vec<String>,
    },
    /// Sets a branch or tag, which is made if it is not there.
    SetRef {
        /// Its name.
        name: String,
        /// `snapshot-id`, `type` and retention, as in the metadata's `refs`.
        reference: Value,
    },
    /// Drops a branch or tag.
    RemoveRef(String),
}

impl Change {
    /// In one or two words, for people.
    pub fn name(&self) -> &str {
        match self {
            Self::Snapshot(change) => change.operation.as_str(),
            Self::Properties { .. } => "properties",
            Self::SetRef { .. } => "set ref",
            Self::RemoveRef(_) => "remove ref",
        }
    }

    /// Sets the branch `name` to a snapshot.
    pub fn set_branch(name: impl Into<String>, snapshot_id: i64) -> Self {
        Self::SetRef { name: name.into(), reference: json!({"snapshot-id": snapshot_id, "type": "branch"}) }
    }

    /// Sets the tag `name` to a snapshot.
    pub fn set_tag(name: impl Into<String>, snapshot_id: i64) -> Self {
        Self::SetRef { name: name.into(), reference: json!({"snapshot-id": snapshot_id, "type": "tag"}) }
    }
}

/// Files that a snapshot adds and removes.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotChange {
    /// What the snapshot's summary calls it.
    pub operation: Operation,
    /// Files to add, in the order in which their rows were written.
    pub added: Vec<AddedFile>,
    /// Files to remove. Each has to be live still, or the commit conflicts.
    pub removed: Vec<FileRef>,
    /// Data files that have to be live still, because added deletes point into them.
    pub required: Vec<FileRef>,
    /// What else has to hold if this rewrites rows without changing them.
    pub rewrite: Option<RewriteCheck>,
    /// Delete files to remove as well if they are proved dead: no data file that is live after this commit needs them,
    /// files of commits meanwhile included. Those that are not, or that are gone already, are left alone.
    pub retired: Vec<Arc<FileEntry>>,
    /// Further keys of the snapshot's summary.
    pub summary: BTreeMap<String, String>,
}

/// A file to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedFile {
    /// The file.
    pub file: Arc<WrittenFile>,
    /// Data sequence number of its rows if they are older than this commit; `None` gives it the commit's.
    pub data_sequence_number: Option<DataSequenceNumber>,
    /// Highest data sequence number of the files that its rows come from; `None` if they are new.
    pub inputs_sequence_number_max: Option<DataSequenceNumber>,
}

impl From<WrittenFile> for AddedFile {
    fn from(file: WrittenFile) -> Self {
        Self { file: Arc::new(file), data_sequence_number: None, inputs_sequence_number_max: None }
    }
}

impl AddedFile {
    /// A file with rows that were in others: `number` is its data sequence number, `inputs_max` the highest of theirs.
    pub fn rewritten(file: WrittenFile, number: DataSequenceNumber, inputs_max: DataSequenceNumber) -> Self {
        let (data_sequence_number, inputs_sequence_number_max) = (Some(number), Some(inputs_max));
        Self { file: Arc::new(file), data_sequence_number, inputs_sequence_number_max }
    }
}

/// A file of a table, with what finds its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRef {
    /// Its path.
    pub path: Arc<str>,
    /// Where it begins within that file, for deletion vectors.
    pub offset: Option<u64>,
    /// What it holds.
    pub content: FileContent,
    /// Its partition spec.
    pub spec_id: SpecId,
    /// Its partition.
    pub partition: PartitionTuple,
    /// `_row_id` of its first row when it was read; `None` before format version 3, and until the first commit of a
    /// table that was upgraded gives its rows ids.
    pub first_row_id: Option<u64>,
}

/// What tells one file from another: several deletion vectors lie in one file.
pub(super) type FileKey = (String, Option<u64>);

impl FileRef {
    /// The file of an entry.
    pub fn of(entry: &FileEntry) -> Self {
        Self {
            path: entry.path.clone(),
            offset: entry.content_range.map(|(offset, _)| offset),
            content: entry.content,
            spec_id: entry.spec_id,
            partition: entry.partition.clone(),
            first_row_id: entry.first_row_id,
        }
    }

    pub(super) fn key(&self) -> FileKey {
        (identity(&self.path).to_owned(), self.offset)
    }
}

pub(super) fn key_of(path: &str, content_range: Option<(u64, u64)>) -> FileKey {
    (identity(path).to_owned(), content_range.map(|(offset, _)| offset))
}

/// What has to hold for rows to be moved to other files.
///
/// Source of the rules: an equality delete applies to rows of lower data sequence numbers only, so the output's number
/// must be no lower than that of any input, or rows written anew after a delete vanish, and no higher than the snapshot
/// that was read, or deletes committed since miss them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RewriteCheck {
    /// Sequence number of the snapshot that was read.
    pub starting_sequence_number: i64,
    /// Delete files that were applied to an input. Each has to be live still, or its rows would be lost though nobody
    /// deletes them any more; others that apply to an input by position, or by key with a sequence number that was in
    /// the snapshot, are a misfit, or deleted rows would come back.
    pub applied: Vec<Arc<FileEntry>>,
    /// Of the table that was read; another is a misfit. `None` does not look.
    pub layout: Option<Layout>,
    /// Deletes in the scope of an input go too if they are proved dead, as [`SnapshotChange::retired`] do.
    pub retires_deletes: bool,
}

/// What decides how rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The table's current schema.
    pub schema_id: i32,
    /// Its default partition spec.
    pub spec_id: SpecId,
    /// Its format version.
    pub format_version: u8,
}

impl Layout {
    /// That of a table.
    pub fn of(table: &Table) -> Self {
        let metadata = table.metadata();
        Self {
            schema_id: metadata.current_schema_id(),
            spec_id: SpecId::new(metadata.default_partition_spec_id()),
            format_version: version_number(metadata.format_version()),
        }
    }
}

impl SnapshotChange {
    fn new(operation: Operation, added: Vec<AddedFile>, removed: Vec<FileRef>) -> Self {
        let (required, retired, summary) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { operation, added, removed, required, rewrite: None, retired, summary }
    }

    /// Adds data files.
    pub fn append(files: impl IntoIterator<Item = WrittenFile>) -> Self {
        Self::new(Operation::Append, files.into_iter().map(AddedFile::from).collect(), Vec::new())
    }

    /// Adds data and delete files. `required` are the data files, written earlier, that the deletes point into;
    /// `removed` are deletion vectors that added ones replace.
    pub fn row_delta(
        files: impl IntoIterator<Item = WrittenFile>,
        required: Vec<FileRef>,
        removed: Vec<FileRef>,
    ) -> Self {
        let added: Vec<AddedFile> = files.into_iter().map(AddedFile::from).collect();
        let has_deletes = added.iter().any(|added| added.file.content != FileContent::Data);
        let has_data = added.iter().any(|added| added.file.content == FileContent::Data);
        // As Java names them.
        let operation = match (has_data, has_deletes) {
            (_, false) if removed.is_empty() => Operation::Append,
            (false, _) => Operation::Delete,
            _ => Operation::Overwrite,
        };
        Self { required, ..Self::new(operation, added, removed) }
    }

    /// Replaces files by others that hold the same rows.
    pub fn rewrite(added: Vec<AddedFile>, removed: Vec<FileRef>, check: RewriteCheck) -> Self {
        Self { rewrite: Some(check), ..Self::new(Operation::Replace, added, removed) }
    }

    /// Replaces files by others with other rows.
    pub fn overwrite(files: impl IntoIterator<Item = WrittenFile>, removed: Vec<FileRef>) -> Self {
        let added: Vec<AddedFile> = files.into_iter().map(AddedFile::from).collect();
        let operation = if added.is_empty() { Operation::Delete } else { Operation::Overwrite };
        Self::new(operation, added, removed)
    }

    /// Sets the table watermark `name`: all events up to `time_ms`, in milliseconds since the epoch, are in the table
    /// with this snapshot.
    #[must_use]
    pub fn with_watermark(mut self, name: &str, time_ms: i64) -> Self {
        self.summary.insert(format!("{}{name}", crate::watermark::SUMMARY_PREFIX), time_ms.to_string());
        self
    }

    /// What is wrong with the request itself, whatever the table holds.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if a file is named twice, or a rewritten file has a data sequence number outside
    /// of what is safe.
    pub(super) fn check(&self) -> Result<()> {
        let mut seen = HashSet::new();
        for added in &self.added {
            if !seen.insert(key_of(&added.file.path, added.file.content_range)) {
                return Err(TableError::invalid(format!("a file is added twice, path=`{}`", added.file.path)));
            }
        }
        for removed in &self.removed {
            if !seen.insert(removed.key()) {
                return Err(TableError::invalid(format!(
                    "a file is removed twice, or added and removed, path=`{}`",
                    removed.path
                )));
            }
        }
        let Some(check) = &self.rewrite else { return Ok(()) };
        for added in self.added.iter().filter(|added| added.file.content == FileContent::Data) {
            let number = added.data_sequence_number.map(DataSequenceNumber::get);
            let lowest = added.inputs_sequence_number_max.map(DataSequenceNumber::get);
            let is_safe = number
                .zip(lowest)
                .is_some_and(|(number, lowest)| (lowest..=check.starting_sequence_number).contains(&number));
            if !is_safe {
                let or = |number: Option<i64>, none: &str| number.map_or_else(|| none.to_owned(), |n| n.to_string());
                return Err(TableError::invalid(format!(
                    "a rewritten file must have a data sequence number from `{}` (its inputs) to `{}` (the snapshot that \
                     was read), not `{}`, or deletes miss its rows; path=`{}`",
                    or(lowest, "unknown"),
                    check.starting_sequence_number,
                    or(number, "that of the commit"),
                    added.file.path
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
