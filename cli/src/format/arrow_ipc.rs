//! An Arrow IPC stream, with one schema from beginning to end.

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};
use frazil_reader::ChangeBatch;
use frazil_reader::change_columns::{ChangeColumns, Style};

use super::{Content, SchemaChange, Sink, change_columns};
use crate::error::CliError;
use crate::output::Output;

/// Record batches; changes with the change columns first, `_change_type` as a dictionary.
pub(crate) struct ArrowIpc {
    writer: StreamWriter<Output>,
    name: String,
    columns: ChangeColumns,
}

impl ArrowIpc {
    pub(crate) fn new(output: Output, columns: &SchemaRef, content: Content, style: Style) -> Result<Self, CliError> {
        let columns = change_columns(columns, content, style);
        let name = output.name().to_owned();
        let mut writer =
            StreamWriter::try_new(output, columns.schema()).map_err(|error| CliError::arrow(&name, error))?;
        writer.flush().map_err(|error| CliError::arrow(&name, error))?;
        Ok(Self { writer, name, columns })
    }

    fn write(&mut self, batch: Result<RecordBatch, ArrowError>) -> Result<(), CliError> {
        let outcome = batch.and_then(|batch| self.writer.write(&batch)).and_then(|()| self.writer.flush());
        outcome.map_err(|error| CliError::arrow(&self.name, error))
    }
}

impl Sink for ArrowIpc {
    fn changes(&mut self, batch: &ChangeBatch) -> Result<(), CliError> {
        self.write(self.columns.changes(batch))
    }

    fn rows(&mut self, rows: &RecordBatch) -> Result<(), CliError> {
        self.write(self.columns.rows(rows))
    }

    fn schema_change(&mut self, change: &SchemaChange<'_>) -> Result<(), CliError> {
        Err(change.refuse("an Arrow stream"))
    }

    fn finish(self: Box<Self>) -> Result<(), CliError> {
        // Writes the end of the stream before it gives the output back.
        let Self { writer, name, .. } = *self;
        writer.into_inner().map_err(|error| CliError::arrow(&name, error))?.finish()
    }
}
