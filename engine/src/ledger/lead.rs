//! Where a command's credential leads: looked up once for a batch, used for its shards, its lines and its decision.

use protocol::ids::AccountId;

use super::command::{AccountSelector, CodeVerdict, Command, Request};
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
        Lead::to(match &command.request {
            Request::CardDebit(r) => directory.card(r.card_uid).account(),
            Request::Offline(r) => directory.card(r.card_uid).account(),
            Request::CodeDebit(r) => match r.verdict {
                CodeVerdict::Authentic { account, .. } => Some(account),
                _ => None,
            },
            Request::TopUp(r) => candidate(directory, &r.account),
            Request::Balance(r) => candidate(directory, &r.account),
            Request::BillHead(r) => candidate(directory, &r.account),
            Request::Opening(r) => Some(r.account),
            _ => None,
        })
    }

    const fn to(account: Option<AccountId>) -> Lead {
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

/// The account that a selector may mean, before the account itself was asked.
fn candidate(directory: &Directory, selector: &AccountSelector) -> Option<AccountId> {
    match selector {
        AccountSelector::Account(account) => Some(*account),
        AccountSelector::StudentNumber(text) => directory.student_number_candidate(text),
        AccountSelector::Card(card_uid) => directory.card(*card_uid).account(),
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
