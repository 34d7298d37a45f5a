//! How a tree comes from the repository: from a snapshot if there is one, and then from the log.

use std::convert::Infallible;

use super::{Directory, DirectoryError, PAGE};
use crate::event::Version;
use crate::id::OrganizationId;
use crate::repository::Repository;
use crate::tree::OrganizationTree;

/// A tree on its way, the organizations that came into it, and where it begins.
struct Loading {
    tree: OrganizationTree,
    placed: Vec<OrganizationId>,
    from: Version,
}

impl Loading {
    fn of(tree: OrganizationTree) -> Self {
        Self { from: tree.version(), placed: Vec::new(), tree }
    }
}

impl<R: Repository> Directory<R> {
    /// Keeps a snapshot of a tree as it stands now, in place of the one before, and answers its
    /// version. A tree that is not here yet is then loaded from it and from the commits since;
    /// when that is worth it is for the embedder to say, such as once in some thousands of
    /// versions, or before a process ends. Nothing of it is lost if a snapshot is never kept.
    ///
    /// What a snapshot holds stays in the repository until the next one of that tree: the names
    /// of what is deleted since among it, as in the log, and never personal data.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use bailiwick::{Directory, DirectoryError, OrganizationId, Repository, Version};
    /// # async fn keep<R: Repository>(directory: &Directory<R>, root: OrganizationId) -> Result<(), DirectoryError<Infallible, R::Error>> {
    /// let version = directory.keep_snapshot(root).await?;
    /// println!("the next start begins at version {version}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn keep_snapshot(&self, root: OrganizationId) -> Result<Version, DirectoryError<Infallible, R::Error>> {
        let tree = self.current(root).await?;
        if tree.version() > Version::ZERO {
            self.repository.keep_snapshot(tree.snapshot()?).await.map_err(DirectoryError::Storage)?;
        }
        Ok(tree.version())
    }

    pub(crate) async fn current<E>(
        &self,
        root: OrganizationId,
    ) -> Result<OrganizationTree, DirectoryError<E, R::Error>> {
        let kept = self.cached(root);
        let quick = if kept.version() == Version::ZERO { self.of_snapshot(root).await } else { None };
        let (from_snapshot, start) = (quick.is_some(), quick.unwrap_or(Loading::of(kept)));
        let from = start.from;
        let (mut loaded, head) = self.catch_up(start).await?;
        if from_snapshot && head < from {
            // It is of a version that is not there: it says nothing, and the log everything.
            let empty = OrganizationTree::empty(root, self.domain.clone());
            (loaded, _) = self.catch_up(Loading::of(empty)).await?;
        }
        self.keep(&loaded.tree, &loaded.placed);
        Ok(loaded.tree)
    }

    /// The tree of the snapshot that the repository has. One that cannot be had or read is as
    /// good as none: the log has it all.
    async fn of_snapshot(&self, root: OrganizationId) -> Option<Loading> {
        let kept = self.repository.snapshot(root).await.ok().flatten()?;
        let of_root = kept.snapshot.root() == root;
        let tree = OrganizationTree::from_snapshot(self.domain.clone(), &kept.snapshot, kept.records);
        let tree = tree.ok().filter(|_| of_root)?;
        Some(Loading { placed: tree.organizations.keys().copied().collect(), ..Loading::of(tree) })
    }

    /// Applies the commits since, page by page, and answers the head.
    async fn catch_up<E>(&self, loading: Loading) -> Result<(Loading, Version), DirectoryError<E, R::Error>> {
        let Loading { mut tree, mut placed, from } = loading;
        let root = tree.root();
        let head = loop {
            let page = self.repository.read(root, tree.version(), PAGE).await.map_err(DirectoryError::Storage)?;
            for commit in &page.commits {
                tree.advance(commit)?;
                placed.extend(commit.placements().map(|placement| placement.organization));
            }
            page.records.into_iter().for_each(|(key, record)| tree.absorb(key, record));
            // Abuse case 109: a page that ends early must not look like the last.
            if tree.version() >= page.head {
                break page.head;
            }
            if page.commits.is_empty() {
                return Err(DirectoryError::NotYet { root, wanted: page.head, found: tree.version() });
            }
        };
        Ok((Loading { tree, placed, from }, head))
    }
}
