//! Least squares with a prior, for the handful of parameters of a model of daily volumes.

/// Most parameters a model has.
pub(super) const MOST: usize = 14;

/// One coefficient a parameter.
pub(super) type Row = [f64; MOST];

/// Normal equations of a weighted regression.
pub(super) struct Normal {
    size: usize,
    /// Lower triangle.
    matrix: [[f64; MOST]; MOST],
    right: Row,
}

/// Parameters and, up to the scale of the noise, how sure they are.
#[derive(Debug, Clone)]
pub(super) struct Solution {
    /// Most likely values.
    pub(super) values: Row,
    size: usize,
    /// Cholesky factor of the precision.
    factor: [[f64; MOST]; MOST],
}

impl Normal {
    /// The prior alone: parameters are about zero, with these precisions.
    pub(super) fn new(precisions: &Row, size: usize) -> Self {
        let mut matrix = [[0.0; MOST]; MOST];
        for (index, precision) in precisions.iter().enumerate() {
            matrix[index][index] = *precision;
        }
        Self {
            size,
            matrix,
            right: [0.0; MOST],
        }
    }

    /// Adds an observation with its weight.
    pub(super) fn add(&mut self, row: &Row, value: f64, weight: f64) {
        for i in 0..self.size {
            let scaled = row[i] * weight;
            if scaled != 0.0 {
                for (cell, other) in self.matrix[i].iter_mut().zip(row).take(i + 1) {
                    *cell += scaled * other;
                }
                self.right[i] += scaled * value;
            }
        }
    }

    /// Solves by Cholesky: the prior makes the matrix positive definite.
    pub(super) fn solve(&self) -> Solution {
        let mut factor = [[0.0; MOST]; MOST];
        for i in 0..self.size {
            for j in 0..=i {
                let mut rest = self.matrix[i][j];
                for (one, other) in factor[i].iter().zip(&factor[j]).take(j) {
                    rest -= one * other;
                }
                factor[i][j] = if i == j {
                    rest.max(1e-12).sqrt()
                } else {
                    rest / factor[j][j]
                };
            }
        }
        let mut values = forward(&factor, &self.right, self.size);
        for i in (0..self.size).rev() {
            for k in i + 1..self.size {
                values[i] -= factor[k][i] * values[k];
            }
            values[i] /= factor[i][i];
        }
        Solution {
            values,
            size: self.size,
            factor,
        }
    }
}

impl Solution {
    /// What the model says for a row.
    pub(super) fn predict(&self, row: &Row) -> f64 {
        dot(row, &self.values)
    }

    /// Variance of that prediction.
    pub(super) fn variance(&self, row: &Row) -> f64 {
        let half = forward(&self.factor, row, self.size);
        dot(&half, &half)
    }
}

fn forward(factor: &[[f64; MOST]; MOST], right: &Row, size: usize) -> Row {
    let mut values = [0.0; MOST];
    for i in 0..size {
        let known: f64 = (0..i).map(|k| factor[i][k] * values[k]).sum();
        values[i] = (right[i] - known) / factor[i][i];
    }
    values
}

fn dot(a: &Row, b: &Row) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_recovered_and_the_prior_pulls_to_zero() {
        let row = |x: f64| {
            let mut row = [0.0; MOST];
            row[0] = 1.0;
            row[1] = x;
            row
        };
        let solve = |precision: f64| {
            let mut normal = Normal::new(&[precision; MOST], 2);
            for x in 0..20 {
                normal.add(&row(f64::from(x)), 3.0 - 0.5 * f64::from(x), 1.0);
            }
            normal.solve()
        };
        let free = solve(1e-9);
        assert!((free.predict(&row(30.0)) + 12.0).abs() < 1e-6);
        assert!(free.variance(&row(30.0)) > free.variance(&row(10.0)));
        assert!(solve(1e4).predict(&row(30.0)).abs() < 6.0);
    }
}
