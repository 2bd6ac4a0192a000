//! How starts, ends and states are written, the same on the command line and in requests.

use std::str::FromStr;

use chrono::DateTime;
use frazil_table::SnapshotId;

use super::{At, From, To};
use crate::position::Position;

const FROM_FORMS: &str = "earliest, latest, full, snapshot:ID, after:ID, timestamp:RFC3339, tag:NAME or position:TOKEN";
const TO_FORMS: &str = "latest, snapshot:ID or timestamp:RFC3339";
const AT_FORMS: &str = "latest, snapshot:ID, timestamp:RFC3339 or tag:NAME";

/// Where changes start.
impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
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
}

/// Where changes end.
impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "latest" => Ok(To::Latest),
            Some(("snapshot", id)) => Ok(To::Snapshot(parse_snapshot(id)?)),
            Some(("timestamp", time)) => Ok(To::Timestamp(parse_time(time)?.ms)),
            _ => Err(format!("expected {TO_FORMS}")),
        }
    }
}

/// A state of the table.
impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "latest" => Ok(At::Latest),
            Some(("snapshot", id)) => Ok(At::Snapshot(parse_snapshot(id)?)),
            Some(("timestamp", time)) => Ok(At::Timestamp(parse_time(time)?.ms)),
            Some(("tag", name)) if !name.is_empty() => Ok(At::Tag(name.to_owned())),
            _ => Err(format!("expected {AT_FORMS}")),
        }
    }
}

fn parse_snapshot(text: &str) -> Result<SnapshotId, String> {
    let id = text.parse().map_err(|_| format!("`{text}` is no snapshot id; `frazil inspect` lists them"))?;
    Ok(SnapshotId::new(id))
}

/// A time, cut to milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Milliseconds since the epoch.
    pub ms: i64,
    /// Something was cut.
    pub has_rest: bool,
}

/// A time of RFC 3339. The seconds may be left out.
///
/// # Errors
/// What would be right, for people.
pub fn parse_time(text: &str) -> Result<Time, String> {
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
    use rstest::rstest;

    use super::*;

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
        assert_eq!(text.parse::<From>(), Ok(expected));
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
        assert!(text.parse::<From>().is_err(), "{text}");
    }

    #[test]
    fn ends_and_states_take_the_last_commit_at_or_before_a_time() {
        assert_eq!("timestamp:1970-01-01T00:00:00.0019Z".parse::<To>(), Ok(To::Timestamp(1)));
        assert_eq!("timestamp:1969-12-31T23:59:59.9999Z".parse::<At>(), Ok(At::Timestamp(-1)));
        assert_eq!("snapshot:-3".parse::<To>(), Ok(To::Snapshot(SnapshotId::new(-3))));
        assert_eq!("tag:t1".parse::<At>(), Ok(At::Tag("t1".to_owned())));
        assert!("tag:t1".parse::<To>().is_err());
        assert!("earliest".parse::<To>().is_err());
    }
}
