//! Tables on the local disk, made once and kept: `target/bench-data-…`, unless another folder is given.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema, SchemaRef};
use iceberg::spec::{DataContentType, DataFile, DataFileBuilder, DataFileFormat, Datum};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use crate::events::{self, DeletedKeys, ID_FIELD, KeyColumn, with_id};
use crate::table::{ManifestMerging, TableWriter};

/// Changes with the contents of the tables, so that old ones are made anew.
const VERSION: u32 = 2;

/// Rows written at once.
const BATCH_ROWS: usize = 65_536;

/// Rows of each commit of a table that is about its history.
const SMALL_COMMIT_ROWS: i64 = 100;

/// Field ids of a position delete file. Source: Iceberg spec, "Reserved Field IDs".
const FILE_PATH_FIELD: i32 = 2_147_483_546;
const POSITION_FIELD: i32 = 2_147_483_545;

/// Columns with few values.
const DICTIONARY_COLUMNS: [&str; 3] = ["category", "qty", "file_path"];

/// Where tables are kept.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

impl Default for DataFolder {
    fn default() -> Self {
        Self(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")))
    }
}

impl DataFolder {
    /// This folder.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// A folder below it that is complete: made by `make` unless it is there.
    pub(crate) fn folder(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        fs::create_dir_all(&self.0)?;
        let folder = fs::canonicalize(&self.0)?.join(name);
        // Paths in metadata are absolute: a folder that was moved is as useless as half of one.
        let mark = folder.join("complete");
        let wanted = format!("{VERSION} {}", folder.display());
        if fs::read_to_string(&mark).is_ok_and(|text| text == wanted) {
            return Ok(folder);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        make(&folder).with_context(|| format!("while making {}", folder.display()))?;
        fs::write(mark, wanted)?;
        Ok(folder)
    }
}

/// The table of events: its data files, and tables that add deletes to them.
#[derive(Debug, Clone)]
pub struct Events {
    home: DataFolder,
    name: String,
    /// Rows.
    pub n_rows: i64,
    n_snapshots: usize,
    files: Vec<WrittenFile>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct WrittenFile {
    path: String,
    n_bytes: u64,
    first_id: i64,
    n_rows: i64,
}

/// Which data files one position delete file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteScope {
    /// One: a delete file for each data file.
    File,
    /// All: one delete file.
    Partition,
}

impl Events {
    /// Makes the data files, as many in each snapshot.
    ///
    /// # Errors
    /// A file could not be written.
    pub fn new(home: DataFolder, n_rows: i64, n_snapshots: usize, n_files: usize) -> Result<Self> {
        let name = format!("bench-data-events-{n_rows}-{n_snapshots}-{n_files}");
        let folder = home.folder(&name, |folder| {
            let n_all = i64::try_from(n_snapshots * n_files)?;
            let files: Vec<WrittenFile> = (0..n_all)
                .map(|index| {
                    let ids = n_rows * index / n_all..n_rows * (index + 1) / n_all;
                    write_events(&folder.join(format!("{index:05}-0-events.parquet")), ids)
                })
                .collect::<Result<_>>()?;
            Ok(fs::write(folder.join("files.json"), serde_json::to_vec(&files)?)?)
        })?;
        let files = serde_json::from_slice(&fs::read(folder.join("files.json"))?)?;
        Ok(Self { home, name, n_rows, n_snapshots, files })
    }

    /// Path of the metadata file of the table without deletes.
    ///
    /// # Errors
    /// A file could not be written.
    pub fn appended(&self) -> Result<String> {
        self.with_deletes("appended", |_| Ok(Vec::new()))
    }

    /// The same table with every row deleted by position for which [`events::is_deleted_by_position`] holds.
    ///
    /// # Errors
    /// A file could not be written.
    pub fn deleted_by_position(&self, scope: DeleteScope) -> Result<String> {
        self.with_deletes(&format!("position-{scope:?}").to_lowercase(), |folder| match scope {
            DeleteScope::File => self
                .files
                .iter()
                .enumerate()
                .map(|(index, file)| write_positions(&folder.join(format!("{index:05}-deletes.parquet")), &[file]))
                .collect(),
            DeleteScope::Partition => {
                Ok(vec![write_positions(&folder.join("deletes.parquet"), &self.files.iter().collect::<Vec<_>>())?])
            }
        })
    }

    /// Keys of a column for an equality delete file.
    pub fn keys(&self, column: KeyColumn, n_keys: i64) -> DeletedKeys {
        DeletedKeys::new(n_keys, column.n_keys(self.n_rows))
    }

    /// The same table with one equality delete file over a column, of that many keys.
    ///
    /// # Errors
    /// A file could not be written.
    pub fn deleted_by_key(&self, column: KeyColumn, n_keys: i64) -> Result<String> {
        let variant = match column {
            KeyColumn::Id => format!("equality-{n_keys}"),
            KeyColumn::User => format!("equality-user-{n_keys}"),
        };
        self.with_deletes(&variant, |folder| {
            Ok(vec![write_keys(&folder.join("deletes.parquet"), column, self.keys(column, n_keys))?])
        })
    }

    /// Rows that have one of the keys in a column.
    pub fn n_hits(&self, column: KeyColumn, keys: DeletedKeys) -> i64 {
        match column {
            KeyColumn::Id => keys.n_hits(),
            KeyColumn::User => {
                let users: HashSet<i64> = keys.hits().collect();
                (0..self.n_rows).map(|id| i64::from(users.contains(&events::user(id)))).sum()
            }
        }
    }

    /// Number of rows and sum of the ids that are live under position deletes.
    pub fn live_under_positions(&self) -> (u64, i64) {
        totals((0..self.n_rows).filter(|id| !events::is_deleted_by_position(*id)))
    }

    /// Number of rows and sum of the ids that are live under equality deletes.
    pub fn live_under_keys(&self, keys: DeletedKeys) -> (u64, i64) {
        let (n_all, sum_all) = self.all();
        let (n_gone, sum_gone) = totals(keys.hits());
        (n_all - n_gone, sum_all - sum_gone)
    }

    /// Number of rows and sum of the ids without deletes.
    pub fn all(&self) -> (u64, i64) {
        totals(0..self.n_rows)
    }

    fn with_deletes(&self, variant: &str, deletes: impl FnOnce(&Path) -> Result<Vec<DataFile>>) -> Result<String> {
        let folder = self.home.folder(&format!("{}/{variant}", self.name), |folder| {
            let mut table = TableWriter::new(folder, events::schema_json(), ManifestMerging::At(100))?;
            let deletes = deletes(folder)?;
            let metadata = block_on(async {
                for files in self.files.chunks(self.files.len().div_ceil(self.n_snapshots).max(1)) {
                    table.append(files.iter().map(data_file).collect::<Result<_>>()?).await?;
                }
                if !deletes.is_empty() {
                    table.delete(deletes).await?;
                }
                table.finish()
            })?;
            Ok(fs::write(folder.join("metadata-location"), metadata)?)
        })?;
        Ok(fs::read_to_string(folder.join("metadata-location"))?)
    }
}

/// A table of `n_snapshots` small appends; path of its metadata file.
///
/// # Errors
/// A file could not be written.
pub fn small_commits(home: &DataFolder, n_snapshots: usize, merging: ManifestMerging) -> Result<String> {
    let kind = match merging {
        ManifestMerging::Never => "unmerged".to_owned(),
        ManifestMerging::At(n) => format!("merged-{n}"),
    };
    let folder = home.folder(&format!("bench-data-commits-{n_snapshots}-{kind}"), |folder| {
        let mut table = TableWriter::new(folder, events::schema_json(), merging)?;
        let metadata = block_on(async {
            for commit in 0..i64::try_from(n_snapshots)? {
                let ids = commit * SMALL_COMMIT_ROWS..(commit + 1) * SMALL_COMMIT_ROWS;
                let file = write_events(&folder.join(format!("{commit:05}-0-events.parquet")), ids)?;
                table.append(vec![data_file(&file)?]).await?;
            }
            table.finish()
        })?;
        Ok(fs::write(folder.join("metadata-location"), metadata)?)
    })?;
    Ok(fs::read_to_string(folder.join("metadata-location"))?)
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?.block_on(work)
}

fn totals(ids: impl Iterator<Item = i64>) -> (u64, i64) {
    ids.fold((0, 0), |(n, sum), id| (n + 1, sum + id))
}

fn write(path: &Path, schema: SchemaRef, batches: impl Iterator<Item = Result<RecordBatch>>) -> Result<u64> {
    // As Iceberg's Java writers do it: zstd at its default level, and dictionaries only where they are smaller
    // than the values.
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_dictionary_enabled(false);
    for column in DICTIONARY_COLUMNS {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), true);
    }
    let mut writer = ArrowWriter::try_new(File::create(path)?, schema, Some(properties.build()))?;
    for batch in batches {
        writer.write(&batch?)?;
    }
    writer.close()?;
    Ok(fs::metadata(path)?.len())
}

fn write_events(path: &Path, ids: std::ops::Range<i64>) -> Result<WrittenFile> {
    let chunks = ids.clone().step_by(BATCH_ROWS).map(|first| {
        let end = ids.end.min(first + i64::try_from(BATCH_ROWS)?);
        events::batch(first..end)
    });
    let n_bytes = write(path, events::arrow_schema(), chunks)?;
    Ok(WrittenFile { path: text(path)?, n_bytes, first_id: ids.start, n_rows: ids.end - ids.start })
}

fn write_positions(path: &Path, files: &[&WrittenFile]) -> Result<DataFile> {
    let schema = Arc::new(Schema::new(vec![
        with_id("file_path", DataType::Utf8, false, FILE_PATH_FIELD),
        with_id("pos", DataType::Int64, false, POSITION_FIELD),
    ]));
    let mut n_rows = 0;
    let batches = files.iter().map(|file| {
        let positions = (0..file.n_rows).filter(|position| events::is_deleted_by_position(file.first_id + position));
        let positions: Int64Array = positions.map(Some).collect();
        n_rows += positions.len() as u64;
        let paths: ArrayRef = Arc::new(StringArray::from(vec![file.path.as_str(); positions.len()]));
        Ok(RecordBatch::try_new(schema.clone(), vec![paths, Arc::new(positions)])?)
    });
    let n_bytes = write(path, schema.clone(), batches)?;
    let (Some(first), Some(last)) = (files.first(), files.last()) else { anyhow::bail!("deletes of no file") };
    let mut file = described(path, DataContentType::PositionDeletes, n_rows, n_bytes)?;
    file.lower_bounds(HashMap::from([(FILE_PATH_FIELD, Datum::string(&first.path))]))
        .upper_bounds(HashMap::from([(FILE_PATH_FIELD, Datum::string(&last.path))]))
        .referenced_data_file((files.len() == 1).then(|| first.path.clone()));
    Ok(file.build()?)
}

fn write_keys(path: &Path, column: KeyColumn, deleted: DeletedKeys) -> Result<DataFile> {
    let id = column.field_id();
    let schema = Arc::new(Schema::new(vec![with_id(column.name(), DataType::Int64, false, id)]));
    let keys: Vec<i64> = deleted.keys().collect();
    let batches = keys.chunks(BATCH_ROWS).map(|keys| {
        let keys: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
        Ok(RecordBatch::try_new(schema.clone(), vec![keys])?)
    });
    let n_bytes = write(path, schema.clone(), batches)?;
    let bound = |key: Option<&i64>| key.map(|key| (id, Datum::long(*key))).into_iter().collect();
    let mut file = described(path, DataContentType::EqualityDeletes, keys.len() as u64, n_bytes)?;
    file.lower_bounds(bound(keys.iter().min())).upper_bounds(bound(keys.iter().max())).equality_ids(Some(vec![id]));
    Ok(file.build()?)
}

fn data_file(file: &WrittenFile) -> Result<DataFile> {
    let n_rows = u64::try_from(file.n_rows)?;
    let mut described = described(Path::new(&file.path), DataContentType::Data, n_rows, file.n_bytes)?;
    let fields = 1..=i32::try_from(events::arrow_schema().fields().len())?;
    Ok(described
        .value_counts(fields.clone().map(|id| (id, n_rows)).collect())
        .null_value_counts(HashMap::from([(ID_FIELD, 0)]))
        .lower_bounds(HashMap::from([(ID_FIELD, Datum::long(file.first_id))]))
        .upper_bounds(HashMap::from([(ID_FIELD, Datum::long(file.first_id + file.n_rows - 1))]))
        .build()?)
}

fn described(path: &Path, content: DataContentType, n_rows: u64, n_bytes: u64) -> Result<DataFileBuilder> {
    let mut file = DataFileBuilder::default();
    file.content(content)
        .file_path(text(path)?)
        .file_format(DataFileFormat::Parquet)
        .partition(iceberg::spec::Struct::empty())
        .partition_spec_id(0)
        .record_count(n_rows)
        .file_size_in_bytes(n_bytes);
    Ok(file)
}

fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().context("the folder's name is not UTF-8")?.to_owned())
}
