//! The whole state, and the sizes it is made for.

use protocol::ids::AccountId;

use super::account::Account;
use super::command::TerminalSlot;
use super::directory::Directory;
use super::error::LedgerError;
use super::holder::Holder;
use super::hot::HotParts;
use super::keyed::Keyed;
use super::ledger_account::LedgerAccount;
use super::limits::{BLOCKED_CARDS_MIN, SHARDS_MAX};
use super::orders::Orders;
use super::proposals::Proposals;
use super::registry::Registry;
use super::shard::{Layout, Parts, Shard};
use super::subsidies::Subsidies;
use super::terminal_entry::TerminalEntry;

/// Sizes of the tables, given at start. They can be larger or smaller at the next start, the shard count too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Shards: a power of two, [`SHARDS_MAX`] at most.
    pub shards: usize,
    /// Persons' accounts at most.
    pub accounts_max: u32,
    /// Card numbers at most, old ones among them.
    pub cards_max: u32,
    /// Terminals at most, [`super::limits::TERMINALS_MAX`] at most.
    pub terminals_max: u16,
    /// Merchants have numbers below this; 2^20 at most.
    pub merchants_max: u32,
    /// Outcomes remembered of each terminal: a power of two.
    pub outcomes_per_terminal: usize,
    /// Top-up orders remembered, over all shards. What is older is looked up outside of memory.
    pub orders_max: usize,
    /// Two-phase taps that may be open at once, over all shards. With as many as accounts there is always room.
    pub open_taps_max: u32,
    /// Cards of which more is known than whose they are: that they expire, came back, or were another's before. With as many as
    /// card numbers there is always room.
    pub card_pasts_max: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            shards: 1,
            accounts_max: 65_536,
            cards_max: 131_072,
            terminals_max: 4_096,
            merchants_max: 4_096,
            outcomes_per_terminal: 1_024,
            orders_max: 262_144,
            open_taps_max: 65_536,
            card_pasts_max: 131_072,
        }
    }
}

impl Sizes {
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        let bad = |name, value, reason| Err(LedgerError::BadSize { name, value, reason });
        if !self.shards.is_power_of_two() || self.shards > SHARDS_MAX {
            return bad("shards", self.shards as u64, "a power of two from 1 to 64");
        }
        if self.accounts_max == 0 || self.accounts_max > LedgerAccount::NUMBER_MAX {
            return bad("accounts_max", u64::from(self.accounts_max), "from 1 to 2^28 - 1");
        }
        if self.cards_max == 0 || self.cards_max > LedgerAccount::NUMBER_MAX {
            return bad("cards_max", u64::from(self.cards_max), "from 1 to 2^28 - 1");
        }
        if self.terminals_max == 0 {
            return bad("terminals_max", 0, "from 1 to 65,535");
        }
        if self.merchants_max == 0 || self.merchants_max > 1 << 20 {
            return bad("merchants_max", u64::from(self.merchants_max), "from 1 to 2^20");
        }
        if !self.outcomes_per_terminal.is_power_of_two() || self.outcomes_per_terminal > 1 << 20 {
            let reason = "a power of two up to 2^20";
            return bad("outcomes_per_terminal", self.outcomes_per_terminal as u64, reason);
        }
        if self.orders_max == 0 || self.orders_max > 1 << 28 {
            return bad("orders_max", self.orders_max as u64, "from 1 to 2^28");
        }
        if self.open_taps_max == 0 || self.open_taps_max > LedgerAccount::NUMBER_MAX {
            return bad("open_taps_max", u64::from(self.open_taps_max), "from 1 to 2^28 - 1");
        }
        if self.card_pasts_max == 0 || self.card_pasts_max > LedgerAccount::NUMBER_MAX {
            return bad("card_pasts_max", u64::from(self.card_pasts_max), "from 1 to 2^28 - 1");
        }
        Ok(())
    }

    /// Cards that may be blocked at a time: all of them, for an old card never leaves the list.
    pub(super) fn blocked_cards_max(&self) -> u32 {
        self.cards_max.max(BLOCKED_CARDS_MIN)
    }

    fn open_taps_per_shard(&self) -> u32 {
        self.open_taps_max.div_ceil(self.shards as u32)
    }

    pub(super) fn orders_per_shard(&self) -> usize {
        self.orders_max.div_ceil(self.shards)
    }
}

/// Everything: for tests, replay, snapshots. The runtime takes it apart and holds each shard by itself.
#[derive(Clone, Debug)]
pub struct State {
    /// What is configured.
    pub registry: Registry,
    /// Where credentials lead.
    pub directory: Directory,
    /// The shards.
    pub shards: Vec<Shard>,
}

impl State {
    /// An empty state, its tables allocated.
    ///
    /// # Errors
    /// A size out of its range.
    pub fn new(sizes: &Sizes) -> Result<State, LedgerError> {
        sizes.check()?;
        let accounts_per_shard = (sizes.accounts_max as usize).div_ceil(sizes.shards);
        let terminals_per_shard = usize::from(sizes.terminals_max).div_ceil(sizes.shards);
        let shards = (0..sizes.shards)
            .map(|_| Shard {
                accounts: Vec::with_capacity(accounts_per_shard),
                holders: Vec::with_capacity(accounts_per_shard),
                terminals: Vec::with_capacity(terminals_per_shard),
                hot: HotParts::new(sizes.merchants_max),
                orders: Orders::new(sizes.orders_per_shard()),
                proposals: Proposals::new(),
                taps: Keyed::new(sizes.open_taps_per_shard()),
                meals: Vec::with_capacity(accounts_per_shard),
                subsidies: Subsidies::new(sizes.shards, accounts_per_shard),
                outcomes_per_terminal: sizes.outcomes_per_terminal,
            })
            .collect();
        Ok(State {
            registry: Registry::new(sizes),
            directory: Directory::new(sizes.accounts_max, sizes.cards_max, sizes.card_pasts_max),
            shards,
        })
    }
}

/// An account, wherever it is.
pub fn account<P: Parts + ?Sized>(parts: &P, account: AccountId) -> Option<&Account> {
    Layout::new(parts.shard_count()).account(parts, account)
}

/// What is known of an account's holder, wherever it is.
pub fn holder<P: Parts + ?Sized>(parts: &P, account: AccountId) -> Holder {
    Layout::new(parts.shard_count()).holder(parts, account)
}

/// A till's entry, wherever it is.
pub fn terminal_entry<P: Parts + ?Sized>(parts: &P, slot: TerminalSlot) -> Option<&TerminalEntry> {
    Layout::new(parts.shard_count()).terminal(parts, slot)
}

/// The total of any ledger account in fen: a person's system balance, or a hot account's parts added up.
/// Needs every shard for a hot account. An account that doesn't exist has 0.
pub fn total_fen<P: Parts + ?Sized>(parts: &P, ledger_account: LedgerAccount) -> i64 {
    if let Some(person) = ledger_account.as_person() {
        return account(parts, person).map_or(0, Account::system_fen);
    }
    (0..parts.shard_count())
        .filter_map(|shard| parts.shard(shard).hot().part(ledger_account))
        .map(|part| part.total_fen)
        .sum()
}

/// The sum over every ledger account in fen, which is always zero. Needs every shard.
pub fn sum_of_all_fen<P: Parts + ?Sized>(parts: &P) -> i128 {
    (0..parts.shard_count())
        .map(|shard| {
            let shard = parts.shard(shard);
            let hot = &shard.hot;
            let persons: i128 = shard.accounts.iter().map(|account| i128::from(account.system_fen())).sum();
            let parts = hot.merchants.iter().chain(&hot.held_back).chain(&hot.clearing);
            persons + parts.map(|part| i128::from(part.total_fen)).sum::<i128>()
        })
        .sum()
}
