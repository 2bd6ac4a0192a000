//! Which row groups may hold some keys.

use arrow_array::Array;

use super::parquet::{Inner, guarded};
use super::projection::Column;
use super::resolve::{KeyColumn, Resolver};
use super::statistics::ColumnBounds;
use super::{KeyRanges, Projection, bloom};
use crate::table::Table;
use crate::{Result, TableError};

/// Row groups that may hold a row with one of `keys`.
pub(super) async fn row_groups(file: &Inner, keys: &KeyRanges) -> Result<Vec<usize>> {
    let columns = key_columns(&file.table, &file.resolver(), keys)?;
    let n_keys = keys.arrays.first().map_or(0, |array| array.len());
    let mut kept = Vec::new();
    for span in file.spans().iter().filter(|span| span.n_rows > 0) {
        let mut alive = vec![true; n_keys];
        for (column, array) in columns.iter().zip(&keys.arrays) {
            let bounds = match column {
                KeyColumn::Constant(constant) => ColumnBounds::of_one(&constant.one()),
                KeyColumn::Leaf { leaf, stored, conversion } => {
                    let chunk = file.row_group(span.index)?.columns().get(*leaf);
                    chunk.map_or(ColumnBounds::UNKNOWN, |chunk| ColumnBounds::of_chunk(chunk, stored, *conversion))
                }
            };
            bounds.narrow(array, &mut alive);
        }
        if ask_filters(file, span.index, &columns, keys, &mut alive).await? {
            kept.push(span.index);
        }
    }
    Ok(kept)
}

/// Clears `alive` for keys that bloom filters exclude. Returns whether any key is left.
async fn ask_filters(
    file: &Inner,
    row_group: usize,
    columns: &[KeyColumn],
    keys: &KeyRanges,
    alive: &mut [bool],
) -> Result<bool> {
    for (column, array) in columns.iter().zip(&keys.arrays) {
        let n_alive = alive.iter().filter(|alive| **alive).count();
        if n_alive == 0 || n_alive > bloom::KEYS_MAX {
            break;
        }
        let KeyColumn::Leaf { leaf, stored, conversion } = column else { continue };
        let Some(chunk) = file.row_group(row_group)?.columns().get(*leaf) else { continue };
        if !bloom::is_known_form(chunk.column_type(), stored, *conversion, array.data_type()) {
            continue;
        }
        if let Some(filter) = bloom::read(file, chunk).await? {
            guarded(&file.file.path, || {
                bloom::narrow(&filter, chunk.column_type(), array, alive);
                Ok(())
            })?;
        }
    }
    Ok(alive.contains(&true))
}

/// Where the key columns of a file come from.
pub(super) fn key_columns(table: &Table, resolver: &Resolver<'_>, keys: &KeyRanges) -> Result<Vec<KeyColumn>> {
    let n_keys = keys.arrays.first().map_or(0, |array| array.len());
    if keys.ids.len() != keys.arrays.len() || keys.arrays.iter().any(|array| array.len() != n_keys) {
        return Err(TableError::internal("key columns of different lengths"));
    }
    let projection = Projection::keys(table, &keys.ids)?;
    let columns = projection.columns().iter().zip(&keys.arrays).map(|(column, array)| {
        let Column::Key(target) = column else { return Err(TableError::internal("a key column that is none")) };
        if target.arrow.data_type() != array.data_type() {
            return Err(TableError::internal(format!("keys of column `{}` are `{}`", target.name, array.data_type())));
        }
        resolver.key(target)
    });
    columns.collect()
}
