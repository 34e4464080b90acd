//! A till's connection to PostgreSQL, straight or through PgBouncer.

use std::net::SocketAddr;

use loadgen::debit_connection::{DebitConnection, DebitOrder};
use protocol::result_code::ResultCode;

use super::message::{
    MessageError, Parameter, Response, append_execution, append_parse, append_query, append_start,
    parse_response,
};
use crate::exchange::Exchange;

/// The database, its owner, and who every connection signs in as.
pub const DATABASE: &str = "yika";
/// The name of the prepared statement.
pub const STATEMENT: &str = "debit";
/// What it does. Its parameters are terminal, sequence, account and amount.
pub const STATEMENT_SQL: &str = "SELECT debit($1, $2, $3, $4)";

/// The condition of a primary key that was there before.
const UNIQUE_VIOLATION: &str = "23505";

/// A connection that has signed in. The server trusts whoever comes from this machine.
pub struct Session {
    exchange: Exchange,
}

impl Session {
    /// Connects and signs in.
    ///
    /// # Errors
    /// The connection's, or the server refuses.
    pub async fn open(address: SocketAddr, database: &str) -> Result<Session, MessageError> {
        let mut exchange = Exchange::open(address).await?;
        append_start(exchange.output(), DATABASE, database);
        let mut session = Session { exchange };
        session.response().await?.into_rows()?;
        Ok(session)
    }

    /// Runs SQL that has no parameters; gives the rows, their columns as text.
    ///
    /// # Errors
    /// The connection's, or the server refuses.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<Vec<u8>>>>, MessageError> {
        append_query(self.exchange.output(), sql);
        self.response().await?.into_rows()
    }

    /// Prepares the statement that every debit executes.
    ///
    /// # Errors
    /// The connection's, or the server refuses.
    pub async fn prepare(&mut self) -> Result<(), MessageError> {
        append_parse(self.exchange.output(), STATEMENT, STATEMENT_SQL);
        self.response().await?.into_rows().map(drop)
    }

    /// The connection of a till, which the server knows as this terminal.
    pub fn into_till(self, terminal: i32) -> PostgresTill {
        PostgresTill { session: self, terminal }
    }

    async fn response(&mut self) -> Result<Response, MessageError> {
        self.exchange.send().await?;
        self.exchange.receive(parse_response).await
    }
}

/// A till's connection, for which the statement is prepared.
pub struct PostgresTill {
    session: Session,
    terminal: i32,
}

impl DebitConnection for PostgresTill {
    type Error = MessageError;

    async fn debit(&mut self, order: &DebitOrder) -> Result<ResultCode, MessageError> {
        let parameters = [
            Parameter::Integer(self.terminal),
            Parameter::Integer(order.sequence.cast_signed()),
            Parameter::Integer(order.holder.cast_signed()),
            Parameter::Bigint(order.amount_fen),
        ];
        append_execution(self.session.exchange.output(), STATEMENT, &parameters);
        let response = self.session.response().await?;
        if let Some((code, message)) = response.error {
            return match code.as_str() {
                UNIQUE_VIOLATION => Ok(ResultCode::IdentityConflict),
                _ => Err(MessageError::Server { code, message }),
            };
        }
        let column = response.rows.first().and_then(|row| row.first());
        match column.and_then(|bytes| bytes.as_deref()?.first_chunk()).map(|bytes| i64::from_be_bytes(*bytes))
        {
            Some(0..) => Ok(ResultCode::Approved),
            Some(_) => Ok(ResultCode::InsufficientFunds),
            None => Err(MessageError::Malformed("no balance")),
        }
    }
}
