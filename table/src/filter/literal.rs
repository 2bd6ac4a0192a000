//! Literals in the types of the columns that they are compared with.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use iceberg::spec::PrimitiveType;

use super::syntax::LiteralKind;
use super::value::Value;

/// A literal in the terms of a column's type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Typed {
    /// NULL.
    Null,
    /// A value that the column may have.
    Exact(Value),
    /// A number between this one and the next: finer than the type's last digit. No value of the column equals it.
    Above(i128),
}

/// Powers of ten beyond this are out of the range of every type.
const N_DIGITS_MAX: i64 = 1_000;

/// Nanoseconds of one microsecond.
const NANOS_PER_MICRO: i128 = 1_000;
const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// What `kind` is for a column of this type.
///
/// # Errors
/// What would fit the type.
pub(super) fn typed(kind: &LiteralKind, primitive: &PrimitiveType) -> Result<Typed, String> {
    use LiteralKind as L;
    use PrimitiveType as T;
    match (primitive, kind) {
        (_, L::Null) => Ok(Typed::Null),
        (T::Boolean, L::Boolean(value)) => Ok(Typed::Exact(Value::Number(i128::from(*value)))),
        (T::Int | T::Long, L::Number(text)) => number(text, 0),
        (T::Decimal { scale, .. }, L::Number(text)) => number(text, i64::from(*scale)),
        (T::Float, L::Number(text) | L::Text(text)) => float(text, true),
        (T::Double, L::Number(text) | L::Text(text)) => float(text, false),
        (T::String, L::Text(text)) => Ok(Typed::Exact(Value::Bytes(text.clone().into_bytes()))),
        (T::Binary | T::Fixed(_), L::Bytes(bytes)) => Ok(Typed::Exact(Value::Bytes(bytes.clone()))),
        (T::Uuid, L::Text(text) | L::Uuid(text)) => {
            let uuid = uuid::Uuid::try_parse(text).map_err(|_| format!("`{text}` is no uuid"))?;
            Ok(Typed::Exact(Value::Bytes(uuid.as_bytes().to_vec())))
        }
        (T::Date, L::Text(text) | L::Date(text)) => {
            let days = date(text).ok_or_else(|| format!("`{text}` is no date; expected one such as 2026-11-21"))?;
            Ok(Typed::Exact(Value::Number(days_since_epoch(days))))
        }
        (T::Time, L::Text(text) | L::Time(text)) => {
            let time =
                time(text).ok_or_else(|| format!("`{text}` is no time; expected one such as 08:30 or 08:30:00.5"))?;
            let nanos = i128::from(time.num_seconds_from_midnight()) * NANOS_PER_SECOND + i128::from(time.nanosecond());
            Ok(rounded(nanos, NANOS_PER_MICRO))
        }
        (
            T::Timestamp | T::Timestamptz | T::TimestampNs | T::TimestamptzNs,
            L::Text(text) | L::Timestamp(text) | L::Date(text),
        ) => timestamp(text, primitive),
        _ => Err(expected(primitive)),
    }
}

fn expected(primitive: &PrimitiveType) -> String {
    let form = match primitive {
        PrimitiveType::Boolean => "TRUE or FALSE",
        PrimitiveType::Int | PrimitiveType::Long => "a number such as 10, without quotes",
        PrimitiveType::Float | PrimitiveType::Double | PrimitiveType::Decimal { .. } => {
            "a number such as 1.5, without quotes"
        }
        PrimitiveType::String => "text in single quotes, such as 'eu'",
        PrimitiveType::Binary | PrimitiveType::Fixed(_) => "bytes such as X'00ff'",
        PrimitiveType::Uuid => "text such as '123e4567-e89b-12d3-a456-426614174000'",
        PrimitiveType::Date => "a date such as '2026-11-21'",
        PrimitiveType::Time => "a time such as '08:30:00'",
        PrimitiveType::Timestamp | PrimitiveType::TimestampNs => "a timestamp such as '2026-11-21 08:30:00'",
        PrimitiveType::Timestamptz | PrimitiveType::TimestamptzNs => "a timestamp such as '2026-11-21 08:30:00+00:00'",
    };
    format!("its type is `{primitive}`; expected {form}")
}

/// A number with its point moved by `scale` digits.
fn number(text: &str, scale: i64) -> Result<Typed, String> {
    let no_number = || format!("`{text}` is no number");
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().map_err(|_| no_number())?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_negative = whole.starts_with('-');
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    if !whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit()) || whole.len() + fraction.len() == 0 {
        return Err(no_number());
    }
    let digits = format!("{whole}{fraction}");
    let n_fraction = i64::try_from(fraction.len()).map_err(|_| no_number())?;
    let shift = exponent.saturating_sub(n_fraction).saturating_add(scale).clamp(-N_DIGITS_MAX, N_DIGITS_MAX);
    let digits = digits.trim_start_matches('0');
    // Beyond what any type holds a number is as good as the greatest: it compares with all values alike.
    let limit = i128::MAX / 2;
    let (magnitude, has_rest) = if shift >= 0 {
        let n_zeros = usize::try_from(shift).unwrap_or(0);
        let scaled = if digits.is_empty() { Ok(0) } else { format!("{digits}{}", "0".repeat(n_zeros)).parse() };
        (scaled.unwrap_or(limit).min(limit), false)
    } else {
        let n_cut = usize::try_from(-shift).unwrap_or(0).min(digits.len());
        let (kept, cut) = digits.split_at_checked(digits.len() - n_cut).ok_or_else(no_number)?;
        let kept = if kept.is_empty() { Ok(0) } else { kept.parse() };
        (kept.unwrap_or(limit).min(limit), cut.bytes().any(|digit| digit != b'0'))
    };
    Ok(match (is_negative, has_rest) {
        (false, false) => Typed::Exact(Value::Number(magnitude)),
        (false, true) => Typed::Above(magnitude),
        (true, false) => Typed::Exact(Value::Number(-magnitude)),
        (true, true) => Typed::Above(-magnitude - 1),
    })
}

/// A number of nanoseconds in a coarser unit.
fn rounded(nanos: i128, unit: i128) -> Typed {
    let whole = nanos.div_euclid(unit);
    if nanos.rem_euclid(unit) == 0 { Typed::Exact(Value::Number(whole)) } else { Typed::Above(whole) }
}

fn float(text: &str, is_single: bool) -> Result<Typed, String> {
    let value: f64 =
        text.parse().map_err(|_| format!("`{text}` is no number; expected one such as 1.5 or 'Infinity'"))?;
    if value.is_nan() {
        return Err("nothing compares with NaN; use IS NAN".to_owned());
    }
    // The literal is of the column's type: otherwise 0.1 would be found in no column of floats.
    #[allow(clippy::cast_possible_truncation)] // Rounding is what is wanted.
    let value = if is_single { f64::from(value as f32) } else { value };
    Ok(Typed::Exact(Value::Float(value)))
}

fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()
}

fn days_since_epoch(date: NaiveDate) -> i128 {
    i128::from(date.signed_duration_since(NaiveDate::default()).num_days())
}

fn time(text: &str) -> Option<NaiveTime> {
    let text = text.trim();
    NaiveTime::parse_from_str(text, "%H:%M:%S%.f").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M")).ok()
}

/// A date, a date and a time, or these with an offset. Without an offset it is in UTC.
fn timestamp(text: &str, primitive: &PrimitiveType) -> Result<Typed, String> {
    let is_zoned = matches!(primitive, PrimitiveType::Timestamptz | PrimitiveType::TimestamptzNs);
    let expected = || format!("`{text}` is no timestamp; {}", expected(primitive));
    let trimmed = text.trim();
    let (local, offset_seconds) = match trimmed.split_once(['T', 't', ' ']) {
        None => (date(trimmed).ok_or_else(expected)?.and_time(NaiveTime::MIN), None),
        Some((day, clock)) => {
            let zone_at = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
            let (clock, zone) = clock.split_at_checked(zone_at).ok_or_else(expected)?;
            let local = date(day).zip(time(clock)).ok_or_else(expected)?;
            (NaiveDateTime::new(local.0, local.1), offset(zone).ok_or_else(expected)?)
        }
    };
    if offset_seconds.is_some() && !is_zoned {
        return Err(format!("`{text}` has a time zone, and the column has none; leave it out"));
    }
    let utc: DateTime<chrono::Utc> = local.and_utc();
    let seconds = i128::from(utc.timestamp()) - i128::from(offset_seconds.unwrap_or(0));
    let nanos = seconds * NANOS_PER_SECOND + i128::from(utc.timestamp_subsec_nanos());
    let is_fine = matches!(primitive, PrimitiveType::TimestampNs | PrimitiveType::TimestamptzNs);
    Ok(rounded(nanos, if is_fine { 1 } else { NANOS_PER_MICRO }))
}

/// Seconds east of UTC; `Some(None)` if nothing stands there.
#[allow(clippy::option_option)] // No offset is something else than a broken one.
fn offset(text: &str) -> Option<Option<i32>> {
    match text.trim() {
        "" => Some(None),
        "Z" | "z" => Some(Some(0)),
        text => {
            let (sign, digits) = text.split_at_checked(1)?;
            let digits: String = digits.chars().filter(|character| *character != ':').collect();
            let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i32>().ok();
            let (hours, minutes) = match digits.len() {
                2 => (number(0..2)?, 0),
                4 => (number(0..2)?, number(2..4)?),
                _ => return None,
            };
            let seconds = (hours <= 18 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
            Some(Some(if sign == "-" { -seconds } else { seconds }))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn exact(number: i128) -> Typed {
        Typed::Exact(Value::Number(number))
    }

    #[rstest]
    #[case("10", 0, exact(10))]
    #[case("-10", 0, exact(-10))]
    #[case("10.0", 0, exact(10))]
    #[case("10.5", 0, Typed::Above(10))]
    #[case("-10.5", 0, Typed::Above(-11))]
    #[case("1e3", 0, exact(1000))]
    #[case("1.5e1", 0, exact(15))]
    #[case("15e-1", 0, Typed::Above(1))]
    #[case("14.2", 2, exact(1420))]
    #[case("14.205", 2, Typed::Above(1420))]
    #[case("-0.001", 2, Typed::Above(-1))]
    #[case(".5", 1, exact(5))]
    #[case("0.00", 0, exact(0))]
    #[case("1e999999999", 0, exact(i128::MAX / 2))]
    #[case("-99999999999999999999999999999999999999999", 0, exact(-(i128::MAX / 2)))]
    #[case("1e-999999999", 0, Typed::Above(0))]
    fn numbers_keep_every_digit(#[case] text: &str, #[case] scale: i64, #[case] expected: Typed) {
        assert_eq!(number(text, scale).unwrap(), expected);
    }

    #[rstest]
    #[case("2026-11-21", 1_795_219_200_000_000)]
    #[case("2026-11-21T08:30", 1_795_249_800_000_000)]
    #[case("2026-11-21 08:30:00.000001", 1_795_249_800_000_001)]
    #[case("1969-12-31 23:59:59.999999", -1)]
    fn timestamps_are_microseconds(#[case] text: &str, #[case] micros: i128) {
        let kind = LiteralKind::Text(text.to_owned());
        assert_eq!(typed(&kind, &PrimitiveType::Timestamp), Ok(exact(micros)));
        assert_eq!(typed(&kind, &PrimitiveType::Timestamptz), Ok(exact(micros)));
        assert_eq!(typed(&kind, &PrimitiveType::TimestampNs), Ok(exact(micros * 1000)));
    }

    #[test]
    fn offsets_count_for_timestamps_with_zone_only() {
        let kind = LiteralKind::Text("1970-01-01T02:00:00+02:00".to_owned());
        assert_eq!(typed(&kind, &PrimitiveType::Timestamptz), Ok(exact(0)));
        assert!(typed(&kind, &PrimitiveType::Timestamp).unwrap_err().contains("leave it out"));
        let kind = LiteralKind::Text("1970-01-01 00:00:00Z".to_owned());
        assert_eq!(typed(&kind, &PrimitiveType::Timestamptz), Ok(exact(0)));
    }

    #[test]
    fn finer_times_than_the_column_has_lie_between_its_values() {
        let kind = LiteralKind::Timestamp("1970-01-01 00:00:00.0000015".to_owned());
        assert_eq!(typed(&kind, &PrimitiveType::Timestamp), Ok(Typed::Above(1)));
        assert_eq!(typed(&kind, &PrimitiveType::TimestampNs), Ok(exact(1500)));
    }

    #[test]
    fn floats_are_of_the_precision_of_the_column() {
        let tenth = LiteralKind::Number("0.1".to_owned());
        assert_eq!(typed(&tenth, &PrimitiveType::Float), Ok(Typed::Exact(Value::Float(f64::from(0.1_f32)))));
        assert_eq!(typed(&tenth, &PrimitiveType::Double), Ok(Typed::Exact(Value::Float(0.1))));
        assert!(typed(&LiteralKind::Text("NaN".to_owned()), &PrimitiveType::Double).is_err());
    }

    #[rstest]
    #[case(PrimitiveType::Int, LiteralKind::Text("5".to_owned()))]
    #[case(PrimitiveType::String, LiteralKind::Number("5".to_owned()))]
    #[case(PrimitiveType::Boolean, LiteralKind::Number("1".to_owned()))]
    #[case(PrimitiveType::Date, LiteralKind::Text("21.11.2026".to_owned()))]
    #[case(PrimitiveType::Date, LiteralKind::Number("20".to_owned()))]
    #[case(PrimitiveType::Timestamp, LiteralKind::Text("2026-13-01".to_owned()))]
    #[case(PrimitiveType::Timestamptz, LiteralKind::Text("2026-01-01 00:00+99".to_owned()))]
    #[case(PrimitiveType::Time, LiteralKind::Text("25:00".to_owned()))]
    #[case(PrimitiveType::Uuid, LiteralKind::Text("x".to_owned()))]
    #[case(PrimitiveType::Binary, LiteralKind::Text("x".to_owned()))]
    fn literals_that_do_not_fit_the_type_are_refused(#[case] primitive: PrimitiveType, #[case] kind: LiteralKind) {
        assert!(typed(&kind, &primitive).is_err());
    }
}
