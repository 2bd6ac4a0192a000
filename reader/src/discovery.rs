//! How new snapshots of a table are found: when to look, and what to read of many at once.
//!
//! `pace` decides when a table is looked at, and `budget` how many requests a catalog gets for all of its tables; both
//! are pure. `watch` is what looks. Whoever knows of a commit gives a hint ([`Hints`]), upon which the table is looked
//! at, and nothing more. `backlog` is what many snapshots at once cost: one manifest list.

mod backlog;
mod budget;
mod pace;
mod watch;

pub(crate) use backlog::PlannedBacklog;
pub use budget::{DEFAULT_REQUESTS_PER_SECOND, RequestBudget};
pub use pace::{DEFAULT_INTERVAL_MAX, FAILURE_PAUSE_MAX, Pace, PaceEvent, pause_after};
pub use watch::{CatalogWatch, Hints, Looked, TableWatch, WatchSettings};
