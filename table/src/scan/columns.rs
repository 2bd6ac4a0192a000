//! The columns of a file as the decoder will give them, each with the field id that it stands for.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema as ArrowSchema};
use iceberg::spec::{MappedField, NameMapping};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::projection::{LAST_UPDATED, ROW_ID};
use crate::file::FileContent;

/// Columns of position delete files. Source: Iceberg spec, "Reserved Field IDs".
const RESERVED: [(&str, i32); 4] = [
    ("file_path", 2_147_483_546),
    ("pos", 2_147_483_545),
    ("_row_id", ROW_ID),
    ("_last_updated_sequence_number", LAST_UPDATED),
];

/// A column of a file, or something inside one.
#[derive(Debug)]
pub(super) struct FileColumn {
    pub(super) id: Option<i32>,
    pub(super) name: String,
    pub(super) data_type: DataType,
    /// Indexes of its leaves among all leaves of the file.
    pub(super) leaves: Range<usize>,
    /// Fields of a struct; the element of a list; key and value of a map.
    pub(super) children: Vec<FileColumn>,
}

/// The columns of a file, and how their ids were found.
#[derive(Debug)]
pub(super) struct FileColumns {
    pub(super) columns: Vec<FileColumn>,
    /// Ids were given by position: fields inside structs have none.
    pub(super) by_position: bool,
}

impl FileColumns {
    /// `schema` is what the parquet crate makes of the file's own schema. Its leaves are those of the file, in
    /// the same order.
    ///
    /// Where the file has no field ids at all they come from the table's name mapping, else from the position
    /// of the top-level columns, as in Iceberg's Java library.
    pub(super) fn new(schema: &ArrowSchema, name_mapping: Option<&NameMapping>, content: FileContent) -> Self {
        let mut next_leaf = 0;
        let mut columns: Vec<_> = schema.fields().iter().map(|field| FileColumn::new(field, &mut next_leaf)).collect();
        if columns.iter().any(FileColumn::has_ids) {
            return Self { columns, by_position: false };
        }
        if content == FileContent::PositionDeletes {
            for column in &mut columns {
                column.id = reserved_id(&column.name);
            }
            return Self { columns, by_position: false };
        }
        if let Some(mapping) = name_mapping {
            let fields: Vec<&MappedField> = mapping.fields().iter().collect();
            for column in &mut columns {
                column.map_names(&fields);
            }
            return Self { columns, by_position: false };
        }
        for (id, column) in (1..).zip(&mut columns) {
            column.id = Some(id);
        }
        Self { columns, by_position: true }
    }

    /// The top-level column with this id, and its index.
    pub(super) fn find(&self, id: i32) -> Option<(usize, &FileColumn)> {
        self.columns.iter().enumerate().find(|(_, column)| column.id == Some(id))
    }

    /// The column with this id at the top level or in structs: index at each level, and the column.
    pub(super) fn find_in_structs(&self, id: i32) -> Option<(Vec<usize>, &FileColumn)> {
        fn find(columns: &[FileColumn], id: i32) -> Option<(Vec<usize>, &FileColumn)> {
            for (index, column) in columns.iter().enumerate() {
                if column.id == Some(id) {
                    return Some((vec![index], column));
                }
                if matches!(column.data_type, DataType::Struct(_))
                    && let Some((mut path, found)) = find(&column.children, id)
                {
                    path.insert(0, index);
                    return Some((path, found));
                }
            }
            None
        }
        find(&self.columns, id)
    }
}

impl FileColumn {
    fn new(field: &Field, next_leaf: &mut usize) -> Self {
        let first_leaf = *next_leaf;
        let children: Vec<_> = children(field.data_type()).iter().map(|child| Self::new(child, next_leaf)).collect();
        if children.is_empty() {
            *next_leaf += 1;
        }
        Self {
            id: field.metadata().get(PARQUET_FIELD_ID_META_KEY).and_then(|id| id.parse().ok()),
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            leaves: first_leaf..*next_leaf,
            children,
        }
    }

    fn has_ids(&self) -> bool {
        self.id.is_some() || self.children.iter().any(Self::has_ids)
    }

    /// Takes ids from the mapping of the level that this column stands at.
    fn map_names(&mut self, level: &[&MappedField]) {
        let name = self.name.clone();
        self.map_name(&name, level);
    }

    fn map_name(&mut self, name: &str, level: &[&MappedField]) {
        let Some(mapped) = level.iter().find(|mapped| mapped.names().iter().any(|other| other == name)) else {
            return;
        };
        self.id = mapped.field_id();
        let level: Vec<&MappedField> = mapped.fields().iter().map(Arc::as_ref).collect();
        // Lists and maps name their contents alike in every mapping; writers differ.
        match (&self.data_type, self.children.as_mut_slice()) {
            (DataType::List(_), [element]) => element.map_name("element", &level),
            (DataType::Map(_, _), [key, value]) => {
                key.map_name("key", &level);
                value.map_name("value", &level);
            }
            (_, children) => children.iter_mut().for_each(|child| child.map_names(&level)),
        }
    }
}

fn children(data_type: &DataType) -> Vec<FieldRef> {
    match data_type {
        DataType::Struct(fields) => fields.iter().cloned().collect(),
        DataType::List(element) => vec![element.clone()],
        DataType::Map(entries, _) => children(entries.data_type()),
        _ => Vec::new(),
    }
}

fn reserved_id(name: &str) -> Option<i32> {
    RESERVED.iter().find(|(reserved, _)| *reserved == name).map(|(_, id)| *id)
}
