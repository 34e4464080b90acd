//! What configures: every change is a record too, and what already stands changes nothing (`Approved`, `repeat`).
//!
//! - A field out of its range is `NotPermitted`; a full table is `Busy`. Neither leaves a record.
//! - `OpenAccount` of a student number that has an account answers with that account.
//! - `BindCard`: the card becomes current, with its counter at 0 and not lost; the one before stays in the
//!   directory. A card that the account had before is `CardNotCurrent`. A card of another account, current or old,
//!   is `IdentityConflict`: recorded once, and from then on the card belongs to neither; the outcome names the
//!   account that had it.
//! - `Opening` credits an account once; later ones change nothing, whatever their amount.
//! - Meal periods don't overlap.
//! - `CutOff` opens a later date; the open date again changes nothing; an earlier one is `NotPermitted`.

use protocol::ids::{AccountId, BusinessDate, CardUid, MerchantId, RecordNumber};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::{Desk, channel_wallet};
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{
    BindCard, Channel, CutOff, OpenAccount, Opening, RegisterMerchant, RegisterTerminal, Request,
    SetAccountTerms, SetMealPeriod, SetPolicy, TerminalSlot,
};
use crate::ledger::decision::{Decision, Group, Outcome};
use crate::ledger::directory::CardRoute;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::{AMOUNT_FEN_MAX, BALANCE_FEN_MAX, CLASSES_MAX, MEAL_PERIODS_MAX};
use crate::ledger::record::{
    AccountOpenedRecord, AccountTermsSetRecord, CardBoundRecord, CardConflictRecord, CutOffRecord,
    MealPeriodSetRecord, MerchantRegisteredRecord, MoneyRecord, PolicySetRecord, Record,
    TerminalRegisteredRecord, Wallet,
};
use crate::ledger::registry::{Name, Policy, Terminal};
use crate::ledger::shard::Parts;

const MINUTES_OF_DAY: u16 = 1_440;

impl<P: Parts + ?Sized> Desk<'_, P> {
    pub(super) fn configure<'a>(&self, request: &Request<'a>) -> Decision<'a> {
        match *request {
            Request::OpenAccount(OpenAccount { student_number, class }) => {
                self.open_account(student_number, class)
            }
            Request::Opening(Opening { account, wallet, amount_fen }) => {
                self.opening(account, wallet, amount_fen)
            }
            Request::BindCard(BindCard { account, card_uid }) => self.bind_card(account, card_uid),
            Request::SetAccountTerms(SetAccountTerms {
                account,
                status,
                card_lost,
                class,
                debit_max_fen,
                day_max_fen,
            }) => {
                let terms = AccountTermsSetRecord {
                    previous_account: U64::ZERO,
                    account: U32::new(account.0),
                    debit_max_fen: U32::new(debit_max_fen),
                    day_max_fen: U32::new(day_max_fen),
                    status: status as u8,
                    card_lost: u8::from(card_lost),
                    class,
                    reserved: 0,
                };
                self.set_account_terms(account, terms)
            }
            Request::RegisterMerchant(RegisterMerchant { merchant, name, enabled }) => {
                self.register_merchant(merchant, name, enabled)
            }
            Request::RegisterTerminal(RegisterTerminal {
                terminal,
                merchant,
                kind,
                key_version,
                enabled,
            }) => {
                let slot = TerminalSlot(u16::MAX);
                self.register_terminal(Terminal { terminal, merchant, key_version, slot, kind, enabled })
            }
            Request::SetPolicy(SetPolicy { class, policy }) => self.set_policy(class, &policy),
            Request::SetMealPeriod(SetMealPeriod { period, name, start_minute, end_minute }) => {
                self.set_meal_period(period, name, start_minute, end_minute)
            }
            Request::CutOff(CutOff { opened }) => self.cut_off(opened),
            _ => self.unchanged(ResultCode::NotPermitted, None),
        }
    }

    fn unchanged<'a>(&self, code: ResultCode, account: Option<AccountId>) -> Decision<'a> {
        let person = account.and_then(|id| self.person(id));
        let head = person.map_or(RecordNumber(0), |person| person.account.head());
        let mut outcome = Outcome::without_record(code, 0, self.registry.changed.max(head));
        outcome.account = account;
        outcome.balance_after_fen = person.map_or(0, |person| person.account.system_fen());
        outcome.repeat = code.is_approved();
        Decision::NoRecord(outcome)
    }

    fn changed<'a>(&self, code: ResultCode, account: Option<AccountId>, record: Record<'a>) -> Decision<'a> {
        let number = self.stamp.number;
        let outcome = Outcome {
            code,
            account,
            amount_fen: 0,
            balance_after_fen: 0,
            record: number,
            observed: number,
            repeat: false,
        };
        Decision::Done { outcome, group: Group::one(record) }
    }

    fn open_account<'a>(&self, student_number: [u8; 16], class: u8) -> Decision<'a> {
        if student_number[0] == 0 || usize::from(class) >= CLASSES_MAX {
            return self.unchanged(ResultCode::NotPermitted, None);
        }
        if let Some(id) = self.directory.student_number_candidate(&student_number) {
            let same = self.person(id).is_some_and(|person| person.account.student_number == student_number);
            // Two numbers with one digest can't both be routed: the directory has no place for the second.
            return if same {
                self.unchanged(ResultCode::Approved, Some(id))
            } else {
                self.unchanged(ResultCode::Busy, None)
            };
        }
        let account = AccountId(self.registry.accounts);
        if account.0 >= self.registry.accounts_max
            || !self.directory.has_room_for_student_number(&student_number)
        {
            return self.unchanged(ResultCode::Busy, None);
        }
        let record =
            AccountOpenedRecord { student_number, account: U32::new(account.0), class, reserved: [0; 3] };
        self.changed(ResultCode::Approved, Some(account), Record::AccountOpened(record))
    }

    fn opening<'a>(&self, id: AccountId, wallet: Wallet, amount_fen: i64) -> Decision<'a> {
        if amount_fen <= 0 {
            return self.unchanged(ResultCode::AmountNotPositive, None);
        }
        if amount_fen > AMOUNT_FEN_MAX {
            return self.unchanged(ResultCode::AmountTooLarge, None);
        }
        if wallet == Wallet::Transition {
            return self.unchanged(ResultCode::NotPermitted, None);
        }
        let Some(person) = self.person(id) else { return self.unchanged(ResultCode::UnknownAccount, None) };
        let account = person.account;
        if account.opening_posted {
            return self.unchanged(ResultCode::Approved, Some(id));
        }
        if account.wallet_fen(wallet) + amount_fen > BALANCE_FEN_MAX {
            return self.unchanged(ResultCode::BalanceOverflow, Some(id));
        }
        let clearing = LedgerAccount::clearing(Clearing::Opening);
        let money = MoneyRecord {
            terminal: U32::ZERO,
            sequence: U32::ZERO,
            epoch: U16::ZERO,
            business_date: U16::new(self.date().0),
            code: U16::new(ResultCode::Approved.number()),
            slot: U16::new(MoneyRecord::NO_SLOT),
            debit: U32::new(clearing.bits()),
            credit: U32::new(LedgerAccount::person(id).bits()),
            amount_fen: I64::new(amount_fen),
            balance_after_fen: I64::new(account.system_fen() + amount_fen),
            previous_account: U64::new(account.head),
            previous_counter: self.hot_head(self.layout.shard_of_account(id), clearing),
            previous_terminal: U64::ZERO,
            digest: U64::ZERO,
            token: U32::ZERO,
            limit_day: U16::ZERO,
            channel_wallet: channel_wallet(Channel::Operator, wallet),
            flags: 0,
        };
        let outcome = self.outcome(&money, ResultCode::Approved, self.stamp.number);
        Decision::Done { outcome, group: Group::one(Record::Opening(money)) }
    }

    fn bind_card<'a>(&self, id: AccountId, card_uid: CardUid) -> Decision<'a> {
        if card_uid.0 == 0 {
            return self.unchanged(ResultCode::NotPermitted, None);
        }
        let Some(person) = self.person(id) else { return self.unchanged(ResultCode::UnknownAccount, None) };
        match self.directory.card(card_uid) {
            CardRoute::Conflicted => self.unchanged(ResultCode::IdentityConflict, Some(id)),
            CardRoute::Account(owner) if owner == id => {
                let current = person.account.card_uid == card_uid.0;
                let code = if current { ResultCode::Approved } else { ResultCode::CardNotCurrent };
                self.unchanged(code, Some(id))
            }
            CardRoute::Account(owner) => {
                let Some(first) = self.person(owner) else {
                    return self.unchanged(ResultCode::UnknownAccount, Some(owner));
                };
                let record = CardConflictRecord {
                    card_uid: U64::new(card_uid.0),
                    previous_first: U64::new(first.account.head),
                    previous_second: U64::new(person.account.head),
                    first: U32::new(owner.0),
                    second: U32::new(id.0),
                };
                self.changed(ResultCode::IdentityConflict, Some(owner), Record::CardConflict(record))
            }
            CardRoute::Unknown => {
                if person.account.status == AccountStatus::Closed {
                    return self.unchanged(ResultCode::AccountClosed, Some(id));
                }
                if !self.directory.has_room_for_card(card_uid) {
                    return self.unchanged(ResultCode::Busy, None);
                }
                let record = CardBoundRecord {
                    card_uid: U64::new(card_uid.0),
                    previous_account: U64::new(person.account.head),
                    account: U32::new(id.0),
                    reserved: U32::ZERO,
                };
                self.changed(ResultCode::Approved, Some(id), Record::CardBound(record))
            }
        }
    }

    fn set_account_terms<'a>(&self, id: AccountId, terms: AccountTermsSetRecord) -> Decision<'a> {
        if usize::from(terms.class) >= CLASSES_MAX {
            return self.unchanged(ResultCode::NotPermitted, None);
        }
        let Some(person) = self.person(id) else { return self.unchanged(ResultCode::UnknownAccount, None) };
        let account = person.account;
        let standing = AccountTermsSetRecord {
            debit_max_fen: U32::new(account.debit_max_fen),
            day_max_fen: U32::new(account.day_max_fen),
            status: account.status as u8,
            card_lost: u8::from(account.card_lost),
            class: account.class,
            ..terms
        };
        if standing == terms {
            return self.unchanged(ResultCode::Approved, Some(id));
        }
        let record = AccountTermsSetRecord { previous_account: U64::new(account.head), ..terms };
        self.changed(ResultCode::Approved, Some(id), Record::AccountTermsSet(record))
    }

    fn register_merchant<'a>(&self, merchant: MerchantId, name: &'a str, enabled: bool) -> Decision<'a> {
        let Some(checked) = Name::new(name) else { return self.unchanged(ResultCode::NotPermitted, None) };
        if merchant.0 as usize >= self.registry.merchants.len() {
            return self.unchanged(ResultCode::Busy, None);
        }
        if self
            .registry
            .merchant(merchant)
            .is_some_and(|known| known.name == checked && known.enabled == enabled)
        {
            return self.unchanged(ResultCode::Approved, None);
        }
        let record = MerchantRegisteredRecord {
            merchant: U32::new(merchant.0),
            enabled: u8::from(enabled),
            // At most NAME_BYTES_MAX, which fits.
            name_bytes: name.len() as u8,
            reserved: U16::ZERO,
        };
        self.changed(ResultCode::Approved, None, Record::MerchantRegistered(record, name.as_bytes()))
    }

    fn register_terminal<'a>(&self, wanted: Terminal) -> Decision<'a> {
        if wanted.terminal.0 == 0 {
            return self.unchanged(ResultCode::NotPermitted, None);
        }
        if self.registry.merchant(wanted.merchant).is_none() {
            return self.unchanged(ResultCode::UnknownMerchant, None);
        }
        let slot = match self.registry.find_terminal(wanted.terminal) {
            Some(known) if *known == (Terminal { slot: known.slot, ..wanted }) => {
                return self.unchanged(ResultCode::Approved, None);
            }
            Some(known) => known.slot,
            None => match u16::try_from(self.registry.terminals.len()) {
                Ok(next) if next < self.registry.terminals_max => TerminalSlot(next),
                _ => return self.unchanged(ResultCode::Busy, None),
            },
        };
        let record = TerminalRegisteredRecord {
            terminal: U32::new(wanted.terminal.0),
            merchant: U32::new(wanted.merchant.0),
            key_version: U32::new(wanted.key_version),
            slot: U16::new(slot.0),
            kind: wanted.kind as u8,
            enabled: u8::from(wanted.enabled),
        };
        self.changed(ResultCode::Approved, None, Record::TerminalRegistered(record))
    }

    fn set_policy<'a>(&self, class: u8, policy: &Policy) -> Decision<'a> {
        let in_range = (-BALANCE_FEN_MAX..=BALANCE_FEN_MAX).contains(&policy.floor_fen);
        if usize::from(class) >= CLASSES_MAX || !in_range {
            return self.unchanged(ResultCode::NotPermitted, None);
        }
        if self.registry.policy(class) == policy {
            return self.unchanged(ResultCode::Approved, None);
        }
        let record = PolicySetRecord {
            floor_fen: I64::new(policy.floor_fen),
            debit_max_fen: U32::new(policy.debit_max_fen),
            day_max_fen: U32::new(policy.day_max_fen),
            offline_debit_max_fen: U32::new(policy.offline_debit_max_fen),
            offline_day_max_fen: U32::new(policy.offline_day_max_fen),
            class,
            rule: policy.rule as u8,
            reserved: [0; 6],
        };
        self.changed(ResultCode::Approved, None, Record::PolicySet(record))
    }

    fn set_meal_period<'a>(
        &self,
        period: u8,
        name: &'a str,
        start_minute: u16,
        end_minute: u16,
    ) -> Decision<'a> {
        let Some(checked) = Name::new(name) else { return self.unchanged(ResultCode::NotPermitted, None) };
        let overlaps = self.registry.meal_periods().any(|(number, other)| {
            number != period && start_minute < other.end_minute && other.start_minute < end_minute
        });
        let in_range = usize::from(period) < MEAL_PERIODS_MAX
            && start_minute <= end_minute
            && end_minute <= MINUTES_OF_DAY
            && (start_minute == end_minute || !overlaps);
        if !in_range {
            return self.unchanged(ResultCode::NotPermitted, None);
        }
        let standing = self.registry.meal_periods[usize::from(period)];
        let same = match standing {
            None => start_minute == end_minute,
            Some(known) => {
                known.name == checked && known.start_minute == start_minute && known.end_minute == end_minute
            }
        };
        if same {
            return self.unchanged(ResultCode::Approved, None);
        }
        let record = MealPeriodSetRecord {
            start_minute: U16::new(start_minute),
            end_minute: U16::new(end_minute),
            period,
            // At most NAME_BYTES_MAX, which fits.
            name_bytes: name.len() as u8,
            reserved: U16::ZERO,
        };
        self.changed(ResultCode::Approved, None, Record::MealPeriodSet(record, name.as_bytes()))
    }

    fn cut_off<'a>(&self, opened: BusinessDate) -> Decision<'a> {
        let open = self.date();
        if opened < open {
            return self.unchanged(ResultCode::NotPermitted, None);
        }
        if opened == open {
            return self.unchanged(ResultCode::Approved, None);
        }
        let record =
            CutOffRecord { closed: U16::new(open.0), opened: U16::new(opened.0), reserved: U32::ZERO };
        self.changed(ResultCode::Approved, None, Record::CutOff(record))
    }
}
