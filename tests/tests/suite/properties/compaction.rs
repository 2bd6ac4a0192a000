//! Compactions by the product of random tables: planned at any snapshot, committed at the head, whatever came between.

use std::sync::Arc;

use frazil_compactor::{
    CompactionOptions, CompactionPlan, FileGroup, GroupResult, GroupsCommit, OnConflict, OutputSequenceNumber,
    PartialProgress, RewriteSettings, SortRows, Verify, commit_groups, compact, plan, rewrite_group,
};
use frazil_lock::{Holder, MemoryLock};
use frazil_reader::{At, From, ReadOptions, ReplaceCheck, RowsOptions};
use frazil_table::catalog::{TableLocator, table_source};
use frazil_table::commit::{
    AddedFile, Change, CommitOptions, CommitOutcome, CommitRequest, Committer, FileRef, Layout, SnapshotChange,
};
use frazil_table::file::FileContent;
use frazil_table::manifest::live_files;
use frazil_table::{DataSequenceNumber, SnapshotId, SystemClock, Table};
use frazil_testkit::model::multiset;
use frazil_testkit::random::{Compaction, RandomTable, random_table};
use frazil_testkit::{MAIN, Multiset, Value};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::check::Outcome;
use super::run::{Totals, histories, logged, run};
use crate::built;

/// How the outputs are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// As the product does it.
    Sound,
    /// Faulty: with the lowest number of the inputs.
    Lowest,
    /// Faulty: with the number of the commit.
    New,
    /// Faulty: deletes go if no data file but the outputs is older.
    RetiredByMinimum,
}

fn options(random: &mut SmallRng) -> CompactionOptions {
    let numbers =
        [OutputSequenceNumber::MergedMax, OutputSequenceNumber::StartingSnapshot, OutputSequenceNumber::MaxInput];
    CompactionOptions {
        target_file_size_bytes: Some([700, 2_000, 1 << 20][random.random_range(0..3)]),
        min_input_files: random.random_range(1..4),
        delete_file_threshold: [None, Some(1), Some(2)][random.random_range(0..3)],
        delete_ratio_threshold: [0.01, 0.5][random.random_range(0..2)],
        rewrite_all: random.random_bool(0.6),
        remove_dangling_deletes: random.random_bool(0.3),
        partial_progress: random
            .random_bool(0.3)
            .then_some(PartialProgress { commits_max: random.random_range(1..4), failed_commits_max: 0 }),
        on_conflict: if random.random_bool(0.8) { OnConflict::Remap } else { OnConflict::Redo },
        output_sequence_number: numbers[if random.random_bool(0.7) { 0 } else { random.random_range(1..3) }],
        verify: Verify::Checksum,
        sort: SortRows::WriteOrder,
        ..CompactionOptions::default()
    }
}

fn committer(target: Arc<dyn frazil_table::commit::target::CommitTarget>) -> Committer {
    let holder = Holder::of_this_process("test", "compaction", 0);
    Committer::new(target, Arc::new(MemoryLock::new()), holder, Arc::new(SystemClock), CommitOptions::default())
}

/// What the table had before an upgrade gets row ids by the first commit after it: which, nobody can foresee.
fn has_row_ids(random: &RandomTable) -> bool {
    let Some(head) = random.table.head(MAIN).filter(|_| random.table.version() > 2) else { return false };
    random.table.history().live(head, random.table.schema()).iter().all(|instance| instance.row_id.is_some())
}

/// Rows at the head, with the columns of row lineage where they can be foreseen.
async fn rows(random: &RandomTable, table: &Table) -> Outcome<Multiset> {
    let with_lineage = has_row_ids(random);
    let Some(head) = table.metadata().current_snapshot() else { return Ok(Multiset::default()) };
    let at = At::Snapshot(SnapshotId::new(head.snapshot_id()));
    let options = RowsOptions { at, with_lineage, ..RowsOptions::default() };
    Ok(multiset(built::rows(table, options).await.map_err(|error| format!("rows: {error:?}"))?))
}

/// What the model says that `table` holds: a compaction shows rows in the table's present schema.
fn expected(random: &RandomTable, table: &Table) -> Multiset {
    let with_lineage = has_row_ids(random);
    let Some(head) = random.table.head(MAIN) else { return Multiset::default() };
    let is_head = table.metadata().current_snapshot().is_some_and(|now| now.snapshot_id() == head.id);
    let schema = if is_head { random.table.history().schema_of(head) } else { random.table.schema() };
    let live = random.table.history().live(head, schema);
    multiset(live.into_iter().map(|mut instance| {
        if with_lineage {
            instance.row.extend([Value::from(instance.row_id), Value::from(instance.updated)]);
        }
        instance.row
    }))
}

async fn rewritten(table: &Table, plan: &CompactionPlan, memory: u64) -> Outcome<Vec<(FileGroup, GroupResult)>> {
    let mut groups = Vec::new();
    for (part, group) in (0..).zip(&plan.groups) {
        let settings = RewriteSettings {
            sort: SortRows::WriteOrder,
            verify: Verify::Checksum,
            memory_limit_bytes: memory,
            part,
            attempt: 0,
        };
        let result = rewrite_group(table, group, &settings).await.map_err(|error| format!("rewrite: {error:?}"))?;
        groups.push((group.clone(), result));
    }
    Ok(groups)
}

/// Compacts a table that has been planned at an earlier snapshot, and compares it with the model.
async fn check(random: &mut RandomTable, seed: u64, how: How) -> Outcome<Totals> {
    let mut totals = Totals::default();
    let mut choice = SmallRng::seed_from_u64(seed ^ 0x5851_f42d_4c95_7f2d);
    let options = options(&mut choice);
    let line: Vec<i64> = random.table.lineage(MAIN).iter().map(|snapshot| snapshot.id).collect();
    let Some(planned_at) = line.choose(&mut choice).copied() else { return Ok(totals) };
    let early = random.table.table_at(planned_at);
    let plan = plan(&early, &options).await.map_err(|error| format!("plan: {error:?}"))?;
    let mut groups = rewritten(&early, &plan, 64 << 20).await?;
    totals.add("groups planned", groups.len());
    // What the plan was made on may be gone by the time of the commit, unless a branch stands there.
    let side_head = random.side_branch.as_ref().and_then(|branch| random.table.head(branch)).map(|head| head.id);
    if choice.random_bool(0.3) && line.last() != Some(&planned_at) && side_head != Some(planned_at) {
        random.table.expire([planned_at]);
    }
    random.table.save();
    let storage = random.table.storage().clone();
    let source = table_source(&TableLocator::Path("memory://test/table".to_owned()), &storage);
    let committer = committer(source.commit_target().await.map_err(|error| format!("target: {error:?}"))?);
    let load =
        async || committer.target().load().await.map(|base| base.table).map_err(|error| format!("load: {error:?}"));
    let late = load().await?;
    if rows(random, &late).await? != expected(random, &late) {
        return Err("the table is not what the model says before anything was compacted".to_owned());
    }
    if how != How::Sound {
        let is_committed = faulty(&committer, &late, &groups, how).await?;
        let after = load().await?;
        let is_wrong = is_committed && rows(random, &after).await? != expected(random, &after);
        totals.add("tables with wrong rows", usize::from(is_wrong));
        return Ok(totals);
    }
    groups.retain(|_| choice.random_bool(0.9));
    let commit =
        GroupsCommit { base: plan.base.clone(), layout: Layout::of(&early), groups, on_conflict: options.on_conflict };
    let outcome = commit_groups(&committer, &late, commit).await.map_err(|error| format!("commit: {error:?}"))?;
    if outcome.unknown.is_some() {
        return Err("the outcome is unknown".to_owned());
    }
    totals.add("groups committed", outcome.group_ids.len());
    totals.add("groups overtaken", outcome.conflicts.len());
    totals.add("rows remapped", usize::try_from(outcome.n_rows_remapped).unwrap());
    same(random, &load().await?, "the first commit", &mut totals).await?;

    let report = compact(&committer, &options, &()).await.map_err(|error| format!("compact: {error:?}"))?;
    if !report.is_complete() {
        return Err(format!("not complete: {report:?}"));
    }
    let after = load().await?;
    same(random, &after, "the whole run", &mut totals).await?;
    totals.add("delete files retired", usize::try_from(report.n_delete_files_removed).unwrap());
    let settled = CompactionOptions { rewrite_all: false, ..options.clone() };
    let again = frazil_compactor::plan(&after, &settled).await.map_err(|error| format!("plan again: {error:?}"))?;
    if options.output_sequence_number == OutputSequenceNumber::MergedMax && !again.is_empty() {
        return Err(format!("a table that was just compacted plans {again:?} with {options:?}"));
    }
    changes_are_empty(&after, &line, &mut totals).await?;
    Ok(totals)
}

/// The rows are those of the model, and the metadata holds together.
async fn same(random: &RandomTable, table: &Table, when: &str, totals: &mut Totals) -> Outcome<()> {
    let (rows, expected) = (rows(random, table).await?, expected(random, table));
    if rows != expected {
        return Err(format!("after {when} rows are\n  {rows:?}, expected\n  {expected:?}"));
    }
    let Some(head) = table.metadata().current_snapshot() else { return Ok(()) };
    let files = live_files(table, head).await.map_err(|error| format!("files: {error:?}"))?;
    let summary = &head.summary().additional_properties;
    for (name, n) in [("total-data-files", files.data.len()), ("total-delete-files", files.deletes.len())] {
        if let Some(total) = summary.get(name)
            && *total != n.to_string()
        {
            return Err(format!("after {when} the summary says {name}={total}, there are {n}"));
        }
    }
    // The next writer, and Java drops deletes below the minimum of the data.
    let list = frazil_table::manifest::manifest_list(table, head).await.map_err(|error| format!("list: {error:?}"))?;
    for manifest in list.iter().filter(|_| random.table.version() > 1) {
        let entries = frazil_table::manifest::read_manifests(table, [manifest]).await;
        let entries = entries.map_err(|error| format!("manifest: {error:?}"))?;
        let live = entries[0].1.iter().filter(|entry| entry.status != frazil_table::manifest::EntryStatus::Deleted);
        let lowest = live.map(|entry| entry.file.data_sequence_number.get()).min();
        if lowest.is_some_and(|lowest| lowest < manifest.min_sequence_number) {
            return Err(format!("after {when} {} has entries below its minimum", manifest.path));
        }
    }
    totals.add("tables compared", 1);
    Ok(())
}

/// Compactions change nothing: the changelog across them is empty.
async fn changes_are_empty(table: &Table, line: &[i64], totals: &mut Totals) -> Outcome<()> {
    let head = *line.last().unwrap();
    if table.metadata().current_snapshot().map(|now| now.snapshot_id()) == Some(head) {
        return Ok(());
    }
    let options = ReadOptions {
        from: From::SnapshotExclusive(SnapshotId::new(head)),
        replace_check: ReplaceCheck::Full,
        ..ReadOptions::default()
    };
    let (deliveries, error) = built::changes(table, options).await;
    if let Some(error) = error {
        return Err(format!("changes: {error:?}"));
    }
    if let Some(delivery) = deliveries.iter().find(|delivery| !delivery.changes.is_empty()) {
        return Err(format!("a compaction has changes: {delivery:?}"));
    }
    totals.add("replace snapshots read", deliveries.len());
    Ok(())
}

/// Commits as a faulty compactor would, past the checks; `false` if there is nothing to commit.
async fn faulty(committer: &Committer, table: &Table, groups: &[(FileGroup, GroupResult)], how: How) -> Outcome<bool> {
    let head = table.metadata().current_snapshot().unwrap().clone();
    let live = live_files(table, &head).await.map_err(|error| format!("files: {error:?}"))?;
    let is_live = |file: &FileRef| live.data.iter().any(|other| FileRef::of(other) == *file);
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for (group, result) in groups {
        let inputs: Vec<FileRef> = group.inputs.iter().map(|input| FileRef::of(&input.file)).collect();
        if !inputs.iter().all(is_live) {
            continue;
        }
        removed.extend(inputs);
        let lowest = group.inputs.iter().map(|input| input.file.data_sequence_number).min();
        let number: Option<DataSequenceNumber> = match how {
            How::Lowest => lowest,
            How::New => None,
            How::Sound | How::RetiredByMinimum => Some(group.data_sequence_number),
        };
        added.extend(
            result
                .outputs
                .iter()
                .map(|file| AddedFile { data_sequence_number: number, ..AddedFile::from(file.clone()) }),
        );
    }
    if removed.is_empty() {
        return Ok(false);
    }
    if how == How::RetiredByMinimum {
        let others = live.data.iter().filter(|file| !removed.contains(&FileRef::of(file)));
        let lowest = others.map(|file| file.data_sequence_number).min();
        let is_below = |number| lowest.is_none_or(|lowest| number <= lowest);
        let equality = live.deletes.iter().filter(|delete| delete.content == FileContent::EqualityDeletes);
        removed
            .extend(equality.filter(|delete| is_below(delete.data_sequence_number)).map(|delete| FileRef::of(delete)));
    }
    // Without the check of a rewrite, as an overwrite that calls itself otherwise.
    let change = SnapshotChange { added, ..SnapshotChange::overwrite([], removed) };
    let request = CommitRequest::new(Change::Snapshot(Box::new(change)));
    match committer.commit(request).await.map_err(|error| format!("commit: {error:?}"))? {
        CommitOutcome::Committed(_) => Ok(true),
        other => Err(format!("{other:?}")),
    }
}

fn test(title: &str, n_default: u64, how: How) -> Totals {
    let totals = run_from(histories(n_default), how);
    totals.print(title);
    totals
}

fn run_from((first, n): (u64, u64), how: How) -> Totals {
    run(first, n, |seed, n_steps, runtime| {
        let mut random = random_table(seed, Compaction::Sound, n_steps);
        let log = random.log.clone();
        logged(&log, || runtime.block_on(check(&mut random, seed, how)))
    })
}

#[test]
fn tables_that_were_compacted_meanwhile_hold_the_same_rows() {
    let totals = test("compactor", 2_000, How::Sound);
    if totals.get("histories") >= 2_000 {
        for kind in ["groups committed", "groups overtaken", "rows remapped", "delete files retired"] {
            assert!(totals.get(kind) > 50, "too few of `{kind}` to mean anything");
        }
    }
}

/// Histories far out that went wrong once: a column of the key was dropped and the rows written again (5342); a deletion
/// vector was taken back, and another written, while its file was rewritten without the rows (6470, 8478).
#[test]
fn histories_that_went_wrong_once_are_right() {
    for seed in [5342, 6470, 8478] {
        run_from((seed, 1), How::Sound);
    }
}

/// The controls: the test sees what is wrong.
#[test]
fn a_faulty_compactor_is_seen() {
    for how in [How::Lowest, How::New, How::RetiredByMinimum] {
        let totals = test(&format!("compactor, {how:?}"), 100, how);
        if totals.get("histories") >= 100 {
            assert!(totals.get("tables with wrong rows") > 0, "{how:?}");
        }
    }
}
