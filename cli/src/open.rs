//! From the argument TABLE to a table.

use std::path::Path;
use std::sync::Arc;

use frazil_lock::LockName;
use frazil_table::catalog::{
    CatalogKind, TableLocator, TableName, TableSource, open_catalog, table_source, without_secrets,
};
use frazil_table::storage::{PathMap, Storage};
use frazil_table::{SystemClock, Table, TableError};

use crate::args::{GlobalArgs, TableArgs};
use crate::error::CliError;
use crate::settings::{Catalogs, Properties, Settings, option_properties};

/// Loads the table that the arguments name.
///
/// # Errors
/// As [`open_source`].
pub(crate) async fn open(args: &TableArgs, global: &GlobalArgs) -> Result<Table, CliError> {
    Ok(open_source(args, global).await?.1)
}

/// Loads the table that the arguments name, and says where its later states are found.
///
/// # Errors
/// [`CliError::Usage`] if the argument cannot name a table, or settings are wrong; else as [`TableSource::load`].
pub(crate) async fn open_source(
    args: &TableArgs,
    global: &GlobalArgs,
) -> Result<(Arc<dyn TableSource>, Table), CliError> {
    let settings = Settings::load(global)?;
    let path_map = PathMap::parse(&args.path_map)?;
    let exists = |path: &str| Path::new(path).exists();
    let mut places = places(&args.table, global, || settings.catalogs(), exists)?.into_iter();
    let Some(first) = places.next() else {
        return Err(CliError::Internal("a table argument without a meaning".to_owned()));
    };
    let storage = Storage::local().with_path_map(path_map);
    let located = storage.with_properties(settings.storage_properties(global)?);
    let first = source(first, &settings, &storage, &located).await?;
    let error = match first.load().await {
        Ok(table) => return Ok((first, table)),
        Err(error) => error,
    };
    let may_be_another = matches!(error, TableError::TableNotFound { .. } | TableError::InvalidRequest { .. });
    for other in places.filter(|_| may_be_another) {
        if let Ok(other) = source(other, &settings, &storage, &located).await
            && let Ok(table) = other.load().await
        {
            return Ok((other, table));
        }
    }
    Err(error.into())
}

/// Name of the lock under which commits to the table that the argument names are made.
///
/// # Errors
/// As [`open_source`]; [`TableError::Unsupported`] for tables that can only be read: nobody locks them.
pub(crate) async fn lock_name(table: &str, global: &GlobalArgs) -> Result<LockName, CliError> {
    let args = TableArgs { table: table.to_owned(), path_map: Vec::new() };
    let (source, _) = open_source(&args, global).await?;
    Ok(LockName::new(source.commit_target().await?.lock_name())?)
}

/// What the argument can mean.
#[derive(Debug)]
enum Place {
    /// A path, or a table of a database that only options name.
    Located(TableLocator),
    /// A table of a catalog with these settings.
    InCatalog { catalog: String, properties: Properties, table: TableName },
}

/// Stores of paths have the properties of `located`; those of a catalog have its own.
async fn source(
    place: Place,
    settings: &Settings,
    storage: &Storage,
    located: &Storage,
) -> Result<Arc<dyn TableSource>, CliError> {
    match place {
        Place::Located(locator) => Ok(table_source(&locator, located)),
        Place::InCatalog { catalog, properties, table } => {
            let config = settings.config(&catalog, &properties)?;
            Ok(open_catalog(config, storage, Arc::new(SystemClock)).await?.table_source(table))
        }
    }
}

/// What the argument can mean, likeliest first.
fn places(
    table: &str,
    global: &GlobalArgs,
    catalogs: impl FnOnce() -> Result<Catalogs, CliError>,
    exists: impl Fn(&str) -> bool,
) -> Result<Vec<Place>, CliError> {
    if table.is_empty() {
        return Err(CliError::Usage(
            "TABLE is empty; name a table's folder or metadata file, or namespace.table".to_owned(),
        ));
    }
    if is_path(table) || exists(table) {
        return Ok(vec![Place::Located(TableLocator::Path(table.to_owned()))]);
    }
    let catalogs = catalogs()?;
    let parts: Vec<&str> = table.split('.').collect();
    let places = match (&global.catalog_uri, &global.catalog) {
        (Some(uri), name) => at_uri(uri, name.as_deref(), &parts, global, &catalogs)?,
        (None, Some(name)) => {
            let Some(catalog) = catalogs.get(name) else { return Err(catalogs.unknown(name)) };
            named(catalog, &parts, global)?
        }
        (None, None) => unnamed(table, &parts, global, &catalogs)?,
    };
    if places.is_empty() {
        return Err(CliError::Usage(format!(
            "table `{table}` has no namespace; in a catalog a table is named namespace.table"
        )));
    }
    Ok(places)
}

/// Names in the catalog that an option gives the address of.
fn at_uri(
    uri: &str,
    name: Option<&str>,
    parts: &[&str],
    global: &GlobalArgs,
    catalogs: &Catalogs,
) -> Result<Vec<Place>, CliError> {
    let mut own = option_properties(global)?;
    let configured = name.and_then(|name| catalogs.get(name));
    let is_database = matches!(CatalogKind::of_uri(uri), Some(CatalogKind::Sql) | None);
    if configured.is_none() && is_database && !own.contains_key("type") {
        return Ok(in_database(uri, name, parts));
    }
    let (name, mut properties) = match configured {
        Some((name, properties)) => (name.to_owned(), properties.clone()),
        None => (name.map_or_else(|| without_secrets(uri), str::to_owned), Properties::new()),
    };
    properties.append(&mut own);
    properties.insert("uri".to_owned(), Settings::option("--catalog-uri", uri));
    Ok(table_name(parts).map(|table| Place::InCatalog { catalog: name, properties, table }).into_iter().collect())
}

fn in_database(uri: &str, catalog: Option<&str>, parts: &[&str]) -> Vec<Place> {
    let sql = |catalog: Option<&str>, parts: &[&str]| {
        let TableName { namespace, table } = table_name(parts)?;
        let catalog = catalog.map(str::to_owned);
        Some(Place::Located(TableLocator::Sql { uri: uri.to_owned(), catalog, namespace, table }))
    };
    let mut places: Vec<Place> = sql(catalog, parts).into_iter().collect();
    // The first of three parts may be the catalog as well as a level of the namespace.
    if let (false, None, [catalog, rest @ ..]) = (places.is_empty(), catalog, parts) {
        places.extend(sql(Some(catalog), rest));
    }
    places
}

/// A name in a catalog of the settings, under the properties given as options.
fn in_catalog(
    (name, properties): (&str, &Properties),
    parts: &[&str],
    global: &GlobalArgs,
) -> Result<Option<Place>, CliError> {
    let mut properties = properties.clone();
    properties.append(&mut option_properties(global)?);
    Ok(table_name(parts).map(|table| Place::InCatalog { catalog: name.to_owned(), properties, table }))
}

/// Names in the catalog that an option names; the first part may repeat its name.
fn named(catalog: (&str, &Properties), parts: &[&str], global: &GlobalArgs) -> Result<Vec<Place>, CliError> {
    let mut places: Vec<Place> = in_catalog(catalog, parts, global)?.into_iter().collect();
    if let [first, rest @ ..] = parts
        && first.eq_ignore_ascii_case(catalog.0)
    {
        places.extend(in_catalog(catalog, rest, global)?);
    }
    Ok(places)
}

/// Names where no option says in which catalog.
fn unnamed(table: &str, parts: &[&str], global: &GlobalArgs, catalogs: &Catalogs) -> Result<Vec<Place>, CliError> {
    let mut places = Vec::new();
    if let [first, rest @ ..] = parts
        && let Some(catalog) = catalogs.get(first)
    {
        places.extend(in_catalog(catalog, rest, global)?);
    }
    match catalogs.unnamed()? {
        Some(catalog) => places.extend(in_catalog(catalog, parts, global)?),
        None if !places.is_empty() => {}
        None if catalogs.names().is_empty() => {
            let detail = "there is no such file or folder, and no catalog to look in".to_owned();
            return Err(TableError::TableNotFound { table: table.to_owned(), detail }.into());
        }
        None => {
            return Err(CliError::Usage(format!(
                "table `{table}` may be in any of several catalogs; name it as catalog.namespace.table, or one of them with \
                 --catalog: {}",
                catalogs.names().join(", ")
            )));
        }
    }
    Ok(places)
}

/// `None` if there is no namespace, or a part is empty.
fn table_name(parts: &[&str]) -> Option<TableName> {
    match parts {
        [namespace @ .., table] if !namespace.is_empty() && parts.iter().all(|part| !part.is_empty()) => {
            Some(TableName {
                namespace: namespace.iter().map(|&level| level.to_owned()).collect(),
                table: (*table).to_owned(),
            })
        }
        _ => None,
    }
}

fn is_path(table: &str) -> bool {
    table.contains('/') || table.starts_with("file:") || table.ends_with(".json")
}

#[cfg(test)]
mod tests;
