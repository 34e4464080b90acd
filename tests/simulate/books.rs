//! The naive books: records added up one after another, with nothing of the ledger but the layout of records.

use std::collections::BTreeMap;

use engine::ledger::record::{MoneyRecord, Wallet, Wallets as Changes};
use engine::ledger::{Clearing, LedgerAccount, Record};
use protocol::ids::AccountId;
use wal::RecordRef;

/// A person's wallets in fen: card, transition, electronic.
pub type Wallets = [i64; 3];

/// How a person's wallets stood after one record that names the person.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub number: u64,
    pub wallets: Wallets,
    /// Whether the record moved money.
    pub posting: bool,
}

/// Every balance, from records alone.
#[derive(Clone, Debug, Default)]
pub struct Books {
    persons: Vec<Vec<Standing>>,
    hot: BTreeMap<LedgerAccount, i64>,
}

impl Books {
    /// Adds a record up.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn take(&mut self, found: &RecordRef<'_>) -> Result<(), String> {
        let number = found.number;
        let record = Record::decode(found.kind, found.version, found.payload)
            .map_err(|error| format!("record {number}: {error}"))?;
        match &record {
            Record::AccountOpened(r) => {
                if r.account.get() as usize != self.persons.len() {
                    return Err(format!("record {number} opens account {} out of turn", r.account));
                }
                self.persons.push(vec![Standing { number, wallets: [0; 3], posting: false }]);
            }
            Record::CardBound(r) => self.name(number, r.account.get())?,
            Record::AccountTermsSet(r) => self.name(number, r.account.get())?,
            Record::CardConflict(r) => {
                self.name(number, r.first.get())?;
                self.name(number, r.second.get())?;
            }
            Record::Debit(money) => {
                self.move_money(number, money, [wallet_place(number, money)?, None])?;
            }
            Record::ScanPaid(r) => {
                self.move_money(number, &r.money, [wallet_place(number, &r.money)?, None])?;
            }
            Record::FullDebit(r) => {
                self.move_with_pricing(number, (&r.money, &r.wallets), record.pricing_fen(), -1)?;
            }
            Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => {
                let moved = (&r.back.money, &r.back.wallets);
                self.move_with_pricing(number, moved, record.pricing_fen(), 1)?;
            }
            Record::Refund(r) => {
                self.move_with_pricing(number, (&r.money, &r.wallets), record.pricing_fen(), 1)?;
            }
            Record::Payable(r) => self.move_wallets(number, &r.money, &r.wallets, -1)?,
            Record::Adjustment(r, _) => {
                let sign = if r.money.credit_account().as_person().is_some() { 1 } else { -1 };
                self.move_wallets(number, &r.money, &r.wallets, sign)?;
            }
            Record::SubsidyTakenBack(r) => self.move_wallets(number, &r.money, &r.wallets, -1)?,
            Record::SubsidySkipped(r) => self.memo(number, &r.money)?,
            Record::AccountChanged(r, _) => self.memo(number, &r.money)?,
            Record::AdjustmentProposed(r, _) => self.memo(number, &r.money)?,
            Record::AdjustmentClosed(r, _) => self.memo(number, &r.money)?,
            Record::TapConfirmed(r) => self.memo(number, &r.money)?,
            Record::Settle(r) => self.move_wallets(number, &r.money, &r.wallets, 0)?,
            Record::Fee(r) | Record::PaidOut(r) => self.move_wallets(number, &r.money, &r.wallets, -1)?,
            Record::SubsidyClaimed(r) => self.move_wallets(number, &r.money, &r.wallets, 1)?,
            Record::TopUp(r) => self.move_money(number, &r.money, [None, Some(2)])?,
            Record::Opening(money) => {
                self.move_money(number, money, [None, wallet_place(number, money)?])?;
            }
            Record::Reversal(r) => {
                self.move_money(number, &r.money, [None, wallet_place(number, &r.money)?])?;
            }
            Record::TopUpUndo(r) => self.move_money(number, &r.money, [Some(2), None])?,
            Record::OfflineDebit(r) => self.move_money(number, &r.money, [Some(0), None])?,
            Record::Load(money) => self.load(number, money)?,
            Record::Refusal(money) | Record::CodesRevoked(money) => self.memo(number, money)?,
            Record::CardIssued(r) => self.memo(number, &r.money)?,
            Record::CardReplaced(r) => self.memo(number, &r.money)?,
            Record::CardReturned(r) => self.memo(number, &r.money)?,
            Record::PasswordSet(r) => self.memo(number, &r.money)?,
            Record::VirtualBound(r) => self.memo(number, &r.money)?,
            Record::VirtualUnbound(r) => self.memo(number, &r.money)?,
            Record::PhoneSet(r) => self.memo(number, &r.money)?,
            Record::LossReported(r) | Record::LossLifted(r) => self.memo(number, &r.money)?,
            Record::AccountClosed(r) => self.memo(number, &r.money)?,
            Record::ReversalBeforeOriginal(r) | Record::Repeat(r) | Record::ScanTold(r) => {
                self.memo(number, &r.money)?;
            }
            Record::Tender(r) => self.memo(number, &r.money)?,
            Record::ToldPosted(r) => self.memo(number, &r.money)?,
            _ => {}
        }
        Ok(())
    }

    /// Debit side down, credit side up; `places` are the wallets of a person on either side.
    fn move_money(
        &mut self,
        number: u64,
        money: &MoneyRecord,
        places: [Option<usize>; 2],
    ) -> Result<(), String> {
        let amount_fen = money.amount_fen.get();
        if amount_fen <= 0 {
            return Err(format!("record {number} moves {amount_fen} fen"));
        }
        let sides = [(money.debit_account(), -amount_fen), (money.credit_account(), amount_fen)];
        for ((account, change_fen), place) in sides.into_iter().zip(places) {
            match (account.as_person(), place) {
                (Some(person), Some(place)) => {
                    let mut wallets = self.wallets_of(number, person)?;
                    wallets[place] += change_fen;
                    self.stand(number, person, wallets, true, money.balance_after_fen.get())?;
                }
                (None, _) if account != LedgerAccount::NONE => {
                    *self.hot.entry(account).or_default() += change_fen;
                }
                _ => return Err(format!("record {number} has {account} on a side that can't be")),
            }
        }
        Ok(())
    }

    /// A record that says what changes in each wallet: together `sign` times its amount, and the other side the opposite.
    fn move_wallets(
        &mut self,
        number: u64,
        money: &MoneyRecord,
        changes: &Changes,
        sign: i64,
    ) -> Result<(), String> {
        self.move_with_pricing(number, (money, changes), 0, sign)
    }

    /// The same where something goes beside the amount, the same way.
    fn move_with_pricing(
        &mut self,
        number: u64,
        (money, changes): (&MoneyRecord, &Changes),
        pricing_fen: i64,
        sign: i64,
    ) -> Result<(), String> {
        let pricing_fen = sign * pricing_fen;
        let changes = [changes.card_fen, changes.transition_fen, changes.electronic_fen].map(|fen| fen.get());
        let change_fen = sign * money.amount_fen.get();
        let Some(person) = money.person() else { return Err(format!("record {number} is nobody's")) };
        let mut wallets = self.wallets_of(number, person)?;
        for (wallet, change) in wallets.iter_mut().zip(changes) {
            *wallet += change;
        }
        if changes.iter().sum::<i64>() != change_fen + pricing_fen || wallets[1] > 0 || wallets[2] < 0 {
            return Err(format!("record {number} changes the wallets by {changes:?}, to {wallets:?}"));
        }
        match [money.debit_account(), money.credit_account()].map(|side| side.as_person().is_some()) {
            [true, true] if sign == 0 => {}
            [true, false] if sign < 0 => *self.hot.entry(money.credit_account()).or_default() -= change_fen,
            [false, true] if sign > 0 => *self.hot.entry(money.debit_account()).or_default() -= change_fen,
            _ => return Err(format!("record {number} is between sides that can't be")),
        }
        let pricing = LedgerAccount::clearing(Clearing::Pricing);
        *self.hot.entry(pricing).or_default() -= pricing_fen;
        self.stand(number, person, wallets, true, money.balance_after_fen.get())
    }

    fn load(&mut self, number: u64, money: &MoneyRecord) -> Result<(), String> {
        let amount_fen = money.amount_fen.get();
        let (Some(person), true) = (money.debit_account().as_person(), money.debit == money.credit) else {
            return Err(format!("record {number} loads between two accounts"));
        };
        let mut wallets = self.wallets_of(number, person)?;
        if amount_fen <= 0 || wallets[2] < amount_fen {
            return Err(format!("record {number} loads {amount_fen} fen of {}", wallets[2]));
        }
        wallets[2] -= amount_fen;
        wallets[0] += amount_fen;
        self.stand(number, person, wallets, true, money.balance_after_fen.get())
    }

    fn memo(&mut self, number: u64, money: &MoneyRecord) -> Result<(), String> {
        let Some(person) = money.debit_account().as_person() else { return Ok(()) };
        let wallets = self.wallets_of(number, person)?;
        self.stand(number, person, wallets, false, money.balance_after_fen.get())
    }

    fn name(&mut self, number: u64, account: u32) -> Result<(), String> {
        let person = AccountId(account);
        let wallets = self.wallets_of(number, person)?;
        self.stand(number, person, wallets, false, wallets.iter().sum())
    }

    fn stand(
        &mut self,
        number: u64,
        person: AccountId,
        wallets: Wallets,
        posting: bool,
        recorded_fen: i64,
    ) -> Result<(), String> {
        let sum_fen: i64 = wallets.iter().sum();
        if sum_fen != recorded_fen {
            return Err(format!(
                "record {number}: account {person} adds up to {sum_fen} fen, the record says {recorded_fen}"
            ));
        }
        self.persons[person.0 as usize].push(Standing { number, wallets, posting });
        Ok(())
    }

    fn wallets_of(&self, number: u64, person: AccountId) -> Result<Wallets, String> {
        let standing = self.persons.get(person.0 as usize).and_then(|standings| standings.last());
        standing.map(|standing| standing.wallets).ok_or(format!("record {number}: no account {person}"))
    }

    /// Accounts opened.
    pub fn persons(&self) -> usize {
        self.persons.len()
    }

    /// Every record that names a person, oldest first, and how the wallets stood after it.
    pub fn standings(&self, person: AccountId) -> &[Standing] {
        self.persons.get(person.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// The total of a hot account.
    pub fn hot_fen(&self, account: LedgerAccount) -> i64 {
        self.hot.get(&account).copied().unwrap_or_default()
    }

    /// The sum over everything.
    pub fn sum_fen(&self) -> i64 {
        let persons = self.persons.iter().filter_map(|standings| standings.last());
        persons.map(|standing| standing.wallets.iter().sum::<i64>()).sum::<i64>()
            + self.hot.values().sum::<i64>()
    }
}

fn wallet_place(number: u64, money: &MoneyRecord) -> Result<Option<usize>, String> {
    match money.wallet() {
        Some(Wallet::Card) => Ok(Some(0)),
        Some(Wallet::Transition) => Ok(Some(1)),
        Some(Wallet::Electronic) => Ok(Some(2)),
        None => Err(format!("record {number} names no wallet")),
    }
}
