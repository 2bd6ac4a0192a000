//! A store that fails on demand.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No answer.
    Refuse,
    /// The answer begins, and its body ends with an error half-way. Requests without a body get no answer.
    BreakOff,
}

/// How a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFault {
    /// Nothing is written, and there is no answer.
    Lose,
    /// It is written, and the answer is lost.
    LoseAnswer,
    /// It is written over what is there, whatever the request says of that.
    IgnoreCondition,
    /// The store says that it cannot be told a condition.
    NoCondition,
}

/// A store in memory, of whose reading requests one can be made to fail, and of whose writes those of some keys.
#[derive(Debug)]
pub struct FaultyStore {
    inner: InMemory,
    /// Requests until the fault, and its kind.
    planned: Mutex<Option<(usize, Fault)>>,
    has_failed: AtomicBool,
    /// Writes of keys that contain this fail so.
    write_fault: Mutex<Option<(String, WriteFault)>>,
}

impl FaultyStore {
    /// An empty store without a fault.
    pub fn in_memory() -> Self {
        Self {
            inner: InMemory::new(),
            planned: Mutex::new(None),
            has_failed: AtomicBool::new(false),
            write_fault: Mutex::default(),
        }
    }

    /// The request after the next `n` fails, once. An earlier plan is dropped.
    pub fn fail_request(&self, n: usize, fault: Fault) {
        *self.planned.lock().unwrap_or_else(PoisonError::into_inner) = Some((n, fault));
    }

    /// Every write of a key that contains `part` fails so, until [`FaultyStore::heal_writes`].
    pub fn fail_writes(&self, part: &str, fault: WriteFault) {
        *self.write_fault.lock().unwrap_or_else(PoisonError::into_inner) = Some((part.to_owned(), fault));
    }

    /// Writes succeed again.
    pub fn heal_writes(&self) {
        self.write_fault.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn write_fault_of(&self, key: &Path) -> Option<WriteFault> {
        let planned = self.write_fault.lock().unwrap_or_else(PoisonError::into_inner);
        planned.as_ref().filter(|(part, _)| key.as_ref().contains(part)).map(|(_, fault)| *fault)
    }

    /// Whether a request has failed since this was last asked. What was planned and has not happened is dropped.
    pub fn take_failed(&self) -> bool {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.has_failed.swap(false, Ordering::Relaxed)
    }

    /// Removes an object, by its key.
    ///
    /// # Panics
    /// There is none.
    pub fn remove(&self, key: &str) {
        let key = Path::parse(key).unwrap();
        let deleted =
            futures::executor::block_on(self.inner.delete_stream(stream::iter([Ok(key)]).boxed()).collect::<Vec<_>>());
        deleted.into_iter().for_each(|deleted| drop(deleted.unwrap()));
    }

    /// Counts a request.
    fn next_fault(&self) -> Option<Fault> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let (n, fault) = (*planned)?;
        *planned = n.checked_sub(1).map(|n| (n, fault));
        if planned.is_some() {
            return None;
        }
        self.has_failed.store(true, Ordering::Relaxed);
        Some(fault)
    }
}

fn reset() -> object_store::Error {
    object_store::Error::Generic { store: "faulty", source: "connection reset".into() }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let is_conditional = options.mode != PutMode::Overwrite;
        match self.write_fault_of(key) {
            Some(WriteFault::Lose) => Err(reset()),
            Some(WriteFault::LoseAnswer) => {
                self.inner.put_opts(key, payload, options).await?;
                Err(reset())
            }
            Some(WriteFault::IgnoreCondition) => {
                self.inner.put_opts(key, payload, PutOptions { mode: PutMode::Overwrite, ..options }).await
            }
            Some(WriteFault::NoCondition) if is_conditional => Err(object_store::Error::NotImplemented {
                operation: "conditional writes".to_owned(),
                implementer: "faulty".to_owned(),
            }),
            Some(WriteFault::NoCondition) | None => self.inner.put_opts(key, payload, options).await,
        }
    }

    async fn put_multipart_opts(&self, key: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, options).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.next_fault();
        let has_body = !options.head;
        match fault {
            None => self.inner.get_opts(key, options).await,
            Some(Fault::BreakOff) if has_body => {
                let mut answer = self.inner.get_opts(key, options).await?;
                let (meta, range) = (answer.meta.clone(), answer.range.clone());
                let attributes = std::mem::take(&mut answer.attributes);
                let whole = answer.bytes().await?;
                let half = whole.slice(..whole.len() / 2);
                let body = stream::iter([Ok(half), Err(reset())]).boxed();
                Ok(GetResult { payload: GetResultPayload::Stream(body), meta, range, attributes })
            }
            Some(_) => Err(reset()),
        }
    }

    async fn get_ranges(&self, key: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.next_fault() {
            None => self.inner.get_ranges(key, ranges).await,
            Some(_) => Err(reset()),
        }
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.next_fault() {
            None => self.inner.list(prefix),
            Some(_) => stream::once(async { Err(reset()) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        match self.next_fault() {
            None => self.inner.list_with_delimiter(prefix).await,
            Some(_) => Err(reset()),
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
