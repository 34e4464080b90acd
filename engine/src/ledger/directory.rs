//! Credentials → account. It only routes: the account's own entry is checked again at the decision.

use protocol::ids::{AccountId, CardUid, VirtualId};

use super::card_past::CardPast;
use super::cuckoo::Cuckoo;
use super::fold::Fold;
use super::keyed::Keyed;
use super::limits::DIRECTORY_LINES_MAX;

/// The domain of the digest of student numbers; nothing is stored under it.
const DOMAIN_STUDENT_NUMBER: u64 = 0x5354_5544;

/// The value that stands for "given to two accounts, belongs to neither".
const CONFLICTED: u32 = u32::MAX - 1;

/// Beside an account's number: the card was another account's before, who that was stands in its row.
const HAD_ANOTHER: u32 = 1 << 30;

const _: () = assert!(super::ledger_account::LedgerAccount::NUMBER_MAX < HAD_ANOTHER);

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
    pasts: Keyed<CardPast>,
}

fn student_key(student_number: &[u8; 16]) -> u64 {
    Fold::new(DOMAIN_STUDENT_NUMBER).bytes(student_number).finish()
}

impl Directory {
    pub(super) fn new(accounts_max: u32, cards_max: u32, card_pasts_max: u32) -> Self {
        Self {
            cards: Cuckoo::new(cards_max as usize),
            student_numbers: Cuckoo::new(accounts_max as usize),
            virtual_cards: Cuckoo::new(accounts_max as usize),
            pasts: Keyed::new(card_pasts_max),
        }
    }

    /// Where a card leads.
    #[inline]
    pub fn card(&self, card_uid: CardUid) -> CardRoute {
        match self.cards.get(card_uid.0) {
            None => CardRoute::Unknown,
            Some(CONFLICTED) => CardRoute::Conflicted,
            Some(account) => CardRoute::Account(AccountId(account & !HAD_ANOTHER)),
        }
    }

    /// Where a card led at a time: who has it now had it then, unless it was somebody else's before.
    #[inline]
    pub fn card_at(&self, card_uid: CardUid, time_ns: u64) -> CardRoute {
        match self.cards.get(card_uid.0) {
            None => CardRoute::Unknown,
            Some(CONFLICTED) => CardRoute::Conflicted,
            Some(account) if account & HAD_ANOTHER == 0 => CardRoute::Account(AccountId(account)),
            Some(account) => {
                let holder = AccountId(account & !HAD_ANOTHER);
                let past = self.pasts.get(card_uid.0);
                past.and_then(|past| past.holder_at(holder, time_ns))
                    .map_or(CardRoute::Unknown, CardRoute::Account)
            }
        }
    }

    /// What is known of a card besides, if anything is.
    pub fn card_past(&self, card_uid: CardUid) -> Option<&CardPast> {
        self.pasts.get(card_uid.0)
    }

    /// Whether something may be known of a card besides.
    pub(super) fn has_room_for_past(&self, card_uid: CardUid) -> bool {
        self.pasts.get(card_uid.0).is_some() || self.pasts.has_room_for(card_uid.0)
    }

    /// What is known of a card besides, to be changed: nothing at first. None when there is no room.
    pub(super) fn card_past_mut(&mut self, card_uid: CardUid) -> Option<&mut CardPast> {
        if self.pasts.get(card_uid.0).is_none() && !self.pasts.insert(card_uid.0, CardPast::default()) {
            return None;
        }
        self.pasts.get_mut(card_uid.0)
    }

    /// Nothing is known of a card besides any more.
    pub(super) fn forget_card_past(&mut self, card_uid: CardUid) {
        self.pasts.remove(card_uid.0);
    }

    /// Puts a row of a card there that has none.
    pub(super) fn insert_card_past(&mut self, card_uid: CardUid, past: CardPast) -> bool {
        let had_another = past.former.is_some();
        let holder = self.card(card_uid).account().filter(|_| had_another);
        self.pasts.insert(card_uid.0, past)
            && holder.is_none_or(|holder| self.cards.set(card_uid.0, holder.0 | HAD_ANOTHER))
    }

    /// What is known of cards besides, in order of card number.
    pub(super) fn card_pasts_in_order(&self) -> Vec<(CardUid, CardPast)> {
        self.pasts.in_order().into_iter().map(|(uid, past)| (CardUid(uid), *past)).collect()
    }

    /// Gives a card that came back to somebody, at a time. False when it isn't known.
    ///
    /// Once it isn't blocked any more, nobody else knows that it was lost: for the holder before it ended with that.
    pub(super) fn give_out_again(
        &mut self,
        card_uid: CardUid,
        account: AccountId,
        time_ns: u64,
        lost_ns: Option<u64>,
    ) -> bool {
        let (Some(holder), Some(past)) = (self.card(card_uid).account(), self.pasts.get_mut(card_uid.0))
        else {
            return false;
        };
        let ended_ns = core::mem::take(&mut past.ended_ns);
        if holder != account {
            // At the very moment of the loss it was its holder's still.
            past.former_ended_ns = lost_ns.map_or(ended_ns, |lost_ns| ended_ns.min(lost_ns + 1));
            past.former = Some(holder);
            past.former_since_ns = past.since_ns;
            past.since_ns = time_ns;
        }
        let had_another = if past.former.is_some() { HAD_ANOTHER } else { 0 };
        self.cards.set(card_uid.0, account.0 | had_another)
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
