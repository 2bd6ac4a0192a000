//! Record batches as the messages of a Flight stream.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_flight::{FlightData, SchemaAsIpc};
use arrow_ipc::writer::{CompressionContext, DictionaryTracker, IpcDataGenerator, IpcWriteOptions};
use arrow_schema::{ArrowError, SchemaRef};
use bytes::Bytes;
use frazil_reader::ChangelogOperation;

/// Batches are cut so that their messages are hardly larger: many clients take 4 MiB at most.
const MESSAGE_BYTES: usize = 2 * 1024 * 1024;

/// Encodes the batches of one stream.
pub(super) struct Encoder {
    generator: IpcDataGenerator,
    dictionaries: DictionaryTracker,
    compression: CompressionContext,
    options: IpcWriteOptions,
    schema: SchemaRef,
}

impl Encoder {
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self {
            generator: IpcDataGenerator::default(),
            // The same dictionary is sent once.
            dictionaries: DictionaryTracker::new(false),
            compression: CompressionContext::default(),
            options: IpcWriteOptions::default(),
            schema,
        }
    }

    /// The first message of the stream.
    pub(super) fn schema(&mut self) -> FlightData {
        let encoded =
            self.generator.schema_to_bytes_with_dictionary_tracker(&self.schema, &mut self.dictionaries, &self.options);
        encoded.into()
    }

    /// A batch; the last message carries `metadata`.
    ///
    /// # Errors
    /// If the batch has another schema.
    pub(super) fn batch(&mut self, batch: &RecordBatch, metadata: Bytes) -> Result<Vec<FlightData>, ArrowError> {
        let (dictionaries, data) =
            self.generator.encode(batch, &mut self.dictionaries, &self.options, &mut self.compression)?;
        let mut messages: Vec<FlightData> = dictionaries.into_iter().map(FlightData::from).collect();
        messages.push(FlightData { app_metadata: metadata, ..FlightData::from(data) });
        Ok(messages)
    }

    /// A batch without rows, for its metadata. A batch, since some clients do not take metadata alone.
    ///
    /// # Errors
    /// None but faults.
    pub(super) fn nothing(&mut self, metadata: Bytes) -> Result<Vec<FlightData>, ArrowError> {
        self.batch(&RecordBatch::new_empty(Arc::clone(&self.schema)), metadata)
    }
}

/// The schema as `FlightInfo` and `SchemaResult` carry it.
///
/// # Errors
/// If it cannot be encoded.
pub(super) fn schema_bytes(schema: &SchemaRef) -> Result<Bytes, ArrowError> {
    let options = IpcWriteOptions::default();
    let message: arrow_flight::IpcMessage = SchemaAsIpc::new(schema, &options).try_into()?;
    Ok(message.0)
}

/// Cuts a batch into parts of which each fits a message, never between the images of an update. Of rows without
/// operations, any cut will do.
pub(super) fn parts(batch: &RecordBatch, operations: Option<&[ChangelogOperation]>) -> Vec<RecordBatch> {
    let n_rows = batch.num_rows();
    let n_parts = batch.get_array_memory_size().div_ceil(MESSAGE_BYTES).clamp(1, n_rows.max(1));
    if n_parts == 1 {
        return vec![batch.clone()];
    }
    let rows_per_part = n_rows.div_ceil(n_parts);
    let mut parts = Vec::with_capacity(n_parts);
    let mut begin = 0;
    while begin < n_rows {
        let mut end = (begin + rows_per_part).min(n_rows);
        let is_before =
            |index: usize| operations.and_then(|all| all.get(index)) == Some(&ChangelogOperation::UpdateBefore);
        if end < n_rows && is_before(end - 1) {
            end += 1;
        }
        parts.push(batch.slice(begin, end - begin));
        begin = end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, StringArray};

    use super::*;

    #[test]
    fn large_batches_are_cut_between_changes_only() {
        use ChangelogOperation::{UpdateAfter, UpdateBefore};
        let text = "x".repeat(700_000);
        let column: ArrayRef = Arc::new(StringArray::from(vec![text.as_str(); 10]));
        let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
        let operations: Vec<ChangelogOperation> =
            (0..10).map(|index| if index % 2 == 0 { UpdateBefore } else { UpdateAfter }).collect();
        let sizes: Vec<usize> = parts(&batch, Some(&operations)).iter().map(RecordBatch::num_rows).collect();
        assert!(sizes.len() > 2 && sizes.iter().sum::<usize>() == 10, "{sizes:?}");
        assert!(sizes.iter().all(|size| size % 2 == 0), "{sizes:?}");
        assert_eq!(parts(&batch.slice(0, 0), None).len(), 1);
    }
}
