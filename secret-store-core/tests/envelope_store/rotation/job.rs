//! The job: who may work, who no longer, and what a forger of its record gains.

mod forged;
mod lease;
mod other_jobs;
