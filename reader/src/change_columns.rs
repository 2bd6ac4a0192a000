//! The change columns as Arrow arrays, before those of the table.

mod style;

use std::collections::HashMap;
use std::sync::Arc;

pub use self::style::{ChangeColumn, Style};
use crate::event::{ChangeBatch, ChangelogOperation};
use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int8Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

const FIELD_ID: &str = "PARQUET:field_id";
const UTC: &str = "+00:00";

/// Makes whole batches of changes.
#[derive(Debug)]
pub struct ChangeColumns {
    schema: SchemaRef,
    style: Style,
    /// The texts of kinds by their numbers. One for the whole stream, so that it is sent once.
    kinds: ArrayRef,
}

impl ChangeColumns {
    /// Of changes, for columns of the table.
    pub fn of_changes(columns: &SchemaRef, style: Style) -> Self {
        Self::new(with_change_columns(columns, style), style)
    }

    /// Of rows, which have no change columns.
    pub fn of_rows(columns: &SchemaRef) -> Self {
        Self::new(columns.clone(), Style::default())
    }

    fn new(schema: SchemaRef, style: Style) -> Self {
        let kinds = Arc::new(StringArray::from_iter_values(ChangelogOperation::ALL.map(|kind| style.kind(kind))));
        Self { schema, style, kinds }
    }

    /// Schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A batch of changes.
    ///
    /// # Errors
    /// If the batch has other columns than were told.
    pub fn changes(&self, batch: &ChangeBatch) -> Result<RecordBatch, ArrowError> {
        let ChangeBatch { snapshot, operations, rows } = batch;
        let n_rows = operations.len();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for column in self.style.columns() {
            columns.push(match (column, column.number(snapshot)) {
                (ChangeColumn::Type, _) => {
                    let numbers = Int8Array::from_iter_values(operations.iter().map(|operation| number(*operation)));
                    Arc::new(DictionaryArray::<Int8Type>::try_new(numbers, self.kinds.clone())?)
                }
                (_, Some(number)) => Arc::new(Int64Array::from_value(number, n_rows)),
                (_, None) => {
                    let micros = snapshot.timestamp_ms.saturating_mul(1000);
                    Arc::new(TimestampMicrosecondArray::from_value(micros, n_rows).with_timezone(UTC))
                }
            });
        }
        columns.extend(rows.columns().iter().cloned());
        self.batch(columns, n_rows)
    }

    /// A batch of rows.
    ///
    /// # Errors
    /// If the batch has other columns than were told.
    pub fn rows(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        self.batch(rows.columns().to_vec(), rows.num_rows())
    }

    fn batch(&self, columns: Vec<ArrayRef>, n_rows: usize) -> Result<RecordBatch, ArrowError> {
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
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

fn with_change_columns(columns: &SchemaRef, style: Style) -> SchemaRef {
    let mut fields: Vec<FieldRef> = style.columns().iter().map(|column| reserved(*column)).collect();
    fields.extend(columns.fields().iter().cloned());
    Arc::new(Schema::new_with_metadata(fields, columns.metadata().clone()))
}

fn reserved(column: ChangeColumn) -> FieldRef {
    let data_type = match column {
        ChangeColumn::Type => DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
        ChangeColumn::Ordinal | ChangeColumn::SnapshotId | ChangeColumn::Version => DataType::Int64,
        ChangeColumn::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
    };
    let metadata = column.field_id().map(|id| (FIELD_ID.to_owned(), id.to_string()));
    Arc::new(Field::new(column.name(), data_type, false).with_metadata(HashMap::from_iter(metadata)))
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

    fn named(style: Style) -> Vec<(String, Option<String>)> {
        let columns = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
        let schema = with_change_columns(&columns, style);
        schema.fields().iter().map(|field| (field.name().clone(), field.metadata().get(FIELD_ID).cloned())).collect()
    }

    fn expected(columns: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        columns.iter().map(|(name, id)| ((*name).to_owned(), id.map(str::to_owned))).collect()
    }

    #[test]
    fn change_columns_come_first_and_carry_the_reserved_ids() {
        let columns = [
            ("_change_type", Some("2147483543")),
            ("_change_ordinal", Some("2147483542")),
            ("_commit_snapshot_id", Some("2147483541")),
            ("_commit_timestamp", None),
            ("id", None),
        ];
        assert_eq!(named(Style::Iceberg), expected(&columns));
        assert_eq!(named(Style::RowKind), expected(&columns));
    }

    #[test]
    fn the_delta_style_has_the_columns_of_a_change_data_feed() {
        let columns = [
            ("_change_type", Some("2147483543")),
            ("_commit_version", None),
            ("_commit_timestamp", None),
            ("id", None),
        ];
        assert_eq!(named(Style::Delta), expected(&columns));
    }
}
