//! Cases O: files replaced by others.

use frazil_testkit::Kind::{Delete, Insert, UpdateAfter, UpdateBefore};
use frazil_testkit::TestTable;

use super::{keyed, last, partitioned, set};

#[tokio::test]
async fn o1_copy_on_write_carries_unchanged_rows_over() {
    let mut table = keyed();
    let f = table.append([(1, "a"), (2, "b")]);
    table.overwrite().remove(f).rows([(1, "a"), (2, "c")]).commit();
    assert_eq!(last(&table).await, set([(UpdateBefore, (2, "b")), (UpdateAfter, (2, "c"))]));
}

#[tokio::test]
async fn o2_equal_rows_cancel_one_for_one() {
    let mut table = TestTable::v2("k int, v string", "");
    let f = table.append([(1, "a"), (1, "a"), (2, "b")]);
    table.overwrite().remove(f).rows([(1, "a"), (2, "b")]).commit();
    assert_eq!(last(&table).await, set([(Delete, (1, "a"))]));
}

#[tokio::test]
async fn o3_a_replaced_partition_is_an_ordinary_change_set() {
    let mut table = partitioned();
    let f = table.append([(1, "a", "p"), (2, "b", "p"), (3, "c", "p")]);
    table.append([(9, "z", "q")]);
    table.overwrite().remove(f).rows([(1, "a", "p"), (2, "x", "p"), (4, "d", "p")]).commit();
    let expected = set([
        (Delete, (3, "c", "p")),
        (UpdateBefore, (2, "b", "p")),
        (UpdateAfter, (2, "x", "p")),
        (Insert, (4, "d", "p")),
    ]);
    assert_eq!(last(&table).await, expected);
}

#[tokio::test]
async fn o4_an_overwrite_that_only_adds_is_an_append() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.overwrite().rows([(1, "b")]).commit();
    assert_eq!(last(&table).await, set([(Insert, (1, "b"))]));
}
