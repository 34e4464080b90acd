//! The loops that the ledger alone is held against: nothing but the memory that a debit can't do without.
//!
//! **Plain**: the same accounts in the same order, both lines of each changed, as many bytes copied as a debit's record
//! has. No directory, no till, no memory of outcomes.
//!
//! **Fair**: the same lines as a debit, with the same dependences, and nothing else done with them:
//!
//! ```text
//! two buckets of the directory ──▶ both lines of the account ──▶ the merchant's part
//! the till's entry ──▶ the place of its outcome in the ring         the record's bytes, copied
//! ```
//!
//! It gets a batch as the ledger does, and reads ahead in it as the ledger does: all buckets of a batch, then all
//! accounts and places, then the changes.

use std::hint::black_box;

use crate::ledger::prefetch::prefetch;

/// Bytes of the buffer that records are copied into: the log's largest block.
const BLOCK_BYTES: usize = 64 << 10;
/// Words of a cache line.
const LINE_WORDS: usize = 8;

/// One cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line([u64; LINE_WORDS]);

/// What is copied, as much of it as a debit's record has.
static RECORD: [u8; 128] = [0x5a; 128];

const ZERO: Line = Line([0; LINE_WORDS]);

/// The bytes that records are copied into, from the start again when it is full.
pub(super) struct Block {
    bytes: Vec<u8>,
    at: usize,
}

impl Block {
    pub(super) fn new() -> Block {
        Block { bytes: vec![0; BLOCK_BYTES], at: 0 }
    }

    #[inline]
    pub(super) fn copy(&mut self, record: &[u8]) {
        if self.at + record.len() > self.bytes.len() {
            self.at = 0;
        }
        self.bytes[self.at..self.at + record.len()].copy_from_slice(record);
        self.at += record.len();
        black_box(&self.bytes);
    }
}

/// Where a debit's cold lines lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Its two buckets of the directory.
    pub(super) buckets: [u32; 2],
    /// Its account.
    pub(super) account: u32,
}

/// How much memory the loops walk over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    pub(super) accounts: usize,
    pub(super) buckets: usize,
    pub(super) tills: usize,
    pub(super) outcomes_per_till: usize,
    pub(super) record_bytes: usize,
}

/// The memory of both loops.
pub(super) struct BareLoops {
    steps: Vec<Step>,
    buckets: Vec<Line>,
    accounts: Vec<[Line; 2]>,
    tills: Vec<Line>,
    outcomes: Vec<Line>,
    merchant: Line,
    extent: Extent,
    block: Block,
    place: usize,
    done: u64,
}

impl BareLoops {
    /// Zeroed memory of this extent, and the steps in the order of the debits.
    pub(super) fn new(steps: Vec<Step>, extent: Extent) -> BareLoops {
        BareLoops {
            steps,
            buckets: vec![ZERO; extent.buckets],
            accounts: vec![[ZERO; 2]; extent.accounts],
            tills: vec![ZERO; extent.tills],
            outcomes: vec![ZERO; extent.tills * extent.outcomes_per_till],
            merchant: ZERO,
            extent,
            block: Block::new(),
            place: 0,
            done: 0,
        }
    }

    /// The plain loop, so many times.
    pub(super) fn plain(&mut self, count: u64) {
        let record = &RECORD[..self.extent.record_bytes];
        for _ in 0..count {
            let [first, second] = &mut self.accounts[self.steps[self.place].account as usize];
            self.place = if self.place + 1 == self.steps.len() { 0 } else { self.place + 1 };
            first.0[0] = first.0[0].wrapping_add(1);
            second.0[0] = second.0[0].wrapping_add(1);
            self.block.copy(black_box(record));
        }
    }

    /// The fair loop: so many batches of `BATCH`. What a batch touches depends on what the one before it read, as a
    /// request depends on the answer before it.
    pub(super) fn fair<const BATCH: usize>(&mut self, batches: u64) {
        let record = &RECORD[..self.extent.record_bytes];
        let tills = self.extent.tills as u64;
        let mut seen = 0;
        for _ in 0..batches {
            let mut places = [0; BATCH];
            for place in &mut places {
                *place = self.place + black_box(seen) as usize;
                self.place = if self.place + 1 == self.steps.len() { 0 } else { self.place + 1 };
                if BATCH > 1 {
                    let [a, b] = self.steps[*place].buckets;
                    prefetch(&self.buckets[a as usize]);
                    prefetch(&self.buckets[b as usize]);
                }
            }
            let mut accounts = [0; BATCH];
            for (at, (place, account)) in places.iter().zip(&mut accounts).enumerate() {
                let step = self.steps[*place];
                let [a, b] = step.buckets.map(|bucket| self.buckets[bucket as usize].0[0]);
                *account = (u64::from(step.account) ^ a ^ b) as usize;
                let debit = self.done + at as u64;
                let outcome = self.outcome_of(debit, tills);
                prefetch(&self.outcomes[outcome]);
                prefetch(&self.accounts[*account][0]);
                prefetch(&self.accounts[*account][1]);
            }
            for account in accounts {
                let outcome = self.outcome_of(self.done, tills);
                let [first, second] = &mut self.accounts[account];
                let till = &mut self.tills[(self.done % tills) as usize];
                let head = first.0[0];
                first.0[0] = head.wrapping_add(1);
                second.0[0] = second.0[0].wrapping_add(1);
                till.0[1] = till.0[1].wrapping_add(1);
                self.merchant.0[0] = self.merchant.0[0].wrapping_add(1);
                let outcome = &mut self.outcomes[outcome];
                seen = head >> 63;
                *outcome = Line([outcome.0[1] + 1, 0, head, head, head, head, head, head]);
                self.block.copy(black_box(record));
                self.done += 1;
            }
        }
    }

    /// Where the ring of this debit's till has the place of its outcome. The till's entry says where the ring begins.
    #[inline]
    fn outcome_of(&self, debit: u64, tills: u64) -> usize {
        let till = (debit % tills) as usize;
        let ring = self.tills[till].0[0] as usize + till * self.extent.outcomes_per_till;
        ring + (debit / tills) as usize % self.extent.outcomes_per_till
    }
}
