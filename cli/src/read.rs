//! `frazil read`: changes or rows of a table, to standard output or a file.

use std::io::{self, IsTerminal};
use std::path::Path;

use arrow_schema::SchemaRef;
use frazil_reader::{ChangeBatch, Event, Mode, ReadOptions, RowsOptions, SchemaMode, read_changes, read_rows};
use frazil_table::Table;
use frazil_table::filter::Filter;

use crate::args::{FormatArg, GlobalArgs, ModeArg, ReadArgs};
use crate::error::CliError;
use crate::format::{self, Content, SchemaChange, Sink};
use crate::open::open;
use crate::output::{Look, Output};

/// Runs the command.
///
/// # Errors
/// [`CliError::Usage`] for options that contradict each other; else what reading and writing give.
pub(crate) async fn run(args: &ReadArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let format = format_of(args, global.json, io::stdout().is_terminal());
    check(args, format)?;
    let filter = args.filter.as_deref().map(Filter::parse).transpose()?;
    let table = open(&args.table, global).await?;
    match args.mode {
        ModeArg::Rows => rows(&table, args, global, format, filter).await,
        ModeArg::Changelog => {
            changes(&table, args, format, options(args, global, format, Mode::Changelog, filter)).await
        }
        ModeArg::Append => changes(&table, args, format, options(args, global, format, Mode::Append, filter)).await,
    }
}

fn format_of(args: &ReadArgs, is_json: bool, is_terminal: bool) -> FormatArg {
    let is_for_people = !is_json && is_terminal && is_stdout(args.output.as_deref());
    args.format.unwrap_or(if is_for_people { FormatArg::Table } else { FormatArg::Jsonl })
}

fn is_stdout(output: Option<&Path>) -> bool {
    output.is_none_or(|path| path == Path::new("-"))
}

/// Refuses options that would have no effect: whoever passes one expects something of it.
fn check(args: &ReadArgs, format: FormatArg) -> Result<(), CliError> {
    let usage = |text: &str| Err(CliError::Usage(text.to_owned()));
    if args.mode == ModeArg::Rows {
        let of_changes = [
            ("--from", args.from.is_some()),
            ("--to", args.to.is_some()),
            ("--key", args.key.is_some()),
            ("--drop-kinds", !args.drop_kinds.is_empty()),
            ("--on-replace-mismatch", args.on_replace_mismatch.is_some()),
            ("--replace-check", args.replace_check.is_some()),
            ("--duplicate-keys", args.duplicate_keys.is_some()),
            ("--filter-updates", args.filter_updates.is_some()),
            ("--markers", args.markers),
        ];
        if let Some((option, _)) = of_changes.iter().find(|(_, is_given)| *is_given) {
            return Err(CliError::Usage(format!(
                "option `{option}` is for changes, and --mode rows shows one state of the table; \
                 leave it out, or choose the state with --at"
            )));
        }
    } else if args.at.is_some() {
        return usage("option `--at` is for --mode rows; changes have --from and --to");
    }
    if args.mode == ModeArg::Append && args.key.is_some() {
        return usage("option `--key` pairs updates, and --mode append has none; leave one of them out");
    }
    if args.filter_updates.is_some() && args.filter.is_none() {
        return usage(
            "option `--filter-updates` is for updates that --where matches in part; leave it out, or add --where",
        );
    }
    if args.mode == ModeArg::Append && args.filter_updates.is_some() {
        return usage("option `--filter-updates` is for updates, and --mode append has none; leave it out");
    }
    if args.markers && format == FormatArg::Arrow {
        return usage("option `--markers` has no place in an Arrow stream; use --format jsonl");
    }
    Ok(())
}

/// How many rows may still be written.
struct Limit(Option<u64>);

impl Limit {
    /// Takes up to `n_rows` and says how many that are.
    fn take(&mut self, n_rows: usize) -> usize {
        let Some(left) = &mut self.0 else { return n_rows };
        let n_taken = usize::try_from(*left).map_or(n_rows, |left| left.min(n_rows));
        *left -= n_taken as u64;
        n_taken
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
        filter,
        schema: args.schema.unwrap_or_default(),
        ..RowsOptions::default()
    };
    if let Some(bytes) = global.memory_limit {
        options.memory_limit_bytes = bytes;
    }
    let mut stream = read_rows(table, options).await?;
    let mut sink = sink(args, format, stream.schema(), Content::Rows)?;
    let mut limit = Limit(args.limit);
    while !limit.is_reached()
        && let Some(batch) = stream.next().await?
    {
        sink.rows(&batch.slice(0, limit.take(batch.num_rows())))?;
    }
    sink.finish()
}

async fn changes(table: &Table, args: &ReadArgs, format: FormatArg, options: ReadOptions) -> Result<(), CliError> {
    let mut stream = read_changes(table, options).await?;
    let mut sink = sink(args, format, &stream.header().schema, Content::Changes)?;
    let mut limit = Limit(args.limit);
    while !limit.is_reached()
        && let Some(event) = stream.next().await?
    {
        match event {
            Event::Changes(batch) => {
                let n_rows = limit.take(batch.operations.len());
                sink.changes(&first_rows(batch, n_rows))?;
            }
            Event::SchemaChange { snapshot, from, to, schema } => {
                sink.schema_change(&SchemaChange { snapshot: &snapshot, from, to, schema: &schema })?;
            }
            Event::SnapshotEnd { snapshot, snapshot_watermark_ms } if args.markers => {
                sink.snapshot_end(&snapshot, snapshot_watermark_ms)?;
            }
            Event::SnapshotEnd { .. } => {}
        }
    }
    sink.finish()
}

fn options(args: &ReadArgs, global: &GlobalArgs, format: FormatArg, mode: Mode, filter: Option<Filter>) -> ReadOptions {
    let default_schema = match format {
        FormatArg::Arrow => SchemaMode::PinnedToEnd,
        FormatArg::Jsonl | FormatArg::Table => SchemaMode::Follow,
    };
    let defaults = ReadOptions::default();
    ReadOptions {
        mode,
        from: args.from.clone().unwrap_or_default(),
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
        memory_limit_bytes: global.memory_limit.unwrap_or(defaults.memory_limit_bytes),
        ..defaults
    }
}

fn first_rows(batch: ChangeBatch, n_rows: usize) -> ChangeBatch {
    let ChangeBatch { snapshot, mut operations, rows } = batch;
    operations.truncate(n_rows);
    ChangeBatch { snapshot, operations, rows: rows.slice(0, n_rows) }
}

/// Opens the output. Only when reading has begun, so that a wrong request leaves no trace.
fn sink(args: &ReadArgs, format: FormatArg, schema: &SchemaRef, content: Content) -> Result<Box<dyn Sink>, CliError> {
    let output = match args.output.as_deref() {
        None => Output::stdout(),
        Some(path) => Output::file(path)?,
    };
    let look = if is_stdout(args.output.as_deref()) { Look::of_stdout() } else { Look::default() };
    match format {
        FormatArg::Jsonl => Ok(format::jsonl(output, args.markers)),
        FormatArg::Arrow => format::arrow(output, schema, content),
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
    #[case(&["--mode", "rows", "--where", "a = 1", "--filter-updates", "retract"], "--filter-updates")]
    #[case(&["--markers", "--format", "arrow"], "--markers")]
    fn options_without_effect_are_wrong_usage(#[case] args: &[&str], #[case] option: &str) {
        let args = parse(args);
        let error = check(&args, format_of(&args, false, false)).unwrap_err();
        assert_eq!(error.code(), "USAGE");
        assert!(error.line().contains(option), "{}", error.line());
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
    fn a_limit_counts_rows_across_batches() {
        let mut limit = Limit(Some(5));
        assert_eq!((limit.take(3), limit.is_reached()), (3, false));
        assert_eq!((limit.take(3), limit.is_reached()), (2, true));
        assert_eq!(Limit(None).take(7), 7);
        assert!(!Limit(None).is_reached());
        assert!(Limit(Some(0)).is_reached());
    }
}
