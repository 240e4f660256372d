//! How often what may be called: a bucket of tokens for each of [`Manners::rates`] (AWS-FACTS B3).
//!
//! [`Manners::rates`]: super::manners::Manners::rates

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::call::{Operation, Service};
use super::manners::Rate;

/// When each bucket will be full again: that alone says how full it is.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<Vec<Option<Instant>>>);

impl Rates {
    /// Takes a token for a call from every bucket that concerns it. Whether there was one in each; a refused call takes none.
    pub(crate) fn admit(&self, rates: &[Rate], service: Service, operation: Operation, now: Instant) -> bool {
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        full_at.resize(rates.len(), None);
        let concerned: Vec<usize> =
            (0..rates.len()).filter(|&index| rates[index].concerns(service, operation)).collect();
        let after = |index: usize| full_at[index].map_or(now, |full| full.max(now)) + rates[index].every;
        if concerned.iter().any(|&index| after(index) > now + rates[index].every * rates[index].burst) {
            return false;
        }
        for index in concerned {
            full_at[index] = Some(full_at[index].map_or(now, |full| full.max(now)) + rates[index].every);
        }
        true
    }
}

impl Rate {
    fn concerns(&self, service: Service, operation: Operation) -> bool {
        self.service == service && self.operation.is_none_or(|name| name == operation.name)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DEPLOY: Operation = Operation::write("CreateDeployment");
    const LIST: Operation = Operation::read("GetApis");

    #[tokio::test(start_paused = true)]
    async fn a_window_lets_one_call_through_and_a_burst_so_many() {
        let rate = |operation, burst, every| Rate { service: Service::ApiGateway, operation, burst, every };
        let rules =
            [rate(Some("CreateDeployment"), 1, Duration::from_secs(5)), rate(None, 3, Duration::from_millis(100))];
        let rates = Rates::default();
        let admit = |operation| rates.admit(&rules, Service::ApiGateway, operation, Instant::now());
        assert!(admit(DEPLOY));
        assert!(!admit(DEPLOY), "the window is open once");
        assert!(admit(LIST) && admit(LIST));
        assert!(!admit(LIST), "the burst is used up");
        assert!(rates.admit(&rules, Service::Lambda, LIST, Instant::now()), "another service has its own");
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(admit(LIST) && !admit(LIST), "one more after a while");
        tokio::time::advance(Duration::from_millis(4_899)).await;
        assert!(!admit(DEPLOY));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(admit(DEPLOY));
        assert!(Rates::default().admit(&[], Service::ApiGateway, DEPLOY, Instant::now()));
    }
}
