//! What a run came to, in figures.

use std::collections::BTreeMap;

use super::{
    history::{Action, Operation, Outcome},
    nemesis::Felt,
    plan::{FAULTS, Kind},
};

/// How many operations ended how.
pub fn outcomes(history: &[Operation]) -> String {
    let count = |outcomes: &[Outcome]| {
        let such = history.iter().filter(|op| outcomes.contains(&op.outcome));
        such.count()
    };
    let reads = history
        .iter()
        .filter(|op| op.action == Action::Read)
        .count();
    format!(
        "{} operations acknowledged, {} failed, {} unknown; {reads} of all were reads",
        count(&[Outcome::Done, Outcome::Refused]),
        count(&[Outcome::Failed]),
        count(&[Outcome::Unknown]),
    )
}

/// How often each fault came, the longest time in which no client was served until the round was over, and
/// when that was: where it came alone, to a quorum at rest, and where it did not.
pub fn faults(history: &[Operation], felt: &[Felt], counts: &BTreeMap<Kind, usize>) -> String {
    let served = history.iter().filter(|operation| operation.is_served());
    let mut moments: Vec<u64> = served.map(|operation| operation.end_us).collect();
    moments.sort_unstable();
    // Gap, and when it began.
    let mut alone: BTreeMap<Kind, (u64, u64)> = BTreeMap::new();
    let (mut others, mut longest) = (0, (0, 0));
    for round in felt {
        let gap = longest_gap(&moments, round.from_us, round.to_us);
        let so_far = match round.kinds[..] {
            [kind] if round.settled => alone.entry(kind).or_default(),
            _ => {
                others += 1;
                &mut longest
            }
        };
        *so_far = gap.max(*so_far);
    }
    let line = |name: &str, times: usize, gap: Option<(u64, u64)>| {
        let gap = gap.map_or("-".to_owned(), |(gap_us, at_us)| {
            format!("{} ms at {:.1} s", gap_us / 1_000, at_us as f64 / 1e6)
        });
        format!("{name:<30} {times:>6}   {gap}\n")
    };
    let mut text = format!("{:<30} {:>6}   unavailable\n", "fault", "times");
    for (kind, name, ..) in FAULTS {
        let times = counts.get(kind).copied().unwrap_or_default();
        text += &line(name, times, alone.get(kind).copied());
    }
    text + &line("rounds of several, or unsettled", others, Some(longest))
}

/// Between two of these moments, the first and the last of the time; and when it began.
fn longest_gap(moments: &[u64], from: u64, to: u64) -> (u64, u64) {
    let within = moments.iter().filter(|moment| (from..to).contains(*moment));
    let mut all = vec![from];
    all.extend(within);
    all.push(to);
    let gaps = all.windows(2).map(|pair| (pair[1] - pair[0], pair[0]));
    gaps.max().unwrap_or_default()
}
