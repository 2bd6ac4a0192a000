//! Tickets: everything a server has to know to send a stream, signed, so that any server with the same key can, and
//! nobody gets what was not offered.

use bytes::Bytes;
use frazil_proto::v1::ReadChangesRequest;
use frazil_table::Advice;
use prost::Message;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use tonic::{Code, Status};

use crate::auth::hex;
use crate::status::{internal, status};

/// First byte of a ticket.
const VERSION: u8 = 1;
/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 32;
/// No ticket is longer: the request in it has its own limits.
const TICKET_BYTES_MAX: usize = 1 << 20;
/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// What a ticket says.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Offer {
    /// What is read. Start and end are those that were found when the offer was made.
    #[prost(message, optional, tag = "1")]
    pub(crate) request: Option<ReadChangesRequest>,
    /// The same for all endpoints of one flight.
    #[prost(fixed64, tag = "2")]
    pub(crate) flight_id: u64,
    /// First of the lanes that are sent.
    #[prost(uint32, tag = "3")]
    pub(crate) first_lane: u32,
    /// The lane behind the last; 0 if all are sent.
    #[prost(uint32, tag = "4")]
    pub(crate) end_lane: u32,
    /// It is good until then, milliseconds since the epoch.
    #[prost(sfixed64, tag = "5")]
    pub(crate) expires_at_ms: i64,
}

/// Signs tickets, and looks at signatures.
#[derive(Debug, Clone)]
pub struct Tickets {
    key: hmac::Key,
    random: SystemRandom,
}

impl Tickets {
    /// With a key that all servers of a cluster have: 32 random bytes.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), random: SystemRandom::new() }
    }

    /// With a key as 64 hexadecimal digits; `None` if the text is something else.
    pub fn parse(key: &str) -> Option<Self> {
        hex(key).map(|key| Self::new(&key))
    }

    /// With a key of its own. `None` if the system gives no random bytes.
    pub fn of_this_process() -> Option<Self> {
        let mut key = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut key).ok()?;
        Some(Self::new(&key))
    }

    /// An id for a new flight.
    pub(crate) fn flight_id(&self) -> Result<u64, Status> {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes).map_err(|_| internal("the system gives no random bytes"))?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// The ticket for an offer.
    pub(crate) fn sign(&self, offer: &Offer) -> Bytes {
        let body = offer.encode_to_vec();
        let mut ticket = Vec::with_capacity(1 + SIGNATURE_BYTES + body.len());
        ticket.push(VERSION);
        ticket.extend_from_slice(hmac::sign(&self.key, &body).as_ref());
        ticket.extend_from_slice(&body);
        ticket.into()
    }

    /// What a ticket offers.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with reason `TICKET_INVALID` if it was not signed with this key; `FAILED_PRECONDITION` with
    /// `TICKET_EXPIRED` if its time is over.
    pub(crate) fn open(&self, ticket: &[u8], now_ms: i64) -> Result<Offer, Status> {
        let wrong = |what: &str| {
            let message = format!("the ticket {what}; ask for the flight anew");
            status(Code::InvalidArgument, "TICKET_INVALID", &message, Advice::FixRequest)
        };
        if ticket.len() > TICKET_BYTES_MAX {
            return Err(wrong("is longer than any"));
        }
        let Some((&VERSION, rest)) = ticket.split_first() else { return Err(wrong("is none of this version")) };
        let Some((signature, body)) = rest.split_at_checked(SIGNATURE_BYTES) else { return Err(wrong("is cut off")) };
        if hmac::verify(&self.key, body, signature).is_err() {
            return Err(wrong("was changed, or signed by another server"));
        }
        let offer = Offer::decode(body).map_err(|_| wrong("makes no sense"))?;
        if offer.expires_at_ms < now_ms {
            let message = "the ticket has expired; ask for the flight anew, or renew the endpoint in time";
            return Err(status(Code::FailedPrecondition, "TICKET_EXPIRED", message, Advice::ReloadAndRetry));
        }
        Ok(offer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(key: u8) -> Tickets {
        Tickets::new(&[key; KEY_BYTES])
    }

    fn offer() -> Offer {
        let request = ReadChangesRequest { table: "db.t".to_owned(), ..ReadChangesRequest::default() };
        Offer { request: Some(request), flight_id: 7, expires_at_ms: 1_000, ..Offer::default() }
    }

    #[test]
    fn what_was_signed_can_be_opened_by_whoever_has_the_key() {
        let ticket = tickets(1).sign(&offer());
        assert_eq!(tickets(1).open(&ticket, 1_000).unwrap(), offer());
    }

    #[test]
    fn no_changed_byte_passes() {
        let ticket = tickets(1).sign(&offer());
        for index in 0..ticket.len() {
            let mut changed = ticket.to_vec();
            changed[index] ^= 1;
            assert!(tickets(1).open(&changed, 0).is_err(), "byte {index}");
            assert!(tickets(1).open(&ticket[..index], 0).is_err(), "cut at {index}");
        }
        assert!(tickets(2).open(&ticket, 0).is_err());
    }

    #[test]
    fn a_ticket_has_an_end() {
        let ticket = tickets(1).sign(&offer());
        let status = tickets(1).open(&ticket, 1_001).unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
    }
}
