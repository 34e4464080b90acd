//! A simulated till: sells, retries with the same sequence, reverses what it never saw answered, goes offline,
//! uploads. What it knows is only what it was answered.

use std::collections::{BTreeMap, VecDeque};

use engine::ledger::TerminalSlot;
use engine::ledger::command::{Channel, Previous};
use engine::runtime::engine::Reply;
use protocol::card::ChipWrite;
use protocol::ids::{CardUid, Epoch, SaleId, Sequence, TerminalId};
use protocol::result_code::ResultCode;

use super::ask::Ask;
use super::notebook::{Notebook, is_kept_out};
use super::random::Random;
use super::town::Town;

/// Tries of one debit before the till gives up and reverses it or keeps it for an upload.
const TRIES_MAX: u32 = 3;
/// Times that a till tells of a sale by self-scan that nobody pays.
const PENDING_TRIES_MAX: u32 = 4;
/// Records that wait for an upload at most, and records of one upload: of a calm till, and of one that comes back
/// with a lunch behind it.
const STORED_MAX: [usize; 2] = [10, 120];
const UPLOAD_MAX: [usize; 2] = [6, 64];
/// Holes that a till opens by itself in one epoch at most: fewer than the ledger remembers.
const HOLES_MAX: u32 = 8;

/// Whether the till at this slot is one that takes money in.
pub fn tops_up(slot: u16) -> bool {
    slot % 3 != 2
}

/// Whether the till at this slot speaks for phones.
pub fn is_gateway(slot: u16) -> bool {
    slot % 3 == 1
}

/// Whether the till at this slot is a counter, which hands out cards, too.
pub fn hands_out_cards(slot: u16) -> bool {
    slot.is_multiple_of(3)
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    sale: SaleId,
    ask: Ask,
    tries: u32,
    /// Steps before the till does something about it.
    wait: u64,
}

pub struct Till {
    pub slot: TerminalSlot,
    pub terminal: TerminalId,
    pub notebook: Notebook,
    tops_up: bool,
    /// Not a till: an operator.
    is_operator: bool,
    storms: bool,
    epoch: Epoch,
    next_sequence: u32,
    /// A sequence whose request was refused without a trace.
    unused_sequence: Option<Sequence>,
    holes: u32,
    /// The money requests it made, by identity.
    asked: BTreeMap<SaleId, Ask>,
    flight: Option<Flight>,
    to_reverse: VecDeque<(SaleId, i64)>,
    to_query: VecDeque<SaleId>,
    /// Taps whose chip it has to say something of.
    to_confirm: VecDeque<(SaleId, i64, ChipWrite)>,
    stored: Vec<Flight>,
    /// What its store has lost.
    lost: Vec<Flight>,
    offline_steps: u64,
    shifts_closed: u32,
    /// The batch that it settled last: number, epoch, last sequence.
    batch: (u32, Epoch, u32),
    pub retries: u64,
    pub reversals: u64,
    pub uploads: u64,
}

impl Till {
    /// An operator at this slot.
    pub fn of_operator(slot: u16) -> Till {
        Till { is_operator: true, ..Till::new(slot, false) }
    }

    /// A till at this slot. One that `storms` comes back from offline with many records.
    pub fn new(slot: u16, storms: bool) -> Till {
        Till {
            slot: TerminalSlot(slot),
            terminal: TerminalId(101 + u32::from(slot)),
            notebook: Notebook::default(),
            tops_up: tops_up(slot),
            is_operator: false,
            storms,
            epoch: Epoch(1),
            next_sequence: 1,
            unused_sequence: None,
            holes: 0,
            asked: BTreeMap::new(),
            flight: None,
            to_reverse: VecDeque::new(),
            to_query: VecDeque::new(),
            to_confirm: VecDeque::new(),
            stored: Vec::new(),
            lost: Vec::new(),
            offline_steps: 0,
            shifts_closed: 0,
            batch: (0, Epoch(1), 0),
            retries: 0,
            reversals: 0,
            uploads: 0,
        }
    }

    /// Whether every request has its definite answer.
    pub fn is_quiet(&self) -> bool {
        self.flight.is_none()
            && self.to_reverse.is_empty()
            && self.to_query.is_empty()
            && self.to_confirm.is_empty()
            && self.stored.is_empty()
    }

    /// What it still waits for, in words.
    pub fn waits_for(&self) -> String {
        format!("{:?}, to reverse {:?}, stored {:?}", self.flight, self.to_reverse, self.stored)
    }

    fn next_sale(&mut self) -> SaleId {
        let sequence = self.unused_sequence.take().unwrap_or_else(|| {
            self.next_sequence += 1;
            Sequence(self.next_sequence - 1)
        });
        SaleId { terminal: self.terminal, epoch: self.epoch, sequence }
    }

    /// What it sends in this step. When `settling`, only what brings open questions to an end.
    pub fn tick(&mut self, random: &mut Random, town: &mut Town, settling: bool) -> Vec<(SaleId, Ask)> {
        let mut sends = Vec::new();
        if self.offline_steps > 0 && !settling {
            self.offline_steps -= 1;
            for _ in 0..if self.storms { random.below(20) } else { 1 } {
                if self.stored.len() < STORED_MAX[usize::from(self.storms)] {
                    self.store_fact(random, town);
                }
            }
            return sends;
        }
        self.offline_steps = 0;
        if !settling && random.per_mille(40) {
            // Some of what was lost is found after all.
            self.stored.extend(self.lost.pop());
        }
        if settling || random.per_mille(300) {
            self.upload(random, &mut sends);
        }
        if self.flight.is_none() {
            self.flight = self.next_flight(random, town, settling);
        }
        let Some(mut flight) = self.flight else { return sends };
        if flight.wait > 0 {
            flight.wait -= 1;
            self.flight = Some(flight);
            return sends;
        }
        let debits = matches!(flight.ask, Ask::Tap { .. } | Ask::ChipTap { .. } | Ask::Code { .. });
        let gives_up = debits && flight.tries >= TRIES_MAX;
        if gives_up {
            self.flight = None;
            self.give_up(&flight, random, town);
            return sends;
        }
        self.retries += u64::from(flight.tries > 0);
        flight.tries += 1;
        flight.wait = random.below(4);
        self.flight = Some(flight);
        sends.push((flight.sale, flight.ask));
        sends
    }

    fn give_up(&mut self, flight: &Flight, random: &mut Random, town: &Town) {
        if let Ask::Tap { card_uid, counter, amount_fen, .. } = flight.ask
            && (1..=5_000).contains(&amount_fen)
            && self.stored.len() < STORED_MAX[usize::from(self.storms)]
            && random.per_mille(300)
        {
            // The chip has paid: the same sale goes the other way, under the same identity.
            let till_time_ns = town.now_ns;
            let ask = Ask::Offline {
                card_uid,
                counter,
                amount_fen,
                till_time_ns,
                authentic: true,
                own: true,
                previous: Previous::default(),
            };
            self.stored.push(Flight { sale: flight.sale, ask, tries: 0, wait: 0 });
        } else {
            self.to_reverse.push_back((flight.sale, flight.ask.amount_fen()));
        }
    }

    fn store_fact(&mut self, random: &mut Random, town: &mut Town) {
        if random.per_mille(200) {
            let sale = self.next_sale();
            let ask = town.show(random, sale, self.slot);
            self.asked.insert(sale, ask);
            self.stored.push(Flight { sale, ask, tries: 0, wait: 0 });
            return;
        }
        let mut again = None;
        while let Some(card_uid) = self.tap_offline(random, town, again) {
            // Its store has lost that; the card pays once more, mostly, and tells of it.
            if random.per_mille(300) {
                return;
            }
            again = Some(card_uid);
        }
    }

    /// A card is tapped, this one or any. Where the till's store loses the record, only the chip knows of it: whose that is.
    fn tap_offline(
        &mut self,
        random: &mut Random,
        town: &mut Town,
        again: Option<CardUid>,
    ) -> Option<CardUid> {
        let mut ask = town.offline(random, again);
        if let Ask::Offline { authentic, own, .. } = &mut ask
            && self.holes < HOLES_MAX
            && random.per_mille(60)
        {
            // Neither uses its sequence up.
            self.holes += 1;
            if random.per_mille(500) { *authentic = false } else { *own = false }
        }
        let sale = self.next_sale();
        town.chip_paid(&ask, sale);
        if let Ask::Offline { card_uid, authentic: true, own: true, .. } = ask
            && self.holes < HOLES_MAX
            && random.per_mille(150)
        {
            self.holes += 1;
            self.asked.insert(sale, ask);
            self.lost.push(Flight { sale, ask, tries: 0, wait: 0 });
            town.lose(sale);
            if random.per_mille(300) {
                let sequence = sale.sequence.0;
                town.pass_over(self.terminal, self.slot, sale.epoch, sequence, sequence);
            }
            return Some(card_uid);
        }
        self.asked.insert(sale, ask);
        self.stored.push(Flight { sale, ask, tries: 0, wait: 0 });
        None
    }

    fn upload(&mut self, random: &mut Random, sends: &mut Vec<(SaleId, Ask)>) {
        let begin = random.below(self.stored.len().max(1) as u64) as usize;
        let count = self.stored.len();
        for place in (begin..count).chain(0..begin).take(UPLOAD_MAX[usize::from(self.storms)]) {
            let fact = &mut self.stored[place];
            if fact.wait > 0 {
                fact.wait -= 1;
                continue;
            }
            fact.tries += 1;
            fact.wait = random.below(4);
            sends.push((fact.sale, fact.ask));
            self.uploads += 1;
        }
    }

    fn next_flight(&mut self, random: &mut Random, town: &mut Town, settling: bool) -> Option<Flight> {
        let flight = |sale, ask| Some(Flight { sale, ask, tries: 0, wait: 0 });
        if let Some((original, amount_fen)) = self.to_reverse.pop_front() {
            self.reversals += 1;
            self.notebook.undo(original);
            let ask = Ask::Reversal { epoch: original.epoch, sequence: original.sequence, amount_fen };
            let sale = self.next_sale();
            self.asked.insert(sale, ask);
            return flight(sale, ask);
        }
        if let Some(sale) = self.to_query.pop_front() {
            return flight(sale, Ask::SaleQuery);
        }
        if let Some((original, amount_fen, write)) = self.to_confirm.pop_front() {
            if write == ChipWrite::NotWritten {
                self.notebook.undo(original);
            }
            let SaleId { epoch, sequence, .. } = original;
            let ask = Ask::Confirm { epoch, sequence, amount_fen, write };
            let sale = self.next_sale();
            self.asked.insert(sale, ask);
            return flight(sale, ask);
        }
        if settling {
            return None;
        }
        if self.is_operator {
            if !random.per_mille(400) {
                return None;
            }
            let ask = town.at_the_office(random, self.terminal);
            let sale = self.next_sale();
            self.asked.insert(sale, ask);
            return flight(sale, ask);
        }
        match random.below(1_000) {
            0..10 => {
                // A factory reset: the counter begins anew in the next epoch.
                self.epoch.0 += 1;
                self.next_sequence = 1;
                self.unused_sequence = None;
                self.holes = 0;
                return None;
            }
            10..20 if self.holes < HOLES_MAX => {
                self.holes += 1;
                let first = self.next_sequence;
                self.next_sequence += random.between(1, 3) as u32;
                town.pass_over(self.terminal, self.slot, self.epoch, first, self.next_sequence - 1);
                return None;
            }
            20..40 => {
                self.offline_steps = random.between(2, 8);
                return None;
            }
            40..60 => {
                // Undone at the counter, long after the answer.
                let place = random.place(self.notebook.notes().len())?;
                let (&sale, note) = self.notebook.notes().iter().nth(place)?;
                let undoable = matches!(
                    note.ask,
                    Ask::Tap { .. }
                        | Ask::ChipTap { .. }
                        | Ask::Code { .. }
                        | Ask::Offline { .. }
                        | Ask::ScanUpload { .. }
                );
                let amount_fen = note.ask.amount_fen();
                if undoable {
                    self.to_reverse.push_back((sale, amount_fen));
                }
                return None;
            }
            60..90 => {
                let place = random.place(self.notebook.notes().len())?;
                let (&sale, _) = self.notebook.notes().iter().nth(place)?;
                return flight(sale, Ask::SaleQuery);
            }
            90..110 if hands_out_cards(self.slot.0) => {
                // A counter takes cash back, mostly of late.
                let notes = self.notebook.notes();
                let mut paid_in = notes.iter().rev().filter(|(_, note)| {
                    matches!(note.ask, Ask::TopUp { channel: Channel::Counter, .. })
                        && note.outcome.code.is_approved()
                });
                let (&original, note) = paid_in.nth(random.below(3) as usize)?;
                let amount_fen = note.ask.amount_fen();
                self.notebook.undo(original);
                let ask = Ask::TopUpUndo { epoch: original.epoch, sequence: original.sequence, amount_fen };
                let sale = self.next_sale();
                self.asked.insert(sale, ask);
                return flight(sale, ask);
            }
            193..240 if is_gateway(self.slot.0) => {
                let ask = town.scan(random)?;
                let sale = self.next_sale();
                self.asked.insert(sale, ask);
                return flight(sale, ask);
            }
            193..215 if hands_out_cards(self.slot.0) => {
                let ask = town.close_gap(random)?;
                let sale = self.next_sale();
                self.asked.insert(sale, ask);
                return flight(sale, ask);
            }
            285..325 if hands_out_cards(self.slot.0) => {
                let ask = town.post_told(random)?;
                let sale = self.next_sale();
                self.asked.insert(sale, ask);
                return flight(sale, ask);
            }
            180..190 if self.tops_up => {
                let ask = Ask::Revoke { account: town.person(random) };
                let sale = self.next_sale();
                self.asked.insert(sale, ask);
                return flight(sale, ask);
            }
            190..193 if hands_out_cards(self.slot.0) => {
                let ask = Ask::NewCodeKey { key_version: town.code_key + 1 };
                let sale = self.next_sale();
                self.asked.insert(sale, ask);
                return flight(sale, ask);
            }
            215..235 if hands_out_cards(self.slot.0) => {
                let ask = town.stock(random);
                let sale = self.next_sale();
                self.asked.insert(sale, ask);
                return flight(sale, ask);
            }
            180..220 => {
                // A sale that was keyed in wrong is voided, another is given back in part or as a whole: mostly of late.
                let ask = self.give_back(random)?;
                let sale = self.next_sale();
                self.asked.insert(sale, ask);
                return flight(sale, ask);
            }
            220..250 => {
                let ask = town.tender(random);
                let sale = self.next_sale();
                self.asked.insert(sale, ask);
                return flight(sale, ask);
            }
            265..285 => {
                let ask = match random.below(3) {
                    0 => Ask::Sign { cashier: 1 + random.below(2) as u32, on: random.per_mille(500) },
                    1 => Ask::CloseShift { shift: self.shifts_closed + random.below(2) as u32 },
                    _ => Ask::SettleBatch {
                        batch: self.batch.0 + 1,
                        epoch: self.epoch,
                        first: if self.batch.1 == self.epoch { self.batch.2 + 1 } else { 1 },
                        last: self.next_sequence - 1,
                    },
                };
                return flight(SaleId::default(), ask);
            }
            250..265 => {
                let (version, is_right) = (random.below(4) as u32, random.per_mille(800));
                return flight(SaleId::default(), Ask::ReportList { version, is_right });
            }
            90..150 => {
                let ask = Ask::Balance { account: town.person(random) };
                return flight(SaleId::default(), ask);
            }
            150..180 => {
                let ask = Ask::BillHead { account: town.person(random) };
                return flight(SaleId::default(), ask);
            }
            _ => {}
        }
        let ask = match random.below(10) {
            0 if hands_out_cards(self.slot.0) => town.card_at_a_counter(random),
            0..3 => town.tap(random),
            3..5 => town.chip_tap(random),
            5 if self.tops_up => town.about_a_holder(random, hands_out_cards(self.slot.0)),
            8.. if self.tops_up || self.holes < HOLES_MAX => town.top_up(random),
            _ => town.code(random),
        };
        let sale = self.next_sale();
        self.asked.insert(sale, ask);
        flight(sale, ask)
    }

    /// A void or a refund of an approved debit.
    fn give_back(&mut self, random: &mut Random) -> Option<Ask> {
        let notes = self.notebook.notes();
        let mut paid = notes.iter().rev().filter(|(_, note)| {
            matches!(
                note.ask,
                Ask::Tap { .. } | Ask::Code { .. } | Ask::Offline { .. } | Ask::ScanUpload { .. }
            ) && note.outcome.code.is_approved()
        });
        let (&SaleId { epoch, sequence, .. }, note) = paid.nth(random.below(8) as usize)?;
        let amount_fen = note.ask.amount_fen();
        if random.per_mille(300) {
            self.notebook.undo(SaleId { terminal: self.terminal, epoch, sequence });
            return Some(Ask::Void { epoch, sequence, amount_fen });
        }
        let amount_fen = match random.below(4) {
            0 => amount_fen,
            _ => random.between(1, amount_fen.cast_unsigned()).cast_signed(),
        };
        Some(Ask::Refund { epoch, sequence, amount_fen })
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// It can't be true, by what the till knows.
    pub fn answer(
        &mut self,
        sale: SaleId,
        ask: Ask,
        reply: &Reply,
        random: &mut Random,
    ) -> Result<(), String> {
        let outcome = match reply {
            Reply::Outcome(outcome) if !outcome.code.is_transient() && !ask.names_a_sale() => {
                match ask {
                    Ask::CloseShift { shift } if outcome.code.is_approved() => self.shifts_closed = shift,
                    Ask::SettleBatch { batch, epoch, last, .. } if outcome.code.is_approved() => {
                        self.batch = (batch, epoch, last);
                    }
                    _ => {}
                }
                self.end_flight(sale, &ask);
                return Ok(());
            }
            Reply::Outcome(outcome) if !outcome.code.is_transient() => outcome,
            Reply::SaleNotSeen { .. } => {
                if let Some(note) = self.notebook.note(sale) {
                    return Err(format!("{sale} was answered {:?}, now it was never seen", note.outcome));
                }
                self.end_flight(sale, &ask);
                return Ok(());
            }
            Reply::Balance(_) | Reply::BillHead(_) | Reply::Duty(_) => {
                self.end_flight(sale, &ask);
                return Ok(());
            }
            Reply::Outcome(_) | Reply::Tap { .. } | Reply::Refused(_) | Reply::Needs(_) => {
                self.not_taken(sale, &ask, reply, random);
                return Ok(());
            }
        };
        if outcome.code == ResultCode::PaymentPending {
            self.end_flight(sale, &ask);
            self.told_as_pending(sale, random);
            return Ok(());
        }
        if is_kept_out(outcome.code) || outcome.code == ResultCode::StaleEpoch {
            return self.kept_out(sale, &ask, outcome.code);
        }
        // A query's answer is that of the sale it asks about.
        let about = if ask == Ask::SaleQuery { self.asked.get(&sale) } else { Some(&ask) };
        let Some(&about) = about else { return Err(format!("{sale} is answered and was never asked for")) };
        self.notebook.write(sale, about, outcome)?;
        if let Ask::Reversal { epoch, sequence, .. } = ask
            && !outcome.code.is_approved()
            && self.flight.is_some_and(|flight| flight.sale == sale)
        {
            let original = SaleId { epoch, sequence, ..sale };
            if self.notebook.note(original).is_none() {
                self.to_query.push_back(original);
            }
        }
        if let Ask::ChipTap { amount_fen, .. } = ask
            && outcome.code.is_approved()
            && random.per_mille(600)
        {
            self.to_confirm.push_back((sale, amount_fen, *random.pick(ChipWrite::ALL)));
        }
        self.stored.retain(|fact| fact.sale != sale);
        self.end_flight(sale, &ask);
        Ok(())
    }

    /// Nobody has paid what the till showed: it tells of it again, and at last lets it be, or takes it back.
    fn told_as_pending(&mut self, sale: SaleId, random: &mut Random) {
        let Some(place) = self.stored.iter().position(|fact| fact.sale == sale) else { return };
        if self.stored[place].tries >= PENDING_TRIES_MAX {
            let fact = self.stored.remove(place);
            if random.per_mille(500) {
                self.to_reverse.push_back((sale, fact.ask.amount_fen()));
            }
        }
    }

    fn end_flight(&mut self, sale: SaleId, ask: &Ask) {
        if self.flight.is_some_and(|flight| flight.sale == sale && flight.ask == *ask) {
            self.flight = None;
        }
    }

    /// Nothing was taken: again later, or never when no request may look like this.
    fn not_taken(&mut self, sale: SaleId, ask: &Ask, reply: &Reply, random: &mut Random) {
        let never = matches!(reply, Reply::Outcome(outcome) if outcome.code.number() / 100 == 4);
        let Some(flight) = self.flight.filter(|flight| flight.sale == sale && flight.ask == *ask) else {
            return;
        };
        if matches!(ask, Ask::TopUp { .. }) && never {
            // Not for this till. Its order may be credited elsewhere meanwhile, and then another copy of the request
            // is answered as a repeat, and uses the sequence up after all.
            self.flight = None;
            self.holes += 1;
        } else if never {
            self.flight = None;
            self.unused_sequence = ask.is_money().then_some(sale.sequence);
        } else {
            let wait = random.below(3);
            // A table of open taps may stay full: a till that can't tap in two phases gives up.
            let counts = matches!(ask, Ask::ChipTap { .. });
            let tries = if counts { flight.tries } else { flight.tries.saturating_sub(1) };
            self.flight = Some(Flight { tries, wait, ..flight });
        }
    }

    fn kept_out(&mut self, sale: SaleId, ask: &Ask, code: ResultCode) -> Result<(), String> {
        let Ask::Offline { authentic, own, .. } = *ask else {
            return Err(format!("{sale} has one body, and is answered {code}"));
        };
        let expected = match code {
            ResultCode::NotAuthentic => !authentic,
            ResultCode::WrongTerminal => !own,
            _ => authentic && own,
        };
        if !expected {
            return Err(format!("an upload ({ask:?}) is answered {code}"));
        }
        if self.stored.iter().any(|fact| fact.sale == sale) {
            self.stored.retain(|fact| fact.sale != sale);
            if code == ResultCode::IdentityConflict {
                // The online try was refused before; the answer to it never came.
                self.to_query.push_back(sale);
            }
        }
        Ok(())
    }
}
