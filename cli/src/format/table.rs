//! Aligned text for people, written batch by batch.

use anstyle::{AnsiColor, Effects, Style};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use frazil_reader::{ChangeBatch, ChangelogOperation, Phase, SnapshotInfo};
use unicode_width::UnicodeWidthStr;

use super::time::short_time;
use super::value::ValueWriter;
use super::{Content, KeyChange, SchemaChange, Sink};
use crate::error::CliError;
use crate::output::{Look, Output};

/// Columns of a value on a terminal.
const CELL_WIDTH_MAX: usize = 40;

/// Rows whose widths are known before the first of them is written.
const N_ROWS_AHEAD: usize = 1024;

/// Space between columns.
const GAP: &str = "  ";

const HEADING: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);

/// A table for people. Columns become wider when a value asks for it, never narrower; on a terminal long values
/// are cut.
pub(crate) struct Table {
    output: Output,
    look: Look,
    has_markers: bool,
    content: Content,
    columns: Vec<Column>,
    /// The widths under which the names were written last; `None` before the first time.
    named_widths: Option<Vec<usize>>,
    ordinal: Option<u64>,
    buffer: Vec<u8>,
}

struct Column {
    name: String,
    width: usize,
    is_number: bool,
}

impl Table {
    pub(crate) fn new(output: Output, schema: &SchemaRef, content: Content, look: Look, has_markers: bool) -> Self {
        let mut table = Self {
            output,
            look,
            has_markers,
            content,
            columns: Vec::new(),
            named_widths: None,
            ordinal: None,
            buffer: Vec::new(),
        };
        table.set_columns(schema);
        table
    }

    /// Names the snapshot that follows, once.
    pub(crate) fn heading(&mut self, snapshot: &SnapshotInfo) -> Result<(), CliError> {
        if self.ordinal.replace(snapshot.ordinal) == Some(snapshot.ordinal) {
            return Ok(());
        }
        if snapshot.ordinal > 0 {
            self.buffer.push(b'\n');
        }
        let phase = match snapshot.phase {
            Phase::Full => ", all rows",
            Phase::Incremental => "",
            Phase::Gap => ", over a gap",
            Phase::Rollback => ", rolled back to",
        };
        let time = short_time(snapshot.timestamp_ms);
        let text = format!("snapshot {}  {}  {time}{phase}", snapshot.snapshot_id, snapshot.operation);
        self.line(HEADING, &text)?;
        // The names are repeated where the columns have moved since.
        if self.named_widths.as_ref().is_some_and(|widths| !self.has_widths(widths)) {
            self.named_widths = None;
        }
        Ok(())
    }

    /// Writes one line of its own.
    pub(crate) fn line(&mut self, style: Style, text: &str) -> Result<(), CliError> {
        paint(style, self.look, text, &mut self.buffer);
        self.buffer.push(b'\n');
        self.pass_on()
    }

    /// Writes one line less visible than the rows.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), CliError> {
        self.line(DIM, text)
    }

    fn pass_on(&mut self) -> Result<(), CliError> {
        self.output.put(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn set_columns(&mut self, schema: &SchemaRef) {
        let column = |name: &String| Column { name: printable(name), width: 0, is_number: false };
        self.columns = schema.fields().iter().map(|field| column(field.name())).collect();
        for column in &mut self.columns {
            column.width = column.name.width();
        }
        self.named_widths = None;
    }

    fn has_widths(&self, widths: &[usize]) -> bool {
        self.columns.iter().map(|column| column.width).eq(widths.iter().copied())
    }

    fn lines(&mut self, rows: &RecordBatch, operations: Option<&[ChangelogOperation]>) -> Result<(), CliError> {
        let schema = rows.schema_ref();
        let writers: Vec<ValueWriter<'_>> = schema
            .fields()
            .iter()
            .zip(rows.columns())
            .map(|(field, column)| ValueWriter::new(field, column.as_ref()))
            .collect::<Result<_, _>>()?;
        for (column, writer) in self.columns.iter_mut().zip(&writers) {
            column.is_number = writer.is_number();
        }
        let mut cells: Vec<String> = Vec::new();
        let mut start = 0;
        while start < rows.num_rows() {
            let end = rows.num_rows().min(start + N_ROWS_AHEAD);
            cells.clear();
            for row in start..end {
                for (column, writer) in self.columns.iter_mut().zip(&writers) {
                    let cell = cell(writer, row, self.look.is_terminal);
                    column.width = column.width.max(cell.width());
                    cells.push(cell);
                }
            }
            self.names();
            for row in start..end {
                let operation = operations.and_then(|operations| operations.get(row)).copied();
                let n_columns = self.columns.len();
                let first = (row - start) * n_columns;
                self.row(operation, cells.get(first..first + n_columns).unwrap_or_default());
            }
            self.pass_on()?;
            start = end;
        }
        Ok(())
    }

    /// Writes the names of the columns, if they have not been written for this schema.
    fn names(&mut self) {
        if self.named_widths.is_some() {
            return;
        }
        let mut line = String::new();
        if self.content == Content::Changes {
            line.push_str("  ");
            line.push_str(GAP);
        }
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                line.push_str(GAP);
            }
            pad(&column.name, column.width, column.is_number, &mut line);
        }
        paint(DIM, self.look, line.trim_end(), &mut self.buffer);
        self.buffer.push(b'\n');
        self.named_widths = Some(self.columns.iter().map(|column| column.width).collect());
    }

    fn row(&mut self, operation: Option<ChangelogOperation>, cells: &[String]) {
        let mut line = String::new();
        if let Some(operation) = operation {
            paint(style_of(operation), self.look, operation.short(), &mut self.buffer);
            line.push_str(GAP);
        }
        for (index, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            if index > 0 {
                line.push_str(GAP);
            }
            pad(cell, column.width, column.is_number, &mut line);
        }
        self.buffer.extend_from_slice(line.trim_end().as_bytes());
        self.buffer.push(b'\n');
    }

    /// Completes the output.
    pub(crate) fn close(self) -> Result<(), CliError> {
        self.output.finish()
    }
}

impl Sink for Table {
    fn changes(&mut self, batch: &ChangeBatch) -> Result<(), CliError> {
        self.heading(&batch.snapshot)?;
        self.lines(&batch.rows, Some(&batch.operations))
    }

    fn rows(&mut self, rows: &RecordBatch) -> Result<(), CliError> {
        self.lines(rows, None)
    }

    fn schema_change(&mut self, change: &SchemaChange<'_>) -> Result<(), CliError> {
        if self.has_markers {
            self.note(&format!("-- schema {} -> {}", change.from, change.to))?;
        }
        self.set_columns(change.schema);
        Ok(())
    }

    fn key_change(&mut self, change: &KeyChange<'_>) -> Result<(), CliError> {
        self.note(&format!("-- key {} -> {}", change.before.join(", "), change.now.join(", ")))
    }

    fn snapshot_end(&mut self, snapshot: &SnapshotInfo, watermark_ms: i64) -> Result<(), CliError> {
        // A snapshot without changes has not been named yet.
        self.heading(snapshot)?;
        let watermark = short_time(watermark_ms);
        self.note(&format!("-- end of snapshot {}, snapshot watermark {watermark}", snapshot.snapshot_id))
    }

    fn finish(mut self: Box<Self>) -> Result<(), CliError> {
        if self.content == Content::Rows {
            // A table without rows shows its columns.
            self.names();
            self.pass_on()?;
        }
        self.close()
    }
}

fn style_of(operation: ChangelogOperation) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match operation {
        ChangelogOperation::Insert => colour(AnsiColor::Green),
        ChangelogOperation::UpdateBefore => colour(AnsiColor::Yellow).dimmed(),
        ChangelogOperation::UpdateAfter => colour(AnsiColor::Yellow),
        ChangelogOperation::Delete => colour(AnsiColor::Red),
    }
}

fn paint(style: Style, look: Look, text: &str, out: &mut Vec<u8>) {
    let painted = if look.is_coloured { format!("{style}{text}{style:#}") } else { text.to_owned() };
    out.extend_from_slice(painted.as_bytes());
}

/// A value as it stands in the table. Numbers are never cut: a part of one is another number.
fn cell(writer: &ValueWriter<'_>, row: usize, may_cut: bool) -> String {
    let mut bytes = Vec::new();
    writer.write_text(row, &mut bytes);
    let text = String::from_utf8(bytes).unwrap_or_default();
    if may_cut && !writer.is_number() { cut(text, CELL_WIDTH_MAX) } else { text }
}

/// Shortens a text to `width_max`, with `…` for what is missing.
fn cut(mut text: String, width_max: usize) -> String {
    if text.width() <= width_max {
        return text;
    }
    while text.width() >= width_max {
        text.pop();
    }
    text.push('…');
    text
}

/// Appends `text`, filled up with spaces to `width`.
pub(crate) fn pad(text: &str, width: usize, to_the_right: bool, out: &mut String) {
    let n_spaces = width.saturating_sub(text.width());
    if to_the_right {
        out.extend(std::iter::repeat_n(' ', n_spaces));
    }
    out.push_str(text);
    if !to_the_right {
        out.extend(std::iter::repeat_n(' ', n_spaces));
    }
}

/// A name without anything that steers a terminal.
pub(crate) fn printable(name: &str) -> String {
    let escape = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    name.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_what_they_take_on_the_screen() {
        assert_eq!(cut("abcdef".to_owned(), 6), "abcdef");
        assert_eq!(cut("abcdefg".to_owned(), 6), "abcde…");
        assert_eq!(cut("氷氷氷氷".to_owned(), 6), "氷氷…");
    }

    #[test]
    fn cells_are_filled_up_on_one_side() {
        let padded = |text: &str, right: bool| {
            let mut out = String::new();
            pad(text, 4, right, &mut out);
            out
        };
        assert_eq!(padded("ab", false), "ab  ");
        assert_eq!(padded("ab", true), "  ab");
        assert_eq!(padded("氷", false), "氷  ");
        assert_eq!(padded("abcdef", true), "abcdef");
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[1m"), r"a\u{1b}[1m");
    }
}
