//! Columns that are written without a dictionary, because the last one did not pay.

use std::collections::BTreeSet;

use parquet::basic::Encoding;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::SchemaDescriptor;

/// Leaves of a file whose dictionary was full early in a row group, so that most of its pages went without one. What
/// was looked up and kept for it was in vain, and would be again in the next row group of the same partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PlainLeaves(BTreeSet<usize>);

/// Of so many data pages, one at most had the dictionary that did not pay.
const PAGES_PER_DICTIONARY_PAGE: u64 = 4;

impl PlainLeaves {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes note of a chunk that was written; `true` if its leaf is new among these.
    pub(super) fn learn(&mut self, leaf: usize, chunk: &ColumnChunkMetaData) -> bool {
        // One that was not tried says nothing.
        if chunk.dictionary_page_offset().is_none() {
            return false;
        }
        let (mut n_pages, mut n_with_dictionary) = (0_u64, 0_u64);
        for pages in chunk.page_encoding_stats().into_iter().flatten() {
            use parquet::basic::PageType;
            if !matches!(pages.page_type, PageType::DATA_PAGE | PageType::DATA_PAGE_V2) {
                continue;
            }
            let n = u64::try_from(pages.count).unwrap_or(0);
            n_pages += n;
            if matches!(pages.encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY) {
                n_with_dictionary += n;
            }
        }
        n_with_dictionary * PAGES_PER_DICTIONARY_PAGE < n_pages && self.0.insert(leaf)
    }

    /// Properties of files that are written with this knowledge.
    pub(super) fn apply(
        &self,
        mut properties: WriterPropertiesBuilder,
        descriptor: &SchemaDescriptor,
    ) -> WriterPropertiesBuilder {
        for (_, column) in descriptor.columns().iter().enumerate().filter(|(leaf, _)| self.0.contains(leaf)) {
            properties = properties.set_column_dictionary_enabled(column.path().clone(), false);
        }
        properties
    }
}
