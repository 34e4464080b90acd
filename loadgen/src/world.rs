//! What the terminals of a run share.

use protocol::ids::SaleId;
use protocol::offline_record::OfflineRecord;

use crate::block_lists::BlockLists;
use crate::config::SECOND_NS;
use crate::holes::Holes;
use crate::lost_sales::LostSales;
use crate::measurement::Measurement;
use crate::outcome_log::{EntryId, OutcomeLog, SaleState};
use crate::people::People;
use crate::phone_users::PhoneUsers;
use crate::proposals::Proposals;
use crate::self_scans::SelfScans;
use crate::subsidy_batches::SubsidyBatches;
use crate::terminal_keys::TerminalKeys;
use crate::till_books::TillBooks;

/// What the terminals of a run share.
#[derive(Debug)]
pub struct World {
    /// The holders.
    pub people: People,
    /// What is measured.
    pub measurement: Measurement,
    /// What is written down.
    pub log: OutcomeLog,
    /// Holders with an approved or uploaded sale.
    pub served: Vec<bool>,
    /// Who knows a query password, and what came of it.
    pub phone_users: PhoneUsers,
    /// The tills' block-lists.
    pub block_lists: BlockLists,
    /// What tills without a network show to phones.
    pub self_scans: SelfScans,
    /// What terminals sign in under.
    pub terminal_keys: TerminalKeys,
    /// What each till knows of its own shift and batch.
    pub till_books: TillBooks,
    /// Sequences that tills lost.
    pub holes: Holes,
    /// Sales that tills lost, whose cards tell of them.
    pub lost_sales: LostSales,
    /// What finance gives in batches.
    pub subsidies: SubsidyBatches,
    /// What operators proposed.
    pub proposals: Proposals,
    /// Unix time at the run clock's zero, in nanoseconds.
    pub clock_zero_unix_ns: u64,
    /// Begins the order numbers of top-ups; no other run against the same server may have the same.
    pub stamp: u64,
}

impl World {
    /// An empty log and no measurements yet.
    pub fn new(people: People, holders: usize, clock_zero_unix_ns: u64) -> World {
        World {
            people,
            measurement: Measurement::default(),
            log: OutcomeLog::new(),
            served: vec![false; holders],
            phone_users: PhoneUsers::default(),
            block_lists: BlockLists::default(),
            self_scans: SelfScans::default(),
            terminal_keys: TerminalKeys::default(),
            till_books: TillBooks::default(),
            holes: Holes::default(),
            lost_sales: LostSales::default(),
            subsidies: SubsidyBatches::default(),
            proposals: Proposals::default(),
            clock_zero_unix_ns,
            stamp: clock_zero_unix_ns / SECOND_NS,
        }
    }

    /// Notes the answer to what has an entry, and counts it in its till's own books, once.
    pub(crate) fn close(&mut self, id: EntryId, state: SaleState, code: u16, record: u64) {
        let answered_before = self.log.entry(id).answered;
        self.log.close(id, state, code, record);
        if !answered_before {
            self.till_books.count(self.log.entry(id));
        }
    }

    /// A till without a network shows a sale to a phone, and stores this to tell of it. `None` where no phones are played.
    pub(crate) fn show_scan(
        &mut self,
        sale: SaleId,
        holder: u32,
        amount_fen: i64,
        unix_ns: u64,
        offline_since_unix_ns: u64,
    ) -> Option<OfflineRecord> {
        let key = self.terminal_keys.key_of(sale.terminal)?;
        self.self_scans.show(key, sale, holder, amount_fen, unix_ns, offline_since_unix_ns)
    }

    pub(crate) fn unix_ns(&self, now_ns: u64) -> u64 {
        self.clock_zero_unix_ns.saturating_add(now_ns)
    }
}
