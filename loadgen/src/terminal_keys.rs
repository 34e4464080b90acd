//! The keys of a run's terminals: which each signs in under, what it was told of the next, and whose are to be changed.

use std::collections::HashMap;

use protocol::answer::TerminalKeyAnswer;
use protocol::ids::{Sequence, TerminalId};
use protocol::keys::Key128;
use protocol::sign_in::Welcome;

use crate::campus::{Campus, CampusTill, HexKey};

/// What a terminal learns when it signs in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The highest sequence of its epoch that the server has seen.
    pub last_sequence: Sequence,
    /// The version of its newest key.
    pub key_version: u32,
    /// That key's check value.
    pub key_check: [u8; 3],
    /// What its next key comes wrapped under in this session.
    pub wrapping_key: Key128,
}

impl SignedIn {
    /// Of what the server said, in a session with this wrapping key.
    pub fn new(welcome: &Welcome, wrapping_key: Key128) -> SignedIn {
        SignedIn {
            last_sequence: welcome.last_sequence,
            key_version: welcome.key_version,
            key_check: welcome.key_check,
            wrapping_key,
        }
    }
}

#[derive(Clone, Debug)]
struct Held {
    /// What it signs in under.
    key: Key128,
    /// What it signed in under before.
    earlier: Option<Key128>,
    session: Option<SignedIn>,
    /// It was told of a newer key than it has.
    is_behind: bool,
}

impl Held {
    fn new(till: &CampusTill) -> Held {
        let key = |hex: HexKey| Key128::new(hex.0);
        Held { key: key(till.key), earlier: till.earlier_key.map(key), session: None, is_behind: false }
    }
}

/// The keys of all terminals of a run.
#[derive(Clone, Debug, Default)]
pub struct TerminalKeys {
    held: HashMap<TerminalId, Held>,
    /// Tills whose keys weren't changed in this run.
    unchanged: Vec<TerminalId>,
}

impl TerminalKeys {
    /// As the campus has them; those of tills may be changed.
    pub fn new(campus: &Campus) -> TerminalKeys {
        let held = campus.terminals().map(|till| (TerminalId(till.terminal), Held::new(till)));
        let unchanged = campus.tills.iter().map(|till| TerminalId(till.terminal));
        TerminalKeys { held: held.collect(), unchanged: unchanged.collect() }
    }

    /// What a terminal signs in under.
    pub fn key_of(&self, terminal: TerminalId) -> Option<&Key128> {
        self.held.get(&terminal).map(|held| &held.key)
    }

    /// A terminal has signed in. True when it has an older key than the server told of.
    pub fn signed_in(&mut self, terminal: TerminalId, told: &SignedIn) -> bool {
        let Some(held) = self.held.get_mut(&terminal) else { return false };
        held.session = Some(told.clone());
        held.is_behind = held.key.check_value() != told.key_check;
        held.is_behind
    }

    /// A terminal heard of this version of its key since. True when it had heard of an older one only.
    pub fn heard_of(&mut self, terminal: TerminalId, key_version: u32) -> bool {
        let Some(held) = self.held.get_mut(&terminal) else { return false };
        let is_news = held.session.as_ref().is_some_and(|told| told.key_version < key_version);
        held.is_behind |= is_news;
        is_news
    }

    /// Whether a terminal has an older key than it was told of.
    pub fn is_behind(&self, terminal: TerminalId) -> bool {
        self.held.get(&terminal).is_some_and(|held| held.is_behind)
    }

    /// A terminal has fetched its newest key and signs in under it from now on. False when it doesn't come out right.
    pub fn fetched(&mut self, terminal: TerminalId, answer: &TerminalKeyAnswer) -> bool {
        let Some(held) = self.held.get_mut(&terminal) else { return false };
        let Some(session) = &mut held.session else { return false };
        let Some(key) = answer.wrapped.unwrap(&session.wrapping_key, answer.check_value) else {
            return false;
        };
        session.key_version = answer.key_version;
        held.is_behind = false;
        if key != held.key {
            held.earlier = Some(std::mem::replace(&mut held.key, key));
        }
        true
    }

    /// The next till whose key is changed, and to which version: of those that weren't yet, the one that this number falls on.
    pub fn next_to_change(&mut self, number: u32) -> Option<(TerminalId, u32)> {
        let place = (number as usize).checked_rem(self.unchanged.len())?;
        let terminal = self.unchanged[place];
        let version = self.held.get(&terminal)?.session.as_ref()?.key_version;
        self.unchanged.swap_remove(place);
        Some((terminal, version.checked_add(1)?))
    }

    /// Gives a campus the keys of now.
    pub(crate) fn give_to(&self, campus: &mut Campus) {
        let hex = |key: &Key128| HexKey(*key.as_bytes());
        let Campus { tills, gateways, counters, card_centre, finance, administrators, .. } = campus;
        let desks = gateways.iter_mut().chain(counters).chain(card_centre).chain(finance);
        for till in tills.iter_mut().chain(desks).chain(administrators) {
            if let Some(held) = self.held.get(&TerminalId(till.terminal)) {
                till.key = hex(&held.key);
                till.earlier_key = held.earlier.as_ref().map(hex);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::result_code::ResultCode;
    use protocol::wrapped_key::WrappedKey;

    use super::*;

    const TILL: TerminalId = TerminalId(7);

    fn keys() -> TerminalKeys {
        let till = CampusTill { terminal: 7, key: HexKey([1; 16]), earlier_key: None, epoch: 1, merchant: 1 };
        TerminalKeys { held: HashMap::from([(TILL, Held::new(&till))]), unchanged: vec![TILL] }
    }

    fn signed_in(key_version: u32, newest: &Key128) -> SignedIn {
        SignedIn {
            last_sequence: Sequence(0),
            key_version,
            key_check: newest.check_value(),
            wrapping_key: Key128::new([9; 16]),
        }
    }

    fn answer(key: &Key128, wrapping_key: [u8; 16]) -> TerminalKeyAnswer {
        TerminalKeyAnswer {
            code: ResultCode::Approved,
            key_version: 2,
            wrapped: WrappedKey::wrap(key, &Key128::new(wrapping_key)),
            check_value: key.check_value(),
        }
    }

    #[test]
    fn a_till_hears_of_its_next_key_fetches_it_and_goes_on_with_it() {
        let (old, new) = (Key128::new([1; 16]), Key128::new([2; 16]));
        let mut keys = keys();
        assert_eq!(keys.next_to_change(3), None, "it hasn't signed in yet");
        assert!(!keys.signed_in(TILL, &signed_in(1, &old)) && !keys.heard_of(TILL, 1));
        assert_eq!(keys.next_to_change(3), Some((TILL, 2)));
        assert_eq!(keys.next_to_change(3), None, "once in a run");

        assert!(!keys.is_behind(TILL) && keys.heard_of(TILL, 2) && keys.is_behind(TILL));
        assert!(keys.signed_in(TILL, &signed_in(2, &new)) && keys.is_behind(TILL));
        assert!(!keys.fetched(TILL, &answer(&new, [8; 16])), "wrapped in another session");
        assert!(keys.key_of(TILL) == Some(&old) && keys.is_behind(TILL));
        assert!(keys.fetched(TILL, &answer(&new, [9; 16])) && keys.fetched(TILL, &answer(&new, [9; 16])));
        assert_eq!(keys.held[&TILL].earlier, Some(old));
        assert!(!keys.is_behind(TILL) && !keys.heard_of(TILL, 2));
        assert!(!keys.signed_in(TILL, &signed_in(2, &new)));
    }
}
