//! Where the services are.

use frazil_table::storage::Storage;

/// Address of a service, from the environment: `service("FRAZIL_TEST_REST_URI")`.
///
/// # Panics
/// Without it: a test that needs a service and does not have it must not pass.
pub fn service(variable: &str) -> String {
    match std::env::var(variable) {
        Ok(address) if !address.is_empty() => address,
        _ => panic!("{variable} is not set: run `scripts/test live`, or `scripts/services/up DIR` and `. DIR/env`"),
    }
}

/// `HOST:PORT` of an address, whatever is around them.
pub fn host_and_port(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

/// The S3 server, without a path map: everything comes from it.
pub fn s3_storage() -> Storage {
    let properties = [
        ("s3.endpoint", service("FRAZIL_TEST_S3_ENDPOINT")),
        ("s3.region", "us-east-1".to_owned()),
        ("s3.access-key-id", "test".to_owned()),
        ("s3.secret-access-key", "test".to_owned()),
    ];
    Storage::local().with_properties(properties.map(|(name, value)| (name.to_owned(), value)).into())
}

/// HDFS, of which everything stands in the path.
#[cfg(feature = "hdfs")]
pub fn hdfs_storage() -> Storage {
    Storage::local().with_properties(std::collections::BTreeMap::new())
}
