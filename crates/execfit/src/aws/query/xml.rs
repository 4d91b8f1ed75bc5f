//! From XML to the members that are asked for.

use super::shape::Shape;
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

/// The most elements and texts of an answer: a group of a thousand machines has some ten thousand.
const NODES: u32 = 1_000_000;

/// The members that a shape names, of the response to an operation: `<DescribeThingsResponse>`. Results of the Query
/// protocol stand in one element more, which is not told. `None` where it is no such XML. Names are of whatever namespace:
/// each version of an API has its own.
pub(super) fn read(text: &str, operation: &str, shape: &Shape) -> Option<Value> {
    let document = parsed(text)?;
    let root = document.root_element();
    if !root.has_tag_name(&format!("{operation}Response")[..]) {
        return None;
    }
    let told = value(root, shape)?;
    let result =
        told.as_object()?.iter().find(|(name, _)| name.ends_with("Result")).map(|(_, result)| result);
    let told = result.cloned().unwrap_or(told);
    (!told.as_object()?.is_empty()).then_some(told)
}

/// Code and message of an error: `<ErrorResponse><Error>` (Query) or `<Response><Errors><Error>` (EC2 Query).
pub(super) fn error(text: &str) -> (Option<String>, Option<String>) {
    let Some(document) = parsed(text) else { return (None, None) };
    let mut elements = document.descendants();
    let Some(error) = elements.find(|node| node.has_tag_name("Error")) else { return (None, None) };
    let member =
        |name: &str| child(error, name).and_then(|node| node.text()).map(|text| text.trim().to_string());
    (member("Code"), member("Message"))
}

/// No entities of a document's own, which could grow without end, and a bounded number of nodes.
fn parsed(text: &str) -> Option<Document<'_>> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).ok()
}

fn value(node: Node<'_, '_>, shape: &Shape) -> Option<Value> {
    let text = || node.text().unwrap_or_default().trim();
    match shape {
        Shape::Text => Some(text().into()),
        Shape::Number => text().parse::<i64>().ok().map(Value::from),
        Shape::Truth => text().parse::<bool>().ok().map(Value::from),
        Shape::List(shape) => {
            let items = node.children().filter(|one| one.has_tag_name("member") || one.has_tag_name("item"));
            Some(items.filter_map(|item| value(item, shape)).collect())
        }
        Shape::Structure(members) => {
            let mut told = Map::new();
            for member in *members {
                let found = child(node, member.element).and_then(|node| value(node, &member.shape));
                told.extend(found.map(|found| (member.name.to_string(), found)));
            }
            Some(Value::Object(told))
        }
    }
}

fn child<'d, 'i>(node: Node<'d, 'i>, name: &str) -> Option<Node<'d, 'i>> {
    node.children().find(|one| one.has_tag_name(name))
}
