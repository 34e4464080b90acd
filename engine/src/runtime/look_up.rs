//! Fetches what a decision needs and memory doesn't have.

use protocol::ids::{AccountId, RecordNumber};
use protocol::result_code::ResultCode;
use wal::LogReader;

use super::durable_signal::DurableSignal;
use super::engine::{Engine, EngineError, Reply};
use super::history_walk;
use super::unconfirmed::STEPS_MAX;
use crate::ledger::known::{Known, KnownRecord, Need};
use crate::ledger::refunds::{self, Refunds};
use crate::ledger::told::{self, Told, ToldOf};
use crate::ledger::{Command, Request, till_totals};

/// How often something is fetched for one command before its till is told "busy". One kind of thing after the other may be
/// needed; the same again only because things went on meanwhile, which a till's own chain does on another session alone.
pub(super) const LOOK_UPS_MAX: usize = 8;

/// Decides a request that needs what memory doesn't have: fetches that, decides again. What isn't the log's to know is asked
/// of `vault`, which may refuse the request.
pub(super) fn decide(
    engine: &Engine,
    signal: &DurableSignal,
    request: &Request<'_>,
    mut vault: impl FnMut(Need, &mut Known) -> Option<ResultCode>,
) -> Reply {
    let mut known = Known::default();
    for _ in 0..LOOK_UPS_MAX {
        let reply = engine.execute(&Command { request: *request, known: Some(&known) });
        engine.log().kick();
        let Reply::Needs(need) = reply else { return reply };
        if need.is_of_a_password() {
            match vault(need, &mut known) {
                Some(code) => return Reply::Refused(code),
                None => continue,
            }
        }
        if !signal.wait_until_durable(engine.log(), need.newest()) {
            return Reply::Refused(ResultCode::Stopping);
        }
        if let Err(error) = answer(engine, need, &mut known) {
            tracing::error!(?need, %error, "what a request needs can't be read");
            return Reply::Refused(ResultCode::Busy);
        }
    }
    Reply::Refused(ResultCode::Busy)
}

/// Answers one need of the log. Every record up to [`Need::newest`] must be durable.
///
/// A till's shard, or an account's, costs nothing, a record by its number one look-up, an order one page of each run of the index
/// that may have it. A sale costs a look-up for each record of its till since then, the refunds of a debit one for each record of
/// its payer since then, what a till did one for each of its records, which sale told of another one for each record of its account
/// since then, 50,000 at most; what was known of the same before cuts each short.
///
/// # Errors
/// The log is damaged, or the index of orders can't be read or mended.
pub fn answer(engine: &Engine, need: Need, known: &mut Known) -> Result<(), EngineError> {
    let reader = engine.log().reader();
    match need {
        Need::Sale { sale, head } => {
            let earlier = known.sale(sale).copied();
            known.learn_sale(history_walk::find(&reader, sale, head, earlier)?);
        }
        Need::Refunds { account, head, original } => {
            known.refunds = Some(refunds(&reader, account, head, original, known.refunds)?);
        }
        Need::Told { of, head } => known.told = Some(told(&reader, of, head, known.told)?),
        Need::Totals(span) => {
            known.totals = Some(till_totals::sum(span, known.totals, |number| till_link(&reader, number))?);
        }
        Need::Record(number) => known.record = Some(record(&reader, number)?),
        Need::Till(slot) => known.till = Some(slot),
        Need::Account(id) => known.account = Some(id),
        Need::Order { key, forgotten } => {
            known.order = Some(engine.orders().look_up(&reader, key, forgotten)?);
        }
        Need::Password(_) | Need::NewPassword => unreachable!("the log knows no passwords"),
    }
    Ok(())
}

fn refunds(
    reader: &LogReader,
    account: AccountId,
    head: RecordNumber,
    original: RecordNumber,
    earlier: Option<Refunds>,
) -> Result<Refunds, EngineError> {
    refunds::find(original, head, earlier, |number| {
        let found = record(reader, number)?;
        Ok(refunds::Link::of(&found.record(), account)
            .expect("an account's chain leads to its own records only"))
    })
}

fn told(
    reader: &LogReader,
    of: ToldOf,
    head: RecordNumber,
    earlier: Option<Told>,
) -> Result<Told, EngineError> {
    told::find(of, head, earlier, STEPS_MAX, |number| {
        let found = record(reader, number)?;
        Ok(told::Link::of(&found.record(), &of).expect("an account's chain leads to its own records only"))
    })
}

/// A record of a till's chain, as far as it counts in the till's totals.
pub(super) fn till_link(reader: &LogReader, number: RecordNumber) -> Result<till_totals::Link, EngineError> {
    let found = record(reader, number)?;
    Ok(till_totals::Link::of(&found.record()).expect("a till's chain leads to records of tills only"))
}

/// A durable record.
pub(super) fn record(reader: &LogReader, number: RecordNumber) -> Result<KnownRecord, EngineError> {
    let found = reader.record(number.0)?.expect("only records that were appended are asked for");
    KnownRecord::new(number, found.time_ns, (found.kind, found.version), found.payload)
        .map_err(|source| EngineError::Replay { number: number.0, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Record;
    use crate::runtime::small_engine::small_engine;

    #[test]
    fn every_record_is_found_by_its_number() {
        let engine = small_engine(300, 2);
        let reader = engine.log().reader();
        let mut known = Known::default();
        let mut seen = 0;
        for found in reader.scan(1) {
            let found = found.expect("the log is whole");
            let number = RecordNumber(found.number);
            answer(&engine, Need::Record(number), &mut known).expect("it is there");
            let record = Record::decode(found.kind, found.version, found.payload).expect("it was written");
            assert_eq!(known.record(number), Some(record));
            assert_eq!(known.record.map(|known| known.time_ns), Some(found.time_ns));
            seen += 1;
        }
        assert!(seen > 600, "an account is opened and has an opening balance: {seen} records");
        assert_eq!(known.sales, [None; 2]);
    }
}
