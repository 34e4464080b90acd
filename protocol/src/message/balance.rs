//! The question after a balance, and its answer.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;
use crate::error::DecodeError;
use crate::ids::{AccountId, RecordNumber};
use crate::message::Fixed;
use crate::message::field::{account, account_number, code, field};
use crate::message::selector::{AccountSelector, SelectorLayout};
use crate::result_code::ResultCode;

/// Asks for a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceQuery {
    /// Whose account.
    pub account: AccountSelector,
}

impl Fixed for BalanceQuery {
    type Layout = SelectorLayout;

    fn from_layout(layout: &SelectorLayout) -> Result<BalanceQuery, DecodeError> {
        Ok(BalanceQuery { account: layout.read()? })
    }

    fn to_layout(&self) -> SelectorLayout {
        SelectorLayout::write(&self.account)
    }
}

/// Answers a balance query. All amounts in fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceAnswer {
    /// [`ResultCode::Approved`], or why there is no balance to tell.
    pub code: ResultCode,
    /// The account's status: 0 none, 1 active, 2 frozen, 3 closed.
    pub status: AccountStatus,
    /// The account, if one was found.
    pub account: Option<AccountId>,
    /// The card wallet.
    pub card_fen: i64,
    /// The transition wallet.
    pub transition_fen: i64,
    /// The electronic wallet.
    pub electronic_fen: i64,
    /// What open holds reserve.
    pub held_fen: i64,
    /// The sum of the three wallets.
    pub system_fen: i64,
    /// The account's newest record, 0 for none.
    pub record: RecordNumber,
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
}

numbered! {
    /// The status of an account.
    AccountStatus {
        /// No account was found.
        None = 0, "none";
        /// In use.
        Active = 1, "active";
        /// Frozen by an operator.
        Frozen = 2, "frozen";
        /// Closed.
        Closed = 3, "closed";
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BalanceAnswerLayout {
    code: U16,
    action: u8,
    status: u8,
    account: U32,
    card_fen: I64,
    transition_fen: I64,
    electronic_fen: I64,
    held_fen: I64,
    system_fen: I64,
    record: U64,
    server_time_ns: U64,
}

impl Fixed for BalanceAnswer {
    type Layout = BalanceAnswerLayout;

    fn from_layout(layout: &BalanceAnswerLayout) -> Result<BalanceAnswer, DecodeError> {
        Ok(BalanceAnswer {
            code: code(layout.code, layout.action)?,
            status: AccountStatus::from_number(layout.status).ok_or_else(|| field(3, layout.status))?,
            account: account(layout.account),
            card_fen: layout.card_fen.get(),
            transition_fen: layout.transition_fen.get(),
            electronic_fen: layout.electronic_fen.get(),
            held_fen: layout.held_fen.get(),
            system_fen: layout.system_fen.get(),
            record: RecordNumber(layout.record.get()),
            server_time_ns: layout.server_time_ns.get(),
        })
    }

    fn to_layout(&self) -> BalanceAnswerLayout {
        BalanceAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            status: self.status.number(),
            account: account_number(self.account),
            card_fen: self.card_fen.into(),
            transition_fen: self.transition_fen.into(),
            electronic_fen: self.electronic_fen.into(),
            held_fen: self.held_fen.into(),
            system_fen: self.system_fen.into(),
            record: self.record.0.into(),
            server_time_ns: self.server_time_ns.into(),
        }
    }
}
