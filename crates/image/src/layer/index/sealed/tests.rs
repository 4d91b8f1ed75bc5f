//! Tables that answer as the nodes did, and damaged ones.

use super::*;

fn node(kind: Option<Kind>, pieces: Vec<Piece>) -> Node {
    let size = pieces.last().map_or(0, Piece::end);
    let capability = (size % 2 == 1).then(|| b"\x01\0\0\x02".to_vec());
    Node {
        kind,
        mode: 0o4755,
        uid: 1000,
        gid: u32::MAX,
        size,
        capability,
        pieces,
        fingerprint: (size % 3 == 1).then_some([size as u8; 16]),
        opaque: false,
        implicit: false,
    }
}

fn noise(length: usize, seed: u32) -> Vec<u8> {
    let step = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8)
    };
    std::iter::repeat_n((), length).scan(seed, |state, ()| step(state)).collect()
}

/// Contents of no, one and several blocks; names of several files; every kind.
fn nodes() -> BTreeMap<Box<[u8]>, Arc<Node>> {
    let mut nodes = BTreeMap::new();
    let mut put = |path: &str, node: Arc<Node>| nodes.insert(path.as_bytes().into(), node);
    put("/d", Arc::new(Node { opaque: true, ..node(Some(Kind::Directory), Vec::new()) }));
    put("/gone", Arc::new(node(None, Vec::new())));
    put("/link", Arc::new(node(Some(Kind::Symlink(b"d/\xff".to_vec())), Vec::new())));
    put("/null", Arc::new(node(Some(Kind::CharDevice), Vec::new())));
    put("/empty", Arc::new(node(Some(Kind::Regular), Vec::new())));
    for number in 0..200_u32 {
        let head = Piece { offset: 0, bytes: noise(700 + number as usize, number) };
        let tail = Piece { offset: 1 << 40, bytes: vec![7; number as usize % 3] };
        put(&format!("/d/{number}"), Arc::new(node(Some(Kind::Regular), vec![head, tail])));
    }
    let large = Piece { offset: 5, bytes: noise(3 * BLOCK + 1, 9) };
    let large = Arc::new(node(Some(Kind::Regular), vec![large]));
    put("/large", Arc::clone(&large));
    put("/other-name", large);
    nodes
}

#[test]
fn a_table_answers_as_the_nodes_did() {
    let nodes = nodes();
    let kept: usize = nodes.values().flat_map(|node| &node.pieces).map(|piece| piece.bytes.len()).sum();
    let written = Written::of(nodes.clone()).unwrap();
    assert!(written.body.len() < kept - 2 * BLOCK, "what hard links share is there once");
    let table = Sealed::from(written);
    for _ in 0..2 {
        let all: Vec<(Vec<u8>, Node)> =
            table.iter().map(|(path, node)| (path.to_vec(), node.into_owned())).collect();
        let wanted: Vec<(Vec<u8>, Node)> =
            nodes.iter().map(|(path, node)| (path.to_vec(), Node::clone(node))).collect();
        assert_eq!(all, wanted);
        for (path, node) in &nodes {
            assert_eq!(table.get(path), Some(&**node));
        }
    }
    for absent in ["", "/", "/a", "/d/", "/d/1000", "/d/77x", "/zzz"] {
        assert_eq!(table.get(absent.as_bytes()), None);
    }
    table.check_contents();
    assert!(!table.is_damaged());
    assert_eq!(Sealed::from(Written::of(BTreeMap::new()).unwrap()).get(b"/a"), None);
}

#[test]
fn damaged_contents_are_noticed_and_never_given() {
    for at in [0, BLOCK, 4 * BLOCK] {
        let mut written = Written::of(nodes()).unwrap();
        written.body[at] ^= 1;
        let table = Sealed::from(written);
        let original = nodes();
        for (path, node) in table.iter() {
            assert_eq!(*node, *original[path]);
        }
        assert!(table.is_damaged());
    }
    let mut written = Written::of(nodes()).unwrap();
    written.body.pop();
    let table = Sealed::from(written);
    assert!(table.get(b"/d").is_some() && !table.is_damaged());
    table.check_contents();
    assert!(table.is_damaged());
}

#[test]
fn nonsense_in_records_does_no_harm() {
    let few = || {
        let mut few = nodes();
        few.retain(|path, node| path.len() < 5 && node.size < 1000);
        Written::of(few).unwrap()
    };
    let length = few().records.len();
    for at in 0..length {
        for byte in [0, 0x7f, 0xff] {
            let mut written = few();
            written.records[at] = byte;
            written.starts.push(u32::MAX);
            let table = Sealed::from(written);
            table.iter().for_each(drop);
            table.get(b"/d/6");
            assert!(table.is_damaged());
        }
    }
}
