//! A live request on its way from the frame to the ledger: checked, owned, ready to be decided.

use protocol::command_table::LIVE_FRAME_BYTES_MAX;
use protocol::frame::{HEADER_BYTES, Header};
use protocol::password::Password;
use protocol::payment_code::step_at;
use protocol::request;

use super::connection::Connection;
use super::judge::{Proof, ScanProof};
use crate::ledger::command::{self, AccountSelector, CodeVerdict, Sale};
use crate::ledger::{Command, Request, TerminalSlot};
use crate::runtime::slow_lane::OwnedCommand;

/// A live request. Small and free of pointers, so that queues of them are flat.
#[derive(Clone, Copy)]
pub(super) struct LiveRequest {
    /// The request's header: what its answer echoes.
    pub(super) header: Header,
    slot: TerminalSlot,
    body: request::Request<'static>,
    proof: Proof,
    /// The time step that payment codes are judged by when some were revoked, or a phone bound or unbound; else 0.
    step: u32,
    frame: [u8; LIVE_FRAME_BYTES_MAX],
    frame_bytes: u8,
}

const _: () = assert!(LIVE_FRAME_BYTES_MAX <= u8::MAX as usize, "a live frame's length has a byte of room");

impl LiveRequest {
    /// Takes a decoded request of a session's terminal; `None` for what owns nothing to be kept. What needs cryptography
    /// is judged now, outside every lock. Of a frame with a query password the header alone is kept, should it have to be
    /// kept out of the books.
    pub(super) fn new(
        connection: &Connection,
        header: Header,
        request: &request::Request<'_>,
        frame: &[u8],
        judge: impl FnOnce(&request::Request<'static>) -> Proof,
        now_ns: impl FnOnce() -> u64,
    ) -> Option<LiveRequest> {
        let body = request.owned()?;
        let proof = match body.password() {
            Some(sealed) => Proof::Password(sealed.open(&connection.password_key)),
            None => judge(&body),
        };
        let kept = if matches!(proof, Proof::Password(_)) { &frame[..HEADER_BYTES] } else { frame };
        let mut bytes = [0; LIVE_FRAME_BYTES_MAX];
        bytes.get_mut(..kept.len())?.copy_from_slice(kept);
        let (slot, frame_bytes) = (connection.slot, kept.len() as u8);
        let step = match body {
            // Steps are half minutes since 1970: they fit until the year 6053.
            request::Request::CodeRevoke(_)
            | request::Request::VirtualBind(_)
            | request::Request::VirtualUnbind(_) => step_at(now_ns()) as u32,
            _ => 0,
        };
        Some(LiveRequest { header, slot, body, proof, step, frame: bytes, frame_bytes })
    }

    /// Whether a query password came along, or what should have been one.
    pub(super) const fn is_by_password(&self) -> bool {
        matches!(self.proof, Proof::Password(_))
    }

    /// What is asked, as it came.
    pub(super) const fn body(&self) -> &request::Request<'static> {
        &self.body
    }

    /// What was said of a payment code, and the version of the key that it was judged under.
    fn code_verdict(&self) -> (CodeVerdict, u32) {
        match self.proof {
            Proof::Code(verdict, key_version) => (verdict, key_version),
            _ => unreachable!("a payment code is judged before its debit is queued"),
        }
    }

    fn original_slot(&self) -> Option<TerminalSlot> {
        match self.proof {
            Proof::Slot(slot) => slot,
            _ => unreachable!("a refund's original is looked for before it is queued"),
        }
    }

    /// What was said of an offline till's code; none for what isn't about one.
    fn scan(&self) -> Option<&ScanProof> {
        match &self.proof {
            Proof::Scan(scan) => Some(scan),
            _ => None,
        }
    }

    /// What the phone shows if what it scanned is paid; none for what isn't about that.
    pub(super) fn confirmation(&self) -> Option<u32> {
        self.scan().map(|scan| scan.confirmation)
    }

    fn sale(&self) -> Sale<'_> {
        Sale {
            slot: self.slot,
            terminal: self.header.terminal,
            epoch: self.header.epoch,
            sequence: self.header.sequence,
            raw: &self.frame[..usize::from(self.frame_bytes)],
        }
    }
}

impl OwnedCommand for LiveRequest {
    fn command(&self) -> Command<'_> {
        use request::Request as Body;
        let sale = self.sale();
        let well_formed = self.password().is_some();
        let request = match &self.body {
            Body::CardDebit(debit) => Request::CardDebit(command::CardDebit {
                sale,
                card_uid: debit.card_uid,
                card_counter: debit.card_counter,
                amount_fen: debit.amount_fen,
            }),
            Body::PasswordDebit(debit) => Request::PasswordDebit(command::PasswordDebit {
                sale,
                card_uid: debit.card_uid,
                card_counter: debit.card_counter,
                amount_fen: debit.amount_fen,
                well_formed,
            }),
            Body::CardTap(tap) => Request::CardTap(command::CardTap {
                sale,
                card_uid: tap.card_uid,
                card_counter: tap.card_counter,
                amount_fen: tap.amount_fen,
            }),
            Body::TapConfirm(confirm) => Request::TapConfirm(command::TapConfirm {
                sale,
                original_terminal: confirm.original_terminal,
                original_epoch: confirm.original_epoch,
                original_sequence: confirm.original_sequence,
                amount_fen: confirm.amount_fen,
                write: confirm.write,
            }),
            Body::CodeDebit(debit) => {
                let (verdict, key_version) = self.code_verdict();
                let (digits, amount_fen) = (debit.code, debit.amount_fen);
                Request::CodeDebit(command::CodeDebit { sale, digits, verdict, key_version, amount_fen })
            }
            Body::TopUp(top_up) => Request::TopUp(command::TopUp {
                sale,
                account: selector(&top_up.account),
                amount_fen: top_up.amount_fen,
                channel: channel_of(top_up.channel),
                order_number: *top_up.order.as_bytes(),
            }),
            Body::Reversal(reversal) => Request::Reversal(command::Reversal {
                sale,
                original_epoch: reversal.original_epoch,
                original_sequence: reversal.original_sequence,
                amount_fen: reversal.amount_fen,
            }),
            Body::Refund(refund) => Request::Refund(command::Refund {
                sale,
                original: refund.original,
                original_slot: self.original_slot(),
                amount_fen: refund.amount_fen,
            }),
            Body::Void(void) => Request::Void(command::Void {
                sale,
                original_epoch: void.original_epoch,
                original_sequence: void.original_sequence,
                amount_fen: void.amount_fen,
            }),
            Body::TopUpUndo(undo) => Request::TopUpUndo(command::TopUpUndo {
                sale,
                original_epoch: undo.original_epoch,
                original_sequence: undo.original_sequence,
                amount_fen: undo.amount_fen,
            }),
            Body::Tender(tender) => Request::Tender(command::Tender {
                sale,
                amount_fen: tender.amount_fen,
                channel: channel_of(tender.channel),
                order_number: *tender.order.as_bytes(),
            }),
            Body::Balance(query) => Request::Balance(command::Balance { account: selector(&query.account) }),
            Body::SaleQuery(query) => Request::SaleQuery(command::SaleQuery {
                sale: Sale { epoch: query.epoch, sequence: query.sequence, ..sale },
            }),
            Body::Bill(query) => Request::BillHead(command::BillHead { account: selector(&query.account) }),
            Body::Statement(query) => {
                Request::BillHead(command::BillHead { account: selector(&query.account) })
            }
            Body::Unconfirmed(query) => {
                Request::BillHead(command::BillHead { account: selector(&query.account) })
            }
            Body::CardIssue(issue) => Request::CardIssue(command::CardIssue {
                sale,
                account: selector(&issue.account),
                card_uid: issue.card_uid,
                kind: issue.kind,
                expires_day: issue.expires_day,
                fee_fen: issue.fee_fen,
            }),
            Body::CardReplace(replace) => Request::CardReplace(command::CardReplace {
                sale,
                account: selector(&replace.account),
                new_card: replace.new_card,
                reason: replace.reason,
                terms: replace.terms,
                fee_fen: replace.fee_fen,
            }),
            Body::CardReturn(given_back) => Request::CardReturn(command::CardReturn {
                sale,
                account: selector(&given_back.account),
                card_uid: given_back.card_uid,
            }),
            Body::PasswordSet(set) => Request::PasswordSet(command::PasswordSet {
                sale,
                account: selector(&set.account),
                well_formed,
            }),
            Body::VirtualBind(bind) => Request::VirtualBind(command::VirtualBind {
                sale,
                student_number: *bind.student.as_bytes(),
                virtual_id: bind.virtual_id,
                well_formed,
                intake_step: self.step,
            }),
            Body::VirtualUnbind(unbind) => Request::VirtualUnbind(command::VirtualUnbind {
                sale,
                virtual_id: unbind.virtual_id,
                intake_step: self.step,
            }),
            Body::PhoneChange(change) => Request::PhoneChange(command::PhoneChange {
                sale,
                virtual_id: change.virtual_id,
                phone: change.phone,
            }),
            Body::LossReport(report) => Request::LossReport(command::LossReport {
                sale,
                account: selector(&report.account),
                well_formed,
            }),
            Body::LossLift(lift) => {
                Request::LossLift(command::LossLift { sale, account: selector(&lift.account), well_formed })
            }
            Body::ScanPay(pay) => {
                let scan = self.scan().expect("what was scanned is judged before its payment is queued");
                Request::ScanPay(command::ScanPay {
                    sale,
                    account: selector(&pay.account),
                    scanned: pay.code.sale(),
                    scanned_slot: scan.slot,
                    amount_fen: pay.code.amount_fen,
                    till_time_ns: pay.code.till_time_s.saturating_mul(1_000_000_000),
                    authentic: scan.authentic,
                    till_connected: scan.till_connected,
                })
            }
            Body::GapClose(close) => Request::GapClose(command::GapClose {
                sale,
                till: close.till,
                till_slot: match self.proof {
                    Proof::Till(slot) => slot,
                    _ => unreachable!("a till is looked up before its gap is closed"),
                },
                epoch: close.epoch,
                first: close.first,
                last: close.last,
                reason: *close.reason.as_bytes(),
            }),
            Body::ToldPost(post) => Request::ToldPost(command::ToldPost {
                sale,
                card_uid: post.card_uid,
                card_counter: post.card_counter,
                reason: *post.reason.as_bytes(),
            }),
            Body::CodeRevoke(revoke) => {
                let account = selector(&revoke.account);
                Request::CodeRevoke(command::CodeRevoke { sale, account, intake_step: self.step })
            }
            Body::CodeKeyRotate(rotate) => Request::CodeKeyRotate(command::CodeKeyRotate {
                sale,
                key_version: rotate.key_version,
                refuses_earlier: rotate.earlier_codes == request::EarlierCodes::Refused,
            }),
            Body::AccountClose(close) => Request::AccountClose(command::AccountClose {
                sale,
                account: selector(&close.account),
                card_uid: close.card_uid,
                way: close.way,
            }),
            Body::CardStock(stock) => {
                Request::CardStock(command::CardStock { sale, first: stock.first, count: stock.count })
            }
            Body::SignOut
            | Body::Heartbeat(_)
            | Body::OpenGaps(_)
            | Body::Upload(_)
            | Body::CashierOn(_)
            | Body::CashierOff(_)
            | Body::ShiftTotals
            | Body::ShiftClose(_)
            | Body::BatchSettle(_)
            | Body::BatchLines(_)
            | Body::Reprint(_)
            | Body::TerminalKey
            | Body::TerminalKeyRotate(_)
            | Body::ClassRules
            | Body::MealPeriods
            | Body::PriceTable
            | Body::BlockList(_)
            | Body::BlockListActive(_)
            | Body::AccountFreeze(_)
            | Body::AccountLimits(_)
            | Body::Adjust(_)
            | Body::AdjustDecide(_)
            | Body::Adjustments(_)
            | Body::SubsidyOpen(_)
            | Body::SubsidyLines(_)
            | Body::SubsidyStep(_)
            | Body::SubsidyQuery(_)
            | Body::SubsidyPreview(_) => {
                unreachable!("the table sends these by other lanes")
            }
        };
        request.into()
    }

    fn password(&self) -> Option<Password> {
        match self.proof {
            Proof::Password(password) => password,
            _ => None,
        }
    }
}

/// The channel of a top-up or a tender; the codec lets no other in.
fn channel_of(channel: protocol::channel::Channel) -> command::Channel {
    match channel {
        protocol::channel::Channel::WeChatPay => command::Channel::WeChat,
        protocol::channel::Channel::Alipay => command::Channel::Alipay,
        _ => command::Channel::Counter,
    }
}

pub(super) fn selector(selector: &request::AccountSelector) -> AccountSelector {
    match selector {
        request::AccountSelector::Account(account) => AccountSelector::Account(*account),
        request::AccountSelector::Card(card_uid) => AccountSelector::Card(*card_uid),
        request::AccountSelector::Student(number) => AccountSelector::StudentNumber(*number.as_bytes()),
    }
}
