//! What a record moves, read from the record alone.

use protocol::ids::{AccountId, MerchantId};
use zerocopy::little_endian::I64;

use crate::ledger::ledger_account::{Clearing, LedgerAccount, LedgerClass};
use crate::ledger::limits::MEAL_PERIODS_MAX;
use crate::ledger::record::{
    AdjustmentRecord, FullDebitRecord, MoneyRecord, Record, Wallet, Wallets, WalletsRecord,
};

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

impl Posting {
    /// Whether a line is one of its sides.
    pub fn touches(&self, line: Line) -> bool {
        self.debit == line || self.credit == line
    }
}

/// What a record moves: at most three postings, in the order of its wallets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Postings([Option<Posting>; 3]);

impl Postings {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Posting> {
        self.0.iter().flatten()
    }

    /// The first; none when the record moves nothing.
    pub const fn first(&self) -> Option<&Posting> {
        self.0[0].as_ref()
    }
}

/// The postings that a record is; none for memos and configuration.
///
/// # Errors
/// What doesn't fit: a side or a wallet that this kind of record never has, or an amount that isn't above zero.
pub fn postings_of(record: &Record<'_>) -> Result<Postings, &'static str> {
    match record {
        Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => {
            in_a_window(&r.back)?;
            given_back(&r.back.money, &r.back.wallets, r.back.pricing_fen.get())
        }
        Record::Refund(r) => given_back(&r.money, &r.wallets, r.pricing_fen.get()),
        Record::FullDebit(r) => full_debit(r),
        Record::Fee(r) => fee(r),
        Record::PaidOut(r) => paid_out(r),
        _ => Ok(Postings([posting_of(record)?, None, None])),
    }
}

/// The electronic wallet pays, and the card wallet what it lacks.
fn fee(r: &WalletsRecord) -> Result<Postings, &'static str> {
    let [card_fen, transition_fen, electronic_fen, subsidy_fen] = changes(&r.wallets);
    if card_fen > 0 || electronic_fen > 0 || transition_fen != 0 || !(card_fen..=0).contains(&subsidy_fen) {
        return Err("a fee is taken from the electronic and the card wallet");
    }
    if card_fen + electronic_fen != -r.money.amount_fen.get() {
        return Err("what goes out of the wallets isn't the amount");
    }
    let credit = clearing(r.money.credit_account(), Clearing::Fees)?;
    let from = |wallet, change_fen: i64| -> Result<Option<Posting>, &'static str> {
        let debit = person(r.money.debit_account(), wallet)?;
        Ok((change_fen < 0).then_some(Posting { debit, credit, amount_fen: -change_fen }))
    };
    let electronic = from(PersonWallet::Electronic, electronic_fen)?;
    let card = from(PersonWallet::Card, card_fen)?;
    Ok(Postings(if electronic.is_some() { [electronic, card, None] } else { [card, None, None] }))
}

/// What the wallets hold goes to the holder, and what is lacking in one is made up for out of the others; or the school's part
/// goes back.
fn paid_out(r: &WalletsRecord) -> Result<Postings, &'static str> {
    let [card_fen, transition_fen, electronic_fen, _] = changes(&r.wallets);
    let clearing = match clearing(r.money.credit_account(), Clearing::Payable) {
        Ok(payable) => payable,
        Err(_) if [transition_fen, electronic_fen] != [0, 0] => {
            return Err("the school's part is in the card wallet");
        }
        Err(_) => clearing(r.money.credit_account(), Clearing::Subsidy)?,
    };
    let amount_fen = r.money.amount_fen.get();
    if amount_fen <= 0 || card_fen + transition_fen + electronic_fen != -amount_fen {
        return Err("what goes out of the wallets isn't the amount");
    }
    let of = |wallet, change_fen: i64| -> Result<Option<Posting>, &'static str> {
        let person = person(r.money.debit_account(), wallet)?;
        let (debit, credit) = if change_fen < 0 { (person, clearing) } else { (clearing, person) };
        Ok((change_fen != 0).then_some(Posting { debit, credit, amount_fen: change_fen.abs() }))
    };
    let mut postings = [
        of(PersonWallet::Electronic, electronic_fen)?,
        of(PersonWallet::Card, card_fen)?,
        of(PersonWallet::Transition, transition_fen)?,
    ];
    // The first is the one that is shown: there is one, and what there is comes first.
    postings.sort_by_key(Option::is_none);
    Ok(Postings(postings))
}

/// One wallet, up or down, and no subsidy.
fn adjustment(r: &AdjustmentRecord) -> Result<Posting, &'static str> {
    let (money, amount_fen) = (&r.money, r.money.amount_fen.get());
    let wallet = wallet_of(money)?;
    let gives = money.credit_account().as_person().is_some();
    let change_fen = if gives { amount_fen } else { -amount_fen };
    let expected = match wallet {
        PersonWallet::Card => [change_fen, 0, 0, 0],
        PersonWallet::Electronic => [0, 0, change_fen, 0],
        PersonWallet::Transition => return Err("the transition wallet isn't adjusted"),
    };
    if changes(&r.wallets) != expected || amount_fen <= 0 {
        return Err("an adjustment changes its wallet by its amount, and no subsidy");
    }
    if gives {
        let debit = clearing(money.debit_account(), Clearing::Adjustments)?;
        Ok(Posting { debit, credit: person(money.credit_account(), wallet)?, amount_fen })
    } else {
        let credit = clearing(money.credit_account(), Clearing::Adjustments)?;
        Ok(Posting { debit: person(money.debit_account(), wallet)?, credit, amount_fen })
    }
}

/// A debit of more than a plain one says: some of the subsidy, in two phases, priced, or in a window.
fn full_debit(r: &FullDebitRecord) -> Result<Postings, &'static str> {
    let (amount_fen, pricing_fen) = (r.money.amount_fen.get(), r.pricing_fen.get());
    let [card_fen, transition_fen, electronic_fen, subsidy_fen] = changes(&r.wallets);
    let wallet = wallet_of(&r.money)?;
    let paid_fen = amount_fen + pricing_fen;
    let beyond_plain = pricing_fen != 0 || r.window.get() != 0;
    let paid = match wallet {
        PersonWallet::Card => [-paid_fen, 0, 0],
        PersonWallet::Transition if beyond_plain && !r.is_two_phase() => [0, -paid_fen, 0],
        _ => {
            return Err(
                "a full debit takes from the card wallet, or, of a code, priced or in a window, the transition wallet",
            );
        }
    };
    if [card_fen, transition_fen, electronic_fen] != paid || amount_fen <= 0 || paid_fen < 0 {
        return Err("a full debit takes its amount and its pricing, and takes something");
    }
    // A tap in two phases is a full debit, whether it takes subsidy or not, and so is what is priced or counts in a window.
    let least_fen = i64::from(!r.is_two_phase() && !beyond_plain);
    if !(card_fen..=-least_fen).contains(&subsidy_fen) {
        return Err("a full debit takes some of the subsidy, and no more than its amount");
    }
    if !matches!(r.phases, 0 | FullDebitRecord::TWO_PHASES) {
        return Err("a debit is made in one phase or in two");
    }
    in_a_window(r)?;
    let debit = person(r.money.debit_account(), wallet)?;
    let paid = Posting { debit, credit: merchant(r.money.credit_account())?, amount_fen };
    Ok(Postings([Some(paid), beside(debit, pricing_fen), None]))
}

/// What goes from a person beside a price, or, below zero, comes.
fn beside(person: Line, pricing_fen: i64) -> Option<Posting> {
    let (pricing, amount_fen) = (Line::Clearing(Clearing::Pricing), pricing_fen.abs());
    match pricing_fen {
        0 => None,
        1.. => Some(Posting { debit: person, credit: pricing, amount_fen }),
        _ => Some(Posting { debit: pricing, credit: person, amount_fen }),
    }
}

/// The money comes from the merchant, into one wallet or two, and what was paid beside the price with it. Of a discount more comes from
/// the merchant than stays: the rest goes on, by way of the card wallet if anything came into that.
fn given_back(money: &MoneyRecord, wallets: &Wallets, pricing_fen: i64) -> Result<Postings, &'static str> {
    let [card_fen, transition_fen, electronic_fen, subsidy_fen] = changes(wallets);
    let into_card_alone = wallet_of(money)? == PersonWallet::Card;
    if card_fen < 0 || transition_fen < 0 || electronic_fen != 0 || into_card_alone && transition_fen != 0 {
        return Err(
            "money goes back to the wallet that was debited, or what was settled of it onto the card",
        );
    }
    let amount_fen = money.amount_fen.get();
    if card_fen + transition_fen != amount_fen + pricing_fen || !(0..=card_fen).contains(&subsidy_fen) {
        return Err("what comes into the wallets isn't the amount");
    }
    let debit = merchant(money.debit_account())?;
    let pricing = Line::Clearing(Clearing::Pricing);
    let card = person(money.credit_account(), PersonWallet::Card)?;
    let transition = person(money.credit_account(), PersonWallet::Transition)?;
    let goes_on_fen = (-pricing_fen).max(0);
    let by_card = into_card_alone || card_fen > 0;
    let (through, transition_fen, card_fen) = if by_card {
        (card, transition_fen, card_fen + goes_on_fen)
    } else {
        (transition, transition_fen + goes_on_fen, card_fen)
    };
    // The merchant's part fills the transition wallet first.
    let first_fen = amount_fen.min(transition_fen);
    let posting = |debit, credit, amount_fen| Posting { debit, credit, amount_fen };
    let all = [
        posting(debit, transition, first_fen),
        posting(debit, card, amount_fen - first_fen),
        posting(pricing, transition, transition_fen - first_fen),
        posting(pricing, card, card_fen - (amount_fen - first_fen)),
        posting(through, pricing, goes_on_fen),
    ];
    let mut moving = all.into_iter().filter(|posting| posting.amount_fen != 0);
    let postings = Postings([moving.next(), moving.next(), moving.next()]);
    if postings.iter().any(|posting| posting.amount_fen < 0) || moving.next().is_some() {
        return Err("what is given back isn't the price and what was paid beside it");
    }
    Ok(postings)
}

fn posting_of(record: &Record<'_>) -> Result<Option<Posting>, &'static str> {
    let (money, debit, credit) = match record {
        Record::Debit(money) => {
            let wallet = wallet_of(money)?;
            if wallet == PersonWallet::Electronic {
                return Err("a debit isn't taken from the electronic wallet");
            }
            (money, person(money.debit_account(), wallet)?, merchant(money.credit_account())?)
        }
        Record::ScanPaid(r) => {
            if wallet_of(&r.money)? != PersonWallet::Transition {
                return Err("what was scanned is paid from the transition wallet");
            }
            let from = person(r.money.debit_account(), PersonWallet::Transition)?;
            (&r.money, from, merchant(r.money.credit_account())?)
        }
        Record::Load(money) => {
            let from = person(money.debit_account(), PersonWallet::Electronic)?;
            let to = person(money.credit_account(), PersonWallet::Card)?;
            if money.debit_account() != money.credit_account() || wallet_of(money)? != PersonWallet::Card {
                return Err("a load is from a person's electronic wallet to the same person's card wallet");
            }
            (money, from, to)
        }
        Record::Settle(r) => {
            let amount_fen = r.money.amount_fen.get();
            let [card_fen, transition_fen, electronic_fen, subsidy_fen] = changes(&r.wallets);
            let moved = [card_fen, transition_fen, electronic_fen] == [-amount_fen, amount_fen, 0];
            let within_one = r.money.debit_account() == r.money.credit_account();
            if !moved || !within_one || wallet_of(&r.money)? != PersonWallet::Transition {
                return Err(
                    "a settling is from a person's card wallet to the same person's transition wallet",
                );
            }
            if !(card_fen..=0).contains(&subsidy_fen) {
                return Err("a settling takes no more subsidy than it moves");
            }
            let from = person(r.money.debit_account(), PersonWallet::Card)?;
            (&r.money, from, person(r.money.credit_account(), PersonWallet::Transition)?)
        }
        Record::SubsidyClaimed(r) => {
            let amount_fen = r.money.amount_fen.get();
            let [card_fen, transition_fen, electronic_fen, subsidy_fen] = changes(&r.wallets);
            let lands = [card_fen, transition_fen, electronic_fen] == [amount_fen, 0, 0];
            if !lands || !(0..=card_fen).contains(&subsidy_fen) || wallet_of(&r.money)? != PersonWallet::Card
            {
                return Err("a subsidy lands in the subsidy part of the card wallet");
            }
            let to = person(r.money.credit_account(), PersonWallet::Card)?;
            (&r.money, clearing(r.money.debit_account(), Clearing::Subsidy)?, to)
        }
        Record::Adjustment(r, _) => return adjustment(r).map(Some),
        Record::SubsidyTakenBack(r) => {
            let change_fen = -r.money.amount_fen.get();
            if changes(&r.wallets) != [change_fen, 0, 0, change_fen]
                || wallet_of(&r.money)? != PersonWallet::Card
            {
                return Err("what is taken back of a subsidy leaves the subsidy part of the card wallet");
            }
            let from = person(r.money.debit_account(), PersonWallet::Card)?;
            (&r.money, from, clearing(r.money.credit_account(), Clearing::Subsidy)?)
        }
        Record::TopUp(r) => {
            let to = person(r.money.credit_account(), PersonWallet::Electronic)?;
            if wallet_of(&r.money)? != PersonWallet::Electronic {
                return Err("a top-up lands in the electronic wallet");
            }
            (&r.money, clearing(r.money.debit_account(), Clearing::TopUp)?, to)
        }
        Record::Payable(r) => {
            let from = person(r.money.debit_account(), PersonWallet::Card)?;
            let from_card = changes(&r.wallets) == [-r.money.amount_fen.get(), 0, 0, 0];
            if !from_card || wallet_of(&r.money)? != PersonWallet::Card {
                return Err("what becomes payable is taken from the card wallet, and no subsidy");
            }
            (&r.money, from, clearing(r.money.credit_account(), Clearing::Payable)?)
        }
        Record::TopUpUndo(r) => {
            let from = person(r.money.debit_account(), PersonWallet::Electronic)?;
            if wallet_of(&r.money)? != PersonWallet::Electronic {
                return Err("a top-up is taken back from the electronic wallet");
            }
            (&r.money, from, clearing(r.money.credit_account(), Clearing::TopUp)?)
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
                LedgerClass::Clearing(lost @ Clearing::LostCards) => Line::Clearing(lost),
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

/// Card, transition, electronic, subsidy part of the card.
pub(super) fn changes(wallets: &Wallets) -> [i64; 4] {
    [wallets.card_fen, wallets.transition_fen, wallets.electronic_fen, wallets.subsidy_fen].map(I64::get)
}

fn in_a_window(r: &FullDebitRecord) -> Result<(), &'static str> {
    // Which of them is right: see `meals`.
    if r.window.get() as usize <= MEAL_PERIODS_MAX {
        Ok(())
    } else {
        Err("there are no so many meal periods")
    }
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
