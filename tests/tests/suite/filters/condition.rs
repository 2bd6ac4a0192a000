//! Conditions for tests: random ones, their SQL, and what they are for a row, worked out without the product.

use std::cmp::Ordering;
use std::fmt::Write as _;

use frazil_testkit::Value;
use frazil_testkit::schema::{Column, ColumnType};
use rand::Rng;
use rand::rngs::SmallRng;

/// A condition on one row.
#[derive(Debug, Clone)]
pub enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Constant(Option<bool>),
    Compare(Column, &'static str, Value),
    Columns(Column, &'static str, Column),
    In(Column, bool, Vec<Value>),
    Between(Column, bool, Value, Value),
    Like(Column, bool, String),
    StartsWith(Column, bool, String),
    IsNull(Column, bool),
    IsNan(Column, bool),
}

const OPERATORS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

/// A random condition over these columns, each with values that rows of it may have.
pub fn random(random: &mut SmallRng, columns: &[(Column, Vec<Value>)], depth: usize) -> Condition {
    if depth > 0 && random.random_bool(0.6) {
        let n = random.random_range(2..4);
        let mut parts = || (0..n).map(|_| self::random(random, columns, depth - 1)).collect();
        return match parts() {
            parts if n == 2 => Condition::Or(parts),
            parts if random.random_bool(0.6) => Condition::And(parts),
            mut parts => Condition::Not(Box::new(parts.remove(0))),
        };
    }
    leaf(random, columns)
}

fn leaf(random: &mut SmallRng, columns: &[(Column, Vec<Value>)]) -> Condition {
    let (column, pool) = &columns[random.random_range(0..columns.len())];
    let column = column.clone();
    let is_text = column.kind == ColumnType::String;
    let is_float = matches!(column.kind, ColumnType::Float | ColumnType::Double);
    let negated = random.random_bool(0.3);
    let operator = OPERATORS[random.random_range(0..OPERATORS.len())];
    match random.random_range(0..12) {
        0 => Condition::IsNull(column, negated),
        1 if is_float => Condition::IsNan(column, negated),
        2 | 3 if is_text => {
            let text = text(random, pool);
            let n = text.chars().count();
            let cut: String = text.chars().take(random.random_range(0..=n)).collect();
            Condition::StartsWith(column, negated, cut)
        }
        4 | 5 if is_text => Condition::Like(column, negated, pattern(random, pool)),
        6 | 7 => {
            let n = random.random_range(1..5);
            Condition::In(column, negated, (0..n).map(|_| value(random, pool, 0.1)).collect())
        }
        8 => Condition::Between(column, negated, value(random, pool, 0.05), value(random, pool, 0.05)),
        9 => {
            let same = columns.iter().filter(|(other, _)| other.kind == column.kind);
            let same: Vec<&Column> = same.map(|(other, _)| other).collect();
            Condition::Columns(column, operator, same[random.random_range(0..same.len())].clone())
        }
        10 if random.random_bool(0.2) => {
            Condition::Constant([None, Some(true), Some(false)][random.random_range(0..3)])
        }
        _ => Condition::Compare(column, operator, value(random, pool, 0.03)),
    }
}

/// A value of the pool, or one near it. NaN cannot be written.
fn value(random: &mut SmallRng, pool: &[Value], null: f64) -> Value {
    if pool.is_empty() || random.random_bool(null) {
        return Value::Null;
    }
    let one = pool[random.random_range(0..pool.len())].clone();
    match one {
        Value::Double(bits) if f64::from_bits(bits).is_nan() => Value::double(0.0),
        Value::Long(value) => Value::Long(value.saturating_add([0, 0, 0, 1, -1][random.random_range(0..5)])),
        Value::Decimal(value) => Value::Decimal(value + [0, 0, 1, -1][random.random_range(0..4)]),
        Value::String(text) if random.random_bool(0.2) => Value::String(format!("{text}a")),
        other => other,
    }
}

fn text(random: &mut SmallRng, pool: &[Value]) -> String {
    match value(random, pool, 0.0) {
        Value::String(text) => text,
        _ => "a".to_owned(),
    }
}

fn pattern(random: &mut SmallRng, pool: &[Value]) -> String {
    let text = text(random, pool);
    let characters = text.chars().map(|character| match random.random_range(0..5) {
        0 => "_".to_owned(),
        1 => "%".to_owned(),
        _ => character.to_string(),
    });
    let mut pattern: String = characters.collect();
    if random.random_bool(0.4) {
        pattern.push('%');
    }
    pattern
}

impl Condition {
    /// Its SQL.
    pub fn sql(&self) -> String {
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        match self {
            Self::And(parts) => joined(parts, " AND "),
            Self::Or(parts) => joined(parts, " OR "),
            Self::Not(inner) => format!("NOT ({})", inner.sql()),
            Self::Constant(None) => "NULL".to_owned(),
            Self::Constant(Some(value)) => value.to_string(),
            Self::Compare(column, operator, value) => format!("{} {operator} {}", name(column), literal(column, value)),
            Self::Columns(left, operator, right) => format!("{} {operator} {}", name(left), name(right)),
            Self::In(column, negated, values) => {
                let values: Vec<String> = values.iter().map(|value| literal(column, value)).collect();
                format!("{} {}IN ({})", name(column), not(negated), values.join(", "))
            }
            Self::Between(column, negated, low, high) => {
                let (low, high) = (literal(column, low), literal(column, high));
                format!("{} {}BETWEEN {low} AND {high}", name(column), not(negated))
            }
            Self::Like(column, negated, pattern) => {
                format!("{} {}LIKE {}", name(column), not(negated), quoted(pattern))
            }
            Self::StartsWith(column, negated, prefix) => {
                format!("{} {}STARTS WITH {}", name(column), not(negated), quoted(prefix))
            }
            Self::IsNull(column, negated) => format!("{} IS {}NULL", name(column), not(negated)),
            Self::IsNan(column, negated) => format!("{} IS {}NAN", name(column), not(negated)),
        }
    }

    /// What it is for a row; `None` is unknown.
    pub fn holds(&self, value_of: &impl Fn(&Column) -> Value) -> Option<bool> {
        match self {
            Self::And(parts) => {
                let parts: Vec<Option<bool>> = parts.iter().map(|part| part.holds(value_of)).collect();
                if parts.contains(&Some(false)) { Some(false) } else { (!parts.contains(&None)).then_some(true) }
            }
            Self::Or(parts) => {
                let parts: Vec<Option<bool>> = parts.iter().map(|part| part.holds(value_of)).collect();
                if parts.contains(&Some(true)) { Some(true) } else { (!parts.contains(&None)).then_some(false) }
            }
            Self::Not(inner) => inner.holds(value_of).map(|holds| !holds),
            Self::Constant(value) => *value,
            Self::Compare(column, operator, value) => compared(&value_of(column), operator, value),
            Self::Columns(left, operator, right) => compared(&value_of(left), operator, &value_of(right)),
            Self::In(column, negated, values) => {
                let equal: Vec<_> = values.iter().map(|value| compared(&value_of(column), "=", value)).collect();
                let any =
                    if equal.contains(&Some(true)) { Some(true) } else { (!equal.contains(&None)).then_some(false) };
                any.map(|any| any != *negated)
            }
            Self::Between(column, negated, low, high) => {
                let value = value_of(column);
                let sides = [compared(&value, ">=", low), compared(&value, "<=", high)];
                let both =
                    if sides.contains(&Some(false)) { Some(false) } else { (!sides.contains(&None)).then_some(true) };
                both.map(|both| both != *negated)
            }
            Self::Like(column, negated, pattern) => text_of(&value_of(column)).map(|text| {
                let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
                fits(&pattern, &text) != *negated
            }),
            Self::StartsWith(column, negated, prefix) => {
                text_of(&value_of(column)).map(|text| text.starts_with(prefix.as_str()) != *negated)
            }
            Self::IsNull(column, negated) => Some(value_of(column).is_null() != *negated),
            Self::IsNan(column, negated) => match value_of(column) {
                Value::Double(bits) => Some(f64::from_bits(bits).is_nan() != *negated),
                _ => None,
            },
        }
    }
}

fn joined(parts: &[Condition], operator: &str) -> String {
    let parts: Vec<String> = parts.iter().map(|part| format!("({})", part.sql())).collect();
    parts.join(operator)
}

fn name(column: &Column) -> String {
    format!("\"{}\"", column.name)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn literal(column: &Column, value: &Value) -> String {
    const MICROS_PER_DAY: i64 = 86_400_000_000;
    match (column.kind, value) {
        (_, Value::Null) => "NULL".to_owned(),
        (ColumnType::Date, Value::Long(days)) => format!("DATE '{}'", date(*days)),
        (ColumnType::Timestamp, Value::Long(micros)) => {
            let (day, clock) = (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY));
            let (seconds, micros) = (clock / 1_000_000, clock % 1_000_000);
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            format!("'{} {hours:02}:{minutes:02}:{seconds:02}.{micros:06}'", date(day))
        }
        (ColumnType::Decimal(_, scale), Value::Decimal(unscaled)) => {
            let scale = usize::try_from(scale).unwrap();
            let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{}{whole}.{fraction}0", if *unscaled < 0 { "-" } else { "" })
        }
        (_, Value::Boolean(value)) => value.to_string(),
        (_, Value::Long(value)) => value.to_string(),
        (_, Value::Double(bits)) => match f64::from_bits(*bits) {
            value if value.is_infinite() => format!("'{}Infinity'", if value < 0.0 { "-" } else { "" }),
            value => format!("{value:?}"),
        },
        (_, Value::String(text)) => quoted(text),
        (_, Value::Bytes(bytes)) => {
            let mut digits = String::new();
            for byte in bytes {
                write!(digits, "{byte:02x}").unwrap();
            }
            format!("X'{digits}'")
        }
        (kind, value) => panic!("{value:?} is not of type {kind:?}"),
    }
}

/// A date, from the days since 1970, day by day.
fn date(days: i64) -> String {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut year, mut left) = (1970, days);
    let days_of = |year: i64| if is_leap(year) { 366 } else { 365 };
    while left < 0 {
        year -= 1;
        left += days_of(year);
    }
    while left >= days_of(year) {
        left -= days_of(year);
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", left + 1)
}

fn compared(left: &Value, operator: &str, right: &Value) -> Option<bool> {
    let ordering = match (left, right) {
        (Value::Null, _) | (_, Value::Null) => return None,
        (Value::Double(a), Value::Double(b)) => f64::from_bits(*a).partial_cmp(&f64::from_bits(*b)),
        (a, b) => Some(a.cmp(b)),
    };
    Some(match operator {
        "=" => ordering == Some(Ordering::Equal),
        "<>" => ordering != Some(Ordering::Equal),
        "<" => ordering == Some(Ordering::Less),
        "<=" => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        ">" => ordering == Some(Ordering::Greater),
        _ => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn fits(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('%', rest)), _) => {
            fits(rest, text) || text.split_first().is_some_and(|(_, shorter)| fits(pattern, shorter))
        }
        (Some(('_', pattern)), Some((_, text))) => fits(pattern, text),
        (Some((wanted, pattern)), Some((found, text))) => wanted == found && fits(pattern, text),
        _ => false,
    }
}
