//! A connection on loan from the pool.

use deadpool_postgres::{Object, Pool};

use crate::PostgresError;

/// A connection that goes back to the pool only by [`Lease::give_back`]. If the work on it
/// failed or was dropped half way, it is closed, and the server undoes what was under way;
/// whoever borrows next never meets a statement or a transaction that is not theirs (R16).
#[derive(Default)]
pub(crate) struct Lease(Option<Object>);

impl Lease {
    /// Borrows a connection.
    pub(crate) async fn of(&mut self, pool: &Pool) -> Result<&mut Object, PostgresError> {
        Ok(self.0.insert(pool.get().await?))
    }

    /// Gives it back, with nothing under way on it.
    pub(crate) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}
