//! State that outlives a process: named arrays of plain numbers.
//!
//! A [`Learner`](crate::Learner), or an adversary, writes everything that determines its future into a [`State`] and
//! takes it back into a freshly made one of the same plan. Random streams need none of this: they are keyed by what
//! they are for. Parts that several learners share implement [`Persist`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use thiserror::Error;
use wr2l_nn::{Adam, Normaliser, RunningMoments};

/// An array of a state, borrowed from its owner while it is written down: a replay buffer is never copied for that.
#[derive(Clone, Debug, PartialEq)]
pub enum Array<'a> {
    /// Single precision.
    F32(Cow<'a, [f32]>),
    /// Double precision.
    F64(Cow<'a, [f64]>),
    /// Whole numbers.
    U64(Cow<'a, [u64]>),
    /// Bytes, for what is text.
    U8(Cow<'a, [u8]>),
}

/// A number that arrays are made of.
pub trait Number: Copy + 'static {
    /// What an array of them is called in errors.
    const KIND: &'static str;

    /// The numbers of an array of this kind, else `None`.
    fn unpack(array: Array<'_>) -> Option<Cow<'_, [Self]>>
    where
        [Self]: ToOwned;
}

macro_rules! number {
    ($type:ty, $variant:ident) => {
        impl Number for $type {
            const KIND: &'static str = stringify!($variant);

            fn unpack(array: Array<'_>) -> Option<Cow<'_, [Self]>> {
                match array {
                    Array::$variant(values) => Some(values),
                    _ => None,
                }
            }
        }

        impl<'a> From<&'a [$type]> for Array<'a> {
            fn from(values: &'a [$type]) -> Self {
                Self::$variant(Cow::Borrowed(values))
            }
        }

        impl<'a> From<&'a Vec<$type>> for Array<'a> {
            fn from(values: &'a Vec<$type>) -> Self {
                Self::$variant(Cow::Borrowed(values))
            }
        }

        impl From<Vec<$type>> for Array<'_> {
            fn from(values: Vec<$type>) -> Self {
                Self::$variant(Cow::Owned(values))
            }
        }

        impl From<$type> for Array<'_> {
            fn from(value: $type) -> Self {
                Self::$variant(Cow::Owned(vec![value]))
            }
        }
    };
}

number!(f32, F32);
number!(f64, F64);
number!(u64, U64);
number!(u8, U8);

impl Array<'_> {
    /// The same array, independent of its owner.
    pub fn into_owned(self) -> Array<'static> {
        match self {
            Self::F32(values) => Array::F32(Cow::Owned(values.into_owned())),
            Self::F64(values) => Array::F64(Cow::Owned(values.into_owned())),
            Self::U64(values) => Array::U64(Cow::Owned(values.into_owned())),
            Self::U8(values) => Array::U8(Cow::Owned(values.into_owned())),
        }
    }

    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why a state could not be taken back.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum StateError {
    /// An array is missing.
    #[error("the state holds no `{name}`")]
    Missing {
        /// Its full name.
        name: String,
    },
    /// An array holds numbers of another kind.
    #[error("`{name}` does not hold {expected} numbers")]
    Kind {
        /// Its full name.
        name: String,
        /// The kind that was expected.
        expected: &'static str,
    },
    /// An array has another length than the plan asks for.
    #[error("`{name}` holds {got} numbers where the plan needs {expected}")]
    Length {
        /// Its full name.
        name: String,
        /// The length that the plan gives it.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// Numbers that cannot have been saved by a sound run.
    #[error("`{name}` is not usable: {reason}")]
    Value {
        /// Its full name, or that of the part it belongs to.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// An array that nobody asked for: the state belongs to something else.
    #[error("the state holds `{name}`, which nothing in the plan needs")]
    Unexpected {
        /// Its full name.
        name: String,
    },
}

/// Named arrays. Names are made of parts joined by dots, `learner.adam.mean`; [`State::within`] sets the first parts.
///
/// ```
/// use wr2l_rl::{State, StateError};
/// let weights = vec![0.5_f32; 3];
/// let mut state = State::default();
/// state.within("learner", |state| {
///     state.put("weights", &weights);
///     state.put("steps", 7_u64);
/// });
/// let back = state.within("learner", |state| {
///     Ok::<_, StateError>((state.take::<f32>("weights", 3)?, state.one::<u64>("steps")?))
/// })?;
/// assert_eq!(back, (weights.clone(), 7));
/// state.finish()?;
/// # Ok::<(), StateError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State<'a> {
    arrays: BTreeMap<String, Array<'a>>,
    /// Empty, or ending with a dot.
    scope: String,
}

impl<'a> State<'a> {
    /// Adds an array: a slice, a vector, or a single number.
    ///
    /// # Panics
    /// If there is one of this name: two parts of a program would then overwrite each other.
    pub fn put(&mut self, name: &str, values: impl Into<Array<'a>>) {
        let name = self.full(name);
        let before = self.arrays.insert(name, values.into());
        assert!(before.is_none(), "a state has one array of each name");
    }

    /// Takes out an array of `len` numbers.
    ///
    /// # Errors
    /// [`StateError::Missing`], [`StateError::Kind`], [`StateError::Length`].
    pub fn take<T: Number>(&mut self, name: &str, len: usize) -> Result<Vec<T>, StateError> {
        let values = self.take_any(name)?;
        if values.len() != len {
            return Err(StateError::Length { name: self.full(name), expected: len, got: values.len() });
        }
        Ok(values)
    }

    /// Takes out an array whatever its length, which the caller has to check.
    ///
    /// # Errors
    /// [`StateError::Missing`], [`StateError::Kind`].
    pub fn take_any<T: Number>(&mut self, name: &str) -> Result<Vec<T>, StateError> {
        let name = self.full(name);
        let Some(array) = self.arrays.remove(&name) else { return Err(StateError::Missing { name }) };
        match T::unpack(array) {
            Some(values) => Ok(values.into_owned()),
            None => Err(StateError::Kind { name, expected: T::KIND }),
        }
    }

    /// Takes out a single number.
    ///
    /// # Errors
    /// As [`State::take`].
    pub fn one<T: Number>(&mut self, name: &str) -> Result<T, StateError> {
        Ok(self.take(name, 1)?[0])
    }

    /// Takes out `len` counts: numbers that a sound run could have counted to, and can count on from.
    ///
    /// # Errors
    /// As [`State::take`]; [`StateError::Value`] for a count beyond 2⁴⁸.
    pub fn counts(&mut self, name: &str, len: usize) -> Result<Vec<u64>, StateError> {
        let counts = self.take::<u64>(name, len)?;
        match counts.iter().all(|&count| count <= 1 << 48) {
            true => Ok(counts),
            false => Err(self.unusable(name, "no run counts that far")),
        }
    }

    /// Takes out a single count.
    ///
    /// # Errors
    /// As [`State::counts`].
    pub fn count(&mut self, name: &str) -> Result<u64, StateError> {
        Ok(self.counts(name, 1)?[0])
    }

    /// Takes out `len` finite numbers.
    ///
    /// # Errors
    /// As [`State::take`]; [`StateError::Value`].
    pub fn take_finite<T: Number + Into<f64>>(
        &mut self,
        name: &str,
        len: usize,
    ) -> Result<Vec<T>, StateError> {
        let values = self.take::<T>(name, len)?;
        match values.iter().all(|&value| value.into().is_finite()) {
            true => Ok(values),
            false => Err(self.unusable(name, "it holds a number that is not finite")),
        }
    }

    /// Whether there is an array of this name.
    pub fn holds(&self, name: &str) -> bool {
        self.arrays.contains_key(&self.full(name))
    }

    /// Calls `work` with `name.` before all names.
    pub fn within<R>(&mut self, name: &str, work: impl FnOnce(&mut Self) -> R) -> R {
        let outer = self.scope.len();
        self.scope.push_str(name);
        self.scope.push('.');
        let result = work(self);
        self.scope.truncate(outer);
        result
    }

    /// Writes down a part under a name.
    pub fn save(&mut self, name: &str, part: &'a impl Persist) {
        self.within(name, |state| part.save(state));
    }

    /// Takes back a part saved by [`State::save`].
    ///
    /// # Errors
    /// [`StateError`].
    pub fn restore(&mut self, name: &str, part: &mut impl Persist) -> Result<(), StateError> {
        self.within(name, |state| part.restore(state))
    }

    /// An error about `name`: what it holds cannot have been saved by a sound run.
    pub fn unusable(&self, name: &str, reason: impl std::fmt::Display) -> StateError {
        StateError::Value { name: self.full(name), reason: reason.to_string() }
    }

    /// All arrays with their full names, in the order of these.
    pub fn arrays(&self) -> impl Iterator<Item = (&str, &Array<'a>)> {
        self.arrays.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// The same state, independent of what it was taken from.
    pub fn into_owned(self) -> State<'static> {
        let arrays = self.arrays.into_iter().map(|(name, array)| (name, array.into_owned())).collect();
        State { arrays, scope: self.scope }
    }

    /// Checks that all of it has been taken back.
    ///
    /// # Errors
    /// [`StateError::Unexpected`].
    pub fn finish(self) -> Result<(), StateError> {
        match self.arrays.into_keys().next() {
            Some(name) => Err(StateError::Unexpected { name }),
            None => Ok(()),
        }
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.scope)
    }
}

/// A part of a learner or an adversary whose state outlives the process.
pub trait Persist {
    /// Writes down everything that determines its future.
    fn save<'a>(&'a self, state: &mut State<'a>);

    /// Takes it back into one that was made in the same way.
    ///
    /// # Errors
    /// [`StateError`]; the part is then in an unspecified but valid state.
    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError>;
}

impl Persist for Adam {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("step", self.step());
        state.put("mean", self.mean());
        state.put("square", self.square());
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        let n = self.mean().len();
        let (step, mean, square) = (state.count("step")?, state.take("mean", n)?, state.take("square", n)?);
        *self = Self::from_parts(self.config(), step, mean, square)
            .map_err(|error| state.unusable("mean", error))?;
        Ok(())
    }
}

impl Persist for RunningMoments {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("count", self.count());
        state.put("mean", self.mean());
        state.put("m2", self.m2());
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        let n = self.dim();
        let (count, mean, m2) = (state.count("count")?, state.take("mean", n)?, state.take("m2", n)?);
        *self = Self::from_parts(count, mean, m2).map_err(|error| state.unusable("mean", error))?;
        Ok(())
    }
}

impl Persist for Normaliser {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("mean", self.mean());
        state.put("inverse_deviation", self.inverse_deviation());
        state.put("clip", self.clip());
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        let n = self.dim();
        let (mean, inverse) = (state.take("mean", n)?, state.take("inverse_deviation", n)?);
        let clip = state.one("clip")?;
        *self = Self::from_parts(mean, inverse, clip).map_err(|error| state.unusable("mean", error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_empty_if_it_holds_no_number() {
        assert!(Array::F32(Cow::Owned(vec![])).is_empty());
        assert!(!Array::F32(Cow::Owned(vec![0.0])).is_empty());
    }

    #[test]
    fn what_is_missing_wrong_or_left_over_is_named_in_full() {
        let mut state = State::default();
        state.within("a", |state| {
            state.put("real", 1.5_f64);
            state.put("counts", vec![1_u64, 2]);
        });
        let message = |error: StateError| error.to_string();
        state.within("a", |state| {
            assert!(message(state.one::<f64>("none").unwrap_err()).contains("`a.none`"));
            assert!(message(state.clone().one::<f32>("real").unwrap_err()).contains("F32"));
            let length = message(state.clone().take::<u64>("counts", 3).unwrap_err());
            assert!(length.contains("`a.counts` holds 2") && length.contains('3'), "{length}");
            assert_eq!(state.one::<f64>("real"), Ok(1.5));
        });
        assert_eq!(state.finish(), Err(StateError::Unexpected { name: "a.counts".into() }));
    }

    #[test]
    fn saving_borrows_and_an_owned_state_outlives_its_owner() {
        let owner = vec![1.0_f32, f32::NAN];
        let mut state = State::default();
        state.put("x", &owner);
        assert!(matches!(state.arrays().next(), Some(("x", Array::F32(Cow::Borrowed(_))))));
        let mut state = state.into_owned();
        drop(owner);
        assert!(state.clone().take_finite::<f32>("x", 2).is_err());
        assert_eq!(state.take::<f32>("x", 2).unwrap()[0], 1.0);
    }

    #[test]
    fn parts_come_back_to_the_bit_and_refuse_what_is_no_state_of_theirs() {
        let mut moments = RunningMoments::new(2);
        moments.update(&[0.1, -3.0]).unwrap();
        moments.update(&[0.2, 1e9]).unwrap();
        let mut state = State::default();
        state.save("m", &moments);
        let mut back = RunningMoments::new(2);
        let mut copy = state.clone();
        copy.restore("m", &mut back).unwrap();
        copy.finish().unwrap();
        assert_eq!(back, moments);
        assert!(matches!(
            state.clone().restore("m", &mut RunningMoments::new(3)),
            Err(StateError::Length { expected: 3, got: 2, .. })
        ));
        let mut endless = State::default();
        endless.put("m.count", u64::MAX);
        assert!(matches!(endless.within("m", |state| state.count("count")), Err(StateError::Value { .. })));
        let mut broken = State::default();
        broken.put("m.count", 2_u64);
        broken.put("m.mean", vec![0.0; 2]);
        broken.put("m.m2", vec![-1.0, 0.0]);
        assert!(matches!(broken.restore("m", &mut back), Err(StateError::Value { .. })));
    }
}
