//! Files and snapshots as plain data.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::value::{Row, Value};

/// Explicit `_row_id` and `_last_updated_sequence_number` of one row of a file.
pub type Lineage = (Option<i64>, Option<i64>);

/// A data file.
#[derive(Debug, Clone, Default)]
pub struct DataFile {
    /// Its path.
    pub path: String,
    /// Partition spec.
    pub spec_id: i32,
    /// Partition tuple.
    pub partition: Vec<Value>,
    /// Columns that the file has.
    pub column_ids: Vec<i32>,
    /// Rows, values in the order of `column_ids`.
    pub rows: Vec<Row>,
    /// Lineage columns, if the file has them.
    pub lineage: Option<Vec<Lineage>>,
    /// Names of the rows that survive rewriting, for telling what happened to a row. May be empty.
    pub tags: Vec<u64>,
}

/// An equality delete file.
#[derive(Debug, Clone)]
pub struct EqualityDelete {
    /// Its path.
    pub path: String,
    /// Partition spec.
    pub spec_id: i32,
    /// Partition tuple.
    pub partition: Vec<Value>,
    /// Compared columns.
    pub column_ids: Vec<i32>,
    /// Values of the compared columns.
    pub keys: HashSet<Row>,
}

/// A position delete file.
#[derive(Debug, Clone)]
pub struct PositionDelete {
    /// Its path.
    pub path: String,
    /// Partition spec.
    pub spec_id: i32,
    /// Partition tuple.
    pub partition: Vec<Value>,
    /// Data file and position.
    pub positions: BTreeSet<(String, usize)>,
}

/// A deletion vector.
#[derive(Debug, Clone)]
pub struct DeletionVector {
    /// Path of the puffin file and offset in it.
    pub place: (String, u64),
    /// Partition spec.
    pub spec_id: i32,
    /// Partition tuple.
    pub partition: Vec<Value>,
    /// The data file.
    pub data_file: String,
    /// Deleted positions.
    pub positions: BTreeSet<usize>,
}

/// A file that a snapshot lists.
#[derive(Debug, Clone)]
pub enum File {
    /// Rows.
    Data(DataFile),
    /// Equality deletes.
    Equality(EqualityDelete),
    /// Position deletes.
    Position(PositionDelete),
    /// Deletion vector.
    Vector(DeletionVector),
}

impl File {
    /// What tells files apart: the path, and for deletion vectors the offset.
    pub fn key(&self) -> String {
        match self {
            Self::Data(file) => file.path.clone(),
            Self::Equality(file) => file.path.clone(),
            Self::Position(file) => file.path.clone(),
            Self::Vector(vector) => format!("{}#{}", vector.place.0, vector.place.1),
        }
    }

    /// Partition spec and tuple.
    pub fn scope(&self) -> (i32, &[Value]) {
        match self {
            Self::Data(file) => (file.spec_id, &file.partition),
            Self::Equality(file) => (file.spec_id, &file.partition),
            Self::Position(file) => (file.spec_id, &file.partition),
            Self::Vector(file) => (file.spec_id, &file.partition),
        }
    }
}

/// A file as one snapshot lists it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The file.
    pub file: Arc<File>,
    /// Its data sequence number.
    pub data_sequence: i64,
    /// `_row_id` of its first row, as this snapshot has it.
    pub first_row_id: Option<i64>,
    /// Index of its manifest in the list, and of its entry in the manifest.
    pub order: (usize, usize),
}

/// A snapshot.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its id.
    pub id: i64,
    /// The snapshot before it.
    pub parent: Option<i64>,
    /// Its sequence number.
    pub sequence: i64,
    /// Its operation.
    pub operation: String,
    /// Its schema.
    pub schema_id: i32,
    /// Commit time.
    pub timestamp_ms: i64,
    /// All live files.
    pub files: Vec<Listed>,
}

impl Snapshot {
    /// Beside the files of its parent the snapshot has data files and nothing else.
    pub fn only_adds_data(&self, parent: Option<&Self>) -> bool {
        let keys =
            |snapshot: &Self| -> BTreeSet<String> { snapshot.files.iter().map(|listed| listed.file.key()).collect() };
        let before = parent.map(keys).unwrap_or_default();
        let is_new_delete =
            |listed: &Listed| !matches!(*listed.file, File::Data(_)) && !before.contains(&listed.file.key());
        before.is_subset(&keys(self)) && !self.files.iter().any(is_new_delete)
    }

    /// The data files.
    pub fn data_files(&self) -> impl Iterator<Item = (&Listed, &DataFile)> {
        self.files.iter().filter_map(|listed| match listed.file.as_ref() {
            File::Data(file) => Some((listed, file)),
            _ => None,
        })
    }
}
