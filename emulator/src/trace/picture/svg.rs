// SPDX-License-Identifier: GPL-2.0

//! The few shapes that a picture is made of.

use std::fmt::Write;

/// Looks, on a light and on a dark screen; the colours are told apart by colour-blind people, too.
const STYLE: &str = "\
text{font-family:system-ui,'DejaVu Sans',sans-serif;font-size:12px;fill:#1f2328}
.title{font-size:17px;font-weight:600}.head{font-weight:600;font-size:13px}
.small{font-size:11px}.dim{fill:#59636e;font-size:11px}.note{fill:#59636e;font-size:10px}
.bg{fill:#ffffff}.lane{fill:#f2f4f7}.grid{stroke:#d5dbe1}.cut{fill:#ffffff}.edge{stroke:#8c959f;stroke-dasharray:2 3}
.read{fill:#6e7781}.write{fill:#8250df}.kick{fill:#d55e00}.taken{fill:#0072b2}.back{fill:#009e73}.irq{fill:#b3287f}
.held{fill:#e7b7d3}.lent{fill:#b5d5ec}.inside{fill:#0072b2}.leader{stroke:#afb8c1}
.s0{fill:#e1e5ea}.s1{fill:#fff1c2}.s4{fill:#c9ecd5}.s128{fill:#ffcfc9}
.reset{stroke:#59636e;stroke-dasharray:5 3}.violation{stroke:#cf222e;stroke-width:2}
.reads{font-size:10px;fill:#59636e}.writes{font-size:10px;fill:#6639ba}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.dim,.note{fill:#9aa4af}
.bg{fill:#0d1117}.lane{fill:#161b22}.grid{stroke:#30363d}.cut{fill:#0d1117}.edge{stroke:#6e7681}
.read{fill:#9aa4af}.write{fill:#b392f0}.kick{fill:#ff8c42}.taken{fill:#56b4e9}.back{fill:#2bc79a}.irq{fill:#f07fc2}
.held{fill:#6b3a58}.lent{fill:#1f4d6b}.inside{fill:#56b4e9}.leader{stroke:#484f58}
.s0{fill:#30363d}.s1{fill:#5a4a12}.s4{fill:#17452a}.s128{fill:#6e1b17}
.reset{stroke:#9aa4af}.violation{stroke:#ff7b72}
.reads{fill:#9aa4af}.writes{fill:#c8b0f5}}
";

/// What covers what, from the bottom to the top.
#[derive(Clone, Copy)]
pub enum Layer {
    /// The ground of a lane.
    Ground,
    /// Lines of time.
    Grid,
    /// What happened.
    Marks,
    /// Time that is cut out.
    Cuts,
    /// Words.
    Words,
}

/// A picture that is being drawn.
pub struct Svg {
    width: u32,
    layers: [String; 5],
    /// Where shapes go to.
    layer: Layer,
}

impl Svg {
    /// An empty one.
    pub fn new(width: u32) -> Self {
        Self {
            width,
            layers: Default::default(),
            layer: Layer::Ground,
        }
    }

    /// From here on shapes go to this layer; words always go to the top.
    pub fn layer(&mut self, layer: Layer) -> &mut Self {
        self.layer = layer;
        self
    }

    /// The whole text, for a picture of this height.
    pub fn finish(self, height: u32) -> String {
        let Self { width, layers, .. } = self;
        let body = layers.concat();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n<style>{STYLE}</style>\n<rect class=\"bg\" width=\"{width}\" height=\"{height}\"/>\n{body}</svg>\n"
        )
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.layers[self.layer as usize].write_fmt(text);
    }

    /// A rectangle; `title` is shown under the mouse, unless it is empty.
    pub fn rect(&mut self, x: u32, y: u32, width: u32, height: u32, class: &str, title: &str) {
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\""
        ));
        self.close("rect", title);
    }

    /// A line, likewise.
    pub fn line(&mut self, x1: u32, y1: u32, x2: u32, y2: u32, class: &str, title: &str) {
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\""
        ));
        self.close("line", title);
    }

    fn close(&mut self, name: &str, title: &str) {
        if title.is_empty() {
            self.put(format_args!("/>\n"));
        } else {
            let title = escape(title);
            self.put(format_args!("><title>{title}</title></{name}>\n"));
        }
    }

    /// A path.
    pub fn path(&mut self, class: &str, path: &str) {
        self.put(format_args!("<path class=\"{class}\" d=\"{path}\"/>\n"));
    }

    /// Text that begins at `x`, on the line `y`.
    pub fn text(&mut self, x: u32, y: u32, class: &str, text: &str) {
        self.anchored(x, y, class, "start", text);
    }

    /// Text that ends at `x`.
    pub fn right_text(&mut self, x: u32, y: u32, class: &str, text: &str) {
        self.anchored(x, y, class, "end", text);
    }

    /// Text around `x`.
    pub fn middle_text(&mut self, x: u32, y: u32, class: &str, text: &str) {
        self.anchored(x, y, class, "middle", text);
    }

    /// The name of a lane, left of it.
    pub fn label(&mut self, x: u32, y: u32, text: &str) {
        self.right_text(x, y, "small", text);
    }

    /// Text that rises from `x`, `y`.
    pub fn rising_text(&mut self, x: u32, y: u32, class: &str, text: &str) {
        let text = escape(text);
        self.layer(Layer::Words);
        self.put(format_args!(
            "<text class=\"{class}\" transform=\"translate({x} {y}) rotate(-55)\">{text}</text>\n"
        ));
    }

    fn anchored(&mut self, x: u32, y: u32, class: &str, anchor: &str, text: &str) {
        let text = escape(text);
        self.layer(Layer::Words);
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>\n"
        ));
    }
}

/// Text as XML has it; what XML cannot have at all becomes a question mark.
fn escape(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '&' => "&amp;".into(),
            '<' => "&lt;".into(),
            '>' => "&gt;".into(),
            '"' => "&quot;".into(),
            '\n' | '\t' => letter.to_string(),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => "?".into(),
            _ => letter.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        let mut svg = Svg::new(10);
        svg.rect(1, 2, 3, 4, "lane", "<b> & \"c\"\x07");
        let text = svg.finish(20);
        assert!(text.contains("<title>&lt;b&gt; &amp; &quot;c&quot;?</title></rect>"));
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
        assert!(text.contains("height=\"20\""));
    }
}
