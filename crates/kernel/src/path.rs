//! An absolute path under construction. Short ones live in place, so that a walk allocates nothing.

use std::fmt;

/// Bytes kept in place; longer paths move to the heap.
const INLINE: usize = 240;

/// An absolute path without `.`, `..`, doubled or trailing slashes.
#[derive(Clone)]
pub struct PathBuffer {
    inline: [u8; INLINE],
    length: usize,
    heap: Vec<u8>,
}

impl PathBuffer {
    /// `/`.
    pub fn root() -> PathBuffer {
        let mut inline = [0; INLINE];
        inline[0] = b'/';
        PathBuffer { inline, length: 1, heap: Vec::new() }
    }

    /// The path's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        if self.heap.is_empty() { &self.inline[..self.length] } else { &self.heap }
    }

    /// Goes down to `name`.
    pub fn push(&mut self, name: &[u8]) {
        if self.length > 1 {
            self.append(b"/");
        }
        self.append(name);
    }

    /// Goes up; `/` is above itself (`path_resolution(7)`).
    pub fn pop(&mut self) {
        let parent = self.as_bytes().iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        self.truncate(parent.max(1));
    }

    fn append(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if self.heap.is_empty() && end <= INLINE {
            self.inline[self.length..end].copy_from_slice(bytes);
        } else {
            if self.heap.is_empty() {
                self.heap.extend_from_slice(&self.inline[..self.length]);
            }
            self.heap.extend_from_slice(bytes);
        }
        self.length = end;
    }

    fn truncate(&mut self, length: usize) {
        self.length = length;
        self.heap.truncate(length);
    }
}

impl fmt::Debug for PathBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl PartialEq for PathBuffer {
    fn eq(&self, other: &PathBuffer) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PathBuffer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_down_and_up_and_stops_at_the_root() {
        let mut path = PathBuffer::root();
        path.push(b"usr");
        path.push(b"bin");
        assert_eq!(path.as_bytes(), b"/usr/bin");
        path.pop();
        assert_eq!(path.as_bytes(), b"/usr");
        path.pop();
        path.pop();
        assert_eq!(path.as_bytes(), b"/");
    }

    #[test]
    fn long_paths_move_to_the_heap_and_back_down() {
        let mut path = PathBuffer::root();
        for _ in 0..10 {
            path.push(&[b'x'; 100]);
        }
        assert_eq!(path.as_bytes().len(), 10 * 101);
        for _ in 0..9 {
            path.pop();
        }
        path.push(b"y");
        assert_eq!(path.as_bytes().len(), 101 + 2);
        assert!(path.as_bytes().ends_with(b"x/y"));
    }
}
