//! When a table is due next, and why.

use super::entry::Entry;
use crate::daemon::record::Trigger;

/// When a run of the table is due, which may have been before `now_ms`, and why; `None` if nothing makes it due.
pub(super) fn due(entry: &Entry, now_ms: i64) -> Option<(i64, Trigger)> {
    let rule = entry.rule.as_ref().filter(|rule| rule.is_enabled)?;
    let scheduled = || {
        let at_ms = rule.schedule.as_ref()?.next_after(entry.anchor_ms.unwrap_or(now_ms))?;
        Some((at_ms, Trigger::Schedule))
    };
    let (at_ms, trigger) = match (entry.retry, triggered(entry), scheduled()) {
        // A pause after a failure, or a rest, goes over everything else.
        (Some(retry), _, _) => (retry.at_ms, retry.trigger),
        (None, Some(triggered), Some(scheduled)) if scheduled.0 <= triggered.0 => scheduled,
        (None, Some(triggered), _) => triggered,
        (None, None, scheduled) => scheduled?,
    };
    // Whether the window was open when it came to be due does not matter any more.
    let open_ms = rule.windows.next_open(at_ms.max(now_ms));
    Some((if open_ms == now_ms { at_ms } else { open_ms }, trigger))
}

/// When it was seen that enough has come for a trigger, and for which.
fn triggered(entry: &Entry) -> Option<(i64, Trigger)> {
    let (growth, seen_ms) = entry.growth?;
    let limits = entry.rule.as_ref()?.triggers;
    let reached = [
        (Trigger::Commits, limits.commits, growth.n_commits),
        (Trigger::Files, limits.files, growth.n_files),
        (Trigger::Bytes, limits.bytes, growth.n_bytes),
        (Trigger::Deletes, limits.deletes, growth.n_deletes),
    ];
    let first = reached.into_iter().find(|(_, limit, n)| limit.is_some_and(|limit| *n >= limit));
    first.map(|(trigger, ..)| (seen_ms, trigger))
}
