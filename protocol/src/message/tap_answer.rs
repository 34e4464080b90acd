//! The answer to a two-phase tap: what came of it, and what the till has to write on the chip.

use zerocopy::little_endian::{I64, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::CardCounter;
use crate::message::Fixed;
use crate::message::field::{field, zero};
use crate::message::money_answer::{MoneyAnswer, MoneyAnswerLayout};

/// What is written on a chip, both together or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chip {
    /// The balance: what the card wallet holds after the tap, in fen. What was loaded onto the card or settled before it
    /// is in it.
    pub balance_fen: i64,
    /// The transaction counter: the tap's own.
    pub counter: CardCounter,
}

/// Answers a two-phase tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapAnswer {
    /// What came of it.
    pub money: MoneyAnswer,
    /// What to write on the chip before the tap is confirmed. `None` when there is nothing to write: the tap was refused, or
    /// isn't open any more.
    pub chip: Option<Chip>,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TapAnswerLayout {
    money: MoneyAnswerLayout,
    chip_balance_fen: I64,
    chip_counter: U32,
    write: u8,
    reserved: [u8; 3],
}

impl Fixed for TapAnswer {
    type Layout = TapAnswerLayout;

    fn from_layout(layout: &TapAnswerLayout) -> Result<TapAnswer, DecodeError> {
        let money = MoneyAnswer::from_layout(&layout.money)?;
        zero(&layout.reserved, 53)?;
        let chip = match layout.write {
            0 => {
                zero(layout.chip_balance_fen.as_bytes(), 40)?;
                zero(layout.chip_counter.as_bytes(), 48)?;
                None
            }
            1 => Some(Chip {
                balance_fen: layout.chip_balance_fen.get(),
                counter: CardCounter(layout.chip_counter.get()),
            }),
            other => return Err(field(52, other)),
        };
        Ok(TapAnswer { money, chip })
    }

    fn to_layout(&self) -> TapAnswerLayout {
        TapAnswerLayout {
            money: self.money.to_layout(),
            chip_balance_fen: self.chip.map_or(0, |chip| chip.balance_fen).into(),
            chip_counter: self.chip.map_or(0, |chip| chip.counter.0).into(),
            write: u8::from(self.chip.is_some()),
            reserved: [0; 3],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DecodeError;
    use crate::frame::HEADER_BYTES;
    use crate::ids::RecordNumber;
    use crate::message::Body;
    use crate::result_code::ResultCode;

    #[test]
    fn a_chip_is_written_whole_or_not_at_all() {
        let money = MoneyAnswer {
            code: ResultCode::Approved,
            repeat: false,
            account: None,
            amount_fen: 5,
            balance_after_fen: 10,
            record: RecordNumber(3),
            server_time_ns: 4,
        };
        let chip = Chip { balance_fen: -1, counter: CardCounter(u32::MAX) };
        let mut bytes = [0xFF; 56];
        for told in [TapAnswer { money, chip: None }, TapAnswer { money, chip: Some(chip) }] {
            told.write(&mut bytes);
            assert_eq!(TapAnswer::read(&bytes), Ok(told));
        }
        let refused = |at: usize, byte: u8, expected: DecodeError| {
            let mut changed = bytes;
            changed[at] = byte;
            assert_eq!(TapAnswer::read(&changed), Err(expected), "byte {at} = {byte}");
        };
        refused(52, 2, DecodeError::Field { offset: HEADER_BYTES + 52, value: 2 });
        refused(52, 0, DecodeError::Reserved { offset: HEADER_BYTES + 40 });
        refused(53, 1, DecodeError::Reserved { offset: HEADER_BYTES + 53 });
        TapAnswer { money, chip: Some(Chip { balance_fen: 0, counter: CardCounter(7) }) }.write(&mut bytes);
        bytes[52] = 0;
        assert_eq!(TapAnswer::read(&bytes), Err(DecodeError::Reserved { offset: HEADER_BYTES + 48 }));
    }
}
