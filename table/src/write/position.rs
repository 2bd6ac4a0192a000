//! Positions of deleted rows into position delete files.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, StringArray};
use async_recursion::async_recursion as boxed;
use iceberg::spec::{NestedField, NestedFieldRef, PrimitiveType, Type};
use roaring::RoaringTreemap;

use super::append::{check_partition, spec_of};
use super::batch::RowSchema;
use super::equality::check_has_deletes;
use super::metrics::MetricsConfig;
use super::options::WriteOptions;
use super::rolling::{Recipe, RollingWriter};
use crate::file::{FileContent, FileEntry, PartitionTuple, WrittenFile};
use crate::ids::SpecId;
use crate::table::Table;
use crate::{Result, TableError};

/// Rows of one batch: the path is repeated in each of them.
const BATCH_ROWS: usize = 8192;

/// Source: Iceberg spec, "Position Delete Files".
const FILE_PATH: (i32, &str) = (2_147_483_546, "file_path");
const POS: (i32, &str) = (2_147_483_545, "pos");

/// The data file whose rows are deleted. Its deletes carry its spec and partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeleteTarget {
    /// Path, exactly as the table lists it.
    pub path: Arc<str>,
    /// Partition spec that the data file was written under.
    pub spec_id: SpecId,
    /// Its partition.
    pub partition: PartitionTuple,
}

impl From<&FileEntry> for DeleteTarget {
    fn from(file: &FileEntry) -> Self {
        Self { path: file.path.clone(), spec_id: file.spec_id, partition: file.partition.clone() }
    }
}

impl From<&WrittenFile> for DeleteTarget {
    fn from(file: &WrittenFile) -> Self {
        Self { path: file.path.clone(), spec_id: file.spec_id, partition: file.partition.clone() }
    }
}

/// Positions by data file.
pub(super) type Positions = BTreeMap<Arc<str>, (DeleteTarget, RoaringTreemap)>;

/// Adds positions of one data file.
///
/// # Errors
/// [`TableError::InvalidRequest`] if the target does not fit the table or what was said of the same path before.
pub(super) fn add_positions(
    to: &mut Positions,
    table: &Table,
    target: &DeleteTarget,
    positions: impl IntoIterator<Item = u64>,
) -> Result<()> {
    check_partition(&*spec_of(table, target.spec_id)?, &target.partition)?;
    let (known, all) = to.entry(target.path.clone()).or_insert_with(|| (target.clone(), RoaringTreemap::new()));
    if known != target {
        let detail = format!("data file `{}` was given with two partitions; give the one that lists it", target.path);
        return Err(TableError::invalid(detail));
    }
    for position in positions {
        if i64::try_from(position).is_err() {
            return Err(TableError::invalid(format!("`{position}` is no position of a row; give one below 2^63")));
        }
        all.insert(position);
    }
    Ok(())
}

/// Writes position delete files (format version 2): one or more for each data file, which they name.
///
/// Positions are kept in memory until [`PositionDeleteWriter::finish`], compressed.
#[derive(Debug)]
pub struct PositionDeleteWriter {
    table: Table,
    options: WriteOptions,
    positions: Positions,
}

impl PositionDeleteWriter {
    /// Begins to write for `table`.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] unless the table is of format version 2: later ones have deletion vectors in
    /// their place.
    pub fn new(table: &Table, options: &WriteOptions) -> Result<Self> {
        check_has_deletes(table)?;
        if table.metadata().format_version() >= iceberg::spec::FormatVersion::V3 {
            let detail =
                format!("table `{}` takes deletion vectors, not position delete files; write those", table.name());
            return Err(TableError::invalid(detail));
        }
        Ok(Self { table: table.clone(), options: options.clone(), positions: Positions::new() })
    }

    /// Deletes rows of one data file, by their positions from 0 on, in any order and as often as one likes.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if the target does not fit the table or what was said of the same path before.
    pub fn delete(&mut self, target: &DeleteTarget, positions: impl IntoIterator<Item = u64>) -> Result<()> {
        add_positions(&mut self.positions, &self.table, target, positions)
    }

    /// Writes the files and hands them out, sorted by the data files that they are for.
    ///
    /// # Errors
    /// As [`DataFileWriter::finish`](super::DataFileWriter::finish).
    #[boxed]
    pub async fn finish(self) -> Result<Vec<WrittenFile>> {
        let field = |(id, name): (i32, &str), primitive| {
            NestedFieldRef::from(NestedField::required(id, name, Type::Primitive(primitive)))
        };
        let fields = vec![field(FILE_PATH, PrimitiveType::String), field(POS, PrimitiveType::Long)];
        let schema = Arc::new(RowSchema::of_fields(fields)?);
        let metrics = Arc::new(MetricsConfig::full());
        let mut files = Vec::new();
        for (target, positions) in self.positions.into_values().filter(|(_, positions)| !positions.is_empty()) {
            let content = FileContent::PositionDeletes;
            let recipe = Recipe::new(&self.table, &self.options, target.spec_id, content, schema.clone())?;
            let referenced_data_file = Some(target.path.clone());
            let recipe = Recipe { metrics: metrics.clone(), referenced_data_file, ..recipe };
            let mut writer = RollingWriter::new(Arc::new(recipe), target.partition.clone());
            let mut positions = positions.into_iter().map(|position| i64::try_from(position).unwrap_or(i64::MAX));
            loop {
                let rows: Int64Array = positions.by_ref().take(BATCH_ROWS).collect();
                let n_rows = arrow_array::Array::len(&rows);
                if n_rows == 0 {
                    break;
                }
                let paths = StringArray::from(vec![&*target.path; n_rows]);
                let batch = RecordBatch::try_new(schema.arrow.clone(), vec![Arc::new(paths), Arc::new(rows)])
                    .map_err(TableError::internal)?;
                writer.write(&batch).await?;
            }
            files.extend(writer.finish().await?);
        }
        Ok(files)
    }
}
