//! Arguments of `frazil watermark`.

use std::time::Duration;

use chrono::{FixedOffset, NaiveDate, TimeZone};
use clap::{Args, Subcommand, ValueEnum};
use frazil_reader::MAIN_BRANCH;
use frazil_table::watermark::TimeUnit;

use super::values::Parsed;
use super::{TABLE_HELP, TableArgs};
use frazil_reader::parse_time;

/// What else there is to do with a watermark.
#[derive(Debug, Subcommand)]
pub(crate) enum WatermarkSetCommand {
    /// Writes a watermark, for writers that do not: commits a snapshot without files that says so
    #[command(after_help = "Example:\n  frazil watermark set prod.db.orders --name loader 2026-11-21T01:00:00Z")]
    Set(WatermarkSetArgs),
}

/// `frazil watermark set`
#[derive(Debug, Args)]
pub(crate) struct WatermarkSetArgs {
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// The time up to which all events are in the table: RFC 3339, a date with its zone, now, or now-DURATION
    #[arg(value_name = "TIME", value_parser = parse_mark)]
    pub(crate) time: ReachArg,
    /// Whose watermark: the name of a writer
    #[arg(long, value_name = "NAME", value_parser = parse_writer)]
    pub(crate) name: String,
    /// Branch to commit to
    #[arg(long, value_name = "BRANCH", default_value = MAIN_BRANCH)]
    pub(crate) branch: String,
}

/// `frazil watermark`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct WatermarkArgs {
    /// Path or URI of a table's folder or metadata file, or namespace.table
    // There is none with `set`, which has its own.
    #[arg(long_help = TABLE_HELP, required = true)]
    table: Option<String>,
    /// Replaces a prefix of every path in metadata, for tables that were copied or mounted elsewhere (repeatable)
    #[arg(long, value_name = "OLD=NEW")]
    path_map: Vec<String>,
    #[command(subcommand)]
    pub(crate) set: Option<WatermarkSetCommand>,
    /// Whose watermark; several are taken together (repeatable) [default: all writers that are not idle]
    ///
    /// NAME is a writer that leaves `watermark.NAME` in snapshot summaries or table properties, or
    /// kafka.connect.valid-through-ts; property:KEY is any other key of them; column:NAME estimates from
    /// statistics: the lowest value among the rows of the newest commit, less --lateness.
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) name: Vec<NameArg>,
    /// Unit of property:KEY, or of an integer column [default: ms]
    #[arg(long, value_name = "UNIT", value_enum)]
    pub(crate) unit: Option<UnitArg>,
    /// How late rows may come, for column:NAME, such as 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) lateness: Option<Duration>,
    /// Branch whose snapshots are looked at
    #[arg(long, value_name = "NAME", default_value = MAIN_BRANCH)]
    pub(crate) branch: String,
    /// End with 0 if the watermark has reached TIME, with 75 if it has not yet, with 1 if that cannot be told
    ///
    /// TIME is of RFC 3339 (2026-11-21T01:00:00Z), a date with its zone (2026-11-21Z, 2026-11-21+01:00), now,
    /// or now-DURATION.
    #[arg(long, value_name = "TIME", value_parser = parse_reach)]
    pub(crate) reach: Option<ReachArg>,
    /// Ask again until TIME is reached or the timeout is over, which ends with 75
    #[arg(long, requires = "reach")]
    pub(crate) wait: bool,
    /// How long to wait [default: 30m]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "wait")]
    pub(crate) timeout: Option<Duration>,
    /// How long to pause between two looks at most, 100ms at least [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "wait")]
    pub(crate) poll_interval: Option<Duration>,
}

impl WatermarkArgs {
    /// The table that is looked at.
    pub(crate) fn table(&self) -> TableArgs {
        TableArgs { table: self.table.clone().unwrap_or_default(), path_map: self.path_map.clone() }
    }
}

/// Whose watermark is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NameArg {
    Writer(String),
    Property(String),
    Column(String),
}

/// Unit of a number that stands for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UnitArg {
    /// Seconds since the epoch
    S,
    /// Milliseconds since the epoch
    Ms,
    /// Microseconds since the epoch
    Us,
    /// Nanoseconds since the epoch
    Ns,
    /// Text of RFC 3339
    Rfc3339,
}

impl From<UnitArg> for TimeUnit {
    fn from(unit: UnitArg) -> Self {
        match unit {
            UnitArg::S => Self::Seconds,
            UnitArg::Ms => Self::Millis,
            UnitArg::Us => Self::Micros,
            UnitArg::Ns => Self::Nanos,
            UnitArg::Rfc3339 => Self::Rfc3339,
        }
    }
}

/// A time that is to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReachArg {
    /// Milliseconds since the epoch.
    At(i64),
    /// This long before the program started.
    BeforeNow(Duration),
}

fn parse_name(text: &str) -> Parsed<NameArg> {
    let (kind, name): (fn(String) -> NameArg, &str) = match text.split_once(':') {
        Some(("property", key)) => (NameArg::Property, key),
        Some(("column", column)) => (NameArg::Column, column),
        _ => (NameArg::Writer, text),
    };
    if name.is_empty() {
        return Err("the name is empty; expected a writer's name, property:KEY or column:NAME".to_owned());
    }
    Ok(kind(name.to_owned()))
}

fn parse_writer(text: &str) -> Parsed<String> {
    match parse_name(text)? {
        NameArg::Writer(name) if !name.ends_with(".idle") && !name.contains(char::is_whitespace) => Ok(name),
        _ => Err("only the watermark of a writer can be set: a name without spaces, property: and column:".to_owned()),
    }
}

/// As [`parse_reach`], but what lies between two milliseconds is the earlier one: later events may still come.
fn parse_mark(text: &str) -> Parsed<ReachArg> {
    if text.starts_with("now") || midnight_of(text).is_some() {
        return parse_reach(text);
    }
    Ok(ReachArg::At(parse_time(text)?.ms))
}

fn parse_reach(text: &str) -> Parsed<ReachArg> {
    if let Some(rest) = text.strip_prefix("now") {
        return match rest.strip_prefix('-') {
            None if rest.is_empty() => Ok(ReachArg::BeforeNow(Duration::ZERO)),
            Some(duration) => Ok(ReachArg::BeforeNow(parse_duration(duration)?)),
            None => Err(format!("`{text}` is no time; expected now, or now-DURATION such as now-15m")),
        };
    }
    if let Some(midnight_ms) = midnight_of(text) {
        return Ok(ReachArg::At(midnight_ms));
    }
    // A time between two milliseconds is reached at the later one.
    let time = parse_time(text)?;
    Ok(ReachArg::At(time.ms + i64::from(time.has_rest)))
}

/// The beginning of a date of ten characters that its zone follows.
fn midnight_of(text: &str) -> Option<i64> {
    let (date, zone) = text.split_at_checked("2026-11-21".len())?;
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let zone: FixedOffset = if zone.eq_ignore_ascii_case("z") { "+00:00" } else { zone }.parse().ok()?;
    Some(zone.from_local_datetime(&date.and_hms_opt(0, 0, 0)?).single()?.timestamp_millis())
}

/// Numbers with units, largest first: `1h30m`, `90s`, `500ms`, `2d`.
pub(crate) fn parse_duration(text: &str) -> Parsed<Duration> {
    const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let refused =
        || format!("`{text}` is no duration; expected a number and a unit, such as 500ms, 90s, 10m, 1h30m or 2d");
    let (mut rest, mut total_ms, mut units) = (text, 0_u64, UNITS.as_slice());
    while !rest.is_empty() {
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(n_digits).ok_or_else(refused)?;
        let n_letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at_checked(n_letters).ok_or_else(refused)?;
        let at = units.iter().position(|(name, _)| *name == unit).ok_or_else(refused)?;
        let (found, smaller) = units.split_at_checked(at + 1).ok_or_else(refused)?;
        let unit_ms = found.last().map_or(1, |(_, ms)| *ms);
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_ms));
        // Longer than any table's times reach.
        const MS_MAX: u64 = 10_000 * 366 * 86_400_000;
        total_ms = part.and_then(|part| total_ms.checked_add(part)).filter(|ms| *ms <= MS_MAX).ok_or_else(refused)?;
        (rest, units) = (tail, smaller);
    }
    if text.is_empty() { Err(refused()) } else { Ok(Duration::from_millis(total_ms)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("500ms", 500)]
    #[case("0s", 0)]
    #[case("90s", 90_000)]
    #[case("10m", 600_000)]
    #[case("1h30m", 5_400_000)]
    #[case("2d1ms", 172_800_001)]
    fn durations_are_numbers_with_units(#[case] text: &str, #[case] ms: u64) {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)));
    }

    #[rstest]
    fn what_is_no_duration_is_refused(
        #[values(
            "",
            "10",
            "m",
            "-1m",
            "1.5h",
            "30m1h",
            "1m1m",
            "1 m",
            "1y",
            "99999999999999999999s",
            "9999999d",
            "1é"
        )]
        text: &str,
    ) {
        assert!(parse_duration(text).is_err(), "{text}");
    }

    #[rstest]
    #[case("1970-01-01T00:00:01Z", 1000)]
    #[case("1970-01-01T01:00+01:00", 0)]
    #[case("1970-01-01T00:00:00.0001Z", 1)]
    #[case("1970-01-02Z", 86_400_000)]
    #[case("1970-01-01+01:00", -3_600_000)]
    #[case("1970-01-01-05:00", 18_000_000)]
    fn times_to_reach_have_their_zone(#[case] text: &str, #[case] ms: i64) {
        assert_eq!(parse_reach(text), Ok(ReachArg::At(ms)));
    }

    #[test]
    fn times_to_reach_may_be_relative_to_now() {
        assert_eq!(parse_reach("now"), Ok(ReachArg::BeforeNow(Duration::ZERO)));
        assert_eq!(parse_reach("now-15m"), Ok(ReachArg::BeforeNow(Duration::from_secs(900))));
    }

    #[rstest]
    fn what_is_no_time_is_refused(
        #[values(
            "",
            "2026-11-21",
            "2026-11-21T01:00",
            "2026-02-30Z",
            "now+1h",
            "nowhere",
            "now-",
            "1795222800",
            "🕐🕐🕐"
        )]
        text: &str,
    ) {
        assert!(parse_reach(text).is_err(), "{text}");
    }

    #[test]
    fn names_are_writers_properties_or_columns() {
        assert_eq!(parse_name("orders"), Ok(NameArg::Writer("orders".to_owned())));
        assert_eq!(parse_name("a:b"), Ok(NameArg::Writer("a:b".to_owned())));
        assert_eq!(parse_name("property:a:b"), Ok(NameArg::Property("a:b".to_owned())));
        assert_eq!(parse_name("column:o.ts"), Ok(NameArg::Column("o.ts".to_owned())));
        for text in ["", "property:", "column:"] {
            assert!(parse_name(text).is_err(), "{text}");
        }
    }
}
