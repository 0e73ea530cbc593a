//! The diagnosis of roles: what it finds, what it says, and that it does nothing else.

mod denied;
mod keys;
mod setup;
mod table;
mod way;
mod well;
