//! Subsidies: money from the school, in the subsidy part of the card wallet. What they are used for: see
//! [`super::card_wallet`] and [`super::offline`].
//!
//! What the card wallet lacks is made up for at once: only what then stands above zero is subsidy still.

use protocol::ids::AccountId;
use zerocopy::little_endian::{I64, U32, U64};

use crate::ledger::apply::Posting;
use crate::ledger::error::LedgerError;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::{AMOUNT_FEN_MAX, BALANCE_FEN_MAX, SUBSIDY_FEN_MAX};
use crate::ledger::record::{MoneyRecord, Record, SubsidyClaimedRecord, Wallet, Wallets};
use crate::ledger::registry::Registry;
use crate::ledger::shard::{Layout, Parts};

/// The record by which a subsidy of `amount_fen` comes into an account, beside what is left of earlier ones. None when the
/// account isn't there, or can't hold so much.
pub fn subsidy_claim<P: Parts + ?Sized>(
    registry: &Registry,
    parts: &P,
    id: AccountId,
    batch: u32,
    amount_fen: i64,
) -> Option<Record<'static>> {
    let layout = Layout::new(parts.shard_count());
    let account = layout.account(parts, id)?;
    let card_fen = account.card_fen + amount_fen.clamp(1, AMOUNT_FEN_MAX);
    let subsidy_fen = amount_fen.min(card_fen.max(0) - account.subsidy_fen());
    let fits =
        card_fen <= BALANCE_FEN_MAX && account.subsidy_fen() + subsidy_fen <= i64::from(SUBSIDY_FEN_MAX);
    if !fits || !(1..=AMOUNT_FEN_MAX).contains(&amount_fen) {
        return None;
    }
    let clearing = LedgerAccount::clearing(Clearing::Subsidy);
    let part = parts.shard(layout.shard_of_account(id)).hot.part(clearing)?;
    let money = MoneyRecord {
        debit: U32::new(clearing.bits()),
        credit: U32::new(LedgerAccount::person(id).bits()),
        balance_after_fen: I64::new(account.system_fen() + amount_fen),
        previous_account: U64::new(account.head),
        previous_counter: U64::new(part.head),
        ..MoneyRecord::of_no_till(registry.business_date, amount_fen, Wallet::Card)
    };
    let wallets =
        Wallets { card_fen: I64::new(amount_fen), subsidy_fen: I64::new(subsidy_fen), ..Wallets::default() };
    let (batch, mode, reserved) = (U32::new(batch), SubsidyClaimedRecord::BESIDE, [0; 3]);
    Some(Record::SubsidyClaimed(SubsidyClaimedRecord { money, wallets, batch, mode, reserved }))
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn subsidy_claimed(
        &mut self,
        claim: &SubsidyClaimedRecord,
    ) -> Result<(), LedgerError> {
        let money = &claim.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.credit_account())?;
        self.post_wallets(person, money, &claim.wallets, amount_fen, |_| {})?;
        self.post_hot(self.layout.shard_of_account(person), money.debit_account(), -amount_fen)?;
        if money.terminal_slot().is_some() {
            self.post_till(money)?;
        }
        Ok(())
    }
}
