//! Following a table as it grows: delivers what there is, waits, and asks for more; what fails for the moment is tried
//! again, for a limited time. When the table is looked at is the matter of its watch. The stream itself goes on with the very next row, so that none is lost or repeated.

use std::collections::HashSet;
use std::pin::pin;
use std::time::{Duration, Instant};

use frazil_reader::discovery::{Looked, TableWatch, pause_after};
use frazil_reader::{ChangeStream, Event};
use frazil_table::{Advice, Table};
use tracing::{info, warn};

use super::progress::Progress;
use super::{Limit, deliver};
use crate::error::CliError;
use crate::format::Sink;
use crate::output::Downstream;
use crate::stop::Stop;

/// Between two looks at whether the output is still read.
const DOWNSTREAM_INTERVAL: Duration = Duration::from_millis(250);

/// Tries to load the table that may fail for a reason which is not the store's: a writer may be half-way.
const N_LOADS_MAX: u32 = 3;

/// Causes of one outage that are told at most: some messages are never twice the same.
const N_CAUSES_MAX: usize = 20;

/// How a table is followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Pause after the first failure.
    pub(super) interval: Duration,
    /// How long everything may fail.
    pub(super) retry_timeout: Duration,
    /// Also what is no row is told.
    pub(super) has_markers: bool,
}

/// What is kept of what was delivered, and until when.
pub(super) struct Keeper<'a> {
    /// The group that is read for.
    pub(super) progress: Option<&'a mut Progress>,
    /// Ends the reading for a group between two events.
    pub(super) stop: &'a Stop,
}

impl Keeper<'_> {
    /// Ends when the program is asked to, if there is something to keep.
    async fn asked(&self) {
        match self.progress {
            Some(_) => self.stop.asked().await,
            None => std::future::pending().await,
        }
    }
}

/// Delivers what the table has and what comes, until the end that was asked for or an error that stays. `table` is the
/// state that the stream knows.
///
/// # Errors
/// What reading and writing give; failures of catalog and store that may pass only when they have lasted for the
/// retry timeout. [`CliError::ClosedPipe`] once nobody reads the output, also while there is nothing to write.
#[expect(clippy::too_many_arguments, reason = "all of it is what is followed and how")]
pub(super) async fn follow(
    mut watch: TableWatch,
    mut table: Table,
    stream: &mut ChangeStream,
    sink: &mut dyn Sink,
    downstream: &Downstream,
    limit: &mut Limit,
    pace: Pace,
    mut keeper: Keeper<'_>,
) -> Result<(), CliError> {
    let mut outage = Outage::new(pace);
    while !limit.is_reached() {
        let next = tokio::select! {
            biased;
            () = keeper.asked() => break,
            next = stream.next() => next,
        };
        match next {
            Ok(Some(event)) => {
                outage.end(&table);
                let is_end = matches!(event, Event::SnapshotEnd { .. });
                deliver(event, sink, limit, pace.has_markers)?;
                if let Some(progress) = &mut keeper.progress {
                    progress.after(stream, is_end).await?;
                }
            }
            Ok(None) if stream.is_finished() => break,
            Ok(None) => {
                let newest = tokio::select! {
                    biased;
                    () = keeper.asked() => break,
                    newest = newest(&mut watch, &table, outage.left(), downstream) => newest?,
                };
                match newest {
                    Ok(newest) if newest.is_same_state(&table) => outage.end(&table),
                    Ok(newer) => match stream.extend(&newer).await {
                        Ok(()) => {
                            outage.end(&table);
                            table = newer;
                        }
                        Err(error) => outage.wait(error.into(), &table, N_LOADS_MAX, downstream).await?,
                    },
                    // The watch pauses before it looks again.
                    Err(error) => {
                        outage.failed(error.into(), &table, N_LOADS_MAX)?;
                    }
                }
            }
            Err(error) => tokio::select! {
                biased;
                () = keeper.asked() => break,
                waited = outage.wait(error.into(), &table, 0, downstream) => waited?,
            },
        }
    }
    Ok(())
}

/// A state that is another than `table`, or what comes of the next look: one that is made after `left` at the latest.
/// Ends with [`CliError::ClosedPipe`] if the reader of the output goes away.
#[expect(clippy::disallowed_methods, reason = "nobody tells when an output is closed")]
async fn newest(
    watch: &mut TableWatch,
    table: &Table,
    left: Option<Duration>,
    downstream: &Downstream,
) -> Result<Looked, CliError> {
    let newest = watch.newest();
    if !newest.is_same_state(table) {
        return Ok(Ok(newest));
    }
    let mut looked = pin!(async {
        match left {
            None => watch.next().await,
            Some(left) => match tokio::time::timeout(left, watch.next()).await {
                Ok(looked) => looked,
                Err(_) => watch.look().await,
            },
        }
    });
    loop {
        if downstream.is_gone() {
            return Err(CliError::ClosedPipe);
        }
        tokio::select! {
            looked = &mut looked => return Ok(looked),
            () = tokio::time::sleep(DOWNSTREAM_INTERVAL) => {}
        }
    }
}

/// Lets time pass, and ends with [`CliError::ClosedPipe`] if the reader of the output goes away.
#[expect(clippy::disallowed_methods, reason = "time has to pass between two tries")]
async fn pause(duration: Duration, downstream: &Downstream) -> Result<(), CliError> {
    let mut left = duration;
    loop {
        if downstream.is_gone() {
            return Err(CliError::ClosedPipe);
        }
        if left.is_zero() {
            return Ok(());
        }
        let part = left.min(DOWNSTREAM_INTERVAL);
        tokio::time::sleep(part).await;
        left -= part;
    }
}

/// Failures since the last success.
#[derive(Debug)]
struct Outage {
    pace: Pace,
    n_failures: u32,
    begin: Option<Instant>,
    /// Causes that were told.
    told: HashSet<String>,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GiveUp,
    TryAgain(Duration),
}

impl Outage {
    fn new(pace: Pace) -> Self {
        Self { pace, n_failures: 0, begin: None, told: HashSet::new() }
    }

    /// Waits before the next try; `n_tries` says how often what does not look like passing is tried all the same.
    async fn wait(
        &mut self,
        error: CliError,
        table: &Table,
        n_tries: u32,
        downstream: &Downstream,
    ) -> Result<(), CliError> {
        pause(self.failed(error, table, n_tries)?, downstream).await
    }

    /// How long the next try has time to succeed; `None` while nothing fails.
    fn left(&self) -> Option<Duration> {
        self.begin.map(|begin| self.pace.retry_timeout.saturating_sub(begin.elapsed()))
    }

    /// Takes note of a failure. Returns how long to wait before the next try, or the error if there is to be none.
    #[expect(clippy::disallowed_methods, reason = "how long an outage has lasted is measured here and nowhere else")]
    fn failed(&mut self, error: CliError, table: &Table, n_tries: u32) -> Result<Duration, CliError> {
        let elapsed = self.begin.get_or_insert_with(Instant::now).elapsed();
        let Next::TryAgain(time) = self.next(&error, n_tries, elapsed) else { return Err(error) };
        if self.is_news(&error) {
            let retry_timeout = self.pace.retry_timeout;
            warn!(
                table = table.name(),
                error = error.message(),
                ?retry_timeout,
                "following the table failed; trying again"
            );
        }
        Ok(time)
    }

    /// `elapsed` is the time since the first failure. A last try is made at the very end.
    fn next(&mut self, error: &CliError, n_tries: u32, elapsed: Duration) -> Next {
        self.n_failures = self.n_failures.saturating_add(1);
        match self.pace.retry_timeout.checked_sub(elapsed) {
            Some(left) if !left.is_zero() && may_pass(error, self.n_failures, n_tries) => {
                Next::TryAgain(pause_after(self.n_failures, self.pace.interval).min(left))
            }
            _ => Next::GiveUp,
        }
    }

    /// Whether this cause was not yet seen in this outage.
    fn is_news(&mut self, error: &CliError) -> bool {
        self.told.len() < N_CAUSES_MAX && self.told.insert(error.message())
    }

    fn end(&mut self, table: &Table) {
        if self.n_failures > 0 {
            info!(table = table.name(), n_failures = self.n_failures, "following the table works again");
            *self = Self::new(self.pace);
        }
    }
}

/// Whether the same request may succeed later.
fn may_pass(error: &CliError, n_failures: u32, n_tries: u32) -> bool {
    match error {
        CliError::Read(error) => match error.code() {
            // What the table says of itself does not pass.
            "SNAPSHOT_EXPIRED" | "LINEAGE_BROKEN" | "TABLE_REPLACED" | "KEY_CHANGED" | "CONFIG_CHANGED" => false,
            _ => error.advice() == Advice::RetryLater || n_failures < n_tries,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use frazil_table::{SnapshotId, TableError};

    use frazil_reader::discovery::FAILURE_PAUSE_MAX;

    use super::*;

    #[test]
    fn pauses_grow_and_have_a_limit() {
        let second = Duration::from_secs(1);
        let pauses: Vec<u64> = (1..8).map(|n| pause_after(n, second).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause_after(u32::MAX, second), FAILURE_PAUSE_MAX);
        let minute = Duration::from_secs(60);
        assert_eq!(pause_after(5, minute), minute);
    }

    fn outage() -> Outage {
        let second = Duration::from_secs(1);
        Outage::new(Pace { interval: second, retry_timeout: 100 * second, has_markers: false })
    }

    fn down(cause: &str) -> CliError {
        TableError::Storage { path: "s3://b/x".to_owned(), source: cause.into() }.into()
    }

    #[test]
    fn an_outage_has_an_end_and_a_last_try_right_before_it() {
        let mut outage = outage();
        let mut elapsed = Duration::ZERO;
        let mut pauses = Vec::new();
        while let Next::TryAgain(pause) = outage.next(&down("down"), 0, elapsed) {
            elapsed += pause;
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 9]);
        assert_eq!(elapsed, outage.pace.retry_timeout);
    }

    #[test]
    fn each_cause_is_told_once_and_not_without_end() {
        let mut outage = outage();
        assert!(outage.is_news(&down("refused")));
        assert!(!outage.is_news(&down("refused")));
        assert!(outage.is_news(&down("too slow")));
        let n_told = (0..100).filter(|n| outage.is_news(&down(&format!("request {n}")))).count();
        assert_eq!(n_told, N_CAUSES_MAX - 2);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert!(may_pass(&down("down"), 1, 0) && may_pass(&down("down"), 1000, 0));
        let half: CliError = TableError::Corrupt { path: "v3.json".to_owned(), detail: "ends early".to_owned() }.into();
        assert!(may_pass(&half, 2, N_LOADS_MAX) && !may_pass(&half, 3, N_LOADS_MAX) && !may_pass(&half, 1, 0));
        let id = SnapshotId::new(1);
        let expired: CliError = TableError::SnapshotExpired { consumed: id, oldest: id }.into();
        assert!(!may_pass(&expired, 1, N_LOADS_MAX));
        assert!(!may_pass(&CliError::ClosedPipe, 1, N_LOADS_MAX));
    }
}
