//! Flights that were begun or cancelled on this server, until their tickets expire.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::status::status;

/// Most flights that are remembered. Whoever has more of them under way gets no new ones for now.
const N_FLIGHTS_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Flights {
    by_id: Mutex<HashMap<u64, Flight>>,
}

#[derive(Debug)]
struct Flight {
    cancelled: CancellationToken,
    expires_at_ms: i64,
}

impl Flights {
    /// A stream of a flight begins; the answer tells when it is cancelled.
    ///
    /// # Errors
    /// `CANCELLED` if it was before; `RESOURCE_EXHAUSTED` if there are too many.
    pub(super) fn begin(&self, id: u64, expires_at_ms: i64, now_ms: i64) -> Result<CancellationToken, Status> {
        let token = self.token(id, expires_at_ms, now_ms)?;
        if token.is_cancelled() {
            let message = "the flight was cancelled; ask for another";
            return Err(status(Code::Cancelled, "CANCELLED", message, frazil_table::Advice::FixRequest));
        }
        Ok(token)
    }

    /// Ends all streams of a flight on this server, and refuses new ones.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` if there are too many.
    pub(super) fn cancel(&self, id: u64, expires_at_ms: i64, now_ms: i64) -> Result<(), Status> {
        self.token(id, expires_at_ms, now_ms)?.cancel();
        Ok(())
    }

    fn token(&self, id: u64, expires_at_ms: i64, now_ms: i64) -> Result<CancellationToken, Status> {
        let mut flights = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.len() >= N_FLIGHTS_MAX {
            flights.retain(|_, flight| flight.expires_at_ms >= now_ms);
        }
        if flights.len() >= N_FLIGHTS_MAX && !flights.contains_key(&id) {
            let message = "too many flights are under way; try again later";
            return Err(status(
                Code::ResourceExhausted,
                "FLIGHTS_EXHAUSTED",
                message,
                frazil_table::Advice::RetryLater,
            ));
        }
        let flight = flights.entry(id).or_insert_with(|| Flight { cancelled: CancellationToken::new(), expires_at_ms });
        // A renewed ticket lives longer.
        flight.expires_at_ms = flight.expires_at_ms.max(expires_at_ms);
        Ok(flight.cancelled.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_flight_ends_and_does_not_begin_again() {
        let flights = Flights::default();
        let first = flights.begin(1, 100, 0).unwrap();
        let other = flights.begin(2, 100, 0).unwrap();
        flights.cancel(1, 100, 0).unwrap();
        assert!(first.is_cancelled() && !other.is_cancelled());
        assert_eq!(flights.begin(1, 100, 0).unwrap_err().code(), Code::Cancelled);
        flights.cancel(3, 100, 0).unwrap();
        assert!(flights.begin(3, 100, 0).is_err(), "cancelled before it began");
    }
}
