//! A Parquet file.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use frazil_reader::ChangeBatch;
use frazil_reader::change_columns::{ChangeColumns, Style};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{Content, SchemaChange, Sink, change_columns};
use crate::error::CliError;
use crate::output::Output;

/// A row group is closed at this size, since all of it is in memory until then.
const ROW_GROUP_BYTES: usize = 64 * 1024 * 1024;

/// Changes with the change columns first, or rows. Columns keep their field ids.
pub(crate) struct Parquet {
    writer: ArrowWriter<Output>,
    name: String,
    columns: ChangeColumns,
}

impl Parquet {
    pub(crate) fn new(output: Output, columns: &SchemaRef, content: Content, style: Style) -> Result<Self, CliError> {
        let columns = change_columns(columns, content, style);
        let name = output.name().to_owned();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("frazil ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = ArrowWriter::try_new(output, columns.schema().clone(), Some(properties))
            .map_err(|error| failed(&name, error))?;
        Ok(Self { writer, name, columns })
    }

    fn write(&mut self, batch: Result<RecordBatch, ArrowError>) -> Result<(), CliError> {
        let batch = batch.map_err(|error| CliError::arrow(&self.name, error))?;
        self.writer.write(&batch).map_err(|error| failed(&self.name, error))?;
        if self.writer.in_progress_size() >= ROW_GROUP_BYTES {
            self.writer.flush().map_err(|error| failed(&self.name, error))?;
        }
        Ok(())
    }
}

impl Sink for Parquet {
    fn changes(&mut self, batch: &ChangeBatch) -> Result<(), CliError> {
        self.write(self.columns.changes(batch))
    }

    fn rows(&mut self, rows: &RecordBatch) -> Result<(), CliError> {
        self.write(self.columns.rows(rows))
    }

    fn schema_change(&mut self, change: &SchemaChange<'_>) -> Result<(), CliError> {
        Err(change.refuse("a Parquet file"))
    }

    fn finish(self: Box<Self>) -> Result<(), CliError> {
        let Self { writer, name, .. } = *self;
        writer.into_inner().map_err(|error| failed(&name, error))?.finish()
    }
}

/// What writing to `target` gave. The library hides errors of the output in its own.
fn failed(target: &str, error: ParquetError) -> CliError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => CliError::output(target, *source),
            Err(other) => CliError::Internal(format!("parquet file: {other}")),
        },
        ParquetError::NYI(detail) => CliError::Usage(format!(
            "Parquet has no form for these columns: {detail}; leave them out with --columns, or use another --format"
        )),
        other => CliError::Internal(format!("parquet file: {other}")),
    }
}
