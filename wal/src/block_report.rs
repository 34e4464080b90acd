//! What a block took on its way to the medium, for whoever measures.

/// A block that has just become durable. Times are [`Clock::monotonic_ns`](crate::Clock::monotonic_ns).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockReport {
    /// The block's last record.
    pub last_number: u64,
    /// Record groups in it.
    pub groups: u32,
    /// Records in it.
    pub records: u32,
    /// Bytes written for it, padding included.
    pub bytes: u32,
    /// When its first group was staged.
    pub begun_ns: u64,
    /// When a writer took it; until then it waited for the block in flight, or for somebody to commit.
    pub taken_ns: u64,
    /// When the medium said that it is durable.
    pub durable_ns: u64,
}
