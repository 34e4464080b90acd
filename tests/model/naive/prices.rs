//! What is paid beside prices, by class and time of day: on top, or less.

use engine::ledger::command::SetPrice;
use protocol::result_code::ResultCode;

use super::{Answer, Ask, Model, Other, Past};

const OTHER_TIME: u8 = 16;

impl Model {
    pub(super) fn set_price(&mut self, r: &SetPrice) -> Answer {
        if r.class >= 64 || r.period > OTHER_TIME || !(-10_000..=10_000).contains(&r.rate) {
            return self.stands(ResultCode::NotPermitted, None);
        }
        let before = self.rates.insert((r.class, r.period), r.rate).unwrap_or(0);
        if before == r.rate {
            return self.stands(ResultCode::Approved, None);
        }
        self.changed(ResultCode::Approved, None)
    }

    /// What an account pays beside a price now.
    pub(super) fn beside_fen(&self, id: u32, price_fen: i64) -> i64 {
        let meal = self.period_at(self.time_ns).unwrap_or(OTHER_TIME);
        let class = self.accounts[id as usize].class;
        let rate = self.rates.get(&(class, meal)).copied().unwrap_or(0);
        rounded(i64::from(rate), price_fen, 10_000)
    }

    /// What of it comes back with a part of the price, after so much of that came back before.
    pub(super) fn beside_back_fen(past: &Past, before_fen: i64, part_fen: i64) -> i64 {
        let upto = |price_fen| rounded(past.beside_fen, price_fen, past.amount_fen);
        upto(before_fen + part_fen) - upto(before_fen)
    }

    /// It went to the school or came from it, and is told and remembered with the price. `way` is 1 of a debit, -1 of what gives one
    /// back.
    pub(super) fn told_with(&mut self, ask: &Ask<'_>, answer: Answer, beside_fen: i64, way: i64) -> Answer {
        if beside_fen == 0 {
            return answer;
        }
        self.owe(Other::Pricing, way * beside_fen);
        let till = &mut self.tills[ask.till];
        till.past.get_mut(&(ask.epoch, ask.sequence)).expect("it was settled").beside_fen = beside_fen;
        match answer {
            Answer::Outcome(mut said) => {
                said.amount_fen += beside_fen;
                Answer::Outcome(said)
            }
            other => other,
        }
    }
}

/// `a * b / c`, to the nearest; a half goes away from zero.
fn rounded(a: i64, b: i64, c: i64) -> i64 {
    let (a, b, c) = (i128::from(a), i128::from(b), i128::from(c));
    let below = (a * b).div_euclid(c);
    let distance = 2 * (a * b - below * c);
    let up = distance > c || distance == c && a * b > 0;
    (below + i128::from(up)) as i64
}
