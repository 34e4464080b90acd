//! The question how far a balance is confirmed: what of an account may not have come yet.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{AccountId, CardCounter, RecordNumber, TerminalId};
use crate::message::Fixed;
use crate::message::field::{account, account_number, code, field, zero};
use crate::message::selector::{AccountSelector, SelectorLayout};
use crate::result_code::ResultCode;

/// Asks how far an account's balance is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnconfirmedQuery {
    /// Whose account.
    pub account: AccountSelector,
}

impl Fixed for UnconfirmedQuery {
    type Layout = SelectorLayout;

    fn from_layout(layout: &SelectorLayout) -> Result<UnconfirmedQuery, DecodeError> {
        Ok(UnconfirmedQuery { account: layout.read()? })
    }

    fn to_layout(&self) -> SelectorLayout {
        SelectorLayout::write(&self.account)
    }
}

/// Answers how far an account's balance is confirmed. All of it is about the current card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnconfirmedAnswer {
    /// [`ResultCode::Approved`], or why there is nothing to tell.
    pub code: ResultCode,
    /// True when the account has more records than were looked at: older ones may say more.
    pub partial: bool,
    /// The account, if one was found.
    pub account: Option<AccountId>,
    /// Offline sales of the card since its last online tap, in fen.
    pub offline_fen: i64,
    /// How many they are.
    pub offline_sales: u32,
    /// Counters of the card that are missing: transactions that haven't come.
    pub missing: u32,
    /// Of them, those that the card itself told of as its previous transaction: their sum, in fen.
    pub told_fen: i64,
    /// How many those are.
    pub told: u32,
    /// The lowest missing counter; 0 for none.
    pub first_missing: CardCounter,
    /// When the first transaction above it came: nanoseconds since 1970 UTC; 0 for none.
    pub missing_since_ns: u64,
    /// The till of that transaction, 0 for none.
    pub missing_before: TerminalId,
    /// Tills that sell, have sold, and aren't connected: what they sold since isn't known.
    pub silent_tills: u32,
    /// The one that has been silent the longest, 0 for none.
    pub silent_terminal: TerminalId,
    /// Since when: nanoseconds since 1970 UTC; 0 for none.
    pub silent_since_ns: u64,
    /// The account's newest record that this has seen.
    pub record: RecordNumber,
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
}

impl UnconfirmedAnswer {
    /// Nothing to tell, for this reason.
    pub const fn none(code: ResultCode, server_time_ns: u64) -> UnconfirmedAnswer {
        UnconfirmedAnswer {
            code,
            partial: false,
            account: None,
            offline_fen: 0,
            offline_sales: 0,
            missing: 0,
            told_fen: 0,
            told: 0,
            first_missing: CardCounter(0),
            missing_since_ns: 0,
            missing_before: TerminalId(0),
            silent_tills: 0,
            silent_terminal: TerminalId(0),
            silent_since_ns: 0,
            record: RecordNumber(0),
            server_time_ns,
        }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct UnconfirmedAnswerLayout {
    code: U16,
    action: u8,
    partial: u8,
    account: U32,
    offline_fen: I64,
    told_fen: I64,
    offline_sales: U32,
    missing: U32,
    told: U32,
    first_missing: U32,
    missing_since_ns: U64,
    missing_before: U32,
    silent_tills: U32,
    silent_terminal: U32,
    reserved: U32,
    silent_since_ns: U64,
    record: U64,
    server_time_ns: U64,
}

impl Fixed for UnconfirmedAnswer {
    type Layout = UnconfirmedAnswerLayout;

    fn from_layout(layout: &UnconfirmedAnswerLayout) -> Result<UnconfirmedAnswer, DecodeError> {
        zero(layout.reserved.as_bytes(), 60)?;
        if layout.partial > 1 {
            return Err(field(3, layout.partial));
        }
        Ok(UnconfirmedAnswer {
            code: code(layout.code, layout.action)?,
            partial: layout.partial == 1,
            account: account(layout.account),
            offline_fen: layout.offline_fen.get(),
            offline_sales: layout.offline_sales.get(),
            missing: layout.missing.get(),
            told_fen: layout.told_fen.get(),
            told: layout.told.get(),
            first_missing: CardCounter(layout.first_missing.get()),
            missing_since_ns: layout.missing_since_ns.get(),
            missing_before: TerminalId(layout.missing_before.get()),
            silent_tills: layout.silent_tills.get(),
            silent_terminal: TerminalId(layout.silent_terminal.get()),
            silent_since_ns: layout.silent_since_ns.get(),
            record: RecordNumber(layout.record.get()),
            server_time_ns: layout.server_time_ns.get(),
        })
    }

    fn to_layout(&self) -> UnconfirmedAnswerLayout {
        UnconfirmedAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            partial: self.partial.into(),
            account: account_number(self.account),
            offline_fen: self.offline_fen.into(),
            told_fen: self.told_fen.into(),
            offline_sales: self.offline_sales.into(),
            missing: self.missing.into(),
            told: self.told.into(),
            first_missing: self.first_missing.0.into(),
            missing_since_ns: self.missing_since_ns.into(),
            missing_before: self.missing_before.0.into(),
            silent_tills: self.silent_tills.into(),
            silent_terminal: self.silent_terminal.0.into(),
            reserved: U32::ZERO,
            silent_since_ns: self.silent_since_ns.into(),
            record: self.record.0.into(),
            server_time_ns: self.server_time_ns.into(),
        }
    }
}
