//! Balances by adding up: no rule, no decision, no ledger code.

use std::collections::BTreeMap;

use protocol::ids::{AccountId, MerchantId};

use super::posting::{Line, PersonWallet, Posting};
use crate::ledger::ledger_account::Clearing;

/// The three wallets of one person, in fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wallets {
    /// The card wallet.
    pub card_fen: i128,
    /// The transition wallet.
    pub transition_fen: i128,
    /// The electronic wallet.
    pub electronic_fen: i128,
}

impl Wallets {
    /// The system balance.
    pub fn sum_fen(&self) -> i128 {
        self.card_fen + self.transition_fen + self.electronic_fen
    }

    fn wallet_mut(&mut self, wallet: PersonWallet) -> &mut i128 {
        match wallet {
            PersonWallet::Card => &mut self.card_fen,
            PersonWallet::Transition => &mut self.transition_fen,
            PersonWallet::Electronic => &mut self.electronic_fen,
        }
    }
}

/// What the postings add up to. A balance is what is owed to its line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    persons: Vec<Wallets>,
    merchants: BTreeMap<MerchantId, i128>,
    held_back: BTreeMap<MerchantId, i128>,
    clearing: [i128; Clearing::ALL.len()],
}

impl Books {
    /// Opens the next person's account: numbers are dense.
    pub fn open(&mut self) {
        self.persons.push(Wallets::default());
    }

    /// Adds one posting. False, and nothing changed, when it names a person who has no account.
    pub fn post(&mut self, posting: &Posting) -> bool {
        let known = |line| match line {
            Line::Person(account, _) => (account.0 as usize) < self.persons.len(),
            _ => true,
        };
        if !known(posting.debit) || !known(posting.credit) {
            return false;
        }
        let amount_fen = i128::from(posting.amount_fen);
        *self.line_mut(posting.debit) -= amount_fen;
        *self.line_mut(posting.credit) += amount_fen;
        true
    }

    /// The wallets of a person.
    pub fn person(&self, account: AccountId) -> Option<&Wallets> {
        self.persons.get(account.0 as usize)
    }

    /// Every person's wallets, by account number.
    pub fn persons(&self) -> &[Wallets] {
        &self.persons
    }

    /// What is owed to the merchants that sold something.
    pub fn merchants(&self) -> &BTreeMap<MerchantId, i128> {
        &self.merchants
    }

    /// What is held back from merchants.
    pub fn held_back(&self) -> &BTreeMap<MerchantId, i128> {
        &self.held_back
    }

    /// The clearing accounts, in the order of their numbers.
    pub fn clearing(&self) -> [i128; Clearing::ALL.len()] {
        self.clearing
    }

    /// The sum over all lines: zero, always.
    pub fn sum_fen(&self) -> i128 {
        let persons: i128 = self.persons.iter().map(Wallets::sum_fen).sum();
        persons
            + self.merchants.values().sum::<i128>()
            + self.held_back.values().sum::<i128>()
            + self.clearing.iter().sum::<i128>()
    }

    fn line_mut(&mut self, line: Line) -> &mut i128 {
        match line {
            Line::Person(account, wallet) => self.persons[account.0 as usize].wallet_mut(wallet),
            Line::Merchant(merchant) => self.merchants.entry(merchant).or_default(),
            Line::HeldBack(merchant) => self.held_back.entry(merchant).or_default(),
            Line::Clearing(clearing) => &mut self.clearing[clearing as usize],
        }
    }
}
