//! The answer to every request that may move money, and to the question after one.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{AccountId, RecordNumber};
use crate::message::Fixed;
use crate::message::field::{account, account_number, code, is_repeat, repeat_flag};
use crate::result_code::ResultCode;

/// Answers a debit, a top-up, a reversal or a sale query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoneyAnswer {
    /// The outcome. What the till should do is [`ResultCode::action`].
    pub code: ResultCode,
    /// True when the same identity was answered before: nothing moved this time.
    pub repeat: bool,
    /// The account, if one was found.
    pub account: Option<AccountId>,
    /// The amount that moved, or was refused, in fen.
    pub amount_fen: i64,
    /// The account's system balance after it, in fen.
    pub balance_after_fen: i64,
    /// The record that holds the outcome, 0 for none.
    pub record: RecordNumber,
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct MoneyAnswerLayout {
    code: U16,
    action: u8,
    flags: u8,
    account: U32,
    amount_fen: I64,
    balance_after_fen: I64,
    record: U64,
    server_time_ns: U64,
}

impl Fixed for MoneyAnswer {
    type Layout = MoneyAnswerLayout;

    fn from_layout(layout: &MoneyAnswerLayout) -> Result<MoneyAnswer, DecodeError> {
        Ok(MoneyAnswer {
            code: code(layout.code, layout.action)?,
            repeat: is_repeat(layout.flags),
            account: account(layout.account),
            amount_fen: layout.amount_fen.get(),
            balance_after_fen: layout.balance_after_fen.get(),
            record: RecordNumber(layout.record.get()),
            server_time_ns: layout.server_time_ns.get(),
        })
    }

    fn to_layout(&self) -> MoneyAnswerLayout {
        MoneyAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            flags: repeat_flag(self.repeat),
            account: account_number(self.account),
            amount_fen: self.amount_fen.into(),
            balance_after_fen: self.balance_after_fen.into(),
            record: self.record.0.into(),
            server_time_ns: self.server_time_ns.into(),
        }
    }
}
