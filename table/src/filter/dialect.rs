//! The part of SQL that filters are written in, for the parser of the sqlparser crate.
//!
//! Everything that a filter does not have is refused here, by name, before the parser goes into it: what is left
//! recurses for parentheses only.

use sqlparser::ast::{BinaryOperator, DataType, Expr, Ident, TimezoneInfo, TypedString, UnaryOperator, Value};
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

/// Name of the operator that the parser has none for.
pub(super) const STARTS_WITH: &str = "STARTS WITH";

/// As above. Its right side means nothing.
pub(super) const IS_NAN: &str = "IS NAN";

/// Words that begin something that filters do not have. Columns of these names stand in double quotes.
const REFUSED: [Keyword; 12] = [
    Keyword::CASE,
    Keyword::CAST,
    Keyword::TRY_CAST,
    Keyword::SAFE_CAST,
    Keyword::EXISTS,
    Keyword::INTERVAL,
    Keyword::SELECT,
    Keyword::ARRAY,
    Keyword::STRUCT,
    Keyword::PRIOR,
    Keyword::CONNECT_BY_ROOT,
    Keyword::EXTRACT,
];

/// Words that are no names of columns unless they are quoted.
const RESERVED: [Keyword; 12] = [
    Keyword::AND,
    Keyword::OR,
    Keyword::NOT,
    Keyword::IN,
    Keyword::IS,
    Keyword::BETWEEN,
    Keyword::LIKE,
    Keyword::ESCAPE,
    Keyword::WHERE,
    Keyword::FROM,
    Keyword::ORDER,
    Keyword::GROUP,
];

/// The dialect of filters.
#[derive(Debug)]
pub(super) struct FilterDialect;

type Parsed<T> = Result<T, ParserError>;

impl Dialect for FilterDialect {
    fn is_identifier_start(&self, character: char) -> bool {
        character.is_alphabetic() || character == '_'
    }

    fn is_identifier_part(&self, character: char) -> bool {
        character.is_alphanumeric() || character == '_' || character == '$'
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        character == '"' || character == '`'
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Parsed<Expr>> {
        Some(prefix(parser))
    }

    fn parse_infix(&self, parser: &mut Parser<'_>, left: &Expr, _precedence: u8) -> Option<Parsed<Expr>> {
        infix(parser, left)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Parsed<u8>> {
        let ahead = usize::from(is_word(&parser.peek_nth_token(0).token, "NOT"));
        let is_starts_with = is_word(&parser.peek_nth_token(ahead).token, "STARTS")
            && is_word(&parser.peek_nth_token(ahead + 1).token, "WITH");
        is_starts_with.then(|| Ok(self.prec_value(Precedence::Like)))
    }
}

/// An error that names its place as those of the parser do.
pub(super) fn error_at<T>(detail: &str, at: Location) -> Parsed<T> {
    Err(ParserError::ParserError(format!("{detail} at Line: {}, Column: {}", at.line, at.column)))
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

/// What stands where a value or a condition begins.
fn prefix(parser: &mut Parser<'_>) -> Parsed<Expr> {
    let next = parser.peek_token();
    let at = next.span.start;
    match &next.token {
        Token::LParen => {
            parser.next_token();
            let inner = parser.parse_expr()?;
            parser.expect_token(&Token::RParen)?;
            Ok(Expr::Nested(Box::new(inner)))
        }
        Token::Minus | Token::Plus => {
            parser.next_token();
            let sign = if next.token == Token::Minus { "-" } else { "" };
            match parser.next_token().token {
                Token::Number(digits, _) => {
                    let value = Value::Number(format!("{sign}{digits}"), false);
                    Ok(Expr::Value(value.with_span(next.span)))
                }
                _ => error_at("arithmetic is not supported; a sign stands before a number", at),
            }
        }
        Token::Number(..) | Token::SingleQuotedString(_) | Token::HexStringLiteral(_) => {
            parser.parse_value().map(Expr::Value)
        }
        Token::Word(word) if word.quote_style.is_none() => unquoted(parser, word, &next),
        Token::Word(_) => column(parser),
        _ => parser.expected("a column, a value or a condition", next),
    }
}

fn unquoted(parser: &mut Parser<'_>, word: &Word, token: &TokenWithSpan) -> Parsed<Expr> {
    let at = token.span.start;
    if word.keyword == Keyword::NOT {
        let mut is_negated = false;
        while parser.parse_keyword(Keyword::NOT) {
            is_negated = !is_negated;
        }
        let inner = parser.parse_subexpr(FilterDialect.prec_value(Precedence::UnaryNot))?;
        // Two negations are none in three-valued logic too, but the operand must still be a condition.
        let once = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(inner) };
        return Ok(if is_negated { once } else { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(once) } });
    }
    if matches!(word.keyword, Keyword::TRUE | Keyword::FALSE | Keyword::NULL) {
        return parser.parse_value().map(Expr::Value);
    }
    if let Some(typed) = typed_literal(parser, word) {
        return typed;
    }
    let is_called = parser.peek_nth_token(1).token == Token::LParen;
    if is_called && ["starts_with", "startswith"].iter().any(|name| word.value.eq_ignore_ascii_case(name)) {
        parser.next_token();
        parser.next_token();
        let left = parser.parse_expr()?;
        parser.expect_token(&Token::Comma)?;
        let right = parser.parse_expr()?;
        parser.expect_token(&Token::RParen)?;
        return Ok(custom(left, STARTS_WITH, right));
    }
    let what = match word.keyword {
        Keyword::SELECT | Keyword::EXISTS => "subqueries are",
        keyword if REFUSED.contains(&keyword) => "it is",
        _ if is_called => {
            let detail = format!("function `{}` is not supported; a filter has starts_with only", word.value);
            return error_at(&detail, at);
        }
        keyword if RESERVED.contains(&keyword) => {
            return parser.expected("a column, a value or a condition", token.clone());
        }
        _ => return column(parser),
    };
    let detail = format!("`{0}`: {what} not supported; a column of that name is written \"{0}\"", word.value);
    error_at(&detail, at)
}

/// The parts of a column's name.
fn column(parser: &mut Parser<'_>) -> Parsed<Expr> {
    let mut parts: Vec<Ident> = vec![parser.parse_identifier()?];
    while parser.consume_token(&Token::Period) {
        parts.push(parser.parse_identifier()?);
    }
    Ok(Expr::CompoundIdentifier(parts))
}

/// `DATE '…'` and the like.
fn typed_literal(parser: &mut Parser<'_>, word: &Word) -> Option<Parsed<Expr>> {
    let name = word.value.to_ascii_uppercase();
    let data_type = match name.as_str() {
        "DATE" => DataType::Date,
        "TIME" => DataType::Time(None, TimezoneInfo::None),
        "TIMESTAMP" | "TIMESTAMPTZ" | "TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" => {
            DataType::Timestamp(None, TimezoneInfo::None)
        }
        "UUID" => DataType::Uuid,
        _ => return None,
    };
    // TIMESTAMP WITH TIME ZONE '…': the column's type decides, and the text has the zone.
    let is_zoned = (is_word(&parser.peek_nth_token(1).token, "WITH")
        || is_word(&parser.peek_nth_token(1).token, "WITHOUT"))
        && is_word(&parser.peek_nth_token(2).token, "TIME")
        && is_word(&parser.peek_nth_token(3).token, "ZONE");
    let n_words = if is_zoned { 4 } else { 1 };
    if !matches!(parser.peek_nth_token(n_words).token, Token::SingleQuotedString(_)) {
        return None;
    }
    for _ in 0..n_words {
        parser.next_token();
    }
    let value = parser.parse_value();
    Some(value.map(|value| Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false })))
}

fn custom(left: Expr, operator: &str, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::Custom(operator.to_owned()), right: Box::new(right) }
}

fn negated_if(is_negated: bool, expr: Expr) -> Expr {
    if is_negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) } } else { expr }
}

/// What stands behind a value or a condition; `None` leaves it to the parser.
fn infix(parser: &mut Parser<'_>, left: &Expr) -> Option<Parsed<Expr>> {
    let next = parser.peek_token();
    match &next.token {
        Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq | Token::DoubleEq => None,
        Token::Word(word) => match word.keyword {
            Keyword::AND | Keyword::OR | Keyword::BETWEEN | Keyword::LIKE => None,
            Keyword::IS => Some(is(parser, left)),
            Keyword::IN => Some(in_list(parser, left, false)),
            Keyword::NOT => {
                let after = parser.peek_nth_token(1).token;
                if is_word(&after, "BETWEEN") || is_word(&after, "LIKE") {
                    None
                } else if is_word(&after, "IN") {
                    parser.next_token();
                    Some(in_list(parser, left, true))
                } else if is_word(&after, "STARTS") {
                    parser.next_token();
                    Some(starts_with(parser, left, true))
                } else {
                    Some(refused(&next))
                }
            }
            _ if is_word(&next.token, "STARTS") => Some(starts_with(parser, left, false)),
            _ => Some(refused(&next)),
        },
        _ => Some(refused(&next)),
    }
}

fn refused(token: &TokenWithSpan) -> Parsed<Expr> {
    let detail = match token.token {
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod => {
            format!("arithmetic (`{token}`) is not supported")
        }
        _ => format!("operator `{token}` is not supported"),
    };
    error_at(&detail, token.span.start)
}

fn starts_with(parser: &mut Parser<'_>, left: &Expr, is_negated: bool) -> Parsed<Expr> {
    parser.next_token();
    parser.next_token();
    let right = parser.parse_subexpr(FilterDialect.prec_value(Precedence::Like))?;
    Ok(negated_if(is_negated, custom(left.clone(), STARTS_WITH, right)))
}

fn is(parser: &mut Parser<'_>, left: &Expr) -> Parsed<Expr> {
    parser.next_token();
    let is_negated = parser.parse_keyword(Keyword::NOT);
    let left = Box::new(left.clone());
    let next = parser.next_token();
    let test = if is_word(&next.token, "NULL") {
        Expr::IsNull(left)
    } else if is_word(&next.token, "NAN") {
        custom(*left, IS_NAN, Expr::Value(Value::Null.with_span(next.span)))
    } else if is_word(&next.token, "TRUE") {
        Expr::IsTrue(left)
    } else if is_word(&next.token, "FALSE") {
        Expr::IsFalse(left)
    } else {
        return parser.expected("NULL, NAN, TRUE or FALSE behind IS [NOT]", next);
    };
    Ok(negated_if(is_negated, test))
}

fn in_list(parser: &mut Parser<'_>, left: &Expr, is_negated: bool) -> Parsed<Expr> {
    parser.next_token();
    parser.expect_token(&Token::LParen)?;
    let list = parser.parse_comma_separated(Parser::parse_expr)?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::InList { expr: Box::new(left.clone()), list, negated: is_negated })
}
