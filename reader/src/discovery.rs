//! How new snapshots of a table are found: when to look, and what to read of many at once.

mod backlog;

pub(crate) use backlog::PlannedBacklog;
