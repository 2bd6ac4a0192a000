//! Scans that several consumers of one table and branch share: rows are decoded once, and each consumer gets its own
//! columns, filter and kinds of changes of them.
//!
//! A consumer gets the very events that a stream of its own would give, though the batches may be others. Inside, `group`
//! decides who shares what and who waits for whom, `needs` what has to be read for several, `hub` reads for all who
//! share a scan, `member` is the consumer's end, and `view` makes its batches out of those of the scan.

mod group;
mod hub;
mod member;
mod needs;
mod view;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use frazil_table::TableError;
use uuid::Uuid;

pub(crate) use self::group::{Boundary, PathStep};
use self::hub::Handle;
pub use self::member::{Next, SharedStream};
pub(crate) use self::needs::{Needs, Union};
use crate::Result;
use crate::discovery::TableWatch;
use crate::options::{Mode, OnExpired, OnRollback, ReadOptions};
use crate::position::Config;
use crate::stream::{ChangeStream, follow_changes, read_changes};

/// Default of [`SharedSettings::buffer_bytes_max`]: a third of a second of decoding on one core.
pub const DEFAULT_BUFFER_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How scans are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedSettings {
    /// Decoded bytes of one scan that wait for the slowest consumer. Whoever falls further behind goes on alone.
    pub buffer_bytes_max: u64,
}

impl Default for SharedSettings {
    fn default() -> Self {
        Self { buffer_bytes_max: DEFAULT_BUFFER_BYTES_MAX }
    }
}

/// Whether a consumer shares scans with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// Where no value is decoded that none of the consumers asks for: all want the same rows, or those who want fewer
    /// rows ask for no column that the others do not ask for.
    #[default]
    Auto,
    /// Wherever another consumer reads the same snapshots.
    Always,
    /// Not at all.
    Never,
}

/// What came of sharing so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SharedStats {
    /// Scans that are shared now.
    pub n_groups: u64,
    /// Consumers that share one of them now.
    pub n_members: u64,
    /// Batches that shared scans have decoded.
    pub n_decoded_batches: u64,
    /// Batches that consumers have got out of shared scans.
    pub n_shared_batches: u64,
    /// Batches that consumers have got out of scans of their own.
    pub n_private_batches: u64,
    /// Times that a consumer of a shared scan went on alone: it was too slow, or the scan failed.
    pub n_detached: u64,
    /// Times that a consumer came to share a scan.
    pub n_merged: u64,
}

/// Counts for [`SharedStats`].
#[derive(Debug, Default)]
struct Counters {
    n_decoded_batches: AtomicU64,
    n_shared_batches: AtomicU64,
    n_private_batches: AtomicU64,
    n_detached: AtomicU64,
    n_merged: AtomicU64,
}

fn count(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

/// The shared scans of a process. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct SharedScans {
    registry: Arc<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    settings: SharedSettings,
    groups: Mutex<Vec<(GroupKey, Weak<Handle>)>>,
    counters: Arc<Counters>,
}

/// What consumers have in common that can share a scan. The rest of what they read by is the place where they stand
/// ([`Boundary`]).
#[derive(Debug, Clone, PartialEq, Eq)]
struct GroupKey {
    table_uuid: Uuid,
    /// Copies of a table have one uuid.
    location: String,
    name: String,
    branch: String,
    config: Config,
    /// Those that are read.
    lanes: Range<u16>,
    is_key_named: bool,
    pinned_schema_id: Option<i32>,
    on_expired: OnExpired,
    on_rollback: OnRollback,
    batch_rows: usize,
}

impl GroupKey {
    fn of(stream: &ChangeStream) -> Self {
        let (table, options) = (stream.table(), stream.options());
        Self {
            table_uuid: table.metadata().uuid(),
            location: table.metadata().location().to_owned(),
            name: table.name().to_owned(),
            branch: options.branch.clone(),
            config: Config::of(options, stream.lanes()),
            lanes: stream.lanes().range.clone(),
            is_key_named: options.key.is_some(),
            pinned_schema_id: stream.pinned_schema_id(),
            on_expired: options.on_expired,
            on_rollback: options.on_rollback,
            batch_rows: options.batch_rows,
        }
    }
}

impl SharedScans {
    /// No scan is shared yet.
    pub fn new(settings: SharedSettings) -> Self {
        Self { registry: Arc::new(Registry { settings, ..Registry::default() }) }
    }

    /// Opens the changes of the newest state that `watch` knows, and with `follow` of those that come. Must be called
    /// within the tokio runtime on which shared scans are to run.
    ///
    /// The stream reads alone until it stands between two snapshots where others stand, or where a shared scan stood
    /// lately. Until its end is known, a stream that follows a table to an end reads alone. A stream of [`Mode::Net`],
    /// which has no place between two snapshots, always does.
    ///
    /// # Errors
    /// As for [`read_changes`], or with `follow` [`follow_changes`]; [`TableError::InvalidRequest`] for
    /// [`Sharing::Always`] with [`Mode::Net`].
    pub async fn open(
        &self,
        watch: TableWatch,
        options: ReadOptions,
        follow: bool,
        sharing: Sharing,
    ) -> Result<SharedStream> {
        let sharing = match (options.mode, sharing) {
            (Mode::Net, Sharing::Always) => {
                return Err(TableError::invalid(
                    "mode `net` delivers a range as a whole, which cannot be shared; share by rule, or not at all",
                )
                .into());
            }
            (Mode::Net, _) => Sharing::Never,
            _ => sharing,
        };
        let table = watch.newest();
        let stream = match follow {
            true => follow_changes(&table, options).await?,
            false => read_changes(&table, options).await?,
        };
        Ok(SharedStream::new(self.clone(), stream, watch, follow, sharing))
    }

    /// What came of sharing so far.
    pub fn stats(&self) -> SharedStats {
        let Registry { groups, counters, .. } = &*self.registry;
        let mut stats = SharedStats {
            n_decoded_batches: counters.n_decoded_batches.load(Ordering::Relaxed),
            n_shared_batches: counters.n_shared_batches.load(Ordering::Relaxed),
            n_private_batches: counters.n_private_batches.load(Ordering::Relaxed),
            n_detached: counters.n_detached.load(Ordering::Relaxed),
            n_merged: counters.n_merged.load(Ordering::Relaxed),
            ..SharedStats::default()
        };
        let groups: Vec<Arc<Handle>> = {
            let groups = groups.lock().unwrap_or_else(PoisonError::into_inner);
            groups.iter().filter_map(|(_, group)| group.upgrade()).collect()
        };
        for n_sharing in groups.iter().map(|group| group.n_sharing()).filter(|n_sharing| *n_sharing > 0) {
            stats.n_groups += 1;
            stats.n_members += n_sharing as u64;
        }
        stats
    }

    fn counters(&self) -> &Counters {
        &self.registry.counters
    }

    /// The group that a stream belongs to.
    fn group_of(&self, stream: &ChangeStream) -> Arc<Handle> {
        let key = GroupKey::of(stream);
        let mut groups = self.registry.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let known = groups.iter().find(|(other, _)| *other == key).and_then(|(_, group)| group.upgrade());
        known.unwrap_or_else(|| {
            groups.retain(|(_, group)| group.strong_count() > 0);
            let Registry { settings, counters, .. } = &*self.registry;
            let group = Arc::new(Handle::new(settings.buffer_bytes_max, counters.clone()));
            groups.push((key, Arc::downgrade(&group)));
            group
        })
    }
}
