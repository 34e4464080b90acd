//! What operators of finance do with a subsidy batch, over their own sockets.

use engine::ledger::calendar::day_of;
use protocol::answer::{Answer, MoneyAnswer, SubsidyAnswer, SubsidyPreviewLine, SubsidyState};
use protocol::request::{
    Reason, Reasoned, Request, SUBSIDY_PAGE_LINES_MAX, SubsidyAction, SubsidyLine, SubsidyLines, SubsidyMode,
    SubsidyOpen, SubsidyPreview, SubsidyQuery, SubsidyStep,
};
use protocol::result_code::ResultCode;

use wal::{Clock, SystemClock};

use crate::wire_till::WireTill;

/// How often a batch is asked after before it counts as stuck; a millisecond apart.
const QUESTIONS_MAX: u32 = 20_000;

/// A deadline that doesn't come while a test runs.
pub fn next_month() -> u16 {
    day_of(SystemClock.wall_ns()) + 30
}

/// An operator, who counts his requests.
pub struct Desk {
    /// His session.
    pub wire: WireTill,
    next: u32,
}

impl Desk {
    /// One who has signed in; he goes on behind what the server has seen of him.
    pub fn new(wire: WireTill) -> Desk {
        let next = wire.welcome.last_sequence.0 + 1;
        Desk { wire, next }
    }

    /// A request under the next sequence.
    pub fn ask(&mut self, request: &Request<'_>) -> MoneyAnswer {
        self.next += 1;
        self.wire.money(self.next - 1, request)
    }

    /// Opens a batch of these lines and sends all of them.
    pub fn plan(&mut self, batch: u32, mode: SubsidyMode, deadline_day: u16, lines: &[SubsidyLine]) {
        let total_fen = lines.iter().map(|line| i64::from(line.amount_fen.get())).sum();
        let what = SubsidyOpen { batch, mode, deadline_day, lines: lines.len() as u32, total_fen };
        let reason = Reason::new("伙食补助").expect("short");
        let opened = self.ask(&Request::SubsidyOpen(Reasoned { what, reason }));
        assert_eq!((opened.code, opened.amount_fen), (ResultCode::Approved, total_fen));
        let mut first = 0;
        for lines in lines.chunks(SUBSIDY_PAGE_LINES_MAX) {
            let taken = self.ask(&Request::SubsidyLines(SubsidyLines { batch, first, lines }));
            assert_eq!(taken.code, ResultCode::Approved);
            first += lines.len() as u32;
        }
    }

    /// A step of a batch.
    pub fn step(&mut self, batch: u32, action: SubsidyAction) -> ResultCode {
        let reason = Reason::new("名单核对无误").expect("short");
        self.ask(&Request::SubsidyStep(Reasoned { what: SubsidyStep { batch, action }, reason })).code
    }

    /// How far a batch has come.
    pub fn batch(&mut self, batch: u32) -> SubsidyAnswer {
        let answer = self.wire.call(0, &Request::SubsidyQuery(SubsidyQuery { batch }));
        match Answer::decode(&answer).expect("an answer") {
            (_, Answer::Subsidy(answer)) => answer,
            (_, other) => panic!("the question after a batch was answered with {other:?}"),
        }
    }

    /// All lines of a batch, page by page.
    pub fn preview(&mut self, batch: u32, lines_max: u16) -> Vec<SubsidyPreviewLine> {
        let (mut all, mut from_account) = (Vec::new(), 0);
        loop {
            let query = SubsidyPreview { batch, from_account, lines_max };
            let answer = self.wire.call(0, &Request::SubsidyPreview(query));
            let (_, Answer::SubsidyPreview(page)) = Answer::decode(&answer).expect("an answer") else {
                panic!("the question after a batch's lines was answered with something else");
            };
            assert_eq!(page.code, ResultCode::Approved);
            all.extend_from_slice(page.lines);
            from_account = page.next_account;
            if from_account == 0 {
                return all;
            }
        }
    }

    /// Asks until the batch has come to this.
    pub fn wait_for(&mut self, batch: u32, state: SubsidyState) -> SubsidyAnswer {
        for _ in 0..QUESTIONS_MAX {
            let answer = self.batch(batch);
            if answer.state == state {
                return answer;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("batch {batch} doesn't come to {state:?}: {:?}", self.batch(batch));
    }
}

/// A line.
pub fn line(account: u32, amount_fen: u32) -> SubsidyLine {
    SubsidyLine { account: account.into(), amount_fen: amount_fen.into() }
}
