//! Committing rewritten groups, mended for what others have committed meanwhile.
//!
//! Rows that were deleted by position in an input while it was rewritten are deleted in the output by the same commit:
//! live rows keep their order, so that a position in an input tells the one in the output. A group whose inputs are gone
//! is left out, and the others are committed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use async_trait::async_trait;
use frazil_table::commit::{
    AddedFile, Change, CommitOutcome, CommitRequest, Committed, Committer, FileRef, Layout, Misfit, PendingCommit,
    Rebase, RewriteCheck, SnapshotChange, delete_unused,
};
use frazil_table::deletes::{FileDeletes, position_deletes};
use frazil_table::file::{FileEntry, WrittenFile};
use frazil_table::write::{DeleteTarget, DeletionVectorWriter, PositionDeleteWriter, WriteOptions, WrittenPaths};
use frazil_table::{DataSequenceNumber, Table, TableError};
use futures::FutureExt;
use futures::future::BoxFuture;
use iceberg::spec::FormatVersion;
use roaring::RoaringTreemap;

use crate::Result;
use crate::options::OnConflict;
use crate::plan::{FileGroup, PlanBase};
use crate::result::GroupResult;

/// Groups that are rewritten and are to be committed together.
#[derive(Debug, Clone)]
pub struct GroupsCommit {
    /// What they were planned on.
    pub base: PlanBase,
    /// That of the table that they were read and written with.
    pub layout: Layout,
    /// The groups, with what rewriting each gave.
    pub groups: Vec<(FileGroup, GroupResult)>,
    /// What becomes of a group whose rows were deleted by position meanwhile.
    pub on_conflict: OnConflict,
}

/// What became of groups that were to be committed.
#[derive(Debug)]
pub struct CommittedGroups {
    /// The commit; `None` if no group could be committed.
    pub committed: Option<Committed>,
    /// Groups that are in it.
    pub group_ids: Vec<u32>,
    /// Groups that are not, each with the reason. Their outputs are deleted; they may be planned and rewritten again.
    pub conflicts: Vec<(u32, String)>,
    /// The commit's outcome is not known: nothing was deleted, and nothing must be.
    pub unknown: Option<Box<PendingCommit>>,
    /// Rows that were deleted by position meanwhile, and were translated to the outputs.
    pub n_rows_remapped: u64,
}

/// Commits groups. Files that no commit needs are deleted.
///
/// # Errors
/// As [`Committer::commit`]: nothing was committed then, and the outputs are deleted.
#[boxed]
pub async fn commit_groups(committer: &Committer, table: &Table, commit: GroupsCommit) -> Result<CommittedGroups> {
    let branch = commit.base.branch.clone();
    let mut mending = Mending::new(commit);
    let mut report = CommittedGroups {
        committed: None,
        group_ids: mending.groups.iter().map(|rewritten| rewritten.group.id).collect(),
        conflicts: Vec::new(),
        unknown: None,
        n_rows_remapped: 0,
    };
    if mending.groups.is_empty() {
        return Ok(report);
    }
    let change = Change::Snapshot(Box::new(mending.change()));
    let request = CommitRequest { branch, purpose: "compaction".to_owned(), ..CommitRequest::new(change) };
    let outcome = committer.commit_rebased(request, &mut mending).await;
    report.n_rows_remapped = mending.killed.values().map(RoaringTreemap::len).sum();
    let unused = match outcome {
        Ok(CommitOutcome::Committed(committed)) => {
            report.committed = Some(committed);
            mending.left_out()
        }
        Ok(CommitOutcome::Conflict { reason, .. }) => {
            mending.dropped.extend(report.group_ids.iter().map(|id| (*id, reason.clone())));
            mending.all_files()
        }
        Ok(CommitOutcome::StateUnknown { pending, .. }) => {
            report.unknown = Some(pending);
            Vec::new()
        }
        Err(error) => {
            delete_unused(table.storage(), table.name(), &mending.all_files()).await;
            return Err(error);
        }
    };
    let mut seen = HashSet::new();
    report.conflicts = mending.dropped.into_iter().filter(|(id, _)| seen.insert(*id)).collect();
    report.group_ids.retain(|id| !seen.contains(id));
    if !unused.is_empty() {
        delete_unused(table.storage(), table.name(), &unused).await;
    }
    Ok(report)
}

/// A group that is in the commit.
#[derive(Debug)]
struct Rewritten {
    group: FileGroup,
    result: GroupResult,
    /// Deletes that are taken care of: applied when the inputs were read, or translated since.
    applied: Vec<Arc<FileEntry>>,
}

/// The state of a commit of groups while it is mended.
#[derive(Debug)]
struct Mending {
    starting_sequence_number: i64,
    layout: Layout,
    on_conflict: OnConflict,
    groups: Vec<Rewritten>,
    dropped: Vec<(u32, String)>,
    /// Rows of outputs that were deleted meanwhile, by output.
    killed: BTreeMap<Arc<str>, RoaringTreemap>,
    /// Deletes of these rows, as written last.
    deletes: Vec<WrittenFile>,
    /// Files that were to be added at an earlier try, and are no longer.
    superseded: Vec<String>,
}

impl Mending {
    fn new(commit: GroupsCommit) -> Self {
        let groups = commit.groups.into_iter().map(|(group, result)| {
            let applied = group.inputs.iter().flat_map(|input| all(&input.deletes)).cloned().collect();
            Rewritten { group, result, applied }
        });
        Self {
            starting_sequence_number: commit.base.sequence_number,
            layout: commit.layout,
            on_conflict: commit.on_conflict,
            groups: groups.collect(),
            dropped: Vec::new(),
            killed: BTreeMap::new(),
            deletes: Vec::new(),
            superseded: Vec::new(),
        }
    }

    /// What is to be committed now.
    fn change(&self) -> SnapshotChange {
        let mut added = Vec::new();
        let mut removed = Vec::new();
        let (mut applied, mut seen) = (Vec::new(), HashSet::new());
        for Rewritten { group, result, applied: of_group } in &self.groups {
            let inputs_max = group.inputs.iter().map(|input| input.file.data_sequence_number).max();
            let inputs_max = inputs_max.unwrap_or(DataSequenceNumber::new(0));
            let outputs = result.outputs.iter().cloned();
            added.extend(outputs.map(|file| AddedFile::rewritten(file, group.data_sequence_number, inputs_max)));
            removed.extend(group.inputs.iter().map(|input| FileRef::of(&input.file)));
            let new = of_group.iter().filter(|file| seen.insert((file.key(), file.content_range)));
            applied.extend(new.cloned());
        }
        added.extend(self.deletes.iter().cloned().map(AddedFile::from));
        let check = RewriteCheck {
            starting_sequence_number: self.starting_sequence_number,
            applied,
            layout: Some(self.layout),
            retires_deletes: true,
        };
        SnapshotChange::rewrite(added, removed, check)
    }

    /// Leaves the group of an input out.
    fn leave_out(&mut self, input: &str, reason: &str) {
        let is_input = |rewritten: &Rewritten| rewritten.group.inputs.iter().any(|other| other.file.key() == input);
        let Some(index) = self.groups.iter().position(is_input) else { return };
        let Rewritten { group, result, .. } = self.groups.remove(index);
        for output in &result.outputs {
            self.killed.remove(&output.path);
            self.superseded.push(output.path.to_string());
        }
        self.dropped.push((group.id, reason.to_owned()));
    }

    /// Translates deletes of an input that nobody has applied; `false` if that cannot be done.
    fn translate(&mut self, input: &FileEntry, deletes: &FileDeletes, deleted: Option<&RoaringTreemap>) -> bool {
        let is_input =
            |rewritten: &&mut Rewritten| rewritten.group.inputs.iter().any(|other| other.file.key() == input.key());
        // A group that was left out for another of its inputs.
        let Some(rewritten) = self.groups.iter_mut().find(is_input) else { return true };
        if let Some(deleted) = deleted {
            let Some(rows) = &mut rewritten.result.rows else { return false };
            if deletes.vector.is_some() && !rows.replace_vector(input.key(), deleted) {
                return false;
            }
            let Some(translated) = rows.translate(input.key(), deleted) else { return false };
            for (output, positions) in translated {
                let Some(path) = rows.output(output) else { return false };
                *self.killed.entry(path.clone()).or_default() |= positions;
            }
        }
        if deletes.vector.is_some() {
            // It contains what was deleted by position before, and replaces it.
            let is_replaced = |other: &Arc<FileEntry>| {
                other.is_deletion_vector() && other.referenced_data_file.as_deref() == Some(&*input.path)
            };
            rewritten.applied.retain(|other| !is_replaced(other));
        }
        rewritten.applied.extend(all(deletes).cloned());
        true
    }

    /// Writes the deletes of all rows that were deleted meanwhile anew: an output has one deletion vector at most.
    async fn write_deletes(&mut self, table: &Table) -> Result<()> {
        self.superseded.extend(paths(&self.deletes));
        let mut targets: Vec<(DeleteTarget, RoaringTreemap)> = Vec::new();
        for output in self.groups.iter().flat_map(|rewritten| &rewritten.result.outputs) {
            if let Some(positions) = self.killed.get(&output.path) {
                targets.push((DeleteTarget::from(output), positions.clone()));
            }
        }
        self.deletes = Vec::new();
        if !targets.is_empty() {
            let paths = WrittenPaths::default();
            match written_deletes(table, targets, &paths).await {
                Ok(deletes) => self.deletes = deletes,
                Err(error) => {
                    // Some may have been written before it failed.
                    self.superseded.extend(paths.all());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Files that the commit did without.
    fn left_out(&self) -> Vec<String> {
        let needed: HashSet<&str> = self.deletes.iter().map(|file| &*file.path).collect();
        self.superseded.iter().filter(|path| !needed.contains(path.as_str())).cloned().collect()
    }

    fn all_files(&self) -> Vec<String> {
        let outputs = self.groups.iter().flat_map(|rewritten| paths(&rewritten.result.outputs));
        let mut files: Vec<String> = outputs.chain(paths(&self.deletes)).chain(self.superseded.clone()).collect();
        files.sort();
        files.dedup();
        files
    }
}

#[async_trait]
impl Rebase for Mending {
    async fn rebase(&mut self, table: &Table, _: &SnapshotChange, misfit: &Misfit) -> Result<Option<SnapshotChange>> {
        if misfit.stale.is_empty() && misfit.deleted.is_empty() {
            return Ok(None);
        }
        for stale in &misfit.stale {
            self.leave_out(key_of(&stale.path), &misfit.reason);
        }
        let deleted = match self.on_conflict {
            OnConflict::Remap => read_deletes(table, &misfit.deleted).await?,
            OnConflict::Redo => HashMap::new(),
        };
        for (input, deletes) in &misfit.deleted {
            let is_mended =
                self.on_conflict == OnConflict::Remap && self.translate(input, deletes, deleted.get(input.key()));
            if !is_mended {
                self.leave_out(input.key(), &misfit.reason);
            }
        }
        self.write_deletes(table).await?;
        Ok((!self.groups.is_empty()).then(|| self.change()))
    }
}

fn all(deletes: &FileDeletes) -> impl Iterator<Item = &Arc<FileEntry>> {
    deletes.vector.iter().chain(&deletes.positions).chain(&deletes.equality)
}

fn paths(files: &[WrittenFile]) -> Vec<String> {
    files.iter().map(|file| file.path.to_string()).collect()
}

fn key_of(path: &str) -> &str {
    frazil_table::storage::identity(path)
}

/// Boxed, so that the compiler can tell that it may move between threads.
fn read_deletes<'a>(
    table: &'a Table,
    files: &'a [(Arc<FileEntry>, FileDeletes)],
) -> BoxFuture<'a, Result<HashMap<String, RoaringTreemap>>> {
    async move { position_deletes(table, files.iter().map(|(file, deletes)| (&**file, deletes))).await }.boxed()
}

/// Deletion vectors, or position deletes before format version 3.
async fn written_deletes(
    table: &Table,
    targets: Vec<(DeleteTarget, RoaringTreemap)>,
    paths: &WrittenPaths,
) -> Result<Vec<WrittenFile>> {
    let options = WriteOptions::of(table)?.remember_paths(paths);
    match table.metadata().format_version() {
        FormatVersion::V1 => Err(TableError::Internal { detail: "a table of version 1 has deletes".to_owned() }),
        FormatVersion::V2 => {
            let mut writer = PositionDeleteWriter::new(table, &options)?;
            for (target, positions) in targets {
                writer.delete(&target, positions)?;
            }
            writer.finish().await
        }
        FormatVersion::V3 => {
            let mut writer = DeletionVectorWriter::new(table, &options)?;
            for (target, positions) in targets {
                writer.delete(&target, positions)?;
            }
            writer.finish().await
        }
    }
}
