//! Comma-separated values with a header. Source: RFC 4180, with `\n` at the end of a line.
//!
//! NULL is nothing between two commas, and an empty text is `""`: writers of the usual libraries cannot tell them
//! apart, which is why the quoting is done here.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use frazil_reader::{ChangeBatch, ChangelogOperation};

use super::lines::LineBuffer;
use super::time::commit_timestamp;
use super::value::{Longs, ValueWriter, write_integer};
use super::{Content, SchemaChange, Sink};
use crate::error::CliError;
use crate::output::Output;
use frazil_reader::change_columns::{ChangeColumn, Style};

/// Lines of values.
pub(crate) struct Csv {
    buffer: LineBuffer,
    style: Style,
    longs: Longs,
    value: Vec<u8>,
}

impl Csv {
    pub(crate) fn new(
        output: Output,
        columns: &SchemaRef,
        content: Content,
        style: Style,
        longs: Longs,
    ) -> Result<Self, CliError> {
        let mut csv = Self { buffer: LineBuffer::new(output), style, longs, value: Vec::new() };
        let change_columns = match content {
            Content::Rows => &[],
            Content::Changes => style.columns(),
        };
        let names = change_columns.iter().map(|column| column.name());
        for (index, name) in names.chain(columns.fields().iter().map(|field| field.name().as_str())).enumerate() {
            if index > 0 {
                csv.buffer.line().push(b',');
            }
            write_field(name.as_bytes(), csv.buffer.line());
        }
        csv.buffer.end_line()?;
        csv.buffer.pass_on()?;
        Ok(csv)
    }

    fn lines(&mut self, rows: &RecordBatch, begin: impl Fn(usize, &mut Vec<u8>)) -> Result<(), CliError> {
        let schema = rows.schema();
        let writers: Vec<ValueWriter<'_>> = schema
            .fields()
            .iter()
            .zip(rows.columns())
            .map(|(field, column)| ValueWriter::with_longs(field, column.as_ref(), self.longs))
            .collect::<Result<_, _>>()?;
        for row in 0..rows.num_rows() {
            let line = self.buffer.line();
            let start = line.len();
            begin(row, line);
            for (index, writer) in writers.iter().enumerate() {
                if index > 0 {
                    line.push(b',');
                }
                if !writer.is_null(row) {
                    self.value.clear();
                    writer.write_plain(row, &mut self.value);
                    write_field(&self.value, line);
                }
            }
            // Readers pass over an empty line, and the row with it.
            if line.len() == start {
                line.extend_from_slice(b"\"\"");
            }
            self.buffer.end_line()?;
        }
        self.buffer.pass_on()
    }
}

impl Sink for Csv {
    fn changes(&mut self, batch: &ChangeBatch) -> Result<(), CliError> {
        let has_columns = batch.rows.num_columns() > 0;
        let prefixes = ChangelogOperation::ALL.map(|operation| prefix(self.style, operation, batch, has_columns));
        self.lines(&batch.rows, |row, out| {
            out.extend_from_slice(&prefixes[batch.operations[row] as usize]);
        })
    }

    fn rows(&mut self, rows: &RecordBatch) -> Result<(), CliError> {
        self.lines(rows, |_, _| {})
    }

    fn schema_change(&mut self, change: &SchemaChange<'_>) -> Result<(), CliError> {
        Err(change.refuse("a CSV file"))
    }

    fn finish(self: Box<Self>) -> Result<(), CliError> {
        self.buffer.finish()
    }
}

/// The change columns, up to the first column of the table.
fn prefix(style: Style, operation: ChangelogOperation, batch: &ChangeBatch, has_columns: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, column) in style.columns().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match (column, column.number(&batch.snapshot)) {
            (ChangeColumn::Type, _) => out.extend_from_slice(style.kind(operation).as_bytes()),
            (_, Some(number)) => write_integer(number, &mut out),
            (_, None) => out.extend_from_slice(commit_timestamp(batch.snapshot.timestamp_ms).as_bytes()),
        }
    }
    if has_columns {
        out.push(b',');
    }
    out
}

/// Appends a value that is not NULL, in quotes where it needs them.
fn write_field(value: &[u8], out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| !matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if !value.is_empty() && value.iter().all(is_plain) {
        out.extend_from_slice(value);
        return;
    }
    out.push(b'"');
    for byte in value {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn field(value: &str) -> String {
        let mut out = Vec::new();
        write_field(value.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_quoted_where_a_reader_would_cut_them() {
        assert_eq!(field("a b"), "a b");
        assert_eq!(field(""), "\"\"");
        assert_eq!(field("a,b"), "\"a,b\"");
        assert_eq!(field("a\nb"), "\"a\nb\"");
        assert_eq!(field("say \"ice\""), "\"say \"\"ice\"\"\"");
    }

    #[test]
    fn null_and_empty_text_differ() {
        use arrow_array::StringArray;
        use arrow_schema::{DataType, Field, Schema};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let column: arrow_array::ArrayRef = std::sync::Arc::new(StringArray::from(vec![Some("a"), Some(""), None]));
        let field = |name: &str| Field::new(name, DataType::Utf8, true);
        let write = |names: &[&str]| {
            let schema = std::sync::Arc::new(Schema::new(names.iter().map(|name| field(name)).collect::<Vec<_>>()));
            let rows = RecordBatch::try_new(schema.clone(), vec![column.clone(); names.len()]).unwrap();
            let output = Output::file(&path).unwrap();
            let mut csv = Csv::new(output, &schema, Content::Rows, Style::default(), Longs::default()).unwrap();
            csv.rows(&rows).unwrap();
            Box::new(csv).finish().unwrap();
            std::fs::read_to_string(&path).unwrap()
        };
        assert_eq!(write(&["x", "y"]), "x,y\na,a\n\"\",\"\"\n,\n");
        // An empty line would be no row.
        assert_eq!(write(&["x"]), "x\na\n\"\"\n\"\"\n");
    }

    #[test]
    fn what_is_written_is_read_back_by_an_independent_reader() {
        let values = ["plain", "", "a,b", "line\nbreak", "carriage\rreturn", "\"quoted\"", "氷", " space "];
        let mut line = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                line.push(b',');
            }
            write_field(value.as_bytes(), &mut line);
        }
        line.push(b'\n');
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
        assert_eq!(reader.records().next().unwrap().unwrap(), values.to_vec());
    }
}
