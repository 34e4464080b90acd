//! The earlier request of the same till that a request names to undo it: what [`super::reversal`], [`super::void`] and
//! [`super::top_up_undo`] have in common.

use protocol::ids::SaleId;
use protocol::result_code::ResultCode;

use super::identity::Standing;
use super::{Case, Desk};
use crate::ledger::decision::Decision;
use crate::ledger::fold::Fold;
use crate::ledger::known::Need;
use crate::ledger::outcome_ring::RememberedOutcome;
use crate::ledger::shard::Parts;

/// What is known of an original.
pub(super) enum Original {
    /// A sequence is 0: nothing was looked for.
    Unnamed,
    /// The request itself, or what a greater epoch would have: it can't have happened before.
    Impossible,
    /// It hasn't come, as far as anybody knows.
    NotCome,
    /// It came, and was of the amount that is named.
    Came(RememberedOutcome),
}

/// What ends a request before it is known what became of its original.
#[derive(Clone, Copy)]
pub(super) enum Obstacle {
    /// The original was of another amount.
    OtherAmount,
    /// Only the log knows it.
    Needs(Need),
}

/// Digest of a body that names an original; `domain` tells the requests apart.
pub(super) fn digest_of(domain: u64, original: SaleId, amount_fen: i64) -> u64 {
    Fold::new(domain)
        .word(amount_fen.cast_unsigned())
        .word(u64::from(original.epoch.0) << 32 | u64::from(original.sequence.0))
        .finish()
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// Looks for the original of a request.
    pub(super) fn original(&self, case: &Case<'_, '_>, original: SaleId) -> Result<Original, Obstacle> {
        if case.sale.sequence.0 == 0 || original.sequence.0 == 0 {
            return Ok(Original::Unnamed);
        }
        if original == case.sale.id() || original.epoch > case.sale.epoch {
            return Ok(Original::Impossible);
        }
        match self.standing(case.till, original.epoch, original.sequence) {
            Standing::Remembered(outcome) if outcome.amount_fen() != case.amount_fen => {
                Err(Obstacle::OtherAmount)
            }
            Standing::Remembered(outcome) => Ok(Original::Came(outcome)),
            Standing::NeedsHistory => {
                Err(Obstacle::Needs(Need::Sale { sale: original, head: case.till.entry.head() }))
            }
            Standing::Fresh | Standing::TooManyGaps | Standing::OlderUnknown => Ok(Original::NotCome),
        }
    }

    /// Undoes what came; `nothing` is the answer where nothing did.
    pub(super) fn undo<'a>(
        &self,
        case: &Case<'_, 'a>,
        original: SaleId,
        permitted: bool,
        nothing: ResultCode,
        undo: impl FnOnce(&RememberedOutcome) -> Decision<'a>,
    ) -> Decision<'a> {
        if let Some(decision) = self.known(case) {
            return decision;
        }
        let original = match self.original(case, original) {
            Ok(original) => original,
            Err(obstacle) => return self.obstructed(case, obstacle),
        };
        if let Some(code) = self.bad_field(case, permitted) {
            return self.transient(case, code);
        }
        match original {
            Original::Unnamed => self.transient(case, ResultCode::SequenceZero),
            Original::Impossible | Original::NotCome => self.refuse(case, nothing, None),
            Original::Came(outcome) => undo(&outcome),
        }
    }

    /// The decision where something is in the way.
    pub(super) fn obstructed<'a>(&self, case: &Case<'_, 'a>, obstacle: Obstacle) -> Decision<'a> {
        match obstacle {
            Obstacle::OtherAmount => self.refuse(case, ResultCode::IdentityConflict, None),
            Obstacle::Needs(need) => Decision::Needs(need),
        }
    }
}
