//! A Terraform module, evaluated: variables with their validations, local values, outputs with their preconditions.

use std::collections::BTreeMap;
use std::path::Path;

use hcl::eval::{Context, Evaluate};
use hcl::value::Map;
use hcl::{Block, Body, Expression, Value};

use super::functions;

/// The parts of a module by which its outputs come about.
pub(super) struct Module {
    /// By name: the default, and the validations.
    variables: BTreeMap<String, (Option<Expression>, Vec<Expression>)>,
    locals: BTreeMap<String, Expression>,
    policy: Expression,
    preconditions: Vec<Expression>,
}

impl Module {
    /// Every file of a folder.
    pub(super) fn read(folder: &Path) -> Self {
        let mut module = Self {
            variables: BTreeMap::new(),
            locals: BTreeMap::new(),
            policy: Expression::Null,
            preconditions: Vec::new(),
        };
        for file in std::fs::read_dir(folder).expect("a folder") {
            let path = file.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("a text");
            let body: Body = hcl::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(body.attributes().count(), 0, "{}", path.display());
            body.blocks().for_each(|block| module.add(block));
        }
        assert_ne!(module.policy, Expression::Null, "{}", folder.display());
        module
    }

    fn add(&mut self, block: &Block) {
        let label = block.labels().first().map(|label| label.as_str().to_owned()).unwrap_or_default();
        match (block.identifier(), &*label) {
            ("terraform", "") => {}
            ("variable", _) => {
                let variable = (attribute(block.body(), "default"), conditions(block.body(), "validation"));
                self.variables.insert(label, variable);
            }
            ("locals", "") => {
                let locals = block.body().attributes();
                self.locals.extend(locals.map(|local| (local.key().to_owned(), local.expr().clone())));
            }
            ("output", "policy") => {
                self.policy = attribute(block.body(), "value").expect("a value");
                self.preconditions = conditions(block.body(), "precondition");
            }
            other => panic!("the test knows no {other:?}"),
        }
    }

    /// The policy for these variables; `None` where a validation or precondition refuses them.
    pub(super) fn policy(&self, given: &[(&str, Value)]) -> Option<serde_json::Value> {
        let mut context = Context::new();
        functions::declare(&mut context);
        let mut variables = Map::new();
        for (name, (default, _)) in &self.variables {
            let given = given.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone());
            let value = given.or_else(|| default.as_ref().map(|default| evaluated(default, &context)));
            variables.insert(name.clone(), value.unwrap_or_else(|| panic!("{name} has no value")));
        }
        for (name, _) in given {
            assert!(self.variables.contains_key(*name), "there is no variable {name}");
        }
        context.declare_var("var", Value::Object(variables));
        let is_true = |expression: &Expression, context: &Context<'_>| match evaluated(expression, context) {
            Value::Bool(holds) => holds,
            other => panic!("{expression} is {other}"),
        };
        let mut validations = self.variables.values().flat_map(|(_, validations)| validations);
        if !validations.all(|validation| is_true(validation, &context)) {
            return None;
        }
        self.declare_locals(&mut context);
        if !self.preconditions.iter().all(|precondition| is_true(precondition, &context)) {
            return None;
        }
        let policy = evaluated(&self.policy, &context);
        Some(serde_json::from_str(policy.as_str().expect("a text")).expect("JSON"))
    }

    /// In whatever order they depend on one another.
    fn declare_locals(&self, context: &mut Context<'_>) {
        let (mut known, mut open) = (Map::new(), self.locals.iter().collect::<Vec<_>>());
        while !open.is_empty() {
            let before = open.len();
            let mut last = None;
            open.retain(|(name, expression)| {
                match expression.evaluate(context) {
                    Ok(value) => drop(known.insert((*name).clone(), value)),
                    Err(error) => last = Some(format!("{name}: {error}")),
                }
                !known.contains_key(*name)
            });
            context.declare_var("local", Value::Object(known.clone()));
            assert!(open.len() < before, "{last:?}");
        }
    }
}

fn attribute(body: &Body, name: &str) -> Option<Expression> {
    body.attributes().find(|attribute| attribute.key() == name).map(|attribute| attribute.expr().clone())
}

fn conditions(body: &Body, kind: &str) -> Vec<Expression> {
    let blocks = body.blocks().filter(|block| block.identifier() == kind);
    blocks.map(|block| attribute(block.body(), "condition").expect("a condition")).collect()
}

fn evaluated(expression: &Expression, context: &Context<'_>) -> Value {
    expression.evaluate(context).unwrap_or_else(|error| panic!("{expression}: {error}"))
}
