//! Table metadata files: from bytes to a [`Table`].
//!
//! The metadata library reads strictly and says little about what it refuses. So the JSON is first brought
//! into the form that it accepts ([`repair`]: what the spec makes optional or older writers left out;
//! [`foreign`]: types it has no name for), and what it still refuses is looked for ([`diagnose`]).

mod diagnose;
mod foreign;
mod repair;

use std::borrow::Cow;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::read::MultiGzDecoder;
use iceberg::spec::{SnapshotReference, TableMetadata};
use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::foreign::ForeignFields;

use crate::storage::Storage;
use crate::table::Table;
use crate::{Result, TableError, on_pool};

/// Metadata may decompress to this many bytes at most: a small file must not exhaust memory.
const DECOMPRESSED_BYTES_MAX: u64 = 1 << 30;

/// First bytes of every gzip stream. Source: RFC 1952, 2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads the metadata file at `location`; `name` is the table's for messages.
pub(crate) async fn load(storage: &Storage, location: &str, name: &str) -> Result<Table> {
    load_unmapped(storage, storage, location, name).await
}

/// Reads the metadata file at `location` from `file_storage`, for a table whose other files are in `storage`:
/// a path that the user gave is taken as it is, those within metadata go through the path map.
pub(crate) async fn load_unmapped(
    file_storage: &Storage,
    storage: &Storage,
    location: &str,
    name: &str,
) -> Result<Table> {
    let bytes = file_storage.read(location).await?;
    let path = location.to_owned();
    let (metadata, foreign) = on_pool(move || parse_metadata(&bytes, &path)).await??;
    Table::new(name, metadata, location, storage.clone(), foreign)
}

/// As [`load_unmapped`], with the metadata as it is stored.
pub(crate) async fn load_document(
    file_storage: &Storage,
    storage: &Storage,
    location: &str,
    name: &str,
) -> Result<(Table, Map<String, Value>)> {
    let bytes = file_storage.read(location).await?;
    let path = location.to_owned();
    let parsed = on_pool(move || {
        guarded(&path, || {
            let document = object(value(&bytes, &path)?, &path)?;
            Ok((parse_json(Value::Object(document.clone()), &path)?, document))
        })
    });
    let ((metadata, foreign_types), document) = parsed.await??;
    Ok((Table::new(name, metadata, location, storage.clone(), foreign_types)?, document))
}

/// The table whose metadata is `json`, as a catalog sends it; `location` and `name` are as in [`load`].
pub(crate) async fn from_json(json: Value, location: &str, name: &str, storage: Storage) -> Result<Table> {
    let path = location.to_owned();
    let (metadata, foreign) = on_pool(move || guarded(&path, || parse_json(json, &path))).await??;
    Table::new(name, metadata, location, storage, foreign)
}

/// Reads a metadata file of any format version, plain or gzip whatever its name. `location` is for messages.
///
/// What the metadata library has no place for is returned beside it: columns of a type that it has no name for
/// (`unknown`, `variant`, `geometry(..)`, `geography(..)`) stand as `boolean`.
///
/// # Errors
/// [`TableError::Corrupt`] if the bytes are no table metadata or contradict themselves;
/// [`TableError::Unsupported`] for a later format version, encrypted tables, and what cannot be read without
/// a guess; [`TableError::MemoryLimit`] if it decompresses to more than a gigabyte.
pub fn parse_metadata(bytes: &[u8], location: &str) -> Result<(TableMetadata, ForeignFields)> {
    guarded(location, || parse(bytes, location))
}

/// The library means to return errors, but counts on invariants that a corrupt file may break.
fn guarded<T>(location: &str, parse: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|_| {
        Err(TableError::corrupt(location, "the metadata contradicts itself in a way that is not known"))
    })
}

fn parse(bytes: &[u8], location: &str) -> Result<(TableMetadata, ForeignFields)> {
    parse_json(value(bytes, location)?, location)
}

fn value(bytes: &[u8], location: &str) -> Result<Value> {
    let json = decompress(bytes, location)?;
    // The parser's limit of 128 nested values holds for all that follows: nothing recurses deeper.
    serde_json::from_slice(&json)
        .map_err(|error| TableError::corrupt(location, format!("the metadata is no valid JSON: {error}")))
}

fn object(value: Value, location: &str) -> Result<Map<String, Value>> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(TableError::corrupt(location, "the metadata is no JSON object")),
    }
}

fn parse_json(value: Value, location: &str) -> Result<(TableMetadata, ForeignFields)> {
    let mut root = object(value, location)?;
    let version = format_version(&root, location)?;
    repair::repair(&mut root, version).map_err(|refused| refused.at(location))?;
    let foreign = foreign::take(&mut root).map_err(|refused| refused.at(location))?;
    let root = Value::Object(root);
    let metadata = TableMetadata::deserialize(&root)
        .map_err(|error| TableError::corrupt(location, diagnose::explain(&root, version, &error.to_string())))?;
    let metadata = if version == 1 { with_refs(metadata, &root, location)? } else { metadata };
    let foreign = foreign.resolve(&metadata).map_err(|refused| refused.at(location))?;
    Ok((metadata, foreign))
}

/// What of the metadata is not supported; the file is added by [`Refused::at`].
#[derive(Debug)]
struct Refused(String);

impl Refused {
    fn at(self, location: &str) -> TableError {
        TableError::unsupported(location, self.0)
    }
}

fn decompress<'a>(bytes: &'a [u8], location: &str) -> Result<Cow<'a, [u8]>> {
    if !bytes.starts_with(&GZIP_MAGIC) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut json = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(DECOMPRESSED_BYTES_MAX + 1)
        .read_to_end(&mut json)
        .map_err(|error| TableError::corrupt(location, format!("the gzip stream is broken: {error}")))?;
    if json.len() as u64 > DECOMPRESSED_BYTES_MAX {
        return Err(TableError::MemoryLimit {
            needed_bytes: json.len() as u64,
            limit_bytes: DECOMPRESSED_BYTES_MAX,
            detail: format!("decompressing the metadata file `{location}`, which holds even more"),
        });
    }
    Ok(Cow::Owned(json))
}

fn format_version(root: &Map<String, Value>, location: &str) -> Result<u64> {
    if root.contains_key("view-uuid") || root.contains_key("current-version-id") {
        return Err(TableError::unsupported(location, "this is the metadata of a view; name a table"));
    }
    match root.get("format-version").map(Value::as_u64) {
        Some(Some(version @ 1..=3)) => Ok(version),
        Some(Some(version @ 4..)) => Err(TableError::unsupported(
            location,
            format!("the table has format version {version}; versions 1 to 3 can be read"),
        )),
        Some(_) => Err(TableError::corrupt(location, "`format-version` is no positive integer")),
        None => Err(TableError::corrupt(location, "there is no `format-version`, so this is no table metadata")),
    }
}

/// The library drops branches and tags of version 1 tables; the spec allows them there too.
fn with_refs(metadata: TableMetadata, root: &Value, location: &str) -> Result<TableMetadata> {
    let Some(Value::Object(refs)) = root.get("refs") else { return Ok(metadata) };
    let others: Vec<_> = refs.iter().filter(|(name, _)| *name != crate::MAIN_BRANCH).collect();
    if others.is_empty() {
        return Ok(metadata);
    }
    let mut builder = metadata.into_builder(None);
    for (name, value) in others {
        let reference = SnapshotReference::deserialize(value)
            .map_err(|error| TableError::corrupt(location, format!("ref `{name}`: {error}")))?;
        builder = builder.set_ref(name, reference).map_err(|error| TableError::corrupt(location, error.message()))?;
    }
    let built = builder.build().map_err(|error| TableError::corrupt(location, error.message()))?;
    Ok(built.metadata)
}

#[cfg(test)]
mod tests;
