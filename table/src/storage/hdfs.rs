//! HDFS: from properties to a store of one name node or name service. Compiled with the feature `hdfs`.

use std::sync::Arc;

use hdfs_native_object_store::HdfsObjectStoreBuilder;
use object_store::ObjectStore;

use super::properties::Properties;
use crate::{Result, TableError};

const HOST: &[&str] = &["hdfs.host"];
const PORT: &[&str] = &["hdfs.port"];

/// How Hadoop's own settings begin, which are taken as they are.
const HADOOP: [&str; 3] = ["dfs.", "fs.", "hadoop."];

/// What `properties` say of `authority`, a name node or name service; where it is empty, of the one that they name, or
/// that Hadoop's settings name in `fs.defaultFS`. Those in `$HADOOP_CONF_DIR` hold where no property says otherwise.
///
/// # Errors
/// [`TableError::InvalidRequest`] if a value cannot be.
pub(super) fn store(authority: &str, properties: &Properties) -> Result<Arc<dyn ObjectStore>> {
    let settings = HADOOP.iter().flat_map(|begin| {
        properties.under(begin).map(move |(rest, value)| (format!("{begin}{rest}"), value.to_owned()))
    });
    let mut builder = HdfsObjectStoreBuilder::new().with_config(settings);
    if let Some(url) = url(authority, properties)? {
        builder = builder.with_url(url);
    }
    let store = builder.build().map_err(|error| {
        TableError::invalid(format!(
            "no HDFS can be reached with these settings: {error}; name it in the path, in hdfs.host, or in core-site.xml \
             in $HADOOP_CONF_DIR"
        ))
    })?;
    Ok(Arc::new(store))
}

fn url(authority: &str, properties: &Properties) -> Result<Option<String>> {
    if !authority.is_empty() {
        return Ok(Some(format!("hdfs://{authority}")));
    }
    let Some(host) = properties.text(HOST) else { return Ok(None) };
    Ok(Some(match properties.text(PORT) {
        None => format!("hdfs://{host}"),
        Some(port) => match port.parse::<u16>() {
            Ok(port) => format!("hdfs://{host}:{port}"),
            Err(_) => return Err(properties.wrong(PORT, "is no port")),
        },
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    fn url_of(authority: &str, properties: &[(&str, &str)]) -> Result<Option<String>> {
        let properties: BTreeMap<String, String> =
            properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        url(authority, &properties.into())
    }

    #[test]
    fn a_path_without_a_name_node_is_at_the_one_of_the_properties() {
        let host = ("hdfs.host", "nn");
        assert_eq!(url_of("a:8020", &[host]).unwrap().as_deref(), Some("hdfs://a:8020"));
        assert_eq!(url_of("", &[host]).unwrap().as_deref(), Some("hdfs://nn"));
        assert_eq!(url_of("", &[host, ("hdfs.port", "9000")]).unwrap().as_deref(), Some("hdfs://nn:9000"));
        assert_eq!(url_of("", &[]).unwrap(), None);
        assert!(url_of("", &[host, ("hdfs.port", "no")]).unwrap_err().to_string().contains("hdfs.port"));
    }
}
