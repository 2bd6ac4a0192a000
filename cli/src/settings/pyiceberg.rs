//! Settings of pyiceberg, used as they are: `.pyiceberg.yaml` and `PYICEBERG_…` variables.
//! Source: pyiceberg, "Configuration".

use std::collections::BTreeMap;

use serde_norway::Value;

use super::{Environment, Properties, Setting};
use crate::error::CliError;

/// Name of the file.
pub(super) const FILE: &str = ".pyiceberg.yaml";
const VARIABLE_PREFIX: &str = "PYICEBERG_";

/// What pyiceberg is told.
#[derive(Debug, Default)]
pub(super) struct PyIceberg {
    /// Names in lower case, as pyiceberg reads them.
    pub(super) catalogs: BTreeMap<String, Properties>,
    pub(super) default_catalog: Option<String>,
}

/// Reads the text of a file; `name` is the file's, for messages.
///
/// # Errors
/// [`CliError::Usage`] with the place of what is wrong.
pub(super) fn parse(text: &str, name: &str) -> Result<PyIceberg, CliError> {
    let wrong = |cause: String| CliError::Usage(format!("settings file {name}: {cause}; correct the file"));
    let root: Value = serde_norway::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let mut settings = PyIceberg::default();
    let root = match root {
        Value::Null => return Ok(settings),
        Value::Mapping(root) => root,
        _ => return Err(wrong("it has no keys at its outermost level".to_owned())),
    };
    for (key, value) in &root {
        match (lower(key).as_deref(), value) {
            (Some("catalog"), Value::Mapping(catalogs)) => {
                for (catalog, properties) in catalogs {
                    let name_of = lower(catalog).ok_or_else(|| wrong("the name of a catalog is no text".to_owned()))?;
                    let mut found = Properties::new();
                    if let Value::Mapping(properties) = properties {
                        for (key, value) in properties {
                            flatten(&lower(key).unwrap_or_default(), value, name, &mut found);
                        }
                    } else if !properties.is_null() {
                        return Err(wrong(format!("catalog `{name_of}` has no keys")));
                    }
                    settings.catalogs.insert(name_of, found);
                }
            }
            (Some("catalog"), Value::Null) => {}
            (Some("catalog"), _) => return Err(wrong("`catalog` has no keys".to_owned())),
            (Some("default-catalog"), Value::String(name)) => settings.default_catalog = Some(name.to_lowercase()),
            // Others steer how pyiceberg writes and downloads.
            _ => {}
        }
    }
    Ok(settings)
}

/// Puts what the variables say over what the file says.
pub(super) fn apply_environment(settings: &mut PyIceberg, environment: &Environment) {
    for (variable, value) in environment.with_prefix(VARIABLE_PREFIX) {
        let Some(name) = variable.strip_prefix(VARIABLE_PREFIX) else { continue };
        match property(name) {
            Some((catalog, key)) => {
                let properties = settings.catalogs.entry(catalog).or_default();
                properties.insert(key, Setting::new(value.to_owned(), variable.to_owned()));
            }
            None if name.eq_ignore_ascii_case("default_catalog") => {
                settings.default_catalog = Some(value.to_lowercase());
            }
            None => {}
        }
    }
}

/// Catalog and property of `CATALOG__NAME__KEY`: two underscores separate levels, one stands for a dash.
pub(super) fn property(name: &str) -> Option<(String, String)> {
    let name = name.to_lowercase();
    let mut parts = name.splitn(3, "__");
    let is_catalog = parts.next() == Some("catalog");
    let (catalog, key) = (parts.next()?, parts.next()?);
    let normalized = |part: &str| part.replace("__", ".").replace('_', "-");
    (is_catalog && !catalog.is_empty() && !key.is_empty()).then(|| (normalized(catalog), normalized(key)))
}

fn lower(key: &Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text.to_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn flatten(name: &str, value: &Value, origin: &str, into: &mut Properties) {
    let text = match value {
        Value::Mapping(inner) => {
            for (key, value) in inner {
                flatten(&format!("{name}.{}", lower(key).unwrap_or_default()), value, origin, into);
            }
            return;
        }
        Value::Tagged(tagged) => return flatten(name, &tagged.value, origin, into),
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        // A list means nothing to a reader of tables.
        Value::Null | Value::Sequence(_) => return,
    };
    into.insert(name.to_owned(), Setting::new(text, origin.to_owned()));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &str = "\
default-catalog: Prod
catalog:
  Prod:
    uri: http://h
    s3.endpoint: http://s
    S3.Path-Style-Access: true
    auth:
      type: basic
      basic:
        username: me
  other:
";

    fn value(settings: &PyIceberg, catalog: &str, name: &str) -> Option<String> {
        Some(settings.catalogs.get(catalog)?.get(name)?.value.clone())
    }

    #[test]
    fn catalogs_are_read_with_nested_properties() {
        let settings = parse(TEXT, ".pyiceberg.yaml").unwrap();
        assert_eq!(settings.default_catalog.as_deref(), Some("prod"));
        assert_eq!(value(&settings, "prod", "uri").unwrap(), "http://h");
        assert_eq!(value(&settings, "prod", "s3.path-style-access").unwrap(), "true");
        assert_eq!(value(&settings, "prod", "auth.basic.username").unwrap(), "me");
        assert!(settings.catalogs["other"].is_empty());
    }

    #[test]
    fn variables_go_over_the_file() {
        let mut settings = parse(TEXT, ".pyiceberg.yaml").unwrap();
        let environment = Environment::for_tests(&[
            ("PYICEBERG_CATALOG__PROD__URI", "http://other"),
            ("PYICEBERG_CATALOG__PROD__S3__ACCESS_KEY_ID", "key"),
            ("PYICEBERG_CATALOG__MY_OWN__URI", "thrift://h"),
            ("PYICEBERG_DEFAULT_CATALOG", "my-own"),
            ("PYICEBERG_MAX_WORKERS", "8"),
        ]);
        apply_environment(&mut settings, &environment);
        assert_eq!(value(&settings, "prod", "uri").unwrap(), "http://other");
        assert_eq!(value(&settings, "prod", "s3.access-key-id").unwrap(), "key");
        assert_eq!(value(&settings, "prod", "s3.endpoint").unwrap(), "http://s");
        assert_eq!(value(&settings, "my-own", "uri").unwrap(), "thrift://h");
        assert_eq!(settings.default_catalog.as_deref(), Some("my-own"));
        assert_eq!(settings.catalogs["prod"]["uri"].origin, "PYICEBERG_CATALOG__PROD__URI");
    }

    #[test]
    fn a_file_that_is_wrong_is_told_in_one_line() {
        for text in ["a: [", "catalog: 3", "- x", "catalog:\n  a: 7"] {
            let line = parse(text, ".pyiceberg.yaml").unwrap_err().line();
            assert!(line.starts_with("error: settings file .pyiceberg.yaml: ") && !line.contains('\n'), "{line}");
        }
        assert!(parse("", ".pyiceberg.yaml").unwrap().catalogs.is_empty());
    }
}
