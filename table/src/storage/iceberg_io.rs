//! The stores as the iceberg crate wants to see them: its `Storage` and `StorageFactory` over ours.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use iceberg::io::{
    FileIO, FileIOBuilder, FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage as IcebergStorage,
    StorageConfig, StorageFactory,
};
use iceberg::{Error, ErrorKind, Result};
use object_store::buffered::BufWriter;
use tokio::io::AsyncWrite;

use super::Storage;
use crate::TableError;

pub(super) fn file_io(storage: Storage) -> FileIO {
    FileIOBuilder::new(Arc::new(Handle(storage))).build()
}

/// Both the factory and the storage: there is nothing to configure between the two.
#[derive(Clone)]
struct Handle(Storage);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// The traits ask for serialization so that engines can send a store to other processes. These stores may live
// in this process's memory, so a copy elsewhere would be another store: both directions are refused.
impl serde::Serialize for Handle {
    fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a storage handle cannot leave its process"))
    }
}

impl<'de> serde::Deserialize<'de> for Handle {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        Err(serde::de::Error::custom("a storage handle cannot come from another process"))
    }
}

#[typetag::serde(name = "frazil")]
impl StorageFactory for Handle {
    fn build(&self, _config: &StorageConfig) -> Result<Arc<dyn IcebergStorage>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait::async_trait]
#[typetag::serde(name = "frazil")]
impl IcebergStorage for Handle {
    async fn exists(&self, path: &str) -> Result<bool> {
        self.0.exists(path).await.map_err(to_iceberg)
    }

    async fn metadata(&self, path: &str) -> Result<FileMetadata> {
        Ok(FileMetadata { size: self.0.size(path).await.map_err(to_iceberg)? })
    }

    async fn read(&self, path: &str) -> Result<Bytes> {
        self.0.read(path).await.map_err(to_iceberg)
    }

    async fn reader(&self, path: &str) -> Result<Box<dyn FileRead>> {
        Ok(Box::new(RangeReader { storage: self.0.clone(), path: path.to_owned() }))
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.0.write(path, bytes).await.map_err(to_iceberg)
    }

    async fn writer(&self, path: &str) -> Result<Box<dyn FileWrite>> {
        let place = self.0.place(path).await.map_err(to_iceberg)?;
        Ok(Box::new(Writer { inner: BufWriter::new(place.store, place.key), path: path.to_owned() }))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        Err(deleting_is_refused(path))
    }

    async fn delete_prefix(&self, path: &str) -> Result<()> {
        Err(deleting_is_refused(path))
    }

    async fn delete_stream(&self, _paths: BoxStream<'static, String>) -> Result<()> {
        Err(deleting_is_refused("*"))
    }

    fn new_input(&self, path: &str) -> Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_owned()))
    }

    fn new_output(&self, path: &str) -> Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_owned()))
    }
}

struct RangeReader {
    storage: Storage,
    path: String,
}

#[async_trait::async_trait]
impl FileRead for RangeReader {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let mut parts = self.storage.read_ranges(&self.path, &[range]).await.map_err(to_iceberg)?;
        parts.pop().ok_or_else(|| Error::new(ErrorKind::Unexpected, "a range came back without bytes"))
    }
}

struct Writer {
    inner: BufWriter,
    path: String,
}

#[async_trait::async_trait]
impl FileWrite for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.inner.put(bytes).await.map_err(|source| write_failed(&self.path, source))
    }

    async fn close(&mut self) -> Result<()> {
        let closed = std::future::poll_fn(|context| Pin::new(&mut self.inner).poll_shutdown(context)).await;
        closed.map_err(|source| write_failed(&self.path, source))
    }
}

fn write_failed(path: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    to_iceberg(TableError::Storage { path: path.to_owned(), source: source.into() })
}

fn to_iceberg(error: TableError) -> Error {
    let kind = match &error {
        TableError::FileMissing { .. } | TableError::Corrupt { .. } => ErrorKind::DataInvalid,
        TableError::Unsupported { .. } => ErrorKind::FeatureUnsupported,
        _ => ErrorKind::Unexpected,
    };
    Error::new(kind, error.to_string()).with_source(error)
}

/// Only the crate's own clean-up may delete from a table's location, and it does not come this way.
fn deleting_is_refused(path: &str) -> Error {
    Error::new(ErrorKind::FeatureUnsupported, format!("deleting is not offered here, path=`{path}`"))
}
