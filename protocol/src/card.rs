//! What tills and service counters do with physical cards: small numbers shared by wire and log.

use crate::channel::numbered;

numbered! {
    /// What a card is issued as.
    CardKind {
        /// A person's own card.
        Standard = 1, "standard";
        /// A stand-in, for a while.
        Temporary = 2, "temporary";
        /// A visitor's.
        Visitor = 3, "visitor";
    }
}

/// What a card is given out as, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardTerms {
    /// What it is.
    pub kind: CardKind,
    /// The first day on which it isn't taken any more, in days since 2000-01-01 at +08:00; 0 = never.
    pub expires_day: u16,
}

impl CardTerms {
    /// A person's own card, for ever.
    pub const STANDARD: CardTerms = CardTerms { kind: CardKind::Standard, expires_day: 0 };
}

numbered! {
    /// Why a card is replaced.
    ReplaceReason {
        /// The holder lost it.
        Lost = 1, "lost";
        /// It can't be read any more.
        Broken = 2, "broken";
        /// The holder's number has changed.
        NumberChanged = 3, "number-changed";
    }
}

numbered! {
    /// How the holder of an account that is closed gets what was left in it.
    PayoutWay {
        /// In cash, over the counter.
        Cash = 1, "cash";
        /// To a bank account.
        Transfer = 2, "transfer";
    }
}

numbered! {
    /// What a till knows of a chip that it was to write.
    ChipWrite {
        /// Written, and read back.
        Written = 1, "written";
        /// Read back as it was before.
        NotWritten = 2, "not-written";
        /// The card was taken away: nobody knows.
        Unknown = 3, "unknown";
    }
}
