//! Rows by key: each replaces the row that the table has of its key.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_row::{RowConverter, SortField};
use async_recursion::async_recursion as boxed;
use hashbrown::HashMap;
use iceberg::spec::FormatVersion;

use super::append::DataFileWriter;
use super::batch::RowSchema;
use super::deletion_vector::DeletionVectorWriter;
use super::equality::EqualityDeleteWriter;
use super::fan_out::check_unbroken;
use super::options::WriteOptions;
use super::partition::{Group, Splitter, taken};
use super::position::{DeleteTarget, PositionDeleteWriter};
use super::rolling::Span;
use crate::file::{PartitionTuple, WrittenFile};
use crate::ids::FieldId;
use crate::table::Table;
use crate::{Result, TableError, on_pool};

/// What a remembered key takes beside its bytes: the entry, the allocation and the free places of the table.
const ENTRY_BYTES: u64 = 96;

/// Files that one transaction made, to be committed together as a row delta.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenChanges {
    /// Data files.
    pub data: Vec<WrittenFile>,
    /// Equality deletes, for rows of earlier commits; position deletes (format version 2) or deletion vectors (3), for
    /// rows in `data`.
    pub deletes: Vec<WrittenFile>,
}

/// Writes one transaction of changes by key, without reading the table.
///
/// The first time that a key comes, an equality delete of it is written, which removes its row of earlier commits.
/// When it comes again, the row that this transaction wrote before is deleted by its position. So the last change of a
/// key in the order of calls decides, and after the commit the table has one row of each key that was upserted.
///
/// Equality deletes go to the partition of the row that was given, under the writer's spec: a key whose row lies in
/// another partition, or under another spec, is not found there. Partition columns should be part of the key.
#[derive(Debug)]
pub struct UpsertWriter {
    data: DataFileWriter,
    equality: EqualityDeleteWriter,
    positions: PositionWriter,
    /// Finds the partition of keys.
    key_splitter: Option<Splitter>,
    keys: Tracked,
    spec_id: crate::SpecId,
    is_broken: bool,
}

#[derive(Debug)]
enum PositionWriter {
    Files(PositionDeleteWriter),
    Vectors(DeletionVectorWriter),
}

/// The keys of this transaction.
#[derive(Debug)]
struct Tracked {
    schema: Arc<RowSchema>,
    converter: Arc<RowConverter>,
    by_key: HashMap<Box<[u8]>, Last, foldhash::fast::RandomState>,
    partitions: Vec<PartitionTuple>,
    files: Vec<(Arc<str>, usize)>,
    n_bytes: u64,
    bytes_max: u64,
}

/// The last change of a key.
#[derive(Debug, Clone, Copy)]
struct Last {
    /// Where an equality delete of the key was written last: an index of `partitions`.
    partition: usize,
    /// The row: an index of `files` and the position; `None` if the key is deleted.
    row: Option<(usize, u64)>,
}

impl UpsertWriter {
    /// The key is the table's identifier fields.
    ///
    /// # Errors
    /// As [`UpsertWriter::with_key`].
    pub fn new(table: &Table, options: &WriteOptions) -> Result<Self> {
        let mut ids: Vec<FieldId> =
            table.metadata().current_schema().identifier_field_ids().map(FieldId::new).collect();
        ids.sort_unstable();
        Self::with_key(table, options, &ids)
    }

    /// The key is these columns: top-level, and no floating-point numbers.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if there is no such key or spec, or the table is of format version 1;
    /// [`TableError::Unsupported`] names a column whose type cannot be written.
    pub fn with_key(table: &Table, options: &WriteOptions, ids: &[FieldId]) -> Result<Self> {
        let data = DataFileWriter::new(table, options)?;
        let equality = EqualityDeleteWriter::new(table, options, ids)?;
        let positions = if table.metadata().format_version() >= FormatVersion::V3 {
            PositionWriter::Vectors(DeletionVectorWriter::new(table, options)?)
        } else {
            PositionWriter::Files(PositionDeleteWriter::new(table, options)?)
        };
        let schema = equality.schema().clone();
        let fields = schema.arrow.fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let converter = Arc::new(RowConverter::new(fields.collect()).map_err(TableError::internal)?);
        // Without the partition columns, keys alone cannot be deleted.
        let key_splitter = Splitter::new(table, options.spec_id, &schema.arrow).ok();
        let keys = Tracked {
            schema,
            converter,
            by_key: HashMap::default(),
            partitions: Vec::new(),
            files: Vec::new(),
            n_bytes: 0,
            bytes_max: options.tracked_key_bytes_max,
        };
        Ok(Self { data, equality, positions, key_splitter, keys, spec_id: options.spec_id, is_broken: false })
    }

    /// Writes rows in the table's schema. Each replaces what there is of its key, in the table and in this
    /// transaction; of rows with one key in `rows` the last one counts.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if the rows do not fit the table, [`TableError::MemoryLimit`] if the transaction
    /// has more keys than memory is allowed for (commit more often): nothing of the batch was written.
    /// [`TableError::Storage`] and others: start over with a new writer.
    #[boxed]
    pub async fn upsert(&mut self, rows: &RecordBatch) -> Result<()> {
        check_unbroken(self.is_broken)?;
        let groups = self.data.split(rows).await?;
        let keys = self.keys.keys_of(&groups).await?;
        self.keys.reserve(&keys)?;
        self.is_broken = true;
        let mut order: Vec<(u32, usize, usize)> = Vec::new();
        let mut places: Vec<(usize, Vec<(usize, u64)>)> = Vec::new();
        for (g, group) in groups.iter().enumerate() {
            let spans = self.data.write_group(group).await?;
            let partition = self.keys.partition(&group.partition);
            places.push((partition, self.keys.places(&spans, partition)?));
            order.extend(group.indexes.iter().enumerate().map(|(row, index)| (*index, g, row)));
        }
        // The order of calls decides, not that of partitions.
        order.sort_unstable();
        let mut deleted: Vec<Vec<u32>> = vec![Vec::new(); groups.len()];
        for (_, g, row) in order {
            let lost = || TableError::internal("a row was written to no place");
            let (partition, places) = places.get(g).ok_or_else(lost)?;
            let place = places.get(row).copied().ok_or_else(lost)?;
            let key = keys.get(g).and_then(|keys| keys.get(row)).ok_or_else(lost)?;
            if self.change(*partition, key, Some(place))? {
                deleted.get_mut(g).ok_or_else(lost)?.push(u32::try_from(row).map_err(TableError::internal)?);
            }
        }
        self.delete_keys(&groups, &deleted).await?;
        self.is_broken = false;
        Ok(())
    }

    /// Deletes what there is of each key, in the table and in this transaction. `keys` needs the columns of the key and,
    /// where the table is partitioned, of the partition; others are left out.
    ///
    /// # Errors
    /// As [`UpsertWriter::upsert`]; [`TableError::InvalidRequest`] if a partition column is not part of the key.
    #[boxed]
    pub async fn delete(&mut self, keys: &RecordBatch) -> Result<()> {
        check_unbroken(self.is_broken)?;
        let splitter = self.key_splitter.clone().ok_or_else(|| {
            TableError::invalid(
                "the key lacks a column that the table is partitioned by; give whole rows to `delete_rows`",
            )
        })?;
        let (schema, keys) = (self.keys.schema.clone(), keys.clone());
        let groups = on_pool(move || splitter.split(&schema.select(&keys)?)).await??;
        self.delete_groups(groups).await
    }

    /// Deletes what there is of the key of each row. `rows` are whole rows, in the partition that is to be looked in.
    ///
    /// # Errors
    /// As [`UpsertWriter::upsert`].
    #[boxed]
    pub async fn delete_rows(&mut self, rows: &RecordBatch) -> Result<()> {
        check_unbroken(self.is_broken)?;
        let groups = self.data.split(rows).await?;
        self.delete_groups(groups).await
    }

    async fn delete_groups(&mut self, groups: Vec<Group>) -> Result<()> {
        let keys = self.keys.keys_of(&groups).await?;
        self.keys.reserve(&keys)?;
        self.is_broken = true;
        let mut deleted = Vec::with_capacity(groups.len());
        for (group, keys) in groups.iter().zip(&keys) {
            let partition = self.keys.partition(&group.partition);
            let mut rows = Vec::new();
            for (row, key) in (0_u32..).zip(keys) {
                if self.change(partition, key, None)? {
                    rows.push(row);
                }
            }
            deleted.push(rows);
        }
        self.delete_keys(&groups, &deleted).await?;
        self.is_broken = false;
        Ok(())
    }

    /// Takes note of a change of `key`. Whether an equality delete of it must be written to `partition`.
    fn change(&mut self, partition: usize, key: &[u8], row: Option<(usize, u64)>) -> Result<bool> {
        let Some(last) = self.keys.by_key.get_mut(key) else {
            self.keys.insert(key, Last { partition, row });
            return Ok(true);
        };
        let previous = std::mem::replace(last, Last { partition, row });
        if let Some((file, position)) = previous.row {
            let target = self.keys.target(file, self.spec_id)?;
            match &mut self.positions {
                PositionWriter::Files(writer) => writer.delete(&target, [position])?,
                PositionWriter::Vectors(writer) => writer.delete(&target, [position])?,
            }
        }
        Ok(previous.partition != partition)
    }

    /// Writes equality deletes of some rows of each group.
    async fn delete_keys(&mut self, groups: &[Group], rows: &[Vec<u32>]) -> Result<()> {
        for (group, rows) in groups.iter().zip(rows).filter(|(_, rows)| !rows.is_empty()) {
            let keys = taken(&group.rows, rows)?;
            self.equality.delete(&group.partition, &keys).await?;
        }
        Ok(())
    }

    /// Ends all files and hands them out.
    ///
    /// # Errors
    /// As [`DataFileWriter::finish`].
    #[boxed]
    pub async fn finish(self) -> Result<WrittenChanges> {
        check_unbroken(self.is_broken)?;
        let data = self.data.finish().await?;
        let mut deletes = self.equality.finish().await?;
        deletes.extend(match self.positions {
            PositionWriter::Files(writer) => writer.finish().await?,
            PositionWriter::Vectors(writer) => writer.finish().await?,
        });
        Ok(WrittenChanges { data, deletes })
    }
}

impl Tracked {
    /// The key of each row of each group, in a form that makes equal keys equal.
    async fn keys_of(&self, groups: &[Group]) -> Result<Vec<Vec<Box<[u8]>>>> {
        let (schema, converter) = (self.schema.clone(), self.converter.clone());
        let batches: Vec<RecordBatch> = groups.iter().map(|group| group.rows.clone()).collect();
        let keys_of = move |rows: &RecordBatch| {
            let keys = schema.select(rows)?;
            let rows = converter.convert_columns(keys.columns()).map_err(TableError::internal)?;
            Ok(rows.iter().map(|row| row.data().into()).collect())
        };
        on_pool(move || batches.iter().map(keys_of).collect()).await?
    }

    /// Fails before anything is written if the keys of a batch may be too many.
    fn reserve(&self, keys: &[Vec<Box<[u8]>>]) -> Result<()> {
        let new = keys.iter().flatten().filter(|key| !self.by_key.contains_key(&***key));
        let needed_bytes = new.fold(self.n_bytes, |sum, key| sum.saturating_add(entry_bytes(key)));
        if needed_bytes > self.bytes_max {
            return Err(TableError::MemoryLimit {
                needed_bytes,
                limit_bytes: self.bytes_max,
                detail: "remembering the keys of one transaction; commit more often".to_owned(),
            });
        }
        Ok(())
    }

    fn insert(&mut self, key: &[u8], last: Last) {
        self.n_bytes = self.n_bytes.saturating_add(entry_bytes(key));
        self.by_key.insert(key.into(), last);
    }

    fn partition(&mut self, partition: &PartitionTuple) -> usize {
        match self.partitions.iter().rposition(|known| known == partition) {
            Some(index) => index,
            None => {
                self.partitions.push(partition.clone());
                self.partitions.len() - 1
            }
        }
    }

    /// The file and position of each row of some spans.
    fn places(&mut self, spans: &[Span], partition: usize) -> Result<Vec<(usize, u64)>> {
        let mut places = Vec::new();
        for span in spans {
            let file = match self.files.iter().rposition(|(path, _)| *path == span.path) {
                Some(file) => file,
                None => {
                    self.files.push((span.path.clone(), partition));
                    self.files.len() - 1
                }
            };
            let n_rows = u64::try_from(span.n_rows).map_err(TableError::internal)?;
            places.extend((span.first..span.first.saturating_add(n_rows)).map(|position| (file, position)));
        }
        Ok(places)
    }

    fn target(&self, file: usize, spec_id: crate::SpecId) -> Result<DeleteTarget> {
        let found = self.files.get(file).and_then(|(path, partition)| Some((path, self.partitions.get(*partition)?)));
        let (path, partition) = found.ok_or_else(|| TableError::internal("a row was written to no file"))?;
        Ok(DeleteTarget { path: path.clone(), spec_id, partition: partition.clone() })
    }
}

fn entry_bytes(key: &[u8]) -> u64 {
    ENTRY_BYTES.saturating_add(u64::try_from(key.len()).unwrap_or(u64::MAX))
}
