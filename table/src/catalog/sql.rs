//! Catalogs in a database: the table `iceberg_tables` of Java's JDBC catalog (its schema V0, and V1 with the
//! column `iceberg_type`), which pyiceberg's and iceberg-rust's SQL catalogs share.

mod commit;
mod postgres;
mod sqlite;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use async_trait::async_trait;

use super::config::{CatalogConfig, Limits, without_secrets};
use super::source::{PointerCatalog, PointerSource};
use super::{Catalog, NAMES_MAX, TableName, TableSource, suggestions};
use crate::commit::NewTable;
use crate::commit::target::CommitTarget;
use crate::storage::Storage;
use crate::{Result, TableError};

/// `iceberg_type` of views; tables have `TABLE`, or null where V0 was upgraded.
const TYPE_VIEW: &str = "VIEW";

/// A table that a catalog lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CatalogTable {
    /// Name of the catalog within the database.
    pub catalog: String,
    /// Levels of the namespace, joined by `.`.
    pub namespace: String,
    /// Name of the table.
    pub table: String,
}

/// Tables of a catalog in an SQL database, by name, the first 10,000; without views. `catalog` is its name
/// within the database, `None` for all of them.
///
/// # Errors
/// [`TableError::TableNotFound`] if there is no such database or it holds no catalog;
/// [`TableError::Unsupported`] for databases other than SQLite and Postgres; [`TableError::Catalog`] and
/// [`TableError::CatalogRefused`] if a server cannot be asked.
#[boxed]
pub async fn list_tables(uri: &str, catalog: Option<&str>) -> Result<Vec<CatalogTable>> {
    let mut database = Database::open(&Address::of_uri(uri)?).await?;
    let entries = database.entries(catalog).await;
    database.close().await;
    let tables = entries?.into_iter().filter(|entry| !entry.is_view());
    Ok(tables
        .map(|entry| CatalogTable { catalog: entry.catalog, namespace: entry.namespace, table: entry.table })
        .collect())
}

/// Where the catalog says that the metadata of a table is. `catalog` is its name within the database, `None` if
/// it is the only one.
pub(super) async fn metadata_location(
    uri: &str,
    catalog: Option<&str>,
    namespace: &str,
    table: &str,
) -> Result<String> {
    let pick = catalog.map_or(Pick::Only, Pick::Named);
    locate(&Address::of_uri(uri)?, pick, namespace, table).await
}

/// Where commits to a table go; `catalog` is as in [`metadata_location`].
pub(super) async fn target_in(
    uri: &str,
    catalog: Option<&str>,
    table: TableName,
    storage: &Storage,
) -> Result<Arc<dyn CommitTarget>> {
    commit::target(Address::of_uri(uri)?, catalog.map_or(Pick::Only, Pick::Named), table, storage.clone()).await
}

/// Makes a table, at the location that `new` gives; `catalog` is as in [`metadata_location`].
pub(super) async fn create_in(
    uri: &str,
    catalog: Option<&str>,
    table: &TableName,
    storage: &Storage,
    new: NewTable,
) -> Result<()> {
    let location = new.location.as_deref().map(|location| location.trim_end_matches('/').to_owned());
    let location =
        location.ok_or_else(|| TableError::invalid(format!("table `{table}` cannot be made: give its location")))?;
    let pick = catalog.map_or(Pick::Only, Pick::Named);
    commit::create(&Address::of_uri(uri)?, pick, table, storage, new, &location).await
}

/// Which of the catalogs within a database is meant.
#[derive(Debug, Clone, Copy)]
enum Pick<'a> {
    /// The only one.
    Only,
    /// This one.
    Named(&'a str),
    /// This one, else the only one: settings may name a catalog otherwise than its writers do.
    Preferred(&'a str),
}

impl<'a> Pick<'a> {
    /// The catalog meant among `names`.
    fn among(self, names: &'a [String], uri: &str) -> Result<&'a str> {
        let is_there = |wanted: &str| names.iter().any(|name| name == wanted);
        match (self, names) {
            (_, []) => Err(TableError::TableNotFound {
                table: uri.to_owned(),
                detail: "the catalog database lists no tables".to_owned(),
            }),
            (Self::Named(wanted) | Self::Preferred(wanted), _) if is_there(wanted) => Ok(wanted),
            (Self::Only | Self::Preferred(_), [only]) => Ok(only),
            (Self::Only, _) => Err(TableError::invalid(format!(
                "the database holds several catalogs, uri=`{uri}`; name one of: {}",
                names.join(", ")
            ))),
            (Self::Named(wanted) | Self::Preferred(wanted), _) => Err(TableError::invalid(format!(
                "no catalog `{wanted}` in the database, uri=`{uri}`; there is: {}",
                names.join(", ")
            ))),
        }
    }
}

async fn locate(address: &Address, pick: Pick<'_>, namespace: &str, table: &str) -> Result<String> {
    let mut database = Database::open(address).await?;
    let location = locate_in(&mut database, address.shown(), pick, namespace, table).await;
    database.close().await;
    location
}

async fn locate_in(database: &mut Database, uri: &str, pick: Pick<'_>, namespace: &str, table: &str) -> Result<String> {
    let names = database.catalogs().await?;
    let catalog = pick.among(&names, uri)?;
    let name = format!("{namespace}.{table}");
    let Some(entry) = database.find(catalog, namespace, table).await? else {
        let tables = database.entries(Some(catalog)).await?.into_iter().filter(|entry| !entry.is_view());
        let names: Vec<String> = tables.map(|entry| format!("{}.{}", entry.namespace, entry.table)).collect();
        return Err(unknown(catalog, &name, names));
    };
    if entry.is_view() {
        return Err(TableError::unsupported(uri, format!("`{name}` is a view; name a table")));
    }
    match entry.location {
        Some(location) if !location.is_empty() => Ok(location),
        _ => Err(TableError::corrupt(uri, format!("table `{name}` has no metadata location"))),
    }
}

fn unknown(catalog: &str, name: &str, names: Vec<String>) -> TableError {
    let close = suggestions(name, names.into_iter());
    let detail = if close.is_empty() {
        format!("catalog `{catalog}` has views only")
    } else {
        format!("catalog `{catalog}` has: {}", close.join(", "))
    };
    TableError::TableNotFound { table: name.to_owned(), detail }
}

/// A row of `iceberg_tables`.
#[derive(Debug)]
struct Entry {
    catalog: String,
    namespace: String,
    table: String,
    location: Option<String>,
    kind: Option<String>,
    /// The table of tables has the column of the kind.
    has_type: bool,
}

impl Entry {
    fn is_view(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case(TYPE_VIEW))
    }
}

/// Where a database is.
#[derive(Debug, Clone)]
enum Address {
    Sqlite(sqlite::Address),
    Postgres(Box<postgres::Address>),
}

impl Address {
    fn of_uri(uri: &str) -> Result<Self> {
        Self::of(uri, None)
    }

    fn of(uri: &str, config: Option<&CatalogConfig>) -> Result<Self> {
        let plain = uri.strip_prefix("jdbc:").unwrap_or(uri);
        let scheme = plain.split(':').next().unwrap_or_default();
        let dialect = scheme.split('+').next().unwrap_or_default();
        if matches!(dialect, "postgresql" | "postgres") {
            let limits = config.map(Limits::of).transpose()?;
            return postgres::Address::new(plain, config, limits).map(|address| Self::Postgres(Box::new(address)));
        }
        sqlite::Address::new(uri).map(Self::Sqlite)
    }

    /// The URI as messages may show it.
    fn shown(&self) -> &str {
        match self {
            Self::Sqlite(address) => address.uri(),
            Self::Postgres(address) => address.shown(),
        }
    }
}

/// One connection.
enum Database {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Database {
    async fn open(address: &Address) -> Result<Self> {
        match address {
            Address::Sqlite(address) => sqlite::Database::open(address).await.map(Self::Sqlite),
            Address::Postgres(address) => postgres::Database::open(address).await.map(Self::Postgres),
        }
    }

    /// Nothing was written, so an error here has no meaning.
    async fn close(self) {
        match self {
            Self::Sqlite(database) => database.close().await,
            Self::Postgres(database) => database.close().await,
        }
    }

    /// Names of the catalogs within the database, sorted.
    async fn catalogs(&mut self) -> Result<Vec<String>> {
        match self {
            Self::Sqlite(database) => database.catalogs().await,
            Self::Postgres(database) => database.catalogs().await,
        }
    }

    async fn find(&mut self, catalog: &str, namespace: &str, table: &str) -> Result<Option<Entry>> {
        match self {
            Self::Sqlite(database) => database.find(catalog, namespace, table).await,
            Self::Postgres(database) => database.find(catalog, namespace, table).await,
        }
    }

    /// Tables and views of one catalog or all, sorted, the first [`NAMES_MAX`].
    async fn entries(&mut self, catalog: Option<&str>) -> Result<Vec<Entry>> {
        match self {
            Self::Sqlite(database) => database.entries(catalog).await,
            Self::Postgres(database) => database.entries(catalog).await,
        }
    }
}

/// A catalog in a database. A connection is made for each look at it.
#[derive(Debug)]
pub struct SqlCatalog {
    config: CatalogConfig,
    address: Address,
    storage: Storage,
}

impl SqlCatalog {
    /// A catalog with these settings, whose tables' files are in `storage`. The catalog's name within the database
    /// is the settings' `catalog-name`, else that of the settings, else the only one that there is.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if a property is missing or wrong; [`TableError::Unsupported`] for other
    /// databases; [`TableError::TableNotFound`] if a file is not there.
    pub fn new(config: CatalogConfig, storage: Storage) -> Result<Self> {
        let address = Address::of(config.required("uri")?, Some(&config))?;
        let storage = storage.with_properties(config.properties.clone());
        Ok(Self { config, address, storage })
    }

    fn pick(&self) -> Pick<'_> {
        self.config.get("catalog-name").map_or(Pick::Preferred(&self.config.name), Pick::Named)
    }

    /// Names of tables without views, as they are in the database.
    async fn tables(&self) -> Result<Vec<Entry>> {
        let mut database = Database::open(&self.address).await?;
        let entries = async {
            let names = database.catalogs().await?;
            if names.is_empty() {
                return Ok(Vec::new());
            }
            let catalog = self.pick().among(&names, self.address.shown())?;
            database.entries(Some(catalog)).await
        };
        let entries: Result<Vec<Entry>> = entries.await;
        database.close().await;
        Ok(entries?.into_iter().filter(|entry| !entry.is_view()).collect())
    }
}

#[async_trait]
impl Catalog for SqlCatalog {
    fn name(&self) -> &str {
        &self.config.name
    }

    async fn list_namespaces(&self, parent: &[String]) -> Result<Vec<Vec<String>>> {
        let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
        for entry in self.tables().await? {
            let levels: Vec<String> = entry.namespace.split('.').map(str::to_owned).collect();
            if levels.starts_with(parent) {
                found.extend(levels.get(..=parent.len()).map(<[String]>::to_vec));
            }
        }
        Ok(found.into_iter().take(NAMES_MAX).collect())
    }

    async fn list_tables(&self, namespace: &[String]) -> Result<Vec<String>> {
        let namespace = namespace.join(".");
        let entries = self.tables().await?.into_iter();
        Ok(entries.filter(|entry| entry.namespace == namespace).map(|entry| entry.table).collect())
    }

    async fn create_table(&self, table: &TableName, new: NewTable) -> Result<()> {
        self.create(table, new).await
    }

    fn table_source(self: Arc<Self>, table: TableName) -> Arc<dyn TableSource> {
        Arc::new(PointerSource::new(self, table))
    }
}

#[async_trait]
impl PointerCatalog for SqlCatalog {
    fn storage(&self) -> &Storage {
        &self.storage
    }

    async fn metadata_location(&self, table: &TableName) -> Result<String> {
        locate(&self.address, self.pick(), &table.namespace.join("."), &table.table).await
    }

    async fn commit_target(&self, table: &TableName) -> Result<Arc<dyn CommitTarget>> {
        commit::target(self.address.clone(), self.pick(), table.clone(), self.storage.clone()).await
    }
}

#[cfg(test)]
mod tests;
