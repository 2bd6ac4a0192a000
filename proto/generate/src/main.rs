//! Writes the code and the descriptors of `frazil-proto`, from the folder of that crate: `cargo run`.

use std::error::Error;
use std::fs;
use std::path::Path;

use prost::Message;

const FILES: [&str; 4] =
    ["frazil/v1/read.proto", "frazil/v1/changes.proto", "frazil/v1/tables.proto", "frazil/v1/compaction.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let generated = root.join("src/generated");
    let sources: Vec<String> = FILES.iter().map(|file| fs::read_to_string(root.join(file))).collect::<Result<_, _>>()?;
    // By this a test finds out that the code is not of these files.
    fs::write(generated.join("sources.crc32"), format!("{:08x}\n", crc32fast::hash(sources.concat().as_bytes())))?;
    let descriptors = protox::compile(FILES, [&root])?;
    let encoded = descriptors.encode_to_vec();
    pbjson_build::Builder::new()
        .register_descriptors(&encoded)?
        .btree_map(["."])
        .preserve_proto_field_names()
        .out_dir(&generated)
        .build(&[".frazil.v1"])?;
    fs::write(generated.join("frazil.v1.binpb"), encoded)?;
    tonic_prost_build::configure()
        .btree_map(".")
        .emit_rerun_if_changed(false)
        .out_dir(&generated)
        .compile_fds(descriptors)?;
    Ok(())
}
