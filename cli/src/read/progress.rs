//! The position of a consumer group, kept as what was read has been written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use frazil_lock::Holder;
use frazil_reader::groups::{Group, GroupClaim, GroupKey, GroupStore};
use frazil_reader::{ChangeStream, From};
use frazil_table::Table;

use crate::clock;
use crate::error::CliError;
use crate::settings::Settings;

/// Between two positions that are kept, where no snapshot ends.
const INTERVAL: Duration = Duration::from_secs(1);

/// A group that this process reads for.
#[derive(Debug)]
pub(super) struct Progress {
    store: Arc<dyn GroupStore>,
    /// Others are kept from reading for it.
    _claim: Box<dyn GroupClaim>,
    group: Group,
    /// What is written is there at once, and not at the end only.
    is_written_at_once: bool,
    kept_at: Instant,
}

impl Progress {
    /// Takes the group, and says where it goes on: `None` if it has not begun.
    ///
    /// # Errors
    /// [`GroupError::Busy`](frazil_reader::groups::GroupError::Busy) if another process reads for it.
    #[expect(clippy::disallowed_methods, reason = "how often a position is kept depends on the time that passes")]
    pub(super) async fn begin(
        name: &str,
        table: &Table,
        settings: &Settings,
        is_written_at_once: bool,
    ) -> Result<(Self, Option<From>), CliError> {
        let key = GroupKey::new(name, table.metadata().uuid())?;
        let store = settings.positions().open()?;
        let now_ms = clock::now_ms();
        let owner = owner(now_ms);
        let claim = store.claim(&key, &owner).await?;
        let kept = store.load(&key).await?;
        let from = match &kept {
            Some(group) => Some(From::Position(Box::new(group.position().map_err(frazil_reader::ReadError::from)?))),
            None => None,
        };
        let version = kept.as_ref().map_or(0, |group| group.version);
        let group = Group {
            name: name.to_owned(),
            table_uuid: key.table_uuid(),
            table: table.name().to_owned(),
            position: kept.map(|group| group.position).unwrap_or_default(),
            version,
            updated_at_ms: now_ms,
            owner,
            time_to_live_ms: settings
                .positions()
                .time_to_live()
                .map(|time| time.as_millis().try_into().unwrap_or(u64::MAX)),
        };
        let progress = Self { store, _claim: claim, group, is_written_at_once, kept_at: Instant::now() };
        Ok((progress, from))
    }

    /// What has been given to the output is there for whoever reads it.
    pub(super) fn is_written_at_once(&self) -> bool {
        self.is_written_at_once
    }

    /// To be called when what the stream gave last has been written. Keeps the position at the end of a snapshot, and
    /// else from time to time.
    ///
    /// # Errors
    /// What the store gives.
    pub(super) async fn after(&mut self, stream: &ChangeStream, is_end: bool) -> Result<(), CliError> {
        if self.is_written_at_once && (is_end || self.kept_at.elapsed() >= INTERVAL) {
            self.keep(stream).await?;
        }
        Ok(())
    }

    /// Keeps the position where the stream stands: all that it gave has been written for good.
    ///
    /// # Errors
    /// As [`Progress::after`].
    #[expect(clippy::disallowed_methods, reason = "how often a position is kept depends on the time that passes")]
    pub(super) async fn keep(&mut self, stream: &ChangeStream) -> Result<(), CliError> {
        let Some(position) = stream.position() else { return Ok(()) };
        self.kept_at = Instant::now();
        let position = position.to_string();
        if position == self.group.position {
            return Ok(());
        }
        let version = self.group.version.saturating_add(1);
        let group = Group { position, version, updated_at_ms: clock::now_ms(), ..self.group.clone() };
        self.store.store(&group).await?;
        self.group = group;
        Ok(())
    }
}

/// Who reads, for people.
pub(crate) fn owner(now_ms: i64) -> String {
    Holder::of_this_process("frazil", "read", now_ms).to_string()
}
