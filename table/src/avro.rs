//! Avro object container files: what manifests and some data files are written in.
//!
//! Nothing that a file says is believed before its bytes are there: memory and time are in proportion to them.
//! Nothing is made up where bytes are missing, and none may be left over. Source: Avro specification.

mod container;
mod cursor;
mod encode;
mod schema;

pub(crate) use container::{Container, Fault, Header, extent};
pub(crate) use cursor::{Cursor, unscaled};
pub(crate) use encode::{ContainerWriter, Encoder};
pub(crate) use schema::{Field, ItemType, Meaning, RecordType, Type};
