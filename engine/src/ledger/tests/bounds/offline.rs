//! What tills tell after they had no network, and out of order.

use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, RecordNumber, Sequence};

use super::super::bench::{NOON_NS, SECOND_NS, sale, text};
use super::{
    COUNTER, Campus, GAP_STEP, NOT_USED_UP, WITH_BAD_CODES, WITH_GAPS, card, fact, student_number, tap,
};
use crate::ledger::Request;
use crate::ledger::command::{
    AccountSelector, Carried, CodeRevoke, GapClose, OfflineFact, Previous, Refund, Reversal, SaleQuery,
    ScanPay, ToldPost, Void,
};
use crate::ledger::limits::GAPS_MAX;
use crate::ledger::told::{Told, ToldOf, Witness};

impl Campus {
    pub(super) fn uploads(&mut self, round: u32, account: u32) {
        for (card_uid, authentic) in [
            (card(account.into()), true),
            (card(account.into()), false),
            (card(u64::from(self.accounts) + 7), true),
        ] {
            let sale = if authentic { self.next_sale() } else { NOT_USED_UP };
            for amount_fen in [100, 101] {
                self.counted(Request::Offline(fact(sale, card_uid, round, amount_fen, authentic)));
            }
        }
    }

    pub(super) fn scans(&mut self, round: u32, account: u32) {
        let own = card(account.into());
        let selectors = [AccountSelector::StudentNumber(student_number(account)), AccountSelector::Card(own)];
        for (place, selector) in (1..).zip(selectors) {
            // In order, and into the lowest gap of the till that has as many as there may be: there, nothing else comes.
            let in_gap = sale(WITH_GAPS, 1, (2 * round + place).min(GAP_STEP - 1));
            for scanned in [self.next_sale_of(WITH_BAD_CODES), in_gap] {
                let sale = self.next_sale();
                let pay = ScanPay {
                    sale,
                    account: selector,
                    scanned: scanned.id(),
                    scanned_slot: scanned.slot,
                    amount_fen: 100,
                    till_time_ns: NOON_NS + self.next_number * SECOND_NS / 100,
                    authentic: true,
                    till_connected: false,
                };
                self.counted(Request::ScanPay(pay));
                self.counted(Request::ScanPay(pay));
                self.counted(Request::ScanPay(ScanPay { amount_fen: 101, ..pay }));
                let again = self.next_sale();
                self.counted(Request::ScanPay(ScanPay { sale: again, ..pay }));
                let twisted = self.next_sale();
                self.counted(Request::ScanPay(ScanPay { sale: twisted, amount_fen: 101, ..pay }));
            }
        }
        let told = self.next_sale();
        let fact = fact(told, CardUid(0), 0, 100, true);
        self.counted(Request::Offline(OfflineFact {
            carried: Carried { by_scan: true, ..Carried::default() },
            ..fact
        }));
    }

    pub(super) fn gaps_closed(&mut self, round: u32) {
        // From the upper edge of the lowest gap, and out of the middle of a hole of its own.
        let missing = GAP_STEP - 1 - round.min(GAP_STEP / 3);
        let next = self.next_sequences[usize::from(COUNTER)];
        self.next_sequences[usize::from(COUNTER)] += 4;
        for (till, first, last) in [(WITH_GAPS, missing, missing), (COUNTER, next + 1, next + 1), (9, 1, 1)] {
            let sale_of_till = sale(till, 1, first);
            let close = GapClose {
                sale: self.next_sale_of(COUNTER),
                till: sale_of_till.terminal,
                till_slot: sale_of_till.slot,
                epoch: Epoch(1),
                first: Sequence(first),
                last: Sequence(last),
                reason: [b'x'; 32],
            };
            self.counted(Request::GapClose(close));
            self.counted(Request::GapClose(close));
            self.counted(Request::GapClose(GapClose { reason: [b'y'; 32], ..close }));
        }
        let rest = sale(COUNTER, 1, next);
        self.run(tap(rest, card(0), 0, 1));
        for sequence in [next + 2, next + 3] {
            self.run(tap(sale(COUNTER, 1, sequence), card(0), 0, 1));
        }
    }

    pub(super) fn told_posts(&mut self, round: u32, account: u32) {
        // A hole of one sequence, among as many as there were: another is split where one is closed.
        let (first, split) = ((40 + round) * GAP_STEP + 1, 200 * GAP_STEP + 2 + round % 2);
        for (first, last) in [(first + 1, first + GAP_STEP - 2), (split, split)] {
            let close = GapClose {
                sale: self.next_sale_of(COUNTER),
                till: sale(WITH_GAPS, 1, 1).terminal,
                till_slot: sale(WITH_GAPS, 1, 1).slot,
                epoch: Epoch(1),
                first: Sequence(first),
                last: Sequence(last),
                reason: [b'x'; 32],
            };
            self.run(Request::GapClose(close));
        }
        let lost = sale(WITH_GAPS, 1, first);
        let previous = Previous {
            terminal: lost.terminal,
            epoch: lost.epoch,
            sequence: lost.sequence,
            card_counter: CardCounter(round),
            amount_fen: 100,
        };
        let (card_uid, card_counter) = (card(account.into()), CardCounter(round));
        let of = ToldOf { account: AccountId(account), card_uid, card_counter };
        let head = RecordNumber(self.next_number);
        let witness = Witness { record: head, till_time_ns: NOON_NS, previous };
        for found in [Some(witness), None] {
            self.told = Some(Told { of, head, found, partial: false });
            for _ in 0..2 {
                let post =
                    ToldPost { sale: self.next_sale_of(COUNTER), card_uid, card_counter, reason: [b'x'; 32] };
                self.counted(Request::ToldPost(post));
                self.counted(Request::ToldPost(post));
                self.counted(Request::ToldPost(ToldPost { reason: [b'y'; 32], ..post }));
            }
        }
    }

    pub(super) fn revocations(&mut self, account: u32) {
        let own = card(account.into());
        let selectors = [
            AccountSelector::Account(AccountId(account)),
            AccountSelector::StudentNumber(student_number(account)),
            AccountSelector::Card(own),
            AccountSelector::StudentNumber(text("nobody's")),
        ];
        for selector in selectors {
            let sale = self.next_sale();
            self.counted(Request::CodeRevoke(CodeRevoke { sale, account: selector, intake_step: 0 }));
            self.counted(Request::CodeRevoke(CodeRevoke { sale, account: selector, intake_step: 0 }));
            let other = AccountSelector::Card(CardUid(3));
            self.counted(Request::CodeRevoke(CodeRevoke { sale, account: other, intake_step: 0 }));
        }
    }

    /// With all gaps open: into a gap's middle and its edge, beyond the newest, and what no gap is left for.
    pub(super) fn out_of_order(&mut self, round: u32, account: u32) {
        let own = card(account.into());
        let counter = 10 * (round + 1) + 9;
        // Four sequences of a gap's lower edge each round, and one that would split it.
        let edge = 1 + 4 * (round % 5);
        let gap = 1 + round / 5 % (GAPS_MAX as u32 - 2);
        let in_gap = |ahead: u32| sale(WITH_GAPS, 1, gap * GAP_STEP + edge + ahead);
        self.counted(tap(in_gap(0), own, counter, 1));
        self.counted(Request::Offline(fact(in_gap(GAP_STEP / 2), own, counter, 1, true)));
        for (own, original) in [(in_gap(1), in_gap(2)), (sale(WITH_GAPS, 1, 4_000_000), in_gap(7))] {
            self.counted(Request::Reversal(Reversal {
                sale: own,
                original_epoch: Epoch(1),
                original_sequence: original.sequence,
                amount_fen: 3,
            }));
        }
        if round % 4 < 2 {
            let paid = self.next_sale();
            self.run(tap(paid, own, counter + 1, 1));
            let (original, original_slot) = (paid.id(), Some(paid.slot));
            let refund = Refund { sale: in_gap(3), original, original_slot, amount_fen: 1 };
            self.counted(Request::Refund(refund));
        } else {
            let (original_epoch, original_sequence) = (Epoch(1), in_gap(0).sequence);
            let void = Void { sale: in_gap(3), original_epoch, original_sequence, amount_fen: 1 };
            self.counted(Request::Void(void));
        }
        self.counted(Request::SaleQuery(SaleQuery { sale: in_gap(9) }));
        self.counted(Request::SaleQuery(SaleQuery { sale: sale(WITH_GAPS, 1, GAP_STEP) }));
    }
}
