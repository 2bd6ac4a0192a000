//! Table metadata of a test table.

use frazil_table::Table;
use futures::executor::block_on;
use iceberg::spec::TableMetadata;
use serde_json::{Map, Value as Json, json};

use super::{FIRST_COMMIT_MS, MAIN, TestTable};

impl TestTable {
    /// The metadata as it stands, as JSON.
    pub fn metadata_json(&self) -> Json {
        let kept = self.snapshots_json.iter().filter(|(id, _)| self.is_kept(**id));
        let mut snapshots: Vec<Json> = kept.map(|(_, json)| json.clone()).collect();
        if self.version > 1 {
            // Snapshots from before an upgrade have number 0. The metadata library wants it written down.
            for snapshot in snapshots.iter_mut().filter(|snapshot| snapshot.get("sequence-number").is_none()) {
                snapshot["sequence-number"] = json!(0);
            }
        }
        let schemas: Vec<Json> = self.history.schemas.values().map(|schema| schema.to_json()).collect();
        let specs: Vec<Json> = self.history.specs.values().map(|spec| spec.to_json()).collect();
        let mut metadata = json!({
            "format-version": self.version,
            "table-uuid": self.uuid,
            "location": self.location,
            "last-updated-ms": FIRST_COMMIT_MS + self.n_commits * 1000,
            "last-column-id": self.last_column_id,
            "schemas": schemas,
            "current-schema-id": self.current_schema_id,
            "partition-specs": specs,
            "default-spec-id": self.default_spec_id,
            "last-partition-id": self.last_partition_id(),
            "properties": self.properties,
            "snapshots": snapshots,
            "sort-orders": [{"order-id": 0, "fields": []}],
            "default-sort-order-id": 0,
        });
        if let Some(head) = self.branches.get(MAIN) {
            metadata["current-snapshot-id"] = json!(head);
        }
        if self.version == 1 {
            metadata["schema"] = self.schema().to_json();
            metadata["partition-spec"] = self.spec().fields_json();
        } else {
            metadata["last-sequence-number"] = json!(self.last_sequence);
            metadata["refs"] = self.refs_json();
        }
        if self.version > 2 {
            metadata["next-row-id"] = json!(self.next_row_id);
        }
        metadata
    }

    fn refs_json(&self) -> Json {
        let mut refs = Map::new();
        for (kind, named) in [("branch", &self.branches), ("tag", &self.tags)] {
            for (name, id) in named {
                refs.insert(name.clone(), json!({"snapshot-id": id, "type": kind}));
            }
        }
        Json::Object(refs)
    }

    /// The table at its present state.
    pub fn table(&self) -> Table {
        self.table_of(self.metadata_json())
    }

    /// The table as it was when this snapshot was the head of `main`, but for its schemas and specs.
    pub fn table_at(&self, head: i64) -> Table {
        let mut json = self.metadata_json();
        json["current-snapshot-id"] = json!(head);
        if let Some(main) = json.get_mut("refs").and_then(|refs| refs.get_mut(MAIN)) {
            main["snapshot-id"] = json!(head);
        }
        self.table_of(json)
    }

    fn table_of(&self, json: Json) -> Table {
        let metadata: TableMetadata =
            serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error} in metadata {json}"));
        let location = format!("{}/metadata/v{}.metadata.json", self.location, self.n_commits);
        Table::new("test", metadata, location, self.storage.clone(), Default::default()).unwrap()
    }

    /// Writes the metadata file into the storage; returns its path.
    pub fn save(&self) -> String {
        let path = format!("{}/metadata/v{}.metadata.json", self.location, self.n_commits);
        block_on(self.storage.write(&path, self.metadata_json().to_string().into_bytes().into())).unwrap();
        path
    }
}
