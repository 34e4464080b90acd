//! Fields that several bodies have, and the faults of a field.
//!
//! Offsets count from the body's start; an error counts them from the frame's.

use zerocopy::little_endian::{U16, U32, U64};

use crate::channel::Channel;
use crate::error::DecodeError;
use crate::frame::HEADER_BYTES;
use crate::ids::{AccountId, CardUid, VirtualId};
use crate::result_code::ResultCode;
use crate::text::{FixedText, GapReason};
use crate::voice::Voice;

/// On the wire an account that wasn't found is this number: no account ever has it.
pub const ACCOUNT_NONE: u32 = u32::MAX;

/// A fault of the field at `body_offset`.
pub(crate) fn field(body_offset: usize, value: impl Into<u64>) -> DecodeError {
    DecodeError::Field { offset: HEADER_BYTES + body_offset, value: value.into() }
}

/// Refuses reserved bytes that aren't zero.
pub(crate) fn zero(bytes: &[u8], body_offset: usize) -> Result<(), DecodeError> {
    if bytes.iter().all(|&byte| byte == 0) {
        Ok(())
    } else {
        Err(DecodeError::Reserved { offset: HEADER_BYTES + body_offset })
    }
}

/// Reads the text at `body_offset`.
pub(crate) fn text<const N: usize>(bytes: [u8; N], body_offset: usize) -> Result<FixedText<N>, DecodeError> {
    FixedText::from_bytes(bytes).map_err(|_| DecodeError::Text { offset: HEADER_BYTES + body_offset })
}

/// Reads the reason at `body_offset`: one is given.
pub(crate) fn given_reason(bytes: [u8; 32], body_offset: usize) -> Result<GapReason, DecodeError> {
    let reason: GapReason = text(bytes, body_offset)?;
    if reason.is_empty() { Err(field(body_offset, 0_u8)) } else { Ok(reason) }
}

/// Reads a code, always an answer's first field, and holds the action behind it to the code's own.
pub(crate) fn code(number: U16, action: u8) -> Result<ResultCode, DecodeError> {
    let code = ResultCode::from_number(number.get()).ok_or_else(|| field(0, number.get()))?;
    if action != code.action().number() {
        return Err(field(2, action));
    }
    Ok(code)
}

/// Of an outcome's flags: the same identity was answered before. The other bits are the voice's: [`with_voice`].
const FLAG_REPEAT: u8 = 1;

/// Where an outcome's flags lie, behind its code and its action.
pub(crate) const FLAGS_OFFSET: usize = 3;

/// Reads the repeat flag.
pub(crate) const fn is_repeat(flags: u8) -> bool {
    flags & FLAG_REPEAT != 0
}

/// Writes the repeat flag; the voice is laid over it when the kind of request is known.
pub(crate) const fn repeat_flag(repeat: bool) -> u8 {
    if repeat { FLAG_REPEAT } else { 0 }
}

/// These flags, and this voice beside what they said.
pub(crate) const fn with_voice(flags: u8, voice: Voice) -> u8 {
    flags & FLAG_REPEAT | voice.number() << 1
}

/// Reads the number of a card that is given out or taken back, at `body_offset`; 0 is no card's.
pub(crate) fn card(number: U64, body_offset: usize) -> Result<CardUid, DecodeError> {
    if number.get() == 0 { Err(field(body_offset, number.get())) } else { Ok(CardUid(number.get())) }
}

/// Reads the number of a virtual card, at `body_offset`; 0 is none's.
pub(crate) fn virtual_id(number: U64, body_offset: usize) -> Result<VirtualId, DecodeError> {
    if number.get() == 0 { Err(field(body_offset, number.get())) } else { Ok(VirtualId(number.get())) }
}

/// Reads a channel that this body may name, and the order number of that channel, which isn't empty; each with its place.
pub(crate) fn channel_order<const N: usize>(
    (number, channel_offset): (u8, usize),
    may_be_named: impl FnOnce(Channel) -> bool,
    (order, order_offset): ([u8; N], usize),
) -> Result<(Channel, FixedText<N>), DecodeError> {
    let order = text(order, order_offset)?;
    if order.is_empty() {
        return Err(field(order_offset, 0_u8));
    }
    let channel = Channel::from_number(number).filter(|&channel| may_be_named(channel));
    Ok((channel.ok_or_else(|| field(channel_offset, number))?, order))
}

/// Reads the account of an answer.
pub(crate) fn account(number: U32) -> Option<AccountId> {
    (number.get() != ACCOUNT_NONE).then(|| AccountId(number.get()))
}

/// The account of an answer as it is written.
pub(crate) fn account_number(account: Option<AccountId>) -> U32 {
    U32::new(account.map_or(ACCOUNT_NONE, |account| account.0))
}
