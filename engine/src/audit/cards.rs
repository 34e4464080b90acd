//! Cards, from records alone: whose each number is or was, and which of them an account has now.

use std::collections::HashMap;

use protocol::ids::AccountId;

use crate::ledger::record::{CardIssuedRecord, CardReplacedRecord, CardReturnedRecord};

/// Every card number that a record gave out.
#[derive(Clone, Debug, Default)]
pub(super) struct Cards {
    /// Whose it is or was; none for a number that was given to two.
    owners: HashMap<u64, Option<AccountId>>,
    /// The card that an account has now.
    current: HashMap<AccountId, u64>,
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
        self.current.insert(account, card);
        Ok(())
    }

    /// A number that an account has is given to another: it belongs to neither.
    pub(super) fn conflict(&mut self, card: u64, first: AccountId) -> Result<(), String> {
        if self.current.get(&first) == Some(&card) {
            self.current.remove(&first);
        }
        match self.owners.insert(card, None) {
            Some(Some(owner)) if owner == first => Ok(()),
            other => Err(format!("card {card} is said to be account {first}'s, not {other:?}")),
        }
    }

    /// Who pays for a card's sales, now or late.
    pub(super) fn owner(&self, card: u64) -> Option<AccountId> {
        self.owners.get(&card).copied().flatten()
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
            Some(card) if card == r.card_uid.get() => Ok(()),
            before => Err(format!("card {} is given back; account {account} had {before:?}", r.card_uid)),
        }
    }
}
