//! The body of a request, held to a pace: a sender that pauses too long, or takes too long in all,
//! holds no connection, no memory and no caller's turn.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::Error;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

/// The sender was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body came too slowly")]
pub struct TooSlow;

/// How fast a body must come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Longest pause.
    pub pause: Duration,
    /// Longest time in all.
    pub whole: Duration,
}

/// A body that must keep that pace.
#[derive(Debug)]
pub struct Paced {
    body: Incoming,
    pace: Pace,
    /// Run only while something is waited for; most bodies are there at once.
    pause: Option<Pin<Box<Sleep>>>,
    whole: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    /// Of a request that just came.
    pub const fn new(body: Incoming, pace: Pace) -> Self {
        Self { body, pace, pause: None, whole: None }
    }

    /// Whether a time is over.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let Pace { pause, whole } = self.pace;
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(pause)));
        let whole = self.whole.get_or_insert_with(|| Box::pin(sleep(whole)));
        let late = |timer: &mut Pin<Box<Sleep>>, context: &mut Context<'_>| {
            timer.as_mut().poll(context).is_ready()
        };
        // Both are asked: each must wake us.
        let (pause, whole) = (late(pause, context), late(whole, context));
        pause || whole
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_pending() && self.is_late(context) {
            return Poll::Ready(Some(Err(Error::new(TooSlow))));
        }
        let frame = ready!(polled);
        self.pause = None;
        Poll::Ready(frame.map(|frame| frame.map_err(Error::new)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether that is why a body was not read.
pub fn was_too_slow(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
}
