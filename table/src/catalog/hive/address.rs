//! Addresses of metastores.

use std::fmt;

use crate::{Result, TableError};

/// Where metastores listen unless settings say otherwise.
const PORT: u16 = 9083;

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "thrift://{}:{}", self.host, self.port)
    }
}

/// `thrift://host:port`, several separated by commas.
pub(super) fn parse(uris: &str, catalog: &str) -> Result<Vec<Address>> {
    let addresses: Option<Vec<Address>> = uris.split(',').map(|uri| parse_one(uri.trim())).collect();
    addresses.filter(|addresses| !addresses.is_empty()).ok_or_else(|| {
        TableError::invalid(format!(
            "catalog `{catalog}`: uri=`{uris}` is no address of a metastore; give thrift://host:9083, several separated by commas"
        ))
    })
}

fn parse_one(uri: &str) -> Option<Address> {
    let rest = uri.strip_prefix("thrift://")?.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        // An IPv6 address without a port ends in a bracket.
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (rest, PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host = !host.is_empty() && !host.contains(['/', '@', ' ', '?']);
    is_host.then(|| Address { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn several_servers_are_separated_by_commas() {
        let shown: Vec<String> = parse("thrift://a:1, thrift://b/,thrift://[::1]:2,thrift://[::1]", "c")
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown, ["thrift://a:1", "thrift://b:9083", "thrift://::1:2", "thrift://::1:9083"]);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in ["", "http://a:1", "a:1", "thrift://", "thrift://a:port", "thrift://a:1,", "thrift://u@a:1"] {
            let error = parse(wrong, "prod").unwrap_err().to_string();
            assert!(error.contains("prod") && error.contains("thrift://host:9083"), "{wrong}: {error}");
        }
    }
}
