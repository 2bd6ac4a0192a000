//! Cases X: schemas and keys that change.

use arrow_schema::DataType;
use frazil_testkit::Kind::{Delete, Insert, UpdateAfter, UpdateBefore};
use frazil_testkit::TestTable;

use super::{error, keyed, last, nothing, null, options, read, set};

#[tokio::test]
async fn x1_an_added_column_is_announced_and_changes_no_row() {
    let mut table = TestTable::v3("k int, v string", "k");
    table.append([(1, "a")]);
    table.add_column("c", "int", 7);
    table.delta("append").commit();
    let deliveries = read(&table).await;
    assert_eq!(deliveries[0].schema_change, None);
    assert_eq!(deliveries[1].schema_change, Some((0, 1)));
    assert_eq!(deliveries[1].changes, nothing());
    let names: Vec<&String> = deliveries[1].schema.fields().iter().map(|field| field.name()).collect();
    assert_eq!(names, ["k", "v", "c"]);
}

#[tokio::test]
async fn x1_before_images_have_the_default_of_an_added_column() {
    let mut table = TestTable::v3("k int, v string", "k");
    table.append([(1, "a"), (2, "b")]);
    table.add_column("c", "int", 7);
    table.overwrite().delete_where("k", [1, 2]).rows([(1, "a", 8), (2, "b", 7)]).commit();
    assert_eq!(last(&table).await, set([(UpdateBefore, (1, "a", 7)), (UpdateAfter, (1, "a", 8))]));
}

#[tokio::test]
async fn x2_images_are_promoted_and_carried_over_after_promotion() {
    let mut table = TestTable::v2("k int, f float, d decimal(5,2)", "k");
    table.append([(1, 1.5, 100_i128), (2, 2.5, 200)]);
    table.promote_column("k", "long");
    table.promote_column("f", "double");
    table.promote_column("d", "decimal(9,2)");
    table.overwrite().delete_where("k", [1_i64, 2]).rows([(1_i64, 1.5, 100_i128), (2, 3.5, 200)]).commit();
    let deliveries = read(&table).await;
    let expected = set([(UpdateBefore, (2, 2.5, 200_i128)), (UpdateAfter, (2, 3.5, 200))]);
    assert_eq!(deliveries[1].changes, expected);
    let types: Vec<&DataType> = deliveries[1].schema.fields().iter().map(|field| field.data_type()).collect();
    assert_eq!(types, [&DataType::Int64, &DataType::Float64, &DataType::Decimal128(9, 2)]);
}

#[tokio::test]
async fn x3_columns_are_known_by_field_id() {
    let mut table = TestTable::v2("k int, v string, w string", "k");
    table.append([(1, "a", "b")]);
    table.rename_column("v", "tmp");
    table.rename_column("w", "v");
    table.rename_column("tmp", "w");
    table.equality_delete("k", [1]);
    let deliveries = read(&table).await;
    let names: Vec<&String> = deliveries[1].schema.fields().iter().map(|field| field.name()).collect();
    assert_eq!(names, ["k", "w", "v"]);
    assert_eq!(deliveries[1].changes, set([(Delete, (1, "a", "b"))]));
}

#[tokio::test]
async fn x3_a_column_added_again_is_another_column() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.drop_column("v");
    table.add_column("v", "string", null());
    table.equality_delete("k", [1]);
    assert_eq!(last(&table).await, set([(Delete, (1, null()))]));
}

#[tokio::test]
async fn x3_a_dropped_column_is_still_compared_by_equality_deletes() {
    let mut table = TestTable::v2("k int, v string, c int", "k");
    table.append([(1, "a", 5), (2, "b", 6)]);
    table.equality_delete("c", [5]);
    table.drop_column("c");
    // Files without the column have NULL there, which is not 5.
    table.append([(3, "c")]);
    assert_eq!(last(&table).await, set([(Insert, (3, "c"))]));
    table.equality_delete("k", [1, 2, 3]);
    assert_eq!(last(&table).await, set([(Delete, (2, "b")), (Delete, (3, "c"))]));
}

#[tokio::test]
async fn x4_changed_identifier_fields_stop_the_stream() {
    let mut table = TestTable::v2("k int, j int, v string", "k");
    table.append([(1, 1, "a")]);
    table.set_identifier("j");
    table.append([(2, 2, "b")]);
    assert_eq!(error(&table, options()).await.code(), "KEY_CHANGED");
}
