//! Comparing column bounds: can two files hold a common value?
//!
//! Every answer is on the safe side: a bound that is missing, or cannot be read, rules nothing out.

use iceberg::spec::PrimitiveType;

use crate::file::{FileEntry, PartitionValue};
use crate::ids::FieldId;
use crate::manifest::{FieldSummary, ManifestFile};
use crate::storage::identity;
use crate::table::Table;

/// A bound in a form that compares as its type does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Long(i64),
    Decimal(i128),
    Bytes(Vec<u8>),
}

/// Reads a bound as the spec's binary single-value serialization (Appendix D). Types whose order differs
/// between writers (uuid), or whose bounds leave values out (NaN), give `None`.
fn read(data_type: &PrimitiveType, bytes: &[u8]) -> Option<Bound> {
    match data_type {
        PrimitiveType::Boolean => Some(Bound::Long(i64::from(*bytes.first()? != 0))),
        // Four bytes where eight are due: the column was promoted from `int` after the file was written.
        PrimitiveType::Int | PrimitiveType::Long => read_integer(bytes),
        // Here four bytes would be a promoted date, in another unit.
        PrimitiveType::Time
        | PrimitiveType::Timestamp
        | PrimitiveType::Timestamptz
        | PrimitiveType::TimestampNs
        | PrimitiveType::TimestamptzNs => Some(Bound::Long(i64::from_le_bytes(bytes.try_into().ok()?))),
        PrimitiveType::Date => Some(Bound::Long(i64::from(i32::from_le_bytes(bytes.try_into().ok()?)))),
        PrimitiveType::Decimal { .. } => read_decimal(bytes),
        PrimitiveType::String | PrimitiveType::Binary | PrimitiveType::Fixed(_) => Some(Bound::Bytes(bytes.to_vec())),
        PrimitiveType::Float | PrimitiveType::Double | PrimitiveType::Uuid => None,
    }
}

fn read_integer(bytes: &[u8]) -> Option<Bound> {
    match bytes.len() {
        4 => Some(Bound::Long(i64::from(i32::from_le_bytes(bytes.try_into().ok()?)))),
        8 => Some(Bound::Long(i64::from_le_bytes(bytes.try_into().ok()?))),
        _ => None,
    }
}

fn read_decimal(bytes: &[u8]) -> Option<Bound> {
    let sign = if *bytes.first()? & 0x80 != 0 { 0xff } else { 0 };
    let mut full = [sign; 16];
    full.get_mut(16usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(Bound::Decimal(i128::from_be_bytes(full)))
}

/// Whether `delete` (an equality delete file) may hold the key of a row of `data`, by the bounds of the
/// key columns. Sequence numbers and partitions are not looked at.
pub(crate) fn may_share_keys(table: &Table, delete: &FileEntry, data: &FileEntry) -> bool {
    delete.equality_ids.iter().all(|id| may_share_values(table, *id, delete, data))
}

fn may_share_values(table: &Table, id: FieldId, a: &FileEntry, b: &FileEntry) -> bool {
    let Some(data_type) = table.primitive_type(id) else { return true };
    let may_have_null = |file: &FileEntry| file.metrics.null_counts.get(&id) != Some(&0);
    if may_have_null(a) && may_have_null(b) {
        return true;
    }
    let range = |file: &FileEntry| {
        let lower = read(&data_type, file.metrics.lower_bounds.get(&id)?)?;
        let upper = read(&data_type, file.metrics.upper_bounds.get(&id)?)?;
        Some((lower, upper))
    };
    match (range(a), range(b)) {
        (Some((a_lower, a_upper)), Some((b_lower, b_upper))) => a_lower <= b_upper && b_lower <= a_upper,
        _ => true,
    }
}

/// Whether a position delete file may name `data`, by the bounds of its `file_path` column (field id
/// 2147483546). Some writers cut bounds without rounding the upper one up: a path that only goes on where
/// the upper bound ends may be in the file.
pub(crate) fn may_name_path(delete: &FileEntry, data: &FileEntry) -> bool {
    const FILE_PATH: FieldId = FieldId::new(2_147_483_546);
    let bound = |bounds: &std::collections::HashMap<FieldId, Vec<u8>>| {
        bounds.get(&FILE_PATH).and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned)
    };
    let (lower, upper) = (bound(&delete.metrics.lower_bounds), bound(&delete.metrics.upper_bounds));
    let (lower, upper) = (lower.as_deref(), upper.as_deref());
    let is_within = |path: &str, lower: Option<&str>, upper: Option<&str>| {
        lower.is_none_or(|lower| lower <= path) && upper.is_none_or(|upper| path <= upper || path.starts_with(upper))
    };
    // The delete file may spell paths otherwise, and a bound may be cut within the scheme: either form will do.
    is_within(&data.path, lower, upper) || is_within(data.key(), lower.map(identity), upper.map(identity))
}

/// Whether a manifest may list files of the given partition (of the manifest's own spec).
pub(crate) fn may_hold_partition(manifest: &ManifestFile, partition: &[Option<PartitionValue>]) -> bool {
    manifest.partitions.len() != partition.len()
        || manifest.partitions.iter().zip(partition).all(|(summary, value)| may_hold_value(summary, value.as_ref()))
}

fn may_hold_value(summary: &FieldSummary, value: Option<&PartitionValue>) -> bool {
    let Some(value) = value else { return summary.contains_null };
    let read: fn(&[u8]) -> Option<Bound> = match value {
        PartitionValue::Long(_) => read_integer,
        PartitionValue::Boolean(_) => |bytes| Some(Bound::Long(i64::from(*bytes.first()? != 0))),
        PartitionValue::Decimal(_) => read_decimal,
        PartitionValue::String(_) => |bytes| Some(Bound::Bytes(bytes.to_vec())),
        // NaN stands outside the bounds, and uuids are ordered differently by different writers.
        PartitionValue::Float(_) | PartitionValue::Double(_) | PartitionValue::Bytes(_) => return true,
    };
    let value = match value {
        PartitionValue::Long(value) => Bound::Long(*value),
        PartitionValue::Boolean(value) => Bound::Long(i64::from(*value)),
        PartitionValue::Decimal(value) => Bound::Decimal(*value),
        PartitionValue::String(text) => Bound::Bytes(text.as_bytes().to_vec()),
        PartitionValue::Float(_) | PartitionValue::Double(_) | PartitionValue::Bytes(_) => return true,
    };
    let bound = |bytes: &Option<Vec<u8>>| bytes.as_deref().and_then(read);
    // Strings may be cut at both ends; a cut upper bound is rounded up, so plain comparison stays safe.
    bound(&summary.lower_bound).is_none_or(|lower| lower <= value)
        && bound(&summary.upper_bound).is_none_or(|upper| value <= upper)
}
