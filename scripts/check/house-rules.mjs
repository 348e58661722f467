// Rules of the house that a syntax tree can see: who may print, who may start processes, how long a function may be.
import { readFileSync } from "node:fs"
import { basename, join } from "node:path"
import ts from "typescript"
import { files, root } from "../step.mjs"

const MAX_FUNCTION_LINES = 60
const MAX_CODE_LINES = 330 // "about 300", comments and blank lines free
/** Catalogues, which nobody reads from top to bottom: each entry stands for itself. */
const CATALOGUES = new Set(["src/error-codes.ts"])
/** Words that say nothing about what a file holds. */
const EMPTY_NAMES = /^(.*-)?(stack|construct|recipe|manager|helpers?|utils?|common|misc|data|info)(-.*)?\.ts$/

const inRoom =
  (...rooms) =>
  (file) =>
    rooms.some((room) => file.startsWith(`src/${room}/`))
const anywhere = () => true

/** Where each rule holds (`in`), and what it forbids there: uses such as `process.env`, or imported modules. */
const rules = [
  {
    // The embedded proxy is a command of its own: whoever starts it reads why it ended.
    not: (file) => inRoom("report", "cli")(file) || file === "src/connect/proxy/main.ts",
    uses: /^(console|process\.(stdout|stderr))$/,
    why: "only report/ and cli/ write to the terminal",
  },
  {
    // And it has a command line.
    not: (file) => inRoom("cli")(file) || file === "src/connect/proxy/main.ts",
    uses: /^process\.(env|exit|exitCode|argv|stdin)$/,
    why: "only cli/ reads the environment and ends the process",
  },
  { not: inRoom("cli"), uses: /^process$/, modules: /^(node:)?process$/, why: "only cli/ may hand `process` on" },
  {
    not: inRoom("connect"),
    modules: /^((node:)?(child_process|cluster)|execa)$/,
    why: "only connect/ starts child processes; others get `run` passed in",
  },
  {
    in: inRoom("providers/host"),
    modules: /^(node:)?(fs|fs\/promises|net|http|https|sqlite|worker_threads)$/,
    why: "a host kind is questions and scripts; it never touches this machine itself",
  },
  {
    in: inRoom("program", "graph"),
    modules: /^(node:)?(fs|fs\/promises|net|http|https|dns|sqlite|worker_threads|timers|timers\/promises)$/,
    uses: /^(Date\.now|performance\.now|setTimeout|setInterval|fetch|Math\.random)$/,
    why: "declaring and ordering are pure: no I/O, no clock",
  },
]

export async function houseRules() {
  const sources = files("src/**/*.ts").filter((file) => !file.endsWith(".test.ts"))
  const problems = sources.flatMap((file) => [...nameProblems(file), ...treeProblems(file)])
  return { looked: sources.length, unit: "files", problems }
}

function nameProblems(file) {
  const problems = []
  if (/^src\/.+\/index\.ts$/.test(file)) problems.push(`${file}: no index.ts inside rooms`)
  if (EMPTY_NAMES.test(basename(file))) problems.push(`${file}: the name says nothing about what it holds`)
  return problems
}

function treeProblems(file) {
  const text = readFileSync(join(root, file), "utf8")
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const problems = []
  const lineOf = (position) => tree.getLineAndCharacterOfPosition(position).line + 1
  const say = (node, what) => problems.push(`${file}:${lineOf(node.getStart(tree))} ${what}`)
  const own = declaredNames(tree)
  const holds = rules.filter((rule) => (rule.in ?? anywhere)(file) && !(rule.not?.(file) ?? false))

  const visit = (node) => {
    const module = importedModule(node)
    const use = usedName(node)
    for (const { modules, uses, why } of holds) {
      if (module && modules?.test(module)) say(node, `imports ${module}: ${why}`)
      if (use && uses?.test(use) && !own.has(use.split(".")[0])) say(node, `uses ${use}: ${why}`)
    }
    if (ts.isFunctionLike(node) && node.body) {
      const lines = lineOf(node.end) - lineOf(node.getStart(tree)) + 1
      if (lines > MAX_FUNCTION_LINES) say(node, `is a function of ${lines} lines; never above ${MAX_FUNCTION_LINES}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  const lines = codeLines(tree)
  if (lines > MAX_CODE_LINES && !CATALOGUES.has(file))
    problems.push(`${file}: ${lines} lines of code; about 300 at most`)
  return problems
}

/** The module of an import, export-from or `import()`; type-only imports do nothing and are free. */
function importedModule(node) {
  if (ts.isImportDeclaration(node)) return node.importClause?.isTypeOnly ? undefined : node.moduleSpecifier.text
  if (ts.isExportDeclaration(node)) return node.isTypeOnly ? undefined : node.moduleSpecifier?.text
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return node.arguments[0]?.text
  return undefined
}

/** `a.b` and `a["b"]` as "a.b"; a bare name only where nothing is taken from it, and always for console. */
function usedName(node) {
  if (ts.isPropertyAccessExpression(node)) return dotted(node.expression, node.name.text)
  if (ts.isElementAccessExpression(node)) return dotted(node.expression, node.argumentExpression.text)
  if (!ts.isIdentifier(node) || !isReference(node)) return undefined
  const taken = ts.isPropertyAccessExpression(node.parent) || ts.isElementAccessExpression(node.parent)
  return taken && node.text !== "console" ? undefined : node.text
}

function dotted(left, name) {
  const owner = ts.isPropertyAccessExpression(left) && left.expression.getText() === "globalThis" ? left.name : left
  if (!ts.isIdentifier(owner)) return undefined
  return owner.text === "globalThis" ? name : `${owner.text}.${name}`
}

/** Whether an identifier reads a variable, rather than naming a property, a declaration or a type. */
function isReference(node) {
  const { parent } = node
  if (ts.isShorthandPropertyAssignment(parent)) return true
  if (parent.name === node || parent.propertyName === node) return false
  return !(ts.isTypeNode(parent) || ts.isQualifiedName(parent) || ts.isExportSpecifier(parent))
}

/** Names that the file declares itself: its own `process` (a kind, say) is not the global one. */
function declaredNames(tree) {
  const names = new Set()
  const visit = (node) => {
    const declares =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isImportSpecifier(node) ||
      ts.isFunctionDeclaration(node)
    if (declares && node.name && ts.isIdentifier(node.name)) names.add(node.name.text)
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return names
}

/** Lines that hold a token: comments and blank lines are free. */
function codeLines(tree) {
  const lines = new Set()
  const lineOf = (position) => tree.getLineAndCharacterOfPosition(position).line
  const visit = (node) => {
    if (node.getChildCount(tree) === 0 && node.kind !== ts.SyntaxKind.EndOfFileToken) {
      for (let line = lineOf(node.getStart(tree)); line <= lineOf(node.end); line++) lines.add(line)
    }
    for (const child of node.getChildren(tree)) if (!ts.isJSDoc(child)) visit(child)
  }
  visit(tree)
  return lines.size
}
