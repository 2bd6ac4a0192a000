//! How single values are written: sizes, times, snapshots, lists of names.

use std::time::Duration;

use chrono::DateTime;
use frazil_reader::{At, From, Position, SchemaMode, To};
use frazil_table::SnapshotId;

pub(super) type Parsed<T> = Result<T, String>;

/// Column names. A type of its own, so that the parser takes one argument for the whole list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameList(pub(crate) Vec<String>);

const FROM_FORMS: &str = "earliest, latest, full, snapshot:ID, after:ID, timestamp:RFC3339, tag:NAME or position:TOKEN";
const TO_FORMS: &str = "latest, snapshot:ID or timestamp:RFC3339";
const AT_FORMS: &str = "latest, snapshot:ID, timestamp:RFC3339 or tag:NAME";

/// Where changes start.
pub(crate) fn parse_from(text: &str) -> Parsed<From> {
    match text.split_once(':') {
        None if text == "earliest" => Ok(From::Earliest),
        None if text == "latest" => Ok(From::Latest),
        None if text == "full" => Ok(From::Full),
        Some(("snapshot", id)) => Ok(From::SnapshotInclusive(parse_snapshot(id)?)),
        Some(("after", id)) => Ok(From::SnapshotExclusive(parse_snapshot(id)?)),
        // The first commit at or after a time between two milliseconds is at or after the later one.
        Some(("timestamp", time)) => {
            let nanos = parse_time(time)?;
            Ok(From::Timestamp(nanos.ms + i64::from(nanos.has_rest)))
        }
        Some(("tag", name)) if !name.is_empty() => Ok(From::Tag(name.to_owned())),
        Some(("position", token)) => {
            let position: Position = token.parse().map_err(|error| format!("{error}"))?;
            Ok(From::Position(Box::new(position)))
        }
        _ => Err(format!("expected {FROM_FORMS}")),
    }
}

/// Where changes end.
pub(crate) fn parse_to(text: &str) -> Parsed<To> {
    match text.split_once(':') {
        None if text == "latest" => Ok(To::Latest),
        Some(("snapshot", id)) => Ok(To::Snapshot(parse_snapshot(id)?)),
        Some(("timestamp", time)) => Ok(To::Timestamp(parse_time(time)?.ms)),
        _ => Err(format!("expected {TO_FORMS}")),
    }
}

/// A state of the table.
pub(crate) fn parse_at(text: &str) -> Parsed<At> {
    match text.split_once(':') {
        None if text == "latest" => Ok(At::Latest),
        Some(("snapshot", id)) => Ok(At::Snapshot(parse_snapshot(id)?)),
        Some(("timestamp", time)) => Ok(At::Timestamp(parse_time(time)?.ms)),
        Some(("tag", name)) if !name.is_empty() => Ok(At::Tag(name.to_owned())),
        _ => Err(format!("expected {AT_FORMS}")),
    }
}

/// `follow` or `pinned:ID`.
pub(crate) fn parse_schema(text: &str) -> Parsed<SchemaMode> {
    match text.split_once(':') {
        None if text == "follow" => Ok(SchemaMode::Follow),
        Some(("pinned", id)) => {
            let id = id.parse().map_err(|_| format!("`{id}` is no schema id; `frazil inspect` lists them"))?;
            Ok(SchemaMode::Pinned(id))
        }
        _ => Err("expected follow or pinned:ID".to_owned()),
    }
}

/// Names separated by commas. A name that contains a comma stands in double quotes, and a quote in such a name
/// is doubled, as in CSV.
pub(crate) fn parse_names(text: &str) -> Parsed<NameList> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, tail) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_name(quoted)?,
            None => rest.split_once(',').map_or((rest.to_owned(), None), |(name, tail)| (name.to_owned(), Some(tail))),
        };
        if name.is_empty() {
            return Err("a column name is empty; expected names separated by commas".to_owned());
        }
        if names.contains(&name) {
            return Err(format!("column `{name}` is named twice"));
        }
        names.push(name);
        match tail {
            Some(tail) => rest = tail,
            None => return Ok(NameList(names)),
        }
    }
}

/// Takes a name up to its closing quote, and what follows the comma after it.
fn quoted_name(text: &str) -> Parsed<(String, Option<&str>)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, tail) = rest.split_once('"').ok_or("a column name has no closing quote")?;
        name.push_str(part);
        if let Some(tail) = tail.strip_prefix('"') {
            name.push('"');
            rest = tail;
        } else if tail.is_empty() {
            return Ok((name, None));
        } else {
            let tail = tail.strip_prefix(',').ok_or("expected a comma after a quoted column name")?;
            return Ok((name, Some(tail)));
        }
    }
}

/// A time that passes: a whole number and a unit (`ms`, `s`, `m`, `h`).
pub(crate) fn parse_duration(text: &str) -> Parsed<Duration> {
    let expected = || format!("`{text}` is no time; expected a whole number and a unit, such as 500ms, 1s or 5m");
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(n_digits).ok_or_else(expected)?;
    let number: u64 = number.parse().map_err(|_| expected())?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    match millis.ok_or_else(expected)? {
        0 => Err("a time of 0 would leave no pause".to_owned()),
        millis => Ok(Duration::from_millis(millis)),
    }
}

/// Bytes: a number with an optional unit of 1,024 each (`KB`, `MB`, `GB`, `TB`, `KiB`, …, or the letter alone).
pub(crate) fn parse_size(text: &str) -> Parsed<u64> {
    let expected = || format!("`{text}` is no size; expected a number and a unit, such as 512MB or 1GB");
    let n_digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at_checked(n_digits).ok_or_else(expected)?;
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(expected()),
    };
    let bytes = match number.split_once('.') {
        None => number.parse::<u64>().ok().and_then(|whole| whole.checked_mul(1 << shift)),
        Some((whole, fraction)) => scaled(whole, fraction, shift),
    };
    match bytes {
        None => Err(expected()),
        Some(0) => Err("a size of 0 leaves no room for anything".to_owned()),
        Some(bytes) => Ok(bytes),
    }
}

/// A decimal fraction of a unit, in whole bytes.
fn scaled(whole: &str, fraction: &str, shift: u32) -> Option<u64> {
    let n_digits = u32::try_from(fraction.len()).ok().filter(|n| (1..=9).contains(n))?;
    let whole = whole.parse::<u128>().ok()?;
    let tenths = fraction.parse::<u128>().ok()?;
    let scale = 10_u128.pow(n_digits);
    let bytes = whole.checked_mul(scale)?.checked_add(tenths)?.checked_mul(1 << shift)? / scale;
    u64::try_from(bytes).ok()
}

fn parse_snapshot(text: &str) -> Parsed<SnapshotId> {
    let id = text.parse().map_err(|_| format!("`{text}` is no snapshot id; `frazil inspect` lists them"))?;
    Ok(SnapshotId::new(id))
}

/// A time, cut to milliseconds.
pub(super) struct Time {
    pub(super) ms: i64,
    /// Something was cut.
    pub(super) has_rest: bool,
}

/// A time of RFC 3339. The seconds may be left out.
pub(super) fn parse_time(text: &str) -> Parsed<Time> {
    let with_seconds = || {
        let (date, clock) = text.split_once(['T', 't', ' '])?;
        let zone_at = clock.find(['Z', 'z', '+', '-'])?;
        let (clock, zone) = clock.split_at(zone_at);
        Some(format!("{date}T{clock}:00{zone}"))
    };
    let time = DateTime::parse_from_rfc3339(text)
        .ok()
        .or_else(|| DateTime::parse_from_rfc3339(&with_seconds()?).ok())
        .ok_or_else(|| {
            format!("`{text}` is no time of RFC 3339; expected one with its zone, such as 2026-11-21T01:00:00Z")
        })?;
    Ok(Time { ms: time.timestamp_millis(), has_rest: time.timestamp_subsec_nanos() % 1_000_000 != 0 })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1", 1)]
    #[case("1024B", 1024)]
    #[case("1k", 1024)]
    #[case("256MB", 268_435_456)]
    #[case("256 mb", 268_435_456)]
    #[case("512MiB", 536_870_912)]
    #[case("1GB", 1_073_741_824)]
    #[case("1.5GB", 1_610_612_736)]
    #[case("2T", 2_199_023_255_552)]
    fn sizes_have_units_of_1024(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(parse_size(text), Ok(bytes));
    }

    #[rstest]
    fn what_is_no_size_is_refused(
        #[values("", "MB", "0", "0.0001k", "-1", "1XB", "1..5GB", "1.GB", "99999999999TB", "1e3", "1GB2", "½")]
        text: &str,
    ) {
        assert!(parse_size(text).is_err(), "{text}");
    }

    #[rstest]
    #[case("earliest", From::Earliest)]
    #[case("latest", From::Latest)]
    #[case("full", From::Full)]
    #[case("snapshot:7", From::SnapshotInclusive(SnapshotId::new(7)))]
    #[case("after:7", From::SnapshotExclusive(SnapshotId::new(7)))]
    #[case("tag:a:b", From::Tag("a:b".to_owned()))]
    #[case("timestamp:1970-01-01T00:00:01Z", From::Timestamp(1000))]
    #[case("timestamp:1970-01-01T01:00:01+01:00", From::Timestamp(1000))]
    #[case("timestamp:1970-01-01T00:01Z", From::Timestamp(60_000))]
    #[case("timestamp:1970-01-01T00:00:00.0010001Z", From::Timestamp(2))]
    fn starts_are_parsed(#[case] text: &str, #[case] expected: From) {
        assert_eq!(parse_from(text), Ok(expected));
    }

    #[rstest]
    fn what_is_no_start_is_refused(
        #[values(
            "",
            "first",
            "snapshot",
            "snapshot:",
            "snapshot:x",
            "tag:",
            "timestamp:2026-11-21",
            "timestamp:2026-11-21T00:00",
            "Latest"
        )]
        text: &str,
    ) {
        assert!(parse_from(text).is_err(), "{text}");
    }

    #[test]
    fn ends_and_states_take_the_last_commit_at_or_before_a_time() {
        assert_eq!(parse_to("timestamp:1970-01-01T00:00:00.0019Z"), Ok(To::Timestamp(1)));
        assert_eq!(parse_at("timestamp:1969-12-31T23:59:59.9999Z"), Ok(At::Timestamp(-1)));
        assert_eq!(parse_to("snapshot:-3"), Ok(To::Snapshot(SnapshotId::new(-3))));
        assert_eq!(parse_at("tag:t1"), Ok(At::Tag("t1".to_owned())));
        assert!(parse_to("tag:t1").is_err());
        assert!(parse_to("earliest").is_err());
    }

    #[rstest]
    #[case("a", &["a"])]
    #[case("a,b.c", &["a", "b.c"])]
    #[case("\"a,b\",c", &["a,b", "c"])]
    #[case("c,\"say \"\"hi\"\"\"", &["c", "say \"hi\""])]
    #[case(" a", &[" a"])]
    fn names_are_separated_by_commas(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(parse_names(text).unwrap().0, expected);
    }

    #[rstest]
    fn broken_lists_of_names_are_refused(#[values("", "a,", ",a", "a,,b", "a,a", "\"a", "\"a\"b", "\"\"")] text: &str) {
        assert!(parse_names(text).is_err(), "{text}");
    }

    #[test]
    fn schemas_follow_or_are_pinned() {
        assert_eq!(parse_schema("follow"), Ok(SchemaMode::Follow));
        assert_eq!(parse_schema("pinned:3"), Ok(SchemaMode::Pinned(3)));
        assert!(parse_schema("pinned").is_err());
        assert!(parse_schema("pinned:x").is_err());
    }
}
