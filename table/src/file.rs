//! Files that a snapshot lists: data files, and the three kinds of delete files.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::ids::{DataSequenceNumber, FieldId, SnapshotId, SpecId};

/// What a file holds. A deletion vector is a position delete whose format is [`FileFormat::Puffin`]
/// (the manifest's format decides, never the file's name).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileContent {
    /// Rows.
    Data,
    /// (file path, row position) pairs, or a deletion vector.
    PositionDeletes,
    /// Keys of deleted rows.
    EqualityDeletes,
}

/// How a file is encoded, as the manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Apache Avro.
    Avro,
    /// Apache ORC.
    Orc,
    /// Puffin: deletion vectors only.
    Puffin,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "parquet",
            Self::Avro => "avro",
            Self::Orc => "orc",
            Self::Puffin => "puffin",
        })
    }
}

/// One value of a partition tuple, in the form that makes equal values equal: integers, dates, times and
/// timestamps as `Long`, decimals by their unscaled value, floats by their bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartitionValue {
    /// `boolean`
    Boolean(bool),
    /// `int`, `long`, `date` (days), `time` and timestamps (their own unit), bucket and time transforms.
    Long(i64),
    /// `float`, its bits.
    Float(u32),
    /// `double`, its bits.
    Double(u64),
    /// `decimal`, unscaled.
    Decimal(i128),
    /// `string`
    String(Arc<str>),
    /// `binary`, `fixed`, and `uuid` (big-endian).
    Bytes(Arc<[u8]>),
}

/// Partition tuple of a file: one value for each field of its partition spec, in the spec's order;
/// `None` is null. Tuples may be compared between files of the same spec id only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct PartitionTuple(pub Arc<[Option<PartitionValue>]>);

/// Column statistics of a file. Bounds are the spec's binary single-value serialization (Appendix D)
/// of the column's type when the file was written, undecoded: a broken bound must not break a scan that
/// does not look at it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnMetrics {
    /// Values including nulls and NaN.
    pub value_counts: HashMap<FieldId, u64>,
    /// Nulls.
    pub null_counts: HashMap<FieldId, u64>,
    /// NaN values.
    pub nan_counts: HashMap<FieldId, u64>,
    /// No smaller value is in the file; strings may be cut.
    pub lower_bounds: HashMap<FieldId, Vec<u8>>,
    /// No greater value is in the file; strings may be cut and rounded up.
    pub upper_bounds: HashMap<FieldId, Vec<u8>>,
}

/// Where an entry stands in the manifests of a snapshot. Sorting by it gives the order of writing
/// within one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryOrder {
    /// Index of the manifest in the snapshot's manifest list.
    pub manifest_index: u32,
    /// Index of the entry in its manifest.
    pub entry_index: u32,
}

/// A file as a snapshot lists it, with everything inherited from its manifest filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// What the file holds.
    pub content: FileContent,
    /// Path as stored. Compare files by [`FileEntry::key`].
    pub path: Arc<str>,
    /// How it is encoded.
    pub format: FileFormat,
    /// Partition spec that it was written under.
    pub spec_id: SpecId,
    /// Its partition.
    pub partition: PartitionTuple,
    /// Rows, or deleted positions of a deletion vector.
    pub record_count: u64,
    /// Size of the whole file.
    pub file_size_bytes: u64,
    /// Decides which deletes apply.
    pub data_sequence_number: DataSequenceNumber,
    /// Sequence number of the snapshot that added the file; `None` where an old writer left it out.
    pub file_sequence_number: Option<i64>,
    /// Snapshot that added the file.
    pub added_snapshot_id: SnapshotId,
    /// Column statistics.
    pub metrics: Arc<ColumnMetrics>,
    /// Columns that an equality delete compares; empty for other files.
    pub equality_ids: Vec<FieldId>,
    /// The one data file that all deletes of this file belong to, if the writer said so.
    pub referenced_data_file: Option<Arc<str>>,
    /// Offset and length of a deletion vector inside its puffin file.
    pub content_range: Option<(u64, u64)>,
    /// `_row_id` of the file's first row (v3).
    pub first_row_id: Option<u64>,
    /// The file is encrypted.
    pub is_encrypted: bool,
    /// Place in the manifests of the snapshot that it was listed for.
    pub order: EntryOrder,
}

impl FileEntry {
    /// Path in the form in which two spellings of one place are equal.
    pub fn key(&self) -> &str {
        crate::storage::identity(&self.path)
    }

    /// The file is a deletion vector.
    pub fn is_deletion_vector(&self) -> bool {
        self.content == FileContent::PositionDeletes && self.format == FileFormat::Puffin
    }
}

/// A file that was written and is to be committed: what a manifest will say of it, but for the numbers that only the
/// commit gives. Source: Iceberg spec, "Manifests", `data_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// What the file holds.
    pub content: FileContent,
    /// Path, as readers will get it.
    pub path: Arc<str>,
    /// How it is encoded.
    pub format: FileFormat,
    /// Partition spec that it was written under.
    pub spec_id: SpecId,
    /// Its partition.
    pub partition: PartitionTuple,
    /// Rows, or deleted positions of a deletion vector.
    pub record_count: u64,
    /// Size of the whole file.
    pub file_size_bytes: u64,
    /// Column statistics.
    pub metrics: Arc<ColumnMetrics>,
    /// Compressed size of each column, in bytes.
    pub column_sizes: HashMap<FieldId, u64>,
    /// Offsets at which a reader may split the file (row groups), ascending; may be empty.
    pub split_offsets: Vec<u64>,
    /// Columns that an equality delete compares; empty for other files.
    pub equality_ids: Vec<FieldId>,
    /// Order that the rows are in; `None` for none that is known, and for position deletes.
    pub sort_order_id: Option<i32>,
    /// The one data file that all deletes of this file belong to.
    pub referenced_data_file: Option<Arc<str>>,
    /// Offset and length of a deletion vector inside its puffin file.
    pub content_range: Option<(u64, u64)>,
}

#[cfg(test)]
impl WrittenFile {
    /// A file that only manifests know: of spec 0, unpartitioned, without statistics.
    pub(crate) fn bare(content: FileContent, path: &str, record_count: u64) -> Self {
        Self {
            content,
            path: path.into(),
            format: FileFormat::Parquet,
            spec_id: SpecId::new(0),
            partition: PartitionTuple::default(),
            record_count,
            file_size_bytes: 1000 + record_count,
            metrics: Arc::default(),
            column_sizes: HashMap::new(),
            split_offsets: Vec::new(),
            equality_ids: Vec::new(),
            sort_order_id: None,
            referenced_data_file: None,
            content_range: None,
        }
    }
}
