//! The atomic step of catalogs against services that run, also where their answer is lost.

#[path = "../contract/commits.rs"]
mod contract;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use frazil_table::catalog::{
    Catalog, CatalogConfig, CatalogKind, TableLocator, TableName, TableSource, create_table, open_catalog, table_source,
};
use frazil_table::commit::target::SwapAnswer;
use frazil_table::commit::{NewTable, PendingCommit};
use frazil_table::storage::Storage;
use frazil_table::{SystemClock, TableError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::contract::{Subject, assert_refused, made, snapshot, target, unmoved};
use crate::catalogs::{self, own_namespace};
use crate::service::{host_and_port, s3_storage, service};

crate::commit_contract! {
    of_rest => super::Rest::new(),
    of_postgres => super::Postgres::new(),
    of_folders_on_s3 => super::Folders::on_s3(),
}

crate::commit_contract_of!(
    committers_of_rest,
    super::Rest::new(),
    many_commit_at_once_and_every_acknowledged_commit_is_there_once,
);
crate::commit_contract_of!(
    committers_of_postgres,
    super::Postgres::new(),
    many_commit_at_once_and_every_acknowledged_commit_is_there_once,
);
crate::commit_contract_of!(
    committers_of_folders_on_s3,
    super::Folders::on_s3(),
    many_commit_at_once_and_every_acknowledged_commit_is_there_once,
);

#[cfg(feature = "hdfs")]
crate::commit_contract! {
    of_folders_on_hdfs => super::Folders::on_hdfs(),
}
#[cfg(feature = "hdfs")]
crate::commit_contract_of!(
    committers_of_folders_on_hdfs,
    super::Folders::on_hdfs(),
    many_commit_at_once_and_every_acknowledged_commit_is_there_once,
);

async fn open(kind: CatalogKind, properties: &[(&str, &str)]) -> Arc<dyn Catalog> {
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let config = CatalogConfig { name: "test".to_owned(), kind, properties };
    open_catalog(config, &Storage::local(), Arc::new(SystemClock)).await.unwrap()
}

/// Iceberg's own REST server, or what stands before it.
struct Rest {
    server: catalogs::Rest,
    uri: String,
}

impl Rest {
    async fn new() -> Self {
        let server = catalogs::Rest::new().await;
        Self { uri: server.uri.clone(), server }
    }

    fn name(&self, table: &str) -> TableName {
        TableName { namespace: vec![self.server.namespace.clone()], table: table.to_owned() }
    }

    async fn catalog(&self) -> Arc<dyn Catalog> {
        open(CatalogKind::Rest, &[("uri", &self.uri)]).await
    }
}

#[async_trait::async_trait]
impl Subject for Rest {
    async fn create(&self, table: &str, new: NewTable) -> Result<(), TableError> {
        self.catalog().await.create_table(&self.name(table), new).await
    }

    async fn source(&self, table: &str) -> Arc<dyn TableSource> {
        self.catalog().await.table_source(self.name(table))
    }

    fn storage(&self) -> Option<Storage> {
        None
    }
}

/// A catalog of its own in a Postgres database.
struct Postgres {
    uri: String,
    catalog: String,
    folder: TempDir,
}

impl Postgres {
    async fn new() -> Self {
        let uri = service("FRAZIL_TEST_POSTGRES_URI");
        Self { uri, catalog: own_namespace(), folder: tempfile::tempdir().unwrap() }
    }

    async fn catalog(&self) -> Arc<dyn Catalog> {
        let warehouse = self.folder.path().to_str().unwrap();
        let properties = [("uri", self.uri.as_str()), ("catalog-name", &self.catalog), ("warehouse", warehouse)];
        open(CatalogKind::Sql, &properties).await
    }

    fn name(table: &str) -> TableName {
        TableName { namespace: vec!["db".to_owned()], table: table.to_owned() }
    }
}

#[async_trait::async_trait]
impl Subject for Postgres {
    async fn create(&self, table: &str, new: NewTable) -> Result<(), TableError> {
        self.catalog().await.create_table(&Self::name(table), new).await
    }

    async fn source(&self, table: &str) -> Arc<dyn TableSource> {
        self.catalog().await.table_source(Self::name(table))
    }

    fn storage(&self) -> Option<Storage> {
        Some(Storage::local())
    }
}

/// Tables without a catalog in a store over the network, where a file is created only if there is none.
struct Folders {
    storage: Storage,
    folder: String,
}

impl Folders {
    async fn on_s3() -> Self {
        Self { storage: s3_storage(), folder: format!("s3://warehouse/commits/{}", own_namespace()) }
    }

    #[cfg(feature = "hdfs")]
    async fn on_hdfs() -> Self {
        let folder = format!("{}/commits/{}", service("FRAZIL_TEST_HDFS_URI"), own_namespace());
        Self { storage: crate::service::hdfs_storage(), folder }
    }

    fn locator(&self, table: &str) -> TableLocator {
        TableLocator::Path(format!("{}/{table}", self.folder))
    }
}

#[async_trait::async_trait]
impl Subject for Folders {
    async fn create(&self, table: &str, new: NewTable) -> Result<(), TableError> {
        create_table(&self.locator(table), &self.storage, new).await
    }

    async fn source(&self, table: &str) -> Arc<dyn TableSource> {
        table_source(&self.locator(table), &self.storage)
    }

    fn storage(&self) -> Option<Storage> {
        Some(self.storage.clone())
    }
}

/// Stands before a service and, once it is armed, closes the connection in place of an answer: that to the request
/// which contains `trigger`, after `n_passed` answers have passed since it came.
struct LosesAnswers {
    address: String,
    is_armed: Arc<AtomicBool>,
}

impl LosesAnswers {
    async fn start(service: String, trigger: &'static str, n_passed: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let is_armed = Arc::new(AtomicBool::new(false));
        let armed = is_armed.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&service).await.unwrap();
                tokio::spawn(pass(client, server, armed.clone(), trigger, n_passed));
            }
        });
        Self { address, is_armed }
    }
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    armed: Arc<AtomicBool>,
    trigger: &'static str,
    n_passed: usize,
) -> Option<()> {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut n_answers = None;
    loop {
        tokio::select! {
            n_bytes = client.read(&mut asked) => {
                let n_bytes = n_bytes.ok().filter(|n_bytes| *n_bytes > 0)?;
                let has_trigger = asked[..n_bytes].windows(trigger.len()).any(|text| text == trigger.as_bytes());
                if has_trigger && armed.load(Ordering::Relaxed) {
                    n_answers = Some(0);
                }
                server.write_all(&asked[..n_bytes]).await.ok()?;
            }
            n_bytes = server.read(&mut answered) => {
                let n_bytes = n_bytes.ok().filter(|n_bytes| *n_bytes > 0)?;
                match &mut n_answers {
                    Some(n_answers) if *n_answers == n_passed => return None,
                    Some(n_answers) => *n_answers += 1,
                    None => {}
                }
                client.write_all(&answered[..n_bytes]).await.ok()?;
            }
        }
    }
}

/// The commit is made, its answer is lost, and the state tells.
async fn answer_is_lost(subject: &dyn Subject, proxy: &LosesAnswers) {
    let table = made(subject, "lost").await;
    let base = table.load().await.unwrap();
    proxy.is_armed.store(true, Ordering::Relaxed);
    let answer = table.swap(&base, &snapshot(&base, 21), &unmoved(&base)).await;
    proxy.is_armed.store(false, Ordering::Relaxed);
    assert!(matches!(answer, SwapAnswer::Unknown(TableError::Catalog { .. })), "{answer:?}");
    let now = target(subject, "lost").await.load().await.unwrap();
    assert_eq!(now.table.metadata().current_snapshot_id(), Some(21));
    assert!(table.is_superseded(&PendingCommit::new(&base, "main", "x"), &now));
    assert_refused(&table.swap(&base, &snapshot(&base, 22), &unmoved(&base)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_rest_server_that_is_lost_leaves_the_outcome_unknown() {
    let mut rest = Rest::new().await;
    let proxy = LosesAnswers::start(host_and_port(&rest.uri).to_owned(), "add-snapshot", 0).await;
    rest.uri = format!("http://{}", proxy.address);
    answer_is_lost(&rest, &proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_postgres_that_is_lost_leaves_the_outcome_unknown() {
    let mut postgres = Postgres::new().await;
    let service = host_and_port(&postgres.uri).to_owned();
    // The first answer is to the statement's preparation.
    let proxy = LosesAnswers::start(service.clone(), "UPDATE iceberg_tables", 1).await;
    postgres.uri = postgres.uri.replace(&service, &proxy.address);
    answer_is_lost(&postgres, &proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_before_the_commit_has_not_made_it() {
    let postgres = Postgres::new().await;
    let table = made(&postgres, "t").await;
    let base = table.load().await.unwrap();
    let away = Postgres { uri: "postgresql://frazil:secret@127.0.0.1:9/catalog".to_owned(), ..postgres };
    assert!(matches!(away.source("t").await.commit_target().await, Err(TableError::Catalog { .. })));
    drop((table, base));
}

/// What one writes, the other reads and goes on with: Iceberg's Java library behind the REST server.
#[tokio::test(flavor = "multi_thread")]
async fn java_goes_on_from_metadata_that_was_written_here() {
    let rest = Rest::new().await;
    let folder = tempfile::tempdir().unwrap();
    let place = format!("{}/java", folder.path().display());
    for version in [1, 2, 3] {
        let path = format!("{place}{version}");
        let locator = TableLocator::Path(path.clone());
        create_table(&locator, &Storage::local(), contract::new_table(version)).await.unwrap();
        let here = table_source(&locator, &Storage::local()).commit_target().await.unwrap();
        for id in [1, 2] {
            let base = here.load().await.unwrap();
            let mut updates = snapshot(&base, id);
            if version == 1
                && let frazil_table::commit::update::MetadataUpdate::AddSnapshot(snapshot) = &mut updates[0]
            {
                snapshot.as_object_mut().unwrap().remove("sequence-number");
            }
            contract::assert_swapped(&here.swap(&base, &updates, &unmoved(&base)).await);
        }
        let name = rest.name(&format!("java{version}"));
        let location = format!("{path}/metadata/v3.metadata.json");
        catalogs::contract::Subject::register(&rest.server, &name, &location).await;
        let there = rest.catalog().await.table_source(name).commit_target().await.unwrap();
        let base = there.load().await.unwrap();
        assert_eq!(base.table.metadata().current_snapshot_id(), Some(2));
        let updates = [contract::properties(&[("from", "here")])];
        contract::assert_swapped(&there.swap(&base, &updates, &unmoved(&base)).await);
        let after = there.load().await.unwrap();
        let history: Vec<i64> = after.table.metadata().history().iter().map(|entry| entry.snapshot_id).collect();
        assert_eq!(history, [1, 2]);
        assert_eq!(after.table.metadata().next_row_id(), if version == 3 { 20 } else { 0 });
    }
}
