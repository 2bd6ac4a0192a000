#![allow(clippy::string_slice, clippy::unwrap_used)]
use super::*;

fn group(name: &str, version: u64) -> Group {
    Group {
        name: name.to_owned(),
        table_uuid: Uuid::from_u128(7),
        table: "db.t".to_owned(),
        position: format!("position {version}"),
        version,
        updated_at_ms: 1000,
        owner: "test".to_owned(),
        time_to_live_ms: None,
    }
}

#[tokio::test]
async fn a_group_is_kept_listed_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileGroupStore::new(folder.path().join("deeper"));
    let key = group("a", 1).key().unwrap();
    assert!(store.list().await.unwrap().is_empty());
    assert_eq!(store.load(&key).await.unwrap(), None);
    store.store(&group("a", 1)).await.unwrap();
    store.store(&group("b", 1)).await.unwrap();
    store.store(&group("a", 2)).await.unwrap();
    // Whoever opens the folder anew finds the same.
    let store = FileGroupStore::new(folder.path().join("deeper"));
    assert_eq!(store.load(&key).await.unwrap(), Some(group("a", 2)));
    assert_eq!(store.list().await.unwrap(), [group("a", 2), group("b", 1)]);
    store.delete(&key, 2).await.unwrap();
    assert_eq!(store.list().await.unwrap(), [group("b", 1)]);
}

#[tokio::test]
async fn a_change_of_what_somebody_else_has_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileGroupStore::new(folder.path());
    let key = group("a", 1).key().unwrap();
    let is_changed = |outcome: Result<(), GroupError>| matches!(outcome, Err(GroupError::Changed { .. }));
    assert!(is_changed(store.store(&group("a", 2)).await));
    store.store(&group("a", 1)).await.unwrap();
    assert!(is_changed(store.store(&group("a", 1)).await));
    store.store(&group("a", 2)).await.unwrap();
    assert!(is_changed(store.store(&group("a", 2)).await));
    assert!(is_changed(store.delete(&key, 1).await));
    assert_eq!(store.load(&key).await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn of_many_at_once_one_succeeds_for_each_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileGroupStore::new(folder.path());
    for version in 1..10 {
        let tries = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.store(&group("a", version)).await.is_ok() })
        });
        let outcomes = futures::future::join_all(tries).await;
        assert_eq!(outcomes.into_iter().filter(|outcome| *outcome.as_ref().unwrap()).count(), 1);
    }
}

#[tokio::test]
async fn one_reads_for_a_group_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileGroupStore::new(folder.path());
    let key = group("a", 1).key().unwrap();
    let claim = store.claim(&key, "the first").await.unwrap();
    match store.claim(&key, "the second").await.unwrap_err() {
        GroupError::Busy { name, owner } => assert_eq!((name.as_str(), owner.as_str()), ("a", "the first")),
        other => panic!("{other:?}"),
    }
    store.claim(&group("b", 1).key().unwrap(), "another").await.unwrap();
    drop(claim);
    store.claim(&key, "the second").await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileGroupStore::new(folder.path());
    store.store(&group("a", 1)).await.unwrap();
    let path = folder.path().join(Uuid::from_u128(7).to_string()).join("a.json");
    for content in ["", "{", r#"{"name":"a"}"#, &serde_json::to_string(&group("b", 1)).unwrap()] {
        std::fs::write(&path, content).unwrap();
        let error = store.load(&group("a", 1).key().unwrap()).await.unwrap_err();
        assert!(matches!(error, GroupError::Damaged { .. }) && error.to_string().contains("a.json"), "{error}");
    }
}

#[test]
fn names_are_such_that_any_store_can_keep_them() {
    let long = "x".repeat(129);
    for name in ["", ".", "..", ".a", "a/b", "a b", "ä", "a\n", &long] {
        assert!(GroupKey::new(name, Uuid::nil()).is_err(), "{name:?}");
    }
    for name in ["a", "Orders-2.v1_x", &long[1..]] {
        assert_eq!(GroupKey::new(name, Uuid::nil()).unwrap().name(), name);
    }
}

#[test]
fn a_group_dies_when_it_is_left_alone_for_longer_than_it_may_live() {
    let mut group = group("a", 1);
    assert!(!group.is_dead(i64::MAX));
    group.time_to_live_ms = Some(500);
    assert!(!group.is_dead(1500));
    assert!(group.is_dead(1501));
}
