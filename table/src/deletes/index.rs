//! Which delete files apply to which data file.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bounds;
use crate::file::{FileContent, FileEntry, PartitionTuple};
use crate::ids::{DataSequenceNumber, SpecId};
use crate::storage::identity;
use crate::table::Table;
use crate::{Result, TableError};

/// The delete files that apply to one data file.
#[derive(Debug, Clone, Default)]
pub struct FileDeletes {
    /// Its deletion vector. It contains the position deletes that came before it, so those are not listed.
    pub vector: Option<Arc<FileEntry>>,
    /// Position delete files that may name it.
    pub positions: Vec<Arc<FileEntry>>,
    /// Equality delete files with a higher data sequence number, whose key bounds overlap its own.
    pub equality: Vec<Arc<FileEntry>>,
}

impl FileDeletes {
    /// No delete file applies: every row is live.
    pub fn is_empty(&self) -> bool {
        self.vector.is_none() && self.positions.is_empty() && self.equality.is_empty()
    }

    /// Paths and offsets of the deletes by position, to tell whether two snapshots have the same.
    pub(crate) fn position_identity(&self) -> Vec<(&str, Option<(u64, u64)>)> {
        let mut identity: Vec<_> =
            self.vector.iter().chain(&self.positions).map(|file| (file.key(), file.content_range)).collect();
        identity.sort_unstable();
        identity
    }
}

type Partition = (SpecId, PartitionTuple);

/// Delete files, found by the data files they apply to.
#[derive(Debug, Default)]
pub struct DeleteIndex {
    vectors: HashMap<String, Arc<FileEntry>>,
    positions_by_path: HashMap<String, Vec<Arc<FileEntry>>>,
    positions: HashMap<Partition, Vec<Arc<FileEntry>>>,
    equality: HashMap<Partition, Vec<Arc<FileEntry>>>,
    global_equality: Vec<Arc<FileEntry>>,
}

impl DeleteIndex {
    /// Indexes the delete files of one snapshot.
    ///
    /// # Errors
    /// [`TableError::Corrupt`] if a data file has two deletion vectors, or a deletion vector names no file:
    /// which rows are live is then undefined.
    pub fn new(table: &Table, deletes: &[Arc<FileEntry>]) -> Result<Self> {
        let mut index = Self::default();
        for delete in deletes {
            index.add(table, delete)?;
        }
        Ok(index)
    }

    fn add(&mut self, table: &Table, delete: &Arc<FileEntry>) -> Result<()> {
        let partition = || (delete.spec_id, delete.partition.clone());
        match delete.content {
            FileContent::Data => {}
            FileContent::PositionDeletes if delete.is_deletion_vector() => {
                let path = delete.referenced_data_file.as_deref().ok_or_else(|| {
                    TableError::corrupt(&*delete.path, "a deletion vector does not name its data file")
                })?;
                if let Some(other) = self.vectors.insert(identity(path).to_owned(), delete.clone()) {
                    return Err(TableError::corrupt(
                        path,
                        format!(
                            "the data file has two deletion vectors, path=`{}` and path=`{}`; compact the table with the engine that wrote them",
                            other.path, delete.path
                        ),
                    ));
                }
            }
            FileContent::PositionDeletes => match delete.referenced_data_file.as_deref() {
                Some(path) => {
                    self.positions_by_path.entry(identity(path).to_owned()).or_default().push(delete.clone());
                }
                None => self.positions.entry(partition()).or_default().push(delete.clone()),
            },
            FileContent::EqualityDeletes if table.is_unpartitioned(delete.spec_id) => {
                self.global_equality.push(delete.clone());
            }
            FileContent::EqualityDeletes => self.equality.entry(partition()).or_default().push(delete.clone()),
        }
        Ok(())
    }

    /// The deletes that apply to a data file.
    pub fn for_file(&self, table: &Table, data: &FileEntry) -> FileDeletes {
        let vector = self.vectors.get(data.key()).filter(|vector| positions_apply(vector, data)).cloned();
        let positions = match vector {
            Some(_) => Vec::new(),
            None => self.position_candidates(data).cloned().collect(),
        };
        let equality = self
            .equality_candidates(data)
            .filter(|delete| bounds::may_share_keys(table, delete, data))
            .cloned()
            .collect();
        FileDeletes { vector, positions, equality }
    }

    /// The deletes in whose scope a data file is: all that sequence numbers and partitions let apply to it, and of those
    /// by position the ones that may name it. Whether keys can be equal is not looked at.
    pub fn in_scope(&self, data: &FileEntry) -> impl Iterator<Item = &Arc<FileEntry>> {
        let vector = self.vectors.get(data.key()).filter(|vector| positions_apply(vector, data));
        vector.into_iter().chain(self.position_candidates(data)).chain(self.equality_candidates(data))
    }

    /// Whether any delete may apply to a data file.
    pub fn may_concern(&self, table: &Table, data: &FileEntry) -> bool {
        !self.for_file(table, data).is_empty()
    }

    /// The highest data sequence number of the equality deletes in whose scope files of a partition are: those of the
    /// partition, and those of all partitions. Key bounds are not looked at. `None` if there are none.
    pub fn equality_sequence_number_max(
        &self,
        spec_id: SpecId,
        partition: &PartitionTuple,
    ) -> Option<DataSequenceNumber> {
        let in_partition = self.equality.get(&(spec_id, partition.clone())).into_iter().flatten();
        self.global_equality.iter().chain(in_partition).map(|delete| delete.data_sequence_number).max()
    }

    fn position_candidates(&self, data: &FileEntry) -> impl Iterator<Item = &Arc<FileEntry>> {
        let by_path = self.positions_by_path.get(data.key()).into_iter().flatten();
        let by_partition = self.positions.get(&(data.spec_id, data.partition.clone())).into_iter().flatten();
        by_path
            .filter(|delete| positions_apply(delete, data))
            .chain(by_partition.filter(|delete| positions_apply(delete, data) && bounds::may_name_path(delete, data)))
    }

    fn equality_candidates(&self, data: &FileEntry) -> impl Iterator<Item = &Arc<FileEntry>> {
        let in_partition = self.equality.get(&(data.spec_id, data.partition.clone())).into_iter().flatten();
        self.global_equality
            .iter()
            .chain(in_partition)
            .filter(|delete| data.data_sequence_number < delete.data_sequence_number)
    }
}

/// Position deletes also hit rows of their own commit.
fn positions_apply(delete: &FileEntry, data: &FileEntry) -> bool {
    data.data_sequence_number <= delete.data_sequence_number
        && data.spec_id == delete.spec_id
        && data.partition == delete.partition
}
