//! What a compaction would do, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use frazil_compactor::{CompactionPlan, FileGroup, GroupChoice, LeftAlone};
use frazil_table::Table;
use serde::Serialize;

use crate::inspect::{Grid, heading, partition_text, size_text};
use crate::output::Look;

/// What a compaction would do.
#[derive(Debug, Serialize)]
pub(super) struct PlanReport {
    dry_run: bool,
    table: String,
    branch: String,
    /// Snapshot that was looked at; `None` if the branch has none.
    snapshot_id: Option<i64>,
    manifests: u64,
    manifests_read: u64,
    data_files: u64,
    data_bytes: u64,
    delete_files: u64,
    input_files: u64,
    input_bytes: u64,
    /// Data files afterwards, as far as sizes and deletes by position tell.
    data_files_expected: u64,
    left_alone: BTreeMap<String, u64>,
    partitions: Vec<PartitionReport>,
    groups: Vec<GroupReport>,
}

/// What a partition holds, and what becomes of it.
#[derive(Debug, Serialize)]
struct PartitionReport {
    spec_id: i32,
    partition: String,
    data_files: u64,
    data_bytes: u64,
    delete_files: u64,
    input_files: u64,
    input_bytes: u64,
    groups: u64,
    data_files_expected: u64,
    left_alone: BTreeMap<String, u64>,
}

/// A file group, and why it is worth rewriting.
#[derive(Debug, Serialize)]
struct GroupReport {
    group_id: u32,
    spec_id: i32,
    partition: String,
    reason: String,
    input_files: u64,
    input_bytes: u64,
    /// Inputs, by the reason why each was chosen.
    input_reasons: BTreeMap<String, u64>,
    output_files_expected: u64,
    target_file_size_bytes: u64,
    data_sequence_number: i64,
}

/// A reason as programs know it.
pub(super) fn code(reason: &str) -> String {
    reason.replace([' ', '-'], "_")
}

pub(super) fn codes(left_alone: &BTreeMap<LeftAlone, u64>) -> BTreeMap<String, u64> {
    left_alone.iter().map(|(reason, n_files)| (code(reason.as_str()), *n_files)).collect()
}

/// `3 of 5 small, 2 …`: counts with their reasons.
fn counted(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts.iter().map(|(reason, n)| format!("{n} {}", reason.replace('_', " "))).collect();
    parts.join(", ")
}

impl PlanReport {
    pub(super) fn new(table: &Table, plan: &CompactionPlan) -> Self {
        let partitions: Vec<PartitionReport> = plan
            .partitions
            .iter()
            .map(|partition| PartitionReport {
                spec_id: partition.spec_id.get(),
                partition: partition_text(table, partition.spec_id, &partition.partition),
                data_files: partition.n_data_files,
                data_bytes: partition.data_bytes,
                delete_files: partition.n_delete_files,
                input_files: partition.n_inputs,
                input_bytes: partition.input_bytes,
                groups: partition.n_groups,
                data_files_expected: partition.n_data_files_expected,
                left_alone: codes(&partition.left_alone),
            })
            .collect();
        let total = |count: fn(&PartitionReport) -> u64| partitions.iter().map(count).sum();
        Self {
            dry_run: true,
            table: table.name().to_owned(),
            branch: plan.base.branch.clone(),
            snapshot_id: plan.base.snapshot_id.map(|id| id.get()),
            manifests: plan.cost.n_manifests,
            manifests_read: plan.cost.n_manifests_read,
            data_files: total(|partition| partition.data_files),
            data_bytes: total(|partition| partition.data_bytes),
            delete_files: total(|partition| partition.delete_files),
            input_files: total(|partition| partition.input_files),
            input_bytes: total(|partition| partition.input_bytes),
            data_files_expected: total(|partition| partition.data_files_expected),
            left_alone: codes(&plan.left_alone()),
            groups: plan
                .groups
                .iter()
                .zip(&plan.choices)
                .map(|(group, choice)| of_group(table, group, *choice))
                .collect(),
            partitions,
        }
    }

    /// For people.
    pub(super) fn text(&self, look: Look) -> String {
        let mut out = String::new();
        let at = self.snapshot_id.map_or_else(|| "no snapshot yet".to_owned(), |id| format!("snapshot {id}"));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "plan for {} of {}, {at}; nothing is written", self.branch, self.table);
        let mut grid = Grid::new(&[
            ("partition", false),
            ("spec", true),
            ("data files", true),
            ("size", true),
            ("delete files", true),
            ("to rewrite", true),
            ("size", true),
            ("groups", true),
            ("expected data files", true),
            ("left alone", false),
        ]);
        for partition in &self.partitions {
            grid.row(partition.cells());
        }
        heading("partitions", look, &mut out);
        grid.render(&mut out);
        if self.groups.is_empty() {
            let why = counted(&self.left_alone);
            let why = if why.is_empty() { "there are no data files".to_owned() } else { format!("left alone: {why}") };
            let _ = writeln!(out, "\nnothing to do: {why}");
            return out;
        }
        let mut grid = Grid::new(&[
            ("group", true),
            ("partition", false),
            ("why", false),
            ("files", true),
            ("size", true),
            ("expected files", true),
            ("inputs", false),
        ]);
        for group in &self.groups {
            grid.row(group.cells());
        }
        heading("file groups", look, &mut out);
        grid.render(&mut out);
        let _ = writeln!(
            out,
            "\n{} of {} data files ({}) would be rewritten: {} -> {} data files",
            self.input_files,
            self.data_files,
            size_text(self.input_bytes),
            self.data_files,
            self.data_files_expected
        );
        out
    }
}

fn of_group(table: &Table, group: &FileGroup, choice: GroupChoice) -> GroupReport {
    let mut input_reasons = BTreeMap::new();
    for input in &group.inputs {
        *input_reasons.entry(code(input.reason.as_str())).or_default() += 1;
    }
    GroupReport {
        group_id: group.id,
        spec_id: group.spec_id.get(),
        partition: partition_text(table, group.spec_id, &group.partition),
        reason: code(choice.reason.as_str()),
        input_files: group.inputs.len() as u64,
        input_bytes: choice.input_bytes,
        input_reasons,
        output_files_expected: choice.n_outputs_expected,
        target_file_size_bytes: group.target_file_size_bytes,
        data_sequence_number: group.data_sequence_number.get(),
    }
}

fn name(partition: &str) -> String {
    if partition.is_empty() { "all".to_owned() } else { partition.to_owned() }
}

impl PartitionReport {
    fn cells(&self) -> [String; 10] {
        [
            name(&self.partition),
            self.spec_id.to_string(),
            self.data_files.to_string(),
            size_text(self.data_bytes),
            self.delete_files.to_string(),
            self.input_files.to_string(),
            size_text(self.input_bytes),
            self.groups.to_string(),
            self.data_files_expected.to_string(),
            counted(&self.left_alone),
        ]
    }
}

impl GroupReport {
    fn cells(&self) -> [String; 7] {
        [
            self.group_id.to_string(),
            name(&self.partition),
            self.reason.replace('_', " "),
            self.input_files.to_string(),
            size_text(self.input_bytes),
            self.output_files_expected.to_string(),
            counted(&self.input_reasons),
        ]
    }
}
