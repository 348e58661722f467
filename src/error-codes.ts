/** What a code means and the usual next step; the fact of one case is given where it is thrown. */
export interface Entry {
  readonly means: string
  readonly next: string
}

/** Every code of Fettle: a code is never reused and never changes its meaning. */
export const catalogue = {
  // the program
  NAME_INVALID: {
    means:
      "A name of a program, group, stage or node cannot stand in an address: it is empty, too long, or holds control characters or brackets.",
    next: "give it a short name of printable characters without [ and ]",
  },
  DUPLICATE_ADDRESS: {
    means: "Two declarations have the same group, kind and name, so state could not tell them apart.",
    next: "rename one of them, or put one into a group(…)",
  },
  DUPLICATE_ID: {
    means: "Two addresses describe the same thing on the same target; each would undo the other.",
    next: "keep one of the two declarations",
  },
  CYCLE: {
    means: "Declarations need each other in a circle, so none of them can be first.",
    next: "remove one of the edges: an `after`, or an output used as an input",
  },
  PROPS_INVALID: {
    means: "The props of a declaration do not fit the schema of its kind.",
    next: "correct the named prop; `fettle kinds KIND` prints the schema",
  },
  OUTPUT_AS_STRING: {
    means: "An output is known only once its resource is read or made; it was used as if it were a plain value.",
    next: "use text`…${output}…`, json(…) or output.map(value => …)",
  },
  SECRET_AS_STRING: {
    means: "A secret was turned into text. A secret stays sealed until the last call.",
    next: "pass the secret itself, or build on it with text`…${secret}…`, json(…) or secret.map(value => …)",
  },
  OUTSIDE_PROGRAM: {
    means: "Something was declared outside the build function of program(…).",
    next: "move the call into the function given to program(…)",
  },
  PROGRAM_NOT_FOUND: {
    means: "No program was found in the file.",
    next: 'let the file say `export default program("name", …)`; `fettle init` writes one',
  },
  PROGRAM_ASYNC: {
    means: "The build function of a program returned a promise. Building a graph does no I/O.",
    next: "make the function synchronous; use lookup(…), a task or an output for values that come from outside",
  },
  STAGE_UNKNOWN: {
    means: "The stage asked for is not one the program declares.",
    next: "use a declared stage, or add it to `stages`",
  },
  PARAM_INVALID: { means: "A parameter is unknown or its value does not fit.", next: "correct --param NAME=VALUE" },
  CONNECTION_MISSING: {
    means: "The kind needs a connection and none is given.",
    next: "pass { on: connection }, or declare it inside on(connection, () => …)",
  },
  CONNECTION_WRONG: {
    means: "The connection is of another type than the kind needs.",
    next: "pass a connection of the right type as { on: … }",
  },
  CONNECTION_DUPLICATE: {
    means: "Two connections of a program have the same name but different targets.",
    next: "give one of them another `name`",
  },
  AFTER_UNKNOWN: {
    means: "An edge names something that is not declared in this program.",
    next: "pass a node that the same build function declared",
  },
  RENAMED_CONFLICT: {
    means: "`renamedFrom` names an address that is still declared or that two nodes claim.",
    next: "remove the old declaration or the second renamedFrom",
  },
  KEY_DUPLICATE: {
    means: "Two items of an each(…) have the same key.",
    next: "choose a key that is unique in the list",
  },
  // loading
  SYNTAX: { means: "The program does not parse.", next: "correct the line" },
  TS_ENUM: {
    means: "Node runs TypeScript by removing its types; an enum is code that would have to be generated.",
    next: "use a const object with `as const`, or a union of strings",
  },
  TS_NAMESPACE: {
    means:
      "Node runs TypeScript by removing its types; a namespace with values is code that would have to be generated.",
    next: "use a module",
  },
  TS_PARAMETER_PROPERTY: {
    means: "Node runs TypeScript by removing its types; a parameter property is code that would have to be generated.",
    next: "declare the field and assign it in the constructor",
  },
  TS_DECORATOR: {
    means: "Node does not run decorators in TypeScript that it only strips of types.",
    next: "wrap the function with guarded(fn, [policies]), or compile the file first",
  },
  TS_IMPORT_ALIAS: { means: "`import x = …` is code that would have to be generated.", next: "use an ordinary import" },
  IMPORT_ENDING: {
    means: "A relative import has no file ending; Node does not guess it.",
    next: "write the ending, as in ./file.ts",
  },
  IMPORT_TYPE: {
    means: "A type is imported as if it were a value; after types are removed nothing of that name is left.",
    next: "write `import type { … }`, or `import { type … }`",
  },
  IMPORT_MISSING: {
    means: "An import of the program was not found.",
    next: "install the package, or correct the path",
  },
  IMPORT_COMMONJS: {
    means: "The program uses CommonJS (require, module.exports) where ES modules are needed.",
    next: 'use import and export, and "type": "module" in package.json or the ending .mts',
  },
  IMPORT_REFUSED: {
    means: "Node found what the program imports and refuses to load it.",
    next: "read the cause, which is given in Node's words",
  },
  PROGRAM_THREW: {
    means: "The program's own code threw while it was loaded or built.",
    next: "correct the program at the named place",
  },
  TYPES_WRONG: { means: "The type checker found errors in the program.", next: "correct the lines it names" },
  TYPESCRIPT_MISSING: {
    means: "`--types` needs the project's own typescript package.",
    next: "npm install --save-dev typescript",
  },
  NODE_TOO_OLD: { means: "Fettle needs Node 22.18 or newer.", next: "install a newer Node" },
  USAGE: { means: "The command line is not one that Fettle knows.", next: "fettle --help" },
  KIND_UNKNOWN: {
    means: "Nothing knows this kind.",
    next: "import the module that provides it, or name it in program(…, { providers: […] })",
  },
  CODE_UNKNOWN: { means: "There is no such error code.", next: "fettle explain lists all codes" },
  PEER_MISSING: {
    means: "An optional package is needed for this and is not installed.",
    next: "install the named package",
  },
  // plan
  READ_FAILED: {
    means: "The world could not be read, so nothing may be concluded about it.",
    next: "mend the cause and plan again; what depends on it is left alone meanwhile",
  },
  READ_SILENT: {
    means: "A provider gave no answer for a key. Silence is not absence.",
    next: "report it to the author of the kind; fettle/testing shows it with conforms(…)",
  },
  FOREIGN: {
    means: "Something is already there that Fettle did not make.",
    next: "fettle adopt ADDRESS takes it over as it is; or set adopt: true; or choose another id",
  },
  TARGET_CHANGED: {
    means: "The target at this address is not the one state remembers: another machine, account or engine.",
    next: "check the target; if the change is intended: fettle state forget the old rows, or retire(…) the old connection",
  },
  STRANDED: {
    means: "State holds things whose connection or provider has left the program.",
    next: "declare the connection again with retire(connection) to delete what is there, or run fettle state forget ADDRESS",
  },
  MASS_ABSENCE: {
    means: "Many recorded things are absent at once, which looks more like a wrong target than like loss.",
    next: "check the target; if it is true: --expect-absent N",
  },
  MASS_DELETION: { means: "The plan deletes many things.", next: "read the plan; if it is meant: --expect-deletes N" },
  PROTECTED: {
    means: "A protected thing would be deleted or replaced.",
    next: "remove `protect` in the program, apply, then make the change; or keep it with retain: true",
  },
  PLAN_STALE: {
    means: "The saved plan was made from a world, a state or a program that has moved since.",
    next: "make a new plan and look at it again",
  },
  PLAN_FORMAT: { means: "The plan file is damaged or was written by another version.", next: "make a new plan" },
  LOOKUP_ABSENT: { means: "A lookup found nothing.", next: "check its props; a lookup only reads, it never makes" },
  CONSENT_MISSING: {
    means: "A change needs consent, and there is no terminal to ask on.",
    next: "read the plan, then add --yes",
  },
  TARGET_UNKNOWN: {
    means: "--target, --replace or another option names an address that is not in the program or state.",
    next: "fettle state list and fettle graph print the addresses",
  },
  OPEN_INTENT: {
    means: "An earlier run was cut off inside a call that cannot be settled by looking.",
    next: "look at the far side, then: fettle settle ADDRESS --made ID, or fettle settle ADDRESS --not-made",
  },
  CONNECTION_FAILED: {
    means: "The target could not be reached or did not speak as expected.",
    next: "check that it is up and that you may reach it",
  },
  // apply
  STALE: { means: "The thing changed between the plan and its turn.", next: "plan again" },
  CHANGE_FAILED: {
    means: "A change did not go through.",
    next: "mend the cause and apply again; what was done is recorded",
  },
  OUTPUT_WRONG: {
    means: "A provider returned outputs that do not fit its own schema or what it predicted.",
    next: "report it to the author of the kind",
  },
  TIMEOUT: {
    means: "A call took longer than it may.",
    next: "see why it hangs; raise timeout on the node if it is merely slow",
  },
  CANCELLED: { means: "The run was cancelled.", next: "apply again; what was done is recorded" },
  TASK_FAILED: { means: "A task's command ended with an error.", next: "fettle logs RUN NODE shows all it wrote" },
  TASK_CUT_OFF: {
    means: "A task that may run only once was cut off in the middle.",
    next: "look at what it did, then: fettle settle ADDRESS --made done, or --not-made to run it again",
  },
  COMMAND_FAILED: { means: "A command ended with an error.", next: "read the tail of its output" },
  CPU_FAILED: {
    means: "A function given to cpu(…) could not be run on a worker thread.",
    next: "let the module export the function; pass and return plain data",
  },
  CHECK_NO: { means: "A check said no.", next: "read its evidence; what depends on it was not changed" },
  CHECK_INCONCLUSIVE: { means: "A check could not be answered.", next: "read its evidence; it is neither yes nor no" },
  POLICY_TIMEOUT: {
    means: "A call took longer than its timeout policy allows.",
    next: "see why it is slow, or allow more",
  },
  POLICY_NOT_ALLOWED: {
    means: "An `allowed` policy refuses this person or stage.",
    next: "ask somebody it names, or change the policy in the program",
  },
  POLICY_RETRIES_SPENT: {
    means: "Every attempt that the retry policy allows has failed.",
    next: "mend the cause; the last error is given",
  },
  // state
  STATE_LOCKED: {
    means: "Another run holds the lock of this stage.",
    next: "wait for it to end; the lock frees itself when its process ends, however it ends",
  },
  STATE_CORRUPT: {
    means: "The state file is damaged. It is left as it is.",
    next: "move it away, then restore a copy of .fettle, or fettle state import an export",
  },
  STATE_NEWER: { means: "The state was written by a newer Fettle.", next: "update fettle" },
  STATE_WRITE: {
    means: 'State could not be written. The run ended at once; changes that were under way are "maybe".',
    next: "make room or mend the disk, then apply again: open intents are settled first",
  },
  STATE_KEY_MISSING: {
    means: "State holds sealed values and the data key that opens them is not here.",
    next: "set FETTLE_STATE_KEY, or restore the key file in your configuration folder",
  },
  STATE_KEY_WRONG: {
    means: "The data key is not the one this state was sealed with.",
    next: "set FETTLE_STATE_KEY to the right key",
  },
  STATE_NOT_FOUND: { means: "State has no such row or output.", next: "fettle state list" },
  STATE_TAKEN: {
    means: "State already has something at that address.",
    next: "choose another address, or fettle state forget the one that is there",
  },
  STATE_IMPORT: {
    means: "The file is not an export of Fettle's state, or the state is not empty.",
    next: "fettle state export writes one; import into an empty state",
  },
  RUN_NOT_FOUND: { means: "There is no such run.", next: "fettle runs" },
  // secrets
  SECRET_MISSING: { means: "A secret is not where the program says.", next: "provide it" },
  SECRET_WEAK: {
    means: "A secret is shorter than 8 characters: it could not be kept out of logs without cutting ordinary words.",
    next: "use a longer value, or say weak: true",
  },
  SECRET_EXPOSED: { means: "A file that holds a secret can be read by others.", next: "chmod 600 the file" },
  SECRET_NOT_NAMED: {
    means: "A node tried to open a secret that it does not name.",
    next: "pass the secret to the node as a prop",
  },
  SECRET_UNSEALED: {
    means: "A provider returned something that holds the text of a secret in the open.",
    next: "report it to the author of the kind: it must return call.secret(…)",
  },
  // kinds
  HOST_PROTOCOL: {
    means: "The host's answer does not follow the protocol.",
    next: "fettle doctor; the host may have run out of memory or disk",
  },
  HOST_TOOLS: { means: "The host lacks a tool that is needed.", next: "install the named tool" },
  FILE_REFUSED: {
    means: "A file, directory or link could not be changed.",
    next: "mend the cause, which is given in the system's words",
  },
  PROCESS_DIED: { means: "The process ended soon after it was started.", next: "read its log, whose tail is given" },
  MIGRATION_EDITED: {
    means: "A migration that has already run was edited or is gone.",
    next: "restore it, and write the change as a new migration",
  },
  MIGRATION_ORDER: {
    means: "A migration has no number of its own, or a new one stands before one that has already run.",
    next: "give it a number above all that have run",
  },
  MIGRATION_FAILED: { means: "A migration failed and was rolled back.", next: "mend the migration" },
  HTTP_FAILED: { means: "An HTTP call failed.", next: "see the status and the body" },
  HTTP_LIST: {
    means: "A list could not be read whole, so absence cannot be concluded.",
    next: "check the paging settings of the resource",
  },
  PROVIDER_THREW: {
    means: "A provider threw something that is not a Fettle error.",
    next: "report it to the author of the kind; the cause is given",
  },
  INTERNAL: { means: "Fettle itself is wrong.", next: "report it with the cause" },
} as const satisfies Record<string, Entry>
