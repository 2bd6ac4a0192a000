//! Messages and services of the API `frazil.v1`: the proto files, and the code that is generated from them. The proto
//! files say what everything means.
//!
//! After a change of them, `cargo run` in `proto/generate` writes the code anew.

/// Version 1.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::missing_errors_doc,
    clippy::too_many_lines,
    rustdoc::all,
    reason = "generated"
)]
pub mod v1 {
    include!("generated/frazil.v1.rs");
    include!("generated/frazil.v1.serde.rs");
}

/// What the proto files say, as an encoded `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/frazil.v1.binpb");

#[cfg(test)]
mod tests {
    #[test]
    fn the_code_is_that_of_the_proto_files() {
        let sources = [
            include_str!("../frazil/v1/read.proto"),
            include_str!("../frazil/v1/changes.proto"),
            include_str!("../frazil/v1/tables.proto"),
            include_str!("../frazil/v1/compaction.proto"),
        ];
        let sum = format!("{:08x}\n", crc32fast::hash(sources.concat().as_bytes()));
        assert_eq!(sum, include_str!("generated/sources.crc32"), "run `cargo run` in proto/generate");
    }
}
