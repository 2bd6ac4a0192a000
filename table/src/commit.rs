//! Changes to tables: the only place that writes metadata and moves a table's pointer.

mod create;
pub(crate) mod document;
pub(crate) mod metadata_file;
pub mod target;
pub mod update;

pub use create::NewTable;
