//! What all services stand on: tables by name, each watched once for all who ask, and consumer groups.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use frazil_reader::discovery::{CatalogWatch, TableWatch, WatchSettings};
use frazil_reader::groups::{Group, GroupKey, GroupStore};
use frazil_table::{Clock, Table};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::daemon::DaemonHandle;
use crate::flight::tickets::Tickets;
use crate::metrics::Metrics;
use crate::status::{invalid, of_group, of_table, status};
use crate::tables::TableResolver;

/// Longest name of a table that is looked up.
const TABLE_BYTES_MAX: usize = 4_096;

/// What clients may ask for, and for how long they are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Streams of rows at the same time.
    pub streams_max: usize,
    /// Memory that delete sets, before images and decoded batches of one stream may take together.
    pub stream_memory_bytes: u64,
    /// A ticket is good for so long.
    pub ticket_time_to_live: Duration,
    /// A client that has taken nothing for so long is dropped; what it was sent last says where to go on.
    pub stall_timeout: Duration,
    /// A stream that has nothing to say says so at this interval.
    pub heartbeat_interval: Duration,
    /// Catalogs and stores may fail for so long, in a row, before a stream that follows a table ends.
    pub retry_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams_max: 1_024,
            stream_memory_bytes: 64 * 1024 * 1024,
            ticket_time_to_live: Duration::from_secs(3_600),
            stall_timeout: Duration::from_secs(300),
            heartbeat_interval: Duration::from_secs(10),
            retry_timeout: Duration::from_secs(600),
        }
    }
}

/// What a service stands on.
#[derive(Debug)]
pub struct ServiceParts {
    /// Finds tables.
    pub tables: Arc<dyn TableResolver>,
    /// How often they are looked at.
    pub watching: WatchSettings,
    /// Where the positions of groups are kept.
    pub groups: Arc<dyn GroupStore>,
    /// Signs tickets: they are good with every server that has the same key.
    pub tickets: Tickets,
    /// What clients may ask for.
    pub limits: Limits,
    /// Who keeps positions, for people.
    pub owner: String,
    /// Who compacts tables; without it nobody does.
    pub daemon: Option<DaemonHandle>,
    /// For waiting, and for the time of day.
    pub clock: Arc<dyn Clock>,
}

/// Tables and consumer groups, as requests name them. Clones are the same.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    resolver: Arc<dyn TableResolver>,
    watches: CatalogWatch,
    groups: Arc<dyn GroupStore>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    tickets: Tickets,
    streams: Arc<Semaphore>,
    stopping: CancellationToken,
    owner: String,
    metrics: Arc<Metrics>,
    daemon: Option<DaemonHandle>,
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Service").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}

impl Service {
    /// Nothing is looked at yet.
    pub fn new(parts: ServiceParts) -> Self {
        let ServiceParts { tables: resolver, watching, groups, tickets, limits, owner, daemon, clock } = parts;
        let watches = CatalogWatch::new(watching, clock.clone());
        let streams = Arc::new(Semaphore::new(limits.streams_max));
        let (stopping, metrics) = (CancellationToken::new(), Arc::default());
        let inner =
            Inner { resolver, watches, groups, clock, limits, tickets, streams, stopping, owner, metrics, daemon };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.inner.limits
    }

    /// When a ticket that is given now expires, milliseconds since the epoch.
    pub(crate) fn ticket_expires_at_ms(&self) -> i64 {
        let time_to_live_ms = i64::try_from(self.inner.limits.ticket_time_to_live.as_millis()).unwrap_or(i64::MAX);
        self.inner.clock.now_ms().saturating_add(time_to_live_ms)
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    pub(crate) fn tickets(&self) -> &Tickets {
        &self.inner.tickets
    }

    pub(crate) fn resolver(&self) -> &Arc<dyn TableResolver> {
        &self.inner.resolver
    }

    pub(crate) fn groups(&self) -> &dyn GroupStore {
        self.inner.groups.as_ref()
    }

    pub(crate) fn streams(&self) -> &Arc<Semaphore> {
        &self.inner.streams
    }

    /// Who compacts tables.
    pub(crate) fn daemon(&self) -> Option<&DaemonHandle> {
        self.inner.daemon.as_ref()
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.inner.metrics
    }

    /// Who keeps positions, for people.
    pub(crate) fn owner(&self) -> &str {
        &self.inner.owner
    }

    /// Set when the server is to end: streams then end too.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
    }

    /// Ends all streams that there are and that come, so that their clients go on elsewhere.
    pub fn stop(&self) {
        self.inner.stopping.cancel();
    }

    /// A table, watched from now on for as long as the answer is kept.
    pub(crate) async fn watch(&self, table: &str) -> Result<TableWatch, Status> {
        Ok(self.watch_named(table).await?.1)
    }

    /// As [`Service::watch`], with the full name of the table, however it was named.
    pub(crate) async fn watch_named(&self, table: &str) -> Result<(String, TableWatch), Status> {
        let source = self.inner.resolver.source(table_name(table)?).await.map_err(|error| of_table(&error))?;
        let name = source.name().to_owned();
        let watch = self.inner.watches.load(source).await.map_err(|error| of_table(&error))?;
        Ok((name, watch))
    }

    /// A table as it is now.
    pub(crate) async fn table(&self, table: &str) -> Result<Table, Status> {
        let mut watch = self.watch(table).await?;
        watch.look().await.map_err(|error| of_table(&error))
    }

    /// A group of a table; `None` if it is not there.
    pub(crate) async fn group(&self, name: &str, table: &Table) -> Result<Option<Group>, Status> {
        let key = group_key(name, table)?;
        self.groups().load(&key).await.map_err(|error| of_group(&error))
    }

    /// A group of a table, which must be there.
    pub(crate) async fn known_group(&self, name: &str, table: &Table) -> Result<Group, Status> {
        self.group(name, table).await?.ok_or_else(|| {
            let message = format!(
                "group `{name}` of table `{}` is not there; it is made when its first position is committed",
                table.name()
            );
            status(Code::NotFound, "GROUP_NOT_FOUND", &message, frazil_table::Advice::FixRequest)
        })
    }
}

pub(crate) fn group_key(name: &str, table: &Table) -> Result<GroupKey, Status> {
    GroupKey::new(name, table.metadata().uuid()).map_err(|error| of_group(&error))
}

fn table_name(table: &str) -> Result<&str, Status> {
    if table.is_empty() {
        return Err(invalid("`table` is empty; name the table as catalog.namespace.table"));
    }
    if table.len() > TABLE_BYTES_MAX {
        return Err(invalid(format!("`table` is longer than {TABLE_BYTES_MAX} bytes, which no name is")));
    }
    Ok(table)
}
