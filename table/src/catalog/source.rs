//! Where the current state of one table is found, as often as asked.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Catalog, TableLocator, TableName, load_metadata, path, sql};
use crate::commit::target::CommitTarget;
use crate::storage::Storage;
use crate::table::Table;
use crate::{Result, TableError};

/// Where the current state of one table is found, as often as asked.
#[async_trait]
pub trait TableSource: std::fmt::Debug + Send + Sync {
    /// The table as the user named it.
    fn name(&self) -> &str;

    /// Loads the current state.
    ///
    /// # Errors
    /// As [`load_table`](super::load_table).
    async fn load(&self) -> Result<Table>;

    /// Loads the current state if it is another than `current`; `None` if nothing changed. As cheap as the place
    /// allows: metadata is read only where its location is another than that of `current`.
    ///
    /// # Errors
    /// As [`TableSource::load`].
    async fn load_if_changed(&self, current: &Table) -> Result<Option<Table>>;

    /// Where commits to the table go. Looks at the table, to find out whether it can be written.
    ///
    /// # Errors
    /// [`TableError::Unsupported`] for what can only be read; as [`TableSource::load`].
    async fn commit_target(self: Arc<Self>) -> Result<Arc<dyn CommitTarget>> {
        Err(only_read(self.name()))
    }
}

/// The error for a table that can only be read.
pub(super) fn only_read(name: &str) -> TableError {
    TableError::unsupported(
        name,
        "the table can only be read; commits go to tables of REST and SQL catalogs (SQLite, Postgres), and to folders with \
         `vN.metadata.json`",
    )
}

/// A table that a locator names.
#[derive(Debug)]
pub(super) struct LocatedSource {
    name: String,
    locator: TableLocator,
    storage: Storage,
}

impl LocatedSource {
    pub(super) fn new(locator: TableLocator, storage: Storage) -> Self {
        let name = match &locator {
            TableLocator::Path(path) => path.clone(),
            TableLocator::Sql { namespace, table, .. } => format!("{}.{table}", namespace.join(".")),
        };
        Self { name, locator, storage }
    }

    /// The current state, unless its metadata is at `known`.
    async fn load_unless_at(&self, known: Option<&str>) -> Result<Option<Table>> {
        match &self.locator {
            TableLocator::Path(path) => path::load_unless_at(path, path, &self.storage, known).await,
            TableLocator::Sql { uri, catalog, namespace, table } => {
                let location = sql::metadata_location(uri, catalog.as_deref(), &namespace.join("."), table).await?;
                if known == Some(location.as_str()) {
                    return Ok(None);
                }
                load_metadata(&self.storage, &location, &self.name).await.map(Some)
            }
        }
    }
}

#[async_trait]
impl TableSource for LocatedSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn load(&self) -> Result<Table> {
        let table = self.load_unless_at(None).await?;
        table.ok_or_else(|| crate::TableError::internal(format!("table `{}` was looked up without result", self.name)))
    }

    async fn load_if_changed(&self, current: &Table) -> Result<Option<Table>> {
        self.load_unless_at(Some(current.metadata_location())).await
    }

    async fn commit_target(self: Arc<Self>) -> Result<Arc<dyn CommitTarget>> {
        match &self.locator {
            TableLocator::Path(path) => path::target(path, path, &self.storage).await,
            TableLocator::Sql { uri, catalog, namespace, table } => {
                let table = TableName { namespace: namespace.clone(), table: table.clone() };
                sql::target_in(uri, catalog.as_deref(), table, &self.storage).await
            }
        }
    }
}

/// A catalog that knows where a table's metadata file is, and nothing more of it.
#[async_trait]
pub(super) trait PointerCatalog: Catalog {
    /// Holds the tables' files.
    fn storage(&self) -> &Storage;

    /// Where the table's current metadata file is.
    async fn metadata_location(&self, table: &TableName) -> Result<String>;

    /// As [`TableSource::commit_target`].
    async fn commit_target(&self, table: &TableName) -> Result<Arc<dyn CommitTarget>> {
        Err(only_read(&table.to_string()))
    }
}

/// A table of such a catalog.
#[derive(Debug)]
pub(super) struct PointerSource<C> {
    catalog: Arc<C>,
    table: TableName,
    name: String,
}

impl<C: PointerCatalog> PointerSource<C> {
    pub(super) fn new(catalog: Arc<C>, table: TableName) -> Self {
        let name = table.to_string();
        Self { catalog, table, name }
    }
}

#[async_trait]
impl<C: PointerCatalog> TableSource for PointerSource<C> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn load(&self) -> Result<Table> {
        let location = self.catalog.metadata_location(&self.table).await?;
        load_metadata(self.catalog.storage(), &location, &self.name).await
    }

    async fn load_if_changed(&self, current: &Table) -> Result<Option<Table>> {
        let location = self.catalog.metadata_location(&self.table).await?;
        if location == current.metadata_location() {
            return Ok(None);
        }
        load_metadata(current.storage(), &location, &self.name).await.map(Some)
    }

    async fn commit_target(self: Arc<Self>) -> Result<Arc<dyn CommitTarget>> {
        self.catalog.commit_target(&self.table).await
    }
}
