//! The one table of frame kinds: number, name, direction, size of the body, and what the kind needs.
//!
//! Decoding, length checks, the server's permission check and the README's table all read this table, so a kind
//! is described once. An answer's number is its request's number with the top bit set.

use crate::frame::{FRAME_BYTES_MAX, HEADER_BYTES, MAC_BYTES};
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
}

/// Bodies of this many bytes more than the fixed part, for each of up to `count_max` items.
const fn items(fixed_bytes: usize, item_bytes: usize, count_max: usize) -> usize {
    fixed_bytes + item_bytes * count_max
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $direction:ident, $stage:ident,
        $min:expr, $max:expr, $consumes:literal, $senders:expr;)*) => {
        /// The kind of a frame. Numbers never change and are never used again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $number,)*
        }

        /// Every kind, by number.
        pub const COMMANDS: &[Command] = &[$(Command {
            kind: Kind::$name,
            name: stringify!($name),
            direction: Direction::$direction,
            stage: Stage::$stage,
            body_bytes_min: $min,
            body_bytes_max: $max,
            consumes_sequence: $consumes,
            senders: $senders,
        },)*];
    };
}

const EVERYONE: TerminalKinds = TerminalKinds::ALL;
const SELLERS: TerminalKinds = TerminalKinds::of(&[
    TerminalKind::PointOfSale,
    TerminalKind::Water,
    TerminalKind::Shower,
    TerminalKind::PhoneGateway,
    TerminalKind::Counter,
]);
const CASHIERS: TerminalKinds = TerminalKinds::of(&[TerminalKind::PhoneGateway, TerminalKind::Counter]);

/// Most records in one upload.
pub const UPLOAD_RECORDS_MAX: usize = 2_000;
/// Most lines on one page of a bill.
pub const BILL_LINES_MAX: usize = 50;

kinds! {
    /// Opens a sign-in: versions and nonce of the till.
    Hello = 0x01, ToServer, SignIn, 48, 48, false, EVERYONE;
    /// The till's proof that it holds the terminal key.
    Prove = 0x02, ToServer, SignIn, 16, 16, false, EVERYONE;
    /// Ends the session.
    SignOut = 0x03, ToServer, Session, 0, 0, false, EVERYONE;
    /// Keeps the session alive and compares the clocks.
    Heartbeat = 0x04, ToServer, Session, 8, 8, false, EVERYONE;
    /// Debits the account of a card.
    CardDebit = 0x10, ToServer, Session, 32, 32, true, SELLERS;
    /// Debits the account behind a payment code.
    CodeDebit = 0x11, ToServer, Session, 40, 40, true, SELLERS;
    /// Pays money in from a channel.
    TopUp = 0x12, ToServer, Session, 72, 72, true, CASHIERS;
    /// Undoes an earlier sale of this till.
    Reversal = 0x13, ToServer, Session, 32, 32, true, SELLERS;
    /// Asks for the balance of an account.
    Balance = 0x20, ToServer, Session, 24, 24, false, EVERYONE;
    /// Asks for a page of an account's bill, newest first.
    Bill = 0x21, ToServer, Session, 40, 40, false, EVERYONE;
    /// Asks for the outcome of an earlier sale of this till.
    SaleQuery = 0x22, ToServer, Session, 8, 8, false, EVERYONE;
    /// Sends stored offline records.
    Upload = 0x30, ToServer, Session, items(8, 96, 1), items(8, 96, UPLOAD_RECORDS_MAX), false, SELLERS;
    /// Answers [`Kind::Hello`]: the chosen version and the server's nonce.
    Challenge = 0x81, ToTill, SignIn, 24, 24, false, EVERYONE;
    /// Answers [`Kind::Prove`]: the server's proof, the business date and the till's parameters.
    Welcome = 0x82, ToTill, SignIn, 80, 80, false, EVERYONE;
    /// Answers [`Kind::SignOut`].
    SignedOut = 0x83, ToTill, Session, 0, 0, false, EVERYONE;
    /// Answers [`Kind::Heartbeat`].
    HeartbeatAnswer = 0x84, ToTill, Session, 32, 32, false, EVERYONE;
    /// Answers [`Kind::CardDebit`].
    CardDebitAnswer = 0x90, ToTill, Session, 40, 40, false, SELLERS;
    /// Answers [`Kind::CodeDebit`].
    CodeDebitAnswer = 0x91, ToTill, Session, 40, 40, false, SELLERS;
    /// Answers [`Kind::TopUp`].
    TopUpAnswer = 0x92, ToTill, Session, 40, 40, false, CASHIERS;
    /// Answers [`Kind::Reversal`].
    ReversalAnswer = 0x93, ToTill, Session, 40, 40, false, SELLERS;
    /// Answers [`Kind::Balance`].
    BalanceAnswer = 0xA0, ToTill, Session, 64, 64, false, EVERYONE;
    /// Answers [`Kind::Bill`].
    BillAnswer = 0xA1, ToTill, Session, 24, items(24, 64, BILL_LINES_MAX), false, EVERYONE;
    /// Answers [`Kind::SaleQuery`].
    SaleQueryAnswer = 0xA2, ToTill, Session, 40, 40, false, EVERYONE;
    /// Answers [`Kind::Upload`]: one line for each record, in the order sent.
    BatchAnswer = 0xB0, ToTill, Session, items(16, 16, 1), items(16, 16, UPLOAD_RECORDS_MAX), false, SELLERS;
    /// Answers any request that wasn't carried out because of the frame, the session or the server's state.
    Refused = 0xFF, ToTill, Any, 16, 16, false, EVERYONE;
}

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
            if command.direction == Direction::ToServer {
                let answer = command.kind.answer().expect("every request has an answer").command();
                assert_eq!(answer.direction, Direction::ToTill);
                assert_eq!(answer.stage, command.stage);
                assert_eq!(answer.senders, command.senders);
            } else {
                assert_eq!(command.kind.answer(), None);
                assert!(!command.consumes_sequence);
            }
        }
    }
}
