//! Exit codes, and which one wins where several hold (docs/exit-codes.md).

/// What a run came to, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// All well; also "changes planned" without `--detailed-exitcode`.
    Success,
    /// Any error that has no code of its own.
    Error,
    /// `--detailed-exitcode`: the plan is not empty.
    Changes,
    /// Authentication or authorization.
    Denied,
    /// Apply finished and some changes failed.
    Partial,
    /// Refused: guard, policy, protection, missing approval.
    Refused,
    /// Applied, and work orders wait for a technician.
    Technician,
    /// `--expect-no-changes` was not met.
    Unexpected,
    /// Cancelled.
    Cancelled,
    /// Timed out.
    TimedOut,
    /// The saved plan is stale.
    Stale,
    /// `drift`: live differs from what was last applied.
    Drift,
    /// The lock is held.
    Locked,
    /// Usage.
    Usage,
    /// Invalid manifests.
    Invalid,
}

/// The first that holds wins. Usage stands alone: nothing else was tried.
const ORDER: [Exit; 15] = [
    Exit::Usage,
    Exit::Invalid,
    Exit::Locked,
    Exit::Denied,
    Exit::Stale,
    Exit::Refused,
    Exit::TimedOut,
    Exit::Cancelled,
    Exit::Partial,
    Exit::Error,
    Exit::Technician,
    Exit::Drift,
    Exit::Unexpected,
    Exit::Changes,
    Exit::Success,
];

impl Exit {
    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Denied => 3,
            Self::Partial => 4,
            Self::Refused => 5,
            Self::Technician => 6,
            Self::Unexpected => 7,
            Self::Cancelled => 8,
            Self::TimedOut => 9,
            Self::Stale => 10,
            Self::Drift => 11,
            Self::Locked => 12,
            Self::Usage => 64,
            Self::Invalid => 65,
        }
    }

    /// The one that wins.
    pub fn first(all: impl IntoIterator<Item = Self>) -> Self {
        let rank = |e: &Self| ORDER.iter().position(|o| o == e).unwrap_or(ORDER.len());
        all.into_iter().min_by_key(rank).unwrap_or(Self::Success)
    }
}
