//! Ids and numbers of the table spec that must not be mixed up.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// Wraps the number as it stands in metadata.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The number as it stands in metadata.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// Identifies a snapshot within one table.
    SnapshotId(i64)
);
number!(
    /// Data sequence number: set when the rows were first committed, kept when files are rewritten.
    /// Equality deletes apply to lower numbers; position deletes also to equal ones.
    /// Source: Iceberg spec, "Scan Planning".
    DataSequenceNumber(i64)
);
number!(
    /// Identifies a partition spec within one table.
    SpecId(i32)
);
number!(
    /// Identifies a column, whatever its name. Source: Iceberg spec, "Schema Evolution".
    FieldId(i32)
);
