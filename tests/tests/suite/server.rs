//! The server through the wire, with Arrow's own Flight client and the generated gRPC clients.

mod control;
mod refusals;
mod streams;
mod wire;
