//! The people's side of a sale: the card's chip with its counter and balance, and the phone that shows codes.

use protocol::ids::{AccountId, CardCounter, CardUid, SaleId};
use protocol::keys::{CardKeys, Key128};
use protocol::offline_record::{OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_CARD};
use protocol::payment_code::{self, CODE_DIGITS, CODE_NONCE_MAX, LIVE_STEPS_EACH_WAY, step_at};

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

/// All holders of a campus, by holder number.
#[derive(Debug)]
pub struct People {
    persons: Vec<Person>,
    card_keys: CardKeys,
    code_key: Option<(u8, Key128)>,
}

impl People {
    /// The campus's holders; every card's counter stands just below `card_counter_first`.
    pub fn new(campus: &Campus, card_counter_first: u32, chip_balance_fen: i64) -> People {
        let persons = campus
            .holders
            .iter()
            .map(|holder| Person {
                account: holder.account,
                card_uid: holder.card_uid,
                counter: card_counter_first.saturating_sub(1),
                chip_balance_fen,
                previous: SaleId::default(),
                previous_amount_fen: 0,
                previous_counter: 0,
                code_step: 0,
                code_nonce_next: 0,
            })
            .collect();
        let code_key = campus.code_keys.first().map(|code_key| (code_key.id, Key128::new(code_key.key.0)));
        People { persons, card_keys: CardKeys::new(&Key128::new(campus.card_master_key.0)), code_key }
    }

    /// The holder's account.
    pub fn account(&self, holder: u32) -> AccountId {
        AccountId(self.persons[holder as usize].account)
    }

    /// True when the holder can pay by card.
    pub fn has_card(&self, holder: u32) -> bool {
        self.persons[holder as usize].card_uid.is_some()
    }

    /// Taps the holder's card for a sale; `None` without a card.
    pub fn tap(&mut self, holder: u32, sale: SaleId, amount_fen: i64) -> Option<CardTap> {
        let person = &mut self.persons[holder as usize];
        let card_uid = CardUid(person.card_uid?);
        person.counter = person.counter.wrapping_add(1);
        person.previous = sale;
        person.previous_amount_fen = amount_fen;
        person.previous_counter = person.counter;
        Some(CardTap { card_uid, counter: CardCounter(person.counter) })
    }

    /// Shows a fresh code; `None` when the campus has no code key, or all codes that would be live are used up.
    pub fn show_code(&mut self, holder: u32, unix_ns: u64) -> Option<[u8; CODE_DIGITS]> {
        let (key_id, key) = self.code_key.as_ref()?;
        let person = &mut self.persons[holder as usize];
        let now_step = step_at(unix_ns);
        if person.code_step < now_step {
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
        payment_code::issue(key, *key_id, AccountId(person.account), person.code_step, nonce).ok()
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
        if person.card_uid.is_none() || person.chip_balance_fen < amount_fen {
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
