use crate::harness::*;
pub fn document() -> Document {
    Document { title: "x", lines: vec![] }
}
