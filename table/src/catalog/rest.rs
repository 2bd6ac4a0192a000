//! Catalogs that speak Iceberg's REST protocol.
//!
//! What is needed of it: the server's configuration, lists of names, tables, the credentials that come with them, and
//! commits. Metadata is taken as JSON and read like a metadata file, so that tables with types that the metadata
//! library does not know can be read.
//! Source: Iceberg REST catalog specification, `rest-catalog-open-api.yaml`.

mod address;
mod auth;
mod commit;
mod credentials;
mod http;
mod retry;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use self::address::Addresses;
use self::auth::Auth;
use self::http::{Answer, Failure, Http, Refusal, Sent};
use self::source::RestSource;
use super::config::{CatalogConfig, Limits};
use super::{Catalog, NAMES_MAX, TableName, TableSource, unknown_namespace, unknown_table};
use crate::commit::NewTable;
use crate::storage::{PathMap, Storage};
use crate::{Clock, Result, TableError, on_pool};

/// What the answer with a table may have: metadata of a table with very many snapshots has some 100 MB.
const TABLE_BYTES_MAX: usize = 512 << 20;
/// What other answers may have.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// What a file with certificates may have.
const PEM_BYTES_MAX: u64 = 4 << 20;
/// Pages of a list that are asked for, at most.
const PAGES_MAX: usize = 1000;
const HEADER_PREFIX: &str = "header.";
const DELEGATION_HEADER: HeaderName = HeaderName::from_static("x-iceberg-access-delegation");

/// A catalog that speaks Iceberg's REST protocol. Nothing is sent before it is used.
#[derive(Debug)]
pub struct RestCatalog {
    config: CatalogConfig,
    storage: Storage,
    http: Http,
    server: OnceCell<Server>,
    /// Sends what changes something.
    poster: OnceCell<Client>,
}

/// What the server said about itself, put together with the settings.
#[derive(Debug)]
struct Server {
    addresses: Addresses,
    auth: Auth,
    config: CatalogConfig,
    /// It offers to give credentials without the table.
    has_credentials_endpoint: bool,
}

impl RestCatalog {
    /// A catalog with these settings, whose tables' files are in `storage`.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if a property is missing or wrong; [`TableError::Unsupported`] for what is
    /// named but cannot be done; [`TableError::FileMissing`] and others if a file with certificates cannot be read.
    #[boxed]
    pub async fn new(config: CatalogConfig, storage: Storage, clock: Arc<dyn Clock>) -> Result<Self> {
        let limits = Limits::of(&config)?;
        let addresses = Addresses::new(config.required("uri")?, &config.name)?;
        // What the settings say wrong is told before anything is sent.
        Auth::of(&config, addresses.base())?;
        let client = client(&config, &storage, limits, Policy::default()).await?;
        let http = Http { catalog: config.name.clone(), client, limits, clock };
        Ok(Self { config, storage, http, server: OnceCell::new(), poster: OnceCell::new() })
    }

    async fn server(&self) -> Result<&Server> {
        self.server.get_or_try_init(|| self.ask_for_config()).await
    }

    /// Source: REST specification, `GET /v1/config`: the server's defaults, below the settings, below its overrides.
    async fn ask_for_config(&self) -> Result<Server> {
        let mut addresses = Addresses::new(self.config.required("uri")?, &self.config.name)?;
        let auth = Auth::of(&self.config, addresses.base())?;
        let url = addresses.config(self.config.get("warehouse"));
        let answer = match self.get(&auth, &url, ANSWER_BYTES_MAX, None).await {
            Ok(answer) => answer,
            Err(Failure::Refused(refusal))
                if matches!(refusal.status.as_u16(), 400 | 404) && !refusal.kind.is_empty() =>
            {
                return Err(self.http.refused_warehouse(&url, &refusal, self.config.get("warehouse")));
            }
            Err(failure) => return Err(self.failed(&url, failure)),
        };
        let json = self.http.json(&url, &answer)?;
        let mut properties = text_map(json.get("defaults"));
        properties.extend(self.config.properties.clone());
        properties.extend(text_map(json.get("overrides")));
        let config = CatalogConfig { properties, ..self.config.clone() };
        if let Some(uri) = config.get("uri")
            && Some(uri) != self.config.get("uri")
        {
            addresses = Addresses::new(uri, &config.name)?;
        }
        addresses.set_prefix(config.get("prefix"));
        addresses.set_separator(config.get("namespace-separator"));
        let offers = |endpoint: &Value| endpoint.as_str().is_some_and(|text| text.ends_with("/credentials"));
        let has_credentials_endpoint =
            json.get("endpoints").and_then(Value::as_array).is_some_and(|all| all.iter().any(offers));
        Ok(Server { addresses, auth, config, has_credentials_endpoint })
    }

    /// One answer; with a new token if the one in use is not accepted any more.
    async fn get(&self, auth: &Auth, url: &str, bytes_max: usize, etag: Option<&str>) -> Sent<Answer> {
        let mut refused: Option<HeaderValue> = None;
        loop {
            let header = auth.header(&self.http, refused.as_ref()).await?;
            let sent = self.http.send(url, bytes_max, || {
                let mut request = self.http.client.get(url);
                if let Some(header) = &header {
                    request = request.header(reqwest::header::AUTHORIZATION, header.clone());
                }
                match etag {
                    Some(etag) => request.header(reqwest::header::IF_NONE_MATCH, etag),
                    None => request,
                }
            });
            match sent.await {
                Err(Failure::Refused(refusal))
                    if matches!(refusal.status.as_u16(), 401 | 419) && refused.is_none() && auth.is_renewable() =>
                {
                    refused = header;
                }
                outcome => return outcome,
            }
        }
    }

    /// The JSON of a large answer, read on the pool.
    async fn table_json(&self, url: &str, answer: Answer) -> Result<Map<String, Value>> {
        let parsed = on_pool(move || answer.json()).await?;
        parsed.ok_or_else(|| self.http.no_catalog(url, "the answer is no JSON object"))
    }

    fn failed(&self, url: &str, failure: Failure) -> TableError {
        match failure {
            Failure::Refused(refusal) => self.http.refused(url, &refusal),
            Failure::Other(error) => error,
        }
    }

    /// The answer with a table; `None` if it is still the one that `etag` stands for.
    async fn table_answer(&self, table: &TableName, etag: Option<&str>) -> Result<Option<(Answer, String)>> {
        let server = self.server().await?;
        let url = server.addresses.table(table);
        match self.get(&server.auth, &url, TABLE_BYTES_MAX, etag).await {
            Ok(answer) if answer.status.as_u16() == 304 => Ok(None),
            Ok(answer) => Ok(Some((answer, url))),
            Err(Failure::Refused(refusal)) => Err(self.no_table(table, &url, &refusal).await),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    async fn no_table(&self, table: &TableName, url: &str, refusal: &Refusal) -> TableError {
        let is_missing = refusal.status.as_u16() == 404 && !refusal.kind.is_empty();
        if !is_missing && refusal.kind != "NoSuchIcebergTableException" {
            return self.http.refused(url, refusal);
        }
        // Suggestions are a courtesy: if they cannot be had, the table is missing all the same.
        match self.list_tables(&table.namespace).await {
            Ok(names) => match self.view_exists(table).await {
                true => TableError::unsupported(&self.config.name, format!("`{table}` is a view; name a table")),
                false => unknown_table(&self.config.name, table, names),
            },
            Err(TableError::TableNotFound { .. }) => {
                let namespaces = self.list_namespaces(&[]).await.unwrap_or_default();
                unknown_namespace(&self.config.name, table, namespaces)
            }
            Err(_) => unknown_table(&self.config.name, table, Vec::new()),
        }
    }

    async fn view_exists(&self, table: &TableName) -> bool {
        let Ok(server) = self.server().await else { return false };
        self.get(&server.auth, &server.addresses.view(table), TABLE_BYTES_MAX, None).await.is_ok()
    }

    /// All pages of a list; `read` takes the names of one.
    async fn pages(&self, url: &str, mut read: impl FnMut(&Value)) -> Sent<()> {
        let server = self.server().await?;
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page_url = match &next {
                Some(token) => address::with_parameter(url, "pageToken", token),
                None => url.to_owned(),
            };
            let answer = self.get(&server.auth, &page_url, ANSWER_BYTES_MAX, None).await?;
            let json = self.http.json(&page_url, &answer)?;
            read(&json);
            let token = json.get("next-page-token").and_then(Value::as_str).filter(|token| !token.is_empty());
            match token {
                Some(token) if next.as_deref() != Some(token) => next = Some(token.to_owned()),
                _ => return Ok(()),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Catalog for RestCatalog {
    fn name(&self) -> &str {
        &self.config.name
    }

    async fn list_namespaces(&self, parent: &[String]) -> Result<Vec<Vec<String>>> {
        let url = self.server().await?.addresses.namespaces(parent);
        let mut found: Vec<Vec<String>> = Vec::new();
        let read = |json: &Value| {
            let listed = json.get("namespaces").and_then(Value::as_array).into_iter().flatten();
            let n_free = NAMES_MAX - found.len();
            found.extend(listed.filter_map(levels).take(n_free));
        };
        match self.pages(&url, read).await {
            Ok(()) => Ok(found),
            Err(failure) => Err(self.failed(&url, failure)),
        }
    }

    async fn list_tables(&self, namespace: &[String]) -> Result<Vec<String>> {
        let url = self.server().await?.addresses.tables(namespace);
        let mut found: Vec<String> = Vec::new();
        let read = |json: &Value| {
            let listed = json.get("identifiers").and_then(Value::as_array).into_iter().flatten();
            let n_free = NAMES_MAX - found.len();
            found.extend(listed.filter_map(|entry| entry.get("name")?.as_str().map(str::to_owned)).take(n_free));
        };
        match self.pages(&url, read).await {
            Ok(()) => Ok(found),
            Err(Failure::Refused(refusal)) if refusal.status.as_u16() == 404 && !refusal.kind.is_empty() => {
                Err(TableError::TableNotFound {
                    table: namespace.join("."),
                    detail: format!("catalog `{}` has no such namespace; check the name", self.config.name),
                })
            }
            Err(failure) => Err(self.failed(&url, failure)),
        }
    }

    async fn create_table(&self, table: &TableName, new: NewTable) -> Result<()> {
        self.create(table, &new).await
    }

    fn table_source(self: Arc<Self>, table: TableName) -> Arc<dyn TableSource> {
        Arc::new(RestSource::new(self, table))
    }
}

/// The client with its certificates and headers.
async fn client(config: &CatalogConfig, storage: &Storage, limits: Limits, redirects: Policy) -> Result<Client> {
    let mut headers = HeaderMap::new();
    headers.insert(DELEGATION_HEADER, HeaderValue::from_static("vended-credentials"));
    for (name, value) in &config.properties {
        let Some(name) = name.strip_prefix(HEADER_PREFIX) else { continue };
        let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let Some((name, mut value)) = header else {
            return Err(TableError::invalid(format!(
                "catalog `{}`: `{HEADER_PREFIX}{name}` is no HTTP header",
                config.name
            )));
        };
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let mut builder = Client::builder()
        .user_agent(concat!("frazil/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(limits.connect)
        .redirect(redirects)
        .default_headers(headers);
    let unusable = |property: &str, path: &str, cause: &dyn std::fmt::Display| {
        TableError::invalid(format!("catalog `{}`: {property}=`{path}` cannot be used: {cause}", config.name))
    };
    for property in ["ssl.cabundle", "cacert"] {
        let Some(path) = config.get(property) else { continue };
        let pem = pem(storage, path).await.map_err(|error| unusable(property, path, &error))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(property, path, &error))?;
        if certificates.is_empty() {
            return Err(unusable(property, path, &"it holds no certificate in PEM form"));
        }
        for certificate in certificates {
            builder = builder.add_root_certificate(certificate);
        }
    }
    if let Some(path) = config.get("ssl.client.cert") {
        let mut identity = pem(storage, path).await.map_err(|error| unusable("ssl.client.cert", path, &error))?;
        if let Some(key) = config.get("ssl.client.key") {
            identity.extend(pem(storage, key).await.map_err(|error| unusable("ssl.client.key", key, &error))?);
        }
        builder =
            builder.identity(Identity::from_pem(&identity).map_err(|error| unusable("ssl.client.cert", path, &error))?);
    }
    builder.build().map_err(|error| {
        TableError::invalid(format!("catalog `{}`: no TLS can be set up with these settings: {error}", config.name))
    })
}

async fn pem(storage: &Storage, path: &str) -> Result<Vec<u8>> {
    let storage = storage.with_path_map(PathMap::default());
    let place = std::path::absolute(path).ok().and_then(|path| path.to_str().map(str::to_owned));
    Ok(storage.read_limited(place.as_deref().unwrap_or(path), PEM_BYTES_MAX).await?.to_vec())
}

/// A JSON object's members as text; numbers and flags too, since servers differ.
fn text_map(value: Option<&Value>) -> BTreeMap<String, String> {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    members.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

fn levels(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|level| level.as_str().map(str::to_owned)).collect()
}
