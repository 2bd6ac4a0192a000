//! A table at one version of its metadata.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use iceberg::spec::{NameMapping, PrimitiveType, SchemaRef, SnapshotRef, TableMetadata};

use crate::file::{FileEntry, FileFormat};
use crate::ids::{FieldId, SpecId};
use crate::manifest::ManifestCache;
use crate::metadata::ForeignFields;
use crate::storage::{AheadLimits, ReadAhead, Storage};
use crate::{Result, TableError};

/// Property that maps column names to field ids, for files written without ids.
const NAME_MAPPING_PROPERTY: &str = "schema.name-mapping.default";

/// What the manifests kept in memory may take, for each table.
const MANIFEST_CACHE_BYTES: usize = 32 * 1024 * 1024;

/// A table at one version of its metadata: a cheap handle, cloned freely. Loading again gives a newer one.
#[derive(Debug, Clone)]
pub struct Table {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    metadata: TableMetadata,
    metadata_location: String,
    storage: Storage,
    name_mapping: Option<NameMapping>,
    foreign: ForeignFields,
    manifest_cache: Arc<ManifestCache>,
}

impl Table {
    /// Says which files will be read soon, in the order in which they will be: [`Storage::read_ahead`]. `files` is
    /// not called where the table is on this machine.
    pub fn read_ahead<'a, I>(&self, files: impl FnOnce() -> I) -> ReadAhead
    where
        I: IntoIterator<Item = &'a FileEntry>,
    {
        if self.storage().is_near(self.metadata_location()) {
            return ReadAhead::none();
        }
        // Of a puffin file the end is not read, so that it is fetched whole or not at all.
        let whole_bytes_max = AheadLimits::REMOTE.whole_file_bytes_max;
        let is_wanted =
            |file: &&FileEntry| file.format != FileFormat::Puffin || file.file_size_bytes <= whole_bytes_max;
        let mut seen = HashSet::new();
        let files = files().into_iter().filter(is_wanted).filter(|file| seen.insert(file.path.clone()));
        self.storage().read_ahead(files.map(|file| (file.path.clone(), file.file_size_bytes)))
    }

    /// Both are the same state of a table: they are of one metadata file.
    pub fn is_same_state(&self, other: &Self) -> bool {
        self.metadata_location() == other.metadata_location()
    }

    /// `name` is for messages. `foreign` is what the schemas of `metadata` say beyond it.
    ///
    /// # Errors
    /// [`TableError::Corrupt`] if the name mapping property is no valid mapping.
    pub fn new(
        name: impl Into<String>,
        metadata: TableMetadata,
        metadata_location: impl Into<String>,
        storage: Storage,
        foreign: ForeignFields,
    ) -> Result<Self> {
        let metadata_location = metadata_location.into();
        let name_mapping = match metadata.properties().get(NAME_MAPPING_PROPERTY) {
            None => None,
            Some(text) => Some(serde_json::from_str(text).map_err(|error| {
                TableError::corrupt(&metadata_location, format!("property `{NAME_MAPPING_PROPERTY}`: {error}"))
            })?),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                name: name.into(),
                metadata,
                metadata_location,
                storage,
                name_mapping,
                foreign,
                manifest_cache: Arc::new(ManifestCache::new(MANIFEST_CACHE_BYTES)),
            }),
        })
    }

    /// The table as the user named it.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The table's metadata.
    pub fn metadata(&self) -> &TableMetadata {
        &self.inner.metadata
    }

    /// Path of the metadata file.
    pub fn metadata_location(&self) -> &str {
        &self.inner.metadata_location
    }

    /// The store that holds the table's files.
    pub fn storage(&self) -> &Storage {
        &self.inner.storage
    }

    /// Names of columns in files without field ids.
    pub fn name_mapping(&self) -> Option<&NameMapping> {
        self.inner.name_mapping.as_ref()
    }

    /// Columns whose type the metadata library cannot express, with that type (`unknown`, `variant`, …).
    pub fn foreign_types(&self) -> &BTreeMap<FieldId, String> {
        &self.inner.foreign.types
    }

    /// What the schemas say that the metadata library has no place for.
    pub fn foreign_fields(&self) -> &ForeignFields {
        &self.inner.foreign
    }

    pub(crate) fn manifest_cache(&self) -> &ManifestCache {
        &self.inner.manifest_cache
    }

    /// This version of the table, with the manifests that were read for `earlier`, another version of the same table:
    /// manifests never change. What is kept of another table is not taken.
    #[must_use]
    pub fn with_cache_of(self, earlier: &Self) -> Self {
        let is_shared = Arc::ptr_eq(&self.inner.manifest_cache, &earlier.inner.manifest_cache);
        if is_shared || self.metadata().uuid() != earlier.metadata().uuid() {
            return self;
        }
        let manifest_cache = earlier.inner.manifest_cache.clone();
        let inner = match Arc::try_unwrap(self.inner) {
            Ok(inner) => Inner { manifest_cache, ..inner },
            Err(shared) => Inner {
                name: shared.name.clone(),
                metadata: shared.metadata.clone(),
                metadata_location: shared.metadata_location.clone(),
                storage: shared.storage.clone(),
                name_mapping: shared.name_mapping.clone(),
                foreign: shared.foreign.clone(),
                manifest_cache,
            },
        };
        Self { inner: Arc::new(inner) }
    }

    /// Files under this spec have no partition, so that equality deletes under it apply to every file.
    pub fn is_unpartitioned(&self, spec_id: SpecId) -> bool {
        self.metadata().partition_spec_by_id(spec_id.get()).is_some_and(|spec| spec.is_unpartitioned())
    }

    /// The newest schema that has the column: columns dropped since are still compared by equality deletes.
    pub fn schema_with(&self, id: FieldId) -> Option<&SchemaRef> {
        let current = self.metadata().current_schema();
        if current.field_by_id(id.get()).is_some() {
            return Some(current);
        }
        self.metadata()
            .schemas_iter()
            .filter(|schema| schema.field_by_id(id.get()).is_some())
            .max_by_key(|schema| schema.schema_id())
    }

    /// Type of a column in the newest schema that has it; `None` if no schema has it or it is nested.
    pub fn primitive_type(&self, id: FieldId) -> Option<PrimitiveType> {
        if self.foreign_types().contains_key(&id) {
            return None;
        }
        self.schema_with(id)?.field_by_id(id.get())?.field_type.as_primitive_type().cloned()
    }

    /// Schema in which the rows of a snapshot are shown: its own, else the table's current one.
    /// Source: Iceberg spec, "Snapshots", `schema-id`.
    ///
    /// # Errors
    /// [`TableError::Corrupt`] if the snapshot names a schema that the metadata does not have.
    pub fn schema_of(&self, snapshot: &SnapshotRef) -> Result<SchemaRef> {
        match snapshot.schema_id() {
            None => Ok(self.metadata().current_schema().clone()),
            Some(id) => self.metadata().schema_by_id(id).cloned().ok_or_else(|| {
                TableError::corrupt(
                    self.metadata_location(),
                    format!("snapshot `{}` names schema `{id}`, which is not there", snapshot.snapshot_id()),
                )
            }),
        }
    }
}
