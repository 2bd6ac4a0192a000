//! Changes to tables: the only place that writes metadata and moves a table's pointer.

pub mod target;
pub mod update;
