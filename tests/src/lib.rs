//! What the stories in `it/` stand on.
