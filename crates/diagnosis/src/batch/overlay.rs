//! What a question lays over a directory that its disk cannot hold: `noexec` mounts and file capabilities.

use execfit_kernel::credentials::Credentials;
use execfit_kernel::namei;
use execfit_kernel::tree::{FileTree, Gap, Node};

/// A tree with mounts and attributes laid over it.
pub(super) struct Overlay<'a> {
    tree: &'a dyn FileTree,
    noexec: Vec<Vec<u8>>,
    capabilities: Vec<(Vec<u8>, Option<&'a [u8]>)>,
}

impl<'a> Overlay<'a> {
    /// The paths are followed to what they name, as mount(2) and setxattr(2) follow them.
    pub(super) fn new(
        tree: &'a dyn FileTree,
        noexec: &[String],
        capabilities: &'a [(String, Option<Vec<u8>>)],
    ) -> Overlay<'a> {
        let noexec = noexec.iter().map(|path| place(tree, path)).collect();
        let capabilities = capabilities.iter().map(|(path, value)| (place(tree, path), value.as_deref()));
        Overlay { tree, noexec, capabilities: capabilities.collect() }
    }
}

/// The path of an object, links resolved; of what is not there, as it is written.
fn place(tree: &dyn FileTree, path: &str) -> Vec<u8> {
    let root = Credentials::container(0, 0, Vec::new(), u64::MAX);
    match namei::resolve(tree, &root, b"/", path.as_bytes(), &mut ()) {
        Ok(found) => found.path.as_bytes().to_vec(),
        Err(_) => path.trim_end_matches('/').into(),
    }
}

fn lies_at_or_below(path: &[u8], point: &[u8]) -> bool {
    let point = point.strip_suffix(b"/").unwrap_or(point);
    path.strip_prefix(point).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}

impl FileTree for Overlay<'_> {
    fn lookup(&self, path: &[u8]) -> Result<Option<Node<'_>>, Gap> {
        let Some(mut node) = self.tree.lookup(path)? else { return Ok(None) };
        node.noexec |= self.noexec.iter().any(|point| lies_at_or_below(path, point));
        if let Some((_, value)) = self.capabilities.iter().find(|(place, _)| place == path) {
            node.capability = *value;
        }
        Ok(Some(node))
    }

    fn read_at(&self, path: &[u8], offset: u64, buffer: &mut [u8]) -> Result<usize, Gap> {
        self.tree.read_at(path, offset, buffer)
    }
}
