//! Random histories of commits and faults, beside a model that is a plain map.

use std::collections::BTreeMap;
use std::sync::Arc;

use iceberg::spec::FormatVersion;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::fake::{FakeTarget, Fault, committer, file};
use super::protocol::{live, name, nothing_lost_and_nothing_left, rewrite, table};
use crate::commit::{CommitOutcome, CommitRequest, FileRef, RewriteCheck, SnapshotChange};
use crate::file::{FileContent, FileEntry, WrittenFile};
use crate::manifest::{EntryStatus, manifest_list, read_manifests};

const N_STEPS: usize = 25;

/// Numbers that a file must keep for as long as it is live.
#[derive(Debug, Clone, PartialEq)]
struct Numbers {
    data_sequence: i64,
    file_sequence: Option<i64>,
    snapshot_id: i64,
    first_row_id: Option<u64>,
}

/// Files by name, with what they had when they were seen first.
type Model = BTreeMap<String, Option<Numbers>>;

struct History {
    random: SmallRng,
    target: Arc<FakeTarget>,
    version: FormatVersion,
    model: Model,
    n_files: u32,
}

impl History {
    async fn new(seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let version = *[FormatVersion::V1, FormatVersion::V2, FormatVersion::V3].choose(&mut random).unwrap();
        let n_min = random.random_range(2..6).to_string();
        let merge = random.random_bool(0.7).to_string();
        let target_bytes = random.random_range(3_000..20_000).to_string();
        let properties = [
            ("commit.manifest-merge.enabled", merge.as_str()),
            ("commit.manifest.min-count-to-merge", n_min.as_str()),
            ("commit.manifest.target-size-bytes", target_bytes.as_str()),
        ];
        let target = FakeTarget::new(version, &properties).await;
        Self { random, target, version, model: Model::new(), n_files: 0 }
    }

    fn new_file(&mut self, content: FileContent) -> WrittenFile {
        self.n_files += 1;
        let region = *[Some("eu"), Some("us"), None].choose(&mut self.random).unwrap();
        let kind = if content == FileContent::Data { "d" } else { "e" };
        file(content, &format!("{kind}{}", self.n_files), region, self.random.random_range(1..20))
    }

    fn new_files(&mut self, content: FileContent) -> Vec<WrittenFile> {
        (0..self.random.random_range(1..4)).map(|_| self.new_file(content)).collect()
    }

    async fn some_live(&mut self, n_max: usize) -> Vec<Arc<FileEntry>> {
        let files = live(&self.target).await.data;
        let n = n_max.min(files.len());
        files.choose_multiple(&mut self.random, n).cloned().collect()
    }

    async fn change(&mut self) -> SnapshotChange {
        let has_deletes = self.version != FormatVersion::V1;
        match self.random.random_range(0..6) {
            0 if has_deletes => {
                let mut files = self.new_files(FileContent::Data);
                files.extend(self.new_files(FileContent::EqualityDeletes));
                SnapshotChange::row_delta(files, Vec::new(), Vec::new())
            }
            1 => {
                let removed = self.some_live(2).await;
                SnapshotChange::overwrite(self.new_files(FileContent::Data), references(&removed))
            }
            2 if has_deletes => {
                let deletes = live(&self.target).await.deletes;
                let removed: Vec<_> = deletes.choose_multiple(&mut self.random, 1).cloned().collect();
                SnapshotChange::overwrite([], references(&removed))
            }
            3 | 4 => {
                let inputs = self.some_live(3).await;
                let lowest = inputs.iter().map(|file| file.data_sequence_number.get()).max().unwrap_or(0);
                let highest = table(&self.target).await.metadata().last_sequence_number();
                let number = self.random.random_range(lowest..=highest.max(lowest));
                self.n_files += 1;
                let mut change = rewrite(&inputs, &format!("d{}", self.n_files), number);
                let deletes = live(&self.target).await.deletes;
                change.rewrite = change.rewrite.map(|check| RewriteCheck { applied: deletes, ..check });
                change
            }
            _ => SnapshotChange::append(self.new_files(FileContent::Data)),
        }
    }

    async fn step(&mut self) {
        let change = self.change().await;
        let other = match self.random.random_range(0..3) {
            0 => SnapshotChange::overwrite([], references(&self.some_live(1).await)),
            _ => SnapshotChange::append(self.new_files(FileContent::Data)),
        };
        let fault = match self.random.random_range(0..14) {
            0 => Some(Fault::LostAfter),
            1 => Some(Fault::LostThenOthers(self.random.random_range(1..3))),
            2 => Some(Fault::Late(self.random.random_range(0..3))),
            3..6 => Some(Fault::Raced(Box::new(other.clone()))),
            6 => Some(Fault::LostAndOvertaken(Box::new(other.clone()))),
            _ => None,
        };
        self.target.will(fault.clone());
        let request = CommitRequest::new(change.clone().into_change());
        let outcome = committer(self.target.clone()).commit(request).await.unwrap();
        let overtaken = matches!(fault, Some(Fault::Raced(_) | Fault::LostAndOvertaken(_)));
        if overtaken {
            self.apply(&other);
        }
        match outcome {
            CommitOutcome::Committed(_) => self.apply(&change),
            CommitOutcome::Conflict { reason, .. } => {
                let applied = change.rewrite.iter().flat_map(|check| &check.applied).map(|delete| FileRef::of(delete));
                let needed: Vec<FileRef> = change.removed.iter().cloned().chain(applied).collect();
                let gone = needed.iter().any(|file| other.removed.contains(file));
                assert!(overtaken && gone, "a conflict without cause: {reason}");
            }
            CommitOutcome::StateUnknown { cause, .. } => panic!("{cause}"),
        }
        self.check().await;
    }

    fn apply(&mut self, change: &SnapshotChange) {
        for removed in &change.removed {
            assert!(self.model.remove(&name(&removed.path)).is_some(), "committed though it was not live");
        }
        for added in &change.added {
            self.model.insert(name(&added.file.path), None);
        }
        if change.rewrite.is_some() && self.version != FormatVersion::V1 {
            for added in &change.added {
                let number = added.data_sequence_number.unwrap().get();
                let numbers =
                    Numbers { data_sequence: number, file_sequence: None, snapshot_id: 0, first_row_id: None };
                self.model.insert(name(&added.file.path), Some(numbers));
            }
        }
    }

    async fn check(&mut self) {
        let files = live(&self.target).await;
        let mut found = Model::new();
        for file in files.data.iter().chain(&files.deletes) {
            let numbers = Numbers {
                data_sequence: file.data_sequence_number.get(),
                file_sequence: file.file_sequence_number,
                snapshot_id: file.added_snapshot_id.get(),
                first_row_id: file.first_row_id,
            };
            assert!(found.insert(name(&file.path), Some(numbers)).is_none(), "listed twice: {}", file.path);
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), self.model.keys().collect::<Vec<_>>());
        for (file, numbers) in &mut self.model {
            let now = found[file].clone().unwrap();
            match numbers {
                Some(before) if before.snapshot_id == 0 => {
                    assert_eq!(before.data_sequence, now.data_sequence, "{file}")
                }
                Some(before) => assert_eq!(*before, now, "{file}"),
                None => {}
            }
            *numbers = Some(now);
        }
        self.check_head().await;
        nothing_lost_and_nothing_left(&self.target).await;
    }

    async fn check_head(&self) {
        let table = table(&self.target).await;
        let Some(head) = table.metadata().current_snapshot() else { return };
        let list = manifest_list(&table, head).await.unwrap();
        let (mut n_data, mut n_deletes, mut n_rows) = (0, 0, 0);
        let mut row_ids: Vec<(u64, u64)> = Vec::new();
        for (manifest, entries) in read_manifests(&table, list.iter()).await.unwrap() {
            let live: Vec<_> = entries.iter().filter(|entry| entry.status != EntryStatus::Deleted).collect();
            if let Some(lowest) = live.iter().map(|entry| entry.file.data_sequence_number.get()).min() {
                assert_eq!(manifest.min_sequence_number, lowest, "{}", manifest.path);
            }
            for entry in live {
                if entry.file.content == FileContent::Data {
                    n_data += 1;
                    n_rows += entry.file.record_count;
                    row_ids.extend(entry.file.first_row_id.map(|first| (first, entry.file.record_count)));
                } else {
                    n_deletes += 1;
                }
            }
        }
        let summary = &head.summary().additional_properties;
        let total = |name: &str| summary[name].parse::<u64>().unwrap();
        assert_eq!((total("total-data-files"), total("total-delete-files")), (n_data, n_deletes));
        assert_eq!(total("total-records"), n_rows);
        if self.version == FormatVersion::V3 {
            assert_eq!(row_ids.len() as u64, n_data, "every data file has row ids");
            row_ids.sort_unstable();
            assert!(row_ids.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "row ids overlap: {row_ids:?}");
            let next = table.metadata().next_row_id();
            assert!(row_ids.last().is_none_or(|(first, n)| first + n <= next));
        }
    }
}

fn references(files: &[Arc<FileEntry>]) -> Vec<FileRef> {
    files.iter().map(|file| FileRef::of(file)).collect()
}

/// `FRAZIL_HISTORIES` sets how many; `FRAZIL_SEED` the first seed.
#[tokio::test]
async fn random_histories_with_faults_lose_nothing_and_leave_nothing() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let first = number("FRAZIL_SEED", 1);
    for seed in first..first + number("FRAZIL_HISTORIES", 60).min(5_000) {
        println!("FRAZIL_SEED={seed}");
        let mut history = History::new(seed).await;
        for _ in 0..N_STEPS {
            history.step().await;
        }
    }
}
