//! An engine for tests, its log on a simulated medium.

use std::sync::Arc;

use wal::{LogConfig, LogId, SystemClock};

use super::engine::{Engine, Sources};
use crate::ledger::Sizes;
use crate::limits::books::{self, BooksSpec};
use crate::opened_books::LogBackEnd;

/// With so many accounts, each with a card and money, and so many tills; its log is written by nobody but the test.
pub(super) fn small_engine(accounts: u32, tills: u16) -> Engine {
    let config = LogConfig::new(LogId([1; 16]));
    small_engine_on(Arc::new(wal::Simulated::new()), config, accounts, tills)
}

/// The same on a medium of the test's, in a log of its sizes.
pub(super) fn small_engine_on(
    medium: Arc<wal::Simulated>,
    log: LogConfig,
    accounts: u32,
    tills: u16,
) -> Engine {
    let (engine, _) = Engine::open(Sources {
        storage: medium,
        log,
        clock: Arc::new(SystemClock),
        sizes: Sizes::default(),
        snapshot: None,
        orders: None,
    })
    .expect("a new log");
    let spec = BooksSpec { accounts, tills, debits: 0, back_end: LogBackEnd::Through };
    books::open_accounts(&engine, &spec).expect("few accounts");
    engine.sync().expect("the simulated medium works");
    engine
}
