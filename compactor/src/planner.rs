//! Reads what a plan is made from: the manifest list of a branch's head and its manifests, each once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use frazil_table::deletes::DeleteIndex;
use frazil_table::file::{ColumnMetrics, FileEntry};
use frazil_table::filter::{BoundFilter, Filter};
use frazil_table::lineage::Lineage;
use frazil_table::manifest::{
    EntryStatus, EntryVisitor, ManifestContent, ManifestEntry, ManifestFile, manifest_list, read_manifests,
    visit_entries,
};
use frazil_table::{SnapshotId, SpecId, Table, TableError};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, StreamExt};
use iceberg::spec::{Operation, SnapshotRef};

use crate::candidate::{Candidate, FileFacts, Verdict, judge};
use crate::duplicates::{DuplicateScan, path_hash, refuse_duplicates, repeated};
use crate::policy::{Partition, PartitionFindings, Policy, Selection, SequenceScope, select};
use crate::{CompactionOptions, CompactionPlan, LeftAlone, PlanBase, PlanCost, Result};

/// Manifests read at once.
const N_CONCURRENT_READS: usize = 8;

/// What Iceberg's documentation gives for `write.target-file-size-bytes`.
const TARGET_BYTES_DEFAULT: u64 = 512 << 20;

/// Plans the compaction of a branch of a table.
///
/// Reads the manifest list of the branch's head, and once each of its manifests with live files that the condition does
/// not rule out; no data or delete file. A manifest list does not say how large the files of a manifest are, or in
/// which of them there are deletes, so that no other manifest can be left out: a plan costs what the manifests of the
/// table hold. Short ones stay in the table's cache of manifests, and [`Table::with_cache_of`] hands them on.
///
/// Entries of data files are looked at one by one, on the CPU pool, and only candidates are kept. Memory is needed for
/// these, for the delete files, for each partition, and eight bytes for each data file.
///
/// # Errors
/// [`TableError::InvalidRequest`] if the options contradict each other, or name what is not there;
/// [`TableError::Unsupported`] if the outputs are to be under another partition spec than their inputs;
/// [`TableError::Corrupt`] if the snapshot lists a data file twice; what reading manifests gives.
#[boxed]
pub async fn plan(table: &Table, options: &CompactionOptions) -> Result<CompactionPlan> {
    options.check()?;
    let metadata = table.metadata();
    let policy = Policy::new(options, table_target_bytes(table)?)?;
    check_output_spec(table, options)?;
    let filter = options.filter.as_deref().map(Filter::parse).transpose()?;
    let head = Lineage::of_branch(metadata, table.metadata_location(), &options.branch)?.head().cloned();
    let base = PlanBase {
        table_uuid: metadata.uuid().to_string(),
        branch: options.branch.clone(),
        snapshot_id: head.as_ref().map(|head| SnapshotId::new(head.snapshot_id())),
        sequence_number: head.as_ref().map_or(0, |head| head.sequence_number()),
        schema_id: metadata.current_schema_id(),
        default_spec_id: SpecId::new(metadata.default_partition_spec_id()),
    };
    let Some(head) = head else { return Ok(CompactionPlan::new(base, Vec::new())) };
    let filter = match filter {
        Some(filter) => Some(filter.bind(table, &*table.schema_of(&head)?)?),
        None => None,
    };
    let (selection, cost) = choose(table, &head, policy, filter).await?;
    if let Some(spec_id) = options.output_spec_id
        && let Some(group) = selection.groups.iter().find(|group| group.spec_id != spec_id)
    {
        return Err(TableError::Unsupported {
            path: table.name().to_owned(),
            detail: format!(
                "files of partition spec `{}` cannot be rewritten into spec `{spec_id}`: deletes of their spec would \
                 not reach them any more; leave out output-spec-id",
                group.spec_id
            ),
        });
    }
    let Selection { groups, choices, partitions } = selection;
    Ok(CompactionPlan { base, groups, choices, partitions, cost })
}

fn table_target_bytes(table: &Table) -> Result<u64> {
    const NAME: &str = "write.target-file-size-bytes";
    match table.metadata().properties().get(NAME) {
        None => Ok(TARGET_BYTES_DEFAULT),
        Some(text) => text.trim().parse().map_err(|_| {
            TableError::invalid(format!("table property `{NAME}` is `{text}`, which is no number; change it"))
        }),
    }
}

fn check_output_spec(table: &Table, options: &CompactionOptions) -> Result<()> {
    let Some(spec_id) = options.output_spec_id else { return Ok(()) };
    if table.metadata().partition_spec_by_id(spec_id.get()).is_some() {
        return Ok(());
    }
    let specs = table.metadata().partition_specs_iter().map(|spec| spec.spec_id());
    let mut specs: Vec<i32> = specs.collect();
    specs.sort_unstable();
    Err(TableError::invalid(format!("the table has no partition spec `{spec_id}`; it has {specs:?}")))
}

/// Reads the manifests and has the policy choose.
async fn choose(
    table: &Table,
    head: &SnapshotRef,
    policy: Policy,
    filter: Option<BoundFilter>,
) -> Result<(Selection, PlanCost)> {
    let list = manifest_list(table, head).await?;
    let is_wanted = |manifest: &&ManifestFile| {
        // A delete reaches files of its own partition, or is under a spec without one, which nothing rules out.
        manifest.may_have_live_files()
            && filter.as_ref().is_none_or(|filter| filter.may_match_manifest(table, manifest))
    };
    let (deletes, data): (Vec<_>, Vec<_>) =
        list.iter().filter(is_wanted).partition(|manifest| manifest.content == ManifestContent::Deletes);
    let cost = PlanCost { n_manifests: list.len() as u64, n_manifests_read: (deletes.len() + data.len()) as u64 };
    let deletes = live_deletes(table, deletes).await?;
    let mut n_delete_files: HashMap<Partition, u64> = HashMap::new();
    for delete in &deletes {
        *n_delete_files.entry((delete.spec_id, delete.partition.clone())).or_default() += 1;
    }
    let replaces = table.metadata().snapshots().filter(|snapshot| snapshot.summary().operation == Operation::Replace);
    let context = Arc::new(Context {
        table: table.clone(),
        index: DeleteIndex::new(table, &deletes)?,
        policy,
        filter,
        replaces: replaces.map(|snapshot| SnapshotId::new(snapshot.snapshot_id())).collect(),
    });
    let findings = scan(&context, &data).await?;
    let scope = |partition: &Partition| SequenceScope {
        snapshot: head.sequence_number(),
        equality_max: context.index.equality_sequence_number_max(partition.0, &partition.1),
        n_delete_files: n_delete_files.get(partition).copied().unwrap_or(0),
    };
    Ok((select(&context.policy, findings, scope)?, cost))
}

async fn live_deletes(table: &Table, manifests: Vec<&ManifestFile>) -> Result<Vec<Arc<FileEntry>>> {
    let mut deletes = Vec::new();
    for (manifest, entries) in read_manifests(table, manifests).await? {
        let live = entries.iter().filter(|entry| entry.status != EntryStatus::Deleted);
        deletes.extend(live.map(|entry| entry.file_in(manifest)));
    }
    Ok(deletes)
}

/// Looks at all live data files.
async fn scan(context: &Arc<Context>, manifests: &[&ManifestFile]) -> Result<BTreeMap<Partition, PartitionFindings>> {
    let reads: Vec<_> =
        manifests.iter().map(|manifest| visited(&context.table, manifest, FileScan::new(context.clone()))).collect();
    let mut reads = stream::iter(reads).buffered(N_CONCURRENT_READS);
    let mut findings: BTreeMap<Partition, PartitionFindings> = BTreeMap::new();
    let mut hashes = Vec::new();
    while let Some(scan) = reads.next().await {
        let scan = scan?;
        hashes.extend(scan.hashes);
        for (partition, found) in scan.findings {
            findings.entry(partition).or_default().merge(found);
        }
    }
    let repeated = repeated(hashes);
    if !repeated.is_empty() {
        check_paths(&context.table, manifests, repeated).await?;
    }
    Ok(findings)
}

/// Reads the manifests again, which happens only if a file is listed twice or two paths have the same hash.
async fn check_paths(table: &Table, manifests: &[&ManifestFile], hashes: HashSet<u64>) -> Result<()> {
    let hashes = Arc::new(hashes);
    let mut paths = Vec::new();
    for manifest in manifests {
        let scan = DuplicateScan { hashes: hashes.clone(), found: Vec::new() };
        paths.extend(visited(table, manifest, scan).await?.found);
    }
    refuse_duplicates(paths)
}

/// Boxed, so that the compiler can tell that it may move between threads.
fn visited<'a, V: EntryVisitor>(table: &'a Table, manifest: &'a ManifestFile, visitor: V) -> BoxFuture<'a, Result<V>> {
    visit_entries(table, manifest, visitor).boxed()
}

/// What is needed to look at a data file.
#[derive(Debug)]
struct Context {
    table: Table,
    index: DeleteIndex,
    policy: Policy,
    filter: Option<BoundFilter>,
    /// Snapshots that replaced files by others with the same rows.
    replaces: HashSet<SnapshotId>,
}

/// Looks at the data files of one manifest.
struct FileScan {
    context: Arc<Context>,
    findings: HashMap<Partition, PartitionFindings>,
    /// Of the paths.
    hashes: Vec<u64>,
    no_metrics: Arc<ColumnMetrics>,
}

impl FileScan {
    fn new(context: Arc<Context>) -> Self {
        Self { context, findings: HashMap::new(), hashes: Vec::new(), no_metrics: Arc::default() }
    }
}

impl EntryVisitor for FileScan {
    fn visit(&mut self, manifest: &ManifestFile, entry: &ManifestEntry) -> Result<()> {
        if entry.status == EntryStatus::Deleted {
            return Ok(());
        }
        let (context, file) = (&self.context, &*entry.file);
        self.hashes.push(path_hash(file));
        let found = self.findings.entry((file.spec_id, file.partition.clone())).or_default();
        found.n_data_files += 1;
        found.data_bytes = found.data_bytes.saturating_add(file.file_size_bytes);
        if context.filter.as_ref().is_some_and(|filter| !filter.may_match_file(&context.table, file)) {
            found.leave_alone(LeftAlone::FilteredOut, 1);
            return Ok(());
        }
        let deletes = context.index.for_file(&context.table, file);
        let is_rewritten = context.replaces.contains(&file.added_snapshot_id);
        let facts = FileFacts::new(&context.policy, file, &deletes, is_rewritten);
        match judge(&context.policy, &facts) {
            Verdict::LeftAlone(reason) => found.leave_alone(reason, 1),
            Verdict::Candidate(reason) => {
                let order = entry.file_in(manifest).order;
                let file = Arc::new(FileEntry { metrics: self.no_metrics.clone(), order, ..file.clone() });
                let live_bytes = facts.live_bytes();
                found.candidates.push(Candidate { file, deletes, reason, live_bytes, is_rewritten });
            }
        }
        Ok(())
    }
}
