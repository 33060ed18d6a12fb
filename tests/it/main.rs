//! Stories about the whole gateway, in one test binary: one link, one place to look.

mod tidy;
