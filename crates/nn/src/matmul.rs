//! The one matrix product that forward and backward passes are made of.

use crate::lanes::{InstructionSet, LANES, Lanes, Op};

/// The fewest rows and columns of a product that is packed.
const PACKED_ROWS: usize = 12;
const PACKED_COLUMNS: usize = 2 * LANES;
/// Numbers of B from which on it is packed: what no longer fits into the first-level cache beside A and C.
const PACKED_FROM: usize = 6144;
/// The same on AVX-512: twice the arithmetic a load lets B come from the second-level cache, and packing takes more time
/// than it saves up to about 512 × 512.
const PACKED_FROM_WIDE: usize = 1 << 18;
/// Numbers of B up to which tiles on AVX-512 are wide instead of high: B is read once for every four rows.
const NEAR: usize = 8192;

/// What the sums of a product start from.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Zero.
    Zero,
    /// A bias per column, `[columns]`.
    Bias(&'a [f32]),
    /// The old content of the destination.
    Destination,
}

/// A matrix in memory: element (i, j) is at `i · stride + j`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
}

/// The product C = start + A·B, C being `[rows, columns]` and the sum running over `inner` terms.
///
/// A is `[rows, inner]`, or `[inner, rows]` if `TRANSPOSED`. Every element of C is one chain of multiply-adds
/// over the inner index in ascending order, whatever tile it falls into: a row's result does not depend on
/// the rows around it. Where the rows of C are padded (stride above `columns`) the padding is overwritten
/// with meaningless numbers; it is never read.
#[derive(Clone, Copy)]
pub(crate) struct MatMul<'a, const TRANSPOSED: bool> {
    pub(crate) a: Matrix<'a>,
    pub(crate) b: Matrix<'a>,
    pub(crate) start: Start<'a>,
    /// Rows of C that are left as they are, before those that are computed.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    pub(crate) inner: usize,
    pub(crate) columns: usize,
}

impl<'a, const TRANSPOSED: bool> MatMul<'a, TRANSPOSED> {
    /// Computes the product into `c`, whose rows lie `c_stride` apart.
    pub(crate) fn into(self, instructions: InstructionSet, c: &mut [f32], c_stride: usize) {
        let Self { first, rows, inner, columns, .. } = self;
        let packed_from = if instructions.is_wide() { PACKED_FROM_WIDE } else { PACKED_FROM };
        if rows >= first + PACKED_ROWS && columns >= PACKED_COLUMNS && inner * columns >= packed_from {
            return instructions.run(Packed::<TRANSPOSED> { product: self, c, c_stride });
        }
        match self.b.stride {
            64 => self.into_fixed::<64>(instructions, c, c_stride),
            128 => self.into_fixed::<128>(instructions, c, c_stride),
            256 => self.into_fixed::<256>(instructions, c, c_stride),
            _ => self.into_with(self.a, self.b, instructions, c, c_stride),
        }
    }

    /// The product when rows of B are `N` apart, and perhaps those of A as well.
    fn into_fixed<const N: usize>(self, instructions: InstructionSet, c: &mut [f32], c_stride: usize) {
        let b = Fixed::<N>::of(self.b, self.inner);
        if TRANSPOSED && self.a.stride == N {
            self.into_with(Fixed::<N>::of(self.a, self.inner), b, instructions, c, c_stride);
        } else {
            self.into_with(self.a, b, instructions, c, c_stride);
        }
    }

    fn into_with(
        self,
        a: impl Rows<'a>,
        b: impl Rows<'a>,
        instructions: InstructionSet,
        c: &mut [f32],
        c_stride: usize,
    ) {
        let Self { start, first, rows, inner, columns, .. } = self;
        instructions.run(Into::<_, _, TRANSPOSED> { a, b, start, first, rows, inner, columns, c, c_stride });
    }
}

/// C = A·B on its own, the product that networks are made of: `a` `[rows, inner]`, `b` `[inner, columns]`, `c`
/// `[rows, columns]`, row-major. How long it takes is what the arithmetic of a network costs at least.
///
/// # Panics
/// If a slice has another length than stated.
pub fn product(
    instructions: InstructionSet,
    [rows, inner, columns]: [usize; 3],
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
) {
    assert_eq!(a.len(), rows * inner, "A");
    assert_eq!(b.len(), inner * columns, "B");
    assert_eq!(c.len(), rows * columns, "C");
    let (a, b) = (Matrix { data: a, stride: inner }, Matrix { data: b, stride: columns });
    MatMul::<false> { a, b, start: Start::Zero, first: 0, rows, inner, columns }.into(
        instructions,
        c,
        columns,
    );
}

/// A matrix, as the product reads it.
trait Rows<'a>: Copy {
    /// Numbers from element (k, j) on: at least to the end of the row.
    fn from(&self, k: usize, j: usize) -> &'a [f32];
}

impl<'a> Rows<'a> for Matrix<'a> {
    #[inline(always)]
    fn from(&self, k: usize, j: usize) -> &'a [f32] {
        &self.data[k * self.stride + j..]
    }
}

/// A matrix whose stride the compiler knows, which takes the bounds checks out of the innermost loop.
#[derive(Clone, Copy)]
struct Fixed<'a, const N: usize>(&'a [[f32; N]]);

impl<'a, const N: usize> Fixed<'a, N> {
    fn of(matrix: Matrix<'a>, rows: usize) -> Self {
        debug_assert_eq!(matrix.stride, N);
        Self(&matrix.data.as_chunks().0[..rows])
    }
}

impl<'a, const N: usize> Rows<'a> for Fixed<'a, N> {
    #[inline(always)]
    fn from(&self, k: usize, j: usize) -> &'a [f32] {
        &self.0[k][j..]
    }
}

struct Into<'b, 'c, A, B, const TRANSPOSED: bool> {
    a: A,
    b: B,
    start: Start<'b>,
    first: usize,
    rows: usize,
    inner: usize,
    columns: usize,
    c: &'c mut [f32],
    c_stride: usize,
}

impl<'a, A: Rows<'a>, B: Rows<'a>, const TRANSPOSED: bool> Op for Into<'_, '_, A, B, TRANSPOSED> {
    type Output = ();

    // Rows outside, columns inside: B stays in the first-level cache while A and C stream past it. A tile has at least
    // eight independent sums, enough to hide the latency of a fused multiply-add at two per cycle.
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let rows = self.rows;
        let mut i = self.first;
        if L::WIDTH > LANES && self.columns >= 4 * L::WIDTH && self.inner * self.columns <= NEAR {
            while i + 4 <= rows {
                self.band::<L, 4, 4>(lanes, i);
                i += 4;
            }
        } else if L::WIDTH > LANES {
            while i + 8 <= rows {
                self.band::<L, 8, 2>(lanes, i);
                i += 8;
            }
        }
        while i + 4 <= rows {
            self.band::<L, 4, 2>(lanes, i);
            i += 4;
        }
        // Few rows: make the tiles wide instead of high, but not wider than networks are.
        match rows - i {
            1 if L::WIDTH > LANES => self.band::<L, 1, 4>(lanes, i),
            1 => self.band::<L, 1, 8>(lanes, i),
            2 => self.band::<L, 2, 4>(lanes, i),
            3 => self.band::<L, 3, 2>(lanes, i),
            _ => {}
        }
    }
}

impl<'a, A: Rows<'a>, B: Rows<'a>, const TRANSPOSED: bool> Into<'_, '_, A, B, TRANSPOSED> {
    /// `R` rows from `i` on, all columns, in tiles of at most `C` vectors.
    #[inline(always)]
    fn band<L: Lanes, const R: usize, const C: usize>(&mut self, lanes: L, i: usize) {
        let columns = self.columns;
        let mut j = 0;
        while j + C * L::WIDTH <= columns {
            self.tile::<L, R, C, false>(lanes, i, j);
            j += C * L::WIDTH;
        }
        while j + L::WIDTH <= columns {
            self.tile::<L, R, 1, false>(lanes, i, j);
            j += L::WIDTH;
        }
        if L::WIDTH > LANES && j + LANES <= columns {
            self.tile::<L::Eight, R, 1, false>(lanes.eight(), i, j);
            j += LANES;
        }
        if j < columns {
            self.tile::<L::Eight, R, 1, true>(lanes.eight(), i, j);
        }
    }

    /// `R` rows from `i` on times `C` vectors of columns from `j` on, held in registers.
    #[inline(always)]
    fn tile<L: Lanes, const R: usize, const C: usize, const TAIL: bool>(
        &mut self,
        lanes: L,
        i: usize,
        j: usize,
    ) {
        let Self { a, b, start, inner, .. } = *self;
        let mut sums = [[lanes.splat(0.0); C]; R];
        match start {
            Start::Zero => {}
            Start::Bias(bias) => sums = [vectors::<L, C, TAIL>(lanes, &bias[j..]); R],
            Start::Destination => {
                for r in 0..R {
                    let row = &self.c[(i + r) * self.c_stride..][j..self.c_stride];
                    sums[r] = vectors::<L, C, TAIL>(lanes, row);
                }
            }
        }
        let mut rows_of_a: [&[f32]; R] = [&[]; R];
        if !TRANSPOSED {
            for r in 0..R {
                rows_of_a[r] = &a.from(i + r, 0)[..inner];
            }
        }
        for k in 0..inner {
            let row_of_b = vectors::<L, C, TAIL>(lanes, b.from(k, j));
            let column_of_a = if TRANSPOSED { &a.from(k, i)[..R] } else { &[] };
            for r in 0..R {
                let factor = lanes.splat(if TRANSPOSED { column_of_a[r] } else { rows_of_a[r][k] });
                for c in 0..C {
                    sums[r][c] = lanes.mul_add(factor, row_of_b[c], sums[r][c]);
                }
            }
        }
        for r in 0..R {
            let row = &mut self.c[(i + r) * self.c_stride..][..self.c_stride];
            for c in 0..C {
                let to = &mut row[j + c * L::WIDTH..];
                if TAIL { lanes.store_partial(to, sums[r][c]) } else { lanes.store(to, sums[r][c]) }
            }
        }
    }
}

/// `C` vectors; at the `TAIL` of a row perhaps only a part of the one.
#[inline(always)]
fn vectors<L: Lanes, const C: usize, const TAIL: bool>(lanes: L, from: &[f32]) -> [L::V; C] {
    if TAIL { [lanes.load_partial(from); C] } else { lanes.load_all(from) }
}

/// The product of matrices that do not fit into the first-level cache: panels of B, and tiles of A, are copied to where
/// they lie one after the other, and every panel is used for all rows before the next. Elements are the same chains of
/// multiply-adds as without packing.
struct Packed<'a, 'c, const TRANSPOSED: bool> {
    product: MatMul<'a, TRANSPOSED>,
    c: &'c mut [f32],
    c_stride: usize,
}

/// `[terms, width]` numbers, one row a term.
type Panel<const TERMS: usize, const WIDTH: usize> = [[f32; WIDTH]; TERMS];

impl<const TRANSPOSED: bool> Op for Packed<'_, '_, TRANSPOSED> {
    type Output = ();

    // The sums of a tile, vectors of B and a factor of A fill the sixteen registers, or most of thirty-two. Tiles of A that
    // are packed together have 48 KB: for each of them a panel of B comes from the first-level cache.
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        if L::WIDTH > LANES {
            self.tiled::<L, 12, 2, 32, 128, 8>(lanes);
        } else {
            self.tiled::<L, 6, 2, 16, 256, 8>(lanes);
        }
    }
}

impl<const TRANSPOSED: bool> Packed<'_, '_, TRANSPOSED> {
    /// In tiles of `R` rows times `V` vectors, which have `C` columns; tiles of A are packed `T` at a time.
    #[inline(always)]
    fn tiled<L: Lanes, const R: usize, const V: usize, const C: usize, const K: usize, const T: usize>(
        self,
        lanes: L,
    ) {
        let Self { product, c, c_stride } = self;
        let MatMul { b, start, first, rows, inner, columns, .. } = product;
        let mut panel: Panel<K, C> = [[0.0; C]; K];
        let mut tiles: [Panel<K, R>; T] = [[[0.0; R]; K]; T];
        for k in (0..inner).step_by(K) {
            let terms = (inner - k).min(K);
            // What later terms are added to is what the earlier ones left.
            let start = if k == 0 { start } else { Start::Destination };
            for i in (first..rows).step_by(T * R) {
                let of_tiles = (i..rows.min(i + T * R)).step_by(R);
                for (tile, i) in tiles.iter_mut().zip(of_tiles.clone()) {
                    product.pack(&mut tile[..terms], i, k);
                }
                for j in (0..columns).step_by(C) {
                    let width = (columns - j).min(C);
                    for (term, row) in panel[..terms].iter_mut().enumerate() {
                        copy(&b.data[(k + term) * b.stride + j..], width, row);
                    }
                    for (tile, i) in tiles.iter().zip(of_tiles.clone()) {
                        let size = [(rows - i).min(R), width];
                        let (a, b) = (&tile[..terms], &panel[..terms]);
                        multiply::<L, R, V, C>(lanes, a, b, start, c, c_stride, [i, j], size);
                    }
                }
            }
        }
    }
}

/// Copies `width` numbers, which is nearly always all of `to`.
#[inline(always)]
fn copy<const N: usize>(from: &[f32], width: usize, to: &mut [f32; N]) {
    if width == N {
        to.copy_from_slice(&from[..N]);
    } else {
        to[..width].copy_from_slice(&from[..width]);
    }
}

impl<const TRANSPOSED: bool> MatMul<'_, TRANSPOSED> {
    /// Copies rows of A from `i` on, and terms from `k` on, into `tile`. What lies beyond the last row is not used.
    #[inline(always)]
    fn pack<const R: usize>(&self, tile: &mut [[f32; R]], i: usize, k: usize) {
        let Self { a, rows, .. } = *self;
        let height = (rows - i).min(R);
        if TRANSPOSED {
            for (term, row) in tile.iter_mut().enumerate() {
                copy(&a.data[(k + term) * a.stride + i..], height, row);
            }
        } else {
            let terms = tile.len();
            let mut rows: [&[f32]; R] = [&[]; R];
            for r in 0..R {
                rows[r] = &a.data[(i + r.min(height - 1)) * a.stride + k..][..terms];
            }
            for (term, row) in tile.iter_mut().enumerate() {
                for r in 0..R {
                    row[r] = rows[r][term];
                }
            }
        }
    }
}

/// One tile of C, in registers. Of a tile at an edge all is computed and what lies inside is stored.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "two factors, a destination, and where in it")]
fn multiply<L: Lanes, const R: usize, const V: usize, const C: usize>(
    lanes: L,
    a: &[[f32; R]],
    b: &[[f32; C]],
    start: Start<'_>,
    c: &mut [f32],
    c_stride: usize,
    [i, j]: [usize; 2],
    [height, width]: [usize; 2],
) {
    debug_assert_eq!(C, V * L::WIDTH, "columns are whole vectors");
    let whole = height == R && width == C;
    // The tile's part of C, or a copy that reaches beyond the edge.
    let mut edge = [[0.0; C]; R];
    let mut sums = [[lanes.splat(0.0); V]; R];
    match start {
        Start::Zero => {}
        Start::Bias(bias) => {
            edge[0][..width].copy_from_slice(&bias[j..j + width]);
            sums = [lanes.load_all(&edge[0]); R];
        }
        Start::Destination if whole => {
            for r in 0..R {
                sums[r] = lanes.load_all(&c[(i + r) * c_stride + j..]);
            }
        }
        Start::Destination => {
            for r in 0..height {
                edge[r][..width].copy_from_slice(&c[(i + r) * c_stride + j..][..width]);
            }
            for r in 0..R {
                sums[r] = lanes.load_all(&edge[r]);
            }
        }
    }
    for (factors, row) in a.iter().zip(b) {
        let row: [L::V; V] = lanes.load_all(row);
        for r in 0..R {
            let factor = lanes.splat(factors[r]);
            for v in 0..V {
                sums[r][v] = lanes.mul_add(factor, row[v], sums[r][v]);
            }
        }
    }
    // Bounds that the compiler knows, or the sums would have to live in memory.
    if whole {
        for r in 0..R {
            let to = &mut c[(i + r) * c_stride + j..][..C];
            for v in 0..V {
                lanes.store(&mut to[v * L::WIDTH..], sums[r][v]);
            }
        }
    } else {
        for r in 0..R {
            for v in 0..V {
                lanes.store(&mut edge[r][v * L::WIDTH..], sums[r][v]);
            }
        }
        for r in 0..height {
            c[(i + r) * c_stride + j..][..width].copy_from_slice(&edge[r][..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wr2l_rng::{Purpose, StreamKey};

    fn random(len: usize, lane: u64) -> Vec<f32> {
        let mut stream = StreamKey::new(1, Purpose::Test).lane(lane).stream();
        (0..len).map(|_| stream.normal() as f32).collect()
    }

    #[test]
    fn products_of_all_shapes_equal_the_plain_sum() {
        for instructions in InstructionSet::available() {
            for (rows, inner, columns) in [
                (1, 1, 1),
                (1, 11, 64),
                (2, 3, 70),
                (3, 5, 9),
                (4, 64, 3),
                (7, 8, 16),
                (9, 17, 31),
                (5, 0, 4),
                // Large enough to be packed, with edges on all sides, and more terms than a panel has.
                (12, 400, 16),
                (64, 96, 64),
                (19, 300, 41),
                (14, 513, 97),
            ] {
                for transposed in [false, true] {
                    let a = random(rows * inner, 1);
                    let b = random(inner * columns, 2);
                    let old = random(rows * columns, 3);
                    let mut c = old.clone();
                    let stride = if transposed { rows } else { inner };
                    let (a_matrix, b_matrix) =
                        (Matrix { data: &a, stride }, Matrix { data: &b, stride: columns });
                    let start = Start::Destination;
                    if transposed {
                        MatMul::<true> { a: a_matrix, b: b_matrix, start, first: 0, rows, inner, columns }
                            .into(instructions, &mut c, columns);
                    } else {
                        MatMul::<false> { a: a_matrix, b: b_matrix, start, first: 0, rows, inner, columns }
                            .into(instructions, &mut c, columns);
                    }
                    for i in 0..rows {
                        for j in 0..columns {
                            let mut sum = f64::from(old[i * columns + j]);
                            for k in 0..inner {
                                let x = if transposed { a[k * rows + i] } else { a[i * inner + k] };
                                sum += f64::from(x) * f64::from(b[k * columns + j]);
                            }
                            let tolerance = 1.0e-5 * (1.0 + 0.02 * inner as f64);
                            assert!((sum - f64::from(c[i * columns + j])).abs() < tolerance);
                        }
                    }
                }
            }
        }
    }
}
