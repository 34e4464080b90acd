//! Small logs, right and wrong, audited.
