//! What a sink that keeps one row for each key has to do for one snapshot: which keys are gone, and which rows are
//! there now. Before images are not looked for.

mod partition;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StructArray, new_null_array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema as ArrowSchema, SchemaRef};
use arrow_select::nullif::nullif;
use frazil_table::changes::{RowSet, RowSource, SnapshotChanges, row_changes};
use frazil_table::deletes::KeySetLimit;
use frazil_table::file::{FileContent, FileEntry};
use frazil_table::manifest::{ManifestContent, manifest_list};
use frazil_table::scan::{FileReader, Projection};
use frazil_table::{FieldId, SpecId, Table, TableError};
use iceberg::spec::{SnapshotRef, Transform};
use roaring::RoaringTreemap;

use self::partition::holds_own_keys_only;
use crate::Result;
use crate::event::ChangelogOperation;
use crate::row_hash::RowHasher;

/// Memory that one removed key takes while it is looked for among the added ones.
const KEY_BYTES: u64 = 64;

/// Parts that the keys of one snapshot are taken in at most.
const N_PARTS_MAX: u64 = 1 << 12;

const FIELD_ID: &str = "PARQUET:field_id";

/// What one snapshot means to a keyed sink.
#[derive(Debug)]
pub(crate) struct Upserts {
    /// Rows whose keys are gone: those of equality delete files first, then removed rows. Only key columns may be
    /// taken from them.
    pub(crate) deletes: Vec<RowSource>,
    /// Rows that are there now.
    pub(crate) added: Vec<RowSource>,
}

/// Memory and batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) memory_bytes: u64,
    pub(crate) batch_rows: usize,
}

/// Finds what the snapshot means to a sink keyed by `key`.
///
/// An equality delete that compares exactly the key, and that reaches every older row with its keys, is taken at
/// its word: no file is searched for the rows it removes. All other deletes are turned into rows first.
///
/// # Errors
/// As for [`row_changes`].
pub(crate) async fn upserts(
    table: &Table,
    snapshot: &SnapshotRef,
    parent: Option<&SnapshotRef>,
    files: &SnapshotChanges,
    key: &[FieldId],
    limits: Limits,
) -> Result<Upserts> {
    let mut rest = files.clone();
    let specs = live_data_specs(table, snapshot, files).await?;
    let mut plain = Vec::new();
    for delete in std::mem::take(&mut rest.added.deletes) {
        let may_be = is_plain(table, snapshot, &delete, key, &specs);
        if may_be
            && (table.is_unpartitioned(delete.spec_id)
                || holds_own_keys_only(table, &delete, key, limits.batch_rows).await?)
        {
            plain.push(delete);
        } else {
            rest.added.deletes.push(delete);
        }
    }
    // Rows of this commit that it deletes itself are found through all of its deletes; equality deletes that have
    // the snapshot's own number hit none of them, and where a file has an older number all live deletes are read.
    let limit = KeySetLimit { bytes_max: limits.memory_bytes / 2 };
    let rows = row_changes(table, snapshot, parent, &rest, limit).await?;
    let mut removals: Vec<RowSource> = plain.into_iter().map(|file| RowSource::new(file, RowSet::All)).collect();
    removals.extend(rows.removed);
    let deletes = without_added_keys(table, removals, &rows.added, key, limits).await?;
    Ok(Upserts { deletes, added: rows.added })
}

/// Partition specs of the live data files; only looked for if a delete asks for it.
async fn live_data_specs(table: &Table, snapshot: &SnapshotRef, files: &SnapshotChanges) -> Result<HashSet<SpecId>> {
    let is_partitioned =
        |file: &Arc<FileEntry>| file.content == FileContent::EqualityDeletes && !table.is_unpartitioned(file.spec_id);
    if !files.added.deletes.iter().any(is_partitioned) {
        return Ok(HashSet::new());
    }
    let list = manifest_list(table, snapshot).await?;
    let data = list.iter().filter(|manifest| manifest.content == ManifestContent::Data);
    Ok(data.filter(|manifest| manifest.may_have_live_files()).map(|manifest| manifest.spec_id).collect())
}

/// After the snapshot no row is live that has a key of this delete, save those that the snapshot added: the delete
/// compares the key and nothing else, is younger than every older row, and applies to whatever file such a row can
/// be in, provided that its keys are those of its partition.
fn is_plain(
    table: &Table,
    snapshot: &SnapshotRef,
    delete: &FileEntry,
    key: &[FieldId],
    live_data_specs: &HashSet<SpecId>,
) -> bool {
    let as_set = |ids: &[FieldId]| -> BTreeSet<FieldId> { ids.iter().copied().collect() };
    delete.content == FileContent::EqualityDeletes
        && as_set(&delete.equality_ids) == as_set(key)
        && delete.data_sequence_number.get() >= snapshot.sequence_number()
        && (table.is_unpartitioned(delete.spec_id)
            || (live_data_specs.iter().all(|spec| *spec == delete.spec_id)
                && partition_follows_key(table, delete.spec_id, key)))
}

/// Rows with one key are in one partition.
fn partition_follows_key(table: &Table, spec_id: SpecId, key: &[FieldId]) -> bool {
    table.metadata().partition_spec_by_id(spec_id.get()).is_some_and(|spec| {
        spec.fields()
            .iter()
            .all(|field| field.transform == Transform::Void || key.contains(&FieldId::new(field.source_id)))
    })
}

/// The removals whose key no added row has, each key once.
async fn without_added_keys(
    table: &Table,
    removals: Vec<RowSource>,
    added: &[RowSource],
    key: &[FieldId],
    limits: Limits,
) -> Result<Vec<RowSource>> {
    if removals.is_empty() {
        return Ok(removals);
    }
    let projection = Projection::keys(table, key)?;
    let hasher = RowHasher::new(projection.arrow_schema().fields())?;
    let n_parts = n_parts(table, &removals, limits).await?;
    let mut left = vec![RoaringTreemap::new(); removals.len()];
    for part in 0..n_parts {
        // The first removal of each key.
        let mut keys: HashMap<u128, (usize, u64)> = HashMap::new();
        for (index, source) in removals.iter().enumerate() {
            let mut rows = source.read(table, &projection, limits.batch_rows).await?;
            while let Some(batch) = rows.next().await? {
                let hashes = hasher.hash(batch.batch.columns(), batch.batch.num_rows())?;
                for (row, hash) in hashes.into_iter().enumerate().filter(|(_, hash)| is_in(*hash, part, n_parts)) {
                    let position = batch.positions.get(row).ok_or_else(|| internal("a row has no position"))?;
                    keys.entry(hash).or_insert((index, position));
                }
            }
        }
        for source in added {
            if keys.is_empty() {
                break;
            }
            let mut rows = source.read(table, &projection, limits.batch_rows).await?;
            while let Some(batch) = rows.next_rows().await? {
                for hash in hasher.hash(batch.columns(), batch.num_rows())? {
                    keys.remove(&hash);
                }
            }
        }
        for (index, position) in keys.into_values() {
            if let Some(positions) = left.get_mut(index) {
                positions.insert(position);
            }
        }
    }
    let left = removals.into_iter().zip(left).filter(|(_, positions)| !positions.is_empty());
    Ok(left.map(|(source, positions)| source.with_rows(RowSet::Only(Arc::new(positions)))).collect())
}

#[allow(clippy::cast_possible_truncation)] // any 64 bits of the hash will do
fn is_in(hash: u128, part: u64, n_parts: u64) -> bool {
    hash as u64 & (n_parts - 1) == part
}

async fn n_parts(table: &Table, removals: &[RowSource], limits: Limits) -> Result<u64> {
    let n_keys = removals.iter().fold(0_u64, |sum, source| sum.saturating_add(source.n_rows()));
    let needed_bytes = n_keys.saturating_mul(KEY_BYTES);
    let n_parts = needed_bytes.div_ceil((limits.memory_bytes / 4).max(1)).max(1);
    if n_parts <= N_PARTS_MAX {
        return Ok(n_parts.next_power_of_two());
    }
    // A manifest that lies about its files' rows is to blame before the limit is.
    for source in removals {
        FileReader::open(table, &source.file).await?;
    }
    Err(TableError::MemoryLimit {
        needed_bytes,
        limit_bytes: limits.memory_bytes,
        detail: "keys that one snapshot removed, in any number of parts; raise --memory-limit".to_owned(),
    }
    .into())
}

fn internal(detail: &str) -> TableError {
    TableError::Internal { detail: detail.to_owned() }
}

/// Schema of a keyed stream: what is no key may be NULL, since a delete has its key alone.
///
/// # Errors
/// [`TableError::InvalidRequest`] if a key column is not among the columns.
pub(crate) fn nullable_schema(schema: &SchemaRef, key: &[FieldId], key_names: &[String]) -> Result<SchemaRef> {
    for (id, name) in key.iter().zip(key_names) {
        if !schema.fields().iter().any(|field| holds(field, *id)) {
            return Err(TableError::invalid(format!(
                "key column `{name}` is not among the columns, and a delete of --mode upsert is nothing but its key; \
                 add it to --columns"
            ))
            .into());
        }
    }
    let fields: Fields = schema.fields().iter().map(|field| nullable(field, key)).collect();
    Ok(Arc::new(ArrowSchema::new_with_metadata(fields, schema.metadata().clone())))
}

/// The key columns of a stream whose rows are filtered.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    schema: SchemaRef,
    key: Vec<FieldId>,
}

impl Keys {
    /// For rows of `schema`.
    ///
    /// # Errors
    /// As [`nullable_schema`].
    pub(crate) fn new(schema: &SchemaRef, key: &[FieldId], key_names: &[String]) -> Result<Self> {
        Ok(Self { schema: nullable_schema(schema, key, key_names)?, key: key.to_vec() })
    }

    /// Rows that match are there; of the others a sink is told that their keys are gone, since an older row with the
    /// key may have matched.
    pub(crate) fn upserts(
        &self,
        rows: &RecordBatch,
        matching: &BooleanBuffer,
    ) -> Result<(Vec<ChangelogOperation>, RecordBatch)> {
        let rows = fit(rows, &self.schema, 0)?;
        let operations = matching
            .iter()
            .map(|matches| if matches { ChangelogOperation::UpdateAfter } else { ChangelogOperation::Delete })
            .collect();
        let gone = BooleanArray::new(!matching, None);
        let columns = keys_alone(self.schema.fields(), rows.columns(), &self.key, &gone)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| internal(&error.to_string()))?;
        Ok((operations, rows))
    }
}

/// The columns, with NULL in the rows that are gone where a column is no key.
fn keys_alone(fields: &Fields, columns: &[ArrayRef], key: &[FieldId], gone: &BooleanArray) -> Result<Vec<ArrayRef>> {
    fields
        .iter()
        .zip(columns)
        .map(|(field, column)| match column.as_any().downcast_ref::<StructArray>() {
            _ if id_of(field).is_some_and(|id| key.contains(&id)) => Ok(column.clone()),
            Some(array) if key.iter().any(|id| holds(field, *id)) => {
                let columns = keys_alone(array.fields(), array.columns(), key, gone)?;
                let nulls = array.nulls().cloned();
                let array = StructArray::try_new_with_length(array.fields().clone(), columns, nulls, array.len());
                Ok(Arc::new(array.map_err(|error| internal(&error.to_string()))?) as ArrayRef)
            }
            _ if *column.data_type() == DataType::Null => Ok(column.clone()),
            _ => Ok(nullif(column, gone).map_err(|error| internal(&error.to_string()))?),
        })
        .collect()
}

fn nullable(field: &FieldRef, key: &[FieldId]) -> FieldRef {
    let is_key = |field: &Field| id_of(field).is_some_and(|id| key.contains(&id));
    match field.data_type() {
        _ if is_key(field) => field.clone(),
        // A struct around a key column is there; its other fields are not.
        DataType::Struct(children) if key.iter().any(|id| holds(field, *id)) => {
            let children: Fields = children.iter().map(|child| nullable(child, key)).collect();
            Arc::new(field.as_ref().clone().with_data_type(DataType::Struct(children)))
        }
        _ => Arc::new(field.as_ref().clone().with_nullable(true)),
    }
}

/// The id that a field of a projection carries.
pub(crate) fn id_of(field: &Field) -> Option<FieldId> {
    field.metadata().get(FIELD_ID)?.parse().ok().map(FieldId::new)
}

/// The field is `id`, or a struct with it inside.
fn holds(field: &Field, id: FieldId) -> bool {
    id_of(field) == Some(id)
        || matches!(field.data_type(), DataType::Struct(children) if children.iter().any(|child| holds(child, id)))
}

/// The batch in another schema: columns are found by field id, and those that it does not have are NULL. The last
/// `n_hidden` columns may have ids of others: they are the last of a batch that has as many columns, and NULL else.
pub(crate) fn fit(batch: &RecordBatch, schema: &SchemaRef, n_hidden: usize) -> Result<RecordBatch> {
    let n_shown = schema.fields().len().saturating_sub(n_hidden);
    let (shown, hidden) = schema.fields().split_at(n_shown);
    let n_rows = batch.num_rows();
    let mut columns = fit_columns(batch.schema_ref().fields(), batch.columns(), shown, n_rows)?;
    let is_there = batch.num_columns() == schema.fields().len();
    columns.extend(hidden.iter().enumerate().map(|(index, field)| match batch.columns().get(n_shown + index) {
        Some(column) if is_there => column.clone(),
        _ => new_null_array(field.data_type(), n_rows),
    }));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|error| internal(&error.to_string()).into())
}

fn fit_columns(from: &[FieldRef], columns: &[ArrayRef], to: &[FieldRef], n_rows: usize) -> Result<Vec<ArrayRef>> {
    to.iter()
        .map(|field| {
            let index = from.iter().position(|other| id_of(other) == id_of(field));
            match index.and_then(|index| columns.get(index)) {
                None => Ok(new_null_array(field.data_type(), n_rows)),
                Some(column) => fit_column(column, field.data_type()),
            }
        })
        .collect()
}

fn fit_column(column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    match (column.as_any().downcast_ref::<StructArray>(), data_type) {
        _ if column.data_type() == data_type => Ok(column.clone()),
        (Some(array), DataType::Struct(to)) => {
            let columns = fit_columns(array.fields(), array.columns(), to, array.len())?;
            let array = StructArray::try_new_with_length(to.clone(), columns, array.nulls().cloned(), array.len());
            Ok(Arc::new(array.map_err(|error| internal(&error.to_string()))?))
        }
        _ => Ok(column.clone()),
    }
}
