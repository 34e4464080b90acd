//! The folder of one run, which is gone when the run is over.

use std::path::Path;

use tempfile::TempDir;

use crate::error::PeersError;

/// A new folder for a run of `program` in `parent`, or in the system's temporary directory.
///
/// # Errors
/// It can't be made there.
pub fn make(program: &str, parent: Option<&Path>) -> Result<TempDir, PeersError> {
    let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
    let prefix = format!("yika-{program}-");
    tempfile::Builder::new().prefix(&prefix).tempdir_in(&parent).map_err(PeersError::file(&parent))
}
