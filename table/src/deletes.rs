//! Which rows of a data file a snapshot's deletes remove. The one place where deletes are applied.
//!
//! [`DeleteIndex`] finds the delete files that apply to a data file, by the scope rules of the spec and
//! without reading anything. [`GroupDeletes`] reads them for a group of data files and tells live rows from
//! deleted ones. Source: Iceberg spec, "Scan Planning" and "Delete Formats".

mod equality;
mod group;
mod index;
mod key_map;
mod late;
mod live;
mod position;
mod vector;

pub use equality::{KeySet, KeySetLimit};
pub use group::{FileWithDeletes, GroupDeletes, deleted_positions, in_reading_order};
pub use index::{DeleteIndex, FileDeletes};
pub use key_map::KeyPart;
pub use live::LiveRows;
pub(crate) use position::named_paths;
pub use position::position_deletes;
pub use vector::parse_deletion_vector;
pub(crate) use vector::{BLOB_TYPE, serialize_deletion_vector};
