//! `frazil serve`: the reader behind gRPC and Arrow Flight.

mod resolver;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use frazil_lock::Holder;
use frazil_reader::discovery::{DEFAULT_INTERVAL_MAX, WatchSettings};
use frazil_server::daemon::{Daemon, DaemonParts, DaemonSettings};
use frazil_server::{ServeSettings, Service, ServiceParts, TableResolver, serve};
use frazil_table::SystemClock;
use serde_json::json;
use tokio::net::TcpListener;
use tracing::info;

use self::resolver::Resolver;
use crate::args::{GlobalArgs, ServeArgs};
use crate::clock;
use crate::error::CliError;
use crate::output::Output;
use crate::settings::Settings;
use crate::stop::Stop;

/// Where to listen if nothing is said: only programs of this machine can connect.
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7447);

/// Runs the command, until a signal ends it.
///
/// # Errors
/// [`CliError::Usage`] if settings are wrong, or others could connect without TLS and tokens; [`CliError::Listen`] if
/// the port cannot be had; [`CliError::Serve`].
pub(crate) async fn run(args: &ServeArgs, global: &GlobalArgs, stop: &Stop) -> Result<(), CliError> {
    let settings = Settings::load(global)?;
    let server = settings.server();
    let address = args.listen.or(server.listen()).unwrap_or(LISTEN_DEFAULT);
    let serving = server.open()?;
    check_reach(address, &serving, args.insecure)?;
    let resolver = Resolver::new(args, global, &settings)?;
    let interval_max = settings.reader().monitor_interval.unwrap_or(DEFAULT_INTERVAL_MAX);
    let watching = WatchSettings { interval_max, seed: clock::seed(), ..WatchSettings::default() };
    let groups = settings.positions().open()?;
    let owner = Holder::of_this_process("frazil", "serve", clock::now_ms()).to_string();
    let clock = Arc::new(SystemClock);
    let tables: Arc<dyn TableResolver> = Arc::new(resolver);
    let daemon = Daemon::start(DaemonParts {
        tables: tables.clone(),
        lock: settings.lock().open()?,
        clock: clock.clone(),
        settings: DaemonSettings {
            lock_wait: settings.lock().acquire_timeout(),
            ..settings.compaction().daemon().clone()
        },
    });
    let daemon = daemon.await?;
    let service = Service::new(ServiceParts {
        tables,
        watching,
        groups,
        tickets: server.tickets()?,
        limits: server.limits(),
        owner,
        daemon: Some(daemon.handle()),
        clock,
    });
    let listener = TcpListener::bind(address).await.map_err(|source| CliError::Listen { address, source })?;
    let bound = listener.local_addr().map_err(|source| CliError::Listen { address, source })?;
    stop.let_me_end_well();
    announce(bound, &serving, global)?;
    serve(service, serving, listener, stop.asked()).await.map_err(CliError::Serve)?;
    daemon.stop().await;
    info!("the server has ended");
    Ok(())
}

/// Says where the server is, once it can be connected to.
fn announce(address: SocketAddr, serving: &ServeSettings, global: &GlobalArgs) -> Result<(), CliError> {
    let scheme = if serving.tls.is_some() { "grpc+tls" } else { "grpc" };
    let text = match global.json {
        true => format!("{}\n", json!({ "listening": format!("{scheme}://{address}") })),
        false => format!("listening on {scheme}://{address}\n"),
    };
    match Output::stdout().put(text.as_bytes()) {
        // Whoever started it may not care.
        Err(CliError::ClosedPipe) => Ok(()),
        outcome => outcome,
    }
}

/// Refuses to be reached by others without TLS and tokens, unless told to.
fn check_reach(address: SocketAddr, serving: &ServeSettings, is_insecure: bool) -> Result<(), CliError> {
    let missing = match (&serving.tls, &serving.tokens) {
        (Some(_), Some(_)) => return Ok(()),
        _ if address.ip().is_loopback() || is_insecure => return Ok(()),
        (None, Some(_)) => "TLS: set [server] tls-certificate and tls-key",
        (Some(tls), None) if tls.client_ca.is_some() => return Ok(()),
        (Some(_), None) => "tokens: set [server] tokens or tls-client-ca",
        (None, None) => "TLS and tokens: set [server] tls-certificate, tls-key and tokens",
    };
    Err(CliError::Usage(format!(
        "others can connect to {address}, and there is no {missing}; or pass --insecure, if the network is to be trusted"
    )))
}

impl CliError {
    /// What to do where a port cannot be had.
    pub(crate) fn listen_remedy(source: &io::Error) -> &'static str {
        match source.kind() {
            io::ErrorKind::AddrInUse => "another program listens there; end it, or choose another port with --listen",
            _ => "choose an address of this machine with --listen",
        }
    }
}

#[cfg(test)]
mod tests {
    use frazil_server::Tls;
    use frazil_server::auth::Tokens;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("127.0.0.1:1", false, false, false, true)]
    #[case("[::1]:1", false, false, false, true)]
    #[case("0.0.0.0:1", false, false, false, false)]
    #[case("0.0.0.0:1", true, false, false, false)]
    #[case("0.0.0.0:1", false, true, false, false)]
    #[case("0.0.0.0:1", true, true, false, true)]
    #[case("192.168.1.7:1", false, false, true, true)]
    fn others_need_tls_and_tokens(
        #[case] address: SocketAddr,
        #[case] has_tls: bool,
        #[case] has_tokens: bool,
        #[case] is_insecure: bool,
        #[case] expected: bool,
    ) {
        let tls = has_tls.then(|| Tls { certificate: String::new(), key: String::new(), client_ca: None });
        let tokens = has_tokens.then(|| Tokens::parse(&format!("a {}", "0".repeat(64))).unwrap());
        assert_eq!(check_reach(address, &ServeSettings { tls, tokens }, is_insecure).is_ok(), expected);
    }
}
