//! An Arrow IPC stream, with one schema from beginning to end.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int8Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use frazil_reader::{ChangeBatch, ChangelogOperation, SnapshotInfo};

use super::{Content, SchemaChange, Sink};
use crate::error::CliError;
use crate::output::Output;

const FIELD_ID: &str = "PARQUET:field_id";
const UTC: &str = "+00:00";

/// Field ids of the change columns. Source: Iceberg spec, "Reserved Field IDs". `_commit_timestamp` has none.
const CHANGE_TYPE_ID: i32 = 2_147_483_543;
const CHANGE_ORDINAL_ID: i32 = 2_147_483_542;
const COMMIT_SNAPSHOT_ID: i32 = 2_147_483_541;

/// Record batches; changes with the change columns first, `_change_type` as a dictionary.
pub(crate) struct ArrowIpc {
    writer: StreamWriter<Output>,
    name: String,
    schema: SchemaRef,
    /// One for the whole stream, so that it is sent once.
    change_types: ArrayRef,
}

impl ArrowIpc {
    pub(crate) fn new(output: Output, columns: &SchemaRef, content: Content) -> Result<Self, CliError> {
        let schema = match content {
            Content::Rows => columns.clone(),
            Content::Changes => with_change_columns(columns),
        };
        let name = output.name().to_owned();
        let mut writer = StreamWriter::try_new(output, &schema).map_err(|error| CliError::arrow(&name, error))?;
        writer.flush().map_err(|error| CliError::arrow(&name, error))?;
        let change_types =
            Arc::new(StringArray::from_iter_values(ChangelogOperation::ALL.map(ChangelogOperation::as_str)));
        Ok(Self { writer, name, schema, change_types })
    }

    fn write(&mut self, columns: Vec<ArrayRef>, n_rows: usize) -> Result<(), CliError> {
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let outcome = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .and_then(|batch| self.writer.write(&batch))
            .and_then(|()| self.writer.flush());
        outcome.map_err(|error| CliError::arrow(&self.name, error))
    }
}

impl Sink for ArrowIpc {
    fn changes(&mut self, batch: &ChangeBatch) -> Result<(), CliError> {
        let ChangeBatch { snapshot, operations, rows } = batch;
        let n_rows = operations.len();
        let kinds = Int8Array::from_iter_values(operations.iter().map(|operation| number(*operation)));
        let kinds = DictionaryArray::<Int8Type>::try_new(kinds, self.change_types.clone())
            .map_err(|error| CliError::arrow(&self.name, error))?;
        let ordinal = i64::try_from(snapshot.ordinal).map_err(|error| CliError::Internal(error.to_string()))?;
        let time = TimestampMicrosecondArray::from_value(snapshot.timestamp_ms.saturating_mul(1000), n_rows);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(kinds),
            Arc::new(Int64Array::from_value(ordinal, n_rows)),
            Arc::new(Int64Array::from_value(snapshot.snapshot_id.get(), n_rows)),
            Arc::new(time.with_timezone(UTC)),
        ];
        columns.extend(rows.columns().iter().cloned());
        self.write(columns, n_rows)
    }

    fn rows(&mut self, rows: &RecordBatch) -> Result<(), CliError> {
        self.write(rows.columns().to_vec(), rows.num_rows())
    }

    fn schema_change(&mut self, change: &SchemaChange<'_>) -> Result<(), CliError> {
        Err(CliError::Usage(format!(
            "an Arrow stream has one schema, and that of the table changes at snapshot `{}` from `{}` to `{}`; \
             leave --schema out, or pass --schema pinned:{}",
            change.snapshot.snapshot_id, change.from, change.to, change.to
        )))
    }

    fn snapshot_end(&mut self, _snapshot: &SnapshotInfo, _watermark_ms: i64) -> Result<(), CliError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), CliError> {
        // Writes the end of the stream before it gives the output back.
        let Self { writer, name, .. } = *self;
        writer.into_inner().map_err(|error| CliError::arrow(&name, error))?.finish()
    }
}

/// The place of a kind in the dictionary, which holds them in the order of their numbers.
fn number(operation: ChangelogOperation) -> i8 {
    match operation {
        ChangelogOperation::Insert => 0,
        ChangelogOperation::UpdateBefore => 1,
        ChangelogOperation::UpdateAfter => 2,
        ChangelogOperation::Delete => 3,
    }
}

fn with_change_columns(columns: &SchemaRef) -> SchemaRef {
    let kind = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
    let mut fields: Vec<FieldRef> = vec![
        reserved("_change_type", kind, Some(CHANGE_TYPE_ID)),
        reserved("_change_ordinal", DataType::Int64, Some(CHANGE_ORDINAL_ID)),
        reserved("_commit_snapshot_id", DataType::Int64, Some(COMMIT_SNAPSHOT_ID)),
        reserved("_commit_timestamp", time, None),
    ];
    fields.extend(columns.fields().iter().cloned());
    Arc::new(Schema::new_with_metadata(fields, columns.metadata().clone()))
}

fn reserved(name: &str, data_type: DataType, field_id: Option<i32>) -> FieldRef {
    let metadata = field_id.map(|id| (FIELD_ID.to_owned(), id.to_string()));
    Arc::new(Field::new(name, data_type, false).with_metadata(HashMap::from_iter(metadata)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_the_dictionary_by_their_number() {
        for (index, operation) in ChangelogOperation::ALL.into_iter().enumerate() {
            assert_eq!(usize::try_from(number(operation)), Ok(index));
        }
    }

    #[test]
    fn change_columns_come_first_and_carry_the_reserved_ids() {
        let schema = with_change_columns(&Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)])));
        let named: Vec<(&str, Option<&str>)> = schema
            .fields()
            .iter()
            .map(|field| (field.name().as_str(), field.metadata().get(FIELD_ID).map(String::as_str)))
            .collect();
        let expected = [
            ("_change_type", Some("2147483543")),
            ("_change_ordinal", Some("2147483542")),
            ("_commit_snapshot_id", Some("2147483541")),
            ("_commit_timestamp", None),
            ("id", None),
        ];
        assert_eq!(named, expected);
    }
}
