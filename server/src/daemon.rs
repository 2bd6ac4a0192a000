//! Compaction of tables by schedule: when which table is compacted is decided in `scheduler`, and done in `driver`.
//!
//! Decisions are plain functions of what was seen and of the time that is given: [`Schedule`], [`Windows`] and the rules
//! of tables, and the scheduler, which is told what happened and says what is to be done. The driver looks at tables,
//! takes the lease of a table, has it compacted, and keeps the history.

mod driver;
mod error;
mod fair;
mod handle;
mod history;
mod lease;
mod look;
mod pattern;
mod policy;
mod record;
mod run;
mod schedule;
mod scheduler;
mod settings;
mod stop;

pub use driver::{Daemon, DaemonParts};
pub use error::DaemonError;
pub use handle::{DaemonHandle, Wait};
pub use pattern::TablePatterns;
pub use record::{RunRecord, RunState, Trigger};
pub use schedule::{Schedule, Windows};
pub use scheduler::{DaemonStatus, TableStatus};
pub use settings::{DaemonSettings, GroupSettings, Share, Triggers};
