//! The last outcomes of a till: direct-mapped by sequence, so that finding one is one probe of one cache line.

use protocol::ids::{Epoch, Sequence};

use super::ledger_account::LedgerAccount;
use super::limits::{AMOUNT_FEN_MAX, RING_LINES_MAX};
use super::prefetch::prefetch;
use super::probes::looks_at;
use super::record::RecordKind;

/// What has become of a remembered request since, and what it is, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeMarks(pub u8);

impl OutcomeMarks {
    /// The sale was reversed since.
    pub const REVERSED: OutcomeMarks = OutcomeMarks(1);
    /// No outcome: the sale's reversal came first, so it won't happen.
    pub const TOMBSTONE: OutcomeMarks = OutcomeMarks(1 << 1);
    /// Another body came under this identity and was kept in suspense: once is enough.
    pub const SUSPENDED: OutcomeMarks = OutcomeMarks(1 << 2);
    /// Something of a debit was given back since by refund, or, of an outcome that the log was asked for, may have been: a till's
    /// chain doesn't know the refunds that other tills made. How much: see [`super::refunds`].
    pub const REFUNDED: OutcomeMarks = OutcomeMarks(1 << 3);
    /// The sale was voided: beside [`Self::REVERSED`].
    pub const VOIDED: OutcomeMarks = OutcomeMarks(1 << 4);
    /// A two-phase tap.
    pub const TWO_PHASE: OutcomeMarks = OutcomeMarks(1 << 5);
    /// Its till has said since whether the chip was written.
    pub const CONFIRMED: OutcomeMarks = OutcomeMarks(1 << 6);
    /// It is undone, because the chip wasn't written.
    pub const UNWRITTEN: OutcomeMarks = OutcomeMarks(1 << 7);

    /// True when any bit of `other` is set.
    pub const fn has(self, other: OutcomeMarks) -> bool {
        self.0 & other.0 != 0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: OutcomeMarks) -> OutcomeMarks {
        OutcomeMarks(self.0 | other.0)
    }

    /// `other` added when `condition` holds.
    #[must_use]
    pub const fn with_if(self, condition: bool, other: OutcomeMarks) -> OutcomeMarks {
        if condition { self.with(other) } else { self }
    }
}

/// In [`RememberedOutcome::amounts`] of what may be priced: it counts in a window.
const COUNTED: i64 = 1 << 31;

const _: () = assert!(AMOUNT_FEN_MAX < COUNTED);

/// What is remembered of one request: 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct RememberedOutcome {
    /// The record of the outcome.
    pub record: u64,
    /// When it was logged.
    pub time_ns: u64,
    /// Digest of the request's body.
    pub digest: u64,
    /// The person's system balance as answered.
    pub balance_after_fen: i64,
    /// The amount posted, in memos the amount asked: see [`Self::amount_fen`]. Of what may be priced the pricing stands in the high
    /// half, and whether it counts in a window in the low one's highest bit, for an amount of one request fits into the rest.
    pub(super) amounts: i64,
    /// The sequence; 0 = this place is empty.
    pub sequence: u32,
    /// The account debited (in memos the person concerned).
    pub debit: LedgerAccount,
    /// The account credited.
    pub credit: LedgerAccount,
    /// The epoch.
    pub epoch: u16,
    /// The result code's number.
    pub code: u16,
    /// The day it counts in.
    pub limit_day: u16,
    /// Channel and wallet, as in the record.
    pub channel_wallet: u8,
    /// The record's kind; none where the place is empty. A [`RecordKind::ReversalBeforeOriginal`] under the original's identity is its
    /// tombstone; under its own identity it is a reversal's outcome. [`OutcomeMarks::TOMBSTONE`] tells them apart.
    pub kind: Option<RecordKind>,
    /// What has become of it since.
    pub marks: OutcomeMarks,
    /// How much of a debit's amount was subsidy, in fen, little-endian: see
    /// [`super::limits::SUBSIDY_FEN_MAX`].
    pub subsidy: [u8; 3],
}

/// A place of the ring: one cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
struct Place(RememberedOutcome);

const _: () = assert!(size_of::<Place>() == 64 * RING_LINES_MAX);

impl RememberedOutcome {
    pub(super) const EMPTY: RememberedOutcome = RememberedOutcome {
        record: 0,
        time_ns: 0,
        digest: 0,
        balance_after_fen: 0,
        sequence: 0,
        amounts: 0,
        debit: LedgerAccount::NONE,
        credit: LedgerAccount::NONE,
        epoch: 0,
        code: 0,
        limit_day: 0,
        channel_wallet: 0,
        kind: None,
        marks: OutcomeMarks(0),
        subsidy: [0; 3],
    };

    /// True when it was reversed, before it came or since.
    pub const fn is_gone(&self) -> bool {
        self.marks.has(OutcomeMarks::REVERSED.with(OutcomeMarks::TOMBSTONE))
    }

    /// True when no outcome stands here: the sale's reversal came first.
    pub const fn is_tombstone(&self) -> bool {
        self.marks.has(OutcomeMarks::TOMBSTONE)
    }

    /// The amount posted, which is what a till asked for; in memos the amount asked.
    pub const fn amount_fen(&self) -> i64 {
        if self.may_be_priced() { self.amounts & (COUNTED - 1) } else { self.amounts }
    }

    /// What was posted on top of it, or came back with it: a surcharge, or below zero a discount.
    pub const fn pricing_fen(&self) -> i64 {
        if self.may_be_priced() { self.amounts >> 32 } else { 0 }
    }

    /// What the person paid, or got back.
    pub const fn total_fen(&self) -> i64 {
        self.amount_fen() + self.pricing_fen()
    }

    /// Whether it is a debit that counts in the window of a meal.
    pub(super) const fn is_counted(&self) -> bool {
        self.may_be_priced() && self.amounts & COUNTED != 0
    }

    /// The same with so much of pricing, counted in a window or not. Of what is never priced there is neither.
    pub(super) const fn with_terms(self, pricing_fen: i64, is_counted: bool) -> RememberedOutcome {
        let counted = if is_counted { COUNTED } else { 0 };
        RememberedOutcome { amounts: pricing_fen << 32 | counted | self.amount_fen(), ..self }
    }

    const fn may_be_priced(&self) -> bool {
        matches!(
            self.kind,
            Some(RecordKind::FullDebit | RecordKind::FullReversal | RecordKind::Void | RecordKind::Refund)
        )
    }

    /// How much of a debit's amount was subsidy.
    pub const fn subsidy_fen(&self) -> i64 {
        let [low, middle, high] = self.subsidy;
        i64::from_le_bytes([low, middle, high, 0, 0, 0, 0, 0])
    }

    /// True when the outcome was a posting.
    pub fn is_posting(&self) -> bool {
        self.kind.is_some_and(RecordKind::is_posting)
    }
}

/// The ring. The place of a sequence is the sequence modulo the length; the newer identity keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeRing {
    places: Box<[Place]>,
}

impl OutcomeRing {
    /// `length` is a power of two.
    pub(super) fn new(length: usize) -> Self {
        Self { places: vec![Place(RememberedOutcome::EMPTY); length].into_boxed_slice() }
    }

    fn place(&self, sequence: Sequence) -> usize {
        sequence.0 as usize & (self.places.len() - 1)
    }

    /// The outcome of this identity, if it is still there.
    #[inline]
    pub fn get(&self, epoch: Epoch, sequence: Sequence) -> Option<&RememberedOutcome> {
        let held = &self.places[self.place(sequence)];
        looks_at(held);
        let Place(place) = held;
        (place.sequence == sequence.0 && place.epoch == epoch.0 && sequence.0 != 0).then_some(place)
    }

    pub(super) fn get_mut(&mut self, epoch: Epoch, sequence: Sequence) -> Option<&mut RememberedOutcome> {
        let at = self.place(sequence);
        let held = &mut self.places[at];
        looks_at(held);
        let Place(place) = held;
        (place.sequence == sequence.0 && place.epoch == epoch.0 && sequence.0 != 0).then_some(place)
    }

    /// Remembers an outcome, unless a newer identity has the place: then the log remembers it.
    #[inline]
    pub(super) fn put(&mut self, outcome: &RememberedOutcome) {
        let at = self.place(Sequence(outcome.sequence));
        let held = &mut self.places[at];
        looks_at(held);
        let Place(place) = held;
        if (outcome.epoch, outcome.sequence) >= (place.epoch, place.sequence) {
            *place = *outcome;
        }
    }

    /// Remembers the outcome of the newest identity that the till ever had, whatever has the place: it is older. Its line
    /// is written without being read, so nothing waits for it.
    #[inline]
    pub(super) fn put_newest(&mut self, outcome: &RememberedOutcome) {
        let at = self.place(Sequence(outcome.sequence));
        let held = &mut self.places[at];
        looks_at(held);
        let Place(place) = held;
        *place = *outcome;
    }

    /// Everything that is remembered, in order of place.
    pub fn remembered(&self) -> impl Iterator<Item = &RememberedOutcome> {
        self.places.iter().map(|Place(place)| place).filter(|place| place.sequence != 0)
    }

    /// How many outcomes it can hold.
    pub fn capacity(&self) -> usize {
        self.places.len()
    }

    /// Asks for the line of a sequence's place.
    #[inline]
    pub(super) fn prefetch(&self, sequence: Sequence) {
        prefetch(&self.places[self.place(sequence)]);
    }
}

/// The amount of what may be priced, and its pricing, have 32 bits each.
const _: () = assert!(super::limits::AMOUNT_FEN_MAX < 1 << 31);
