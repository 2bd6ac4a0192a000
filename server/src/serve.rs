//! The services behind one port: gRPC and Arrow Flight over HTTP/2, `/metrics` over HTTP/1.1 too.

use std::future::Future;
use std::time::Duration;

use frazil_proto::v1::compaction_server::CompactionServer;
use tokio::net::TcpListener;
use tonic::service::interceptor::InterceptedService;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::auth::{Gate, Tokens};
use crate::changes_service::ChangesApi;
use crate::compaction_service::CompactionService;
use crate::flight::FlightApi;
use crate::service::Service;
use crate::tables_service::TablesApi;

/// A connection over which nothing comes is asked whether it is still there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// It is given up if it does not answer within.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams and calls of one connection at the same time.
const N_CALLS_MAX: u32 = 1_024;
/// OpenMetrics, which Prometheus reads.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Bytes of all headers of a call.
const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// Certificates, as PEM.
#[derive(Clone)]
pub struct Tls {
    /// The server's, with those that sign it.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// Clients must have a certificate signed by one of these.
    pub client_ca: Option<String>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tls").field("has_client_ca", &self.client_ca.is_some()).finish_non_exhaustive()
    }
}

/// Who may connect, and how.
#[derive(Debug, Clone, Default)]
pub struct ServeSettings {
    /// Without it, what is sent can be read and changed on its way.
    pub tls: Option<Tls>,
    /// Without it, everyone may call.
    pub tokens: Option<Tokens>,
}

/// Why a server could not be started, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The certificates cannot be used, or connections cannot be taken.
    #[error("the server cannot serve")]
    Transport(#[source] tonic::transport::Error),
    /// The descriptions of the services are damaged.
    #[error("the services cannot be described")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// Serves until `stop` is over, then lets the calls that are under way come to their ends: streams are ended with a
/// position to go on from.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    service: Service,
    settings: ServeSettings,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut server = Server::builder()
        .accept_http1(true)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(Some(N_CALLS_MAX))
        .http2_max_header_list_size(Some(HEADER_BYTES_MAX));
    if let Some(tls) = settings.tls {
        let mut config = ServerTlsConfig::new().identity(Identity::from_pem(tls.certificate, tls.key));
        if let Some(ca) = tls.client_ca {
            config = config.client_ca_root(Certificate::from_pem(ca));
        }
        server = server.tls_config(config).map_err(ServeError::Transport)?;
    }
    let routes = routes(&service, settings.tokens)?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let stopping = async {
        stop.await;
        service.stop();
    };
    server.add_routes(routes).serve_with_incoming_shutdown(incoming, stopping).await.map_err(ServeError::Transport)
}

fn routes(service: &Service, tokens: Option<Tokens>) -> Result<Routes, ServeError> {
    let gate = Gate { tokens };
    let (_, health) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(frazil_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let reflection_v1 = reflection().build_v1().map_err(ServeError::Reflection)?;
    let reflection_v1alpha = reflection().build_v1alpha().map_err(ServeError::Reflection)?;
    let mut routes = RoutesBuilder::default();
    routes
        // Whoever starts and stops servers has no token.
        .add_service(health)
        .add_service(InterceptedService::new(reflection_v1, gate.clone()))
        .add_service(InterceptedService::new(reflection_v1alpha, gate.clone()))
        .add_service(InterceptedService::new(FlightApi::server(service.clone()), gate.clone()))
        .add_service(InterceptedService::new(ChangesApi::server(service.clone()), gate.clone()))
        .add_service(InterceptedService::new(TablesApi::server(service.clone()), gate.clone()));
    if let Some(daemon) = service.daemon() {
        let compaction = CompactionServer::new(CompactionService::new(daemon.clone()));
        routes.add_service(InterceptedService::new(compaction, gate));
    }
    let metrics = service.metrics().clone();
    let show = axum::routing::get(async move || ([("content-type", METRICS_TYPE)], metrics.text()));
    Ok(Routes::from(routes.routes().into_axum_router().route("/metrics", show)))
}
