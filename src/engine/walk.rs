//! The only scheduler: runs each node as soon as what it waits for is done, a limited number at a time, skips only the
//! descendants of a failure, and starts nothing new once cancelled.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

/// For each node, the nodes that come before it. Nodes are numbered from 0.
#[derive(Clone, Debug)]
pub(crate) struct Order(Vec<Vec<usize>>);

impl Order {
    pub(crate) fn new(before: Vec<Vec<usize>>) -> Self {
        Self(before)
    }
}

/// What became of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Visit<T, E> {
    Done(T),
    Failed(E),
    /// Not started: this earlier node failed or was skipped itself, or lies on a cycle.
    Skipped,
    /// Not started: the walk was cancelled.
    Cancelled,
}

/// Visits all nodes in order. The result has one entry for each node.
pub(crate) async fn walk<T, E, Visiting>(
    order: &Order,
    at_most: usize,
    cancel: &CancellationToken,
    visit: impl Fn(usize) -> Visiting,
) -> Vec<Visit<T, E>>
where
    Visiting: Future<Output = Result<T, E>>,
{
    let count = order.0.len();
    let mut results: Vec<Option<Visit<T, E>>> = (0..count).map(|_| None).collect();
    let mut started = vec![false; count];
    let mut running = FuturesUnordered::new();
    loop {
        skip_descendants(order, &started, &mut results);
        for node in 0..count {
            if cancel.is_cancelled() || running.len() >= at_most.max(1) {
                break;
            }
            if !started[node] && results[node].is_none() && is_ready(order, node, &results) {
                started[node] = true;
                let visiting = visit(node);
                running.push(async move { (node, visiting.await) });
            }
        }
        // Running calls are always awaited: cancelling means starting nothing new, never dropping a call half-way.
        let Some((node, result)) = running.next().await else { break };
        results[node] = Some(match result {
            Ok(value) => Visit::Done(value),
            Err(error) => Visit::Failed(error),
        });
    }
    let unfinished = || if cancel.is_cancelled() { Visit::Cancelled } else { Visit::Skipped };
    results.into_iter().map(|result| result.unwrap_or_else(unfinished)).collect()
}

fn is_ready<T, E>(order: &Order, node: usize, results: &[Option<Visit<T, E>>]) -> bool {
    order.0[node].iter().all(|before| matches!(results[*before], Some(Visit::Done(_))))
}

fn skip_descendants<T, E>(order: &Order, started: &[bool], results: &mut [Option<Visit<T, E>>]) {
    let mut changed = true;
    while changed {
        changed = false;
        for node in 0..results.len() {
            let blocked =
                order.0[node].iter().any(|before| matches!(results[*before], Some(Visit::Failed(_) | Visit::Skipped)));
            if !started[node] && results[node].is_none() && blocked {
                results[node] = Some(Visit::Skipped);
                changed = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use proptest::prelude::*;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    /// Random DAGs: a node only waits for nodes of lower number.
    fn any_order() -> impl Strategy<Value = Vec<Vec<usize>>> {
        (1..20_usize).prop_flat_map(|count| {
            (0..count)
                .map(|node| {
                    prop::collection::vec(0..node.max(1), 0..=node.min(3)).prop_map(move |mut before| {
                        before.retain(|earlier| *earlier < node);
                        before
                    })
                })
                .collect::<Vec<_>>()
        })
    }

    proptest! {
        #[test]
        fn every_node_runs_once_after_what_it_waits_for(before in any_order(), at_most in 1..5_usize) {
            let log = RefCell::new(Vec::new());
            let running = Cell::new(0_usize);
            let most = Cell::new(0_usize);
            let order = Order::new(before.clone());
            let results = block_on(walk(&order, at_most, &CancellationToken::new(), |node| {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                let (log, running) = (&log, &running);
                async move {
                    tokio::task::yield_now().await;
                    running.set(running.get() - 1);
                    log.borrow_mut().push(node);
                    Ok::<_, ()>(node)
                }
            }));
            let log = log.into_inner();
            prop_assert_eq!(log.len(), before.len());
            prop_assert!(most.get() <= at_most);
            for (node, earlier) in before.iter().enumerate() {
                prop_assert_eq!(&results[node], &Visit::Done(node));
                let place = |wanted: usize| log.iter().position(|seen| *seen == wanted);
                prop_assert!(earlier.iter().all(|earlier| place(*earlier) < place(node)));
            }
        }

        #[test]
        fn a_failure_skips_exactly_its_descendants(before in any_order(), failing in 0..20_usize) {
            let order = Order::new(before.clone());
            let results = block_on(walk(&order, 3, &CancellationToken::new(), |node| async move {
                if node == failing { Err(node) } else { Ok(node) }
            }));
            let mut blocked = vec![false; before.len()];
            for node in 0..before.len() {
                blocked[node] = before[node].iter().any(|earlier| *earlier == failing || blocked[*earlier]);
                let expected = if blocked[node] {
                    Visit::Skipped
                } else if node == failing {
                    Visit::Failed(node)
                } else {
                    Visit::Done(node)
                };
                prop_assert_eq!(&results[node], &expected);
            }
        }
    }

    #[test]
    fn cancelling_starts_nothing_new_but_finishes_what_runs() {
        let cancel = CancellationToken::new();
        let order = Order::new(vec![vec![], vec![0], vec![1]]);
        let results = block_on(walk(&order, 4, &cancel, |node| {
            let cancel = cancel.clone();
            async move {
                if node == 1 {
                    cancel.cancel();
                    tokio::task::yield_now().await;
                }
                Ok::<_, ()>(node)
            }
        }));
        assert_eq!(results, [Visit::Done(0), Visit::Done(1), Visit::Cancelled]);
    }

    #[test]
    fn a_cycle_ends_the_walk_instead_of_hanging_it() {
        let order = Order::new(vec![vec![1], vec![0], vec![]]);
        let results = block_on(walk(&order, 4, &CancellationToken::new(), |node| async move { Ok::<_, ()>(node) }));
        assert_eq!(results, [Visit::Skipped, Visit::Skipped, Visit::Done(2)]);
    }
}
