//! The functions of Terraform that the modules call ("Built-in Functions", Terraform language documentation).

use hcl::Value;
use hcl::eval::{Context, FuncArgs, FuncDef, ParamType};
use hcl::value::Map;
use regex_lite::Regex;

type Answer = Result<Value, String>;
type Function = fn(FuncArgs) -> Answer;

pub(super) fn declare(context: &mut Context<'_>) {
    let functions: [(&str, Function); 15] = [
        ("alltrue", |args| Ok(Value::from(list(&args[0])?.iter().all(|value| *value == Value::Bool(true))))),
        ("concat", |args| lists(&args).map(|lists| Value::Array(lists.concat()))),
        ("contains", |args| Ok(Value::from(list(&args[0])?.contains(&args[1])))),
        ("distinct", |args| distinct(list(&args[0])?)),
        ("flatten", |args| Ok(Value::Array(flat(list(&args[0])?)))),
        ("join", |args| join(text(&args[0])?, list(&args[1])?)),
        ("jsondecode", |args| serde_json::from_str(text(&args[0])?).map_err(|error| error.to_string())),
        ("jsonencode", |args| serde_json::to_string(&args[0]).map(Value::from).map_err(|error| error.to_string())),
        ("keys", |args| Ok(Value::Array(object(&args[0])?.keys().cloned().map(Value::from).collect()))),
        ("length", |args| length(&args[0]).map(Value::from)),
        ("lookup", |args| Ok(object(&args[0])?.get(text(&args[1])?).unwrap_or(&args[2]).clone())),
        ("merge", |args| merge(&args)),
        ("regexall", |args| regexall(text(&args[0])?, text(&args[1])?)),
        ("split", |args| Ok(text(&args[1])?.split(text(&args[0])?).map(Value::from).collect())),
        ("tostring", |args| Ok(Value::from(args[0].to_string()))),
    ];
    for (name, function) in functions {
        context.declare_func(
            hcl::Identifier::new(name).expect("a name"),
            FuncDef::builder().variadic_param(ParamType::Any).build(function),
        );
    }
    context.declare_func(
        hcl::Identifier::new("values").expect("a name"),
        FuncDef::builder()
            .param(ParamType::Any)
            .build(|args| Ok(Value::Array(object(&args[0])?.values().cloned().collect()))),
    );
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("{value} is no list"))
}

fn lists(values: &[Value]) -> Result<Vec<Vec<Value>>, String> {
    values.iter().map(|value| list(value).cloned()).collect()
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{value} is no object"))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is no text"))
}

fn distinct(values: &[Value]) -> Answer {
    let mut all: Vec<Value> = Vec::new();
    for value in values {
        if !all.contains(value) {
            all.push(value.clone());
        }
    }
    Ok(Value::Array(all))
}

fn flat(values: &[Value]) -> Vec<Value> {
    let one = |value: &Value| match value {
        Value::Array(values) => flat(values),
        other => vec![other.clone()],
    };
    values.iter().flat_map(one).collect()
}

fn join(separator: &str, values: &[Value]) -> Answer {
    let texts = values.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::from(texts.join(separator)))
}

/// Of a text in characters.
fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::Array(values) => Ok(values.len()),
        Value::Object(members) => Ok(members.len()),
        Value::String(text) => Ok(text.chars().count()),
        other => Err(format!("{other} has no length")),
    }
}

fn merge(values: &[Value]) -> Answer {
    let mut all = Map::new();
    for value in values {
        all.extend(object(value)?.clone());
    }
    Ok(Value::Object(all))
}

fn regexall(pattern: &str, text: &str) -> Answer {
    let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
    Ok(pattern.find_iter(text).map(|found| Value::from(found.as_str())).collect())
}
