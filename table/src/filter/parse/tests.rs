#![allow(clippy::unwrap_used)]
use rstest::rstest;

use super::*;

fn line(sql: &str) -> String {
    parse(sql).unwrap_err().to_string()
}

#[rstest]
fn what_filters_have_is_parsed(
    #[values(
        "a = 1",
        "a <> 1 AND b != -2.5 OR NOT c < 1e3",
        "1 < a",
        "((((a = 1))))",
        "a IN (1, 2, NULL) AND b NOT IN ('x')",
        "a BETWEEN 1 AND 2 AND b NOT BETWEEN 'a' AND 'b'",
        "a LIKE 'x%' AND b NOT LIKE '!%_' ESCAPE '!'",
        "a STARTS WITH 'x' AND b NOT STARTS WITH 'y' OR c starts with 'z'",
        "starts_with(a, 'x') AND NOT StartsWith(b, 'y')",
        "a IS NULL OR b IS NOT NULL OR c IS NAN OR d IS NOT NaN OR e IS TRUE OR f IS NOT FALSE",
        "active",
        "NOT active AND NOT NOT \"select\"",
        "TRUE",
        "1 = 1",
        "a.b.c = 1 AND \"a b\".\"c.d\" = 2 AND `x` = 3",
        "date = DATE '2026-01-01' AND time < TIME '08:30' AND timestamp > TIMESTAMP '2026-01-01 00:00:00'",
        "t >= TIMESTAMP WITH TIME ZONE '2026-01-01 00:00:00+00:00' AND t < timestamptz '2026-01-02'",
        "b = X'00ff' AND u = UUID '123e4567-e89b-12d3-a456-426614174000'",
        "name = 'it''s' AND value = 1 AND key = 2 AND level = 3 AND starts = 4 AND \"with\" = 5",
        "größe > 1 AND _x = 2 -- and a comment"
    )]
    sql: &str,
) {
    parse(sql).unwrap();
}

#[rstest]
#[case("", "it is empty")]
#[case("  \n", "it is empty")]
#[case("a = ", "expected a column, a value or a condition, found the end")]
#[case("a = )", "at character 5: expected a column, a value or a condition, found )")]
#[case("a = 1 b = 2", "at character 7: expected AND, OR, or the end of the filter, found b")]
#[case("a = 1)", "at character 6: ")]
#[case("(a = 1", "expected ), found the end")]
#[case("a = 'x", "Unterminated string literal")]
#[case("a = 1 AND\n count(b) > 2", "at line 2, character 2: function `count` is not supported")]
#[case("a = (SELECT 1)", "at character 6: `SELECT`: subqueries are not supported")]
#[case("EXISTS (SELECT 1)", "at character 1: `EXISTS`: subqueries are not supported")]
#[case("a IN (SELECT 1)", "at character 7: `SELECT`: subqueries are not supported")]
#[case("CASE WHEN a THEN 1 END = 1", "at character 1: `CASE`: it is not supported")]
#[case("CAST(a AS int) = 1", "at character 1: `CAST`: it is not supported")]
#[case("a + 1 > 2", "at character 3: arithmetic (`+`) is not supported")]
#[case("a > -b", "at character 5: arithmetic is not supported")]
#[case("a || 'x' = 'y'", "at character 3: operator `||` is not supported")]
#[case("a::int = 1", "operator `::` is not supported")]
#[case("a[1] = 2", "at character 2: lists, maps and their elements are not supported")]
#[case("a = 1; DROP TABLE b", "at character 6: a filter is one condition")]
#[case("a ILIKE 'x'", "at character 3: operator `ILIKE` is not supported")]
#[case("a IS DISTINCT FROM 1", "expected NULL, NAN, TRUE or FALSE")]
#[case("'x'", "is a value; expected a condition")]
#[case("5", "is a value; expected a condition")]
#[case("a IN ()", "at character 7: expected")]
#[case("a IN (b)", "at character 7: the list behind IN takes values")]
#[case("a LIKE b", "at character 8: LIKE takes values")]
#[case("1 IN (1)", "at character 1: IN is for a column")]
#[case("(a = 1) = (b = 2)", "a comparison is between columns and values")]
#[case("a LIKE 'x' ESCAPE '!!'", "ESCAPE takes one character")]
#[case("b = X'0'", "two hexadecimal digits")]
#[case("a =! 1", "at character")]
#[case("? = 1", "expected a column")]
#[case("a = 1 AND", "expected a column, a value or a condition, found the end")]
#[case("a NOT 1", "at character 3: expected AND, OR, or the end of the filter, found NOT")]
fn what_they_do_not_have_is_refused_with_its_name_and_place(#[case] sql: &str, #[case] expected: &str) {
    let line = line(sql);
    assert!(line.starts_with("filter: ") && line.contains(expected), "{line}");
    assert!(!line.contains('\n'), "{line}");
}

#[rstest]
#[case("(".repeat(10_000), "nested more than")]
#[case(format!("{}a = 1{}", "(".repeat(10_000), ")".repeat(10_000)), "nested more than")]
#[case(format!("{}a", "NOT ".repeat(10_000)), "")]
#[case(format!("a = 1{}", " AND a = 1".repeat(10_000)), "operators")]
#[case(format!("a{}", " = a".repeat(10_000)), "operators")]
#[case(format!("a{} = 1", ".b".repeat(10_000)), "")]
#[case(format!("a = {}1", "-".repeat(10_000)), "")]
#[case(format!("a = {}1", "- ".repeat(10_000)), "arithmetic")]
#[case("a IN (".repeat(10_000), "nested more than")]
#[case("a IN (".repeat(40), "nested more than")]
#[case("CASE WHEN ".repeat(10_000), "CASE")]
#[case("a LIKE ".repeat(900), "")]
#[case("a BETWEEN ".repeat(900), "")]
#[case("ARRAY<".repeat(900), "ARRAY")]
#[case("starts_with(".repeat(10_000), "nested more than")]
#[case("a IS DISTINCT FROM ".repeat(900), "NULL, NAN")]
#[case("x".repeat(300_000), "bytes")]
#[case(format!("a = '{}'", "é".repeat(200_000)), "bytes")]
fn no_filter_takes_the_stack_or_the_time(#[case] sql: String, #[case] expected: &str) {
    match parse(&sql) {
        Ok(_) => assert!(expected.is_empty()),
        Err(error) => assert!(error.to_string().contains(expected), "{error}"),
    }
}

#[test]
fn as_much_as_is_allowed_is_parsed_on_a_small_stack() {
    let nested = format!("{}a = 1{}", "(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
    let negated = format!("{}a = 1{}", "NOT (".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
    let called = format!("{}a, 'x'{}", "starts_with(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
    let joined = format!("a = 1{}", " AND a = 1".repeat((N_OPERATORS_MAX - 1) / 2));
    let listed = format!("a IN (1{})", ", 23".repeat(50_000));
    for sql in [nested, negated, called, joined, listed] {
        let outcome = std::thread::Builder::new().stack_size(2 << 20).spawn(move || parse(&sql).map(drop)).unwrap();
        let _ = outcome.join().unwrap();
    }
}
