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
pub(crate) enum Type {
    Null,
    Boolean,
    Int(Meaning),
    Long(Meaning),
    Float,
    Double,
    String,
    Bytes,
    Fixed(usize),
    /// In bytes of any number, or of a fixed one.
    Decimal {
        fixed: Option<usize>,
        precision: u64,
        scale: u64,
    },
    /// A number that stands for a name.
    Enum,
    Array(Arc<ItemType>),
    /// From text to items.
    Map(Arc<ItemType>),
    Union(Arc<[Type]>),
    Record(Arc<RecordType>),
}

/// What an integer stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Number,
    /// Days since the epoch.
    Date,
    TimeMillis,
    TimeMicros,
    /// With or without a zone, as for the others.
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
}

/// What an array or map holds.
#[derive(Debug, PartialEq)]
pub(crate) struct ItemType {
    pub(crate) data_type: Type,
    /// Bytes that each takes at least.
    pub(crate) bytes_min: usize,
    /// Iceberg's id of an array's element or a map's value.
    pub(crate) id: Option<i32>,
    /// Iceberg's id of a map's key.
    pub(crate) key_id: Option<i32>,
    /// An array of pairs that stands for a map, whose keys may be anything. Source: Iceberg spec, Appendix A.
    pub(crate) is_map: bool,
}

/// Type of a record.
#[derive(Debug, PartialEq)]
pub(crate) struct RecordType {
    pub(crate) fields: Vec<Field>,
    /// Bytes that a record takes at least.
    pub(crate) bytes_min: usize,
}

/// Field of a record.
#[derive(Debug, PartialEq)]
pub(crate) struct Field {
    /// Iceberg's id; files that were not written for Iceberg have none.
    pub(crate) id: Option<i32>,
    pub(crate) name: String,
    pub(crate) data_type: Type,
}

impl RecordType {
    /// Index of the field with this id, else of that with this name.
    pub(crate) fn index_of(&self, id: i32, name: &str) -> Option<usize> {
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

impl Meaning {
    fn of_int(logical: Option<&str>) -> Self {
        match logical {
            Some("date") => Self::Date,
            Some("time-millis") => Self::TimeMillis,
            _ => Self::Number,
        }
    }

    fn of_long(logical: Option<&str>) -> Self {
        match logical {
            Some("time-micros") => Self::TimeMicros,
            Some("timestamp-millis" | "local-timestamp-millis") => Self::TimestampMillis,
            Some("timestamp-micros" | "local-timestamp-micros") => Self::TimestampMicros,
            Some("timestamp-nanos" | "local-timestamp-nanos") => Self::TimestampNanos,
            _ => Self::Number,
        }
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
            "int" => Parsed::leaf(Type::Int(Meaning::Number), 1),
            "long" => Parsed::leaf(Type::Long(Meaning::Number), 1),
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
        let logical = object.get("logicalType").and_then(Json::as_str);
        let is_decimal = logical == Some("decimal");
        let digits = |key: &str| object.get(key).and_then(Json::as_u64).unwrap_or_default();
        let decimal = |fixed| Type::Decimal { fixed, precision: digits("precision"), scale: digits("scale") };
        match kind.as_str() {
            "record" | "error" => self.record(object, namespace),
            "enum" => Ok(self.define(object, namespace, Parsed::leaf(Type::Enum, 1))),
            "fixed" => {
                let size = object.get("size").and_then(Json::as_u64).filter(|size| *size <= FIXED_BYTES_MAX);
                let size = size.and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or("its schema has a fixed type without a sensible size")?;
                let data_type = if is_decimal { decimal(Some(size)) } else { Type::Fixed(size) };
                Ok(self.define(object, namespace, Parsed::leaf(data_type, size)))
            }
            "array" => {
                let (item, n_parts) = self.item(object, "items", namespace)?;
                Ok(Parsed { data_type: Type::Array(Arc::new(item)), bytes_min: 1, n_parts })
            }
            "map" => {
                let (item, n_parts) = self.item(object, "values", namespace)?;
                Ok(Parsed { data_type: Type::Map(Arc::new(item)), bytes_min: 1, n_parts })
            }
            "bytes" if is_decimal => Ok(Parsed::leaf(decimal(None), 1)),
            "int" => Ok(Parsed::leaf(Type::Int(Meaning::of_int(logical)), 1)),
            "long" => Ok(Parsed::leaf(Type::Long(Meaning::of_long(logical)), 1)),
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
            let id = field.as_object().and_then(|field| id_of(field, "field-id"));
            own.push(Field { id, name: name.to_owned(), data_type: data_type.data_type.clone() });
            parsed.push(data_type);
        }
        let bytes_min = parsed.iter().fold(0_usize, |sum, field| sum.saturating_add(field.bytes_min));
        let data_type = Type::Record(Arc::new(RecordType { fields: own, bytes_min }));
        let record = Parsed { data_type, bytes_min, n_parts: n_parts(&parsed)? };
        self.types.insert(name, record.clone());
        Ok(record)
    }

    /// What an array or map holds, and its parts.
    fn item(&mut self, object: &Map<String, Json>, key: &str, namespace: &str) -> Result<(ItemType, usize), String> {
        let item = object.get(key).ok_or_else(|| format!("its schema has a type without `{key}`"))?;
        let item = self.parse(item, namespace)?;
        let n_parts = n_parts(std::slice::from_ref(&item))?;
        let item = ItemType {
            id: id_of(object, "element-id").or_else(|| id_of(object, "value-id")),
            key_id: id_of(object, "key-id"),
            is_map: object.get("logicalType").and_then(Json::as_str) == Some("map"),
            data_type: item.data_type,
            bytes_min: item.bytes_min,
        };
        Ok((item, n_parts))
    }

    fn define(&mut self, object: &Map<String, Json>, namespace: &str, parsed: Parsed) -> Parsed {
        self.types.insert(own_name(object, namespace), parsed.clone());
        parsed
    }
}

fn id_of(object: &Map<String, Json>, key: &str) -> Option<i32> {
    object.get(key).and_then(Json::as_i64).and_then(|id| i32::try_from(id).ok())
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
