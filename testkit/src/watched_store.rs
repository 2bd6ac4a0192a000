//! A store that asks a watcher before each request and tells it afterwards.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What is asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A file, or a part of one, or its size.
    Read,
    /// What is in a folder.
    List,
    /// A file is written over one that may be there.
    Write,
    /// A file is written where there is none.
    Create,
    /// A file is deleted.
    Delete,
}

impl Request {
    /// It changes something.
    pub fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Create)
    }
}

/// What is made of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It goes on to the store.
    Pass,
    /// It fails, and nothing has happened.
    Fail,
    /// A write puts half of its content under the file's name, and then fails; others fail.
    Tear,
}

/// Looks at requests. What it does not come back from does not happen.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// Before a request.
    fn before(&self, request: Request, key: &str) -> Decision;

    /// After a request that was answered.
    fn after(&self, _request: Request, _key: &str) {}
}

/// A store with a watcher before it. Files in several parts are not watched: metadata is written at once.
#[derive(Debug, Clone)]
pub struct WatchedStore {
    inner: Arc<dyn ObjectStore>,
    watcher: Arc<dyn Watcher>,
}

impl WatchedStore {
    /// Files of this machine.
    pub fn local(watcher: Arc<dyn Watcher>) -> Self {
        Self { inner: Arc::new(LocalFileSystem::new()), watcher }
    }

    /// An empty store.
    pub fn in_memory(watcher: Arc<dyn Watcher>) -> Self {
        Self { inner: Arc::new(InMemory::new()), watcher }
    }

    fn ask(&self, request: Request, key: &Path) -> Result<()> {
        match self.watcher.before(request, key.as_ref()) {
            Decision::Pass => Ok(()),
            Decision::Fail | Decision::Tear => Err(full()),
        }
    }

    fn told<T>(&self, request: Request, key: &Path, answer: Result<T>) -> Result<T> {
        self.watcher.after(request, key.as_ref());
        answer
    }
}

fn full() -> object_store::Error {
    let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
    object_store::Error::Generic { store: "watched", source: source.into() }
}

impl fmt::Display for WatchedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("watched")
    }
}

#[async_trait]
impl ObjectStore for WatchedStore {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let request = if options.mode == PutMode::Create { Request::Create } else { Request::Write };
        match self.watcher.before(request, key.as_ref()) {
            Decision::Pass => {
                let answer = self.inner.put_opts(key, payload, options).await;
                self.told(request, key, answer)
            }
            Decision::Fail => Err(full()),
            Decision::Tear => {
                let whole: Vec<u8> = payload.iter().flat_map(|bytes| bytes.iter().copied()).collect();
                let half = whole.get(..whole.len() / 2).unwrap_or_default().to_vec();
                self.inner.put_opts(key, half.into(), options).await?;
                Err(full())
            }
        }
    }

    async fn put_multipart_opts(&self, key: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, options).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        self.ask(Request::Read, key)?;
        let answer = self.inner.get_opts(key, options).await;
        self.told(Request::Read, key, answer)
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        keys.then(move |key| {
            let this = this.clone();
            async move {
                let key = key?;
                this.ask(Request::Delete, &key)?;
                let mut deleted = this.inner.delete_stream(stream::iter([Ok(key.clone())]).boxed());
                let answer = deleted.next().await.unwrap_or_else(|| Ok(key.clone()));
                this.told(Request::Delete, &key, answer)
            }
        })
        .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let asked = self.ask(Request::List, prefix.unwrap_or(&Path::default()));
        let listed = self.inner.list(prefix);
        async move { asked.map(|()| listed) }
            .into_stream()
            .flat_map(|listed| listed.unwrap_or_else(|error| stream::iter([Err(error)]).boxed()))
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.ask(Request::List, prefix.unwrap_or(&Path::default()))?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
