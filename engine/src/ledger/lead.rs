//! Where a command's credential leads: looked up once for a batch, used for its shards, its lines and its decision.

use protocol::ids::{AccountId, CardUid};

use super::command::{AccountSelector, Command};
use super::directory::Directory;

/// Commands of a batch whose leads are kept.
pub const LEADS_MAX: usize = 64;

/// The account that a command may be about, by the directory alone.
///
/// A hint: a decision takes it only when the account itself says that it has the card, and looks the card up otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead(u32);

impl Lead {
    /// None is known.
    pub const NONE: Lead = Lead(u32::MAX);

    /// Looks a command's credential up.
    #[inline]
    pub fn of(directory: &Directory, command: &Command<'_>) -> Lead {
        command.request.lead(directory)
    }

    /// Where a card leads.
    #[inline]
    pub(super) fn of_card(directory: &Directory, card_uid: CardUid) -> Lead {
        Lead::to(directory.card(card_uid).account())
    }

    /// Where a card led at a time.
    pub(super) fn of_card_at(directory: &Directory, card_uid: CardUid, time_ns: u64) -> Lead {
        Lead::to(directory.card_at(card_uid, time_ns).account())
    }

    /// The account that a selector may mean, before the account itself was asked.
    pub(super) fn of_selector(directory: &Directory, selector: &AccountSelector) -> Lead {
        match selector {
            AccountSelector::Account(account) => Lead::to(Some(*account)),
            AccountSelector::StudentNumber(text) => Lead::to(directory.student_number_candidate(text)),
            AccountSelector::Card(card_uid) => Lead::of_card(directory, *card_uid),
        }
    }

    pub(super) const fn to(account: Option<AccountId>) -> Lead {
        match account {
            Some(AccountId(account)) => Lead(account),
            None => Lead::NONE,
        }
    }

    /// The account.
    pub const fn account(self) -> Option<AccountId> {
        if self.0 == Lead::NONE.0 { None } else { Some(AccountId(self.0)) }
    }
}

/// The leads of the first [`LEADS_MAX`] commands of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Leads {
    leads: [Lead; LEADS_MAX],
    count: usize,
}

impl Default for Leads {
    fn default() -> Self {
        Leads { leads: [Lead::NONE; LEADS_MAX], count: 0 }
    }
}

impl Leads {
    /// Adds the next command's, if there is room.
    #[inline]
    pub fn push(&mut self, lead: Lead) {
        if let Some(place) = self.leads.get_mut(self.count) {
            *place = lead;
            self.count += 1;
        }
    }

    /// That of the command at this place, if it is kept.
    #[inline]
    pub fn get(&self, place: usize) -> Option<Lead> {
        self.leads[..self.count].get(place).copied()
    }
}
