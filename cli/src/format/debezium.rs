//! Debezium's change events as JSON, one a line: `before`, `after`, `source`, `op`, `ts_ms`.

use arrow_array::RecordBatch;
use frazil_reader::{ChangeBatch, ChangelogOperation, Phase, SnapshotInfo};
use serde_json::{Value, json};

use super::lines::LineBuffer;
use super::value::{Longs, NamedWriter};
use super::{SchemaChange, Sink};
use crate::error::CliError;
use crate::output::Output;

/// Messages without the schema part, as with `schemas.enable=false`.
pub(crate) struct Debezium {
    buffer: LineBuffer,
    longs: Longs,
    table: String,
    key: Vec<String>,
}

/// Rows of a batch that make up one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message {
    operation: &'static str,
    before: Option<usize>,
    after: Option<usize>,
}

impl Debezium {
    /// `table` and `key` are named in each message.
    pub(crate) fn new(output: Output, table: &str, key: &[String], longs: Longs) -> Self {
        Self { buffer: LineBuffer::new(output), longs, table: table.to_owned(), key: key.to_vec() }
    }

    fn source(&self, snapshot: &SnapshotInfo) -> Value {
        let long = |value: i64| match self.longs {
            Longs::Number => json!(value),
            Longs::Text => json!(value.to_string()),
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "connector": "frazil",
            "name": self.table,
            "ts_ms": long(snapshot.timestamp_ms),
            "snapshot": if snapshot.phase == Phase::Full { "true" } else { "false" },
            "table": self.table,
            "snapshot_id": long(snapshot.snapshot_id.get()),
            "sequence_number": long(snapshot.sequence_number),
            "key": self.key,
        })
    }
}

impl Sink for Debezium {
    fn changes(&mut self, batch: &ChangeBatch) -> Result<(), CliError> {
        let schema = batch.rows.schema_ref();
        let columns: Vec<NamedWriter<'_>> = schema
            .fields()
            .iter()
            .zip(batch.rows.columns())
            .map(|(field, column)| NamedWriter::with_longs(field, column.as_ref(), self.longs))
            .collect::<Result<_, _>>()?;
        let source = self.source(&batch.snapshot);
        let time = &source["ts_ms"];
        let tails =
            ["r", "c", "u", "d"].map(|op| (op, format!(",\"source\":{source},\"op\":\"{op}\",\"ts_ms\":{time}}}")));
        for message in messages(&batch.operations, batch.snapshot.phase) {
            let line = self.buffer.line();
            line.extend_from_slice(b"{\"before\":");
            write_row(&columns, message.before, line);
            line.extend_from_slice(b",\"after\":");
            write_row(&columns, message.after, line);
            if let Some((_, tail)) = tails.iter().find(|(op, _)| *op == message.operation) {
                line.extend_from_slice(tail.as_bytes());
            }
            self.buffer.end_line()?;
        }
        self.buffer.pass_on()
    }

    fn rows(&mut self, _rows: &RecordBatch) -> Result<(), CliError> {
        Err(CliError::Internal("a Debezium message without a change".to_owned()))
    }

    fn schema_change(&mut self, _change: &SchemaChange<'_>) -> Result<(), CliError> {
        // Each message has its columns.
        Ok(())
    }

    /// Messages, not rows: an update is one.
    fn n_rows_of(&self, operations: &[ChangelogOperation], limit: usize) -> (usize, usize) {
        let mut taken = (0, 0);
        for message in messages(operations, Phase::Incremental).take(limit) {
            taken = (message.before.max(message.after).map_or(0, |last| last + 1), taken.1 + 1);
        }
        taken
    }

    fn finish(self: Box<Self>) -> Result<(), CliError> {
        self.buffer.finish()
    }
}

/// The messages of consecutive changes. The two images of an update are one; an image whose partner was left out
/// stands alone.
fn messages(operations: &[ChangelogOperation], phase: Phase) -> impl Iterator<Item = Message> {
    let mut row = 0;
    std::iter::from_fn(move || {
        let at = row;
        let operation = operations.get(at)?;
        row += 1;
        Some(match operation {
            ChangelogOperation::Insert => {
                let operation = if phase == Phase::Full { "r" } else { "c" };
                Message { operation, before: None, after: Some(at) }
            }
            ChangelogOperation::UpdateBefore if operations.get(row) == Some(&ChangelogOperation::UpdateAfter) => {
                row += 1;
                Message { operation: "u", before: Some(at), after: Some(at + 1) }
            }
            ChangelogOperation::UpdateBefore => Message { operation: "u", before: Some(at), after: None },
            ChangelogOperation::UpdateAfter => Message { operation: "u", before: None, after: Some(at) },
            ChangelogOperation::Delete => Message { operation: "d", before: Some(at), after: None },
        })
    })
}

fn write_row(columns: &[NamedWriter<'_>], row: Option<usize>, out: &mut Vec<u8>) {
    let Some(row) = row else { return out.extend_from_slice(b"null") };
    out.push(b'{');
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        column.write_json(row, out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::ChangelogOperation::{Delete, Insert, UpdateAfter, UpdateBefore};
    use super::*;

    fn of(operations: &[ChangelogOperation]) -> Vec<(&'static str, Option<usize>, Option<usize>)> {
        messages(operations, Phase::Incremental).map(|m| (m.operation, m.before, m.after)).collect()
    }

    #[test]
    fn the_images_of_an_update_are_one_message() {
        let expected = [("d", Some(0), None), ("u", Some(1), Some(2)), ("c", None, Some(3))];
        assert_eq!(of(&[Delete, UpdateBefore, UpdateAfter, Insert]), expected);
    }

    #[test]
    fn an_image_without_its_partner_stands_alone() {
        let expected = [("u", None, Some(0)), ("u", Some(1), None), ("d", Some(2), None)];
        assert_eq!(of(&[UpdateAfter, UpdateBefore, Delete]), expected);
    }

    #[test]
    fn rows_of_the_full_phase_are_reads() {
        let kinds: Vec<&str> = messages(&[Insert, Insert], Phase::Full).map(|message| message.operation).collect();
        assert_eq!(kinds, ["r", "r"]);
    }
}
