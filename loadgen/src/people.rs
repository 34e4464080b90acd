//! The people's side of a sale: the card's chip with its counter and balance, and the phone that shows codes.

use std::collections::VecDeque;

use protocol::ids::{AccountId, CardCounter, CardUid, SaleId};
use protocol::keys::{CardKeys, Key128};
use protocol::offline_record::{OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_CARD};
use protocol::payment_code::{
    self, CODE_DIGITS, CODE_NONCE_MAX, LIVE_STEPS_EACH_WAY, STEP_NS, key_id_of, step_at,
};

use crate::campus::Campus;

/// What a card hands to a till at a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardTap {
    /// The card.
    pub card_uid: CardUid,
    /// Its counter, raised by this tap.
    pub counter: CardCounter,
}

#[derive(Clone, Copy, Debug)]
struct Person {
    account: u32,
    card_uid: Option<u64>,
    /// The card lies on a counter: it can't be tapped.
    card_laid_down: bool,
    /// The phone was unbound.
    shows_no_code: bool,
    counter: u32,
    chip_balance_fen: i64,
    /// The card's transaction before the next one.
    previous: SaleId,
    previous_amount_fen: i64,
    previous_counter: u32,
    /// The latest step that a code was issued for, and the next nonce in it.
    code_step: u64,
    code_nonce_next: u8,
}

impl Person {
    fn card_in_hand(&self) -> Option<u64> {
        self.card_uid.filter(|_| !self.card_laid_down)
    }
}

/// All holders of a campus, by holder number.
#[derive(Debug)]
pub struct People {
    persons: Vec<Person>,
    /// The number of the next blank card.
    next_blank: u64,
    /// Blank cards in the counters' stock, first the one that is handed out next.
    stock: VecDeque<u64>,
    /// By holder number.
    student_nos: Vec<String>,
    card_master_key: Key128,
    card_keys: CardKeys,
    /// By version: the one that codes are made under, and those that come after it.
    code_keys: VecDeque<(u32, Key128)>,
}

impl People {
    /// The campus's holders; every card's counter stands just below `card_counter_first`. New cards get the numbers from
    /// `blank_card_first` on, which nobody on the campus may have had.
    pub fn new(
        campus: &Campus,
        card_counter_first: u32,
        chip_balance_fen: i64,
        blank_card_first: u64,
    ) -> People {
        let persons = campus
            .holders
            .iter()
            .map(|holder| Person {
                account: holder.account,
                card_uid: holder.card_uid,
                card_laid_down: false,
                shows_no_code: false,
                counter: card_counter_first.saturating_sub(1),
                chip_balance_fen,
                previous: SaleId::default(),
                previous_amount_fen: 0,
                previous_counter: 0,
                code_step: 0,
                code_nonce_next: 0,
            })
            .collect();
        let code_keys = campus.code_keys.iter().map(|key| (key.version, Key128::new(key.key.0))).collect();
        let card_master_key = Key128::new(campus.card_master_key.0);
        let student_nos = campus.holders.iter().map(|holder| holder.student_no.clone()).collect();
        People {
            persons,
            next_blank: blank_card_first,
            stock: VecDeque::new(),
            student_nos,
            card_keys: CardKeys::new(&card_master_key),
            card_master_key,
            code_keys,
        }
    }

    /// Moves everybody out; nobody is left here but the keys.
    pub(crate) fn take(&mut self) -> People {
        People {
            persons: std::mem::take(&mut self.persons),
            next_blank: self.next_blank,
            stock: std::mem::take(&mut self.stock),
            student_nos: std::mem::take(&mut self.student_nos),
            card_keys: CardKeys::new(&self.card_master_key),
            card_master_key: self.card_master_key.clone(),
            code_keys: self.code_keys.clone(),
        }
    }

    /// How many holders there are.
    pub fn count(&self) -> u32 {
        self.persons.len() as u32
    }

    /// The holder's account.
    pub fn account(&self, holder: u32) -> AccountId {
        AccountId(self.persons[holder as usize].account)
    }

    /// Above the counter of every card.
    pub fn card_counter_next(&self) -> u32 {
        self.persons.iter().map(|person| person.counter).max().unwrap_or(0).saturating_add(1)
    }

    /// The campus with the cards that its holders have in hand now, which one that is reported lost isn't, and with the code keys
    /// of now.
    pub(crate) fn campus_left(&self, campus: &Campus) -> Campus {
        let mut left = campus.clone();
        let current = self.code_keys.front().map_or(0, |(version, _)| *version);
        left.code_keys.retain(|key| key.version >= current);
        for (holder, person) in left.holders.iter_mut().zip(&self.persons) {
            holder.card_uid = person.card_in_hand();
        }
        left
    }

    /// True when the holder can pay by card.
    pub fn has_card(&self, holder: u32) -> bool {
        self.persons[holder as usize].card_in_hand().is_some()
    }

    /// The holder's card, wherever it lies.
    pub fn card(&self, holder: u32) -> Option<CardUid> {
        self.persons[holder as usize].card_uid.map(CardUid)
    }

    /// A number that nobody had yet.
    pub fn blank_card(&mut self) -> CardUid {
        self.blank_cards(1)
    }

    /// The first of so many numbers in a row that nobody had yet.
    pub fn blank_cards(&mut self, count: u16) -> CardUid {
        let first = CardUid(self.next_blank);
        self.next_blank += u64::from(count);
        first
    }

    /// These blank cards lie in stock from now on.
    pub fn put_into_stock(&mut self, first: CardUid, count: u16) {
        self.stock.extend((first.0..).take(count.into()));
    }

    /// The card that a counter hands out next: from the stock, as long as that lasts.
    pub fn card_to_hand_out(&mut self) -> CardUid {
        self.stock.pop_front().map_or_else(|| self.blank_card(), CardUid)
    }

    /// The holder has unbound the phone: it shows no code any more.
    pub fn puts_phone_away(&mut self, holder: u32) {
        self.persons[holder as usize].shows_no_code = true;
    }

    /// The holder binds a phone: codes that were shown by now aren't taken any more, nor those of the next step.
    pub fn forget_codes(&mut self, holder: u32, unix_ns: u64) {
        let person = &mut self.persons[holder as usize];
        person.shows_no_code = false;
        person.code_step = person.code_step.max(step_at(unix_ns) + LIVE_STEPS_EACH_WAY);
        person.code_nonce_next = CODE_NONCE_MAX + 1;
    }

    /// The holder's student number.
    pub fn student_no(&self, holder: u32) -> &str {
        &self.student_nos[holder as usize]
    }

    /// The holder lays the card, if there is one, on a counter: until it is picked up, given or taken it pays nothing.
    pub fn lay_card_down(&mut self, holder: u32) {
        self.persons[holder as usize].card_laid_down = true;
    }

    /// The holder goes on with the card as it was.
    pub fn pick_card_up(&mut self, holder: u32) {
        self.persons[holder as usize].card_laid_down = false;
    }

    /// The holder has this card from now on. It knows no transaction, and the counter writes the old one's balance to it.
    pub fn give_card(&mut self, holder: u32, card: CardUid) {
        let person = &mut self.persons[holder as usize];
        person.card_uid = Some(card.0);
        person.card_laid_down = false;
        person.counter = 0;
        (person.previous, person.previous_amount_fen, person.previous_counter) = (SaleId::default(), 0, 0);
    }

    /// The holder has no card from now on.
    pub fn take_card(&mut self, holder: u32) {
        let person = &mut self.persons[holder as usize];
        person.card_uid = None;
        person.card_laid_down = false;
    }

    /// Taps the holder's card for a sale; `None` without a card.
    pub fn tap(&mut self, holder: u32, sale: SaleId, amount_fen: i64) -> Option<CardTap> {
        let person = &mut self.persons[holder as usize];
        let card_uid = CardUid(person.card_in_hand()?);
        person.counter = person.counter.wrapping_add(1);
        person.previous = sale;
        person.previous_amount_fen = amount_fen;
        person.previous_counter = person.counter;
        Some(CardTap { card_uid, counter: CardCounter(person.counter) })
    }

    /// Shows a fresh code; `None` when the campus has no code key, or all codes that would be live are used up.
    pub fn show_code(&mut self, holder: u32, unix_ns: u64) -> Option<[u8; CODE_DIGITS]> {
        let (version, key) = self.code_keys.front()?;
        let person = &mut self.persons[holder as usize];
        if person.shows_no_code {
            return None;
        }
        let now_step = step_at(unix_ns);
        if person.code_step == 0 {
            // An earlier run may have shown codes of this very step. It began earlier in it, so it used lower nonces.
            let nonces = u64::from(CODE_NONCE_MAX) + 1;
            let first = unix_ns % STEP_NS * nonces / STEP_NS;
            (person.code_step, person.code_nonce_next) = (now_step, first as u8);
        } else if person.code_step < now_step {
            (person.code_step, person.code_nonce_next) = (now_step, 0);
        }
        if person.code_nonce_next > CODE_NONCE_MAX {
            // The phone's clock may be a step ahead: one more step's worth of codes is live already.
            if person.code_step >= now_step + LIVE_STEPS_EACH_WAY {
                return None;
            }
            (person.code_step, person.code_nonce_next) = (person.code_step + 1, 0);
        }
        let nonce = person.code_nonce_next;
        person.code_nonce_next += 1;
        payment_code::issue(key, key_id_of(*version), AccountId(person.account), person.code_step, nonce).ok()
    }

    /// The version of the code key after the one in use; `None` when that key isn't known here.
    pub fn next_code_key(&self) -> Option<u32> {
        self.code_keys.get(1).map(|(version, _)| *version)
    }

    /// Phones are told which version of the code key is in use, and make their codes under it, if its key is known here.
    pub fn code_key_is(&mut self, version: u32) {
        if self.code_keys.iter().any(|(known, _)| *known == version) {
            self.code_keys.retain(|(known, _)| *known >= version);
        }
    }

    /// Pays from the chip while the till is offline. `None` without a card, or when the chip holds too little.
    pub fn pay_offline(
        &mut self,
        holder: u32,
        sale: SaleId,
        amount_fen: i64,
        unix_ns: u64,
        offline_since_unix_ns: u64,
    ) -> Option<OfflineRecord> {
        let person = self.persons[holder as usize];
        if person.card_in_hand().is_none() || person.chip_balance_fen < amount_fen {
            return None;
        }
        let tap = self.tap(holder, sale, amount_fen)?;
        self.persons[holder as usize].chip_balance_fen -= amount_fen;
        let mut record = OfflineRecord {
            terminal: sale.terminal.0.into(),
            sequence: sale.sequence.0.into(),
            epoch: sale.epoch.0.into(),
            card_counter: tap.counter.0.into(),
            card_uid: tap.card_uid.0.into(),
            balance_before_fen: person.chip_balance_fen.into(),
            amount_fen: amount_fen.into(),
            till_time_ns: unix_ns.into(),
            previous_terminal: person.previous.terminal.0.into(),
            previous_sequence: person.previous.sequence.0.into(),
            previous_amount_fen: person.previous_amount_fen.into(),
            previous_card_counter: person.previous_counter.into(),
            previous_epoch: person.previous.epoch.0.into(),
            tac_key: TAC_KEY_CARD,
            layout: OFFLINE_RECORD_LAYOUT,
            offline_since_ns: offline_since_unix_ns.into(),
            ..OfflineRecord::default()
        };
        record.sign(&self.card_keys.card_key(tap.card_uid));
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use protocol::ids::{Epoch, Sequence, TerminalId};
    use protocol::mac::Cmac128;
    use protocol::offline_record::TacVerifier;

    use super::*;
    use crate::campus::{CampusCodeKey, CampusHolder, CampusTill, HexKey};

    fn people() -> People {
        let campus = Campus {
            address: "127.0.0.1:1".parse().expect("an address"),
            tills: vec![CampusTill {
                terminal: 7,
                key: HexKey([1; 16]),
                earlier_key: None,
                epoch: 2,
                merchant: 1,
            }],
            gateways: Vec::new(),
            counters: Vec::new(),
            card_centre: Vec::new(),
            finance: Vec::new(),
            holders: vec![CampusHolder { account: 5, student_no: "1".to_owned(), card_uid: Some(77) }],
            card_master_key: HexKey([2; 16]),
            administrators: Vec::new(),
            code_keys: (1..=2)
                .map(|version| CampusCodeKey { version, key: HexKey([2 + version as u8; 16]) })
                .collect(),
        };
        People::new(&campus, 100, 1_000, 9_000)
    }

    fn sale(sequence: u32) -> SaleId {
        SaleId { terminal: TerminalId(7), epoch: Epoch(2), sequence: Sequence(sequence) }
    }

    #[test]
    fn codes_are_authentic_and_never_the_same() {
        let mut people = people();
        let mut seen = HashSet::new();
        let now_ns = 1_800_000_000_000_000_000;
        let shown: Vec<_> = std::iter::from_fn(|| people.show_code(0, now_ns)).collect();
        // Sixteen of the step that runs, and sixteen of the one that is live already.
        assert_eq!(shown.len(), 32);
        let later_ns = now_ns + 2 * payment_code::STEP_NS;
        for (code, at_ns) in shown
            .iter()
            .map(|code| (*code, now_ns))
            .chain(std::iter::from_fn(|| people.show_code(0, later_ns)).map(|code| (code, later_ns)))
        {
            assert!(seen.insert(code), "a code shown twice");
            let mut key = Cmac128::new(&Key128::new([3; 16]));
            let parsed = payment_code::parse(&code).expect("twenty digits");
            assert_eq!(parsed.authenticate(&mut key, at_ns).expect("authentic").account, AccountId(5));
        }
        assert_eq!(seen.len(), 64);
    }

    #[test]
    fn codes_are_made_under_the_key_that_phones_were_told_of() {
        let mut people = people();
        let now_ns = 1_800_000_000_000_000_000;
        let shown_under = |people: &mut People| {
            let code = people.show_code(0, now_ns).expect("a code");
            let parsed = payment_code::parse(&code).expect("twenty digits");
            let key = [2 + parsed.key_id(); 16];
            parsed.authenticate(&mut Cmac128::new(&Key128::new(key)), now_ns).expect("authentic");
            parsed.key_id()
        };
        assert_eq!((shown_under(&mut people), people.next_code_key()), (1, Some(2)));
        people.code_key_is(9);
        people.code_key_is(0);
        assert_eq!(shown_under(&mut people), 1, "keys that nobody has here");
        people.code_key_is(2);
        assert_eq!((shown_under(&mut people), people.next_code_key()), (2, None));
        people.code_key_is(1);
        assert_eq!(shown_under(&mut people), 2, "what was heard late");
    }

    #[test]
    fn a_later_run_in_the_same_step_shows_other_codes() {
        let now_ns = 1_800_000_000_000_000_000;
        let first = people().show_code(0, now_ns).expect("a code");
        let second = people().show_code(0, now_ns + STEP_NS / 2).expect("a code");
        assert_ne!(first, second);
    }

    #[test]
    fn offline_records_are_signed_and_name_the_transaction_before() {
        let mut people = people();
        let mut verifier = TacVerifier::new(&Key128::new([2; 16]), &Key128::new([1; 16]), TerminalId(7));
        people.tap(0, sale(41), 300).expect("has a card");
        let first = people.pay_offline(0, sale(42), 600, 2_000, 1_000).expect("the chip holds 1,000");
        assert!(first.verify_tac(&mut verifier));
        assert_eq!((first.card_counter.get(), first.balance_before_fen.get()), (101, 1_000));
        assert_eq!((first.previous_sequence.get(), first.previous_amount_fen.get()), (41, 300));
        assert_eq!((first.previous_card_counter.get(), first.previous_epoch.get()), (100, 2));
        assert!(people.pay_offline(0, sale(43), 600, 3_000, 1_000).is_none(), "the chip holds 400");
        let second = people.pay_offline(0, sale(43), 400, 3_000, 1_000).expect("the chip holds 400");
        assert_eq!((second.balance_before_fen.get(), second.previous_sequence.get()), (400, 42));
        assert_eq!(people.card_counter_next(), 103);
    }

    #[test]
    fn a_phone_that_is_bound_anew_shows_no_code_of_before_and_an_unbound_one_none() {
        let mut people = people();
        let now_ns = 1_800_000_000_000_000_000;
        people.show_code(0, now_ns).expect("a code");
        people.forget_codes(0, now_ns);
        assert_eq!(people.show_code(0, now_ns), None);
        let later = people.show_code(0, now_ns + STEP_NS).expect("a code of the step after the next");
        let mut key = Cmac128::new(&Key128::new([3; 16]));
        let code = payment_code::parse(&later).expect("twenty digits");
        assert!(
            code.authenticate(&mut key, now_ns).is_err()
                && code.authenticate(&mut key, now_ns + STEP_NS).is_ok()
        );
        people.puts_phone_away(0);
        assert_eq!(people.show_code(0, now_ns + 9 * STEP_NS), None);
    }

    #[test]
    fn a_new_card_counts_from_one_and_one_on_the_counter_pays_nothing() {
        let mut people = people();
        let old = people.pay_offline(0, sale(41), 300, 2_000, 1_000).expect("has a card");
        people.lay_card_down(0);
        assert!(!people.has_card(0) && people.tap(0, sale(42), 300).is_none());
        assert!(people.pay_offline(0, sale(42), 300, 2_000, 1_000).is_none());
        people.pick_card_up(0);
        assert_eq!(people.tap(0, sale(42), 300).expect("is back").card_uid, CardUid(77));

        people.lay_card_down(0);
        let new = people.blank_card();
        people.give_card(0, new);
        let mut verifier = TacVerifier::new(&Key128::new([2; 16]), &Key128::new([1; 16]), TerminalId(7));
        let record = people.pay_offline(0, sale(43), 300, 3_000, 1_000).expect("has a card");
        // What the old card left at a till is still its own, and both are authentic.
        assert!(old.verify_tac(&mut verifier) && record.verify_tac(&mut verifier));
        assert_eq!((old.card_uid.get(), record.card_uid.get(), new), (77, 9_000, CardUid(9_000)));
        assert_eq!((record.card_counter.get(), record.previous_sequence.get()), (1, 0));
        assert_eq!(record.balance_before_fen.get(), 700);
        assert_ne!(people.blank_card(), new);

        people.take_card(0);
        assert!(people.card(0).is_none() && !people.has_card(0));
    }

    #[test]
    fn what_is_in_stock_is_handed_out_first() {
        let mut people = people();
        let first = people.blank_cards(2);
        assert_eq!(people.card_to_hand_out(), CardUid(9_002), "nothing is in stock yet");
        people.put_into_stock(first, 2);
        let handed_out: Vec<u64> = (0..3).map(|_| people.card_to_hand_out().0).collect();
        assert_eq!(handed_out, [9_000, 9_001, 9_003]);
    }
}
