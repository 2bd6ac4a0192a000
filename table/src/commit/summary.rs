//! What a snapshot's summary counts.
//!
//! Names are those of Iceberg's Java library, which other engines read. Totals go on from the parent's: one that the
//! parent lacks cannot be known and is left out, as there.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::file::{FileContent, FileFormat, PartitionTuple, WrittenFile};
use crate::ids::SpecId;
use crate::watermark::{KAFKA_CONNECT_KEY, SUMMARY_PREFIX};

/// Totals, each with what is added to it and taken from it.
const TOTALS: [(&str, &str, &str); 6] = [
    ("total-data-files", "added-data-files", "deleted-data-files"),
    ("total-delete-files", "added-delete-files", "removed-delete-files"),
    ("total-records", "added-records", "deleted-records"),
    ("total-files-size", "added-files-size", "removed-files-size"),
    ("total-position-deletes", "added-position-deletes", "removed-position-deletes"),
    ("total-equality-deletes", "added-equality-deletes", "removed-equality-deletes"),
];

/// Counts over the files that a snapshot adds and removes.
#[derive(Debug, Default)]
pub(super) struct SummaryCounts {
    counts: BTreeMap<&'static str, u64>,
    partitions: HashSet<(SpecId, PartitionTuple)>,
}

impl SummaryCounts {
    pub(super) fn add(&mut self, file: &WrittenFile) {
        let names = match (file.content, file.format) {
            (FileContent::Data, _) => ["added-data-files", "", "added-records"],
            (FileContent::PositionDeletes, FileFormat::Puffin) => {
                ["added-delete-files", "added-dvs", "added-position-deletes"]
            }
            (FileContent::PositionDeletes, _) => {
                ["added-delete-files", "added-position-delete-files", "added-position-deletes"]
            }
            (FileContent::EqualityDeletes, _) => {
                ["added-delete-files", "added-equality-delete-files", "added-equality-deletes"]
            }
        };
        self.count(names, "added-files-size", file);
    }

    pub(super) fn remove(&mut self, file: &WrittenFile) {
        let names = match (file.content, file.format) {
            (FileContent::Data, _) => ["deleted-data-files", "", "deleted-records"],
            (FileContent::PositionDeletes, FileFormat::Puffin) => {
                ["removed-delete-files", "removed-dvs", "removed-position-deletes"]
            }
            (FileContent::PositionDeletes, _) => {
                ["removed-delete-files", "removed-position-delete-files", "removed-position-deletes"]
            }
            (FileContent::EqualityDeletes, _) => {
                ["removed-delete-files", "removed-equality-delete-files", "removed-equality-deletes"]
            }
        };
        self.count(names, "removed-files-size", file);
    }

    fn count(&mut self, [files, kind, rows]: [&'static str; 3], size: &'static str, file: &WrittenFile) {
        // Of a puffin file with many vectors only its own blob is this one's.
        let n_bytes = file.content_range.map_or(file.file_size_bytes, |(_, length)| length);
        for (name, n) in [(files, 1), (kind, 1), (rows, file.record_count), (size, n_bytes)] {
            if !name.is_empty() {
                let count = self.counts.entry(name).or_default();
                *count = count.saturating_add(n);
            }
        }
        self.partitions.insert((file.spec_id, file.partition.clone()));
    }

    /// The summary, without the operation. `parent` is that of the parent snapshot; `None` if there is none.
    pub(super) fn finish(self, parent: Option<&HashMap<String, String>>) -> BTreeMap<String, String> {
        let mut summary: BTreeMap<String, String> =
            self.counts.iter().map(|(name, count)| ((*name).to_owned(), count.to_string())).collect();
        summary.insert("changed-partition-count".to_owned(), self.partitions.len().to_string());
        let count = |name: &str| self.counts.get(name).copied().unwrap_or_default();
        for (total, added, removed) in TOTALS {
            let before = match parent {
                None => Some(0),
                Some(parent) => parent.get(total).and_then(|text| text.parse::<u64>().ok()),
            };
            let now = before
                .and_then(|before| before.checked_add(count(added)))
                .and_then(|sum| sum.checked_sub(count(removed)));
            if let Some(now) = now {
                summary.insert(total.to_owned(), now.to_string());
            }
        }
        summary
    }
}

/// What a snapshot says on from its parent: up to which event time the table is complete. Nothing else is carried:
/// a stale copy of an engine's own bookkeeping makes that engine commit old work again.
pub(super) fn carried(parent: &HashMap<String, String>) -> impl Iterator<Item = (String, String)> {
    let is_watermark = |key: &str| key.starts_with(SUMMARY_PREFIX) || key == KAFKA_CONNECT_KEY;
    parent.iter().filter(move |(key, _)| is_watermark(key)).map(|(key, value)| (key.clone(), value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: FileContent, record_count: u64) -> WrittenFile {
        WrittenFile::bare(content, "/x", record_count)
    }

    #[test]
    fn totals_go_on_from_the_parent() {
        let mut counts = SummaryCounts::default();
        counts.add(&file(FileContent::Data, 7));
        counts.add(&file(FileContent::EqualityDeletes, 2));
        counts.remove(&file(FileContent::Data, 3));
        let parent = [("total-records", "10"), ("total-data-files", "4"), ("total-delete-files", "x")];
        let parent = parent.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let summary = counts.finish(Some(&parent));
        assert_eq!(summary["total-records"], "14");
        assert_eq!(summary["total-data-files"], "4");
        assert_eq!(summary["added-equality-delete-files"], "1");
        assert_eq!(summary["changed-partition-count"], "1");
        assert!(!summary.contains_key("total-delete-files"), "what the parent does not say cannot be known");
    }

    #[test]
    fn watermarks_are_carried_and_bookkeeping_is_not() {
        let parent: HashMap<String, String> =
            ["watermark.a", "flink.max-committed-checkpoint-id", KAFKA_CONNECT_KEY, "total-records"]
                .map(|name| (name.to_owned(), "1".to_owned()))
                .into();
        let mut keys: Vec<String> = carried(&parent).map(|(key, _)| key).collect();
        keys.sort();
        assert_eq!(keys, [KAFKA_CONNECT_KEY, "watermark.a"]);
    }
}
