//! Cards, from records alone: whose each number is or was, and which of them an account has now.

use std::collections::{HashMap, HashSet};

use protocol::card::ReplaceReason;
use protocol::ids::AccountId;

use crate::ledger::calendar::{day_begins_ns, day_of};
use crate::ledger::limits::CARD_REUSE_DAYS;
use crate::ledger::record::{CardIssuedRecord, CardReplacedRecord, CardsStockedRecord};

/// One holder of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holding {
    account: AccountId,
    since_ns: u64,
    expires_day: u16,
    /// When it came back, or expired before that.
    ended_ns: Option<u64>,
}

/// Every card number that a record gave out.
#[derive(Clone, Debug, Default)]
pub(super) struct Cards {
    /// Whose it is or was, one after the other; none for a number that was given to two.
    owners: HashMap<u64, Option<Vec<Holding>>>,
    /// The card that an account has now.
    current: HashMap<AccountId, u64>,
    /// Blank cards at the counters, and whether nothing else is given out.
    stock: HashSet<u64>,
    from_stock: bool,
    /// Since which logged time cards are blocked, and whether because they are lost.
    blocked: HashMap<u64, (u64, bool)>,
    time_ns: u64,
}

impl Cards {
    /// A number that nobody had becomes an account's; the account's card before it, if any, is its current one no more.
    ///
    /// # Errors
    /// What is wrong, in words; here and below.
    pub(super) fn bound(&mut self, card: u64, account: AccountId) -> Result<(), String> {
        let holding = Holding { account, since_ns: 0, expires_day: 0, ended_ns: None };
        self.stock.remove(&card);
        if let Some(owner) = self.owners.insert(card, Some(vec![holding])) {
            return Err(format!("card {card} was given out before, to {owner:?}"));
        }
        if let Some(left) = self.current.insert(account, card) {
            self.block(left, false);
        }
        Ok(())
    }

    /// Whether nothing is given out but what is in stock, from now on.
    pub(super) fn set_from_stock(&mut self, from_stock: bool) {
        self.from_stock = from_stock;
    }

    /// Blank cards come into stock, or cards that came back.
    pub(super) fn stocked(&mut self, r: &CardsStockedRecord) -> Result<(), String> {
        for card in (r.first.get()..).take(usize::from(r.count.get())) {
            let is_blank = match self.owners.get(&card) {
                None => true,
                Some(owners) => owners.as_ref().is_some_and(|holdings| {
                    holdings.last().is_some_and(|holding| holding.ended_ns.is_some())
                }),
            };
            if !is_blank || !self.stock.insert(card) {
                return Err(format!("card {card} comes into stock; blank: {is_blank}"));
            }
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

    /// A counter gives a number out: one that nobody had, or one that came back, to somebody else after a while.
    fn given_out(
        &mut self,
        card: u64,
        account: AccountId,
        expires_day: u16,
        time_ns: u64,
    ) -> Result<(), String> {
        if !self.stock.remove(&card) && self.from_stock {
            return Err(format!("card {card} is given out and isn't in stock"));
        }
        if let Some(left) = self.current.insert(account, card) {
            self.block(left, false);
        }
        let lost = self.blocked.remove(&card).filter(|&(_, lost)| lost);
        let day = day_of(time_ns);
        let (holdings, since_ns) = match self.owners.entry(card).or_insert_with(|| Some(Vec::new())) {
            None => return Err(format!("card {card} was given to two, and is given out")),
            Some(holdings) if holdings.is_empty() => (holdings, 0),
            Some(holdings) => (holdings, time_ns),
        };
        let holding = Holding { account, since_ns, expires_day, ended_ns: None };
        match holdings.last().copied() {
            None => holdings.push(holding),
            Some(last) => {
                let rests = last.account == account
                    || last.ended_ns.is_some_and(|ended_ns| day >= day_of(ended_ns) + CARD_REUSE_DAYS);
                if last.ended_ns.is_none() || !rests {
                    return Err(format!("card {card} is given out on day {day}; it was {last:?}"));
                }
                if last.account == account {
                    holdings.pop();
                    holdings.push(Holding { since_ns: last.since_ns, ..holding });
                } else {
                    if let (Some(last), Some((lost_ns, _))) = (holdings.last_mut(), lost) {
                        last.ended_ns = last.ended_ns.map(|ended_ns| ended_ns.min(lost_ns + 1));
                    }
                    holdings.push(holding);
                }
            }
        }
        Ok(())
    }

    /// Whether a card has expired by a day.
    pub(super) fn has_expired(&self, card: u64, day: u16) -> bool {
        let last = self.owners.get(&card).and_then(|holdings| holdings.as_ref()?.last());
        last.is_some_and(|holding| holding.expires_day != 0 && holding.expires_day <= day)
    }

    fn come_back(&mut self, card: u64, time_ns: u64) {
        if let Some(Some(holdings)) = self.owners.get_mut(&card)
            && let Some(holding) = holdings.last_mut()
        {
            let expires_ns = day_begins_ns(holding.expires_day);
            holding.ended_ns = Some(if holding.expires_day == 0 { time_ns } else { time_ns.min(expires_ns) });
        }
    }

    /// A number that an account has is given to another: it belongs to neither.
    pub(super) fn conflict(&mut self, card: u64, first: AccountId) -> Result<(), String> {
        if self.current.get(&first) == Some(&card) {
            self.current.remove(&first);
        }
        self.block(card, false);
        match self.owners.insert(card, None) {
            Some(Some(holdings)) if holdings.last().is_some_and(|holding| holding.account == first) => Ok(()),
            other => Err(format!("card {card} is said to be account {first}'s, not {other:?}")),
        }
    }

    /// Who pays for a card's sale of this time, now or late: of its latest holders the two last are known.
    pub(super) fn owner_at(&self, card: u64, time_ns: u64) -> Option<AccountId> {
        self.holding_at(card, time_ns).map(|holding| holding.account)
    }

    /// Whether who had a card at a time couldn't pay with it any more: it had expired, or come back.
    pub(super) fn had_ended(&self, card: u64, time_ns: u64) -> bool {
        self.holding_at(card, time_ns).is_some_and(|holding| {
            let expired = holding.expires_day != 0 && time_ns >= day_begins_ns(holding.expires_day);
            expired || holding.ended_ns.is_some_and(|ended_ns| time_ns >= ended_ns)
        })
    }

    fn holding_at(&self, card: u64, time_ns: u64) -> Option<&Holding> {
        let holdings = self.owners.get(&card)?.as_ref()?;
        holdings.iter().rev().take(2).find(|holding| holding.since_ns <= time_ns)
    }

    /// The card that an account has now.
    pub(super) fn current(&self, account: AccountId) -> Option<u64> {
        self.current.get(&account).copied()
    }

    pub(super) fn issued(
        &mut self,
        r: &CardIssuedRecord,
        account: AccountId,
        time_ns: u64,
    ) -> Result<(), String> {
        let before = self.current.get(&account).copied();
        self.given_out(r.card_uid.get(), account, r.expires_day.get(), time_ns)?;
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
        time_ns: u64,
    ) -> Result<(), String> {
        let before = self.current.get(&account).copied();
        if r.reason == ReplaceReason::Lost.number() {
            self.set_lost(account, true);
        }
        self.given_out(r.new.get(), account, r.expires_day.get(), time_ns)?;
        if before != Some(r.old.get()) || r.old_counter.get() != counter {
            return Err(format!(
                "replaces card {} at counter {}; account {account} had {before:?} at {counter}",
                r.old, r.old_counter
            ));
        }
        Ok(())
    }

    pub(super) fn returned(&mut self, card_uid: u64, account: AccountId, time_ns: u64) -> Result<(), String> {
        self.come_back(card_uid, time_ns);
        match self.current.remove(&account) {
            Some(card) if card == card_uid => {
                self.block(card, false);
                Ok(())
            }
            before => Err(format!("card {card_uid} is given back; account {account} had {before:?}")),
        }
    }

    /// An account is closed: its card comes back, or none does (0), which is blocked too.
    pub(super) fn closed(&mut self, card_uid: u64, account: AccountId, time_ns: u64) -> Result<(), String> {
        if card_uid != 0 {
            return self.returned(card_uid, account, time_ns);
        }
        if let Some(left) = self.current.remove(&account) {
            self.block(left, false);
        }
        Ok(())
    }
}
