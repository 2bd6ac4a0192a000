//! One JSON object a row, written straight from Arrow arrays.

use arrow_array::RecordBatch;
use frazil_reader::{ChangeBatch, ChangelogOperation, Phase, SnapshotInfo};
use serde_json::json;

use super::time::commit_timestamp;
use super::value::NamedWriter;
use super::{SchemaChange, Sink};
use crate::error::CliError;
use crate::output::Output;

/// Text that is passed on before the batch is complete, so that wide rows do not pile up in memory.
const PIECE_BYTES: usize = 1 << 20;

/// JSON lines.
pub(crate) struct Jsonl {
    output: Output,
    has_markers: bool,
    buffer: Vec<u8>,
}

impl Jsonl {
    pub(crate) fn new(output: Output, has_markers: bool) -> Self {
        Self { output, has_markers, buffer: Vec::new() }
    }

    /// Writes `n_rows` lines, each of what `begin` starts it with and the members.
    fn lines(
        &mut self,
        n_rows: usize,
        members: &[NamedWriter<'_>],
        begin: impl Fn(usize, &mut Vec<u8>),
    ) -> Result<(), CliError> {
        for row in 0..n_rows {
            begin(row, &mut self.buffer);
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    self.buffer.push(b',');
                }
                member.write_json(row, &mut self.buffer);
            }
            self.buffer.extend_from_slice(b"}\n");
            if self.buffer.len() >= PIECE_BYTES {
                self.pass_on()?;
            }
        }
        self.pass_on()
    }

    fn pass_on(&mut self) -> Result<(), CliError> {
        self.output.put(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn marker(&mut self, marker: &serde_json::Value) -> Result<(), CliError> {
        self.buffer.extend_from_slice(marker.to_string().as_bytes());
        self.buffer.push(b'\n');
        self.pass_on()
    }
}

impl Sink for Jsonl {
    fn changes(&mut self, batch: &ChangeBatch) -> Result<(), CliError> {
        let members = members(&batch.rows)?;
        let prefixes = ChangelogOperation::ALL.map(|operation| prefix(operation, &batch.snapshot, !members.is_empty()));
        self.lines(batch.operations.len(), &members, |row, out| {
            out.extend_from_slice(prefixes[batch.operations[row] as usize].as_bytes());
        })
    }

    fn rows(&mut self, rows: &RecordBatch) -> Result<(), CliError> {
        self.lines(rows.num_rows(), &members(rows)?, |_, out| out.push(b'{'))
    }

    fn schema_change(&mut self, change: &SchemaChange<'_>) -> Result<(), CliError> {
        if !self.has_markers {
            return Ok(());
        }
        let columns: Vec<&String> = change.schema.fields().iter().map(|field| field.name()).collect();
        self.marker(&json!({
            "_marker": "schema_change",
            "_change_ordinal": change.snapshot.ordinal,
            "_commit_snapshot_id": change.snapshot.snapshot_id.get(),
            "_commit_timestamp": commit_timestamp(change.snapshot.timestamp_ms),
            "from_schema_id": change.from,
            "to_schema_id": change.to,
            "columns": columns,
        }))
    }

    fn snapshot_end(&mut self, snapshot: &SnapshotInfo, watermark_ms: i64) -> Result<(), CliError> {
        self.marker(&json!({
            "_marker": "snapshot_end",
            "_change_ordinal": snapshot.ordinal,
            "_commit_snapshot_id": snapshot.snapshot_id.get(),
            "_commit_timestamp": commit_timestamp(snapshot.timestamp_ms),
            "operation": snapshot.operation,
            "phase": phase(snapshot.phase),
            "snapshot_watermark": commit_timestamp(watermark_ms),
        }))
    }

    fn finish(self: Box<Self>) -> Result<(), CliError> {
        self.output.finish()
    }
}

fn members(rows: &RecordBatch) -> Result<Vec<NamedWriter<'_>>, CliError> {
    let schema = rows.schema_ref();
    schema.fields().iter().zip(rows.columns()).map(|(field, column)| NamedWriter::new(field, column.as_ref())).collect()
}

/// The change columns, up to the first column of the table.
fn prefix(operation: ChangelogOperation, snapshot: &SnapshotInfo, has_columns: bool) -> String {
    format!(
        "{{\"_change_type\":\"{}\",\"_change_ordinal\":{},\"_commit_snapshot_id\":{},\"_commit_timestamp\":\"{}\"{}",
        operation.as_str(),
        snapshot.ordinal,
        snapshot.snapshot_id,
        commit_timestamp(snapshot.timestamp_ms),
        if has_columns { "," } else { "" },
    )
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Full => "full",
        Phase::Incremental => "incremental",
    }
}
