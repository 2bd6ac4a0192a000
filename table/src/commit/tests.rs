#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods
)]
//! The protocol against a catalog that fails in every way that a catalog can.

mod fake;
mod histories;
mod protocol;
mod rewrites;
