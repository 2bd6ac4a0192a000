//! Speed and memory of reading, measured beside a bare decode of the same files.
//!
//! [`data`] makes tables on the local disk and keeps them, [`subject`] is what can be measured on them,
//! [`measure`] takes CPU time and memory. The program `side_by_side` and the Criterion benches are made of these.

pub mod data;
pub mod devices;
pub mod events;
pub mod measure;
pub mod peer;
pub mod subject;
pub mod table;
