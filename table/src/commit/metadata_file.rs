//! Metadata files that commits write: how they are named, and what is in them.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value};

use crate::storage::Storage;
use crate::{Result, TableError, metadata, on_pool};

/// Property with the folder of metadata files, where it is another than `metadata` in the table's.
const FOLDER_PROPERTY: &str = "write.metadata.path";
/// Property with the compression of metadata files: `none` or `gzip`.
const CODEC_PROPERTY: &str = "write.metadata.compression-codec";

const ENDING: &str = ".metadata.json";
const GZIP_ENDING: &str = ".gz.metadata.json";
/// All endings that readers know; the last is what early releases wrote.
const ENDINGS: [&str; 3] = [GZIP_ENDING, ".metadata.json.gz", ENDING];

/// A metadata file that is about to be written.
#[derive(Debug)]
pub(crate) struct MetadataFile {
    /// Where it will be.
    pub(crate) location: String,
    bytes: Bytes,
}

impl MetadataFile {
    /// The file for `document`, to be at `location`, whose name says whether it is compressed. Documents that this
    /// crate could not read again are not written.
    ///
    /// # Errors
    /// What reading the file would give.
    pub(crate) async fn of(document: Map<String, Value>, location: String) -> Result<Self> {
        let (bytes, location) = on_pool(move || encode(&document, &location).map(|bytes| (bytes, location))).await??;
        Ok(Self { location, bytes })
    }

    /// Its content.
    pub(crate) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Writes it. Its name is its own, so that it may be tried more than once.
    pub(crate) async fn write(&self, storage: &Storage) -> Result<()> {
        storage.write(&self.location, self.bytes.clone()).await
    }

    /// Deletes it again. Only for a file that no catalog points to and none ever will: the commit was definitely
    /// refused. That it stays behind is no failure; whoever looks for orphans will find it.
    pub(crate) async fn discard(self, storage: &Storage) {
        if let Err(error) = storage.delete(&self.location).await {
            tracing::debug!(location = %self.location, %error, "metadata file of a refused commit stays behind");
        }
    }
}

fn encode(document: &Map<String, Value>, location: &str) -> Result<Bytes> {
    let unwritable =
        |error: &dyn std::fmt::Display| TableError::internal(format!("metadata for `{location}`: {error}"));
    let json = serde_json::to_vec(document).map_err(|error| unwritable(&error))?;
    metadata::parse_metadata(&json, location)?;
    if !location.ends_with(GZIP_ENDING) {
        return Ok(json.into());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(&json).and_then(|()| encoder.finish());
    Ok(written.map_err(|error| unwritable(&error))?.into())
}

/// Where the next metadata file of a table goes whose catalog keeps the pointer: `NNNNN-<uuid>.metadata.json`, one
/// number above that of `base`. `document` is the new one. Source: Iceberg, `BaseMetastoreTableOperations`.
pub(crate) fn next_location(base: &str, document: &Map<String, Value>, id: uuid::Uuid) -> Result<String> {
    let number = number_of(base).map_or(0, |number| number.saturating_add(1));
    let folder = match property(document, FOLDER_PROPERTY) {
        Some(folder) => folder.trim_end_matches('/').to_owned(),
        None => {
            let location = document.get("location").and_then(Value::as_str).filter(|location| !location.is_empty());
            let location = location.ok_or_else(|| TableError::corrupt(base, "the metadata has no `location`"))?;
            format!("{}/metadata", location.trim_end_matches('/'))
        }
    };
    Ok(format!("{folder}/{number:05}-{id}{}", ending(document)))
}

/// Where the next metadata file of a table without a catalog goes: beside `base`, which holds `document`; `None` if
/// `base` is no `vN.metadata.json`. Everyone who commits to `base` must name the same file, so that one of them wins:
/// it is compressed if `base` asks for it, whatever the commit changes.
pub(crate) fn next_version(base: &str, document: &Map<String, Value>) -> Option<(String, u64)> {
    let (folder, _) = base.rsplit_once('/')?;
    let next = version_of(base)?.checked_add(1)?;
    Some((format!("{folder}/v{next}{}", ending(document)), next))
}

/// N of `vN.metadata.json`; `None` for other names.
pub(crate) fn version_of(location: &str) -> Option<u64> {
    stem(location)?.strip_prefix('v').and_then(digits)
}

fn number_of(location: &str) -> Option<u64> {
    let stem = stem(location)?;
    stem.split_once('-').and_then(|(number, _)| digits(number)).or_else(|| version_of(location))
}

fn stem(location: &str) -> Option<&str> {
    let name = location.rsplit('/').next().unwrap_or(location);
    ENDINGS.iter().find_map(|ending| name.strip_suffix(ending))
}

fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn ending(document: &Map<String, Value>) -> &'static str {
    let is_gzip = property(document, CODEC_PROPERTY).is_some_and(|codec| codec.eq_ignore_ascii_case("gzip"));
    if is_gzip { GZIP_ENDING } else { ENDING }
}

fn property<'a>(document: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let value = document.get("properties")?.get(name)?.as_str()?.trim();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn document(properties: &Value) -> Map<String, Value> {
        json!({"location": "s3://b/t/", "properties": properties}).as_object().unwrap().clone()
    }

    #[rstest]
    #[case("s3://b/t/metadata/00007-x.metadata.json", json!({}), "s3://b/t/metadata/00008-ID.metadata.json")]
    #[case("s3://b/t/metadata/99999-x.metadata.json", json!({}), "s3://b/t/metadata/100000-ID.metadata.json")]
    #[case("s3://b/t/metadata/00007-x.gz.metadata.json", json!({}), "s3://b/t/metadata/00008-ID.metadata.json")]
    #[case("s3://b/t/metadata/v12.metadata.json", json!({}), "s3://b/t/metadata/00013-ID.metadata.json")]
    #[case("s3://b/t/metadata/first.metadata.json", json!({}), "s3://b/t/metadata/00000-ID.metadata.json")]
    #[case(
        "s3://b/t/metadata/00007-x.metadata.json",
        json!({"write.metadata.compression-codec": "GZIP", "write.metadata.path": "s3://c/m/"}),
        "s3://c/m/00008-ID.gz.metadata.json"
    )]
    fn a_file_is_named_after_the_one_before_it(#[case] base: &str, #[case] properties: Value, #[case] expected: &str) {
        let id = uuid::Uuid::from_u128(7);
        let location = next_location(base, &document(&properties), id).unwrap();
        assert_eq!(location, expected.replace("ID", &id.to_string()));
    }

    #[rstest]
    #[case("/t/metadata/v9.metadata.json", Some(("/t/metadata/v10.metadata.json", 10)))]
    #[case("/t/metadata/v9.gz.metadata.json", Some(("/t/metadata/v10.metadata.json", 10)))]
    #[case("/t/metadata/v9.metadata.json.gz", Some(("/t/metadata/v10.metadata.json", 10)))]
    #[case("/t/metadata/00009-x.metadata.json", None)]
    #[case("/t/metadata/v+9.metadata.json", None)]
    #[case("/t/metadata/v.metadata.json", None)]
    #[case("/t/metadata/v18446744073709551615.metadata.json", None)]
    fn versions_count_up(#[case] base: &str, #[case] expected: Option<(&str, u64)>) {
        let next = next_version(base, &document(&json!({})));
        assert_eq!(next.as_ref().map(|(location, version)| (location.as_str(), *version)), expected);
    }

    #[test]
    fn a_table_that_asks_for_it_has_compressed_versions() {
        let next = next_version(
            "/t/metadata/v1.metadata.json",
            &document(&json!({"write.metadata.compression-codec": "gzip"})),
        );
        assert_eq!(next.unwrap().0, "/t/metadata/v2.gz.metadata.json");
    }

    #[tokio::test]
    async fn what_cannot_be_read_again_is_not_written() {
        let error = MetadataFile::of(document(&json!({})), "/t/metadata/v1.metadata.json".to_owned()).await;
        assert!(error.unwrap_err().to_string().contains("format-version"));
    }

    #[tokio::test]
    async fn compressed_files_are_gzip() {
        let document = json!({"format-version": 2, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
            "location": "/t", "last-sequence-number": 0, "last-updated-ms": 1_i64, "last-column-id": 1,
            "current-schema-id": 0, "schemas": [{"type": "struct", "schema-id": 0,
                "fields": [{"id": 1, "name": "id", "required": true, "type": "long"}]}],
            "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}], "last-partition-id": 999,
            "default-sort-order-id": 0, "sort-orders": [{"order-id": 0, "fields": []}]});
        let file = MetadataFile::of(document.as_object().unwrap().clone(), "/m/00000-x.gz.metadata.json".to_owned());
        let bytes = file.await.unwrap().bytes();
        assert!(bytes.starts_with(&[0x1f, 0x8b]));
        crate::parse_metadata(&bytes, "/m/00000-x.gz.metadata.json").unwrap();
    }
}
