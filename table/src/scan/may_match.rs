//! Which rows of a file may match a filter: row groups by their statistics and bloom filters, then pages by the
//! column index.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, Date32Array, FixedSizeBinaryArray, Int32Array, Int64Array, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow_schema::{DataType, TimeUnit};
use roaring::RoaringTreemap;

use super::parquet::{Inner, guarded};
use super::projection::{Column, Target};
use super::resolve::{KeyColumn, Resolver};
use super::statistics::{self, ColumnBounds};
use super::{Projection, RowSelect, bloom, pages};
use crate::filter::{BoundFilter, Facts, Leaf, Operator, Outcome, Test, Value, ValueSet};
use crate::pool::on_pool;
use crate::table::Table;
use crate::{Result, TableError};

/// Below this many encoded bytes of a row group, looking for pages to skip costs more than reading them.
const SKIP_BYTES_MIN: u64 = 256 * 1024;

/// Where the values of a filter's column come from.
pub(super) struct FilterSource {
    target: Arc<Target>,
    pub(super) column: KeyColumn,
}

/// Rows that may match `filter`. `projection` is what will be read of them.
pub(super) async fn rows(file: &Arc<Inner>, filter: &BoundFilter, projection: &Projection) -> Result<RowSelect> {
    let sources = sources(&file.table, &file.resolver(), filter)?;
    let mut row_groups = Vec::new();
    for span in file.spans().iter().filter(|span| span.n_rows > 0) {
        let outcome = of_row_group(file, filter, &sources, span.index, &[])?;
        if !outcome.maybe_true {
            continue;
        }
        let ruled_out = ruled_out_by_bloom_filters(file, filter, &sources, span.index).await?;
        if ruled_out.is_empty() || of_row_group(file, filter, &sources, span.index, &ruled_out)?.maybe_true {
            row_groups.push((span.index, !outcome.is_always_true()));
        }
    }
    let positions = positions(file, filter, sources, &row_groups, projection).await?;
    let row_groups = row_groups.into_iter().map(|(index, _)| index).collect();
    Ok(RowSelect { row_groups: Some(row_groups), positions: positions.map(Arc::new), ..RowSelect::default() })
}

/// Where the columns of a filter come from in a file.
pub(super) fn sources(table: &Table, resolver: &Resolver<'_>, filter: &BoundFilter) -> Result<Vec<FilterSource>> {
    let projection = Projection::keys(table, &filter.field_ids())?;
    let sources = projection.columns().iter().map(|column| match column {
        Column::Key(target) => Ok(FilterSource { target: target.clone(), column: resolver.key(target)? }),
        _ => Err(TableError::internal("a column of a filter that is no key")),
    });
    sources.collect()
}

/// What the filter may be in a row group. The tests in `ruled_out` are true nowhere in it.
fn of_row_group(
    file: &Inner,
    filter: &BoundFilter,
    sources: &[FilterSource],
    row_group: usize,
    ruled_out: &[&Leaf],
) -> Result<Outcome> {
    outcome(filter, sources, ruled_out, &mut |source| chunk_facts(file, source, row_group))
}

/// What the filter may be in some rows, of which `facts` says what their columns hold. The tests in `ruled_out` are
/// true nowhere in them.
pub(super) fn outcome(
    filter: &BoundFilter,
    sources: &[FilterSource],
    ruled_out: &[&Leaf],
    facts: &mut dyn FnMut(&FilterSource) -> Result<Facts>,
) -> Result<Outcome> {
    filter.predicate.fold(&mut |leaf| {
        let outcome = match leaf {
            Leaf::Constant(value) => Outcome::constant(*value),
            Leaf::Columns(..) => Outcome::ANY,
            Leaf::Column(column, test) => match sources.get(*column) {
                Some(source) => facts(source)?.outcome(test),
                None => Outcome::ANY,
            },
        };
        let may_hold = !ruled_out.contains(&leaf);
        Ok(Outcome { maybe_true: outcome.maybe_true && may_hold, ..outcome })
    })
}

fn chunk_facts(file: &Inner, source: &FilterSource, row_group: usize) -> Result<Facts> {
    let bounds = match &source.column {
        KeyColumn::Constant(constant) => ColumnBounds::of_one(&constant.one()),
        KeyColumn::Leaf { leaf, stored, conversion } => {
            let chunk = file.row_group(row_group)?.columns().get(*leaf);
            chunk.map_or(ColumnBounds::UNKNOWN, |chunk| ColumnBounds::of_chunk(chunk, stored, *conversion))
        }
    };
    Ok(source.facts(bounds))
}

impl FilterSource {
    /// What statistics say, in the terms of filters.
    pub(super) fn facts(&self, bounds: ColumnBounds) -> Facts {
        let plain = |value: statistics::Value| match value {
            statistics::Value::Number(number) => Value::Number(number),
            statistics::Value::Float(float) => Value::Float(float),
            statistics::Value::Bytes(bytes) => Value::Bytes(bytes),
        };
        let is_float = matches!(self.target.arrow.data_type(), DataType::Float32 | DataType::Float64);
        Facts {
            min: bounds.min.map(plain),
            max: bounds.max.map(plain),
            maybe_null: bounds.maybe_null,
            maybe_value: bounds.maybe_value,
            maybe_nan: is_float && bounds.maybe_value,
        }
    }
}

/// The tests for equality that bloom filters say hold nowhere in a row group. Filters are read only if they could
/// rule out the row group.
async fn ruled_out_by_bloom_filters<'a>(
    file: &Inner,
    filter: &'a BoundFilter,
    sources: &[FilterSource],
    row_group: usize,
) -> Result<Vec<&'a Leaf>> {
    let mut candidates: Vec<&Leaf> = Vec::new();
    filter.predicate.for_each_leaf(&mut |leaf| {
        if has_bloom_filter(file, sources, row_group, leaf) && !candidates.contains(&leaf) {
            candidates.push(leaf);
        }
    });
    if candidates.is_empty() || of_row_group(file, filter, sources, row_group, &candidates)?.maybe_true {
        return Ok(Vec::new());
    }
    let mut ruled_out = Vec::new();
    for leaf in candidates {
        let Leaf::Column(column, test) = leaf else { continue };
        let Some(source) = sources.get(*column) else { continue };
        let (KeyColumn::Leaf { leaf: index, .. }, Some(keys)) = (&source.column, keys(source, test)) else { continue };
        let Some(chunk) = file.row_group(row_group)?.columns().get(*index) else { continue };
        let Some(bits) = bloom::read(file, chunk).await? else { continue };
        let mut alive = vec![true; keys.len()];
        guarded(&file.file.path, || {
            bloom::narrow(&bits, chunk.column_type(), &keys, &mut alive);
            Ok(())
        })?;
        if !alive.contains(&true) {
            ruled_out.push(leaf);
        }
    }
    Ok(ruled_out)
}

fn has_bloom_filter(file: &Inner, sources: &[FilterSource], row_group: usize, leaf: &Leaf) -> bool {
    let Leaf::Column(column, test) = leaf else { return false };
    let Some(source) = sources.get(*column) else { return false };
    let KeyColumn::Leaf { leaf: index, stored, conversion } = &source.column else { return false };
    let Ok(row_group) = file.row_group(row_group) else { return false };
    let Some(chunk) = row_group.columns().get(*index) else { return false };
    chunk.bloom_filter_offset().is_some()
        && bloom::is_known_form(chunk.column_type(), stored, *conversion, source.target.arrow.data_type())
        && keys(source, test).is_some()
}

/// The values that a test for equality looks for, as the column's Arrow type has them; `None` for other tests.
/// Values that the type cannot hold are left out: they are in no file.
fn keys(source: &FilterSource, test: &Test) -> Option<ArrayRef> {
    let one;
    let values = match test {
        Test::Compare(Operator::Equal, value) => {
            one = ValueSet::new(vec![value.clone()]);
            &one
        }
        Test::In { values, .. } if values.len() <= bloom::KEYS_MAX => values,
        _ => return None,
    };
    let data_type = source.target.arrow.data_type();
    Some(match values {
        ValueSet::Numbers(numbers) => {
            let long = || numbers.iter().filter_map(|number| i64::try_from(*number).ok());
            let int = || numbers.iter().filter_map(|number| i32::try_from(*number).ok());
            match data_type {
                DataType::Int32 => Arc::new(Int32Array::from_iter_values(int())),
                DataType::Date32 => Arc::new(Date32Array::from_iter_values(int())),
                DataType::Int64 => Arc::new(Int64Array::from_iter_values(long())),
                DataType::Time64(TimeUnit::Microsecond) => Arc::new(Time64MicrosecondArray::from_iter_values(long())),
                DataType::Timestamp(TimeUnit::Microsecond, _) => {
                    Arc::new(TimestampMicrosecondArray::from_iter_values(long()))
                }
                DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                    Arc::new(TimestampNanosecondArray::from_iter_values(long()))
                }
                _ => return None,
            }
        }
        ValueSet::Bytes(bytes) => match data_type {
            DataType::Utf8 => {
                let texts = bytes.iter().filter_map(|bytes| std::str::from_utf8(bytes).ok());
                Arc::new(StringArray::from_iter_values(texts))
            }
            DataType::Binary => Arc::new(BinaryArray::from_iter_values(bytes)),
            DataType::FixedSizeBinary(length) => {
                let fitting = bytes.iter().filter(|bytes| i32::try_from(bytes.len()) == Ok(*length));
                Arc::new(FixedSizeBinaryArray::try_from_iter(fitting).ok()?)
            }
            _ => return None,
        },
        ValueSet::Floats(_) => return None,
    })
}

/// There are bounds that would rule the filter out: not if it rests on what bounds say nothing about.
fn bounds_may_help(filter: &BoundFilter) -> bool {
    const NEVER: Outcome = Outcome { maybe_true: false, maybe_false: false, maybe_unknown: false };
    let at_best = filter.predicate.work_out(|leaf| match leaf {
        Leaf::Constant(value) => Outcome::constant(*value),
        Leaf::Columns(..) => Outcome::ANY,
        Leaf::Column(_, Test::Like(pattern)) if pattern.prefix().is_empty() => Outcome::ANY,
        Leaf::Column(..) => NEVER,
    });
    !at_best.maybe_true
}

/// Positions of the rows whose pages may hold a match; `None` if no page that matters can be left out.
async fn positions(
    file: &Arc<Inner>,
    filter: &BoundFilter,
    sources: Vec<FilterSource>,
    row_groups: &[(usize, bool)],
    projection: &Projection,
) -> Result<Option<RoaringTreemap>> {
    let wanted = file.resolver().plan(projection)?.leaves;
    let mut looked_at = Vec::new();
    for (row_group, may_narrow) in row_groups {
        let chunks = file.row_group(*row_group)?.columns().iter().zip(&wanted);
        let n_bytes: u64 = chunks.filter(|(_, wanted)| **wanted).map(|(chunk, _)| chunk.byte_range().1).sum();
        if *may_narrow && n_bytes > SKIP_BYTES_MIN {
            looked_at.push(*row_group);
        }
    }
    let leaves = sources.iter().filter_map(|source| match source.column {
        KeyColumn::Leaf { leaf, .. } => Some(leaf),
        KeyColumn::Constant(_) => None,
    });
    let leaves: Vec<usize> = leaves.collect();
    if looked_at.is_empty() || leaves.is_empty() || !bounds_may_help(filter) {
        return Ok(None);
    }
    let Some(index) = pages::read(file, &looked_at, &leaves).await? else { return Ok(None) };
    let (this, filter) = (file.clone(), filter.clone());
    let found = on_pool(move || {
        guarded(&this.file.path, || {
            let mut found = BTreeMap::new();
            for row_group in looked_at {
                found.insert(row_group, pages::rows(&this, &index, &filter, &sources, row_group)?);
            }
            Ok(found)
        })
    });
    let mut found = found.await??;
    let n_looked_at: u64 = found.keys().map(|row_group| file.spans()[*row_group].n_rows).sum();
    if found.values().map(RoaringTreemap::len).sum::<u64>() == n_looked_at {
        return Ok(None);
    }
    let mut all = RoaringTreemap::new();
    for (row_group, _) in row_groups {
        let span = file.spans()[*row_group];
        match found.remove(row_group) {
            Some(rows) => all |= rows,
            None => {
                all.insert_range(span.first_position..span.first_position + span.n_rows);
            }
        }
    }
    Ok(Some(all))
}
