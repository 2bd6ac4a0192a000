//! Changes of tables over Arrow Flight and gRPC, and their compaction by schedule.
//!
//! Data goes through Flight ([`flight`]), everything else through the services of `frazil.v1`; both stand on a
//! [`Service`], which finds tables, watches them and keeps the positions of consumer groups. [`serve`](serve()) puts them
//! behind a port.

pub mod auth;
mod changes_service;
mod compaction_service;
pub mod daemon;
pub mod flight;
mod metrics;
mod request;
mod serve;
mod service;
mod status;
pub mod tables;
mod tables_service;

pub use compaction_service::CompactionService;
pub use serve::{ServeError, ServeSettings, Tls, serve};
pub use service::{Limits, Service, ServiceParts};
pub use tables::TableResolver;
