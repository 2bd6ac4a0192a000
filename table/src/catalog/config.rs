//! What a catalog is told: its kind and its properties, by the names that Iceberg and pyiceberg use.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::suggestions;
use crate::{Result, TableError};

/// Ends of property names whose values are secrets.
const SECRET_NAMES: [&str; 9] =
    ["token", "credential", "secret", "password", "access-key", "account-key", "sas-token", "connection-string", "key"];

/// Kinds of catalogs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogKind {
    /// Iceberg's REST protocol.
    Rest,
    /// Thrift protocol of Hive's metastore.
    Hive,
    /// Tables of a database: SQLite or Postgres.
    Sql,
    /// Folders below a warehouse: `warehouse/namespace/table`.
    Path,
}

impl CatalogKind {
    /// Names of the kinds, as in settings.
    pub const NAMES: [&'static str; 4] = ["rest", "hive", "sql", "path"];

    /// The name in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Hive => "hive",
            Self::Sql => "sql",
            Self::Path => "path",
        }
    }

    /// From the name in settings; also those by which other readers know the same kinds.
    ///
    /// # Errors
    /// [`TableError::Unsupported`] for kinds that others know and this crate does not;
    /// [`TableError::InvalidRequest`] for all other names.
    pub fn parse(name: &str, catalog: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "rest" => Ok(Self::Rest),
            "hive" => Ok(Self::Hive),
            "sql" | "jdbc" => Ok(Self::Sql),
            "path" | "hadoop" => Ok(Self::Path),
            "glue" | "dynamodb" | "bigquery" | "nessie" | "s3tables" | "snowflake" | "in-memory" | "noop" => {
                Err(TableError::unsupported(
                    catalog,
                    format!(
                        "catalogs of type `{name}` cannot be read; where the service offers Iceberg's REST protocol, use type `rest`"
                    ),
                ))
            }
            other => Err(TableError::invalid(format!(
                "catalog `{catalog}` has no known type, type=`{other}`; use one of {}",
                suggestions(other, Self::NAMES.iter().map(|&name| name.to_owned())).join(", ")
            ))),
        }
    }

    /// The kind that a URI alone tells, by the rules of pyiceberg; `None` if it tells none.
    pub fn of_uri(uri: &str) -> Option<Self> {
        let scheme = uri.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match scheme.split('+').next().unwrap_or_default() {
            "http" | "https" => Some(Self::Rest),
            "thrift" => Some(Self::Hive),
            "sqlite" | "postgresql" | "postgres" | "jdbc" | "mysql" => Some(Self::Sql),
            _ => None,
        }
    }
}

/// One catalog: where it is and how it is spoken to.
#[derive(Clone)]
pub struct CatalogConfig {
    /// Name by which the user knows it.
    pub name: String,
    /// How it is spoken to.
    pub kind: CatalogKind,
    /// `uri`, `warehouse`, and what else Iceberg's catalogs and file systems are told. May hold secrets.
    pub properties: BTreeMap<String, String>,
}

impl fmt::Debug for CatalogConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CatalogConfig")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("properties", &shown_properties(&self.properties))
            .finish()
    }
}

impl CatalogConfig {
    /// A property's value; `None` also if it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The value of a property that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| {
            TableError::invalid(format!(
                "catalog `{}` of type `{}` has no `{name}`; set it in the catalog's settings",
                self.name,
                self.kind.as_str()
            ))
        })
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes") => Ok(Some(true)),
            Some("false" | "0" | "no") => Ok(Some(false)),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u32>> {
        self.get(name).map(|text| text.parse().map_err(|_| self.wrong(name, "a whole number"))).transpose()
    }

    /// A duration such as `500ms`, `30s` or `2m`; where the name ends in `-ms`, a number of milliseconds.
    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let parsed =
            if name.ends_with("-ms") { text.parse().ok().map(Duration::from_millis) } else { parse_duration(text) };
        match parsed {
            Some(duration) if !duration.is_zero() => Ok(Some(duration)),
            _ => Err(self.wrong(name, "a duration above zero, such as 500ms, 30s or 2m")),
        }
    }

    fn wrong(&self, name: &str, expected: &str) -> TableError {
        let shown = if is_secret(name) { "***" } else { self.get(name).unwrap_or_default() };
        TableError::invalid(format!("catalog `{}`: property {name}=`{shown}` is not {expected}", self.name))
    }
}

/// How long a catalog may take, and how often it is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For a connection to be made.
    pub(super) connect: Duration,
    /// For one answer.
    pub(super) request: Duration,
    /// For one operation with all its retries.
    pub(super) total: Duration,
    /// Further attempts after the first.
    pub(super) n_retries: u32,
}

impl Limits {
    pub(super) fn of(config: &CatalogConfig) -> Result<Self> {
        let first = |names: [&str; 2]| match config.duration(names[0])? {
            Some(duration) => Ok(Some(duration)),
            None => config.duration(names[1]),
        };
        let connect = first(["connect-timeout", "rest.client.connection-timeout-ms"])?;
        let request = first(["request-timeout", "rest.client.socket-timeout-ms"])?;
        let request = request.unwrap_or(Duration::from_secs(30));
        Ok(Self {
            connect: connect.unwrap_or(Duration::from_secs(10)).min(request),
            request,
            total: config.duration("total-timeout")?.unwrap_or(request.max(Duration::from_secs(60))),
            n_retries: config.number("max-retries")?.unwrap_or(3).min(20),
        })
    }
}

/// A number with a unit: `ms`, `s`, `m`, `h`; without one, seconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let number: f64 = number.parse().ok()?;
    let seconds = match unit.trim() {
        "ms" => number / 1e3,
        "s" | "" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// Whether the value of a property must not be shown.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let is_named = |secret: &str| name.split('.').any(|part| part == secret || part.ends_with(&format!("-{secret}")));
    name.starts_with("header.") || SECRET_NAMES.iter().any(|secret| is_named(secret))
}

/// Properties as they may be shown: secrets as `***`, URIs without passwords.
pub fn shown_properties(properties: &BTreeMap<String, String>) -> BTreeMap<&str, String> {
    let shown = |name: &str, value: &str| if is_secret(name) { "***".to_owned() } else { without_secrets(value) };
    properties.iter().map(|(name, value)| (name.as_str(), shown(name, value))).collect()
}

/// A URI without the password and the parameters that may hold one.
pub fn without_secrets(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.to_owned() };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(authority_end).unwrap_or((rest, ""));
    // A password may hold an `@` that nobody escaped: the last one ends it.
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:***@{host}"),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    let query = query.map(|query| {
        let parts = query.split('&').map(|part| match part.split_once('=') {
            Some((name, _)) if is_secret(name) || name.eq_ignore_ascii_case("sig") => format!("{name}=***"),
            _ => part.to_owned(),
        });
        format!("?{}", parts.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{authority}{path}{}", query.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn config(properties: &[(&str, &str)]) -> CatalogConfig {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        CatalogConfig { name: "prod".to_owned(), kind: CatalogKind::Rest, properties }
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = config(&[
            ("uri", "postgresql://me:geheim@host/db?password=geheim&sslmode=require"),
            ("credential", "id:geheim"),
            ("token", "geheim"),
            ("header.Authorization", "geheim"),
            ("s3.secret-access-key", "geheim"),
            ("s3.session-token", "geheim"),
            ("adls.sas-token.account", "geheim"),
            ("adls.account-key", "geheim"),
            ("jdbc.password", "geheim"),
            ("warehouse", "w"),
        ]);
        let shown = format!("{config:?}");
        assert!(!shown.contains("geheim"), "{shown}");
        assert!(
            shown.contains("me:***@host") && shown.contains("sslmode=require") && shown.contains("\"w\""),
            "{shown}"
        );
    }

    #[rstest]
    #[case("postgresql://u:p@ss@h/db", "postgresql://u:***@h/db")]
    #[case("http://h:80/a@b:c", "http://h:80/a@b:c")]
    #[case("sqlite:////a/b.db", "sqlite:////a/b.db")]
    fn passwords_leave_uris(#[case] uri: &str, #[case] shown: &str) {
        assert_eq!(without_secrets(uri), shown);
    }

    #[rstest]
    #[case("http://x", Some(CatalogKind::Rest))]
    #[case("thrift://x:9083", Some(CatalogKind::Hive))]
    #[case("postgresql+psycopg2://x/db", Some(CatalogKind::Sql))]
    #[case("sqlite:///x", Some(CatalogKind::Sql))]
    #[case("jdbc:postgresql://x/db", Some(CatalogKind::Sql))]
    #[case("/x", None)]
    fn a_uri_tells_the_kind(#[case] uri: &str, #[case] kind: Option<CatalogKind>) {
        assert_eq!(CatalogKind::of_uri(uri), kind);
    }

    #[test]
    fn kinds_of_others_are_refused_by_name() {
        let refused = CatalogKind::parse("glue", "prod").unwrap_err().to_string();
        assert!(refused.contains("`glue`") && refused.contains("prod"), "{refused}");
        let unknown = CatalogKind::parse("rset", "prod").unwrap_err().to_string();
        assert!(unknown.contains("use one of rest"), "{unknown}");
    }

    #[rstest]
    #[case("500ms", Some(500))]
    #[case("30s", Some(30_000))]
    #[case("2", Some(2_000))]
    #[case("1.5m", Some(90_000))]
    #[case("1h", Some(3_600_000))]
    #[case("-1s", None)]
    #[case("1y", None)]
    #[case("", None)]
    #[case("99999999999999999999999h", None)]
    fn durations_have_units(#[case] text: &str, #[case] expected_ms: Option<u64>) {
        assert_eq!(parse_duration(text), expected_ms.map(Duration::from_millis));
    }

    #[test]
    fn limits_come_from_the_properties() {
        let limits = Limits::of(&config(&[("request-timeout", "2s"), ("max-retries", "0")])).unwrap();
        assert_eq!((limits.request, limits.n_retries), (Duration::from_secs(2), 0));
        assert!(limits.connect <= limits.request);
        for wrong in [("request-timeout", "0s"), ("max-retries", "many"), ("connect-timeout", "1 year")] {
            let error = Limits::of(&config(&[wrong])).unwrap_err().to_string();
            assert!(error.contains(wrong.0) && error.contains(wrong.1), "{error}");
        }
    }
}
