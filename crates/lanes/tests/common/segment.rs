//! Random segments, and how near they come to something convex.

type Point = [f64; 3];

/// In [−1, 1).
pub fn next(state: &mut u64) -> f64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

pub fn vector(state: &mut u64) -> Point {
    [0; 3].map(|_| next(state))
}

pub fn at(t: f64, centre: &Point, along: &Point) -> Point {
    std::array::from_fn(|i| centre[i] + t * along[i])
}

/// The least distance of a segment from what points are `away` from, which is convex along it.
pub fn least(away: impl Fn(Point) -> f64, centre: &Point, along: &Point) -> f64 {
    let (mut low, mut high) = (-1.0, 1.0);
    for _ in 0..300 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        let nearer = away(at(a, centre, along)) < away(at(b, centre, along));
        (low, high) = if nearer { (low, b) } else { (a, high) };
    }
    away(at(low, centre, along))
}
