//! Column statistics of new files, by the table's metrics modes.
//!
//! Source: Iceberg spec, "Manifests" (counts and bounds), "Appendix D: Single-value serialization"; the Java library
//! for the modes. Counts and sizes are the Parquet file's own; bounds and NaN counts come from the rows, since
//! Parquet's statistics may be cut and do not count NaN.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::NullBuffer;
use iceberg::spec::{NestedField, NestedFieldRef, PrimitiveType, Schema, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::statistics::Statistics;

use super::copy::CopiedRowGroup;
use super::transform::{bytes_at, longs, minimal, prefix};
use crate::file::ColumnMetrics;
use crate::ids::FieldId;
use crate::table::Table;
use crate::{Result, TableError};

const DEFAULT_MODE: &str = "write.metadata.metrics.default";
const COLUMN_MODE: &str = "write.metadata.metrics.column.";
const INFERRED_COLUMNS_MAX: &str = "write.metadata.metrics.max-inferred-column-defaults";

/// Which statistics of a column are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetricsMode {
    /// None but the column's size.
    None,
    /// Counts.
    Counts,
    /// Counts, and bounds cut to so many characters or bytes.
    Truncate(usize),
    /// Counts and whole bounds.
    Full,
}

impl MetricsMode {
    const DEFAULT: Self = Self::Truncate(16);

    fn parse(name: &str, text: &str) -> Result<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let length = || lower.strip_prefix("truncate(")?.strip_suffix(')')?.trim().parse().ok().filter(|n| *n > 0);
        match lower.as_str() {
            "none" => Ok(Self::None),
            "counts" => Ok(Self::Counts),
            "full" => Ok(Self::Full),
            _ => length().map(Self::Truncate).ok_or_else(|| {
                let detail = format!("property `{name}` is `{text}`; it must be none, counts, truncate(n) or full");
                TableError::invalid(detail)
            }),
        }
    }
}

/// The metrics mode of each column.
#[derive(Debug)]
pub(super) struct MetricsConfig {
    by_id: HashMap<FieldId, MetricsMode>,
    default: MetricsMode,
}

impl MetricsConfig {
    /// What the properties of the table say.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] names a property whose value is no mode.
    pub(super) fn of(table: &Table) -> Result<Self> {
        let properties = table.metadata().properties();
        let schema = table.metadata().current_schema();
        let mut by_id = HashMap::new();
        let configured = properties.get(DEFAULT_MODE).map(|text| MetricsMode::parse(DEFAULT_MODE, text)).transpose()?;
        let default = match configured {
            Some(mode) => mode,
            None => {
                let columns_max = match properties.get(INFERRED_COLUMNS_MAX) {
                    None => 100,
                    Some(text) => text.trim().parse().map_err(|_| {
                        TableError::invalid(format!(
                            "property `{INFERRED_COLUMNS_MAX}` is `{text}`; it must be a number"
                        ))
                    })?,
                };
                let leaves = leaf_ids(schema);
                if leaves.len() <= columns_max {
                    MetricsMode::DEFAULT
                } else {
                    by_id.extend(leaves.into_iter().take(columns_max).map(|id| (id, MetricsMode::DEFAULT)));
                    MetricsMode::None
                }
            }
        };
        // Files are skipped by the columns that they are sorted by.
        for field in &table.metadata().default_sort_order().fields {
            let mode = by_id.entry(FieldId::new(field.source_id)).or_insert(default);
            if matches!(mode, MetricsMode::None | MetricsMode::Counts) {
                *mode = MetricsMode::DEFAULT;
            }
        }
        for (name, text) in properties {
            // A column that is gone may still have a property.
            let id = name.strip_prefix(COLUMN_MODE).and_then(|column| schema.field_id_by_name(column));
            if let Some(id) = id {
                by_id.insert(FieldId::new(id), MetricsMode::parse(name, text)?);
            }
        }
        Ok(Self { by_id, default })
    }

    /// Everything of every column, uncut.
    pub(super) fn full() -> Self {
        Self { by_id: HashMap::new(), default: MetricsMode::Full }
    }

    /// Bounds of some text or bytes are kept uncut: those of a Parquet file may be cut, and do not always say so.
    pub(super) fn keeps_whole_text(&self, fields: &[NestedFieldRef]) -> bool {
        fn any(field: &NestedField, config: &MetricsConfig) -> bool {
            match field.field_type.as_ref() {
                Type::Primitive(PrimitiveType::String | PrimitiveType::Binary | PrimitiveType::Fixed(_)) => {
                    config.mode(FieldId::new(field.id)) == MetricsMode::Full
                }
                Type::Primitive(_) => false,
                Type::Struct(fields) => fields.fields().iter().any(|child| any(child, config)),
                // There are no bounds of what is repeated.
                Type::List(_) | Type::Map(_) => false,
            }
        }
        fields.iter().any(|field| any(field, self))
    }

    fn mode(&self, id: FieldId) -> MetricsMode {
        self.by_id.get(&id).copied().unwrap_or(self.default)
    }
}

/// Columns that hold values, those near the root first.
fn leaf_ids(schema: &Schema) -> Vec<FieldId> {
    let mut level: Vec<NestedFieldRef> = schema.as_struct().fields().to_vec();
    let mut ids = Vec::new();
    while !level.is_empty() {
        let mut next = Vec::new();
        for field in &level {
            match field.field_type.as_ref() {
                Type::Primitive(_) => ids.push(FieldId::new(field.id)),
                Type::Struct(fields) => next.extend(fields.fields().iter().cloned()),
                Type::List(list) => next.push(list.element_field.clone()),
                Type::Map(map) => next.extend([map.key_field.clone(), map.value_field.clone()]),
            }
        }
        level = next;
    }
    ids
}

/// Gathers what the rows of one file say about its columns.
#[derive(Debug)]
pub(super) struct Collector {
    columns: Vec<Node>,
    leaves: Vec<Leaf>,
}

#[derive(Debug)]
enum Node {
    Leaf(usize),
    Struct(Vec<Node>),
    List(Box<Node>),
    Map(Box<Node>, Box<Node>),
    /// Nothing below is looked at.
    Skipped,
}

#[derive(Debug)]
struct Leaf {
    id: FieldId,
    mode: MetricsMode,
    n_nan: Option<u64>,
    bounds: Bounds,
}

#[derive(Debug)]
enum Bounds {
    /// Not wanted, or not possible.
    Ignored,
    Boolean(Range<bool>),
    /// Four bytes.
    Int(Range<i64>),
    /// Eight bytes.
    Long(Range<i64>),
    Float(Range<f32>),
    Double(Range<f64>),
    Decimal(Range<i128>),
    Text(Range<Vec<u8>>),
    Bytes(Range<Vec<u8>>),
}

type Range<T> = Option<(T, T)>;

impl Collector {
    /// `fields` are those of the rows, in their order.
    pub(super) fn new(fields: &[NestedFieldRef], config: &MetricsConfig) -> Self {
        let mut leaves = Vec::new();
        let columns = fields.iter().map(|field| node(field, config, false, &mut leaves)).collect();
        Self { columns, leaves }
    }

    /// Takes note of some rows.
    pub(super) fn add(&mut self, batch: &RecordBatch) {
        for (node, array) in self.columns.iter().zip(batch.columns()) {
            visit(node, array, None, &mut self.leaves);
        }
    }

    /// Takes note of a row group of another file by its statistics. What they leave open is not said of the new file.
    pub(super) fn add_row_group(&mut self, copied: &CopiedRowGroup) {
        let chunks = copied.metadata.columns().iter().filter_map(|chunk| {
            let info = chunk.column_descr().self_type().get_basic_info();
            info.has_id().then(|| (FieldId::new(info.id()), chunk))
        });
        let chunks: HashMap<FieldId, &ColumnChunkMetaData> = chunks.collect();
        for leaf in &mut self.leaves {
            let statistics = chunks.get(&leaf.id).and_then(|chunk| Some((chunk.statistics()?, chunk.num_values())));
            let is_all_null = statistics.is_some_and(|(statistics, n_values)| {
                statistics.null_count_opt().is_some_and(|n_nulls| u64::try_from(n_values) == Ok(n_nulls))
            });
            if is_all_null {
                continue;
            }
            // Parquet does not count NaN.
            leaf.n_nan = match (leaf.n_nan, copied.file.metrics.nan_counts.get(&leaf.id)) {
                (Some(n_nan), Some(n_more)) if *n_more == 0 || copied.is_whole_file => Some(n_nan + n_more),
                _ => None,
            };
            let bounds = statistics.and_then(|(statistics, _)| leaf.bounds.widened(statistics));
            if bounds.is_none() {
                leaf.bounds = Bounds::Ignored;
            }
        }
    }

    /// The statistics of the finished file, and the compressed size of each column.
    pub(super) fn finish(self, metadata: &ParquetMetaData) -> (ColumnMetrics, HashMap<FieldId, u64>) {
        let mut metrics = ColumnMetrics::default();
        let mut sizes: HashMap<FieldId, u64> = HashMap::new();
        let mut counts: HashMap<FieldId, (u64, Option<u64>)> = HashMap::new();
        for chunk in metadata.row_groups().iter().flat_map(|group| group.columns()) {
            let info = chunk.column_descr().self_type().get_basic_info();
            if !info.has_id() {
                continue;
            }
            let id = FieldId::new(info.id());
            *sizes.entry(id).or_default() += u64::try_from(chunk.compressed_size()).unwrap_or(0);
            let (n_values, n_nulls) = counts.entry(id).or_insert((0, Some(0)));
            *n_values += u64::try_from(chunk.num_values()).unwrap_or(0);
            let chunk_nulls = chunk.statistics().and_then(|statistics| statistics.null_count_opt());
            *n_nulls = n_nulls.zip(chunk_nulls).map(|(sum, n)| sum + n);
        }
        for leaf in self.leaves {
            if leaf.mode == MetricsMode::None {
                continue;
            }
            let (n_values, n_nulls) = counts.get(&leaf.id).copied().unwrap_or((0, Some(0)));
            metrics.value_counts.insert(leaf.id, n_values);
            if let Some(n_nulls) = n_nulls {
                metrics.null_counts.insert(leaf.id, n_nulls);
            }
            if let Some(n_nan) = leaf.n_nan {
                metrics.nan_counts.insert(leaf.id, n_nan);
            }
            let (lower, upper) = leaf.bounds.serialize(leaf.mode);
            metrics.lower_bounds.extend(lower.map(|bound| (leaf.id, bound)));
            metrics.upper_bounds.extend(upper.map(|bound| (leaf.id, bound)));
        }
        (metrics, sizes)
    }
}

fn node(field: &NestedField, config: &MetricsConfig, is_repeated: bool, leaves: &mut Vec<Leaf>) -> Node {
    match field.field_type.as_ref() {
        Type::Primitive(primitive) => {
            let id = FieldId::new(field.id);
            let mode = config.mode(id);
            if mode == MetricsMode::None {
                return Node::Skipped;
            }
            let is_float = matches!(primitive, PrimitiveType::Float | PrimitiveType::Double);
            let has_bounds = !is_repeated && mode != MetricsMode::Counts;
            let bounds = if has_bounds { Bounds::empty(primitive) } else { Bounds::Ignored };
            leaves.push(Leaf { id, mode, n_nan: is_float.then_some(0), bounds });
            Node::Leaf(leaves.len() - 1)
        }
        Type::Struct(fields) => {
            Node::Struct(fields.fields().iter().map(|child| node(child, config, is_repeated, leaves)).collect())
        }
        Type::List(list) => match node(&list.element_field, config, true, leaves) {
            Node::Skipped => Node::Skipped,
            element => Node::List(Box::new(element)),
        },
        Type::Map(map) => {
            let key = node(&map.key_field, config, true, leaves);
            Node::Map(Box::new(key), Box::new(node(&map.value_field, config, true, leaves)))
        }
    }
}

/// `parents`: rows in which a struct around the array is null.
fn visit(node: &Node, array: &ArrayRef, parents: Option<&NullBuffer>, leaves: &mut [Leaf]) {
    match node {
        Node::Skipped => {}
        Node::Leaf(index) => {
            if let Some(leaf) = leaves.get_mut(*index) {
                leaf.add(array, NullBuffer::union(parents, array.nulls()).as_ref());
            }
        }
        Node::Struct(children) => {
            let Some(parent) = array.as_struct_opt() else { return };
            let nulls = NullBuffer::union(parents, parent.nulls());
            for (child, column) in children.iter().zip(parent.columns()) {
                visit(child, column, nulls.as_ref(), leaves);
            }
        }
        Node::List(element) => {
            let Some(list) = array.as_list_opt::<i32>() else { return };
            if !element.counts_nan(leaves) {
                return;
            }
            let nulls = NullBuffer::union(parents, list.nulls());
            each_range(list.value_offsets(), nulls.as_ref(), |start, length| {
                visit(element, &list.values().slice(start, length), None, leaves);
            });
        }
        Node::Map(key, value) => {
            let Some(map) = array.as_map_opt() else { return };
            let nulls = NullBuffer::union(parents, map.nulls());
            for (node, values) in [(key, map.keys()), (value, map.values())] {
                if node.counts_nan(leaves) {
                    each_range(map.value_offsets(), nulls.as_ref(), |start, length| {
                        visit(node, &values.slice(start, length), None, leaves);
                    });
                }
            }
        }
    }
}

/// Ranges of the elements of lists that are not null; one range where they all are not.
fn each_range(offsets: &[i32], nulls: Option<&NullBuffer>, mut take: impl FnMut(usize, usize)) {
    let mut range = |start: i32, end: i32| {
        if let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end))
            && end > start
        {
            take(start, end - start);
        }
    };
    match (nulls.filter(|nulls| nulls.null_count() > 0), offsets) {
        (None, [first, .., last]) => range(*first, *last),
        (None, _) => {}
        (Some(nulls), offsets) => {
            for row in nulls.valid_indices() {
                if let Some([start, end]) = offsets.get(row..row + 2) {
                    range(*start, *end);
                }
            }
        }
    }
}

impl Node {
    fn counts_nan(&self, leaves: &[Leaf]) -> bool {
        match self {
            Self::Skipped => false,
            Self::Leaf(index) => leaves.get(*index).is_some_and(|leaf| leaf.n_nan.is_some()),
            Self::Struct(children) => children.iter().any(|child| child.counts_nan(leaves)),
            Self::List(element) => element.counts_nan(leaves),
            Self::Map(key, value) => key.counts_nan(leaves) || value.counts_nan(leaves),
        }
    }
}

impl Leaf {
    fn add(&mut self, array: &ArrayRef, nulls: Option<&NullBuffer>) {
        let n_rows = array.len();
        if let Some(values) = array.as_primitive_opt::<Float32Type>() {
            each_valid(n_rows, nulls, |row| self.add_float(f64::from(values.value(row))));
        } else if let Some(values) = array.as_primitive_opt::<Float64Type>() {
            each_valid(n_rows, nulls, |row| self.add_float(values.value(row)));
        } else {
            self.bounds.add(array, nulls);
        }
    }

    fn add_float(&mut self, value: f64) {
        if value.is_nan() {
            self.n_nan = self.n_nan.map(|n| n + 1);
            return;
        }
        match &mut self.bounds {
            // The order in which -0.0 comes before 0.0, as the spec asks for.
            Bounds::Double(range) => widen(range, value, f64::total_cmp),
            // The value was a float before.
            #[allow(clippy::cast_possible_truncation)]
            Bounds::Float(range) => widen(range, value as f32, f32::total_cmp),
            _ => {}
        }
    }
}

fn each_valid(n_rows: usize, nulls: Option<&NullBuffer>, mut take: impl FnMut(usize)) {
    match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => (0..n_rows).for_each(take),
        Some(nulls) => nulls.valid_indices().for_each(&mut take),
    }
}

fn widen<T: Copy>(range: &mut Range<T>, value: T, order: impl Fn(&T, &T) -> Ordering) {
    match range {
        None => *range = Some((value, value)),
        Some((lowest, highest)) => {
            if order(&value, lowest).is_lt() {
                *lowest = value;
            }
            if order(&value, highest).is_gt() {
                *highest = value;
            }
        }
    }
}

fn widen_bytes(range: &mut Range<Vec<u8>>, value: &[u8]) {
    match range {
        None => *range = Some((value.to_vec(), value.to_vec())),
        Some((lowest, highest)) => {
            if value < lowest.as_slice() {
                *lowest = value.to_vec();
            }
            if value > highest.as_slice() {
                *highest = value.to_vec();
            }
        }
    }
}

impl Bounds {
    fn empty(primitive: &PrimitiveType) -> Self {
        match primitive {
            PrimitiveType::Boolean => Self::Boolean(None),
            PrimitiveType::Int | PrimitiveType::Date => Self::Int(None),
            PrimitiveType::Long
            | PrimitiveType::Time
            | PrimitiveType::Timestamp
            | PrimitiveType::Timestamptz
            | PrimitiveType::TimestampNs
            | PrimitiveType::TimestamptzNs => Self::Long(None),
            PrimitiveType::Float => Self::Float(None),
            PrimitiveType::Double => Self::Double(None),
            PrimitiveType::Decimal { .. } => Self::Decimal(None),
            PrimitiveType::String => Self::Text(None),
            PrimitiveType::Binary | PrimitiveType::Fixed(_) => Self::Bytes(None),
            // Readers differ in how they order uuids, so a bound would make some of them lose rows.
            PrimitiveType::Uuid => Self::Ignored,
        }
    }

    fn add(&mut self, array: &ArrayRef, nulls: Option<&NullBuffer>) {
        let n_rows = array.len();
        match self {
            Self::Ignored | Self::Float(_) | Self::Double(_) => {}
            Self::Boolean(range) => {
                if let Some(values) = array.as_boolean_opt() {
                    each_valid(n_rows, nulls, |row| widen(range, values.value(row), bool::cmp));
                }
            }
            Self::Int(range) | Self::Long(range) => {
                if let Some(values) = longs(array) {
                    each_valid(n_rows, nulls, |row| widen(range, values.value(row), i64::cmp));
                }
            }
            Self::Decimal(range) => {
                if let Some(values) = array.as_primitive_opt::<Decimal128Type>() {
                    each_valid(n_rows, nulls, |row| widen(range, values.value(row), i128::cmp));
                }
            }
            Self::Text(range) | Self::Bytes(range) => each_valid(n_rows, nulls, |row| {
                if let Some(bytes) = bytes_at(array, row) {
                    widen_bytes(range, bytes);
                }
            }),
        }
    }

    /// Takes the bounds of a column chunk in; `None` if it has none that can be used.
    fn widened(&mut self, statistics: &Statistics) -> Option<()> {
        fn both<T: Copy>(range: &mut Range<T>, values: (T, T), order: impl Fn(&T, &T) -> Ordering) {
            widen(range, values.0, &order);
            widen(range, values.1, &order);
        }
        let is_exact = statistics.min_is_exact() && statistics.max_is_exact();
        match (self, statistics) {
            (Self::Ignored, _) => {}
            (Self::Boolean(range), Statistics::Boolean(values)) => {
                both(range, (*values.min_opt()?, *values.max_opt()?), bool::cmp);
            }
            (Self::Int(range), Statistics::Int32(values)) => {
                both(range, (i64::from(*values.min_opt()?), i64::from(*values.max_opt()?)), i64::cmp);
            }
            (Self::Long(range), Statistics::Int64(values)) => {
                both(range, (*values.min_opt()?, *values.max_opt()?), i64::cmp);
            }
            (Self::Float(range), Statistics::Float(values)) => {
                let (min, max) = (*values.min_opt()?, *values.max_opt()?);
                // Which zero it is, Parquet does not say.
                let values = (if min == 0.0 { -0.0 } else { min }, if max == 0.0 { 0.0 } else { max });
                (!min.is_nan() && !max.is_nan()).then(|| both(range, values, f32::total_cmp))?;
            }
            (Self::Double(range), Statistics::Double(values)) => {
                let (min, max) = (*values.min_opt()?, *values.max_opt()?);
                let values = (if min == 0.0 { -0.0 } else { min }, if max == 0.0 { 0.0 } else { max });
                (!min.is_nan() && !max.is_nan()).then(|| both(range, values, f64::total_cmp))?;
            }
            (Self::Decimal(range), Statistics::Int32(values)) => {
                both(range, (i128::from(*values.min_opt()?), i128::from(*values.max_opt()?)), i128::cmp);
            }
            (Self::Decimal(range), Statistics::Int64(values)) => {
                both(range, (i128::from(*values.min_opt()?), i128::from(*values.max_opt()?)), i128::cmp);
            }
            (Self::Decimal(range), Statistics::FixedLenByteArray(_)) if is_exact => {
                let values = (big_endian(statistics.min_bytes_opt()?)?, big_endian(statistics.max_bytes_opt()?)?);
                both(range, values, i128::cmp);
            }
            (Self::Text(range), Statistics::ByteArray(_))
            | (Self::Bytes(range), Statistics::ByteArray(_) | Statistics::FixedLenByteArray(_)) => {
                widen_bytes(range, statistics.min_bytes_opt()?);
                widen_bytes(range, statistics.max_bytes_opt()?);
            }
            _ => return None,
        }
        Some(())
    }

    /// Lower and upper bound in the spec's binary form.
    fn serialize(self, mode: MetricsMode) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        fn both<T>(range: Range<T>, bytes: impl Fn(T) -> Option<Vec<u8>>) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
            range.map_or((None, None), |(lowest, highest)| (bytes(lowest), bytes(highest)))
        }
        let length = if let MetricsMode::Truncate(length) = mode { length } else { usize::MAX };
        match self {
            Self::Ignored => (None, None),
            Self::Boolean(range) => both(range, |value| Some(vec![u8::from(value)])),
            Self::Int(range) => both(range, |value| Some(i32::try_from(value).ok()?.to_le_bytes().to_vec())),
            Self::Long(range) => both(range, |value| Some(value.to_le_bytes().to_vec())),
            Self::Float(range) => both(range, |value| Some(value.to_le_bytes().to_vec())),
            Self::Double(range) => both(range, |value| Some(value.to_le_bytes().to_vec())),
            Self::Decimal(range) => both(range, |value| Some(minimal(&value.to_be_bytes()).to_vec())),
            Self::Text(range) => match range {
                None => (None, None),
                Some((lowest, highest)) => {
                    let lower = std::str::from_utf8(&lowest).ok();
                    let upper = std::str::from_utf8(&highest).ok();
                    (
                        lower.map(|text| prefix(text, length).as_bytes().to_vec()),
                        upper.and_then(|text| text_above(text, length)).map(String::into_bytes),
                    )
                }
            },
            Self::Bytes(range) => match range {
                None => (None, None),
                Some((mut lowest, highest)) => {
                    lowest.truncate(length);
                    (Some(lowest), bytes_above(highest, length))
                }
            },
        }
    }
}

/// A number of at most sixteen bytes in two's complement.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let is_negative = bytes.first()? & 0x80 != 0;
    let mut value = [if is_negative { 0xff } else { 0 }; 16];
    value.get_mut(16_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(i128::from_be_bytes(value))
}

/// Text of at most `length` code points that is not below `text`; `None` if there is none.
fn text_above(text: &str, length: usize) -> Option<String> {
    let cut = prefix(text, length);
    if cut.len() == text.len() {
        return Some(text.to_owned());
    }
    let mut characters: Vec<char> = cut.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = char_after(last) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// The next code point, leaving out surrogates; `None` after the last one.
fn char_after(character: char) -> Option<char> {
    match u32::from(character) + 1 {
        0xd800 => Some('\u{e000}'),
        next => char::from_u32(next),
    }
}

/// At most `length` bytes that are not below `bytes`; `None` if there are none.
fn bytes_above(mut bytes: Vec<u8>, length: usize) -> Option<Vec<u8>> {
    if bytes.len() <= length {
        return Some(bytes);
    }
    bytes.truncate(length);
    while let Some(last) = bytes.pop() {
        if let Some(next) = last.checked_add(1) {
            bytes.push(next);
            return Some(bytes);
        }
    }
    None
}

/// Ids of the fields of type `uuid`, at any depth.
pub(super) fn uuid_ids(fields: &[NestedFieldRef]) -> BTreeSet<i32> {
    fn gather(field: &NestedField, ids: &mut BTreeSet<i32>) {
        match field.field_type.as_ref() {
            Type::Primitive(PrimitiveType::Uuid) => {
                ids.insert(field.id);
            }
            Type::Primitive(_) => {}
            Type::Struct(fields) => fields.fields().iter().for_each(|child| gather(child, ids)),
            Type::List(list) => gather(&list.element_field, ids),
            Type::Map(map) => [&map.key_field, &map.value_field].into_iter().for_each(|child| gather(child, ids)),
        }
    }
    let mut ids = BTreeSet::new();
    fields.iter().for_each(|field| gather(field, &mut ids));
    ids
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("abcdef", 3, Some("abd"))]
    #[case("abc", 3, Some("abc"))]
    #[case("ab\u{10FFFF}d", 3, Some("ac"))]
    #[case("\u{10FFFF}\u{10FFFF}d", 2, None)]
    #[case("\u{D7FF}x", 1, Some("\u{E000}"))]
    #[case("\u{1F9CA}\u{1F9CA}", 1, Some("\u{1F9CB}"))]
    fn cut_text_is_rounded_up_by_code_points(#[case] text: &str, #[case] length: usize, #[case] above: Option<&str>) {
        assert_eq!(text_above(text, length).as_deref(), above);
    }

    #[test]
    fn cut_bytes_are_rounded_up() {
        assert_eq!(bytes_above(vec![1, 2, 3], 2), Some(vec![1, 3]));
        assert_eq!(bytes_above(vec![1, 0xff, 3], 2), Some(vec![2]));
        assert_eq!(bytes_above(vec![0xff, 0xff, 3], 2), None);
        assert_eq!(bytes_above(vec![0xff, 0xff], 2), Some(vec![0xff, 0xff]));
    }

    #[test]
    fn zeros_have_a_sign_and_nan_is_only_counted() {
        let array: ArrayRef =
            std::sync::Arc::new(arrow_array::Float64Array::from(vec![Some(0.0), Some(-0.0), Some(f64::NAN), None]));
        let bounds = Bounds::empty(&PrimitiveType::Double);
        let mut leaf = Leaf { id: FieldId::new(1), mode: MetricsMode::Full, n_nan: Some(0), bounds };
        leaf.add(&array, array.nulls());
        assert_eq!(leaf.n_nan, Some(1));
        let expected = (Some((-0.0_f64).to_le_bytes().to_vec()), Some(0.0_f64.to_le_bytes().to_vec()));
        assert_eq!(leaf.bounds.serialize(MetricsMode::Full), expected);
    }

    #[test]
    fn modes_are_read_as_java_writes_them() {
        assert_eq!(MetricsMode::parse("p", "Truncate( 8 )").unwrap(), MetricsMode::Truncate(8));
        assert_eq!(MetricsMode::parse("p", "FULL").unwrap(), MetricsMode::Full);
        let error = MetricsMode::parse("p", "truncate(0)").unwrap_err();
        assert!(error.to_string().contains("must be none, counts, truncate(n) or full"), "{error}");
    }
}
