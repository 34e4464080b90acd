//! Hot accounts: merchants, what is held back from them, clearing. Every shard keeps its own part.
//!
//! **Invariant:** no decision reads a part's total. Parts are added up only when somebody reads them.

use super::ledger_account::{Clearing, LedgerAccount, LedgerClass};
use super::probes::looks_at;

/// A shard's part of one hot account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HotPart {
    /// What this part owes, in fen.
    pub total_fen: i64,
    /// Postings on this part.
    pub postings: u64,
    /// The newest record of this part's chain. A part's chain is whole as long as the shard count doesn't change.
    pub head: u64,
}

/// A shard's parts of all hot accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotParts {
    pub(super) merchants: Vec<HotPart>,
    pub(super) held_back: Vec<HotPart>,
    pub(super) clearing: [HotPart; Clearing::ALL.len()],
}

impl HotParts {
    pub(super) fn new(merchants_max: u32) -> Self {
        Self {
            merchants: vec![HotPart::default(); merchants_max as usize],
            held_back: vec![HotPart::default(); merchants_max as usize],
            clearing: [HotPart::default(); Clearing::ALL.len()],
        }
    }

    /// The part of a hot account; none for a person or an unknown account.
    #[inline]
    pub fn part(&self, account: LedgerAccount) -> Option<&HotPart> {
        match account.class() {
            LedgerClass::Merchant(merchant) => self.merchants.get(merchant.0 as usize),
            LedgerClass::HeldBack(merchant) => self.held_back.get(merchant.0 as usize),
            LedgerClass::Clearing(clearing) => self.clearing.get(clearing as usize),
            LedgerClass::Person(_) | LedgerClass::None => None,
        }
        .inspect(|&part| looks_at(part))
    }

    #[inline]
    pub(super) fn part_mut(&mut self, account: LedgerAccount) -> Option<&mut HotPart> {
        match account.class() {
            LedgerClass::Merchant(merchant) => self.merchants.get_mut(merchant.0 as usize),
            LedgerClass::HeldBack(merchant) => self.held_back.get_mut(merchant.0 as usize),
            LedgerClass::Clearing(clearing) => self.clearing.get_mut(clearing as usize),
            LedgerClass::Person(_) | LedgerClass::None => None,
        }
        .inspect(|part| looks_at(&**part))
    }
}
