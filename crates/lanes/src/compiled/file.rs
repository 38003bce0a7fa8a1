//! The file of a compiled model: what MuJoCo's compiler made of it, for machines without MuJoCo.
//!
//! A file is 8 bytes that name the format, the version, the length and the hash of what follows, each 8 bytes, and then
//! all fields in the order of the structures, little-endian. One function a structure both reads and writes it, so that
//! the two cannot differ. The hash tells a damaged file; it does not tell a forged one, so that what is read is checked
//! as if anybody had written it.

use thiserror::Error;

use super::check::CheckError;
use super::{
    Activation, Actuator, Arm, Body, Compiled, Cone, Dof, Dynamics, Equality, Geom, Integrator, Joint,
    JointKind, Options, Pair, Shape, Softness, Tie,
};

const NAME: [u8; 8] = *b"wr2lbody";
/// 2: elliptic cones, friction against spinning and rolling, boxes, cylinders, ellipsoids, fixed tendons. 3: activations at
/// the end. 4: equality constraints after them.
const VERSION: u64 = 4;
/// What a model without equality constraints is written as, and one without activations as well, so that their bytes and
/// their hashes stay.
const WITHOUT_EQUALITIES: u64 = 3;
const WITHOUT_ACTIVATIONS: u64 = 2;
const HEAD: usize = 32;
/// The longest name that is read.
const LONGEST: usize = 1000;

/// Why a file is no model.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum FileError {
    /// It does not begin as such a file does.
    #[error("this is no compiled model of wr2l")]
    Foreign,
    /// It is of another version.
    #[error("the compiled model is of version {found}; this program reads 2 to {VERSION}")]
    Version {
        /// The version of the file.
        found: u64,
    },
    /// It is shorter or longer than it says, or its hash is another.
    #[error("the compiled model is damaged: {0}")]
    Damaged(&'static str),
    /// Its numbers make no sense.
    #[error("the compiled model makes no sense: {0}")]
    Check(#[from] CheckError),
}

/// FNV-1a (Fowler, Noll, Vo; 64 bits).
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Reads into what it is shown, or writes it.
trait Stream {
    fn bytes(&mut self, bytes: &mut [u8]) -> Result<(), FileError>;
    /// The length of a list whose elements take at least `least` bytes each.
    fn length(&mut self, length: usize, least: usize) -> Result<usize, FileError>;
}

struct Writer(Vec<u8>);

impl Stream for Writer {
    fn bytes(&mut self, bytes: &mut [u8]) -> Result<(), FileError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn length(&mut self, length: usize, _least: usize) -> Result<usize, FileError> {
        self.0.extend_from_slice(&(length as u64).to_le_bytes());
        Ok(length)
    }
}

struct Reader<'a>(&'a [u8]);

impl Stream for Reader<'_> {
    fn bytes(&mut self, bytes: &mut [u8]) -> Result<(), FileError> {
        let (head, rest) =
            self.0.split_at_checked(bytes.len()).ok_or(FileError::Damaged("it ends too early"))?;
        bytes.copy_from_slice(head);
        self.0 = rest;
        Ok(())
    }

    fn length(&mut self, _length: usize, least: usize) -> Result<usize, FileError> {
        let mut bytes = [0; 8];
        self.bytes(&mut bytes)?;
        // Before anything is made that long.
        let length = usize::try_from(u64::from_le_bytes(bytes)).unwrap_or(usize::MAX);
        let fits = length.checked_mul(least).is_some_and(|total| total <= self.0.len());
        if fits { Ok(length) } else { Err(FileError::Damaged("a list is longer than the file")) }
    }
}

/// What a file can hold. `LEAST` is the fewest bytes that one takes.
trait Record {
    const LEAST: usize;
    fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError>;
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Record for $type {
            const LEAST: usize = size_of::<$type>();
            fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError> {
                let mut bytes = self.to_le_bytes();
                stream.bytes(&mut bytes)?;
                *self = Self::from_le_bytes(bytes);
                Ok(())
            }
        }
    )*};
}

number!(f64, u32, i32);

impl Record for bool {
    const LEAST: usize = 1;
    fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError> {
        let mut byte = [u8::from(*self)];
        stream.bytes(&mut byte)?;
        *self = byte[0] != 0;
        if byte[0] > 1 { Err(FileError::Damaged("a truth value is neither 0 nor 1")) } else { Ok(()) }
    }
}

impl<T: Record, const N: usize> Record for [T; N] {
    const LEAST: usize = N * T::LEAST;
    fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError> {
        self.iter_mut().try_for_each(|item| item.transfer(stream))
    }
}

impl<T: Record + Default> Record for Option<T> {
    const LEAST: usize = 1;
    fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError> {
        let mut is = self.is_some();
        is.transfer(stream)?;
        if !is {
            *self = None;
            return Ok(());
        }
        self.get_or_insert_default().transfer(stream)
    }
}

impl<T: Record + Default + Clone> Record for Vec<T> {
    const LEAST: usize = 8;
    fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError> {
        let length = stream.length(self.len(), T::LEAST)?;
        self.resize(length, T::default());
        self.iter_mut().try_for_each(|item| item.transfer(stream))
    }
}

impl Record for String {
    const LEAST: usize = 8;
    fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError> {
        let mut bytes = std::mem::take(self).into_bytes();
        let length = stream.length(bytes.len(), 1)?;
        if length > LONGEST {
            return Err(FileError::Damaged("a name is longer than 1000 bytes"));
        }
        bytes.resize(length, 0);
        stream.bytes(&mut bytes)?;
        *self = Self::from_utf8(bytes).map_err(|_| FileError::Damaged("a name is not UTF-8"))?;
        Ok(())
    }
}

/// An enumeration as a number.
macro_rules! choice {
    ($type:ident: $($value:path = $number:literal),*) => {
        impl Record for $type {
            const LEAST: usize = 4;
            fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError> {
                let mut number: u32 = match self { $($value => $number),* };
                number.transfer(stream)?;
                *self = match number {
                    $($number => $value,)*
                    _ => return Err(FileError::Damaged("a choice that does not exist")),
                };
                Ok(())
            }
        }
    };
}

choice!(Integrator: Integrator::Euler = 0, Integrator::RungeKutta4 = 1, Integrator::ImplicitFast = 3);
choice!(Dynamics: Dynamics::Integrator = 1, Dynamics::Filter = 2, Dynamics::ExactFilter = 3);
choice!(Cone: Cone::Pyramidal = 0, Cone::Elliptic = 1);
choice!(JointKind: JointKind::Free = 0, JointKind::Ball = 1, JointKind::Slide = 2, JointKind::Hinge = 3);

impl Record for Shape {
    const LEAST: usize = 4;
    fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError> {
        let mut number = self.number();
        number.transfer(stream)?;
        *self = Self::from_number(number);
        Ok(())
    }
}

impl Record for Tie {
    const LEAST: usize = 4 + 4 + 1;
    fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError> {
        let mut number: u32 = match self {
            Self::Connect { .. } => 0,
            Self::Joint { .. } => 2,
        };
        number.transfer(stream)?;
        match (number, &*self) {
            (0, Self::Joint { .. }) => *self = Self::Connect { bodies: [0; 2], anchors: [[0.0; 3]; 2] },
            (2, Self::Connect { .. }) => *self = Self::default(),
            (0 | 2, _) => {}
            _ => return Err(FileError::Damaged("a choice that does not exist")),
        }
        match self {
            Self::Joint { joint, leader, polynomial } => {
                joint.transfer(stream)?;
                leader.transfer(stream)?;
                polynomial.transfer(stream)
            }
            Self::Connect { bodies, anchors } => {
                bodies.transfer(stream)?;
                anchors.transfer(stream)
            }
        }
    }
}

macro_rules! structure {
    ($type:ident: $($field:ident: $of:ty),*) => {
        impl Record for $type {
            const LEAST: usize = 0 $(+ <$of as Record>::LEAST)*;
            fn transfer(&mut self, stream: &mut impl Stream) -> Result<(), FileError> {
                // Complete, or it does not compile.
                let Self { $($field),* } = self;
                $(<$of as Record>::transfer($field, stream)?;)*
                Ok(())
            }
        }
    };
}

structure!(Softness: solref: [f64; 2], solimp: [f64; 5]);
structure!(Dof: armature: f64, damping: f64, friction_loss: f64, softness: Softness);
structure!(Options: timestep: f64, integrator: Integrator, gravity: [f64; 3], impratio: f64, cone: Cone,
    density: f64, viscosity: f64, wind: [f64; 3], filter_parent: bool, euler_damping: bool, safe_reference: bool);
structure!(Body: name: String, parent: u32, position: [f64; 3], orientation: [f64; 4], mass: f64,
    inertia: [f64; 3], centre: [f64; 3], axes: [f64; 4], point: bool);
structure!(Joint: name: String, body: u32, kind: JointKind, anchor: [f64; 3], axis: [f64; 3],
    reference: [f64; 7], spring: f64, stiffness: f64, range: Option<[f64; 2]>, margin: f64,
    softness: Softness, actuator_force_range: Option<[f64; 2]>);
structure!(Geom: name: String, body: u32, shape: Shape, position: [f64; 3], orientation: [f64; 4],
    size: [f64; 3], contype: u32, conaffinity: u32, condim: u32, priority: i32, friction: f64,
    spin: [f64; 2], solmix: f64, softness: Softness, margin: f64);
structure!(Pair: name: String, geoms: [u32; 2], condim: u32, friction: [f64; 2], spin: [f64; 3],
    softness: Softness, margin: f64);
structure!(Arm: joint: u32, coefficient: f64);
structure!(Actuator: name: String, joint: u32, arms: Vec<Arm>, gear: f64, gain: f64, bias: [f64; 3],
    control_range: Option<[f64; 2]>, force_range: Option<[f64; 2]>);
structure!(Equality: name: String, tie: Tie, softness: Softness);
structure!(Activation: actuator: u32, dynamics: Dynamics, time: f64, range: Option<[f64; 2]>, early: bool);

impl Compiled {
    /// All of it, in the order of the file of a version.
    fn transfer(&mut self, stream: &mut impl Stream, version: u64) -> Result<(), FileError> {
        let Self {
            options,
            bodies,
            joints,
            dofs,
            geoms,
            pairs,
            excludes,
            actuators,
            activations,
            equalities,
        } = self;
        options.transfer(stream)?;
        bodies.transfer(stream)?;
        joints.transfer(stream)?;
        dofs.transfer(stream)?;
        geoms.transfer(stream)?;
        pairs.transfer(stream)?;
        excludes.transfer(stream)?;
        actuators.transfer(stream)?;
        if version > WITHOUT_ACTIVATIONS {
            activations.transfer(stream)?;
        }
        if version > WITHOUT_EQUALITIES { equalities.transfer(stream) } else { Ok(()) }
    }

    /// The model as a file: what [`Compiled::from_bytes`] reads. The same model gives the same bytes.
    ///
    /// # Errors
    /// [`FileError::Damaged`] if a name is longer than a file can hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FileError> {
        let mut writer = Writer(Vec::new());
        let version = match (self.equalities.is_empty(), self.activations.is_empty()) {
            (true, true) => WITHOUT_ACTIVATIONS,
            (true, false) => WITHOUT_EQUALITIES,
            (false, _) => VERSION,
        };
        self.clone().transfer(&mut writer, version)?;
        let body = writer.0;
        let mut file = NAME.to_vec();
        for number in [version, body.len() as u64, hash(&body)] {
            file.extend_from_slice(&number.to_le_bytes());
        }
        file.extend_from_slice(&body);
        Ok(file)
    }

    /// Reads a file, and checks what it says. No file, however hostile, panics or takes much more memory than it is long.
    ///
    /// # Errors
    /// [`FileError`] says what is wrong with it.
    pub fn from_bytes(file: &[u8]) -> Result<Self, FileError> {
        let (head, body) = file.split_at_checked(HEAD).ok_or(FileError::Foreign)?;
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[at + i]));
        if head[..8] != NAME {
            return Err(FileError::Foreign);
        }
        let version = number(8);
        if !(WITHOUT_ACTIVATIONS..=VERSION).contains(&version) {
            return Err(FileError::Version { found: version });
        }
        if number(16) != body.len() as u64 {
            return Err(FileError::Damaged("it is not as long as it says"));
        }
        if number(24) != hash(body) {
            return Err(FileError::Damaged("its hash is another"));
        }
        let mut model = Self::default();
        let mut reader = Reader(body);
        model.transfer(&mut reader, version)?;
        if !reader.0.is_empty() {
            return Err(FileError::Damaged("something follows the model"));
        }
        model.check()?;
        Ok(model)
    }

    /// The hash of the model, which tells two models apart that differ in any bit of what determines motion.
    ///
    /// # Errors
    /// As [`Compiled::to_bytes`].
    pub fn hash(&self) -> Result<u64, FileError> {
        self.to_bytes().map(|file| hash(&file[HEAD..]))
    }
}
