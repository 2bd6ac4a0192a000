//! From the syntax of a filter to conditions on columns of a table.

use iceberg::spec::{NestedFieldRef, PrimitiveType, Schema, SchemaRef, Type};

use super::literal::{Typed, typed};
use super::pattern::{Pattern, Shape};
use super::predicate::{Leaf, Operator, Predicate, Test};
use super::syntax::{ColumnName, Expression, Literal, LiteralKind, Operand};
use super::value::{Value, ValueSet};
use super::{BoundFilter, FilterColumn};
use crate::ids::FieldId;
use crate::table::Table;
use crate::{Result, TableError};

/// Names listed in a message at most.
const N_NAMES_SHOWN: usize = 20;

/// Longer names are not likely to be misspelt ones.
const NAME_BYTES_MAX: usize = 100;

/// Looks up columns, first in `schema` and then in the table's current one, and gives literals their types.
///
/// # Errors
/// [`TableError::InvalidRequest`] names the column or literal that does not fit.
pub(super) fn bind(expression: &Expression, table: &Table, schema: &Schema) -> Result<BoundFilter> {
    let mut binder = Binder { table, schema, columns: Vec::new() };
    let predicate = binder.predicate(expression)?;
    Ok(BoundFilter { columns: binder.columns, predicate })
}

struct Binder<'a> {
    table: &'a Table,
    schema: &'a Schema,
    columns: Vec<FilterColumn>,
}

fn invalid(detail: &str) -> TableError {
    TableError::invalid(format!("filter: {detail}"))
}

impl Binder<'_> {
    fn predicate(&mut self, expression: &Expression) -> Result<Predicate> {
        Ok(match expression {
            Expression::And(parts) => Predicate::And(self.predicates(parts)?),
            Expression::Or(parts) => Predicate::Or(self.predicates(parts)?),
            Expression::Not(inner) => Predicate::Not(Box::new(self.predicate(inner)?)),
            Expression::Constant(value) => Predicate::constant(*value),
            Expression::Column(name) => {
                let column = self.typed_column(name, "used as a condition", |primitive| {
                    matches!(primitive, PrimitiveType::Boolean)
                })?;
                leaf(column, Test::Compare(Operator::Equal, Value::Number(1)))
            }
            Expression::Compare { left, operator, right } => self.comparison(left, *operator, right)?,
            Expression::In { column, list } => {
                let index = self.column(column)?;
                self.in_list(index, column, list)?
            }
            Expression::Like { column, pattern, escape } => self.like(column, pattern, *escape)?,
            Expression::StartsWith { column, prefix } => {
                let index = self.text_column(column, "STARTS WITH")?;
                match text_of(prefix, "STARTS WITH")? {
                    None => Predicate::constant(None),
                    Some(text) => leaf(index, Test::StartsWith(text.as_bytes().to_vec())),
                }
            }
            Expression::IsNull(name) => leaf(self.column(name)?, Test::IsNull),
            Expression::IsNan(name) => {
                let column = self.typed_column(name, "asked for NaN", |primitive| {
                    matches!(primitive, PrimitiveType::Float | PrimitiveType::Double)
                })?;
                leaf(column, Test::IsNan)
            }
        })
    }

    fn predicates(&mut self, parts: &[Expression]) -> Result<Vec<Predicate>> {
        parts.iter().map(|part| self.predicate(part)).collect()
    }

    fn comparison(&mut self, left: &Operand, operator: Operator, right: &Operand) -> Result<Predicate> {
        match (left, right) {
            (Operand::Column(name), Operand::Literal(literal)) => self.compare(name, operator, literal),
            (Operand::Literal(literal), Operand::Column(name)) => self.compare(name, operator.mirrored(), literal),
            (Operand::Column(a), Operand::Column(b)) => {
                let (left, right) = (self.column(a)?, self.column(b)?);
                let types = (&self.columns[left].primitive, &self.columns[right].primitive);
                if types.0 != types.1 || types.0.is_none() {
                    return Err(invalid(&format!(
                        "at {}: columns `{}` and `{}` are of different types and cannot be compared",
                        a.place,
                        a.dotted(),
                        b.dotted()
                    )));
                }
                Ok(Predicate::Leaf(Leaf::Columns(left, operator, right)))
            }
            (Operand::Literal(a), Operand::Literal(b)) => constant(a, operator, b),
        }
    }

    fn compare(&mut self, name: &ColumnName, operator: Operator, literal: &Literal) -> Result<Predicate> {
        let column = self.column(name)?;
        Ok(match self.typed(column, name, literal)? {
            Typed::Null => Predicate::constant(None),
            Typed::Exact(value) => leaf(column, Test::Compare(operator, value)),
            Typed::Above(floor) => {
                let next = |operator| leaf(column, Test::Compare(operator, Value::Number(floor)));
                let never = leaf(column, Test::In { values: ValueSet::new(Vec::new()), has_null: false });
                match operator {
                    Operator::Equal => never,
                    Operator::NotEqual => Predicate::Not(Box::new(never)),
                    Operator::Less | Operator::LessOrEqual => next(Operator::LessOrEqual),
                    Operator::Greater | Operator::GreaterOrEqual => next(Operator::Greater),
                }
            }
        })
    }

    fn in_list(&mut self, column: usize, name: &ColumnName, list: &[Literal]) -> Result<Predicate> {
        let mut has_null = false;
        let mut values = Vec::with_capacity(list.len());
        for literal in list {
            match self.typed(column, name, literal)? {
                Typed::Null => has_null = true,
                Typed::Exact(value) => values.push(value),
                Typed::Above(_) => {}
            }
        }
        Ok(leaf(column, Test::In { values: ValueSet::new(values), has_null }))
    }

    fn like(&mut self, name: &ColumnName, pattern: &Literal, escape: Option<char>) -> Result<Predicate> {
        let column = self.text_column(name, "LIKE")?;
        let Some(text) = text_of(pattern, "LIKE")? else { return Ok(Predicate::constant(None)) };
        let pattern =
            Pattern::new(text, escape).map_err(|detail| invalid(&format!("at {}: {detail}", pattern.place)))?;
        Ok(leaf(
            column,
            match pattern.shape() {
                Shape::Text(text) => Test::Compare(Operator::Equal, Value::Bytes(text.into_bytes())),
                Shape::Prefix(prefix) => Test::StartsWith(prefix.into_bytes()),
                Shape::Other => Test::Like(pattern),
            },
        ))
    }

    fn typed(&self, column: usize, name: &ColumnName, literal: &Literal) -> Result<Typed> {
        let Some(primitive) = &self.columns[column].primitive else {
            return Err(invalid(&format!(
                "at {}: column `{}` has no values, as its type is `unknown`; only IS NULL asks for something",
                name.place,
                name.dotted()
            )));
        };
        typed(&literal.kind, primitive).map_err(|detail| {
            invalid(&format!(
                "at {}: column `{}` cannot be compared with {}: {detail}",
                literal.place,
                name.dotted(),
                literal.kind.what()
            ))
        })
    }

    fn text_column(&mut self, name: &ColumnName, of: &str) -> Result<usize> {
        self.typed_column(name, &format!("used with {of}"), |primitive| matches!(primitive, PrimitiveType::String))
    }

    fn typed_column(
        &mut self,
        name: &ColumnName,
        used: &str,
        is_fit: impl Fn(&PrimitiveType) -> bool,
    ) -> Result<usize> {
        let column = self.column(name)?;
        match &self.columns[column].primitive {
            Some(primitive) if is_fit(primitive) => Ok(column),
            other => {
                let data_type = other.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
                Err(invalid(&format!(
                    "at {}: column `{}` of type `{data_type}` cannot be {used}",
                    name.place,
                    name.dotted()
                )))
            }
        }
    }

    /// Index of the column among those of the filter.
    fn column(&mut self, name: &ColumnName) -> Result<usize> {
        let current: &SchemaRef = self.table.metadata().current_schema();
        let found = find(self.schema, &name.parts).or_else(|| find(current, &name.parts));
        let field = found.ok_or_else(|| self.unknown(name))?;
        let id = FieldId::new(field.id);
        if let Some(index) = self.columns.iter().position(|column| column.id == id) {
            return Ok(index);
        }
        let at = |detail: String| invalid(&format!("at {}: column `{}` {detail}", name.place, name.dotted()));
        // Rows are compared in the type that the column has now: a name may be found in an older schema.
        let newest = self.table.schema_with(id).and_then(|schema| schema.field_by_id(id.get())).unwrap_or(&field);
        let primitive = match (self.table.foreign_types().get(&id), newest.field_type.as_ref()) {
            (Some(foreign), _) if foreign == "unknown" => None,
            (Some(foreign), _) => return Err(at(format!("has type `{foreign}`, which cannot be compared"))),
            (None, Type::Primitive(primitive)) => Some(primitive.clone()),
            (None, Type::Struct(fields)) => {
                let names: Vec<String> =
                    fields.fields().iter().map(|child| format!("{}.{}", name.dotted(), child.name)).collect();
                return Err(at(format!("is a struct; name one of its fields: {}", shortened(&names))));
            }
            (None, Type::List(_) | Type::Map(_)) => {
                return Err(at("is a list or a map, which a filter cannot look into".to_owned()));
            }
        };
        self.columns.push(FilterColumn { id, primitive });
        Ok(self.columns.len() - 1)
    }

    fn unknown(&self, name: &ColumnName) -> TableError {
        let mut names = Vec::new();
        for field in self.schema.as_struct().fields() {
            push_names(field, "", &mut names);
        }
        let dotted = name.dotted();
        let advice = match nearest(&dotted, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", shortened(&names)),
        };
        invalid(&format!("at {}: column `{dotted}` is not in table `{}`; {advice}", name.place, self.table.name()))
    }
}

fn leaf(column: usize, test: Test) -> Predicate {
    Predicate::Leaf(Leaf::Column(column, test))
}

/// The text of a literal; `None` is NULL.
fn text_of<'a>(literal: &'a Literal, of: &str) -> Result<Option<&'a str>> {
    match &literal.kind {
        LiteralKind::Null => Ok(None),
        LiteralKind::Text(text) => Ok(Some(text)),
        other => Err(invalid(&format!("at {}: {of} takes text in single quotes, not {}", literal.place, other.what()))),
    }
}

/// Two values compared with each other, as in `1 = 1`, which programs put into filters that they build.
fn constant(left: &Literal, operator: Operator, right: &Literal) -> Result<Predicate> {
    let of_type =
        |primitive: &PrimitiveType| Some((typed(&left.kind, primitive).ok()?, typed(&right.kind, primitive).ok()?));
    let exact = PrimitiveType::Decimal { precision: 38, scale: 18 };
    let pair = [PrimitiveType::String, PrimitiveType::Boolean, exact].iter().find_map(of_type);
    match pair {
        Some((Typed::Null, _) | (_, Typed::Null)) => Ok(Predicate::constant(None)),
        Some((Typed::Exact(a), Typed::Exact(b))) => Ok(Predicate::constant(Some(operator.holds(a.compare(&b))))),
        _ => Err(invalid(&format!(
            "at {}: {} and {} cannot be compared; one side is a column, as a rule",
            left.place,
            left.kind.what(),
            right.kind.what()
        ))),
    }
}

fn find(schema: &Schema, parts: &[String]) -> Option<NestedFieldRef> {
    let (first, rest) = parts.split_first()?;
    let mut field = schema.as_struct().fields().iter().find(|field| field.name == *first)?;
    for part in rest {
        let Type::Struct(fields) = field.field_type.as_ref() else { return None };
        field = fields.fields().iter().find(|field| field.name == *part)?;
    }
    Some(field.clone())
}

/// The dotted names of a field and of what lies in it.
fn push_names(field: &NestedFieldRef, prefix: &str, names: &mut Vec<String>) {
    let name = format!("{prefix}{}", field.name);
    match field.field_type.as_ref() {
        Type::Struct(fields) => {
            let prefix = format!("{name}.");
            fields.fields().iter().for_each(|child| push_names(child, &prefix, names));
        }
        _ => names.push(name),
    }
}

fn shortened(names: &[String]) -> String {
    let mut shown: Vec<&str> = names.iter().map(String::as_str).take(N_NAMES_SHOWN).collect();
    if names.len() > N_NAMES_SHOWN {
        shown.push("…");
    }
    shown.join(", ")
}

/// The name that was meant, if one is near: the same in other case, or a few letters off.
fn nearest<'a>(name: &str, names: &'a [String]) -> Option<&'a str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let lower = name.to_lowercase();
    let allowed = (lower.chars().count() / 3).max(1);
    let distances = names.iter().map(|other| (distance(&lower, &other.to_lowercase()), other.as_str()));
    let near = distances.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance)?;
    Some(near.1)
}

/// Letters to put in, take out or change to get from one text to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}
