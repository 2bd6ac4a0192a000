//! Statistics of stripes: which stripes may hold some keys, or rows that match a filter.
//!
//! Source: ORC specification, "Metadata" and "Column Statistics".

use arrow_array::Array;
use arrow_schema::DataType;

use super::columns::kind;
use super::messages::{ColumnStatistics, Stored, Type};
use super::{Fault, OrcFile, messages, tail};
use crate::Result;
use crate::filter::BoundFilter;
use crate::pool::on_pool;
use crate::scan::columns::FileColumn;
use crate::scan::convert::Conversion;
use crate::scan::parquet::guarded;
use crate::scan::resolve::KeyColumn;
use crate::scan::statistics::{ColumnBounds, Value};
use crate::scan::{KeyRanges, RowGroupSpan, RowSelect, may_match, prune};

/// First version of the library's writers whose bounds of texts hold. Source: `orc_proto.proto`, `PostScript`, on
/// HIVE-8732.
const TEXTS_SINCE: u64 = 1;

/// What a file says of its stripes.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    /// For each stripe, those of all columns. Empty if the file has none of use.
    stripes: Vec<Vec<ColumnStatistics>>,
    /// For each leaf, the type that it is.
    leaves: Vec<usize>,
}

/// Stripes that may hold a row with one of `keys`.
pub(in crate::scan) async fn stripes_that_may_hold(file: &OrcFile, keys: &KeyRanges) -> Result<Vec<usize>> {
    let columns = prune::key_columns(&file.table, &file.resolver(), keys)?;
    let n_keys = keys.arrays.first().map_or(0, |array| array.len());
    let statistics = file.statistics().await?;
    let mut kept = Vec::new();
    for span in file.spans.iter().filter(|span| span.n_rows > 0) {
        let mut alive = vec![true; n_keys];
        for (column, array) in columns.iter().zip(&keys.arrays) {
            statistics.bounds(file, column, span).narrow(array, &mut alive);
        }
        if alive.contains(&true) {
            kept.push(span.index);
        }
    }
    Ok(kept)
}

/// The stripes that may hold a row which matches `filter`, with all of their rows.
pub(in crate::scan) async fn rows_that_may_match(file: &OrcFile, filter: &BoundFilter) -> Result<RowSelect> {
    let sources = may_match::sources(&file.table, &file.resolver(), filter)?;
    let statistics = file.statistics().await?;
    let mut kept = Vec::new();
    for span in file.spans.iter().filter(|span| span.n_rows > 0) {
        let outcome = may_match::outcome(filter, &sources, &[], &mut |source| {
            Ok(source.facts(statistics.bounds(file, &source.column, span)))
        })?;
        if outcome.maybe_true {
            kept.push(span.index);
        }
    }
    Ok(RowSelect { row_groups: Some(kept), ..RowSelect::default() })
}

impl OrcFile {
    /// Read once, when they are first asked for: nearly always they came with the footer.
    async fn statistics(&self) -> Result<&Statistics> {
        self.statistics.get_or_try_init(|| self.read_statistics()).await
    }

    async fn read_statistics(&self) -> Result<Statistics> {
        let Some(bytes) = self.metadata.read(&self.table, &self.file).await? else { return Ok(Statistics::default()) };
        let (codec, path) = (self.codec, self.file.path.clone());
        let parsed = on_pool(move || {
            guarded(&path, || {
                let parse = |bytes: Vec<u8>| messages::stripe_statistics(&bytes);
                codec
                    .decompress(bytes, tail::METADATA_BYTES_MAX)
                    .and_then(parse)
                    .map_err(|fault: Fault| fault.at(&path))
            })
        });
        let mut stripes = parsed.await??;
        // Without one for each, nobody knows which is whose.
        if stripes.len() != self.stripes.len() {
            stripes.clear();
        }
        Ok(Statistics { stripes, leaves: leaf_types(&self.types, &self.columns.columns) })
    }
}

impl Statistics {
    /// What is known of a column in the stripe `span`.
    fn bounds(&self, file: &OrcFile, column: &KeyColumn, span: &RowGroupSpan) -> ColumnBounds {
        let (leaf, stored, conversion) = match column {
            KeyColumn::Constant(constant) => return ColumnBounds::of_one(&constant.one()),
            KeyColumn::Leaf { leaf, stored, conversion } => (*leaf, stored, *conversion),
        };
        let index = self.leaves.get(leaf).copied().unwrap_or(usize::MAX);
        let found = self.stripes.get(span.index).and_then(|columns| columns.get(index)).zip(file.types.get(index));
        let Some((statistics, data_type)) = found else { return ColumnBounds::UNKNOWN };
        let has_bounds = match data_type.kind {
            // What of the padding counts is not said.
            kind::CHAR => false,
            kind::STRING | kind::VARCHAR => file.writer_version >= TEXTS_SINCE,
            // Writers have disagreed on the zone and on what is before 1970.
            kind::TIMESTAMP | kind::TIMESTAMP_INSTANT => false,
            _ => true,
        };
        let bound = |value: &Option<Stored>| value.as_ref().filter(|_| has_bounds)?.value(stored, conversion);
        // The count knows of nulls in the structs around a column too, other than what the file says of nulls.
        ColumnBounds {
            min: bound(&statistics.min),
            max: bound(&statistics.max),
            maybe_null: statistics.n_values != Some(span.n_rows),
            maybe_value: statistics.n_values != Some(0),
        }
    }
}

impl Stored {
    /// In the terms of the table's type; `None` if it is nothing to go by.
    fn value(&self, stored: &DataType, conversion: Conversion) -> Option<Value> {
        use DataType as D;
        match (self, stored) {
            (Self::Integer(number), D::Boolean | D::Int32 | D::Int64 | D::Date32 | D::Time64(_)) => {
                conversion.number(*number).map(|number| Value::Number(i128::from(number)))
            }
            (Self::Float(float), D::Float32 | D::Float64) if !float.is_nan() => Some(Value::Float(*float)),
            (Self::Text(text), D::Utf8) => Some(Value::Bytes(text.clone())),
            (Self::Text(text), D::Decimal128(_, scale)) => unscaled(text, *scale).map(Value::Number),
            _ => None,
        }
    }
}

/// The number without its point, of a decimal as text: `-1.5` is -150 with the scale 2.
fn unscaled(text: &[u8], scale: i8) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() {
        return None;
    }
    let n_zeros = usize::try_from(scale).ok()?.checked_sub(fraction.len())?;
    let mut value = 0_i128;
    for digit in whole.chars().chain(fraction.chars()).chain(std::iter::repeat_n('0', n_zeros)) {
        value = value.checked_mul(10)?.checked_add(i128::from(digit.to_digit(10)?))?;
    }
    Some(sign * value)
}

/// For each leaf of the file, the index of its type.
fn leaf_types(types: &[Type], found: &[FileColumn]) -> Vec<usize> {
    fn visit(types: &[Type], index: usize, found: &FileColumn, leaves: &mut Vec<usize>) {
        if found.children.is_empty() {
            leaves.push(index);
        }
        for (child, found) in types[index].children.iter().zip(&found.children) {
            visit(types, *child as usize, found, leaves);
        }
    }
    let mut leaves = Vec::new();
    if let Some(root) = types.first() {
        for (child, found) in root.children.iter().zip(found) {
            visit(types, *child as usize, found, &mut leaves);
        }
    }
    leaves
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn decimals_get_the_zeros_that_their_text_lacks() {
        let unscaled = |text: &str, scale| unscaled(text.as_bytes(), scale);
        assert_eq!(unscaled("12.9", 2), Some(1290));
        assert_eq!(unscaled("-208918.55", 2), Some(-20_891_855));
        assert_eq!(unscaled("7", 0), Some(7));
        assert_eq!(unscaled("-0.001", 3), Some(-1));
        assert_eq!(unscaled("-99999999999999999999999999999999999999", 0), Some(1 - 10_i128.pow(38)));
        for (text, scale) in [("1.234", 2), ("1e5", 2), ("", 1), (".", 1), ("--1", 0), ("1", -1), ("9", 38)] {
            assert_eq!(unscaled(text, scale), None, "{text}");
        }
    }

    fn statistics(min: Stored, max: Stored) -> ColumnStatistics {
        ColumnStatistics { n_values: Some(10), min: Some(min), max: Some(max) }
    }

    #[test]
    fn bounds_of_another_type_are_none() {
        let column = statistics(Stored::Integer(1), Stored::Integer(9));
        let value = |stored: &DataType, conversion| column.min.as_ref().unwrap().value(stored, conversion);
        assert_eq!(value(&DataType::Int64, Conversion::Same), Some(Value::Number(1)));
        assert_eq!(value(&DataType::Date32, Conversion::Multiply(1000)), Some(Value::Number(1000)));
        assert_eq!(value(&DataType::Utf8, Conversion::Same), None);
        assert_eq!(value(&DataType::Float64, Conversion::Same), None);
        assert_eq!(Stored::Float(f64::NAN).value(&DataType::Float64, Conversion::Same), None);
    }
}
