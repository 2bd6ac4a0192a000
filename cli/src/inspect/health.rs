//! What is wrong with the layout of a table, why it matters and what to do. No I/O, no clock: the same facts give
//! the same score. The thresholds are documented in `docs/inspect.md`.

use serde::Serialize;

use super::files::{Counts, ratio};
use super::history::HistoryReport;
use super::manifests::ManifestsReport;
use super::text::size_text;

/// Fewer small files of one partition are not worth a rewrite. Spark's `min-input-files`.
const MERGEABLE_FILES_MIN: u64 = 5;
/// Deleted rows of a partition from which on a rewrite pays. Spark's `delete-ratio-threshold`.
const DELETED_ROW_RATIO_MAX: f64 = 0.3;
/// Partitions that a finding names.
const N_NAMED_MAX: usize = 3;

const MB: u64 = 1024 * 1024;

/// How urgent a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Worth knowing.
    Info,
    /// Costs time or money with each read or commit.
    Warning,
    /// Soon makes reads or commits fail or take many times as long.
    Critical,
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Finding {
    /// Stable name for programs.
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    /// What it takes off the score.
    pub(crate) points: u8,
    pub(crate) what: String,
    pub(crate) why: &'static str,
    pub(crate) remedy: String,
}

/// The state of a table in one number, and what it consists of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Health {
    /// 100 less the points of all findings, 0 at least.
    pub(crate) score: u8,
    /// Most urgent first.
    pub(crate) findings: Vec<Finding>,
}

/// A partition by its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    /// Empty for the whole of an unpartitioned table.
    pub(crate) name: &'a str,
    pub(crate) counts: &'a Counts,
}

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// All partitions, in their order.
    pub(crate) partitions: &'a [Named<'a>],
    pub(crate) total: &'a Counts,
    /// A data file below this size is small.
    pub(crate) small_file_size_bytes: u64,
    pub(crate) data_files_beyond_equality_deletes: u64,
    pub(crate) manifests: &'a ManifestsReport,
    pub(crate) history: &'a HistoryReport,
}

/// Judges a table.
pub(crate) fn assess(facts: &Facts<'_>) -> Health {
    let rules = [
        small_files,
        equality_deletes,
        equality_deletes_beyond,
        deleted_rows,
        position_delete_files,
        dangling_deletes,
        small_manifests,
        metadata_size,
        old_snapshots,
        tiny_partitions,
        partition_skew,
    ];
    let mut findings: Vec<Finding> = rules.iter().filter_map(|rule| rule(facts)).collect();
    // The sort is stable: equally urgent ones stay in the order of the rules.
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.severity as u8, finding.points)));
    let points = findings.iter().fold(0_u8, |sum, finding| sum.saturating_add(finding.points));
    Health { score: 100_u8.saturating_sub(points), findings }
}

/// Small files that a rewrite can merge: those of partitions that have several.
fn small_files(facts: &Facts<'_>) -> Option<Finding> {
    let mergeable = |counts: &Counts| if counts.small_files < MERGEABLE_FILES_MIN { 0 } else { counts.small_files };
    let n = facts.partitions.iter().map(|partition| mergeable(partition.counts)).sum::<u64>();
    let share = ratio(n, facts.total.data_files);
    let (severity, points) = match (share, n) {
        (0.7.., 100..) => (Severity::Critical, 25),
        (0.3.., MERGEABLE_FILES_MIN..) => (Severity::Warning, 10),
        _ => return None,
    };
    let most = most(facts, mergeable);
    Some(Finding {
        code: "SMALL_FILES",
        severity,
        points,
        what: format!(
            "{n} of {} data files are below {} and have others beside them to be merged with{}",
            facts.total.data_files,
            size_text(facts.small_file_size_bytes),
            most.listed()
        ),
        why: "every file costs a request, a footer and an entry in a manifest, whatever its size",
        remedy: format!(
            "rewrite the data files{}, for example with Spark's rewrite_data_files; let writers commit less often, \
             or distribute rows by partition before they write",
            most.of_partitions()
        ),
    })
}

fn equality_deletes(facts: &Facts<'_>) -> Option<Finding> {
    let n_files = facts.total.data_files_under_equality_deletes;
    let worst = facts.partitions.iter().map(|partition| pending(partition.counts)).max().unwrap_or(0);
    let (severity, points) = match worst {
        _ if n_files == 0 => return None,
        100.. => (Severity::Critical, 25),
        10.. => (Severity::Warning, 10),
        _ => (Severity::Info, 2),
    };
    let most = most(facts, pending);
    Some(Finding {
        code: "EQUALITY_DELETES_PENDING",
        severity,
        points,
        what: format!(
            "{} equality delete files with {} keys apply to {n_files} of {} data files{}",
            facts.total.equality_delete_files,
            facts.total.equality_delete_entries,
            facts.total.data_files,
            most.listed()
        ),
        why: "every read loads their keys and looks each row of those files up in them",
        remedy: format!(
            "rewrite the data files that they apply to{}, for example with Spark's rewrite_data_files and \
             delete-file-threshold 1",
            most.of_partitions()
        ),
    })
}

/// Equality delete files of a partition that apply to a data file.
fn pending(counts: &Counts) -> u64 {
    if counts.data_files_under_equality_deletes == 0 { 0 } else { counts.equality_delete_files }
}

fn equality_deletes_beyond(facts: &Facts<'_>) -> Option<Finding> {
    let n = facts.data_files_beyond_equality_deletes;
    (n > 0).then(|| Finding {
        code: "EQUALITY_DELETES_ACROSS_SPECS",
        severity: Severity::Warning,
        points: 10,
        what: format!("{n} data files are older than equality deletes that were written under another partition spec"),
        why: "such deletes do not reach them: a key that was updated since may have two rows",
        remedy: "stop the writer, rewrite the data files of the older specs into the present one, and start the \
                 writer again from where it stopped; look for keys with two rows"
            .to_owned(),
    })
}

fn deleted_rows(facts: &Facts<'_>) -> Option<Finding> {
    let is_bad = |counts: &Counts| counts.deleted_row_ratio >= DELETED_ROW_RATIO_MAX;
    let n_bad = facts.partitions.iter().filter(|partition| is_bad(partition.counts)).count();
    let (severity, points) = match n_bad {
        0 => return None,
        _ if is_bad(facts.total) => (Severity::Critical, 20),
        _ => (Severity::Warning, 10),
    };
    let most = most(facts, |counts| if is_bad(counts) { counts.deleted_positions } else { 0 });
    Some(Finding {
        code: "DELETED_ROWS",
        severity,
        points,
        what: format!(
            "{} of {} rows are deleted by position, and at least {:.0} % in {n_bad} partitions{}",
            facts.total.deleted_positions,
            facts.total.data_rows,
            DELETED_ROW_RATIO_MAX * 100.0,
            most.listed()
        ),
        why: "deleted rows are still stored, read and decoded, then thrown away",
        remedy: format!(
            "rewrite the data files{}, for example with Spark's rewrite_data_files and delete-ratio-threshold 0.3",
            most.of_partitions()
        ),
    })
}

fn position_delete_files(facts: &Facts<'_>) -> Option<Finding> {
    let n = facts.total.position_delete_files;
    if n < 10 || n <= facts.total.data_files {
        return None;
    }
    Some(Finding {
        code: "POSITION_DELETE_FILES",
        severity: Severity::Warning,
        points: 10,
        what: format!("there are {n} position delete files for {} data files", facts.total.data_files),
        why: "a read opens every position delete file of a partition for each of its data files",
        remedy: "merge them, for example with Spark's rewrite_position_delete_files; or upgrade the table to format \
                 version 3, whose deletion vectors are one for each data file"
            .to_owned(),
    })
}

fn dangling_deletes(facts: &Facts<'_>) -> Option<Finding> {
    let n = facts.total.dangling_delete_files;
    let n_deletes = facts.total.delete_files();
    let (severity, points) = match n {
        0 => return None,
        10.. if ratio(n, n_deletes) >= 0.1 => (Severity::Warning, 5),
        _ => (Severity::Info, 1),
    };
    Some(Finding {
        code: "DANGLING_DELETES",
        severity,
        points,
        what: format!("{n} of {n_deletes} delete files apply to no data file any more"),
        why: "they are listed, planned with and stored for nothing",
        remedy: "remove them, for example with Spark's rewrite_data_files and remove-dangling-deletes".to_owned(),
    })
}

fn small_manifests(facts: &Facts<'_>) -> Option<Finding> {
    let n = facts.manifests.small_manifests;
    let (severity, points) = match n {
        1000.. => (Severity::Critical, 20),
        100.. => (Severity::Warning, 10),
        _ => return None,
    };
    Some(Finding {
        code: "SMALL_MANIFESTS",
        severity,
        points,
        what: format!(
            "{n} of {} manifests are below {}",
            facts.manifests.count(),
            size_text(facts.manifests.small_manifest_size_bytes)
        ),
        why: "planning a read opens each manifest that its filter does not rule out",
        remedy: "rewrite the manifests, for example with Spark's rewrite_manifests; or set \
                 commit.manifest-merge.enabled to true"
            .to_owned(),
    })
}

fn metadata_size(facts: &Facts<'_>) -> Option<Finding> {
    let bytes = facts.history.metadata_file_bytes?;
    let (severity, points) = if bytes >= 128 * MB {
        (Severity::Critical, 20)
    } else if bytes >= 16 * MB {
        (Severity::Warning, 10)
    } else {
        return None;
    };
    Some(Finding {
        code: "METADATA_SIZE",
        severity,
        points,
        what: format!("the metadata file has {} and lists {} snapshots", size_text(bytes), facts.history.snapshots),
        why: "every read loads it, and every commit writes it anew",
        remedy: "expire snapshots, lower history.expire.max-snapshot-age-ms, and set \
                 write.metadata.compression-codec to gzip"
            .to_owned(),
    })
}

fn old_snapshots(facts: &Facts<'_>) -> Option<Finding> {
    let n = facts.history.expirable_snapshots;
    let (severity, points) = match n {
        0 => return None,
        100.. => (Severity::Warning, 10),
        _ => (Severity::Info, 1),
    };
    Some(Finding {
        code: "SNAPSHOTS_PAST_RETENTION",
        severity,
        points,
        what: format!("{n} of {} snapshots are older than the table's settings keep them", facts.history.snapshots),
        why: "the files that only they list are stored and paid for, and the metadata file lists them all",
        remedy: "expire snapshots, for example with Spark's expire_snapshots; or raise \
                 history.expire.max-snapshot-age-ms if the history is wanted"
            .to_owned(),
    })
}

fn tiny_partitions(facts: &Facts<'_>) -> Option<Finding> {
    let with_data = facts.partitions.iter().filter(|partition| partition.counts.data_files > 0).count() as u64;
    let average = facts.total.data_bytes.checked_div(with_data)?;
    if with_data < 100 || average >= facts.small_file_size_bytes {
        return None;
    }
    Some(Finding {
        code: "TINY_PARTITIONS",
        severity: Severity::Warning,
        points: 10,
        what: format!("{with_data} partitions have {} of data on average", size_text(average)),
        why: "no rewrite can make files larger than the partition that they belong to",
        remedy: "choose a coarser partitioning for new data, such as months in place of days or fewer buckets, \
                 and rewrite the data files into it"
            .to_owned(),
    })
}

fn partition_skew(facts: &Facts<'_>) -> Option<Finding> {
    let mut sizes: Vec<u64> = facts.partitions.iter().map(|partition| partition.counts.data_bytes).collect();
    sizes.retain(|bytes| *bytes > 0);
    sizes.sort_unstable();
    let (median, largest) = (*sizes.get(sizes.len() / 2)?, *sizes.last()?);
    if sizes.len() < 4 || largest < facts.small_file_size_bytes || largest < median.saturating_mul(10) {
        return None;
    }
    let most = most(facts, |counts| if counts.data_bytes == largest { counts.data_files } else { 0 });
    Some(Finding {
        code: "PARTITION_SKEW",
        severity: Severity::Info,
        points: 2,
        what: format!(
            "the largest partition has {}, the median {}{}",
            size_text(largest),
            size_text(median),
            most.listed()
        ),
        why: "work that is divided by partition takes as long as the largest one",
        remedy: "add a bucket or a finer time to the partitioning, if the largest partition is not merely the oldest"
            .to_owned(),
    })
}

/// The partitions that have most of something.
struct Most<'a>(Vec<(&'a str, u64)>);

fn most<'a>(facts: &Facts<'a>, of: impl Fn(&Counts) -> u64) -> Most<'a> {
    let mut found: Vec<(&str, u64)> = facts
        .partitions
        .iter()
        .map(|partition| (partition.name, of(partition.counts)))
        .filter(|(_, n)| *n > 0)
        .collect();
    // The sort is stable: among equals the order of partitions decides.
    found.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    found.truncate(N_NAMED_MAX);
    // An unpartitioned table has nothing to tell apart.
    found.retain(|(name, _)| !name.is_empty());
    Most(found)
}

impl Most<'_> {
    fn listed(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let listed: Vec<String> = self.0.iter().map(|(name, n)| format!("{name} ({n})")).collect();
        format!("; most in {}", listed.join(", "))
    }

    fn of_partitions(&self) -> String {
        match self.0.as_slice() {
            [] => String::new(),
            [(name, _)] => format!(" of partition {name}"),
            several => {
                let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
                format!(", beginning with partitions {}", names.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests;
