//! From the text of a filter to its syntax.

use sqlparser::ast::{BinaryOperator, DataType, Expr, Ident, Spanned, UnaryOperator, Value};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};

use super::dialect::{FilterDialect, IS_NAN, STARTS_WITH, error_at};
use super::predicate::Operator;
use super::syntax::{ColumnName, Expression, Literal, LiteralKind, Operand, Place};
use crate::{Result, TableError};

/// A filter longer than this is refused. It has room for lists of some ten thousand values.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// Parentheses inside each other. Each takes room on the stack.
const DEPTH_MAX: usize = 32;

/// Operators in one filter. A chain of them makes a tree that is as deep.
const N_OPERATORS_MAX: usize = 1_000;

/// Reads a filter.
///
/// # Errors
/// [`TableError::InvalidRequest`] says what is wrong, and where.
pub(super) fn parse(sql: &str) -> Result<Expression> {
    if sql.len() > TEXT_BYTES_MAX {
        return Err(invalid(&format!("it has {} bytes, more than the {TEXT_BYTES_MAX} that are read", sql.len())));
    }
    if sql.trim().is_empty() {
        return Err(invalid("it is empty; expected a condition such as amount > 10"));
    }
    let tokens = Tokenizer::new(&FilterDialect, sql)
        .tokenize_with_location()
        .map_err(|error| located(&error.message, Some((error.location.line, error.location.column))))?;
    check_tokens(&tokens).map_err(|error| translated(&error))?;
    let mut parser = Parser::new(&FilterDialect).with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr().and_then(|expr| match parser.peek_token() {
        TokenWithSpan { token: Token::EOF, .. } => Ok(expr),
        more => parser.expected("AND, OR, or the end of the filter", more),
    });
    condition(&parsed.map_err(|error| translated(&error))?)
}

/// Refuses what could make parsing take too much stack, before it begins.
fn check_tokens(tokens: &[TokenWithSpan]) -> std::result::Result<(), ParserError> {
    let (mut depth, mut n_operators) = (0_usize, 0_usize);
    for token in tokens {
        let at = token.span.start;
        match &token.token {
            Token::LParen => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return error_at(&format!("parentheses are nested more than {DEPTH_MAX} deep"), at);
                }
            }
            Token::RParen => depth = depth.saturating_sub(1),
            Token::LBracket | Token::LBrace => {
                return error_at("lists, maps and their elements are not supported", at);
            }
            Token::SemiColon => return error_at("a filter is one condition; `;` has no place in it", at),
            Token::Word(word) if word.quote_style.is_none() => {
                n_operators += usize::from(matches!(
                    word.keyword,
                    Keyword::AND | Keyword::OR | Keyword::IS | Keyword::IN | Keyword::LIKE | Keyword::BETWEEN
                ));
            }
            Token::Whitespace(_)
            | Token::Comma
            | Token::Period
            | Token::Word(_)
            | Token::Number(..)
            | Token::Minus
            | Token::Plus
            | Token::SingleQuotedString(_)
            | Token::HexStringLiteral(_) => {}
            _ => n_operators += 1,
        }
        if n_operators > N_OPERATORS_MAX {
            let detail = format!("there are more than {N_OPERATORS_MAX} operators; list many values with IN");
            return error_at(&detail, at);
        }
    }
    Ok(())
}

fn invalid(detail: &str) -> TableError {
    TableError::invalid(format!("filter: {detail}"))
}

/// An error of the parser in our words: its messages end in ` at Line: 1, Column: 5`.
fn translated(error: &ParserError) -> TableError {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.as_str(),
        ParserError::RecursionLimitExceeded => "it is nested too deeply",
    };
    let split = message.rsplit_once(" at Line: ").and_then(|(detail, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((detail, (line.parse().ok()?, column.parse().ok()?)))
    });
    match split {
        Some((detail, place)) => located(detail, Some(place)),
        None => located(message, None),
    }
}

fn located(detail: &str, place: Option<(u64, u64)>) -> TableError {
    let detail = detail.replace("Expected: ", "expected ").replace("found: EOF", "found the end");
    let detail = detail.replace("found: ", "found ");
    match place {
        // The parser has no place for the end.
        Some((line @ 1.., character @ 1..)) => invalid(&format!("at {}: {detail}", Place { line, character })),
        _ => invalid(&detail),
    }
}

fn place(span: Span) -> Place {
    Place { line: span.start.line.max(1), character: span.start.column.max(1) }
}

fn misplaced(detail: &str, expr: &Expr) -> TableError {
    invalid(&format!("at {}: {detail}", place(expr.span())))
}

/// A condition.
fn condition(expr: &Expr) -> Result<Expression> {
    match expr {
        Expr::Nested(inner) => condition(inner),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(Expression::Not(Box::new(condition(expr)?))),
        Expr::BinaryOp { op: BinaryOperator::And, .. } => chain(expr, &BinaryOperator::And).map(Expression::And),
        Expr::BinaryOp { op: BinaryOperator::Or, .. } => chain(expr, &BinaryOperator::Or).map(Expression::Or),
        Expr::BinaryOp { left, op: BinaryOperator::Custom(name), right } if name == STARTS_WITH => {
            Ok(Expression::StartsWith { column: column(left, "STARTS WITH")?, prefix: literal(right, "STARTS WITH")? })
        }
        Expr::BinaryOp { left, op: BinaryOperator::Custom(name), .. } if name == IS_NAN => {
            Ok(Expression::IsNan(column(left, "IS NAN")?))
        }
        Expr::BinaryOp { left, op, right } => {
            let operator = operator(op).ok_or_else(|| misplaced(&format!("operator `{op}` is not supported"), expr))?;
            Ok(Expression::Compare { left: operand(left)?, operator, right: operand(right)? })
        }
        Expr::Between { expr, negated, low, high } => {
            let value = operand(expr)?;
            let side = |operator, bound: &Expr| -> Result<Expression> {
                Ok(Expression::Compare { left: value.clone(), operator, right: operand(bound)? })
            };
            let both = vec![side(Operator::GreaterOrEqual, low)?, side(Operator::LessOrEqual, high)?];
            Ok(negated_if(*negated, Expression::And(both)))
        }
        Expr::InList { expr, list, negated } => {
            let list = list.iter().map(|value| literal(value, "the list behind IN")).collect::<Result<_>>()?;
            Ok(negated_if(*negated, Expression::In { column: column(expr, "IN")?, list }))
        }
        Expr::Like { negated, any: false, expr, pattern, escape_char } => {
            let escape = match escape_char {
                None => None,
                Some(escape) => Some(escape_character(escape, pattern)?),
            };
            let (column, pattern) = (column(expr, "LIKE")?, literal(pattern, "LIKE")?);
            Ok(negated_if(*negated, Expression::Like { column, pattern, escape }))
        }
        Expr::IsNull(inner) => Ok(Expression::IsNull(column(inner, "IS NULL")?)),
        Expr::IsTrue(inner) => is_truth(inner, true),
        Expr::IsFalse(inner) => is_truth(inner, false),
        Expr::CompoundIdentifier(parts) => Ok(Expression::Column(column_name(parts))),
        Expr::Value(value) => match &value.value {
            Value::Boolean(value) => Ok(Expression::Constant(Some(*value))),
            Value::Null => Ok(Expression::Constant(None)),
            _ => Err(misplaced(&format!("`{expr}` is a value; expected a condition"), expr)),
        },
        other => Err(misplaced(&format!("`{other}` is not supported"), other)),
    }
}

/// `x IS TRUE` is `x AND x IS NOT NULL`, and so on: never unknown. For columns only.
fn is_truth(inner: &Expr, value: bool) -> Result<Expression> {
    let column = column(inner, if value { "IS TRUE" } else { "IS FALSE" })?;
    let is_known = Expression::Not(Box::new(Expression::IsNull(column.clone())));
    Ok(Expression::And(vec![is_known, negated_if(!value, Expression::Column(column))]))
}

fn negated_if(negated: bool, expression: Expression) -> Expression {
    if negated { Expression::Not(Box::new(expression)) } else { expression }
}

/// The conditions that one operator joins. The parser hangs them up to the left: `((a AND b) AND c) AND d`.
fn chain(expr: &Expr, operator: &BinaryOperator) -> Result<Vec<Expression>> {
    let mut reversed = Vec::new();
    let mut rest = expr;
    while let Expr::BinaryOp { left, op, right } = rest
        && op == operator
    {
        reversed.push(condition(right)?);
        rest = left;
    }
    reversed.push(condition(rest)?);
    reversed.reverse();
    Ok(reversed)
}

fn operator(operator: &BinaryOperator) -> Option<Operator> {
    Some(match operator {
        BinaryOperator::Eq => Operator::Equal,
        BinaryOperator::NotEq => Operator::NotEqual,
        BinaryOperator::Lt => Operator::Less,
        BinaryOperator::LtEq => Operator::LessOrEqual,
        BinaryOperator::Gt => Operator::Greater,
        BinaryOperator::GtEq => Operator::GreaterOrEqual,
        _ => return None,
    })
}

fn operand(expr: &Expr) -> Result<Operand> {
    match expr {
        Expr::Nested(inner) => operand(inner),
        Expr::CompoundIdentifier(parts) => Ok(Operand::Column(column_name(parts))),
        Expr::Value(_) | Expr::TypedString(_) => literal(expr, "a comparison").map(Operand::Literal),
        _ => Err(misplaced("a comparison is between columns and values, not between conditions", expr)),
    }
}

fn column(expr: &Expr, of: &str) -> Result<ColumnName> {
    match expr {
        Expr::Nested(inner) => column(inner, of),
        Expr::CompoundIdentifier(parts) => Ok(column_name(parts)),
        _ => Err(misplaced(&format!("{of} is for a column"), expr)),
    }
}

fn column_name(parts: &[Ident]) -> ColumnName {
    let start = parts.first().map_or(Span::empty(), |part| part.span);
    ColumnName { parts: parts.iter().map(|part| part.value.clone()).collect(), place: place(start) }
}

fn literal(expr: &Expr, of: &str) -> Result<Literal> {
    let place = place(expr.span());
    let kind = match expr {
        Expr::Nested(inner) => return literal(inner, of),
        Expr::Value(value) => match &value.value {
            Value::Null => LiteralKind::Null,
            Value::Boolean(value) => LiteralKind::Boolean(*value),
            Value::Number(digits, _) => LiteralKind::Number(digits.clone()),
            Value::SingleQuotedString(text) => LiteralKind::Text(text.clone()),
            Value::HexStringLiteral(digits) => LiteralKind::Bytes(
                hexadecimal(digits)
                    .ok_or_else(|| misplaced("X'…' holds two hexadecimal digits for each byte", expr))?,
            ),
            other => return Err(misplaced(&format!("`{other}` is not supported"), expr)),
        },
        Expr::TypedString(typed) => {
            let Value::SingleQuotedString(text) = &typed.value.value else {
                return Err(misplaced("expected text in single quotes", expr));
            };
            let text = text.clone();
            match typed.data_type {
                DataType::Date => LiteralKind::Date(text),
                DataType::Time(..) => LiteralKind::Time(text),
                DataType::Timestamp(..) => LiteralKind::Timestamp(text),
                _ => LiteralKind::Uuid(text),
            }
        }
        _ => return Err(misplaced(&format!("{of} takes values, such as 10 or 'text'"), expr)),
    };
    Ok(Literal { kind, place })
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn escape_character(escape: &Value, pattern: &Expr) -> Result<char> {
    let one = match escape {
        Value::SingleQuotedString(text) => {
            let mut characters = text.chars();
            characters.next().filter(|_| characters.next().is_none())
        }
        _ => None,
    };
    one.ok_or_else(|| misplaced("ESCAPE takes one character in quotes", pattern))
}

#[cfg(test)]
mod tests;
