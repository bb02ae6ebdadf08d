//! The Merkle tree of RFC 6962 over SHA-256, of which only the frontier is kept.

use crate::base::crypto::{Sha256, sha256};

pub type Hash = [u8; HASH];

/// The length of a hash, in bytes.
pub const HASH: usize = 32;

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(&[0]);
    hash.update(leaf);
    hash.finish()
}

/// The hash of a node over its two halves.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 1 + 2 * HASH];
    bytes[1..=HASH].copy_from_slice(left);
    bytes[1 + HASH..].copy_from_slice(right);
    sha256(&bytes)
}

/// A tree to which leaves are appended. The frontier has one hash for each bit of the size: the roots of the complete
/// subtrees, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    frontier: Vec<Hash>,
}

impl Tree {
    /// A tree of a size and the bytes of its frontier, or none if these do not belong together.
    #[must_use]
    pub fn from_frontier(size: u64, bytes: &[u8]) -> Option<Self> {
        let (frontier, rest) = bytes.as_chunks::<HASH>();
        let is_whole = rest.is_empty() && u32::try_from(frontier.len()) == Ok(size.count_ones());
        is_whole.then(|| Self { size, frontier: frontier.to_vec() })
    }

    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    #[must_use]
    pub fn frontier(&self) -> Vec<u8> {
        self.frontier.concat()
    }

    /// Appends the hash of a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each complete subtree that ends here is joined with the one before it.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.frontier.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.frontier.push(hash);
        self.size += 1;
    }

    #[must_use]
    pub fn root(&self) -> Hash {
        let mut subtrees = self.frontier.iter().rev();
        let Some(last) = subtrees.next() else { return sha256(&[]) };
        subtrees.fold(*last, |root, left| node_hash(left, &root))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::hex::hex;

    /// The definition of RFC 6962, section 2.1.
    fn defined(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [leaf] => leaf_hash(leaf),
            leaves => {
                let half = leaves.len().next_power_of_two() / 2;
                node_hash(&defined(&leaves[..half]), &defined(&leaves[half..]))
            }
        }
    }

    fn tree(leaves: &[Vec<u8>]) -> Tree {
        let mut tree = Tree::default();
        for leaf in leaves {
            tree.push(leaf_hash(leaf));
        }
        tree
    }

    /// The leaves and the roots of the test data of Certificate Transparency.
    #[test]
    fn the_roots_are_those_of_certificate_transparency() {
        let leaves: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Tree::default();
        assert_eq!(hex(&tree.root()), roots[0]);
        for (leaf, root) in leaves.iter().zip(&roots[1..]) {
            tree.push(leaf_hash(leaf));
            assert_eq!(&hex(&tree.root()), root);
        }
    }

    proptest! {
        #[test]
        fn the_root_is_the_defined_one(leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..80)) {
            prop_assert_eq!(tree(&leaves).root(), defined(&leaves));
        }

        #[test]
        fn a_tree_continues_from_its_frontier(
            leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..80), at: prop::sample::Index
        ) {
            let (first, rest) = leaves.split_at(at.index(leaves.len() + 1));
            let kept = tree(first);
            let mut continued = Tree::from_frontier(kept.size(), &kept.frontier()).unwrap();
            for leaf in rest {
                continued.push(leaf_hash(leaf));
            }
            prop_assert_eq!(continued, tree(&leaves));
            prop_assert!(Tree::from_frontier(kept.size(), &[kept.frontier(), vec![0]].concat()).is_none());
        }
    }
}
