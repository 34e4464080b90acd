//! The way of verified records from the thread that reads a log to the one that replays it.
//!
//! ```text
//!  reading thread: read, checksums, links ──filled──▶ calling thread: hands records out
//!                        ▲                                  │
//!                        └────────────────empty─────────────┘
//! ```
//!
//! A load holds the records of some blocks in one piece, as their links were computed over them: nothing is copied again.
//! There are [`LOADS`] of them, so the reading thread is never further ahead than that.

use crate::block::Followed;
use crate::error::WalError;
use crate::record::Records;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Loads under way at most.
const LOADS: usize = 4;

/// Bytes from which a load is sent.
const LOAD_BYTES: usize = 256 << 10;

/// The records of some blocks.
#[derive(Default)]
pub(crate) struct Load {
    /// What the blocks' links were computed over.
    pub(crate) bytes: Vec<u8>,
    blocks: Vec<Block>,
}

/// Where a block's records are in its load.
struct Block {
    records: Range<usize>,
    first_number: u64,
    end_number: u64,
}

/// The reading thread's end.
pub(crate) struct Belt<'a> {
    pub(crate) load: Load,
    /// Where loads go, and where they come back from; none if nobody wants them.
    ways: Option<(SyncSender<Load>, &'a Receiver<Load>)>,
}

impl Belt<'_> {
    /// A belt whose records nobody wants.
    pub(crate) fn to_nowhere() -> Self {
        Self { load: Load::default(), ways: None }
    }

    /// Adds a block whose records are in the load.
    pub(crate) fn put(&mut self, block: &Followed) {
        let Followed { info, records } = block;
        self.load.blocks.push(Block {
            records: records.clone(),
            first_number: info.first_number,
            end_number: info.first_number + u64::from(info.record_count),
        });
        if self.load.bytes.len() >= LOAD_BYTES || self.ways.is_none() {
            self.send();
        }
    }

    /// Sends what is loaded, and goes on with an empty load.
    pub(crate) fn send(&mut self) {
        if let Some((filled, empty)) = &self.ways {
            // When the other end is gone it panicked, and nobody will ask for what is lost here.
            let _ = filled.send(std::mem::take(&mut self.load));
            self.load = empty.recv().unwrap_or_default();
        }
        self.load.bytes.clear();
        self.load.blocks.clear();
    }
}

/// Runs `read` on a thread of its own, and hands the records that it puts on the belt to `replay` on this one: for each
/// block its records, and the number behind the last.
pub(crate) fn carry<T: Send>(
    read: impl FnOnce(&mut Belt<'_>) -> Result<T, WalError> + Send,
    replay: &mut dyn FnMut(Records<'_>, u64),
) -> Result<T, WalError> {
    let (filled, loads) = sync_channel(LOADS);
    let (give_back, empty) = sync_channel(LOADS);
    for _ in 1..LOADS {
        // There is room for all of them.
        let _ = give_back.send(Load::default());
    }
    thread::scope(|scope| {
        let reader = thread::Builder::new()
            .name("log recovery".into())
            .spawn_scoped(scope, move || {
                let mut belt = Belt { load: Load::default(), ways: Some((filled, &empty)) };
                read(&mut belt)
            })
            .map_err(|source| WalError::Io { operation: "start a thread", segment: 0, source })?;
        for load in loads {
            for block in &load.blocks {
                let records = Records::new(&load.bytes[block.records.clone()], block.first_number);
                replay(records, block.end_number);
            }
            // The reading thread may have ended.
            let _ = give_back.send(load);
        }
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
