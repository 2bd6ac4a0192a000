#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rows;
mod upserts;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use iceberg::spec::{NestedField, NestedFieldRef, PrimitiveType, Schema, TableMetadata, Type};
use serde_json::{Value, json};

use crate::deletes::{DeleteIndex, GroupDeletes, KeySetLimit, LiveRows};
use crate::file::{EntryOrder, FileEntry, WrittenFile};
use crate::ids::{DataSequenceNumber, FieldId, SnapshotId};
use crate::scan::{Projection, RowSelect};
use crate::storage::Storage;
use crate::table::Table;

/// What a table is made of.
#[derive(Clone)]
struct Made {
    version: u8,
    fields: Vec<NestedFieldRef>,
    identifiers: Vec<i32>,
    /// Source id and transform.
    partition: Vec<(i32, &'static str)>,
    properties: BTreeMap<&'static str, &'static str>,
}

impl Made {
    fn new(version: u8, fields: Vec<NestedFieldRef>) -> Self {
        Self { version, fields, identifiers: Vec::new(), partition: Vec::new(), properties: BTreeMap::new() }
    }

    fn table(&self) -> Table {
        let schema = Schema::builder()
            .with_fields(self.fields.clone())
            .with_identifier_field_ids(self.identifiers.clone())
            .build()
            .unwrap();
        let partition: Vec<Value> = (1000_i32..)
            .zip(&self.partition)
            .map(|(id, (source, transform))| {
                json!({"source-id": source, "field-id": id, "name": format!("p{id}"), "transform": transform})
            })
            .collect();
        let metadata: TableMetadata = serde_json::from_value(json!({
            "format-version": self.version, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
            "location": "memory://bucket/t", "last-sequence-number": 0, "last-updated-ms": 0, "last-column-id": 999,
            "next-row-id": 0, "schemas": [schema], "current-schema-id": 0,
            "partition-specs": [{"spec-id": 0, "fields": partition}], "default-spec-id": 0, "last-partition-id": 1100,
            "sort-orders": [{"order-id": 0, "fields": []}], "default-sort-order-id": 0, "properties": self.properties,
        }))
        .unwrap();
        Table::new("t", metadata, "memory://bucket/t/m.json", Storage::local(), crate::ForeignFields::default())
            .unwrap()
    }
}

fn optional(id: i32, name: &str, primitive: PrimitiveType) -> NestedFieldRef {
    NestedField::optional(id, name, Type::Primitive(primitive)).into()
}

fn required(id: i32, name: &str, primitive: PrimitiveType) -> NestedFieldRef {
    NestedField::required(id, name, Type::Primitive(primitive)).into()
}

/// The entry that a commit with this sequence number would list.
fn listed(file: &WrittenFile, sequence_number: i64) -> Arc<FileEntry> {
    Arc::new(FileEntry {
        content: file.content,
        path: file.path.clone(),
        format: file.format,
        spec_id: file.spec_id,
        partition: file.partition.clone(),
        record_count: file.record_count,
        file_size_bytes: file.file_size_bytes,
        data_sequence_number: DataSequenceNumber::new(sequence_number),
        file_sequence_number: Some(sequence_number),
        added_snapshot_id: SnapshotId::new(sequence_number),
        metrics: file.metrics.clone(),
        equality_ids: file.equality_ids.clone(),
        referenced_data_file: file.referenced_data_file.clone(),
        content_range: file.content_range,
        first_row_id: None,
        is_encrypted: false,
        order: EntryOrder::default(),
    })
}

/// Live rows of data files under some deletes, as text, sorted.
async fn live_rows(table: &Table, data: &[Arc<FileEntry>], deletes: &[Arc<FileEntry>]) -> Vec<String> {
    let index = DeleteIndex::new(table, deletes).unwrap();
    let projection = Projection::of_schema(table, table.metadata().current_schema()).unwrap();
    let mut rows = Vec::new();
    for file in data {
        let group = [(file.clone(), index.for_file(table, file))];
        let limit = KeySetLimit { bytes_max: 1 << 20 };
        let deletes = Arc::new(GroupDeletes::load(table, &group, limit).await.unwrap());
        let mut live = LiveRows::open(table, file, deletes, &projection, RowSelect::default(), 1000).await.unwrap();
        while let Some(batch) = live.next_rows().await.unwrap() {
            rows.extend(text(&batch));
        }
    }
    rows.sort();
    rows
}

/// One line for each row, its values separated by ` | `; null is `-`.
fn text(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("-");
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    let row = |row: usize| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" | ");
    (0..batch.num_rows()).map(row).collect()
}

fn sorted<T: Copy + Ord>(map: &HashMap<FieldId, T>) -> Vec<(i32, T)> {
    let mut pairs: Vec<(i32, T)> = map.iter().map(|(id, value)| (id.get(), *value)).collect();
    pairs.sort_unstable();
    pairs
}
