#![allow(clippy::unwrap_used)]
use rstest::rstest;

use super::*;

fn global(catalog_uri: Option<&str>, catalog: Option<&str>) -> GlobalArgs {
    GlobalArgs {
        catalog_uri: catalog_uri.map(str::to_owned),
        catalog: catalog.map(str::to_owned),
        ..GlobalArgs::default()
    }
}

/// What the argument means with these catalogs in the settings, as `locator` or `catalog: table`.
fn meanings(table: &str, global: &GlobalArgs, catalogs: &[&str]) -> Result<Vec<String>, CliError> {
    let places = places(table, global, || Ok(Catalogs::for_tests(catalogs)), |path| path == "db.exists")?;
    let shown = |place: &Place| match place {
        Place::Located(TableLocator::Path(path)) => format!("path {path}"),
        Place::Located(TableLocator::Sql { uri, catalog, namespace, table }) => {
            format!("{uri} {}: {}.{table}", catalog.as_deref().unwrap_or("-"), namespace.join("."))
        }
        Place::InCatalog { catalog, properties, table } => {
            format!("{catalog} {}: {table}", properties.get("uri").map_or("-", |uri| uri.value.as_str()))
        }
    };
    Ok(places.iter().map(shown).collect())
}

#[rstest]
fn what_has_a_slash_or_a_scheme_is_a_path(
    #[values("/a/b", "./t", "s3://b/t", "file:/t", "t/metadata/v1.metadata.json", "v1.metadata.json", "db.exists")]
    table: &str,
) {
    let found = meanings(table, &global(Some("sqlite:///c"), None), &["prod"]).unwrap();
    assert_eq!(found, [format!("path {table}")]);
}

#[test]
fn names_are_looked_up_in_the_database_that_an_option_names() {
    let found = meanings("db.t", &global(Some("sqlite:///c"), Some("prod")), &[]).unwrap();
    assert_eq!(found, ["sqlite:///c prod: db.t"]);
    let found = meanings("db.t", &global(Some("sqlite:///c"), None), &[]).unwrap();
    assert_eq!(found, ["sqlite:///c -: db.t"]);
    let found = meanings("prod.db.t", &global(Some("sqlite:///c"), None), &[]).unwrap();
    assert_eq!(found, ["sqlite:///c -: prod.db.t", "sqlite:///c prod: db.t"]);
}

#[test]
fn an_address_may_be_of_any_kind_and_goes_over_the_settings() {
    let found = meanings("db.t", &global(Some("http://h"), None), &[]).unwrap();
    assert_eq!(found, ["http://h http://h: db.t"]);
    let found = meanings("a.b.t", &global(Some("http://h"), Some("prod")), &["prod"]).unwrap();
    assert_eq!(found, ["prod http://h: a.b.t"]);
    let found = meanings("db.t", &global(Some("sqlite:///c"), Some("prod")), &["prod"]).unwrap();
    assert_eq!(found, ["prod sqlite:///c: db.t"]);
}

#[test]
fn a_catalog_of_the_settings_is_named_by_option_or_first_part() {
    assert_eq!(meanings("db.t", &global(None, Some("test")), &["prod", "test"]).unwrap(), ["test http://test: db.t"]);
    assert_eq!(meanings("test.db.t", &global(None, None), &["prod", "test"]).unwrap(), ["test http://test: db.t"]);
    assert_eq!(
        meanings("test.db.t", &global(None, Some("test")), &["prod", "test"]).unwrap(),
        ["test http://test: test.db.t", "test http://test: db.t"]
    );
}

#[test]
fn the_only_catalog_needs_no_name() {
    assert_eq!(meanings("db.t", &global(None, None), &["prod"]).unwrap(), ["prod http://prod: db.t"]);
    assert_eq!(
        meanings("prod.db.t", &global(None, None), &["prod"]).unwrap(),
        ["prod http://prod: db.t", "prod http://prod: prod.db.t"]
    );
}

#[test]
fn several_catalogs_ask_for_a_name() {
    let line = meanings("db.t", &global(None, None), &["prod", "test"]).unwrap_err().line();
    assert!(line.contains("--catalog: prod, test"), "{line}");
    let line = meanings("db.t", &global(None, Some("tset")), &["prod", "test"]).unwrap_err().line();
    assert!(line.contains("`tset`") && line.contains("prod, test"), "{line}");
    let line = meanings("db.t", &global(None, Some("x")), &[]).unwrap_err().line();
    assert!(line.contains("[catalog.x]"), "{line}");
}

#[test]
fn a_name_without_a_catalog_is_not_found() {
    let error = meanings("db.t", &global(None, None), &[]).unwrap_err();
    assert_eq!(error.code(), "TABLE_NOT_FOUND");
    assert!(error.line().contains("`db.t`") && error.line().contains("--catalog-uri"), "{}", error.line());
}

#[test]
fn options_go_over_the_settings_of_the_catalog() {
    let mut global = global(None, Some("prod"));
    global.property = vec!["uri=http://other".to_owned(), "s3.endpoint=a=b".to_owned()];
    assert_eq!(meanings("db.t", &global, &["prod"]).unwrap(), ["prod http://other: db.t"]);
    global.property = vec!["geheim".to_owned()];
    let line = meanings("db.t", &global, &["prod"]).unwrap_err().line();
    assert!(line.contains("key=value") && !line.contains("geheim"), "{line}");
}

#[rstest]
fn names_without_a_namespace_are_wrong_usage(#[values("", "t", ".t", "db.", "db..t")] table: &str) {
    for global in [global(Some("sqlite:///c"), None), global(None, Some("prod")), global(None, None)] {
        let error = meanings(table, &global, &["prod"]).unwrap_err();
        assert_eq!(error.code(), "USAGE", "{table}");
    }
}
