//! A subsidy batch while the log has no room: no line is forgotten, and none is paid or taken back twice.

use std::cell::RefCell;
use std::sync::Arc;

use protocol::answer::SubsidyState;
use protocol::ids::{Epoch, MerchantId, Sequence, TerminalId};
use protocol::request::{SUBSIDY_PAGE_LINES_MAX, SubsidyAction, SubsidyLine, SubsidyMode};
use protocol::result_code::ResultCode;
use wal::{Clock, LogConfig, LogId, Simulated, Storage, SystemClock};

use super::Worker;
use crate::ledger::calendar::day_of;
use crate::ledger::command::{RegisterTerminal, Sale, SubsidyLines, SubsidyOpen, SubsidyStep};
use crate::ledger::registry::TerminalKind;
use crate::ledger::{Command, Request, TerminalSlot};
use crate::runtime::durable_signal::DurableSignal;
use crate::runtime::engine::{Engine, Reply};
use crate::runtime::small_engine::small_engine_on;
use crate::runtime::subsidy::Sweep;

const ACCOUNTS: u32 = 500;
const LINE_FEN: u32 = 700;
const TOTAL_FEN: i64 = ACCOUNTS as i64 * LINE_FEN as i64;
const BATCH: u32 = 3;
/// Who plans, and who approves.
const OPERATORS: [u16; 2] = [1, 2];
const WHY: &[u8] = "伙食补助".as_bytes();

struct Office {
    medium: Arc<Simulated>,
    config: LogConfig,
    lane: Worker,
    sweep: Sweep,
    next: [u32; 2],
}

impl Office {
    fn open() -> Office {
        let (medium, config) = (Arc::new(Simulated::new()), LogConfig::small(LogId([1; 16])));
        let engine = Arc::new(small_engine_on(Arc::clone(&medium), config, ACCOUNTS, 1));
        for slot in OPERATORS {
            let operator = RegisterTerminal {
                terminal: TerminalId(9_000 + u32::from(slot)),
                merchant: MerchantId(0),
                kind: TerminalKind::Finance,
                key_version: 1,
                enabled: true,
            };
            engine.configure(Request::RegisterTerminal(operator)).expect("it is registered");
        }
        let signal = DurableSignal::of(engine.log());
        let lane = Worker { engine, signal, block_lists: RefCell::default() };
        Office { medium, config, lane, sweep: Sweep::default(), next: [1; 2] }
    }

    fn engine(&self) -> &Engine {
        &self.lane.engine
    }

    fn sale(&mut self, operator: usize) -> Sale<'static> {
        let (slot, sequence) = (OPERATORS[operator], self.next[operator]);
        self.next[operator] += 1;
        Sale {
            slot: TerminalSlot(slot),
            terminal: TerminalId(9_000 + u32::from(slot)),
            epoch: Epoch(1),
            sequence: Sequence(sequence),
            raw: b"a request",
        }
    }

    fn done(&mut self, request: Request<'_>) {
        let reply = self.engine().execute(&Command::from(request));
        assert!(matches!(reply, Reply::Outcome(outcome) if outcome.code.is_approved()), "{reply:?}");
        self.write();
    }

    fn step(&mut self, operator: usize, action: SubsidyAction) {
        let sale = self.sale(operator);
        self.done(Request::SubsidyStep(SubsidyStep { sale, batch: BATCH, action, reason: WHY }));
    }

    /// Planned, approved, about to be paid.
    fn issue(&mut self) {
        let (sale, deadline_day) = (self.sale(0), day_of(SystemClock.wall_ns()) + 30);
        self.done(Request::SubsidyOpen(SubsidyOpen {
            sale,
            batch: BATCH,
            mode: SubsidyMode::Beside,
            deadline_day,
            lines: ACCOUNTS,
            total_fen: TOTAL_FEN,
            title: WHY,
        }));
        let line = |account: u32| SubsidyLine { account: account.into(), amount_fen: LINE_FEN.into() };
        let lines: Vec<SubsidyLine> = (0..ACCOUNTS).map(line).collect();
        let mut first = 0;
        for lines in lines.chunks(SUBSIDY_PAGE_LINES_MAX) {
            let sale = self.sale(0);
            self.done(Request::SubsidyLines(SubsidyLines { sale, batch: BATCH, first, lines }));
            first += lines.len() as u32;
        }
        self.step(1, SubsidyAction::Approve);
        self.step(0, SubsidyAction::Issue);
    }

    /// What the log's own thread does.
    fn write(&self) {
        self.engine().sync().expect("the simulated medium works");
        self.engine().log().maintain().expect("the simulated medium works");
    }

    /// No more segments, and the room in those that are there is used up.
    fn fill_log(&mut self) {
        let segments = self.medium.list().expect("the simulated medium works").len() as u64;
        self.medium.set_capacity_bytes(Some(segments * u64::from(self.config.segment_bytes)));
        loop {
            let sale = self.sale(0);
            // Refused, by a record.
            let nothing = SubsidyStep { sale, batch: 99, action: SubsidyAction::Issue, reason: WHY };
            match self.engine().execute(&Command::from(Request::SubsidyStep(nothing))) {
                Reply::Refused(ResultCode::LogFull) => break,
                Reply::Refused(ResultCode::Busy) => self.next[0] -= 1,
                _ => {}
            }
            self.write();
        }
        self.next[0] -= 1;
    }

    fn make_room(&self) {
        self.medium.set_capacity_bytes(None);
        self.write();
    }

    /// The lane goes on until the batch is there, the log filling up before every portion and having room again after it.
    fn run_until(&mut self, state: SubsidyState) {
        let mut refused = 0;
        while self.engine().subsidy(BATCH).0.state != state {
            self.fill_log();
            let mut sweep = self.sweep;
            refused += u32::from(!self.lane.batch_portion(&mut sweep));
            self.sweep = sweep;
            self.make_room();
            let mut sweep = self.sweep;
            assert!(self.lane.batch_portion(&mut sweep), "there is room");
            self.sweep = sweep;
            self.write();
        }
        assert!(refused > 0, "the log was never full");
    }
}

#[test]
fn a_full_log_makes_no_line_forgotten() {
    let mut office = Office::open();
    office.issue();
    office.run_until(SubsidyState::Issued);
    let paid = office.engine().subsidy(BATCH).0;
    assert_eq!((paid.claimed, paid.claimed_fen, paid.skipped), (ACCOUNTS, TOTAL_FEN, 0));
    office.step(0, SubsidyAction::Withdraw);
    office.run_until(SubsidyState::Withdrawn);
    let over = office.engine().subsidy(BATCH).0;
    assert_eq!((over.withdrawn, over.withdrawn_fen), (ACCOUNTS, TOTAL_FEN));
}
