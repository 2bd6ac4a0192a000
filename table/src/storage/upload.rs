//! Files written piece by piece.
//!
//! A file shows under its name once it is whole: small ones are sent with one request, larger ones as a multipart
//! upload, which the local file system keeps under another name until the end.

use std::fmt;

use async_recursion::async_recursion as boxed;
use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::task::JoinSet;

use super::Storage;
use super::object::Place;
use crate::{Result, TableError};

/// Size of a part. Stores take ten thousand of them, so that files may have 160 GB.
const PART_BYTES: usize = 16 << 20;

/// Parts that are under way at a time.
const N_PARALLEL: usize = 3;

/// A file that is being written: at most four parts of it are in memory. Dropped, it leaves nothing behind.
pub struct Upload {
    place: Place,
    storage: Storage,
    buffer: BytesMut,
    /// What was begun at the store; none before the first part is full.
    parts: Option<Parts>,
    n_bytes: u64,
}

struct Parts {
    upload: Option<Box<dyn MultipartUpload>>,
    tasks: JoinSet<object_store::Result<()>>,
}

impl Storage {
    /// Begins a file. It shows under `path` when [`Upload::finish`] has returned, over one that may be there.
    ///
    /// # Errors
    /// As [`Storage::write`].
    #[boxed]
    pub async fn upload(&self, path: &str) -> Result<Upload> {
        let place = self.place(path).await?;
        Ok(Upload { place, storage: self.clone(), buffer: BytesMut::new(), parts: None, n_bytes: 0 })
    }
}

impl Upload {
    /// Appends bytes. Waits while too many parts are under way.
    ///
    /// # Errors
    /// As [`Storage::write`]. The file cannot be finished then; drop it.
    #[boxed]
    pub async fn put(&mut self, mut bytes: Bytes) -> Result<()> {
        self.n_bytes += bytes.len() as u64;
        while self.buffer.len().saturating_add(bytes.len()) >= PART_BYTES {
            let part = bytes.split_to(PART_BYTES.saturating_sub(self.buffer.len()));
            let part = if self.buffer.is_empty() {
                part
            } else {
                self.buffer.extend_from_slice(&part);
                self.buffer.split().freeze()
            };
            self.send(part).await?;
        }
        self.buffer.extend_from_slice(&bytes);
        Ok(())
    }

    async fn send(&mut self, part: Bytes) -> Result<()> {
        if self.parts.is_none() {
            self.storage.stores.counters.add_request();
            let upload = self.place.store.put_multipart(&self.place.key).await;
            let upload = Some(upload.map_err(|error| self.place.error(error))?);
            self.parts = Some(Parts { upload, tasks: JoinSet::new() });
        }
        let Some(parts) = &mut self.parts else { return Err(TableError::internal("an upload was not begun")) };
        while parts.tasks.len() >= N_PARALLEL {
            parts.join_one().await.map_err(|error| self.place.error(error))?;
        }
        let upload = parts.upload.as_mut().ok_or_else(|| TableError::internal("an upload was ended before"))?;
        self.storage.stores.counters.add_request();
        parts.tasks.spawn(upload.put_part(PutPayload::from(part)));
        Ok(())
    }

    /// Completes the file; returns its size.
    ///
    /// # Errors
    /// As [`Storage::write`].
    #[boxed]
    pub async fn finish(mut self) -> Result<u64> {
        let rest = self.buffer.split().freeze();
        if self.parts.is_none() {
            self.storage.stores.counters.add_request();
            self.place.store.put(&self.place.key, rest.into()).await.map_err(|error| self.place.error(error))?;
            return Ok(self.n_bytes);
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        if let Some(parts) = &mut self.parts {
            while !parts.tasks.is_empty() {
                parts.join_one().await.map_err(|error| self.place.error(error))?;
            }
            let upload = parts.upload.as_mut().ok_or_else(|| TableError::internal("an upload was ended before"))?;
            self.storage.stores.counters.add_request();
            upload.complete().await.map_err(|error| self.place.error(error))?;
            parts.upload = None;
        }
        Ok(self.n_bytes)
    }
}

impl Parts {
    async fn join_one(&mut self) -> object_store::Result<()> {
        match self.tasks.join_next().await {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(source)) => Err(object_store::Error::JoinError { source }),
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.tasks.abort_all();
        // Stores keep the parts of an upload, and charge for them, until they are told. The local file system tidies
        // up by itself; without a runtime, nobody is left to tell.
        if let Some(mut upload) = self.upload.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(%error, "an unfinished upload could not be taken back");
                }
            });
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("path", &self.place.shown)
            .field("n_bytes", &self.n_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use async_trait::async_trait;
    use object_store::{PutResult, UploadPart};
    use tokio::sync::oneshot;

    use super::*;

    fn content(n_bytes: usize) -> Bytes {
        (0..n_bytes).map(|index| u8::try_from(index % 251).unwrap()).collect::<Vec<_>>().into()
    }

    #[tokio::test]
    async fn a_file_of_many_pieces_shows_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::local();
        for (name, n_bytes) in [("small", 1000), ("large", 2 * PART_BYTES + 77), ("even", PART_BYTES)] {
            let path = folder.path().join(name).to_str().unwrap().to_owned();
            let content = content(n_bytes);
            let mut upload = storage.upload(&path).await.unwrap();
            for piece in content.chunks(5_000_001) {
                upload.put(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            assert!(!storage.exists(&path).await.unwrap());
            assert_eq!(upload.finish().await.unwrap(), n_bytes as u64);
            assert_eq!(storage.read(&path).await.unwrap(), content);
        }
    }

    /// An upload whose parts fail, and that says when it is taken back.
    #[derive(Debug)]
    struct Failing {
        aborted: Option<oneshot::Sender<()>>,
    }

    #[async_trait]
    impl MultipartUpload for Failing {
        fn put_part(&mut self, _: PutPayload) -> UploadPart {
            Box::pin(async { Err(failure()) })
        }

        async fn complete(&mut self) -> object_store::Result<PutResult> {
            Err(failure())
        }

        async fn abort(&mut self) -> object_store::Result<()> {
            self.aborted.take().unwrap().send(()).unwrap();
            Ok(())
        }
    }

    fn failure() -> object_store::Error {
        object_store::Error::Generic { store: "test", source: "no answer".into() }
    }

    async fn failing() -> (Upload, oneshot::Receiver<()>) {
        let (aborted, told) = oneshot::channel();
        let mut upload = Storage::local().upload("memory://table/file").await.unwrap();
        let failing: Box<dyn MultipartUpload> = Box::new(Failing { aborted: Some(aborted) });
        upload.parts = Some(Parts { upload: Some(failing), tasks: JoinSet::new() });
        (upload, told)
    }

    #[tokio::test]
    async fn a_dropped_file_is_taken_back_at_the_store() {
        let (mut upload, told) = failing().await;
        upload.put(content(PART_BYTES + 1)).await.unwrap();
        drop(upload);
        told.await.unwrap();
    }

    #[tokio::test]
    async fn a_file_whose_part_failed_is_not_finished() {
        let (mut upload, told) = failing().await;
        upload.put(content(PART_BYTES)).await.unwrap();
        let error = upload.finish().await.unwrap_err();
        assert!(matches!(error, TableError::Storage { .. }), "{error}");
        told.await.unwrap();
    }
}
