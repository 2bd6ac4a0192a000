//! Forms of output, behind one trait.

mod arrow_ipc;
mod csv;
mod debezium;
mod jsonl;
mod lines;
mod parquet;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod value;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use frazil_reader::{ChangeBatch, ChangelogOperation, SnapshotInfo, StreamHeader};
use frazil_table::SnapshotId;

use self::value::Longs;
use crate::error::CliError;
use crate::output::{Look, Output};
use frazil_reader::change_columns::{ChangeColumns, Style};

/// Takes what a read delivers and writes it down. Each call passes on all it wrote, so that whoever reads the
/// output is never behind; a Parquet file is complete at its end only.
pub(crate) trait Sink {
    /// Consecutive changes of one snapshot.
    fn changes(&mut self, batch: &ChangeBatch) -> Result<(), CliError>;

    /// Rows of a state of the table.
    fn rows(&mut self, rows: &RecordBatch) -> Result<(), CliError>;

    /// What follows has another schema.
    fn schema_change(&mut self, change: &SchemaChange<'_>) -> Result<(), CliError>;

    /// Updates are paired by another key from here on. Called only if markers were asked for.
    fn key_change(&mut self, _change: &KeyChange<'_>) -> Result<(), CliError> {
        Ok(())
    }

    /// The stream goes another way than from one snapshot to the next. Called only if markers were asked for.
    fn detour(&mut self, _detour: &Detour<'_>) -> Result<(), CliError> {
        Ok(())
    }

    /// The snapshot is complete. Called only if markers were asked for.
    fn snapshot_end(&mut self, _snapshot: &SnapshotInfo, _watermark_ms: i64) -> Result<(), CliError> {
        Ok(())
    }

    /// How many of these changes are written at most if `limit` is left, and how much of it they use up.
    fn n_rows_of(&self, operations: &[ChangelogOperation], limit: usize) -> (usize, usize) {
        let n_rows = operations.len().min(limit);
        (n_rows, n_rows)
    }

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

impl SchemaChange<'_> {
    /// The error of a form that has one schema.
    fn refuse(&self, form: &str) -> CliError {
        CliError::Usage(format!(
            "{form} has one schema, and that of the table changes at snapshot `{}` from `{}` to `{}`; \
             leave --schema out, or pass --schema pinned:{}",
            self.snapshot.snapshot_id, self.from, self.to, self.to
        ))
    }
}

/// A change of the key of all that follows.
pub(crate) struct KeyChange<'a> {
    /// First snapshot with it.
    pub(crate) snapshot: &'a SnapshotInfo,
    /// Names of the columns until now.
    pub(crate) before: &'a [String],
    /// Names of the columns from now on.
    pub(crate) now: &'a [String],
}

/// A way around snapshots that are gone.
#[derive(Clone, Copy)]
pub(crate) enum Detour<'a> {
    /// What was written before is void, and all rows of the snapshot follow.
    Truncate {
        /// The snapshot.
        snapshot: &'a SnapshotInfo,
        /// Up to where the stream had come.
        consumed: Option<SnapshotId>,
    },
    /// Snapshots up to this one were left out.
    Gap {
        /// The snapshot.
        snapshot: &'a SnapshotInfo,
        /// Up to where the stream had come.
        consumed: Option<SnapshotId>,
        /// What they changed is lost; otherwise it follows.
        is_lossy: bool,
    },
    /// What follows takes back the changes of a snapshot.
    Rollback {
        /// The snapshot before it.
        snapshot: &'a SnapshotInfo,
        /// The snapshot.
        undone: SnapshotId,
    },
}

/// What a stream is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Rows alone.
    Rows,
    /// Rows, each with its change columns.
    Changes,
}

/// How values are written, where a form leaves that open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Form {
    /// Names and values of the change columns.
    pub(crate) style: Style,
    /// 64-bit integers in JSON.
    pub(crate) longs: Longs,
    /// Also what is no row.
    pub(crate) has_markers: bool,
}

/// One JSON object a line.
///
/// # Errors
/// As [`Output::put`].
pub(crate) fn jsonl(output: Output, header: Option<&StreamHeader>, form: Form) -> Result<Box<dyn Sink>, CliError> {
    Ok(Box::new(jsonl::Jsonl::new(output, header, form)?))
}

/// Comma-separated values.
///
/// # Errors
/// As [`Output::put`].
pub(crate) fn csv(output: Output, schema: &SchemaRef, content: Content, form: Form) -> Result<Box<dyn Sink>, CliError> {
    Ok(Box::new(csv::Csv::new(output, schema, content, form.style, form.longs)?))
}

/// Debezium's messages. `table` is named in each.
pub(crate) fn debezium(output: Output, table: &str, key: &[String], form: Form) -> Box<dyn Sink> {
    Box::new(debezium::Debezium::new(output, table, key, form.longs))
}

/// An Arrow IPC stream.
///
/// # Errors
/// [`CliError::Output`] if its beginning cannot be written.
pub(crate) fn arrow(
    output: Output,
    schema: &SchemaRef,
    content: Content,
    form: Form,
) -> Result<Box<dyn Sink>, CliError> {
    Ok(Box::new(arrow_ipc::ArrowIpc::new(output, schema, content, form.style)?))
}

/// A Parquet file.
///
/// # Errors
/// [`CliError::Output`] if its beginning cannot be written; [`CliError::Usage`] if it has no form for a column.
pub(crate) fn parquet(
    output: Output,
    schema: &SchemaRef,
    content: Content,
    form: Form,
) -> Result<Box<dyn Sink>, CliError> {
    Ok(Box::new(parquet::Parquet::new(output, schema, content, form.style)?))
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

/// Whole batches of what the output is to hold.
fn change_columns(columns: &SchemaRef, content: Content, style: Style) -> ChangeColumns {
    match content {
        Content::Rows => ChangeColumns::of_rows(columns),
        Content::Changes => ChangeColumns::of_changes(columns, style),
    }
}
