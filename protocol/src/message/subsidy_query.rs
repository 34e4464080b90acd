//! The question after a subsidy batch, and how far it has come.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;
use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::{code, field, text, zero};
use crate::result_code::ResultCode;
use crate::text::FixedText;

/// A batch's title: up to 96 bytes of text.
pub type SubsidyTitle = FixedText<96>;

numbered! {
    /// How far a batch has come.
    SubsidyState {
        /// There is none. In answers only.
        None = 0, "none";
        /// Its lines are coming.
        Open = 1, "open";
        /// Its lines are all there, and add up: somebody else may look at it.
        Previewed = 2, "previewed";
        /// It may be issued.
        Approved = 3, "approved";
        /// Its lines are being paid.
        Issuing = 4, "issuing";
        /// Every line was paid, or can't be.
        Issued = 5, "issued";
        /// What is left of it is being taken back.
        Withdrawing = 6, "withdrawing";
        /// What was left of it was taken back.
        Withdrawn = 7, "withdrawn";
        /// It will never be issued.
        Rejected = 8, "rejected";
        /// Its deadline has passed: what was paid stays, what wasn't isn't paid any more.
        Expired = 9, "expired";
    }
}

/// Asks how far a subsidy batch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyQuery {
    /// The batch.
    pub batch: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SubsidyQueryLayout {
    batch: U32,
    reserved: U32,
}

impl Fixed for SubsidyQuery {
    type Layout = SubsidyQueryLayout;

    fn from_layout(layout: &SubsidyQueryLayout) -> Result<SubsidyQuery, DecodeError> {
        zero(layout.reserved.as_bytes(), 4)?;
        Ok(SubsidyQuery { batch: layout.batch.get() })
    }

    fn to_layout(&self) -> SubsidyQueryLayout {
        SubsidyQueryLayout { batch: self.batch.into(), reserved: U32::ZERO }
    }
}

/// Answers the question after a batch. All sums in fen, all counts in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyAnswer {
    /// Approved, or `UnknownBatch`.
    pub code: ResultCode,
    /// How far it has come.
    pub state: SubsidyState,
    /// The batch.
    pub batch: u32,
    /// What it is to pay in all, as it was opened.
    pub total_fen: i64,
    /// What was paid.
    pub claimed_fen: i64,
    /// What can't be paid: its account was closed meanwhile, or can't hold it.
    pub skipped_fen: i64,
    /// What was taken back of earlier batches, to make place for this one.
    pub cleared_fen: i64,
    /// What was taken back of it.
    pub withdrawn_fen: i64,
    /// Lines that it is to have, as it was opened.
    pub lines: u32,
    /// Lines that have come.
    pub uploaded: u32,
    /// Lines that were paid.
    pub claimed: u32,
    /// Lines that can't be paid.
    pub skipped: u32,
    /// Lines of which something was taken back.
    pub withdrawn: u32,
    /// The operator who opened it.
    pub opener: u32,
    /// The operator who approved or rejected it; 0 = nobody yet.
    pub approver: u32,
    /// The last day on which it is issued or withdrawn, in days since 2000-01-01 at +08:00.
    pub deadline_day: u16,
    /// A [`SubsidyMode`](crate::request::SubsidyMode)'s number; 0 when there is no batch.
    pub mode: u8,
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
    /// Its title.
    pub title: SubsidyTitle,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SubsidyAnswerLayout {
    code: U16,
    action: u8,
    state: u8,
    batch: U32,
    total_fen: I64,
    claimed_fen: I64,
    skipped_fen: I64,
    cleared_fen: I64,
    withdrawn_fen: I64,
    lines: U32,
    uploaded: U32,
    claimed: U32,
    skipped: U32,
    withdrawn: U32,
    opener: U32,
    approver: U32,
    deadline_day: U16,
    mode: u8,
    reserved: u8,
    server_time_ns: U64,
    title: [u8; 96],
}

impl Fixed for SubsidyAnswer {
    type Layout = SubsidyAnswerLayout;

    fn from_layout(layout: &SubsidyAnswerLayout) -> Result<SubsidyAnswer, DecodeError> {
        zero(&[layout.reserved], 79)?;
        Ok(SubsidyAnswer {
            code: code(layout.code, layout.action)?,
            state: SubsidyState::from_number(layout.state).ok_or_else(|| field(3, layout.state))?,
            batch: layout.batch.get(),
            total_fen: layout.total_fen.get(),
            claimed_fen: layout.claimed_fen.get(),
            skipped_fen: layout.skipped_fen.get(),
            cleared_fen: layout.cleared_fen.get(),
            withdrawn_fen: layout.withdrawn_fen.get(),
            lines: layout.lines.get(),
            uploaded: layout.uploaded.get(),
            claimed: layout.claimed.get(),
            skipped: layout.skipped.get(),
            withdrawn: layout.withdrawn.get(),
            opener: layout.opener.get(),
            approver: layout.approver.get(),
            deadline_day: layout.deadline_day.get(),
            mode: layout.mode,
            server_time_ns: layout.server_time_ns.get(),
            title: text(layout.title, 88)?,
        })
    }

    fn to_layout(&self) -> SubsidyAnswerLayout {
        SubsidyAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            state: self.state.number(),
            batch: self.batch.into(),
            total_fen: self.total_fen.into(),
            claimed_fen: self.claimed_fen.into(),
            skipped_fen: self.skipped_fen.into(),
            cleared_fen: self.cleared_fen.into(),
            withdrawn_fen: self.withdrawn_fen.into(),
            lines: self.lines.into(),
            uploaded: self.uploaded.into(),
            claimed: self.claimed.into(),
            skipped: self.skipped.into(),
            withdrawn: self.withdrawn.into(),
            opener: self.opener.into(),
            approver: self.approver.into(),
            deadline_day: self.deadline_day.into(),
            mode: self.mode,
            reserved: 0,
            server_time_ns: self.server_time_ns.into(),
            title: *self.title.as_bytes(),
        }
    }
}
