//! What a record moves, read from the record alone.

use protocol::ids::{AccountId, MerchantId};

use crate::ledger::ledger_account::{Clearing, LedgerAccount, LedgerClass};
use crate::ledger::record::{MoneyRecord, Record, Wallet};

/// One line of the books: a person's wallet, or an account of another class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// A wallet of a person.
    Person(AccountId, PersonWallet),
    /// What is owed to a merchant.
    Merchant(MerchantId),
    /// What is owed to a merchant once flagged sales were reviewed.
    HeldBack(MerchantId),
    /// A clearing account.
    Clearing(Clearing),
}

/// A person's wallet, in the order of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonWallet {
    /// See [`Wallet::Card`].
    Card,
    /// See [`Wallet::Transition`].
    Transition,
    /// See [`Wallet::Electronic`].
    Electronic,
}

impl From<Wallet> for PersonWallet {
    fn from(wallet: Wallet) -> PersonWallet {
        match wallet {
            Wallet::Card => PersonWallet::Card,
            Wallet::Transition => PersonWallet::Transition,
            Wallet::Electronic => PersonWallet::Electronic,
        }
    }
}

/// Money from one line to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// What is owed to this line falls.
    pub debit: Line,
    /// What is owed to this line rises.
    pub credit: Line,
    /// By this much; above zero.
    pub amount_fen: i64,
}

/// The posting that a record is; `None` for memos and configuration.
///
/// # Errors
/// What doesn't fit: a side or a wallet that this kind of record never has, or an amount that isn't above zero.
pub fn posting_of(record: &Record<'_>) -> Result<Option<Posting>, &'static str> {
    let (money, debit, credit) = match record {
        Record::Debit(money) => {
            let wallet = wallet_of(money)?;
            if wallet == PersonWallet::Electronic {
                return Err("a debit isn't taken from the electronic wallet");
            }
            (money, person(money.debit_account(), wallet)?, merchant(money.credit_account())?)
        }
        Record::Load(money) => {
            let from = person(money.debit_account(), PersonWallet::Electronic)?;
            let to = person(money.credit_account(), PersonWallet::Card)?;
            if money.debit_account() != money.credit_account() || wallet_of(money)? != PersonWallet::Card {
                return Err("a load is from a person's electronic wallet to the same person's card wallet");
            }
            (money, from, to)
        }
        Record::TopUp(r) => {
            let to = person(r.money.credit_account(), PersonWallet::Electronic)?;
            if wallet_of(&r.money)? != PersonWallet::Electronic {
                return Err("a top-up lands in the electronic wallet");
            }
            (&r.money, clearing(r.money.debit_account(), Clearing::TopUp)?, to)
        }
        Record::Opening(money) => {
            let wallet = wallet_of(money)?;
            if wallet == PersonWallet::Transition {
                return Err("an opening balance isn't in the transition wallet");
            }
            let from = clearing(money.debit_account(), Clearing::Opening)?;
            (money, from, person(money.credit_account(), wallet)?)
        }
        Record::Reversal(r) => {
            let to = person(r.money.credit_account(), wallet_of(&r.money)?)?;
            (&r.money, merchant(r.money.debit_account())?, to)
        }
        Record::OfflineDebit(r) => {
            let from = match r.money.debit_account().class() {
                LedgerClass::Person(account) => {
                    if wallet_of(&r.money)? != PersonWallet::Card {
                        return Err("an offline fact is taken from the card wallet");
                    }
                    Line::Person(account, PersonWallet::Card)
                }
                _ => clearing(r.money.debit_account(), Clearing::UnknownCard)?,
            };
            let to = match r.money.credit_account().class() {
                LedgerClass::HeldBack(merchant) => Line::HeldBack(merchant),
                _ => merchant(r.money.credit_account())?,
            };
            (&r.money, from, to)
        }
        _ => return Ok(None),
    };
    let amount_fen = money.amount_fen.get();
    if amount_fen <= 0 {
        return Err("the amount of a posting is above zero");
    }
    Ok(Some(Posting { debit, credit, amount_fen }))
}

fn wallet_of(money: &MoneyRecord) -> Result<PersonWallet, &'static str> {
    money.wallet().map(PersonWallet::from).ok_or("no such wallet")
}

fn person(account: LedgerAccount, wallet: PersonWallet) -> Result<Line, &'static str> {
    account.as_person().map(|account| Line::Person(account, wallet)).ok_or("this side must be a person")
}

fn merchant(account: LedgerAccount) -> Result<Line, &'static str> {
    match account.class() {
        LedgerClass::Merchant(merchant) => Ok(Line::Merchant(merchant)),
        _ => Err("this side must be a merchant"),
    }
}

fn clearing(account: LedgerAccount, wanted: Clearing) -> Result<Line, &'static str> {
    match account.class() {
        LedgerClass::Clearing(found) if found == wanted => Ok(Line::Clearing(found)),
        _ => Err("this side must be the clearing account of its kind"),
    }
}
