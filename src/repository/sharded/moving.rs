//! The move of a tree from one shard to another.
//!
//! | step | afterwards, if it stops there |
//! |---|---|
//! | 1 the map says that it moves | commits are refused with [`ShardedError::Moving`] |
//! | 2 the source is fenced | what was under way is there, or never will be |
//! | 3 the log is copied, page by page | the copy is part of it, fenced, and nobody reads it |
//! | 4 both are read and compared | |
//! | 5 the map says that it is there | reads go to the copy; neither side takes commits |
//! | 6 the copy is opened | commits go there |
//! | 7 the source is cleared | no record is left behind; the fence stays |
//! | 8 the map says that it is done | |
//!
//! The source is fenced before the copy is opened, and never opened after it, so no two
//! shards accept commits. Up to step 4 a move can be undone; after that it can only go on.

use std::num::NonZeroU32;

use super::map::{MovePhase, ShardId, ShardMap, ShardPlace, TreeMove};
use super::{Failed, ShardedError, ShardedRepository};
use crate::event::Version;
use crate::id::OrganizationId;
use crate::repository::Portable;

/// How many commits are carried at once.
const PAGE: NonZeroU32 = match NonZeroU32::new(256) {
    Some(page) => page,
    None => NonZeroU32::MIN,
};

impl<R: Portable, M: ShardMap> ShardedRepository<R, M> {
    /// Moves a tree to a shard: its log as it is, its records, its keys. Reads go on all the
    /// while. Commits to it are answered with [`ShardedError::Moving`], as not written, from
    /// the first step to the last but one; send them again.
    ///
    /// If it fails or the process ends, call it again, from any process, and it goes on from
    /// where it was; or call [`undo_move`](Self::undo_move). A tree that is there already is
    /// left there.
    ///
    /// [`ShardedError::NoTree`] if there is nothing to move, [`ShardedError::NoShard`],
    /// [`ShardedError::MovingElsewhere`] if another move of it was begun and not ended, and
    /// [`ShardedError::Differs`] if the copy is not equal to the source, which no shard that
    /// keeps its contract brings about.
    pub async fn move_tree(&self, root: OrganizationId, to: ShardId) -> Result<(), Failed<R, M>> {
        self.get(to)?;
        let mut place = self.place(root).await?.ok_or(ShardedError::NoTree { root })?;
        if place.moving.is_none() {
            if place.shard == to {
                return Ok(());
            }
            if self.get(place.shard)?.head(root).await.map_err(at(place.shard))? == Version::ZERO {
                return Err(ShardedError::NoTree { root });
            }
            let moving = Some(TreeMove { to, phase: MovePhase::Copying });
            place = self.put(root, place, ShardPlace { number: place.number.next(), moving, ..place }).await?;
        }
        match place.moving {
            Some(moving) if moving.to != to || moving.phase == MovePhase::Returning => {
                Err(ShardedError::MovingElsewhere { root, to: moving.to })
            }
            Some(TreeMove { phase: MovePhase::Copying, .. }) => {
                self.copy(root, place, to).await?;
                self.compare(root, place.shard, to).await?;
                let moving = Some(TreeMove { to, phase: MovePhase::Clearing });
                let place = self.put(root, place, ShardPlace { moving, ..place }).await?;
                self.hand_over(root, place, to).await
            }
            _ => self.hand_over(root, place, to).await,
        }
    }

    /// Takes a move back that has not come to its fifth step, so that the tree is where it
    /// was and takes commits; or finds nothing to take back. If it fails, call it again.
    ///
    /// [`ShardedError::MovingElsewhere`] if it has come further: then
    /// [`move_tree`](Self::move_tree) ends it.
    pub async fn undo_move(&self, root: OrganizationId) -> Result<(), Failed<R, M>> {
        let mut place = self.place(root).await?.ok_or(ShardedError::NoTree { root })?;
        let Some(TreeMove { to, phase }) = place.moving else { return Ok(()) };
        if phase == MovePhase::Clearing {
            return Err(ShardedError::MovingElsewhere { root, to });
        }
        if phase == MovePhase::Copying {
            // A number of its own: whoever still copies is refused by the shards from here on.
            let moving = Some(TreeMove { to, phase: MovePhase::Returning });
            place = self.put(root, place, ShardPlace { number: place.number.next(), moving, ..place }).await?;
        }
        self.get(to)?.clear(root, place.number).await.map_err(at(to))?;
        self.get(place.shard)?.open(root, place.number).await.map_err(at(place.shard))?;
        self.put(root, place, ShardPlace { moving: None, ..place }).await?;
        Ok(())
    }

    /// Steps 2 and 3. What an earlier attempt has copied is not copied again.
    async fn copy(&self, root: OrganizationId, place: ShardPlace, to: ShardId) -> Result<(), Failed<R, M>> {
        let (source, target) = (self.get(place.shard)?, self.get(to)?);
        let head = source.fence(root, place.number).await.map_err(at(place.shard))?;
        let mut copied = target.head(root).await.map_err(at(to))?;
        while copied < head {
            let commits = source.export(root, copied, PAGE).await.map_err(at(place.shard))?;
            let before = copied;
            copied = target.import(root, place.number, commits).await.map_err(at(to))?;
            if copied == before {
                return Err(ShardedError::Differs { root, after: copied });
            }
        }
        Ok(())
    }

    /// Step 4. A tree is made of what is compared here and nothing else.
    async fn compare(&self, root: OrganizationId, from: ShardId, to: ShardId) -> Result<(), Failed<R, M>> {
        let (source, target) = (self.get(from)?, self.get(to)?);
        let mut after = Version::ZERO;
        loop {
            let mut original = source.export(root, after, PAGE).await.map_err(at(from))?;
            let mut copy = target.export(root, after, PAGE).await.map_err(at(to))?;
            for carried in original.iter_mut().chain(&mut copy) {
                carried.records.sort_by_key(|(key, _)| *key);
                carried.organizations.sort();
            }
            if original != copy {
                return Err(ShardedError::Differs { root, after });
            }
            match original.last() {
                Some(last) => after = last.recorded.version,
                None => return Ok(()),
            }
        }
    }

    /// Steps 6 to 8.
    async fn hand_over(&self, root: OrganizationId, place: ShardPlace, to: ShardId) -> Result<(), Failed<R, M>> {
        self.get(to)?.open(root, place.number).await.map_err(at(to))?;
        self.get(place.shard)?.clear(root, place.number).await.map_err(at(place.shard))?;
        self.put(root, place, ShardPlace { shard: to, moving: None, ..place }).await?;
        Ok(())
    }

    async fn put(&self, root: OrganizationId, from: ShardPlace, to: ShardPlace) -> Result<ShardPlace, Failed<R, M>> {
        let put = self.map.replace(root, from, to).await.map_err(ShardedError::Map)?;
        if put { Ok(to) } else { Err(ShardedError::MovedMeanwhile { root }) }
    }
}

/// The error of a shard, with which it is.
fn at<S: std::error::Error, M: std::error::Error>(shard: ShardId) -> impl FnOnce(S) -> ShardedError<S, M> {
    move |error| ShardedError::Shard { shard, error }
}
