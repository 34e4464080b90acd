//! Cards, from records alone: whose each number is or was, and which of them an account has now.

use std::collections::HashMap;

use protocol::card::ReplaceReason;
use protocol::ids::AccountId;

use crate::ledger::record::{CardIssuedRecord, CardReplacedRecord, CardReturnedRecord};

/// Every card number that a record gave out.
#[derive(Clone, Debug, Default)]
pub(super) struct Cards {
    /// Whose it is or was; none for a number that was given to two.
    owners: HashMap<u64, Option<AccountId>>,
    /// The card that an account has now.
    current: HashMap<AccountId, u64>,
    /// Since which logged time cards are blocked, and whether because they are lost.
    blocked: HashMap<u64, (u64, bool)>,
    time_ns: u64,
}

impl Cards {
    /// A number is given out once; the account's card before it, if any, is its current one no more.
    ///
    /// # Errors
    /// What is wrong, in words; here and below.
    pub(super) fn bound(&mut self, card: u64, account: AccountId) -> Result<(), String> {
        if let Some(owner) = self.owners.insert(card, Some(account)) {
            return Err(format!("card {card} was given out before, to {owner:?}"));
        }
        if let Some(left) = self.current.insert(account, card) {
            self.block(left, false);
        }
        Ok(())
    }

    /// The time of the records that come now.
    pub(super) fn set_time(&mut self, time_ns: u64) {
        self.time_ns = time_ns;
    }

    fn block(&mut self, card: u64, lost: bool) {
        self.blocked.entry(card).or_insert((self.time_ns, lost));
    }

    /// The account's current card is lost, or isn't.
    pub(super) fn set_lost(&mut self, account: AccountId, lost: bool) {
        match self.current(account) {
            Some(card) if lost => self.block(card, true),
            Some(card) => drop(self.blocked.remove(&card)),
            None => {}
        }
    }

    /// Whether a card was lost before a till's time.
    pub(super) fn was_lost(&self, card: u64, till_time_ns: u64) -> bool {
        self.blocked.get(&card).is_some_and(|&(since_ns, lost)| lost && till_time_ns > since_ns)
    }

    /// A number that an account has is given to another: it belongs to neither.
    pub(super) fn conflict(&mut self, card: u64, first: AccountId) -> Result<(), String> {
        if self.current.get(&first) == Some(&card) {
            self.current.remove(&first);
        }
        self.block(card, false);
        match self.owners.insert(card, None) {
            Some(Some(owner)) if owner == first => Ok(()),
            other => Err(format!("card {card} is said to be account {first}'s, not {other:?}")),
        }
    }

    /// Who pays for a card's sales, now or late.
    pub(super) fn owner(&self, card: u64) -> Option<AccountId> {
        self.owners.get(&card).copied().flatten()
    }

    /// The card that an account has now.
    pub(super) fn current(&self, account: AccountId) -> Option<u64> {
        self.current.get(&account).copied()
    }

    pub(super) fn issued(&mut self, r: &CardIssuedRecord, account: AccountId) -> Result<(), String> {
        let before = self.current.get(&account).copied();
        self.bound(r.card_uid.get(), account)?;
        match before {
            None => Ok(()),
            Some(card) => Err(format!("account {account} had card {card}, and is issued {}", r.card_uid)),
        }
    }

    /// `counter` is that of the account's newest tap.
    pub(super) fn replaced(
        &mut self,
        r: &CardReplacedRecord,
        account: AccountId,
        counter: u32,
    ) -> Result<(), String> {
        let before = self.current.get(&account).copied();
        if r.reason == ReplaceReason::Lost.number() {
            self.set_lost(account, true);
        }
        self.bound(r.new.get(), account)?;
        if before != Some(r.old.get()) || r.old_counter.get() != counter {
            return Err(format!(
                "replaces card {} at counter {}; account {account} had {before:?} at {counter}",
                r.old, r.old_counter
            ));
        }
        Ok(())
    }

    pub(super) fn returned(&mut self, r: &CardReturnedRecord, account: AccountId) -> Result<(), String> {
        match self.current.remove(&account) {
            Some(card) if card == r.card_uid.get() => {
                self.block(card, false);
                Ok(())
            }
            before => Err(format!("card {} is given back; account {account} had {before:?}", r.card_uid)),
        }
    }
}
