//! Stores that work with vended credentials: they take new ones before they end, and once more when the store
//! refuses.

use std::fmt;
use std::sync::Arc;

use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, CredentialProvider, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use tokio::sync::Mutex;

use super::credentials::{Batch, RenewCause, Vended};
use super::failure::{Failure, Verdict};
use super::properties::Properties;
use crate::{Result, TableError};

/// From properties to what a store signs with; `None` if they have none.
type Convert<C> = Box<dyn Fn(&Properties) -> Result<Option<C>> + Send + Sync>;

/// Turns vended properties into what a store signs with.
pub(super) struct VendedProvider<C> {
    pub(super) vended: Arc<Vended>,
    /// Which of the vended credentials is meant.
    pub(super) prefix: String,
    /// What the vended properties stand over.
    pub(super) properties: Properties,
    pub(super) convert: Convert<C>,
    pub(super) last: Mutex<Option<(Arc<Batch>, Arc<C>)>>,
}

impl<C> fmt::Debug for VendedProvider<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendedProvider").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl<C: Send + Sync> CredentialProvider for VendedProvider<C> {
    type Credential = C;

    async fn get_credential(&self) -> object_store::Result<Arc<C>> {
        let mut last = self.last.lock().await;
        let batch = self.vended.current().await.map_err(to_store)?;
        if let Some((_, credential)) = last.as_ref().filter(|(of, _)| Arc::ptr_eq(of, &batch)) {
            return Ok(Arc::clone(credential));
        }
        let vended = batch.for_prefix(&self.prefix).map(|vended| self.properties.with(&vended.properties));
        let credential = vended.map(|properties| (self.convert)(&properties)).transpose().map_err(to_store)?.flatten();
        let credential = Arc::new(credential.ok_or_else(|| {
            to_store(TableError::invalid(format!("the catalog no longer vends credentials for `{}`", self.prefix)))
        })?);
        *last = Some((batch, Arc::clone(&credential)));
        Ok(credential)
    }
}

fn to_store(error: TableError) -> object_store::Error {
    object_store::Error::Generic { store: "credentials", source: Box::new(error) }
}

/// A store whose refusals lead to new credentials, and one more try.
pub(super) struct Renewing {
    pub(super) inner: Arc<dyn ObjectStore>,
    pub(super) vended: Arc<Vended>,
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Display for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Renewing {
    async fn attempt<T, F>(&self, operation: impl Fn() -> F) -> object_store::Result<T>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let used = self.vended.current().await.map_err(to_store)?;
        let error = match operation().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let cause = match Failure::of(&error).verdict() {
            Verdict::Expired => RenewCause::Expired,
            Verdict::Refused => RenewCause::Denied,
            Verdict::Missing | Verdict::Unavailable | Verdict::Unclear => return Err(error),
        };
        match self.vended.renew(&used, cause).await.map_err(to_store)? {
            Some(_) => operation().await,
            None => Err(error),
        }
    }
}

#[async_trait::async_trait]
impl ObjectStore for Renewing {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.attempt(|| self.inner.put_opts(key, payload.clone(), options.clone())).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.attempt(|| self.inner.put_multipart_opts(key, options.clone())).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.attempt(|| self.inner.get_opts(key, options.clone())).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.attempt(|| self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.attempt(|| self.inner.copy_opts(from, to, options.clone())).await
    }
}
