//! The two sides of a posting: persons, merchants, money held back from merchants, and clearing accounts.

use core::fmt;

use protocol::ids::{AccountId, MerchantId};

/// A logical ledger account, as records name it: the class in the high 4 bits, the number in the low 28.
///
/// Balances are what is owed to the account: a person's and a merchant's are normally positive, a clearing
/// account's is the other side. The sum over all ledger accounts is always zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerAccount(u32);

/// Accounts where money enters, or waits to be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Clearing {
    /// Money that came in by top-up: minus what the channels brought.
    TopUp = 0,
    /// Balances taken over from an earlier system: minus what was taken over.
    Opening = 1,
    /// Offline debits of cards that no account has: a receivable until somebody explains them.
    UnknownCard = 2,
    /// Fees of cards: what was taken for issuing and replacing them.
    Fees = 3,
    /// Surcharges less discounts: what the school takes on top of prices, or bears.
    Pricing = 4,
    /// Subsidies: minus what the school put into card wallets and didn't take back.
    Subsidy = 5,
    /// What lost cards cost the school: debits of theirs that nobody else has to bear.
    LostCards = 6,
    /// What is payable to holders of closed accounts, and to the counters that paid it out.
    Payable = 7,
    /// The other side of corrections.
    Adjustments = 8,
}

impl Clearing {
    /// Every clearing account, in order of number.
    pub const ALL: [Clearing; 9] = [
        Clearing::TopUp,
        Clearing::Opening,
        Clearing::UnknownCard,
        Clearing::Fees,
        Clearing::Pricing,
        Clearing::Subsidy,
        Clearing::LostCards,
        Clearing::Payable,
        Clearing::Adjustments,
    ];

    /// The clearing account with this number.
    pub const fn from_number(number: u32) -> Option<Clearing> {
        if number < Clearing::ALL.len() as u32 { Some(Clearing::ALL[number as usize]) } else { None }
    }

    /// Its name in files and lists.
    pub const fn name(self) -> &'static str {
        match self {
            Clearing::TopUp => "top_up",
            Clearing::Opening => "opening",
            Clearing::UnknownCard => "unknown_card",
            Clearing::Fees => "fees",
            Clearing::Pricing => "pricing",
            Clearing::Subsidy => "subsidy",
            Clearing::LostCards => "lost_cards",
            Clearing::Payable => "payable",
            Clearing::Adjustments => "adjustments",
        }
    }
}

/// A ledger account taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerClass {
    /// A person's account: its three wallets together.
    Person(AccountId),
    /// What is owed to a merchant.
    Merchant(MerchantId),
    /// What is owed to a merchant once somebody has reviewed the flagged sale.
    HeldBack(MerchantId),
    /// A clearing account.
    Clearing(Clearing),
    /// No account: a memo's missing side.
    None,
}

impl LedgerAccount {
    const NUMBER_BITS: u32 = 28;
    /// The largest number an account or a merchant may have.
    pub const NUMBER_MAX: u32 = (1 << Self::NUMBER_BITS) - 1;
    /// No account.
    pub const NONE: LedgerAccount = LedgerAccount(u32::MAX);

    /// The account of a person.
    pub const fn person(account: AccountId) -> Self {
        Self(account.0 & Self::NUMBER_MAX)
    }

    /// The account of a merchant.
    pub const fn merchant(merchant: MerchantId) -> Self {
        Self(1 << Self::NUMBER_BITS | merchant.0 & Self::NUMBER_MAX)
    }

    /// The held-back part of a merchant.
    pub const fn held_back(merchant: MerchantId) -> Self {
        Self(2 << Self::NUMBER_BITS | merchant.0 & Self::NUMBER_MAX)
    }

    /// A clearing account.
    pub const fn clearing(clearing: Clearing) -> Self {
        Self(3 << Self::NUMBER_BITS | clearing as u32)
    }

    /// The account as it stands in a record. Any bit pattern is accepted here and judged by [`Self::class`].
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits as they stand in a record.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// What kind of account this is. Unknown bit patterns are `None`.
    pub const fn class(self) -> LedgerClass {
        let number = self.0 & Self::NUMBER_MAX;
        match self.0 >> Self::NUMBER_BITS {
            0 => LedgerClass::Person(AccountId(number)),
            1 => LedgerClass::Merchant(MerchantId(number)),
            2 => LedgerClass::HeldBack(MerchantId(number)),
            3 => match Clearing::from_number(number) {
                Some(clearing) => LedgerClass::Clearing(clearing),
                None => LedgerClass::None,
            },
            _ => LedgerClass::None,
        }
    }

    /// The person, if this is a person's account.
    pub const fn as_person(self) -> Option<AccountId> {
        match self.class() {
            LedgerClass::Person(account) => Some(account),
            _ => None,
        }
    }
}

impl fmt::Debug for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.class().fmt(f)
    }
}

impl fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.class() {
            LedgerClass::Person(account) => write!(f, "person {account}"),
            LedgerClass::Merchant(merchant) => write!(f, "merchant {merchant}"),
            LedgerClass::HeldBack(merchant) => write!(f, "merchant {merchant} held back"),
            LedgerClass::Clearing(clearing) => write!(f, "clearing {clearing:?}"),
            LedgerClass::None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_round_trip() {
        for class in [
            LedgerClass::Person(AccountId(0)),
            LedgerClass::Person(AccountId(LedgerAccount::NUMBER_MAX)),
            LedgerClass::Merchant(MerchantId(7)),
            LedgerClass::HeldBack(MerchantId(7)),
            LedgerClass::Clearing(Clearing::TopUp),
            LedgerClass::Clearing(Clearing::UnknownCard),
            LedgerClass::Clearing(Clearing::Adjustments),
        ] {
            let account = match class {
                LedgerClass::Person(id) => LedgerAccount::person(id),
                LedgerClass::Merchant(id) => LedgerAccount::merchant(id),
                LedgerClass::HeldBack(id) => LedgerAccount::held_back(id),
                LedgerClass::Clearing(clearing) => LedgerAccount::clearing(clearing),
                LedgerClass::None => LedgerAccount::NONE,
            };
            assert_eq!(account.class(), class);
        }
        assert_eq!(LedgerAccount::NONE.class(), LedgerClass::None);
        for (number, clearing) in (0..).zip(Clearing::ALL) {
            assert_eq!((clearing as u32, Clearing::from_number(number)), (number, Some(clearing)));
        }
    }
}
