//! A terminal asking one thing after another, as the warm-up and the check do: signs in, asks, asks again when the
//! server is busy, and signs in again when the connection breaks.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::answer::Answer;
use protocol::frame::Header;
use protocol::ids::{RequestId, Sequence, TerminalId};
use protocol::request::{Request, RequestIds};
use protocol::result_code::{ResultCode, TillAction};
use protocol::sign_in::TerminalIdentity;

use crate::answer_code::code_of;
use crate::campus::CampusTill;
use crate::connection::Connection;
use crate::drive::{draw_nonce, identity_of};
use crate::error::LoadError;
use crate::random::Random;

/// How often one question is asked before the desk gives up.
const ATTEMPTS_MAX: u32 = 30;
/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Desk {
    address: SocketAddr,
    identity: TerminalIdentity,
    nonces: Random,
    answer_timeout_ns: u64,
    connection: Option<Connection>,
    next_sequence: u32,
    next_request_id: u32,
}

impl Desk {
    /// Signs a terminal in.
    pub(crate) async fn open(
        address: SocketAddr,
        till: &CampusTill,
        nonces: Random,
        answer_timeout_ns: u64,
    ) -> Result<Desk, LoadError> {
        let mut desk = Desk {
            address,
            identity: identity_of(till),
            nonces,
            answer_timeout_ns,
            connection: None,
            next_sequence: 0,
            next_request_id: 1,
        };
        desk.sign_in().await?;
        Ok(desk)
    }

    /// The next sequence of this terminal, used up.
    pub(crate) fn take_sequence(&mut self) -> Sequence {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        Sequence(sequence)
    }

    pub(crate) fn terminal(&self) -> TerminalId {
        self.identity.terminal
    }

    pub(crate) fn identity(&self) -> &TerminalIdentity {
        &self.identity
    }

    /// Asks until there is an answer that isn't "later". A money request keeps its sequence through all attempts.
    pub(crate) async fn ask<T>(
        &mut self,
        sequence: Sequence,
        request: &Request<'_>,
        mut read: impl FnMut(&Header, &Answer<'_>) -> T,
    ) -> Result<T, LoadError> {
        let mut last = String::new();
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            self.sign_in().await?;
            let Some(connection) = &mut self.connection else { continue };
            let request_id = RequestId(self.next_request_id);
            self.next_request_id = self.next_request_id.wrapping_add(1);
            let ids = RequestIds {
                terminal: self.identity.terminal,
                epoch: self.identity.epoch,
                sequence,
                request_id,
            };
            let asked = connection
                .call_within(self.answer_timeout_ns, &ids, request, |header, answer| match code_of(answer) {
                    Some(code) if is_later(code) => Err(code),
                    _ => Ok(read(header, answer)),
                })
                .await;
            match asked {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(code)) => {
                    last = format!("answered {code}");
                    if code.action() == TillAction::SignIn {
                        self.connection = None;
                    }
                }
                Err(error) => {
                    last = error.to_string();
                    self.connection = None;
                }
            }
        }
        Err(self.failed(format!("no final answer in {ATTEMPTS_MAX} attempts; {last}")))
    }

    /// Signs in unless that is done.
    async fn sign_in(&mut self) -> Result<(), LoadError> {
        let mut last = String::new();
        for attempt in 0..ATTEMPTS_MAX {
            if self.connection.is_some() {
                return Ok(());
            }
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let nonce = draw_nonce(&mut self.nonces);
            match Connection::open(self.address, &self.identity, nonce).await {
                Ok((connection, welcome)) => {
                    self.next_sequence = self.next_sequence.max(welcome.last_sequence.0.saturating_add(1));
                    self.connection = Some(connection);
                }
                Err(error) => last = error.to_string(),
            }
        }
        match self.connection {
            Some(_) => Ok(()),
            None => Err(self.failed(last)),
        }
    }

    fn failed(&self, reason: String) -> LoadError {
        LoadError::Terminal { terminal: self.terminal(), address: self.address.to_string(), reason }
    }
}

/// True for codes that say nothing about the matter asked for. That a sale never arrived is an answer here, though
/// a till's action for it is to send the sale.
fn is_later(code: ResultCode) -> bool {
    code != ResultCode::UnknownSale && matches!(code.action(), TillAction::Retry | TillAction::SignIn)
}
