//! Where new files go, and how they are called.
//!
//! Source: the Java library (`LocationProviders`, `OutputFileFactory`, `PartitionSpec.partitionToPath`), so that files
//! of all writers look alike. Nothing is ever read out of a path.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, NaiveDate, TimeDelta};
use iceberg::spec::{PartitionSpec, PrimitiveType, Transform};
use uuid::Uuid;

use crate::file::{PartitionTuple, PartitionValue};
use crate::hash::murmur3;
use crate::ids::FieldId;
use crate::table::Table;

/// Gives each file a name of its own.
#[derive(Debug)]
pub(super) struct FileNames {
    folder: String,
    layout: Layout,
    part: u32,
    task: u64,
    operation: Uuid,
    next: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
enum Layout {
    /// `folder/partition/file`
    Plain,
    /// A hash comes first, so that stores spread files: `write.object-storage.enabled`.
    Hashed {
        with_partition: bool,
        /// Names the table where the folder does not.
        context: Option<String>,
    },
}

impl FileNames {
    pub(super) fn of(table: &Table) -> Self {
        let properties = table.metadata().properties();
        let trimmed = |text: &str| text.trim_end_matches('/').to_owned();
        let location = trimmed(table.metadata().location());
        let is_true = |name: &str| properties.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let is_hashed = is_true("write.object-storage.enabled");
        let names: &[&str] = if is_hashed {
            &["write.data.path", "write.object-storage.path", "write.folder-storage.path"]
        } else {
            &["write.data.path", "write.folder-storage.path"]
        };
        let folder = names.iter().find_map(|name| properties.get(*name));
        let folder = folder.map_or_else(|| format!("{location}/data"), |folder| trimmed(folder));
        let layout = if is_hashed {
            let with_partition = properties
                .get("write.object-storage.partitioned-paths")
                .is_none_or(|value| value.eq_ignore_ascii_case("true"));
            let context = (!folder.starts_with(&location)).then(|| {
                let mut names: Vec<&str> = location.rsplit('/').take(2).collect();
                names.reverse();
                names.join("/")
            });
            Layout::Hashed { with_partition, context }
        } else {
            Layout::Plain
        };
        Self { folder, layout, part: 0, task: 0, operation: Uuid::new_v4(), next: Arc::default() }
    }

    pub(super) fn with_task(&self, part: u32, task: u64) -> Self {
        let (folder, layout, next) = (self.folder.clone(), self.layout.clone(), self.next.clone());
        Self { folder, layout, part, task, operation: self.operation, next }
    }

    /// A path that no other file has. `partition` is the path of its partition, empty for none; `end` is what follows
    /// the number.
    pub(super) fn next(&self, partition: &str, end: &str) -> String {
        let n = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let file = format!("{:05}-{}-{}-{n:05}{end}", self.part, self.task, self.operation);
        let folder = &self.folder;
        let in_partition = |file: String| if partition.is_empty() { file } else { format!("{partition}/{file}") };
        match &self.layout {
            Layout::Plain => format!("{folder}/{}", in_partition(file)),
            Layout::Hashed { with_partition, context } => {
                let file = if *with_partition { in_partition(file) } else { file };
                let hash = hash_folders(&file);
                match context {
                    Some(context) => format!("{folder}/{hash}/{context}/{file}"),
                    None if *with_partition => format!("{folder}/{hash}/{file}"),
                    None => format!("{folder}/{hash}-{file}"),
                }
            }
        }
    }
}

/// Twenty bits of a hash: three folders of four, and the rest.
fn hash_folders(file: &str) -> String {
    let hash = murmur3(file.as_bytes());
    let mut text = String::new();
    for bit in (0..20_u32).rev() {
        text.push(if (hash >> bit) & 1 == 1 { '1' } else { '0' });
        if matches!(bit, 16 | 12 | 8) {
            text.push('/');
        }
    }
    text
}

/// `name=value/…` of a partition, empty for an unpartitioned spec.
pub(super) fn partition_path(table: &Table, spec: &PartitionSpec, partition: &PartitionTuple) -> String {
    let fields = spec.fields().iter().zip(partition.0.iter()).map(|(field, value)| {
        let primitive = table.primitive_type(FieldId::new(field.source_id));
        let text = value.as_ref().map_or_else(
            || "null".to_owned(),
            |value| human(field.transform, primitive.as_ref(), value).unwrap_or_else(|| plain(value)),
        );
        format!("{}={}", encoded(&field.name), encoded(&text))
    });
    fields.collect::<Vec<_>>().join("/")
}

/// As `java.net.URLEncoder` does.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => encoded.push(char::from(byte)),
            b' ' => encoded.push('+'),
            _ => {
                // Writing to a string does not fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

fn plain(value: &PartitionValue) -> String {
    match value {
        PartitionValue::Boolean(value) => value.to_string(),
        PartitionValue::Long(value) => value.to_string(),
        PartitionValue::Float(bits) => format!("{:?}", f32::from_bits(*bits)),
        PartitionValue::Double(bits) => format!("{:?}", f64::from_bits(*bits)),
        PartitionValue::Decimal(value) => value.to_string(),
        PartitionValue::String(text) => text.to_string(),
        PartitionValue::Bytes(bytes) => base64(bytes),
    }
}

/// The value as people read it; `None` where it has no such form.
fn human(transform: Transform, primitive: Option<&PrimitiveType>, value: &PartitionValue) -> Option<String> {
    let date = |days: i64| NaiveDate::default().checked_add_signed(TimeDelta::try_days(days)?);
    match (transform, value) {
        (Transform::Year, PartitionValue::Long(years)) => Some(format!("{:04}", 1970 + years)),
        (Transform::Month, PartitionValue::Long(months)) => {
            Some(format!("{:04}-{:02}", 1970 + months.div_euclid(12), months.rem_euclid(12) + 1))
        }
        (Transform::Day, PartitionValue::Long(days)) => Some(date(*days)?.to_string()),
        (Transform::Hour, PartitionValue::Long(hours)) => {
            Some(format!("{}-{:02}", date(hours.div_euclid(24))?, hours.rem_euclid(24)))
        }
        (Transform::Identity | Transform::Truncate(_), value) => match (primitive?, value) {
            (PrimitiveType::Date, PartitionValue::Long(days)) => Some(date(*days)?.to_string()),
            (PrimitiveType::Time, PartitionValue::Long(micros)) => {
                let time = DateTime::from_timestamp_micros(*micros)?.time();
                Some(time.format("%H:%M:%S%.f").to_string())
            }
            (PrimitiveType::Timestamp | PrimitiveType::Timestamptz, PartitionValue::Long(micros)) => {
                timestamp(primitive?, DateTime::from_timestamp_micros(*micros)?)
            }
            (PrimitiveType::TimestampNs | PrimitiveType::TimestamptzNs, PartitionValue::Long(nanos)) => {
                timestamp(primitive?, DateTime::from_timestamp_nanos(*nanos))
            }
            (PrimitiveType::Uuid, PartitionValue::Bytes(bytes)) => Some(Uuid::from_slice(bytes).ok()?.to_string()),
            (PrimitiveType::Decimal { scale, .. }, PartitionValue::Decimal(unscaled)) => {
                let scale = usize::try_from(*scale).ok()?;
                let sign = if *unscaled < 0 { "-" } else { "" };
                let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
                let (whole, fraction) = digits.split_at_checked(digits.len() - scale)?;
                Some(if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
            }
            _ => None,
        },
        _ => None,
    }
}

fn timestamp(primitive: &PrimitiveType, time: DateTime<chrono::Utc>) -> Option<String> {
    let text = time.format("%Y-%m-%dT%H:%M:%S%.f").to_string();
    let has_zone = matches!(primitive, PrimitiveType::Timestamptz | PrimitiveType::TimestamptzNs);
    Some(if has_zone { format!("{text}Z") } else { text })
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |index: usize| chunk.get(index).copied().map_or(0, u32::from);
        let word = (at(0) << 16) | (at(1) << 8) | at(2);
        for (n, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = usize::try_from((word >> shift) & 63).ok().and_then(|index| ALPHABET.get(index));
            text.push(if n > chunk.len() { '=' } else { digit.map_or('=', |digit| char::from(*digit)) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn partition_values_are_shown_as_java_shows_them() {
        let of = |transform, primitive, value| human(transform, Some(&primitive), &value).unwrap();
        assert_eq!(of(Transform::Year, PrimitiveType::Date, PartitionValue::Long(47)), "2017");
        assert_eq!(of(Transform::Month, PrimitiveType::Date, PartitionValue::Long(-1)), "1969-12");
        assert_eq!(of(Transform::Day, PrimitiveType::Date, PartitionValue::Long(17_486)), "2017-11-16");
        assert_eq!(of(Transform::Hour, PrimitiveType::Timestamp, PartitionValue::Long(-1)), "1969-12-31-23");
        let decimal = PrimitiveType::Decimal { precision: 9, scale: 2 };
        assert_eq!(of(Transform::Identity, decimal.clone(), PartitionValue::Decimal(-5)), "-0.05");
        assert_eq!(of(Transform::Identity, decimal, PartitionValue::Decimal(1420)), "14.20");
        let time = PartitionValue::Long(1_510_871_468_000_001);
        assert_eq!(of(Transform::Identity, PrimitiveType::Timestamptz, time), "2017-11-16T22:31:08.000001Z");
        assert_eq!(plain(&PartitionValue::Bytes([1, 2].into())), "AQI=");
        assert_eq!(base64(b"iceberg"), "aWNlYmVyZw==");
    }

    #[test]
    fn names_and_values_are_escaped() {
        assert_eq!(encoded("a b/c=ä*"), "a+b%2Fc%3D%C3%A4*");
    }

    #[test]
    fn files_are_spread_by_their_hash() {
        // From the Java library's tests of its location provider.
        assert_eq!(hash_folders("a"), "0101/0110/1001/10110010");
        assert_eq!(hash_folders("b"), "1110/0111/1110/00000011");
    }
}
