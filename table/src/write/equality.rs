//! Keys of deleted rows into equality delete files.

use std::sync::Arc;

use arrow_array::RecordBatch;
use async_recursion::async_recursion as boxed;

use super::append::check_partition;
use super::batch::RowSchema;
use super::fan_out::FanOut;
use super::options::WriteOptions;
use super::rolling::Recipe;
use crate::file::{FileContent, PartitionTuple, WrittenFile};
use crate::ids::FieldId;
use crate::table::Table;
use crate::{Result, TableError, on_pool};

/// Writes equality deletes: keys of rows that older data files may hold.
///
/// A delete applies to data files of a lower data sequence number, of the same partition of the same spec; under an
/// unpartitioned spec to all of them. So a key must be given in every partition where a row of it may be.
/// Source: Iceberg spec, "Equality Delete Files", "Scan Planning".
#[derive(Debug)]
pub struct EqualityDeleteWriter {
    schema: Arc<RowSchema>,
    files: FanOut,
}

impl EqualityDeleteWriter {
    /// `ids` are the columns of the key: top-level, and no floating-point numbers.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if there is no such key or spec, or the table is of format version 1.
    pub fn new(table: &Table, options: &WriteOptions, ids: &[FieldId]) -> Result<Self> {
        check_has_deletes(table)?;
        let schema = Arc::new(RowSchema::keys(table, ids)?);
        let recipe = Recipe::new(table, options, options.spec_id, FileContent::EqualityDeletes, schema.clone())?;
        let recipe = Recipe { equality_ids: ids.to_vec(), ..recipe };
        let files = FanOut::new(recipe, options.open_partitions_max, options.open_bytes_max);
        Ok(Self { schema, files })
    }

    /// Writes the keys of some rows. Columns of `rows` that are not of the key are left out. `partition` is a tuple of
    /// the writer's spec.
    ///
    /// # Errors
    /// As [`DataFileWriter::write`](super::DataFileWriter::write).
    #[boxed]
    pub async fn delete(&mut self, partition: &PartitionTuple, rows: &RecordBatch) -> Result<()> {
        check_partition(&self.files.recipe().spec, partition)?;
        let (schema, rows) = (self.schema.clone(), rows.clone());
        let keys = on_pool(move || schema.select(&rows)).await??;
        self.files.write(partition, &keys).await?;
        Ok(())
    }

    /// The columns of the key.
    pub(super) fn schema(&self) -> &Arc<RowSchema> {
        &self.schema
    }

    /// Ends all files and hands them out.
    ///
    /// # Errors
    /// As [`DataFileWriter::finish`](super::DataFileWriter::finish).
    #[boxed]
    pub async fn finish(self) -> Result<Vec<WrittenFile>> {
        self.files.finish().await
    }
}

/// Delete files came with format version 2.
pub(super) fn check_has_deletes(table: &Table) -> Result<()> {
    if table.metadata().format_version() < iceberg::spec::FormatVersion::V2 {
        let detail =
            format!("table `{}` is of format version 1, which has no deletes of rows; upgrade it", table.name());
        return Err(TableError::invalid(detail));
    }
    Ok(())
}
