//! Catalogs in a Postgres database.
//!
//! As with every Postgres client, what the URI leaves open comes from the standard variables (`PGUSER`, `PGPASSWORD`,
//! `PGSSLMODE`, …) and the password file: the client library reads them.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions, Connection, Row};

use super::commit::{Executed, TABLES};
use super::{Entry, NAMES_MAX};
use crate::catalog::config::{CatalogConfig, Limits, is_secret, without_secrets};
use crate::{Result, TableError};

/// Parameters of the URI that mean something here; drivers know more, which would only be warned about.
const PARAMETERS: [&str; 13] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "sslkey",
    "host",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// How a database is reached.
#[derive(Debug, Clone)]
pub(super) struct Address {
    options: PgConnectOptions,
    shown: String,
    connect: Duration,
    request: Duration,
}

impl Address {
    /// `uri` is without a leading `jdbc:`; `postgresql+psycopg2` and others are spellings of `postgresql`.
    pub(super) fn new(uri: &str, config: Option<&CatalogConfig>, limits: Option<Limits>) -> Result<Self> {
        let shown = without_secrets(uri);
        let wrong = |cause: &str| {
            TableError::invalid(format!(
                "the catalog URI is no address of a Postgres database, uri=`{shown}`: {cause}; \
                 give `postgresql://user:password@host:port/database`"
            ))
        };
        let rest = uri.split_once("://").ok_or_else(|| wrong("`://` is missing"))?.1;
        let mut url =
            reqwest::Url::parse(&format!("postgresql://{rest}")).map_err(|error| wrong(&error.to_string()))?;
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in url.query_pairs() {
            match (name.as_ref(), value.as_ref()) {
                ("ssl", "true") => parameters.push(("sslmode".to_owned(), "verify-full".to_owned())),
                (known, _) if PARAMETERS.contains(&known) => parameters.push((name.into_owned(), value.into_owned())),
                _ => tracing::debug!(%name, "parameter of the catalog URI is not used"),
            }
        }
        url.set_query(None);
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(&parameters);
        }
        let mut options: PgConnectOptions = url.as_str().parse().map_err(|error: sqlx::Error| {
            // The cause may quote a value.
            let has_secret =
                parameters.iter().any(|(name, value)| is_secret(name) && error.to_string().contains(value));
            wrong(&if has_secret { "a parameter is wrong".to_owned() } else { error.to_string() })
        })?;
        if let Some(user) = config.and_then(|config| config.get("jdbc.user")) {
            options = options.username(user);
        }
        if let Some(password) = config.and_then(|config| config.get("jdbc.password")) {
            options = options.password(password);
        }
        Ok(Self {
            options: options.disable_statement_logging(),
            shown,
            connect: limits.map_or(Duration::from_secs(10), |limits| limits.connect),
            request: limits.map_or(Duration::from_secs(30), |limits| limits.request),
        })
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

pub(super) struct Database {
    connection: PgConnection,
    shown: String,
    request: Duration,
}

impl Database {
    pub(super) async fn open(address: &Address) -> Result<Self> {
        let Address { options, shown, connect, request } = address;
        match tokio::time::timeout(*connect, options.connect()).await {
            Ok(Ok(connection)) => Ok(Self { connection, shown: shown.clone(), request: *request }),
            Ok(Err(error)) => Err(database_error(shown, &error)),
            Err(_) => Err(too_slow(shown, *connect, "connect-timeout")),
        }
    }

    pub(super) async fn close(self) {
        // A server that does not answer is left alone: the connection ends with this handle.
        let _ = tokio::time::timeout(self.request, self.connection.close()).await;
    }

    pub(super) async fn catalogs(&mut self) -> Result<Vec<String>> {
        let query = sqlx::query("SELECT DISTINCT catalog_name FROM iceberg_tables ORDER BY catalog_name LIMIT $1");
        let rows = self.rows(query.bind(limit())).await?;
        rows.iter()
            .map(|row| row.try_get(0))
            .collect::<sqlx::Result<_>>()
            .map_err(|error| database_error(&self.shown, &error))
    }

    pub(super) async fn find(&mut self, catalog: &str, namespace: &str, table: &str) -> Result<Option<Entry>> {
        // `*` because V0 has no `iceberg_type`.
        let query = sqlx::query(
            "SELECT * FROM iceberg_tables WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3",
        );
        let rows = self.rows(query.bind(catalog).bind(namespace).bind(table)).await?;
        rows.first().map(entry).transpose().map_err(|error| database_error(&self.shown, &error))
    }

    pub(super) async fn entries(&mut self, catalog: Option<&str>) -> Result<Vec<Entry>> {
        let query = sqlx::query(
            "SELECT * FROM iceberg_tables WHERE $1::text IS NULL OR catalog_name = $1 \
             ORDER BY catalog_name, table_namespace, table_name LIMIT $2",
        );
        let rows = self.rows(query.bind(catalog).bind(limit())).await?;
        rows.iter().map(entry).collect::<sqlx::Result<_>>().map_err(|error| database_error(&self.shown, &error))
    }

    pub(super) async fn prepare(&mut self) -> Result<bool> {
        // `IF NOT EXISTS` alone does not keep two from making the same table at once.
        for statement in TABLES {
            match self.execute(statement, &[]).await {
                Executed::Done(_) => {}
                Executed::Failed(error) | Executed::Unknown(error) => {
                    // Another made it, if it is there now.
                    if self.rows(sqlx::query("SELECT 1 FROM iceberg_tables LIMIT 0")).await.is_err() {
                        return Err(error);
                    }
                }
            }
        }
        let column = sqlx::query(
            "SELECT 1 FROM information_schema.columns WHERE table_name = 'iceberg_tables' \
             AND column_name = 'iceberg_type' AND table_schema = ANY (current_schemas(false))",
        );
        Ok(!self.rows(column).await?.is_empty())
    }

    /// A statement that changes the database, sent once and in a transaction of its own.
    pub(super) async fn execute(&mut self, statement: &'static str, values: &[&str]) -> Executed {
        let query = values.iter().fold(sqlx::query(statement), |query, value| query.bind((*value).to_owned()));
        // Poolers in front of Postgres lose prepared statements between transactions.
        let executed = query.persistent(false).execute(&mut self.connection);
        match tokio::time::timeout(self.request, executed).await {
            Ok(Ok(done)) => Executed::Done(done.rows_affected()),
            Ok(Err(error)) => {
                let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
                let is_undone = code.is_some_and(|code| is_undone(&code));
                let error = database_error(&self.shown, &error);
                if is_undone { Executed::Failed(error) } else { Executed::Unknown(error) }
            }
            Err(_) => Executed::Unknown(too_slow(&self.shown, self.request, "request-timeout")),
        }
    }

    async fn rows(
        &mut self,
        query: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
    ) -> Result<Vec<PgRow>> {
        // Poolers in front of Postgres lose prepared statements between transactions.
        let query = query.persistent(false);
        match tokio::time::timeout(self.request, query.fetch_all(&mut self.connection)).await {
            Ok(rows) => rows.map_err(|error| database_error(&self.shown, &error)),
            Err(_) => Err(too_slow(&self.shown, self.request, "request-timeout")),
        }
    }
}

fn limit() -> i64 {
    i64::try_from(NAMES_MAX).unwrap_or(i64::MAX)
}

fn entry(row: &PgRow) -> sqlx::Result<Entry> {
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

/// The server says that a statement was rolled back. Not so after errors of the connection (08), of a server that
/// stops (57P01: it may say so while it waits for a replica, after it has committed), of resources and of itself.
/// Source: Postgres documentation, "PostgreSQL Error Codes".
fn is_undone(code: &str) -> bool {
    // Invalid data, constraints, a read-only transaction, conflicts of transactions, no rights, errors in the statement.
    let class_is = |class: &str| code.starts_with(class);
    let is_refused = ["22", "23", "25", "28", "42", "44"].into_iter().any(class_is);
    // 40003 alone of its class says that the outcome is not known.
    let is_rolled_back = code.starts_with("40") && code != "40003";
    // A lock that cannot be had, and a statement that is cancelled or takes too long.
    is_refused || is_rolled_back || matches!(code, "55P03" | "57014")
}

fn too_slow(shown: &str, limit: Duration, property: &str) -> TableError {
    TableError::catalog(
        shown,
        format!("no answer within {limit:?}; check that this is a Postgres server, or allow more with `{property}`"),
    )
}

/// Codes: Postgres documentation, "PostgreSQL Error Codes".
fn database_error(shown: &str, error: &sqlx::Error) -> TableError {
    let Some(database) = error.as_database_error() else {
        return match error {
            sqlx::Error::ColumnNotFound(_) | sqlx::Error::ColumnDecode { .. } => {
                TableError::corrupt(shown, format!("`iceberg_tables` is not as catalogs write it: {error}"))
            }
            sqlx::Error::Tls(cause) => TableError::catalog(
                shown,
                format!("TLS fails: {cause}; check `sslmode`, and name the authority's file with `sslrootcert`"),
            ),
            sqlx::Error::Io(cause) => TableError::catalog(
                shown,
                format!("cannot be reached: {cause}; check host and port, and that the server runs"),
            ),
            sqlx::Error::Configuration(cause) => {
                TableError::invalid(format!("uri=`{shown}`: {cause}; correct the catalog's `uri`"))
            }
            other => TableError::catalog(
                shown,
                format!("the answer is not understood: {other}; check that this is a Postgres server"),
            ),
        };
    };
    let message = database.message();
    match database.code().as_deref() {
        Some("28P01" | "28000") => TableError::denied(
            shown,
            format!("the database does not accept the credentials: {message}; check user and password in `uri`"),
        ),
        Some("42501") => TableError::denied(shown, format!("{message}; grant the right to read `iceberg_tables`")),
        Some("3D000") => TableError::TableNotFound {
            table: shown.to_owned(),
            detail: format!("{message}; check the database's name in `uri`"),
        },
        Some("42P01") => TableError::TableNotFound {
            table: shown.to_owned(),
            detail: "the database has no table `iceberg_tables`, so it holds no Iceberg catalog; check the database's name in `uri`".to_owned(),
        },
        Some("42703") => TableError::corrupt(shown, format!("`iceberg_tables` is not as catalogs write it: {message}")),
        _ => TableError::catalog(shown, format!("{message}; look into the server's log, then try again")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("postgresql://me:pw@h:5433/db?sslmode=require")]
    #[case("postgresql+psycopg2://me:pw@h:5433/db?sslmode=require&connect_timeout=3")]
    #[case("postgresql://h:5433/db?user=me&password=pw&sslmode=require")]
    fn every_spelling_of_the_uri_means_the_same_database(#[case] uri: &str) {
        let address = Address::new(uri, None, None).unwrap();
        assert_eq!(address.options.get_host(), "h");
        assert_eq!(address.options.get_port(), 5433);
        assert_eq!(address.options.get_username(), "me");
        assert_eq!(address.options.get_database(), Some("db"));
        assert!(matches!(address.options.get_ssl_mode(), sqlx::postgres::PgSslMode::Require));
        assert!(!address.shown.contains("pw"), "{}", address.shown);
    }

    #[rstest]
    #[case("40001", true)]
    #[case("40003", false)]
    #[case("25006", true)]
    #[case("42501", true)]
    #[case("57014", true)]
    #[case("57P01", false)]
    #[case("08006", false)]
    #[case("53100", false)]
    #[case("XX000", false)]
    fn only_what_the_server_rolled_back_is_undone(#[case] code: &str, #[case] expected: bool) {
        assert_eq!(is_undone(code), expected);
    }

    #[test]
    fn a_wrong_address_is_told_without_the_password() {
        for uri in ["postgresql:h", "postgresql://me:geheim@h:port/db", "postgresql://me:geheim@h/db?sslmode=never"] {
            let error = Address::new(uri, None, None).unwrap_err().to_string();
            assert!(
                error.contains("postgresql://user:password@host:port/database") && !error.contains("geheim"),
                "{error}"
            );
        }
    }
}
