//! A log that has no room: debits wait, what undoes one still fits, and nothing acknowledged is lost.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use engine::data_dir::DataDir;
use engine::ledger::Request as Configuration;
use engine::ledger::calendar::day_of;
use engine::ledger::command::CutOff;
use engine::runtime::engine::{Engine, Sources};
use engine::runtime::password_vault::PasswordVault;
use engine::server::ServerConfig;
use protocol::answer::{Answer, MoneyAnswer};
use protocol::card::ChipWrite;
use protocol::channel::ReversalReason;
use protocol::ids::{BusinessDate, Epoch, Sequence};
use protocol::keys::Key128;
use protocol::request::{Request, Reversal};
use protocol::result_code::ResultCode;
use wal::{Clock, LogConfig, LogId, SystemClock, Through};

use crate::campus::{Campus, CampusKeys, OPENING_FEN, Running, card, fill, sizes, till};
use crate::program::{Serving, fail, succeed};
use crate::wire_till::{Tap, WireTill, card_tap_request, offline_record, tap_request};

fn a_tap(sequence: u32) -> Tap {
    Tap { sequence, card: card(0), counter: sequence, amount_fen: 10 }
}

fn reversal(tap: &Tap) -> Request<'static> {
    Request::Reversal(Reversal {
        original_epoch: Epoch(1),
        original_sequence: Sequence(tap.sequence),
        amount_fen: tap.amount_fen,
        reason: ReversalReason::NoAnswer,
        till_time_ns: 0,
    })
}

/// Opens books whose log has this much room, in the smallest segments there are.
fn open(data_dir: &Path, log_bytes_max: u64) -> Arc<Engine> {
    let log = LogConfig { log_bytes_max: Some(log_bytes_max), ..LogConfig::small(LogId([7; 16])) };
    let sources = Sources {
        storage: Arc::new(Through::new(data_dir)),
        log,
        clock: Arc::new(SystemClock),
        sizes: sizes(),
        snapshot: None,
        orders: None,
    };
    Arc::new(Engine::open(sources).expect("sound books").0)
}

/// Waits for the next segment at most; each is a hundredth of a second's work.
const BUSY_MAX: u32 = 5_000;

/// Sells until the log is full; gives the number of sales and their last answer.
fn sell_until_full(peer: &mut WireTill) -> (u32, MoneyAnswer) {
    let mut last = None;
    let mut busy = 0;
    let mut sequence = peer.welcome.last_sequence.0 + 1;
    loop {
        let answer = peer.call(sequence, &tap_request(&a_tap(sequence)));
        match Answer::decode(&answer).expect("an answer").1 {
            Answer::Money(sold) if sold.code.is_approved() => {
                last = Some(sold);
                sequence += 1;
            }
            // The next segment is still being made: nothing was taken, and the same sale comes again.
            Answer::Refused(refusal) if refusal.code == ResultCode::Busy && busy < BUSY_MAX => {
                busy += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            Answer::Refused(refusal) => {
                assert_eq!(refusal.code, ResultCode::LogFull);
                return (sequence - 1, last.expect("it held at least one sale"));
            }
            other => panic!("sequence {sequence}: {other:?}"),
        }
    }
}

/// A tap in two phases whose chip isn't written is undone in what its till says of it, for which room is kept back; the card's
/// next sale, which would undo it as well, is a sale.
fn expect_room_for_an_unwritten_chip(peer: &mut WireTill, open: &Tap) {
    let next = Tap { sequence: open.sequence + 1, ..*open };
    assert_eq!(peer.refused(next.sequence, &tap_request(&next)).code, ResultCode::LogFull);
    assert_eq!(peer.refused(next.sequence, &card_tap_request(&next)).code, ResultCode::LogFull);
    assert_eq!(peer.balance(1).system_fen, OPENING_FEN - open.amount_fen);
    assert_eq!(peer.confirm(next.sequence, open, ChipWrite::NotWritten).code, ResultCode::Approved);
    assert_eq!(peer.balance(1).system_fen, OPENING_FEN);
}

/// What a full log still does and doesn't.
fn expect_full(peer: &mut WireTill, keys: &CampusKeys, sold: u32) {
    assert_eq!(peer.refused(sold + 1, &tap_request(&a_tap(sold + 1))).code, ResultCode::LogFull);
    assert_eq!(peer.ask(sold + 1).code, ResultCode::UnknownSale, "the sequence isn't used up");
    let stored = offline_record(keys, till(0), &a_tap(sold + 1), 1);
    let line = peer.upload(1, &[stored])[0];
    assert_eq!(line.result(), Some(ResultCode::LogFull), "the till keeps its record");
    assert_eq!(peer.balance(0).system_fen, OPENING_FEN - i64::from(sold) * 10, "questions are answered");
    // A retry of what was sold needs no room.
    let again = peer.tap(&a_tap(sold));
    assert!(again.code.is_approved() && again.repeat);
    // The room kept back is for this.
    let undone = peer.money(sold + 1, &reversal(&a_tap(sold)));
    assert_eq!((undone.code, undone.repeat), (ResultCode::Approved, false));
    assert_eq!(peer.refused(sold + 2, &tap_request(&a_tap(sold + 2))).code, ResultCode::LogFull);
}

#[test]
fn debits_wait_for_room_reversals_do_not_and_nothing_is_lost() {
    const ROOM: u64 = 512 << 10;
    let folder = tempfile::tempdir().expect("a temporary directory");
    let campus = Campus::new();
    let keys = campus.keys();
    let passwords = Arc::new(PasswordVault::in_memory(Key128::new([0; 16])));
    let data = DataDir::create_or_open(&folder.path().join("data")).expect("a new data directory");
    let engine = open(data.path(), ROOM);
    let opened = BusinessDate(day_of(SystemClock.wall_ns()));
    engine.configure(Configuration::CutOff(CutOff { opened })).expect("taken");
    fill(&engine);
    let running = Running::start(&engine, &passwords, &keys, ServerConfig::default());
    let mut writer = WireTill::sign_in(running.address(), &keys.identity(till(1)));
    let unwritten = Tap { sequence: 1, card: card(1), counter: 1, amount_fen: 10 };
    assert_eq!(writer.card_tap(&unwritten).money.code, ResultCode::Approved);
    let mut peer = WireTill::sign_in(running.address(), &keys.identity(till(0)));
    let (sold, last) = sell_until_full(&mut peer);
    expect_full(&mut peer, &keys, sold);
    expect_room_for_an_unwritten_chip(&mut writer, &unwritten);
    drop(writer);
    drop(peer);
    running.stop();
    drop(engine);

    // After a restart: all of it is there, and there is still no room.
    let engine = open(data.path(), ROOM);
    let running = Running::start(&engine, &passwords, &keys, ServerConfig::default());
    let mut peer = WireTill::sign_in(running.address(), &keys.identity(till(0)));
    for sequence in 1..sold {
        assert_eq!(peer.ask(sequence).code, ResultCode::Approved, "sequence {sequence}");
    }
    assert_eq!(peer.ask(sold).code, ResultCode::Reversed);
    assert_eq!(peer.ask(sold).record, last.record);
    assert_eq!(peer.refused(sold + 2, &tap_request(&a_tap(sold + 2))).code, ResultCode::LogFull);
    drop(peer);
    running.stop();
    engine.log().seal().expect("a full log can be sealed");
    drop(engine);

    // With more room the same sequence sells.
    let engine = open(data.path(), 2 * ROOM);
    let running = Running::start(&engine, &passwords, &keys, ServerConfig::default());
    let mut peer = WireTill::sign_in(running.address(), &keys.identity(till(0)));
    let sale = peer.tap(&a_tap(sold + 2));
    assert_eq!((sale.code, sale.repeat), (ResultCode::Approved, false));
    assert_eq!(peer.balance(0).system_fen, OPENING_FEN - i64::from(sold) * 10);
    drop(peer);
    running.stop();
}

/// A file system in memory; unmounted when dropped.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// `None` where this process may not mount.
    fn mount(at: PathBuf, mebibytes: u32) -> Option<SmallDisk> {
        std::fs::create_dir(&at).expect("a folder");
        let size = format!("size={mebibytes}m");
        let arguments: [&OsStr; 6] = [
            "-t".as_ref(),
            "tmpfs".as_ref(),
            "-o".as_ref(),
            size.as_ref(),
            "yika-test".as_ref(),
            at.as_ref(),
        ];
        let mounted = Command::new("mount").args(arguments).output().is_ok_and(|out| out.status.success());
        mounted.then_some(SmallDisk { at })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

#[test]
fn a_disk_that_is_really_full_stops_sales_and_loses_none() {
    let campus = Campus::new();
    let keys = campus.keys();
    let Some(tiny) = SmallDisk::mount(campus.folder().join("tiny"), 16) else {
        println!("SKIPPED: this process may not mount a small file system; run the test as root for it");
        return;
    };
    // No room for the log's first segment.
    let errors = fail([
        "serve".as_ref(),
        "--listen".as_ref(),
        "127.0.0.1:0".as_ref(),
        "--data".as_ref(),
        tiny.at.join("data").as_os_str(),
    ]);
    assert!(errors.contains("No space left on device"), "{errors}");

    // Room for one segment and not for the next: sell it full.
    let disk = SmallDisk::mount(campus.folder().join("disk"), 96).expect("the first one could be mounted");
    let data_dir = disk.at.join("data");
    // The spare segment doesn't fit, and a folder copied whole may bring it first; without it the books are whole.
    let log = campus.data_dir().join("log");
    let mut segments: Vec<_> =
        std::fs::read_dir(&log).expect("a log").map(|entry| entry.expect("an entry").path()).collect();
    segments.sort();
    std::fs::create_dir_all(data_dir.join("log")).expect("a new folder");
    let copies =
        ["FORMAT", "master.key", "snapshots"].map(|part| (campus.data_dir().join(part), data_dir.join(part)));
    let first = segments.swap_remove(0);
    let first_copy = data_dir.join("log").join(first.file_name().expect("a segment has a name"));
    for (from, to) in copies.into_iter().chain([(first, first_copy)]) {
        let copied = Command::new("cp").arg("-r").arg(&from).arg(&to).status().expect("cp runs");
        assert!(copied.success(), "{} wasn't copied", from.display());
    }
    let outcomes = ["--outcomes-per-terminal", "32768"];
    let server = Serving::start(&data_dir, &outcomes);
    let mut peer = WireTill::sign_in(server.address(), &keys.identity(till(0)));
    let (sold, _) = sell_until_full(&mut peer);
    assert!(sold > 10_000, "the first segment took only {sold} sales");
    expect_full(&mut peer, &keys, sold);
    server.kill();

    let server = Serving::start(&data_dir, &outcomes);
    let mut peer = WireTill::sign_in(server.address(), &keys.identity(till(0)));
    assert_eq!(peer.balance(0).system_fen, OPENING_FEN - i64::from(sold - 1) * 10);
    for sequence in (1..sold).step_by(97) {
        assert_eq!(peer.ask(sequence).code, ResultCode::Approved, "sequence {sequence}");
    }
    assert_eq!(peer.ask(sold).code, ResultCode::Reversed);
    drop(peer);
    server.terminate();
    succeed(["verify".as_ref(), "--data".as_ref(), data_dir.as_os_str()]);
}
