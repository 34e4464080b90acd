//! Commands are decided: state is read, an outcome and its records are made. Nothing is changed.
//!
//! # Order of the checks
//! Where several codes apply, the lowest number is the answer ([`ResultCode`] is ordered by precedence). For a
//! money request that means, in this order:
//!
//! 1. The terminal is registered under its slot, and enabled: else `UnknownTerminal`, no record. (An uploaded
//!    record that names another terminal is `WrongTerminal` here already: its identity can't be looked up.)
//! 2. The identity, unless the sequence is 0: see [`identity`]. A known identity is answered from memory.
//!    For top-ups the order number, for reversals the original's amount belong here too.
//! 3. The fields: `AmountNotPositive`, `AmountTooLarge`, `SequenceZero`, `NotPermitted`. No record.
//! 4. Everything else; a refusal from here on is a record, and remembered.
//!
//! # One file a request
//! A request's file has all that is its own: what it carries, where it leads and which shards it touches (`Ask`), its
//! rules, and the effects of the records that they make. `table.rs` has a row for each of them. What several have in
//! common stands here, in [`identity`], [`debit`], [`configuration`], [`card_state`] and [`office`].

pub mod account_close;
pub mod account_freeze;
pub mod account_limits;
pub mod adjust;
pub mod adjust_decide;
pub mod balance;
pub mod batch_settle;
pub mod bill_head;
pub mod bind_card;
pub mod block_list_active;
pub mod card_debit;
pub mod card_issue;
pub mod card_replace;
pub mod card_return;
pub mod card_state;
pub mod card_stock;
pub mod card_tap;
mod card_wallet;
pub mod cashier;
pub mod code_debit;
pub mod code_key_rotate;
pub mod code_revoke;
pub mod configuration;
pub mod cut_off;
pub mod debit;
mod fee;
pub mod gap_close;
mod give_back;
pub mod identity;
pub mod loss_lift;
pub mod loss_report;
pub mod meal_terms;
mod office;
pub mod offline;
pub mod open_account;
pub mod opening;
mod order;
mod original;
mod password;
pub mod password_debit;
pub mod password_set;
pub mod phone_change;
pub mod presentation;
mod pricing;
pub mod refund;
pub mod register_merchant;
pub mod register_terminal;
pub mod reversal;
pub mod sale_query;
pub mod scan_pay;
pub mod set_account_class;
pub mod set_account_terms;
pub mod set_meal_period;
pub mod set_office_rules;
pub mod set_policy;
pub mod set_price;
pub mod subsidy;
pub mod subsidy_lines;
pub mod subsidy_open;
pub mod subsidy_step;
mod table;
pub mod tap_confirm;
pub mod tender;
pub mod terminal_key;
pub mod told_post;
pub mod top_up;
pub mod top_up_undo;
pub mod virtual_bind;
mod virtual_card;
pub mod virtual_unbind;
pub mod void;

use protocol::ids::{AccountId, BusinessDate, CardUid, RecordNumber};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::account::Account;
use super::calendar::day_of;
use super::command::{AccountSelector, Channel, Command, Sale, Stamp, TerminalSlot};
use super::decision::{Decision, Group, Outcome};
use super::directory::{CardRoute, Directory};
use super::known::Known;
use super::lead::Lead;
use super::ledger_account::LedgerAccount;
use super::limits::AMOUNT_FEN_MAX;
use super::record::{MoneyFlags, MoneyRecord, Record, SuspenseReason, SuspenseRecord, channel_wallet};
use super::registry::{Registry, Terminal};
use super::shard::{Layout, Parts, ShardSet};
use super::terminal_entry::{TerminalEntry, suspense_key};

pub(super) use give_back::is_debit;
pub use table::Request;

/// What a request of the ledger says of itself. All but [`Ask::decide`] is asked before any shard is held.
trait Ask<'a> {
    /// Whether the registry or the directory may change: then both are needed for writing, and every shard.
    const CONFIGURES: bool = false;

    /// The identity of a money request, or of the sale asked about.
    fn sale(&self) -> Option<&Sale<'a>> {
        None
    }

    /// The account that it may be about, by the directory alone.
    fn lead(&self, _: &Directory) -> Lead {
        Lead::NONE
    }

    /// Asks for the directory's lines that [`Ask::lead`] reads.
    fn prefetch_route(&self, _: &Directory) {}

    /// The shards that it touches beside its till's and its lead's.
    fn also_touches(&self, _: Layout) -> ShardSet {
        ShardSet::default()
    }

    /// Decides it: see the [module](self) for the order of the checks.
    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a>;
}

/// The shards that must be held to decide and apply a command: the till's, the account's, the order number's.
///
/// A reversal's account is known only from its original, so it holds all. Configuration and the cut-off hold all,
/// and the registry and the directory for writing. Routing reads the directory without holding anything: what it
/// says is checked again by [`decide`], which must see the same directory.
pub fn shards_touched(directory: &Directory, shard_count: usize, command: &Command<'_>) -> ShardSet {
    shards_touched_with(shard_count, command, Lead::of(directory, command))
}

/// The same for a command whose lead was looked up.
#[inline]
pub fn shards_touched_with(shard_count: usize, command: &Command<'_>, lead: Lead) -> ShardSet {
    let layout = Layout::new(shard_count);
    let touched = command.request.shards(layout, lead);
    let Some(known) = command.known else { return touched };
    let till = known.till.map(|slot| layout.shard_of_terminal(slot));
    let account = known.account.map(|id| layout.shard_of_account(id));
    till.into_iter().chain(account).fold(touched, |touched, shard| touched.with(ShardSet::one(shard)))
}

/// Those of one kind of request.
#[inline(always)]
fn shards_of<'a, A: Ask<'a>>(ask: &A, layout: Layout, lead: Lead) -> ShardSet {
    if A::CONFIGURES {
        return ShardSet::all(layout.shard_count());
    }
    let of_account = lead.account().map(|account| ShardSet::one(layout.shard_of_account(account)));
    let of_till = ask.sale().map(|sale| ShardSet::one(layout.shard_of_terminal(sale.slot)));
    of_account.unwrap_or_default().with(of_till.unwrap_or_default()).with(ask.also_touches(layout))
}

/// Decides a command. The parts must hold [`shards_touched`]. The stamp is that of the staging buffer, which must
/// not move until the group is appended.
///
/// The same state, command and stamp always give the same decision.
pub fn decide<'a, P: Parts + ?Sized>(
    registry: &Registry,
    directory: &Directory,
    parts: &P,
    command: &Command<'a>,
    stamp: Stamp,
) -> Decision<'a> {
    decide_with(registry, directory, parts, command, Lead::NONE, stamp)
}

/// The same for a command whose lead was looked up. The decision is the same, whatever the lead.
pub fn decide_with<'a, P: Parts + ?Sized>(
    registry: &Registry,
    directory: &Directory,
    parts: &P,
    command: &Command<'a>,
    lead: Lead,
    stamp: Stamp,
) -> Decision<'a> {
    let desk = Desk {
        lead,
        registry,
        directory,
        parts,
        layout: Layout::new(parts.shard_count()),
        stamp,
        known: command.known,
        today: day_of(stamp.time_ns),
    };
    command.request.decide(&desk)
}

/// What a decision reads.
struct Desk<'s, P: Parts + ?Sized> {
    lead: Lead,
    registry: &'s Registry,
    directory: &'s Directory,
    parts: &'s P,
    layout: Layout,
    stamp: Stamp,
    known: Option<&'s Known>,
    /// The +08:00 day of this decision.
    today: u16,
}

/// The till that asks.
#[derive(Clone, Copy)]
struct Till<'s> {
    config: &'s Terminal,
    entry: &'s TerminalEntry,
}

/// A request under its identity: what every record of it has in common.
#[derive(Clone, Copy)]
struct Case<'s, 'a> {
    till: Till<'s>,
    sale: &'s Sale<'a>,
    digest: u64,
    channel: Channel,
    amount_fen: i64,
}

/// A person's account, found.
#[derive(Clone, Copy)]
struct Person<'s> {
    id: AccountId,
    account: &'s Account,
}

impl<'s, P: Parts + ?Sized> Desk<'s, P> {
    #[inline(always)]
    fn till(&self, sale: &Sale<'_>) -> Option<Till<'s>> {
        let config = self.registry.terminal(sale.slot).filter(|config| config.enabled)?;
        let entry = self.layout.terminal(self.parts, sale.slot)?;
        (config.terminal == sale.terminal).then_some(Till { config, entry })
    }

    fn unknown_terminal<'a>(&self, amount_fen: i64) -> Decision<'a> {
        let observed = self.registry.changed;
        Decision::NoRecord(Outcome::without_record(ResultCode::UnknownTerminal, amount_fen, observed))
    }

    #[inline]
    fn person(&self, id: AccountId) -> Option<Person<'s>> {
        Some(Person { id, account: self.layout.account(self.parts, id)? })
    }

    /// The account that a selector means.
    fn select(&self, selector: &AccountSelector) -> Result<Person<'s>, ResultCode> {
        match selector {
            // The number that stands for no account on the wire leads to no shard, so none of them may be asked.
            AccountSelector::Account(account) => Lead::to(Some(*account))
                .account()
                .and_then(|id| self.person(id))
                .ok_or(ResultCode::UnknownAccount),
            AccountSelector::StudentNumber(text) => self
                .directory
                .student_number_candidate(text)
                .and_then(|id| self.person(id))
                .filter(|person| person.account.student_number == *text)
                .ok_or(ResultCode::UnknownAccount),
            AccountSelector::Card(card_uid) => self.current_card(*card_uid).map_err(|(code, _)| code),
        }
    }

    /// The answer to a question about an account that isn't there.
    fn not_selected<'a>(&self, code: ResultCode) -> Decision<'a> {
        Decision::NoRecord(Outcome::without_record(code, 0, self.registry.changed))
    }

    /// The account that has or had this card.
    #[inline]
    fn card_holder(&self, uid: CardUid) -> Option<Person<'s>> {
        // What has the card now is what the directory knows of it: only binding a card sets it, in both.
        if let Some(person) = self.lead.account().and_then(|id| self.person(id))
            && person.account.card_uid == uid.0
            && uid.0 != 0
        {
            debug_assert_eq!(self.directory.card(uid), CardRoute::Account(person.id));
            return Some(person);
        }
        self.directory.card(uid).account().and_then(|id| self.person(id))
    }

    /// The account that had this card at a time.
    #[inline]
    fn card_holder_at(&self, uid: CardUid, time_ns: u64) -> Option<Person<'s>> {
        // The lead was looked up for the same time.
        if let Some(person) = self.lead.account().and_then(|id| self.person(id))
            && person.account.card_uid == uid.0
            && uid.0 != 0
        {
            debug_assert_eq!(self.directory.card_at(uid, time_ns), CardRoute::Account(person.id));
            return Some(person);
        }
        self.directory.card_at(uid, time_ns).account().and_then(|id| self.person(id))
    }

    /// The account that has this card now. A refusal tells the account too, when there is one.
    #[inline]
    fn current_card(&self, uid: CardUid) -> Result<Person<'s>, (ResultCode, Option<Person<'s>>)> {
        let Some(person) = self.card_holder(uid) else { return Err((ResultCode::UnknownCard, None)) };
        if person.account.card_uid != uid.0 {
            return Err((ResultCode::CardNotCurrent, Some(person)));
        }
        if person.account.card_lost {
            return Err((ResultCode::CardLost, Some(person)));
        }
        Ok(person)
    }

    fn date(&self) -> BusinessDate {
        self.registry.business_date
    }

    /// The 4xx group: what no request may carry, and leaves no trace.
    #[inline]
    fn bad_field(&self, case: &Case<'_, '_>, permitted: bool) -> Option<ResultCode> {
        if case.amount_fen <= 0 {
            Some(ResultCode::AmountNotPositive)
        } else if case.amount_fen > AMOUNT_FEN_MAX {
            Some(ResultCode::AmountTooLarge)
        } else {
            self.bad_identity(case, permitted)
        }
    }

    /// The same of a request that moves no money.
    fn bad_identity(&self, case: &Case<'_, '_>, permitted: bool) -> Option<ResultCode> {
        if case.sale.sequence.0 == 0 {
            Some(ResultCode::SequenceZero)
        } else if !permitted {
            Some(ResultCode::NotPermitted)
        } else {
            None
        }
    }

    fn transient<'a>(&self, case: &Case<'_, 'a>, code: ResultCode) -> Decision<'a> {
        let observed = case.till.entry.head().max(self.registry.changed);
        Decision::NoRecord(Outcome::without_record(code, case.amount_fen, observed))
    }

    /// The record of a request, without its two sides.
    #[inline]
    fn money(&self, case: &Case<'_, '_>, code: ResultCode) -> MoneyRecord {
        MoneyRecord {
            terminal: U32::new(case.sale.terminal.0),
            sequence: U32::new(case.sale.sequence.0),
            epoch: U16::new(case.sale.epoch.0),
            business_date: U16::new(self.date().0),
            code: U16::new(code.number()),
            slot: U16::new(case.sale.slot.0),
            debit: U32::new(LedgerAccount::NONE.bits()),
            credit: U32::new(LedgerAccount::NONE.bits()),
            amount_fen: I64::new(case.amount_fen),
            balance_after_fen: I64::ZERO,
            previous_account: U64::ZERO,
            previous_counter: U64::ZERO,
            previous_terminal: U64::new(case.till.entry.head),
            digest: U64::new(case.digest),
            token: U32::ZERO,
            limit_day: U16::ZERO,
            channel_wallet: case.channel as u8,
            flags: 0,
        }
    }

    /// What is decided behind a record of the same till, in its group.
    fn then<'a>(&self, first: Record<'a>, rest: impl FnOnce(&Desk<'_, P>) -> Decision<'a>) -> Decision<'a> {
        let number = self.stamp.number;
        let stamp = Stamp { number: RecordNumber(number.0 + 1), ..self.stamp };
        rest(&Desk { stamp, ..*self }).behind(first, |at, record| {
            if at == 0
                && let Some(money) = record.money_mut()
            {
                money.previous_terminal = U64::new(number.0);
            }
        })
    }

    /// The newest record of a hot account's part.
    #[inline]
    fn hot_head(&self, shard: usize, account: LedgerAccount) -> U64 {
        U64::new(self.parts.shard(shard).hot.part(account).map_or(0, |part| part.head))
    }

    /// The memo of a request that moves nothing, with the person it concerns.
    fn memo(&self, case: &Case<'_, '_>, code: ResultCode, person: Option<Person<'_>>) -> MoneyRecord {
        let mut money = self.money(case, code);
        if let Some(person) = person {
            money.debit = U32::new(LedgerAccount::person(person.id).bits());
            money.balance_after_fen = I64::new(person.account.system_fen());
            money.previous_account = U64::new(person.account.head);
        }
        money
    }

    /// The outcome that goes with a record of this request.
    fn outcome(&self, money: &MoneyRecord, code: ResultCode, record: RecordNumber) -> Outcome {
        Outcome {
            code,
            account: money.person(),
            amount_fen: money.amount_fen.get(),
            balance_after_fen: money.balance_after_fen.get(),
            record,
            observed: record,
            repeat: false,
        }
    }

    fn refuse<'a>(&self, case: &Case<'_, 'a>, code: ResultCode, person: Option<Person<'_>>) -> Decision<'a> {
        self.refuse_with(case, code, person, MoneyFlags::default(), 0)
    }

    fn refuse_with<'a>(
        &self,
        case: &Case<'_, 'a>,
        code: ResultCode,
        person: Option<Person<'_>>,
        flags: MoneyFlags,
        token: u32,
    ) -> Decision<'a> {
        let mut money = self.memo(case, code, person);
        money.flags = flags.0;
        money.token = U32::new(token);
        let outcome = self.outcome(&money, code, self.stamp.number);
        Decision::Done { outcome, group: Group::one(Record::Refusal(money)) }
    }

    /// Keeps a request out of the books: with a suspense record if there is room for it and `worth_it`.
    fn suspend<'a>(
        &self,
        case: &Case<'_, 'a>,
        code: ResultCode,
        reason: SuspenseReason,
        record: RecordNumber,
        worth_it: bool,
    ) -> Decision<'a> {
        let entry = case.till.entry;
        let mut outcome =
            Outcome::without_record(code, case.amount_fen, entry.head().max(self.registry.changed));
        outcome.record = record;
        let key = suspense_key(case.sale.epoch.0, case.sale.sequence.0, case.digest);
        if !worth_it || !entry.may_suspend(self.date(), key) {
            return Decision::NoRecord(outcome);
        }
        let bytes = &case.sale.raw[..case.sale.raw.len().min(super::limits::SUSPENSE_BYTES_MAX)];
        let suspense = SuspenseRecord {
            terminal: U32::new(case.sale.terminal.0),
            sequence: U32::new(case.sale.sequence.0),
            epoch: U16::new(case.sale.epoch.0),
            business_date: U16::new(self.date().0),
            code: U16::new(code.number()),
            slot: U16::new(case.sale.slot.0),
            digest: U64::new(case.digest),
            previous_terminal: U64::new(entry.head),
            amount_fen: I64::new(case.amount_fen),
            reason: reason as u8,
            reserved: 0,
            // At most SUSPENSE_BYTES_MAX, which fits.
            bytes: U16::new(bytes.len() as u16),
            reserved_2: U32::ZERO,
        };
        outcome.observed = self.stamp.number;
        Decision::Done { outcome, group: Group::one(Record::Suspense(suspense, bytes)) }
    }
}

const _: () = assert!(TerminalSlot(MoneyRecord::NO_SLOT).0 == super::limits::TERMINALS_MAX);
