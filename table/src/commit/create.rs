//! Tables that do not exist yet.

use std::collections::BTreeMap;

use iceberg::TableCreation;
use iceberg::spec::{FormatVersion, Schema, TableMetadataBuilder, UnboundPartitionSpec};
use serde_json::{Map, Value, json};

use crate::{Result, TableError};

/// What a table is made of. Field ids are given anew, counting from 1.
#[derive(Debug, Clone)]
pub struct NewTable {
    /// Its columns.
    pub schema: Schema,
    /// How its files are partitioned, by the ids of `schema`.
    pub partition_spec: UnboundPartitionSpec,
    /// Version of Iceberg's format.
    pub format_version: FormatVersion,
    /// Table properties.
    pub properties: BTreeMap<String, String>,
    /// Its folder; `None`: where the catalog puts it, by its `warehouse`. A table without a catalog is where its path
    /// says.
    pub location: Option<String>,
}

impl NewTable {
    /// An unpartitioned table of version 2 without properties, where the catalog puts it.
    pub fn new(schema: Schema) -> Self {
        Self {
            schema,
            partition_spec: UnboundPartitionSpec::builder().build(),
            format_version: FormatVersion::V2,
            properties: BTreeMap::new(),
            location: None,
        }
    }

    /// The first metadata of the table, at `location`.
    pub(crate) fn document(self, location: &str) -> Result<Map<String, Value>> {
        let creation = TableCreation::builder()
            .name(String::new())
            .location(location.to_owned())
            .schema(self.schema)
            .partition_spec(self.partition_spec)
            .properties(self.properties)
            .format_version(self.format_version)
            .build();
        let built = TableMetadataBuilder::from_table_creation(creation).and_then(TableMetadataBuilder::build);
        let metadata =
            built.map_err(|error| TableError::invalid(format!("no table can be made so: {error}")))?.metadata;
        match serde_json::to_value(&metadata) {
            Ok(Value::Object(document)) => Ok(document),
            Ok(_) => Err(TableError::internal("the metadata of a new table is no JSON object")),
            Err(error) => Err(TableError::internal(format!("the metadata of a new table cannot be written: {error}"))),
        }
    }

    /// In the form of the REST catalog's protocol.
    pub(crate) fn request(&self, name: &str) -> Result<Value> {
        let mut properties = self.properties.clone();
        let version = match self.format_version {
            FormatVersion::V1 => "1",
            FormatVersion::V2 => "2",
            FormatVersion::V3 => "3",
        };
        properties.insert("format-version".to_owned(), version.to_owned());
        let unwritable =
            |error: serde_json::Error| TableError::internal(format!("a new table cannot be told: {error}"));
        let mut spec = serde_json::to_value(&self.partition_spec).map_err(unwritable)?;
        // Iceberg's own server fails without it, though it gives specs ids of its own.
        if let Some(spec) = spec.as_object_mut() {
            spec.retain(|_, value| !value.is_null());
            spec.entry("spec-id").or_insert_with(|| 0.into());
        }
        let mut request = json!({
            "name": name,
            "schema": serde_json::to_value(&self.schema).map_err(unwritable)?,
            "partition-spec": spec,
            "properties": properties,
            "stage-create": false,
        });
        if let (Some(request), Some(location)) = (request.as_object_mut(), &self.location) {
            request.insert("location".to_owned(), location.clone().into());
        }
        Ok(request)
    }
}
