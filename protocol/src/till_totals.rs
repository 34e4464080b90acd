//! What a till did, added up by kind: of a shift, or of a batch.
//!
//! ```text
//! totals, 96 bytes: │ counts, 8 × u32 │ amounts_fen, 8 × i64 │   in the order of [`TillKind`]
//! line, 24 bytes:   │ sequence u32 │ kind u8 │ result u8 │ 0 u16 │ amount_fen i64 │ record u64 │
//! ```

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;

numbered! {
    /// What a till did that counts, each under a sequence of its own.
    TillKind {
        /// An online debit, by card or code, or a sale whose code at the till a phone paid.
        Debit = 1, "debit";
        /// An uploaded offline sale.
        Offline = 2, "offline";
        /// A reversal that gave something back.
        Reversal = 3, "reversal";
        /// A void.
        Void = 4, "void";
        /// A refund.
        Refund = 5, "refund";
        /// A top-up.
        TopUp = 6, "top-up";
        /// A top-up taken back.
        TopUpUndone = 7, "top-up-undone";
        /// A payment through another channel.
        Tender = 8, "tender";
    }
}

impl TillKind {
    /// Its place in totals.
    pub const fn place(self) -> usize {
        self.number() as usize - 1
    }
}

/// How many kinds there are.
pub const TILL_KINDS: usize = TillKind::ALL.len();

/// Counts and sums by kind.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct TillTotals {
    /// How many of each kind.
    pub counts: [U32; TILL_KINDS],
    /// Their amounts, in fen; none below zero.
    pub amounts_fen: [I64; TILL_KINDS],
}

const _: () = assert!(size_of::<TillTotals>() == 96);

impl TillTotals {
    /// Adds one.
    pub fn add(&mut self, kind: TillKind, amount_fen: i64) {
        self.counts[kind.place()] += 1;
        self.amounts_fen[kind.place()] += amount_fen;
    }

    /// How many of a kind, and their amount.
    pub fn of(&self, kind: TillKind) -> (u32, i64) {
        (self.counts[kind.place()].get(), self.amounts_fen[kind.place()].get())
    }
}

numbered! {
    /// What comes of a line that is held against the books.
    LineResult {
        /// The same kind and amount on both sides.
        Equal = 1, "equal";
        /// The books have it, the till doesn't.
        OnlyHere = 2, "only-here";
        /// The till has it, the books don't.
        OnlyThere = 3, "only-there";
        /// Both have it, with another kind or amount.
        Differs = 4, "differs";
    }
}

/// One line of a batch: as the till has it (result and record 0), or what came of it, with kind and amount of the books where
/// these have it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct TillLine {
    /// The till's sequence.
    pub sequence: U32,
    /// A [`TillKind`]'s number.
    pub kind: u8,
    /// A [`LineResult`]'s number; 0 from the till.
    pub result: u8,
    /// Zero.
    pub reserved: U16,
    /// The amount, in fen.
    pub amount_fen: I64,
    /// The record of the books; 0 where these haven't it, and from the till.
    pub record: U64,
}

const _: () = assert!(size_of::<TillLine>() == 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_a_place_each() {
        let mut totals = TillTotals::default();
        for (at, &kind) in TillKind::ALL.iter().enumerate() {
            assert_eq!(kind.place(), at);
            for _ in 0..=at {
                totals.add(kind, 100);
            }
        }
        for (at, &kind) in (1_u32..).zip(TillKind::ALL) {
            assert_eq!(totals.of(kind), (at, i64::from(at) * 100));
        }
    }
}
