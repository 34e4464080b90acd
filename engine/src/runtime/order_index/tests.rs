use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use loadgen::random::Random;
use protocol::ids::{AccountId, BusinessDate, Epoch, MerchantId, Sequence, TerminalId};
use protocol::result_code::ResultCode;
use wal::{LogConfig, Simulated, SystemClock};

use super::run::PAGE_ROWS;
use super::*;
use crate::ledger::command::{
    AccountSelector, Channel, CutOff, OpenAccount, RegisterMerchant, RegisterTerminal, Sale, Tender, TopUp,
};
use crate::ledger::known::Known;
use crate::ledger::registry::TerminalKind;
use crate::ledger::state::account;
use crate::ledger::{Command, Outcome, Request, Sizes, TerminalSlot};
use crate::runtime::engine::{Engine, Reply, Sources, StartReport};
use crate::runtime::look_up;

const LOG_ID: LogId = LogId([3; 16]);

fn key(i: u64) -> OrderKey {
    let mut number = [0; 32];
    number[..8].copy_from_slice(&i.to_le_bytes());
    OrderKey::new(5, &number)
}

fn rows(orders: std::ops::Range<u64>) -> Vec<OrderRow> {
    let mut rows: Vec<_> = orders.map(|i| OrderRow { key: key(i), record: i + 1 }).collect();
    rows.sort_unstable();
    rows
}

fn write(dir: &Path, rows: &[OrderRow]) -> Run {
    let extent = Extent { first: 1, last: 1_000_000, rows: rows.len() as u64 };
    let place = Place::Directory(dir.to_owned());
    Run::write(&place, LOG_ID, extent, rows.iter().copied().map(Ok)).expect("a directory that can be written")
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_run_has_what_was_written_and_nothing_else() {
    let page = PAGE_ROWS as u64;
    for orders in [0, 1, page - 1, page, page + 1, 5 * page, 3_000] {
        let dir = tempfile::tempdir().unwrap();
        let rows = rows(0..orders);
        let written = write(dir.path(), &rows);
        let read = Run::open(written.path(), LOG_ID).expect("it was written");
        for run in [&written, &read] {
            assert_eq!(run.extent(), Extent { first: 1, last: 1_000_000, rows: orders });
            let all: Vec<_> = run.rows().map(|row| row.expect("it was written")).collect();
            assert_eq!(all, rows);
            for row in &rows {
                assert!(run.may_hold(row.key));
                assert_eq!(run.find(row.key).expect("it was written"), Some(row.record));
            }
            let found = (orders..orders + 2_000).filter(|&i| run.find(key(i)).expect("whole").is_some());
            assert_eq!(found.count(), 0, "of {orders}");
        }
        assert!(Run::open(written.path(), LogId([4; 16])).is_err(), "it is of another log");
    }
}

#[test]
fn the_bytes_are_those_of_the_drawing() {
    let dir = tempfile::tempdir().unwrap();
    let run = write(dir.path(), &[OrderRow { key: OrderKey { digest: 0x0102, check: 0x0304 }, record: 5 }]);
    assert!(run.path().ends_with("00000000000000000001-00000000000001000000.run"));
    let bytes = fs::read(run.path()).unwrap();
    assert_eq!(bytes.len(), 2 * 4_096 + 32);
    let mut header = [0; 4_096];
    header[..8].copy_from_slice(b"YKORDERS");
    (header[8], header[12]) = (1, 1);
    header[16..32].copy_from_slice(&LOG_ID.0);
    header[32] = 1;
    header[40..43].copy_from_slice(&[0x40, 0x42, 0x0f]);
    header[48] = 1;
    assert_eq!(bytes[..4_096], header);
    let mut page = [0; 4_088];
    page[0] = 1;
    (page[8], page[9], page[16], page[17], page[24]) = (2, 1, 4, 3, 5);
    assert_eq!(bytes[4_104..8_192], page);
    assert_eq!(bytes[4_096..4_104], blake3::hash(&page).as_bytes()[..8]);
    assert_eq!(&bytes[8_192..], blake3::hash(&bytes[..8_192]).as_bytes());
}

#[test]
fn whatever_byte_is_damaged_no_order_is_taken_as_new() {
    for seed in 1..=300 {
        let mut random = Random::new(seed, 0);
        let dir = tempfile::tempdir().unwrap();
        let rows = rows(0..random.below(800) + 1);
        let run = write(dir.path(), &rows);
        let good = fs::read(run.path()).unwrap();
        let mut bad = good.clone();
        match random.below(8) {
            0 => bad.truncate(random.below(good.len() as u64) as usize),
            1 => bad.extend_from_slice(&good[..1 + random.below(5_000) as usize]),
            2 => {
                // Two pages change places.
                let pages = (good.len() / 4_096) as u64;
                let (a, b) = (random.below(pages) as usize, random.below(pages) as usize);
                bad[a * 4_096..][..4_096].copy_from_slice(&good[b * 4_096..][..4_096]);
                bad[b * 4_096..][..4_096].copy_from_slice(&good[a * 4_096..][..4_096]);
            }
            _ => {
                let place = random.below(good.len() as u64) as usize;
                bad[place] ^= 1 << random.below(8);
            }
        }
        // The same file, so that the open run sees it.
        fs::write(run.path(), &bad).unwrap();
        assert_eq!(Run::open(run.path(), LOG_ID).is_ok(), bad == good, "seed {seed}: read anew");
        for row in &rows {
            match run.find(row.key) {
                Ok(found) => assert_eq!(found, Some(row.record), "seed {seed}: a page of an open run"),
                Err(error) => assert_ne!(bad, good, "seed {seed}: {error}"),
            }
        }
    }
}

#[test]
fn runs_stay_few_and_are_rarely_written_again() {
    let mut runs: Vec<u64> = Vec::new();
    let mut written = 0;
    for added in 1..=20_000 {
        runs.push(1);
        written += 1;
        let from = merge_from(&runs);
        if runs.len() - from > 1 {
            let merged = runs.split_off(from).iter().sum();
            runs.push(merged);
            written += merged;
        }
        assert!(runs.len() <= RUNS_MAX, "{runs:?}");
        assert_eq!(runs.iter().sum::<u64>(), added);
    }
    assert!(written < 12 * 20_000, "{written} rows written for 20,000");
    assert_eq!(merge_from(&[1 << 40, 1 << 35, 1 << 30, 1 << 25, 1 << 20, 1 << 15, 1 << 10, 1 << 5, 1]), 7);
    assert_eq!(merge_from(&[1]), 0);
}

/// A log in memory, an index in a directory, one gateway that tops one account up.
struct Campus {
    medium: Simulated,
    dir: tempfile::TempDir,
    engine: Engine,
    /// Of the gateway, of the till.
    next_sequences: [u32; 2],
    looked_up: u64,
}

const TERMINAL: TerminalId = TerminalId(9);
const TILL: TerminalId = TerminalId(10);

/// Whether an order paid for a meal at the till; it credited the account otherwise.
const fn is_tender(order: u32) -> bool {
    order % 8 == 7
}

impl Campus {
    fn new() -> Campus {
        let (medium, dir) = (Simulated::new(), tempfile::tempdir().unwrap());
        let (engine, _) = Campus::open(&medium, dir.path(), 1);
        let merchant = MerchantId(1);
        for request in [
            Request::CutOff(CutOff { opened: BusinessDate(9_824) }),
            Request::RegisterMerchant(RegisterMerchant { merchant, name: "充值", enabled: true }),
            Request::RegisterTerminal(RegisterTerminal {
                terminal: TERMINAL,
                merchant,
                kind: TerminalKind::PhoneGateway,
                key_version: 1,
                enabled: true,
            }),
            Request::RegisterTerminal(RegisterTerminal {
                terminal: TILL,
                merchant,
                kind: TerminalKind::PointOfSale,
                key_version: 1,
                enabled: true,
            }),
            Request::OpenAccount(OpenAccount { student_number: [b'1'; 16], class: 0 }),
        ] {
            assert!(engine.configure(request).expect("it is taken").code.is_approved());
        }
        Campus { medium, dir, engine, next_sequences: [1; 2], looked_up: 0 }
    }

    fn open(medium: &Simulated, dir: &Path, shards: usize) -> (Engine, StartReport) {
        let sizes = Sizes { shards, orders_max: 4, ..Sizes::default() };
        Engine::open(Sources {
            storage: Arc::new(medium.clone()),
            log: LogConfig::new(LOG_ID),
            clock: Arc::new(SystemClock),
            sizes,
            snapshot: None,
            orders: Some(dir.to_owned()),
        })
        .expect("a sound log")
    }

    /// The process is killed; the next one has another number of shards.
    fn restart(&mut self, shards: usize) -> StartReport {
        self.engine.sync().expect("the medium works");
        self.medium = self.medium.kill();
        let (engine, report) = Campus::open(&self.medium, self.dir.path(), shards);
        self.engine = engine;
        report
    }

    /// Brings an order, as often as it takes, with the slow lane's part done in between.
    fn bring(&mut self, order: u32) -> Outcome {
        let mut order_number = [0; 32];
        order_number[..4].copy_from_slice(&order.to_le_bytes());
        let (slot, terminal) = if is_tender(order) { (1_u16, TILL) } else { (0, TERMINAL) };
        let next_sequence = &mut self.next_sequences[usize::from(slot)];
        let sale = Sale {
            slot: TerminalSlot(slot),
            terminal,
            epoch: Epoch(1),
            sequence: Sequence(*next_sequence),
            raw: &[],
        };
        let (amount_fen, channel) = (100, Channel::WeChat);
        let account = AccountSelector::Account(AccountId(0));
        let request = if is_tender(order) {
            Request::Tender(Tender { sale, amount_fen, channel, order_number })
        } else {
            Request::TopUp(TopUp { sale, account, amount_fen, channel, order_number })
        };
        *next_sequence += 1;
        let mut known = Known::default();
        for _ in 0..6 {
            let reply = self.engine.execute(&Command { request, known: Some(&known) });
            if self.engine.orders().due().try_recv().is_ok() {
                self.engine.sync().expect("the medium works");
                self.engine.index_orders().expect("the directory can be written");
            }
            match reply {
                Reply::Needs(need) => {
                    self.looked_up += 1;
                    self.engine.sync().expect("the medium works");
                    look_up::answer(&self.engine, need, &mut known).expect("the log is sound");
                }
                Reply::Outcome(outcome) if outcome.code == ResultCode::Busy => {}
                Reply::Outcome(outcome) => return outcome,
                other => panic!("{other:?}"),
            }
        }
        panic!("order {order} is busy for ever");
    }

    fn expect_all_known(&mut self, orders: u32) {
        for order in 0..orders {
            let outcome = self.bring(order);
            assert_eq!((outcome.code, outcome.repeat), (ResultCode::Approved, true), "order {order}");
        }
        self.expect_credited(orders);
    }

    fn expect_credited(&self, orders: u32) {
        let (state, _) = self.engine.copy_state();
        let held_fen = account(&state.shards, AccountId(0)).expect("it was opened").system_fen();
        let credited = (0..orders).filter(|order| !is_tender(*order)).count();
        assert_eq!(held_fen, 100 * credited as i64);
    }

    /// Flips a bit of the largest run.
    fn damage(&self, random: &mut Random) {
        let largest = files(self.dir.path()).into_iter().max_by_key(|path| fs::metadata(path).unwrap().len());
        let path = largest.expect("there are runs");
        let mut bytes = fs::read(&path).unwrap();
        let place = 4_096 + random.below(bytes.len() as u64 - 4_096 - 32) as usize;
        bytes[place] ^= 1 << random.below(8);
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn each_of_ten_thousand_orders_is_credited_once_with_four_in_memory() {
    const ORDERS: u32 = 10_000;
    let mut random = Random::new(20_261_125, 0);
    let mut campus = Campus::new();
    for order in 0..ORDERS {
        let outcome = campus.bring(order);
        assert_eq!((outcome.code, outcome.repeat), (ResultCode::Approved, false), "order {order}");
    }
    campus.expect_credited(ORDERS);
    // Filters rule nearly every new order out.
    assert!(campus.looked_up < u64::from(ORDERS) / 5, "{} orders were looked up", campus.looked_up);
    let figures = campus.engine.orders().figures();
    assert!(figures.runs <= RUNS_MAX && figures.ruled_out > 9_000, "{figures:?}");
    assert!(figures.memory_bytes < 2 * figures.orders, "{figures:?}");
    assert_eq!(files(campus.dir.path()).len(), figures.runs);
    campus.expect_all_known(ORDERS);

    // Nothing is made anew when the files are whole.
    let before: BTreeMap<_, _> =
        files(campus.dir.path()).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let report = campus.restart(2);
    assert!(report.order_runs_rejected.is_empty(), "{report:?}");
    assert!(before.iter().all(|(path, bytes)| fs::read(path).unwrap() == *bytes));
    campus.expect_all_known(ORDERS);

    // Without files.
    files(campus.dir.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    campus.restart(4);
    campus.expect_all_known(ORDERS);

    // With a damaged one.
    campus.damage(&mut random);
    let report = campus.restart(1);
    assert!(!report.order_runs_rejected.is_empty(), "{report:?}");
    campus.expect_all_known(ORDERS);

    // Damaged while it is open.
    for _ in 0..3 {
        campus.damage(&mut random);
        campus.expect_all_known(ORDERS);
    }
    assert!(campus.bring(ORDERS).code.is_approved());
    campus.expect_credited(ORDERS + 1);
}

#[test]
fn what_was_left_over_or_is_of_another_log_is_removed() {
    let mut campus = Campus::new();
    (0..40).for_each(|order| assert!(campus.bring(order).code.is_approved()));
    let dir = campus.dir.path().to_owned();
    let of = |log_id, first, last| {
        let place = Place::Directory(dir.clone());
        let extent = Extent { first, last, rows: 0 };
        Run::write(&place, log_id, extent, std::iter::empty()).expect("the directory can be written");
    };
    let sound = files(&dir);
    // Of another log; ahead of this one; a part of what was merged already; a run in the making.
    of(LogId([9; 16]), 1, 2_000);
    of(LOG_ID, 1, 1_000_000);
    of(LOG_ID, 2, 3);
    fs::write(dir.join("00000000000000000001-00000000000000000009.new"), b"YK").unwrap();
    let report = campus.restart(1);
    assert_eq!(report.order_runs_rejected.len(), 2, "{report:?}");
    assert_eq!(files(&dir), sound);
    campus.expect_all_known(40);
}

#[test]
fn orders_that_cant_be_indexed_are_kept_and_further_ones_are_busy() {
    let mut campus = Campus::new();
    (0..10).for_each(|order| assert!(campus.bring(order).code.is_approved()));
    // The directory is gone: nothing can be written.
    let dir = campus.dir.path().to_owned();
    let away = dir.with_extension("away");
    fs::rename(&dir, &away).unwrap();
    let mut order_number = [0; 32];
    let mut codes = Vec::new();
    for order in 10_u32..16 {
        order_number[..4].copy_from_slice(&order.to_le_bytes());
        let request = Request::TopUp(TopUp {
            sale: Sale {
                slot: TerminalSlot(0),
                terminal: TERMINAL,
                epoch: Epoch(1),
                sequence: Sequence(campus.next_sequences[0] + order),
                raw: &[],
            },
            account: AccountSelector::Account(AccountId(0)),
            amount_fen: 100,
            channel: Channel::WeChat,
            order_number,
        });
        let mut known = Known::default();
        let outcome = loop {
            match campus.engine.execute(&Command { request, known: Some(&known) }) {
                Reply::Needs(need) => look_up::answer(&campus.engine, need, &mut known).expect("open files"),
                Reply::Outcome(outcome) => break outcome,
                other => panic!("{other:?}"),
            }
        };
        campus.engine.sync().expect("the medium works");
        if campus.engine.orders().due().try_recv().is_ok() {
            assert!(campus.engine.index_orders().is_err());
        }
        codes.push(outcome.code);
    }
    assert_eq!(codes.first(), Some(&ResultCode::Approved));
    assert_eq!(codes.last(), Some(&ResultCode::Busy));
    // It is back, and a busy top-up has said that something is due.
    fs::rename(&away, &dir).unwrap();
    assert!(campus.bring(99).code.is_approved());
}
