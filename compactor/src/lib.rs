//! From small files and deletes to rewritten files.
//!
//! One run is [`plan`](plan()) (which files of one pinned snapshot are worth rewriting together: pure functions in
//! `policy`), [`rewrite_group`] for each file group, and a commit of what was rewritten. Groups, their results and what
//! the commit makes of them are plain values, so that a group can be rewritten anywhere.

mod candidate;
mod commit;
mod duplicates;
mod options;
mod plan;
mod planner;
mod policy;
mod report;
mod result;
mod rewrite;
mod run;
#[cfg(test)]
mod testing;

pub use commit::{CommittedGroups, GroupsCommit, commit_groups};
pub use options::{CompactionOptions, JobOrder, OnConflict, OutputSequenceNumber, PartialProgress, SortRows, Verify};
pub use plan::{
    CompactionPlan, FileGroup, GroupChoice, GroupInput, GroupReason, InputReason, LeftAlone, PartitionPlan, PlanBase,
    PlanCost,
};
pub use planner::plan;
pub use report::{CompactionReport, GroupOutcome, GroupReport};
pub use result::{GroupResult, MappedInput, RowMap};
pub use rewrite::{RewriteSettings, rewrite_group};
pub use run::{Progress, compact};

/// What every fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, frazil_table::TableError>;
