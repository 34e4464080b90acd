//! Credentials → account. It only routes: the account's own entry is checked again at the decision.

use protocol::ids::{AccountId, CardUid, VirtualId};

use super::cuckoo::Cuckoo;
use super::fold::Fold;
use super::limits::DIRECTORY_LINES_MAX;

/// The domain of the digest of student numbers; nothing is stored under it.
const DOMAIN_STUDENT_NUMBER: u64 = 0x5354_5544;

/// The value that stands for "given to two accounts, belongs to neither".
const CONFLICTED: u32 = u32::MAX - 1;

/// What the directory knows of a card number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardRoute {
    /// No account ever had it.
    Unknown,
    /// This account has it, or had it: whether it is still current stands in the account.
    Account(AccountId),
    /// It was given to two accounts and belongs to neither.
    Conflicted,
}

impl CardRoute {
    /// The account that has or had it.
    pub const fn account(self) -> Option<AccountId> {
        match self {
            CardRoute::Account(account) => Some(account),
            CardRoute::Unknown | CardRoute::Conflicted => None,
        }
    }
}

/// The directory: fixed tables, sized at start. See [`super::limits::DIRECTORY_LINES_MAX`] for the cost of a look-up.
#[derive(Clone, Debug)]
pub struct Directory {
    cards: Cuckoo,
    student_numbers: Cuckoo,
    virtual_cards: Cuckoo,
}

fn student_key(student_number: &[u8; 16]) -> u64 {
    Fold::new(DOMAIN_STUDENT_NUMBER).bytes(student_number).finish()
}

impl Directory {
    pub(super) fn new(accounts_max: u32, cards_max: u32) -> Self {
        Self {
            cards: Cuckoo::new(cards_max as usize),
            student_numbers: Cuckoo::new(accounts_max as usize),
            virtual_cards: Cuckoo::new(accounts_max as usize),
        }
    }

    /// Where a card leads.
    #[inline]
    pub fn card(&self, card_uid: CardUid) -> CardRoute {
        match self.cards.get(card_uid.0) {
            None => CardRoute::Unknown,
            Some(CONFLICTED) => CardRoute::Conflicted,
            Some(account) => CardRoute::Account(AccountId(account)),
        }
    }

    /// The account that a student number may belong to: by its digest alone. Compare the text in the account.
    pub fn student_number_candidate(&self, student_number: &[u8; 16]) -> Option<AccountId> {
        self.student_numbers.get(student_key(student_number)).map(AccountId)
    }

    /// The account that a virtual card is bound to.
    pub fn virtual_card(&self, virtual_id: VirtualId) -> Option<AccountId> {
        self.virtual_cards.get(virtual_id.0).map(AccountId)
    }

    /// The lines that a look-up of a card reads, by their place in the table of cards.
    pub fn card_lines(&self, card_uid: CardUid) -> [usize; DIRECTORY_LINES_MAX] {
        self.cards.pair(card_uid.0)
    }

    /// Lines of the table of cards.
    pub const fn card_lines_total(&self) -> usize {
        self.cards.lines()
    }

    #[inline]
    pub(super) fn prefetch_card(&self, card_uid: CardUid) {
        self.cards.prefetch(card_uid.0);
    }

    pub(super) fn prefetch_student_number(&self, student_number: &[u8; 16]) {
        self.student_numbers.prefetch(student_key(student_number));
    }

    /// Card numbers known, conflicted ones among them.
    pub const fn cards(&self) -> usize {
        self.cards.len()
    }

    pub(super) fn has_room_for_card(&self, card_uid: CardUid) -> bool {
        self.cards.has_room_for(card_uid.0)
    }

    pub(super) fn has_room_for_student_number(&self, student_number: &[u8; 16]) -> bool {
        self.student_numbers.has_room_for(student_key(student_number))
    }

    pub(super) fn has_room_for_virtual_card(&self, virtual_id: VirtualId) -> bool {
        self.virtual_cards.has_room_for(virtual_id.0)
    }

    pub(super) fn insert_virtual_card(&mut self, virtual_id: VirtualId, account: AccountId) -> bool {
        self.virtual_cards.insert(virtual_id.0, account.0)
    }

    pub(super) fn remove_virtual_card(&mut self, virtual_id: VirtualId) {
        self.virtual_cards.remove(virtual_id.0);
    }

    pub(super) fn insert_card(&mut self, card_uid: CardUid, account: AccountId) -> bool {
        self.cards.insert(card_uid.0, account.0)
    }

    pub(super) fn insert_student_number(&mut self, student_number: &[u8; 16], account: AccountId) -> bool {
        self.student_numbers.insert(student_key(student_number), account.0)
    }

    pub(super) fn set_conflicted(&mut self, card_uid: CardUid) -> bool {
        self.cards.set(card_uid.0, CONFLICTED)
    }

    pub(super) fn insert_conflicted(&mut self, card_uid: CardUid) -> bool {
        self.cards.insert(card_uid.0, CONFLICTED)
    }

    /// Every card number and where it leads, in order of card number.
    pub(super) fn cards_in_order(&self) -> Vec<(CardUid, CardRoute)> {
        let mut cards: Vec<_> = self.cards.entries().map(|(uid, _)| CardUid(uid)).collect();
        cards.sort_unstable();
        cards.into_iter().map(|uid| (uid, self.card(uid))).collect()
    }
}
