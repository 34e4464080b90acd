//! One line of a bill, as it lies in a bill answer.
//!
//! ```text
//!  0 record u64            32 merchant u32     48 related record u64
//!  8 time_ns u64           36 terminal u32     56 business date u16
//! 16 amount_fen i64        40 sequence u32     58 kind u8     61 flags u8
//! 24 balance_after_fen i64 44 epoch u16        59 channel u8  62 0 u16
//!                          46 code u16         60 wallet u8
//! ```

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;

numbered! {
    /// What a line of a bill tells.
    BillLineKind {
        /// A debit at a till.
        Debit = 1, "debit";
        /// A load from the electronic wallet to the card wallet.
        Load = 2, "load";
        /// Money paid in.
        TopUp = 3, "top-up";
        /// A debit undone.
        Reversal = 4, "reversal";
        /// A debit that happened while the till was offline.
        OfflineDebit = 5, "offline-debit";
        /// The balance with which the account was opened.
        Opening = 6, "opening";
        /// What was paid for a card.
        Fee = 7, "fee";
        /// A debit given back by its merchant, wholly or in part.
        Refund = 8, "refund";
        /// Phone spending settled from the transition wallet onto the card wallet.
        Settle = 9, "settle";
        /// A debit undone at its till, on the same business date.
        Void = 10, "void";
        /// A subsidy that came into the card wallet.
        Subsidy = 11, "subsidy";
        /// What came to a closed account and is owed to its holder.
        Payable = 12, "payable";
        /// A top-up taken back at its counter.
        TopUpUndone = 13, "top-up-undone";
        /// What was left when the account was closed: to the holder, or back to the school.
        PaidOut = 20, "paid-out";
        /// A balance corrected by an operator, up or down.
        Adjustment = 24, "adjustment";
        /// A subsidy taken back: withdrawn, or to make place for the next.
        SubsidyTakenBack = 25, "subsidy-taken-back";
        /// What a debit took on top of its price, or what of that came back.
        Surcharge = 28, "surcharge";
        /// What a debit left to its payer of its price, or what of that went back.
        Discount = 29, "discount";
    }
}

/// Which kinds of line a statement shows: bit `n` stands for the kind with number `n`, and no bit for every kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BillLineKinds(u32);

impl BillLineKinds {
    /// Every kind, those of later versions too.
    pub const ALL: BillLineKinds = BillLineKinds(0);

    /// The bits that stand for a kind.
    pub const KNOWN_BITS: u32 = {
        let mut bits = 0;
        let mut at = 0;
        while at < BillLineKind::ALL.len() {
            bits |= 1 << BillLineKind::ALL[at].number();
            at += 1;
        }
        bits
    };

    /// These kinds; none of them means every kind.
    pub fn of(kinds: &[BillLineKind]) -> BillLineKinds {
        BillLineKinds(kinds.iter().fold(0, |bits, kind| bits | 1 << kind.number()))
    }

    /// The kinds with these bits; `None` when a bit stands for no kind.
    pub const fn from_bits(bits: u32) -> Option<BillLineKinds> {
        if bits & !BillLineKinds::KNOWN_BITS == 0 { Some(BillLineKinds(bits)) } else { None }
    }

    /// The bits as they stand on the wire.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether lines of this kind are shown.
    pub const fn contains(self, kind: BillLineKind) -> bool {
        self.0 == 0 || self.0 & 1 << kind.number() != 0
    }
}

/// Bytes of a line.
pub const BILL_LINE_BYTES: usize = 64;

/// One line of a bill. All fields are little-endian and may be made with `.into()` from their plain numbers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct BillLine {
    /// The record's number in the log; lines fall by it. What a priced sale took on top, or left, is a line of its own with the same
    /// number, before the price's.
    pub record: U64,
    /// When it was recorded: nanoseconds since 1970 UTC.
    pub time_ns: U64,
    /// What it did to the account, in fen: negative when money left.
    pub amount_fen: I64,
    /// The account's system balance after it, in fen.
    pub balance_after_fen: I64,
    /// The merchant, 0 for none.
    pub merchant: U32,
    /// The till, 0 for none.
    pub terminal: U32,
    /// The till's sequence, 0 for none.
    pub sequence: U32,
    /// The till's epoch.
    pub epoch: U16,
    /// The result code's number.
    pub code: U16,
    /// The record this one belongs to (the original of what undoes one, a load's or a settling's debit, a fee's card, the price of
    /// a surcharge or a discount, which is the same record), 0 for none.
    pub related_record: U64,
    /// The business date, in days since 2000-01-01.
    pub business_date: U16,
    /// A [`BillLineKind`]'s number.
    pub kind: u8,
    /// A [`Channel`](crate::channel::Channel)'s number; 0 for what undoes a debit.
    pub channel: u8,
    /// A [`Wallet`](crate::channel::Wallet)'s number.
    pub wallet: u8,
    /// [`BILL_FLAG_REVERSED`], [`BILL_FLAG_REVIEW`], [`BILL_FLAG_REFUNDED`].
    pub flags: u8,
    /// Zero.
    pub reserved: U16,
}

const _: () = assert!(size_of::<BillLine>() == BILL_LINE_BYTES);

/// What the line tells was undone later.
pub const BILL_FLAG_REVERSED: u8 = 1;
/// The line is beyond an offline rule and held for review.
pub const BILL_FLAG_REVIEW: u8 = 2;
/// What the line tells was given back later, wholly or in part.
pub const BILL_FLAG_REFUNDED: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_bits_and_no_bit_is_every_kind() {
        assert_eq!(BillLineKinds::KNOWN_BITS, 0b11 << 28 | 0b11 << 24 | 1 << 20 | 0b11_1111_1111_1110);
        let chosen = BillLineKinds::of(&[BillLineKind::Debit, BillLineKind::TopUpUndone]);
        assert_eq!(chosen.bits(), 1 << 1 | 1 << 13);
        for &kind in BillLineKind::ALL {
            assert!(BillLineKinds::ALL.contains(kind));
            assert_eq!(
                chosen.contains(kind),
                [BillLineKind::Debit, BillLineKind::TopUpUndone].contains(&kind)
            );
            assert_eq!(BillLineKinds::from_bits(1 << kind.number()), Some(BillLineKinds::of(&[kind])));
        }
        for bit in (0..32).filter(|bit| BillLineKind::from_number(*bit).is_none()) {
            assert_eq!(BillLineKinds::from_bits(1 << bit), None, "bit {bit}");
            assert_eq!(BillLineKinds::from_bits(u32::MAX ^ 1 << bit), None, "bit {bit}");
        }
    }
}
