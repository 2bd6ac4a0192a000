//! From the argument TABLE to a table.

use std::path::Path;
use std::sync::Arc;

use frazil_table::catalog::{TableLocator, TableSource, table_source};
use frazil_table::storage::{PathMap, Storage};
use frazil_table::{Table, TableError};

use crate::args::{GlobalArgs, TableArgs};
use crate::error::CliError;

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
/// [`CliError::Usage`] if the argument cannot name a table; else as [`TableSource::load`].
pub(crate) async fn open_source(
    args: &TableArgs,
    global: &GlobalArgs,
) -> Result<(Arc<dyn TableSource>, Table), CliError> {
    let storage = Storage::local().with_path_map(PathMap::parse(&args.path_map)?);
    let exists = |path: &str| Path::new(path).exists();
    let mut sources =
        locators(&args.table, global, exists)?.into_iter().map(|locator| table_source(&locator, &storage));
    let Some(first) = sources.next() else {
        return Err(CliError::Internal("a table argument without a meaning".to_owned()));
    };
    let error = match first.load().await {
        Ok(table) => return Ok((first, table)),
        Err(error) => error,
    };
    let may_be_another = matches!(error, TableError::TableNotFound { .. } | TableError::InvalidRequest { .. });
    for other in sources.filter(|_| may_be_another) {
        if let Ok(table) = other.load().await {
            return Ok((other, table));
        }
    }
    Err(error.into())
}

/// What the argument can mean, likeliest first.
fn locators(table: &str, global: &GlobalArgs, exists: impl Fn(&str) -> bool) -> Result<Vec<TableLocator>, CliError> {
    if table.is_empty() {
        return Err(CliError::Usage(
            "TABLE is empty; name a table's folder or metadata file, or namespace.table".to_owned(),
        ));
    }
    if is_path(table) || exists(table) {
        return Ok(vec![TableLocator::Path(table.to_owned())]);
    }
    let Some(uri) = &global.catalog_uri else {
        let detail = "there is no such file or folder, and no catalog to look in".to_owned();
        return Err(TableError::TableNotFound { table: table.to_owned(), detail }.into());
    };
    let parts: Vec<&str> = table.split('.').collect();
    let sql = |catalog: Option<&str>, parts: &[&str]| match parts {
        [namespace @ .., name] if !namespace.is_empty() && parts.iter().all(|part| !part.is_empty()) => {
            Some(TableLocator::Sql {
                uri: uri.clone(),
                catalog: catalog.map(str::to_owned),
                namespace: namespace.iter().map(|&level| level.to_owned()).collect(),
                table: (*name).to_owned(),
            })
        }
        _ => None,
    };
    let Some(first) = sql(global.catalog.as_deref(), &parts) else {
        return Err(CliError::Usage(format!(
            "table `{table}` has no namespace; in a catalog a table is named namespace.table"
        )));
    };
    let mut locators = vec![first];
    // The first of three parts may be the catalog as well as a level of the namespace.
    if let (None, [catalog, rest @ ..]) = (&global.catalog, parts.as_slice()) {
        locators.extend(sql(Some(catalog), rest));
    }
    Ok(locators)
}

fn is_path(table: &str) -> bool {
    table.contains('/') || table.starts_with("file:") || table.ends_with(".json")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn global(catalog_uri: Option<&str>, catalog: Option<&str>) -> GlobalArgs {
        GlobalArgs {
            catalog_uri: catalog_uri.map(str::to_owned),
            catalog: catalog.map(str::to_owned),
            memory_limit: None,
            json: false,
            verbose: 0,
        }
    }

    fn sql(catalog: Option<&str>, namespace: &[&str], table: &str) -> TableLocator {
        TableLocator::Sql {
            uri: "sqlite:///c".to_owned(),
            catalog: catalog.map(str::to_owned),
            namespace: namespace.iter().map(|&level| level.to_owned()).collect(),
            table: table.to_owned(),
        }
    }

    #[rstest]
    fn what_has_a_slash_or_a_scheme_is_a_path(
        #[values("/a/b", "./t", "s3://b/t", "file:/t", "t/metadata/v1.metadata.json", "v1.metadata.json")] table: &str,
    ) {
        let found = locators(table, &global(Some("sqlite:///c"), None), |_| false).unwrap();
        assert_eq!(found, [TableLocator::Path(table.to_owned())]);
    }

    #[test]
    fn what_exists_is_a_path_even_where_a_catalog_is_given() {
        let found = locators("db.t", &global(Some("sqlite:///c"), None), |_| true).unwrap();
        assert_eq!(found, [TableLocator::Path("db.t".to_owned())]);
    }

    #[test]
    fn names_are_looked_up_in_the_catalog() {
        let found = locators("db.t", &global(Some("sqlite:///c"), Some("prod")), |_| false).unwrap();
        assert_eq!(found, [sql(Some("prod"), &["db"], "t")]);
        let found = locators("db.t", &global(Some("sqlite:///c"), None), |_| false).unwrap();
        assert_eq!(found, [sql(None, &["db"], "t")]);
    }

    #[test]
    fn the_first_of_three_parts_may_be_the_catalog() {
        let found = locators("prod.db.t", &global(Some("sqlite:///c"), None), |_| false).unwrap();
        assert_eq!(found, [sql(None, &["prod", "db"], "t"), sql(Some("prod"), &["db"], "t")]);
    }

    #[test]
    fn a_name_without_a_catalog_is_not_found() {
        let error = locators("db.t", &global(None, None), |_| false).unwrap_err();
        assert_eq!(error.code(), "TABLE_NOT_FOUND");
        assert!(error.line().contains("`db.t`") && error.line().contains("--catalog-uri"), "{}", error.line());
    }

    #[rstest]
    fn names_without_a_namespace_are_wrong_usage(#[values("", "t", ".t", "db.", "db..t")] table: &str) {
        let error = locators(table, &global(Some("sqlite:///c"), None), |_| false).unwrap_err();
        assert_eq!(error.code(), "USAGE");
    }
}
