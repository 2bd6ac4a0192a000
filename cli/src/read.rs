//! `frazil read`: changes or rows of a table, to standard output or a file.

mod check;
mod follow;
mod progress;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_schema::SchemaRef;
use frazil_reader::discovery::{CatalogWatch, DEFAULT_INTERVAL_MAX, WatchSettings};
use frazil_reader::{
    ChangeBatch, Event, From, Lanes, Mode, N_LANES_MAX, ReadOptions, RowsOptions, SchemaMode, StreamHeader,
    follow_changes, read_changes, read_rows,
};
use frazil_table::catalog::TableSource;
use frazil_table::filter::Filter;
use frazil_table::{SystemClock, Table};
use tracing::warn;

use self::check::check;
use self::progress::Progress;
pub(crate) use self::progress::owner;
use crate::args::{FormatArg, GlobalArgs, ModeArg, ReadArgs};
use crate::error::CliError;
use crate::format::{self, Content, Detour, Form, KeyChange, SchemaChange, Sink};
use crate::open::open_source;
use crate::output::{Look, Output};
use crate::settings::Settings;
use crate::stop::Stop;
use crate::{clock, heads};

/// How long a table that is followed may fail without a success, unless another time is asked for: long enough for
/// the restart of a catalog or a store, and short enough that whoever watches the command learns of it.
const RETRY_TIMEOUT: Duration = Duration::from_secs(600);

/// Runs the command.
///
/// # Errors
/// [`CliError::Usage`] for options that contradict each other; else what reading and writing give.
pub(crate) async fn run(args: &ReadArgs, global: &GlobalArgs, stop: &Stop) -> Result<(), CliError> {
    let is_terminal = io::stdout().is_terminal();
    let format = format_of(args, global.json, is_terminal);
    check(args, format, is_terminal && is_stdout(args.output.as_deref()))?;
    let filter = args.filter.as_deref().map(Filter::parse).transpose()?;
    let (source, table) = open_source(&args.table, global).await?;
    let Some(mode) = mode_of(args.mode) else { return rows(&table, args, global, format, filter).await };
    let mut options = options(args, global, format, mode, filter);
    let mut progress = None;
    if let Some(name) = &args.group {
        // A file that appears at its end holds nothing before.
        let is_written_at_once = format != FormatArg::Parquet && (args.follow || is_stdout(args.output.as_deref()));
        let (begun, from) = Progress::begin(name, &table, &Settings::load(global)?, is_written_at_once).await?;
        options.from = from.unwrap_or(options.from);
        progress = Some(begun);
        stop.let_me_end();
    }
    if args.follow {
        let settings = Settings::load(global)?;
        let interval = args.poll_interval.or(settings.reader().monitor_interval).unwrap_or(DEFAULT_INTERVAL_MAX);
        follow(source, table, args, options, format, interval, &settings, progress, stop).await
    } else {
        changes(&table, args, options, format, progress, stop).await
    }
}

/// The mode of a stream of changes; `None` for the rows of one state.
fn mode_of(mode: ModeArg) -> Option<Mode> {
    match mode {
        ModeArg::Rows => None,
        ModeArg::Append => Some(Mode::Append),
        ModeArg::Upsert => Some(Mode::Upsert),
        ModeArg::Changelog => Some(Mode::Changelog),
        ModeArg::Net => Some(Mode::Net),
    }
}

fn format_of(args: &ReadArgs, is_json: bool, is_terminal: bool) -> FormatArg {
    let is_for_people = !is_json && is_terminal && is_stdout(args.output.as_deref());
    args.format.unwrap_or(if is_for_people { FormatArg::Table } else { FormatArg::Jsonl })
}

fn is_stdout(output: Option<&Path>) -> bool {
    output.is_none_or(|path| path == Path::new("-"))
}

/// How many rows may still be written; messages, where a form has those.
struct Limit(Option<u64>);

impl Limit {
    /// What is left, where it fits a batch.
    fn left(&self) -> usize {
        self.0.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX))
    }

    fn use_up(&mut self, n: usize) {
        if let Some(left) = &mut self.0 {
            *left = left.saturating_sub(n as u64);
        }
    }

    fn is_reached(&self) -> bool {
        self.0 == Some(0)
    }
}

async fn rows(
    table: &Table,
    args: &ReadArgs,
    global: &GlobalArgs,
    format: FormatArg,
    filter: Option<Filter>,
) -> Result<(), CliError> {
    let mut options = RowsOptions {
        at: args.at.clone().unwrap_or_default(),
        branch: args.branch.clone(),
        columns: args.columns.clone().map(|columns| columns.0),
        schema: args.schema.unwrap_or_default(),
        filter,
        ..RowsOptions::default()
    };
    if let Some(bytes) = global.memory_limit {
        options.memory_limit_bytes = bytes;
    }
    let mut stream = read_rows(table, options).await?;
    let mut sink = sink(args, format, table, stream.schema(), None)?;
    let mut limit = Limit(args.limit);
    while !limit.is_reached()
        && let Some(batch) = stream.next().await?
    {
        let n_rows = batch.num_rows().min(limit.left());
        limit.use_up(n_rows);
        sink.rows(&batch.slice(0, n_rows))?;
    }
    sink.finish()
}

async fn changes(
    table: &Table,
    args: &ReadArgs,
    options: ReadOptions,
    format: FormatArg,
    mut progress: Option<Progress>,
    stop: &Stop,
) -> Result<(), CliError> {
    let mut stream = read_changes(table, options).await?;
    let mut sink = sink(args, format, table, &stream.header().schema, Some(stream.header()))?;
    let mut limit = Limit(args.limit);
    while !limit.is_reached() {
        let next = tokio::select! {
            biased;
            // A file that is not complete is none, and nothing of it counts.
            () = stop.asked(), if progress.as_ref().is_some() => {
                return match progress {
                    Some(mut progress) if progress.is_written_at_once() => progress.keep(&stream).await,
                    _ => Ok(()),
                };
            }
            next = stream.next() => next?,
        };
        let Some(event) = next else { break };
        let is_end = matches!(event, Event::SnapshotEnd { .. });
        deliver(event, sink.as_mut(), &mut limit, args.markers)?;
        if let Some(progress) = &mut progress {
            progress.after(&stream, is_end).await?;
        }
    }
    sink.finish()?;
    match &mut progress {
        Some(progress) => progress.keep(&stream).await,
        None => Ok(()),
    }
}

#[expect(clippy::too_many_arguments, reason = "all of it is what is followed and how")]
async fn follow(
    source: Arc<dyn TableSource>,
    table: Table,
    args: &ReadArgs,
    options: ReadOptions,
    format: FormatArg,
    interval_max: Duration,
    settings: &Settings,
    mut progress: Option<Progress>,
    stop: &Stop,
) -> Result<(), CliError> {
    let mut stream = follow_changes(&table, options).await?;
    let output = output(args)?;
    let downstream = output.downstream()?;
    let mut sink = sink_of(output, args, format, &table, &stream.header().schema, Some(stream.header()))?;
    let retry_timeout = args.retry_timeout.unwrap_or(RETRY_TIMEOUT);
    let watching = WatchSettings { interval_max, seed: clock::seed(), ..WatchSettings::default() };
    let watch = CatalogWatch::new(watching, Arc::new(SystemClock)).watch(source.clone(), table.clone());
    let _heads = heads::listen(&source, settings.lock(), watch.hints()).await?;
    let pace = follow::Pace { interval: interval_max, retry_timeout, has_markers: args.markers };
    let mut limit = Limit(args.limit);
    let following = follow::follow(
        watch,
        table,
        &mut stream,
        sink.as_mut(),
        &downstream,
        &mut limit,
        pace,
        follow::Keeper { progress: progress.as_mut(), stop },
    );
    following.await?;
    sink.finish()?;
    match &mut progress {
        Some(progress) => progress.keep(&stream).await,
        None => Ok(()),
    }
}

/// Writes one event down.
fn deliver(event: Event, sink: &mut dyn Sink, limit: &mut Limit, has_markers: bool) -> Result<(), CliError> {
    match event {
        Event::Changes(batch) => {
            let (n_rows, n_used) = sink.n_rows_of(&batch.operations, limit.left());
            limit.use_up(n_used);
            sink.changes(&first_rows(batch, n_rows))
        }
        Event::SchemaChange { snapshot, from, to, schema } => {
            sink.schema_change(&SchemaChange { snapshot: &snapshot, from, to, schema: &schema })
        }
        Event::KeyChange { snapshot, before, now } if has_markers => {
            sink.key_change(&KeyChange { snapshot: &snapshot, before: &before, now: &now })
        }
        Event::SnapshotEnd { snapshot, snapshot_watermark_ms } if has_markers => {
            sink.snapshot_end(&snapshot, snapshot_watermark_ms)
        }
        Event::Truncate { snapshot, consumed } => {
            warn!(snapshot_id = %snapshot.snapshot_id, "what was delivered is void; all rows of the snapshot follow");
            detour(sink, Detour::Truncate { snapshot: &snapshot, consumed }, has_markers)
        }
        Event::Gap { snapshot, consumed, is_lossy } => {
            if is_lossy {
                warn!(snapshot_id = %snapshot.snapshot_id, "changes of expired snapshots are left out up to this one");
            }
            detour(sink, Detour::Gap { snapshot: &snapshot, consumed, is_lossy }, has_markers)
        }
        Event::Rollback { snapshot, undone } => {
            detour(sink, Detour::Rollback { snapshot: &snapshot, undone }, has_markers)
        }
        Event::KeyChange { .. } | Event::SnapshotEnd { .. } => Ok(()),
    }
}

fn detour(sink: &mut dyn Sink, detour: Detour<'_>, has_markers: bool) -> Result<(), CliError> {
    if has_markers { sink.detour(&detour) } else { Ok(()) }
}

fn options(args: &ReadArgs, global: &GlobalArgs, format: FormatArg, mode: Mode, filter: Option<Filter>) -> ReadOptions {
    let default_schema = match format {
        // They have one schema from beginning to end.
        FormatArg::Arrow | FormatArg::Csv | FormatArg::Parquet => SchemaMode::PinnedToEnd,
        FormatArg::Jsonl | FormatArg::Table | FormatArg::DebeziumJson => SchemaMode::Follow,
    };
    let defaults = ReadOptions::default();
    ReadOptions {
        mode,
        from: args.from.clone().unwrap_or(if args.follow { From::Full } else { From::default() }),
        to: args.to.clone().unwrap_or_default(),
        branch: args.branch.clone(),
        key: args.key.clone().map(|key| key.0),
        columns: args.columns.clone().map(|columns| columns.0),
        filter,
        filter_updates: args.filter_updates.map_or(defaults.filter_updates, Into::into),
        drop_kinds: args.drop_kinds.iter().map(|kind| (*kind).into()).collect(),
        schema: args.schema.unwrap_or(default_schema),
        duplicate_keys: args.duplicate_keys.map_or(defaults.duplicate_keys, Into::into),
        replace_check: args.replace_check.map_or(defaults.replace_check, Into::into),
        on_replace_mismatch: args.on_replace_mismatch.map_or(defaults.on_replace_mismatch, Into::into),
        emit_noop_updates: args.emit_noop_updates,
        on_key_change: args.on_key_change.map_or(defaults.on_key_change, Into::into),
        readers: args.readers,
        lanes: lanes(args),
        on_non_append: args.on_non_append.map_or(defaults.on_non_append, Into::into),
        on_expired: args.on_expired.map_or(defaults.on_expired, Into::into),
        on_rollback: args.on_rollback.map_or(defaults.on_rollback, Into::into),
        memory_limit_bytes: global.memory_limit.unwrap_or(defaults.memory_limit_bytes),
        ..defaults
    }
}

/// `None` where the stream is not shared: it has one lane.
fn lanes(args: &ReadArgs) -> Option<Lanes> {
    if args.lanes.is_none() && args.route.is_none() && args.lane_range.is_none() {
        return None;
    }
    let n_lanes = args.lanes.unwrap_or(N_LANES_MAX);
    let range = args.lane_range.clone().unwrap_or(0..n_lanes);
    Some(Lanes { route: args.route.map(Into::into), n_lanes, range })
}

fn first_rows(batch: ChangeBatch, n_rows: usize) -> ChangeBatch {
    let ChangeBatch { snapshot, mut operations, rows } = batch;
    operations.truncate(n_rows);
    ChangeBatch { snapshot, operations, rows: rows.slice(0, n_rows) }
}

/// Opens the output. Only when reading has begun, so that a wrong request leaves no trace.
fn sink(
    args: &ReadArgs,
    format: FormatArg,
    table: &Table,
    schema: &SchemaRef,
    header: Option<&StreamHeader>,
) -> Result<Box<dyn Sink>, CliError> {
    sink_of(output(args)?, args, format, table, schema, header)
}

fn output(args: &ReadArgs) -> Result<Output, CliError> {
    match args.output.as_deref() {
        None => Ok(Output::stdout()),
        // What was written for the group before counts.
        Some(path) if args.follow && args.group.is_some() => Output::continued_file(path),
        // There is no end at which the file could appear.
        Some(path) if args.follow => Output::growing_file(path),
        Some(path) => Output::file(path),
    }
}

fn sink_of(
    output: Output,
    args: &ReadArgs,
    format: FormatArg,
    table: &Table,
    schema: &SchemaRef,
    header: Option<&StreamHeader>,
) -> Result<Box<dyn Sink>, CliError> {
    let look = if is_stdout(args.output.as_deref()) { Look::of_stdout() } else { Look::default() };
    let content = if header.is_some() { Content::Changes } else { Content::Rows };
    let form = Form {
        style: args.style.map(Into::into).unwrap_or_default(),
        longs: args.longs.map(Into::into).unwrap_or_default(),
        has_markers: args.markers,
    };
    match format {
        FormatArg::Jsonl => format::jsonl(output, header, form),
        FormatArg::Csv => format::csv(output, schema, content, form),
        FormatArg::Arrow => format::arrow(output, schema, content, form),
        FormatArg::Parquet => format::parquet(output, schema, content, form),
        FormatArg::DebeziumJson => {
            let key = header.map(|header| header.key.as_slice()).unwrap_or_default();
            Ok(format::debezium(output, table.name(), key, form))
        }
        FormatArg::Table => Ok(format::table(output, schema, content, look, args.markers)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use clap::Parser;
    use rstest::rstest;

    use super::*;
    use crate::args::{Cli, Command};
    use frazil_reader::Route;

    fn parse(args: &[&str]) -> ReadArgs {
        let args = ["frazil", "read", "db/t"].iter().chain(args);
        match Cli::try_parse_from(args).unwrap().command {
            Command::Read(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn text_for_people_is_the_default_on_a_terminal_only() {
        assert_eq!(format_of(&parse(&[]), false, true), FormatArg::Table);
        assert_eq!(format_of(&parse(&[]), false, false), FormatArg::Jsonl);
        assert_eq!(format_of(&parse(&[]), true, true), FormatArg::Jsonl);
        assert_eq!(format_of(&parse(&["-o", "x"]), false, true), FormatArg::Jsonl);
        assert_eq!(format_of(&parse(&["-o", "-"]), false, true), FormatArg::Table);
        assert_eq!(format_of(&parse(&["--format", "arrow"]), false, true), FormatArg::Arrow);
    }

    #[rstest]
    #[case(&["--mode", "rows", "--from", "earliest"], "--from")]
    #[case(&["--mode", "rows", "--to", "latest"], "--to")]
    #[case(&["--mode", "rows", "--drop-kinds", "delete"], "--drop-kinds")]
    #[case(&["--mode", "rows", "--markers"], "--markers")]
    #[case(&["--at", "latest"], "--at")]
    #[case(&["--mode", "append", "--key", "id"], "--key")]
    #[case(&["--filter-updates", "independent"], "--where")]
    #[case(&["--mode", "append", "--where", "a = 1", "--filter-updates", "retract"], "--filter-updates")]
    #[case(&["--mode", "upsert", "--where", "a = 1", "--filter-updates", "retract"], "--filter-updates")]
    #[case(&["--mode", "rows", "--where", "a = 1", "--filter-updates", "retract"], "--filter-updates")]
    #[case(&["--markers", "--format", "arrow"], "--markers")]
    #[case(&["--markers", "--format", "csv"], "--markers")]
    #[case(&["--markers", "--format", "parquet"], "--markers")]
    #[case(&["--markers", "--format", "debezium-json"], "--markers")]
    #[case(&["--mode", "rows", "--style", "delta"], "--style")]
    #[case(&["--mode", "rows", "--format", "debezium-json"], "--from full")]
    #[case(&["--mode", "rows", "--retry-timeout", "1m"], "--retry-timeout")]
    #[case(&["--retry-timeout", "1m"], "--retry-timeout")]
    #[case(&["--style", "delta", "--format", "table"], "--style")]
    #[case(&["--style", "rowkind", "--format", "debezium-json"], "--style")]
    #[case(&["--longs", "string", "--format", "arrow"], "--longs")]
    #[case(&["--on-non-append", "skip"], "--on-non-append")]
    #[case(&["--lanes", "8", "--lane-range", "0..9"], "--lane-range")]
    #[case(&["--route", "key", "--mode", "rows"], "--route")]
    #[case(&["--lanes", "8", "--mode", "rows"], "--lanes")]
    #[case(&["--emit-noop-updates", "--mode", "upsert"], "--emit-noop-updates")]
    #[case(&["--emit-noop-updates", "--mode", "net"], "--emit-noop-updates")]
    #[case(&["--emit-noop-updates", "--mode", "append"], "--emit-noop-updates")]
    #[case(&["--on-key-change", "continue", "--mode", "upsert"], "--on-key-change")]
    #[case(&["--on-key-change", "continue", "--mode", "append"], "--on-key-change")]
    #[case(&["--on-key-change", "continue", "--key", "id"], "--on-key-change")]
    #[case(&["--duplicate-keys", "plain", "--mode", "upsert"], "--duplicate-keys")]
    fn options_without_effect_are_wrong_usage(#[case] args: &[&str], #[case] option: &str) {
        let args = parse(args);
        let error = check(&args, format_of(&args, false, false), false).unwrap_err();
        assert_eq!(error.code(), "USAGE");
        assert!(error.line().contains(option), "{}", error.line());
    }

    #[test]
    fn a_parquet_file_is_not_shown_on_a_terminal() {
        let args = parse(&["--format", "parquet"]);
        assert!(check(&args, FormatArg::Parquet, true).unwrap_err().line().contains("-o"));
        assert!(check(&args, FormatArg::Parquet, false).is_ok());
    }

    #[test]
    fn an_arrow_stream_has_the_last_schema_unless_one_is_named() {
        let schema = |args: &[&str], format| {
            let cli = Cli::try_parse_from(["frazil", "demo"]).unwrap();
            options(&parse(args), &cli.global, format, Mode::Changelog, None).schema
        };
        assert_eq!(schema(&[], FormatArg::Arrow), SchemaMode::PinnedToEnd);
        assert_eq!(schema(&[], FormatArg::Jsonl), SchemaMode::Follow);
        assert_eq!(schema(&["--schema", "pinned:3"], FormatArg::Arrow), SchemaMode::Pinned(3));
        assert_eq!(schema(&["--schema", "follow"], FormatArg::Arrow), SchemaMode::Follow);
    }

    #[test]
    fn a_stream_is_shared_if_something_is_said_of_its_lanes() {
        let of = |args: &[&str]| lanes(&parse(args));
        assert_eq!(of(&[]), None);
        let all = |route, n_lanes| Some(Lanes { route, n_lanes, range: 0..n_lanes });
        assert_eq!(of(&["--lanes", "8"]), all(None, 8));
        assert_eq!(of(&["--route", "file"]), all(Some(Route::File), 256));
        let part = Lanes { route: Some(Route::Key), n_lanes: 8, range: 2..4 };
        assert_eq!(of(&["--lanes", "8", "--lane-range", "2..4", "--route", "key"]), Some(part));
    }

    #[test]
    fn a_limit_counts_rows_across_batches() {
        let mut limit = Limit(Some(5));
        limit.use_up(3);
        assert_eq!((limit.left(), limit.is_reached()), (2, false));
        limit.use_up(2);
        assert_eq!((limit.left(), limit.is_reached()), (0, true));
        assert_eq!(Limit(None).left(), usize::MAX);
        assert!(!Limit(None).is_reached());
        assert!(Limit(Some(0)).is_reached());
    }
}
