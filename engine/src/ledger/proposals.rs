//! Proposed adjustments that wait for a second person: each stands in the shard of its account.

use protocol::ids::{AccountId, RecordNumber, TerminalId};
use protocol::request::AdjustDirection;

use super::limits::PROPOSALS_MAX;
use super::probes::looks_at;
use super::record::Wallet;
use super::shard::Parts;

/// One proposed adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The record by which it was proposed.
    pub record: RecordNumber,
    /// When that was, logged time.
    pub time_ns: u64,
    /// From this logged time on it can't be approved any more.
    pub expires_ns: u64,
    /// By how much; above zero.
    pub amount_fen: i64,
    /// Whose account.
    pub account: AccountId,
    /// The operator who proposed it.
    pub proposer: TerminalId,
    /// Card or electronic.
    pub wallet: Wallet,
    /// Which way.
    pub direction: AdjustDirection,
}

/// Those of one shard, in order of record.
#[derive(Clone, Debug, Default)]
pub(super) struct Proposals {
    waiting: Vec<Proposal>,
}

impl Proposals {
    /// All memory that it ever takes is taken here.
    pub(super) fn new() -> Proposals {
        Proposals { waiting: Vec::with_capacity(PROPOSALS_MAX) }
    }

    pub(super) fn len(&self) -> usize {
        looks_at(&self.waiting);
        self.waiting.len()
    }

    pub(super) fn get(&self, record: RecordNumber) -> Option<&Proposal> {
        looks_at(&self.waiting);
        let at = self.waiting.binary_search_by_key(&record, |proposal| proposal.record).ok()?;
        self.waiting.get(at).inspect(|&proposal| looks_at(proposal))
    }

    /// Adds one of a later record; false when it isn't, or there is no room.
    pub(super) fn push(&mut self, proposal: Proposal) -> bool {
        let follows = self.waiting.last().is_none_or(|last| last.record < proposal.record);
        let fits = follows && self.waiting.len() < PROPOSALS_MAX;
        if fits {
            self.waiting.push(proposal);
        }
        fits
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, record: RecordNumber) -> Option<Proposal> {
        let at = self.waiting.binary_search_by_key(&record, |proposal| proposal.record).ok()?;
        Some(self.waiting.remove(at))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Proposal> {
        self.waiting.iter()
    }
}

/// Every proposal that waits, in order of record. Needs every shard.
pub fn waiting<P: Parts + ?Sized>(parts: &P) -> Vec<Proposal> {
    let mut all: Vec<Proposal> =
        (0..parts.shard_count()).flat_map(|shard| parts.shard(shard).proposals.iter().copied()).collect();
    all.sort_unstable_by_key(|proposal| proposal.record);
    all
}

/// The oldest proposal whose time has passed. Needs every shard.
pub fn expired<P: Parts + ?Sized>(parts: &P, time_ns: u64) -> Option<RecordNumber> {
    (0..parts.shard_count())
        .flat_map(|shard| parts.shard(shard).proposals.iter())
        .filter(|proposal| proposal.expires_ns <= time_ns)
        .map(|proposal| proposal.record)
        .min()
}
