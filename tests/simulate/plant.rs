//! Bugs to plant, so that a simulation that finds nothing is known to be able to find something.

/// A bug between the clients and the engine, or under the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plant {
    /// None: the engine as it is.
    #[default]
    None,
    /// Some answers leave before their record is durable.
    AnswersEarly,
    /// Balances are told before the last record of the account is durable.
    ShowsEarly,
    /// A power failure takes the last block with it, though its write had returned.
    LosesBlock,
    /// A retried tap isn't recognised, and pays again.
    PaysTwice,
}

impl Plant {
    /// The bug with this name on the command line.
    pub fn from_name(name: &str) -> Option<Plant> {
        match name {
            "none" => Some(Plant::None),
            "answers-early" => Some(Plant::AnswersEarly),
            "shows-early" => Some(Plant::ShowsEarly),
            "loses-block" => Some(Plant::LosesBlock),
            "pays-twice" => Some(Plant::PaysTwice),
            _ => None,
        }
    }
}
