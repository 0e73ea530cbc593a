//! Several key providers as one: who is asked, who is not, and what becomes of their answers.

mod support;

mod mocks;
mod moving;
mod routing;
mod routing_model;
mod shared_ids;
mod store;
