//! Arguments of `frazil serve`.

use std::net::SocketAddr;

use clap::Args;

/// `frazil serve`
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Folder whose folders are namespaces and tables; without it the catalogs of the settings are served
    pub(crate) warehouse: Option<String>,
    /// Address and port to listen on; port 0 takes any that is free [default: 127.0.0.1:7447]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Listen where others can connect although there is no TLS or there are no tokens
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Replaces a prefix of every path in metadata, for tables that were copied or mounted elsewhere (repeatable)
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) path_map: Vec<String>,
}
