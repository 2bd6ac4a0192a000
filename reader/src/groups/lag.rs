//! How far a group is behind.

use frazil_table::Table;
use frazil_table::lineage::Lineage;

use crate::position::Position;

/// How far a position is behind the head of its branch, by what snapshots say of themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// Snapshots after it.
    pub snapshots: usize,
    /// Rows that those added or deleted.
    pub rows: u64,
    /// Bytes of the files that those added.
    pub bytes: u64,
    /// From the commit that was delivered last to the newest, milliseconds.
    pub time_ms: i64,
}

/// How far a position is behind. `None` if it is not on its branch any more.
///
/// # Errors
/// [`TableError::InvalidRequest`](frazil_table::TableError::InvalidRequest) if the branch is not there.
pub fn lag(table: &Table, position: &Position) -> frazil_table::Result<Option<Lag>> {
    let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), position.branch())?;
    let (first, stands_at_ms) = match position.snapshot_id().or(position.scanned_snapshot_id()) {
        // A scan that is not complete is not counted: it is of a state, and not of what was added since.
        Some(id) => match lineage.index_of(id) {
            Some(index) => (index + 1, lineage.watermark_ms(index)),
            None => return Ok(None),
        },
        None if lineage.starts_with_gap() => return Ok(None),
        None => (0, lineage.watermark_ms(0)),
    };
    let mut lag = Lag::default();
    for snapshot in lineage.snapshots().iter().skip(first) {
        let number = |key: &str| -> u64 {
            let text = snapshot.summary().additional_properties.get(key);
            text.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        lag.snapshots += 1;
        lag.rows += number("added-records") + number("deleted-records");
        lag.bytes += number("added-files-size");
    }
    let head_ms = lineage.snapshots().len().checked_sub(1).and_then(|last| lineage.watermark_ms(last));
    lag.time_ms = head_ms.zip(stands_at_ms).map_or(0, |(head, stands_at)| head.saturating_sub(stands_at));
    Ok(Some(lag))
}
