//! A live request on its way from the frame to the ledger: checked, owned, ready to be decided.

use protocol::command_table::LIVE_FRAME_BYTES_MAX;
use protocol::frame::{HEADER_BYTES, Header};
use protocol::ids::TerminalId;
use protocol::mac::Cmac128;
use protocol::password::Password;
use protocol::payment_code::{self, CodeRefusal, step_at};
use protocol::request;

use super::connection::Connection;
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
    /// The time step of payment codes when a phone was bound or unbound; else 0.
    step: u32,
    frame: [u8; LIVE_FRAME_BYTES_MAX],
    frame_bytes: u8,
}

const _: () = assert!(LIVE_FRAME_BYTES_MAX <= u8::MAX as usize, "a live frame's length has a byte of room");

/// What was found out outside the ledger, before the request was queued: the ledger computes no MAC and searches no list.
#[derive(Clone, Copy)]
enum Proof {
    /// Nothing was to be judged.
    None,
    /// Of a payment code.
    Code(CodeVerdict),
    /// Of a query password: itself, if it is one.
    Password(Option<Password>),
    /// Of the debit that a refund names: its till's slot, if it is registered.
    Slot(Option<TerminalSlot>),
}

/// The campus's payment-code keys, scheduled once for each worker.
pub(super) struct CodeKeys {
    keys: Vec<Cmac128>,
}

impl CodeKeys {
    /// Prepares the keys; a key's place is its id.
    pub(super) fn new(keys: impl IntoIterator<Item = protocol::keys::Key128>) -> CodeKeys {
        CodeKeys { keys: keys.into_iter().map(|key| Cmac128::new(&key)).collect() }
    }

    fn verdict(&mut self, digits: &[u8; payment_code::CODE_DIGITS], now_ns: u64) -> CodeVerdict {
        let Ok(parsed) = payment_code::parse(digits) else { return CodeVerdict::Malformed };
        let Some(key) = self.keys.get_mut(usize::from(parsed.key_id())) else {
            return CodeVerdict::Malformed;
        };
        match parsed.authenticate(key, now_ns) {
            Ok(code) => match u32::try_from(code.step) {
                Ok(step) => CodeVerdict::Authentic { account: code.account, step, nonce: code.nonce },
                Err(_) => CodeVerdict::Expired,
            },
            Err(CodeRefusal::NotAuthentic) => CodeVerdict::NotAuthentic,
            Err(CodeRefusal::Expired) => CodeVerdict::Expired,
        }
    }
}

impl LiveRequest {
    /// Takes a decoded request of a session's terminal; `None` for what owns nothing to be kept. What needs cryptography
    /// is judged here, outside every lock. Of a frame with a query password the header alone is kept, should it have to be
    /// kept out of the books.
    pub(super) fn new(
        connection: &Connection,
        header: Header,
        request: &request::Request<'_>,
        frame: &[u8],
        code_keys: &mut CodeKeys,
        now_ns: impl FnOnce() -> u64,
        slot_of: impl FnOnce(TerminalId) -> Option<TerminalSlot>,
    ) -> Option<LiveRequest> {
        let body = request.owned()?;
        let now_ns = match body {
            request::Request::CodeDebit(_)
            | request::Request::VirtualBind(_)
            | request::Request::VirtualUnbind(_) => now_ns(),
            _ => 0,
        };
        let proof = match body {
            request::Request::CodeDebit(debit) => Proof::Code(code_keys.verdict(&debit.code, now_ns)),
            request::Request::Refund(refund) => Proof::Slot(slot_of(refund.original.terminal)),
            _ => match body.password() {
                Some(sealed) => Proof::Password(sealed.open(&connection.password_key)),
                None => Proof::None,
            },
        };
        let kept = if matches!(proof, Proof::Password(_)) { &frame[..HEADER_BYTES] } else { frame };
        let mut bytes = [0; LIVE_FRAME_BYTES_MAX];
        bytes.get_mut(..kept.len())?.copy_from_slice(kept);
        let (slot, frame_bytes) = (connection.slot, kept.len() as u8);
        // Steps are half minutes since 1970: they fit until the year 6053.
        let step = step_at(now_ns) as u32;
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

    fn code_verdict(&self) -> CodeVerdict {
        match self.proof {
            Proof::Code(verdict) => verdict,
            _ => unreachable!("a payment code is judged before its debit is queued"),
        }
    }

    fn original_slot(&self) -> Option<TerminalSlot> {
        match self.proof {
            Proof::Slot(slot) => slot,
            _ => unreachable!("a refund's original is looked for before it is queued"),
        }
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
            Body::CodeDebit(debit) => Request::CodeDebit(command::CodeDebit {
                sale,
                digits: debit.code,
                verdict: self.code_verdict(),
                amount_fen: debit.amount_fen,
            }),
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
            Body::AccountClose(close) => Request::AccountClose(command::AccountClose {
                sale,
                account: selector(&close.account),
                card_uid: close.card_uid,
                way: close.way,
            }),
            Body::SignOut
            | Body::Heartbeat(_)
            | Body::Upload(_)
            | Body::ClassRules
            | Body::MealPeriods
            | Body::BlockList(_)
            | Body::BlockListActive(_)
            | Body::AccountFreeze(_)
            | Body::AccountLimits(_)
            | Body::Adjust(_)
            | Body::AdjustDecide(_)
            | Body::Adjustments(_) => {
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
