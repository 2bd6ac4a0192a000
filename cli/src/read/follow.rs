//! Following a table as it grows: delivers what there is, waits, and asks for more; what fails for the moment is tried
//! again. The stream itself goes on with the very next row, so that none is lost or repeated.

use std::time::Duration;

use frazil_reader::ChangeStream;
use frazil_table::catalog::TableSource;
use frazil_table::{Advice, Table};
use tracing::{info, warn};

use super::{Limit, deliver};
use crate::error::CliError;
use crate::format::Sink;

/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Tries to load the table that may fail for a reason which is not the store's: a writer may be half-way.
const N_LOADS_MAX: u32 = 3;

/// How a table is followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Time between two looks.
    pub(super) interval: Duration,
    /// Also what is no row is told.
    pub(super) has_markers: bool,
}

/// Delivers what the table has and what comes, until the end that was asked for or an error that stays.
///
/// # Errors
/// What reading and writing give; failures of catalog and store that may pass are waited for.
pub(super) async fn follow(
    source: &dyn TableSource,
    mut table: Table,
    stream: &mut ChangeStream,
    sink: &mut dyn Sink,
    limit: &mut Limit,
    pace: Pace,
) -> Result<(), CliError> {
    let Pace { interval, has_markers } = pace;
    let mut outage = Outage::default();
    while !limit.is_reached() {
        match stream.next().await {
            Ok(Some(event)) => {
                outage.end(&table);
                deliver(event, sink, limit, has_markers)?;
            }
            Ok(None) if stream.is_finished() => break,
            Ok(None) => {
                pause(interval).await;
                match look(source, &table, stream).await {
                    Ok(newer) => {
                        outage.end(&table);
                        table = newer.unwrap_or(table);
                    }
                    Err(error) => outage.wait(error, &table, N_LOADS_MAX, interval).await?,
                }
            }
            Err(error) => outage.wait(error.into(), &table, 0, interval).await?,
        }
    }
    Ok(())
}

/// Asks for a newer state of the table and tells the stream. `None` if there is none.
async fn look(source: &dyn TableSource, table: &Table, stream: &mut ChangeStream) -> Result<Option<Table>, CliError> {
    let Some(newer) = source.load_if_changed(table).await? else { return Ok(None) };
    stream.extend(&newer).await?;
    Ok(Some(newer))
}

#[expect(clippy::disallowed_methods, reason = "nobody tells of a commit: time has to pass between two looks")]
async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Failures since the last success.
#[derive(Debug, Default)]
struct Outage {
    n_failures: u32,
}

impl Outage {
    /// Waits before the next try; `n_tries` says how often what does not look like passing is tried all the same.
    async fn wait(&mut self, error: CliError, table: &Table, n_tries: u32, interval: Duration) -> Result<(), CliError> {
        self.n_failures += 1;
        if !may_pass(&error, self.n_failures, n_tries) {
            return Err(error);
        }
        if self.n_failures == 1 {
            warn!(
                table = table.name(),
                error = error.message(),
                "following the table failed; trying again until it works"
            );
        }
        pause(pause_after(self.n_failures, interval)).await;
        Ok(())
    }

    fn end(&mut self, table: &Table) {
        if self.n_failures > 0 {
            info!(table = table.name(), n_failures = self.n_failures, "following the table works again");
            self.n_failures = 0;
        }
    }
}

/// Whether the same request may succeed later.
fn may_pass(error: &CliError, n_failures: u32, n_tries: u32) -> bool {
    match error {
        CliError::Read(error) => match error.code() {
            // What the table says of itself does not pass.
            "SNAPSHOT_EXPIRED" | "LINEAGE_BROKEN" | "TABLE_REPLACED" | "KEY_CHANGED" => false,
            _ => error.advice() == Advice::RetryLater || n_failures < n_tries,
        },
        _ => false,
    }
}

/// Twice as long after each failure.
fn pause_after(n_failures: u32, interval: Duration) -> Duration {
    let factor = 2_u32.saturating_pow(n_failures.saturating_sub(1).min(16));
    interval.saturating_mul(factor).min(PAUSE_MAX.max(interval))
}

#[cfg(test)]
mod tests {
    use frazil_table::{SnapshotId, TableError};

    use super::*;

    #[test]
    fn pauses_grow_and_have_a_limit() {
        let second = Duration::from_secs(1);
        let pauses: Vec<u64> = (1..8).map(|n| pause_after(n, second).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause_after(u32::MAX, second), PAUSE_MAX);
        let minute = Duration::from_secs(60);
        assert_eq!(pause_after(5, minute), minute);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let down: CliError = TableError::Storage { path: "s3://b/x".to_owned(), source: "down".into() }.into();
        assert!(may_pass(&down, 1, 0) && may_pass(&down, 1000, 0));
        let half: CliError = TableError::Corrupt { path: "v3.json".to_owned(), detail: "ends early".to_owned() }.into();
        assert!(may_pass(&half, 2, N_LOADS_MAX) && !may_pass(&half, 3, N_LOADS_MAX) && !may_pass(&half, 1, 0));
        let id = SnapshotId::new(1);
        let expired: CliError = TableError::SnapshotExpired { consumed: id, oldest: id }.into();
        assert!(!may_pass(&expired, 1, N_LOADS_MAX));
        assert!(!may_pass(&CliError::ClosedPipe, 1, N_LOADS_MAX));
    }
}
