//! Closes an account at a counter: what is the holder's own is paid out, what is left of the school's goes back to it, and the
//! card comes back.
//!
//! What was paid by phone is settled first, as a tap would do it, the school's part first. Of what is then in the wallets the
//! rest of the school's part goes back to subsidies, all else to the holder, over [`Clearing::Payable`]; where anything is the
//! holder's own, the wallets are empty afterwards.
//!
//! Refused, the lowest number being the answer: `UnknownCard`, `CardNotCurrent` for a card that isn't the account's;
//! `UnknownAccount`, `AccountClosed`, `AccountFrozen`, `BalanceNegative`, `HoldOpen`, `TapOpen` while nobody knows what became of a
//! chip, `CardNotBack` for a card that is neither brought nor reported lost. The open tap of a card that is lost or has expired
//! stands. An account whose wallets cancel out pays nothing and keeps them. One that was closed is closed once more, and pays out
//! again, when money came back to it by a reversal.
//!
//! What comes afterwards posts all the same: an offline sale of the old card takes the balance below zero, a receivable, and is
//! flagged. Questions for balance, bill and statement are answered by number as before.

use protocol::card::{CardTerms, PayoutWay};
use protocol::ids::CardUid;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U32, U64};

use super::card_state::{Deed, Wanted, closed_or_frozen, digest_of};
use super::{Ask, Case, Desk, Person, channel_wallet};
use crate::ledger::account::{Account, AccountStatus};
use crate::ledger::apply::{Posting, Setting};
use crate::ledger::command::{AccountSelector, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::error::LedgerError;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::record::{
    AccountClosedRecord, MoneyRecord, Record, RecordKind, Wallet, Wallets, WalletsRecord,
};
use crate::ledger::shard::Parts;

/// Closes an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountClose<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose account.
    pub account: AccountSelector,
    /// The card that comes back; 0 = none.
    pub card_uid: CardUid,
    /// How the holder gets the money.
    pub way: PayoutWay,
}

impl<'a> Ask<'a> for AccountClose<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let AccountClose { account, card_uid, way, .. } = *self;
        let fold = digest_of(4).word(card_uid.0).word(u64::from(way.number()));
        let wanted = Wanted {
            account,
            card_uid,
            deed: Deed::Closes,
            terms: CardTerms::STANDARD,
            fee_fen: 0,
            digest: account.fold(fold).finish(),
        };
        desk.at_counter(
            &self.sale,
            &wanted,
            |person| refusal(desk, person, card_uid),
            |case, person| desk.close_account(case, person, self),
        )
    }
}

/// Why an account can't be closed.
fn refusal<P: Parts + ?Sized>(
    desk: &Desk<'_, P>,
    person: Option<Person<'_>>,
    card_uid: CardUid,
) -> Option<ResultCode> {
    let no_card = card_uid.0 == 0;
    let unknown = !no_card && desk.directory.card(card_uid).account().is_none();
    let Some(Person { account, .. }) = person else { return unknown.then_some(ResultCode::UnknownCard) };
    let current = account.card_uid == card_uid.0;
    [
        (unknown, ResultCode::UnknownCard),
        (!no_card && !current, ResultCode::CardNotCurrent),
        (account.system_fen() < 0, ResultCode::BalanceNegative),
        (account.held_fen > 0, ResultCode::HoldOpen),
        (desk.awaits_card(account), ResultCode::TapOpen),
        (no_card && !current && !account.card_lost, ResultCode::CardNotBack),
    ]
    .into_iter()
    .filter_map(|(applies, code)| applies.then_some(code))
    .chain(closed_or_frozen(account).filter(|_| !has_more_to_pay_out(account)))
    .min()
}

/// Whether an account was closed, and money came back to it afterwards.
fn has_more_to_pay_out(account: &Account) -> bool {
    account.status() == AccountStatus::Closed && account.system_fen() > 0
}

/// What an account that isn't below zero pays out: to the school, and to the holder.
fn parts_of(account: &Account) -> (i64, i64) {
    let school_fen = account.school_fen();
    (school_fen, account.system_fen() - school_fen)
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn close_account<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
        close: &AccountClose<'_>,
    ) -> Decision<'a> {
        let account = person.account;
        let (school_fen, own_fen) = parts_of(account);
        let case = &Case { amount_fen: own_fen, ..*case };
        let wallets = Wallets {
            card_fen: I64::new(-school_fen),
            subsidy_fen: I64::new(-account.subsidy_fen()),
            ..Wallets::default()
        };
        self.pay_out(case, person, (Clearing::Subsidy, school_fen), wallets, |desk, person| {
            let account = person.account;
            let wallets = Wallets {
                card_fen: I64::new(-account.card_fen),
                transition_fen: I64::new(-account.transition_fen),
                electronic_fen: I64::new(-account.electronic_fen),
                subsidy_fen: I64::new(-account.subsidy_fen()),
            };
            desk.pay_out(case, person, (Clearing::Payable, own_fen), wallets, |desk, person| {
                let money = desk.memo(case, ResultCode::Approved, Some(person));
                let record = Record::AccountClosed(AccountClosedRecord {
                    money,
                    card_uid: U64::new(close.card_uid.0),
                    way: close.way.number(),
                    reserved: [0; 7],
                });
                let outcome = desk.outcome(&money, ResultCode::Approved, desk.stamp.number);
                Decision::Done { outcome, group: Group::one(record) }
            })
        })
    }

    /// Pays so much out of a person's wallets, if it is anything, and goes on behind that.
    fn pay_out<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
        (to, amount_fen): (Clearing, i64),
        wallets: Wallets,
        rest: impl FnOnce(&Desk<'_, P>, Person<'_>) -> Decision<'a>,
    ) -> Decision<'a> {
        if amount_fen == 0 {
            return rest(self, person);
        }
        let mut account = *person.account;
        let possible = account.change_wallets(&wallets);
        debug_assert!(possible, "no more of the school's is paid out than there is");
        account.head = self.stamp.number.0;
        let clearing = LedgerAccount::clearing(to);
        let money = MoneyRecord {
            debit: U32::new(LedgerAccount::person(person.id).bits()),
            credit: U32::new(clearing.bits()),
            amount_fen: I64::new(amount_fen),
            balance_after_fen: I64::new(account.system_fen()),
            previous_account: U64::new(person.account.head),
            previous_counter: self.hot_head(self.layout.shard_of_account(person.id), clearing),
            channel_wallet: channel_wallet(case.channel, Wallet::Card),
            ..self.money(case, ResultCode::Approved)
        };
        let record = Record::PaidOut(WalletsRecord { money, wallets });
        self.then(record, |desk| rest(desk, Person { id: person.id, account: &account }))
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn paid_out(&mut self, paid: &WalletsRecord) -> Result<(), LedgerError> {
        let money = &paid.money;
        let amount_fen = self.moved_fen(money)?;
        let person = self.person(money.debit_account())?;
        self.post_wallets(person, money, &paid.wallets, -amount_fen, |_| {})?;
        self.post_hot(self.layout.shard_of_account(person), money.credit_account(), amount_fen)?;
        // The record that closes the account has the identity.
        self.till(money)?;
        Ok(())
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn account_closed(&mut self, r: &AccountClosedRecord) -> Result<(), LedgerError> {
        let uid = r.card_uid.get();
        let before = self.change_card(RecordKind::AccountClosed, &r.money, 0, false)?;
        if uid != 0 && uid != before {
            return Err(self.bad("card_uid"));
        }
        if uid != 0 {
            self.come_back(CardUid(uid))?;
        }
        let number = self.number;
        let closed = r.money.person().and_then(|person| self.layout.account_mut(self.parts, person));
        let closed = closed.ok_or(LedgerError::BadField { number, field: "debit" })?;
        closed.status = AccountStatus::Closed;
        self.block(before)
    }
}
