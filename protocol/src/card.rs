//! What a service counter does with physical cards: small numbers shared by wire and log.

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
