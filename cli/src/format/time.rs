//! Dates and times as ISO 8601 text, for the whole range that a table can hold.
//!
//! A date has 32 bits of days, and a timestamp of microseconds reaches to the year 294,247: more than the usual
//! calendar libraries take. Years outside 0000 to 9999 carry a sign, as ISO 8601 asks.

const MICROS_PER_SECOND: i64 = 1_000_000;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Digits of a second's fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// Six digits.
    Micros,
    /// Nine digits.
    Nanos,
}

impl Precision {
    fn per_second(self) -> i64 {
        match self {
            Self::Micros => MICROS_PER_SECOND,
            Self::Nanos => NANOS_PER_SECOND,
        }
    }

    fn n_digits(self) -> usize {
        match self {
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }
}

/// Appends the date that is `days` after 1970-01-01.
pub(crate) fn write_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_date(days);
    match year {
        0..=9999 => {}
        ..0 => out.push(b'-'),
        _ => out.push(b'+'),
    }
    write_digits(year.unsigned_abs(), 4, out);
    out.push(b'-');
    write_digits(month, 2, out);
    out.push(b'-');
    write_digits(day, 2, out);
}

/// Appends a time of day.
pub(crate) fn write_time(since_midnight: i64, precision: Precision, out: &mut Vec<u8>) {
    let per_second = precision.per_second();
    let seconds = since_midnight.div_euclid(per_second).unsigned_abs();
    write_digits(seconds / 3600, 2, out);
    out.push(b':');
    write_digits(seconds / 60 % 60, 2, out);
    out.push(b':');
    write_digits(seconds % 60, 2, out);
    out.push(b'.');
    write_digits(since_midnight.rem_euclid(per_second).unsigned_abs(), precision.n_digits(), out);
}

/// Appends a timestamp, with `+00:00` if it is one with zone.
pub(crate) fn write_timestamp(since_epoch: i64, precision: Precision, is_zoned: bool, out: &mut Vec<u8>) {
    let per_day = precision.per_second() * SECONDS_PER_DAY;
    write_date(since_epoch.div_euclid(per_day), out);
    out.push(b'T');
    write_time(since_epoch.rem_euclid(per_day), precision, out);
    if is_zoned {
        out.extend_from_slice(b"+00:00");
    }
}

/// A commit time as a timestamp with zone, as in the column `_commit_timestamp`.
pub(crate) fn commit_timestamp(timestamp_ms: i64) -> String {
    let mut out = Vec::new();
    write_timestamp(timestamp_ms.saturating_mul(1000), Precision::Micros, true, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// A commit time for people: to the second, in UTC.
pub(crate) fn short_time(timestamp_ms: i64) -> String {
    let mut out = Vec::new();
    let seconds = timestamp_ms.div_euclid(1000);
    write_date(seconds.div_euclid(SECONDS_PER_DAY), &mut out);
    out.push(b' ');
    write_time(seconds.rem_euclid(SECONDS_PER_DAY) * MICROS_PER_SECOND, Precision::Micros, &mut out);
    out.truncate(out.len() - ".000000".len());
    out.push(b'Z');
    String::from_utf8(out).unwrap_or_default()
}

/// A duration for people: its two largest units.
pub(crate) fn duration_text(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let mut rest = ms;
    let mut parts = Vec::new();
    for (unit_ms, name) in UNITS {
        let n = rest / unit_ms;
        rest %= unit_ms;
        if n > 0 || !parts.is_empty() {
            parts.push(format!("{n}{name}"));
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { format!("{ms}ms") } else { parts.join(" ") }
}

/// At least `n_digits` digits.
fn write_digits(value: u64, n_digits: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value).as_bytes();
    out.resize(out.len() + n_digits.saturating_sub(digits.len()), b'0');
    out.extend_from_slice(digits);
}

/// Year, month and day of the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year, in eras of 400 years.
fn civil_date(days: i64) -> (i64, u64, u64) {
    const DAYS_PER_ERA: i64 = 146_097;
    const DAYS_FROM_YEAR_ZERO: i64 = 719_468;
    let shifted = days + DAYS_FROM_YEAR_ZERO;
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = shifted.div_euclid(DAYS_PER_ERA) * 400 + year_of_era + i64::from(month <= 2);
    (year, month.unsigned_abs(), day.unsigned_abs())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[rstest]
    #[case(0, "1970-01-01")]
    #[case(-1, "1969-12-31")]
    #[case(17_486, "2017-11-16")]
    #[case(19_782, "2024-02-29")]
    #[case(-719_162, "0001-01-01")]
    #[case(-719_528, "0000-01-01")]
    #[case(-719_529, "-0001-12-31")]
    #[case(2_932_896, "9999-12-31")]
    #[case(2_932_897, "+10000-01-01")]
    #[case(i32::MAX.into(), "+5881580-07-11")]
    #[case(i32::MIN.into(), "-5877641-06-23")]
    fn dates_cover_every_day_count(#[case] days: i64, #[case] expected: &str) {
        assert_eq!(text(|out| write_date(days, out)), expected);
    }

    #[rstest]
    #[case(0, Precision::Micros, "00:00:00.000000")]
    #[case(81_068_123_456, Precision::Micros, "22:31:08.123456")]
    #[case(86_399_999_999_999, Precision::Nanos, "23:59:59.999999999")]
    fn times_have_six_or_nine_digits(#[case] value: i64, #[case] precision: Precision, #[case] expected: &str) {
        assert_eq!(text(|out| write_time(value, precision, out)), expected);
    }

    #[rstest]
    #[case(1_510_871_468_123_456, Precision::Micros, false, "2017-11-16T22:31:08.123456")]
    #[case(1_510_871_468_123_456, Precision::Micros, true, "2017-11-16T22:31:08.123456+00:00")]
    #[case(1_510_871_468_123_456_789, Precision::Nanos, false, "2017-11-16T22:31:08.123456789")]
    #[case(1_510_871_468_123_456_789, Precision::Nanos, true, "2017-11-16T22:31:08.123456789+00:00")]
    #[case(-1, Precision::Micros, false, "1969-12-31T23:59:59.999999")]
    #[case(i64::MAX, Precision::Micros, false, "+294247-01-10T04:00:54.775807")]
    #[case(i64::MIN, Precision::Micros, false, "-290308-12-21T19:59:05.224192")]
    #[case(i64::MIN, Precision::Nanos, true, "1677-09-21T00:12:43.145224192+00:00")]
    fn timestamps_cover_the_whole_range(
        #[case] value: i64,
        #[case] precision: Precision,
        #[case] is_zoned: bool,
        #[case] expected: &str,
    ) {
        assert_eq!(text(|out| write_timestamp(value, precision, is_zoned, out)), expected);
    }

    #[test]
    fn commit_times_are_timestamps_with_zone() {
        assert_eq!(commit_timestamp(1_510_871_468_123), "2017-11-16T22:31:08.123000+00:00");
        assert_eq!(short_time(1_510_871_468_123), "2017-11-16 22:31:08Z");
    }

    #[test]
    fn durations_have_their_two_largest_units() {
        assert_eq!(duration_text(0), "0ms");
        assert_eq!(duration_text(999), "999ms");
        assert_eq!(duration_text(61_500), "1m 1s");
        assert_eq!(duration_text(3_600_000), "1h 0m");
        assert_eq!(duration_text(90_061_000), "1d 1h");
    }
}
