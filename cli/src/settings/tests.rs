#![allow(clippy::unwrap_used)]

use rstest::rstest;

use super::*;

fn properties(entries: &[(&str, &str)]) -> Properties {
    let setting = |value: &str| Setting::new(value.to_owned(), "here".to_owned());
    entries.iter().map(|(name, value)| ((*name).to_owned(), setting(value))).collect()
}

fn catalogs(pyiceberg: &[&str], file: &[&str], variables: &[(&str, &str)], default: Option<&str>) -> Catalogs {
    let named = |names: &[&str], from: &str| {
        names.iter().map(|name| ((*name).to_owned(), properties(&[("uri", from), ("warehouse", "w")]))).collect()
    };
    let file: BTreeMap<String, Properties> = named(file, "file");
    let environment = Environment::for_tests(variables);
    combined(named(pyiceberg, "pyiceberg"), &file, &environment, default.map(str::to_owned), None)
}

fn uri(catalogs: &Catalogs, name: &str) -> String {
    catalogs.get(name).unwrap().1["uri"].value.clone()
}

#[test]
fn the_file_goes_before_pyiceberg_and_variables_before_both() {
    let variables = [("FRAZIL_CATALOG__PROD_EU__URI", "variable"), ("FRAZIL_CATALOG__NEW__S3__ENDPOINT", "e")];
    let catalogs = catalogs(&["prod", "test", "prod-eu"], &["Prod"], &variables, None);
    assert_eq!(catalogs.names(), ["Prod", "new", "prod-eu", "test"]);
    assert_eq!(uri(&catalogs, "prod"), "file");
    assert_eq!(uri(&catalogs, "test"), "pyiceberg");
    assert_eq!(uri(&catalogs, "prod-eu"), "variable");
    assert_eq!(catalogs.get("prod-eu").unwrap().1["warehouse"].value, "w");
    assert_eq!(catalogs.get("new").unwrap().1["s3.endpoint"].origin, "FRAZIL_CATALOG__NEW__S3__ENDPOINT");
}

#[test]
fn without_a_name_the_default_or_the_only_one_is_meant() {
    let unnamed = |catalogs: &Catalogs| catalogs.unnamed().unwrap().map(|(name, _)| name.to_owned());
    assert_eq!(unnamed(&catalogs(&[], &["a"], &[], None)).as_deref(), Some("a"));
    assert_eq!(unnamed(&catalogs(&["default"], &["a"], &[], None)).as_deref(), Some("default"));
    assert_eq!(unnamed(&catalogs(&["b"], &["a"], &[], Some("B"))).as_deref(), Some("b"));
    assert_eq!(unnamed(&catalogs(&["b"], &["a"], &[], None)), None);
    assert_eq!(unnamed(&catalogs(&[], &[], &[], None)), None);
    let line = catalogs(&["b"], &["a"], &[], Some("c")).unnamed().unwrap_err().line();
    assert!(line.contains("`c`") && line.contains("a, b"), "{line}");
}

#[rstest]
#[case(&[("uri", "https://h")], CatalogKind::Rest)]
#[case(&[("uri", "thrift://h")], CatalogKind::Hive)]
#[case(&[("uri", "postgresql+psycopg2://h/db")], CatalogKind::Sql)]
#[case(&[("warehouse", "/w")], CatalogKind::Path)]
#[case(&[("uri", "/c.db"), ("type", "sql")], CatalogKind::Sql)]
#[case(&[("uri", "http://h"), ("type", "rest"), ("py-catalog-impl", "x.Y")], CatalogKind::Rest)]
fn the_kind_of_a_catalog_is_told_or_inferred(#[case] entries: &[(&str, &str)], #[case] expected: CatalogKind) {
    assert_eq!(kind("prod", &properties(entries)).unwrap(), expected);
}

#[rstest]
#[case(&[("uri", "/c.db")], "has no `type`")]
#[case(&[], "has no `type`")]
#[case(&[("type", "glue")], "`glue`")]
#[case(&[("type", "rset")], "use one of rest")]
#[case(&[("py-catalog-impl", "x.Y")], "`x.Y`")]
fn a_kind_that_cannot_be_used_is_told_by_name(#[case] entries: &[(&str, &str)], #[case] expected: &str) {
    let line = kind("prod", &properties(entries)).unwrap_err().line();
    assert!(line.contains(expected) && line.contains("prod"), "{line}");
}

#[test]
fn settings_are_shown_without_secrets() {
    let settings = properties(&[("token", "geheim"), ("uri", "postgresql://u:geheim@h")]);
    assert!(!format!("{settings:?}").contains("geheim"));
    let shown: Vec<String> = settings.iter().map(|(name, setting)| shown(name, setting)).collect();
    assert_eq!(shown, ["***", "postgresql://u:***@h"]);
}
