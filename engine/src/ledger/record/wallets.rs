//! Records of money that touch more than one wallet of a person, or the subsidy part of the card wallet.
//!
//! ```text
//! wallets, 32 bytes: what changes in the person's account, in fen, signed
//!  0          8               16                24         32
//!  ┌──────────┬───────────────┬─────────────────┬───────────┐
//!  │ card_fen │transition_fen │ electronic_fen  │subsidy_fen│  subsidy: part of what changes in the card wallet
//!  └──────────┴───────────────┴─────────────────┴───────────┘
//!
//! settle, fee, payable
//!                   money 80 │ wallets 32                                                                  = 112
//! full debit        money 80 │ wallets 32 │ 112 pricing_fen i64 │ 120 previous_pricing u64 │ 128 window u32 │ 132 phases u8 │ 133 0 = 136
//! refund            money 80 │ wallets 32 │ 112 original_record u64 │ 120 refunded_before_fen i64 │ 128 original_terminal u32
//!                   │ 132 original_sequence u32 │ 136 original_epoch u16 │ 138 original_slot u16 │ 140 window u32   = 144
//!                   │ 144 pricing_fen i64 │ 152 previous_pricing u64 (version 2)                           = 160
//! full reversal, void
//!                   full debit 136 │ 136 original_record u64 │ 144 original_sequence u32 │ 148 original_epoch u16 │ 150 0 = 152
//! ```

use protocol::ids::{Epoch, SaleId, Sequence, TerminalId};
use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MoneyRecord, Payload};

/// What changes in a person's account. In fen, signed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Wallets {
    /// The card wallet.
    pub card_fen: I64,
    /// The transition wallet.
    pub transition_fen: I64,
    /// The electronic wallet.
    pub electronic_fen: I64,
    /// The subsidy part of the card wallet: it is part of `card_fen`.
    pub subsidy_fen: I64,
}

const _: () = assert!(size_of::<Wallets>() == 32);

/// A record whose whole story is what it moved in a person's wallets: settlings, fees, what becomes payable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct WalletsRecord {
    /// A settling's debit and credit are the person; otherwise the debit is the person.
    pub money: MoneyRecord,
    /// What changes in the person's account.
    pub wallets: Wallets,
}

const _: () = assert!(size_of::<WalletsRecord>() == 112);

impl Payload for WalletsRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

/// A debit that a plain one has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct FullDebitRecord {
    /// As a plain debit's.
    pub money: MoneyRecord,
    /// What changes in the person's account: the amount and the pricing together.
    pub wallets: Wallets,
    /// What goes to the pricing account on top of the amount; below zero for a discount, which comes from there.
    pub pricing_fen: I64,
    /// The record before this one in the chain of the pricing account's part; 0 at its start or without pricing.
    pub previous_pricing: U64,
    /// The window of a limit that it counts in, or that it is taken off: see [`crate::ledger::meals::Window`]; 0 = none.
    pub window: U32,
    /// [`FullDebitRecord::TWO_PHASES`] of a tap whose chip is still to be written: `token` is the counter that it is written
    /// with, and the account takes it once the chip was. 0 of every other debit.
    pub phases: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

const _: () = assert!(size_of::<FullDebitRecord>() == 136);

impl Payload for FullDebitRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl FullDebitRecord {
    /// A tap that is open until its till confirms it, or the card's next presentation resolves it.
    pub const TWO_PHASES: u8 = 2;

    /// Whether it is the first phase of a tap.
    pub const fn is_two_phase(&self) -> bool {
        self.phases == Self::TWO_PHASES
    }

    /// One without pricing, in no window.
    pub(in crate::ledger) const fn plain(money: MoneyRecord, wallets: Wallets) -> Self {
        Self {
            money,
            wallets,
            pricing_fen: I64::ZERO,
            previous_pricing: U64::ZERO,
            window: U32::ZERO,
            phases: 0,
            reserved: [0; 3],
        }
    }
}

/// What a refund gives back of a debit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct RefundRecord {
    /// Debit: the merchant; credit: the person; wallet: the one that was debited. Its day is 0 when it takes nothing off a
    /// day's total.
    pub money: MoneyRecord,
    /// What changes in the person's account.
    pub wallets: Wallets,
    /// The record of the debit.
    pub original_record: U64,
    /// What earlier refunds gave back of the same debit.
    pub refunded_before_fen: I64,
    /// The debit's till.
    pub original_terminal: U32,
    /// The debit's sequence.
    pub original_sequence: U32,
    /// The debit's epoch.
    pub original_epoch: U16,
    /// The debit's till's dense slot.
    pub original_slot: U16,
    /// The window that it is taken off, as of a debit; 0 = none.
    pub window: U32,
    /// What comes back of the debit's pricing with this part of it: above zero of a surcharge, below of a discount.
    pub pricing_fen: I64,
    /// The record before this one in the chain of the pricing account's part; 0 at its start or without pricing.
    pub previous_pricing: U64,
}

const _: () = assert!(size_of::<RefundRecord>() == 160);

impl Payload for RefundRecord {
    /// Nothing was priced in version 1.
    const EARLIER_BYTES: usize = 144;

    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl RefundRecord {
    /// The identity of the debit.
    pub fn original(&self) -> SaleId {
        SaleId {
            terminal: TerminalId(self.original_terminal.get()),
            epoch: Epoch(self.original_epoch.get()),
            sequence: Sequence(self.original_sequence.get()),
        }
    }
}

/// A void, or a reversal that a plain one has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct FullReversalRecord {
    /// The debit the other way round.
    pub back: FullDebitRecord,
    /// The record of the original.
    pub original_record: U64,
    /// The original's sequence, on the same till.
    pub original_sequence: U32,
    /// The original's epoch.
    pub original_epoch: U16,
    /// Zero.
    pub reserved: U16,
}

const _: () = assert!(size_of::<FullReversalRecord>() == 152);

impl Payload for FullReversalRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.back.money)
    }
}

impl FullReversalRecord {
    /// The identity of the sale that is named.
    pub fn original(&self) -> SaleId {
        SaleId {
            terminal: TerminalId(self.back.money.terminal.get()),
            epoch: Epoch(self.original_epoch.get()),
            sequence: Sequence(self.original_sequence.get()),
        }
    }
}
