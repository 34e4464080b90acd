//! An operator's request on its way to the ledger. Few come, and they are long: each is kept in a box with its frame, and
//! decided by itself on the slow lane, so that no till waits for it or carries its length.

use std::rc::Rc;

use protocol::frame::Header;
use protocol::request::{AdjustWallet, Reasoned, Request};

use super::connection::Connection;
use super::intake::selector;
use super::pump::Body;
use super::worker::Worker;
use crate::ledger::command::{self, Sale};
use crate::ledger::record::Wallet;
use crate::ledger::{Command, TerminalSlot};
use crate::runtime::engine::Reply;
use crate::runtime::slow_lane::{Job, OwnedCommand};

/// An operator's request that may change something.
struct OfficeRequest {
    slot: TerminalSlot,
    frame: Box<[u8]>,
}

impl OwnedCommand for OfficeRequest {
    fn command(&self) -> Command<'_> {
        let (header, body) = Request::decode(&self.frame).expect("it was decoded when it came");
        let sale = Sale {
            slot: self.slot,
            terminal: header.terminal,
            epoch: header.epoch,
            sequence: header.sequence,
            raw: &self.frame,
        };
        request(sale, &body).into()
    }
}

/// A decoded body as the ledger's request.
fn request<'a>(sale: Sale<'a>, body: &Request<'a>) -> crate::ledger::Request<'a> {
    use crate::ledger::Request as Asked;
    match *body {
        Request::AccountFreeze(Reasoned { what, reason }) => Asked::AccountFreeze(command::AccountFreeze {
            sale,
            account: selector(&what.account),
            action: what.action,
            reason: reason.as_str().as_bytes(),
        }),
        Request::AccountLimits(Reasoned { what, reason }) => Asked::AccountLimits(command::AccountLimits {
            sale,
            account: selector(&what.account),
            debit_max_fen: what.debit_max_fen,
            day_max_fen: what.day_max_fen,
            class: what.class,
            reason: reason.as_str().as_bytes(),
        }),
        Request::Adjust(Reasoned { what, reason }) => Asked::Adjust(command::Adjust {
            sale,
            account: selector(&what.account),
            amount_fen: what.amount_fen,
            wallet: match what.wallet {
                AdjustWallet::Card => Wallet::Card,
                AdjustWallet::Electronic => Wallet::Electronic,
            },
            direction: what.direction,
            reason: reason.as_str().as_bytes(),
        }),
        Request::TerminalKeyRotate(Reasoned { what, reason }) => {
            Asked::TerminalKeyRotate(command::TerminalKeyRotate {
                sale,
                terminal: what.terminal,
                key_version: what.key_version,
                reason: reason.as_str().as_bytes(),
            })
        }
        Request::AdjustDecide(Reasoned { what, reason }) => Asked::AdjustDecide(command::AdjustDecide {
            sale,
            proposal: what.proposal,
            verdict: what.verdict,
            reason: reason.as_str().as_bytes(),
        }),
        Request::SubsidyOpen(Reasoned { what, reason }) => Asked::SubsidyOpen(command::SubsidyOpen {
            sale,
            batch: what.batch,
            mode: what.mode,
            deadline_day: what.deadline_day,
            lines: what.lines,
            total_fen: what.total_fen,
            title: reason.as_str().as_bytes(),
        }),
        Request::SubsidyLines(page) => Asked::SubsidyLines(command::SubsidyLines {
            sale,
            batch: page.batch,
            first: page.first,
            lines: page.lines,
        }),
        Request::SubsidyStep(Reasoned { what, reason }) => Asked::SubsidyStep(command::SubsidyStep {
            sale,
            batch: what.batch,
            action: what.action,
            reason: reason.as_str().as_bytes(),
        }),
        _ => unreachable!("the table sends no other kind here"),
    }
}

impl Worker {
    /// Hands an operator's request to the slow lane.
    pub(super) fn office(
        &self,
        connection: &Rc<Connection>,
        header: &Header,
        request: &Request<'_>,
        frame: &[u8],
    ) {
        let hand_back = self.hand_back(connection.key, *header);
        let job = match request {
            Request::Adjustments(query) => Job::Adjustments {
                query: *query,
                done: Box::new(move |page| hand_back(page.observed, Body::Adjustments(page))),
            },
            Request::SubsidyQuery(query) => Job::Subsidy {
                batch: query.batch,
                done: Box::new(move |(answer, observed)| {
                    hand_back(observed, Body::Subsidy(Box::new(answer)));
                }),
            },
            Request::SubsidyPreview(query) => Job::SubsidyPreview {
                query: *query,
                done: Box::new(move |page| hand_back(page.observed, Body::SubsidyPreview(page))),
            },
            _ => Job::LookUp {
                command: Box::new(OfficeRequest { slot: connection.slot, frame: frame.into() }),
                done: Box::new(move |reply: Reply| hand_back(reply.observed(), Body::Reply(reply))),
            },
        };
        self.submit(connection, header, job);
    }
}
