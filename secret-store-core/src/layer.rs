//! What a service needs around the bare store, each as a layer: the trait that it wraps is the trait that it has.
//!
//! A layer holds an `Arc` of what it wraps and forwards every method, the provided ones too, so that nothing beneath it loses
//! what it does better. Which layer lies over which is the user's choice, and decides what each of them sees.

pub(crate) mod blind_names;
pub(crate) mod traced;
