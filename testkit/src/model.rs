//! Independent model of what a table's snapshots hold and change: plain data, no file formats, and none of the
//! code under test. It states the definitions of the change-stream semantics as directly as can be.

mod files;
mod fold;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use crate::schema::{Column, PartitionSpec, TableSchema};
use crate::value::{Row, Value};

pub use self::files::{DataFile, DeletionVector, EqualityDelete, File, Lineage, Listed, PositionDelete, Snapshot};
pub use self::fold::{fold, multiset, net};

/// A live row of one snapshot.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Data file.
    pub path: String,
    /// Position in it.
    pub position: usize,
    /// Data sequence number of the file.
    pub data_sequence: i64,
    /// Place of the file in the manifests.
    pub order: (usize, usize),
    /// Values in the order of the schema asked for.
    pub row: Row,
    /// `_row_id`
    pub row_id: Option<i64>,
    /// `_last_updated_sequence_number`
    pub updated: i64,
    /// Name of the row; 0 for none.
    pub tag: u64,
}

/// Kind of a change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `+I`
    Insert,
    /// `-U`
    UpdateBefore,
    /// `+U`
    UpdateAfter,
    /// `-D`
    Delete,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insert => "+I",
            Self::UpdateBefore => "-U",
            Self::UpdateAfter => "+U",
            Self::Delete => "-D",
        })
    }
}

/// One change.
pub type Change = (Kind, Row);

/// What makes two rows versions of one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Equal values in these columns.
    Columns(Vec<i32>),
    /// Equal `_row_id` where both have one; nothing else.
    RowId,
}

/// What to do where a key has not exactly one removal and one addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// Surplus removals, pairs, surplus additions.
    Pair,
    /// Removals and additions.
    Plain,
}

/// Rows with the number of times each is there.
pub type Multiset = BTreeMap<Row, usize>;

/// Everything that a table ever was.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Every column that ever was, as defined last.
    pub columns: BTreeMap<i32, Column>,
    /// Schemas by id.
    pub schemas: BTreeMap<i32, TableSchema>,
    /// Partition specs by id.
    pub specs: BTreeMap<i32, PartitionSpec>,
    /// Snapshots by id, expired ones included.
    pub snapshots: BTreeMap<i64, Snapshot>,
}

impl History {
    /// The snapshot's schema.
    pub fn schema_of(&self, snapshot: &Snapshot) -> &TableSchema {
        &self.schemas[&snapshot.schema_id]
    }

    /// The snapshot and its ancestors, oldest first, as far back as they are among `kept`.
    pub fn lineage(&self, head: i64, kept: impl Fn(i64) -> bool) -> Vec<&Snapshot> {
        let mut line = Vec::new();
        let mut next = Some(head);
        while let Some(snapshot) = next.filter(|id| kept(*id)).map(|id| &self.snapshots[&id]) {
            line.push(snapshot);
            next = snapshot.parent;
        }
        line.reverse();
        line
    }

    /// Value of a column in one row of a file, whether the file has it or not.
    fn projected(&self, file: &DataFile, position: usize, column_id: i32) -> Value {
        if let Some(index) = file.column_ids.iter().position(|id| *id == column_id) {
            return file.rows[position][index].clone();
        }
        if let Some(index) = self.specs[&file.spec_id].identity_index(column_id) {
            return file.partition[index].clone();
        }
        self.columns.get(&column_id).map_or(Value::Null, |column| column.initial_default.clone())
    }

    fn project(&self, file: &DataFile, position: usize, column_ids: &[i32]) -> Row {
        column_ids.iter().map(|id| self.projected(file, position, *id)).collect()
    }

    /// Positions of a file that the snapshot's deletes remove.
    fn deleted(&self, snapshot: &Snapshot, listed: &Listed, file: &DataFile) -> BTreeSet<usize> {
        let scope = (file.spec_id, file.partition.as_slice());
        let mut by_vector: Option<BTreeSet<usize>> = None;
        let mut by_position = BTreeSet::new();
        let mut deleted = BTreeSet::new();
        for delete in &snapshot.files {
            let same_scope = delete.file.scope() == scope;
            match delete.file.as_ref() {
                File::Data(_) => {}
                File::Vector(vector) => {
                    if vector.data_file == file.path && same_scope && listed.data_sequence <= delete.data_sequence {
                        by_vector.get_or_insert_default().extend(&vector.positions);
                    }
                }
                File::Position(positions) => {
                    if same_scope && listed.data_sequence <= delete.data_sequence {
                        let of_file = positions.positions.iter().filter(|(path, _)| *path == file.path);
                        by_position.extend(of_file.map(|(_, position)| *position));
                    }
                }
                File::Equality(equality) => {
                    let global = self.specs[&equality.spec_id].is_unpartitioned();
                    if (same_scope || global) && listed.data_sequence < delete.data_sequence {
                        let hit = |position: &usize| {
                            equality.keys.contains(&self.project(file, *position, &equality.column_ids))
                        };
                        deleted.extend((0..file.rows.len()).filter(hit));
                    }
                }
            }
        }
        deleted.extend(by_vector.unwrap_or(by_position));
        deleted
    }

    /// The live rows of a snapshot in a schema.
    pub fn live(&self, snapshot: &Snapshot, schema: &TableSchema) -> Vec<Instance> {
        let column_ids = schema.ids();
        let mut rows = Vec::new();
        for (listed, file) in snapshot.data_files() {
            let deleted = self.deleted(snapshot, listed, file);
            for position in (0..file.rows.len()).filter(|position| !deleted.contains(position)) {
                let explicit = file.lineage.as_ref().map_or((None, None), |lineage| lineage[position]);
                let offset = i64::try_from(position).unwrap();
                rows.push(Instance {
                    path: file.path.clone(),
                    position,
                    data_sequence: listed.data_sequence,
                    order: listed.order,
                    row: self.project(file, position, &column_ids),
                    row_id: explicit.0.or(listed.first_row_id.map(|first| first + offset)),
                    updated: explicit.1.unwrap_or(listed.data_sequence),
                    tag: file.tags.get(position).copied().unwrap_or(0),
                });
            }
        }
        rows
    }

    /// The rows of a snapshot in its own schema.
    pub fn rows(&self, snapshot: &Snapshot) -> Multiset {
        multiset(self.live(snapshot, self.schema_of(snapshot)).into_iter().map(|instance| instance.row))
    }

    /// All rows as additions, in the order in which a full scan delivers them.
    pub fn full(&self, snapshot: &Snapshot) -> Vec<Change> {
        let mut rows = self.live(snapshot, self.schema_of(snapshot));
        rows.sort_by_key(|instance| (instance.data_sequence, instance.order, instance.position));
        rows.into_iter().map(|instance| (Kind::Insert, instance.row)).collect()
    }

    /// The key of a stream whose first snapshot is `start` and whose branch stands at `head`, if none is named.
    pub fn default_key(&self, start: &Snapshot, head: &Snapshot) -> Key {
        let identifier = &self.schema_of(start).identifier_ids;
        if !identifier.is_empty() {
            return Key::Columns(identifier.clone());
        }
        let mut ids: BTreeSet<BTreeSet<i32>> = BTreeSet::new();
        for listed in &head.files {
            if let File::Equality(equality) = listed.file.as_ref() {
                ids.insert(equality.column_ids.iter().copied().collect());
            }
        }
        match (ids.len(), ids.pop_first()) {
            (1, Some(common)) => Key::Columns(common.into_iter().collect()),
            _ => Key::RowId,
        }
    }

    /// Rows removed and added by a snapshot, in their orders.
    pub fn instances(&self, parent: Option<&Snapshot>, snapshot: &Snapshot) -> (Vec<Instance>, Vec<Instance>) {
        let schema = self.schema_of(snapshot);
        let before = parent.map_or_else(Vec::new, |parent| self.live(parent, schema));
        let after = self.live(snapshot, schema);
        let place = |instance: &Instance| (instance.path.clone(), instance.position);
        let before_places: HashSet<_> = before.iter().map(place).collect();
        let after_places: HashSet<_> = after.iter().map(place).collect();
        let mut removed: Vec<_> = before.into_iter().filter(|row| !after_places.contains(&place(row))).collect();
        let mut added: Vec<_> = after.into_iter().filter(|row| !before_places.contains(&place(row))).collect();
        removed.sort_by_key(|row| (row.data_sequence, row.path.clone(), row.position));
        added.sort_by_key(|row| (row.data_sequence, row.order, row.position));
        (removed, added)
    }

    /// Rows removed and added by a snapshot, in their orders, equal rows cancelled.
    fn difference(&self, parent: Option<&Snapshot>, snapshot: &Snapshot) -> (Vec<Instance>, Vec<Instance>) {
        let (mut removed, mut added) = self.instances(parent, snapshot);
        let n_removed = multiset(removed.iter().map(|row| row.row.clone()));
        let n_added = multiset(added.iter().map(|row| row.row.clone()));
        let mut to_cancel: HashMap<Row, [usize; 2]> = HashMap::new();
        for (row, n) in n_removed {
            if let Some(other) = n_added.get(&row) {
                to_cancel.insert(row, [n.min(*other); 2]);
            }
        }
        let mut cancel = |side: usize, row: &Instance| match to_cancel.get_mut(&row.row) {
            Some(left) if left[side] > 0 => {
                left[side] -= 1;
                true
            }
            _ => false,
        };
        removed.retain(|row| !cancel(0, row));
        added.retain(|row| !cancel(1, row));
        (removed, added)
    }

    /// The change set of a snapshot, in order.
    pub fn changes(
        &self,
        parent: Option<&Snapshot>,
        snapshot: &Snapshot,
        key: &Key,
        duplicates: Duplicates,
    ) -> Vec<Change> {
        let (removed, added) = self.difference(parent, snapshot);
        let column_ids = self.schema_of(snapshot).ids();
        let key_of = |row: &Instance| -> Option<Row> {
            match key {
                Key::RowId => row.row_id.map(|id| vec![Value::Long(id)]),
                Key::Columns(ids) => ids
                    .iter()
                    .map(|id| column_ids.iter().position(|column| column == id).map(|index| row.row[index].clone()))
                    .collect(),
            }
        };
        // Indices into `removed` and `added` for each key.
        let mut by_key: HashMap<Row, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for (index, row) in removed.iter().enumerate() {
            if let Some(key) = key_of(row) {
                by_key.entry(key).or_default().0.push(index);
            }
        }
        for (index, row) in added.iter().enumerate() {
            if let Some(key) = key_of(row) {
                by_key.entry(key).or_default().1.push(index);
            }
        }
        let mut partner: HashMap<usize, usize> = HashMap::new();
        let mut paired = HashSet::new();
        for (removals, additions) in by_key.values() {
            if duplicates == Duplicates::Plain && (removals.len() != 1 || additions.len() != 1) {
                continue;
            }
            let n_pairs = removals.len().min(additions.len());
            for (removal, addition) in removals[removals.len() - n_pairs..].iter().zip(additions) {
                partner.insert(*addition, *removal);
                paired.insert(*removal);
            }
        }
        let mut changes = Vec::new();
        for (index, row) in removed.iter().enumerate().filter(|(index, _)| !paired.contains(index)) {
            debug_assert!(!paired.contains(&index));
            changes.push((Kind::Delete, row.row.clone()));
        }
        for (index, row) in added.iter().enumerate() {
            match partner.get(&index) {
                None => changes.push((Kind::Insert, row.row.clone())),
                Some(removal) => {
                    changes.push((Kind::UpdateBefore, removed[*removal].row.clone()));
                    changes.push((Kind::UpdateAfter, row.row.clone()));
                }
            }
        }
        changes
    }

    /// Projects rows folded in one schema to another.
    pub fn project_state(&self, state: &Multiset, from: &TableSchema, to: &TableSchema) -> Multiset {
        let from_ids = from.ids();
        let project = |row: &Row| -> Row {
            to.columns
                .iter()
                .map(|column| match from_ids.iter().position(|id| *id == column.id) {
                    Some(index) => row[index].clone(),
                    None => column.initial_default.clone(),
                })
                .collect()
        };
        let mut projected = Multiset::new();
        for (row, n) in state {
            *projected.entry(project(row)).or_default() += n;
        }
        projected
    }
}
