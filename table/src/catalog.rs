//! From a name to a table: folders and metadata files, and catalogs that keep the pointer to the metadata.

mod config;
mod hive;
mod path;
mod rest;
mod source;
mod sql;
mod warehouse;

use std::fmt;
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use async_trait::async_trait;
use serde_json::{Map, Value};

pub use self::config::{CatalogConfig, CatalogKind, is_secret, parse_duration, shown_properties, without_secrets};
pub use self::hive::HiveCatalog;
pub use self::rest::RestCatalog;
pub use self::source::TableSource;
pub use self::sql::{CatalogTable, SqlCatalog, list_tables};
pub use self::warehouse::WarehouseCatalog;

use self::source::LocatedSource;
use crate::commit::NewTable;
use crate::storage::Storage;
use crate::table::Table;
use crate::{Clock, Result, TableError};

/// Names that are shown when one is not found.
const SUGGESTIONS_MAX: usize = 10;

/// Names that are taken from a list, at most.
pub const NAMES_MAX: usize = 10_000;

/// A table's name within a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// Levels of the namespace, outermost first.
    pub namespace: Vec<String>,
    /// Name of the table.
    pub table: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for level in &self.namespace {
            write!(formatter, "{level}.")?;
        }
        formatter.write_str(&self.table)
    }
}

/// What keeps tables by name, and knows the current metadata of each.
#[async_trait]
pub trait Catalog: fmt::Debug + Send + Sync {
    /// The catalog as the user knows it.
    fn name(&self) -> &str;

    /// Namespaces directly below `parent`, which is empty for the outermost; each with all its levels. The first
    /// [`NAMES_MAX`].
    ///
    /// # Errors
    /// [`TableError::Catalog`] if the catalog cannot be asked, [`TableError::CatalogRefused`] if it refuses.
    async fn list_namespaces(&self, parent: &[String]) -> Result<Vec<Vec<String>>>;

    /// Tables of a namespace, without views where the catalog can tell. The first [`NAMES_MAX`].
    ///
    /// # Errors
    /// As [`Catalog::list_namespaces`]; [`TableError::TableNotFound`] if there is no such namespace, where the
    /// catalog can tell.
    async fn list_tables(&self, namespace: &[String]) -> Result<Vec<String>>;

    /// Makes a table, in a namespace that is there where the catalog keeps a list of them.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if there is a table or view of this name, or no table can be made so;
    /// [`TableError::Unsupported`] if the catalog can only be read; as [`Catalog::list_namespaces`].
    async fn create_table(&self, table: &TableName, _new: NewTable) -> Result<()> {
        Err(source::only_read(&table.to_string()))
    }

    /// Where the current state of a table is found, as often as asked. Nothing is looked up yet.
    fn table_source(self: Arc<Self>, table: TableName) -> Arc<dyn TableSource>;
}

/// The catalog with these settings; the files of its tables are in `storage`, as its properties say. Nothing is sent
/// before it is used.
///
/// # Errors
/// [`TableError::InvalidRequest`] if a property is missing or wrong; [`TableError::Unsupported`] for what is named
/// but cannot be done.
#[boxed]
pub async fn open_catalog(config: CatalogConfig, storage: &Storage, clock: Arc<dyn Clock>) -> Result<Arc<dyn Catalog>> {
    let storage = storage.clone();
    let catalog: Arc<dyn Catalog> = match config.kind {
        CatalogKind::Rest => Arc::new(RestCatalog::new(config, storage, clock).await?),
        CatalogKind::Hive => Arc::new(HiveCatalog::new(config, storage)?),
        CatalogKind::Sql => Arc::new(SqlCatalog::new(config, storage)?),
        CatalogKind::Path => Arc::new(WarehouseCatalog::new(config, storage)?),
    };
    Ok(catalog)
}

/// The error for a table that a catalog does not have; `names` are the tables of its namespace.
fn unknown_table(catalog: &str, table: &TableName, names: Vec<String>) -> TableError {
    let prefix = table.namespace.join(".");
    let close = suggestions(&table.table, names.into_iter());
    let close: Vec<String> = close.into_iter().map(|name| format!("{prefix}.{name}")).collect();
    let detail = if close.is_empty() {
        format!("catalog `{catalog}` has no tables in `{prefix}`; check the name")
    } else {
        format!("catalog `{catalog}` has: {}", close.join(", "))
    };
    TableError::TableNotFound { table: table.to_string(), detail }
}

/// The error for a table whose namespace a catalog does not have; `namespaces` are those that it has.
fn unknown_namespace(catalog: &str, table: &TableName, namespaces: Vec<Vec<String>>) -> TableError {
    let wanted = table.namespace.join(".");
    let close = suggestions(&wanted, namespaces.iter().map(|levels| levels.join(".")));
    let detail = if close.is_empty() {
        format!("catalog `{catalog}` has no namespaces; check the name and the catalog")
    } else {
        format!("catalog `{catalog}` has no namespace `{wanted}`; it has: {}", close.join(", "))
    };
    TableError::TableNotFound { table: table.to_string(), detail }
}

/// Where a table is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableLocator {
    /// Path or URI of a metadata file, of a table's folder, or of the `metadata` folder in it.
    Path(String),
    /// A table of a catalog that lives in an SQL database.
    Sql {
        /// The database: `sqlite:///path`, `jdbc:sqlite:path`, the path of an SQLite file, or
        /// `postgresql://user:password@host:port/database`.
        uri: String,
        /// Name of the catalog within the database; `None` if it holds one only.
        catalog: Option<String>,
        /// Levels of the namespace.
        namespace: Vec<String>,
        /// Name of the table.
        table: String,
    },
}

/// Loads the current state of a table. Its name is the locator's, for messages.
///
/// A path is looked at as it is first, and through the storage's path map if nothing is there; paths that a
/// catalog or metadata gives always go through the path map.
///
/// # Errors
/// [`TableError::TableNotFound`] with what was looked for; [`TableError::InvalidRequest`] if more than one
/// table or catalog could be meant; [`TableError::Unsupported`] for views and other databases; what reading
/// the metadata file may give.
#[boxed]
pub async fn load_table(locator: &TableLocator, storage: &Storage) -> Result<Table> {
    table_source(locator, storage).load().await
}

/// The place where the current state of a table is found, as often as asked. Nothing is looked up yet.
pub fn table_source(locator: &TableLocator, storage: &Storage) -> Arc<dyn TableSource> {
    Arc::new(LocatedSource::new(locator.clone(), storage.clone()))
}

/// Makes a table at a place without a catalog, or in a catalog of a database; what that lacks of tables of its own is
/// made too.
///
/// # Errors
/// As [`Catalog::create_table`].
#[boxed]
pub async fn create_table(locator: &TableLocator, storage: &Storage, new: NewTable) -> Result<()> {
    match locator {
        TableLocator::Path(path) => path::create(path, storage, new).await,
        TableLocator::Sql { uri, catalog, namespace, table } => {
            let table = TableName { namespace: namespace.clone(), table: table.clone() };
            sql::create_in(uri, catalog.as_deref(), &table, storage, new).await
        }
    }
}

/// Reads the metadata file that a catalog points to; `name` is the table's for messages.
async fn load_metadata(storage: &Storage, location: &str, name: &str) -> Result<Table> {
    pointed_to(crate::metadata::load(storage, location, name).await, name)
}

/// As [`load_metadata`], with the metadata as it is stored.
async fn load_metadata_document(storage: &Storage, location: &str, name: &str) -> Result<(Table, Map<String, Value>)> {
    pointed_to(crate::metadata::load_document(storage, storage, location, name).await, name)
}

/// The outcome of reading what a catalog points to, with an error that says so.
fn pointed_to<T>(outcome: Result<T>, name: &str) -> Result<T> {
    match outcome {
        Err(TableError::FileMissing { path }) => Err(TableError::TableNotFound {
            table: name.to_owned(),
            detail: format!(
                "the catalog points to the metadata file `{path}`, which is not there; if the table was copied or \
                 mounted elsewhere, map its paths"
            ),
        }),
        outcome => outcome,
    }
}

/// The names most like `wanted`, best first, for an error message.
fn suggestions(wanted: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let mut ranked: Vec<(usize, String)> = names.map(|name| (distance(&wanted, &name.to_lowercase()), name)).collect();
    ranked.sort();
    ranked.truncate(SUGGESTIONS_MAX);
    ranked.into_iter().map(|(_, name)| name).collect()
}

/// The one of `known` that a mistyped name most likely means; itself if it is known, `None` if it is like none.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let edits_max = (name.chars().count() / 3).clamp(1, 3);
    let ranked = known.iter().map(|&candidate| (distance(&name, candidate), candidate));
    ranked.filter(|(edits, _)| *edits <= edits_max).min().map(|(_, candidate)| candidate)
}

/// Least number of characters to insert, remove or replace to make one text of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, character) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut last = index + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let replaced = diagonal + usize::from(character != *other);
            diagonal = *cell;
            last = replaced.min(last + 1).min(*cell + 1);
            *cell = last;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_most_similar_names_come_first_and_are_few() {
        let names = ["db.orders", "db.users", "db.order_items", "x.y"].map(str::to_owned);
        assert_eq!(suggestions("db.ordres", names.iter().cloned())[0], "db.orders");
        assert_eq!(suggestions("DB.ORDERS", names.iter().cloned())[0], "db.orders");
        assert_eq!(suggestions("a", (0..100).map(|n| format!("t{n}"))).len(), SUGGESTIONS_MAX);
    }

    #[test]
    fn a_mistyped_name_means_the_nearest_one() {
        let known = ["warehouse", "uri", "type"];
        assert_eq!(nearest("wharehouse", &known), Some("warehouse"));
        assert_eq!(nearest("URI", &known), Some("uri"));
        assert_eq!(nearest("location", &known), None);
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
