//! Which groups are worth rewriting.

use super::{Policy, expected_files};
use crate::candidate::Candidate;
use crate::{GroupReason, InputReason, LeftAlone};

/// Why a group is worth rewriting, or why it is left alone.
///
/// Sizes alone are a reason only if there are fewer files afterwards: two files that do not fit into one would come out
/// as two files again, in every run. Sizes after a rewrite are estimates, so that files which are all outputs of rewrites
/// have to become half as many.
pub(super) fn choose(policy: &Policy, bin: &[Candidate]) -> Result<GroupReason, LeftAlone> {
    let has = |reasons: &[InputReason]| bin.iter().any(|candidate| reasons.contains(&candidate.reason));
    if has(&[InputReason::All]) {
        return Ok(GroupReason::All);
    }
    if has(&[InputReason::ManyDeletes, InputReason::DeleteRatio]) {
        return Ok(GroupReason::Deletes);
    }
    if has(&[InputReason::Large]) {
        return Ok(GroupReason::LargeFile);
    }
    let n_files = bin.len() as u64;
    let live_bytes: u64 = bin.iter().map(|candidate| candidate.live_bytes).sum();
    let has_enough_files = bin.len() >= policy.min_input_files;
    let has_enough_bytes = live_bytes > policy.sizes.target;
    if n_files < 2 || !(has_enough_files || has_enough_bytes) {
        return Err(LeftAlone::TooFewFiles);
    }
    let n_expected = expected_files(&policy.sizes, live_bytes);
    let are_all_rewritten = bin.iter().all(|candidate| candidate.is_rewritten);
    if n_expected >= n_files || (are_all_rewritten && n_expected.saturating_mul(2) > n_files) {
        return Err(LeftAlone::NothingGained);
    }
    Ok(if has_enough_files { GroupReason::EnoughFiles } else { GroupReason::EnoughBytes })
}
