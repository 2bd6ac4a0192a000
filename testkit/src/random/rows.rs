//! Columns and values of random tables.

use rand::Rng;
use rand::rngs::SmallRng;

use super::KeySource;
use crate::schema::{ColumnType, TableSchema};
use crate::value::{Row, Value};

/// What the columns of a random table are for.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) key_names: Vec<String>,
    /// Ids of the key columns.
    pub(super) key_ids: Vec<i32>,
    /// Id of the column `p`, that tables are partitioned by.
    pub(super) partition_id: Option<i32>,
    pub(super) partition_follows_key: bool,
    /// Ids of the columns that the table began with.
    pub(super) first_ids: Vec<i32>,
    /// Keys may be NULL.
    nullable_key: bool,
    /// Number of different values of the first key column.
    n_keys: i64,
}

impl Columns {
    /// Draws columns; returns their definition too.
    pub(super) fn random(rng: &mut SmallRng, key_source: KeySource) -> (Self, String) {
        let mut key_kinds = vec!["int", "int", "int", "long", "string", "date", "decimal(7,2)"];
        if key_source != KeySource::Identifier {
            key_kinds.extend(["float", "double"]);
        }
        let mut definition = vec![format!("k {}", key_kinds[rng.random_range(0..key_kinds.len())])];
        let mut key_names = vec!["k".to_owned()];
        if rng.random_bool(0.3) {
            definition.push("r string".to_owned());
            key_names.push("r".to_owned());
        }
        let has_partition_column = rng.random_bool(0.6);
        if has_partition_column {
            let kind = ["int", "int", "string", "date"][rng.random_range(0..4)];
            definition.push(format!("p {kind}"));
        }
        for (name, kind) in
            [("v", "int"), ("f", "float"), ("d", "decimal(7,2)"), ("s", "string"), ("t", "timestamp"), ("b", "boolean")]
        {
            if name == "v" || rng.random_bool(0.3) {
                definition.push(format!("{name} {kind}"));
            }
        }
        let id_of = |name: &str| {
            let index = definition.iter().position(|column| column.starts_with(&format!("{name} ")));
            index.map(|index| i32::try_from(index).unwrap() + 1)
        };
        let columns = Self {
            key_ids: key_names.iter().map(|name| id_of(name).unwrap()).collect(),
            partition_id: id_of("p"),
            partition_follows_key: rng.random_bool(0.6),
            first_ids: (1..=i32::try_from(definition.len()).unwrap()).collect(),
            nullable_key: key_source != KeySource::Identifier,
            n_keys: rng.random_range(3..14),
            key_names,
        };
        (columns, definition.join(", "))
    }

    /// Values of the key columns, in the order of `key_ids`.
    pub(super) fn key(&self, rng: &mut SmallRng, schema: &TableSchema) -> Row {
        let kind_of = |id: i32| schema.columns.iter().find(|column| column.id == id).unwrap().kind;
        let number = rng.random_range(0..self.n_keys);
        let mut key = vec![match kind_of(self.key_ids[0]) {
            _ if self.nullable_key && rng.random_bool(0.08) => Value::Null,
            ColumnType::String => Value::String(format!("key-{number:02}")),
            ColumnType::Decimal(_, _) => Value::Decimal(i128::from(number - 2) * 100),
            // Not a number, and both zeros, are keys like others.
            ColumnType::Float | ColumnType::Double => match number {
                0 => Value::double(f64::NAN),
                1 => Value::double(-0.0),
                2 => Value::double(0.0),
                #[allow(clippy::cast_precision_loss)] // Small numbers.
                n => Value::double(n as f64),
            },
            _ => Value::Long(number - 2),
        }];
        if self.key_ids.len() > 1 {
            let nullable = self.nullable_key && rng.random_bool(0.3);
            let part = ["x", "y"][rng.random_range(0..2)];
            key.push(if nullable { Value::Null } else { Value::from(part) });
        }
        key
    }

    /// The key of a row of the schema.
    pub(super) fn key_of(&self, schema: &TableSchema, row: &Row) -> Row {
        let ids = schema.ids();
        self.key_ids.iter().map(|id| row[ids.iter().position(|column| column == id).unwrap()].clone()).collect()
    }

    /// A row of the schema with that key.
    pub(super) fn row(&self, rng: &mut SmallRng, schema: &TableSchema, key: &Row) -> Row {
        schema
            .columns
            .iter()
            .map(|column| {
                if let Some(index) = self.key_ids.iter().position(|id| *id == column.id) {
                    return key[index].clone();
                }
                if Some(column.id) == self.partition_id {
                    return self.partition_value(rng, column.kind, key);
                }
                value(rng, column.kind)
            })
            .collect()
    }

    /// A value of the column `p` for a row with that key.
    pub(super) fn partition_value(&self, rng: &mut SmallRng, kind: ColumnType, key: &Row) -> Value {
        let drawn = rng.random_range(0..7_i64);
        let number = if self.partition_follows_key { spread(key) % 3 } else { drawn % 3 };
        if !self.partition_follows_key && drawn == 6 {
            return Value::Null;
        }
        match kind {
            ColumnType::String => Value::String(format!("p{number}")),
            _ => Value::Long(number),
        }
    }
}

/// A small number that depends on the key only.
fn spread(key: &Row) -> i64 {
    let text = format!("{key:?}");
    text.bytes().map(i64::from).sum()
}

/// A value of a type, from few, so that equal rows are common.
pub(super) fn value(rng: &mut SmallRng, kind: ColumnType) -> Value {
    if rng.random_bool(0.15) {
        return Value::Null;
    }
    let number = rng.random_range(0..4_i64);
    match kind {
        ColumnType::Boolean => Value::Boolean(number % 2 == 0),
        ColumnType::Float | ColumnType::Double => {
            Value::double([f64::NAN, -0.0, 0.0, 1.5][usize::try_from(number).unwrap()])
        }
        ColumnType::Decimal(_, _) => Value::Decimal(i128::from(number) * 111 - 100),
        ColumnType::String => {
            Value::from(["", "a", "a rather long string 1", "a rather long string 2"][usize::try_from(number).unwrap()])
        }
        ColumnType::Timestamp => Value::Long(number * 1_000_001),
        ColumnType::Binary => Value::Bytes(number.to_be_bytes().to_vec()),
        ColumnType::Int | ColumnType::Long | ColumnType::Date => Value::Long(number),
    }
}
