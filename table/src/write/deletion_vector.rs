//! Positions of deleted rows into deletion vectors.
//!
//! Source: Iceberg puffin spec; the layout of the blob is told in `deletes/vector.rs`, which reads it.

use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use serde_json::json;

use super::append::spec_of;
use super::equality::check_has_deletes;
use super::location::partition_path;
use super::options::WriteOptions;
use super::position::{DeleteTarget, Positions, add_positions};
use crate::deletes::{BLOB_TYPE, serialize_deletion_vector};
use crate::file::{ColumnMetrics, FileContent, FileFormat, WrittenFile};
use crate::table::Table;
use crate::{Result, TableError, on_pool};

/// Begins and ends a puffin file and its footer.
const PUFFIN_MAGIC: &[u8; 4] = b"PFA1";

/// Field id of row positions. Source: Iceberg spec, "Reserved Field IDs", `_pos`.
const ROW_POSITION: i32 = 2_147_483_645;

/// Writes deletion vectors (format version 3), those of several data files into one puffin file.
///
/// A data file has one vector at most, so a new one must hold the positions of the one that it replaces, and of
/// position delete files that apply to the data file: give them to [`DeletionVectorWriter::delete`] too.
#[derive(Debug)]
pub struct DeletionVectorWriter {
    table: Table,
    options: WriteOptions,
    positions: Positions,
}

impl DeletionVectorWriter {
    /// Begins to write for `table`.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if the table is of a format version before 3.
    pub fn new(table: &Table, options: &WriteOptions) -> Result<Self> {
        check_has_deletes(table)?;
        if table.metadata().format_version() < iceberg::spec::FormatVersion::V3 {
            let detail = format!(
                "table `{}` has no deletion vectors before format version 3; write position deletes",
                table.name()
            );
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

    /// Writes the vectors and hands them out, one for each data file, sorted by it.
    ///
    /// # Errors
    /// As [`DataFileWriter::finish`](super::DataFileWriter::finish).
    #[boxed]
    pub async fn finish(self) -> Result<Vec<WrittenFile>> {
        let mut files = Vec::new();
        let mut puffin = Puffin::new();
        let target_bytes = self.options.deletes.target_bytes;
        for (target, positions) in self.positions.into_values().filter(|(_, positions)| !positions.is_empty()) {
            let cardinality = positions.len();
            let blob = on_pool(move || serialize_deletion_vector(&positions)).await??;
            puffin.add(target, cardinality, &blob)?;
            if puffin.bytes.len() as u64 >= target_bytes {
                files.extend(std::mem::replace(&mut puffin, Puffin::new()).write(&self.table, &self.options).await?);
            }
        }
        if !puffin.vectors.is_empty() {
            files.extend(puffin.write(&self.table, &self.options).await?);
        }
        Ok(files)
    }
}

/// A puffin file in the making.
struct Puffin {
    bytes: Vec<u8>,
    vectors: Vec<Vector>,
}

struct Vector {
    target: DeleteTarget,
    cardinality: u64,
    offset: u64,
    length: u64,
}

impl Puffin {
    fn new() -> Self {
        Self { bytes: PUFFIN_MAGIC.to_vec(), vectors: Vec::new() }
    }

    fn add(&mut self, target: DeleteTarget, cardinality: u64, blob: &[u8]) -> Result<()> {
        let offset = u64::try_from(self.bytes.len()).map_err(TableError::internal)?;
        let length = u64::try_from(blob.len()).map_err(TableError::internal)?;
        self.bytes.extend_from_slice(blob);
        self.vectors.push(Vector { target, cardinality, offset, length });
        Ok(())
    }

    async fn write(mut self, table: &Table, options: &WriteOptions) -> Result<Vec<WrittenFile>> {
        self.end()?;
        // Vectors of several partitions share a file, which then lies in none of them.
        let first = self.vectors.first().map(|vector| &vector.target);
        let is_one = first.is_some_and(|first| {
            self.vectors
                .iter()
                .all(|vector| vector.target.spec_id == first.spec_id && vector.target.partition == first.partition)
        });
        let folder = match first {
            Some(first) if is_one => partition_path(table, &*spec_of(table, first.spec_id)?, &first.partition),
            _ => String::new(),
        };
        let path: Arc<str> = options.names.next(&folder, "-deletes.puffin").into();
        let file_size_bytes = u64::try_from(self.bytes.len()).map_err(TableError::internal)?;
        let mut upload = table.storage().upload(&path).await?;
        upload.put(self.bytes.into()).await?;
        if let Some(paths) = &options.paths {
            paths.add(&path);
        }
        upload.finish().await?;
        let metrics = Arc::new(ColumnMetrics::default());
        let files = self.vectors.into_iter().map(|vector| WrittenFile {
            content: FileContent::PositionDeletes,
            path: path.clone(),
            format: FileFormat::Puffin,
            spec_id: vector.target.spec_id,
            partition: vector.target.partition,
            record_count: vector.cardinality,
            file_size_bytes,
            metrics: metrics.clone(),
            column_sizes: std::collections::HashMap::new(),
            split_offsets: Vec::new(),
            equality_ids: Vec::new(),
            sort_order_id: None,
            referenced_data_file: Some(vector.target.path),
            content_range: Some((vector.offset, vector.length)),
        });
        Ok(files.collect())
    }

    /// Appends the footer: magic, payload, its size (little-endian), flags, magic.
    fn end(&mut self) -> Result<()> {
        let blobs: Vec<_> = self
            .vectors
            .iter()
            .map(|vector| {
                json!({
                    "type": BLOB_TYPE,
                    "fields": [ROW_POSITION],
                    // Only the commit knows them. Source: puffin spec, "deletion-vector-v1 blob type".
                    "snapshot-id": -1,
                    "sequence-number": -1,
                    "offset": vector.offset,
                    "length": vector.length,
                    "properties": {
                        "referenced-data-file": &*vector.target.path,
                        "cardinality": vector.cardinality.to_string(),
                    },
                })
            })
            .collect();
        let created_by = concat!("frazil version ", env!("CARGO_PKG_VERSION"));
        let footer = json!({ "blobs": blobs, "properties": { "created-by": created_by } }).to_string();
        let size = i32::try_from(footer.len()).map_err(TableError::internal)?;
        self.bytes.extend_from_slice(PUFFIN_MAGIC);
        self.bytes.extend_from_slice(footer.as_bytes());
        self.bytes.extend_from_slice(&size.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(PUFFIN_MAGIC);
        Ok(())
    }
}
