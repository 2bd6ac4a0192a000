//! Stores: the contract for those that need no service, and how those behind a network fail.
#![allow(clippy::single_range_in_vec_init, reason = "a list of one range is what is asked for")]

mod clouds;
#[path = "../contract/stores.rs"]
mod contract;
mod create;
mod credentials;
mod failures;
mod requests;

use std::sync::Arc;

use frazil_table::storage::Storage;
use frazil_testkit::{FakeS3, FaultyStore};

use self::contract::Subject;

crate::store_contract! {
    local => super::local(),
    memory => super::memory(),
    given => super::given(),
    fake_s3 => super::fake_s3(),
}

async fn local() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap().to_owned();
    let aliases = vec![format!("file:{root}"), format!("file://{root}")];
    Subject { storage: Storage::local(), root, aliases, _keep: Box::new(folder) }
}

async fn memory() -> Subject {
    Subject {
        storage: Storage::local(),
        root: "memory://bucket/table".to_owned(),
        aliases: Vec::new(),
        _keep: Box::new(()),
    }
}

/// A store that the builder was given, taken for one behind a network.
async fn given() -> Subject {
    Subject {
        storage: Storage::builder().store("far", Arc::new(FaultyStore::in_memory())).build(),
        root: "far://bucket/table".to_owned(),
        aliases: Vec::new(),
        _keep: Box::new(()),
    }
}

async fn fake_s3() -> Subject {
    let server = FakeS3::start("bucket").await;
    Subject {
        storage: Storage::local().with_properties(server.properties()),
        root: "s3://bucket/some/table".to_owned(),
        aliases: vec!["s3a://bucket/some/table".to_owned(), "s3n://bucket/some/table".to_owned()],
        _keep: Box::new(server),
    }
}
