//! Which manifests and files may hold matching rows, by what metadata says of them.

use iceberg::spec::{PartitionSpec, PrimitiveType};

use super::facts::{Facts, Outcome};
use super::partition::{self, Span};
use super::predicate::{Leaf, Test};
use super::value::Value;
use super::{BoundFilter, FilterColumn};
use crate::file::FileEntry;
use crate::ids::SpecId;
use crate::manifest::{FieldSummary, ManifestFile};
use crate::table::Table;

/// Evidence about one column, from whatever there is.
trait Evidence {
    fn outcome(&self, column: &FilterColumn, primitive: &PrimitiveType, test: &Test) -> Outcome;
}

/// What the filter may be in the rows of the files that `manifest` lists.
pub(super) fn of_manifest(filter: &BoundFilter, table: &Table, manifest: &ManifestFile) -> Outcome {
    let Some(spec) = spec(table, manifest.spec_id) else { return Outcome::ANY };
    if manifest.partitions.len() != spec.fields().len() {
        return Outcome::ANY;
    }
    work_out(filter, &ManifestEvidence { spec, summaries: &manifest.partitions })
}

/// What the filter may be in the rows of `file`, deleted ones too.
pub(super) fn of_file(filter: &BoundFilter, table: &Table, file: &FileEntry) -> Outcome {
    work_out(filter, &FileEvidence { spec: spec(table, file.spec_id), file })
}

fn spec(table: &Table, id: SpecId) -> Option<&PartitionSpec> {
    table.metadata().partition_spec_by_id(id.get()).map(AsRef::as_ref)
}

fn work_out(filter: &BoundFilter, evidence: &impl Evidence) -> Outcome {
    filter.predicate.work_out(|leaf| match leaf {
        Leaf::Constant(value) => Outcome::constant(*value),
        Leaf::Columns(..) => Outcome::ANY,
        Leaf::Column(index, test) => match filter.columns.get(*index) {
            Some(column) => match &column.primitive {
                Some(primitive) => evidence.outcome(column, primitive, test),
                None => Facts::NULL.outcome(test),
            },
            None => Outcome::ANY,
        },
    })
}

struct ManifestEvidence<'a> {
    spec: &'a PartitionSpec,
    summaries: &'a [FieldSummary],
}

impl Evidence for ManifestEvidence<'_> {
    fn outcome(&self, column: &FilterColumn, primitive: &PrimitiveType, test: &Test) -> Outcome {
        let mut outcome = Outcome::ANY;
        for (field, summary) in self.spec.fields().iter().zip(self.summaries) {
            if field.source_id == column.id.get()
                && let Some(span) = summary_span(summary, field.transform, primitive)
            {
                outcome = outcome.narrowed(partition::outcome(field.transform, primitive, &span, test));
            }
        }
        outcome
    }
}

/// What a manifest list says of one partition field, in terms of the field's own type.
fn summary_span(summary: &FieldSummary, transform: iceberg::spec::Transform, source: &PrimitiveType) -> Option<Span> {
    use iceberg::spec::Transform as T;
    let primitive = match transform {
        T::Identity | T::Truncate(_) => source.clone(),
        T::Bucket(_) | T::Year | T::Month | T::Day | T::Hour => PrimitiveType::Int,
        T::Void | T::Unknown => return None,
    };
    let bound = |bytes: &Option<Vec<u8>>| bytes.as_deref().and_then(|bytes| bound(&primitive, bytes));
    Some(Span {
        lowest: bound(&summary.lower_bound),
        highest: bound(&summary.upper_bound),
        maybe_null: summary.contains_null,
        // Whether there are values beside nulls is not said where bounds are missing.
        maybe_value: true,
        maybe_nan: is_float(&primitive),
    })
}

struct FileEvidence<'a> {
    spec: Option<&'a PartitionSpec>,
    file: &'a FileEntry,
}

impl Evidence for FileEvidence<'_> {
    fn outcome(&self, column: &FilterColumn, primitive: &PrimitiveType, test: &Test) -> Outcome {
        let mut outcome = metrics_facts(self.file, column, primitive).outcome(test);
        let values = &self.file.partition.0;
        let fields = self.spec.map_or(&[][..], PartitionSpec::fields);
        for (field, value) in fields.iter().zip(values.iter()).filter(|_| fields.len() == values.len()) {
            if field.source_id == column.id.get() {
                let span = Span::of_value(value.as_ref());
                outcome = outcome.narrowed(partition::outcome(field.transform, primitive, &span, test));
            }
        }
        outcome
    }
}

/// What the column statistics of a manifest entry say.
fn metrics_facts(file: &FileEntry, column: &FilterColumn, primitive: &PrimitiveType) -> Facts {
    let metrics = &file.metrics;
    let n_values = metrics.value_counts.get(&column.id).copied();
    let n_nulls = metrics.null_counts.get(&column.id).copied();
    let n_nan = metrics.nan_counts.get(&column.id).copied();
    let bound = |bounds: &std::collections::HashMap<_, Vec<u8>>| {
        bounds.get(&column.id).and_then(|bytes| bound(primitive, bytes))
    };
    let is_float = is_float(primitive);
    let n_left = n_values.zip(n_nulls).map(|(values, nulls)| values.saturating_sub(nulls));
    Facts {
        min: bound(&metrics.lower_bounds),
        max: bound(&metrics.upper_bounds),
        maybe_null: n_nulls != Some(0),
        maybe_value: match (n_left, n_nan.filter(|_| is_float)) {
            (Some(left), Some(nan)) => left > nan,
            (Some(left), None) => left > 0,
            (None, _) => true,
        },
        maybe_nan: is_float && n_nan != Some(0) && n_left != Some(0),
    }
}

fn is_float(primitive: &PrimitiveType) -> bool {
    matches!(primitive, PrimitiveType::Float | PrimitiveType::Double)
}

/// Reads a bound as the spec's binary single-value serialization (Appendix D); `None` if it says nothing.
fn bound(primitive: &PrimitiveType, bytes: &[u8]) -> Option<Value> {
    let number = |value: i64| Some(Value::Number(i128::from(value)));
    // Old writers took NaN for the highest value of all.
    let float = |value: f64| (!value.is_nan()).then_some(Value::Float(value));
    match primitive {
        PrimitiveType::Boolean => number(i64::from(*bytes.first()? != 0)),
        // Four bytes where eight are due: the column was promoted from `int` after the file was written.
        PrimitiveType::Int | PrimitiveType::Long => match bytes.len() {
            4 => number(i64::from(i32::from_le_bytes(bytes.try_into().ok()?))),
            8 => number(i64::from_le_bytes(bytes.try_into().ok()?)),
            _ => None,
        },
        PrimitiveType::Date => number(i64::from(i32::from_le_bytes(bytes.try_into().ok()?))),
        // Here four bytes would be a promoted date, in another unit.
        PrimitiveType::Time
        | PrimitiveType::Timestamp
        | PrimitiveType::Timestamptz
        | PrimitiveType::TimestampNs
        | PrimitiveType::TimestamptzNs => number(i64::from_le_bytes(bytes.try_into().ok()?)),
        PrimitiveType::Float | PrimitiveType::Double => match bytes.len() {
            4 => float(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
            8 => float(f64::from_le_bytes(bytes.try_into().ok()?)),
            _ => None,
        },
        PrimitiveType::Decimal { .. } => {
            let sign = if *bytes.first()? & 0x80 != 0 { 0xff } else { 0 };
            let mut full = [sign; 16];
            full.get_mut(16_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
            Some(Value::Number(i128::from_be_bytes(full)))
        }
        PrimitiveType::String | PrimitiveType::Binary | PrimitiveType::Fixed(_) => Some(Value::Bytes(bytes.to_vec())),
        // Writers differ in how they order them.
        PrimitiveType::Uuid => None,
    }
}
