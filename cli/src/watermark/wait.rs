//! Waiting for a watermark: asking again until it has been reached or the time is up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use frazil_reader::discovery::{CatalogWatch, TableWatch, WatchSettings};
use frazil_table::watermark::{TableWatermark, WatermarkName, table_watermark};
use frazil_table::{Advice, SystemClock, Table};
use tracing::{info, warn};

use crate::args::{GlobalArgs, WatermarkArgs};
use crate::clock::seed;
use crate::error::CliError;
use crate::open::open_source;

/// How long to wait, and how often to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) timeout: Duration,
    pub(super) poll_interval: Duration,
}

/// What follows a look at the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The outcome stands.
    Stop,
    /// Look again after this time.
    LookAgain(Duration),
}

impl Patience {
    /// `elapsed` is the time since the wait began. A look is made at the very end too.
    fn next(self, elapsed: Duration) -> Next {
        match self.timeout.checked_sub(elapsed) {
            None | Some(Duration::ZERO) => Next::Stop,
            Some(left) => Next::LookAgain(self.poll_interval.min(left)),
        }
    }
}

/// Where the table is found and what it said last, as far as that is known.
#[derive(Debug, Default)]
struct Watch {
    opened: Option<(TableWatch, Table)>,
    /// Of the table as it is in `opened`.
    watermark: Option<TableWatermark>,
}

impl Watch {
    /// Brings everything up to date, with a look that is made now, or, if there is a `pause`, within that time. What
    /// has not changed is not looked at again.
    async fn look(
        &mut self,
        args: &WatermarkArgs,
        global: &GlobalArgs,
        names: &[WatermarkName],
        pause: Option<Pause>,
    ) -> Result<&TableWatermark, CliError> {
        let table = match &mut self.opened {
            None => {
                if let Some(pause) = pause {
                    pause.pass().await;
                }
                let (source, table) = open_source(&args.table(), global).await?;
                let interval_max = super::patience(args).poll_interval;
                let settings = WatchSettings { interval_max, seed: seed(), ..WatchSettings::default() };
                let watch = CatalogWatch::new(settings, Arc::new(SystemClock)).watch(source, table.clone());
                &self.opened.insert((watch, table)).1
            }
            Some((watch, table)) => {
                let looked = match pause {
                    None => watch.look().await,
                    Some(Pause(pause)) => match tokio::time::timeout(pause, watch.next()).await {
                        Ok(looked) => looked,
                        Err(_) => watch.look().await,
                    },
                };
                let newest = looked?;
                if !newest.is_same_state(table) {
                    info!(metadata_location = newest.metadata_location(), "table changed");
                    *table = newest;
                    self.watermark = None;
                }
                &*table
            }
        };
        Ok(match &mut self.watermark {
            Some(watermark) => watermark,
            none => none.insert(table_watermark(table, &args.branch, names).await?),
        })
    }

    /// What the last look saw.
    fn seen(self) -> Result<(Table, TableWatermark), CliError> {
        match (self.opened, self.watermark) {
            (Some((_, table)), Some(watermark)) => Ok((table, watermark)),
            _ => Err(CliError::Internal("a look at a table without an outcome".to_owned())),
        }
    }
}

/// Time before a look.
#[derive(Debug, Clone, Copy)]
struct Pause(Duration);

impl Pause {
    #[expect(clippy::disallowed_methods, reason = "waiting for time to pass is what was asked for")]
    async fn pass(self) {
        tokio::time::sleep(self.0).await;
    }
}

/// Looks until the watermark has reached `reach_ms` or the time is up, and returns what was seen last.
///
/// # Errors
/// Whatever looking gives, at once; but what may pass only if it still fails when the time is up.
pub(super) async fn until_reached(
    args: &WatermarkArgs,
    global: &GlobalArgs,
    names: &[WatermarkName],
    reach_ms: i64,
    patience: Patience,
) -> Result<(Table, TableWatermark), CliError> {
    watch(Watch::default(), args, global, names, reach_ms, patience).await
}

#[expect(clippy::disallowed_methods, reason = "waiting for time to pass is what was asked for")]
async fn watch(
    mut watch: Watch,
    args: &WatermarkArgs,
    global: &GlobalArgs,
    names: &[WatermarkName],
    reach_ms: i64,
    patience: Patience,
) -> Result<(Table, TableWatermark), CliError> {
    let begin = Instant::now();
    let mut pause = None;
    loop {
        let failure = match watch.look(args, global, names, pause).await {
            Ok(watermark) if watermark.time.ms() >= reach_ms => return watch.seen(),
            Ok(_) => None,
            Err(error) if error.advice() == Advice::RetryLater => Some(error),
            Err(error) => return Err(error),
        };
        match (patience.next(begin.elapsed()), failure) {
            (Next::Stop, None) => return watch.seen(),
            (Next::Stop, Some(error)) => return Err(error),
            (Next::LookAgain(time), failure) => {
                match failure {
                    Some(error) => warn!("{}; asking again", error.line()),
                    None => info!("not yet reached; asking again"),
                }
                pause = Some(Pause(time));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::collections::VecDeque;
    use std::pin::Pin;
    use std::sync::Mutex;

    use clap::Parser;
    use frazil_fixtures::table;
    use frazil_table::TableError;
    use frazil_table::catalog::{TableLocator, TableSource, table_source};
    use frazil_table::storage::Storage;
    use frazil_table::watermark::TimeUnit;

    use super::*;
    use crate::args::{Cli, Command};

    type Loading<'a, T> = Pin<Box<dyn Future<Output = frazil_table::Result<T>> + Send + 'a>>;

    /// Answers each question with the next of its answers.
    #[derive(Debug)]
    struct Scripted(Mutex<VecDeque<frazil_table::Result<Option<Table>>>>);

    impl TableSource for Scripted {
        fn name(&self) -> &str {
            "scripted"
        }

        fn load<'s, 'a>(&'s self) -> Loading<'a, Table>
        where
            's: 'a,
            Self: 'a,
        {
            Box::pin(async { Err(TableError::invalid("nobody asks for that")) })
        }

        fn load_if_changed<'s, 't, 'a>(&'s self, _current: &'t Table) -> Loading<'a, Option<Table>>
        where
            's: 'a,
            't: 'a,
            Self: 'a,
        {
            let answer = self.0.lock().unwrap().pop_front().expect("asked more often than it has to");
            Box::pin(async { answer })
        }
    }

    fn unavailable() -> frazil_table::Result<Option<Table>> {
        Err(TableError::Storage { path: "s3://b/t".to_owned(), source: "down".into() })
    }

    /// The table after so many of its commits.
    async fn version(n_commits: usize) -> Table {
        let folder = table("append_watermark_v2").metadata_file.parent().unwrap();
        let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let prefix = format!("{n_commits:05}-");
        let file = files.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&prefix)).unwrap();
        let locator = TableLocator::Path(file.display().to_string());
        table_source(&locator, &Storage::local()).load().await.unwrap()
    }

    /// What comes of waiting for 02:45 from the table's sixth commit on, when it is at 01:05.
    async fn wait_for(
        answers: Vec<frazil_table::Result<Option<Table>>>,
        timeout: Duration,
    ) -> Result<(Table, TableWatermark), CliError> {
        let line = ["frazil", "watermark", "t", "--reach", "2024-03-02T02:45:00Z", "--wait"];
        let cli = Cli::try_parse_from(line).unwrap();
        let Command::Watermark(args) = &cli.command else { panic!("another command") };
        let source: Arc<dyn TableSource> = Arc::new(Scripted(Mutex::new(answers.into())));
        // Looked at when the wait asks for it, and at no other time.
        let settings = WatchSettings { interval_max: Duration::from_secs(3600), ..WatchSettings::default() };
        let table = version(6).await;
        let watched = CatalogWatch::new(settings, Arc::new(SystemClock)).watch(source, table.clone());
        let opened = Watch { opened: Some((watched, table)), watermark: None };
        let names = [WatermarkName::Property { key: "flink.watermark".to_owned(), unit: TimeUnit::Millis }];
        let patience = Patience { timeout, poll_interval: Duration::from_millis(1) };
        watch(opened, args, &cli.global, &names, 1_709_347_500_000, patience).await
    }

    #[tokio::test]
    async fn failures_that_may_pass_are_waited_out() {
        let answers =
            vec![unavailable(), Ok(None), unavailable(), Ok(Some(version(7).await)), Ok(Some(version(9).await))];
        let (table, watermark) = wait_for(answers, Duration::from_secs(3600)).await.unwrap();
        assert_eq!(watermark.time.ms(), 1_709_347_500_000);
        assert_eq!(table.metadata().snapshots().len(), 9);
    }

    #[tokio::test]
    async fn a_failure_that_lasts_is_told_when_the_time_is_up() {
        let error = wait_for(vec![unavailable()], Duration::ZERO).await.unwrap_err();
        assert_eq!(error.code(), "STORAGE_UNAVAILABLE");
    }

    #[tokio::test]
    async fn a_failure_that_will_not_pass_ends_the_wait_at_once() {
        let answers = vec![Ok(None), Err(TableError::invalid("gone"))];
        let error = wait_for(answers, Duration::from_secs(3600)).await.unwrap_err();
        assert_eq!(error.code(), "INVALID_ARGUMENT");
    }

    #[tokio::test]
    async fn when_the_time_is_up_the_last_state_is_returned() {
        let (_, watermark) = wait_for(vec![Ok(None)], Duration::ZERO).await.unwrap();
        assert_eq!(watermark.time.ms(), 1_709_341_500_000);
    }

    #[test]
    fn the_last_look_is_made_when_the_time_is_up() {
        let patience = Patience { timeout: Duration::from_secs(60), poll_interval: Duration::from_secs(25) };
        let at = |seconds| patience.next(Duration::from_secs(seconds));
        assert_eq!(at(0), Next::LookAgain(Duration::from_secs(25)));
        assert_eq!(at(50), Next::LookAgain(Duration::from_secs(10)));
        assert_eq!(at(60), Next::Stop);
        assert_eq!(at(100), Next::Stop);
    }

    #[test]
    fn without_time_there_is_one_look() {
        let patience = Patience { timeout: Duration::ZERO, poll_interval: Duration::from_secs(1) };
        assert_eq!(patience.next(Duration::ZERO), Next::Stop);
    }
}
