//! How a request names an account.
//!
//! ```text
//! 0 by u8   1 zero, 7 bytes   8 value, 16 bytes: u32, u64 or text, closed by zero bytes
//! ```

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{AccountId, CardUid};
use crate::message::field::{field, text, zero};
use crate::text::StudentNumber;

/// How a request names an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountSelector {
    /// By its number in this system.
    Account(AccountId),
    /// By the card that is bound to it.
    Card(CardUid),
    /// By the holder's student or staff number.
    Student(StudentNumber),
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SelectorLayout {
    by: u8,
    reserved: [u8; 7],
    value: [u8; 16],
}

const _: () = assert!(size_of::<SelectorLayout>() == 24);

const BY_ACCOUNT: u8 = 1;
const BY_CARD: u8 = 2;
const BY_STUDENT: u8 = 3;

impl SelectorLayout {
    /// A selector is always the first field of its body.
    pub(crate) fn read(&self) -> Result<AccountSelector, DecodeError> {
        zero(&self.reserved, 1)?;
        match self.by {
            BY_ACCOUNT => {
                let (number, rest) = self.value.split_at(4);
                zero(rest, 12)?;
                Ok(AccountSelector::Account(AccountId(u32::from_le_bytes(
                    number.try_into().expect("split at four"),
                ))))
            }
            BY_CARD => {
                let (number, rest) = self.value.split_at(8);
                zero(rest, 16)?;
                Ok(AccountSelector::Card(CardUid(u64::from_le_bytes(
                    number.try_into().expect("split at eight"),
                ))))
            }
            BY_STUDENT => Ok(AccountSelector::Student(text(self.value, 8)?)),
            other => Err(field(0, other)),
        }
    }

    pub(crate) fn write(selector: &AccountSelector) -> SelectorLayout {
        let mut value = [0; 16];
        let by = match selector {
            AccountSelector::Account(account) => {
                value[..4].copy_from_slice(&account.0.to_le_bytes());
                BY_ACCOUNT
            }
            AccountSelector::Card(card) => {
                value[..8].copy_from_slice(&card.0.to_le_bytes());
                BY_CARD
            }
            AccountSelector::Student(number) => {
                value = *number.as_bytes();
                BY_STUDENT
            }
        };
        SelectorLayout { by, reserved: [0; 7], value }
    }
}
