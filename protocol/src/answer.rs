//! Answers: what the server sends in a session. Every answer echoes the key fields of its request's header.

use core::ops::Range;

use crate::command_table::{Direction, Kind};
use crate::error::{DecodeError, EncodeError};
use crate::frame::{self, HEADER_BYTES, Header, MAC_BYTES, VERSION_MIN};
use crate::message::Body;
pub use crate::message::adjustments::{AdjustmentLine, AdjustmentsAnswer};
pub use crate::message::balance::{AccountStatus, BalanceAnswer};
pub use crate::message::batch::{BatchLinesAnswer, BatchSettleAnswer};
pub use crate::message::bill::BillAnswer;
pub use crate::message::block_list::BlockListAnswer;
pub use crate::message::field::ACCOUNT_NONE;
use crate::message::field::{FLAGS_OFFSET, field, with_voice};
pub use crate::message::heartbeat::HeartbeatAnswer;
pub use crate::message::money_answer::MoneyAnswer;
pub use crate::message::open_gaps::{GapKind, GapLine, OpenGapsAnswer};
pub use crate::message::refusal::Refusal;
pub use crate::message::reprint::{ReceiptKind, ReceiptMarks, ReprintAnswer};
pub use crate::message::scan_pay::ScanPayAnswer;
pub use crate::message::shift::ShiftAnswer;
pub use crate::message::statement::{StatementAnswer, StatementMore};
pub use crate::message::subsidy_preview::{SubsidyLineState, SubsidyPreviewAnswer, SubsidyPreviewLine};
pub use crate::message::subsidy_query::{SubsidyAnswer, SubsidyState, SubsidyTitle};
pub use crate::message::table::Answer;
pub use crate::message::tables::{ClassRulesAnswer, MealPeriodsAnswer, PriceTableAnswer};
pub use crate::message::tap_answer::{Chip, TapAnswer};
pub use crate::message::terminal_key::TerminalKeyAnswer;
pub use crate::message::unconfirmed::UnconfirmedAnswer;
pub use crate::message::upload::{BatchAnswer, BatchLine};
use crate::result_code::ResultCode;
use crate::voice::Voice;

/// Bytes of a Refused frame.
pub const REFUSED_BYTES: usize = Kind::Refused.command().frame_bytes_max();

impl Refusal {
    /// The Refused frame that answers these bytes, whatever they are: as much of a header as they hold is echoed.
    /// Counter and MAC are zero: seal it when there is a session.
    pub fn frame(&self, refused: &[u8]) -> [u8; REFUSED_BYTES] {
        let mut bytes = [0; REFUSED_BYTES];
        let header = Header::echo_of(refused, VERSION_MIN, Kind::Refused);
        header.write(&mut bytes);
        self.write(&mut bytes[HEADER_BYTES..REFUSED_BYTES - MAC_BYTES]);
        bytes
    }
}

impl<'a> Answer<'a> {
    /// Reads a whole frame. Check it first: [`crate::session::Session::open`].
    ///
    /// # Errors
    /// [`DecodeError`], and nothing is taken from a frame that has any fault. Challenge and Welcome are
    /// [`DecodeError::Misplaced`] here.
    pub fn decode(frame: &'a [u8]) -> Result<(Header, Answer<'a>), DecodeError> {
        let header = Header::decode(frame, Direction::ToTill)?;
        let body = frame::body(frame);
        let answer = Answer::read_body(header.kind, body)?;
        if let Some(voice) = header.kind.request().and_then(|request| answer.voice(request)) {
            let flags = body[FLAGS_OFFSET];
            if flags != with_voice(flags, voice) {
                return Err(field(FLAGS_OFFSET, flags));
            }
        }
        Ok((header, answer))
    }

    /// The outcome that it tells with flags behind it, which have room for a voice.
    const fn outcome(&self) -> Option<ResultCode> {
        match self {
            Answer::Money(answer) => Some(answer.code),
            Answer::Tap(answer) => Some(answer.money.code),
            Answer::ScanPay(answer) => Some(answer.money.code),
            Answer::Shift(answer) => Some(answer.code),
            Answer::BatchSettle(answer) => Some(answer.code),
            Answer::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// What the till says when this answers such a request; `None` for what tells no outcome.
    pub fn voice(&self, request: Kind) -> Option<Voice> {
        self.outcome().map(|code| Voice::of(request, code))
    }

    /// The kind of the frame that carries this answer to that request.
    ///
    /// # Errors
    /// [`EncodeError::WrongAnswer`] when such a request isn't answered so.
    pub fn kind(&self, request: Kind) -> Result<Kind, EncodeError> {
        self.kind_to(request).ok_or(EncodeError::WrongAnswer { request: request.number() })
    }

    /// Bytes of the frame that carries it.
    ///
    /// # Errors
    /// [`EncodeError::ItemCount`] for too many lines, or a batch answer of none.
    pub fn frame_bytes(&self) -> Result<usize, EncodeError> {
        Ok(HEADER_BYTES + self.body_bytes()? + MAC_BYTES)
    }

    /// Writes the answer to `request` at the start of `out` and returns its length. Counter and MAC are left zero:
    /// they are given when the frame is sent, by [`crate::session::Session::seal`]. Nothing is allocated.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, request: &Header, out: &mut [u8]) -> Result<usize, EncodeError> {
        let kind = self.kind(request.kind)?;
        let need = self.frame_bytes()?;
        let have = out.len();
        let frame = out.get_mut(..need).ok_or(EncodeError::BufferTooSmall { need, have })?;
        Header { kind, counter: 0, ..*request }.write(frame);
        frame[need - MAC_BYTES..].fill(0);
        let body = &mut frame[HEADER_BYTES..need - MAC_BYTES];
        self.write_body(body);
        if let Some(voice) = self.voice(request.kind) {
            body[FLAGS_OFFSET] = with_voice(body[FLAGS_OFFSET], voice);
        }
        Ok(need)
    }

    /// As [`Answer::encode`], behind what `out` already holds; returns where the frame lies. Allocates only when
    /// `out` has no room left.
    ///
    /// # Errors
    /// [`EncodeError::ItemCount`], [`EncodeError::WrongAnswer`]; `out` is then unchanged.
    pub fn append(&self, request: &Header, out: &mut Vec<u8>) -> Result<Range<usize>, EncodeError> {
        self.kind(request.kind)?;
        let start = out.len();
        let end = start + self.frame_bytes()?;
        out.resize(end, 0);
        self.encode(request, &mut out[start..])?;
        Ok(start..end)
    }
}
