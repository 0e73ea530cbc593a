//! IAM and key policies, evaluated on real requests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::dynamodb::REGION;
use crate::exchange::{Request, Response};
use crate::kms::ACCOUNT;

mod asked;
mod condition;
mod decide;
mod document;
mod pattern;
#[cfg(test)]
mod tests;

pub use asked::Asked;
pub use decide::Verdict;

use asked::Place;
use decide::Caller;
use document::{Attached, Document};

/// Stands where AWS decides whether a caller may do what a request asks: the gate of a
/// [`FaultProxy`](crate::FaultProxy) before DynamoDB or KMS.
///
/// It works out the actions of a request, their resources, the partition keys of its items and its encryption contexts,
/// and evaluates the caller's policies and, for KMS, the key's: nothing is allowed by default, and an explicit deny wins.
/// Whatever it does not know (an operation, a policy element, a condition operator, a policy variable) it does not guess at:
/// documents with it are refused, and a request with it is refused and told by [`take_decisions`](Self::take_decisions).
#[derive(Debug)]
pub struct PolicyGate {
    caller: String,
    place: Place,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    caller: Caller,
    key_policies: BTreeMap<String, Document>,
    decided: Vec<Decision>,
    unknown: Vec<String>,
}

/// One action of one request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// What was asked.
    pub asked: Asked,
    /// What was decided.
    pub verdict: Verdict,
}

impl Decision {
    /// Whether it may be done.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self.verdict, Verdict::Allowed(_))
    }
}

impl PolicyGate {
    /// For one caller, a role's or user's ARN, who may do nothing yet. Tables are those of [`REGION`] and [`ACCOUNT`].
    ///
    /// # Panics
    ///
    /// When the ARN is none.
    #[must_use]
    pub fn new(caller: &str) -> Self {
        let account = pattern::account_of(caller).expect("the ARN of a role or user");
        let place = Place { region: REGION.to_owned(), account: ACCOUNT.to_owned(), key_names: BTreeMap::new() };
        let known = Caller { arn: caller.to_owned(), account, policies: Vec::new() };
        let state = State { caller: known, key_policies: BTreeMap::new(), decided: Vec::new(), unknown: Vec::new() };
        Self { caller: caller.to_owned(), place, state: Mutex::new(state) }
    }

    /// Declares what an alias or key id names, as requests may name keys by them.
    #[must_use]
    pub fn with_key_name(mut self, name: &str, arn: &str) -> Self {
        self.place.key_names.insert(name.to_owned(), arn.to_owned());
        self
    }

    /// Who asks.
    #[must_use]
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// Gives the caller these policies and no others.
    ///
    /// # Errors
    ///
    /// What in a document this evaluator does not know.
    pub fn set_policies(&self, documents: &[&str]) -> Result<(), String> {
        let parse = |text: &&str| Document::parse(text, Attached::ToIdentity);
        self.state().caller.policies = documents.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Gives a key this policy. A key without one admits nobody.
    ///
    /// # Errors
    ///
    /// What in the document this evaluator does not know.
    pub fn set_key_policy(&self, key: &str, document: &str) -> Result<(), String> {
        let document = Document::parse(document, Attached::ToResource)?;
        self.state().key_policies.insert(key.to_owned(), document);
        Ok(())
    }

    /// What to answer instead of passing a request on; `None` for one that may pass.
    pub fn refusal(&self, request: &Request) -> Option<Response> {
        match asked::asked(request, &self.place) {
            Ok(all) => {
                all.into_iter().map(|asked| self.decide(asked)).find(|one| !one.is_allowed()).map(|one| denied(&one))
            }
            Err(unknown) => {
                let answer = Response::error(400, "UnknownToTheEvaluator", &unknown);
                self.state().unknown.push(unknown);
                Some(answer)
            }
        }
    }

    /// Decides about one action, and remembers it.
    pub fn decide(&self, asked: Asked) -> Decision {
        let mut state = self.state();
        let decided = if asked.action.starts_with("kms:") {
            match state.key_policies.get(&asked.resource) {
                Some(policy) => decide::decide(&state.caller, Some(policy), &asked),
                None => Verdict::NotAllowedByKeyPolicy,
            }
        } else {
            decide::decide(&state.caller, None, &asked)
        };
        let decision = Decision { asked, verdict: decided };
        state.decided.push(decision.clone());
        decision
    }

    /// What was decided since the start or since it was taken last.
    ///
    /// # Panics
    ///
    /// When there was a request that could not be evaluated: whatever the test shows, it does not show this.
    #[must_use]
    pub fn take_decisions(&self) -> Vec<Decision> {
        let mut state = self.state();
        assert!(state.unknown.is_empty(), "requests that could not be evaluated: {:?}", state.unknown);
        std::mem::take(&mut state.decided)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both services answer so.
fn denied(decision: &Decision) -> Response {
    let Asked { action, resource, .. } = &decision.asked;
    let message = format!("not authorized to perform: {action} on resource: {resource} ({:?})", decision.verdict);
    Response::error(400, "AccessDeniedException", &message)
}
