//! Packs the candidates of a partition into groups that fit the budgets.

use std::collections::HashSet;
use std::sync::Arc;

use frazil_table::file::{FileContent, FileEntry};

use super::Policy;
use crate::candidate::Candidate;

/// What an input takes in memory beside its deletes, roughly: its entry, and where its rows went.
const INPUT_BYTES: u64 = 2_048;

/// What a row of an equality delete file takes in memory, roughly.
const KEY_BYTES: u64 = 64;

/// What a row of a position delete file takes in memory, roughly: while it is read, and in a set.
const POSITION_BYTES: u64 = 8;

/// Sorts candidates in write order and fills one group after the other. A file that is over a budget by itself gets a
/// group for itself.
///
/// Neighbours in write order stay together: their rows are alike in age, and a group's data sequence number is then not
/// much above those of its inputs.
pub(super) fn pack(policy: &Policy, mut candidates: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    candidates.sort_by_key(|candidate| (candidate.file.data_sequence_number, candidate.file.order));
    let mut bins = Vec::new();
    let mut bin: Vec<Candidate> = Vec::new();
    let mut load = Load::default();
    for candidate in candidates {
        let mut next = load.with(&candidate);
        let is_over = next.bytes > policy.group_bytes_max || next.memory_bytes > policy.group_memory_bytes_max;
        if is_over && !bin.is_empty() {
            bins.push(std::mem::take(&mut bin));
            load = Load::default();
            next = load.with(&candidate);
        }
        load.take(next, &candidate);
        bin.push(candidate);
    }
    if !bin.is_empty() {
        bins.push(bin);
    }
    bins
}

#[derive(Debug, Clone, Copy)]
struct Totals {
    bytes: u64,
    memory_bytes: u64,
}

/// What a group takes.
#[derive(Debug, Default)]
struct Load {
    bytes: u64,
    memory_bytes: u64,
    /// Delete files that are counted already, by where their entry is: most apply to many inputs, which share it.
    deletes: HashSet<*const FileEntry>,
}

impl Load {
    fn with(&self, candidate: &Candidate) -> Totals {
        let fresh = deletes(candidate).filter(|delete| !self.deletes.contains(&Arc::as_ptr(delete)));
        let delete_bytes = fresh.map(|delete| memory_bytes(delete)).fold(INPUT_BYTES, u64::saturating_add);
        Totals {
            bytes: self.bytes.saturating_add(candidate.file.file_size_bytes),
            memory_bytes: self.memory_bytes.saturating_add(delete_bytes),
        }
    }

    fn take(&mut self, totals: Totals, candidate: &Candidate) {
        (self.bytes, self.memory_bytes) = (totals.bytes, totals.memory_bytes);
        self.deletes.extend(deletes(candidate).map(Arc::as_ptr));
    }
}

fn deletes(candidate: &Candidate) -> impl Iterator<Item = &Arc<FileEntry>> {
    let deletes = &candidate.deletes;
    deletes.vector.iter().chain(&deletes.positions).chain(&deletes.equality)
}

fn memory_bytes(delete: &FileEntry) -> u64 {
    match (delete.content, delete.content_range) {
        (FileContent::EqualityDeletes, _) => delete.record_count.saturating_mul(KEY_BYTES),
        (_, Some((_, length_bytes))) => length_bytes,
        (_, None) => delete.record_count.saturating_mul(POSITION_BYTES),
    }
}
