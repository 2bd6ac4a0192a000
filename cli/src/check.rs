//! `frazil config check`: reads the settings, tries every catalog with its warehouse and the lock, and says what is
//! wrong where.

mod report;

use std::sync::Arc;
use std::time::Duration;

use frazil_lock::{Holder, LockName};
use frazil_table::catalog::{Catalog, CatalogConfig, open_catalog};
use frazil_table::storage::Storage;
use frazil_table::{SystemClock, TableError};
use futures::future::join_all;

use self::report::{CatalogReport, LockReport, Report, Step};
use crate::args::GlobalArgs;
use crate::clock;
use crate::error::CliError;
use crate::output::Output;
use crate::settings::{LockKind, LockSettings, Properties, Settings, shown};

/// For one catalog with all that is tried of it, whatever its own limits are.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(45);

/// Others may be checking their settings at the same time.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// # Errors
/// [`CliError::Usage`] if settings are wrong; [`CliError::CatalogsFailed`] and [`CliError::LockFailed`] if something does not
/// work.
pub(crate) async fn run(global: &GlobalArgs) -> Result<(), CliError> {
    let settings = Settings::load(global)?;
    let catalogs = settings.catalogs()?;
    let chosen = catalogs.chosen(global, "--catalog-uri")?;
    let catalogs_tried = join_all(chosen.iter().map(|(name, properties)| check(name, properties, &settings)));
    let (tried, lock) = tokio::join!(catalogs_tried, check_lock(settings.lock()));
    let report = Report {
        files: settings
            .file_path
            .iter()
            .chain(&catalogs.pyiceberg_path)
            .map(|path| path.display().to_string())
            .collect(),
        reader: settings.reader().shown(),
        catalogs: tried,
        lock,
        compaction: settings.compaction().shown(),
    };
    let text = if global.json { format!("{}\n", report.json()) } else { report.text() };
    Output::stdout().put(text.as_bytes())?;
    match report.n_failed() {
        0 if report.has_lock_failed() => Err(CliError::LockFailed),
        0 => Ok(()),
        n_failed => Err(CliError::CatalogsFailed { n_failed, n_catalogs: report.catalogs.len() }),
    }
}

async fn check(name: &str, properties: &Properties, settings: &Settings) -> CatalogReport {
    let shown_properties =
        properties.iter().map(|(name, setting)| (name.clone(), shown(name, setting), setting.origin.clone())).collect();
    let mut report =
        CatalogReport { name: name.to_owned(), kind: String::new(), properties: shown_properties, steps: Vec::new() };
    let config = match settings.config(name, properties) {
        Ok(config) => config,
        Err(error) => {
            report.steps.push(Step::failed("settings", &error));
            return report;
        }
    };
    config.kind.as_str().clone_into(&mut report.kind);
    let tried = tokio::time::timeout(CATALOG_TIMEOUT, steps(config)).await;
    report.steps = tried.unwrap_or_else(|_| {
        let detail =
            format!("no end within {CATALOG_TIMEOUT:?}; lower the catalog's `total-timeout` to see what takes so long");
        vec![Step::failed("catalog", &TableError::catalog(name, detail).into())]
    });
    report
}

/// Takes a lock that no table has, and gives it back. `None` if no lock is set.
async fn check_lock(settings: &LockSettings) -> Option<LockReport> {
    if !settings.is_set() {
        return None;
    }
    let step = match try_lock(settings).await {
        Ok(detail) => Step::passed("lock", detail),
        Err(error) => Step::failed("lock", &error),
    };
    Some(LockReport { kind: settings.kind().as_str(), properties: settings.shown(), steps: vec![step] })
}

async fn try_lock(settings: &LockSettings) -> Result<String, CliError> {
    let lock = settings.open()?;
    let name = LockName::new("frazil config check")?;
    let holder = Holder::of_this_process("frazil", "config check", clock::now_ms());
    let guard = lock.acquire(&name, &holder, LOCK_WAIT).await?;
    guard.release().await?;
    Ok(match settings.kind() {
        LockKind::Memory => "within this process only; writers of other processes are not in line".to_owned(),
        LockKind::ZooKeeper => {
            let wait = settings.acquire_timeout();
            format!("answers; a lock can be taken and given back, and commits wait up to {wait:?} for theirs")
        }
    })
}

async fn steps(config: CatalogConfig) -> Vec<Step> {
    let storage = Storage::local();
    let warehouse = config.get("warehouse").filter(|warehouse| is_place(warehouse)).map(str::to_owned);
    let warehouse_storage = storage.with_properties(config.properties.clone());
    let catalog = match open_catalog(config, &storage, Arc::new(SystemClock)).await {
        Ok(catalog) => catalog,
        Err(error) => return vec![Step::failed("settings", &error.into())],
    };
    let mut steps = vec![match catalog.list_namespaces(&[]).await {
        Ok(namespaces) => Step::passed(
            "catalog",
            format!("answers; {} at its outermost level", counted(namespaces.len(), "namespace")),
        ),
        Err(error) => Step::failed("catalog", &error.into()),
    }];
    if let Some(warehouse) = warehouse {
        steps.push(match warehouse_storage.list(&warehouse).await {
            Ok(_) => Step::passed("warehouse", format!("`{warehouse}` can be listed")),
            Err(error) => Step::failed("warehouse", &error.into()),
        });
    } else if steps.iter().all(|step| step.error.is_none()) {
        steps.extend(first_table(catalog).await);
    }
    steps
}

/// Without a place for the warehouse, the first table shows whether the store can be read.
async fn first_table(catalog: Arc<dyn Catalog>) -> Option<Step> {
    let namespaces = catalog.list_namespaces(&[]).await.ok()?;
    for namespace in namespaces.into_iter().take(NAMESPACES_MAX) {
        let Some(table) = catalog.list_tables(&namespace).await.ok()?.into_iter().next() else { continue };
        let name = frazil_table::catalog::TableName { namespace, table };
        let shown = name.to_string();
        return Some(match Arc::clone(&catalog).table_source(name).load().await {
            Ok(_) => Step::passed("store", format!("table `{shown}` can be loaded")),
            // A catalog may hold what is no Iceberg table; that says nothing of its store.
            Err(TableError::Unsupported { .. }) => return None,
            Err(error) => Step::failed("store", &error.into()),
        });
    }
    None
}

/// Namespaces that are searched for a table.
const NAMESPACES_MAX: usize = 5;

/// A warehouse may also be a name that only the catalog's server understands.
fn is_place(warehouse: &str) -> bool {
    warehouse.contains('/')
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
