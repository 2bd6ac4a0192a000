//! Rows into data files.

use std::sync::Arc;

use arrow_array::RecordBatch;
use async_recursion::async_recursion as boxed;

use super::batch::{RowSchema, SharedSchema};
use super::copy::CopiedRowGroup;
use super::fan_out::FanOut;
use super::options::WriteOptions;
use super::partition::{Group, Splitter};
use super::rolling::{Recipe, Span};
use crate::file::{FileContent, PartitionTuple, WrittenFile};
use crate::table::Table;
use crate::{Result, TableError, on_pool};

/// Writes data files: rows in the table's current schema, cut into the partitions of a spec.
///
/// Rows keep their order within a partition. Memory: an unfinished row group for each partition that is open, within
/// the limits of [`WriteOptions`], and a few parts of each file under way.
#[derive(Debug)]
pub struct DataFileWriter {
    schema: SharedSchema,
    splitter: Splitter,
    files: FanOut,
}

/// Writes rows to append.
pub type AppendWriter = DataFileWriter;

impl DataFileWriter {
    /// Begins to write for `table`. No file is made before there are rows.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if the table has no such partition spec or cannot have row lineage;
    /// [`TableError::Unsupported`] names a column whose type cannot be written.
    pub fn new(table: &Table, options: &WriteOptions) -> Result<Self> {
        if options.has_row_lineage && table.metadata().format_version() < iceberg::spec::FormatVersion::V3 {
            let detail =
                format!("table `{}` has no row lineage before format version 3; write without it", table.name());
            return Err(TableError::invalid(detail));
        }
        let schema = Arc::new(RowSchema::of_table(table, options.has_row_lineage)?);
        let splitter = Splitter::new(table, options.spec_id, &schema.arrow)?;
        let recipe = Recipe::new(table, options, options.spec_id, FileContent::Data, schema.clone())?;
        let recipe = Recipe { sort_order_id: options.sort_order_id, ..recipe };
        let files = FanOut::new(recipe, options.open_partitions_max, options.open_bytes_max);
        Ok(Self { schema, splitter, files })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if the rows do not fit the table: nothing of them was written, and the writer can
    /// go on. [`TableError::Storage`] and others: start over with a new writer.
    #[boxed]
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for group in self.split(batch).await? {
            self.files.write(&group.partition, &group.rows).await?;
        }
        Ok(())
    }

    /// Writes rows that all belong to `partition`, a tuple of the writer's spec: nothing is computed or checked.
    /// For rewrites, whose input files have one partition.
    ///
    /// # Errors
    /// As [`DataFileWriter::write`].
    #[boxed]
    pub async fn write_to(&mut self, partition: &PartitionTuple, batch: &RecordBatch) -> Result<()> {
        self.check_partition(partition)?;
        let rows = self.schema.conform(batch)?;
        self.files.write(partition, &rows).await?;
        Ok(())
    }

    /// Takes a row group over that was read for this writer's options, in place of writing its rows to `partition`.
    ///
    /// # Errors
    /// As [`DataFileWriter::write`].
    #[boxed]
    pub async fn copy_to(&mut self, partition: &PartitionTuple, row_group: CopiedRowGroup) -> Result<()> {
        self.check_partition(partition)?;
        self.files.copy(partition, row_group).await
    }

    fn check_partition(&self, partition: &PartitionTuple) -> Result<()> {
        check_partition(&self.files.recipe().spec, partition)
    }

    /// Rows in the form of the file, by partition.
    ///
    /// The future borrows nothing, so that it can move between threads though the open files cannot be shared by them.
    pub(super) fn split(&self, batch: &RecordBatch) -> impl Future<Output = Result<Vec<Group>>> + Send + use<> {
        let (schema, splitter, batch) = (self.schema.clone(), self.splitter.clone(), batch.clone());
        async move { on_pool(move || splitter.split(&schema.conform(&batch)?)).await? }
    }

    /// As [`DataFileWriter::write`], of rows that were split before; says where they are.
    pub(super) async fn write_group(&mut self, group: &Group) -> Result<Vec<Span>> {
        self.files.write(&group.partition, &group.rows).await
    }

    /// Ends all files and hands them out, sorted by path. Nothing may be missing of them: an error means that the
    /// whole write has failed.
    ///
    /// # Errors
    /// [`TableError::Storage`] if the store did not confirm a file.
    #[boxed]
    pub async fn finish(self) -> Result<Vec<WrittenFile>> {
        self.files.finish().await
    }

    /// As [`DataFileWriter::finish`], in the order in which rows were written: those of each file follow those of the
    /// one before. There is such an order only if all rows went to one partition.
    ///
    /// # Errors
    /// As [`DataFileWriter::finish`].
    #[boxed]
    pub async fn finish_in_order(self) -> Result<Vec<WrittenFile>> {
        self.files.finish_in_order().await
    }
}

/// The partition spec with this id.
pub(super) fn spec_of(table: &Table, spec_id: crate::SpecId) -> Result<iceberg::spec::PartitionSpecRef> {
    table.metadata().partition_spec_by_id(spec_id.get()).cloned().ok_or_else(|| {
        TableError::invalid(format!("table `{}` has no partition spec `{spec_id}`; name one of its own", table.name()))
    })
}

pub(super) fn check_partition(spec: &iceberg::spec::PartitionSpec, partition: &PartitionTuple) -> Result<()> {
    if partition.0.len() == spec.fields().len() {
        return Ok(());
    }
    let detail = format!(
        "a partition of `{}` values does not fit spec `{}`, which has `{}` fields; give one value for each",
        partition.0.len(),
        spec.spec_id(),
        spec.fields().len()
    );
    Err(TableError::invalid(detail))
}
