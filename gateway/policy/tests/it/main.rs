//! What the loader promises about whole workspaces, shown on files as authors write them.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "the search for bad inputs runs in processes of its own, by the clock and by hand"
)]
#![expect(clippy::print_stdout, reason = "what was tried and what was skipped is printed")]

mod corpus;
mod fuzz;
mod workspaces;
