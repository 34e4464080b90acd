//! The ledger alone: decide, copy the record's bytes, apply, in batches with [`touch_routes`] and [`touch_parts`], and no
//! thread, lock, log or socket. Against it stand the plain and the fair loop.
//!
//! All see accounts in one random order that was drawn before, and copy into a buffer as large as the log's largest block.
//! A batch depends on the one before it, as a request depends on the answer before it: so a batch of 1 waits for its
//! memory, in the ledger and in the fair loop.

use std::hint::black_box;

use loadgen::random::Random;
use protocol::ids::{
    AccountId, BusinessDate, CardCounter, CardUid, Epoch, MerchantId, RecordNumber, Sequence, TerminalId,
};
use rustix::time::{ClockId, clock_gettime};

use super::bare_loops::{BareLoops, Block, Extent, Step};
use super::{LimitsError, SECOND_NS};
use crate::ledger::command::{
    BindCard, CardDebit, Carried, CutOff, OfflineFact, OpenAccount, Opening, RegisterMerchant,
    RegisterTerminal, Sale, SetPolicy,
};
use crate::ledger::limits::PAYLOAD_BYTES_MAX;
use crate::ledger::record::{MoneyRecord, Wallet};
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::{
    Command, Decision, Lead, Request, Sizes, Stamp, State, TerminalSlot, apply, apply_posting, decide,
    decide_with, touch_parts, touch_routes,
};

/// Commands of a batch in [`LedgerAlone::debits`] and [`LedgerAlone::uploads`].
pub const BATCH: usize = 64;
/// Tills that the debits come from.
const TILLS: u16 = 1_000;
/// A debit's bytes as they come from the till.
static FRAME: [u8; super::echo_server::REQUEST_BYTES] = [0x5a; super::echo_server::REQUEST_BYTES];
/// 2026-11-24 12:00 at the campus.
const NOON_NS: u64 = 1_795_492_800_000_000_000 + 4 * 3_600 * SECOND_NS;
/// What every account starts with, fen; a debit takes one.
const OPENING_FEN: i64 = 1_000_000;

/// What one round came to, each a second of the thread's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct LedgerRound {
    /// Debits in batches of 64.
    pub debits_64: f64,
    /// The fair loop in batches of 64.
    pub fair_64: f64,
    /// The plain loop.
    pub plain: f64,
    /// Debits one at a time.
    pub debits_1: f64,
    /// The fair loop one at a time.
    pub fair_1: f64,
}

/// Accounts, tills, and the random order.
pub struct LedgerAlone {
    state: State,
    loops: BareLoops,
    order: Vec<u32>,
    commands: Vec<Command<'static>>,
    place: usize,
    block: Block,
    next_number: u64,
    debits: u64,
    rounds: u32,
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
        random.shuffle(&mut order);
        let mut alone = LedgerAlone {
            state: State::new(&sizes)?,
            loops: BareLoops::new(Vec::new(), Extent::default()),
            order,
            commands: Vec::with_capacity(BATCH),
            place: 0,
            block: Block::new(),
            next_number: 1,
            debits: 0,
            rounds: 0,
        };
        let merchant = MerchantId(1);
        alone.configure(Request::CutOff(CutOff { opened: BusinessDate(9_824) }))?;
        alone.configure(Request::RegisterMerchant(RegisterMerchant {
            merchant,
            name: "canteen",
            enabled: true,
        }))?;
        let policy = Policy { day_max_fen: u32::MAX, offline_day_max_fen: u32::MAX, ..Policy::DEFAULT };
        alone.configure(Request::SetPolicy(SetPolicy { class: 0, policy }))?;
        for till in 0..TILLS {
            alone.configure(Request::RegisterTerminal(RegisterTerminal {
                terminal: TerminalId(1 + u32::from(till)),
                merchant,
                kind: TerminalKind::PointOfSale,
                key_version: 1,
                enabled: true,
            }))?;
        }
        for number in 0..accounts {
            let account = AccountId(number);
            alone.configure(Request::OpenAccount(OpenAccount {
                student_number: super::books::student_number(number),
                class: 0,
            }))?;
            alone.configure(Request::BindCard(BindCard { account, card_uid: card_of(number) }))?;
            alone.configure(Request::Opening(Opening {
                account,
                wallet: Wallet::Card,
                amount_fen: OPENING_FEN,
            }))?;
        }
        let directory = &alone.state.directory;
        let step = |&account: &u32| Step {
            buckets: directory.card_lines(card_of(account)).map(|line| line as u32),
            account,
        };
        let steps = alone.order.iter().map(step).collect();
        alone.loops = BareLoops::new(
            steps,
            Extent {
                accounts: accounts as usize,
                buckets: directory.card_lines_total(),
                tills: usize::from(TILLS),
                outcomes_per_till: sizes.outcomes_per_terminal,
                record_bytes: size_of::<MoneyRecord>(),
            },
        );
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

    /// Decides and applies so many debits in batches of `SIZE`, the last one whole; gives debits a second of the
    /// thread's time.
    ///
    /// # Errors
    /// A debit was refused.
    pub fn debits<const SIZE: usize>(&mut self, count: u64) -> Result<f64, LimitsError> {
        let batches = count.div_ceil(SIZE as u64).max(1);
        let begun = thread_time_s();
        self.debit_batches::<SIZE>(batches)?;
        Ok((batches * SIZE as u64) as f64 / (thread_time_s() - begun))
    }

    fn debit_batches<const SIZE: usize>(&mut self, batches: u64) -> Result<(), LimitsError> {
        self.batches::<SIZE>(batches, |sale, card_uid, card_counter| {
            Request::CardDebit(CardDebit { sale, card_uid, card_counter, amount_fen: 1 })
        })
    }

    /// The same with uploaded records of sales that were made offline, their TAC being right.
    ///
    /// # Errors
    /// One was not posted.
    pub fn uploads(&mut self, count: u64) -> Result<f64, LimitsError> {
        let batches = count.div_ceil(BATCH as u64).max(1);
        let begun = thread_time_s();
        self.batches::<BATCH>(batches, |sale, card_uid, card_counter| {
            Request::Offline(OfflineFact {
                sale,
                record_terminal: sale.terminal,
                card_uid,
                card_counter,
                amount_fen: 1,
                till_time_ns: NOON_NS,
                list: None,
                authentic: true,
                carried: Carried::default(),
            })
        })?;
        Ok((batches * BATCH as u64) as f64 / (thread_time_s() - begun))
    }

    fn batches<const SIZE: usize>(
        &mut self,
        batches: u64,
        request: impl Fn(Sale<'static>, CardUid, CardCounter) -> Request<'static>,
    ) -> Result<(), LimitsError> {
        let mut seen = 0;
        for _ in 0..batches {
            seen = self.batch::<SIZE>(black_box(seen), &request)?;
        }
        Ok(())
    }

    /// One batch, about the accounts that come next in the order, plus `seen`. That is always 0, and comes from the account
    /// of the batch before: the processor can't begin to look for this one's earlier.
    fn batch<const SIZE: usize>(
        &mut self,
        seen: usize,
        request: &impl Fn(Sale<'static>, CardUid, CardCounter) -> Request<'static>,
    ) -> Result<usize, LimitsError> {
        let first = self.debits;
        self.commands.clear();
        self.commands.extend((0..SIZE).map(|at| {
            let debit = first + at as u64;
            let account = self.order[self.place + seen];
            self.place = if self.place + 1 == self.order.len() { 0 } else { self.place + 1 };
            let till = (debit % u64::from(TILLS)) as u16;
            let sale = Sale {
                slot: TerminalSlot(till),
                terminal: TerminalId(1 + u32::from(till)),
                epoch: Epoch(1),
                sequence: Sequence((debit / u64::from(TILLS)) as u32 + 1),
                raw: &FRAME,
            };
            Command::from(request(sale, card_of(account), CardCounter(debit as u32 + 1)))
        }));
        let commands = &self.commands;
        self.debits += SIZE as u64;
        let State { registry, directory, shards } = &mut self.state;
        // Two passes, so that the cache misses of a batch overlap: where each card leads must be there before the
        // accounts can be asked for.
        touch_routes(directory, commands.iter());
        let mut leads = [Lead::NONE; SIZE];
        for (command, lead) in commands.iter().zip(&mut leads) {
            *lead = Lead::of(directory, command);
            touch_parts(shards, command, *lead);
        }
        let mut buffer = [0; PAYLOAD_BYTES_MAX];
        let mut seen = 0;
        for (command, lead) in commands.iter().zip(leads) {
            let stamp = Stamp { number: RecordNumber(self.next_number), time_ns: NOON_NS };
            let decision = decide_with(registry, directory, shards, command, lead, stamp);
            let Decision::Done { outcome, group } = &decision else {
                let code = decision
                    .outcome()
                    .map_or(protocol::result_code::ResultCode::Busy, |outcome| outcome.code);
                return Err(LimitsError::Refused { what: "a debit of the ledger alone", code });
            };
            if !outcome.code.is_approved() {
                return Err(LimitsError::Refused { what: "a debit of the ledger alone", code: outcome.code });
            }
            for record in group.records() {
                self.block.copy(record.payload(&mut buffer));
                apply_posting(shards, RecordNumber(self.next_number), NOON_NS, record)?;
                self.next_number += 1;
            }
            seen = usize::from(outcome.balance_after_fen == i64::MAX);
        }
        Ok(seen)
    }

    /// One round of everything: `count` debits and touches, a quarter of it one at a time. Who goes first changes from round
    /// to round.
    ///
    /// # Errors
    /// A debit was refused.
    pub fn round(&mut self, count: u64) -> Result<LedgerRound, LimitsError> {
        let mut round = LedgerRound::default();
        let ledger_first = self.rounds.is_multiple_of(2);
        self.rounds += 1;
        for is_ledger in [ledger_first, !ledger_first] {
            if is_ledger {
                round.debits_64 = self.debits::<BATCH>(count)?;
                round.debits_1 = self.debits::<1>(count / 4)?;
            } else {
                round.fair_64 = self.fair::<BATCH>(count);
                round.plain = self.touches(count);
                round.fair_1 = self.fair::<1>(count / 4);
            }
        }
        Ok(round)
    }

    /// The plain loop: touches as many accounts in the same order, and copies as many bytes for each as a debit's record
    /// has; gives touches a second of the thread's time.
    pub fn touches(&mut self, count: u64) -> f64 {
        let begun = thread_time_s();
        self.loops.plain(count);
        count as f64 / (thread_time_s() - begun)
    }

    /// The fair loop in batches of `SIZE`, the last one whole; gives debits' worth of lines a second of the thread's
    /// time.
    pub fn fair<const SIZE: usize>(&mut self, count: u64) -> f64 {
        let batches = count.div_ceil(SIZE as u64).max(1);
        let begun = thread_time_s();
        self.loops.fair::<SIZE>(batches);
        (batches * SIZE as u64) as f64 / (thread_time_s() - begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::state::sum_of_all_fen;

    #[test]
    fn debits_go_through_the_whole_ledger_and_the_books_balance() {
        let mut alone = LedgerAlone::new(500, 4, 1).expect("it is small");
        alone.debits::<BATCH>(2_000).expect("nothing is refused");
        alone.touches(2_000);
        assert_eq!(sum_of_all_fen(&alone.state.shards), 0);
        assert_eq!(alone.debits, 2_048);
        alone.uploads(2_000).expect("nothing is refused");
        assert_eq!(sum_of_all_fen(&alone.state.shards), 0);
    }
}
