//! Hive metastores, 2.3 to 4: Iceberg tables are entries whose parameters point to the metadata file.
//!
//! Plain connections only. A metastore that demands Kerberos (SASL) or TLS cannot be spoken to.
//! Source: Hive, `hive_metastore.thrift`; Iceberg, `HiveTableOperations`.

mod address;
mod thrift;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use self::address::Address;
use self::thrift::{Answer, Fields, Value};
use super::config::{CatalogConfig, Limits};
use super::source::{PointerCatalog, PointerSource};
use super::{Catalog, NAMES_MAX, TableName, TableSource, unknown_namespace, unknown_table};
use crate::storage::Storage;
use crate::{Result, TableError};

/// Type of Thrift's exception for a method that the server does not know.
const UNKNOWN_METHOD: i64 = 1;

// Field numbers of `hive_metastore.thrift`.
const RESULT: i16 = 0;
const EXCEPTION_MESSAGE: i16 = 1;
const TABLE_PARAMETERS: i16 = 9;
const TABLE_TYPE: i16 = 12;

/// Settings of clients that ask for what cannot be done.
const REFUSED: [(&str, &str); 6] = [
    ("hive.kerberos-authentication", "Kerberos"),
    ("hive.metastore.sasl.enabled", "Kerberos (SASL)"),
    ("metastore.sasl.enabled", "Kerberos (SASL)"),
    ("hive.metastore.use.SSL", "TLS"),
    ("hive.metastore.thrift.framed.transport.enabled", "framed transport"),
    ("hive.metastore.thrift.compact.protocol.enabled", "the compact protocol"),
];

/// A Hive metastore. A connection is made for each look at it.
#[derive(Debug)]
pub struct HiveCatalog {
    config: CatalogConfig,
    addresses: Vec<Address>,
    limits: Limits,
    storage: Storage,
    sequence: AtomicU32,
}

/// How a call ended, if not with an answer.
enum CallError {
    /// The server did not answer: another may.
    Unreachable(String),
    /// It knows no such method.
    UnknownMethod,
    /// It answered otherwise than it must, or refused.
    Failed(TableError),
}

/// The result of a call.
type Called = std::result::Result<Value, CallError>;

impl HiveCatalog {
    /// A metastore with these settings, whose tables' files are in `storage`.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if a property is missing or wrong; [`TableError::Unsupported`] for Kerberos,
    /// TLS, and other protocols than plain Thrift.
    pub fn new(config: CatalogConfig, storage: Storage) -> Result<Self> {
        for (name, what) in REFUSED {
            if config.flag(name)? == Some(true) {
                return Err(TableError::unsupported(
                    &config.name,
                    format!(
                        "metastores cannot be spoken to with {what} (`{name}`); use one that takes plain connections"
                    ),
                ));
            }
        }
        let addresses = address::parse(config.required("uri")?, &config.name)?;
        let limits = Limits::of(&config)?;
        let storage = storage.with_properties(config.properties.clone());
        Ok(Self { config, addresses, limits, storage, sequence: AtomicU32::new(1) })
    }

    /// The result of a call: its field 0. Servers are tried in order, each once.
    async fn call(&self, method: &str, arguments: &Fields) -> Called {
        let attempts = async {
            let mut causes = Vec::new();
            for address in &self.addresses {
                match self.call_at(address, method, arguments).await {
                    Err(CallError::Unreachable(cause)) => causes.push(format!("`{address}`: {cause}")),
                    outcome => return outcome,
                }
            }
            let detail = format!(
                "the metastore cannot be asked: {}; check `uri`, that the server runs, and that it takes plain connections \
                 without Kerberos or TLS",
                causes.join(", ")
            );
            Err(CallError::Failed(TableError::catalog(&self.config.name, detail)))
        };
        match tokio::time::timeout(self.limits.total, attempts).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::Failed(TableError::catalog(
                &self.config.name,
                format!(
                    "no metastore answers within {:?}; check the servers, or allow more with `total-timeout`",
                    self.limits.total
                ),
            ))),
        }
    }

    async fn call_at(&self, address: &Address, method: &str, arguments: &Fields) -> Called {
        let Limits { connect, request, .. } = self.limits;
        let connecting = tokio::time::timeout(connect, TcpStream::connect((address.host.as_str(), address.port)));
        let mut stream = match connecting.await {
            Ok(Ok(stream)) => BufReader::new(stream),
            Ok(Err(error)) => return Err(CallError::Unreachable(format!("cannot connect: {error}"))),
            Err(_) => return Err(CallError::Unreachable(format!("no connection within {connect:?}"))),
        };
        let calls = async {
            if let Some((user, groups)) = self.config.get("ugi").map(|ugi| ugi.split_once(':').unwrap_or((ugi, ""))) {
                let groups: Vec<&str> = groups.split(',').filter(|group| !group.is_empty()).collect();
                let who = Fields::default().text(1, user).texts(2, &groups);
                self.call_on(&mut stream, "set_ugi", &who).await?;
            }
            self.call_on(&mut stream, method, arguments).await
        };
        match tokio::time::timeout(request, calls).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::Unreachable(format!("no answer within {request:?}"))),
        }
    }

    async fn call_on(&self, stream: &mut BufReader<TcpStream>, method: &str, arguments: &Fields) -> Called {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) & 0x7fff_ffff;
        let broke = |error: thrift::ReadError| match error {
            thrift::ReadError::Connection(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                CallError::Unreachable("it closes the connection without an answer".to_owned())
            }
            thrift::ReadError::Connection(error) => CallError::Unreachable(format!("the connection broke: {error}")),
            error => CallError::Failed(TableError::catalog(
                &self.config.name,
                format!("{error}; check that `uri` is that of a Hive metastore (port 9083)"),
            )),
        };
        let sent = stream.get_mut().write_all(&thrift::call(method, sequence, arguments)).await;
        sent.map_err(|error| broke(error.into()))?;
        match thrift::answer(stream, method, sequence).await.map_err(broke)? {
            Answer::Reply(result) => Ok(result),
            Answer::Exception { kind: UNKNOWN_METHOD, .. } => Err(CallError::UnknownMethod),
            Answer::Exception { message, .. } => Err(CallError::Failed(self.refused(method, &message))),
        }
    }

    fn refused(&self, method: &str, message: &str) -> TableError {
        TableError::catalog(
            &self.config.name,
            format!("the metastore refuses `{method}`: {message}; look into the server's log"),
        )
    }

    fn failed(&self, method: &str, error: CallError) -> TableError {
        match error {
            CallError::Failed(error) => error,
            CallError::Unreachable(cause) => TableError::catalog(&self.config.name, cause),
            CallError::UnknownMethod => TableError::unsupported(
                &self.config.name,
                format!("the metastore does not know `{method}`; versions 2.3 to 4 can be read"),
            ),
        }
    }

    /// The entry of a table; `None` if there is none. Metastore 4 has no `get_table`, and old ones have nothing
    /// else.
    async fn entry(&self, table: &TableName) -> Result<Option<Value>> {
        let [database] = table.namespace.as_slice() else {
            return Err(TableError::TableNotFound {
                table: table.to_string(),
                detail: format!(
                    "a Hive metastore has namespaces of one level; name the table as database.table of catalog `{}`",
                    self.config.name
                ),
            });
        };
        let names = Fields::default().text(1, database).text(2, &table.table);
        let result = match self.call("get_table_req", &Fields::default().fields(1, &names)).await {
            Ok(result) => unwrapped(result),
            Err(CallError::UnknownMethod) => {
                self.call("get_table", &names).await.map_err(|error| self.failed("get_table", error))?
            }
            Err(error) => return Err(self.failed("get_table_req", error)),
        };
        // 1 is MetaException, 2 NoSuchObjectException.
        match (result.field(RESULT), result.field(1), result.field(2)) {
            (Some(entry), _, _) => Ok(Some(entry.clone())),
            (None, _, Some(_)) => Ok(None),
            (None, Some(exception), None) => Err(self.refused("get_table", &message(exception))),
            (None, None, None) => Err(self.refused("get_table", "it answers nothing")),
        }
    }

    async fn names(&self, method: &str, arguments: &Fields) -> Result<Vec<String>> {
        let result = self.call(method, arguments).await.map_err(|error| self.failed(method, error))?;
        match (result.field(RESULT).and_then(Value::texts), result.field(1)) {
            (Some(mut names), _) => {
                names.truncate(NAMES_MAX);
                Ok(names)
            }
            (None, Some(exception)) => Err(self.refused(method, &message(exception))),
            (None, None) => Err(self.refused(method, "it answers nothing")),
        }
    }

    async fn no_table(&self, table: &TableName) -> TableError {
        let databases = match self.list_namespaces(&[]).await {
            Ok(databases) => databases,
            Err(error) => return error,
        };
        if !databases.contains(&table.namespace) {
            return unknown_namespace(&self.config.name, table, databases);
        }
        match self.list_tables(&table.namespace).await {
            Ok(names) => unknown_table(&self.config.name, table, names),
            Err(error) => error,
        }
    }
}

/// `get_table_req` wraps the entry in one more struct.
fn unwrapped(result: Value) -> Value {
    match result {
        Value::Struct(mut fields) => {
            if let Some(Value::Struct(mut inner)) = fields.remove(&RESULT)
                && let Some(table) = inner.remove(&1)
            {
                fields.insert(RESULT, table);
            }
            Value::Struct(fields)
        }
        other => other,
    }
}

fn message(exception: &Value) -> String {
    exception.field(EXCEPTION_MESSAGE).and_then(Value::text).unwrap_or("without a message").to_owned()
}

/// Where the entry of a table points to.
fn pointer(entry: &Value, table: &TableName, catalog: &str) -> Result<String> {
    let parameter = |wanted: &str| {
        let mut pairs = entry.field(TABLE_PARAMETERS).into_iter().flat_map(Value::pairs);
        pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    let table_type = parameter("table_type").unwrap_or_default().to_ascii_lowercase();
    let hive_type = entry.field(TABLE_TYPE).and_then(Value::text).unwrap_or_default();
    if table_type == "iceberg-view" || hive_type.ends_with("_VIEW") {
        return Err(TableError::unsupported(catalog, format!("`{table}` is a view; name a table")));
    }
    if table_type != "iceberg" {
        let what =
            if table_type.is_empty() { "a plain Hive table".to_owned() } else { format!("of type `{table_type}`") };
        return Err(TableError::unsupported(catalog, format!("`{table}` is {what} and no Iceberg table; name one")));
    }
    match parameter("metadata_location") {
        Some(location) if !location.is_empty() => Ok(location.to_owned()),
        _ => Err(TableError::corrupt(catalog, format!("table `{table}` has no `metadata_location`"))),
    }
}

#[async_trait]
impl Catalog for HiveCatalog {
    fn name(&self) -> &str {
        &self.config.name
    }

    async fn list_namespaces(&self, parent: &[String]) -> Result<Vec<Vec<String>>> {
        if !parent.is_empty() {
            return Ok(Vec::new());
        }
        let databases = self.names("get_all_databases", &Fields::default()).await?;
        Ok(databases.into_iter().map(|name| vec![name]).collect())
    }

    async fn list_tables(&self, namespace: &[String]) -> Result<Vec<String>> {
        let [database] = namespace else { return Ok(Vec::new()) };
        self.names("get_all_tables", &Fields::default().text(1, database)).await
    }

    fn table_source(self: Arc<Self>, table: TableName) -> Arc<dyn TableSource> {
        Arc::new(PointerSource::new(self, table))
    }
}

#[async_trait]
impl PointerCatalog for HiveCatalog {
    fn storage(&self) -> &Storage {
        &self.storage
    }

    async fn metadata_location(&self, table: &TableName) -> Result<String> {
        match self.entry(table).await? {
            Some(entry) => pointer(&entry, table, &self.config.name),
            None => Err(self.no_table(table).await),
        }
    }
}

#[cfg(test)]
mod tests;
