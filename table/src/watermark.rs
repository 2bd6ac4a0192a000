//! Table watermarks: the event time up to which a table's writers say that it is complete.
//!
//! What the marks mean is in `docs/watermark.md`. Finding them is a plain function over metadata (`find`);
//! only an estimate from column statistics reads manifests ([`column`]).

mod column;
mod find;
mod time;

use std::collections::HashMap;

use async_recursion::async_recursion as boxed;
use iceberg::spec::SnapshotRef;

use crate::ids::SnapshotId;
use crate::lineage::Lineage;
use crate::table::Table;
use crate::{MAIN_BRANCH, Result, TableError};

use self::find::Commit;
pub(crate) use self::find::SUMMARY_PREFIX;
pub use self::time::{EventTime, TimeUnit};

/// Iceberg's Kafka Connect sink writes this key: all records up to that time are in the table.
/// It stands for a writer of that name.
pub const KAFKA_CONNECT_KEY: &str = "kafka.connect.valid-through-ts";

/// Where a watermark is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatermarkName {
    /// What a writer left under `watermark.<name>`; [`KAFKA_CONNECT_KEY`] is the name of Kafka Connect's sink.
    Writer(String),
    /// Any key of a snapshot summary, else any table property.
    Property {
        /// The key, as it is.
        key: String,
        /// Unit of its value.
        unit: TimeUnit,
    },
    /// An estimate: the lowest lower bound of a column among the files of the newest commit that added data.
    Column {
        /// Name of the column; dots reach into structs.
        column: String,
        /// Unit of an integer column, milliseconds if `None`. Dates and timestamps have their own.
        unit: Option<TimeUnit>,
        /// How late rows may come, in milliseconds: taken off the bound.
        lateness_ms: i64,
    },
}

/// Where a mark was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the summary of a snapshot.
    Summary {
        /// The newest snapshot that has the value.
        snapshot_id: SnapshotId,
        /// When it was committed, milliseconds since the epoch.
        committed_at_ms: i64,
    },
    /// In the table's properties.
    Property,
    /// In column bounds of the files that a snapshot added.
    Column {
        /// The snapshot.
        snapshot_id: SnapshotId,
        /// When it was committed, milliseconds since the epoch.
        committed_at_ms: i64,
    },
}

/// What one writer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The writer, or the property or column that stands for one.
    pub name: String,
    /// Key of the summary or property; name of the column.
    pub key: String,
    /// All events before this time are in the table.
    pub time: EventTime,
    /// Where it was found.
    pub origin: Origin,
    /// The writer is marked idle: it holds nobody back, unless it was asked for by name.
    pub is_idle: bool,
}

/// The watermark of a table's branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableWatermark {
    /// The lowest of all marks that count.
    pub time: EventTime,
    /// What each writer says, by name; in the order asked for if names were given.
    pub marks: Vec<Mark>,
    /// What was found and could not be used, and why the outcome is sound all the same.
    pub warnings: Vec<String>,
}

/// Finds the watermark of a branch. Without names, all writers' marks count except those of writers marked
/// idle; with names, exactly those, each of which must be there.
///
/// Reads metadata only, unless a [`WatermarkName::Column`] is asked for: that reads the manifests of one commit.
///
/// # Errors
/// [`TableError::WatermarkUnknown`] if there is no mark, one cannot be read, or all writers are idle;
/// [`TableError::InvalidRequest`] if there is no such branch, or the column is none that holds times. With
/// columns, also what reading manifests gives.
#[boxed]
pub async fn table_watermark(table: &Table, branch: &str, names: &[WatermarkName]) -> Result<TableWatermark> {
    let metadata = table.metadata();
    let lineage = Lineage::of_branch(metadata, table.metadata_location(), branch)?;
    let commits = commits(&lineage);
    if names.is_empty() {
        return find::all_writers(&commits, metadata.properties(), branch);
    }
    let properties = metadata.properties();
    let mut marks = Vec::with_capacity(names.len());
    let mut warnings = Vec::new();
    for name in names {
        marks.push(match name {
            WatermarkName::Writer(writer) => find::writer(&commits, properties, writer, &mut warnings)?,
            WatermarkName::Property { key, unit } => find::property(&commits, properties, key, *unit, &mut warnings)?,
            WatermarkName::Column { column, unit, lateness_ms } => {
                column::estimate(table, &lineage, column, *unit, *lateness_ms).await?
            }
        });
    }
    // What was asked for by name counts, idle or not.
    let time = marks.iter().map(|mark| mark.time).min();
    let time = time.ok_or_else(|| TableError::internal("a watermark of no marks"))?;
    Ok(TableWatermark { time, marks, warnings })
}

/// The watermark of all writers as of a snapshot, by what it and its ancestors say of themselves: table properties tell
/// of the newest state only. `None` if they say nothing that can be used.
pub fn watermark_as_of(table: &Table, snapshot: &SnapshotRef) -> Option<EventTime> {
    let lineage = Lineage::of_head(table.metadata(), table.metadata_location(), snapshot).ok()?;
    find::all_writers(&commits(&lineage), &HashMap::new(), MAIN_BRANCH).ok().map(|found| found.time)
}

fn commits(lineage: &Lineage) -> Vec<Commit<'_>> {
    lineage.snapshots().iter().map(Commit::new).collect()
}

impl TableError {
    fn watermark_unknown(detail: impl ToString) -> Self {
        Self::WatermarkUnknown { detail: crate::error::one_line(&detail.to_string()) }
    }
}
