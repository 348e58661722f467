import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** How often is looked whether ssh asks something. */
const POLL_MS = 100
/** Longest question that is shown. */
const QUESTION_MAX = 1_000

/**
 * What ssh starts when it wants to ask. The question goes into a file and the answer comes through a pipe with a name: so a password
 * is in no argument list, no environment and no file. What only tells ("touch your key") is told, and waits to be ended by ssh.
 */
const PROGRAM = `#!/bin/sh
umask 077
d=\${0%/*} p=$$
printf '%s %s' "\${SSH_ASKPASS_PROMPT:-ask}" "$1" >"$d/$p.new"
mkfifo "$d/$p.answer" && mv "$d/$p.new" "$d/$p.question"
IFS= read -r a <"$d/$p.answer" || exit 1
printf '%s\\n' "$a"
`

/** The person at the terminal; an empty answer is none. */
export interface Asks {
  ask(question: string): Promise<string>
  /** Shows what needs no answer. */
  tell(text: string): void
}

/** Where the questions of one ssh go. */
export interface Asking {
  /** For `env`, before ssh's own words. */
  readonly words: readonly string[]
  /** Nothing is asked any more. */
  end(): void
}

/**
 * Lets an ssh without a terminal ask through us: it must have none, or Ctrl-C would end it in the middle of a change. Undefined where
 * nobody is there.
 */
export function askThrough(target: string, asks: Asks | undefined): Asking | undefined {
  if (asks === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), "fettle-")) // 0700
  const program = join(folder, "ask")
  writeFileSync(program, PROGRAM, { mode: 0o700 })
  const taken = new Set<string>()
  const look = (): void => {
    for (const name of readdirSync(folder)) {
      if (!name.endsWith(".question") || taken.has(name)) continue
      taken.add(name)
      const [, kind, question = ""] = /^(\w+) (.*)/s.exec(readFileSync(join(folder, name), "utf8")) ?? []
      const text = `${target}: ${question.slice(0, QUESTION_MAX).trim()}`
      if (kind === "none") asks.tell(text)
      else
        void inTurn(() => asks.ask(text)).then((answer) =>
          hand(join(folder, name.replace(".question", ".answer")), answer),
        )
    }
  }
  const timer = setInterval(look, POLL_MS)
  return {
    words: [`SSH_ASKPASS=${program}`, "SSH_ASKPASS_REQUIRE=force"],
    end: () => {
      clearInterval(timer)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

let asked: Promise<unknown> = Promise.resolve()

/** Many hosts may ask at once, and there is one person. */
function inTurn(ask: () => Promise<string>): Promise<string> {
  const answer = asked.then(ask)
  asked = answer.catch(() => {})
  return answer
}

/** Not blocking: whoever asked may have gone. */
function hand(pipe: string, answer: string): void {
  try {
    const descriptor = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
    if (answer !== "") writeSync(descriptor, `${answer}\n`)
    closeSync(descriptor)
  } catch {
    // It did not wait for the answer.
  }
}
