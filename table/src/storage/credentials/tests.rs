#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use rstest::rstest;

use super::*;
use crate::TableError;

fn credential(prefix: &str, expires_at_ms: Option<i64>) -> StorageCredential {
    let properties = BTreeMap::from([("s3.secret-access-key".to_owned(), "hush".to_owned())]);
    StorageCredential { prefix: prefix.to_owned(), properties, expires_at_ms }
}

/// Counts how often it is asked. Credentials end after `lifetime_ms`.
#[derive(Debug)]
struct Source {
    n_asked: AtomicUsize,
    lifetime_ms: Option<i64>,
    fails_after: usize,
    clock: Clock,
}

#[async_trait::async_trait]
impl CredentialSource for Source {
    async fn credentials(&self) -> Result<Vec<StorageCredential>> {
        let n = self.n_asked.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if n >= self.fails_after {
            return Err(TableError::invalid("the catalog is away"));
        }
        Ok(vec![credential("s3://b/t", self.lifetime_ms.map(|lifetime| (self.clock)() + lifetime))])
    }
}

fn vended(clock: Clock, lifetime_ms: Option<i64>, fails_after: usize) -> (Arc<Source>, Vended) {
    let source = Arc::new(Source { n_asked: AtomicUsize::new(0), lifetime_ms, fails_after, clock });
    (source.clone(), Vended::new(source, clock))
}

fn n_asked(source: &Source) -> usize {
    source.n_asked.load(Ordering::SeqCst)
}

#[rstest]
#[case("s3://b/t/data/x", Some("s3://b/t/data"))]
#[case("s3a://b/t/data/x", Some("s3://b/t/data"))]
#[case("s3://b/t/x", Some("s3a://b/t/"))]
#[case("s3://b/other/x", Some("s3"))]
#[case("gs://b/t/x", None)]
#[case("/b/t/x", None)]
fn the_longest_prefix_wins(#[case] path: &str, #[case] expected: Option<&str>) {
    for order in [[0, 1, 2], [2, 0, 1]] {
        let prefixes = ["s3", "s3a://b/t/", "s3://b/t/data"];
        let batch = Batch::new(order.map(|index: usize| credential(prefixes[index], None)).into(), 0);
        assert_eq!(batch.for_path(path).map(|credential| credential.prefix.as_str()), expected);
    }
}

#[test]
fn debug_shows_names_and_no_values() {
    let shown = format!("{:?}", credential("s3://b", Some(1)));
    assert!(shown.contains("s3.secret-access-key") && !shown.contains("hush"), "{shown}");
}

#[tokio::test]
async fn credentials_without_an_end_are_asked_for_once() {
    let (source, vended) = vended(|| 0, None, usize::MAX);
    for _ in 0..3 {
        vended.current().await.unwrap();
    }
    assert_eq!(n_asked(&source), 1);
}

#[tokio::test]
async fn credentials_are_asked_for_again_before_they_end() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let (source, vended) = vended(|| NOW.load(Ordering::SeqCst), Some(3_600_000), usize::MAX);
    vended.current().await.unwrap();
    NOW.store(3_600_000 - RENEW_BEFORE_MS - 1, Ordering::SeqCst);
    vended.current().await.unwrap();
    assert_eq!(n_asked(&source), 1);
    NOW.store(3_600_000 - RENEW_BEFORE_MS, Ordering::SeqCst);
    vended.current().await.unwrap();
    assert_eq!(n_asked(&source), 2);
}

#[tokio::test]
async fn those_that_live_shorter_than_the_margin_are_not_asked_for_all_the_time() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let (source, vended) = vended(|| NOW.load(Ordering::SeqCst), Some(60_000), usize::MAX);
    for now_ms in [0, 10_000, 29_000] {
        NOW.store(now_ms, Ordering::SeqCst);
        vended.current().await.unwrap();
    }
    assert_eq!(n_asked(&source), 1);
    NOW.store(31_000, Ordering::SeqCst);
    vended.current().await.unwrap();
    assert_eq!(n_asked(&source), 2);
}

#[tokio::test]
async fn many_who_need_credentials_ask_once() {
    let (source, vended) = vended(|| 0, Some(3_600_000), usize::MAX);
    let all = futures::future::join_all((0..20).map(|_| vended.current())).await;
    let first = all[0].as_ref().unwrap();
    assert!(all.iter().all(|batch| Arc::ptr_eq(batch.as_ref().unwrap(), first)));
    assert_eq!(n_asked(&source), 1);
    let renewed = futures::future::join_all((0..20).map(|_| vended.renew(first, RenewCause::Expired))).await;
    assert!(renewed.iter().all(|batch| batch.as_ref().unwrap().is_some()));
    assert_eq!(n_asked(&source), 2);
}

#[tokio::test]
async fn what_holds_still_serves_while_the_catalog_is_away_and_no_longer() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let (source, vended) = vended(|| NOW.load(Ordering::SeqCst), Some(3_600_000), 1);
    vended.current().await.unwrap();
    NOW.store(3_500_000, Ordering::SeqCst);
    vended.current().await.unwrap();
    assert_eq!(n_asked(&source), 2);
    NOW.store(3_600_000, Ordering::SeqCst);
    assert!(vended.current().await.unwrap_err().to_string().contains("the catalog is away"));
}

#[tokio::test]
async fn a_denial_asks_for_new_credentials_only_if_the_old_ones_are_not_new() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let (source, vended) = vended(|| NOW.load(Ordering::SeqCst), Some(3_600_000), usize::MAX);
    let used = vended.current().await.unwrap();
    assert!(vended.renew(&used, RenewCause::Denied).await.unwrap().is_none());
    NOW.store(REFUSAL_RENEWS_AFTER_MS, Ordering::SeqCst);
    assert!(vended.renew(&used, RenewCause::Denied).await.unwrap().is_some());
    assert_eq!(n_asked(&source), 2);
    assert!(vended.renew(&used, RenewCause::Denied).await.unwrap().is_some(), "there are others already");
    assert_eq!(n_asked(&source), 2);
}
