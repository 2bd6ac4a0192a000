//! Event times, and how writers write them.

use std::fmt;

use chrono::DateTime;

/// 0001-01-01T00:00:00Z and the last millisecond of the year 9999. What lies outside was written in another unit.
const MS_MIN: i64 = -62_135_596_800_000;
const MS_MAX: i64 = 253_402_300_799_999;

/// A time of events, to the millisecond; or one of the two ends that stream processors use before the first
/// event and after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i64);

/// How a number or text stands for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds since the epoch.
    Seconds,
    /// Milliseconds since the epoch.
    Millis,
    /// Microseconds since the epoch.
    Micros,
    /// Nanoseconds since the epoch.
    Nanos,
    /// Text of RFC 3339, with its zone.
    Rfc3339,
}

impl EventTime {
    /// No event has been seen yet: Flink's `Long.MIN_VALUE`.
    pub const BEGINNING: Self = Self(i64::MIN);
    /// No event will come any more: Flink's `Long.MAX_VALUE`.
    pub const END: Self = Self(i64::MAX);

    /// `None` before the year 1 and after the year 9999.
    pub fn from_ms(ms: i64) -> Option<Self> {
        (MS_MIN..=MS_MAX).contains(&ms).then_some(Self(ms))
    }

    /// Milliseconds since the epoch; the numbers of Flink for the two ends.
    pub fn ms(self) -> i64 {
        self.0
    }

    /// It is a time, and neither of the two ends.
    pub fn is_finite(self) -> bool {
        self != Self::BEGINNING && self != Self::END
    }

    /// This much earlier. The ends stay where they are. `None` before the year 1.
    pub(super) fn minus_ms(self, ms: i64) -> Option<Self> {
        if self.is_finite() { Self::from_ms(self.0.checked_sub(ms)?) } else { Some(self) }
    }

    /// A number of the unit, rounded down: a watermark must not say more than its writer did.
    pub(super) fn from_number(value: i64, unit: TimeUnit) -> Option<Self> {
        match (value, unit) {
            (_, TimeUnit::Rfc3339) => None,
            (i64::MIN, _) => Some(Self::BEGINNING),
            (i64::MAX, _) => Some(Self::END),
            (_, TimeUnit::Seconds) => Self::from_ms(value.checked_mul(1000)?),
            (_, TimeUnit::Millis) => Self::from_ms(value),
            (_, TimeUnit::Micros) => Self::from_ms(value.div_euclid(1000)),
            (_, TimeUnit::Nanos) => Self::from_ms(value.div_euclid(1_000_000)),
        }
    }

    /// A property's text, in the unit.
    pub(super) fn parse(text: &str, unit: TimeUnit) -> Option<Self> {
        match unit {
            TimeUnit::Rfc3339 => Self::parse_rfc3339(text.trim()),
            _ => Self::from_number(text.trim().parse().ok()?, unit),
        }
    }

    /// What writers leave: milliseconds or RFC 3339, which cannot be mistaken for each other.
    pub(super) fn parse_mark(text: &str) -> Option<Self> {
        Self::parse(text, TimeUnit::Millis).or_else(|| Self::parse(text, TimeUnit::Rfc3339))
    }

    /// Java writes `2026-11-21T01:00Z` where the seconds are zero.
    fn parse_rfc3339(text: &str) -> Option<Self> {
        let with_seconds = || {
            let (date, clock) = text.split_once(['T', 't', ' '])?;
            let (clock, zone) = clock.split_at_checked(clock.find(['Z', 'z', '+', '-'])?)?;
            Some(format!("{date}T{clock}:00{zone}"))
        };
        let time =
            DateTime::parse_from_rfc3339(text).ok().or_else(|| DateTime::parse_from_rfc3339(&with_seconds()?).ok())?;
        Self::from_ms(time.timestamp_millis())
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "seconds since the epoch",
            Self::Millis => "milliseconds since the epoch",
            Self::Micros => "microseconds since the epoch",
            Self::Nanos => "nanoseconds since the epoch",
            Self::Rfc3339 => "a time of RFC 3339",
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1700000000123", Some(1_700_000_000_123))]
    #[case(" 1700000000123 ", Some(1_700_000_000_123))]
    #[case("0", Some(0))]
    #[case("-1", Some(-1))]
    #[case("2023-11-14T22:13:20.123Z", Some(1_700_000_000_123))]
    #[case("2023-11-14T23:13:20.123999999+01:00", Some(1_700_000_000_123))]
    #[case("2023-11-14T22:13Z", Some(1_699_999_980_000))]
    #[case("2023-11-15T00:13+02:00", Some(1_699_999_980_000))]
    #[case("1969-12-31T23:59:59.9999Z", Some(-1))]
    #[case("-9223372036854775808", Some(i64::MIN))]
    #[case("9223372036854775807", Some(i64::MAX))]
    // Microseconds where milliseconds are due would lie in the year 55,841.
    #[case("1700000000000000", None)]
    #[case("9223372036854775806", None)]
    #[case("9223372036854775808", None)]
    #[case("2023-11-14T22:13:20", None)]
    #[case("2023-11-14", None)]
    #[case("2023-13-14T22:13:20Z", None)]
    #[case("1.7e12", None)]
    #[case("soon", None)]
    #[case("", None)]
    #[case("TZ", None)]
    #[case("Té+", None)]
    fn marks_are_milliseconds_or_rfc_3339(#[case] text: &str, #[case] ms: Option<i64>) {
        assert_eq!(EventTime::parse_mark(text).map(EventTime::ms), ms);
    }

    #[rstest]
    #[case(TimeUnit::Seconds, "1700000000", Some(1_700_000_000_000))]
    #[case(TimeUnit::Seconds, "9300000000000000", None)]
    #[case(TimeUnit::Millis, "1700000000999", Some(1_700_000_000_999))]
    #[case(TimeUnit::Micros, "1700000000000999", Some(1_700_000_000_000))]
    #[case(TimeUnit::Micros, "-1", Some(-1))]
    #[case(TimeUnit::Nanos, "1700000000000999999", Some(1_700_000_000_000))]
    #[case(TimeUnit::Rfc3339, "2023-11-14T22:13:20Z", Some(1_700_000_000_000))]
    #[case(TimeUnit::Rfc3339, "1700000000000", None)]
    #[case(TimeUnit::Millis, "2023-11-14T22:13:20Z", None)]
    fn numbers_have_the_unit_that_was_given_and_are_rounded_down(
        #[case] unit: TimeUnit,
        #[case] text: &str,
        #[case] ms: Option<i64>,
    ) {
        assert_eq!(EventTime::parse(text, unit).map(EventTime::ms), ms);
    }

    #[test]
    fn the_ends_are_no_times_and_stay_where_they_are() {
        assert_eq!(EventTime::END.minus_ms(1000), Some(EventTime::END));
        assert_eq!(EventTime::BEGINNING.minus_ms(1000), Some(EventTime::BEGINNING));
        assert!(!EventTime::END.is_finite() && !EventTime::BEGINNING.is_finite());
        assert_eq!(EventTime::from_ms(MS_MIN).and_then(|time| time.minus_ms(1)), None);
    }
}
