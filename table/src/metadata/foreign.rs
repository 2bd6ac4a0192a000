//! Types and default values that the metadata library has no place for.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDateTime};
use iceberg::spec::{Literal, NestedField, PrimitiveType, TableMetadata, Type};
use serde_json::{Map, Value};

use super::Refused;
use crate::ids::FieldId;

/// What a foreign type stands as. Its columns are never read as such: readers ask for the foreign types first.
const STAND_IN: &str = "boolean";

/// What schemas say that the metadata library has no place for, by field id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForeignFields {
    /// Columns whose type the library cannot express (`unknown`, `variant`, `geometry`, …), with that type: they
    /// stand in the metadata as `boolean`.
    pub types: BTreeMap<FieldId, String>,
    /// Values of `initial-default` that the library drops: those of timestamps with nanoseconds, as such.
    pub initial_defaults: BTreeMap<FieldId, Literal>,
}

impl ForeignFields {
    /// What rows from before the column was added have in it.
    pub(crate) fn initial_default(&self, field: &NestedField) -> Option<Literal> {
        field.initial_default.clone().or_else(|| {
            let is_nanos = matches!(
                field.field_type.as_ref(),
                Type::Primitive(PrimitiveType::TimestampNs | PrimitiveType::TimestamptzNs)
            );
            self.initial_defaults.get(&FieldId::new(field.id)).filter(|_| is_nanos).cloned()
        })
    }
}

/// What was taken out of the schemas.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    /// Columns that stand as [`STAND_IN`], with their type.
    types: BTreeMap<FieldId, String>,
    defaults: Vec<InitialDefault>,
}

#[derive(Debug)]
struct InitialDefault {
    schema_id: i32,
    field_id: i32,
    value: Value,
}

/// Takes foreign types out of all schemas.
///
/// `unknown` may be promoted to any type, under the same field id. Older schemas then show the type that the
/// column has now: its values there are all null, so no row tells the difference.
pub(super) fn take(root: &mut Map<String, Value>) -> Result<Foreign, Refused> {
    let mut foreign: BTreeMap<i32, String> = BTreeMap::new();
    let mut defaults = Vec::new();
    for schema in schemas_mut(root) {
        let schema_id = schema.get("schema-id").and_then(Value::as_i64).unwrap_or_default();
        let schema_id = i32::try_from(schema_id).unwrap_or_default();
        walk(schema, &mut |field| {
            check_type(field)?;
            if let Some(name) = field.foreign_type() {
                foreign.insert(field.id, name.to_owned());
            } else if let Some(value) = field.initial_default() {
                defaults.push(InitialDefault { schema_id, field_id: field.id, value });
            }
            Ok(())
        })?;
    }
    if !foreign.is_empty() {
        let promoted = promoted_types(root, &foreign)?;
        foreign.retain(|id, _| !promoted.contains_key(id));
        for schema in schemas_mut(root) {
            walk(schema, &mut |field| {
                if field.foreign_type().is_some() {
                    field.stand_as(promoted.get(&field.id).cloned().unwrap_or_else(|| STAND_IN.into()));
                }
                Ok(())
            })?;
        }
    }
    let types = foreign.into_iter().map(|(id, name)| (FieldId::new(id), name)).collect();
    Ok(Foreign { types, defaults })
}

/// Types that columns of a foreign type have in other schemas. Schemas are listed oldest first: the last wins.
fn promoted_types(
    root: &mut Map<String, Value>,
    foreign: &BTreeMap<i32, String>,
) -> Result<HashMap<i32, Value>, Refused> {
    let mut promoted = HashMap::new();
    for schema in schemas_mut(root) {
        walk(schema, &mut |field| {
            if foreign.contains_key(&field.id) && field.foreign_type().is_none() {
                promoted.insert(field.id, field.type_node().clone());
            }
            Ok(())
        })?;
    }
    // Within the copies nothing foreign may be left: that ends the replacement after one step.
    for node in promoted.values_mut() {
        walk(node, &mut |field| {
            if field.foreign_type().is_some() {
                field.stand_as(STAND_IN.into());
            }
            Ok(())
        })?;
    }
    Ok(promoted)
}

impl Foreign {
    /// Reads what `initial-default` says where the library drops it, and refuses columns for which that fails: their
    /// rows from before they were added would show null.
    pub(super) fn resolve(self, metadata: &TableMetadata) -> Result<ForeignFields, Refused> {
        let mut initial_defaults = BTreeMap::new();
        for default in &self.defaults {
            let schema = metadata.schema_by_id(default.schema_id);
            let Some(field) = schema.and_then(|schema| schema.field_by_id(default.field_id)) else { continue };
            if field.initial_default.is_some() {
                continue;
            }
            let refused = |why: &str| {
                Refused(format!(
                    "column `{}` of type `{}` has the initial default {}, which {why}",
                    field.name, field.field_type, default.value
                ))
            };
            let value = nanos(&field.field_type, &default.value);
            let value = Literal::long(value.ok_or_else(|| refused("this version cannot read"))?);
            let earlier = initial_defaults.insert(FieldId::new(field.id), value.clone());
            if earlier.is_some_and(|earlier| earlier != value) {
                return Err(refused("is another one in another schema, and must never change"));
            }
        }
        Ok(ForeignFields { types: self.types, initial_defaults })
    }
}

/// Nanoseconds since the epoch; `None` if `value` is no value of that type, or beyond what 64 bits hold.
/// Source: Iceberg spec, "JSON single-value serialization".
fn nanos(field_type: &Type, value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    match field_type {
        Type::Primitive(PrimitiveType::TimestampNs) => {
            let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
            time.and_utc().timestamp_nanos_opt()
        }
        Type::Primitive(PrimitiveType::TimestamptzNs) => DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt(),
        _ => None,
    }
}

/// Every schema of the table: `schemas`, and `schema` of version 1.
fn schemas_mut(root: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    root.iter_mut().flat_map(|(name, value)| match (name.as_str(), value) {
        ("schemas", Value::Array(schemas)) => schemas.iter_mut().collect(),
        ("schema", schema) => vec![schema],
        _ => Vec::new(),
    })
}

/// A field of a struct, or the element, key or value of a list or map.
struct Field<'a> {
    id: i32,
    object: &'a mut Map<String, Value>,
    type_key: &'static str,
}

impl Field<'_> {
    fn type_node(&mut self) -> &mut Value {
        self.object.entry(self.type_key).or_insert(Value::Null)
    }

    fn foreign_type(&self) -> Option<&str> {
        let name = self.object.get(self.type_key)?.as_str()?;
        let base = name.split('(').next().unwrap_or_default().trim();
        let is_foreign =
            ["unknown", "variant", "geometry", "geography"].iter().any(|other| base.eq_ignore_ascii_case(other));
        is_foreign.then_some(name)
    }

    fn initial_default(&self) -> Option<Value> {
        self.object.get("initial-default").filter(|default| !default.is_null()).cloned()
    }

    fn stand_as(&mut self, type_node: Value) {
        *self.type_node() = type_node;
        // The spec allows null only as their default.
        self.object.remove("initial-default");
        self.object.remove("write-default");
    }
}

/// Names of types are in lower case for the library, in any for other readers.
fn check_type(field: &mut Field<'_>) -> Result<(), Refused> {
    let id = field.id;
    if let Value::String(name) = field.type_node() {
        let lower = name.to_ascii_lowercase();
        if is_native(&lower) {
            *name = lower;
        } else if field.foreign_type().is_none() {
            let detail = format!("field id {id} has the type {}, which is not known", field.type_node());
            return Err(Refused(detail));
        }
    }
    Ok(())
}

fn is_native(name: &str) -> bool {
    let names = [
        "boolean",
        "int",
        "long",
        "float",
        "double",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "timestamp_ns",
        "timestamptz_ns",
        "string",
        "uuid",
        "binary",
    ];
    names.contains(&name) || name.starts_with("decimal(") || name.starts_with("fixed[")
}

/// Visits every field below a schema or type, outer ones first, and those of a type that a visit put there.
/// Fields without a valid id are passed over: the library refuses them.
fn walk(node: &mut Value, visit: &mut dyn FnMut(&mut Field<'_>) -> Result<(), Refused>) -> Result<(), Refused> {
    let Value::Object(object) = node else { return Ok(()) };
    if let Some(Value::Array(fields)) = object.get_mut("fields") {
        for field in fields.iter_mut().filter_map(Value::as_object_mut) {
            walk_field(field, "id", "type", visit)?;
        }
    }
    for (id_key, type_key) in [("element-id", "element"), ("key-id", "key"), ("value-id", "value")] {
        if object.contains_key(type_key) {
            walk_field(object, id_key, type_key, visit)?;
        }
    }
    Ok(())
}

fn walk_field(
    object: &mut Map<String, Value>,
    id_key: &str,
    type_key: &'static str,
    visit: &mut dyn FnMut(&mut Field<'_>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let id = object.get(id_key).and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok());
    if let Some(id) = id {
        visit(&mut Field { id, object, type_key })?;
    }
    object.get_mut(type_key).map_or(Ok(()), |node| walk(node, visit))
}
