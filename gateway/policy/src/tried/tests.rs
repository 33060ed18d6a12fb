//! Every test of every sample policy passes, and a wrong expectation is told.
