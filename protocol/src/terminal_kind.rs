//! What a terminal is, and so which commands it may send.

/// The kind of a terminal. Numbers are on the wire and in the log; they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TerminalKind {
    /// A till of a canteen or shop.
    PointOfSale = 1,
    /// A water tap.
    Water = 2,
    /// A shower meter.
    Shower = 3,
    /// A door reader.
    Door = 4,
    /// The gateway that speaks for the phone app and the payment channels.
    PhoneGateway = 5,
    /// A service counter, where money is paid in.
    Counter = 6,
    /// An operator of the card centre: freezes accounts, sets limits.
    CardCentre = 7,
    /// An operator of finance: adjusts balances, pays subsidies.
    Finance = 8,
    /// An operator who only reads.
    Auditor = 9,
    /// An operator who may do what any other may.
    Administrator = 10,
}

impl TerminalKind {
    /// Every kind.
    pub const ALL: [TerminalKind; 10] = [
        TerminalKind::PointOfSale,
        TerminalKind::Water,
        TerminalKind::Shower,
        TerminalKind::Door,
        TerminalKind::PhoneGateway,
        TerminalKind::Counter,
        TerminalKind::CardCentre,
        TerminalKind::Finance,
        TerminalKind::Auditor,
        TerminalKind::Administrator,
    ];

    /// The kind with this number, if there is one.
    pub const fn from_number(number: u8) -> Option<TerminalKind> {
        match number {
            1..=10 => Some(TerminalKind::ALL[number as usize - 1]),
            _ => None,
        }
    }

    /// The number on the wire and in the log.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name as it stands in configuration files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            TerminalKind::PointOfSale => "point-of-sale",
            TerminalKind::Water => "water",
            TerminalKind::Shower => "shower",
            TerminalKind::Door => "door",
            TerminalKind::PhoneGateway => "phone-gateway",
            TerminalKind::Counter => "counter",
            TerminalKind::CardCentre => "card-centre",
            TerminalKind::Finance => "finance",
            TerminalKind::Auditor => "auditor",
            TerminalKind::Administrator => "administrator",
        }
    }

    /// True for an operator: not a machine, but one person with a key of his own, and a role that the kind names.
    pub const fn is_operator(self) -> bool {
        matches!(
            self,
            TerminalKind::CardCentre
                | TerminalKind::Finance
                | TerminalKind::Auditor
                | TerminalKind::Administrator
        )
    }

    /// The kind with this name, if there is one.
    pub fn from_name(name: &str) -> Option<TerminalKind> {
        TerminalKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A set of terminal kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalKinds(u16);

impl TerminalKinds {
    /// Every kind.
    pub const ALL: TerminalKinds = TerminalKinds::of(&TerminalKind::ALL);

    /// Exactly these kinds.
    pub const fn of(kinds: &[TerminalKind]) -> TerminalKinds {
        let mut bits = 0;
        let mut index = 0;
        while index < kinds.len() {
            bits |= 1 << kinds[index].number();
            index += 1;
        }
        TerminalKinds(bits)
    }

    /// True when the kind is in the set.
    pub const fn contains(self, kind: TerminalKind) -> bool {
        self.0 & (1 << kind.number()) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_round_trip() {
        for kind in TerminalKind::ALL {
            assert_eq!(TerminalKind::from_number(kind.number()), Some(kind));
            assert_eq!(TerminalKind::from_name(kind.name()), Some(kind));
            assert!(TerminalKinds::ALL.contains(kind));
        }
        assert_eq!(TerminalKind::from_number(0), None);
        assert_eq!(TerminalKind::from_number(11), None);
        let one = TerminalKinds::of(&[TerminalKind::Door]);
        assert!(one.contains(TerminalKind::Door) && !one.contains(TerminalKind::Water));
    }
}
