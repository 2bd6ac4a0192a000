//! Cases A: commits that add.

use frazil_testkit::Kind::Insert;

use super::{keyed, last, nothing, read, set};

#[tokio::test]
async fn a1_an_append_inserts_its_rows() {
    let mut table = keyed();
    table.append([(1, "a"), (2, "b")]);
    assert_eq!(last(&table).await, set([(Insert, (1, "a")), (Insert, (2, "b"))]));
}

#[tokio::test]
async fn a2_an_append_with_a_key_that_is_there_is_no_update() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.append([(1, "b")]);
    assert_eq!(last(&table).await, set([(Insert, (1, "b"))]));
}

#[tokio::test]
async fn a3_an_empty_append_ends_its_snapshot_and_moves_the_watermark() {
    let mut table = keyed();
    table.append([(1, "a")]);
    let empty = table.delta("append").commit();
    let deliveries = read(&table).await;
    assert_eq!(deliveries[1].id(), empty);
    assert_eq!(deliveries[1].changes, nothing());
    assert!(deliveries[1].watermark_ms > deliveries[0].watermark_ms);
}

#[tokio::test]
async fn a3_an_append_of_a_file_without_rows_inserts_nothing() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.append(Vec::<(i32, &str)>::new());
    assert_eq!(last(&table).await, nothing());
}

#[tokio::test]
async fn a4_an_append_that_merges_manifests_inserts_only_its_own_rows() {
    let mut table = keyed();
    table.append([(1, "a")]);
    table.append([(2, "b")]);
    table.delta("append").rows([(3, "c")]).merge_manifests().commit();
    assert_eq!(last(&table).await, set([(Insert, (3, "c"))]));
}

#[tokio::test]
async fn a5_an_older_data_sequence_number_puts_an_append_under_live_deletes() {
    let mut table = keyed();
    for _ in 1..5 {
        table.delta("append").commit();
    }
    table.equality_delete("k", [1]); // E(1)@5
    table.delta("append").rows_at(3, [(1, "a"), (2, "b")]).commit();
    assert_eq!(last(&table).await, set([(Insert, (2, "b"))]));
}
