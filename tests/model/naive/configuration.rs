//! What configures.

use engine::ledger::Request;
use engine::ledger::account::AccountStatus;
use engine::ledger::command::{
    BindCard, CutOff, OpenAccount, Opening, RegisterMerchant, RegisterTerminal, SetAccountClass,
    SetAccountTerms, SetMealPeriod, SetOfficeRules, SetPolicy,
};
use engine::ledger::limits::{CLASSES_MAX, MEAL_PERIODS_MAX, NAME_BYTES_MAX};
use engine::ledger::record::Wallet;
use engine::ledger::registry::{Policy, TerminalKind};
use protocol::result_code::ResultCode;

use super::{Account, Answer, CardOwner, Duty, Holder, Model, Other, Said, Till, Wallets};
use std::collections::{BTreeMap, BTreeSet};

impl Model {
    pub(super) fn configure(&mut self, request: &Request<'_>) -> Answer {
        match *request {
            Request::OpenAccount(OpenAccount { student_number, class }) => {
                self.open_account(student_number, class)
            }
            Request::Opening(Opening { account, wallet, amount_fen }) => {
                self.opening(account.0, wallet, amount_fen)
            }
            Request::PasswordImport(ref r) => self.password_import(r),
            Request::BindCard(BindCard { account, card_uid }) => self.bind_card(account.0, card_uid.0),
            Request::SetAccountTerms(SetAccountTerms {
                account,
                status,
                card_lost,
                class,
                debit_max_fen,
                day_max_fen,
            }) => self.set_terms(account.0, (status, card_lost, class, debit_max_fen, day_max_fen)),
            Request::SetAccountClass(SetAccountClass { account, class }) => {
                match self.accounts.get(account.0 as usize) {
                    Some(a) => {
                        let terms = (a.status, a.card_lost, class, a.debit_max_fen, a.day_max_fen);
                        self.set_terms(account.0, terms)
                    }
                    None if usize::from(class) < CLASSES_MAX => self.stands(ResultCode::UnknownAccount, None),
                    None => self.stands(ResultCode::NotPermitted, None),
                }
            }
            Request::RegisterMerchant(RegisterMerchant { merchant, name, enabled }) => {
                if name.is_empty() || name.len() > NAME_BYTES_MAX {
                    return self.stands(ResultCode::NotPermitted, None);
                }
                if merchant.0 >= self.bounds.merchants_max {
                    return self.stands(ResultCode::Busy, None);
                }
                let wanted = (name.to_owned(), enabled);
                if self.merchants.get(&merchant.0) == Some(&wanted) {
                    return self.stands(ResultCode::Approved, None);
                }
                self.merchants.insert(merchant.0, wanted);
                self.changed(ResultCode::Approved, None)
            }
            Request::RegisterTerminal(RegisterTerminal {
                terminal,
                merchant,
                kind,
                key_version,
                enabled,
            }) => self.register_terminal(terminal.0, (merchant.0, kind, key_version, enabled)),
            Request::SetPolicy(SetPolicy { class, policy }) => self.set_policy(class, policy),
            Request::SetMealPeriod(SetMealPeriod { period, name, start_minute, end_minute }) => {
                self.set_meal_period(period, name, start_minute, end_minute)
            }
            Request::SetPrice(ref r) => self.set_price(r),
            Request::CutOff(CutOff { opened }) => {
                if opened.0 == self.date {
                    return self.stands(ResultCode::Approved, None);
                }
                if opened.0 < self.date {
                    return self.stands(ResultCode::NotPermitted, None);
                }
                self.date = opened.0;
                self.changed(ResultCode::Approved, None)
            }
            Request::SetOfficeRules(SetOfficeRules { rules }) => self.set_office_rules(rules),
            _ => unreachable!("money and queries don't configure"),
        }
    }

    /// Nothing changes: what is wanted stands already, or can't be had.
    pub(super) fn stands(&self, code: ResultCode, account: Option<u32>) -> Answer {
        Answer::Outcome(Said {
            code,
            account,
            amount_fen: 0,
            balance_after_fen: self.balance_fen(account),
            record: 0,
            repeat: code == ResultCode::Approved,
        })
    }

    pub(super) fn changed(&mut self, code: ResultCode, account: Option<u32>) -> Answer {
        let record = self.next_record();
        Answer::Outcome(Said { code, account, amount_fen: 0, balance_after_fen: 0, record, repeat: false })
    }

    fn open_account(&mut self, student_number: [u8; 16], class: u8) -> Answer {
        if student_number[0] == 0 || usize::from(class) >= CLASSES_MAX {
            return self.stands(ResultCode::NotPermitted, None);
        }
        if let Some(&id) = self.students.get(&student_number) {
            return self.stands(ResultCode::Approved, Some(id));
        }
        if self.accounts.len() >= self.bounds.accounts_max {
            return self.stands(ResultCode::Busy, None);
        }
        let id = u32::try_from(self.accounts.len()).expect("few accounts");
        self.students.insert(student_number, id);
        self.accounts.push(Account {
            student_number,
            wallets: Wallets::default(),
            status: AccountStatus::Open,
            class,
            debit_max_fen: 0,
            day_max_fen: 0,
            card: None,
            card_lost: false,
            card_counter: 0,
            card_seen: 0,
            subsidy_fen: 0,
            opening_posted: false,
            open_tap: None,
            spent_fen: BTreeMap::new(),
            meal: None,
            codes_used: BTreeSet::new(),
            holder: Holder::default(),
            codes_revoked_to: 0,
            chain: Vec::new(),
        });
        let answer = self.changed(ResultCode::Approved, Some(id));
        self.link(id, self.last_record);
        answer
    }

    fn opening(&mut self, id: u32, wallet: Wallet, amount_fen: i64) -> Answer {
        if amount_fen <= 0 {
            return self.stands(ResultCode::AmountNotPositive, None);
        }
        if amount_fen > 1_000_000_000 {
            return self.stands(ResultCode::AmountTooLarge, None);
        }
        if wallet == Wallet::Transition {
            return self.stands(ResultCode::NotPermitted, None);
        }
        let Some(account) = self.accounts.get_mut(id as usize) else {
            return self.stands(ResultCode::UnknownAccount, None);
        };
        if account.opening_posted {
            return self.stands(ResultCode::Approved, Some(id));
        }
        account.opening_posted = true;
        match wallet {
            Wallet::Card => account.wallets.card_fen += amount_fen,
            _ => account.wallets.electronic_fen += amount_fen,
        }
        self.owe(Other::OpeningClearing, -amount_fen);
        let record = self.next_record();
        self.link(id, record);
        Answer::Outcome(Said {
            code: ResultCode::Approved,
            account: Some(id),
            amount_fen,
            balance_after_fen: self.balance_fen(Some(id)),
            record,
            repeat: false,
        })
    }

    fn bind_card(&mut self, id: u32, card_uid: u64) -> Answer {
        if card_uid == 0 {
            return self.stands(ResultCode::NotPermitted, None);
        }
        if id as usize >= self.accounts.len() {
            return self.stands(ResultCode::UnknownAccount, None);
        }
        match self.cards.get(&card_uid).copied() {
            Some(CardOwner::Nobody) => self.stands(ResultCode::IdentityConflict, Some(id)),
            Some(CardOwner::Account(owner)) if owner == id => {
                let current = self.accounts[id as usize].card == Some(card_uid);
                let code = if current { ResultCode::Approved } else { ResultCode::CardNotCurrent };
                self.stands(code, Some(id))
            }
            Some(CardOwner::Account(_)) if self.was_formerly(card_uid, id) => {
                self.stands(ResultCode::CardNotCurrent, Some(id))
            }
            Some(CardOwner::Account(owner)) => {
                self.cards.insert(card_uid, CardOwner::Nobody);
                self.block(Some(card_uid), false);
                let first = &mut self.accounts[owner as usize];
                if first.card == Some(card_uid) {
                    first.change_card(None);
                }
                let answer = self.changed(ResultCode::IdentityConflict, Some(owner));
                self.link(owner, self.last_record);
                self.link(id, self.last_record);
                answer
            }
            None if self.accounts[id as usize].status == AccountStatus::Closed => {
                self.stands(ResultCode::AccountClosed, Some(id))
            }
            None => {
                self.hold(card_uid, id, 0);
                self.block(self.accounts[id as usize].card, false);
                let account = &mut self.accounts[id as usize];
                account.change_card(Some(card_uid));
                let answer = self.changed(ResultCode::Approved, Some(id));
                self.link(id, self.last_record);
                answer
            }
        }
    }

    fn was_formerly(&self, card_uid: u64, id: u32) -> bool {
        let before = self.holdings.get(&card_uid).and_then(|holdings| holdings.iter().rev().nth(1));
        before.is_some_and(|holding| holding.account == id)
    }

    fn set_terms(&mut self, id: u32, wanted: (AccountStatus, bool, u8, u32, u32)) -> Answer {
        if usize::from(wanted.2) >= CLASSES_MAX {
            return self.stands(ResultCode::NotPermitted, None);
        }
        let Some(a) = self.accounts.get_mut(id as usize) else {
            return self.stands(ResultCode::UnknownAccount, None);
        };
        if (a.status, a.card_lost, a.class, a.debit_max_fen, a.day_max_fen) == wanted {
            return self.stands(ResultCode::Approved, Some(id));
        }
        (a.status, a.card_lost, a.class, a.debit_max_fen, a.day_max_fen) = wanted;
        let card = a.card;
        if wanted.1 {
            self.block(card, true);
        } else {
            self.free(card);
        }
        let answer = self.changed(ResultCode::Approved, Some(id));
        self.link(id, self.last_record);
        answer
    }

    fn register_terminal(&mut self, terminal: u32, wanted: (u32, TerminalKind, u32, bool)) -> Answer {
        let (merchant, kind, key_version, enabled) = wanted;
        if terminal == 0 {
            return self.stands(ResultCode::NotPermitted, None);
        }
        if kind.is_operator() && merchant != 0 {
            return self.stands(ResultCode::NotPermitted, None);
        }
        if !kind.is_operator() && !self.merchants.contains_key(&merchant) {
            return self.stands(ResultCode::UnknownMerchant, None);
        }
        if let Some(till) = self.tills.iter_mut().find(|till| till.terminal == terminal) {
            if (till.merchant, till.kind, till.key_version, till.enabled) == wanted {
                return self.stands(ResultCode::Approved, None);
            }
            if till.key_version != key_version {
                (till.key_changed_ns, till.key_awaited) = (None, false);
            }
            (till.merchant, till.kind, till.key_version, till.enabled) = wanted;
            return self.changed(ResultCode::Approved, None);
        }
        if self.tills.len() >= self.bounds.terminals_max {
            return self.stands(ResultCode::Busy, None);
        }
        self.tills.push(Till {
            terminal,
            merchant,
            kind,
            key_version,
            key_changed_ns: None,
            key_awaited: false,
            enabled,
            epoch: 0,
            received: BTreeSet::new(),
            missing_since_s: BTreeMap::new(),
            past: BTreeMap::new(),
            bad_codes: 0,
            bad_codes_since_ns: 0,
            suspense_date: 0,
            suspense_count: 0,
            block_list: None,
            duty: Duty::default(),
            suspense_recent: Vec::new(),
        });
        self.changed(ResultCode::Approved, None)
    }

    fn set_policy(&mut self, class: u8, policy: Policy) -> Answer {
        const BALANCE_FEN_MAX: i64 = 1_000_000_000_000_000;
        if usize::from(class) >= CLASSES_MAX || policy.floor_fen.abs() > BALANCE_FEN_MAX {
            return self.stands(ResultCode::NotPermitted, None);
        }
        if self.policy(class) == policy {
            return self.stands(ResultCode::Approved, None);
        }
        self.policies.insert(class, policy);
        self.changed(ResultCode::Approved, None)
    }

    fn set_meal_period(&mut self, period: u8, name: &str, start: u16, end: u16) -> Answer {
        let named = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
        let overlaps = (start..end).any(|minute| {
            self.meal_periods
                .iter()
                .any(|(&other, &(_, start, end))| other != period && (start..end).contains(&minute))
        });
        let in_range = usize::from(period) < MEAL_PERIODS_MAX && start <= end && end <= 1_440;
        if !named || !in_range || overlaps {
            return self.stands(ResultCode::NotPermitted, None);
        }
        let wanted = (start < end).then(|| (name.to_owned(), start, end));
        if self.meal_periods.get(&period) == wanted.as_ref() {
            return self.stands(ResultCode::Approved, None);
        }
        match wanted {
            Some(wanted) => self.meal_periods.insert(period, wanted),
            None => self.meal_periods.remove(&period),
        };
        self.changed(ResultCode::Approved, None)
    }
}
