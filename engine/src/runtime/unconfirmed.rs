//! How far an account's balance is confirmed.
//!
//! A card pays at tills that are offline, too, so what it paid there isn't in its balance until they tell. A walk down the
//! account's chain, to where the current card was given out, says what can be known of that: what came late since the card
//! was last online, which of its counters are missing, and what it told itself of those as "my transaction before this one".
//! And whoever is silent may still have something.

use std::collections::BTreeMap;

use protocol::ids::{AccountId, CardCounter, RecordNumber, TerminalId};
use wal::LogReader;

use super::account_chain::{AccountChain, Link};
use super::engine::{Engine, EngineError};
use crate::ledger::Record;
use crate::ledger::command::Channel;
use crate::ledger::record::{FullDebitRecord, MoneyRecord};
use crate::ledger::registry::TerminalKind;

/// Most records that are walked over.
pub(super) const STEPS_MAX: usize = 50_000;

/// What of an account may not have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unconfirmed {
    /// The walk ended before it came to where the card was given out.
    pub partial: bool,
    /// Offline sales since the last online tap, in fen.
    pub offline_fen: i64,
    /// How many.
    pub offline_sales: u32,
    /// Counters that are missing.
    pub missing: u32,
    /// What the card told of those, in fen.
    pub told_fen: i64,
    /// Of how many.
    pub told: u32,
    /// The lowest missing; 0 for none.
    pub first_missing: CardCounter,
    /// When the first transaction above it came, nanoseconds since 1970 UTC; 0 for none.
    pub missing_since_ns: u64,
    /// Where that was; 0 for none.
    pub missing_before: TerminalId,
}

/// When a till was heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// It is connected.
    Now,
    /// Its last session ended at this time, nanoseconds since 1970 UTC.
    Until(u64),
    /// Not since the server's start.
    NotYet,
}

/// Who hasn't been heard for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Silent {
    /// Tills that have sold and aren't connected.
    pub tills: u32,
    /// The one that was heard last the longest ago; 0 for none.
    pub terminal: TerminalId,
    /// Since when, nanoseconds since 1970 UTC.
    pub since_ns: u64,
}

/// A transaction of a card.
#[derive(Clone, Copy)]
struct Transaction {
    time_ns: u64,
    terminal: TerminalId,
}

/// What the walk has found of the cards that an account had.
#[derive(Default)]
struct Found {
    /// Of the current card online, by counter.
    online: BTreeMap<u32, Transaction>,
    /// Offline, by card and counter.
    offline: BTreeMap<(u64, u32), Transaction>,
    /// What a card told of its transaction before, by card and counter.
    told: BTreeMap<(u64, u32), i64>,
    /// Offline sales since the last online tap: card and amount.
    since_online: Vec<(u64, i64)>,
}

/// Walks down an account's chain from its head, which must be durable.
///
/// # Errors
/// The log is damaged.
pub fn walk(reader: &LogReader, account: AccountId, head: RecordNumber) -> Result<Unconfirmed, EngineError> {
    let mut chain = AccountChain::new(reader, account, head);
    let mut found = Found::default();
    for _ in 0..STEPS_MAX {
        let Some(link) = chain.step()? else { return Ok(Unconfirmed::default()) };
        match link.record {
            Record::CardBound(r) => return Ok(found.of(r.card_uid.get())),
            Record::CardIssued(r) => return Ok(found.of(r.card_uid.get())),
            Record::CardReplaced(r) => return Ok(found.of(r.new.get())),
            Record::CardReturned(_) => return Ok(Unconfirmed::default()),
            _ => found.take(&link),
        }
    }
    // Whose the newest offline sale is has to do: the walk didn't come to where the card was given out.
    let card_uid = found.since_online.first().map_or(0, |&(card_uid, _)| card_uid);
    Ok(Unconfirmed { partial: true, ..found.of(card_uid) })
}

impl Found {
    fn take(&mut self, link: &Link<'_>) {
        let here =
            |money: &MoneyRecord| Transaction { time_ns: link.time_ns, terminal: money.sale().terminal };
        match &link.record {
            Record::Debit(money) | Record::FullDebit(FullDebitRecord { money, .. }) => {
                if let (Some(Channel::Card), Some(counter)) = (money.channel(), money.card_counter()) {
                    self.online.insert(counter.0, here(money));
                }
            }
            Record::OfflineDebit(r) => {
                let (card_uid, counter) = (r.card_uid.get(), r.money.token.get());
                self.offline.insert((card_uid, counter), here(&r.money));
                if let Some(previous) = r.previous() {
                    self.told.insert((card_uid, previous.card_counter.0), previous.amount_fen.into());
                }
                if self.online.is_empty() {
                    self.since_online.push((card_uid, r.money.amount_fen.get()));
                }
            }
            _ => {}
        }
    }

    /// What was found of this card.
    fn of(mut self, card_uid: u64) -> Unconfirmed {
        let of_card = (card_uid, 0)..=(card_uid, u32::MAX);
        let mut seen = core::mem::take(&mut self.online);
        seen.extend(self.offline.range(of_card.clone()).map(|(&(_, counter), &sale)| (counter, sale)));
        let told: BTreeMap<u32, i64> =
            self.told.range(of_card).map(|(&(_, counter), &amount_fen)| (counter, amount_fen)).collect();
        let told: BTreeMap<u32, i64> =
            told.into_iter().filter(|(counter, _)| !seen.contains_key(counter)).collect();
        let sums = |sales: &[(u64, i64)]| {
            let own = sales.iter().filter(|(uid, _)| *uid == card_uid);
            (own.clone().count() as u32, own.map(|(_, amount_fen)| amount_fen).sum())
        };
        let (offline_sales, offline_fen) = sums(&self.since_online);
        // Between those that are known of, one way or the other, nothing is known of the others.
        let mut known: Vec<u32> = seen.keys().chain(told.keys()).copied().collect();
        known.sort_unstable();
        let unheard = |pair: &[u32]| pair[1] - pair[0] - 1;
        let missing = told.len() as u32 + known.windows(2).map(unheard).sum::<u32>();
        let first_unheard = known.windows(2).find(|pair| unheard(pair) > 0).map(|pair| pair[0] + 1);
        let first_missing = first_unheard.into_iter().chain(told.keys().copied()).min();
        let above = first_missing.and_then(|missing| seen.range(missing..).next());
        Unconfirmed {
            partial: false,
            offline_fen,
            offline_sales,
            missing,
            told_fen: told.values().sum(),
            told: told.len() as u32,
            first_missing: CardCounter(first_missing.unwrap_or(0)),
            missing_since_ns: above.map_or(0, |(_, sale)| sale.time_ns),
            missing_before: above.map_or(TerminalId(0), |(_, sale)| sale.terminal),
        }
    }
}

/// Who has sold and isn't connected, by what is known of each till's sessions; of those that weren't heard since the start, by
/// the log.
///
/// # Errors
/// The log is damaged.
pub fn silent(engine: &Engine, contact: &dyn Fn(TerminalId) -> Contact) -> Result<Silent, EngineError> {
    let reader = engine.log().reader();
    let mut silent = Silent::default();
    let mut after = None;
    loop {
        let (till, sells, head) = {
            let routes = engine.routes();
            let Some(terminal) = routes.configuration().registry.next_terminal(after) else { break };
            let sells = terminal.enabled && terminal.kind == TerminalKind::PointOfSale;
            (terminal.terminal, sells, routes.with_terminal(terminal.slot, |entry| entry.head()))
        };
        after = Some(till);
        let Some(head) = head.filter(|head| sells && *head != RecordNumber(0)) else { continue };
        let since_ns = match contact(till) {
            Contact::Now => None,
            Contact::Until(time_ns) => Some(time_ns),
            Contact::NotYet => reader.record(head.0)?.map(|found| found.time_ns),
        };
        let Some(since_ns) = since_ns else { continue };
        silent.tills += 1;
        if silent.terminal == TerminalId(0) || since_ns < silent.since_ns {
            (silent.terminal, silent.since_ns) = (till, since_ns);
        }
    }
    Ok(silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: u64 = 7;

    fn sale(time_ns: u64) -> Transaction {
        Transaction { time_ns, terminal: TerminalId(time_ns as u32) }
    }

    #[test]
    fn counters_that_are_missing_are_found_and_those_told_of_are_priced() {
        let mut found = Found::default();
        for (counter, time_ns) in [(10, 100), (13, 300)] {
            found.online.insert(counter, sale(time_ns));
        }
        for (card_uid, counter, time_ns) in [(CARD, 17, 400), (CARD, 12, 500), (8, 11, 600)] {
            found.offline.insert((card_uid, counter), sale(time_ns));
        }
        found.since_online = vec![(CARD, 650), (8, 99), (CARD, 50)];
        // 16 hasn't come; 12 has; the other card's are its own.
        for (card_uid, counter, amount_fen) in [(CARD, 16, 1_500), (CARD, 12, 1), (8, 14, 9)] {
            found.told.insert((card_uid, counter), amount_fen);
        }
        let unconfirmed = found.of(CARD);
        assert_eq!((unconfirmed.offline_fen, unconfirmed.offline_sales), (700, 2));
        // 11; 14, 15; 16, which was told of.
        assert_eq!((unconfirmed.missing, unconfirmed.told, unconfirmed.told_fen), (4, 1, 1_500));
        assert_eq!(unconfirmed.first_missing, CardCounter(11));
        assert_eq!((unconfirmed.missing_since_ns, unconfirmed.missing_before), (500, TerminalId(500)));
    }

    #[test]
    fn a_card_without_a_gap_misses_nothing() {
        let mut found = Found::default();
        assert_eq!(Found::default().of(CARD), Unconfirmed::default());
        found.online.insert(3, sale(1));
        found.offline.insert((CARD, 4), sale(2));
        found.told.insert((CARD, 3), 5);
        assert_eq!(found.of(CARD), Unconfirmed::default());
        // What was told of below the lowest that came is missing, too.
        let mut found = Found::default();
        found.offline.insert((CARD, 4), sale(2));
        found.told.insert((CARD, 3), 5);
        let unconfirmed = found.of(CARD);
        assert_eq!(
            (unconfirmed.missing, unconfirmed.first_missing, unconfirmed.told_fen),
            (1, CardCounter(3), 5)
        );
        assert_eq!(unconfirmed.missing_before, TerminalId(2));
    }
}
