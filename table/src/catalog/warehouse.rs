//! Catalogs of folders: the table `a.b.t` is the folder `warehouse/a/b/t`, as Java's Hadoop catalog lays it out.

use std::sync::Arc;

use async_trait::async_trait;

use super::config::CatalogConfig;
use super::{Catalog, NAMES_MAX, TableName, TableSource, path, unknown_namespace, unknown_table};
use crate::commit::NewTable;
use crate::commit::target::CommitTarget;
use crate::storage::Storage;
use crate::table::Table;
use crate::{Result, TableError};

/// A warehouse whose folders are namespaces and tables.
#[derive(Debug)]
pub struct WarehouseCatalog {
    config: CatalogConfig,
    folder: String,
    storage: Storage,
}

impl WarehouseCatalog {
    /// A warehouse at `warehouse`, else at `uri`, in `storage`.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if neither property is there.
    pub fn new(config: CatalogConfig, storage: Storage) -> Result<Self> {
        let folder = match config.get("uri") {
            Some(uri) if config.get("warehouse").is_none() => uri,
            _ => config.required("warehouse")?,
        };
        let folder = folder.trim_end_matches('/').to_owned();
        let storage = storage.with_properties(config.properties.clone());
        Ok(Self { config, folder, storage })
    }

    fn place(&self, levels: &[String]) -> String {
        levels.iter().fold(self.folder.clone(), |folder, level| format!("{folder}/{level}"))
    }

    /// A folder is a table if it has the folder `metadata`.
    async fn is_table(&self, levels: &[String]) -> Result<bool> {
        Ok(self.storage.list_folders(&self.place(levels)).await?.iter().any(|name| name == "metadata"))
    }

    /// Names of the folders in a namespace, by whether they are tables.
    async fn folders(&self, namespace: &[String], are_tables: bool) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for name in self.storage.list_folders(&self.place(namespace)).await?.into_iter().take(NAMES_MAX) {
            let levels: Vec<String> = namespace.iter().cloned().chain([name.clone()]).collect();
            if self.is_table(&levels).await? == are_tables {
                found.push(name);
            }
        }
        Ok(found)
    }

    /// The folder of a table.
    fn place_of(&self, table: &TableName) -> Result<String> {
        let levels: Vec<String> = table.namespace.iter().cloned().chain([table.table.clone()]).collect();
        // A name must not lead out of the warehouse.
        if levels.iter().any(|level| level.is_empty() || level == "." || level == ".." || level.contains('/')) {
            return Err(TableError::invalid(format!("`{table}` is no name of a table; name it as namespace.table")));
        }
        Ok(self.place(&levels))
    }

    async fn load_unless_at(&self, table: &TableName, known: Option<&str>) -> Result<Option<Table>> {
        match path::load_unless_at(&self.place_of(table)?, &table.to_string(), &self.storage, known).await {
            Err(TableError::TableNotFound { .. }) => Err(self.no_table(table).await?),
            outcome => outcome,
        }
    }

    async fn no_table(&self, table: &TableName) -> Result<TableError> {
        let namespaces = self.list_namespaces(&[]).await?;
        if !namespaces.iter().any(|levels| table.namespace.starts_with(levels)) {
            return Ok(unknown_namespace(&self.config.name, table, namespaces));
        }
        Ok(unknown_table(&self.config.name, table, self.list_tables(&table.namespace).await?))
    }
}

#[async_trait]
impl Catalog for WarehouseCatalog {
    fn name(&self) -> &str {
        &self.config.name
    }

    async fn list_namespaces(&self, parent: &[String]) -> Result<Vec<Vec<String>>> {
        let names = self.folders(parent, false).await?.into_iter();
        Ok(names.map(|name| parent.iter().cloned().chain([name]).collect()).collect())
    }

    async fn list_tables(&self, namespace: &[String]) -> Result<Vec<String>> {
        self.folders(namespace, true).await
    }

    async fn create_table(&self, table: &TableName, new: NewTable) -> Result<()> {
        path::create(&self.place_of(table)?, &self.storage, new).await
    }

    fn table_source(self: Arc<Self>, table: TableName) -> Arc<dyn TableSource> {
        Arc::new(WarehouseSource { name: table.to_string(), catalog: self, table })
    }
}

/// A table of a warehouse.
#[derive(Debug)]
struct WarehouseSource {
    name: String,
    catalog: Arc<WarehouseCatalog>,
    table: TableName,
}

#[async_trait]
impl TableSource for WarehouseSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn load(&self) -> Result<Table> {
        let table = self.catalog.load_unless_at(&self.table, None).await?;
        table.ok_or_else(|| TableError::internal(format!("table `{}` was looked up without result", self.name)))
    }

    async fn load_if_changed(&self, current: &Table) -> Result<Option<Table>> {
        self.catalog.load_unless_at(&self.table, Some(current.metadata_location())).await
    }

    async fn commit_target(self: Arc<Self>) -> Result<Arc<dyn CommitTarget>> {
        let catalog = &self.catalog;
        match path::target(&catalog.place_of(&self.table)?, &self.name, &catalog.storage).await {
            Err(TableError::TableNotFound { .. }) => Err(catalog.no_table(&self.table).await?),
            outcome => outcome,
        }
    }
}
