//! The page at `/debug/rpc`: services, methods with their types, and calls, laid out as Go's is, so that
//! what reads Go's page reads ours.

use std::fmt::Write;

use serde::Serialize;

/// One service on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The service's name.
    pub service: String,
    /// Its methods.
    pub methods: Vec<ListedMethod>,
}

/// One method on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedMethod {
    /// The method's name.
    pub name: String,
    /// The argument's type as Go writes it.
    pub argument: String,
    /// The reply's type as Go writes it, without the pointer.
    pub reply: String,
    /// How many calls have been started.
    pub calls: u64,
}

/// The page as HTML, under a title that is HTML itself; services and methods are sorted by name.
pub fn render(title: &str, mut services: Vec<Listed>) -> String {
    services.sort_by(|a, b| a.service.cmp(&b.service));
    let mut page = format!("<html>\n\t<body>\n\t<title>{title}</title>\n");
    for service in &mut services {
        service.methods.sort_by(|a, b| a.name.cmp(&b.name));
        let _ = write!(page, "\t<hr>\n\tService {}\n\t<hr>\n\t\t<table>\n", escaped(&service.service));
        page.push_str("\t\t<th align=center>Method</th><th align=center>Calls</th>\n");
        for method in &service.methods {
            let _ = write!(
                page,
                "\t\t\t<tr>\n\t\t\t<td align=left font=fixed>{}({}, *{}) error</td>\n\
                 \t\t\t<td align=center>{}</td>\n\t\t\t</tr>\n",
                escaped(&method.name),
                escaped(&method.argument),
                escaped(&method.reply),
                method.calls
            );
        }
        page.push_str("\t\t</table>\n");
    }
    page.push_str("\t</body>\n\t</html>");
    page
}

/// Text as it may stand in HTML, escaped as Go's templates do it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_stand_sorted_with_types_and_calls() {
        let method = |name: &str, calls| ListedMethod {
            name: name.to_owned(),
            argument: "map[string]<x>".to_owned(),
            reply: "int".to_owned(),
            calls,
        };
        let services = vec![Listed {
            service: "Arith".to_owned(),
            methods: vec![method("Multiply", 42), method("Divide", 7)],
        }];

        let page = render("Services", services);

        let divide = page.find("Divide(map[string]&lt;x&gt;, *int) error</td>").unwrap();
        let multiply = page.find("Multiply(map[string]&lt;x&gt;, *int) error</td>").unwrap();
        assert!(divide < multiply);
        assert!(page.contains("<td align=center>42</td>"));
        assert!(page.contains("<title>Services</title>") && page.contains("Service Arith\n"));
    }
}
