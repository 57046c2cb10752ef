//! Matrices as operands: sums, multiples and products of written matrices become one matrix of expressions.

use super::state::Parser;
use crate::expression::{Binary, Id, Node};
use crate::unreadable::Unreadable;

/// Most terms of a product of two matrices.
const MAX_TERMS: usize = 2_000;

/// Most nodes of an answer in which matrices are combined.
const MAX_NODES: usize = 50_000;

const SHAPES: Unreadable = Unreadable::Notation("combines matrices whose shapes do not fit");

/// Rows, columns and members of a matrix.
struct Matrix {
    rows: usize,
    columns: usize,
    members: Vec<Id>,
}

impl Parser {
    fn matrix(&self, id: Id) -> Option<Matrix> {
        let Node::Matrix(rows, columns, start) = self.out.node(id) else { return None };
        let (rows, columns) = (usize::from(rows), usize::from(columns));
        let members = self.out.items[start as usize..start as usize + rows * columns].to_vec();
        Some(Matrix { rows, columns, members })
    }

    fn push_matrix(&mut self, matrix: &Matrix, first: Id) -> Id {
        let items = self.out.store(&matrix.members);
        self.out.push(Node::Matrix(matrix.rows as u16, matrix.columns as u16, items.start), first)
    }

    /// The matrix that an operation comes to, where one of its operands is a matrix and the operation is defined.
    pub(super) fn matrix_operation(&mut self, operator: Binary, a: Id, b: Id) -> Result<Option<Id>, Unreadable> {
        let is_defined = matches!(operator, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div);
        let is_matrix = |id: Id| matches!(self.out.node(id), Node::Matrix(..));
        if !is_defined || !(is_matrix(a) || is_matrix(b)) {
            return Ok(None);
        }
        self.check_size()?;
        let first = self.out.first[a as usize];
        let combined = match (operator, self.matrix(a), self.matrix(b)) {
            (Binary::Add | Binary::Sub, Some(x), Some(y)) => self.sum(operator, &x, &y, first)?,
            (Binary::Mul, Some(x), Some(y)) => self.product(&x, &y, first)?,
            (Binary::Mul | Binary::Div, Some(matrix), None) => {
                self.each(&matrix, |member| (operator, member, b), first)
            }
            (Binary::Mul, None, Some(matrix)) => self.each(&matrix, |member| (operator, a, member), first),
            _ => return Ok(None),
        };
        Ok(Some(self.push_matrix(&combined, first)))
    }

    /// The negative of a matrix.
    pub(super) fn negated_matrix(&mut self, id: Id) -> Result<Option<Id>, Unreadable> {
        let Some(mut matrix) = self.matrix(id) else { return Ok(None) };
        self.check_size()?;
        let first = self.out.first[id as usize];
        for member in &mut matrix.members {
            *member = self.out.push(Node::Negate(*member), first);
        }
        Ok(Some(self.push_matrix(&matrix, first)))
    }

    fn check_size(&self) -> Result<(), Unreadable> {
        let is_small = self.out.nodes.len() <= MAX_NODES;
        if is_small { Ok(()) } else { Err(Unreadable::Budget("combines matrices that are too large")) }
    }

    fn each(&mut self, matrix: &Matrix, operation: impl Fn(Id) -> (Binary, Id, Id), first: Id) -> Matrix {
        let members = matrix.members.iter().map(|member| {
            let (operator, a, b) = operation(*member);
            self.out.push(Node::Binary(operator, a, b), first)
        });
        Matrix { members: members.collect(), ..*matrix }
    }

    fn sum(&mut self, operator: Binary, x: &Matrix, y: &Matrix, first: Id) -> Result<Matrix, Unreadable> {
        if (x.rows, x.columns) != (y.rows, y.columns) {
            return Err(SHAPES);
        }
        let members =
            x.members.iter().zip(&y.members).map(|(a, b)| self.out.push(Node::Binary(operator, *a, *b), first));
        Ok(Matrix { members: members.collect(), ..*x })
    }

    fn product(&mut self, x: &Matrix, y: &Matrix, first: Id) -> Result<Matrix, Unreadable> {
        if x.columns != y.rows {
            return Err(SHAPES);
        }
        if x.rows * x.columns * y.columns > MAX_TERMS {
            return Err(Unreadable::Budget("a product of matrices is too large"));
        }
        let mut members = Vec::with_capacity(x.rows * y.columns);
        for row in 0..x.rows {
            for column in 0..y.columns {
                let mut total = None;
                for k in 0..x.columns {
                    let (a, b) = (x.members[row * x.columns + k], y.members[k * y.columns + column]);
                    let term = self.out.push(Node::Binary(Binary::Mul, a, b), first);
                    total = Some(match total {
                        Some(total) => self.out.push(Node::Binary(Binary::Add, total, term), first),
                        None => term,
                    });
                }
                members.extend(total);
            }
        }
        Ok(Matrix { rows: x.rows, columns: y.columns, members })
    }
}
