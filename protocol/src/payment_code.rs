//! The payment code (付款码): 20 decimal digits that name an account for a minute, once.
//!
//! The digits write one number below 2⁶⁶, leading zeros kept. From its highest bit:
//!
//! ```text
//! │ key id 2 │ account 26 │ time step mod 16: 4 │ nonce 4 │ MAC 30 │
//!  65         63           37                     33        29    0
//! ```
//!
//! A time step is 30 s of Unix time. A code is live in its own step, one before and one after: a phone's clock may
//! be half a minute off. MAC = the first 4 bytes of AES-CMAC as a little-endian number, its low 30 bits, under
//! the code key over 16 bytes: time step u64, account u32, key id u8, nonce u8, `P`, `C`.
//!
//! The key id is the version of the code key modulo 4: keys change while codes are shown, and a code says which of the latest
//! four it was made under.
//!
//! **Invariant**: nothing but an authentic, live code says which account it is for. Single use isn't judged here:
//! the ledger keeps the used nonces of each account's live steps. Thirty bits hold only with a lock on guessing,
//! which the ledger keeps too.

use crate::ids::AccountId;
use crate::keys::Key128;
use crate::mac::Cmac128;

/// Digits of a code.
pub const CODE_DIGITS: usize = 20;
/// Length of a time step, in nanoseconds.
pub const STEP_NS: u64 = 30_000_000_000;
/// Steps before and after the current one whose codes are taken.
pub const LIVE_STEPS_EACH_WAY: u64 = 1;
/// Highest account number that fits a code.
pub const CODE_ACCOUNT_MAX: u32 = (1 << ACCOUNT_BITS) - 1;
/// Highest nonce that fits a code.
pub const CODE_NONCE_MAX: u8 = (1 << NONCE_BITS) - 1;
/// Highest key id that fits a code.
pub const CODE_KEY_ID_MAX: u8 = (1 << KEY_ID_BITS) - 1;

const KEY_ID_BITS: u32 = 2;
const ACCOUNT_BITS: u32 = 26;
const STEP_BITS: u32 = 4;
const NONCE_BITS: u32 = 4;
const MAC_BITS: u32 = 30;

const NONCE_SHIFT: u32 = MAC_BITS;
const STEP_SHIFT: u32 = NONCE_SHIFT + NONCE_BITS;
const ACCOUNT_SHIFT: u32 = STEP_SHIFT + STEP_BITS;
const KEY_ID_SHIFT: u32 = ACCOUNT_SHIFT + ACCOUNT_BITS;
const CODE_BITS: u32 = KEY_ID_SHIFT + KEY_ID_BITS;
const STEPS_TOLD_APART: u64 = 1 << STEP_BITS;
const KEYS_TOLD_APART: u32 = 1 << KEY_ID_BITS;

const _: () = assert!(CODE_BITS == 66 && (1_u128 << CODE_BITS) < 100_000_000_000_000_000_000);

/// Why a code can't be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key id, account or nonce doesn't fit a payment code")]
pub struct DoesNotFit;

/// Why digits are no code at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseCodeError {
    /// Not exactly 20 ASCII digits.
    #[error("a payment code is 20 digits")]
    NotDigits,
    /// The number is above every code.
    #[error("the number is above every payment code")]
    OutOfRange,
}

/// Why a code isn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    /// The MAC is wrong, or the code is older than about seven minutes.
    #[error("the payment code isn't authentic")]
    NotAuthentic,
    /// The MAC is right, the time isn't: a code from an earlier step.
    #[error("the payment code's time has passed")]
    Expired,
}

/// The parts of a code, none of them to be trusted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedCode {
    key_id: u8,
    account: AccountId,
    step_low: u8,
    nonce: u8,
    mac: u32,
}

/// What an authentic, live code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AuthenticCode {
    /// Whose code it is.
    pub account: AccountId,
    /// The time step it was issued for: Unix time / 30 s.
    pub step: u64,
    /// Which of the account's codes of that step, 0 to 15. With account and step, what single use is kept by.
    pub nonce: u8,
}

/// The time step of a moment, in nanoseconds since 1970 UTC.
pub const fn step_at(time_ns: u64) -> u64 {
    time_ns / STEP_NS
}

/// The key id of the codes made under this version of the code key.
pub const fn key_id_of(key_version: u32) -> u8 {
    (key_version % KEYS_TOLD_APART) as u8
}

/// The newest version of the code key, `current` or before it, whose codes have this key id; `None` when there was none.
pub const fn key_version_of(key_id: u8, current: u32) -> Option<u32> {
    let behind = current.wrapping_sub(key_id as u32) % KEYS_TOLD_APART;
    current.checked_sub(behind)
}

/// Writes a code.
///
/// # Errors
/// [`DoesNotFit`] when key id, account or nonce is above its maximum.
pub fn issue(
    key: &Key128,
    key_id: u8,
    account: AccountId,
    step: u64,
    nonce: u8,
) -> Result<[u8; CODE_DIGITS], DoesNotFit> {
    if key_id > CODE_KEY_ID_MAX || account.0 > CODE_ACCOUNT_MAX || nonce > CODE_NONCE_MAX {
        return Err(DoesNotFit);
    }
    let mut number = u128::from(key_id) << KEY_ID_SHIFT
        | u128::from(account.0) << ACCOUNT_SHIFT
        | u128::from(step % STEPS_TOLD_APART) << STEP_SHIFT
        | u128::from(nonce) << NONCE_SHIFT
        | u128::from(code_mac(&mut Cmac128::new(key), key_id, account, step, nonce));
    let mut digits = [b'0'; CODE_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    Ok(digits)
}

/// Takes the parts out of a code.
///
/// # Errors
/// [`ParseCodeError`]: not 20 digits, or a number above every code.
pub fn parse(digits: &[u8]) -> Result<ParsedCode, ParseCodeError> {
    if digits.len() != CODE_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ParseCodeError::NotDigits);
    }
    let number = digits.iter().fold(0_u128, |number, &digit| number * 10 + u128::from(digit - b'0'));
    if number >> CODE_BITS != 0 {
        return Err(ParseCodeError::OutOfRange);
    }
    let bits = |shift: u32, width: u32| ((number >> shift) as u32) & ((1 << width) - 1);
    Ok(ParsedCode {
        key_id: bits(KEY_ID_SHIFT, KEY_ID_BITS) as u8,
        account: AccountId(bits(ACCOUNT_SHIFT, ACCOUNT_BITS)),
        step_low: bits(STEP_SHIFT, STEP_BITS) as u8,
        nonce: bits(NONCE_SHIFT, NONCE_BITS) as u8,
        mac: bits(0, MAC_BITS),
    })
}

impl ParsedCode {
    /// Which code key it claims, 0 to 3.
    pub const fn key_id(&self) -> u8 {
        self.key_id
    }

    /// Judges the code at a moment, in nanoseconds since 1970 UTC. One MAC, whatever the answer.
    ///
    /// `key` is the prepared code key of [`ParsedCode::key_id`].
    ///
    /// # Errors
    /// [`CodeRefusal`]: not authentic, or expired.
    pub fn authenticate(&self, key: &mut Cmac128, now_ns: u64) -> Result<AuthenticCode, CodeRefusal> {
        let now = step_at(now_ns);
        let newest = now + LIVE_STEPS_EACH_WAY;
        // The code carries four bits of its step: of the sixteen steps up to the newest live one, one has them.
        let behind = newest.wrapping_sub(u64::from(self.step_low)) % STEPS_TOLD_APART;
        let step = newest.checked_sub(behind).ok_or(CodeRefusal::NotAuthentic)?;
        if code_mac(key, self.key_id, self.account, step, self.nonce) ^ self.mac != 0 {
            return Err(CodeRefusal::NotAuthentic);
        }
        if step + LIVE_STEPS_EACH_WAY < now {
            return Err(CodeRefusal::Expired);
        }
        Ok(AuthenticCode { account: self.account, step, nonce: self.nonce })
    }
}

fn code_mac(key: &mut Cmac128, key_id: u8, account: AccountId, step: u64, nonce: u8) -> u32 {
    let mut input = [0; 16];
    input[..8].copy_from_slice(&step.to_le_bytes());
    input[8..12].copy_from_slice(&account.0.to_le_bytes());
    input[12..].copy_from_slice(&[key_id, nonce, b'P', b'C']);
    let mac = key.compute_truncated(&input);
    u32::from_le_bytes([mac[0], mac[1], mac[2], mac[3]]) & ((1 << MAC_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key128 = Key128::new([0x42; 16]);

    fn judge(digits: &[u8], step: u64) -> Result<AuthenticCode, CodeRefusal> {
        parse(digits).expect("digits").authenticate(&mut Cmac128::new(&KEY), step * STEP_NS + STEP_NS / 2)
    }

    #[test]
    fn lives_three_steps_and_tells_expired_from_forged() {
        for (key_id, account, step, nonce) in
            [(0, 0, 0, 0), (3, CODE_ACCOUNT_MAX, 57_000_000, 15), (1, 30_000, 58_666_015, 7)]
        {
            let digits = issue(&KEY, key_id, AccountId(account), step, nonce).expect("fits");
            let parsed = parse(&digits).expect("digits");
            assert_eq!(parsed.key_id(), key_id);
            let authentic = AuthenticCode { account: AccountId(account), step, nonce };
            for now in [step.saturating_sub(1), step, step + 1] {
                assert_eq!(judge(&digits, now), Ok(authentic), "at step {now}");
            }
            for now in step + 2..=step + 14 {
                assert_eq!(judge(&digits, now), Err(CodeRefusal::Expired), "at step {now}");
            }
            assert_eq!(judge(&digits, step + 15), Err(CodeRefusal::NotAuthentic));
            if step >= 2 {
                assert_eq!(judge(&digits, step - 2), Err(CodeRefusal::NotAuthentic));
            }
        }
    }

    #[test]
    fn any_changed_digit_is_refused() {
        let step = 58_666_015;
        let digits = issue(&KEY, 2, AccountId(123_456), step, 3).expect("fits");
        for place in 0..CODE_DIGITS {
            for digit in b'0'..=b'9' {
                let mut changed = digits;
                changed[place] = digit;
                if changed != digits {
                    let refused = parse(&changed).map_or(true, |code| {
                        code.authenticate(&mut Cmac128::new(&KEY), step * STEP_NS).is_err()
                    });
                    assert!(refused, "digit {place} isn't covered");
                }
            }
        }
    }

    #[test]
    fn a_key_id_is_that_of_the_newest_version_that_has_it() {
        for current in 0..10_u32 {
            for version in current.saturating_sub(3)..=current {
                assert_eq!(key_version_of(key_id_of(version), current), Some(version));
            }
        }
        assert_eq!((key_version_of(1, 0), key_version_of(3, 2)), (None, None));
        assert_eq!(key_version_of(0, u32::MAX), Some(u32::MAX - 3));
    }

    #[test]
    fn bounds() {
        assert_eq!(parse(b"0123456789"), Err(ParseCodeError::NotDigits));
        assert_eq!(parse(b"0123456789012345678x"), Err(ParseCodeError::NotDigits));
        assert_eq!(parse(b"73786976294838206464"), Err(ParseCodeError::OutOfRange));
        assert!(parse(b"73786976294838206463").is_ok());
        assert_eq!(issue(&KEY, 4, AccountId(0), 0, 0), Err(DoesNotFit));
        assert_eq!(issue(&KEY, 0, AccountId(CODE_ACCOUNT_MAX + 1), 0, 0), Err(DoesNotFit));
        assert_eq!(issue(&KEY, 0, AccountId(0), 0, 16), Err(DoesNotFit));
    }
}
