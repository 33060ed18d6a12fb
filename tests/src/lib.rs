//! The whole gateway, tested in-process.
