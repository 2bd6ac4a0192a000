//! How files are written: what the table's properties say, and what a caller changes of it.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};

use super::location::FileNames;
use super::metrics::MetricsConfig;
use super::paths::WrittenPaths;
use crate::ids::SpecId;
use crate::table::Table;
use crate::{Result, TableError};

const MIB: u64 = 1 << 20;

/// Files of one writer that are open at a time: each holds an unfinished row group.
const OPEN_PARTITIONS_MAX: usize = 64;

/// What the unfinished row groups of one writer may take together: two of the default size.
const OPEN_BYTES_MAX: u64 = 256 * MIB;

/// What the keys that one [`UpsertWriter`](super::UpsertWriter) remembers may take.
const TRACKED_KEY_BYTES_MAX: u64 = 512 * MIB;

/// How files of one write are laid out and named. Cheap to clone; clones never give two files one name.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    pub(super) data: FileSettings,
    pub(super) deletes: FileSettings,
    pub(super) metrics: Arc<MetricsConfig>,
    pub(super) names: Arc<FileNames>,
    pub(super) spec_id: SpecId,
    pub(super) sort_order_id: Option<i32>,
    pub(super) has_row_lineage: bool,
    pub(super) open_partitions_max: usize,
    pub(super) open_bytes_max: u64,
    pub(super) tracked_key_bytes_max: u64,
    pub(super) paths: Option<WrittenPaths>,
}

/// Layout of data files or of delete files.
#[derive(Debug, Clone)]
pub(super) struct FileSettings {
    pub(super) target_bytes: u64,
    pub(super) compression: Compression,
    pub(super) row_group_bytes: u64,
    pub(super) page_bytes: u64,
    pub(super) dictionary_bytes: u64,
    pub(super) page_rows: u64,
    /// Rate of false positives of each column that has a bloom filter, by the column's full name.
    pub(super) blooms: BTreeMap<String, f64>,
    pub(super) bloom_bytes_max: u64,
}

impl WriteOptions {
    /// What the properties of the table say, under its current partition spec. Properties that are not set have the
    /// values that Iceberg's documentation gives ("Configuration", "Write properties"). Delete files are Parquet, or
    /// Puffin, whatever `write.delete.format.default` says.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] names a property whose value cannot be used, or a file format other than
    /// Parquet; change it.
    pub fn of(table: &Table) -> Result<Self> {
        let properties = Properties(table.metadata().properties());
        let format = properties.get("write.format.default").unwrap_or("parquet");
        if !format.eq_ignore_ascii_case("parquet") {
            let detail =
                format!("property `write.format.default` is `{format}`, only `parquet` can be written; change it");
            return Err(TableError::invalid(detail));
        }
        let data_target = properties.number("write.target-file-size-bytes", 512 * MIB)?;
        let delete_target = properties.number("write.delete.target-file-size-bytes", 64 * MIB)?;
        Ok(Self {
            data: FileSettings::of(&properties, &["write.parquet."], data_target)?,
            deletes: FileSettings::of(&properties, &["write.delete.parquet.", "write.parquet."], delete_target)?,
            metrics: Arc::new(MetricsConfig::of(table)?),
            names: Arc::new(FileNames::of(table)),
            spec_id: SpecId::new(table.metadata().default_partition_spec_id()),
            sort_order_id: None,
            has_row_lineage: false,
            open_partitions_max: OPEN_PARTITIONS_MAX,
            open_bytes_max: OPEN_BYTES_MAX,
            tracked_key_bytes_max: TRACKED_KEY_BYTES_MAX,
            paths: None,
        })
    }

    /// Data files are closed once they have about this size, in bytes.
    #[must_use]
    pub fn target_file_size_bytes(mut self, target: u64) -> Self {
        self.data.target_bytes = target;
        self
    }

    /// Delete files are closed once they have about this size, in bytes.
    #[must_use]
    pub fn delete_target_file_size_bytes(mut self, target: u64) -> Self {
        self.deletes.target_bytes = target;
        self
    }

    /// Writes under this partition spec of the table, of any age.
    #[must_use]
    pub fn spec(mut self, spec_id: SpecId) -> Self {
        self.spec_id = spec_id;
        self
    }

    /// Says of data files that their rows are in this sort order of the table. The caller sorts them.
    #[must_use]
    pub fn sorted_by(mut self, sort_order_id: i32) -> Self {
        self.sort_order_id = Some(sort_order_id);
        self
    }

    /// Stores `_row_id` and `_last_updated_sequence_number` (v3) as columns of data files. Batches must have both, as
    /// [`Projection::with_lineage`](crate::scan::Projection::with_lineage) reads them: rows that are copied keep them.
    #[must_use]
    pub fn with_row_lineage(mut self) -> Self {
        self.has_row_lineage = true;
        self
    }

    /// Partitions written at a time: beyond that the largest file is closed, and its partition may get another one.
    /// At least one.
    #[must_use]
    pub fn open_partitions_max(mut self, n: usize) -> Self {
        self.open_partitions_max = n.max(1);
        self
    }

    /// Memory that unfinished row groups of one writer may take, in bytes. Beyond that the largest file is closed,
    /// but never the only one.
    #[must_use]
    pub fn open_bytes_max(mut self, n_bytes: u64) -> Self {
        self.open_bytes_max = n_bytes;
        self
    }

    /// Row groups of data files have at most this size, in bytes, whatever the table says: each is held in memory until
    /// it is whole.
    #[must_use]
    pub fn row_group_bytes_max(mut self, n_bytes: u64) -> Self {
        self.data.row_group_bytes = self.data.row_group_bytes.min(n_bytes).max(1);
        self
    }

    /// Size that row groups of data files are to have, in bytes.
    pub fn row_group_bytes(&self) -> u64 {
        self.data.row_group_bytes
    }

    /// Memory that the keys of one transaction may take, in bytes.
    #[must_use]
    pub fn tracked_key_bytes_max(mut self, n_bytes: u64) -> Self {
        self.tracked_key_bytes_max = n_bytes;
        self
    }

    /// Adds every file to `paths`, so that they can be deleted if not all of them are written.
    #[must_use]
    pub fn remember_paths(mut self, paths: &WrittenPaths) -> Self {
        self.paths = Some(paths.clone());
        self
    }

    /// Numbers in file names that say which part and attempt of a larger work wrote them. Zero without it.
    #[must_use]
    pub fn task(mut self, part: u32, task: u64) -> Self {
        self.names = Arc::new(self.names.with_task(part, task));
        self
    }
}

impl FileSettings {
    /// Properties with the first of `prefixes` go before those with the next one.
    fn of(properties: &Properties<'_>, prefixes: &[&str], target_bytes: u64) -> Result<Self> {
        let number = |name: &str, default: u64| {
            let names = prefixes.iter().map(|prefix| format!("{prefix}{name}"));
            for name in names {
                if properties.get(&name).is_some() {
                    return properties.number(&name, default);
                }
            }
            Ok(default)
        };
        let text = |name: &str| prefixes.iter().find_map(|prefix| properties.get(&format!("{prefix}{name}")));
        let mut blooms = BTreeMap::new();
        for prefix in prefixes.iter().rev() {
            let enabled = format!("{prefix}bloom-filter-enabled.column.");
            for (name, value) in properties.0 {
                let Some(column) = name.strip_prefix(&enabled) else { continue };
                if value.eq_ignore_ascii_case("true") {
                    let fpp = format!("{prefix}bloom-filter-fpp.column.{column}");
                    let rate = properties.parsed(&fpp, 0.01_f64)?;
                    if !(rate > 0.0 && rate < 1.0) {
                        return Err(refused(&fpp, &rate.to_string(), "a rate between 0 and 1"));
                    }
                    blooms.insert(column.to_owned(), rate);
                } else {
                    blooms.remove(column);
                }
            }
        }
        Ok(Self {
            target_bytes,
            compression: compression(text("compression-codec"), text("compression-level"))?,
            row_group_bytes: number("row-group-size-bytes", 128 * MIB)?,
            page_bytes: number("page-size-bytes", MIB)?,
            dictionary_bytes: number("dict-size-bytes", 2 * MIB)?,
            page_rows: number("page-row-limit", 20_000)?,
            blooms,
            bloom_bytes_max: number("bloom-filter-max-bytes", MIB)?,
        })
    }
}

struct Properties<'a>(&'a HashMap<String, String>);

impl Properties<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn parsed<T: FromStr>(&self, name: &str, default: T) -> Result<T> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.trim().parse().map_err(|_| refused(name, text, "a number"))
    }

    /// A number above zero.
    fn number(&self, name: &str, default: u64) -> Result<u64> {
        match self.parsed(name, default)? {
            0 => Err(refused(name, "0", "a number above 0")),
            value => Ok(value),
        }
    }
}

fn refused(name: &str, value: &str, expected: &str) -> TableError {
    TableError::invalid(format!("property `{name}` is `{value}`; it must be {expected}"))
}

fn compression(codec: Option<&str>, level: Option<&str>) -> Result<Compression> {
    let codec = codec.unwrap_or("zstd").to_ascii_lowercase();
    let invalid = || refused("write.parquet.compression-level", level.unwrap_or_default(), "a level of the codec");
    // `null` is how the Java library stores "none".
    let level = level.filter(|level| *level != "null");
    let level_or = |default: i32| level.map_or(Ok(default), |level| level.trim().parse::<i32>().map_err(|_| invalid()));
    let unsigned = |level: i32| u32::try_from(level).map_err(|_| invalid());
    Ok(match codec.as_str() {
        "zstd" => Compression::ZSTD(ZstdLevel::try_new(level_or(3)?).map_err(|_| invalid())?),
        "gzip" => Compression::GZIP(GzipLevel::try_new(unsigned(level_or(6)?)?).map_err(|_| invalid())?),
        "brotli" => Compression::BROTLI(BrotliLevel::try_new(unsigned(level_or(1)?)?).map_err(|_| invalid())?),
        "snappy" => Compression::SNAPPY,
        "lz4" => Compression::LZ4,
        "lz4_raw" => Compression::LZ4_RAW,
        "uncompressed" | "none" => Compression::UNCOMPRESSED,
        _ => {
            let expected = "zstd, gzip, snappy, brotli, lz4, lz4_raw or uncompressed";
            return Err(refused("write.parquet.compression-codec", &codec, expected));
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn codecs_and_levels_are_those_of_the_table() {
        assert_eq!(compression(None, None).unwrap(), Compression::ZSTD(ZstdLevel::try_new(3).unwrap()));
        assert_eq!(compression(Some("GZIP"), Some("9")).unwrap(), Compression::GZIP(GzipLevel::try_new(9).unwrap()));
        assert_eq!(compression(Some("snappy"), Some("null")).unwrap(), Compression::SNAPPY);
        let error = compression(Some("zstd"), Some("99")).unwrap_err();
        assert!(error.to_string().contains("it must be a level of the codec"), "{error}");
        let error = compression(Some("lzo"), None).unwrap_err();
        assert!(error.to_string().contains("`lzo`; it must be zstd"), "{error}");
    }

    #[test]
    fn delete_files_have_properties_of_their_own() {
        let properties = HashMap::from(
            [
                ("write.parquet.page-row-limit", "100"),
                ("write.delete.parquet.page-row-limit", "10"),
                ("write.parquet.dict-size-bytes", "7"),
                ("write.parquet.bloom-filter-enabled.column.a", "true"),
                ("write.parquet.bloom-filter-fpp.column.a", "0.5"),
                ("write.parquet.bloom-filter-enabled.column.b", "true"),
                ("write.delete.parquet.bloom-filter-enabled.column.b", "false"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let of = |prefixes: &[&str]| FileSettings::of(&Properties(&properties), prefixes, 1).unwrap();
        let data = of(&["write.parquet."]);
        let deletes = of(&["write.delete.parquet.", "write.parquet."]);
        assert_eq!((data.page_rows, data.dictionary_bytes), (100, 7));
        assert_eq!((deletes.page_rows, deletes.dictionary_bytes), (10, 7));
        assert_eq!(data.blooms, BTreeMap::from([("a".to_owned(), 0.5), ("b".to_owned(), 0.01)]));
        assert_eq!(deletes.blooms, BTreeMap::from([("a".to_owned(), 0.5)]));
    }
}
