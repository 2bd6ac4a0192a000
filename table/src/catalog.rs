//! From a name to a table: folders and metadata files, and catalogs that keep the pointer to the metadata.

mod path;
mod source;
mod sqlite;

use std::sync::Arc;

pub use self::source::TableSource;
pub use self::sqlite::{CatalogTable, list_tables};

use self::source::LocatedSource;
use crate::storage::Storage;
use crate::table::Table;
use crate::{Result, TableError};

/// Names that are shown when one is not found.
const SUGGESTIONS_MAX: usize = 10;

/// Where a table is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableLocator {
    /// Path or URI of a metadata file, of a table's folder, or of the `metadata` folder in it.
    Path(String),
    /// A table of a catalog that lives in an SQL database.
    Sql {
        /// The database: `sqlite:///path`, `jdbc:sqlite:path`, or the path of an SQLite file.
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
pub async fn load_table(locator: &TableLocator, storage: &Storage) -> Result<Table> {
    table_source(locator, storage).load().await
}

/// The place where the current state of a table is found, as often as asked. Nothing is looked up yet.
pub fn table_source(locator: &TableLocator, storage: &Storage) -> Arc<dyn TableSource> {
    Arc::new(LocatedSource::new(locator.clone(), storage.clone()))
}

/// Reads the metadata file that a catalog points to; `name` is the table's for messages.
async fn load_metadata(storage: &Storage, location: &str, name: &str) -> Result<Table> {
    match crate::metadata::load(storage, location, name).await {
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
    fn distance_counts_edits() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
