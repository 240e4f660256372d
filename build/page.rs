//! The page as it is served: what stands in `client/`, without what is only there for the people who work on it, so that a visit
//! is light. Names that other files or pages know stay, and one file stays one file.

use std::path::Path;

use html5gum::{Token, Tokenizer};
use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_minifier::{CompressOptions, Minifier, MinifierOptions};
use oxc_parser::Parser;
use oxc_span::SourceType;

/// Writes the lighter copy of a directory; what is there already is replaced.
pub(crate) fn lighten(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{} could not be written: {error}", to.display());
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(failed)?;
    }
    std::fs::create_dir_all(to).map_err(failed)?;
    let unread = |error: std::io::Error| format!("{} could not be read: {error}", from.display());
    for entry in std::fs::read_dir(from).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            lighten(&source, &target)?;
        } else {
            let text = std::fs::read_to_string(&source).map_err(unread)?;
            let light = file(&source, &text).map_err(|error| format!("{}: {error}", source.display()))?;
            std::fs::write(&target, light).map_err(failed)?;
        }
    }
    Ok(())
}

fn file(path: &Path, text: &str) -> Result<String, String> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("js") => module(text),
        Some("css") => Ok(minifier::css::minify(text)?.to_string()),
        Some("html") => Ok(document(text)),
        _ => Ok(text.to_owned()),
    }
}

fn module(text: &str) -> Result<String, String> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::mjs()).parse();
    if let Some(mistake) = parsed.diagnostics.first() {
        return Err(mistake.to_string());
    }
    let mut program = parsed.program;
    let compress = Some(CompressOptions::smallest());
    let minified =
        Minifier::new(MinifierOptions { compress, ..MinifierOptions::default() }).minify(&allocator, &mut program);
    let written = Codegen::new()
        .with_options(CodegenOptions::minify())
        .with_scoping(minified.scoping)
        .with_private_member_mappings(minified.class_private_mappings)
        .build(&program);
    Ok(written.code.to_owned())
}

/// Without comments and indentation. There is neither preformatted text in it nor a script.
fn document(text: &str) -> String {
    let mut html = String::new();
    for Ok(token) in Tokenizer::new(text) {
        match token {
            Token::StartTag(tag) => {
                html.push('<');
                html.push_str(&utf8(&tag.name));
                for (name, value) in &tag.attributes {
                    html.push(' ');
                    html.push_str(&utf8(name));
                    if !value.is_empty() {
                        html.push_str(&format!("=\"{}\"", escaped(&utf8(value)).replace('"', "&quot;")));
                    }
                }
                html.push_str(if tag.self_closing { "/>" } else { ">" });
            }
            Token::EndTag(tag) => html.push_str(&format!("</{}>", utf8(&tag.name))),
            Token::String(text) => push_collapsed(&mut html, &escaped(&utf8(&text))),
            Token::Doctype(doctype) => html.push_str(&format!("<!doctype {}>", utf8(&doctype.name))),
            Token::Comment(_) | Token::Error(_) => {}
        }
    }
    html
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A browser shows any amount of white space as one blank.
fn push_collapsed(html: &mut String, text: &str) {
    for sign in text.chars().map(|sign| if sign.is_ascii_whitespace() { ' ' } else { sign }) {
        if sign != ' ' || !html.ends_with(' ') {
            html.push(sign);
        }
    }
}
