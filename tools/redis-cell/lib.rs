//! Nothing: only the dependency is built.
