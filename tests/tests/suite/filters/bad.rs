//! Filters that a table cannot answer.

use frazil_reader::{ReadError, read_changes, read_rows};
use frazil_table::TableError;
use frazil_testkit::TestTable;
use rstest::rstest;

use super::{changes_where, rows_where};

fn table() -> TestTable {
    let mut table = TestTable::v2(
        "id long, region string, amount decimal(9,2), price double, day date, at timestamp, ok boolean, raw binary",
        "id",
    );
    table.append([[
        1_i64.into(),
        "eu".into(),
        100_i128.into(),
        1.5.into(),
        1.into(),
        1_i64.into(),
        true.into(),
        vec![1_u8].into(),
    ]
    .to_vec()]);
    table
}

#[rstest]
#[case("amuont > 1", "at character 1: column `amuont` is not in table `", "did you mean `amount`?")]
#[case("id = 1 AND Region = 'eu'", "at character 12: column `Region`", "did you mean `region`?")]
#[case("nothing_like_it = 1", "column `nothing_like_it`", "it has id, region, amount, price, day, at, ok, raw")]
#[case("region.x = 1", "column `region.x`", "did you mean `region`?")]
#[case("id = 'x'", "at character 6: column `id` cannot be compared with the text 'x'", "without quotes")]
#[case(
    "id = 1 OR region = 5",
    "at character 20: column `region` cannot be compared with the number 5",
    "single quotes"
)]
#[case("amount > 'much'", "column `amount` cannot be compared with the text 'much'", "such as 1.5")]
#[case("price > 'much'", "`much` is no number", "")]
#[case("price = 'NaN'", "nothing compares with NaN; use IS NAN", "")]
#[case("day = '21.11.2026'", "`21.11.2026` is no date", "2026-11-21")]
#[case("day = '2026-02-30'", "`2026-02-30` is no date", "")]
#[case("at > '2026-11-21 08:00:00+01:00'", "has a time zone, and the column has none", "leave it out")]
#[case("ok = 1", "column `ok` cannot be compared with the number 1", "TRUE or FALSE")]
#[case("raw = 'ff'", "column `raw` cannot be compared with the text 'ff'", "X'00ff'")]
#[case("region", "column `region` of type `string` cannot be used as a condition", "")]
#[case("id LIKE '1%'", "column `id` of type `long` cannot be used with LIKE", "")]
#[case("id STARTS WITH '1'", "column `id` of type `long` cannot be used with STARTS WITH", "")]
#[case("region LIKE 5", "LIKE takes text in single quotes", "the number 5")]
#[case("region LIKE 'a!b' ESCAPE '!'", "the escape character stands before `b`", "")]
#[case("region IS NAN", "column `region` of type `string` cannot be asked for NaN", "")]
#[case("id IN (1, 'x')", "at character 11: column `id` cannot be compared", "")]
#[case("id = region", "columns `id` and `region` are of different types", "")]
#[case("1 = 'x'", "cannot be compared; one side is a column", "")]
fn a_filter_that_does_not_fit_the_table_is_refused_in_one_line(
    #[case] sql: &str,
    #[case] cause: &str,
    #[case] remedy: &str,
) {
    let table = table().table();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcomes = [
        runtime.block_on(read_rows(&table, rows_where(sql))).map(drop),
        runtime.block_on(read_changes(&table, changes_where(sql))).map(drop),
    ];
    for outcome in outcomes {
        let Err(ReadError::Table(error @ TableError::InvalidRequest { .. })) = outcome else {
            panic!("{sql}: {outcome:?}");
        };
        let line = error.to_string();
        assert!(line.starts_with("filter: at character ") && !line.contains('\n'), "{line}");
        assert!(line.contains(cause) && line.contains(remedy), "{line}");
    }
}
