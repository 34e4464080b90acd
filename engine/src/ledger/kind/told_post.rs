//! A sale that never came is posted on the word of its card: its till burnt, or lost its store, but a later offline sale of the
//! card carried what the chip said of the transaction before. The holder has paid on the chip, the merchant is owed it.
//!
//! Which sale told of it is looked for in the chain of the account that has the card, or had it last
//! ([`crate::ledger::told`]); the newest one counts. Nothing is found of a card that nobody had then, or whose sale somebody
//! else bore.
//!
//! | the sale that the chip told of | answer | record |
//! |---|---|---|
//! | is missing from its till's sequences, or was closed by a counter, or is of an older epoch and unknown | `ApprovedFlagged` | offline debit, told posted |
//! | nobody told of such a counter, or under no sequence | `ToldNowhere` | refusal |
//! | was at a terminal that isn't registered, or never sells | `ToldTillUnknown` | refusal |
//! | has an outcome, whichever; or is this request itself | `ToldCame` | refusal |
//! | is above the highest sequence of its till, or of a later epoch, and the till isn't disabled | `ToldMayCome` | refusal |
//! | nobody told within as much of the account's chain as is walked | `ToldOutOfReach` | refusal |
//! | would take the card wallet out of its range | `BalanceOverflow` | refusal |
//! | would open more gaps of its till than are remembered | `TooManyGaps` | none |
//!
//! Before these stand the identity, then `SequenceZero` and `NotPermitted`. A sale that a counter closed hasn't come: closing its
//! sequence says that nobody waits for it any more, and what a chip tells is a fact, as a record that comes late is.
//!
//! **A till that may still be offline** sends its sales itself when it is back: what is above all that it sent is no hole yet. One that
//! burnt never opens that hole. It is disabled, or gets its number again with the next epoch, and then its last sales are
//! posted, too.
//!
//! **The posting** is that of an upload ([`super::offline`]), under the sale's own identity and with its digest: should the true record
//! come after all, it is a repeat, and closes nothing twice. Day, liability, limits and flags are as for an upload dated
//! when the sale that told of it was, whose till's clock is the only one there is; without a block-list that the till could have judged
//! by. It is always flagged ([`OfflineReview::TOLD`]) and held back from the merchant until somebody has looked at it. Who asked,
//! which record told, and why, stands in the counter's memo behind it, in its group.

use protocol::ids::{CardCounter, CardUid, RecordNumber};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32, U64};

use super::card_debit::card_digest;
use super::identity::Standing;
use super::{Ask, Case, Desk, Person, Till};
use crate::ledger::apply::Posting;
use crate::ledger::command::{Carried, Channel, OfflineFact, Previous, Sale, TerminalSlot};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::directory::{CardRoute, Directory};
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::known::Need;
use crate::ledger::lead::Lead;
use crate::ledger::record::{OfflineReview, Record, ToldPostedRecord};
use crate::ledger::shard::Parts;
use crate::ledger::told::{ToldOf, Witness};

/// Posts a sale that never came, of which its card told with a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldPost<'a> {
    /// Its identity, at the counter that asks.
    pub sale: Sale<'a>,
    /// The card.
    pub card_uid: CardUid,
    /// The card's counter at the sale that is missing.
    pub card_counter: CardCounter,
    /// Why: UTF-8, padded with zeros.
    pub reason: [u8; 32],
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_TOLD_POST: u64 = 55;

impl<'a> Ask<'a> for ToldPost<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_card(directory, self.card_uid)
    }

    fn prefetch_route(&self, directory: &Directory) {
        directory.prefetch_card(self.card_uid);
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(0) };
        let digest = Fold::new(DOMAIN_TOLD_POST)
            .word(self.card_uid.0)
            .word(u64::from(self.card_counter.0))
            .bytes(&self.reason)
            .finish();
        let case = Case { till, sale: &self.sale, digest, channel: Channel::Till, amount_fen: 0 };
        if let Some(decision) = desk.known(&case) {
            return decision;
        }
        if let Some(code) = desk.bad_identity(&case, till.config.posts_told()) {
            return desk.transient(&case, code);
        }
        let Some(person) = desk.card_holder(self.card_uid) else {
            return desk.refuse(&case, ResultCode::ToldNowhere, None);
        };
        let of = ToldOf { account: person.id, card_uid: self.card_uid, card_counter: self.card_counter };
        let head = person.account.head();
        let Some(told) = desk.known.and_then(|known| known.told(&of, head)) else {
            return Decision::Needs(Need::Told { of, head });
        };
        // Whoever had the card when the sale was that told of it pays this one, too.
        let had_it = |at_ns| desk.directory.card_at(self.card_uid, at_ns) == CardRoute::Account(person.id);
        match told.found {
            Some(witness) if witness.previous.sequence.0 != 0 && had_it(witness.till_time_ns) => {
                desk.post_told(&case, self, person, &witness)
            }
            None if told.partial => desk.refuse(&case, ResultCode::ToldOutOfReach, Some(person)),
            _ => desk.refuse(&case, ResultCode::ToldNowhere, Some(person)),
        }
    }
}

/// The sale that a chip told of, at its till.
const fn sold_at(slot: TerminalSlot, previous: &Previous) -> Sale<'static> {
    let Previous { terminal, epoch, sequence, .. } = *previous;
    Sale { slot, terminal, epoch, sequence, raw: &[] }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn post_told<'a>(
        &self,
        case: &Case<'_, 'a>,
        ask: &ToldPost<'a>,
        person: Person<'_>,
        witness: &Witness,
    ) -> Decision<'a> {
        let previous = witness.previous;
        let case = &Case { amount_fen: i64::from(previous.amount_fen), ..*case };
        let refuse = |code| self.refuse(case, code, Some(person));
        let Some(seller) = self.registry.find_terminal(previous.terminal).filter(|till| till.sells()) else {
            return refuse(ResultCode::ToldTillUnknown);
        };
        let sale = sold_at(seller.slot, &previous);
        if !self.holds_till(case, person, sale.slot) {
            return Decision::Needs(Need::Till(sale.slot));
        }
        let Some(seller) = self.registered(sale.slot, sale.terminal) else {
            return refuse(ResultCode::ToldTillUnknown);
        };
        if sale.id() == case.sale.id() {
            return refuse(ResultCode::ToldCame);
        }
        match self.standing(seller, sale.epoch, sale.sequence) {
            Standing::Remembered(_) => return refuse(ResultCode::ToldCame),
            Standing::NeedsHistory => return self.needs_history(seller, &sale),
            Standing::Fresh | Standing::TooManyGaps if may_come(seller, &sale) => {
                return refuse(ResultCode::ToldMayCome);
            }
            Standing::TooManyGaps => return self.transient(case, ResultCode::TooManyGaps),
            Standing::Fresh | Standing::OlderUnknown => {}
        }
        // A counter may have sold it itself: then both of its sequences must fit.
        let own = sale.terminal == case.sale.terminal;
        if own && !self.has_room_for_both(case.till, case, (sale.epoch, sale.sequence)) {
            return self.transient(case, ResultCode::TooManyGaps);
        }
        let sold = Case {
            till: seller,
            sale: &sale,
            digest: card_digest(ask.card_uid, case.amount_fen),
            channel: Channel::Offline,
            amount_fen: case.amount_fen,
        };
        let fact = OfflineFact {
            sale,
            record_terminal: sale.terminal,
            card_uid: ask.card_uid,
            card_counter: ask.card_counter,
            amount_fen: case.amount_fen,
            till_time_ns: witness.till_time_ns,
            list: None,
            authentic: true,
            carried: Carried::default(),
        };
        let Some(debit) = self.offline_debit(&sold, &fact, OfflineReview::TOLD) else {
            return refuse(ResultCode::BalanceOverflow);
        };
        let posted = self.stamp.number;
        let payer = debit.money.person().and_then(|id| self.person(id));
        let mut memo = self.memo(case, ResultCode::ApprovedFlagged, payer);
        memo.balance_after_fen = debit.money.balance_after_fen;
        if payer.is_some() {
            memo.previous_account = U64::new(posted.0);
        }
        if own {
            memo.previous_terminal = U64::new(posted.0);
        }
        let told = ToldPostedRecord {
            money: memo,
            card_uid: U64::new(ask.card_uid.0),
            witness: U64::new(witness.record.0),
            till: U32::new(sale.terminal.0),
            sequence: U32::new(sale.sequence.0),
            card_counter: U32::new(ask.card_counter.0),
            epoch: U16::new(sale.epoch.0),
            reserved: U16::ZERO,
            reason: ask.reason,
        };
        let number = RecordNumber(posted.0 + 1);
        let outcome = self.outcome(&memo, ResultCode::ApprovedFlagged, number);
        Decision::Done { outcome, group: Group::two(Record::OfflineDebit(debit), Record::ToldPosted(told)) }
    }
}

/// Whether a till may send a sale yet that it hasn't told of.
fn may_come(seller: Till<'_>, sale: &Sale<'_>) -> bool {
    let entry = seller.entry;
    let ahead =
        sale.epoch > entry.epoch || sale.epoch == entry.epoch && sale.sequence.0 > entry.gaps.highest();
    seller.config.enabled && ahead
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn told_posted(&mut self, told: &ToldPostedRecord) -> Result<(), LedgerError> {
        self.memo(&told.money)
    }
}
