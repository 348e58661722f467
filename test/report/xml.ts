/** What keeps a text from being well-formed XML, as far as JUnit files go. */
export function wellFormed(xml: string): readonly string[] {
  const problems: string[] = []
  const open: string[] = []
  const body = xml.replace(/^<\?xml version="1.0" encoding="UTF-8"\?>\n/, "")
  if (body === xml) problems.push("it has no declaration")
  let at = 0
  const tag = /<(\/?)([A-Za-z-]+)((?: [a-z]+="(?:[^"<&]|&(?:amp|lt|gt|quot|#10|#9);)*")*)(\/?)>/g
  for (const match of body.matchAll(tag)) {
    checkText(body.slice(at, match.index), problems)
    at = match.index + match[0].length
    const [, closing, name, , alone] = match as unknown as [string, string, string, string, string]
    if (closing !== "") {
      const opened = open.pop()
      if (opened !== name) problems.push(`${opened} is closed by ${name}`)
    } else if (alone === "") open.push(name)
  }
  checkText(body.slice(at), problems)
  if (open.length > 0) problems.push(`${open.join(", ")} is not closed`)
  return problems
}

function checkText(text: string, problems: string[]): void {
  const rest = text.replaceAll(/&(amp|lt|gt);/g, "")
  if (/[<&]/.test(rest)) problems.push(`markup in text: ${rest.slice(0, 80)}`)
  if (/[^\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(text))
    problems.push("a character that XML does not allow")
}
