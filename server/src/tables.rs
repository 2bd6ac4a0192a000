//! How the server finds tables by their names.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use frazil_table::TableError;
use frazil_table::catalog::TableSource;

/// Finds tables by the names that requests and settings use.
#[async_trait]
pub trait TableResolver: Send + Sync + Debug {
    /// Where the states of a table are found. The table need not have been looked at.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] and [`TableError::TableNotFound`] if the name means no table; what opening the
    /// catalog gives.
    async fn source(&self, table: &str) -> Result<Arc<dyn TableSource>, TableError>;

    /// Names of all tables that can be found without being named.
    ///
    /// # Errors
    /// As the catalogs answer.
    async fn list(&self) -> Result<Vec<String>, TableError>;
}
