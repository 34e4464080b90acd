//! Processor time of a server between the two edges of the measured time.

use std::time::Duration;

use crate::processor_time;

/// Read at each edge.
pub struct ProcessorWindow {
    processes: Vec<u32>,
    readings: Vec<Duration>,
}

impl ProcessorWindow {
    /// Of these processes and their children.
    pub fn of(processes: Vec<u32>) -> ProcessorWindow {
        ProcessorWindow { processes, readings: Vec::with_capacity(2) }
    }

    /// Reads. A process that is gone has no reading; the run fails by its connections then.
    pub fn read(&mut self) {
        self.readings.extend(processor_time::of(&self.processes));
    }

    /// Microseconds for each of so many debits between the first reading and the second; 0 when one is missing.
    pub fn us_for_each(&self, debits: u64) -> f64 {
        match self.readings[..] {
            [begin, end] => (end.saturating_sub(begin)).as_secs_f64() * 1e6 / debits.max(1) as f64,
            _ => 0.0,
        }
    }
}
