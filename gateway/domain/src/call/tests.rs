//! Stories of the machine.
