//! The manifests of a snapshot, from its manifest list alone.

use std::collections::HashMap;

use frazil_table::manifest::{ManifestContent, ManifestFile};
use serde::Serialize;

/// Size that engines merge manifests to, and its default. Source: Iceberg documentation, "Table behavior properties".
const TARGET_SIZE_PROPERTY: &str = "commit.manifest.target-size-bytes";
const TARGET_SIZE_BYTES_DEFAULT: u64 = 8 * 1024 * 1024;

/// The manifests of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ManifestsReport {
    pub(crate) data_manifests: u64,
    pub(crate) delete_manifests: u64,
    pub(crate) bytes: u64,
    /// 0 without manifests.
    pub(crate) average_bytes: u64,
    /// A manifest below this size is small: three quarters of what engines merge to.
    pub(crate) small_manifest_size_bytes: u64,
    pub(crate) small_manifests: u64,
}

impl ManifestsReport {
    /// Counts manifests. One whose list does not say its size counts with 0 bytes, and not as small.
    pub(crate) fn new(manifests: &[ManifestFile], properties: &HashMap<String, String>) -> Self {
        let target = properties.get(TARGET_SIZE_PROPERTY).and_then(|text| text.parse().ok());
        let small_manifest_size_bytes = target.unwrap_or(TARGET_SIZE_BYTES_DEFAULT) / 4 * 3;
        let mut report = Self { small_manifest_size_bytes, ..Self::default() };
        for manifest in manifests {
            match manifest.content {
                ManifestContent::Data => report.data_manifests += 1,
                ManifestContent::Deletes => report.delete_manifests += 1,
            }
            report.bytes = report.bytes.saturating_add(manifest.length_bytes.unwrap_or(0));
            let is_small = manifest.length_bytes.is_some_and(|bytes| bytes < small_manifest_size_bytes);
            report.small_manifests += u64::from(is_small);
        }
        report.average_bytes = report.bytes.checked_div(report.count()).unwrap_or(0);
        report
    }

    /// All manifests.
    pub(crate) fn count(&self) -> u64 {
        self.data_manifests + self.delete_manifests
    }
}
