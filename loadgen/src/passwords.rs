//! The query passwords of people: six digits that follow from the account, and are sealed when their frame is.

use protocol::ids::AccountId;
use protocol::keys::Key128;
use protocol::password::{Password, SealedPassword};
use protocol::request::{AccountPassword, PasswordDebit, Request, VirtualBind};

/// A person's password in a request that isn't sealed yet: the account's number, marked.
pub(crate) fn unsealed(account: AccountId) -> SealedPassword {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&account.0.to_le_bytes());
    SealedPassword(bytes)
}

/// The request as it is sent: a password is sealed under the session's key, with a salt of its own each time.
pub(crate) fn sealed<'a>(request: &Request<'a>, key: impl FnOnce() -> Key128, salt: u64) -> Request<'a> {
    let seal = |unsealed: SealedPassword, key: Key128| {
        let [a, b, c, d, ..] = unsealed.0;
        let account = u32::from_le_bytes([a, b, c, d]);
        let password = Password::new(&format!("{:06}", account % 1_000_000)).expect("six digits");
        password.seal(&key, salt.to_le_bytes())
    };
    let of_account =
        |body: &AccountPassword, key| AccountPassword { password: seal(body.password, key), ..*body };
    match request {
        Request::PasswordSet(body) => Request::PasswordSet(of_account(body, key())),
        Request::LossReport(body) => Request::LossReport(of_account(body, key())),
        Request::LossLift(body) => Request::LossLift(of_account(body, key())),
        Request::VirtualBind(body) => {
            Request::VirtualBind(VirtualBind { password: seal(body.password, key()), ..*body })
        }
        Request::PasswordDebit(body) => {
            Request::PasswordDebit(PasswordDebit { password: seal(body.password, key()), ..*body })
        }
        other => *other,
    }
}
