//! What tills tell after they had no network: what they sold, what phones paid or are to pay, and the holes that stay.

use engine::ledger::command::{
    Carried, GapClose, OfflineFact, Previous, Request, Reversal, Sale, ScanPay, TerminalSlot, TillList,
    ToldPost,
};
use protocol::ids::{CardCounter, CardUid, Epoch, Sequence, TerminalId};

use super::super::naive::Model;
use super::{DAY_NS, FIRST_TERMINAL, SECOND_NS, Stream, text};

/// What an offline till showed.
#[derive(Clone, Copy)]
pub(super) struct Scan {
    sale: Sale<'static>,
    amount_fen: i64,
    time_ns: u64,
}

impl Stream {
    /// A till shows something, now or a while ago.
    fn scan(&mut self, model: &Model) -> Scan {
        if let Some(newest) = self.scans.len().checked_sub(1)
            && self.random.chance(55)
        {
            return self.scans[newest - self.random.below(newest.min(5) as u64 + 1) as usize];
        }
        let slot = self.slot();
        let sale = self.sale(model, slot);
        let time_ns = match self.random.below(20) {
            0 => self.time_ns - 600 * SECOND_NS,
            1 => self.time_ns - 601 * SECOND_NS,
            2 => self.time_ns + 301 * SECOND_NS,
            _ => self.time_ns - self.random.below(60) * SECOND_NS,
        };
        let scan = Scan { sale, amount_fen: self.amount_fen(), time_ns };
        self.scans.push(scan);
        scan
    }

    pub(super) fn scan_pay(&mut self, model: &Model) -> Request<'static> {
        if let Some(&newest) = self.scans.last()
            && self.random.chance(12)
        {
            // Its till takes it back, paid or not: somebody may pay it a moment later.
            return Request::Reversal(Reversal {
                sale: self.sale(model, newest.sale.slot.0),
                original_epoch: newest.sale.epoch,
                original_sequence: newest.sale.sequence,
                amount_fen: newest.amount_fen,
            });
        }
        let scan = self.scan(model);
        let slot = if self.random.chance(93) { 5 } else { self.slot() };
        Request::ScanPay(ScanPay {
            sale: self.sale(model, slot),
            account: self.selector(model),
            scanned: scan.sale.id(),
            scanned_slot: scan.sale.slot,
            amount_fen: scan.amount_fen + i64::from(self.random.chance(4)),
            till_time_ns: scan.time_ns,
            authentic: !self.random.chance(4),
            till_connected: self.random.chance(20),
        })
    }

    /// What a till showed comes by its upload.
    fn upload_scan(&mut self, model: &Model) -> Request<'static> {
        let scan = self.scan(model);
        Request::Offline(OfflineFact {
            sale: scan.sale,
            record_terminal: scan.sale.terminal,
            card_uid: CardUid(0),
            card_counter: CardCounter(0),
            amount_fen: scan.amount_fen + i64::from(self.random.chance(6)),
            till_time_ns: scan.time_ns,
            list: None,
            authentic: !self.random.chance(4),
            carried: Carried { by_scan: true, ..Carried::default() },
        })
    }

    pub(super) fn offline(&mut self, model: &Model) -> Request<'static> {
        if self.random.chance(30) {
            return self.upload_scan(model);
        }
        let slot = self.slot();
        let sale = self.sale(model, slot);
        let till_time_ns = match self.random.below(20) {
            0 => self.time_ns + 301 * SECOND_NS,
            1 => self.time_ns + 300 * SECOND_NS,
            2..5 => self.time_ns - self.random.below(5) * DAY_NS,
            _ => self.time_ns - self.random.below(3_600) * SECOND_NS,
        };
        let newest = model.block_moves.len() as u64;
        let list = TillList {
            version: self.random.below(newest + 3) as u32,
            age_s: self.random.of(&[0, 86_400, 86_400, 86_401]),
        };
        let list = self.random.chance(85).then_some(list);
        let card_uid = self.card(model);
        let open = model.accounts.iter().find(|account| account.card == Some(card_uid.0));
        let open = open.and_then(|account| account.open_tap).filter(|_| self.random.chance(40));
        let counter = open.map_or_else(|| self.random.below(100) as u32, |open| open.counter);
        Request::Offline(OfflineFact {
            sale,
            record_terminal: TerminalId(sale.terminal.0 + u32::from(self.random.chance(3))),
            card_uid,
            card_counter: CardCounter(counter),
            amount_fen: self.amount_fen(),
            till_time_ns,
            list,
            authentic: !self.random.chance(5),
            carried: Carried {
                offline_since_ns: match self.random.below(12) {
                    0 => till_time_ns - 3 * DAY_NS,
                    1 => till_time_ns - 3 * DAY_NS - 1,
                    2..6 => till_time_ns - self.random.below(3_600) * SECOND_NS,
                    _ => 0,
                },
                previous: if self.random.chance(45) { self.previous(model) } else { Previous::default() },
                by_scan: false,
            },
        })
    }

    /// What a card tells of its transaction before: mostly of one that is missing, at one of the tills.
    fn previous(&mut self, model: &Model) -> Previous {
        let slot = self.random.below(8) as u16;
        let till = &model.tills[usize::from(slot)];
        let highest = till.received.last().copied().unwrap_or(0);
        let missing: Vec<u32> = till.missing().into_keys().collect();
        let sequence = match self.random.below(20) {
            0 => 0,
            1..4 => highest + 1 + self.random.below(3) as u32,
            4..7 => 1 + self.random.below(u64::from(highest) + 1) as u32,
            _ if missing.is_empty() => highest,
            _ => missing[self.random.below(missing.len() as u64) as usize],
        };
        let epoch = match self.random.below(20) {
            0 => till.epoch + 1,
            1..4 => till.epoch.saturating_sub(1),
            _ => till.epoch,
        };
        let unknown = if self.random.chance(4) { 900 } else { 0 };
        Previous {
            terminal: TerminalId(FIRST_TERMINAL + u32::from(slot) + unknown),
            epoch: Epoch(epoch),
            sequence: Sequence(sequence),
            card_counter: CardCounter(self.random.below(4) as u32),
            amount_fen: 100 * (1 + self.random.below(9)) as u32,
        }
    }

    /// A counter has a sale posted that a card told of, or that none did.
    pub(super) fn post_told(&mut self, model: &Model) -> Request<'static> {
        let slot = if self.random.chance(92) { 4 } else { self.slot() };
        let sale = self.sale(model, slot);
        let newest = model.told.len().min(12) as u64;
        let (card_uid, card_counter) = match model.told.len().checked_sub(1) {
            Some(last) if self.random.chance(88) => {
                let told = &model.told[last - self.random.below(newest) as usize];
                (CardUid(told.card_uid), told.previous.card_counter)
            }
            _ => (self.card(model), CardCounter(self.random.below(6) as u32)),
        };
        Request::ToldPost(ToldPost { sale, card_uid, card_counter, reason: text("it burnt") })
    }

    /// A hole of some till is closed, or what isn't one.
    pub(super) fn close_gap(&mut self, model: &Model) -> Request<'static> {
        let slot = if self.random.chance(92) { 4 } else { self.slot() };
        let sale = self.sale(model, slot);
        let of = self.random.below(model.tills.len() as u64 + 1) as u16;
        let missing = model
            .tills
            .get(usize::from(of))
            .map_or_else(Vec::new, |till| till.missing().into_keys().collect());
        let epoch = model.tills.get(usize::from(of)).map_or(0, |till| till.epoch);
        let first = match missing.len() {
            0 => self.random.below(40) as u32,
            count => missing[self.random.below(count as u64) as usize],
        };
        let last = first + self.random.of(&[0, 0, 0, 1, 1, 2]);
        Request::GapClose(GapClose {
            sale,
            till: TerminalId(FIRST_TERMINAL + u32::from(of) + u32::from(self.random.chance(4))),
            till_slot: TerminalSlot(of),
            epoch: Epoch(epoch + u16::from(self.random.chance(5))),
            first: Sequence(first),
            last: Sequence(last),
            reason: text("it burnt"),
        })
    }
}
