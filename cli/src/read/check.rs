//! Options that contradict each other, or that would have no effect: whoever passes one expects something of it.

use frazil_reader::{N_LANES_MAX, To};

use crate::args::{FormatArg, ModeArg, ReadArgs, RouteArg};
use crate::error::CliError;

/// Refuses what cannot be meant. `is_terminal` says that the output is one.
///
/// # Errors
/// [`CliError::Usage`] names the option, why, and what to do.
pub(crate) fn check(args: &ReadArgs, format: FormatArg, is_terminal: bool) -> Result<(), CliError> {
    match args.mode {
        ModeArg::Rows => check_rows(args, format)?,
        _ if args.at.is_some() => return usage("option `--at` is for --mode rows; changes have --from and --to"),
        _ => check_changes(args)?,
    }
    check_group(args, format)?;
    check_follow(args, format)?;
    check_form(args, format, is_terminal)
}

fn usage(text: &str) -> Result<(), CliError> {
    Err(CliError::Usage(text.to_owned()))
}

fn check_rows(args: &ReadArgs, format: FormatArg) -> Result<(), CliError> {
    let of_changes = [
        ("--follow", args.follow),
        ("--poll-interval", args.poll_interval.is_some()),
        ("--retry-timeout", args.retry_timeout.is_some()),
        ("--group", args.group.is_some()),
        ("--from", args.from.is_some()),
        ("--to", args.to.is_some()),
        ("--key", args.key.is_some()),
        ("--drop-kinds", !args.drop_kinds.is_empty()),
        ("--on-replace-mismatch", args.on_replace_mismatch.is_some()),
        ("--replace-check", args.replace_check.is_some()),
        ("--duplicate-keys", args.duplicate_keys.is_some()),
        ("--filter-updates", args.filter_updates.is_some()),
        ("--emit-noop-updates", args.emit_noop_updates),
        ("--on-key-change", args.on_key_change.is_some()),
        ("--on-non-append", args.on_non_append.is_some()),
        ("--lanes", args.lanes.is_some()),
        ("--route", args.route.is_some()),
        ("--lane-range", args.lane_range.is_some()),
        ("--on-expired", args.on_expired.is_some()),
        ("--on-rollback", args.on_rollback.is_some()),
        ("--style", args.style.is_some()),
        ("--markers", args.markers),
    ];
    if let Some((option, _)) = of_changes.iter().find(|(_, is_given)| *is_given) {
        return Err(CliError::Usage(format!(
            "option `{option}` is for changes, and --mode rows shows one state of the table; \
             leave it out, or choose the state with --at"
        )));
    }
    if format == FormatArg::DebeziumJson {
        return usage(
            "format `debezium-json` is for changes, and --mode rows shows one state of the table; \
             pass --from full in its place, which gives all rows as reads",
        );
    }
    Ok(())
}

fn check_changes(args: &ReadArgs) -> Result<(), CliError> {
    let mode = args.mode;
    if mode == ModeArg::Append && args.key.is_some() && args.route != Some(RouteArg::Key) {
        return usage("option `--key` pairs updates, and --mode append has none; leave one of them out");
    }
    if let Some(range) = &args.lane_range
        && range.end > args.lanes.unwrap_or(N_LANES_MAX)
    {
        return usage("option `--lane-range` ends after the last lane; the end is not part of it, and at most --lanes");
    }
    if args.filter_updates.is_some() && args.filter.is_none() {
        return usage(
            "option `--filter-updates` is for updates that --where matches in part; leave it out, or add --where",
        );
    }
    if args.filter_updates.is_some() && matches!(mode, ModeArg::Append | ModeArg::Upsert) {
        return usage(
            "option `--filter-updates` is for updates with two images, and modes append and upsert have none; leave it out",
        );
    }
    if mode != ModeArg::Append && args.on_non_append.is_some() {
        return usage("option `--on-non-append` is for --mode append; the other modes deliver every snapshot");
    }
    if mode != ModeArg::Changelog && args.emit_noop_updates {
        return usage("option `--emit-noop-updates` is for --mode changelog; leave one of them out");
    }
    if mode == ModeArg::Upsert && args.duplicate_keys.is_some() {
        return usage("option `--duplicate-keys` pairs updates, and --mode upsert has no pairs; leave one of them out");
    }
    if args.on_key_change.is_some() {
        if mode == ModeArg::Append {
            return usage("option `--on-key-change` is for updates, and --mode append has none; leave one of them out");
        }
        if mode == ModeArg::Upsert {
            return usage(
                "option `--on-key-change` has no meaning with --mode upsert, whose sink keeps rows by the first key; \
                 leave it out, or name a key for all snapshots with --key",
            );
        }
        if args.key.is_some() {
            return usage(
                "option `--on-key-change` is for the table's own key, and --key names another; leave one out",
            );
        }
    }
    Ok(())
}

fn check_group(args: &ReadArgs, format: FormatArg) -> Result<(), CliError> {
    if args.group.is_none() {
        return Ok(());
    }
    if args.limit.is_some() {
        return usage(
            "option `--limit` may cut what belongs together, and --group keeps the position after it; leave one out, \
             or end with --to",
        );
    }
    if args.follow && args.output.is_some() && format != FormatArg::Jsonl && format != FormatArg::DebeziumJson {
        return usage(
            "with --group and --follow, what is read is added to the end of the file, which lines of JSON allow; \
             use --format jsonl, or write to standard output",
        );
    }
    Ok(())
}

fn check_follow(args: &ReadArgs, format: FormatArg) -> Result<(), CliError> {
    if !args.follow {
        if args.retry_timeout.is_some() {
            return usage("option `--retry-timeout` is for --follow; leave it out, or pass both");
        }
        return match args.poll_interval {
            Some(_) => usage("option `--poll-interval` is for --follow; leave it out, or pass both"),
            None => Ok(()),
        };
    }
    if args.mode == ModeArg::Net {
        return usage("option `--follow` has no end, and --mode net sums up a range; leave one of them out");
    }
    if format == FormatArg::Parquet {
        return usage(
            "option `--follow` has no end, and a Parquet file is complete at its end only; use --format arrow",
        );
    }
    if args.to == Some(To::Latest) {
        return usage("option `--follow` goes on after the head, and --to latest ends there; leave one of them out");
    }
    Ok(())
}

fn check_form(args: &ReadArgs, format: FormatArg, is_terminal: bool) -> Result<(), CliError> {
    let name = match format {
        FormatArg::Jsonl => "jsonl",
        FormatArg::Csv => "csv",
        FormatArg::Arrow => "arrow",
        FormatArg::Parquet => "parquet",
        FormatArg::DebeziumJson => "debezium-json",
        FormatArg::Table => "table",
    };
    if args.markers && !matches!(format, FormatArg::Jsonl | FormatArg::Table) {
        return Err(CliError::Usage(format!(
            "option `--markers` has no place in --format {name}, which holds rows only; use --format jsonl"
        )));
    }
    if args.style.is_some() && matches!(format, FormatArg::DebeziumJson | FormatArg::Table) {
        return Err(CliError::Usage(format!(
            "option `--style` names change columns, and --format {name} has none; leave it out"
        )));
    }
    if args.longs.is_some() && !matches!(format, FormatArg::Jsonl | FormatArg::DebeziumJson | FormatArg::Csv) {
        return Err(CliError::Usage(format!(
            "option `--longs` is for JSON, and --format {name} keeps integers as they are; leave it out"
        )));
    }
    if format == FormatArg::Parquet && is_terminal {
        return usage(
            "a Parquet file is nothing for a terminal; write it to a file with -o, or pass it on through a pipe",
        );
    }
    Ok(())
}
