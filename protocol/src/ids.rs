//! Identifiers that travel on the wire and stand in the log: newtypes, so that none is taken for another.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A point-of-sale terminal ("till"): card readers, water taps, door readers and the phone gateway too.
    TerminalId(u32)
}
id! {
    /// A till's epoch: counts its factory resets and counter wraps. A new epoch opens a new run of sequences.
    Epoch(u16)
}
id! {
    /// A till's own gap-free counter of money requests, from 1. With terminal and epoch, the identity of a sale.
    Sequence(u32)
}
id! {
    /// Chosen by the client for each frame and echoed in its answer; means nothing to the server.
    RequestId(u32)
}
id! {
    /// The number a physical card shows to a reader. A card's number isn't its holder's student number.
    CardUid(u64)
}
id! {
    /// A card's own transaction counter: the chip raises it with every transaction.
    CardCounter(u32)
}
id! {
    /// A merchant: who is owed the money of a debit.
    MerchantId(u32)
}
id! {
    /// An account's number inside this system, dense from 0. Student numbers are text and map to it.
    AccountId(u32)
}
id! {
    /// Position of a record in the log, dense from 1. 0 means "none".
    RecordNumber(u64)
}
id! {
    /// A business (finance) date as days since 2000-01-01.
    BusinessDate(u16)
}

id! {
    /// A virtual card: a digest of the id under which the phone's app knows its user. See [`crate::holder_digest`].
    VirtualId(u64)
}
id! {
    /// A digest of a phone number, which is kept nowhere itself. See [`crate::holder_digest`].
    PhoneDigest(u64)
}

/// The identity of a sale, across retries, channels and reversals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SaleId {
    /// The till that counted it.
    pub terminal: TerminalId,
    /// The till's epoch when it counted.
    pub epoch: Epoch,
    /// The till's counter.
    pub sequence: Sequence,
}

impl fmt::Display for SaleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.terminal, self.epoch, self.sequence)
    }
}
