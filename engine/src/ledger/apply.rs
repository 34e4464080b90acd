//! Records change state: the one way in which anything here ever changes, live and in replay.
//!
//! Applying adds up, links chains and marks; it decides nothing. What it checks are the log's own claims: that
//! each chain continues where the state stands, and that the balance written down is what the postings add up
//! to. A failed check means a log or a state that don't belong together, never a request that went wrong; the
//! state is then half-changed and must be thrown away.

use protocol::ids::{AccountId, BusinessDate, Epoch, RecordNumber, Sequence, TerminalId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::I64;

use super::account::{Account, Marks};
use super::command::TerminalSlot;
use super::directory::Directory;
use super::error::LedgerError;
use super::history::remember;
use super::ledger_account::LedgerAccount;
use super::limits::{AMOUNT_FEN_MAX, BALANCE_FEN_MAX};
use super::outcome_ring::OutcomeMarks;
use super::record::{MoneyFlags, MoneyRecord, Record, RecordKind, SuspenseRecord, Wallet, Wallets};
use super::registry::{Name, Registry};
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
    let (layout, kind) = (Layout::new(parts.shard_count()), record.kind());
    record.post(&mut Posting { parts, layout, number, time_ns, kind })
}

/// A record of money, a memo or a suspense record, having its effect. Each kind's is a method, in the file of the rule
/// that makes such records; here is what they have in common, and what every rule makes.
pub(super) struct Posting<'p, P: Parts + ?Sized> {
    pub(super) parts: &'p mut P,
    pub(super) layout: Layout,
    pub(super) number: RecordNumber,
    pub(super) time_ns: u64,
    pub(super) kind: RecordKind,
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(super) fn bad(&self, field: &'static str) -> LedgerError {
        LedgerError::BadField { number: self.number, field }
    }

    pub(super) fn amount_fen(&self, money: &MoneyRecord) -> Result<i64, LedgerError> {
        // Within this bound no sum of a log's lifetime leaves the range of i64.
        let amount_fen = money.amount_fen.get();
        if (1..=AMOUNT_FEN_MAX).contains(&amount_fen) { Ok(amount_fen) } else { Err(self.bad("amount_fen")) }
    }

    pub(super) fn person(&self, account: LedgerAccount) -> Result<AccountId, LedgerError> {
        account.as_person().ok_or_else(|| self.bad("debit or credit"))
    }

    pub(super) fn wallet(&self, money: &MoneyRecord) -> Result<Wallet, LedgerError> {
        money.wallet().ok_or_else(|| self.bad("wallet"))
    }

    /// Changes a person's account, checks what the record claims about it, and links the record into its chain.
    #[inline(always)]
    pub(super) fn post_person(
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

    /// The same for a record that says what changes in each wallet; all of it together is `sum_fen`.
    pub(super) fn post_wallets(
        &mut self,
        person: AccountId,
        money: &MoneyRecord,
        wallets: &Wallets,
        sum_fen: i64,
        change: impl FnOnce(&mut Account),
    ) -> Result<(), LedgerError> {
        // A wallet may lack more than one request can ask for: see `load`. Within this bound no sum overflows.
        let within = |fen: i64| (-2 * BALANCE_FEN_MAX..=2 * BALANCE_FEN_MAX).contains(&fen);
        let parts_fen = [wallets.card_fen, wallets.transition_fen, wallets.electronic_fen].map(I64::get);
        let fits = parts_fen.into_iter().chain([wallets.subsidy_fen.get()]).all(within);
        if !fits || parts_fen.iter().sum::<i64>() != sum_fen {
            return Err(self.bad("wallets"));
        }
        let mut possible = false;
        self.post_person(person, money, |account| {
            possible = account.change_wallets(wallets);
            change(account);
        })?;
        if possible { Ok(()) } else { Err(self.bad("subsidy_fen")) }
    }

    /// Adds to a hot account's part in a shard, and links the record into the part's chain.
    #[inline]
    pub(super) fn post_hot(
        &mut self,
        shard: usize,
        account: LedgerAccount,
        amount_fen: i64,
    ) -> Result<(), LedgerError> {
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
    pub(super) fn till(&mut self, money: &MoneyRecord) -> Result<&mut TerminalEntry, LedgerError> {
        let terminal = TerminalId(money.terminal.get());
        let slot = TerminalSlot(money.slot.get());
        let entry = self.entry(terminal, slot, money.previous_terminal.get())?;
        if money.epoch.get() > entry.epoch.0 {
            entry.epoch = Epoch(money.epoch.get());
            entry.gaps = super::gaps::Gaps::EMPTY;
        }
        Ok(entry)
    }

    /// The entry of a till, after its chain was checked.
    #[inline]
    pub(super) fn entry(
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
    pub(super) fn post_till(&mut self, money: &MoneyRecord) -> Result<&mut TerminalEntry, LedgerError> {
        self.post_till_with(money, 0)
    }

    /// The same for a debit, online or offline, that used so much subsidy.
    #[inline(always)]
    pub(super) fn post_till_with(
        &mut self,
        money: &MoneyRecord,
        subsidy_used_fen: u32,
    ) -> Result<&mut TerminalEntry, LedgerError> {
        let (number, time_ns, kind) = (self.number, self.time_ns, self.kind);
        let entry = self.till(money)?;
        let sequence = money.sequence.get();
        // An offline fact may name an older epoch; its sequences aren't counted any more.
        let counts = money.epoch.get() == entry.epoch.0;
        if counts && entry.gaps.insert_next(sequence) {
            entry.ring.put_newest(&remember(number, time_ns, money, kind, subsidy_used_fen));
            return Ok(entry);
        }
        if counts && !entry.gaps.insert(sequence, seconds_of(time_ns)) {
            return Err(LedgerError::BadField { number, field: "sequence" });
        }
        entry.ring.put(&remember(number, time_ns, money, kind, subsidy_used_fen));
        Ok(entry)
    }

    /// What leaves every balance as it is: links and remembers.
    pub(super) fn memo(&mut self, money: &MoneyRecord) -> Result<(), LedgerError> {
        if let Some(person) = money.debit_account().as_person() {
            self.post_person(person, money, |account| {
                mark_credential(account, money);
            })?;
        }
        self.post_till(money)?;
        Ok(())
    }

    pub(super) fn refusal(&mut self, money: &MoneyRecord) -> Result<(), LedgerError> {
        self.memo(money)?;
        let time_ns = self.time_ns;
        match money.result_code() {
            Some(ResultCode::CodeNotAuthentic) => {
                let slot = TerminalSlot(money.slot.get());
                if let Some(entry) = self.layout.terminal_mut(self.parts, slot) {
                    entry.count_bad_code(time_ns);
                }
            }
            Some(ResultCode::PasswordWrong) => {
                let person = self.person(money.debit_account())?;
                self.layout.holder_mut(self.parts, person).count_failure(time_ns);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn suspense(&mut self, suspense: &SuspenseRecord) -> Result<(), LedgerError> {
        let terminal = TerminalId(suspense.terminal.get());
        let slot = TerminalSlot(suspense.slot.get());
        let entry = self.entry(terminal, slot, suspense.previous_terminal.get())?;
        let (epoch, sequence) = (suspense.epoch.get(), suspense.sequence.get());
        let key = suspense_key(epoch, sequence, suspense.digest.get());
        entry.count_suspense(BusinessDate(suspense.business_date.get()), key);
        if suspense.is_of_sale()
            && let Some(outcome) = entry.ring.get_mut(Epoch(epoch), Sequence(sequence))
        {
            outcome.marks = outcome.marks.with(OutcomeMarks::SUSPENDED);
        }
        Ok(())
    }
}

/// Logged time in seconds since 1970-01-01 UTC: it fits until the year 2106.
pub(super) const fn seconds_of(time_ns: u64) -> u32 {
    (time_ns / 1_000_000_000) as u32
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

/// Marks the card's counter or the code that a record names as used. True when that closes an open tap of the card, which
/// stands: whoever posts the record takes it out of its table.
#[inline]
pub(super) fn mark_credential(account: &mut Account, money: &MoneyRecord) -> bool {
    let mut closes_tap = false;
    if let Some(counter) = money.card_counter() {
        closes_tap = account.has_open_tap();
        account.marks = account.marks.without(Marks::OPEN_TAP);
        account.card_counter = counter.0;
        account.card_seen = account.card_seen.max(counter.0);
    }
    if let Some((step, nonce)) = money.code_step_nonce() {
        account.mark_code_used(step, nonce);
    }
    closes_tap
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
    record.set(&mut setting)?;
    registry.changed = number;
    Ok(())
}

/// A record of configuration, having its effect. Each kind's is a method, in the file of the rule that makes such
/// records.
pub(super) struct Setting<'s, P: Parts + ?Sized> {
    pub(super) registry: &'s mut Registry,
    pub(super) directory: &'s mut Directory,
    pub(super) parts: &'s mut P,
    pub(super) layout: Layout,
    pub(super) number: RecordNumber,
    pub(super) time_ns: u64,
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(super) fn bad(&self, field: &'static str) -> LedgerError {
        LedgerError::BadField { number: self.number, field }
    }

    /// What a record that a till sent does besides, to the account and the till: as for those that need no more.
    pub(super) fn posting(&mut self, kind: RecordKind) -> Posting<'_, P> {
        let (layout, number, time_ns) = (self.layout, self.number, self.time_ns);
        Posting { parts: &mut *self.parts, layout, number, time_ns, kind }
    }

    /// Puts a card on the block-list that isn't lost, unless it is there or is no card (0).
    pub(super) fn block(&mut self, card_uid: u64) -> Result<(), LedgerError> {
        self.block_as(card_uid, false)
    }

    /// Puts a card on the block-list, as a lost one or not, unless it is there or is no card (0).
    pub(super) fn block_as(&mut self, card_uid: u64, lost: bool) -> Result<(), LedgerError> {
        if self.registry.block_list.block(card_uid, self.time_ns, lost) {
            Ok(())
        } else {
            Err(LedgerError::TableFull { table: "blocked cards" })
        }
    }

    pub(super) fn name(&self, bytes: &[u8]) -> Result<Name, LedgerError> {
        core::str::from_utf8(bytes).ok().and_then(Name::new).ok_or_else(|| self.bad("name"))
    }

    /// Changes an account and links the record into its chain.
    pub(super) fn change_account(
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
}

pub(super) fn flag(number: RecordNumber, field: &'static str, value: u8) -> Result<bool, LedgerError> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(LedgerError::BadField { number, field }),
    }
}

/// An offline fact never raises the card counter: `MoneyFlags::CARD` isn't among its flags.
const _: () = assert!(!MoneyFlags::REVIEW.has(MoneyFlags::CARD));
