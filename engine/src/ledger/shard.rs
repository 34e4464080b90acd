//! Shards: what one lock or one writer owns. Which shard something is in follows from its number alone.

use protocol::ids::AccountId;

use super::account::Account;
use super::command::TerminalSlot;
use super::holder::{Holder, PasswordRef};
use super::hot::HotParts;
use super::keyed::Keyed;
use super::limits::SHARDS_MAX;
use super::meals::MealSpent;
use super::open_taps::OpenTap;
use super::orders::Orders;
use super::probes::{looks_at, looks_at_head};
use super::proposals::Proposals;
use super::subsidies::Subsidies;
use super::terminal_entry::TerminalEntry;

/// Account `n` and terminal slot `n` live in shard `n % N`, at place `n / N`. N is a power of two.
#[derive(Clone, Debug)]
pub struct Shard {
    pub(super) accounts: Vec<Account>,
    /// By place, as far as any account's holder is known; room for all of them.
    pub(super) holders: Vec<Holder>,
    pub(super) terminals: Vec<TerminalEntry>,
    pub(super) hot: HotParts,
    pub(super) orders: Orders,
    pub(super) proposals: Proposals,
    pub(super) taps: Keyed<OpenTap>,
    /// By place, as far as any account has spent something in the window of a limit; room for all of them.
    pub(super) meals: Vec<MealSpent>,
    pub(super) subsidies: Subsidies,
    pub(super) outcomes_per_terminal: usize,
}

impl Shard {
    /// The account at this place.
    pub fn account_at(&self, place: usize) -> Option<&Account> {
        self.accounts.get(place)
    }

    /// What is known of the holder of the account at this place.
    pub fn holder_at(&self, place: usize) -> Holder {
        self.holders.get(place).inspect(|&found| looks_at(found)).copied().unwrap_or_default()
    }

    /// The vault's number of every query password here.
    pub fn passwords(&self) -> impl Iterator<Item = PasswordRef> {
        self.holders.iter().map(Holder::password).filter(|&password| password != PasswordRef::NONE)
    }

    /// The terminal entry at this place.
    pub fn terminal_at(&self, place: usize) -> Option<&TerminalEntry> {
        self.terminals.get(place)
    }

    /// This shard's parts of the hot accounts.
    pub const fn hot(&self) -> &HotParts {
        &self.hot
    }
}

/// A set of shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardSet(pub u64);

impl ShardSet {
    /// All of them.
    pub const fn all(shard_count: usize) -> ShardSet {
        ShardSet(if shard_count >= SHARDS_MAX { u64::MAX } else { (1 << shard_count) - 1 })
    }

    /// One.
    pub const fn one(shard: usize) -> ShardSet {
        ShardSet(1 << shard)
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 | other.0)
    }

    /// Whether a shard is in it.
    pub const fn has(self, shard: usize) -> bool {
        self.0 & (1 << shard) != 0
    }

    /// How many there are.
    pub const fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The shards, rising: the order in which to take hold of them.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            (left != 0).then(|| {
                let shard = left.trailing_zeros() as usize;
                left &= left - 1;
                shard
            })
        })
    }
}

/// The shards that a command holds. `Vec<Shard>` and `[Shard]` hold all of them.
///
/// Asking for a shard outside of [`super::kind::shards_touched`]'s set never happens; an implementation over
/// guards may panic there.
pub trait Parts {
    /// How many shards there are in all: a power of two, [`SHARDS_MAX`] at most.
    fn shard_count(&self) -> usize;
    /// Shard `i`, which is held.
    fn shard(&self, i: usize) -> &Shard;
    /// Shard `i`, which is held, to change.
    fn shard_mut(&mut self, i: usize) -> &mut Shard;
}

impl Parts for [Shard] {
    fn shard_count(&self) -> usize {
        self.len()
    }

    fn shard(&self, i: usize) -> &Shard {
        &self[i]
    }

    fn shard_mut(&mut self, i: usize) -> &mut Shard {
        &mut self[i]
    }
}

impl Parts for Vec<Shard> {
    fn shard_count(&self) -> usize {
        self.len()
    }

    fn shard(&self, i: usize) -> &Shard {
        &self[i]
    }

    fn shard_mut(&mut self, i: usize) -> &mut Shard {
        &mut self[i]
    }
}

/// Where things are, for a shard count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    mask: usize,
    shift: u32,
}

impl Layout {
    pub(super) const fn new(shard_count: usize) -> Self {
        Self { mask: shard_count - 1, shift: shard_count.trailing_zeros() }
    }

    pub(super) const fn shard_count(self) -> usize {
        self.mask + 1
    }

    pub(super) const fn mask(self) -> usize {
        self.mask
    }

    pub(super) const fn shard_of_account(self, account: AccountId) -> usize {
        account.0 as usize & self.mask
    }

    pub(super) const fn shard_of_terminal(self, slot: TerminalSlot) -> usize {
        slot.0 as usize & self.mask
    }

    pub(super) const fn place_of_account(self, account: AccountId) -> usize {
        account.0 as usize >> self.shift
    }

    pub(super) const fn place_of_terminal(self, slot: TerminalSlot) -> usize {
        slot.0 as usize >> self.shift
    }

    #[inline]
    pub(super) fn account<P: Parts + ?Sized>(self, parts: &P, account: AccountId) -> Option<&Account> {
        parts
            .shard(self.shard_of_account(account))
            .account_at(self.place_of_account(account))
            .inspect(|&found| looks_at(found))
    }

    #[inline]
    pub(super) fn account_mut<P: Parts + ?Sized>(
        self,
        parts: &mut P,
        account: AccountId,
    ) -> Option<&mut Account> {
        let place = self.place_of_account(account);
        parts
            .shard_mut(self.shard_of_account(account))
            .accounts
            .get_mut(place)
            .inspect(|found| looks_at(&**found))
    }

    /// What is known of an account's holder.
    pub(super) fn holder<P: Parts + ?Sized>(self, parts: &P, account: AccountId) -> Holder {
        parts.shard(self.shard_of_account(account)).holder_at(self.place_of_account(account))
    }

    /// The same to change; the account is there.
    pub(super) fn holder_mut<P: Parts + ?Sized>(self, parts: &mut P, account: AccountId) -> &mut Holder {
        let place = self.place_of_account(account);
        let holders = &mut parts.shard_mut(self.shard_of_account(account)).holders;
        if holders.len() <= place {
            // Room for all of them was taken at the start.
            holders.resize(place + 1, Holder::default());
        }
        looks_at(&holders[place]);
        &mut holders[place]
    }

    /// What an account has spent in its newest window.
    pub(super) fn meal<P: Parts + ?Sized>(self, parts: &P, account: AccountId) -> MealSpent {
        let meals = &parts.shard(self.shard_of_account(account)).meals;
        meals
            .get(self.place_of_account(account))
            .inspect(|&spent| looks_at(spent))
            .copied()
            .unwrap_or_default()
    }

    /// The same to change; the account is there.
    pub(super) fn meal_mut<P: Parts + ?Sized>(self, parts: &mut P, account: AccountId) -> &mut MealSpent {
        let place = self.place_of_account(account);
        let meals = &mut parts.shard_mut(self.shard_of_account(account)).meals;
        if meals.len() <= place {
            // Room for all of them was taken at the start.
            meals.resize(place + 1, MealSpent::default());
        }
        looks_at(&meals[place]);
        &mut meals[place]
    }

    #[inline]
    pub(super) fn terminal<P: Parts + ?Sized>(self, parts: &P, slot: TerminalSlot) -> Option<&TerminalEntry> {
        parts
            .shard(self.shard_of_terminal(slot))
            .terminal_at(self.place_of_terminal(slot))
            .inspect(|&found| looks_at_head(found))
    }

    #[inline]
    pub(super) fn terminal_mut<P: Parts + ?Sized>(
        self,
        parts: &mut P,
        slot: TerminalSlot,
    ) -> Option<&mut TerminalEntry> {
        let place = self.place_of_terminal(slot);
        parts
            .shard_mut(self.shard_of_terminal(slot))
            .terminals
            .get_mut(place)
            .inspect(|found| looks_at_head(&**found))
    }
}
