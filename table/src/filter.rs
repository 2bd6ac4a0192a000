//! Filters: which rows a reader wants, as SQL, and which manifests, files, row groups and pages may hold some.
//!
//! A [`Filter`] is the text, parsed. Bound to a table it is a [`BoundFilter`]: columns by field id, literals in their
//! types. It is worked out in three-valued logic three times over: on the rows of a batch, on what statistics and
//! partitions say of many rows, and on sets of rows. A row matches if the condition is true; false and unknown are
//! alike in the end. Deciding is free of I/O; what reads files is in `scan`.

mod bind;
mod dialect;
mod evaluate;
mod facts;
mod files;
mod literal;
mod parse;
mod partition;
mod pattern;
mod predicate;
mod syntax;
mod value;

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::BooleanBuffer;
use iceberg::spec::{PrimitiveType, Schema};

pub(crate) use self::facts::{Facts, Outcome};
pub(crate) use self::predicate::{Leaf, Logic, Operator, Predicate, Test};
use self::syntax::Expression;
pub(crate) use self::value::{Value, ValueSet};
use crate::Result;
use crate::file::FileEntry;
use crate::ids::FieldId;
use crate::manifest::ManifestFile;
use crate::table::Table;

/// A condition on one row, as its author wrote it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: Arc<str>,
    expression: Arc<Expression>,
}

impl Filter {
    /// Parses the SQL of a `WHERE` clause: comparison, `AND`, `OR`, `NOT`, `IN`, `BETWEEN`, `LIKE`, `STARTS WITH`,
    /// `IS NULL`, `IS NAN`, `IS TRUE`.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`](crate::TableError::InvalidRequest) says what is wrong and at which character.
    pub fn parse(sql: &str) -> Result<Self> {
        Ok(Self { text: sql.into(), expression: Arc::new(parse::parse(sql)?) })
    }

    /// The text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Looks up the columns, first in `schema` and then in the table's current schema, and follows them by field id
    /// from then on.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`](crate::TableError::InvalidRequest) names the column that is not there, or the
    /// value that does not fit its type.
    pub fn bind(&self, table: &Table, schema: &Schema) -> Result<BoundFilter> {
        bind::bind(&self.expression, table, schema)
    }
}

/// A filter on the columns of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundFilter {
    pub(crate) columns: Vec<FilterColumn>,
    pub(crate) predicate: Predicate,
}

/// A column that a filter looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterColumn {
    pub(crate) id: FieldId,
    /// Its type in the newest schema that has it; `None` for the type `unknown`, whose values are all null.
    pub(crate) primitive: Option<PrimitiveType>,
}

impl BoundFilter {
    /// The columns that it looks at, each once; read them as [`Projection::keys`](crate::scan::Projection::keys).
    pub fn field_ids(&self) -> Vec<FieldId> {
        self.columns.iter().map(|column| column.id).collect()
    }

    /// Which rows match: one bit for each. `columns` are those of [`BoundFilter::field_ids`], in that order.
    ///
    /// # Errors
    /// [`TableError::Internal`](crate::TableError::Internal) if a column is missing, or of another type.
    pub fn matches(&self, columns: &[ArrayRef], n_rows: usize) -> Result<BooleanBuffer> {
        evaluate::matches(&self.predicate, columns, n_rows)
    }

    /// A row matches if it matches one of these. `None` if there is none of them, or if two of them do not agree on
    /// the type of a column.
    pub fn any_of<'a>(filters: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let (mut columns, mut parts) = (Vec::<FilterColumn>::new(), Vec::new());
        for filter in filters {
            let mut indexes = Vec::with_capacity(filter.columns.len());
            for column in &filter.columns {
                match columns.iter().position(|other| other.id == column.id) {
                    Some(index) if columns.get(index) == Some(column) => indexes.push(index),
                    Some(_) => return None,
                    None => {
                        indexes.push(columns.len());
                        columns.push(column.clone());
                    }
                }
            }
            parts.push(filter.predicate.renumbered(&indexes));
        }
        (!parts.is_empty()).then_some(Self { columns, predicate: Predicate::Or(parts) })
    }

    /// Whether the files that a manifest lists may hold a row that matches, by the manifest list's summaries.
    pub fn may_match_manifest(&self, table: &Table, manifest: &ManifestFile) -> bool {
        files::of_manifest(self, table, manifest).maybe_true
    }

    /// Whether a data file may hold a row that matches, by its partition and column statistics.
    pub fn may_match_file(&self, table: &Table, file: &FileEntry) -> bool {
        files::of_file(self, table, file).maybe_true
    }

    /// Whether all rows of a data file match for certain, by its partition and column statistics.
    pub fn must_match_file(&self, table: &Table, file: &FileEntry) -> bool {
        files::of_file(self, table, file).is_always_true()
    }
}
