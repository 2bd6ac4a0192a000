//! A run that is stopped while a commit of it is at the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use frazil_server::daemon::{DaemonSettings, RunState, Wait};
use frazil_server::tables::TableResolver;
use frazil_table::catalog::TableSource;
use frazil_table::commit::PendingCommit;
use frazil_table::commit::target::{CommitBase, CommitTarget, SwapAnswer};
use frazil_table::commit::update::{MetadataUpdate, Requirement};
use frazil_table::{Result, Table, TableError};
use tokio::sync::Semaphore;

use super::{Folders, Site, one_table};

/// Holds back the answer to each swap after it was made.
#[derive(Debug)]
struct Gate {
    made: Semaphore,
    answers: Semaphore,
}

#[derive(Debug)]
struct Gated<T> {
    inner: T,
    gate: Arc<Gate>,
}

#[async_trait]
impl TableResolver for Gated<Folders> {
    async fn source(&self, table: &str) -> std::result::Result<Arc<dyn TableSource>, TableError> {
        let inner = self.inner.source(table).await?;
        Ok(Arc::new(Gated { inner, gate: self.gate.clone() }))
    }

    async fn list(&self) -> std::result::Result<Vec<String>, TableError> {
        self.inner.list().await
    }
}

#[async_trait]
impl TableSource for Gated<Arc<dyn TableSource>> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn load(&self) -> Result<Table> {
        self.inner.load().await
    }

    async fn load_if_changed(&self, current: &Table) -> Result<Option<Table>> {
        self.inner.load_if_changed(current).await
    }

    async fn commit_target(self: Arc<Self>) -> Result<Arc<dyn CommitTarget>> {
        let inner = self.inner.clone().commit_target().await?;
        Ok(Arc::new(Gated { inner, gate: self.gate.clone() }))
    }
}

#[async_trait]
impl CommitTarget for Gated<Arc<dyn CommitTarget>> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn lock_name(&self) -> String {
        self.inner.lock_name()
    }

    async fn load(&self) -> Result<CommitBase> {
        self.inner.load().await
    }

    async fn swap(&self, base: &CommitBase, updates: &[MetadataUpdate], requirements: &[Requirement]) -> SwapAnswer {
        let answer = self.inner.swap(base, updates, requirements).await;
        self.gate.made.add_permits(1);
        self.gate.answers.acquire().await.unwrap().forget();
        answer
    }

    fn is_superseded(&self, pending: &PendingCommit, now: &CommitBase) -> bool {
        self.inner.is_superseded(pending, now)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_at_the_catalog_is_seen_through() {
    let site = Site::new().await;
    let rows = site.lab.rows().await;
    let gate = Arc::new(Gate { made: Semaphore::new(0), answers: Semaphore::new(0) });
    let tables = Gated { inner: site.tables(), gate: gate.clone() };
    let daemon = site.daemon_of(Arc::new(tables), one_table(&DaemonSettings::default())).await;
    let handle = daemon.handle();
    let run = handle.run("db.t", BTreeMap::new(), Wait::ForQueue).await.unwrap();
    gate.made.acquire().await.unwrap().forget();
    handle.cancel(&run.run_id).await.unwrap();
    for _ in 0..100 {
        assert_eq!(handle.status().await.unwrap().runs.len(), 1, "it waits for the answer");
    }
    gate.answers.add_permits(1);
    let ended = site.until_ended(&handle, 1).await;
    let head = site.lab.table().await.metadata().current_snapshot_id();
    assert!(matches!(ended[0].state, RunState::Succeeded | RunState::Cancelled), "{ended:?}");
    assert_eq!(ended[0].work.snapshot_ids.last().copied(), head, "what was committed is told: {ended:?}");
    assert_eq!((site.n_files().await, site.lab.rows().await), (1, rows));
    daemon.stop().await;
}
