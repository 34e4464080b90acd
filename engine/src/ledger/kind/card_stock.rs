//! Puts a range of blank cards into the stock, from where they are given out.
//!
//! Where the office's rules say so, a counter gives out nothing but what is in stock (`CardNotInStock`); whatever the rules, a number
//! that is given out leaves it. A card that came back is in stock again by another such request alone.
//!
//! After the identity: `SequenceZero`, `NotPermitted` for a terminal that hands out no cards, `CardCountWrong`, `CardRangeWrong`. None of these
//! leaves a record. Of the others the lowest number is the answer: `StockOverlaps`, `StockCardKnown` for a number that is somebody's, or
//! was and never came back, `StockFull`.

use protocol::ids::CardUid;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U64};

use super::card_state::digest_of;
use super::{Ask, Case, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::card_past::CardPast;
use crate::ledger::command::{Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::directory::CardRoute;
use crate::ledger::error::LedgerError;
use crate::ledger::limits::STOCK_CARDS_MAX;
use crate::ledger::record::{CardsStockedRecord, Record, RecordKind};
use crate::ledger::shard::Parts;

/// Puts a range of card numbers into stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardStock<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The first number.
    pub first: CardUid,
    /// How many.
    pub count: u16,
}

/// The numbers of a range; none when it begins with 0 or leaves the range of numbers.
fn numbers(first: u64, count: u16) -> Option<impl Iterator<Item = CardUid> + Clone> {
    let last = first.checked_add(u64::from(count).checked_sub(1)?)?;
    (first != 0).then(|| (first..=last).map(CardUid))
}

impl<'a> Ask<'a> for CardStock<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let CardStock { sale, first, count } = self;
        let Some(till) = desk.till(sale) else { return desk.unknown_terminal(0) };
        let digest = digest_of(5).word(first.0).word(u64::from(*count)).finish();
        let case = Case { till, sale, digest, channel: Channel::Counter, amount_fen: 0 };
        if let Some(decision) = desk.known(&case) {
            return decision;
        }
        if let Some(code) = desk.bad_identity(&case, till.config.hands_out_cards()) {
            return desk.transient(&case, code);
        }
        if !(1..=STOCK_CARDS_MAX).contains(count) {
            return desk.transient(&case, ResultCode::CardCountWrong);
        }
        let Some(cards) = numbers(first.0, *count) else {
            return desk.transient(&case, ResultCode::CardRangeWrong);
        };
        let stock = &desk.registry.card_stock;
        let last = CardUid(first.0 + (u64::from(*count) - 1));
        let code = if cards.clone().any(|card| stock.has(card)) {
            Some(ResultCode::StockOverlaps)
        } else if cards.into_iter().any(|card| desk.is_no_blank(card)) {
            Some(ResultCode::StockCardKnown)
        } else if !stock.has_room_for(*first, last) {
            Some(ResultCode::StockFull)
        } else {
            None
        };
        if let Some(code) = code {
            return desk.refuse(&case, code, None);
        }
        let money = desk.memo(&case, ResultCode::Approved, None);
        let record =
            CardsStockedRecord { money, first: U64::new(first.0), count: U16::new(*count), reserved: [0; 6] };
        let outcome = desk.outcome(&money, ResultCode::Approved, desk.stamp.number);
        Decision::Done { outcome, group: Group::one(Record::CardsStocked(record)) }
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// Whether a card is somebody's, or was and never came back.
    fn is_no_blank(&self, card: CardUid) -> bool {
        match self.directory.card(card) {
            CardRoute::Unknown => false,
            CardRoute::Conflicted => true,
            CardRoute::Account(owner) => {
                let has_it = self.person(owner).is_some_and(|person| person.account.card_uid() == card);
                has_it || !self.directory.card_past(card).is_some_and(CardPast::came_back)
            }
        }
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn cards_stocked(&mut self, r: &CardsStockedRecord) -> Result<(), LedgerError> {
        let cards = numbers(r.first.get(), r.count.get()).filter(|_| r.count.get() <= STOCK_CARDS_MAX);
        for card in cards.ok_or_else(|| self.bad("first"))? {
            if !self.registry.card_stock.put(card) {
                return Err(LedgerError::TableFull { table: "the stock of cards" });
            }
        }
        self.posting(RecordKind::CardsStocked).post_till(&r.money)?;
        Ok(())
    }
}
