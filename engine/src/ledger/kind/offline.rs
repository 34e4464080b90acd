//! Uploaded records: facts, not requests. What already happened is posted, even below zero.
//!
//! - The record names another terminal than the session's: `WrongTerminal`, suspense.
//! - Its identity was approved before with the same card and amount (by an upload or by an online tap): the same
//!   answer (`repeat`). Known with another body, or known as a refusal: `IdentityConflict`, suspense. Reversed, or
//!   reversed before it came: `Reversed`, suspense.
//! - It may name an older epoch: then the log is asked, and if it doesn't know it, it is posted.
//! - `TooManyGaps`, and the fields: no record.
//! - Its TAC is wrong: `NotAuthentic`, suspense; the sequence is not used up. Nor is it by any other suspense.
//! - The till says that it was paid by self-scan: nothing is posted, [`super::scan_pay`] does that. Paid before with the same
//!   amount, it is answered as that was (`repeat`); not paid, `PaymentPending`, a memo, once.
//! - No account had the card at the till's time, or it was given to two: posted against unknown-card clearing, flagged.
//! - Otherwise: the card wallet pays, its subsidy part first, whatever the account's status and whichever of its cards it
//!   was.
//!
//! **Liability**: what a lost card pays after it was blocked ([`crate::ledger::block_list`]), by the record's own time against
//! the logged time of that move, isn't its holder's. The school bears it (lost-cards clearing pays the merchant) when the till
//! couldn't know: its own block-list, as the record says under its TAC, was one that there was, older than that move, and no
//! older than [`BLOCK_LIST_AGE_MAX_S`] at the sale. With an older one, or none, or one that had the card, the merchant does: it
//! is flagged, and held back for good unless somebody decides otherwise. At the very moment of the move it is still the
//! holder's, and so is whatever comes after the card was freed again, or was blocked without being lost (broken, given back,
//! left for another). A card given to two is nobody's, as before.
//!
//! **Flagged** (`ApprovedFlagged`, the merchant's share is held back): above the class's limit for one offline
//! sale; its own day above the class's offline limit for a day (both inclusive); available balance under the
//! class's floor after it; dated ahead of logged time by more than the drift; card unknown, or dated after it had expired or
//! come back, so that a till's clock alone charges no former holder unseen; account not open or merchant not trading; borne by
//! the merchant; the till judged the card by a block-list older than [`BLOCK_LIST_AGE_MAX_S`], or had sold offline for more than
//! [`OFFLINE_DAYS_MAX`] days (both inclusive); posted because a card told of it ([`super::told_post`]). What the holder doesn't
//! bear is held to the class's limits all the same. Its own day is the +08:00 day of the till's time, at latest the day of logged
//! time.
//!
//! Where it is the counter of the card's open tap, the chip wasn't written by that: see [`super::presentation`].
//!
//! The card's counter is recorded, but doesn't raise the account's: only approved online taps do. It counts as seen, when it
//! is the current card's.

use protocol::ids::{CardCounter, CardUid, Epoch, RecordNumber, Sequence, TerminalId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::card_debit::card_digest;
use super::debit::covers;
use super::identity::{Standing, remembered_outcome};
use super::scan_pay::scanned_digest;
use super::{Ask, Case, Desk, Person, channel_wallet};
use crate::ledger::account::{Account, AccountStatus, Marks};
use crate::ledger::apply::Posting;
use crate::ledger::calendar::{DAY_NS, day_of};
use crate::ledger::command::TerminalSlot;
use crate::ledger::command::{Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::directory::Directory;
use crate::ledger::error::LedgerError;
use crate::ledger::lead::Lead;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::{BALANCE_FEN_MAX, BLOCK_LIST_AGE_MAX_S, CLOCK_DRIFT_MAX_NS, OFFLINE_DAYS_MAX};
use crate::ledger::outcome_ring::{OutcomeMarks, RememberedOutcome};
use crate::ledger::record::{
    Liability, MoneyFlags, MoneyRecord, OfflineDebitRecord, OfflineReview, Record, RecordKind,
    ScanPendingRecord, SuspenseReason, Wallet,
};
use crate::ledger::registry::{AuthoriseRule, Policy};
use crate::ledger::shard::Parts;

/// A record that a till made while it was offline: a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfflineFact<'a> {
    /// Its identity, under the session's slot and terminal.
    pub sale: Sale<'a>,
    /// The terminal that the record itself names.
    pub record_terminal: TerminalId,
    /// The card.
    pub card_uid: CardUid,
    /// The chip's counter.
    pub card_counter: CardCounter,
    /// What was paid.
    pub amount_fen: i64,
    /// When, by the till's clock, nanoseconds since 1970-01-01 UTC.
    pub till_time_ns: u64,
    /// The block-list that the till judged the card by, if it had one.
    pub list: Option<TillList>,
    /// Whether its TAC was right.
    pub authentic: bool,
    /// What it carries besides.
    pub carried: Carried,
}

/// What an uploaded record carries besides the sale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The till says that it was paid by self-scan: it has no card.
    pub by_scan: bool,
    /// When the till last heard from the server before the sale, by its clock, nanoseconds since 1970-01-01 UTC; 0 where it
    /// doesn't say.
    pub offline_since_ns: u64,
    /// The card's transaction before this one, as the chip told; of terminal 0 for none.
    pub previous: Previous,
}

/// A card's transaction before another of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Previous {
    /// Where it was made; 0 for none.
    pub terminal: TerminalId,
    /// The till's epoch then.
    pub epoch: Epoch,
    /// The till's sequence.
    pub sequence: Sequence,
    /// The card's counter.
    pub card_counter: CardCounter,
    /// Its amount in fen.
    pub amount_fen: u32,
}

/// The block-list that a till had at a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TillList {
    /// Its version: from 1.
    pub version: u32,
    /// How old it was, in seconds.
    pub age_s: u32,
}

impl<'a> Ask<'a> for OfflineFact<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_card_at(directory, self.card_uid, self.till_time_ns)
    }

    fn prefetch_route(&self, directory: &Directory) {
        directory.prefetch_card(self.card_uid);
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(self.amount_fen) };
        let digest = if self.carried.by_scan {
            scanned_digest(self.amount_fen)
        } else {
            card_digest(self.card_uid, self.amount_fen)
        };
        let case =
            Case { till, sale: &self.sale, digest, channel: Channel::Offline, amount_fen: self.amount_fen };
        if self.record_terminal != self.sale.terminal {
            return desk.suspend(
                &case,
                ResultCode::WrongTerminal,
                SuspenseReason::WrongTerminal,
                RecordNumber(0),
                true,
            );
        }
        if self.sale.sequence.0 != 0 {
            match desk.standing(till, self.sale.epoch, self.sale.sequence) {
                Standing::Fresh | Standing::OlderUnknown => {}
                Standing::Remembered(outcome) => return desk.fact_again(&case, &outcome),
                Standing::NeedsHistory => return desk.needs_history(till, &self.sale),
                Standing::TooManyGaps => return desk.transient(&case, ResultCode::TooManyGaps),
            }
        }
        if let Some(code) = desk.bad_field(&case, till.config.sells()) {
            return desk.transient(&case, code);
        }
        if !self.authentic {
            return desk.suspend(
                &case,
                ResultCode::NotAuthentic,
                SuspenseReason::NotAuthentic,
                RecordNumber(0),
                true,
            );
        }
        if self.carried.by_scan {
            return desk.await_payment(&case, self);
        }
        desk.post_fact(&case, self)
    }
}

impl OfflineFact<'_> {
    /// Which of the rules for selling offline its till passed over.
    fn review(&self) -> OfflineReview {
        let Carried { offline_since_ns, .. } = self.carried;
        let offline_ns = self.till_time_ns.saturating_sub(offline_since_ns);
        let too_long = offline_since_ns != 0 && offline_ns > u64::from(OFFLINE_DAYS_MAX) * DAY_NS;
        let too_old = self.list.is_some_and(|list| list.age_s > BLOCK_LIST_AGE_MAX_S);
        let list_age = if too_old { OfflineReview::LIST_AGE.0 } else { 0 };
        OfflineReview(list_age | if too_long { OfflineReview::DAYS_OFFLINE.0 } else { 0 })
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn fact_again<'a>(&self, case: &Case<'_, 'a>, outcome: &RememberedOutcome) -> Decision<'a> {
        if !outcome.is_tombstone() && outcome.digest != case.digest {
            return self.conflict(case, outcome);
        }
        if outcome.is_gone() {
            return self.suspend(
                case,
                ResultCode::Reversed,
                SuspenseReason::Reversed,
                RecordNumber(outcome.record),
                !outcome.marks.has(OutcomeMarks::SUSPENDED),
            );
        }
        if !outcome.is_posting() && outcome.kind != Some(RecordKind::ScanPending) {
            return self.conflict(case, outcome);
        }
        Decision::NoRecord(remembered_outcome(outcome, case.till))
    }

    /// A sale by self-scan that nobody has paid: it is noted, and its payment finds it.
    fn await_payment<'a>(&self, case: &Case<'_, 'a>, r: &OfflineFact<'a>) -> Decision<'a> {
        let code = ResultCode::PaymentPending;
        let money = self.memo(case, code, None);
        let outcome = self.outcome(&money, code, self.stamp.number);
        let record = ScanPendingRecord { money, till_time_ns: U64::new(r.till_time_ns) };
        Decision::Done { outcome, group: Group::one(Record::ScanPending(record)) }
    }

    fn post_fact<'a>(&self, case: &Case<'_, 'a>, r: &OfflineFact<'a>) -> Decision<'a> {
        let Some(record) = self.offline_debit(case, r, r.review()) else {
            let reason = SuspenseReason::BalanceOverflow;
            return self.suspend(case, ResultCode::BalanceOverflow, reason, RecordNumber(0), true);
        };
        let code = record.money.result_code().unwrap_or(ResultCode::Approved);
        let outcome = self.outcome(&record.money, code, self.stamp.number);
        Decision::Done { outcome, group: Group::one(Record::OfflineDebit(record)) }
    }

    /// The record of a fact that is to be reviewed for this, if for anything, and for what it says itself; none when the
    /// card wallet would leave its range. The shard of who had the card at the till's time is held.
    pub(super) fn offline_debit(
        &self,
        case: &Case<'_, '_>,
        r: &OfflineFact<'_>,
        review: OfflineReview,
    ) -> Option<OfflineDebitRecord> {
        let merchant = case.till.config.merchant;
        let trading = self.registry.merchant(merchant).is_some_and(|merchant| merchant.enabled);
        let ahead = r.till_time_ns > self.stamp.time_ns.saturating_add(CLOCK_DRIFT_MAX_NS);
        let day = day_of(r.till_time_ns).min(self.today);
        let flags =
            MoneyFlags::default().with_if(ahead, MoneyFlags::CLOCK).with_if(!trading, MoneyFlags::NOT_OPEN);
        let person = self.card_holder_at(r.card_uid, r.till_time_ns);
        let mut money = MoneyRecord {
            token: U32::new(r.card_counter.0),
            limit_day: U16::new(day),
            channel_wallet: case.channel as u8,
            ..self.money(case, ResultCode::Approved)
        };
        let liability = person.map_or(Liability::Holder, |person| self.liability(person, r));
        let mut subsidy_fen = 0;
        let (flags, shard) = if let Some(person) = person {
            let account = person.account;
            let policy = self.registry.policy(account.class);
            let day_fen = account.spent_on_fen(day) + r.amount_fen;
            let ended = self.had_ended(account, r, day);
            let flags = flags
                .with_if(r.amount_fen > i64::from(policy.offline_debit_max_fen), MoneyFlags::OVER_SALE_LIMIT)
                .with_if(day_fen > i64::from(policy.offline_day_max_fen), MoneyFlags::OVER_DAY_LIMIT);
            if liability != Liability::Holder {
                money.debit = U32::new(LedgerAccount::clearing(Clearing::LostCards).bits());
                (flags, self.layout.shard_of_terminal(case.sale.slot))
            } else {
                subsidy_fen = account.subsidy_of(r.amount_fen);
                let after_fen = account.system_fen() - r.amount_fen;
                if account.card_fen - r.amount_fen < -BALANCE_FEN_MAX {
                    return None;
                }
                // A fact isn't asked whether the balance was above zero; only the floor flags it.
                let floor = Policy { rule: AuthoriseRule::Covers, ..*policy };
                money.debit = U32::new(LedgerAccount::person(person.id).bits());
                money.balance_after_fen = I64::new(after_fen);
                money.previous_account = U64::new(account.head);
                money.channel_wallet = channel_wallet(case.channel, Wallet::Card);
                let flags = flags
                    .with_if(!covers(&floor, account.available_fen(), r.amount_fen), MoneyFlags::BELOW_FLOOR)
                    .with_if(account.status != AccountStatus::Open || ended, MoneyFlags::NOT_OPEN);
                (flags, self.layout.shard_of_account(person.id))
            }
        } else {
            money.debit = U32::new(LedgerAccount::clearing(Clearing::UnknownCard).bits());
            (flags.with(MoneyFlags::UNKNOWN_CARD), self.layout.shard_of_terminal(case.sale.slot))
        };
        let (code, credit) = if flags.has(MoneyFlags::REVIEW)
            || review != OfflineReview::default()
            || liability == Liability::Merchant
        {
            (ResultCode::ApprovedFlagged, LedgerAccount::held_back(merchant))
        } else {
            (ResultCode::Approved, LedgerAccount::merchant(merchant))
        };
        money.code = U16::new(code.number());
        money.flags = flags.0;
        money.credit = U32::new(credit.bits());
        money.previous_counter = self.hot_head(shard, credit);
        Some(OfflineDebitRecord {
            money,
            card_uid: U64::new(r.card_uid.0),
            till_time_ns: U64::new(r.till_time_ns),
            liability: liability as u8,
            review: review.0,
            previous_epoch: U16::new(r.carried.previous.epoch.0),
            previous_till: U32::new(r.carried.previous.terminal.0),
            previous_sequence: U32::new(r.carried.previous.sequence.0),
            previous_card_counter: U32::new(r.carried.previous.card_counter.0),
            // At most SUBSIDY_FEN_MAX, which fits.
            subsidy_fen: U32::new(subsidy_fen as u32),
            previous_amount_fen: U32::new(r.carried.previous.amount_fen),
        })
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// Whether a card of this account had expired, or come back, by the till's time. Only of one that isn't the current card, or
    /// that expires, more is looked at.
    fn had_ended(&self, account: &Account, r: &OfflineFact<'_>, day: u16) -> bool {
        let may_have = account.card_uid != r.card_uid.0 || account.marks.has(Marks::CARD_EXPIRES);
        let past = may_have.then(|| self.directory.card_past(r.card_uid)).flatten();
        past.is_some_and(|past| past.had_ended(r.till_time_ns, day))
    }

    /// Who bears what a person's card paid. Only of a card that isn't the current one, or is lost, more is looked at.
    fn liability(&self, person: Person<'_>, r: &OfflineFact<'_>) -> Liability {
        if person.account.card_uid == r.card_uid.0 && !person.account.card_lost {
            return Liability::Holder;
        }
        match self.registry.block_list.blocked(r.card_uid) {
            Some(since) if since.lost && r.till_time_ns > since.time_ns => {
                // One of a version that there wasn't yet is newer than the move, too.
                let could_not_know = r.list.is_some_and(|list| {
                    (1..since.version).contains(&list.version) && list.age_s <= BLOCK_LIST_AGE_MAX_S
                });
                if could_not_know { Liability::School } else { Liability::Merchant }
            }
            _ => Liability::Holder,
        }
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn offline_debit(
        &mut self,
        offline: &OfflineDebitRecord,
    ) -> Result<(), LedgerError> {
        let money = &offline.money;
        let amount_fen = self.amount_fen(money)?;
        let shard = if let Some(person) = money.debit_account().as_person() {
            let wallet = self.wallet(money)?;
            let (mut subsidy_fen, mut may_contradict) = (None, false);
            self.post_person(person, money, |account| {
                *account.wallet_fen_mut(wallet) -= amount_fen;
                subsidy_fen = account.subsidy_fen.checked_sub(offline.subsidy_fen.get());
                account.subsidy_fen = subsidy_fen.unwrap_or_default();
                account.add_spent(money.limit_day.get(), amount_fen);
                if account.card_uid == offline.card_uid.get() {
                    account.card_seen = account.card_seen.max(money.token.get());
                    may_contradict = account.has_open_tap();
                }
            })?;
            if may_contradict {
                self.contradict_tap(person, CardCounter(money.token.get()));
            }
            if subsidy_fen.is_none() {
                return Err(self.bad("subsidy_fen"));
            }
            self.layout.shard_of_account(person)
        } else {
            let shard = self.layout.shard_of_terminal(TerminalSlot(money.slot.get()));
            self.post_hot(shard, money.debit_account(), -amount_fen)?;
            shard
        };
        self.post_hot(shard, money.credit_account(), amount_fen)?;
        self.post_till_with(money, offline.subsidy_fen.get())?;
        Ok(())
    }
}
