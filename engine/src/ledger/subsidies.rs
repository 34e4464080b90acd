//! Subsidy batches: what is known of each as a whole ([`Batches`]), and, in the shard of each account, the lines ([`Line`]).
//!
//! A batch's head stands in the registry and changes by records of configuration. Its lines change by what is paid and taken
//! back, with the account's shard alone, so that a batch is issued beside live requests; the sums of all shards' shares are
//! the batch's.
//!
//! **Subsidy money has no batch of its own.** It is used first, the oldest batch's first. So what is left of a batch in an
//! account is what is left at all, less what later batches brought and still have there ([`Subsidies::later_fen`]).
//!
//! **What was spent may come back**, by a reversal, a void or a refund, after its batch was withdrawn. So a withdrawn batch
//! keeps the lines of which something was spent until its deadline has passed, and each day goes through them once more. Lines
//! of a batch of which nothing can be taken back any more are kept as long as that isn't true of an earlier one; then their
//! memory is given back, and the sums stay.

mod batches;
mod shares;

use protocol::ids::AccountId;

pub use self::batches::{Batch, Batches};
pub(super) use self::shares::Subsidies;
pub use self::shares::{BatchTotals, Line, LineState};
use super::shard::{Parts, Shard};

/// The accounts of a shard's lines that wait, from the first on.
pub fn waiting(shard: &Shard, batch: u32, lines_max: usize) -> impl Iterator<Item = AccountId> {
    let lines = shard.subsidies.lines_waiting(batch).iter();
    lines.filter(|line| line.state == LineState::Waiting).map(|line| line.account).take(lines_max)
}

/// A shard's lines, from an account on.
pub fn lines_from(shard: &Shard, batch: u32, account: AccountId) -> impl Iterator<Item = &Line> {
    shard.subsidies.lines_from(batch, account).iter()
}

/// A batch's lines from an account on, so many at most, in order of account. Needs every shard.
pub fn lines<P: Parts + ?Sized>(parts: &P, batch: u32, account: AccountId, lines_max: usize) -> Vec<Line> {
    let mut found: Vec<Line> = (0..parts.shard_count())
        .flat_map(|shard| lines_from(parts.shard(shard), batch, account).take(lines_max))
        .copied()
        .collect();
    found.sort_unstable_by_key(|line| line.account);
    found.truncate(lines_max);
    found
}

/// What a batch came to so far. Needs every shard.
pub fn totals<P: Parts + ?Sized>(parts: &P, batch: u32) -> BatchTotals {
    let mut totals = BatchTotals::default();
    for shard in 0..parts.shard_count() {
        if let Some(share) = parts.shard(shard).subsidies.shares.get(&batch) {
            totals.add(&share.totals);
        }
    }
    totals
}
