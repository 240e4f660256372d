//! What a page loads: the links in HTML, JavaScript modules and style sheets, as far as a browser would follow them without a
//! click. Only relative ones and those of the same origin: what others serve is theirs.

use html5gum::{DefaultEmitter, EndTag, StartTag, Token, Tokenizer};
use url::Url;

/// What browsers demand of a file, by how it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    Script,
    Style,
    /// An icon, a picture, a font: browsers look at the content.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    pub(super) url: Url,
    pub(super) used_as: Use,
}

/// The links of a file of this content type; none of one that has no links.
pub(super) fn links(base: &Url, content_type: &str, text: &str) -> Vec<Link> {
    let found = match kind(content_type) {
        Some(Kind::Html) => html(text),
        Some(Kind::Script) => Found { base: None, links: script(text) },
        Some(Kind::Style) => Found { base: None, links: style(text) },
        None => return Vec::new(),
    };
    // Relative to the file, or to what the page says.
    let from = found.base.and_then(|given| base.join(&given).ok()).unwrap_or_else(|| base.clone());
    let resolved = found.links.into_iter().filter_map(|(target, used_as)| {
        let mut url = from.join(&target).ok()?;
        url.set_fragment(None);
        (url.origin() == base.origin()).then_some(Link { url, used_as })
    });
    resolved.collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Script,
    Style,
}

/// What a content type says, parameters apart.
pub(super) fn kind(content_type: &str) -> Option<Kind> {
    match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/html" => Some(Kind::Html),
        "text/javascript" | "application/javascript" | "application/x-javascript" => Some(Kind::Script),
        "text/css" => Some(Kind::Style),
        _ => None,
    }
}

#[derive(Default)]
struct Found {
    base: Option<String>,
    links: Vec<(String, Use)>,
}

fn html(text: &str) -> Found {
    let mut emitter = DefaultEmitter::default();
    // Or a '<' in an inline script would begin a tag.
    emitter.naively_switch_states(true);
    let mut found = Found::default();
    // Where text counts: inside of a module, or of a style sheet.
    let mut inside: Option<Kind> = None;
    for token in Tokenizer::new_with_emitter(text, emitter) {
        match token {
            Ok(Token::StartTag(tag)) => inside = start_tag(&tag, &mut found),
            Ok(Token::EndTag(EndTag { .. })) => inside = None,
            Ok(Token::String(text)) => {
                let text = String::from_utf8_lossy(&text);
                match inside {
                    Some(Kind::Script) => found.links.extend(script(&text)),
                    Some(Kind::Style) => found.links.extend(style(&text)),
                    Some(Kind::Html) | None => {}
                }
            }
            Ok(_) => {}
        }
    }
    found
}

/// Notes what a tag loads; says what its text is.
fn start_tag(tag: &StartTag<()>, found: &mut Found) -> Option<Kind> {
    let attribute = |name: &[u8]| {
        let value = tag.attributes.get(name)?;
        Some(String::from_utf8_lossy(value).trim().to_owned()).filter(|value| !value.is_empty())
    };
    match tag.name.as_ref() as &[u8] {
        b"base" => found.base = found.base.take().or_else(|| attribute(b"href")),
        b"script" => {
            let kind = attribute(b"type").map(|kind| kind.to_ascii_lowercase());
            let is_module = kind.as_deref() == Some("module");
            // Any other type is data.
            if is_module || kind.is_none_or(|kind| kind.contains("javascript")) {
                found.links.extend(attribute(b"src").map(|target| (target, Use::Script)));
                return is_module.then_some(Kind::Script);
            }
        }
        b"style" => return Some(Kind::Style),
        b"link" => {
            let relation = attribute(b"rel").unwrap_or_default().to_ascii_lowercase();
            let has = |wanted: &str| relation.split_ascii_whitespace().any(|word| word == wanted);
            let used_as = if has("stylesheet") && !has("alternate") {
                Use::Style
            } else if has("modulepreload") {
                Use::Script
            } else if has("icon") || has("manifest") || has("preload") {
                Use::Other
            } else {
                return None;
            };
            found.links.extend(attribute(b"href").map(|target| (target, used_as)));
        }
        b"img" | b"audio" | b"video" | b"source" | b"track" => {
            found.links.extend(attribute(b"src").map(|target| (target, Use::Other)));
        }
        _ => {}
    }
    None
}

/// The specifiers of a module's imports, dynamic ones with a constant name included. Bare names need an import map, and are
/// left to whoever wrote it.
fn script(text: &str) -> Vec<(String, Use)> {
    let tokens = words(text);
    let at = |index: usize| tokens.get(index);
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let Word::Text(target) = token else { continue };
        let before = |back: usize| index.checked_sub(back).and_then(at);
        let is_import = match before(1) {
            // import … from "x", export … from "x"
            Some(Word::Name("from")) => before(2).is_some_and(|word| *word != Word::Sign('.')),
            Some(Word::Name("import")) => before(2) != Some(&Word::Sign('.')),
            // import("x")
            Some(Word::Sign('(')) => {
                before(2) == Some(&Word::Name("import"))
                    && before(3) != Some(&Word::Sign('.'))
                    && matches!(at(index + 1), Some(Word::Sign(')' | ',')))
            }
            _ => false,
        };
        let is_path = ["./", "../", "/", "http://", "https://"].iter().any(|start| target.starts_with(start));
        if is_import && is_path {
            found.push(((*target).to_owned(), Use::Script));
        }
    }
    found
}

/// A token of JavaScript, as far as imports need them.
#[derive(Debug, PartialEq, Eq)]
enum Word<'a> {
    Name(&'a str),
    /// The content of a string, as written.
    Text(&'a str),
    Sign(char),
}

/// Comments, regular expressions and template literals with expressions in them are left out. What is misread as one of them costs an
/// import that is not looked at; a string ends with its line at the latest, so it costs no more.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => end_of_comment(rest),
            '/' if begins_expression(words.last()) => end_of(rest, '/').unwrap_or(1),
            '"' | '\'' => match end_of(rest, first) {
                Some(length) => {
                    words.push(Word::Text(&rest[1..length - 1]));
                    length
                }
                None => 1,
            },
            '`' => {
                let length = end_of_template(rest);
                // One that is a mere string is what minifiers make of strings.
                let inside = rest[1..length].strip_suffix('`').filter(|inside| !inside.contains(['$', '\\']));
                words.extend(inside.map(Word::Text));
                length
            }
            c if is_name(c) => {
                let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                words.push(Word::Name(&rest[..length]));
                length
            }
            c => {
                if !c.is_whitespace() {
                    words.push(Word::Sign(c));
                }
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    words
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Whether a '/' here begins a regular expression, and is no division.
fn begins_expression(before: Option<&Word<'_>>) -> bool {
    match before {
        None => true,
        Some(Word::Sign(sign)) => !matches!(sign, ')' | ']' | '}'),
        Some(Word::Name(name)) => {
            matches!(*name, "return" | "typeof" | "case" | "in" | "of" | "void" | "await" | "yield")
        }
        Some(Word::Text(_)) => false,
    }
}

fn end_of_comment(text: &str) -> usize {
    text.get(2..).and_then(|inside| inside.find("*/")).map_or(text.len(), |end| end + 4)
}

/// The length up to and with the closing sign on this line; a backslash hides one.
fn end_of(text: &str, closing: char) -> Option<usize> {
    let mut is_hidden = false;
    let mut is_in_class = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            '\n' if !is_hidden => return None,
            _ if is_hidden => is_hidden = false,
            '\\' => is_hidden = true,
            '[' if closing == '/' => is_in_class = true,
            ']' if closing == '/' => is_in_class = false,
            c if c == closing && !is_in_class => return Some(index + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// The length of a template literal, those in its expressions included.
fn end_of_template(text: &str) -> usize {
    let bytes = text.as_bytes();
    // One entry for each literal that is open: how many braces are open in its expression; none while in its text.
    let mut open: Vec<Option<usize>> = vec![None];
    let mut index = 1;
    while let Some(byte) = bytes.get(index) {
        index += 1;
        match (open.last_mut(), byte) {
            (Some(None), b'\\') => index += 1,
            (Some(None), b'`') => {
                open.pop();
                if open.is_empty() {
                    return index;
                }
            }
            (Some(depth @ None), b'$') if bytes.get(index) == Some(&b'{') => {
                index += 1;
                *depth = Some(1);
            }
            (Some(Some(depth)), b'{') => *depth += 1,
            (Some(Some(1)), b'}') => {
                if let Some(depth) = open.last_mut() {
                    *depth = None;
                }
            }
            (Some(Some(depth)), b'}') => *depth -= 1,
            (Some(Some(_)), b'`') => open.push(None),
            _ => {}
        }
    }
    text.len()
}

/// `@import` and `url(…)`.
fn style(text: &str) -> Vec<(String, Use)> {
    const IMPORT: &str = "@import";
    const URL: &str = "url(";
    let mut found = Vec::new();
    let mut rest = text;
    let mut is_import = false;
    while let Some(first) = rest.chars().next() {
        let mut note = |target: &str, used_as| {
            // '#' is a part of the same document.
            if !target.is_empty() && !target.starts_with('#') {
                found.push((target.to_owned(), used_as));
            }
        };
        let used_as = if is_import { Use::Style } else { Use::Other };
        let length = if rest.starts_with("/*") {
            end_of_comment(rest)
        } else if starts_with(rest, IMPORT) {
            is_import = true;
            IMPORT.len()
        } else if starts_with(rest, URL) {
            let inside = rest[URL.len()..].trim_start();
            let space = rest.len() - inside.len();
            match inside.chars().next().filter(|c| matches!(c, '"' | '\'')).and_then(|quote| end_of(inside, quote)) {
                Some(length) => {
                    note(&inside[1..length - 1], used_as);
                    space + length
                }
                None => {
                    let length = inside.find(')').unwrap_or(inside.len());
                    note(inside[..length].trim(), used_as);
                    space + length
                }
            }
        } else if matches!(first, '"' | '\'') {
            let length = end_of(rest, first).unwrap_or(1);
            if is_import && length >= 2 {
                note(&rest[1..length - 1], used_as);
            }
            length
        } else {
            is_import &= !matches!(first, ';' | '{');
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content_type: &str, text: &str) -> Vec<String> {
        let base: Url = "https://bucket.test/app/index.html".parse().unwrap();
        let links = links(&base, content_type, text);
        links.iter().map(|link| format!("{:?} {}", link.used_as, link.url.path())).collect()
    }

    #[test]
    fn a_page_loads_its_scripts_styles_and_pictures() {
        let page = r#"<!doctype html><link rel="stylesheet" href="style.css"><link rel=icon href="data:image/svg+xml,x">
            <link rel="alternate" href="feed.xml"><script type="module" src="./script.js?v=1"></script><script>if (a<b) "x"</script>
            <!-- <script src="gone.js"></script> --><img src=/logo.png><script src="https://elsewhere.test/x.js"></script>
            <script type="module">import "./inline.js"; const tag = "<img src='no.png'>";</script>
            <script type="application/json">import "./data.js"</script><style>@import "more.css";</style>"#;
        assert_eq!(
            found("text/html; charset=utf-8", page),
            [
                "Style /app/style.css",
                "Script /app/script.js",
                "Other /logo.png",
                "Script /app/inline.js",
                "Style /app/more.css"
            ]
        );
        assert_eq!(found("text/html", "<base href='../other/'><script src=a.js></script>"), ["Script /other/a.js"]);
    }

    #[test]
    fn a_module_loads_what_it_imports_and_nothing_that_only_looks_so() {
        let module = r#"
            import a from "./a.js"; import { b, c as d } from '../b.js';import"./c.js";
            export * from "./d.js"; export { e } from "/e.js"
            const later = () => import("./f.js"), with_options = import('./g.js', {});
            import config from "bare"; // import "./comment.js"
            /* import "./comment.js" */ const text = 'import "./text.js"', it = "it's";
            const template = `import "./template.js" ${call(`} import "./inner.js"`)} '`;
            const expression = /["'\/[/"]]import "/g, division = 4 / 2 / "x".length;
            loader.import("./method.js"); Array.from("./from.js"); import(name); import.meta.url;
            import z from "https://bucket.test/z.js"; import y from "https://elsewhere.test/y.js";
            import(`./h.js`);import(`./${name}.js`);
        "#;
        let expected =
            ["/app/a.js", "/b.js", "/app/c.js", "/app/d.js", "/e.js", "/app/f.js", "/app/g.js", "/z.js", "/app/h.js"];
        assert_eq!(found("text/javascript", module), expected.map(|path| format!("Script {path}")));
    }

    #[test]
    fn a_style_sheet_loads_what_it_imports_and_what_it_shows() {
        let sheet = r#"@import url(base.css) screen; @IMPORT 'theme.css'; /* url(no.png) */
            a { background: url( "a.png" ), url(#gradient); content: "url(text.png)" } b { src: url('b.woff2') }"#;
        assert_eq!(
            found("text/css", sheet),
            ["Style /app/base.css", "Style /app/theme.css", "Other /app/a.png", "Other /app/b.woff2"]
        );
    }

    #[test]
    fn what_ends_in_the_middle_ends_nothing_else() {
        for broken in ["`${`", "\"", "'\\", "/*", "/[", "`\\", "`é${", "import \"", "url(", "@import", "@import '"] {
            for content_type in ["text/html", "text/javascript", "text/css"] {
                found(content_type, broken);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_read(text in ".*") {
            for content_type in ["text/html", "text/javascript", "text/css"] {
                found(content_type, &text);
                found(content_type, &format!("<script type=module>{text}"));
            }
        }
    }
}
