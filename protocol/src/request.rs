//! Requests: what a till sends in a session.

use core::ops::Range;

use crate::command_table::Direction;
use crate::error::{DecodeError, EncodeError};
use crate::frame::{self, HEADER_BYTES, Header, MAC_BYTES, VERSION_MAX};
use crate::ids::{Epoch, RequestId, Sequence, TerminalId};
pub use crate::message::account_close::AccountClose;
pub use crate::message::account_freeze::{AccountFreeze, FreezeAction};
pub use crate::message::account_limits::AccountLimits;
pub use crate::message::account_password::AccountPassword;
pub use crate::message::adjust::{Adjust, AdjustDirection, AdjustWallet};
pub use crate::message::adjust_decide::{AdjustDecide, Verdict};
pub use crate::message::adjustments::AdjustmentsQuery;
pub use crate::message::balance::BalanceQuery;
pub use crate::message::batch::{BatchLines, BatchSettle};
pub use crate::message::bill::BillQuery;
pub use crate::message::block_list::{BlockListActive, BlockListQuery};
pub use crate::message::card_debit::CardDebit;
pub use crate::message::card_issue::CardIssue;
pub use crate::message::card_replace::CardReplace;
pub use crate::message::card_return::CardReturn;
pub use crate::message::card_stock::CardStock;
pub use crate::message::code_debit::CodeDebit;
pub use crate::message::code_key_rotate::{CodeKeyRotate, EarlierCodes};
pub use crate::message::code_revoke::CodeRevoke;
pub use crate::message::gap_close::GapClose;
pub use crate::message::heartbeat::Heartbeat;
pub use crate::message::open_gaps::OpenGapsQuery;
pub use crate::message::password_debit::PasswordDebit;
pub use crate::message::phone_change::PhoneChange;
pub use crate::message::reasoned::{REASON_FIELD_BYTES, Reason, Reasoned};
pub use crate::message::refund::Refund;
pub use crate::message::reversal::Reversal;
pub use crate::message::sale_query::SaleQuery;
pub use crate::message::scan_pay::ScanPay;
pub use crate::message::selector::AccountSelector;
pub use crate::message::shift::{CashierSign, ShiftClose};
pub use crate::message::statement::{StatementDay, StatementQuery};
pub use crate::message::subsidy_lines::{SUBSIDY_PAGE_LINES_MAX, SubsidyLine, SubsidyLines};
pub use crate::message::subsidy_open::{SubsidyMode, SubsidyOpen};
pub use crate::message::subsidy_preview::SubsidyPreview;
pub use crate::message::subsidy_query::SubsidyQuery;
pub use crate::message::subsidy_step::{SubsidyAction, SubsidyStep};
pub use crate::message::table::Request;
pub use crate::message::tap_confirm::TapConfirm;
pub use crate::message::tender::Tender;
pub use crate::message::terminal_key::TerminalKeyRotate;
pub use crate::message::told_post::ToldPost;
pub use crate::message::top_up::TopUp;
pub use crate::message::unconfirmed::UnconfirmedQuery;
pub use crate::message::upload::Upload;
pub use crate::message::virtual_bind::VirtualBind;
pub use crate::message::virtual_unbind::VirtualUnbind;
use crate::password::SealedPassword;

/// What the header of a request says beside its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestIds {
    /// The till.
    pub terminal: TerminalId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its sequence for a request that consumes one, 0 for the others.
    pub sequence: Sequence,
    /// Chosen by the till for this frame.
    pub request_id: RequestId,
}

impl<'a> Request<'a> {
    /// Reads a whole frame. Check it first: [`crate::session::Session::open`].
    ///
    /// # Errors
    /// [`DecodeError`], and nothing is taken from a frame that has any fault. Hello and Prove are
    /// [`DecodeError::Misplaced`] here.
    pub fn decode(frame: &'a [u8]) -> Result<(Header, Request<'a>), DecodeError> {
        let header = Header::decode(frame, Direction::ToServer)?;
        let body = frame::body(frame);
        Ok((header, Request::read_body(header.kind, body)?))
    }

    /// The query password in it, if it carries one.
    pub const fn password(&self) -> Option<&SealedPassword> {
        match self {
            Request::PasswordSet(body) | Request::LossReport(body) | Request::LossLift(body) => {
                Some(&body.password)
            }
            Request::VirtualBind(body) => Some(&body.password),
            Request::PasswordDebit(body) => Some(&body.password),
            _ => None,
        }
    }

    /// Bytes of the frame that carries it.
    ///
    /// # Errors
    /// [`EncodeError::ItemCount`] for an upload of no record, or of too many.
    pub fn frame_bytes(&self) -> Result<usize, EncodeError> {
        Ok(HEADER_BYTES + self.body_bytes()? + MAC_BYTES)
    }

    /// Writes the frame at the start of `out` and returns its length. Counter and MAC are left zero: they are given
    /// when the frame is sent, by [`crate::session::Session::seal`]. Nothing is allocated.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], [`EncodeError::ItemCount`].
    pub fn encode(&self, ids: &RequestIds, out: &mut [u8]) -> Result<usize, EncodeError> {
        let need = self.frame_bytes()?;
        let have = out.len();
        let frame = out.get_mut(..need).ok_or(EncodeError::BufferTooSmall { need, have })?;
        let header = Header {
            version: VERSION_MAX,
            kind: self.kind(),
            terminal: ids.terminal,
            sequence: ids.sequence,
            epoch: ids.epoch,
            request_id: ids.request_id,
            counter: 0,
        };
        header.write(frame);
        frame[need - MAC_BYTES..].fill(0);
        self.write_body(&mut frame[HEADER_BYTES..need - MAC_BYTES]);
        Ok(need)
    }

    /// As [`Request::encode`], behind what `out` already holds; returns where the frame lies. Allocates only when
    /// `out` has no room left.
    ///
    /// # Errors
    /// [`EncodeError::ItemCount`]; `out` is then unchanged.
    pub fn append(&self, ids: &RequestIds, out: &mut Vec<u8>) -> Result<Range<usize>, EncodeError> {
        let start = out.len();
        let end = start + self.frame_bytes()?;
        out.resize(end, 0);
        self.encode(ids, &mut out[start..])?;
        Ok(start..end)
    }
}
