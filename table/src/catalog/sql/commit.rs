//! Commits to tables of a database: one statement moves the pointer if it still is where the commit began.
//! Source: Iceberg, `JdbcTableOperations` and `JdbcUtil`.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Address, Database, Pick, SqlCatalog, locate_in};
use crate::catalog::{TableName, load_metadata_document};
use crate::commit::PendingCommit;
use crate::commit::metadata_file::{MetadataFile, next_location};
use crate::commit::target::{CommitBase, CommitTarget, SwapAnswer, lock_name_in_catalog};
use crate::commit::update::{MetadataUpdate, Requirement};
use crate::commit::{NewTable, document};
use crate::storage::Storage;
use crate::{Clock, Result, SystemClock, TableError};

/// How a statement ended that changes the database.
#[derive(Debug)]
pub(super) enum Executed {
    /// It changed so many rows.
    Done(u64),
    /// The database says that it has not been executed.
    Failed(TableError),
    /// It may have been, or may yet be.
    Unknown(TableError),
}

/// One row to be changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) catalog: &'a str,
    pub(super) namespace: &'a str,
    pub(super) table: &'a str,
}

/// Statements that make the tables of a catalog, in schema V1.
pub(super) const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS iceberg_tables (catalog_name VARCHAR(255) NOT NULL, \
     table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), \
     previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5), \
     PRIMARY KEY (catalog_name, table_namespace, table_name))",
    "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (catalog_name VARCHAR(255) NOT NULL, \
     namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255), property_value VARCHAR(1000), \
     PRIMARY KEY (catalog_name, namespace, property_key))",
];

/// Moves the pointer. `$1` is the new place, `$2` the catalog, `$3` the namespace, `$4` the table, `$5` the old place:
/// both kinds of database understand these.
pub(super) fn swap_statement(has_type: bool) -> &'static str {
    if has_type {
        "UPDATE iceberg_tables SET metadata_location = $1, previous_metadata_location = $5 WHERE catalog_name = $2 \
         AND table_namespace = $3 AND table_name = $4 AND metadata_location = $5 \
         AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)"
    } else {
        "UPDATE iceberg_tables SET metadata_location = $1, previous_metadata_location = $5 WHERE catalog_name = $2 \
         AND table_namespace = $3 AND table_name = $4 AND metadata_location = $5"
    }
}

/// Adds a table. `$1` is its place, `$2` the catalog, `$3` the namespace, `$4` the table.
pub(super) fn insert_statement(has_type: bool) -> &'static str {
    if has_type {
        "INSERT INTO iceberg_tables (metadata_location, catalog_name, table_namespace, table_name, iceberg_type) \
         VALUES ($1, $2, $3, $4, 'TABLE') ON CONFLICT DO NOTHING"
    } else {
        "INSERT INTO iceberg_tables (metadata_location, catalog_name, table_namespace, table_name) \
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
    }
}

/// Adds a namespace as Iceberg's catalogs know it. `$1` is the catalog, `$2` the namespace.
pub(super) const NAMESPACE: &str = "INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, \
     property_value) VALUES ($1, $2, 'exists', 'true') ON CONFLICT DO NOTHING";

/// A table of a catalog in a database.
#[derive(Debug)]
struct SqlTarget {
    address: Address,
    /// Name within the database.
    catalog: String,
    table: TableName,
    name: String,
    storage: Storage,
    clock: Arc<dyn Clock>,
}

/// Where commits to a table go.
pub(super) async fn target(
    address: Address,
    pick: Pick<'_>,
    table: TableName,
    storage: Storage,
) -> Result<Arc<dyn CommitTarget>> {
    let mut database = Database::open(&address).await?;
    let found = async {
        locate_in(&mut database, address.shown(), pick, &table.namespace.join("."), &table.table).await?;
        pick.among(&database.catalogs().await?, address.shown()).map(str::to_owned)
    };
    let found: Result<String> = found.await;
    database.close().await;
    let (catalog, name) = (found?, table.to_string());
    Ok(Arc::new(SqlTarget { address, catalog, table, name, storage, clock: Arc::new(SystemClock) }))
}

impl SqlCatalog {
    pub(super) async fn create(&self, table: &TableName, new: NewTable) -> Result<()> {
        let location = match (&new.location, self.config.get("warehouse")) {
            (Some(location), _) => location.trim_end_matches('/').to_owned(),
            (None, Some(warehouse)) => {
                let folder = warehouse.trim_end_matches('/').to_owned();
                let levels = table.namespace.iter().chain([&table.table]);
                levels.fold(folder, |folder, level| format!("{folder}/{level}"))
            }
            (None, None) => {
                return Err(TableError::invalid(format!(
                    "catalog `{}` has no `warehouse`, so that a new table needs a location",
                    self.config.name
                )));
            }
        };
        create(&self.address, self.pick(), table, &self.storage, new, &location).await
    }
}

/// Makes a table at `location`, and the tables of the catalog if they are not there.
pub(super) async fn create(
    address: &Address,
    pick: Pick<'_>,
    table: &TableName,
    storage: &Storage,
    new: NewTable,
    location: &str,
) -> Result<()> {
    let document = new.document(location)?;
    let place = next_location("", &document, uuid::Uuid::new_v4())?;
    let mut database = Database::open_to_write(address, true).await?;
    let inserted = insert(&mut database, address, pick, table, &place, async {
        written(MetadataFile::of(document, place.clone()).await?, storage).await
    });
    let inserted = inserted.await;
    database.close().await;
    match inserted? {
        (_, Executed::Done(1)) => Ok(()),
        (file, Executed::Done(_)) => {
            file.discard(storage).await;
            Err(TableError::invalid(format!("there is a table or view `{table}` already; choose another name")))
        }
        (file, Executed::Failed(error)) => {
            file.discard(storage).await;
            Err(error)
        }
        (_, Executed::Unknown(error)) => Err(error),
    }
}

/// Writes a metadata file. Of one that could not be written nothing stays: whoever reads the folder without the
/// database would take a part of it for the newest state.
async fn written(file: MetadataFile, storage: &Storage) -> Result<MetadataFile> {
    match file.write(storage).await {
        Ok(()) => Ok(file),
        Err(error) => {
            file.discard(storage).await;
            Err(error)
        }
    }
}

async fn insert(
    database: &mut Database,
    address: &Address,
    pick: Pick<'_>,
    table: &TableName,
    place: &str,
    written: impl Future<Output = Result<MetadataFile>>,
) -> Result<(MetadataFile, Executed)> {
    let has_type = database.prepare().await?;
    let names = database.catalogs().await?;
    let catalog = match (pick, names.as_slice()) {
        (Pick::Named(name) | Pick::Preferred(name), []) => name,
        (Pick::Named(name), _) => name,
        _ => pick.among(&names, address.shown())?,
    };
    let namespace = table.namespace.join(".");
    database.add_namespace(catalog, &namespace).await?;
    let file = written.await?;
    let row = Row { catalog, namespace: &namespace, table: &table.table };
    let executed = database.insert(row, place, has_type).await;
    Ok((file, executed))
}

impl SqlTarget {
    fn row<'a>(&'a self, namespace: &'a str) -> Row<'a> {
        Row { catalog: &self.catalog, namespace, table: &self.table.table }
    }

    async fn file(&self, base: &CommitBase, updates: &[MetadataUpdate]) -> Result<MetadataFile> {
        let location = base.table.metadata_location();
        let document = document::apply(&base.document, location, updates, self.clock.now_ms())?;
        let place = next_location(location, &document, uuid::Uuid::new_v4())?;
        written(MetadataFile::of(document, place).await?, &self.storage).await
    }

    /// Looks whether the pointer is where the commit begins, writes the metadata file and moves the pointer. What is
    /// not current is found before anything is written.
    async fn swap_in(&self, database: &mut Database, base: &CommitBase, updates: &[MetadataUpdate]) -> SwapAnswer {
        let namespace = self.table.namespace.join(".");
        let row = self.row(&namespace);
        let location = base.table.metadata_location();
        let entry = match database.find(row.catalog, row.namespace, row.table).await {
            Ok(entry) => entry,
            Err(error) => return SwapAnswer::Failed(error),
        };
        let Some(entry) = entry.filter(|entry| entry.location.as_deref() == Some(location) && !entry.is_view()) else {
            return moved(location);
        };
        let file = match self.file(base, updates).await {
            Ok(file) => file,
            Err(error) => return SwapAnswer::Failed(error),
        };
        match database.swap(row, &file.location, location, entry.has_type).await {
            Executed::Done(1) => SwapAnswer::Swapped,
            Executed::Done(0) => {
                file.discard(&self.storage).await;
                moved(location)
            }
            // The rows have a key, so that this is another database than it seems.
            Executed::Done(n_rows) => SwapAnswer::Unknown(TableError::corrupt(
                self.address.shown(),
                format!("`iceberg_tables` has {n_rows} rows for `{}`", self.name),
            )),
            Executed::Failed(error) => {
                file.discard(&self.storage).await;
                SwapAnswer::Failed(error)
            }
            Executed::Unknown(error) => SwapAnswer::Unknown(error),
        }
    }
}

fn moved(location: &str) -> SwapAnswer {
    SwapAnswer::Refused { reason: format!("the catalog's pointer has moved on, expected=`{location}`") }
}

#[async_trait]
impl CommitTarget for SqlTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn lock_name(&self) -> String {
        lock_name_in_catalog(&self.catalog, &self.table)
    }

    async fn load(&self) -> Result<CommitBase> {
        let mut database = Database::open(&self.address).await?;
        let namespace = self.table.namespace.join(".");
        let pick = Pick::Named(&self.catalog);
        let location = locate_in(&mut database, self.address.shown(), pick, &namespace, &self.table.table).await;
        database.close().await;
        let (table, document) = load_metadata_document(&self.storage, &location?, &self.name).await?;
        Ok(CommitBase { table, document })
    }

    async fn swap(&self, base: &CommitBase, updates: &[MetadataUpdate], requirements: &[Requirement]) -> SwapAnswer {
        if let Some(reason) = document::unmet(&base.document, requirements) {
            return SwapAnswer::Refused { reason };
        }
        let mut database = match Database::open_to_write(&self.address, false).await {
            Ok(database) => database,
            Err(error) => return SwapAnswer::Failed(error),
        };
        let answer = self.swap_in(&mut database, base, updates).await;
        database.close().await;
        answer
    }

    fn is_superseded(&self, pending: &PendingCommit, now: &CommitBase) -> bool {
        pending.base_metadata_location != now.table.metadata_location()
    }

    fn may_delete_old_metadata(&self) -> bool {
        true
    }
}

impl Database {
    /// A connection that may change the database. `may_create`: a database in a file is made if it is not there.
    async fn open_to_write(address: &Address, may_create: bool) -> Result<Self> {
        match address {
            Address::Sqlite(address) => {
                super::sqlite::Database::open_to_write(address, may_create).await.map(Self::Sqlite)
            }
            Address::Postgres(address) => super::postgres::Database::open(address).await.map(Self::Postgres),
        }
    }

    /// Makes the tables of a catalog if they are not there. Whether `iceberg_tables` has the column `iceberg_type`.
    async fn prepare(&mut self) -> Result<bool> {
        match self {
            Self::Sqlite(database) => database.prepare().await,
            Self::Postgres(database) => database.prepare().await,
        }
    }

    async fn add_namespace(&mut self, catalog: &str, namespace: &str) -> Result<()> {
        let values = [catalog, namespace];
        let executed = match self {
            Self::Sqlite(database) => database.execute(NAMESPACE, &values).await,
            Self::Postgres(database) => database.execute(NAMESPACE, &values).await,
        };
        match executed {
            Executed::Done(_) => Ok(()),
            Executed::Failed(error) | Executed::Unknown(error) => Err(error),
        }
    }

    async fn insert(&mut self, row: Row<'_>, location: &str, has_type: bool) -> Executed {
        let values = [location, row.catalog, row.namespace, row.table];
        match self {
            Self::Sqlite(database) => database.execute(insert_statement(has_type), &values).await,
            Self::Postgres(database) => database.execute(insert_statement(has_type), &values).await,
        }
    }

    /// Moves the pointer from `from` to `to`, sent once.
    async fn swap(&mut self, row: Row<'_>, to: &str, from: &str, has_type: bool) -> Executed {
        let values = [to, row.catalog, row.namespace, row.table, from];
        match self {
            Self::Sqlite(database) => database.execute(swap_statement(has_type), &values).await,
            Self::Postgres(database) => database.execute(swap_statement(has_type), &values).await,
        }
    }
}
