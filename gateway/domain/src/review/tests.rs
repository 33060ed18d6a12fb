//! Stories of a review.
