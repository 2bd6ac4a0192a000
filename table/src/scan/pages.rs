//! Which rows of a row group lie in pages that may hold a match.

use std::ops::Range;
use std::sync::Arc;

use parquet::DecodeResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use roaring::RoaringTreemap;

use super::may_match::FilterSource;
use super::parquet::{Inner, PAGE_INDEX_BYTES_MAX, guarded};
use super::resolve::KeyColumn;
use super::statistics::ColumnBounds;
use super::thrift;
use crate::Result;
use crate::filter::{BoundFilter, Facts, Leaf, Logic, Test};
use crate::pool::on_pool;

/// What a file says of the pages of some columns.
#[derive(Debug)]
pub(super) struct PageIndex {
    /// Has the column index of the columns asked for, in the row groups asked for.
    columns: ParquetMetaData,
    /// Has the offset index of all columns.
    offsets: Arc<ParquetMetaData>,
}

/// Rows in which a condition may be true, and in which it may be false.
struct RowOutcome {
    maybe_true: RoaringTreemap,
    maybe_false: RoaringTreemap,
}

impl Logic for RowOutcome {
    fn and(self, other: Self) -> Self {
        Self { maybe_true: self.maybe_true & other.maybe_true, maybe_false: self.maybe_false | other.maybe_false }
    }

    fn or(self, other: Self) -> Self {
        Self { maybe_true: self.maybe_true | other.maybe_true, maybe_false: self.maybe_false & other.maybe_false }
    }

    fn not(self) -> Self {
        Self { maybe_true: self.maybe_false, maybe_false: self.maybe_true }
    }
}

/// Reads the index of the pages of `leaves` in `row_groups`; `None` if the file has none for them.
pub(super) async fn read(file: &Arc<Inner>, row_groups: &[usize], leaves: &[usize]) -> Result<Option<PageIndex>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for row_group in row_groups {
        for leaf in leaves {
            let Some(chunk) = file.row_group(*row_group)?.columns().get(*leaf) else { continue };
            let (Some(offset), Some(length)) = (chunk.column_index_offset(), chunk.column_index_length()) else {
                continue;
            };
            let range = u64::try_from(offset).ok().zip(u64::try_from(length).ok()).and_then(|(start, length)| {
                Some(start..start.checked_add(length).filter(|end| *end <= file.file.file_size_bytes)?)
            });
            ranges.push(range.ok_or_else(|| file.corrupt("a column index lies outside of the file"))?);
        }
    }
    let start = ranges.iter().map(|range| range.start).min().unwrap_or(0);
    let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
    if start >= end || end - start > PAGE_INDEX_BYTES_MAX {
        return Ok(None);
    }
    let offsets = file.indexed().await?;
    if offsets.offset_index().is_none() {
        return Ok(None);
    }
    let whole = start..end;
    let bytes = file.table.storage().read_ranges(&file.file.path, std::slice::from_ref(&whole)).await?;
    let bytes = bytes.into_iter().next().unwrap_or_default();
    let (this, row_groups, leaves) = (file.clone(), row_groups.to_vec(), leaves.to_vec());
    let columns = on_pool(move || {
        guarded(&this.file.path, || {
            let corrupt = |detail: String| this.corrupt(format!("column index: {detail}"));
            for range in &ranges {
                let slice = usize::try_from(range.start - start).ok().zip(usize::try_from(range.end - start).ok());
                let slice = slice.and_then(|(start, end)| bytes.get(start..end));
                let outline = slice.ok_or_else(|| "it is cut off".to_owned()).and_then(thrift::outline);
                outline.map_err(corrupt)?;
            }
            let only =
                only_indexed(&this.metadata, &row_groups, &leaves).map_err(|error| corrupt(error.to_string()))?;
            let decoder = ParquetMetaDataPushDecoder::try_new_with_metadata(this.file.file_size_bytes, only);
            let decoded = decoder.and_then(|decoder| {
                let mut decoder = decoder
                    .with_column_index_policy(PageIndexPolicy::Optional)
                    .with_offset_index_policy(PageIndexPolicy::Skip);
                decoder.push_range(whole.clone(), bytes.clone())?;
                decoder.try_decode()
            });
            match decoded {
                Ok(DecodeResult::Data(metadata)) => Ok(metadata),
                Ok(_) => Err(corrupt("it is cut off".to_owned())),
                Err(error) => Err(corrupt(error.to_string())),
            }
        })
    });
    let columns = columns.await??;
    Ok(columns.column_index().is_some().then_some(PageIndex { columns, offsets }))
}

/// The metadata, with the column index of these columns only: that of the others is neither read nor parsed.
fn only_indexed(
    metadata: &ParquetMetaData,
    row_groups: &[usize],
    leaves: &[usize],
) -> parquet::errors::Result<ParquetMetaData> {
    let mut builder = metadata.clone().into_builder();
    let mut kept = Vec::new();
    for (index, row_group) in builder.take_row_groups().into_iter().enumerate() {
        let is_wanted = |leaf: usize| row_groups.contains(&index) && leaves.contains(&leaf);
        let columns = row_group.columns().iter().enumerate().map(|(leaf, chunk)| {
            if is_wanted(leaf) {
                return Ok(chunk.clone());
            }
            chunk.clone().into_builder().set_column_index_offset(None).set_column_index_length(None).build()
        });
        let columns = columns.collect::<parquet::errors::Result<Vec<_>>>()?;
        kept.push(row_group.into_builder().set_column_metadata(columns).build()?);
    }
    Ok(builder.set_row_groups(kept).build())
}

/// Positions of the rows of a row group that may match.
pub(super) fn rows(
    file: &Inner,
    index: &PageIndex,
    filter: &BoundFilter,
    sources: &[FilterSource],
    row_group: usize,
) -> Result<RoaringTreemap> {
    let span = file.spans()[row_group];
    let all = || span.first_position..span.first_position + span.n_rows;
    let whole = |is_there: bool| {
        let mut rows = RoaringTreemap::new();
        if is_there {
            rows.insert_range(all());
        }
        rows
    };
    let anything = || RowOutcome { maybe_true: whole(true), maybe_false: whole(true) };
    let outcome = filter.predicate.work_out(|leaf| match leaf {
        Leaf::Constant(value) => {
            RowOutcome { maybe_true: whole(*value == Some(true)), maybe_false: whole(*value == Some(false)) }
        }
        Leaf::Columns(..) => anything(),
        Leaf::Column(column, test) => {
            let facts = sources.get(*column).and_then(|source| page_facts(index, source, row_group, span.n_rows));
            facts.map_or_else(anything, |pages| of_pages(&pages, test, span.first_position))
        }
    });
    Ok(outcome.maybe_true)
}

fn of_pages(pages: &[(Range<u64>, Facts)], test: &Test, first_position: u64) -> RowOutcome {
    let mut rows = RowOutcome { maybe_true: RoaringTreemap::new(), maybe_false: RoaringTreemap::new() };
    for (range, facts) in pages {
        let outcome = facts.outcome(test);
        let positions = first_position + range.start..first_position + range.end;
        if outcome.maybe_true {
            rows.maybe_true.insert_range(positions.clone());
        }
        if outcome.maybe_false {
            rows.maybe_false.insert_range(positions);
        }
    }
    rows
}

/// The pages of a column in a row group: their rows in it, and what is known of them. `None` if that is not said, or
/// contradicts itself.
fn page_facts(
    index: &PageIndex,
    source: &FilterSource,
    row_group: usize,
    n_rows: u64,
) -> Option<Vec<(Range<u64>, Facts)>> {
    let KeyColumn::Leaf { leaf, stored, conversion } = &source.column else { return None };
    let columns = index.columns.column_index()?.get(row_group)?.get(*leaf)?;
    let locations = index.offsets.offset_index()?.get(row_group)?.get(*leaf)?.page_locations();
    if matches!(columns, ColumnIndexMetaData::NONE) || columns.num_pages() != locations.len() as u64 {
        return None;
    }
    let starts = locations.iter().map(|page| u64::try_from(page.first_row_index).ok());
    let mut starts = starts.collect::<Option<Vec<u64>>>()?;
    starts.push(n_rows);
    if starts.first() != Some(&0) || !starts.is_sorted() {
        return None;
    }
    let pages = starts.windows(2).enumerate().map(|(page, ends)| {
        let range = ends[0]..ends[1];
        if columns.is_null_page(page) {
            return (range, Facts::NULL);
        }
        let bounds = match statistics(columns, page) {
            Some(statistics) => {
                ColumnBounds::of_statistics(&statistics, Some(range.end - range.start), stored, *conversion)
            }
            None => ColumnBounds::UNKNOWN,
        };
        // A page that is no null page holds values, whatever the counts say.
        (range, source.facts(ColumnBounds { maybe_value: true, ..bounds }))
    });
    Some(pages.collect())
}

/// What the index says of one page, as statistics of a column chunk would.
fn statistics(columns: &ColumnIndexMetaData, page: usize) -> Option<Statistics> {
    let nulls = columns.null_count(page).and_then(|count| u64::try_from(count).ok());
    Some(match columns {
        ColumnIndexMetaData::BOOLEAN(index) => {
            Statistics::boolean(index.min_value(page).copied(), index.max_value(page).copied(), None, nulls, false)
        }
        ColumnIndexMetaData::INT32(index) => {
            Statistics::int32(index.min_value(page).copied(), index.max_value(page).copied(), None, nulls, false)
        }
        ColumnIndexMetaData::INT64(index) => {
            Statistics::int64(index.min_value(page).copied(), index.max_value(page).copied(), None, nulls, false)
        }
        ColumnIndexMetaData::FLOAT(index) => {
            Statistics::float(index.min_value(page).copied(), index.max_value(page).copied(), None, nulls, false)
        }
        ColumnIndexMetaData::DOUBLE(index) => {
            Statistics::double(index.min_value(page).copied(), index.max_value(page).copied(), None, nulls, false)
        }
        ColumnIndexMetaData::BYTE_ARRAY(index) => {
            let bytes = |bound: Option<&[u8]>| bound.map(|bytes| bytes.to_vec().into());
            Statistics::byte_array(bytes(index.min_value(page)), bytes(index.max_value(page)), None, nulls, false)
        }
        ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index) => {
            let bytes =
                |bound: Option<&[u8]>| bound.map(|bytes| parquet::data_type::ByteArray::from(bytes.to_vec()).into());
            Statistics::fixed_len_byte_array(
                bytes(index.min_value(page)),
                bytes(index.max_value(page)),
                None,
                nulls,
                false,
            )
        }
        ColumnIndexMetaData::INT96(_) | ColumnIndexMetaData::NONE => return None,
    })
}
