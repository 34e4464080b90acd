//! Why a figure doesn't stand, and what a program ends with then.

use std::fmt;
use std::process::ExitCode;

use serde::{Serialize, Serializer};

/// The exit status of a run in which everything was right but some figures don't stand: the machine couldn't play what
/// was intended. (2 is that of wrong arguments.)
pub const EXIT_UNPLAYED: u8 = 3;

/// Why a figure doesn't stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Void {
    /// The machine was too slow to play what was intended; nobody's books are in question.
    Unplayed(String),
    /// What must never be: a debit refused, lost, or there twice, or a connection that broke.
    Wrong(String),
}

impl Void {
    /// Each of them as a wrong.
    pub fn wrongs(reasons: impl IntoIterator<Item = String>) -> impl Iterator<Item = Void> {
        reasons.into_iter().map(Void::Wrong)
    }

    /// The same reason, with where it came up before it.
    #[must_use]
    pub fn at(&self, place: &str) -> Void {
        match self {
            Void::Unplayed(reason) => Void::Unplayed(format!("{place}: {reason}")),
            Void::Wrong(reason) => Void::Wrong(format!("{place}: {reason}")),
        }
    }

    /// What a program ends with: 0 when all stands, [`EXIT_UNPLAYED`] when the machine alone was at fault, else 1.
    pub fn exit_code<'v>(voids: impl IntoIterator<Item = &'v Void>) -> ExitCode {
        let mut code = ExitCode::SUCCESS;
        for void in voids {
            match void {
                Void::Unplayed(_) => code = ExitCode::from(EXIT_UNPLAYED),
                Void::Wrong(_) => return ExitCode::FAILURE,
            }
        }
        code
    }
}

impl fmt::Display for Void {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Void::Unplayed(reason) | Void::Wrong(reason)) = self;
        f.write_str(reason)
    }
}

impl Serialize for Void {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_outweighs_what_was_unplayed() {
        let (late, wrong) = (Void::Unplayed("late".into()), Void::Wrong("lost".into()));
        assert_eq!(Void::exit_code([]), ExitCode::SUCCESS);
        assert_eq!(Void::exit_code([&late]), ExitCode::from(EXIT_UNPLAYED));
        assert_eq!(Void::exit_code([&wrong, &late]), ExitCode::FAILURE);
        assert_eq!(Void::exit_code([&late, &wrong]), ExitCode::FAILURE);
        assert_eq!(late.at("round 1").to_string(), "round 1: late");
    }
}
