//! Follows the commits of other processes, so that trees are fresh before somebody asks.
//!
//! An answer never depends on it: each request asks the repository for what is newer than the
//! tree that is kept here. The follower only leaves less to catch up with, after a burst of
//! commits elsewhere, and lets a request that names its `Bailiwick-Version` do without that
//! question. It polls; there is no notification that could be lost.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bailiwick::OrganizationId;
use bailiwick_postgres::{Cursor, PostgresError, PostgresRepository};

use crate::service::Service;

/// How long after it has seen everything it asks again.
const PAUSE: Duration = Duration::from_millis(100);

/// How many commits it reads at once.
const PAGE: NonZeroU32 = match NonZeroU32::new(256) {
    Some(page) => page,
    None => NonZeroU32::MIN,
};

/// Follows the feed from its present end, for as long as the process lives.
pub async fn follow(feed: PostgresRepository, service: Arc<Service>) {
    let mut place = None;
    loop {
        match follow_on(&feed, &service, place).await {
            Ok(next) => place = Some(next),
            // After a restore the feed begins anew. Whatever else fails is asked again.
            Err(error) => {
                tracing::warn!(%error, "the feed does not answer");
                place = place.filter(|_| !matches!(error, PostgresError::CursorAhead(_)));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Catches up with everything that the feed shows by now.
async fn follow_on(
    feed: &PostgresRepository,
    service: &Service,
    place: Option<Cursor>,
) -> Result<Cursor, PostgresError> {
    let mut place = match place {
        Some(place) => place,
        None => feed.feed_end().await?,
    };
    loop {
        let page = feed.feed(place, PAGE).await?;
        if page.commits.is_empty() {
            return Ok(place);
        }
        let mut changed: Vec<OrganizationId> = page.commits.iter().map(|commit| commit.root).collect();
        changed.sort();
        changed.dedup();
        for root in changed {
            service.freshen(root).await;
        }
        place = page.next;
    }
}
