//! Keys against the bloom filter of a column chunk.

use std::ops::Range;

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use parquet::basic::Type as PhysicalType;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::ColumnChunkMetaData;

use super::convert::Conversion;
use super::parquet::Inner;
use super::statistics::{each_bytes, each_number};
use super::thrift;
use crate::Result;

/// With more keys than this some would pass a filter by chance, and hashing costs more than it may save.
pub(super) const KEYS_MAX: usize = 4096;

/// Filters larger than this are not read.
const FILTER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bytes that a filter's header fits in.
const HEADER_BYTES: u64 = 64;

/// The filter of a column chunk, if it has one that is worth reading.
pub(super) async fn read(file: &Inner, chunk: &ColumnChunkMetaData) -> Result<Option<Sbbf>> {
    let Some(start) = chunk.bloom_filter_offset().and_then(|offset| u64::try_from(offset).ok()) else {
        return Ok(None);
    };
    let file_size = file.file.file_size_bytes;
    let length = match chunk.bloom_filter_length().map(u64::try_from) {
        Some(Ok(length)) => length,
        Some(Err(_)) => return Err(file.corrupt("a bloom filter has a negative length")),
        None => {
            // Old writers did not write the length: it is in the filter's header.
            let end = start.saturating_add(HEADER_BYTES).min(file_size);
            let header = bytes(file, start..end).await?;
            let outline = thrift::outline(&header).map_err(|error| file.corrupt(format!("bloom filter: {error}")))?;
            let n_bytes = outline.first_integer.and_then(|n_bytes| u64::try_from(n_bytes).ok());
            n_bytes.ok_or_else(|| file.corrupt("a bloom filter has no length"))?.saturating_add(outline.n_bytes as u64)
        }
    };
    let smaller_than_chunk = u64::try_from(chunk.compressed_size()).is_ok_and(|size| length < size);
    if length > FILTER_BYTES_MAX || !smaller_than_chunk {
        return Ok(None);
    }
    let filter = bytes(file, start..start.saturating_add(length)).await?;
    let outline = thrift::outline(&filter).map_err(|error| file.corrupt(format!("bloom filter: {error}")))?;
    // The parquet crate indexes into the filter's 32-byte blocks without looking whether there are any.
    if outline.n_bytes + 32 > filter.len() || !(filter.len() - outline.n_bytes).is_multiple_of(32) {
        return Err(file.corrupt("a bloom filter is no number of whole blocks"));
    }
    Sbbf::from_bytes(&filter).map(Some).map_err(|error| file.corrupt(format!("bloom filter: {error}")))
}

async fn bytes(file: &Inner, range: Range<u64>) -> Result<bytes::Bytes> {
    if range.start > range.end || range.end > file.file.file_size_bytes {
        return Err(file.corrupt("a bloom filter lies outside of the file"));
    }
    let bytes = file.table.storage().read_ranges(&file.file.path, std::slice::from_ref(&range)).await?;
    Ok(bytes.into_iter().next().unwrap_or_default())
}

/// Filters can be asked for values of a column: the bytes that the file has for a value are known.
/// `stored` is the column's type in the file, `to` that of the keys.
pub(super) fn is_known_form(physical: PhysicalType, stored: &DataType, conversion: Conversion, to: &DataType) -> bool {
    match physical {
        PhysicalType::INT32 | PhysicalType::INT64 => {
            let same_number = matches!(
                conversion,
                Conversion::Same | Conversion::Relabel | Conversion::Widen | Conversion::Precision
            );
            same_number && !matches!(stored, DataType::UInt32 | DataType::UInt64)
        }
        PhysicalType::BYTE_ARRAY => matches!(to, DataType::Utf8 | DataType::Binary),
        PhysicalType::FIXED_LEN_BYTE_ARRAY => {
            conversion == Conversion::Same && matches!(to, DataType::FixedSizeBinary(_))
        }
        // Floats are equal in other ways than their bytes (zeros, NaN).
        _ => false,
    }
}

/// Clears `alive[i]` where the filter does not know the key `keys[i]`. Null keys stay as they are: filters
/// have no nulls.
pub(super) fn narrow(filter: &Sbbf, physical: PhysicalType, keys: &ArrayRef, alive: &mut [bool]) {
    let mut check = |row: usize, known: &dyn Fn() -> bool| {
        if alive[row] && keys.is_valid(row) {
            alive[row] = known();
        }
    };
    match physical {
        // A number that the file's type cannot hold is not in the file.
        PhysicalType::INT32 => each_number(keys, |row, value| {
            check(row, &|| i32::try_from(value).is_ok_and(|value| filter.check(&value)));
        }),
        PhysicalType::INT64 => each_number(keys, |row, value| {
            check(row, &|| i64::try_from(value).is_ok_and(|value| filter.check(&value)));
        }),
        _ => each_bytes(keys, |row, value| check(row, &|| filter.check(value))),
    }
}
