//! Whose turn it is to read a large frame.
//!
//! An upload is a hundred kilobytes to copy and to check the MAC of; a thousand tills that come back together would
//! keep their worker from everything else for a tenth of a second. So one piece of one large frame is read between two
//! looks at the other sockets, in the order asked. A till's own live request waits behind its upload as long as that
//! takes; no other till's does.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Most bytes of a large frame that are read in one turn.
pub const LARGE_READ_BYTES: usize = 64 * 1024;

/// One worker's turns.
#[derive(Debug)]
pub struct LargeReads {
    turn: Semaphore,
}

/// The right to read one piece. Give it back only after the other tasks have had their turn.
pub struct LargeRead<'w> {
    _turn: SemaphorePermit<'w>,
}

impl Default for LargeReads {
    fn default() -> LargeReads {
        LargeReads { turn: Semaphore::new(1) }
    }
}

impl LargeReads {
    /// Waits for the turn, first come, first served.
    pub async fn turn(&self) -> LargeRead<'_> {
        LargeRead { _turn: self.turn.acquire().await.expect("the turns are never closed") }
    }
}
