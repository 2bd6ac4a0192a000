//! Cases D: files removed, positions deleted, deletion vectors.

use frazil_testkit::Kind::{Delete, Insert};
use frazil_testkit::TestTable;

use super::{keyed, last, nothing, set};

fn keyed_v3() -> TestTable {
    TestTable::v3("k int, v string", "k")
}

#[tokio::test]
async fn d1_a_removed_file_deletes_its_rows() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b")]);
    table.delete().remove(f).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, "a")), (Delete, (2, "b"))]));
}

#[tokio::test]
async fn d2_a_removed_file_deletes_no_row_twice() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b")]);
    table.delete().delete_at(&f, [0]).commit();
    table.delete().remove(f).commit();
    assert_eq!(last(&table).await, set([(Delete, (2, "b"))]));
}

#[tokio::test]
async fn d3_a_position_delete_deletes_the_row_there() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b")]);
    table.delete().delete_at(&f, [0]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, "a"))]));
}

#[tokio::test]
async fn d4_a_cumulative_position_delete_deletes_only_what_is_new_in_it() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b"), (3, "c")]);
    table.delete().delete_at(&f, [0]).commit();
    table.delete().remove_deletes().delete_at(&f, [0, 1]).commit();
    assert_eq!(last(&table).await, set([(Delete, (2, "b"))]));
}

#[tokio::test]
async fn d5_a_new_deletion_vector_deletes_what_the_old_one_did_not() {
    let mut table = keyed_v3();
    let f = table.append((0..8).map(|k| (k, "a")));
    table.delete().vector(&f, [0]).commit();
    table.delete().remove_deletes().vector(&f, [0, 5]).commit();
    assert_eq!(last(&table).await, set([(Delete, (5, "a"))]));
}

#[tokio::test]
async fn d6_a_deletion_vector_in_place_of_position_deletes_changes_nothing() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b")]);
    table.delete().delete_at(&f, [0]).commit();
    table.upgrade(3);
    table.overwrite().remove_deletes().vector(&f, [0]).commit();
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn d6_position_deletes_beside_a_deletion_vector_do_not_count() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b"), (3, "c")]);
    table.delete().delete_at(&f, [0, 1]).commit();
    table.upgrade(3);
    table.overwrite().vector(&f, [0, 2]).commit();
    assert_eq!(last(&table).await, set([(Delete, (3, "c")), (Insert, (2, "b"))]));
}

#[tokio::test]
async fn d7_a_dropped_deletion_vector_brings_its_rows_back() {
    let mut table = keyed_v3();
    let f = table.append([(1, "a"), (2, "b")]);
    table.delete().vector(&f, [0]).commit();
    table.overwrite().remove_deletes().commit();
    assert_eq!(last(&table).await, set([(Insert, (1, "a"))]));
}

#[tokio::test]
async fn d8_a_dropped_equality_delete_brings_its_rows_back() {
    for operation in ["delete", "overwrite"] {
        let mut table = keyed();
        table.append([(1, "a")]);
        table.equality_delete("k", [1]);
        table.delta(operation).remove_deletes().commit();
        assert_eq!(last(&table).await, set([(Insert, (1, "a"))]), "{operation}");
    }
}
