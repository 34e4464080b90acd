//! What befell which kind of request on the network: each that has an identity must have met every mishap.

use std::collections::BTreeMap;

use super::ask::Ask;

/// What the network does to a request, or to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Mishap {
    /// It never came.
    Lost,
    /// It was decided, and nobody was told.
    AnswerLost,
    /// The till sent it again.
    Twice,
    /// A copy came when nobody waited for it any more.
    Late,
    /// A copy came behind later requests of the same till.
    Reordered,
}

impl Mishap {
    const ALL: [(Mishap, &'static str); 5] = [
        (Mishap::Lost, "lost"),
        (Mishap::AnswerLost, "answer lost"),
        (Mishap::Twice, "twice"),
        (Mishap::Late, "late"),
        (Mishap::Reordered, "reordered"),
    ];
}

/// How often each befell each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mishaps {
    by_kind: BTreeMap<String, [u64; Mishap::ALL.len()]>,
}

impl Mishaps {
    /// Counts one. What has no identity isn't counted: a session's own counter keeps copies of it out.
    pub fn count(&mut self, ask: &Ask, mishap: Mishap) {
        if ask.is_money() {
            self.by_kind.entry(kind_of(ask)).or_default()[mishap as usize] += 1;
        }
    }

    pub fn add(&mut self, other: &Mishaps) {
        for (kind, counts) in &other.by_kind {
            let sums = self.by_kind.entry(kind.clone()).or_default();
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }

    /// A line a kind, under their heading.
    pub fn lines(&self) -> Vec<String> {
        let columns = |cells: [String; Mishap::ALL.len()]| cells.map(|cell| format!("{cell:>12}")).concat();
        let heading = format!("{:14}{}", "", columns(Mishap::ALL.map(|(_, name)| name.to_owned())));
        let lines = self
            .by_kind
            .iter()
            .map(|(kind, counts)| format!("{kind:14}{}", columns(counts.map(|count| count.to_string()))));
        core::iter::once(heading).chain(lines).collect()
    }

    /// What never happened, in words.
    pub fn never(&self) -> Vec<String> {
        let cells = self.by_kind.iter().flat_map(|(kind, counts)| {
            let named = Mishap::ALL.into_iter().filter(|(mishap, _)| counts[*mishap as usize] == 0);
            named.map(move |(_, name)| format!("{kind} {name}"))
        });
        cells.collect()
    }
}

/// The kind's name: that of its variant.
fn kind_of(ask: &Ask) -> String {
    let text = format!("{ask:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use protocol::ids::AccountId;

    use super::*;

    #[test]
    fn what_never_happened_is_told() {
        let revoke = Ask::Revoke { account: AccountId(3) };
        let mut mishaps = Mishaps::default();
        mishaps.count(&Ask::Balance { account: AccountId(3) }, Mishap::Lost);
        assert_eq!(mishaps.never(), [""; 0]);
        for mishap in [Mishap::Lost, Mishap::AnswerLost, Mishap::Late, Mishap::Reordered] {
            mishaps.count(&revoke, mishap);
        }
        assert_eq!(mishaps.never(), ["Revoke twice"]);
        let mut sum = Mishaps::default();
        sum.add(&mishaps);
        sum.count(&revoke, Mishap::Twice);
        assert_eq!(sum.never(), [""; 0]);
        assert!(sum.lines()[0].contains("answer lost"));
        assert!(sum.lines()[1].starts_with("Revoke"));
    }
}
