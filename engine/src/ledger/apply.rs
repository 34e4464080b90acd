//! Records change state: the one way in which anything here ever changes, live and in replay.
//!
//! Applying adds up, links chains and marks; it decides nothing. What it checks are the log's own claims: that
//! each chain continues where the state stands, and that the balance written down is what the postings add up
//! to. A failed check means a log or a state that don't belong together, never a request that went wrong; the
//! state is then half-changed and must be thrown away.

use protocol::ids::{AccountId, BusinessDate, Epoch, RecordNumber, Sequence, TerminalId};
use protocol::result_code::ResultCode;

use super::account::{Account, AccountStatus};
use super::command::TerminalSlot;
use super::directory::{CardRoute, Directory};
use super::error::LedgerError;
use super::history::remember;
use super::ledger_account::LedgerAccount;
use super::limits::{AMOUNT_FEN_MAX, BALANCE_FEN_MAX};
use super::orders::{Order, OrderKey};
use super::outcome_ring::RememberedOutcome;
use super::record::{
    AccountTermsSetRecord, MoneyFlags, MoneyRecord, OfflineDebitRecord, Record, ReversalRecord,
    SuspenseRecord, TerminalRegisteredRecord, TopUpRecord, Wallet,
};
use super::registry::{AuthoriseRule, MealPeriod, Merchant, Name, Policy, Registry, Terminal, TerminalKind};
use super::shard::{Layout, Parts};
use super::terminal_entry::{TerminalEntry, suspense_key};

/// Applies any record. In replay, every record of the log in order; configuration needs every shard.
///
/// # Errors
/// The record doesn't belong to this state, or a table is too small for it.
pub fn apply<P: Parts + ?Sized>(
    registry: &mut Registry,
    directory: &mut Directory,
    parts: &mut P,
    number: RecordNumber,
    time_ns: u64,
    record: &Record<'_>,
) -> Result<(), LedgerError> {
    if record.kind().needs_shards_only() {
        apply_posting(parts, number, time_ns, record)
    } else {
        apply_configuration(registry, directory, parts, number, time_ns, record)
    }
}

/// Applies a record of money, a memo or a suspense record: what [`super::record::RecordKind::needs_shards_only`]
/// says. Needs the shards that its command touched.
///
/// # Errors
/// As [`apply`]; a configuration record is [`LedgerError::BadField`].
pub fn apply_posting<P: Parts + ?Sized>(
    parts: &mut P,
    number: RecordNumber,
    time_ns: u64,
    record: &Record<'_>,
) -> Result<(), LedgerError> {
    let mut posting = Posting { layout: Layout::new(parts.shard_count()), parts, number, time_ns };
    match record {
        Record::Debit(r) => posting.debit(r, record),
        Record::Load(r) => posting.load(r),
        Record::TopUp(r) => posting.top_up(r, record),
        Record::Opening(r) => posting.opening(r),
        Record::Reversal(r) => posting.reversal(r, record),
        Record::OfflineDebit(r) => posting.offline_debit(r, record),
        Record::Refusal(r) => posting.refusal(r, record),
        Record::ReversalBeforeOriginal(r) => posting.reversal_before_original(r, record),
        Record::Repeat(r) => posting.memo(&r.money, record),
        Record::Suspense(r, _) => posting.suspense(r),
        _ => Err(posting.bad("kind")),
    }
}

struct Posting<'p, P: Parts + ?Sized> {
    parts: &'p mut P,
    layout: Layout,
    number: RecordNumber,
    time_ns: u64,
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    fn bad(&self, field: &'static str) -> LedgerError {
        LedgerError::BadField { number: self.number, field }
    }

    fn amount_fen(&self, money: &MoneyRecord) -> Result<i64, LedgerError> {
        // Within this bound no sum of a log's lifetime leaves the range of i64.
        let amount_fen = money.amount_fen.get();
        if (1..=AMOUNT_FEN_MAX).contains(&amount_fen) { Ok(amount_fen) } else { Err(self.bad("amount_fen")) }
    }

    fn person(&self, account: LedgerAccount) -> Result<AccountId, LedgerError> {
        account.as_person().ok_or_else(|| self.bad("debit or credit"))
    }

    fn wallet(&self, money: &MoneyRecord) -> Result<Wallet, LedgerError> {
        money.wallet().ok_or_else(|| self.bad("wallet"))
    }

    /// Changes a person's account, checks what the record claims about it, and links the record into its chain.
    #[inline(always)]
    fn post_person(
        &mut self,
        person: AccountId,
        money: &MoneyRecord,
        change: impl FnOnce(&mut Account),
    ) -> Result<(), LedgerError> {
        let number = self.number;
        let account = self
            .layout
            .account_mut(self.parts, person)
            .ok_or(LedgerError::NotKnown { number, what: "the account" })?;
        check_chain(number, "account", money.previous_account.get(), account.head)?;
        change(account);
        let computed_fen = account.system_fen();
        let recorded_fen = money.balance_after_fen.get();
        if computed_fen != recorded_fen {
            return Err(LedgerError::BalanceMismatch { number, account: person, computed_fen, recorded_fen });
        }
        account.link(number.0, self.time_ns);
        Ok(())
    }

    /// Adds to a hot account's part in a shard, and links the record into the part's chain.
    #[inline]
    fn post_hot(&mut self, shard: usize, account: LedgerAccount, amount_fen: i64) -> Result<(), LedgerError> {
        let number = self.number;
        let part = self
            .parts
            .shard_mut(shard)
            .hot
            .part_mut(account)
            .ok_or(LedgerError::NotKnown { number, what: "the hot account" })?;
        part.total_fen += amount_fen;
        part.postings += 1;
        part.head = number.0;
        Ok(())
    }

    /// The entry of the till that sent it, after its chain was checked and with its epoch opened.
    #[inline]
    fn till(&mut self, money: &MoneyRecord) -> Result<&mut TerminalEntry, LedgerError> {
        let terminal = TerminalId(money.terminal.get());
        let slot = TerminalSlot(money.slot.get());
        let entry = self.entry(terminal, slot, money.previous_terminal.get())?;
        if money.epoch.get() > entry.epoch.0 {
            entry.epoch = Epoch(money.epoch.get());
            entry.gaps = super::gaps::Gaps::EMPTY;
        }
        Ok(entry)
    }

    #[inline]
    fn entry(
        &mut self,
        terminal: TerminalId,
        slot: TerminalSlot,
        previous: u64,
    ) -> Result<&mut TerminalEntry, LedgerError> {
        let number = self.number;
        let entry = self
            .layout
            .terminal_mut(self.parts, slot)
            .filter(|entry| entry.terminal == terminal)
            .ok_or(LedgerError::NotKnown { number, what: "the terminal" })?;
        check_chain(number, "terminal", previous, entry.head)?;
        entry.head = number.0;
        Ok(entry)
    }

    /// Marks the identity as received, and remembers its outcome.
    #[inline(always)]
    fn post_till(
        &mut self,
        money: &MoneyRecord,
        record: &Record<'_>,
    ) -> Result<&mut TerminalEntry, LedgerError> {
        let (number, time_ns) = (self.number, self.time_ns);
        let entry = self.till(money)?;
        let sequence = money.sequence.get();
        // An offline fact may name an older epoch; its sequences aren't counted any more.
        let counts = money.epoch.get() == entry.epoch.0;
        if counts && entry.gaps.insert_next(sequence) {
            entry.ring.put_newest(&remember(number, time_ns, money, record));
            return Ok(entry);
        }
        if counts && !entry.gaps.insert(sequence) {
            return Err(LedgerError::BadField { number, field: "sequence" });
        }
        entry.ring.put(&remember(number, time_ns, money, record));
        Ok(entry)
    }

    #[inline(always)]
    fn debit(&mut self, money: &MoneyRecord, record: &Record<'_>) -> Result<(), LedgerError> {
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.debit_account())?;
        let wallet = self.wallet(money)?;
        self.post_person(person, money, |account| {
            *account.wallet_fen_mut(wallet) -= amount_fen;
            account.add_spent(money.limit_day.get(), amount_fen);
            mark_credential(account, money);
        })?;
        self.post_hot(self.layout.shard_of_account(person), money.credit_account(), amount_fen)?;
        self.post_till(money, record)?;
        Ok(())
    }

    fn load(&mut self, money: &MoneyRecord) -> Result<(), LedgerError> {
        // Offline facts add up: a card wallet may lack more than one request can ask for.
        let amount_fen = money.amount_fen.get();
        if !(1..=2 * BALANCE_FEN_MAX).contains(&amount_fen) {
            return Err(self.bad("amount_fen"));
        }
        let person = self.person(money.debit_account())?;
        self.post_person(person, money, |account| {
            account.electronic_fen -= amount_fen;
            account.card_fen += amount_fen;
        })?;
        // The debit that follows in the group has the identity.
        self.till(money)?;
        Ok(())
    }

    fn top_up(&mut self, top_up: &TopUpRecord, record: &Record<'_>) -> Result<(), LedgerError> {
        let money = &top_up.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.credit_account())?;
        let wallet = self.wallet(money)?;
        self.post_person(person, money, |account| *account.wallet_fen_mut(wallet) += amount_fen)?;
        self.post_hot(self.layout.shard_of_account(person), money.debit_account(), -amount_fen)?;
        self.post_till(money, record)?;
        let key = OrderKey::new(money.channel_wallet & 0x0f, &top_up.order_number);
        let order = Order {
            key,
            record: self.number.0,
            amount_fen,
            balance_after_fen: money.balance_after_fen.get(),
            account: person.0,
        };
        if !self.parts.shard_mut(key.shard(self.layout.mask())).orders.insert(order) {
            return Err(LedgerError::TableFull { table: "top-up orders" });
        }
        Ok(())
    }

    fn opening(&mut self, money: &MoneyRecord) -> Result<(), LedgerError> {
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.credit_account())?;
        let wallet = self.wallet(money)?;
        self.post_person(person, money, |account| {
            *account.wallet_fen_mut(wallet) += amount_fen;
            account.opening_posted = true;
        })?;
        self.post_hot(self.layout.shard_of_account(person), money.debit_account(), -amount_fen)
    }

    fn reversal(&mut self, reversal: &ReversalRecord, record: &Record<'_>) -> Result<(), LedgerError> {
        let money = &reversal.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.credit_account())?;
        let wallet = self.wallet(money)?;
        self.post_person(person, money, |account| {
            *account.wallet_fen_mut(wallet) += amount_fen;
            account.add_spent(money.limit_day.get(), -amount_fen);
        })?;
        self.post_hot(self.layout.shard_of_account(person), money.debit_account(), -amount_fen)?;
        let entry = self.post_till(money, record)?;
        let original = reversal.original();
        if let Some(outcome) = entry.ring.get_mut(original.epoch, original.sequence) {
            outcome.reversed = true;
        }
        Ok(())
    }

    fn offline_debit(
        &mut self,
        offline: &OfflineDebitRecord,
        record: &Record<'_>,
    ) -> Result<(), LedgerError> {
        let money = &offline.money;
        let amount_fen = self.amount_fen(money)?;
        let shard = if let Some(person) = money.debit_account().as_person() {
            let wallet = self.wallet(money)?;
            self.post_person(person, money, |account| {
                *account.wallet_fen_mut(wallet) -= amount_fen;
                account.add_spent(money.limit_day.get(), amount_fen);
            })?;
            self.layout.shard_of_account(person)
        } else {
            let shard = self.layout.shard_of_terminal(TerminalSlot(money.slot.get()));
            self.post_hot(shard, money.debit_account(), -amount_fen)?;
            shard
        };
        self.post_hot(shard, money.credit_account(), amount_fen)?;
        self.post_till(money, record)?;
        Ok(())
    }

    /// What leaves every balance as it is: links and remembers.
    fn memo(&mut self, money: &MoneyRecord, record: &Record<'_>) -> Result<(), LedgerError> {
        if let Some(person) = money.debit_account().as_person() {
            self.post_person(person, money, |account| mark_credential(account, money))?;
        }
        self.post_till(money, record)?;
        Ok(())
    }

    fn refusal(&mut self, money: &MoneyRecord, record: &Record<'_>) -> Result<(), LedgerError> {
        self.memo(money, record)?;
        if money.result_code() == Some(ResultCode::CodeNotAuthentic) {
            let time_ns = self.time_ns;
            let slot = TerminalSlot(money.slot.get());
            if let Some(entry) = self.layout.terminal_mut(self.parts, slot) {
                entry.count_bad_code(time_ns);
            }
        }
        Ok(())
    }

    fn reversal_before_original(
        &mut self,
        reversal: &ReversalRecord,
        record: &Record<'_>,
    ) -> Result<(), LedgerError> {
        let (number, time_ns) = (self.number, self.time_ns);
        let money = &reversal.money;
        let original = reversal.original();
        let entry = self.till(money)?;
        // The original first: a reversal sent next after it then opens no gap.
        if original.epoch == entry.epoch && !entry.gaps.insert(original.sequence.0) {
            return Err(LedgerError::BadField { number, field: "original_sequence" });
        }
        if !entry.gaps.insert(money.sequence.get()) {
            return Err(LedgerError::BadField { number, field: "sequence" });
        }
        let own = remember(number, time_ns, money, record);
        entry.ring.put(&RememberedOutcome {
            epoch: original.epoch.0,
            sequence: original.sequence.0,
            tombstone: true,
            ..own
        });
        entry.ring.put(&own);
        Ok(())
    }

    fn suspense(&mut self, suspense: &SuspenseRecord) -> Result<(), LedgerError> {
        let terminal = TerminalId(suspense.terminal.get());
        let slot = TerminalSlot(suspense.slot.get());
        let entry = self.entry(terminal, slot, suspense.previous_terminal.get())?;
        let (epoch, sequence) = (suspense.epoch.get(), suspense.sequence.get());
        let key = suspense_key(epoch, sequence, suspense.digest.get());
        entry.count_suspense(BusinessDate(suspense.business_date.get()), key);
        if suspense.is_of_sale()
            && let Some(outcome) = entry.ring.get_mut(Epoch(epoch), Sequence(sequence))
        {
            outcome.suspended = true;
        }
        Ok(())
    }
}

#[inline]
fn check_chain(
    number: RecordNumber,
    chain: &'static str,
    recorded: u64,
    expected: u64,
) -> Result<(), LedgerError> {
    if recorded == expected && number.0 > expected {
        Ok(())
    } else {
        Err(LedgerError::BrokenChain { number, chain, recorded, expected })
    }
}

#[inline]
fn mark_credential(account: &mut Account, money: &MoneyRecord) {
    if let Some(counter) = money.card_counter() {
        account.card_counter = counter.0;
    }
    if let Some((step, nonce)) = money.code_step_nonce() {
        account.mark_code_used(step, nonce);
    }
}

/// Applies a configuration record. Needs every shard.
///
/// # Errors
/// As [`apply`]; another record is [`LedgerError::BadField`].
pub fn apply_configuration<P: Parts + ?Sized>(
    registry: &mut Registry,
    directory: &mut Directory,
    parts: &mut P,
    number: RecordNumber,
    time_ns: u64,
    record: &Record<'_>,
) -> Result<(), LedgerError> {
    let mut setting =
        Setting { layout: Layout::new(parts.shard_count()), registry, directory, parts, number, time_ns };
    setting.apply(record)?;
    registry.changed = number;
    Ok(())
}

struct Setting<'s, P: Parts + ?Sized> {
    registry: &'s mut Registry,
    directory: &'s mut Directory,
    parts: &'s mut P,
    layout: Layout,
    number: RecordNumber,
    time_ns: u64,
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    fn bad(&self, field: &'static str) -> LedgerError {
        LedgerError::BadField { number: self.number, field }
    }

    fn name(&self, bytes: &[u8]) -> Result<Name, LedgerError> {
        core::str::from_utf8(bytes).ok().and_then(Name::new).ok_or_else(|| self.bad("name"))
    }

    /// Changes an account and links the record into its chain.
    fn change_account(
        &mut self,
        account: u32,
        previous: u64,
        change: impl FnOnce(&mut Account),
    ) -> Result<(), LedgerError> {
        let number = self.number;
        let account = self
            .layout
            .account_mut(self.parts, AccountId(account))
            .ok_or(LedgerError::NotKnown { number, what: "the account" })?;
        check_chain(number, "account", previous, account.head)?;
        change(account);
        account.link(number.0, self.time_ns);
        Ok(())
    }

    fn apply(&mut self, record: &Record<'_>) -> Result<(), LedgerError> {
        match record {
            Record::AccountOpened(r) => self.open_account(&r.student_number, r.account.get(), r.class),
            Record::CardBound(r) => {
                let (uid, account) = (r.card_uid.get(), AccountId(r.account.get()));
                if self.directory.card(protocol::ids::CardUid(uid)) != CardRoute::Unknown {
                    return Err(self.bad("card_uid"));
                }
                self.change_account(account.0, r.previous_account.get(), |account| {
                    account.card_uid = uid;
                    account.card_counter = 0;
                    account.card_lost = false;
                })?;
                if !self.directory.insert_card(protocol::ids::CardUid(uid), account) {
                    return Err(LedgerError::TableFull { table: "cards" });
                }
                Ok(())
            }
            Record::CardConflict(r) => {
                let uid = r.card_uid.get();
                self.change_account(r.first.get(), r.previous_first.get(), |account| {
                    if account.card_uid == uid {
                        account.card_uid = 0;
                    }
                })?;
                self.change_account(r.second.get(), r.previous_second.get(), |_| {})?;
                if self.directory.set_conflicted(protocol::ids::CardUid(uid)) {
                    Ok(())
                } else {
                    Err(self.bad("card_uid"))
                }
            }
            Record::AccountTermsSet(r) => self.set_account_terms(r),
            Record::MerchantRegistered(r, name) => {
                let number = self.number;
                let merchant = protocol::ids::MerchantId(r.merchant.get());
                let name = self.name(name)?;
                let place = self
                    .registry
                    .merchants
                    .get_mut(merchant.0 as usize)
                    .ok_or(LedgerError::TableFull { table: "merchants" })?;
                let enabled = flag(number, "enabled", r.enabled)?;
                *place = Some(Merchant { merchant, name, enabled });
                Ok(())
            }
            Record::TerminalRegistered(r) => self.register_terminal(r),
            Record::PolicySet(r) => {
                let rule = AuthoriseRule::from_number(r.rule).ok_or_else(|| self.bad("rule"))?;
                let number = self.number;
                let policy = self
                    .registry
                    .policies
                    .get_mut(usize::from(r.class))
                    .ok_or(LedgerError::BadField { number, field: "class" })?;
                *policy = Policy {
                    floor_fen: r.floor_fen.get(),
                    debit_max_fen: r.debit_max_fen.get(),
                    day_max_fen: r.day_max_fen.get(),
                    offline_debit_max_fen: r.offline_debit_max_fen.get(),
                    offline_day_max_fen: r.offline_day_max_fen.get(),
                    rule,
                };
                Ok(())
            }
            Record::MealPeriodSet(r, name) => {
                let name = self.name(name)?;
                let (start_minute, end_minute) = (r.start_minute.get(), r.end_minute.get());
                let number = self.number;
                let place = self
                    .registry
                    .meal_periods
                    .get_mut(usize::from(r.period))
                    .ok_or(LedgerError::BadField { number, field: "period" })?;
                *place = (start_minute < end_minute).then_some(MealPeriod { name, start_minute, end_minute });
                Ok(())
            }
            Record::CutOff(r) => {
                if r.closed.get() != self.registry.business_date.0 {
                    return Err(self.bad("closed"));
                }
                self.registry.business_date = BusinessDate(r.opened.get());
                Ok(())
            }
            _ => Err(self.bad("kind")),
        }
    }

    fn open_account(
        &mut self,
        student_number: &[u8; 16],
        account: u32,
        class: u8,
    ) -> Result<(), LedgerError> {
        if account != self.registry.accounts {
            return Err(self.bad("account"));
        }
        if account >= self.registry.accounts_max {
            return Err(LedgerError::TableFull { table: "accounts" });
        }
        let id = AccountId(account);
        if !self.directory.insert_student_number(student_number, id) {
            return Err(LedgerError::TableFull { table: "student numbers" });
        }
        let mut opened = Account::new(*student_number, class);
        opened.link(self.number.0, self.time_ns);
        self.parts.shard_mut(self.layout.shard_of_account(id)).accounts.push(opened);
        self.registry.accounts += 1;
        Ok(())
    }

    fn set_account_terms(&mut self, r: &AccountTermsSetRecord) -> Result<(), LedgerError> {
        let status = AccountStatus::from_number(r.status).ok_or_else(|| self.bad("status"))?;
        let card_lost = flag(self.number, "card_lost", r.card_lost)?;
        self.change_account(r.account.get(), r.previous_account.get(), |account| {
            account.status = status;
            account.card_lost = card_lost;
            account.class = r.class;
            account.debit_max_fen = r.debit_max_fen.get();
            account.day_max_fen = r.day_max_fen.get();
        })
    }

    fn register_terminal(&mut self, r: &TerminalRegisteredRecord) -> Result<(), LedgerError> {
        let slot = TerminalSlot(r.slot.get());
        let terminal = Terminal {
            terminal: TerminalId(r.terminal.get()),
            merchant: protocol::ids::MerchantId(r.merchant.get()),
            key_version: r.key_version.get(),
            slot,
            kind: TerminalKind::from_number(r.kind).ok_or_else(|| self.bad("kind of terminal"))?,
            enabled: flag(self.number, "enabled", r.enabled)?,
        };
        match self.registry.position(terminal.terminal) {
            Ok(at) => {
                if self.registry.slots_by_terminal[at] != slot {
                    return Err(self.bad("slot"));
                }
                self.registry.terminals[usize::from(slot.0)] = terminal;
            }
            Err(at) => {
                if usize::from(slot.0) != self.registry.terminals.len() {
                    return Err(self.bad("slot"));
                }
                if slot.0 >= self.registry.terminals_max {
                    return Err(LedgerError::TableFull { table: "terminals" });
                }
                self.registry.terminals.push(terminal);
                self.registry.slots_by_terminal.insert(at, slot);
                let shard = self.parts.shard_mut(self.layout.shard_of_terminal(slot));
                shard.terminals.push(TerminalEntry::new(terminal.terminal, shard.outcomes_per_terminal));
            }
        }
        Ok(())
    }
}

fn flag(number: RecordNumber, field: &'static str, value: u8) -> Result<bool, LedgerError> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(LedgerError::BadField { number, field }),
    }
}

/// An offline fact never raises the card counter: `MoneyFlags::CARD` isn't among its flags.
const _: () = assert!(!MoneyFlags::REVIEW.has(MoneyFlags::CARD));
