//! Forms of output, behind one trait.

mod arrow_ipc;
mod jsonl;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod value;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use frazil_reader::{ChangeBatch, SnapshotInfo};

use crate::error::CliError;
use crate::output::{Look, Output};

/// Takes what a read delivers and writes it down. Each call passes on all it wrote, so that whoever reads the
/// output is never behind.
pub(crate) trait Sink {
    /// Consecutive changes of one snapshot.
    fn changes(&mut self, batch: &ChangeBatch) -> Result<(), CliError>;

    /// Rows of a state of the table.
    fn rows(&mut self, rows: &RecordBatch) -> Result<(), CliError>;

    /// What follows has another schema.
    fn schema_change(&mut self, change: &SchemaChange<'_>) -> Result<(), CliError>;

    /// The snapshot is complete. Called only if markers were asked for.
    fn snapshot_end(&mut self, snapshot: &SnapshotInfo, watermark_ms: i64) -> Result<(), CliError>;

    /// Completes the output.
    fn finish(self: Box<Self>) -> Result<(), CliError>;
}

/// A change of the schema of all that follows.
pub(crate) struct SchemaChange<'a> {
    /// First snapshot with it.
    pub(crate) snapshot: &'a SnapshotInfo,
    /// Id of the schema until now.
    pub(crate) from: i32,
    /// Id of the schema from now on.
    pub(crate) to: i32,
    /// The schema from now on.
    pub(crate) schema: &'a SchemaRef,
}

/// What a stream is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Rows alone.
    Rows,
    /// Rows, each with its change columns.
    Changes,
}

/// One JSON object a line.
pub(crate) fn jsonl(output: Output, has_markers: bool) -> Box<dyn Sink> {
    Box::new(jsonl::Jsonl::new(output, has_markers))
}

/// An Arrow IPC stream.
///
/// # Errors
/// [`CliError::Output`] if its beginning cannot be written.
pub(crate) fn arrow(output: Output, schema: &SchemaRef, content: Content) -> Result<Box<dyn Sink>, CliError> {
    Ok(Box::new(arrow_ipc::ArrowIpc::new(output, schema, content)?))
}

/// Aligned text.
pub(crate) fn table(
    output: Output,
    schema: &SchemaRef,
    content: Content,
    look: Look,
    has_markers: bool,
) -> Box<dyn Sink> {
    Box::new(table::Table::new(output, schema, content, look, has_markers))
}
