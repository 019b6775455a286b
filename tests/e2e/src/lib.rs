//! Carries the end-to-end tests in `tests/all`: the real function binaries against real processes. Nothing else.
