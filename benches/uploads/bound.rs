//! The bound: what one upload can't do without, in one loop on one thread, with the same crates and no socket.
//!
//! For each record of a batch, as it lies in a frame: copy it out, judge its TAC (card key, key schedule, CMAC), touch as
//! many cache lines as deciding and applying it does, in the same number of dependent steps and as far ahead, copy a
//! record of the log's size into a block, and chain each full block with BLAKE3.
//!
//! ```text
//!   directory   2 lines, known from the card's number        then, with its answer:
//!   account     2 lines, read and written
//!   till        1 line, written, the next of its ring
//! ```

use std::hint::black_box;
use std::time::Instant;

use loadgen::Campus;
use loadgen::random::Random;
use protocol::ids::{CardUid, TerminalId};
use protocol::keys::{Key128, derive_card_key};
use protocol::offline_record::{OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_CARD, TacVerifier};

/// Records touched before the first of them is applied: as in the server.
const BATCH: usize = 64;
/// Bytes of one sale's record in the log, header included.
const LOG_RECORD_BYTES: usize = 112;
/// Bytes that a backfill block holds besides its pages' headers: 256 KiB less those.
const BLOCK_BYTES: usize = 2_340 * LOG_RECORD_BYTES;
/// Different records, signed beforehand; they are judged again and again.
const RECORDS: usize = 1 << 16;
/// Remembered outcomes: 64 tills' rings of 1,024.
const OUTCOMES: usize = 1 << 16;

/// As large and as aligned as a bucket of the directory or an outcome.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([u64; 8]);

/// As large and as aligned as an account.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Row([u64; 16]);

/// What the loop runs over.
pub struct Bound {
    verifier: TacVerifier,
    records: Vec<OfflineRecord>,
    directory: Vec<Line>,
    rows: Vec<Row>,
    outcomes: Vec<Line>,
    /// Accounts in a random order.
    order: Vec<u32>,
    next: usize,
    block: Vec<u8>,
    link: [u8; 32],
}

impl Bound {
    /// Tables for this campus's accounts.
    pub fn new(campus: &Campus) -> Bound {
        let card_master = Key128::new(campus.card_master_key.0);
        let till = &campus.tills[0];
        let terminal = TerminalId(till.terminal);
        let accounts = campus.holders.len();
        let mut random = Random::new(7, 0);
        let records = (0..RECORDS as u32).map(|sequence| {
            let holder = &campus.holders[random.below(accounts as u64) as usize];
            let card = CardUid(holder.card_uid.unwrap_or_default());
            let mut record = OfflineRecord {
                terminal: till.terminal.into(),
                sequence: sequence.into(),
                card_uid: card.0.into(),
                amount_fen: 1.into(),
                tac_key: TAC_KEY_CARD,
                layout: OFFLINE_RECORD_LAYOUT,
                ..OfflineRecord::default()
            };
            record.sign(&derive_card_key(&card_master, card));
            record
        });
        let records = records.collect();
        let mut order: Vec<u32> = (0..accounts as u32).collect();
        random.shuffle(&mut order);
        // Twice as many cards as accounts find room, five in a line.
        let lines = (2 * accounts / 5).next_power_of_two();
        Bound {
            verifier: TacVerifier::new(&card_master, &Key128::new(till.key.0), terminal),
            records,
            directory: vec![Line([1; 8]); lines],
            rows: vec![Row([1; 16]); accounts],
            outcomes: vec![Line([1; 8]); OUTCOMES],
            order,
            next: 0,
            block: Vec::with_capacity(BLOCK_BYTES),
            link: [0; 32],
        }
    }

    /// So many records; gives records a second.
    pub fn run(&mut self, count: u64) -> f64 {
        let batches = count.div_ceil(BATCH as u64).max(1);
        let begun = Instant::now();
        for _ in 0..batches {
            self.batch();
        }
        batches as f64 * BATCH as f64 / begun.elapsed().as_secs_f64()
    }

    fn batch(&mut self) {
        let from = self.next % RECORDS;
        let mut records = [OfflineRecord::default(); BATCH];
        records.copy_from_slice(&self.records[from..from + BATCH]);
        let mut authentic = [false; BATCH];
        self.verifier.verify_all(&records, &mut authentic);
        assert_eq!(authentic, [true; BATCH], "the bound's records are signed");
        let place = |i: usize| self.order[(self.next + i) % self.order.len()] as usize;
        let accounts: [usize; BATCH] = std::array::from_fn(place);
        let mask = self.directory.len() - 1;
        let buckets = |account: usize| {
            let hash = (account as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            [(hash >> 40) as usize & mask, (hash >> 16) as usize & mask]
        };
        // Pass by pass, as far ahead as the server reads.
        let mut found = [0; BATCH];
        for (found, account) in found.iter_mut().zip(accounts) {
            let [a, b] = buckets(account);
            *found = self.directory[a].0[0] ^ self.directory[b].0[0];
        }
        for (found, account) in found.iter_mut().zip(accounts) {
            // Adds nothing, and can't be known before the directory's lines have come.
            let row = &self.rows[account + (*found as usize & !1)].0;
            *found = row[0] ^ row[8];
        }
        black_box(&found);
        let payload = black_box([0x5a_u8; LOG_RECORD_BYTES]);
        for (i, account) in accounts.into_iter().enumerate() {
            let row = &mut self.rows[account].0;
            row[0] = row[0].wrapping_add(2);
            row[8] = row[8].wrapping_add(2);
            self.outcomes[(self.next + i) % OUTCOMES] = Line([row[0]; 8]);
            self.block.extend_from_slice(&payload);
            if self.block.len() == BLOCK_BYTES {
                let mut chain = blake3::Hasher::new();
                chain.update(&self.link);
                chain.update(&self.block);
                self.link = *chain.finalize().as_bytes();
                self.block.clear();
            }
        }
        self.next += BATCH;
    }
}
