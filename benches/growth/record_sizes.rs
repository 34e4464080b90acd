//! What a record's size costs the log alone: groups appended and made durable, 64 at a time, and read back afterwards.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::error::PeersError;
use wal::{Log, LogConfig, LogId, Priority, Record, SystemClock, Through};

/// Groups made durable together.
const BATCH: u64 = 64;

/// A group of records.
#[derive(Clone, Copy, Debug)]
pub struct GroupSize {
    /// What has such a group.
    pub what: &'static str,
    /// Records of it.
    pub records: usize,
    /// Bytes of each record's payload.
    pub payload_bytes: usize,
}

/// What the ledger writes: a tap, an upload, a top-up, a tap with a load, and the longest.
pub const SIZES: [GroupSize; 5] = [
    GroupSize { what: "tap", records: 1, payload_bytes: 80 },
    GroupSize { what: "uploaded record", records: 1, payload_bytes: 96 },
    GroupSize { what: "top-up", records: 1, payload_bytes: 112 },
    GroupSize { what: "tap with a load", records: 2, payload_bytes: 80 },
    GroupSize { what: "kept in suspense, longest", records: 1, payload_bytes: 304 },
];

/// Appends such groups for so long to a log in an empty directory. Gives groups a second, and what is wrong when
/// the log doesn't hold just those.
///
/// # Errors
/// The log's.
pub fn run(folder: &Path, size: GroupSize, measure: Duration) -> Result<(f64, Option<String>), PeersError> {
    let payload = vec![0x5a; size.payload_bytes];
    let group = vec![Record { kind: 1, version: 1, payload: &payload }; size.records];
    let storage = Arc::new(Through::new(folder));
    let config = LogConfig::new(LogId([7; 16]));
    let (log, _) = Log::open(storage, config, Arc::new(SystemClock), 1, &mut |_| {})?;
    log.maintain()?;
    let begun = Instant::now();
    let mut groups = 0;
    while begun.elapsed() < measure {
        let mut stage = log.stage();
        for _ in 0..BATCH {
            // What finds no room now is made room for by the write.
            if stage.append(&group, Priority::Normal).is_err() {
                break;
            }
            groups += 1;
        }
        drop(stage);
        log.commit_all()?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (acknowledged, found) = (groups * size.records as u64, log.reader().verify()?.records);
    let wrong =
        (acknowledged != found).then(|| format!("{acknowledged} records made durable, {found} found"));
    Ok((groups as f64 / seconds, wrong))
}
