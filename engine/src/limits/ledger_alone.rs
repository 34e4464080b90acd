//! The ledger alone: decide, copy the record's bytes, apply, in batches with [`touch_routes`] and [`touch_parts`], and no
//! thread, lock, log or socket. Against it a loop that touches the same accounts in the same order and copies as many bytes.
//!
//! Both sides see accounts in one random order that was drawn before; both copy into a buffer as large as the log's
//! largest block. The loop changes both cache lines of a 128-byte row, as a debit does, and nothing else: it has no
//! directory, no till, no memory of outcomes.

use std::hint::black_box;

use loadgen::random::Random;
use protocol::ids::{
    AccountId, BusinessDate, CardCounter, CardUid, Epoch, MerchantId, RecordNumber, Sequence, TerminalId,
};
use rustix::time::{ClockId, clock_gettime};

use super::{LimitsError, SECOND_NS};
use crate::ledger::command::{CardDebit, OfflineFact, Sale};
use crate::ledger::limits::PAYLOAD_BYTES_MAX;
use crate::ledger::record::Wallet;
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::{
    Command, Decision, Request, Sizes, Stamp, State, TerminalSlot, apply, apply_posting, decide, touch_parts,
    touch_routes,
};

/// Commands touched before the first of them is decided.
const BATCH: usize = 64;
/// Tills that the debits come from.
const TILLS: u16 = 1_000;
/// Bytes of the buffer that records are copied into.
const BLOCK_BYTES: usize = 64 << 10;
/// A debit's bytes as they come from the till.
static FRAME: [u8; super::echo_server::REQUEST_BYTES] = [0x5a; super::echo_server::REQUEST_BYTES];
/// 2026-11-24 12:00 at the campus.
const NOON_NS: u64 = 1_795_492_800_000_000_000 + 4 * 3_600 * SECOND_NS;
/// What every account starts with, fen; a debit takes one.
const OPENING_FEN: i64 = 1_000_000;

/// As large as an account, and as aligned.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Row([u64; 16]);

/// The bytes that records are copied into, from the start again when it is full.
struct Block {
    bytes: Vec<u8>,
    at: usize,
}

impl Block {
    fn new() -> Block {
        Block { bytes: vec![0; BLOCK_BYTES], at: 0 }
    }

    fn copy(&mut self, record: &[u8]) {
        if self.at + record.len() > self.bytes.len() {
            self.at = 0;
        }
        self.bytes[self.at..self.at + record.len()].copy_from_slice(record);
        self.at += record.len();
        black_box(&self.bytes);
    }
}

/// Accounts, tills, and the random order.
pub struct LedgerAlone {
    state: State,
    rows: Vec<Row>,
    order: Vec<u32>,
    block: Block,
    next_number: u64,
    debits: u64,
    bytes_per_debit: usize,
}

/// Processor time of the calling thread, seconds. Neither side ever waits, so what else runs on the machine counts
/// against neither.
fn thread_time_s() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / SECOND_NS as f64
}

/// The card of an account.
fn card_of(account: u32) -> CardUid {
    CardUid(20_000_000 + u64::from(account) * 37)
}

impl LedgerAlone {
    /// So many accounts with a card and money.
    ///
    /// # Errors
    /// A size out of its range.
    pub fn new(accounts: u32, shards: usize, seed: u64) -> Result<LedgerAlone, LimitsError> {
        let sizes = Sizes {
            shards,
            accounts_max: accounts,
            cards_max: accounts.saturating_mul(2),
            ..Sizes::default()
        };
        let mut random = Random::new(seed, 0);
        let mut order: Vec<u32> = (0..accounts).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last as u64 + 1) as usize);
        }
        let mut alone = LedgerAlone {
            state: State::new(&sizes)?,
            rows: vec![Row([0; 16]); accounts as usize],
            order,
            block: Block::new(),
            next_number: 1,
            debits: 0,
            bytes_per_debit: 0,
        };
        let merchant = MerchantId(1);
        alone.configure(Request::CutOff { opened: BusinessDate(9_824) })?;
        alone.configure(Request::RegisterMerchant { merchant, name: "canteen", enabled: true })?;
        let policy = Policy { day_max_fen: u32::MAX, offline_day_max_fen: u32::MAX, ..Policy::DEFAULT };
        alone.configure(Request::SetPolicy { class: 0, policy })?;
        for till in 0..TILLS {
            alone.configure(Request::RegisterTerminal {
                terminal: TerminalId(1 + u32::from(till)),
                merchant,
                kind: TerminalKind::PointOfSale,
                key_version: 1,
                enabled: true,
            })?;
        }
        for number in 0..accounts {
            let account = AccountId(number);
            alone.configure(Request::OpenAccount {
                student_number: super::books::student_number(number),
                class: 0,
            })?;
            alone.configure(Request::BindCard { account, card_uid: card_of(number) })?;
            alone.configure(Request::Opening { account, wallet: Wallet::Card, amount_fen: OPENING_FEN })?;
        }
        Ok(alone)
    }

    fn configure(&mut self, request: Request<'_>) -> Result<(), LimitsError> {
        let stamp = Stamp { number: RecordNumber(self.next_number), time_ns: NOON_NS };
        let State { registry, directory, shards } = &mut self.state;
        let decision = decide(registry, directory, shards, &Command::from(request), stamp);
        if let Decision::Done { group, .. } = decision {
            for record in group.records() {
                apply(registry, directory, shards, RecordNumber(self.next_number), NOON_NS, record)?;
                self.next_number += 1;
            }
            return Ok(());
        }
        let code = decision.outcome().map_or(protocol::result_code::ResultCode::Busy, |outcome| outcome.code);
        Err(LimitsError::Refused { what: "an account for the ledger alone", code })
    }

    /// Decides and applies so many debits, whole batches; gives debits a second of the thread's time.
    ///
    /// # Errors
    /// A debit was refused.
    pub fn debits(&mut self, count: u64) -> Result<f64, LimitsError> {
        self.batches(count, |sale, card_uid, card_counter| {
            Request::CardDebit(CardDebit { sale, card_uid, card_counter, amount_fen: 1 })
        })
    }

    /// The same with uploaded records of sales that were made offline, their TAC being right.
    ///
    /// # Errors
    /// One was not posted.
    pub fn uploads(&mut self, count: u64) -> Result<f64, LimitsError> {
        self.batches(count, |sale, card_uid, card_counter| {
            Request::Offline(OfflineFact {
                sale,
                record_terminal: sale.terminal,
                card_uid,
                card_counter,
                amount_fen: 1,
                till_time_ns: NOON_NS,
                authentic: true,
            })
        })
    }

    fn batches(
        &mut self,
        count: u64,
        request: impl Fn(Sale<'static>, CardUid, CardCounter) -> Request<'static>,
    ) -> Result<f64, LimitsError> {
        let batches = count.div_ceil(BATCH as u64).max(1);
        let begun = thread_time_s();
        for _ in 0..batches {
            self.batch(&request)?;
        }
        Ok(batches as f64 * BATCH as f64 / (thread_time_s() - begun))
    }

    fn batch(
        &mut self,
        request: &impl Fn(Sale<'static>, CardUid, CardCounter) -> Request<'static>,
    ) -> Result<(), LimitsError> {
        let first = self.debits;
        let order = &self.order;
        let commands: [Command<'static>; BATCH] = std::array::from_fn(|place| {
            let debit = first + place as u64;
            let account = order[(debit % order.len() as u64) as usize];
            let till = (debit % u64::from(TILLS)) as u16;
            let sale = Sale {
                slot: TerminalSlot(till),
                terminal: TerminalId(1 + u32::from(till)),
                epoch: Epoch(1),
                sequence: Sequence((debit / u64::from(TILLS)) as u32 + 1),
                raw: &FRAME,
            };
            Command::from(request(sale, card_of(account), CardCounter(debit as u32 + 1)))
        });
        self.debits += BATCH as u64;
        let State { registry, directory, shards } = &mut self.state;
        // Two passes, so that the cache misses of a batch overlap: where each card leads must be there before the
        // accounts can be asked for.
        touch_routes(directory, commands.iter().copied());
        touch_parts(directory, shards, commands.iter().copied());
        let mut buffer = [0; PAYLOAD_BYTES_MAX];
        for command in &commands {
            let stamp = Stamp { number: RecordNumber(self.next_number), time_ns: NOON_NS };
            let decision = decide(registry, directory, shards, command, stamp);
            let Decision::Done { outcome, group } = decision else {
                let code = decision
                    .outcome()
                    .map_or(protocol::result_code::ResultCode::Busy, |outcome| outcome.code);
                return Err(LimitsError::Refused { what: "a debit of the ledger alone", code });
            };
            if !outcome.code.is_approved() {
                return Err(LimitsError::Refused { what: "a debit of the ledger alone", code: outcome.code });
            }
            for record in group.records() {
                let payload = record.payload(&mut buffer);
                self.bytes_per_debit = payload.len();
                self.block.copy(payload);
                apply_posting(shards, RecordNumber(self.next_number), NOON_NS, record)?;
                self.next_number += 1;
            }
        }
        Ok(())
    }

    /// Touches as many accounts, and copies as many bytes for each as a debit's record has; gives touches a
    /// second of the thread's time.
    pub fn touches(&mut self, count: u64) -> f64 {
        let batches = count.div_ceil(BATCH as u64).max(1);
        let record = [0x5a_u8; PAYLOAD_BYTES_MAX];
        let record = &record[..self.bytes_per_debit];
        let mut place = 0;
        let begun = thread_time_s();
        for _ in 0..batches * BATCH as u64 {
            let row = &mut self.rows[self.order[place] as usize].0;
            place = if place + 1 == self.order.len() { 0 } else { place + 1 };
            row[0] = row[0].wrapping_add(1);
            row[8] = row[8].wrapping_add(1);
            self.block.copy(black_box(record));
        }
        batches as f64 * BATCH as f64 / (thread_time_s() - begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::state::sum_of_all_fen;

    #[test]
    fn debits_go_through_the_whole_ledger_and_the_books_balance() {
        let mut alone = LedgerAlone::new(500, 4, 1).expect("it is small");
        alone.debits(2_000).expect("nothing is refused");
        assert!(alone.bytes_per_debit > 64);
        alone.touches(2_000);
        assert_eq!(sum_of_all_fen(&alone.state.shards), 0);
        assert_eq!(alone.debits, 2_048);
        alone.uploads(2_000).expect("nothing is refused");
        assert_eq!(sum_of_all_fen(&alone.state.shards), 0);
    }
}
