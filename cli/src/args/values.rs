//! How single values are written: sizes, times, snapshots, lists of names.

use std::time::Duration;

use frazil_reader::SchemaMode;

pub(super) type Parsed<T> = Result<T, String>;

/// Column names. A type of its own, so that the parser takes one argument for the whole list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameList(pub(crate) Vec<String>);

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
