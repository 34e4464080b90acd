//! What a till says of itself.

use engine::ledger::command::{BlockListActive, Sale};
use protocol::result_code::ResultCode;

use super::debits::sells;
use super::{Answer, Model, Said, answer};

impl Model {
    pub(super) fn block_list_active(&mut self, r: &BlockListActive) -> Answer {
        let sale = Sale { slot: r.slot, terminal: r.terminal, ..Sale::default() };
        let Some(till) = self.till(&sale) else { return answer(ResultCode::UnknownTerminal, 0) };
        if !sells(self.tills[till].kind) {
            return answer(ResultCode::NotPermitted, 0);
        }
        if !r.is_right {
            return answer(ResultCode::BlockListDiffers, 0);
        }
        let repeat = self.tills[till].block_list == Some(r.version);
        self.tills[till].block_list = Some(r.version);
        let record = if repeat { 0 } else { self.next_record() };
        let code = ResultCode::Approved;
        Answer::Outcome(Said { code, account: None, amount_fen: 0, balance_after_fen: 0, record, repeat })
    }
}
