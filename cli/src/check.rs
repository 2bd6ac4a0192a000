//! `frazil config check`: reads the settings, tries every catalog and its warehouse, and says what is wrong where.

mod report;

use std::sync::Arc;
use std::time::Duration;

use frazil_table::catalog::{Catalog, CatalogConfig, open_catalog};
use frazil_table::storage::Storage;
use frazil_table::{SystemClock, TableError};
use futures::future::join_all;

use self::report::{CatalogReport, Report, Step};
use crate::args::GlobalArgs;
use crate::error::CliError;
use crate::output::Output;
use crate::settings::{Catalogs, Properties, Settings, option_properties, shown};

/// For one catalog with all that is tried of it, whatever its own limits are.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(45);

/// Runs the command.
///
/// # Errors
/// [`CliError::Usage`] if settings are wrong; [`CliError::CheckFailed`] if something does not work.
pub(crate) async fn run(global: &GlobalArgs) -> Result<(), CliError> {
    let settings = Settings::load(global)?;
    let catalogs = settings.catalogs()?;
    let chosen = chosen(global, &catalogs)?;
    let tried = join_all(chosen.iter().map(|(name, properties)| check(name, properties, &settings))).await;
    let report = Report {
        files: settings
            .file_path
            .iter()
            .chain(&catalogs.pyiceberg_path)
            .map(|path| path.display().to_string())
            .collect(),
        reader: settings.reader().shown(),
        catalogs: tried,
    };
    let text = if global.json { format!("{}\n", report.json()) } else { report.text() };
    Output::stdout().put(text.as_bytes())?;
    match report.n_failed() {
        0 => Ok(()),
        n_failed => Err(CliError::CatalogsFailed { n_failed, n_catalogs: report.catalogs.len() }),
    }
}

/// The catalog that the options name, else all; options go over the settings.
fn chosen(global: &GlobalArgs, catalogs: &Catalogs) -> Result<Vec<(String, Properties)>, CliError> {
    let own = option_properties(global)?;
    let with_own = |name: &str, properties: &Properties| {
        let mut properties = properties.clone();
        properties.extend(own.clone());
        (name.to_owned(), properties)
    };
    if let Some(uri) = &global.catalog_uri {
        let name = global.catalog.clone().unwrap_or_else(|| "--catalog-uri".to_owned());
        let configured = catalogs.get(&name).map(|(_, properties)| properties.clone()).unwrap_or_default();
        let (name, mut properties) = with_own(&name, &configured);
        properties.insert("uri".to_owned(), Settings::option("--catalog-uri", uri));
        return Ok(vec![(name, properties)]);
    }
    match &global.catalog {
        None => Ok(catalogs.iter().map(|(name, properties)| with_own(name, properties)).collect()),
        Some(name) => match catalogs.get(name) {
            Some((name, properties)) => Ok(vec![with_own(name, properties)]),
            None => Err(catalogs.unknown(name)),
        },
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
