//! A live request on its way from the frame to the ledger: checked, owned, ready to be decided.

use protocol::frame::{FRAME_BYTES_MIN, Header};
use protocol::mac::Cmac128;
use protocol::payment_code::{self, CodeRefusal};
use protocol::request;

use crate::ledger::command::{self, AccountSelector, CodeVerdict, Sale};
use crate::ledger::history::History;
use crate::ledger::{Command, Request, TerminalSlot};
use crate::runtime::slow_lane::OwnedCommand;

/// Bytes of the largest live frame that consumes a sequence: a top-up.
const FRAME_BYTES: usize = FRAME_BYTES_MIN + 72;

/// A live request. Small and free of pointers, so that queues of them are flat.
#[derive(Clone, Copy)]
pub struct LiveRequest {
    /// The request's header: what its answer echoes.
    pub header: Header,
    slot: TerminalSlot,
    body: Body,
    frame: [u8; FRAME_BYTES],
    frame_bytes: u8,
}

#[derive(Clone, Copy)]
enum Body {
    CardDebit(request::CardDebit),
    CodeDebit(request::CodeDebit, CodeVerdict),
    TopUp(request::TopUp),
    Reversal(request::Reversal),
    Balance(request::BalanceQuery),
    SaleQuery(request::SaleQuery),
    BillHead(request::BillQuery),
}

/// The campus's payment-code keys, scheduled once for each worker.
pub struct CodeKeys {
    keys: Vec<Cmac128>,
}

impl CodeKeys {
    /// Prepares the keys; a key's place is its id.
    pub fn new(keys: impl IntoIterator<Item = protocol::keys::Key128>) -> CodeKeys {
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
    /// Takes a decoded request of a session's terminal; `None` for the kinds that aren't live requests. What
    /// needs cryptography is judged here, outside every lock.
    pub fn new(
        slot: TerminalSlot,
        header: Header,
        request: &request::Request<'_>,
        frame: &[u8],
        code_keys: &mut CodeKeys,
        now_ns: impl FnOnce() -> u64,
    ) -> Option<LiveRequest> {
        let body = match *request {
            request::Request::CardDebit(debit) => Body::CardDebit(debit),
            request::Request::CodeDebit(debit) => {
                Body::CodeDebit(debit, code_keys.verdict(&debit.code, now_ns()))
            }
            request::Request::TopUp(top_up) => Body::TopUp(top_up),
            request::Request::Reversal(reversal) => Body::Reversal(reversal),
            request::Request::Balance(query) => Body::Balance(query),
            request::Request::SaleQuery(query) => Body::SaleQuery(query),
            request::Request::Bill(query) => Body::BillHead(query),
            request::Request::SignOut | request::Request::Heartbeat(_) | request::Request::Upload(_) => {
                return None;
            }
        };
        let mut bytes = [0; FRAME_BYTES];
        bytes[..frame.len()].copy_from_slice(frame);
        Some(LiveRequest { header, slot, body, frame: bytes, frame_bytes: frame.len() as u8 })
    }

    /// The bill query, when it is one.
    pub fn bill_query(&self) -> Option<&request::BillQuery> {
        match &self.body {
            Body::BillHead(query) => Some(query),
            _ => None,
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
    fn command(&self, history: Option<History>) -> Command<'_> {
        let sale = self.sale();
        let request = match &self.body {
            Body::CardDebit(debit) => Request::CardDebit(command::CardDebit {
                sale,
                card_uid: debit.card_uid,
                card_counter: debit.card_counter,
                amount_fen: debit.amount_fen,
            }),
            Body::CodeDebit(debit, verdict) => Request::CodeDebit(command::CodeDebit {
                sale,
                digits: debit.code,
                verdict: *verdict,
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
            Body::Balance(query) => Request::Balance(command::Balance { account: selector(&query.account) }),
            Body::SaleQuery(query) => Request::SaleQuery(command::SaleQuery {
                sale: Sale { epoch: query.epoch, sequence: query.sequence, ..sale },
            }),
            Body::BillHead(query) => {
                Request::BillHead(command::BillHead { account: selector(&query.account) })
            }
        };
        Command { request, history }
    }
}

/// The channel of a top-up; the codec lets no other in.
fn channel_of(channel: protocol::channel::Channel) -> command::Channel {
    match channel {
        protocol::channel::Channel::WeChatPay => command::Channel::WeChat,
        protocol::channel::Channel::Alipay => command::Channel::Alipay,
        _ => command::Channel::Counter,
    }
}

fn selector(selector: &request::AccountSelector) -> AccountSelector {
    match selector {
        request::AccountSelector::Account(account) => AccountSelector::Account(*account),
        request::AccountSelector::Card(card_uid) => AccountSelector::Card(*card_uid),
        request::AccountSelector::Student(number) => AccountSelector::StudentNumber(*number.as_bytes()),
    }
}
