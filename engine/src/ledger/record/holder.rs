//! Records of an account's holder: the query password set, a virtual card bound and unbound, a phone number told, the card
//! reported lost and found again.
//!
//! Each begins with the money record of who asked; it moves nothing, its amount is 0, its debit is the person. No record holds a
//! password, a phone number or a name: the vault's number of a hash, and digests.
//!
//! ```text
//! password set     money 80 │ password u64                                                          = 88
//! virtual bound    money 80 │ virtual_id u64 │ 88 old u64 │ 96 void_to_step u32 │ 100 zero, 4 bytes = 104
//! virtual unbound  money 80 │ virtual_id u64 │ 88 void_to_step u32 │ 92 zero, 4 bytes                = 96
//! phone set        money 80 │ virtual_id u64 │ 88 phone u64                                         = 96
//! loss             money 80 │ card_uid u64                                                          = 88
//! ```

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MoneyRecord, Payload};

/// An account gets a query password, in the place of the one that it has. No till sent it when an import did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PasswordSetRecord {
    /// Who asked, and whose password it is.
    pub money: MoneyRecord,
    /// The number under which the vault has its hash; not 0.
    pub password: U64,
}

const _: () = assert!(size_of::<PasswordSetRecord>() == 88);

/// A virtual card is bound to an account, in the place of the one that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct VirtualBoundRecord {
    /// Who asked, and whose account.
    pub money: MoneyRecord,
    /// The virtual card; not 0.
    pub virtual_id: U64,
    /// The virtual card until now; 0 = none.
    pub old: U64,
    /// The account's payment codes up to this time step are void; 0 = none is.
    pub void_to_step: U32,
    /// Zero.
    pub reserved: U32,
}

const _: () = assert!(size_of::<VirtualBoundRecord>() == 104);

/// A virtual card is bound to its account no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct VirtualUnboundRecord {
    /// Who asked, and whose account.
    pub money: MoneyRecord,
    /// The virtual card.
    pub virtual_id: U64,
    /// The account's payment codes up to this time step are void.
    pub void_to_step: U32,
    /// Zero.
    pub reserved: U32,
}

const _: () = assert!(size_of::<VirtualUnboundRecord>() == 96);

/// The holder of a virtual card has this phone number from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PhoneSetRecord {
    /// Who asked, and whose account.
    pub money: MoneyRecord,
    /// The virtual card.
    pub virtual_id: U64,
    /// The digest of the phone number; not 0.
    pub phone: U64,
}

const _: () = assert!(size_of::<PhoneSetRecord>() == 96);

/// An account's current card is reported lost, or found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct LossRecord {
    /// Who asked, and whose card it is.
    pub money: MoneyRecord,
    /// The card.
    pub card_uid: U64,
}

const _: () = assert!(size_of::<LossRecord>() == 88);

impl Payload for PasswordSetRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Payload for VirtualBoundRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Payload for VirtualUnboundRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Payload for PhoneSetRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Payload for LossRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}
