//! `frazil config check`, of catalogs that work and one that does not.

use std::fs;
use std::path::Path;
use std::process::Output;

use frazil_fixtures::table;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use super::{frazil, stdout, text};

/// Two catalogs that know of the same table, and one that nobody answers for.
const SETTINGS: &str = r#"
[reader]
monitor-interval = "5s"

[catalog.books]
uri = "sqlite:///FOLDER/catalog.db"

[catalog.far]
type = "rest"
uri = "http://127.0.0.1:9/api"
token = "secret"
max-retries = "0"

[catalog.lake]
type = "path"
warehouse = "FOLDER/lake"
"#;

/// A folder with the settings and all that they speak of.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let metadata = folder.path().join("lake/db/orders/metadata");
    fs::create_dir_all(&metadata).unwrap();
    let location = metadata.join("v1.metadata.json");
    fs::copy(&table("upsert_v2").metadata_file, &location).unwrap();
    make_catalog(&folder.path().join("catalog.db"), &location.display().to_string());
    let settings = SETTINGS.replace("FOLDER", &folder.path().display().to_string());
    fs::write(folder.path().join("frazil.toml"), settings).unwrap();
    folder
}

/// As Iceberg's JDBC catalog makes it.
fn make_catalog(file: &Path, location: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        let table = "CREATE TABLE iceberg_tables(catalog_name VARCHAR(255) NOT NULL,table_namespace VARCHAR(255) NOT NULL,\
             table_name VARCHAR(255) NOT NULL,metadata_location VARCHAR(1000),\
             previous_metadata_location VARCHAR(1000),iceberg_type VARCHAR(5),\
             PRIMARY KEY (catalog_name, table_namespace, table_name))";
        sqlx::query(table).execute(&mut connection).await.unwrap();
        let entry = "INSERT INTO iceberg_tables VALUES ('books', 'db', 'orders', ?1, NULL, 'TABLE')";
        sqlx::query(entry).bind(location.to_owned()).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// Runs the check in `folder`, whatever settings this user has.
fn check(folder: &TempDir, args: &[&str]) -> Output {
    let mut command = frazil(&[&["config", "check"], args].concat());
    for variable in ["FRAZIL_CONFIG", "XDG_CONFIG_HOME", "PYICEBERG_HOME"] {
        command.env_remove(variable);
    }
    command.current_dir(folder.path()).env("HOME", folder.path()).output().unwrap()
}

#[test]
fn catalogs_that_work_pass() {
    let folder = folder();
    let place = folder.path().display();
    let output = check(&folder, &["--catalog", "lake"]);
    let expected = format!(
        "settings files: frazil.toml\n\
         monitor-interval = 5s\n\n\
         catalog lake (path)\n  \
         type = path  [frazil.toml:15]\n  \
         warehouse = {place}/lake  [frazil.toml:16]\n  \
         ok     catalog: answers; 1 namespace at its outermost level\n  \
         ok     warehouse: `{place}/lake` can be listed\n"
    );
    assert_eq!(stdout(&output), expected);
    let output = check(&folder, &["--catalog", "books"]);
    let report = stdout(&output);
    assert!(report.contains("\ncatalog books (sql)\n"), "{report}");
    assert!(report.contains("  ok     catalog: answers; 1 namespace at its outermost level\n"), "{report}");
    assert!(report.ends_with("  ok     store: table `db.orders` can be loaded\n"), "{report}");
}

#[test]
fn one_catalog_that_does_not_answer_fails_the_check_and_hides_no_other() {
    let folder = folder();
    let output = check(&folder, &[]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.starts_with("error: 1 of 3 catalogs cannot be used; the report on standard output"), "{errors}");
    let report = text(&output.stdout);
    assert_eq!(report.matches("\n  ok     ").count(), 4, "{report}");
    let failed: Vec<&str> = report.lines().filter(|line| line.starts_with("  FAILED ")).collect();
    let [failed] = failed[..] else { panic!("{report}") };
    assert!(failed.contains("catalog: catalog unavailable, catalog=`far`: cannot connect to `http://127.0.0.1:9/api"));
    assert!(failed.ends_with("check `uri` and that the server runs"), "{failed}");
    assert!(!report.contains("secret"), "{report}");
}

#[test]
fn the_json_report_says_the_same() {
    let folder = folder();
    let output = check(&folder, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "CATALOGS_FAILED");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let catalogs = report["catalogs"].as_array().unwrap();
    let outcomes: Vec<_> = catalogs.iter().map(|catalog| json!([catalog["name"], catalog["ok"]])).collect();
    assert_eq!(outcomes, [json!(["books", true]), json!(["far", false]), json!(["lake", true])]);
    assert_eq!((&report["ok"], &report["reader"]["monitor-interval"]), (&json!(false), &json!("5s")));
    assert_eq!(catalogs[1]["steps"][0]["error"]["code"], "CATALOG_UNAVAILABLE");
}

#[test]
fn a_uri_that_is_none_is_told_without_a_try() {
    let folder = folder();
    let file = folder.path().join("frazil.toml");
    let settings = fs::read_to_string(&file).unwrap().replace("http://127.0.0.1:9/api", "http//127.0.0.1");
    fs::write(&file, settings).unwrap();
    let output = check(&folder, &["--catalog", "far"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("  FAILED settings: "), "{}", text(&output.stdout));
}
