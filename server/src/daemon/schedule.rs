//! When a table is due by the clock: intervals and cron expressions, and the windows in which runs may start. All in UTC.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use frazil_table::catalog::parse_duration;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;
const WEEK_MINUTES: i64 = 7 * DAY_MINUTES;
/// The epoch was a Thursday; weeks are counted from Monday.
const EPOCH_WEEKDAY: i64 = 3;
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// More often than that, looking whether there is something to do is all that would be done.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// When runs of a table are due.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// So long after the run before began.
    Every(Duration),
    /// At the times that a cron expression gives, in UTC.
    Cron(Box<Cron>),
}

impl Schedule {
    /// A duration such as `1h`, or a cron expression of five fields such as `0 3 * * *`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(interval) = parse_duration(text) {
            if interval < INTERVAL_MIN {
                return Err(format!("the shortest interval is {INTERVAL_MIN:?}"));
            }
            return Ok(Self::Every(interval));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| {
            format!("neither an interval such as 1h nor a cron expression such as `0 3 * * *`: {error}")
        })?;
        // Such as the 30th of February.
        match next_of_cron(&cron, 0) {
            Some(_) => Ok(Self::Cron(Box::new(cron))),
            None => Err("the cron expression matches no time".to_owned()),
        }
    }

    /// The first time after `after_ms` at which a run is due, in milliseconds since the epoch; `None` if there is none.
    pub fn next_after(&self, after_ms: i64) -> Option<i64> {
        match self {
            Self::Every(interval) => after_ms.checked_add(millis(*interval)),
            Self::Cron(cron) => next_of_cron(cron, after_ms),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(interval) => write!(formatter, "every {interval:?}"),
            Self::Cron(cron) => write!(formatter, "{}", cron.as_str()),
        }
    }
}

fn next_of_cron(cron: &Cron, after_ms: i64) -> Option<i64> {
    let after = DateTime::<Utc>::from_timestamp_millis(after_ms)?;
    cron.find_next_occurrence(&after, false).ok().map(|next| next.timestamp_millis())
}

/// Milliseconds of a duration.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// When scheduled runs may start; always, if there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Windows {
    /// Minutes of the week from Monday, `[begin, end)`, by their begin, neither touching nor overlapping.
    minutes: Vec<(i64, i64)>,
}

impl Windows {
    /// Each is a time of day such as `22:00-06:00`, with days before it if it does not begin on every day:
    /// `mon-fri 22:00-06:00`, `sat,sun 00:00-24:00`. A window that ends before it begins goes on on the next day.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut minutes = Vec::new();
        for text in texts {
            add_window(text.trim(), &mut minutes).map_err(|cause| format!("window `{text}`: {cause}"))?;
        }
        minutes.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::new();
        for (begin, end) in minutes {
            match joined.last_mut() {
                Some(last) if begin <= last.1 => last.1 = last.1.max(end),
                _ => joined.push((begin, end)),
            }
        }
        Ok(Self { minutes: joined })
    }

    /// The first time at or after `at_ms` at which a window is open.
    pub fn next_open(&self, at_ms: i64) -> i64 {
        let Some((first, _)) = self.minutes.first() else { return at_ms };
        let minute = at_ms.div_euclid(MINUTE_MS);
        let of_week = (minute + EPOCH_WEEKDAY * DAY_MINUTES).rem_euclid(WEEK_MINUTES);
        let next = self.minutes.iter().find(|(_, end)| of_week < *end);
        let wait = match next {
            Some((begin, _)) if *begin <= of_week => return at_ms,
            Some((begin, _)) => begin - of_week,
            None => first + WEEK_MINUTES - of_week,
        };
        (minute + wait).saturating_mul(MINUTE_MS)
    }

    /// Runs may start at any time.
    pub fn is_always(&self) -> bool {
        self.minutes.is_empty()
    }

    /// Runs may start at this time.
    pub fn is_open(&self, at_ms: i64) -> bool {
        self.next_open(at_ms) == at_ms
    }
}

fn add_window(text: &str, minutes: &mut Vec<(i64, i64)>) -> Result<(), String> {
    const EXPECTED: &str = "expected a time of day such as 22:00-06:00, with days before it such as mon-fri or sat,sun";
    let (days, times) = match text.rsplit_once(char::is_whitespace) {
        Some((days, times)) => (Some(days.trim()), times),
        None => (None, text),
    };
    let (begin, end) = times.split_once('-').ok_or(EXPECTED)?;
    let (begin, end) = (minute_of_day(begin).ok_or(EXPECTED)?, minute_of_day(end).ok_or(EXPECTED)?);
    if begin == end || begin == DAY_MINUTES {
        return Err("it is never open; a whole day is 00:00-24:00".to_owned());
    }
    let length = (end - begin).rem_euclid(DAY_MINUTES);
    let length = if length == 0 { DAY_MINUTES } else { length };
    let days = days
        .map_or_else(|| Ok((0..7).collect()), days_of)
        .map_err(|day| format!("`{day}` is no day; days are {}, as in mon-fri or sat,sun", WEEKDAYS.join(", ")))?;
    for day in days {
        let begin = day * DAY_MINUTES + begin;
        let end = begin + length;
        minutes.push((begin, end.min(WEEK_MINUTES)));
        if end > WEEK_MINUTES {
            minutes.push((0, end - WEEK_MINUTES));
        }
    }
    Ok(())
}

/// The error is what is no day.
fn days_of(text: &str) -> Result<Vec<i64>, String> {
    let day = |name: &str| {
        let name = name.trim().to_lowercase();
        let index = WEEKDAYS.iter().position(|day| *day == name);
        index.and_then(|index| i64::try_from(index).ok()).ok_or(name)
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => days.push(day(part)?),
            Some((first, last)) => {
                let (first, last) = (day(first)?, day(last)?);
                days.extend((0..=(last - first).rem_euclid(7)).map(|n| (first + n) % 7));
            }
        }
    }
    Ok(days)
}

fn minute_of_day(text: &str) -> Option<i64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let is_plain = |digits: &str| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(hours) || !is_plain(minutes) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours * 60 + minutes <= DAY_MINUTES).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn ms(time: &str) -> i64 {
        DateTime::parse_from_rfc3339(time).unwrap().timestamp_millis()
    }

    #[rstest]
    #[case("1h", "2026-11-26T10:15:00Z", "2026-11-26T11:15:00Z")]
    #[case("90s", "2026-11-26T10:15:00Z", "2026-11-26T10:16:30Z")]
    #[case("0 3 * * *", "2026-11-26T10:15:00Z", "2026-11-27T03:00:00Z")]
    #[case("0 3 * * *", "2026-11-26T03:00:00Z", "2026-11-27T03:00:00Z")]
    #[case("*/10 * * * *", "2026-12-31T23:55:01Z", "2027-01-01T00:00:00Z")]
    #[case("0 4 * * sun", "2026-11-26T10:15:00Z", "2026-11-29T04:00:00Z")]
    #[case("30 2 29 2 *", "2026-11-26T10:15:00Z", "2028-02-29T02:30:00Z")]
    fn the_next_run_is_due_after_the_one_before(#[case] schedule: &str, #[case] after: &str, #[case] next: &str) {
        assert_eq!(Schedule::parse(schedule).unwrap().next_after(ms(after)), Some(ms(next)));
    }

    #[rstest]
    #[case("soon", "neither an interval such as 1h nor a cron expression")]
    #[case("", "neither an interval")]
    #[case("0 0 3 * * *", "neither an interval")]
    #[case("10ms", "the shortest interval is 1s")]
    #[case("0s", "the shortest interval is 1s")]
    #[case("0 0 30 2 *", "matches no time")]
    fn what_is_no_schedule_is_told(#[case] text: &str, #[case] expected: &str) {
        let error = Schedule::parse(text).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    /// 2026-11-26 is a Thursday.
    #[rstest]
    #[case(&[], "2026-11-26T10:15:30Z", "2026-11-26T10:15:30Z")]
    #[case(&["22:00-06:00"], "2026-11-26T10:15:30Z", "2026-11-26T22:00:00Z")]
    #[case(&["22:00-06:00"], "2026-11-26T22:00:00Z", "2026-11-26T22:00:00Z")]
    #[case(&["22:00-06:00"], "2026-11-26T05:59:59Z", "2026-11-26T05:59:59Z")]
    #[case(&["22:00-06:00"], "2026-11-26T06:00:00Z", "2026-11-26T22:00:00Z")]
    #[case(&["mon-fri 22:00-06:00"], "2026-11-28T05:00:00Z", "2026-11-28T05:00:00Z")]
    #[case(&["mon-fri 22:00-06:00"], "2026-11-28T06:00:00Z", "2026-11-30T22:00:00Z")]
    #[case(&["sat,sun 00:00-24:00"], "2026-11-26T10:15:30Z", "2026-11-28T00:00:00Z")]
    #[case(&["sat,sun 00:00-24:00"], "2026-11-29T23:59:59Z", "2026-11-29T23:59:59Z")]
    #[case(&["sun 23:00-01:00"], "2026-11-30T00:30:00Z", "2026-11-30T00:30:00Z")]
    #[case(&["sun 23:00-01:00"], "2026-11-30T01:00:00Z", "2026-12-06T23:00:00Z")]
    #[case(&["fri-mon 10:00-11:00"], "2026-11-30T12:00:00Z", "2026-12-04T10:00:00Z")]
    #[case(&["12:00-13:00", "12:30-14:00", "14:00-15:00"], "2026-11-26T14:59:00Z", "2026-11-26T14:59:00Z")]
    fn a_run_waits_for_the_next_window(#[case] windows: &[&str], #[case] at: &str, #[case] open: &str) {
        let windows = Windows::parse(windows.iter().copied()).unwrap();
        assert_eq!(windows.next_open(ms(at)), ms(open));
        assert!(windows.is_open(ms(open)));
        assert_eq!(windows.is_open(ms(at)), at == open);
    }

    #[rstest]
    #[case("22:00", "expected a time of day such as 22:00-06:00")]
    #[case("22-06", "expected a time of day")]
    #[case("22:60-23:00", "expected a time of day")]
    #[case("22:00-24:01", "expected a time of day")]
    #[case("22:00-22:00", "it is never open; a whole day is 00:00-24:00")]
    #[case("weekend 22:00-23:00", "`weekend` is no day; days are mon, tue")]
    #[case("mon-xyz 22:00-23:00", "`xyz` is no day")]
    fn what_is_no_window_is_told(#[case] window: &str, #[case] expected: &str) {
        let error = Windows::parse([window]).unwrap_err();
        assert!(error.starts_with(&format!("window `{window}`: ")) && error.contains(expected), "{error}");
    }
}
