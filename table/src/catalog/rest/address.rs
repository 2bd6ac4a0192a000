//! Addresses of a REST catalog's resources.

use super::TableName;
use crate::{Result, TableError};

/// Between the levels of a namespace, unless the server says otherwise. Source: REST specification, `namespace`.
const SEPARATOR: &str = "%1F";

/// Makes addresses from names.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    base: String,
    prefix: String,
    separator: String,
}

impl Addresses {
    /// `uri` is what comes before `/v1`.
    pub(super) fn new(uri: &str, catalog: &str) -> Result<Self> {
        let base = uri.trim().trim_end_matches('/');
        let base = base.strip_suffix("/v1").unwrap_or(base);
        let scheme = base.split("://").next().unwrap_or_default().to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https") || !base.contains("://") || reqwest::Url::parse(base).is_err() {
            return Err(TableError::invalid(format!(
                "catalog `{catalog}`: uri=`{}` is no address of a REST catalog; give one such as https://host/path",
                crate::catalog::config::without_secrets(uri)
            )));
        }
        Ok(Self { base: base.to_owned(), prefix: String::new(), separator: SEPARATOR.to_owned() })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What the server puts between `/v1/` and the rest.
    pub(super) fn set_prefix(&mut self, prefix: Option<&str>) {
        let levels = prefix.unwrap_or_default().split('/').filter(|level| !level.is_empty());
        self.prefix = levels.map(|level| format!("{}/", encoded(level))).collect();
    }

    /// What stands between the levels of a namespace, percent-encoded.
    pub(super) fn set_separator(&mut self, separator: Option<&str>) {
        if let Some(separator) = separator {
            self.separator = if separator.contains('%') { separator.to_owned() } else { encoded(separator) };
        }
    }

    pub(super) fn config(&self, warehouse: Option<&str>) -> String {
        let url = format!("{}/v1/config", self.base);
        warehouse.map_or(url.clone(), |warehouse| with_parameter(&url, "warehouse", warehouse))
    }

    pub(super) fn namespaces(&self, parent: &[String]) -> String {
        let url = format!("{}/v1/{}namespaces", self.base, self.prefix);
        if parent.is_empty() { url } else { format!("{url}?parent={}", self.namespace(parent)) }
    }

    pub(super) fn tables(&self, namespace: &[String]) -> String {
        format!("{}/v1/{}namespaces/{}/tables", self.base, self.prefix, self.namespace(namespace))
    }

    pub(super) fn table(&self, table: &TableName) -> String {
        format!("{}/{}", self.tables(&table.namespace), encoded(&table.table))
    }

    pub(super) fn view(&self, table: &TableName) -> String {
        let namespace = self.namespace(&table.namespace);
        format!("{}/v1/{}namespaces/{namespace}/views/{}", self.base, self.prefix, encoded(&table.table))
    }

    fn namespace(&self, levels: &[String]) -> String {
        levels.iter().map(|level| encoded(level)).collect::<Vec<_>>().join(&self.separator)
    }
}

/// The address with one more parameter.
pub(super) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{name}={}", encoded(value))
}

/// Percent-encoded: all but letters, digits and `-._~`. Servers take `+` for a blank, so it is encoded too.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(namespace: &[&str], table: &str) -> TableName {
        TableName { namespace: namespace.iter().map(|&level| level.to_owned()).collect(), table: table.to_owned() }
    }

    #[test]
    fn names_are_encoded_and_levels_joined_by_the_unit_separator() {
        let mut addresses = Addresses::new("http://h:1/api/", "c").unwrap();
        assert_eq!(
            addresses.table(&name(&["a", "b c"], "t/+é")),
            "http://h:1/api/v1/namespaces/a%1Fb%20c/tables/t%2F%2B%C3%A9"
        );
        addresses.set_prefix(Some("ws/one two"));
        addresses.set_separator(Some("%2E"));
        assert_eq!(
            addresses.tables(&["a".to_owned(), "b".to_owned()]),
            "http://h:1/api/v1/ws/one%20two/namespaces/a%2Eb/tables"
        );
        assert_eq!(addresses.namespaces(&["a".to_owned()]), "http://h:1/api/v1/ws/one%20two/namespaces?parent=a");
    }

    #[test]
    fn the_config_is_asked_for_the_warehouse() {
        let addresses = Addresses::new("https://h/v1", "c").unwrap();
        assert_eq!(addresses.config(Some("s3://b/w")), "https://h/v1/config?warehouse=s3%3A%2F%2Fb%2Fw");
        assert_eq!(addresses.config(None), "https://h/v1/config");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in ["", "h:80", "thrift://h", "http://", "http://[", "file:///x"] {
            let error = Addresses::new(wrong, "prod").unwrap_err().to_string();
            assert!(error.contains("prod") && error.contains("https://host/path"), "{wrong}: {error}");
        }
    }
}
