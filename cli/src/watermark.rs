//! `frazil watermark`: up to which event time a table is complete, and whether that is far enough.

mod report;
mod set;
mod wait;

use std::time::Duration;

use frazil_table::watermark::{TableWatermark, TimeUnit, WatermarkName, table_watermark};
use tracing::warn;

use self::report::{Reach, Report};
use self::wait::{Patience, until_reached};
use crate::args::{GlobalArgs, NameArg, ReachArg, WatermarkArgs, WatermarkSetCommand};
use crate::clock;
use crate::error::CliError;
use crate::open::open;
use crate::output::Output;

const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30 * 60);
const POLL_INTERVAL_DEFAULT: Duration = Duration::from_secs(10);
/// A catalog is not to be asked without pause.
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Runs the command.
///
/// # Errors
/// [`CliError::NotYet`] if the watermark has not reached what it was asked to; [`CliError::Usage`] if options
/// contradict each other; what loading the table, finding its watermark and writing give.
pub(crate) async fn run(args: &WatermarkArgs, global: &GlobalArgs) -> Result<(), CliError> {
    match &args.set {
        Some(WatermarkSetCommand::Set(args)) => set::run(args, global).await,
        None => show(args, global).await,
    }
}

async fn show(args: &WatermarkArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let names = names(args)?;
    let now_ms = clock::now_ms();
    let reach_ms = args.reach.map(|reach| reach_ms(reach, now_ms));
    let (table, watermark) = match (reach_ms, args.wait) {
        (Some(reach_ms), true) => until_reached(args, global, &names, reach_ms, patience(args)).await?,
        _ => {
            let table = open(&args.table(), global).await?;
            let watermark = table_watermark(&table, &args.branch, &names).await?;
            (table, watermark)
        }
    };
    warn_of(&watermark);
    let reach = reach_ms.map(|time_ms| Reach { time_ms, is_reached: watermark.time.ms() >= time_ms });
    // After a wait the moment that lags are counted to is its end.
    let now_ms = if args.wait { clock::now_ms() } else { now_ms };
    let report = Report::new(&table, &args.branch, &watermark, reach, now_ms);
    let text = if global.json { report.json()? } else { report.text() };
    Output::stdout().put(text.as_bytes())?;
    match reach {
        Some(Reach { is_reached: false, .. }) => Err(CliError::NotYet),
        _ => Ok(()),
    }
}

fn patience(args: &WatermarkArgs) -> Patience {
    Patience {
        timeout: args.timeout.unwrap_or(TIMEOUT_DEFAULT),
        poll_interval: args.poll_interval.unwrap_or(POLL_INTERVAL_DEFAULT).max(POLL_INTERVAL_MIN),
    }
}

fn warn_of(watermark: &TableWatermark) {
    for warning in &watermark.warnings {
        warn!("{warning}");
    }
}

fn reach_ms(reach: ReachArg, now_ms: i64) -> i64 {
    match reach {
        ReachArg::At(time_ms) => time_ms,
        ReachArg::BeforeNow(duration) => now_ms.saturating_sub(millis(duration)),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// What is looked for; options that would have no effect are refused.
fn names(args: &WatermarkArgs) -> Result<Vec<WatermarkName>, CliError> {
    let has = |is: fn(&NameArg) -> bool| args.name.iter().any(is);
    if args.lateness.is_some() && !has(|name| matches!(name, NameArg::Column(_))) {
        return Err(CliError::Usage("--lateness is for an estimate from a column; add --name column:NAME".to_owned()));
    }
    if args.unit.is_some() && !has(|name| matches!(name, NameArg::Column(_) | NameArg::Property(_))) {
        return Err(CliError::Usage(
            "--unit is for a property or an integer column; add --name property:KEY or --name column:NAME".to_owned(),
        ));
    }
    let unit = args.unit.map(TimeUnit::from);
    let name = |name: &NameArg| match name {
        NameArg::Writer(name) => WatermarkName::Writer(name.clone()),
        NameArg::Property(key) => WatermarkName::Property { key: key.clone(), unit: unit.unwrap_or(TimeUnit::Millis) },
        NameArg::Column(column) => WatermarkName::Column {
            column: column.clone(),
            unit,
            lateness_ms: millis(args.lateness.unwrap_or_default()),
        },
    };
    Ok(args.name.iter().map(name).collect())
}
