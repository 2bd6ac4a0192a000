//! How to make the output columns from the columns of one file.

use std::ops::Range;

use arrow_schema::{DataType, FieldRef, TimeUnit};
use iceberg::spec::PrimitiveType;

use super::columns::{FileColumn, FileColumns};
use super::constant::{self, Constant};
use super::convert::Conversion;
use super::projection::{Column, LAST_UPDATED, Projection, ROW_ID, Target, TargetKind};
use crate::file::FileEntry;
use crate::table::Table;
use crate::{Result, TableError};

/// How to make the output columns from what the decoder gives.
#[derive(Debug)]
pub(super) struct Plan {
    /// For each leaf of the file, whether it is decoded.
    pub(super) leaves: Vec<bool>,
    pub(super) columns: Vec<ColumnPlan>,
    /// Leaves stored as INT96 that become microseconds.
    pub(super) int96_micros: Vec<usize>,
}

/// How to make one output column.
#[derive(Debug)]
pub(super) enum ColumnPlan {
    /// From a decoded column; `path` has its index, then that in each struct on the way to it.
    Decoded { path: Vec<usize>, source: Source },
    /// The same in every row.
    Constant(Constant),
    /// `_row_id`; `stored` is the decoded column's index.
    RowId { stored: Option<usize> },
    /// `_last_updated_sequence_number`
    LastUpdated { stored: Option<usize> },
}

/// How to make a field from a decoded array.
#[derive(Debug)]
pub(super) enum Source {
    Leaf(Conversion, FieldRef),
    Struct(Vec<Child>, FieldRef),
    List(Box<Source>, FieldRef),
    Map(Box<Source>, Box<Source>, FieldRef),
}

/// A field of a struct.
#[derive(Debug)]
pub(super) enum Child {
    /// From the decoded struct's field with this index.
    Decoded(usize, Source),
    Constant(Constant),
}

/// Where the values of a key column come from.
pub(super) enum KeyColumn {
    /// A leaf of the file, of this type, and what becomes of its values.
    Leaf { leaf: usize, stored: DataType, conversion: Conversion },
    /// One value in all rows.
    Constant(Constant),
}

/// What a plan is made from.
pub(super) struct Resolver<'a> {
    pub(super) table: &'a Table,
    pub(super) file: &'a FileEntry,
    pub(super) columns: &'a FileColumns,
    /// For each leaf, whether it is stored as INT96.
    pub(super) int96: &'a [bool],
}

impl Resolver<'_> {
    /// Plans the columns of `projection`.
    ///
    /// # Errors
    /// [`TableError::Corrupt`] if the file's type of a column does not fit the table's, or a required column is
    /// missing; [`TableError::Unsupported`] if the file's columns cannot be told apart.
    pub(super) fn plan(&self, projection: &Projection) -> Result<Plan> {
        let mut wanted = Wanted { leaves: vec![false; self.int96.len()], int96_micros: Vec::new() };
        for column in projection.columns() {
            match column {
                Column::Field(target) => {
                    if let Some((_, found)) = self.columns.find(target.id).filter(|_| target.is_stored()) {
                        self.want(target, found, &mut wanted)?;
                    }
                }
                Column::Key(target) => {
                    if let Some((_, found)) = self.columns.find_in_structs(target.id).filter(|_| target.is_stored()) {
                        self.want(target, found, &mut wanted)?;
                    }
                }
                Column::RowId(_) => self.want_lineage(ROW_ID, &mut wanted),
                Column::LastUpdated(_) => self.want_lineage(LAST_UPDATED, &mut wanted),
            }
        }
        let columns = projection.columns().iter().map(|column| self.column(column, &wanted.leaves));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Plan { columns, leaves: wanted.leaves, int96_micros: wanted.int96_micros })
    }

    /// Plans a key column on its own.
    pub(super) fn key(&self, target: &Target) -> Result<KeyColumn> {
        match self.columns.find_in_structs(target.id).filter(|_| target.is_stored()) {
            Some((_, found)) => Ok(KeyColumn::Leaf {
                leaf: found.leaves.start,
                stored: found.data_type.clone(),
                conversion: self.conversion(target, found)?,
            }),
            None => constant::of_missing(target, self.table, self.file).map(KeyColumn::Constant),
        }
    }

    fn want_lineage(&self, id: i32, wanted: &mut Wanted) {
        if let Some((_, found)) = self.columns.find(id)
            && found.data_type == DataType::Int64
        {
            wanted.leaves[found.leaves.start] = true;
        }
    }

    /// Marks the leaves that `target` is made of.
    fn want(&self, target: &Target, found: &FileColumn, wanted: &mut Wanted) -> Result<()> {
        match (&target.kind, &found.data_type, found.children.as_slice()) {
            (TargetKind::Struct(fields), DataType::Struct(_), _) => {
                self.refuse_unknown_children(target, found)?;
                let mut any = false;
                for field in fields {
                    if let Some((_, child)) = child_of(found, field) {
                        self.want(field, child, wanted)?;
                        any = true;
                    }
                }
                // Some leaf must be read to tell where the struct itself is null.
                if !any {
                    wanted.leaves[anchor(found)].fill(true);
                }
                Ok(())
            }
            (TargetKind::List(element), DataType::List(_), [found]) => self.want(element, found, wanted),
            (TargetKind::Map(key, value), DataType::Map(_, _), [found_key, found_value]) => {
                self.want(key, found_key, wanted)?;
                self.want(value, found_value, wanted)
            }
            (TargetKind::Primitive(primitive), _, []) => {
                self.conversion(target, found)?;
                let leaf = found.leaves.start;
                wanted.leaves[leaf] = true;
                if self.is_int96(found) && matches!(primitive, PrimitiveType::Timestamp | PrimitiveType::Timestamptz) {
                    wanted.int96_micros.push(leaf);
                }
                Ok(())
            }
            // Inside a list or map the column tells how many elements there are.
            (TargetKind::Unknown, _, _) => {
                wanted.leaves[anchor(found)].fill(true);
                Ok(())
            }
            _ => Err(self.misfit(target, found)),
        }
    }

    fn column(&self, column: &Column, leaves: &[bool]) -> Result<ColumnPlan> {
        let constant = |target: &Target| constant::of_missing(target, self.table, self.file).map(ColumnPlan::Constant);
        match column {
            Column::Field(target) => match self.columns.find(target.id).filter(|_| target.is_stored()) {
                Some((index, found)) => Ok(ColumnPlan::Decoded {
                    path: vec![decoded_index(&self.columns.columns, index, leaves)],
                    source: self.source(target, found, leaves)?,
                }),
                None => constant(target),
            },
            Column::Key(target) => match self.columns.find_in_structs(target.id).filter(|_| target.is_stored()) {
                Some((path, found)) => {
                    let mut level = self.columns.columns.as_slice();
                    let mut decoded_path = Vec::with_capacity(path.len());
                    for index in path {
                        decoded_path.push(decoded_index(level, index, leaves));
                        level = &level[index].children;
                    }
                    Ok(ColumnPlan::Decoded { path: decoded_path, source: self.source(target, found, leaves)? })
                }
                None => constant(target),
            },
            Column::RowId(_) => Ok(ColumnPlan::RowId { stored: self.lineage(ROW_ID, leaves) }),
            Column::LastUpdated(_) => Ok(ColumnPlan::LastUpdated { stored: self.lineage(LAST_UPDATED, leaves) }),
        }
    }

    fn lineage(&self, id: i32, leaves: &[bool]) -> Option<usize> {
        let (index, found) = self.columns.find(id)?;
        leaves[found.leaves.clone()]
            .iter()
            .any(|wanted| *wanted)
            .then(|| decoded_index(&self.columns.columns, index, leaves))
    }

    fn source(&self, target: &Target, found: &FileColumn, leaves: &[bool]) -> Result<Source> {
        let arrow = target.arrow.clone();
        match (&target.kind, found.children.as_slice()) {
            (TargetKind::Struct(fields), _) => {
                let children = fields.iter().map(|field| match child_of(found, field) {
                    Some((index, child)) => {
                        let index = decoded_index(&found.children, index, leaves);
                        Ok(Child::Decoded(index, self.source(field, child, leaves)?))
                    }
                    None => constant::of_missing(field, self.table, self.file).map(Child::Constant),
                });
                Ok(Source::Struct(children.collect::<Result<Vec<_>>>()?, arrow))
            }
            (TargetKind::List(element), [found]) => {
                Ok(Source::List(Box::new(self.source(element, found, leaves)?), arrow))
            }
            (TargetKind::Map(key, value), [found_key, found_value]) => {
                let key = self.source(key, found_key, leaves)?;
                let value = self.source(value, found_value, leaves)?;
                Ok(Source::Map(Box::new(key), Box::new(value), arrow))
            }
            (TargetKind::Primitive(_), _) => Ok(Source::Leaf(self.conversion(target, found)?, arrow)),
            (TargetKind::Unknown, _) => Ok(Source::Leaf(Conversion::Null, arrow)),
            _ => Err(self.misfit(target, found)),
        }
    }

    fn conversion(&self, target: &Target, found: &FileColumn) -> Result<Conversion> {
        let to = target.arrow.data_type();
        let conversion = match to {
            // These are decoded to microseconds at once, since nanoseconds do not reach far enough.
            DataType::Timestamp(TimeUnit::Microsecond, _) if self.is_int96(found) => {
                Conversion::between(&DataType::Timestamp(TimeUnit::Microsecond, None), to)
            }
            _ => Conversion::between(&found.data_type, to),
        };
        conversion.ok_or_else(|| self.misfit(target, found))
    }

    fn is_int96(&self, found: &FileColumn) -> bool {
        found.children.is_empty() && self.int96.get(found.leaves.start) == Some(&true)
    }

    fn misfit(&self, target: &Target, found: &FileColumn) -> TableError {
        TableError::corrupt(
            &*self.file.path,
            format!(
                "column `{}` (field id `{}`) is `{}` in the table, but `{}` in the file, which cannot become that",
                target.name,
                target.id,
                target.arrow.data_type(),
                found.data_type
            ),
        )
    }

    /// Without ids inside a struct its fields cannot be told apart; by name would be a guess.
    fn refuse_unknown_children(&self, target: &Target, found: &FileColumn) -> Result<()> {
        if self.columns.by_position && found.children.iter().all(|child| child.id.is_none()) {
            return Err(TableError::unsupported(
                &*self.file.path,
                format!(
                    "the file has no field ids, so the fields inside column `{}` are unknown; \
                     set table property `schema.name-mapping.default`",
                    target.name
                ),
            ));
        }
        Ok(())
    }
}

struct Wanted {
    leaves: Vec<bool>,
    int96_micros: Vec<usize>,
}

fn child_of<'a>(found: &'a FileColumn, field: &Target) -> Option<(usize, &'a FileColumn)> {
    found.children.iter().enumerate().find(|(_, child)| child.id == Some(field.id) && field.is_stored())
}

/// Index that `columns[index]` has among those that the decoder gives.
fn decoded_index(columns: &[FileColumn], index: usize, leaves: &[bool]) -> usize {
    let is_decoded = |column: &&FileColumn| leaves[column.leaves.clone()].iter().any(|wanted| *wanted);
    columns[..index].iter().filter(is_decoded).count()
}

/// Leaves that show which values of a column are null: one if possible, the one in the fewest lists.
fn anchor(found: &FileColumn) -> Range<usize> {
    fn shallowest(column: &FileColumn) -> Option<(usize, usize)> {
        match &column.data_type {
            // The decoder gives a map only whole.
            DataType::Map(_, _) => None,
            DataType::List(_) => column.children.first().and_then(shallowest).map(|(lists, leaf)| (lists + 1, leaf)),
            DataType::Struct(_) => column.children.iter().filter_map(shallowest).min(),
            _ => Some((0, column.leaves.start)),
        }
    }
    shallowest(found).map_or_else(|| found.leaves.clone(), |(_, leaf)| leaf..leaf + 1)
}
