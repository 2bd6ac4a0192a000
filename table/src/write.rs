//! New data and delete files of a table: what a commit will list.
//!
//! Every writer hands out [`WrittenFile`](crate::file::WrittenFile)s and nothing else: no metadata and no manifest is
//! touched, so that files of a writer that failed or was dropped are orphans at worst. A file that is being written
//! never shows under its name; a failed or dropped upload is taken back.
//!
//! Rows come as record batches in the table's current schema. Columns are found by field id
//! (`PARQUET:field_id` in a field's metadata), else by name; optional columns may be left out.

mod append;
mod batch;
mod copy;
mod deletion_vector;
mod equality;
mod fan_out;
mod location;
mod metrics;
mod options;
mod parquet;
mod partition;
mod paths;
mod position;
mod rolling;
mod sort;
mod transform;
mod upsert;

pub use append::{AppendWriter, DataFileWriter};
pub use copy::{CopiedRowGroup, CopySource};
pub use deletion_vector::DeletionVectorWriter;
pub use equality::EqualityDeleteWriter;
pub use options::WriteOptions;
pub use paths::WrittenPaths;
pub use position::{DeleteTarget, PositionDeleteWriter};
pub use sort::{RowSorter, SortedRows};
pub(crate) use transform::{bytes_at, longs, minimal};
pub use upsert::{UpsertWriter, WrittenChanges};

#[cfg(test)]
mod tests;
