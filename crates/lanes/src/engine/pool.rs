//! A list whose items are written where they stand.

use std::ops::{Deref, DerefMut};

/// A list that keeps its room and what was in it: an item that is added is written over an old one, and never copied.
pub(super) struct Pool<T> {
    items: Vec<T>,
    blank: T,
    len: usize,
}

impl<T: Copy> Pool<T> {
    /// An empty list with room for so many: more make room when they come.
    pub(super) fn new(room: usize, blank: T) -> Self {
        Self { items: Vec::with_capacity(room), blank, len: 0 }
    }

    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// One more item, which holds anything.
    #[inline(always)]
    pub(super) fn add(&mut self) -> &mut T {
        if self.len == self.items.len() {
            self.items.push(self.blank);
        }
        self.len += 1;
        &mut self.items[self.len - 1]
    }
}

impl<T> Deref for Pool<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.items[..self.len]
    }
}

impl<T> DerefMut for Pool<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items[..self.len]
    }
}
