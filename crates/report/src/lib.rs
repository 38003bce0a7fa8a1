//! Figures from result tables; draws, never simulates.
#![forbid(unsafe_code)]
