//! Small logs, settled.
