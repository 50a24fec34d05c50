//! Reduced ordered binary decision diagrams (Bryant 1986): boolean functions in one canonical form each, so that "can this
//! ever happen?" is answered exactly over every combination of answers and facts, without listing them.

use std::collections::HashMap;

/// A function, by node number in its [`Bdd`]; equal functions have equal numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fun(u32);

pub(crate) const FALSE: Fun = Fun(0);
pub(crate) const TRUE: Fun = Fun(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Node {
    variable: u32,
    low: Fun,
    high: Fun,
}

/// Every function made so far.
#[derive(Default)]
pub(crate) struct Bdd {
    nodes: Vec<Node>,
    unique: HashMap<Node, Fun>,
    choices: HashMap<(Fun, Fun, Fun), Fun>,
}

impl Bdd {
    pub(crate) fn new() -> Self {
        let end = |n| Node { variable: u32::MAX, low: Fun(n), high: Fun(n) };
        Self { nodes: vec![end(0), end(1)], ..Self::default() }
    }

    fn node(&mut self, variable: u32, low: Fun, high: Fun) -> Fun {
        if low == high {
            return low;
        }
        let node = Node { variable, low, high };
        let next = Fun(self.nodes.len() as u32);
        let found = *self.unique.entry(node).or_insert(next);
        if found == next {
            self.nodes.push(node);
        }
        found
    }

    pub(crate) fn variable(&mut self, variable: usize) -> Fun {
        self.node(variable as u32, FALSE, TRUE)
    }

    fn top(&self, f: Fun) -> u32 {
        self.nodes[f.0 as usize].variable
    }

    fn halves(&self, f: Fun, variable: u32) -> (Fun, Fun) {
        let node = self.nodes[f.0 as usize];
        if node.variable == variable { (node.low, node.high) } else { (f, f) }
    }

    /// `if f then g else h`.
    pub(crate) fn choose(&mut self, f: Fun, g: Fun, h: Fun) -> Fun {
        match (f, g, h) {
            (TRUE, _, _) => return g,
            (FALSE, _, _) => return h,
            (_, TRUE, FALSE) => return f,
            _ if g == h => return g,
            _ => {}
        }
        if let Some(known) = self.choices.get(&(f, g, h)) {
            return *known;
        }
        let variable = self.top(f).min(self.top(g)).min(self.top(h));
        let ((f0, f1), (g0, g1), (h0, h1)) =
            (self.halves(f, variable), self.halves(g, variable), self.halves(h, variable));
        let low = self.choose(f0, g0, h0);
        let high = self.choose(f1, g1, h1);
        let made = self.node(variable, low, high);
        self.choices.insert((f, g, h), made);
        made
    }

    pub(crate) fn not(&mut self, f: Fun) -> Fun {
        self.choose(f, FALSE, TRUE)
    }

    pub(crate) fn and(&mut self, f: Fun, g: Fun) -> Fun {
        self.choose(f, g, FALSE)
    }

    pub(crate) fn or(&mut self, f: Fun, g: Fun) -> Fun {
        self.choose(f, TRUE, g)
    }

    pub(crate) fn and_not(&mut self, f: Fun, g: Fun) -> Fun {
        let not = self.not(g);
        self.and(f, not)
    }

    pub(crate) fn all(&mut self, all: impl IntoIterator<Item = Fun>) -> Fun {
        all.into_iter().fold(TRUE, |f, g| self.and(f, g))
    }

    pub(crate) fn any(&mut self, any: impl IntoIterator<Item = Fun>) -> Fun {
        any.into_iter().fold(FALSE, |f, g| self.or(f, g))
    }

    /// Whether at least `n` hold, each counted with its weight.
    pub(crate) fn at_least(&mut self, weighted: &[(Fun, i64)], n: i64) -> Fun {
        if n <= 0 {
            return TRUE;
        }
        let Some(((f, weight), rest)) = weighted.split_first() else { return FALSE };
        if weighted.iter().map(|(_, w)| w).sum::<i64>() < n {
            return FALSE;
        }
        let with = self.at_least(rest, n - weight);
        let without = self.at_least(rest, n);
        self.choose(*f, with, without)
    }

    /// The function with some variables fixed.
    pub(crate) fn fix(&mut self, f: Fun, fixed: &HashMap<u32, bool>) -> Fun {
        let mut done = HashMap::new();
        self.fix_node(f, fixed, &mut done)
    }

    fn fix_node(&mut self, f: Fun, fixed: &HashMap<u32, bool>, done: &mut HashMap<Fun, Fun>) -> Fun {
        if f == TRUE || f == FALSE {
            return f;
        }
        if let Some(known) = done.get(&f) {
            return *known;
        }
        let node = self.nodes[f.0 as usize];
        let made = match fixed.get(&node.variable) {
            Some(true) => self.fix_node(node.high, fixed, done),
            Some(false) => self.fix_node(node.low, fixed, done),
            None => {
                let low = self.fix_node(node.low, fixed, done);
                let high = self.fix_node(node.high, fixed, done);
                self.node(node.variable, low, high)
            }
        };
        done.insert(f, made);
        made
    }

    /// A way to make the function true with the least total weight of true variables; `None` where it never is.
    pub(crate) fn lightest(&self, f: Fun, weight: &[u64]) -> Option<Vec<bool>> {
        const NEVER: u64 = u64::MAX / 2;
        let mut cost = vec![NEVER; self.nodes.len()];
        cost[TRUE.0 as usize] = 0;
        // A node is made after both its halves, so ascending order is enough.
        for (at, node) in self.nodes.iter().enumerate().skip(2) {
            let high = cost[node.high.0 as usize] + weight[node.variable as usize];
            cost[at] = cost[node.low.0 as usize].min(high).min(NEVER);
        }
        if cost[f.0 as usize] >= NEVER {
            return None;
        }
        let mut values = vec![false; weight.len()];
        let mut at = f;
        while at != TRUE {
            let node = self.nodes[at.0 as usize];
            let high = cost[node.high.0 as usize] + weight[node.variable as usize];
            let take = high < cost[node.low.0 as usize];
            values[node.variable as usize] = take;
            at = if take { node.high } else { node.low };
        }
        Some(values)
    }

    /// How many ways `variables` variables can make the function true.
    pub(crate) fn count(&self, f: Fun, variables: usize) -> f64 {
        let mut share = vec![0.0_f64; self.nodes.len()];
        share[TRUE.0 as usize] = 1.0;
        for (at, node) in self.nodes.iter().enumerate().skip(2) {
            share[at] = f64::midpoint(share[node.low.0 as usize], share[node.high.0 as usize]);
        }
        share[f.0 as usize] * 2f64.powi(variables as i32)
    }

    /// The value of the function.
    #[cfg(test)]
    pub(crate) fn value(&self, f: Fun, values: &[bool]) -> bool {
        let mut at = f;
        while at != TRUE && at != FALSE {
            let node = self.nodes[at.0 as usize];
            at = if values[node.variable as usize] { node.high } else { node.low };
        }
        at == TRUE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_four_variables_built_two_ways_is_one_node() {
        let mut bdd = Bdd::new();
        let v: Vec<Fun> = (0..4).map(|n| bdd.variable(n)).collect();
        for table in 0u32..1 << 8 {
            // A function of three variables as a sum of products, and again by choosing on the last variable first.
            let mut sum = FALSE;
            for row in 0..8 {
                if table >> row & 1 == 1 {
                    let mut product = TRUE;
                    for (n, var) in v.iter().take(3).enumerate() {
                        product = if row >> n & 1 == 1 { bdd.and(product, *var) } else { bdd.and_not(product, *var) };
                    }
                    sum = bdd.or(sum, product);
                }
            }
            let mut tree = [FALSE; 8];
            for (row, leaf) in tree.iter_mut().enumerate() {
                *leaf = if table >> row & 1 == 1 { TRUE } else { FALSE };
            }
            let halves: Vec<Fun> = (0..4).map(|n| bdd.choose(v[2], tree[n + 4], tree[n])).collect();
            let quarters: Vec<Fun> = (0..2).map(|n| bdd.choose(v[1], halves[n + 2], halves[n])).collect();
            let whole = bdd.choose(v[0], quarters[1], quarters[0]);
            assert_eq!(sum, whole);
            assert_eq!(bdd.count(sum, 3) as u32, table.count_ones());
            for row in 0..8u32 {
                let values: Vec<bool> = (0..4).map(|n| row >> n & 1 == 1).collect();
                assert_eq!(bdd.value(sum, &values), table >> row & 1 == 1);
            }
        }
    }

    #[test]
    fn the_lightest_way_has_the_fewest_true_variables() {
        let mut bdd = Bdd::new();
        let v: Vec<Fun> = (0..4).map(|n| bdd.variable(n)).collect();
        let two = bdd.at_least(&[(v[0], 1), (v[1], 1), (v[2], 2), (v[3], 1)], 2);
        assert_eq!(bdd.lightest(two, &[1; 4]), Some(vec![false, false, true, false]));
        assert_eq!(bdd.lightest(FALSE, &[1; 4]), None);
        // Eight with the heavy one, and four of the rest with two or three.
        assert_eq!(bdd.count(two, 4) as u32, 12);
    }
}
