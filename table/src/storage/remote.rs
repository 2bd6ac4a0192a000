//! Stores behind a network, made from properties when a path first needs them: one for each bucket, and for each
//! prefix that credentials are vended for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use object_store::client::HttpConnector;
use object_store::{Certificate, ClientOptions, ObjectStore, RetryConfig};
use tokio::sync::Mutex;

use super::credentials::{Clock, CredentialSource, Vended};
use super::failure::{Failure, Origin};
use super::http::Connector;
use super::limits::StoreLimits;
use super::location::RemoteKind;
use super::properties::Properties;
use super::sts::AssumeRole;
use super::vended::{Renewing, VendedProvider};
use super::{azure, clock, gcs, region, s3, unsupported};
use crate::{Result, TableError};

/// File with certificates of authorities that are trusted beside the system's.
const CA_BUNDLE: &[&str] = &["storage.ca-bundle", "s3.ca-bundle"];

/// Makes stores, and keeps those that were made.
#[derive(Debug)]
pub(super) struct Remote {
    properties: Properties,
    limits: StoreLimits,
    vended: Option<Arc<Vended>>,
    made: Mutex<HashMap<Key, Arc<Made>>>,
}

/// What a store was made for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    kind: RemoteKind,
    authority: String,
    /// That credentials were vended for.
    prefix: Option<String>,
    attempts: Attempts,
}

/// How often a store sends a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Attempts {
    /// As [`StoreLimits`] say.
    Limited,
    /// Once: a second try could be refused because of the first.
    Once,
}

/// A store, and what there is to say of it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) origin: Origin,
}

/// A path that a store is looked for.
pub(super) struct Wanted<'a> {
    pub(super) kind: RemoteKind,
    /// Bucket, container and account, or name node.
    pub(super) authority: &'a str,
    /// The whole path, replacements applied.
    pub(super) path: &'a str,
    /// The path for messages.
    pub(super) shown: &'a str,
    pub(super) attempts: Attempts,
}

impl Remote {
    pub(super) fn new(properties: Properties, limits: StoreLimits, vended: Option<Arc<Vended>>) -> Self {
        Self { properties, limits, vended, made: Mutex::default() }
    }

    /// The same with other properties; nothing made so far is kept.
    pub(super) fn with_properties(&self, properties: BTreeMap<String, String>) -> Self {
        Self::new(properties.into(), self.limits, self.vended.clone())
    }

    /// The same with credentials that a catalog vends; nothing made so far is kept.
    pub(super) fn with_credentials(&self, source: Arc<dyn CredentialSource>, clock: Clock) -> Self {
        Self::new(self.properties.clone(), self.limits, Some(Arc::new(Vended::new(source, clock))))
    }

    /// The same with other limits; nothing made so far is kept.
    pub(super) fn with_limits(&self, limits: StoreLimits) -> Self {
        Self::new(self.properties.clone(), limits, self.vended.clone())
    }

    pub(super) fn properties(&self) -> &Properties {
        &self.properties
    }

    /// The store that holds a path.
    pub(super) async fn store(&self, wanted: &Wanted<'_>) -> Result<Arc<Made>> {
        let batch = match &self.vended {
            Some(vended) => Some(vended.current().await?),
            None => None,
        };
        let credential = batch.as_ref().and_then(|batch| batch.for_path(wanted.path));
        let key = Key {
            kind: wanted.kind,
            authority: wanted.authority.to_owned(),
            prefix: credential.map(|credential| credential.prefix.clone()),
            attempts: wanted.attempts,
        };
        // One at a time: a table has few buckets, and the first request to each waits for its store anyway.
        let mut made = self.made.lock().await;
        if let Some(store) = made.get(&key) {
            return Ok(Arc::clone(store));
        }
        let plan = match (&self.vended, credential) {
            (Some(vended), Some(credential)) => Plan {
                properties: self.properties.with(&credential.properties),
                vended: Some((Arc::clone(vended), credential.prefix.clone())),
            },
            _ => Plan { properties: self.properties.clone(), vended: None },
        };
        let store = Arc::new(self.make(wanted, plan).await?);
        made.insert(key, Arc::clone(&store));
        Ok(store)
    }

    async fn make(&self, wanted: &Wanted<'_>, plan: Plan) -> Result<Made> {
        unsupported::check(wanted.kind, &plan.properties)?;
        unsupported::log_ignored(wanted.kind, &plan.properties);
        let limits = self.limits.with_properties(&plan.properties)?;
        let client = with_certificates(limits.client(), &plan.properties)?;
        let parts = Parts { wanted, plan: &plan, limits, client };
        let (store, origin) = match wanted.kind {
            RemoteKind::S3 => parts.s3().await?,
            RemoteKind::Gcs => parts.gcs()?,
            RemoteKind::Azure => parts.azure()?,
            RemoteKind::Hdfs => parts.hdfs()?,
        };
        Ok(Made { store: plan.renewing(store), origin })
    }
}

/// What a store is made of, whatever its kind.
struct Parts<'a> {
    wanted: &'a Wanted<'a>,
    plan: &'a Plan,
    limits: StoreLimits,
    client: ClientOptions,
}

impl Parts<'_> {
    async fn s3(self) -> Result<(Arc<dyn ObjectStore>, Origin)> {
        let (bucket, properties) = (self.wanted.authority, &self.plan.properties);
        let origin = self.origin(self.endpoint(s3::ENDPOINT)?, s3::is_anonymous(properties)?);
        let connector = Connector::new(self.endpoint(s3::METADATA_ENDPOINT)?.as_deref());
        let http = connector.connect(&self.client).map_err(|error| self.failed(&error, &origin))?;
        let region = if s3::lacks_region(properties) {
            let asked = region::of_bucket(&http, region::AMAZON, bucket, self.limits.n_retries_max).await;
            Some(asked.map_err(|error| error.into_error(self.wanted.shown))?)
        } else {
            None
        };
        let region = region.as_deref();
        let mut builder = s3::builder(bucket, region, properties, self.client.clone())?
            .with_retry(self.retry())
            .with_http_connector(connector.clone());
        if let Some(provider) = self.plan.provider(s3::keys)? {
            builder = builder.with_credentials(Arc::new(provider));
        } else if let Some(role) = s3::role(properties, region)? {
            let without_role = builder.clone().build().map_err(|error| self.failed(&error, &origin))?;
            let is_plain = role.endpoint.as_ref().is_some_and(|url| url.starts_with("http:"));
            let client = self.client.clone().with_allow_http(is_plain);
            builder = builder.with_credentials(Arc::new(AssumeRole {
                role,
                base: Arc::clone(without_role.credentials()),
                client: connector.connect(&client).map_err(|error| self.failed(&error, &origin))?,
                clock: clock::now_ms,
                current: Mutex::default(),
            }));
        }
        let store = builder.build().map_err(|error| self.failed(&error, &origin))?;
        Ok((Arc::new(store), origin))
    }

    fn gcs(self) -> Result<(Arc<dyn ObjectStore>, Origin)> {
        let properties = &self.plan.properties;
        let origin = self.origin(self.endpoint(gcs::ENDPOINT)?, gcs::is_anonymous(properties)?);
        let mut builder = gcs::builder(self.wanted.authority, properties, self.client.clone())?
            .with_retry(self.retry())
            .with_http_connector(Connector::default());
        if let Some(provider) = self.plan.provider(gcs::token)? {
            builder = builder.with_credentials(Arc::new(provider));
        }
        let store = builder.build().map_err(|error| self.failed(&error, &origin))?;
        Ok((Arc::new(store), origin))
    }

    fn azure(self) -> Result<(Arc<dyn ObjectStore>, Origin)> {
        let properties = &self.plan.properties;
        let target = azure::target(self.wanted.authority, properties)?;
        let origin = self.origin(Some(target.endpoint.url.clone()), azure::is_anonymous(properties)?);
        let mut builder = azure::builder(&target, properties, self.client.clone())?
            .with_retry(self.retry())
            .with_http_connector(Connector::new(self.endpoint(azure::METADATA_ENDPOINT)?.as_deref()));
        let account = target.account.clone();
        if let Some(provider) = self.plan.provider(move |properties| azure::credential(&account, properties))? {
            builder = builder.with_credentials(Arc::new(provider));
        }
        let store = builder.build().map_err(|error| self.failed(&error, &origin))?;
        Ok((Arc::new(store), origin))
    }

    #[cfg(feature = "hdfs")]
    fn hdfs(self) -> Result<(Arc<dyn ObjectStore>, Origin)> {
        let authority = self.wanted.authority;
        let endpoint = (!authority.is_empty()).then(|| authority.to_owned());
        Ok((super::hdfs::store(authority, &self.plan.properties)?, self.origin(endpoint, false)))
    }

    #[cfg(not(feature = "hdfs"))]
    fn hdfs(self) -> Result<(Arc<dyn ObjectStore>, Origin)> {
        let detail =
            "this program was built without HDFS; build it with `--features hdfs`, or read a copy with a path map";
        Err(TableError::unsupported(self.wanted.shown, detail))
    }

    fn retry(&self) -> RetryConfig {
        match self.wanted.attempts {
            Attempts::Limited => self.limits.retry(),
            Attempts::Once => RetryConfig { max_retries: 0, ..self.limits.retry() },
        }
    }

    fn endpoint(&self, names: &[&str]) -> Result<Option<String>> {
        Ok(self.plan.properties.endpoint(names)?.map(|endpoint| endpoint.url))
    }

    fn origin(&self, endpoint: Option<String>, is_anonymous: bool) -> Origin {
        Origin { kind: self.wanted.kind, authority: self.wanted.authority.to_owned(), endpoint, is_anonymous }
    }

    fn failed(&self, error: &object_store::Error, origin: &Origin) -> TableError {
        Failure::of(error).into_error(origin, self.wanted.shown)
    }
}

/// What one store is made of.
struct Plan {
    properties: Properties,
    /// Where credentials come from, and for which prefix.
    vended: Option<(Arc<Vended>, String)>,
}

impl Plan {
    /// What gives the store vended credentials. `None` if none are vended that `convert` can use.
    fn provider<C>(
        &self,
        convert: impl Fn(&Properties) -> Result<Option<C>> + Send + Sync + 'static,
    ) -> Result<Option<VendedProvider<C>>> {
        let Some((vended, prefix)) = &self.vended else { return Ok(None) };
        if convert(&self.properties)?.is_none() {
            return Ok(None);
        }
        Ok(Some(VendedProvider {
            vended: Arc::clone(vended),
            prefix: prefix.clone(),
            properties: self.properties.clone(),
            convert: Box::new(convert),
            last: Mutex::default(),
        }))
    }

    fn renewing(self, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        match self.vended {
            Some((vended, _)) => Arc::new(Renewing { inner: store, vended }),
            None => store,
        }
    }
}

fn with_certificates(mut client: ClientOptions, properties: &Properties) -> Result<ClientOptions> {
    let Some(path) = properties.text(CA_BUNDLE) else { return Ok(client) };
    let pem = std::fs::read(path)
        .map_err(|error| properties.wrong(CA_BUNDLE, &format!("names `{path}`, which cannot be read: {error}")))?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(properties.wrong(CA_BUNDLE, &format!("names `{path}`, which holds no certificate in PEM form")));
    }
    for certificate in certificates {
        client = client.with_root_certificate(certificate);
    }
    Ok(client)
}
