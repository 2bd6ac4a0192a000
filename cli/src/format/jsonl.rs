//! One JSON object a row, written straight from Arrow arrays.

use arrow_array::RecordBatch;
use frazil_reader::{ChangeBatch, ChangelogOperation, Phase, SnapshotInfo, StreamHeader};
use frazil_table::SnapshotId;
use serde_json::{Value, json};

use super::lines::LineBuffer;
use super::time::commit_timestamp;
use super::value::{Longs, NamedWriter};
use super::{Detour, Form, KeyChange, SchemaChange, Sink};
use crate::error::CliError;
use crate::output::Output;
use frazil_reader::change_columns::ChangeColumn;

/// JSON lines.
pub(crate) struct Jsonl {
    buffer: LineBuffer,
    form: Form,
}

impl Jsonl {
    /// `header` is that of a stream of changes.
    pub(crate) fn new(output: Output, header: Option<&StreamHeader>, form: Form) -> Result<Self, CliError> {
        let mut jsonl = Self { buffer: LineBuffer::new(output), form };
        if let (Some(header), true) = (header, form.has_markers) {
            jsonl.marker(&json!({
                "_marker": "stream_start",
                "key": header.key,
                "exact_before": header.exact_before,
                "schema_id": header.schema_id,
            }))?;
        }
        Ok(jsonl)
    }

    fn long(&self, value: i64) -> Value {
        match self.form.longs {
            Longs::Number => json!(value),
            Longs::Text => json!(value.to_string()),
        }
    }

    /// What all markers of a snapshot begin with.
    fn snapshot_marker(&self, marker: &str, snapshot: &SnapshotInfo) -> Value {
        let number = |column: ChangeColumn| self.long(column.number(snapshot).unwrap_or_default());
        json!({
            "_marker": marker,
            "_change_ordinal": number(ChangeColumn::Ordinal),
            "_commit_snapshot_id": number(ChangeColumn::SnapshotId),
            "_commit_timestamp": commit_timestamp(snapshot.timestamp_ms),
        })
    }

    /// Writes `n_rows` lines, each of what `begin` starts it with and the members.
    fn lines(
        &mut self,
        n_rows: usize,
        members: &[NamedWriter<'_>],
        begin: impl Fn(usize, &mut Vec<u8>),
    ) -> Result<(), CliError> {
        for row in 0..n_rows {
            let line = self.buffer.line();
            begin(row, line);
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    line.push(b',');
                }
                member.write_json(row, line);
            }
            line.push(b'}');
            self.buffer.end_line()?;
        }
        self.buffer.pass_on()
    }

    fn marker(&mut self, marker: &serde_json::Value) -> Result<(), CliError> {
        self.buffer.line().extend_from_slice(marker.to_string().as_bytes());
        self.buffer.end_line()?;
        self.buffer.pass_on()
    }
}

impl Sink for Jsonl {
    fn changes(&mut self, batch: &ChangeBatch) -> Result<(), CliError> {
        let members = members(&batch.rows, self.form.longs)?;
        let prefixes =
            ChangelogOperation::ALL.map(|operation| prefix(self.form, operation, &batch.snapshot, !members.is_empty()));
        self.lines(batch.operations.len(), &members, |row, out| {
            out.extend_from_slice(prefixes[batch.operations[row] as usize].as_bytes());
        })
    }

    fn rows(&mut self, rows: &RecordBatch) -> Result<(), CliError> {
        self.lines(rows.num_rows(), &members(rows, self.form.longs)?, |_, out| out.push(b'{'))
    }

    fn schema_change(&mut self, change: &SchemaChange<'_>) -> Result<(), CliError> {
        if !self.form.has_markers {
            return Ok(());
        }
        let columns: Vec<&String> = change.schema.fields().iter().map(|field| field.name()).collect();
        let mut marker = self.snapshot_marker("schema_change", change.snapshot);
        marker["from_schema_id"] = json!(change.from);
        marker["to_schema_id"] = json!(change.to);
        marker["columns"] = json!(columns);
        self.marker(&marker)
    }

    fn key_change(&mut self, change: &KeyChange<'_>) -> Result<(), CliError> {
        let mut marker = self.snapshot_marker("key_change", change.snapshot);
        marker["from_key"] = json!(change.before);
        marker["to_key"] = json!(change.now);
        self.marker(&marker)
    }

    fn detour(&mut self, detour: &Detour<'_>) -> Result<(), CliError> {
        let id = |id: Option<SnapshotId>| id.map(|id| self.long(id.get()));
        let marker = match *detour {
            Detour::Truncate { snapshot, consumed } => {
                let mut marker = self.snapshot_marker("truncate", snapshot);
                marker["consumed_snapshot_id"] = json!(id(consumed));
                marker
            }
            Detour::Gap { snapshot, consumed, is_lossy } => {
                let mut marker = self.snapshot_marker("gap", snapshot);
                marker["consumed_snapshot_id"] = json!(id(consumed));
                marker["gap"] = json!(true);
                marker["lossy"] = json!(is_lossy);
                marker
            }
            Detour::Rollback { snapshot, undone } => {
                let mut marker = self.snapshot_marker("rollback", snapshot);
                marker["undone_snapshot_id"] = json!(id(Some(undone)));
                marker
            }
        };
        self.marker(&marker)
    }

    fn snapshot_end(&mut self, snapshot: &SnapshotInfo, watermark_ms: i64) -> Result<(), CliError> {
        let mut marker = self.snapshot_marker("snapshot_end", snapshot);
        marker["operation"] = json!(snapshot.operation);
        marker["phase"] = json!(phase(snapshot.phase));
        marker["snapshot_watermark"] = json!(commit_timestamp(watermark_ms));
        self.marker(&marker)
    }

    fn finish(self: Box<Self>) -> Result<(), CliError> {
        self.buffer.finish()
    }
}

fn members(rows: &RecordBatch, longs: Longs) -> Result<Vec<NamedWriter<'_>>, CliError> {
    let columns = rows.schema_ref().fields().iter().zip(rows.columns());
    columns.map(|(field, column)| NamedWriter::with_longs(field, column.as_ref(), longs)).collect()
}

/// The change columns, up to the first column of the table.
fn prefix(form: Form, operation: ChangelogOperation, snapshot: &SnapshotInfo, has_columns: bool) -> String {
    let mut out = "{".to_owned();
    for (index, column) in form.style.columns().iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let value = match (column, column.number(snapshot), form.longs) {
            (ChangeColumn::Type, ..) => format!("\"{}\"", form.style.kind(operation)),
            (_, Some(number), Longs::Number) => number.to_string(),
            (_, Some(number), Longs::Text) => format!("\"{number}\""),
            (_, None, _) => format!("\"{}\"", commit_timestamp(snapshot.timestamp_ms)),
        };
        out.push_str(&format!("\"{}\":{value}", column.name()));
    }
    if has_columns {
        out.push(',');
    }
    out
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Full => "full",
        Phase::Incremental => "incremental",
        Phase::Gap => "gap",
        Phase::Rollback => "rollback",
    }
}
