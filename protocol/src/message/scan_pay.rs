//! A code of an offline till, paid by phone, and the answer to it.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{Epoch, Sequence, TerminalId};
use crate::message::Fixed;
use crate::message::field::{field, zero};
use crate::message::money_answer::{MoneyAnswer, MoneyAnswerLayout};
use crate::message::selector::{AccountSelector, SelectorLayout};
use crate::self_scan::ScanCode;

/// Pays what an offline till shows, from the transition wallet. The sale is the till's, under the identity in its code; the
/// request consumes a sequence of the gateway's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanPay {
    /// Who pays.
    pub account: AccountSelector,
    /// What was scanned, as [`ScanCode::parse`] read it.
    pub code: ScanCode,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ScanPayLayout {
    account: SelectorLayout,
    terminal: U32,
    sequence: U32,
    epoch: U16,
    reserved: [u8; 6],
    amount_fen: I64,
    till_time_s: U64,
    mac: [u8; 8],
}

impl Fixed for ScanPay {
    type Layout = ScanPayLayout;

    fn from_layout(layout: &ScanPayLayout) -> Result<ScanPay, DecodeError> {
        zero(&layout.reserved, 34)?;
        Ok(ScanPay {
            account: layout.account.read()?,
            code: ScanCode {
                terminal: TerminalId(layout.terminal.get()),
                epoch: Epoch(layout.epoch.get()),
                sequence: Sequence(layout.sequence.get()),
                amount_fen: layout.amount_fen.get(),
                till_time_s: layout.till_time_s.get(),
                mac: layout.mac,
            },
        })
    }

    fn to_layout(&self) -> ScanPayLayout {
        ScanPayLayout {
            account: SelectorLayout::write(&self.account),
            terminal: self.code.terminal.0.into(),
            sequence: self.code.sequence.0.into(),
            epoch: self.code.epoch.0.into(),
            reserved: [0; 6],
            amount_fen: self.code.amount_fen.into(),
            till_time_s: self.code.till_time_s.into(),
            mac: self.code.mac,
        }
    }
}

/// Answers a scanned code's payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanPayAnswer {
    /// What became of it.
    pub money: MoneyAnswer,
    /// What the phone shows and the till checks ([`ScanCode::is_confirmed_by`]): six digits, leading zeros kept. None unless it
    /// is paid.
    pub confirmation: Option<u32>,
}

/// Stands for no confirmation.
const NOT_CONFIRMED: u32 = u32::MAX;
/// The largest confirmation.
const CONFIRMATION_MAX: u32 = 999_999;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ScanPayAnswerLayout {
    money: MoneyAnswerLayout,
    confirmation: U32,
    reserved: U32,
}

impl Fixed for ScanPayAnswer {
    type Layout = ScanPayAnswerLayout;

    fn from_layout(layout: &ScanPayAnswerLayout) -> Result<ScanPayAnswer, DecodeError> {
        zero(layout.reserved.as_bytes(), 44)?;
        let money = MoneyAnswer::from_layout(&layout.money)?;
        let confirmation = match layout.confirmation.get() {
            NOT_CONFIRMED => None,
            number if number <= CONFIRMATION_MAX => Some(number),
            number => return Err(field(40, number)),
        };
        if confirmation.is_some() != money.code.is_approved() {
            return Err(field(40, layout.confirmation.get()));
        }
        Ok(ScanPayAnswer { money, confirmation })
    }

    fn to_layout(&self) -> ScanPayAnswerLayout {
        ScanPayAnswerLayout {
            money: self.money.to_layout(),
            confirmation: self.confirmation.unwrap_or(NOT_CONFIRMED).into(),
            reserved: U32::ZERO,
        }
    }
}
