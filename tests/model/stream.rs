//! Random commands that get in each other's way: few people, few tills, few cards, few orders.
//!
//! The stream looks at the model to stay near the edges: the next sequence, the next card counter, the last days'
//! midnight. One seed gives one stream.

mod cards;
mod offline;
mod tills;

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{
    AccountClose, AccountSelector, Adjust, Balance, BillHead, BindCard, BlockListActive, CardDebit,
    CardIssue, CardReplace, CardReturn, CardTap, Carried, Channel, CodeDebit, CodeKeyRotate, CodeRevoke,
    CodeVerdict, CutOff, GapClose, LossLift, LossReport, OfflineFact, OpenAccount, Opening, PasswordDebit,
    PasswordImport, PasswordSet, PhoneChange, Refund, RegisterMerchant, RegisterTerminal, Request, Reversal,
    Sale, SaleQuery, ScanPay, SetAccountClass, SetAccountTerms, SetMealPeriod, SetPolicy, SetPrice,
    TapConfirm, Tender, TerminalSlot, ToldPost, TopUp, TopUpUndo, VirtualBind, VirtualUnbind, Void,
};
use engine::ledger::holder::PasswordRef;
use engine::ledger::record::Wallet;
use engine::ledger::registry::{AuthoriseRule, Policy, TerminalKind};
use protocol::card::{ChipWrite, PayoutWay, ReplaceReason};
use protocol::ids::{
    AccountId, BusinessDate, CardUid, Epoch, MerchantId, PhoneDigest, SaleId, Sequence, TerminalId, VirtualId,
};

use super::naive::{Deed, Model};
use offline::Scan;

pub const SECOND_NS: u64 = 1_000_000_000;
pub const DAY_NS: u64 = 86_400 * SECOND_NS;
/// 2025-08-28 08:00 at the campus.
pub const START_NS: u64 = 1_756_339_200 * SECOND_NS;
/// 2025-08-28.
pub const START_DATE: u16 = 9_371;

const NAMES: [&str; 4] = ["一食堂", "二食堂", "超市", "开水房"];
const RAWS: [&[u8]; 3] = [b"", b"request", &[0xA5; 300]];
const FIRST_TERMINAL: u32 = 11;
const TILLS: u32 = 12;
const PERSONS: u32 = 20;
const CARDS: u64 = 40;
const REMEMBERED: usize = 400;
/// The slot of a till that passes over many sequences.
const WITH_HOLES: u16 = 2;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `below`, less one.
    pub fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }
}

/// Passwords that are typed: few, so that many are right.
const TYPED: u64 = 3;
/// Numbers of the vault that an import gives begin here.
const IMPORTED_FROM: u64 = 1_000_000;

/// The password that comes along with a request under this identity: a retry brings the same.
pub fn typed(sale: &Sale<'_>) -> u8 {
    let identity = u64::from(sale.slot.0) << 48 | u64::from(sale.epoch.0) << 32 | u64::from(sale.sequence.0);
    (Random(identity).next() % TYPED) as u8
}

/// The password of which an import gives this number; none of a number that no import gives.
pub fn imported(number: u64) -> u8 {
    (number % TYPED) as u8
}

/// Whether an import gave this number of the vault.
pub fn is_imported(number: u64) -> bool {
    number >= IMPORTED_FROM
}

pub struct Stream {
    pub(super) random: Random,
    pub time_ns: u64,
    sent: Vec<Request<'static>>,
    orders: u64,
    /// A till that tries codes at random, for a while.
    guessing: Option<(u16, u32)>,
    /// The latest authentic code: it may be shown again.
    shown: CodeVerdict,
    /// What tills showed to phones of late: what of it is paid or told, and by whom, is another matter.
    scans: Vec<Scan>,
}

/// What stands at each slot.
const fn kind_of(till: u32) -> TerminalKind {
    match till {
        4 => TerminalKind::Counter,
        5 => TerminalKind::PhoneGateway,
        6 => TerminalKind::Door,
        7 => TerminalKind::CardCentre,
        8 | 9 => TerminalKind::Finance,
        10 => TerminalKind::Auditor,
        11 => TerminalKind::Administrator,
        _ => TerminalKind::PointOfSale,
    }
}

pub fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

impl Stream {
    pub fn new(seed: u64) -> Stream {
        Stream {
            random: Random(seed),
            time_ns: START_NS,
            sent: Vec::new(),
            orders: 0,
            guessing: None,
            shown: CodeVerdict::Malformed,
            scans: Vec::new(),
        }
    }

    /// What every stream begins with.
    pub fn opening() -> Vec<Request<'static>> {
        let mut requests = vec![Request::CutOff(CutOff { opened: BusinessDate(START_DATE) })];
        for (merchant, name) in (0..).zip(NAMES) {
            requests.push(Request::RegisterMerchant(RegisterMerchant {
                merchant: MerchantId(merchant),
                name,
                enabled: true,
            }));
        }
        for till in 0..TILLS {
            requests.push(Request::RegisterTerminal(RegisterTerminal {
                terminal: TerminalId(FIRST_TERMINAL + till),
                merchant: MerchantId(if kind_of(till).is_operator() { 0 } else { till % 3 }),
                kind: kind_of(till),
                key_version: 1,
                enabled: true,
            }));
        }
        for person in 0..PERSONS {
            let student_number = text(&format!("20{person:05}"));
            requests.push(Request::OpenAccount(OpenAccount { student_number, class: (person % 4) as u8 }));
            let (account, card_uid) = (AccountId(person), CardUid(u64::from(person) + 1));
            requests.push(Request::BindCard(BindCard { account, card_uid }));
            requests.push(Request::Opening(Opening { account, wallet: Wallet::Card, amount_fen: 20_000 }));
        }
        requests
    }

    /// The next command. The clock goes on before it.
    pub fn next(&mut self, model: &Model) -> Request<'static> {
        self.pass_time(model);
        let request = match self.random.below(115) {
            0..59 if self.guessing.is_some() => self.code(model),
            0..12 if !self.sent.is_empty() => {
                let newest = self.sent.len().min(if self.random.chance(70) { 8 } else { REMEMBERED });
                let back = self.random.below(newest as u64) as usize + 1;
                let request = self.sent[self.sent.len() - back];
                if self.random.chance(25) { self.twisted(request) } else { request }
            }
            0..34 => self.tap(model),
            34..40 => self.confirm(model),
            40..46 => self.code(model),
            46..54 => self.top_up(model),
            54..57 => self.tender(model),
            57..65 => self.reverse(model),
            65..68 => self.void(model),
            68..72 => self.refund(model),
            72..75 => self.undo_top_up(model),
            75..83 => self.offline(model),
            83 if self.random.chance(30) => self.report_list(model),
            83 => self.about_the_till(model),
            84..87 => self.query(model),
            87..90 => self.card_at_a_counter(model),
            90..93 => self.holder(model),
            93..96 => self.at_the_office(model),
            96..100 => self.scan_pay(model),
            100 => self.about_codes(model),
            101 => self.close_gap(model),
            102..109 => self.subsidy(model),
            109..111 => self.post_told(model),
            _ => self.configure(model),
        };
        self.sent.push(request);
        if self.sent.len() > 2 * REMEMBERED {
            self.sent.drain(..REMEMBERED);
        }
        request
    }

    fn pass_time(&mut self, model: &Model) {
        // Just before and just after a midnight of the campus, now and then.
        let to_midnight = DAY_NS - (self.time_ns + 8 * 3_600 * SECOND_NS) % DAY_NS;
        self.time_ns += match self.random.below(2_000) {
            0..6 => to_midnight - 1,
            6..12 => to_midnight,
            12..15 => 3 * DAY_NS,
            15..18 => 3 * DAY_NS + 1,
            18..48 => self.random.below(4 * 3_600) * SECOND_NS,
            48 if model.date.is_multiple_of(7) => 28 * DAY_NS,
            49..300 => 0,
            _ => self.random.below(20 * SECOND_NS),
        };
    }

    /// The same identity with another body.
    fn twisted(&mut self, request: Request<'static>) -> Request<'static> {
        match request {
            Request::CardDebit(r) if self.random.chance(50) => {
                Request::CardDebit(CardDebit { amount_fen: r.amount_fen + 1, ..r })
            }
            // The same sale by the other way.
            Request::CardDebit(r) => Request::Offline(OfflineFact {
                sale: r.sale,
                record_terminal: r.sale.terminal,
                card_uid: r.card_uid,
                card_counter: r.card_counter,
                amount_fen: r.amount_fen,
                till_time_ns: self.time_ns,
                list: None,
                authentic: true,
                carried: Carried::default(),
            }),
            Request::CardTap(r) => Request::CardTap(CardTap { amount_fen: r.amount_fen + 1, ..r }),
            Request::PasswordDebit(PasswordDebit { sale, card_uid, card_counter, amount_fen, .. }) => {
                Request::CardDebit(CardDebit { sale, card_uid, card_counter, amount_fen })
            }
            Request::TapConfirm(r) => Request::TapConfirm(TapConfirm {
                write: if r.write == ChipWrite::Written { ChipWrite::NotWritten } else { ChipWrite::Written },
                ..r
            }),
            Request::CodeDebit(r) => Request::CodeDebit(CodeDebit { digits: *b"00000000000000000000", ..r }),
            Request::TopUp(r) => Request::TopUp(TopUp { amount_fen: r.amount_fen + 1, ..r }),
            Request::Reversal(r) => Request::Reversal(Reversal { amount_fen: r.amount_fen + 1, ..r }),
            Request::TopUpUndo(r) => Request::TopUpUndo(TopUpUndo { amount_fen: r.amount_fen + 1, ..r }),
            Request::Tender(r) => Request::Tender(Tender { amount_fen: r.amount_fen + 1, ..r }),
            Request::Void(r) => Request::Void(Void { amount_fen: r.amount_fen + 1, ..r }),
            Request::Refund(r) => Request::Refund(Refund { amount_fen: r.amount_fen + 1, ..r }),
            Request::Offline(r) => {
                let other = if self.random.chance(50) { 1 } else { 0 };
                Request::Offline(OfflineFact {
                    card_uid: CardUid(r.card_uid.0 + 1 - other),
                    record_terminal: TerminalId(r.record_terminal.0 + other as u32),
                    ..r
                })
            }
            Request::LossReport(LossReport { sale, account, well_formed }) => {
                Request::LossLift(LossLift { sale, account, well_formed })
            }
            Request::VirtualUnbind(r) => {
                Request::VirtualUnbind(VirtualUnbind { virtual_id: VirtualId(r.virtual_id.0 + 1), ..r })
            }
            Request::PhoneChange(r) => {
                Request::PhoneChange(PhoneChange { phone: PhoneDigest(r.phone.0 + 1), ..r })
            }
            Request::Adjust(r) => Request::Adjust(Adjust { amount_fen: r.amount_fen + 1, ..r }),
            Request::CardIssue(r) => {
                Request::CardIssue(CardIssue { card_uid: CardUid(r.card_uid.0 + 1), ..r })
            }
            Request::AccountClose(r) => Request::AccountClose(AccountClose { way: PayoutWay::Transfer, ..r }),
            Request::ScanPay(r) => Request::ScanPay(ScanPay { amount_fen: r.amount_fen + 1, ..r }),
            Request::GapClose(r) => Request::GapClose(GapClose { reason: text("it was stolen"), ..r }),
            Request::ToldPost(r) => Request::ToldPost(ToldPost { reason: text("it was stolen"), ..r }),
            Request::CodeRevoke(r) => {
                Request::CodeRevoke(CodeRevoke { account: AccountSelector::Card(CardUid(1)), ..r })
            }
            Request::CodeKeyRotate(r) => {
                Request::CodeKeyRotate(CodeKeyRotate { refuses_earlier: !r.refuses_earlier, ..r })
            }
            Request::CardReplace(r) if self.random.chance(50) => {
                Request::CardReplace(CardReplace { reason: ReplaceReason::NumberChanged, ..r })
            }
            // The same card under the same identity, but asked otherwise.
            Request::CardReplace(r) => {
                Request::CardReturn(CardReturn { sale: r.sale, account: r.account, card_uid: r.new_card })
            }
            other => other,
        }
    }

    fn slot(&mut self) -> u16 {
        match self.random.below(100) {
            0..2 => 99,
            2..4 => 6,
            _ => self.random.below(6) as u16,
        }
    }

    pub(super) fn sale(&mut self, model: &Model, slot: u16) -> Sale<'static> {
        let (epoch, highest) = model
            .tills
            .get(usize::from(slot))
            .map_or((0, 0), |till| (till.epoch, till.received.last().copied().unwrap_or(0)));
        let (epoch, sequence) = match self.random.below(200) {
            // Every other sequence of this till is missing, until there is room for no more holes.
            0..110 if slot == WITH_HOLES => (epoch, highest + 2),
            0..120 if slot == WITH_HOLES => (epoch, highest + 1),
            0 => (epoch + 1, 1),
            1 => (epoch + 2, 3),
            2..5 => (epoch.saturating_sub(1), 1 + self.random.below(40) as u32),
            5..20 => (epoch, highest + 2 + self.random.below(3) as u32),
            20..30 => (epoch, 1 + self.random.below(u64::from(highest) + 1) as u32),
            30 => (epoch, 0),
            _ => (epoch, highest + 1),
        };
        let terminal = TerminalId(FIRST_TERMINAL + u32::from(slot) + u32::from(self.random.below(300) == 0));
        let raw = self.random.of(&RAWS);
        Sale { slot: TerminalSlot(slot), terminal, epoch: Epoch(epoch), sequence: Sequence(sequence), raw }
    }

    fn amount_fen(&mut self) -> i64 {
        match self.random.below(120) {
            0 => 0,
            1 => -5,
            2 => 1_000_000_001,
            3 => 1_000_000_000,
            4..8 => 2_000,
            8..12 => 2_001,
            12..30 => 1_000 + self.random.below(1_500) as i64,
            _ => 100 * (1 + self.random.below(9)) as i64,
        }
    }

    /// Mostly a current card.
    fn card(&mut self, model: &Model) -> CardUid {
        let person = self.random.below(model.accounts.len() as u64) as usize;
        match model.accounts[person].card {
            Some(card_uid) if self.random.chance(92) => CardUid(card_uid),
            _ => CardUid(1 + self.random.below(CARDS + 5)),
        }
    }

    fn code(&mut self, model: &Model) -> Request<'static> {
        if self.random.chance(1) {
            self.guessing = Some((self.random.below(6) as u16, 25));
        }
        let (mut slot, mut guess) = (self.slot(), false);
        if let Some((till, left)) = self.guessing {
            (slot, guess) = (till, true);
            self.guessing = (left > 1).then_some((till, left - 1));
        }
        let account = AccountId(self.random.below(u64::from(PERSONS) + 1) as u32);
        let now = (self.time_ns / (30 * SECOND_NS)) as u32;
        let step = match self.random.below(20) {
            0 => now - 4,
            1..4 => now - 1,
            4..6 => now + 1,
            _ => now,
        };
        let nonce = self.random.below(3) as u8;
        let verdict = match self.random.below(40) {
            0 => CodeVerdict::Malformed,
            1 => CodeVerdict::Expired,
            2 => CodeVerdict::NotAuthentic,
            _ if guess && self.random.chance(80) => CodeVerdict::NotAuthentic,
            3..7 => self.shown,
            _ => CodeVerdict::Authentic { account, step, nonce },
        };
        if matches!(verdict, CodeVerdict::Authentic { .. }) {
            self.shown = verdict;
        }
        let digits = text(&format!("{:010}{:08}{nonce:02}", account.0, step % 100_000_000));
        let sale = self.sale(model, slot);
        let key_version = match self.random.below(30) {
            0..3 => model.code_key.saturating_sub(1),
            3 => model.code_key.saturating_sub(3),
            _ => model.code_key,
        };
        Request::CodeDebit(CodeDebit { sale, digits, verdict, key_version, amount_fen: self.amount_fen() })
    }

    /// Codes are revoked, or another key comes into use.
    fn about_codes(&mut self, model: &Model) -> Request<'static> {
        let slot = if self.random.chance(90) { 4 + self.random.below(2) as u16 } else { self.slot() };
        let sale = self.sale(model, slot);
        if self.random.chance(70) {
            let intake_step = self.intake_step();
            return Request::CodeRevoke(CodeRevoke { sale, account: self.selector(model), intake_step });
        }
        let key_version = model.code_key + if self.random.chance(80) { 1 } else { 2 };
        Request::CodeKeyRotate(CodeKeyRotate { sale, key_version, refuses_earlier: self.random.chance(40) })
    }

    fn top_up(&mut self, model: &Model) -> Request<'static> {
        let account = self.selector(model);
        let order = if self.random.chance(15) { self.random.below(self.orders + 1) } else { self.orders };
        self.orders += 1;
        let slot = if self.random.chance(90) { 4 + self.random.below(2) as u16 } else { self.slot() };
        Request::TopUp(TopUp {
            sale: self.sale(model, slot),
            account,
            // Few amounts, so that an order comes again with the same.
            amount_fen: if self.random.chance(90) { 5_000 } else { self.amount_fen() },
            channel: self.random.of(&[
                Channel::Counter,
                Channel::WeChat,
                Channel::WeChat,
                Channel::WeChat,
                Channel::Alipay,
                Channel::Card,
            ]),
            order_number: text(&format!("O{}", order / 2)),
        })
    }

    /// Among the orders of top-ups, so that they get in each other's way.
    fn tender(&mut self, model: &Model) -> Request<'static> {
        let order = if self.random.chance(25) { self.random.below(self.orders + 1) } else { self.orders };
        self.orders += 1;
        let slot = self.slot();
        Request::Tender(Tender {
            sale: self.sale(model, slot),
            amount_fen: if self.random.chance(80) { 1_200 } else { self.amount_fen() },
            channel: self.random.of(&[Channel::WeChat, Channel::WeChat, Channel::Alipay, Channel::Counter]),
            order_number: text(&format!("O{}", order / 2)),
        })
    }

    fn report_list(&mut self, model: &Model) -> Request<'static> {
        let slot = self.slot();
        let Sale { slot, terminal, .. } = self.sale(model, slot);
        let version = self.random.below(4) as u32;
        let is_right = self.random.chance(90);
        Request::BlockListActive(BlockListActive {
            slot,
            terminal,
            version,
            digest: [7; 16],
            is_right,
            till_time_ns: 0,
        })
    }

    pub(super) fn selector(&mut self, model: &Model) -> AccountSelector {
        match self.random.below(5) {
            0 => AccountSelector::Card(self.card(model)),
            1 => {
                let person = self.random.below(u64::from(PERSONS) + 8);
                AccountSelector::StudentNumber(text(&format!("20{person:05}")))
            }
            _ => AccountSelector::Account(AccountId(self.random.below(u64::from(PERSONS) + 1) as u32)),
        }
    }

    fn reverse(&mut self, model: &Model) -> Request<'static> {
        let slot = self.slot();
        let sale = self.sale(model, slot);
        match self.earlier(model, &sale) {
            Some((original_epoch, original_sequence, amount_fen)) => {
                Request::Reversal(Reversal { sale, original_epoch, original_sequence, amount_fen })
            }
            None => Request::SaleQuery(SaleQuery { sale }),
        }
    }

    fn void(&mut self, model: &Model) -> Request<'static> {
        let slot = self.slot();
        let sale = self.sale(model, slot);
        let again = self.random.chance(20);
        let voided = model.tills.get(usize::from(slot)).and_then(|till| {
            let ((epoch, sequence), past) = till.past.iter().rev().find(|(_, past)| past.voided)?;
            Some((Epoch(*epoch), Sequence(*sequence), past.amount_fen))
        });
        match voided.filter(|_| again).or_else(|| self.earlier(model, &sale)) {
            Some((original_epoch, original_sequence, amount_fen)) => {
                Request::Void(Void { sale, original_epoch, original_sequence, amount_fen })
            }
            None => Request::SaleQuery(SaleQuery { sale }),
        }
    }

    /// Mostly of a debit, often of one that something was given back of, at any till.
    fn refund(&mut self, model: &Model) -> Request<'static> {
        let slot = self.slot();
        let sale = self.sale(model, slot);
        let sold_at = if self.random.chance(60) { slot } else { self.slot() };
        let till = model.tills.get(usize::from(sold_at));
        let mut past: Vec<_> = till.map_or(Vec::new(), |till| till.past.iter().collect());
        match self.random.below(20) {
            0..16 => {
                past.retain(|(_, past)| matches!(past.deed, Deed::Debit { .. } | Deed::OfflineDebit { .. }));
            }
            16 => past.retain(|(_, past)| matches!(past.deed, Deed::Refund { .. })),
            _ => {}
        }
        if self.random.chance(25) {
            past.retain(|(_, past)| past.refunded_fen > 0);
        }
        if self.random.chance(10) {
            let is_closed = |id: u32| model.accounts[id as usize].status == AccountStatus::Closed;
            past.retain(|(_, past)| past.payer.is_some_and(is_closed));
        }
        let reach = if self.random.chance(70) { past.len().min(6) } else { past.len() };
        let (original, amount_fen) = match past.len().checked_sub(1) {
            Some(newest) if !self.random.chance(4) => {
                let (original, past) = past[newest - self.random.below(reach as u64) as usize];
                let left_fen = past.amount_fen - past.refunded_fen;
                let amount_fen = match self.random.below(10) {
                    0..4 => left_fen,
                    4 => left_fen + 1,
                    5 => self.amount_fen(),
                    _ => 1 + self.random.below(left_fen.max(1).cast_unsigned()).cast_signed(),
                };
                (*original, amount_fen)
            }
            _ => ((sale.epoch.0, self.random.below(u64::from(sale.sequence.0) + 3) as u32), 700),
        };
        let terminal = TerminalId(FIRST_TERMINAL + u32::from(sold_at));
        let (epoch, sequence) = (Epoch(original.0), Sequence(original.1));
        let original_slot = (!self.random.chance(2)).then_some(TerminalSlot(sold_at));
        let original = SaleId { terminal, epoch, sequence };
        Request::Refund(Refund { sale, original, original_slot, amount_fen })
    }

    /// A request that a till may want to undo, and its amount.
    fn earlier(&mut self, model: &Model, sale: &Sale<'_>) -> Option<(Epoch, Sequence, i64)> {
        let till = model.tills.get(usize::from(sale.slot.0))?;
        let (epoch, sequence, amount_fen) = match self.random.below(12) {
            // One that hasn't come yet: the next, itself, one of another epoch.
            0 => (sale.epoch.0, sale.sequence.0 + 1, 700),
            1 => (sale.epoch.0, sale.sequence.0.saturating_sub(1), 700),
            2 => (sale.epoch.0, sale.sequence.0, 700),
            3 => (sale.epoch.0 + u16::from(self.random.chance(50)), self.random.below(30) as u32, 700),
            // One that has: mostly of late.
            _ => {
                let places = till.past.len() as u64;
                if places == 0 {
                    return None;
                }
                let reach = if self.random.chance(70) { places.min(12) } else { places };
                let at = places - 1 - self.random.below(reach);
                let ((epoch, sequence), past) = till.past.iter().nth(at as usize).expect("within");
                (*epoch, *sequence, past.amount_fen + i64::from(self.random.chance(4)))
            }
        };
        Some((Epoch(epoch), Sequence(sequence), amount_fen))
    }

    /// Mostly of a top-up, by the till that took it.
    fn undo_top_up(&mut self, model: &Model) -> Request<'static> {
        let slot = if self.random.chance(90) { 4 } else { self.slot() };
        let sale = self.sale(model, slot);
        let till = model.tills.get(usize::from(slot));
        let mut past: Vec<_> = till.map_or(Vec::new(), |till| till.past.iter().collect());
        if self.random.chance(90) {
            past.retain(|(_, past)| matches!(past.deed, Deed::TopUp { .. }));
        }
        let reach = if self.random.chance(80) { past.len().min(4) } else { past.len() };
        let (original, amount_fen) = match past.len().checked_sub(1) {
            Some(newest) if !self.random.chance(5) => {
                let (original, past) = past[newest - self.random.below(reach as u64) as usize];
                (*original, past.amount_fen + i64::from(self.random.chance(4)))
            }
            _ => ((sale.epoch.0, self.random.below(u64::from(sale.sequence.0) + 3) as u32), 5_000),
        };
        Request::TopUpUndo(TopUpUndo {
            sale,
            original_epoch: Epoch(original.0),
            original_sequence: Sequence(original.1),
            amount_fen,
        })
    }

    /// The clock that payment codes are judged by: logged time's, mostly.
    fn intake_step(&mut self) -> u32 {
        let off = self.random.of(&[-2, 0, 0, 0, 0, 0, 1, 3]);
        ((self.time_ns / (30 * SECOND_NS)) as u32).saturating_add_signed(off)
    }

    /// Somebody sets a password, binds a phone or loses a card, mostly where that is done.
    fn holder(&mut self, model: &Model) -> Request<'static> {
        let slot = match self.random.below(20) {
            0 => self.slot(),
            1..7 => 4,
            _ => 5,
        };
        let sale = self.sale(model, slot);
        let person = self.random.below(u64::from(PERSONS) + 1) as usize;
        // Often the one that was guessed at most, so that it is locked.
        let guessed = model.accounts.iter().map(|account| account.holder.guessed(self.time_ns));
        let most = (0..).zip(guessed).filter(|(_, guessed)| *guessed > 0).max_by_key(|(_, guessed)| *guessed);
        let account = match most {
            Some((id, _)) if self.random.chance(60) => AccountSelector::Account(AccountId(id)),
            _ => self.selector(model),
        };
        let well_formed = !self.random.chance(4);
        let bound: Vec<u64> =
            model.accounts.iter().filter_map(|account| account.holder.virtual_card).collect();
        let bound = (!bound.is_empty()).then(|| self.random.of(&bound));
        let virtual_id = VirtualId(match bound {
            Some(bound) if self.random.chance(70) => bound,
            _ => 1 + self.random.below(u64::from(PERSONS) * 2),
        });
        match (slot, self.random.below(10)) {
            (4, 0..5) => Request::PasswordSet(PasswordSet { sale, account, well_formed }),
            (_, 0..3) => {
                let student_number = text(&format!("20{person:05}"));
                let virtual_id =
                    if self.random.chance(80) { VirtualId(1 + person as u64) } else { virtual_id };
                let intake_step = self.intake_step();
                Request::VirtualBind(VirtualBind {
                    sale,
                    student_number,
                    virtual_id,
                    well_formed,
                    intake_step,
                })
            }
            (_, 3) if self.random.chance(40) => {
                let intake_step = self.intake_step();
                Request::VirtualUnbind(VirtualUnbind { sale, virtual_id, intake_step })
            }
            (_, 3..5) => {
                let phone = PhoneDigest(1 + self.random.below(3));
                Request::PhoneChange(PhoneChange { sale, virtual_id, phone })
            }
            (_, 5..8) => Request::LossReport(LossReport { sale, account, well_formed }),
            _ => Request::LossLift(LossLift { sale, account, well_formed }),
        }
    }

    fn query(&mut self, model: &Model) -> Request<'static> {
        match self.random.below(3) {
            0 => Request::Balance(Balance { account: self.selector(model) }),
            1 => Request::BillHead(BillHead { account: self.selector(model) }),
            _ => {
                let slot = self.slot();
                Request::SaleQuery(SaleQuery { sale: self.sale(model, slot) })
            }
        }
    }

    fn configure(&mut self, model: &Model) -> Request<'static> {
        let account = AccountId(self.random.below(u64::from(PERSONS) + 1) as u32);
        match self.random.below(16) {
            14 => Request::PasswordImport(PasswordImport {
                account,
                password: PasswordRef(IMPORTED_FROM + self.random.below(1_000_000)),
            }),
            0 => Request::OpenAccount(OpenAccount {
                student_number: text(&format!("20{:05}", self.random.below(u64::from(PERSONS) + 10))),
                class: self.random.of(&[0, 1, 2, 3, 64]),
            }),
            1 => Request::Opening(Opening {
                account,
                wallet: self.random.of(&[Wallet::Card, Wallet::Electronic, Wallet::Transition]),
                amount_fen: self.amount_fen(),
            }),
            2..5 => {
                let cards = if self.random.chance(10) { CARDS } else { 100_000 };
                Request::BindCard(BindCard { account, card_uid: CardUid(self.random.below(cards)) })
            }
            5 => Request::SetAccountClass(SetAccountClass {
                account,
                class: self.random.of(&[0, 1, 2, 3, 64]),
            }),
            6..9 => {
                let usual = self.random.chance(75);
                Request::SetAccountTerms(SetAccountTerms {
                    account,
                    status: match self.random.below(8) {
                        0 if !usual => AccountStatus::Closed,
                        1..4 if !usual => AccountStatus::Frozen,
                        _ => AccountStatus::Open,
                    },
                    card_lost: !usual && self.random.chance(40),
                    class: self.random.of(&[0, 1, 2, 3, 3, 64]),
                    debit_max_fen: self.random.of(&[0, 0, 0, 1_500, 900_000]),
                    day_max_fen: self.random.of(&[0, 0, 0, 4_000]),
                })
            }
            9 => Request::RegisterMerchant(RegisterMerchant {
                merchant: MerchantId(self.random.below(9) as u32),
                name: self.random.of(&["一食堂", "二食堂", "", "超市"]),
                enabled: self.random.chance(93),
            }),
            10 => {
                let till = self.random.below(u64::from(TILLS) + 4) as u32;
                Request::RegisterTerminal(RegisterTerminal {
                    terminal: TerminalId(if till == TILLS + 2 { 0 } else { FIRST_TERMINAL + till }),
                    merchant: MerchantId(if kind_of(till).is_operator() && self.random.chance(80) {
                        0
                    } else {
                        self.random.below(5) as u32
                    }),
                    kind: kind_of(till),
                    key_version: 1 + self.random.below(2) as u32,
                    enabled: self.random.chance(94),
                })
            }
            11 => {
                let class = self.random.of(&[0, 1, 2, 3, 64]);
                let wide = class == 3;
                Request::SetPolicy(SetPolicy {
                    class,
                    policy: Policy {
                        floor_fen: self.random.of(&[0, 0, -500, -20_000, 300]),
                        debit_max_fen: if wide { 1_000_000_000 } else { 2_000 },
                        day_max_fen: if wide { 2_000_000_000 } else { self.random.of(&[5_000, 8_000]) },
                        offline_debit_max_fen: 2_000,
                        offline_day_max_fen: self.random.of(&[5_000, 1_000_000]),
                        rule: self.random.of(&[AuthoriseRule::Covers, AuthoriseRule::AboveZero]),
                        code_max_fen: self.random.of(&[0, 600, 2_500]),
                        meal_max_fen: self.random.of(&[0, 700, 3_000]),
                        codes_need_phone: self.random.chance(10),
                    },
                })
            }
            15 => Request::SetPrice(SetPrice {
                class: self.random.of(&[0, 1, 2, 3, 64]),
                period: self.random.of(&[0, 1, 5, 16, 16, 16, 17]),
                rate: self.random.of(&[0, 0, 250, 333, 500, 10_000, 10_001, -1_000, -3_333, -9_999, -10_000]),
            }),
            12 => {
                let start_minute = self.random.below(1_500) as u16;
                Request::SetMealPeriod(SetMealPeriod {
                    period: self.random.below(18) as u8,
                    name: self.random.of(&["早餐", "午餐", "晚餐", ""]),
                    start_minute,
                    end_minute: start_minute + self.random.of(&[0, 30, 120]),
                })
            }
            _ => Request::CutOff(CutOff {
                opened: BusinessDate((model.date + self.random.below(4) as u16).saturating_sub(1)),
            }),
        }
    }
}
