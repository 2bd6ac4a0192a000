//! Numbers that rows and files are spread by. Positions rely on them: they must never change.

use arrow_array::{Array, ArrayRef};
#[cfg(doc)]
use frazil_table::file::FileEntry;
use frazil_table::file::{PartitionTuple, PartitionValue};
use frazil_table::hash::{hashes, murmur3};
use frazil_table::{SpecId, TableError};

use crate::Result;

/// The lane of a hash. Of a key with one column it is Iceberg's `bucket[n_lanes]` of that column.
pub(super) fn lane(hash: u32, n_lanes: u16) -> u16 {
    u16::try_from((hash & 0x7fff_ffff) % u32::from(n_lanes.max(1))).unwrap_or_default()
}

/// One hash for each row: `h = 31 * h + hash(value)` over the columns from `h = 0` on, modulo 2^32, with 0 for NULL.
pub(super) fn of_rows(columns: &[ArrayRef], n_rows: usize) -> Result<Vec<u32>> {
    let mut combined = vec![0_u32; n_rows];
    for column in columns {
        let hashes = hashes(column).ok_or_else(|| TableError::Internal {
            detail: format!("key columns of type `{}` have no hash", column.data_type()),
        })?;
        for (row, hash) in combined.iter_mut().enumerate().take(hashes.len()) {
            let value = if hashes.is_null(row) { 0 } else { hashes.value(row) };
            *hash = hash.wrapping_mul(31).wrapping_add(value);
        }
    }
    Ok(combined)
}

/// Over the path of a file, in the form in which two spellings of one place are equal: [`FileEntry::key`].
pub(super) fn of_path(key: &str) -> u32 {
    murmur3(key.as_bytes())
}

/// Over the spec id and each value with a byte for its type; text and bytes with their length before them. Numbers are
/// little-endian.
pub(super) fn of_partition(spec_id: SpecId, partition: &PartitionTuple) -> u32 {
    let mut bytes = Vec::with_capacity(4 + 9 * partition.0.len());
    bytes.extend_from_slice(&spec_id.get().to_le_bytes());
    let sized = |bytes: &mut Vec<u8>, kind: u8, value: &[u8]| {
        bytes.push(kind);
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        bytes.extend_from_slice(value);
    };
    for value in partition.0.iter() {
        match value {
            None => bytes.push(0),
            Some(PartitionValue::Boolean(value)) => bytes.extend_from_slice(&[1, u8::from(*value)]),
            Some(PartitionValue::Long(value)) => {
                bytes.push(2);
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            Some(PartitionValue::Float(bits)) => {
                bytes.push(3);
                bytes.extend_from_slice(&bits.to_le_bytes());
            }
            Some(PartitionValue::Double(bits)) => {
                bytes.push(4);
                bytes.extend_from_slice(&bits.to_le_bytes());
            }
            Some(PartitionValue::Decimal(unscaled)) => {
                bytes.push(5);
                bytes.extend_from_slice(&unscaled.to_le_bytes());
            }
            Some(PartitionValue::String(text)) => sized(&mut bytes, 6, text.as_bytes()),
            Some(PartitionValue::Bytes(value)) => sized(&mut bytes, 7, value),
        }
    }
    murmur3(&bytes)
}

#[cfg(test)]
#[path = "hash/tests.rs"]
mod tests;
