//! Catalogs in an SQLite file.

use std::path::PathBuf;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row};

use super::commit::{Executed, TABLES};
use super::{Entry, NAMES_MAX};
use crate::{Result, TableError};

/// SQLite's result codes that the caller can act on. Source: SQLite, "Result and Error Codes".
const BUSY: &str = "5";
const LOCKED: &str = "6";
const NOT_A_DATABASE: &str = "26";
const CORRUPT: &str = "11";

/// SQLite's extended codes for a connection that may only read, where a writer died half-way: what it left must be
/// undone (`SQLITE_READONLY_ROLLBACK`) or, with a write-ahead log, taken in (`SQLITE_READONLY_RECOVERY`), by whoever
/// comes next and may write.
const LEFT_HALF_WAY: [&str; 2] = ["776", "264"];

/// Codes of statements that were not executed: an error in the statement, no right to write, another holds the
/// database, interrupted, read-only, cannot be opened, too big, a constraint, no database. After others, such as an error
/// while the disk is written, what is in the file is not known.
const UNDONE: [&str; 10] = ["1", "3", BUSY, LOCKED, "8", "9", "14", "18", "19", NOT_A_DATABASE];

/// A database's file, which is looked for when it is opened.
#[derive(Debug, Clone)]
pub(super) struct Address {
    uri: String,
}

impl Address {
    pub(super) fn new(uri: &str) -> Result<Self> {
        candidates(uri)?;
        Ok(Self { uri: uri.to_owned() })
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }
}

pub(super) struct Database {
    connection: SqliteConnection,
    uri: String,
}

impl Database {
    /// A connection for reading. It may write only if a writer died half-way, which is put right then.
    pub(super) async fn open(address: &Address) -> Result<Self> {
        let uri = &address.uri;
        let file = database_file(uri)?;
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(false);
        match connect(options.clone().read_only(true)).await {
            Err(error) if is_left_half_way(&error) => match connect(options).await {
                Ok(connection) => Ok(Self { connection, uri: uri.clone() }),
                Err(error) => Err(TableError::Storage {
                    path: uri.clone(),
                    source: format!(
                        "a writer died half-way, and only who may write to the database and its folder can put that \
                         right; run the command once as its owner, or give that right ({error})"
                    )
                    .into(),
                }),
            },
            connection => {
                let connection = connection.map_err(|error| database_error(uri, error))?;
                Ok(Self { connection, uri: uri.clone() })
            }
        }
    }

    /// A connection that may change the database. `may_create`: the file is made if it is not there.
    pub(super) async fn open_to_write(address: &Address, may_create: bool) -> Result<Self> {
        let uri = &address.uri;
        let file = match database_file(uri) {
            Err(TableError::TableNotFound { .. }) if may_create => new_database_file(uri)?,
            found => found?,
        };
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(may_create);
        let connection = options.disable_statement_logging().connect().await;
        let connection = connection.map_err(|error| database_error(uri, error))?;
        Ok(Self { connection, uri: uri.clone() })
    }

    pub(super) async fn prepare(&mut self) -> Result<bool> {
        let failed = |error| database_error(&self.uri, error);
        for statement in TABLES {
            sqlx::query(statement).execute(&mut self.connection).await.map_err(failed)?;
        }
        let column = "SELECT count(*) FROM pragma_table_info('iceberg_tables') WHERE name = 'iceberg_type'";
        let n_columns: i64 = sqlx::query_scalar(column).fetch_one(&mut self.connection).await.map_err(failed)?;
        Ok(n_columns > 0)
    }

    /// A statement that changes the database, executed once.
    pub(super) async fn execute(&mut self, statement: &'static str, values: &[&str]) -> Executed {
        let query = values.iter().fold(sqlx::query(statement), |query, value| query.bind((*value).to_owned()));
        match query.execute(&mut self.connection).await {
            Ok(done) => Executed::Done(done.rows_affected()),
            Err(error) => {
                let code = error.as_database_error().and_then(primary_code);
                let is_undone = code.is_some_and(|code| UNDONE.contains(&code.as_str()));
                let error = database_error(&self.uri, error);
                if is_undone { Executed::Failed(error) } else { Executed::Unknown(error) }
            }
        }
    }

    /// Ends the connection's thread.
    pub(super) async fn close(self) {
        let _ = self.connection.close().await;
    }

    pub(super) async fn catalogs(&mut self) -> Result<Vec<String>> {
        let query = sqlx::query_scalar("SELECT DISTINCT catalog_name FROM iceberg_tables ORDER BY catalog_name");
        query.fetch_all(&mut self.connection).await.map_err(|error| database_error(&self.uri, error))
    }

    pub(super) async fn find(&mut self, catalog: &str, namespace: &str, table: &str) -> Result<Option<Entry>> {
        // `*` because V0 has no `iceberg_type`.
        let query = sqlx::query(
            "SELECT * FROM iceberg_tables WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3",
        );
        let rows = query.bind(catalog).bind(namespace).bind(table).fetch_all(&mut self.connection).await;
        let entry = rows.and_then(|rows| rows.first().map(entry).transpose());
        entry.map_err(|error| database_error(&self.uri, error))
    }

    pub(super) async fn entries(&mut self, catalog: Option<&str>) -> Result<Vec<Entry>> {
        let query = sqlx::query(
            "SELECT * FROM iceberg_tables WHERE ?1 IS NULL OR catalog_name = ?1 \
             ORDER BY catalog_name, table_namespace, table_name LIMIT ?2",
        );
        let limit = i64::try_from(NAMES_MAX).unwrap_or(i64::MAX);
        let rows = query.bind(catalog).bind(limit).fetch_all(&mut self.connection).await;
        let entries = rows.and_then(|rows| rows.iter().map(entry).collect());
        entries.map_err(|error| database_error(&self.uri, error))
    }
}

/// Connects and has SQLite look at the file, which opening alone does not.
async fn connect(options: SqliteConnectOptions) -> sqlx::Result<SqliteConnection> {
    let mut connection = options.disable_statement_logging().connect().await?;
    match sqlx::query("PRAGMA schema_version").execute(&mut connection).await {
        Ok(_) => Ok(connection),
        Err(error) => {
            let _ = connection.close().await;
            Err(error)
        }
    }
}

fn is_left_half_way(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| LEFT_HALF_WAY.contains(&code.as_ref()))
}

fn entry(row: &SqliteRow) -> sqlx::Result<Entry> {
    Ok(Entry {
        catalog: row.try_get("catalog_name")?,
        namespace: row.try_get("table_namespace")?,
        table: row.try_get("table_name")?,
        location: row.try_get("metadata_location")?,
        // The column is missing in V0, which knew no views.
        kind: row.try_get("iceberg_type").ok().flatten(),
        has_type: row.try_get_raw("iceberg_type").is_ok(),
    })
}

/// The file that a URI means. SQLAlchemy, which pyiceberg uses, takes `sqlite:///x` as relative and
/// `sqlite:////x` as absolute; others take both as absolute. So the file that exists is meant.
fn database_file(uri: &str) -> Result<PathBuf> {
    let candidates = candidates(uri)?;
    let found = candidates.iter().find(|candidate| candidate.is_file()).cloned();
    found.ok_or_else(|| TableError::TableNotFound {
        table: uri.to_owned(),
        detail: format!(
            "there is no catalog database `{}`",
            candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("` or `")
        ),
    })
}

/// Files that a URI may mean, likeliest first.
fn candidates(uri: &str) -> Result<Vec<PathBuf>> {
    let plain = uri.strip_prefix("jdbc:").unwrap_or(uri);
    let plain = match plain.split_once(':') {
        Some(("sqlite", rest)) => rest,
        Some((dialect, rest)) if dialect.starts_with("sqlite+") => rest,
        Some(("file", _)) => plain,
        Some((scheme, _)) if !scheme.contains('/') => {
            return Err(TableError::unsupported(
                super::without_secrets(uri),
                format!(
                    "catalogs in databases of kind `{scheme}` cannot be read; give SQLite as `sqlite:///path`, or Postgres as \
                     `postgresql://user:password@host:port/database`"
                ),
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
    Ok(match n_slashes {
        0 => vec![relative],
        2 | 3 if !is_file_uri => vec![absolute, relative],
        _ => vec![absolute],
    })
}

/// Extended codes carry the primary one in their lowest byte.
fn primary_code(error: &dyn sqlx::error::DatabaseError) -> Option<String> {
    error.code().and_then(|code| code.parse::<u32>().ok()).map(|code| (code & 0xff).to_string())
}

/// Where a database is made that is not there: the likeliest file that the URI means.
fn new_database_file(uri: &str) -> Result<PathBuf> {
    let file = candidates(uri)?.into_iter().next();
    file.ok_or_else(|| TableError::invalid(format!("the catalog URI names no file, uri=`{uri}`")))
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
    let code = primary_code(database);
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
