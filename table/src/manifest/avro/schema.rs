//! Avro schemas, from the JSON in a file's header.
//!
//! Iceberg's own attributes are kept (`field-id`), those that only describe are not. Source: Avro
//! specification, "Schema Declaration"; Iceberg spec, Appendix A, "Avro".

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

/// Parts of a schema at most, those behind names counted wherever they are used. Manifests have a hundred and
/// two for each partition field; more would only come of a file made to take time.
const PARTS_MAX: usize = 10_000;

/// No value of a fixed length that Iceberg stores comes near.
const FIXED_BYTES_MAX: u64 = 1 << 16;

/// Type of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    String,
    Bytes,
    Fixed(usize),
    /// `decimal` in bytes of any number, or of a fixed one.
    Decimal(Option<usize>),
    /// A number that stands for a name.
    Enum,
    /// Items, and the bytes that each takes at least.
    Array(Arc<Type>, usize),
    Map(Arc<Type>),
    Union(Arc<[Type]>),
    Record(Arc<RecordType>),
}

/// Type of a record.
#[derive(Debug, PartialEq)]
pub(in crate::manifest) struct RecordType {
    pub(super) fields: Vec<Field>,
    /// Bytes that a record takes at least.
    pub(super) bytes_min: usize,
}

/// Field of a record.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    /// Iceberg's id; files that were not written for Iceberg have none.
    pub(super) id: Option<i32>,
    pub(super) name: String,
    pub(super) data_type: Type,
}

impl RecordType {
    /// Index of the field with this id, else of that with this name.
    pub(super) fn index_of(&self, id: i32, name: &str) -> Option<usize> {
        let by_id = self.fields.iter().position(|field| field.id == Some(id));
        by_id.or_else(|| self.fields.iter().position(|field| field.name == name))
    }
}

/// Reads a schema whose top is a record.
///
/// Returns a message that says what is wrong with it.
pub(super) fn parse(json: &[u8]) -> Result<Arc<RecordType>, String> {
    // The parser's limit of 128 nested values holds for all that follows: nothing recurses deeper.
    let json: Json = serde_json::from_slice(json).map_err(|error| format!("its schema is no valid JSON: {error}"))?;
    let mut names = Names::default();
    match names.parse(&json, "")?.data_type {
        Type::Record(record) => Ok(record),
        _ => Err("its schema is no record".to_owned()),
    }
}

/// A type, and what reading it costs.
#[derive(Debug, Clone)]
struct Parsed {
    data_type: Type,
    /// Bytes that a value takes at least.
    bytes_min: usize,
    /// Parts that a value is made of, repetitions apart.
    n_parts: usize,
}

impl Parsed {
    fn leaf(data_type: Type, bytes_min: usize) -> Self {
        Self { data_type, bytes_min, n_parts: 1 }
    }
}

/// Types that can be used by name from here on. One that contains itself is never among them while it is read.
#[derive(Debug, Default)]
struct Names {
    types: HashMap<String, Parsed>,
}

impl Names {
    fn parse(&mut self, json: &Json, namespace: &str) -> Result<Parsed, String> {
        match json {
            Json::String(name) => self.by_name(name, namespace),
            Json::Array(branches) => self.union(branches, namespace),
            Json::Object(object) => self.object(object, namespace),
            other => Err(format!("its schema has {other} in place of a type")),
        }
    }

    fn by_name(&self, name: &str, namespace: &str) -> Result<Parsed, String> {
        Ok(match name {
            "null" => Parsed::leaf(Type::Null, 0),
            "boolean" => Parsed::leaf(Type::Boolean, 1),
            "int" => Parsed::leaf(Type::Int, 1),
            "long" => Parsed::leaf(Type::Long, 1),
            "float" => Parsed::leaf(Type::Float, 4),
            "double" => Parsed::leaf(Type::Double, 8),
            "bytes" => Parsed::leaf(Type::Bytes, 1),
            "string" => Parsed::leaf(Type::String, 1),
            _ => {
                let named = self.types.get(&full_name(name, namespace)).or_else(|| self.types.get(name));
                named.cloned().ok_or_else(|| format!("its schema uses type `{name}` before it is defined"))?
            }
        })
    }

    fn object(&mut self, object: &Map<String, Json>, namespace: &str) -> Result<Parsed, String> {
        let kind = object.get("type").ok_or("its schema has a type without `type`")?;
        let Json::String(kind) = kind else { return self.parse(kind, namespace) };
        let is_decimal = object.get("logicalType").and_then(Json::as_str) == Some("decimal");
        match kind.as_str() {
            "record" | "error" => self.record(object, namespace),
            "enum" => Ok(self.define(object, namespace, Parsed::leaf(Type::Enum, 1))),
            "fixed" => {
                let size = object.get("size").and_then(Json::as_u64).filter(|size| *size <= FIXED_BYTES_MAX);
                let size = size.and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or("its schema has a fixed type without a sensible size")?;
                let data_type = if is_decimal { Type::Decimal(Some(size)) } else { Type::Fixed(size) };
                Ok(self.define(object, namespace, Parsed::leaf(data_type, size)))
            }
            "array" => {
                let item = self.item(object, "items", namespace)?;
                let bytes_min = item.bytes_min;
                Ok(Parsed { data_type: Type::Array(Arc::new(item.data_type), bytes_min), bytes_min: 1, ..item })
            }
            "map" => {
                let item = self.item(object, "values", namespace)?;
                Ok(Parsed { data_type: Type::Map(Arc::new(item.data_type)), bytes_min: 1, ..item })
            }
            "bytes" if is_decimal => Ok(Parsed::leaf(Type::Decimal(None), 1)),
            name => self.by_name(name, namespace),
        }
    }

    fn union(&mut self, branches: &[Json], namespace: &str) -> Result<Parsed, String> {
        let branches: Vec<Parsed> =
            branches.iter().map(|branch| self.parse(branch, namespace)).collect::<Result<_, _>>()?;
        let n_parts = n_parts(&branches)?;
        let types = branches.into_iter().map(|branch| branch.data_type).collect();
        Ok(Parsed { data_type: Type::Union(types), bytes_min: 1, n_parts })
    }

    fn record(&mut self, object: &Map<String, Json>, namespace: &str) -> Result<Parsed, String> {
        let name = own_name(object, namespace);
        let namespace = name.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let fields = object.get("fields").and_then(Json::as_array).ok_or("its schema has a record without fields")?;
        let mut parsed = Vec::with_capacity(fields.len());
        let mut own = Vec::with_capacity(fields.len());
        for field in fields {
            let name = field.get("name").and_then(Json::as_str).ok_or("its schema has a field without a name")?;
            let data_type = field.get("type").ok_or_else(|| format!("its schema has no type for field `{name}`"))?;
            let data_type = self.parse(data_type, namespace)?;
            let id = field.get("field-id").and_then(Json::as_i64).and_then(|id| i32::try_from(id).ok());
            own.push(Field { id, name: name.to_owned(), data_type: data_type.data_type.clone() });
            parsed.push(data_type);
        }
        let bytes_min = parsed.iter().fold(0_usize, |sum, field| sum.saturating_add(field.bytes_min));
        let data_type = Type::Record(Arc::new(RecordType { fields: own, bytes_min }));
        let record = Parsed { data_type, bytes_min, n_parts: n_parts(&parsed)? };
        self.types.insert(name, record.clone());
        Ok(record)
    }

    fn item(&mut self, object: &Map<String, Json>, key: &str, namespace: &str) -> Result<Parsed, String> {
        let item = object.get(key).ok_or_else(|| format!("its schema has a type without `{key}`"))?;
        let item = self.parse(item, namespace)?;
        let n_parts = n_parts(std::slice::from_ref(&item))?;
        Ok(Parsed { n_parts, ..item })
    }

    fn define(&mut self, object: &Map<String, Json>, namespace: &str, parsed: Parsed) -> Parsed {
        self.types.insert(own_name(object, namespace), parsed.clone());
        parsed
    }
}

fn n_parts(parts: &[Parsed]) -> Result<usize, String> {
    let n = parts.iter().fold(1_usize, |sum, part| sum.saturating_add(part.n_parts));
    if n > PARTS_MAX { Err(format!("its schema has more than `{PARTS_MAX}` parts")) } else { Ok(n) }
}

/// Name of a type that is being defined, with its namespace.
fn own_name(object: &Map<String, Json>, enclosing: &str) -> String {
    let name = object.get("name").and_then(Json::as_str).unwrap_or_default();
    full_name(name, object.get("namespace").and_then(Json::as_str).unwrap_or(enclosing))
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}
