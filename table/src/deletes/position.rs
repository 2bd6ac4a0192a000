//! Position delete files: pairs of a data file's path and a row position.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use iceberg::spec::{NestedField, PrimitiveType, Type};
use roaring::RoaringTreemap;

use super::index::FileDeletes;
use super::vector::read_deletion_vectors;
use crate::file::FileEntry;
use crate::metadata::ForeignFields;
use crate::scan::{FileReader, Projection, RowSelect};
use crate::storage::identity;
use crate::table::Table;
use crate::{Result, TableError};

/// Rows of a delete file read at once.
const BATCH_ROWS: usize = 8192;

/// The positions deleted in each data file by deletion vectors and position delete files, by
/// [`FileEntry::key`]. Files without such deletes have no entry. Each delete file is read once.
///
/// # Errors
/// As for [`FileReader::open`] on a delete file; [`TableError::Corrupt`] if a deleted position lies beyond
/// the data file's last row.
pub async fn position_deletes<'a>(
    table: &Table,
    files: impl IntoIterator<Item = (&'a FileEntry, &'a FileDeletes)>,
) -> Result<HashMap<String, RoaringTreemap>> {
    let mut deleted: HashMap<String, RoaringTreemap> = HashMap::new();
    let mut by_delete_file: Vec<(Arc<FileEntry>, Vec<&FileEntry>)> = Vec::new();
    let mut indexes: HashMap<String, usize> = HashMap::new();
    let mut by_vector: Vec<(&FileEntry, &FileEntry)> = Vec::new();
    for (data, deletes) in files {
        by_vector.extend(deletes.vector.as_deref().map(|vector| (data, vector)));
        for delete in &deletes.positions {
            let index = *indexes.entry(delete.key().to_owned()).or_insert(by_delete_file.len());
            match by_delete_file.get_mut(index) {
                Some((_, targets)) => targets.push(data),
                None => by_delete_file.push((delete.clone(), vec![data])),
            }
        }
    }
    let vectors: Vec<&FileEntry> = by_vector.iter().map(|(_, vector)| *vector).collect();
    let vectors = read_deletion_vectors(table.storage(), &vectors).await?;
    for ((data, vector), positions) in by_vector.into_iter().zip(vectors) {
        check_positions(data, vector, &positions)?;
        deleted.insert(data.key().to_owned(), positions);
    }
    for (delete, targets) in by_delete_file {
        read_position_delete_file(table, &delete, &targets, &mut deleted).await?;
    }
    Ok(deleted)
}

/// The data files that a position delete file names, by [`FileEntry::key`].
///
/// # Errors
/// As for [`FileReader::open`].
pub(crate) async fn named_paths(table: &Table, delete: &Arc<FileEntry>) -> Result<HashSet<String>> {
    let reader = FileReader::open(table, delete).await?;
    let mut batches = reader.read(&projection()?, RowSelect::default(), BATCH_ROWS);
    let mut named: HashSet<String> = HashSet::new();
    while let Some(batch) = batches.next().await? {
        let paths = batch.batch.columns().first().and_then(|column| column.as_string_opt::<i32>());
        let paths =
            paths.ok_or_else(|| TableError::corrupt(&*delete.path, "a position delete file lacks `file_path`"))?;
        for path in paths.iter().flatten().map(identity) {
            if !named.contains(path) {
                named.insert(path.to_owned());
            }
        }
    }
    Ok(named)
}

async fn read_position_delete_file(
    table: &Table,
    delete: &Arc<FileEntry>,
    targets: &[&FileEntry],
    deleted: &mut HashMap<String, RoaringTreemap>,
) -> Result<()> {
    let targets: HashMap<&str, &FileEntry> = targets.iter().map(|data| (data.key(), *data)).collect();
    let reader = FileReader::open(table, delete).await?;
    let mut batches = reader.read(&projection()?, RowSelect::default(), BATCH_ROWS);
    let mut found: HashMap<&str, RoaringTreemap> = HashMap::new();
    while let Some(batch) = batches.next().await? {
        collect(&batch.batch, delete, &targets, &mut found)?;
    }
    for (path, positions) in found {
        if let Some(data) = targets.get(path) {
            check_positions(data, delete, &positions)?;
        }
        *deleted.entry(path.to_owned()).or_default() |= positions;
    }
    Ok(())
}

fn collect<'a>(
    batch: &RecordBatch,
    delete: &FileEntry,
    targets: &HashMap<&'a str, &'a FileEntry>,
    found: &mut HashMap<&'a str, RoaringTreemap>,
) -> Result<()> {
    let corrupt = || TableError::corrupt(&*delete.path, "a position delete file lacks `file_path` or `pos`");
    let paths = batch.columns().first().and_then(|column| column.as_string_opt::<i32>()).ok_or_else(corrupt)?;
    let positions =
        batch.columns().get(1).and_then(|column| column.as_primitive_opt::<Int64Type>()).ok_or_else(corrupt)?;
    if paths.null_count() > 0 || positions.null_count() > 0 {
        return Err(TableError::corrupt(&*delete.path, "a position delete has no path or no position"));
    }
    // Deletes of one data file stand together: the path is looked up, and the bitmap found, once for each run.
    let mut rows = paths.iter().flatten().zip(positions.values()).peekable();
    let mut run: Vec<u64> = Vec::with_capacity(batch.num_rows());
    while let Some((path, _)) = rows.peek() {
        let path = *path;
        let target = targets.get_key_value(identity(path)).map(|(key, _)| *key);
        run.clear();
        while let Some((_, position)) = rows.next_if(|(next, _)| *next == path) {
            let position = u64::try_from(*position)
                .map_err(|_| TableError::corrupt(&*delete.path, format!("negative position `{position}`")))?;
            run.push(position);
        }
        if let Some(key) = target {
            insert(found.entry(key).or_default(), &run);
        }
    }
    Ok(())
}

/// Appends positions that ascend, as those of a well-formed delete file do; inserts others one by one.
fn insert(bitmap: &mut RoaringTreemap, positions: &[u64]) {
    let follows = bitmap.max().is_none_or(|max| positions.first().is_none_or(|first| *first > max));
    if !follows || !positions.is_sorted_by(|a, b| a < b) || bitmap.append(positions.iter().copied()).is_err() {
        bitmap.extend(positions.iter().copied());
    }
}

fn check_positions(data: &FileEntry, delete: &FileEntry, positions: &RoaringTreemap) -> Result<()> {
    match positions.max() {
        Some(position) if position >= data.record_count => Err(TableError::corrupt(
            &*delete.path,
            format!("it deletes position `{position}` of `{}`, which has `{}` rows", data.path, data.record_count),
        )),
        _ => Ok(()),
    }
}

/// Source: Iceberg spec, "Position Delete Files" and "Reserved Field IDs".
fn projection() -> Result<Projection> {
    let fields = [
        Arc::new(NestedField::required(2_147_483_546, "file_path", Type::Primitive(PrimitiveType::String))),
        Arc::new(NestedField::required(2_147_483_545, "pos", Type::Primitive(PrimitiveType::Long))),
    ];
    Projection::new(&fields, &ForeignFields::default())
}
