//! From the names in requests to tables of the catalogs that are served. No path is looked up that a client names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use frazil_server::TableResolver;
use frazil_table::catalog::{Catalog, CatalogConfig, CatalogKind, NAMES_MAX, TableName, TableSource, open_catalog};
use frazil_table::commit::target::CommitTarget;
use frazil_table::storage::{PathMap, Storage};
use frazil_table::{SystemClock, Table, TableError};
use tokio::sync::OnceCell;

use crate::args::{GlobalArgs, ServeArgs};
use crate::error::CliError;
use crate::settings::{Settings, option_properties};

/// Name of the catalog of a folder that is served.
const FOLDER_CATALOG: &str = "warehouse";

/// Levels of namespaces that are listed.
const DEPTH_MAX: usize = 8;

/// The catalogs that are served.
#[derive(Debug)]
pub(super) struct Resolver {
    catalogs: BTreeMap<String, Served>,
    /// The one meant where none is named.
    unnamed: Option<String>,
    storage: Storage,
}

/// A catalog that is opened when it is needed first, and kept.
#[derive(Debug)]
struct Served {
    config: CatalogConfig,
    opened: OnceCell<Arc<dyn Catalog>>,
}

impl Resolver {
    /// Serves the folder of the arguments, else the catalog that the options name, else all of the settings.
    ///
    /// # Errors
    /// [`CliError::Usage`] if there is none, or settings are wrong.
    pub(super) fn new(args: &ServeArgs, global: &GlobalArgs, settings: &Settings) -> Result<Self, CliError> {
        let storage = Storage::local().with_path_map(PathMap::parse(&args.path_map)?);
        let mut unnamed = None;
        let chosen = if let Some(folder) = &args.warehouse {
            let mut properties = option_properties(global)?;
            properties.insert("type".to_owned(), Settings::option("WAREHOUSE", "path"));
            properties.insert("warehouse".to_owned(), Settings::option("WAREHOUSE", &absolute(folder)?));
            vec![(FOLDER_CATALOG.to_owned(), properties)]
        } else {
            let catalogs = settings.catalogs()?;
            if global.catalog.is_none() && global.catalog_uri.is_none() {
                unnamed = catalogs.unnamed()?.map(|(name, _)| name.to_owned());
            }
            catalogs.chosen(global, "default")?
        };
        let configs = chosen.iter().map(|(name, properties)| settings.config(name, properties));
        let configs: Vec<CatalogConfig> = configs.collect::<Result<_, _>>()?;
        if let [only] = configs.as_slice() {
            unnamed = Some(only.name.clone());
        }
        if configs.is_empty() {
            return Err(CliError::Usage(
                "there is nothing to serve; name a folder of tables, or add a [catalog.NAME] to frazil.toml".to_owned(),
            ));
        }
        let served =
            configs.into_iter().map(|config| (config.name.clone(), Served { config, opened: OnceCell::new() }));
        Ok(Self { catalogs: served.collect(), unnamed, storage })
    }

    async fn catalog(&self, served: &Served) -> Result<Arc<dyn Catalog>, TableError> {
        let open = || open_catalog(served.config.clone(), &self.storage, Arc::new(SystemClock));
        served.opened.get_or_try_init(open).await.cloned()
    }

    /// The catalog of a name, and what the table is called there.
    fn place(&self, table: &str) -> Result<(&Served, TableName), TableError> {
        let parts: Vec<&str> = table.split('.').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(TableError::invalid(format!(
                "`{table}` is no name of a table; name it as catalog.namespace.table or namespace.table"
            )));
        }
        let named = match parts.as_slice() {
            [first, rest @ ..] => self.catalogs.get(*first).and_then(|served| Some((served, name(served, rest)?))),
            [] => None,
        };
        let unnamed = || {
            let served = self.catalogs.get(self.unnamed.as_deref()?)?;
            Some((served, name(served, &parts)?))
        };
        named.or_else(unnamed).ok_or_else(|| {
            let names: Vec<&str> = self.catalogs.keys().map(String::as_str).collect();
            TableError::invalid(format!(
                "`{table}` names no table of a catalog; name it as catalog.namespace.table; catalogs are: {}",
                names.join(", ")
            ))
        })
    }

    async fn list_of(&self, served: &Served) -> Result<Vec<String>, TableError> {
        let catalog = self.catalog(served).await?;
        let mut found = Vec::new();
        let mut namespaces: Vec<Vec<String>> = match served.config.kind {
            CatalogKind::Path => vec![Vec::new()],
            _ => catalog.list_namespaces(&[]).await?,
        };
        while let Some(namespace) = namespaces.pop() {
            if found.len() >= NAMES_MAX {
                break;
            }
            for table in catalog.list_tables(&namespace).await? {
                let table = TableName { namespace: namespace.clone(), table };
                found.push(format!("{}.{table}", served.config.name));
            }
            if namespace.len() < DEPTH_MAX {
                namespaces.extend(catalog.list_namespaces(&namespace).await.unwrap_or_default());
            }
        }
        Ok(found)
    }
}

/// The folder as every later look at it needs it; a store other than the local one is looked at when it is asked for.
fn absolute(folder: &str) -> Result<String, CliError> {
    if folder.contains("://") {
        return Ok(folder.to_owned());
    }
    let wrong = |cause: &str| CliError::Usage(format!("`{folder}` cannot be served: {cause}; name a folder of tables"));
    let path = Path::new(folder.strip_prefix("file:").unwrap_or(folder));
    let path = path.canonicalize().map_err(|error| wrong(&error.to_string()))?;
    if !path.is_dir() {
        return Err(wrong("it is no folder"));
    }
    path.to_str().map(str::to_owned).ok_or_else(|| wrong("its path is no UTF-8 text"))
}

/// A name within a catalog. Only a folder may have tables outside of all namespaces.
fn name(served: &Served, parts: &[&str]) -> Option<TableName> {
    let (table, namespace) = parts.split_last()?;
    if namespace.is_empty() && served.config.kind != CatalogKind::Path {
        return None;
    }
    Some(TableName { namespace: namespace.iter().map(|&level| level.to_owned()).collect(), table: (*table).to_owned() })
}

#[async_trait]
impl TableResolver for Resolver {
    async fn source(&self, table: &str) -> Result<Arc<dyn TableSource>, TableError> {
        let (served, name) = self.place(table)?;
        let catalog = self.catalog(served).await?;
        let full = format!("{}.{name}", served.config.name);
        Ok(Arc::new(NamedSource { name: full, source: catalog.table_source(name) }))
    }

    async fn list(&self) -> Result<Vec<String>, TableError> {
        let mut found = Vec::new();
        for served in self.catalogs.values() {
            found.append(&mut self.list_of(served).await?);
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// A table by its full name, which tells it from one of another catalog.
#[derive(Debug)]
struct NamedSource {
    name: String,
    source: Arc<dyn TableSource>,
}

#[async_trait]
impl TableSource for NamedSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn load(&self) -> frazil_table::Result<Table> {
        self.source.load().await
    }

    async fn load_if_changed(&self, current: &Table) -> frazil_table::Result<Option<Table>> {
        self.source.load_if_changed(current).await
    }

    async fn commit_target(self: Arc<Self>) -> frazil_table::Result<Arc<dyn CommitTarget>> {
        self.source.clone().commit_target().await
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn resolver(catalogs: &[(&str, CatalogKind)], unnamed: Option<&str>) -> Resolver {
        let served = catalogs.iter().map(|(name, kind)| {
            let config = CatalogConfig { name: (*name).to_owned(), kind: *kind, properties: BTreeMap::new() };
            ((*name).to_owned(), Served { config, opened: OnceCell::new() })
        });
        let unnamed = unnamed.map(str::to_owned);
        Resolver { catalogs: served.collect(), unnamed, storage: Storage::local() }
    }

    #[rstest]
    #[case("prod.db.t", Some(("prod", "db.t")))]
    #[case("db.t", Some(("dev", "db.t")))]
    #[case("dev.db.t", Some(("dev", "db.t")))]
    // A namespace may have the name of a catalog.
    #[case("prod.t", Some(("dev", "prod.t")))]
    #[case("files.t", Some(("files", "t")))]
    #[case("t", None)]
    #[case("db..t", None)]
    #[case("", None)]
    fn names_are_looked_up_in_catalogs_only(#[case] table: &str, #[case] expected: Option<(&str, &str)>) {
        let catalogs = [("prod", CatalogKind::Sql), ("dev", CatalogKind::Rest), ("files", CatalogKind::Path)];
        let resolver = resolver(&catalogs, Some("dev"));
        let found = resolver.place(table).ok().map(|(served, name)| (served.config.name.clone(), name.to_string()));
        assert_eq!(found, expected.map(|(catalog, name)| (catalog.to_owned(), name.to_owned())));
    }
}
