//! The estimate from statistics: how far back the newest data reaches.

use std::sync::Arc;

use iceberg::spec::{Operation, PrimitiveType, SnapshotRef};

use super::{EventTime, Mark, Origin, TimeUnit};
use crate::file::FileEntry;
use crate::ids::{FieldId, SnapshotId};
use crate::lineage::Lineage;
use crate::manifest::{EntryStatus, ManifestContent, manifest_list, visit_manifests};
use crate::table::Table;
use crate::{Result, TableError};

const MS_PER_DAY: i64 = 86_400_000;

/// How the bytes of a bound stand for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BoundForm {
    /// Days since the epoch.
    Date,
    /// A timestamp of this unit.
    Timestamp(TimeUnit),
    /// An integer that the user said is a time of this unit.
    Integer(TimeUnit),
}

/// What one file says of the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileBound {
    Lowest(EventTime),
    /// There is no value in the file, so nothing that could be early.
    NoValues,
    /// It has values and no bound, or one that cannot be read.
    Unknown,
}

/// What the files of one commit say together.
#[derive(Debug, Default)]
struct Bounds {
    n_files: u64,
    lowest: Option<EventTime>,
    /// The first file that does not say how far it reaches back.
    unknown: Option<Arc<str>>,
}

impl Bounds {
    fn add(&mut self, file: &FileEntry, bound: FileBound) {
        self.n_files += 1;
        match bound {
            FileBound::Lowest(time) => self.lowest = Some(self.lowest.map_or(time, |lowest| lowest.min(time))),
            FileBound::NoValues => {}
            FileBound::Unknown => self.unknown = self.unknown.take().or_else(|| Some(file.path.clone())),
        }
    }
}

/// The lowest lower bound of the column among the files of the newest commit that added rows, less the lateness.
///
/// # Errors
/// [`TableError::InvalidRequest`] if the column is not there or holds no times; [`TableError::WatermarkUnknown`]
/// if no commit added rows, or a file has no bound for the column; what reading manifests gives.
pub(super) async fn estimate(
    table: &Table,
    lineage: &Lineage,
    column: &str,
    unit: Option<TimeUnit>,
    lateness_ms: i64,
) -> Result<Mark> {
    let (id, form) = column_of(table, column, unit)?;
    let Some((snapshot, bounds)) = newest_addition(table, lineage, id, form).await? else {
        return Err(TableError::watermark_unknown(format!(
            "no snapshot of the branch added rows, so column `{column}` has no bounds"
        )));
    };
    if let Some(path) = bounds.unknown {
        return Err(TableError::watermark_unknown(format!(
            "file `{path}` has no usable lower bound for column `{column}`; let its writer keep bounds with the \
             table property `write.metadata.metrics.column.{column}`=`full`"
        )));
    }
    let snapshot_id = SnapshotId::new(snapshot.snapshot_id());
    let time = bounds.lowest.and_then(|time| time.minus_ms(lateness_ms)).ok_or_else(|| {
        TableError::watermark_unknown(format!(
            "the rows that snapshot `{snapshot_id}` added have no time in column `{column}`"
        ))
    })?;
    Ok(Mark {
        name: format!("column:{column}"),
        key: column.to_owned(),
        time,
        origin: Origin::Column { snapshot_id, committed_at_ms: snapshot.timestamp_ms() },
        is_idle: false,
    })
}

/// Id of the column, and how its bounds are read.
fn column_of(table: &Table, column: &str, unit: Option<TimeUnit>) -> Result<(FieldId, BoundForm)> {
    let schema = table.metadata().current_schema();
    let field = schema.field_by_name(column).ok_or_else(|| {
        let names: Vec<&str> = schema.as_struct().fields().iter().map(|field| field.name.as_str()).take(20).collect();
        TableError::invalid(format!("column `{column}` is not in the table; its columns are {}", names.join(", ")))
    })?;
    let id = FieldId::new(field.id);
    let refused = |why: &str| {
        let text = table.foreign_types().get(&id).cloned().unwrap_or_else(|| field.field_type.to_string());
        Err(TableError::invalid(format!(
            "column `{column}` has type {text}, {why}; a watermark is estimated from a date, a timestamp, or an integer with its unit"
        )))
    };
    let form = match table.primitive_type(id) {
        Some(PrimitiveType::Date) => BoundForm::Date,
        Some(PrimitiveType::Timestamp | PrimitiveType::Timestamptz) => BoundForm::Timestamp(TimeUnit::Micros),
        Some(PrimitiveType::TimestampNs | PrimitiveType::TimestamptzNs) => BoundForm::Timestamp(TimeUnit::Nanos),
        Some(PrimitiveType::Int | PrimitiveType::Long) => match unit {
            Some(TimeUnit::Rfc3339) => return refused("which is not a text of RFC 3339"),
            unit => return Ok((id, BoundForm::Integer(unit.unwrap_or(TimeUnit::Millis)))),
        },
        Some(PrimitiveType::Time) => return refused("a time of day without its day"),
        _ => return refused("which holds no times"),
    };
    if unit.is_some() {
        return refused("which has its own unit");
    }
    Ok((id, form))
}

/// The newest snapshot that added rows, and what the data files that it added say. Compactions are passed over:
/// what they add was there before. So are entries of merged manifests, by the snapshot that each entry names.
async fn newest_addition<'a>(
    table: &Table,
    lineage: &'a Lineage,
    column: FieldId,
    form: BoundForm,
) -> Result<Option<(&'a SnapshotRef, Bounds)>> {
    for snapshot in lineage.snapshots().iter().rev() {
        if snapshot.summary().operation == Operation::Replace {
            continue;
        }
        let id = SnapshotId::new(snapshot.snapshot_id());
        let list = manifest_list(table, snapshot).await?;
        // A list, since the compiler cannot tell of a filter that it may move between threads.
        let own: Vec<_> = (list.iter())
            .filter(|manifest| {
                manifest.content == ManifestContent::Data
                    && manifest.added_snapshot_id == id
                    && manifest.may_have_changes()
            })
            .collect();
        let mut bounds = Bounds::default();
        visit_manifests(table, own, |_, entries| {
            for entry in entries.iter().filter(|entry| entry.status == EntryStatus::Added && entry.snapshot_id == id) {
                if entry.file.record_count > 0 {
                    bounds.add(&entry.file, bound_of(&entry.file, column, form));
                }
            }
        })
        .await?;
        if bounds.n_files > 0 {
            return Ok(Some((snapshot, bounds)));
        }
    }
    Ok(None)
}

fn bound_of(file: &FileEntry, id: FieldId, form: BoundForm) -> FileBound {
    let metrics = &file.metrics;
    if let Some(bytes) = metrics.lower_bounds.get(&id) {
        return read(bytes, form).map_or(FileBound::Unknown, FileBound::Lowest);
    }
    let n_values = metrics.value_counts.get(&id).copied().unwrap_or(file.record_count);
    match metrics.null_counts.get(&id) {
        Some(n_nulls) if *n_nulls >= n_values => FileBound::NoValues,
        _ => FileBound::Unknown,
    }
}

/// A bound as the spec's binary single-value serialization (Appendix D). Four bytes where eight are due: the
/// column was promoted from `int` or `date` after the file was written.
fn read(bytes: &[u8], form: BoundForm) -> Option<EventTime> {
    let date = |days: i32| EventTime::from_ms(i64::from(days) * MS_PER_DAY);
    let short = || Some(i32::from_le_bytes(bytes.try_into().ok()?));
    let long = || Some(i64::from_le_bytes(bytes.try_into().ok()?));
    match form {
        BoundForm::Date => date(short()?),
        BoundForm::Timestamp(unit) => {
            long().map_or_else(|| date(short()?), |value| EventTime::from_number(value, unit))
        }
        BoundForm::Integer(unit) => EventTime::from_number(long().or_else(|| short().map(i64::from))?, unit),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::date(&20_000_i32.to_le_bytes(), BoundForm::Date, Some(1_728_000_000_000))]
    #[case::date_before_the_epoch(&(-1_i32).to_le_bytes(), BoundForm::Date, Some(-86_400_000))]
    #[case::micros(&1_700_000_000_000_999_i64.to_le_bytes(), BoundForm::Timestamp(TimeUnit::Micros), Some(1_700_000_000_000))]
    #[case::nanos(&1_700_000_000_000_999_999_i64.to_le_bytes(), BoundForm::Timestamp(TimeUnit::Nanos), Some(1_700_000_000_000))]
    #[case::date_that_became_a_timestamp(&1_i32.to_le_bytes(), BoundForm::Timestamp(TimeUnit::Micros), Some(86_400_000))]
    #[case::date_that_became_one_in_nanos(&1_i32.to_le_bytes(), BoundForm::Timestamp(TimeUnit::Nanos), Some(86_400_000))]
    #[case::int_that_became_a_long(&7_i32.to_le_bytes(), BoundForm::Integer(TimeUnit::Seconds), Some(7000))]
    #[case::year_10000(&253_402_300_800_000_000_i64.to_le_bytes(), BoundForm::Timestamp(TimeUnit::Micros), None)]
    #[case::date_of_no_year(&i32::MAX.to_le_bytes(), BoundForm::Date, None)]
    #[case::too_short(&[1, 2, 3], BoundForm::Date, None)]
    #[case::too_long(&[0; 9], BoundForm::Timestamp(TimeUnit::Micros), None)]
    #[case::empty(&[], BoundForm::Integer(TimeUnit::Millis), None)]
    fn bounds_are_read_by_their_length_and_form(
        #[case] bytes: &[u8],
        #[case] form: BoundForm,
        #[case] ms: Option<i64>,
    ) {
        assert_eq!(read(bytes, form).map(EventTime::ms), ms);
    }
}
