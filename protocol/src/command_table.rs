//! The one table of frame kinds: number, name, direction, size of the body, and what the kind needs.
//!
//! Decoding, length checks, the server's permission check and the README's table all read this table, so a kind
//! is described once. Its rows stand in `message/table.rs`. An answer's number is its request's number with the top
//! bit set.

use crate::frame::{FRAME_BYTES_MAX, HEADER_BYTES, MAC_BYTES};
pub use crate::message::adjustments::ADJUSTMENT_LINES_MAX;
pub use crate::message::batch::TILL_LINES_MAX;
pub use crate::message::bill::BILL_LINES_MAX;
pub use crate::message::block_list::BLOCK_LIST_LINES_MAX;
pub use crate::message::open_gaps::GAP_LINES_MAX;
pub use crate::message::subsidy_lines::SUBSIDY_PAGE_LINES_MAX;
pub use crate::message::subsidy_preview::SUBSIDY_PREVIEW_LINES_MAX;
pub use crate::message::table::{COMMANDS, Kind};
pub use crate::message::tables::{CLASS_RULES_MAX, MEAL_PERIODS_MAX, PRICES_MAX};
pub use crate::message::upload::UPLOAD_RECORDS_MAX;
use crate::result_code::ResultCode;
use crate::terminal_kind::{TerminalKind, TerminalKinds};

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the till to the server: a request.
    ToServer,
    /// From the server to the till: an answer.
    ToTill,
}

/// When a frame may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Only while signing in.
    SignIn,
    /// Only in a session.
    Session,
    /// Both ([`Kind::Refused`] alone).
    Any,
}

/// The way that a request takes through the server. It says nothing of what the till does: a till needn't know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Answered at once, from the session alone.
    Session,
    /// Decided in the next turn, answered when that is durable.
    Live,
    /// As [`Lane::Live`], but a walk through the log follows, on the slow lane.
    Walk,
    /// As [`Lane::Live`], but everything stands still while it is decided: it changes accounts' cards, or what is
    /// registered. It comes after the live requests of its turn.
    Change,
    /// An operator's: decided by itself on the slow lane, where its frame is kept, however long, and answered when that is
    /// durable.
    Office,
    /// Works through its items on the slow lane, beside the till's live request.
    Batch,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The kind.
    pub kind: Kind,
    /// The name as it stands in documents and JSON.
    pub name: &'static str,
    /// Which way it goes.
    pub direction: Direction,
    /// When it may be sent.
    pub stage: Stage,
    /// Fewest bytes of its body.
    pub body_bytes_min: usize,
    /// Most bytes of its body.
    pub body_bytes_max: usize,
    /// The way it takes through the server; for an answer, that of its request.
    pub lane: Lane,
    /// True for money requests: each new one uses up the till's next sequence. False for all others, and answers.
    pub consumes_sequence: bool,
    /// The kinds of terminal that may send it; for an answer, that may ask for it.
    pub senders: TerminalKinds,
}

impl Command {
    /// Fewest bytes of the whole frame.
    pub const fn frame_bytes_min(&self) -> usize {
        HEADER_BYTES + self.body_bytes_min + MAC_BYTES
    }

    /// Most bytes of the whole frame.
    pub const fn frame_bytes_max(&self) -> usize {
        HEADER_BYTES + self.body_bytes_max + MAC_BYTES
    }

    /// True when a terminal of this kind may send it.
    pub const fn may_be_sent_by(&self, terminal: TerminalKind) -> bool {
        self.senders.contains(terminal)
    }

    /// Why a terminal of this kind may not send it; `None` when it may.
    pub const fn refusal_to(&self, terminal: TerminalKind) -> Option<ResultCode> {
        if self.may_be_sent_by(terminal) {
            None
        } else if terminal.is_operator() {
            Some(ResultCode::WrongRole)
        } else {
            Some(ResultCode::NotPermitted)
        }
    }
}

/// Bytes of the largest frame of the lanes that keep theirs until it is decided: [live](Lane::Live), [walk](Lane::Walk)
/// and [change](Lane::Change).
pub const LIVE_FRAME_BYTES_MAX: usize = {
    let mut bytes_max = 0;
    let mut row = 0;
    while row < COMMANDS.len() {
        let command = &COMMANDS[row];
        let is_kept = matches!(command.direction, Direction::ToServer)
            && matches!(command.lane, Lane::Live | Lane::Walk | Lane::Change);
        if is_kept && command.frame_bytes_max() > bytes_max {
            bytes_max = command.frame_bytes_max();
        }
        row += 1;
    }
    bytes_max
};

/// Row number + 1 in [`COMMANDS`] by kind number; 0 for no such kind.
const ROW_BY_NUMBER: [u8; 256] = {
    let mut rows = [0; 256];
    let mut row = 0;
    while row < COMMANDS.len() {
        assert!(rows[COMMANDS[row].kind as usize] == 0, "a kind number given twice");
        assert!(COMMANDS[row].frame_bytes_max() <= FRAME_BYTES_MAX, "a kind larger than any frame");
        rows[COMMANDS[row].kind as usize] = row as u8 + 1;
        row += 1;
    }
    rows
};

impl Kind {
    /// The kind with this number, if there is one.
    pub const fn from_number(number: u8) -> Option<Kind> {
        match ROW_BY_NUMBER[number as usize] {
            0 => None,
            row => Some(COMMANDS[row as usize - 1].kind),
        }
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind's row of the table.
    pub const fn command(self) -> &'static Command {
        &COMMANDS[ROW_BY_NUMBER[self as usize] as usize - 1]
    }

    /// The kind of the answer to this request; `None` for an answer.
    pub const fn answer(self) -> Option<Kind> {
        match self.command().direction {
            Direction::ToServer => Kind::from_number(self.number() | 0x80),
            Direction::ToTill => None,
        }
    }

    /// What this answers; `None` for requests and for Refused, which answers all.
    pub const fn request(self) -> Option<Kind> {
        match self.number() {
            number if number & 0x80 != 0 => Kind::from_number(number & !0x80),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_at_most_one_row_and_every_request_an_answer() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.kind.number() < b.kind.number()));
        for number in 0..=u8::MAX {
            if let Some(kind) = Kind::from_number(number) {
                assert_eq!(kind.number(), number);
                assert_eq!(kind.command().kind, kind);
            }
        }
        for command in COMMANDS {
            assert!(command.body_bytes_min <= command.body_bytes_max);
            assert_eq!(command.direction == Direction::ToTill, command.kind.number() >= 0x80);
            if command.consumes_sequence {
                assert!(matches!(command.lane, Lane::Live | Lane::Change | Lane::Office));
            }
            if command.direction == Direction::ToServer {
                let answer = command.kind.answer().expect("every request has an answer").command();
                assert_eq!(answer.direction, Direction::ToTill);
                assert_eq!(answer.stage, command.stage);
                assert_eq!(answer.lane, command.lane);
                assert_eq!(answer.senders, command.senders);
            } else {
                assert_eq!(command.kind.answer(), None);
                assert!(!command.consumes_sequence);
            }
        }
    }
}
