//! The people: their accounts, cards, payment codes and top-up orders, as the clients know them.

use std::collections::{BTreeMap, BTreeSet};

use engine::ledger::TerminalSlot;
use engine::ledger::calendar::day_of;
use engine::ledger::command::{Channel, CodeVerdict, Previous};
use engine::ledger::record::Wallet;
use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, RecordNumber, SaleId, Sequence, TerminalId};
use protocol::keys::Key128;
use protocol::mac::Cmac128;
use protocol::payment_code::{self, CodeRefusal};
use protocol::request::{
    AdjustDirection, FreezeAction, SUBSIDY_PAGE_LINES_MAX, SubsidyAction, SubsidyLine, SubsidyMode, Verdict,
};

use super::ask::{Ask, sum_fen};
use super::random::Random;

const CODE_KEY: Key128 = Key128::new([0x5c; 16]);

/// The first card that a counter hands out.
const FIRST_COUNTER_CARD: u64 = 20_000;

/// A card that may be presented.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    pub uid: CardUid,
    /// Who pays for its offline facts; none for a card that nobody has, or two people.
    pub owner: Option<AccountId>,
    pub counter: u32,
    /// What its chip tells of its last transaction, where that was offline.
    pub previous: Previous,
}

impl Card {
    /// One that nobody has tapped yet.
    pub fn new(uid: CardUid, owner: Option<AccountId>) -> Card {
        Card { uid, owner, counter: 0, previous: Previous::default() }
    }
}

/// What an offline till showed to a phone.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub sale: SaleId,
    pub slot: TerminalSlot,
    pub amount_fen: i64,
    pub time_ns: u64,
}

/// An order of a top-up channel, as the channel knows it.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub account: AccountId,
    pub amount_fen: i64,
    pub channel: Channel,
    pub number: [u8; 32],
}

pub struct Town {
    /// Opening balances of the accounts that were acknowledged, by account.
    pub openings_fen: BTreeMap<AccountId, i64>,
    pub cards: Vec<Card>,
    codes: Vec<(AccountId, [u8; 20])>,
    orders: Vec<Order>,
    tenders: Vec<Ask>,
    shown: Vec<Shown>,
    /// Sequences that tills passed over, for counters to close.
    holes: Vec<Ask>,
    /// What chips told of, for counters to have posted, and what of that its till has lost.
    told: Vec<Ask>,
    lost: BTreeSet<SaleId>,
    /// What operators know to be proposed, by its record, and by which of their numbers.
    pub proposals: Vec<(RecordNumber, TerminalId)>,
    /// Subsidy batches that were planned, who is to send their lines, and how many steps of them were asked for.
    batches: Vec<(&'static [SubsidyLine], TerminalId, u32)>,
    next_nonce: u8,
    next_card: u64,
    /// The versions of terminals' keys that operators have heard of.
    pub terminal_keys: BTreeMap<TerminalId, u32>,
    /// The version of the key that codes are made under, as far as the phones have heard.
    pub code_key: u32,
    /// What the clients believe the time to be.
    pub now_ns: u64,
}

impl Town {
    pub fn new() -> Town {
        Town {
            openings_fen: BTreeMap::new(),
            cards: Vec::new(),
            codes: Vec::new(),
            orders: Vec::new(),
            tenders: Vec::new(),
            shown: Vec::new(),
            holes: Vec::new(),
            told: Vec::new(),
            lost: BTreeSet::new(),
            proposals: Vec::new(),
            batches: Vec::new(),
            next_nonce: 0,
            next_card: FIRST_COUNTER_CARD,
            terminal_keys: BTreeMap::new(),
            code_key: 0,
            now_ns: 0,
        }
    }

    /// One of the accounts that were acknowledged.
    pub fn person(&self, random: &mut Random) -> AccountId {
        let accounts: Vec<AccountId> = self.openings_fen.keys().copied().collect();
        *random.pick(&accounts)
    }

    /// Somebody taps.
    pub fn tap(&mut self, random: &mut Random) -> Ask {
        // Above a limit the till asks for the password.
        let password = random.per_mille(200).then(|| random.below(2) as u8);
        let amount_fen = amount_fen(random) * if password.is_some() { 4 } else { 1 };
        let card = self.card(random);
        if !random.per_mille(30) {
            card.counter += 1;
            card.previous = Previous::default();
        }
        Ask::Tap { card_uid: card.uid, counter: card.counter, amount_fen, password }
    }

    /// Somebody taps where the chip is written afterwards. Mostly it is; what the till says of it is another matter.
    pub fn chip_tap(&mut self, random: &mut Random) -> Ask {
        let amount_fen = amount_fen(random);
        let written = random.per_mille(600);
        let card = self.card(random);
        let counter = card.counter + 1;
        if written {
            card.counter = counter;
            card.previous = Previous::default();
        }
        Ask::ChipTap { card_uid: card.uid, counter, amount_fen }
    }

    /// Somebody tapped while the till was offline: with this card, or with any.
    pub fn offline(&mut self, random: &mut Random, again: Option<CardUid>) -> Ask {
        let amount_fen = amount_fen(random).clamp(1, 5_000);
        let age_ns = random.below(3 * super::clock::DAY_NS);
        let till_time_ns =
            if random.per_mille(50) { self.now_ns + age_ns } else { self.now_ns.saturating_sub(age_ns / 20) };
        let again = again.and_then(|uid| self.cards.iter().position(|card| card.uid == uid));
        let card = match again {
            Some(place) => &mut self.cards[place],
            None => self.card(random),
        };
        card.counter += 1;
        let Card { uid: card_uid, counter, previous, .. } = *card;
        if previous != Previous::default() {
            let Previous { terminal, epoch, sequence, card_counter, amount_fen } = previous;
            self.told.push(Ask::PostTold {
                card_uid,
                counter: card_counter.0,
                told: SaleId { terminal, epoch, sequence },
                amount_fen: amount_fen.into(),
            });
        }
        Ask::Offline { card_uid, counter, amount_fen, till_time_ns, authentic: true, own: true, previous }
    }

    /// A chip remembers that it paid, offline, as this sale.
    pub fn chip_paid(&mut self, ask: &Ask, sale: SaleId) {
        let Ask::Offline { card_uid, counter, amount_fen, authentic: true, own: true, .. } = *ask else {
            return;
        };
        if let Some(card) = self.cards.iter_mut().find(|card| card.uid == card_uid) {
            card.previous = Previous {
                terminal: sale.terminal,
                epoch: sale.epoch,
                sequence: sale.sequence,
                card_counter: CardCounter(counter),
                // At most a meal.
                amount_fen: amount_fen as u32,
            };
        }
    }

    /// A till has lost what it stored of a sale.
    pub fn lose(&mut self, sale: SaleId) {
        self.lost.insert(sale);
    }

    /// A counter has something posted that a card told of, mostly of late and lost; now and then it mistakes the counter.
    pub fn post_told(&mut self, random: &mut Random) -> Option<Ask> {
        let only_lost = random.per_mille(500);
        let is_lost =
            |ask: &&Ask| matches!(ask, Ask::PostTold { told, .. } if !only_lost || self.lost.contains(told));
        let mut told = self.told.iter().rev().filter(is_lost);
        let mut ask = *told.nth(random.below(6) as usize)?;
        if let Ask::PostTold { counter, .. } = &mut ask
            && random.per_mille(50)
        {
            *counter += 1_000;
        }
        Some(ask)
    }

    fn card(&mut self, random: &mut Random) -> &mut Card {
        let place = random.below(self.cards.len() as u64) as usize;
        &mut self.cards[place]
    }

    /// Somebody shows a payment code: a new one, an old one again, or one that was made up.
    pub fn code(&mut self, random: &mut Random) -> Ask {
        let amount_fen = amount_fen(random);
        if random.per_mille(200)
            && let Some(place) = random.place(self.codes.len())
        {
            let (account, digits) = self.codes[place];
            return Ask::Code { digits, account: Some(account), amount_fen };
        }
        let account = self.person(random);
        self.next_nonce = (self.next_nonce + 1) % (payment_code::CODE_NONCE_MAX + 1);
        let step = payment_code::step_at(self.now_ns);
        let key_id = payment_code::key_id_of(self.code_key);
        let mut digits = payment_code::issue(&CODE_KEY, key_id, account, step, self.next_nonce)
            .expect("accounts and nonces of a simulation fit a code");
        if random.per_mille(100) {
            let place = random.below(20) as usize;
            digits[place] = b'0' + (digits[place] - b'0' + 1) % 10;
            return Ask::Code { digits, account: None, amount_fen };
        }
        self.codes.push((account, digits));
        Ask::Code { digits, account: Some(account), amount_fen }
    }

    /// A till passes over sequences that it never uses.
    pub fn pass_over(&mut self, till: TerminalId, slot: TerminalSlot, epoch: Epoch, first: u32, last: u32) {
        let (first, last) = (Sequence(first), Sequence(last));
        self.holes.push(Ask::CloseGap { till, slot, epoch, first, last });
    }

    /// A counter closes a hole that somebody knows of.
    pub fn close_gap(&mut self, random: &mut Random) -> Option<Ask> {
        Some(self.holes[random.place(self.holes.len())?])
    }

    /// An offline till shows what is to be paid by phone.
    pub fn show(&mut self, random: &mut Random, sale: SaleId, slot: TerminalSlot) -> Ask {
        let shown = Shown { sale, slot, amount_fen: random.between(1, 1_500) as i64, time_ns: self.now_ns };
        self.shown.push(shown);
        Ask::ScanUpload { amount_fen: shown.amount_fen, till_time_ns: shown.time_ns }
    }

    /// Somebody scans what a till shows, mostly of late.
    pub fn scan(&mut self, random: &mut Random) -> Option<Ask> {
        let reach = self.shown.len().min(if random.per_mille(800) { 4 } else { 100 });
        let back = random.place(reach)?;
        let Shown { sale, slot, amount_fen, time_ns } = self.shown[self.shown.len() - 1 - back];
        let account = self.person(random);
        Some(Ask::ScanPay { account, scanned: sale, slot, amount_fen, till_time_ns: time_ns })
    }

    /// Somebody comes to a counter for a card, or to give one back.
    pub fn card_at_a_counter(&mut self, random: &mut Random) -> Ask {
        let account = self.person(random);
        let given_back = self.card(random);
        if random.per_mille(300)
            && let Card { uid: card_uid, owner: Some(account), .. } = *given_back
        {
            return if random.per_mille(150) {
                Ask::Close { account, card_uid }
            } else {
                Ask::GiveBack { account, card_uid }
            };
        }
        self.next_card += 1;
        let card_uid = CardUid(self.next_card);
        if random.per_mille(500) {
            let expires_day =
                if random.per_mille(300) { day_of(self.now_ns) + random.below(5) as u16 } else { 0 };
            Ask::Issue { account, card_uid, expires_day }
        } else {
            let fee_fen = if random.per_mille(500) { 2_000 } else { 0 };
            Ask::Replace { account, new_card: card_uid, fee_fen }
        }
    }

    /// Somebody comes for a query password, or with one: at a counter, or on the phone.
    pub fn about_a_holder(&mut self, random: &mut Random, at_a_counter: bool) -> Ask {
        let account = self.person(random);
        let password = random.below(2) as u8;
        let virtual_id = 1 + random.below(20);
        match random.below(10) {
            0..4 if at_a_counter => Ask::SetPassword { account, password },
            0..3 if !at_a_counter => Ask::BindPhone { account, virtual_id, password },
            3 if !at_a_counter => Ask::UnbindPhone { virtual_id },
            4 if !at_a_counter => Ask::TellPhone { virtual_id, phone: 1 + random.below(3) },
            0..7 => Ask::Lose { account, password },
            _ => Ask::Find { account, password },
        }
    }

    /// What an operator does next. Proposals are mostly decided by another than who made them.
    pub fn at_the_office(&mut self, random: &mut Random, operator: TerminalId) -> Ask {
        if random.per_mille(600) {
            return self.subsidy(random, operator);
        }
        let account = self.person(random);
        match random.below(11) {
            10 => {
                let terminal = TerminalId(101 + random.below(4) as u32);
                let key_version = self.terminal_keys.get(&terminal).map_or(2, |version| version + 1);
                Ask::NewTerminalKey { terminal, key_version }
            }
            0..2 => {
                let action =
                    if random.per_mille(300) { FreezeAction::Freeze } else { FreezeAction::Unfreeze };
                Ask::Freeze { account, action }
            }
            2 => Ask::Limits { account, day_max_fen: *random.pick(&[0, 4_000, 50_000]) },
            3..6 if !self.proposals.is_empty() => {
                let others = self.proposals.iter().position(|(_, proposer)| *proposer != operator);
                let place = match others.filter(|_| random.per_mille(800)) {
                    Some(place) => place,
                    None => random.below(self.proposals.len() as u64) as usize,
                };
                let (proposal, _) = self.proposals[place];
                let verdict = if random.per_mille(750) { Verdict::Approve } else { Verdict::Reject };
                if random.per_mille(600) {
                    self.proposals.remove(place);
                }
                Ask::Decide { proposal, verdict }
            }
            _ => Ask::Adjust {
                account,
                amount_fen: random.between(1, 900) as i64,
                wallet: *random.pick(&[Wallet::Card, Wallet::Electronic]),
                direction: *random.pick(&[AdjustDirection::Give, AdjustDirection::Take]),
            },
        }
    }

    /// The next of a batch, or what may not come now.
    fn subsidy(&mut self, random: &mut Random, operator: TerminalId) -> Ask {
        let newest = self.batches.len();
        if newest == 0 || random.per_mille(100) {
            let accounts: Vec<AccountId> = self.openings_fen.keys().copied().collect();
            let mut lines = Vec::new();
            for account in accounts {
                if lines.len() < SUBSIDY_PAGE_LINES_MAX && random.per_mille(700) {
                    let amount_fen = random.between(1, 800) as u32;
                    lines.push(SubsidyLine { account: account.0.into(), amount_fen: amount_fen.into() });
                }
            }
            let lines: &'static [SubsidyLine] = lines.leak();
            self.batches.push((lines, operator, 0));
            return Ask::OpenBatch {
                batch: newest as u32 + 1,
                lines: lines.len() as u32,
                total_fen: sum_fen(lines),
                mode: if random.per_mille(400) { SubsidyMode::Clear } else { SubsidyMode::Beside },
                deadline_day: day_of(self.now_ns) + random.below(3) as u16,
            };
        }
        // Of late, mostly.
        let back = if random.per_mille(800) { 0 } else { random.below(newest as u64) as usize };
        let place = newest - 1 - back;
        let (lines, opener, steps) = self.batches[place];
        let batch = place as u32 + 1;
        if !lines.is_empty() && opener == operator && random.per_mille(600) {
            return Ask::Page { batch, lines };
        }
        self.batches[place].2 += 1;
        let action = match steps {
            _ if random.per_mille(200) => *random.pick(SubsidyAction::ALL),
            0..2 => SubsidyAction::Approve,
            2..4 => SubsidyAction::Issue,
            _ => SubsidyAction::Withdraw,
        };
        Ask::Step { batch, action }
    }

    /// A counter handed a card out.
    pub fn hand_out(&mut self, card_uid: CardUid, account: AccountId) {
        if !self.cards.iter().any(|card| card.uid == card_uid) {
            self.cards.push(Card::new(card_uid, Some(account)));
        }
    }

    /// Blank cards come to a counter: mostly of those that are given out next.
    pub fn stock(&mut self, random: &mut Random) -> Ask {
        let first = CardUid(self.next_card + random.below(20));
        Ask::Stock { first, count: random.between(1, 12) as u16 }
    }

    /// What somebody paid at a till through another channel, sometimes told before, by whichever till.
    pub fn tender(&mut self, random: &mut Random) -> Ask {
        let tender = match random.place(self.tenders.len()) {
            Some(place) if random.per_mille(250) => self.tenders[place],
            _ => {
                let mut order_number = [0; 32];
                order_number[..8].copy_from_slice(&random.next().to_le_bytes());
                let channel = *random.pick(&[Channel::WeChat, Channel::Alipay]);
                let amount_fen = random.between(100, 3_000) as i64;
                let tender = Ask::Tender { amount_fen, channel, order_number };
                self.tenders.push(tender);
                tender
            }
        };
        match tender {
            Ask::Tender { amount_fen, channel, order_number } if random.per_mille(50) => {
                Ask::Tender { amount_fen: amount_fen + 1, channel, order_number }
            }
            tender => tender,
        }
    }

    /// Money comes in: a new order, or one that the channel tells again, now and then with another amount.
    pub fn top_up(&mut self, random: &mut Random) -> Ask {
        let order = match random.place(self.orders.len()) {
            Some(place) if random.per_mille(250) => {
                let order = self.orders[place];
                let other_fen = if random.per_mille(200) { 1 } else { 0 };
                Order { amount_fen: order.amount_fen + other_fen, ..order }
            }
            _ => {
                let mut number = [0; 32];
                number[..8].copy_from_slice(&random.next().to_le_bytes());
                let order = Order {
                    account: self.person(random),
                    amount_fen: random.between(100, 10_000) as i64,
                    channel: *random.pick(&[Channel::Counter, Channel::WeChat, Channel::Alipay]),
                    number,
                };
                self.orders.push(order);
                order
            }
        };
        Ask::TopUp {
            account: order.account,
            amount_fen: order.amount_fen,
            channel: order.channel,
            order_number: order.number,
        }
    }
}

/// Mostly a meal, now and then something that no request may carry or that a limit forbids.
fn amount_fen(random: &mut Random) -> i64 {
    match random.below(40) {
        0 => 0,
        1 => -5,
        2 => 3_000_000_000,
        3..6 => random.between(1_900, 2_300) as i64,
        _ => random.between(1, 1_500) as i64,
    }
}

/// What the server says of a code's digits at a moment, while the key of version `current` is in use, and under which version.
pub fn verdict(digits: &[u8; 20], now_ns: u64, current: u32) -> (CodeVerdict, u32) {
    let Ok(parsed) = payment_code::parse(digits) else { return (CodeVerdict::Malformed, 0) };
    let Some(version) = payment_code::key_version_of(parsed.key_id(), current) else {
        return (CodeVerdict::Malformed, 0);
    };
    let verdict = match parsed.authenticate(&mut Cmac128::new(&CODE_KEY), now_ns) {
        Ok(code) => CodeVerdict::Authentic {
            account: code.account,
            step: u32::try_from(code.step).expect("a simulation's time has steps below 2^32"),
            nonce: code.nonce,
        },
        Err(CodeRefusal::NotAuthentic) => CodeVerdict::NotAuthentic,
        Err(CodeRefusal::Expired) => CodeVerdict::Expired,
    };
    (verdict, version)
}
