//! A small writer of SVG and HTML text: elements, attributes, and everything escaped.

use std::fmt::Write as _;

/// Text with the characters that mean something in markup replaced.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Markup can't hold them in any form.
            control if control < ' ' && !matches!(control, '\n' | '\t') => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Markup under construction.
#[derive(Debug, Default)]
pub(super) struct Markup {
    text: String,
}

impl Markup {
    pub(super) fn new() -> Markup {
        Markup::default()
    }

    /// `<name attributes>`; values are escaped.
    pub(super) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Markup {
        self.tag(name, attributes, ">")
    }

    /// `</name>`.
    pub(super) fn close(&mut self, name: &str) -> &mut Markup {
        self.push(format_args!("</{name}>"))
    }

    /// `<name attributes/>`.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Markup {
        self.tag(name, attributes, "/>")
    }

    /// `<name attributes>text</name>`; the text is escaped.
    pub(super) fn element(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> &mut Markup {
        self.open(name, attributes).text(text).close(name)
    }

    /// Text, escaped.
    pub(super) fn text(&mut self, text: &str) -> &mut Markup {
        self.text.push_str(&escape(text));
        self
    }

    /// Finished markup.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Markup {
        self.text.push_str(markup);
        self
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)], end: &str) -> &mut Markup {
        self.push(format_args!("<{name}"));
        for (key, value) in attributes {
            self.push(format_args!(" {key}=\"{}\"", escape(value)));
        }
        self.text.push_str(end);
        self
    }

    fn push(&mut self, what: std::fmt::Arguments<'_>) -> &mut Markup {
        self.text.write_fmt(what).expect("writing to a string");
        self
    }
}

/// A coordinate to a tenth of a pixel.
pub(super) fn pixel(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_and_attributes_stays_text() {
        let mut markup = Markup::new();
        markup.open("g", &[("title", "a\"b'<c>&")]).text("</g><script>1 < 2 && \u{1}").close("g");
        assert_eq!(
            markup.finish(),
            "<g title=\"a&quot;b&#39;&lt;c&gt;&amp;\">&lt;/g&gt;&lt;script&gt;1 &lt; 2 &amp;&amp; \u{fffd}</g>"
        );
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!([12.0, 12.34, -0.5].map(pixel), ["12", "12.3", "-0.5"]);
    }
}
