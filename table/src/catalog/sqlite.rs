//! Catalogs in an SQLite file: the table `iceberg_tables` of Java's JDBC catalog (its schema V0, and V1 with
//! the column `iceberg_type`), which pyiceberg's and iceberg-rust's SQL catalogs share. Only ever read.

use std::path::PathBuf;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row};

use super::suggestions;
use crate::{Result, TableError};

/// Entries of a catalog that are looked at for a suggestion, at most.
const NAMES_MAX: i64 = 10_000;

/// `iceberg_type` of views; tables have `TABLE`, or null where V0 was upgraded.
const TYPE_VIEW: &str = "VIEW";

/// SQLite's result codes that the caller can act on. Source: SQLite, "Result and Error Codes".
const BUSY: &str = "5";
const LOCKED: &str = "6";
const NOT_A_DATABASE: &str = "26";
const CORRUPT: &str = "11";

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
/// [`TableError::Unsupported`] for databases other than SQLite.
pub async fn list_tables(uri: &str, catalog: Option<&str>) -> Result<Vec<CatalogTable>> {
    let mut database = Database::open(uri).await?;
    let tables = database.tables(catalog).await;
    database.close().await;
    tables
}

/// Where the catalog says that the metadata of a table is.
pub(super) async fn metadata_location(
    uri: &str,
    catalog: Option<&str>,
    namespace: &str,
    table: &str,
) -> Result<String> {
    let mut database = Database::open(uri).await?;
    let location = database.metadata_location(catalog, namespace, table).await;
    database.close().await;
    location
}

struct Database {
    connection: SqliteConnection,
    uri: String,
}

impl Database {
    async fn open(uri: &str) -> Result<Self> {
        let file = database_file(uri)?;
        let options = SqliteConnectOptions::new().filename(&file).read_only(true).create_if_missing(false);
        let connection = options.disable_statement_logging().connect().await;
        let connection = connection.map_err(|error| database_error(uri, error))?;
        Ok(Self { connection, uri: uri.to_owned() })
    }

    /// Ends the connection's thread. Nothing was written, so an error here has no meaning.
    async fn close(self) {
        let _ = self.connection.close().await;
    }

    async fn metadata_location(&mut self, catalog: Option<&str>, namespace: &str, table: &str) -> Result<String> {
        let catalog = self.catalog_name(catalog).await?;
        // `*` because V0 has no `iceberg_type`.
        let query = sqlx::query(
            "SELECT * FROM iceberg_tables WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3",
        );
        let rows = query.bind(&catalog).bind(namespace).bind(table).fetch_all(&mut self.connection).await;
        let rows = rows.map_err(|error| database_error(&self.uri, error))?;
        let name = format!("{namespace}.{table}");
        let Some(row) = rows.first() else { return Err(self.unknown_table(&catalog, &name).await) };
        if is_view(row) {
            return Err(TableError::unsupported(&self.uri, format!("`{name}` is a view; name a table")));
        }
        match row.try_get::<Option<String>, _>("metadata_location") {
            Ok(Some(location)) if !location.is_empty() => Ok(location),
            Ok(_) => Err(TableError::corrupt(&self.uri, format!("table `{name}` has no metadata location"))),
            Err(error) => Err(database_error(&self.uri, error)),
        }
    }

    /// The catalog meant: the one named, else the only one there is.
    async fn catalog_name(&mut self, catalog: Option<&str>) -> Result<String> {
        let query = sqlx::query_scalar("SELECT DISTINCT catalog_name FROM iceberg_tables ORDER BY catalog_name");
        let names: Vec<String> =
            query.fetch_all(&mut self.connection).await.map_err(|error| database_error(&self.uri, error))?;
        match (catalog, names.as_slice()) {
            (_, []) => Err(TableError::TableNotFound {
                table: self.uri.clone(),
                detail: "the catalog database lists no tables".to_owned(),
            }),
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err(TableError::invalid(format!(
                "the database holds several catalogs, uri=`{}`; name one of: {}",
                self.uri,
                names.join(", ")
            ))),
            (Some(catalog), _) if names.iter().any(|name| name == catalog) => Ok(catalog.to_owned()),
            (Some(catalog), _) => Err(TableError::invalid(format!(
                "no catalog `{catalog}` in the database, uri=`{}`; there is: {}",
                self.uri,
                names.join(", ")
            ))),
        }
    }

    async fn unknown_table(&mut self, catalog: &str, name: &str) -> TableError {
        let tables = match self.tables(Some(catalog)).await {
            Ok(tables) => tables,
            Err(error) => return error,
        };
        let names = tables.into_iter().map(|entry| format!("{}.{}", entry.namespace, entry.table));
        let close = suggestions(name, names);
        let detail = if close.is_empty() {
            format!("catalog `{catalog}` has views only")
        } else {
            format!("catalog `{catalog}` has: {}", close.join(", "))
        };
        TableError::TableNotFound { table: name.to_owned(), detail }
    }

    async fn tables(&mut self, catalog: Option<&str>) -> Result<Vec<CatalogTable>> {
        let query = sqlx::query(
            "SELECT * FROM iceberg_tables WHERE ?1 IS NULL OR catalog_name = ?1 \
             ORDER BY catalog_name, table_namespace, table_name LIMIT ?2",
        );
        let rows = query.bind(catalog).bind(NAMES_MAX).fetch_all(&mut self.connection).await;
        let tables = rows.and_then(|rows| rows.iter().filter(|row| !is_view(row)).map(listed).collect());
        tables.map_err(|error| database_error(&self.uri, error))
    }
}

fn listed(row: &SqliteRow) -> sqlx::Result<CatalogTable> {
    Ok(CatalogTable {
        catalog: row.try_get("catalog_name")?,
        namespace: row.try_get("table_namespace")?,
        table: row.try_get("table_name")?,
    })
}

fn is_view(row: &SqliteRow) -> bool {
    // The column is missing in V0, which knew no views.
    let kind = row.try_get::<Option<String>, _>("iceberg_type").ok().flatten();
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(TYPE_VIEW))
}

/// The file that a URI means. SQLAlchemy, which pyiceberg uses, takes `sqlite:///x` as relative and
/// `sqlite:////x` as absolute; others take both as absolute. So the file that exists is meant.
fn database_file(uri: &str) -> Result<PathBuf> {
    let plain = uri.strip_prefix("jdbc:").unwrap_or(uri);
    let plain = match plain.split_once(':') {
        Some(("sqlite", rest)) => rest,
        Some((dialect, rest)) if dialect.starts_with("sqlite+") => rest,
        Some(("file", _)) => plain,
        Some((scheme, _)) if !scheme.contains('/') => {
            return Err(TableError::unsupported(
                uri,
                format!("no catalog reader for `{scheme}`; give an SQLite database as `sqlite:///path`"),
            ));
        }
        _ => plain,
    };
    let is_file_uri = plain.starts_with("file:");
    let path = plain.strip_prefix("file:").unwrap_or(plain);
    // Parameters follow in URIs only; a plain path may have a question mark in a name.
    let path = if plain == uri && !is_file_uri { path } else { path.split('?').next().unwrap_or(path) };
    let n_slashes = path.bytes().take_while(|byte| *byte == b'/').count();
    let name = path.trim_start_matches('/');
    if name.is_empty() || name.starts_with(':') {
        return Err(TableError::invalid(format!("the catalog URI names no file, uri=`{uri}`; give `sqlite:///path`")));
    }
    let relative = PathBuf::from(name);
    let absolute = PathBuf::from(format!("/{name}"));
    let candidates = match n_slashes {
        0 => vec![relative],
        2 | 3 if !is_file_uri => vec![absolute, relative],
        _ => vec![absolute],
    };
    let found = candidates.iter().find(|candidate| candidate.is_file()).cloned();
    found.ok_or_else(|| TableError::TableNotFound {
        table: uri.to_owned(),
        detail: format!(
            "there is no catalog database `{}`",
            candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("` or `")
        ),
    })
}

fn database_error(uri: &str, error: sqlx::Error) -> TableError {
    let Some(database) = error.as_database_error() else {
        return match error {
            sqlx::Error::ColumnNotFound(_) | sqlx::Error::ColumnDecode { .. } => {
                TableError::corrupt(uri, format!("`iceberg_tables` is not as catalogs write it: {error}"))
            }
            error => TableError::Storage { path: uri.to_owned(), source: Box::new(error) },
        };
    };
    // Extended codes carry the primary one in their lowest byte.
    let code = database.code().and_then(|code| code.parse::<u32>().ok()).map(|code| (code & 0xff).to_string());
    let message = database.message();
    match code.as_deref() {
        Some(NOT_A_DATABASE | CORRUPT) => TableError::corrupt(uri, format!("this is no SQLite database: {message}")),
        Some(BUSY | LOCKED) => TableError::Storage { path: uri.to_owned(), source: Box::new(error) },
        _ if message.contains("no such table") => TableError::TableNotFound {
            table: uri.to_owned(),
            detail: "the database has no table `iceberg_tables`, so it holds no Iceberg catalog".to_owned(),
        },
        _ if message.contains("no such column") => {
            TableError::corrupt(uri, format!("`iceberg_tables` is not as catalogs write it: {message}"))
        }
        _ => TableError::Storage { path: uri.to_owned(), source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests;
